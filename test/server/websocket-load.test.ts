/**
 * WebSockets under load over real sockets, against a server in a process of its own: slow readers
 * of a broadcast, idle sessions, messages larger than memory, bombs, dead peers, a close in the
 * midst of it. Modest by default; LOAD_FULL=1 runs the full figures, and LOAD_BROADCAST,
 * LOAD_SESSIONS, LOAD_MEBIBYTES, LOAD_BOMBS, LOAD_DEAD and LOAD_CLOSING set each of them.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  connectWebSocket, type Closure, type ConnectOptions, type WebSocketSession,
} from '../../src/index.ts';
import { BINARY, CLOSE, RSV1 } from '../../src/websocket/frame.ts';
import { residentMemory } from '../support/resident-memory.ts';
import { Client, eventually } from '../support/sockets.ts';
import { head } from '../support/vectors.ts';
import { close, frame } from '../support/websocket.ts';
import { askWebSocket, tunnelSession, type StreamPeer } from '../support/websocket-stream.ts';
import { child, type Child, type ChildState } from './child.ts';

const FULL = process.env['LOAD_FULL'] === '1';
const LONG_MS = FULL ? 600_000 : 60_000;
const KIB = 1024;
const MIB = 1024 * KIB;
const MOST = 150 * MIB;

function load(name: string, modest: number, full: number): number {
  return Number(process.env[`LOAD_${name}`] ?? (FULL ? full : modest));
}

/** Prints a figure where all is run in full. */
function figure(text: string): void {
  if (FULL) console.log(text);
}

const mebibytes = (octets: number): string => `${(octets / MIB).toFixed(1)} MiB`;

/** So many of something, a few at once: all at once would overflow the backlog. */
async function crowd<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) {
    const length = Math.min(100, count - made.length);
    made.push(...await Promise.all(Array.from({ length }, make)));
  }
  return made;
}

async function open(
  { port }: Child, path = '/', options?: ConnectOptions,
): Promise<WebSocketSession> {
  const session = await connectWebSocket(`ws://127.0.0.1:${port}${path}`, options);
  onTestFinished(() => session.terminate());
  return session;
}

/** A peer in octets, behind its handshake. */
async function raw({ port }: Child, path = '/', ...lines: readonly string[]): Promise<Client> {
  const client = await Client.connect(port);
  onTestFinished(() => void client.socket.destroy());
  await client.send(head(
    `GET ${path} HTTP/1.1`, 'Host: a', 'Upgrade: websocket', 'Connection: Upgrade',
    'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...lines,
  )).saw('\r\n\r\n');
  client.forget();
  return client;
}

/** What the scripts share: `ends` counts how sessions ended, by code. */
const COMMON = `
  const { webSocket, prepare } = wirestack;
  Object.assign(facts, { sessions: 0, ends: {} });
  function endpoint(give, options) {
    return {
      connectProtocols: ['websocket'],
      handle: webSocket((session) => {
        facts.sessions++;
        session.closed.then(({ code, clean }) => {
          facts.sessions--;
          const key = code + (clean ? ' clean' : '');
          facts.ends[key] = (facts.ends[key] ?? 0) + 1;
        });
        return give(session);
      }, options),
    };
  }
`;

/** Collects garbage when it is told to, and tells what octets are left then. */
const COLLECTED = `
  import v8 from 'node:v8';
  import vm from 'node:vm';
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  facts.collected = 0;
  process.on('SIGUSR2', () => {
    collect();
    facts.collected++;
    facts.octets = process.memoryUsage().arrayBuffers;
  });
`;

/** Its state after some collections. */
async function collected(server: Child): Promise<ChildState> {
  for (let round = 0; ; round++) {
    const state = await server.state();
    if (round === 3) return state;
    server.process.kill('SIGUSR2');
    const before = Number(state.facts['collected']);
    await server.until(({ facts }) => Number(facts['collected']) > before);
  }
}

