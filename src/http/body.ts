/**
 * Content that is pulled, never pushed (RFC 9110 §6.4): an answer that waits holds no octets, and a
 * handler that does not read stops the peer.
 *
 * `BodySource` is what the wire pulls answers from, and what a handler gets as `request.body`.
 * `BodySink` and `BodyDemand` are the wire's side of a request's content.
 */
import { Buffer } from 'node:buffer';
import { PeerGoneError } from '../errors.ts';
import { HttpError } from './http-error.ts';
import { Fields } from './fields.ts';

/** Octets on demand. Exactly one end: pulled to null, failed, or cancelled. */
export interface BodySource {
  /** Octets in all, undefined where that is not known. */
  readonly length: number | undefined;
  /** The next 1 to `max` octets, at once or later; null at the end. One pull at a time. */
  pull(max: number): Uint8Array | null | Promise<Uint8Array | null>;
  /** No more will be pulled; may come while a pull is pending, whose yield is dropped. */
  cancel(cause?: Error): void;
  /** Asked for after null (RFC 9110 §6.5). */
  trailers?(): Fields;
}

/** The wire's side of a request's content. */
export interface BodySink {
  /** Octets, owned by the sink from now on. */
  push(kept: Uint8Array): void;
  end(trailers?: Fields): void;
  fail(cause: Error): void;
}

/** How a request's content asks for more of itself. Called by user code, so never an entry. */
export interface BodyDemand {
  /** The first pull: the moment to send 100 (RFC 9110 §10.1.1). */
  begin(): void;
  /** Octets were pulled or dropped: the peer may send as many more. */
  consumed(octets: number): void;
  /** The content may take its time. */
  unhurried(): void;
}

/** What an answer's body may be. Text is written as UTF-8. */
export type Body =
  | string
  | Uint8Array
  | BodySource
  | AsyncIterable<Uint8Array | string>
  | ReadableStream<Uint8Array | string>
  | null;

/** How much is asked for at once: the piece that a socket takes. */
export const PULL_BYTES = 64 * 1024;

/** Pieces under this are joined: an array of them would cost a hundred times their octets. */
const SMALL_BYTES = 1024;
const JOINED_BYTES = 16 * 1024;

interface Waiter {
  readonly max: number;
  resolve(piece: Uint8Array | null): void;
  reject(cause: Error): void;
}

/** The content of a request. Read it one way, once. */
export class RequestBody implements BodySource, BodySink, AsyncIterable<Uint8Array> {
  readonly length: number | undefined;
  readonly #demand: BodyDemand | undefined;
  readonly #collectedBytes: number;
  #pieces: Uint8Array[] = [];
  /** Where small pieces are joined: the last piece is a view of its first `#joined` octets. */
  #slab: Uint8Array | undefined;
  #joined = 0;
  #waiter: Waiter | undefined;
  #begun = false;
  #ended = false;
  /** Null was given: the content is used up. */
  #read = false;
  #failure: Error | undefined;
  #trailers = Fields.empty;

  /** `collectedBytes`: what `bytes`, `text` and `json` collect at most, where they are not told. */
  constructor(length: number | undefined, demand: BodyDemand | undefined, collectedBytes: number) {
    this.length = length;
    this.#demand = demand;
    this.#collectedBytes = collectedBytes;
    // Where there is a wire, it says when: trailers may follow content of no octets.
    this.#ended = length === 0 && demand === undefined;
  }

  /** Content of no octets, for the many requests that have none. */
  static readonly empty: RequestBody = new RequestBody(0, undefined, 0);

  /** Lifts `requestMs` and the least rate from this request: an upload that may take hours. */
  allowSlow(): void {
    this.#demand?.unhurried();
  }

