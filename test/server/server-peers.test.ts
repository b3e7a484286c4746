/** Peers as they are: slow, silent, half closed, or gone at the worst moment. */
import { describe, expect, test } from 'vitest';
import {
  HttpResponse, type BodySource, type Handler, type Limits, type RequestRecord,
} from '../../src/index.ts';
import { Client, connected, eventually, serve, turns } from '../support/sockets.ts';

const head = (method: string, path: string, ...lines: string[]): string => {
  return `${[`${method} ${path} HTTP/1.1`, 'Host: a', ...lines].join('\r\n')}\r\n\r\n`;
};
const GET = head('GET', '/');
const CHUNKED = head('POST', '/echo', 'Transfer-Encoding: chunked');
const PIECE = new Uint8Array(64 * 1024).fill(0x2e);

/** An endless answer, which counts how it ended. */
class Endless implements BodySource {
  readonly length = undefined;
  ends = 0;

  pull(max: number): Uint8Array {
    return PIECE.subarray(0, max);
  }

  cancel(): void {
    this.ends++;
  }
}

/** `/echo` reads content, `/never` waits for ever, `/endless` never ends, the rest says hello. */
function service() {
  const sources: Endless[] = [];
  const waiting: AbortSignal[] = [];
  let aborts = 0;
  const handler: Handler = async (request) => {
    const wait = (): void => {
      waiting.push(request.signal);
      request.signal.addEventListener('abort', () => aborts++);
    };
    if (request.path === '/echo') {
      wait();
      return new HttpResponse(200, {}, await request.body.text());
    }
    if (request.path === '/never') {
      wait();
      return new Promise<HttpResponse>(() => {});
    }
    if (request.path !== '/endless') return new HttpResponse(200, {}, 'hello');
    const source = new Endless();
    sources.push(source);
    return new HttpResponse(200, {}, source);
  };
  return { handler, sources, waiting, aborts: () => aborts };
}

describe('a reset', () => {
  const CLIENTS = 20;

  /** What a peer sends, and what it waits for before it resets. */
  interface Point {
    readonly sends: string;
    /** Requests of each peer that wait for something at that moment. */
    readonly waiting?: number;
    readonly endless?: number;
    ready?(client: Client): Promise<unknown>;
  }

  const points: Record<string, Point> = {
    'at once': { sends: '' },
    'within a request line': { sends: 'GET / HT', ready: () => turns(10) },
    'within a field line': { sends: `${GET.slice(0, -6)}`, ready: () => turns(10) },
    'within content': {
      sends: `${head('POST', '/echo', 'Content-Length: 10')}abc`, waiting: 1,
    },
    'before its content': { sends: head('POST', '/echo', 'Content-Length: 10'), waiting: 1 },
    'within a chunk line': { sends: `${CHUNKED}3`, waiting: 1 },
    'within a chunk': { sends: `${CHUNKED}3\r\nab`, waiting: 1 },
    'within trailers': { sends: `${CHUNKED}3\r\nabc\r\n0\r\nX-Tra`, waiting: 1 },
    'after 100 Continue': {
      sends: head('POST', '/echo', 'Content-Length: 10', 'Expect: 100-continue'), waiting: 1,
      ready: (client) => client.saw('100 Continue'),
    },
    'before its answer': { sends: head('GET', '/never'), waiting: 1 },
    'with a pipeline before its answers': { sends: head('GET', '/never').repeat(5), waiting: 5 },
    'with a pipeline behind an answer that waits': {
      sends: head('GET', '/never') + GET.repeat(5), waiting: 1,
    },
    'within an answer that it reads': {
      sends: head('GET', '/endless'), endless: 1,
      ready: (client) => client.until(() => client.receivedBytes > 100_000, 'some'),
    },
    'within an answer that it does not read': {
      sends: head('GET', '/endless'), endless: 1,
      ready: (client) => (client.socket.pause(), turns(50)),
    },
    'after a whole answer': { sends: GET, ready: (client) => client.answered(1) },
    'right behind its request': { sends: GET },
    'after a refusal': { sends: 'GET /\r\n\r\n', ready: (client) => client.sawEnd() },
    'within what follows a refusal': {
      sends: `GET /\r\n\r\n${'x'.repeat(100_000)}`, ready: (client) => client.sawEnd(),
    },
  };

  test.each(Object.keys(points))(`%s, of ${CLIENTS} peers, leaves nothing behind`, async (name) => {
    const { sends, waiting: each = 0, endless = 0, ready } = points[name] as Point;
    const { handler, waiting, sources, aborts } = service();
    const server = await serve(handler);
    const errors: unknown[] = [];
    server.on('error', ({ error }) => errors.push(error));
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => Client.connect(server.port)),
    );
    for (const client of clients) client.send(sends);
    await eventually(() => waiting.length === CLIENTS * each, 'all wait');
    await eventually(() => sources.length === CLIENTS * endless, 'all are answered');
    await Promise.all(clients.map((client) => ready?.(client)));
    for (const client of clients) client.socket.resetAndDestroy();
    await eventually(() => server.counters.accepted === CLIENTS, 'all were accepted');
    await eventually(() => server.counters.connections === 0, 'all have gone');
    await turns(5);
    expect(server.counters).toMatchObject({ heldBytes: 0, refused: 0, evicted: 0 });
    expect(aborts()).toBe(waiting.length);
    expect(sources.map(({ ends }) => ends)).toEqual(sources.map(() => 1));
    expect(errors).toEqual([]);
  });

  test('after its FIN is seen when the answer is written', async () => {
    const answers: (() => void)[] = [];
    const server = await serve(() => new Promise((resolve) => {
      answers.push(() => resolve(new HttpResponse(200, {}, 'late')));
    }));
    const client = await connected(server.port);
    client.send(GET).socket.end();
    await eventually(() => answers.length === 1, 'the handler is called');
    await turns(20);
    client.socket.resetAndDestroy();
    await client.gone();
    answers[0]?.();
    await eventually(() => server.counters.connections === 0, 'it has gone');
  });
});

