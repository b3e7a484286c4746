/**
 * Headless Chromium with its own WebSocket, over HTTP/1.1 and over its HTTP/2 connection; what it
 * did is told by the server.
 */
import { X509Certificate, createHash } from 'node:crypto';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  HttpResponse, webSocket, type Closure, type Handler, type RequestRecord, type Server,
  type WebSocketOptions, type WebSocketSession,
} from '../../src/index.ts';
import { Browser, CHROMIUM, type Page } from '../support/browser.ts';
import { describeWith } from '../support/process.ts';
import { eventually, serve } from '../support/sockets.ts';
import { leaf } from '../support/tls-peers.ts';

vi.setConfig({ testTimeout: 60_000 });

const CERTIFICATE = leaf('localhost', '127.0.0.1');
const MIB = 1024 * 1024;
const PAGE = '<!doctype html><title>a page</title><link rel="icon" href="data:,">';

/** What the page knows: one call opens a WebSocket and tells what became of it. */
const SCRIPT = `
  window.talk = (path, messages = [], { protocols = [], code, reason, origin } = {}) =>
    new Promise((resolve) => {
      const base = origin ?? location.origin.replace(/^http/, 'ws');
      const socket = new WebSocket(base + path, protocols);
      socket.binaryType = 'arraybuffer';
      const told = { opened: false, received: [] };
      const close = () => code === undefined ? socket.close() : socket.close(code, reason);
      socket.onopen = () => {
        told.opened = true;
        told.protocol = socket.protocol;
        told.extensions = socket.extensions;
        for (const message of messages) socket.send(message);
      };
      socket.onmessage = ({ data }) => {
        told.received.push(typeof data === 'string' ? data : [...new Uint8Array(data)]);
        if (told.received.length === messages.length) close();
      };
      socket.onclose = (event) => {
        const { code, reason, wasClean } = event;
        resolve({ ...told, code, reason, wasClean });
      };
    });
`;

