/** Our HTTP/2 client's core on a socket, against node:http2's server. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/index.ts';
import { type ClientResponse, type Http2Client } from '../../src/http2/index.ts';
import { Octets, Pieces } from '../../examples/support/octets.ts';
import { change, dial, nodeServer, ping, type Dialed } from '../support/http2-sockets.ts';
import { eventually } from '../support/sockets.ts';

const MIB = 1024 * 1024;
const authority = 'localhost';
const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM } = constants;
type Answer = (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => void;

const hello: Answer = (stream, fields) => {
  const endStream = fields[':method'] === 'HEAD';
  stream.respond({ ':status': 200, 'x-method': fields[':method'] }, { endStream });
  if (!endStream) stream.end(fields[':path']);
};
const echo: Answer = (stream) => {
  stream.respond({ ':status': 200 });
  stream.pipe(stream);
};

/** A client of ours, and the server that it talks to. */
async function pair(
  answer: Answer, options: Parameters<typeof nodeServer>[1] = {}, ...more: DialOptions
): Promise<Dialed & Awaited<ReturnType<typeof nodeServer>>> {
  const server = await nodeServer(answer, options);
  return { ...server, ...await dial(server.port, ...more) };
}

type DialOptions = Parameters<typeof dial> extends [number, ...infer Rest] ? Rest : never;

async function textOf(response: Promise<ClientResponse>): Promise<string> {
  return (await response).body.text(16 * MIB);
}

/** The client has seen the first SETTINGS of the server, so that its limits hold. */
async function greeted({ client, sessions }: Dialed & { sessions: readonly unknown[] }) {
  await textOf(client.request({ authority }));
  return sessions.length;
}

function sha256Of(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}

describe('§8.1 requests and responses', () => {
  test('GET, HEAD and POST on one connection', async () => {
    const { client, sessions } = await pair((stream, fields) => {
      if (fields[':method'] === 'POST') echo(stream, fields);
      else hello(stream, fields);
    });
    const get = await client.request({ authority, path: '/a?b' });
    expect([get.status, get.fields.get('x-method')]).toEqual([200, 'GET']);
    expect(await get.body.text()).toBe('/a?b');
    const head = await client.request({ authority, method: 'HEAD' });
    expect([head.fields.get('x-method'), await head.body.text()]).toEqual(['HEAD', '']);
    const body = Buffer.from('content');
    expect(await textOf(client.request({ authority, method: 'POST', body }))).toBe('content');
    expect(sessions).toHaveLength(1);
  });

  test('a large upload, and the same octets back', async () => {
    const { client, manager } = await pair(echo);
    const body = Buffer.alloc(4 * MIB + 1, 'octets of some kind, ');
    const response = await client.request({ authority, method: 'POST', body });
    const echoed = await response.body.bytes(8 * MIB);
    expect([echoed.length, sha256Of(echoed)]).toEqual([body.length, sha256Of(body)]);
    expect(manager.counters.heldBytes).toBe(0);
  });

  test('an upload whose length is not known, and its trailers', async () => {
    const { client } = await pair((stream, fields) => {
      let octets = 0;
      let sum: unknown;
      stream.on('trailers', (trailers: IncomingHttpHeaders) => sum = trailers['x-count']);
      stream.on('data', (piece: Buffer) => octets += piece.length);
      stream.on('end', () => {
        stream.respond({ ':status': 200 });
        stream.end(`${fields['content-length']} ${octets} ${String(sum)}`);
      });
    });
    const body = new Pieces(1000, 700);
    expect(await textOf(client.request({ authority, method: 'POST', body })))
      .toBe('undefined 700000 1000');
  });

  test('trailers of the answer', async () => {
    const { client } = await pair((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '5' }));
      stream.end('hello');
    });
    const { body } = await client.request({ authority });
    expect([await body.text(), body.trailers().get('x-sum')]).toEqual(['hello', '5']);
  });

  test('interim responses', async () => {
    const seen: unknown[] = [];
    const { client } = await pair((stream, fields) => {
      stream.additionalHeaders({ ':status': 103, 'link': '</a.css>' });
      stream.additionalHeaders({ ':status': 100 });
      hello(stream, fields);
    }, {}, { informed: (status, fields) => seen.push([status, fields.get('link')]) });
    expect(await textOf(client.request({ authority }))).toBe('/');
    expect(seen).toEqual([[103, '</a.css>'], [100, undefined]]);
  });

  test('fields as they were sent', async () => {
    const { client } = await pair((stream, fields) => stream.respond({
      ':status': 200, 'set-cookie': ['a=1', 'b=2'], 'x-latin': 'caf\u00e9',
      'x-seen': `${String(fields['x-latin'])} ${fields.cookie} ${String(fields['x-two'])}`,
    }, { endStream: true }));
    const fields = Fields.from([
      ['x-latin', 'caf\u00e9'], ['cookie', 'a=1'], ['cookie', 'b=2'], ['x-two', '1'],
      ['x-two', '2'],
    ]);
    const response = await client.request({ authority, fields });
    expect(response.fields.get('x-seen')).toBe('caf\u00e9 a=1; b=2 1, 2');
    expect(response.fields.getAll('set-cookie')).toEqual(['a=1', 'b=2']);
    expect(response.fields.get('x-latin')).toBe('caf\u00e9');
  });
});

