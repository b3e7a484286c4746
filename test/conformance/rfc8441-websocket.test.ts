/**
 * RFC 8441 §5: WebSockets on streams of HTTP/2, as frames. The extended CONNECT that carries them
 * is in rfc8441.test.ts; what a handshake must be on either version, in rfc6455-handshake.test.ts.
 */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  DATA, END_HEADERS, END_STREAM, GOAWAY, SETTINGS, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { webSocket } from '../../src/websocket/endpoint.ts';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import { deferred } from '../support/deferred.ts';
import {
  answersIn, data, get, headers, join, numberIn, open, outcomeOf, reset, verdict, windowUpdate,
  type Connected, type ConnectOptions,
} from '../support/http2.ts';
import { binary, close, frame, ping, pong, text } from '../support/websocket.ts';
import {
  KEY, connecting, echoing, framesSaid, type Changes,
} from '../support/websocket-opening.ts';

const OFFERED = { connectProtocols: ['websocket'] };

/** WebSockets at `/chat`, pages elsewhere. */
function beside(handler: Handler): Handler {
  return (request) => (request.path === '/chat'
    ? handler(request) : new HttpResponse(200, {}, 'beside'));
}

const begin = (id = 1, changes: Changes = {}): Uint8Array =>
  headers(id, connecting(changes), END_HEADERS);

/** A connection with a WebSocket that echoes on stream 1. */
async function joined(options: ConnectOptions = {}): Promise<{
  readonly connected: Connected; readonly session: WebSocketSession;
}> {
  const { handler, sessions } = echoing();
  return started(handler, sessions, options);
}

async function started(
  handler: Handler, sessions: readonly WebSocketSession[], options: ConnectOptions = {},
): Promise<{ readonly connected: Connected; readonly session: WebSocketSession }> {
  const connected = await open(beside(handler), { ...OFFERED, ...options });
  await connected.send(begin());
  return { connected, session: sessions[0] as WebSocketSession };
}

/** What the frames on a stream say so far. */
function said({ all }: Connected, id = 1): string[] {
  return framesSaid(Buffer.from(answersIn(all)[id]?.body ?? '', 'latin1'));
}

const isWhole = ({ all }: Connected, id = 1): boolean => answersIn(all)[id]?.whole === true;

/** The others on the connection are as well as ever. */
async function isWell(connected: Connected): Promise<void> {
  await connected.send(get(99));
  expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, ended: false });
  expect(outcomeOf(connected).answers[99]).toBe('200 beside');
  expect(connected.errors).toEqual([]);
}

const ABNORMAL = { code: 1006, reason: '', clean: false };

describe('§3 SETTINGS_ENABLE_CONNECT_PROTOCOL', () => {
  const ENABLE = Buffer.from([0, 8, 0, 0, 0, 1]);
  test.each<[readonly string[], boolean]>([[[], false], [['websocket'], true]])(
    'where the service says %j: %s', async (connectProtocols, offered) => {
      const connected = await open(webSocket(() => {}), { connectProtocols });
      expect(connected.all[0]?.type).toBe(SETTINGS);
      expect(Buffer.from(connected.all[0]?.payload ?? []).includes(ENABLE)).toBe(offered);
      await connected.send(begin());
      expect(outcomeOf(connected)).toMatchObject(offered
        ? { answers: { 1: '200 cut' }, resets: {} }
        : { answers: {}, resets: { 1: 'PROTOCOL_ERROR' }, seen: [] });
    });
});

