/** Chunked content: sizes, extensions, data and trailers, at every split, and each limit. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { ReceiveBuffer } from '../../src/bytes/receive-buffer.ts';
import { ConnectionError } from '../../src/errors.ts';
import { ChunkedDecoder, chunkBounds } from '../../src/http1/chunked-decoder.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { splits } from '../support/http1.ts';
import { octets } from '../support/vectors.ts';

interface Decoded {
  readonly data: string;
  readonly trailers: [string, string][];
  readonly done: boolean;
  /** What was not the content's. */
  readonly rest: string;
  readonly refused: [number, string] | undefined;
}

/** Feeds segments as a connection does: what is left of one goes before the next. */
function decode(segments: readonly string[], limits?: Partial<Limits>): Decoded {
  let data = '';
  const decoder = new ChunkedDecoder(chunkBounds(limitsFrom(limits)), {
    chunkData(bytes, start, end) {
      data += Buffer.from(bytes.subarray(start, end)).toString('latin1');
    },
  });
  const held = new ReceiveBuffer();
  let refused: [number, string] | undefined;
  for (const segment of segments) {
    held.append(octets(segment), 0, segment.length);
    refused ??= advance(decoder, held);
  }
  const rest = Buffer.from(held.bytes.subarray(held.start, held.end)).toString('latin1');
  return { data, trailers: [...decoder.trailers], done: decoder.done, rest, refused };
}

function advance(decoder: ChunkedDecoder, held: ReceiveBuffer): [number, string] | undefined {
  try {
    while (held.length > 0 && !decoder.done) {
      const next = decoder.decode(held.bytes, held.start, held.end);
      if (next < 0) return undefined;
      held.consume(next - held.start);
    }
    return undefined;
  } catch (error) {
    if (error instanceof ConnectionError) return [error.code, error.message];
    throw error;
  }
}

const BEHIND = 'GET / HTTP/1.1\r\n';

/** Insists on one outcome at every split, and with octets behind. */
function accepts(text: string, limits?: Partial<Limits>): Decoded {
  const whole = decode([text], limits);
  expect(whole).toMatchObject({ done: true, rest: '', refused: undefined });
  for (const segments of splits(text)) expect(decode(segments, limits)).toEqual(whole);
  for (const segments of [[text + BEHIND], [text, BEHIND], [...text, BEHIND]]) {
    expect(decode(segments, limits)).toEqual({ ...whole, rest: BEHIND });
  }
  for (let end = 0; end < text.length; end++) {
    expect(decode([text.slice(0, end)], limits)).toMatchObject({ done: false, refused: undefined });
  }
  return whole;
}

function refuses(text: string, limits?: Partial<Limits>): [number, string] {
  const { refused } = decode([text], limits);
  if (refused === undefined) throw new Error(`${JSON.stringify(text)} is not refused`);
  for (const segments of splits(text)) {
    expect(decode(segments, limits).refused, JSON.stringify(segments)).toEqual(refused);
  }
  expect(decode([text + BEHIND], limits).refused).toEqual(refused);
  return refused;
}

