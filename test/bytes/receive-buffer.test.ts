/** The run of octets that a parser could not use yet, and the owning of parts of a slab. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { ReceiveBuffer, own } from '../../src/bytes/receive-buffer.ts';

function octets(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

function held(buffer: ReceiveBuffer): string {
  return Buffer.from(buffer.bytes.subarray(buffer.start, buffer.end)).toString('latin1');
}

function add(buffer: ReceiveBuffer, text: string): void {
  buffer.append(octets(text), 0, text.length);
}

describe('ReceiveBuffer', () => {
  test('joins what is appended and drops what is consumed', () => {
    const buffer = new ReceiveBuffer();
    add(buffer, 'GET ');
    add(buffer, '/ HTTP');
    expect([held(buffer), buffer.length]).toEqual(['GET / HTTP', 10]);
    buffer.consume(4);
    expect([held(buffer), buffer.length]).toEqual(['/ HTTP', 6]);
    add(buffer, '/1.1');
    expect(held(buffer)).toBe('/ HTTP/1.1');
  });

  test('takes a part of its source', () => {
    const buffer = new ReceiveBuffer();
    buffer.append(octets('xxabcxx'), 2, 5);
    buffer.append(octets('xxabcxx'), 0, 0);
    buffer.append(octets('defxx'), 0, 3);
    expect(held(buffer)).toBe('abcdef');
  });

  test('holds no memory while it is empty', () => {
    const buffer = new ReceiveBuffer();
    expect(buffer.bytes).toHaveLength(0);
    add(buffer, 'abc');
    expect(buffer.bytes.length).toBeGreaterThan(0);
    buffer.consume(3);
    expect([buffer.length, buffer.bytes.length]).toEqual([0, 0]);
    add(buffer, 'abc');
    buffer.clear();
    expect([buffer.length, buffer.bytes.length]).toEqual([0, 0]);
  });

  test('a view once handed out stays true, whatever comes after', () => {
    const buffer = new ReceiveBuffer();
    const views: [string, Uint8Array][] = [];
    for (let round = 0; round < 400; round++) {
      const text = `line ${round};`;
      add(buffer, text);
      const { bytes, end } = buffer;
      views.push([text, bytes.subarray(end - text.length, end)]);
      if (round % 3 === 0) buffer.consume(Math.min(buffer.length, 11));
      if (round % 50 === 49) buffer.clear();
    }
    expect(views.map(([, view]) => Buffer.from(view).toString()))
      .toEqual(views.map(([text]) => text));
  });

  test('octet by octet, it grows by doubling: no quadratic copying', () => {
    const buffer = new ReceiveBuffer();
    const slabs = new Set<Uint8Array>();
    for (let i = 0; i < 40_000; i++) {
      buffer.append(Uint8Array.of(i & 0xff), 0, 1);
      slabs.add(buffer.bytes);
    }
    expect(buffer.length).toBe(40_000);
    expect(slabs.size).toBeLessThan(10);
    expect(buffer.bytes[buffer.start + 12_345]).toBe(12_345 & 0xff);
  });
});

describe('parse', () => {
  function holding(...octets: number[]): ReceiveBuffer {
    const buffer = new ReceiveBuffer();
    buffer.append(Uint8Array.from(octets), 0, octets.length);
    return buffer;
  }

  test('the run is parsed from its front, and what was used is dropped', () => {
    const buffer = holding(1, 2, 3, 4);
    buffer.consume(1);
    const seen: number[][] = [];
    for (const used of [2, 0, 1]) {
      buffer.parse((bytes, start, end) => {
        seen.push([...bytes.subarray(start, end)]);
        return start + used;
      });
    }
    expect([seen, buffer.length]).toEqual([[[2, 3, 4], [4], [4]], 0]);
  });

  test('an empty run is not; one that is cleared meanwhile stays so', () => {
    new ReceiveBuffer().parse(() => { throw new Error('called'); });
    const buffer = holding(1, 2);
    buffer.parse((_, start) => {
      buffer.clear();
      return start + 1;
    });
    expect(buffer.length).toBe(0);
  });
});

describe('own', () => {
  const SLAB = 800;

  test.each([
    ['a Uint8Array', () => new Uint8Array(SLAB)],
    ['a Buffer, as sockets give it', () => Buffer.from(new ArrayBuffer(SLAB))],
  ])('of %s: a view from an eighth of the slab on, a copy below it', (_, make) => {
    const slab = make();
    const view = own(slab, 10, 110);
    const copy = own(slab, 10, 109);
    expect([view.length, copy.length]).toEqual([100, 99]);
    slab.fill(7);
    expect([view[0], view[99]]).toEqual([7, 7]);
    expect([copy[0], copy[98]]).toEqual([0, 0]);
    expect(copy.buffer.byteLength).toBe(99);
  });

  test('the slab is what lies under a view, not the view', () => {
    const slab = new Uint8Array(SLAB);
    const part = own(slab.subarray(100, 200), 0, 50);
    slab.fill(7);
    expect(part[0]).toBe(0);
  });
});
