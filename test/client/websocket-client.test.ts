/** A WebSocket client on real sockets: what it refuses to try, its attempts, its masks, its end. */
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  HandshakeRefusedError, connectWebSocket, prepare, webSocket,
  type ConnectOptions, type HttpRequest, type WebSocketSession,
} from '../../src/index.ts';
import { eventually, serve } from '../support/sockets.ts';
import { CA, leaf, serveTls } from '../support/tls-peers.ts';
import { BINARY, CLOSE, PING, PONG, TEXT } from '../../src/websocket/frame.ts';
import { frame, join } from '../support/websocket.ts';
import {
  askedServer, keyIn, switching, type AskedPeer, type AskedServer,
} from '../support/websocket-peer.ts';

const HOST = '127.0.0.1';
const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((one) => one?.address === '::1');

const echo = webSocket(async (session) => {
  for await (const message of session) await session.send(message);
});

async function next(session: WebSocketSession): Promise<unknown> {
  return (await session[Symbol.asyncIterator]().next()).value;
}

/** One message there and back, and a clean end. */
async function works(session: WebSocketSession): Promise<void> {
  await session.send('hello');
  expect(await next(session)).toBe('hello');
  expect(await session.close(4000, 'enough')).toMatchObject({ code: 4000, clean: true });
}

/** A client, and its server in octets. */
async function pair(options: ConnectOptions = {}): Promise<[WebSocketSession, AskedPeer]> {
  const server = await askedServer();
  const attempt = connectWebSocket(server.url, options);
  const peer = (await server.asked()).accept();
  return [await attempt, peer];
}

/** Of a server: not masked. */
const sent = (opcode: number, payload: string | Uint8Array = ''): Uint8Array =>
  frame(opcode, payload, { key: null });
const sentClose = (code: number): Uint8Array => sent(CLOSE, Uint8Array.of(code >> 8, code));

