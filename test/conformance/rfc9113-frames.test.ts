/** RFC 9113 §3.4 and §4: the preface, frames, their sizes, and field blocks in parts. */
import { describe, expect, test } from 'vitest';
import {
  CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY,
  PRIORITY_FLAG, PRIORITY_UPDATE, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { HpackEncoder } from '../../src/http2/hpack/index.ts';
import {
  PSEUDO, block, connect, continuation, data, encoded, fieldsOf, frame, get, goaway, headers,
  join, numberIn, open, ping, post, priority, priorityUpdate, settings, settingsAck, silent,
  verdict, windowUpdate,
} from '../support/http2.ts';

const NOTHING = new Uint8Array(0);

describe('§3.4 HTTP/2 Connection Preface', () => {
  test('the server speaks SETTINGS first', () => {
    const [first] = connect().take();
    expect(first).toMatchObject({ type: SETTINGS, flags: 0, streamId: 0 });
  });

  test('the preface and an empty SETTINGS are enough', async () => {
    const octets = join(PREFACE, settings(), get(1));
    const { goaway: gone, answers } = await verdict(octets, undefined, {}, NOTHING);
    expect([gone, answers]).toEqual([undefined, { 1: '200 hello' }]);
  });

  test.each([...PREFACE.keys()])('octet %i of the preface is another', async (at) => {
    const wrong = Uint8Array.from(PREFACE);
    wrong[at] = 0x7e;
    const connected = connect();
    await connected.send(wrong, settings());
    expect(connected.all.at(-1)).toMatchObject({ type: GOAWAY });
    expect(numberIn(connected.all.at(-1)!, 4)).toBe(1);
    expect(connected.transport.ended).toBe(true);
  });

  test.each([
    ['HEADERS', get(1)], ['DATA', data(1, 'x')], ['PING', ping()], ['PRIORITY', priority(1, 3)],
    ['WINDOW_UPDATE', windowUpdate(0, 1)], ['GOAWAY', goaway(0)],
    ['an unknown frame', frame(99, 0, 0)],
    ['the acknowledgement of SETTINGS', settingsAck], ['PRIORITY_UPDATE', priorityUpdate(1, 'u=1')],
  ])('%s before SETTINGS is PROTOCOL_ERROR', async (_, octets) => {
    const outcome = await verdict(join(PREFACE, octets, settings()), undefined, {}, NOTHING);
    expect(outcome).toMatchObject({ goaway: 'PROTOCOL_ERROR', seen: [], ended: true });
  });
});

describe('§4.1 Frame Format', () => {
  test('an unknown type is ignored, whatever its flags and stream', async () => {
    const octets = join(frame(0x16, 0xff, 77, 'abc'), frame(0xff, 0, 0), get(1));
    expect(await verdict(octets)).toMatchObject({ goaway: undefined, answers: { 1: '200 hello' } });
  });

  test('unknown flags are ignored', async () => {
    const octets = join(frame(PING, 0xfe, 0, '12345678'), frame(SETTINGS, 0xfe, 0));
    expect(await verdict(octets)).toMatchObject({ goaway: undefined, pings: 1 });
  });

  test('the reserved bit is ignored', async () => {
    const octets = join(frame(PING, 0, 0x8000_0000, '12345678'),
      headers(0x8000_0001, PSEUDO), frame(WINDOW_UPDATE, 0, 0, [0x80, 0, 0, 1]));
    expect(await verdict(octets))
      .toMatchObject({ goaway: undefined, pings: 1, answers: { 1: '200 hello' } });
  });
});

describe('§4.2 Frame Size', () => {
  test('DATA of 2^14 octets is taken', async () => {
    const content = 'x'.repeat(16_384);
    const connected = await open();
    await connected.send(post(1), data(1, content, END_STREAM));
    expect(connected.completed[0]?.receivedBytes).toBe(16_384);
  });

  test.each([
    ['DATA', DATA, 1], ['HEADERS', HEADERS, 1], ['PRIORITY', PRIORITY, 1],
    ['RST_STREAM', RST_STREAM, 1], ['SETTINGS', SETTINGS, 0], ['PUSH_PROMISE', PUSH_PROMISE, 1],
    ['PING', PING, 0], ['GOAWAY', GOAWAY, 0], ['WINDOW_UPDATE', WINDOW_UPDATE, 0],
    ['PRIORITY_UPDATE', PRIORITY_UPDATE, 0], ['an unknown frame', 0x42, 0],
  ])('%s over 2^14 octets is FRAME_SIZE_ERROR, by its header alone', async (_, type, id) => {
    const outcome = await verdict(join(post(1), frame(type, 0, id, '', 16_385)), silent);
    expect(outcome).toMatchObject({ goaway: 'FRAME_SIZE_ERROR', ended: true });
  });

  test('a field block over 2^14 octets, in HEADERS and in CONTINUATION', async () => {
    const part = headers(1, block(PSEUDO), END_STREAM);
    expect(await verdict(join(part, frame(CONTINUATION, END_HEADERS, 1, '', 16_385))))
      .toMatchObject({ goaway: 'FRAME_SIZE_ERROR' });
  });
});

describe('§4.3 Field Section Compression and Decompression', () => {
  test.each([
    ['an index of the static table past its end', [0xbe]],
    ['index 0', [0x80]],
    ['a field that is cut short', [0x00, 0x05, 0x61]],
    ['a table size over the limit', [0x3f, 0xe2, 0x1f]],
  ])('%s is COMPRESSION_ERROR', async (_, octets) => {
    expect(await verdict(join(headers(1, Uint8Array.from(octets)), get(3))))
      .toMatchObject({ goaway: 'COMPRESSION_ERROR', seen: [], ended: true });
  });

  test('a block in as many parts as may be', async () => {
    const whole = block([...PSEUDO, ['x', 'y'.repeat(40)]]);
    const parts = Array.from({ length: 9 }, (_, i) =>
      whole.subarray(i * 9, i === 8 ? 999 : i * 9 + 9));
    const octets = join(
      headers(1, parts[0]!, END_STREAM),
      ...parts.slice(1).map((part, i) => continuation(1, part, i === 7 ? END_HEADERS : 0)),
    );
    expect(await verdict(octets)).toMatchObject({ answers: { 1: '200 hello' } });
  });

  test('blocks of refused, malformed and reset streams still turn over the table', async () => {
    const encoder = new HpackEncoder();
    const connected = await open();
    await connected.send(
      headers(1, encoded(encoder, [...fieldsOf('GET'), ['Bad', 'name']])),
      headers(3, encoded(encoder, fieldsOf('GET', '/', [['kept', 'one']]))),
      headers(5, encoded(encoder, fieldsOf('GET', '/', [['kept', 'one']]))),
    );
    const kept = connected.completed.map(({ request }) => request.fields.get('kept'));
    expect(kept).toEqual(['one', 'one']);
  });

  test.each([
    ['PING', ping()], ['HEADERS of its own', get(1)], ['DATA', data(1)],
    ['an unknown frame', frame(77, 0, 1)],
    ['SETTINGS', settings()], ['CONTINUATION of another', continuation(3, '')],
    ['PRIORITY', priority(1, 0)],
  ])('%s within a block is PROTOCOL_ERROR', async (_, octets) => {
    expect(await verdict(join(headers(1, PSEUDO, END_STREAM), octets, continuation(1, ''))))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR', seen: [] });
  });
});

describe('§6.2 the parts of HEADERS', () => {
  const octets = block(PSEUDO);
  test.each([
    ['padding', PADDED, join([3], octets, [0, 0, 0])],
    ['priority', PRIORITY_FLAG, join([0x80, 0, 0, 3, 255], octets)],
    ['both', PADDED | PRIORITY_FLAG, join([2, 0, 0, 0, 0, 16], octets, [9, 9])],
  ])('%s', async (_, flags, payload) => {
    const all = flags | END_HEADERS | END_STREAM;
    expect(await verdict(frame(HEADERS, all, 1, payload)))
      .toMatchObject({ goaway: undefined, answers: { 1: '200 hello' } });
  });

  test.each([
    ['padding as long as the payload', PADDED, [4, 1, 2, 3]],
    ['padding over the rest after priority', PADDED | PRIORITY_FLAG, [1, 0, 0, 0, 0, 16]],
  ])('%s is PROTOCOL_ERROR', async (_, flags, payload) => {
    expect(await verdict(frame(HEADERS, flags | END_HEADERS, 1, payload)))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });

  test.each([
    ['no Pad Length', PADDED, []], ['no room for priority', PRIORITY_FLAG, [0, 0, 0, 0]],
  ])('%s is FRAME_SIZE_ERROR', async (_, flags, payload) => {
    expect(await verdict(frame(HEADERS, flags | END_HEADERS, 1, payload)))
      .toMatchObject({ goaway: 'FRAME_SIZE_ERROR' });
  });
});
