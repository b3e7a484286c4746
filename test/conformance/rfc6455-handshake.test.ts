/**
 * RFC 6455 §4, the opening handshake, as octets of HTTP/1.1, in the standard's order; with the
 * threats D1, D2, D3, D23 and A35. The client's side is in test/websocket/client-handshake.test.ts.
 */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { trustForwarders } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { webSocket } from '../../src/websocket/endpoint.ts';
import type { WebSocketOptions } from '../../src/websocket/endpoint-options.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { deferred } from '../support/deferred.ts';
import {
  answers, connect, exchange, splits, verdict, type Answer, type Connected,
} from '../support/http1.ts';
import { GET, statuses } from '../support/vectors.ts';
import { close, join, ping, pong, text } from '../support/websocket.ts';
import {
  ACCEPT, KEY, echoing, framesSaid, opening, type Changes,
} from '../support/websocket-opening.ts';

/** WebSockets at `/chat`, pages elsewhere. */
function beside(handler: Handler): Handler {
  return (request) => (request.path === '/chat' ? handler(request) : new HttpResponse(200));
}

/** What a peer got: the answers up to 101, and what the frames behind it say. */
interface Got {
  readonly answers: readonly Answer[];
  readonly frames: readonly string[];
}

function got({ transport, seen }: Connected): Got {
  const octets = transport.takeBytes();
  const all = Buffer.from(octets).toString('latin1');
  const begin = all.indexOf('HTTP/1.1 101 ');
  const end = begin < 0 ? all.length : all.indexOf('\r\n\r\n', begin) + 4;
  const methods = seen.map((line) => line.slice(0, line.indexOf(' ')));
  return {
    answers: answers(all.slice(0, end), methods), frames: framesSaid(octets.subarray(end)),
  };
}

async function talk(segments: readonly string[], handler: Handler): Promise<Got> {
  const connected = connect(handler);
  for (const segment of segments) {
    connected.transport.send(segment);
    while (connected.transport.pending) connected.transport.turn();
  }
  await connected.transport.settle();
  return got(connected);
}

const latin1 = (...frames: readonly Uint8Array[]): string =>
  Buffer.from(join(...frames)).toString('latin1');

const SWITCHED = { upgrade: 'websocket', connection: 'upgrade', 'sec-websocket-accept': ACCEPT };

describe('§1.3 Opening Handshake', () => {
  test('the example, octet for octet', async () => {
    const { transport } = connect(webSocket(() => {}, {
      origins: ['http://example.com'], subprotocols: ['chat'],
    }));
    transport.send(opening({
      Origin: 'http://example.com', 'Sec-WebSocket-Protocol': 'chat, superchat',
    }));
    await transport.settle();
    expect(transport.take()).toBe([
      'HTTP/1.1 101 Switching Protocols', 'upgrade: websocket', `sec-websocket-accept: ${ACCEPT}`,
      'sec-websocket-protocol: chat', 'connection: upgrade', '', '',
    ].join('\r\n'));
  });
});

