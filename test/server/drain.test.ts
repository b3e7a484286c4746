/**
 * One drain for every protocol, in a process of its own (RFC 9112 §9.6, RFC 9113 §6.8): what had
 * begun is finished, whatever it speaks. LOAD_FULL=1 runs the full figures, LOAD_ROUNDS sets them.
 */
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { HttpResponse, type Handler, type Server } from '../../src/index.ts';
import { deferred } from '../support/deferred.ts';
import { FLEET_SERVER, Fleet, IDLE_MS } from '../support/drain-fleet.ts';
import { ask, begin } from '../support/http2-sockets.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { Random } from '../support/random.ts';
import { HeldSocket, BOTH, opened, openedSession, secured } from '../support/secure-place.ts';
import { connected, eventually, serve } from '../support/sockets.ts';
import { child, type Child } from './child.ts';

const FULL = process.env['LOAD_FULL'] === '1';
const ROUNDS = Number(process.env['LOAD_ROUNDS'] ?? (FULL ? 200 : 5));
const LONGEST_MS = FULL ? 2000 : 1000;
/** What an exchange may take beyond its own length: a busy machine is a failure in full alone. */
const SLACK_MS = FULL ? 2000 : 20_000;
const LONG_MS = 60_000;
const EXCHANGES = 500;

const OPTIONS = { tls: BOTH, limits: { drainIdleMs: IDLE_MS } };

/** Tells its stages on stderr; a second signal forces. */
const CLOSES = `
  const server = await serve(service, ${JSON.stringify(OPTIONS)});
  const { writeSync } = await import('node:fs');
  server.on('drain', ({ stage }) => writeSync(2, 'drain ' + stage + '\\n'));
  void server.closed.then(() => {
    const { connections, arriving, heldBytes } = server.counters;
    writeSync(2, 'left ' + (connections + arriving + heldBytes) + '\\n');
  });
  let signals = 0;
  process.on('SIGTERM', () => server.close(++signals > 1 ? { timeoutMs: 0 } : {}));
`;

const stagesOf = ({ stderr }: Child): string[] =>
  [...stderr.matchAll(/^drain (\w+)$/gm)].map(([, stage]) => String(stage));

describe(`SIGTERM under ${EXCHANGES} exchanges in flight`, () => {
  const rounds = Array.from({ length: ROUNDS }, (_, index) => index + 1);

  test.each(rounds)('round %i: none that had begun is cut', async (round) => {
    const random = Random.case(round, 0);
    const server = await child(FLEET_SERVER + CLOSES);
    const fleet = new Fleet(server.port, random, LONGEST_MS, SLACK_MS);
    const reaching = await fleet.connect();
    const enough = Math.floor(reaching * (0.3 + 0.7 * random.int(100) / 100));
    const over = fleet.run();
    await server.until(({ facts }) => Number(facts['begun']) >= enough);
    server.process.kill('SIGTERM');
    const signalledAt = performance.now();
    const { inFlight } = fleet;
    fleet.signalled();
    await over;
    const end = await server.exited;
    const closeMs = performance.now() - signalledAt;
    const { begun, refused, faults, slackMs } = fleet;
    note({ round, inFlight, begun, refused, slackMs, closeMs, faults });
    expect(faults).toEqual([]);
    expect([stagesOf(server), end]).toEqual([['begun', 'done'], { code: 0, signal: null }]);
    expect(server.stderr).toMatch(/^left 0$/m);
    expect(inFlight).toBeGreaterThanOrEqual(EXCHANGES);
    expect(closeMs).toBeLessThan(LONGEST_MS + IDLE_MS + SLACK_MS);
  }, LONG_MS);
});

describe('a second signal forces', () => {
  const NEVER = `
    facts.begun = 0;
    const service = () => {
      facts.begun++;
      return new Promise(() => {});
    };
  `;
  const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

  async function signalTwice(server: Child): Promise<void> {
    server.process.kill('SIGTERM');
    await eventually(() => stagesOf(server).includes('begun'), 'the drain has begun');
    server.process.kill('SIGTERM');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(stagesOf(server)).toEqual(['begun', 'forced', 'done']);
  }

  test('connections of every protocol are destroyed, and the process ends', async () => {
    const server = await child(NEVER + CLOSES);
    const clients = [await opened(server.port, false), await opened(server.port, true)];
    const sessions = [
      await openedSession(server.port, false), await openedSession(server.port, true),
    ];
    for (const client of clients) client.send(GET);
    const replies = sessions.map((on) => ask(on).then(({ status }) => status, () => NaN));
    await server.until(({ facts }) => facts['begun'] === 4);
    await signalTwice(server);
    expect(await Promise.all(replies)).toEqual([NaN, NaN]);
    await Promise.all(clients.map((client) => client.sawEnd()));
    expect(clients.map(({ text }) => text)).toEqual(['', '']);
  });

  test('so are sockets that are no connections yet', async () => {
    const server = await child(NEVER + CLOSES);
    const held = await HeldSocket.connect(server.port, 100);
    const handshake = secured(held);
    const outcome = Promise.allSettled([handshake]);
    await server.until(({ counters }) => counters.arriving === 1);
    await signalTwice(server);
    expect(await outcome).toMatchObject([{ status: 'rejected' }]);
  });
});

