/** RFC 9113 §5.2 and §6.9: flow control, both ways. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import {
  DATA, END_STREAM, PADDED, PREFACE, RST_STREAM, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import {
  connect, data, echo, frame, get, join, numberIn, open, outcomeOf, ping, post, reset, settings,
  settingsAck, silent, verdict, windowUpdate, type Connected, type Frame,
} from '../support/http2.ts';

const MAX = 0x7fff_ffff;
const INITIAL_WINDOW_SIZE = 4;

/** Answers with so many octets. */
const octets = (count: number) => (): HttpResponse => new HttpResponse(200, {}, 'x'.repeat(count));

/** Octets of DATA by stream. */
function sent(frames: readonly Frame[], id: number): number {
  return frames.filter(({ type, streamId }) => type === DATA && streamId === id)
    .reduce((sum, { payload }) => sum + payload.length, 0);
}

/** Credit that was given to a stream, or to the connection (0). */
function credit({ all }: Connected, id: number): number {
  return all.filter(({ type, streamId }) => type === WINDOW_UPDATE && streamId === id)
    .reduce((sum, one) => sum + numberIn(one), 0);
}

describe('§6.9.1 The Flow-Control Window: of the peer', () => {
  test('65,535 octets at first, then as many as it gives', async () => {
    const connected = await open(octets(70_000));
    expect(sent(await connected.send(get(1)), 1)).toBe(65_535);
    expect(await connected.send(windowUpdate(1, 9999))).toEqual([]);
    expect(sent(await connected.send(windowUpdate(0, 100)), 1)).toBe(100);
    expect(sent(await connected.send(windowUpdate(0, 99_999)), 1)).toBe(4365);
    expect(outcomeOf(connected).answers[1]).toHaveLength(70_004);
  });

  test('a stream that has no window does not stop another', async () => {
    const connected = await open(octets(10), {}, [[INITIAL_WINDOW_SIZE, 5]]);
    await connected.send(get(1), get(3), windowUpdate(3, 5));
    expect(outcomeOf(connected).answers).toEqual({ 1: '200 cut xxxxx', 3: '200 xxxxxxxxxx' });
  });

  test('an answer without content needs no window, nor does its END_STREAM', async () => {
    const connected = await open(() => new HttpResponse(200, {}, (async function* () {
      yield* [];
    })()), {}, [[INITIAL_WINDOW_SIZE, 0]]);
    await connected.send(get(1));
    expect(outcomeOf(connected).answers).toEqual({ 1: '200' });
  });

  test('frames are as large as the peer allows', async () => {
    const connected = await open(octets(40_000), {}, [[5, 20_000]]);
    const frames = (await connected.send(get(1))).filter(({ type }) => type === DATA);
    expect(Math.max(...frames.map(({ payload }) => payload.length))).toBe(20_000);
  });

  test.each([
    ['2^31-1 of the connection is taken', 0, MAX - 65_535, {}],
    ['over 2^31-1 of the connection', 0, MAX - 65_534, { goaway: 'FLOW_CONTROL_ERROR' }],
    ['2^31-1 of a stream is taken', 1, MAX - 65_535, {}],
    ['over 2^31-1 of a stream', 1, MAX - 65_534, { resets: { 1: 'FLOW_CONTROL_ERROR' } }],
    ['0 of the connection', 0, 0, { goaway: 'PROTOCOL_ERROR' }],
    ['0 of a stream', 1, 0, { resets: { 1: 'PROTOCOL_ERROR' } }],
  ])('§6.9 an update: %s', async (_, id, increment, expected) => {
    expect(await verdict(join(get(1), windowUpdate(id, increment)), silent))
      .toMatchObject({ goaway: undefined, resets: {}, ...expected });
  });
});

