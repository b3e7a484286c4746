/** The dynamic table: a ring that must seem a list, held against a list. */
import { describe, expect, test } from 'vitest';
import { DynamicTable, ENTRY_OVERHEAD } from '../../../src/http2/hpack/dynamic-table.ts';
import { tableSize, type Field } from '../../support/hpack.ts';
import { seeded } from '../../support/random.ts';

function entries(table: DynamicTable): Field[] {
  return Array.from({ length: table.count }, (_, back) => [table.name(back), table.value(back)]);
}

/** A name and a value that are charged so many octets together. */
function sized(octets: number): Field {
  return ['n', 'v'.repeat(octets - ENTRY_OVERHEAD - 1)];
}

describe('§4.1 Calculating Table Size', () => {
  test('32 octets an entry beside its text', () => {
    const table = new DynamicTable(4096);
    table.add('custom-key', 'custom-header');
    expect(table.size).toBe(55);
    table.add('', '');
    expect(table.size).toBe(87);
  });
});

describe('§2.3.2 first in, first out', () => {
  test('the newest is entry 0, and duplicates are two entries', () => {
    const table = new DynamicTable(4096);
    for (const value of ['1', '2', '2']) table.add('a', value);
    expect(entries(table)).toEqual([['a', '2'], ['a', '2'], ['a', '1']]);
    expect(table.added).toBe(3);
  });
});

describe('§4.4 Entry Eviction When Adding New Entries', () => {
  test.each([[100, 2], [99, 1]])('bound %i: %i entries of 50 octets', (bound, count) => {
    const table = new DynamicTable(bound);
    table.add(...sized(50));
    table.add(...sized(50));
    expect([table.count, table.size]).toEqual([count, count * 50]);
  });

  test.each([[100, true, 1], [101, false, 0]])(
    'an entry of %i octets in a table of 100: kept %s', (octets, kept, count) => {
      const table = new DynamicTable(100);
      table.add('a', 'b');
      expect(table.add(...sized(octets))).toBe(kept);
      expect([table.count, table.size]).toEqual([count, kept ? octets : 0]);
    },
  );

  test('a table of no octets keeps nothing', () => {
    const table = new DynamicTable(0);
    expect([table.add('', ''), table.count, table.added]).toEqual([false, 0, 0]);
  });
});

describe('§4.3 Entry Eviction When Dynamic Table Size Changes', () => {
  test('the oldest go first, and their numbers are told', () => {
    const gone: (readonly [string, string, number])[] = [];
    const table = new DynamicTable(4096, (...entry) => gone.push(entry));
    for (const value of ['1', '2', '3']) table.add('a', value);
    table.resize(2 * 34);
    expect(gone).toEqual([['a', '1', 1]]);
    table.resize(33);
    expect(gone).toEqual([['a', '1', 1], ['a', '2', 2], ['a', '3', 3]]);
    table.resize(4096);
    table.add('a', '4');
    expect([entries(table), table.maxSize, table.added]).toEqual([[['a', '4']], 4096, 4]);
  });
});

describe('the ring', () => {
  test.each([1, 2, 3, 4])('is a list, whatever is done to it: %d', (seed) => {
    seeded(seed, (random) => {
      let list: Field[] = [];
      const gone: Field[] = [];
      const expectedGone: Field[] = [];
      let bound = 2048;
      const table = new DynamicTable(bound, (name, value) => gone.push([name, value]));
      const evict = (room: number): void => {
        while (list.length > 0 && tableSize(list) > room) expectedGone.push(list.pop() as Field);
      };
      for (let step = 0; step < 2000; step++) {
        if (random.chance(0.02)) {
          bound = random.pick([0, 40, 512, 2048, 8192]);
          evict(bound);
          table.resize(bound);
        } else {
          const entry: Field = [`n${step}`, 'v'.repeat(random.int(random.chance(0.1) ? 600 : 9))];
          const size = tableSize([entry]);
          evict(bound - size);
          if (size <= bound) list = [entry, ...list];
          expect(table.add(...entry)).toBe(size <= bound);
        }
        expect([table.count, table.size]).toEqual([list.length, tableSize(list)]);
        if (step % 20 === 0) expect(entries(table)).toEqual(list);
      }
      expect(gone).toEqual(expectedGone);
    });
  });
});
