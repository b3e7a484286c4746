/** The client's side, with the server's as its peer: both ends of one core, in memory. */
import { describe, expect, test } from 'vitest';
import { dispatcher, failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { Http2Client, http2, type Http2ClientOptions } from '../../src/http2/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { octets } from '../support/vectors.ts';

const limits = limitsFrom();

/** A client and a server, and what carries octets between them. */
function pair(handler: Handler, options: Partial<Http2ClientOptions> = {}): {
  client: Http2Client; server: MemoryTransport; near: MemoryTransport; settle(): Promise<void>;
} {
  const failure = failureAnswers(undefined, () => {});
  const dispatch = dispatcher({ handle: handler }, { failure });
  const server = new MemoryTransport(http2({ limits, failure, dispatch, refused: () => {} }));
  let client: Http2Client | undefined;
  const near = new MemoryTransport((transport) => {
    client = new Http2Client(transport, { limits, ...options });
    return client;
  });
  const carry = (from: MemoryTransport, to: MemoryTransport): boolean => {
    const bytes = from.takeBytes();
    if (bytes.length > 0 && !to.closed) to.send(bytes);
    return bytes.length > 0;
  };
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3; quiet++) {
      await near.settle();
      await server.settle();
      while (carry(near, server) || carry(server, near)) quiet = 0;
    }
  };
  return { client: client as unknown as Http2Client, server, near, settle };
}

/** Runs until a promise has settled. */
async function after<T>(settle: () => Promise<void>, promise: Promise<T>): Promise<T> {
  await settle();
  return promise;
}

describe('requests and responses (RFC 9113 §8.1)', () => {
  test('GET', async () => {
    const { client, settle } = pair(({ method, target, authority }) => (
      new HttpResponse(200, { 'x-seen': `${method} ${authority}${target}` }, 'hello')
    ));
    const response = await after(settle, client.request({ authority: 'a', path: '/b?c' }));
    expect([response.status, response.fields.get('x-seen')]).toEqual([200, 'GET a/b?c']);
    expect(await after(settle, response.body.text())).toBe('hello');
  });

  test('POST, echoed, of more than any window', async () => {
    const { client, settle } = pair(({ body }) => new HttpResponse(200, {}, body));
    const content = new Uint8Array(3_000_000).map((_, at) => at % 251);
    const answer = client.request({ method: 'POST', authority: 'a', body: content });
    const response = await after(settle, answer);
    const echoed = await after(settle, response.body.bytes(4_000_000));
    expect(Buffer.from(echoed).equals(content)).toBe(true);
  });

  test('a hundred at once, each with its own answer', async () => {
    const { client, settle } = pair(async ({ path }) => new HttpResponse(200, {}, path));
    const asked = Array.from({ length: 100 }, (_, at) => `/${at}`);
    await settle();
    const answers = asked.map((path) => client.request({ authority: 'a', path }));
    expect(client.canRequest).toBe(false);
    await expect(client.request({ authority: 'a' })).rejects.toThrow('no more streams');
    await settle();
    const texts = Promise.all(answers.map(async (answer) => (await answer).body.text()));
    expect(await after(settle, texts)).toEqual(asked);
    expect(client.canRequest).toBe(true);
  });

  test('trailers, and interim responses', async () => {
    const seen: number[] = [];
    const { client, settle } = pair((request) => {
      request.inform(103, { link: '</a>' });
      const source = [octets('abc'), null];
      return new HttpResponse(200, {}, {
        length: undefined, pull: () => source.shift() ?? null, cancel: () => {},
        trailers: () => Fields.from({ 'x-sum': '3' }),
      });
    }, { informed: (status) => seen.push(status) });
    const response = await after(settle, client.request({ authority: 'a' }));
    expect(await after(settle, response.body.text())).toBe('abc');
    expect([seen, response.body.trailers().get('x-sum')]).toEqual([[103], '3']);
  });
});

describe('push (RFC 9113 §8.4)', () => {
  const pushing: Handler = (request) => {
    const pushed = request.path === '/' && request.push('/style.css');
    return new HttpResponse(200, {}, `${request.path} ${pushed}`);
  };

  test('off unless it is asked for', async () => {
    const { client, settle } = pair(pushing);
    await settle();
    const response = await after(settle, client.request({ authority: 'a' }));
    expect(await after(settle, response.body.text())).toBe('/ false');
  });

  test('an answer to what was not asked', async () => {
    const pushed: Promise<string>[] = [];
    const { client, settle } = pair(pushing, {
      pushed: (path, answer) => {
        pushed.push(answer.then(async ({ body }) => `${path}: ${await body.text()}`));
      },
    });
    await settle();
    const response = await after(settle, client.request({ authority: 'a' }));
    expect(await after(settle, response.body.text())).toBe('/ true');
    await settle();
    expect(await Promise.all(pushed)).toEqual(['/style.css: /style.css false']);
  });
});

describe('ends', () => {
  test('a stream that is reset rejects its request alone (RFC 9113 §6.4)', async () => {
    const { client, settle } = pair(({ path }) => {
      if (path === '/') return new HttpResponse(204);
      return new HttpResponse(200, {}, {
        length: 5, cancel: () => {}, pull: () => { throw new Error('disk'); },
      });
    });
    const broken = await after(settle, client.request({ authority: 'a', path: '/bad' }));
    await Promise.all([
      settle(), expect(broken.body.text()).rejects.toThrow('INTERNAL_ERROR'),
    ]);
    const fine = await after(settle, client.request({ authority: 'a' }));
    expect(fine.status).toBe(204);
  });

  test('a connection that goes rejects all', async () => {
    const { client, near, settle } = pair(() => new Promise<never>(() => {}));
    const answer = client.request({ authority: 'a' });
    await settle();
    near.disconnect();
    await expect(answer).rejects.toThrow();
  });

  test('a server that goes away answers what it took (RFC 9113 §6.8)', async () => {
    const { client, server, settle } = pair(async () => new HttpResponse(200, {}, 'last'));
    const answer = client.request({ authority: 'a' });
    await settle();
    server.shutdown();
    await settle();
    expect(await after(settle, (await answer).body.text())).toBe('last');
    expect(client.canRequest).toBe(false);
  });
});
