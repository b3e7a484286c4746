/** The server as a program sees it: where it listens, what it tells, what becomes of failures. */
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  HttpError, HttpResponse, createServer, type Handler, type RequestRecord, type Server,
  type ServerEvents, type ServerOptions,
} from '../../src/index.ts';
import { Client, connected, eventually, serve, temporaryDirectory } from '../support/sockets.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const hello: Handler = () => new HttpResponse(200, {}, 'hello');
const loopback = { host: '127.0.0.1' };

/** Sends `octets` on a connection of its own; the first answer. */
async function ask(server: Server, octets: string = GET) {
  const client = await connected(server.port);
  const [answer] = await client.send(octets).answered(1);
  client.socket.end();
  return answer;
}

/** All events of one kind, as they come. */
function collect<Name extends keyof ServerEvents>(
  server: Server, name: Name,
): ServerEvents[Name][] {
  const events: ServerEvents[Name][] = [];
  server.on(name, (event) => events.push(event));
  return events;
}

describe('createServer', () => {
  const wrong = [undefined, null, {}, 'handler', { handle: 1 }];

  test.each(wrong)('wants a handler, not %o', (service) => {
    expect(() => createServer(service as never)).toThrow(/needs a handler/);
  });

  test('takes a service, whose handler keeps its this', async () => {
    class Greeter {
      readonly word = 'hi';
      readonly handle = (): HttpResponse => new HttpResponse(200, {}, this.word);
    }
    expect(await ask(await serve(new Greeter()))).toMatchObject({ status: 200, body: 'hi' });
  });

  test('says which limit is unknown', () => {
    const limits = { idleMinutes: 1 } as never;
    expect(() => createServer(hello, { limits })).toThrow('unknown limit idleMinutes');
  });
});

describe('listen', () => {
  test('on port 0 picks a free one, and tells which', async () => {
    const server = createServer(hello);
    onTestFinished(() => server.close());
    expect([server.port, server.url]).toEqual([0, '']);
    expect(await server.listen(loopback)).toBe(server);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect(await ask(server)).toMatchObject({ status: 200, body: 'hello' });
    await server.close();
    expect([server.port, server.url]).toEqual([0, '']);
  });

  test('takes a mere port, and then serves all addresses', async () => {
    const server = createServer(hello);
    onTestFinished(() => server.close());
    await server.listen(0);
    expect(server.url).toBe(`http://localhost:${server.port}`);
    expect(await ask(server)).toMatchObject({ status: 200 });
  });

  const hasIpv6 = Object.values(networkInterfaces()).flat()
    .some((address) => address?.address === '::1');
  test.skipIf(!hasIpv6)('on an IPv6 address puts it in brackets (RFC 3986 §3.2.2)', async () => {
    const server = await serve(hello, {}, { host: '::1' });
    expect(server.url).toBe(`http://[::1]:${server.port}`);
  });

  test('on the path of a Unix socket', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    const records: RequestRecord[] = [];
    const server = await serve(hello, {}, { path });
    server.on('request', (record) => records.push(record));
    expect([server.url, server.port]).toEqual([`unix:${path}`, 0]);
    const client = await connected(path);
    expect(await client.send(GET).answered(1)).toMatchObject([{ status: 200, body: 'hello' }]);
    expect(records).toMatchObject([{ address: '', status: 200 }]);
  });

  test('twice is refused, and harms nothing', async () => {
    const server = await serve(hello);
    const { url } = server;
    await expect(server.listen({ host: 'localhost' })).rejects.toThrow('listens already');
    expect(server.url).toBe(url);
    expect(await ask(server)).toMatchObject({ status: 200 });
  });

  test('after the close is refused', async () => {
    const server = createServer(hello);
    await server.close();
    await expect(server.listen(loopback)).rejects.toThrow('this server was closed; make another');
  });

  test('on a port in use says so, and can be tried again', async () => {
    const other = createNetServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const server = createServer(hello);
    onTestFinished(() => server.close());
    await expect(server.listen({ ...loopback, port })).rejects.toThrow(`port ${port} is in use`);
    await server.listen(loopback);
    expect(await ask(server)).toMatchObject({ status: 200 });
  });

  test('a close while it begins to listen wins', async () => {
    const server = createServer(hello);
    const attempt = server.listen({ host: 'localhost' });
    await server.close();
    await attempt.catch(() => {});
    expect(server.port).toBe(0);
  });
});

