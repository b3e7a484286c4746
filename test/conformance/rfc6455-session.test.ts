/** RFC 6455 §5.1 to §5.4, §6, §8 and §10: messages of a session, the same over each wire. */
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/websocket/prepared-message.ts';
import {
  binary, continuation, frame, join, ping, pong, text,
} from '../support/websocket.ts';
import {
  WIRES, openWire, wireVerdict, type Wire, type WireName, type WireOptions,
} from '../support/websocket-session.ts';

/** A session that writes its messages down. */
async function listening(
  name: WireName, options: WireOptions = {},
): Promise<{ wire: Wire; messages: Message[] }> {
  const messages: Message[] = [];
  const wire = await openWire(name, {
    serve: (session) => session.onMessage((message) => messages.push(message)), ...options,
  });
  return { wire, messages };
}

describe.each(WIRES)('§5.1 Masking, %s', (name) => {
  test.each([
    ['text', 1], ['binary', 2], ['close', 8], ['ping', 9], ['pong', 10],
  ])('a %s frame that is not masked closes with 1002 (RFC 6455 §5.1)', async (_, opcode) => {
    const outcome = await wireVerdict(name, join(text('a'), frame(opcode, '', { key: null })));
    expect(outcome).toEqual({
      came: ['close 1002 a frame is not masked (RFC 6455 §5.1)'], messages: ['a'],
      refused: [1002], state: 'ended',
      closure: { code: 1002, reason: 'a frame is not masked (RFC 6455 §5.1)', clean: false },
    });
  });

  test.each([0, 0x01020304, 0xffffffff])('any key, 0x%x, gives the same', async (key) => {
    const { messages } = await wireVerdict(name, frame(1, 'masked with what', { key }));
    expect(messages).toEqual(['masked with what']);
  });

  // FrameReader throws on a frame that is masked.
  test.each([0, 1, 125, 126, 65_535, 65_536, 100_000])(
    'what the server sends is not masked: %i octets', async (length) => {
      const wire = await openWire(name, {
        serve: (session) => session.send('x'.repeat(length)),
      });
      await wire.settled();
      expect(wire.all.map(({ payload }) => payload.toString())).toEqual(['x'.repeat(length)]);
    });
});

describe.each(WIRES)('§5.4 Fragmentation, %s', (name) => {
  test.each<[string, Uint8Array, Message[]]>([
    ['the example of three fragments', join(
      text('one ', false), continuation('two ', false), continuation('three'),
    ), ['one two three']],
    ['empty fragments', join(text('', false), continuation('', false), continuation('')), ['']],
    ['empty at both ends', join(
      text('', false), continuation('a'), text('b', false), continuation(''),
    ), ['a', 'b']],
    ['binary', join(binary('a', false), continuation('b')), [Buffer.from('ab')]],
    ['one after the other, of both kinds', join(
      text('a', false), continuation('b'), binary('c', false), continuation('d'), text('e'),
    ), ['ab', Buffer.from('cd'), 'e']],
  ])('%s', async (_, octets, messages) => {
    const outcome = await wireVerdict(name, octets);
    expect(outcome.came).toEqual([]);
    expect(outcome.messages.map((one) => (typeof one === 'string' ? one : Buffer.from(one))))
      .toEqual(messages);
  });

  test('control frames in between are answered at once, and part nothing', async () => {
    const { wire, messages } = await listening(name);
    expect(await wire.send(text('he', false))).toEqual([]);
    expect(await wire.send(ping('1'))).toEqual(['pong 1']);
    expect(await wire.send(continuation('l', false), ping('2'), pong('x'))).toEqual(['pong 2']);
    expect(messages).toEqual([]);
    expect(await wire.send(ping('3'), continuation('lo'), ping('4'))).toEqual(['pong 3', 'pong 4']);
    expect(messages).toEqual(['hello']);
  });

  test.each<[string, Uint8Array]>([
    ['a continuation of nothing', continuation('a')],
    ['a last continuation of nothing', continuation('a', false)],
    ['a continuation behind a whole message', join(text('a'), continuation('b'))],
    ['a continuation behind the last fragment', join(
      text('a', false), continuation('b'), continuation('c'),
    )],
    ['text within text', join(text('a', false), text('b'))],
    ['binary within text', join(text('a', false), binary('b'))],
    ['text within binary, behind a ping', join(binary('a', false), ping(), text('b', false))],
  ])('%s closes with 1002 (RFC 6455 §5.4)', async (_, octets) => {
    const outcome = await wireVerdict(name, octets);
    expect(outcome.came.at(-1)).toMatch(/^close 1002 .*\(RFC 6455 §5.4\)$/);
    expect(outcome).toMatchObject({ refused: [1002], closure: { code: 1002, clean: false } });
  });
});

