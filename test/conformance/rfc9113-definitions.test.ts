/** RFC 9113 §6 and §7: each frame by itself, and what it does. */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import {
  ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, PADDED, PING, PREFACE, PRIORITY, PUSH_PROMISE,
  RST_STREAM, SETTINGS, WINDOW_UPDATE, errorName,
} from '../../src/http2/frame.ts';
import { HpackEncoder } from '../../src/http2/hpack/index.ts';
import {
  PSEUDO, block, connect, continuation, data, echo, encoded, fieldsOf, frame, get, goaway,
  headers, join, numberIn, open, outcomeOf, ping, post, priorityUpdate, promise, reset, settings,
  silent, textOf, verdict, windowUpdate, type Frame,
} from '../support/http2.ts';

const NOTHING = new Uint8Array(0);
const ended = (id: number, content: string): Uint8Array => data(id, content, END_STREAM);

describe('§6.1 DATA', () => {
  test('content in parts, with and without padding', async () => {
    const octets = join(post(1), data(1, 'one'), frame(DATA, PADDED, 1, '\x02two\0\0'), data(1),
      frame(DATA, PADDED | END_STREAM, 1, '\0three'));
    expect(await verdict(octets, echo)).toMatchObject({ answers: { 1: '200 onetwothree' } });
  });

  test('padding of all but the Pad Length is taken, one more is PROTOCOL_ERROR', async () => {
    expect(await verdict(join(post(1), frame(DATA, PADDED | END_STREAM, 1, '\x02ab')), echo))
      .toMatchObject({ goaway: undefined, answers: { 1: '200' } });
    expect(await verdict(join(post(1), frame(DATA, PADDED | END_STREAM, 1, '\x03ab')), echo))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });

  test('no Pad Length is FRAME_SIZE_ERROR', async () => {
    expect(await verdict(join(post(1), frame(DATA, PADDED, 1)), silent))
      .toMatchObject({ goaway: 'FRAME_SIZE_ERROR' });
  });
});

describe('streams and lengths of the frames', () => {
  test.each([
    ['DATA on 0 (§6.1)', data(0, 'x')], ['HEADERS on 0 (§6.2)', headers(0, PSEUDO)],
    ['PRIORITY on 0 (§6.3)', frame(PRIORITY, 0, 0, '12345')],
    ['RST_STREAM on 0 (§6.4)', frame(RST_STREAM, 0, 0, '1234')],
    ['SETTINGS on 1 (§6.5)', frame(SETTINGS, 0, 1)],
    ['PING on 1 (§6.7)', frame(PING, 0, 1, '12345678')],
    ['GOAWAY on 1 (§6.8)', frame(GOAWAY, 0, 1, '12345678')],
    ['PUSH_PROMISE on 0 (§6.6)', promise(0, 2, PSEUDO)],
    ['PUSH_PROMISE of a client (§8.4)', promise(1, 2, PSEUDO)],
    ['PUSH_PROMISE of a client, in parts (§8.4)', join(
      frame(PUSH_PROMISE, 0, 3, join([0, 0, 0, 2], block(PSEUDO))), continuation(3, ''))],
    ['PUSH_PROMISE of stream 0, in parts (§6.6, §8.4)', join(
      frame(PUSH_PROMISE, 0, 3, join([0, 0, 0, 0], block(PSEUDO))), continuation(3, ''))],
    ['CONTINUATION on 0 (§6.10)', frame(9, 4, 0)],
  ])('%s is PROTOCOL_ERROR', async (_, octets) => {
    expect(await verdict(join(post(1), octets), silent))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR', ended: true });
  });

  test.each([
    ['RST_STREAM of 3 (§6.4)', RST_STREAM, 0, 1, 3],
    ['RST_STREAM of 5 (§6.4)', RST_STREAM, 0, 1, 5],
    ['SETTINGS of 5 (§6.5)', SETTINGS, 0, 0, 5], ['SETTINGS of 7 (§6.5)', SETTINGS, 0, 0, 7],
    ['ACK of SETTINGS with 6 (§6.5)', SETTINGS, ACK, 0, 6], ['PING of 7 (§6.7)', PING, 0, 0, 7],
    ['PING of 9 (§6.7)', PING, 0, 0, 9], ['GOAWAY of 7 (§6.8)', GOAWAY, 0, 0, 7],
    ['WINDOW_UPDATE of 3 (§6.9)', WINDOW_UPDATE, 0, 0, 3],
    ['WINDOW_UPDATE of 5 (§6.9)', WINDOW_UPDATE, 0, 1, 5],
    ['PUSH_PROMISE of 3 (§6.6)', PUSH_PROMISE, 4, 1, 3],
    ['PRIORITY_UPDATE of 3 (RFC 9218 §7.1)', 0x10, 0, 0, 3],
  ])('%s octets is FRAME_SIZE_ERROR', async (_, type, flags, id, length) => {
    expect(await verdict(join(post(1), frame(type, flags, id, '\0'.repeat(length))), silent))
      .toMatchObject({ goaway: 'FRAME_SIZE_ERROR', ended: true });
  });

  test.each([4, 6])('PRIORITY of %i octets resets with FRAME_SIZE_ERROR (§6.3)', async (length) => {
    expect(await verdict(join(post(1), frame(PRIORITY, 0, 1, '\0'.repeat(length)), ping()), silent))
      .toMatchObject({ goaway: undefined, resets: { 1: 'FRAME_SIZE_ERROR' }, pings: 1 });
  });
});

