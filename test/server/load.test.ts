/**
 * The server under load, in a process of its own. Modest by default; LOAD_FULL=1 runs the full
 * figures, and LOAD_SLOW, LOAD_IDLE, LOAD_CLIENTS, LOAD_ROUNDS, LOAD_ABORTS, LOAD_MEBIBYTES and
 * LOAD_READERS set each of them.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HttpResponse, type Handler, type Limits } from '../../src/index.ts';
import { Random } from '../support/random.ts';
import { Client, connected, serve, temporaryDirectory } from '../support/sockets.ts';
import { child, type Child } from './child.ts';

const FULL = process.env['LOAD_FULL'] === '1';
const LONG_MS = FULL ? 600_000 : 60_000;
const MEBIBYTE = 1024 * 1024;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const HELLO = `() => new HttpResponse(200, {}, 'hello')`;
const SECOND_MS = 1000;

function load(name: string, modest: number, full: number): number {
  return Number(process.env[`LOAD_${name}`] ?? (FULL ? full : modest));
}

/** The defaults where all is run in full, and else these. */
function limits(modest: Partial<Limits>): string {
  return JSON.stringify({ limits: FULL ? {} : modest });
}

async function crowd(port: number, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  // All at once would overflow the backlog.
  while (clients.length < count) {
    const length = Math.min(100, count - clients.length);
    clients.push(...await Promise.all(Array.from({ length }, () => connected(port))));
  }
  return clients;
}

