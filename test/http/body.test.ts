/** The content of a request: pulled, collected, streamed, iterated, or dropped. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { PULL_BYTES, RequestBody, type BodyDemand } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { octets } from '../support/vectors.ts';

/** What a body asked of its wire. */
class Demand implements BodyDemand {
  begun = 0;
  slow = 0;
  readonly consumes: number[] = [];

  begin(): void {
    this.begun++;
  }

  consumed(count: number): void {
    this.consumes.push(count);
  }

  unhurried(): void {
    this.slow++;
  }

  get total(): number {
    return this.consumes.reduce((sum, count) => sum + count, 0);
  }
}

function text(piece: Uint8Array | null): string | null {
  return piece === null ? null : Buffer.from(piece).toString('latin1');
}

/** A body with these pieces, ended. */
function whole(pieces: readonly string[], limit = 1000, length?: number): RequestBody {
  const body = new RequestBody(length, undefined, limit);
  for (const piece of pieces) body.push(octets(piece));
  body.end();
  return body;
}

const CAUSE = new Error('broken');

describe('pull', () => {
  test('gives what has come, at once, and null at the end', async () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    body.push(octets('abc'));
    body.push(octets('de'));
    body.end();
    // Small pieces are joined: an array of them would cost much more than their octets.
    expect(text(body.pull(10) as Uint8Array)).toBe('abcde');
    expect(body.pull(10)).toBeNull();
    expect(demand.consumes).toEqual([5]);
    expect(() => body.pull(10)).toThrow('was read already');
  });

  test('a hundred thousand octets, one at a time, are few pieces, whole and in order', () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    const sent: number[] = [];
    const got: number[] = [];
    let pieces = 0;
    const take = (max: number): void => {
      const piece = body.pull(max);
      if (!(piece instanceof Uint8Array)) return;
      got.push(...piece);
      pieces++;
    };
    for (let i = 0; i < 100_000; i++) {
      sent.push(i & 255);
      body.push(Uint8Array.of(i & 255));
      if (i % 9973 === 0) take(7);
    }
    body.push(new Uint8Array(5000).fill(9));
    body.push(Uint8Array.of(1));
    body.end();
    while (got.length < sent.length + 5001) take(PULL_BYTES);
    expect(got).toEqual([...sent, ...new Array<number>(5000).fill(9), 1]);
    expect(pieces).toBeLessThan(40);
    expect(demand.total).toBe(got.length);
  });

  test('gives no more than max, as views', () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    const piece = octets('abcdef');
    body.push(piece);
    const parts = [4, 1, 1].map((max) => body.pull(max) as Uint8Array);
    expect(parts.map(text)).toEqual(['abcd', 'e', 'f']);
    expect(parts.every((part) => part.buffer === piece.buffer)).toBe(true);
    expect(demand.consumes).toEqual([4, 1, 1]);
  });

  test('waits for what has not come', async () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    const first = body.pull(2);
    body.push(octets('abc'));
    expect(text(await first)).toBe('ab');
    expect(text(await body.pull(2))).toBe('c');
    const last = body.pull(2);
    body.end();
    expect(await last).toBe(null);
    expect(demand.total).toBe(3);
  });

  test('two at a time are a mistake of the program', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    const first = body.pull(10);
    expect(() => body.pull(10)).toThrow('the content of this request is being read already');
    body.push(octets('a'));
    expect(text(await first)).toBe('a');
  });

  test('the first asks for content: the moment of 100 (RFC 9110 §10.1.1)', async () => {
    const demand = new Demand();
    const body = new RequestBody(2, demand, 10);
    expect(demand.begun).toBe(0);
    const first = body.pull(10);
    expect(demand.begun).toBe(1);
    body.push(octets('a'));
    await first;
    const second = body.pull(10);
    body.push(octets('b'));
    await second;
    expect(demand.begun).toBe(1);
  });

  test('neither does dropping ask for content, nor what comes by itself', () => {
    const demand = new Demand();
    const body = new RequestBody(2, demand, 10);
    body.push(octets('a'));
    body.cancel();
    expect(demand.begun).toBe(0);
  });
});

