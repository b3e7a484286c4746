/** A request and its answer on a stream: what is late, slow, too large, or twice. */
import { expect, test } from 'vitest';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { END_HEADERS } from '../../src/http2/frame.ts';
import { deferred } from '../support/deferred.ts';
import {
  answersIn, data, echo, get, headers, hello, open, outcomeOf, post, reset, silent,
} from '../support/http2.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { ScriptedSource } from '../support/scripted-source.ts';

test('an answer after a reset is cancelled', async () => {
  const later = deferred<HttpResponse>();
  const connected = await open(() => later.promise);
  await connected.send(get(1), reset(1));
  const source = new ScriptedSource(['x']);
  later.resolve(new HttpResponse(200, {}, source));
  await connected.settled();
  expect([source.ends, connected.completed.length]).toEqual([['cancelled'], 1]);
});

test.each([[4, 200], [5, 413]])('contentBytes 4, content of %i: %i', async (count, status) => {
  const failures: unknown[] = [];
  const connected = await open(async (request) => {
    await request.body.bytes().catch((error: Error) => failures.push(error.message));
    return hello(request);
  }, { limits: { contentBytes: 4 } });
  await connected.send(post(1), data(1, 'x'.repeat(count - 1)), data(1, 'x'), data(1, '', 1));
  expect(answersIn(connected.all)[1]!.status).toBe(status);
  expect(failures).toHaveLength(status === 200 ? 0 : 1);
  expect(connected.transport.charged).toBe(0);
});

test('a content-length over contentBytes is 413, and no handler is called', async () => {
  const connected = await open(echo, { limits: { contentBytes: 4 } });
  await connected.send(post(1, [['content-length', '5']]));
  expect([answersIn(connected.all)[1]!.status, connected.seen]).toEqual([413, []]);
});

test('an expectation that is not known is 417 (RFC 9110 §10.1.1)', async () => {
  const connected = await open();
  await connected.send(get(1, '/', [['expect', 'x']]));
  expect(answersIn(connected.all)[1]!.status).toBe(417);
});

test('content that is too slow is 408, after its time of grace', async () => {
  const connected = await open(echo);
  await connected.send(post(1), data(1, 'x'));
  connected.transport.tick(5000);
  expect((await connected.settled())).toEqual([]);
  connected.transport.tick(250);
  await connected.settled();
  expect(answersIn(connected.all)[1]!.status).toBe(408);
});

test('content that is too slow for an answer that has begun is CANCEL', async () => {
  const connected = await open(({ body }) => new HttpResponse(200, {}, body));
  await connected.send(post(1), data(1, 'x'));
  connected.transport.tick(5250);
  await connected.settled();
  expect(outcomeOf(connected).resets).toEqual({ 1: 'CANCEL' });
});

test('a handler that does not read is not the peer\'s fault', async () => {
  const connected = await open(silent);
  await connected.send(post(1), data(1, 'x'));
  connected.transport.tick(60_000);
  await connected.settled();
  expect(outcomeOf(connected)).toMatchObject({ resets: {}, answers: {} });
});

test.each([[8, 8], [9, 8]])('%i interim responses: %i are sent', async (count, sent) => {
  const connected = await open((request) => {
    for (let i = 0; i < count; i++) request.inform(103);
    return hello(request);
  });
  await connected.send(get(1));
  expect(answersIn(connected.all)[1]!.interims).toHaveLength(sent);
});

test('its peer, clock and version are the connection\'s', async () => {
  let seen: unknown[] = [];
  const connected = await open((request) => {
    seen = [request.peer, request.clock, request.version];
    return hello(request);
  });
  await connected.send(get(1));
  expect(seen).toEqual([connected.transport.peer, connected.transport.clock, '2']);
});

test.each([
  [204, undefined], [205, '0'], [304, '5'],
])('%i of a source: no content, content-length %s, and the source is let go of', async (
  status, length,
) => {
  const source = new ScriptedSource(['hello'], { length: 5 });
  const connected = await open(() => new HttpResponse(status, {}, source));
  const frames = await connected.send(get(1));
  expect(frames).toHaveLength(1);
  expect(Object.fromEntries(frames[0]!.fields!)['content-length']).toBe(length);
  expect([outcomeOf(connected).answers, source.ends]).toEqual([{ 1: `${status}` }, ['cancelled']]);
});

test('content over contentBytes: what follows of it is nothing new', async () => {
  const connected = await open(silent, { limits: { contentBytes: 4 } });
  await connected.send(post(1), data(1, 'abcd'), data(1, 'e'), data(1, 'f'), data(1, 'g', 1));
  expect(outcomeOf(connected)).toMatchObject({ resets: {}, goaway: undefined });
  expect(answersIn(connected.all)[1]).toMatchObject({ status: 413, whole: true });
  expect(connected.transport.charged).toBe(0);
});

test('content over contentBytes for an answer that has begun: it cannot become a 413', async () => {
  const connected = await open(({ body }) => new HttpResponse(200, {}, body),
    { limits: { contentBytes: 4 } });
  await connected.send(post(1), data(1, 'abcd'));
  await connected.send(data(1, 'e'));
  expect(outcomeOf(connected))
    .toMatchObject({ resets: { 1: 'INTERNAL_ERROR' }, answers: { 1: '200 cut abcd' } });
  expect(connected.transport.charged).toBe(0);
});

test('content that takes longer than requestMs is 408, at its end and not before', async () => {
  const connected = await open(echo, { limits: { requestMs: 3000 } });
  await connected.send(post(1), data(1, 'x'.repeat(5000)));
  connected.transport.tick(2750);
  expect(await connected.settled()).toEqual([]);
  connected.transport.tick(250);
  await connected.settled();
  expect(answersIn(connected.all)[1]!.status).toBe(408);
});

test.each<[string, (connected: Awaited<ReturnType<typeof open>>) => unknown]>([
  ['the peer reset it', (connected) => connected.send(reset(1))],
  ['the connection went', (connected) => connected.transport.disconnect()],
])('after %s, interim responses and promises are nothing', async (_, end) => {
  let request!: HttpRequest;
  const connected = await open((given) => {
    request = given;
    return silent(given);
  });
  await connected.send(get(1));
  await end(connected);
  request.inform(103, { link: '</a>' });
  expect(request.push('/a')).toBe(false);
  expect(await connected.settled()).toEqual([]);
});

test('after its answer began, an interim response is nothing', async () => {
  let request!: HttpRequest;
  const connected = await open((given) => {
    request = given;
    return new HttpResponse(200, {}, new ScriptedSource(['x', () => new Promise(() => {})]));
  });
  await connected.send(get(1));
  request.inform(103);
  expect(await connected.settled()).toEqual([]);
});

test('a switch whose fields cannot be sent resets its stream, and the program hears of it',
  async () => {
    const next = nextProtocol();
    const connected = await open(({ method }) => (method === 'CONNECT'
      ? HttpResponse.switching(next.factory, { 'content-length': 'x' })
      : new HttpResponse(200)));
    const asked = headers(1, [[':method', 'CONNECT'], [':authority', 'a:1']], END_HEADERS);
    await connected.send(asked, get(3));
    expect(connected.errors).toHaveLength(1);
    expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, answers: { 3: '200' } });
    expect(answersIn(connected.all)[1]?.status ?? 0).not.toBe(200);
  });
