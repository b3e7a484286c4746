/** Answers as values: what can be one, and who drops a body. */
import { describe, expect, test } from 'vitest';
import { BytesSource, IterableSource, type Body, type BodySource } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { ProtocolFactory } from '../../src/protocol.ts';
import { ScriptedSource } from '../support/scripted-source.ts';

const NEXT: ProtocolFactory = () => { throw new Error('not made here'); };

describe('status', () => {
  test.each([200, 204, 299, 304, 404, 599])('%d is one', (status) => {
    expect(new HttpResponse(status).status).toBe(status);
  });

  const NONE = [0, 99, 199, 600, 1000, -200, 200.5, NaN, Infinity];
  test.each(NONE)('%d is none (RFC 9110 §15)', (status) => {
    expect(() => new HttpResponse(status)).toThrow(TypeError);
    expect(() => new HttpResponse(status)).toThrow('is not a number of 200 to 599');
  });

  test('text is none', () => {
    expect(() => new HttpResponse('200' as unknown as number)).toThrow(TypeError);
  });

  test.each([[100, true], [101, true], [103, true], [600, false]])(
    '%d: the message tells of inform(): %s (RFC 9110 §15.2)', (status, told) => {
      const make = (): HttpResponse => new HttpResponse(status);
      if (told) expect(make).toThrow('send interim ones by request.inform()');
      else expect(make).not.toThrow('inform');
    },
  );
});

describe('body', () => {
  const bytes = new Uint8Array(3);
  const source = new BytesSource(bytes);

  test.each<[string, Body]>([
    ['null', null], ['text', 'hello'], ['empty text', ''], ['octets', bytes], ['a source', source],
  ])('%s is taken as it is', (_, body) => {
    expect(new HttpResponse(200, {}, body).body).toBe(body);
  });

  test('none given is null', () => {
    expect(new HttpResponse(200).body).toBe(null);
    expect(new HttpResponse(200, undefined, undefined).fields).toBe(Fields.empty);
  });

  test.each<[string, () => Body]>([
    ['a generator', async function* () { yield 'a'; }],
    ['a web stream', () => new ReadableStream<string>({ start: (c) => c.close() })],
  ])('%s becomes a source', (_, make) => {
    const { body } = new HttpResponse(200, {}, make());
    expect(body).toBeInstanceOf(IterableSource);
    expect((body as BodySource).length).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['a number', 5], ['an object', {}], ['an array', ['a']], ['true', true],
    ['a function', () => 'a'],
    ['an ArrayBuffer', new ArrayBuffer(3)], ['half a source', { pull: () => null }],
    ['the other half', { cancel: () => {} }],
  ])('%s is a TypeError', (_, body) => {
    expect(() => new HttpResponse(200, {}, body as Body)).toThrow(TypeError);
    expect(() => new HttpResponse(200, {}, body as Body)).toThrow(/^a body is text, .*, not /);
  });
});

describe('fields', () => {
  test('are checked when the answer is made (RFC 9112 §11.1)', () => {
    expect(() => new HttpResponse(200, { location: '/a\r\nset-cookie: b' })).toThrow(TypeError);
  });

  test('Fields are taken as they are', () => {
    const fields = Fields.from({ a: 'b' });
    expect(new HttpResponse(200, fields).fields).toBe(fields);
  });
});

describe('with', () => {
  test('replaces what is given and keeps the rest', () => {
    const response = new HttpResponse(200, { a: 'b' }, 'hello');
    expect(response.with({ status: 201 })).toMatchObject({ status: 201, body: 'hello' });
    expect([...response.with({ fields: { c: 'd' } }).fields]).toEqual([['c', 'd']]);
    expect(response.with({ body: 'bye' })).toMatchObject({ status: 200, body: 'bye' });
    const same = response.with({ status: undefined, fields: undefined, body: undefined });
    expect(same).toMatchObject({ status: 200, fields: response.fields, body: 'hello' });
    expect([response.status, [...response.fields], response.body])
      .toEqual([200, [['a', 'b']], 'hello']);
  });

  test('a body that is replaced is cancelled, one that is kept is not', () => {
    const source = new ScriptedSource(['a', null]);
    const response = new HttpResponse(200, {}, source);
    expect(response.with({ status: 203 }).body).toBe(source);
    expect(response.with({ body: source }).body).toBe(source);
    expect(source.ends).toEqual([]);
    expect(response.with({ body: null }).body).toBe(null);
    expect(source.ends).toEqual(['cancelled']);
  });

  test('a switch stays one', () => {
    const response = HttpResponse.switching(NEXT, { upgrade: 'x' });
    const other = response.with({ fields: { upgrade: 'y' } });
    expect([other.status, other.switchTo, other.fields.get('upgrade')]).toEqual([101, NEXT, 'y']);
  });
});

test('switching names what follows', () => {
  const response = HttpResponse.switching(NEXT);
  expect([response.status, response.switchTo, response.body]).toEqual([101, NEXT, null]);
  expect(new HttpResponse(200).switchTo).toBeUndefined();
});

test('cancel drops a body that is pulled, with its cause; others need none', () => {
  const source = new ScriptedSource([]);
  const cause = new Error('gone');
  new HttpResponse(200, {}, source).cancel(cause);
  expect([source.ends, source.causes]).toEqual([['cancelled'], [cause]]);
  new HttpResponse(200, {}, 'text').cancel(cause);
  new HttpResponse(200).cancel();
});