describe('§7.1 Chunked Transfer Coding', () => {
  test.each([
    ['0\r\n\r\n', ''],
    ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 'hello world'],
    ['a\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['10\r\n0123456789abcdef\r\n0\r\n\r\n', '0123456789abcdef'],
    ['000005\r\nhello\r\n00000\r\n\r\n', 'hello'],
    ['4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
    ['3\r\n0\r\n\r\n0\r\n\r\n', '0\r\n'],
    ['3\r\n\xff\0\xe9\r\n0\r\n\r\n', '\xff\0\xe9'],
  ])('%j', (text, data) => {
    expect(accepts(text)).toMatchObject({ data, trailers: [] });
  });

  const SIZE = 'broken chunk size';
  const LONGER = 'chunk data is longer than its size (RFC 9112 §7.1)';

  test.each([
    ['\r\n', `${SIZE}: octet 0x0d in place of a digit (RFC 9112 §7.1)`],
    [' 5\r\n', `${SIZE}: octet 0x20 in place of a digit (RFC 9112 §7.1)`],
    ['-5\r\n', `${SIZE}: octet 0x2d in place of a digit (RFC 9112 §7.1)`],
    ['+5\r\n', `${SIZE}: octet 0x2b in place of a digit (RFC 9112 §7.1)`],
    ['x\r\n', `${SIZE}: octet 0x78 in place of a digit (RFC 9112 §7.1)`],
    ['0x5\r\n', 'octet 0x78 in a chunk extension (RFC 9112 §7.1.1)'],
    ['5 \r\nhello', 'octet 0x0d in a chunk extension (RFC 9112 §7.1.1)'],
    ['5\t\r\nhello', 'octet 0x0d in a chunk extension (RFC 9112 §7.1.1)'],
    ['5\nhello', 'octet 0x0a in a chunk extension (RFC 9112 §7.1.1)'],
    ['5\r\rhello', `${SIZE}: CR without LF (RFC 9112 §7.1)`],
    ['5\rhello', `${SIZE}: CR without LF (RFC 9112 §7.1)`],
    ['5\xe9\r\n', 'octet 0xe9 in a chunk extension (RFC 9112 §7.1.1)'],
    ['5\r\nhellox\r\n', LONGER],
    ['5\r\nhello\n', LONGER],
    ['5\r\nhello\r\r', LONGER],
    ['5\r\nhello0\r\n\r\n', LONGER],
    ['20000000000000\r\n', `${SIZE}: too large (RFC 9112 §7.1)`],
    ['ffffffffffffff\r\n', `${SIZE}: too large (RFC 9112 §7.1)`],
    ['123456789abcdef\r\n', `${SIZE}: too large (RFC 9112 §7.1)`],
    ['10000000000000005\r\nhello', `${SIZE}: too large (RFC 9112 §7.1)`],
  ])('%j is 400: %s', (text, message) => {
    expect(refuses(text)).toEqual([400, message]);
  });

  test('the largest size is 2^53 - 1', () => {
    const { refused, data } = decode(['1fffffffffffff\r\nhello']);
    expect([refused, data]).toEqual([undefined, 'hello']);
  });
});

describe('§7.1.1 Chunk Extensions', () => {
  test.each([
    ';a', ';a=b', ';a="b"', ';a;b;c', ';a=1;b="2";c', ' ;a', '\t; \ta \t= \tb', ' ; a ; b = "c d"',
    ';a=""', ';a="\\""', ';a="\\\\";b', ';a="\t;\xff"', ';!#$%&\'*+-.^_`|~=0', ';a="b" ;c',
  ])('%j is skipped', (extension) => {
    const { data } = accepts(`5${extension}\r\nhello\r\n0${extension}\r\n\r\n`);
    expect(data).toBe('hello');
  });

  test.each([
    [';', '0x0d'], [';;a', '0x3b'], [';=b', '0x3d'], [';a=', '0x0d'], [';a=;', '0x3b'],
    [';a b', '0x62'], [';a ', '0x0d'], [';a=b ', '0x0d'], [';a="b" ', '0x0d'], [';a="b"c', '0x63'],
    [';a=b=c', '0x3d'], [';(', '0x28'], [';a=(', '0x28'], [';a="\r', '0x0d'], [';a="\\\r', '0x0d'],
    [';a="\0"', '0x00'], [';a="\x7f"', '0x7f'], [';a\n', '0x0a'], [';a=\n', '0x0a'],
    [';a="\n"', '0x0a'], [',a', '0x2c'],
  ])('%j is 400: octet %s', (extension, octet) => {
    expect(refuses(`5${extension}\r\nhello\r\n0\r\n\r\n`))
      .toEqual([400, `octet ${octet} in a chunk extension (RFC 9112 §7.1.1)`]);
  });
});

describe('limits', () => {
  const TOO_LONG = 'a chunk line is over chunkLineBytes, 20 octets (RFC 9112 §7.1.1)';

  test.each([
    ['zeros', `${'0'.repeat(19)}5`, `${'0'.repeat(20)}5`],
    ['a name', `5;${'a'.repeat(18)}`, `5;${'a'.repeat(19)}`],
    ['a value', `5;a=${'b'.repeat(16)}`, `5;a=${'b'.repeat(17)}`],
    ['quoted text', `5;a="${'b'.repeat(14)}"`, `5;a="${'b'.repeat(15)}"`],
    ['an open quote', `5;a="${'b'.repeat(14)}"`, `5;a="${'b'.repeat(20)}`],
    ['space', `5${' '.repeat(17)};a`, `5${' '.repeat(18)};a`],
    ['space after a name', `5;a${' '.repeat(14)}=bb`, `5;a${' '.repeat(15)}=bb`],
    ['space after =', `5;a=${' '.repeat(15)}b`, `5;a=${' '.repeat(16)}b`],
  ])('a chunk line of 20 octets of %s; one more is 400 (RFC 9112 §7.1.1)', (_, fits, longer) => {
    const limits = { chunkLineBytes: 20 };
    expect(fits).toHaveLength(20);
    expect(accepts(`${fits}\r\nhello\r\n0\r\n\r\n`, limits).data).toBe('hello');
    expect(refuses(`${longer}\r\nhello\r\n0\r\n\r\n`, limits)).toEqual([400, TOO_LONG]);
  });

  test('a line without an end is refused at the limit, and limitAt says so', () => {
    const bounds = chunkBounds(limitsFrom({ chunkLineBytes: 20 }));
    const decoder = new ChunkedDecoder(bounds, { chunkData: () => {} });
    const line = octets(`5;${'a'.repeat(100)}`);
    expect([decoder.limitAt, decoder.decode(line, 0, 20)]).toEqual([21, -1]);
    expect(() => decoder.decode(line, 0, decoder.limitAt)).toThrow(TOO_LONG);
  });

  test('extensions of all chunks: 20 octets; one more is 400 (RFC 9112 §7.1.1)', () => {
    const limits = { chunkExtensionBytes: 20 };
    const chunks = '1;1234567\r\na\r\n1;123\r\nb\r\n';
    expect(accepts(`${chunks}0;2345678\r\n\r\n`, limits).data).toBe('ab');
    expect(refuses(`${chunks}0;23456789\r\n\r\n`, limits)).toEqual([
      400, 'chunk extensions are over chunkExtensionBytes, 20 octets (RFC 9112 §7.1.1)',
    ]);
  });

  test('trailers of 20 octets; one more is 431', () => {
    const limits = { trailerBytes: 20 };
    const value = 'v'.repeat(15);
    expect(accepts(`0\r\na: ${value}\r\n\r\n`, limits).trailers).toEqual([['a', value]]);
    expect(refuses(`0\r\na: ${value}v\r\n\r\n`, limits))
      .toEqual([431, 'field lines are over trailerBytes, 20 octets (RFC 6585 §5)']);
  });

  test('3 trailer lines; one more is 431', () => {
    const limits = { trailerLines: 3 };
    expect(accepts(`0\r\n${'a: b\r\n'.repeat(3)}\r\n`, limits).trailers).toHaveLength(3);
    expect(refuses(`0\r\n${'a: b\r\n'.repeat(4)}\r\n`, limits))
      .toEqual([431, 'field lines are over trailerLines, 3 lines (RFC 6585 §5)']);
  });

  test('limitAt follows the state', () => {
    const bounds = chunkBounds(limitsFrom({ chunkLineBytes: 20, trailerBytes: 30 }));
    const decoder = new ChunkedDecoder(bounds, { chunkData: () => {} });
    const text = octets('1\r\na\r\n0\r\n\r\n');
    const seen: number[] = [];
    for (let at = 0; !decoder.done;) {
      seen.push(decoder.limitAt);
      at = decoder.decode(text, at, text.length);
    }
    expect(seen).toEqual([21, 2, 2, 21, 30]);
  });
});

describe('§7.1.2 Chunked Trailer Section', () => {
  test('trailers come once they are whole', () => {
    const { trailers } = accepts('5\r\nhello\r\n0\r\nX-A: 1\r\nx-b:\t2 \r\n\r\n');
    expect(trailers).toEqual([['x-a', '1'], ['x-b', '2']]);
  });

  test.each([
    ['a : b', 'space between field name and colon (RFC 9112 §5.1)'],
    ['a: b\r\n c', 'a field line is folded or begins with space (RFC 9112 §5.2)'],
    ['a', 'a field line without a colon (RFC 9112 §5)'],
    ['a: \0', 'octet 0x00 in a field value (RFC 9110 §5.5)'],
  ])('%j is 400, as in a head: %s', (line, message) => {
    expect(refuses(`0\r\n${line}\r\n\r\n`)).toEqual([400, message]);
  });

  const FRAMING = ['Content-Length', 'Transfer-Encoding', 'HOST'];
  test.each(FRAMING)('%s is 400 (RFC 9110 §6.5.1)', (name) => {
    expect(refuses(`0\r\nx: y\r\n${name}: 5\r\n\r\n`))
      .toEqual([400, `${name.toLowerCase()} in trailers (RFC 9110 §6.5.1)`]);
  });

  test.each([
    // Routing and framing, request modifiers, authentication, response control, content itself.
    'Connection', 'Upgrade', 'TE', 'Trailer', 'Max-Forwards', 'Cache-Control', 'Expect', 'Range',
    'If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since', 'If-Range',
    'Authorization', 'Proxy-Authorization', 'WWW-Authenticate', 'Cookie', 'Set-Cookie',
    'Age', 'Date', 'Expires', 'Location', 'Retry-After', 'Vary',
    'Content-Encoding', 'Content-Type', 'Content-Range',
  ])('%s is dropped (RFC 9110 §6.5.1)', (name) => {
    expect(accepts(`0\r\n${name}: z\r\nkept: 1\r\n\r\n`).trailers).toEqual([['kept', '1']]);
  });
});

test('once done, nothing more is taken', () => {
  const decoder = new ChunkedDecoder(chunkBounds(limitsFrom()), { chunkData: () => {} });
  const text = octets('0\r\n\r\nrest');
  expect(decoder.decode(text, 0, text.length)).toBe(3);
  expect(decoder.decode(text, 3, text.length)).toBe(5);
  expect([decoder.done, decoder.decode(text, 5, text.length)]).toEqual([true, 5]);
});
