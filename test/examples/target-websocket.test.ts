/** The target's WebSockets, over HTTP/1.1 and HTTP/2. */
import { createHash } from 'node:crypto';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connectWebSocket, type ConnectOptions, type WebSocketSession } from '../../src/index.ts';
import { BINARY, CLOSE, CONTINUATION, TEXT } from '../../src/websocket/frame.ts';
import { ask } from '../support/http2-sockets.ts';
import { startExample } from '../support/process.ts';
import { connected, eventually } from '../support/sockets.ts';
import { head } from '../support/vectors.ts';
import { binary, close, continuation, frame, join, text } from '../support/websocket.ts';
import { askWebSocket, tunnelSession, type StreamPeer } from '../support/websocket-stream.ts';

vi.setConfig({ testTimeout: 60_000 });

const target = await startExample(afterAll, 'target', '--port', '0');
const MIB = 1024 * 1024;
/** What comes back is as long as what was sent. */
const LARGE = { webSocketMessageBytes: 32 * MIB, ledgerBytes: 128 * MIB };

async function open(path: string, options?: ConnectOptions): Promise<WebSocketSession> {
  const session = await connectWebSocket(`${target.url}${path}`, options);
  onTestFinished(() => session.terminate());
  return session;
}

async function openStream(path: string): Promise<StreamPeer> {
  return askWebSocket(await tunnelSession(target.port), path);
}

async function next(session: WebSocketSession): Promise<unknown> {
  return (await session[Symbol.asyncIterator]().next()).value;
}

