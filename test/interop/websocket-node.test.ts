/**
 * Node's clients: its global WebSocket over HTTP/1.1, and node:http2's extended CONNECT with frames
 * made by hand; and curl's, where it has one.
 */
import { createHash } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import { describe, expect, test } from 'vitest';
import {
  HttpResponse, webSocket, type Closure, type Handler, type Server, type WebSocketOptions,
  type WebSocketSession,
} from '../../src/index.ts';
import { BINARY, CLOSE, PING, PONG, TEXT } from '../../src/websocket/frame.ts';
import { CURL } from '../support/curl.ts';
import { ask } from '../support/http2-sockets.ts';
import { describeWith, run } from '../support/process.ts';
import { eventually, serve } from '../support/sockets.ts';
import { binary, close, frame, join, ping, text } from '../support/websocket.ts';
import type { WireFrame } from '../support/websocket-peer.ts';
import { askWebSocket, tunnelSession, type StreamPeer } from '../support/websocket-stream.ts';

const HOST = '127.0.0.1';
const KIB = 1024;
const MIB = 1024 * KIB;

interface Place {
  readonly server: Server;
  readonly port: number;
  readonly sessions: readonly WebSocketSession[];
  readonly closures: readonly Closure[];
}

type Serve = (session: WebSocketSession) => unknown;

const echo: Serve = (session) => session.onMessage((message) => session.send(message));

/** A server whose `/ws` is a WebSocket; all else is told its path. */
async function place(give: Serve = echo, options: WebSocketOptions = {}): Promise<Place> {
  const sessions: WebSocketSession[] = [];
  const closures: Closure[] = [];
  const socket = webSocket((session) => {
    sessions.push(session);
    void session.closed.then((closure) => closures.push(closure));
    return give(session);
  }, options);
  const handle: Handler = (request) => (
    request.path === '/ws' ? socket(request) : new HttpResponse(200, {}, request.path)
  );
  const server = await serve({ handle, connectProtocols: ['websocket'] });
  return { server, port: server.port, sessions, closures };
}

function shown({ opcode, final, payload }: WireFrame): readonly [number, boolean, string] {
  return [opcode, final, payload.toString('latin1')];
}

// Node's WebSocket

const FLAG = '--experimental-websocket';
const HAS_WEBSOCKET = 'WebSocket' in globalThis || process.allowedNodeEnvironmentFlags.has(FLAG);

/** What Node's client told, in a process of its own: this one may have to be asked for it. */
async function nodeTalk(port: number, script: string): Promise<unknown> {
  const told = `
    const talk = (messages, { protocols = [], code, reason } = {}) => new Promise((resolve) => {
      const socket = new WebSocket('ws://${HOST}:${port}/ws', protocols);
      socket.binaryType = 'arraybuffer';
      const received = [];
      const told = { opened: false };
      socket.onopen = () => {
        Object.assign(told, {
          opened: true, protocol: socket.protocol, extensions: socket.extensions,
        });
        for (const message of messages) socket.send(message);
      };
      socket.onmessage = ({ data }) => {
        received.push(typeof data === 'string' ? data : [...new Uint8Array(data)]);
        if (received.length === messages.length) socket.close(code, reason);
      };
      socket.onerror = () => {};
      socket.onclose = ({ code, reason, wasClean }) =>
        resolve({ ...told, received, code, reason, wasClean });
    });
    const result = await (${script})(talk);
    process.stdout.write(JSON.stringify(result));
  `;
  const flags = 'WebSocket' in globalThis ? [] : [FLAG, '--no-warnings'];
  const words = [...flags, '--input-type=module', '-e', told];
  const { code, stdout, stderr } = await run(process.execPath, words);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(Buffer.from(stdout, 'latin1').toString());
}

