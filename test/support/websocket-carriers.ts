/** What carries a session of websocket-session.ts: nothing, HTTP/1.1, or a stream of HTTP/2. */
import { Buffer } from 'node:buffer';
import type { ProtocolError } from '../../src/errors.ts';
import { dispatcher, failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import type { HttpResponse } from '../../src/http/response.ts';
import { http1 } from '../../src/http1/protocol.ts';
import {
  DATA, END_HEADERS, END_STREAM, PREFACE, RST_STREAM, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { HpackDecoder } from '../../src/http2/hpack/index.ts';
import { http2 } from '../../src/http2/protocol.ts';
import { limitsFrom, type LimitChanges } from '../../src/limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../../src/protocol.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import {
  data, framesOf, headers, join, numberIn, reset, settings, settingsAck, windowUpdate,
} from './http2.ts';
import { makeRequest } from './requests.ts';

/** What a wire told of. */
export interface Notes {
  readonly refused: ProtocolError[];
  readonly failed: unknown[];
}

export interface CarrierOptions {
  readonly notes: Notes;
  readonly limits: LimitChanges | undefined;
  readonly fields: Readonly<Record<string, string>> | undefined;
  readonly window: number | undefined;
}

/** The octets of one session, and the peer who sends and reads them. */
export interface Carrier {
  readonly transport: MemoryTransport;
  /** How the server's side stands. */
  readonly state: 'open' | 'ended' | 'destroyed';
  /** How many octets the peer may send now. */
  room(): number;
  /** One read; at most `room` octets. */
  deliver(octets: Uint8Array): void;
  /** Looks at what the transport has given out. */
  read(): void;
  /** Octets of frames that came since. */
  take(): Uint8Array;
  /** Lets the peer read so many octets more. */
  release(octets: number): void;
  end(): void;
  cut(): void;
}

/** Makes the handler; with limits, for where no server gives them. */
type MakeHandler = (limits?: LimitChanges) => Handler;
type Opener = (handle: MakeHandler, options: CarrierOptions) => Promise<Carrier>;

const HANDSHAKE = {
  'host': 'a.example', 'connection': 'Upgrade', 'upgrade': 'websocket',
  'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A connection whose octets are those of the session. */
class Plain implements Carrier {
  readonly transport: MemoryTransport;

  constructor(transport: MemoryTransport) {
    this.transport = transport;
  }

  get state(): 'open' | 'ended' | 'destroyed' {
    const { cause, ended } = this.transport;
    return cause !== undefined ? 'destroyed' : ended ? 'ended' : 'open';
  }

  room(): number {
    return this.transport.paused || this.transport.closed ? 0 : Infinity;
  }

  deliver(octets: Uint8Array): void {
    this.transport.send(octets);
  }

  read(): void {}

  take(): Uint8Array {
    return this.transport.takeBytes();
  }

  release(octets: number): void {
    this.transport.release(octets);
  }

  end(): void {
    this.transport.sendEof();
  }

  cut(): void {
    this.transport.disconnect(new Error('ECONNRESET'));
  }
}

export const openAlone: Opener = async (handle, options) => {
  const limits = limitsFrom(options.limits);
  const request = makeRequest({ fields: { ...HANDSHAKE, ...options.fields } });
  // They are told to the same lists.
  const { asked } = request;
  asked.failed.push = (...errors) => options.notes.failed.push(...errors);
  asked.refused.push = (...errors) => options.notes.refused.push(...errors);
  const { switchTo } = await handle(options.limits)(request);
  if (switchTo === undefined) throw new Error('the handler did not switch');
  const transport = new MemoryTransport(switchTo, { limits, window: options.window });
  return new Plain(transport);
};

/** What the factories of both versions are given. */
function shared(handle: Handler, { notes, limits: changes }: CarrierOptions) {
  const limits = limitsFrom(changes);
  const failure = failureAnswers(undefined, (error) => void notes.failed.push(error));
  return {
    limits, failure,
    dispatch: dispatcher({ handle }, { failure }),
    refuse: (error: ProtocolError): HttpResponse => problem(error.code, error.message),
    refused: (error: ProtocolError): void => void notes.refused.push(error),
    completed: (): void => {},
  };
}

function connection(
  factory: ProtocolFactory<ConnectionTransport>, { limits }: CarrierOptions, window = Infinity,
): MemoryTransport {
  return new MemoryTransport(factory, { limits: limitsFrom(limits), window });
}

export const openHttp1: Opener = async (handle, options) => {
  const transport = connection(http1(shared(handle(), options)), options, 0);
  const lines = Object.entries({ ...HANDSHAKE, ...options.fields });
  const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  transport.send(`GET /chat HTTP/1.1\r\n${fields}\r\n`);
  await transport.settle();
  // What the session may have sent already waits for the window.
  let head = '';
  while (!head.endsWith('\r\n\r\n') && transport.queuedBytes > 0) {
    transport.release(1);
    head += transport.take();
  }
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`no switch: ${head}`);
  transport.release(options.window);
  await transport.settle();
  return new Plain(transport);
};

const WINDOW_MAX = 0x7fff_ffff;
const INITIAL_WINDOW = 65_535;
const FRAME_BYTES = 16_384;
const INITIAL_WINDOW_SIZE = 4;

/** Stream 1 of a connection. Its windows are kept as a client would. */
class Stream implements Carrier {
  readonly transport: MemoryTransport;
  state: 'open' | 'ended' | 'destroyed' = 'open';
  readonly #decoder = new HpackDecoder();
  #came: Uint8Array[] = [];
  /** What we may send, and what the server may. */
  #streamRoom: number;
  #connectionRoom = INITIAL_WINDOW;
  #window: number;
  status = '';

  constructor(transport: MemoryTransport, streamRoom: number, window: number) {
    this.transport = transport;
    this.#streamRoom = streamRoom;
    this.#window = window;
  }

  room(): number {
    return this.state === 'open' ? Math.min(this.#streamRoom, this.#connectionRoom) : 0;
  }

  deliver(octets: Uint8Array): void {
    this.#streamRoom -= octets.length;
    this.#connectionRoom -= octets.length;
    const frames: Uint8Array[] = [];
    for (let at = 0; at < octets.length; at += FRAME_BYTES) {
      frames.push(data(1, octets.subarray(at, at + FRAME_BYTES)));
    }
    this.transport.send(join(...frames));
  }

  read(): void {
    for (const frame of framesOf(this.transport.takeBytes(), this.#decoder)) {
      const { type, flags, streamId, payload } = frame;
      if (type === WINDOW_UPDATE && streamId === 0) this.#connectionRoom += numberIn(frame);
      if (streamId !== 1) continue;
      if (type === WINDOW_UPDATE) this.#streamRoom += numberIn(frame);
      else if (type === DATA) this.#came.push(payload);
      else if (type === RST_STREAM && this.state === 'open') this.state = 'destroyed';
      else if (frame.fields !== undefined) this.status = frame.fields[0]?.[1] ?? '';
      if (type === DATA) this.#window -= payload.length;
      if (type === DATA && (flags & END_STREAM) !== 0) this.state = 'ended';
    }
  }

  take(): Uint8Array {
    const came = join(...this.#came);
    this.#came = [];
    return came;
  }

  release(octets: number): void {
    const increment = Math.min(octets, WINDOW_MAX - this.#window);
    this.#window += increment;
    if (increment > 0) this.transport.send(windowUpdate(1, increment));
  }

  end(): void {
    this.transport.send(data(1, '', END_STREAM));
  }

  cut(): void {
    this.transport.send(reset(1));
  }
}

/** Guards of HTTP/2 that would speak before those of the WebSocket do. */
const HTTP2_LIMITS = { http2SilenceMs: Infinity, http2OverheadBytes: Infinity };

export const openHttp2: Opener = async (handle, options) => {
  const limits = limitsFrom({ ...HTTP2_LIMITS, ...options.limits });
  const factory = http2({
    ...shared(handle(), { ...options, limits }), connectProtocols: ['websocket'],
  });
  const transport = connection(factory, options);
  const window = Math.min(options.window ?? Infinity, WINDOW_MAX);
  const carrier = new Stream(transport, limits.http2StreamWindowBytes, window);
  const { host, 'sec-websocket-version': version } = HANDSHAKE;
  const head = headers(1, [
    [':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':authority', host],
    [':path', '/chat'], ['sec-websocket-version', version], ...Object.entries(options.fields ?? {}),
  ], END_HEADERS);
  const ours = settings([[INITIAL_WINDOW_SIZE, window]]);
  const credit = windowUpdate(0, WINDOW_MAX - INITIAL_WINDOW);
  transport.send(join(Buffer.from(PREFACE), ours, settingsAck, credit, head));
  await transport.settle();
  carrier.read();
  if (carrier.status !== '200') throw new Error(`no tunnel: ${carrier.status}`);
  return carrier;
};
