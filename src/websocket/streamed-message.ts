/**
 * A message as it comes, for messages of any length: pieces of text, or of octets.
 *
 * What is not read stops the peer; what is not wanted is dropped. Filled by inbox.ts.
 */
import type { Message } from './prepared-message.ts';

type Result = IteratorResult<Message, undefined>;

/** The inbox's side. */
export let pushPiece: (message: StreamedMessage, piece: Message) => void;
export let endPieces: (message: StreamedMessage) => void;
/** The rest never comes. */
export let cutPieces: (message: StreamedMessage, cause: Error) => void;
/** Nobody wants the rest. */
export let dropPieces: (message: StreamedMessage) => void;

const END: Result = Object.freeze({ done: true, value: undefined });

export class StreamedMessage implements AsyncIterable<Message, undefined> {
  readonly isText: boolean;
  /** Octets, where its only frame has told them. */
  readonly length: number | undefined;
  readonly #taken: (piece: Message) => void;
  #pieces: Message[] = [];
  #hasEnded = false;
  #isDropped = false;
  #cut: Error | undefined;
  #reader: { resolve(result: Result): void; reject(cause: Error): void } | undefined;

  static {
    pushPiece = (message, piece) => message.#push(piece);
    endPieces = (message) => message.#end();
    cutPieces = (message, cause) => {
      if (message.#isDropped) return;
      message.#cut = cause;
      message.#reader?.reject(cause);
      message.#reader = undefined;
    };
    dropPieces = (message) => {
      if (message.#hasEnded && message.#pieces.length === 0) return;
      message.#cut ??= new TypeError('the next message was asked for before this one was read');
      message.#drop();
    };
  }

  /** `taken` is told of each piece that is read or dropped. */
  constructor(isText: boolean, length: number | undefined, taken: (piece: Message) => void) {
    this.isText = isText;
    this.length = length;
    this.#taken = taken;
  }

  /** The pieces; strings cut no code point. Throws a PeerGoneError if the rest never comes. */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#drop();
        return Promise.resolve(END);
      },
    };
  }

  #next(): Promise<Result> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#taken(piece);
      return Promise.resolve({ done: false, value: piece });
    }
    if (this.#cut !== undefined) return Promise.reject(this.#cut);
    if (this.#hasEnded || this.#isDropped) return Promise.resolve(END);
    if (this.#reader !== undefined) {
      return Promise.reject(new TypeError('this message is being read already'));
    }
    return new Promise((resolve, reject) => { this.#reader = { resolve, reject }; });
  }

  #push(piece: Message): void {
    if (this.#isDropped) {
      this.#taken(piece);
    } else if (this.#reader !== undefined) {
      this.#reader.resolve({ done: false, value: piece });
      this.#reader = undefined;
      this.#taken(piece);
    } else {
      this.#pieces.push(piece);
    }
  }

  #end(): void {
    this.#hasEnded = true;
    this.#reader?.resolve(END);
    this.#reader = undefined;
  }

  #drop(): void {
    this.#isDropped = true;
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const piece of pieces) this.#taken(piece);
    if (this.#cut === undefined) this.#reader?.resolve(END);
    else this.#reader?.reject(this.#cut);
    this.#reader = undefined;
  }
}
