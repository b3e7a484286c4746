/**
 * The server's side of HTTP/2 (RFC 9113): requests out of field blocks, their handlers, push, the
 * two-step goodbye. Frames and windows are connection.ts's.
 */
import { ConnectionError, PeerGoneError, ProtocolError, StreamError } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { Fields } from '../http/fields.ts';
import { abortRequest, drainRequest, type HttpRequest } from '../http/request.ts';
import type { HttpResponse } from '../http/response.ts';
import { isTargetText } from '../http/target.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../protocol.ts';
import { Http2Connection } from './connection.ts';
import { Http2Exchange, type ExchangeHost, type RequestParts } from './exchange.ts';
import {
  CANCEL, NO_ERROR, PREFACE, PROTOCOL_ERROR, REFUSED_STREAM, SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_HEADER_LIST_SIZE,
  SETTINGS_NO_RFC7540_PRIORITIES, STREAM_ID_MAX,
} from './frame.ts';
import { MORE } from './frame-parser.ts';
import { writeRstStream } from './frame-writer.ts';
import { requestSection, type Section } from './header-block.ts';
import { FieldList } from './hpack/index.ts';
import { DEFAULT_PRIORITY, parsePriority, type Priority } from './priority.ts';
import { requestParts } from './request-rules.ts';
import type { Http2Stream } from './stream.ts';
import { WE_RESET } from './stream-table.ts';
import { IDLE, RECV_END_STREAM, RECV_HEADERS, SEND_PROMISE, canSend } from './stream-state.ts';

/** What an HTTP/2 connection is made with. */
export interface Http2Options {
  readonly limits: Limits;
  /** Runs the handler of an exchange. */
  dispatch(exchange: Exchange): void;
  /** Makes the answer to a request that is refused before its handler, and tells of it. */
  refuse(error: ProtocolError, transport: ConnectionTransport): HttpResponse;
  /** Makes the answer to a failure of the program, and tells the program of it. */
  failure(error: unknown, request: HttpRequest): HttpResponse;
  /** Is told of an offence of the peer: a ConnectionError or a StreamError. */
  refused(error: ProtocolError, transport: ConnectionTransport): void;
  /** Is told of each exchange that ended; undefined where nobody listens. */
  completed?: ((exchange: Http2Exchange) => void) | undefined;
  /** What extended CONNECT may ask for (RFC 8441); none: it is not offered. */
  readonly connectProtocols?: readonly string[] | undefined;
}

/** From here on the peer is sent to another connection, before it runs out of identifiers. */
const STREAM_ID_RETIRES = STREAM_ID_MAX - 0x1_0000;

const UINT32_MAX = 0xffff_ffff;

function isPushed({ id }: Http2Exchange): boolean {
  return id % 2 === 0;
}

/** Makes HTTP/2 connections that share their options. */
export function http2(options: Http2Options): ProtocolFactory<ConnectionTransport> {
  return (transport) => new Http2Protocol(transport, options);
}

class Http2Protocol extends Http2Connection implements ExchangeHost {
  readonly #options: Http2Options;
  readonly #earlyPriorities = new Map<number, Priority>();
  /** Handlers that have not settled, whether their streams live or not (CVE-2023-44487). */
  #running = 0;
  #pushRunning = 0;
  #requests = 0;
  /** Streams of ours that live. */
  #pushed = 0;
  /** The first GOAWAY of two was sent. */
  #retiring = false;
  #mayPush = true;