describe('§4.3 large field blocks', () => {
  /** So many octets in a block too: each of them is shorter as it is than in the Huffman code. */
  const incompressible = (octets: number): string => '#'.repeat(octets);

  test('by CONTINUATION, both ways', async () => {
    const { client } = await pair((stream, fields) => {
      stream.respond({ ':status': 200, 'x-back': fields['x-large'] }, { endStream: true });
    }, {}, {}, { fieldSectionBytes: 50_000 });
    const large = incompressible(40_000);
    for (let round = 0; round < 2; round++) {
      const fields = Fields.from({ 'x-large': large });
      expect((await client.request({ authority, fields })).fields.get('x-back')).toBe(large);
    }
  });

  test('an answer with more fields than are taken is none (RFC 9113 §10.5.1)', async () => {
    const { client } = await pair((stream, fields) => {
      if (fields[':path'] === '/') return hello(stream, fields);
      stream.respond({ ':status': 200, 'x-large': incompressible(40_000) }, { endStream: true });
    });
    await expect(client.request({ authority, path: '/large' })).rejects.toThrow();
    expect(await textOf(client.request({ authority }))).toBe('/');
  });
});

describe('§5.1.2 a hundred streams at once', () => {
  test('each with its own answer', async () => {
    const { client, sessions } = await pair(hello);
    const paths = Array.from({ length: 100 }, (_, at) => `/${at}`);
    const answers = paths.map((path) => textOf(client.request({ authority, path })));
    expect(await Promise.all(answers)).toEqual(paths);
    expect(sessions).toHaveLength(1);
  });

  test('the server\'s limit is the client\'s', async () => {
    const settings = { maxConcurrentStreams: 2 };
    const both = await pair((stream, fields) => {
      if (fields[':path'] === '/') hello(stream, fields);
    }, { settings });
    await greeted(both);
    const { client } = both;
    const open = ['/1', '/2'].map((path) => client.request({ authority, path }));
    for (const answer of open) answer.catch(() => {});
    expect(client.canRequest).toBe(false);
    await expect(client.request({ authority })).rejects.toThrow('no more streams');
  });
});

describe('§6.5 SETTINGS of the server', () => {
  test('an initial window of 0 holds content back, until it grows', async () => {
    const both = await pair(echo, { settings: { initialWindowSize: 0 } });
    await greeted(both);
    const { client, sessions: [server] } = both;
    const answer = textOf(client.request({ authority, method: 'POST', body: Buffer.from('up') }));
    let octets = 0;
    server?.on('stream', (stream: ServerHttp2Stream) => stream.on('data', (piece: Buffer) => {
      octets += piece.length;
    }));
    await ping(server!);
    expect(octets).toBe(0);
    await change(server!, { initialWindowSize: 65_535 });
    expect(await answer).toBe('up');
  });

  test('header table sizes, in the midst of it all (RFC 7541 §4.2)', async () => {
    const both = await pair(hello, { settings: { headerTableSize: 0 } });
    await greeted(both);
    const { client, sessions: [server] } = both;
    const fields = Fields.from({ 'x-same': 'the same in all requests', 'user-agent': 'a test' });
    for (const headerTableSize of [0, 65_536, 0, 4096, 100, 65_536]) {
      await change(server!, { headerTableSize });
      for (const path of ['/a', '/b', '/a']) {
        expect(await textOf(client.request({ authority, path, fields }))).toBe(path);
      }
    }
  });

  test.each([16_384, 2 ** 24 - 1])('frames of up to %i octets', async (maxFrameSize) => {
    const settings = { maxFrameSize, initialWindowSize: 2 * MIB };
    const both = await pair(echo, { settings });
    await greeted(both);
    const body = new Octets(0, MIB - 1);
    const text = await textOf(both.client.request({ authority, method: 'POST', body }));
    expect(text).toHaveLength(MIB);
  });
});

describe('§5.2 flow control', () => {
  test('an answer that is read slowly is held back, and is whole in the end', async () => {
    const both = await pair((stream, fields) => {
      if (fields[':path'] === '/') return hello(stream, fields);
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(3 * MIB, 'x'));
    });
    const { client, manager } = both;
    const { body } = await client.request({ authority, path: '/large' });
    const window = 256 * 1024;
    await eventually(() => manager.counters.heldBytes === window, 'its window was used up');
    expect(await textOf(client.request({ authority }))).toBe('/');
    expect(manager.counters.heldBytes).toBe(window);
    let octets = 0;
    for await (const piece of body) octets += piece.length;
    expect([octets, manager.counters.heldBytes]).toEqual([3 * MIB, 0]);
  });
});

