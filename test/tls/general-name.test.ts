/** Names and addresses of certificates: which are read, and how they are written. */
import { describe, expect, test } from 'vitest';
import {
  parseGeneralName, parseGeneralNames, subtreesOf, writeGeneralName, writeSubtree,
} from '../../src/tls/general-name.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const ascii = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
const label = (length: number): string => 'a'.repeat(length);
/** Of 253 octets, with those that are put before it. */
const long = (before: string): string =>
  `${before}${[63, 63, 63, 61 - before.length].map(label).join('.')}`;

describe('RFC 5280 §4.2.1.6 dNSName', () => {
  test.each([
    ['localhost', 'localhost'],
    ['LocalHost', 'localhost'],
    ['a', 'a'],
    ['app.test', 'app.test'],
    ['xn--bcher-kva.test', 'xn--bcher-kva.test'],
    ['1.a', '1.a'],
    ['1a.2b', '1a.2b'],
    ['127.0.0.1.test', '127.0.0.1.test'],
    ['*.app.test', '*.app.test'],
    [`${label(63)}.test`, `${label(63)}.test`],
    [long(''), long('')],
    [long('*.'), long('*.')],
  ])('%s', (given, text) => {
    const name = parseGeneralName(given);
    expect(name).toMatchObject({ kind: 'dNSName', text });
    const length = text.length < 0x80 ? [text.length] : [0x81, text.length];
    expect(hex(writeGeneralName(name))).toBe(`82${hex(Uint8Array.from(length))}${ascii(text)}`);
  });

  test.each([
    '', ' ', '.', '*', '*.', 'a.', '.a', 'a..b', '-a', 'a-', 'a_b', 'a b', 'a/b', 'bücher.test',
    'a\n', 'a\0', 'a,b', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.', '1.2.3.4.5', 'a.1', '7',
    'a.*.b', '*a.test', 'a*.test', '*.*.test', `${label(64)}.test`, `a${long('')}`,
    `a${long('*.')}`, 'a@b',
  ])('refused: %j', (given) => {
    expect(() => parseGeneralName(given)).toThrow(RangeError);
    expect(() => parseGeneralName(given)).toThrow(/RFC 5280 §4\.2\.1\.6/);
  });

  test.each(['*.test', '*.localhost'])(
    'refused: %s, a wildcard that nobody matches (RFC 9525 §6.3)', (given) => {
      expect(() => parseGeneralName(given)).toThrow(/wildcard .*RFC 9525 §6\.3/);
    },
  );
});

describe('RFC 5280 §4.2.1.6 iPAddress', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1', '7f000001'],
    ['0.0.0.0', '0.0.0.0', '00000000'],
    ['255.249.199.99', '255.249.199.99', 'fff9c763'],
    ['::', '::', '00'.repeat(16)],
    ['::1', '::1', `${'00'.repeat(15)}01`],
    ['0:0:0:0:0:0:0:1', '::1', `${'00'.repeat(15)}01`],
    ['2001:DB8::8:800:200C:417A', '2001:db8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['fe80::', 'fe80::', `fe80${'00'.repeat(14)}`],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:192.0.2.1', '::ffff:c000:201', '00000000000000000000ffffc0000201'],
  ])('%s', (given, text, octets) => {
    const name = parseGeneralName(given);
    expect(name).toMatchObject({ kind: 'iPAddress', text });
    expect(hex(name.octets)).toBe(octets);
    expect(hex(writeGeneralName(name))).toBe(`87${octets.length === 8 ? '04' : '10'}${octets}`);
  });

  test.each([':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1::', '12345::', 'g::', '[::1]',
    '::1%eth0', '::1]@a:1', '::1.2.3', 'a:80', 'http://a'])('refused: %j', (given) => {
    expect(() => parseGeneralName(given)).toThrow(RangeError);
    expect(() => parseGeneralName(given)).toThrow(/RFC 4291 §2\.2/);
  });
});

test('a name that is repeated in another form is there once', () => {
  const names = parseGeneralNames(['b', '::1', 'A', 'B', '0::1', 'a']);
  expect(names.map(({ text }) => text)).toEqual(['b', '::1', 'a']);
});

describe('RFC 5280 §4.2.1.10 GeneralSubtree', () => {
  test.each([
    ['localhost', `300b8209${ascii('localhost')}`],
    ['*.app.test', `300a8208${ascii('app.test')}`],
    ['127.0.0.1', '300a87087f000001ffffffff'],
    ['::1', `30228720${'00'.repeat(15)}01${'ff'.repeat(16)}`],
  ])('of %s', (given, expected) => {
    expect(hex(writeSubtree(parseGeneralName(given)))).toBe(expected);
  });

  test.each([
    ['a.b.c', ['a.b.c', 'b.c', 'c']],
    ['*.b.c', ['b.c', 'c']],
    ['localhost', ['localhost']],
    ['127.0.0.1', ['127.0.0.1']],
  ])('%s is in those of %j', (given, expected) => {
    expect(subtreesOf(parseGeneralName(given)).map(hex))
      .toEqual(expected.map((text) => hex(writeSubtree(parseGeneralName(text)))));
  });
});
