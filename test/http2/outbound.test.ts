/** Blocks, content and turns on their way out: what is the same again, and in how many writes. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import { Fields } from '../../src/http/fields.ts';
import { blockFields } from '../../src/http2/outbound.ts';
import { answersIn, get, open, settings } from '../support/http2.ts';

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
