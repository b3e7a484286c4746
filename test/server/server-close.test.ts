/** Graceful close: what is begun finishes, what is idle is watched a while, the rest is forced. */
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  HttpResponse, createServer, type BodySource, type Handler, type Server, type TlsOptions,
} from '../../src/index.ts';
import { leafFor } from '../support/certificates.ts';
import { Client, connected, eventually, serve, turns } from '../support/sockets.ts';
import { beginTls } from '../support/tls-client.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n';
const hello: Handler = () => new HttpResponse(200, {}, 'hello');
/** Nothing is forced in these tests unless it is told to. */
const patient = { drainMs: 60_000, drainIdleMs: 1 };
/** Nothing idle is ended while a test still wants it. */
const watchful = { drainMs: 60_000, drainIdleMs: 60_000 };

/** A handler that answers when it is told to, and tells when it was called. */
function gate() {
  const open: (() => void)[] = [];
  const handler: Handler = async (request) => {
    const content = await request.body.text();
    await new Promise<void>((resolve) => open.push(resolve));
    return new HttpResponse(200, {}, `late ${content}`);
  };
  return {
    handler,
    begun: (count: number) => eventually(() => open.length === count, `${count} are begun`),
    open: () => open.forEach((resolve) => resolve()),
  };
}

function stages(server: Server): string[] {
  const told: string[] = [];
  server.on('drain', ({ stage, connections }) => told.push(`${stage} ${connections}`));
  return told;
}

const isClose = (client: Client): boolean => / close\r\n/.test(client.text);

describe('what is begun', () => {
  test('a request in flight is answered with connection: close, then FIN', async () => {
    const { handler, begun, open } = gate();
    const server = await serve(handler, { limits: patient });
    const told = stages(server);
    const client = await connected(server.port);
    client.send(GET);
    await begun(1);
    const closed = server.close();
    open();
    await client.sawEnd();
    expect(client.answers()).toMatchObject([{ status: 200, body: 'late ' }]);
    expect(client.answers()[0]?.fields.get('connection')).toBe('close');
    client.socket.end();
    await closed;
    expect(told).toEqual(['begun 1', 'done 0']);
    expect(server.counters).toMatchObject({ connections: 0, heldBytes: 0 });
  });

  const parts: readonly [string, string, string][] = [
    ['a head', GET.slice(0, 20), GET.slice(20)],
    ['its content', `${POST}01234`, '56789'],
  ];

  test.each(parts)('a request of which a part of %s has come', async (_, first, second) => {
    const { handler, begun, open } = gate();
    const server = await serve(handler, { limits: patient });
    const idle = await connected(server.port);
    const client = await connected(server.port);
    client.send(first);
    await eventually(() => server.counters.connections === 2, 'both are connected');
    await turns(20);
    void server.close();
    // The idle one ends at a tick, which has then passed by the other too.
    await idle.sawEnd();
    client.send(second);
    await begun(1);
    open();
    await client.sawEnd();
    expect(client.answers()).toMatchObject([{ status: 200 }]);
    expect(isClose(client)).toBe(true);
  });

  test('all requests of a pipeline that were received', async () => {
    const { handler, begun, open } = gate();
    const server = await serve(handler, { limits: patient });
    const client = await connected(server.port);
    client.send(GET.repeat(5));
    await begun(5);
    void server.close();
    open();
    await client.sawEnd();
    const answers = client.answers();
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect(answers.map(({ fields }) => fields.get('connection')))
      .toEqual([undefined, undefined, undefined, undefined, 'close']);
  });

  test('an answer that is being written, whose handler hears of the close', async () => {
    let draining = false;
    const server = await serve((request) => {
      const signal = request.draining;
      const body: BodySource = {
        length: undefined,
        pull: async () => {
          if (signal.aborted) return null;
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
            if (!draining) draining = true;
          });
          return new TextEncoder().encode('the last words');
        },
        cancel: () => {},
      };
      return new HttpResponse(200, {}, body);
    }, { limits: patient });
    const client = await connected(server.port);
    client.send(GET);
    await eventually(() => draining, 'the answer is pulled');
    void server.close();
    expect(await client.answered(1)).toMatchObject([{ body: 'the last words' }]);
    await client.sawEnd();
  });
});

