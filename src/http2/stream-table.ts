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

/** Streams remembered of each side, whose identifiers are odd and even. */
const REMEMBERED = 300;
const PLACES = REMEMBERED * 2;

export class StreamTable {
  readonly #live = new Map<number, Http2Stream>();
  #closedIds: Int32Array | undefined;
  #closings: Uint8Array | undefined;
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
    this.#closedIds ??= new Int32Array(PLACES);
    this.#closings ??= new Uint8Array(PLACES);
    const place = streamId % PLACES;
    this.#closedIds[place] = streamId;
    this.#closings[place] = closing;
  }

  /** How a stream that does not live was closed. */
  closing(streamId: number): Closing {
    const place = streamId % PLACES;
    if (this.#closedIds?.[place] !== streamId) return NEVER_USED;
    return this.#closings?.[place] as Closing;
  }

  [Symbol.iterator](): IterableIterator<Http2Stream> {
    return this.#live.values();
  }
}
