/**
 * Octets as ASCII: the character classes of the HTTP grammar as tables, and numbers in text.
 *
 * No protocol: who uses a class names its rule. Tables have one entry an octet, so that a scan is
 * one load and one branch. Grammar: RFC 9110 §5.6.2 (token), §5.5 (field value), RFC 3986 §2 (URI).
 */
import { Buffer } from 'node:buffer';

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

function table(accepts: (octet: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => (accepts(octet) ? 1 : 0));
}

function among(characters: string): (octet: number) => boolean {
  const octets = new Set(Buffer.from(characters, 'latin1'));
  return (octet) => octets.has(octet);
}

const DIGITS = '0123456789';
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** tchar (RFC 9110 §5.6.2). */
export const TOKEN = table(among(`!#$%&'*+-.^_\`|~${DIGITS}${LETTERS}`));
/** What a field value may hold: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5). */
export const FIELD_VALUE = table((o) => o === HTAB || (o >= SP && o !== 0x7f));
/** The same turned round: 1 ends a field value. */
export const FIELD_VALUE_END = table((o) => FIELD_VALUE[o] === 0);
/** What a request target may hold: the characters of RFC 3986 §2 but for `#`. */
export const TARGET = table(among(`-._~:/?[]@!$&'()*+,;=%${DIGITS}${LETTERS}`));
/** reg-name and IP-literal of a host, without the port's colon rules (RFC 3986 §3.2.2). */
export const HOST = table(among(`-._~!$&'()*+,;=%${DIGITS}${LETTERS}`));
/** The value of a hexadecimal digit, or 255. */
export const HEX = Uint8Array.from({ length: 256 }, (_, octet) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(octet).toLowerCase());
  return digit < 0 ? 255 : digit;
});

/** Whether every character of `text` is in a class; the empty text is in none. */
export function isAll(text: string, table: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) {
    // A code unit over 255 has no entry: U+010A must not pass as LF's neighbour (RFC 9110 §5.5).
    if (table[text.charCodeAt(i)] !== 1) return false;
  }
  return text.length > 0;
}

export function isToken(text: string): boolean {
  return isAll(text, TOKEN);
}

/** 1*DIGIT as a number; -1 for anything else and for what a double cannot hold exactly. */
export function decimal(text: string): number {
  if (text.length === 0) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}

const latin1Slice = Buffer.prototype.latin1Slice;

/** Octets as a string of the same code points (ISO 8859-1): what a head is turned into. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end);
}

/** Whether `text` at `start` is `other`, but for the case of ASCII letters. */
export function equalsIgnoringCase(text: string, start: number, other: string): boolean {
  for (let i = 0; i < other.length; i++) {
    const a = text.charCodeAt(start + i);
    const b = other.charCodeAt(i);
    if (a !== b && (foldCase(a) !== foldCase(b))) return false;
  }
  return true;
}

function foldCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
}

/**
 * Control characters as `\xNN`, so that a line that an outsider had a hand in stays one line of
 * plain text in a log or a message.
 */
export function escapeControls(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0);
    return code > 255 ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

/** The octets of a string of code points up to 255. */
export function latin1Octets(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
