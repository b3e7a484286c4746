/** Priority fields; the table of values is in conformance/rfc9218. */
import { expect, test } from 'vitest';
import { DEFAULT_PRIORITY, parsePriority } from '../../src/http2/priority.ts';

test('nothing said is the default (RFC 9218 §4)', () => {
  expect(parsePriority(undefined)).toBe(DEFAULT_PRIORITY);
  expect(DEFAULT_PRIORITY).toEqual({ urgency: 3, incremental: false });
});

test('both parameters, and what does not parse is ignored whole', () => {
  expect(parsePriority('u=1, i')).toEqual({ urgency: 1, incremental: true });
  expect(parsePriority('u=1, =')).toEqual(DEFAULT_PRIORITY);
});
