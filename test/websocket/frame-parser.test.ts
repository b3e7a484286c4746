/** Frames out of octets: what the sinks are called with, at every split. */
import { describe, expect, test } from 'vitest';
import {
  BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, RSV2, RSV3, TEXT,
} from '../../src/websocket/frame.ts';
import { MORE } from '../../src/websocket/frame-parser.ts';
import { Random } from '../support/random.ts';
import {
  Receiver, binary, close, continuation, frame, join, octetsOf, ping, pong, received, refused, text,
  type Bounds,
} from '../support/websocket.ts';

const VECTOR = join(
  text('Hello', false), ping('p'), continuation('', false), pong(), continuation('é'),
  binary(Uint8Array.of(0, 255)), text(''), frame(TEXT, 'x'.repeat(126)), close(1000, 'bye'),
);
const EVENTS = [
  ['frame', TEXT, 0, false, 5], ['payload', 'Hello'], ['ping', 'p'],
  ['frame', CONTINUATION, 0, false, 0], ['payload', ''], ['pong', ''],
  ['frame', CONTINUATION, 0, true, 2], ['payload', '\xc3\xa9'],
  ['frame', BINARY, 0, true, 2], ['payload', '\0\xff'],
  ['frame', TEXT, 0, true, 0], ['payload', ''],
  ['frame', TEXT, 0, true, 126], ['payload', 'x'.repeat(126)],
  ['close', 1000, 'bye'],
];

describe('§5.2 frames', () => {
  test('whole, octet by octet, and at each split', () => {
    expect(received(VECTOR, 'frames'))
      .toEqual({ events: EVENTS, refused: undefined, within: false });
  });

  test('not masked, of a server', () => {
    const octets = join(
      frame(TEXT, 'Hello', { key: null }), frame(PING, 'p', { key: null }),
      frame(CLOSE, '', { key: null }),
    );
    expect(received(octets, 'frames', { masked: false }).events).toEqual([
      ['frame', TEXT, 0, true, 5], ['payload', 'Hello'], ['ping', 'p'], ['close', 1005, ''],
    ]);
  });

  const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 3_000_001];
  test.each(sizes)('a payload of %d octets', (length) => {
    const payload = new Random(length).bytes(length);
    const shown = Buffer.from(payload).toString('latin1');
    const octets = binary(payload);
    const receivers = [[octets], [octets.subarray(0, 5), octets.subarray(5)]];
    if (length < 70_000) receivers.push([octets.subarray(0, 77), octets.subarray(77)]);
    for (const segments of receivers) {
      const receiver = new Receiver('frames');
      for (const segment of segments) receiver.receive(segment);
      const [header, content] = receiver.events;
      expect(header).toEqual(['frame', BINARY, 0, true, length]);
      expect(content?.[1] === shown).toBe(true);
      expect(receiver.refused).toBeUndefined();
    }
    if (length < 1000) received(octets, 'frames');
  });

  test('isWithin: from the header of a data frame to its last octet', () => {
    const octets = text('abc');
    const states = [...octets.keys(), octets.length].map((end) => {
      const receiver = new Receiver('frames');
      receiver.receive(octets.subarray(0, end));
      return receiver.parser.isWithin;
    });
    expect(states).toEqual([...Array<boolean>(6).fill(false), true, true, true, false]);
  });

  test('a range of octets: nothing outside it is looked at', () => {
    const octets = join('\x81\x85', text('abc'), '\x81');
    const { parser, events } = new Receiver('frames');
    expect(parser.receive(octets, 4, 4)).toBe(MORE);
    // octetsOf writes U+0081 in two octets.
    const start = octetsOf('\x81\x85').length;
    expect(parser.receive(octets, start, start + 9)).toBe(start + 9);
    expect(events).toEqual([['frame', TEXT, 0, true, 3], ['payload', 'abc']]);
  });
});

/** What the header alone tells is refused before any payload comes. */
function refusedByHeader(octets: Uint8Array, header: number, bounds?: Bounds): [number, string] {
  const whole = refused(octets, 'frames', bounds);
  const begun = refused(octets.subarray(0, header), 'frames', bounds);
  expect(begun).toEqual(whole);
  return [...whole];
}

const reservedBit = 'a reserved bit is set, and no extension was agreed on (RFC 6455 §5.2)';
const notFirst = 'a reserved bit is set, not on the first frame of a message (RFC 7692 §6)';

