/** The certificates of a server: which one answers, what may be asked for, loading them anew. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { issueLeaf } from '../../src/tls/certificate.ts';
import { CertificateSet, TlsContexts } from '../../src/tls/contexts.ts';
import type { TlsOptions } from '../../src/tls/options.ts';
import { AUTHORITY, CLIENTS, leafFor } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/sockets.ts';

const EXACT = leafFor('www.example.com');
const WILD = leafFor('*.example.com', 'example.com');
const ORG = leafFor('example.org', 'shop.example.org', '127.0.0.1');

function contextsOf(...certificates: TlsOptions['certificates'][]): TlsContexts {
  return new TlsContexts({ certificates: certificates.flat() as never });
}

function setOf(...certificates: TlsOptions['certificates'][]): CertificateSet {
  return contextsOf(...certificates).current;
}

/** Which certificate it is, by its place; undefined: none. */
function placeOf(set: CertificateSet, serverName: string): number | undefined {
  const entry = set.select(serverName);
  return entry && set.entries.indexOf(entry);
}

describe('E7 the certificate for a server name (RFC 6066 §3)', () => {
  // The wildcard stands first: an exact name goes before it all the same.
  const names: [string, number, number | undefined][] = [
    ['www.example.com', 1, 1],
    ['WWW.Example.COM', 1, 1],
    ['www.example.com.', 1, 1],
    ['api.example.com', 0, 0],
    ['API.EXAMPLE.COM.', 0, 0],
    ['example.com', 0, 0],
    ['example.org', 2, 2],
    ['a.b.example.com', 0, undefined],
    ['unknown.test', 0, undefined],
    ['.', 0, undefined],
    ['\0', 0, undefined],
    ['*', 0, undefined],
    ['', 0, 0],
  ];

  test.each(names)('%j: place %j; where unknown ones are refused, %j', (name, first, refused) => {
    const certificates = [WILD, EXACT, ORG];
    expect(placeOf(setOf(...certificates), name)).toBe(first);
    const strict = new TlsContexts({ certificates, unknownNames: 'refuse' });
    expect(placeOf(strict.current, name)).toBe(refused);
  });

  test('of two that have it, the first', () => {
    const set = setOf(leafFor('example.org'), ORG);
    expect([placeOf(set, 'example.org'), placeOf(set, 'shop.example.org')]).toEqual([0, 1]);
  });

  test('is known the second time too, and after many others (KNOWN_MAX)', () => {
    const set = setOf(WILD, ORG);
    for (let round = 0; round < 2; round++) {
      expect(placeOf(set, 'example.org')).toBe(1);
      for (let i = 0; i <= 1000; i++) set.select(`${i}.test`);
      expect(placeOf(set, '0.test')).toBe(0);
    }
  });
});

describe('E6 what a connection may be asked for (RFC 9110 §7.4)', () => {
  const set = setOf(WILD, EXACT, ORG);
  const [wild, exact, org] = set.entries as [never, never, never];
  const asked: [string, boolean, boolean, boolean][] = [
    ['api.example.com', true, false, false],
    ['API.example.com.:8443', true, false, false],
    ['www.example.com', false, true, false],
    ['www.example.com:443', false, true, false],
    ['example.org', false, false, true],
    ['shop.example.org', false, false, true],
    ['127.0.0.1:8443', false, false, true],
    ['127.0.0.2', false, false, false],
    ['1.2.3', false, false, false],
    ['unknown.test', false, false, false],
    // HTTP/1.0 need not say.
    ['', true, true, true],
  ];

  test.each(asked)('%j: %j, %j, %j', (authority, byWild, byExact, byOrg) => {
    expect([wild, exact, org].map((entry) => set.serves(entry, authority)))
      .toEqual([byWild, byExact, byOrg]);
  });

  test('of two certificates that share a name, the one that answers for it', () => {
    const sharing = setOf(
      leafFor('a.example.com', 'b.example.com'), leafFor('b.example.com', 'c.example.com'),
    );
    const [first, second] = sharing.entries as [never, never];
    expect([sharing.serves(first, 'b.example.com'), sharing.serves(second, 'b.example.com')])
      .toEqual([true, false]);
  });

  test('names with a policy for clients are another\'s, wildcard or not', () => {
    const clientCertificates = { ca: CLIENTS.cert };
    const guarded = setOf(WILD, { ...EXACT, clientCertificates });
    const [open, closed] = guarded.entries as [never, never];
    expect(guarded.serves(open, 'www.example.com')).toBe(false);
    expect(guarded.serves(closed, 'www.example.com')).toBe(true);
    expect(guarded.serves(closed, 'api.example.com')).toBe(false);
  });
});

