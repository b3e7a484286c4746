/** Masking beside the loop of the standard, at each alignment, length and phase. */
import { describe, expect, test } from 'vitest';
import { Slab } from '../../src/bytes/slab.ts';
import { copyMasked, maskingKeys, unmask } from '../../src/websocket/mask.ts';
import { Random } from '../support/random.ts';
import { masked } from '../support/websocket.ts';

const random = new Random(6455);
const KEYS = [0, 0x01020304, 0x37fa213d, 0xffffffff, 0x80000001, -0x7fffffff];

describe('§5.3 client-to-server masking', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])('alignment %d: lengths 0 to 300, phases 0 to 3', (offset) => {
    const source = random.bytes(320);
    const start = 3;
    for (let length = 0; length <= 300; length++) {
      for (let phase = 0; phase < 4; phase++) {
        const key = random.pick(KEYS);
        // In a slab whose own offset is one of eight, between octets that must stay.
        const bytes = new Uint8Array(new ArrayBuffer(400), offset, 320);
        bytes.set(source);
        const wanted = source.slice();
        const end = start + length;
        wanted.set(masked(source.subarray(start, end), key, phase), start);
        expect(unmask(bytes, start, end, key, phase)).toBe((phase + length) % 4);
        if (Buffer.compare(bytes, wanted) !== 0) {
          throw new Error(`length ${length}, phase ${phase}, key ${key.toString(16)}`);
        }
      }
    }
  });

  test('several MiB, in parts of each size: the phase goes on', () => {
    const source = random.bytes(3 * 1024 * 1024 + 5);
    const wanted = masked(source, 0xa1b2c3d4);
    const bytes = source.slice();
    let phase = 0;
    for (let at = 0, size = 1; at < bytes.length; size = size * 2 + 1) {
      const end = Math.min(bytes.length, at + size);
      phase = unmask(bytes, at, end, 0xa1b2c3d4, phase);
      at = end;
    }
    expect(Buffer.compare(bytes, wanted)).toBe(0);
  });

  test.each([0, 1, 127, 128, 5000])('copyMasked of %d octets leaves its source', (length) => {
    const source = random.bytes(length);
    const before = source.slice();
    const slab = new Slab();
    slab.latin1('abc');
    copyMasked(slab, source, 0x37fa213d);
    expect(source).toEqual(before);
    const written = slab.take();
    expect(Buffer.from(written.subarray(0, 3)).toString()).toBe('abc');
    expect(Buffer.compare(written.subarray(3), masked(source, 0x37fa213d))).toBe(0);
  });
});

describe('§10.3 masking keys', () => {
  test('are the octets of the source, each used once', () => {
    let next = 0;
    let drawn = 0;
    const keys = maskingKeys((bytes) => {
      drawn += bytes.length;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, 0xfffffe00 + next++);
    });
    expect(drawn).toBe(0);
    const taken = Array.from({ length: 600 }, keys);
    expect(taken.slice(0, 512)).toEqual(taken.slice(0, 512).map((_, i) => 0xfffffe00 + i));
    expect(new Set(taken.map((key) => key >>> 0)).size).toBe(600);
    expect(drawn).toBeGreaterThanOrEqual(2400);
  });
});
