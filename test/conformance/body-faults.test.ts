/**
 * What can go wrong with bodies: sources of answers that fail, lie or never end, and requests whose
 * content is read wrongly. A source has exactly one end: pulled to null, failed, or cancelled.
 */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { PeerGoneError } from '../../src/errors.ts';
import type { BodySource } from '../../src/http/body.ts';
import { failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { problem } from '../../src/http/problem.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { http1 } from '../../src/http1/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { deferred } from '../support/deferred.ts';
import { answers, connect, exchange, type Connected } from '../support/http1.ts';
import { ScriptedSource, type End, type Step } from '../support/scripted-source.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { GET, chunked, head, post, statuses } from '../support/vectors.ts';

const fails = (): never => { throw new Error('disk'); };
const later = (step: unknown): Promise<unknown> => Promise.resolve(step);
const rejects = (): Promise<never> => Promise.reject(new Error('disk'));

/** Answers GET with `source`, sends two, and lets all settle. */
async function answerWith(source: BodySource, fields = {}): Promise<Connected & { text: string }> {
  const connected = connect(({ method }) => (
    method === 'POST' ? new HttpResponse(204) : new HttpResponse(200, fields, source)
  ));
  connected.transport.send(`${GET}${post([])}`);
  await connected.transport.settle();
  return { ...connected, text: connected.transport.take() };
}

describe('a source that fails before its answer has begun: a 500, and all goes on', () => {
  const rows: readonly (readonly [string, readonly Step[], object, object, End])[] = [
    ['it throws at once', [fails], {}, {}, 'failed'],
    ['it throws at once, of known length', [fails], { length: 3 }, {}, 'failed'],
    ['it yields no octets', [new Uint8Array(0), 'a'], {}, {}, 'cancelled'],
    ['it is not as long as declared', ['a'], { length: 1 }, { 'content-length': 2 }, 'cancelled'],
    ['what is declared is no length', ['abc'], {}, { 'content-length': 'x' }, 'cancelled'],
  ];
  test.each(rows)('%s', async (_, steps, options, fields, end) => {
    const source = new ScriptedSource(steps, options);
    const { text, errors } = await answerWith(source, fields);
    expect(statuses({ answers: answers(text) })).toEqual([500, 204]);
    expect(errors).toHaveLength(1);
    expect(source.ends).toEqual([end]);
  });
});

describe('a source that fails after it: the connection is cut, and what came looks broken', () => {
  const rows: readonly (readonly [string, readonly Step[], object, object, End])[] = [
    ['it throws', ['ab', fails], {}, {}, 'failed'],
    ['it throws, of known length', ['ab', fails], { length: 3 }, {}, 'failed'],
    ['it rejects at once', [rejects], {}, {}, 'failed'],
    ['it rejects', ['ab', rejects], {}, {}, 'failed'],
    ['it yields no octets', ['ab', ''], {}, {}, 'cancelled'],
    ['it yields no octets, later', ['ab', later('')], {}, {}, 'cancelled'],
    ['it yields an object, later', ['ab', later({})], {}, {}, 'cancelled'],
    ['it yields a number', ['ab', () => 5], {}, {}, 'cancelled'],
    ['it yields an array', [() => [97]], {}, {}, 'cancelled'],
    ['it yields undefined, later', [later(undefined)], {}, {}, 'cancelled'],
    ['it is shorter than its length', ['ab'], { length: 3 }, {}, 'null'],
    ['it is shorter than declared', ['ab'], {}, { 'content-length': 3 }, 'null'],
    ['it is nothing', [], { length: 3 }, {}, 'null'],
    ['it is longer than its length', ['ab', 'cd'], { length: 3 }, {}, 'cancelled'],
    ['it is longer than declared', ['ab', later('cd')], {}, { 'content-length': 3 }, 'cancelled'],
    ['it is longer at once', ['abcd'], { length: 3 }, {}, 'cancelled'],
    ['it goes on after its length', ['abc', 'd'], { length: 3 }, {}, 'cancelled'],
  ];
  test.each(rows)('%s', async (_, steps, options, fields, end) => {
    const source = new ScriptedSource(steps, options);
    const { transport, text, errors } = await answerWith(source, fields);
    expect([transport.closed, transport.cause]).toEqual([true, expect.any(Error)]);
    expect(errors).toEqual([transport.cause]);
    expect(text).not.toMatch(/\r\n0\r\n\r\n/);
    // Nothing is in the place of content that is missing, nor after content that is there.
    const content = text.slice(text.indexOf('\r\n\r\n') + 4).replace(/^\d\r\n|\r\n$/g, '');
    expect('abc'.startsWith(content) || text === '').toBe(true);
    expect(source.ends).toEqual([end]);
  });
  test('no further request is begun: nobody would hear of its answer', async () => {
    for (const steps of [['ab', fails], ['ab', rejects], ['ab']]) {
      const { seen } = await answerWith(new ScriptedSource(steps, { length: 3 }));
      expect(seen).toEqual(['GET /']);
    }
  });
  test.each<readonly [string, () => Fields]>([
    ['throw', () => fails()],
    ['are none', () => ({ a: 'b' }) as unknown as Fields],
  ])('its trailers %s: the last chunk is not sent (RFC 9112 §7.1)', async (_, trailers) => {
    const source = new ScriptedSource(['ab'], { trailers });
    const { transport, text } = await answerWith(source);
    expect([transport.closed, transport.cause]).toEqual([true, expect.any(Error)]);
    expect(text).not.toMatch(/\r\n0\r\n|500/);
    expect(source.ends).toEqual(['null']);
  });
  test('a failure that is no Error, not even text, is an Error all the same', async () => {
    const unhandled = await unhandledDuring(async () => {
      for (const reason of [null, 'x', Symbol('x'), Object.create(null)]) {
        const source = new ScriptedSource(['ab', () => Promise.reject(reason)]);
        const { transport } = await answerWith(source);
        expect([transport.closed, transport.cause]).toEqual([true, expect.any(Error)]);
      }
    });
    expect(unhandled).toEqual([]);
  });
});

describe('a source has one end, however its answer ends', () => {
  const never = (): Step => new Promise<never>(() => {});
  type Happens = (transport: MemoryTransport) => void;
  const nothing: Happens = () => {};
  const CLOSING = head('GET /1 HTTP/1.1', 'Host: a');
  const rows: readonly (readonly [string, string, readonly Step[], Happens, End])[] = [
    ['the answer is complete', GET, ['a', later('b')], nothing, 'null'],
    ['it is empty', GET, [], nothing, 'null'],
    ['the request was HEAD', head('HEAD / HTTP/1.1', 'Host: a'), ['a'], nothing, 'cancelled'],
    ['the peer goes while it is pulled', GET, ['a', never()], (t) => t.disconnect(), 'cancelled'],
    ['the peer is reset', GET, ['a', never()], (t) => t.disconnect(new Error('r')), 'cancelled'],
    ['the server is forced to close', GET, ['a', never()], (t) => t.destroy(), 'cancelled'],
    ['content breaks meanwhile', chunked('x'), ['a', never()], nothing, 'cancelled'],
    ['an earlier answer closed', CLOSING + GET, ['a'], nothing, 'cancelled'],
    ['the request asked for the end', head('GET / HTTP/1.0'), ['a'], nothing, 'null'],
  ];
  test.each(rows)('%s', async (_, text, steps, happens, end) => {
    const source = new ScriptedSource(steps);
    const { transport } = connect(async ({ path }) => (path === '/1'
      ? new HttpResponse(200, { connection: 'close' })
      : new HttpResponse(200, {}, source)));
    transport.send(text);
    await transport.settle();
    happens(transport);
    await transport.settle();
    expect(source.ends).toEqual([end]);
  });
  test.each([204, 205, 304])('%i has no content: it is cancelled, not pulled', async (status) => {
    const source = new ScriptedSource(['a']);
    await exchange(GET, () => new HttpResponse(status, {}, source));
    expect([source.pulls, source.ends]).toEqual([0, ['cancelled']]);
  });
  test('what a pending pull yields after the end is dropped', async () => {
    const pull = deferred<unknown>();
    const source = new ScriptedSource([pull.promise]);
    const { transport } = connect(() => new HttpResponse(200, {}, source));
    transport.send(GET);
    transport.take();
    transport.disconnect();
    const unhandled = await unhandledDuring(async () => {
      pull.resolve('late');
      await transport.settle();
    });
    expect([unhandled, transport.take()]).toEqual([[], '']);
  });
  test('a body that is replaced is cancelled', () => {
    const source = new ScriptedSource(['a']);
    const response = new HttpResponse(200, {}, source);
    expect(response.with({ status: 201 }).body).toBe(source);
    expect(source.ends).toEqual([]);
    expect(response.with({ body: 'b' }).body).toBe('b');
    expect(source.ends).toEqual(['cancelled']);
  });
  test('a generator\'s own cleanup runs once', async () => {
    for (const [text, happens] of [
      [GET, (c: Connected) => c.transport.disconnect()], [GET, () => {}],
    ] as const) {
      let cleaned = 0;
      const hold = deferred<void>();
      const connected = connect(() => new HttpResponse(200, {}, (async function* () {
        try {
          yield 'a';
          await hold.promise;
          yield 'b';
        } finally {
          cleaned++;
        }
      })()));
      connected.transport.send(text);
      await connected.transport.settle();
      happens(connected);
      hold.resolve();
      await connected.transport.settle();
      expect(cleaned).toBe(1);
    }
  });
  test('a web stream is cancelled once', async () => {
    const causes: unknown[] = [];
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array([97])),
      cancel: (cause) => void causes.push(cause),
    });
    const { transport } = connect(() => new HttpResponse(200, {}, stream), { window: 1000 });
    transport.send(GET);
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    transport.disconnect();
    await transport.settle();
    expect(causes).toHaveLength(1);
  });
  test.each([
    ['a number', 5], ['an object', {}], ['nothing to speak of', undefined],
  ])('an iterable that yields %s is cut', async (_, value) => {
    const iterable = (async function* () { yield value as string; })();
    const { transport } = connect(() => new HttpResponse(200, {}, iterable));
    transport.send(GET);
    await transport.settle();
    expect([transport.closed, transport.cause]).toEqual([true, expect.any(TypeError)]);
  });
  test('an iterable may yield text, octets, and nothing', async () => {
    const pieces = ['', '\u00e9', Buffer.from('b'), new Uint8Array(0)];
    const iterable = (async function* () { yield* pieces; })();
    const { answers: [answer] } = await exchange(GET, () => new HttpResponse(200, {}, iterable));
    expect([answer?.body, answer?.whole]).toEqual(['\xc3\xa9b', true]);
  });
  test.each([
    ['a number', 5], ['a boolean', true], ['an object', {}], ['an array', []],
    ['a function', () => 'a'], ['a promise', later('a')],
  ])('what is no body is a 500: %s', async (_, body) => {
    const outcome = await exchange(GET, () => new HttpResponse(200, {}, body as string));
    expect(statuses(outcome)).toEqual([500]);
  });
});

