/**
 * One ledger for every protocol (limits.ts, `heldBytes`): octets held for peers are counted alike
 * in clear text and under TLS, and bound what is begun. LOAD_HOLDERS sets how many clients try.
 */
import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { describe, expect, test } from 'vitest';
import type { BodySource, Handler, Limits, Server } from '../../src/index.ts';
import { HttpResponse } from '../../src/index.ts';
import { deferred } from '../support/deferred.ts';
import { ask, ping, type Reply } from '../support/http2-sockets.ts';
import { Http2Peer, OPEN_GREETING } from '../support/http2-peer.ts';
import { data, join, ping as http2Ping, post } from '../support/http2.ts';
import { residentMemory } from '../support/resident-memory.ts';
import {
  BOTH, HeldSocket, opened, openedSession, sessionThrough,
} from '../support/secure-place.ts';
import { eventually, serve, type Client } from '../support/sockets.ts';
import { child } from './child.ts';

const LONG_MS = 60_000;
const HOLDERS = Number(process.env['LOAD_HOLDERS'] ?? 200);
const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const GET = 'GET /endless HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
const WINDOW_MAX = 2 ** 31 - 1;
const UPLOAD_BYTES = 128 * KIBIBYTE;
const UPLOAD = 'x'.repeat(UPLOAD_BYTES);
const POST = `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`;

/** Answers without an end, until it is let go. */
class Endless implements BodySource {
  readonly length = undefined;
  readonly #over: () => boolean;

  constructor(over: () => boolean) {
    this.#over = over;
  }

  pull(max: number): Uint8Array | null {
    return this.#over() ? null : new Uint8Array(max).fill(120);
  }

  cancel(): void {
    // Nothing is held.
  }
}

interface Holding {
  readonly server: Server;
  /** Handlers that were called. */
  readonly begun: number;
  /** Lets answers begin; lets uploads be read, and answers end. */
  start(): void;
  letGo(): void;
}

/** A server whose handlers read nothing and answer without an end, until they are let go. */
async function holding(limits: Partial<Limits> = {}): Promise<Holding> {
  const started = deferred<void>();
  const over = deferred<void>();
  let isOver = false;
  let begun = 0;
  const handler: Handler = async ({ path, body, signal }) => {
    begun++;
    if (path === '/endless') {
      await started.promise;
      return new HttpResponse(200, {}, new Endless(() => isOver));
    }
    if (path === '/upload') {
      await Promise.race([over.promise, once(signal, 'abort')]);
      return new HttpResponse(200, {}, String((await body.bytes()).length));
    }
    return new HttpResponse(200, {}, 'hello');
  };
  const server = await serve(handler, { tls: BOTH, limits });
  return {
    server,
    get begun() { return begun; },
    start: () => started.resolve(),
    letGo: () => {
      isOver = true;
      over.resolve();
    },
  };
}

/** A peer that makes the server hold octets, and what it gets when it is let go. */
interface Holder {
  /** Resolves to what the answer was: a status and octets of content. */
  outcome(): Promise<readonly [number, string | number]>;
  leave(): void;
}

async function uploadOnHttp1(port: number, secure: boolean): Promise<Holder> {
  const client = (await opened(port, secure)).send(POST + UPLOAD);
  return {
    outcome: async () => {
      const [answer] = await client.answered(1);
      return [answer?.status ?? 0, answer?.body ?? ''];
    },
    leave: () => void client.socket.destroy(),
  };
}

async function answerOnHttp1(port: number, secure: boolean): Promise<Holder> {
  const client = await opened(port, secure);
  client.socket.pause();
  client.send(GET);
  return {
    outcome: async () => {
      client.socket.resume();
      await client.sawEnd();
      const [answer] = client.answers();
      return [answer?.status ?? 0, answer?.whole === true ? 'endless' : 'cut'];
    },
    leave: () => void client.socket.destroy(),
  };
}

async function uploadOnHttp2(port: number, secure: boolean): Promise<Holder> {
  const on = await openedSession(port, secure);
  const reply = upload(on);
  reply.catch(() => {});
  return {
    outcome: async () => {
      const { status, body } = await reply;
      return [status, body];
    },
    leave: () => on.destroy(),
  };
}

function upload(on: ClientHttp2Session): Promise<Reply> {
  return ask(on, { ':path': '/upload', ':method': 'POST' }, { content: UPLOAD });
}

