/** The target's routes over HTTP/1.1 and HTTP/2: one handler, and one answer whatever the wire. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  request as clientRequest, type IncomingMessage, type OutgoingHttpHeaders,
} from 'node:http';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { ask, begin, ping, session, type Content } from '../support/http2-sockets.ts';
import { startExample } from '../support/process.ts';
import { eventually } from '../support/sockets.ts';

const target = await startExample(afterAll, 'target', '--port', '0');

/** What an answer means, without what its version adds. */
interface Meaning {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>;
  /** Status and `link` of interim responses. */
  readonly interims: readonly (readonly [number, unknown])[];
}

interface Asked extends Content {
  readonly method: string;
  readonly path: string;
  readonly fields?: OutgoingHttpHeaders;
}

/** Fields of the connection (RFC 9112 §7, §9), and the moment. */
const OF_THE_WIRE = new Set([':status', 'connection', 'keep-alive', 'transfer-encoding', 'date']);

function plain(fields: Readonly<Record<string, string | string[] | undefined>>) {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !OF_THE_WIRE.has(name)));
}

async function overHttp1(asked: Asked): Promise<Meaning> {
  const { method, path, fields = {}, content, trailers } = asked;
  const headers = trailers === undefined ? fields : { ...fields, 'transfer-encoding': 'chunked' };
  const { port } = target;
  const request = clientRequest({ host: '127.0.0.1', port, method, path, headers, agent: false });
  const interims: (readonly [number, unknown])[] = [];
  request.on('information', (info) => interims.push([info.statusCode, info.headers['link']]));
  if (trailers !== undefined) request.addTrailers(trailers as Record<string, string>);
  request.end(content);
  const [response] = await once(request, 'response') as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return {
    status: response.statusCode ?? 0, fields: plain(response.headers),
    body: Buffer.concat(pieces).toString('latin1'), trailers: response.trailers, interims,
  };
}

async function overHttp2({ method, path, fields = {}, ...more }: Asked): Promise<Meaning> {
  const on = await session(target.port);
  // The other client tells it by itself.
  const told = more.content === undefined || more.trailers !== undefined
    ? {}
    : { 'content-length': Buffer.byteLength(more.content) };
  const head = { ':method': method, ':path': path, ...fields, ...told };
  const reply = await ask(on, head, more);
  on.close();
  return {
    ...reply, fields: plain(reply.fields as Meaning['fields']), trailers: { ...reply.trailers },
    interims: reply.interims.map((fields) => [Number(fields[':status']), fields['link']]),
  };
}

const large = 'octets '.repeat(300_000);
const DIGEST = createHash('sha256').update(large).digest('hex');
const HELLO = { status: 200, body: 'Hello, World!', fields: { 'content-length': '13' } };
const link = expect.stringContaining('rel=preload');

type More = Omit<Asked, 'method' | 'path'>;
type Row = readonly [line: string, more: More, expected: object];

const TABLE: readonly Row[] = [
  ['GET /', {}, HELLO],
  ['GET /plain', {}, HELLO],
  ['HEAD /plain', {}, { ...HELLO, body: '' }],
  ['POST /', { content: large }, HELLO],
  ['GET /push', {}, HELLO],
  ['GET /delay/20', {}, HELLO],
  ['GET /hints', {}, { ...HELLO, interims: [[103, link]] }],
  ['HEAD /hints', {}, { body: '', interims: [[103, link]] }],

  ['GET /bytes/0', {}, { body: '', fields: { 'content-length': '0' } }],
  ['GET /bytes/1000003', {}, { fields: { 'content-length': '1000003', 'accept-ranges': 'bytes' } }],
  ['HEAD /bytes/1000003', {}, { body: '', fields: { 'content-length': '1000003' } }],
  ['GET /bytes/74', { fields: { range: 'bytes=60-66' } },
    { status: 206, body: '89+\nABC', fields: { 'content-range': 'bytes 60-66/74' } }],
  ['HEAD /bytes/74', { fields: { range: 'bytes=60-66' } }, { status: 200, body: '' }],
  ['GET /bytes/74', { fields: { range: 'bytes=-3' } }, { status: 206, body: 'HIJ' }],
  ['GET /bytes/74', { fields: { range: 'bytes=74-' } },
    { status: 416, fields: { 'content-range': 'bytes */74' } }],
  ['GET /bytes/74', { fields: { 'range': 'bytes=0-1', 'if-range': '"74"' } }, { status: 206 }],
  ['GET /bytes/74', { fields: { 'range': 'bytes=0-1', 'if-range': '"75"' } }, { status: 200 }],
  ['GET /bytes/-1', {}, { status: 400 }],

  ['GET /stream/3/5', {}, { body: 'ABCDE'.repeat(3), trailers: { 'x-count': '3' } }],
  ['GET /stream/2/100000', {}, { trailers: { 'x-count': '2' } }],
  ['GET /stream/0/5', {}, { body: '', trailers: { 'x-count': '0' } }],
  ['HEAD /stream/3/5', {}, { body: '', trailers: {} }],

  ['POST /echo', { content: large, fields: { 'content-type': 'a/b;c=d' } },
    { body: large, fields: { 'content-type': 'a/b;c=d' } }],
  ['PUT /echo', { content: '' }, { status: 200, body: '' }],
  ['BREW /echo', { content: 'tea' }, { body: 'tea' }],
  ['HEAD /echo', {}, { status: 200, body: '' }],
  ['POST /digest', { content: large },
    { body: JSON.stringify({ bytes: large.length, sha256: DIGEST }) }],
  ['GET /digest', {}, { status: 405, fields: { allow: 'POST, OPTIONS' } }],

  ...[200, 201, 204, 205, 301, 304, 400, 401, 404, 405, 407, 418, 500, 503, 599]
    .flatMap((status) => [[`GET /status/${status}`, {}, { status }] as const,
      [`HEAD /status/${status}`, {}, { status, body: '' }] as const]),
  ['GET /status/100', {}, { status: 400 }],

  ['GET /etag', {}, { status: 200, fields: { etag: '"v1"' } }],
  ['GET /etag', { fields: { 'if-none-match': '"v1"' } }, { status: 304, body: '' }],
  ['HEAD /etag', { fields: { 'if-none-match': '"v1"' } }, { status: 304, body: '' }],
  ['GET /etag', { fields: { 'if-match': '"v2"' } }, { status: 412 }],
  ['GET /modified', { fields: { 'if-modified-since': 'Mon, 01 Jan 2024 00:00:00 GMT' } },
    { status: 304, fields: { 'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT' } }],
  ['GET /max-age/60', {}, { fields: { 'cache-control': 'max-age=60' } }],
  ['GET /no-store', {}, { fields: { 'cache-control': 'no-store' } }],
  ['GET /swr', {}, { status: 200 }],
  ['GET /poll?after=0', {}, { status: 200 }],

  ['DELETE /plain', {}, { status: 405, fields: { allow: 'GET, HEAD, OPTIONS' } }],
  ['OPTIONS /plain', {}, { status: 204, fields: { allow: 'GET, HEAD, OPTIONS' } }],
  ['OPTIONS *', {}, { status: 204 }],
  ['TRACE /plain', {}, { status: 405 }],
  ['GET /nothing', {}, { status: 404, fields: { 'content-type': 'application/problem+json' } }],
  ['HEAD /nothing', {}, { status: 404, body: '' }],
  ['GET /static/style.css', {}, { status: 501 }],
  ['POST /digest', { content: 'x', fields: { expect: 'something' } }, { status: 417 }],
];