describe.each(WIRES)('§6.1 Sending Data, %s', (name) => {
  test('a message is one frame, text or binary; order is kept', async () => {
    const wire = await openWire(name);
    const { session } = wire;
    void session.send('text');
    void session.send(Buffer.from('octets'));
    void session.send('');
    void session.send(new Uint8Array(0));
    expect(session.trySend('more')).toBe(true);
    expect(await wire.settled()).toEqual(['text text', 'binary octets', 'text', 'binary',
      'text more']);
  });

  test('text goes out as UTF-8; half a surrogate pair as U+FFFD (§8.1)', async () => {
    const wire = await openWire(name);
    void wire.session.send('€ 😀 \ud83d!');
    expect(await wire.settled()).toEqual(['text € 😀 \ufffd!']);
  });

  test('nothing may be sent before it is open or after it is closing', async () => {
    const wire = await openWire(name);
    void wire.session.close();
    expect(wire.session.isOpen).toBe(false);
    expect(wire.session.trySend('late')).toBe(false);
    await expect(wire.session.send('late')).rejects.toThrow('closed');
    expect(await wire.settled()).toEqual(['close 1000']);
  });
});

describe.each(WIRES)('§6.2 Receiving Data, %s', (name) => {
  test('messages of one read come in order, kinds kept', async () => {
    const { wire, messages } = await listening(name);
    await wire.send(text('a'), binary('b'), text(''), binary(''), text('c'));
    expect(messages.map((one) => (typeof one === 'string' ? one : [...one])))
      .toEqual(['a', [98], '', [], 'c']);
  });

  test('octets are the program\'s own: what comes later does not change them', async () => {
    const { wire, messages } = await listening(name);
    await wire.send(binary('first'));
    await wire.send(binary('other'), text('x'.repeat(2000)));
    expect(Buffer.from(messages[0] as Uint8Array).toString()).toBe('first');
  });
});

describe.each(WIRES)('§8.1 Errors in UTF-8, %s', (name) => {
  const BAD = Buffer.from([0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xed, 0xa0, 0x80]);
  test('text that is none closes with 1007 (RFC 6455 §8.1)', async () => {
    const outcome = await wireVerdict(name, text(BAD));
    expect(outcome.came).toEqual(['close 1007 a text message is not UTF-8 (RFC 6455 §8.1)']);
    expect(outcome).toMatchObject({ messages: [], refused: [1007], closure: { code: 1007 } });
  });

  test('a message that ends within a code point', async () => {
    expect(await wireVerdict(name, text(Buffer.from('€').subarray(0, 2))))
      .toMatchObject({ refused: [1007] });
  });

  test('a code point may be cut by the end of a fragment', async () => {
    const euro = Buffer.from('€');
    const octets = join(text(euro.subarray(0, 1), false), ping(),
      continuation(euro.subarray(1, 2), false), continuation(euro.subarray(2)));
    expect(await wireVerdict(name, octets)).toMatchObject({ came: ['pong'], messages: ['€'] });
  });

  test.each([['whole messages', false], ['messages in pieces', true]])(
    'fails at the first octet that shows it, in whichever fragment: %s', async (_, pieces) => {
      const wire = await openWire(name, pieces ? { serve: (one) => one.streams() } : {});
      // The frame and the message go on behind it, and never come.
      const begun = frame(0, 'z'.repeat(100), { final: false, key: 0 });
      expect(await wire.send(text('a', false), begun.subarray(0, 50))).toEqual([]);
      expect(await wire.send(Buffer.from([0xff]))).toEqual([
        'close 1007 a text message is not UTF-8 (RFC 6455 §8.1)',
      ]);
      expect(wire.state).toBe('ended');
    });

  test('a surrogate, an overlong form, and what is over U+10FFFF show by their second octet',
    async () => {
      for (const bad of [[0xed, 0xa0], [0xe0, 0x80], [0xf4, 0x90], [0xf0, 0x80], [0xc0]]) {
        const wire = await openWire(name);
        const begun = frame(1, Buffer.from([...bad, 0x80, 0x80, 0x80]), { key: 0 });
        const header = begun.length - bad.length - 3;
        expect(await wire.send(begun.subarray(0, header + bad.length))).toEqual([
          'close 1007 a text message is not UTF-8 (RFC 6455 §8.1)',
        ]);
      }
    });

  test('octets that are no text are fine in a binary message', async () => {
    const { messages } = await wireVerdict(name, binary(BAD));
    expect(messages.map((one) => Buffer.from(one as Uint8Array))).toEqual([BAD]);
  });
});