describe('a peer that is too slow', () => {
  const silent: readonly [string, Partial<Limits>, string][] = [
    ['firstOctetMs', { firstOctetMs: 1 }, ''],
    ['idleMs', { idleMs: 1 }, GET],
  ];

  test.each(silent)('%s: FIN without a word', async (_, limits, octets) => {
    const server = await serve(service().handler, { limits });
    const client = await connected(server.port);
    if (octets !== '') await client.send(octets).answered(1);
    await client.sawEnd();
    expect(client.answers()).toHaveLength(octets === '' ? 0 : 1);
    expect(client.error).toBeUndefined();
  });

  const upload = `${head('POST', '/echo', 'Content-Length: 10')}abc`;
  const refused: readonly [string, Partial<Limits>, string][] = [
    ['headMs', { headMs: 1 }, GET.slice(0, -2)],
    ['requestMs', { requestMs: 1 }, upload],
    ['bodyRateBytesPerSecond', { bodyRateGraceMs: 1, bodyRateBytesPerSecond: 1e9 }, upload],
  ];

  test.each(refused)('%s: 408 that names it, then FIN', async (name, limits, octets) => {
    const server = await serve(service().handler, { limits });
    const client = await connected(server.port);
    await client.send(octets).sawEnd();
    expect(client.answers()).toMatchObject([{ status: 408 }]);
    expect(client.text).toContain(name);
  });

  test('writeStallMs: one that does not read is reset, and what it cost comes back', async () => {
    const { handler, sources } = service();
    const server = await serve(handler, { limits: { writeStallMs: 1 } });
    const records: RequestRecord[] = [];
    server.on('request', (record) => records.push(record));
    const client = await connected(server.port);
    client.socket.pause();
    client.send(head('GET', '/endless'));
    await eventually(() => records.length === 1, 'the exchange has ended');
    expect(records).toMatchObject([{ status: 200, target: '/endless' }]);
    expect(sources.map(({ ends }) => ends)).toEqual([1]);
    await eventually(() => server.counters.connections === 0, 'it has gone');
    expect(server.counters.heldBytes).toBe(0);
    client.socket.resume();
    await client.sawEnd();
    expect(client.receivedBytes).toBeLessThan(records[0]?.sentBytes ?? 0);
  });

  test('a peer that does not read costs little while it lasts', async () => {
    const server = await serve(service().handler);
    const clients = await Promise.all(Array.from({ length: 10 }, () => connected(server.port)));
    for (const client of clients) {
      client.socket.pause();
      client.send(head('GET', '/endless'));
    }
    // `drained` comes at half of writeQueueBytes, so that is what a full kernel leaves at least.
    await eventually(() => server.counters.heldBytes > 10 * 128 * 1024, 'all queues are full');
    await turns(100);
    expect(server.counters.heldBytes).toBeLessThan(10 * (256 * 1024 + PIECE.length + 1024));
  });
});

