/** RFC 9113 §8: messages, fields, pseudo-header fields, push, CONNECT. */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  END_HEADERS, END_STREAM, HEADERS, PUSH_PROMISE, RST_STREAM,
} from '../../src/http2/frame.ts';
import type { Limits } from '../../src/limits.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import {
  answersIn, data, echo, fieldsOf, get, goaway, headers, hello, join, numberIn, open, outcomeOf,
  post, reset, silent, verdict, windowUpdate, type FieldPairs,
} from '../support/http2.ts';

const whole = (fields: FieldPairs): Uint8Array => headers(1, fields);

/** Insists that a request is malformed: reset with PROTOCOL_ERROR, never seen, and no more. */
async function malformed(octets: Uint8Array): Promise<void> {
  expect(await verdict(join(octets, get(3)))).toMatchObject({
    goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, seen: ['GET /'],
    answers: { 3: '200 hello' },
  });
}

describe('§8.1 HTTP Message Framing', () => {
  test('an answer is HEADERS and DATA, the last with END_STREAM', async () => {
    const connected = await open();
    const [head, content] = await connected.send(get(1));
    expect(head).toMatchObject({ type: HEADERS, flags: END_HEADERS });
    expect(head!.fields).toEqual([
      [':status', '200'], ['content-length', '5'], ['date', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ]);
    expect(content).toMatchObject({ type: 0, flags: END_STREAM });
  });

  test.each<[string, string, HttpResponse, string, string | undefined]>([
    ['204', 'GET', new HttpResponse(204), '204', undefined],
    ['304', 'GET', new HttpResponse(304, { etag: '"a"' }), '304', undefined],
    ['an empty 200', 'GET', new HttpResponse(200), '200', '0'],
    ['HEAD', 'HEAD', new HttpResponse(200, {}, 'hello'), '200', '5'],
    ['a content-length of its own for HEAD', 'HEAD',
      new HttpResponse(200, { 'content-length': 9 }), '200', '9'],
    ['205', 'GET', new HttpResponse(205), '205', '0'],
  ])('%s ends with its HEADERS', async (_, method, response, shown, length) => {
    const connected = await open(() => response);
    const frames = await connected.send(headers(1, fieldsOf(method)));
    expect(frames).toHaveLength(1);
    expect(outcomeOf(connected).answers).toEqual({ 1: shown });
    expect(Object.fromEntries(frames[0]!.fields!)['content-length']).toBe(length);
  });

  test('trailers, both ways', async () => {
    const connected = await open(async ({ body }) => {
      const content = await body.bytes();
      const source = new ScriptedSource([content], { trailers: () => body.trailers() });
      return new HttpResponse(200, {}, source);
    });
    await connected.send(post(1), data(1, 'abc'), headers(1, [['x-sum', '6']]));
    expect(answersIn(connected.all)[1]).toMatchObject({ body: 'abc', trailers: [['x-sum', '6']] });
  });

  test('interim responses', async () => {
    const connected = await open((request) => {
      request.inform(103, { link: '</a>' });
      return hello(request);
    });
    await connected.send(get(1));
    expect(answersIn(connected.all)[1]).toMatchObject({ status: 200, interims: [103] });
  });

  test('100 is sent when the content is asked for, and not before', async () => {
    const connected = await open(echo);
    await connected.send(post(1, [['expect', '100-continue']]));
    expect(answersIn(connected.all)[1]).toMatchObject({ status: 0, interims: [100] });
    await connected.send(data(1, 'x', END_STREAM));
    expect(answersIn(connected.all)[1]).toMatchObject({ status: 200, body: 'x' });
  });

  test.each([
    ['trailers without END_STREAM', headers(1, [['x', 'y']], END_HEADERS)],
    ['trailers with a pseudo-header field', headers(1, [[':path', '/']])],
    ['trailers with upper case', headers(1, [['X', 'y']])],
    ['trailers that are too large', headers(1, Array.from({ length: 120 }, () => ['x', 'y']))],
  ])('%s are malformed', async (_, octets) => {
    expect(await verdict(join(post(1), octets, get(3)), echo)).toMatchObject({
      goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, answers: { 3: '200' },
    });
  });

  test('an early answer: the rest is read away for 2 s, then NO_ERROR', async () => {
    const connected = await open();
    await connected.send(post(1), data(1, 'x'));
    connected.transport.tick(1750);
    await connected.send(data(1, 'y'));
    expect(outcomeOf(connected)).toMatchObject({ resets: {}, answers: { 1: '200 hello' } });
    connected.transport.tick(250);
    await connected.settled();
    expect(outcomeOf(connected).resets).toEqual({ 1: 'NO_ERROR' });
  });

  test('an early answer: so many octets are read away, then NO_ERROR', async () => {
    const connected = await open(undefined, { limits: { discardedBytes: 10 } });
    await connected.send(post(1));
    await connected.send(data(1, 'x'.repeat(10)));
    expect(outcomeOf(connected).resets).toEqual({});
    await connected.send(data(1, 'x'));
    expect(outcomeOf(connected).resets).toEqual({ 1: 'NO_ERROR' });
  });

  test('an early answer: a request that ends in time is no more than that', async () => {
    const connected = await open();
    await connected.send(post(1));
    await connected.send(data(1, 'x', END_STREAM));
    expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, resets: {} });
    expect(connected.completed).toHaveLength(1);
  });
});

