/** The constants of frames: those that stand in more than one place, and names. */
import { expect, test } from 'vitest';
import { PREFACE, errorName } from '../../src/http2/frame.ts';

test('the preface is 24 octets that HTTP/1.1 cannot take (RFC 9113 §3.4)', () => {
  expect(Buffer.from(PREFACE).toString()).toBe('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  expect(PREFACE).toHaveLength(24);
});

test('error codes by name (RFC 9113 §7)', () => {
  expect(errorName(2)).toBe('INTERNAL_ERROR');
  expect(errorName(0x10)).toBe('0x10');
});
