/** Node's own HTTP/2 client against a server in this process: messages, both ways. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { HttpResponse, type Handler } from '../../src/index.ts';
import { Octets, Pieces } from '../../examples/support/octets.ts';
import { ask, begin, ping, replyOf, session } from '../support/http2-sockets.ts';
import { eventually, serve } from '../support/sockets.ts';

const MIB = 1024 * 1024;
const { NGHTTP2_ENHANCE_YOUR_CALM } = constants;
const hello: Handler = () => new HttpResponse(200, { 'content-type': 'text/plain' }, 'hello');
const echo: Handler = ({ body }) => new HttpResponse(200, {}, body);

const BLOCK = Buffer.from(Array.from({ length: 65_521 }, (_, at) => at % 251));

/** Octets that can be told apart, of which no two frames of 16 KiB are alike. */
function content(octets: number): Buffer {
  return Buffer.alloc(octets, BLOCK);
}

function sha256Of(octets: Uint8Array | string): string {
  const bytes = typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets;
  return createHash('sha256').update(bytes).digest('hex');
}

describe('§8.1 requests and responses', () => {
  test('GET, HEAD and POST on one connection', async () => {
    const server = await serve(({ method, path, body }) => (
      method === 'POST' ? new HttpResponse(201, {}, body)
        : new HttpResponse(200, { 'x-path': path }, 'hello')
    ));
    const one = await session(server.port);
    const get = await ask(one, '/a?b');
    expect([get.status, get.fields['x-path'], get.body]).toEqual([200, '/a', 'hello']);
    expect(get.fields['content-length']).toBe('5');
    expect(get.fields.date).toMatch(/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/);
    const head = await ask(one, { ':method': 'HEAD', ':path': '/a' });
    expect([head.status, head.fields['content-length'], head.body]).toEqual([200, '5', '']);
    const post = await ask(one, { ':method': 'POST' }, { content: 'up' });
    expect([post.status, post.body]).toEqual([201, 'up']);
    expect(server.counters).toMatchObject({ accepted: 1, connections: 1, heldBytes: 0 });
  });

  test('HEAD does not tell a length that GET would not have (RFC 9110 §8.6)', async () => {
    const server = await serve(({ method }) => (
      new HttpResponse(200, {}, method === 'HEAD' ? null : 'hello')
    ));
    const one = await session(server.port);
    expect((await ask(one, { ':method': 'HEAD' })).fields['content-length']).toBeUndefined();
    expect((await ask(one)).fields['content-length']).toBe('5');
  });

  test('answers of each kind, none of which ends the connection', async () => {
    const kinds: Readonly<Record<string, () => HttpResponse>> = {
      '/text': () => new HttpResponse(200, {}, 'text'),
      '/none': () => new HttpResponse(204),
      '/same': () => new HttpResponse(304, { etag: '"a"' }),
      '/reset': () => new HttpResponse(205),
      '/long': () => new HttpResponse(200, {}, new Octets(0, 299_999)),
      '/pieces': () => new HttpResponse(200, {}, new Pieces(3, 5)),
      '/fails': () => { throw new Error('on purpose'); },
    };
    const server = await serve((request) => kinds[request.path]?.() ?? new HttpResponse(404));
    server.on('error', () => {});
    const one = await session(server.port);
    const got: [string, number, number][] = [];
    for (const path of Object.keys(kinds)) {
      const { status, body } = await ask(one, path);
      got.push([path, status, body.length]);
      expect((await ask(one, { ':path': path, ':method': 'HEAD' })).body).toBe('');
    }
    expect(got).toEqual([
      ['/text', 200, 4], ['/none', 204, 0], ['/same', 304, 0], ['/reset', 205, 0],
      ['/long', 200, 300_000], ['/pieces', 200, 15], ['/fails', 500, expect.any(Number)],
    ]);
    expect(server.counters.accepted).toBe(1);
  });

  test('a large upload, and the same octets back', async () => {
    const server = await serve(echo);
    const one = await session(server.port);
    const octets = content(4 * MIB + 1);
    const reply = await ask(one, { ':method': 'POST' }, { content: octets });
    expect([reply.body.length, sha256Of(reply.body)]).toEqual([octets.length, sha256Of(octets)]);
    expect(server.counters.heldBytes).toBe(0);
  });

  test('content comes back while more is sent', async () => {
    const server = await serve(echo);
    const stream = (await session(server.port)).request({ ':method': 'POST' });
    for (const piece of ['first', 'second']) {
      stream.write(piece);
      const [octets] = await once(stream, 'data') as [Buffer];
      expect(octets.toString()).toBe(piece);
    }
    stream.end();
    await once(stream, 'end');
  });

  test('trailers, there and back', async () => {
    const server = await serve(async (request) => {
      const text = await request.body.text();
      const fields = { 'x-text': text, 'x-saw': request.trailers.get('x-sum') };
      return new HttpResponse(200, fields, new Pieces(2, 3));
    });
    const { fields, body, trailers } = await ask(
      await session(server.port), { ':method': 'POST' },
      { content: 'something', trailers: { 'x-sum': 'all of it' } },
    );
    expect([fields['x-text'], fields['x-saw']]).toEqual(['something', 'all of it']);
    expect(body).toBe('ABCABC');
    expect(trailers).toEqual({ 'x-count': '2' });
  });
});

