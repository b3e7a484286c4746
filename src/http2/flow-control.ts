/**
 * Flow control (RFC 9113 §5.2, §6.9): one window a stream and one a connection, each way. Octets of
 * DATA count whole, padding and all. Numbers alone: frames are written by those who ask here.
 */
import { WINDOW_MAX } from './frame.ts';

/** What the peer allows us to send. */
export class SendWindow {
  /** May be below zero, after the peer lowered its initial window (§6.9.2). */
  available: number;

  constructor(initial: number) {
    this.available = initial;
  }

  take(octets: number): void {
    this.available -= octets;
  }

  /** Adds credit. False: the window would be over 2^31-1, an error of the peer's (§6.9.1). */
  add(octets: number): boolean {
    this.available += octets;
    return this.available <= WINDOW_MAX;
  }
}

/** What we allow the peer to send. */
export class ReceiveWindow {
  /** Octets that may still come. */
  available: number;
  /** What the window is when all of it was consumed. */
  #size: number;
  /** Consumed, and not yet told to the peer. */
  #owed = 0;

  constructor(size: number) {
    this.available = size;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /** Octets have come. False: more than were allowed (§6.9.1). */
  receive(octets: number): boolean {
    this.available -= octets;
    return octets === 0 || this.available >= 0;
  }

  /** Octets were read or dropped. Returns the credit that is worth a frame now, or 0. */
  consume(octets: number): number {
    this.#owed += octets;
    // Half a window: few frames, and the peer never waits for one while there is room.
    if (this.#owed === 0 || this.#owed * 2 < this.#size) return 0;
    return this.#announce();
  }

  /** Makes the window larger. Returns the credit to announce. */
  grow(size: number): number {
    this.#owed += size - this.#size;
    this.#size = size;
    return this.#announce();
  }

  /** Makes the window smaller than the peer may have taken it to be, so below zero (§6.9.2). */
  shrink(octets: number): number {
    this.available -= octets;
    this.#size -= octets;
    return this.consume(0);
  }

  #announce(): number {
    const credit = this.#owed;
    this.#owed = 0;
    this.available += credit;
    return credit;
  }
}
