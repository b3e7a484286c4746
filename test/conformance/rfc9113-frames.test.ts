/** RFC 9113 §3.4 and §4: the preface, frames, their sizes, and field blocks in parts. */
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/http/fields.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE,
  PRIORITY, PRIORITY_FLAG, PRIORITY_UPDATE, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { HpackEncoder } from '../../src/http2/hpack/index.ts';
import { deferred } from '../support/deferred.ts';
import {
  PSEUDO, block, connect, continuation, data, encoded, fieldsOf, frame, get, goaway, headers,
  join, numberIn, open, ping, post, priority, priorityUpdate, reset, settings, settingsAck, silent,
  verdict, windowUpdate, type FieldPairs,
} from '../support/http2.ts';
import { ScriptedSource } from '../support/scripted-source.ts';

const NOTHING = new Uint8Array(0);

/** The lengths that frames tell of themselves. */
function lengthsIn(octets: Uint8Array): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < octets.length; at += 9 + (lengths.at(-1) as number)) {
    lengths.push(Buffer.from(octets).readUIntBE(at, 3));
  }
  return lengths;
}

describe('§3.4 HTTP/2 Connection Preface', () => {
  test('the server speaks SETTINGS first', () => {
    const [first] = connect().take();
    expect(first).toMatchObject({ type: SETTINGS, flags: 0, streamId: 0 });
  });

  test('the peer\'s SETTINGS are acknowledged after our own were sent', async () => {
    const connected = connect();
    const frames = [...connected.take(), ...await connected.send(PREFACE, settings())];
    expect(frames.filter(({ type }) => type === SETTINGS).map(({ flags }) => flags))
      .toEqual([0, ACK]);
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

describe('§4.1 Frame Format: what we send', () => {
  /** The flags that a type has, for all that we send of it. */
  const FLAGS: Readonly<Record<number, number>> = {
    [DATA]: END_STREAM, [HEADERS]: END_STREAM | END_HEADERS, [RST_STREAM]: 0, [SETTINGS]: ACK,
    [PUSH_PROMISE]: END_HEADERS, [PING]: ACK, [GOAWAY]: 0, [WINDOW_UPDATE]: 0,
    [CONTINUATION]: END_HEADERS,
  };

  test('has no flag that its type has not, and never the reserved bit', async () => {
    const connected = await open(async (request) => {
      if (request.path === '/') {
        request.inform(103, { link: '</a>' });
        request.push('/pushed', { 'x-long': 'y'.repeat(20_000) });
      }
      const source = new ScriptedSource([await request.body.bytes(), null], {
        trailers: () => Fields.from({ 'x-sum': '1' }),
      });
      return new HttpResponse(200, { 'x-long': 'y'.repeat(20_000) }, source);
    }, {}, [[1, 0]]);
    await connected.send(get(1), post(3), data(3, 'x'.repeat(16_384)), data(3, '', END_STREAM),
      ping(), get(5, ' '), windowUpdate(0, 1), frame(SETTINGS, 0, 0));
    connected.transport.shutdown();
    await connected.settled();
    await connected.send(data(0));
    expect(new Set(connected.all.map(({ type }) => type)))
      .toEqual(new Set(Object.keys(FLAGS).map(Number)));
    for (const { type, flags, streamId, payload } of connected.all) {
      expect([type, flags & ~(FLAGS[type] as number), streamId >>> 31]).toEqual([type, 0, 0]);
      expect(payload.length).toBeLessThanOrEqual(16_384);
    }
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
    ['HEADERS', frame(HEADERS, PADDED | END_HEADERS | END_STREAM, 1, join([255], block(
      [...PSEUDO, ['x', 'y'.repeat(16_384 - 256 - 7 - block(PSEUDO).length)]]), '\0'.repeat(255)))],
    ['CONTINUATION', join(headers(1, new Uint8Array(0), END_STREAM), continuation(1, block(
      [...PSEUDO, ['x', 'y'.repeat(16_384 - 7 - block(PSEUDO).length)]])))],
    ['GOAWAY', join(frame(GOAWAY, 0, 0, '\0'.repeat(16_384)), get(1))],
    ['PRIORITY_UPDATE', join(frame(PRIORITY_UPDATE, 0, 0, join([0, 0, 0, 1], 'x'.repeat(16_380))),
      get(1))],
    ['an unknown frame', join(frame(0x42, 0, 1, '\0'.repeat(16_384)), get(1))],
  ])('%s of 2^14 octets is taken', async (_, octets) => {
    expect(lengthsIn(octets)).toContain(16_384);
    expect(await verdict(octets)).toMatchObject({ goaway: undefined, answers: { 1: '200 hello' } });
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

  const KEPT: FieldPairs = [['kept', 'one']];
  const large: FieldPairs = Array.from({ length: 150 }, () => ['x', 'y'] as const);
  test.each<[string, Uint8Array, FieldPairs, number]>([
    ['malformed', join(), [...PSEUDO, ...KEPT, ['Bad', 'name']], 1],
    ['too large (431)', join(), [...PSEUDO, ...KEPT, ...large], 1],
    ['refused (REFUSED_STREAM)', get(1, '/wait'), [...PSEUDO, ...KEPT], 3],
    ['on a stream that the peer reset', join(post(1, []), reset(1)), KEPT, 1],
    ['on a stream that we reset', join(post(1, []), windowUpdate(1, 0)), KEPT, 1],
    ['on a stream that is half-closed (remote)', get(1, '/wait'), KEPT, 1],
    ['of trailers', post(1, [['content-length', '1']]), KEPT, 1],
    ['that depends on itself', join(), [...PSEUDO, ...KEPT], -1],
  ])('a block that nobody wants still turns over the table: %s', async (_, before, fields, id) => {
    const encoder = new HpackEncoder();
    const later = deferred<HttpResponse>();
    const connected = await open((request) => (request.path === '/wait'
      ? later.promise
      : new HttpResponse(200, {}, request.body)), { limits: { http2Streams: 1 } });
    const octets = encoded(encoder, fields);
    const unwanted = id > 0
      ? headers(id, octets)
      : frame(HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, 1, join([0, 0, 0, 1, 0], octets));
    await connected.send(before, unwanted, reset(1));
    later.resolve(new HttpResponse(204));
    await connected.settled();
    const more = fieldsOf('GET', '/', [['more', 'two'], ...KEPT]);
    await connected.send(headers(9, encoded(encoder, more)));
    await connected.send(headers(11, encoded(encoder, more)));
    expect(connected.transport.ended).toBe(false);
    const found = connected.completed.filter((exchange) => exchange.id > 3)
      .map(({ request }) => [...request.fields]);
    expect(found).toEqual([[['more', 'two'], ...KEPT], [['more', 'two'], ...KEPT]]);
  });

  test('ours are contiguous, and no frame of them is larger than the peer allows', async () => {
    const fields = { 'x-long': 'y'.repeat(50_000) };
    const connected = await open((request) => {
      if (request.path === '/') request.push('/pushed', fields);
      return new HttpResponse(200, fields, 'x'.repeat(20_000));
    }, {}, [[1, 0]]);
    const frames = await connected.send(get(1), get(3, '/b'), ping());
    const blocks: number[][] = [];
    let within = 0;
    for (const { type, flags, streamId, payload } of frames) {
      expect(payload.length).toBeLessThanOrEqual(16_384);
      expect([type === CONTINUATION, within > 0 ? streamId : 0]).toEqual([within > 0, within]);
      if (type === HEADERS || type === PUSH_PROMISE) blocks.push([type, streamId]);
      if (type === HEADERS || type === PUSH_PROMISE || type === CONTINUATION) {
        within = (flags & END_HEADERS) === 0 ? streamId : 0;
      }
    }
    expect(blocks.sort()).toEqual([[HEADERS, 1], [HEADERS, 2], [HEADERS, 3], [PUSH_PROMISE, 1]]);
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
