/** RFC 9113 §3 to §6, as a client has to hold them; its messages are in -client-messages. */
import { describe, expect, test } from 'vitest';
import {
  DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PREFACE, PUSH_PROMISE, RST_STREAM,
  SETTINGS,
} from '../../src/http2/frame.ts';
import { HpackEncoder } from '../../src/http2/hpack/index.ts';
import { Asking, asking, clientVerdict } from '../support/http2-client.ts';
import {
  PSEUDO, block, continuation, data, encoded, fieldsOf, frame, goaway, headers, join, numberIn,
  ping, priority, promise, reset, settings, settingsAck, textOf, windowUpdate, type FieldPairs,
} from '../support/http2.ts';

const OK: FieldPairs = [[':status', '200']];
const ended = (id: number, content = ''): Uint8Array => data(id, content, END_STREAM);
const head = (id: number): Uint8Array => headers(id, OK, END_HEADERS);
const push = { push: true };
const MAX = 0x7fff_ffff;

describe('§3.4 HTTP/2 Connection Preface', () => {
  test('the client speaks first: its preface, then SETTINGS', () => {
    const { preface, all: [first] } = new Asking({});
    expect(Buffer.from(preface).equals(PREFACE)).toBe(true);
    expect(first).toMatchObject({ type: SETTINGS, flags: 0, streamId: 0 });
  });

  test('SETTINGS of the server are acknowledged', async () => {
    const one = new Asking({});
    expect(await one.send(settings())).toMatchObject([{ type: SETTINGS, flags: 1, streamId: 0 }]);
  });

  test.each([
    ['HEADERS', head(1)], ['DATA', data(1, 'x')], ['PING', ping()], ['RST_STREAM', reset(1)],
    ['WINDOW_UPDATE', windowUpdate(1, 1)], ['GOAWAY', goaway(0)], ['PRIORITY', priority(1, 3)],
    ['PUSH_PROMISE', promise(1, 2, PSEUDO)], ['the acknowledgement of SETTINGS', settingsAck],
    ['an unknown frame', frame(99, 0, 0)],
  ])('%s before SETTINGS is PROTOCOL_ERROR', async (_, octets) => {
    const one = new Asking(push).ask();
    await one.send(octets, settings());
    expect(one.outcome).toMatchObject({ goaway: 'PROTOCOL_ERROR', ended: true });
  });

  test('a server of HTTP/1.1 ends the connection', async () => {
    const one = new Asking({}).ask();
    await one.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    // Two errors at once, of which either may be told (§5.4).
    expect(one.outcome.goaway).toMatch(/^(PROTOCOL|FRAME_SIZE)_ERROR$/);
    expect(one.outcome).toMatchObject({ ended: true, answers: [expect.stringMatching('failed')] });
  });
});

