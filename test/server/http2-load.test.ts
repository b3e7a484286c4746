/**
 * HTTP/2 under load over real sockets, against a server in a process of its own: what large
 * contents, slow readers and slow writers cost it, and what they cost their neighbours. Modest by
 * default; LOAD_FULL=1 runs the full figures, and LOAD_MEBIBYTES, LOAD_SIDE_MEBIBYTES,
 * LOAD_READERS, LOAD_UPLOAD_MEBIBYTES and LOAD_SLOW set each of them.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Octets } from '../../examples/support/octets.ts';
import {
  CONTINUATION, END_HEADERS, END_STREAM, PREFACE, SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_MAX,
} from '../../src/http2/frame.ts';
import { Http2Peer, OPEN_GREETING } from '../support/http2-peer.ts';
import { ask, begin, replyOf, session } from '../support/http2-sockets.ts';
import {
  GREETING, fieldsOf, frame, get, headers, join, ping, settings,
} from '../support/http2.ts';
import { startExample, type Example } from '../support/process.ts';
import { residentMemory } from '../support/resident-memory.ts';
import { child } from './child.ts';

const FULL = process.env['LOAD_FULL'] === '1';
const LONG_MS = FULL ? 600_000 : 60_000;
const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const PIECE_BYTES = 64 * KIBIBYTE;
const MOST = 150 * MEBIBYTE;

function load(name: string, modest: number, full: number): number {
  return Number(process.env[`LOAD_${name}`] ?? (FULL ? full : modest));
}

function target(): Promise<Example> {
  return startExample(onTestFinished, 'target', '--port', '0');
}

/** A session whose windows let much come at once. */
async function wideSession(port: number, windowBytes = 4 * MEBIBYTE): Promise<ClientHttp2Session> {
  const on = await session(port, { settings: { initialWindowSize: windowBytes } });
  on.setLocalWindowSize(windowBytes);
  return on;
}

/** The digest of what `/bytes/:n` answers, and of what `upload` sends. */
function digestOf(bytes: number): string {
  const hash = createHash('sha256');
  const octets = new Octets(0, bytes - 1);
  for (let piece = octets.pull(PIECE_BYTES); piece !== null; piece = octets.pull(PIECE_BYTES)) {
    hash.update(piece);
  }
  return hash.digest('hex');
}

