/**
 * UTF-8 (RFC 3629), strictly: octets that are none are an answer, never U+FFFD.
 *
 * `decodeUtf8` is for text that is there whole, `Utf8Validator` for text that comes in pieces. Not
 * for heads, which are latin1 (ascii.ts). Called by the WebSocket protocol (RFC 6455 §8.1).
 */
import { Buffer, isAscii, isUtf8, transcode } from 'node:buffer';
import { latin1 } from './ascii.ts';

/** From here on looking at the octets first, then going by UTF-16, is 3 to 9 times as fast. */
const LONG_BYTES = 512;
/** Under this a loop is quicker than the view and the call that `isUtf8` wants. */
const LOOPED_BYTES = 32;
const REPLACEMENT = '\ufffd';
const { utf8Slice, ucs2Slice } = Buffer.prototype;

/** The text of octets, or undefined where they are no UTF-8. A byte order mark is text. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start >= LONG_BYTES) return decodeLong(bytes, start, end);
  const text = utf8Slice.call(bytes, start, end);
  // Whatever is broken became U+FFFD; but that may have been sent as well.
  if (!text.includes(REPLACEMENT)) return text;
  const validator = new Utf8Validator();
  return validator.accept(bytes, start, end) && validator.isComplete ? text : undefined;
}

function decodeLong(bytes: Uint8Array, start: number, end: number): string | undefined {
  const octets = view(bytes, start, end);
  if (isAscii(octets)) return latin1(bytes, start, end);
  if (!isUtf8(octets)) return undefined;
  const units = transcode(octets, 'utf8', 'ucs2');
  return ucs2Slice.call(units, 0, units.length);
}

/** Octets that follow a first octet; 0 for what cannot be one (RFC 3629 §4). */
const FOLLOWING = Uint8Array.from({ length: 256 }, (_, octet) => {
  if (octet < 0xc2 || octet > 0xf4) return 0;
  return octet < 0xe0 ? 1 : octet < 0xf0 ? 2 : 3;
});

/**
 * Checks text that comes in pieces, and says no at the first octet that no text could go on with,
 * also within a code point that is cut between pieces. After a no it is worth nothing.
 *
 *     UTF8-2 = %xC2-DF UTF8-tail
 *     UTF8-3 = %xE0 %xA0-BF UTF8-tail / %xE1-EC 2( UTF8-tail ) /
 *              %xED %x80-9F UTF8-tail / %xEE-EF 2( UTF8-tail )
 *     UTF8-4 = %xF0 %x90-BF 2( UTF8-tail ) / %xF1-F3 3( UTF8-tail ) /
 *              %xF4 %x80-8F 2( UTF8-tail )
 */
export class Utf8Validator {
  /** Octets of the code point at the end that have come, and that are due. */
  #begun = 0;
  #due = 0;
  // What the next of them may be
  #low = 0x80;
  #high = 0xbf;

  /** Whether the text may end here: no code point is cut. */
  get isComplete(): boolean {
    return this.#due === 0;
  }

  /** Octets at the end of what came that belong to a code point that is not complete. */
  get cutBytes(): number {
    return this.#begun;
  }

  /** Takes a piece. False: no text begins with what came. */
  accept(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start;
    if (end - start >= LOOPED_BYTES) {
      if (this.#due > 0) {
        at = start + this.#due;
        if (!this.#scan(bytes, start, at)) return false;
      }
      const last = lastFirstOctet(bytes, end);
      if (!isUtf8(view(bytes, at, last))) return false;
      at = last;
    }
    return this.#scan(bytes, at, end);
  }

  /** Forgets what came. */
  reset(): void {
    this.#begun = 0;
    this.#due = 0;
  }

  #scan(bytes: Uint8Array, start: number, end: number): boolean {
    let due = this.#due;
    let begun = this.#begun;
    let low = this.#low;
    let high = this.#high;
    for (let at = start; at < end; at++) {
      const octet = bytes[at] as number;
      if (due > 0) {
        if (octet < low || octet > high) return false;
        low = 0x80;
        high = 0xbf;
        due--;
        begun = due === 0 ? 0 : begun + 1;
      } else if (octet >= 0x80) {
        due = FOLLOWING[octet] as number;
        if (due === 0) return false;
        begun = 1;
        // Neither longer than need be, nor a surrogate, nor over U+10FFFF.
        low = octet === 0xe0 ? 0xa0 : octet === 0xf0 ? 0x90 : 0x80;
        high = octet === 0xed ? 0x9f : octet === 0xf4 ? 0x8f : 0xbf;
      }
    }
    this.#due = due;
    this.#begun = begun;
    this.#low = low;
    this.#high = high;
    return true;
  }
}

/** Where a code point that may be cut by `end` begins, or `end`. */
function lastFirstOctet(bytes: Uint8Array, end: number): number {
  for (let at = end - 1; at >= end - 3; at--) {
    const octet = bytes[at] as number;
    if (octet >= 0xc0) return at;
    if (octet < 0x80) return end;
  }
  return end;
}

function view(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}