describe('§4 HTTP Frames', () => {
  test('§4.1 unknown types and flags, and the reserved bit, are ignored', async () => {
    const octets = join(frame(0x16, 0xff, 77, 'abc'), frame(SETTINGS, 0xfe, 0),
      headers(0x8000_0001, OK, END_HEADERS | 0x92), frame(DATA, END_STREAM | 0xf6, 1, 'x'));
    expect(await clientVerdict(octets))
      .toMatchObject({ goaway: undefined, resets: {}, answers: ['200 x'] });
  });

  test('§4.2 DATA of 2^14 octets is taken, a block over it is FRAME_SIZE_ERROR', async () => {
    const one = (await asking()).ask();
    await one.send(head(1), ended(1, 'x'.repeat(16_384)));
    expect(one.outcome.answers).toEqual([`200 ${'x'.repeat(16_384)}`]);
    await one.ask().send(frame(HEADERS, END_HEADERS, 3, '', 16_385));
    expect(one.outcome).toMatchObject({ goaway: 'FRAME_SIZE_ERROR', ended: true });
  });

  test.each([
    ['HEADERS', headers(1, Uint8Array.of(0x80))],
    ['CONTINUATION', join(headers(1, OK, 0), continuation(1, [0x80]))],
    ['PUSH_PROMISE', frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2, 0x80])],
    ['HEADERS of a stream that is over', join(reset(1), headers(1, Uint8Array.of(0x80)))],
    ['PUSH_PROMISE on one', join(reset(1), frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2, 128]))],
  ])('§4.3 what cannot be decoded is COMPRESSION_ERROR: %s', async (_, octets) => {
    expect(await clientVerdict(octets, push))
      .toMatchObject({ goaway: 'COMPRESSION_ERROR', ended: true });
  });

  test.each<[string, (encoder: HpackEncoder) => Uint8Array]>([
    ['a malformed response', (encoder) =>
      headers(1, encoded(encoder, [...OK, ['x-kept', 'one'], ['connection', 'x']]))],
    ['of a stream that we reset', (encoder) => join(windowUpdate(1, 0),
      headers(1, encoded(encoder, [...OK, ['x-kept', 'one']])))],
    ['too large', (encoder) => headers(1, encoded(encoder, [
      ...OK, ['x-kept', 'one'], ...Array.from({ length: 150 }, () => ['x', 'y'] as const),
    ]))],
    ['a malformed promise', (encoder) => frame(PUSH_PROMISE, END_HEADERS, 1, join([0, 0, 0, 2],
      encoded(encoder, [...PSEUDO, ['x-kept', 'one'], ['Bad', 'x']])))],
    ['a promise on a stream that we reset', (encoder) => join(windowUpdate(1, 0),
      frame(PUSH_PROMISE, END_HEADERS, 1, join([0, 0, 0, 2],
        encoded(encoder, [...PSEUDO, ['x-kept', 'one']]))))],
  ])('§4.3 a block that nobody wants still turns over the table: %s', async (_, make) => {
    const encoder = new HpackEncoder();
    const one = (await asking(push)).ask();
    await one.send(make(encoder));
    const answer = one.client.request({ authority: 'a' });
    await one.send(headers(3, encoded(encoder, [...OK, ['x-more', 'two'], ['x-kept', 'one']])));
    const { fields } = await answer;
    expect([...fields]).toEqual([['x-more', 'two'], ['x-kept', 'one']]);
    expect(one.outcome.goaway).toBe(undefined);
  });
});

describe('§5.1 Stream States', () => {
  const PROTOCOL_ERROR = { goaway: 'PROTOCOL_ERROR', ended: true };
  test.each([
    ['DATA', data(3, 'x')], ['HEADERS', head(3)], ['RST_STREAM', reset(3)],
    ['WINDOW_UPDATE', windowUpdate(3, 1)], ['PUSH_PROMISE', promise(3, 2, PSEUDO)],
    ['DATA on a stream of the server', data(2, 'x')],
    ['HEADERS on a stream of the server', head(2)],
    ['RST_STREAM on a stream of the server', reset(2)],
    ['WINDOW_UPDATE on a stream of the server', windowUpdate(2, 1)],
  ])('idle: %s is PROTOCOL_ERROR', async (_, octets) => {
    expect(await clientVerdict(octets, push)).toMatchObject(PROTOCOL_ERROR);
  });

  test('idle: PRIORITY is taken', async () => {
    expect(await clientVerdict(join(priority(3, 1), priority(2, 1), ping())))
      .toMatchObject({ goaway: undefined, pings: 1 });
  });

  const promised = promise(1, 2, PSEUDO);
  test.each([
    ['DATA', data(2, 'x')], ['WINDOW_UPDATE', windowUpdate(2, 1)],
    ['PUSH_PROMISE', promise(2, 4, PSEUDO)],
  ])('reserved (remote): %s is PROTOCOL_ERROR', async (_, octets) => {
    expect(await clientVerdict(join(promised, octets), push)).toMatchObject(PROTOCOL_ERROR);
  });

  test.each([
    ['HEADERS', head(2), '/ 200 cut'], ['PRIORITY', priority(2, 1), '/ waits'],
    ['RST_STREAM', reset(2), '/ failed: the peer reset the stream: CANCEL'],
  ])('reserved (remote): %s is taken', async (_, octets, pushed) => {
    expect(await clientVerdict(join(promised, octets), push))
      .toMatchObject({ goaway: undefined, resets: {}, pushed: [pushed] });
  });

  const uploads = (one: Asking): unknown =>
    one.ask({ method: 'POST', body: { length: undefined, pull: silentPull, cancel: () => {} } });
  const whole = join(head(1), ended(1, 'x'));
  test.each([['DATA', data(1, 'x')], ['HEADERS', headers(1, [['x', 'y']])]])(
    'half-closed (remote): %s resets with STREAM_CLOSED', async (_, octets) => {
      expect(await clientVerdict(join(whole, octets, ping()), {}, uploads)).toMatchObject({
        goaway: undefined, resets: { 1: 'STREAM_CLOSED' }, answers: ['200 x'], pings: 1,
      });
    });

  test('half-closed (remote): PUSH_PROMISE is PROTOCOL_ERROR (§6.6)', async () => {
    expect(await clientVerdict(join(whole, promised), push, uploads))
      .toMatchObject(PROTOCOL_ERROR);
  });

  test.each([
    ['WINDOW_UPDATE', windowUpdate(1, 1)], ['PRIORITY', priority(1, 3)], ['RST_STREAM', reset(1)],
  ])('half-closed (remote) and closed: %s is taken', async (_, octets) => {
    for (const ask of [uploads, undefined]) {
      expect(await clientVerdict(join(whole, octets, ping()), {}, ask))
        .toMatchObject({ goaway: undefined, resets: {}, answers: ['200 x'], pings: 1 });
    }
  });

  test('closed, as both sides ended it: DATA is no less than STREAM_CLOSED', async () => {
    expect(await clientVerdict(join(whole, data(1, 'x'))))
      .toMatchObject({ goaway: undefined, resets: { 1: 'STREAM_CLOSED' } });
    expect(await clientVerdict(join(whole, head(1)))).toMatchObject({ goaway: 'STREAM_CLOSED' });
  });

  test.each([
    ['DATA', data(1, 'x')], ['HEADERS', head(1)], ['RST_STREAM', reset(1)],
    ['WINDOW_UPDATE', windowUpdate(1, 1)],
  ])('closed, as we reset it: %s that was on its way is ignored', async (_, octets) => {
    expect(await clientVerdict(join(windowUpdate(1, 0), octets, ping()))).toMatchObject({
      goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, pings: 1,
    });
  });
});

