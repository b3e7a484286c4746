/** Request targets and hosts: the four forms, and what no host may be. */
import { describe, expect, test } from 'vitest';
import { hostFault, isTargetText, parseTarget } from '../../src/http/target.ts';

describe('uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2)', () => {
  test.each([
    '', 'a', 'example.com', 'EXAMPLE.com', 'example.com.', 'a_b', 'xn--bcher-kva.example',
    '1.2.3.4',
    '256.1.1.1', "a!$&'()*+;=~b", 'a%20b', '%41', 'a:', 'a:0', 'a:80', 'a:00080', 'a:65535',
    '[::]', '[::1]', '[::1]:', '[::1]:443', '[1:2:3:4:5:6:7:8]', '[1::8]', '[1:2:3:4:5:6:7::]',
    '[::2:3:4:5:6:7:8]', '[fe80::ABCD]', '[::1.2.3.4]', '[::ffff:192.0.2.1]',
    '[1:2:3:4:5:6:1.2.3.4]',
    '[64:ff9b::255.255.255.255]', '[v1.x]', '[vF.a:b-c]:80', '[V1.!$&\'()*+,;=]',
  ])('%j is one', (host) => {
    expect(hostFault(host)).toBeUndefined();
  });

  const LITERAL = 'a broken IP literal';
  const OCTET = 'an octet that no host may hold';
  const PORT = 'a broken port';
  const HOSTLESS = 'a port without a host';

  test.each([
    ['a:b', PORT], ['a:-1', PORT], ['a:+1', PORT], ['a:8 0', PORT], ['a:65536', PORT],
    ['a:80:80', PORT],
    ['::1', HOSTLESS], ['1:2:3:4:5:6:7:8', PORT], ['[::1]:x', PORT], ['[::1]:65536', PORT],
    ['a:99999999999999999999', PORT], [':', HOSTLESS], [':80', HOSTLESS],
    ['a b', OCTET], [' a', OCTET], ['a/b', OCTET], ['a?b', OCTET], ['a#b', OCTET],
    ['user@a', OCTET],
    ['a\\b', OCTET], ['a"b', OCTET], ['<a>', OCTET], ['\xe9', OCTET], ['a\u0161', OCTET],
    ['a,b', OCTET], ['a, a', OCTET], ['a]', OCTET], ['a[', OCTET],
    ['a%', OCTET], ['a%4', OCTET], ['a%zz', OCTET], ['%4g', OCTET], ['%20%', OCTET],
    ['a%4%41', OCTET],
    ['[', LITERAL], ['[]', LITERAL], ['[::1', LITERAL], ['[::1]x', LITERAL], ['[::1]80', LITERAL],
    ['[1.2.3.4]', LITERAL], ['[a.example]', LITERAL], ['[:]', LITERAL], ['[:::]', LITERAL],
    ['[1:2:3:4:5:6:7]', LITERAL], ['[1:2:3:4:5:6:7:8:9]', LITERAL], ['[1::2::3]', LITERAL],
    ['[1:2:3:4:5:6:7:8::]', LITERAL], ['[1:2:3:4::5:6:7:8]', LITERAL], ['[12345::]', LITERAL],
    ['[g::]', LITERAL], ['[1:]', LITERAL], ['[:1]', LITERAL], ['[::1%25eth0]', LITERAL],
    ['[::1.2.3]', LITERAL], ['[::1.2.3.256]', LITERAL], ['[::1.2.3.04]', LITERAL],
    ['[::1.2.3.4.5]', LITERAL], ['[1.2.3.4::]', LITERAL], ['[::1.2.3.4:5]', LITERAL],
    ['[1:2:3:4:5:6:7:1.2.3.4]', LITERAL], ['[v.x]', LITERAL], ['[v1]', LITERAL], ['[v1.]', LITERAL],
    ['[vg.x]', LITERAL], ['[v1.a/b]', LITERAL], ['[[::1]]', LITERAL],
  ])('%j has %s', (host, fault) => {
    expect(hostFault(host)).toBe(fault);
  });
});

