/**
 * The exchanges of one connection that are not answered yet, oldest first (RFC 9112 §9.3.2). The
 * front alone writes; safe requests run side by side, any other runs with none beside it.
 */
import { PeerGoneError } from '../errors.ts';
import { abortRequest, drainRequest } from '../http/request.ts';
import type { Http1Exchange } from './exchange.ts';

export class Pipeline {
  readonly #exchanges: Http1Exchange[] = [];
  readonly #most: number;
  readonly #completed: ((exchange: Http1Exchange) => void) | undefined;

  /** At most `most` wait; `completed` is told of each exchange that is over. */
  constructor(most: number, completed: ((exchange: Http1Exchange) => void) | undefined) {
    this.#most = most;
    this.#completed = completed;
  }

  get length(): number {
    return this.#exchanges.length;
  }

  /** Whose turn it is to write. */
  get front(): Http1Exchange | undefined {
    return this.#exchanges[0];
  }

  /** Whether a further request has to wait until it is read at all. */
  get isFull(): boolean {
    const { length } = this.#exchanges;
    if (length === 0) return false;
    return length >= this.#most || this.#exchanges[length - 1]?.alone === true;
  }

  /** Puts an exchange at the end. True: its handler may begin, beside those before it. */
  add(exchange: Http1Exchange): boolean {
    return this.#exchanges.push(exchange) === 1 || !exchange.alone;
  }

  /** The front is answered. */
  shift(): void {
    const exchange = this.#exchanges.shift();
    exchange?.close(undefined);
    this.#over(exchange);
  }

  /** All that wait will not be answered. */
  abandon(cause: Error): void {
    for (const exchange of this.#exchanges.splice(0)) {
      exchange.abort(cause);
      this.#over(exchange);
    }
  }

  /**
   * The peer has ended its side. Who hangs up and who waits for nothing but answers look alike: all
   * are told, and those who answer all the same are heard.
   */
  hangUp(): void {
    const cause = new PeerGoneError('the peer has ended its side of the connection');
    for (const exchange of this.#exchanges) abortRequest(exchange.request, cause);
  }

  /** Tells all that the server is closing. */
  drain(): void {
    for (const exchange of this.#exchanges) drainRequest(exchange.request);
  }

  #over(exchange: Http1Exchange | undefined): void {
    if (exchange?.isRefusal === false) this.#completed?.(exchange);
  }
}