describe('what is not tried', () => {
  test.each([
    ['a name', 'Invalid URL'], ['/path', 'Invalid URL'], ['', 'Invalid URL'],
    ['ftp://a/', 'ftp: is no scheme of WebSocket: use ws: or wss:'],
    ['file:///a', 'file: is no scheme of WebSocket: use ws: or wss:'],
    ['ws://a/#part', 'a WebSocket URL has no fragment (RFC 6455 §3)'],
    ['ws://me@a/', 'a WebSocket URL has no user: send an authorization field'],
    ['wss://:secret@a/', 'a WebSocket URL has no user: send an authorization field'],
  ])('%j', (url, message) => {
    expect(() => connectWebSocket(url)).toThrow(TypeError);
    expect(() => connectWebSocket(url)).toThrow(message);
  });

  test.each<[string, object, RegExp]>([
    ['an unknown option', { subprotocol: ['a'] }, /knows no.* subprotocol; it knows subprotocols/],
    ['null', null as never, /takes an object/],
    ['text for subprotocols', { subprotocols: 'chat' }, /subprotocols are a list/],
    ['a subprotocol that is no token', { subprotocols: ['a b'] }, /tokens, each once/],
    ['a subprotocol twice', { subprotocols: ['a', 'a'] }, /tokens, each once/],
    ['a field of the handshake', { fields: { host: 'b' } }, /the handshake's own/],
    ['another kind of message', { accepts: 'json' }, /accepts is 'text' or 'binary'/],
    ['an unknown limit', { limits: { messageBytes: 1 } }, /unknown limit messageBytes/],
    ['a controller for its signal', { signal: new AbortController() }, /signal is an AbortSignal/],
  ])('%s', async (_, options, message) => {
    const { url, clients } = await askedServer();
    expect(() => connectWebSocket(url, options)).toThrow(TypeError);
    expect(() => connectWebSocket(url, options)).toThrow(message);
    expect(clients).toEqual([]);
  });

  test('a window that cannot be (RFC 7692 §7.1.2)', () => {
    const deflate = { clientMaxWindowBits: 8 };
    expect(() => connectWebSocket('ws://a/', { deflate })).toThrow(RangeError);
  });
});

describe('where it connects', () => {
  async function seen(url: string | URL, options?: ConnectOptions): Promise<HttpRequest> {
    const session = await connectWebSocket(url, options);
    const target = JSON.parse(await next(session) as string) as HttpRequest;
    await session.close();
    return target;
  }

  const tell = webSocket((session) => {
    const { target, authority, peer } = session.request as HttpRequest;
    const { secure } = peer;
    void session.send(JSON.stringify({
      target, authority, secure, serverName: peer.tls?.serverName, alpn: peer.tls?.alpn,
    }));
  });

  test.each(['ws', 'http'])('%s:, with its path and query', async (scheme) => {
    const { port } = await serve(tell);
    expect(await seen(`${scheme}://${HOST}:${port}/a%20b/?c=d`))
      .toEqual({ target: '/a%20b/?c=d', authority: `${HOST}:${port}`, secure: false });
  });

  test('a URL; without a path it is /', async () => {
    const { port } = await serve(tell);
    expect(await seen(new URL(`ws://localhost:${port}?x`)))
      .toMatchObject({ target: '/?x', authority: `localhost:${port}` });
  });

  test.each(['wss', 'https'])('%s:, with ca', async (scheme) => {
    const { port } = await serveTls({ handler: tell });
    const options = { tls: { ca: CA } };
    expect(await seen(`${scheme}://localhost:${port}/`, options)).toMatchObject({
      secure: true, serverName: 'localhost', alpn: 'http/1.1', authority: `localhost:${port}`,
    });
    // An address is no name (RFC 6066 §3).
    expect(await seen(`${scheme}://${HOST}:${port}/`, options)).toMatchObject({ serverName: '' });
  });

  test('another name for TLS', async () => {
    const { port } = await serveTls({ handler: tell, certificates: leaf('a.test') });
    const url = `wss://${HOST}:${port}/`;
    // What it is asked for must be what its certificate has (RFC 9110 §7.4).
    await expect(seen(url, { tls: { ca: CA } })).rejects.toThrow(/not in the cert's list/);
    const tls = { ca: CA, servername: 'a.test' };
    await expect(seen(url, { tls })).rejects.toMatchObject({ status: 421 });
  });

  test('without trust there is no session', async () => {
    const { port } = await serveTls({ handler: tell });
    await expect(connectWebSocket(`wss://localhost:${port}/`))
      .rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  test('wss: to a server of clear text', async () => {
    const server = await askedServer();
    const attempt = connectWebSocket(`wss://${HOST}:${server.port}/`);
    const refused = expect(attempt).rejects.toThrow();
    await eventually(() => (server.clients[0]?.receivedBytes ?? 0) > 0, 'its hello came');
    server.clients[0]?.send('HTTP/1.1 400 Bad Request\r\n\r\n');
    await refused;
  });

  test('a port at which nobody listens', async () => {
    const server = createServer().listen(0, HOST);
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    await expect(connectWebSocket(`ws://${HOST}:${port}/`))
      .rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a name that nobody has (RFC 6761 §6.4)', async () => {
    await expect(connectWebSocket('ws://nobody.invalid/')).rejects.toThrow(/nobody\.invalid/);
  });

  describe('IPv6', () => {
    if (!HAS_IPV6) test.skip('skipped: needs [::1]', () => {});
    test.runIf(HAS_IPV6)('[::1]', async () => {
      const { port } = await serve(tell, {}, { host: '::1' });
      expect(await seen(`ws://[::1]:${port}/`)).toMatchObject({ authority: `[::1]:${port}` });
    });

    test.runIf(HAS_IPV6)('[::1] with TLS', async () => {
      const { port } = await serveTls({ handler: tell, target: { host: '::1' } });
      expect(await seen(`wss://[::1]:${port}/`, { tls: { ca: CA } }))
        .toMatchObject({ authority: `[::1]:${port}`, serverName: '', secure: true });
    });
  });
});

describe('§4.1 what comes of the answer', () => {
  test('a session that knows what was agreed on', async () => {
    const handler = webSocket(() => {}, { subprotocols: ['b'], deflate: true });
    const { port } = await serve(handler);
    const url = `ws://${HOST}:${port}/`;
    const plain = await connectWebSocket(url);
    expect([plain.protocol, plain.compressed, plain.isOpen, plain.request])
      .toEqual(['', false, true, undefined]);
    const full = await connectWebSocket(url, { subprotocols: ['a', 'b'], deflate: true });
    expect([full.protocol, full.compressed]).toEqual(['b', true]);
    await Promise.all([plain.close(), full.close()]);
  });

  test('frames in the segment of the 101 are messages', async () => {
    const server = await askedServer();
    const attempt = connectWebSocket(server.url);
    const peer = await server.asked();
    const frames = join(sent(TEXT, 'at once'), sent(BINARY, Uint8Array.of(1, 2)), sentClose(1000));
    peer.send(join(switching(peer.request), frames));
    const session = await attempt;
    expect(await next(session)).toBe('at once');
    expect(await next(session)).toEqual(Uint8Array.of(1, 2));
    expect(await next(session)).toBeUndefined();
  });

  test('a refusal, with its status and fields', async () => {
    const { port } = await serve(webSocket(() => {}, { requireOrigin: true }));
    const error = await connectWebSocket(`ws://${HOST}:${port}/`).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(HandshakeRefusedError);
    expect(error).toMatchObject({ status: 403, name: 'HandshakeRefusedError' });
    expect((error as HandshakeRefusedError).fields.get('content-type'))
      .toBe('application/problem+json');
  });

  test('a page is no WebSocket', async () => {
    const { port } = await serveTls();
    await expect(connectWebSocket(`ws://${HOST}:${port}/`)).rejects.toMatchObject({ status: 200 });
  });

  test('a broken answer ends the connection', async () => {
    const server = await askedServer();
    const attempt = connectWebSocket(server.url);
    const refused = expect(attempt).rejects.toThrow('a broken status line (RFC 9112 §4)');
    const { client } = (await server.asked()).send('no HTTP at all\r\n\r\n');
    await refused;
    await client.gone();
  });

  test.each([
    ['FIN', 'the server ended the connection before its answer'], ['a reset', 'ECONNRESET'],
  ])(
    '%s in place of an answer', async (how, message) => {
      const server = await askedServer();
      const attempt = connectWebSocket(server.url);
      const refused = expect(attempt).rejects.toThrow(message);
      const { client } = await server.asked();
      if (how === 'FIN') client.socket.end('HTTP/1.1 101');
      else client.socket.resetAndDestroy();
      await refused;
    },
  );

  test('no answer within headMs', async () => {
    const server = await askedServer();
    await expect(connectWebSocket(server.url, { limits: { headMs: 1 } }))
      .rejects.toThrow('the server did not answer within headMs, 1');
    await server.clients[0]?.sawEnd();
  });

  test('no TLS handshake within tlsHandshakeMs', async () => {
    const server = await askedServer();
    const limits = { tlsHandshakeMs: 50 };
    await expect(connectWebSocket(`wss://${HOST}:${server.port}/`, { limits }))
      .rejects.toThrow('there was no TLS handshake within tlsHandshakeMs, 50');
    await server.clients[0]?.sawEnd();
  });
});

describe('a signal', () => {
  /** How many wait for the signal. */
  const waiting = ({ signal }: AbortController): number =>
    getEventListeners(signal, 'abort').length;

  test('that was given before: nobody is asked', async () => {
    const server = await askedServer();
    await expect(connectWebSocket(server.url, { signal: AbortSignal.abort() }))
      .rejects.toMatchObject({ name: 'AbortError' });
    const cause = new Error('mine');
    await expect(connectWebSocket(server.url, { signal: AbortSignal.abort(cause) }))
      .rejects.toBe(cause);
    const peer = connectWebSocket(server.url);
    (await server.asked()).accept();
    (await peer).terminate();
    expect(server.clients).toHaveLength(1);
  });

  const during: readonly (readonly [string, string, (server: AskedServer) => unknown])[] = [
    ['at once', 'ws', () => {}],
    ['while the answer is due', 'ws', (server) => server.asked()],
    ['within the answer', 'ws', async (server) => {
      (await server.asked()).send('HTTP/1.1 101 Sw');
    }],
    ['within the TLS handshake', 'wss', (server) =>
      eventually(() => (server.clients[0]?.receivedBytes ?? 0) > 0, 'its hello came')],
  ];

  test.each(during)('%s (%s)', async (_, scheme, moment) => {
    const server = await askedServer();
    const control = new AbortController();
    const { signal } = control;
    const attempt = connectWebSocket(`${scheme}://${HOST}:${server.port}/`, { signal });
    const cause = new Error('mine');
    const refused = expect(attempt).rejects.toBe(cause);
    await moment(server);
    expect(waiting(control)).toBe(1);
    control.abort(cause);
    await refused;
    expect(waiting(control)).toBe(0);
    await Promise.all(server.clients.map((client) => client.sawEnd()));
  });

  test('after the session is open it means nothing', async () => {
    const { port } = await serve(echo);
    const control = new AbortController();
    const session = await connectWebSocket(`ws://${HOST}:${port}/`, { signal: control.signal });
    expect(waiting(control)).toBe(0);
    control.abort();
    await works(session);
  });

  test('a reason that is no Error is told in one', async () => {
    const server = await askedServer();
    await expect(connectWebSocket(server.url, { signal: AbortSignal.abort('enough') }))
      .rejects.toThrow('enough');
  });
});

describe('§5.3 masks', () => {
  test('every frame has a key of its own, whatever it is', async () => {
    const [session, peer] = await pair();
    const prepared = prepare('prepared');
    for (let round = 0; round < 400; round++) {
      await session.send('the same');
      await session.send(prepared);
      await session.send(Uint8Array.of(1, 2, 3, 4, 5));
    }
    await session.send((async function* pieces() { yield 'in '; yield 'pieces'; })());
    void session.ping();
    peer.send(sent(PING, 'there?'));
    const frames = await peer.framed(1205);
    const { key } = frames[0] as { key: number };
    expect(typeof key).toBe('number');
    void session.close();
    const all = await peer.framed(1206);
    expect(all.filter((one) => one.key === undefined)).toEqual([]);
    // Of 2^32 keys, two of 1206 are the same once in 6000 runs; three hardly ever.
    expect(new Set(all.map((one) => one.key)).size).toBeGreaterThanOrEqual(1205);
    expect(all.slice(0, 3).map(({ opcode, payload }) => [opcode, `${payload}`]))
      .toEqual([[TEXT, 'the same'], [TEXT, 'prepared'], [BINARY, '\x01\x02\x03\x04\x05']]);
    expect(all.slice(1200).map(({ opcode, final }) => [opcode, final])).toEqual([
      [TEXT, false], [0, false], [0, true], [PING, true], [PONG, true], [CLOSE, true],
    ]);
    expect(`${all[1204]?.payload}`).toBe('there?');
  });

  test('what a program sends is left as it was', async () => {
    const [session, peer] = await pair();
    const octets = new Uint8Array(100_000).fill(7);
    await session.send(octets);
    const [only] = await peer.framed(1);
    expect(only?.payload.equals(octets)).toBe(true);
    expect(octets.every((octet) => octet === 7)).toBe(true);
    session.terminate();
  });

  test('nothing of one connection is used on another', async () => {
    const server = await askedServer();
    const keys = new Set<number | undefined>();
    const asked = new Set<string>();
    for (let round = 0; round < 20; round++) {
      const attempt = connectWebSocket(server.url);
      const peer = (await server.asked()).accept();
      asked.add(keyIn(peer.request));
      const session = await attempt;
      await session.send('x');
      keys.add((await peer.framed(1))[0]?.key);
      session.terminate();
    }
    expect([asked.size, keys.size]).toEqual([20, 20]);
    // 16 octets (§4.1).
    for (const key of asked) expect(Buffer.from(key, 'base64')).toHaveLength(16);
  });

  test('a masked frame of a server is an offence (§5.1)', async () => {
    const [session, peer] = await pair();
    peer.send(frame(TEXT, 'masked'));
    expect(await session.closed).toMatchObject({ code: 1002, clean: false });
    const [close] = await peer.framed(1);
    expect(close?.payload.readUInt16BE(0)).toBe(1002);
  });
});

describe('§7 the end', () => {
  test('the server says Close: it is answered, and the server ends its side first', async () => {
    const [session, peer] = await pair();
    peer.send(sentClose(4001));
    expect(await session.closed).toEqual({ code: 4001, reason: '', clean: true });
    const [close] = await peer.framed(1);
    expect([close?.opcode, close?.payload.readUInt16BE(0)]).toEqual([CLOSE, 4001]);
    expect(peer.client.ended).toBe(false);
    peer.client.socket.end();
    await peer.client.gone();
  });

  test('a server that does not end its side is left after webSocketCloseMs', async () => {
    const [session, peer] = await pair({ limits: { webSocketCloseMs: 1, lingerMs: 1 } });
    peer.send(sentClose(1000));
    await session.closed;
    await peer.client.sawEnd();
    // Nobody is there any more.
    await eventually(() => peer.send('x').client.closed, 'it is reset');
    expect(peer.client.error?.code).toMatch(/ECONNRESET|EPIPE/);
  });

  test('what was sent goes out though the server has ended its side', async () => {
    const [session, peer] = await pair();
    const size = 6 * 1024 * 1024;
    peer.client.socket.pause();
    void session.send(new Uint8Array(size));
    peer.client.socket.end(sentClose(1000));
    await session.closed;
    peer.client.socket.resume();
    const frames = await peer.framed(2);
    expect(frames.map(({ opcode, payload }) => [opcode, payload.length]))
      .toEqual([[BINARY, size], [CLOSE, 2]]);
    expect(peer.client.error).toBeUndefined();
  });

  test('terminate is the end at once', async () => {
    const [session, peer] = await pair();
    session.terminate();
    expect(await session.closed).toMatchObject({ code: 1006, clean: false });
    await peer.client.gone();
    expect(peer.frames).toEqual([]);
  });

  test('a silent server is gone at webSocketDeadMs, after a ping', async () => {
    const [session, peer] = await pair({ limits: { webSocketPingMs: 1, webSocketDeadMs: 700 } });
    expect(await session.closed).toMatchObject({ code: 1006, clean: false });
    await peer.client.gone();
    expect(peer.frames[0]?.opcode).toBe(PING);
  });

  test('accepts', async () => {
    const [session, peer] = await pair({ accepts: 'binary' });
    peer.send(sent(TEXT, 'no'));
    expect(await session.closed).toMatchObject({ code: 1003 });
    const [close] = await peer.framed(1);
    expect(close?.payload.readUInt16BE(0)).toBe(1003);
  });

  test('limits', async () => {
    const [session, peer] = await pair({ limits: { webSocketMessageBytes: 5 } });
    peer.send(sent(TEXT, '12345'));
    expect(await next(session)).toBe('12345');
    peer.send(sent(TEXT, '123456'));
    expect(await session.closed).toMatchObject({ code: 1009 });
  });

  test('deflate, both ways', async () => {
    const { port } = await serve(webSocket((session) => {
      session.onMessage((message) => session.send(message));
    }, { deflate: { thresholdBytes: 0 } }));
    const options = { deflate: { thresholdBytes: 0 } };
    const session = await connectWebSocket(`ws://${HOST}:${port}/`, options);
    const text = 'again and '.repeat(10_000);
    await session.send(text);
    expect(await next(session)).toBe(text);
    await works(session);
  });
});