describe('§8.1.1 Malformed Messages', () => {
  const declared = (length: string): Uint8Array => post(1, [['content-length', length]]);
  test.each([
    ['longer', join(declared('2'), data(1, 'abc'))],
    ['longer, in parts', join(declared('2'), data(1, 'ab'), data(1, 'c', END_STREAM))],
    ['shorter', join(declared('2'), data(1, 'a', END_STREAM))],
    ['shorter, with trailers', join(declared('2'), data(1, 'a'), headers(1, []))],
  ])('content that is %s than content-length', async (_, octets) => {
    expect(await verdict(join(octets, get(3)), silent)).toMatchObject({
      goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, seen: ['POST /', 'GET /'],
    });
  });

  test.each([
    ['without content', whole(fieldsOf('POST', '/', [['content-length', '1']]))],
    ['with a sign', declared('+1')], ['empty', declared('')], ['a list', declared('1, 1')],
    ['twice', post(1, [['content-length', '1'], ['content-length', '1']])],
  ])('content-length %s', async (_, octets) => {
    await malformed(octets);
  });

  test('content-length that fits, and 0 without content', async () => {
    expect(await verdict(join(declared('2'), data(1, 'ab', END_STREAM),
      headers(3, fieldsOf('GET', '/', [['content-length', '0']]))), echo))
      .toMatchObject({ resets: {}, answers: { 1: '200 ab', 3: '200' } });
  });
});