describe('a broadcast to many', () => {
  const READERS = load('BROADCAST', 50, 1000);
  const SLOW = FULL ? 10 : 5;
  const MESSAGE_BYTES = 32 * KIB;
  const COUNT = 256;
  /** How many messages may be under way. */
  const AHEAD = 8;
  const SERVER = `${COMMON}
    const readers = new Set();
    facts.slow = 0;
    const send = (message) => {
      const prepared = prepare(message);
      for (const one of readers) {
        if (one.trySend(prepared)) continue;
        readers.delete(one);
        facts.slow++;
        one.close(1013, 'a slow reader');
      }
    };
    await serve(endpoint((session) => {
      if (session.request.path === '/publish') return session.onMessage(send);
      readers.add(session);
      session.closed.then(() => readers.delete(session));
    }), { limits: { webSocketCloseMs: 500 } });
  `;

  test(`${READERS - SLOW} have all in order, ${SLOW} who do not read are gone`, async () => {
    const server = await child(SERVER);
    const slow = await crowd(SLOW, () => raw(server));
    for (const { socket } of slow) socket.pause();
    const readers = await crowd(READERS - SLOW, () => open(server));
    const before = residentMemory(server.process).bytes;
    const publisher = await open(server, '/publish');

    /** How many have had each message. */
    const had = Array.from({ length: COUNT }, () => 0);
    const outOfOrder: number[] = [];
    let told = (): void => {};
    for (const reader of readers) {
      let due = 0;
      reader.onMessage((message) => {
        const number = Buffer.from(message as Uint8Array).readUInt32BE(0);
        if (number !== due || message.length !== MESSAGE_BYTES) outOfOrder.push(number);
        due = number + 1;
        had[number] = (had[number] ?? 0) + 1;
        if (had[number] === readers.length) told();
      });
    }
    const started = performance.now();
    for (let round = 0; round < COUNT + AHEAD; round++) {
      if (round >= AHEAD && had[round - AHEAD] !== readers.length) {
        await new Promise<void>((resolve) => {
          told = () => { if (had[round - AHEAD] === readers.length) resolve(); };
        });
      }
      if (round >= COUNT) continue;
      const message = Buffer.alloc(MESSAGE_BYTES, round);
      message.writeUInt32BE(round);
      await publisher.send(message);
    }
    const seconds = (performance.now() - started) / 1000;
    expect(outOfOrder).toEqual([]);
    const { facts, counters } = await server.until(
      (state) => state.facts['sessions'] === READERS - SLOW + 1,
    );
    expect(facts).toMatchObject({ slow: SLOW, ends: { 1006: SLOW } });
    expect(counters.heldBytes).toBe(0);
    expect(readers.every(({ isOpen }) => isOpen)).toBe(true);
    const { bytes, mostBytes } = residentMemory(server.process);
    const rate = Math.round(COUNT * readers.length / seconds);
    figure(`broadcast to ${READERS}: ${rate} messages of 32 KiB a second; memory ` +
      `${mebibytes(before)} before, ${mebibytes(mostBytes)} at most, ${mebibytes(bytes)} after`);
    expect(mostBytes).toBeLessThan(before + MOST + SLOW * 4 * MIB);
  }, LONG_MS);
});

describe('idle sessions', () => {
  const SESSIONS = load('SESSIONS', 300, 5000);
  const OURS = `${COLLECTED} ${COMMON} await serve(endpoint((session) => {
    session.onMessage((message) => session.send(message));
  }), { limits: { webSocketPingMs: 600000, webSocketDeadMs: 600000 } });`;
  const OUR_HTTP = `${COLLECTED}
    await serve(() => new HttpResponse(200, {}, 'hello'), { limits: { idleMs: 600000 } });
  `;
  const NODES = `${COLLECTED}
    import { createServer as nodeServer } from 'node:http';
    const server = nodeServer({ keepAliveTimeout: 600000 }, (_, answer) => answer.end('hello'));
    server.listen(0, '127.0.0.1', 10000, () => {
      process.send({ port: server.address().port });
    });
  `;

  /** Octets a connection costs, of so many that have said something once. */
  async function cost(script: string, begin: (server: Child) => Promise<unknown>): Promise<number> {
    const server = await child(script);
    const settled = async (): Promise<number> => {
      await collected(server);
      return residentMemory(server.process).bytes;
    };
    // What the first ones need is everybody's.
    await crowd(50, () => begin(server));
    const before = await settled();
    await crowd(SESSIONS, () => begin(server));
    const after = await settled();
    return (after - before) / SESSIONS;
  }

  async function httpBegin({ port }: Child): Promise<void> {
    const client = await Client.connect(port);
    onTestFinished(() => void client.socket.destroy());
    await client.send(head('GET / HTTP/1.1', 'Host: a')).saw('hello');
  }

  async function webSocketBegin(server: Child): Promise<void> {
    const client = await raw(server);
    await client.send(frame(BINARY, 'hello')).saw('hello');
  }

  const kibibytes = (octets: number): string => `${(octets / KIB).toFixed(1)} KiB`;

  test(`${SESSIONS} cost little, beside connections of HTTP`, async () => {
    const ours = await cost(OURS, webSocketBegin);
    const ourHttp = await cost(OUR_HTTP, httpBegin);
    const nodes = await cost(NODES, httpBegin);
    figure(`${SESSIONS} idle: ${kibibytes(ours)} a session; a connection with keep-alive ` +
      `${kibibytes(ourHttp)}, of node:http ${kibibytes(nodes)}`);
    expect(ours).toBeLessThan(64 * KIB);
  }, LONG_MS);
});

