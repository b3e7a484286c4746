/**
 * What a peer may do cheaply and we must answer dearly, each with its budget: resets
 * (CVE-2023-44487, CVE-2025-8671), empty and tiny DATA, SETTINGS, PING, PRIORITY, WINDOW_UPDATE,
 * unknown frames (CVE-2019-9511 to 9518). Over budget is ENHANCE_YOUR_CALM (RFC 9113 §10.5).
 */
import { ConnectionError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { ENHANCE_YOUR_CALM, FRAME_HEADER_BYTES } from './frame.ts';

/** A budget that refills with time, never over its size. */
class Budget {
  readonly #size: number;
  readonly #perSecond: number;
  readonly #name: string;
  #left: number;
  #at = 0;

  constructor(name: string, size: number, perSecond: number) {
    this.#name = name;
    this.#size = size;
    this.#perSecond = perSecond;
    this.#left = size;
  }

  /** Spends; throws a ConnectionError that names the budget when there is not enough. */
  spend(cost: number, now: number): void {
    if (now > this.#at) {
      this.refill((now - this.#at) / 1000 * this.#perSecond);
      this.#at = now;
    }
    this.#left -= cost;
    if (this.#left >= 0) return;
    const rate = `${this.#size}, then ${this.#perSecond} a second`;
    const message = `over the budget of ${this.#name}: ${rate} (RFC 9113 §10.5)`;
    throw new ConnectionError(ENHANCE_YOUR_CALM, message);
  }

  refill(amount: number): void {
    this.#left = Math.min(this.#size, this.#left + amount);
  }
}

// What a frame costs of the budget of frames that ask for work and carry none
const SETTINGS_COST = 20;
const SETTING_COST = 1;
const PLAIN_COST = 1;
/** Window updates that one frame of ours, or one stream of theirs, may bring about. */
const UPDATES_PER_FRAME = 4;

export class FloodGuard {
  readonly #resets: Budget;
  readonly #overhead: Budget;
  readonly #control: Budget;
  readonly #updates: Budget;
  readonly #settingsMax: number;

  constructor(limits: Limits) {
    const perSecond = limits.http2ControlFramesPerSecond;
    this.#resets = new Budget('resets', limits.http2Resets, limits.http2ResetsPerSecond);
    this.#overhead = new Budget(
      'octets of DATA without content', limits.http2OverheadBytes,
      limits.http2OverheadBytesPerSecond,
    );
    this.#control = new Budget('control frames', limits.http2ControlFrames, perSecond);
    this.#updates = new Budget('window updates', limits.http2ControlFrames, perSecond);
    this.#settingsMax = limits.http2SettingsPerFrame;
  }

  /** A stream was reset, by the peer or for an offence of the peer's. */
  reset(now: number): void {
    this.#resets.spend(1, now);
  }

  /** DATA: its header and padding are overhead, its content pays; a stream has one last frame. */
  data(content: number, padding: number, isLast: boolean, now: number): void {
    this.#overhead.spend(isLast ? padding : FRAME_HEADER_BYTES + padding, now);
    this.#overhead.refill(content);
  }

  settings(count: number, now: number): void {
    if (count > this.#settingsMax) {
      const message = `a frame of over ${this.#settingsMax} settings (RFC 9113 §10.5)`;
      throw new ConnectionError(ENHANCE_YOUR_CALM, message);
    }
    this.#control.spend(SETTINGS_COST + count * SETTING_COST, now);
  }

  /** PING, PRIORITY, PRIORITY_UPDATE, GOAWAY, an unknown frame, a frame for a closed stream. */
  control(now: number): void {
    this.#control.spend(PLAIN_COST, now);
  }

  windowUpdate(now: number): void {
    this.#updates.spend(1, now);
  }

  /** DATA was sent, or a stream was opened: window updates are due for it. */
  earnUpdates(): void {
    this.#updates.refill(UPDATES_PER_FRAME);
  }
}
