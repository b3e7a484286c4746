/** Lists of fields by chance, as requests and responses may have them, and damage to blocks. */
import { STATIC_NAMES } from '../../src/http2/hpack/static-table.ts';
import type { Field } from '../support/hpack.ts';
import type { Random } from '../support/random.ts';

/** A list is one frame's: no CONTINUATION. */
const LIST_BYTES_MAX = 12_000;
/** Names that say something of the message or the connection, which an endpoint would check. */
const CHECKED = new Set([
  'content-length', 'expect', 'host', 'transfer-encoding', 'date', 'www-authenticate',
]);
const NAMES = [
  ...STATIC_NAMES.slice(15).filter((name) => !CHECKED.has(name)),
  'x-own', 'x-other', 'priority', 'sec-fetch-mode', 'x-a', 'x-b', 'x-c', 'dnt', 'traceparent',
];
const VALUES = [
  '', '0', '1', 'no-cache', 'gzip', 'gzip, deflate', 'text/html; charset=utf-8', 'en-US,en;q=0.9',
  'max-age=3600', 'Mon, 21 Oct 2013 20:13:21 GMT', '"etag"', 'bytes=0-99', 'session=0123456789',
];
const NAME_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789-_.!#$%&*+^`|~';

/** A list of fields, without pseudo-header fields. */
export function someFields(random: Random): Field[] {
  const list: Field[] = [];
  let octets = 0;
  for (let left = random.int(random.chance(0.1) ? 60 : 14); left > 0; left--) {
    const entry: Field = [someName(random), someValue(random)];
    octets += entry[0].length + entry[1].length + 8;
    if (octets > LIST_BYTES_MAX) break;
    list.push(entry);
  }
  return list;
}

function someName(random: Random): string {
  if (random.chance(0.8)) return random.pick(NAMES);
  return `x-${text(random.int(20), () => random.pick([...NAME_CHARACTERS]))}`;
}

/** VCHAR, SP and obs-text, with no space at either end (RFC 9113 §8.2.1). */
function someValue(random: Random): string {
  if (random.chance(0.6)) return random.pick(VALUES);
  const rare = random.chance(0.3);
  const length = random.int(random.chance(0.03) ? 5000 : 60);
  const value = text(length, () => String.fromCharCode(
    rare && random.chance(0.5) ? random.between(0x80, 0xff) : random.between(0x20, 0x7e),
  ));
  return value.trim().replaceAll(/^[\s\u00a0]+|[\s\u00a0]+$/g, '');
}

export function somePath(random: Random): string {
  return `/${text(random.int(40), () => random.pick([...'abcxyz0189/-_.~?=&%']))}`;
}

function text(length: number, one: () => string): string {
  return Array.from({ length }, one).join('');
}

/** A block with some damage: bits, octets, runs, ends. */
export function damaged(random: Random, block: Uint8Array, other: Uint8Array): Uint8Array {
  let octets = [...block];
  for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
    const at = random.int(octets.length + 1);
    const kind = random.int(7);
    if (kind === 0) octets[at] = (octets[at] ?? 0) ^ (1 << random.int(8));
    else if (kind === 1) octets.splice(at, random.int(4));
    else if (kind === 2) octets.splice(at, 0, ...random.bytes(random.between(1, 4)));
    else if (kind === 3) octets = octets.slice(0, at);
    else if (kind === 4) octets.splice(at, 0, ...octets.slice(at, at + random.int(20)));
    else if (kind === 5) octets.splice(at, 0, ...other.subarray(random.int(other.length + 1)));
    else octets[at] = random.pick([0x00, 0x0f, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xbe, 0xff]);
  }
  return Uint8Array.from(octets);
}
