/**
 * Integers with a prefix of N bits (RFC 7541 §5.1).
 *
 *       0   1   2   3   4   5   6   7
 *     | ?   ?   ? | 1   1   1   1   1 |   the value less 2^N-1 follows, 7 bits an octet, low first
 */
import type { Slab } from '../../bytes/slab.ts';
import { CompressionError } from './compression-error.ts';

/** Octets after the prefix: four make 28 bits, more than any length or index of ours. */
const CONTINUATIONS_MAX = 4;

/** Reads integers; `at` is where the next octet is, so that one reader serves a whole block. */
export class IntegerReader {
  at = 0;

  /** The integer whose prefix is the low `bits` of the octet at `at`; `at` moves behind it. */
  read(bytes: Uint8Array, end: number, bits: number): number {
    const most = (1 << bits) - 1;
    let value = (bytes[this.at++] as number) & most;
    if (value < most) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.at >= end) throw new CompressionError('an integer is cut short (RFC 7541 §5.1)');
      if (shift === 7 * CONTINUATIONS_MAX) {
        throw new CompressionError('an integer is over 2^28 (RFC 7541 §5.1)');
      }
      const octet = bytes[this.at++] as number;
      value += (octet & 0x7f) * 2 ** shift;
      if (octet < 0x80) return value;
    }
  }
}

/** Writes an integer after the bits of `first` above its prefix. */
export function writeInteger(slab: Slab, first: number, bits: number, value: number): void {
  const most = (1 << bits) - 1;
  if (value < most) {
    slab.octet(first | value);
    return;
  }
  slab.octet(first | most);
  let rest = value - most;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) slab.octet((rest & 0x7f) | 0x80);
  slab.octet(rest);
}