describe('§5 the handshake', () => {
  test.each<[string, Changes, Readonly<Record<string, string>>]>([
    ['as it is', {}, {}],
    ['the same origin', { origin: 'http://server.example.com' }, {}],
    ['a key, which is not looked at', { 'sec-websocket-key': KEY }, {}],
    ['a subprotocol', { 'sec-websocket-protocol': 'soap, chat' },
      { 'sec-websocket-protocol': 'chat' }],
    ['an extension', { 'sec-websocket-extensions': 'permessage-deflate' }, {
      'sec-websocket-extensions':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    }],
    ['none of what is spoken',
      { 'sec-websocket-protocol': 'soap', 'sec-websocket-extensions': 'x' }, {}],
  ])('%s: 200, with no accept, upgrade or connection', async (_, changes, wanted) => {
    const handler = webSocket(() => {}, { subprotocols: ['chat'], deflate: true });
    const connected = await open(handler, OFFERED);
    await connected.send(begin(1, changes));
    const { status, fields, whole } = answersIn(connected.all)[1] ?? {};
    expect([status, whole]).toEqual([200, false]);
    expect(Object.fromEntries(fields ?? [])).toEqual({ ':status': '200', ...wanted });
  });

  test('the request is what the handler sees; the session has it', async () => {
    const { session } = await joined();
    const { request } = session;
    expect([request?.method, request?.protocol, request?.path, request?.version, session.isOpen])
      .toEqual(['CONNECT', 'websocket', '/chat', '2', true]);
  });

  test.each<[string, Changes, number]>([
    ['no version', { 'sec-websocket-version': null }, 400],
    ['another version', { 'sec-websocket-version': '8' }, 400],
    ['two versions', { 'sec-websocket-version': ['13', '13'] }, 400],
    ['an origin that may not', { origin: 'https://evil.example' }, 403],
    ['the other scheme', { origin: 'https://server.example.com' }, 403],
    ['null', { origin: 'null' }, 403],
    ['subprotocols that are none', { 'sec-websocket-protocol': 'a b' }, 400],
    ['extensions that are none', { 'sec-websocket-extensions': 'a;' }, 400],
  ])('%s is refused, and the stream ends', async (_, changes, status) => {
    const { handler, sessions } = echoing();
    const connected = await open(beside(handler), OFFERED);
    await connected.send(begin(1, changes), data(1, text('a')));
    const answer = answersIn(connected.all)[1];
    expect([answer?.status, answer?.whole, sessions]).toEqual([status, true, []]);
    const fields = Object.fromEntries(answer?.fields ?? []);
    expect(fields).not.toHaveProperty('upgrade');
    expect(fields['sec-websocket-version'])
      .toBe('sec-websocket-version' in changes ? '13' : undefined);
    await isWell(connected);
  });

  test.each<[string, Uint8Array]>([
    ['GET', get(1, '/chat', [['sec-websocket-version', '13'], ['sec-websocket-key', KEY]])],
    ['CONNECT with no :protocol',
      headers(1, [[':method', 'CONNECT'], [':authority', 'server.example.com:80']], END_HEADERS)],
  ])('%s is 400 (RFC 8441 §5)', async (_, octets) => {
    const connected = await open(webSocket(() => {}), OFFERED);
    await connected.send(octets);
    expect(outcomeOf(connected).answers[1]).toMatch(/^400 .* by CONNECT with :protocol /);
  });

  test.each<[string, Changes]>([
    ['Upgrade', { upgrade: 'websocket' }], ['Connection', { connection: 'upgrade' }],
  ])('%s is malformed', async (_, changes) => {
    const connected = await open(beside(echoing().handler), OFFERED);
    await connected.send(begin(1, changes));
    expect(outcomeOf(connected)).toMatchObject({ resets: { 1: 'PROTOCOL_ERROR' }, seen: [] });
    await isWell(connected);
  });

  test('a middleware adds fields to 200', async () => {
    const { handler } = echoing();
    const connected = await open(async (request) => {
      const response = await handler(request);
      return response.with({ fields: response.fields.and('set-cookie', 'a=b') });
    }, OFFERED);
    await connected.send(begin(), data(1, text('a')));
    expect(answersIn(connected.all)[1]).toMatchObject({
      status: 200, fields: [[':status', '200'], ['set-cookie', 'a=b']], whole: false,
    });
    expect(said(connected)).toEqual(['text a']);
  });
});