describe('a source whose cancel throws', () => {
  const stubborn = (): BodySource => ({
    length: undefined, pull: () => new Promise<never>(() => {}), cancel: fails,
  });
  test('of an answer that comes too late: nobody else suffers', async () => {
    const answer = deferred<HttpResponse>();
    const { transport } = connect(() => answer.promise);
    transport.send(GET);
    transport.disconnect();
    const unhandled = await unhandledDuring(async () => {
      answer.resolve(new HttpResponse(200, {}, stubborn()));
      await transport.settle();
    });
    expect(unhandled).toEqual([]);
  });
  test('when the peer goes: the requests behind it are told all the same', () => {
    let told = 0;
    const { transport } = connect(({ path, signal }) => {
      if (path === '/') return new HttpResponse(200, {}, stubborn());
      signal.addEventListener('abort', () => told++);
      return new Promise<never>(() => {});
    });
    transport.send(GET + head('GET /1 HTTP/1.1', 'Host: a'));
    try {
      transport.disconnect();
    } catch (error) {
      // A connection has nobody left to tell, and drops it.
      expect((error as Error).message).toBe('disk');
    }
    expect(told).toBe(1);
  });
  test('after HEAD: one answer, or none', async () => {
    const { transport } = connect(() => new HttpResponse(200, {}, stubborn()));
    transport.send(head('HEAD / HTTP/1.1', 'Host: a'));
    // What a transport of tests throws, a connection drops.
    await transport.settle().catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    expect(transport.take().split('HTTP/1.1 ').length).toBeLessThanOrEqual(2);
  });
});