/** As many uploads on a session as may hold a MiB. */
async function uploadsOnHttp2(port: number, secure: boolean): Promise<Holder> {
  const on = await openedSession(port, secure);
  for (let held = 0; held < MEBIBYTE; held += UPLOAD_BYTES) upload(on).catch(() => {});
  return { outcome: () => Promise.resolve([0, '']), leave: () => on.destroy() };
}

/** With windows that let much come, on a socket that takes nothing. */
async function answerOnHttp2(port: number, secure: boolean): Promise<Holder> {
  const socket = await HeldSocket.connect(port, Infinity);
  const on = sessionThrough(socket, secure, { settings: { initialWindowSize: WINDOW_MAX } });
  await once(on, 'remoteSettings');
  on.setLocalWindowSize(WINDOW_MAX);
  const stream = on.request({ ':path': '/endless' });
  const reply = statusOf(stream);
  reply.catch(() => {});
  // The windows are on their way, and the request is.
  await ping(on);
  socket.takes = false;
  return {
    outcome: async () => {
      socket.takes = true;
      return [await reply, 'endless'];
    },
    leave: () => on.destroy(),
  };
}

/** Its status, once all of it has come. */
function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    let status = 0;
    stream.on('response', (fields) => status = Number(fields[':status']));
    stream.on('end', () => resolve(status));
    stream.on('error', reject);
    stream.resume();
  });
}

const HTTP1_UPLOAD = ['HTTP/1.1, content that no handler reads', uploadOnHttp1] as const;
const HTTP2_UPLOAD = ['HTTP/2, content that no handler reads', uploadOnHttp2] as const;
const KINDS = [
  HTTP1_UPLOAD, ['HTTP/1.1, an answer that its peer does not take', answerOnHttp1],
  HTTP2_UPLOAD, ['HTTP/2, an answer that its peer does not take', answerOnHttp2],
] as const;
const PLACES = KINDS.flatMap(([name, hold]) => [
  [`${name}, in clear text`, hold, false], [`${name}, under TLS`, hold, true],
] as const);

describe('heldBytes', () => {
  test.each(PLACES)('rises by %s, and is 0 when that is gone', async (_, hold, secure) => {
    const { server, start } = await holding();
    start();
    const holders = [await hold(server.port, secure), await hold(server.port, secure)];
    await eventually(() => server.counters.heldBytes >= UPLOAD_BYTES, 'octets are held');
    for (const holder of holders) holder.leave();
    await eventually(() => server.counters.connections === 0, 'all are gone');
    expect(server.counters.heldBytes).toBe(0);
  });

  test('is the same in clear text and under TLS, to the octet', async () => {
    const held: number[] = [];
    for (const secure of [false, true]) {
      const { server, letGo } = await holding();
      const holders = [
        await uploadOnHttp1(server.port, secure), await uploadOnHttp2(server.port, secure),
      ];
      await eventually(() => server.counters.heldBytes >= 2 * UPLOAD_BYTES, 'all has come');
      held.push(server.counters.heldBytes);
      letGo();
      await Promise.all(holders.map((holder) => holder.outcome()));
    }
    expect(held).toEqual([2 * UPLOAD_BYTES, 2 * UPLOAD_BYTES]);
  });
});