function silentPull(): Promise<null> {
  return new Promise(() => {});
}

describe('§5.1 to §5.4 streams', () => {
  test('§5.1.1 identifiers are odd, and go up', async () => {
    const one = (await asking()).ask().ask().ask();
    const frames = await one.settled();
    expect(frames.map(({ type, streamId }) => [type, streamId]))
      .toEqual([[HEADERS, 1], [HEADERS, 3], [HEADERS, 5]]);
  });

  test.each([['odd', 3], ['none', 0], ['the same again', 4], ['one that went back', 2]])(
    '§5.1.1 a promise of a stream that cannot be: %s', async (_, id) => {
      expect(await clientVerdict(join(promise(1, 4, PSEUDO), promise(1, id, PSEUDO)), push))
        .toMatchObject({ goaway: 'PROTOCOL_ERROR', ended: true });
    });

  test('§5.1.2 the server\'s limit is held: N, not N + 1', async () => {
    const one = (await asking({}, [[3, 2]])).ask().ask().ask();
    const frames = await one.settled();
    expect(frames.map(({ streamId }) => streamId)).toEqual([1, 3]);
    expect(one.outcome.answers[2]).toMatch('failed: the server takes no more streams now');
    await one.send(head(1), ended(1));
    expect(await one.ask().settled()).toMatchObject([{ type: HEADERS, streamId: 5 }]);
  });

  test('§5.1.2 streams of the server do not count against its limit', async () => {
    const one = (await asking(push, [[3, 2]])).ask();
    await one.send(promise(1, 2, PSEUDO), head(2));
    expect(await one.ask().settled()).toMatchObject([{ type: HEADERS, streamId: 3 }]);
  });

  test('§5.1.2 our limit is told; a pushed answer over it is refused', async () => {
    const one = (await asking({ ...push, limits: { http2Streams: 1 } })).ask();
    expect(Buffer.from(one.all[0]!.payload).includes(Buffer.from([0, 3, 0, 0, 0, 1]))).toBe(true);
    await one.send(promise(1, 2, PSEUDO), promise(1, 4, PSEUDO), head(2), head(4));
    expect(one.outcome.goaway).toBe(undefined);
    expect(one.outcome.resets).toEqual({ 4: expect.stringMatching(/REFUSED_STREAM|PROTOCOL/) });
  });

  test('§5.4.2, §6.4 after RST_STREAM nothing is sent for the stream', async () => {
    const body = new Uint8Array(200_000);
    const one = (await asking()).ask({ method: 'POST', body });
    await one.settled();
    const frames = await one.send(reset(1), reset(1), windowUpdate(0, 99_999), ping());
    expect(frames.filter(({ streamId }) => streamId !== 0)).toEqual([]);
    expect(one.outcome).toMatchObject({
      goaway: undefined, answers: ['failed: the peer reset the stream: CANCEL'], pings: 1,
    });
  });

  test.each([
    ['the stream\'s, of 10', [[4, 10]], windowUpdate(1, 5), [10, 5]],
    ['the connection\'s', [[4, MAX]], windowUpdate(0, 5), [65_535, 5]],
    ['none at all', [[4, 0]], settings([[4, 7]]), [0, 7]],
  ] as const)('§5.2.1, §6.9 content waits for a window: %s', async (_, pairs, more, counts) => {
    const one = (await asking({}, pairs)).ask({ method: 'POST', body: new Uint8Array(70_000) });
    const sent = (frames: readonly { type: number; payload: Uint8Array }[]): number => frames
      .filter(({ type }) => type === DATA).reduce((sum, { payload }) => sum + payload.length, 0);
    const before = sent(await one.settled());
    expect([before, sent(await one.send(more))]).toEqual(counts);
  });
});

