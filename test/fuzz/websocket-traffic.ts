/**
 * Legal traffic of a WebSocket by chance: messages of all lengths, in fragments, with control
 * frames between, and how the octets are cut into reads.
 */
import { Buffer } from 'node:buffer';
import { prose } from '../support/compression.ts';
import { Random } from '../support/random.ts';

/** A message as a program has it. */
export interface Content {
  readonly isText: boolean;
  readonly octets: Uint8Array;
}

const KIB = 1024;
export const MESSAGE_BYTES = KIB * KIB;
/** What a frame of a message in several counts beside its payload. */
export const FRAGMENT_BYTES = 128;
const FRAGMENTS_MAX = 1024;
/** Of octets that get no shorter, with fixed codes: 9 bits for each (RFC 1951 §3.2.6). */
const GROWTH = 9 / 8;
const EDGES = [0, 1, 2, 125, 126, 127, 128, 1023];

interface Pools {
  readonly texts: readonly Uint8Array[];
  readonly binaries: readonly Uint8Array[];
}

let made: Pools | undefined;

/** What messages are cut out of: made once, and the same in every run. */
function pools(): Pools {
  const random = new Random(6455);
  const length = MESSAGE_BYTES + 64 * KIB;
  made ??= {
    texts: [
      Buffer.from(prose(random, length)), codePoints(random, length), Buffer.alloc(length, 'a'),
    ],
    binaries: [random.bytes(length), Buffer.from(prose(random, length)), new Uint8Array(length)],
  };
  return made;
}

/** Code points of each length in UTF-8 (RFC 3629 §4), the first and the last of each among them. */
function codePoints(random: Random, length: number): Uint8Array {
  const ranges = [
    [0, 0x7f], [0x80, 0x7ff], [0x800, 0xd7ff], [0xe000, 0xffff], [0x1_0000, 0x10_ffff],
  ] as const;
  const parts: string[] = [];
  for (let octets = 0; octets < length;) {
    const [first, last] = random.pick(ranges);
    const point = random.pick([first, last, random.between(first, last)]);
    const text = String.fromCodePoint(point);
    octets += Buffer.byteLength(text);
    parts.push(text);
  }
  return Buffer.from(parts.join(''));
}

function isTail(octet: number | undefined): boolean {
  return octet !== undefined && (octet & 0xc0) === 0x80;
}

/** Of about `length` octets, never more: text is cut between code points. */
export function content(random: Random, isText: boolean, length: number): Content {
  const { texts, binaries } = pools();
  const pool = random.pick(isText ? texts : binaries);
  let start = random.int(pool.length - length + 1);
  if (isText) while (isTail(pool[start])) start--;
  let end = start + length;
  if (isText) while (end > start && isTail(pool[end])) end--;
  return { isText, octets: pool.subarray(start, end) };
}

/** How many frames a message comes in. */
export function fragmentCount(random: Random): number {
  if (random.chance(0.5)) return 1;
  return random.chance(0.98) ? random.between(2, 6) : random.between(7, FRAGMENTS_MAX);
}

/** 90 % under 1 KiB, 9 % under 64 KiB, 1 % up to what may come in so many frames. */
export function messageLength(random: Random, fragments: number, isCompressed: boolean): number {
  const room = MESSAGE_BYTES - (fragments > 1 ? fragments * FRAGMENT_BYTES : 0);
  const most = isCompressed ? Math.floor((room - KIB) / GROWTH) : room;
  const kind = random.int(100);
  if (kind < 5) return random.pick(EDGES);
  if (kind < 90) return random.int(KIB);
  if (kind === 98) return random.pick([0xffff, 0x1_0000, 0x1_0001]);
  const log = (from: number, to: number): number =>
    Math.floor(from * (to / from) ** (random.next() / 2 ** 32));
  if (kind < 99) return log(KIB, 64 * KIB);
  return random.chance(0.1) ? most : log(64 * KIB, most);
}

/** The parts of a payload, some of them empty, cut wherever it may be. */
export function fragmentsOf(random: Random, payload: Uint8Array, count: number): Uint8Array[] {
  const cuts = Array.from({ length: count - 1 }, () => random.int(payload.length + 1));
  const ends = [...cuts.sort((a, b) => a - b), payload.length];
  return ends.map((end, i) => payload.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** Octets as reads. */
export function readsOf(random: Random, octets: Uint8Array, most: number): Uint8Array[] {
  if (most === Infinity && octets.length < 2 * KIB) {
    return Array.from(octets, (_, at) => octets.subarray(at, at + 1));
  }
  const count = random.int(Math.min(most, 100) + 1) + 1;
  return fragmentsOf(random, octets, count).filter(({ length }) => length > 0);
}
