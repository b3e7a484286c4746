/** Field sections: the grammar, the limits, what is noted on the way, the offsets of many heads. */
import { describe, expect, test } from 'vitest';
import type { Fields } from '../../src/http/fields.ts';
import {
  FieldLines, MORE, hex, parseFieldLines, type SectionBounds,
} from '../../src/http1/field-lines.ts';
import { latin1 } from '../../src/bytes/ascii.ts';
import { parsed, refused, type Subject } from '../support/parsing.ts';
import { octets } from '../support/vectors.ts';

const BOUNDS: SectionBounds = {
  bytes: 1000, lines: 20, bytesName: 'someBytes', linesName: 'someLines',
};

type Pairs = [string, string][];

function section(bounds: Partial<SectionBounds> = {}): () => Subject<Pairs> {
  return () => {
    const lines = new FieldLines(BOUNDS.lines);
    let text = '';
    return {
      parse(bytes, start, end) {
        const next = parseFieldLines(bytes, start, end, start, { ...BOUNDS, ...bounds }, lines);
        if (next !== MORE) text = latin1(bytes, start, next);
        return next;
      },
      read: () => [...lines.take(text)],
    };
  };
}

function accepts(text: string, bounds?: Partial<SectionBounds>): Pairs {
  return parsed(text, section(bounds));
}

function refuses(text: string, bounds?: Partial<SectionBounds>): [number, string] {
  return refused(text, section(bounds));
}

