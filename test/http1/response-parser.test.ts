/** Response heads, as a client meets them: what cannot be used is 502. */
import { describe, expect, test } from 'vitest';
import { MORE } from '../../src/http1/field-lines.ts';
import { headBounds } from '../../src/http1/request-parser.ts';
import { ResponseHead, parseResponseHead } from '../../src/http1/response-parser.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { parsed, refused, type Subject } from '../support/parsing.ts';
import { octets } from '../support/vectors.ts';

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly minor: number;
  readonly lines: [string, string][];
}

function parser(limits?: Partial<Limits>): () => Subject<Head> {
  const bounds = headBounds(limitsFrom(limits));
  return () => {
    const head = new ResponseHead();
    return {
      parse: (bytes, start, end) => parseResponseHead(bytes, start, end, bounds, head),
      read: () => ({
        status: head.status, reason: head.reason, minor: head.minor, lines: [...head.takeFields()],
      }),
    };
  };
}

describe('§4 Status Line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200, 'OK', 1],
    ['HTTP/1.1 404 Not Found', 404, 'Not Found', 1],
    ['HTTP/1.1 200 ', 200, '', 1],
    ['HTTP/1.0 301 a\tb \x80\xff', 301, 'a\tb \x80\xff', 0],
    ['HTTP/1.9 100 Continue', 100, 'Continue', 1],
    ['HTTP/1.1 999 x', 999, 'x', 1],
  ])('%j', (line, status, reason, minor) => {
    expect(parsed(`${line}\r\n\r\n`, parser())).toEqual({ status, reason, minor, lines: [] });
  });

  test('fields follow', () => {
    const text = 'HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 5\r\n\r\n';
    expect(parsed(text, parser()).lines).toEqual([['date', 'x'], ['content-length', '5']]);
  });

  const LINE = 'a broken status line (RFC 9112 §4)';
  const END = 'a status line does not end in CRLF (RFC 9112 §4)';

  test.each([
    ['HTTP/1.1 200\r\n\r\n', LINE],
    ['HTTP/1.1  200 OK\r\n\r\n', LINE],
    ['HTTP/1.1 20 OK\r\n\r\n', LINE],
    ['HTTP/1.1 2000 OK\r\n\r\n', LINE],
    ['HTTP/1.1 099 OK\r\n\r\n', LINE],
    ['HTTP/1.1 2x0 OK\r\n\r\n', LINE],
    ['http/1.1 200 OK\r\n\r\n', LINE],
    ['HTTP/11 200 OK\r\n\r\n', LINE],
    ['\r\nHTTP/1.1 200 OK\r\n\r\n', LINE],
    ['GET / HTTP/1.1\r\n\r\n', LINE],
    ['HTTP/2.0 200 OK\r\n\r\n', 'a version other than HTTP/1 (RFC 9112 §2.3)'],
    ['HTTP/1.1 200 OK\n\r\n', END],
    ['HTTP/1.1 200 O\rK\r\n\r\n', END],
    ['HTTP/1.1 200 O\0K\r\n\r\n', END],
    ['HTTP/1.1 200 OK\r\na : b\r\n\r\n', 'space between field name and colon (RFC 9112 §5.1)'],
  ])('%j is 502: %s', (text, message) => {
    expect(refused(text, parser())).toEqual([502, message]);
  });
});

describe('limits', () => {
  const status = (length: number): string => `HTTP/1.1 200 ${'r'.repeat(length - 13)}`;

  test.each([13, 20, 100])('a status line of %d octets; one more is 502', (limit) => {
    const limits = { requestLineBytes: limit };
    expect(parsed(`${status(limit)}\r\n\r\n`, parser(limits)).reason).toHaveLength(limit - 13);
    expect(refused(`${status(limit + 1)}\r\n\r\n`, parser(limits)))
      .toEqual([502, `the status line is over requestLineBytes, ${limit} octets`]);
  });

  test('no status line is shorter than 13 octets', () => {
    const [code, message] = refused('HTTP/1.1 200 \r\n\r\n', parser({ requestLineBytes: 12 }));
    expect([code, message]).toEqual([502, expect.stringContaining('requestLineBytes')]);
  });

  test('field lines: 20 octets; one more is 502', () => {
    const limits = { fieldSectionBytes: 20 };
    const line = `a: ${'v'.repeat(15)}`;
    expect(parsed(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`, parser(limits)).lines).toHaveLength(1);
    expect(refused(`HTTP/1.1 200 OK\r\n${line}v\r\n\r\n`, parser(limits))[0]).toBe(502);
  });

  test('limitAt: when a partial head is worth another parse', () => {
    const bounds = headBounds(limitsFrom({ requestLineBytes: 100, fieldSectionBytes: 200 }));
    const head = new ResponseHead();
    const line = octets('HTTP/1.1 200 OK');
    expect(parseResponseHead(line, 0, line.length, bounds, head)).toBe(MORE);
    // The octet behind the line tells whether it was too long.
    expect(head.limitAt).toBe(101);
    const partial = octets('HTTP/1.1 200 OK\r\na: b\r\n');
    expect(parseResponseHead(partial, 0, partial.length, bounds, head)).toBe(MORE);
    expect(head.limitAt).toBe(17 + 200);
  });
});
