/**
 * One request on an HTTP/1.1 connection, and the writing of its answer (RFC 9112 §9.3).
 *
 * What its handler does lands here at any time and is only noted; octets are written when the
 * protocol says that it is this exchange's turn (`advance`). Reading is protocol.ts's.
 */
import { PeerGoneError, asError, type ProtocolError } from '../errors.ts';
import {
  BytesSource, PULL_BYTES, RequestBody, cancelSource, isBodySource,
  type BodyDemand, type BodySource,
} from '../http/body.ts';
import { plainAnswer, type Exchange } from '../http/exchange.ts';
import { Fields, listMembers } from '../http/fields.ts';
import { HttpError } from '../http/http-error.ts';
import {
  HttpRequest, abortRequest, succeed, type HttpVersion, type RequestOrigin,
} from '../http/request.ts';
import { BodyGivenError, type HttpResponse } from '../http/response.ts';
import { hasNoContent } from '../http/status.ts';
import type { Limits } from '../limits.ts';
import type { Clock, ConnectionTransport, Peer, ProtocolFactory } from '../protocol.ts';
import { CHUNKED, UNTIL_CLOSE } from './framing.ts';
import {
  asksToClose, bareHead, checkPlan, chunkLine, lastChunk, plan, planHead, planText, streamFraming,
  streamHead,
} from './message-writer.ts';
import { Successor, type ProgramsEar } from './successor.ts';

/** What an exchange needs of its connection. */
export interface ExchangeHost {
  readonly transport: ConnectionTransport;
  readonly limits: Limits;
  /** Whether `write` said false and `drained` has not come. */
  readonly blocked: boolean;
  write(octets: Uint8Array | string): void;
  isFront(exchange: Http1Exchange): boolean;
  /** Something settled: `advance` is worth a call, in an entry. */
  settled(): void;
  hold(octets: number): boolean;
  consumed(octets: number): void;
  unhurried(exchange: Http1Exchange): void;
  /** Whether the connection ends after this answer; `immediate`: its content is at hand. */
  endsAfter(exchange: Http1Exchange, immediate: boolean): boolean;
  readonly options: ProgramsEar;
  become(next: ProtocolFactory<ConnectionTransport>): void;
  /** An answer is broken after its head: the connection is, and nothing more is begun on it. */
  cut(error: Error): void;
}

/** Content at hand over this leaves in pieces. */
const LONG_BYTES = 256 * 1024;

export class Http1Exchange implements Exchange, BodyDemand, RequestOrigin {
  readonly #host: ExchangeHost;
  readonly #minor: number;
  request!: HttpRequest;
  response: HttpResponse | undefined;
  /** Of the request's content: octets, or CHUNKED. */
  framing = 0;
  /** Runs with no other beside it: unsafe methods, CONNECT, an Upgrade (RFC 9112 §9.3.2). */
  alone = false;
  /** Has an Upgrade that may be answered by a switch (RFC 9110 §7.8). */
  switchable = false;
  keepAlive = true;
  /** The client waits for 100 before it sends its content (RFC 9110 §10.1.1). */
  expectsContinue = false;
  /** There is no request: it is the wire's answer to what could not be one. */
  isRefusal = false;
  /** All of the request's content has come. */
  received = false;
  /** The handler lifted the deadlines of its content. */
  slow = false;
  /** The handler has been called. */
  begun = false;
  /** The answer's head was written. */
  started = false;
  /** Nothing more is read or written for it. */
  closed = false;
  /** Octets of content, each way. */
  receivedBytes = 0;
  sentBytes = 0;
  /** All of the answer was written. */
  complete = false;

  #interim = '';
  #interims = 0;
  /** The handler reads: 100 is written, or waits for its turn. */
  #continues = false;
  #source: BodySource | undefined;
  /** Of the answer's content: octets, CHUNKED or UNTIL_CLOSE. */
  #answerFraming = 0;
  #pulling = false;
  #pulled: Uint8Array | null | undefined;
  #pullFailure: Error | undefined;
  #sourceOver = false;

  constructor(host: ExchangeHost, minor: number) {
    this.#host = host;
    this.#minor = minor;
  }

