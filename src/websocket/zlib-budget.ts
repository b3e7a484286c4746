/**
 * How much zlib may do at once, for the whole process: jobs in the thread pool, and memory.
 *
 * The pool has four threads, for files and names as well, and zlib's memory is not V8's to give
 * back. Jobs begin in the order in which they came; a connection has no more than one each way at
 * a time, so that is a fair order. Called by inflater.ts and deflater.ts.
 */
import { knowsOnly } from '../errors.ts';

export interface ZlibBounds {
  /** Jobs in the pool. */
  readonly jobs: number;
  /** What they may hold together, octets. A job that needs more than all of it runs alone. */
  readonly memoryBytes: number;
  /** Everything is done at once and nothing in the pool: for runs that can be repeated. */
  readonly inline: boolean;
}

export interface ZlibJob {
  /** What it needs at most while it runs, octets. */
  readonly bytes: number;
  /** Begins it; `done` is called once. Must not throw. */
  start(done: () => void): void;
}

/** What is other than the defaults; undefined is the default. */
export type ZlibChanges = {
  readonly [Name in keyof ZlibBounds]?: ZlibBounds[Name] | undefined;
};

const DEFAULTS: ZlibBounds = { jobs: 4, memoryBytes: 64 * 1024 * 1024, inline: false };

export class ZlibBudget {
  readonly isInline: boolean;
  readonly #jobs: number;
  readonly #memoryBytes: number;
  /** A set keeps the order, and forgets one in the middle. */
  readonly #waiting = new Set<ZlibJob>();
  #running = 0;
  #heldBytes = 0;

  /** Throws a TypeError for an unknown bound, a RangeError for one that cannot be. */
  constructor(bounds: ZlibChanges = {}) {
    knowsOnly(bounds, Object.keys(DEFAULTS), 'ZlibBudget');
    const given = Object.entries(bounds).filter(([, value]) => value !== undefined);
    const { jobs, memoryBytes, inline }: ZlibBounds = { ...DEFAULTS, ...Object.fromEntries(given) };
    if (!(jobs >= 1)) throw new RangeError(`jobs is ${jobs}, not 1 or more`);
    if (!(memoryBytes >= 0)) throw new RangeError(`memoryBytes is ${memoryBytes}, not 0 or more`);
    this.isInline = inline;
    this.#jobs = jobs;
    this.#memoryBytes = memoryBytes;
  }

  /** Jobs that run. */
  get running(): number {
    return this.#running;
  }

  /** Jobs that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What the running jobs need, octets. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  add(job: ZlibJob): void {
    this.#waiting.add(job);
    this.#start();
  }

  /** Forgets a job that waits. False: it has begun, and goes on to its end. */
  remove(job: ZlibJob): boolean {
    if (!this.#waiting.delete(job)) return false;
    // It may have been the one that others waited behind.
    this.#start();
    return true;
  }

  #start(): void {
    for (const job of this.#waiting) {
      const { bytes } = job;
      if (this.#running >= this.#jobs) return;
      if (this.#running > 0 && this.#heldBytes + bytes > this.#memoryBytes) return;
      this.#waiting.delete(job);
      this.#running++;
      this.#heldBytes += bytes;
      job.start(() => this.#end(bytes));
    }
  }

  #end(bytes: number): void {
    this.#running--;
    this.#heldBytes -= bytes;
    this.#start();
  }
}

/** What all connections share unless told otherwise. */
export const processZlib = new ZlibBudget();

/** What zlib takes to inflate, octets (zconf.h), with Node's object. */
export function inflateMemory(windowBits: number): number {
  return (1 << windowBits) + 10 * 1024;
}

/** What zlib takes to compress, octets (zconf.h), with Node's object. */
export function deflateMemory(windowBits: number, memLevel: number): number {
  return (1 << (windowBits + 2)) + (1 << (memLevel + 9)) + 10 * 1024;
}