describe('§6.7 PING', () => {
  test('of the server is answered', async () => {
    const both = await pair(hello);
    await greeted(both);
    const data = Buffer.from('12345678');
    expect(await ping(both.sessions[0]!, data)).toEqual(data);
  });
});

describe('§8.4 push', () => {
  const pushing: Answer = (stream, fields) => {
    if (!stream.pushAllowed) {
      stream.respond({ ':status': 200 });
      stream.end('not allowed');
      return;
    }
    stream.pushStream({ ':path': '/style.css' }, (error, pushed) => {
      if (error !== null) throw error;
      pushed.respond({ ':status': 200, 'x-of': 'push' });
      pushed.end('css');
      hello(stream, fields);
    });
  };

  test('a promise and its answer', async () => {
    const pushed: Promise<string>[] = [];
    const { client } = await pair(pushing, {}, {
      pushed: (path, response) => pushed.push(response.then(async ({ fields, body }) => (
        `${path} ${fields.get('x-of')} ${await body.text()}`
      ))),
    });
    expect(await textOf(client.request({ authority }))).toBe('/');
    expect(await Promise.all(pushed)).toEqual(['/style.css push css']);
  });

  test('not where nobody takes it', async () => {
    const { client } = await pair(pushing);
    expect(await textOf(client.request({ authority }))).toBe('not allowed');
  });
});

describe('ends', () => {
  /** How a request fails, and that its connection is as well as ever. */
  async function failing(client: Http2Client, path: string): Promise<string> {
    const failure = await textOf(client.request({ authority, path })).catch(String);
    expect(await textOf(client.request({ authority }))).toBe('/');
    return failure;
  }

  test.each([
    ['before the answer', NGHTTP2_REFUSED_STREAM, 'REFUSED_STREAM', false],
    ['in the middle of it', NGHTTP2_INTERNAL_ERROR, 'INTERNAL_ERROR', true],
  ])('a stream that the server resets %s (§6.4)', async (_, code, name, begun) => {
    const { client } = await pair((stream, fields) => {
      stream.on('error', () => {});
      if (fields[':path'] === '/') return hello(stream, fields);
      if (begun) {
        stream.respond({ ':status': 200 });
        stream.write('a part');
      }
      stream.close(code);
    });
    expect(await failing(client, '/reset')).toContain(name);
  });

  test('a stream that the client resets: its content broke', async () => {
    const codes: number[] = [];
    const { client } = await pair((stream, fields) => {
      if (fields[':path'] === '/') return hello(stream, fields);
      stream.on('error', () => {});
      stream.on('close', () => codes.push(stream.rstCode));
      stream.resume();
    });
    const body = {
      length: undefined, cancel: () => {}, pull: () => { throw new Error('on purpose'); },
    };
    await expect(client.request({ authority, method: 'POST', path: '/bad', body }))
      .rejects.toThrow('on purpose');
    expect(await textOf(client.request({ authority }))).toBe('/');
    await eventually(() => codes.length === 1, 'the server was told');
    expect(codes).toEqual([NGHTTP2_CANCEL]);
  });

  test('a server that goes away finishes what it took (§6.8)', async () => {
    const waiting: (() => void)[] = [];
    const { client, sessions, manager } = await pair((stream, fields) => {
      waiting.push(() => hello(stream, fields));
    });
    const answers = ['/1', '/2'].map((path) => textOf(client.request({ authority, path })));
    await eventually(() => waiting.length === 2, 'both have come');
    const [server] = sessions;
    server?.close();
    await eventually(() => !client.canRequest, 'the client was told');
    for (const answer of waiting) answer();
    expect(await Promise.all(answers)).toEqual(['/1', '/2']);
    await eventually(() => manager.counters.connections === 0, 'the connection ended');
    expect(manager.counters.heldBytes).toBe(0);
  });

  test('a client that goes away gets the answers that it waits for (§6.8)', async () => {
    const waiting: (() => void)[] = [];
    const { client, sessions, manager } = await pair((stream, fields) => {
      waiting.push(() => hello(stream, fields));
    });
    const answers = ['/1', '/2'].map((path) => textOf(client.request({ authority, path })));
    await eventually(() => waiting.length === 2, 'both have come');
    const told = once(sessions[0]!, 'goaway') as Promise<[number]>;
    manager.shutdown();
    expect((await told)[0]).toBe(0);
    for (const answer of waiting) answer();
    expect(await Promise.all(answers)).toEqual(['/1', '/2']);
    await eventually(() => manager.counters.connections === 0, 'the connection ended');
  });

  test('a connection that breaks rejects all', async () => {
    const { client, sessions, manager } = await pair(() => {});
    const answers = ['/1', '/2'].map((path) => client.request({ authority, path }));
    const settled = Promise.allSettled(answers);
    await eventually(() => sessions.length === 1, 'it was accepted');
    sessions[0]?.destroy();
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await eventually(() => manager.counters.connections === 0, 'the connection ended');
    expect(manager.counters.heldBytes).toBe(0);
  });
});