describe('fail', () => {
  test('rejects who waits, and whoever comes after', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    const waiting = body.pull(10);
    body.fail(CAUSE);
    await expect(waiting).rejects.toBe(CAUSE);
    expect(() => body.pull(10)).toThrow(CAUSE);
  });

  test('what had come is read first', () => {
    const body = new RequestBody(undefined, undefined, 10);
    body.push(octets('a'));
    body.fail(CAUSE);
    expect(text(body.pull(10) as Uint8Array)).toBe('a');
    expect(() => body.pull(10)).toThrow(CAUSE);
  });

  test('the first cause stays, and an end is an end', () => {
    const body = new RequestBody(undefined, undefined, 10);
    body.fail(CAUSE);
    body.fail(new Error('later'));
    expect(() => body.pull(10)).toThrow(CAUSE);
    const ended = whole(['a']);
    ended.fail(CAUSE);
    expect(text(ended.pull(10) as Uint8Array)).toBe('a');
    expect(ended.pull(10)).toBe(null);
  });
});

describe('cancel', () => {
  test('gives back what was not read, and what still comes', () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    body.push(octets('abc'));
    body.push(octets('de'));
    body.pull(1);
    body.cancel(CAUSE);
    expect(demand.total).toBe(5);
    body.push(octets('fgh'));
    expect(demand.total).toBe(8);
    body.cancel();
    expect(demand.total).toBe(8);
    expect(() => body.pull(1)).toThrow(CAUSE);
  });

  test('rejects a pull that waits', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    const waiting = body.pull(10);
    body.cancel(CAUSE);
    await expect(waiting).rejects.toBe(CAUSE);
  });

  test('without a cause it is an Error all the same', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    const waiting = body.pull(10);
    body.cancel();
    await expect(waiting).rejects.toThrow(Error);
  });

  test('of content that came whole and was not read: it cannot be read any more', () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    body.push(octets('abc'));
    body.end();
    body.cancel();
    expect(() => body.pull(1)).toThrow(Error);
    expect(demand.total).toBe(3);
  });

  test('after the end is read, it changes nothing', () => {
    const body = whole([]);
    body.cancel(CAUSE);
    expect(body.pull(1)).toBe(null);
  });

  test('after a failure, octets that were left are given back', () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    body.push(octets('abc'));
    body.fail(CAUSE);
    body.cancel(new Error('later'));
    expect(demand.total).toBe(3);
    expect(() => body.pull(1)).toThrow(CAUSE);
  });
});

describe('bytes, text, json', () => {
  const READS: ((body: RequestBody) => Promise<unknown>)[] = [
    (body) => body.bytes(), (body) => body.text(), (body) => body.json(),
  ];

  test.each([
    [[], ''], [['abc'], 'abc'], [['ab', 'c', 'def'], 'abcdef'],
  ])('all of %j is %j', async (pieces, expected) => {
    expect(text(await whole(pieces).bytes())).toBe(expected);
    expect(await whole(pieces).text()).toBe(expected);
  });

  test('one piece is handed on and not copied', async () => {
    const body = new RequestBody(3, undefined, 10);
    const piece = octets('abc');
    body.push(piece);
    body.end();
    expect((await body.bytes()).buffer).toBe(piece.buffer);
  });

  test('what comes later is waited for', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    const all = body.text();
    body.push(octets('a'));
    await Promise.resolve();
    body.push(octets('b'));
    body.end();
    expect(await all).toBe('ab');
  });

  test.each([['declared', 5], ['not declared', undefined]])(
    '5 octets of 5, their length %s; one more than the limit is 413 (RFC 9110 §15.5.14)',
    async (_, length) => {
      expect(await whole(['abc', 'de'], 5, length).text()).toBe('abcde');
      expect(await whole(['abc', 'de'], 1, length).text(5)).toBe('abcde');
      for (const read of READS) {
        const error: unknown = await read(whole(['abc', 'de'], 4, length)).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(HttpError);
        expect(error).toMatchObject({
          status: 413, message: 'content is over collectedBytes, 4 octets (RFC 9110 §15.5.14)',
        });
      }
    },
  );

  test('content that is declared too long is dropped unread, and asks for nothing', async () => {
    const demand = new Demand();
    const body = new RequestBody(6, demand, 5);
    await expect(body.bytes()).rejects.toMatchObject({ status: 413 });
    expect(demand.begun).toBe(0);
    body.push(octets('abcdef'));
    expect(demand.total).toBe(6);
  });

  test('content that turns out too long is dropped', async () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 2);
    body.push(octets('ab'));
    body.push(octets('c'));
    body.push(octets('def'));
    await expect(body.bytes()).rejects.toMatchObject({ status: 413 });
    expect(demand.total).toBe(6);
  });

  test('content that breaks is its cause', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    body.push(octets('a'));
    body.fail(CAUSE);
    await expect(body.text()).rejects.toBe(CAUSE);
  });

  test('text is UTF-8, over the edges of pieces, with U+FFFD for what is not', async () => {
    expect(await whole(['\xe2\x82', '\xac\xf0\x9f', '\x98\x80']).text()).toBe('\u20ac\u{1f600}');
    expect(await whole(['a\xffb']).text()).toBe('a\ufffdb');
  });

  test('json is any JSON value (RFC 8259)', async () => {
    expect(await whole(['{"a": [1, ', 'null]}']).json()).toEqual({ a: [1, null] });
    expect(await whole(['"\xe2\x82\xac"']).json()).toBe('\u20ac');
  });

  test.each([
    ['', /^bad JSON: /], ['{', /^bad JSON: /], ["{'a': 1}", /^bad JSON: /],
    ['"\xff"', /^bad JSON: the content is not UTF-8$/],
  ])('%j is no JSON: 400', async (content, message) => {
    const error: unknown = await whole([content]).json().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(message) as string });
    expect((error as Error).cause).toBeInstanceOf(Error);
  });
});

