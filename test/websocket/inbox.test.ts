/** The inbox: who reads, what waits unread, and when the peer is stopped, over each wire. */
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/websocket/prepared-message.ts';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import {
  binary, close, continuation, frame, join, ping, text,
} from '../support/websocket.ts';
import { deferred, type Deferred } from '../support/deferred.ts';
import { WIRES, openWire, type Wire, type WireName } from '../support/websocket-session.ts';

const UNREAD = 10_000;
const WINDOW = 20_000;
const LIMITS = {
  unreadBytes: UNREAD, http2StreamWindowBytes: WINDOW, http2StreamWindowMaxBytes: WINDOW,
};
/** What one read brings at most, and the octets of a message's frame. */
const READ = 64 * 1024;

/** Messages `0...`, `1...` of 1000 octets each. */
const numbered = (count: number): Uint8Array => join(
  ...Array.from({ length: count }, (_, index) => text(`${index} `.padEnd(1000, '.'))),
);
const numbers = (messages: readonly Message[]): number[] =>
  messages.map((message) => Number((message as string).split(' ')[0]));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

async function collect(session: WebSocketSession): Promise<Message[]> {
  const messages: Message[] = [];
  for await (const message of session) messages.push(message);
  return messages;
}

describe('unreadBytes', () => {
  // A message costs 64 octets beside its own, and text two octets a character.
  test.each<[string, Uint8Array, boolean]>([
    ['1000 of 1000, octets', binary('x'.repeat(936)), false],
    ['1001 of 1000, octets', binary('x'.repeat(937)), true],
    ['1000 of 1000, text', text('x'.repeat(468)), false],
    ['1002 of 1000, text', text('x'.repeat(469)), true],
    ['fifteen empty messages', join(...Array.from({ length: 15 }, () => text(''))), false],
    ['sixteen empty messages', join(...Array.from({ length: 16 }, () => text(''))), true],
  ])('%s', async (_, octets, paused) => {
    const wire = await openWire('alone', { limits: { unreadBytes: 1000 } });
    await wire.send(octets);
    expect(wire.transport.paused).toBe(paused);
    for await (const __ of wire.session) break;
    await wire.settled();
    expect(wire.transport.paused).toBe(false);
  });
});

describe.each(WIRES)('messages that nobody reads, %s', (name) => {
  test('stop the peer, and are on the ledger', async () => {
    const wire = await openWire(name, { limits: LIMITS });
    await wire.send(numbered(200));
    expect(wire.unsentBytes).toBeGreaterThan(200_000 - READ - UNREAD - WINDOW);
    expect(wire.charged).toBeGreaterThan(UNREAD);
    expect(wire.charged).toBeLessThan(READ + 3 * UNREAD + WINDOW);
  });

  test('go on to the iterator, in order, as they are read', async () => {
    const wire = await openWire(name, { limits: LIMITS });
    await wire.send(numbered(200));
    const collected = collect(wire.session);
    await wire.settled();
    expect(wire.unsentBytes).toBe(0);
    await wire.send(close(1000));
    expect(numbers(await collected)).toEqual(upTo(200));
  });

  test('go on to a listener that comes late', async () => {
    const wire = await openWire(name, { limits: LIMITS });
    const messages: Message[] = [];
    await wire.send(numbered(100));
    wire.session.onMessage((message) => messages.push(message));
    await wire.settled();
    expect(numbers(messages)).toEqual(upTo(100));
    expect(wire.unsentBytes).toBe(0);
  });

  test('go on to streams(), those that waited as one piece', async () => {
    const wire = await openWire(name, { limits: LIMITS });
    await wire.send(numbered(100));
    const messages: string[] = [];
    void (async () => {
      for await (const message of wire.session.streams()) {
        let whole = '';
        for await (const piece of message) whole += piece as string;
        messages.push(whole);
      }
    })();
    await wire.settled();
    expect(numbers(messages)).toEqual(upTo(100));
    expect(wire.unsentBytes).toBe(0);
  });

  test('do not hold up our close: what is too much is dropped, and the Close heard', async () => {
    const wire = await openWire(name, { limits: LIMITS });
    await wire.send(numbered(200), close(1000));
    expect(wire.closure).toBeUndefined();
    void wire.session.close();
    await wire.settled();
    expect(wire.closure).toMatchObject({ code: 1000, clean: true });
    const kept = numbers(await collect(wire.session));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept).toEqual(upTo(kept.length));
  });

  test('in pieces stop the peer too', async () => {
    const wire = await openWire(name, { limits: LIMITS, serve: (session) => session.streams() });
    await wire.send(text('x'.repeat(200_000)));
    expect(wire.unsentBytes).toBeGreaterThan(200_000 - READ - UNREAD - WINDOW);
    for await (const message of wire.session.streams()) {
      for await (const _ of message) await wire.settled();
      break;
    }
    expect(wire.unsentBytes).toBe(0);
  });

  test.each<[string, Uint8Array]>([
    ['empty', text('')], ['empty, in two fragments', join(binary('', false), continuation(''))],
  ])('in pieces: %s ones are not for nothing (D9)', async (_, one) => {
    const wire = await openWire(name, { limits: LIMITS, serve: (session) => session.streams() });
    await wire.send(Buffer.concat(Array.from({ length: 30_000 }, () => one)));
    expect(wire.unsentBytes).toBeGreaterThan(0);
  });

  test('a message that is not whole is on the ledger', async () => {
    const wire = await openWire(name);
    await wire.send(frame(2, 'x'.repeat(100_000)).subarray(0, 50_000));
    expect(wire.charged).toBeGreaterThanOrEqual(49_990);
  });
});