describe('§5.1.2 a hundred streams at once', () => {
  test('each has its own answer, whatever the order they are given in', async () => {
    const waiting: (() => void)[] = [];
    const server = await serve((request) => new Promise((resolve) => {
      waiting.push(() => resolve(new HttpResponse(200, {}, request.path)));
      // The last to come is the first to be answered.
      if (waiting.length === 100) for (const answer of waiting.reverse()) answer();
    }));
    const one = await session(server.port);
    await ping(one);
    expect(one.remoteSettings.maxConcurrentStreams).toBe(100);
    const paths = Array.from({ length: 100 }, (_, at) => `/${at}`);
    const replies = await Promise.all(paths.map((path) => ask(one, path)));
    expect(replies.map(({ body }) => body)).toEqual(paths);
    expect(server.counters.accepted).toBe(1);
  });

  test('a hundred uploads side by side', async () => {
    const server = await serve(async ({ body }) => new HttpResponse(200, {}, sha256Of(
      await body.bytes(),
    )));
    const one = await session(server.port);
    const contents = Array.from({ length: 100 }, (_, at) => content(20_000 + at));
    const replies = await Promise.all(contents.map((octets) => (
      ask(one, { ':method': 'PUT' }, { content: octets })
    )));
    expect(replies.map(({ body }) => body)).toEqual(contents.map(sha256Of));
    expect(server.counters.heldBytes).toBe(0);
  });

  test('what is over the limit waits in the client, which was told of it', async () => {
    const server = await serve(async ({ path }) => {
      await new Promise((resolve) => { setImmediate(resolve); });
      return new HttpResponse(200, {}, path);
    }, { limits: { http2Streams: 2 } });
    const one = await session(server.port);
    await ping(one);
    const paths = Array.from({ length: 20 }, (_, at) => `/${at}`);
    const replies = await Promise.all(paths.map((path) => ask(one, path)));
    expect(replies.map(({ body }) => body)).toEqual(paths);
  });

  test('a client that did not wait to be told is refused, and the others are served', async () => {
    const answers: (() => void)[] = [];
    const server = await serve(() => new Promise((resolve) => {
      answers.push(() => resolve(new HttpResponse(200)));
    }), { limits: { http2Streams: 2 } });
    // A request in the turn of the connect leaves before the server's SETTINGS can have come.
    const one = await session(server.port);
    const streams = [1, 2, 3].map(() => begin(one, '/'));
    const [first, second, third] = streams.map(replyOf);
    await expect(third).rejects.toThrow('NGHTTP2_REFUSED_STREAM');
    for (const answer of answers) answer();
    expect([(await first)?.status, (await second)?.status]).toEqual([200, 200]);
  });
});

