/** Content of one stream, both ways: pulls, turns, and the end of a source, once. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import { DATA } from '../../src/http2/frame.ts';
import { deferred } from '../support/deferred.ts';
import {
  answersIn, data, get, open, outcomeOf, post, reset, settings, type Connected,
} from '../support/http2.ts';
import { ScriptedSource, type Step } from '../support/scripted-source.ts';

async function answered(
  steps: readonly Step[], pairs: readonly (readonly [number, number])[] = [],
): Promise<{ connected: Connected; source: ScriptedSource }> {
  const source = new ScriptedSource(steps);
  const connected = await open(() => new HttpResponse(200, {}, source), {}, pairs);
  await connected.send(get(1));
  return { connected, source };
}

describe('a source', () => {
  test('is pulled to null: at once, later, mixed', async () => {
    const steps = ['a', () => Promise.resolve(Buffer.from('b')), 'c', () => Promise.resolve(null)];
    const { connected, source } = await answered(steps);
    expect([outcomeOf(connected).answers, source.ends]).toEqual([{ 1: '200 abc' }, ['null']]);
  });

  test('that yields after the end is not heard', async () => {
    const later = deferred<Uint8Array>();
    const { connected } = await answered(['a', () => later.promise]);
    await connected.send(reset(1));
    later.resolve(Buffer.from('late'));
    expect(await connected.settled()).toEqual([]);
  });

  test.each<[string, (connected: Connected) => unknown]>([
    ['a reset', (connected) => connected.send(reset(1))],
    ['the end of the connection', (connected) => connected.transport.disconnect()],
    ['an error of the connection', (connected) => connected.send(data(0))],
  ])('is cancelled once by %s', async (_, end) => {
    const { connected, source } = await answered(['abc'], [[4, 1]]);
    await end(connected);
    await connected.settled();
    expect(source.ends).toEqual(['cancelled']);
  });

  test('is not cancelled where it was pulled to null, though octets still wait', async () => {
    const { connected, source } = await answered(['abc', null], [[4, 3]]);
    await connected.send(reset(1));
    expect(source.ends).toEqual(['null']);
  });

  test('keeps its octets over windows of every size', async () => {
    const text = 'abcdefghijklmnopqrstuvwxyz';
    const { connected } = await answered([text, text], [[4, 0]]);
    for (let size = 1; size < 60; size += 7) await connected.send(settings([[4, size]]));
    expect(outcomeOf(connected).answers[1]).toBe(`200 ${text}${text}`);
    expect(connected.all.filter(({ type }) => type === DATA).length).toBeGreaterThan(7);
  });
});

test('content that a handler streams back', async () => {
  const connected = await open(({ body }) => new HttpResponse(200, {}, body));
  await connected.send(post(1));
  for (const part of ['a', 'b', 'c']) await connected.send(data(1, part));
  await connected.send(data(1, 'd', 1));
  expect(answersIn(connected.all)[1]).toMatchObject({ body: 'abcd', whole: true });
  expect(connected.transport.charged).toBe(0);
});

describe('a source that settles after its stream is over', () => {
  test.each<[string, (later: ReturnType<typeof deferred<Uint8Array>>) => void]>([
    ['octets', (later) => later.resolve(Buffer.from('late'))],
    ['a failure', (later) => later.reject(new Error('late'))],
  ])('%s, in the turn of its end: nothing is sent, and nobody fails', async (_, settle) => {
    const later = deferred<Uint8Array>();
    const { connected, source } = await answered(['a', () => later.promise]);
    settle(later);
    // Its settlement asks for a turn, and before that the peer resets.
    for (let i = 0; i < 8; i++) await Promise.resolve();
    expect(connected.transport.pending).toBe(true);
    expect(await connected.send(reset(1))).toEqual([]);
    expect(source.ends).toHaveLength(1);
    expect(connected.errors).toEqual([]);
  });
});
