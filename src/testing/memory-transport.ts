/**
 * A connection in memory: the other Transport, for tests and simulations with no socket and no
 * time.
 *
 * Keeps the laws of protocol.ts as a real connection does, and is stricter where it can be: each
 * `receive` lends a slab that is overwritten afterwards, so that an octet used after its entry is
 * found. The test is the peer (`send`, `sendEof`, `take`), the loop (`turn`) and the clock
 * (`tick`).
 */
import { Buffer } from 'node:buffer';
import { WriteBuffer } from '../bytes/write-buffer.ts';
import { asError } from '../errors.ts';
import { DEFAULT_LIMITS, type Limits } from '../limits.ts';
import type { ConnectionTransport, Peer, Protocol, ProtocolFactory } from '../protocol.ts';
import { HandClock } from './hand-clock.ts';

export interface MemoryTransportOptions {
  readonly clock?: HandClock | undefined;
  readonly limits?: Limits | undefined;
  readonly peer?: Partial<Peer> | undefined;
  /** Octets that the peer takes before it stops reading; `release` moves it. Default: no bound. */
  readonly window?: number | undefined;
}

const PEER: Peer = {
  address: '192.0.2.1', port: 50_000, localAddress: '192.0.2.2', localPort: 80,
  secure: false, tls: undefined,
};
const SPOILED = 0xdb;