describe('§6.9.2 Initial Flow-Control Window Size', () => {
  test('a change moves the windows of streams that live, and not the connection\'s', async () => {
    const connected = await open(octets(100_000), {}, [[INITIAL_WINDOW_SIZE, 10]]);
    expect(sent(await connected.send(get(1)), 1)).toBe(10);
    expect(sent(await connected.send(settings([[INITIAL_WINDOW_SIZE, 25]])), 1)).toBe(15);
    expect(sent(await connected.send(settings([[INITIAL_WINDOW_SIZE, MAX]])), 1)).toBe(65_510);
    expect(await connected.send(ping())).toHaveLength(1);
  });

  test('a window can fall below zero, and counts from there', async () => {
    const connected = await open(octets(100), {}, [[INITIAL_WINDOW_SIZE, 30]]);
    expect(sent(await connected.send(get(1)), 1)).toBe(30);
    expect(sent(await connected.send(settings([[INITIAL_WINDOW_SIZE, 10]])), 1)).toBe(0);
    expect(sent(await connected.send(windowUpdate(1, 20)), 1)).toBe(0);
    expect(sent(await connected.send(windowUpdate(1, 1)), 1)).toBe(1);
    expect(sent(await connected.send(settings([[INITIAL_WINDOW_SIZE, 100]])), 1)).toBe(69);
    expect(outcomeOf(connected).answers[1]).toBe(`200 ${'x'.repeat(100)}`);
  });

  test('a change that brings a window over 2^31-1 is FLOW_CONTROL_ERROR', async () => {
    expect(await verdict(join(get(1), windowUpdate(1, 1), settings([[INITIAL_WINDOW_SIZE, MAX]])),
      silent)).toMatchObject({ goaway: 'FLOW_CONTROL_ERROR' });
  });
});

describe('§5.2 what we allow the peer', () => {
  const limits = { http2StreamWindowBytes: 65_535, http2ConnectionWindowBytes: 100_000 };
  const full = (id: number): Uint8Array => join(...Array.from({ length: 4 }, (_, index) =>
    data(id, 'x'.repeat(index < 3 ? 16_384 : 16_383))));

  test('the window of the connection is announced at once', async () => {
    const connected = await open();
    expect(credit(connected, 0)).toBe(4 * 1024 * 1024 - 65_535);
  });

  test('a stream\'s window to the last octet, and one more is FLOW_CONTROL_ERROR', async () => {
    const connected = await open(silent, { limits });
    await connected.send(post(1), full(1));
    expect(outcomeOf(connected).resets).toEqual({});
    await connected.send(data(1, 'x'));
    expect(outcomeOf(connected)).toMatchObject({
      goaway: undefined, resets: { 1: 'FLOW_CONTROL_ERROR' },
    });
  });

  const small = { http2StreamWindowBytes: 100 };

  test('a smaller window holds from the acknowledgement on (§6.9.2)', async () => {
    const connected = connect(silent, { limits: small });
    await connected.send(PREFACE, settings(), post(1), data(1, 'x'.repeat(16_384)));
    expect(outcomeOf(connected).resets).toEqual({});
    await connected.send(settingsAck, data(1, 'x'), post(3), data(3, 'x'.repeat(100)));
    expect(outcomeOf(connected).resets).toEqual({ 1: 'FLOW_CONTROL_ERROR' });
    await connected.send(data(3, 'x'));
    expect(outcomeOf(connected).resets[3]).toBe('FLOW_CONTROL_ERROR');
  });

  test('the connection\'s window to the last octet, and one more ends it', async () => {
    const connected = await open(silent, { limits });
    await connected.send(post(1), full(1), post(3), data(3, 'x'.repeat(16_384)),
      data(3, 'x'.repeat(16_384)), data(3, 'x'.repeat(100_000 - 65_535 - 32_768)));
    expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, resets: {} });
    await connected.send(data(3, 'x'));
    expect(outcomeOf(connected)).toMatchObject({ goaway: 'FLOW_CONTROL_ERROR' });
  });

  test('padding counts', async () => {
    const connected = await open(silent, { limits: { ...limits, http2StreamWindowBytes: 10 } });
    await connected.send(post(1), frame(DATA, PADDED, 1, '\x08a\0\0\0\0\0\0\0\0'));
    expect(outcomeOf(connected).resets).toEqual({});
    await connected.send(data(1, 'xx'));
    expect(outcomeOf(connected)).toMatchObject({ resets: {} });
    await connected.send(post(3), frame(DATA, PADDED, 3, '\x09a\0\0\0\0\0\0\0\0\0'));
    expect(outcomeOf(connected)).toMatchObject({ resets: { 3: 'FLOW_CONTROL_ERROR' } });
  });

  test('content that no handler reads gives no credit; what is read does', async () => {
    let read!: () => Promise<unknown>;
    const connected = await open((request) => {
      read = () => request.body.bytes();
      return silent(request);
    }, { limits: { ...limits, http2StreamWindowMaxBytes: 65_535 } });
    await connected.send(post(1), full(1));
    expect(credit(connected, 1)).toBe(0);
    await Promise.all([read(), connected.send(data(1, '', END_STREAM))]);
    await connected.settled();
    expect(credit(connected, 0)).toBe(100_000 - 65_535 + 65_535);
    expect(connected.transport.charged).toBe(0);
  });

  test('a stream\'s window grows while its content is read', async () => {
    const connected = await open(echo, { limits: { http2StreamWindowBytes: 1000 } });
    await connected.send(post(1), data(1, 'x'.repeat(500)));
    expect(credit(connected, 1)).toBe(1500);
  });
});

