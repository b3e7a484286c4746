/**
 * IP addresses as text and as octets (RFC 3986 §3.2.2, RFC 4291 §2.2, RFC 5952).
 *
 * One form inside: 16 octets, an IPv4 address as its IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2),
 * so that the two spellings of one address are one. Strict: no leading zeros in a dotted quad, no
 * zone, no brackets, no space. Not for names or ports (target.ts). Called by forwarded.ts,
 * trust-list.ts and server/proxy-protocol.ts.
 */
import { COLON, HEX } from '../bytes/ascii.ts';

export const IPV4_OCTETS = 4;
export const IPV6_OCTETS = 16;
/** Where the IPv4 address stands in its IPv4-mapped form. */
export const MAPPED_AT = IPV6_OCTETS - IPV4_OCTETS;

const DOT = 0x2e;
const ZERO = 0x30;

/** The 16 octets of an address of either family; undefined when `text` is none. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

/** The 16 octets, IPv4-mapped, of an IPv4address (RFC 3986 §3.2.2). */
export function parseIpv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(IPV6_OCTETS);
  octets[MAPPED_AT - 2] = 0xff;
  octets[MAPPED_AT - 1] = 0xff;
  return readIpv4(text, 0, octets, MAPPED_AT) ? octets : undefined;
}

/** The 16 octets of an IPv6address (RFC 3986 §3.2.2). */
export function parseIpv6(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(IPV6_OCTETS);
  let at = 0;
  let gap = -1;
  let i = 0;
  if (text.startsWith('::')) {
    gap = 0;
    i = 2;
  }
  while (i < text.length) {
    const end = groupEnd(text, i);
    if (text.charCodeAt(end) === DOT) {
      if (at > MAPPED_AT || !readIpv4(text, i, octets, at)) return undefined;
      at += IPV4_OCTETS;
      break;
    }
    if (end === i || at === IPV6_OCTETS) return undefined;
    const group = Number.parseInt(text.slice(i, end), 16);
    octets[at++] = group >> 8;
    octets[at++] = group & 0xff;
    if (end === text.length) break;
    if (text.charCodeAt(end) !== COLON) return undefined;
    i = end + 1;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return undefined;
      gap = at;
      i++;
    } else if (i === text.length) {
      return undefined;
    }
  }
  if (gap < 0) return at === IPV6_OCTETS ? octets : undefined;
  // "::" stands for at least one group (RFC 4291 §2.2).
  return at < IPV6_OCTETS ? spread(octets, gap, at) : undefined;
}

/** Moves what was read after "::" to the end. */
function spread(octets: Uint8Array, gap: number, read: number): Uint8Array {
  const tail = IPV6_OCTETS - (read - gap);
  octets.copyWithin(tail, gap, read);
  return octets.fill(0, gap, tail);
}

/** The end of at most four hexadecimal digits. */
function groupEnd(text: string, start: number): number {
  let end = start;
  while (end < start + 4 && end < text.length && HEX[text.charCodeAt(end)] !== undefined &&
    HEX[text.charCodeAt(end)] !== 255) end++;
  return end;
}

/** Reads the rest of `text` as a dotted quad, into the four octets from `at`. */
function readIpv4(text: string, start: number, octets: Uint8Array, at: number): boolean {
  let i = start;
  for (let part = 0; part < IPV4_OCTETS; part++) {
    if (part > 0 && text.charCodeAt(i++) !== DOT) return false;
    const first = i;
    let value = 0;
    for (; i < first + 3; i++) {
      const digit = text.charCodeAt(i) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    // 010 is 8 to some and 10 to others: neither here.
    const leadingZero = i - first > 1 && text.charCodeAt(first) === ZERO;
    if (i === first || leadingZero || value > 255) return false;
    octets[at + part] = value;
  }
  return i === text.length;
}

/** Whether 16 octets are an IPv4 address in its IPv4-mapped form. */
export function isMapped(octets: Uint8Array): boolean {
  for (let i = 0; i < MAPPED_AT - 2; i++) {
    if (octets[i] !== 0) return false;
  }
  return octets[MAPPED_AT - 2] === 0xff && octets[MAPPED_AT - 1] === 0xff;
}

/** The one text of an address: IPv4-mapped ones as IPv4, the others as RFC 5952 §4 says. */
export function formatIpAddress(octets: Uint8Array): string {
  return isMapped(octets) ? formatIpv4(octets, MAPPED_AT) : formatIpv6(octets, 0);
}

/** The four octets from `at` as a dotted quad. */
export function formatIpv4(bytes: Uint8Array, at: number): string {
  return bytes.subarray(at, at + IPV4_OCTETS).join('.');
}

/** The 16 octets from `at` as RFC 5952 §4 says; IPv4-mapped ones end in a dotted quad (§5). */
export function formatIpv6(bytes: Uint8Array, at: number): string {
  const octets = bytes.subarray(at, at + IPV6_OCTETS);
  if (isMapped(octets)) return `::ffff:${formatIpv4(octets, MAPPED_AT)}`;
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((octets[index * 2] as number) << 8) | (octets[index * 2 + 1] as number)));
  const [start, length] = longestZeros(groups);
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** Where the longest run of zero groups is, the first of equals, and its length (§4.2). */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [0, 0];
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best[1]) best = [start, index + 1 - start];
  }
  return best;
}
