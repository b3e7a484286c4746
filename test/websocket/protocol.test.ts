/** The protocol: keep-alive, age, rate, turns and the ledger, over each wire. */
import { describe, expect, test } from 'vitest';
import {
  binary, close, continuation, frame, join, ping, pong, text,
} from '../support/websocket.ts';
import { WIRES, openWire, type Wire, type WireName } from '../support/websocket-session.ts';

const codes = ({ refused }: Wire): number[] => refused.map(({ code }) => code);

describe.each(WIRES)('keep-alive, %s (D22)', (name) => {
  const limits = { webSocketPingMs: 3000, webSocketDeadMs: 10_000 };

  test('a silent peer is asked at webSocketPingMs, and no sooner', async () => {
    const wire = await openWire(name, { limits });
    expect(await wire.tick(2750)).toEqual([]);
    expect(await wire.tick(250)).toEqual(['ping']);
    expect(await wire.tick(2750)).toEqual([]);
    expect(await wire.tick(250)).toEqual(['ping']);
  });

  test('is given up at webSocketDeadMs, and no sooner', async () => {
    const wire = await openWire(name, { limits });
    await wire.tick(9750);
    expect(wire.state).toBe('open');
    await wire.tick(250);
    expect(wire.state).toBe('destroyed');
    expect(wire.closure).toEqual({ code: 1006, reason: '', clean: false });
  });

  test.each<[string, Uint8Array]>([
    ['a pong', pong()], ['a ping', ping()], ['a message', text('a')],
    ['an octet of one', text('a').subarray(0, 1)],
  ])('%s is a sign of life', async (_, octets) => {
    const wire = await openWire(name, { limits: { ...limits, bodyRateBytesPerSecond: 0 } });
    await wire.tick(9750);
    await wire.send(octets);
    expect(await wire.tick(2750)).toEqual([]);
    expect(await wire.tick(250)).toEqual(['ping']);
    await wire.tick(6750);
    expect(wire.state).toBe('open');
    await wire.tick(250);
    expect(wire.state).toBe('destroyed');
  });

  test('a peer that answers lives for ever', async () => {
    const wire = await openWire(name, { limits });
    for (let at = 0; at < 20; at++) {
      expect(await wire.tick(3000)).toEqual(['ping']);
      expect(await wire.send(pong())).toEqual([]);
    }
    expect(wire.state).toBe('open');
  });

  test('while we do not read, it is not the peer who is silent', async () => {
    const wire = await openWire(name, { limits: { ...limits, unreadBytes: 100 } });
    await wire.send(binary('x'.repeat(200)));
    void wire.session[Symbol.asyncIterator]().next();
    await wire.send(binary('x'.repeat(200)), binary('y'.repeat(200)));
    // They are for TCP, which finds out whether anybody is there.
    expect(new Set(await wire.tick(60_000))).toEqual(new Set(['ping']));
    expect(wire.state).toBe('open');
    for await (const _ of wire.session) break;
    await wire.settled();
    expect(await wire.tick(2500)).toEqual([]);
    expect(await wire.tick(500)).toEqual(['ping']);
  });

  test('no ping behind output that stands', async () => {
    const short = { ...limits, writeQueueBytes: 10_000 };
    const wire = await openWire(name, { limits: short, window: 0 });
    void wire.session.send('x'.repeat(30_000));
    await wire.tick(9500);
    expect(await wire.release()).toEqual(['text <30000>']);
  });

  test('who takes octets all the time is not dead, for he was never asked', async () => {
    const short = { ...limits, writeQueueBytes: 10_000, webSocketQueueBytes: 10_000 };
    const wire = await openWire(name, { limits: short, window: 0 });
    void wire.session.send('x'.repeat(90_000));
    for (let at = 0; at < 16; at++) {
      await wire.tick(1000);
      await wire.release(5000);
    }
    expect(wire.state).toBe('open');
    expect(wire.closure).toBeUndefined();
  });

  test('after our Close nobody is asked, and webSocketCloseMs counts alone', async () => {
    const wire = await openWire(name, { limits: { ...limits, webSocketCloseMs: 20_000 } });
    void wire.session.close();
    expect(await wire.tick(19_750)).toEqual(['close 1000']);
    expect(wire.state).toBe('open');
  });

  test('Infinity lifts both', async () => {
    const wire = await openWire(name, {
      limits: { webSocketPingMs: Infinity, webSocketDeadMs: Infinity },
    });
    expect(await wire.tick(3_600_000)).toEqual([]);
    expect(wire.state).toBe('open');
  });
});