describe('§4.2.1 Reading the Client\'s Opening Handshake', () => {
  test.each<[string, string]>([
    ['as it is', opening()],
    ['names and tokens in another case', opening({
      Upgrade: null, Connection: null, UPGRADE: 'WebSocket', cONNECTION: 'UPGRADE',
    })],
    ['an absolute target', opening({}, 'GET http://server.example.com/chat HTTP/1.1')],
    ['a query', opening({}, 'GET /chat?room=1 HTTP/1.1')],
    ['an Upgrade list', opening({ Upgrade: 'h2c, websocket' })],
    ['two lines of Upgrade', opening({ Upgrade: ['h2c', 'websocket'] })],
    ['Connection: keep-alive, Upgrade', opening({ Connection: 'keep-alive, Upgrade' })],
    ['two lines of Connection', opening({ Connection: ['keep-alive', 'Upgrade'] })],
    ['Content-Length: 0', opening({ 'Content-Length': '0' })],
    ['space around values', opening({ 'Sec-WebSocket-Key': `\t ${KEY} \t` })],
    ['unknown fields (item 10)', opening({ Cookie: 'a=b', Authorization: 'Basic YTpi', X: 'y' })],
    ['an empty line before it (RFC 9112 §2.2)', `\r\n${opening()}`],
  ])('%s is taken, at every split (RFC 6455 §4.2.1)', async (_, octets) => {
    const outcome = await verdict(octets, beside(webSocket(() => {})));
    expect(outcome.answers.map(({ status, fields }) => [status, fields.toJSON()]))
      .toEqual([[101, SWITCHED]]);
    expect([outcome.refused, outcome.ended]).toEqual([[], false]);
  });

  const without = (name: string): string => opening({ [name]: null });
  const key = (value: Changes['']): string => opening({ 'Sec-WebSocket-Key': value });
  const version = (value: Changes['']): string => opening({ 'Sec-WebSocket-Version': value });
  const content = (line: Changes, octets: string): string => opening(line) + octets;
  const CHUNKED = { 'Transfer-Encoding': 'chunked' };

  // What is behind a refusal is the next request (threat A35), but where the connection must end.
  test.each<[string, string, number, 'ends'?]>([
    ['1. POST', opening({}, 'POST /chat HTTP/1.1'), 405],
    ['1. HEAD', opening({}, 'HEAD /chat HTTP/1.1'), 405],
    ['1. OPTIONS', opening({}, 'OPTIONS /chat HTTP/1.1'), 405],
    ['1. get', opening({}, 'get /chat HTTP/1.1'), 405],
    ['1. HTTP/1.0', opening({}, 'GET /chat HTTP/1.0'), 400, 'ends'],
    ['1. HTTP/1.0 that would stay',
      opening({ Connection: 'keep-alive, Upgrade' }, 'GET /chat HTTP/1.0'), 400],
    ['1. a target that is none', opening({}, 'GET chat HTTP/1.1'), 400, 'ends'],
    ['2. no Host', without('Host'), 400, 'ends'],
    ['2. two Hosts', opening({ Host: ['a', 'a'] }), 400, 'ends'],
    ['3. no Upgrade', without('Upgrade'), 426],
    ['3. Upgrade: h2c', opening({ Upgrade: 'h2c' }), 426],
    ['3. Upgrade: websocket/13', opening({ Upgrade: 'websocket/13' }), 426],
    ['4. no Connection', without('Connection'), 426],
    ['4. Connection: keep-alive', opening({ Connection: 'keep-alive' }), 426],
    ['4. Connection: close, Upgrade', opening({ Connection: 'close, Upgrade' }), 400, 'ends'],
    ['5. no key', without('Sec-WebSocket-Key'), 400],
    ['5. an empty key', key(''), 400],
    ['5. 15 octets', key('AQIDBAUGBwgJCgsMDQ4P'), 400],
    ['5. 17 octets', key('AQIDBAUGBwgJCgsMDQ4PEBE='), 400],
    ['5. no padding', key(KEY.slice(0, -2)), 400],
    ['5. base64url', key('dGhlIHNhbXBsZSBub25j-_=='), 400],
    ['5. bits left over', key('dGhlIHNhbXBsZSBub25jZR=='), 400],
    ['5. two keys', key([KEY, KEY]), 400],
    ['5. two keys on a line', key(`${KEY}, ${KEY}`), 400],
    ['5. space before the colon (RFC 9112 §5.1)',
      opening({ 'Sec-WebSocket-Key': null, 'Sec-WebSocket-Key ': KEY }), 400, 'ends'],
    ['6. no version', without('Sec-WebSocket-Version'), 400],
    ['6. two versions', version(['13', '13']), 400],
    ['6. version 8', version('8'), 426],
    ['6. version 777', version('777'), 426],
    ['6. version 13, 8', version('13, 8'), 426],
    ['content by length', content({ 'Content-Length': '5' }, 'abcde'), 400],
    // An early answer does not wait for content whose length nobody knows.
    ['content in chunks', content(CHUNKED, '1\r\na\r\n0\r\n\r\n'), 400, 'ends'],
    ['chunks of no content', content(CHUNKED, '0\r\n\r\n'), 400, 'ends'],
    ['both lengths (RFC 9112 §6.3)', content({ ...CHUNKED, 'Content-Length': '5' },
      '0\r\n\r\n'), 400, 'ends'],
  ])('D1: %s is refused, at every split (RFC 6455 §4.2.1)', async (_, octets, status, ends) => {
    const { handler, sessions } = echoing();
    const outcome = await verdict(octets + GET, beside(handler));
    expect(statuses(outcome)).toEqual(ends === undefined ? [status, 200] : [status]);
    expect(outcome.ended).toBe(ends !== undefined);
    expect(outcome.seen.includes('GET /')).toBe(ends === undefined);
    expect(sessions).toEqual([]);
    const [refusal] = outcome.answers as [Answer];
    expect(refusal.whole).toBe(true);
    expect(refusal.fields.get('content-type')).toBe('application/problem+json');
    expect(refusal.fields.get('sec-websocket-accept')).toBe(undefined);
  });

  test('426 says what to ask for, and with which option (RFC 9110 §15.5.22)', async () => {
    const { answers: [answer] } = await exchange(without('Upgrade'), webSocket(() => {}));
    expect(answer?.fields.toJSON()).toMatchObject({ upgrade: 'websocket', connection: 'upgrade' });
  });
  test('405 says GET (RFC 9110 §15.5.6)', async () => {
    const post = opening({}, 'POST /chat HTTP/1.1');
    const { answers: [answer] } = await exchange(post, webSocket(() => {}));
    expect(answer?.fields.get('allow')).toBe('GET');
  });
  test('CONNECT is for another thing, and ends the connection', async () => {
    const asked = opening({ Host: 'a:1' }, 'CONNECT a:1 HTTP/1.1');
    const outcome = await exchange(asked + GET, webSocket(() => {}));
    expect([statuses(outcome), outcome.ended]).toEqual([[405], true]);
  });
});

