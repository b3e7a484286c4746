/** Every route that the target offers to outside tools, as its table promises it. */
import { createHash } from 'node:crypto';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { startExample } from '../support/process.ts';
import { connected } from '../support/sockets.ts';
import type { Answer } from '../support/http1.ts';
import { head } from '../support/vectors.ts';

vi.setConfig({ testTimeout: 30_000 });

const target = await startExample(afterAll, 'target', '--port', '0');

/** All answers to one request, the interim ones too. */
async function talk(
  method: string, path: string, lines: readonly string[] = [], content = '',
): Promise<Answer[]> {
  const client = await connected(target.port);
  const start = `${method} ${path} HTTP/1.1`;
  client.send(head(start, 'Host: a', 'Connection: close', ...lines) + content);
  await client.sawEnd();
  return client.answers([method]);
}

async function ask(...words: Parameters<typeof talk>): Promise<Answer> {
  return (await talk(...words)).at(-1) as Answer;
}

function json({ body }: Answer): unknown {
  return JSON.parse(body);
}

describe('Hello, World!', () => {
  test.each([
    ['GET', '/'], ['POST', '/'], ['GET', '/plain'], ['GET', '/plain?query'], ['GET', '/push'],
    ['GET', '/delay/0'], ['GET', '/delay/20'],
  ])('%s %s', async (method, path) => {
    const { status, body, fields } = await ask(method, path);
    expect([status, body]).toEqual([200, 'Hello, World!']);
    expect(fields.get('content-type')).toBe('text/plain');
    expect(fields.get('content-length')).toBe('13');
    expect(fields.get('date')).toMatch(/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/);
  });

  test('POST / keeps the connection, however long the content is', async () => {
    const client = await connected(target.port);
    const size = 1024 * 1024;
    client.send(head('POST / HTTP/1.1', 'Host: a', `Content-Length: ${size}`) + 'x'.repeat(size));
    client.send(head('GET /plain HTTP/1.1', 'Host: a'));
    const [first, second] = await client.answered(2);
    expect(first?.fields.has('connection')).toBe(false);
    expect(second?.status).toBe(200);
  });
});

describe('HEAD is answered wherever GET is', () => {
  test.each([
    ['/', '13'], ['/plain', '13'], ['/bytes/100', '100'], ['/stream/3/5', undefined],
    ['/etag', '18'], ['/delay/0', '13'], ['/hints', '13'], ['/status/404', '4'],
    ['/events', undefined],
  ])('HEAD %s', async (path, length) => {
    const [get, ...more] = [...await talk('HEAD', path)].reverse();
    expect(get?.body).toBe('');
    expect(get?.fields.get('content-length')).toBe(length);
    expect(more.map(({ status }) => status)).toEqual(path === '/hints' ? [103] : []);
  });
});

describe('/bytes/:n', () => {
  test.each([0, 1, 13, 64, 65_536, 65_537, 1_000_003])('%d octets', async (length) => {
    const { status, body, fields } = await ask('GET', `/bytes/${length}`);
    expect([status, body.length, fields.get('content-length')]).toEqual([200, length, `${length}`]);
  });

  test.each([
    ['bytes=0-0', 0, 1], ['bytes=3-9', 3, 10], ['bytes=65530-131080', 65_530, 131_081],
    ['bytes=-5', 199_995, 200_000], ['bytes=199999-', 199_999, 200_000],
  ])('%s is the same octets as in the whole', async (range, start, end) => {
    const whole = await ask('GET', '/bytes/200000');
    const { status, body, fields } = await ask('GET', '/bytes/200000', [`Range: ${range}`]);
    expect(status).toBe(206);
    expect(fields.get('content-range')).toBe(`bytes ${start}-${end - 1}/200000`);
    expect(body).toBe(whole.body.slice(start, end));
  });

  test('a range beyond the end is 416, several are the whole, If-Range is honoured', async () => {
    const range = 'Range: bytes=0-1';
    const beyond = await ask('GET', '/bytes/10', ['Range: bytes=10-']);
    expect([beyond.status, beyond.fields.get('content-range')]).toEqual([416, 'bytes */10']);
    expect((await ask('GET', '/bytes/10', ['Range: bytes=0-1,3-4'])).status).toBe(200);
    expect((await ask('GET', '/bytes/10', [range, 'If-Range: "10"'])).status).toBe(206);
    expect((await ask('GET', '/bytes/10', [range, 'If-Range: "11"'])).status).toBe(200);
  });

  test('more octets than memory could hold begin at once', async () => {
    const client = await connected(target.port);
    client.send(head(`GET /bytes/${Number.MAX_SAFE_INTEGER} HTTP/1.1`, 'Host: a'));
    await client.saw(`content-length: ${Number.MAX_SAFE_INTEGER}\r\n`);
  });
});

