/** Keeping clients on https: Strict-Transport-Security (RFC 6797), and a redirect. */
import { describe, expect, test } from 'vitest';
import type { Middleware } from '../../src/http/exchange.ts';
import { trustForwarders } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  redirectToHttps, resourceOf, strictTransportSecurity, type StrictTransportOptions,
} from '../../src/http/transport-security.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { makeRequest, securePeer, type RequestParts } from '../support/requests.ts';
import { ScriptedSource } from '../support/scripted-source.ts';

const NAME = 'strict-transport-security';
const OK = new HttpResponse(200, { 'x-own': '1' }, 'ok');
const SECURE: RequestParts = { peer: securePeer('a.example') };
const FORWARDED = { forwarded: 'proto=https;host=shop.example' };

/** A request that comes from a proxy which is trusted. */
function forwarded(fields: Record<string, string>, parts: RequestParts = {}) {
  const request = makeRequest({ fields, ...parts });
  const trust = trustList(['192.0.2.1']);
  trustForwarders(request, { trust, written: undefined });
  return request;
}

async function fieldOf(middleware: Middleware, parts: RequestParts = SECURE) {
  const response = await middleware(makeRequest(parts), () => OK);
  return response.fields.get(NAME);
}

describe('Strict-Transport-Security (RFC 6797 §6.1)', () => {
  const values: [StrictTransportOptions | undefined, string][] = [
    [undefined, 'max-age=31536000'],
    [{}, 'max-age=31536000'],
    [{ maxAgeSeconds: 0 }, 'max-age=0'],
    [{ maxAgeSeconds: 60, includeSubDomains: true }, 'max-age=60; includeSubDomains'],
    [{ includeSubDomains: true, preload: true }, 'max-age=31536000; includeSubDomains; preload'],
    [{ maxAgeSeconds: 31_536_000, includeSubDomains: true, preload: true },
      'max-age=31536000; includeSubDomains; preload'],
  ];

  test.each(values)('%j: %s', async (options, value) => {
    expect(await fieldOf(strictTransportSecurity(options))).toBe(value);
  });

  test('the answer is otherwise as it was', async () => {
    const response = await strictTransportSecurity()(makeRequest(SECURE), () => OK);
    const { status, body, fields } = response;
    expect([status, body, fields.get('x-own')]).toEqual([200, 'ok', '1']);
    expect(OK.fields.get(NAME)).toBeUndefined();
  });

  test('also where the handler answers later', async () => {
    const answer = strictTransportSecurity()(makeRequest(SECURE), async () => OK);
    expect((await answer).fields.get(NAME)).toBe('max-age=31536000');
  });

  test('nothing on clear text, where it means nothing (§7.2)', async () => {
    const request = makeRequest();
    expect(strictTransportSecurity()(request, () => OK)).toBe(OK);
  });

  test('what a trusted proxy says of the scheme counts, either way', async () => {
    const middleware = strictTransportSecurity();
    const behind = await middleware(forwarded(FORWARDED), () => OK);
    expect(behind.fields.get(NAME)).toBe('max-age=31536000');
    const clear = forwarded({ forwarded: 'proto=http' }, SECURE);
    expect(middleware(clear, () => OK)).toBe(OK);
  });

  test('an answer that is given again stays one', () => {
    const middleware = strictTransportSecurity();
    const answers = [1, 2].map(() => middleware(makeRequest(SECURE), () => OK));
    expect(answers[0]).toBe(answers[1]);
  });

  test('one with a body to pull is not kept, and its body not cancelled', async () => {
    const source = new ScriptedSource([]);
    const made = new HttpResponse(200, {}, source);
    const response = await strictTransportSecurity()(makeRequest(SECURE), () => made);
    expect([response.body, response.fields.get(NAME)]).toEqual([source, 'max-age=31536000']);
  });

  const wrong: [StrictTransportOptions, string][] = [
    [{ maxAgeSeconds: -1 }, 'maxAgeSeconds is a count of seconds, not -1'],
    [{ maxAgeSeconds: 1.5 }, 'maxAgeSeconds is a count of seconds, not 1.5'],
    [{ maxAgeSeconds: NaN }, 'maxAgeSeconds is a count of seconds, not NaN'],
    [{ preload: true }, 'preload wants includeSubDomains'],
    [{ maxAge: 1 } as StrictTransportOptions,
      'strictTransportSecurity knows no maxAge; it knows maxAgeSeconds, includeSubDomains'],
    [null as never, 'strictTransportSecurity takes an object'],
    [{ preload: true, includeSubDomains: true, maxAgeSeconds: 31_535_999 }, 'a year'],
  ];

  test.each(wrong)('%j is refused', (options, message) => {
    expect(() => strictTransportSecurity(options)).toThrow(message);
  });
});

describe('to https (RFC 9110 §15.4.9)', () => {
  const places: [RequestParts, string | undefined, string][] = [
    [{ target: '/a?b=c' }, undefined, 'https://a.example/a?b=c'],
    [{ target: '/' }, undefined, 'https://a.example/'],
    [{ target: '/', authority: 'a.example:8080' }, undefined, 'https://a.example:8080/'],
    [{ target: '/x' }, 'b.example:8443', 'https://b.example:8443/x'],
    [{ method: 'OPTIONS', target: '*' }, undefined, 'https://a.example/'],
    [{ target: '/', authority: '' }, 'b.example', 'https://b.example/'],
  ];

  test.each(places)('%j, %j: %s', async (parts, authority, location) => {
    const response = await redirectToHttps(authority)(makeRequest(parts), () => OK);
    expect([response.status, response.fields.get('location')]).toEqual([308, location]);
  });

  test('what came by TLS goes on', () => {
    expect(redirectToHttps()(makeRequest(SECURE), () => OK)).toBe(OK);
    expect(redirectToHttps()(forwarded(FORWARDED), () => OK)).toBe(OK);
  });

  test('the host is the one that a trusted proxy tells', async () => {
    const request = forwarded({ forwarded: 'proto=http;host=shop.example' });
    const response = await redirectToHttps()(request, () => OK);
    expect(response.fields.get('location')).toBe('https://shop.example/');
  });

  test('without any host it is 400 (RFC 9110 §7.2)', async () => {
    const response = await redirectToHttps()(makeRequest({ authority: '' }), () => OK);
    expect(response.status).toBe(400);
  });
});

test.each([['/', '/'], ['/a?b', '/a?b'], ['/a?', '/a'], ['*', '/'], ['/a/../b', '/a/../b']])(
  'path and query of %s are %s', (target, expected) => {
    expect(resourceOf(makeRequest({ target }))).toBe(expected);
  });