describe('a message larger than memory', () => {
  const BYTES = load('MEBIBYTES', 32, 1024) * MIB;
  const PIECE_BYTES = 64 * KIB;
  const LIMITS = { webSocketMessageBytes: 2 ** 31, webSocketFragments: Infinity };
  const SERVER = `${COMMON}
    await serve(endpoint(async (session) => {
      for await (const message of session.streams()) await session.send(message);
    }, { limits: { webSocketMessageBytes: 2 ** 31, webSocketFragments: Infinity } }));
  `;

  test(`${BYTES / MIB} MiB stream up and back`, async () => {
    const server = await child(SERVER);
    const session = await open(server, '/', { limits: LIMITS });
    const sent = createHash('sha256');
    const started = performance.now();
    const pieces = async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < BYTES; at += PIECE_BYTES) {
        const piece = Buffer.alloc(PIECE_BYTES, at / PIECE_BYTES);
        piece.writeUInt32BE(at);
        sent.update(piece);
        yield piece;
      }
    };
    const sending = session.send(pieces());
    const received = createHash('sha256');
    let octets = 0;
    for await (const message of session.streams()) {
      for await (const piece of message) {
        received.update(piece);
        octets += piece.length;
      }
      break;
    }
    await sending;
    expect([octets, received.digest('hex')]).toEqual([BYTES, sent.digest('hex')]);
    const { mostBytes } = residentMemory(server.process);
    const seconds = (performance.now() - started) / 1000;
    figure(`${BYTES / MIB} MiB up and back: ${mebibytes(mostBytes)} at most, ` +
      `${mebibytes(BYTES / seconds)}/s each way`);
    expect(mostBytes).toBeLessThan(MOST);
    expect(await session.close()).toMatchObject({ clean: true });
  }, LONG_MS);
});

describe('RFC 7692 §8 a message that inflates a thousand times', () => {
  const PEERS = load('BOMBS', 20, 100);
  const SERVER = `${COLLECTED} ${COMMON}
    const sessions = [];
    await serve(endpoint((session) => {
      // As a program that keeps a list of all that ever came.
      sessions.push(session);
      session.onMessage(() => {});
    }, { deflate: true }));
  `;

  test(`64 KiB on ${PEERS} connections: 1009, and nothing is left of them`, async () => {
    const server = await child(SERVER);
    const offer = 'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; ' +
      'server_no_context_takeover';
    const peers = await crowd(PEERS, () => raw(server, '/', offer));
    const before = residentMemory(server.process).bytes;
    const options = { finishFlush: constants.Z_SYNC_FLUSH, level: 9 };
    const bomb = deflateRawSync(Buffer.alloc(64 * MIB), options).subarray(0, -4);
    expect(bomb.length).toBeGreaterThan(60 * KIB);
    const octets = frame(BINARY, bomb, { reserved: RSV1 });
    for (const peer of peers) peer.send(octets);
    await Promise.all(peers.map((peer) => peer.saw('\x03\xf1')));
    for (const peer of peers) peer.socket.end();
    const { facts, counters } = await server.until((state) => state.facts['sessions'] === 0);
    expect(facts['ends']).toEqual({ 1009: PEERS });
    expect(counters.heldBytes).toBe(0);
    const left = Number((await collected(server)).facts['octets']);
    const { mostBytes } = residentMemory(server.process);
    figure(`${PEERS} bombs of 64 MiB: ${mebibytes(before)} before, ${mebibytes(mostBytes)} at ` +
      `most; ${mebibytes(left)} of octets are left`);
    expect(left).toBeLessThan(PEERS * 100 * KIB);
    expect(mostBytes).toBeLessThan(MOST);
  }, LONG_MS);
});