describe.each(WIRES)('onMessage, %s', (name) => {
  test('a promise: the next message comes after it, the peer is stopped till then', async () => {
    const gates: Deferred<void>[] = [];
    const heard: Message[] = [];
    const wire = await openWire(name, {
      limits: LIMITS,
      serve: (session) => session.onMessage((message) => {
        heard.push(message);
        const gate = deferred<void>();
        gates.push(gate);
        return gate.promise;
      }),
    });
    await wire.send(numbered(200));
    expect(numbers(heard)).toEqual([0]);
    expect(wire.unsentBytes).toBeGreaterThan(0);
    for (let at = 0; at < 200; at++) {
      gates[at]?.resolve();
      await wire.settled();
    }
    expect(numbers(heard)).toEqual(upTo(200));
    expect(wire.unsentBytes).toBe(0);
  });

  test.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('broken'); }],
    ['rejects', async () => { throw new Error('broken'); }],
    ['gives a thenable that throws', () => ({ get then() { throw new Error('broken'); } })],
  ])('a listener that %s: 1011, and the program is told', async (_, listener) => {
    const wire = await openWire(name, { serve: (session) => session.onMessage(listener) });
    expect(await wire.send(text('a'))).toEqual(['close 1011 an internal error in this session']);
    expect(wire.failed.map((error) => (error as Error).message)).toEqual(['broken']);
    await wire.send(close(1011));
    expect(wire.closure).toEqual({ code: 1011, reason: '', clean: true });
  });

  test('1011 goes behind what was sent before', async () => {
    const wire = await openWire(name, {
      serve: (session) => session.onMessage((message) => {
        void session.send(message);
        throw new Error('broken');
      }),
    });
    expect(await wire.send(text('a'))).toEqual(['text a',
      'close 1011 an internal error in this session']);
  });

  test('needs a function', async () => {
    const wire = await openWire(name);
    expect(() => wire.session.onMessage(undefined as never)).toThrow(TypeError);
  });
});

