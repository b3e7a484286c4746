/**
 * A session under test and the other end of its wire, in memory: `openLink`. Servers stand behind a
 * real handshake of HTTP/1.1 or an extended CONNECT of HTTP/2, clients before the answer to theirs;
 * the other end is raw (websocket-octets.ts), and says of extensions whatever it likes.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { Opening, openingHead, type OpeningOptions } from '../../src/client/opening.ts';
import { dispatcher, failureAnswers } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { http1 } from '../../src/http1/protocol.ts';
import {
  DATA, DEFAULT_WINDOW, END_HEADERS, END_STREAM, RST_STREAM, SETTINGS, SETTINGS_INITIAL_WINDOW_SIZE,
  WINDOW_MAX, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import type { Transport } from '../../src/protocol.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import {
  deflateOptions, type DeflateAgreement, type DeflateOptions,
} from '../../src/websocket/deflate-parameters.ts';
import { webSocket, type SessionHandler } from '../../src/websocket/endpoint.ts';
import type { MessageKind } from '../../src/websocket/message-assembler.ts';
import { WebSocketProtocol, type Closure } from '../../src/websocket/protocol.ts';
import { WebSocketSession } from '../../src/websocket/session.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import {
  data, headers, numberIn, open, reset, windowUpdate, type Connected, type FieldPairs, type Frame,
} from './http2.ts';
import { FrameReader, writeFrame, type WireFrame } from './websocket-octets.ts';

/** What the session under test is, and over what. */
export type Carrier = 'server, HTTP/1.1' | 'server, HTTP/2' | 'client';

export interface LinkOptions {
  /** What is done with the session. */
  readonly serve?: SessionHandler;
  /** Of the session under test; undefined: it knows no compression. */
  readonly deflate?: Partial<DeflateOptions> | undefined;
  /** Sec-WebSocket-Extensions of the other end: an offer, or an answer to a client. */
  readonly extensions?: string | undefined;
  readonly accepts?: MessageKind | undefined;
  readonly limits?: Partial<Limits>;
  readonly zlib?: ZlibBudget;
  /** Octets that the other end takes before it stops reading, besides the handshake's answer. */
  readonly window?: number | undefined;
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const DATA_BYTES = 16_384;
/** Turns of the loop: far more than what the pool may take. */
const ROUNDS_MAX = 200_000;

/** Opens one; the session has been given to `serve`. */
export async function openLink(carrier: Carrier, options: LinkOptions = {}): Promise<Link> {
  const link = carrier === 'client' ? new ClientLink(options)
    : carrier === 'server, HTTP/2' ? new Http2Link(options) : new Http1Link(options);
  await link.open();
  return link;
}

export abstract class Link {
  session!: WebSocketSession;
  /** Sec-WebSocket-Extensions of the session under test: its answer, or its offer. */
  extensions: string | undefined;
  /** Frames that came and were not taken by `took`. */
  frames: WireFrame[] = [];
  /** What the session ended with; undefined: it has not. */
  closure: Closure | undefined;
  /** What the other end was refused for. */
  readonly refused: string[] = [];
  /** What the program failed of. */
  readonly failed: unknown[] = [];
  readonly zlib: ZlibBudget;
  protected readonly options: LinkOptions;
  /** Frames that come are a client's. */
  readonly isClient: boolean = false;
  /** Octets were sent since, which had waited for credit. */
  protected moved = false;
  #reader: FrameReader | undefined;
  #keys = 0;

  constructor(options: LinkOptions) {
    this.options = options;
    this.zlib = options.zlib ?? new ZlibBudget({ inline: true });
  }

  abstract open(): Promise<void>;
  abstract get transport(): MemoryTransport;
  /** Nothing more will come. */
  abstract get ended(): boolean;
  /** Octets on the ledger that are this session's. */
  abstract get charged(): number;
  /** Octets of frames, as one read (HTTP/2: one DATA, if it is not too long). */
  abstract send(octets: Uint8Array): void;
  abstract sendEof(): void;
  /** The connection, or the stream, is reset by the other end. */
  abstract cut(): void;
  /** The other end reads so many octets more. */
  abstract release(octets?: number): void;
  /** Octets of frames that came. */
  protected abstract receive(): Uint8Array;

  /** A frame as the other end writes it, masked where it is a client's. */
  octetsOf(
    opcode: number, payload: Uint8Array | string, more: Partial<WireFrame> = {},
  ): Uint8Array {
    const octets = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const frame = { opcode, payload: octets, reserved: 0, final: true, ...more };
    this.#keys = Math.imul(this.#keys ^ 0x5bd1_e995, 0x9e37_79b1) + 0x85eb_ca6b;
    return writeFrame(frame, this.isClient ? undefined : this.#keys);
  }

  /** Sends frames as one read, lets all settle, and takes what came. */
  async exchange(...octets: readonly Uint8Array[]): Promise<WireFrame[]> {
    this.send(Buffer.concat(octets));
    await this.settle();
    return this.took();
  }

  /** Until nothing is left to do, in zlib's pool either. */
  async settle(): Promise<void> {
    const { transport, zlib } = this;
    for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
      await transport.settle();
      const isIdle = zlib.running + zlib.waiting === 0;
      this.moved = false;
      if (!this.collect() && !this.moved && isIdle && !transport.pending) return;
    }
    throw new Error('zlib\'s pool does not come to its end');
  }