describe('§8.1 interim responses', () => {
  test('103 comes before its answer (RFC 8297)', async () => {
    const server = await serve((request) => {
      request.inform(103, { link: '</a.css>; rel=preload' });
      return new HttpResponse(200, {}, 'page');
    });
    const { interims, status, body } = await ask(await session(server.port));
    expect(interims).toEqual([{ ':status': 103, 'link': '</a.css>; rel=preload' }]);
    expect([status, body]).toEqual([200, 'page']);
  });

  test.each<[string, Handler]>([
    ['the handler reads', async ({ body }) => new HttpResponse(200, {}, await body.text())],
    ['its answer does', echo],
  ])('100 comes when %s, and the content after it (RFC 9110 §10.1.1)', async (_, handler) => {
    const server = await serve(handler);
    const stream = (await session(server.port)).request({
      ':method': 'POST', 'expect': '100-continue', 'content-length': 5,
    });
    const seen: string[] = [];
    for (const word of ['continue', 'response']) {
      stream.on(word, () => seen.push(word) === 1 && stream.end('hello'));
    }
    const { body } = await replyOf(stream);
    expect([seen, body]).toEqual([['continue', 'response'], 'hello']);
  });

  test('and does not come where nothing will be read', async () => {
    const server = await serve(() => new HttpResponse(403));
    const stream = (await session(server.port)).request({
      ':method': 'POST', 'expect': '100-continue', 'content-length': 5,
    });
    stream.on('continue', () => { throw new Error('it was asked for'); });
    const [fields] = await once(stream, 'response') as [IncomingHttpHeaders];
    expect(fields[':status']).toBe(403);
    stream.end();
    stream.resume();
    await once(stream, 'close');
    expect(stream.rstCode).toBe(0);
  });
});

describe('§8.2 fields', () => {
  test('values as they were sent, repeated ones in order', async () => {
    const server = await serve(({ fields }) => new HttpResponse(200, {
      'set-cookie': ['a=1', 'b=2'], 'x-latin': 'caf\u00e9', 'x-empty': '',
    }, JSON.stringify([...fields])));
    const { body, fields } = await ask(await session(server.port), {
      'x-one': ['1', '2'], 'x-latin': 'caf\u00e9', 'x-empty': '', 'x-inner': 'a  b',
    });
    expect(JSON.parse(Buffer.from(body, 'latin1').toString())).toEqual(expect.arrayContaining([
      ['x-one', '1'], ['x-one', '2'], ['x-latin', 'caf\u00e9'], ['x-empty', ''],
      ['x-inner', 'a  b'],
    ]));
    expect(fields['set-cookie']).toEqual(['a=1', 'b=2']);
    expect([fields['x-latin'], fields['x-empty']]).toEqual(['caf\u00e9', '']);
  });

  test('cookie crumbs are joined (RFC 9113 §8.2.3)', async () => {
    const server = await serve(({ fields }) => new HttpResponse(200, {
      'x-cookie': fields.get('cookie'), 'x-lines': fields.getAll('cookie').length,
    }));
    const { fields } = await ask(await session(server.port), { cookie: ['a=1', 'b=2', 'c=3'] });
    expect([fields['x-cookie'], fields['x-lines']]).toEqual(['a=1; b=2; c=3', '1']);
  });

  test('what a handler sets of another version is dropped (RFC 9113 §8.2.2)', async () => {
    const server = await serve(() => new HttpResponse(200, {
      'connection': 'close', 'keep-alive': 'timeout=5', 'x-mine': '1',
    }, 'hello'));
    const { fields, status } = await ask(await session(server.port));
    expect(Object.keys(fields)).toEqual([':status', 'x-mine', 'content-length', 'date']);
    expect(status).toBe(200);
  });
});