export class MemoryTransport implements ConnectionTransport {
  readonly peer: Peer;
  readonly clock: HandClock;
  /** FIN was sent: nothing more will be written. */
  ended = false;
  /** The connection is gone. */
  closed = false;
  /** What it was destroyed with. */
  cause: Error | undefined;
  paused = false;
  /** Set by a test, as a server would that holds too much. */
  crowded = false;
  /** Octets charged and not given back. */
  charged = 0;
  /** Of those, what waits to leave. */
  #output = 0;
  /** What the guard caught. */
  readonly failures: Error[] = [];
  readonly #limits: Limits;
  readonly #out = new WriteBuffer();
  readonly #input: Uint8Array[] = [];
  #taken: Uint8Array[] = [];
  #window: number;
  #protocol: Protocol;
  #inside = false;
  #leaving = false;
  #deferred = false;
  #gathering = false;
  #owesDrained = false;
  #eof = false;
  #toldEof = false;
  #shutdown = false;
  #dying = false;
  #next: ProtocolFactory<ConnectionTransport> | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(
    factory: ProtocolFactory<ConnectionTransport>, options: MemoryTransportOptions = {},
  ) {
    this.clock = options.clock ?? new HandClock();
    this.peer = { ...PEER, ...options.peer };
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.#window = options.window ?? Infinity;
    this.#inside = true;
    this.#protocol = factory(this);
    this.#leave();
  }

  // Transport

  get queuedBytes(): number {
    return this.#out.length;
  }

  write(octets: Uint8Array | string): boolean {
    if (this.ended || this.closed) return true;
    this.#out.push(octets);
    this.#leaveSoon();
    if (this.#out.length <= this.#limits.writeQueueBytes) return true;
    this.#owesDrained = true;
    return false;
  }

  keep(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return new Uint8Array(bytes.subarray(start, end));
  }

  charge(octets: number, isOutput = false): boolean {
    if (this.closed) return true;
    this.charged += octets;
    if (isOutput) this.#output += octets;
    return isOutput || this.charged - this.#output <= this.#limits.ledgerBytes;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  defer(): void {
    this.#deferred = true;
  }

  gather(): void {
    this.#gathering = true;
    this.#leaveSoon();
  }

  end(): void {
    this.ended = true;
    this.paused = false;
    this.#leaveSoon();
  }

  destroy(cause?: Error): void {
    if (this.#dying || this.closed) return;
    this.cause ??= cause;
    this.ended = true;
    // What was answered before leaves, as far as the peer takes it.
    this.#flow();
    this.#out.clear();
    this.#dying = true;
  }

  become(next: ProtocolFactory<ConnectionTransport>, rest: Uint8Array): void {
    this.#next = next;
    this.#rest = new Uint8Array(rest);
    this.#leaveSoon();
  }

  // The peer

  /** Sends octets, or latin1 text, as one read; kept back while the protocol pauses. */
  send(octets: Uint8Array | string): void {
    this.#input.push(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets);
    this.#deliver();
  }

  /** Sends FIN: the peer may still read. */
  sendEof(): void {
    this.#eof = true;
    this.#deliver();
  }

  /** The peer is gone: FIN both ways, or a reset. */
  disconnect(cause?: Error): void {
    this.cause ??= cause;
    this.#close();
  }

  /** Takes what has been written so far, as latin1 text. */
  take(): string {
    return Buffer.from(this.takeBytes()).toString('latin1');
  }

  /** Takes what has been written so far. */
  takeBytes(): Uint8Array {
    const taken = Buffer.concat(this.#taken);
    this.#taken = [];
    return taken;
  }

  /** Lets the peer read so many octets more. */
  release(octets: number = Infinity): void {
    this.#window += octets;
    this.#flow();
  }

  // The loop

  /** Whether a later turn has something to do. */
  get pending(): boolean {
    if (this.closed) return false;
    const input = !this.paused && (this.#input.length > 0 || (this.#eof && !this.#toldEof));
    return this.#deferred || this.#isDrained || this.#dying || (input && !this.ended);
  }

  /** One later turn: what was deferred, drained, or held back by a pause. */
  turn(): void {
    if (this.#isDrained) {
      this.#owesDrained = false;
      this.#enter(() => this.#protocol.drained());
    }
    if (this.#deferred) {
      this.#deferred = false;
      this.#enter(() => this.#protocol.proceed());
    }
    if (this.#dying) this.#close();
    this.#deliver();
  }

  /** Turns, and microtasks between them, until nothing is left to do. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      await new Promise<void>((resolve) => { setImmediate(resolve); });
      for (; this.pending; quiet = 0) this.turn();
    }
  }

  /** Lets `ms` pass, in ticks of 250 ms as the connection manager's. */
  tick(ms: number): void {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(250, left));
      this.#enter(() => this.#protocol.tick(this.clock.now()));
      if (this.#dying) this.#close();
    }
  }

  /** The server is closing. */
  shutdown(): void {
    this.#shutdown = true;
    this.#enter(() => this.#protocol.shutdown());
  }

  get idle(): boolean {
    return this.#protocol.idle;
  }

  get #isDrained(): boolean {
    return this.#owesDrained && this.#out.length <= this.#limits.writeQueueBytes / 2;
  }

  #deliver(): void {
    while (!this.paused && !this.closed) {
      const bytes = this.#input.shift();
      if (bytes === undefined) break;
      const lent = new Uint8Array(bytes);
      this.#enter(() => this.#protocol.receive(lent));
      lent.fill(SPOILED);
    }
    if (!this.#eof || this.#toldEof || this.#input.length > 0 || this.paused) return;
    this.#toldEof = true;
    this.#enter(() => this.#protocol.eof());
    this.#flow();
    if (this.#dying) this.#close();
  }

  #enter(entry: () => void): void {
    if (this.closed || this.ended) return;
    if (this.#inside) throw new Error('an entry within an entry: law 1 is broken');
    this.#inside = true;
    this.#guard(entry);
    this.#leave();
  }

  #guard(entry: () => void): void {
    try {
      entry();
    } catch (thrown) {
      const cause = asError(thrown);
      this.failures.push(cause);
      try {
        this.#protocol.failed(cause);
      } catch (second) {
        this.destroy(asError(second));
      }
    }
  }

  #leave(): void {
    for (;;) {
      if (this.#gathering) {
        this.#gathering = false;
        this.#guard(() => this.#protocol.flush());
      } else if (this.#next !== undefined) {
        this.#switch(this.#next);
      } else {
        break;
      }
    }
    this.#inside = false;
    this.#flow();
  }

  /** Outside an entry, what was asked for is done at the end of the microtask queue. */
  #leaveSoon(): void {
    if (this.#inside || this.#leaving || this.closed) return;
    this.#leaving = true;
    queueMicrotask(() => {
      this.#leaving = false;
      if (this.#inside || this.closed) return;
      this.#inside = true;
      this.#leave();
    });
  }

  #switch(factory: ProtocolFactory<ConnectionTransport>): void {
    const rest = this.#rest;
    this.#next = undefined;
    this.charged = 0;
    this.#output = 0;
    this.paused = false;
    this.#deferred = false;
    this.#owesDrained = false;
    try {
      this.#protocol = factory(this);
    } catch (cause) {
      this.destroy(asError(cause));
      return;
    }
    if (this.#shutdown) this.#guard(() => this.#protocol.shutdown());
    if (rest.length > 0 && !this.ended) this.#guard(() => this.#protocol.receive(rest));
    rest.fill(SPOILED);
    if (this.#toldEof && !this.ended) this.#guard(() => this.#protocol.eof());
  }

  #flow(): void {
    while (this.#window > 0) {
      const piece = this.#out.take(Math.min(this.#window, 64 * 1024));
      if (piece === undefined) break;
      this.#window -= piece.length;
      const text = typeof piece === 'string';
      this.#taken.push(text ? Buffer.from(piece, 'latin1') : new Uint8Array(piece));
    }
    if (this.ended && this.#toldEof && this.#out.length === 0) this.#dying = true;
  }

  #close(): void {
    if (this.closed) return;
    this.#dying = false;
    this.#out.clear();
    this.ended = true;
    this.#inside = true;
    try {
      this.#protocol.closed(this.cause);
    } finally {
      this.#inside = false;
      this.closed = true;
    }
  }
}
