/**
 * A connection as a whole: when it stands still, what it holds, how it ends. The order of answers
 * and the rules of messages are in test/conformance/, moments in protocol-deadlines.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { PeerGoneError } from '../../src/errors.ts';
import type { Exchange, Handler } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { http1, type Http1Options } from '../../src/http1/protocol.ts';
import { DEFAULT_LIMITS, limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { deferred, type Deferred } from '../support/deferred.ts';
import { answers, connect, type Connected } from '../support/http1.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import { GET, chunked, echo, head, post, statuses } from '../support/vectors.ts';

function numbered(count: number): string {
  const requests = paths(count).map((path) => head(`GET ${path} HTTP/1.1`, 'Host: a'));
  return requests.join('');
}

/** Answers with its own path, so that the order is seen. */
const pathOf: Handler = ({ path }) => new HttpResponse(200, {}, path);

function bodies({ transport }: Connected): string[] {
  return answers(transport.take()).map(({ body }) => body);
}

function paths(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `/${index}`);
}

/** A handler that waits until a test lets it go. */
function waiting(): { handler: Handler; asked: Deferred<HttpResponse>[]; requests: HttpRequest[] } {
  const asked: Deferred<HttpResponse>[] = [];
  const requests: HttpRequest[] = [];
  const handler: Handler = (request) => {
    const answer = deferred<HttpResponse>();
    asked.push(answer);
    requests.push(request);
    return answer.promise;
  };
  return { handler, asked, requests };
}

