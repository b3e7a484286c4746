/**
 * The octets that wait to leave, as few and large pieces as pay.
 *
 * Text (latin1) is joined as a string, the cheapest way on Node to one write (heads, chunk lines,
 * small bodies); short octets join it, long ones stay views and are never copied. `take` hands out
 * pieces of at most `max` octets, so that a slow reader's progress can be seen. Used by whoever
 * owns a socket, real or in memory.
 */
import { Buffer } from 'node:buffer';
import { latin1 } from './ascii.ts';

/** Up to here octets are joined to text: measured, a view and a second write cost more. */
const JOINED_BYTES = 512;
const EMPTY: readonly (string | Uint8Array)[] = [];

export class WriteBuffer {
  #text = '';
  #pieces: (string | Uint8Array)[] = EMPTY as (string | Uint8Array)[];
  #length = 0;

  /** Octets that wait. */
  get length(): number {
    return this.#length;
  }

  push(octets: Uint8Array | string): void {
    const { length } = octets;
    if (length === 0) return;
    this.#length += length;
    if (typeof octets === 'string') {
      this.#text += octets;
    } else if (length <= JOINED_BYTES) {
      this.#text += latin1(octets, 0, length);
    } else {
      this.#seal();
      this.#pieces.push(octets);
    }
  }

  /** The next piece, of at most `max` octets; undefined when nothing waits. */
  take(max: number): Uint8Array | string | undefined {
    if (this.#pieces.length === 0) {
      const text = this.#text;
      if (text === '') return undefined;
      if (text.length <= max) {
        this.#text = '';
        this.#length = 0;
        return text;
      }
      this.#seal();
    }
    const piece = this.#pieces[0] as string | Uint8Array;
    if (piece.length > max) {
      // From here on it is octets: a view is cut for nothing, a string would be copied each time.
      const octets = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
      this.#pieces[0] = octets.subarray(max);
      this.#length -= max;
      return octets.subarray(0, max);
    }
    this.#pieces.shift();
    if (this.#pieces.length === 0) this.#pieces = EMPTY as (string | Uint8Array)[];
    this.#length -= piece.length;
    return piece;
  }

  clear(): void {
    this.#text = '';
    this.#pieces = EMPTY as (string | Uint8Array)[];
    this.#length = 0;
  }

  #seal(): void {
    if (this.#pieces === EMPTY) this.#pieces = [];
    if (this.#text === '') return;
    this.#pieces.push(this.#text);
    this.#text = '';
  }
}
