/**
 * Attacks on a session that is open (rows D8 to D25 of the threats), the same over each wire. What
 * a row asks of numbers alone is in test/websocket/: protocol.test.ts (D10, D22, D25),
 * rfc6455-closing.test.ts (D14, D15).
 */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/limits.ts';
import type { SessionHandler } from '../../src/websocket/endpoint.ts';
import { prepare } from '../../src/websocket/prepared-message.ts';
import {
  binary, close, continuation, frame, ping, text,
} from '../support/websocket.ts';
import {
  WIRES, openWire, shown, sloppy, wireVerdict, type Wire,
} from '../support/websocket-session.ts';

/** `octets` so many times, in reads of about 60 KiB. */
function* repeated(octets: Uint8Array, count: number): Generator<Uint8Array> {
  const most = Math.floor(61_440 / octets.length);
  const full = Buffer.concat(Array.from({ length: most }, () => octets));
  for (let left = count; left > 0; left -= most) {
    yield left >= most ? full : full.subarray(0, left * octets.length);
  }
}

/** Sends all of it and gives the most that was charged between reads. */
async function flood(wire: Wire, octets: Uint8Array, count: number): Promise<number> {
  let most = 0;
  for (const read of repeated(octets, count)) {
    await wire.send(read);
    most = Math.max(most, wire.charged);
    if (wire.closure !== undefined) break;
  }
  return most;
}

describe.each(WIRES)('D8 fragment flood, %s', (name) => {
  test.each([1, 0])('131000 continuations of %i octets: 1008 after 1024 frames', async (length) => {
    const wire = await openWire(name);
    await wire.send(text('', false));
    const most = await flood(wire, continuation('x'.repeat(length), false), 131_000);
    expect(wire.closure).toMatchObject({ code: 1008, clean: false });
    expect(most).toBeLessThan(100_000);
  });

  test('1023 of them are held as what they are: some octets', async () => {
    const wire = await openWire(name);
    await wire.send(text('x', false));
    const most = await flood(wire, continuation('x', false), 1023);
    expect(wire.closure).toBeUndefined();
    expect(most).toBeLessThan(10_000);
  });
});

describe.each(WIRES)('D9 empty frames and messages, %s', (name) => {
  test('100000 empty messages that are read: nothing is held', async () => {
    let heard = 0;
    const wire = await openWire(name, {
      serve: (session) => session.onMessage(() => void heard++),
    });
    expect(await flood(wire, text(''), 100_000)).toBeLessThan(70_000);
    expect(heard).toBe(100_000);
    expect(wire.charged).toBe(0);
  });

  test('that are not read: the peer is stopped', async () => {
    const wire = await openWire(name);
    const most = await flood(wire, text(''), 100_000);
    expect(wire.unsentBytes).toBeGreaterThan(0);
    // A read of 64 KiB is 11000 messages; a window of HTTP/2 is held besides.
    const { unreadBytes, http2StreamWindowBytes } = DEFAULT_LIMITS;
    expect(most).toBeLessThan(unreadBytes + http2StreamWindowBytes + 64 * 1024);
  });
});

describe.each(WIRES)('D12 pings whose pongs are not read, %s', (name) => {
  test.each(['', 'x'.repeat(125)])('writeQueueBytes are queued at most: %j', async (payload) => {
    const wire = await openWire(name, { limits: { writeQueueBytes: 50_000 }, window: 0 });
    let most = 0;
    for (const read of repeated(ping(payload), 100_000)) {
      await wire.send(read);
      most = Math.max(most, wire.session.bufferedBytes);
    }
    expect(most).toBeLessThan(50_000 + 200);
    expect(wire.closure).toBeUndefined();
    await wire.send(ping('the last'));
    await wire.release();
    expect(wire.all.map(shown).at(-1)).toBe('pong the last');
    expect(wire.session.bufferedBytes).toBe(0);
  });
});

describe.each(WIRES)('D14 close codes, %s', (name) => {
  const isGood = (code: number): boolean => (code >= 1000 && code <= 1003) ||
    (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);

  test('of all around the borders, the good come back and the bad are 1002', async () => {
    const borders = [0, 1000, 1004, 1007, 1015, 1016, 2000, 3000, 4000, 5000, 65_535];
    const codes = new Set(borders.flatMap((code) => [code - 1, code, code + 1])
      .filter((code) => code >= 0 && code <= 65_535));
    for (const code of codes) {
      const wire = await openWire(name);
      const [came] = await wire.send(close(code));
      expect(came?.slice(0, 10).trim(), `${code}`).toBe(`close ${isGood(code) ? code : 1002}`);
    }
  });

  test('1005 and 1006 never stand on the wire', async () => {
    const wire = await openWire(name);
    expect(() => wire.session.close(1005)).toThrow(RangeError);
    expect(() => wire.session.close(1006)).toThrow(RangeError);
    expect(await wire.send(close())).toEqual(['close']);
    expect(wire.all[0]!.payload).toHaveLength(0);
  });
});

describe.each(WIRES)('D15 a close handshake that stalls, %s', (name) => {
  test('data without end instead of a Close: ended all the same, and nothing kept', async () => {
    const wire = await openWire(name, { limits: { unreadBytes: 10_000 } });
    void wire.session.close();
    let most = 0;
    for (let at = 0; at < 19; at++) {
      for (const read of repeated(binary('x'.repeat(1000)), 60)) await wire.send(read);
      await wire.tick(250);
      most = Math.max(most, wire.charged);
    }
    expect(wire.state).toBe('open');
    expect(most).toBeLessThan(10_000 + 1064 + 1100);
    await wire.tick(250);
    expect(wire.state).toBe('destroyed');
  });

  test('a peer who reads nothing does not keep it either', async () => {
    const wire = await openWire(name, { window: 0 });
    void wire.session.send('x'.repeat(1000));
    void wire.session.close();
    await wire.tick(5000);
    expect(wire.state).toBe('destroyed');
    expect(wire.closure).toMatchObject({ code: 1006, clean: false });
  });
});