  constructor(transport: ConnectionTransport, options: Http2Options) {
    super(transport, options.limits);
    this.#options = options;
    const { limits } = options;
    const settings: [number, number][] = [
      [SETTINGS_MAX_CONCURRENT_STREAMS, Math.min(limits.http2Streams, UINT32_MAX)],
      [SETTINGS_INITIAL_WINDOW_SIZE, limits.http2StreamWindowBytes],
      [SETTINGS_MAX_HEADER_LIST_SIZE, Math.min(limits.fieldSectionBytes, UINT32_MAX)],
      [SETTINGS_NO_RFC7540_PRIORITIES, 1],
    ];
    if (this.#offersConnect) settings.push([SETTINGS_ENABLE_CONNECT_PROTOCOL, 1]);
    this.greet(settings);
  }

  get #offersConnect(): boolean {
    return (this.#options.connectProtocols?.length ?? 0) > 0;
  }

  override isRemote(streamId: number): boolean {
    return streamId % 2 === 1;
  }

  protected override skipPreface(bytes: Uint8Array, start: number, end: number): number {
    const length = Math.min(PREFACE.length, end - start);
    for (let i = 0; i < length; i++) {
      if (bytes[start + i] !== PREFACE[i]) {
        throw new ConnectionError(PROTOCOL_ERROR, 'the preface is another (RFC 9113 §3.4)');
      }
    }
    return length < PREFACE.length ? MORE : start + length;
  }

  override fieldList(): FieldList {
    const { fieldSectionBytes, requestLineBytes, fieldLines } = this.limits;
    // The pseudo-header fields are the request line of this version.
    return new FieldList(fieldSectionBytes + requestLineBytes, fieldLines + 5);
  }

  // Requests

  override receiveBlock(
    _stream: Http2Stream | undefined, streamId: number, list: FieldList, endStream: boolean,
  ): void {
    this.streams.lastRemote = streamId;
    this.#countRequest(streamId);
    if (streamId > this.goawayAt) {
      this.guard.control(this.now());
      // It was told that nothing above is looked at: no answer, no harm (§6.8).
      this.streams.remember(streamId, WE_RESET);
      return;
    }
    if (this.transport.crowded) {
      // No fault of the peer's, so not of its budget.
      this.streams.remember(streamId, WE_RESET);
      writeRstStream(this.outbound.slab, streamId, REFUSED_STREAM);
      return;
    }
    const { http2Streams } = this.limits;
    const asked = this.#running - this.#pushRunning;
    if (this.streams.size - this.#pushed >= http2Streams || asked >= http2Streams) {
      this.resetUnknown(streamId, REFUSED_STREAM, true);
      return;
    }
    const section = requestSection(list);
    if (typeof section === 'string') return this.#malformed(streamId, section);
    if (list.isOver || section.lines > this.limits.fieldLines) {
      this.#refuse(this.#open(streamId, endStream), section, endStream, this.#tooLarge(list));
      return;
    }
    const parts = requestParts(section, endStream, this.#offersConnect);
    if (typeof parts === 'string') return this.#malformed(streamId, parts);
    this.#accept(this.#open(streamId, endStream), parts, section);
  }

  #malformed(streamId: number, message: string): void {
    this.#options.refused(new StreamError(streamId, PROTOCOL_ERROR, message), this.transport);
    this.resetUnknown(streamId, PROTOCOL_ERROR, true);
  }

  /** A connection lasts for so many requests, and identifiers end some day (§5.1.1). */
  #countRequest(streamId: number): void {
    this.#requests++;
    const last = this.#requests >= this.limits.requestsPerConnection;
    if (last) this.#retire('requestsPerConnection is reached');
    else if (streamId >= STREAM_ID_RETIRES) this.#retire('stream identifiers end');
  }