describe('iteration', () => {
  test('gives pieces until the end', async () => {
    const pieces: (string | null)[] = [];
    const long = 'c'.repeat(2000);
    for await (const piece of whole(['ab', long])) pieces.push(text(piece));
    expect(pieces).toEqual(['ab', long]);
  });

  test('a break drops the rest', async () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    body.push(octets('ab'));
    body.push(octets('c'.repeat(2000)));
    for await (const piece of body) {
      expect(text(piece)).toBe('ab');
      break;
    }
    expect(demand.total).toBe(2002);
    expect(() => body.pull(1)).toThrow(Error);
  });

  test('throws what broke the content', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    body.push(octets('ab'));
    body.fail(CAUSE);
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const piece of body) seen.push(text(piece));
    })();
    await expect(reading).rejects.toBe(CAUSE);
    expect(seen).toEqual(['ab']);
  });

  test('a piece is what a socket takes', async () => {
    const lengths: number[] = [];
    const body = new RequestBody(undefined, undefined, 10);
    body.push(new Uint8Array(PULL_BYTES + 1));
    body.end();
    for await (const piece of body) lengths.push(piece.length);
    expect(lengths).toEqual([PULL_BYTES, 1]);
  });
});

describe('stream', () => {
  test('is the content as a web stream', async () => {
    const stream = whole(['ab', 'c']).stream();
    expect(await new Response(stream).text()).toBe('abc');
  });

  test('asks for nothing before it is read', async () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    const reader = body.stream().getReader();
    await Promise.resolve();
    expect(demand.begun).toBe(0);
    const piece = reader.read();
    await Promise.resolve();
    expect(demand.begun).toBe(1);
    body.push(octets('a'));
    expect(text((await piece).value ?? null)).toBe('a');
  });

  test('cancelled, it cancels the content', async () => {
    const demand = new Demand();
    const body = new RequestBody(undefined, demand, 10);
    body.push(octets('abc'));
    await body.stream().cancel();
    expect(demand.total).toBe(3);
  });

  test('breaks when the content does', async () => {
    const body = new RequestBody(undefined, undefined, 10);
    const piece = body.stream().getReader().read();
    body.fail(CAUSE);
    await expect(piece).rejects.toBe(CAUSE);
  });
});

describe('trailers (RFC 9110 §6.5)', () => {
  test('are there once the content was read to its end', () => {
    const body = new RequestBody(undefined, undefined, 10);
    body.push(octets('a'));
    expect(body.trailers()).toBe(Fields.empty);
    body.end(Fields.from({ digest: 'x' }));
    expect(body.trailers()).toBe(Fields.empty);
    body.pull(10);
    expect(body.trailers().get('digest')).toBe('x');
  });

  test('none are none', () => {
    expect(whole([]).trailers()).toBe(Fields.empty);
  });
});

test('allowSlow asks the wire, where there is one', () => {
  const demand = new Demand();
  new RequestBody(undefined, demand, 10).allowSlow();
  RequestBody.empty.allowSlow();
  expect(demand.slow).toBe(1);
});

test('the empty body is shared, and nothing can spoil it', async () => {
  const { empty } = RequestBody;
  empty.cancel(CAUSE);
  empty.fail(CAUSE);
  for await (const piece of empty) expect(piece).toBeUndefined();
  expect([empty.length, empty.pull(1), await empty.text()]).toEqual([0, null, '']);
  await expect(empty.json()).rejects.toMatchObject({ status: 400 });
});
