/** How many jobs run at once, with how much memory, and in which order. */
import { describe, expect, test } from 'vitest';
import { ZlibBudget, deflateMemory, inflateMemory } from '../../src/websocket/zlib-budget.ts';
import type { ZlibJob } from '../../src/websocket/zlib-budget.ts';

interface Jobs {
  /** The names of those that began, in order. */
  readonly begun: string[];
  job(name: string, bytes?: number): ZlibJob;
  end(name: string): void;
}

function jobs(): Jobs {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    job: (name, bytes = 1) => ({
      bytes,
      start(done) {
        begun.push(name);
        ends.set(name, done);
      },
    }),
    end: (name) => ends.get(name)?.(),
  };
}

describe('jobs at once', () => {
  test('four by default; the others in the order in which they came', () => {
    const { begun, job, end } = jobs();
    const budget = new ZlibBudget();
    for (const name of 'abcdefg') budget.add(job(name));
    expect(begun.join('')).toBe('abcd');
    expect([budget.running, budget.waiting, budget.heldBytes]).toEqual([4, 3, 4]);
    end('c');
    end('a');
    expect(begun.join('')).toBe('abcdef');
    for (const name of 'bdefg') end(name);
    expect(begun.join('')).toBe('abcdefg');
    expect([budget.running, budget.waiting, budget.heldBytes]).toEqual([0, 0, 0]);
  });

  test('one that waits is forgotten; one that runs is not', () => {
    const { begun, job, end } = jobs();
    const budget = new ZlibBudget({ jobs: 1 });
    const [a, b, c] = [job('a'), job('b'), job('c')];
    for (const one of [a, b, c]) budget.add(one);
    expect(budget.remove(b)).toBe(true);
    expect(budget.remove(b)).toBe(false);
    expect(budget.remove(a)).toBe(false);
    end('a');
    expect(begun).toEqual(['a', 'c']);
  });

  test('one that is done before it has begun', () => {
    const budget = new ZlibBudget({ jobs: 1 });
    const begun: number[] = [];
    for (const number of [1, 2, 3]) {
      budget.add({
        bytes: 1,
        start(done) {
          begun.push(number);
          done();
        },
      });
    }
    expect(begun).toEqual([1, 2, 3]);
    expect(budget.running).toBe(0);
  });

  test('none is no number of jobs', () => {
    expect(() => new ZlibBudget({ jobs: 0 })).toThrow(RangeError);
    expect(() => new ZlibBudget({ jobs: Number.NaN })).toThrow(RangeError);
  });
});

describe('memory', () => {
  test('up to the bound; a small one does not overtake a large one', () => {
    const { begun, job, end } = jobs();
    const budget = new ZlibBudget({ memoryBytes: 100 });
    budget.add(job('a', 60));
    budget.add(job('b', 41));
    budget.add(job('c', 1));
    expect(begun.join('')).toBe('a');
    end('a');
    expect(begun.join('')).toBe('abc');
    expect(budget.heldBytes).toBe(42);
  });

  test('just the bound', () => {
    const { begun, job } = jobs();
    const budget = new ZlibBudget({ memoryBytes: 100 });
    budget.add(job('a', 60));
    budget.add(job('b', 40));
    expect(begun.join('')).toBe('ab');
  });

  test('more than the bound: alone', () => {
    const { begun, job, end } = jobs();
    const budget = new ZlibBudget({ memoryBytes: 100 });
    budget.add(job('a', 1));
    budget.add(job('b', 1000));
    budget.add(job('c', 1));
    expect(begun.join('')).toBe('a');
    end('a');
    expect(begun.join('')).toBe('ab');
    end('b');
    expect(begun.join('')).toBe('abc');
  });

  test('those behind one that was forgotten begin', () => {
    const { begun, job } = jobs();
    const budget = new ZlibBudget({ memoryBytes: 100 });
    const large = job('b', 100);
    budget.add(job('a', 1));
    budget.add(large);
    budget.add(job('c', 1));
    expect(budget.remove(large)).toBe(true);
    expect(begun.join('')).toBe('ac');
  });

  test('zlib\'s own, as zconf.h counts it', () => {
    expect(deflateMemory(15, 8)).toBe(256 * 1024 + 10 * 1024);
    expect(inflateMemory(15)).toBe(32 * 1024 + 10 * 1024);
  });
});
