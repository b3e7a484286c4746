/** The DER writer, by whole elements as octets. */
import { describe, expect, test } from 'vitest';
import {
  bitString, boolean, context, contextPrimitive, generalizedTime, integer, namedBits, nullValue,
  objectIdentifier, octetString, pem, printableString, sequence, setOf, time, utcTime, utf8String,
} from '../../src/tls/der.ts';

const octets = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const ascii = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

/** What is written, and its octets. */
type Vectors = readonly (readonly [string, () => Uint8Array, string])[];

function each(vectors: Vectors): void {
  test.each(vectors)('%s', (_, write, expected) => {
    expect(hex(write())).toBe(expected.replaceAll(' ', ''));
  });
}

function refused(cases: readonly (readonly [string, () => Uint8Array, RegExp])[]): void {
  test.each(cases)('refused: %s', (_, write, message) => {
    expect(write).toThrow(RangeError);
    expect(write).toThrow(message);
  });
}

describe('§8.1.3, §10.1 length octets: definite, and as few as can be', () => {
  test.each([
    [0, '04 00'],
    [1, '04 01'],
    [0x7f, '04 7f'],
    [0x80, '04 81 80'],
    [0xff, '04 81 ff'],
    [0x100, '04 82 01 00'],
    [0xffff, '04 82 ff ff'],
    [0x1_0000, '04 83 01 00 00'],
  ])('%i octets', (length, head) => {
    const written = octetString(new Uint8Array(length).fill(7));
    const expected = octets(head);
    expect(hex(written.subarray(0, expected.length))).toBe(hex(expected));
    expect(written.subarray(expected.length).every((octet) => octet === 7)).toBe(true);
    expect(written.length).toBe(expected.length + length);
  });
});

describe('§8.2, §11.1 BOOLEAN', () => {
  each([
    ['false', () => boolean(false), '01 01 00'],
    ['true is all ones', () => boolean(true), '01 01 ff'],
  ]);
});

describe('§8.3 INTEGER', () => {
  test.each([
    [0n, '02 01 00'],
    [1n, '02 01 01'],
    [127n, '02 01 7f'],
    [128n, '02 02 00 80'],
    [255n, '02 02 00 ff'],
    [256n, '02 02 01 00'],
    [32_767n, '02 02 7f ff'],
    [32_768n, '02 03 00 80 00'],
    [-1n, '02 01 ff'],
    [-128n, '02 01 80'],
    [-129n, '02 02 ff 7f'],
    [-256n, '02 02 ff 00'],
    [0x7fff_ffff_ffff_ffffn, '02 08 7f ff ff ff ff ff ff ff'],
    [0x8000_0000_0000_0000n, '02 09 00 80 00 00 00 00 00 00 00'],
  ])('%i', (value, expected) => {
    expect(hex(integer(value))).toBe(expected.replaceAll(' ', ''));
  });
});

describe('§8.6, §11.2 BIT STRING', () => {
  each([
    ['empty', () => bitString(octets('')), '03 01 00'],
    ['whole octets', () => bitString(octets('0a 3b')), '03 03 00 0a 3b'],
    ['18 bits', () => bitString(octets('6e 5d c0'), 6), '03 04 06 6e 5d c0'],
    ['unused bits are zero', () => bitString(octets('6e 5d ff'), 6), '03 04 06 6e 5d c0'],
    ['named bits: none', () => namedBits(), '03 01 00'],
    ['named bits: 0', () => namedBits(0), '03 02 07 80'],
    ['named bits: 5 and 6', () => namedBits(5, 6), '03 02 01 06'],
    ['named bits: 7', () => namedBits(7), '03 02 00 01'],
    ['named bits: 8 and 0', () => namedBits(8, 0), '03 03 07 80 80'],
  ]);
  refused([
    ['8 unused bits', () => bitString(octets('00'), 8), /8 unused bits .*§8\.6\.2/],
    ['less than none', () => bitString(octets('00'), -1), /-1 unused bits .*§8\.6\.2/],
    ['an unused bit of nothing', () => bitString(octets(''), 1), /1 unused bits .*§8\.6\.2/],
  ]);
  test('7 unused bits', () => {
    expect(hex(bitString(octets('ff'), 7))).toBe('03020780');
  });
});

describe('§8.7 OCTET STRING, §8.8 NULL', () => {
  each([
    ['octets', () => octetString(octets('01 02')), '04 02 01 02'],
    ['NULL', nullValue, '05 00'],
  ]);
});

