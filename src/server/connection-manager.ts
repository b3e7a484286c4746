/**
 * All connections of a server, whatever they speak: the caps, the ledger, the one timer, the later
 * turn, the drain. Nothing here knows a protocol.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { clearInterval, setImmediate, setInterval } from 'node:timers';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../protocol.ts';
import { ServerClock } from './clock.ts';
import { Connection, type ConnectionHost } from './connection.ts';

const TICK_MS = 250;
const CONNECTIONS_MAX = 10_000;
/** Where the limit of descriptors cannot be read. */
const DESCRIPTORS_ASSUMED = 1024;
/** Idle connections found by one look, when one has to go. */
const EVICTION_BATCH = 64;

/** What a server has done and holds, as of now. */
export interface Counters {
  readonly connections: number;
  readonly accepted: number;
  /** Refused because a cap was reached and nothing was idle. */
  readonly refused: number;
  /** Closed while idle, to make room. */
  readonly evicted: number;
  /** Octets held for peers: content not yet read, answers not yet taken. */
  readonly heldBytes: number;
}

/**
 * The cap of connections for a limit of descriptors, of which the rest is for files and the
 * program. No setting can give more than the system has; and few descriptors are few connections,
 * never none.
 */
export function connectionCap(descriptors: number, wanted: number = CONNECTIONS_MAX): number {
  const most = Math.max(1, descriptors - Math.max(64, Math.floor(descriptors / 8)));
  return Math.min(wanted, most);
}

function descriptorLimit(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return line === null ? DESCRIPTORS_ASSUMED : Number(line[1]);
  } catch {
    return DESCRIPTORS_ASSUMED;
  }
}

export class ConnectionManager implements ConnectionHost {
  readonly limits: Limits;
  readonly clock = new ServerClock(() => this.#start());
  readonly #factory: ProtocolFactory<ConnectionTransport>;
  readonly #cap: number;
  readonly #connections = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #later: Connection[] = [];
  #evictable: Connection[] = [];
  #accepted = 0;
  #refused = 0;
  #evicted = 0;
  #heldBytes = 0;
  #shuttingDown = false;
  #whenEmpty: (() => void) | undefined;

  constructor(limits: Limits, factory: ProtocolFactory<ConnectionTransport>) {
    this.limits = limits;
    this.#factory = factory;
    this.#cap = connectionCap(descriptorLimit(), limits.connections);
  }

  get counters(): Counters {
    return {
      connections: this.#connections.size,
      accepted: this.#accepted,
      refused: this.#refused,
      evicted: this.#evicted,
      heldBytes: this.#heldBytes,
    };
  }

  /** Takes a socket that was accepted, or closes it where a cap forbids. */
  accept(socket: Socket): void {
    if (!this.#admits(socket)) {
      this.#refused++;
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.#accepted++;
    this.#start();
    const connection = new Connection(socket, this, this.#factory);
    this.#connections.add(connection);
    if (this.#shuttingDown) connection.shutdown();
  }

  later(connection: Connection): void {
    if (this.#later.length === 0) setImmediate(this.#runLater);
    this.#later.push(connection);
  }

  account(octets: number): void {
    this.#heldBytes += octets;
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
    this.#count(connection.peer.address, -1);
    if (this.#connections.size > 0) return;
    this.#stop();
    this.#whenEmpty?.();
  }

  /** Closes the connection that has been idle longest. False: none is idle. */
  evict(): boolean {
    const victim = this.#nextEvictable() ?? this.#lookForEvictable();
    if (victim === undefined) return false;
    this.#evicted++;
    victim.destroy();
    return true;
  }

  /** Tells all connections to finish, and those that still come. */
  shutdown(): void {
    this.#shuttingDown = true;
    for (const connection of this.#connections) connection.shutdown();
  }

  /** Resolves when no connection is left. */
  whenEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
      if (this.#connections.size === 0) resolve();
    });
  }

  /** Destroys what is left. */
  destroyAll(cause: Error): void {
    for (const connection of this.#connections) connection.destroy(cause);
  }

  #admits(socket: Socket): boolean {
    const { connectionsPerAddress } = this.limits;
    const address = socket.remoteAddress ?? '';
    // Peers on a Unix socket have none, and are not one for that.
    if (connectionsPerAddress !== Infinity && address !== '') {
      if ((this.#byAddress.get(address) ?? 0) >= connectionsPerAddress) return false;
      if (this.#connections.size >= this.#cap && !this.evict()) return false;
      this.#count(address, 1);
      return true;
    }
    return this.#connections.size < this.#cap || this.evict();
  }

  #count(address: string, change: number): void {
    if (this.limits.connectionsPerAddress === Infinity || address === '') return;
    const count = (this.#byAddress.get(address) ?? 0) + change;
    if (count > 0) this.#byAddress.set(address, count);
    else this.#byAddress.delete(address);
  }

  #nextEvictable(): Connection | undefined {
    for (;;) {
      const candidate = this.#evictable.pop();
      if (candidate === undefined) return undefined;
      if (this.#connections.has(candidate) && candidate.idle) return candidate;
    }
  }

  /** One look at all for the next few, so that a flood does not cost a look each. */
  #lookForEvictable(): Connection | undefined {
    this.#evictable = [...this.#connections]
      .filter((connection) => connection.idle)
      .sort((a, b) => Number(b.isLingering) - Number(a.isLingering) || a.activeAt - b.activeAt)
      .slice(0, EVICTION_BATCH)
      .reverse();
    return this.#evictable.pop();
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.clock.resume();
    this.#timer = setInterval(this.#tick, TICK_MS);
    // Sockets keep the process alive, and the listener does; the timer alone should not.
    this.#timer.unref();
  }

  #stop(): void {
    if (this.clock.awaited) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  readonly #tick = (): void => {
    for (const call of this.clock.step()) {
      try {
        call();
      } catch (error) {
        // The program's own exception, by Node's rule; the other calls are not to suffer.
        process.nextTick(() => { throw error; });
      }
    }
    const now = this.clock.now();
    for (const connection of this.#connections) connection.tick(now);
    if (this.#connections.size === 0) this.#stop();
  };

  readonly #runLater = (): void => {
    const connections = this.#later;
    this.#later = [];
    for (const connection of connections) connection.turn();
  };
}
