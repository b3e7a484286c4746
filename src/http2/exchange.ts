/**
 * A request on a stream and its answer, on the server's side (RFC 9113 §8.1).
 *
 * What its handler does lands here at any time and is only noted; frames are written in the
 * stream's turn (`advance`, and Http2Stream.send for content).
 */
import { PeerGoneError, asError, type ProtocolError } from '../errors.ts';
import { RequestBody, isBodySource, type BodyDemand } from '../http/body.ts';
import { BodyRate } from '../http/body-rate.ts';
import { plainAnswer, type Exchange } from '../http/exchange.ts';
import { Fields } from '../http/fields.ts';
import { HttpError } from '../http/http-error.ts';
import {
  HttpRequest, abortRequest, type HttpVersion, type RequestOrigin,
} from '../http/request.ts';
import { BodyGivenError, type HttpResponse } from '../http/response.ts';
import { hasNoContent } from '../http/status.ts';
import type { Scheme } from '../http/target.ts';
import type { Limits } from '../limits.ts';
import type { Clock, Peer, ProtocolFactory, Transport } from '../protocol.ts';
import { NO_ERROR } from './frame.ts';
import { blockFields } from './outbound.ts';
import { Http2Stream, type StreamHost } from './stream.ts';
import { SEND_END_STREAM, SEND_HEADERS, canReceive, type StreamState } from './stream-state.ts';
import { Tunnel } from './tunnel.ts';

/** What an exchange needs of its connection, beyond a stream's. */
export interface ExchangeHost extends StreamHost {
  /** The server is closing. */
  readonly draining: boolean;
  failure(error: unknown, request: HttpRequest): HttpResponse;
  /** Tells the program of what a peer was refused for. */
  offence(error: ProtocolError): void;
  /** The answer to a request that the wire refuses. */
  refusal(exchange: Http2Exchange, status: number, message: string): HttpResponse;
  /** The handler has settled: its place is free. */
  handled(exchange: Http2Exchange): void;
  /** Nothing more is read or written for it. */
  over(exchange: Http2Exchange): void;
  push(parent: Http2Exchange, target: string, fields: Fields): boolean;
}

/** The parts of a request, as its block told them. */
export interface RequestParts {
  readonly method: string;
  readonly scheme: Scheme;
  readonly authority: string;
  /** Path and query, or the authority for CONNECT. */
  readonly target: string;
  readonly fields: Fields;
  /** Extended CONNECT (RFC 8441 §4). */
  readonly protocol: string | undefined;
  readonly contentLength: number | undefined;
  readonly endStream: boolean;
}

const NO_OCTETS = new Uint8Array(0);

/** An answer whose content is at hand, as it goes on this wire; remembered on the answer. */
class WholeAnswer {
  /** What is sent, but to HEAD. */
  readonly octets: Uint8Array;
  /** Content-Length as told, and as told to HEAD; undefined: not told (RFC 9110 §8.6). */
  readonly length: number | undefined;
  readonly headLength: number | undefined;
  /** It has no body, and tells what length one would have: for HEAD alone. */
  readonly isHeadOnly: boolean;

  constructor(response: HttpResponse) {
    const { status, body } = response;
    const octets = typeof body === 'string' ? Buffer.from(body) : body as Uint8Array | null;
    const own = blockFields(response.fields).contentLength;
    this.isHeadOnly = body === null && (own ?? 0) > 0 && !hasNoContent(status) && status !== 205;
    if (status === 204 || status === 205 || hasNoContent(status)) {
      this.octets = NO_OCTETS;
      this.length = status === 204 ? undefined : status === 205 ? 0 : own;
      this.headLength = this.length;
    } else {
      this.octets = octets ?? NO_OCTETS;
      this.length = octets === null ? own ?? 0 : declaredLength(response, octets.length);
      // Without a body, what GET would bring is what the program says, or not known.
      this.headLength = octets === null ? own : this.length;
    }
  }
}