/** What the page tells. */
interface Told {
  readonly opened: boolean;
  readonly protocol: string;
  readonly extensions: string;
  readonly received: readonly (string | readonly number[])[];
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

interface Site {
  readonly server: Server;
  readonly page: Page;
  readonly records: readonly RequestRecord[];
  /** Sessions in order, and how they ended. */
  readonly sessions: readonly WebSocketSession[];
  readonly closures: readonly Closure[];
  /** Versions and peer ports of pages. */
  readonly pages: readonly (readonly [string, number])[];
  talk(path: string, messages?: string, options?: object): Promise<Told>;
}

type Serve = (session: WebSocketSession) => unknown;

const echo: Serve = (session) => session.onMessage((message) => session.send(message));

/** A page, and WebSockets of it at `/ws`. */
async function site(
  isSecure: boolean, give: Serve = echo, options: WebSocketOptions = {}, name = 'localhost',
): Promise<Site> {
  const records: RequestRecord[] = [];
  const sessions: WebSocketSession[] = [];
  const closures: Closure[] = [];
  const pages: (readonly [string, number])[] = [];
  const socket = webSocket((session) => {
    sessions.push(session);
    void session.closed.then((closure) => closures.push(closure));
    return give(session);
  }, options);
  const handle: Handler = (request) => {
    if (request.path === '/ws') return socket(request);
    pages.push([request.version, request.peer.port]);
    return new HttpResponse(200, { 'content-type': 'text/html' }, PAGE);
  };
  const tls = isSecure && { certificates: CERTIFICATE, clearText: 'serve' as const };
  const server = await serve({ handle, connectProtocols: ['websocket'] }, { tls });
  server.on('request', (record) => records.push(record));
  const page = await open(`${isSecure ? 'https' : 'http'}://${name}:${server.port}/`);
  await page.evaluate(SCRIPT);
  return {
    server, page, records, sessions, closures, pages,
    talk: (path, messages = '[]', words = {}) =>
      page.evaluate(`talk(${JSON.stringify(path)}, ${messages}, ${JSON.stringify(words)})`) as
        Promise<Told>,
  };
}

async function open(url: string): Promise<Page> {
  const info = new X509Certificate(CERTIFICATE.cert).publicKey
    .export({ type: 'spki', format: 'der' });
  const hash = createHash('sha256').update(info).digest('base64');
  const flags = ['--no-proxy-server', `--ignore-certificate-errors-spki-list=${hash}`];
  const browser = Browser.launch({ flags });
  onTestFinished(() => browser.close());
  return browser.newPage(url);
}

/** Each session is on the wire that it should be on: with TLS, on the page's own connection. */
function expectWire({ sessions, pages, server }: Site, isSecure: boolean): void {
  const [[version, port] = ['', 0]] = pages;
  const wires = sessions.map(({ request }) => [
    request?.version, request?.method, request?.protocol, request?.peer.secure,
  ]);
  const expected = isSecure
    ? ['2', 'CONNECT', 'websocket', true] : ['1.1', 'GET', undefined, false];
  expect(wires).toEqual(wires.map(() => expected));
  expect(version).toBe(isSecure ? '2' : '1.1');
  const isShared = sessions.map(({ request }) => request?.peer.port === port);
  expect(isShared).toEqual(isShared.map(() => isSecure));
  expect(server.counters.refused).toBe(0);
}

const WIRES = [['ws: over HTTP/1.1', false], ['wss: over the HTTP/2 of its page', true]] as const;

describeWith('Chromium\'s WebSocket', 'chromium', CHROMIUM !== undefined, () => {
  test.each(WIRES)('%s: text and octets of all sizes', async (_, isSecure) => {
    const here = await site(isSecure);
    const told = await here.talk('/ws', `[
      '', 'text', '\\u00e4\\u20ac\\ud83d\\ude00', 'x'.repeat(125), 'x'.repeat(126),
      'x'.repeat(65535), 'x'.repeat(65536), new Uint8Array(0), new Uint8Array([0, 128, 255]),
    ]`);
    expect(told).toMatchObject({ opened: true, protocol: '', extensions: '', wasClean: true });
    expect(told.received).toEqual([
      '', 'text', 'ä€😀', ...[125, 126, 65_535, 65_536].map((size) => 'x'.repeat(size)),
      [], [0, 128, 255],
    ]);
    // A close() without a code has none on the wire (RFC 6455 §7.1.5).
    expect(told.code).toBe(1005);
    await eventually(() => here.closures.length === 1, 'it ended');
    expect(here.closures).toEqual([{ code: 1005, reason: '', clean: true }]);
    expectWire(here, isSecure);
  });

  test.each(WIRES)('%s: 1 MiB there and back, and deflate', async (_, isSecure) => {
    const here = await site(isSecure, echo, { deflate: true });
    const told = await here.page.evaluate(`(async () => {
      const texts = ['again and '.repeat(104857) + '!'.repeat(6), 'y'.repeat(1048576)];
      const { received, ...more } = await talk('/ws', [...texts, new Uint8Array(1048576).fill(7)]);
      const octets = received[2] ?? [];
      return { ...more, lengths: received.map(({ length }) => length),
        same: texts.every((text, at) => text === received[at]) &&
          octets.every((one) => one === 7) };
    })()`);
    expect(told).toMatchObject({
      opened: true, wasClean: true, lengths: [MIB, MIB, MIB], same: true,
      extensions: expect.stringContaining('permessage-deflate') as string,
    });
    expect(here.sessions[0]?.compressed).toBe(true);
    expectWire(here, isSecure);
  });

  test.each(WIRES)('%s: messages in pieces, as each side makes them', async (_, isSecure) => {
    const lengths: (number | undefined)[] = [];
    const sums: string[] = [];
    const here = await site(isSecure, async (session) => {
      for await (const message of session.streams()) {
        const hash = createHash('sha256');
        for await (const piece of message) hash.update(piece);
        lengths.push(message.length);
        sums.push(hash.digest('hex'));
        await session.send((async function* pieces() {
          for (const piece of ['in ', 'pieces \ud83d', '\ude00']) yield piece;
        })());
      }
    }, { limits: { webSocketMessageBytes: 16 * MIB } });
    const told = await here.talk('/ws', `[
      'z'.repeat(8 * 1048576), new Blob(['z'.repeat(8 * 1048576)]), 'short',
    ]`);
    expect(told.received).toEqual(Array.from({ length: 3 }, () => 'in pieces 😀'));
    const sum = (text: string): string => createHash('sha256').update(text).digest('hex');
    const large = sum('z'.repeat(8 * MIB));
    expect(sums).toEqual([large, large, sum('short')]);
    // It makes many frames of a long one.
    expect(lengths).toEqual([undefined, undefined, 5]);
    expectWire(here, isSecure);
  });

  test.each(WIRES)('%s: a subprotocol', async (_, isSecure) => {
    const here = await site(isSecure, echo, { subprotocols: ['b', 'a'] });
    expect(await here.talk('/ws', '["x"]', { protocols: ['a', 'b', 'c'] }))
      .toMatchObject({ opened: true, protocol: 'b', wasClean: true });
    expect(here.sessions[0]?.protocol).toBe('b');
    // It fails where the server takes none of those that it offered.
    expect(await here.talk('/ws', '["x"]', { protocols: ['c'] }))
      .toMatchObject({ opened: false, code: 1006, wasClean: false });
  });

  test.each(WIRES)('%s: close codes, the page\'s', async (_, isSecure) => {
    const here = await site(isSecure);
    for (const [code, reason] of [[1000, ''], [3000, 'grüße'], [4999, 'r'.repeat(123)]] as const) {
      expect(await here.talk('/ws', '["x"]', { code, reason }))
        .toMatchObject({ code, wasClean: true });
    }
    await eventually(() => here.closures.length === 3, 'they ended');
    expect(here.closures).toEqual([
      { code: 1000, reason: '', clean: true }, { code: 3000, reason: 'grüße', clean: true },
      { code: 4999, reason: 'r'.repeat(123), clean: true },
    ]);
    expectWire(here, isSecure);
  });

  test.each(WIRES)('%s: close codes, the server\'s', async (_, isSecure) => {
    const here = await site(isSecure, (session) => session.onMessage((message) => {
      const [code, reason] = JSON.parse(message as string) as [number, string];
      void session.close(code, reason);
    }));
    for (const [code, reason] of [[1000, 'ü'], [1011, ''], [1013, 'later'], [4000, 'x']] as const) {
      expect(await here.talk('/ws', JSON.stringify([JSON.stringify([code, reason])])))
        .toMatchObject({ opened: true, code, reason, wasClean: true });
    }
    expect(here.closures.map(({ clean }) => clean)).toEqual([true, true, true, true]);
    expectWire(here, isSecure);
  });

  test.each(WIRES)('%s: what is refused, and what breaks', async (_, isSecure) => {
    const here = await site(isSecure, (session) => session.onMessage((message) => {
      if (message === 'terminate') session.terminate();
      else throw new Error('mine alone');
    }), { limits: { webSocketMessageBytes: 100 }, accepts: 'text' });
    here.server.on('error', () => {});
    expect(await here.talk('/ws', '["x".repeat(101)]'))
      .toMatchObject({ code: 1009, reason: expect.stringContaining('webSocketMessageBytes') });
    expect(await here.talk('/ws', '[new Uint8Array(1)]')).toMatchObject({ code: 1003 });
    const failed = await here.talk('/ws', '["throw"]');
    expect([failed.code, failed.reason.includes('mine')]).toEqual([1011, false]);
    expect(await here.talk('/ws', '["terminate"]')).toMatchObject({ code: 1006, wasClean: false });
    // The page's connection is none the worse.
    expect(await here.page.evaluate('fetch("/").then(({ status }) => status)')).toBe(200);
    expect(new Set(here.pages.map(([version]) => version)).size).toBe(1);
  });

  test.each(WIRES)('%s: another origin is refused (RFC 6455 §10.2)', async (_, secure) => {
    const here = await site(secure, echo, {}, '127.0.0.1');
    const origin = `${secure ? 'wss' : 'ws'}://localhost:${here.server.port}`;
    expect(await here.talk('/ws', '["x"]', { origin }))
      .toMatchObject({ opened: false, code: 1006, received: [] });
    expect(here.sessions).toEqual([]);
    expect(here.records.filter(({ target }) => target === '/ws').map(({ status }) => status))
      .toEqual([403]);
    expect(await here.talk('/ws', '["x"]')).toMatchObject({ opened: true, received: ['x'] });
  });

  test('origins may be told', async () => {
    const listed: string[] = [];
    const here = await site(false, echo, { origins: listed });
    expect(await here.talk('/ws', '["x"]')).toMatchObject({ opened: false });
    const other = await site(false, echo, { origins: 'any' }, '127.0.0.1');
    const origin = `ws://localhost:${other.server.port}`;
    expect(await other.talk('/ws', '["x"]', { origin })).toMatchObject({ received: ['x'] });
  });

  test('many on one HTTP/2 connection, beside requests, until the server closes', async () => {
    const here = await site(true);
    await here.page.evaluate(`(async () => {
      window.ends = [];
      window.many = await Promise.all(Array.from({ length: 20 }, () => new Promise((resolve) => {
        const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/ws');
        socket.onmessage = () => resolve(socket);
        socket.onclose = ({ code }) => ends.push(code);
        socket.onopen = () => socket.send('x');
      })));
    })()`);
    expect(await here.page.evaluate(`Promise.all(Array.from({ length: 20 }, () =>
      fetch('/').then(({ status }) => status)))`)).toEqual(Array.from({ length: 20 }, () => 200));
    const ports = [...here.pages.map(([, port]) => port),
      ...here.sessions.map(({ request }) => request?.peer.port)];
    expect([ports.length, new Set(ports).size]).toEqual([41, 1]);
    const closed = here.server.close();
    await here.page.waitFor('ends.length === 20');
    expect(await here.page.evaluate('ends')).toEqual(Array.from({ length: 20 }, () => 1001));
    await closed;
    expect(here.closures.every(({ clean }) => clean)).toBe(true);
  });
});