describe('§5.2 reserved bits', () => {
  test.each([RSV1, RSV2, RSV3, RSV1 | RSV3])('bits %d without an extension', (reserved) => {
    for (const opcode of [TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE]) {
      expect(refusedByHeader(frame(opcode, '', { reserved }), 2)).toEqual([1002, reservedBit]);
    }
  });

  test.each([TEXT, BINARY])('RSV1 with an extension, on opcode %d', (opcode) => {
    const octets = join(frame(opcode, 'ab', { reserved: RSV1 }), frame(opcode, 'cd'));
    expect(received(octets, 'frames', { reserved: RSV1 }).events).toEqual([
      ['frame', opcode, RSV1, true, 2], ['payload', 'ab'],
      ['frame', opcode, 0, true, 2], ['payload', 'cd'],
    ]);
  });

  test.each([CONTINUATION, PING, PONG, CLOSE])('RSV1 with one, on opcode %d', (opcode) => {
    expect(refusedByHeader(frame(opcode, '', { reserved: RSV1 }), 2, { reserved: RSV1 }))
      .toEqual([1002, notFirst]);
  });

  test.each([RSV2, RSV3, RSV1 | RSV2])('bits %d, when RSV1 alone has a meaning', (reserved) => {
    expect(refusedByHeader(frame(TEXT, '', { reserved }), 2, { reserved: RSV1 }))
      .toEqual([1002, reservedBit]);
  });
});

describe('§5.2 opcodes', () => {
  test.each([3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf])('%d is reserved', (opcode) => {
    expect(refusedByHeader(frame(opcode), 2))
      .toEqual([1002, `opcode 0x${opcode.toString(16)} is reserved (RFC 6455 §5.2)`]);
  });
});

describe('§5.2 payload length', () => {
  test.each([
    ['0 in 16 bits', '', 2], ['125 in 16 bits', 'x'.repeat(125), 2], ['0 in 64 bits', '', 8],
    ['126 in 64 bits', 'x'.repeat(126), 8], ['65535 in 64 bits', 'x'.repeat(65_535), 8],
  ] as const)('%s is not minimal', (_, payload, lengthOctets) => {
    const octets = frame(TEXT, payload, { lengthOctets });
    expect(refusedByHeader(octets.subarray(0, 20), 2 + lengthOctets)).toEqual(
      [1002, `a length of ${payload.length} is told in ${lengthOctets} octets (RFC 6455 §5.2)`],
    );
  });

  const tooLong = 'a frame is over 2^53 - 1 octets (RFC 6455 §10.4)';
  test.each([
    [2n ** 53n, 1009, tooLong], [2n ** 63n - 1n, 1009, tooLong],
    [2n ** 63n, 1002, 'the highest bit of a length is set (RFC 6455 §5.2)'],
    [2n ** 64n - 1n, 1002, 'the highest bit of a length is set (RFC 6455 §5.2)'],
  ])('%d octets', (length, code, message) => {
    expect(refusedByHeader(frame(BINARY, '', { length }), 10)).toEqual([code, message]);
  });

  test('2^53 - 1 octets are counted', () => {
    const { events, within } = received(frame(BINARY, '', { length: 2n ** 53n - 1n }), 'frames');
    expect(events).toEqual([['frame', BINARY, 0, true, Number.MAX_SAFE_INTEGER]]);
    expect(within).toBe(true);
  });

  test.each([
    [100, 2], [1000, 4], [70_000, 10], [2 ** 32 + 5, 10],
  ])('webSocketMessageBytes of %d: that many, and one more', (frameBytes, header) => {
    const bounds = { frameBytes };
    for (const opcode of [TEXT, CONTINUATION]) {
      const most = frame(opcode, '', { length: BigInt(frameBytes) });
      expect(received(most, 'frames', bounds).refused).toBeUndefined();
      const more = frame(opcode, '', { length: BigInt(frameBytes + 1) });
      expect(refusedByHeader(more, header, bounds)).toEqual(
        [1009, `a frame is over webSocketMessageBytes, ${frameBytes} octets (RFC 6455 §10.4)`],
      );
    }
  });

  test('webSocketMessageBytes says nothing of control frames', () => {
    expect(received(ping('abc'), 'frames', { frameBytes: 0 }).events).toEqual([['ping', 'abc']]);
  });
});

describe('§5.1 who masks', () => {
  test.each([TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE])('opcode %d', (opcode) => {
    expect(refusedByHeader(frame(opcode, '', { key: null }), 2))
      .toEqual([1002, 'a frame is not masked (RFC 6455 §5.1)']);
    expect(refusedByHeader(frame(opcode, ''), 2, { masked: false }))
      .toEqual([1002, 'a frame is masked (RFC 6455 §5.1)']);
  });
});

describe('§5.5 control frames', () => {
  test.each([CLOSE, PING, PONG])('opcode %d: final, and at most 125 octets', (opcode) => {
    const payload = join(Uint8Array.of(3, 232), 'x'.repeat(123));
    expect(received(frame(opcode, payload), 'frames').events).toHaveLength(1);
    expect(refusedByHeader(frame(opcode, '', { final: false }), 2))
      .toEqual([1002, 'a control frame is fragmented (RFC 6455 §5.5)']);
    for (const length of [126, 70_000]) {
      expect(refusedByHeader(frame(opcode, 'x'.repeat(length)).subarray(0, 150), 2))
        .toEqual([1002, 'a control frame is over 125 octets (RFC 6455 §5.5)']);
    }
  });
});