describe('/stream/:count/:size', () => {
  test.each([
    [3, 5, 15], [0, 5, 0], [5, 0, 0], [1, 65_536, 65_536], [2, 100_000, 200_000],
  ])('%d pieces of %d octets', async (count, size, length) => {
    const { body, fields, trailers, whole } = await ask('GET', `/stream/${count}/${size}`);
    expect([body.length, whole]).toEqual([length, true]);
    expect(fields.get('transfer-encoding')).toBe('chunked');
    expect(fields.get('trailer')).toBe('x-count');
    expect(trailers.get('x-count')).toBe(`${count}`);
  });

  test('a piece is a chunk', async () => {
    const client = await connected(target.port);
    client.send(head('GET /stream/2/3 HTTP/1.1', 'Host: a'));
    await client.saw('\r\n\r\n3\r\nABC\r\n3\r\nABC\r\n0\r\nx-count: 2\r\n\r\n');
  });

  test('to HTTP/1.0 it ends with the connection', async () => {
    const client = await connected(target.port);
    await client.send('GET /stream/2/3 HTTP/1.0\r\n\r\n').sawEnd();
    expect(client.text.endsWith('\r\n\r\nABCABC')).toBe(true);
  });
});

describe('/echo', () => {
  test.each(['POST', 'PUT', 'GET', 'DELETE', 'PATCH', 'QUERY', 'BREW'])('%s', async (method) => {
    const lines = ['Content-Length: 5', 'Content-Type: a/b;c=d'];
    const { status, body, fields } = await ask(method, '/echo', lines, 'hello');
    expect([status, body, fields.get('content-type')]).toEqual([200, 'hello', 'a/b;c=d']);
  });

  test('content comes back while more is sent', async () => {
    const client = await connected(target.port);
    client.send(head('POST /echo HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'));
    await client.send('5\r\nfirst\r\n').saw('5\r\nfirst\r\n');
    await client.send('6\r\nsecond\r\n').saw('6\r\nsecond\r\n');
    await client.send('0\r\n\r\n').answered(1);
  });
});