async function download(on: ClientHttp2Session, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of begin(on, `/bytes/${bytes}`)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** What `/digest` says of so many octets, sent as fast as they are taken. */
async function upload(on: ClientHttp2Session, bytes: number): Promise<string> {
  const stream = on.request({ ':path': '/digest', ':method': 'POST' }, { endStream: false });
  const reply = replyOf(stream);
  await write(stream, bytes);
  stream.end();
  const digest = JSON.parse((await reply).body) as { bytes: number; sha256: string };
  expect(digest.bytes).toBe(bytes);
  return digest.sha256;
}

async function write(stream: ClientHttp2Stream, bytes: number): Promise<void> {
  const octets = new Octets(0, bytes - 1);
  for (let piece = octets.pull(PIECE_BYTES); piece !== null; piece = octets.pull(PIECE_BYTES)) {
    if (!stream.write(piece)) await once(stream, 'drain');
  }
}

describe('large contents arrive whole, at a small cost in memory', () => {
  const ONE = load('MEBIBYTES', 32, 1024) * MEBIBYTE;
  const EACH = load('SIDE_MEBIBYTES', 0.25, 10) * MEBIBYTE;
  const STREAMS = 100;

  test.each([
    ['down', download, 1, ONE], ['up', upload, 1, ONE],
    [`down on ${STREAMS} streams`, download, STREAMS, EACH],
    [`up on ${STREAMS} streams`, upload, STREAMS, EACH],
  ] as const)('%s', async (_, transfer, streams, bytes) => {
    const server = await target();
    const on = await wideSession(server.port);
    const digests = await Promise.all(Array.from({ length: streams }, () => transfer(on, bytes)));
    expect(new Set(digests)).toEqual(new Set([digestOf(bytes)]));
    const { mostBytes } = residentMemory(server.process);
    expect(mostBytes).toBeLessThan(MOST);
  }, LONG_MS);
});

describe('C20, C25 a client that asks and never reads', () => {
  const WRITE_STALL_MS = 500;
  const STREAMS = 100;
  const READERS = load('READERS', 10, 100);

  /** Endless answers; what was pulled for each connection, less what the kernel took of it. */
  const SERVER = `
    import { subscribe } from 'node:diagnostics_channel';
    const held = new Map();
    Object.assign(facts, { mostHeld: 0, begun: 0, cancelled: 0 });
    subscribe('net.server.socket', ({ socket }) => {
      held.set(socket.remotePort, { socket, pulled: 0 });
    });
    class Endless {
      length = undefined;
      #of;
      constructor(of) { this.#of = of; facts.begun++; }
      pull(max) {
        const of = this.#of;
        of.pulled += max;
        const taken = of.socket.bytesWritten - of.socket.writableLength;
        facts.mostHeld = Math.max(facts.mostHeld, of.pulled - taken);
        return new Uint8Array(max).fill(120);
      }
      cancel() { facts.cancelled++; }
    }
    await serve(({ peer }) => new HttpResponse(200, {}, new Endless(held.get(peer.port))),
      { limits: { writeStallMs: ${WRITE_STALL_MS} } });
  `;

  const requests = (count: number): Uint8Array =>
    join(...Array.from({ length: count }, (_, index) => get(2 * index + 1)));

  test.each([
    ['on one stream', OPEN_GREETING, 1], [`on ${STREAMS} streams`, OPEN_GREETING, STREAMS],
  ])('%s: at most 1 MiB is held, until writeStallMs', async (_, hello, streams) => {
    const server = await child(SERVER);
    const peer = await Http2Peer.connect(server.port);
    peer.socket.pause();
    peer.send(hello, requests(streams));
    await server.until(({ facts }) => facts['begun'] === streams);
    const { facts, counters } = await server.until((state) => state.counters.connections === 0);
    expect(facts).toMatchObject({ begun: streams, cancelled: streams });
    expect(facts['mostHeld']).toBeGreaterThan(0);
    expect(facts['mostHeld']).toBeLessThanOrEqual(MEBIBYTE);
    expect(counters.heldBytes).toBe(0);
  }, LONG_MS);

  test.each([
    ['of an octet', join(GREETING, settings([[SETTINGS_INITIAL_WINDOW_SIZE, 1]]))],
    ['of the connection', join(PREFACE, settings([[SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_MAX]]))],
  ])('windows %s: at most 1 MiB is held, until writeStallMs', async (_, hello) => {
    const server = await child(SERVER);
    const peer = (await Http2Peer.connect(server.port)).send(hello);
    for (let asked = 1; asked <= STREAMS; asked++) {
      // One read each, so that each has its turn.
      peer.send(get(2 * asked - 1), ping());
      while (peer.tally.pingAcks < asked) await once(peer.socket, 'data');
    }
    const { facts } = await server.until((state) => state.facts['cancelled'] === STREAMS);
    expect(facts['begun']).toBe(STREAMS);
    expect(facts['mostHeld']).toBeGreaterThan(0);
    expect(facts['mostHeld']).toBeLessThanOrEqual(MEBIBYTE);
  }, LONG_MS);

  test(`${READERS} of them cost a MiB each`, async () => {
    const server = await child(SERVER);
    const peers = await Http2Peer.crowd(server.port, READERS);
    for (const peer of peers) {
      peer.socket.pause();
      peer.send(OPEN_GREETING, requests(STREAMS));
    }
    await server.until(({ facts }) => facts['begun'] === READERS * STREAMS);
    await server.until(({ counters }) => counters.connections === 0);
    const { mostBytes } = residentMemory(server.process);
    expect(mostBytes).toBeLessThan(MOST + READERS * MEBIBYTE);
  }, LONG_MS);
});

describe('an upload that no handler reads', () => {
  const EACH = load('UPLOAD_MEBIBYTES', 0.5, 20) * MEBIBYTE;
  const UPLOADS = 20;
  const SERVER = `
    import { createHash } from 'node:crypto';
    facts.read = 0;
    await serve(async (request) => {
      const hash = createHash('sha256');
      let bytes = 0;
      const most = Number(request.query || 'Infinity');
      while (bytes < most) {
        const piece = await request.body.pull(65536);
        if (piece === null) break;
        bytes += piece.length;
        hash.update(piece);
      }
      if (most < Infinity) {
        facts.read = bytes;
        await new Promise(() => {});
      }
      return new HttpResponse(200, {}, JSON.stringify({ bytes, sha256: hash.digest('hex') }));
    });
  `;

  test.each([
    ['at all', 0], ['beyond 4 MiB', 4 * MEBIBYTE],
  ])('%s: others beside it finish', async (_, most) => {
    const server = await child(SERVER);
    const on = await wideSession(server.port);
    const idle = on.request({ ':path': `/?${most}`, ':method': 'POST' }, { endStream: false });
    idle.on('error', () => {});
    // It ends with the session, in the midst of its content.
    void write(idle, 64 * MEBIBYTE);
    await server.until(({ facts }) => Number(facts['read']) >= most);
    const digests = await Promise.all(Array.from({ length: UPLOADS }, () => upload(on, EACH)));
    expect(new Set(digests)).toEqual(new Set([digestOf(EACH)]));
    const { counters } = await server.state();
    expect(counters.heldBytes).toBeGreaterThan(0);
    expect(counters.heldBytes).toBeLessThanOrEqual(MEBIBYTE);
  }, LONG_MS);
});

describe('C50 a long answer', () => {
  const ONE = load('MEBIBYTES', 64, 1024) * MEBIBYTE;
  const WINDOW_BYTES = MEBIBYTE;
  const SHORT = 99;
  const ROUND_BYTES = 8 * MEBIBYTE;

  test(`${SHORT} short ones beside it come before much more of it, again and again`, async () => {
    const server = await target();
    const on = await wideSession(server.port, WINDOW_BYTES);
    let received = 0;
    /** Octets of the long answer that came while each short one was asked for and came. */
    const passed: number[] = [];
    const round = async (since: number): Promise<void> => {
      await Promise.all(Array.from({ length: SHORT }, async () => {
        expect((await ask(on, '/bytes/1000')).body).toHaveLength(1000);
        passed.push(received - since);
      }));
    };
    const rounds: Promise<void>[] = [];
    for await (const piece of begin(on, `/bytes/${ONE}`)) {
      received += (piece as Buffer).length;
      if (received > (rounds.length + 1) * ROUND_BYTES) rounds.push(round(received));
    }
    await Promise.all(rounds);
    expect(received).toBe(ONE);
    expect(passed).toHaveLength((ONE / ROUND_BYTES - 1) * SHORT);
    // What was on its way when they were asked for, and as much again.
    expect(Math.max(...passed)).toBeLessThanOrEqual(2 * WINDOW_BYTES);
  }, LONG_MS);
});

describe('C1, C9, C14 slow clients are gone at their deadlines', () => {
  const LIMIT_MS = FULL ? 5000 : 500;
  const IDLE_MS = 10 * LIMIT_MS;
  // Slow enough for a tick to come before the preface is whole.
  const DRIBBLE_MS = LIMIT_MS / 8;
  const EACH = load('SLOW', 10, 50);
  const SERVER = `await serve(async ({ path }) => {
    if (path === '/slow') await new Promise(() => {});
    return new HttpResponse(200, {}, 'hello');
  }, { limits: {
    firstOctetMs: ${LIMIT_MS}, headMs: ${LIMIT_MS}, http2PrefaceMs: ${LIMIT_MS},
    http2SettingsMs: ${LIMIT_MS}, idleMs: ${IDLE_MS},
  } });`;
  const BLOCK_LATE = 'PROTOCOL_ERROR a frame or a field block took longer than headMs';
  const ONE_LIVES = join(GREETING, get(1, '/slow'));

  interface Slow {
    readonly name: string;
    /** At once, and then octet by octet. */
    readonly first: Uint8Array;
    readonly then: Uint8Array;
    /** What GOAWAY says, where there is one. */
    readonly end: string;
  }

  /** Octets of which some come at once, and the others one by one. */
  function cut(name: string, octets: Uint8Array, at: number, end: string): Slow {
    return { name, first: octets.subarray(0, at), then: octets.subarray(at), end };
  }

  const OPEN_BLOCK = join(GREETING, headers(1, fieldsOf('GET'), END_STREAM));
  const CONTINUED = cut(
    'CONTINUATION', join(OPEN_BLOCK, frame(CONTINUATION, END_HEADERS, 1, 'x'.repeat(1000))),
    OPEN_BLOCK.length, BLOCK_LATE,
  );

  async function dribbling(port: number, { first, then }: Slow): Promise<Http2Peer> {
    const peer = (await Http2Peer.connect(port)).send(first);
    let at = 0;
    const dribble = setInterval(() => {
      if (!peer.ended) peer.send(then.subarray(at, ++at));
    }, DRIBBLE_MS);
    onTestFinished(() => clearInterval(dribble));
    return peer;
  }

  type Ends = Record<string, readonly string[]>;

  /** How `kinds` had ended when a slow client that came after them did. */
  async function endsOf(kinds: readonly Slow[]): Promise<Ends> {
    const server = await child(SERVER);
    const other = await session(server.port);
    const peers = new Map<string, Http2Peer[]>();
    for (const kind of kinds) {
      const crowd = Array.from({ length: EACH }, () => dribbling(server.port, kind));
      peers.set(kind.name, await Promise.all(crowd));
    }
    await ask(other, '/');
    const last = await dribbling(server.port, CONTINUED);
    while (!last.ended) expect((await ask(other, '/')).status).toBe(200);
    await ask(other, '/');
    return Object.fromEntries([...peers].map(([name, crowd]) => [
      name, [...new Set(crowd.map(({ ended, goaway = '' }) => (ended ? goaway : 'still there')))],
    ]));
  }

  const expected = (kinds: readonly Slow[]): Ends =>
    Object.fromEntries(kinds.map(({ name, end }) => [name, [end]]));

  const SETTINGS_LATE = 'SETTINGS_TIMEOUT SETTINGS was not acknowledged in time (RFC 9113 S6.5.3)';
  const UNACKNOWLEDGED = join(PREFACE, settings(), get(1));
  const LONG_SETTINGS = join(PREFACE, settings(Array.from({ length: 10 }, () => [0x99, 1])));
  const KINDS: readonly Slow[] = [
    cut('the preface', PREFACE, 1, ''),
    cut('SETTINGS', LONG_SETTINGS, PREFACE.length + 1,
      'PROTOCOL_ERROR no preface in time (RFC 9113 S3.4)'),
    cut('no acknowledgement', UNACKNOWLEDGED, UNACKNOWLEDGED.length, SETTINGS_LATE),
    CONTINUED,
  ];

  test(`${EACH} of each kind, octet by octet, beside one that is served`, async () => {
    expect(await endsOf(KINDS)).toEqual(expected(KINDS));
  }, LONG_MS);

  const LONG_HEAD = [['x', 'y'.repeat(1000)]] as const;

  test('a field block in one frame is late when one in many is', async () => {
    // The header of the frame comes at once, and an octet.
    const kinds = [
      cut('HEADERS', join(GREETING, get(1, '/', LONG_HEAD)), GREETING.length + 10, BLOCK_LATE),
      cut('HEADERS beside a stream that lives', join(ONE_LIVES, get(3, '/', LONG_HEAD)),
        ONE_LIVES.length + 10, BLOCK_LATE),
    ];
    expect(await endsOf(kinds)).toEqual(expected(kinds));
  }, LONG_MS);
});
