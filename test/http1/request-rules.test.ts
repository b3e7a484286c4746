/** From a head to a request: the rules beyond its grammar, and what each settles. */
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import { RequestBody } from '../../src/http/body.ts';
import type { Http1Exchange } from '../../src/http1/exchange.ts';
import { CHUNKED } from '../../src/http1/framing.ts';
import { RequestHead, headBounds, parseRequestHead } from '../../src/http1/request-parser.ts';
import { admitRequest } from '../../src/http1/request-rules.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { RecordingHost } from '../support/exchange-host.ts';
import { head, octets } from '../support/vectors.ts';

interface AdmitOptions {
  readonly limits?: Partial<Limits>;
  readonly secure?: boolean;
}

function admit(lines: readonly string[], options: AdmitOptions = {}): Http1Exchange {
  const limits = limitsFrom(options.limits);
  const record = new RequestHead();
  const bytes = octets(head(...lines));
  expect(parseRequestHead(bytes, 0, bytes.length, headBounds(limits), record)).toBe(bytes.length);
  const host = new RecordingHost({ peer: { secure: options.secure === true } });
  return admitRequest(record, host, limits);
}

function refusal(lines: readonly string[], options?: AdmitOptions): [number, string] {
  try {
    admit(lines, options);
  } catch (error) {
    if (error instanceof ConnectionError) return [error.code, error.message];
    throw error;
  }
  throw new Error(`${lines.join(', ')} was admitted`);
}

const GET = ['GET / HTTP/1.1', 'Host: a.example'];

describe('§3.2 Host', () => {
  test.each([
    ['a.example', 'a.example'], ['A.example:8080', 'A.example:8080'], ['[::1]', '[::1]'], ['', ''],
  ])('%j', (value, authority) => {
    const { request } = admit(['GET /a?b HTTP/1.1', `Host: ${value}`]);
    expect([request.authority, request.fields.get('host')]).toEqual([authority, value]);
  });

  test.each([
    [['GET / HTTP/1.1'], 'no Host field (RFC 9112 §3.2)'],
    [['GET http://a/ HTTP/1.1'], 'no Host field (RFC 9112 §3.2)'],
    [[...GET, 'Host: a.example'], 'two Host fields (RFC 9112 §3.2)'],
    [['GET / HTTP/1.0', 'Host: a', 'HOST: b'], 'two Host fields (RFC 9112 §3.2)'],
    [['GET / HTTP/1.1', 'Host: a b'], 'Host has an octet that no host may hold (RFC 9112 §3.2)'],
    [['GET / HTTP/1.1', 'Host: a, b'], 'Host has an octet that no host may hold (RFC 9112 §3.2)'],
    [['GET / HTTP/1.1', 'Host: a:x'], 'Host has a broken port (RFC 9112 §3.2)'],
    [['GET / HTTP/1.0', 'Host: [::1'], 'Host has a broken IP literal (RFC 9112 §3.2)'],
  ])('%j is 400', (lines, message) => {
    expect(refusal(lines)).toEqual([400, message]);
  });

  test('a bad host is bad every time, also after a good one', () => {
    const hosts = [['ok.example', true], ['a b', false], ['a b', false], ['ok.example', true]];
    for (const [host, good] of hosts) {
      const lines = ['GET / HTTP/1.1', `Host: ${String(host)}`];
      if (good === true) expect(admit(lines).request.authority).toBe(host);
      else expect(refusal(lines)[0]).toBe(400);
    }
  });

  test('HTTP/1.0 needs none', () => {
    expect(admit(['GET / HTTP/1.0']).request).toMatchObject({ authority: '', version: '1.0' });
  });
});

describe('§3.3 Reconstructing the Target URI', () => {
  test.each([
    ['GET /a?b HTTP/1.1', false, 'http', 'a.example', '/a', 'b'],
    ['GET /a HTTP/1.1', true, 'https', 'a.example', '/a', ''],
    // The target's own authority replaces Host (RFC 9112 §3.2.2).
    ['GET http://b.example:81/c?d HTTP/1.1', false, 'http', 'b.example:81', '/c', 'd'],
    ['GET https://b.example/ HTTP/1.1', false, 'https', 'b.example', '/', ''],
    ['OPTIONS * HTTP/1.1', false, 'http', 'a.example', '*', ''],
    ['OPTIONS http://b.example HTTP/1.1', false, 'http', 'b.example', '*', ''],
    ['CONNECT b.example:443 HTTP/1.1', false, 'http', 'b.example:443', 'b.example:443', ''],
  ])('%s, secure %s', (line, secure, scheme, authority, path, query) => {
    const { request } = admit([line, 'Host: a.example'], { secure });
    expect(request).toMatchObject({ scheme, authority, path, query, target: line.split(' ')[1] });
  });

  test.each([
    ['GET * HTTP/1.1', 'target * is for OPTIONS alone (RFC 9112 §3.2.4)'],
    ['GET a.example HTTP/1.1', 'target is neither a path, an http URI, nor * (RFC 9112 §3.2)'],
    ['GET http://u@a/ HTTP/1.1',
      'target has an octet that no host may hold in its authority (RFC 9110 §4.2.4)'],
  ])('%s is 400', (line, message) => {
    expect(refusal([line, 'Host: a.example'])).toEqual([400, message]);
  });
});

