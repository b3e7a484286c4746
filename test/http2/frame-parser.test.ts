/** Frames out of octets: what the sink is called with, at every split. */
import { describe, expect, test } from 'vitest';
import { DATA, END_HEADERS, END_STREAM, PADDED, PUSH_PROMISE } from '../../src/http2/frame.ts';
import {
  FrameParser, MORE, NO_DEPENDENCY, uint24, uint31, uint32, type FrameSink,
} from '../../src/http2/frame-parser.ts';
import {
  continuation, data, frame, goaway, headers, join, ping, priority, priorityUpdate, reset, settings,
  settingsAck, windowUpdate,
} from '../support/http2.ts';

/** Writes down each call; octets as text, content of one DATA joined. */
function recorder(): { sink: FrameSink; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const shown = (value: unknown): unknown =>
    (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value);
  const sink = new Proxy({}, {
    get: (_, name) => (...args: unknown[]): void => {
      const at = args.findIndex((value) => value instanceof Uint8Array);
      const [bytes, start, end] = args.slice(at) as [Uint8Array, number, number];
      const whole = at >= 0 && typeof start === 'number'
        ? [...args.slice(0, at), bytes.subarray(start, end ?? start + 8)]
        : args;
      const last = calls.at(-1);
      const call = [name, ...whole.map(shown)];
      if (name === 'receiveData' && last?.[0] === name) last[2] = `${last[2]}${call[2]}`;
      else calls.push(call);
    },
  }) as FrameSink;
  return { sink, calls };
}

function parse(segments: readonly Uint8Array[]): { calls: unknown[][]; within: boolean } {
  const { sink, calls } = recorder();
  const parser = new FrameParser(sink, 16_384);
  let rest: Uint8Array = new Uint8Array(0);
  for (const segment of segments) {
    const bytes = join(rest, segment);
    let at = 0;
    while (at < bytes.length) {
      const next = parser.receive(bytes, at, bytes.length);
      if (next === MORE) break;
      at = next;
    }
    rest = bytes.subarray(at);
  }
  return { calls, within: parser.isWithin };
}

const VECTOR = join(
  settings([[4, 9]]), settingsAck, headers(1, new Uint8Array([1, 2]), 0), continuation(1, 'ab'),
  data(1, 'content'), frame(DATA, PADDED | END_STREAM, 1, '\x02xy\0\0'), priority(3, 5),
  reset(1, 7), ping('12345678'), goaway(3, 1), windowUpdate(0, 9), priorityUpdate(5, 'u=1'),
  frame(0x77, 0, 0, 'x'),
  frame(2, 0, 1, 'abc'),
  frame(PUSH_PROMISE, PADDED | END_HEADERS, 1, '\x02\0\0\0\x08xy\0\0'),
  frame(PUSH_PROMISE, 0, 1, '\x80\0\0\x0ax'), continuation(1, 'y'),
);
const CALLS = [
  ['receiveSettings', '\0\x04\0\0\0\x09'], ['receiveSettingsAck'],
  ['receiveHeaders', 1, 0, NO_DEPENDENCY, '\x01\x02'], ['receiveContinuation', 1, true, 'ab'],
  ['beginData', 1, 7], ['receiveData', 1, 'content'], ['endData', 1, false],
  ['beginData', 1, 5], ['receiveData', 1, 'xy'], ['endData', 1, true],
  ['receivePriority', 3, 5], ['receiveRstStream', 1, 7], ['receivePing', false, '12345678'],
  ['receiveGoaway', 3, 1, ''], ['receiveWindowUpdate', 0, 9], ['receivePriorityUpdate', 5, 'u=1'],
  ['receiveUnknown', 1], ['streamError', 1, 6, 'PRIORITY is not 5 octets (RFC 9113 §6.3)'],
  ['receivePushPromise', 1, 8, true, 'xy'], ['receivePushPromise', 1, 10, false, 'x'],
  ['receiveContinuation', 1, true, 'y'],
];

describe('§4 frames', () => {
  test('whole, octet by octet, and at each split', () => {
    expect(parse([VECTOR]).calls).toEqual(CALLS);
    expect(parse([...VECTOR].map((octet) => Uint8Array.of(octet))).calls).toEqual(CALLS);
    for (let at = 1; at < VECTOR.length; at++) {
      expect(parse([VECTOR.subarray(0, at), VECTOR.subarray(at)]).calls).toEqual(CALLS);
    }
  });

  test('isWithin: between the parts of DATA and of a block', () => {
    expect(parse([data(1, 'abc').subarray(0, 10)]).within).toBe(true);
    expect(parse([data(1, 'abc')]).within).toBe(false);
    expect(parse([headers(1, new Uint8Array(3), 0)]).within).toBe(true);
    expect(parse([headers(1, new Uint8Array(3), END_HEADERS)]).within).toBe(false);
    expect(parse([frame(PUSH_PROMISE, 0, 1, '\0\0\0\x02')]).within).toBe(true);
  });

  test('numbers', () => {
    const bytes = Uint8Array.of(0xff, 0xfe, 0xfd, 0xfc);
    expect([uint24(bytes, 0), uint31(bytes, 0), uint32(bytes, 0)])
      .toEqual([0xfffefd, 0x7ffefdfc, 0xfffefdfc]);
  });
});
