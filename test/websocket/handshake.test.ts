/** The server's side of the handshake: who becomes a WebSocket, who is refused, and with what. */
import { describe, expect, test } from 'vitest';
import { RequestBody } from '../../src/http/body.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { trustForwarders, type HttpRequest } from '../../src/http/request.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { deflateOptions } from '../../src/websocket/deflate-parameters.ts';
import {
  acceptKey, handshake, isWebSocketRequest, type Handshake, type HandshakeRules,
} from '../../src/websocket/handshake.ts';
import { makeRequest, securePeer, type RequestParts } from '../support/requests.ts';
import {
  ACCEPT, KEY, connectingRequest, openingRequest, type Changes,
} from '../support/websocket-opening.ts';

const RULES: HandshakeRules = {
  origins: 'same', requireOrigin: false, subprotocols: [], deflate: undefined,
};

/** Status and fields of a refusal, or the fields of the answer. */
function judged(request: HttpRequest, rules: Partial<HandshakeRules> = {}): unknown {
  try {
    return handshake(request, { ...RULES, ...rules }).fields;
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    expect(error.message).toMatch(/\(RFC \d{4} §[\d.]+\)$|\(§[\d.]+\)$/);
    return error.fields === undefined ? error.status : [error.status, error.fields];
  }
}

function opened(changes: Changes = {}, rules: Partial<HandshakeRules> = {}): Handshake {
  return handshake(openingRequest(changes), { ...RULES, ...rules });
}

const AGREED = { upgrade: 'websocket', 'sec-websocket-accept': ACCEPT };
const SPOKEN = { 'sec-websocket-version': '13' };
const ASK = [426, { upgrade: 'websocket' }];

describe('§1.3, §4.2.2 the key is answered', () => {
  test.each([
    [KEY, ACCEPT],
    // The key of §4.1: 1, 2, ... 16
    ['AQIDBAUGBwgJCgsMDQ4PEC==', 'OfS0wDaT5NoxF2gqm7Zj2YtetzM='],
  ])('%s (RFC 6455 §4.2.2)', (key, wanted) => {
    expect(acceptKey(key)).toBe(wanted);
  });
  test('101 carries upgrade and the accept, and nothing that was not asked for', () => {
    expect(opened()).toEqual({ fields: AGREED, subprotocol: '', deflate: undefined });
  });
});

