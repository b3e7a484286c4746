/** Content made as it is pulled: any amount of it, at no cost in memory. */
import { Fields, type BodySource } from '../../src/index.ts';

const LINE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+\n';
const PIECE_BYTES = 64 * 1024;
const PATTERN = Buffer.from(LINE.repeat(PIECE_BYTES / LINE.length + 1));

/** Lines of 64 octets, from position `first` to `last`: a position always has the same octet. */
export class Octets implements BodySource {
  readonly length: number;
  #at: number;
  #left: number;

  constructor(first: number, last: number) {
    this.#at = first;
    this.#left = last + 1 - first;
    this.length = this.#left;
  }

  pull(max: number): Uint8Array | null {
    if (this.#left === 0) return null;
    const start = this.#at % LINE.length;
    const octets = Math.min(max, this.#left, PIECE_BYTES);
    this.#at += octets;
    this.#left -= octets;
    return PATTERN.subarray(start, start + octets);
  }

  cancel(): void {
    this.#left = 0;
  }
}

/** `count` pieces of `size` octets each, with no length declared, and the count as a trailer. */
export class Pieces implements BodySource {
  readonly length = undefined;
  readonly #count: number;
  readonly #size: number;
  #begun = 0;
  #piece = new Octets(0, -1);

  constructor(count: number, size: number) {
    this.#count = count;
    this.#size = size;
  }

  pull(max: number): Uint8Array | null {
    for (;;) {
      const octets = this.#piece.pull(max);
      if (octets !== null || this.#begun === this.#count || this.#size === 0) return octets;
      this.#begun++;
      this.#piece = new Octets(0, this.#size - 1);
    }
  }

  cancel(): void {
    this.#begun = this.#count;
    this.#piece.cancel();
  }

  trailers(): Fields {
    return Fields.from({ 'x-count': this.#count });
  }
}