describe('onError can answer with any response', () => {
  test('a stream too, for a failure that is found when the answer is written', async () => {
    const failure = failureAnswers(
      () => new HttpResponse(503, {}, new ScriptedSource(['sorry'])), () => {},
    );
    const transport = new MemoryTransport(http1({
      limits: limitsFrom(), failure,
      dispatch: (each) => each.respond(new HttpResponse(200, {}, new ScriptedSource([fails]))),
      refuse: (error) => problem(error.code, error.message),
    }));
    transport.send(GET);
    await transport.settle();
    const found = answers(transport.take());
    expect(found.map(({ status, body }) => [status, body])).toEqual([[503, 'sorry']]);
  });
});

describe('a request\'s content', () => {
  /** Answers with what `read` makes of a request, as JSON. */
  const shows = (text: string, read: (request: HttpRequest) => Promise<unknown>) =>
    exchange(text, async (request) => {
      const shown = JSON.stringify(await read(request));
      return new HttpResponse(200, {}, shown);
    });

  test('read twice: a TypeError of the program', async () => {
    const { transport, errors } = connect(async ({ body }) => {
      await body.text();
      await body.text();
      return new HttpResponse(200);
    });
    transport.send(post('Content-Length: 3', 'abc'));
    await transport.settle();
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500]);
    expect(errors).toEqual([expect.any(TypeError)]);
  });
  test('read twice at once: a TypeError of the program', async () => {
    const { transport, errors } = connect(async ({ body }) => {
      await Promise.all([body.text(), body.text()]);
      return new HttpResponse(200);
    });
    transport.send(post('Content-Length: 3'));
    await transport.settle();
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500]);
    expect(errors).toEqual([expect.any(TypeError)]);
  });
  test('given back as an answer after it was read: a 500', async () => {
    const { transport, errors } = connect(async ({ body, method }) => {
      if (method === 'GET') return new HttpResponse(204);
      await body.bytes();
      return new HttpResponse(200, {}, body);
    });
    transport.send(post('Content-Length: 3', 'abc') + GET);
    await transport.settle();
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500, 204]);
    expect(errors).toEqual([expect.any(TypeError)]);
  });
  test('a read that is broken off: the rest is read away, the connection goes on', async () => {
    const first: Handler = async ({ body }) => {
      for await (const piece of body) return new HttpResponse(200, {}, piece);
      return new HttpResponse(200);
    };
    const outcome = await exchange([post('Content-Length: 6', 'abc'), `def${GET}`], first);
    expect(outcome.answers.map(({ body }) => body)).toEqual(['abc', '']);
    expect([outcome.refused, outcome.ended]).toEqual([[], false]);
  });
  test('read after the answer: it fails, and nobody is charged', async () => {
    const failures: unknown[] = [];
    const { transport } = connect(({ body }) => {
      later(0).then(() => body.bytes()).catch((error: unknown) => failures.push(error));
      return new HttpResponse(204);
    });
    transport.send(post('Content-Length: 3', 'abc'));
    await transport.settle();
    expect([failures, transport.charged]).toEqual([[expect.any(PeerGoneError)], 0]);
  });
  test('as a web stream', async () => {
    const text = chunked('1\r\na\r\n2\r\nbc\r\n0\r\n\r\n');
    const { answers: [answer] } = await shows(text, async ({ body }) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of body.stream()) pieces.push(piece);
      return Buffer.concat(pieces).toString();
    });
    expect(JSON.parse(answer?.body ?? '')).toBe('abc');
  });

  const collect: Handler = async ({ body }) => new HttpResponse(200, {}, await body.bytes());
  const limits = { collectedBytes: 3 };
  test.each([
    ['of a length', post('Content-Length: 3', 'abc'), post('Content-Length: 4', 'abcd')],
    ['chunked', chunked('3\r\nabc\r\n0\r\n\r\n'), chunked('3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n')],
  ])('collected, collectedBytes are taken, one octet more is 413: %s', async (_, fits, over) => {
    expect((await exchange(fits, collect, { limits })).answers[0]?.body).toBe('abc');
    const { transport, errors } = connect(collect, { limits });
    transport.send(over);
    await transport.settle();
    const [answer] = answers(transport.take(), [], true);
    expect([answer?.status, errors]).toEqual([413, []]);
    expect(JSON.parse(answer?.body ?? '')).toMatchObject({
      detail: expect.stringContaining('collectedBytes, 3 octets'),
    });
  });
  test('what is over is known before it comes, where its length is', async () => {
    const { transport } = connect(collect, { limits });
    transport.send(post('Content-Length: 4'));
    await transport.settle();
    expect(answers(transport.take())[0]?.status).toBe(413);
  });
  test('a handler\'s own limit goes before', async () => {
    const own: Handler = async ({ body }) => new HttpResponse(200, {}, await body.text(4));
    const fits = await exchange(post('Content-Length: 4', 'abcd'), own, { limits });
    const over = await exchange(post('Content-Length: 5', 'abcde'), own);
    expect([...statuses(fits), ...statuses(over)]).toEqual([200, 413]);
  });
  test.each([
    ['nothing', ''], ['text', 'abc'], ['half an object', '{"a":'], ['a comma too many', '[1,]'],
    ['two values', '1 2'], ['what is not UTF-8', '"\xff"'], ['NaN', 'NaN'], ['a control', '"\0"'],
  ])('bad JSON is 400: %s', async (_, content) => {
    const text = post(`Content-Length: ${content.length}`, content) + GET;
    const outcome = await shows(text, ({ method, body }) => (
      method === 'GET' ? later('next') : body.json()
    ));
    expect(statuses(outcome)).toEqual([400, 200]);
    expect(outcome.answers[0]?.body).toContain('bad JSON');
  });
  test('JSON keeps a name that is special to JavaScript as a name', async () => {
    const content = '{"__proto__":{"a":1}}';
    const text = post(`Content-Length: ${content.length}`, content);
    const { answers: [answer] } = await shows(text, async ({ body }) => {
      const value = await body.json() as { a?: number };
      return [Object.keys(value as object), value.a ?? 'none'];
    });
    expect(JSON.parse(answer?.body ?? '')).toEqual([['__proto__'], 'none']);
  });
  test('text that is not UTF-8 has U+FFFD in its place', async () => {
    const text = post('Content-Length: 2', 'a\xff');
    const { answers: [answer] } = await shows(text, ({ body }) => body.text());
    expect(JSON.parse(Buffer.from(answer?.body ?? '', 'latin1').toString())).toBe('a\ufffd');
  });
  test('a handler may say so itself', async () => {
    const outcome = await exchange(post('Content-Length: 1', 'a'), () => {
      throw new HttpError(415, 'text only');
    });
    expect(statuses(outcome)).toEqual([415]);
  });
});