describe('§4.2.1 Reading the Client\'s Opening Handshake', () => {
  const ALLOW = [405, { allow: 'GET' }];
  test.each(['HEAD', 'POST', 'PUT', 'OPTIONS', 'get', 'CONNECT'])(
    '1. the method is GET, not %s (RFC 6455 §4.2.1)', (method) => {
      expect(judged(openingRequest({}, { method }))).toEqual(ALLOW);
    });
  test('1. HTTP/1.0 has no Upgrade (RFC 9110 §7.8)', () => {
    expect(judged(openingRequest({}, { version: '1.0' }))).toBe(400);
    expect(judged(openingRequest({ Upgrade: null }, { version: '1.0' }))).toEqual(ASK);
  });

  test.each<[string, Changes, unknown]>([
    ['any case', { Upgrade: 'WebSocket' }, AGREED],
    ['one of a list', { Upgrade: 'h2c, websocket' }, AGREED],
    ['one of two lines', { Upgrade: ['h2c', 'WEBSOCKET'] }, AGREED],
    ['empty members', { Upgrade: ',\t,websocket ,' }, AGREED],
    ['none', { Upgrade: null }, ASK],
    ['empty', { Upgrade: '' }, ASK],
    ['another', { Upgrade: 'h2c' }, ASK],
    ['a part', { Upgrade: 'websockets' }, ASK],
    ['a version', { Upgrade: 'websocket/13' }, ASK],
    ['two words', { Upgrade: 'web socket' }, ASK],
  ])('3. Upgrade: %s (RFC 6455 §4.2.1)', (_, changes, wanted) => {
    expect(judged(openingRequest(changes))).toEqual(wanted);
  });

  test.each<[string, Changes, unknown]>([
    ['any case', { Connection: 'upGRADE' }, AGREED],
    ['one of a list', { Connection: 'keep-alive, Upgrade' }, AGREED],
    ['one of two lines', { Connection: ['keep-alive', 'Upgrade'] }, AGREED],
    ['none', { Connection: null }, ASK],
    ['another', { Connection: 'keep-alive' }, ASK],
    ['a part', { Connection: 'Upgrades' }, ASK],
    ['close', { Connection: 'close, Upgrade' }, 400],
    ['close in any case, on its own line', { Connection: ['Upgrade', 'CLOSE'] }, 400],
  ])('4. Connection: %s (RFC 6455 §4.2.1)', (_, changes, wanted) => {
    expect(judged(openingRequest(changes))).toEqual(wanted);
  });

  test.each<[string, Changes['']]>([
    ['none', null], ['empty', ''], ['15 octets', 'AQIDBAUGBwgJCgsMDQ4P'],
    ['17 octets', 'AQIDBAUGBwgJCgsMDQ4PEBE='], ['no padding', KEY.slice(0, -2)],
    ['half of the padding', KEY.slice(0, -1)], ['too much padding', `${KEY}=`],
    ['a digit of base64url', 'dGhlIHNhbXBsZSBub25j-_=='],
    ['space within', 'dGhlIHNhbXBsZSB ub25jZQ=='],
    ['bits beyond the 16 octets', 'dGhlIHNhbXBsZSBub25jZR=='], ['text', 'x'.repeat(24)],
    ['two of the same', [KEY, KEY]], ['two on a line', `${KEY}, ${KEY}`],
    ['one and an empty one', [KEY, '']], ['64 KiB', 'A'.repeat(65_536)],
  ])('5. Sec-WebSocket-Key: %s is 400 (RFC 6455 §4.2.1)', (_, key) => {
    expect(judged(openingRequest({ 'Sec-WebSocket-Key': key }))).toBe(400);
  });
  test.each(['A', 'Q', 'g', 'w'])('5. a key may end in %s== (RFC 4648 §4)', (digit) => {
    const key = `${'+/09azAZ'.repeat(3).slice(0, 21)}${digit}==`;
    expect(judged(openingRequest({ 'Sec-WebSocket-Key': key })))
      .toEqual({ ...AGREED, 'sec-websocket-accept': acceptKey(key) });
  });

  test.each([1, 65_536, undefined])('it has no content: %s octets (RFC 9110 §7.8)', (length) => {
    const body = new RequestBody(length, undefined, 0);
    expect(judged(openingRequest({}, { body }))).toBe(400);
  });
});

describe('§4.4 Supporting Multiple Versions', () => {
  test.each<[string, Changes[''], unknown]>([
    ['none', null, [400, SPOKEN]],
    ['two lines', ['13', '13'], [400, SPOKEN]],
    ['two versions', ['13', '8'], [400, SPOKEN]],
    ['an older', '8', [426, { ...SPOKEN, upgrade: 'websocket' }]],
    ['a newer', '25', [426, { ...SPOKEN, upgrade: 'websocket' }]],
    ['a list', '13, 8', [426, { ...SPOKEN, upgrade: 'websocket' }]],
    ['a leading zero (§4.3)', '013', [426, { ...SPOKEN, upgrade: 'websocket' }]],
    ['empty', '', [426, { ...SPOKEN, upgrade: 'websocket' }]],
    ['777', '777', [426, { ...SPOKEN, upgrade: 'websocket' }]],
  ])('%s: 13 is told (RFC 6455 §4.4)', (_, version, wanted) => {
    expect(judged(openingRequest({ 'Sec-WebSocket-Version': version }))).toEqual(wanted);
  });
});

