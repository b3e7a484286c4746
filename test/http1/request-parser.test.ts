/** Request heads: what is one, what is none, and where each limit stands. */
import { describe, expect, test } from 'vitest';
import { MORE } from '../../src/http1/field-lines.ts';
import { RequestHead, headBounds, parseRequestHead } from '../../src/http1/request-parser.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { parsed, refused, type Subject } from '../support/parsing.ts';
import { octets } from '../support/vectors.ts';

interface Head {
  readonly method: string;
  readonly target: string;
  readonly minor: number;
  readonly lines: [string, string][];
}

function parser(limits?: Partial<Limits>): () => Subject<Head> {
  const bounds = headBounds(limitsFrom(limits));
  return () => {
    const head = new RequestHead();
    return {
      parse: (bytes, start, end) => parseRequestHead(bytes, start, end, bounds, head),
      read: () => ({
        method: head.method, target: head.target, minor: head.minor, lines: [...head.takeFields()],
      }),
    };
  };
}

function accepts(text: string, limits?: Partial<Limits>): Head {
  return parsed(text, parser(limits));
}

function refuses(text: string, limits?: Partial<Limits>): [number, string] {
  return refused(text, parser(limits));
}

const PROXY = 'it begins with a PROXY header: name the proxy in listen({ proxyProtocol }) ' +
  '(RFC 9112 §3)';
const LINE = 'GET / HTTP/1.1\r\n';

