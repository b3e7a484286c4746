/**
 * One message that leaves in pieces (RFC 6455 §5.4), as its source yields them: a frame for each,
 * and an empty one that ends it. Called by outbox.ts, which lets no other message in between.
 */
import { dropIterable } from '../http/body.ts';
import { BINARY, CONTINUATION, TEXT } from './frame.ts';
import { checkMessage, type Message } from './prepared-message.ts';

/** A message of any length, in pieces: all text, or all octets. */
export type MessagePieces = AsyncIterable<Message> & { readonly isText?: boolean | undefined };

export interface PieceHost {
  sendFragment(opcode: number, final: boolean, payload: Message): void;
  /** Undefined: there is room for the next piece. */
  room(): Promise<void> | undefined;
}

export class PieceRun {
  /** The first frame has left: the message must end, or the connection. */
  hasBegun = false;
  readonly #pieces: MessagePieces;
  #source: AsyncIterator<Message> | undefined;
  readonly #host: PieceHost;
  #isText: boolean | undefined;
  #isCancelled = false;
  /** Half a surrogate pair, whose other half begins the next piece. */
  #half = '';

  constructor(pieces: MessagePieces, host: PieceHost) {
    this.#pieces = pieces;
    this.#host = host;
    this.#isText = pieces.isText;
  }

  /** Resolves behind the last frame. Rejects with what the source failed of. */
  async send(): Promise<void> {
    const source = this.#source = this.#pieces[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await source.next();
      if (this.#isCancelled) return;
      if (done === true) break;
      this.#take(value);
      await this.#host.room();
      if (this.#isCancelled) return;
    }
    this.#frame(true, this.#half);
  }

  /** The source is told that no more is wanted. */
  cancel(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    dropIterable(this.#pieces, this.#source);
  }

  #take(piece: Message): void {
    try {
      checkMessage(piece);
      const isText = typeof piece === 'string';
      this.#isText ??= isText;
      if (isText !== this.#isText) {
        throw new TypeError('the pieces of a message are all text or all octets (RFC 6455 §5.4)');
      }
      const payload = isText ? this.#whole(this.#half + piece) : piece;
      if (payload.length > 0) this.#frame(false, payload);
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  #frame(final: boolean, payload: Message): void {
    const opcode = this.hasBegun ? CONTINUATION : this.#isText === true ? TEXT : BINARY;
    this.hasBegun = true;
    this.#host.sendFragment(opcode, final, payload);
  }

  /** Text up to its last whole code point; a half is kept. */
  #whole(text: string): string {
    const last = text.charCodeAt(text.length - 1);
    const isHalf = last >= 0xd800 && last <= 0xdbff;
    this.#half = isHalf ? text.slice(-1) : '';
    return isHalf ? text.slice(0, -1) : text;
  }
}