describe('§8.19 OBJECT IDENTIFIER', () => {
  test.each([
    ['0.0', '06 01 00'],
    ['1.39', '06 01 4f'],
    ['2.5.29.17', '06 03 55 1d 11'],
    ['2.999.3', '06 03 88 37 03'],
    ['2.47', '06 01 7f'],
    ['2.48', '06 02 81 00'],
    ['1.2.840.10045.4.3.2', '06 08 2a 86 48 ce 3d 04 03 02'],
    ['1.2.127.128.16383.16384', '06 09 2a 7f 81 00 ff 7f 81 80 00'],
    ['1.2.4294967296', '06 06 2a 90 80 80 80 00'],
  ])('%s', (text, expected) => {
    expect(hex(objectIdentifier(text))).toBe(expected.replaceAll(' ', ''));
  });
  const none = ['', '1', '3.1', '1.40', '0.40', '1.2.', '.1.2', '1..2', '1.-2', 'a.b',
    '1.2.9007199254740992'];
  refused(none.map((text) =>
    [JSON.stringify(text), () => objectIdentifier(text), /X\.690 §8\.19/] as const));
});

describe('§8.23 character strings', () => {
  each([
    ['UTF8String', () => utf8String('aé€😀'), '0c 0a 61 c3a9 e282ac f09f9880'],
    ['PrintableString', () => printableString('A z-0\'()+,./:=?'),
      `13 0f ${ascii('A z-0\'()+,./:=?')}`],
    ['an empty one', () => printableString(''), '13 00'],
  ]);
  refused(['*', '@', '_', '&', 'é', 'a\n']
    .map((text) => [JSON.stringify(text), () => printableString(text), /X\.680 §41\.4/] as const));
});

describe('RFC 5280 §4.1.2.5 time', () => {
  const at = (text: string): number => Date.parse(text);
  each([
    ['UTCTime', () => utcTime(at('1999-12-31T23:59:59Z')), `17 0d ${ascii('991231235959Z')}`],
    ['seconds that are zero', () => utcTime(at('2026-01-02T03:04:00Z')),
      `17 0d ${ascii('260102030400Z')}`],
    ['fractions fall away', () => utcTime(at('2026-01-02T03:04:05.999Z')),
      `17 0d ${ascii('260102030405Z')}`],
    ['the first of UTCTime', () => utcTime(at('1950-01-01T00:00:00Z')),
      `17 0d ${ascii('500101000000Z')}`],
    ['GeneralizedTime', () => generalizedTime(at('2026-01-02T03:04:05.999Z')),
      `18 0f ${ascii('20260102030405Z')}`],
    ['the last', () => generalizedTime(at('9999-12-31T23:59:59Z')),
      `18 0f ${ascii('99991231235959Z')}`],
    ['through 2049 UTCTime', () => time(at('2049-12-31T23:59:59.999Z')),
      `17 0d ${ascii('491231235959Z')}`],
    ['from 2050 GeneralizedTime', () => time(at('2050-01-01T00:00:00Z')),
      `18 0f ${ascii('20500101000000Z')}`],
  ]);
  refused([
    ['UTCTime before 1950', () => utcTime(at('1949-12-31T23:59:59Z')), /§4\.1\.2\.5\.1/],
    ['UTCTime from 2050', () => utcTime(at('2050-01-01T00:00:00Z')), /§4\.1\.2\.5\.1/],
    ['a year of five digits', () => generalizedTime(at('+010000-01-01T00:00:00Z')), /four digits/],
    ['no time', () => time(NaN), /time/i],
  ]);
});

describe('§8.9 SEQUENCE, §8.11 SET, §8.14 tags', () => {
  each([
    ['an empty SEQUENCE', () => sequence(), '30 00'],
    ['SEQUENCE keeps its order', () => sequence(integer(2n), integer(1n)), '30 06 020102 020101'],
    ['SEQUENCE in SEQUENCE', () => sequence(sequence(nullValue())), '30 04 30 02 05 00'],
    ['SET OF is in the order of octets (§11.6)',
      () => setOf(integer(256n), integer(2n), boolean(true), integer(1n)),
      '31 0d 0101ff 020101 020102 02020100'],
    ['[0] constructed', () => context(0, integer(2n)), 'a0 03 02 01 02'],
    ['[3] primitive', () => contextPrimitive(3, octets('01')), '83 01 01'],
    ['[30], the last of one octet', () => contextPrimitive(30, octets('')), '9e 00'],
  ]);
  refused([
    ['[31]', () => context(31), /§8\.1\.2\.2/],
    ['[-1]', () => contextPrimitive(-1, octets('')), /§8\.1\.2\.2/],
  ]);
});

describe('RFC 7468 §2 PEM', () => {
  test.each([
    ['nothing', 0, []],
    ['48 octets fill a line', 48, [64]],
    ['49 octets begin another', 49, [64, 4]],
  ])('%s', (_, length, lines) => {
    const bytes = Uint8Array.from({ length }, (__, index) => index);
    const written = pem('X', bytes).split('\n');
    expect([written[0], ...written.slice(-2)])
      .toEqual(['-----BEGIN X-----', '-----END X-----', '']);
    const inner = written.slice(1, -2);
    expect(inner.map((line) => line.length)).toEqual(lines);
    expect(Buffer.from(inner.join(''), 'base64')).toEqual(Buffer.from(bytes));
  });
});