  pull(max: number): Uint8Array | null | Promise<Uint8Array | null> {
    if (this.#waiter !== undefined) {
      throw new TypeError('the content of this request is being read already');
    }
    if (this.#read) {
      throw new TypeError('the content of this request was read already: keep what that gave');
    }
    if (!this.#begun && this.#demand !== undefined) {
      this.#begun = true;
      this.#demand.begin();
    }
    if (this.#pieces.length > 0) return this.#next(max);
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return this.#readWhole();
    return new Promise((resolve, reject) => {
      this.#waiter = { max, resolve, reject };
    });
  }

  cancel(cause?: Error): void {
    if (this.#ended && this.#pieces.length === 0) return;
    const unread = this.#pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#pieces = [];
    if (this.#failure === undefined) {
      this.#fail(cause ?? new PeerGoneError('the exchange ended before its content was read'));
    }
    if (unread > 0) this.#demand?.consumed(unread);
  }

  /** Whether the handler has begun to read, and has not let go. */
  get isBeingRead(): boolean {
    return this.#begun && this.#failure === undefined;
  }

  /** The trailer fields (RFC 9110 §6.5); empty until the content was read to its end. */
  trailers(): Fields {
    return this.#pieces.length === 0 ? this.#trailers : Fields.empty;
  }

  push(kept: Uint8Array): void {
    if (this.#failure !== undefined) {
      this.#demand?.consumed(kept.length);
      return;
    }
    const last = this.#pieces.at(-1);
    if (last === undefined || kept.length >= SMALL_BYTES) this.#pieces.push(kept);
    else this.#join(last, kept);
    this.#serve();
  }

  /** Puts a small piece behind the last one, in the slab that small ones share. */
  #join(last: Uint8Array, kept: Uint8Array): void {
    const slab = this.#slab;
    const joined = this.#joined + kept.length;
    if (slab !== undefined && last.buffer === slab.buffer && joined <= JOINED_BYTES) {
      slab.set(kept, this.#joined);
      this.#pieces[this.#pieces.length - 1] = slab.subarray(last.byteOffset, joined);
      this.#joined = joined;
    } else if (last.length < SMALL_BYTES) {
      this.#slab = new Uint8Array(JOINED_BYTES);
      this.#slab.set(last);
      this.#slab.set(kept, last.length);
      this.#joined = last.length + kept.length;
      this.#pieces[this.#pieces.length - 1] = this.#slab.subarray(0, this.#joined);
    } else {
      this.#pieces.push(kept);
    }
  }

  end(trailers?: Fields): void {
    this.#ended = true;
    if (trailers !== undefined) this.#trailers = trailers;
    this.#serve();
  }

  fail(cause: Error): void {
    if (!this.#ended && this.#failure === undefined) this.#fail(cause);
  }

  /** Reads all. Throws an HttpError 413 beyond `limit` octets, or what broke the content. */
  async bytes(limit: number = this.#collectedBytes): Promise<Uint8Array> {
    if (this.length !== undefined && this.length > limit) throw this.#tooLarge(limit);
    let whole: Uint8Array = new Uint8Array(this.length ?? SMALL_BYTES);
    let length = 0;
    for await (const piece of this) {
      const next = length + piece.length;
      if (piece.length === this.length) {
        whole = piece;
        length = next;
        continue;
      }
      if (next > limit) throw this.#tooLarge(limit);
      if (next > whole.length) {
        const larger = new Uint8Array(Math.max(next, whole.length * 2));
        larger.set(whole);
        whole = larger;
      }
      whole.set(piece, length);
      length = next;
    }
    return whole.subarray(0, length);
  }

  /** Reads all as UTF-8, with U+FFFD for what is not. Throws as `bytes`. */
  async text(limit?: number): Promise<string> {
    return new TextDecoder().decode(await this.bytes(limit));
  }

  /** Reads all as JSON (RFC 8259). Throws as `bytes`, and an HttpError 400 for what is not JSON. */
  async json(limit?: number): Promise<unknown> {
    const bytes = await this.bytes(limit);
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
    } catch (error) {
      const reason = error instanceof SyntaxError ? error.message : 'the content is not UTF-8';
      throw new HttpError(400, `bad JSON: ${reason}`, undefined, { cause: error });
    }
  }

  /** The content as a web stream. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const piece = await this.pull(PULL_BYTES);
        if (piece === null) controller.close();
        else controller.enqueue(piece);
      },
      cancel: () => this.cancel(),
    }, { highWaterMark: 0 });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const piece = await this.pull(PULL_BYTES);
        if (piece === null) return;
        yield piece;
      }
    } finally {
      this.cancel();
    }
  }

  #next(max: number): Uint8Array {
    const piece = this.#pieces[0] as Uint8Array;
    if (piece.length <= max) {
      this.#pieces.shift();
      this.#demand?.consumed(piece.length);
      return piece;
    }
    this.#pieces[0] = piece.subarray(max);
    this.#demand?.consumed(max);
    return piece.subarray(0, max);
  }

  #serve(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.#waiter = undefined;
    if (this.#pieces.length > 0) waiter.resolve(this.#next(waiter.max));
    else waiter.resolve(this.#readWhole());
  }

  #readWhole(): null {
    // The one that stands for all requests without content can be asked again.
    this.#read = this.#demand !== undefined;
    return null;
  }

  #fail(cause: Error): void {
    this.#failure = cause;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(cause);
  }

  #tooLarge(limit: number): HttpError {
    this.cancel();
    const name = limit === this.#collectedBytes ? 'collectedBytes' : 'the limit of its reader';
    return new HttpError(413, `content is over ${name}, ${limit} octets (RFC 9110 §15.5.14)`);
  }
}

export function isBodySource(body: unknown): body is BodySource {
  const candidate = body as Partial<BodySource> | null;
  return typeof candidate === 'object' && candidate !== null &&
    typeof candidate.pull === 'function' && typeof candidate.cancel === 'function';
}

/** Drops a source. Its cleanup may fail: nobody is left whom that could concern. */
export function cancelSource(source: BodySource, cause: Error | undefined): void {
  try {
    const left: unknown = source.cancel(cause);
    // An async function fits the type, and its failure would be nobody's to catch.
    if (left instanceof Promise) left.catch(() => {});
  } catch {
    // A program's own failure in letting go, after the exchange.
  }
}

/**
 * Lets an iterable go that was not read to its end, or not at all. A stream of Node has its own
 * way: leaving an iterator that never began would not close it.
 */
export function dropIterable(
  iterable: AsyncIterable<unknown>, iterator?: AsyncIterator<unknown>,
): void {
  // An async function, so that whatever these do or give becomes a promise to be ignored.
  const leave = async (): Promise<unknown> => {
    const { destroy } = iterable as { destroy?: unknown };
    if (typeof destroy === 'function') return Reflect.apply(destroy, iterable, []) as unknown;
    return (iterator ?? iterable[Symbol.asyncIterator]()).return?.();
  };
  leave().catch(() => {});
}

/** An iterable or a web stream as a source. Its own errors are its consumer's to answer for. */
export class IterableSource implements BodySource {
  readonly length = undefined;
  readonly #iterable: AsyncIterable<Uint8Array | string>;
  readonly #iterator: AsyncIterator<Uint8Array | string>;
  #rest: Uint8Array | undefined;

  constructor(iterable: AsyncIterable<Uint8Array | string>) {
    this.#iterable = iterable;
    this.#iterator = iterable[Symbol.asyncIterator]();
  }

  pull(max: number): Uint8Array | Promise<Uint8Array | null> {
    const rest = this.#rest;
    return rest === undefined ? this.#advance(max) : this.#cut(rest, max);
  }

  cancel(): void {
    this.#rest = undefined;
    dropIterable(this.#iterable, this.#iterator);
  }

  async #advance(max: number): Promise<Uint8Array | null> {
    for (;;) {
      const { done, value } = await this.#iterator.next();
      if (done === true) return null;
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      if (!(bytes instanceof Uint8Array)) {
        throw new TypeError(`a body yielded ${typeof value}, not text or a Uint8Array`);
      }
      if (bytes.length > 0) return this.#cut(bytes, max);
    }
  }

  #cut(bytes: Uint8Array, max: number): Uint8Array {
    this.#rest = bytes.length > max ? bytes.subarray(max) : undefined;
    return bytes.length > max ? bytes.subarray(0, max) : bytes;
  }
}

/** Octets in memory as a source, for what needs one. */
export class BytesSource implements BodySource {
  readonly length: number;
  #rest: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    this.#rest = bytes;
  }

  pull(max: number): Uint8Array | null {
    const rest = this.#rest;
    if (rest.length === 0) return null;
    this.#rest = rest.subarray(max);
    return rest.subarray(0, max);
  }

  cancel(): void {
    this.#rest = this.#rest.subarray(this.#rest.length);
  }
}
