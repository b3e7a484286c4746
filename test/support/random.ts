/**
 * Chance that can be repeated: a small seeded generator for fuzzing and simulation.
 *
 * A 32-bit counter put through a mixer (splitmix32). Not for secrets. `seeded` runs something with
 * a generator and names the seed in whatever it throws, so that a failure can be had again.
 */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = mix(this.seed);
  }

  /** The generator number `index` of a run: each case can be repeated without those before it. */
  static case(seed: number, index: number): Random {
    return new Random(mix(seed >>> 0) ^ Math.imul(index + 1, 0x9e37_79b1));
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0;
    return mix(this.#state);
  }

  /** 0 to `below` - 1. */
  int(below: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * below);
  }

  /** `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.int(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError('nothing to pick from');
    return list[this.int(list.length)] as T;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 0xff);
  }

  /** A copy in another order. */
  shuffle<T>(list: readonly T[]): T[] {
    const shuffled = [...list];
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = this.int(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other] as T, shuffled[at] as T];
    }
    return shuffled;
  }
}

function mix(state: number): number {
  let mixed = state | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

/** A seed that nobody chose: for the run beside the fixed one. */
export function freshSeed(): number {
  return mix(Math.floor(performance.timeOrigin + performance.now()));
}

/** A count from the environment, or the default: `FUZZ_INPUTS=500000`. */
export function countFrom(name: string, otherwise: number): number {
  const given = process.env[name];
  if (given === undefined || given === '') return otherwise;
  const count = Number(given);
  if (!(Number.isSafeInteger(count) && count >= 0)) throw new TypeError(`${name}: no count`);
  return count;
}

/** Runs with a generator; what is thrown names the seed. */
export function seeded<T>(seed: number, run: (random: Random) => T): T {
  try {
    const result = run(new Random(seed));
    return result instanceof Promise ? result.catch((error) => told(seed, error)) as T : result;
  } catch (error) {
    return told(seed, error);
  }
}

function told(seed: number, error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new Error(`seed ${seed}: ${message}`, { cause: error });
}
