/**
 * RFC 6455 §5, §7.1.5 to §7.4 and §8.1, in their order: what a server must make of a client's
 * frames, and of its own. Every vector runs whole, octet by octet, and at each split.
 */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { closePayload } from '../../src/websocket/close-payload.ts';
import {
  BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, RSV2, RSV3, TEXT,
} from '../../src/websocket/frame.ts';
import { FrameWriter } from '../../src/websocket/frame-writer.ts';
import { maskingKeys } from '../../src/websocket/mask.ts';
import {
  Receiver, binary, close, continuation, frame, hexOctets, join, masked, octetsOf, ping, pong,
  received, text, type Bounds,
} from '../support/websocket.ts';

/** Insists on a close code, in words that name a section or a limit; in both forms of receiving. */
function fails(octets: Uint8Array, code: number, bounds?: Bounds): void {
  for (const kind of ['whole', 'pieces'] as const) {
    const { events, refused } = received(join(octets, text('never')), kind, bounds);
    expect(refused?.[0]).toBe(code);
    expect(refused?.[1]).toMatch(/\(RFC (6455|7692) §[\d.]+\)$/);
    expect(events).not.toContainEqual(['text', 'never']);
  }
}

function gives(octets: Uint8Array, events: readonly unknown[], bounds?: Bounds): void {
  for (const kind of ['whole', 'pieces'] as const) {
    expect(received(octets, kind, bounds)).toEqual({ events, refused: undefined, within: false });
  }
}

/** What a server's writer writes, or a client's. */
function written(write: (writer: FrameWriter) => void, nextKey?: () => number): Uint8Array {
  const parts: Uint8Array[] = [];
  write(new FrameWriter({
    write: (octets) => parts.push(Buffer.from(octets as string, 'latin1')) > 0,
  }, nextKey));
  return join(...parts);
}

const DATA = [TEXT, BINARY];
const CONTROL = [CLOSE, PING, PONG];
const unmasked = { masked: false };

describe('§5.1 Overview', () => {
  test.each([...DATA, ...CONTROL])(
    'a client masks all frames: opcode %d without fails (RFC 6455 §5.1)', (opcode) => {
      fails(frame(opcode, '', { key: null }), 1002);
      fails(frame(opcode, Uint8Array.of(3, 232), { key: null }), 1002);
    },
  );

  test.each([...DATA, ...CONTROL])(
    'a server masks none: opcode %d with a mask fails (RFC 6455 §5.1)', (opcode) => {
      fails(frame(opcode), 1002, unmasked);
      fails(frame(opcode, '', { key: 0 }), 1002, unmasked);
    },
  );

  test('a server\'s frames have no mask, a client\'s do', () => {
    const all = (writer: FrameWriter): void => {
      writer.text('a');
      writer.control(PING, octetsOf('p'));
      writer.control(CLOSE, closePayload(1000));
    };
    gives(written(all), [['text', 'a'], ['ping', 'p'], ['close', 1000, '']], unmasked);
    gives(written(all, () => 0x01020304), [['text', 'a'], ['ping', 'p'], ['close', 1000, '']]);
  });
});

describe('§5.2 Base Framing Protocol', () => {
  test.each([['RSV1', RSV1], ['RSV2', RSV2], ['RSV3', RSV3]])(
    '%s fails without an extension (RFC 6455 §5.2)', (_, reserved) => {
      for (const opcode of [...DATA, ...CONTROL]) fails(frame(opcode, '', { reserved }), 1002);
      fails(join(text('a', false), frame(CONTINUATION, 'b', { reserved })), 1002);
    },
  );

  test.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])('opcode %d fails (RFC 6455 §5.2)', (opcode) => {
    fails(frame(opcode), 1002);
    fails(frame(opcode, 'abc', { final: false }), 1002);
    fails(join(text('a', false), frame(opcode)), 1002);
  });

  test.each([[0, 2], [125, 2], [0, 8], [125, 8], [126, 8], [65_535, 8]] as const)(
    'the length %d in %d octets fails: the fewest must be used (RFC 6455 §5.2)', (length, size) => {
      fails(frame(BINARY, 'x'.repeat(Math.min(length, 200)), {
        length: BigInt(length), lengthOctets: size,
      }), 1002);
    },
  );

  test('the highest bit of a length of 64 bits must be 0 (RFC 6455 §5.2)', () => {
    fails(frame(BINARY, '', { length: 1n << 63n }), 1002);
    fails(frame(BINARY, '', { length: (1n << 64n) - 1n }), 1002);
    fails(frame(BINARY, '', { length: (1n << 63n) - 1n }), 1009);
  });

  test.each([0, 1, 125, 126, 127, 200])('a message of %d octets', (length) => {
    gives(text('x'.repeat(length)), [['text', 'x'.repeat(length)]]);
    gives(binary(Buffer.alloc(length, 0xff)), [['binary', Buffer.alloc(length, 0xff)]]);
  });

  test.each([65_535, 65_536, 4 << 20])('a message of %d octets, in reads of 64 KiB', (length) => {
    const message = 'é'.repeat(length / 2) + 'a'.repeat(length % 2);
    const octets = text(message);
    for (const kind of ['whole', 'pieces'] as const) {
      const receiver = new Receiver(kind);
      for (let at = 0; at < octets.length; at += 65_536) {
        receiver.receive(octets.subarray(at, at + 65_536));
      }
      expect(receiver.events).toHaveLength(1);
      expect(receiver.events[0]?.[1] === message).toBe(true);
    }
  });
});