describe.each(WIRES)('webSocketAgeMs, %s (D25)', (name) => {
  test('then the session is closed with 1008, by handshake', async () => {
    const wire = await openWire(name, { limits: { webSocketAgeMs: 2000 } });
    await wire.send(text('a'));
    expect(await wire.tick(1750)).toEqual([]);
    expect(await wire.tick(250)).toEqual(['close 1008 webSocketAgeMs, 2000, are over']);
    await wire.send(close(1008));
    expect(wire.closure).toEqual({ code: 1008, reason: '', clean: true });
  });
});

describe.each(WIRES)('bodyRateBytesPerSecond, %s (D10)', (name) => {
  const limits = { bodyRateBytesPerSecond: 100, bodyRateGraceMs: 2000 };
  const slow = 'close 1008 a message came slower than bodyRateBytesPerSecond, 100';

  /** One octet a second. */
  async function dribble(wire: Wire, octets: Uint8Array): Promise<string[]> {
    const came: string[] = [];
    for (const octet of octets) {
      came.push(...await wire.send(Uint8Array.of(octet)));
      came.push(...await wire.tick(1000));
    }
    return came;
  }

  test.each<[string, Uint8Array]>([
    ['a payload', text('dribbled')], ['a header', frame(2, 'x'.repeat(70_000)).subarray(0, 14)],
    ['a ping', ping('dribbled')], ['fragments', join(
      text('', false), continuation('', false), continuation(''),
    )],
  ])('%s that dribbles: 1008', async (_, octets) => {
    const wire = await openWire(name, { limits });
    expect(await dribble(wire, octets.subarray(0, 5))).toEqual([slow]);
    expect(codes(wire)).toEqual([1008]);
    expect(wire.state).toBe('ended');
  });

  test('a message of which no more comes: at the end of bodyRateGraceMs', async () => {
    const wire = await openWire(name, { limits });
    await wire.send(text('a', false));
    expect(await wire.tick(2000)).toEqual([]);
    expect(await wire.tick(250)).toEqual([slow]);
  });

  test('as fast as that is fast enough', async () => {
    const wire = await openWire(name, { limits });
    const whole = frame(2, 'x'.repeat(5000));
    for (let at = 0; at < whole.length; at += 150) {
      await wire.send(whole.subarray(at, at + 150));
      await wire.tick(1000);
    }
    expect(codes(wire)).toEqual([]);
  });

  test('between messages time is not counted', async () => {
    const wire = await openWire(name, { limits });
    for (let at = 0; at < 5; at++) {
      await wire.send(text('a'), ping());
      await wire.tick(5000);
    }
    expect(codes(wire)).toEqual([]);
  });

  test('nor after one that came in two parts', async () => {
    const wire = await openWire(name, { limits });
    await wire.send(text('ab').subarray(0, 7));
    await wire.tick(1000);
    await wire.send(text('ab').subarray(7));
    await wire.tick(10_000);
    expect(codes(wire)).toEqual([]);
  });

  test('while we do not read, time stands still', async () => {
    const wire = await openWire(name, { limits: { ...limits, unreadBytes: 100 } });
    await wire.send(binary('x'.repeat(200)), text('begun', false));
    await wire.tick(20_000);
    expect(codes(wire)).toEqual([]);
    expect(wire.state).toBe('open');
  });

  test('0 lifts it', async () => {
    const wire = await openWire(name, { limits: { ...limits, bodyRateBytesPerSecond: 0 } });
    expect(await dribble(wire, text('dribbled'))).toEqual([]);
  });
});

