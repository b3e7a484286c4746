/** Node's own client against a server in this process, whose counters tell what it left behind. */
import { once } from 'node:events';
import {
  Agent, request as clientRequest, type IncomingMessage, type RequestOptions,
} from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  HttpResponse, PeerGoneError, type Handler, type HttpRequest, type Server,
} from '../../src/index.ts';
import { Octets, Pieces } from '../../examples/support/octets.ts';
import { connected, eventually, serve } from '../support/sockets.ts';
import { head } from '../support/vectors.ts';

const MIB = 1024 * 1024;
const hello: Handler = () => new HttpResponse(200, { 'content-type': 'text/plain' }, 'hello');
const echo: Handler = ({ body }) => new HttpResponse(200, {}, body);

interface Received {
  readonly response: IncomingMessage;
  readonly body: string;
}

async function read(response: IncomingMessage): Promise<Received> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return { response, body: Buffer.concat(pieces).toString('latin1') };
}

async function fetched(
  server: Server, options: RequestOptions = {}, content?: string,
): Promise<Received> {
  const request = clientRequest({ port: server.port, host: '127.0.0.1', ...options });
  request.end(content);
  const [response] = await once(request, 'response') as [IncomingMessage];
  return read(response);
}

function agent(maxSockets: number): Agent {
  const made = new Agent({ keepAlive: true, maxSockets });
  onTestFinished(() => made.destroy());
  return made;
}

describe('an agent that keeps its connections', () => {
  test('brings requests one after the other on one', async () => {
    const server = await serve(hello);
    const one = agent(1);
    for (let round = 0; round < 50; round++) {
      expect((await fetched(server, { agent: one })).body).toBe('hello');
    }
    expect(server.counters).toMatchObject({ accepted: 1, connections: 1 });
  });

  test('brings two hundred at once on four, whatever their methods', async () => {
    const server = await serve(echo);
    const four = agent(4);
    const methods = ['POST', 'PUT', 'PATCH', 'DELETE'];
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => {
      const method = methods[index % 4] as string;
      const content = `content ${index}`;
      // For DELETE the client sends content without saying how long it is, unless it is told to.
      const headers = { 'content-length': content.length };
      return fetched(server, { agent: four, method, headers }, content);
    }));
    expect(answers.map(({ body }) => body)).toEqual(answers.map((_, index) => `content ${index}`));
    expect(server.counters.accepted).toBe(4);
  });

  test('goes on after answers of each kind', async () => {
    const kinds: Readonly<Record<string, () => HttpResponse>> = {
      '/text': () => new HttpResponse(200, {}, 'text'),
      '/none': () => new HttpResponse(204),
      '/same': () => new HttpResponse(304, { etag: '"a"' }),
      '/reset': () => new HttpResponse(205),
      '/long': () => new HttpResponse(200, {}, new Octets(0, 299_999)),
      '/chunks': () => new HttpResponse(200, {}, new Pieces(3, 5)),
      '/fails': () => { throw new Error('on purpose'); },
    };
    const server = await serve((request) => kinds[request.path]?.() ?? new HttpResponse(404));
    server.on('error', () => {});
    const one = agent(1);
    const got: [string, number | undefined, number][] = [];
    for (const path of Object.keys(kinds)) {
      for (const method of ['GET', 'HEAD']) {
        const { response, body } = await fetched(server, { agent: one, path, method });
        if (method === 'GET') got.push([path, response.statusCode, body.length]);
        else expect(body).toBe('');
      }
    }
    expect(got).toEqual([
      ['/text', 200, 4], ['/none', 204, 0], ['/same', 304, 0], ['/reset', 205, 0],
      ['/long', 200, 300_000], ['/chunks', 200, 15], ['/fails', 500, expect.any(Number)],
    ]);
    expect(server.counters.accepted).toBe(1);
  });
});

