/**
 * A field block that comes in parts (RFC 9113 §4.3, §6.10), bounded before any of it is decoded.
 * Used by receiver.ts.
 */
import { ConnectionError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { ENHANCE_YOUR_CALM } from './frame.ts';

export class BlockGathering {
  readonly endStream: boolean;
  readonly dependency: number;
  /** The stream that a PUSH_PROMISE promises, or 0 for HEADERS. */
  readonly promisedId: number;
  readonly #limits: Limits;
  #octets: Uint8Array;
  #continuations = 0;

  constructor(
    limits: Limits, endStream: boolean, dependency: number, promisedId: number,
    bytes: Uint8Array, start: number, end: number,
  ) {
    this.#limits = limits;
    this.endStream = endStream;
    this.dependency = dependency;
    this.promisedId = promisedId;
    this.#octets = new Uint8Array(bytes.subarray(start, end));
  }

  /** Adds a fragment. Throws a ConnectionError over either bound (CVE-2024-27316). */
  add(bytes: Uint8Array, start: number, end: number): void {
    const { http2Continuations, http2BlockBytes } = this.#limits;
    if (++this.#continuations > http2Continuations) {
      throw tooMuch(`a field block in over ${http2Continuations} CONTINUATION frames`);
    }
    const length = this.#octets.length + end - start;
    if (length > http2BlockBytes) throw tooMuch(`a field block over ${http2BlockBytes} octets`);
    const octets = new Uint8Array(length);
    octets.set(this.#octets);
    octets.set(bytes.subarray(start, end), this.#octets.length);
    this.#octets = octets;
  }

  get octets(): Uint8Array {
    return this.#octets;
  }
}

function tooMuch(message: string): ConnectionError {
  return new ConnectionError(ENHANCE_YOUR_CALM, `${message} (RFC 9113 §10.5.1)`);
}
