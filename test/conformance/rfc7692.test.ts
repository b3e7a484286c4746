/**
 * RFC 7692 §5 to §7.2, in their order: what is agreed on, what is framed, and what the payloads
 * are, the examples octet by octet.
 */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { CloseError } from '../../src/websocket/close-error.ts';
import {
  acceptOffer, deflateOptions, judgeResponse, offerText, type DeflateOptions,
} from '../../src/websocket/deflate-parameters.ts';
import { parseExtensionList, type Extension } from '../../src/websocket/extension-list.ts';
import { BINARY, CONTINUATION, PING, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { FrameParser, type ControlSink } from '../../src/websocket/frame-parser.ts';
import { FrameWriter } from '../../src/websocket/frame-writer.ts';
import { MessageAssembler } from '../../src/websocket/message-assembler.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import {
  FLUSHED, RESET, Receiving, Sending, TAKEOVER, deflated, prose,
} from '../support/compression.ts';
import { Random } from '../support/random.ts';
import { controlRecorder, frame, hexOctets, join, octetsOf } from '../support/websocket.ts';

const OPEN = { serverNoContextTakeover: false, clientNoContextTakeover: false };

function list(text: string): Extension[] {
  return parseExtensionList(text) as Extension[];
}

/** A server's response to offers. */
function response(offers: string, options: Partial<DeflateOptions> = OPEN): string | undefined {
  return acceptOffer(list(offers), deflateOptions(options))?.response;
}

/** A client's judgement: the code it fails with, or what was agreed on. */
function judged(text: string, options: Partial<DeflateOptions> | undefined = OPEN): unknown {
  try {
    return judgeResponse(list(text), deflateOptions(options));
  } catch (error) {
    return (error as CloseError).code;
  }
}

/** Frames of a client into messages, or the code that the connection fails with. */
function received(octets: Uint8Array, context = RESET): unknown {
  const receiving = new Receiving({ ...context, budget: new ZlibBudget({ inline: true }) });
  const bounds = { masked: true, reserved: RSV1, frameBytes: 1e6, messageBytes: 1e6 };
  const control: ControlSink = controlRecorder([]);
  const assembler = new MessageAssembler(receiving.inflater, { ...bounds, fragments: 100 });
  const parser = new FrameParser(assembler, control, bounds);
  const lent = Buffer.from(octets);
  try {
    for (let at = 0; at < lent.length;) at = parser.receive(lent, at, lent.length);
  } catch (error) {
    return (error as CloseError).code;
  }
  return receiving.messages.map(([kind, payload]) => (kind === 'text' ? payload : [...payload]));
}

const compressed = (payload: Uint8Array | string, final = true): Uint8Array =>
  frame(TEXT, payload, { reserved: RSV1, final });

/** The payloads of texts as our deflater makes them. */
function payloads(context: typeof RESET, ...texts: readonly string[]): string[] {
  const sending = new Sending({ ...context, budget: new ZlibBudget({ inline: true }) });
  for (const one of texts) sending.send(one);
  return sending.sent.map(({ payload }) => Buffer.from(payload).toString('hex'));
}

/**
 * Three octets from as far back as a window of so many bits reaches: a block of fixed codes with
 * one match (RFC 1951 §3.2.5, §3.2.6), and the empty block.
 */
const FURTHEST: Readonly<Record<number, string>> = {
  15: '02deff0f00', 12: '02f6ff0100', 9: '02c63f00', 8: '02fa1f00',
};

const HELLO = hexOctets('f248cdc9c90700');

describe('§5 Extension Negotiation', () => {
  test('an offer includes the name (RFC 7692 §5)', () => {
    expect(list(offerText(deflateOptions()))[0]?.name).toBe('permessage-deflate');
  });

  test('a server accepts by the name, in the order of preference (RFC 7692 §5)', () => {
    expect(response('permessage-deflate')).toBe('permessage-deflate');
    expect(response('permessage-deflate; server_max_window_bits=9, permessage-deflate'))
      .toBe('permessage-deflate; server_max_window_bits=9');
  });

  test('a server that declines all names none (RFC 7692 §5)', () => {
    expect(response('permessage-foo; x=10, permessage-bar')).toBe(undefined);
  });

  test('one element is accepted, never two that use RSV1 (RFC 7692 §5)', () => {
    const text = response('permessage-deflate, permessage-deflate') as string;
    expect(list(text).length).toBe(1);
    expect(judged('permessage-deflate, permessage-deflate')).toBe(1010);
  });

  test('a response to no offer fails the connection (RFC 7692 §5)', () => {
    expect(judged('permessage-foo')).toBe(1010);
    expect(() => judgeResponse(list('permessage-deflate'), undefined)).toThrow(CloseError);
  });
});