describe('what is idle', () => {
  test.each([['before its first request', false], ['between two', true]])(
    'ends after drainIdleMs, %s', async (_, asks) => {
      const server = await serve(hello, { limits: patient });
      const client = await connected(server.port);
      if (asks) await client.send(GET).answered(1);
      await eventually(() => server.counters.connections === 1, 'it is connected');
      const closed = server.close();
      await client.sawEnd();
      expect([client.error, isClose(client)]).toEqual([undefined, false]);
      client.socket.end();
      await closed;
    },
  );

  test.each([['its first', false], ['another', true]])(
    'is answered when %s request comes within that time', async (_, asks) => {
      const server = await serve(hello, { limits: watchful });
      const client = await connected(server.port);
      if (asks) await client.send(GET).answered(1);
      await eventually(() => server.counters.connections === 1, 'it is connected');
      const closed = server.close();
      await turns(20);
      expect(client.ended).toBe(false);
      await client.send(GET).sawEnd();
      expect(client.answers().at(-1)).toMatchObject({ status: 200, body: 'hello' });
      expect(isClose(client)).toBe(true);
      client.socket.end();
      await closed;
    },
  );

  test('a peer that keeps its own side open does not hold the close up', async () => {
    const server = await serve(hello, { limits: { ...patient, lingerMs: 1 } });
    const client = await connected(server.port);
    await client.send(GET).answered(1);
    await server.close();
    expect(client.socket.readyState).not.toBe('closed');
  });
});

describe('what does not finish', () => {
  const never: Handler = () => new Promise<HttpResponse>(() => {});

  test('is reset at the deadline, and its request is told', async () => {
    let causes: Error[] = [];
    let begun = false;
    const server = await serve((request) => {
      begun = true;
      request.signal.addEventListener('abort', () => {
        const { reason } = request.signal as { reason: Error };
        causes = [reason, reason.cause as Error];
      });
      return never(request);
    }, { limits: { drainMs: 100 } });
    const told = stages(server);
    const client = await connected(server.port);
    client.send(GET);
    await eventually(() => begun, 'the handler is called');
    await server.close();
    expect(told).toEqual(['begun 1', 'forced 1', 'done 0']);
    expect(causes.map((cause) => cause?.message).join()).toMatch(/the server closed before/);
    await client.gone();
    expect(client.error?.code).toBe('ECONNRESET');
  });

  test.each([['timeoutMs of the call', 50, 60_000], ['drainMs', undefined, 50]])(
    'the deadline is %s', async (_, timeoutMs, drainMs) => {
      const server = await serve(never, { limits: { drainMs } });
      const told = stages(server);
      const client = await connected(server.port);
      client.send(GET);
      await eventually(() => server.counters.connections === 1, 'it is connected');
      await server.close(timeoutMs === undefined ? {} : { timeoutMs });
      expect(told).toContain('forced 1');
    },
  );

  test('with timeoutMs 0 all is reset at once', async () => {
    const server = await serve(never, { limits: patient });
    const told = stages(server);
    const clients = [await connected(server.port), await connected(server.port)];
    clients[0]?.send(GET);
    await eventually(() => server.counters.connections === 2, 'both are connected');
    await server.close({ timeoutMs: 0 });
    expect(told).toEqual(['begun 2', 'forced 2', 'done 0']);
    await Promise.all(clients.map((client) => client.gone()));
  });

  test('a second close moves the deadline', async () => {
    const server = await serve(never, { limits: patient });
    const told = stages(server);
    const client = await connected(server.port);
    client.send(GET);
    await eventually(() => server.counters.connections === 1, 'it is connected');
    const first = server.close();
    const second = server.close({ timeoutMs: 50 });
    await Promise.all([first, second]);
    expect(told).toEqual(['begun 1', 'forced 1', 'done 0']);
  });
});

describe('close', () => {
  test('accepts nobody more', async () => {
    const server = await serve(hello, { limits: watchful });
    const client = await connected(server.port);
    await client.send(GET).answered(1);
    const { port } = server;
    await Promise.race([server.close(), eventually(() => server.port === 0, 'it has stopped')]);
    const late = Client.start(port);
    await late.gone();
    expect(late.error?.code).toBe('ECONNREFUSED');
  });

  test('of a server that never listened, and again, resolves', async () => {
    const server = createServer(hello);
    await server.close();
    await server.close();
    await server.close({ timeoutMs: 0 });
    await server.closed;
  });

  test('after the close leaves no timer behind', async () => {
    const server = await serve(hello);
    await server.close();
    const timers = (): number => {
      return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    };
    const before = timers();
    await server.close();
    expect(timers()).toBe(before);
  });

  test('tells each stage once', async () => {
    const server = await serve(hello);
    const told = stages(server);
    await Promise.all([server.close(), server.close()]);
    await server.close();
    expect(told).toEqual(['begun 0', 'done 0']);
  });

  test('comes with the end of a block', async () => {
    let port = 0;
    let closed = false;
    {
      await using server = await createServer(hello).listen({ host: '127.0.0.1' });
      void server.closed.then(() => closed = true);
      port = server.port;
    }
    expect(closed).toBe(true);
    const late = Client.start(port);
    await late.gone();
    expect(late.error?.code).toBe('ECONNREFUSED');
  });

  const callers: readonly [string, (server: () => Server) => Handler][] = [
    ['a handler', (server) => () => {
      void server().close();
      return new HttpResponse(200, {}, 'bye');
    }],
    ['a handler that waits', (server) => async () => {
      await Promise.resolve();
      void server().close();
      return new HttpResponse(200, {}, 'bye');
    }],
  ];

  test.each(callers)('can be called by %s: its answer and the pipeline come', async (_, make) => {
    const handler: Handler = (request) => make(() => server)(request);
    const server: Server = await serve(handler, { limits: patient });
    const client = await connected(server.port);
    await client.send(GET.repeat(3)).sawEnd();
    expect(client.answers().map(({ body }) => body)).toEqual(['bye', 'bye', 'bye']);
    client.socket.end();
    await server.closed;
  });

  test('that forces can be called by a handler too', async () => {
    const server: Server = await serve(() => {
      void server.close({ timeoutMs: 0 });
      return new HttpResponse(200, {}, 'never');
    });
    const client = await connected(server.port);
    await client.send(GET.repeat(3)).gone();
    expect([client.text, client.error?.code]).toEqual(['', 'ECONNRESET']);
    await server.closed;
  });

  test('can be called by a listener', async () => {
    const server = await serve(hello, { limits: patient });
    server.on('request', () => void server.close());
    const client = await connected(server.port);
    await client.send(GET).sawEnd();
    expect(client.answers()).toMatchObject([{ body: 'hello' }]);
    client.socket.end();
    await server.closed;
  });
});