/** The length of a body, which a program's own Content-Length must not contradict. */
function declaredLength(response: HttpResponse, length: number | undefined): number | undefined {
  const own = blockFields(response.fields).contentLength;
  if (own !== undefined && length !== undefined && own !== length) throw mismatch(own, length);
  return own ?? length;
}

function mismatch(says: number, length: number): TypeError {
  const message = `content-length says ${says}, the body has ${length} octets`;
  return new TypeError(`${message} (RFC 9110 §8.6)`);
}

export class Http2Exchange extends Http2Stream implements Exchange, BodyDemand, RequestOrigin {
  readonly version: HttpVersion = '2';
  request!: HttpRequest;
  response: HttpResponse | undefined;
  /** The handler was called; it has not settled. */
  dispatched = false;
  running = false;
  /** The answer's head was written. */
  started = false;
  /** All of the answer was written. */
  complete = false;
  /** What is left of the request is read away, until then or so many octets (early answer). */
  discardUntil = Infinity;
  /** When the whole request must have come. */
  requestUntil = Infinity;
  rate: BodyRate | undefined;
  tunnel: Tunnel | undefined;
  readonly #host: ExchangeHost;
  #discarded = 0;
  #unread = 0;
  #interims = 0;

  constructor(
    id: number, host: ExchangeHost, state: StreamState, sendWindow: number, receive: number,
  ) {
    super(id, host, state, sendWindow, receive);
    this.#host = host;
  }

  get peer(): Peer {
    return this.host.transport.peer;
  }

  get clock(): Clock {
    return this.host.transport.clock;
  }

  /** Makes the request; content, if any, follows by DATA. */
  open(parts: RequestParts): void {
    const { limits } = this.host;
    const none = parts.endStream;
    const body = none
      ? RequestBody.empty
      : new RequestBody(parts.contentLength, this, limits.collectedBytes);
    if (!none) {
      const now = this.clock.now();
      this.inbound = body;
      this.expectedBytes = parts.contentLength;
      if (parts.method !== 'CONNECT') {
        this.rate = new BodyRate(limits, now);
        this.requestUntil = now + limits.requestMs;
      }
    }
    this.request = new HttpRequest(
      parts.method, parts.target, parts.target, parts.scheme, parts.authority,
      parts.fields, body, this, parts.protocol,
    );
  }

  respond(response: HttpResponse): void {
    if (this.running) {
      this.running = false;
      this.#host.handled(this);
    }
    if (this.isClosed || this.response !== undefined) {
      response.cancel(new PeerGoneError('an answer came after the exchange had ended'));
      return;
    }
    this.response = response;
    this.host.settled(this);
  }

  /** The wire's own answer to a request that its handler will not see, or no longer. */
  refuse(error: Error, refusal: HttpResponse): void {
    if (this.started || this.isClosed) return;
    this.response?.cancel(error);
    this.response = refusal;
    this.inbound?.fail(error);
    if (this.request !== undefined) abortRequest(this.request, error);
    this.host.settled(this);
  }

