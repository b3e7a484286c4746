/** The session: what a program holds of a WebSocket. Each part has its own test beside this. */
import { describe, expect, test } from 'vitest';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import { close, continuation, frame, text } from '../support/websocket.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { WIRES, openWire, type Wire } from '../support/websocket-session.ts';

describe.each(WIRES)('a session, %s', (name) => {
  test('tells what was agreed on', async () => {
    const { session } = await openWire(name, {
      subprotocols: ['chat'], deflate: true, fields: {
        'sec-websocket-protocol': 'other, chat',
        'sec-websocket-extensions': 'permessage-deflate',
      },
    });
    expect([session.protocol, session.compressed, session.isOpen]).toEqual(['chat', true, true]);
    expect(session.request?.version).toBe(name === 'HTTP/2' ? '2' : '1.1');
    expect(session.request?.fields.get('sec-websocket-protocol')).toBe('other, chat');
  });

  test('tells that nothing was', async () => {
    const { session } = await openWire(name);
    expect([session.protocol, session.compressed, session.bufferedBytes]).toEqual(['', false, 0]);
  });

  test('may be used at once, and kept', async () => {
    const wire = await openWire(name, {
      serve: (session) => {
        void session.send('welcome');
        void session.close(4000, 'so soon');
      },
    });
    expect(await wire.settled()).toEqual(['text welcome', 'close 4000 so soon']);
  });

  test('echoes by the loop of its own description', async () => {
    const wire = await openWire(name, {
      serve: async (session) => {
        for await (const message of session) await session.send(message);
      },
    });
    expect(await wire.send(text('a'), text('b'))).toEqual(['text a', 'text b']);
    expect(await wire.send(frame(2, 'c'))).toEqual(['binary c']);
    expect(await wire.send(close(1000))).toEqual(['close 1000']);
  });

  test.each<[string, (session: WebSocketSession) => unknown]>([
    ['throws', () => { throw new Error('broken'); }],
    ['rejects', async () => { throw new Error('broken'); }],
    ['rejects later', async (session) => {
      for await (const message of session) throw new Error(`broken${message as string}`);
    }],
  ])('where its handler %s: 1011, and the program is told', async (_, serve) => {
    const wire = await openWire(name, { serve });
    await wire.send(text(''));
    expect(wire.all.map(({ opcode, payload }) => [opcode, payload.readUInt16BE()]))
      .toEqual([[8, 1011]]);
    expect(wire.failed.map((error) => (error as Error).message)).toEqual(['broken']);
  });

  test('goes on where its handler returns', async () => {
    const wire = await openWire(name, { serve: () => 'anything' });
    void wire.session.send('still');
    expect(await wire.settled()).toEqual(['text still']);
  });

  test.each<[string, (wire: Wire) => Promise<unknown>]>([
    ['we close', (wire) => {
      void wire.session.close();
      return wire.settled();
    }],
    ['the peer closes', (wire) => wire.send(close(1000))],
    ['the peer offends', (wire) => wire.send(frame(3))],
    ['the peer ends', (wire) => wire.end()],
    ['it is cut', (wire) => wire.cut()],
    ['it is terminated', (wire) => {
      wire.session.terminate();
      return wire.settled();
    }],
  ])('is not open after %s, and says so everywhere', async (_, end) => {
    const wire = await openWire(name);
    const { session } = wire;
    await end(wire);
    expect(session.isOpen).toBe(false);
    expect(session.trySend('late')).toBe(false);
    await expect(session.send('late')).rejects.toMatchObject({ name: 'PeerGoneError' });
    await expect(session.send((async function* none() {})()))
      .rejects.toMatchObject({ name: 'PeerGoneError' });
    await expect(session.ping()).rejects.toMatchObject({ name: 'PeerGoneError' });
    const came = wire.all.length;
    void session.close(4000);
    session.terminate();
    await wire.settled();
    expect(wire.all).toHaveLength(came);
  });

  test('terminate is at once: nothing may be sent behind it', async () => {
    const { session } = await openWire(name);
    session.terminate();
    expect(session.isOpen).toBe(false);
    expect(session.trySend('late')).toBe(false);
    await expect(session.send('late')).rejects.toMatchObject({ name: 'PeerGoneError' });
  });

  test('what closed says has a cause where there was no Close', async () => {
    const cut = await openWire(name);
    await cut.cut();
    expect(cut.cause).toBeInstanceOf(Error);
    const closed = await openWire(name);
    await closed.send(close(1000));
    expect(closed.cause).toBeUndefined();
  });

  test('streams(): any number of fragments, up to webSocketMessageBytes', async () => {
    const pieces: unknown[] = [];
    const wire = await openWire(name, {
      limits: { webSocketFragments: 2, webSocketMessageBytes: 100 },
      serve: async (session) => {
        for await (const message of session.streams()) for await (const one of message) {
          pieces.push(one);
        }
      },
    });
    await wire.send(text('a', false));
    for (let at = 0; at < 98; at++) await wire.send(continuation('b', false));
    expect(await wire.send(continuation('c'))).toEqual([]);
    expect(pieces.join('')).toBe(`a${'b'.repeat(98)}c`);
    expect((await wire.send(text('x'.repeat(101))))[0]).toMatch(/^close 1009 /);
  });

  test('its request is told of the end, and of why', async () => {
    const wire = await openWire(name);
    const { signal } = wire.session.request!;
    expect(signal.aborted).toBe(false);
    await wire.send(frame(3));
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ name: 'PeerGoneError', cause: { code: 1002 } });
  });

  test('what nobody awaits ends no process', async () => {
    const wire = await openWire(name);
    expect(await unhandledDuring(async () => {
      void wire.session.ping();
      void wire.session.send((async function* broken() {
        yield 'a';
        throw new Error('broken');
      })());
      void wire.session.send('behind');
      await wire.settled();
      await wire.cut();
    })).toEqual([]);
  });

  test('nor what comes too late', async () => {
    const wire = await openWire(name);
    await wire.cut();
    expect(await unhandledDuring(async () => {
      void wire.session.ping();
      void wire.session.send('late');
      void wire.session.send((async function* late() {})());
      void wire.session.close();
      await wire.settled();
    })).toEqual([]);
  });
});

