/**
 * The protocol in the tunnels of simulations (RFC 8441): sends back what it gets, pauses by chance,
 * stands still while `write` says false, and holds its transport to the laws of protocol.ts.
 */
import { Buffer } from 'node:buffer';
import type { Protocol, Transport } from '../../src/protocol.ts';
import { Provoked, type World } from './world.ts';

export interface TunnelOptions {
  /** Whether it pauses now and then. */
  readonly pauses: boolean;
  /** After so many octets it fails, or destroys its transport. */
  readonly failsAt: number | undefined;
}

export const GREETING = 'hi';

export class EchoTunnel implements Protocol {
  readonly idle = true;
  received = 0;
  closings = 0;
  ended = false;
  readonly #name: string;
  readonly #world: World;
  readonly #transport: Transport;
  readonly #options: TunnelOptions;
  #inside = false;
  #owesDrained = false;
  #deferred = false;
  #gathered = false;
  #paused = false;
  /** Events that had happened when it paused. */
  #pausedAt = Infinity;
  #sawEof = false;

  constructor(name: string, world: World, transport: Transport, options: TunnelOptions) {
    this.#name = name;
    this.#world = world;
    this.#transport = transport;
    this.#options = options;
    this.#write(GREETING);
  }

  /** Octets that it wrote and that wait for a window. */
  get queuedBytes(): number {
    return this.#transport.queuedBytes;
  }

  receive(bytes: Uint8Array): void {
    this.#enter('receive', () => {
      if (bytes.length === 0) this.#fault('an empty read');
      // What is told since is of a later read.
      if (this.#pausedAt < this.#world.trace.length) this.#fault('octets in a pause');
      if (this.#sawEof) this.#fault('octets after the end');
      this.received += bytes.length;
      if (this.received > (this.#options.failsAt ?? Infinity)) this.#fail();
      // The octets are lent: they are written as text.
      this.#write(Buffer.from(bytes).toString('latin1'));
      if (this.#options.pauses && this.#world.random.chance(0.4)) this.#pause();
      if (this.#world.random.chance(0.2)) this.#later();
    });
  }

  #fail(): void {
    this.ended = true;
    if (this.received % 2 === 0) throw new Provoked(`${this.#name} throws`);
    this.#transport.destroy(this.received % 3 === 0 ? undefined : new Provoked(this.#name));
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#standStill();
    void this.#world.gate(`${this.#name} resume`).then(() => {
      this.#paused = false;
      this.#goOn();
    });
  }

  #later(): void {
    this.#deferred = true;
    this.#transport.defer();
    this.#gathered = true;
    this.#transport.gather();
  }

  #write(text: string): void {
    if (this.ended || this.#transport.write(text)) return;
    this.#owesDrained = true;
    this.#standStill();
  }

  #standStill(): void {
    this.#pausedAt = Math.min(this.#pausedAt, this.#world.trace.length);
    this.#transport.pause();
  }

  #goOn(): void {
    if (this.#paused || this.#owesDrained) return;
    this.#pausedAt = Infinity;
    this.#transport.resume();
  }

  eof(): void {
    this.#enter('eof', () => {
      if (this.#sawEof) this.#fault('a second end');
      this.#sawEof = true;
      this.#end();
    });
  }

  shutdown(): void {
    this.#enter('shutdown', () => this.#end());
  }

  #end(): void {
    this.ended = true;
    this.#transport.end();
  }

  proceed(): void {
    this.#enter('proceed', () => {
      if (!this.#deferred) this.#fault('proceed, and nothing was deferred');
      this.#deferred = false;
    });
  }

  flush(): void {
    if (!this.#gathered) this.#fault('flush, and nothing was gathered');
    this.#gathered = false;
  }

  drained(): void {
    this.#enter('drained', () => {
      if (!this.#owesDrained) this.#fault('drained, and write never said false');
      this.#owesDrained = false;
      this.#goOn();
    });
  }

  tick(): void {
    this.#enter('tick', () => {});
  }

  failed(cause: Error): void {
    this.ended = true;
    throw cause;
  }

  closed(): void {
    if (this.#inside) this.#fault('closed within an entry');
    this.closings++;
  }

  #enter(name: string, entry: () => void): void {
    if (this.#inside) this.#fault(`${name} within an entry: law 1 is broken`);
    if (this.closings > 0) this.#fault(`${name} after closed`);
    this.#inside = true;
    try {
      entry();
    } finally {
      this.#inside = false;
    }
  }

  #fault(what: string): void {
    this.#world.fault(`${this.#name}: ${what}`);
  }
}
