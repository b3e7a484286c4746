/** Blocks, content and turns on their way out: what is the same again, and in how many writes. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import { Fields } from '../../src/http/fields.ts';
import { HEADERS, PUSH_PROMISE } from '../../src/http2/frame.ts';
import { FieldList, HpackDecoder } from '../../src/http2/hpack/index.ts';
import { blockFields } from '../../src/http2/outbound.ts';
import { asking } from '../support/http2-client.ts';
import {
  answersIn, connect, fieldsOf, get, headers, open, outcomeOf, settings, GREETING, type Connected,
  type FieldPairs,
} from '../support/http2.ts';

describe('blocks', () => {
  test('the same answer again is shorter, and then the same octets', async () => {
    const answer = new HttpResponse(200, { 'x-long-name': 'a long value' }, 'x');
    const connected = await open(() => answer);
    const blocks: string[] = [];
    for (const id of [1, 3, 5]) {
      const [head] = await connected.send(get(id));
      blocks.push(Buffer.from(head!.payload).toString('hex'));
    }
    expect(blocks[0]!.length).toBeGreaterThan(blocks[1]!.length);
    expect(blocks[2]).toBe(blocks[1]);
  });

  test('are true whatever the peer makes of the table between them', async () => {
    const answers = ['a', 'b', 'a'].map((value) => new HttpResponse(200, { 'x-name': value }));
    let turn = 0;
    const connected = await open(() => answers[turn++ % 3]!);
    for (let id = 1; id < 60; id += 2) {
      await connected.send(settings([[1, [4096, 0, 60][id % 3]!]]), get(id));
    }
    const values = Object.values(answersIn(connected.all))
      .map(({ fields }) => fields.find(([name]) => name === 'x-name')?.[1]);
    expect(values.join('')).toBe('aba'.repeat(10));
  });

  test('a table that went to 0 and back within one SETTINGS is told of both (RFC 7541 §4.2)',
    async () => {
      const answer = new HttpResponse(200, { 'x-name': 'value' });
      const connected = await open(() => answer);
      await connected.send(get(1));
      const [, head] = await connected.send(settings([[1, 0], [1, 4096]]), get(3));
      expect([...head!.payload.subarray(0, 4)]).toEqual([0x20, 0x3f, 0xe1, 0x1f]);
      expect(answersIn(connected.all)[3]!.fields).toContainEqual(['x-name', 'value']);
    });

  test('a date is the clock\'s, or the program\'s', async () => {
    const connected = await open(({ path }) =>
      new HttpResponse(200, path === '/own' ? { date: 'today' } : {}));
    await connected.send(get(1), get(3, '/own'));
    const dates = Object.values(answersIn(connected.all)).map(({ fields }) =>
      fields.filter(([name]) => name === 'date').map(([, value]) => value));
    expect(dates).toEqual([['Sun, 06 Nov 1994 08:49:37 GMT'], ['today']]);
  });

  test('a content-length that is no number is the program\'s failure (RFC 9110 §8.6)', () => {
    expect(() => blockFields(Fields.from({ 'content-length': 'x' }))).toThrow('RFC 9110 §8.6');
    const fields = Fields.from({ a: 'b' });
    expect(blockFields(fields)).toBe(blockFields(fields));
  });
});

test.each([1, 4096, 4097, 20_000, 60_000])('content of %i octets arrives whole', async (count) => {
  const content = Uint8Array.from({ length: count }, (_, index) => index % 251);
  const connected = await open(() => new HttpResponse(200, {}, content));
  await connected.send(get(1));
  expect(Buffer.from(answersIn(connected.all)[1]!.body, 'latin1').equals(content)).toBe(true);
});

describe('the head that is remembered (§4.3): what a decoder of the peer makes of it', () => {
  const one = new HttpResponse(200, { 'x-one': 'a value of one' }, 'x');
  const other = new HttpResponse(200, { 'x-other': 'a value of another' }, 'y');
  const many = Array.from({ length: 40 }, (_, index) =>
    new HttpResponse(200, { [`x-${index}`]: 'v'.repeat(100) }));
  const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const ONE: FieldPairs = [
    [':status', '200'], ['x-one', 'a value of one'], ['content-length', '1'], ['date', DATE],
  ];

  interface Subject {
    readonly connected: Connected;
    /** Gives an answer to a request of its own; returns its head as octets, and as decoded. */
    give(response: HttpResponse): Promise<{ octets: string; fields: FieldPairs }>;
    /** One SETTINGS of these table sizes; the decoder insists that it is heard (RFC 7541 §4.2). */
    resize(...sizes: readonly number[]): Promise<void>;
  }

  async function giving(...sizes: readonly number[]): Promise<Subject> {
    let next = one;
    let id = -1;
    const connected = await open(() => next);
    const decoder = new HpackDecoder();
    const give = async (response: HttpResponse): ReturnType<Subject['give']> => {
      next = response;
      const frames = await connected.send(get(id += 2));
      const { payload } = frames.find(({ type }) => type === HEADERS)!;
      const list = new FieldList();
      decoder.decode(payload, 0, payload.length, list);
      const fields: FieldPairs = list.names.map((name, at) => [name, list.values[at] as string]);
      return { octets: Buffer.from(payload).toString('hex'), fields };
    };
    const resize = async (...changes: readonly number[]): Promise<void> => {
      await connected.send(settings(changes.map((size) => [1, size])));
      for (const size of changes) decoder.setTableSize(size);
    };
    if (sizes.length > 0) await resize(...sizes);
    return { connected, give, resize };
  }

  test('the block that added its entries is not given again: its second time is by index',
    async () => {
      const { give } = await giving();
      const [first, second, third] = [await give(one), await give(one), await give(one)];
      expect([first.fields, second.fields, third.fields]).toEqual([ONE, ONE, ONE]);
      expect(first.octets.length).toBeGreaterThan(second.octets.length);
      expect(third.octets).toBe(second.octets);
    });

  test.each<[string, (subject: Subject) => Promise<unknown>]>([
    ['another answer, with entries of its own', ({ give }) => give(other)],
    ['as many as the table holds, so that all its entries are gone', async ({ give }) => {
      for (const each of many) await give(each);
    }],
    ['the same fields and another status', ({ give }) => give(one.with({ status: 404 }))],
    ['the same fields and another length', ({ give }) => give(one.with({ body: 'xyz' }))],
    ['SETTINGS that change nothing', ({ resize }) => resize()],
    ['a table of 0', ({ resize }) => resize(0)],
    ['a table of 0 and back', ({ resize }) => resize(0, 4096)],
    ['a table of 0, an answer, and back', async ({ resize, give }) => {
      await resize(0);
      expect((await give(one)).fields).toEqual(ONE);
      await resize(4096);
    }],
    ['a table of 60, then of 4096, in two SETTINGS', async ({ resize }) => {
      await resize(60);
      await resize(4096);
    }],
    ['a table that is larger than is used', ({ resize }) => resize(65_536)],
  ])('between two of it: %s', async (_, between) => {
    for (const before of [1, 2, 3]) {
      const subject = await giving();
      for (let i = 0; i < before; i++) expect((await subject.give(one)).fields).toEqual(ONE);
      await between(subject);
      for (let i = 0; i < 3; i++) expect((await subject.give(one)).fields).toEqual(ONE);
      expect(outcomeOf(subject.connected).goaway).toBe(undefined);
    }
  });

  test('a date that has changed is told, and the one before it is not told again', async () => {
    const { connected, give } = await giving();
    const dates: (string | undefined)[] = [];
    for (const ms of [0, 0, 1000, 0, 0, 86_400_000, 0]) {
      connected.transport.clock.advance(ms);
      const { fields } = await give(one);
      expect(fields.filter(([name]) => name !== 'date')).toEqual(ONE.slice(0, 3));
      dates.push(fields.find(([name]) => name === 'date')?.[1]);
    }
    const [next, tomorrow] = ['Sun, 06 Nov 1994 08:49:38 GMT', 'Mon, 07 Nov 1994 08:49:38 GMT'];
    expect(dates).toEqual([DATE, DATE, next, next, next, tomorrow, tomorrow]);
  });

  test('interim answers, and those to HEAD, are not taken for the final one', async () => {
    const fields = Fields.from({ 'x-one': 'a value of one' });
    const connected = await open((request) => {
      request.inform(103, fields);
      return new HttpResponse(200, fields, 'x');
    });
    for (const id of [1, 3, 5]) await connected.send(get(id));
    await connected.send(headers(7, fieldsOf('HEAD')));
    const found = connected.all.filter(({ type }) => type === HEADERS);
    const interim: FieldPairs = [[':status', '103'], ['x-one', 'a value of one']];
    expect(found.map((head) => head.fields))
      .toEqual(Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? interim : ONE)));
    expect(found.map(({ flags }) => flags & 1)).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
  });

  test('what one connection remembers is nothing to another with a table of its own', async () => {
    const subjects = [await giving(), await giving(0), await giving(60)];
    for (let round = 0; round < 4; round++) {
      for (const { give } of subjects) expect((await give(one)).fields).toEqual(ONE);
    }
  });
});

