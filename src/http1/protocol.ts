/**
 * HTTP/1.1 on one connection (RFC 9112 §9): requests in, answers out in their order.
 *
 *     octets -> request head -> framing -> content -> (next head)       reading, one at a time
 *                  |
 *                  v
 *     queue of exchanges, oldest first; safe ones run side by side, others alone; the front writes
 *
 * Reading stands still, with the rest of the octets kept and the peer paused, whenever going on
 * would mean to guess or to hoard: the queue is full, an exchange must run alone, the peer does not
 * read, a handler does not read, or this entry has done its share.
 */
import { CR, LF } from '../bytes/ascii.ts';
import { ReceiveBuffer } from '../bytes/receive-buffer.ts';
import { ConnectionError, PeerGoneError, ProtocolError } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { drainRequest } from '../http/request.ts';
import type { HttpResponse } from '../http/response.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport, Protocol, ProtocolFactory } from '../protocol.ts';
import { chunkBounds, type ChunkBounds } from './chunked-decoder.ts';
import { ContentReader } from './content-reader.ts';
import { Http1Exchange, type ExchangeHost } from './exchange.ts';
import { MORE } from './field-lines.ts';
import { Moments, lateError, type Moment } from './moments.ts';
import { Pipeline } from './pipeline.ts';
import { RequestHead, headBounds, parseRequestHead, type HeadBounds } from './request-parser.ts';
import { admitRequest, crowdedError } from './request-rules.ts';
import type { ProgramsEar } from './successor.ts';

/** What an HTTP/1.1 connection is made with. */
export interface Http1Options extends ProgramsEar {
  readonly limits: Limits;
  /** Runs the handler of an exchange. */
  dispatch(exchange: Exchange): void;
  /** Makes the answer to a peer's offence, and tells the program of it. */
  refuse(error: ProtocolError, transport: ConnectionTransport): HttpResponse;
  /** Is told of each exchange that ended; undefined where nobody listens. */
  completed?: ((exchange: Http1Exchange) => void) | undefined;
}

/** What reading is at. */
const HEAD = 0;
const CONTENT = 1;
/** No request will be read any more. */
const NOTHING = 2;

/** Makes HTTP/1.1 connections that share their options. */
export function http1(options: Http1Options): ProtocolFactory<ConnectionTransport> {
  const heads = headBounds(options.limits);
  const chunks = chunkBounds(options.limits);
  return (transport) => new Http1Protocol(transport, options, heads, chunks);
}

/** A head is done with before the next is parsed, so all connections share one record. */
const head = new RequestHead();

class Http1Protocol implements Protocol, ExchangeHost {
  readonly transport: ConnectionTransport;
  readonly limits: Limits;
  blocked = false;
  readonly options: Http1Options;
  readonly #headBounds: HeadBounds;
  readonly #chunkBounds: ChunkBounds;
  readonly #moments: Moments;
  readonly #rest = new ReceiveBuffer();
  readonly #queue: Pipeline;

  #reading = HEAD;
  /** Reads the content of the last request; its exchange may be over already. */
  #content: ContentReader | undefined;
  /** Octets of the rest at which its partial unit is worth another parse; 0: it is not partial. */
  #partialLimit = 0;
  /** Octets received and not yet parsed, while parsing. */
  #ahead = 0;
  /** Content that handlers have not read yet, in octets. */
  #unread = 0;
  /** Octets that came when no request was wanted any more. */
  #dropped = 0;
  #requests = 0;
  /** Heads parsed by this entry. */
  #parsed = 0;

  #inside = false;
  #paused = false;
  #eof = false;
  #draining = false;
  /** The connection ends when the queue is empty. */
  #closing = false;
  /** Or another protocol's. */
  #gone = false;
  #next: ProtocolFactory<ConnectionTransport> | undefined;

  constructor(
    transport: ConnectionTransport, options: Http1Options, heads: HeadBounds, chunks: ChunkBounds,
  ) {
    this.transport = transport;
    this.options = options;
    this.limits = options.limits;
    this.#queue = new Pipeline(options.limits.pipelinedRequests, options.completed);
    this.#headBounds = heads;
    this.#chunkBounds = chunks;
    this.#moments = new Moments(options.limits, transport.clock);
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#reading === HEAD && this.#rest.length === 0;
  }