test('many servers come and go without a trace', async () => {
  const before = process.getActiveResourcesInfo().length;
  for (let round = 0; round < 20; round++) {
    const server = createServer(hello, { limits: patient });
    onTestFinished(() => server.close());
    await server.listen({ host: '127.0.0.1' });
    const client = await Client.connect(server.port);
    await client.send(GET).answered(1);
    client.socket.end();
    await client.gone();
    await server.close();
  }
  await turns(5);
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before);
});

describe('sockets that are no connections yet', () => {
  const tls: TlsOptions = { certificates: leafFor('example.com'), clearText: 'serve' };
  const BEGUN = '\x16\x03\x01\x02\x00\x01';

  test('who is silent, or stalls in a handshake, is forced too', async () => {
    const server = await serve(hello, { tls, limits: watchful });
    const told = stages(server);
    const clients = [await connected(server.port), (await connected(server.port)).send(BEGUN)];
    await eventually(() => server.counters.arriving === 2, 'both arrive');
    await server.close({ timeoutMs: 0 });
    for (const client of clients) await client.sawEnd();
    expect(server.counters.arriving).toBe(0);
    expect(told).toEqual(['begun 0', 'forced 0', 'done 0']);
  });

  test('who is silent has drainIdleMs, and nobody waits for longer', async () => {
    const server = await serve(hello, { tls, limits: patient });
    const client = await connected(server.port);
    await eventually(() => server.counters.arriving === 1, 'it arrives');
    await server.close();
    await client.sawEnd();
    expect(server.counters.lost).toEqual({ silent: 1 });
  });

  test('who is in a handshake is answered, with connection: close', async () => {
    const server = await serve(hello, { tls, limits: watchful });
    const { socket } = await connected(server.port);
    const client = beginTls(socket);
    await eventually(() => server.counters.arriving === 1, 'it arrives');
    const closed = server.close();
    await client.send(GET.replace('Host: a', 'Host: example.com')).answered(1);
    expect(isClose(client)).toBe(true);
    client.tls.end();
    await closed;
  });
});

describe('announcing (announceMs)', () => {
  test('readiness says so at once, while all is served as ever', async () => {
    const server = await serve(() => server.readiness(), { limits: patient });
    const told = stages(server);
    expect(server.readiness().status).toBe(200);
    const client = await connected(server.port);
    const closed = server.close({ announceMs: 50 });
    // Announced once, however often.
    void server.close({ announceMs: 50 });
    const [answer] = await client.send(GET).answered(1);
    expect([answer?.status, answer?.fields.get('retry-after'), isClose(client)])
      .toEqual([503, '1', false]);
    await (await connected(server.port)).send(GET).answered(1);
    await closed;
    expect(told).toEqual(['announced 1', 'begun 2', 'done 0']);
    expect(server.readiness().status).toBe(503);
  });

  test('a close without it begins at once, and no timer is left to move its deadline', async () => {
    const timers = (): number => process.getActiveResourcesInfo()
      .filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const server = createServer(hello, { limits: patient });
    const told = stages(server);
    const closed = server.close({ announceMs: 60_000 });
    expect(told).toEqual(['announced 0']);
    void server.close({ timeoutMs: 0 });
    await closed;
    expect([told, timers()]).toEqual([['announced 0', 'begun 0', 'done 0'], before]);
  });

  test('with no time at all there is nothing to announce', async () => {
    const server = createServer(hello);
    const told = stages(server);
    await server.close({ announceMs: 60_000, timeoutMs: 0 });
    expect(told).toEqual(['begun 0', 'done 0']);
  });
});
