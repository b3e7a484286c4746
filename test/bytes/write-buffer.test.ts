/** The octets that wait to leave: what is joined, what is cut, and that none is lost or moved. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { WriteBuffer } from '../../src/bytes/write-buffer.ts';
import { seeded, type Random } from '../support/random.ts';

/** The longest octets that are joined to text. */
const JOINED = 512;

function shown(piece: Uint8Array | string | undefined): string | undefined {
  return piece instanceof Uint8Array ? Buffer.from(piece).toString('latin1') : piece;
}

function takeAll(buffer: WriteBuffer, max = Infinity): (Uint8Array | string)[] {
  const pieces: (Uint8Array | string)[] = [];
  for (let piece = buffer.take(max); piece !== undefined; piece = buffer.take(max)) {
    pieces.push(piece);
  }
  return pieces;
}

describe('joining', () => {
  test('text leaves as one string', () => {
    const buffer = new WriteBuffer();
    buffer.push('HTTP/1.1 200 OK\r\n');
    buffer.push('\r\n');
    buffer.push('hello');
    expect(buffer.length).toBe(24);
    expect(takeAll(buffer)).toEqual(['HTTP/1.1 200 OK\r\n\r\nhello']);
    expect(buffer.length).toBe(0);
  });

  test('short octets join the text, long ones stay the view they were', () => {
    const buffer = new WriteBuffer();
    const long = new Uint8Array(JOINED + 1);
    buffer.push('a');
    buffer.push(new Uint8Array(JOINED).fill(0xe9));
    buffer.push(long);
    buffer.push('b');
    expect(buffer.length).toBe(JOINED + JOINED + 3);
    const pieces = takeAll(buffer);
    expect(pieces).toEqual([`a${'\u00e9'.repeat(JOINED)}`, long, 'b']);
    expect(pieces[1]).toBe(long);
  });

  test('what is empty is no piece', () => {
    const buffer = new WriteBuffer();
    buffer.push('');
    buffer.push(new Uint8Array(0));
    expect([buffer.length, buffer.take(10)]).toEqual([0, undefined]);
  });
});

describe('pieces', () => {
  test.each([
    ['at the length', 5, ['hello']],
    ['one below', 4, ['hell', 'o']],
    ['one octet each', 1, ['h', 'e', 'l', 'l', 'o']],
  ])('text is cut to at most max: %s', (_, max, expected) => {
    const buffer = new WriteBuffer();
    buffer.push('hello');
    expect(takeAll(buffer, max).map(shown)).toEqual(expected);
  });

  test('octets are cut to views, and the count goes with them', () => {
    const buffer = new WriteBuffer();
    const long = new Uint8Array(1000);
    buffer.push(long);
    const first = buffer.take(600) as Uint8Array;
    expect([first.length, first.buffer, buffer.length]).toEqual([600, long.buffer, 400]);
    expect(buffer.take(600)).toHaveLength(400);
    expect(buffer.take(600)).toBeUndefined();
  });

  test('what is pushed while a piece is half taken comes after it', () => {
    const buffer = new WriteBuffer();
    buffer.push('abcdef');
    expect(shown(buffer.take(2))).toBe('ab');
    buffer.push('gh');
    expect(takeAll(buffer).map(shown)).toEqual(['cdef', 'gh']);
  });

  test('clear drops all', () => {
    const buffer = new WriteBuffer();
    buffer.push('abc');
    buffer.push(new Uint8Array(1000));
    buffer.push('def');
    buffer.take(1);
    buffer.clear();
    expect([buffer.length, buffer.take(10)]).toEqual([0, undefined]);
    buffer.push('ghi');
    expect(takeAll(buffer)).toEqual(['ghi']);
  });

  test.each([1, 2, 3, 4])('any order of pushes and takes gives the same octets: %d', (seed) => {
    seeded(seed, (random) => {
      const buffer = new WriteBuffer();
      let pushed = '';
      let taken = '';
      for (let step = 0; step < 400; step++) {
        const text = someText(random);
        if (random.chance(0.6)) {
          buffer.push(random.chance(0.5) ? text : Buffer.from(text, 'latin1'));
          pushed += text;
        } else {
          const max = random.between(1, 2000);
          const piece = shown(buffer.take(max)) ?? '';
          expect(piece.length).toBeLessThanOrEqual(max);
          taken += piece;
        }
        expect(buffer.length).toBe(pushed.length - taken.length);
      }
      taken += takeAll(buffer).map(shown).join('');
      expect(taken === pushed).toBe(true);
    });
  });
});

function someText(random: Random): string {
  const length = random.chance(0.3) ? random.between(JOINED - 2, 3 * JOINED) : random.int(40);
  return Buffer.from(random.bytes(length)).toString('latin1');
}