function handshake(path: string): string {
  return head(
    `GET ${path} HTTP/1.1`, 'Host: a', 'Upgrade: websocket', 'Connection: Upgrade',
    'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  );
}

function sum(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}

describe.each(['/', '/ws/echo'])('%s sends back what comes', (path) => {
  test('over HTTP/1.1', async () => {
    const session = await open(path);
    for (const message of ['', 'hello', 'ä€😀', Uint8Array.of(), Uint8Array.of(0, 255)]) {
      await session.send(message);
      expect(await next(session)).toEqual(message);
    }
    expect(await session.close()).toMatchObject({ code: 1000, clean: true });
  });

  test('over HTTP/2', async () => {
    const peer = await openStream(path);
    expect(peer.status).toBe(200);
    peer.send(text('hello'), binary(Uint8Array.of(1)), text('in ', false), continuation('two'));
    expect((await peer.framed(3)).map(({ payload }) => `${payload}`))
      .toEqual(['hello', '\x01', 'in two']);
    peer.send(close(1000));
    await peer.sawEnd();
    expect(peer.frames.at(-1)?.opcode).toBe(CLOSE);
  });

  test('16 MiB over HTTP/1.1', async () => {
    const session = await open(path, { limits: LARGE });
    const octets = Buffer.alloc(16 * MIB, 'sixteen mebibytes ');
    await session.send(octets);
    const back = await next(session) as Uint8Array;
    expect([back.length, sum(back)]).toEqual([octets.length, sum(octets)]);
    const long = 'ü'.repeat(8 * MIB);
    await session.send(long);
    expect(await next(session) === long).toBe(true);
  });

  test('16 MiB over HTTP/2', async () => {
    const peer = await openStream(path);
    const octets = Buffer.alloc(16 * MIB, 'sixteen mebibytes ');
    peer.send(binary(octets));
    const [back] = await peer.framed(1);
    expect([back?.payload.length, back?.final]).toEqual([octets.length, true]);
    expect(sum(back?.payload as Uint8Array)).toBe(sum(octets));
  });

  test('65,536 fragments, over HTTP/1.1 and HTTP/2', async () => {
    const all = join(
      text('a', false), ...Array.from({ length: 65_534 }, () => continuation('b', false)),
      continuation('c'),
    );
    const message = `a${'b'.repeat(65_534)}c`;
    const peer = await openStream(path);
    peer.send(all);
    expect(`${(await peer.framed(1))[0]?.payload}`).toBe(message);

    const session = await open(path);
    await session.send((async function* pieces() {
      yield 'a';
      for (let left = 65_533; left > 0; left--) yield 'b';
      yield 'bc';
    })());
    expect(await next(session)).toBe(message);
  });

  test('32 MiB are the most (RFC 6455 §10.4)', async () => {
    const session = await open(path, { limits: LARGE });
    await session.send(new Uint8Array(32 * MIB));
    expect((await next(session) as Uint8Array).length).toBe(32 * MIB);
    // Its header alone: who sends all of one that is too long may lose the answer to a reset.
    const header = frame(BINARY, '', { length: BigInt(32 * MIB + 1) });
    const peer = await openStream(path);
    peer.send(header);
    const [answer] = await peer.framed(1);
    expect([answer?.opcode, answer?.payload.readUInt16BE(0)]).toEqual([CLOSE, 1009]);
    const client = await connected(target.port);
    await client.send(handshake(path)).saw('\r\n\r\n');
    await client.send(header).saw('\x03\xf1a frame is over webSocketMessageBytes, ');
  });
});

test('deflate is agreed on at / and not at /ws/echo', async () => {
  const one = await open('/', { deflate: true });
  const other = await open('/ws/echo', { deflate: true });
  expect([one.compressed, other.compressed]).toEqual([true, false]);
  const long = 'again and '.repeat(100_000);
  await one.send(long);
  expect(await next(one) === long).toBe(true);
});

describe('what asks for no WebSocket', () => {
  test.each(['/ws/echo', '/ws/broadcast'])('GET of %s is 426 (RFC 9110 §15.5.22)', async (path) => {
    const client = await connected(target.port);
    const [answer] = await client.send(head(`GET ${path} HTTP/1.1`, 'Host: a')).answered(1);
    expect([answer?.status, answer?.fields.get('upgrade')]).toEqual([426, 'websocket']);
    // HTTP/2 has no Upgrade.
    const on = await tunnelSession(target.port);
    expect((await ask(on, path)).status).toBe(400);
  });

  test('GET of / is the page', async () => {
    const on = await tunnelSession(target.port);
    expect((await ask(on, '/')).body).toBe('Hello, World!');
  });

  test('a path that has none is 404', async () => {
    await expect(open('/nothing')).rejects.toMatchObject({ status: 404 });
    const on = await tunnelSession(target.port);
    expect((await askWebSocket(on, '/nothing')).status).toBe(404);
  });

  test('a page of another origin is 403 (RFC 6455 §10.2)', async () => {
    const fields = { origin: 'https://other.example' };
    await expect(open('/ws/echo', { fields })).rejects.toMatchObject({ status: 403 });
  });
});

describe('/ws/broadcast', () => {
  test('what one sends all have, over both versions, in order', async () => {
    const sessions = await Promise.all([open('/ws/broadcast'), open('/ws/broadcast')]);
    const peer = await openStream('/ws/broadcast');
    for (let round = 0; round < 100; round++) await sessions[0].send(`round ${round}`);
    for (const session of sessions) {
      for (let round = 0; round < 100; round++) expect(await next(session)).toBe(`round ${round}`);
    }
    const frames = await peer.framed(100);
    expect(frames.map(({ payload }) => `${payload}`))
      .toEqual(Array.from({ length: 100 }, (_, round) => `round ${round}`));
  });

  test('who does not read is closed with 1013, and the others have all', async () => {
    const COUNT = 400;
    const message = 'x'.repeat(64 * 1024);
    const slow = await connected(target.port);
    await slow.send(handshake('/ws/broadcast')).saw('\r\n\r\n');
    slow.socket.pause();
    const slowStream = await openStream('/ws/broadcast');
    slowStream.stream.pause();
    const reader = await open('/ws/broadcast');
    const sender = await open('/ws/broadcast');
    let received = 0;
    let own = 0;
    reader.onMessage(() => void received++);
    sender.onMessage(() => void own++);
    for (let round = 0; round < COUNT; round++) {
      await sender.send(message);
      // No faster than its own are back: the sender is to be no slow reader.
      await eventually(() => own > round - 4, 'its own came back');
    }
    await eventually(() => received === COUNT, 'all were received');
    slow.socket.resume();
    slowStream.stream.resume();
    await slow.saw('\x03\xf5over webSocketQueueBytes: a slow reader');
    await eventually(() => slowStream.frames.at(-1)?.opcode === CLOSE, 'Close came');
    expect(slowStream.frames.at(-1)?.payload.readUInt16BE(0)).toBe(1013);
    const before = slowStream.frames.slice(0, -1);
    expect(before.every(({ opcode, final }) => opcode === TEXT && final)).toBe(true);
    expect(before.length).toBeLessThan(COUNT);
    expect(before.some(({ opcode }) => opcode === CONTINUATION)).toBe(false);
    expect([reader.isOpen, sender.isOpen]).toEqual([true, true]);
  });
});