describe('§6.3 PRIORITY of a bad length', () => {
  test.each([
    ['idle: no RST_STREAM may be sent for it (§6.4), so the connection ends', NOTHING,
      { goaway: 'FRAME_SIZE_ERROR', resets: {}, ended: true }],
    ['closed: it is reset, and no more', join(post(1), reset(1)),
      { goaway: undefined, resets: { 1: 'FRAME_SIZE_ERROR' }, pings: 1 }],
  ])('on a stream that is %s', async (_, before, expected) => {
    expect(await verdict(join(before, frame(PRIORITY, 0, 1, '1234'), ping()), silent))
      .toMatchObject(expected);
  });
});

describe('§6.4 RST_STREAM', () => {
  test('after it nothing is sent for its stream, though windows open', async () => {
    const connected = await open(() => new HttpResponse(200, {}, 'x'.repeat(200_000)));
    await connected.send(get(1));
    const frames = await connected.send(reset(1), windowUpdate(0, 99_999), settings([[4, 99_999]]));
    expect(frames.filter(({ streamId }) => streamId === 1)).toEqual([]);
  });

  test('ends the stream: handler and body hear of it, with the name of the code', async () => {
    const heard: unknown[] = [];
    const connected = await open(async (request) => {
      await request.body.bytes().catch((error: Error) => heard.push(error.message));
      heard.push(request.signal.aborted);
      return silent(request);
    });
    await connected.send(post(1), data(1, 'x'), reset(1, 8));
    expect(heard).toEqual(['the peer reset the stream: CANCEL', true]);
    expect(connected.transport.charged).toBe(0);
  });
});

