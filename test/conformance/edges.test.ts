/** Where two rules meet: what was once lost, sent wrong, or taken for something else. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import type { BodySource } from '../../src/http/body.ts';
import { DEFAULT_LIMITS, limitsFrom } from '../../src/limits.ts';
import { RequestHead, headBounds, parseRequestHead } from '../../src/http1/index.ts';
import type { Protocol, Transport } from '../../src/protocol.ts';
import { answers, connect } from '../support/http1.ts';
import { GET, chunked, head, octets, post, statuses } from '../support/vectors.ts';

const nothing = (): void => {};

/** A protocol that keeps what it receives. */
function keeper(received: string[]): (transport: Transport) => Protocol {
  return () => ({
    idle: true, proceed: nothing, drained: nothing, eof: nothing, flush: nothing, tick: nothing,
    shutdown: nothing, failed: nothing, closed: nothing,
    receive: (bytes) => void received.push(String.fromCharCode(...bytes)),
  });
}

describe('a switch on the last request that a connection may have (RFC 9110 §7.8)', () => {
  const upgrade = head('GET / HTTP/1.1', 'Host: a', 'Connection: upgrade', 'Upgrade: x');
  const tunnel = head('CONNECT a:80 HTTP/1.1', 'Host: a:80');

  const both = [['101', upgrade], ['200', tunnel]] as const;

  test.each(both)('%s: what follows is the next one\'s', async (_, text) => {
    for (const segments of [[`${text}LEFT`], [text, 'LEFT'], [...`${text}LEFT`]]) {
      const received: string[] = [];
      const { transport } = connect(
        async () => HttpResponse.switching(keeper(received)),
        { limits: { requestsPerConnection: 1 } },
      );
      for (const segment of segments) transport.send(segment);
      await transport.settle();
      expect(received.join('')).toBe('LEFT');
    }
  });
});

describe('the length that a body claims (RFC 9110 §8.6)', () => {
  const of = (length: number): BodySource => ({ length, pull: () => null, cancel: nothing });

  const NONE = [NaN, -1, -2, -3, 5.5, Infinity, 2 ** 53];

  test.each(NONE)('%d is none: 500, and all goes on', (length) => {
    const { transport, errors } = connect(({ path }) => (
      path === '/' ? new HttpResponse(200, {}, of(length)) : new HttpResponse(204)
    ));
    transport.send(GET + head('GET /next HTTP/1.1', 'Host: a'));
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500, 204]);
    expect(errors).toEqual([expect.any(TypeError)]);
  });
});

test('an answer that breaks off does not take others along (RFC 9112 §9.3.2)', async () => {
  const breaks: BodySource = {
    length: undefined, cancel: nothing, pull: () => { throw new Error('disk'); },
  };
  let pulls = 0;
  const late: BodySource = {
    ...breaks, pull: () => (pulls++ === 0 ? octets('first') : breaks.pull(1)),
  };
  const { transport, seen } = connect(({ path }) => (
    new HttpResponse(200, {}, path === '/bad' ? late : 'paid')
  ));
  transport.send(post('Content-Length: 0') + head('GET /bad HTTP/1.1', 'Host: a'));
  await transport.settle();
  const found = answers(transport.take(), [], false);
  expect(seen).toEqual(['POST /', 'GET /bad']);
  expect(found.map(({ body, whole }) => [body, whole])).toEqual([['paid', true], ['first', false]]);
});

test('an early answer in pieces says that it is the last (RFC 9112 §9.6)', async () => {
  async function* pieces(): AsyncGenerator<string> {
    yield 'too large';
  }
  const { transport } = connect(() => new HttpResponse(413, {}, pieces()));
  transport.send(post('Content-Length: 9999999'));
  await transport.settle();
  expect(answers(transport.take())[0]?.fields.get('connection')).toBe('close');
});

test('a 100 that waits for its turn: the client is not slow (RFC 9110 §10.1.1)', async () => {
  let answer: (response: HttpResponse) => void = nothing;
  const { transport } = connect(async ({ path, body }) => {
    if (path === '/slow') return new Promise<HttpResponse>((resolve) => answer = resolve);
    return new HttpResponse(200, {}, await body.text());
  });
  const question = head('GET /q HTTP/1.1', 'Host: a', 'Expect: 100-continue', 'Content-Length: 3');
  transport.send(head('GET /slow HTTP/1.1', 'Host: a') + question);
  await transport.settle();
  transport.tick(20_000);
  answer(new HttpResponse(200, {}, 'slow'));
  await transport.settle();
  transport.tick(1000);
  transport.send('abc');
  await transport.settle();
  const found = answers(transport.take());
  expect(found.map(({ status, body }) => [status, body]))
    .toEqual([[200, 'slow'], [100, ''], [200, 'abc']]);
});

test('trailers that frame, route or control are not sent (RFC 9110 §6.5.1)', async () => {
  const { transport } = connect(({ fields }) => new HttpResponse(200, {}, {
    length: undefined, pull: () => null, cancel: nothing,
    trailers: () => fields.with('x-sum', '1').with('upgrade', 'x').with('set-cookie', 'a=b'),
  }));
  transport.send(GET);
  await transport.settle();
  expect([...answers(transport.take())[0]?.trailers ?? []]).toEqual([['x-sum', '1']]);
});

test('what waits unparsed is in the ledger, and comes out of it', async () => {
  const { transport } = connect(() => new Promise<HttpResponse>(nothing));
  transport.send(chunked('0\r\n\r\n') + GET.repeat(10));
  expect(transport.charged).toBe(GET.length * 10);
  transport.disconnect();
  expect(transport.charged).toBe(0);
});

test('a head that offsets of 16 bits cannot hold is refused by the parser itself', () => {
  const bounds = headBounds({ ...DEFAULT_LIMITS, fieldSectionBytes: 200_000 });
  const bytes = octets(GET);
  expect(() => parseRequestHead(bytes, 0, bytes.length, bounds, new RequestHead()))
    .toThrow(RangeError);
});

test('a version is wrong at its first wrong octet (RFC 9112 §2.3)', () => {
  for (const text of ['GET / \r', 'GET / X', 'GET / HTTP/1\r', 'GET / HTTP/1.x']) {
    const { transport } = connect();
    transport.send(text);
    expect(answers(transport.take())[0]?.status).toBe(400);
  }
});

const AT_LEAST_ONE = ['requestsPerEntry', 'pipelinedRequests', 'unreadBytes'];

test.each(AT_LEAST_ONE)('%s of 0 is no limit', (name) => {
  expect(() => limitsFrom({ [name]: 0 })).toThrow(`limit ${name} must be at least 1`);
});