describe('§6.3 Message Body Length', () => {
  test.each<[string[], number, boolean, number | undefined]>([
    [[], 0, true, 0], [['Content-Length: 0'], 0, true, 0], [['Content-Length: 5'], 5, false, 5],
    [['Transfer-Encoding: chunked'], CHUNKED, false, undefined],
  ])('%j', (lines, framing, received, length) => {
    const exchange = admit([...GET, ...lines]);
    expect([exchange.framing, exchange.received, exchange.request.body.length])
      .toEqual([framing, received, length]);
    expect(exchange.request.body === RequestBody.empty).toBe(received);
  });

  test('content of 5 of 5 octets; one more is 413, before any has come (RFC 9110 §15.5.14)', () => {
    const limits = { contentBytes: 5 };
    expect(admit([...GET, 'Content-Length: 5'], { limits }).framing).toBe(5);
    expect(refusal([...GET, 'Content-Length: 6'], { limits }))
      .toEqual([413, 'content is over contentBytes, 5 octets (RFC 9110 §15.5.14)']);
  });

  test.each([
    ['Content-Length: x', 400], ['Transfer-Encoding: gzip', 501],
  ])('%s is %d', (line, code) => {
    expect(refusal([...GET, line])[0]).toBe(code);
  });
});

describe('§9.3 Persistence', () => {
  test.each<[string, string[], boolean]>([
    ['HTTP/1.1', [], true], ['HTTP/1.1', ['Connection: close'], false],
    ['HTTP/1.1', ['Connection: x, CLOSE , y'], false],
    ['HTTP/1.1', ['Connection: x', 'connection: close'], false],
    ['HTTP/1.1', ['Connection: keep-alive, close'], false],
    ['HTTP/1.1', ['Connection: closed'], true],
    ['HTTP/1.1', ['Connection: "close"'], true], ['HTTP/1.1', ['Connection:'], true],
    ['HTTP/1.0', [], false], ['HTTP/1.0', ['Connection: Keep-Alive'], true],
    ['HTTP/1.0', ['Connection: keep-alive, close'], false], ['HTTP/1.0', ['Connection: x'], false],
  ])('%s with %j persists: %s', (version, lines, keepAlive) => {
    expect(admit([`GET / ${version}`, 'Host: a', ...lines]).keepAlive).toBe(keepAlive);
  });
});

describe('§9.3.2 Pipelining', () => {
  test.each([
    ['GET', false], ['HEAD', false], ['OPTIONS', false], ['TRACE', false],
    ['POST', true], ['PUT', true], ['DELETE', true], ['PATCH', true], ['get', true],
    ['QUERY', true],
  ])('%s runs alone: %s', (method, alone) => {
    expect(admit([`${method} / HTTP/1.1`, 'Host: a']).alone).toBe(alone);
  });

  test('so does CONNECT', () => {
    expect(admit(['CONNECT a:1 HTTP/1.1', 'Host: a']).alone).toBe(true);
  });
});

describe('Upgrade (RFC 9110 §7.8)', () => {
  const upgrade = (...lines: string[]): Http1Exchange => admit([...GET, ...lines]);

  test.each<[string[], boolean]>([
    [['Connection: upgrade', 'Upgrade: websocket'], true],
    [['Connection: keep-alive, Upgrade', 'Upgrade: a, b/1'], true],
    [['Connection: upgrade', 'Upgrade: h2c, websocket'], true],
    [['Upgrade: websocket'], false],
    [['Connection: upgrade'], false],
    [['Connection: upgrade', 'Upgrade:'], false],
    [['Connection: close, upgrade', 'Upgrade: websocket'], false],
    // HTTP/2 by Upgrade is obsolete (RFC 9113 §3.1).
    [['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'], false],
    [['Connection: Upgrade', 'Upgrade: H2C'], false],
  ])('%j can be honoured: %s, and then it runs alone', (lines, switchable) => {
    const exchange = upgrade(...lines);
    expect([exchange.switchable, exchange.alone]).toEqual([switchable, switchable]);
  });

  test('HTTP/1.0 has none', () => {
    const lines = ['GET / HTTP/1.0', 'Connection: keep-alive, upgrade', 'Upgrade: websocket'];
    expect(admit(lines).switchable).toBe(false);
  });
});

describe('Expect (RFC 9110 §10.1.1)', () => {
  test.each<[string[], boolean]>([
    [['Expect: 100-continue', 'Content-Length: 5'], true],
    [['Expect: 100-Continue', 'Transfer-Encoding: chunked'], true],
    [['Expect: 100-continue'], false],
    [['Expect: 100-continue', 'Content-Length: 0'], false],
    [['Content-Length: 5'], false],
  ])('%j waits for 100: %s', (lines, expected) => {
    expect(admit(['POST / HTTP/1.1', 'Host: a', ...lines]).expectsContinue).toBe(expected);
  });

  test.each([
    '', 'x', '100-continue, x', '100-continue, 100-continue', '200-ok',
  ])('%j is 417', (value) => {
    expect(refusal([...GET, `Expect: ${value}`, 'Content-Length: 5']))
      .toEqual([417, 'an expectation other than 100-continue (RFC 9110 §10.1.1)']);
  });

  test('in HTTP/1.0 it is ignored', () => {
    const lines = ['POST / HTTP/1.0', 'Content-Length: 5'];
    expect(admit([...lines, 'Expect: 100-continue']).expectsContinue).toBe(false);
    expect(admit([...lines, 'Expect: x']).expectsContinue).toBe(false);
  });
});

test('the exchange knows its request, the request its wire', () => {
  const exchange = admit(['PUT /a HTTP/1.0', 'X: y']);
  const { request } = exchange;
  expect([request.method, request.version, request.fields.get('x')]).toEqual(['PUT', '1.0', 'y']);
  expect([request.peer.address, request.clock.now()]).toEqual(['192.0.2.1', 0]);
  expect([exchange.begun, exchange.started, exchange.closed]).toEqual([false, false, false]);
});
