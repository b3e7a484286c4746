/**
 * A session over each of its wires, so that the same checks run on all: alone on a transport in
 * memory, behind an Upgrade of HTTP/1.1, and in a tunnel of HTTP/2.
 *
 *     describe.each(WIRES)('over %s', (name) => {
 *       test('...', async () => {
 *         const wire = await openWire(name, { serve: (session) => session.onMessage(...) });
 *         expect(await wire.send(text('a'))).toEqual(['text b']);
 *
 * The test is the client. Frames that come out are parsed apart from the code under test, by
 * websocket-frames.ts, which insists on what a server's frames must be.
 */
import { afterEach, expect } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import type { LimitChanges, Limits } from '../../src/limits.ts';
import type { MemoryTransport } from '../../src/testing/index.ts';
import { webSocket, type SessionHandler } from '../../src/websocket/endpoint.ts';
import type { WebSocketOptions } from '../../src/websocket/endpoint-options.ts';
import { CloseError } from '../../src/websocket/close-error.ts';
import type { Closure } from '../../src/websocket/protocol.ts';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import type { Message } from '../../src/websocket/prepared-message.ts';
import { join, splits } from './websocket.ts';
import { FrameReader, shown, type OutFrame } from './websocket-frames.ts';
import {
  openAlone, openHttp1, openHttp2, type Carrier, type Notes,
} from './websocket-carriers.ts';

export { shown, type OutFrame };

export const WIRES = ['alone', 'HTTP/1.1', 'HTTP/2'] as const;
export type WireName = typeof WIRES[number];

export interface WireOptions extends Omit<WebSocketOptions, 'limits'> {
  readonly limits?: LimitChanges;
  /** Is given the session; default: nothing reads or sends. */
  readonly serve?: SessionHandler;
  /** Fields of the handshake beside those that it needs. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Octets of frames that the peer takes before it stops reading; `release` moves it. */
  readonly window?: number;
}

/** Octets of one read of a connection at most. */
const READ_BYTES = 64 * 1024;

/** How each wire is opened. */
const OPENERS = { 'alone': openAlone, 'HTTP/1.1': openHttp1, 'HTTP/2': openHttp2 };

const open = new Set<Wire>();

afterEach(async () => {
  const wires = [...open];
  open.clear();
  for (const wire of wires) await wire.finish();
});

export class Wire {
  readonly session: WebSocketSession;
  /** All frames that came out so far. */
  readonly all: OutFrame[] = [];
  /** How the session ended; undefined while it has not. */
  closure: Closure | undefined;
  /** Why there was no Close, apart from the rest. */
  cause: Error | undefined;
  readonly #carrier: Carrier;
  readonly #notes: Notes;
  readonly #reader = new FrameReader();
  /** What the peer has not sent yet: it was stopped. */
  #unsent: Uint8Array[] = [];

  constructor(carrier: Carrier, session: WebSocketSession, notes: Notes) {
    this.#carrier = carrier;
    this.session = session;
    this.#notes = notes;
    void session.closed.then(({ cause, ...closure }) => {
      this.closure = closure;
      this.cause = cause;
    });
    open.add(this);
  }

  /** The connection below: with HTTP/2, that of all streams. */
  get transport(): MemoryTransport {
    return this.#carrier.transport;
  }

  /** What the peer was refused for, as errors with a close code. */
  get refused(): Notes['refused'] {
    return this.#notes.refused;
  }

  /** What the program failed of. */
  get failed(): Notes['failed'] {
    return this.#notes.failed;
  }

  /** Octets charged to the ledger of the connection. */
  get charged(): number {
    return this.#carrier.transport.charged;
  }

