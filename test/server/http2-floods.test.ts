/**
 * Floods over real sockets, against a server in a process of its own: each connection ends with a
 * GOAWAY that names the budget, others are answered throughout, and no memory is left behind.
 * Modest by default; LOAD_FULL=1, or LOAD_EVENTS, LOAD_ANSWERED and LOAD_FLOODERS, set how much is
 * sent.
 */
import type { ClientHttp2Session } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { FLOODS, SMALL_WINDOW, type Flood } from '../support/http2-floods.ts';
import { Http2Peer, OPEN_GREETING } from '../support/http2-peer.ts';
import { ask, session } from '../support/http2-sockets.ts';
import { residentMemory } from '../support/resident-memory.ts';
import { Client, connected } from '../support/sockets.ts';
import { child, type Child } from './child.ts';

const FULL = process.env['LOAD_FULL'] === '1';
const LONG_MS = FULL ? 1_200_000 : 60_000;
const EVENTS = Number(process.env['LOAD_EVENTS'] ?? (FULL ? 50_000 : 3600));
/** Of kinds that are answered, which cost more time. */
const ANSWERED = Number(process.env['LOAD_ANSWERED'] ?? (FULL ? 50_000 : 500));
const FLOODERS = Number(process.env['LOAD_FLOODERS'] ?? (FULL ? 10 : 2));
const MEBIBYTE = 1024 * 1024;
/** What goes between two questions of the canaries, on each connection. */
const BATCH_BYTES = 32 * 1024;
/** More in use after a flood than before the first: in full, 34 octets an event would be over. */
const GROWTH_BYTES = 16 * MEBIBYTE;
/** What is resident at most, whatever comes. */
const MOST = 150 * MEBIBYTE;
const STREAMS = 100;
const CANARIES = 2;
/** How often the canaries ask at most, until the last octets of a connection have come. */
const PATIENCE = 200;
/** The server's clock is coarse. */
const CLOCK_SECONDS = 0.25;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/**
 * `/slow` lets go some time after its stream is gone, `/read` reads, `/memory` tells what is in use
 * once nothing is left to collect; it counts whose handlers run.
 */
const SERVER = `
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  function memory() {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return String(heapUsed + external);
  }
  const running = new Map();
  Object.assign(facts, { mostRunning: 0, running: 0, errors: [] });
  function count(port, change) {
    const now = (running.get(port) ?? 0) + change;
    running.set(port, now);
    facts.running += change;
    facts.mostRunning = Math.max(facts.mostRunning, now);
  }
  const large = new Uint8Array(1024 * 1024);
  async function slow({ signal }) {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const server = await serve(async (request) => {
    const { port } = request.peer;
    count(port, 1);
    try {
      if (request.path === '/slow') await slow(request);
      if (request.path === '/read') for await (const piece of request.body) void piece;
    } finally {
      count(port, -1);
    }
    if (request.path === '/memory') return new HttpResponse(200, {}, memory());
    return new HttpResponse(200, {}, request.path === '/large' ? large : 'hello');
  }, { limits: { http2StreamWindowBytes: ${SMALL_WINDOW}, requestsPerConnection: Infinity } });
  server.on('error', ({ error }) => {
    if (error.name !== 'PeerGoneError') facts.errors.push(String(error));
  });
`;

/** Two clients that have nothing to do with it, one of each version. */
class Canaries {
  readonly #http1: Client;
  readonly #http2: ClientHttp2Session;

  constructor(http1: Client, http2: ClientHttp2Session) {
    this.#http1 = http1;
    this.#http2 = http2;
  }

  static async at(port: number): Promise<Canaries> {
    return new Canaries(await connected(port), await session(port));
  }

  /** Both ask, and both are answered. */
  async ask(): Promise<void> {
    this.#http1.forget();
    const [first, second] = await Promise.all([
      this.#http1.send(GET).answered(1), ask(this.#http2, '/'),
    ]);
    expect([first[0]?.status, second.status, second.body]).toEqual([200, 200, 'hello']);
  }