describe('§4.3, §6.10 large field blocks', () => {
  /** So many octets in a block too: each of them is shorter as it is than in the Huffman code. */
  const incompressible = (octets: number): string => '#'.repeat(octets);
  const options = { maxSendHeaderBlockLength: 256 * 1024 };

  test('a request whose block needs CONTINUATION', async () => {
    const server = await serve(({ fields }) => (
      new HttpResponse(200, {}, String(fields.get('x-large')?.length))
    ));
    const one = await session(server.port, options);
    for (const octets of [16_000, 20_000]) {
      expect((await ask(one, { 'x-large': incompressible(octets) })).body).toBe(`${octets}`);
    }
  });

  test('a response whose block does', async () => {
    const large = incompressible(50_000);
    const server = await serve(() => new HttpResponse(200, { 'x-large': large }, 'hello'));
    const one = await session(server.port);
    for (let round = 0; round < 2; round++) {
      const { fields, body } = await ask(one);
      expect([fields['x-large'], body]).toEqual([large, 'hello']);
    }
  });

  test('over the limit: 431, and the connection lives (RFC 6585 §5)', async () => {
    const server = await serve(hello);
    const one = await session(server.port, options);
    for (const octets of [30_000, 60_000]) {
      expect((await ask(one, { 'x-large': incompressible(octets) })).status).toBe(431);
      expect((await ask(one)).status).toBe(200);
    }
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`x-${at}`, '1']));
    expect((await ask(one, many)).status).toBe(431);
    expect((await ask(one)).status).toBe(200);
    expect(server.counters.accepted).toBe(1);
  });

  test('over what is worth decoding: ENHANCE_YOUR_CALM (RFC 9113 §10.5.1)', async () => {
    const server = await serve(hello);
    const one = await session(server.port, options);
    one.on('error', () => {});
    const stream = begin(one, { 'x-large': incompressible(70_000) });
    stream.on('error', () => {});
    const [code] = await once(one, 'goaway') as [number];
    expect(code).toBe(NGHTTP2_ENHANCE_YOUR_CALM);
    await eventually(() => server.counters.connections === 0, 'the connection ended');
  });
});

describe('RFC 9218 §10 priorities, where answers share in the window of the connection', () => {
  interface Turns {
    /** Paths as their content came, piece by piece: `a a b` is `[a, b]`. */
    readonly pieces: readonly string[];
    /** Paths as their answers were complete. */
    readonly ends: readonly string[];
  }

  async function turns(octets: number, asked: Readonly<Record<string, string>>): Promise<Turns> {
    const server = await serve(() => new HttpResponse(200, {}, new Octets(0, octets - 1)));
    // The connection's window is the default, and the streams' are no bound.
    const one = await session(server.port, { settings: { initialWindowSize: 8 * MIB } });
    const pieces: string[] = [];
    const ends: string[] = [];
    await Promise.all(Object.entries(asked).map(([path, priority]) => {
      const stream = begin(one, { ':path': path, priority });
      stream.on('data', () => pieces.at(-1) !== path && pieces.push(path));
      stream.on('end', () => ends.push(path));
      return replyOf(stream);
    }));
    return { pieces, ends };
  }

  test('the more urgent is complete first, whenever it was asked for', async () => {
    const { ends } = await turns(MIB, {
      '/late': 'u=7', '/usual': '', '/soon': 'u=1', '/now': 'u=0',
    });
    expect(ends).toEqual(['/now', '/soon', '/usual', '/late']);
  });

  test('of one urgency, the one after the other', async () => {
    const paths = ['/1', '/2', '/3'];
    const { pieces, ends } = await turns(120_000, { '/1': 'u=2', '/2': 'u=2', '/3': 'u=2' });
    expect([pieces, ends]).toEqual([paths, paths]);
  });

  test('of one urgency, side by side where parts are of use', async () => {
    const { pieces } = await turns(120_000, { '/1': 'i', '/2': 'i' });
    expect(pieces.length).toBeGreaterThan(4);
  });
});
