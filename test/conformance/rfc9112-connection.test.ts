/** RFC 9112 §9: persistence, pipelining, timeouts and tear-down of a connection, in its order. */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { Limits } from '../../src/limits.ts';
import { deferred, type Deferred } from '../support/deferred.ts';
import { answers, connect, exchange, verdict, type Connected } from '../support/http1.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import { GET, SMUGGLED, chunked, echo, head, post, statuses } from '../support/vectors.ts';

function get(path: string | number): string {
  return head(`GET /${path} HTTP/1.1`, 'Host: a');
}

interface Held extends Connected {
  /** The requests whose handler runs or ran: their paths, and how to answer them. */
  readonly requests: HttpRequest[];
  answer(index: number, response?: HttpResponse): Promise<void>;
}

/** A connection whose requests wait until `answer`, which gives their path back. */
function hold(limits: Partial<Limits> = {}): Held {
  const requests: HttpRequest[] = [];
  const waiting: Deferred<HttpResponse>[] = [];
  const connected = connect((request) => {
    requests.push(request);
    const later = deferred<HttpResponse>();
    waiting.push(later);
    return later.promise;
  }, { limits });
  const answer = async (index: number, response?: HttpResponse): Promise<void> => {
    waiting[index]?.resolve(response ?? new HttpResponse(200, {}, requests[index]?.path ?? '?'));
    await connected.transport.settle();
  };
  return { ...connected, requests, answer };
}

/** The contents of the answers that were written since the last look. */
function bodies({ transport }: Connected): string[] {
  return answers(transport.take(), [], transport.ended).map(({ body }) => body);
}

describe('§9.2 Associating a Response to a Request', () => {
  test('answers come in the order of their requests, whichever is ready first', async () => {
    const held = hold();
    held.transport.send(get(0) + get(1) + get(2));
    await held.answer(2);
    await held.answer(1);
    expect(held.transport.take()).toBe('');
    await held.answer(0);
    expect(bodies(held)).toEqual(['/0', '/1', '/2']);
  });
  test('an interim response comes in the turn of its own request', async () => {
    const held = hold();
    held.transport.send(get(0) + get(1));
    held.requests[1]?.inform(103, { link: '</1>' });
    await held.transport.settle();
    expect(held.transport.take()).toBe('');
    held.requests[0]?.inform(103, { link: '</0>' });
    await held.answer(1);
    await held.answer(0);
    const found = answers(held.transport.take());
    expect(found.map(({ fields, body }) => fields.get('link') ?? body))
      .toEqual(['</0>', '/0', '</1>', '/1']);
  });
});