describeWith('Node\'s WebSocket', 'a Node with WebSocket', HAS_WEBSOCKET, () => {
  test('text and octets of all sizes', async () => {
    const { port, closures } = await place();
    const told = await nodeTalk(port, `(talk) => talk([
      '', 'ä€😀', 'x'.repeat(125), 'x'.repeat(126), 'x'.repeat(65536), new Uint8Array([0, 255]),
    ], { code: 4000, reason: 'grüße' })`);
    expect(told).toMatchObject({
      opened: true, code: 4000, reason: '', wasClean: true,
      received: ['', 'ä€😀', ...[125, 126, 65_536].map((size) => 'x'.repeat(size)), [0, 255]],
    });
    await eventually(() => closures.length === 1, 'it ended');
    expect(closures).toEqual([{ code: 4000, reason: 'grüße', clean: true }]);
  });

  test.each([false, true])('1 MiB, deflate: %s', async (deflate) => {
    const { port, sessions } = await place(echo, { deflate });
    const told = await nodeTalk(port, `async (talk) => {
      const { received: [text], extensions } = await talk(['again '.repeat(174762)]);
      return { length: text.length, same: text === 'again '.repeat(174762), extensions };
    }`) as { extensions: string };
    expect(told).toMatchObject({ length: 1_048_572, same: true });
    expect(sessions[0]?.compressed).toBe(told.extensions !== '');
    if (!deflate) expect(told.extensions).toBe('');
  });

  test('a subprotocol', async () => {
    const { port } = await place(echo, { subprotocols: ['b'] });
    expect(await nodeTalk(port, `(talk) => talk(['x'], { protocols: ['a', 'b'] })`))
      .toMatchObject({ opened: true, protocol: 'b', received: ['x'] });
  });

  test('messages in pieces, and the server\'s close', async () => {
    const { port, closures } = await place((session) => session.onMessage(async () => {
      await session.send((async function* pieces() { yield 'in \ud83d'; yield '\ude00'; })());
      await session.close(1013, 'later');
    }));
    expect(await nodeTalk(port, `(talk) => talk(['x', 'y'])`))
      .toMatchObject({ received: ['in 😀'], code: 1013, reason: 'later', wasClean: true });
    await eventually(() => closures.length === 1, 'it ended');
    expect(closures[0]).toMatchObject({ code: 1013, clean: true });
  });

  test('a message that is too long', async () => {
    const { port } = await place(echo, { limits: { webSocketMessageBytes: 10 } });
    expect(await nodeTalk(port, `(talk) => talk(['x'.repeat(11)])`))
      .toMatchObject({ opened: true, received: [], code: 1009 });
  });
});

// node:http2