describe.each(WIRES)('one reader, %s', (name) => {
  const listener = (): void => {};
  test('a listener, and another', async () => {
    const { session } = await openWire(name);
    expect(session.onMessage(listener)).toBe(session);
    expect(() => session.onMessage(listener)).toThrow(TypeError);
  });

  test('a listener, then an iterator, then streams', async () => {
    const { session } = await openWire(name);
    session.onMessage(listener);
    await expect(session[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
    expect(() => session.streams()).toThrow(TypeError);
  });

  test('an iterator that waits, then the others', async () => {
    const wire = await openWire(name);
    const { session } = wire;
    const first = session[Symbol.asyncIterator]().next();
    await expect(session[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
    expect(() => session.onMessage(listener)).toThrow(TypeError);
    expect(() => session.streams()).toThrow(TypeError);
    await wire.send(text('a'));
    expect(await first).toEqual({ done: false, value: 'a' });
  });

  test('streams, then an iterator, then a listener', async () => {
    const { session } = await openWire(name);
    session.streams();
    await expect(session[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
    expect(() => session.onMessage(listener)).toThrow(TypeError);
  });

  test('one after the other may read', async () => {
    const wire = await openWire(name);
    await wire.send(text('a'), text('b'), text('c'));
    for await (const message of wire.session) {
      expect(message).toBe('a');
      break;
    }
    for await (const message of wire.session) {
      expect(message).toBe('b');
      break;
    }
    const rest: Message[] = [];
    wire.session.onMessage((message) => rest.push(message));
    expect(rest).toEqual(['c']);
  });
});

describe.each(WIRES)('the end, %s', (name) => {
  test.each<[string, (wire: Wire) => Promise<unknown>]>([
    ['Close', (wire) => wire.send(close(1000))], ['FIN', (wire) => wire.end()],
    ['a reset', (wire) => wire.cut()], ['an offence', (wire) => wire.send(frame(3))],
  ])('%s ends the iteration, behind what waits', async (_, end) => {
    const wire = await openWire(name);
    await wire.send(text('a'), text('b'), text('cut', false));
    await end(wire);
    expect(await collect(wire.session)).toEqual(['a', 'b']);
    expect(await collect(wire.session)).toEqual([]);
  });

  test('who waits for a message is told', async () => {
    const wire = await openWire(name);
    const collected = collect(wire.session);
    await wire.cut();
    expect(await collected).toEqual([]);
  });
});

describe.each(WIRES)('accepts, %s', (name) => {
  test.each([['text', binary, 'binary'], ['binary', text, 'text']] as const)(
    '%s alone: the other closes with 1003 by its header (RFC 6455 §7.4.1)',
    async (accepts, other, kind) => {
      const messages: Message[] = [];
      const wire = await openWire(name, {
        accepts, serve: (session) => session.onMessage((message) => messages.push(message)),
      });
      await wire.send(ping(), accepts === 'text' ? text('a') : binary('a'));
      expect(messages).toHaveLength(1);
      expect(await wire.send(other('never whole').subarray(0, 6))).toEqual([
        `close 1003 this endpoint takes ${accepts} messages alone (RFC 6455 §7.4.1)`,
      ]);
      expect(kind).not.toBe(accepts);
      expect(wire.closure).toMatchObject({ code: 1003, clean: false });
    });
});

describe.each(WIRES)('streams(), %s', (name) => {
  const streaming = (own = {}): Promise<Wire> =>
    openWire(name as WireName, { ...own, serve: (session) => session.streams() });

  test('a message is given at its header, with what that tells', async () => {
    const wire = await streaming();
    const messages = wire.session.streams()[Symbol.asyncIterator]();
    await wire.send(text('hello').subarray(0, 6));
    const whole = (await messages.next()).value!;
    expect([whole.isText, whole.length]).toEqual([true, 5]);
    await wire.send(text('hello').subarray(6), binary('a', false));
    const parted = (await messages.next()).value!;
    expect([parted.isText, parted.length]).toEqual([false, undefined]);
  });

  test('pieces come as they come, and cut no code point', async () => {
    const wire = await streaming();
    const [message] = [wire.session.streams()[Symbol.asyncIterator]().next()];
    const octets = text('a€😀b');
    const pieces: Message[] = [];
    void message.then(async ({ value }) => {
      for await (const piece of value!) pieces.push(piece);
      pieces.push('end');
    });
    await wire.sendEach([...octets].map((octet) => Uint8Array.of(octet)));
    expect(pieces).toEqual(['a', '€', '😀', 'b', 'end']);
  });

  test('the rest of one is dropped when the next is asked for, however long', async () => {
    const wire = await streaming({ limits: LIMITS });
    const messages = wire.session.streams()[Symbol.asyncIterator]();
    await wire.send(binary('x'.repeat(100_000)), text('next'));
    const first = (await messages.next()).value!;
    const pieces = first[Symbol.asyncIterator]();
    expect((await pieces.next()).done).toBe(false);
    expect(wire.unsentBytes).toBeGreaterThan(0);
    const second = messages.next();
    await wire.settled();
    expect(wire.unsentBytes).toBe(0);
    await expect(pieces.next()).rejects.toThrow(TypeError);
    expect((await second).value!.isText).toBe(true);
  });

  test('leaving the loop over its pieces drops the rest too', async () => {
    const wire = await streaming({ limits: LIMITS });
    await wire.send(binary('x'.repeat(100_000)), text('next'));
    const messages = wire.session.streams()[Symbol.asyncIterator]();
    for await (const _ of (await messages.next()).value!) break;
    await wire.settled();
    expect(wire.unsentBytes).toBe(0);
    for await (const piece of (await messages.next()).value!) expect(piece).toBe('next');
  });

  test('a message cut by the end: its reader is told', async () => {
    const wire = await streaming();
    const messages = wire.session.streams()[Symbol.asyncIterator]();
    await wire.send(text('some', false));
    const pieces = (await messages.next()).value![Symbol.asyncIterator]();
    expect((await pieces.next()).value).toBe('some');
    const more = pieces.next();
    const told = expect(more).rejects.toMatchObject({ name: 'PeerGoneError' });
    await wire.cut();
    await told;
    expect((await messages.next()).done).toBe(true);
  });

  test('a message that had begun to be collected comes whole', async () => {
    const wire = await openWire(name);
    await wire.send(text('be', false));
    const messages = wire.session.streams()[Symbol.asyncIterator]();
    await wire.send(continuation('gun'), text('next'));
    for (const words of ['begun', 'next']) {
      for await (const piece of (await messages.next()).value!) expect(piece).toBe(words);
    }
  });
});

describe.each(WIRES)('a listener that failed, %s', (name) => {
  test.each<[string, () => unknown]>([
    ['throws', () => { throw new Error('mine'); }],
    ['rejects', () => Promise.reject(new Error('mine'))],
  ])('is not called again: %s', async (_, fails) => {
    let calls = 0;
    const wire = await openWire(name, {
      serve: (session) => session.onMessage(() => {
        calls++;
        return fails();
      }),
    });
    await wire.send(...Array.from({ length: 300 }, () => text('a')));
    await wire.send(text('b'), text('c'));
    expect([calls, wire.failed]).toEqual([1, [new Error('mine')]]);
  });
});

describe.each(WIRES)('a program that stopped reading, and a peer that left, %s', (name) => {
  test.each<[string, boolean, (session: WebSocketSession) => unknown]>([
    ['it never read', false, () => {}],
    ['it read once', true, async (session) => { for await (const _ of session) break; }],
    ['its listener hangs', true, (session) => session.onMessage(() => new Promise(() => {}))],
  ])('%s: the session ends', async (_, isWanted, serve) => {
    const limits = { unreadBytes: 1000, webSocketDeadMs: 2000, webSocketUnreadMs: 4000 };
    const wire = await openWire(name, { limits, serve });
    for (let at = 0; at < 4; at++) await wire.send(text('x'.repeat(1000)));
    await wire.end();
    for (let at = 0; at < (isWanted ? 15 : 7); at++) await wire.tick(250);
    expect(wire.closure).toBeUndefined();
    for (let at = 0; at < 3; at++) await wire.tick(250);
    expect(wire.closure).toBeDefined();
    expect(String(wire.failed)).toMatch(isWanted ? /webSocketUnreadMs, 4000/ : /nobody reads/);
  });
});
