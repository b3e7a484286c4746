/** The character classes against the grammar, over all 256 octets; and numbers in text. */
import { describe, expect, test } from 'vitest';
import {
  FIELD_VALUE, FIELD_VALUE_END, HEX, HOST, TARGET, TOKEN, decimal, equalsIgnoringCase,
  escapeControls, isAll, isToken, latin1,
} from '../../src/bytes/ascii.ts';

const OCTETS = Array.from({ length: 256 }, (_, octet) => octet);

/** The octets that a table accepts, and those that a rule of the grammar does. */
function accepted(table: Uint8Array): string {
  return OCTETS.filter((octet) => table[octet] === 1).map(toText).join('');
}

function allowed(rule: RegExp): string {
  return OCTETS.map(toText).filter((character) => rule.test(character)).join('');
}

function toText(octet: number): string {
  return String.fromCharCode(octet);
}

describe('tables', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['TOKEN: tchar (RFC 9110 §5.6.2)', TOKEN, /[!#$%&'*+\-.^_`|~0-9A-Za-z]/],
    ['FIELD_VALUE: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5)', FIELD_VALUE,
      /[\t \x21-\x7e\x80-\xff]/],
    ['FIELD_VALUE_END: all others (RFC 9110 §5.5)', FIELD_VALUE_END, /[\x00-\x08\x0a-\x1f\x7f]/],
    ['TARGET: unreserved, reserved, % but no # (RFC 3986 §2)', TARGET,
      /[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]/],
    ['HOST: unreserved, sub-delims, % (RFC 3986 §3.2.2)', HOST, /[A-Za-z0-9\-._~!$&'()*+,;=%]/],
  ])('%s', (_, table, rule) => {
    expect(accepted(table)).toBe(allowed(rule));
    expect(table).toHaveLength(256);
    expect(OCTETS.every((octet) => table[octet] === 0 || table[octet] === 1)).toBe(true);
  });

  test('HEX: the value of HEXDIG, of either case (RFC 5234 §B.1)', () => {
    const values = OCTETS.map(toText)
      .map((character) => (/[0-9a-f]/i.test(character) ? parseInt(character, 16) : 255));
    expect([...HEX]).toEqual(values);
  });
});

describe('isAll, isToken', () => {
  test.each([
    ['GET', true], ['!#$%&\'*+-.^_`|~', true], ['x', true],
    ['', false], ['a b', false], ['a:b', false], ['(x)', false], ['a\r', false],
    // Truncated to an octet, each of these would be a letter of a token.
    ['\u0147\u0145\u0154', false], ['GE\u0154', false], ['\ud83d\ude00', false],
  ])('%j is a token: %s (RFC 9110 §5.6.2)', (text, expected) => {
    expect(isToken(text)).toBe(expected);
  });

  test('a code unit over 255 is in no class (RFC 9110 §5.5)', () => {
    expect(isAll('a\u0109b', FIELD_VALUE)).toBe(false);
    expect(isAll('a\u00ffb', FIELD_VALUE)).toBe(true);
  });
});

describe('decimal', () => {
  test.each([
    ['0', 0], ['7', 7], ['007', 7], ['65535', 65_535],
    ['9007199254740991', 9_007_199_254_740_991], ['9007199254740992', -1],
    ['00000000000000000000001', 1], ['18446744073709551616', -1], ['9'.repeat(400), -1],
    ['', -1], ['-1', -1], ['+1', -1], ['1.0', -1], ['1e3', -1], ['0x10', -1], [' 1', -1],
    ['1 ', -1],
    ['1,1', -1], ['1_000', -1], ['\u0661', -1], ['Infinity', -1],
  ])('%j is %d', (text, value) => {
    expect(decimal(text)).toBe(value);
  });
});

test('latin1: each octet is the code point of its number', () => {
  const bytes = Uint8Array.from(OCTETS);
  expect(latin1(bytes, 0, 256)).toBe(OCTETS.map(toText).join(''));
  expect(latin1(bytes, 65, 68)).toBe('ABC');
  expect(latin1(bytes, 65, 65)).toBe('');
});

describe('equalsIgnoringCase', () => {
  test.each([
    ['host', 0, 'HOST', true], ['HoSt', 0, 'hOsT', true], ['xxhostyy', 2, 'Host', true],
    ['x', 0, '', true], ['a-b_c', 0, 'A-B_C', true],
    ['hos', 0, 'host', false], ['host', 2, 'host', false], ['host', 0, 'hosT ', false],
    // Pairs that differ in bit 5 alone and are no letters.
    ['@', 0, '`', false], ['[', 0, '{', false], ['^', 0, '~', false], ['\r', 0, '-', false],
    ['\u00c0', 0, '\u00e0', false],
    // KELVIN SIGN, which lower-cases to k.
    ['\u212a', 0, 'k', false],
  ])('%j at %d is %j: %s', (text, start, other, expected) => {
    expect(equalsIgnoringCase(text, start, other)).toBe(expected);
  });
});

test('escapeControls: what is written stays one line of plain text', () => {
  expect(escapeControls('a\r\nb\0\x1b[31m\x7f\x85')).toBe('a\\x0d\\x0ab\\x00\\x1b[31m\\x7f\\x85');
  expect(escapeControls('\u2028\u2029')).toBe('\\u2028\\u2029');
  expect(escapeControls('plain text, \u00e9 and \u20ac')).toBe('plain text, \u00e9 and \u20ac');
});
