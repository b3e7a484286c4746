/**
 * Certificates as others read them: node:crypto, openssl, and a handshake of node:tls.
 */
import {
  X509Certificate, createPrivateKey, generateKeyPairSync, type KeyObject,
} from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  DAY, commonName, issueAuthority, issueLeaf, permits, serves, subjectNames,
  type KeyAndCertificate,
} from '../../src/tls/certificate.ts';
import { parseGeneralName } from '../../src/tls/general-name.ts';
import { describeWith, findProgram, run } from '../support/process.ts';

const NAMES = ['localhost', '127.0.0.1', '::1', 'dev.test', '*.app.test'];
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const OPENSSL = findProgram('openssl');

const authority = issueAuthority({ names: NAMES });
const leaf = issueLeaf(authority, { names: NAMES });
const parsed = (issued: KeyAndCertificate): X509Certificate => new X509Certificate(issued.cert);

/** A leaf of the authority's key and name that is outside of its constraints. */
function leafBeyond(name: string): KeyAndCertificate {
  const privateKey = createPrivateKey(authority.key);
  const twin = issueAuthority({ names: [...NAMES, name], privateKey });
  return issueLeaf(twin, { names: ['localhost', name] });
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** tbsCertificate, which is what chance in the signature does not change (§4.1). */
function signedPart(issued: KeyAndCertificate): string {
  const { raw } = parsed(issued);
  return raw.subarray(4, 8 + raw.readUInt16BE(6)).toString('hex');
}

describe('RFC 5280 §4.1 the fields', () => {
  test('the signature, the issuer and the key belong together', () => {
    const [root, end] = [parsed(authority), parsed(leaf)];
    expect([root.ca, end.ca]).toEqual([true, false]);
    expect(root.checkIssued(root) && root.verify(root.publicKey)).toBe(true);
    expect(end.checkIssued(root) && end.verify(root.publicKey)).toBe(true);
    expect(end.verify(end.publicKey)).toBe(false);
    expect(root.checkPrivateKey(createPrivateKey(authority.key))).toBe(true);
    expect(end.checkPrivateKey(createPrivateKey(leaf.key))).toBe(true);
    expect(end.checkPrivateKey(createPrivateKey(authority.key))).toBe(false);
    expect(end.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(end.issuer).toBe(root.subject);
    expect(commonName(root)).toMatch(/^wirestack development [0-9a-f]{8}$/);
  });

  test('the same time, chance and key make the same octets', () => {
    const [root, end] = [newKey(), newKey()];
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(0x33);
    const pairs = [1, 2].map(() => {
      const made = issueAuthority({ names: NAMES, now: NOW, random, privateKey: root });
      const options = { names: NAMES, now: NOW, random, privateKey: end };
      return [signedPart(made), signedPart(issueLeaf(made, options))];
    });
    expect(pairs[0]).toEqual(pairs[1]);
    expect(pairs[0]?.[0]).not.toBe(pairs[0]?.[1]);
  });

  test.each([
    ['zeros', 0x00, '40'],
    ['ones', 0xff, '7f'],
  ])('a serial number of %s is positive and of 20 octets (§4.1.2.2)', (_, octet, first) => {
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(octet);
    const rest = Buffer.alloc(19, octet).toString('hex');
    const made = issueAuthority({ names: NAMES, random });
    expect(parsed(made).serialNumber.toLowerCase()).toBe(first + rest);
  });

  test('each serial number is another', () => {
    const serials = Array.from({ length: 20 }, () =>
      parsed(issueLeaf(authority, { names: NAMES })).serialNumber);
    expect(new Set(serials).size).toBe(20);
  });

  test('an hour ago until 397 days, 10 years later (§4.1.2.5)', () => {
    const root = issueAuthority({ names: NAMES, now: NOW });
    const end = issueLeaf(root, { names: NAMES, now: NOW });
    const from = Date.UTC(2026, 0, 2, 2, 4, 5);
    for (const [made, days] of [[root, 3650], [end, 397]] as const) {
      expect(Date.parse(parsed(made).validFrom)).toBe(from);
      // Both ends are included.
      expect(Date.parse(parsed(made).validTo)).toBe(from + days * DAY - 1000);
    }
  });

  test('a leaf ends with its authority', () => {
    const root = issueAuthority({ names: NAMES, now: NOW });
    const end = issueLeaf(root, { names: NAMES, now: NOW + 3500 * DAY });
    expect(parsed(end).validTo).toBe(parsed(root).validTo);
  });

  test.each([2039, 2040, 2045, 2060])('made in %i, it is read (§4.1.2.5)', (year) => {
    const root = parsed(issueAuthority({ names: NAMES, now: Date.UTC(year, 5, 1, 1) }));
    expect(Date.parse(root.validFrom)).toBe(Date.UTC(year, 5, 1));
    expect(Date.parse(root.validTo)).toBe(Date.UTC(year, 5, 1) + 3650 * DAY - 1000);
  });
});

describe('RFC 5280 §4.2.1.6 whom a leaf serves', () => {
  const end = parsed(leaf);

  test.each([
    ['localhost', 'localhost'],
    ['dev.test', 'dev.test'],
    ['x.app.test', '*.app.test'],
    ['app.test', undefined],
    ['a.b.app.test', undefined],
    ['a.localhost', undefined],
    ['example.com', undefined],
    // The subject is no host.
    ['wirestack development server', undefined],
  ])('checkHost(%j) is %j', (host, expected) => {
    expect(end.checkHost(host)).toBe(expected);
  });

  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['127.0.0.2', undefined],
    ['::2', undefined],
  ])('checkIP(%j) is %j', (address, expected) => {
    expect(end.checkIP(address)).toBe(expected);
  });

  test.each([
    ['localhost', true], ['127.0.0.1', true], ['::1', true], ['*.app.test', true],
    ['x.app.test', true], ['app.test', false], ['*.test.app', false], ['10.0.0.1', false],
  ])('serves %s: %s', (name, expected) => {
    expect(serves(end, parseGeneralName(name))).toBe(expected);
  });

  test('its names are read again as they were given', () => {
    expect(subjectNames(end).map(({ text }) => text)).toEqual(NAMES);
  });

  test('a name that is given twice is there once', () => {
    const made = parsed(issueLeaf(authority, { names: ['localhost', 'LOCALHOST'] }));
    expect(made.subjectAltName).toBe('DNS:localhost');
  });
});

