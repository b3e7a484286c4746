/** What an answer's body becomes: iterables, web streams, octets as sources (src/http/body.ts). */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { BytesSource, IterableSource, RequestBody, isBodySource } from '../../src/http/body.ts';
import { deferred } from '../support/deferred.ts';
import { octets } from '../support/vectors.ts';

async function pullAll(source: IterableSource | BytesSource, max = 100): Promise<string[]> {
  const pieces: string[] = [];
  for (let piece = await source.pull(max); piece !== null; piece = await source.pull(max)) {
    expect(piece.length).toBeGreaterThan(0);
    expect(piece.length).toBeLessThanOrEqual(max);
    pieces.push(Buffer.from(piece).toString());
  }
  return pieces;
}

async function* these(...values: unknown[]): AsyncGenerator<Uint8Array | string> {
  for (const value of values) yield value as string;
}

describe('IterableSource', () => {
  test.each<[string, unknown[], string[]]>([
    ['octets', [octets('ab'), octets('c')], ['ab', 'c']],
    ['text as UTF-8', ['\u20ac', 'x'], ['\u20ac', 'x']],
    ['nothing', [], []],
    ['what is empty is skipped', ['', 'a', new Uint8Array(0), '', 'b', ''], ['a', 'b']],
  ])('%s', async (_, values, pieces) => {
    expect(await pullAll(new IterableSource(these(...values)))).toEqual(pieces);
  });

  test('big pieces are cut to max, and not copied', async () => {
    const big = octets('abcdefgh');
    const source = new IterableSource(these(big, 'ij'));
    const first = await source.pull(3);
    expect(first?.buffer).toBe(big.buffer);
    // The rest is at hand: no promise.
    expect(Buffer.from(source.pull(3) as Uint8Array).toString()).toBe('def');
    expect(await pullAll(source, 3)).toEqual(['gh', 'ij']);
  });

  test('a piece of exactly max leaves no rest', async () => {
    expect(await pullAll(new IterableSource(these('abc', 'def')), 3)).toEqual(['abc', 'def']);
  });

  test('its length is not known', () => {
    expect(new IterableSource(these()).length).toBeUndefined();
  });

  test.each<[unknown, string]>([
    [5, 'number'], [null, 'object'], [undefined, 'undefined'], [['a'], 'object'], [{}, 'object'],
  ])(
    'a yield of %j is a TypeError', async (value, kind) => {
      const pull = new IterableSource(these(value)).pull(10);
      const error = new TypeError(`a body yielded ${kind}, not text or a Uint8Array`);
      await expect(pull).rejects.toThrow(error);
    },
  );

  test('an error of the iterable is passed on', async () => {
    const cause = new Error('broken');
    async function* broken(): AsyncGenerator<string> {
      yield 'a';
      throw cause;
    }
    const source = new IterableSource(broken());
    expect(await source.pull(10)).toEqual(Buffer.from('a'));
    await expect(source.pull(10)).rejects.toBe(cause);
  });

  test('a web stream is an iterable', async () => {
    const stream = new ReadableStream<string>({
      start(controller) {
        controller.enqueue('ab');
        controller.enqueue('c');
        controller.close();
      },
    });
    expect(await pullAll(new IterableSource(stream))).toEqual(['ab', 'c']);
  });

  test('nothing is asked of it before the first pull', async () => {
    let begun = false;
    async function* lazy(): AsyncGenerator<string> {
      begun = true;
      yield 'a';
    }
    const source = new IterableSource(lazy());
    await Promise.resolve();
    expect(begun).toBe(false);
    await source.pull(1);
    expect(begun).toBe(true);
  });
});

describe('IterableSource: cancel', () => {
  test('calls return: a generator can clean up', async () => {
    const cleaned = deferred<string>();
    async function* careful(): AsyncGenerator<string> {
      try {
        yield 'abc';
        yield 'def';
      } finally {
        cleaned.resolve('cleaned');
      }
    }
    const source = new IterableSource(careful());
    await source.pull(1);
    source.cancel();
    expect(await cleaned.promise).toBe('cleaned');
    expect(await source.pull(10)).toBe(null);
  });

  test('cancels a web stream', async () => {
    const cancelled = deferred<string>();
    const stream = new ReadableStream<string>({
      pull: (controller) => controller.enqueue('a'),
      cancel: () => cancelled.resolve('cancelled'),
    });
    const source = new IterableSource(stream);
    await source.pull(1);
    source.cancel();
    expect(await cancelled.promise).toBe('cancelled');
  });

  /** An iterable by hand, with this `return`. */
  function withReturn(back: unknown): AsyncIterable<string> {
    const iterator = { next: () => Promise.resolve({ done: false, value: 'a' }), return: back };
    return { [Symbol.asyncIterator]: () => iterator as AsyncIterator<string> };
  }

  test.each<[string, unknown]>([
    ['missing', undefined],
    ['a promise that rejects', () => Promise.reject(new Error('cleanup'))],
    ['throwing', () => { throw new Error('cleanup'); }],
    ['not a promise', () => ({ done: true, value: undefined })],
    ['nothing', () => undefined],
  ])('a return that is %s is nobody else\'s business', async (_, back) => {
    const source = new IterableSource(withReturn(back));
    await source.pull(1);
    expect(() => source.cancel()).not.toThrow();
    await new Promise<void>((resolve) => { setImmediate(resolve); });
  });
});

describe('BytesSource', () => {
  test('is pulled piece by piece, as views', async () => {
    const bytes = octets('abcdefg');
    const source = new BytesSource(bytes);
    expect(source.length).toBe(7);
    const first = source.pull(3);
    expect(first?.buffer).toBe(bytes.buffer);
    expect(await pullAll(source, 3)).toEqual(['def', 'g']);
    expect([source.length, source.pull(3)]).toEqual([7, null]);
  });

  test('none are null', () => {
    expect(new BytesSource(new Uint8Array(0)).pull(10)).toBe(null);
  });

  test('cancelled, it has no more', () => {
    const source = new BytesSource(octets('abc'));
    source.cancel();
    expect(source.pull(10)).toBe(null);
  });
});

test.each<[string, unknown, boolean]>([
  ['octets as a source', new BytesSource(octets('a')), true],
  ['the content of a request', RequestBody.empty, true],
  ['a duck', { length: 1, pull: () => null, cancel: () => {} }, true],
  ['null', null, false], ['undefined', undefined, false], ['text', 'abc', false],
  ['octets', octets('abc'), false], ['a web stream', new ReadableStream(), false],
  ['half of it', { pull: () => null }, false],
])('isBodySource: %s: %s', (_, body, expected) => {
  expect(isBodySource(body)).toBe(expected);
});