describe('§3.2 Request Target', () => {
  const origin = { scheme: undefined, authority: undefined };

  test.each([
    ['GET', '/', { resource: '/', ...origin }],
    ['GET', '/a?b', { resource: '/a?b', ...origin }],
    ['GET', '//a.example/b', { resource: '//a.example/b', ...origin }],
    ['OPTIONS', '/a', { resource: '/a', ...origin }],
  ])('origin-form: %s %s (RFC 9112 §3.2.1)', (method, target, parts) => {
    expect(parseTarget(method, target)).toEqual(parts);
  });

  test.each([
    ['GET', 'http://a.example/b?c', 'http', 'a.example', '/b?c'],
    ['GET', 'HTTPS://A.example:8443/', 'https', 'A.example:8443', '/'],
    ['GET', 'http://a.example', 'http', 'a.example', '/'],
    ['GET', 'http://a.example?b', 'http', 'a.example', '/?b'],
    ['GET', 'http://a.example:', 'http', 'a.example:', '/'],
    ['GET', 'http://[::1]:80/a', 'http', '[::1]:80', '/a'],
    ['GET', 'http://a.example//b', 'http', 'a.example', '//b'],
    // Without path and query it is about the server as a whole (RFC 9112 §3.2.4).
    ['OPTIONS', 'http://a.example', 'http', 'a.example', '*'],
    ['OPTIONS', 'http://a.example:8001', 'http', 'a.example:8001', '*'],
    ['OPTIONS', 'http://a.example/', 'http', 'a.example', '/'],
    ['OPTIONS', 'http://a.example?b', 'http', 'a.example', '/?b'],
  ])('absolute-form: %s %s (RFC 9112 §3.2.2)', (method, target, scheme, authority, resource) => {
    expect(parseTarget(method, target)).toEqual({ scheme, authority, resource });
  });

  test.each([
    ['a.example:443', 'a.example:443'], ['1.2.3.4:1', '1.2.3.4:1'], ['[::1]:443', '[::1]:443'],
  ])('authority-form: CONNECT %s (RFC 9112 §3.2.3)', (target, authority) => {
    expect(parseTarget('CONNECT', target))
      .toEqual({ resource: target, scheme: undefined, authority });
  });

  test('asterisk-form is for OPTIONS (RFC 9112 §3.2.4)', () => {
    expect(parseTarget('OPTIONS', '*')).toEqual({ resource: '*', ...origin });
    expect(parseTarget('GET', '*')).toBe('target * is for OPTIONS alone (RFC 9112 §3.2.4)');
  });

  const NEITHER = 'target is neither a path, an http URI, nor * (RFC 9112 §3.2)';
  const HOSTLESS = 'target is an http URI without a host (RFC 9110 §4.2.1)';
  const PLACE = 'in its authority (RFC 9110 §4.2.4)';
  test.each([
    ['GET', 'a', NEITHER], ['GET', '', NEITHER], ['GET', '?a', NEITHER], ['GET', '**', NEITHER],
    ['OPTIONS', '*/', NEITHER], ['GET', 'a.example:80', NEITHER], ['GET', 'ftp://a/', NEITHER],
    ['GET', 'http:/a', NEITHER], ['GET', 'http:a', NEITHER], ['GET', 'httpx://a/', NEITHER],
    ['GET', 'http:///a', HOSTLESS], ['GET', 'http://', HOSTLESS], ['GET', 'http://?a', HOSTLESS],
    ['GET', 'http://:80/', `target has a port without a host ${PLACE}`],
    ['GET', 'http://user@a/', `target has an octet that no host may hold ${PLACE}`],
    ['GET', 'http://user:pass@a/', `target has a broken port ${PLACE}`],
    ['GET', 'http://a:x/', `target has a broken port ${PLACE}`],
    ['GET', 'http://[::1/', `target has a broken IP literal ${PLACE}`],
  ])('%s %j: %s', (method, target, fault) => {
    expect(parseTarget(method, target)).toBe(fault);
  });

  test.each<[string, string?]>([
    ['a.example'], ['a.example:'], [':443'], ['/'], ['*'], ['http://a/'], [''],
    ['http://a:443', 'a broken port'], ['a:65536', 'a broken port'],
    ['u@a:443', 'an octet that no host may hold'], ['[::1:443', 'a broken IP literal'],
  ])('CONNECT %j (RFC 9112 §3.2.3)', (target, fault) => {
    const sentence = parseTarget('CONNECT', target);
    expect(sentence).toMatch(/^CONNECT needs host:port as its target(, not an? .*)? \(RFC 9112 §3/);
    if (fault !== undefined) expect(sentence).toContain(`not ${fault}`);
  });
});

test.each([
  ['/a?b=c%20', true], ['*', true], ['', false], ['/a#b', false], ['/ ', false], ['/\xe9', false],
  ['/\u0161', false],
])('%j is of the octets of a target: %s (RFC 3986 §2)', (text, expected) => {
  expect(isTargetText(text)).toBe(expected);
});
