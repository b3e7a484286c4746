/**
 * The octets that a parser could not use yet, in one run.
 *
 * Holds nothing while empty: the common case is that every read is consumed whole. Memory is only
 * ever appended to, never moved or reused, so that a view of its octets, once handed out by a
 * parser, stays true. Used by the protocols for a partial head or chunk line, or while they stand
 * still.
 */
const LEAST_CAPACITY = 512;
const EMPTY = new Uint8Array(0);

export class ReceiveBuffer {
  /** The run is `bytes` from `start` to `end`. */
  bytes: Uint8Array = EMPTY;
  start = 0;
  end = 0;
  #charged = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** Copies octets to the end of the run. */
  append(source: Uint8Array, from: number, to: number): void {
    const added = to - from;
    if (added === 0) return;
    if (this.end + added > this.bytes.length) this.#grow(added);
    this.bytes.set(source.subarray(from, to), this.end);
    this.end += added;
  }

  /** Drops octets from the front of the run. */
  consume(octets: number): void {
    this.start += octets;
    if (this.start === this.end) this.clear();
  }

  /** Has the run parsed from its front; `parse` returns the offset up to which it was used. */
  parse(parse: (bytes: Uint8Array, start: number, end: number) => number): void {
    if (this.length === 0) return;
    const { bytes, start, end } = this;
    const used = parse(bytes, start, end);
    // It may have been cleared meanwhile: nothing more is wanted.
    if (this.length > 0) this.consume(used - start);
  }

  /** Whether the run holds no octet but these two; the empty run does not either. */
  isOnly(one: number, other: number): boolean {
    for (let at = this.start; at < this.end; at++) {
      if (this.bytes[at] !== one && this.bytes[at] !== other) return false;
    }
    return true;
  }

  /** Tells a ledger how many octets more, or fewer, the run holds than when it was last told. */
  account(ledger: { charge(octets: number): unknown }): void {
    if (this.length === this.#charged) return;
    ledger.charge(this.length - this.#charged);
    this.#charged = this.length;
  }

  clear(): void {
    this.bytes = EMPTY;
    this.start = 0;
    this.end = 0;
  }

  #grow(added: number): void {
    const held = this.length;
    // Doubling: a run that arrives octet by octet is copied at most twice in all.
    const grown = new Uint8Array(Math.max(LEAST_CAPACITY, (held + added) * 2));
    grown.set(this.bytes.subarray(this.start, this.end));
    this.bytes = grown;
    this.start = 0;
    this.end = held;
  }
}

/**
 * Owns a part of a slab: a view, or a copy where a view would hold on to much more memory than it
 * is worth (a 20-octet part must not keep 64 KiB alive).
 */
export function own(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const part = bytes.subarray(start, end);
  // Not slice(): on a Buffer that is a view as well.
  return part.length * 8 < bytes.buffer.byteLength ? new Uint8Array(part) : part;
}
