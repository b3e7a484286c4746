/** Names of servers: how they are compared (RFC 9525 §6, RFC 6066 §3). */
import { describe, expect, test } from 'vitest';
import {
  canonicalName, covers, dnsNames, hostOf, isServerName,
} from '../../src/tls/server-name.ts';

describe('E7 the one form of a name', () => {
  const forms: [string, string][] = [
    ['example.com', 'example.com'],
    ['EXAMPLE.Com', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com..', 'example.com.'],
    ['.', ''],
    ['', ''],
    ['*.Example.COM.', '*.example.com'],
    // ASCII letters alone are folded: a sign for kelvin is no k.
    ['\u212aEY.example.com', '\u212aey.example.com'],
    ['\u00c9.example.com', '\u00c9.example.com'],
  ];

  test.each(forms)('of %j is %j', (name, canonical) => {
    expect(canonicalName(name)).toBe(canonical);
  });
});

describe('the host of an authority (RFC 3986 §3.2.2)', () => {
  const authorities: [string, string][] = [
    ['example.com', 'example.com'],
    ['Example.COM:8443', 'example.com'],
    ['example.com.:443', 'example.com'],
    ['example.com:', 'example.com'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[2001:DB8::1]:443', '2001:db8::1'],
    ['[::1', '::1'],
    ['', ''],
  ];

  test.each(authorities)('%j: %j', (authority, host) => {
    expect(hostOf(authority)).toBe(host);
  });
});

describe('which name covers which host (RFC 9525 §6.3)', () => {
  const pairs: [string, string, boolean][] = [
    ['example.com', 'example.com', true],
    ['example.com', 'www.example.com', false],
    ['example.com', 'example.org', false],
    ['*.example.com', 'www.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'a.www.example.com', false],
    ['*.example.com', '.example.com', false],
    ['*.example.com', 'wwwexample.com', false],
    ['*.example.com', 'www.example.com.evil.org', false],
    // A star is a label of its own, or none.
    ['w*.example.com', 'www.example.com', false],
    ['*', 'localhost', false],
    ['example.com', '', false],
    ['*.example.com', '', false],
  ];

  test.each(pairs)('%j, %j: %j', (name, host, expected) => {
    expect(covers(name, host)).toBe(expected);
  });
});

describe('DNS names among alternative names (RFC 5280 §4.2.1.6)', () => {
  const texts: [string | undefined, string[]][] = [
    [undefined, []],
    ['', []],
    ['DNS:example.com', ['example.com']],
    ['DNS:Example.com, IP Address:127.0.0.1, DNS:*.example.org', ['example.com', '*.example.org']],
    ['IP Address:127.0.0.1', []],
    ['email:a@example.com, URI:https://example.com/', []],
    // node:crypto quotes what could be taken for another name.
    ['DNS:"a, DNS:example.com"', ['"a', 'example.com"']],
  ];

  test.each(texts)('%j: %j', (text, names) => {
    expect(dnsNames(text)).toEqual(names);
  });
});

describe('names that a program gives', () => {
  test.each(['localhost', 'a.test', '*.a.test', 'A.Test.', 'x-1.a_b.test', 'xn--mnchen-3ya.de'])(
    '%j is one', (name) => expect(isServerName(name)).toBe(true));

  test.each([
    '', '.', '*', 'a..test', '*.*.test', 'a.*.test', 'a.test:443', 'https://a.test', 'a b',
    '-a.test', 'm\u00fcnchen.de', 1, undefined,
  ])('%j is none', (name) => expect(isServerName(name)).toBe(false));
});
