/**
 * Known attacks on HTTP/1.x requests, one row each (A18 to A43): heads, targets, connections and
 * what a handler makes of them. Rows on framing are in threats-a-framing.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/http/fields.ts';
import type { Handler } from '../../src/http/exchange.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { deferred, type Deferred } from '../support/deferred.ts';
import { answers, connect, exchange, verdict } from '../support/http1.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import {
  GET, SMUGGLED, chunked, echo, echoes, head, post, refuses, statuses,
} from '../support/vectors.ts';

/** Each form, in its place, is refused. */
function refused(status: number, forms: readonly string[], wrap: (form: string) => string): void {
  test.each(forms)(`%j is ${status}`, async (form) => {
    await refuses(wrap(form) + SMUGGLED, status);
  });
}

const whole = (text: string): string => text;
const field = (line: string): string => head('GET / HTTP/1.1', 'Host: a', line);
const line = (requestLine: string): string => head(requestLine, 'Host: a');
const target = (form: string): string => line(`GET ${form} HTTP/1.1`);

/** Runs `text` and gives what handlers saw of it. */
async function received(text: string, read: (request: HttpRequest) => unknown): Promise<unknown[]> {
  const shown: unknown[] = [];
  await exchange(text, (request) => {
    shown.push(read(request));
    return new HttpResponse(204);
  });
  return shown;
}

describe('A18 bare LF line ends', () => {
  refused(400, [
    'GET / HTTP/1.1\nHost: a\n\n', 'GET / HTTP/1.1\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\n\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\n',
    'GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n', '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /\nHost: a\r\n\r\n',
  ], whole);
});

describe('A19 bare CR', () => {
  refused(400, [
    'GET / HTTP/1.1\rHost: a\r\r', 'GET / HTTP/1.1\r\nHost: a\r\n\rX',
    'GET / HTTP/1.1\r\rHost: a\r\n\r\n', 'GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n',
    'GET\r / HTTP/1.1\r\nHost: a\r\n\r\n', '\rGET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n', 'GET / HTTP/1.1\r\nHost\r: a\r\n\r\n',
  ], whole);
});

describe('A20 obs-fold', () => {
  refused(400, [
    'A: b\r\n c', 'A: b\r\n\tc', 'Content-Length: 1\r\n 0', 'Content-Length:\r\n 1',
    'Transfer-Encoding:\r\n\tchunked', 'Expect: 100-\r\n continue', 'A:\r\n ', 'A: b\r\n \r\n c',
  ], field);
  refused(400, [' folded', '\tfolded: x'], (first) => head('GET / HTTP/1.1', first, 'Host: a'));
});

describe('A21 whitespace before the first field or before a colon', () => {
  refused(400, [
    ' Host: a', '\tHost: a', 'Host : a', 'Host\t: a', 'Host \t : a', ' \r\nHost: a', '  ',
  ], (first) => head('GET / HTTP/1.1', first));
});

describe('A22 a line without a colon, an empty name', () => {
  refused(400, [
    ': x', ':', 'Foo', 'Foo Bar', 'Transfer-\r\nEncoding: chunked', '::', 'Foo\tBar: x', '=',
  ], field);
});