  receive(bytes: Uint8Array): void {
    this.#enter();
    const { length } = bytes;
    if (this.#reading === NOTHING) {
      this.#dropped += length;
    } else if (this.#rest.length > 0) {
      this.#rest.append(bytes, 0, length);
      // A partial line cannot have become whole without an LF: else a dribble costs its square.
      if (this.#rest.length >= this.#partialLimit || bytes.includes(LF)) this.#parseRest();
    } else {
      const used = this.#parse(bytes, 0, length);
      if (this.#wanted) this.#rest.append(bytes, used, length);
    }
    this.#leave(true);
  }

  proceed(): void {
    this.#enter();
    this.#work();
    this.#leave(true);
  }

  drained(): void {
    this.blocked = false;
    this.proceed();
  }

  eof(): void {
    this.#eof = true;
    this.#partialLimit = 0;
    this.#queue.hangUp();
    this.proceed();
  }

  flush(): void {}

  tick(now: number): void {
    this.#enter();
    let moment = this.#moments.expired(now);
    for (; moment !== undefined; moment = this.#moments.expired(now)) this.#late(moment);
    if (this.#content?.tooSlow(now, this.#standing()) === true) {
      const floor = this.limits.bodyRateBytesPerSecond;
      this.#refuse(lateError(`content came slower than bodyRateBytesPerSecond, ${floor}`));
    }
    this.#leave(false);
  }

  shutdown(): void {
    this.#enter();
    this.#draining = true;
    this.#queue.drain();
    this.#leave(true);
  }

  failed(cause: Error): void {
    this.#inside = true;
    if (cause instanceof ProtocolError) this.#refuse(cause);
    else this.#broken(cause);
    this.#leave(true);
  }

  closed(cause: Error | undefined): void {
    this.#gone = true;
    this.#reading = NOTHING;
    this.#queue.abandon(new PeerGoneError('the peer has gone', cause && { cause }));
    this.#rest.clear();
    this.#rest.account(this.transport);
  }

  // What exchanges ask

  write(octets: Uint8Array | string): void {
    if (!this.transport.write(octets)) this.blocked = true;
  }

  isFront(exchange: Http1Exchange): boolean {
    return this.#queue.front === exchange;
  }

  settled(): void {
    if (!this.#inside && !this.#gone) this.transport.defer();
  }

  hold(octets: number): boolean {
    this.#unread += octets;
    return this.transport.charge(octets);
  }

  consumed(octets: number): void {
    this.#unread -= octets;
    this.transport.charge(-octets);
    if (this.#paused) this.settled();
  }

  unhurried(exchange: Http1Exchange): void {
    exchange.slow = true;
    if (this.#content?.exchange !== exchange) return;
    this.#content.allowSlow();
    this.#moments.requestReceived();
  }

  endsAfter(exchange: Http1Exchange, immediate: boolean): boolean {
    if (!exchange.keepAlive) return true;
    // Content that waits for a 100 that never came may follow, or not (RFC 9110 §10.1.1).
    if (exchange.expectsContinue) return true;
    const last = this.#queue.length === 1 && this.#ahead === 0;
    if (last && (this.#eof || this.#draining)) return true;
    // An answer in pieces may still be made of what is being read.
    const reads = !immediate && exchange.request.body.isBeingRead;
    return !reads && this.#content?.exchange === exchange && !this.#content.worthDiscarding;
  }

  become(next: ProtocolFactory<ConnectionTransport>): void {
    this.#next = next;
  }

  cut(error: Error): void {
    this.#reading = NOTHING;
    this.#content = undefined;
    this.#rest.clear();
    this.#moments.none();
    this.transport.destroy(error);
  }

  // Reading

  #enter(): void {
    this.#inside = true;
    this.#parsed = 0;
    head.isHead = false;
  }

  /** Whether a further octet could matter, to this protocol or the next. */
  get #wanted(): boolean {
    return this.#reading !== NOTHING && !this.#gone;
  }

  /** Answers what has settled, then reads on in the rest. */
  #work(): void {
    this.#advance();
    if (this.#rest.length > 0 && this.#partialLimit === 0) this.#parseRest();
  }

  #parseRest(): void {
    this.#rest.parse((bytes, start, end) => this.#parse(bytes, start, end));
  }

  /** Reads units until one is partial or reading stands still. Returns the offset reached. */
  #parse(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    this.#partialLimit = 0;
    while (at < end && !this.#standing()) {
      const next = this.#unit(bytes, at, end);
      if (next === MORE) break;
      at = next;
    }
    return at;
  }

  #unit(bytes: Uint8Array, at: number, end: number): number {
    if (this.#reading === HEAD) return this.#receiveHead(bytes, at, end);
    return this.#content === undefined ? end : this.#receiveContent(this.#content, bytes, at, end);
  }

  /** Whether reading on would mean to guess or to hoard. */
  #standing(): boolean {
    if (this.#next !== undefined) return true;
    if (this.#reading === CONTENT) {
      const idle = this.#content?.exchange.begun !== true;
      return idle || this.#unread >= this.limits.unreadBytes;
    }
    if (this.#reading === NOTHING) return false;
    if (this.blocked || this.#parsed >= this.limits.requestsPerEntry) return true;
    return this.#queue.isFull;
  }

  #receiveHead(bytes: Uint8Array, at: number, end: number): number {
    const next = parseRequestHead(bytes, at, end, this.#headBounds, head);
    if (next === MORE) {
      this.#partialLimit = head.limitAt;
      return MORE;
    }
    this.#parsed++;
    this.#requests++;
    this.#ahead = end - next;
    this.#moments.headReceived();
    const exchange = admitRequest(head, this, this.limits);
    if (this.transport.crowded) throw crowdedError(this.limits);
    if (this.#requests >= this.limits.requestsPerConnection) exchange.keepAlive = false;
    const begins = this.#queue.add(exchange);
    if (exchange.received) {
      this.#readNext(exchange);
    } else {
      this.#reading = CONTENT;
      this.#content = new ContentReader(exchange, this.transport, this.limits, this.#chunkBounds);
    }
    if (begins) this.#begin(exchange);
    this.#advance();
    return next;
  }

  #receiveContent(content: ContentReader, bytes: Uint8Array, at: number, end: number): number {
    const next = content.receive(bytes, at, end);
    if (next === MORE) {
      this.#partialLimit = content.limitAt;
    } else if (content.done) {
      this.#ahead = end - next;
      content.exchange.received = true;
      this.#readNext(content.exchange);
      content.end();
      this.#advance();
    }
    return next;
  }

  /** After a request was received whole. */
  #readNext(exchange: Http1Exchange): void {
    this.#content = undefined;
    this.#moments.requestReceived();
    // What follows a request that asked for the end is not one (RFC 9112 §9.6).
    const goesOn = exchange.keepAlive || exchange.mayTunnel;
    this.#reading = goesOn && !this.#closing ? HEAD : NOTHING;
  }

  // Answering

  #begin(exchange: Http1Exchange): void {
    exchange.begun = true;
    if (this.#draining) drainRequest(exchange.request);
    this.options.dispatch(exchange);
  }

  /** Writes what the front of the queue has, until something has to be waited for. */
  #advance(): void {
    for (let front = this.#queue.front; front !== undefined; front = this.#queue.front) {
      if (this.#gone) return;
      if (!front.begun) this.#begin(front);
      if (!front.advance()) return;
      this.#completed(front);
    }
  }

  #completed(exchange: Http1Exchange): void {
    exchange.complete = true;
    const { keepAlive } = exchange;
    const unread = this.#content?.exchange === exchange && !this.#content.worthDiscarding;
    this.#queue.shift();
    if (this.#next !== undefined) return;
    if (!keepAlive || unread) {
      // It was told that nothing follows: what was asked after it is not answered (RFC 9112 §9.6).
      this.#queue.abandon(new PeerGoneError('the connection ended with an earlier answer'));
      this.#close();
    } else if (this.#closing && this.#queue.length === 0) {
      this.#close();
    }
  }

  /** No further request is read; the connection ends once the queue is empty. */
  #close(): void {
    this.#closing = true;
    this.#reading = NOTHING;
    this.#content = undefined;
    this.#rest.clear();
    this.#moments.none();
    if (this.#queue.length === 0) this.transport.end();
  }

  // Ends, deadlines, flow

  /** Answers an offence in its turn, then closes; never another octet is parsed. */
  #refuse(error: ProtocolError): void {
    if (this.#gone) return;
    const exchange = this.#content?.exchange;
    // Not in reading, or within an answer: there is nothing left to say.
    if (this.#reading === NOTHING || (exchange?.started === true && !exchange.closed)) {
      this.cut(error);
      return;
    }
    const refusal = this.options.refuse(error, this.transport);
    if (exchange === undefined) this.#queue.add(Http1Exchange.refused(this, refusal, head.isHead));
    else if (!exchange.closed) exchange.refuse(error, refusal);
    this.#close();
    this.#advance();
  }

  /** The program failed outside any handler: whose turn it is gets a 500, the others nothing. */
  #broken(cause: Error): void {
    const error = new ConnectionError(500, 'the server failed on this connection', { cause });
    const { front } = this.#queue;
    if (front?.started === true) {
      this.cut(error);
      return;
    }
    const refusal = this.options.refuse(error, this.transport);
    if (front === undefined) this.#queue.add(Http1Exchange.refused(this, refusal, false));
    else front.refuse(error, refusal);
    this.#close();
    this.#advance();
  }

  /** The peer has sent all it will, and reading does not stand still. */
  #inputEnded(): void {
    if (this.#reading === HEAD && this.#rest.isOnly(CR, LF)) return this.#close();
    const where = this.#reading === HEAD ? 'a head' : 'content';
    this.#refuse(new ConnectionError(400, `the input ended within ${where} (RFC 9112 §8)`));
  }

  #late(moment: Moment): void {
    switch (moment) {
      case 'head':
      case 'request': {
        // A fault in what has come is told before its slowness.
        if (this.#reading === HEAD) this.#parseRest();
        // Empty lines alone are no request to be late (RFC 9112 §2.2).
        if (this.#reading === HEAD && this.#rest.isOnly(CR, LF)) return this.#close();
        // A request that waits for those before it is not slow: it is not being read.
        if (this.#content?.exchange.begun === false) return this.#schedule();
        const limit = moment === 'head' ? 'headMs' : 'requestMs';
        this.#refuse(lateError(`a ${moment} took longer than ${limit}, ${this.limits[limit]}`));
        break;
      }
      default:
        this.#close();
    }
  }

  #leave(active: boolean): void {
    this.#inside = false;
    if (this.#gone) return;
    if (this.#next !== undefined) {
      this.#switch(this.#next);
      return;
    }
    this.#ahead = this.#rest.length;
    this.#rest.account(this.transport);
    if (this.#eof && this.#wanted && !this.#standing()) this.#inputEnded();
    if (this.#ahead > 0 && this.#parsed >= this.limits.requestsPerEntry) this.transport.defer();
    if (active) this.#schedule();
    this.#flow();
  }

  #switch(next: ProtocolFactory<ConnectionTransport>): void {
    this.#gone = true;
    const { bytes, start, end } = this.#rest;
    this.#rest.clear();
    this.#rest.account(this.transport);
    this.transport.become(next, bytes.subarray(start, end));
  }

  /** Sets the moments that the present state calls for. */
  #schedule(): void {
    if (this.#reading === NOTHING) return;
    if (this.#reading === CONTENT) {
      this.#moments.receiving('content', this.#content?.exchange.slow === true);
    } else if (this.#partialLimit > 0) {
      this.#moments.receiving('head', false);
    } else if (this.#queue.length > 0 || this.#rest.length > 0 || this.blocked) {
      this.#moments.none();
    } else if (this.#requests > 0 || this.#draining) {
      // Before that, the moment of the first octet stands.
      this.#moments.idle(this.#draining);
    }
  }

  /** Pauses the peer while what it sends could only pile up. */
  #flow(): void {
    const full = this.#reading === NOTHING
      ? this.#dropped > this.limits.lingerBytes
      : this.#standing() && (this.#rest.length > 0 || this.#reading === CONTENT);
    if (full === this.#paused) return;
    this.#paused = full;
    if (full) this.transport.pause();
    else this.transport.resume();
  }
}
