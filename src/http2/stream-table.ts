/**
 * The streams of one connection: those that live, and how the last few ended (RFC 9113 §5.1).
 *
 * A frame for a closed stream may be late and innocent, or an offence: which one depends on who
 * closed it. Remembered for the last 300; a lower identifier that is not remembered was never used.
 */
import type { Http2Stream } from './stream.ts';

/** How a stream was closed. */
export const NEVER_USED = 0;
/** Both sides ended it. */
export const ENDED = 1;
/** The peer reset it: it cannot have frames on their way. */
export const PEER_RESET = 2;
/** We reset it: frames that were on their way are no offence. */
export const WE_RESET = 3;
export type Closing = typeof NEVER_USED | typeof ENDED | typeof PEER_RESET | typeof WE_RESET;

/** Streams remembered of each side. */
const REMEMBERED = 300;

/** The last closings of one side, in their order. Asked seldom, so they are looked through. */
class Closings {
  readonly #ids = new Int32Array(REMEMBERED);
  readonly #how = new Uint8Array(REMEMBERED);
  #next = 0;

  add(streamId: number, closing: Closing): void {
    this.#ids[this.#next] = streamId;
    this.#how[this.#next] = closing;
    this.#next = (this.#next + 1) % REMEMBERED;
  }

  get(streamId: number): Closing {
    for (let back = 1; back <= REMEMBERED; back++) {
      const place = (this.#next - back + REMEMBERED) % REMEMBERED;
      if (this.#ids[place] === streamId) return this.#how[place] as Closing;
    }
    return NEVER_USED;
  }
}

export class StreamTable {
  readonly #live = new Map<number, Http2Stream>();
  /** Of streams with odd and with even identifiers. */
  #odd: Closings | undefined;
  #even: Closings | undefined;
  /** The highest stream that the peer opened, and that we opened. */
  lastRemote = 0;
  lastLocal = 0;

  get size(): number {
    return this.#live.size;
  }

  get(streamId: number): Http2Stream | undefined {
    return this.#live.get(streamId);
  }

  add(stream: Http2Stream): void {
    this.#live.set(stream.id, stream);
  }

  /** Whether a stream is still idle: nobody has opened it or a later one of its side. */
  isIdle(streamId: number, isRemote: boolean): boolean {
    return streamId > (isRemote ? this.lastRemote : this.lastLocal);
  }

  close(stream: Http2Stream, closing: Closing): void {
    if (!this.#live.delete(stream.id)) return;
    this.remember(stream.id, closing);
  }

  /** Notes how a stream ended that may never have lived here. */
  remember(streamId: number, closing: Closing): void {
    if (streamId % 2 === 1) (this.#odd ??= new Closings()).add(streamId, closing);
    else (this.#even ??= new Closings()).add(streamId, closing);
  }

  /** How a stream that does not live was closed. */
  closing(streamId: number): Closing {
    return (streamId % 2 === 1 ? this.#odd : this.#even)?.get(streamId) ?? NEVER_USED;
  }

  [Symbol.iterator](): IterableIterator<Http2Stream> {
    return this.#live.values();
  }
}