describe('§6.5 SETTINGS of the server', () => {
  test.each<[string, number, number, string | undefined]>([
    ['ENABLE_PUSH 0', 2, 0, undefined], ['ENABLE_PUSH 1', 2, 1, 'PROTOCOL_ERROR'],
    ['ENABLE_PUSH 2', 2, 2, 'PROTOCOL_ERROR'],
    ['INITIAL_WINDOW_SIZE 2^31', 4, 0x8000_0000, 'FLOW_CONTROL_ERROR'],
    ['MAX_FRAME_SIZE 2^14-1', 5, 16_383, 'PROTOCOL_ERROR'],
    ['an unknown one', 0x7777, 9, undefined],
  ])('§6.5.2 %s', async (_, id, value, error) => {
    expect(await clientVerdict(join(settings([[id, value]]), ping())))
      .toMatchObject({ goaway: error, pings: error === undefined ? 1 : 0 });
  });

  test('ENABLE_CONNECT_PROTOCOL is not taken back (RFC 8441 §3)', async () => {
    expect(await clientVerdict(join(settings([[8, 1]]), settings([[8, 0]]))))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });

  test.each([[false, 0], [true, 1]])('§6.5.2 push %s is told as %i', async (wanted, value) => {
    const { all: [first] } = await asking({ push: wanted });
    expect(Buffer.from(first!.payload).includes(Buffer.from([0, 2, 0, 0, 0, value]))).toBe(true);
  });

  test('§6.5.2 frames are as large as the server allows', async () => {
    const body = new Uint8Array(40_000);
    const one = (await asking({}, [[5, 20_000]])).ask({ method: 'POST', body });
    const frames = (await one.settled()).filter(({ type }) => type === DATA);
    expect(Math.max(...frames.map(({ payload }) => payload.length))).toBe(20_000);
  });
});