describe('§5 Field Syntax', () => {
  test.each<[string, Pairs]>([
    ['\r\n', []],
    ['a:b\r\n\r\n', [['a', 'b']]],
    ['a:\r\n\r\n', [['a', '']]],
    ['a: \t \r\n\r\n', [['a', '']]],
    ['A-B: \t c d\t \r\n\r\n', [['a-b', 'c d']]],
    ['a: b:c\r\n\r\n', [['a', 'b:c']]],
    ['a: 1\r\nb: 2\r\na: 3\r\n\r\n', [['a', '1'], ['b', '2'], ['a', '3']]],
    ['a: "b\\"c"\t,\r\n\r\n', [['a', '"b\\"c"\t,']]],
    ['a: \x80\xe9\xff\r\n\r\n', [['a', '\x80\xe9\xff']]],
    // U+00A0 is obs-text and no space: it stays.
    ['a: \xa0b\xa0\r\n\r\n', [['a', '\xa0b\xa0']]],
    ['!#$%&\'*+-.^_`|~09: x\r\n\r\n', [['!#$%&\'*+-.^_`|~09', 'x']]],
    ['__proto__: x\r\n\r\n', [['__proto__', 'x']]],
  ])('%j', (text, pairs) => {
    expect(accepts(text)).toEqual(pairs);
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('a value of %d octets ends where it ends', (length) => {
    const value = 'v'.repeat(length);
    expect(accepts(`a:${value}\r\n\r\n`)).toEqual([['a', value]]);
    expect(refuses(`a:${value}\0\r\n\r\n`)[0]).toBe(400);
  });

  const LF_ALONE = 'LF without CR in a field section (RFC 9112 §2.2)';
  const CR_ALONE = 'CR without LF in a field section (RFC 9112 §2.2)';
  const FOLDED = 'a field line is folded or begins with space (RFC 9112 §5.2)';
  const SPACE = 'space between field name and colon (RFC 9112 §5.1)';

  test.each([
    [' a: b\r\n\r\n', FOLDED],
    ['\ta: b\r\n\r\n', FOLDED],
    ['a: b\r\n c\r\n\r\n', FOLDED],
    ['a: b\r\n\tc\r\n\r\n', FOLDED],
    ['a: b\r\n \r\n\r\n', FOLDED],
    ['a : b\r\n\r\n', SPACE],
    ['a\t: b\r\n\r\n', SPACE],
    ['a b: c\r\n\r\n', SPACE],
    ['a: b\n\r\n', LF_ALONE],
    ['a: b\nc: d\r\n\r\n', LF_ALONE],
    ['a\n: b\r\n\r\n', LF_ALONE],
    ['\n', LF_ALONE],
    ['a: b\r\n\n', LF_ALONE],
    ['a: b\rc\r\n\r\n', CR_ALONE],
    ['a: b\r\r\n\r\n', CR_ALONE],
    ['a: b\r\n\rc', CR_ALONE],
    ['\r\r\n', CR_ALONE],
    ['a\r\n\r\n', 'a field line without a colon (RFC 9112 §5)'],
    [': b\r\n\r\n', 'an empty field name (RFC 9110 §5.1)'],
    ['a@b: c\r\n\r\n', 'octet 0x40 in a field name (RFC 9110 §5.1)'],
    ['\xe9: c\r\n\r\n', 'octet 0xe9 in a field name (RFC 9110 §5.1)'],
    ['\0a: c\r\n\r\n', 'octet 0x00 in a field name (RFC 9110 §5.1)'],
    ['a: b\0\r\n\r\n', 'octet 0x00 in a field value (RFC 9110 §5.5)'],
    ['a: \x7f\r\n\r\n', 'octet 0x7f in a field value (RFC 9110 §5.5)'],
    ['a: \x0b\r\n\r\n', 'octet 0x0b in a field value (RFC 9110 §5.5)'],
    ['a: \x1b[31m\r\n\r\n', 'octet 0x1b in a field value (RFC 9110 §5.5)'],
  ])('%j is 400: %s', (text, message) => {
    expect(refuses(text)).toEqual([400, message]);
  });

  test('each octet: names hold tchar alone, values no control (RFC 9110 §5.1, §5.5)', () => {
    const tchar = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;
    const value = /[\t\x20-\x7e\x80-\xff]/;
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      const inName = `a${character}b: c\r\n\r\n`;
      // A colon in a name ends it.
      if (character === ':') expect(accepts(inName)).toEqual([['a', 'b: c']]);
      else if (tchar.test(character)) expect(accepts(inName)).toHaveLength(1);
      else expect(refuses(inName)[0]).toBe(400);

      const inValue = `a: b${character}c\r\n\r\n`;
      if (value.test(character)) expect(accepts(inValue)).toEqual([['a', `b${character}c`]]);
      else expect(refuses(inValue)[0]).toBe(400);
    }
  });
});

describe('limits', () => {
  const TOO_LARGE = 'field lines are over someBytes, 20 octets (RFC 6585 §5)';

  test.each([
    ['one line', `a: ${'v'.repeat(15)}\r\n`],
    ['two lines', `a: 56789\r\nb: 56789\r\n`],
    ['a long name', `${'n'.repeat(17)}:\r\n`],
    ['space around the value', `a:${' '.repeat(8)}v${' '.repeat(7)}\r\n`],
  ])('octets with their CRLF: 20 of 20, %s; one more is 431 (RFC 6585 §5)', (_, lines) => {
    expect(lines).toHaveLength(20);
    expect(accepts(`${lines}\r\n`, { bytes: 20 })).not.toEqual([]);
    const longer = lines.replace(/(.)\r\n$/, '$1$1\r\n').replace('::', ': ');
    expect(longer).toHaveLength(21);
    expect(refuses(`${longer}\r\n`, { bytes: 20 })).toEqual([431, TOO_LARGE]);
  });

  test.each([
    ['before its line', 'a: 56789\r\nb: 56789\r\nc:d\r\n\r\n'],
    ['within a name', `${'n'.repeat(30)}: v\r\n\r\n`],
    ['within the space', `a:${' '.repeat(30)}v\r\n\r\n`],
    ['within a value', `a: ${'v'.repeat(30)}\r\n\r\n`],
    ['at CR', `a: ${'v'.repeat(17)}\r\n\r\n`],
    ['between CR and LF', `a: ${'v'.repeat(16)}\r\n\r\n`],
  ])('the limit stands %s: 431 (RFC 6585 §5)', (_, text) => {
    expect(refuses(text, { bytes: 20 })).toEqual([431, TOO_LARGE]);
  });

  test('the empty line is none of the octets', () => {
    expect(accepts('\r\n', { bytes: 0 })).toEqual([]);
  });

  test.each([0, 1, 5])('%d lines; one more is 431, as soon as it begins (RFC 6585 §5)', (limit) => {
    const lines = 'a: b\r\n'.repeat(limit);
    expect(accepts(`${lines}\r\n`, { lines: limit })).toHaveLength(limit);
    expect(refuses(`${lines}a`, { lines: limit }))
      .toEqual([431, `field lines are over someLines, ${limit} lines (RFC 6585 §5)`]);
  });

  test('limitAt is where no further line end is needed to tell', () => {
    const lines = new FieldLines(20);
    const text = 'a: b\r\nc';
    expect(parseFieldLines(octets(`xx${text}`), 2, 9, 0, BOUNDS, lines)).toBe(MORE);
    expect(lines.limitAt).toBe(2 + BOUNDS.bytes);
  });
});

describe('what framing and routing need is noted', () => {
  const COUNTS = [
    'host', 'contentLength', 'transferEncoding', 'connection', 'expect', 'upgrade',
  ] as const;

  function counts(text: string): Record<string, number> {
    const lines = new FieldLines(20);
    parseFieldLines(octets(text), 0, text.length, 0, BOUNDS, lines);
    const noted = COUNTS.map((name) => [name, lines[name]] as const);
    return Object.fromEntries(noted.filter(([, count]) => count > 0));
  }

  test.each([
    ['Host: a\r\nhOST: b\r\n\r\n', { host: 2 }],
    ['Content-Length: 1\r\nCONTENT-LENGTH: 1\r\n\r\n', { contentLength: 2 }],
    ['Transfer-Encoding: chunked\r\n\r\n', { transferEncoding: 1 }],
    ['Connection: close\r\nExpect: x\r\nUpgrade: y\r\n\r\n',
      { connection: 1, expect: 1, upgrade: 1 }],
    // Names of the same length, or that differ in bit 5 alone.
    ['Hosts: a\r\nPath: b\r\nExpert: c\r\nUpdates: d\r\nReferrers0: e\r\n\r\n', {}],
    ['content_length: 1\r\ntransfer_encoding: b\r\n\r\n', {}],
    ['transfer-encodinG: a\r\nTRANSFER-ENCODINGS: b\r\n\r\n', { transferEncoding: 1 }],
  ])('%j: %o', (text, expected) => {
    expect(counts(text)).toEqual(expected);
  });
});

describe('the slab of offsets', () => {
  function takeOne(lines: FieldLines, text: string): Fields {
    parseFieldLines(octets(text), 0, text.length, 0, BOUNDS, lines);
    return lines.take(text);
  }

  test('one head after the other, and a new slab when it is full: all stay true', () => {
    const lines = new FieldLines(25);
    const slabs = new Set([lines.slab]);
    const heads = Array.from({ length: 900 }, (_, index) => {
      const fields = takeOne(lines, `a: ${index}\r\nlonger-name: ${index * 7}\r\nb: c\r\n\r\n`);
      slabs.add(lines.slab);
      return fields;
    });
    expect(slabs.size).toBeGreaterThan(2);
    heads.forEach((fields, index) => {
      expect([...fields]).toEqual([['a', `${index}`], ['longer-name', `${index * 7}`], ['b', 'c']]);
    });
  });

  test('a parse that wanted more leaves nothing behind', () => {
    const lines = new FieldLines(20);
    const partial = 'a: b\r\nc: d\r\nhost: e\r\n';
    expect(parseFieldLines(octets(partial), 0, partial.length, 0, BOUNDS, lines)).toBe(MORE);
    expect([...takeOne(lines, 'x: y\r\n\r\n')]).toEqual([['x', 'y']]);
    expect([lines.host, lines.size]).toEqual([0, 1]);
  });

  test('more lines than a whole slab has room for', () => {
    const lines = new FieldLines(1);
    const bounds = { ...BOUNDS, bytes: 60_000, lines: 3000 };
    const text = `${'a: b\r\n'.repeat(3000)}\r\n`;
    parseFieldLines(octets(text), 0, text.length, 0, bounds, lines);
    expect(lines.take(text).getAll('A')).toHaveLength(3000);
  });
});

test.each([[0, '0x00'], [10, '0x0a'], [255, '0xff']])('octet %d reads %s', (octet, text) => {
  expect(hex(octet)).toBe(text);
});
