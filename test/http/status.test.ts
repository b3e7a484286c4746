/** Status codes: reason phrases, and which answers have no content. */
import { expect, test } from 'vitest';
import { hasNoContent, reasonPhrase } from '../../src/http/status.ts';

test.each([
  [100, 'Continue'], [101, 'Switching Protocols'], [103, 'Early Hints'], [200, 'OK'],
  [304, 'Not Modified'], [404, 'Not Found'], [413, 'Content Too Large'],
  [421, 'Misdirected Request'],
  [431, 'Request Header Fields Too Large'], [505, 'HTTP Version Not Supported'],
  [299, ''], [418, ''], [600, ''],
])('%d is %j (RFC 9110 §15)', (status, phrase) => {
  expect(reasonPhrase(status)).toBe(phrase);
});

test('no phrase could end its line', () => {
  for (let status = 100; status < 600; status++) {
    expect(reasonPhrase(status)).toMatch(/^[A-Za-z -]*$/);
  }
});

test.each([
  [100, true], [101, true], [103, true], [199, true], [204, true], [304, true],
  [200, false], [201, false], [205, false], [206, false], [303, false], [404, false], [500, false],
])('answers of %d have no content: %s (RFC 9112 §6.3)', (status, expected) => {
  expect(hasNoContent(status)).toBe(expected);
});
