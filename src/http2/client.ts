/**
 * The client's side of HTTP/2 (RFC 9113 §8.1): requests out, responses in. For tests, benches and
 * load generators; the same core as the server's side, which it checks by being its peer.
 */
import { ConnectionError, PeerGoneError, type ProtocolError } from '../errors.ts';
import { BytesSource, RequestBody, type BodyDemand, type BodySource } from '../http/body.ts';
import { Fields } from '../http/fields.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport } from '../protocol.ts';
import { Http2Connection, type Moment } from './connection.ts';
import {
  CANCEL, PREFACE, PROTOCOL_ERROR, REFUSED_STREAM, SETTINGS_ENABLE_PUSH,
  SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, STREAM_ID_MAX, errorName,
} from './frame.ts';
import { requestSection, responseSection } from './header-block.ts';
import { FieldList } from './hpack/index.ts';
import { Http2Stream } from './stream.ts';
import {
  IDLE, RECV_HEADERS, RECV_PROMISE, SEND_END_STREAM, SEND_HEADERS, type StreamState,
} from './stream-state.ts';

/** What a client asks. Pseudo-header fields are the parts; `fields` are all others. */
export interface ClientRequest {
  readonly method?: string;
  readonly scheme?: 'http' | 'https';
  readonly authority: string;
  /** Path and query; none for CONNECT. */
  readonly path?: string;
  readonly protocol?: string;
  readonly fields?: Fields;
  readonly body?: Uint8Array | BodySource;
}

/** The final answer, as its head has come; content follows by `body`. */
export interface ClientResponse {
  readonly status: number;
  readonly fields: Fields;
  readonly body: RequestBody;
}

export interface Http2ClientOptions {
  readonly limits: Limits;
  /** Takes what the server pushes; undefined: push is turned off (§8.4). */
  readonly pushed?: (path: string, response: Promise<ClientResponse>) => void;
  /** Is told of interim responses (RFC 9110 §15.2). */
  readonly informed?: (status: number, fields: Fields) => void;
}

export class Http2Client extends Http2Connection {
  readonly #options: Http2ClientOptions;
  #nextId = 1;
  /** The server takes no stream above this (§6.8). */
  #lastTaken = STREAM_ID_MAX;

  constructor(transport: ConnectionTransport, options: Http2ClientOptions) {
    super(transport, options.limits);
    this.#options = options;
    this.outbound.slab.octets(PREFACE);
    const { limits } = options;
    this.greet([
      [SETTINGS_ENABLE_PUSH, options.pushed === undefined ? 0 : 1],
      [SETTINGS_INITIAL_WINDOW_SIZE, limits.http2StreamWindowBytes],
      [SETTINGS_MAX_CONCURRENT_STREAMS, limits.http2Streams],
    ]);
  }

  /** Whether another request can be sent now: the server's limit, GOAWAY, identifiers. */
  get canRequest(): boolean {
    return this.streams.size < this.peer.maxConcurrentStreams &&
      this.#nextId < STREAM_ID_MAX && this.#nextId <= this.#lastTaken;
  }

