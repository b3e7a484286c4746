/** RFC 6455 §5.5.1 and §7: how a session ends, the same over each wire. */
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/websocket/prepared-message.ts';
import { binary, close, continuation, frame, join, ping, text } from '../support/websocket.ts';
import { WIRES, openWire, wireVerdict } from '../support/websocket-session.ts';

const CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
  4000, 4999];
const BAD_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999,
  65_535];

/** Over it at once: a stream of HTTP/2 takes some octets ahead of its window. */
const SHORT_QUEUE = { writeQueueBytes: 10_000, webSocketQueueBytes: 10_000 };

describe.each(WIRES)('§5.5.1 Close, %s', (name) => {
  test.each(CODES)('%i comes back; the reason does not', async (code) => {
    expect(await wireVerdict(name, close(code, 'why'))).toEqual({
      came: [`close ${code}`], messages: [], refused: [], state: 'ended',
      closure: { code, reason: 'why', clean: true },
    });
  });

  test('nothing comes back for nothing: 1005 (§7.1.5)', async () => {
    expect(await wireVerdict(name, close())).toEqual({
      came: ['close'], messages: [], refused: [], state: 'ended',
      closure: { code: 1005, reason: '', clean: true },
    });
  });

  test.each(['', 'x', 'ü€😀', 'x'.repeat(123), '€'.repeat(41)])('the reason %j', async (reason) => {
    expect(await wireVerdict(name, close(4000, reason)))
      .toMatchObject({ closure: { code: 4000, reason, clean: true } });
  });

  test('a reason of 124 octets is a frame too long (§5.5)', async () => {
    expect(await wireVerdict(name, close(1000, 'x'.repeat(124))))
      .toMatchObject({ refused: [1002], closure: { code: 1002, clean: false } });
  });

  test('a code of one octet closes with 1002', async () => {
    expect(await wireVerdict(name, frame(8, Uint8Array.of(3)))).toMatchObject({
      came: ['close 1002 a close code of one octet (RFC 6455 §5.5.1)'], refused: [1002],
    });
  });

  test.each<[string, Uint8Array]>([
    ['no UTF-8', Uint8Array.of(0xff)], ['cut within a code point', Buffer.from('€').subarray(0, 2)],
    ['a surrogate', Uint8Array.of(0xed, 0xa0, 0x80)], ['overlong', Uint8Array.of(0xc0, 0xaf)],
  ])('a reason that is %s closes with 1007 (§8.1)', async (_, reason) => {
    expect(await wireVerdict(name, close(1000, reason))).toMatchObject({
      came: ['close 1007 the reason of a Close frame is not UTF-8 (RFC 6455 §8.1)'],
      refused: [1007], state: 'ended', closure: { code: 1007, clean: false },
    });
  });

  test.each<[string, Uint8Array]>([
    ['text', text('late')], ['another Close', close(1001)], ['ping', ping('late')],
    ['octets that are no frame', Buffer.from([0xff, 0xff, 0xff])],
    ['half a frame', text('late').subarray(0, 3)], ['much', binary(Buffer.alloc(200_000))],
  ])('what follows is ignored: %s', async (_, octets) => {
    const outcome = await wireVerdict(name, join(text('a'), close(1000), octets.subarray(0, 500)));
    expect(outcome).toEqual({
      came: ['close 1000'], messages: ['a'], refused: [], state: 'ended',
      closure: { code: 1000, reason: '', clean: true },
    });
  });

  test('a message may be cut by it: nothing of it is handed on', async () => {
    expect(await wireVerdict(name, join(text('a', false), close(1000), continuation('b'))))
      .toMatchObject({ came: ['close 1000'], messages: [], closure: { code: 1000 } });
  });

  test('both sides at once: each has the other\'s code (§7.1.5)', async () => {
    const wire = await openWire(name);
    void wire.session.close(4001, 'ours');
    expect(await wire.send(close(4002, 'theirs'))).toEqual(['close 4001 ours']);
    expect(wire.closure).toEqual({ code: 4002, reason: 'theirs', clean: true });
    expect(wire.state).toBe('ended');
  });

  test('messages that were sent go before our Close', async () => {
    const wire = await openWire(name);
    void wire.session.send('1');
    void wire.session.send('2');
    void wire.session.close(1000, 'done');
    expect(await wire.settled()).toEqual(['text 1', 'text 2', 'close 1000 done']);
    expect(wire.closure).toBeUndefined();
    expect(wire.state).toBe('open');
  });

  test('those that waited for room go before it as well, and their sends resolve', async () => {
    const wire = await openWire(name, { limits: SHORT_QUEUE, window: 0 });
    const ends: string[] = [];
    for (const message of ['1'.repeat(30_000), '2', '3']) {
      wire.session.send(message).then(() => ends.push('sent'), () => ends.push('rejected'));
    }
    void wire.session.close();
    expect(await wire.release()).toEqual(['text <30000>', 'text 2', 'text 3', 'close 1000']);
    expect(ends).toEqual(['sent', 'sent', 'sent']);
  });

  test('what the peer sends before its own is still heard', async () => {
    const messages: Message[] = [];
    const wire = await openWire(name, {
      serve: (session) => session.onMessage((message) => messages.push(message)),
    });
    void wire.session.close();
    await wire.send(text('on its way'), text('cut', false), ping('x'), continuation('!'));
    expect(messages).toEqual(['on its way', 'cut!']);
    await wire.send(close(1000));
    expect(wire.closure).toMatchObject({ code: 1000, clean: true });
  });

  test('the peer\'s is awaited webSocketCloseMs, then the wire is destroyed: 1006', async () => {
    const wire = await openWire(name, { limits: { webSocketCloseMs: 2000 } });
    void wire.session.close(1000, 'bye');
    expect(await wire.tick(1750)).toEqual(['close 1000 bye']);
    expect([wire.state, wire.closure]).toEqual(['open', undefined]);
    await wire.tick(250);
    expect(wire.state).toBe('destroyed');
    expect(wire.closure).toEqual({ code: 1006, reason: '', clean: false });
  });

  test('a slow reader has all that was sent before it, as long as he reads', async () => {
    const limits = { ...SHORT_QUEUE, webSocketCloseMs: 2000 };
    const wire = await openWire(name, { limits, window: 0 });
    void wire.session.send('x'.repeat(30_000));
    void wire.session.close();
    for (let at = 0; at < 20 && wire.all.length < 2; at++) {
      await wire.tick(1000);
      await wire.release(3000);
    }
    expect(wire.all.map(({ opcode, payload }) => [opcode, payload.length]))
      .toEqual([[1, 30_000], [8, 2]]);
    await wire.send(close(1000));
    expect(wire.closure).toMatchObject({ code: 1000, clean: true });
  });

  test('frames that come do not make that longer', async () => {
    const wire = await openWire(name, { limits: { webSocketCloseMs: 2000 } });
    void wire.session.close();
    for (let at = 0; at < 7; at++) {
      await wire.tick(250);
      await wire.send(text('still here'));
    }
    expect(wire.state).toBe('open');
    await wire.tick(250);
    expect(wire.state).toBe('destroyed');
  });
});