describe('§6.6 PUSH_PROMISE', () => {
  const octets = join([0, 0, 0, 2], block(fieldsOf('GET', '/a')));
  test.each([
    ['plain', frame(PUSH_PROMISE, END_HEADERS, 1, octets)],
    ['padded', frame(PUSH_PROMISE, END_HEADERS | PADDED, 1, join([3], octets, '\0\0\0'))],
    ['with the reserved bit',
      frame(PUSH_PROMISE, END_HEADERS, 1, join([0x80], octets.subarray(1)))],
    ['in parts', join(frame(PUSH_PROMISE, 0, 1, octets.subarray(0, 9)),
      continuation(1, octets.subarray(9, 20), 0), continuation(1, octets.subarray(20)))],
    ['in parts, padded', join(
      frame(PUSH_PROMISE, PADDED, 1, join([2], octets.subarray(0, 4), '\0\0')),
      continuation(1, octets.subarray(4)))],
  ])('%s: the answer to it follows', async (_, promised) => {
    expect(await clientVerdict(join(promised, head(2), ended(2, 'x'), ping()), push))
      .toMatchObject({ goaway: undefined, resets: {}, pushed: ['/a 200 x'], pings: 1 });
  });

  test.each([
    ['on stream 0', promise(0, 2, PSEUDO)],
    ['padding as long as the payload', frame(PUSH_PROMISE, PADDED | 4, 1, [5, 0, 0, 0, 2])],
    ['padding over what is left', frame(PUSH_PROMISE, PADDED | 4, 1, [1, 0, 0, 0, 2])],
    ['interrupted', join(frame(PUSH_PROMISE, 0, 1, octets), ping())],
    ['of stream 0, in parts', join(
      frame(PUSH_PROMISE, 0, 1, join([0, 0, 0, 0], block(OK))), continuation(1, ''))],
    ['interrupted by another stream', join(frame(PUSH_PROMISE, 0, 1, octets), continuation(3, ''))],
    ['on a stream that both sides ended', join(head(1), ended(1), promise(1, 2, PSEUDO))],
    ['on a stream of the server', join(promise(1, 2, PSEUDO), head(2), promise(2, 4, PSEUDO))],
  ])('%s is PROTOCOL_ERROR', async (_, wrong) => {
    expect(await clientVerdict(wrong, push))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR', ended: true });
  });

  test.each([['no Pad Length', []], ['no room for its stream', [0, 0, 0, 0]]])(
    '%s is FRAME_SIZE_ERROR', async (_, payload) => {
      const wrong = frame(PUSH_PROMISE, PADDED | END_HEADERS, 1, payload);
      const { goaway: gone, ended: over } = await clientVerdict(wrong, push);
      expect([over, gone]).toEqual([true, expect.stringMatching(/FRAME_SIZE|PROTOCOL/)]);
    });

  test('where push was turned off it is PROTOCOL_ERROR (§6.5.2)', async () => {
    expect(await clientVerdict(promise(1, 2, PSEUDO)))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR', ended: true });
  });

  test('on a stream that we reset: the promised stream is let go of, and no more', async () => {
    const wrong = join(windowUpdate(1, 0), promise(1, 2, PSEUDO), head(2), ended(2, 'x'), ping());
    const { goaway: gone, resets, pushed, pings } = await clientVerdict(wrong, push);
    expect([gone, Object.keys(resets), pushed, pings]).toEqual([undefined, ['1', '2'], [], 1]);
  });
});

describe('§6.7 PING', () => {
  test('is answered with its own octets, an acknowledgement is not', async () => {
    const one = await asking();
    const [answer, ...more] = await one.send(ping('\0\xffabcdef'), ping('12345678', 1));
    expect([textOf(answer!), more]).toEqual(['\0\xffabcdef', []]);
  });
});

describe('§6.8 GOAWAY', () => {
  test.each([0, 1, 99, MAX])('no stream is opened after it, its last is %i', async (last) => {
    const one = (await asking()).ask();
    await one.send(goaway(last));
    expect(one.client.canRequest).toBe(false);
    expect((await one.ask().settled()).filter(({ type }) => type === HEADERS)).toEqual([]);
  });

  test('what it took is answered, the rest can be asked elsewhere', async () => {
    const one = (await asking()).ask().ask();
    await one.send(goaway(1, 0), head(1), ended(1, 'x'));
    expect(one.outcome).toMatchObject({
      goaway: undefined, answers: ['200 x', 'failed: the server is going away: NO_ERROR'],
    });
  });

  test('a pushed stream outlives it', async () => {
    const one = (await asking(push)).ask();
    await one.send(promise(1, 2, PSEUDO), goaway(1), head(2), ended(2, 'x'));
    expect(one.outcome.pushed).toEqual(['/ 200 x']);
  });

  test('ours: the last stream is one of the server\'s, and the answers still come', async () => {
    const one = (await asking(push)).ask();
    await one.send(promise(1, 2, PSEUDO));
    one.transport.shutdown();
    const [gone] = await one.settled();
    expect([gone!.type, numberIn(gone!), numberIn(gone!, 4)]).toEqual([GOAWAY, 2, 0]);
    expect(one.client.canRequest).toBe(false);
    await one.send(head(1), ended(1, 'x'), head(2), ended(2, 'y'));
    expect(one.outcome).toMatchObject({
      answers: ['200 x'], pushed: ['/ 200 y'], ended: true, resets: {},
    });
  });

  test('an error is told with its code, and ends the connection (§5.4.1)', async () => {
    const one = (await asking()).ask();
    await one.send(data(3, 'x'));
    expect(one.all.at(-1)).toMatchObject({ type: GOAWAY });
    expect(one.outcome).toMatchObject({
      goaway: 'PROTOCOL_ERROR', ended: true, answers: [expect.stringMatching('failed: DATA on an')],
    });
    expect(one.all.filter(({ type }) => type === RST_STREAM)).toEqual([]);
  });
});