  #open(streamId: number, endStream: boolean): Http2Exchange {
    const exchange = new Http2Exchange(
      streamId, this, IDLE, this.peer.initialWindowSize, endStream ? 0 : this.streamWindow,
    );
    exchange.act(RECV_HEADERS);
    if (endStream) exchange.act(RECV_END_STREAM);
    this.streams.add(exchange);
    this.guard.earnUpdates();
    return exchange;
  }

  #accept(exchange: Http2Exchange, parts: RequestParts, section: Section): void {
    const { limits } = this;
    exchange.open(parts);
    exchange.priority = this.#priorityOf(exchange.id, section.priority);
    if (parts.target.length > limits.requestLineBytes) {
      const most = `${limits.requestLineBytes} octets (RFC 9110 §15.5.15)`;
      this.#answer(exchange, 414, `:path is over requestLineBytes, ${most}`);
      return;
    }
    if ((parts.contentLength ?? 0) > limits.contentBytes) {
      const most = `${limits.contentBytes} octets (RFC 9110 §15.5.14)`;
      this.#answer(exchange, 413, `content is over contentBytes, ${most}`);
      return;
    }
    const { expect } = section;
    if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
      const message = 'an expectation other than 100-continue (RFC 9110 §10.1.1)';
      this.#answer(exchange, 417, message);
      return;
    }
    const { protocol } = parts;
    if (protocol !== undefined && !this.#options.connectProtocols?.includes(protocol)) {
      const message = 'a :protocol that is not spoken here (RFC 8441 §4)';
      this.#answer(exchange, 501, message);
      return;
    }
    if (this.draining) drainRequest(exchange.request);
    this.#run(exchange);
  }

  #run(exchange: Http2Exchange): void {
    exchange.running = true;
    exchange.dispatched = true;
    this.#running++;
    if (isPushed(exchange)) this.#pushRunning++;
    this.#options.dispatch(exchange);
  }

  /** Answers in the handler's place. */
  #answer(exchange: Http2Exchange, status: number, message: string): void {
    exchange.respond(this.refusal(exchange, status, message));
  }

  refusal({ id }: Http2Exchange, status: number, message: string): HttpResponse {
    return this.#options.refuse(new StreamError(id, status, message), this.transport);
  }

  /** A request that is too large to be shown to a handler: 431 (RFC 6585 §5). */
  #refuse(
    exchange: Http2Exchange, section: Section, endStream: boolean, message: string,
  ): void {
    const method = section.method === 'HEAD' ? 'HEAD' : 'GET';
    exchange.open({
      method, scheme: 'http', authority: '', target: '/', fields: Fields.empty,
      protocol: undefined, contentLength: undefined, endStream,
    });
    this.#answer(exchange, 431, message);
  }

  #tooLarge(list: FieldList): string {
    const { fieldSectionBytes, fieldLines } = this.limits;
    const limit = list.octets > list.maxOctets
      ? `fieldSectionBytes, ${fieldSectionBytes} octets`
      : `fieldLines, ${fieldLines} lines`;
    return `field lines are over ${limit} (RFC 6585 §5)`;
  }

  failure(error: unknown, request: HttpRequest): HttpResponse {
    return this.#options.failure(error, request);
  }

  handled(exchange: Http2Exchange): void {
    this.#running--;
    if (isPushed(exchange)) this.#pushRunning--;
  }

  over(exchange: Http2Exchange): void {
    this.#earlyPriorities.delete(exchange.id);
    if (isPushed(exchange)) this.#pushed--;
    if (exchange.dispatched) this.#options.completed?.(exchange);
  }

  // Priorities (RFC 9218)

  #priorityOf(streamId: number, field: string | undefined): Priority {
    const early = this.#earlyPriorities.get(streamId);
    if (early === undefined) return parsePriority(field);
    this.#earlyPriorities.delete(streamId);
    return early;
  }

  override receivePriorityValue(streamId: number, value: Uint8Array): void {
    const isRemote = this.isRemote(streamId);
    if (streamId === 0 || (!isRemote && this.streams.isIdle(streamId, false))) {
      const message = 'PRIORITY_UPDATE names no request stream (RFC 9218 §7.1)';
      throw new ConnectionError(PROTOCOL_ERROR, message);
    }
    const priority = parsePriority(String.fromCharCode(...value.subarray(0, 256)));
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      stream.priority = priority;
      this.queue.move(stream);
    } else if (isRemote && this.streams.isIdle(streamId, true)) {
      this.#keepEarly(streamId, priority);
    }
  }

  #keepEarly(streamId: number, priority: Priority): void {
    const early = this.#earlyPriorities;
    const room = this.limits.http2Streams - (this.streams.size - this.#pushed);
    if (early.size >= room) {
      // Streams that were passed over will not come any more (§5.1.1).
      for (const id of early.keys()) if (id <= this.streams.lastRemote) early.delete(id);
    }
    if (early.size >= room && !early.has(streamId)) {
      const message = 'PRIORITY_UPDATE for more streams than may be open (RFC 9218 §7.1)';
      throw new ConnectionError(PROTOCOL_ERROR, message);
    }
    early.set(streamId, priority);
  }

  // Push (§8.4)

  push(parent: Http2Exchange, target: string, fields: Fields): boolean {
    if (!this.#mayPushOn(parent) || !isTargetText(target)) return false;
    const { scheme, authority } = parent.request;
    const streamId = this.streams.lastLocal + 2;
    // First of all: fields that cannot be sent throw, and then nothing was promised.
    this.outbound.promise(parent.id, streamId, [
      [':method', 'GET'], [':scheme', scheme], [':authority', authority], [':path', target],
    ], fields);
    this.streams.lastLocal = streamId;
    const exchange = new Http2Exchange(
      streamId, this, IDLE, this.peer.initialWindowSize, 0,
    );
    exchange.act(SEND_PROMISE);
    this.streams.add(exchange);
    this.#pushed++;
    exchange.open({
      method: 'GET', scheme, authority, target, fields,
      protocol: undefined, contentLength: undefined, endStream: true,
    });
    exchange.priority = DEFAULT_PRIORITY;
    this.#run(exchange);
    this.transport.gather();
    return true;
  }

  #mayPushOn(parent: Http2Exchange): boolean {
    const { method, authority } = parent.request;
    const wanted = this.#mayPush && this.peer.enablePush && !this.draining && !this.isOver;
    // A promise has an authority (§8.4.1), and CONNECT has no answers but its tunnel (§8.5).
    const fits = canSend(parent.state) && !isPushed(parent) && method !== 'CONNECT' &&
      authority !== '';
    return wanted && fits && this.#hasRoomToPush;
  }

  get #hasRoomToPush(): boolean {
    const { http2Pushes } = this.limits;
    return this.#pushed < Math.min(http2Pushes, this.peer.maxConcurrentStreams) &&
      this.#pushRunning < http2Pushes && this.streams.lastLocal + 2 < STREAM_ID_MAX;
  }

  override promiseReceived(): void {
    // None comes.
  }

  override promiseComes(): void {
    throw new ConnectionError(PROTOCOL_ERROR, 'PUSH_PROMISE from a client (RFC 9113 §8.4)');
  }

  // Time

  protected override tickStream(stream: Http2Stream, now: number): void {
    const exchange = stream as Http2Exchange;
    exchange.tunnel?.tick(now);
    const { stands } = this.outbound;
    if (now >= exchange.discardUntil) exchange.discardEnds();
    else if (now >= exchange.requestUntil && !stands) {
      this.#late(exchange, `requestMs, ${this.limits.requestMs}`);
    } else if (exchange.rate?.tooSlow(now, exchange.isUnread || stands) === true) {
      const floor = this.limits.bodyRateBytesPerSecond;
      this.#late(exchange, `bodyRateBytesPerSecond, ${floor}`);
    }
  }

  #late(exchange: Http2Exchange, limit: string): void {
    const message = `content came slower than ${limit} (RFC 9110 §15.5.9)`;
    const error = new StreamError(exchange.id, 408, message);
    exchange.unhurried();
    // An answer that has begun cannot become another.
    if (exchange.started) this.reset(exchange, CANCEL, error, false);
    else exchange.refuse(error, this.refusal(exchange, 408, message));
  }

  protected override hungUp(stream: Http2Stream): void {
    const cause = new PeerGoneError('the peer has ended its side of the connection');
    abortRequest((stream as Http2Exchange).request, cause);
  }

  // The end

  /** Two steps (§6.8): a warning, a round trip for what is on its way, then the last stream. */
  override shutdown(): void {
    if (this.draining) return;
    this.draining = true;
    for (const stream of this.streams) {
      const exchange = stream as Http2Exchange;
      drainRequest(exchange.request);
      exchange.tunnel?.shutdown();
    }
    this.#retire('the server is closing');
    this.transport.gather();
  }

  #retire(why: string): void {
    if (this.#retiring) return;
    this.#retiring = true;
    this.warnOfGoaway(why);
    // One of its own: an answer that is on its way already says nothing of the warning.
    this.ping(true);
    this.moments.warned();
  }

  protected override roundTripped(): void {
    if (this.#retiring) this.sayGoodbye();
  }

  protected override sayGoodbye(): void {
    if (this.goawayAt !== Infinity) return;
    this.moments.saidGoodbye();
    this.goaway(NO_ERROR, 'no more streams on this connection');
  }

  override wentAway(): void {
    // The client takes no more streams; those it has are answered (§6.8).
    this.#mayPush = false;
  }

  override offence(error: ProtocolError): void {
    this.#options.refused(error, this.transport);
  }
}