describe('over limits.heldBytes', () => {
  const HELD = 5;

  async function answerTo(client: Client): Promise<readonly unknown[]> {
    const [answer] = await client.send(GET.replace('/endless', '/')).answered(1);
    return [answer?.status, answer?.fields.get('retry-after')];
  }

  /** A status, or the code of a reset. */
  const fateOf = (on: ClientHttp2Session): Promise<number | string> =>
    ask(on).then(({ status }) => status, (error: Error & { code?: string }) => error.message);

  test.each(PLACES)('%s: the new is refused, the begun goes on', async (_, hold, secure) => {
    const heldBytes = (HELD - 1) * UPLOAD_BYTES;
    const held = await holding({ heldBytes });
    const { server } = held;
    const clear = await openedSession(server.port, false);
    const tls = await openedSession(server.port, true);
    expect([await fateOf(clear), await fateOf(tls)]).toEqual([200, 200]);
    const uploads = hold === uploadOnHttp1 || hold === uploadOnHttp2;
    const holders: Holder[] = [];
    while (holders.length < HELD) {
      holders.push(await hold(server.port, secure));
      const least = uploads ? holders.length * UPLOAD_BYTES : 0;
      await eventually(() => held.begun === 2 + holders.length, 'it has begun');
      await eventually(() => server.counters.heldBytes >= least, 'its content is held');
    }
    held.start();
    await eventually(() => server.counters.heldBytes > heldBytes, 'it is over the limit');
    expect(await answerTo(await opened(server.port, false))).toEqual([503, '1']);
    expect(await answerTo(await opened(server.port, true))).toEqual([503, '1']);
    const refused = expect.stringMatching(/code 7|REFUSED_STREAM/);
    expect([await fateOf(clear), await fateOf(tls)]).toEqual([refused, refused]);
    expect([clear.closed, tls.closed]).toEqual([false, false]);

    held.letGo();
    const outcomes = await Promise.all(holders.map((holder) => holder.outcome()));
    const content = uploads ? `${UPLOAD_BYTES}` : 'endless';
    expect(outcomes).toEqual(holders.map(() => [200, content]));
    await eventually(() => server.counters.heldBytes === 0, 'nothing is held');
    expect([await fateOf(clear), await fateOf(tls)]).toEqual([200, 200]);
    for (const place of [false, true]) {
      expect(await answerTo(await opened(server.port, place))).toEqual([200, undefined]);
    }
  });
});

describe(`${HOLDERS} clients that make a server hold all they can`, () => {
  const HELD_BYTES = 8 * MEBIBYTE;
  /** What a process grows by for so many connections, most of them under TLS or with windows. */
  const GROWTH_BYTES = 100 * MEBIBYTE;
  const KINDS_AT_ONCE = [uploadOnHttp1, answerOnHttp1, uploadsOnHttp2, answerOnHttp2];
  const SERVER = `
    facts.most = 0;
    class Endless {
      length = undefined;
      pull(max) { return new Uint8Array(max).fill(120); }
      cancel() {}
    }
    const server = await serve(async ({ path, signal }) => {
      if (path === '/endless') return new HttpResponse(200, {}, new Endless());
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return new HttpResponse(200, {}, 'too late');
    }, ${JSON.stringify({ tls: BOTH, limits: { heldBytes: HELD_BYTES } })});
    const look = () => facts.most = Math.max(facts.most, server.counters.heldBytes);
    setInterval(look, 1).unref();
  `;

  test('its memory is bounded, and all is given back', async () => {
    const server = await child(SERVER);
    const before = residentMemory(server.process).bytes;
    const holders: Holder[] = [];
    while (holders.length < HOLDERS) {
      holders.push(...await Promise.all([false, true].flatMap((secure) => (
        KINDS_AT_ONCE.map((hold) => hold(server.port, secure))
      ))));
    }
    await server.until(({ counters }) => counters.heldBytes > HELD_BYTES);
    const { mostBytes } = residentMemory(server.process);
    for (const holder of holders) holder.leave();
    const { counters, facts } = await server.until((state) => state.counters.connections === 0);
    expect(counters.heldBytes).toBe(0);
    expect(facts['most']).toBeLessThan(2 * HELD_BYTES);
    expect(mostBytes - before).toBeLessThan(GROWTH_BYTES);
  }, LONG_MS);

  test('so it is where all are begun before any content comes', async () => {
    const STREAMS = 100;
    const server = await child(SERVER);
    const peers = await Http2Peer.crowd(server.port, HOLDERS);
    const ids = Array.from({ length: STREAMS }, (_, index) => 2 * index + 1);
    const heads = join(OPEN_GREETING, ...ids.map((id) => post(id)));
    const content = join(...ids.map((id) => data(id, 'x'.repeat(16 * KIBIBYTE))));
    for (const peer of peers) peer.send(heads, http2Ping());
    await eventually(() => peers.every(({ tally }) => tally.pingAcks > 0), 'all are begun');
    for (const peer of peers) peer.send(content, http2Ping());
    const seen = ({ tally, closed }: Http2Peer): boolean => closed || tally.pingAcks > 1;
    await eventually(() => peers.every(seen), 'all has come, or its connection is gone');
    expect((await server.state()).facts['most']).toBeLessThan(4 * HELD_BYTES);
  }, LONG_MS);
});