describe('content', () => {
  test('up and down at once, in chunks', async () => {
    const server = await serve(echo);
    const request = clientRequest({ port: server.port, host: '127.0.0.1', method: 'POST' });
    const content = Buffer.alloc(4 * MIB, 'octets of some kind, ');
    Readable.from((function* cut() {
      for (let at = 0; at < content.length; at += 10_007) yield content.subarray(at, at + 10_007);
    })()).pipe(request);
    const [response] = await once(request, 'response') as [IncomingMessage];
    expect(response.headers['transfer-encoding']).toBe('chunked');
    expect((await read(response)).body).toBe(content.toString('latin1'));
  });

  test('trailers, there and back', async () => {
    const server = await serve(async (request) => {
      await request.body.bytes();
      return new HttpResponse(200, { 'x-saw': request.trailers.get('x-sum') }, new Pieces(2, 3));
    });
    const request = clientRequest({
      port: server.port, host: '127.0.0.1', method: 'POST', headers: { trailer: 'x-sum' },
    });
    request.write('some');
    request.addTrailers({ 'x-sum': 'all of it' });
    request.end('thing');
    const [response] = await once(request, 'response') as [IncomingMessage];
    const { body } = await read(response);
    expect([body, response.headers['x-saw']]).toEqual(['ABCABC', 'all of it']);
    expect(response.trailers).toEqual({ 'x-count': '2' });
  });

  test('fields as they were sent, in order, with their spelling of values', async () => {
    const server = await serve((request) =>
      new HttpResponse(200, { 'set-cookie': ['a=1', 'b=2'] }, JSON.stringify([...request.fields])));
    const headers = { 'x-one': ['1', '2'], 'Cookie': ['a=1', 'b=2'], 'x-latin': 'caf\u00e9' };
    const { response, body } = await fetched(server, { headers });
    expect(JSON.parse(Buffer.from(body, 'latin1').toString())).toEqual(expect.arrayContaining([
      ['x-one', '1'], ['x-one', '2'], ['cookie', 'a=1; b=2'], ['x-latin', 'caf\u00e9'],
    ]));
    expect(response.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });
});

describe('interim responses', () => {
  test('100 comes when the handler reads, and the content after it', async () => {
    const server = await serve(echo);
    const request = clientRequest({
      port: server.port, host: '127.0.0.1', method: 'POST',
      headers: { 'expect': '100-continue', 'content-length': 5 },
    });
    request.on('continue', () => request.end('hello'));
    request.flushHeaders();
    const [response] = await once(request, 'response') as [IncomingMessage];
    expect((await read(response)).body).toBe('hello');
  });

  test('103 comes as information', async () => {
    const server = await serve((request) => {
      request.inform(103, { link: '</a.css>; rel=preload' });
      return new HttpResponse(200);
    });
    const request = clientRequest({ port: server.port, host: '127.0.0.1' }).end();
    const seen: unknown[] = [];
    request.on('information', ({ statusCode, headers }) => seen.push([statusCode, headers]));
    const [response] = await once(request, 'response') as [IncomingMessage];
    expect((await read(response)).response.statusCode).toBe(200);
    expect(seen).toEqual([[103, { link: '</a.css>; rel=preload' }]]);
  });

  test('an Upgrade that nobody takes is answered as if it were not there', async () => {
    const server = await serve(hello);
    const headers = { connection: 'Upgrade', upgrade: 'a-protocol' };
    expect((await fetched(server, { headers })).body).toBe('hello');
  });
});

describe('pipelines', () => {
  test('a thousand requests in one segment, slow and fast, come back in order', async () => {
    let most = 0;
    let now = 0;
    const server = await serve(async (request) => {
      most = Math.max(most, ++now);
      // Each one lets so many turns of the loop pass.
      for (let turns = Number(request.query) % 7; turns > 0; turns--) {
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      now--;
      return new HttpResponse(200, {}, request.query);
    });
    const client = await connected(server.port);
    const numbers = Array.from({ length: 1_000 }, (_, index) => `${index}`);
    client.send(numbers.map((number) => head(`GET /?${number} HTTP/1.1`, 'Host: a')).join(''));
    await client.until(() => client.text.endsWith('\r\n\r\n999'), 'the last answer');
    expect(client.answers().map(({ body }) => body)).toEqual(numbers);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(16);
  });

  test('unsafe ones run alone', async () => {
    let now = 0;
    let most = 0;
    const server = await serve(async (request) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => { setImmediate(resolve); });
      const text = await request.body.text();
      now--;
      return new HttpResponse(200, {}, text);
    });
    const client = await connected(server.port);
    const requests = Array.from({ length: 50 }, (_, index) =>
      head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 2') + `${index + 10}`);
    const answers = await client.send(requests.join('')).answered(50);
    expect(answers.map(({ body }) => body)).toEqual(requests.map((_, index) => `${index + 10}`));
    expect(most).toBe(1);
  });
});

describe('a client that goes early', () => {
  /** Nothing is left of any connection. */
  async function isClean(server: Server): Promise<void> {
    await eventually(() => server.counters.connections === 0, 'no connection was left');
    expect(server.counters.heldBytes).toBe(0);
  }

  test('in the middle of an answer: its source is cancelled once', async () => {
    const cancels: (Error | undefined)[] = [];
    const server = await serve(() => {
      const octets = new Octets(0, Number.MAX_SAFE_INTEGER - 1);
      return new HttpResponse(200, {}, {
        length: octets.length,
        pull: (max) => octets.pull(max),
        cancel: (cause?: Error) => void cancels.push(cause),
      });
    });
    const request = clientRequest({ port: server.port, host: '127.0.0.1' }).end();
    const [response] = await once(request, 'response') as [IncomingMessage];
    await once(response, 'data');
    response.destroy();
    await isClean(server);
    expect(cancels).toHaveLength(1);
  });

  test('before its answer: the signal of its request fires', async () => {
    const requests: HttpRequest[] = [];
    const server = await serve((request) => {
      requests.push(request);
      return new Promise<HttpResponse>((resolve) => {
        request.signal.addEventListener('abort', () => resolve(new HttpResponse(200)));
      });
    });
    const request = clientRequest({ port: server.port, host: '127.0.0.1' }).end();
    request.on('error', () => {});
    await eventually(() => requests.length === 1, 'the handler was called');
    // A FIN alone would leave the client able to read on (RFC 9112 §9.6).
    request.socket?.resetAndDestroy();
    await isClean(server);
    expect(requests[0]?.signal.aborted).toBe(true);
    expect(requests[0]?.signal.reason).toBeInstanceOf(Error);
  });

  test('in the middle of its content: who reads it is told', async () => {
    const failures: unknown[] = [];
    const server = await serve(async ({ body }) => {
      try {
        for await (const _ of body);
      } catch (error) {
        failures.push(error);
      }
      return new HttpResponse(200);
    });
    const request = clientRequest({
      port: server.port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': 1000 },
    });
    request.on('error', () => {});
    request.write('a part');
    await eventually(() => server.counters.connections === 1, 'the connection was accepted');
    request.destroy();
    await isClean(server);
    await eventually(() => failures.length === 1, 'the reader was told');
    expect(failures[0]).toBeInstanceOf(Error);
  });

  test('a hundred at random points', async () => {
    const server = await serve(echo);
    server.on('error', ({ error }) => expect(error).toBeInstanceOf(PeerGoneError));
    const content = Buffer.alloc(64 * 1024, 'x');
    await Promise.all(Array.from({ length: 100 }, async (_, index) => {
      const client = await connected(server.port);
      client.send(head('POST / HTTP/1.1', 'Host: a', `Content-Length: ${content.length * 2}`));
      client.send(content.subarray(0, (index * 655) % content.length));
      if (index % 3 > 0) await client.saw('HTTP/1.1 200');
      if (index % 2 === 0) client.socket.destroy();
      else client.socket.resetAndDestroy();
    }));
    await isClean(server);
    expect((await fetched(server)).response.statusCode).toBe(200);
  });
});

describe('fetch', () => {
  test('streams both ways', async () => {
    const server = await serve(echo);
    const content = 'words and words '.repeat(20_000);
    const response = await fetch(server.url, { method: 'POST', body: content });
    expect(await response.text()).toBe(content);
  });

  test('reads pieces as they come, and may stop', async () => {
    const server = await serve(() => new HttpResponse(200, {}, new Pieces(1_000_000, 1000)));
    const response = await fetch(server.url);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    expect(value?.length).toBeGreaterThan(0);
    await reader.cancel();
    await eventually(() => server.counters.connections === 0, 'the connection went');
  });
});