  inform(status: number, fields: Fields): void {
    if (this.started || this.isClosed) return;
    if (this.#interims === this.limits.interimResponses) return;
    this.#interims++;
    this.act(SEND_HEADERS);
    this.host.outbound.response(this.id, status, fields, undefined, '', false);
    this.host.settled(this);
  }

  get limits(): Limits {
    return this.host.limits;
  }

  failed(error: unknown): void {
    this.#host.failure(error, this.request).cancel();
  }

  refused(error: ProtocolError): void {
    this.#host.offence(error);
  }

  push(target: string, fields: Fields): boolean {
    return !this.isClosed && this.#host.push(this, target, fields);
  }

  // Content of the request

  /** Whether the handler has content to read: then the peer is not to blame for its pace. */
  get isUnread(): boolean {
    return this.#unread > 0;
  }

  begin(): void {
    if (this.#expectsContinue) this.inform(100, Fields.empty);
  }

  get #expectsContinue(): boolean {
    return this.receivedBytes === 0 && this.inbound !== undefined &&
      this.request.fields.get('expect')?.toLowerCase() === '100-continue';
  }

  consumed(octets: number): void {
    this.#unread -= octets;
    this.host.hold(-octets);
    // The tunnel gives credit itself, as its protocol takes what came early.
    if (this.tunnel === undefined) this.host.credit(this, octets);
  }

  unhurried(): void {
    this.rate = undefined;
    this.requestUntil = Infinity;
  }

  protected override content(bytes: Uint8Array, start: number, end: number): void {
    this.rate?.count(end - start);
    if (this.tunnel !== undefined) {
      if (this.discardUntil !== Infinity) this.#discard(end - start);
      if (!this.isClosed) this.tunnel.receive(bytes, start, end);
      else this.host.credit(this, end - start);
      return;
    }
    if (this.discardUntil !== Infinity) this.#discard(end - start);
    if (this.receivedBytes > this.host.limits.contentBytes) this.#tooLarge();
    if (this.inbound !== undefined) this.#unread += end - start;
    super.content(bytes, start, end);
  }

  #tooLarge(): void {
    const { inbound } = this;
    if (inbound === undefined) return;
    const most = `${this.host.limits.contentBytes} octets (RFC 9110 §15.5.14)`;
    const message = `content is over contentBytes, ${most}`;
    const error = new HttpError(413, message);
    this.inbound = undefined;
    inbound.cancel(error);
    this.refuse(error, this.#host.refusal(this, 413, message));
  }

  #discard(octets: number): void {
    this.#discarded += octets;
    if (this.#discarded > this.host.limits.discardedBytes) this.discardEnds();
  }

  /** What is left of an answered request is not worth more reading (§8.1). */
  discardEnds(): void {
    this.host.reset(this, NO_ERROR, new PeerGoneError('the request was answered early'), false);
  }

  override receiveEnd(trailers?: Fields): void {
    this.rate = undefined;
    this.requestUntil = Infinity;
    super.receiveEnd(trailers);
    if (this.tunnel !== undefined) this.tunnel.eof();
    else if (this.response?.switchTo !== undefined) this.host.settled(this);
  }

  override aborted(cause: Error): void {
    if (this.request !== undefined) abortRequest(this.request, cause);
    this.closeDown(cause);
    this.tunnel?.gone(cause);
    this.#host.over(this);
  }

  /** Both directions are over: what either still holds is dropped. */
  closeDown(cause: Error | undefined): void {
    this.dropContent(cause);
    if (!this.started) this.response?.cancel(cause);
    this.inbound?.cancel(cause);
    this.inbound = undefined;
    this.rate = undefined;
    this.requestUntil = Infinity;
    this.discardUntil = Infinity;
  }

  override completed(): void {
    this.closeDown(undefined);
    this.tunnel?.gone(undefined);
    this.#host.over(this);
  }

  override get hasHead(): boolean {
    return true;
  }

  override get isTunnel(): boolean {
    return this.tunnel !== undefined;
  }

  // The answer

  override advance(): void {
    const { response } = this;
    if (this.tunnel !== undefined) {
      this.tunnel.advance();
      return;
    }
    if (response === undefined || this.started || this.isClosed) {
      if (this.hasContent) this.host.ready(this);
      return;
    }
    try {
      this.#start(response);
    } catch (error) {
      if (this.started) return this.broken(asError(error));
      if (this.hasContent) this.dropContent(asError(error));
      else if (!(error instanceof BodyGivenError)) response.cancel();
      this.#startFailure(error);
    }
  }

  /** The answer to a failure; where even that cannot be written, one that always can. */
  #startFailure(error: unknown): void {
    const answer = this.#host.failure(error, this.request);
    this.response = answer;
    try {
      this.#start(answer);
    } catch (second) {
      if (this.started) return this.broken(asError(second));
      if (!(second instanceof BodyGivenError)) answer.cancel();
      this.#host.failure(second, this.request).cancel();
      this.response = plainAnswer();
      this.#start(this.response);
    }
  }