describe('§4.2.2 Sending the Server\'s Opening Handshake', () => {
  test.each<[string, number]>([['2. 401', 401], ['3. 302', 302], ['resource name: 404', 404]])(
    '%s in place of it: what follows is a request (RFC 6455 §4.2.2)', async (_, status) => {
      const outcome = await verdict(opening() + GET, ({ path }) =>
        new HttpResponse(path === '/chat' ? status : 200));
      expect(statuses(outcome)).toEqual([status, 200]);
    });

  // A page brings the cookies of its user wherever it connects to.
  test.each<[string, string | null, string, number]>([
    ['no browser', null, 'a.example', 101],
    ['the same', 'http://a.example', 'a.example', 101],
    ['in another case', 'HTTP://A.Example', 'a.eXample', 101],
    ['with the default port', 'http://a.example', 'a.example:80', 101],
    ['another port', 'http://a.example:8080', 'a.example', 403],
    ['another scheme', 'https://a.example', 'a.example', 403],
    ['null', 'null', 'a.example', 403],
    ['another site', 'http://evil.example', 'a.example', 403],
    ['a site that begins so', 'http://a.example.evil.example', 'a.example', 403],
    ['the port of https on http', 'http://a.example:443', 'a.example', 403],
  ])('D2: an origin, %s (RFC 6455 §10.2)', async (_, origin, host, status) => {
    const asked = opening({ Host: host, Origin: origin, Cookie: 'session=1' });
    const outcome = await verdict(`${asked}`, webSocket(() => {}));
    expect(statuses(outcome)).toEqual([status]);
  });
  test.each<[string, string, string, number]>([
    ['what the page says', 'https://a.example', 'proto=https;host=a.example', 101],
    ['its default port', 'https://a.example', 'proto=https;host="a.example:443"', 101],
    ['another site', 'https://evil.example', 'proto=https;host=a.example', 403],
    ['http inside', 'http://a.example', 'proto=https;host=a.example', 403],
  ])('D2: behind a trusted proxy, %s (RFC 7239 §5)', async (_, origin, said, status) => {
    const forwarders = { trust: trustList(['192.0.2.1']), written: 'forwarded' } as const;
    const inner = webSocket(() => {});
    const asked = opening({ Host: 'inner', Origin: origin, Forwarded: `for=198.51.100.7;${said}` });
    const behind = await exchange(asked, (request) => {
      trustForwarders(request, forwarders);
      return inner(request);
    });
    expect(statuses(behind)).toEqual([status]);
    // Who is not trusted says nothing of the origin.
    expect(statuses(await exchange(asked, inner))).toEqual([403]);
  });

  const OPTIONS: WebSocketOptions = {
    subprotocols: ['chat', 'soap'],
    deflate: { serverNoContextTakeover: false, clientNoContextTakeover: false },
    zlib: new ZlibBudget({ inline: true }),
  };
  const DEFLATE = 'permessage-deflate';
  test.each<[string, Changes, number, Readonly<Record<string, string>>]>([
    ['two that are spoken', { P: 'soap, chat' }, 101, { P: 'chat' }],
    ['none that is spoken', { P: 'wamp' }, 101, {}],
    ['empty members', { P: ',,chat,' }, 101, { P: 'chat' }],
    ['twice', { P: 'chat, chat' }, 400, {}],
    ['twice, on two lines', { P: ['chat', 'chat'] }, 400, {}],
    ['empty', { P: '' }, 400, {}],
    ['a space within', { P: 'chat soap' }, 400, {}],
    ['a quote', { P: '"chat"' }, 400, {}],
    ['a parameter', { P: 'chat;q=1' }, 400, {}],
    ['UTF-8', { P: 'ch\xc3\xa4t' }, 400, {}],
    ['NBSP around', { P: '\xa0chat\xa0' }, 400, {}],
    ['CR LF and a line of its own', { P: 'chat\r\nSec-WebSocket-Accept: x' }, 101, { P: 'chat' }],
    ['CR LF in what is not chosen', { P: 'x\r\nX: y' }, 101, {}],
    ['a folded line (RFC 9112 §5.2)', { P: 'chat\r\n soap' }, 400, {}],
    ['NUL (RFC 9110 §5.5)', { P: 'chat\0' }, 400, {}],
    ['bare CR', { P: 'chat\rX: y' }, 400, {}],
    ['names of objects', { P: '__proto__, constructor' }, 101, {}],
    ['4097 octets', { P: `chat,${'a'.repeat(4092)}` }, 400, {}],
    ['64 KiB', { P: 'a,'.repeat(32_768) }, 431, {}],
    ['an extension', { E: DEFLATE }, 101, { E: DEFLATE }],
    ['another extension', { E: 'foo; bar=baz' }, 101, {}],
    ['an unknown parameter', { E: `${DEFLATE}; foo=1` }, 101, {}],
    ['a parameter twice', { E: `${DEFLATE}; client_max_window_bits; client_max_window_bits` }, 101,
      {}],
    ['the second of two offers', { E: `${DEFLATE}; foo, ${DEFLATE}` }, 101, { E: DEFLATE }],
    ['an open quote', { E: `${DEFLATE}; server_max_window_bits="10` }, 400, {}],
    ['a quoted list', { E: `${DEFLATE}; server_max_window_bits="10, ${DEFLATE}"` }, 400, {}],
    ['an empty extension', { E: `${DEFLATE};` }, 400, {}],
    ['no extension', { E: '' }, 400, {}],
    ['quotes and escapes without end', { E: `a;b="${'\\'.repeat(4000)}` }, 400, {}],
    ['4097 octets of extensions', { E: `${DEFLATE},${'a'.repeat(4078)}` }, 400, {}],
  ])('D3: %s (RFC 6455 §9.1, §4.2.2)', async (_, asked, status, wanted) => {
    const full = (short: Changes): Changes => Object.fromEntries(Object.entries(short).map(
      ([name, value]) => [`sec-websocket-${name === 'P' ? 'protocol' : 'extensions'}`, value],
    ));
    const outcome = await exchange(opening(full(asked)), webSocket(() => {}, OPTIONS));
    expect(statuses(outcome)).toEqual([status]);
    const fields = outcome.answers[0]?.fields.toJSON();
    if (status === 101) expect(fields).toEqual({ ...SWITCHED, ...full(wanted) });
    else expect(fields).not.toHaveProperty('sec-websocket-protocol');
  });

  test('extensions on two lines are one list (RFC 6455 §9.1)', async () => {
    const asked = opening({ 'Sec-WebSocket-Extensions': ['foo', `bar, ${DEFLATE}`] });
    const { answers: [answer] } = await exchange(asked, webSocket(() => {}, OPTIONS));
    expect(answer?.fields.get('sec-websocket-extensions')).toBe(DEFLATE);
  });

  test('a subprotocol that was not offered is the program\'s fault: 500', async () => {
    const { transport, errors } = connect(webSocket(() => {}, { subprotocols: () => 'soap' }));
    transport.send(opening({ 'Sec-WebSocket-Protocol': 'chat' }));
    await transport.settle();
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500]);
    expect(errors).toEqual([expect.any(TypeError)]);
  });

  test('a middleware adds fields to 101', async () => {
    const { handler } = echoing();
    const got101 = await talk([opening() + latin1(text('a'))], async (request) => {
      const response = await handler(request);
      return response.with({
        fields: [...response.fields, ['x-request-id', '7'], ['set-cookie', 'a=b'],
          ['set-cookie', 'c=d']],
      });
    });
    const [answer] = got101.answers as [Answer];
    expect(answer.fields.toJSON())
      .toEqual({ ...SWITCHED, 'x-request-id': '7', 'set-cookie': 'a=b, c=d' });
    expect(answer.fields.getAll('set-cookie')).toEqual(['a=b', 'c=d']);
    expect(got101.frames).toEqual(['text a']);
  });
  test.each([200, 403, 500])('a middleware that makes it %d opens no WebSocket', async (status) => {
    const { handler, sessions } = echoing();
    const { answers: all } = await talk([opening()], async (request) =>
      (await handler(request)).with({ status }));
    expect([statuses({ answers: all }).includes(101), sessions.length]).toEqual([false, 0]);
  });
});