describe('E14 loading anew', () => {
  async function files() {
    const folder = await temporaryDirectory();
    const cert = join(folder, 'cert.pem');
    const key = join(folder, 'key.pem');
    const put = (leaf: { cert: string; key: string }): void => {
      writeFileSync(cert, leaf.cert);
      writeFileSync(key, leaf.key);
    };
    put(EXACT);
    return { cert, key, put, contexts: contextsOf({ cert: { file: cert }, key: { file: key } }) };
  }

  test('takes what is there; who holds the set of before is not touched', async () => {
    const { contexts, put } = await files();
    const before = contexts.current;
    put(ORG);
    contexts.current = contexts.load();
    expect(contexts.current.first.names).toEqual(['example.org', 'shop.example.org']);
    expect(before.first.names).toEqual(['www.example.com']);
  });

  const damages: [string, (at: { cert: string; key: string }) => void, string][] = [
    ['a file without PEM', ({ cert }) => writeFileSync(cert, ''), 'cert is no certificate in PEM'],
    ['a certificate of another key', ({ cert }) => writeFileSync(cert, ORG.cert), 'is not the key'],
    ['half a key', ({ key }) => writeFileSync(key, EXACT.key.slice(0, 80)), 'is no private key'],
  ];

  test.each(damages)('%s is refused, and the old one stays', async (_, damage, message) => {
    const { contexts, ...at } = await files();
    const before = contexts.current;
    damage(at);
    expect(() => contexts.load()).toThrow(message);
    expect(contexts.current).toBe(before);
  });

  test('knows which files, and none of what is in memory', async () => {
    const { contexts, cert, key } = await files();
    expect(contexts.files).toEqual([cert, key]);
    const file = join(await temporaryDirectory(), 'ca.pem');
    writeFileSync(file, CLIENTS.cert);
    const more = contextsOf(
      { ...EXACT, cert: Buffer.from(EXACT.cert) }, { ...ORG, clientCertificates: { ca: { file } } },
    );
    expect(more.files).toEqual([file]);
    expect([contexts.asksClients, more.asksClients]).toEqual([false, true]);
  });
});

describe('asksAt: where clients must show a certificate', () => {
  test.each([
    ['org first', [{ ...ORG, clientCertificates: { ca: CLIENTS.cert } }, EXACT],
      [true, false, true]],
    ['org second', [EXACT, { ...ORG, clientCertificates: { ca: CLIENTS.cert } }],
      [true, false, false]],
    ['asked for, not required',
      [{ ...ORG, clientCertificates: { ca: CLIENTS.cert, mode: 'request' as const } }, EXACT],
      [false, false, false]],
  ])('%s', (_, certificates, expected) => {
    const set = setOf(...certificates);
    expect(['example.org:443', 'www.example.com', 'unknown.example'].map((one) => set.asksAt(one)))
      .toEqual(expected);
  });
});

describe('what cannot be together', () => {
  test('a certificate whose names others have before it', () => {
    expect(() => setOf(WILD, EXACT, ORG, leafFor('example.org')))
      .toThrow('tls.certificates[3] never answers: those before it have its names');
  });

  test('one without a DNS name that is not the first: no server name leads to it', () => {
    expect(() => setOf(EXACT, leafFor('127.0.0.1')))
      .toThrow('tls.certificates[1] never answers: it has no DNS name');
    expect(setOf(leafFor('127.0.0.1'), EXACT).entries).toHaveLength(2);
  });

  test('keys of two kinds: Node would show the first to clients of the other', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const other = issueLeaf(AUTHORITY, { names: ['rsa.example.org'], privateKey });
    expect(() => setOf(EXACT, other))
      .toThrow('tls.certificates[1] has a key of another kind (rsa) than the first (ec)');
    expect(setOf(other).first.names).toEqual(['rsa.example.org']);
  });

  test('a policy for clients, and clear text that goes round it', () => {
    const guarded = { ...EXACT, clientCertificates: { ca: CLIENTS.cert } };
    expect(() => new TlsContexts({ certificates: guarded, clearText: 'serve' }))
      .toThrow('would go round clientCertificates');
    const clientCertificates = { ca: CLIENTS.cert, mode: 'request' as const };
    const asked = { ...EXACT, clientCertificates };
    expect(() => new TlsContexts({ certificates: asked, clearText: 'serve' })).not.toThrow();
  });

  test('an authority that is not plain has no certificate (RFC 3986 §6.2.2.2)', () => {
    const set = setOf(WILD);
    expect(set.serves(set.first, '%73ecret.example.com')).toBe(false);
  });
});