describe('/digest', () => {
  const content = 'octets '.repeat(50_000);
  const sha256 = createHash('sha256').update(content).digest('hex');

  test('with a length', async () => {
    const answer = await ask('POST', '/digest', [`Content-Length: ${content.length}`], content);
    expect(json(answer)).toEqual({ bytes: content.length, sha256 });
  });

  test('in chunks', async () => {
    const chunks = (content.match(/[^]{1,10000}/g) ?? [])
      .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
    const lines = ['Transfer-Encoding: chunked'];
    const answer = await ask('POST', '/digest', lines, `${chunks}0\r\n\r\n`);
    expect(json(answer)).toEqual({ bytes: content.length, sha256 });
  });

  test('of no content', async () => {
    const empty = createHash('sha256').digest('hex');
    expect(json(await ask('POST', '/digest'))).toEqual({ bytes: 0, sha256: empty });
  });

  test('GET is 405', async () => {
    const { status, fields } = await ask('GET', '/digest');
    expect([status, fields.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });
});

describe('/inspect', () => {
  test('tells what arrived', async () => {
    const lines = ['Transfer-Encoding: chunked', 'X-Twice: 1', 'x-twice: 2'];
    const content = '3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n';
    expect(json(await ask('PATCH', '/inspect?a=b', lines, content))).toEqual({
      method: 'PATCH', target: '/inspect?a=b', version: '1.1',
      fields: {
        'host': 'a', 'connection': 'close', 'transfer-encoding': 'chunked', 'x-twice': '1, 2',
      },
      trailers: { 'x-sum': '5' },
      remoteAddress: '127.0.0.1', secure: false, alpn: '', bytes: 5,
    });
  });

  test('of HTTP/1.0 and an absolute target', async () => {
    const client = await connected(target.port);
    await client.send('GET http://a/inspect HTTP/1.0\r\n\r\n').sawEnd();
    expect(json(client.answers()[0] as Answer))
      .toMatchObject({ version: '1.0', target: 'http://a/inspect', fields: {}, bytes: 0 });
  });
});

describe('/status/:code', () => {
  const codes = [200, 201, 204, 205, 301, 304, 400, 401, 404, 418, 500, 503, 599];

  test.each(codes)('%d', async (code) => {
    const { status, body } = await ask('GET', `/status/${code}`);
    expect([status, body]).toEqual([code, [204, 205, 304].includes(code) ? '' : `${code}\n`]);
  });

  test.each([[401, 'www-authenticate'], [405, 'allow'], [407, 'proxy-authenticate']])(
    '%d has the field that it must have, %s (RFC 9110 §15.5)', async (code, name) => {
      expect((await ask('GET', `/status/${code}`)).fields.has(name)).toBe(true);
    },
  );

  test.each(['100', '199', '600', '0', '-1', 'x', ''])(
    '%j is no status of an answer', async (code) => {
      expect((await ask('GET', `/status/${code}`)).status).toBe(400);
    },
  );
});

describe('/hints', () => {
  test('103, then 200', async () => {
    const answers = await talk('GET', '/hints');
    expect(answers.map(({ status }) => status)).toEqual([103, 200]);
    expect(answers[0]?.fields.get('link')).toContain('rel=preload');
  });
});

describe('cacheable answers', () => {
  const DATE = 'Mon, 01 Jan 2024 00:00:00 GMT';

  test.each([
    ['/etag', 'etag', '"v1"', 'If-None-Match: "v1"'],
    ['/modified', 'last-modified', DATE, `If-Modified-Since: ${DATE}`],
    ['/max-age/60', 'cache-control', 'max-age=60', 'If-None-Match: W/"v1"'],
    ['/no-store', 'cache-control', 'no-store', 'If-None-Match: "v1"'],
    ['/swr', 'cache-control', 'max-age=1, stale-while-revalidate=30', 'If-None-Match: *'],
  ])('%s has %s, and honours preconditions', async (path, name, value, condition) => {
    const whole = await ask('GET', path);
    expect([whole.status, whole.fields.get(name)]).toEqual([200, value]);
    const same = await ask('GET', path, [condition]);
    expect([same.status, same.body, same.fields.get(name)]).toEqual([304, '', value]);
    expect((await ask('GET', path, ['If-Match: "other"'])).status).toBe(412);
  });
});

describe('/events and /poll', () => {
  interface Poll {
    readonly events: readonly { readonly id: number; readonly ms: number }[];
    readonly last: number;
  }

  /** The ids that a stream brought so far. */
  function ids(text: string): number[] {
    return [...text.matchAll(/^id: (\d+)$/gm)].map((id) => Number(id[1]));
  }

  test('a stream begins with the first event, and misses none', async () => {
    const client = await connected(target.port);
    await client.send(head('GET /events HTTP/1.1', 'Host: a')).saw('id: 8\n');
    expect(client.text).toContain('content-type: text/event-stream\r\n');
    expect(ids(client.text).slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(client.text).toContain('id: 2\ndata: {"id":2,"ms":200}\n\n');
  });

  test('it resumes after Last-Event-ID', async () => {
    const client = await connected(target.port);
    client.send(head('GET /events HTTP/1.1', 'Host: a', 'Last-Event-ID: 3'));
    await client.saw('id: 6\n');
    expect(ids(client.text).slice(0, 3)).toEqual([4, 5, 6]);
  });

  test('an id that was never given is another server\'s: from now on', async () => {
    const client = await connected(target.port);
    client.send(head('GET /events HTTP/1.1', 'Host: a', 'Last-Event-ID: 999999999'));
    await client.saw('data: ');
    expect(ids(client.text)[0]).toBeLessThan(999_999_999);
  });

  test('a poll is answered with what is after its id, at once or when it comes', async () => {
    const first = json(await ask('GET', '/poll?after=0')) as Poll;
    expect(first.events[0]).toEqual({ id: 1, ms: 100 });
    expect(first.events.at(-1)?.id).toBe(first.last);
    const next = json(await ask('GET', `/poll?after=${first.last + 2}`)) as Poll;
    expect(next.events[0]?.id).toBe(first.last + 3);
  });
});

describe('what is not there', () => {
  test.each(['/cached/5', '/static/style.css', '/static/a/b'])(
    '%s is 501 until it is built', async (path) => {
      const answer = await ask('GET', path);
      expect(answer.status).toBe(501);
      expect(json(answer)).toMatchObject({ status: 501, title: 'Not Implemented' });
    },
  );

  test.each([
    ['/nothing', 404], ['/bytes', 404], ['/bytes/1/2', 404], ['/stream/1', 404], ['//', 404],
    ['/plain/', 404], ['/bytes/x', 400], ['/bytes/-1', 400], ['/bytes/1.5', 400],
    ['/bytes/9007199254740993', 400], ['/stream/1/x', 400], ['/delay/3600001', 400],
  ])('%s is %d', async (path, status) => {
    expect((await ask('GET', path)).status).toBe(status);
  });

  test('another method is 405, and OPTIONS tells which there are', async () => {
    const { status, fields } = await ask('DELETE', '/plain');
    expect([status, fields.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    const options = await ask('OPTIONS', '/plain');
    expect([options.status, options.fields.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
    expect((await ask('OPTIONS', '*')).status).toBe(204);
  });

  test('there are no tunnels', async () => {
    const client = await connected(target.port);
    await client.send(head('CONNECT a:80 HTTP/1.1', 'Host: a:80')).sawEnd();
    expect(client.answers(['CONNECT']).map(({ status }) => status)).toEqual([501]);
  });
});

test('a connection may have any number of requests', async () => {
  const client = await connected(target.port);
  const rounds = 101;
  const batch = head('GET /plain HTTP/1.1', 'Host: a').repeat(1_000);
  const octets = (await client.send(batch).answered(1_000)).length && client.receivedBytes;
  for (let round = 2; round <= rounds; round++) {
    client.send(batch);
    await client.until(() => client.receivedBytes >= octets * round, `round ${round}`);
  }
  expect(client.text).not.toContain('connection: close');
});