describe.each(WIRES)('§7.1.1 Close the WebSocket Connection, %s', (name) => {
  test('the server ends first, at once', async () => {
    const wire = await openWire(name);
    await wire.send(close(1000));
    expect(wire.state).toBe('ended');
    await wire.end();
    expect(wire.closure).toEqual({ code: 1000, reason: '', clean: true });
  });

  test('behind a queue that stands, when it has left', async () => {
    const wire = await openWire(name, { window: 10 });
    void wire.session.send('x'.repeat(1000));
    expect(await wire.send(close(1000))).toEqual([]);
    expect(await wire.release()).toEqual(['text <1000>', 'close 1000']);
    expect(wire.state).toBe('ended');
    expect(wire.closure).toMatchObject({ code: 1000, clean: true });
  });
});

describe.each(WIRES)('§7.1.5 The WebSocket Connection Close Code, %s', (name) => {
  test('1006 where the connection ends without a Close', async () => {
    const wire = await openWire(name);
    expect(await wire.end()).toEqual([]);
    expect(wire.closure).toEqual({ code: 1006, reason: '', clean: false });
    expect(wire.state).toBe('ended');
  });

  test('1006 where it ends within a frame, and within a message', async () => {
    for (const octets of [text('a').subarray(0, 3), text('a', false)]) {
      const messages: Message[] = [];
      const wire = await openWire(name, {
        serve: (session) => session.onMessage((message) => messages.push(message)),
      });
      await wire.send(octets);
      await wire.end();
      expect(wire.closure).toEqual({ code: 1006, reason: '', clean: false });
      expect(messages).toEqual([]);
    }
  });

  test('1006 where it is cut', async () => {
    const wire = await openWire(name);
    await wire.cut();
    expect(wire.closure).toEqual({ code: 1006, reason: '', clean: false });
    expect(wire.session.isOpen).toBe(false);
  });

  test('1006 where we terminate', async () => {
    const wire = await openWire(name);
    wire.session.terminate();
    await wire.settled();
    expect(wire.closure).toEqual({ code: 1006, reason: '', clean: false });
    expect(wire.state).toBe('destroyed');
  });

  test('1006 where the peer ends instead of answering our Close', async () => {
    const wire = await openWire(name);
    void wire.session.close(4000, 'x');
    await wire.settled();
    await wire.end();
    expect(wire.closure).toEqual({ code: 1006, reason: '', clean: false });
  });

  test('the first Close counts', async () => {
    const wire = await openWire(name);
    await wire.send(close(4001, 'one'), close(4002, 'two'));
    expect(wire.closure).toEqual({ code: 4001, reason: 'one', clean: true });
  });

  test('a Close that could not be answered is not clean (§7.1.4)', async () => {
    const wire = await openWire(name, {
      deflate: { thresholdBytes: 0 }, fields: { 'sec-websocket-extensions': 'permessage-deflate' },
    });
    // zlib has it, beside the loop: our Close has to wait for it.
    void wire.session.send(Buffer.alloc(900_000, 'not so short'));
    wire.sendNow(close(1000, 'bye'));
    await wire.cut();
    expect(wire.all.filter(({ opcode }) => opcode === 8)).toEqual([]);
    expect(wire.closure).toEqual({ code: 1000, reason: 'bye', clean: false });
  });

  test('close() resolves with the same as closed, however often it is asked', async () => {
    const wire = await openWire(name);
    const asked = [wire.session.close(4000), wire.session.close(4001)];
    expect(await wire.send(close(4000))).toEqual(['close 4000']);
    const closure = { code: 4000, reason: '', clean: true };
    expect(await Promise.all([...asked, wire.session.closed, wire.session.close()]))
      .toEqual([closure, closure, closure, closure]);
  });
});

