/**
 * The client's side of HTTP/2 (RFC 9113 §8.1): requests out, responses in. For tests, benches and
 * load generators; the same core as the server's side, which it checks by being its peer.
 */
import { decimal } from '../bytes/ascii.ts';
import {
  ConnectionError, PeerGoneError, StreamError, asError, type ProtocolError,
} from '../errors.ts';
import { BytesSource, RequestBody, type BodyDemand, type BodySource } from '../http/body.ts';
import { Fields } from '../http/fields.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport } from '../protocol.ts';
import { Http2Connection } from './connection.ts';
import {
  CANCEL, PREFACE, PROTOCOL_ERROR, REFUSED_STREAM, SETTINGS_ENABLE_PUSH,
  SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, STREAM_ID_MAX, errorName,
} from './frame.ts';
import type { RequestParts } from './exchange.ts';
import { CONNECTION_FIELDS, markOf } from './field-marks.ts';
import { requestSection, responseSection, type Section } from './header-block.ts';
import { FieldList } from './hpack/index.ts';
import { requestParts } from './request-rules.ts';
import { Http2Stream } from './stream.ts';
import {
  IDLE, RECV_HEADERS, RECV_PROMISE, RESERVED_REMOTE, SEND_END_STREAM, SEND_HEADERS, canReceive,
  type StreamState,
} from './stream-state.ts';
import { WE_RESET } from './stream-table.ts';

/** What a client asks. Pseudo-header fields are the parts; `fields` are all others. */
export interface ClientRequest {
  readonly method?: string | undefined;
  readonly scheme?: 'http' | 'https' | undefined;
  readonly authority: string;
  /** Path and query; none for CONNECT. */
  readonly path?: string | undefined;
  readonly protocol?: string | undefined;
  readonly fields?: Fields | undefined;
  readonly body?: Uint8Array | BodySource | undefined;
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
  readonly pushed?: ((path: string, response: Promise<ClientResponse>) => void) | undefined;
  /** Is told of interim responses (RFC 9110 §15.2). */
  readonly informed?: ((status: number, fields: Fields) => void) | undefined;
}

export class Http2Client extends Http2Connection {
  readonly #options: Http2ClientOptions;
  #nextId = 1;
  /** GOAWAY came or was sent: no more streams (§6.8). */
  #isClosing = false;
  /** Streams of the server's that live, and those of them whose answer has begun (§5.1.2). */
  #pushed = 0;
  #answering = 0;

  constructor(transport: ConnectionTransport, options: Http2ClientOptions) {
    super(transport, options.limits);
    this.#options = options;
    this.outbound.slab.octets(PREFACE);
    const { limits } = options;
    // A server's is 0, whether it says so or not (§6.5.2).
    this.peer.enablePush = false;
    this.greet([
      [SETTINGS_ENABLE_PUSH, options.pushed === undefined ? 0 : 1],
      [SETTINGS_INITIAL_WINDOW_SIZE, limits.http2StreamWindowBytes],
      [SETTINGS_MAX_CONCURRENT_STREAMS, limits.http2Streams],
    ]);
  }

  /** Whether another request can be sent now: the server's limit, GOAWAY, identifiers. */
  get canRequest(): boolean {
    return this.streams.size - this.#pushed < this.peer.maxConcurrentStreams &&
      this.#nextId < STREAM_ID_MAX && !this.#isClosing;
  }