describe('§8.2 HTTP Fields', () => {
  const NAMES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
  const inNames = /[!#$%&'*+\-.^_`|~0-9a-z]/;

  test('§8.2.1 names: lower case tokens, octet by octet', async () => {
    for (const octet of NAMES) {
      const connected = await open();
      await connected.send(get(1, '/', [[`x${octet}y`, 'v']]));
      expect([octet, connected.seen.length]).toEqual([octet, inNames.test(octet) ? 1 : 0]);
    }
  });

  test('§8.2.1 values: no control but HTAB, octet by octet', async () => {
    for (const octet of NAMES) {
      const connected = await open();
      await connected.send(get(1, '/', [['x', `a${octet}b`]]));
      const bad = octet !== '\t' && (octet < ' ' || octet === '\x7f');
      expect([octet, connected.seen.length]).toEqual([octet, bad ? 0 : 1]);
    }
  });

  test.each([' a', 'a ', '\ta', 'a\t', ' '])(
    '§8.2.1 space at an end of a value: %j', async (value) => {
      await malformed(get(1, '/', [['x', value]]));
    });

  test('§8.2.1 an empty name', async () => {
    await malformed(get(1, '/', [['', 'x']]));
  });

  test.each([
    ['connection', 'close'], ['proxy-connection', 'keep-alive'], ['keep-alive', 'timeout=5'],
    ['transfer-encoding', 'chunked'], ['upgrade', 'h2c'], ['te', 'gzip'], ['te', 'trailers, gzip'],
  ])('§8.2.2 %s: %s', async (name, value) => {
    await malformed(get(1, '/', [[name, value]]));
  });

  test('§8.2.2 te: trailers', async () => {
    expect(await verdict(get(1, '/', [['te', 'trailers']]))).toMatchObject({ seen: ['GET /'] });
  });

  test('§8.2.2 what a handler says of its connection is not sent', async () => {
    const connected = await open(() => new HttpResponse(200, {
      'connection': 'close', 'keep-alive': 'x', 'upgrade': 'x', 'transfer-encoding': 'chunked',
    }));
    const [head] = await connected.send(get(1));
    expect(head!.fields!.map(([name]) => name)).toEqual([':status', 'content-length', 'date']);
  });

  test('§8.2, §8.2.2 nor in what else we make: names in lower case, nothing of a connection',
    async () => {
      const fields = {
        'X-Own': 'y', 'Connection': 'x', 'Proxy-Connection': 'x', 'Keep-Alive': 'x',
        'Transfer-Encoding': 'x', 'Upgrade': 'x',
      };
      const connected = await open((request) => {
        if (request.target === '/') {
          request.inform(103, fields);
          request.push('/a', fields);
        }
        const trailers = (): Fields => Fields.from(fields);
        return new HttpResponse(200, fields, new ScriptedSource(['x', null], { trailers }));
      });
      await connected.send(get(1));
      const blocks = connected.all.filter((one) => one.fields !== undefined);
      expect(blocks.map(({ type, streamId }) => [type, streamId]).sort()).toEqual([
        [HEADERS, 1], [HEADERS, 1], [HEADERS, 1], [HEADERS, 2], [HEADERS, 2], [PUSH_PROMISE, 1],
      ]);
      for (const one of blocks) {
        expect(one.fields!.filter(([name]) => name !== 'date' && !name.startsWith(':')))
          .toEqual([['x-own', 'y']]);
      }
    });

  test('§8.2.3 crumbs of a cookie are read as one', async () => {
    const connected = await open(({ fields }) => new HttpResponse(200, {}, fields.get('cookie')));
    await connected.send(get(1, '/', [['cookie', 'a=b'], ['cookie', 'c=d']]));
    expect(outcomeOf(connected).answers).toEqual({ 1: '200 a=b; c=d' });
  });
});

describe('§8.3 HTTP Control Data', () => {
  const GET = fieldsOf('GET');
  const without = (name: string): FieldPairs => GET.filter(([each]) => each !== name);
  const instead = (name: string, value: string): FieldPairs =>
    GET.map(([each, old]) => [each, each === name ? value : old]);

  test.each<[string, FieldPairs]>([
    ['an unknown one', [...GET, [':x', 'y']]],
    ['one of responses', [...GET, [':status', '200']]],
    ['one after a field', [...without(':path'), ['x', 'y'], [':path', '/']]],
    [':method twice', [[':method', 'GET'], ...GET]],
    [':path twice', [...GET, [':path', '/']]], [':scheme twice', [...GET, [':scheme', 'http']]],
    [':authority twice', [...GET, [':authority', 'a']]],
    ['no :method', without(':method')], ['no :scheme', without(':scheme')],
    ['no :path', without(':path')], ['no field at all', []],
    [':path is empty', instead(':path', '')], [':path without a slash', instead(':path', 'a')],
    [':path as a URI', instead(':path', 'http://a/')],
    [':path with a space', instead(':path', '/ ')],
    [':path with a fragment', instead(':path', '/#a')],
    [':path with CRLF', instead(':path', '/\r\n')],
    [':path * and GET', instead(':path', '*')], [':method is empty', instead(':method', '')],
    [':method with a space', instead(':method', 'GET /')],
    [':scheme is ftp', instead(':scheme', 'ftp')],
    [':authority with userinfo', instead(':authority', 'u@a')],
    [':authority with a path', instead(':authority', 'a/b')],
    [':authority with a bad port', instead(':authority', 'a:99999')],
    [':authority is not host', [...GET, ['host', 'b']]],
    ['host twice', [...without(':authority'), ['host', 'a'], ['host', 'a']]],
    ['host with userinfo', [...without(':authority'), ['host', 'u@a']]],
    [':protocol that was not offered', [...GET, [':protocol', 'websocket']]],
  ])('§8.3.1 malformed: %s', async (_, fields) => {
    await malformed(whole(fields));
  });

  test.each<[string, FieldPairs, string]>([
    ['host in the place of :authority', [...without(':authority'), ['host', 'b']], 'b'],
    ['host as :authority', [...GET, ['host', 'a']], 'a'],
    ['host in another case', [...GET, ['host', 'A']], 'a'],
    ['a port', instead(':authority', 'a:8080'), 'a:8080'],
    ['an address', instead(':authority', '[::1]:80'), '[::1]:80'],
  ])('§8.3.1 taken: %s', async (_, fields, authority) => {
    const connected = await open((request) => new HttpResponse(200, {}, request.authority));
    await connected.send(whole(fields));
    expect(outcomeOf(connected).answers).toEqual({ 1: `200 ${authority}` });
  });

  test('§8.3.1 OPTIONS *', async () => {
    expect(await verdict(whole(fieldsOf('OPTIONS', '*')))).toMatchObject({ seen: ['OPTIONS *'] });
  });
});

describe('limits of a request that is well formed', () => {
  test.each<[string, Partial<Limits>, Uint8Array, number]>([
    ['a :path of requestLineBytes', { requestLineBytes: 5 }, get(1, '/2345'), 200],
    ['one octet more (RFC 9110 §15.5.15)', { requestLineBytes: 5 }, get(1, '/23456'), 414],
    ['fields of fieldLines', { fieldLines: 1 }, get(1, '/', [['a', 'b']]), 200],
    ['one more (RFC 6585 §5)', { fieldLines: 1 }, get(1, '/', [['a', 'b'], ['a', 'b']]), 431],
    ['another expectation (RFC 9110 §10.1.1)', {}, get(1, '/', [['expect', 'tea']]), 417],
  ])('%s', async (_, limits, octets, status) => {
    const connected = await open(() => new HttpResponse(200), { limits });
    await connected.send(octets);
    expect(answersIn(connected.all)[1]!.status).toBe(status);
    expect(connected.seen).toHaveLength(status === 200 ? 1 : 0);
  });
});

describe('§8.4 Server Push', () => {
  const pushing = (target: string, results: boolean[] = []): Handler => (request) => {
    if (request.target === '/') results.push(request.push(target, { accept: 'x' }));
    return new HttpResponse(200, {}, request.target);
  };

  test('a promise goes before the answer; the answer of the handler follows', async () => {
    const connected = await open(pushing('/a'));
    const frames = await connected.send(get(1));
    expect(frames[0]).toMatchObject({ type: PUSH_PROMISE, streamId: 1 });
    expect(numberIn(frames[0]!)).toBe(2);
    expect(frames[0]!.fields).toEqual([
      [':method', 'GET'], [':scheme', 'http'], [':authority', 'a'], [':path', '/a'],
      ['accept', 'x'],
    ]);
    expect(outcomeOf(connected).answers).toEqual({ 1: '200 /', 2: '200 /a' });
  });

  test('streams of ours are even, and go up', async () => {
    const connected = await open(pushing('/a'));
    await connected.send(get(1), get(3));
    expect(Object.keys(outcomeOf(connected).answers)).toEqual(['1', '2', '3', '4']);
  });

  test.each<[string, string, readonly (readonly [number, number])[]]>([
    ['the peer declined', '/a', [[2, 0]]], ['the peer allows none', '/a', [[3, 0]]],
    ['a path with a space', '/ b', []],
  ])('none where %s', async (_, target, pairs) => {
    const results: boolean[] = [];
    const connected = await open(pushing(target, results), {}, pairs);
    await connected.send(get(1));
    expect([results, outcomeOf(connected).answers]).toEqual([[false], { 1: '200 /' }]);
  });

  test('none after GOAWAY of the peer (§6.8), nor from a pushed stream', async () => {
    const results: string[] = [];
    const connected = await open((request) => {
      results.push(`${request.target} ${request.push('/a')}`);
      return new HttpResponse(200);
    });
    await connected.send(get(1));
    await connected.send(goaway(0), get(3));
    expect(results).toEqual(['/a false', '/ true', '/ false']);
  });

  test('a promise never says that it has content', async () => {
    const connected = await open((request) => {
      if (request.target === '/') request.push('/a', { 'content-length': 5 });
      return new HttpResponse(204);
    });
    const promises = (await connected.send(get(1))).filter(({ type }) => type === PUSH_PROMISE);
    const names = promises.flatMap(({ fields }) => fields!.map(([name]) => name));
    expect(names).not.toContain('content-length');
  });

  test.each([[1, 1], [2, 2], [3, 2]])(
    'of %i promises %i go out, where the peer allows 2 (§5.1.2)', async (asked, taken) => {
      const results: boolean[] = [];
      const connected = await open((request) => {
        if (request.target !== '/') return silent(request);
        for (let i = 0; i < asked; i++) results.push(request.push(`/${i}`));
        return hello(request);
      }, {}, [[3, 2]]);
      const frames = await connected.send(get(1));
      expect(results.filter((result) => result)).toHaveLength(taken);
      expect(frames.filter(({ type }) => type === PUSH_PROMISE)).toHaveLength(taken);
    });

  test('none after the answer was ended, though the request was not (§6.6)', async () => {
    const results: boolean[] = [];
    const connected = await open((request) => {
      later = () => results.push(request.push('/a'));
      return hello(request);
    });
    let later!: () => unknown;
    await connected.send(post(1));
    expect(outcomeOf(connected).answers).toEqual({ 1: '200 hello' });
    later();
    expect([results, await connected.settled()]).toEqual([[false], []]);
  });

  test('the peer may reset a promise', async () => {
    let aborted = false;
    const connected = await open((request) => {
      if (request.target === '/') request.push('/a');
      else request.signal.addEventListener('abort', () => { aborted = true; });
      return silent(request);
    });
    await connected.send(get(1));
    await connected.send(reset(2));
    expect([aborted, outcomeOf(connected).goaway]).toEqual([true, undefined]);
  });
});

describe('§8.5 The CONNECT Method', () => {
  const connect = (authority: string, more: FieldPairs = []): Uint8Array =>
    whole([[':method', 'CONNECT'], [':authority', authority], ...more]);
  test.each([
    ['with :scheme', connect('a:1', [[':scheme', 'http']])],
    ['with :path', connect('a:1', [[':path', '/']])], ['without a port', connect('a')],
    ['without :authority', whole([[':method', 'CONNECT']])],
  ])('%s is malformed', async (_, octets) => {
    await malformed(octets);
  });

  test('without a tunnel it is 501', async () => {
    const connected = await open();
    await connected.send(connect('a:1'));
    expect(answersIn(connected.all)[1]!.status).toBe(501);
    expect(connected.seen).toEqual(['CONNECT a:1']);
  });
});

describe('§8.7 Request Reliability', () => {
  test('what was reset before it was seen is never seen', async () => {
    const connected = await open(silent, { limits: { http2Streams: 1 } });
    const frames = await connected.send(get(1), get(3));
    expect(frames.map(({ type, streamId }) => [type, streamId])).toEqual([[RST_STREAM, 3]]);
    expect(connected.seen).toEqual(['GET /']);
  });
});

describe('a program that breaks its answer', () => {
  test.each([['GET', '500'], ['HEAD', '200']])(
    'content-length without a body, to %s: %s (RFC 9110 §8.6)', async (method, expected) => {
      const connected = await open(() => new HttpResponse(200, { 'content-length': 5 }));
      await connected.send(headers(1, fieldsOf(method)));
      expect(outcomeOf(connected).answers[1]).toContain(expected);
    });

  test.each<[string, () => HttpResponse, number]>([
    ['a length that does not fit', () => new HttpResponse(200, { 'content-length': 9 }, 'x'), 500],
    ['a switch without CONNECT', () => HttpResponse.switching(() => { throw new Error(); }), 500],
  ])('%s is 500', async (_, make, status) => {
    const connected = await open(make);
    await connected.send(get(1));
    expect(answersIn(connected.all)[1]!.status).toBe(status);
    expect(connected.errors).toHaveLength(1);
  });

  test.each([
    ['throws', [() => { throw new Error('x'); }]],
    ['fails later', [() => Promise.reject(new Error('x'))]],
    ['yields nothing', [new Uint8Array(0)]], ['yields undefined', [() => undefined]],
    ['is too short', ['ab', null]], ['is too long', ['abcdef']],
  ])('a body that %s resets with INTERNAL_ERROR', async (_, steps) => {
    const source = new ScriptedSource(steps, { length: 5 });
    const connected = await open(() => new HttpResponse(200, {}, source));
    await connected.send(get(1), windowUpdate(0, 1));
    expect(outcomeOf(connected).resets).toEqual({ 1: 'INTERNAL_ERROR' });
    expect(connected.errors).toHaveLength(1);
    expect(source.ends).toHaveLength(1);
  });

  test('HEAD whose body fails to be cancelled is answered once', async () => {
    const body = { length: 5, pull: () => null, cancel: () => { throw new Error('x'); } };
    const connected = await open(() => new HttpResponse(200, {}, body));
    await connected.send(headers(1, fieldsOf('HEAD')));
    expect(outcomeOf(connected)).toMatchObject({ answers: { 1: '200' }, resets: {} });
  });

  test('trailers that are bad reset too', async () => {
    const trailers = (): Fields => { throw new Error('x'); };
    const source = new ScriptedSource(['a'], { trailers });
    const connected = await open(() => new HttpResponse(200, {}, source));
    await connected.send(get(1));
    expect(outcomeOf(connected).resets).toEqual({ 1: 'INTERNAL_ERROR' });
  });
});
