/**
 * Who sends next (RFC 9218 §10): streams that have content, by urgency. Within one urgency, those
 * that have had nothing yet go first, in the order of their identifiers, with one turn each: short
 * answers are done by that. Then those that are incremental share in turns of 16 KiB, and the
 * others go one after the other.
 *
 * Nobody starves: every eighth turn, a short one, goes to the next urgency in rotation; and an
 * answer that is not incremental gives way to its equals after each MiB.
 */
import { URGENCIES } from './priority.ts';
import type { Outbound } from './outbound.ts';
import type { Http2Stream } from './stream.ts';

/** Octets of one turn. */
const INCREMENTAL_TURN = 16 * 1024;
const SERIAL_TURN = 128 * 1024;
/** Octets of one answer, after which its equals have their turn. */
const SERIAL_ROUND = 1024 * 1024;
/** Of so many turns, one goes by rotation. */
const TURNS_A_ROUND = 8;

export class SendQueue {
  readonly #waiting: Http2Stream[][] = Array.from({ length: URGENCIES }, () => []);
  #count = 0;
  #turns = 0;
  /** The urgency that rotation came to last. */
  #rotated = 0;

  get length(): number {
    return this.#count;
  }

  /** A stream has something to send; one that waits already keeps its place. */
  add(stream: Http2Stream): void {
    if (stream.queuedAt >= 0) return;
    const streams = this.#place(stream);
    let at = newcomers(streams);
    const isNew = stream.sentBytes === 0;
    while (isNew && at > 0 && isNewAfter(streams[at - 1] as Http2Stream, stream.id)) at--;
    streams.splice(at, 0, stream);
  }

  /** It has had its turn, and its equals come before it. */
  #addLast(stream: Http2Stream): void {
    this.#place(stream).push(stream);
  }

  /** Its turn was cut short by what all share: it goes on first. */
  #addFirst(stream: Http2Stream): void {
    this.#place(stream).unshift(stream);
  }

  #place(stream: Http2Stream): Http2Stream[] {
    const { urgency } = stream.priority;
    stream.queuedAt = urgency;
    this.#count++;
    return this.#waiting[urgency] as Http2Stream[];
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

  /** Takes out the stream whose turn it is, and gives it the octets of that turn. */
  next(): Http2Stream | undefined {
    if (this.#count === 0) return undefined;
    const fair = ++this.#turns % TURNS_A_ROUND === 0;
    const from = fair ? this.#rotated + 1 : 0;
    for (let i = 0; i < URGENCIES; i++) {
      const urgency = (from + i) % URGENCIES;
      const stream = this.#waiting[urgency]?.shift();
      if (stream === undefined) continue;
      if (fair) this.#rotated = urgency;
      stream.queuedAt = -1;
      this.#count--;
      if (stream.turnLeft <= 0) stream.turnLeft = fair ? INCREMENTAL_TURN : turnOf(stream);
      return stream;
    }
    return undefined;
  }

  /** Turns of content until the windows, the peer, or the sources have no more. */
  run(outbound: Outbound): void {
    while (!outbound.blocked && this.#count > 0) {
      const stream = this.next() as Http2Stream;
      const before = stream.sentBytes;
      if (!stream.send()) {
        stream.turnLeft = 0;
      } else if (stream.turnLeft > 0) {
        this.#addFirst(stream);
        break;
      } else {
        this.#addAgain(stream, before);
      }
    }
    if (outbound.window.available <= 0) this.#sendEnds(outbound);
  }

  #addAgain(stream: Http2Stream, before: number): void {
    if (stream.roundLeft <= 0) stream.roundLeft = SERIAL_ROUND;
    stream.roundLeft -= stream.sentBytes - before;
    const goesOn = before > 0 && stream.roundLeft > 0 && !stream.priority.incremental;
    if (goesOn) this.add(stream);
    else this.#addLast(stream);
  }

  /** An end needs no window: content that has none must not keep it back (RFC 9113 §6.9.1). */
  #sendEnds(outbound: Outbound): void {
    for (const stream of this.#waiting.flat()) {
      if (outbound.blocked) return;
      const { turnLeft } = stream;
      stream.turnLeft = turnOf(stream);
      if (!stream.send()) this.remove(stream);
      stream.turnLeft = turnLeft;
    }
  }
}

function isNewAfter({ id, sentBytes }: Http2Stream, streamId: number): boolean {
  return sentBytes === 0 && id > streamId;
}

/** How many at the front have had nothing yet, or are in the midst of their turn. */
function newcomers(streams: readonly Http2Stream[]): number {
  const at = streams.findIndex(({ sentBytes, turnLeft }) => sentBytes > 0 && turnLeft <= 0);
  return at < 0 ? streams.length : at;
}

/** The octets that a stream may send in one turn. */
export function turnOf(stream: Http2Stream): number {
  return stream.priority.incremental ? INCREMENTAL_TURN : SERIAL_TURN;
}
