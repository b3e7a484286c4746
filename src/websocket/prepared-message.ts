/**
 * A message that goes to many: its frame is made once, and compressed once for each size of window
 * that sessions agreed on. Each session takes the form that fits it (outbox.ts).
 */
import { Buffer } from 'node:buffer';
import { PROMPT_BYTES, deflateAlone, deflateAloneAway } from './deflater.ts';
import { preparedFrame, type PreparedFrame } from './frame-writer.ts';
import type { ZlibBudget } from './zlib-budget.ts';

/** Text, or octets. */
export type Message = string | Uint8Array;

export class PreparedMessage {
  readonly message: Message;
  /** Octets of the payload. */
  readonly length: number;
  #plain: PreparedFrame | undefined;
  /** By window bits; null: it gets no shorter, or not yet. */
  readonly #compressed = new Map<number, PreparedFrame | null>();

  constructor(message: Message) {
    // What a session sends later must be what was given now.
    this.message = typeof message === 'string' ? message : new Uint8Array(message);
    this.length = Buffer.byteLength(message);
  }

  /** As it is. */
  get plain(): PreparedFrame {
    this.#plain ??= preparedFrame(this.message);
    return this.#plain;
  }

  /**
   * Compressed with a window of 2^`windowBits` octets at most; undefined: it gets no shorter, or it
   * is long and the thread pool is not done with it yet.
   */
  compressed(windowBits: number, budget: ZlibBudget): PreparedFrame | undefined {
    const frame = this.#compressed.get(windowBits);
    if (frame !== undefined) return frame ?? undefined;
    const { message } = this;
    const octets = typeof message === 'string' ? Buffer.from(message) : message;
    const keep = (payload: Uint8Array | undefined): void => {
      const made = payload === undefined ? null : preparedFrame(message, payload);
      this.#compressed.set(windowBits, made);
    };
    keep(undefined);
    if (this.length <= PROMPT_BYTES || budget.isInline) keep(deflateAlone(octets, windowBits));
    else deflateAloneAway(octets, windowBits, budget, keep);
    return this.#compressed.get(windowBits) ?? undefined;
  }
}

/** Makes a message once for many sessions. Throws a TypeError for neither text nor octets. */
export function prepare(message: Message): PreparedMessage {
  checkMessage(message);
  return new PreparedMessage(message);
}

/** Throws a TypeError that says what to send instead. */
export function checkMessage(message: unknown): void {
  if (typeof message === 'string' || message instanceof Uint8Array) return;
  throw new TypeError(`a message is text or a Uint8Array, not ${kindOf(message)}`);
}

/** What something is, and what to do about it. */
function kindOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) return String(message && typeof message);
  if (message instanceof ArrayBuffer) return 'an ArrayBuffer: give new Uint8Array(it)';
  if (ArrayBuffer.isView(message)) return 'another view: give a Uint8Array of its buffer';
  if (message instanceof Promise) return 'a Promise: await it';
  if (message instanceof Blob) return 'a Blob: send its stream()';
  if (Symbol.asyncIterator in message) return 'pieces: those go by send() alone';
  return 'an object: JSON.stringify it';
}