describe('node:http2 by extended CONNECT (RFC 8441)', () => {
  async function tunnel(
    give?: Serve, options?: WebSocketOptions,
  ): Promise<Place & { on: ClientHttp2Session; peer: StreamPeer }> {
    const here = await place(give, options);
    const on = await tunnelSession(here.port);
    return { ...here, on, peer: await askWebSocket(on, '/ws') };
  }

  /** A frame whose key is another than the usual. */
  const keyed = (opcode: number, payload: string, key: number): Uint8Array =>
    frame(opcode, payload, { key });

  test('it is offered, and the answer is 200 (RFC 8441 §5)', async () => {
    const { on, peer, sessions } = await tunnel();
    expect(on.remoteSettings.enableConnectProtocol).toBe(true);
    expect(peer.status).toBe(200);
    expect(Object.keys(peer.fields).filter((name) => /^(sec-|upgrade|connection)/.test(name)))
      .toEqual([]);
    expect(sessions[0]?.request).toMatchObject({ version: '2', protocol: 'websocket' });
  });

  test('echo, of what comes in any pieces', async () => {
    const { peer } = await tunnel();
    const octets = Uint8Array.from({ length: 70_000 }, (_, at) => at * 7);
    const all = join(
      text('hello'), text(''), binary(octets), text('in ', false), keyed(0, 'two', 99),
    );
    for (let at = 0; at < all.length; at += 997) peer.send(all.subarray(at, at + 997));
    const frames = await peer.framed(4);
    expect(frames.filter(({ key }) => key !== undefined)).toEqual([]);
    expect(frames.map(shown)).toEqual([
      [TEXT, true, 'hello'], [TEXT, true, ''],
      [BINARY, true, Buffer.from(octets).toString('latin1')], [TEXT, true, 'in two'],
    ]);
  });

  test('the client closes: END_STREAM from both sides, no reset', async () => {
    const { peer, closures } = await tunnel();
    peer.send(text('x'), close(4001, 'enough'));
    const frames = await peer.framed(2);
    expect(frames[1]?.opcode).toBe(CLOSE);
    expect(frames[1]?.payload.readUInt16BE(0)).toBe(4001);
    await peer.sawEnd();
    peer.stream.end();
    await peer.gone;
    expect(peer.stream.rstCode).toBe(0);
    expect(closures).toEqual([{ code: 4001, reason: 'enough', clean: true }]);
  });

  test('the server closes', async () => {
    const { peer, sessions, closures } = await tunnel();
    void sessions[0]?.close(1000, 'bye');
    const [first] = await peer.framed(1);
    expect([first?.opcode, first?.payload.readUInt16BE(0), `${first?.payload.subarray(2)}`])
      .toEqual([CLOSE, 1000, 'bye']);
    peer.send(close(1000));
    await peer.sawEnd();
    expect(closures).toEqual([{ code: 1000, reason: '', clean: true }]);
  });

  test('ping, both ways', async () => {
    const { peer, sessions } = await tunnel();
    peer.send(ping('there?'));
    expect(shown((await peer.framed(1))[0] as WireFrame)).toEqual([PONG, true, 'there?']);
    const answered = sessions[0]?.ping();
    const asked = (await peer.framed(2))[1] as WireFrame;
    expect(asked.opcode).toBe(PING);
    peer.send(frame(PONG, asked.payload));
    await answered;
  });

  test('an offence closes the session, not the connection', async () => {
    const { on, peer, closures } = await tunnel();
    peer.send(frame(TEXT, 'not masked', { key: null }));
    const [first] = await peer.framed(1);
    expect([first?.opcode, first?.payload.readUInt16BE(0)]).toEqual([CLOSE, 1002]);
    await peer.sawEnd();
    expect(closures[0]).toMatchObject({ code: 1002, clean: false });
    expect((await ask(on, '/other')).body).toBe('/other');
    expect((await askWebSocket(on, '/ws')).status).toBe(200);
  });

  test('a reset of the stream is the end of the session alone', async () => {
    const { on, peer, closures } = await tunnel();
    peer.stream.close(8);
    await eventually(() => closures.length === 1, 'it ended');
    expect(closures).toEqual([{ code: 1006, reason: '', clean: false }]);
    expect((await ask(on, '/other')).body).toBe('/other');
  });

  test('the end of the connection is the end of all its sessions', async () => {
    const { on, closures } = await tunnel();
    await askWebSocket(on, '/ws');
    on.destroy();
    await eventually(() => closures.length === 2, 'both ended');
    expect(closures.map(({ code }) => code)).toEqual([1006, 1006]);
  });

  test.each([
    ['another version', { 'sec-websocket-version': '12' }, 400],
    ['a page of another origin', { origin: 'https://other.example' }, 403],
    ['a broken list of extensions', { 'sec-websocket-extensions': 'a b' }, 400],
  ])('%s is refused', async (_, fields, status) => {
    const { port, sessions } = await place();
    const on = await tunnelSession(port);
    const refused = await askWebSocket(on, '/ws', fields);
    expect([refused.status, sessions]).toEqual([status, []]);
  });

  test('two sessions on one connection, beside requests', async () => {
    const { on, port, sessions, peer: one } = await tunnel();
    const other = await askWebSocket(on, '/ws');
    for (let round = 0; round < 50; round++) {
      one.send(text(`one ${round}`));
      other.send(text(`other ${round}`));
      expect((await ask(on, `/${round}`)).body).toBe(`/${round}`);
    }
    const numbers = (peer: StreamPeer): string[] => peer.frames.map(({ payload }) => `${payload}`);
    await Promise.all([one.framed(50), other.framed(50)]);
    expect(numbers(one)).toEqual(Array.from({ length: 50 }, (_, round) => `one ${round}`));
    expect(numbers(other)).toEqual(Array.from({ length: 50 }, (_, round) => `other ${round}`));
    const ports = new Set(sessions.map(({ request }) => request?.peer.port));
    expect([ports.size, ports.has(port)]).toEqual([1, false]);
    one.send(close(1000));
    await one.sawEnd();
    other.send(text('still'));
    expect(`${(await other.framed(51))[50]?.payload}`).toBe('still');
  });

  describe('flow control (RFC 9113 §5.2)', () => {
    test('a client that does not read stops what is sent to it, and nothing else', async () => {
      const PIECE = 64 * KIB;
      const COUNT = 100;
      let taken = 0;
      const { on, peer } = await tunnel(async (session) => {
        if (session.request?.query === 'echo') return echo(session);
        for (let round = 0; round < COUNT; round++) {
          await session.send(new Uint8Array(PIECE).fill(round));
          taken++;
        }
        return undefined;
      });
      peer.stream.pause();
      const stopped = async (): Promise<void> => {
        for (let before = -1; taken !== before;) {
          before = taken;
          for (let round = 0; round < 5; round++) await ask(on, '/beside');
        }
      };
      await stopped();
      // The queue of a session, the window, and what node:http2 has read already.
      expect(taken * PIECE).toBeLessThan(3 * MIB);
      const other = await askWebSocket(on, '/ws?echo');
      other.send(text('beside'));
      expect(`${(await other.framed(1))[0]?.payload}`).toBe('beside');
      peer.stream.resume();
      const frames = await peer.framed(COUNT);
      expect(frames.map(({ payload }) => [payload.length, payload[0], payload.at(-1)]))
        .toEqual(Array.from({ length: COUNT }, (_, round) => [PIECE, round, round]));
      expect(taken).toBe(COUNT);
    });

    test('a server that does not read stops what comes, and nothing else', async () => {
      let read = (): void => {};
      const wanted = new Promise<void>((resolve) => { read = resolve; });
      const hash = createHash('sha256');
      let octets = 0;
      const { on, server, peer } = await tunnel(async (session) => {
        if (session.request?.query === 'echo') return echo(session);
        await wanted;
        for await (const message of session) {
          hash.update(message);
          octets += message.length;
        }
        return undefined;
      });
      const sent = createHash('sha256');
      const COUNT = 128;
      for (let round = 0; round < COUNT; round++) {
        const message = Buffer.alloc(64 * KIB, round);
        sent.update(message);
        peer.send(binary(message));
      }
      const other = await askWebSocket(on, '/ws?echo');
      other.send(text('beside'));
      expect(`${(await other.framed(1))[0]?.payload}`).toBe('beside');
      expect((await ask(on, '/beside')).body).toBe('/beside');
      expect(server.counters.heldBytes).toBeLessThan(2 * MIB);
      expect(peer.stream.writableLength).toBeGreaterThan(4 * MIB);
      read();
      peer.send(close(1000));
      await peer.sawEnd();
      expect([octets, hash.digest('hex')]).toEqual([COUNT * 64 * KIB, sent.digest('hex')]);
      expect(peer.frames.map(({ opcode }) => opcode)).toEqual([CLOSE]);
    });
  });
});

// curl

const { stdout: CURL_SAYS } = CURL === undefined ? { stdout: '' } : await run(CURL, ['--version']);
const HAS_CURL = /^Protocols:.*\bws\b/m.test(CURL_SAYS);

describeWith('curl\'s WebSocket', 'a curl with ws', HAS_CURL, () => {
  test('its handshake is accepted, and messages come', async () => {
    const { port, closures } = await place(async (session) => {
      await session.send('hello from here');
      await session.close();
    });
    const words = ['-sS', '--max-time', '10', '--noproxy', '*', `ws://${HOST}:${port}/ws`];
    const { stdout } = await run(CURL as string, words);
    expect(stdout).toContain('hello from here');
    await eventually(() => closures.length === 1, 'it ended');
  });
});
