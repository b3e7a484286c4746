/** How long content is: each rule of RFC 9112 §6.3, and what is refused rather than repaired. */
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import { CHUNKED, UNTIL_CLOSE, requestFraming, responseFraming } from '../../src/http1/framing.ts';
import { RequestHead, headBounds, parseRequestHead } from '../../src/http1/request-parser.ts';
import { limitsFrom } from '../../src/limits.ts';
import { octets } from '../support/vectors.ts';

const BOUNDS = headBounds(limitsFrom());

/** A head with these lines, parsed. */
function headOf(lines: readonly string[]): RequestHead {
  const head = new RequestHead();
  const bytes = octets(['GET / HTTP/1.1', ...lines, '', ''].join('\r\n'));
  expect(parseRequestHead(bytes, 0, bytes.length, BOUNDS, head)).toBe(bytes.length);
  return head;
}

function ofRequest(lines: readonly string[], minor = 1): number | [number, string] {
  const head = headOf(lines);
  return outcome(() => requestFraming(head.takeFields(), head.lines, minor));
}

function ofResponse(
  lines: readonly string[], method = 'GET', status = 200, minor = 1,
): number | [number, string] {
  const head = headOf(lines);
  return outcome(() => responseFraming(head.takeFields(), head.lines, minor, method, status));
}

function outcome(frame: () => number): number | [number, string] {
  try {
    return frame();
  } catch (error) {
    if (error instanceof ConnectionError) return [error.code, error.message];
    throw error;
  }
}

const COUNT = 'Content-Length is not a count of octets (RFC 9112 §6.3, rule 5)';
const TWO = 'two Content-Length fields (RFC 9112 §6.3, rule 5)';
const OTHER = 'a transfer coding other than chunked (RFC 9112 §6.1)';
const TOKEN = 'a transfer coding is not a token (RFC 9112 §7)';
const LAST = 'chunked is not the last coding (RFC 9112 §6.3, rule 4)';
const TWICE = 'chunked twice (RFC 9112 §6.1)';
const PARAMETER = 'a broken transfer parameter (RFC 9112 §7)';
const BOTH = 'both Transfer-Encoding and Content-Length (RFC 9112 §6.3, rule 3)';

describe('§6.2 Content-Length', () => {
  test.each([
    ['0', 0], ['5', 5], ['005', 5], ['9007199254740991', Number.MAX_SAFE_INTEGER], [' 7\t', 7],
  ])('%j is %d', (value, length) => {
    expect(ofRequest([`Content-Length:${value}`])).toBe(length);
    expect(ofResponse([`Content-Length:${value}`])).toBe(length);
  });

  test.each([
    '', '-1', '+5', '5,5', '5, 5', '5 5', '0x5', '5.0', '5e0', 'five', '\xb2',
    '9007199254740992', '18446744073709551621',
  ])('%j is 400 (RFC 9112 §6.3, rule 5)', (value) => {
    expect(ofRequest([`Content-Length: ${value}`])).toEqual([400, COUNT]);
    expect(ofResponse([`Content-Length: ${value}`])).toEqual([502, COUNT]);
  });

  test.each([['5', '5'], ['5', '6'], ['', '5']])('twice, %j and %j, is 400', (one, other) => {
    const lines = [`Content-Length: ${one}`, `content-length: ${other}`];
    expect(ofRequest(lines)).toEqual([400, TWO]);
    expect(ofResponse(lines)).toEqual([502, TWO]);
  });
});