describe.each(WIRES)('D20 slow consumers, %s', (name) => {
  test('one publisher, and ten of fifty that do not read: the others have all of it', async () => {
    const limits = { writeQueueBytes: 50_000, webSocketQueueBytes: 50_000 };
    const readers = await Promise.all(Array.from({ length: 50 }, (_, at) => (
      openWire(name, at < 10 ? { limits, window: 0 } : { limits }))));
    const taken = readers.map(() => 0);
    for (let at = 0; at < 100; at++) {
      const message = prepare(`${at} `.padEnd(1000, '.'));
      readers.forEach((wire, index) => {
        if (wire.session.trySend(message)) taken[index]!++;
      });
      for (const wire of readers) await wire.settled();
    }
    readers.forEach((wire, index) => {
      if (index >= 10) {
        expect(wire.all).toHaveLength(100);
      } else {
        // Some octets of HTTP/2 are ahead of the window.
        expect(taken[index]).toBeLessThanOrEqual(52);
        expect(wire.session.bufferedBytes).toBeLessThan(51_100);
      }
      expect(wire.closure).toBeUndefined();
    });
  });
});

describe.each(WIRES)('D20 a peer who sends and does not read, %s', (name) => {
  const limits = {
    writeQueueBytes: 20_000, webSocketQueueBytes: 20_000, unreadBytes: 20_000,
    ledgerBytes: 1_000_000, http2StreamWindowBytes: 65_535, http2StreamWindowMaxBytes: 65_535,
  };
  const many = Buffer.concat(Array.from({ length: 3000 }, () => binary('x'.repeat(1000))));

  test.each<[string, SessionHandler]>([
    ['loop', async (session) => {
      for await (const message of session) await session.send(message);
    }],
    ['listener', (session) => session.onMessage((message) => session.send(message))],
    ['loop over pieces', async (session) => {
      for await (const message of session.streams()) await session.send(message);
    }],
  ])('is stopped by an echo that awaits its sends: a %s', async (_, serve) => {
    const wire = await openWire(name, { limits, window: 0, serve });
    await wire.send(many);
    expect(wire.unsentBytes).toBeGreaterThan(many.length - 400_000);
    expect(wire.charged + wire.session.bufferedBytes).toBeLessThan(400_000);
    await wire.release();
    expect(wire.unsentBytes).toBe(0);
    const octets = wire.all.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(octets).toBe(3_000_000);
  });

  test('of an echo that awaits nothing, the session ends at ledgerBytes', async () => {
    const wire = await openWire(name, {
      limits, window: 0,
      serve: (session) => session.onMessage((message) => void session.send(message)),
    });
    await wire.send(many);
    expect(wire.failed).toEqual([sloppy(1_000_000)]);
    expect(wire.closure).toMatchObject({ code: 1013, clean: false });
  });
});

describe.each(WIRES)('D21 memory that was not written, %s', (name) => {
  test('nothing but what was given stands on the wire', async () => {
    const { allocUnsafe, allocUnsafeSlow } = Buffer;
    const poison = (make: typeof allocUnsafe): typeof allocUnsafe =>
      (size) => make(size).fill('POISON');
    Buffer.allocUnsafe = poison(allocUnsafe);
    Buffer.allocUnsafeSlow = poison(allocUnsafeSlow);
    try {
      const lengths = [0, 1, 125, 126, 4096, 4097, 65_535, 65_536, 70_001];
      const wire = await openWire(name);
      for (const length of lengths) {
        void wire.session.send('t'.repeat(length));
        void wire.session.send('€'.repeat(length));
        void wire.session.send(Buffer.alloc(length, 'b'));
        void wire.session.send(prepare('p'.repeat(length)));
        await wire.settled();
      }
      void wire.session.ping();
      expect(await wire.send(ping('q'), close(4000, 'because'))).toHaveLength(3);
      const sent = lengths.flatMap((length) =>
        ['t', '€', 'b', 'p'].map((one) => one.repeat(length)));
      expect(wire.all.slice(0, -3).map(({ payload }) => payload.toString() === sent.shift()))
        .toEqual(lengths.flatMap(() => [true, true, true, true]));
      expect(wire.all.slice(-3).map(({ opcode, payload }) => [opcode, [...payload]]))
        .toEqual([[9, [0, 0, 0, 1]], [10, [113]], [8, [0x0f, 0xa0]]]);
    } finally {
      Object.assign(Buffer, { allocUnsafe, allocUnsafeSlow });
    }
  });

  test.each<[string, unknown]>([
    ['octets', Buffer.from('why')], ['octets of another width', new Uint32Array(4)],
    ['a number', 100], ['an object', { length: 100 }], ['null', null],
  ])('a reason that is %s is a TypeError, and nothing is sent', async (_, reason) => {
    const wire = await openWire(name);
    expect(() => wire.session.close(1000, reason as string)).toThrow(TypeError);
    expect(await wire.settled()).toEqual([]);
    expect(wire.session.isOpen).toBe(true);
  });
});

describe.each(WIRES)('header games in the middle of a session, %s', (name) => {
  test('what was said before an offence is heard; what follows is not', async () => {
    expect(await wireVerdict(name, Buffer.concat([
      text('a'), frame(1, '', { reserved: 0x40 }), text('b'),
    ]))).toMatchObject({ messages: ['a'], refused: [1002] });
  });
});