describe('§10.2 Origin Considerations', () => {
  const from = (origin: Changes[''], host = 'a.example'): Changes =>
    ({ Host: host, Origin: origin });
  const secure: RequestParts = { peer: securePeer('a.example') };

  test.each<[string, Changes, RequestParts, boolean]>([
    ['none: no browser', from(null), {}, true],
    ['the same', from('http://a.example'), {}, true],
    ['the same in another case', from('HTTP://A.example'), {}, true],
    ['Host in another case', from('http://a.example', 'A.EXAMPLE'), {}, true],
    ['with the port that http has anyway', from('http://a.example:80'), {}, true],
    ['Host with that port', from('http://a.example', 'a.example:80'), {}, true],
    ['another port', from('http://a.example:8080'), {}, false],
    ['the same other port', from('http://a.example:8080', 'a.example:8080'), {}, true],
    ['443 on http', from('http://a.example:443'), {}, false],
    ['another scheme', from('https://a.example'), {}, false],
    ['https', from('https://a.example'), secure, true],
    ['with the port that https has anyway', from('https://a.example:443'), secure, true],
    ['80 on https', from('https://a.example:80'), secure, false],
    ['http on https', from('http://a.example'), secure, false],
    ['null', from('null'), {}, false],
    ['empty', from(''), {}, false],
    ['another', from('http://b.example'), {}, false],
    ['a subdomain', from('http://x.a.example'), {}, false],
    ['the host before another', from('http://a.example.evil.example'), {}, false],
    ['the host as a user', from('http://a.example@evil.example'), {}, false],
    ['a path', from('http://a.example/'), {}, false],
    ['a list', from('http://a.example http://b.example'), {}, false],
    ['two', from(['http://a.example', 'http://a.example']), {}, false],
    ['an IPv6 address', from('http://[::1]:80', '[::1]'), {}, true],
    ['no host, where Host is empty too', from('http://', ''), {}, false],
  ])('same: %s (RFC 6455 §10.2)', (_, changes, parts, taken) => {
    expect(judged(openingRequest(changes, parts))).toEqual(taken ? AGREED : 403);
  });

  test.each<[string, string, boolean]>([
    ['listed', 'https://a.example', true], ['in another case', 'https://A.Example', true],
    ['listed with a port', 'http://b.example:8080', true],
    ['the same as Host, but not listed', 'http://server.example.com', false],
    ['another port', 'https://a.example:8443', false], ['null', 'null', false],
    ['a part', 'https://a.exampl', false],
  ])('a list: %s (RFC 6455 §10.2)', (_, origin, taken) => {
    const origins = ['https://a.example', 'http://b.example:8080'];
    expect(judged(openingRequest({ Origin: origin }), { origins })).toEqual(taken ? AGREED : 403);
  });
  test('a list may have null', () => {
    expect(judged(openingRequest({ Origin: 'null' }), { origins: ['null'] })).toEqual(AGREED);
  });
  test.each<[Changes[''], unknown]>([
    ['null', AGREED], ['https://evil.example', AGREED], [['http://a', 'http://b'], 403],
  ])('any: %j', (origin, wanted) => {
    expect(judged(openingRequest({ Origin: origin }), { origins: 'any' })).toEqual(wanted);
  });
  test.each<[string | null, unknown]>([[null, 403], ['http://server.example.com', AGREED]])(
    'requireOrigin: %j', (origin, wanted) => {
      expect(judged(openingRequest({ Origin: origin }), { requireOrigin: true })).toEqual(wanted);
      if (origin !== null) return;
      const rules = { origins: 'any', requireOrigin: true } as const;
      expect(judged(openingRequest(), rules)).toEqual(wanted);
    });

  test.each<[string, string, string, boolean]>([
    ['https outside', 'proto=https;host=a.example', 'https://a.example', true],
    ['its port goes without saying', 'proto=https;host="a.example:443"', 'https://a.example', true],
    ['wss outside', 'proto=wss;host=a.example', 'https://a.example', true],
    ['http outside', 'proto=http;host=a.example', 'https://a.example', false],
    ['the inner name', 'proto=https;host=a.example', 'http://server.example.com', false],
    ['no word of the host', 'proto=https', 'https://server.example.com', true],
    ['another host', 'proto=https;host=b.example', 'https://a.example', false],
  ])('behind a trusted proxy: %s (RFC 7239 §5)', (_, forwarded, origin, taken) => {
    const changes = { Forwarded: `for=198.51.100.1;${forwarded}`, Origin: origin };
    const trusting = openingRequest(changes);
    trustForwarders(trusting, { trust: trustList(['192.0.2.1']), written: 'forwarded' });
    expect(judged(trusting)).toEqual(taken ? AGREED : 403);
    const strangers = openingRequest(changes);
    trustForwarders(strangers, { trust: trustList(['192.0.2.9']), written: 'forwarded' });
    const isOwn = origin === 'http://server.example.com';
    expect(judged(strangers)).toEqual(isOwn ? AGREED : 403);
  });
});