  /** What follows it may be another protocol's: then it is kept, not read nor dropped. */
  get mayTunnel(): boolean {
    return this.switchable || this.request.method === 'CONNECT';
  }

  get version(): HttpVersion {
    return this.#minor === 0 ? '1.0' : '1.1';
  }

  get peer(): Peer {
    return this.#host.transport.peer;
  }

  get clock(): Clock {
    return this.#host.transport.clock;
  }

  get limits(): Limits {
    return this.#host.limits;
  }

  failed(error: unknown): void {
    this.#host.options.failure(error, this.request).cancel();
  }

  refused(error: ProtocolError): void {
    this.#host.options.refused?.(error, this.#host.transport);
  }

  respond(response: HttpResponse): void {
    if (this.closed || this.response !== undefined) {
      response.cancel(new PeerGoneError('an answer came after the exchange had ended'));
      return;
    }
    this.response = response;
    this.#host.settled();
  }

  /** The request is broken: its handler is told, and its answer, not yet started, is a refusal. */
  refuse(error: Error, refusal: HttpResponse): void {
    this.begun = true;
    this.keepAlive = false;
    this.response?.cancel(error);
    this.response = refusal;
    this.request.body.fail(error);
    abortRequest(this.request, error);
  }

  /** The place in the queue of what never became a request, with its answer. */
  static refused(host: ExchangeHost, refusal: HttpResponse, isHead: boolean): Http1Exchange {
    const exchange = new Http1Exchange(host, 1);
    exchange.request = new HttpRequest(
      isHead ? 'HEAD' : '', '', '', 'http', '', Fields.empty, RequestBody.empty, exchange,
    );
    exchange.isRefusal = true;
    exchange.response = refusal;
    exchange.begun = true;
    exchange.received = true;
    exchange.keepAlive = false;
    return exchange;
  }

