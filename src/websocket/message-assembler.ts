/**
 * Frames into messages (RFC 6455 §5.4): the order of fragments, and how much a message may hold and
 * in how many parts.
 *
 * Octets are counted as they stand on the wire and judged by each frame's header. They pass through
 * and are collected by whoever comes next: message-collector.ts, message-stream.ts, or first the
 * inflater of RFC 7692, all of them a MessageSink.
 */
import { CloseError, protocolError, tooBig } from './close-error.ts';
import { CONTINUATION, POLICY_VIOLATION, TEXT, UNSUPPORTED_DATA } from './frame.ts';
import type { DataSink } from './frame-parser.ts';

/** The length of a message that is not known before its end. */
export const UNKNOWN = -1;

/**
 * What each frame of a fragmented message costs besides its payload: endless fragments of an octet
 * end at the limit as well. A message of one frame costs its payload alone.
 */
const FRAGMENT_BYTES = 128;

/** Takes messages, one after the other; ranges of octets are lent. */
export interface MessageSink {
  /** `opcode` is TEXT or BINARY. `octets` is what the message holds, or UNKNOWN. */
  beginMessage(opcode: number, reserved: number, octets: number): void;
  /** Never empty. */
  messageData(bytes: Uint8Array, start: number, end: number): void;
  endMessage(): void;
}

/** A kind of message. */
export type MessageKind = 'text' | 'binary';

/** Throws a TypeError for what is no kind. */
export function checkMessageKind(accepts: unknown): void {
  if (accepts === undefined || accepts === 'text' || accepts === 'binary') return;
  throw new TypeError("accepts is 'text' or 'binary'; leave it out for both");
}

export interface MessageBounds {
  /** Octets of a message on the wire: webSocketMessageBytes. */
  readonly messageBytes: number;
  /** Frames of a message: webSocketFragments. */
  readonly fragments: number;
  /** The one kind that is taken; undefined: both. */
  readonly accepts?: MessageKind | undefined;
}

export class MessageAssembler implements DataSink {
  readonly #sink: MessageSink;
  readonly #messageBytes: number;
  readonly #fragments: number;
  readonly #accepts: MessageKind | undefined;
  #inPieces = false;
  #within = false;
  #final = false;
  /** Frames of the message so far, and what they cost. */
  #count = 0;
  #charged = 0;

  constructor(sink: MessageSink, bounds: MessageBounds) {
    this.#sink = sink;
    this.#messageBytes = bounds.messageBytes;
    this.#fragments = bounds.fragments;
    this.#accepts = bounds.accepts;
  }

  /** Whether a message has begun and not ended. */
  get isWithin(): boolean {
    return this.#within;
  }

  /** From here on nothing is collected: fragments cost nothing, however many they are. */
  passOn(): void {
    this.#inPieces = true;
  }

  beginFrame(opcode: number, reserved: number, final: boolean, octets: number): void {
    if (opcode === CONTINUATION) {
      if (!this.#within) throw protocolError('a continuation of no message', '5.4');
    } else {
      if (this.#within) throw protocolError('a message begins within another', '5.4');
      this.#checkKind(opcode);
      this.#count = 0;
      this.#charged = 0;
    }
    const isWhole = final && opcode !== CONTINUATION;
    this.#charge(isWhole || this.#inPieces ? octets : octets + FRAGMENT_BYTES);
    this.#within = true;
    this.#final = final;
    if (opcode !== CONTINUATION) {
      this.#sink.beginMessage(opcode, reserved, isWhole ? octets : UNKNOWN);
    }
  }

  frameData(bytes: Uint8Array, start: number, end: number): void {
    this.#sink.messageData(bytes, start, end);
  }

  endFrame(): void {
    if (!this.#final) return;
    this.#within = false;
    this.#sink.endMessage();
  }

  #checkKind(opcode: number): void {
    const accepts = this.#accepts;
    if (accepts === undefined || (opcode === TEXT) === (accepts === 'text')) return;
    throw new CloseError(
      UNSUPPORTED_DATA, `this endpoint takes ${accepts} messages alone (RFC 6455 §7.4.1)`,
    );
  }

  #charge(octets: number): void {
    this.#charged += octets;
    if (this.#charged > this.#messageBytes) {
      throw tooBig('a message', 'webSocketMessageBytes', this.#messageBytes);
    }
    if (++this.#count > this.#fragments && !this.#inPieces) {
      throw new CloseError(
        POLICY_VIOLATION,
        `a message is in more than webSocketFragments, ${this.#fragments} frames ` +
          '(RFC 6455 §10.4)',
      );
    }
  }
}
