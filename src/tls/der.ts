/**
 * Values as DER, the one encoding of ASN.1 that gives a value one form (X.690): what a certificate
 * is written in. And that as PEM text (RFC 7468).
 *
 * A writer alone: certificates are read by node:crypto. Called by certificate.ts and
 * general-name.ts. A value is its identifier octet, its length, and its contents:
 *
 *     02 | 01 | 05          INTEGER 5
 *     30 | 81 80 | ...      SEQUENCE of 128 octets
 */
import { Buffer } from 'node:buffer';

const CONSTRUCTED = 0x20;
const CONTEXT = 0x80;

/** Any element: identifier, definite length in the fewest octets, contents (X.690 §8.1, §10.1). */
function element(identifier: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [identifier, ...lengthOctets(length)];
  const octets = new Uint8Array(head.length + length);
  octets.set(head);
  let at = head.length;
  for (const part of parts) {
    octets.set(part, at);
    at += part.length;
  }
  return octets;
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

export function boolean(value: boolean): Uint8Array {
  return element(0x01, Uint8Array.of(value ? 0xff : 0x00));
}

/** Two's complement in the fewest octets (X.690 §8.3.2). */
export function integer(value: bigint): Uint8Array {
  const octets: number[] = [];
  let rest = value;
  let sign: bigint;
  do {
    const octet = Number(rest & 0xffn);
    octets.unshift(octet);
    rest >>= 8n;
    sign = octet < 0x80 ? 0n : -1n;
  } while (rest !== sign);
  return element(0x02, Uint8Array.from(octets));
}

/** `unused` bits of the last octet are no part of the value, and are zero (X.690 §11.2.1). */
export function bitString(octets: Uint8Array, unused: number = 0): Uint8Array {
  if (unused < 0 || unused > (octets.length === 0 ? 0 : 7)) {
    throw new RangeError(`${unused} unused bits in ${octets.length} octets (X.690 §8.6.2)`);
  }
  const contents = Uint8Array.of(unused, ...octets);
  if (unused > 0) contents[octets.length] = (contents[octets.length] as number) & (0xff << unused);
  return element(0x03, contents);
}

/** A list of named bits, by their numbers: none that is zero at its end (X.690 §11.2.2). */
export function namedBits(...bits: readonly number[]): Uint8Array {
  const count = Math.max(-1, ...bits) + 1;
  const octets = new Uint8Array(Math.ceil(count / 8));
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] as number) | (0x80 >> (bit & 7));
  return bitString(octets, octets.length * 8 - count);
}

export function octetString(octets: Uint8Array): Uint8Array {
  return element(0x04, octets);
}

export function nullValue(): Uint8Array {
  return element(0x05);
}

/** An object identifier from its arcs: `2.5.29.17` (X.690 §8.19). */
export function objectIdentifier(text: string): Uint8Array {
  const arcs = /^\d+(\.\d+)+$/.test(text) ? text.split('.').map(Number) : [];
  const [first = 3, second = 0, ...others] = arcs;
  if (first > 2 || (first < 2 && second > 39) || !arcs.every(Number.isSafeInteger)) {
    throw new RangeError(`no object identifier (X.690 §8.19): ${text}`);
  }
  return element(0x06, Uint8Array.from([first * 40 + second, ...others].flatMap(septets)));
}

/** Seven bits an octet, the high bit on all but the last. */
function septets(arc: number): number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    octets.unshift(0x80 | rest % 128);
  }
  return octets;
}

export function utf8String(text: string): Uint8Array {
  return element(0x0c, Buffer.from(text, 'utf8'));
}

/** Letters, digits and a few marks of ASCII (X.680 §41.4). */
export function printableString(text: string): Uint8Array {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) {
    throw new RangeError(`not a PrintableString (X.680 §41.4): ${text}`);
  }
  return element(0x13, Buffer.from(text, 'latin1'));
}

/** A year of two digits, from 1950 to 2049 (RFC 5280 §4.1.2.5.1). */
export function utcTime(ms: number): Uint8Array {
  const text = timeText(ms);
  if (text < '1950' || text >= '2050') {
    throw new RangeError(`${text} is outside of UTCTime (RFC 5280 §4.1.2.5.1)`);
  }
  return element(0x17, Buffer.from(text.slice(2), 'latin1'));
}

/** A year of four digits (RFC 5280 §4.1.2.5.2). */
export function generalizedTime(ms: number): Uint8Array {
  return element(0x18, Buffer.from(timeText(ms), 'latin1'));
}

/** Dates of a certificate are UTCTime through 2049, GeneralizedTime from then (§4.1.2.5). */
export function time(ms: number): Uint8Array {
  return new Date(ms).getUTCFullYear() < 2050 ? utcTime(ms) : generalizedTime(ms);
}

/** YYYYMMDDHHMMSSZ: seconds always, fractions of them never. */
function timeText(ms: number): string {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  if (!/^\d{14}Z$/.test(text)) throw new RangeError(`a year of other than four digits: ${text}`);
  return text;
}

export function sequence(...members: readonly Uint8Array[]): Uint8Array {
  return element(0x10 | CONSTRUCTED, ...members);
}

/** SET OF: its members in the order of their octets (X.690 §11.6). */
export function setOf(...members: readonly Uint8Array[]): Uint8Array {
  return element(0x11 | CONSTRUCTED, ...members.toSorted(Buffer.compare));
}

/** `[number] EXPLICIT`, or a constructed type under `[number] IMPLICIT` (X.690 §8.14). */
export function context(number: number, ...members: readonly Uint8Array[]): Uint8Array {
  return element(CONTEXT | CONSTRUCTED | contextNumber(number), ...members);
}

/** A primitive type under `[number] IMPLICIT`: its contents alone (X.690 §8.14). */
export function contextPrimitive(number: number, contents: Uint8Array): Uint8Array {
  return element(CONTEXT | contextNumber(number), contents);
}

function contextNumber(number: number): number {
  if (!Number.isInteger(number) || number < 0 || number > 30) {
    throw new RangeError(`the tag ${number} is not of one octet (X.690 §8.1.2.2)`);
  }
  return number;
}

/** Lines of 64 characters between two that say what it is (RFC 7468 §2). */
export function pem(label: string, octets: Uint8Array): string {
  const lines = Buffer.from(octets).toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
