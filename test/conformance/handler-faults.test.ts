/**
 * What a handler can do wrong, and what becomes of it on the HTTP/1.1 wire: one whole answer, or a
 * connection that is cut; never half an answer that looks whole, never an octet in another's place.
 * Bodies are in body-faults.test.ts.
 */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { PeerGoneError } from '../../src/errors.ts';
import { failureAnswers, type Exchange, type Handler } from '../../src/http/exchange.ts';
import { Fields, type FieldsInit } from '../../src/http/fields.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { problem } from '../../src/http/problem.ts';
import { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { http1 } from '../../src/http1/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { deferred } from '../support/deferred.ts';
import { answers, connect, exchange } from '../support/http1.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { GET, chunked, echo, head, octets, post, statuses } from '../support/vectors.ts';

function text(body: string | Uint8Array): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString('latin1');
}

const OCTETS = Array.from({ length: 256 }, (_, octet) => octet);

describe('field values and names are checked when they are set (RFC 9112 §11.1)', () => {
  /** The octets with which `init` makes fields. */
  const accepted = (init: (character: string) => FieldsInit): number[] => OCTETS.filter((octet) => {
    const character = String.fromCharCode(octet);
    try {
      return Fields.from(init(character)).size > 0;
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return false;
    }
  });
  const VALUE = OCTETS.filter((octet) => octet === 9 || (octet >= 32 && octet !== 127));
  const TOKEN = OCTETS.filter((octet) => /[!#$%&'*+\-.^_`|~\w]/.test(String.fromCharCode(octet)));

  test.each<readonly [string, (character: string) => FieldsInit]>([
    ['within', (character) => ({ x: `a${character}b` })], ['first', (c) => ({ x: `${c}b` })],
    ['last', (character) => ({ x: `a${character}` })], ['alone', (c) => ({ x: c })],
    ['in a second line', (character) => ({ x: ['a', character] })],
    ['in a pair', (character) => [['x', character]]],
  ])('of all octets, a value takes HTAB, SP, VCHAR and obs-text: %s (RFC 9110 §5.5)', (_, init) => {
    expect(accepted(init)).toEqual(VALUE);
  });
  test('of all octets, a name takes tchar (RFC 9110 §5.1)', () => {
    expect(accepted((character) => ({ [`a${character}b`]: 'x' }))).toEqual(TOKEN);
    expect(accepted((character) => ({ [character]: 'x' }))).toEqual(TOKEN);
  });
  test('each octet is written as itself', async () => {
    const value = `a${String.fromCharCode(...VALUE)}b`;
    const { answers: [answer] } = await exchange(GET, () => new HttpResponse(200, { x: value }));
    expect(answer?.fields.get('x')).toBe(value);
  });
  test.each([
    // The low octets of these are LF, CR, NUL, SP, ':' and 'a'.
    '\u010a', '\u010d', '\u0100', '\u0120', '\u013a', '\u0161', '\u560a', '\u560d', '\u2028',
    '\u20ac', '\ud83d\ude00', '\ud800', '\ufeff', '\uff0a', 'e\u0301',
  ])('a character above U+00FF: %j', (character) => {
    expect(() => Fields.from({ x: `a${character}b` })).toThrow(TypeError);
    expect(() => Fields.from({ [`a${character}b`]: 'x' })).toThrow(TypeError);
  });
  test.each([
    ['null', null], ['a boolean', true], ['an object', {}], ['a symbol', Symbol('a')],
    ['a function', () => 'a'], ['a bigint', 5n],
  ])('a value that is no text: %s', (_, value) => {
    expect(() => Fields.from({ x: value } as unknown as FieldsInit)).toThrow(TypeError);
  });
  test('an empty name is none', () => {
    expect(() => Fields.from({ '': 'a' })).toThrow(TypeError);
  });

  const BAD = { x: 'a\r\nset-cookie: b' };
  test.each<readonly [string, Handler]>([
    ['an answer', () => new HttpResponse(200, BAD)],
    ['a replaced part', () => new HttpResponse(200).with({ fields: Fields.from(BAD) })],
    ['an added field', () => new HttpResponse(200, Fields.empty.and('x', BAD.x))],
    ['an interim response', (request) => {
      request.inform(103, BAD);
      return new HttpResponse(200);
    }],
    ['a switch', () => HttpResponse.switching(() => { throw new Error('unused'); }, BAD)],
  ])('nothing of it reaches the wire: %s', async (_, handler) => {
    const { transport, errors } = connect(handler);
    transport.send(GET + GET);
    await transport.settle();
    const text = transport.take();
    expect(text).not.toMatch(/set-cookie/);
    expect(statuses({ answers: answers(text) })).toEqual([500, 500]);
    expect(errors).toEqual([expect.any(TypeError), expect.any(TypeError)]);
  });
});

/** What can be thrown; the status it is answered with. */
const THROWN: readonly (readonly [string, () => unknown, number])[] = [
  ['an Error', () => new Error('secret'), 500],
  ['an HttpError', () => new HttpError(404, 'no such page'), 404],
  ['a TypeError', () => new TypeError('secret'), 500],
  ['null', () => null, 500], ['undefined', () => undefined, 500],
  ['a string', () => 'secret', 500], ['a number', () => 5, 500],
  ['a symbol', () => Symbol('secret'), 500],
  ['an object without a prototype', () => Object.create(null), 500],
  ['a response', () => new HttpResponse(200), 500],
  ['what imitates an HttpError', () => ({ status: 200, message: 'secret' }), 500],
];

/** How a handler comes to throw it. */
const FAILURES: readonly (readonly [string, (error: () => unknown) => Handler])[] = [
  ['thrown', (error) => () => { throw error(); }],
  ['rejected', (error) => () => Promise.reject(error())],
  ['thrown after an await', (error) => async ({ body }) => {
    await body.bytes();
    throw error();
  }],
  ['rejected by a thenable', (error) => () => ({
    then: (_: unknown, no: (reason: unknown) => void) => no(error()),
  }) as unknown as Promise<HttpResponse>],
];

describe('a handler that fails is answered for, once (RFC 9110 §15.6.1)', () => {
  const cases = FAILURES.flatMap(([how, make]) => THROWN.map(([what, error, status]) => ({
    how, what, status, handler: make(error),
  })));
  test.each(cases)('$what, $how: $status', async ({ handler, status }) => {
    const outcome = await exchange(`${post('Content-Length: 3', 'abc')}${GET}`, handler);
    expect(statuses(outcome)).toEqual([status, status]);
    expect(outcome.ended).toBe(false);
    expect(outcome.answers[0]?.fields.get('content-type')).toBe('application/problem+json');
    // A failure of the program tells the peer nothing.
    expect(outcome.answers[0]?.body).not.toMatch(/secret/);
  });
  test('an HttpError brings its detail and its fields', async () => {
    const { answers: [answer] } = await exchange(GET, () => {
      throw new HttpError(429, 'slow down', { 'retry-after': '5' });
    });
    expect(answer?.fields.get('retry-after')).toBe('5');
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({ status: 429, detail: 'slow down' });
  });
  test('the program hears of what it broke, not of what it meant', async () => {
    for (const [, error, status] of THROWN) {
      const { transport, errors } = connect(() => { throw error(); });
      transport.send(GET);
      expect(errors).toHaveLength(status === 500 ? 1 : 0);
    }
  });
  const unwritable: readonly (readonly [string, () => HttpError])[] = [
    ['no status of the standard', () => new HttpError(999, 'x')],
    ['no status at all', () => new HttpError(NaN, 'x')],
    ['an interim status', () => new HttpError(103, 'x')],
    ['a field that splits', () => new HttpError(404, 'x', { x: 'a\r\nb: c' })],
    ['a field with no token as its name', () => new HttpError(404, 'x', { 'x y': 'a' })],
  ];
  const written = unwritable.flatMap(([what, error]) => [
    { what, how: 'thrown', handler: (): never => { throw error(); } },
    { what, how: 'rejected', handler: () => Promise.reject<never>(error()) },
  ]);
  test.each(written)('an HttpError that cannot be written is a 500: $what, $how', async (row) => {
    const { transport } = connect(row.handler);
    const unhandled = await unhandledDuring(async () => {
      transport.send(GET + GET);
      await transport.settle();
    });
    expect(unhandled).toEqual([]);
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500, 500]);
  });
  test.each([
    ['undefined', undefined], ['null', null], ['text', 'ok'], ['an object', {}], ['a number', 200],
    ['another kind of response', new Response('ok')], ['a handler', () => new HttpResponse(200)],
  ])('what is no HttpResponse is a 500: %s', async (_, value) => {
    for (const answer of [value, Promise.resolve(value)]) {
      const { transport, errors } = connect(() => answer as HttpResponse);
      transport.send(GET);
      await transport.settle();
      expect(statuses({ answers: answers(transport.take()) })).toEqual([500]);
      expect(errors).toEqual([expect.any(TypeError)]);
    }
  });
  test.each([0, 99, 100, 101, 199, 600, 1000, -200, 200.5, NaN, Infinity, '200'])(
    'a status that is none is a 500: %s',
    async (status) => {
      const outcome = await exchange(GET, () => new HttpResponse(status as number));
      expect(statuses(outcome)).toEqual([500]);
    },
  );
});

