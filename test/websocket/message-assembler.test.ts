/** The order of fragments, and each budget at its limit and one over. */
import { describe, expect, test } from 'vitest';
import { BINARY, CONTINUATION, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { MessageAssembler, UNKNOWN } from '../../src/websocket/message-assembler.ts';
import {
  Receiver, binary, close, continuation, frame, join, ping, pong, received, refused, text,
} from '../support/websocket.ts';

describe('§5.4 fragmentation', () => {
  test.each([
    ['one frame', [text('abc')], 'abc'],
    ['two', [text('ab', false), continuation('c')], 'abc'],
    ['empty ones', [text('', false), continuation('', false), continuation('abc', false),
      continuation('')], 'abc'],
    ['all empty', [text('', false), continuation('')], ''],
    ['a code point in four', [text('\u{1f600}'.repeat(9))], '\u{1f600}'.repeat(9)],
  ])('%s', (_, frames, message) => {
    expect(received(join(...frames)))
      .toEqual({ events: [['text', message]], refused: undefined, within: false });
  });

  test('control frames come between', () => {
    const octets = join(text('a', false), ping('1'), pong('2'), continuation('b'), close(1001));
    expect(received(octets).events)
      .toEqual([['ping', '1'], ['pong', '2'], ['text', 'ab'], ['close', 1001, '']]);
  });

  const within = 'a message begins within another (RFC 6455 §5.4)';
  const without = 'a continuation of no message (RFC 6455 §5.4)';
  test.each([
    ['continuation first', [continuation('a')], without],
    ['continuation first, not final', [continuation('a', false)], without],
    ['continuation after a message', [text('a'), continuation('b')], without],
    ['continuation after its end', [text('a', false), continuation('b'), continuation('c')],
      without],
    ['text within text', [text('a', false), text('b')], within],
    ['binary within text', [text('a', false), binary('b')], within],
    ['text within binary', [binary('a', false), continuation('b', false), text('c')], within],
  ])('%s', (_, frames, message) => {
    expect(refused(join(...frames))).toEqual([1002, message]);
    expect(refused(join(...frames), 'pieces')).toEqual([1002, message]);
  });

  test('isWithin: from the first header to the last octet of the last frame', () => {
    const receiver = new Receiver();
    const steps = [text('a', false), ping(), continuation('', false), continuation('b')];
    expect(steps.map((step) => {
      receiver.receive(step);
      return receiver.outcome().within;
    })).toEqual([true, true, true, false]);
  });
});

describe('what the sink is told', () => {
  function told(...frames: readonly [number, number, boolean, number][]): unknown[][] {
    const calls: unknown[][] = [];
    const assembler = new MessageAssembler({
      beginMessage: (...header) => void calls.push(header),
      messageData: () => {},
      endMessage: () => void calls.push(['end']),
    }, { messageBytes: 1000, fragments: 3 });
    for (const header of frames) {
      assembler.beginFrame(...header);
      assembler.endFrame();
    }
    return calls;
  }

  test('a length, where one frame is all of the message', () => {
    expect(told([TEXT, RSV1, true, 5])).toEqual([[TEXT, RSV1, 5], ['end']]);
    expect(told([BINARY, 0, true, 0])).toEqual([[BINARY, 0, 0], ['end']]);
    expect(told([BINARY, RSV1, false, 5], [CONTINUATION, 0, true, 2]))
      .toEqual([[BINARY, RSV1, UNKNOWN], ['end']]);
  });
});

const tooBig = (most: number): [number, string] => (
  [1009, `a message is over webSocketMessageBytes, ${most} octets (RFC 6455 §10.4)`]
);

describe('§10.4 webSocketMessageBytes', () => {
  test.each([1, 125, 300, 70_000])('of %d: one frame of that many, and of one more', (most) => {
    const bounds = { messageBytes: most };
    const receiver = new Receiver('whole', bounds);
    receiver.receive(join(text('x'.repeat(most)), text('y'.repeat(most))));
    expect(receiver.events.map(([, message]) => (message as string).length)).toEqual([most, most]);
    const octets = text('x'.repeat(most + 1));
    // Decided by the header: no payload is needed.
    const header = octets.subarray(0, octets.length - most - 1);
    expect(refused(header, 'whole', bounds)).toEqual(tooBig(most));
    expect(refused(octets.subarray(0, header.length + 9), 'pieces', bounds)).toEqual(tooBig(most));
  });

  test('each frame of a fragmented message costs 128 octets more', () => {
    const bounds = { messageBytes: 3 * 128 + 6 };
    const two = [binary('ab', false), continuation('cd', false)];
    expect(received(join(...two, continuation('ef')), 'whole', bounds).refused).toBeUndefined();
    expect(refused(join(...two, continuation('efg')), 'whole', bounds)).toEqual(tooBig(390));
    expect(refused(join(...two, continuation('ef', false), continuation('')), 'whole', bounds))
      .toEqual(tooBig(390));
    expect(refused(binary('', false), 'whole', { messageBytes: 127 })).toEqual(tooBig(127));
    expect(received(binary('', false), 'whole', { messageBytes: 128 }).refused).toBeUndefined();
  });

  test('lengths that no memory holds are summed', () => {
    const begun = frame(BINARY, 'ab', { final: false });
    const rest = frame(CONTINUATION, '', { length: 2n ** 53n - 1n });
    expect(refused(join(begun, rest), 'whole', { messageBytes: 1 << 20 })).toEqual(tooBig(1 << 20));
  });
});

describe('§10.4 webSocketFragments', () => {
  const message = (frames: number): Uint8Array => join(
    text('a', false),
    ...Array.from({ length: frames - 1 }, (_, i) => continuation('b', i === frames - 2)),
  );

  test.each([2, 3, 1024])('%d, and one more', (fragments) => {
    const run = fragments > 10 ? once : received;
    expect(run(message(fragments), 'whole', { fragments }).events)
      .toEqual([['text', `a${'b'.repeat(fragments - 1)}`]]);
    expect(run(message(fragments + 1), 'whole', { fragments }).refused).toEqual(
      [1008, `a message is in more than webSocketFragments, ${fragments} frames (RFC 6455 §10.4)`],
    );
  });

  test('each message begins anew', () => {
    const octets = join(message(2), message(2), text('c'), message(2));
    expect(received(octets, 'whole', { fragments: 2 }).events.map(([, one]) => one))
      .toEqual(['ab', 'ab', 'c', 'ab']);
  });

  const once: typeof received = (octets, kind, bounds) => {
    const receiver = new Receiver(kind, bounds);
    receiver.receive(octets);
    return receiver.outcome();
  };
});
