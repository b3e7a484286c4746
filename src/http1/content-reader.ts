/**
 * The content of one request as it comes (RFC 9112 §6): octets to its body, until its framing ends.
 *
 * Holds the bounds of content (413) and its least rate (408). Content of a request that was
 * answered already is counted and dropped. Made by protocol.ts for each request that has content.
 */
import { ConnectionError } from '../errors.ts';
import { BodyRate } from '../http/body-rate.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport } from '../protocol.ts';
import { ChunkedDecoder, type ChunkBounds, type ChunkSink } from './chunked-decoder.ts';
import type { Http1Exchange } from './exchange.ts';
import { CHUNKED } from './framing.ts';

export class ContentReader implements ChunkSink {
  readonly exchange: Http1Exchange;
  readonly #transport: ConnectionTransport;
  readonly #limits: Limits;
  readonly #decoder: ChunkedDecoder | undefined;
  #rate: BodyRate | undefined;
  #remaining: number;

  constructor(
    exchange: Http1Exchange, transport: ConnectionTransport, limits: Limits, bounds: ChunkBounds,
  ) {
    this.exchange = exchange;
    this.#transport = transport;
    this.#limits = limits;
    this.#decoder = exchange.framing === CHUNKED ? new ChunkedDecoder(bounds, this) : undefined;
    this.#rate = new BodyRate(limits, transport.clock.now());
    this.#remaining = exchange.framing;
  }

  get done(): boolean {
    return this.#decoder === undefined ? this.#remaining === 0 : this.#decoder.done;
  }

  /** See ChunkedDecoder.limitAt. */
  get limitAt(): number {
    return this.#decoder?.limitAt ?? 0;
  }

  /** Whether what is still due, of a request that was answered, is worth reading away. */
  get worthDiscarding(): boolean {
    return this.#decoder === undefined && !this.exchange.expectsContinue &&
      this.#remaining <= this.#limits.discardedBytes;
  }

  /** Takes one unit. Returns the offset after it, or MORE. Throws a ConnectionError. */
  receive(bytes: Uint8Array, start: number, end: number): number {
    if (this.#decoder !== undefined) return this.#decoder.decode(bytes, start, end);
    const next = Math.min(end, start + this.#remaining);
    this.#remaining -= next - start;
    this.chunkData(bytes, start, next);
    return next;
  }

  /** Tells the body that it is whole. */
  end(): void {
    this.exchange.request.body.end(this.#decoder?.trailers);
  }

  chunkData(bytes: Uint8Array, start: number, end: number): void {
    const { exchange } = this;
    const octets = end - start;
    this.#rate?.count(octets);
    exchange.receivedBytes += octets;
    if (exchange.receivedBytes > this.#limits.contentBytes) {
      const message = `content is over contentBytes, ${this.#limits.contentBytes} octets`;
      throw new ConnectionError(413, `${message} (RFC 9110 §15.5.14)`);
    }
    // Whoever sends without waiting for 100 need not be told to (RFC 9110 §10.1.1).
    exchange.expectsContinue = false;
    if (exchange.closed) return;
    if (!exchange.hold(octets)) {
      exchange.consumed(octets);
      throw new ConnectionError(503, 'the connection holds more than ledgerBytes');
    }
    exchange.request.body.push(this.#transport.keep(bytes, start, end));
  }

  /** The handler said that this content may take its time. */
  allowSlow(): void {
    this.#rate = undefined;
  }

  tooSlow(now: number, standing: boolean): boolean {
    return this.#rate?.tooSlow(now, standing || this.exchange.expectsContinue) === true;
  }
}