describe('§9.3 Persistence', () => {
  test.each([
    ['1.1', undefined, true, undefined], ['1.1', 'keep-alive', true, undefined],
    ['1.1', 'frob', true, undefined], ['1.1', 'closed', true, undefined],
    ['1.1', '', true, undefined],
    ['1.1', 'close', false, 'close'], ['1.1', 'CLOSE', false, 'close'],
    ['1.1', 'frob,\tclose', false, 'close'], ['1.1', 'close, keep-alive', false, 'close'],
    ['1.1', 'keep-alive, close', false, 'close'],
    ['1.1', 'keep-alive\r\nConnection: close', false, 'close'],
    ['1.2', undefined, true, undefined], ['1.0', undefined, false, 'close'],
    ['1.0', 'keep-alive', true, 'keep-alive'], ['1.0', 'Keep-Alive', true, 'keep-alive'],
    ['1.0', 'close', false, 'close'], ['1.0', 'keep-alive, close', false, 'close'],
    ['1.0', 'frob', false, 'close'],
  ])('HTTP/%s, Connection: %j: persists %s, says %s', async (version, value, persists, said) => {
    const lines = value === undefined ? [] : [`Connection: ${value}`];
    const outcome = await verdict(head(`GET / HTTP/${version}`, 'Host: a', ...lines) + SMUGGLED);
    expect(outcome.answers[0]?.fields.get('connection')).toBe(said);
    expect(outcome.seen).toEqual(persists ? ['GET /', 'GET /x'] : ['GET /']);
    expect(outcome.ended).toBe(!persists);
  });

  test('the last of requestsPerConnection closes', async () => {
    const limits = { requestsPerConnection: 2 };
    const { answers: found, ended } = await verdict(GET + GET + SMUGGLED, undefined, { limits });
    expect(found.map(({ fields }) => fields.get('connection'))).toEqual([undefined, 'close']);
    expect(ended).toBe(true);
  });

  const early: Handler = ({ method }) => new HttpResponse(method === 'GET' ? 200 : 403);
  const limits = { discardedBytes: 4 };
  test.each([
    ['no content', post([])],
    ['content of discardedBytes', post('Content-Length: 4', 'abcd')],
    ['content that could be a request', post(`Content-Length: ${SMUGGLED.length}`, SMUGGLED), 28],
  ])('an early answer reads the content away: %s', async (_, text, discardedBytes = 4) => {
    const outcome = await verdict(text + GET, early, { limits: { discardedBytes } });
    expect(statuses(outcome)).toEqual([403, 200]);
    expect(outcome.seen).toEqual(['POST /', 'GET /']);
    expect(outcome.ended).toBe(false);
  });
  test.each([
    ['an octet more', post('Content-Length: 5', 'abcde')],
    ['chunked', chunked('1\r\na\r\n0\r\n\r\n')],
    ['100 not sent', post(['Content-Length: 1', 'Expect: 100-continue'], 'a')],
  ])('or closes, and says so: %s', async (_, text) => {
    const outcome = await verdict(text + SMUGGLED, early, { limits });
    expect(outcome.answers.map(({ status, fields }) => [status, fields.get('connection')]))
      .toEqual([[403, 'close']]);
    expect(outcome.seen).toEqual(['POST /']);
    expect(outcome.ended).toBe(true);
  });
  test('the default is 256 KiB', async () => {
    const send = async (length: number): Promise<string | undefined> => {
      const { answers: found } = await exchange(post(`Content-Length: ${length}`), early);
      return found[0]?.fields.get('connection');
    };
    expect(await send(256 * 1024)).toBeUndefined();
    expect(await send(256 * 1024 + 1)).toBe('close');
  });
  test('what has come by the time of the answer does not count', async () => {
    const held = hold(limits);
    held.transport.send(post('Content-Length: 8', 'abcd'));
    await held.answer(0, new HttpResponse(403));
    held.transport.send(`efgh${get(1)}`);
    await held.answer(1);
    expect(bodies(held)).toEqual(['', '/1']);
  });
  test('an answer in pieces closes too, where 100 was not sent (RFC 9112 §9.6)', async () => {
    const outcome = await exchange(
      post(['Content-Length: 1', 'Expect: 100-continue']),
      () => new HttpResponse(200, {}, new ScriptedSource(['b'])),
    );
    expect(outcome.ended).toBe(true);
    expect(outcome.answers.map(({ body, fields }) => [body, fields.get('connection')]))
      .toEqual([['b', 'close']]);
  });
  test('an echo in pieces persists: it reads as it writes', async () => {
    const { answers: found, ended } = await exchange(
      [chunked('1\r\na\r\n'), `0\r\n\r\n${GET}`],
      ({ body }) => new HttpResponse(200, {}, body),
    );
    expect(found.map(({ body, fields }) => [body, fields.get('connection')]))
      .toEqual([['a', undefined], ['', undefined]]);
    expect(ended).toBe(false);
  });
});