describe('a block that fails as it is made leaves nothing behind (§4.3)', () => {
  const bad = { 'content-length': 'x' };
  const ANSWER: FieldPairs = [
    [':status', '200'], ['x-a', 'b'], ['content-length', '0'],
    ['date', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ];
  const answer = new HttpResponse(200, { 'x-a': 'b' });

  test('an interim response', async () => {
    const connected = await open((request) => {
      expect(() => request.inform(103, bad)).toThrow('RFC 9110 §8.6');
      request.inform(103, { link: '</a>' });
      return answer;
    });
    for (const id of [1, 3]) await connected.send(get(id));
    const interim: FieldPairs = [[':status', '103'], ['link', '</a>']];
    const found = connected.all.filter(({ type }) => type === HEADERS);
    expect(found.map(({ fields }) => fields)).toEqual([interim, ANSWER, interim, ANSWER]);
  });

  test('a promise: its stream is not kept either', async () => {
    const connected = await open((request) => {
      if (request.path === '/') {
        // It may as well be sent without that field (§8.4).
        try {
          request.push('/bad', bad);
        } catch (error) {
          expect(String(error)).toContain('RFC 9110 §8.6');
        }
        expect(request.push('/a', { accept: 'x' })).toBe(true);
      }
      return answer;
    });
    for (const id of [1, 3]) await connected.send(get(id));
    const promises = connected.all.filter(({ type }) => type === PUSH_PROMISE)
      .map(({ fields }) => fields!).filter((fields) => fields.at(-1)?.[0] === 'accept');
    const pairs: FieldPairs = [...fieldsOf('GET', '/a'), ['accept', 'x']];
    expect(promises).toEqual([pairs, pairs]);
    expect(connected.transport.idle).toBe(true);
  });

  test('a request: it fails, and the next one is as if it had not been', async () => {
    const one = await asking();
    const ask = async (): Promise<unknown> =>
      one.client.request({ authority: 'a', fields: Fields.from(bad) });
    await expect(ask()).rejects.toThrow('RFC 9110 §8.6');
    one.ask().ask();
    const pairs: FieldPairs = [
      [':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'a'],
    ];
    const asked = await one.settled();
    expect(asked.map(({ fields }) => fields)).toEqual([pairs, pairs]);
    for (const { streamId } of asked) await one.send(headers(streamId, [[':status', '204']]));
    expect(one.outcome.answers).toEqual(['204', '204']);
    expect(one.transport.idle).toBe(true);
  });
});

test('a turn over 16 KiB of frames leaves whole, as one of few octets does', async () => {
  const connected = connect(() => new HttpResponse(200, {}, 'x'.repeat(600)));
  const asked = Array.from({ length: 60 }, (_, index) => get(1 + 2 * index));
  await connected.send(GREETING, ...asked);
  const answers = Object.values(answersIn(connected.all));
  expect(answers.map(({ body, whole }) => [body.length, whole]))
    .toEqual(asked.map(() => [600, true]));
});
