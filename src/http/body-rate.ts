/**
 * The least rate of content, of every version: a peer that sends it octet by octet holds a handler
 * for nothing (R-U-D-Y). The mean since the first wait counts, after a time of grace; while we do
 * not read, time stands still. Asked at each tick; `bodyRateBytesPerSecond` 0 lifts it.
 */
import type { Limits } from '../limits.ts';

export class BodyRate {
  readonly #floor: number;
  readonly #graceMs: number;
  #lastTick: number;
  #elapsedMs = 0;
  #octets = 0;

  constructor(limits: Limits, now: number) {
    this.#floor = limits.bodyRateBytesPerSecond;
    this.#graceMs = limits.bodyRateGraceMs;
    this.#lastTick = now;
  }

  count(octets: number): void {
    this.#octets += octets;
  }

  /** Whether the content is too slow at `now`. `standing`: we did not read since the last tick. */
  tooSlow(now: number, standing: boolean): boolean {
    if (!standing) this.#elapsedMs += now - this.#lastTick;
    this.#lastTick = now;
    if (this.#elapsedMs <= this.#graceMs) return false;
    return this.#octets * 1000 < this.#floor * this.#elapsedMs;
  }
}