describe('§6.5 SETTINGS', () => {
  test('are acknowledged', async () => {
    const connected = await open();
    expect(await connected.send(settings(), settings([[1, 0]]))).toMatchObject([
      { type: SETTINGS, flags: ACK, streamId: 0 }, { type: SETTINGS, flags: ACK, streamId: 0 },
    ]);
  });

  test.each<[string, number, number, string | undefined]>([
    ['ENABLE_PUSH 0', 2, 0, undefined], ['ENABLE_PUSH 1', 2, 1, undefined],
    ['ENABLE_PUSH 2', 2, 2, 'PROTOCOL_ERROR'],
    ['INITIAL_WINDOW_SIZE 2^31-1', 4, 0x7fff_ffff, undefined],
    ['INITIAL_WINDOW_SIZE 2^31', 4, 0x8000_0000, 'FLOW_CONTROL_ERROR'],
    ['MAX_FRAME_SIZE 2^14-1', 5, 16_383, 'PROTOCOL_ERROR'],
    ['MAX_FRAME_SIZE 2^14', 5, 16_384, undefined],
    ['MAX_FRAME_SIZE 2^24-1', 5, 0xff_ffff, undefined],
    ['MAX_FRAME_SIZE 2^24', 5, 0x100_0000, 'PROTOCOL_ERROR'],
    ['ENABLE_CONNECT_PROTOCOL 2', 8, 2, 'PROTOCOL_ERROR'],
    ['NO_RFC7540_PRIORITIES 2', 9, 2, 'PROTOCOL_ERROR'],
    ['HEADER_TABLE_SIZE 2^32-1', 1, 0xffff_ffff, undefined],
    ['an unknown one', 0x7777, 0xffff_ffff, undefined],
  ])('§6.5.2 %s', async (_, id, value, error) => {
    expect(await verdict(join(settings([[id, value]]), ping())))
      .toMatchObject({ goaway: error, pings: error === undefined ? 1 : 0 });
  });

  test('§6.5.3 values are applied in order, the last wins', async () => {
    const connected = await open(echo, {}, [[4, 1], [4, 3]]);
    await connected.send(post(1), ended(1, 'content'));
    expect(outcomeOf(connected).answers).toEqual({ 1: '200 cut con' });
  });

  test.each([[9_750, undefined], [10_000, 'SETTINGS_TIMEOUT']])(
    '§6.5.3 not acknowledged in %i ms: %s', async (ms, gone) => {
      const connected = connect(silent);
      await connected.send(PREFACE, settings(), get(1));
      connected.transport.tick(ms);
      await connected.settled();
      expect(outcomeOf(connected).goaway).toBe(gone);
      expect(connected.refused).toHaveLength(gone === undefined ? 0 : 1);
    });

  test('the size of the table of the peer is held to', async () => {
    const connected = await open(undefined, {}, [[1, 0]]);
    await connected.send(get(1), get(3));
    expect(outcomeOf(connected).answers).toEqual({ 1: '200 hello', 3: '200 hello' });
  });
});

describe('§6.7 PING', () => {
  test('is answered with its own octets', async () => {
    const connected = await open();
    const [answer, ...more] = await connected.send(ping('\0\xffabcdef'));
    expect(more).toEqual([]);
    expect([answer!.flags, textOf(answer!)]).toEqual([ACK, '\0\xffabcdef']);
  });

  test('an acknowledgement is not answered', async () => {
    const connected = await open();
    expect(await connected.send(ping('12345678', ACK))).toEqual([]);
  });
});