test('slowloris: octet by octet is over at headMs, and others do not notice', async () => {
  const server = await child(`await serve(${HELLO}, ${limits({ headMs: 1500 })});`);
  const slow = await crowd(server.port, load('SLOW', 100, 2000));
  const text = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(1000)}`;
  let at = 0;
  const dribble = setInterval(() => {
    for (const client of slow) if (!client.ended) client.send(text.charAt(at));
    at++;
  }, SECOND_MS);
  onTestFinished(() => clearInterval(dribble));
  const other = await connected(server.port);
  while (slow.some(({ ended }) => !ended)) {
    other.forget();
    await other.send(GET).answered(1);
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  expect(slow.map((client) => client.answers().map(({ status }) => status)))
    .toEqual(slow.map(() => [408]));
  expect(slow.filter(({ error }) => error !== undefined)).toEqual([]);
  slow.forEach((client) => void client.socket.end());
  const { counters } = await server.until((state) => state.counters.connections === 1);
  expect(counters.heldBytes).toBe(0);
}, LONG_MS);

test('idle connections are held, cost no held octets, and leave at idleMs', async () => {
  const count = load('IDLE', 300, 9000);
  const server = await child(`await serve(${HELLO}, ${limits({ idleMs: 3000 })});`);
  const idle = await crowd(server.port, count);
  await Promise.all(idle.map((client) => client.send(GET).answered(1)));
  const { counters } = await server.state();
  expect(counters).toMatchObject({ connections: count, refused: 0, evicted: 0, heldBytes: 0 });
  expect(idle.filter(({ ended }) => ended)).toEqual([]);
  await Promise.all(idle.map((client) => client.sawEnd()));
  expect(idle.filter(({ error }) => error !== undefined)).toEqual([]);
  idle.forEach((client) => void client.socket.end());
  await server.until((state) => state.counters.connections === 0);
}, LONG_MS);

describe('SIGTERM under load', () => {
  const CLIENTS = load('CLIENTS', 20, 200);
  const ROUNDS = load('ROUNDS', 3, 20);
  const SERVER = `
    const server = await serve(async (request) => {
      const content = await request.body.text();
      const ms = Number(request.query);
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      return new HttpResponse(200, {}, content + '.');
    });
    server.on('drain', ({ stage }) => { if (stage === 'forced') process.exitCode = 3; });
    process.on('SIGTERM', () => server.close());
  `;

  /** Asks again and again, until told that the connection ends. Each answer must be whole. */
  async function keepAsking(client: Client, random: Random, asked: () => void): Promise<number> {
    for (let requests = 0; ; requests++) {
      if (client.ended) return requests;
      client.forget();
      await request(client, random);
      asked();
      const [answer] = await client.answered(1, ['POST']);
      expect(answer).toMatchObject({ status: 200, whole: true });
      if (answer?.fields.get('connection') === 'close') return requests + 1;
    }
  }

  /** A request in one piece, or in two with a turn of the loop between them. */
  async function request(client: Client, random: Random): Promise<void> {
    const line = `/?${random.int(3) === 0 ? random.int(30) : 0} HTTP/1.1\r\nHost: a\r\n`;
    if (random.int(2) === 0) {
      client.send(`GET ${line}\r\n`);
      return;
    }
    const text = `POST ${line}Content-Length: 1000\r\n\r\n${'x'.repeat(1000)}`;
    const cut = random.int(text.length);
    client.send(text.slice(0, cut));
    await new Promise<void>((resolve) => { setImmediate(resolve); });
    client.send(text.slice(cut));
  }

  test.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
    `round %i: no request that was begun is lost, of ${CLIENTS} clients`, async (round) => {
      const server = await child(SERVER);
      const clients = await crowd(server.port, CLIENTS);
      let sent = 0;
      const enough = CLIENTS * (10 + round);
      const asked = (): void => {
        if (++sent === enough) server.process.kill('SIGTERM');
      };
      const done = await Promise.all(clients.map((client, index) => {
        return keepAsking(client, Random.case(round, index), asked);
      }));
      expect(Math.min(...done)).toBeGreaterThan(0);
      clients.forEach((client) => void client.socket.end());
      expect(await server.exited).toEqual({ code: 0, signal: null });
    }, LONG_MS,
  );
});

test('answers from files, aborted at any point, give back what they held', async () => {
  const count = load('ABORTS', 300, 10_000);
  const SIZE = 512 * 1024;
  const path = join(await temporaryDirectory(), 'file');
  await writeFile(path, Buffer.alloc(SIZE, 'x'));
  const server = await child(`
    import { open } from 'node:fs/promises';
    Object.assign(facts, { opened: 0, closed: 0, endedTwice: 0, errors: [] });
    class FileSource {
      length = ${SIZE};
      #file;
      #reading = Promise.resolve();
      #ended = false;
      constructor(file) { this.#file = file; }
      async pull(max) {
        const read = this.#file.read(new Uint8Array(max), 0, max);
        this.#reading = read.catch(() => {});
        const { bytesRead, buffer } = await read;
        if (bytesRead > 0) return buffer.subarray(0, bytesRead);
        // Cancelled while it read: the cancel was the end.
        if (!this.#ended) this.#end();
        return null;
      }
      cancel() {
        if (this.#ended) facts.endedTwice++;
        this.#end();
      }
      #end() {
        this.#ended = true;
        void this.#reading.then(() => this.#file.close()).then(() => facts.closed++);
      }
    }
    const server = await serve(async () => {
      const file = await open(${JSON.stringify(path)});
      facts.opened++;
      return new HttpResponse(200, {}, new FileSource(file));
    });
    server.on('error', ({ error }) => facts.errors.push(String(error)));
  `);
  const first = await connected(server.port);
  await first.send(GET).answered(1);
  first.socket.end();
  const before = await server.until((state) => state.counters.connections === 0);

  let left = count;
  const random = new Random(1);
  await Promise.all(Array.from({ length: 50 }, async () => {
    while (left-- > 0) await abort(server, random, SIZE);
  }));

  const after = await server.until(({ counters, facts, descriptors }) => {
    return counters.connections === 0 && facts['opened'] === facts['closed'] &&
      descriptors <= before.descriptors;
  });
  expect(after.counters).toMatchObject({ heldBytes: 0, refused: 0, evicted: 0 });
  expect(after.facts).toMatchObject({ endedTwice: 0, errors: [] });
  expect(after.resources).toEqual(before.resources);
  expect(after.descriptors).toBe(before.descriptors);
}, LONG_MS);

/** Asks, and goes away: at once, when some has come, by FIN both ways or by a reset. */
async function abort(server: Child, random: Random, size: number): Promise<void> {
  const client = await Client.connect(server.port);
  client.send(GET);
  const enough = random.int(4) === 0 ? 0 : random.int(size);
  if (random.int(4) === 0) client.socket.pause();
  else await client.until(() => client.receivedBytes >= enough, 'some');
  if (random.int(2) === 0) client.socket.resetAndDestroy();
  else client.socket.destroy();
  await client.gone();
}

describe('memory', () => {
  const MOST = 150 * MEBIBYTE;

  test('an upload of any length costs a piece of it', async () => {
    const server = await child(`
      import { createHash } from 'node:crypto';
      await serve(async (request) => {
        const hash = createHash('sha256');
        for await (const piece of request.body) hash.update(piece);
        return new HttpResponse(200, {}, hash.digest('hex'));
      });
    `);
    const client = await connected(server.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const hash = createHash('sha256');
    const piece = Buffer.alloc(64 * 1024);
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
    const content = chunk.subarray(7, -2);
    for (let index = 0; index < load('MEBIBYTES', 64, 1024) * 16; index++) {
      // What is on its way must not change: a copy of each.
      content.writeUInt32BE(index);
      hash.update(content);
      if (!client.socket.write(Buffer.from(chunk))) await once(client.socket, 'drain');
    }
    const answers = await client.send('0\r\n\r\n').answered(1, ['POST']);
    expect(answers).toMatchObject([{ status: 200, body: hash.digest('hex') }]);
    const { counters, mostResidentBytes } = await server.state();
    expect(counters.heldBytes).toBe(0);
    expect(mostResidentBytes).toBeGreaterThan(0);
    expect(mostResidentBytes).toBeLessThan(MOST);
  }, LONG_MS);

  test('peers that never read a large answer cost a queue each', async () => {
    const count = load('READERS', 50, 200);
    const server = await child(`
      await serve(() => new HttpResponse(200, {}, {
        length: undefined, pull: (max) => new Uint8Array(max), cancel() {},
      }));
    `);
    const clients = await crowd(server.port, count);
    for (const client of clients) {
      client.socket.pause();
      client.send(GET);
    }
    const QUEUE = 256 * 1024;
    // `drained` comes at half of it, so that is what a full kernel leaves at least.
    const { counters, mostResidentBytes } = await server.until((state) => {
      return state.counters.heldBytes > count * QUEUE / 2;
    });
    expect(counters.heldBytes).toBeLessThan(count * (QUEUE + 65 * 1024));
    expect(mostResidentBytes).toBeGreaterThan(0);
    expect(mostResidentBytes).toBeLessThan(MOST + count * QUEUE);
  }, LONG_MS);
});

test('a peer that never stops asking does not keep others waiting', async () => {
  const COUNT = 50_000;
  const server = await child(`await serve(${HELLO});`);
  const hog = await connected(server.port);
  const other = await connected(server.port);
  const answerBytes = (await other.send(GET).saw('hello')).length;
  other.forget();
  hog.send(GET.repeat(COUNT));
  await hog.until(() => hog.receivedBytes > 0, 'an answer');
  await other.send(GET).saw('hello');
  expect(hog.receivedBytes).toBeLessThan(COUNT * answerBytes);
  await hog.until(() => hog.receivedBytes >= COUNT * answerBytes, 'all answers');
}, LONG_MS);

test('1,000 pipelined requests, slow and fast, safe and not, are answered in order', async () => {
  const COUNT = 1000;
  const running = new Set<string>();
  const crowds = { safe: 0, unsafe: 0 };
  const finished: number[] = [];
  const handler: Handler = async (request) => {
    running.add(request.target);
    const kind = request.method === 'GET' ? 'safe' : 'unsafe';
    crowds[kind] = Math.max(crowds[kind], running.size);
    const content = await request.body.text();
    const [path, ms] = request.target.split('?');
    if (ms !== '0') await new Promise((resolve) => { setTimeout(resolve, Number(ms)); });
    running.delete(request.target);
    finished.push(Number(path?.slice(1)));
    return new HttpResponse(200, {}, `${path}${content}`);
  };
  const server = await serve(handler);
  const random = new Random(2);
  const methods: string[] = [];
  const requests = Array.from({ length: COUNT }, (_, index) => {
    const line = `/${index}?${random.int(2) * random.int(5)} HTTP/1.1\r\nHost: a\r\n`;
    if (random.int(20) > 0) {
      methods.push('GET');
      return `GET ${line}\r\n`;
    }
    methods.push('POST');
    return `POST ${line}Content-Length: 1\r\n\r\n+`;
  });
  const client = await connected(server.port);
  client.send(requests.join(''));
  const last = `/${COUNT - 1}${methods.at(-1) === 'POST' ? '+' : ''}`;
  await client.until(() => client.text.endsWith(last), 'the last answer');
  expect(client.answers(methods).map(({ body }) => body))
    .toEqual(methods.map((method, index) => `/${index}${method === 'POST' ? '+' : ''}`));
  expect(crowds.safe).toBe(16);
  expect(crowds.unsafe).toBe(1);
  expect(finished).not.toEqual(finished.toSorted((a, b) => a - b));
}, LONG_MS);