describe('A23 NUL and controls', () => {
  const OCTETS = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));
  const tchar = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/;
  test.each<readonly [string, (octet: string) => string, RegExp]>([
    // A colon ends the name: what follows is the value.
    ['a field name', (octet) => field(`X${octet}Y: z`), /[!#$%&'*+\-.^_`|~0-9A-Za-z:]/],
    ['a field value', (octet) => field(`X: y${octet}z`), /[\t -~\x80-\xff]/],
    ['a target', (octet) => target(`/a${octet}b`), /[-._~:/?[\]@!$&'()*+,;=%0-9A-Za-z]/],
    ['a method', (octet) => line(`G${octet}T / HTTP/1.1`), tchar],
    ['a host', (octet) => head('GET / HTTP/1.1', `Host: a${octet}2`), /[-._~!$&'()*+;=:0-9A-Za-z]/],
  ])('of all 256 octets in %s, those of the grammar pass', async (_, wrap, allowed) => {
    const passed: string[] = [];
    for (const octet of OCTETS) {
      const outcome = await exchange(wrap(octet) + SMUGGLED);
      if (outcome.seen.length === 2) passed.push(octet);
      else expect([statuses(outcome), outcome.seen, outcome.ended]).toEqual([[400], [], true]);
    }
    expect(passed).toEqual(OCTETS.filter((octet) => allowed.test(octet)));
  });
  refused(400, ['X: \0', 'X: a\0b', 'X\0: a', 'X: \x7f', 'X: \x1b[31m', 'X: \b', '\0: a'], field);
});

describe('A24 high octets are no space', () => {
  test('0x80 to 0xff stay, at both ends of a value', async () => {
    for (let octet = 0x80; octet <= 0xff; octet++) {
      const value = String.fromCharCode(octet, 0x61, octet);
      const shown = await received(field(`X: ${value} `), ({ fields }) => fields.get('x'));
      expect(shown).toEqual([value]);
    }
  });
});

describe('A25 leading CRLF flood', () => {
  test.each([0, 1, 2])('%i are skipped', async (count) => {
    await echoes('\r\n'.repeat(count) + GET + '\r\n'.repeat(count) + GET, ['', '']);
  });
  test('3 are refused, and 100,000 as early', async () => {
    await refuses('\r\n'.repeat(3) + SMUGGLED, 400);
    const { transport, refused: told } = connect();
    transport.send('\r\n'.repeat(100_000));
    expect([told.length, transport.ended]).toEqual([1, true]);
  });
  test('they count against the deadline of the head', () => {
    const { transport } = connect();
    transport.send('\r\n');
    transport.tick(15_000);
    expect(transport.ended).toBe(true);
  });
});

describe('A26 space in the request line', () => {
  refused(400, [
    'GET  /  HTTP/1.1', 'GET /a b HTTP/1.1', 'GET\t/ HTTP/1.1', 'GET /\tHTTP/1.1',
    ' GET / HTTP/1.1', '\tGET / HTTP/1.1', 'GET / HTTP/1.1 ', 'GET / HTTP/1.1\t',
    'GET\x0b/ HTTP/1.1', 'GET\xa0/ HTTP/1.1', 'GET /\x0cHTTP/1.1', 'GET', 'GET /', 'GET ',
    '/ HTTP/1.1', 'GET HTTP/1.1', 'HTTP/1.1',
  ], line);
});

describe('A27 version tricks', () => {
  const version = (text: string): string => line(`GET / ${text}`);
  refused(400, [
    'HTTP/1.32', 'http/1.1', 'HTTP/4294967295.255', 'HTTP/1', 'HTTP/1.', 'HTTP/1.1.1', 'HTTP/11.1',
    'HTTP/01.1', 'HTTP/1.-1', 'HTTP/1.1a', 'HTTP/1,1', 'HTTP/\xb1.\xb1', 'HTTP/a.b', 'ICE/1.0',
    'RTSP/1.0', 'HTTP\\1.1', 'HTTP/1.1,', 'X',
  ], version);
  refused(505, ['HTTP/2.0', 'HTTP/0.9', 'HTTP/3.0', 'HTTP/9.1', 'HTTP/0.0'], version);
  refused(400, ['GET /\r\n', 'GET /\r\n\r\n'], whole);
  test.each(['HTTP/1.2', 'HTTP/1.9'])('%s is spoken as HTTP/1.1', async (text) => {
    expect(await received(version(text), (request) => request.version)).toEqual(['1.1']);
  });
});

describe('A28 method tricks', () => {
  refused(400, [
    'G=":<>(e)', 'GET:', 'GET/', 'G\0ET', 'G\xc9T', '"GET"', '(GET)', 'GE T', 'GET,POST', '@GET',
  ], (method) => line(`${method} / HTTP/1.1`));
  refused(501, ['M'.repeat(33), 'GET'.repeat(20)], (method) => line(`${method} / HTTP/1.1`));
  test('64 KiB of method are refused at the 33rd octet', () => {
    const { transport, refused: told } = connect();
    transport.send('M'.repeat(33));
    transport.send('M'.repeat(65_536));
    transport.sendEof();
    expect(told.map(({ status }) => status)).toEqual([501]);
  });
  test('lower case is another method, and has no meaning of the upper', async () => {
    const { answers: [answer] } = await exchange(line('head / HTTP/1.1'));
    expect(answer?.body).toBe('hello');
  });
});

describe('A29 Host missing, twice, invalid', () => {
  refused(400, [
    'B: c', 'Host: a\r\nHost: b', 'Host: a\r\nhost: a', 'Host: a\r\nHost:', 'Host: a/b',
    'Host: user@a', 'Host: a b', 'Host: a,b', 'Host: a, b', 'Host: a:99999', 'Host: a:b',
    'Host: a:-1', 'Host: a:1:2', 'Host: http://a', 'Host: a?b', 'Host: a#b', 'Host: a\\b',
    'Host: \xe4', 'Host: a\x00', 'Host: [::1', 'Host: ::1', 'Host: [1.2.3.4]', 'Host: [::1]x',
    'Host: a%2', 'Host: <a>', 'Host: :80', 'Host: a;b c', 'Host: *:x', 'Host : a', 'Host: a\r\n b',
  ], (lines) => head('GET / HTTP/1.1', lines));
  test('an empty one is a host that is not named', async () => {
    expect(await received(head('GET / HTTP/1.1', 'Host:'), ({ authority }) => authority)).toEqual([
      '',
    ]);
  });
});

describe('A30 absolute-form against Host', () => {
  test.each([
    ['http://evil/a', 'evil'], ['http://evil:81', 'evil:81'], ['HTTP://EVIL/', 'EVIL'],
    ['https://evil/', 'evil'], ['http://evil?b', 'evil'], ['http://[::1]/', '[::1]'],
  ])('%s wins over Host, wherever a handler looks', async (form, authority) => {
    const text = head(`GET ${form} HTTP/1.1`, 'Host: good');
    const shown = await received(text, (request) => [request.authority, request.url.host]);
    expect(shown).toEqual([[authority, authority.toLowerCase()]]);
    const served = await exchange(text, undefined, { authorities: ['good'] });
    expect([statuses(served), served.seen]).toEqual([[421], []]);
  });
  refused(400, [
    'ftp://a/', 'ws://a/', 'file:///etc', 'http:///', 'http://u@a/', 'http://a:x/', 'javascript:1',
    'http://a/#b', 'http:a', 'http://a b/', 'http://', 'https:///a', '//evil\\', 'http://a\\@b/',
  ], target);
});

describe('A31 authority-form and asterisk-form misuse', () => {
  refused(400, [
    'GET *', 'POST *', 'GET evil:80', 'GET evil', 'OPTIONS **', 'OPTIONS a:80', 'CONNECT /',
    'CONNECT *', 'CONNECT a', 'CONNECT a:', 'CONNECT :80', 'CONNECT http://a:80', 'CONNECT a:80/',
    'CONNECT a:99999',
  ], (form) => line(`${form} HTTP/1.1`));
  test('CONNECT without a tunnel is 501, and what follows is nobody\'s', async () => {
    const outcome = await verdict(line('CONNECT a:80 HTTP/1.1') + SMUGGLED);
    expect([statuses(outcome), outcome.seen, outcome.ended]).toEqual([[501], [
      'CONNECT a:80',
    ], true]);
  });
});

describe('A32 fragment, backslash, raw octets in a target', () => {
  refused(400, [
    '/a#b', '/#', '/a\\b', '\\', '/\xff', '/\xe4', '/"', '/<a>', '/a`', '/{a}', '/a|b', '/a^b',
    '/\x7f', '/\0',
  ], target);
});

describe('A33 content where none is expected', () => {
  const methods = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PROPFIND', 'FROB'];
  test.each(methods)('%s: it is read by its framing, never as a request', async (method) => {
    const lines = ['Host: a', `Content-Length: ${SMUGGLED.length}`];
    const outcome = await verdict(head(`${method} / HTTP/1.1`, ...lines) + SMUGGLED + GET);
    expect(outcome.seen).toEqual([`${method} /`, 'GET /']);
    expect([outcome.refused, outcome.ended]).toEqual([[], false]);
  });
});

describe('A34 a request after Connection: close', () => {
  test.each(['close', 'Close, frob', 'keep-alive, close'])('%s: it is not seen', async (value) => {
    const text = post(['Content-Length: 3', `Connection: ${value}`], 'abc');
    const outcome = await verdict(text + SMUGGLED + SMUGGLED, echo);
    expect([outcome.seen, outcome.answers.length, outcome.ended]).toEqual([['POST /'], 1, true]);
  });
});

describe('A35 octets after an upgrade that is refused', () => {
  const upgrade = (...lines: readonly string[]): string =>
    head('GET / HTTP/1.1', 'Host: a', 'Connection: upgrade', ...lines);
  const websocket = ['Upgrade: websocket', 'Sec-WebSocket-Version: 777'];
  test.each<readonly [string, string, number]>([
    ['a version that is not known', upgrade(...websocket), 426],
    ['a bad key', upgrade(...websocket), 400],
    ['h2c', upgrade('Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'), 200],
    ['h2c among others', upgrade('Upgrade: h2c, frob', 'HTTP2-Settings: AAMAAABk'), 200],
    ['what nobody knows', upgrade('Upgrade: frob/9'), 200],
    ['TLS', upgrade('Upgrade: TLS/1.0'), 200],
    ['two lines', upgrade('Upgrade: h2c', 'Upgrade: frob'), 200],
    ['one with content', `${upgrade('Upgrade: frob', 'Content-Length: 1')}a`, 200],
  ])('they are HTTP still: %s', async (_, text, status) => {
    const handler: Handler = ({ fields }) => new HttpResponse(fields.has('upgrade') ? status : 204);
    const outcome = await verdict(text + GET, handler);
    expect([statuses(outcome), outcome.seen]).toEqual([[status, 204], ['GET /', 'GET /']]);
  });
  test('h2c is never switched to', async () => {
    const next = nextProtocol();
    const text = upgrade('Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__');
    const outcome = await exchange(text, () => HttpResponse.switching(next.factory));
    expect([statuses(outcome), next.made]).toEqual([[500], 0]);
  });
});

describe('A36 another protocol', () => {
  test.each([
    ['a TLS ClientHello', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'], ['zeros', '\0'.repeat(24)],
    ['an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['an SSH banner', 'SSH-2.0-OpenSSH_9\r\n'], ['SMTP', 'EHLO a\r\n'], ['SOCKS 5', '\x05\x01\0'],
    ['PROXY', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['PROXY, binary', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c'], ['a WebSocket frame', '\x81\x05hello'],
    ['Redis', '*1\r\n$4\r\nPING\r\n'], ['RTSP', 'OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n'],
  ])('%s: one refusal, and the end', async (_, text) => {
    const outcome = await verdict(text + GET);
    expect([outcome.answers.length, outcome.seen, outcome.ended]).toEqual([1, [], true]);
    expect(outcome.refused[0]?.status === 400 || outcome.refused[0]?.status === 505).toBe(true);
  });
});

describe('A37 split anywhere', () => {
  test('a long conversation has one outcome at each of its splits', async () => {
    const text = [
      '\r\n', GET, post('Content-Length: 3', 'a\r\n'),
      chunked('2;x="\\""\r\nbc\r\n0\r\nT: u\r\n\r\n'), head('HEAD / HTTP/1.1', 'Host: a'), '\r\n',
      head('GET http://b?c HTTP/1.1', 'Host:a', 'D:\te '),
      post(['Content-Length: 1', 'Connection: close'], 'z'), SMUGGLED,
    ].join('');
    const outcome = await verdict(text, echo);
    expect(outcome.answers.map(({ body }) => body)).toEqual(['', 'a\r\n', 'bc', '', '', 'z']);
    expect([outcome.refused, outcome.ended]).toEqual([[], true]);
  });
  test('and one that breaks in the middle', async () => {
    const broken = 'GET / HTTP/1.1\r\nHost: a\n\r\n';
    const outcome = await verdict(GET + chunked('1\r\na\r\n0\r\n\r\n') + broken + GET, echo);
    expect(statuses(outcome)).toEqual([200, 200, 400]);
  });
});

describe('A38 response queue poisoning', () => {
  test('an answer after a 408 is nobody\'s', async () => {
    const later = deferred<HttpResponse>();
    const { transport } = connect(() => later.promise);
    transport.send(post('Content-Length: 9', 'a'));
    transport.tick(6_000);
    expect(answers(transport.take(), [], true)[0]?.status).toBe(408);
    later.resolve(new HttpResponse(200, {}, 'late'));
    transport.send(SMUGGLED);
    await transport.settle();
    expect(transport.take()).toBe('');
  });
  test('a pipelined pair never shifts, in whatever order it is ready', async () => {
    for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]]) {
      const waiting: Deferred<HttpResponse>[] = [];
      const { transport } = connect(() => {
        const later = deferred<HttpResponse>();
        waiting.push(later);
        return later.promise;
      });
      transport.send(GET.repeat(3));
      for (const index of order) {
        if (index === 1) waiting[index]?.reject(new Error('x'));
        else waiting[index]?.resolve(new HttpResponse(200, {}, String(index)));
        await transport.settle();
      }
      const found = answers(transport.take());
      expect(statuses({ answers: found })).toEqual([200, 500, 200]);
      expect([found[0]?.body, found[2]?.body]).toEqual(['0', '2']);
    }
  });
});

describe('A39 an answer of another length than it says', () => {
  test.each<readonly [string, object, number | undefined, readonly string[]]>([
    ['fewer octets', { 'content-length': 10 }, undefined, ['abcde']],
    ['more octets', { 'content-length': 10 }, undefined, ['abcde', 'fghij', 'HTTP/']],
    ['fewer than known', {}, 10, ['abcde']],
    ['more than known', {}, 10, ['0123456789HTTP/1.1 200 OK']],
    ['none', { 'content-length': 10 }, undefined, []],
  ])('a stream of %s ends the connection', async (_, fields, length, pieces) => {
    const source = new ScriptedSource(pieces, length === undefined ? {} : { length });
    const { transport } = connect(() => new HttpResponse(200, { ...fields }, source));
    transport.send(GET);
    await transport.settle();
    const text = transport.take();
    expect(transport.closed).toBe(true);
    expect(text.split('HTTP/').length).toBeLessThanOrEqual(2);
  });
  test.each([
    ['five of ten', 'abcde'], ['fifteen of ten', 'abcdefghijklmno'], ['none of ten', null],
  ])('what is at hand is never sent so: %s', async (_, body) => {
    const handler: Handler = () => new HttpResponse(200, { 'content-length': 10 }, body);
    expect(statuses(await exchange(GET + GET, handler))).toEqual([500, 500]);
  });
  test.each([204, 304])('%i, and HEAD, have no content ever', async (status) => {
    for (const body of ['abc', new ScriptedSource(['abc'])]) {
      const outcome = await exchange(GET, () => new HttpResponse(status, {}, body));
      expect(outcome.answers.map((answer) => [answer.status, answer.body])).toEqual([[status, '']]);
    }
    const only = await exchange(head('HEAD / HTTP/1.1', 'Host: a') + GET);
    expect(only.answers.map(({ body }) => body)).toEqual(['', 'hello']);
  });
});

describe('A40 response splitting', () => {
  const evil = [
    '\r\nSet-Cookie: b', '\nb', '\rb', '\0', '\u010ab', '\u010d\u010ab', '\u560a', '\x1b[0m',
  ];
  test.each(['location', 'set-cookie', 'content-type', 'x-b', 'content-disposition'])(
    '%s takes no octet that ends a line',
    (name) => {
      for (const value of evil) {
        expect(() => Fields.from({ [name]: `a${value}` })).toThrow(TypeError);
        expect(() => Fields.from({ [`${name}${value}`]: 'b' })).toThrow(TypeError);
      }
    },
  );
  test('a redirect to what the peer sent cannot split', async () => {
    const { transport } = connect(({ query }) =>
      new HttpResponse(302, { location: decodeURIComponent(query) }));
    transport.send(target('/?%0d%0aSet-Cookie:%20b') + GET);
    const found = answers(transport.take());
    expect(statuses({ answers: found })).toEqual([500, 302]);
    expect(found[0]?.fields.has('set-cookie')).toBe(false);
  });
});

describe('A41 method override, underscores, hop-by-hop abuse', () => {
  test.each(['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', '_method'])(
    '%s changes nothing',
    async (name) => {
      expect(await received(post(`${name}: DELETE`), ({ method }) => method)).toEqual(['POST']);
    },
  );
  test('Connection takes no field from the handler\'s sight', async () => {
    const lines = ['Connection: authorization, cookie, host', 'Authorization: b', 'Cookie: c'];
    const text = head('GET / HTTP/1.1', 'Host: a', ...lines);
    const shown = await received(text, ({ fields, authority }) =>
      [fields.get('authorization'), fields.get('cookie'), authority]);
    expect(shown).toEqual([['b', 'c', 'a']]);
  });
  test('an underscore is no hyphen', async () => {
    const lines = ['Content_Length: 5', 'X_Forwarded_For: b'];
    const shown = await received(head('GET / HTTP/1.1', 'Host: a', ...lines), ({ fields, body }) =>
      [fields.has('content-length'), fields.has('x-forwarded-for'), body.length]);
    expect(shown).toEqual([[false, false, 0]]);
  });
});

describe('A42 forwarding fields', () => {
  test.each([
    'X-Forwarded-For: 127.0.0.1', 'Forwarded: for=127.0.0.1;host=b;proto=https',
    'X-Real-IP: 127.0.0.1', 'X-Original-URL: /admin', 'X-Rewrite-URL: /admin',
    'X-Forwarded-Host: b', 'X-Forwarded-Proto: https', 'X-Forwarded-Port: 443',
    'True-Client-IP: 127.0.0.1', 'CF-Connecting-IP: 127.0.0.1',
  ])('%s is a field like others', async (lines) => {
    const shown = await received(field(lines), ({ peer, authority, scheme, path, fields }) =>
      [peer.address, peer.port, peer.secure, authority, scheme, path, fields.size]);
    expect(shown).toEqual([['192.0.2.1', 50_000, false, 'a', 'http', '/', 2]]);
  });
});

describe('A43 httpoxy, TRACE, an open proxy', () => {
  test('Proxy is a field, and no setting', async () => {
    const before = { ...process.env };
    expect(await received(field('Proxy: http://evil'), ({ fields }) => fields.get('proxy')))
      .toEqual(['http://evil']);
    expect({ ...process.env }).toEqual(before);
  });
  test('TRACE is 405, and shows no credentials where it is allowed', async () => {
    const text = head('TRACE / HTTP/1.1', 'Host: a', 'Cookie: secret', 'Authorization: secret');
    expect(statuses(await verdict(text))).toEqual([405]);
    const { answers: [answer] } = await exchange(text, undefined, { allowTrace: true });
    expect([answer?.status, answer?.body.includes('secret')]).toEqual([200, false]);
  });
  test('CONNECT and absolute-form open nothing', async () => {
    const tunnel = await exchange(line('CONNECT evil:80 HTTP/1.1'));
    const absolute = await exchange(target('http://evil/'));
    expect([...statuses(tunnel), absolute.answers[0]?.body]).toEqual([501, 'hello']);
  });
});