describe('§4.2.2 /subprotocol/', () => {
  const LIST = { subprotocols: ['chat', 'superchat'] };
  const PROTOCOL = 'Sec-WebSocket-Protocol';
  test.each<[string, Changes[''], string]>([
    ['none was asked for', null, ''],
    ['the only one', 'chat', 'chat'],
    ['the most wanted by the server', 'superchat, chat', 'chat'],
    ['of several lines', ['soap', 'superchat'], 'superchat'],
    ['empty members', ', ,\tchat ,', 'chat'],
    ['none that is spoken', 'soap, wamp', ''],
    ['another case is another', 'Chat', ''],
    ['names that objects have', '__proto__, constructor', ''],
  ])('%s (RFC 6455 §4.2.2)', (_, offered, wanted) => {
    const { subprotocol, fields } = opened({ [PROTOCOL]: offered }, LIST);
    expect(subprotocol).toBe(wanted);
    expect(fields)
      .toEqual(wanted === '' ? AGREED : { ...AGREED, 'sec-websocket-protocol': wanted });
  });

  test.each([
    '', ',', ' , ', 'chat chat', 'chat, chat', 'chat;q=1', 'a/b', '"chat"', 'chat,(x)', 'ch\xe4t',
    'chat\xa0', '\xa0chat', 'chat,\xa0', 'a@b', '{}', 'a=b', 'chat\tsoap', 'a\\b',
  ])('%j is 400 (RFC 6455 §4.1)', (offered) => {
    const request = openingRequest({ [PROTOCOL]: offered });
    expect([judged(request, LIST), judged(request)]).toEqual([400, 400]);
  });
  test('one that comes twice, on two lines, is 400', () => {
    expect(judged(openingRequest({ [PROTOCOL]: ['chat', 'chat'] }), LIST)).toBe(400);
  });
  test('4 KiB, and an octet more', () => {
    const longest = `chat,${'a'.repeat(4091)}`;
    expect(opened({ [PROTOCOL]: longest }, LIST).subprotocol).toBe('chat');
    expect(judged(openingRequest({ [PROTOCOL]: `${longest}a` }), LIST)).toBe(400);
    expect(judged(openingRequest({ [PROTOCOL]: `chat${','.repeat(4092)}` }), LIST))
      .toMatchObject({ 'sec-websocket-protocol': 'chat' });
    expect(judged(openingRequest({ [PROTOCOL]: `chat${','.repeat(4093)}` }), LIST)).toBe(400);
  });

  test('a function chooses: it is given what was offered, and the request', () => {
    const request = openingRequest({ [PROTOCOL]: 'b, a' });
    const calls: unknown[] = [];
    const subprotocols = (...given: unknown[]): string => {
      calls.push(given);
      return 'a';
    };
    expect(handshake(request, { ...RULES, subprotocols }).subprotocol).toBe('a');
    expect(calls).toEqual([[['b', 'a'], request]]);
  });
  test('and may choose none; without an offer it has none to choose from, and may refuse', () => {
    const none: HandshakeRules['subprotocols'] = () => undefined;
    expect(opened({ [PROTOCOL]: 'a' }, { subprotocols: none }).fields).toEqual(AGREED);
    expect(opened({}, { subprotocols: none }).fields).toEqual(AGREED);
    const required: HandshakeRules['subprotocols'] = (offered) => {
      if (offered.length === 0) throw new HttpError(400, 'speak v1 or v2');
      return offered[0];
    };
    expect(() => opened({}, { subprotocols: required })).toThrow('speak v1 or v2');
    expect(opened({ [PROTOCOL]: 'v2' }, { subprotocols: required }).subprotocol).toBe('v2');
  });
  test.each(['', null])('%j is none', (chosen) => {
    const subprotocols = (): string => chosen as string;
    expect(opened({ [PROTOCOL]: 'a' }, { subprotocols }).subprotocol).toBe('');
  });
  test('a Promise is no choice, and its failure is nobody\'s', async () => {
    const subprotocols = (): string => Promise.reject(new Error('late')) as never;
    expect(() => opened({ [PROTOCOL]: 'a' }, { subprotocols })).toThrow('choose at once');
  });
  test.each(['b', 'a, b', 'A'])('but not %j, which was not offered', (chosen) => {
    const subprotocols = (): string => chosen as string;
    expect(() => opened({ [PROTOCOL]: 'a' }, { subprotocols }))
      .toThrow(new TypeError(`subprotocol "${chosen}" was not offered (RFC 6455 §4.2.2)`));
  });
});

