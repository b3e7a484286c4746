/**
 * A message that goes to many: its frame is made once, and compressed once for each size of window
 * that sessions agreed on. Each session takes the form that fits it (outbox.ts).
 */
import { Buffer } from 'node:buffer';
import { deflateAlone } from './deflater.ts';
import { preparedFrame, type PreparedFrame } from './frame-writer.ts';

/** Text, or octets. */
export type Message = string | Uint8Array;

export class PreparedMessage {
  readonly message: Message;
  /** Octets of the payload. */
  readonly length: number;
  #plain: PreparedFrame | undefined;
  /** By window bits; null: it gets no shorter. */
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

  /** Compressed with a window of 2^`windowBits` octets at most; undefined: it gets no shorter. */
  compressed(windowBits: number): PreparedFrame | undefined {
    let frame = this.#compressed.get(windowBits);
    if (frame === undefined) {
      const { message } = this;
      const octets = typeof message === 'string' ? Buffer.from(message) : message;
      const payload = deflateAlone(octets, windowBits);
      frame = payload === undefined ? null : preparedFrame(message, payload);
      this.#compressed.set(windowBits, frame);
    }
    return frame ?? undefined;
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
  const hint = message instanceof ArrayBuffer ? 'an ArrayBuffer: give new Uint8Array(it)'
    : message instanceof Promise ? 'a Promise: await it'
      : message === null ? 'null'
        : typeof message === 'object' ? 'an object: JSON.stringify it' : typeof message;
  throw new TypeError(`a message is text or a Uint8Array, not ${hint}`);
}
