/**
 * The pieces of a message as they come, for messages of any size: nothing is collected.
 *
 * Text is checked (RFC 6455 §8.1) and handed on as strings that cut no code point, so at most three
 * octets are held. A MessageSink: it stands behind message-assembler.ts, or behind an inflater.
 */
import { decodeUtf8, Utf8Validator } from '../bytes/utf8.ts';
import { notUtf8 } from './close-error.ts';
import { TEXT } from './frame.ts';
import type { MessageSink } from './message-assembler.ts';

/** Takes messages in pieces; octets are lent. No piece is empty. */
export interface PieceSink {
  /** `octets` is what the message holds, or UNKNOWN. */
  beginPieces(opcode: number, octets: number): void;
  textPiece(text: string): void;
  binaryPiece(bytes: Uint8Array, start: number, end: number): void;
  endPieces(): void;
}

const MESSAGE = 'a text message';

export class MessageStream implements MessageSink {
  readonly #sink: PieceSink;
  readonly #validator = new Utf8Validator();
  #isText = false;
  /** The code point that was cut by the end of a piece. */
  readonly #cut = new Uint8Array(4);
  #cutBytes = 0;

  constructor(sink: PieceSink) {
    this.#sink = sink;
  }

  beginMessage(opcode: number, _reserved: number, octets: number): void {
    this.#isText = opcode === TEXT;
    this.#cutBytes = 0;
    this.#validator.reset();
    this.#sink.beginPieces(opcode, octets);
  }

  messageData(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isText) this.#textData(bytes, start, end);
    else this.#sink.binaryPiece(bytes, start, end);
  }

  endMessage(): void {
    if (this.#isText && !this.#validator.isComplete) throw notUtf8(MESSAGE);
    this.#sink.endPieces();
  }

  #textData(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#validator.accept(bytes, start, end)) throw notUtf8(MESSAGE);
    const { cutBytes } = this.#validator;
    // All of it may belong to a code point that began in an earlier piece.
    const stop = Math.max(start, end - cutBytes);
    let at = start;
    let text = '';
    if (this.#cutBytes > 0 && stop > start) {
      while (at < stop && isTail(bytes[at] as number)) this.#hold(bytes[at++] as number);
      text = decoded(this.#cut, 0, this.#cutBytes);
      this.#cutBytes = 0;
    }
    if (at < stop) text += decoded(bytes, at, stop);
    for (at = stop; at < end; at++) this.#hold(bytes[at] as number);
    if (text !== '') this.#sink.textPiece(text);
  }

  #hold(octet: number): void {
    this.#cut[this.#cutBytes++] = octet;
  }
}

/** UTF8-tail (RFC 3629 §4): never the first octet of a code point. */
function isTail(octet: number): boolean {
  return (octet & 0xc0) === 0x80;
}

function decoded(bytes: Uint8Array, start: number, end: number): string {
  const text = decodeUtf8(bytes, start, end);
  if (text === undefined) throw notUtf8(MESSAGE);
  return text;
}