describe('§5.2 Negotiation Examples', () => {
  test.each([
    ['permessage-foo', [['permessage-foo']]],
    ['permessage-foo; x=10', [['permessage-foo', 'x', '10']]],
    ['permessage-foo; x="10"', [['permessage-foo', 'x', '10']]],
    ['permessage-foo, permessage-bar', [['permessage-foo'], ['permessage-bar']]],
    ['permessage-foo; use_y, permessage-foo',
      [['permessage-foo', 'use_y', undefined], ['permessage-foo']]],
  ])('%s (RFC 7692 §5.2)', (text, wanted) => {
    expect(list(text).map(({ name, parameters }) => (
      [name, ...parameters.flatMap((one) => [one.name, one.value])]
    ))).toEqual(wanted);
  });
});

describe('§6 Framing', () => {
  test('§6.1 RSV1 is set on the first frame, the opcode stays (RFC 7692 §6.1)', () => {
    const writes: Uint8Array[] = [];
    const writer = new FrameWriter({
      write: (octets) => writes.push(Buffer.from(octets as string, 'latin1')) > 0,
    });
    writer.fragment(TEXT, false, HELLO.subarray(0, 3), RSV1);
    writer.fragment(CONTINUATION, true, HELLO.subarray(3));
    expect(Buffer.from(join(...writes)).toString('hex')).toBe('4103f248cd8004c9c90700');
  });

  test.each([
    ['a control frame', frame(PING, '', { reserved: RSV1 })],
    ['a fragment that is not the first', join(
      compressed(HELLO.subarray(0, 3), false),
      frame(CONTINUATION, HELLO.subarray(3), { reserved: RSV1 }),
    )],
    ['the same, of an uncompressed message', join(
      frame(TEXT, 'a', { final: false }), frame(CONTINUATION, 'b', { reserved: RSV1 }),
    )],
  ])('§6.1 RSV1 on %s fails the connection (RFC 7692 §6.1)', (_, octets) => {
    expect(received(octets)).toBe(1002);
  });

  test('§6.1 a payload need not be UTF-8, the message must be (RFC 7692 §6.1)', () => {
    expect(received(compressed(deflated('é')))).toEqual(['é']);
    expect(received(compressed(deflated(Uint8Array.of(0xc3))))).toBe(1007);
  });

  test('§6.2 fragments are put together first, control frames between (RFC 7692 §6.2)', () => {
    expect(received(join(
      compressed(HELLO.subarray(0, 1), false), frame(PING, 'x'),
      frame(CONTINUATION, '', { final: false }), frame(CONTINUATION, HELLO.subarray(1)),
    ))).toEqual(['Hello']);
  });

  test('§6.2 an uncompressed message is taken as it is (RFC 7692 §6.2)', () => {
    expect(received(join(frame(TEXT, 'plain'), compressed(HELLO), frame(BINARY, 'a'))))
      .toEqual(['plain', 'Hello', [0x61]]);
  });
});

describe('§7 a server declines, a client fails', () => {
  test.each([
    'x', 'server_max_window_bits=7', 'server_max_window_bits=16', 'server_max_window_bits=010',
    'client_max_window_bits=16', 'server_no_context_takeover=1',
    'server_no_context_takeover; server_no_context_takeover', 'server_max_window_bits',
  ])('%s (RFC 7692 §7)', (parameters) => {
    expect(response(`permessage-deflate; ${parameters}`)).toBe(undefined);
    expect(judged(`permessage-deflate; ${parameters}`)).toBe(1010);
  });

  test('a configuration that is not supported: windows of 256 octets to send (RFC 7692 §7)', () => {
    expect(response('permessage-deflate; server_max_window_bits=8')).toBe(undefined);
    expect(judged('permessage-deflate; client_max_window_bits=8')).toBe(1010);
  });
});

