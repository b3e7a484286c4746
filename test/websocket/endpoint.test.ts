/** `webSocket`: what a session begins with, how a closing server sends many away. */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { webSocket, type SessionHandler } from '../../src/websocket/endpoint.ts';
import type { WebSocketOptions } from '../../src/websocket/endpoint-options.ts';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { close, ping, text } from '../support/websocket.ts';
import { ACCEPT, begin, framesSaid, openingRequest } from '../support/websocket-opening.ts';

/** As many sessions of one handler. */
function crowd(count: number, handler: Handler): MemoryTransport[] {
  return Array.from({ length: count }, () => begin(handler).transport);
}

function said(transport: MemoryTransport): string[] {
  return framesSaid(transport.takeBytes());
}

/** How many have said their Close since they were last asked. */
function goodbyes(transports: readonly MemoryTransport[]): number {
  return transports.filter((transport) => said(transport).some((one) => one.startsWith('close')))
    .length;
}

const idle: SessionHandler = () => {};

describe('a session begins', () => {
  test('101, whose protocol is the WebSocket', () => {
    const response = webSocket(idle, { subprotocols: ['b'], deflate: true })(openingRequest({
      'Sec-WebSocket-Protocol': 'a, b', 'Sec-WebSocket-Extensions': 'permessage-deflate',
    }));
    expect(response).toMatchObject({ status: 101 });
    if (response instanceof Promise) throw new Error('it answers later');
    expect(response.fields.toJSON()).toEqual({
      upgrade: 'websocket', 'sec-websocket-accept': ACCEPT, 'sec-websocket-protocol': 'b',
      'sec-websocket-extensions':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    });
  });

  test('`serve` has it at once, with what was agreed on, and only when it begins', () => {
    const sessions: WebSocketSession[] = [];
    const handler = webSocket((session) => void sessions.push(session), {
      subprotocols: ['chat'], deflate: true,
    });
    void handler(openingRequest());
    expect(sessions).toEqual([]);
    const { request } = begin(handler, { 'Sec-WebSocket-Protocol': 'chat' });
    begin(handler, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    expect(sessions.map(({ protocol, compressed, isOpen }) => [protocol, compressed, isOpen]))
      .toEqual([['chat', false, true], ['', true, true]]);
    expect(sessions[0]?.request).toBe(request);
  });

  test('a refusal is thrown, and calls nothing', () => {
    const handler = webSocket(() => { throw new Error('called'); }, { requireOrigin: true });
    for (const [changes, status] of [[{}, 403], [{ Upgrade: null }, 426]] as const) {
      expect(() => handler(openingRequest(changes))).toThrow(expect.objectContaining({ status }));
    }
  });

  test.each<[string, SessionHandler]>([
    ['throws', () => { throw new Error('mine'); }],
    ['rejects', async () => {
      await Promise.resolve();
      throw new Error('mine');
    }],
  ])('a program that %s closes it with 1011, and is told', async (_, serve) => {
    const { request, transport } = begin(webSocket(serve));
    await transport.settle();
    expect(said(transport)).toEqual(['close 1011 an internal error in this session']);
    expect(request.asked.failed).toEqual([new Error('mine')]);
    expect(request.asked.refused).toEqual([]);
  });

  test('what came by two ways is told once: pieces that break, awaited', async () => {
    async function* pieces(): AsyncGenerator<string> {
      yield 'a';
      throw new Error('mine');
    }
    const { request, transport } = begin(webSocket(async (session) => session.send(pieces())));
    await transport.settle();
    expect(request.asked.failed).toEqual([new Error('mine')]);
  });

  test('it is given the request too', () => {
    const given: unknown[] = [];
    const { request } = begin(webSocket((_, own) => void given.push(own)));
    expect(given).toEqual([request]);
  });

  test('a handshake that is refused is told to the program, with what to do about it', () => {
    const request = openingRequest({ Origin: 'http://localhost:5173' });
    expect(() => webSocket(idle)(request)).toThrow(
      new HttpError(403, 'pages of that origin may not connect here (RFC 6455 §10.2)'),
    );
    expect(request.asked.refused.map(({ code, message }) => [code, message])).toEqual([[
      403, 'origin "http://localhost:5173" is not http://server.example.com: list it in ' +
        'webSocket(serve, { origins }); behind a proxy that ends TLS, set trustedProxies',
    ]]);
    const old = openingRequest({ 'Sec-WebSocket-Version': '8' });
    expect(() => webSocket(idle)(old)).toThrow(HttpError);
    expect(old.asked.refused.map(({ code }) => code)).toEqual([426]);
  });

  test('a peer that breaks a rule is refused, and the program is not blamed', async () => {
    const { request, transport } = begin(webSocket(idle));
    transport.send(Uint8Array.of(0x81, 0x01, 0x61));
    await transport.settle();
    expect(said(transport)[0]).toMatch(/^close 1002 /);
    expect(request.asked.refused).toEqual([expect.objectContaining({ code: 1002 })]);
    expect(request.asked.failed).toEqual([]);
  });

  test('accepts: the other kind closes with 1003', async () => {
    const { transport } = begin(webSocket((session) => session.onMessage(() => {}),
      { accepts: 'binary' }));
    transport.send(text('a'));
    await transport.settle();
    expect(said(transport)[0]).toMatch(/^close 1003 /);
  });

  test('a message in pieces that breaks is the program\'s failure', async () => {
    async function* pieces(): AsyncGenerator<string> {
      yield 'a';
      await Promise.resolve();
      throw new Error('mine');
    }
    const { request, transport } = begin(webSocket((session) => void session.send(pieces())));
    await transport.settle();
    expect(said(transport).at(-1)).toMatch(/^close 1011 /);
    expect(request.asked.failed).toEqual([new Error('mine')]);
  });

  // RSV1 says that a message is compressed (RFC 7692 §6).
  test.each([[100, 0xc1], [101, 0x81]])(
    'zlib is the budget that was given, inline; thresholdBytes %d of a message of 100: %d',
    (thresholdBytes, first) => {
      const handler = webSocket((session) => void session.send('a'.repeat(100)), {
        deflate: { thresholdBytes }, zlib: new ZlibBudget({ inline: true }),
      });
      const { transport } = begin(handler, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
      expect(transport.takeBytes()[0]).toBe(first);
    });

  test('at the end the request is aborted, with why', async () => {
    const { request, transport } = begin(webSocket(idle));
    const { signal } = request;
    expect(signal.aborted).toBe(false);
    const cause = new Error('reset');
    transport.disconnect(cause);
    expect(signal.reason).toMatchObject({ name: 'PeerGoneError', cause });
  });
});

describe('limits are the server\'s, but for those given', () => {
  const givenTo = (
    options: WebSocketOptions, server: Partial<Limits>, size: number,
  ): Promise<string[]> => {
    const handler = webSocket((session) => session.onMessage(() => {}), options);
    const { transport } = begin(handler, {}, { limits: limitsFrom(server) });
    transport.send(text('a'.repeat(size)));
    return transport.settle().then(() => said(transport).map((one) => one.slice(0, 10)));
  };
  const BIG = ['close 1009'];
  test.each<[string, WebSocketOptions, Partial<Limits>, number]>([
    ['the server\'s', {}, { webSocketMessageBytes: 10 }, 10],
    ['the handler\'s', { limits: { webSocketMessageBytes: 10 } }, {}, 10],
    ['the handler\'s, over the server\'s', { limits: { webSocketMessageBytes: 20 } },
      { webSocketMessageBytes: 10 }, 20],
    ['the server\'s, beside another of the handler\'s', { limits: { webSocketPingMs: 1 } },
      { webSocketMessageBytes: 10 }, 10],
    ['the server\'s, where the handler\'s is undefined',
      { limits: { webSocketMessageBytes: undefined } }, { webSocketMessageBytes: 10 }, 10],
  ])('%s', async (_, options, server, most) => {
    expect(await givenTo(options, server, most)).toEqual([]);
    expect(await givenTo(options, server, most + 1)).toEqual(BIG);
  });

  test('each server its own: two share a handler', async () => {
    const handler = webSocket((session) => session.onMessage(() => {}),
      { limits: { webSocketPingMs: 1 } });
    for (const most of [10, 20, 10]) {
      const limits = limitsFrom({ webSocketMessageBytes: most });
      const { transport } = begin(handler, {}, { limits });
      transport.send(text('a'.repeat(most)));
      await transport.settle();
      expect(said(transport)).toEqual([]);
      transport.send(text('a'.repeat(most + 1)));
      await transport.settle();
      expect(said(transport)[0]).toMatch(/^close 1009 /);
    }
  });

  test('together they cannot be: it is thrown before anything is switched', () => {
    const handler = webSocket(idle, { limits: { requestLineBytes: 40_000 } });
    const limits = limitsFrom({ fieldSectionBytes: 40_000 });
    expect(() => handler(openingRequest({}, { limits }))).toThrow(TypeError);
  });
});

describe('a closing server', () => {
  const shutdown = (transports: readonly MemoryTransport[]): void => {
    for (const transport of transports) transport.shutdown();
  };
  const tick = (transports: readonly MemoryTransport[], ms: number): void => {
    for (const transport of transports) transport.tick(ms);
  };

  test.each<[WebSocketOptions, number]>([[{}, 1001], [{ drainCode: 1012 }, 1012]])(
    'with %j says %d, and the request is draining', (options, code) => {
      const { request, transport } = begin(webSocket(idle, options));
      expect(request.draining.aborted).toBe(false);
      transport.shutdown();
      expect(request.draining.aborted).toBe(true);
      expect(said(transport)).toEqual([`close ${code} the server is closing`]);
    });

  test('249 sessions are sent away at once, whatever random says', () => {
    const transports = crowd(249, webSocket(idle, { random: () => 0.999 }));
    shutdown(transports);
    expect(goodbyes(transports)).toBe(249);
  });

  test('250 over as many ms', () => {
    let drawn = 0;
    const transports = crowd(250, webSocket(idle, { random: () => drawn++ / 250 }));
    shutdown(transports);
    expect([goodbyes(transports), drawn]).toEqual([1, 250]);
    for (const [ms, wanted] of [[1, 1], [9, 9], [90, 90], [149, 149], [250, 0]] as const) {
      tick(transports, ms);
      expect(goodbyes(transports)).toBe(wanted);
    }
  });

  test('each has its draw; those who went before are no crowd any more', () => {
    const transports = crowd(250, webSocket(idle, { random: () => 0.999 }));
    for (const transport of transports.slice(0, 1)) transport.disconnect();
    const left = transports.slice(1);
    shutdown(left);
    expect(goodbyes(left)).toBe(249);
  });

  test('who is draining hears the signal at once, and may still talk', async () => {
    const sessions: WebSocketSession[] = [];
    const handler = webSocket((session) => void sessions.push(session), { random: () => 0.999 });
    const transports = crowd(250, handler);
    shutdown(transports);
    const [first] = transports as [MemoryTransport];
    expect(sessions[0]?.request?.draining.aborted).toBe(true);
    first.send(ping('x'));
    void sessions[0]?.send('still here');
    await first.settle();
    expect(said(first)).toEqual(['pong x', 'text still here']);
  });

  test.each<[string, Partial<Limits>, number]>([
    ['drainMs less webSocketCloseMs', { drainMs: 5_100, webSocketCloseMs: 5_000 }, 100],
    ['the crowd, where there is time', { drainMs: 10_000, webSocketCloseMs: 5_000 }, 250],
    ['the crowd, where there is all the time', { drainMs: Infinity }, 250],
  ])('the last goodbye is before %s', (_, limits, most) => {
    const transports = crowd(250, webSocket(idle, { limits, random: () => 1 - 2 ** -32 }));
    shutdown(transports);
    tick(transports, most - 1);
    expect(goodbyes(transports)).toBe(0);
    tick(transports, 1);
    expect(goodbyes(transports)).toBe(250);
  });
  test.each([
    [5_000, 5_000], [4_999, 5_000], [0, 5_000], [Infinity, Infinity],
  ])('drainMs %d and webSocketCloseMs %d leave no time to spread them', (drainMs, closeMs) => {
    const limits = { drainMs, webSocketCloseMs: closeMs };
    const transports = crowd(250, webSocket(idle, { limits, random: () => 0.999 }));
    shutdown(transports);
    expect(goodbyes(transports)).toBe(250);
  });

  test('one that closes meanwhile is not sent away again', async () => {
    const transports = crowd(250, webSocket(idle, { random: () => 0.999 }));
    const [first] = transports as [MemoryTransport];
    shutdown(transports);
    first.send(close(1000));
    await first.settle();
    first.tick(250);
    expect(said(first)).toEqual(['close 1000']);
  });
});