describe('§3 Request Line', () => {
  test.each([
    ['GET / HTTP/1.1', 'GET', '/', 1],
    ['GET /a/b;c?d=e&f=%20 HTTP/1.1', 'GET', '/a/b;c?d=e&f=%20', 1],
    ['OPTIONS * HTTP/1.1', 'OPTIONS', '*', 1],
    ['CONNECT a.example:443 HTTP/1.1', 'CONNECT', 'a.example:443', 1],
    ['POST http://a.example/x?y HTTP/1.0', 'POST', 'http://a.example/x?y', 0],
    ['get / HTTP/1.1', 'get', '/', 1],
    ['GETS / HTTP/1.1', 'GETS', '/', 1],
    ['!#$%&\'*+-.^_`|~ / HTTP/1.1', '!#$%&\'*+-.^_`|~', '/', 1],
    // Any later minor version is read as the highest that we speak (RFC 9110 §2.5).
    ['GET / HTTP/1.9', 'GET', '/', 1],
  ])('%j', (line, method, target, minor) => {
    expect(accepts(`${line}\r\n\r\n`)).toEqual({ method, target, minor, lines: [] });
  });

  test('lines follow, and hand their fields on', () => {
    const { lines } = accepts(`${LINE}Host: a\r\nX-Y:\t z \r\n\r\n`);
    expect(lines).toEqual([['host', 'a'], ['x-y', 'z']]);
  });

  test.each([
    [' GET / HTTP/1.1', 'octet 0x20 in the method (RFC 9112 §3.1)'],
    ['\nGET / HTTP/1.1', 'octet 0x0a in the method (RFC 9112 §3.1)'],
    ['G(T / HTTP/1.1', 'octet 0x28 in the method (RFC 9112 §3.1)'],
    ['GET\t/ HTTP/1.1', 'octet 0x09 in the method (RFC 9112 §3.1)'],
    ['GET\r\n', 'octet 0x0d in the method (RFC 9112 §3.1)'],
    ['\x16\x03\x01\x02\x00', 'TLS on a port that speaks clear text (RFC 9112 §3.1)'],
    ['PROXY TCP4 192.0.2.43 203.0.113.7 56324 443', PROXY],
    ['PROXY TCP6 ::1 ::1 1 2', PROXY], ['PROXY UNKNOWN', PROXY], ['PROXY UNKNOWN ::1 x', PROXY],
    ['\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c', PROXY],
    ['\r\n\0', 'octet 0x00 in the method (RFC 9112 §3.1)'],
    ['XPROXY UNKNOWN ::1', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET  / HTTP/1.1', 'octet 0x20 in the request target (RFC 9112 §3.2)'],
    ['GET /\t HTTP/1.1', 'octet 0x09 in the request target (RFC 9112 §3.2)'],
    ['GET /a#b HTTP/1.1', 'octet 0x23 in the request target (RFC 9112 §3.2)'],
    ['GET /a"b HTTP/1.1', 'octet 0x22 in the request target (RFC 9112 §3.2)'],
    ['GET /\xe9 HTTP/1.1', 'octet 0xe9 in the request target (RFC 9112 §3.2)'],
    ['GET /\0 HTTP/1.1', 'octet 0x00 in the request target (RFC 9112 §3.2)'],
    ['GET /', 'a request line without target or version (RFC 9112 §3)'],
    ['GET ', 'a request line without target or version (RFC 9112 §3)'],
    ['GET /\n', 'a request line without target or version (RFC 9112 §3)'],
    ['GET / http/1.1', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET / HTTP/1,1', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET / HTTP/a.1', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET / HTTP/1.a', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET / HTTP/1./', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET / HTTP/:.1', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET /  HTTP/1.1', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
    ['GET / HTTP/1.10', 'a request line does not end in CRLF (RFC 9112 §3)'],
    ['GET / HTTP/1.1 ', 'a request line does not end in CRLF (RFC 9112 §3)'],
    ['GET / HTTP/1.1\n', 'a request line does not end in CRLF (RFC 9112 §3)'],
    ['GET / HTTP/1.1\r', 'a request line does not end in CRLF (RFC 9112 §3)'],
    ['GET / EXTRA HTTP/1.1', 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)'],
  ])('%j is 400', (line, message) => {
    expect(refuses(`${line}\r\nHost: a\r\n\r\n`)).toEqual([400, message]);
  });

  test.each(['0.9', '2.0', '3.0', '9.9'])('HTTP/%s is 505 (RFC 9110 §15.6.6)', (version) => {
    expect(refuses(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`))
      .toEqual([505, `HTTP/${version} is not spoken here (RFC 9110 §15.6.6)`]);
  });

  test('a fault in a line is told before the section has come', () => {
    expect(refuses(`${LINE}Host : a\r\n`)).toEqual([
      400, 'space between field name and colon (RFC 9112 §5.1)',
    ]);
  });

  test('every octet outside tchar ends the method with 400 (RFC 9110 §5.6.2)', () => {
    const tchar = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      const text = `A${character}B / HTTP/1.1\r\n\r\n`;
      if (tchar.test(character)) expect(accepts(text).method).toBe(`A${character}B`);
      else expect(refuses(text)[0]).toBe(400);
    }
  });
});

describe('§2.2 empty lines before a request', () => {
  test.each([
    [0, 0], [1, 1], [2, 2], [5, 5],
  ])('leadingEmptyLines %d: so many are skipped, one more is 400', (limit, lines) => {
    const limits = { leadingEmptyLines: limit };
    const rest = `${LINE}Host: a\r\n\r\n`;
    expect(accepts('\r\n'.repeat(lines) + rest, limits).method).toBe('GET');
    expect(refuses('\r\n'.repeat(lines + 1) + rest, limits))
      .toEqual([400, 'over leadingEmptyLines before a request (RFC 9112 §2.2)']);
  });

  test('they are of no line or section (RFC 9112 §2.2)', () => {
    const limits = { requestLineBytes: 14, fieldSectionBytes: 9 };
    expect(accepts(`\r\n\r\n${LINE}Host: a\r\n\r\n`, limits).lines).toEqual([['host', 'a']]);
  });

  test('a CR alone is none (RFC 9112 §2.2)', () => {
    expect(refuses(`\r${LINE}\r\n`))
      .toEqual([400, 'CR without LF before a request (RFC 9112 §2.2)']);
    expect(refuses(`\r\n\r\r\n${LINE}\r\n`)[0]).toBe(400);
  });

  test('empty lines alone are no head yet', () => {
    const [head, bounds] = [new RequestHead(), headBounds(limitsFrom())];
    for (const text of ['', '\r', '\r\n', '\r\n\r', '\r\n\r\n']) {
      expect(parseRequestHead(octets(text), 0, text.length, bounds, head)).toBe(MORE);
    }
  });
});

describe('limits', () => {
  const line = (length: number): string => `GET /${'a'.repeat(length - 14)} HTTP/1.1`;

  test.each([14, 15, 40, 300])('requestLineBytes %d: served, one more is 414', (limit) => {
    const limits = { requestLineBytes: limit };
    expect(accepts(`${line(limit)}\r\n\r\n`, limits).target).toHaveLength(limit - 13);
    expect(refuses(`${line(limit + 1)}\r\n\r\n`, limits)).toEqual([
      414, `the request line is over requestLineBytes, ${limit} octets (RFC 9112 §3)`,
    ]);
  });

  test('a target without an end is 414 at the limit, not before', () => {
    const limits = { requestLineBytes: 20 };
    const bounds = headBounds(limitsFrom(limits));
    const head = new RequestHead();
    const text = `GET /${'a'.repeat(50)}`;
    expect(parseRequestHead(octets(text), 0, 19, bounds, head)).toBe(MORE);
    expect(head.limitAt).toBe(20);
    expect(() => parseRequestHead(octets(text), 0, 20, bounds, head)).toThrow('requestLineBytes');
  });

  test('a method that reaches requestLineBytes is 414 too', () => {
    expect(refuses(`${'A'.repeat(20)} / HTTP/1.1\r\n\r\n`, { requestLineBytes: 18 })[0]).toBe(414);
  });

  test('a method has up to 32 octets; 33 are 501 (RFC 9110 §9.1)', () => {
    expect(accepts(`${'A'.repeat(32)} / HTTP/1.1\r\n\r\n`).method).toHaveLength(32);
    expect(refuses(`${'A'.repeat(33)} / HTTP/1.1\r\n\r\n`))
      .toEqual([501, 'no method is that long (RFC 9110 §9.1)']);
  });

  test.each([9, 30, 200])('fieldSectionBytes %d: served, one more is 431', (limit) => {
    const limits = { fieldSectionBytes: limit };
    const value = 'v'.repeat(limit - 5);
    expect(accepts(`${LINE}a: ${value}\r\n\r\n`, limits).lines).toEqual([['a', value]]);
    expect(refuses(`${LINE}a: ${value}v\r\n\r\n`, limits)).toEqual([
      431, `field lines are over fieldSectionBytes, ${limit} octets (RFC 6585 §5)`,
    ]);
  });

  test.each([0, 1, 7])('fieldLines %d: served, one more is 431', (limit) => {
    const limits = { fieldLines: limit };
    const lines = (count: number): string => 'a: b\r\n'.repeat(count);
    expect(accepts(`${LINE}${lines(limit)}\r\n`, limits).lines).toHaveLength(limit);
    expect(refuses(`${LINE}${lines(limit + 1)}\r\n`, limits)).toEqual([
      431, `field lines are over fieldLines, ${limit} lines (RFC 6585 §5)`,
    ]);
  });
});

describe('limitAt: when a partial head is worth another parse', () => {
  const bounds = headBounds(limitsFrom({ requestLineBytes: 100, fieldSectionBytes: 200 }));

  test.each([
    ['within the request line', 'GET /', 100],
    ['behind an empty line', '\r\nGET /', 102],
    ['within the section', `${LINE}Host: a\r\nX`, LINE.length + 200],
    ['both', `\r\n${LINE}`, LINE.length + 202],
  ])('%s', (_, text, limitAt) => {
    const head = new RequestHead();
    expect(parseRequestHead(octets(text), 0, text.length, bounds, head)).toBe(MORE);
    expect(head.limitAt).toBe(limitAt);
    const before = 'GET / HTTP/1.0\r\n\r\n';
    const start = before.length;
    parseRequestHead(octets(before + text), start, start + text.length, bounds, head);
    expect(head.limitAt).toBe(limitAt);
  });
});

test('one record serves many heads: nothing of one is seen in the next', () => {
  const head = new RequestHead();
  const bounds = headBounds(limitsFrom());
  const first = octets('POST /long/target HTTP/1.0\r\nHost: a\r\nUpgrade: b\r\n\r\n');
  const second = octets('GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n');
  parseRequestHead(first, 0, first.length, bounds, head);
  const { method, target, minor, lines } = head;
  expect([method, target, minor, lines.host, lines.upgrade])
    .toEqual(['POST', '/long/target', 0, 1, 1]);
  const fields = head.takeFields();
  parseRequestHead(second, 0, second.length, bounds, head);
  expect([head.method, head.target, head.minor]).toEqual(['GET', '/', 1]);
  expect([head.lines.host, head.lines.upgrade, head.lines.contentLength]).toEqual([0, 0, 1]);
  expect([...head.takeFields()]).toEqual([['content-length', '1']]);
  expect([...fields]).toEqual([['host', 'a'], ['upgrade', 'b']]);
});