describe('§6.8 GOAWAY', () => {
  test('of the peer: what it asked for is answered', async () => {
    expect(await verdict(join(post(1), goaway(0), ended(1, 'x')), echo))
      .toMatchObject({ goaway: undefined, answers: { 1: '200 x' } });
  });

  test('ours comes in two steps: nothing that was on its way is lost', async () => {
    const connected = await open();
    connected.transport.shutdown();
    const [warning, probe] = await connected.settled();
    expect(numberIn(warning!)).toBe(0x7fff_ffff);
    expect(probe).toMatchObject({ type: PING, flags: 0 });
    const frames = await connected.send(get(1), ping(textOf(probe!), ACK));
    const last = frames.find(({ type }) => type === GOAWAY)!;
    expect([numberIn(last), errorName(numberIn(last, 4))]).toEqual([1, 'NO_ERROR']);
    await connected.settled();
    expect(outcomeOf(connected)).toMatchObject({ answers: { 1: '200 hello' }, ended: true });
  });

  test('a peer that does not answer PING is told the last stream after a second', async () => {
    const connected = await open(silent);
    await connected.send(get(1));
    connected.transport.shutdown();
    await connected.settled();
    connected.transport.tick(750);
    expect(await connected.settled()).toEqual([]);
    connected.transport.tick(250);
    const [last] = await connected.settled();
    expect([last!.type, numberIn(last!)]).toEqual([GOAWAY, 1]);
    expect(await connected.send(get(3), data(3, 'x'))).toEqual([]);
    expect(connected.seen).toEqual(['GET /']);
    expect(connected.transport.ended).toBe(false);
    await connected.send(reset(1));
    expect(connected.transport.ended).toBe(true);
  });

  test('a request after the warning is told that the server is closing', async () => {
    const drained: boolean[] = [];
    const connected = await open((request) => {
      drained.push(request.draining.aborted);
      return silent(request);
    });
    connected.transport.shutdown();
    await connected.send(get(1));
    expect(drained).toEqual([true]);
  });

  test('its last stream never goes up: a warning, the last word, an error', async () => {
    const connected = await open(silent);
    const lasts: number[] = [];
    const note = (frames: readonly Frame[]): void => void lasts.push(...frames
      .filter(({ type }) => type === GOAWAY).map((one) => numberIn(one)));
    await connected.send(get(1), get(3));
    connected.transport.shutdown();
    note(await connected.settled());
    connected.transport.tick(1000);
    note(await connected.settled());
    note(await connected.send(get(5), get(7)));
    note(await connected.send(data(0)));
    expect(lasts).toEqual([0x7fff_ffff, 3, 3]);
    expect([connected.seen.length, connected.transport.ended]).toEqual([2, true]);
  });

  test('what comes above the last stream still counts: its blocks and its octets', async () => {
    const window = 65_535;
    const encoder = new HpackEncoder();
    const trailers: unknown[] = [];
    const connected = await open(async ({ body }) => {
      await body.bytes();
      trailers.push(...body.trailers());
      return new HttpResponse(204);
    }, { limits: { http2ConnectionWindowBytes: window } });
    await connected.send(post(1));
    connected.transport.shutdown();
    connected.transport.tick(1000);
    const late = encoded(encoder, [...fieldsOf('POST'), ['x-late', 'value']]);
    await connected.send(headers(3, late, END_HEADERS));
    for (let i = 0; i < 12; i++) await connected.send(data(3, 'x'.repeat(16_384)));
    await connected.send(headers(1, encoded(encoder, [['x-more', 'y'], ['x-late', 'value']])));
    expect(trailers).toEqual([['x-more', 'y'], ['x-late', 'value']]);
    expect(outcomeOf(connected)).toMatchObject({ goaway: 'NO_ERROR', resets: {} });
    expect(connected.refused).toEqual([]);
  });

  test('of an error that is not known, with any debug data, is no error', async () => {
    const strange = frame(GOAWAY, 0, 0, '\0\0\0\0\xab\xcd\0\0\xff\0debug');
    expect(await verdict(join(post(1), strange, ended(1, 'x')), echo))
      .toMatchObject({ goaway: undefined, answers: { 1: '200 x' } });
  });

  test('a connection with nothing to do ends at idleMs, not before', async () => {
    const connected = await open(undefined, { limits: { idleMs: 20_000 } });
    await connected.send(get(1));
    connected.transport.tick(20_000);
    await connected.settled();
    expect(connected.transport.ended).toBe(false);
    connected.transport.tick(500);
    await connected.settled();
    expect(outcomeOf(connected)).toMatchObject({ goaway: 'NO_ERROR', ended: true });
  });
});

describe('RFC 9218 §7.1 PRIORITY_UPDATE', () => {
  test.each([
    ['stream 0', priorityUpdate(0, 'u=1')], ['an idle pushed stream', priorityUpdate(2, 'u=1')],
    ['a stream in its header', frame(0x10, 0, 1, '\0\0\0\x01u=1')],
  ])('%s is PROTOCOL_ERROR', async (_, octets) => {
    expect(await verdict(octets)).toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });
});

describe('§7 Error Codes', () => {
  test('have names, but for those of extensions', () => {
    expect([0, 1, 13, 14, 0xabcd].map(errorName))
      .toEqual(['NO_ERROR', 'PROTOCOL_ERROR', 'HTTP_1_1_REQUIRED', '0xe', '0xabcd']);
  });
});
