/**
 * A growing run of octets that is written front to back and handed over whole: the frames of one
 * turn, or one header block. Writers reserve, then set octets by number.
 */
import { Buffer } from 'node:buffer';

const LEAST_BYTES = 1024;
/** Up to here a loop is quicker than the call of `set`. */
const LOOPED_BYTES = 40;
const NOTHING = new Uint8Array(0);
const latin1Write = Buffer.prototype.latin1Write;

export class Slab {
  bytes: Uint8Array = NOTHING;
  /** Octets written. */
  length = 0;

  /** Makes sure that so many octets more can be written. */
  reserve(octets: number): void {
    const needed = this.length + octets;
    if (needed > this.bytes.length) this.#grow(needed);
  }

  octet(value: number): void {
    if (this.length === this.bytes.length) this.#grow(this.length + 1);
    this.bytes[this.length++] = value;
  }

  /** Copies octets in. */
  octets(source: Uint8Array): void {
    const { length } = source;
    this.reserve(length);
    const { bytes, length: at } = this;
    if (length > LOOPED_BYTES) {
      bytes.set(source, at);
    } else {
      for (let i = 0; i < length; i++) bytes[at + i] = source[i] as number;
    }
    this.length = at + length;
  }

  /** Writes text of code points up to 255, an octet each. */
  latin1(text: string): void {
    this.reserve(text.length);
    latin1Write.call(this.bytes, text, this.length, text.length);
    this.length += text.length;
  }

  /** What was written, a view; the slab forgets it and begins anew elsewhere. */
  take(): Uint8Array {
    const taken = this.bytes.subarray(0, this.length);
    this.release();
    return taken;
  }

  /** Forgets what was written; the memory is used again. */
  clear(): void {
    this.length = 0;
  }

  /** Forgets what was written, and gives up the memory. */
  release(): void {
    this.bytes = NOTHING;
    this.length = 0;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2, LEAST_BYTES));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}
