/** One certificate: what it is for, and what is refused before a connection sees it. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DAY, issueLeaf, type KeyAndCertificate } from '../../src/tls/certificate.ts';
import { CertificateEntry } from '../../src/tls/certificate-entry.ts';
import { pem } from '../../src/tls/der.ts';
import type { CertificateOptions } from '../../src/tls/options.ts';
import { AUTHORITY, CLIENTS, leafFor } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/sockets.ts';

const LEAF = leafFor('example.com', '*.example.com', '127.0.0.1', '::1');
const OTHER = leafFor('example.org');

function entry(options: Partial<CertificateOptions> = {}): CertificateEntry {
  const common = { minVersion: 'TLSv1.2', resumes: true } as const;
  return new CertificateEntry({ ...LEAF, ...options }, common, 'tls.certificates[3]');
}

/** The key of LEAF behind a passphrase. */
function encrypted(passphrase: string): string {
  return createPrivateKey(LEAF.key)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-128-cbc', passphrase }) as string;
}

/** The same names as addresses of mail: rfc822Name, not dNSName (RFC 5280 §4.2.1.6). */
function forMail(name: string): KeyAndCertificate {
  const { cert, key } = leafFor(name);
  const octets = Buffer.from(new X509Certificate(cert).raw);
  octets[octets.indexOf(`\x82${String.fromCharCode(name.length)}${name}`, 'latin1')] = 0x81;
  return { key, cert: pem('CERTIFICATE', octets) };
}

describe('where PEM comes from', () => {
  test('text, octets and files are alike', async () => {
    const folder = await temporaryDirectory();
    const file = join(folder, 'cert.pem');
    writeFileSync(file, LEAF.cert);
    const { cert: text } = LEAF;
    const octets = new TextEncoder().encode(text);
    const url = { file: pathToFileURL(file) };
    const serials = [text, Buffer.from(text), octets, { file }, url]
      .map((cert) => entry({ cert }).certificate.serialNumber);
    expect(new Set(serials).size).toBe(1);
  });

  test('an encrypted key with its passphrase', () => {
    expect(entry({ key: encrypted('secret'), passphrase: 'secret' }).names).toHaveLength(2);
  });

  test('a chain: the first certificate is the server\'s', () => {
    const chain = LEAF.cert + CLIENTS.cert;
    expect(entry({ cert: chain }).names).toEqual(['example.com', '*.example.com']);
  });
});

describe('what is refused', () => {
  const WHERE = 'tls.certificates[3]';
  const faults: [string, Partial<CertificateOptions>, string][] = [
    ['a path as text', { cert: 'a.crt' }, `${WHERE}.cert is no PEM text: for a file, give { file`],
    ['an empty certificate', { cert: '' }, `${WHERE}.cert is no PEM text`],
    ['a key in its place', { cert: LEAF.key }, `${WHERE}.cert is no certificate in PEM`],
    ['no name', { ...AUTHORITY }, `${WHERE}.cert tells no name that it is for: give names`],
    ['names of mail', forMail('example.org'), `${WHERE}.cert tells no name that it is for`],
    ['no key', { key: 'hello' }, `${WHERE}.key is no PEM text`],
    ['a certificate in its place', { key: LEAF.cert }, `${WHERE}.key is no private key in PEM`],
    ['the key of another', { key: OTHER.key }, `${WHERE}.key is not the key of ${WHERE}.cert`],
    ['an encrypted key alone', { key: encrypted('s') }, 'key is encrypted: give passphrase'],
    ['another passphrase', { key: encrypted('s'), passphrase: 'x' }, 'the passphrase is another'],
    ['a broken chain', { cert: `${LEAF.cert}-----BEGIN CERTIFICATE-----\nAA\n` }, `${WHERE}: `],
    ['no authority for clients', { clientCertificates: { ca: 'hello' } },
      `${WHERE}.clientCertificates.ca is no PEM text`],
    ['a policy that is none',
      { clientCertificates: { ca: CLIENTS.cert, mode: 'required' as never } },
      `${WHERE}.clientCertificates.mode is require or request, not "required"`],
    ['a file that is not there', { cert: { file: '/nowhere/cert.pem' } }, `${WHERE}.cert: ENOENT`],
    ['a key that is not there', { key: { file: '/nowhere/key.pem' } }, `${WHERE}.key: ENOENT`],
    ['an authority that is not there', { clientCertificates: { ca: { file: '/nowhere/ca' } } },
      `${WHERE}.clientCertificates.ca: ENOENT`],
    ['another URL', { cert: { file: new URL('https://a.test/') } },
      `${WHERE}.cert: The URL must be of scheme file`],
    ['a number', { cert: 1 as never },
      `${WHERE}.cert is PEM text, octets of it, or { file: path }`],
    ['nothing', { key: undefined as never }, `${WHERE}.key is PEM text, octets of it`],
    ['null', { key: null as never }, `${WHERE}.key is PEM text, octets of it`],
    ['a path that is none', { cert: { file: 1 as never } }, `${WHERE}.cert is PEM text`],
  ];

  test.each(faults)('%s', (_, options, message) => {
    expect(() => entry(options)).toThrow(message);
  });
});