describe.each(WIRES)('shutdown, %s', (name) => {
  test.each([[1001, {}], [1001, { drainCode: 1001 }], [1012, { drainCode: 1012 }]] as const)(
    'says %i with %j', async (code, options) => {
      const wire = await openWire(name, options);
      void wire.session.send('before');
      expect(await wire.shutdown()).toEqual(['text before', `close ${code} the server is closing`]);
      expect(wire.session.isOpen).toBe(false);
      await wire.send(close(code));
      expect(wire.closure).toEqual({ code, reason: '', clean: true });
      expect(wire.state).toBe('ended');
    });

  test('the program is told', async () => {
    const wire = await openWire(name);
    const { draining } = wire.session.request!;
    expect(draining.aborted).toBe(false);
    await wire.shutdown();
    expect(draining.aborted).toBe(true);
  });

  test('a message on its way still arrives', async () => {
    const heard: unknown[] = [];
    const wire = await openWire(name, {
      serve: (session) => session.onMessage((message) => heard.push(message)),
    });
    const whole = continuation('the end');
    await wire.send(text('it comes to ', false), whole.subarray(0, 8));
    await wire.shutdown();
    await wire.send(whole.subarray(8));
    expect(heard).toEqual(['it comes to the end']);
    await wire.send(close(1001));
    expect(wire.closure).toMatchObject({ clean: true });
  });

  test('the peer has webSocketCloseMs', async () => {
    const wire = await openWire(name, { limits: { webSocketCloseMs: 2000 } });
    await wire.shutdown();
    await wire.tick(1750);
    expect(wire.state).toBe('open');
    await wire.tick(250);
    expect(wire.state).toBe('destroyed');
  });

  test('while the session closes already: nothing more', async () => {
    const wire = await openWire(name);
    void wire.session.close(4000);
    await wire.settled();
    expect(await wire.shutdown()).toEqual([]);
    await wire.send(close(4000));
    expect(wire.closure).toMatchObject({ code: 4000, clean: true });
  });
});

describe('a turn', () => {
  // Of HTTP/2 the transport gives frames of its own.
  const plain: WireName[] = ['alone', 'HTTP/1.1'];
  test.each(plain)('takes 256 frames of one read, %s (D9)', async (name) => {
    const wire = await openWire(name);
    wire.sendNow(join(...Array.from({ length: 600 }, () => ping())));
    const { transport } = wire;
    const turns: number[] = [];
    for (;;) {
      turns.push(transport.takeBytes().length / 2);
      if (!transport.pending) break;
      transport.turn();
    }
    expect(turns).toEqual([256, 256, 88]);
    expect(transport.paused).toBe(false);
  });

  test.each(WIRES)('after the next, all is answered, %s', async (name) => {
    const wire = await openWire(name);
    const came = await wire.send(join(...Array.from({ length: 600 }, (_, at) => ping(`${at}`))));
    expect(came).toEqual(Array.from({ length: 600 }, (_, at) => `pong ${at}`));
  });

  test.each(WIRES)('the end of input waits for what came before it, %s', async (name) => {
    const heard: unknown[] = [];
    const wire = await openWire(name, {
      serve: (session) => session.onMessage((message) => heard.push(message)),
    });
    wire.sendNow(join(...Array.from({ length: 600 }, () => text('a')), close(1000)));
    await wire.end();
    expect(heard).toHaveLength(600);
    expect(wire.closure).toEqual({ code: 1000, reason: '', clean: true });
  });
});

describe.each(WIRES)('ledgerBytes, %s', (name) => {
  test('what is unread counts: 1008', async () => {
    const wire = await openWire(name, { limits: { ledgerBytes: 20_000, unreadBytes: 100_000 } });
    await wire.send(binary('x'.repeat(10_000)));
    expect(codes(wire)).toEqual([]);
    expect(wire.charged).toBe(10_064);
    expect(await wire.send(binary('x'.repeat(10_000)))).toEqual([
      'close 1008 the connection holds more than ledgerBytes, 20000',
    ]);
    expect(codes(wire)).toEqual([1008]);
    expect(wire.charged).toBe(0);
  });

  test('part of a frame counts, and nothing when it is whole and read', async () => {
    const wire = await openWire(name, {
      serve: (session) => session.onMessage(() => {}),
    });
    await wire.send(ping('x'.repeat(100)).subarray(0, 80));
    expect(wire.charged).toBe(80);
    await wire.send(ping('x'.repeat(100)).subarray(80));
    expect(wire.charged).toBe(0);
    await wire.send(frame(1, 'x'.repeat(1000)).subarray(0, 500));
    expect(wire.charged).toBeGreaterThanOrEqual(492);
    await wire.send(frame(1, 'x'.repeat(1000)).subarray(500));
    expect(wire.charged).toBe(0);
  });
});

describe('a failure of our own', () => {
  test('1011, without a word of why', async () => {
    const wire = await openWire('alone', { serve: (session) => session.streams() });
    wire.transport.keep = () => { throw new Error('a secret'); };
    expect(await wire.send(binary('a'))).toEqual([
      'close 1011 an internal error on this connection',
    ]);
    expect(wire.failed.map((error) => (error as Error).message)).toEqual(['a secret']);
    expect(wire.state).toBe('ended');
    expect(wire.closure).toMatchObject({ clean: false });
    expect(wire.transport.failures.splice(0)).toHaveLength(1);
  });
});
