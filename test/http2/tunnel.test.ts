/** A stream as a Transport: its small parts; what it carries is in conformance/rfc8441. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import type { Transport } from '../../src/protocol.ts';
import { END_HEADERS, END_STREAM, WINDOW_UPDATE } from '../../src/http2/frame.ts';
import { nextProtocol, type NextProtocol } from '../support/next-protocol.ts';
import {
  answersIn, data, headers, numberIn, open, outcomeOf, reset, type ConnectOptions, type Connected,
} from '../support/http2.ts';

interface Subject {
  readonly connected: Connected;
  readonly tunnel: Transport;
  readonly next: NextProtocol;
}

/** A connection with a tunnel on stream 1. */
async function tunnelled(options: ConnectOptions = {}): Promise<Subject> {
  let tunnel!: Transport;
  const next = nextProtocol();
  const connected = await open(() => HttpResponse.switching((given: Transport) => {
    tunnel = given;
    return next.factory(given);
  }), options);
  await connected.send(headers(1, [[':method', 'CONNECT'], [':authority', 'a:1']], END_HEADERS));
  return { connected, tunnel, next };
}

test('peer and clock are the connection\'s; after its end nothing is written', async () => {
  const { connected, tunnel, next } = await tunnelled();
  const { transport } = connected;
  expect([tunnel.peer, tunnel.clock]).toEqual([transport.peer, transport.clock]);
  tunnel.write('x');
  expect(tunnel.queuedBytes).toBe(1);
  await connected.settled();
  expect(tunnel.queuedBytes).toBe(0);
  await connected.send(reset(1));
  expect([tunnel.write('y'), tunnel.charge(9), transport.charged]).toEqual([true, true, 0]);
  tunnel.destroy();
  tunnel.defer();
  await connected.settled();
  expect(next.calls.filter((call) => call === 'closed')).toHaveLength(1);
  expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, answers: { 1: '200 cut x' } });
});

describe('asked for outside of an entry', () => {
  test('end() is END_STREAM, once, after what was written', async () => {
    const { connected, tunnel } = await tunnelled();
    tunnel.write('bye');
    tunnel.end();
    tunnel.end();
    await connected.settled();
    tunnel.end();
    expect(tunnel.write('more')).toBe(true);
    await connected.settled();
    expect(outcomeOf(connected)).toMatchObject({ resets: {}, answers: { 1: '200 bye' } });
    await connected.send(data(1, '', END_STREAM));
    expect(connected.completed).toHaveLength(1);
  });

  test('gather() brings flush, once', async () => {
    const { connected, tunnel, next } = await tunnelled();
    tunnel.gather();
    tunnel.gather();
    await connected.settled();
    expect(next.calls).toEqual(['flush']);
  });

  test.each([
    ['destroy()', undefined, 'CANCEL'], ['destroy(cause)', new Error('x'), 'CANCEL'],
  ])('%s resets the stream; the first reason counts', async (_, cause, code) => {
    const { connected, tunnel, next } = await tunnelled();
    tunnel.write('lost');
    tunnel.destroy(cause);
    tunnel.destroy(new Error('another'));
    expect(next.calls).toEqual([]);
    await connected.settled();
    expect(outcomeOf(connected)).toMatchObject({ resets: { 1: code }, answers: { 1: '200 cut' } });
    expect(next.calls).toEqual(['closed']);
  });

  test('a turn that was asked for and comes after the stream is gone is none', async () => {
    const { connected, tunnel, next } = await tunnelled();
    tunnel.defer();
    connected.transport.send(reset(1));
    await connected.settled();
    expect(next.calls).toEqual(['closed']);
  });

  test('resume() where nothing was held is no turn', async () => {
    const { connected, tunnel, next } = await tunnelled();
    tunnel.pause();
    tunnel.resume();
    expect(connected.transport.pending).toBe(false);
    await connected.send(data(1, 'x'));
    expect(next.received).toBe('x');
  });

  test('resume() tells of the end that came in the pause', async () => {
    const { connected, tunnel, next } = await tunnelled();
    tunnel.pause();
    await connected.send(data(1, 'x'), data(1, '', END_STREAM));
    expect([next.received, next.calls]).toEqual(['', []]);
    tunnel.resume();
    await connected.settled();
    expect([next.received, next.calls]).toEqual(['x', ['eof']]);
  });
});

test('after end() nothing more is heard, and what comes is credited', async () => {
  const limits = { http2StreamWindowBytes: 20_000, http2StreamWindowMaxBytes: 20_000 };
  const { connected, tunnel, next } = await tunnelled({ limits });
  tunnel.end();
  await connected.settled();
  for (let i = 0; i < 5; i++) await connected.send(data(1, 'x'.repeat(10_000)));
  connected.transport.tick(1000);
  connected.transport.shutdown();
  expect([next.received, next.calls]).toEqual(['', []]);
  const credit = connected.all.filter(({ type, streamId }) =>
    type === WINDOW_UPDATE && streamId === 1).reduce((sum, one) => sum + numberIn(one), 0);
  expect([credit, outcomeOf(connected).resets]).toEqual([50_000, {}]);
  expect(answersIn(connected.all)[1]).toMatchObject({ status: 200, whole: true });
});
