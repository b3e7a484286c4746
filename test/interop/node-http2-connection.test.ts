/** Node's own HTTP/2 client against a server in this process: what is around the messages. */
import { once } from 'node:events';
import { constants, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { describe, expect, test } from 'vitest';
import {
  HttpResponse, PeerGoneError, type BodySource, type Handler, type HttpRequest, type Server,
} from '../../src/index.ts';
import { Octets } from '../../examples/support/octets.ts';
import { deferred } from '../support/deferred.ts';
import {
  ask, begin, change, ping, replyOf, session, type Reply,
} from '../support/http2-sockets.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { eventually, serve } from '../support/sockets.ts';

const MIB = 1024 * 1024;
const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;
const STREAM_ID_MAX = 2 ** 31 - 1;
const hello: Handler = ({ path }) => new HttpResponse(200, {}, path);
const long: Handler = () => new HttpResponse(200, {}, new Octets(0, MIB - 1));

/** A handler that answers when it is told to, and what it was called with. */
function waiting(): { handler: Handler; requests: HttpRequest[]; answer(): void } {
  const requests: HttpRequest[] = [];
  const gate = deferred<void>();
  const handler: Handler = async (request) => {
    requests.push(request);
    await gate.promise;
    return new HttpResponse(200, {}, request.path);
  };
  return { handler, requests, answer: () => gate.resolve() };
}

/** Nothing is left of any connection. */
async function isClean(server: Server): Promise<void> {
  await eventually(() => server.counters.connections === 0, 'no connection was left');
  expect(server.counters.heldBytes).toBe(0);
}

describe('§6.5 SETTINGS', () => {
  test('ours, as the client was told of them', async () => {
    const one = await session((await serve(hello)).port);
    await ping(one);
    expect(one.remoteSettings).toMatchObject({
      maxConcurrentStreams: 100, initialWindowSize: 256 * 1024, maxHeaderListSize: 16 * 1024,
      headerTableSize: 4096, maxFrameSize: 16_384, enableConnectProtocol: false,
    });
    // The window of the connection, beyond its default.
    expect(one.state.remoteWindowSize).toBe(4 * MIB);
  });

  test('an initial window of 0 holds content back, until it grows (§6.9.2)', async () => {
    const server = await serve(hello);
    const one = await session(server.port, { settings: { initialWindowSize: 0 } });
    const streams = ['/first', '/second'].map((path) => begin(one, path));
    const replies = Promise.all(streams.map(replyOf));
    let pieces = 0;
    for (const stream of streams) stream.on('data', () => pieces++);
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    await ping(one);
    expect(pieces).toBe(0);
    // So small that each has to be opened again.
    await change(one, { initialWindowSize: 3 });
    expect((await replies).map(({ body }) => body)).toEqual(['/first', '/second']);
    expect(pieces).toBe(5);
  });

  test('a window that shrinks under an answer that is on its way', async () => {
    const one = await session((await serve(long)).port);
    const stream = begin(one, '/');
    const reply = replyOf(stream);
    await once(stream, 'data');
    for (const size of [0, 100_000, 1, 65_535]) await change(one, { initialWindowSize: size });
    expect((await reply).body.length).toBe(MIB);
  });

  test('header table sizes, in the midst of it all (RFC 7541 §4.2)', async () => {
    const server = await serve(({ path }) => new HttpResponse(200, {
      'x-same': 'the same in all answers', 'x-path': path, 'content-type': 'text/plain',
    }));
    const one = await session(server.port, { settings: { headerTableSize: 0 } });
    const paths = ['/a', '/b', '/a'];
    for (const size of [undefined, 65_536, 0, 4096, 64, 100_000, 0]) {
      if (size !== undefined) await change(one, { headerTableSize: size });
      // Its decoder would end the connection over a table that is not as it was told.
      const replies = await Promise.all(paths.map((path) => ask(one, path)));
      expect(replies.map(({ fields }) => [fields['x-same'], fields['x-path']]))
        .toEqual(paths.map((path) => ['the same in all answers', path]));
    }
    expect(server.counters.accepted).toBe(1);
  });

  test.each([16_384, 16_385, 2 ** 24 - 1])('frames of up to %i octets', async (maxFrameSize) => {
    const settings = { maxFrameSize, initialWindowSize: 2 * MIB };
    const one = await session((await serve(long)).port, { settings });
    expect((await ask(one)).body.length).toBe(MIB);
  });
});

describe('§6.7 PING', () => {
  test('is answered with what it carried, in front of answers that wait', async () => {
    const { handler, answer } = waiting();
    const one = await session((await serve(handler)).port);
    const reply = ask(one, '/late');
    expect((await ping(one, Buffer.from('12345678'))).toString()).toBe('12345678');
    answer();
    expect((await reply).body).toBe('/late');
  });

  test('ours, when the server closes, is answered by the client (§6.8)', async () => {
    const server = await serve(hello);
    const one = await session(server.port);
    await ask(one);
    const pinged = once(one, 'ping') as Promise<[Buffer]>;
    await Promise.all([pinged, server.close(), once(one, 'close')]);
    expect((await pinged)[0]).toHaveLength(8);
  });
});

describe('§6.8 GOAWAY', () => {
  test('a server that closes: a warning, the last stream, and every answer', async () => {
    const { handler, requests, answer } = waiting();
    const server = await serve(handler);
    const one = await session(server.port);
    const goaways: unknown[] = [];
    one.on('goaway', (code: number, lastStreamId: number) => goaways.push([code, lastStreamId]));
    const replies = Promise.all(['/1', '/2', '/3'].map((path) => ask(one, path)));
    await eventually(() => requests.length === 3, 'all have come');
    const closed = server.close();
    await eventually(() => goaways.length === 2, 'both were told');
    expect(requests.map(({ draining }) => draining.aborted)).toEqual([true, true, true]);
    answer();
    expect((await replies).map(({ body }) => body)).toEqual(['/1', '/2', '/3']);
    await Promise.all([closed, one.destroyed || once(one, 'close')]);
    expect(goaways).toEqual([[NGHTTP2_NO_ERROR, STREAM_ID_MAX], [NGHTTP2_NO_ERROR, 5]]);
    expect(server.counters).toMatchObject({ connections: 0, heldBytes: 0 });
  });

  test('content in both directions goes on to its end', async () => {
    const server = await serve(({ body }) => new HttpResponse(200, {}, body));
    const stream = (await session(server.port)).request({ ':method': 'POST' });
    stream.write('before ');
    await once(stream, 'data');
    const closed = server.close();
    const rest: Buffer[] = [];
    stream.on('data', (piece: Buffer) => rest.push(piece));
    await once(stream.session as NonNullable<typeof stream.session>, 'goaway');
    stream.end('after'.repeat(100_000));
    await once(stream, 'end');
    expect(Buffer.concat(rest).toString()).toBe('after'.repeat(100_000));
    await closed;
  });

  test('requests of the same moment are answered too', async () => {
    let server: Server | undefined;
    server = await serve((request) => {
      if (request.path === '/close') void server?.close();
      return hello(request);
    });
    const one = await session(server.port);
    const replies = await Promise.all(['/close', '/1', '/2'].map((path) => ask(one, path)));
    expect(replies.map(({ body }) => body)).toEqual(['/close', '/1', '/2']);
    await server.closed;
  });

  test('a client that goes away gets the answers that it waits for', async () => {
    const { handler, requests, answer } = waiting();
    const server = await serve(handler);
    const one = await session(server.port);
    const replies = Promise.all(['/1', '/2'].map((path) => ask(one, path)));
    await eventually(() => requests.length === 2, 'both have come');
    one.goaway(NGHTTP2_NO_ERROR);
    await ping(one);
    answer();
    expect((await replies).map(({ body }) => body)).toEqual(['/1', '/2']);
    one.close();
    await isClean(server);
  });

  test('a client that closes is let go', async () => {
    const server = await serve(hello);
    const one = await session(server.port);
    await ask(one);
    one.close();
    await once(one, 'close');
    await isClean(server);
  });

  test('one that requestsPerConnection retires makes room for another connection', async () => {
    const server = await serve(hello, { limits: { requestsPerConnection: 2 } });
    const one = await session(server.port);
    const gone = once(one, 'goaway') as Promise<[number, number]>;
    const replies = await Promise.all(['/1', '/2'].map((path) => ask(one, path)));
    expect(replies.map(({ body }) => body)).toEqual(['/1', '/2']);
    expect((await gone).slice(0, 2)).toEqual([NGHTTP2_NO_ERROR, STREAM_ID_MAX]);
    expect((await ask(await session(server.port))).status).toBe(200);
  });
});

describe('§6.4 RST_STREAM', () => {
  test('aborts the handler, and nothing else', async () => {
    const { handler, requests, answer } = waiting();
    const server = await serve(handler);
    const one = await session(server.port);
    const [first, second] = ['/1', '/2'].map((path) => begin(one, path)) as [
      ClientHttp2Stream, ClientHttp2Stream,
    ];
    const reply = replyOf(second);
    await eventually(() => requests.length === 2, 'both have come');
    first.close(NGHTTP2_CANCEL);
    const [gone, other] = requests as [HttpRequest, HttpRequest];
    await eventually(() => gone.signal.aborted, 'the handler was told');
    expect(gone.signal.reason).toBeInstanceOf(PeerGoneError);
    expect(String(gone.signal.reason)).toContain('CANCEL');
    expect(other.signal.aborted).toBe(false);
    answer();
    expect((await reply).body).toBe('/2');
    expect(server.counters).toMatchObject({ connections: 1, heldBytes: 0 });
  });

  test('in the middle of an answer: its source is cancelled once', async () => {
    const cancels: unknown[] = [];
    const server = await serve(() => new HttpResponse(200, {}, endless({
      cancel: (cause) => void cancels.push(cause),
    })));
    const one = await session(server.port);
    const stream = begin(one, '/');
    await once(stream, 'data');
    stream.close(NGHTTP2_CANCEL);
    await eventually(() => cancels.length > 0, 'it was cancelled');
    await ping(one);
    expect(cancels).toHaveLength(1);
    expect(server.counters).toMatchObject({ connections: 1, heldBytes: 0 });
  });

  test.each([
    ['NO_ERROR', undefined], ['INTERNAL_ERROR', new Error('on purpose')],
  ])('in the middle of its content, with %s: who reads it is told', async (code, cause) => {
    const failure = deferred<unknown>();
    const server = await serve(async ({ body }) => {
      try {
        for await (const _ of body);
      } catch (error) {
        failure.resolve(error);
      }
      return new HttpResponse(200);
    });
    const one = await session(server.port);
    const stream = one.request({ ':method': 'POST' });
    stream.on('error', () => {});
    stream.write('a part');
    await ping(one);
    // To close it would end the content first, as if it were whole.
    stream.destroy(cause);
    const error = await failure.promise;
    expect(error).toBeInstanceOf(PeerGoneError);
    expect(String(error)).toContain(code);
    await ping(one);
    expect(server.counters).toMatchObject({ connections: 1, heldBytes: 0 });
  });

  test('ours, where the program breaks in the middle of its answer', async () => {
    const errors: unknown[] = [];
    let pulls = 0;
    const server = await serve(({ path }) => (path === '/' ? new HttpResponse(204)
      : new HttpResponse(200, {}, endless({
        pull: () => {
          if (pulls++ > 2) throw new Error('on purpose');
          return Buffer.from('part');
        },
      }))));
    server.on('error', ({ error }) => errors.push(error));
    const one = await session(server.port);
    await expect(ask(one, '/broken')).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
    expect(errors).toHaveLength(1);
    expect((await ask(one)).status).toBe(204);
  });

  test('a client that is gone: the signal of each of its requests fires', async () => {
    const signals: AbortSignal[] = [];
    const server = await serve(({ signal }) => new Promise((resolve) => {
      signals.push(signal);
      signal.addEventListener('abort', () => resolve(new HttpResponse(200)));
    }));
    const one = await session(server.port);
    for (let at = 0; at < 10; at++) begin(one, `/${at}`).on('error', () => {});
    await eventually(() => signals.length === 10, 'all have come');
    // What the server sees is GOAWAY and FIN.
    one.destroy();
    await isClean(server);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });

  test('a hundred that are cancelled at once: all are told, and the next is served', async () => {
    const signals: AbortSignal[] = [];
    const server = await serve(({ path, signal }) => new Promise((resolve) => {
      if (path === '/') return resolve(new HttpResponse(204));
      signals.push(signal);
      signal.addEventListener('abort', () => resolve(new HttpResponse(200)));
    }));
    const one = await session(server.port);
    await ping(one);
    const streams = Array.from({ length: 100 }, (_, at) => begin(one, `/${at}`));
    await eventually(() => signals.length === 100, 'all have come');
    for (const stream of streams) stream.close(NGHTTP2_CANCEL);
    await eventually(() => signals.every(({ aborted }) => aborted), 'all were told');
    expect((await ask(one)).status).toBe(204);
    expect(server.counters).toMatchObject({ accepted: 1, connections: 1, heldBytes: 0 });
  });

  test('an answer that came early: the rest is not wanted, which is no error (§8.1)', async () => {
    const server = await serve(() => new HttpResponse(413), { limits: { discardedBytes: 1000 } });
    const one = await session(server.port);
    const stream = one.request({ ':method': 'POST' });
    stream.write(Buffer.alloc(500_000));
    const [fields] = await once(stream, 'response') as [IncomingHttpHeaders];
    stream.resume();
    await once(stream, 'close');
    expect([fields[':status'], stream.rstCode]).toEqual([413, NGHTTP2_NO_ERROR]);
    expect((await ask(one)).status).toBe(413);
  });
});

/** An endless source, with methods of its own. */
function endless(methods: Partial<BodySource>): BodySource {
  const octets = new Octets(0, Number.MAX_SAFE_INTEGER - 1);
  return { length: undefined, pull: (max) => octets.pull(max), cancel: () => {}, ...methods };
}

describe('§5.2 flow control', () => {
  test('what a client does not read is not pulled, until it reads', async () => {
    let pulled = 0;
    const server = await serve(() => {
      const octets = new Octets(0, 8 * MIB - 1);
      return new HttpResponse(200, {}, endless({
        pull: (max) => {
          const piece = octets.pull(max);
          pulled += piece?.length ?? 0;
          return piece;
        },
      }));
    });
    const one = await session(server.port);
    const stream = one.request({ ':path': '/' });
    await once(stream, 'readable');
    for (let round = 0; round < 3; round++) await ping(one);
    // The window, what the client holds before it stops, and the piece that waits for its turn.
    expect(pulled).toBeLessThan(MIB);
    expect((await ask(one)).body.length).toBe(8 * MIB);
    const before = pulled;
    stream.resume();
    await once(stream, 'end');
    expect(pulled - before).toBeGreaterThan(7 * MIB);
  });

  test('a handler that does not read stops the client, and then reads all', async () => {
    const gate = deferred<void>();
    let came = 0;
    const server = await serve(async ({ path, body }) => {
      if (path === '/') return new HttpResponse(200);
      await gate.promise;
      for await (const piece of body) came += piece.length;
      return new HttpResponse(200, {}, `${came}`);
    });
    const one = await session(server.port);
    const stream = begin(one, { ':path': '/slow', ':method': 'POST' }, {
      content: Buffer.alloc(4 * MIB),
    });
    const reply = replyOf(stream);
    const window = 256 * 1024;
    await eventually(() => server.counters.heldBytes === window, 'its window was used up');
    for (let round = 0; round < 3; round++) expect((await ask(one)).status).toBe(200);
    expect(server.counters.heldBytes).toBe(window);
    gate.resolve();
    expect((await reply).body).toBe(`${4 * MIB}`);
    expect(server.counters.heldBytes).toBe(0);
  });
});

describe('§8.4 push', () => {
  const pushing: Handler = (request) => {
    if (request.path !== '/') return new HttpResponse(200, { 'x-of': 'push' }, request.path);
    const pushed = ['/a.css', '/b.css'].map((path) => request.push(path, { 'x-why': 'soon' }));
    return new HttpResponse(200, {}, pushed.join());
  };

  test('promises come with their requests, and then their answers', async () => {
    const one = await session((await serve(pushing)).port);
    const promised: Promise<[string, Reply]>[] = [];
    one.on('stream', (stream, request: IncomingHttpHeaders) => {
      expect(request).toMatchObject({ ':method': 'GET', ':scheme': 'http', 'x-why': 'soon' });
      promised.push(replyOf(stream).then((reply) => [request[':path'] as string, reply]));
    });
    expect((await ask(one)).body).toBe('true,true');
    const pushed = (await Promise.all(promised)).map(([path, { status, fields, body }]) => (
      [path, status, fields['x-of'], body]
    ));
    expect(pushed).toEqual([
      ['/a.css', 200, 'push', '/a.css'], ['/b.css', 200, 'push', '/b.css'],
    ]);
  });

  test.each([
    ['SETTINGS_ENABLE_PUSH is 0', { enablePush: false }],
    ['the client takes no streams', { maxConcurrentStreams: 0 }],
  ])('none where %s', async (_, settings) => {
    const one = await session((await serve(pushing)).port, { settings });
    one.on('stream', () => { throw new Error('it was pushed'); });
    expect((await ask(one)).body).toBe('false,false');
  });

  test('turned off in the midst', async () => {
    const one = await session((await serve(pushing)).port);
    one.on('stream', (stream: ClientHttp2Stream) => stream.resume());
    expect((await ask(one)).body).toBe('true,true');
    await change(one, { enablePush: false });
    expect((await ask(one)).body).toBe('false,false');
  });

  test('a client that declines a promise still gets its answer', async () => {
    const one = await session((await serve(pushing)).port);
    one.on('stream', (stream: ClientHttp2Stream) => stream.close(NGHTTP2_CANCEL));
    expect((await ask(one)).body).toBe('true,true');
    expect((await ask(one, '/c')).body).toBe('/c');
  });
});

describe('CONNECT (§8.5, RFC 8441)', () => {
  const extended = { ':method': 'CONNECT', ':protocol': 'chat', ':path': '/room' };

  test('extended, where the service names the protocol', async () => {
    const next = nextProtocol('hi ', true);
    const server = await serve({
      connectProtocols: ['chat'],
      handle: ({ protocol, path }) => HttpResponse.switching(next.factory, {
        'x-asked': `${protocol} ${path}`,
      }),
    });
    const one = await session(server.port);
    await ping(one);
    expect(one.remoteSettings.enableConnectProtocol).toBe(true);
    const stream = one.request(extended, { endStream: false });
    const [fields] = await once(stream, 'response') as [IncomingHttpHeaders];
    expect([fields[':status'], fields['x-asked']]).toEqual([200, 'chat /room']);
    let text = '';
    stream.on('data', (piece: Buffer) => text += piece.toString());
    stream.write('one ');
    stream.write('two');
    await eventually(() => text === 'hi one two', 'it came back');
    stream.end();
    await eventually(() => next.calls.includes('eof'), 'the end was told');
    stream.close();
    await eventually(() => next.calls.includes('closed'), 'the close was told');
    expect(server.counters).toMatchObject({ connections: 1, heldBytes: 0 });
  });

  test('another protocol is 501', async () => {
    const server = await serve({ connectProtocols: ['chat'], handle: hello });
    const one = await session(server.port);
    await ping(one);
    const stream = one.request({ ...extended, ':protocol': 'other' }, { endStream: true });
    expect((await replyOf(stream)).status).toBe(501);
  });

  test('not offered where the service names none: the request is malformed', async () => {
    const one = await session((await serve(hello)).port);
    await ping(one);
    expect(one.remoteSettings.enableConnectProtocol).toBe(false);
    const stream = one.request(extended, { endStream: true });
    await expect(replyOf(stream)).rejects.toThrow('NGHTTP2_PROTOCOL_ERROR');
    expect((await ask(one)).status).toBe(200);
  });

  test('CONNECT that nobody makes a tunnel of is 501', async () => {
    const one = await session((await serve(hello)).port);
    const stream = one.request({ ':method': 'CONNECT', ':authority': 'a:80' }, { endStream: true });
    expect((await replyOf(stream)).status).toBe(501);
    expect((await ask(one)).status).toBe(200);
  });
});