  /** Octets that the program has in use. */
  async memory(): Promise<number> {
    return Number((await ask(this.#http2, '/memory')).body);
  }
}

function eventsOf({ end }: Flood): number {
  return end === undefined ? ANSWERED : EVENTS;
}

/** Events from `first` on, as many as a batch holds, at least one. */
function batch(kind: Flood, first: number): { octets: Uint8Array; count: number } {
  const parts: Uint8Array[] = [];
  const left = eventsOf(kind) - first;
  // Who is to be answered opens no more streams at once than it may.
  const most = kind.end === undefined ? Math.min(left, STREAMS) : left;
  let length = 0;
  while (parts.length < most && length < BATCH_BYTES) {
    const part = kind.event(first + parts.length);
    parts.push(part);
    length += part.length;
  }
  return { octets: Buffer.concat(parts), count: parts.length };
}

/** Sends all events on all connections at once, each as far as it comes. */
async function flood(port: number, kind: Flood, canaries: Canaries): Promise<Http2Peer[]> {
  const peers = await Http2Peer.crowd(port, FLOODERS);
  const { opening = new Uint8Array(0), end } = kind;
  for (const peer of peers) peer.send(OPEN_GREETING, opening);
  const begun = opening.length > 0 ? 1 : 0;
  if (end === undefined) await answered(peers, begun, canaries);
  let sent = 0;
  while (sent < eventsOf(kind) && peers.some(({ closed }) => !closed)) {
    const { octets, count } = batch(kind, sent);
    for (const peer of peers) peer.send(octets);
    sent += count;
    // A batch is dealt with before the next one: what was said last is not lost to a reset.
    await Promise.all([canaries.ask(), ...peers.map((peer) => peer.flushed())]);
    if (end === undefined) await answered(peers, begun + sent, canaries);
  }
  return peers;
}

/** Waits for as many answers, or for the end, on each connection. */
async function answered(
  peers: readonly Http2Peer[], count: number, canaries: Canaries,
): Promise<void> {
  const waits = ({ tally, ended, closed }: Http2Peer): boolean =>
    tally.streams < count && !ended && !closed;
  while (peers.some(waits)) await canaries.ask();
}

/** What each connection was told in the end, and when: not before its budget was spent. */
async function expectEnds(
  peers: readonly Http2Peer[], { name, end, taken }: Flood, since: number, canaries: Canaries,
): Promise<void> {
  for (let left = PATIENCE; left > 0 && peers.some(({ ended }) => !ended); left--) {
    await canaries.ask();
  }
  const seconds = (performance.now() - since) / 1000 + CLOCK_SECONDS;
  for (const peer of peers) {
    expect(peer.goaway, name).toMatch(end as RegExp);
    expect(peer.ended, name).toBe(true);
    if (taken === undefined) continue;
    const count = taken.count(peer);
    expect(count, name).toBeGreaterThanOrEqual(taken.least);
    expect(count, name).toBeLessThanOrEqual(taken.most + taken.perSecond * seconds);
  }
}

/** Where there is nothing to end for, each event was answered. */
function expectAnswers(peers: readonly Http2Peer[], { name, status = 0 }: Flood): void {
  for (const { tally, goaway } of peers) {
    expect({ goaway, count: tally.statuses[status], resets: tally.resets }, name)
      .toEqual({ goaway: undefined, count: ANSWERED, resets: {} });
  }
}

/** Nothing is left of a flood: no connection, no handler, no octet. */
async function expectNothingLeft(server: Child, { name, fills }: Flood): Promise<void> {
  const { counters, facts } = await server.until((state) => {
    return state.counters.connections === CANARIES && state.facts['running'] === 0;
  });
  expect(counters.heldBytes, name).toBe(0);
  expect(facts['mostRunning'], name).toBeLessThanOrEqual(STREAMS);
  if (fills === true) expect(facts['mostRunning'], name).toBe(STREAMS);
  expect(facts['errors'], name).toEqual([]);
}

async function endure(server: Child, kind: Flood, canaries: Canaries): Promise<void> {
  const since = performance.now();
  const peers = await flood(server.port, kind, canaries);
  if (kind.end === undefined) expectAnswers(peers, kind);
  else await expectEnds(peers, kind, since, canaries);
  for (const { socket } of peers) socket.end();
  await expectNothingLeft(server, kind);
}

describe(`${EVENTS} events on each of ${FLOODERS} connections at once`, () => {
  test.each(FLOODS)('%s', async (_, kinds) => {
    const server = await child(SERVER);
    const canaries = await Canaries.at(server.port);
    await canaries.ask();
    const before = await canaries.memory();
    for (const kind of kinds) {
      await endure(server, kind, canaries);
      expect(await canaries.memory(), kind.name).toBeLessThan(before + GROWTH_BYTES);
    }
    expect(residentMemory(server.process).mostBytes).toBeLessThan(MOST);
  }, LONG_MS);
});