describe('§5 the stream is the connection', () => {
  const SPOKEN = join(text('hello'), ping('p'), text('\u00e9'), close(1000, 'bye'));
  const SAID = ['text hello', 'pong p', 'text é', 'close 1000'];

  test.each([['at once', 0], ['later', 5]])(
    'frames over DATA, cut at each place, answered %s', async (_, rounds) => {
      for (let at = 1; at < SPOKEN.length; at++) {
        const { handler, sessions } = echoing();
        const connected = await open(async (request) => {
          for (let round = 0; round < rounds; round++) await Promise.resolve();
          return handler(request);
        }, OFFERED);
        const [first, second] = [SPOKEN.subarray(0, at), SPOKEN.subarray(at)];
        await connected.send(begin(), data(1, first), data(1, second, END_STREAM));
        expect(said(connected).sort()).toEqual([...SAID].sort());
        expect(await sessions[0]?.closed).toEqual({ code: 1000, reason: 'bye', clean: true });
        expect(outcomeOf(connected)).toMatchObject({ resets: {}, goaway: undefined });
        expect([isWhole(connected), connected.transport.charged]).toEqual([true, 0]);
      }
    });

  test('HTTP/2 cut at each place', async () => {
    const octets = join(begin(), data(1, text('hello')), get(3), data(1, close(1000), END_STREAM));
    const outcome = await verdict(octets, beside(echoing().handler), OFFERED);
    const wanted = Buffer.from([0x81, 5, ...Buffer.from('hello'), 0x88, 2, 3, 232]);
    expect(outcome).toMatchObject({
      answers: { 1: `200 ${wanted.toString('latin1')}`, 3: '200 beside' }, resets: {},
    });
  });

  test('octet by octet, each in DATA of its own', async () => {
    const { connected } = await joined();
    await connected.send(...[...SPOKEN].map((octet) => data(1, [octet])));
    expect(said(connected).sort()).toEqual([...SAID].sort());
  });

  test('frames are masked as ever (RFC 6455 §5.1)', async () => {
    const { connected, session } = await joined();
    await connected.send(data(1, frame(1, 'a', { key: null })));
    expect(said(connected)).toEqual([expect.stringMatching(/^close 1002 /)]);
    expect(isWhole(connected)).toBe(true);
    expect((await session.closed).code).toBe(1002);
    expect(connected.refused).toEqual([expect.stringMatching(/RFC 6455/)]);
    await isWell(connected);
  });

  test('our Close: END_STREAM comes when the peer has said its own', async () => {
    const { connected, session } = await joined();
    const closed = session.close(4000, 'enough');
    await connected.settled();
    expect([said(connected), isWhole(connected)]).toEqual([['close 4000 enough'], false]);
    await connected.send(data(1, close(4000)));
    expect(isWhole(connected)).toBe(true);
    expect(await closed).toEqual({ code: 4000, reason: '', clean: true });
    await isWell(connected);
  });

  test.each<[string, readonly Uint8Array[]]>([
    ['with nothing', [data(1, '', END_STREAM)]],
    ['behind a message', [data(1, text('a'), END_STREAM)]],
    ['within a message', [data(1, text('a', false), END_STREAM)]],
    ['within a frame', [data(1, text('abc').subarray(0, 7), END_STREAM)]],
  ])('END_STREAM without Close, %s, is 1006; our end is END_STREAM', async (_, frames) => {
    const { connected, session } = await joined();
    await connected.send(...frames);
    expect(await session.closed).toMatchObject(ABNORMAL);
    expect([isWhole(connected), outcomeOf(connected).resets]).toEqual([true, {}]);
    await isWell(connected);
  });
  test('so is CONNECT that has END_STREAM itself', async () => {
    const { handler, sessions } = echoing();
    const connected = await open(beside(handler), OFFERED);
    await connected.send(headers(1, connecting(), END_HEADERS | END_STREAM));
    expect(await sessions[0]?.closed).toEqual(ABNORMAL);
    expect(outcomeOf(connected)).toMatchObject({ answers: { 1: '200' }, resets: {} });
    await isWell(connected);
  });

  test.each<[string, Uint8Array]>([
    ['between messages', text('a')], ['within a message', text('a', false)],
    ['within a frame', text('abc').subarray(0, 7)],
  ])('RST_STREAM %s: 1006, this session alone', async (_, octets) => {
    const { connected, session } = await joined();
    const { request } = session;
    await connected.send(data(1, octets), reset(1));
    expect(await session.closed).toMatchObject(ABNORMAL);
    expect(request?.signal.aborted).toBe(true);
    await expect(session.send('x')).rejects.toThrow('the WebSocket is closed');
    expect(connected.transport.charged).toBe(0);
    await isWell(connected);
  });

  test('terminate is RST_STREAM CANCEL', async () => {
    const { connected, session } = await joined();
    session.terminate();
    await connected.settled();
    expect(outcomeOf(connected).resets).toEqual({ 1: 'CANCEL' });
    expect(await session.closed).toMatchObject(ABNORMAL);
    await isWell(connected);
  });

  test('a program that fails: 1011 on its own stream, and it is told', async () => {
    const connected = await open(beside(webSocket(() => { throw new Error('mine'); })), OFFERED);
    await connected.send(begin());
    expect(said(connected)).toEqual(['close 1011 an internal error in this session']);
    expect(connected.errors).toEqual([new Error('mine')]);
    connected.errors.length = 0;
    await isWell(connected);
  });

  test('two WebSockets and a request side by side', async () => {
    const { handler, sessions } = echoing();
    const connected = await open(beside(handler), OFFERED);
    const [one, other] = [text('one'), text('other')];
    await connected.send(
      begin(1), data(1, one.subarray(0, 3)), begin(3), data(3, other.subarray(0, 8)), get(5),
      data(1, one.subarray(3)), data(3, other.subarray(8)), data(1, close(1000), END_STREAM),
    );
    expect(outcomeOf(connected).answers[5]).toBe('200 beside');
    expect([said(connected, 1), said(connected, 3)])
      .toEqual([['text one', 'close 1000'], ['text other']]);
    expect([isWhole(connected, 1), isWhole(connected, 3)]).toEqual([true, false]);
    expect(sessions.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    await isWell(connected);
  });

  test('the connection goes: 1006 for each', async () => {
    const { handler, sessions } = echoing();
    const connected = await open(beside(handler), OFFERED);
    await connected.send(begin(1), begin(3));
    connected.transport.disconnect(new Error('reset'));
    expect(await Promise.all(sessions.map(({ closed }) => closed)))
      .toMatchObject([ABNORMAL, ABNORMAL]);
  });

  test.each<[string, Uint8Array]>([
    ['said Close', close(1000)], ['broke a rule', frame(1, 'a', { key: null })],
  ])('a peer that %s and never ends its side is reset after lingerMs', async (_, octets) => {
    const { connected } = await joined();
    await connected.send(data(1, octets));
    expect([isWhole(connected), outcomeOf(connected).resets]).toEqual([true, {}]);
    for (const [ms, resets] of [[1_750, {}], [250, { 1: 'NO_ERROR' }]] as const) {
      connected.transport.tick(ms);
      await connected.settled();
      expect(outcomeOf(connected).resets).toEqual(resets);
    }
    await isWell(connected);
  });
  test('one that goes on sending behind the end: discardedBytes, and an octet more', async () => {
    const { connected } = await joined({ limits: { discardedBytes: 100 } });
    await connected.send(data(1, close(1000)));
    await connected.send(data(1, new Uint8Array(100)));
    expect(outcomeOf(connected).resets).toEqual({});
    await connected.send(data(1, 'x'));
    expect(outcomeOf(connected).resets).toEqual({ 1: 'NO_ERROR' });
    await isWell(connected);
  });

  test('a peer that leaves is nobody\'s failure', async () => {
    const handler = webSocket(async (session) => {
      for await (const message of session) await session.send(message);
      await session.send('and now?');
    });
    const connected = await open(beside(handler), OFFERED);
    await connected.send(begin(1), begin(3), data(1, text('a')), data(3, text('b')), reset(1));
    await isWell(connected);
    connected.transport.disconnect(new Error('reset'));
    await connected.settled();
    expect(connected.errors).toEqual([]);
  });

  test.each<[string, (connected: Connected) => unknown]>([
    ['resets the stream', (connected) => connected.send(reset(1))],
    ['leaves', (connected) => connected.transport.disconnect()],
  ])('one that %s before it is answered: there is no session', async (_, leave) => {
    const decided = deferred<undefined>();
    const { handler, sessions } = echoing();
    const connected = await open(async (request) => {
      await decided.promise;
      return handler(request);
    }, OFFERED);
    await connected.send(begin(), data(1, text('a')));
    await leave(connected);
    decided.resolve(undefined);
    await connected.settled();
    expect([sessions, connected.errors, connected.transport.charged]).toEqual([[], [], 0]);
  });

  test('no deadline of a request ends it, nor the least rate of content', async () => {
    const { connected, session } = await joined();
    for (let seconds = 0; seconds < 400; seconds += 20) {
      connected.transport.tick(20_000);
      await connected.send(data(1, pong()));
    }
    expect(session.isOpen).toBe(true);
    expect(outcomeOf(connected)).toMatchObject({ resets: {}, goaway: undefined });
  });

  test('a crowd is sent away over a while, and the connections wait for it', async () => {
    const { handler, sessions } = echoing({ random: () => 0.999 });
    const connections = await Promise.all([1, 2, 3].map(async () => {
      const connected = await open(handler, OFFERED);
      await connected.send(...Array.from({ length: 84 }, (_, index) => begin(2 * index + 1)));
      return connected;
    }));
    expect(sessions.length).toBe(252);
    for (const { transport } of connections) transport.shutdown();
    const [first] = connections as [Connected];
    await first.settled();
    expect([said(first, 1), first.transport.ended]).toEqual([[], false]);
    first.transport.tick(252);
    await first.settled();
    for (const id of [1, 83, 167]) expect(said(first, id)[0]).toMatch(/^close 1001 /);
    expect(first.transport.ended).toBe(false);
    await first.send(...Array.from({ length: 84 }, (_, index) =>
      data(2 * index + 1, close(1001), END_STREAM)));
    first.transport.tick(1_000);
    await first.settled();
    expect([isWhole(first, 167), first.transport.ended]).toEqual([true, true]);
  });

  test('a server that closes says GOAWAY, and 1001 on the stream', async () => {
    const { connected, session } = await joined();
    connected.transport.shutdown();
    await connected.settled();
    expect(connected.all.some(({ type }) => type === GOAWAY)).toBe(true);
    expect(said(connected)).toEqual(['close 1001 the server is closing']);
    expect(session.request?.draining.aborted).toBe(true);
    await connected.send(data(1, close(1001), END_STREAM));
    expect(isWhole(connected)).toBe(true);
    expect((await session.closed).clean).toBe(true);
  });

  test('a peer that is silent is asked, and then reset: this stream alone', async () => {
    const limits = { webSocketPingMs: 3_000, webSocketDeadMs: 6_000 };
    const { connected, session } = await joined({ limits });
    connected.transport.tick(2_750);
    expect(said(connected)).toEqual([]);
    connected.transport.tick(250);
    await connected.settled();
    expect(said(connected)).toEqual(['ping']);
    connected.transport.tick(3_000);
    await connected.settled();
    expect(outcomeOf(connected).resets).toEqual({ 1: 'CANCEL' });
    expect(await session.closed).toMatchObject(ABNORMAL);
    await isWell(connected);
  });
});

describe('§5 and RFC 9113 §5.2, flow control', () => {
  const SIZE = 8_000;
  const message = binary(new Uint8Array(SIZE));

  /** The window of the stream that its peer sees: what was given, less what was sent. */
  function given({ all }: Connected): number {
    return all.filter(({ type, streamId }) => type === WINDOW_UPDATE && streamId === 1)
      .reduce((sum, one) => sum + numberIn(one), 0);
  }

  /** Sends messages while the window lets it, at most so many. Gives how many. */
  async function flood(connected: Connected, window: number, most: number): Promise<number> {
    let count = 0;
    const left = (): number => window + given(connected) - count * message.length;
    while (count < most && left() >= message.length) {
      count++;
      await connected.send(data(1, message));
    }
    return count;
  }

  const limits = {
    http2StreamWindowBytes: 64_000, http2StreamWindowMaxBytes: 64_000, unreadBytes: 32_000,
  };

  test('a session that does not read stops the peer by its window; others go on', async () => {
    const sessions: WebSocketSession[] = [];
    const handler = webSocket((session) => void sessions.push(session));
    const { connected, session } = await started(handler, sessions, { limits });
    const count = await flood(connected, 64_000, 1000);
    // What the session holds, what the window holds, and no more.
    expect(count * SIZE).toBeLessThanOrEqual(32_000 + 64_000 + SIZE);
    expect(count * SIZE).toBeGreaterThan(64_000 - message.length);
    await connected.send(get(3));
    expect(outcomeOf(connected).answers[3]).toBe('200 beside');

    // Once it reads, all of it comes, and the window opens again.
    let received = 0;
    session.onMessage((octets) => { received += octets.length; });
    await connected.settled();
    expect(received).toBe(count * SIZE);
    expect(given(connected)).toBeGreaterThanOrEqual(count * message.length - 64_000);
    expect(await flood(connected, 64_000 - count * message.length, 10)).toBe(10);
    expect(received).toBe((count + 10) * SIZE);
    expect(connected.transport.charged).toBe(0);
  });

  test('one that reads is never stopped', async () => {
    let received = 0;
    const handler = webSocket((session) => session.onMessage((octets) => {
      received += octets.length;
    }));
    const { connected } = await started(handler, [], { limits });
    expect(await flood(connected, 64_000, 100)).toBe(100);
    expect(received).toBe(100 * SIZE);
  });

  test('a peer that sends beyond the window is FLOW_CONTROL_ERROR (RFC 9113 §6.9.1)', async () => {
    const sessions: WebSocketSession[] = [];
    const handler = webSocket((session) => void sessions.push(session));
    const { connected, session } = await started(handler, sessions, { limits });
    const count = await flood(connected, 64_000, 1000);
    const rest = 64_000 + given(connected) - count * message.length;
    await connected.send(data(1, new Uint8Array(rest + 1)));
    expect(outcomeOf(connected).resets).toEqual({ 1: 'FLOW_CONTROL_ERROR' });
    expect(await session.closed).toMatchObject(ABNORMAL);
    await isWell(connected);
  });

  test('what we send goes by the peer\'s window; send waits, and trySend is false', async () => {
    const queue = { webSocketQueueBytes: 50_000, writeQueueBytes: 20_000 };
    const sessions: WebSocketSession[] = [];
    const handler = webSocket((session) => void sessions.push(session));
    const { connected, session } = await started(handler, sessions, { limits: queue });
    let isSent = false;
    const sending = session.send(new Uint8Array(200_000)).then(() => { isSent = true; });
    await connected.settled();
    const sent = (): number => connected.all
      .filter(({ type, streamId }) => type === DATA && streamId === 1)
      .reduce((sum, { payload }) => sum + payload.length, 0);
    expect([sent(), isSent, session.trySend('x')]).toEqual([65_535, false, false]);
    await connected.send(windowUpdate(1, 200_000), windowUpdate(0, 200_000));
    await sending;
    expect([sent(), session.bufferedBytes, session.trySend('x')]).toEqual([200_010, 0, true]);
  });
});