describe('an AbortSignal', () => {
  test('that fired before rejects listen with its reason', async () => {
    const signal = AbortSignal.abort(new Error('changed my mind'));
    await expect(createServer(hello).listen({ ...loopback, signal })).rejects.toThrow('my mind');
  });

  test.each(['127.0.0.1', 'localhost'])('that fires during listen on %s closes', async (host) => {
    const controller = new AbortController();
    const server = createServer(hello);
    onTestFinished(() => server.close({ timeoutMs: 0 }));
    const attempt = server.listen({ host, signal: controller.signal });
    controller.abort();
    await attempt.catch(() => {});
    expect(server.port).toBe(0);
  });

  test('of a call that was refused has no say', async () => {
    const controller = new AbortController();
    const server = await serve(hello);
    const again = server.listen({ ...loopback, signal: controller.signal });
    await expect(again).rejects.toThrow('listens already');
    controller.abort();
    expect(await ask(server)).toMatchObject({ status: 200 });
  });

  test('that fires later closes, gracefully', async () => {
    const controller = new AbortController();
    const server = await serve(
      hello, { limits: { drainIdleMs: 1 } }, { ...loopback, signal: controller.signal },
    );
    const client = await connected(server.port);
    await client.send(GET).answered(1);
    controller.abort();
    await server.closed;
    expect((await client.sawEnd()).error).toBeUndefined();
  });

  test('is let go of when the server has closed otherwise', async () => {
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, 'removeEventListener');
    const server = await serve(hello, {}, { ...loopback, signal });
    await server.close();
    expect(removed).toHaveBeenCalledWith('abort', expect.any(Function));
  });
});

describe('events', () => {
  const echo = (status: number): Handler => async (request) => {
    return new HttpResponse(status, {}, await request.body.text());
  };
  const wrong = ['requests', 'connection', 'toString', '__proto__'];

  test.each(wrong)('there is none named %s', (name) => {
    const server = createServer(hello);
    expect(() => server.on(name as 'request', () => {})).toThrow(
      `no event ${name}; known are request, refused, error, drain`,
    );
  });

  test('every listener is told, in the order of asking', async () => {
    const server = await serve(hello);
    const told: string[] = [];
    server.on('request', () => told.push('first')).on('request', () => told.push('second'));
    await ask(server);
    expect(told).toEqual(['first', 'second']);
  });

  test('request: enough for an access log', async () => {
    const server = await serve(echo(201));
    const records = collect(server, 'request');
    const client = await connected(server.port);
    const logged = 'Referer: http://a/\x9b\r\nUser-Agent: b\r\n';
    const fields = `Host: example.com:81\r\nContent-Length: 5\r\n${logged}`;
    const number = expect.any(Number) as number;
    const times = { startedAt: number, durationMs: number };
    await client.send(`POST /a%20b?c HTTP/1.1\r\n${fields}\r\nabcde`).answered(1);
    await client.send('GET / HTTP/1.0\r\n\r\n').answered(2);
    expect(records).toEqual([
      {
        address: '127.0.0.1', method: 'POST', target: '/a%20b?c', authority: 'example.com:81',
        version: '1.1', status: 201, complete: true, receivedBytes: 5, sentBytes: 5, ...times,
        referer: 'http://a/\\x9b', userAgent: 'b',
      },
      {
        address: '127.0.0.1', method: 'GET', target: '/', authority: '', version: '1.0',
        status: 201, complete: true, receivedBytes: 0, sentBytes: 0, ...times,
        referer: '', userAgent: '',
      },
    ]);
  });

  test('request: of a peer that went before its answer, status 0 and its address', async () => {
    let begun = false;
    const server = await serve(() => {
      begun = true;
      return new Promise<HttpResponse>(() => {});
    });
    const records = collect(server, 'request');
    const client = await connected(server.port);
    client.send(GET);
    await eventually(() => begun, 'the handler is called');
    client.socket.resetAndDestroy();
    await eventually(() => records.length === 1, 'it is recorded');
    expect(records).toMatchObject([{ address: '127.0.0.1', status: 0, sentBytes: 0 }]);
  });

  test('request: of content that was broken, the refusal', async () => {
    const server = await serve(echo(200));
    const records = collect(server, 'request');
    const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    await ask(server, `${chunked}3\r\nabc\r\nno chunk\r\n`);
    await eventually(() => records.length === 1, 'it is recorded');
    expect(records).toMatchObject([{ method: 'POST', status: 400, receivedBytes: 3 }]);
  });

  test('refused: who, with what status, and why', async () => {
    const server = await serve(hello);
    const refused = collect(server, 'refused');
    const records = collect(server, 'request');
    const answer = await ask(server, 'GET / HTTP/1.1\r\n\r\n');
    expect(answer).toMatchObject({ status: 400 });
    expect(refused).toMatchObject([
      { address: '127.0.0.1', status: 400, detail: 'no Host field (RFC 9112 §3.2)' },
    ]);
    expect(records).toEqual([]);
  });

  test.each([
    'GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\x1b[31m\r\n\r\n',
    'G\x85T / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\x1b[31m: b\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nExpect: \x9b31m\r\n\r\n', 'GET / \x1b[31m\r\nHost: a\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x9b31m\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \x9b31m\r\n\r\n',
  ])('nothing of a peer in an event can command a terminal: %j', async (octets) => {
    const server = await serve(hello);
    const events: unknown[] = [];
    server.on('refused', ({ status, detail }) => events.push({ status, detail }));
    server.on('request', (record) => events.push(record));
    await ask(server, octets);
    expect(events.length).toBeGreaterThan(0);
    const texts = events.flatMap((event) => Object.values(event as object)).map(String).join('');
    expect(texts).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
  });
});

