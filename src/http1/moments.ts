/**
 * The deadlines of one HTTP/1.1 connection: when its first octet, a head, a request must have come,
 * and how long it may be idle (RFC 9112 §9.5). All are absolute: progress moves none of them.
 */
import { Deadlines } from '../deadlines.ts';
import { ConnectionError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Clock } from '../protocol.ts';

export type Moment = 'first octet' | 'head' | 'request' | 'idle';

export class Moments {
  readonly #deadlines = new Deadlines<Moment>();
  readonly #limits: Limits;
  readonly #clock: Clock;

  constructor(limits: Limits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#set('first octet', limits.firstOctetMs);
  }

  /** A head has begun, or content is awaited; `slow`: its handler lets it take its time. */
  receiving(within: 'head' | 'content', slow: boolean): void {
    this.#deadlines.clear('idle');
    this.#deadlines.clear('first octet');
    if (slow || this.#deadlines.at('request') !== undefined) return;
    this.#set('request', this.#limits.requestMs);
    if (within === 'head') this.#set('head', this.#limits.headMs);
  }

  headReceived(): void {
    this.#deadlines.clear('head');
  }

  /** The last octet of a request has come, or its handler lets it take its time. */
  requestReceived(): void {
    this.#deadlines.clear('request');
  }

  /** Nothing is begun. `draining`: only what is on its way already is waited for. */
  idle(draining: boolean): void {
    const ms = draining ? this.#limits.drainIdleMs : this.#limits.idleMs;
    this.#deadlines.setOnly('idle', this.#clock.now() + ms);
  }

  /** Nothing is awaited of the peer. */
  none(): void {
    this.#deadlines.clearAll();
  }

  /** A moment that has come by `now`; see Deadlines.expired. */
  expired(now: number): Moment | undefined {
    return this.#deadlines.expired(now);
  }

  #set(moment: Moment, ms: number): void {
    this.#deadlines.set(moment, this.#clock.now() + ms);
  }
}

/** What a peer is told that was too slow (RFC 9110 §15.5.9). */
export function lateError(message: string): ConnectionError {
  return new ConnectionError(408, `${message} (RFC 9110 §15.5.9)`);
}