describe('a peer that closes its side (RFC 9112 §9.6)', () => {
  test.each([
    ['a request', GET, 200], ['a part of a head', GET.slice(0, 10), 400],
    ['a part of its content', `${head('POST', '/', 'Content-Length: 9')}abc`, 400],
  ])('after %s is answered', async (_, octets, status) => {
    const server = await serve(async (request) => {
      return new HttpResponse(200, {}, await request.body.text());
    });
    const client = await connected(server.port);
    client.send(octets).socket.end();
    await client.gone();
    expect(client.answers()).toMatchObject([{ status }]);
    expect(client.error).toBeUndefined();
    await eventually(() => server.counters.connections === 0, 'it has gone');
  });

  test('after nothing is let go without a word', async () => {
    const server = await serve(service().handler);
    const client = await connected(server.port);
    client.socket.end();
    await client.gone();
    expect([client.text, client.error]).toEqual(['', undefined]);
  });

  test('waits for an answer that comes later', async () => {
    let answer!: () => void;
    const server = await serve(() => new Promise((resolve) => {
      answer = () => resolve(new HttpResponse(200, {}, 'x'.repeat(3_000_000)));
    }));
    const client = await connected(server.port);
    client.send(GET).socket.end();
    await eventually(() => answer !== undefined, 'the handler is called');
    await turns(20);
    answer();
    await client.gone();
    expect(client.answers()).toMatchObject([{ status: 200 }]);
  });

  test('while it reads its last answer still gets all of it', async () => {
    const LENGTH = 8 * 1024 * 1024;
    const server = await serve(() => new HttpResponse(200, {}, Buffer.alloc(LENGTH, 'x')));
    const records: RequestRecord[] = [];
    server.on('request', (record) => records.push(record));
    for (let percent = 10; percent <= 100; percent += 10) {
      const client = await connected(server.port);
      client.send(head('GET', '/', 'Connection: close'));
      await client.until(() => client.receivedBytes >= LENGTH * percent / 100, 'a part');
      client.socket.end();
      await client.gone();
      expect(client.answers(), `FIN at ${percent} %`).toMatchObject([{ status: 200 }]);
    }
    expect(records).toHaveLength(10);
  });
});

describe('lingering (RFC 9112 §9.6)', () => {
  const bad = `${CHUNKED}not a chunk\r\n`;

  test('a refusal reaches a peer in the middle of its upload', async () => {
    const server = await serve(service().handler);
    const client = await connected(server.port);
    client.send(bad + 'x'.repeat(200_000));
    await client.sawEnd();
    client.send('x'.repeat(50_000)).socket.end();
    await client.gone();
    expect(client.answers()).toMatchObject([{ status: 400 }]);
    expect(client.error).toBeUndefined();
  });

  test('ends when more than lingerBytes come', async () => {
    const server = await serve(service().handler, { limits: { lingerBytes: 1000 } });
    const client = await connected(server.port);
    await client.send(bad).sawEnd();
    client.send('x'.repeat(1000));
    await turns(20);
    expect(server.counters.connections).toBe(1);
    client.send('x');
    await eventually(() => server.counters.connections === 0, 'it has gone');
  });

  test('ends after lingerMs', async () => {
    const server = await serve(service().handler, { limits: { lingerMs: 1 } });
    const client = await connected(server.port);
    await client.send(bad).sawEnd();
    await eventually(() => server.counters.connections === 0, 'it has gone');
  });
});