describe('§9.1 Negotiating Extensions, RFC 7692 §5', () => {
  const EXTENSIONS = 'Sec-WebSocket-Extensions';
  const deflate = deflateOptions({
    serverNoContextTakeover: false, clientNoContextTakeover: false,
  });
  test.each<[string, Changes[''], string | undefined]>([
    ['none asked for', null, undefined],
    ['plain', 'permessage-deflate', 'permessage-deflate'],
    ['with a hint', 'permessage-deflate; client_max_window_bits', 'permessage-deflate'],
    ['a window', 'permessage-deflate; server_max_window_bits=10',
      'permessage-deflate; server_max_window_bits=10'],
    ['quoted', 'permessage-deflate; server_max_window_bits="10"',
      'permessage-deflate; server_max_window_bits=10'],
    ['an unknown one before', 'x-webkit-deflate-frame, permessage-deflate', 'permessage-deflate'],
    ['on two lines', ['foo', 'permessage-deflate'], 'permessage-deflate'],
    ['unknown alone', 'foo; bar=1', undefined],
    ['another case is another', 'Permessage-Deflate', undefined],
    ['an unknown parameter: declined', 'permessage-deflate; foo', undefined],
    ['a parameter twice: declined',
      'permessage-deflate; server_no_context_takeover; server_no_context_takeover', undefined],
    ['a bad value: declined', 'permessage-deflate; server_max_window_bits=16', undefined],
    ['the second offer', 'permessage-deflate; foo, permessage-deflate', 'permessage-deflate'],
  ])('%s (RFC 7692 §5)', (_, offered, wanted) => {
    const { fields, deflate: agreed } = opened({ [EXTENSIONS]: offered }, { deflate });
    expect(fields['sec-websocket-extensions']).toBe(wanted);
    expect(agreed !== undefined).toBe(wanted !== undefined);
  });
  test('nothing is agreed on where the server does not want to', () => {
    expect(opened({ [EXTENSIONS]: 'permessage-deflate' }))
      .toEqual({ fields: AGREED, subprotocol: '', deflate: undefined });
  });
  test.each(['', ',', 'permessage-deflate;', 'permessage-deflate; =1', 'a;b="', '"a"', 'a b',
    'permessage-deflate; server_max_window_bits=', `a${'b'.repeat(4096)}`])(
    '%j is 400, wanted or not (RFC 6455 §9.1)', (offered) => {
      const request = openingRequest({ [EXTENSIONS]: offered });
      expect([judged(request), judged(request, { deflate })]).toEqual([400, 400]);
    });
});

describe('RFC 8441 §5 Using Extended CONNECT', () => {
  test('no key, no accept, no upgrade', () => {
    expect(judged(connectingRequest())).toEqual({});
    const changes = { origin: 'http://server.example.com', 'sec-websocket-protocol': 'a, b' };
    expect(judged(connectingRequest(changes), { subprotocols: ['b'] }))
      .toEqual({ 'sec-websocket-protocol': 'b' });
  });
  test.each([
    ['GET', undefined], ['POST', undefined], ['CONNECT', undefined], ['CONNECT', 'frob'],
    ['CONNECT', 'WebSocket'], ['GET', 'websocket'],
  ])('%s with :protocol %s is 400', (method, protocol) => {
    expect(judged(connectingRequest({}, { method, protocol }))).toBe(400);
  });
  test('a key is not looked at', () => {
    expect(judged(connectingRequest({ 'sec-websocket-key': ['x', 'y'] }))).toEqual({});
  });
  test.each<[Changes['']]>([[null], ['8'], [['13', '13']], ['13, 8']])(
    'version %j is 400: HTTP/2 has no Upgrade (RFC 9110 §15.5.22)', (version) => {
      expect(judged(connectingRequest({ 'sec-websocket-version': version })))
        .toEqual([400, SPOKEN]);
    });
  test.each<[Changes, number]>([
    [{ origin: 'http://evil.example' }, 403], [{ origin: 'null' }, 403],
    [{ 'sec-websocket-protocol': 'a b' }, 400], [{ 'sec-websocket-extensions': ';' }, 400],
  ])('%j is %d as on HTTP/1.1', (changes, status) => {
    expect(judged(connectingRequest(changes))).toBe(status);
  });
});

describe('isWebSocketRequest', () => {
  test.each<[string, HttpRequest, boolean]>([
    ['a handshake', openingRequest(), true],
    ['a bad one', openingRequest({ Connection: null, 'Sec-WebSocket-Key': null }), true],
    ['one of POST', openingRequest({}, { method: 'POST' }), true],
    ['a page', makeRequest(), false],
    ['another Upgrade', openingRequest({ Upgrade: 'h2c' }), false],
    ['extended CONNECT', connectingRequest(), true],
    ['CONNECT for another', connectingRequest({}, { protocol: 'frob' }), false],
    ['GET on HTTP/2', connectingRequest({}, { method: 'GET', protocol: undefined }), false],
  ])('%s: %s', (_, request, wanted) => {
    expect(isWebSocketRequest(request)).toBe(wanted);
  });
});