  /** Sends a request. Rejects when the stream is reset, refused, or the connection goes. */
  request(request: ClientRequest): Promise<ClientResponse> {
    if (!this.canRequest) {
      return Promise.reject(new PeerGoneError('the server takes no more streams now'));
    }
    const streamId = this.#nextId;
    const method = request.method ?? 'GET';
    const { authority, body } = request;
    const fields = request.fields ?? Fields.empty;
    const pseudo = pseudoFields(method, request);
    // First of all: what cannot be sent throws, and then nothing was asked.
    try {
      this.#check(pseudo, fields, body === undefined);
      this.outbound.request(streamId, pseudo, fields, body === undefined);
    } catch (error) {
      return Promise.reject(asError(error));
    }
    this.#nextId += 2;
    this.streams.lastLocal = streamId;
    const stream = new ClientStream(streamId, this, IDLE, this.#options, method, authority);
    this.streams.add(stream);
    stream.act(SEND_HEADERS);
    if (body === undefined) stream.act(SEND_END_STREAM);
    else stream.sendFrom(body instanceof Uint8Array ? new BytesSource(body) : body, body.length);
    this.transport.gather();
    return stream.response;
  }

  /** What a server would find malformed is a TypeError. */
  #check(pseudo: readonly (readonly [string, string])[], fields: Fields, end: boolean): void {
    const list = new FieldList();
    for (const [name, value] of pseudo) list.add(name, value, markOf(name, value));
    for (const [name, value] of fields) {
      if (!CONNECTION_FIELDS.has(name)) list.add(name, value, markOf(name, value));
    }
    const section = requestSection(list);
    const parts = typeof section === 'string'
      ? section
      : requestParts(section, end, this.peer.enableConnectProtocol);
    if (typeof parts === 'string') throw new TypeError(parts);
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
      const message = 'HEADERS open a stream of the server (RFC 9113 §5.1.1)';
      throw new ConnectionError(PROTOCOL_ERROR, message);
    }
    if (stream.state === RESERVED_REMOTE && ++this.#answering > this.limits.http2Streams) {
      const message = 'more pushed answers than http2Streams (RFC 9113 §5.1.2)';
      (stream as ClientStream).begun = true;
      this.reset(stream, REFUSED_STREAM, new StreamError(stream.id, REFUSED_STREAM, message), true);
      return;
    }
    (stream as ClientStream).receiveHead(list, endStream);
  }

  override promiseComes(promisedId: number): void {
    if (this.#options.pushed !== undefined && promisedId % 2 === 0 &&
      promisedId > this.streams.lastRemote) return;
    throw new ConnectionError(PROTOCOL_ERROR, 'PUSH_PROMISE that may not come (RFC 9113 §6.6)');
  }

  override settingsReceived(): void {
    super.settingsReceived();
    if (!this.peer.enablePush) return;
    throw new ConnectionError(PROTOCOL_ERROR, 'SETTINGS_ENABLE_PUSH of a server (RFC 9113 §6.5.2)');
  }

  override promiseReceived(streamId: number, promisedId: number, list: FieldList): void {
    const parent = this.streams.get(streamId) as ClientStream | undefined;
    const may = streamId % 2 === 1 && (parent === undefined
      ? this.streams.closing(streamId) === WE_RESET
      : canReceive(parent.state));
    if (!may) {
      const message = 'PUSH_PROMISE on a stream that can have none (RFC 9113 §6.6)';
      throw new ConnectionError(PROTOCOL_ERROR, message);
    }
    this.streams.lastRemote = promisedId;
    const parts = promisedParts(list);
    if (parts === undefined || parts.authority !== parent?.authority) {
      this.resetUnknown(promisedId, PROTOCOL_ERROR, true);
      return;
    }
    this.#promised(promisedId, parts);
  }

  #promised(promisedId: number, { method, authority, target }: RequestParts): void {
    const over = (begun: boolean): void => {
      this.#pushed--;
      if (begun) this.#answering--;
    };
    const stream = new ClientStream(
      promisedId, this, IDLE, this.#options, method, authority, over,
    );
    stream.act(RECV_PROMISE);
    this.streams.add(stream);
    this.#pushed++;
    this.#options.pushed?.(target, stream.response);
  }

  override receivePriorityValue(): void {
    throw new ConnectionError(PROTOCOL_ERROR, 'PRIORITY_UPDATE of a server (RFC 9218 §7.1)');
  }

  /** Streams above the last one that the server took were not looked at: they may be sent again. */
  override wentAway(lastStreamId: number, code: number): void {
    this.#isClosing = true;
    const cause = new PeerGoneError(`the server is going away: ${errorName(code)}`);
    for (const stream of [...this.streams]) {
      if (stream.id % 2 === 1 && stream.id > lastStreamId) {
        this.reset(stream, REFUSED_STREAM, cause, false);
      }
    }
  }

  override shutdown(): void {
    this.#isClosing = true;
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

  protected override sayGoodbye(): void {
    // A client says it once.
  }

  protected override roundTripped(): void {
    // The round trip was noted.
  }

  override offence(_error: ProtocolError): void {
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
  readonly authority: string;
  readonly #over: (begun: boolean) => void;
  /** Something of its answer has come. */
  begun = false;
  #resolve!: (response: ClientResponse) => void;
  #reject!: (cause: Error) => void;
  #hasHead = false;

  constructor(
    id: number, host: Http2Client, state: StreamState, options: Http2ClientOptions, method: string,
    authority: string, over: (begun: boolean) => void = () => {},
  ) {
    super(id, host, state, host.peer.initialWindowSize, host.streamWindow);
    this.#options = options;
    this.#method = method;
    this.authority = authority;
    this.#over = over;
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
    this.begun = true;
    const section = responseSection(list);
    if (typeof section === 'string') return this.malformed(section);
    if (list.isOver) {
      const error = new Error('fields of an answer are over fieldSectionBytes (RFC 9113 §10.5.1)');
      return this.host.reset(this, CANCEL, error, false);
    }
    const status = Number(section.status);
    this.act(RECV_HEADERS);
    if (status < 200) {
      if (endStream || status === 101) {
        return this.malformed('a bad interim response (RFC 9113 §8.1)');
      }
      this.#options.informed?.(status, section.fields);
      return;
    }
    const told = lengthOf(section);
    const empty = this.#method === 'HEAD' || status === 204 || status === 304;
    const length = empty ? undefined : told;
    if (told === -1 || (endStream && (length ?? 0) > 0)) {
      return this.malformed('a bad content-length (RFC 9113 §8.1.1)');
    }
    this.#hasHead = true;
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
    this.#over(this.begun);
    this.#reject(cause);
    this.dropContent(cause);
    this.inbound?.fail(cause);
    this.inbound = undefined;
  }

  override completed(): void {
    this.#over(this.begun);
    this.dropContent(undefined);
  }

  override advance(): void {
    if (this.hasContent) this.host.ready(this);
  }

  protected override contentFailed(error: Error): void {
    this.host.reset(this, CANCEL, error, false);
  }
}

function lengthOf({ contentLength, contentLengths }: Section): number | undefined {
  if (contentLength === undefined) return undefined;
  return contentLengths === 1 ? decimal(contentLength) : -1;
}

/** A promised request: whole, safe, cacheable and without content (§8.4). */
function promisedParts(list: FieldList): RequestParts | undefined {
  if (list.isOver) return undefined;
  const section = requestSection(list);
  const parts = typeof section === 'string' ? section : requestParts(section, true, false);
  if (typeof parts === 'string') return undefined;
  return parts.method === 'GET' || parts.method === 'HEAD' ? parts : undefined;
}