describe('RFC 5280 §4.2.1.10 what an authority may sign', () => {
  test.each([
    ['localhost', true], ['a.localhost', true], ['127.0.0.1', true], ['::1', true],
    ['dev.test', true], ['a.b.dev.test', true], ['app.test', true], ['*.x.app.test', true],
    ['test', false], ['other.test', false], ['xdev.test', false], ['dev.test.example', false],
    ['127.0.0.2', false], ['::2', false], ['example.com', false],
  ])('permits %s: %s', (name, expected) => {
    expect(permits(parsed(authority), parseGeneralName(name))).toBe(expected);
  });

  test('a leaf beyond it is not made', () => {
    expect(() => issueLeaf(authority, { names: ['localhost', 'example.com'] }))
      .toThrow(/outside of the authority's names \(RFC 5280 §4\.2\.1\.10\): example\.com/);
  });

  test('no names, no authority and no leaf', () => {
    expect(() => issueAuthority({ names: [] })).toThrow(/§4\.2\.1\.10/);
    expect(() => issueLeaf(authority, { names: [] })).toThrow(/§4\.2\.1\.6/);
  });
});

describeWith('openssl', 'openssl', OPENSSL !== undefined, () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wirestack-'));
    const files = {
      'authority': authority, 'leaf': leaf, 'other': issueAuthority({ names: NAMES }),
      'beyond-name': leafBeyond('example.com'), 'beyond-address': leafBeyond('10.0.0.1'),
    };
    for (const [name, { cert }] of Object.entries(files)) writeFileSync(join(folder, name), cert);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  async function openssl(
    ...words: readonly string[]
  ): Promise<{ readonly code: number | null; readonly text: string }> {
    const { code, stdout, stderr } = await run(OPENSSL as string, words, undefined, folder);
    return { code, text: stdout + stderr };
  }

  test.each([
    ['leaf', [], 0, 'leaf: OK'],
    ['leaf', ['-verify_hostname', 'x.app.test'], 0, 'leaf: OK'],
    ['leaf', ['-verify_ip', '::1'], 0, 'leaf: OK'],
    ['leaf', ['-verify_hostname', 'example.com'], 2, 'hostname mismatch'],
    ['leaf', ['-purpose', 'sslclient'], 2, 'unsuitable certificate purpose'],
    ['leaf', ['-purpose', 'smimesign'], 2, 'unsuitable certificate purpose'],
    ['beyond-name', [], 2, 'permitted subtree violation'],
    ['beyond-address', [], 2, 'permitted subtree violation'],
    ['other', [], 2, 'self-signed certificate'],
  ])('verify -x509_strict %s %j ends with %i', async (file, words, code, said) => {
    // Words that were typed otherwise in older releases.
    const end = await openssl('verify', '-x509_strict', '-check_ss_sig', '-CAfile', 'authority',
      ...(words.includes('-purpose') ? [] : ['-purpose', 'sslserver']), ...words, file);
    expect(end.code).toBe(code);
    expect(end.text.replace('self signed', 'self-signed')).toContain(said);
  });

  test('reads the extensions of the authority', async () => {
    const { code, text } = await openssl('x509', '-in', 'authority', '-noout', '-text');
    const flat = text.replace(/\s+/g, ' ');
    expect(code).toBe(0);
    expect(flat).toContain('Version: 3 (0x2)');
    expect(flat).toContain('Signature Algorithm: ecdsa-with-SHA256');
    expect(flat).toContain('Basic Constraints: critical CA:TRUE, pathlen:0');
    expect(flat).toContain('Key Usage: critical Certificate Sign, CRL Sign');
    expect(flat).toContain('Extended Key Usage: TLS Web Server Authentication');
    expect(flat).toContain('Name Constraints: critical Permitted: DNS:localhost ' +
      'IP:127.0.0.1/255.255.255.255 IP:0:0:0:0:0:0:0:1/FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF ' +
      'DNS:dev.test DNS:app.test X509v3');
    expect(flat).toMatch(/Subject Key Identifier: ([0-9A-F]{2}:){19}[0-9A-F]{2} /);
  });

  test('reads the extensions of the leaf', async () => {
    const { code, text } = await openssl('x509', '-in', 'leaf', '-noout', '-text');
    const flat = text.replace(/\s+/g, ' ').replace('keyid:', '');
    const root = (await openssl('x509', '-in', 'authority', '-noout', '-text')).text;
    const id = /Subject Key Identifier:\s+(\S+)/.exec(root)?.[1];
    expect(code).toBe(0);
    expect(flat).toContain('Key Usage: critical Digital Signature X509v3');
    expect(flat).toContain('Extended Key Usage: TLS Web Server Authentication');
    expect(flat).toContain('Alternative Name: DNS:localhost, IP Address:127.0.0.1, ' +
      'IP Address:0:0:0:0:0:0:0:1, DNS:dev.test, DNS:*.app.test X509v3');
    expect(flat).toContain(`Authority Key Identifier: ${id} `);
    expect(flat).toMatch(/Subject Key Identifier: ([0-9A-F]{2}:){19}[0-9A-F]{2} /);
    expect(flat).not.toContain('CA:TRUE');
  });
});

