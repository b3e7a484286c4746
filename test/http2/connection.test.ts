/** One connection: entries, idleness, FIN, and failures of the program within. */
import { expect, test } from 'vitest';
import { Fields } from '../../src/http/fields.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { PREFACE } from '../../src/http2/frame.ts';
import {
  answersIn, connect, data, get, hello, join, open, outcomeOf, ping, post, settings, silent,
  windowUpdate,
} from '../support/http2.ts';

test('idle: no stream, and no frame begun', async () => {
  const connected = await open(silent);
  const { transport } = connected;
  expect(transport.idle).toBe(true);
  transport.send(ping().subarray(0, 4));
  expect(transport.idle).toBe(false);
  await connected.send(ping().subarray(4), get(1));
  expect(transport.idle).toBe(false);
});

test('FIN: what was asked whole is answered, the rest is reset, then FIN', async () => {
  let answer!: (response: HttpResponse) => void;
  const connected = await open(({ method }) => (method === 'GET'
    ? new Promise((resolve) => { answer = resolve; })
    : silent({} as never)));
  await connected.send(post(1), data(1, 'x'), get(3));
  connected.transport.sendEof();
  await connected.settled();
  expect(outcomeOf(connected)).toMatchObject({ resets: { 1: 'CANCEL' }, ended: false });
  answer(new HttpResponse(200, {}, 'x'));
  await connected.settled();
  expect(outcomeOf(connected)).toMatchObject({ answers: { 3: '200 x' }, ended: true });
});

test('all of a turn leaves in one write', async () => {
  const connected = connect();
  connected.take();
  connected.transport.send(join(PREFACE, settings(), ping(), get(1), get(3)));
  const frames = connected.take();
  expect(frames.map(({ type }) => type)).toEqual([4, 6, 1, 0, 1, 0]);
});

test('the connection closes under its handlers: they are told, and all is given back', async () => {
  const causes: unknown[] = [];
  const connected = await open((request) => {
    request.signal.addEventListener('abort', () => causes.push(request.signal.reason));
    return silent(request);
  });
  await connected.send(post(1), data(1, 'abc'));
  connected.transport.disconnect(new Error('gone'));
  expect(causes).toMatchObject([{ name: 'PeerGoneError', cause: new Error('gone') }]);
  expect(connected.completed).toHaveLength(1);
});

test('output that the peer does not take stops content, not what is asked', async () => {
  const connected = await open(() => new HttpResponse(200, {}, 'x'.repeat(300_000)),
    { window: 5000, limits: { writeQueueBytes: 10_000 } }, [[4, 0x7fff_ffff]]);
  const { transport } = connected;
  transport.send(join(windowUpdate(0, 0x7fff_0000), get(1), get(3)));
  expect(transport.paused).toBe(false);
  transport.send(get(5));
  expect(connected.seen).toHaveLength(3);
  transport.release();
  await connected.settled();
  expect(Object.values(answersIn(connected.all)).map(({ whole }) => whole))
    .toEqual([true, true, true]);
});

test('answers to frames that pile up stop reading, until the peer takes them', async () => {
  const long = Fields.from({ x: 'y'.repeat(4000) });
  const connected = await open(() => new HttpResponse(200, long, 'x'.repeat(100_000)),
    { window: 1000, limits: { writeQueueBytes: 1000 } });
  const { transport } = connected;
  const asked = Array.from({ length: 40 }, (_, index) => index * 2 + 1);
  for (const id of asked) transport.send(get(id));
  expect(transport.paused).toBe(true);
  transport.tick(60_000);
  expect(outcomeOf(connected).goaway).toBe(undefined);
  transport.release();
  await connected.settled();
  expect(transport.paused).toBe(false);
  expect(connected.seen).toHaveLength(40);
});

test('a dispatch that throws is INTERNAL_ERROR, and nothing else', async () => {
  const connected = await open((request) => {
    Object.defineProperty(request, 'method', { get: () => { throw new Error('x'); } });
    return hello(request);
  });
  await connected.send(get(1));
  expect(connected.transport.ended).toBe(true);
  expect(outcomeOf(connected).goaway).toBe('INTERNAL_ERROR');
});

test('octets behind an error of the connection are not looked at', async () => {
  const connected = await open();
  await connected.send(data(0, 'x'), get(1), ping());
  await connected.send(get(3));
  expect(outcomeOf(connected)).toMatchObject({
    goaway: 'PROTOCOL_ERROR', seen: [], pings: 0, ended: true,
  });
});

test('settlements that come after the connection has gone are dropped', async () => {
  const answers: ((response: HttpResponse) => void)[] = [];
  const connected = await open(() => new Promise((resolve) => { answers.push(resolve); }));
  await connected.send(get(1), get(3), get(5));
  connected.transport.disconnect();
  for (const answer of answers) answer(new HttpResponse(200, {}, 'x'));
  expect(await connected.settled()).toEqual([]);
  expect([connected.completed.length, connected.transport.charged]).toEqual([3, 0]);
});