  /** Reads what has come so far. */
  collect(): boolean {
    const octets = this.receive();
    this.#reader ??= new FrameReader(this.isClient);
    this.frames.push(...this.#reader.read(octets));
    return octets.length > 0;
  }

  took(): WireFrame[] {
    const { frames } = this;
    this.frames = [];
    return frames;
  }

  /** Octets of a frame that has not come whole. */
  get restBytes(): number {
    return this.#reader?.restBytes ?? 0;
  }

  protected begun(session: WebSocketSession): void {
    this.session = session;
    void session.closed.then(({ cause: _, ...closure }) => { this.closure = closure; });
  }

  protected handler(): ReturnType<typeof webSocket> {
    const { serve, deflate = false, accepts } = this.options;
    return webSocket((session) => {
      this.begun(session);
      return serve?.(session, session.request as HttpRequest);
    }, { deflate, accepts, zlib: this.zlib });
  }
}

/** A connection that is the session's alone. */
abstract class PlainLink extends Link {
  transport!: MemoryTransport;

  get ended(): boolean {
    return this.transport.ended;
  }

  get charged(): number {
    return this.transport.charged;
  }

  send(octets: Uint8Array): void {
    this.transport.send(octets);
  }

  sendEof(): void {
    this.transport.sendEof();
  }

  cut(): void {
    this.transport.disconnect(new Error('reset'));
  }

  release(octets = Infinity): void {
    this.transport.release(octets);
  }

  protected receive(): Uint8Array {
    return this.transport.takeBytes();
  }

  /** Sec-WebSocket-Extensions, if any, as a line. */
  protected get extensionsLine(): string {
    const { extensions } = this.options;
    return extensions === undefined ? '' : `sec-websocket-extensions: ${extensions}\r\n`;
  }

  /** The head that came; then the window is opened for frames. */
  protected head(): string {
    const { window = Infinity } = this.options;
    let head = '';
    while (!head.endsWith('\r\n\r\n')) {
      this.transport.release(1);
      const octet = this.transport.take();
      if (octet === '') throw new Error(`no head: ${head}`);
      head += octet;
    }
    this.extensions = /^sec-websocket-extensions: (.*)\r$/im.exec(head)?.[1];
    this.transport.release(window);
    return head;
  }
}

const acceptOf = (key: string): string => createHash('sha1').update(key + GUID).digest('base64');

class Http1Link extends PlainLink {
  async open(): Promise<void> {
    const limits = limitsFrom(this.options.limits);
    const failure = failureAnswers(undefined, (error) => this.failed.push(error));
    const factory = http1({
      limits, failure,
      dispatch: dispatcher({ handle: this.handler() }, { failure }),
      refuse: (error) => problem(error.code, error.message),
      refused: (error) => void this.refused.push(error.message),
      completed: () => {},
    });
    this.transport = new MemoryTransport(factory, { limits, window: 0 });
    this.transport.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\n' +
      `upgrade: websocket\r\n${this.extensionsLine}sec-websocket-version: 13\r\n` +
      `sec-websocket-key: ${KEY}\r\n\r\n`);
    await this.transport.settle();
    const head = this.head();
    if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(acceptOf(KEY))) {
      throw new Error(`no 101 that answers the key: ${head}`);
    }
  }
}

class ClientLink extends PlainLink {
  override readonly isClient = true;

  async open(): Promise<void> {
    const limits = limitsFrom(this.options.limits);
    const { deflate } = this.options;
    let refusal: Error | undefined;
    const opening: OpeningOptions = {
      limits, target: '/', authority: 'a', fields: {},
      offer: { key: KEY, subprotocols: [], deflate: deflate && deflateOptions(deflate) },
      agreed: (agreed) => (transport) => this.#wire(transport, agreed.deflate),
      refused: (error) => { refusal = error; },
    };
    this.transport = new MemoryTransport(
      (transport) => new Opening(transport, openingHead(opening), opening), { limits, window: 0 },
    );
    this.head();
    this.transport.send('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n' +
      `upgrade: websocket\r\n${this.extensionsLine}sec-websocket-accept: ${acceptOf(KEY)}\r\n\r\n`);
    await this.transport.settle();
    if (refusal !== undefined) throw refusal;
  }

