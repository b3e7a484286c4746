/**
 * HPACK by chance. `HPACK_LISTS=200000 HPACK_MUTATIONS=200000 HPACK_SEED=1 npx vitest run
 * test/fuzz/hpack.fuzz.test.ts` for more of it, or for one run again.
 */
import { describe, expect, test } from 'vitest';
import {
  CompressionError, FieldList, HpackDecoder, HpackEncoder,
} from '../../src/http2/hpack/index.ts';
import { decode, encode, tableOf, tableSize, toHex, type Field } from '../support/hpack.ts';
import { Random, countFrom, freshSeed } from '../support/random.ts';
import { damaged, someFields } from './hpack-lists.ts';
import { compare } from './hpack-nghttp2.ts';
import { ReferenceDecoder, ReferenceFault } from './hpack-reference.ts';

const LISTS = countFrom('HPACK_LISTS', 2000);
const MUTATIONS = countFrom('HPACK_MUTATIONS', 5000);
const CHOSEN = countFrom('HPACK_SEED', 0);
const SEEDS = CHOSEN > 0 ? [CHOSEN] : [1, freshSeed()];
const LISTS_A_CONNECTION = 250;
const TIMEOUT_MS = 60_000 + 5 * (LISTS + MUTATIONS);

describe('nghttp2 as the oracle, both ways', () => {
  test.each(SEEDS)('random lists, seed %i', { timeout: TIMEOUT_MS }, async (seed) => {
    const perSeed = Math.ceil(LISTS / SEEDS.length);
    for (let from = 0; from < perSeed; from += LISTS_A_CONNECTION) {
      const random = Random.case(seed, from);
      const count = Math.min(LISTS_A_CONNECTION, perSeed - from);
      expect(await compare(random, count), `seed ${seed}, from ${from}`).toEqual([]);
    }
  });
});

/** What a decoder makes of a block: its list and its table, or undefined for a fault. */
function outcome(list: () => Field[], table: () => Field[], fault: new () => Error): unknown {
  try {
    return { list: list(), table: table() };
  } catch (error) {
    if (error instanceof fault) return undefined;
    throw error;
  }
}

describe('damaged blocks: the list of the reference, or a CompressionError', () => {
  test.each(SEEDS)('seed %i', { timeout: TIMEOUT_MS }, (seed) => {
    let decoded = 0;
    const count = Math.ceil(MUTATIONS / SEEDS.length);
    for (let index = 0; index < count; index++) {
      const random = Random.case(seed, index);
      const limit = random.pick([0, 100, 256, 4096]);
      const encoder = new HpackEncoder(limit);
      const blocks = [0, 1, 2].map(() => encode(encoder, someFields(random)));
      const [first, second, third] = blocks as [Uint8Array, Uint8Array, Uint8Array];
      const block = damaged(random, second, third);
      const decoder = new HpackDecoder(limit);
      const reference = new ReferenceDecoder(limit);
      expect(decode(decoder, first)).toEqual(reference.decode(first));
      const ours = outcome(() => decode(decoder, block), () => tableOf(decoder), CompressionError);
      const theirs = outcome(() => reference.decode(block), () => reference.table, ReferenceFault);
      expect(ours, `seed ${seed}, input ${index}: ${toHex(block)}`).toEqual(theirs);
      if (ours !== undefined) decoded++;
    }
    // Damage that always or never shows would test one half alone.
    if (count < 100) return;
    expect(decoded / count).toBeGreaterThan(0.1);
    expect(decoded / count).toBeLessThan(0.9);
  });

  test.each(SEEDS)('no block makes more than its bounds allow, seed %i', (seed) => {
    for (let index = 0; index < Math.min(2000, MUTATIONS); index++) {
      const random = Random.case(seed, index);
      const block = random.bytes(random.int(200)).map((octet) =>
        (random.chance(0.3) ? random.pick([0x40, 0x01, 0x61, 0xbe, 0x82]) : octet));
      const decoder = new HpackDecoder(256);
      const list = new FieldList(500, 10);
      try {
        decode(decoder, block, list);
      } catch (error) {
        expect(error).toBeInstanceOf(CompressionError);
      }
      const kept = list.names.map((name, at): Field => [name, list.values[at] as string]);
      expect(tableSize(kept)).toBeLessThanOrEqual(500);
      expect(kept.length).toBeLessThanOrEqual(10);
      expect(list.count).toBeLessThanOrEqual(block.length);
      expect(tableSize(tableOf(decoder))).toBeLessThanOrEqual(256);
    }
  });
});

/** Octets that count how often they are looked at; all strings of the block in Huffman code. */
function reads(block: Uint8Array): number {
  let count = 0;
  const counted = new Proxy(block, {
    get(octets, key) {
      count++;
      return Reflect.get(octets, key, octets) as unknown;
    },
  });
  try {
    new HpackDecoder().decode(counted, 0, block.length, new FieldList(1000, 10));
  } catch (error) {
    if (!(error instanceof CompressionError)) throw error;
  }
  return count;
}

function repeated(octets: readonly number[], times: number): number[] {
  return Array.from({ length: times }, () => octets).flat();
}

/** A string in Huffman code, whose octets are so many times the same; up to 2^14. */
function huffman(octets: readonly number[], times: number): number[] {
  const rest = octets.length * times - 127;
  return [0xff, (rest & 0x7f) | 0x80, rest >> 7, ...repeated(octets, times)];
}

describe('cost is linear in length', () => {
  test.each<readonly [string, (times: number) => number[]]>([
    ['one string of short codes', (times) => [0x01, ...huffman([0x00], times)]],
    ['one string of long codes', (times) => [
      0x01, ...huffman([0xff, 0xff, 0xff, 0xef, 0xff, 0xff, 0xfe], Math.floor(times / 8)),
    ]],
    ['a string that ends in a fault', (times) => [0x01, ...huffman([0x00], times - 1), 0xff, 0xff]],
    ['indexed fields', (times) => repeated([0x82], times)],
    ['new entries that push others out', (times) =>
      repeated([0x40, 0x81, 0x1f, 0x81, 0x1f], times)],
    ['one entry named again and again', (times) => [
      0x40, 0x81, 0x1f, ...huffman([0x00], 2000), ...repeated([0xbe], times),
    ]],
    ['needless octets in integers', (times) =>
      repeated([0x0f, 0x80, 0x80, 0x80, 0x00, 0x80], times)],
  ])('%s', (_, block) => {
    const [short, long] = [block(1000), block(8000)].map((octets) => Uint8Array.from(octets));
    const [few, many] = [reads(short as Uint8Array), reads(long as Uint8Array)];
    expect(few).toBeGreaterThan(0);
    expect(many / (long as Uint8Array).length).toBeLessThan(9);
    expect(many).toBeLessThanOrEqual(few * 8.2 + 100);
  });
});
