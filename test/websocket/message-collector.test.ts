/** Whole messages: their own octets, memory that follows what came, and text that is text. */
import { describe, expect, test } from 'vitest';
import { BINARY, TEXT } from '../../src/websocket/frame.ts';
import { UNKNOWN } from '../../src/websocket/message-assembler.ts';
import { MessageCollector } from '../../src/websocket/message-collector.ts';
import { Random } from '../support/random.ts';
import {
  Receiver, binary, continuation, join, octetsOf, received, refused, text,
} from '../support/websocket.ts';

function collector(most = Infinity): { collector: MessageCollector; got: (string | Uint8Array)[] } {
  const got: (string | Uint8Array)[] = [];
  const sink = {
    receiveText: (message: string) => void got.push(message),
    receiveBinary: (octets: Uint8Array) => void got.push(octets),
  };
  return { collector: new MessageCollector(sink, most), got };
}

describe('messages', () => {
  test.each([0, 1, 125, 126, 127, 511, 512, 65_535, 65_536, 3_000_000])('%d octets', (length) => {
    const random = new Random(length);
    const octets = random.bytes(length);
    const long = 'é'.repeat(Math.floor(length / 2)) + (length % 2 === 0 ? '' : 'a');
    const cut = random.int(length + 1);
    for (const [opcode, payload] of [[BINARY, octets], [TEXT, octetsOf(long)]] as const) {
      for (const parts of [[0, length], [0, cut, length], [0, 0, 1, length]]) {
        for (const announced of [length, UNKNOWN]) {
          const { collector: one, got } = collector();
          one.beginMessage(opcode, 0, announced);
          parts.slice(1).forEach((part, i) => {
            const end = Math.min(part, length);
            const start = Math.min(parts[i] as number, length);
            const lent = Buffer.concat([Buffer.from('xyz'), payload.subarray(start, end)]);
            if (end > start) one.messageData(lent, 3, 3 + end - start);
            lent.fill(0xee);
          });
          one.endMessage();
          const [message] = got;
          if (opcode === TEXT) expect(message === long).toBe(true);
          else expect(Buffer.compare(message as Uint8Array, octets)).toBe(0);
          expect(one.heldBytes).toBe(0);
        }
      }
    }
  });

  test('octets are the taker\'s own', () => {
    const { collector: one, got } = collector();
    for (const word of ['abc', 'def']) {
      one.beginMessage(BINARY, 0, 3);
      one.messageData(Buffer.from(word), 0, 3);
      one.endMessage();
    }
    expect(got.map((octets) => Buffer.from(octets as Uint8Array).toString()))
      .toEqual(['abc', 'def']);
    expect(got[0]).toBeInstanceOf(Uint8Array);
    expect((got[0] as Uint8Array).buffer.byteLength).toBe(3);
  });
});

test('a message that was left off leaves nothing behind', () => {
  const { collector: one, got } = collector();
  one.beginMessage(TEXT, 0, UNKNOWN);
  one.messageData(Uint8Array.of(0x61, 0xe2), 0, 2);
  for (const octets of [UNKNOWN, 2]) {
    one.beginMessage(TEXT, 0, octets);
    one.messageData(Buffer.from('b'), 0, 1);
    one.messageData(Buffer.from('c'), 0, 1);
    one.endMessage();
  }
  one.beginMessage(TEXT, 0, 2);
  one.messageData(Buffer.from('de'), 0, 2);
  one.beginMessage(TEXT, 0, 0);
  one.endMessage();
  expect(got).toEqual(['bc', 'bc', '']);
});

describe('heldBytes', () => {
  test('is at most 16 times what came, whatever was announced', () => {
    const { collector: one, got } = collector();
    one.beginMessage(BINARY, 0, 1 << 20);
    expect(one.heldBytes).toBe(0);
    let came = 0;
    for (const size of [1, 1, 14, 1, 500, 70_000, (1 << 20) - 70_517]) {
      one.messageData(new Uint8Array(size).fill(7), 0, size);
      came += size;
      expect(one.heldBytes).toBeGreaterThanOrEqual(came);
      expect(one.heldBytes).toBeLessThanOrEqual(came * 16);
    }
    expect(one.heldBytes).toBe(1 << 20);
    one.endMessage();
    expect((got[0] as Uint8Array).every((octet) => octet === 7)).toBe(true);
  });

  test('is at most twice what came, where nothing was announced', () => {
    const { collector: one } = collector(3000);
    one.beginMessage(TEXT, 0, UNKNOWN);
    for (let came = 1; came <= 3000; came++) {
      one.messageData(Buffer.from('x'), 0, 1);
      expect(one.heldBytes).toBeLessThanOrEqual(Math.min(came * 2, 3000));
    }
    one.clear();
    expect(one.heldBytes).toBe(0);
  });
});

describe('§8.1 text', () => {
  const notText = [1007, 'a text message is not UTF-8 (RFC 6455 §8.1)'];
  const cut = octetsOf('€');

  test('a code point cut by fragments', () => {
    const frames = [text(cut.subarray(0, 1), false), continuation(cut.subarray(1, 2), false),
      continuation(cut.subarray(2))];
    expect(received(join(...frames)).events).toEqual([['text', '€']]);
  });

  test.each([
    ['one frame', [text(Uint8Array.of(0x61, 0xff))]],
    ['a cut code point at the end', [text(cut.subarray(0, 2))]],
    ['one at the end of the last fragment', [text('a', false), continuation(cut.subarray(0, 2))]],
    ['the second fragment', [text('a', false), continuation(Uint8Array.of(0x80))]],
    ['a surrogate in two',
      [text(Uint8Array.of(0xed), false), continuation(Uint8Array.of(0xa0, 0x80))]],
    ['600 octets', [text(join('x'.repeat(599), Uint8Array.of(0xc0)))]],
  ])('%s', (_, frames) => {
    expect(refused(join(...frames))).toEqual(notText);
    expect(refused(join(...frames), 'pieces')).toEqual(notText);
  });

  test('is refused before the message ends, and before its frame does', () => {
    const receiver = new Receiver();
    receiver.receive(text('abc', false));
    receiver.receive(continuation(join('d', Uint8Array.of(0xf4, 0x90), 'e'), false).subarray(0, 9));
    expect(receiver.refused).toEqual(notText);
  });

  test('binary is not looked at', () => {
    expect(received(binary(Uint8Array.of(0xff))).events)
      .toEqual([['binary', Buffer.from([0xff])]]);
  });
});

describe('§10.4 its own cap', () => {
  const tooBig = 'a message is over webSocketMessageBytes, 10 octets (RFC 6455 §10.4)';

  test('10 octets, and 11, known before or not', () => {
    for (const announced of [10, UNKNOWN]) {
      const { collector: one, got } = collector(10);
      one.beginMessage(TEXT, 0, announced);
      one.messageData(Buffer.from('0123456789'), 0, 4);
      one.messageData(Buffer.from('0123456789'), 4, 10);
      one.endMessage();
      expect(got).toEqual(['0123456789']);
    }
    expect(() => collector(10).collector.beginMessage(TEXT, 0, 11)).toThrow(tooBig);
    const { collector: one } = collector(10);
    one.beginMessage(BINARY, 0, UNKNOWN);
    one.messageData(new Uint8Array(10), 0, 10);
    expect(() => one.messageData(new Uint8Array(1), 0, 1)).toThrow(tooBig);
  });
});