describe('§6.1 Transfer-Encoding', () => {
  test.each(['chunked', 'Chunked', 'CHUNKED', ' \tchunked\t'])('%j is chunked', (value) => {
    expect(ofRequest([`Transfer-Encoding:${value}`])).toBe(CHUNKED);
    expect(ofResponse([`Transfer-Encoding:${value}`])).toBe(CHUNKED);
  });

  test.each<[string, number, string]>([
    ['gzip', 501, OTHER],
    ['gzip, chunked', 501, OTHER],
    ['identity', 501, OTHER],
    ['x-chunked', 501, OTHER],
    ['chunkedx', 501, OTHER],
    ['gzip;q="a\\"b", chunked', 501, OTHER],
    ['gzip; a = b ;c=d', 501, OTHER],
    ['chunked, gzip', 400, LAST],
    ['chunked, identity', 400, LAST],
    ['chunked, chunked', 400, TWICE],
    ['chunked, gzip, chunked', 400, TWICE],
    ['', 400, TOKEN],
    [',chunked', 400, TOKEN],
    ['chunked,', 400, TOKEN],
    ['chunked, ,', 400, TOKEN],
    ['chun ked', 400, TOKEN],
    ['"chunked"', 400, TOKEN],
    ['\xa0chunked', 400, TOKEN],
    ['chunked;a=b', 400, 'chunked with a parameter (RFC 9112 §7.1)'],
    ['chunked;', 400, PARAMETER],
    ['chunked;a', 400, PARAMETER],
    ['gzip;a=', 400, PARAMETER],
    ['gzip;a="b', 400, PARAMETER],
    ['gzip;(=b', 400, PARAMETER],
  ])('%j is %d: %s', (value, code, message) => {
    expect(ofRequest([`Transfer-Encoding: ${value}`])).toEqual([code, message]);
    expect(ofResponse([`Transfer-Encoding: ${value}`])).toEqual([502, message]);
  });

  test('several lines are one list (RFC 9110 §5.3)', () => {
    const line = 'Transfer-Encoding: chunked';
    expect(ofRequest([line, line])).toEqual([400, TWICE]);
    expect(ofRequest(['Transfer-Encoding: gzip', line])).toEqual([501, OTHER]);
    expect(ofRequest([line, 'Transfer-Encoding: gzip'])).toEqual([400, LAST]);
    expect(ofRequest([line, 'Transfer-Encoding:'])).toEqual([400, TOKEN]);
  });

  test('HTTP/1.0 has none (RFC 9112 §6.1)', () => {
    const message = 'Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1)';
    expect(ofRequest(['Transfer-Encoding: chunked'], 0)).toEqual([400, message]);
    expect(ofResponse(['Transfer-Encoding: chunked'], 'GET', 200, 0)).toEqual([502, message]);
  });
});

describe('§6.3 Message Body Length', () => {
  test('a request without either field has no content (rule 7)', () => {
    expect(ofRequest([])).toBe(0);
    expect(ofRequest(['Content-Type: a/b'], 0)).toBe(0);
  });

  test.each([
    [['Content-Length: 5', 'Transfer-Encoding: chunked']],
    [['Transfer-Encoding: chunked', 'Content-Length: 0']],
    [['Transfer-Encoding: chunked', 'Content-Length: x']],
  ])('%j: both is 400, in either order (rule 3)', (lines) => {
    expect(ofRequest(lines)).toEqual([400, BOTH]);
    expect(ofResponse(lines)).toEqual([502, BOTH]);
  });

  test.each([
    ['HEAD', 200], ['GET', 204], ['GET', 304], ['GET', 100], ['GET', 103], ['CONNECT', 200],
    ['CONNECT', 299],
  ])('the answer to %s with %d has no content, whatever it says (rules 1, 2)', (method, status) => {
    expect(ofResponse(['Content-Length: 5'], method, status)).toBe(0);
    expect(ofResponse(['Transfer-Encoding: chunked'], method, status)).toBe(0);
    expect(ofResponse(['Content-Length: x'], method, status)).toBe(0);
  });

  test.each([['CONNECT', 300], ['CONNECT', 404], ['GET', 205], ['GET', 200]])(
    'the answer to %s with %d may have (rules 4 to 8)', (method, status) => {
      expect(ofResponse(['Content-Length: 5'], method, status)).toBe(5);
      expect(ofResponse([], method, status)).toBe(UNTIL_CLOSE);
    },
  );
});
