/** The outbox: order, how much may wait, and what becomes of it. Pieces: piece-run.test.ts. */
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { prepare } from '../../src/websocket/prepared-message.ts';
import { ping } from '../support/websocket.ts';
import {
  WIRES, openWire, shown, sloppy, type Wire, type WireOptions,
} from '../support/websocket-session.ts';

const MARK = 10_000;
const LIMITS = { writeQueueBytes: MARK, webSocketQueueBytes: MARK };
/** A frame of three octets and more of header, so that the queue stands at `length`. */
const filling = (length: number): string => 'x'.repeat(length - 4);
const SHUT: WireOptions = { limits: LIMITS, window: 0 };

/** Writes down in which order promises settle. */
function noted(): { ends: string[]; note: (name: string, promise: Promise<unknown>) => void } {
  const ends: string[] = [];
  return {
    ends,
    note: (name, promise) => void promise.then(
      () => ends.push(name), (error: Error) => ends.push(`${name}: ${error.name}`),
    ),
  };
}

/** The payloads that have come out whole. */
function payloads({ all }: Wire): string[] {
  return all.map(({ payload }) => `${payload}`.slice(0, 1));
}

describe('webSocketQueueBytes', () => {
  test.each([[MARK, true], [MARK + 1, false]])(
    'a queue of %i octets of 10000: the next is taken, %s', async (queued, taken) => {
      const wire = await openWire('alone', SHUT);
      expect(wire.session.trySend(filling(queued))).toBe(true);
      expect(wire.session.bufferedBytes).toBe(queued);
      expect(wire.session.trySend('next')).toBe(taken);
      expect(wire.session.bufferedBytes).toBe(taken ? queued + 6 : queued);
    });

  test('a mark under writeQueueBytes counts from there on', async () => {
    const limits = { writeQueueBytes: MARK, webSocketQueueBytes: 0 };
    const wire = await openWire('alone', { limits, window: 0 });
    expect(wire.session.trySend(filling(MARK))).toBe(true);
    expect(wire.session.trySend('one crosses')).toBe(true);
    expect(wire.session.trySend('next')).toBe(false);
  });
});

describe.each(WIRES)('sending, %s', (name) => {
  test('one message may cross the mark, of any length', async () => {
    const wire = await openWire(name, SHUT);
    expect(wire.session.trySend('x'.repeat(5 * MARK))).toBe(true);
    expect(wire.session.trySend('y')).toBe(false);
    await wire.settled();
    expect(wire.session.trySend('y')).toBe(false);
    expect(await wire.release()).toEqual(['text <50000>']);
    expect(wire.session.trySend('z')).toBe(true);
    expect(await wire.settled()).toEqual(['text z']);
  });

  test('send resolves at once under the mark, and over it when the queue has drained', async () => {
    const wire = await openWire(name, SHUT);
    const { ends, note } = noted();
    note('a', wire.session.send('a'));
    await wire.settled();
    expect(ends).toEqual(['a']);
    note('b', wire.session.send('b'.repeat(3 * MARK)));
    note('c', wire.session.send('c'));
    await wire.release(2 * MARK);
    expect(ends).toEqual(['a']);
    expect(payloads(wire)).toEqual(['a']);
    await wire.release(MARK);
    expect(ends).toEqual(['a', 'b', 'c']);
    await wire.release();
    expect(payloads(wire)).toEqual(['a', 'b', 'c']);
    expect(wire.session.bufferedBytes).toBe(0);
  });

  test('order is kept, whatever waits', async () => {
    const wire = await openWire(name, SHUT);
    const { ends, note } = noted();
    const { session } = wire;
    note('1', session.send('1'.repeat(2 * MARK)));
    note('2', session.send(Buffer.from('2')));
    note('3', session.send(prepare('3')));
    note('4', session.send((async function* pieces() { yield '4'; })()));
    note('5', session.send('5'.repeat(2 * MARK)));
    note('6', session.send('6'));
    expect(session.trySend('not taken')).toBe(false);
    await wire.settled();
    expect(ends).toEqual([]);
    await wire.release();
    expect(payloads(wire)).toEqual(['1', '2', '3', '4', '', '5', '6']);
    expect(ends).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  test('who awaits each send holds about one message over the mark, with any reader', async () => {
    const wire = await openWire(name, SHUT);
    let most = 0;
    let sent = 0;
    void (async () => {
      for (; sent < 200; sent++) {
        await wire.session.send('m'.repeat(1000));
        most = Math.max(most, wire.session.bufferedBytes);
      }
    })();
    for (let turns = 0; turns < 100; turns++) await wire.release(3000);
    expect(sent).toBe(200);
    expect(wire.all).toHaveLength(200);
    expect(most).toBeLessThanOrEqual(MARK + 1100);
  });

  test('bufferedBytes is what was sent and not taken: octets, waiting ones too', async () => {
    const wire = await openWire(name, SHUT);
    wire.session.trySend('x'.repeat(2 * MARK));
    const queued = wire.session.bufferedBytes;
    expect(queued).toBeGreaterThanOrEqual(2 * MARK);
    void wire.session.send('€'.repeat(100));
    expect(wire.session.bufferedBytes).toBeGreaterThanOrEqual(queued + 300);
    await wire.release();
    expect(wire.session.bufferedBytes).toBe(0);
  });

  test.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /not undefined/], ['null', null, /not null/], ['5', 5, /not number/],
    ['an object', {}, /JSON\.stringify/], ['a promise', Promise.resolve('a'), /await it/],
    ['an ArrayBuffer', new ArrayBuffer(2), /new Uint8Array/],
    ['octets of another width', new Uint16Array(2), /Uint8Array/],
  ])('%s is a TypeError that says what to do; the session goes on', async (_, message, words) => {
    const wire = await openWire(name);
    expect(() => wire.session.send(message as string)).toThrow(TypeError);
    expect(() => wire.session.trySend(message as string)).toThrow(words);
    void wire.session.send('fine');
    expect(await wire.settled()).toEqual(['text fine']);
  });

  test.each<[string, (wire: Wire) => Promise<unknown>]>([
    ['is cut', (wire) => wire.cut()],
    ['is terminated', (wire) => {
      wire.session.terminate();
      return wire.settled();
    }],
  ])('what waits is rejected where the session %s', async (_, end) => {
    const wire = await openWire(name, SHUT);
    const { ends, note } = noted();
    note('a', wire.session.send('a'.repeat(3 * MARK)));
    note('b', wire.session.send('b'));
    note('c', wire.session.send((async function* pieces() { yield 'c'; })()));
    await wire.settled();
    expect(ends).toEqual([]);
    await end(wire);
    expect(ends).toEqual(['a: PeerGoneError', 'b: PeerGoneError', 'c: PeerGoneError']);
  });

  test('a ping is answered past messages that wait', async () => {
    const wire = await openWire(name, { limits: LIMITS, window: 3 * MARK });
    void wire.session.send('a'.repeat(2 * MARK));
    void wire.session.send('b'.repeat(2 * MARK));
    void wire.session.send('c'.repeat(2 * MARK));
    await wire.send(ping('p'));
    await wire.release();
    const order = wire.all.map(({ payload }) => `${payload}`.slice(0, 1));
    expect(order).toContain('p');
    expect(order.filter((one) => one !== 'p')).toEqual(['a', 'b', 'c']);
  });
});