  /** Sends a request. Rejects when the stream is reset, refused, or the connection goes. */
  request(request: ClientRequest): Promise<ClientResponse> {
    if (!this.canRequest) {
      return Promise.reject(new PeerGoneError('the server takes no more streams now'));
    }
    const streamId = this.#nextId;
    this.#nextId += 2;
    this.streams.lastLocal = streamId;
    const method = request.method ?? 'GET';
    const stream = new ClientStream(streamId, this, IDLE, this.#options, method);
    this.streams.add(stream);
    stream.act(SEND_HEADERS);
    const { body } = request;
    const fields = request.fields ?? Fields.empty;
    this.outbound.request(streamId, pseudoFields(method, request), fields, body === undefined);
    if (body === undefined) stream.act(SEND_END_STREAM);
    else stream.sendFrom(body instanceof Uint8Array ? new BytesSource(body) : body, body.length);
    this.transport.gather();
    return stream.response;
  }

  override isRemote(streamId: number): boolean {
    return streamId % 2 === 0;
  }

  override fieldList(): FieldList {
    return new FieldList(this.limits.fieldSectionBytes, this.limits.fieldLines + 1);
  }

  override receiveBlock(
    stream: Http2Stream | undefined, _streamId: number, list: FieldList, endStream: boolean,
  ): void {
    if (stream === undefined) {
      throw new ConnectionError(PROTOCOL_ERROR, 'HEADERS open a stream of the server (§5.1.1)');
    }
    (stream as ClientStream).receiveHead(list, endStream);
  }

  override promiseReceived(streamId: number, promisedId: number, list: FieldList): void {
    const { pushed } = this.#options;
    const section = requestSection(list);
    const parent = this.streams.get(streamId);
    if (pushed === undefined || promisedId % 2 !== 0 || promisedId <= this.streams.lastRemote) {
      throw new ConnectionError(PROTOCOL_ERROR, 'PUSH_PROMISE that may not come (RFC 9113 §6.6)');
    }
    this.streams.lastRemote = promisedId;
    if (parent === undefined || typeof section === 'string' || list.isOver) {
      this.resetUnknown(promisedId, list.isOver ? CANCEL : PROTOCOL_ERROR, true);
      return;
    }
    const method = section.method ?? 'GET';
    const stream = new ClientStream(promisedId, this, IDLE, this.#options, method);
    stream.act(RECV_PROMISE);
    this.streams.add(stream);
    pushed(section.path ?? '', stream.response);
  }

  override receivePriorityValue(): void {
    throw new ConnectionError(PROTOCOL_ERROR, 'PRIORITY_UPDATE of a server (RFC 9218 §7.1)');
  }

  /** Streams above the last one that the server took were not looked at: they may be sent again. */
  override wentAway(lastStreamId: number, code: number): void {
    this.#lastTaken = lastStreamId;
    const cause = new PeerGoneError(`the server is going away: ${errorName(code)}`);
    for (const stream of [...this.streams]) {
      if (stream.id % 2 === 1 && stream.id > lastStreamId) {
        this.reset(stream, REFUSED_STREAM, cause, false);
      }
    }
  }

  override shutdown(): void {
    this.#lastTaken = 0;
    this.goaway(0, 'the client is closing');
    this.transport.gather();
  }

  protected override skipPreface(_bytes: Uint8Array, start: number): number {
    // A server's preface is its SETTINGS alone (§3.4).
    return start;
  }

  protected override tickStream(): void {
    // A client waits as long as its program does.
  }

  protected override hungUp(): void {
    // What was answered whole is whole.
  }

  protected override late(moment: Moment): void {
    if (moment === 'pong') this.transport.destroy(new Error('PING was not answered'));
  }

  protected override ponged(): void {
    // The round trip was noted.
  }

  protected override offence(_error: ProtocolError): void {
    // The requests in flight are told by their rejection.
  }
}

function pseudoFields(method: string, request: ClientRequest): [string, string][] {
  const pseudo: [string, string][] = [[':method', method]];
  if (method !== 'CONNECT' || request.protocol !== undefined) {
    pseudo.push([':scheme', request.scheme ?? 'http'], [':path', request.path ?? '/']);
  }
  pseudo.push([':authority', request.authority]);
  if (request.protocol !== undefined) pseudo.push([':protocol', request.protocol]);
  return pseudo;
}

class ClientStream extends Http2Stream implements BodyDemand {
  readonly response: Promise<ClientResponse>;
  readonly #options: Http2ClientOptions;
  readonly #method: string;
  #resolve!: (response: ClientResponse) => void;
  #reject!: (cause: Error) => void;
  #hasHead = false;

  constructor(
    id: number, host: Http2Client, state: StreamState, options: Http2ClientOptions, method: string,
  ) {
    super(id, host, state, host.peer.initialWindowSize, host.streamWindow);
    this.#options = options;
    this.#method = method;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever does not look at a pushed answer need not hear that it failed.
    this.response.catch(() => {});
  }

  override get hasHead(): boolean {
    return this.#hasHead;
  }

  override get isTunnel(): boolean {
    return false;
  }

  /** The head of a response (§8.3.2), interim or final. */
  receiveHead(list: FieldList, endStream: boolean): void {
    if (list.isOver) {
      const error = new Error('the fields of an answer are over fieldSectionBytes (RFC 9113 §10.5.1)');
      return this.host.reset(this, CANCEL, error, false);
    }
    const section = responseSection(list);
    if (typeof section === 'string') return this.malformed(section);
    const status = Number(section.status);
    this.act(RECV_HEADERS);
    if (status < 200) {
      if (endStream || status === 101) return this.malformed('a bad interim response (§8.1)');
      this.#options.informed?.(status, section.fields);
      return;
    }
    this.#hasHead = true;
    const length = this.#method === 'HEAD' ? undefined : lengthOf(section.contentLength);
    const body = endStream
      ? RequestBody.empty
      : new RequestBody(length, this, this.#options.limits.collectedBytes);
    if (!endStream) {
      this.inbound = body;
      this.expectedBytes = length;
    }
    this.#resolve({ status, fields: section.fields, body });
    if (endStream) this.receiveEnd();
  }

  begin(): void {
    // Nothing has to be asked for: the window is open.
  }

  consumed(octets: number): void {
    this.host.hold(-octets);
    this.host.credit(this, octets);
  }

  unhurried(): void {
    // A client sets no pace.
  }

  override aborted(cause: Error): void {
    this.#reject(cause);
    this.dropContent(cause);
    this.inbound?.fail(cause);
    this.inbound = undefined;
  }

  override completed(): void {
    this.dropContent(undefined);
  }

  override advance(): void {
    if (this.hasContent) this.host.ready(this);
  }

  protected override contentFailed(error: Error): void {
    this.host.reset(this, CANCEL, error, false);
  }
}

function lengthOf(length: string | undefined): number | undefined {
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
