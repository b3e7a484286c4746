/** The deflater: what it compresses and what not, in which order, and what it keeps. */
import { Buffer } from 'node:buffer';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { deflateAlone } from '../../src/websocket/deflater.ts';
import { BINARY, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { FLUSHED, Receiving, Sending, TAKEOVER, prose } from '../support/compression.ts';
import { Random } from '../support/random.ts';
import { hexOctets, join, octetsOf } from '../support/websocket.ts';

const LARGE = prose(new Random(1), 100_000);
const END = hexOctets('010000ffff');

function inflated(payload: Uint8Array): string {
  return inflateRawSync(join(payload, FLUSHED, END)).toString();
}

describe('§6.1 which messages are compressed', () => {
  test('those of so many octets, not characters', () => {
    const sending = new Sending({ thresholdBytes: 1024 });
    for (const payload of ['a'.repeat(1023), 'a'.repeat(1024), 'é'.repeat(511), 'é'.repeat(512)]) {
      sending.send(payload);
      sending.send(octetsOf(payload));
    }
    expect(sending.sent.map(({ opcode, reserved }) => [opcode, reserved])).toEqual([
      [TEXT, 0], [BINARY, 0], [TEXT, RSV1], [BINARY, RSV1],
      [TEXT, 0], [BINARY, 0], [TEXT, RSV1], [BINARY, RSV1],
    ]);
    expect(inflated(sending.sent[2]?.payload as Uint8Array)).toBe('a'.repeat(1024));
    expect(inflated(sending.sent[6]?.payload as Uint8Array)).toBe('é'.repeat(512));
  });

  test.each([0, 1, 10, 5000, 100_000])('not %d octets that get no shorter', async (length) => {
    const octets = new Random(length).bytes(length);
    for (const inline of [false, true]) {
      const sending = new Sending({ ...TAKEOVER, budget: new ZlibBudget({ inline }) });
      sending.send(octets);
      await sending.idle();
      expect(sending.sent).toEqual([{ opcode: BINARY, reserved: 0, payload: Buffer.from(octets) }]);
      // The peer's window has not seen it either.
      expect(sending.deflater.heldBytes).toBe(0);
    }
  });

  test('a short one by what was sent long before it (RFC 7692 §7.2.1)', () => {
    const noise = new Random(4).bytes(16_000);
    const sending = new Sending({ ...TAKEOVER, budget: new ZlibBudget({ inline: true }) });
    sending.send(join(noise, 'z'.repeat(10_000)));
    sending.send(noise.slice(0, 200));
    expect(sending.sent[1]?.payload.length).toBeLessThan(20);
  });

  test('half a surrogate pair goes out as U+FFFD', () => {
    const sending = new Sending();
    sending.send('\ud83d'.repeat(100));
    expect(inflated(sending.sent[0]?.payload as Uint8Array)).toBe('\ufffd'.repeat(100));
  });
});

describe('order', () => {
  test('what is sent behind a large message waits for it', async () => {
    const sending = new Sending({ thresholdBytes: 10 });
    const { deflater, sent, bell } = sending;
    sending.send(LARGE);
    expect(deflater.isBusy).toBe(true);
    sending.send('short');
    sending.send('b'.repeat(1000));
    sending.send(octetsOf(LARGE));
    sending.send('last');
    deflater.proceed();
    expect(sent).toEqual([]);
    await sending.idle();
    expect(sent.map(({ opcode, reserved }) => [opcode, reserved])).toEqual([
      [TEXT, RSV1], [TEXT, 0], [TEXT, RSV1], [BINARY, RSV1], [TEXT, 0],
    ]);
    expect(inflated(sent[0]?.payload as Uint8Array) === LARGE).toBe(true);
    expect(inflated(sent[3]?.payload as Uint8Array) === LARGE).toBe(true);
    expect(bell.rung).toBe(2);
  });

  test('16 KiB at once, an octet more in the pool, inline never', async () => {
    const budget = new ZlibBudget({ inline: true });
    for (const [octets, options, busy] of [
      [16 * 1024, {}, false], [16 * 1024 + 1, {}, true], [16 * 1024 + 1, { budget }, false],
    ] as const) {
      const sending = new Sending(options);
      sending.send('a'.repeat(octets));
      expect(sending.deflater.isBusy).toBe(busy);
      await sending.idle();
      expect(inflated(sending.sent[0]?.payload as Uint8Array).length).toBe(octets);
    }
  });

  test('the bound on jobs is that of all connections', async () => {
    const budget = new ZlibBudget({ jobs: 2 });
    const all = Array.from({ length: 5 }, () => new Sending({ budget }));
    for (const sending of all) sending.send(LARGE);
    expect([budget.running, budget.waiting]).toEqual([2, 3]);
    await Promise.all(all.map((sending) => sending.idle()));
    for (const { sent } of all) expect(sent.length).toBe(1);
    expect([budget.running, budget.heldBytes]).toEqual([0, 0]);
  });
});

describe('what is held', () => {
  test('messages that wait, what is away, the window', async () => {
    const sending = new Sending({ ...TAKEOVER, windowBits: 10 });
    sending.send(LARGE);
    const away = sending.deflater.heldBytes;
    expect(away).toBeGreaterThan(Buffer.byteLength(LARGE));
    sending.send('x'.repeat(5000));
    expect(sending.deflater.heldBytes).toBe(away + 5000);
    await sending.idle();
    expect(sending.deflater.heldBytes).toBe(1024);
  });

  test('nothing after the end of the connection, and nothing is sent', async () => {
    const budget = new ZlibBudget({ jobs: 1 });
    const [running, waiting, other] = [0, 1, 2].map(() => new Sending({ budget })) as [
      Sending, Sending, Sending,
    ];
    for (const one of [running, waiting, other]) one.send(LARGE);
    running.send('waits');
    running.deflater.clear();
    waiting.deflater.clear();
    expect(budget.waiting).toBe(1);
    await other.idle();
    for (const { sent, bell, deflater } of [running, waiting]) {
      deflater.proceed();
      expect([sent.length, bell.rung, deflater.heldBytes]).toEqual([0, 0, 0]);
    }
  });
});

describe('a message for many', () => {
  test.each([9, 12, 15])('compressed by itself, %d bits', (windowBits) => {
    const payload = deflateAlone(octetsOf(LARGE), windowBits) as Uint8Array;
    expect(payload.length).toBeLessThan(LARGE.length / 2);
    for (let bits = windowBits; bits <= 15; bits++) {
      const receiving = new Receiving({
        windowBits: bits, contextTakeover: false, budget: new ZlibBudget({ inline: true }),
      });
      receiving.receive(TEXT, RSV1, payload);
      receiving.receive(TEXT, RSV1, payload);
      expect(receiving.messages.map(([, text]) => text === LARGE)).toEqual([true, true]);
    }
  });

  test('that gets no shorter', () => {
    expect(deflateAlone(new Random(1).bytes(1000), 15)).toBe(undefined);
    expect(deflateAlone(new Uint8Array(0), 15)).toBe(undefined);
  });
});