describe('its time (RFC 5280 §4.1.2.5)', () => {
  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  /** From an hour before `NOW` for 397 days less a second, as issueLeaf makes them. */
  const NOW = Date.UTC(2026, 5, 1);
  const FROM = NOW - 60 * MINUTE;
  const TO = FROM + 397 * DAY - SECOND;
  const dated = issueLeaf(AUTHORITY, { names: ['example.com'], now: NOW });

  test.each([
    ['the last moment', TO, undefined],
    ['past its end', TO + 1, 'cert has ended on Jul  2 22:59:59 2027 GMT: renew it'],
    ['five minutes early, by a clock that is late', FROM - 5 * MINUTE, undefined],
    ['earlier', FROM - 5 * MINUTE - 1,
      'tls.certificates[3].cert is not valid before May 31 23:00:00 2026 GMT, and the clock here ' +
        'says Sun, 31 May 2026 22:54:59 GMT'],
  ])('%s', (_, now, message) => {
    vi.useFakeTimers({ now, toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    if (message === undefined) expect(entry(dated).names).toEqual(['example.com']);
    else expect(() => entry(dated)).toThrow(message);
  });
});

describe('its names (RFC 9525 §6)', () => {
  test('are those of the certificate, or those that are told, in their one form', () => {
    expect(entry().names).toEqual(['example.com', '*.example.com']);
    expect(entry({ names: ['Example.ORG.', '*.A.example.com'] }).names)
      .toEqual(['example.org', '*.a.example.com']);
  });

  test('cover hosts exactly, or by a wildcard', () => {
    const made = entry();
    expect(['example.com', 'a.example.com', 'a.b.example.com', 'example.org']
      .map((host) => [made.covers(host, true), made.covers(host, false)]))
      .toEqual([[true, true], [false, true], [false, false], [false, false]]);
  });

  const addresses: [string, boolean][] = [
    ['127.0.0.1', true], ['127.0.0.1:8443', true], ['[::1]', true], ['[::1]:443', true],
    ['[0:0:0:0:0:0:0:1]', true], ['127.0.0.2', false], ['[::2]', false], ['example.com', false],
    // What a Host may hold and is no address.
    ['1.2.3', false], ['999.1.1.1', false], ['...', false], ['[v1.a:b]', false], ['', false],
  ];

  test.each(addresses)('an address, %j: %j (RFC 9110 §4.3.4)', (authority, expected) => {
    expect(entry().coversAddress(authority)).toBe(expected);
  });

  test('addresses alone are enough; it has no server name (RFC 6066 §3)', () => {
    const made = entry(leafFor('127.0.0.1', '::1'));
    expect(made.names).toEqual([]);
    expect(['127.0.0.1', '[::1]:8443', '127.0.0.2'].map((host) => made.coversAddress(host)))
      .toEqual([true, true, false]);
    expect(made.covers('127.0.0.1', false)).toBe(false);
  });

  test('an address is known the second time too, and after many others (ADDRESSES_MAX)', () => {
    const made = entry();
    for (let round = 0; round < 2; round++) {
      expect(made.coversAddress('127.0.0.1')).toBe(true);
      for (let i = 0; i <= 100; i++) expect(made.coversAddress(`127.0.1.${i}`)).toBe(false);
    }
  });

  test('names of mail are none, but others can be told', () => {
    expect(entry({ ...forMail('example.org'), names: ['example.org'] }).names)
      .toEqual(['example.org']);
  });

  test('that are told are all: the addresses of the certificate do not count', () => {
    expect(entry({ names: ['example.com'] }).coversAddress('127.0.0.1')).toBe(false);
    expect(entry({ names: ['127.0.0.1'] }).covers('127.0.0.1', true)).toBe(true);
  });
});

describe('its policy for clients (RFC 8446 §4.3.2)', () => {
  test.each([
    [undefined, undefined],
    [{ ca: CLIENTS.cert }, 'require'],
    [{ ca: CLIENTS.cert, mode: 'require' }, 'require'],
    [{ ca: CLIENTS.cert, mode: 'request' }, 'request'],
  ] as const)('%# is %j', (clientCertificates, expected) => {
    const made = entry(clientCertificates && { clientCertificates });
    expect(made.clientCertificates).toBe(expected);
  });
});

describe('E4 what is spoken (RFC 9325 §4.2)', () => {
  test('forward secrecy and AEAD alone', () => {
    const suites = String(entry().contextOptions.ciphers).split(':');
    expect(suites.length).toBeGreaterThan(5);
    expect(suites.filter((suite) => !/^(TLS_|ECDHE-).*(GCM|POLY1305)/.test(suite))).toEqual([]);
  });

  test('no version below the one that is asked for', () => {
    const common = { minVersion: 'TLSv1.3', resumes: false } as const;
    expect(new CertificateEntry(LEAF, common, '').contextOptions.minVersion).toBe('TLSv1.3');
  });
});
