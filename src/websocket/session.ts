/**
 * What a program holds of a WebSocket: sending under one rule of how much may wait, receiving by
 * iteration or to a listener, and the end. The same on HTTP/1.1 and HTTP/2, on a server and on a
 * client; the wire below is protocol.ts.
 *
 *     for await (const message of session) await session.send(message);
 */
import { Buffer } from 'node:buffer';
import type { HttpRequest } from '../http/request.ts';
import { REASON_BYTES_MAX } from './close-payload.ts';
import { NORMAL_CLOSURE, isCloseCode } from './frame.ts';
import type { MessageListener } from './inbox.ts';
import type { MessagePieces } from './piece-run.ts';
import type { Message, PreparedMessage } from './prepared-message.ts';
import type { Closure, WebSocketProtocol } from './protocol.ts';
import type { StreamedMessage } from './streamed-message.ts';

export class WebSocketSession implements AsyncIterable<Message, undefined> {
  /** The request that it began with; undefined on a client. */
  readonly request: HttpRequest | undefined;
  /** The subprotocol that was agreed on, '' for none. */
  readonly protocol: string;
  /** Whether messages may be compressed (RFC 7692). */
  readonly compressed: boolean;
  /**
   * Resolves when it has ended, with the code and reason of the peer's Close. `clean`: both sides
   * said Close. Else the code says why: 1006 where the connection broke, or what the peer did.
   */
  readonly closed: Promise<Closure>;
  readonly #wire: WebSocketProtocol;

  constructor(
    wire: WebSocketProtocol, closed: Promise<Closure>, request: HttpRequest | undefined,
    protocol: string, compressed: boolean,
  ) {
    this.#wire = wire;
    this.closed = closed;
    this.request = request;
    this.protocol = protocol;
    this.compressed = compressed;
  }

  /** Whether messages can be sent: neither side has said Close. */
  get isOpen(): boolean {
    return this.#wire.isOpen;
  }

  // Sending

  /**
   * Sends a message: text, octets (which must not change after), a prepared one, or pieces that an
   * async iterable yields, for one of any length (not compressed). Resolves when the queue is under
   * `webSocketQueueBytes`: await it, and a slow reader slows the sender. Rejects with a
   * PeerGoneError where the session is closed; a send that nobody awaits fails in silence.
   * Throws a TypeError for what is no message.
   */
  send(message: Message | PreparedMessage | MessagePieces): Promise<void> {
    if (isPieces(message)) return this.#wire.outbox.sendPieces(message);
    return this.#wire.outbox.send(message);
  }

  /**
   * Sends if the queue is under the mark, or waits behind a message in pieces. False: there is no
   * room, or the session is closed; the message was not taken, nor will it be.
   */
  trySend(message: Message | PreparedMessage): boolean {
    return this.#wire.outbox.trySend(message);
  }

  /** Octets sent and not yet taken by the peer's side. */
  get bufferedBytes(): number {
    return this.#wire.outbox.bufferedBytes;
  }

  // Receiving

  /**
   * The messages, in order, until the session ends. What is not read waits, up to `unreadBytes`;
   * then the peer is stopped. Leaving the loop does not close the session.
   */
  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return { next: () => this.#wire.inbox.next() };
  }

  /**
   * Calls `listener` with each message, from those that wait already. If it returns a promise, the
   * next message comes after that. If it fails, the session closes with 1011 and it is not called
   * again; on a client that is an uncaught exception of the program besides.
   */
  onMessage(listener: MessageListener): this {
    this.#wire.inbox.listen(listener);
    return this;
  }

  /**
   * The messages, each in pieces as they come, in any number of fragments, so that one may be as
   * long as `webSocketMessageBytes` is raised to. What was not read of one is dropped when the next
   * is asked for. A message that was sent compressed is inflated whole, to half of `ledgerBytes` at
   * most.
   */
  streams(): AsyncIterable<StreamedMessage, undefined> {
    const { inbox } = this.#wire;
    this.#wire.beginStreams();
    return { [Symbol.asyncIterator]: () => ({ next: () => inbox.nextStream() }) };
  }

  // The end

  /** Asks the peer for a sign of life (RFC 6455 §5.5.2); resolves when it comes. */
  ping(): Promise<void> {
    return this.#wire.ping();
  }

  /**
   * Closes with a code of RFC 6455 §7.4 (default 1000) and a reason of at most 123 octets. What
   * was sent before goes first, but that a message in pieces is cut, and what waits behind it is
   * rejected. Resolves as `closed` does. Throws a RangeError for another code
   * and for a longer reason, a TypeError for neither number nor text.
   */
  close(code: number = NORMAL_CLOSURE, reason = ''): Promise<Closure> {
    if (typeof code !== 'number' || typeof reason !== 'string') {
      throw new TypeError("close takes a number and a text, such as close(1000, 'done')");
    }
    if (!Number.isInteger(code) || !isCloseCode(code)) {
      const usual = 'use 1000, or 4000 to 4999 for one of your own';
      throw new RangeError(`close code ${code} may not be sent (RFC 6455 §7.4): ${usual}`);
    }
    const octets = Buffer.byteLength(reason);
    if (octets > REASON_BYTES_MAX) {
      const most = `at most ${REASON_BYTES_MAX} octets, not ${octets}`;
      throw new RangeError(`a reason has ${most} (RFC 6455 §5.5)`);
    }
    if (this.isOpen) this.#wire.close(code, reason);
    return this.closed;
  }

  /** Ends the connection at once, without a Close. */
  terminate(): void {
    this.#wire.terminate();
  }
}

function isPieces(message: unknown): message is MessagePieces {
  return typeof message === 'object' && message !== null && Symbol.asyncIterator in message;
}