describe('§5.3 Client-to-Server Masking', () => {
  test.each([0, 1, 0xff, 0x37fa213d, 0xffffffff])('the key %d', (key) => {
    const message = 'H\0llo €'.repeat(40);
    gives(frame(TEXT, message, { key }), [['text', message]]);
  });

  test('octet i is XORed with octet i mod 4 of the key', () => {
    const octets = frame(BINARY, Uint8Array.of(0, 0, 0, 0, 0), { key: 0x01020304 });
    expect([...octets.subarray(6)]).toEqual([1, 2, 3, 4, 1]);
    expect([...masked(octets.subarray(6), 0x01020304)]).toEqual([0, 0, 0, 0, 0]);
    expect(written((writer) => writer.binary(new Uint8Array(5)), () => 0x01020304)).toEqual(octets);
  });

  test('a client takes a new key for each frame, of the randomness it is given', () => {
    let octet = 0;
    const keys = maskingKeys((bytes) => bytes.forEach((_, i) => { bytes[i] = octet++; }));
    const octets = written((writer) => {
      writer.text('a');
      writer.text('a');
    }, keys);
    expect([...octets.subarray(2, 6), ...octets.subarray(9, 13)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('§5.4 Fragmentation', () => {
  test('a message in one frame, in two, and in many', () => {
    gives(text('abc'), [['text', 'abc']]);
    gives(join(text('ab', false), continuation('c')), [['text', 'abc']]);
    const many = Array.from('bcdefgh', (letter) => continuation(letter, false));
    gives(join(binary('a', false), ...many, continuation('')),
      [['binary', Buffer.from('abcdefgh')]]);
  });

  test('control frames come within, and act at once', () => {
    gives(join(text('a', false), ping('1'), continuation('b', false), pong('2'), continuation('c')),
      [['ping', '1'], ['pong', '2'], ['text', 'abc']]);
  });

  test.each([
    ['a continuation of nothing', [continuation('a')]],
    ['one that is not final', [continuation('a', false)]],
    ['one after a whole message', [binary('a'), continuation('b')]],
    ['one after a control frame', [ping(), continuation('b')]],
    ['text in a message', [text('a', false), text('b')]],
    ['binary in a message, not final', [text('a', false), binary('b', false)]],
    ['text behind a ping in a message', [binary('a', false), ping(), text('b')]],
  ])('%s fails (RFC 6455 §5.4)', (_, frames) => fails(join(...frames), 1002));
});

describe('§5.5 Control Frames', () => {
  test.each(CONTROL)('opcode %d: at most 125 octets, not fragmented (RFC 6455 §5.5)', (opcode) => {
    fails(frame(opcode, '', { length: 126n }), 1002);
    fails(frame(opcode, '', { length: 65_536n }), 1002);
    fails(frame(opcode, '', { length: 5n, lengthOctets: 2 }), 1002);
    fails(frame(opcode, '', { final: false }), 1002);
    fails(join(text('a', false), frame(opcode, 'b', { final: false })), 1002);
  });
});

describe('§5.5.1 Close', () => {
  test('without a body, with a code, with a code and a reason', () => {
    gives(close(), [['close', 1005, '']]);
    gives(close(1000), [['close', 1000, '']]);
    gives(close(1000, '€'.repeat(41)), [['close', 1000, '€'.repeat(41)]]);
  });

  test('a body of one octet fails (RFC 6455 §5.5.1)', () => {
    fails(frame(CLOSE, Uint8Array.of(3)), 1002);
  });
});

describe('§5.5.2 Ping, §5.5.3 Pong', () => {
  test.each([0, 1, 125])('%d octets of any kind', (length) => {
    const payload = Buffer.alloc(length, 0xff);
    const shown = payload.toString('latin1');
    gives(join(ping(payload), pong(payload)), [['ping', shown], ['pong', shown]]);
  });
});

describe('§5.6 Data Frames', () => {
  test('text is UTF-8, binary is what it is', () => {
    gives(text(hexOctets('ce ba e1 bd b9')), [['text', '\u03ba\u1f79']]);
    gives(binary(hexOctets('ce ff')), [['binary', Buffer.from([0xce, 0xff])]]);
  });

  test('a byte order mark is text', () => {
    gives(text('\ufeffa'), [['text', '\ufeffa']]);
  });
});

describe('§5.7 Examples', () => {
  test('a single-frame unmasked text message', () => {
    const octets = hexOctets('81 05 48 65 6c 6c 6f');
    gives(octets, [['text', 'Hello']], unmasked);
    expect(written((writer) => writer.text('Hello'))).toEqual(octets);
  });

  test('a single-frame masked text message', () => {
    const octets = hexOctets('81 85 37 fa 21 3d 7f 9f 4d 51 58');
    gives(octets, [['text', 'Hello']]);
    expect(written((writer) => writer.text('Hello'), () => 0x37fa213d)).toEqual(octets);
  });

  test('a fragmented unmasked text message', () => {
    const octets = hexOctets('01 03 48 65 6c 80 02 6c 6f');
    gives(octets, [['text', 'Hello']], unmasked);
    expect(written((writer) => {
      writer.fragment(TEXT, false, 'Hel');
      writer.fragment(CONTINUATION, true, 'lo');
    })).toEqual(octets);
  });

  test('unmasked Ping request and masked Pong response', () => {
    gives(hexOctets('89 05 48 65 6c 6c 6f'), [['ping', 'Hello']], unmasked);
    gives(hexOctets('8a 85 37 fa 21 3d 7f 9f 4d 51 58'), [['pong', 'Hello']]);
    expect(written((writer) => writer.control(PING, octetsOf('Hello'))))
      .toEqual(hexOctets('89 05 48 65 6c 6c 6f'));
  });

  test.each([
    [256, '82 7e 01 00'], [65_536, '82 7f 00 00 00 00 00 01 00 00'],
  ])('%d octets of binary in a single unmasked frame', (length, header) => {
    const octets = join(hexOctets(header), new Uint8Array(length));
    expect(Buffer.compare(written((writer) => writer.binary(new Uint8Array(length))), octets))
      .toBe(0);
    const receiver = new Receiver('whole', unmasked);
    receiver.receive(octets);
    expect(receiver.events).toEqual([['binary', Buffer.alloc(length)]]);
  });
});

describe('§5.8 Extensibility', () => {
  const agreed = { reserved: RSV1 };

  test('a bit that an extension was given passes on the first frame, and only there', () => {
    gives(join(frame(TEXT, 'a', { reserved: RSV1, final: false }), continuation('b'), text('c')),
      [['text', 'ab'], ['text', 'c']], agreed);
    fails(join(text('a', false), frame(CONTINUATION, 'b', { reserved: RSV1 })), 1002, agreed);
    for (const opcode of CONTROL) fails(frame(opcode, '', { reserved: RSV1 }), 1002, agreed);
    fails(frame(TEXT, '', { reserved: RSV1 | RSV2 }), 1002, agreed);
  });
});

describe('§7.1.5 The WebSocket Connection Close Code, §7.1.6 Close Reason', () => {
  test('1005 and no reason, where the frame tells none', () => {
    gives(close(), [['close', 1005, '']]);
  });

  test('a reason that is not UTF-8 fails (RFC 6455 §8.1)', () => {
    fails(close(1000, Uint8Array.of(0xff)), 1007);
    fails(close(1000, octetsOf('€').subarray(0, 2)), 1007);
  });
});

describe('§7.4 Status Codes', () => {
  test.each([
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
  ])('%d is received and sent', (code) => {
    gives(close(code, 'x'), [['close', code, 'x']]);
    const octets = written((writer) => writer.control(CLOSE, closePayload(code, 'x')));
    gives(octets, [['close', code, 'x']], unmasked);
  });

  test.each([
    0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
  ])('%d fails, and is never sent (RFC 6455 §7.4)', (code) => {
    fails(close(code), 1002);
    expect(() => closePayload(code)).toThrow(RangeError);
  });
});

describe('§8.1 Handling of Errors in UTF-8-Encoded Data', () => {
  test.each([
    '80', 'bf', 'c0af', 'c1bf', 'e080af', 'e09fbf', 'eda080', 'edbfbf', 'f08080af', 'f08fbfbf',
    'f4908080', 'f8888080', 'fe', 'ff', 'cebae1bdb9cf83ceb5eda080656469746564', 'ce', 'e282',
    'f09f98',
  ])('%s fails, in one frame and in many', (hex) => {
    const octets = hexOctets(hex);
    fails(text(octets), 1007);
    const parts = [...octets].map((octet) => continuation(Uint8Array.of(octet), false));
    fails(join(text('', false), ...parts, continuation('')), 1007);
  });

  test('it fails at the first octet that shows it, not at the end of the message', () => {
    const begun = text(join('a'.repeat(100), hexOctets('f0 9f'), 'b'.repeat(100)), false);
    for (const kind of ['whole', 'pieces'] as const) {
      const receiver = new Receiver(kind);
      const header = begun.length - 202;
      receiver.receive(begun.subarray(0, header + 102));
      expect(receiver.refused).toBeUndefined();
      receiver.receive(begun.subarray(header + 102, header + 103));
      expect(receiver.refused?.[0]).toBe(1007);
    }
  });

  test('code points may be cut by frames', () => {
    const octets = octetsOf('κόσμε\u{1f600}');
    const parts = [...octets].map((octet) => continuation(Uint8Array.of(octet), false));
    gives(join(text('', false), ...parts, continuation('')), [['text', 'κόσμε\u{1f600}']]);
  });
});
