/**
 * What a peer may do cheaply and we must answer dearly, each with its budget: resets
 * (CVE-2023-44487, CVE-2025-8671), empty and tiny DATA, SETTINGS, PING, PRIORITY, WINDOW_UPDATE,
 * unknown frames (CVE-2019-9511 to 9518). Over budget is ENHANCE_YOUR_CALM (RFC 9113 §10.5).
 */
import { ConnectionError } from '../errors.ts';
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
/** Settings in one frame (CVE-2020-11080); nghttp2's number. */
const SETTINGS_MAX = 32;
const SETTING_COST = 1;
const PLAIN_COST = 1;
/** Window updates that one frame of ours, or one stream of theirs, may bring about. */
const UPDATES_PER_FRAME = 4;

export class FloodGuard {
  readonly #resets = new Budget('resets', 200, 33);
  readonly #overhead = new Budget('octets of DATA without content', 25 * 1024, 4096);
  readonly #control = new Budget('control frames', 1000, 50);
  readonly #updates = new Budget('window updates', 1000, 50);

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
    if (count > SETTINGS_MAX) {
      const message = `a frame of over ${SETTINGS_MAX} settings (RFC 9113 §10.5)`;
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
