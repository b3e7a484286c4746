/**
 * Who sends next (RFC 9218 §10): streams that have content, by urgency; within one urgency those
 * that are incremental share in turns of 16 KiB, the others go one after the other, longer turns.
 *
 * Nobody starves: a long answer gives way to its equals after each of its turns, and after every
 * eighth turn the next one goes to the least urgent that waits.
 */
import { URGENCIES } from './priority.ts';
import type { Outbound } from './outbound.ts';
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
      const stream = this.#waiting[fair ? URGENCIES - 1 - i : i]?.shift();
      if (stream === undefined) continue;
      stream.queuedAt = -1;
      this.#count--;
      return stream;
    }
    return undefined;
  }

  /** Its turn was cut short by what all share: it goes on first. */
  #addFirst(stream: Http2Stream): void {
    const { urgency } = stream.priority;
    stream.queuedAt = urgency;
    (this.#waiting[urgency] as Http2Stream[]).unshift(stream);
    this.#count++;
  }

  /** Turns of content until the windows, the peer, or the sources have no more. */
  run(outbound: Outbound): void {
    while (!outbound.blocked && this.#count > 0) {
      const stream = this.next() as Http2Stream;
      if (stream.turnLeft <= 0) stream.turnLeft = turnOf(stream);
      const more = stream.send();
      if (!more) {
        stream.turnLeft = 0;
      } else if (stream.turnLeft <= 0) {
        this.add(stream);
      } else {
        this.#addFirst(stream);
        break;
      }
    }
    if (outbound.window.available <= 0) this.#sendEnds(outbound);
  }

  /** An end needs no window: content that has none must not keep it back (RFC 9113 §6.9.1). */
  #sendEnds(outbound: Outbound): void {
    for (const stream of this.#waiting.flat()) {
      if (outbound.blocked) return;
      if (stream.turnLeft <= 0) stream.turnLeft = turnOf(stream);
      if (!stream.send()) this.remove(stream);
    }
  }
}

/** The octets that a stream may send in one turn. */
export function turnOf(stream: Http2Stream): number {
  return stream.priority.incremental ? INCREMENTAL_TURN : SERIAL_TURN;
}