describe('idle: nothing is begun and nothing is owed', () => {
  test('a new connection, and one whose answers are all written', async () => {
    const { transport } = connect(echo);
    expect(transport.idle).toBe(true);
    transport.send(post('Content-Length: 5', 'hello'));
    await transport.settle();
    expect(transport.idle).toBe(true);
  });

  test.each([
    ['an octet of a head', 'G'], ['an empty line that may be half', '\r'],
    ['a head but for its end', 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ['content that is to come', post('Content-Length: 5', 'hell')],
    ['a chunk line that is to come', chunked('5\r\nhello\r\n')],
    ['a request and a part of the next', `${GET}GE`],
  ])('not with %s', (_, text) => {
    const { transport } = connect();
    transport.send(text);
    expect(transport.idle).toBe(false);
  });

  test('not while a handler works', async () => {
    const { handler, asked } = waiting();
    const { transport } = connect(handler);
    transport.send(GET);
    expect(transport.idle).toBe(false);
    asked[0]?.resolve(new HttpResponse(204));
    await transport.settle();
    expect(transport.idle).toBe(true);
  });
});

describe('one entry has its share (law 5)', () => {
  test.each([[32, 32, false], [33, 32, true], [100, 32, true]])(
    '%d requests in one read: %d are parsed at once, more later: %s', (count, first, more) => {
      const connected = connect(pathOf);
      const { transport, seen } = connected;
      transport.send(numbered(count));
      expect([seen.length, transport.pending]).toEqual([first, more]);
      const turns: number[] = [];
      for (; transport.pending; turns.push(seen.length)) transport.turn();
      const rounds = Math.ceil(count / 32);
      const shares = Array.from({ length: rounds - 1 }, (_, i) => Math.min(count, 32 * (i + 2)));
      expect(turns).toEqual(shares);
      expect(bodies(connected)).toEqual(paths(count));
    },
  );

  test('the peer is paused meanwhile, and what it sends comes after', () => {
    const connected = connect(pathOf, { limits: { requestsPerEntry: 2 } });
    const { transport, seen } = connected;
    transport.send(numbered(3));
    expect(transport.paused).toBe(true);
    transport.send(head('GET /3 HTTP/1.1', 'Host: a'));
    expect(seen).toHaveLength(2);
    while (transport.pending) transport.turn();
    expect(transport.paused).toBe(false);
    expect(bodies(connected)).toEqual(paths(4));
  });

  test('a tick is no other share: it parses nothing', () => {
    const { transport, seen } = connect(pathOf, { limits: { requestsPerEntry: 2 } });
    transport.send(numbered(5));
    transport.tick(250);
    expect(seen).toHaveLength(2);
  });
});

describe('a peer that does not read (law 5)', () => {
  const limits = { writeQueueBytes: 1000 };
  const big = 'x'.repeat(2000);

  test('is not answered further, and is paused; when it reads, all goes on in order', async () => {
    const handler: Handler = ({ path }) => new HttpResponse(200, {}, path + big);
    const connected = connect(handler, { limits, window: 0 });
    const { transport, seen } = connected;
    transport.send(numbered(5));
    await transport.settle();
    expect([seen.length, transport.paused]).toEqual([1, true]);
    transport.send(head('GET /5 HTTP/1.1', 'Host: a'));
    expect(seen).toHaveLength(1);
    transport.release();
    await transport.settle();
    expect(transport.paused).toBe(false);
    expect(bodies(connected)).toEqual(paths(6).map((path) => path + big));
  });

  test('drained in part is not enough', async () => {
    const connected = connect(() => new HttpResponse(200, {}, big), { limits, window: 0 });
    const { transport, seen } = connected;
    transport.send(numbered(2));
    transport.release(transport.queuedBytes - 501);
    await transport.settle();
    expect(seen).toHaveLength(1);
    transport.release(1);
    await transport.settle();
    expect(seen).toHaveLength(2);
  });

  test('a body is pulled no faster than it reads', async () => {
    const source = new ScriptedSource(Array.from({ length: 10 }, () => big));
    const { transport } = connect(() => new HttpResponse(200, {}, source), { limits, window: 0 });
    transport.send(GET);
    await transport.settle();
    const pulled = source.pulls;
    expect(pulled).toBeLessThan(3);
    await transport.settle();
    expect(source.pulls).toBe(pulled);
    transport.release();
    await transport.settle();
    expect(source.ends).toEqual(['null']);
  });

  test('handlers that settle meanwhile are answered afterwards', async () => {
    const { handler, asked } = waiting();
    const connected = connect(handler, { limits, window: 0 });
    const { transport } = connected;
    transport.send(numbered(2));
    asked[0]?.resolve(new HttpResponse(200, {}, big));
    await transport.settle();
    const queued = transport.queuedBytes;
    asked[1]?.resolve(new HttpResponse(200, {}, 'second'));
    await transport.settle();
    expect(transport.queuedBytes).toBe(queued);
    transport.release();
    await transport.settle();
    expect(bodies(connected)).toEqual([big, 'second']);
  });
});

describe('a handler that does not read', () => {
  const limits = { unreadBytes: 10 };

  test('the peer is paused at unreadBytes, and goes on when it reads', async () => {
    const { handler, requests, asked } = waiting();
    const connected = connect(handler, { limits });
    const { transport } = connected;
    transport.send(post('Content-Length: 30'));
    transport.send('123456789');
    expect([transport.paused, transport.charged]).toEqual([false, 9]);
    transport.send('0');
    expect([transport.paused, transport.charged]).toEqual([true, 10]);
    transport.send('abcdefghij');
    transport.send('abcdefghij');
    expect(transport.charged).toBe(10);
    const text = requests[0]?.body.text();
    await transport.settle();
    expect(await text).toBe('1234567890abcdefghijabcdefghij');
    expect([transport.paused, transport.charged]).toEqual([false, 0]);
    asked[0]?.resolve(new HttpResponse(204));
    await transport.settle();
    expect(transport.idle).toBe(true);
    expect(statuses({ answers: answers(transport.take()) })).toEqual([204]);
  });

  test('chunks of a read that are over it stay unparsed', async () => {
    const { handler, requests } = waiting();
    const { transport } = connect(handler, { limits });
    transport.send(chunked('a\r\n0123456789\r\n5\r\nabcde\r\n0\r\n\r\n'));
    // Ten of content, and the seventeen that stay.
    expect([transport.charged, transport.paused]).toEqual([10 + 17, true]);
    const text = requests[0]?.body.text();
    await transport.settle();
    expect(await text).toBe('0123456789abcde');
  });
});

describe('octets held are charged, and given back', () => {
  const answer = new HttpResponse(200, {}, 'ok');

  test.each<[string, Handler, (transport: MemoryTransport) => void]>([
    ['read to the end', echo, () => {}],
    ['answered unread', () => answer, () => {}],
    ['answered later, unread', async () => answer, () => {}],
    ['of a handler that fails', () => { throw new Error('x'); }, () => {}],
    ['of a handler that never reads, when the peer goes', () => new Promise(() => {}),
      (transport) => transport.disconnect()],
    ['of a handler that never reads, when it stops in the middle', () => new Promise(() => {}),
      (transport) => transport.sendEof()],
    ['of a handler that never reads, when it is too late', () => new Promise(() => {}),
      (transport) => transport.tick(DEFAULT_LIMITS.requestMs)],
  ])('%s', async (_, handler, then) => {
    const { transport } = connect(handler);
    transport.send(post('Content-Length: 100', 'x'.repeat(90)));
    then(transport);
    await transport.settle();
    if (!transport.ended) transport.send('x'.repeat(10));
    await transport.settle();
    expect(transport.charged).toBe(0);
  });

  test('5 of 5 octets of ledgerBytes; one more is refused', async () => {
    const handler: Handler = () => new Promise(() => {});
    const limits = { ledgerBytes: 5 };
    const fits = connect(handler, { limits });
    fits.transport.send(post('Content-Length: 6', 'hello'));
    expect([fits.transport.charged, fits.refused]).toEqual([5, []]);
    fits.transport.send('x');
    expect(fits.refused).toMatchObject([{ status: 503 }]);
    expect(fits.transport.ended).toBe(true);
  });
});

describe('a partial line is parsed again for a reason (law 7)', () => {
  test('not before another LF has come: a fault waits for it', () => {
    const { transport, refused } = connect();
    transport.send('GET / HTTP/1.1\r\nHost: a\r\nX');
    for (const octet of ['\0', ' ', ':']) transport.send(octet);
    expect(refused).toEqual([]);
    transport.send('\n');
    expect(refused).toMatchObject([{ status: 400 }]);
  });

  test.each([
    ['a request line', 'GET /', 'a', { requestLineBytes: 50 }, 50, 414],
    ['a field line', 'GET / HTTP/1.1\r\nA: ', 'v', { fieldSectionBytes: 50 }, 66, 431],
    ['a chunk line', chunked('5;'), 'e', { chunkLineBytes: 50 }, chunked('').length + 51, 400],
    ['trailers', chunked('0\r\nA: '), 'v', { trailerBytes: 50 }, chunked('0\r\n').length + 50, 431],
  ])('or a limit is reached: %s', (_, start, octet, limits, length, status) => {
    const { transport, refused } = connect(() => new Promise(() => {}), { limits });
    transport.send(start);
    for (let sent = start.length; sent < length - 1; sent++) transport.send(octet);
    expect(refused).toEqual([]);
    transport.send(octet);
    expect(refused).toMatchObject([{ status }]);
  });
});

describe('requests in flight (RFC 9112 §9.3.2)', () => {
  test.each([1, 2, 16])('%d of pipelinedRequests run; one more waits', async (limit) => {
    const { handler, asked } = waiting();
    const { transport, seen } = connect(handler, { limits: { pipelinedRequests: limit } });
    transport.send(numbered(limit));
    expect([seen.length, transport.paused]).toEqual([limit, false]);
    transport.send(head('GET /more HTTP/1.1', 'Host: a'));
    expect([seen.length, transport.paused]).toEqual([limit, true]);
    asked[0]?.resolve(new HttpResponse(204));
    await transport.settle();
    expect([seen.length, transport.paused]).toEqual([limit + 1, false]);
  });

  test('requestsPerConnection are served, the last says so', () => {
    const connected = connect(pathOf, { limits: { requestsPerConnection: 3 } });
    connected.transport.send(numbered(5));
    const found = answers(connected.transport.take());
    expect(found.map(({ fields }) => fields.get('connection')))
      .toEqual([undefined, undefined, 'close']);
    expect([connected.seen.length, connected.transport.ended]).toEqual([3, true]);
  });
});

describe('ends', () => {
  test('closed: who waits is told, and each exchange is completed', async () => {
    const { handler, requests, asked } = waiting();
    const { transport, completed } = connect(handler);
    transport.send(numbered(3));
    const cause = new Error('reset');
    transport.disconnect(cause);
    const reasons = requests.map(({ signal }) => signal.reason as Error);
    expect(reasons.every((reason) => reason instanceof PeerGoneError)).toBe(true);
    expect(reasons.map((reason) => reason.cause)).toEqual([cause, cause, cause]);
    expect(completed.map(({ request }) => request.path)).toEqual(paths(3));
    asked[0]?.resolve(new HttpResponse(204));
    await transport.settle();
    expect(transport.pending).toBe(false);
  });

  test('a FIN between requests is the end; within one it is an incomplete message', () => {
    const between = connect();
    between.transport.send(GET);
    between.transport.take();
    between.transport.sendEof();
    expect([between.transport.ended, between.transport.take()]).toEqual([true, '']);
    for (const text of ['G', post('Content-Length: 5', 'hell'), chunked('5\r\nhello\r\n0\r\n')]) {
      const { transport, refused } = connect(() => new Promise(() => {}));
      transport.send(text);
      transport.sendEof();
      expect(refused).toMatchObject([{ status: 400 }]);
      expect(transport.ended).toBe(true);
    }
  });

  test('a FIN while a body is written: it is finished, then the connection', async () => {
    const rest = deferred<string>();
    const source = new ScriptedSource(['a', rest.promise]);
    const { transport } = connect(() => new HttpResponse(200, {}, source));
    transport.send(GET);
    transport.sendEof();
    await transport.settle();
    expect([transport.ended, transport.idle]).toEqual([false, false]);
    rest.resolve('b');
    await transport.settle();
    expect(answers(transport.take())).toMatchObject([{ body: 'ab', whole: true }]);
    expect(transport.closed).toBe(true);
  });

  test('after the last request what still comes is dropped, up to lingerBytes', () => {
    const { handler } = waiting();
    const { transport, seen } = connect(handler, { limits: { lingerBytes: 10 } });
    transport.send(head('GET / HTTP/1.1', 'Host: a', 'Connection: close'));
    transport.send('0123456789');
    expect(transport.paused).toBe(false);
    transport.send('x');
    expect([transport.paused, seen.length]).toEqual([true, 1]);
  });

  test('shutdown: what is begun is finished, and told that it should be', async () => {
    const { handler, requests, asked } = waiting();
    const { transport } = connect(handler);
    transport.send(numbered(2));
    expect(requests.map(({ draining }) => draining.aborted)).toEqual([false, false]);
    transport.shutdown();
    expect(requests.map(({ draining }) => draining.aborted)).toEqual([true, true]);
    for (const answer of asked) answer.resolve(new HttpResponse(204));
    await transport.settle();
    const found = answers(transport.take());
    expect(found.map(({ fields }) => fields.get('connection'))).toEqual([undefined, 'close']);
    expect(transport.ended).toBe(true);
  });

  test('a switch hands over what follows, and nothing of this protocol stays', async () => {
    const next = nextProtocol('hi');
    const { transport } = connect(() => HttpResponse.switching(next.factory));
    const asking = head('GET / HTTP/1.1', 'Host: a', 'Connection: upgrade', 'Upgrade: x');
    transport.send(`${asking}octets`);
    transport.send(' more');
    await transport.settle();
    expect([next.made, next.received, transport.charged]).toEqual([1, 'octets more', 0]);
    expect(transport.take()).toMatch(/^HTTP\/1\.1 101 .*\r\n(.*\r\n)*\r\nhi$/);
  });

  test('an exchange is completed once, with its octets', async () => {
    const { transport, completed } = connect(echo);
    transport.send(chunked('5\r\nhello\r\n0\r\n\r\n'));
    await transport.settle();
    expect(completed).toHaveLength(1);
    expect(completed[0]).toMatchObject({ complete: true, receivedBytes: 5, sentBytes: 5 });
  });
});

describe('refusals of what is no request', () => {
  test.each(['\rX', '\n', ' ', 'G(', 'GET /\t', '\r\n\r\n\r\n'])(
    '%j has content, whatever another connection asked', (text) => {
      connect().transport.send(head('HEAD / HTTP/1.1', 'Host: a'));
      const { transport } = connect();
      transport.send(text);
      transport.sendEof();
      expect(answers(transport.take())).toMatchObject([{ status: 400, whole: true }]);
    },
  );

  test.each([
    'HEAD / x', 'HEAD /\t', 'HEAD / HTTP/1.1\r\nA : b\r\n\r\n', 'HEAD / HTTP/1.1\r\n\r\n',
  ])(
    '%j has none: it began as HEAD (RFC 9110 §9.3.2)', (text) => {
      const { transport } = connect();
      transport.send(text);
      transport.sendEof();
      expect(transport.take()).toMatch(/^HTTP\/1\.1 400 .*\r\n(.+\r\n)+\r\n$/);
    },
  );
});

describe('what an entry throws', () => {
  function broken(options: Partial<Http1Options>): MemoryTransport {
    return new MemoryTransport(http1({
      limits: limitsFrom(),
      dispatch: (exchange: Exchange) => exchange.respond(new HttpResponse(200, {}, 'ok')),
      failure: () => problem(500, 'failed'),
      refuse: (error) => problem(error.code, error.message),
      ...options,
    }));
  }

  test('a service that cannot even be called: 500, and the end', async () => {
    const transport = broken({ dispatch: () => { throw new Error('no service'); } });
    transport.send(GET + GET);
    await transport.settle();
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500]);
    expect(transport.ended).toBe(true);
  });

  test('under an answer that has begun: it is cut', async () => {
    const transport = broken({
      dispatch: (exchange: Exchange) => {
        if (exchange.request.path === '/1') throw new Error('no service');
        const endless = new ScriptedSource(['a', new Promise(() => {})]);
        exchange.respond(new HttpResponse(200, {}, endless));
      },
    });
    transport.send(numbered(2));
    await transport.settle();
    expect([transport.closed, transport.cause]).toEqual([true, expect.any(Error)]);
    expect(transport.take()).not.toContain('500');
  });

  test('a refusal that cannot be made destroys the connection', async () => {
    const transport = broken({ refuse: () => { throw new Error('no words'); } });
    transport.send('\0');
    await transport.settle();
    expect([transport.closed, transport.cause?.message]).toEqual([true, 'no words']);
  });

  test('content that breaks under an answer that has begun: the answer is cut', async () => {
    const transport = broken({
      dispatch: (exchange: Exchange) => {
        const endless = new ScriptedSource(['a', new Promise(() => {})]);
        exchange.respond(new HttpResponse(200, {}, endless));
      },
    });
    transport.send(chunked('5\r\nhello\r\n'));
    transport.send('x\r\n');
    await transport.settle();
    expect(transport.closed).toBe(true);
    expect(transport.cause?.message).toContain('broken chunk size');
  });
});
