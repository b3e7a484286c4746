/** Messages into frames: each length form, each role, and what is sent by reference. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { Slab } from '../../src/bytes/slab.ts';
import {
  BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT,
} from '../../src/websocket/frame.ts';
import { FrameWriter, preparedFrame, writeFrameHeader } from '../../src/websocket/frame-writer.ts';
import { Random, freshSeed, seeded } from '../support/random.ts';
import { Receiver, frame, hexOctets, join, octetsOf } from '../support/websocket.ts';

const KEY = 0x37fa213d;
const SIZES = [0, 1, 125, 126, 127, 4096, 4097, 65_535, 65_536, 3_000_000];

function writer(key?: number): {
  writer: FrameWriter; writes: (string | Uint8Array)[]; sent: () => Uint8Array;
} {
  const writes: (string | Uint8Array)[] = [];
  const out = { write: (octets: string | Uint8Array) => writes.push(octets) < 3 };
  const sent = (): Uint8Array => join(...writes.map((one) => (
    typeof one === 'string' ? Buffer.from(one, 'latin1') : one
  )));
  return { writer: new FrameWriter(out, key === undefined ? undefined : () => key), writes, sent };
}

function same(octets: Uint8Array, wanted: Uint8Array): void {
  expect(octets.length).toBe(wanted.length);
  expect(Buffer.compare(octets, wanted)).toBe(0);
}

describe.each([['a server', undefined], ['a client', KEY]])('§5.2 frames of %s', (_, key) => {
  const options = { key: key ?? null };

  test.each(SIZES)('binary of %d octets', (length) => {
    const payload = new Random(length).bytes(length);
    const before = payload.slice();
    const { writer: one, sent } = writer(key);
    one.binary(payload);
    same(payload, before);
    same(sent(), frame(BINARY, before, options));
  });

  test.each(SIZES)('text of about %d octets, each of its kinds', (length) => {
    for (const unit of ['a', 'é', '€', '\u{1f600}']) {
      const message = unit.repeat(Math.floor(length / Buffer.byteLength(unit)));
      const { writer: one, sent } = writer(key);
      one.text(message);
      same(sent(), frame(TEXT, message, options));
    }
  });

  test('text that is cut from a longer one, and half a surrogate pair', () => {
    const { writer: one, sent } = writer(key);
    one.text('€uropean'.slice(1));
    one.text('a\ud83d');
    one.text(`${'a'.repeat(5000)}\ude00`);
    same(sent(), join(
      frame(TEXT, 'uropean', options), frame(TEXT, 'a\ufffd', options),
      frame(TEXT, `${'a'.repeat(5000)}\ufffd`, options),
    ));
  });

  test('fragments (§5.4), with a bit of an extension', () => {
    const { writer: one, sent } = writer(key);
    one.fragment(TEXT, false, 'é', RSV1);
    one.fragment(CONTINUATION, false, Uint8Array.of(0x61));
    one.fragment(CONTINUATION, true, '');
    same(sent(), join(
      frame(TEXT, 'é', { ...options, final: false, reserved: RSV1 }),
      frame(CONTINUATION, 'a', { ...options, final: false }), frame(CONTINUATION, '', options),
    ));
  });

  test.each([CLOSE, PING, PONG])('control frame %d: 0 to 125 octets, not 126 (§5.5)', (opcode) => {
    const { writer: one, sent } = writer(key);
    one.control(opcode, new Uint8Array(0));
    one.control(opcode, Buffer.alloc(125, 'x'));
    same(sent(), join(frame(opcode, '', options), frame(opcode, 'x'.repeat(125), options)));
    expect(() => one.control(opcode, new Uint8Array(126)))
      .toThrow('a control frame carries 125 octets, not 126 (RFC 6455 §5.5)');
  });

  test('what a writer wrote, a parser of the other role reads', () => {
    const { writer: one, sent } = writer(key);
    one.text('é'.repeat(3000));
    one.control(PING, octetsOf('p'));
    one.binary(new Uint8Array(70_000));
    const receiver = new Receiver('whole', { masked: key !== undefined });
    receiver.receive(sent());
    expect(receiver.refused).toBeUndefined();
    expect(receiver.events.map(([kind]) => kind)).toEqual(['text', 'ping', 'binary']);
  });
});

/** Writes a message in random fragments with pings between; says what should be received. */
function converse(one: FrameWriter, random: Random, events: unknown[]): void {
  const isText = random.chance(0.5);
  const points = Array.from({ length: random.int(random.chance(0.1) ? 6000 : 40) }, () => (
    random.pick(['a', 'é', '€', '\u{1f600}'])
  ));
  const octets = octetsOf(points.join(''));
  for (let at = 0, first = true, final = false; !final; first = false) {
    final = random.chance(0.4);
    const end = final ? octets.length : random.between(at, octets.length);
    const opcode = first ? (isText ? TEXT : BINARY) : CONTINUATION;
    one.fragment(opcode, final, octets.slice(at, end));
    at = end;
    if (!final && random.chance(0.2)) {
      one.control(PING, octetsOf(String(at)));
      events.push(['ping', String(at)]);
    }
  }
  events.push(isText ? ['text', points.join('')] : ['binary', octets]);
}

