/**
 * Who sends next (RFC 9218 §10): streams that have content, by urgency; within one urgency those
 * that are incremental share in turns of 16 KiB, the others go one after the other, longer turns.
 *
 * Nobody starves: a long answer gives way to its equals after each of its turns, and after every
 * eighth turn the next one goes to the least urgent that waits.
 */
import { URGENCIES } from './priority.ts';
import type { Http2Stream } from './stream.ts';

/** Octets of one turn. */
const INCREMENTAL_TURN = 16 * 1024;
const SERIAL_TURN = 128 * 1024;
/** Of so many turns, one is for the least urgent. */
const TURNS_A_ROUND = 8;

export class SendQueue {
  readonly #waiting: Http2Stream[][] = Array.from({ length: URGENCIES }, () => []);
  #count = 0;
  #turns = 0;

  get length(): number {
    return this.#count;
  }

  /** A stream has something to send; one that waits already keeps its place. */
  add(stream: Http2Stream): void {
    if (stream.queuedAt >= 0) return;
    const { urgency } = stream.priority;
    stream.queuedAt = urgency;
    (this.#waiting[urgency] as Http2Stream[]).push(stream);
    this.#count++;
  }

  /** Its turn was cut short by what all share: it goes on first. */
  addFirst(stream: Http2Stream): void {
    const { urgency } = stream.priority;
    stream.queuedAt = urgency;
    (this.#waiting[urgency] as Http2Stream[]).unshift(stream);
    this.#count++;
  }

  remove(stream: Http2Stream): void {
    if (stream.queuedAt < 0) return;
    const streams = this.#waiting[stream.queuedAt] as Http2Stream[];
    streams.splice(streams.indexOf(stream), 1);
    stream.queuedAt = -1;
    this.#count--;
  }

  /** Its priority changed: it waits elsewhere. */
  move(stream: Http2Stream): void {
    if (stream.queuedAt < 0) return;
    this.remove(stream);
    this.add(stream);
  }

  /** Takes out the stream whose turn it is; `add` puts it back behind its equals. */
  next(): Http2Stream | undefined {
    if (this.#count === 0) return undefined;
    const fair = ++this.#turns % TURNS_A_ROUND === 0;
    for (let i = 0; i < URGENCIES; i++) {
      const stream = this.#waiting[fair ? URGENCIES - 1 - i : i]?.[0];
      if (stream === undefined) continue;
      this.remove(stream);
      return stream;
    }
    return undefined;
  }
}

/** The octets that a stream may send in one turn. */
export function turnOf(stream: Http2Stream): number {
  return stream.priority.incremental ? INCREMENTAL_TURN : SERIAL_TURN;
}
