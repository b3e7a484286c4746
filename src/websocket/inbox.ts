/**
 * What comes to a program over a WebSocket: whole messages by iteration or to a listener, or each
 * message in pieces. What is not read is held up to `unreadBytes`; then the peer is stopped.
 *
 * A MessageSink: it stands behind message-assembler.ts, or behind an inflater. Called by
 * protocol.ts for the peer and by session.ts for the program.
 */
import { PeerGoneError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Transport } from '../protocol.ts';
import { TEXT } from './frame.ts';
import { UNKNOWN, type MessageSink } from './message-assembler.ts';
import { MessageCollector, type WholeMessageSink } from './message-collector.ts';
import { MessageStream, type PieceSink } from './message-stream.ts';
import type { Message } from './prepared-message.ts';
import {
  StreamedMessage, cutPieces, dropPieces, endPieces, pushPiece,
} from './streamed-message.ts';

export interface InboxHost {
  readonly limits: Limits;
  /** Owns the octets of pieces, which were lent. */
  readonly transport: Pick<Transport, 'keep'>;
  /** Something unread was taken: the peer may send more. */
  taken(): void;
  /** The program's listener failed. */
  programFailed(error: unknown): void;
}

export type MessageListener = (message: Message) => unknown;

interface Reader {
  resolve(result: IteratorResult<never, undefined>): void;
  reject(cause: Error): void;
}

/** What a message that waits costs beside its octets. */
const MESSAGE_BYTES = 64;
const STREAMED_BYTES = 256;
const END = Object.freeze({ done: true as const, value: undefined });

export class Inbox implements MessageSink, WholeMessageSink, PieceSink {
  readonly #host: InboxHost;
  readonly #collector: MessageCollector;
  #stream: MessageStream | undefined;
  /** Takes the message that is coming. */
  #sink: MessageSink;
  #unread: (Message | StreamedMessage)[] = [];
  #unreadBytes = 0;
  #reader: Reader | undefined;
  #listener: MessageListener | undefined;
  /** The listener's promise has not settled. */
  #listens = false;
  /** The message in pieces that is coming, and the one that the program has. */
  #coming: StreamedMessage | undefined;
  #given: StreamedMessage | undefined;
  #isWanted = false;
  #isClosing = false;
  #isDeaf = false;
  #isOver = false;

  constructor(host: InboxHost) {
    this.#host = host;
    this.#collector = new MessageCollector(this, host.limits.webSocketMessageBytes);
    this.#sink = this.#collector;
  }

  /** More should not come before something was read. */
  get isFull(): boolean {
    return this.#unreadBytes > this.#host.limits.unreadBytes && !this.#isClosing;
  }