describe('a handshake on loopback', () => {
  /** What a client that trusts `ca` makes of a server: 'authorized', or why not. */
  async function handshake(
    server: KeyAndCertificate, ca: string, servername: string,
  ): Promise<string> {
    const { key, cert } = server;
    const listening = createServer({ key, cert: cert + authority.cert }, (socket) => {
      socket.on('error', () => {}).end();
    });
    listening.on('tlsClientError', () => {});
    listening.listen(0, '127.0.0.1');
    onTestFinished(() => void listening.close());
    await once(listening, 'listening');
    const { port } = listening.address() as AddressInfo;
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, servername, ca });
    onTestFinished(() => void socket.destroy());
    return once(socket, 'secureConnect').then(
      () => (socket.authorized ? 'authorized' : 'not authorized'),
      (error: Error) => error.message,
    );
  }

  test.each([
    ['localhost', 'authorized'],
    ['x.app.test', 'authorized'],
    ['', 'authorized'],
    ['example.com', 'is not in the cert\'s altnames'],
  ])('for %j: %s', async (servername, expected) => {
    expect(await handshake(leaf, authority.cert, servername)).toContain(expected);
  });

  test('without trust in the authority there is none', async () => {
    const other = issueAuthority({ names: NAMES });
    expect(await handshake(leaf, other.cert, 'localhost'))
      .toMatch(/^self.signed certificate in certificate chain$/);
  });

  test('a leaf beyond the constraints is refused (RFC 5280 §4.2.1.10)', async () => {
    expect(await handshake(leafBeyond('example.com'), authority.cert, 'example.com'))
      .toBe('permitted subtree violation');
  });
});
