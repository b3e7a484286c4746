/**
 * Masking (RFC 6455 §5.3): octet i of a payload is XORed with octet i mod 4 of the key.
 *
 *     transformed-octet-i = original-octet-i XOR masking-key-octet-j, j = i MOD 4
 *
 * A key is a number of 32 bits, its first octet the highest. A phase is the j of the next octet, so
 * that a payload can be unmasked as it comes. What chooses keys is handed in: a client must take it
 * from a source that nobody can predict (§10.3).
 */
import type { Slab } from '../bytes/slab.ts';

/** Under this a loop by octet is quicker than a view of words. */
const LOOPED_BYTES = 128;
/** Words are octets turned round, but on the few machines where they are not. */
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
/** Octets of randomness taken at once, 4 for a key. */
const POOL_BYTES = 1024;

/** Unmasks, or masks, in place, at any alignment. Returns the phase after `end`. */
export function unmask(
  bytes: Uint8Array, start: number, end: number, key: number, phase: number,
): number {
  const turned = turn(key, phase);
  if (end - start < LOOPED_BYTES) unmaskOctets(bytes, start, end, turned);
  else unmaskWords(bytes, start, end, turned);
  return (phase + end - start) & 3;
}

/** The key as seen by an octet that is not the first. */
function turn(key: number, phase: number): number {
  return phase === 0 ? key : (key << (phase << 3)) | (key >>> (32 - (phase << 3)));
}

function unmaskOctets(bytes: Uint8Array, start: number, end: number, key: number): void {
  const k0 = key >>> 24;
  const k1 = (key >>> 16) & 0xff;
  const k2 = (key >>> 8) & 0xff;
  const k3 = key & 0xff;
  let at = start;
  for (; at + 3 < end; at += 4) {
    bytes[at] = (bytes[at] as number) ^ k0;
    bytes[at + 1] = (bytes[at + 1] as number) ^ k1;
    bytes[at + 2] = (bytes[at + 2] as number) ^ k2;
    bytes[at + 3] = (bytes[at + 3] as number) ^ k3;
  }
  if (at < end) bytes[at] = (bytes[at] as number) ^ k0;
  if (at + 1 < end) bytes[at + 1] = (bytes[at + 1] as number) ^ k1;
  if (at + 2 < end) bytes[at + 2] = (bytes[at + 2] as number) ^ k2;
}

/** Octets up to the first word that is aligned, words by eight, and what is left by octet. */
function unmaskWords(bytes: Uint8Array, start: number, end: number, key: number): void {
  const head = -(bytes.byteOffset + start) & 3;
  const first = start + head;
  unmaskOctets(bytes, start, first, key);
  const turned = turn(key, head);
  const word = LITTLE_ENDIAN ? swapped(turned) : turned;
  const count = (end - first) >>> 2;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + first, count);
  let at = 0;
  for (; at + 7 < count; at += 8) {
    words[at] = (words[at] as number) ^ word;
    words[at + 1] = (words[at + 1] as number) ^ word;
    words[at + 2] = (words[at + 2] as number) ^ word;
    words[at + 3] = (words[at + 3] as number) ^ word;
    words[at + 4] = (words[at + 4] as number) ^ word;
    words[at + 5] = (words[at + 5] as number) ^ word;
    words[at + 6] = (words[at + 6] as number) ^ word;
    words[at + 7] = (words[at + 7] as number) ^ word;
  }
  for (; at < count; at++) words[at] = (words[at] as number) ^ word;
  unmaskOctets(bytes, first + (count << 2), end, turned);
}

function swapped(key: number): number {
  return (key >>> 24) | ((key >>> 8) & 0xff00) | ((key & 0xff00) << 8) | (key << 24);
}

/** Copies a payload to the end of a slab, masked; the source is left as it is. */
export function copyMasked(slab: Slab, payload: Uint8Array, key: number): void {
  const at = slab.length;
  slab.octets(payload);
  unmask(slab.bytes, at, slab.length, key, 0);
}

/**
 * A source of keys out of a source of randomness, which fills octets. Each key is used for one
 * frame (§5.3).
 */
export function maskingKeys(random: (bytes: Uint8Array) => unknown): () => number {
  const pool = new Uint8Array(POOL_BYTES);
  const view = new DataView(pool.buffer);
  let at = POOL_BYTES;
  return () => {
    if (at === POOL_BYTES) {
      random(pool);
      at = 0;
    }
    at += 4;
    return view.getUint32(at - 4);
  };
}