describe('what a handler throws', () => {
  const why = new Error('secret');
  const failures: readonly [string, unknown][] = [
    ['an Error', why], ['text', 'secret'], ['undefined', undefined], ['null', null],
    ['a symbol', Symbol('secret')], ['a bare object', Object.create(null)],
  ];
  const ways: readonly [string, (thrown: unknown) => Handler][] = [
    ['thrown', (thrown) => () => { throw thrown; }],
    ['rejected with', (thrown) => () => Promise.reject(thrown as Error)],
  ];
  const cases = ways.flatMap(([way, make]) => failures.map(
    ([what, thrown]) => [what, way, make(thrown), thrown] as const,
  ));

  test.each(cases)('%s, %s: a mere 500, and an error event', async (_, __, handler, thrown) => {
    const server = await serve(handler);
    const errors = collect(server, 'error');
    const answer = await ask(server);
    expect(answer?.status).toBe(500);
    expect(answer?.body).not.toContain('secret');
    expect(errors).toEqual([{ error: thrown, request: expect.anything() as unknown }]);
  });

  test.each(cases)('%s, %s, where nobody listens: one report on stderr', async (_, __, handler) => {
    const written: string[] = [];
    const spy = vi.spyOn(process.stderr, 'write')
      .mockImplementation((text) => written.push(String(text)) > 0);
    onTestFinished(() => spy.mockRestore());
    const answer = await ask(await serve(handler));
    expect(answer?.status).toBe(500);
    expect(written).toEqual([expect.stringMatching(/^wirestack: GET \/ failed: .*\n$/s)]);
  });

  test('the connection goes on', async () => {
    let count = 0;
    const server = await serve(() => {
      if (count++ === 0) throw why;
      return new HttpResponse(200, {}, 'better');
    });
    collect(server, 'error');
    const client = await connected(server.port);
    const answers = await client.send(GET + GET).answered(2);
    expect(answers.map(({ status }) => status)).toEqual([500, 200]);
  });

  test('an HttpError is an answer and no error event', async () => {
    const server = await serve(() => { throw new HttpError(404, 'no such page', { 'x-y': 'z' }); });
    const errors = collect(server, 'error');
    const answer = await ask(server);
    expect(answer?.status).toBe(404);
    expect(answer?.body).toContain('no such page');
    expect(answer?.fields.get('x-y')).toBe('z');
    expect(errors).toEqual([]);
  });

  test.each([undefined, null, 'text', {}])('to return %o is a failure too', async (returned) => {
    const server = await serve(() => returned as unknown as HttpResponse);
    const errors = collect(server, 'error');
    expect(await ask(server)).toMatchObject({ status: 500 });
    expect(errors).toMatchObject([{ error: { message: expect.stringMatching('HttpResponse') } }]);
  });

  const onError = (answer: () => HttpResponse): ServerOptions => ({ onError: answer });

  test('onError makes the answer', async () => {
    const later = new HttpResponse(503, {}, 'later');
    const server = await serve(() => { throw why; }, onError(() => later));
    const errors = collect(server, 'error');
    expect(await ask(server)).toMatchObject({ status: 503, body: 'later' });
    expect(errors).toMatchObject([{ error: why }]);
  });

  test('onError that fails itself: a plain 500, and both are told', async () => {
    const second = new Error('second');
    const server = await serve(() => { throw why; }, onError(() => { throw second; }));
    const errors = collect(server, 'error');
    expect(await ask(server)).toMatchObject({ status: 500 });
    expect(errors.map(({ error }) => error)).toEqual([why, second]);
  });
});