describe('§9.3.2 Pipelining', () => {
  test('16 safe requests run side by side, the 17th waits', async () => {
    const held = hold();
    held.transport.send(Array.from({ length: 18 }, (_, index) => get(index)).join(''));
    // All sixteen run before any has an answer: they overlap in time.
    const paths = Array.from({ length: 16 }, (_, index) => `/${index}`);
    expect(held.requests.map(({ path }) => path)).toEqual(paths);
    for (let index = 15; index > 0; index--) await held.answer(index);
    expect(held.requests).toHaveLength(16);
    expect(held.transport.take()).toBe('');
    await held.answer(0);
    expect(bodies(held)).toEqual(paths);
    expect(held.requests).toHaveLength(18);
    await held.answer(17);
    await held.answer(16);
    expect(bodies(held)).toEqual(['/16', '/17']);
  });
  test('pipelinedRequests run, one more waits for the first answer alone', async () => {
    const held = hold({ pipelinedRequests: 2 });
    held.transport.send(get(0) + get(1) + get(2));
    await held.answer(1);
    expect(held.requests).toHaveLength(2);
    await held.answer(0);
    expect(held.requests).toHaveLength(3);
  });
  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'FROB', 'get'])(
    'a request that is not safe runs alone: %s',
    async (method) => {
      const held = hold();
      const unsafe = head(`${method} /2 HTTP/1.1`, 'Host: a');
      held.transport.send(get(0) + get(1) + unsafe + get(3) + get(4));
      expect(held.requests).toHaveLength(2);
      await held.answer(0);
      expect(held.requests).toHaveLength(2);
      await held.answer(1);
      expect(held.requests.at(-1)).toMatchObject({ method, path: '/2' });
      expect(held.requests).toHaveLength(3);
      await held.answer(2);
      expect(held.requests).toHaveLength(5);
      await held.answer(4);
      await held.answer(3);
      expect(bodies(held)).toEqual(['/0', '/1', '/2', '/3', '/4']);
    },
  );
  test.each(['GET', 'HEAD', 'OPTIONS'])('%s runs beside others', (method) => {
    const held = hold();
    held.transport.send(head(`${method} /0 HTTP/1.1`, 'Host: a') + get(1));
    expect(held.requests).toHaveLength(2);
  });
  test('a safe request with content runs beside others once it is read', () => {
    const held = hold();
    const long = head('GET /1 HTTP/1.1', 'Host: a', 'Content-Length: 3');
    held.transport.send(`${get(0)}${long}ab`);
    expect(held.requests).toHaveLength(2);
    held.transport.send(`c${get(2)}`);
    expect(held.requests).toHaveLength(3);
  });
  test('the content of a request that waits is not lost', async () => {
    const { answers: found, seen } = await verdict(
      `${GET}${post('Content-Length: 3', 'abc')}${chunked('1\r\nd\r\n0\r\n\r\n')}${GET}`, echo,
    );
    expect(found.map(({ body }) => body)).toEqual(['', 'abc', 'd', '']);
    expect(seen).toEqual(['GET /', 'POST /', 'POST /', 'GET /']);
  });
  test('a broken request behind others is refused in its turn', async () => {
    const held = hold();
    held.transport.send(`${get(0)}${get(1)}broken\r\n\r\n${SMUGGLED}`);
    await held.answer(1);
    expect(held.transport.take()).toBe('');
    await held.answer(0);
    const found = answers(held.transport.take());
    expect(statuses({ answers: found })).toEqual([200, 200, 400]);
    expect(held.transport.ended).toBe(true);
    expect(held.requests).toHaveLength(2);
  });
  test('requestsPerEntry are parsed, one more in a later turn', () => {
    const { transport, seen } = connect(undefined, { limits: { requestsPerEntry: 3 } });
    transport.send(GET.repeat(4));
    expect(seen).toHaveLength(3);
    transport.turn();
    expect(seen).toHaveLength(4);
  });
});

describe('§9.5 Failures and Timeouts', () => {
  test.each([
    ['firstOctetMs', 10_000, '', undefined],
    ['headMs', 15_000, 'GET / HTTP/1.1\r\n', 408],
    ['idleMs', 65_000, GET, undefined],
    ['requestMs', 300_000, post('Content-Length: 9', 'ab'), 408],
  ] as const)('%s: after %i ms the connection ends gracefully', async (_, ms, text, status) => {
    const slow = { bodyRateBytesPerSecond: 0 };
    const { transport, refused } = connect(echo, { limits: text.startsWith('POST') ? slow : {} });
    transport.send(text);
    await transport.settle();
    transport.take();
    transport.tick(ms - 250);
    expect([transport.ended, refused]).toEqual([false, []]);
    transport.tick(250);
    expect([transport.ended, transport.closed, transport.cause]).toEqual([true, false, undefined]);
    expect(refused.map((refusal) => refusal.status)).toEqual(status === undefined ? [] : [status]);
    const [answer] = answers(transport.take());
    expect(answer?.status).toBe(status);
    expect(answer?.fields.get('connection')).toBe(status === undefined ? undefined : 'close');
  });
  test('no progress moves the deadline of a head', () => {
    const { transport, refused } = connect();
    for (const octet of 'GET /long-pa') {
      transport.send(octet);
      transport.tick(1000);
    }
    expect(refused).toEqual([]);
    transport.send('th');
    transport.tick(3000);
    expect(refused.map(({ status }) => status)).toEqual([408]);
  });
  test('each request has its own: time before it does not count', () => {
    const { transport, refused } = connect();
    transport.send(GET);
    transport.tick(60_000);
    transport.send('GET /');
    transport.tick(14_750);
    transport.send(' HTTP/1.1\r\nHost: a\r\n\r\n');
    transport.tick(60_000);
    expect([refused, transport.ended]).toEqual([[], false]);
    expect(answers(transport.take())).toHaveLength(2);
  });
  test('a handler may take its time', async () => {
    const held = hold();
    held.transport.send(get(0));
    held.transport.tick(1_000_000);
    await held.answer(0);
    expect(bodies(held)).toEqual(['/0']);
    expect(held.transport.ended).toBe(false);
  });
  test('a closure is answered at once: the peer that leaves is not waited for', () => {
    const { transport } = connect();
    transport.sendEof();
    expect([transport.ended, transport.closed, transport.take()]).toEqual([true, true, '']);
  });
});

