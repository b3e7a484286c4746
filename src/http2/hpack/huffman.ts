/**
 * Huffman coding of strings (RFC 7541 §5.2, Appendix B).
 *
 * Decoding looks twelve bits up at a step, which is one octet of text for all but rare ones; those
 * walk their longer code a bit at a time. The code lengths are counted out to tables at the start.
 */
import { latin1 } from '../../bytes/ascii.ts';
import type { Slab } from '../../bytes/slab.ts';
import { CODE_LENGTHS } from './huffman-codes.ts';
import { CompressionError } from './compression-error.ts';

const EOS = 256;
const LOOKUP_BITS = 12;
const LOOKUP_MASK = (1 << LOOKUP_BITS) - 1;
const LONGEST_BITS = 30;
const SYMBOL_BITS = 9;

/** The code of each octet, right-aligned. */
const CODES = new Uint32Array(EOS + 1);
/** For twelve bits: length << 9 | octet, or 0 where the code is longer. */
const LOOKUP = new Uint16Array(1 << LOOKUP_BITS);
/** For each length: its first code, and where its octets begin in ORDER. */
const FIRST_CODE = new Float64Array(LONGEST_BITS + 2);
const FIRST_PLACE = new Uint16Array(LONGEST_BITS + 2);
const ORDER = new Uint16Array(EOS + 1);

countOut();

/** Canonical: each code is one more than the last, shifted where codes get longer. */
function countOut(): void {
  let code = 0;
  let place = 0;
  for (let length = 1; length <= LONGEST_BITS; length++) {
    FIRST_CODE[length] = code;
    FIRST_PLACE[length] = place;
    for (let symbol = 0; symbol <= EOS; symbol++) {
      if (CODE_LENGTHS[symbol] !== length) continue;
      CODES[symbol] = code;
      ORDER[place++] = symbol;
      if (length <= LOOKUP_BITS) fill(code, length, symbol);
      code++;
    }
    FIRST_PLACE[length + 1] = place;
    code *= 2;
  }
}

function fill(code: number, length: number, symbol: number): void {
  const spare = LOOKUP_BITS - length;
  const entry = (length << SYMBOL_BITS) | symbol;
  for (let tail = 0; tail < 1 << spare; tail++) LOOKUP[(code << spare) | tail] = entry;
}

let scratch = new Uint8Array(4096);

/** Decodes octets to latin1 text. Throws a CompressionError for EOS and for wrong padding. */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number): string {
  // The shortest code has five bits.
  const most = Math.ceil((end - start) * 8 / 5);
  if (scratch.length < most) scratch = new Uint8Array(most * 2);
  const out = scratch;
  let length = 0;
  let at = start;
  let held = 0;
  let bits = 0;
  for (;;) {
    while (bits < LOOKUP_BITS && at < end) {
      held = (held << 8) | (bytes[at++] as number);
      bits += 8;
    }
    // At the end ones fill up, which no code of up to seven bits begins with.
    const window = bits >= LOOKUP_BITS
      ? held >> (bits - LOOKUP_BITS)
      : (held << (LOOKUP_BITS - bits)) | (LOOKUP_MASK >> bits);
    const entry = LOOKUP[window & LOOKUP_MASK] as number;
    const codeBits = entry >> SYMBOL_BITS;
    if (entry !== 0 && codeBits <= bits) {
      out[length++] = entry & 0xff;
      bits -= codeBits;
      continue;
    }
    if (at >= end && isPadding(held, bits)) return latin1(out, 0, length);
    const long = readLong(bytes, at * 8 - bits, end * 8);
    out[length++] = long.symbol;
    at = long.bit >> 3;
    bits = 0;
    held = 0;
    if ((long.bit & 7) !== 0) {
      held = bytes[at++] as number;
      bits = 8 - (long.bit & 7);
    }
  }
}

/** At most seven bits, all ones: the beginning of EOS (RFC 7541 §5.2). */
function isPadding(held: number, bits: number): boolean {
  const ones = (1 << bits) - 1;
  return bits < 8 && (held & ones) === ones;
}

const longCode = { symbol: 0, bit: 0 };

/** Walks one code from bit `from`; the outcome is reused. */
function readLong(bytes: Uint8Array, from: number, endBit: number): typeof longCode {
  let code = 0;
  for (let length = 1, bit = from; length <= LONGEST_BITS && bit < endBit; length++, bit++) {
    code = code * 2 + (((bytes[bit >> 3] as number) >> (7 - (bit & 7))) & 1);
    const place = (FIRST_PLACE[length] as number) + code - (FIRST_CODE[length] as number);
    if (place >= (FIRST_PLACE[length + 1] as number)) continue;
    const symbol = ORDER[place] as number;
    if (symbol === EOS) throw new CompressionError('EOS in a string (RFC 7541 §5.2)');
    longCode.symbol = symbol;
    longCode.bit = bit + 1;
    return longCode;
  }
  throw new CompressionError('a string ends in more than padding (RFC 7541 §5.2)');
}

/** Octets that a text takes when encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)] as number;
  return (bits + 7) >> 3;
}

/** Encodes a text of code points up to 255, whose `huffmanLength` the caller knows. */
export function huffmanEncode(text: string, octets: number, slab: Slab): void {
  slab.reserve(octets);
  const { bytes } = slab;
  let at = slab.length;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let length = CODE_LENGTHS[symbol] as number;
    let code = CODES[symbol] as number;
    // Fewer than 16 bits are held: a code of up to 16 more fits, a longer one goes in two parts.
    if (length > 16) {
      held = (held << (length - 16)) | (code >>> 16);
      bits += length - 16;
      for (; bits >= 8; bits -= 8) bytes[at++] = held >>> (bits - 8);
      code &= 0xffff;
      length = 16;
    }
    held = (held << length) | code;
    bits += length;
    if (bits >= 16) {
      bits -= 16;
      bytes[at++] = held >>> (bits + 8);
      bytes[at++] = held >>> bits;
    }
  }
  for (; bits >= 8; bits -= 8) bytes[at++] = held >>> (bits - 8);
  // Ones fill the last octet: the beginning of EOS.
  if (bits > 0) bytes[at++] = (held << (8 - bits)) | (0xff >> bits);
  slab.length = at;
}
