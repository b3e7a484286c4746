/**
 * Comparisons in process: the same work done by us and by peers, in turn, in one run.
 *
 * A time alone means nothing on a shared machine. So each side runs in many short rounds, one after
 * the other, a ratio is taken within each round, and the median of those is told with its spread.
 */
import { Bench } from 'tinybench';

/** One way to do the work; may be asynchronous. */
export type Side = () => unknown;

/** Ours is the first; a peer that is not installed is undefined. */
export type Sides = Readonly<Record<string, Side | undefined>>;

export interface Figure {
  readonly side: string;
  /** Median of one unit of work. */
  readonly ns: number;
  /** Octets allocated on V8's heap for one unit; undefined for asynchronous work. */
  readonly octets: number | undefined;
  /** How many times as long it takes as ours: over 1 where ours is faster. */
  readonly ratio: Ratio | undefined;
}

/** Of rounds: the median, and between what the middle half of them lies. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Result {
  readonly name: string;
  readonly figures: readonly Figure[];
}

interface Comparison {
  readonly name: string;
  readonly sides: readonly (readonly [string, Side])[];
  /** Units of work that one call does. */
  readonly units: number;
}

/** Calls are timed in batches of about so long: a clock has its own cost. */
const BATCH_NS = 50_000;
const WARMUP_MS = 150;
/** So much tells enough of what a call allocates, octets; V8 collects after a few times that. */
const HEAP_STEP = 1024 * 1024;
const SAMPLES = 5;
const ALLOCATION_MS = 100;

export class Suite {
  readonly #comparisons: Comparison[] = [];
  readonly #closers: (() => unknown)[] = [];
  readonly #rounds: number;
  readonly #roundMs: number;

  /** `quick`: fewer and shorter rounds, for a look. */
  constructor(quick: boolean) {
    this.#rounds = quick ? 3 : 9;
    this.#roundMs = quick ? 30 : 60;
  }

  /** Adds work. One call does `units` of it, such as the frames of one read. */
  compare(name: string, sides: Sides, units = 1): void {
    const present = Object.entries(sides)
      .filter((entry): entry is [string, Side] => entry[1] !== undefined);
    this.#comparisons.push({ name, sides: present, units });
  }

  /** Closes what a bench has opened, when all of it was run. */
  afterwards(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** Runs all, or the one that is named, one comparison after the other. */
  async *run(name?: string): AsyncGenerator<Result> {
    try {
      for (const comparison of this.#comparisons) {
        if (name === undefined || name === comparison.name) yield await this.#result(comparison);
      }
    } finally {
      for (const close of this.#closers) await close();
    }
  }

  async #result({ name, sides, units }: Comparison): Promise<Result> {
    const runners: Runner[] = [];
    for (const [side, call] of sides) runners.push(await Runner.warm(side, call));
    for (let round = 0; round < this.#rounds; round++) {
      for (const runner of runners) await runner.round(this.#roundMs);
    }
    const [ours] = runners;
    const figures = runners.map((runner) => ({
      side: runner.side,
      ns: quantile(runner.times, 0.5) / units,
      octets: runner.isAsync ? undefined : allocated(runner.call) / units,
      ratio: ours === undefined || runner === ours ? undefined : ratioOf(runner.times, ours.times),
    }));
    return { name, figures };
  }
}

/** One side: its calls, and the time of one in each round. */
class Runner {
  readonly side: string;
  readonly call: Side;
  readonly isAsync: boolean;
  readonly times: number[] = [];
  #batch = 1;

  constructor(side: string, call: Side, isAsync: boolean) {
    this.side = side;
    this.call = call;
    this.isAsync = isAsync;
  }

  static async warm(side: string, call: Side): Promise<Runner> {
    const result = call();
    const runner = new Runner(side, call, result instanceof Promise);
    await result;
    await runner.round(WARMUP_MS / 2);
    const [ns = BATCH_NS] = runner.times;
    if (!runner.isAsync) runner.#batch = Math.max(1, Math.round(BATCH_NS / ns));
    await runner.round(WARMUP_MS / 2);
    runner.times.length = 0;
    return runner;
  }

  async round(time: number): Promise<void> {
    const bench = new Bench({ time, warmup: false });
    // Told, it does not find out by a call of its own, which would overlap with the first.
    const { isAsync } = this;
    bench.add(this.side, isAsync ? this.call : this.#repeated(), { async: isAsync });
    const [task] = await bench.run();
    const result = task?.result;
    if (result?.state !== 'completed') {
      const cause = result?.state === 'errored' ? result.error : undefined;
      throw new Error(`${this.side} failed`, { cause });
    }
    this.times.push((result.latency.p50 * 1e6) / this.#batch);
  }

  #repeated(): () => void {
    const { call } = this;
    const count = this.#batch;
    return () => {
      for (let i = 0; i < count; i++) call();
    };
  }
}

/** Octets that a call leaves on the heap, as far as no collection comes in between. */
function allocated(call: Side): number {
  const samples: number[] = [];
  const until = performance.now() + ALLOCATION_MS;
  for (let count = 1; samples.length < SAMPLES && performance.now() < until;) {
    const began = performance.now();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < count; i++) call();
    const grown = process.memoryUsage().heapUsed - before;
    const isLong = performance.now() - began > ALLOCATION_MS / 10;
    if (grown < 0) count = Math.max(1, count >> 1);
    else if (grown > HEAP_STEP || isLong) samples.push(grown / count);
    else count *= 2;
  }
  return quantile(samples, 0.5);
}

/** Times of a peer beside ours, round by round. */
function ratioOf(theirs: readonly number[], ours: readonly number[]): Ratio {
  const ratios = theirs.map((ns, round) => ns / (ours[round] as number));
  return {
    median: quantile(ratios, 0.5), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75),
  };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * part)] ?? 0;
}
