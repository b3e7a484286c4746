/** The client's side, with the server's as its peer: both ends of one core, in memory. */
import { describe, expect, test } from 'vitest';
import { problem } from '../../src/http/problem.ts';
import { dispatcher, failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  Http2Client, http2, type ClientRequest, type Http2ClientOptions,
} from '../../src/http2/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { END_HEADERS, END_STREAM } from '../../src/http2/frame.ts';
import { deferred } from '../support/deferred.ts';
import { asking } from '../support/http2-client.ts';
import {
  data, headers, ping, pong, promise, reset, PSEUDO, type FieldPairs,
} from '../support/http2.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import { octets } from '../support/vectors.ts';

const OK: FieldPairs = [[':status', '200']];

const limits = limitsFrom();

/** A client and a server, and what carries octets between them. */
function pair(handler: Handler, options: Partial<Http2ClientOptions> = {}): {
  client: Http2Client; server: MemoryTransport; near: MemoryTransport; refused: string[];
  settle(): Promise<void>;
} {
  const failure = failureAnswers(undefined, () => {});
  const dispatch = dispatcher({ handle: handler }, { failure });
  const refused: string[] = [];
  const server = new MemoryTransport(http2({
    limits, failure, dispatch, refused: (error) => void refused.push(error.message),
    refuse: (error) => problem(error.code, error.message),
  }));
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
  return { client: client as unknown as Http2Client, server, near, refused, settle };
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

describe('content of a request', () => {
  test('that comes later, in pieces', async () => {
    const { client, settle } = pair(({ body }) => new HttpResponse(200, {}, body));
    const source = new ScriptedSource([
      'a', () => Promise.resolve(octets('b')), 'c', () => Promise.resolve(null),
    ]);
    const answer = client.request({ method: 'POST', authority: 'a', body: source });
    const { body } = await after(settle, answer);
    expect([await after(settle, body.text()), source.ends]).toEqual(['abc', ['null']]);
  });

  test.each([
    ['throws', [() => { throw new Error('disk'); }]],
    ['fails later', ['a', () => Promise.reject(new Error('disk'))]],
    ['is too short', ['ab', null]], ['is too long', ['abcdef']],
  ])('that %s: CANCEL, and the request fails', async (_, steps) => {
    const source = new ScriptedSource(steps, { length: 5 });
    const one = (await asking()).ask({ method: 'POST', body: source });
    await one.settled();
    expect(one.outcome).toMatchObject({
      resets: { 1: 'CANCEL' }, answers: [expect.stringMatching(/failed: (disk|a body)/)],
    });
    expect(source.ends).toHaveLength(1);
  });

  test('that settles as its stream is reset is not heard', async () => {
    const later = deferred<Uint8Array>();
    const source = new ScriptedSource([() => later.promise]);
    const one = (await asking()).ask({ method: 'POST', body: source });
    await one.settled();
    later.resolve(octets('late'));
    for (let i = 0; i < 8; i++) await Promise.resolve();
    expect(await one.send(reset(1))).toEqual([]);
    expect(one.outcome.answers).toEqual(['failed: the peer reset the stream: CANCEL']);
  });
});

describe('content of a response', () => {
  test('is in nobody\'s hurry: allowSlow changes nothing', async () => {
    const one = await asking();
    const answer = one.client.request({ authority: 'a' });
    await one.send(headers(1, OK, END_HEADERS), data(1, 'a'));
    const { body } = await answer;
    body.allowSlow();
    one.transport.tick(30_000);
    await one.send(data(1, 'b', END_STREAM));
    expect(await body.text()).toBe('ab');
  });

  test('of a pushed stream that its server resets: whoever does not look hears nothing',
    async () => {
      const one = (await asking({ push: true })).ask();
      await one.send(promise(1, 2, PSEUDO), reset(2, 7), headers(1, OK));
      expect(one.outcome).toMatchObject({
        answers: ['200'], pushed: ['/ failed: the peer reset the stream: REFUSED_STREAM'],
      });
    });
});

describe('time', () => {
  test('a client waits as long as its program does, but for SETTINGS', async () => {
    const one = (await asking()).ask();
    for (let minutes = 0; minutes < 3; minutes++) {
      one.transport.tick(60_000);
      await one.settled();
      await one.send(pong(one), ping());
    }
    expect(one.outcome).toMatchObject({ goaway: undefined, answers: ['waits'], pings: 3 });
  });

  test('a server that says nothing is asked, and given up (RFC 9113 §6.7)', async () => {
    const one = (await asking()).ask();
    one.transport.tick(60_000);
    expect(one.transport.closed).toBe(false);
    one.transport.tick(10_000);
    expect(one.transport.closed).toBe(true);
  });

  test('with nothing to do it goes at idleMs', async () => {
    const one = await asking({ limits: { idleMs: 20_000 } });
    one.transport.tick(19_750);
    await one.settled();
    expect(one.outcome.goaway).toBe(undefined);
    one.transport.tick(250);
    await one.settled();
    expect(one.outcome).toMatchObject({ goaway: 'NO_ERROR', ended: true });
  });
});

// Whether they are dropped or the request is rejected is the client's choice: a server that keeps
// to the standard must never find a request of ours malformed.
describe('what a program may not ask for does not leave (RFC 9113 §8)', () => {
  test.each<[string, Partial<ClientRequest>]>([
    ['te other than trailers (§8.2.2)', { fields: Fields.from({ te: 'gzip' }) }],
    ['Host that differs from :authority (§8.3.1)', { fields: Fields.from({ host: 'b' }) }],
    ['userinfo in :authority (§8.3.1)', { authority: 'user@a' }],
    ['an empty :path (§8.3.1)', { path: '' }],
    ['extended CONNECT that was not offered (§5.5, RFC 8441 §3)',
      { method: 'CONNECT', protocol: 'websocket' }],
    ['a content-length without content (§8.1.1)',
      { method: 'POST', fields: Fields.from({ 'content-length': 9 }) }],
  ])('%s', async (_, request) => {
    const { client, refused, settle } = pair(({ body }) => new HttpResponse(200, {}, body));
    await settle();
    const ask = async (): Promise<unknown> => client.request({ authority: 'a', ...request });
    ask().catch(() => {});
    await settle();
    expect(refused).toEqual([]);
  });
});