  inform(status: number, fields: Fields): void {
    if (this.#interims === this.limits.interimResponses) return;
    this.#interims++;
    this.#writeInterim(bareHead(status, fields));
  }

  push(): boolean {
    return false;
  }

  begin(): void {
    if (!this.expectsContinue) return;
    this.#continues = true;
    this.#writeInterim('HTTP/1.1 100 Continue\r\n\r\n');
    this.#continued();
  }

  /** Until its 100 is written, the client is not to blame for sending nothing. */
  #continued(): void {
    if (this.#continues && this.#interim === '') this.expectsContinue = false;
  }

  /** Content goes to the body, and is held until it is consumed. False: more than may be held. */
  hold(octets: number): boolean {
    return this.#host.hold(octets);
  }

  consumed(octets: number): void {
    this.#host.consumed(octets);
  }

  unhurried(): void {
    this.#host.unhurried(this);
  }

  /** Writes what can be written in its turn. True: the answer is complete. */
  advance(): boolean {
    if (this.#interim !== '') {
      this.#host.write(this.#interim);
      this.#interim = '';
      this.#continued();
    }
    if (this.response === undefined || this.#host.blocked) return false;
    if (!this.started && this.request.method === 'CONNECT') {
      this.keepAlive = this.response.switchTo !== undefined;
    }
    if (!this.started && !this.#start(this.response)) return false;
    return this.#source === undefined || this.#pump(this.#source);
  }

  /** The exchange is over; what either side still holds is dropped. */
  close(cause: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    if (this.#source !== undefined) this.#letGo(this.#source, cause);
    else if (!this.started) this.response?.cancel(cause);
    this.#source = undefined;
    this.request.body.cancel(cause);
  }

  /** The connection is gone under it. */
  abort(cause: Error): void {
    if (this.closed) return;
    abortRequest(this.request, cause);
    this.close(cause);
  }

  #writeInterim(text: string): void {
    // HTTP/1.0 has no interim responses (RFC 9110 §15.2).
    if (this.closed || this.started || this.#minor === 0) return;
    if (this.#host.isFront(this)) this.#host.write(text);
    else this.#interim += text;
  }

  /** Writes the head, and content that is at hand. False: not yet. */
  #start(response: HttpResponse): boolean {
    try {
      return this.#write(response);
    } catch (error) {
      // Nothing of this answer was written: the failure still has a whole answer of its own.
      this.#drop(response, error);
      const answer = this.#host.options.failure(error, this.request);
      this.response = answer;
      try {
        return this.#write(answer);
      } catch (second) {
        this.#drop(answer, second);
        this.response = this.#host.options.failure(second, this.request);
        return this.#write(plainAnswer());
      }
    }
  }

  /** Lets go of an answer that could not be begun. */
  #drop(response: HttpResponse, error: unknown): void {
    if (this.#source !== undefined) this.#letGo(this.#source, undefined);
    else if (!(error instanceof BodyGivenError)) response.cancel();
    this.#source = undefined;
    this.#pulled = undefined;
    this.#pullFailure = undefined;
    this.#sourceOver = false;
  }

  /** A source that was pulled to null, or failed, has had its one end. */
  #letGo(source: BodySource, cause: Error | undefined): void {
    if (!this.#sourceOver) cancelSource(source, cause);
  }

  #write(response: HttpResponse): boolean {
    if (response.switchTo !== undefined) return this.#switch(response, response.switchTo);
    if (this.request.method === 'CONNECT' && response.status < 300) {
      throw new HttpError(501, 'no tunnel is made here (RFC 9110 §9.3.6)');
    }
    const source = sourceOf(response);
    if (source === undefined) this.#writeWhole(response);
    else this.#startStream(response, source);
    this.started = true;
    return true;
  }

  #writeWhole(response: HttpResponse): void {
    const planned = plan(response);
    const head = this.request.method === 'HEAD';
    if (head && response.body === null && response.status !== 205 && planned.isSilent) {
      // Of what GET would bring, this answer knows nothing (RFC 9110 §8.6).
      const connection = this.#connection(true);
      this.#host.write(streamHead(response, UNTIL_CLOSE, this.clock.date(), connection));
      return;
    }
    if (!head) checkPlan(planned, response.status);
    if (planned.close) this.keepAlive = false;
    const connection = this.#connection(true);
    const date = this.clock.date();
    if (connection === '' && !head) {
      this.#host.write(planText(planned, date));
    } else {
      const text = planHead(planned, date, connection);
      this.#host.write(head ? text : text + planned.text);
    }
    if (head) return;
    this.sentBytes = planned.length;
    if (planned.bytes !== undefined) this.#host.write(planned.bytes);
  }

  #startStream(response: HttpResponse, source: BodySource): void {
    const framing = streamFraming(response, source.length, this.#minor);
    if (asksToClose(response) || framing === UNTIL_CLOSE) this.keepAlive = false;
    const { status } = response;
    const bodiless = this.request.method === 'HEAD' || hasNoContent(status) || status === 205;
    // The first pull comes before the head: a source that fails at once becomes a 500.
    if (!bodiless) {
      this.#answerFraming = framing;
      this.#source = source;
      this.#pull(source);
      if (this.#pullFailure !== undefined) throw this.#takeFailure();
    }
    const connection = this.#connection(false);
    const shown = status === 204 ? UNTIL_CLOSE : status === 205 ? 0 : framing;
    this.#host.write(streamHead(response, shown, this.clock.date(), connection));
    if (bodiless) cancelSource(source, undefined);
  }

  #connection(immediate: boolean): string {
    if (this.#host.endsAfter(this, immediate)) {
      this.keepAlive = false;
      return 'close';
    }
    return this.#minor === 0 ? 'keep-alive' : '';
  }

  #switch(response: HttpResponse, next: ProtocolFactory): boolean {
    const connect = this.request.method === 'CONNECT';
    if (!connect && !this.switchable) {
      throw new TypeError('a switch answers CONNECT, or a request with Upgrade (RFC 9110 §7.8)');
    }
    // The request ends before the next protocol begins (RFC 9110 §7.8).
    if (!this.received) {
      this.begin();
      this.request.body.cancel();
      return false;
    }
    const { fields } = response;
    const named = connect || fields.has('upgrade')
      ? fields
      : fields.with('upgrade', this.#onlyOffer());
    this.started = true;
    const head = connect ? bareHead(200, fields, this.clock.date()) : bareHead(101, named);
    this.#host.write(head);
    this.#host.become(next);
    // Whoever keeps the request shall not keep all of this connection's HTTP.
    succeed(this.request, new Successor(this.#host, this.request));
    return true;
  }

  /** The protocol that a client asked for; of several the program says which (RFC 9110 §7.8). */
  #onlyOffer(): string {
    const offers = listMembers(this.request.fields.get('upgrade') ?? '');
    if (offers.length === 1) return offers[0] as string;
    throw new TypeError('a switch needs an upgrade field: several protocols were offered');
  }

  #pull(source: BodySource): void {
    try {
      const piece = source.pull(PULL_BYTES);
      if (piece === null || piece instanceof Uint8Array) this.#take(piece);
      else this.#pullLater(piece);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The source is at its end: it is not cancelled as well. */
  #fail(error: unknown): void {
    this.#pullFailure = asError(error);
    this.#sourceOver = true;
  }

  #pullLater(piece: Promise<Uint8Array | null>): void {
    this.#pulling = true;
    const settled = (): void => {
      this.#pulling = false;
      this.#host.settled();
    };
    Promise.resolve(piece).then((value) => {
      if (!this.closed) this.#take(value);
      settled();
    }, (error: unknown) => {
      this.#fail(error);
      settled();
    });
  }

  #take(piece: unknown): void {
    if (piece === null) this.#sourceOver = true;
    if (piece === null || (piece instanceof Uint8Array && piece.length > 0)) this.#pulled = piece;
    else this.#pullFailure = new TypeError('a body yielded neither octets nor null');
  }

  /** Writes pieces until the source, the peer or a promise makes it wait. True: all is written. */
  #pump(source: BodySource): boolean {
    for (;;) {
      if (this.#pulling || this.#host.blocked) return false;
      if (this.#pullFailure !== undefined) return this.#cut(this.#takeFailure());
      const piece = this.#pulled;
      this.#pulled = undefined;
      if (piece === null) return this.#finish(source);
      if (piece !== undefined && !this.#writePiece(piece)) return false;
      if (!this.#host.blocked) this.#pull(source);
    }
  }

  #writePiece(piece: Uint8Array): boolean {
    const host = this.#host;
    this.sentBytes += piece.length;
    if (this.#answerFraming === CHUNKED) {
      host.write(chunkLine(piece.length));
      host.write(piece);
      host.write('\r\n');
      return true;
    }
    if (this.#answerFraming >= 0 && this.sentBytes > this.#answerFraming) {
      // Of a body longer than it said, the rest would be read as the next answer (RFC 9110 §8.6).
      const length = `${this.#answerFraming} octets`;
      return this.#cut(new TypeError(`a body is longer than its length, ${length}`));
    }
    host.write(piece);
    return true;
  }

  #finish(source: BodySource): boolean {
    this.#source = undefined;
    if (this.#answerFraming === CHUNKED) return this.#finishChunks(source);
    if (this.#answerFraming >= 0 && this.sentBytes < this.#answerFraming) {
      const lengths = `${this.sentBytes} of ${this.#answerFraming} octets`;
      return this.#cut(new TypeError(`a body is shorter than its length: ${lengths}`));
    }
    return true;
  }

  #finishChunks(source: BodySource): boolean {
    try {
      this.#host.write(lastChunk(source.trailers?.()));
      return true;
    } catch (error) {
      return this.#cut(asError(error));
    }
  }

  /** After the head, the only way to say that content is broken is to break it (RFC 9112 §8). */
  #cut(error: Error): false {
    this.#host.options.failure(error, this.request).cancel();
    this.#host.cut(error);
    this.abort(error);
    return false;
  }

  #takeFailure(): Error {
    const failure = this.#pullFailure as Error;
    this.#pullFailure = undefined;
    return failure;
  }
}

/** What is pulled, or so long that it should go as the peer takes it: held, it would count. */
function sourceOf(response: HttpResponse): BodySource | undefined {
  if (isBodySource(response.body)) return response.takeSource();
  const { bytes } = plan(response);
  return bytes !== undefined && bytes.length > LONG_BYTES ? new BytesSource(bytes) : undefined;
}