  #start(response: HttpResponse): void {
    const { method } = this.request;
    if (response.switchTo !== undefined) return this.#switch(response, response.switchTo);
    if (method === 'CONNECT' && response.status < 300) {
      throw new HttpError(501, 'no tunnel is made here (RFC 9110 §9.3.6)');
    }
    const { status, body } = response;
    if (!isBodySource(body)) {
      this.#writeWhole(response);
    } else {
      const bodiless = method === 'HEAD' || hasNoContent(status) || status === 205;
      const source = response.takeSource();
      const declared = declaredLength(response, source.length);
      const told = status === 205 ? 0 : status === 204 ? undefined : declared;
      if (!bodiless && this.#expectsContinue) this.prime(source);
      this.#writeHead(response, told, bodiless);
      if (bodiless) response.cancel();
      else this.sendFrom(source, declared);
    }
    this.#answered();
  }

  #writeWhole(response: HttpResponse): void {
    const whole = (response.http2 ??= new WholeAnswer(response)) as WholeAnswer;
    const isHead = this.request.method === 'HEAD';
    const { octets } = whole;
    if (whole.isHeadOnly && !isHead) throw mismatch(whole.length as number, 0);
    const empty = isHead || octets.length === 0;
    this.#writeHead(response, isHead ? whole.headLength : whole.length, empty);
    if (!empty) this.sendWhole(octets);
  }

  #writeHead(response: HttpResponse, contentLength: number | undefined, end: boolean): void {
    const date = this.clock.date();
    this.host.outbound.response(
      this.id, response.status, response.fields, contentLength, date, end,
    );
    this.started = true;
    this.act(SEND_HEADERS);
    if (!end) return;
    this.complete = true;
    this.act(SEND_END_STREAM);
    if (this.isClosed) this.host.ended(this);
  }

  /** After the answer: what still comes of the request is read away, for a while. */
  #answered(): void {
    if (!this.hasContent && this.discardUntil === Infinity) this.#letGo();
  }

  protected override endSent(): void {
    this.complete = true;
    super.endSent();
    this.#letGo();
  }

  #letGo(): void {
    if (this.isClosed || !canReceive(this.state)) return;
    this.inbound?.cancel();
    this.inbound = undefined;
    this.discardUntil = this.clock.now() + this.host.limits.lingerMs;
  }

  #switch(response: HttpResponse, next: ProtocolFactory<Transport>): void {
    if (this.request.method !== 'CONNECT') {
      throw new TypeError('a switch on HTTP/2 answers CONNECT (RFC 9113 §8.5, RFC 8441 §4)');
    }
    // First of all: a protocol that cannot begin is a failure like another.
    const tunnel = new Tunnel(this, next);
    const { inbound } = this;
    this.tunnel = tunnel;
    this.inbound = undefined;
    this.expectedBytes = undefined;
    this.started = true;
    this.act(SEND_HEADERS);
    this.host.outbound.response(this.id, 200, response.fields, undefined, '', false);
    this.sendFrom(tunnel, undefined);
    tunnel.begin(this.#early(inbound));
    if (this.#host.draining) tunnel.shutdown();
    if (!canReceive(this.state) && !this.isClosed) tunnel.eof();
  }

  /** What came before the switch, and nobody read. */
  #early(inbound: RequestBody | undefined): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    while (inbound !== undefined && this.#unread > 0) {
      pieces.push(inbound.pull(this.#unread) as Uint8Array);
    }
    inbound?.cancel();
    return pieces;
  }

  protected override contentFailed(error: Error): void {
    this.#host.failure(error, this.request);
  }
}