describe('dead peers', () => {
  const PEERS = load('DEAD', 50, 500);
  const SERVER = `${COMMON}
    await serve(endpoint(() => {}), {
      limits: { webSocketPingMs: 1000, webSocketDeadMs: 3000 },
    });
  `;

  test(`${PEERS} that neither read nor answer are gone at webSocketDeadMs`, async () => {
    const server = await child(SERVER);
    const alive = await open(server);
    const peers = await crowd(PEERS, async () => {
      const client = await raw(server);
      client.socket.pause();
      return client;
    });
    expect((await server.state()).counters.accepted).toBe(PEERS + 1);
    const { facts, counters } = await server.until((state) => state.counters.connections === 1);
    expect(facts).toMatchObject({ sessions: 1, ends: { 1006: PEERS } });
    expect(counters.heldBytes).toBe(0);
    // Who answers pings stays.
    expect(alive.isOpen).toBe(true);
    await alive.ping();
    for (const { socket } of peers) socket.destroy();
  }, LONG_MS);
});

describe('SIGTERM in the midst of it', () => {
  const SESSIONS = load('CLOSING', 40, 300);
  const PER_CONNECTION = 10;
  const MESSAGES = 20;
  const MESSAGE_BYTES = 8 * KIB;
  const SERVER = `${COMMON}
    const busy = [];
    const server = await serve(endpoint((session) => {
      if (session.request.path === '/busy') busy.push(session);
      session.onMessage((message) => session.send(message));
    }));
    server.on('drain', ({ stage }) => { if (stage === 'forced') process.exitCode = 3; });
    process.on('SIGTERM', () => {
      for (const session of busy) {
        for (let number = 0; number < ${MESSAGES}; number++) {
          session.send('last ' + number + ' ' + 'x'.repeat(${MESSAGE_BYTES}));
        }
      }
      server.close();
    });
  `;

  interface Ended {
    readonly closure: Closure;
    /** Numbers of the last messages. */
    readonly last: readonly number[];
  }

  const LAST = new RegExp(`^last (\\d+) x{${MESSAGE_BYTES}}$`);
  const numberOf = (text: string): number => Number(LAST.exec(text)?.[1] ?? NaN);

  /** Talks, where it is busy, until the server says Close. */
  async function http1(server: Child, path: string): Promise<() => Promise<Ended>> {
    const session = await open(server, path);
    const last: number[] = [];
    const read = async (): Promise<void> => {
      for await (const message of session) {
        if (String(message).startsWith('last')) last.push(numberOf(String(message)));
        else if (session.isOpen) void session.send(message);
      }
    };
    const done = read();
    if (path === '/busy') await session.send('ball');
    return async () => {
      await done;
      return { closure: await session.closed, last };
    };
  }

  function ended({ frames }: StreamPeer): Ended {
    const texts = frames.slice(0, -1).map(({ payload }) => `${payload}`);
    const last = texts.filter((text) => text.startsWith('last')).map(numberOf);
    const end = frames.at(-1);
    const code = end?.opcode === CLOSE ? end.payload.readUInt16BE(0) : 0;
    return { closure: { code, reason: `${end?.payload.subarray(2)}`, clean: true }, last };
  }

  async function http2(server: Child, path: string): Promise<(() => Promise<Ended>)[]> {
    const on = await tunnelSession(server.port);
    return Promise.all(Array.from({ length: PER_CONNECTION }, async () => {
      const peer = await askWebSocket(on, path);
      expect(peer.status).toBe(200);
      if (path === '/busy') peer.send(frame(1, 'ball'));
      return async () => {
        await eventually(() => peer.frames.at(-1)?.opcode === CLOSE, 'Close came');
        peer.send(close(1001));
        peer.stream.end();
        await peer.gone;
        expect(peer.stream.rstCode).toBe(0);
        return ended(peer);
      };
    }));
  }

  test(`${SESSIONS} sessions: Close 1001 behind all that was sent, and status 0`, async () => {
    const server = await child(SERVER);
    const ways: [boolean, () => Promise<Ended>][] = [];
    for (let made = 0; ways.length < SESSIONS; made++) {
      const path = made % 2 === 0 ? '/busy' : '/idle';
      const some = made % 4 < 2
        ? await Promise.all(Array.from({ length: PER_CONNECTION }, () => http1(server, path)))
        : await http2(server, path);
      for (const way of some) ways.push([path === '/busy', way]);
    }
    expect((await server.state()).facts['sessions']).toBe(SESSIONS);
    const started = performance.now();
    server.process.kill('SIGTERM');
    const ends = await Promise.all(ways.map(([, way]) => way()));
    const all = Array.from({ length: MESSAGES }, (_, number) => number);
    expect(ends).toEqual(ways.map(([isBusy]) => ({
      closure: { code: 1001, reason: 'the server is closing', clean: true },
      last: isBusy ? all : [],
    })));
    expect(await server.exited).toEqual({ code: 0, signal: null });
    figure(`${SESSIONS} sessions closed in ${Math.round(performance.now() - started)} ms`);
  }, LONG_MS);
});