describe.each(WIRES)('§7.1.7 Fail the WebSocket Connection, %s', (name) => {
  test('Close is sent and the connection ended; what still comes is nothing', async () => {
    const messages: Message[] = [];
    const wire = await openWire(name, {
      serve: (session) => session.onMessage((message) => messages.push(message)),
    });
    const came = await wire.send(text('a'), frame(3), text('b'), close(1000));
    expect(came).toEqual(['close 1002 opcode 0x3 is reserved (RFC 6455 §5.2)']);
    expect(messages).toEqual(['a']);
    expect(wire.state).toBe('ended');
    expect(wire.closure).toEqual({
      code: 1002, reason: 'opcode 0x3 is reserved (RFC 6455 §5.2)', clean: false,
    });
  });

  test('what waited to be sent is dropped; what was sent before leaves', async () => {
    const wire = await openWire(name, { limits: SHORT_QUEUE, window: 0 });
    void wire.session.send('1'.repeat(30_000));
    const waiting = wire.session.send('2');
    await wire.send(frame(3));
    await expect(waiting).rejects.toMatchObject({ name: 'PeerGoneError' });
    await expect(waiting).rejects.toHaveProperty('cause.code', 1002);
    expect((await wire.release()).map((one) => one.slice(0, 10)))
      .toEqual(['text <3000', 'close 1002']);
    expect(wire.state).toBe('ended');
  });

  test('an offence behind our Close: no second Close', async () => {
    const wire = await openWire(name);
    void wire.session.close(1000, 'bye');
    expect(await wire.send(frame(3))).toEqual(['close 1000 bye']);
    expect(wire.state).toBe('ended');
    expect(wire.closure).toMatchObject({ code: 1002, clean: false });
  });
});

describe.each(WIRES)('§7.4 Status Codes, %s', (name) => {
  test.each(BAD_CODES)('%i closes with 1002', async (code) => {
    expect(await wireVerdict(name, close(code, 'why'))).toEqual({
      came: [`close 1002 close code ${code} (RFC 6455 §7.4)`], messages: [], refused: [1002],
      closure: { code: 1002, reason: `close code ${code} (RFC 6455 §7.4)`, clean: false },
      state: 'ended',
    });
  });

  test.each(CODES)('%i may be sent', async (code) => {
    const wire = await openWire(name);
    void wire.session.close(code, 'x');
    expect(await wire.settled()).toEqual([`close ${code} x`]);
  });

  test.each([...BAD_CODES, -1, 1000.5, NaN, Infinity])(
    '%d may not: a RangeError, and the session goes on', async (code) => {
      const wire = await openWire(name);
      expect(() => wire.session.close(code)).toThrow(RangeError);
      void wire.session.send('still');
      expect(await wire.settled()).toEqual(['text still']);
      expect(wire.session.isOpen).toBe(true);
    });

  test('a reason of 123 octets may be sent, not 124', async () => {
    const wire = await openWire(name);
    expect(() => wire.session.close(1000, 'x'.repeat(124))).toThrow(RangeError);
    expect(() => wire.session.close(1000, '€'.repeat(42))).toThrow(/123 octets/);
    void wire.session.close(1000, '€'.repeat(41));
    expect(await wire.settled()).toEqual([`close 1000 ${'€'.repeat(41)}`]);
  });
});
