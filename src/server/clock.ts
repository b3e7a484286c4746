/**
 * The clock of a server: coarse, monotonic, stepped by the manager's one timer.
 *
 * A step never counts more than a second: while the loop was blocked or the machine suspended we
 * did not read, and no peer shall be punished for that. The date is the wall clock's, once a
 * second.
 */
import { performance } from 'node:perf_hooks';
import { formatDate } from '../http/date.ts';
import type { Clock } from '../protocol.ts';

const LONGEST_STEP_MS = 1000;

interface Alarm {
  readonly time: number;
  readonly call: () => void;
}

export class ServerClock implements Clock {
  #now = 0;
  #lastStep = performance.now();
  #date = '';
  #dateSecond = -1;
  readonly #alarms = new Set<Alarm>();
  readonly #awaits: () => void;

  /** `awaits` is called when somebody begins to wait: then the timer must run. */
  constructor(awaits: () => void = () => {}) {
    this.#awaits = awaits;
  }

  now(): number {
    return this.#now;
  }

  date(): string {
    const second = Math.floor(this.#now / 1000);
    if (second !== this.#dateSecond) {
      this.#dateSecond = second;
      this.#date = formatDate(Date.now());
    }
    return this.#date;
  }

  at(time: number, call: () => void): () => void {
    const alarm = { time, call };
    this.#alarms.add(alarm);
    this.#awaits();
    return () => void this.#alarms.delete(alarm);
  }

  /** Whether somebody waits for a moment: then the timer must run. */
  get awaited(): boolean {
    return this.#alarms.size > 0;
  }

  /** Forgets the time that has passed unwatched, while no timer ran. */
  resume(): void {
    this.#lastStep = performance.now();
    this.#dateSecond = -1;
  }

  /** Lets time pass; returns the alarms that are due, in their order. */
  step(): (() => void)[] {
    const now = performance.now();
    this.#now += Math.min(now - this.#lastStep, LONGEST_STEP_MS);
    this.#lastStep = now;
    if (this.#alarms.size === 0) return [];
    const due = [...this.#alarms].filter((alarm) => alarm.time <= this.#now);
    due.sort((a, b) => a.time - b.time);
    // One that is due may still be cancelled by one before it.
    return due.map((alarm) => () => { if (this.#alarms.delete(alarm)) alarm.call(); });
  }
}