  /** Octets that the peer wants to send and may not. */
  get unsentBytes(): number {
    return this.#unsent.reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * `ended`: the server has sent its FIN, or END_STREAM, and nothing worse before. `destroyed`: it
   * has cut the connection, or reset the stream.
   */
  get state(): 'open' | 'ended' | 'destroyed' {
    return this.#carrier.state;
  }

  // The peer

  /** Sends octets as one read (of 64 KiB at most), lets all settle, and gives what came out. */
  async send(...parts: readonly Uint8Array[]): Promise<string[]> {
    const octets = join(...parts);
    for (let at = 0; at < octets.length; at += READ_BYTES) {
      this.#unsent.push(octets.subarray(at, at + READ_BYTES));
    }
    return this.settled();
  }

  /** Sends octets as one read, and lets nothing settle. */
  sendNow(octets: Uint8Array): void {
    this.#carrier.deliver(octets);
  }

  /** Sends each segment as a read of its own. */
  async sendEach(segments: readonly Uint8Array[]): Promise<string[]> {
    const came: string[] = [];
    for (const segment of segments) came.push(...await this.send(segment));
    return came;
  }

  /** Lets all settle, and gives the frames that came out since, as words (see `shown`). */
  async settled(): Promise<string[]> {
    const carrier = this.#carrier;
    for (;;) {
      await carrier.transport.settle();
      carrier.read();
      const [next] = this.#unsent;
      const room = carrier.room();
      if (next === undefined || room === 0) break;
      this.#unsent.shift();
      if (next.length > room) this.#unsent.unshift(next.subarray(room));
      carrier.deliver(next.subarray(0, room));
    }
    const frames = this.#reader.read(carrier.take());
    this.all.push(...frames);
    return frames.map(shown);
  }

  /** Ends the peer's side: FIN, or END_STREAM. */
  async end(): Promise<string[]> {
    this.#carrier.end();
    return this.settled();
  }

  /** The peer is gone: a reset of the connection, or of the stream. */
  async cut(): Promise<string[]> {
    this.#carrier.cut();
    return this.settled();
  }

  /** Lets the peer read so many octets more. */
  async release(octets = Infinity): Promise<string[]> {
    this.#carrier.release(octets);
    return this.settled();
  }

  // The loop and the clock

  /** Lets `ms` pass, in ticks of 250 ms. */
  async tick(ms: number): Promise<string[]> {
    this.#carrier.transport.tick(ms);
    return this.settled();
  }

  /** The server is closing. */
  async shutdown(): Promise<string[]> {
    this.#carrier.transport.shutdown();
    return this.settled();
  }

  /** At the end of every test: the connection goes, and nothing stays on its ledger. */
  async finish(): Promise<void> {
    this.#carrier.transport.disconnect();
    await this.#carrier.transport.settle();
    await Promise.resolve();
    expect(this.closure, 'the session has ended with its connection').toBeDefined();
    expect(this.charged, 'all that was charged has been given back').toBe(0);
    const unforeseen = this.transport.failures.filter((error) => !(error instanceof CloseError));
    expect(unforeseen, 'entries throw nothing else').toEqual([]);
  }
}

/** A session, open. */
export async function openWire(name: WireName, options: WireOptions = {}): Promise<Wire> {
  const { serve, limits, fields, window, ...rest } = options;
  let session: WebSocketSession | undefined;
  const handle = (own?: LimitChanges): Handler => webSocket((given, request) => {
    session = given;
    return serve?.(given, request);
  }, { ...rest, ...(own && { limits: own as Partial<Limits> }) });
  const notes: Notes = { refused: [], failed: [] };
  const carrier = await OPENERS[name](handle, { notes, limits, fields, window });
  if (session === undefined) throw new Error('no session was made');
  return new Wire(carrier, session, notes);
}

/** What became of octets that a peer sent. */
export interface WireOutcome {
  /** Frames that came out. */
  readonly came: readonly string[];
  /** What the program got. */
  readonly messages: readonly Message[];
  /** Close codes that the peer was refused with. */
  readonly refused: readonly number[];
  readonly closure: Closure | undefined;
  readonly state: Wire['state'];
}

/** Sends octets whole, octet by octet and at each split, and insists on one outcome. */
export async function wireVerdict(
  name: WireName, octets: Uint8Array, options: WireOptions = {},
): Promise<WireOutcome> {
  let whole: WireOutcome | undefined;
  for (const segments of splits(octets)) {
    const messages: Message[] = [];
    const wire = await openWire(name, {
      serve: (session) => session.onMessage((message) => messages.push(message)), ...options,
    });
    const came = await wire.sendEach(segments);
    const { closure, state } = wire;
    const refused = wire.refused.map(({ code }) => code);
    const outcome = { came, messages, refused, closure, state };
    await wire.finish();
    open.delete(wire);
    whole ??= outcome;
    const where = segments.length > 2 ? 'octet by octet' : `at ${segments[0]?.length}`;
    expect(outcome, where).toEqual(whole);
  }
  return whole as WireOutcome;
}

/** What a program is told that sends without end and awaits nothing. */
export function sloppy(ledgerBytes: number): Error {
  const what = `sends that nobody awaits hold more than ledgerBytes, ${ledgerBytes}`;
  return new Error(`${what}: await session.send(), or use trySend()`);
}
