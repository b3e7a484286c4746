/** The connection of an exchange, reduced to a record of what was asked of it. */
import { Buffer } from 'node:buffer';
import type { ProtocolError } from '../../src/errors.ts';
import { problem } from '../../src/http/problem.ts';
import type { ExchangeHost, Http1Exchange } from '../../src/http1/exchange.ts';
import { limitsFrom } from '../../src/limits.ts';
import type { ConnectionTransport, Protocol, ProtocolFactory } from '../../src/protocol.ts';
import { MemoryTransport, type MemoryTransportOptions } from '../../src/testing/index.ts';

const NOTHING = (): void => {};

/** A protocol that does nothing: its transport is what a test is after. */
export function quietProtocol(): Protocol {
  return {
    idle: true, receive: NOTHING, proceed: NOTHING, drained: NOTHING, eof: NOTHING, flush: NOTHING,
    tick: NOTHING, shutdown: NOTHING, failed: NOTHING, closed: NOTHING,
  };
}

export class RecordingHost implements ExchangeHost {
  readonly transport: MemoryTransport;
  limits = limitsFrom();
  readonly refusals: ProtocolError[] = [];
  blocked = false;
  /** The exchange whose turn it is; undefined: any. */
  front: Http1Exchange | undefined;
  /** What `endsAfter` answers, beside the exchange's own wish. */
  ends = false;
  /** Octets that may be held. */
  room = Infinity;
  held = 0;
  settles = 0;
  readonly hurried: Http1Exchange[] = [];
  readonly failures: unknown[] = [];
  next: ProtocolFactory<ConnectionTransport> | undefined;
  #written = '';

  constructor(options?: MemoryTransportOptions) {
    this.transport = new MemoryTransport(quietProtocol, options);
  }

  /** What was written since last asked, as latin1 text. */
  get written(): string {
    const written = this.#written;
    this.#written = '';
    return written;
  }

  write(octets: Uint8Array | string): void {
    this.#written += typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
  }

  isFront(exchange: Http1Exchange): boolean {
    return this.front === undefined || this.front === exchange;
  }

  /** The program hears by its own methods here. */
  get options(): this {
    return this;
  }

  refused(error: ProtocolError): void {
    this.refusals.push(error);
  }

  settled(): void {
    this.settles++;
  }

  hold(octets: number): boolean {
    this.held += octets;
    return this.held <= this.room;
  }

  consumed(octets: number): void {
    this.held -= octets;
  }

  unhurried(exchange: Http1Exchange): void {
    this.hurried.push(exchange);
  }

  endsAfter(exchange: Http1Exchange): boolean {
    return this.ends || !exchange.keepAlive;
  }

  failure(error: unknown): ReturnType<typeof problem> {
    this.failures.push(error);
    return problem(500, 'failed');
  }

  cut(error: Error): void {
    this.transport.destroy(error);
  }

  become(next: ProtocolFactory<ConnectionTransport>): void {
    this.next = next;
  }
}