test.each([false, true])(
  'a request that came while the process was busy is not too late, TLS: %s', async (secure) => {
    const limits = { drainMs: 60_000, drainIdleMs: 300 };
    const server = await serve(() => new HttpResponse(200, {}, 'hello'), { tls: BOTH, limits });
    const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const client = await opened(server.port, secure);
    await client.send(get).answered(1);
    void server.close();
    client.forget();
    client.send(get);
    // Its octets wait in the kernel, while the time for it passes.
    const until = performance.now() + 3 * limits.drainIdleMs;
    while (performance.now() < until);
    expect(await client.answered(1)).toMatchObject([{ status: 200, body: 'hello' }]);
    client.socket.end();
    await server.closed;
  },
);

test.each(['HTTP/1.1', 'HTTP/2'])(
  'a protocol that takes over after the close began hears of it, %s', async (version) => {
    const next = nextProtocol();
    const gate = deferred<void>();
    let begun = false;
    const handle: Handler = async () => {
      begun = true;
      await gate.promise;
      return HttpResponse.switching(next.factory);
    };
    const server = await serve({ handle, connectProtocols: ['echo'] });
    if (version === 'HTTP/2') {
      const on = await openedSession(server.port, false);
      begin(on, { ':method': 'CONNECT', ':protocol': 'echo', ':path': '/' }, { trailers: {} })
        .on('error', () => {});
    } else {
      const client = await connected(server.port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    }
    await eventually(() => begun, 'the handler is called');
    void server.close();
    gate.resolve();
    await eventually(() => next.made === 1, 'it has taken over');
    expect(next.calls[0]).toBe('shutdown');
  },
);

describe('a close that is announced', () => {
  /** Nothing that is idle is ended while a test still wants it. */
  const limits = { drainMs: 60_000, drainIdleMs: 60_000 };
  const FOREVER_MS = 60_000;
  const READY = 'GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const GET = READY.replace('/ready', '/');

  async function announced(): Promise<{ server: Server; stages: string[] }> {
    const handler: Handler = ({ path }) => (
      path === '/ready' ? server.readiness() : new HttpResponse(200, {}, 'hello')
    );
    const server: Server = await serve(handler, { tls: BOTH, limits });
    const stages: string[] = [];
    server.on('drain', ({ stage }) => stages.push(stage));
    return { server, stages };
  }

  test.each([false, true])('readiness is 503, all is served as ever, TLS: %s', async (secure) => {
    const { server, stages } = await announced();
    const client = await opened(server.port, secure);
    const on = await openedSession(server.port, secure);
    expect(await client.send(READY).answered(1)).toMatchObject([{ status: 200, body: 'ready\n' }]);
    expect(await ask(on, '/ready')).toMatchObject({ status: 200, body: 'ready\n' });
    void server.close({ announceMs: FOREVER_MS });
    expect([stages, server.readiness().status]).toEqual([['announced'], 503]);
    const answers = await client.send(READY + GET).answered(3);
    expect(answers.map(({ status, fields }) => [status, fields.get('connection')]))
      .toEqual([[200, undefined], [503, undefined], [200, undefined]]);
    expect(answers[1]?.fields.get('retry-after')).toBe('1');
    expect(await ask(on, '/ready')).toMatchObject({ status: 503, fields: { 'retry-after': '1' } });
    expect(await ask(on)).toMatchObject({ status: 200, body: 'hello' });
    // Who comes now is welcome too.
    const late = await opened(server.port, secure);
    expect(await late.send(GET).answered(1)).toMatchObject([{ status: 200, body: 'hello' }]);
    expect([on.closed, client.ended, late.ended]).toEqual([false, false, false]);

    void server.close();
    expect(stages).toEqual(['announced', 'begun']);
    for (const each of [client, late]) {
      each.forget();
      const [answer] = await each.send(READY).answered(1);
      expect([answer?.status, answer?.fields.get('connection')]).toEqual([503, 'close']);
      each.socket.end();
    }
    await server.closed;
    expect(stages).toEqual(['announced', 'begun', 'done']);
    expect(on.closed).toBe(true);
  });

  test('the drain begins by itself after announceMs', async () => {
    const { server, stages } = await announced();
    await server.close({ announceMs: 1 });
    expect(stages).toEqual(['announced', 'begun', 'done']);
  });

  test('a close that forces does not wait for it, and leaves no timer behind', async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const { server, stages } = await announced();
    const client = await connected(server.port);
    await client.send(GET).answered(1);
    const before = timers();
    void server.close({ announceMs: FOREVER_MS });
    await server.close({ timeoutMs: 0 });
    expect(stages).toEqual(['announced', 'begun', 'forced', 'done']);
    expect(timers()).toBeLessThanOrEqual(before);
    await client.gone();
  });
});

/** For whoever asks for the figures: LOAD_NOTES names a file that gets a line each round. */
function note(figures: Readonly<Record<string, unknown>>): void {
  const path = process.env['LOAD_NOTES'];
  if (path !== undefined) writeFileSync(path, `${JSON.stringify(figures)}\n`, { flag: 'a' });
}