describe('options', () => {
  test('onRefusal makes the answer to what the wire refuses', async () => {
    const onRefusal = (status: number, detail: string): HttpResponse => {
      return new HttpResponse(status, { 'x-detail': detail.slice(0, 7) }, 'no');
    };
    const server = await serve(hello, { onRefusal });
    const answer = await ask(server, 'GET / HTTP/1.1\r\n\r\n');
    expect(answer).toMatchObject({ status: 400, body: 'no' });
    expect(answer?.fields.get('x-detail')).toBe('no Host');
  });

  test('onRefusal that fails ends that connection alone, and is told of', async () => {
    const server = await serve(hello, { onRefusal: () => { throw new Error('second'); } });
    const errors = collect(server, 'error');
    const client = await connected(server.port);
    await client.send('GET / HTTP/1.1\r\n\r\n').sawEnd();
    expect(await ask(server)).toMatchObject({ status: 200 });
    expect(errors).toMatchObject([{ error: { message: 'second' } }]);
  });

  test.each(['text', {}, 7])('onRefusal that returns %o is a failure too', async (returned) => {
    const server = await serve(hello, { onRefusal: () => returned as unknown as HttpResponse });
    const errors = collect(server, 'error');
    expect((await ask(server, 'GET / HTTP/1.1\r\n\r\n'))?.status).toBeGreaterThanOrEqual(400);
    expect(errors).toHaveLength(1);
  });

  test.each([['a.example', 200], ['A.Example', 200], ['b.example', 421], ['a.example:81', 421]])(
    'authorities: a request for %s is %i (RFC 9110 §7.4)', async (host, status) => {
      const server = await serve(hello, { authorities: ['a.example'] });
      const answer = await ask(server, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(answer).toMatchObject({ status });
    },
  );

  const trace = [[false, 405], [true, 200]] as const;

  test.each(trace)('allowTrace %s: %i (RFC 9110 §9.3.8)', async (allowTrace, status) => {
    const server = await serve(hello, { allowTrace });
    expect(await ask(server, 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n')).toMatchObject({ status });
  });
});

describe('counters', () => {
  test('count what is and what was', async () => {
    const server = await serve(hello, { limits: { connections: 1 } });
    expect(server.counters).toEqual({
      connections: 0, accepted: 0, refused: 0, evicted: 0, heldBytes: 0,
      arriving: 0, secured: 0, resumed: 0, lost: {},
    });
    const client = await connected(server.port);
    await client.send(GET).answered(1);
    expect(server.counters).toMatchObject({ connections: 1, accepted: 1, heldBytes: 0 });
    const second = await connected(server.port);
    await second.send(GET).answered(1);
    expect(server.counters).toMatchObject({ accepted: 2, evicted: 1 });
    second.send('GET / HTTP/1.1\r\n');
    await eventually(() => server.counters.connections === 1, 'the first has gone');
    const third = await Client.connect(server.port);
    await third.sawEnd();
    expect(server.counters).toMatchObject({ accepted: 2, refused: 1, evicted: 1 });
  });

  test('heldBytes: content that its handler has not read', async () => {
    let read!: () => void;
    const mayRead = new Promise<void>((resolve) => read = resolve);
    const server = await serve(async (request) => {
      await mayRead;
      return new HttpResponse(200, {}, await request.body.text());
    });
    const client = await connected(server.port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(900)}`);
    await eventually(() => server.counters.heldBytes === 900, 'it is held');
    read();
    await client.send('x'.repeat(100)).answered(1);
    expect(server.counters.heldBytes).toBe(0);
  });
});
