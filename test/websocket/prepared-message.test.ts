/** Messages that are made once for many, and what is no message at all. */
import { constants, inflateRawSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { PreparedMessage, checkMessage, prepare } from '../../src/websocket/prepared-message.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { WIRES, openWire, type Wire } from '../support/websocket-session.ts';

const LONG = 'a line that is said again. '.repeat(100);
const INLINE = new ZlibBudget({ inline: true });
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

function inflated(payload: Buffer): Buffer {
  return inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
}

describe('prepare', () => {
  test.each<[string | Uint8Array, number]>([
    ['', 0], ['abc', 3], ['€😀', 7], [new Uint8Array(5), 5],
  ])('%j has %i octets', (message, length) => {
    expect(prepare(message).length).toBe(length);
    expect(prepare(message)).toBeInstanceOf(PreparedMessage);
  });

  test('its octets are copied: what changes later is not sent', async () => {
    const octets = Buffer.from('before');
    const prepared = prepare(octets);
    octets.fill('x');
    const wire = await openWire('alone');
    void wire.session.send(prepared);
    expect(await wire.settled()).toEqual(['binary before']);
  });

  test('each form is made once', () => {
    const prepared = prepare(LONG);
    expect(prepared.plain).toBe(prepared.plain);
    expect(prepared.compressed(15, INLINE)).toBe(prepared.compressed(15, INLINE));
    expect(prepared.compressed(9, INLINE)).not.toBe(prepared.compressed(15, INLINE));
  });

  test('a long one is compressed in the pool, and leaves as it is until then', async () => {
    const message = 'not so short, '.repeat(10_000);
    const prepared = prepare(message);
    const budget = new ZlibBudget();
    expect([prepared.compressed(15, budget), budget.running]).toEqual([undefined, 1]);
    expect([prepared.compressed(15, budget), budget.running]).toEqual([undefined, 1]);
    await vi.waitUntil(() => budget.running === 0);
    const frame = prepared.compressed(15, budget);
    expect(frame?.octets.length).toBeLessThan(message.length / 10);
    expect(prepared.compressed(15, budget)).toBe(frame);
  });

  test('what gets no shorter has no compressed form', () => {
    const prepared = prepare('x');
    expect(prepared.compressed(15, INLINE)).toBeUndefined();
    expect(prepared.compressed(15, INLINE)).toBeUndefined();
  });

  test.each<[unknown, RegExp]>([
    [undefined, /not undefined/], [null, /not null/], [1, /not number/], [true, /not boolean/],
    [{}, /an object: JSON\.stringify it/], [[1], /an object/], [new ArrayBuffer(1), /Uint8Array/],
    [Promise.resolve(), /a Promise: await it/], [new Uint16Array(1), /Uint8Array/],
  ])('%o is none: a TypeError', (message, words) => {
    expect(() => prepare(message as string)).toThrow(TypeError);
    expect(() => checkMessage(message)).toThrow(words);
  });

  test.each(['', 'a', new Uint8Array(0), Buffer.from('a')])('%o is one', (message) => {
    expect(() => checkMessage(message)).not.toThrow();
  });
});

describe.each(WIRES)('to many, %s', (name) => {
  const offer = { 'sec-websocket-extensions': 'permessage-deflate' };
  /** With a threshold of no octets, so that all is compressed that gets shorter. */
  const compressing = (): Promise<Wire> =>
    openWire(name, { deflate: { thresholdBytes: 0 }, fields: offer });

  test('as it is, and compressed, to whom it fits', async () => {
    const prepared = prepare(LONG);
    const wires = [await openWire(name), await compressing(), await compressing()];
    for (const wire of wires) {
      void wire.session.send(prepared);
      expect(wire.session.trySend(prepared)).toBe(true);
      await wire.settled();
    }
    const read = wires.map(({ all }) => all.map(({ compressed, payload }) => (
      compressed ? inflated(payload) : payload).toString()));
    expect(read).toEqual([[LONG, LONG], [LONG, LONG], [LONG, LONG]]);
    expect(wires.map(({ all }) => all[0]!.compressed)).toEqual([false, true, true]);
  });

  test('under the threshold it is not compressed', async () => {
    const wire = await openWire(name, { deflate: { thresholdBytes: 10_000 }, fields: offer });
    void wire.session.send(prepare(LONG));
    await wire.settled();
    expect(wire.all.map(({ compressed }) => compressed)).toEqual([false]);
  });

  test('in order with messages that are not', async () => {
    const wire = await compressing();
    const messages = [LONG, 'x', prepare(LONG), 'y', prepare('z'), Buffer.from(LONG)];
    for (const message of messages) void wire.session.send(message);
    await wire.session.send('end');
    await wire.settled();
    expect(wire.all.map(({ opcode }) => opcode)).toEqual([1, 1, 1, 1, 1, 2, 1]);
  });
});
