/** What `webSocket` is told: what is taken, and what is refused before the first request. */
import { describe, expect, test } from 'vitest';
import { HttpError } from '../../src/http/http-error.ts';
import { webSocket, type SessionHandler } from '../../src/websocket/endpoint.ts';
import type { WebSocketOptions } from '../../src/websocket/endpoint-options.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { begin, openingRequest } from '../support/websocket-opening.ts';

const idle: SessionHandler = () => {};

describe('options', () => {
  /** As a program without types would give them. */
  const make = (options: unknown) => () => webSocket(idle, options as WebSocketOptions);

  test.each<[string, unknown, RegExp]>([
    ['no object', null, /^webSocket takes an object; it knows origins, /],
    ['a list', [], /^webSocket takes an object/],
    ['an unknown name', { origin: 'any' }, /^webSocket knows no origin; it knows origins, /],
    ['a second unknown name', { origins: 'any', maxPayload: 1 }, /knows no maxPayload/],
    ['another word of origins', { origins: 'all' }, /^origins is 'same', 'any', or a list such as/],
    ['one origin in place of a list', { origins: 'https://example.com' }, /^origins is 'same'/],
    ['origins of no kind', { origins: 5 }, /^origins is 'same'/],
    ['origins null', { origins: null }, /^origins is 'same'/],
    ['requireOrigin of no kind', { requireOrigin: 'yes' }, /^requireOrigin is true or false/],
    ['one subprotocol in place of a list', { subprotocols: 'chat' }, /^subprotocols is a list/],
    ['subprotocols null', { subprotocols: null }, /^subprotocols is a list/],
    ['a subprotocol with a space', { subprotocols: ['a', 'b c'] },
      /^subprotocol "b c" is no token \(RFC 6455 §4\.1\)$/],
    ['a subprotocol that is empty', { subprotocols: [''] }, /^subprotocol "" is no token/],
    ['a list in a subprotocol', { subprotocols: ['a,b'] }, /^subprotocol "a,b" is no token/],
    ['a subprotocol with CRLF', { subprotocols: ['a\r\nX: y'] }, /is no token/],
    ['a subprotocol that is no text', { subprotocols: [5] }, /^subprotocol "5" is no token/],
    ['accepts of another kind', { accepts: 'json' }, /^accepts is 'text' or 'binary'/],
    ['accepts null', { accepts: null }, /^accepts is 'text' or 'binary'/],
    ['drainCode 1000', { drainCode: 1000 }, /^drainCode is 1001 or 1012 \(RFC 6455 §7\.4\.1\)$/],
    ['drainCode as text', { drainCode: '1001' }, /^drainCode is 1001 or 1012/],
    ['an unknown limit', { limits: { maxPayload: 1 } }, /^unknown limit maxPayload; known are/],
    ['a limit below 0', { limits: { webSocketMessageBytes: -1 } }, /^limit webSocketMessageBytes/],
    ['limits of no kind', { limits: 5 }, /^limits are an object/],
    ['deflate as text', { deflate: 'yes' }, /^deflate takes an object/],
    ['deflate null', { deflate: null }, /^deflate takes an object/],
    ['an unknown name in deflate', { deflate: { threshold: 1 } },
      /^deflate knows no threshold; it knows serverNoContextTakeover/],
    ['zlib of no kind', { zlib: {} }, /^zlib is a ZlibBudget/],
    ['random of no kind', { random: 0.5 }, /^random is a function/],
  ])('%s is a TypeError', (_, options, message) => {
    expect(make(options)).toThrow(TypeError);
    expect(make(options)).toThrow(message);
  });

  test.each<[string, unknown]>([
    ['serverMaxWindowBits is 8', { serverMaxWindowBits: 8 }],
    ['clientMaxWindowBits is 16', { clientMaxWindowBits: 16 }],
    ['thresholdBytes is -1', { thresholdBytes: -1 }],
  ])('deflate: %s is a RangeError', (message, deflate) => {
    expect(make({ deflate })).toThrow(RangeError);
    expect(make({ deflate })).toThrow(message);
  });

  test.each(['*', 'https://*.example.com'])('origin %s is no pattern', (origin) => {
    expect(make({ origins: [origin] })).toThrow(new TypeError(
      `origin "${origin}" would be a host by that name: list each, or 'any'`,
    ));
  });

  test.each<[unknown, string]>([
    ['https://example.com/', 'https://example.com'],
    ['https://example.com/chat', 'https://example.com'],
    ['https://example.com?', 'https://example.com'],
    ['https://example.com:443', 'https://example.com'],
    ['http://example.com:80', 'http://example.com'],
    ['https://user@example.com', 'https://example.com'],
    [' https://example.com', 'https://example.com'],
    ['https://ex\tample.com', 'https://example.com'],
    ['https:example.com', 'https://example.com'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['http://0x7f.1', 'http://127.0.0.1'],
    ['wss://example.com', 'https://example.com'],
    ['ws://example.com:8080', 'http://example.com:8080'],
    ['example.com', 'https://example.com'],
    ['example.com:443', 'https://example.com'],
    ['//example.com', 'https://example.com'],
    ['', 'https://example.com'],
    ['file:///tmp', 'https://example.com'],
    ['NULL', 'https://example.com'],
    [undefined, 'https://example.com'],
    [5, 'https://example.com'],
    [new URL('https://example.com'), 'https://example.com'],
  ])(
    'origin %s is none: %s is (RFC 6454 §6.1)', (origin, wanted) => {
      const origins = ['https://good.example', origin];
      expect(make({ origins })).toThrow(new TypeError(
        `origin "${String(origin)}" is none: write it as ${wanted} (RFC 6454 §6.1)`,
      ));
    });

  test.each([undefined, null, {}, 'echo'])('serve %s is no function', (serve) => {
    expect(() => webSocket(serve as unknown as SessionHandler))
      .toThrow(new TypeError('webSocket needs a function that is given each session'));
  });

  test.each<[string, WebSocketOptions]>([
    ['none', {}],
    ['undefined is as if not given', {
      origins: undefined, requireOrigin: undefined, subprotocols: undefined, deflate: undefined,
      accepts: undefined, limits: undefined, drainCode: undefined, zlib: undefined,
      random: undefined,
    }],
    ['undefined in a part too', {
      limits: { webSocketPingMs: undefined }, deflate: { serverMaxWindowBits: undefined },
    }],
    ['all', {
      origins: ['https://A.example', 'http://[::1]:8080', 'null', 'chrome-extension://abc'],
      requireOrigin: false,
      subprotocols: ['a'], deflate: { thresholdBytes: 0 }, accepts: 'text',
      limits: { webSocketPingMs: 1 }, drainCode: 1012, zlib: new ZlibBudget(), random: () => 0,
    }],
  ])('taken: %s', (_, options) => {
    expect(begin(webSocket(idle, options)).transport.closed).toBe(false);
  });

  test('a list that changes after changes nothing', () => {
    const [origins, subprotocols] = [['https://a.example'], ['a']];
    const handler = webSocket(idle, { origins, subprotocols });
    origins.push('https://b.example');
    subprotocols.push('b');
    expect(() => begin(handler, { Origin: 'https://b.example' })).toThrow(HttpError);
    const response = handler(openingRequest({ 'Sec-WebSocket-Protocol': 'b' }));
    if (response instanceof Promise) throw new Error('it answers later');
    expect(response.fields.has('sec-websocket-protocol')).toBe(false);
  });
});