/** A request in words. */
function titleOf(line: string, { fields = {}, content }: More): string {
  const words = Object.entries(fields).map(([name, value]) => `${name}: ${String(value)}`);
  if (content !== undefined) words.push(`${content.length} octets`);
  return [line, ...words].join(', ');
}

describe('the same answer over HTTP/1.1 and HTTP/2', () => {
  test.each(TABLE.map((row) => [titleOf(row[0], row[1]), ...row] as const))(
    '%s', async (_, line, more, expected) => {
      const [method = '', path = ''] = line.split(' ');
      const [one, two] = await Promise.all([
        overHttp1({ method, path, ...more }), overHttp2({ method, path, ...more }),
      ]);
      expect(one).toMatchObject(expected);
      // Events come all the time.
      if (path.startsWith('/poll')) expect(two).toMatchObject(expected);
      else expect(two).toEqual(one);
    },
  );
});

describe('/inspect tells what arrived', () => {
  const fields = {
    'content-type': 'a/b', 'x-twice': ['1', '2'], 'cookie': 'a=1; b=2', 'x-latin': 'caf\u00e9',
  };
  const asked = { method: 'PATCH', path: '/inspect?a=b', fields, content: 'abcde' };
  const told = {
    method: 'PATCH', target: '/inspect?a=b', trailers: { 'x-sum': '5' },
    remoteAddress: '127.0.0.1', secure: false, alpn: '', bytes: 5,
  };
  const seen = {
    'content-type': 'a/b', 'x-twice': '1, 2', 'cookie': 'a=1; b=2', 'x-latin': 'caf\u00e9',
  };

  test.each([['1.1', overHttp1], ['2', overHttp2]])('over HTTP/%s', async (version, over) => {
    const { body } = await over({ ...asked, trailers: { 'x-sum': '5' } });
    const json = JSON.parse(Buffer.from(body, 'latin1').toString()) as { fields: object };
    expect(json).toMatchObject({ ...told, version, fields: seen });
  });
});

describe('life (RFC 9113 §6.8)', () => {
  test('/events goes on until its client cancels it, and the connection lives', async () => {
    const on = await session(target.port);
    const stream = begin(on, '/events');
    stream.on('error', () => {});
    let text = '';
    stream.on('data', (piece: Buffer) => text += piece.toString());
    await eventually(() => text.includes('id: 3\n'), 'three events came');
    stream.close();
    expect((await ask(on, '/plain')).body).toBe('Hello, World!');
  });

  test('there are no tunnels', async () => {
    const on = await session(target.port);
    const { status } = await ask(on, { ':method': 'CONNECT', ':authority': 'a:80' });
    expect([status, (await ask(on, '/plain')).status]).toEqual([501, 200]);
  });

  test('a signal to stop: what is begun is finished, and the process ends', async () => {
    const own = await startExample(onTestFinished, 'target', '--port', '0');
    const on = await session(own.port);
    const paths = ['/delay/300', '/plain', '/stream/3/5'];
    const replies = Promise.all(paths.map((path) => ask(on, path)));
    const events = begin(on, '/events');
    events.resume();
    await ping(on);
    const [end, answers] = await Promise.all([own.stop(), replies]);
    expect(answers.map(({ body }) => body))
      .toEqual(['Hello, World!', 'Hello, World!', 'ABCDEABCDEABCDE']);
    expect([end.code, end.signal, end.stderr]).toEqual([0, null, '']);
    expect(events.rstCode).toBe(0);
  });
});