describe('§4.4 Supporting Multiple Versions', () => {
  test('the client asks again on the same connection, with what it was told', async () => {
    const { handler } = echoing();
    const asked = opening({ 'Sec-WebSocket-Version': '25' });
    const { answers: all, frames } = await talk([asked, opening(), latin1(text('a'))], handler);
    expect(statuses({ answers: all })).toEqual([426, 101]);
    expect(all[0]?.fields.get('sec-websocket-version')).toBe('13');
    expect(frames).toEqual(['text a']);
  });
});

describe('§4.2.2, §5 the connection is OPEN: it belongs to the WebSocket', () => {
  const FRAMES = latin1(text('hello'), ping('are you?'), text('\u00e9'), close(1000, 'bye'));
  const SAID = ['text hello', 'pong are you?', 'text é', 'close 1000'];
  /** A message waits its turn with others of the same entry; pongs may pass. */
  const sorted = (frames: readonly string[]): string[] => [...frames].sort();

  const WAYS: readonly (readonly [string, (handler: Handler) => Handler])[] = [
    ['at once', (handler) => handler],
    ['later', (handler) => async (request) => {
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      return handler(request);
    }],
  ];
  test.each(WAYS)('D23: frames in the segment of the handshake, answered %s, at every split',
    async (_, way) => {
      for (const segments of splits(opening() + FRAMES)) {
        const { handler, sessions } = echoing();
        const { answers: all, frames } = await talk(segments, way(handler));
        expect(statuses({ answers: all })).toEqual([101]);
        expect(sorted(frames)).toEqual(sorted(SAID));
        expect(frames.at(-1)).toBe('close 1000');
        expect(sessions.length).toBe(1);
        expect(await sessions[0]?.closed).toEqual({ code: 1000, reason: 'bye', clean: true });
      }
    });

  test('what the program says at once comes behind 101', async () => {
    const handler = webSocket((session) => void session.send('welcome'));
    const { answers: all, frames } = await talk([opening()], handler);
    expect([statuses({ answers: all }), frames]).toEqual([[101], ['text welcome']]);
  });
  test.each([
    new Error('mine'), new HttpError(403, 'mine'),
  ])('a program that fails at once with %s: 101, Close, and it is told', async (error) => {
    const connected = connect(webSocket(() => { throw error; }));
    connected.transport.send(opening());
    await connected.transport.settle();
    const { answers: all, frames } = got(connected);
    expect(statuses({ answers: all })).toEqual([101]);
    expect(frames).toEqual(['close 1011 an internal error in this session']);
    expect(connected.errors).toEqual([expect.objectContaining({
      message: expect.stringContaining('mine') as unknown,
    })]);
  });

  test.each([
    ['GET', GET], ['the handshake again', opening()], ['h2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('A35: %s behind a handshake that was taken is no request', async (_, octets) => {
    for (const segments of [[opening() + octets], [opening(), octets]]) {
      const connected = connect(beside(echoing().handler));
      for (const segment of segments) connected.transport.send(segment);
      await connected.transport.settle();
      expect(connected.seen).toEqual(['GET /chat']);
      const { answers: all, frames } = got(connected);
      expect(statuses({ answers: all })).toEqual([101]);
      expect(frames).toEqual([expect.stringMatching(/^close 1002 /)]);
      expect(connected.transport.ended).toBe(true);
    }
  });
  test('A35: a frame behind a refused handshake is read as HTTP, and refused', async () => {
    const refused = opening({ 'Sec-WebSocket-Version': '777' });
    const outcome = await verdict(`${refused}${latin1(text('GET /'))}\r\n\r\n`, echoing().handler);
    expect([statuses(outcome), outcome.ended]).toEqual([[426, 400], true]);
  });

  test('pipelined behind requests that were not answered, it waits its turn', async () => {
    const first = deferred<HttpResponse>();
    const { handler, sessions } = echoing();
    const connected = connect((request) => (
      request.path === '/chat' ? handler(request) : first.promise
    ));
    connected.transport.send(GET + opening() + latin1(text('a')));
    await connected.transport.settle();
    expect([connected.seen, sessions.length]).toEqual([['GET /'], 0]);
    first.resolve(new HttpResponse(200, {}, 'first'));
    await connected.transport.settle();
    const { answers: all, frames } = got(connected);
    expect(all.map(({ status, body }) => [status, body])).toEqual([[200, 'first'], [101, '']]);
    expect(frames).toEqual(['text a']);
  });
  test('what is pipelined behind one that waits to be decided is frames', async () => {
    const decided = deferred<undefined>();
    const { handler } = echoing();
    const connected = connect(async (request) => {
      await decided.promise;
      return handler(request);
    });
    connected.transport.send(opening() + latin1(text('a')));
    await connected.transport.settle();
    connected.transport.send(latin1(text('b')));
    decided.resolve(undefined);
    await connected.transport.settle();
    expect(got(connected).frames).toEqual(['text a', 'text b']);
  });

  test('a server that closes meanwhile: 101, and Close 1001', async () => {
    const decided = deferred<undefined>();
    const { handler, sessions } = echoing();
    const connected = connect(async (request) => {
      await decided.promise;
      return handler(request);
    });
    connected.transport.send(opening());
    connected.transport.shutdown();
    decided.resolve(undefined);
    await connected.transport.settle();
    const { answers: all, frames } = got(connected);
    expect(statuses({ answers: all })).toEqual([101]);
    expect(frames).toEqual(['close 1001 the server is closing']);
    expect(sessions[0]?.request?.draining.aborted).toBe(true);
  });

  test('a peer that leaves before it is answered: there is no session', async () => {
    const decided = deferred<undefined>();
    const { handler, sessions } = echoing();
    const connected = connect(async (request) => {
      await decided.promise;
      return handler(request);
    });
    connected.transport.send(opening() + latin1(text('a')));
    connected.transport.disconnect(new Error('reset'));
    decided.resolve(undefined);
    await connected.transport.settle();
    expect([sessions, connected.errors]).toEqual([[], []]);
  });
  test('one that only half-closes gets its answer, and 1006', async () => {
    const { handler, sessions } = echoing();
    const connected = connect(handler);
    connected.transport.send(opening() + latin1(text('a')));
    connected.transport.sendEof();
    await connected.transport.settle();
    expect(got(connected).frames).toEqual(['text a']);
    expect(await sessions[0]?.closed).toEqual({ code: 1006, reason: '', clean: false });
    expect(connected.transport.closed).toBe(true);
  });
  test('a peer that leaves is nobody\'s failure', async () => {
    const connected = connect(webSocket(async (session) => {
      for await (const message of session) await session.send(message);
      await session.send('and now?');
    }));
    connected.transport.send(opening() + latin1(text('a')));
    await connected.transport.settle();
    connected.transport.disconnect(new Error('reset'));
    await connected.transport.settle();
    expect(connected.errors).toEqual([]);
  });

  test('no deadline of HTTP/1.1 ends it: what is silent is asked, then given up', async () => {
    const { transport } = connect(echoing().handler);
    transport.send(opening());
    await transport.settle();
    expect(transport.take()).toMatch(/^HTTP\/1\.1 101 /);
    transport.tick(29_750);
    expect(transport.take()).toBe('');
    transport.tick(250);
    expect(framesSaid(transport.takeBytes())).toEqual(['ping']);
    transport.tick(29_750);
    expect(transport.closed).toBe(false);
    transport.tick(250);
    expect(transport.closed).toBe(true);
  });
  test('nor does one of a request, nor the least rate of content', async () => {
    const { handler, sessions } = echoing();
    const { transport } = connect(handler);
    transport.send(opening());
    await transport.settle();
    for (let seconds = 0; seconds < 400; seconds += 20) {
      transport.tick(20_000);
      transport.send(pong());
    }
    expect([sessions[0]?.isOpen, transport.closed]).toEqual([true, false]);
  });
});
