/**
 * All connections of a server, whatever they speak: the caps, the ledger, the one timer, the later
 * turn, the drain. Nothing here knows a protocol.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { clearInterval, setImmediate, setInterval } from 'node:timers';
import type { TrustList } from '../http/trust-list.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../protocol.ts';
import type { TlsContexts } from '../tls/contexts.ts';
import {
  Admission, type Admitted, type AdmissionHost, type RefusalReason,
} from './admission.ts';
import { ServerClock } from './clock.ts';
import { Connection, type ConnectionHost } from './connection.ts';

const TICK_MS = 250;
const CONNECTIONS_MAX = 10_000;
/** Where the limit of descriptors cannot be read. */
const DESCRIPTORS_ASSUMED = 1024;
/** A socket that has said nothing for so long is the first to go. */
const SILENCE_MS = 1000;
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
  /** Sockets that are not connections yet: silent, or within a handshake. */
  readonly arriving: number;
  /** Handshakes of TLS that were completed, and how many of them resumed a session. */
  readonly secured: number;
  readonly resumed: number;
  /** Sockets that never became connections, by reason. */
  readonly lost: Readonly<Partial<Record<RefusalReason, number>>>;
}

/** What connections speak, and what is told of sockets that never became one. */
export interface ManagerOptions {
  /** In clear text, and after a handshake that chose `alpn`. */
  readonly clear: ProtocolFactory<ConnectionTransport>;
  readonly secure: (alpn: string) => ProtocolFactory<ConnectionTransport>;
  lost(address: string, reason: RefusalReason, error: Error | undefined): void;
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

function abandon(socket: Socket): void {
  socket.on('error', () => {});
  socket.destroy();
}

export class ConnectionManager implements ConnectionHost, AdmissionHost {
  readonly limits: Limits;
  readonly clock = new ServerClock(() => this.#start());
  readonly #options: ManagerOptions;
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
  #secured = 0;
  #resumed = 0;
  readonly #lost: Partial<Record<RefusalReason, number>> = {};
  /** Undefined where a socket is a connection at once. */
  #admission: Admission | undefined;
  #shuttingDown = false;
  #whenEmpty: (() => void) | undefined;

  constructor(limits: Limits, options: ManagerOptions) {
    this.limits = limits;
    this.#options = options;
    this.#cap = connectionCap(descriptorLimit(), limits.connections);
  }

  get counters(): Counters {
    return {
      connections: this.#connections.size,
      accepted: this.#accepted,
      refused: this.#refused,
      evicted: this.#evicted,
      heldBytes: this.#heldBytes,
      arriving: this.#admission?.size ?? 0,
      secured: this.#secured,
      resumed: this.#resumed,
      lost: { ...this.#lost },
    };
  }

  /** Nothing new is begun while the process holds more than it should. */
  get crowded(): boolean {
    return this.#heldBytes > this.limits.heldBytes;
  }

  /**
   * Whether a connection may hold so many octets: its own bound, and its share of what all may hold
   * where those that had begun before go on to bring more.
   */
  allows(octets: number): boolean {
    const { ledgerBytes, heldBytes } = this.limits;
    if (octets > ledgerBytes) return false;
    return this.#heldBytes <= heldBytes * 2 || octets * this.#connections.size <= heldBytes * 2;
  }

  /** From here on sockets may bring TLS, and must bring a PROXY header from those trusted. */
  guard(contexts: TlsContexts | undefined, proxies: TrustList | undefined): void {
    const guards = contexts !== undefined || proxies !== undefined;
    this.#admission = guards ? new Admission(this, contexts, proxies) : undefined;
  }

  get admission(): Admission | undefined {
    return this.#admission;
  }

  /** Takes a socket that was accepted, or closes it where a cap forbids. */
  accept(socket: Socket, isUnix: boolean = false): void {
    const accepted = socket.remoteAddress ?? '';
    if (accepted === '' && !isUnix) {
      // Reset already. What it sent could still be read, as if it came by a trusted Unix socket.
      this.#accepted++;
      abandon(socket);
      return;
    }
    const admission = this.#admission;
    // Behind a proxy all have its address: they are counted when theirs is known.
    if (!this.#admits(accepted, admission?.isProxied !== true)) {
      this.#refuse(socket);
      return;
    }
    this.#accepted++;
    this.#start();
    if (admission !== undefined) admission.admit(socket);
    else this.#open({ socket, tls: undefined, ends: undefined, accepted });
  }

  /** A socket whose protocol is known becomes a connection. */
  begin(admitted: Admitted): void {
    const { socket, tls, ends, accepted } = admitted;
    const address = ends?.address ?? accepted;
    if (this.#admission?.isProxied === true && !this.#admitsAddress(address)) {
      this.#refuse(socket);
      this.#watchEmpty();
      return;
    }
    if (tls !== undefined) {
      this.#secured++;
      if (tls.resumed) this.#resumed++;
    }
    this.#open(admitted);
  }

  lost(accepted: string, reason: RefusalReason | undefined, error: Error | undefined): void {
    if (this.#admission?.isProxied !== true) this.#count(accepted, -1);
    if (reason !== undefined) {
      this.#lost[reason] = (this.#lost[reason] ?? 0) + 1;
      this.#options.lost(accepted, reason, error);
    }
    this.#watchEmpty();
  }

  #open({ socket, tls, ends, accepted }: Admitted): void {
    const { clear, secure } = this.#options;
    const factory = tls === undefined ? clear : secure(tls.alpn);
    const connection = new Connection(socket, this, factory, tls, ends, accepted);
    this.#connections.add(connection);
    if (this.#shuttingDown) connection.shutdown();
  }

  #refuse(socket: Socket): void {
    this.#refused++;
    abandon(socket);
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
    this.#watchEmpty();
  }

  get #size(): number {
    return this.#connections.size + (this.#admission?.size ?? 0);
  }

  #watchEmpty(): void {
    if (this.#size > 0) return;
    this.#stop();
    this.#whenEmpty?.();
  }

  /** Closes the connection that has been idle longest. False: none is idle. */
  evict(): boolean {
    // Who has said nothing goes before who was served and may come again.
    const silentFor = this.#admission?.evict(SILENCE_MS) === true;
    const victim = silentFor ? undefined : this.#nextEvictable() ?? this.#lookForEvictable();
    if (!silentFor && victim === undefined && this.#admission?.evict(0) !== true) return false;
    this.#evicted++;
    victim?.destroy();
    return true;
  }

  /** Tells all connections to finish, and those that still come. */
  shutdown(): void {
    this.#shuttingDown = true;
    this.#admission?.shutdown();
    for (const connection of this.#connections) connection.shutdown();
  }

  /** Resolves when no connection is left. */
  whenEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
      if (this.#size === 0) resolve();
    });
  }

  /** Destroys what is left. */
  destroyAll(cause: Error): void {
    this.#admission?.destroyAll();
    for (const connection of this.#connections) connection.destroy(cause);
  }

  /** `counts`: whether the address is known to be the client's. */
  #admits(address: string, counts: boolean): boolean {
    if (this.#size >= this.#cap && !this.evict()) return false;
    return !counts || this.#admitsAddress(address);
  }

  #admitsAddress(address: string): boolean {
    const { connectionsPerAddress } = this.limits;
    // Peers on a Unix socket have none, and are not one for that.
    if (connectionsPerAddress === Infinity || address === '') return true;
    if ((this.#byAddress.get(address) ?? 0) >= connectionsPerAddress) return false;
    this.#count(address, 1);
    return true;
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
    setImmediate(this.#look);
  };

  /** After what has come was read: nobody is late because this process was. */
  readonly #look = (): void => {
    const now = this.clock.now();
    this.#admission?.tick(now);
    for (const connection of this.#connections) connection.tick(now);
    if (this.#size === 0) this.#stop();
  };

  readonly #runLater = (): void => {
    const connections = this.#later;
    this.#later = [];
    for (const connection of connections) connection.turn();
  };
}