describe('what cannot be', () => {
  const certificates = EXACT;
  const mistakes: [string, unknown, string][] = [
    ['no object', 'cert.pem', 'tls is an object, such as { certificates: { cert, key } }'],
    ['its certificate beside', { cert: '', key: '' }, 'tls has its certificate in certificates'],
    ['a guard misspelt', { certificates: { ...EXACT, clientCertificate: {} } },
      'tls.certificates[0] knows no clientCertificate; it knows cert, key'],
    ['Node\'s own words', { certificates: { ...EXACT, requestCert: true } }, 'no requestCert'],
    ['a policy misspelt',
      { certificates: { ...EXACT, clientCertificates: { ca: CLIENTS.cert, modes: 'request' } } },
      'tls.certificates[0].clientCertificates knows no modes; it knows ca, mode'],
    ['names as text', { certificates: { ...EXACT, names: 'a.test' } }, 'names are names such as'],
    ['a name with a port', { certificates: { ...EXACT, names: ['a.test:443'] } }, 'are names'],
    ['a wildcard alone', { certificates: { ...EXACT, names: ['*'] } }, 'names are names such as'],
    ['a ticket key of text', { certificates: EXACT, ticketKey: 'x'.repeat(48) }, '48 random'],
    ['a policy of nothing', { certificates: { ...EXACT, clientCertificates: null } },
      'tls.certificates[0].clientCertificates is { ca, mode }'],
    ['nothing to watch', { certificates: EXACT, watch: true },
      'tls.watch has nothing to watch: give cert and key as { file: path }'],
    ['watch as a word', { certificates: EXACT, watch: 'yes' }, 'tls.watch is true or false'],
    ['null', null, 'tls is an object'],
    ['an unknown name', { certificates, ciphers: 'ALL' }, 'tls knows no ciphers; it knows'],
    ['no certificates', {}, 'tls.certificates is { cert, key }, or several of them'],
    ['none of them', { certificates: [] }, 'tls.certificates is { cert, key }'],
    ['a null among them', { certificates: [null] }, 'tls.certificates is { cert, key }'],
    ['text among them', { certificates: [EXACT.cert] }, 'tls.certificates is { cert, key }'],
    ['an old version', { certificates, minVersion: 'TLSv1.1' },
      'tls.minVersion is TLSv1.2 or TLSv1.3, not "TLSv1.1"'],
    ['a word for unknown names', { certificates, unknownNames: 'drop' },
      'tls.unknownNames is default or refuse, not "drop"'],
    ['a word for clear text', { certificates, clearText: true },
      'tls.clearText is redirect or serve or refuse, not true'],
    ['a short ticket key', { certificates, ticketKey: new Uint8Array(47) },
      'tls.ticketKey has 48 random octets'],
    ['a long ticket key', { certificates, ticketKey: new Uint8Array(49) }, 'has 48 random octets'],
    ['no ticket key', { certificates, ticketKey: null }, 'has 48 random octets'],
  ];

  test.each(mistakes)('%s', (_, options, message) => {
    expect(() => new TlsContexts(options as TlsOptions)).toThrow(message);
  });

  test('each choice that can be is taken', async () => {
    const file = pathToFileURL(join(await temporaryDirectory(), 'key.pem'));
    writeFileSync(file, EXACT.key);
    for (const minVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const clearText of ['redirect', 'serve', 'refuse'] as const) {
        const ticketKey = new Uint8Array(48);
        const one = { ...EXACT, key: { file } };
        const options = { certificates: one, minVersion, clearText, ticketKey, watch: true };
        const made = new TlsContexts(options);
        expect([made.options, made.files]).toEqual([options, [file]]);
        expect(made.options).toBe(options);
      }
    }
  });

  test('a bad certificate is told by its place', () => {
    expect(() => contextsOf(EXACT, { cert: ORG.cert, key: EXACT.key }))
      .toThrow('tls.certificates[1].key is not the key of tls.certificates[1].cert');
  });
});