describe('§9.6 Tear-down', () => {
  test.each([
    ['a request', SMUGGLED], ['what is no request', '\0\0\r\n'],
    ['a broken request', 'GET\r\n\r\n'],
  ])('nothing is parsed after Connection: close: %s', async (_, rest) => {
    const last = head('GET / HTTP/1.1', 'Host: a', 'Connection: close');
    // Neither after its answer, nor while that is made.
    for (const handler of [() => new HttpResponse(200), echo]) {
      const outcome = await verdict(`${last}${rest}`, handler);
      expect(statuses(outcome)).toEqual([200]);
      expect(outcome.answers[0]?.fields.get('connection')).toBe('close');
      expect([outcome.seen, outcome.refused, outcome.ended]).toEqual([['GET /'], [], true]);
    }
  });
  test('nor after the content of such a request', async () => {
    const lines = ['Content-Length: 3', 'Connection: close'];
    const outcome = await verdict(`${post(lines, 'abc')}${SMUGGLED}`, echo);
    expect(outcome.answers.map(({ body }) => body)).toEqual(['abc']);
    expect([outcome.seen, outcome.ended]).toEqual([['POST /'], true]);
  });
  test('nor after an answer that closes', async () => {
    const outcome = await verdict(
      post([]) + SMUGGLED, () => new HttpResponse(200, { connection: 'close' }),
    );
    expect(outcome.answers.map(({ fields }) => fields.get('connection'))).toEqual(['close']);
    expect([outcome.seen, outcome.ended]).toEqual([['POST /'], true]);
  });
  test('requests that run beside such an answer are told that nobody waits', async () => {
    const held = hold();
    held.transport.send(get(0) + get(1));
    let told = 0;
    held.requests[1]?.signal.addEventListener('abort', () => told++);
    await held.answer(0, new HttpResponse(200, { connection: 'close' }));
    await held.answer(1);
    expect(answers(held.transport.take(), [], true)).toHaveLength(1);
    expect([told, held.transport.ended]).toEqual([1, true]);
  });
  test('the server closes its side first, and reads on until the client closes its own', () => {
    const { transport, seen } = connect();
    transport.send(head('GET / HTTP/1.1', 'Host: a', 'Connection: close'));
    expect([transport.ended, transport.closed]).toEqual([true, false]);
    transport.send(SMUGGLED);
    expect([transport.closed, seen]).toEqual([false, ['GET /']]);
    transport.sendEof();
    transport.turn();
    expect([transport.closed, transport.cause]).toEqual([true, undefined]);
  });
  test('a half-closed client is answered, all that it asked', async () => {
    const held = hold();
    held.transport.send(get(0) + get(1));
    held.transport.sendEof();
    await held.transport.settle();
    expect([held.transport.ended, held.requests[0]?.signal.aborted]).toEqual([false, true]);
    await held.answer(1);
    await held.answer(0);
    const found = answers(held.transport.take(), [], true);
    expect(found.map(({ body, fields }) => [body, fields.get('connection')]))
      .toEqual([['/0', undefined], ['/1', 'close']]);
    expect([held.transport.closed, held.transport.cause]).toEqual([true, undefined]);
  });
  test('so is one that waits behind a request that runs alone', async () => {
    const outcome = await exchange(post('Content-Length: 1', 'a') + GET, echo, undefined, true);
    expect(outcome.answers.map(({ body }) => body)).toEqual(['a', '']);
    expect([outcome.refused, outcome.ended]).toEqual([[], true]);
  });
  test('a server that closes finishes what is begun, and says close with the last', async () => {
    const held = hold();
    held.transport.send(get(0) + get(1));
    held.transport.shutdown();
    expect(held.requests.map(({ draining }) => draining.aborted)).toEqual([true, true]);
    await held.answer(0);
    await held.answer(1);
    const found = answers(held.transport.take(), [], true);
    expect(found.map(({ fields }) => fields.get('connection'))).toEqual([undefined, 'close']);
    expect(held.transport.ended).toBe(true);
  });
  test('and answers a request that was on its way, but waits no longer than drainIdleMs', () => {
    const closing: boolean[] = [];
    const handler: Handler = ({ draining }) => {
      closing.push(draining.aborted);
      return new HttpResponse(204);
    };
    const [busy, idle] = [connect(handler), connect(handler)];
    for (const { transport } of [busy, idle]) {
      transport.send(GET);
      transport.take();
      transport.shutdown();
    }
    busy.transport.send(GET);
    expect(answers(busy.transport.take())[0]?.fields.get('connection')).toBe('close');
    expect(closing).toEqual([false, false, true]);
    idle.transport.tick(250);
    expect(idle.transport.ended).toBe(false);
    idle.transport.tick(250);
    expect([idle.transport.ended, idle.transport.take()]).toEqual([true, '']);
  });
});
