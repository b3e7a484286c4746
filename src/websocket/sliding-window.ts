/**
 * An LZ77 sliding window (RFC 7692 §7): the last octets that went through a compressor.
 *
 * Kept between messages where there is context takeover, and given to zlib as a dictionary: that
 * costs a quarter of what a compressor of its own would hold for each connection.
 */

const LEAST_BYTES = 1024;
const NOTHING = new Uint8Array(0);

export class SlidingWindow {
  readonly #most: number;
  #bytes: Uint8Array = NOTHING;
  #length = 0;

  /** Of 2^`windowBits` octets at most. */
  constructor(windowBits: number) {
    this.#most = 1 << windowBits;
  }

  /** Undefined: it is empty. A view, good until the next `append`. */
  get octets(): Uint8Array | undefined {
    return this.#length === 0 ? undefined : this.#bytes.subarray(0, this.#length);
  }

  /** Memory, octets. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  append(octets: Uint8Array): void {
    const most = this.#most;
    const added = Math.min(octets.length, most);
    const kept = Math.min(this.#length, most - added);
    const length = kept + added;
    if (length > this.#bytes.length) this.#grow(length);
    if (kept < this.#length) this.#bytes.copyWithin(0, this.#length - kept, this.#length);
    this.#bytes.set(added === octets.length ? octets : octets.subarray(-added), kept);
    this.#length = length;
  }

  #grow(length: number): void {
    const capacity = Math.min(this.#most, Math.max(length, this.#bytes.length * 2, LEAST_BYTES));
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
