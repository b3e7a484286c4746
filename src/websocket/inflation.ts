/**
 * One compressed message on its way to its octets (RFC 7692 §7.2.2), by calls of zlib that each
 * begin anew: what the window held goes in as a dictionary, so nothing of zlib is kept.
 *
 * Output is counted while it is made, so a bomb ends at the limit. Called by inflater.ts.
 */
import { constants as bufferConstants } from 'node:buffer';
import { constants, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib';
import { asError } from '../errors.ts';
import { CloseError, tooBig } from './close-error.ts';
import { INTERNAL_ERROR, INVALID_PAYLOAD, POLICY_VIOLATION } from './frame.ts';
import type { SlidingWindow } from './sliding-window.ts';
import { inflateMemory } from './zlib-budget.ts';

/**
 * Goes behind a payload: the four octets of §7.2.2, then a last block that is empty. zlib comes to
 * the end of that block if and only if the payload was whole, and nothing was left over.
 */
const TAIL = Uint8Array.of(0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff);
export const TAIL_BYTES = TAIL.length;

/**
 * Compressed, and inflated: up to here a message is inflated at once. A trip to the pool costs more
 * than this takes.
 */
const PROMPT_BYTES = 16 * 1024;
const PROMPT_OUTPUT_BYTES = 64 * 1024;
/** Blocks with BFINAL set (§7.2.3.4): each makes zlib begin anew. */
const FINAL_BLOCKS_MAX = 64;
/** What DEFLATE makes of an octet, at most. */
const RATIO_MAX = 1032;
const LIKELY_RATIO = 4;
const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 64 * 1024;

/** What zlib gives with `info`. */
interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

export interface InflationBounds {
  readonly windowBits: number;
  readonly contextTakeover: boolean;
  /** Octets of one message after inflation: webSocketMessageBytes. */
  readonly messageBytes: number;
  /** The limit that says so, if it is another: `half of ledgerBytes`. */
  readonly limit?: string | undefined;
}

export class Inflation {
  /** The message, in order. */
  readonly pieces: Uint8Array[] = [];
  /** Octets of all pieces. */
  length = 0;
  readonly #octets: Uint8Array;
  readonly #window: SlidingWindow;
  readonly #bounds: InflationBounds;
  #at = 0;
  #finalBlocks = 0;

  /** `octets` has TAIL_BYTES of room at its end, and is the callee's. */
  constructor(octets: Uint8Array, window: SlidingWindow, bounds: InflationBounds) {
    octets.set(TAIL, octets.length - TAIL_BYTES);
    this.#octets = octets;
    this.#window = window;
    this.#bounds = bounds;
  }

  /** Memory while it is away, at most, octets. */
  get bytes(): number {
    const output = Math.min(this.#bounds.messageBytes, this.#octets.length * RATIO_MAX);
    // Twice: zlib's chunks are joined at the end.
    return inflateMemory(this.#bounds.windowBits) + CHUNK_BYTES_MAX + output * 2;
  }

  /** The same as it mostly is: text gets four times as long. */
  get likelyBytes(): number {
    const output = Math.min(this.#bounds.messageBytes, this.#octets.length * LIKELY_RATIO);
    return inflateMemory(this.#bounds.windowBits) + CHUNK_BYTES_MAX + output * 2;
  }

  /** Throws a CloseError. False: it is too long for that, and goes on with `away`. */
  prompt(always: boolean): boolean {
    const { messageBytes } = this.#bounds;
    if (!always && this.#octets.length > PROMPT_BYTES + TAIL_BYTES) return false;
    const most = always ? messageBytes : Math.min(messageBytes, PROMPT_OUTPUT_BYTES);
    while (!this.#isWhole()) {
      if (this.length >= most && most < messageBytes) return false;
      let inflated: Inflated;
      try {
        inflated = inflateRawSync(this.#rest(), this.#options(most)) as unknown as Inflated;
      } catch (error) {
        if (most < messageBytes && isOverOutput(error)) return false;
        throw this.#refusal(error);
      }
      this.#take(inflated, most);
    }
    return true;
  }

  /** After `prompt`, in the thread pool. `done` is called once, with what it failed of. */
  away(done: (error: CloseError | undefined) => void): void {
    const { messageBytes } = this.#bounds;
    const end = (error: Error | null, result?: unknown): void => {
      try {
        if (error !== null) throw this.#refusal(error);
        this.#take(result as Inflated, messageBytes);
      } catch (refusal) {
        // Until somebody asks for its stack, V8 keeps what stands there: zlib, and its output.
        void (refusal as CloseError).stack;
        done(refusal as CloseError);
        return;
      }
      if (this.#isWhole()) done(undefined);
      else this.away(done);
    };
    try {
      inflateRaw(this.#rest(), this.#options(messageBytes), end);
    } catch (error) {
      // There is no memory to begin with.
      done(this.#refusal(error));
    }
  }

  /**
   * Nothing is left but the tail, or not even that. A payload of no block, or whose last has BFINAL
   * set, lacks an octet, but it says clearly what it means.
   */
  #isWhole(): boolean {
    const payload = this.#octets.length - TAIL_BYTES;
    return this.#at === this.#octets.length || this.#at === payload;
  }

  #rest(): Uint8Array {
    return this.#octets.subarray(this.#at);
  }

  #options(most: number): ZlibOptions {
    const expected = (this.#octets.length - this.#at) * 4;
    return {
      windowBits: this.#bounds.windowBits,
      dictionary: this.#window.octets,
      finishFlush: constants.Z_FINISH,
      maxOutputLength: Math.min(Math.max(most - this.length, 1), bufferConstants.MAX_LENGTH),
      chunkSize: Math.min(Math.max(expected, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX),
      info: true,
    };
  }

  #take({ buffer, engine }: Inflated, most: number): void {
    this.length += buffer.length;
    if (this.length > most) throw this.#tooBig();
    this.#at += engine.bytesWritten;
    if (buffer.length > 0) this.pieces.push(buffer);
    const isWhole = this.#isWhole();
    if (!isWhole) this.#checkFinalBlock();
    if (!isWhole || this.#bounds.contextTakeover) this.#window.append(buffer);
  }

  /** After a block with BFINAL set, others may follow; zlib itself stops there. */
  #checkFinalBlock(): void {
    if (this.#at > this.#octets.length - TAIL_BYTES) throw damaged('it ends within a block');
    if (++this.#finalBlocks < FINAL_BLOCKS_MAX) return;
    throw new CloseError(
      POLICY_VIOLATION,
      `a message has ${FINAL_BLOCKS_MAX} blocks with BFINAL set (RFC 7692 §7.2.3.4)`,
    );
  }

  #tooBig(): CloseError {
    const { messageBytes, limit = 'webSocketMessageBytes' } = this.#bounds;
    return tooBig('a compressed message', limit, messageBytes);
  }

  #refusal(error: unknown): CloseError {
    if (isOverOutput(error)) return this.#tooBig();
    const { errno, message } = asError(error) as NodeJS.ErrnoException;
    if (errno === constants.Z_DATA_ERROR || errno === constants.Z_BUF_ERROR) {
      return damaged(message);
    }
    return new CloseError(
      INTERNAL_ERROR, `zlib cannot inflate: ${message} (RFC 7692 §7.2.2)`, { cause: error },
    );
  }
}

function isOverOutput(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

function damaged(why: string): CloseError {
  return new CloseError(
    INVALID_PAYLOAD, `a compressed message is damaged: ${why} (RFC 7692 §7.2.2)`,
  );
}