describe('a handler that never answers', () => {
  const never: Handler = () => new Promise<never>(() => {});

  test.each([
    ['leaves in order', undefined], ['is reset', new Error('ECONNRESET')],
  ])('its signal fires once when the peer %s', async (_, cause) => {
    const fired: unknown[] = [];
    let request: HttpRequest | undefined;
    const { transport, completed } = connect((each) => {
      request = each;
      each.signal.addEventListener('abort', () => fired.push(each.signal.reason));
      return never(each);
    });
    transport.send(GET);
    transport.disconnect(cause);
    transport.disconnect(cause);
    await transport.settle();
    expect(fired).toEqual([expect.any(PeerGoneError)]);
    expect((fired[0] as Error).cause).toBe(cause);
    expect([request?.signal.aborted, completed.length, transport.take()]).toEqual([true, 1, '']);
  });
  test('one that asks for its signal too late finds it fired', () => {
    const requests: HttpRequest[] = [];
    const { transport } = connect((request) => {
      requests.push(request);
      return never(request);
    });
    transport.send(GET + GET);
    transport.disconnect();
    expect(requests.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });
  test('what it waits for of the content fails', async () => {
    const failures: unknown[] = [];
    const { transport } = connect(({ body }) => {
      body.bytes().catch((error: unknown) => failures.push(error));
      return new Promise<never>(() => {});
    });
    transport.send(chunked('1\r\na\r\n'));
    transport.disconnect();
    await transport.settle();
    expect(failures).toEqual([expect.any(PeerGoneError)]);
    expect(transport.charged).toBe(0);
  });
  test('a half-closed peer still waits; its signal fires, for it may have hung up', async () => {
    const requests: HttpRequest[] = [];
    const { transport } = connect((request) => {
      requests.push(request);
      return never(request);
    });
    transport.send(GET);
    transport.sendEof();
    transport.tick(1_000_000);
    await transport.settle();
    expect([requests[0]?.signal.aborted, transport.ended]).toEqual([true, false]);
    transport.disconnect();
    expect(requests[0]?.signal.reason).toBeInstanceOf(PeerGoneError);
  });
  test('a signal does not fire for an exchange that is complete', async () => {
    const requests: HttpRequest[] = [];
    const { transport } = connect((request) => {
      requests.push(request);
      return new HttpResponse(204);
    });
    transport.send(GET);
    transport.disconnect();
    expect(requests[0]?.signal.aborted).toBe(false);
  });
});

describe('a handler that answers late, or twice', () => {
  test.each<readonly [string, string, (transport: MemoryTransport) => void, number[]]>([
    ['the peer has gone', GET, (transport) => transport.disconnect(), []],
    ['the content was broken', chunked('x\r\n'), () => {}, [400]],
    ['the content was too slow', post('Content-Length: 9'), (t) => t.tick(5250), [408]],
    ['the input ended', post('Content-Length: 9'), (transport) => transport.sendEof(), [400]],
  ])('late: %s: its answer is dropped, its body cancelled', async (_, text, happens, expected) => {
    const later = deferred<HttpResponse>();
    const { transport } = connect(() => later.promise);
    transport.send(text);
    happens(transport);
    await transport.settle();
    const before = transport.take();
    expect(statuses({ answers: answers(before, [], true) })).toEqual(expected);
    const source = new ScriptedSource(['late']);
    later.resolve(new HttpResponse(200, {}, source));
    await transport.settle();
    expect([transport.take(), source.ends, source.pulls]).toEqual(['', ['cancelled'], 0]);
  });
  test('late: a failure is told, and changes nothing', async () => {
    const later = deferred<HttpResponse>();
    const { transport, errors } = connect(() => later.promise);
    transport.send(GET);
    transport.disconnect();
    const unhandled = await unhandledDuring(async () => {
      later.reject(new Error('late'));
      await transport.settle();
    });
    expect([unhandled, errors.length, transport.take()]).toEqual([[], 1, '']);
  });
  test('an answer never lands in the place of another', async () => {
    const waiting: ReturnType<typeof deferred<HttpResponse>>[] = [];
    const { transport } = connect(({ target }) => {
      if (target !== '/') return new HttpResponse(200, {}, target);
      const later = deferred<HttpResponse>();
      waiting.push(later);
      return later.promise;
    }, { limits: { requestMs: 1000, bodyRateBytesPerSecond: 0 } });
    transport.send(`${post('Content-Length: 1')}`);
    transport.tick(1000);
    waiting[0]?.resolve(new HttpResponse(200, {}, 'late'));
    await transport.settle();
    transport.send(`a${head('GET /b HTTP/1.1', 'Host: a')}`);
    await transport.settle();
    const text = transport.take();
    expect(statuses({ answers: answers(text, [], true) })).toEqual([408]);
    expect(text).not.toMatch(/late/);
  });

  test('twice: the first counts, the second is dropped and cancelled', () => {
    const sources = [new ScriptedSource(['first']), new ScriptedSource(['second'])];
    const exchanges: Exchange[] = [];
    const transport = new MemoryTransport(http1({
      limits: limitsFrom(),
      failure: failureAnswers(undefined, () => {}),
      dispatch: (each) => {
        exchanges.push(each);
        for (const source of sources) each.respond(new HttpResponse(200, {}, source));
      },
      refuse: (error) => problem(error.code, error.message),
    }));
    transport.send(GET);
    expect(answers(transport.take()).map(({ body }) => body)).toEqual(['first']);
    const third = new ScriptedSource(['third']);
    exchanges[0]?.respond(new HttpResponse(200, {}, third));
    expect(sources.map(({ ends }) => ends)).toEqual([['null'], ['cancelled']]);
    expect([third.ends, transport.take()]).toEqual([['cancelled'], '']);
  });
});

describe('an answer that may be given again', () => {
  test('text and octets are written anew each time', async () => {
    for (const body of ['a', octets('a'), 'a'.repeat(5000), octets('a'.repeat(5000))]) {
      const shared = new HttpResponse(200, {}, body);
      const outcome = await exchange(GET.repeat(3), () => shared);
      expect(outcome.answers.map((answer) => answer.body)).toEqual(Array(3).fill(text(body)));
    }
  });
  test('to HEAD, to GET, to HTTP/1.0 and at the end, each in its own form', async () => {
    const shared = new HttpResponse(200, {}, 'abc');
    const text = head('HEAD / HTTP/1.1', 'Host: a') + GET +
      head('GET / HTTP/1.0', 'Connection: keep-alive') + head('GET / HTTP/1.0');
    const { answers: found } = await exchange(text, () => shared);
    expect(found.map(({ body, fields }) => [body, fields.get('connection')])).toEqual([
      ['', undefined], ['abc', undefined], ['abc', 'keep-alive'], ['abc', 'close'],
    ]);
  });
  test('one of a stream is not: the second time is not taken for content', async () => {
    const shared = new HttpResponse(200, {}, new ScriptedSource(['abc'], { length: 3 }));
    const { transport, errors } = connect(() => shared);
    transport.send(GET);
    expect(answers(transport.take())[0]?.body).toBe('abc');
    transport.send(GET);
    await transport.settle();
    expect(transport.take()).toMatch(/^HTTP\/1.1 500 /);
    expect(errors).toEqual([expect.any(TypeError)]);
  });
  test('an echo of nothing is nothing', async () => {
    const streamed: Handler = ({ body }) => new HttpResponse(200, {}, body);
    for (const handler of [echo, streamed]) {
      const { answers: [answer] } = await exchange(GET, handler);
      expect([answer?.body, answer?.fields.get('content-length')]).toEqual(['', '0']);
    }
  });
});
