/** What one field is, as a number (RFC 9113 §8.2, §8.3). */
import { describe, expect, test } from 'vitest';
import {
  AUTHORITY, BAD_PSEUDO_VALUE, CONTENT_LENGTH, EXPECT, FIELD, HOST, METHOD, PATH, PRIORITY_FIELD,
  PROTOCOL, SCHEME, STATUS, UNKNOWN_PSEUDO, faultOf, isPseudo, markOf,
} from '../../src/http2/field-marks.ts';

test.each<[string, string, number]>([
  ['accept', '*/*', FIELD],
  ['x', '', FIELD],
  ['te', 'trailers', FIELD],
  ['host', 'a', HOST],
  ['content-length', '5', CONTENT_LENGTH],
  ['expect', '100-continue', EXPECT],
  ['priority', 'u=1', PRIORITY_FIELD],
  [':method', 'GET', METHOD],
  [':scheme', 'http', SCHEME],
  [':authority', 'a', AUTHORITY],
  [':path', '/', PATH],
  [':protocol', 'websocket', PROTOCOL],
  [':status', '200', STATUS],
  [':frob', '', UNKNOWN_PSEUDO],
  [':Path', '/', UNKNOWN_PSEUDO],
  [':path', '/\n', BAD_PSEUDO_VALUE],
  [':path', ' /', BAD_PSEUDO_VALUE],
])('%s: %j is %i', (name, value, mark) => {
  expect(markOf(name, value)).toBe(mark);
  expect(isPseudo(mark)).toBe(name.startsWith(':'));
});

describe('faults, with their section', () => {
  test.each([
    ['', 'x', 'field name "" is not a token in lower case (RFC 9113 §8.2.1)'],
    ['Accept', 'x', 'field name "Accept" is not a token in lower case (RFC 9113 §8.2.1)'],
    ['a b', 'x', 'field name "a b" is not a token in lower case (RFC 9113 §8.2.1)'],
    ['a', 'x\0', 'a bad value of a (RFC 9113 §8.2.1)'],
    ['a', ' x', 'a bad value of a (RFC 9113 §8.2.1)'],
    ['a', 'x\t', 'a bad value of a (RFC 9113 §8.2.1)'],
    ['connection', 'close', 'connection in HTTP/2 (RFC 9113 §8.2.2)'],
    ['keep-alive', '', 'keep-alive in HTTP/2 (RFC 9113 §8.2.2)'],
    ['proxy-connection', '', 'proxy-connection in HTTP/2 (RFC 9113 §8.2.2)'],
    ['transfer-encoding', 'chunked', 'transfer-encoding in HTTP/2 (RFC 9113 §8.2.2)'],
    ['upgrade', 'h2c', 'upgrade in HTTP/2 (RFC 9113 §8.2.2)'],
    ['te', 'gzip', 'te is not trailers (RFC 9113 §8.2.2)'],
    [':path', '/', 'a pseudo-header field after a field (RFC 9113 §8.3)'],
  ])('%j: %j', (name, value, message) => {
    expect(faultOf(markOf(name, value), name)).toBe(message);
  });
});
