/**
 * The pieces of a message into a string (text) or into octets of its own (binary).
 *
 * Text that is no UTF-8 is refused at the first octet that shows it (RFC 6455 §8.1), in whichever
 * fragment. A small message that comes in one piece is decoded from the lent octets; others are
 * copied once, into memory that follows what has come, not what was announced. A MessageSink: it
 * stands behind message-assembler.ts, or behind an inflater.
 */
import { decodeUtf8, Utf8Validator } from '../bytes/utf8.ts';
import { notUtf8, tooBig } from './close-error.ts';
import { TEXT } from './frame.ts';
import { UNKNOWN, type MessageSink } from './message-assembler.ts';

/** Takes whole messages. Octets are the taker's own. */
export interface WholeMessageSink {
  receiveText(text: string): void;
  receiveBinary(octets: Uint8Array): void;
}

/** Memory for a length that a header told, as a multiple of what has come. */
const ANNOUNCED_TIMES = 16;
/** Up to here a loop is quicker than a view and the call of `set`. */
const LOOPED_BYTES = 64;
const NOTHING = new Uint8Array(0);
const MESSAGE = 'a text message';

export class MessageCollector implements MessageSink {
  readonly #sink: WholeMessageSink;
  readonly #messageBytes: number;
  readonly #validator = new Utf8Validator();
  #isText = false;
  #expected = UNKNOWN;
  /** A text that came in one piece. */
  #text: string | undefined;
  #bytes: Uint8Array = NOTHING;
  #length = 0;

  /** `messageBytes`: octets of one message as handed on, which is after inflation. */
  constructor(sink: WholeMessageSink, messageBytes: number) {
    this.#sink = sink;
    this.#messageBytes = messageBytes;
  }

  /** Memory held for the message that has begun, octets: for the connection's ledger. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  beginMessage(opcode: number, _reserved: number, octets: number): void {
    if (octets > this.#messageBytes) throw this.#tooBig();
    this.clear();
    this.#isText = opcode === TEXT;
    this.#expected = octets;
  }

  messageData(bytes: Uint8Array, start: number, end: number): void {
    if (this.#length + end - start > this.#messageBytes) throw this.#tooBig();
    if (this.#isText) {
      if (end - start === this.#expected) {
        this.#text = decodeUtf8(bytes, start, end);
        if (this.#text === undefined) throw notUtf8(MESSAGE);
        return;
      }
      if (!this.#validator.accept(bytes, start, end)) throw notUtf8(MESSAGE);
    }
    this.#append(bytes, start, end);
  }

  endMessage(): void {
    // Forgotten first: the sink may throw.
    const text = this.#text;
    const bytes = this.#bytes;
    const length = this.#length;
    this.clear();
    if (this.#isText) {
      const decoded = text ?? decodeUtf8(bytes, 0, length);
      if (decoded === undefined) throw notUtf8(MESSAGE);
      this.#sink.receiveText(decoded);
    } else {
      this.#sink.receiveBinary(length === bytes.length ? bytes : bytes.subarray(0, length));
    }
  }

  /** Forgets what was collected. */
  clear(): void {
    this.#validator.reset();
    this.#text = undefined;
    this.#bytes = NOTHING;
    this.#length = 0;
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    const at = this.#length;
    const length = at + end - start;
    if (length > this.#bytes.length) this.#grow(length);
    const mine = this.#bytes;
    if (end - start > LOOPED_BYTES) {
      // Not subarray(): a view of another class than Buffer is made in half the time.
      mine.set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start), at);
    } else {
      for (let i = start; i < end; i++) mine[at + i - start] = bytes[i] as number;
    }
    this.#length = length;
  }

  #grow(length: number): void {
    let capacity = length;
    if (this.#expected >= length) capacity = Math.min(this.#expected, length * ANNOUNCED_TIMES);
    else if (this.#length > 0) capacity = Math.min(this.#messageBytes, length * 2);
    // Zeroed: what is handed on may be a view of it.
    const grown = new Uint8Array(capacity);
    if (this.#length > 0) grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  #tooBig(): Error {
    return tooBig('a message', 'webSocketMessageBytes', this.#messageBytes);
  }
}
