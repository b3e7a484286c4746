/** A request as a handler sees it: its parts, what is made when asked for, and its two signals. */
import { describe, expect, test } from 'vitest';
import { RequestBody } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { abortRequest, drainRequest, trustForwarders } from '../../src/http/request.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { PEER, makeRequest } from '../support/requests.ts';

describe('target URI (RFC 9110 §7.1)', () => {
  test.each([
    ['/', 'a.example', '/', '', 'http://a.example/'],
    ['/a/b?c=d?e', 'a.example:8080', '/a/b', 'c=d?e', 'http://a.example:8080/a/b?c=d?e'],
    ['/a?', 'a.example', '/a', '', 'http://a.example/a?'],
    ['/%41%2f', 'a.example', '/%41%2f', '', 'http://a.example/%41%2f'],
    ['//evil.example/a', 'a.example', '//evil.example/a', '', 'http://a.example//evil.example/a'],
    ['/', '', '/', '', 'http://localhost/'],
    ['*', 'a.example', '*', '', 'http://a.example/'],
    ['/', '[::1]:80', '/', '', 'http://[::1]/'],
  ])('%j of %j', (resource, authority, path, query, url) => {
    const request = makeRequest({ resource, authority });
    expect([request.path, request.query, request.url.href]).toEqual([path, query, url]);
  });

  test('the scheme is part of it', () => {
    expect(makeRequest({ scheme: 'https', target: '/a' }).url.href).toBe('https://a.example/a');
  });

  test('the target stays as sent', () => {
    const request = makeRequest({ target: 'http://a.example/b?c', resource: '/b?c' });
    expect([request.target, request.path]).toEqual(['http://a.example/b?c', '/b']);
  });

  test('no URL can be made of some hosts: the fault of the peer', () => {
    const failing = (): URL => makeRequest({ authority: '999.1.1.1' }).url;
    expect(failing).toThrow(HttpError);
    expect(failing).toThrow('make no URL');
  });
});

test('parts come from the wire', () => {
  const body = new RequestBody(5, undefined, 10);
  const request = makeRequest({ method: 'PUT', version: '1.0', fields: { a: 'b' }, body });
  expect([request.method, request.version, request.peer]).toEqual(['PUT', '1.0', PEER]);
  expect([request.fields.get('A'), request.body, request.clock.now()]).toEqual(['b', body, 0]);
});

test('trailers are those of the body, once it was read (RFC 9110 §6.5)', async () => {
  const body = new RequestBody(undefined, undefined, 10);
  const request = makeRequest({ body });
  body.push(new Uint8Array(1));
  body.end(Fields.from({ digest: 'x' }));
  expect(request.trailers.size).toBe(0);
  await body.bytes();
  expect(request.trailers.get('digest')).toBe('x');
});

describe('inform (RFC 9110 §15.2)', () => {
  test('sends interim responses', () => {
    const request = makeRequest();
    request.inform(103, { link: '</a>' });
    request.inform(102);
    expect(request.asked.informed).toEqual([[103, [['link', '</a>']]], [102, []]]);
  });

  test.each([0, 99, 101, 200, 404, 100.5, NaN])('%d is not interim: a TypeError', (status) => {
    const request = makeRequest();
    expect(() => request.inform(status)).toThrow(TypeError);
    expect(request.asked.informed).toEqual([]);
  });

  test('bad fields are a TypeError', () => {
    expect(() => makeRequest().inform(103, { link: 'a\nb' })).toThrow(TypeError);
  });
});

test('push asks the wire', () => {
  const request = makeRequest();
  expect(request.push('/a', { b: 'c' })).toBe(true);
  expect(request.asked.pushed).toEqual([['/a', [['b', 'c']]]]);
});

test.each([['a', '"a"'], ['', '""'], ['https://a.example/a', '"https://a.example/a"'],
  [new URL('https://a.example/a'), 'object'], [undefined, 'undefined']])(
  'push of %s is a TypeError, whatever the version (RFC 9113 §8.4)', (target, given) => {
    const request = makeRequest();
    const message = `push takes a path such as "/style.css", not ${given} (RFC 9113 §8.4)`;
    expect(() => request.push(target as string)).toThrow(new TypeError(message));
    expect(request.asked.pushed).toEqual([]);
  });

describe('signal: the peer is gone', () => {
  const cause = new Error('gone');

  test('fires once, with the first cause', () => {
    const request = makeRequest();
    const reasons: unknown[] = [];
    const { signal } = request;
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    expect(signal.aborted).toBe(false);
    abortRequest(request, cause);
    abortRequest(request, new Error('later'));
    expect(reasons).toEqual([cause]);
    expect(request.signal).toBe(signal);
  });

  test('asked for afterwards, it has fired', () => {
    const request = makeRequest();
    abortRequest(request, cause);
    expect([request.signal.aborted, request.signal.reason]).toEqual([true, cause]);
  });
});

describe('draining: the server begins to close', () => {
  test('fires once', () => {
    const request = makeRequest();
    let fired = 0;
    request.draining.addEventListener('abort', () => fired++);
    drainRequest(request);
    drainRequest(request);
    expect([fired, request.draining.aborted, request.signal.aborted]).toEqual([1, true, false]);
  });

  test('asked for afterwards, it has fired', () => {
    const request = makeRequest();
    drainRequest(request);
    expect(request.draining.aborted).toBe(true);
  });
});

describe('client', () => {
  test('is the peer, where nobody is trusted to say otherwise', () => {
    const fields = { forwarded: 'for=198.51.100.7', 'x-forwarded-for': '198.51.100.7' };
    expect(makeRequest({ fields }).client)
      .toEqual({ address: '192.0.2.1', port: 50_000, scheme: undefined, host: undefined });
  });

  test('is whom a trusted peer asks for (RFC 7239 §5.2)', () => {
    const request = makeRequest({ fields: { 'x-forwarded-for': '198.51.100.7' } });
    trustForwarders(request, { trust: trustList(['192.0.2.1']), written: 'x-forwarded' });
    expect(request.client).toMatchObject({ address: '198.51.100.7' });
  });
});
