/** The protocol in a client's role: one core, with masks, and another end (RFC 6455 §7.1.1). */
import { describe, expect, test } from 'vitest';
import { limitsFrom, type LimitChanges } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { prepare, type Message } from '../../src/websocket/prepared-message.ts';
import { WebSocketProtocol, type Closure } from '../../src/websocket/protocol.ts';
import { WebSocketSession } from '../../src/websocket/session.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { frame, join, type Payload } from '../support/websocket.ts';
import { FrameReader, shown } from '../support/websocket-frames.ts';

// Frames of a server
const from = (opcode: number) => (payload: Payload = '', final = true): Uint8Array =>
  frame(opcode, payload, { final, key: null });
const [continuation, text, close, ping] = [from(0), from(1), from(8), from(9)];
const NORMAL = Buffer.from([3, 232]);

interface Client {
  readonly transport: MemoryTransport;
  readonly session: WebSocketSession;
  readonly reader: FrameReader;
  readonly closures: Closure[];
  /** Sends octets of the server, and gives the frames that came out, in words. */
  send(...octets: readonly Uint8Array[]): Promise<string[]>;
}

function openClient(limits: LimitChanges = {}): Client {
  const all = limitsFrom(limits);
  const closures: Closure[] = [];
  let end!: (closure: Closure) => void;
  const closed = new Promise<Closure>((resolve) => { end = resolve; });
  let wire!: WebSocketProtocol;
  let key = 0x0102_0304;
  const transport = new MemoryTransport((given) => (wire = new WebSocketProtocol(given, {
    limits: all, accepts: undefined, drainCode: 1001, deflate: undefined,
    zlib: new ZlibBudget({ inline: true }),
    nextKey: () => (key = Math.imul(key, 0x9e37_79b1) | 0),
    drainDelay: () => 0, failed: () => {}, broken: () => {}, refused: () => {},
    draining: () => {},
    ended: (closure) => {
      closures.push(closure);
      end(closure);
    },
  })), { limits: all });
  const reader = new FrameReader('client');
  return {
    transport, reader, closures,
    session: new WebSocketSession(wire, closed, undefined, '', false),
    send: async (...octets) => {
      if (octets.length > 0) transport.send(join(...octets));
      await transport.settle();
      return reader.read(transport.takeBytes()).map(shown);
    },
  };
}

describe('§5.1, §5.3 masks', () => {
  test('every frame that leaves is masked, each with a key of its own', async () => {
    const client = openClient();
    const { session } = client;
    void session.send('text');
    void session.send(Buffer.from('octets'));
    void session.send(prepare('prepared'));
    void session.send('long '.repeat(2000));
    void session.send(Buffer.alloc(70_000, 'x'));
    void session.send((async function* pieces() { yield 'a'; yield 'b'; })());
    await client.send();
    void session.ping();
    void session.close(4000, 'bye');
    expect(await client.send(ping('p'))).toEqual(['ping \0\0\0\u0001', 'close 4000 bye']);
    expect(new Set(client.reader.keys).size).toBe(client.reader.keys.length);
    expect(client.reader.keys).toHaveLength(10);
  });

  test('what was given to be sent is not masked in place', async () => {
    const client = openClient();
    const octets = Buffer.alloc(10_000, 'x');
    void client.session.send(octets);
    expect(await client.send()).toEqual(['binary <10000>']);
    expect(octets.equals(Buffer.alloc(10_000, 'x'))).toBe(true);
  });

  test('a frame of the server that is masked closes with 1002', async () => {
    const client = openClient();
    expect(await client.send(frame(1, 'a')))
      .toEqual(['close 1002 a frame is masked (RFC 6455 §5.1)']);
    expect(client.closures).toMatchObject([{ code: 1002, clean: false }]);
  });

  test('a pong is masked too', async () => {
    const client = openClient();
    expect(await client.send(ping('p'))).toEqual(['pong p']);
  });
});

describe('§5.4 messages of a server', () => {
  test('whole and in fragments', async () => {
    const client = openClient();
    const messages: Message[] = [];
    client.session.onMessage((message) => messages.push(message));
    await client.send(text('a'), text('b', false), ping(), continuation('c'));
    expect(messages).toEqual(['a', 'bc']);
  });
});

describe('§7.1.1 the server ends first', () => {
  test('a client waits for it, and ends its side then', async () => {
    const client = openClient();
    expect(await client.send(close(NORMAL))).toEqual(['close 1000']);
    expect(client.transport.ended).toBe(false);
    expect(client.closures).toEqual([{ code: 1000, reason: '', clean: true }]);
    client.transport.sendEof();
    await client.send();
    expect(client.transport.ended).toBe(true);
    expect(client.transport.closed).toBe(true);
    expect(client.closures).toHaveLength(1);
  });

  test('for webSocketCloseMs, not longer', async () => {
    const client = openClient({ webSocketCloseMs: 2000 });
    await client.send(close(NORMAL));
    client.transport.tick(1750);
    expect(client.transport.ended).toBe(false);
    client.transport.tick(250);
    expect(client.transport.ended).toBe(true);
  });

  test('ours is answered first', async () => {
    const client = openClient();
    void client.session.close(1000);
    expect(await client.send()).toEqual(['close 1000']);
    expect(client.closures).toEqual([]);
    await client.send(close(NORMAL));
    expect(client.closures).toEqual([{ code: 1000, reason: '', clean: true }]);
    expect(client.transport.ended).toBe(false);
    client.transport.sendEof();
    await client.send();
    expect(client.transport.closed).toBe(true);
  });

  test('also where the program had stopped the server', async () => {
    const client = openClient({ unreadBytes: 100 });
    await client.send(text('unread'.repeat(100)), close(NORMAL));
    expect(client.transport.paused).toBe(true);
    void client.session.close(1000);
    await client.send();
    expect(client.closures).toEqual([{ code: 1000, reason: '', clean: true }]);
    client.transport.sendEof();
    await client.send();
    expect(client.transport.closed).toBe(true);
  });

  test('1006 where it ends without a Close', async () => {
    const client = openClient();
    client.transport.sendEof();
    await client.send();
    expect(client.closures).toEqual([{ code: 1006, reason: '', clean: false }]);
    expect(client.transport.closed).toBe(true);
  });
});