describe.each(WIRES)('from within, %s', (name) => {
  const acts: [string, (session: WebSocketSession) => unknown, boolean][] = [
    ['sends', (session) => session.send('more'), false],
    ['sends pieces', (session) => session.send((async function* one() { yield 'p'; })()), false],
    ['pings', (session) => session.ping(), false],
    ['closes', (session) => session.close(4000), true],
    ['terminates', (session) => session.terminate(), true],
  ];

  test.each(acts)('a listener that %s', async (_, act, ends) => {
    const wire = await openWire(name, {
      serve: (session) => session.onMessage(() => void act(session)),
    });
    await wire.send(text('a'), text('b'), text('c', false));
    expect(wire.session.isOpen).toBe(!ends);
    await wire.send(close(1000));
    await wire.tick(10_000);
    expect(wire.closure).toBeDefined();
    expect(wire.failed).toEqual([]);
  });

  test.each(acts)('a source that %s when it is asked, and when it is told', async (_, act) => {
    const wire = await openWire(name);
    let asked = 0;
    const sent = wire.session.send({
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          void act(wire.session);
          return asked++ < 3 ? { value: `${asked}` } : { done: true as const, value: undefined };
        },
        return: async () => {
          void act(wire.session);
          return { done: true as const, value: undefined };
        },
      }),
    }).then(() => 'sent', () => 'rejected');
    await wire.settled();
    await wire.send(close(1000));
    await wire.tick(10_000);
    expect(await sent).toMatch(/sent|rejected/);
    expect(wire.closure).toBeDefined();
    expect(wire.failed).toEqual([]);
  });

  test.each(acts)('who waits for the end and %s', async (_, act) => {
    const wire = await openWire(name, {
      serve: async (session) => {
        await session.closed;
        void act(session);
      },
    });
    expect(await wire.send(close(1000))).toEqual(['close 1000']);
    expect(await wire.settled()).toEqual([]);
    expect(wire.failed).toEqual([]);
  });
});