  /** As client/websocket-client.ts has it, on this transport. */
  #wire(transport: Transport, agreed: DeflateAgreement | undefined): WebSocketProtocol {
    const { serve, accepts, deflate, limits } = this.options;
    const nothing = (): void => {};
    let end!: (closure: Closure) => void;
    const closed = new Promise<Closure>((resolve) => { end = resolve; });
    const { thresholdBytes } = deflateOptions(deflate);
    let key = 0x1357_9bdf;
    const wire = new WebSocketProtocol(transport, {
      limits: limitsFrom(limits), accepts, drainCode: 1001, zlib: this.zlib,
      nextKey: () => (key = (Math.imul(key, 0x0019_660d) + 0x3c6e_f35f) >>> 0),
      deflate: agreed && { ...agreed, thresholdBytes },
      drainDelay: () => 0, draining: nothing,
      broken: (error) => void this.failed.push(error),
      failed: (error) => void this.failed.push(error),
      refused: (error) => void this.refused.push(error.message),
      ended: (closure) => end(closure),
    });
    this.begun(new WebSocketSession(wire, closed, undefined, '', agreed !== undefined));
    void serve?.(this.session, undefined as never);
    return wire;
  }
}

const CONNECT: FieldPairs = [
  [':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':authority', 'a'],
  [':path', '/'], ['sec-websocket-version', '13'],
];

/** Stream 1 of a connection; keeps to the windows of the server. */
class Http2Link extends Link {
  ended = false;
  #connected!: Connected;
  #baseline = 0;
  #answer: FieldPairs = [];
  /** What waits for credit, of the stream and of the connection. */
  #queue: Uint8Array[] = [];
  #streamCredit = DEFAULT_WINDOW;
  #credit = DEFAULT_WINDOW;

  async open(): Promise<void> {
    const { limits = {}, extensions, window = WINDOW_MAX } = this.options;
    const most = Math.min(window, WINDOW_MAX);
    const fields: FieldPairs = extensions === undefined ? CONNECT
      : [...CONNECT, ['sec-websocket-extensions', extensions]];
    this.#connected = await open(
      this.handler(), { limits, connectProtocols: ['websocket'] },
      [[SETTINGS_INITIAL_WINDOW_SIZE, most]],
    );
    this.#baseline = this.transport.charged;
    for (const frame of this.#connected.all) this.#note(frame);
    this.transport.send(windowUpdate(0, WINDOW_MAX - DEFAULT_WINDOW));
    this.transport.send(headers(1, fields, END_HEADERS));
    await this.transport.settle();
    this.collect();
    const answer = this.#answer;
    if (answer[0]?.[1] !== '200') throw new Error(`no 200: ${JSON.stringify(answer)}`);
    this.extensions = answer.find(([name]) => name === 'sec-websocket-extensions')?.[1];
  }

  get transport(): MemoryTransport {
    return this.#connected.transport;
  }

  get charged(): number {
    return this.transport.charged - this.#baseline;
  }

  send(octets: Uint8Array): void {
    for (let at = 0; at < octets.length; at += DATA_BYTES) {
      this.#queue.push(octets.subarray(at, at + DATA_BYTES));
    }
    this.#pump();
  }

  sendEof(): void {
    this.transport.send(data(1, '', END_STREAM));
  }

  cut(): void {
    this.transport.send(reset(1));
  }

  release(octets = WINDOW_MAX): void {
    this.transport.send(windowUpdate(1, octets));
  }

  #pump(): void {
    for (let [first] = this.#queue; first !== undefined; [first] = this.#queue) {
      const room = Math.min(this.#streamCredit, this.#credit);
      if (room <= 0 || this.ended) return;
      const part = first.subarray(0, room);
      this.#streamCredit -= part.length;
      this.#credit -= part.length;
      if (part.length === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(part.length);
      this.transport.send(data(1, part));
      this.moved = true;
    }
  }

  protected receive(): Uint8Array {
    const frames = this.#connected.take();
    for (const frame of frames) this.#note(frame);
    this.refused.push(...this.#connected.refused.splice(0));
    this.failed.push(...this.#connected.errors.splice(0));
    this.#pump();
    // The content of a refusal is no frame of a WebSocket.
    const content = this.#answer[0]?.[1] !== '200' ? []
      : frames.filter(({ type, streamId }) => type === DATA && streamId === 1);
    return Buffer.concat(content.map(({ payload }) => payload));
  }

  #note(frame: Frame): void {
    const { type, flags, streamId, payload, fields } = frame;
    if (streamId === 1 && fields !== undefined) this.#answer = fields;
    if (type === WINDOW_UPDATE) {
      if (streamId === 0) this.#credit += numberIn(frame);
      else this.#streamCredit += numberIn(frame);
    } else if (type === SETTINGS) {
      for (let at = 0; at + 6 <= payload.length; at += 6) {
        const id = (payload[at] as number) << 8 | (payload[at + 1] as number);
        if (id === SETTINGS_INITIAL_WINDOW_SIZE) this.#streamCredit = numberIn(frame, at + 2);
      }
    } else if (streamId === 1 && (type === RST_STREAM || (flags & END_STREAM) !== 0)) {
      this.ended = true;
    }
  }
}