  /** After our Close nobody stops for what may never be read: from too much on, all is dropped. */
  #isTooMuch(): boolean {
    this.#isDeaf ||= this.#isClosing && this.#unreadBytes > this.#host.limits.unreadBytes;
    return this.#isDeaf;
  }

  /** Whether the program has ever asked for messages. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Memory held, octets. */
  get heldBytes(): number {
    return this.#unreadBytes + this.#collector.heldBytes;
  }

  // The program's side

  listen(listener: MessageListener): void {
    if (typeof listener !== 'function') throw new TypeError('onMessage needs a function');
    this.#mayBegin();
    if (this.#stream !== undefined) throw inUse('messages are read in pieces');
    this.#listener = listener;
    this.#isWanted = true;
    this.#callWithUnread();
  }

  /** Whole messages, in order; the end is the session's. */
  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#stream !== undefined) return Promise.reject(inUse('messages are read in pieces'));
    return this.#take() as Promise<IteratorResult<Message, undefined>>;
  }

  /** From the next message on, all come in pieces. */
  beginStreams(): void {
    this.#mayBegin();
    this.#stream ??= new MessageStream(this);
  }

  /** Messages in pieces; those that came before stand as one piece. */
  async nextStream(): Promise<IteratorResult<StreamedMessage, undefined>> {
    // What was not read of the last one is not wanted.
    if (this.#given !== undefined && this.#reader === undefined) dropPieces(this.#given);
    const { value } = await this.#take();
    if (value === undefined) return END;
    const message = value instanceof StreamedMessage ? value : ofOnePiece(value);
    this.#given = message;
    return { done: false, value: message };
  }

  #mayBegin(): void {
    if (this.#reader !== undefined) throw inUse('its messages are being read');
    if (this.#listener !== undefined) throw inUse('it has a listener');
  }

  #take(): Promise<IteratorResult<Message | StreamedMessage, undefined>> {
    if (this.#listener !== undefined) return Promise.reject(inUse('it has a listener'));
    this.#isWanted = true;
    const message = this.#shift();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#isOver) return Promise.resolve(END);
    if (this.#reader !== undefined) {
      return Promise.reject(inUse('its messages are being read already'));
    }
    return new Promise((resolve, reject) => { this.#reader = { resolve, reject }; });
  }

  #shift(): Message | StreamedMessage | undefined {
    const message = this.#unread.shift();
    if (message instanceof StreamedMessage) this.#gave(STREAMED_BYTES);
    else if (message !== undefined) this.#gave(cost(message));
    return message;
  }

  // The peer's side

  beginMessage(opcode: number, reserved: number, octets: number): void {
    this.#sink = this.#stream ?? this.#collector;
    this.#sink.beginMessage(opcode, reserved, octets);
  }

  messageData(bytes: Uint8Array, start: number, end: number): void {
    this.#sink.messageData(bytes, start, end);
  }

  endMessage(): void {
    this.#sink.endMessage();
  }

  receiveText(text: string): void {
    this.#receive(text);
  }

  receiveBinary(octets: Uint8Array): void {
    this.#receive(octets);
  }

  beginPieces(opcode: number, octets: number): void {
    const length = octets === UNKNOWN ? undefined : octets;
    const taken = (piece: Message): void => this.#gave(cost(piece));
    this.#coming = new StreamedMessage(opcode === TEXT, length, taken);
    this.#receive(this.#coming);
  }

  textPiece(text: string): void {
    this.#piece(text);
  }

  binaryPiece(bytes: Uint8Array, start: number, end: number): void {
    this.#piece(this.#host.transport.keep(bytes, start, end));
  }

  endPieces(): void {
    const message = this.#coming;
    this.#coming = undefined;
    if (message !== undefined) endPieces(message);
  }

  #piece(piece: Message): void {
    if (this.#coming === undefined) return;
    this.#unreadBytes += cost(piece);
    pushPiece(this.#coming, piece);
    if (this.#isTooMuch()) this.#cut(undefined);
  }

  #cut(cause: Error | undefined): void {
    if (this.#coming === undefined) return;
    const why = 'the session closed within a message';
    cutPieces(this.#coming, new PeerGoneError(why, cause && { cause }));
    this.#coming = undefined;
  }

  #receive(message: Message | StreamedMessage): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: message } as never);
    } else if (this.#isListening) {
      this.#call(message as Message);
    } else if (!this.#isTooMuch()) {
      this.#unread.push(message);
      this.#unreadBytes += message instanceof StreamedMessage ? STREAMED_BYTES : cost(message);
    }
  }

  get #isListening(): boolean {
    return this.#listener !== undefined && !this.#listens && !this.#isDeaf &&
      this.#unread.length === 0;
  }

  /** Our Close was sent: the peer's is awaited, whatever comes before it. */
  closing(): void {
    this.#isClosing = true;
  }

  /** Nothing more comes. */
  over(cause: Error | undefined): void {
    this.#isOver = true;
    this.#collector.clear();
    this.#cut(cause);
    this.#reader?.resolve(END);
    this.#reader = undefined;
  }

  // A listener has one message at a time

  #callWithUnread(): void {
    while (!this.#listens) {
      const message = this.#shift();
      if (message === undefined) return;
      this.#call(message as Message);
    }
  }

  #call(message: Message): void {
    try {
      const result = (this.#listener as MessageListener)(message);
      if (isThenable(result)) this.#await(result);
    } catch (error) {
      this.#listenerFailed(error);
    }
  }

  /** It is not called again. */
  #listenerFailed(error: unknown): void {
    this.#isDeaf = true;
    this.#unread = [];
    this.#unreadBytes = 0;
    this.#host.programFailed(error);
  }

  #await(result: PromiseLike<unknown>): void {
    this.#listens = true;
    const settle = (): void => {
      this.#listens = false;
      this.#callWithUnread();
    };
    Promise.resolve(result).then(settle, (error: unknown) => {
      this.#listenerFailed(error);
    });
  }

  /** So many octets are the program's now. */
  #gave(octets: number): void {
    this.#unreadBytes -= octets;
    this.#host.taken();
  }
}

/** A string may hold two octets a character. */
function cost(message: Message): number {
  return (typeof message === 'string' ? message.length * 2 : message.length) + MESSAGE_BYTES;
}

function ofOnePiece(message: Message): StreamedMessage {
  const isText = typeof message === 'string';
  const streamed = new StreamedMessage(isText, undefined, () => {});
  if (message.length > 0) pushPiece(streamed, message);
  endPieces(streamed);
  return streamed;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

function inUse(why: string): TypeError {
  return new TypeError(`a session has one reader, and ${why}: read at one place, and hand on`);
}