describe('what is written in random fragments is read at random cuts', () => {
  test.each([['the fixed seed', 6455], ['a fresh seed', freshSeed()]])('%s', (_, seed) => {
    seeded(seed, () => {
      for (let index = 0; index < 150; index++) {
        const random = Random.case(seed, index);
        const key = random.chance(0.5) ? random.next() : undefined;
        const { writer: one, sent } = writer(key);
        const events: unknown[] = [];
        for (let left = random.between(1, 6); left > 0; left--) converse(one, random, events);
        const octets = sent();
        const kind = random.pick(['whole', 'pieces'] as const);
        const receiver = new Receiver(kind, { masked: key !== undefined });
        for (let at = 0; at < octets.length;) {
          const end = at + random.between(1, random.chance(0.5) ? 7 : 4000);
          receiver.receive(octets.subarray(at, end));
          at = end;
        }
        expect(receiver.outcome()).toEqual({ events, refused: undefined, within: false });
      }
    });
  });
});

describe('writes', () => {
  test('a short frame is one, a long payload goes by reference', () => {
    const { writer: one, writes } = writer();
    one.text('é'.repeat(2048));
    one.binary(new Uint8Array(4096));
    expect(writes.map((write) => [typeof write, write.length]))
      .toEqual([['string', 4100], ['string', 4100]]);
    const long = new Uint8Array(4097);
    one.binary(long);
    expect(writes[3]).toBe(long);
    one.text('a'.repeat(4097));
    expect(writes.slice(2).map((write) => [typeof write, write.length]))
      .toEqual([['string', 4], ['object', 4097], ['string', 4], ['object', 4097]]);
  });

  test('a masked frame is one at each size', () => {
    const { writer: one, writes } = writer(KEY);
    for (const length of [0, 4096, 4097, 70_000]) one.binary(new Uint8Array(length));
    expect(writes.map((write) => typeof write)).toEqual(['string', 'string', 'object', 'object']);
  });

  test('what write says is handed back', () => {
    const { writer: one } = writer();
    expect([one.text('a'), one.binary(new Uint8Array(1)), one.control(PING, new Uint8Array(0))])
      .toEqual([true, true, false]);
    expect(writer(KEY).writer.text('a')).toBe(true);
  });

  test('each masked frame takes a key of its own (§5.3)', () => {
    const writes: (string | Uint8Array)[] = [];
    let key = 0;
    const one = new FrameWriter({ write: (octets) => writes.push(octets) > 0 }, () => ++key);
    one.text('a');
    one.control(PING, new Uint8Array(0));
    one.binary(new Uint8Array(5000));
    expect(key).toBe(3);
    expect(join(...writes.map((write) => Buffer.from(write as string, 'latin1')).slice(0, 2)))
      .toEqual(join(frame(TEXT, 'a', { key: 1 }), frame(PING, '', { key: 2 })));
  });
});

describe('a prepared frame', () => {
  test.each(SIZES)('of %d octets is one write, sent again and again', (length) => {
    const octets = new Random(length).bytes(length);
    const message = 'é'.repeat(Math.floor(length / 2)) + 'a'.repeat(length % 2);
    for (const [opcode, given] of [[BINARY, octets], [TEXT, message]] as const) {
      const prepared = preparedFrame(given);
      const { writer: one, writes, sent } = writer();
      one.prepared(prepared);
      one.prepared(prepared);
      expect(writes).toHaveLength(2);
      const wanted = frame(opcode, given, { key: null });
      same(sent(), join(wanted, wanted));
    }
  });

  test('is a copy', () => {
    for (const length of [10, 5000]) {
      const octets = new Uint8Array(length);
      const prepared = preparedFrame(octets);
      octets.fill(1);
      const { writer: one, sent } = writer();
      one.prepared(prepared);
      same(sent(), frame(BINARY, new Uint8Array(length), { key: null }));
    }
  });

  test('is not for a client (§5.1)', () => {
    expect(() => writer(KEY).writer.prepared(preparedFrame('a'))).toThrow(TypeError);
  });
});

describe('writeFrameHeader', () => {
  test.each([
    [0, '8200'], [125, '827d'], [126, '827e007e'], [65_535, '827effff'],
    [65_536, '827f0000000000010000'], [2 ** 32 + 1, '827f0000000100000001'],
    [Number.MAX_SAFE_INTEGER, '827f001fffffffffffff'],
  ])('of %d octets', (length, hex) => {
    const slab = new Slab();
    writeFrameHeader(slab, 0x82, length);
    same(slab.take(), hexOctets(hex));
    writeFrameHeader(slab, 0x82, length, 0x01020304);
    const masked = slab.take();
    expect(masked[1]).toBe((hexOctets(hex)[1] as number) | 0x80);
    same(masked.subarray(-4), hexOctets('01020304'));
  });
});
