/**
 * A socket as a Transport: the one guard, the one way out, and the order of both (the laws of
 * protocol.ts).
 *
 *     socket event, tick, turn -> #enter -> protocol -> #leave: flush, switch, one write, pause
 *
 * Everything that a protocol does inside an entry is only noted, and carried out by #leave; so no
 * call of a Transport ever comes back before it returned.
 */
import type { Socket } from 'node:net';
import { own } from '../bytes/receive-buffer.ts';
import { WriteBuffer } from '../bytes/write-buffer.ts';
import { asError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type {
  Clock, ConnectionTransport, Peer, Protocol, ProtocolFactory, TlsFacts,
} from '../protocol.ts';
import type { ProxiedEnds } from './proxy-protocol.ts';
import { SocketPeer } from './socket-peer.ts';

/** What a connection needs of the manager. */
export interface ConnectionHost {
  readonly clock: Clock;
  readonly limits: Limits;
  /** The process holds more than it should. */
  readonly crowded: boolean;
  /** Calls `turn` of the connection once, in a later turn of the loop. */
  later(connection: Connection): void;
  /** The connection holds so many octets more, or fewer; and whether it may hold so many in all. */
  account(octets: number): void;
  allows(octets: number): boolean;
  gone(connection: Connection): void;
}

/** A piece that the kernel takes at once or not: a write stall is seen piece by piece. */
const PIECE_BYTES = 64 * 1024;

const RECEIVE = 0;
const PROCEED = 1;
const DRAINED = 2;
const EOF = 3;
const TICK = 4;
const SHUTDOWN = 5;
type Entry = typeof RECEIVE | typeof PROCEED | typeof DRAINED | typeof EOF | typeof TICK |
  typeof SHUTDOWN;

const NO_BYTES = new Uint8Array(0);

export class Connection implements ConnectionTransport {
  readonly peer: Peer;
  /** When octets last came, of the clock. */
  activeAt: number;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #out = new WriteBuffer();
  readonly #taken: () => void;
  #protocol: Protocol;

  #inside = false;
  #leaving = false;
  #gathering = false;
  #deferred = false;
  /** `write` said false, and `drained` is owed. */
  #owesDrained = false;
  #drainedIsDue = false;
  #wantsPause = false;
  #isPaused = false;
  #next: ProtocolFactory<ConnectionTransport> | undefined;
  #rest: Uint8Array = NO_BYTES;

  #sawEof = false;
  #sawShutdown = false;
  #shutdownIsDue = false;
  /** `end` was called; the socket was told; FIN was sent. */
  #ended = false;
  #finishing = false;
  #finished = false;
  #destroyed = false;
  #closed = false;
  #cause: Error | undefined;
  #lingerUntil = Infinity;
  #lingered = 0;
  #lingerBytes = 0;

  /** Octets charged by the protocol, and octets queued as last accounted. */
  #charged = 0;
  #output = 0;
  #queuedAccounted = 0;
  /** When the peer last took a piece, while it has some to take. */
  #takenAt = 0;
  #waits = false;

  constructor(
    socket: Socket, host: ConnectionHost, factory: ProtocolFactory<ConnectionTransport>,
    tls?: TlsFacts, ends?: ProxiedEnds, accepted?: string,
  ) {
    this.#socket = socket;
    this.#host = host;
    this.peer = new SocketPeer(socket, tls, ends, accepted);
    this.activeAt = host.clock.now();
    this.#taken = () => this.#pieceTaken();
    socket.on('error', (error: Error) => this.#cause ??= error);
    socket.on('close', () => this.#close());
    socket.on('end', () => this.#eof());
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    // Admission stopped it where it had read enough.
    if (socket.isPaused()) socket.resume();
    this.#inside = true;
    this.#protocol = factory(this);
    this.#leave();
  }

  // Transport

  get clock(): Clock {
    return this.#host.clock;
  }

  get crowded(): boolean {
    return this.#host.crowded;
  }

  get queuedBytes(): number {
    return this.#out.length + this.#socket.writableLength;
  }

  write(octets: Uint8Array | string): boolean {
    if (this.#ended || this.#closed) return true;
    this.#out.push(octets);
    this.#leaveSoon();
    if (this.queuedBytes <= this.#host.limits.writeQueueBytes) return true;
    this.#owesDrained = true;
    return false;
  }

  keep(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return own(bytes, start, end);
  }

  charge(octets: number, isOutput = false): boolean {
    if (this.#closed) return true;
    if (isOutput) this.#output += octets;
    else this.#charged += octets;
    this.#host.account(octets);
    return isOutput || this.#host.allows(this.#charged);
  }

  pause(): void {
    this.#wantsPause = true;
    this.#leaveSoon();
  }

  resume(): void {
    this.#wantsPause = false;
    this.#leaveSoon();
  }

  defer(): void {
    if (this.#deferred || this.#closed) return;
    this.#deferred = true;
    this.#host.later(this);
  }

  gather(): void {
    this.#gathering = true;
    this.#leaveSoon();
  }

  end(lingerBytes = 0): void {
    this.#ended = true;
    this.#lingerBytes = Math.max(this.#host.limits.lingerBytes, lingerBytes);
    this.#leaveSoon();
  }

  destroy(cause?: Error): void {
    if (this.#closed || this.#destroyed) return;
    this.#destroyed = true;
    this.#ended = true;
    this.#cause ??= cause;
    // What was answered before goes to the kernel, which may still bring it there.
    if (this.#out.length > 0 && this.#out.length <= PIECE_BYTES) this.#sendAll();
    this.#out.clear();
    // Node loses a socket that is reset while its FIN, behind all that there was, is under way.
    const isEnding = this.#finishing && !this.#finished && this.#socket.writableLength === 0;
    // A reset tells the peer that what it got is not all (RFC 9112 §8); FIN would look like an end.
    if (cause === undefined || isEnding) {
      this.#socket.destroy();
      return;
    }
    try {
      this.#socket.resetAndDestroy();
    } catch {
      // Node resets TCP sockets alone, not those of Unix or under TLS, and throws for others.
      this.#socket.destroy();
    }
  }

  become(next: ProtocolFactory<ConnectionTransport>, rest: Uint8Array): void {
    this.#next = next;
    this.#rest = rest;
    this.#leaveSoon();
  }

  // For the manager

  /** Whether it can be closed without a loss. */
  get idle(): boolean {
    if (this.#destroyed) return false;
    return this.isLingering || (!this.#ended && this.#protocol.idle && this.queuedBytes === 0);
  }

  /** Whether it has had its FIN, and is only listened to for politeness. */
  get isLingering(): boolean {
    return this.#finished && !this.#destroyed;
  }

  /** Octets held on behalf of this connection. */
  get heldBytes(): number {
    return this.#charged + this.#output + this.#queuedAccounted;
  }

  /** What `defer` and an overflown queue asked for. */
  turn(): void {
    if (this.#shutdownIsDue) {
      this.#shutdownIsDue = false;
      this.#enter(SHUTDOWN, NO_BYTES, 0);
    }
    if (this.#drainedIsDue) {
      this.#drainedIsDue = false;
      this.#owesDrained = false;
      this.#enter(DRAINED, NO_BYTES, 0);
    }
    if (this.#deferred) {
      this.#deferred = false;
      this.#enter(PROCEED, NO_BYTES, 0);
    }
  }

  tick(now: number): void {
    const { writeStallMs } = this.#host.limits;
    if (this.#waits && now - this.#takenAt > writeStallMs) {
      this.destroy(new Error(`the peer took nothing for writeStallMs, ${writeStallMs}`));
    } else if (now >= this.#lingerUntil) {
      this.destroy();
    } else {
      this.#enter(TICK, NO_BYTES, now);
    }
  }

  /** Tells the protocol; later, where a handler closes the server within an entry of it. */
  shutdown(): void {
    this.#sawShutdown = true;
    if (this.#inside) {
      this.#shutdownIsDue = true;
      this.#host.later(this);
    } else {
      this.#enter(SHUTDOWN, NO_BYTES, 0);
    }
  }

  // Events

  #received(bytes: Uint8Array): void {
    if (!this.#ended) {
      this.activeAt = this.#host.clock.now();
      this.#enter(RECEIVE, bytes, 0);
      return;
    }
    this.#lingered += bytes.length;
    if (this.#lingered > this.#lingerBytes) this.destroy();
  }

  #eof(): void {
    this.#sawEof = true;
    if (this.#finished) this.destroy();
    else this.#enter(EOF, NO_BYTES, 0);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#out.clear();
    this.#accountQueue();
    try {
      this.#protocol.closed(this.#cause);
    } catch {
      // Nobody is left to tell: the connection is gone, and its protocol broken.
    }
    this.#giveBack();
    this.#host.gone(this);
  }

  // The guard

  #enter(entry: Entry, bytes: Uint8Array, now: number): void {
    if (this.#closed || this.#ended) return;
    this.#inside = true;
    try {
      const protocol = this.#protocol;
      switch (entry) {
        case RECEIVE: protocol.receive(bytes); break;
        case PROCEED: protocol.proceed(); break;
        case DRAINED: protocol.drained(); break;
        case EOF: protocol.eof(); break;
        case TICK: protocol.tick(now); break;
        case SHUTDOWN: protocol.shutdown(); break;
      }
    } catch (cause) {
      this.#failed(cause);
    }
    this.#leave();
  }

  #failed(cause: unknown): void {
    try {
      this.#protocol.failed(asError(cause));
    } catch (second) {
      this.destroy(asError(second));
    }
  }

  /** What was noted outside an entry is carried out at the end of the microtask queue. */
  #leaveSoon(): void {
    if (this.#inside || this.#leaving) return;
    this.#leaving = true;
    process.nextTick(() => {
      this.#leaving = false;
      if (!this.#closed) this.#leave();
    });
  }

  #leave(): void {
    this.#inside = true;
    while (!this.#closed) {
      if (this.#gathering) {
        this.#gathering = false;
        this.#guarded(() => this.#protocol.flush());
      } else if (this.#next !== undefined) {
        this.#switch(this.#next);
      } else {
        break;
      }
    }
    this.#inside = false;
    this.#send();
    if (this.#wantsPause !== this.#isPaused) this.#applyPause();
  }

  #switch(factory: ProtocolFactory<ConnectionTransport>): void {
    const rest = this.#rest;
    this.#next = undefined;
    this.#rest = NO_BYTES;
    this.#giveBack();
    this.#wantsPause = false;
    // What the old protocol asked for is not the next one's.
    this.#deferred = false;
    this.#owesDrained = false;
    this.#drainedIsDue = false;
    this.#shutdownIsDue = false;
    try {
      this.#protocol = factory(this);
    } catch (cause) {
      this.destroy(asError(cause));
      return;
    }
    if (this.#sawShutdown) this.#guarded(() => this.#protocol.shutdown());
    if (rest.length > 0 && !this.#ended) this.#guarded(() => this.#protocol.receive(rest));
    if (this.#sawEof && !this.#ended) this.#guarded(() => this.#protocol.eof());
  }

  #guarded(entry: () => void): void {
    try {
      entry();
    } catch (cause) {
      this.#failed(cause);
    }
  }

  #giveBack(): void {
    this.#host.account(-this.#charged - this.#output);
    this.#charged = 0;
    this.#output = 0;
  }

  #applyPause(): void {
    this.#isPaused = this.#wantsPause;
    if (this.#isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  // The way out

  /** Gives the socket pieces as long as it takes them, and one to wait with. */
  #send(): void {
    const socket = this.#socket;
    const out = this.#out;
    if (out.length > 0) {
      if (out.length > PIECE_BYTES || socket.writableLength > 0) this.#sendPieces();
      else this.#sendAll();
    }
    this.#afterSending();
  }

  /** The common case: all leaves in one write of the kernel. */
  #sendAll(): void {
    const socket = this.#socket;
    let piece = this.#out.take(PIECE_BYTES);
    const corked = this.#out.length > 0;
    if (corked) socket.cork();
    for (; piece !== undefined; piece = this.#out.take(PIECE_BYTES)) {
      socket.write(piece as string, 'latin1');
    }
    if (corked) socket.uncork();
    // A call-back costs a tick: it is asked for, behind nothing, only where octets are left.
    if (socket.writableLength > 0) socket.write('', 'latin1', this.#taken);
  }

  #sendPieces(): void {
    const socket = this.#socket;
    while (this.#out.length > 0 && socket.writableLength <= PIECE_BYTES) {
      socket.cork();
      let room = PIECE_BYTES;
      while (room > 0) {
        const piece = this.#out.take(room);
        if (piece === undefined) break;
        room -= piece.length;
        socket.write(piece as string, 'latin1', this.#taken);
      }
      socket.uncork();
    }
  }

  #pieceTaken(): void {
    if (this.#closed) return;
    this.#takenAt = this.#host.clock.now();
    if (this.#waits) this.#send();
  }

  #afterSending(): void {
    const queued = this.queuedBytes;
    if (queued === 0 && !this.#waits && !this.#ended) {
      if (this.#owesDrained) this.#drainLater();
      return;
    }
    if (queued > 0 && !this.#waits) this.#takenAt = this.#host.clock.now();
    this.#waits = queued > 0;
    this.#accountQueue();
    if (this.#owesDrained && queued <= this.#host.limits.writeQueueBytes / 2) this.#drainLater();
    if (this.#ended && this.#out.length === 0) this.#finish();
  }

  #drainLater(): void {
    if (this.#drainedIsDue) return;
    this.#drainedIsDue = true;
    this.#host.later(this);
  }

  #accountQueue(): void {
    const queued = this.#closed ? 0 : this.queuedBytes;
    if (queued === this.#queuedAccounted) return;
    this.#host.account(queued - this.#queuedAccounted);
    this.#queuedAccounted = queued;
  }

  /** FIN after what is queued; then the peer is listened to for a while (RFC 9112 §9.6). */
  #finish(): void {
    if (this.#finishing || this.#closed) return;
    this.#finishing = true;
    this.#wantsPause = false;
    if (this.#isPaused) this.#applyPause();
    this.#socket.end(() => {
      this.#finished = true;
      if (this.#sawEof) this.#socket.destroy();
      else this.#lingerUntil = this.#host.clock.now() + this.#host.limits.lingerMs;
    });
  }
}
