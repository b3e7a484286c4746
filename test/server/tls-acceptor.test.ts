/** Handshakes on sockets that others accepted: what is agreed, what is refused, what is resumed. */
import { X509Certificate, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { TlsOptions } from '../../src/tls/options.ts';
import { CLIENT, CLIENTS, STRANGER, leafFor } from '../support/certificates.ts';
import { Client, connected, eventually, temporaryDirectory } from '../support/sockets.ts';
import { acceptances, type Acceptances } from '../support/tls-acceptances.ts';
import { beginTls, failureOf, secured } from '../support/tls-client.ts';

// Files are looked at often here: a test does not wait for seconds.
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const watchFile = (file: string, options: object, listener: () => void) =>
    fs.watchFile(file, { ...options, interval: 10 }, listener);
  return { ...fs, watchFile };
});

const COM = leafFor('example.com', '*.example.com', '127.0.0.1');
const ORG = leafFor('example.org');
const BOTH: TlsOptions = { certificates: [COM, ORG] };

describe('E5 ALPN (RFC 7301 §3.2)', () => {
  const offers: [string[] | undefined, string][] = [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [['h2'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [['foo', 'http/1.1'], 'http/1.1'],
    [undefined, ''],
  ];

  test.each(offers)('%j: %j', async (ALPNProtocols, alpn) => {
    const { place, outcome } = await acceptances(BOTH);
    await secured(place, ALPNProtocols && { ALPNProtocols });
    expect((await outcome()).facts?.alpn).toBe(alpn);
  });

  test.each([[['foo']], [['ftp', 'imap']], [['h2c']], [['H2']]])(
    '%j: no_application_protocol', async (ALPNProtocols) => {
      const { place, outcome } = await acceptances(BOTH);
      expect(await failureOf(place, { ALPNProtocols }))
        .toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
      expect(await outcome()).toMatchObject({ arrival: 0, reason: 'no protocol' });
    });
});

describe('E4 versions and suites (RFC 8996, RFC 9325 §4.2)', () => {
  const agreed: [ConnectionOptions, string, string][] = [
    [{}, 'TLSv1.3', 'TLS_AES_'],
    [{ maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_AES_'],
    [{ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' },
      'TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'],
  ];

  test.each(agreed)('%j: %s, %s', async (options, version, cipher) => {
    const { place, outcome } = await acceptances(BOTH);
    await secured(place, options);
    const { facts } = await outcome();
    expect(facts).toMatchObject({ version, cipher: expect.stringContaining(cipher) as string });
  });

  const OLD = 'DEFAULT@SECLEVEL=0';
  const refused: [string, TlsOptions, ConnectionOptions][] = [
    ['TLS 1.0', BOTH, { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: OLD }],
    ['TLS 1.1', BOTH, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: OLD }],
    ['TLS 1.2 where 1.3 is asked for', { ...BOTH, minVersion: 'TLSv1.3' },
      { maxVersion: 'TLSv1.2' }],
    ['a suite without forward secrecy', BOTH,
      { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
    ['a suite without AEAD', BOTH,
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }],
  ];

  test.each(refused)('%s: no handshake', async (_, options, clientOptions) => {
    const { place, outcome } = await acceptances(options);
    expect(await failureOf(place, clientOptions)).toMatch(/ALERT/);
    expect(await outcome()).toMatchObject({ reason: 'no version or suite' });
  });
});

describe('E7 server names (RFC 6066 §3)', () => {
  const names: [string | undefined, string][] = [
    ['example.org', 'DNS:example.org'],
    ['EXAMPLE.ORG', 'DNS:example.org'],
    ['example.org.', 'DNS:example.org'],
    ['a.example.com', 'DNS:example.com'],
    ['unknown.test', 'DNS:example.com'],
    [undefined, 'DNS:example.com'],
  ];

  test.each(names)('%j: the certificate of %s', async (servername, expected) => {
    const { place, outcome } = await acceptances(BOTH);
    const client = await secured(place, servername === undefined ? {} : { servername });
    expect(client.shown?.split(', ')[0]).toBe(expected);
    expect((await outcome()).facts?.serverName).toBe(servername ?? '');
  });

  test('unknown ones, where they are refused: no handshake', async () => {
    const { place, outcome, outcomes } = await acceptances({ ...BOTH, unknownNames: 'refuse' });
    expect(await failureOf(place, { servername: 'unknown.test' })).not.toBe('');
    expect(await outcome())
      .toMatchObject({ reason: 'no name', detail: 'no certificate has the server name' });
    await secured(place);
    await secured(place, { servername: 'example.org' });
    await outcome(3);
    expect(outcomes.slice(1).map(({ facts }) => facts?.serverName)).toEqual(['', 'example.org']);
  });

  test('unknown ones are refused also to who resumes without being asked for', async () => {
    const { place, outcome } = await acceptances({ ...BOTH, unknownNames: 'refuse' });
    const { session } = await secured(place);
    await failureOf(place, { servername: 'unknown.test', session: await session });
    expect(await outcome(2)).toMatchObject({ reason: 'no name' });
  });

  test('E6 decide what the connection may be asked for (RFC 9110 §7.4)', async () => {
    const { acceptor, place, outcome } = await acceptances(BOTH);
    await secured(place, { servername: 'example.org' });
    const { facts } = await outcome();
    const asked = ['example.org', 'example.com', 'unknown.test'];
    expect(asked.map((authority) => facts?.serves(authority))).toEqual([true, false, false]);
    expect(asked.map((authority) => acceptor.serves(authority))).toEqual([true, true, false]);
  });
});

describe('E8 certificates of clients (RFC 8446 §4.3.2)', () => {
  const ca = CLIENTS.cert;
  const options: TlsOptions = {
    certificates: [
      COM, { ...ORG, clientCertificates: { ca } },
      { ...leafFor('ask.example.org'), clientCertificates: { ca, mode: 'request' } },
    ],
  };
  const shown: [string, string, typeof CLIENT | undefined, boolean | undefined][] = [
    ['example.org', 'a good one', CLIENT, true],
    ['ask.example.org', 'a good one', CLIENT, true],
    ['ask.example.org', 'another\'s', STRANGER, false],
    ['ask.example.org', 'none', undefined, undefined],
    // Not asked for by this name's policy, so not told.
    ['example.com', 'a good one', CLIENT, undefined],
    ['example.com', 'none', undefined, undefined],
  ];

  test.each(shown)('%s, %s: known as authorized %#', async (servername, _, client, authorized) => {
    const { place, outcome } = await acceptances(options);
    await secured(place, { servername, ...client });
    const { facts } = await outcome();
    expect(facts?.clientCertificate?.authorized).toBe(authorized);
    if (authorized === undefined) return;
    expect(facts?.clientCertificate).toMatchObject({
      subjectAltName: 'DNS:client.example.com', subject: expect.any(String) as string,
      fingerprint256: expect.stringMatching(/^([0-9A-F]{2}:){31}/) as string,
    });
    expect(facts?.clientCertificate?.raw.length).toBeGreaterThan(100);
    // What a log would have of it.
    const logged = JSON.stringify(facts);
    expect(logged).toContain('"subjectAltName":"DNS:client.example.com"');
    expect(logged.length).toBeLessThan(1000);
  });

  test.each([['none', undefined], ['another\'s', STRANGER], ['a server\'s', COM]] as const)(
    'where one is required, %s: closed', async (_, client) => {
      const { place, outcome } = await acceptances(options);
      const raw = (await connected(place)).socket;
      const begun = beginTls(raw, { servername: 'example.org', ...client });
      begun.tls.on('error', () => {});
      await begun.sawEnd();
      expect(await outcome()).toMatchObject({
        reason: 'no certificate', detail: expect.stringContaining('certificate: ') as string,
      });
      expect(begun.text).toBe('');
    });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('no session is resumed, %s', async (maxVersion) => {
    const { place, outcome } = await acceptances(options);
    const first = await secured(place, { servername: 'example.com', maxVersion });
    const { socket } = await outcome();
    socket?.write('x');
    await first.saw('x');
    const session = first.tls.getSession();
    if (session === undefined) throw new Error('no session to try with');
    await secured(place, { servername: 'example.com', maxVersion, session });
    expect((await outcome(2)).facts?.resumed).toBe(false);
  });
});

/** Whether a second handshake resumes what a first one began, with something done in between. */
async function resumes(
  between: () => void, first: Acceptances, second: Acceptances = first,
  options: ConnectionOptions = { servername: 'example.org' },
): Promise<boolean | undefined> {
  const count = second.outcomes.length + (first === second ? 2 : 1);
  const client = await secured(first.place, options);
  const session = await client.session;
  between();
  await secured(second.place, { ...options, session });
  return (await second.outcome(count)).facts?.resumed;
}

describe('E9 session tickets (RFC 8446 §4.6.1, RFC 5077 §4)', () => {
  const nothing = (): void => {};

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s: a session is resumed', async (maxVersion) => {
    const made = await acceptances(BOTH);
    const options = { servername: 'example.org', maxVersion };
    expect(await resumes(nothing, made, made, options)).toBe(true);
    // OpenSSL forgets the name of a session of TLS 1.2, but not what it may be asked for.
    const [, second] = made.outcomes;
    expect(second?.facts?.serverName).toBe(maxVersion === 'TLSv1.2' ? '' : 'example.org');
    expect(second?.facts?.serves('example.org')).toBe(true);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s: with another key, a whole handshake, and no error', async (maxVersion) => {
      const made = await acceptances(BOTH);
      const rotate = (): void => made.acceptor.setTicketKey();
      const options = { servername: 'example.org', maxVersion };
      expect(await resumes(rotate, made, made, options)).toBe(false);
      expect(await resumes(nothing, made, made, options)).toBe(true);
    });

  test('the key changes of itself after 12 hours, not before (RFC 9325 §3.4)', async () => {
    const made = await acceptances(BOTH);
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const hours = (count: number) => () => void vi.setSystemTime(Date.now() + count * 3600_000);
    expect(await resumes(hours(11.9), made)).toBe(true);
    expect(await resumes(hours(0.1), made)).toBe(false);
    expect(await resumes(hours(11.9), made)).toBe(true);
  });

  test('a key that was handed in is for whoever did so to change', async () => {
    const ticketKey = randomBytes(48);
    const made = await acceptances({ ...BOTH, ticketKey });
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    expect(await resumes(() => void vi.setSystemTime(Date.now() + 48 * 3600_000), made)).toBe(true);
  });

  test('several servers share one', async () => {
    const ticketKey = randomBytes(48);
    const [one, other] = [
      await acceptances({ ...BOTH, ticketKey }), await acceptances({ ...BOTH, ticketKey }),
    ];
    expect(await resumes(nothing, one, other)).toBe(true);
    const next = randomBytes(48);
    for (const { acceptor } of [one, other]) acceptor.setTicketKey(next);
    expect(await resumes(nothing, one, other)).toBe(true);
    expect(await resumes(nothing, one, await acceptances(BOTH))).toBe(false);
  });

  test('loading certificates anew does not make tickets void', async () => {
    const made = await acceptances(BOTH);
    expect(await resumes(() => made.acceptor.reload(), made)).toBe(true);
  });
});

/** Changes a file until it is seen: how it was before is read some time after watching began. */
function repeating(change: () => void, isSeen: () => boolean, what: string): Promise<void> {
  return eventually(() => {
    if (isSeen()) return true;
    change();
    return false;
  }, what);
}

describe('E14 loading anew', () => {
  async function onFiles() {
    const folder = await temporaryDirectory();
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const put = (leaf: typeof COM): void => {
      writeFileSync(cert, leaf.cert);
      writeFileSync(key, leaf.key);
    };
    put(COM);
    const made = await acceptances({ certificates: { cert: { file: cert }, key: { file: key } } });
    return { ...made, put, cert };
  }

  test.each([undefined, 'example.org'])('serves the new one, asked for %j', async (servername) => {
    const { acceptor, place, outcome, put } = await onFiles();
    const options = servername === undefined ? {} : { servername };
    expect((await secured(place, options)).shown).toContain('DNS:example.com');
    put(ORG);
    acceptor.reload();
    expect((await secured(place, options)).shown).toBe('DNS:example.org');
    // Who came before may still be asked for what it came for.
    const { facts } = await outcome();
    expect([facts?.serves('example.com'), facts?.serves('example.org')]).toEqual([true, false]);
  });

  test('a bad file throws, and the old one is served on', async () => {
    const { acceptor, place, cert } = await onFiles();
    writeFileSync(cert, 'nothing');
    expect(() => acceptor.reload()).toThrow('cert is no certificate in PEM');
    expect((await secured(place)).shown).toContain('DNS:example.com');
  });

  test.each([
    ['on its last second is taken', 0, true], ['a second later is not', 1000, false],
  ])('a certificate %s (RFC 5280 §4.1.2.5)', async (_, later, isTaken) => {
    const { acceptor, contexts, place, put } = await onFiles();
    const first = contexts.current;
    put(ORG);
    const { validTo } = new X509Certificate(ORG.cert);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(validTo) + later });
    onTestFinished(() => void vi.useRealTimers());
    if (isTaken) acceptor.reload();
    else expect(() => acceptor.reload()).toThrow(`certificates[0].cert has ended on ${validTo}`);
    expect(contexts.current !== first).toBe(isTaken);
    const shown = isTaken ? 'DNS:example.org' : 'DNS:example.com';
    expect((await secured(place)).shown?.split(', ')[0]).toBe(shown);
  });

  test('files that are watched: bad ones are told, good ones loaded, until the end', async () => {
    const { acceptor, contexts, put, cert } = await onFiles();
    const failures: unknown[] = [];
    const first = contexts.current;
    acceptor.watch((error) => failures.push(error));
    onTestFinished(() => acceptor.unwatch());
    const spoil = (): void => writeFileSync(cert, 'nothing');
    await repeating(spoil, () => failures.length > 0, 'the bad file is told');
    expect(contexts.current).toBe(first);
    await repeating(() => put(ORG), () => contexts.current !== first, 'the new files are loaded');
    expect(contexts.current.first.names).toEqual(['example.org']);
  });

  test('one server\'s end does not blind another that has the same files', async () => {
    const { acceptor, contexts, put } = await onFiles();
    const again = await acceptances(contexts.options);
    for (const each of [acceptor, again.acceptor]) each.watch(() => {});
    onTestFinished(() => again.acceptor.unwatch());
    acceptor.unwatch();
    const [first, second] = [contexts.current, again.contexts.current];
    const isLoaded = (): boolean => again.contexts.current !== second;
    await repeating(() => put(ORG), isLoaded, 'the other has loaded');
    expect(contexts.current).toBe(first);
  });
});

describe('handshakes that come to nothing', () => {
  const octets: [string, string][] = [
    ['no record at all', '\x16GET / HTTP/1.1\r\n\r\n'],
    ['an unknown message', '\x16\x03\x01\x00\x05\xff\x00\x00\x01\x00'],
    ['a ServerHello', '\x16\x03\x03\x00\x04\x02\x00\x00\x00'],
    ['a record of 64 KiB', `\x16\x03\x01\xff\xff${'\0'.repeat(100)}`],
  ];

  test.each(octets)('E13 %s: broken, and closed', async (_, sent) => {
    const { place, outcome } = await acceptances(BOTH);
    const client = await connected(place);
    await client.send(sent).sawEnd();
    expect(await outcome()).toMatchObject({ arrival: 0, reason: 'broken' });
  });

  const departures: [string, (client: Client) => void][] = [
    ['a FIN', ({ socket }) => void socket.end()],
    ['a reset', ({ socket }) => void socket.resetAndDestroy()],
  ];

  test.each(departures)('%s in the middle: nothing is left of its socket', async (_, go) => {
    const made = await acceptances(BOTH);
    const client = await connected(made.place);
    client.send('\x16\x03\x01\x02\x00\x01');
    await eventually(() => (made.sockets[0]?.bytesRead ?? 0) > 0, 'it has begun');
    go(client);
    await eventually(() => made.sockets[0]?.destroyed === true, 'it has gone');
    expect(made.outcomes.filter(({ reason }) => reason !== undefined)).toEqual([]);
    await secured(made.place);
    await eventually(() => made.outcomes.some(({ facts }) => facts), 'another is served');
  });
});

describe('which socket a handshake is of', () => {
  test('many at once are told apart', async () => {
    const { place, outcome, outcomes, sockets } = await acceptances(BOTH);
    const ports = (await Promise.all(Array.from({ length: 20 }, () => secured(place))))
      .map(({ tls }) => tls.localPort);
    await outcome(20);
    const told = outcomes.map(({ arrival }) => sockets[arrival]?.remotePort);
    expect(outcomes.map(({ socket }) => socket?.remotePort)).toEqual(told);
    expect(told.sort()).toEqual(ports.sort());
  });

  test('also where a peer uses one port of its own for two addresses of ours', async () => {
    const { place, outcome, outcomes, sockets, alsoOn } = await acceptances(BOTH);
    await alsoOn('127.0.0.2');
    const first = connect({ port: place as number, host: '127.0.0.1', localAddress: '127.0.0.1' });
    await once(first, 'connect');
    const second = connect({
      port: place as number, host: '127.0.0.2', localAddress: '127.0.0.1',
      localPort: first.localPort as number,
    });
    await once(second, 'connect');
    await eventually(() => sockets.length === 2, 'both came');
    // The second handshake begins and ends within the first.
    for (const socket of [second, first]) await once(beginTls(socket).tls, 'secureConnect');
    await outcome(2);
    expect(outcomes.map(({ arrival, socket }) => [arrival, socket?.localAddress]))
      .toEqual([[1, '127.0.0.2'], [0, '127.0.0.1']]);
  });

  test('on Unix sockets, which have no addresses; sessions are resumed there too', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    const made = await acceptances(BOTH, path);
    const clients = await Promise.all([1, 2, 3].map(() => secured(path)));
    await made.outcome(3);
    expect(made.outcomes.map(({ arrival }) => arrival).sort()).toEqual([0, 1, 2]);
    expect(clients.map(({ shown }) => shown?.includes('example.com'))).toEqual([true, true, true]);
    expect(await resumes(() => {}, made)).toBe(true);
    const broken = await Client.connect(path);
    await broken.send('\x16oops').sawEnd();
    expect(await made.outcome(6)).toMatchObject({ arrival: 5, reason: 'broken' });
  });
});