describe('§5.2 no octet of the connection\'s window is lost', () => {
  const limits = {
    http2StreamWindowBytes: 65_535, http2ConnectionWindowBytes: 65_535, discardedBytes: 20_000,
    contentBytes: 20_000, ledgerBytes: 30_000,
  };
  const chunk = 'x'.repeat(16_384);
  type Way = readonly [string, (id: number) => Uint8Array, typeof silent];
  const waysToEnd: readonly Way[] = [
    ['reset by the peer', (id) => join(post(id), data(id, chunk), reset(id)), silent],
    ['DATA after that', (id) => join(post(id), reset(id), data(id, chunk)), silent],
    ['DATA after END_STREAM', (id) => join(get(id), data(id, chunk)), silent],
    ['DATA of a stream that we reset',
      (id) => join(post(id), windowUpdate(id, 0), data(id, chunk)), silent],
    ['a refused stream', (id) => join(post(id, [['Bad', 'x']]), data(id, chunk)), silent],
    ['longer than content-length',
      (id) => join(post(id, [['content-length', '5']]), data(id, chunk)), silent],
    ['shorter than content-length',
      (id) => join(post(id, [['content-length', '17000']]), data(id, chunk, END_STREAM)), silent],
    ['over contentBytes', (id) => join(post(id), data(id, chunk), data(id, chunk)), silent],
    ['over ledgerBytes',
      (id) => join(post(id), data(id, chunk), post(id + 2), data(id + 2, chunk)), silent],
    ['answered early', (id) => join(post(id), data(id, chunk, END_STREAM)), octets(1)],
    ['discarded', (id) => join(post(id), data(id, chunk), data(id, chunk)), octets(1)],
    ['read', (id) => join(post(id), data(id, chunk, END_STREAM)), echo],
    ['padding alone',
      (id) => join(post(id), frame(DATA, PADDED, id, `\xff${'\0'.repeat(255)}`)), silent],
  ];
  test.each(waysToEnd)('%s', async (_, make, handler) => {
    const connected = await open(handler, { limits });
    for (let id = 1; id < 40; id += 4) {
      await connected.send(make(id), reset(id));
      await connected.send(...(connected.seen.length > (id >> 2) + 1 ? [reset(id + 2)] : []));
    }
    expect(connected.transport.charged).toBe(0);
    expect(outcomeOf(connected).goaway).toBe(undefined);
  });

  test('fifteen hundred times over', async () => {
    const connected = await open(silent, { limits: { http2Streams: 1e6 } });
    const { transport } = connected;
    for (let id = 1; id < 3000; id += 2) {
      await connected.send(post(id), data(id, chunk), windowUpdate(id, 0));
      transport.tick(250);
    }
    expect(outcomeOf(connected).goaway).toBe(undefined);
    expect(transport.charged).toBe(0);
    expect(connected.all.filter(({ type }) => type === RST_STREAM)).toHaveLength(1500);
  }, 20_000);
});

describe('§5.2.2 a peer that gives no window', () => {
  test.each([
    ['its stream\'s', [[INITIAL_WINDOW_SIZE, 0]]],
    ['its connection\'s', [[INITIAL_WINDOW_SIZE, MAX]]],
  ] as const)('is told CANCEL after writeStallMs: %s', async (_, pairs) => {
    const connected = await open(octets(70_000), {}, pairs);
    await connected.send(get(1));
    connected.transport.tick(30_000);
    await connected.send(ping());
    expect(outcomeOf(connected).resets).toEqual({});
    connected.transport.tick(250);
    await connected.settled();
    expect(outcomeOf(connected).resets).toEqual({ 1: 'CANCEL' });
  });
});
