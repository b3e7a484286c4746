/** A clock moved by hand, so that tests of deadlines take no time. */
import { formatDate } from '../http/date.ts';
import type { Clock } from '../protocol.ts';

/** Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 §5.6.7. */
const EPOCH_MS = 784_111_777_000;

export class HandClock implements Clock {
  #now = 0;
  #second = -1;
  #date = '';
  readonly #alarms = new Map<() => void, number>();

  now(): number {
    return this.#now;
  }

  date(): string {
    const second = Math.floor(this.#now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = formatDate(EPOCH_MS + second * 1000);
    }
    return this.#date;
  }

  at(time: number, call: () => void): () => void {
    const alarm = (): void => call();
    this.#alarms.set(alarm, time);
    return () => void this.#alarms.delete(alarm);
  }

  /** How many calls are still to come. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Lets time pass, then makes the calls that are due, in their order. */
  advance(ms: number): void {
    this.#now += ms;
    const due = [...this.#alarms].filter(([, time]) => time <= this.#now);
    for (const [alarm] of due.sort((a, b) => a[1] - b[1])) {
      if (this.#alarms.delete(alarm)) alarm();
    }
  }
}