describe('§7.1 Extension Parameters', () => {
  test('server_no_context_takeover is acknowledged (RFC 7692 §7.1.1.1)', () => {
    expect(response('permessage-deflate; server_no_context_takeover'))
      .toBe('permessage-deflate; server_no_context_takeover');
    expect(judged('permessage-deflate', { ...OPEN, serverNoContextTakeover: true })).toBe(1010);
  });

  test('a client supports client_no_context_takeover (RFC 7692 §7.1.1.2)', () => {
    expect(judged('permessage-deflate; client_no_context_takeover'))
      .toEqual({ deflate: RESET, inflate: TAKEOVER });
  });

  test('server_max_window_bits: the same or smaller (RFC 7692 §7.1.2.1)', () => {
    const offer = 'permessage-deflate; server_max_window_bits=12';
    expect(response(offer)).toBe(offer);
    expect(response(offer, { ...OPEN, serverMaxWindowBits: 10 }))
      .toBe('permessage-deflate; server_max_window_bits=10');
    const asked = { ...OPEN, serverMaxWindowBits: 12 };
    expect(judged('permessage-deflate; server_max_window_bits=13', asked)).toBe(1010);
    expect(judged('permessage-deflate', asked)).toBe(1010);
  });

  test('client_max_window_bits: never where it was not offered (RFC 7692 §7.1.2.2)', () => {
    const small = { ...OPEN, clientMaxWindowBits: 10 };
    expect(response('permessage-deflate', small)).toBe(undefined);
    expect(response('permessage-deflate; client_max_window_bits', small))
      .toBe('permessage-deflate; client_max_window_bits=10');
    // In a response it has a value.
    expect(judged('permessage-deflate; client_max_window_bits')).toBe(1010);
  });

  test.each([
    ['permessage-deflate', 'permessage-deflate'],
    ['permessage-deflate; client_max_window_bits; server_max_window_bits=10',
      'permessage-deflate; server_max_window_bits=10'],
    ['permessage-deflate; client_max_window_bits; server_max_window_bits=10, ' +
      'permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_max_window_bits=10'],
    ['permessage-deflate; client_max_window_bits; server_max_window_bits=8, ' +
      'permessage-deflate; client_max_window_bits', 'permessage-deflate'],
  ])('§7.1.3 %s', (offers, wanted) => {
    expect(response(offers)).toBe(wanted);
  });
});

describe('§7.2.1 Compression', () => {
  const text = prose(new Random(1), 5000);

  test('the last four octets are removed (RFC 7692 §7.2.1)', () => {
    for (const context of [RESET, TAKEOVER]) {
      for (const payload of payloads(context, text, text, 'a'.repeat(100))) {
        expect(payload.endsWith('0000ffff')).toBe(false);
        // BFINAL and BTYPE of the empty block
        expect(Buffer.from(payload, 'hex').at(-1)).toBeLessThan(0x20);
      }
    }
  });

  test('an empty window for each message without context takeover (RFC 7692 §7.2.1)', () => {
    const [first, second] = payloads(RESET, text, text);
    expect(second).toBe(first);
    expect(payloads(TAKEOVER, text, text)[1]?.length).toBeLessThan(200);
  });

  test.each([9, 10, 11, 12, 13, 14])('no match is further than 2^%d octets back', (windowBits) => {
    // What repeats lies just outside of the window: it must not be found there.
    const random = new Random(windowBits);
    const noise = Buffer.from(random.bytes(1 << windowBits)).toString('latin1');
    for (const contextTakeover of [false, true]) {
      const context = { windowBits, contextTakeover };
      const budget = new ZlibBudget({ inline: true });
      const sending = new Sending({ ...context, budget });
      const receiving = new Receiving({ ...context, budget });
      const message = Buffer.from(`${noise}x${noise}${'z'.repeat(300)}`, 'latin1');
      sending.send(message);
      const [sent] = sending.sent;
      if (sent?.reserved === RSV1) {
        receiving.compressed(sent.payload);
        expect(receiving.octets()[0]?.equals(message)).toBe(true);
      }
      expect(sent?.payload.length).toBeGreaterThan(noise.length * 2);
    }
  });
});

