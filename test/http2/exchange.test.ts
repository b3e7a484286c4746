/** A request and its answer on a stream: what is late, slow, too large, or twice. */
import { expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import { deferred } from '../support/deferred.ts';
import {
  answersIn, data, echo, get, hello, open, outcomeOf, post, reset, silent,
} from '../support/http2.ts';
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
