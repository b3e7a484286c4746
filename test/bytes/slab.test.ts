/** The growing run of octets: what is written stays in order, and what is taken stays as it was. */
import { describe, expect, test } from 'vitest';
import { Slab } from '../../src/bytes/slab.ts';
import { seeded } from '../support/random.ts';
import { written } from '../support/hpack.ts';

/** The least memory that a slab asks for. */
const LEAST = 1024;

describe('writing', () => {
  test('octets, runs of octets and text follow each other', () => {
    const slab = new Slab();
    slab.octet(0x01);
    slab.octets(Uint8Array.of(0x02, 0xff));
    slab.latin1('a\u00e9');
    expect([written(slab), slab.length]).toEqual(['0102ff61e9', 5]);
  });

  test('nothing asks for no memory', () => {
    const slab = new Slab();
    slab.octets(new Uint8Array(0));
    slab.latin1('');
    slab.reserve(0);
    expect([slab.length, slab.bytes.length]).toEqual([0, 0]);
  });

  test.each([
    ['the least', 1, LEAST],
    ['the least, filled', LEAST, LEAST],
    ['more than the least', LEAST + 1, LEAST + 1],
  ])('memory at first: %s', (_, octets, expected) => {
    const slab = new Slab();
    slab.reserve(octets);
    expect(slab.bytes.length).toBe(expected);
  });

  test('memory grows to the double, so that a long run is copied few times', () => {
    const slab = new Slab();
    const memories = new Set<Uint8Array>();
    for (let at = 0; at < 64 * LEAST; at++) {
      slab.octet(at & 0xff);
      memories.add(slab.bytes);
    }
    expect(memories.size).toBe(7);
    expect(slab.bytes.subarray(0, slab.length).every((octet, at) => octet === (at & 0xff)))
      .toBe(true);
  });

  test('what is reserved can be written by number', () => {
    const slab = new Slab();
    slab.latin1('x'.repeat(LEAST - 1));
    slab.reserve(2);
    const { bytes } = slab;
    bytes[slab.length++] = 0x79;
    slab.octet(0x7a);
    expect([slab.bytes, written(slab).slice(-6)]).toEqual([bytes, '78797a']);
  });

  test.each([1, 2, 3])('any order of writes gives the same octets: %d', (seed) => {
    seeded(seed, (random) => {
      const slab = new Slab();
      const expected: number[] = [];
      for (let step = 0; step < 200; step++) {
        const octets = random.bytes(random.int(random.chance(0.1) ? 3000 : 30));
        if (random.chance(0.3)) slab.octets(octets);
        else if (random.chance(0.5)) slab.latin1(String.fromCharCode(...octets));
        else for (const octet of octets) slab.octet(octet);
        expected.push(...octets);
      }
      expect([...slab.bytes.subarray(0, slab.length)]).toEqual(expected);
    });
  });
});

describe('handing over', () => {
  test('what is taken is not written over', () => {
    const slab = new Slab();
    slab.latin1('first');
    const taken = slab.take();
    slab.latin1('other');
    expect([String.fromCharCode(...taken), slab.length]).toEqual(['first', 5]);
    expect(slab.bytes.buffer).not.toBe(taken.buffer);
  });

  test('clear keeps the memory, release gives it up', () => {
    const slab = new Slab();
    slab.latin1('abc');
    const { bytes } = slab;
    slab.clear();
    expect([slab.length, slab.bytes]).toEqual([0, bytes]);
    slab.octet(0x64);
    expect([written(slab), slab.bytes]).toEqual(['64', bytes]);
    slab.release();
    expect([slab.length, slab.bytes.length]).toEqual([0, 0]);
  });
});