describe('§7.2.2 Decompression', () => {
  test('with the window of the last compressed message (RFC 7692 §7.2.2)', () => {
    const second = hexOctets('f200110000');
    const octets = join(compressed(HELLO), compressed(second));
    expect(received(octets, TAKEOVER)).toEqual(['Hello', 'Hello']);
    expect(received(octets, RESET)).toBe(1007);
  });

  test.each([15, 12, 9, 8])('a window of 2^%d octets (RFC 7692 §7.2.2)', (windowBits) => {
    const context = { windowBits, contextTakeover: true };
    const size = 1 << windowBits;
    const first = new Random(windowBits).bytes(size);
    const furthest = frame(BINARY, hexOctets(FURTHEST[windowBits] as string), { reserved: RSV1 });
    const after = (octets: Uint8Array): unknown => received(join(
      frame(BINARY, deflated(octets), { reserved: RSV1 }), furthest,
    ), context);
    expect(after(first)).toEqual([[...first], [...first.subarray(0, 3)]]);
    expect(after(first.subarray(1))).toBe(1007);
  });
});

describe('§7.2.3 Examples', () => {
  test('§7.2.3.1 one compressed block', () => {
    expect(received(compressed(HELLO))).toEqual(['Hello']);
    expect(deflated('Hello')).toEqual(Buffer.from(HELLO));
    expect(join(deflated('Hello'), FLUSHED))
      .toEqual(Buffer.from(hexOctets('f248cdc9c907000000ffff')));
    const unmasked = frame(TEXT, HELLO, { reserved: RSV1, key: null });
    expect(Buffer.from(unmasked).toString('hex')).toBe('c107f248cdc9c90700');
  });

  test('§7.2.3.1 in two fragments', () => {
    const fragments = [compressed(HELLO.subarray(0, 3), false),
      frame(CONTINUATION, HELLO.subarray(3))];
    expect(received(join(...fragments))).toEqual(['Hello']);
  });

  test('§7.2.3.2 sharing the window, uncompressed messages between', () => {
    const second = hexOctets('f200110000');
    const between = join(frame(TEXT, 'not seen'), frame(TEXT, 'by the window'));
    expect(received(join(compressed(HELLO), between, compressed(second)), TAKEOVER))
      .toEqual(['Hello', 'not seen', 'by the window', 'Hello']);
    expect(received(join(compressed(HELLO), compressed(HELLO)), TAKEOVER))
      .toEqual(['Hello', 'Hello']);
    expect(deflated('Hello', octetsOf('Hello'))).toEqual(Buffer.from(second));
  });

  test.each([
    ['§7.2.3.3 a block with no compression', '000500faff48656c6c6f00', 'Hello'],
    ['§7.2.3.4 a block with BFINAL set', 'f348cdc9c9070000', 'Hello'],
    ['§7.2.3.5 two blocks in one message', 'f248050000 00ffff cac9c90700', 'Hello'],
    ['§7.2.3.6 an empty message', '00', ''],
  ])('%s', (_, payload, text) => {
    const octets = compressed(hexOctets(payload));
    for (const context of [RESET, TAKEOVER]) {
      expect(received(octets, context)).toEqual([text]);
      // And the window is as it should be after it.
      expect(received(join(octets, octets, compressed(HELLO)), context))
        .toEqual([text, text, 'Hello']);
    }
  });

  test('§7.2.3.4 the window goes on after a block with BFINAL set', () => {
    expect(received(join(
      compressed(hexOctets('f348cdc9c9070000')), compressed(hexOctets('f200110000')),
    ), TAKEOVER)).toEqual(['Hello', 'Hello']);
  });

  test('§7.2.3.6 an empty fragment at the end', () => {
    const flushed = join(HELLO, FLUSHED);
    expect(received(join(
      compressed(flushed, false), frame(CONTINUATION, Uint8Array.of(0)),
    ))).toEqual(['Hello']);
  });
});
