/** The window keeps the last octets, whatever pieces they came in. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { SlidingWindow } from '../../src/websocket/sliding-window.ts';
import { Random } from '../support/random.ts';
import { join } from '../support/websocket.ts';

describe('§7 LZ77 sliding window', () => {
  test.each([8, 9, 12, 15])('2^%d octets of pieces of all sizes', (bits) => {
    const random = new Random(bits);
    const most = 1 << bits;
    const window = new SlidingWindow(bits);
    let all: Uint8Array = new Uint8Array(0);
    expect(window.octets).toBe(undefined);
    for (const length of [0, 1, 100, most - 1, 0, most, 3, most + 1, most * 2, 1]) {
      for (const size of [length, random.int(most)]) {
        const piece = random.bytes(size);
        all = join(all, piece);
        window.append(piece);
        const kept = all.subarray(Math.max(0, all.length - most));
        expect(Buffer.compare(window.octets ?? new Uint8Array(0), kept)).toBe(0);
        expect(window.heldBytes).toBeLessThanOrEqual(most);
      }
    }
    expect(window.octets?.length).toBe(most);
  });

  test('an empty one holds no memory, and a small one little', () => {
    const window = new SlidingWindow(15);
    expect(window.heldBytes).toBe(0);
    window.append(Uint8Array.of(1));
    expect(window.heldBytes).toBe(1024);
  });

  test('what was appended may change after', () => {
    const window = new SlidingWindow(9);
    const piece = Buffer.from('abc');
    window.append(piece);
    piece.fill('x');
    expect(Buffer.from(window.octets ?? []).toString()).toBe('abc');
  });
});