describe.each(WIRES)('§10.4 Implementation-Specific Limits, %s', (name) => {
  const limits = { webSocketMessageBytes: 1000, webSocketFragments: 4 };

  test.each([[1000, []], [1001, [1009]]])('a message of %i of 1000', async (length, codes) => {
    const { wire, messages } = await listening(name, { limits });
    await wire.send(text('x'.repeat(length)));
    expect(wire.refused.map(({ code }) => code)).toEqual(codes);
    expect(messages).toEqual(codes.length > 0 ? [] : ['x'.repeat(length)]);
  });

  test('1009 by the header alone, before any of the payload', async () => {
    const { wire } = await listening(name, { limits });
    const whole = text('x'.repeat(1001));
    expect(await wire.send(whole.subarray(0, 3))).toEqual([]);
    expect(await wire.send(whole.subarray(3, 4))).toEqual([
      'close 1009 a frame is over webSocketMessageBytes, 1000 octets (RFC 6455 §10.4)',
    ]);
    expect(wire.charged).toBe(0);
  });

  test.each([[744, []], [745, [1009]]])(
    'two fragments cost 128 octets each: %i octets of 1000', async (length, codes) => {
      const { wire } = await listening(name, { limits });
      await wire.send(text('x'.repeat(length - 1), false));
      expect(wire.refused).toEqual([]);
      await wire.send(continuation('x').subarray(0, 6));
      expect(wire.refused.map(({ code }) => code)).toEqual(codes);
    });

  test.each([[4, []], [5, [1008]]])('%i fragments of 4', async (fragments, codes) => {
    const { wire, messages } = await listening(name, { limits });
    const more = Array.from({ length: fragments - 2 }, () => continuation('', false));
    const came = await wire.send(text('', false), ...more, continuation(''));
    expect(wire.refused.map(({ code }) => code)).toEqual(codes);
    expect(messages).toEqual(codes.length > 0 ? [] : ['']);
    if (codes.length > 0) {
      expect(came).toEqual([
        'close 1008 a message is in more than webSocketFragments, 4 frames (RFC 6455 §10.4)',
      ]);
    }
  });

  test('the next message begins anew; control frames count for nothing', async () => {
    const { wire, messages } = await listening(name, { limits });
    const one = join(text('a', false), ping(), continuation('', false), ping(),
      continuation('', false), ping(), continuation('b'));
    await wire.send(one, one, text('x'.repeat(1000)), one);
    expect(messages).toEqual(['ab', 'ab', 'x'.repeat(1000), 'ab']);
  });

  test('messages in pieces have the same limits', async () => {
    const wire = await openWire(name, { limits, serve: (session) => session.streams() });
    await wire.send(text('x'.repeat(1000)));
    expect(wire.refused).toEqual([]);
    await wire.send(text('x'.repeat(1001)));
    expect(wire.refused.map(({ code }) => code)).toEqual([1009]);
  });
});