describe.each(WIRES)('sends that nobody awaits end at ledgerBytes, %s', (name) => {
  const limits = { ...LIMITS, ledgerBytes: 200_000 };
  test.each<[string, number, string]>([
    ['long', 300, 'm'.repeat(1000)], ['short', 30_000, 'mm'], ['empty', 30_000, ''],
    ['of two octets a character', 120, '€'.repeat(1000)],
  ])('messages that are %s: 1013 (D20)', async (_, count, message) => {
    const wire = await openWire(name, { limits, window: 0 });
    void wire.session.send('x'.repeat(3 * MARK));
    await wire.settled();
    for (let sent = 0; sent < count; sent++) void wire.session.send(message);
    await wire.tick(250);
    expect(wire.failed).toEqual([sloppy(200_000)]);
    expect(wire.closure).toMatchObject({ code: 1013, clean: false });
    expect(wire.session.bufferedBytes).toBeLessThan(4 * MARK);
    await wire.release();
    expect(wire.all.map(shown)).toEqual(['text <30000>',
      'close 1013 too slow a reader']);
  });

  test('messages in pieces count too', async () => {
    const wire = await openWire(name, { limits, window: 0 });
    void wire.session.send('x'.repeat(3 * MARK));
    async function* pieces(): AsyncGenerator<string> { yield 'a'; }
    for (let sent = 0; sent < 30_000; sent++) void wire.session.send(pieces());
    await wire.tick(250);
    expect(wire.failed).toEqual([sloppy(200_000)]);
  });

  test('what waits is on the ledger: never less than is held', async () => {
    const wire = await openWire(name, { limits, window: 0 });
    void wire.session.send('x'.repeat(3 * MARK));
    for (let sent = 0; sent < 100; sent++) void wire.session.send(Buffer.alloc(1000));
    await wire.tick(250);
    expect(wire.charged).toBeGreaterThanOrEqual(100_000);
    await wire.release();
    await wire.tick(250);
    expect(wire.charged).toBe(0);
    expect(wire.all).toHaveLength(101);
  });
});

describe.each(WIRES)('pieces that never began are let go, %s', (name) => {
  async function withFiles(act: (wire: Wire, file: () => Readable) => unknown): Promise<boolean[]> {
    const files: Readable[] = [];
    const file = (): Readable => {
      const made = Readable.from(['a', 'b']);
      files.push(made);
      return made;
    };
    const wire = await openWire(name, { limits: LIMITS, window: 0 });
    await act(wire, file);
    await wire.settled();
    return files.map(({ destroyed }) => destroyed);
  }

  test('sent to a session that is closed', async () => {
    expect(await withFiles((wire, file) => {
      wire.session.terminate();
      void wire.session.send(file());
      void wire.session.send(file());
    })).toEqual([true, true]);
  });

  test('behind others when it ends', async () => {
    expect(await withFiles(async (wire, file) => {
      void wire.session.send('x'.repeat(3 * MARK));
      for (let at = 0; at < 3; at++) void wire.session.send(file());
      await wire.cut();
    })).toEqual([true, true, true]);
  });
});
