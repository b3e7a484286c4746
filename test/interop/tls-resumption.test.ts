/**
 * Sessions that are resumed (RFC 8446 §2.2, RFC 5077): by openssl and by Node's client, with keys
 * that change and keys that are shared, and never as a way around a policy for clients.
 */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CertificateOptions, Server } from '../../src/index.ts';
import { describeWith, run } from '../support/process.ts';
import { eventually, temporaryDirectory } from '../support/sockets.ts';
import {
  GET_AND_CLOSE, OPENSSL, ask, file, leaf, sClient, secured, seenIn, serveTls, type Seen,
} from '../support/tls-peers.ts';

const NAMED = ['-servername', 'localhost'];
const VERSIONS = [['TLSv1.2', '-tls1_2'], ['TLSv1.3', '-tls1_3']] as const;

describeWith('openssl s_client', 'openssl', OPENSSL !== undefined, () => {
  test('TLS 1.2, -reconnect: five sessions are resumed', async () => {
    const server = await serveTls();
    const { sessions } = await sClient(server.port, '-tls1_2', '-reconnect', ...NAMED);
    expect(sessions).toEqual(['New TLSv1.2', ...Array<string>(5).fill('Reused TLSv1.2')]);
    await eventually(() => server.counters.secured === 6, 'all six were counted');
    expect(server.counters.resumed).toBe(5);
  });

  test.each(VERSIONS)('%s: out, then in', async (version, flag) => {
    const { port } = await serveTls();
    const kept = file(`session-${version}`, '');
    const first = await sClient(port, flag, ...NAMED, '-sess_out', kept);
    const second = await sClient(port, flag, ...NAMED, '-sess_in', kept);
    expect([first.sessions[0], first.seen?.resumed]).toEqual([`New ${version}`, false]);
    expect([second.sessions[0], second.seen?.resumed]).toEqual([`Reused ${version}`, true]);
  });

  test.each(VERSIONS)('%s: after setTicketKey an old ticket is a full handshake, the new one ' +
    'resumes', async (version, flag) => {
    const server = await serveTls();
    const [old, fresh] = [file(`old-${version}`, ''), file(`fresh-${version}`, '')];
    await sClient(server.port, flag, ...NAMED, '-sess_out', old);
    server.setTicketKey();
    const full = await sClient(server.port, flag, ...NAMED, '-sess_in', old, '-sess_out', fresh);
    const short = await sClient(server.port, flag, ...NAMED, '-sess_in', fresh);
    expect([full.sessions[0], full.seen?.resumed, full.code]).toEqual([`New ${version}`, false, 0]);
    expect([short.sessions[0], short.seen?.resumed]).toEqual([`Reused ${version}`, true]);
    expect(server.counters.lost).toEqual({});
  });

  test('a ticket is good for twelve hours (RFC 9325 §3.4)', async () => {
    const { port } = await serveTls();
    for (const [, flag] of VERSIONS) {
      const { stdout } = await sClient(port, flag);
      const hints = [...stdout.matchAll(/lifetime hint: (\d+)/g)].map(([, seconds]) => seconds);
      expect(new Set(hints)).toEqual(new Set(['43200']));
    }
  });

  test('a ticket that was tampered with, or is another\'s, is a full handshake', async () => {
    const [one, other] = [await serveTls(), await serveTls()];
    const kept = file('another', '');
    await sClient(one.port, '-tls1_2', ...NAMED, '-sess_out', kept);
    const { sessions, seen } = await sClient(other.port, '-tls1_2', ...NAMED, '-sess_in', kept);
    expect([sessions[0], seen?.resumed]).toEqual(['New TLSv1.2', false]);
  });
});

/** A session that Node's client was given, once a request was answered. */
async function session(
  port: number, version: 'TLSv1.2' | 'TLSv1.3', servername = 'localhost',
): Promise<Buffer> {
  const { client, session: given } = await secured(port, {
    servername, minVersion: version, maxVersion: version,
  });
  await client.send(GET_AND_CLOSE.replace('localhost', servername)).sawEnd();
  return given;
}

/** What a server saw of a client that came back with a session. */
function resume(
  { port }: Server, kept: Buffer, maxVersion: 'TLSv1.2' | 'TLSv1.3',
): Promise<Seen> {
  return ask(port, { session: kept, maxVersion });
}

describe.each(VERSIONS)('%s: RFC 5077 §4 the key of tickets', (version) => {
  test('two servers with the same key resume each other\'s sessions', async () => {
    const ticketKey = randomBytes(48);
    const servers = await Promise.all([1, 2].map(() => serveTls({ tls: { ticketKey } })));
    const [one, other] = servers as [Server, Server];
    expect(await resume(other, await session(one.port, version), version))
      .toMatchObject({ tls: version, resumed: true });
    expect(await resume(one, await session(other.port, version), version))
      .toMatchObject({ tls: version, resumed: true });
  });

  test('and so after both were given another', async () => {
    const servers = await Promise.all([1, 2].map(() => serveTls()));
    const [one, other] = servers as [Server, Server];
    const key = randomBytes(48);
    for (const server of servers) server.setTicketKey(key);
    const kept = await session(one.port, version);
    expect((await resume(other, kept, version)).resumed).toBe(true);
  });

  test('certificates that are loaded anew leave it as it is', async () => {
    const certificates = { cert: { file: '' }, key: { file: '' } };
    const { cert, key } = leaf('localhost');
    certificates.cert.file = file(`cert-${version}`, cert);
    certificates.key.file = file(`key-${version}`, key);
    const ticketKey = randomBytes(48);
    const server = await serveTls({ certificates, tls: { ticketKey } });
    const other = await serveTls({ tls: { ticketKey } });
    const before = await session(server.port, version);
    server.reloadCertificates();
    expect((await resume(server, before, version)).resumed).toBe(true);
    const after = await session(server.port, version);
    expect((await resume(other, after, version)).resumed).toBe(true);
  });

  test('a key set while handshakes go on breaks none', async () => {
    const server = await serveTls();
    let kept = await session(server.port, version);
    for (let round = 0; round < 10; round++) {
      const asked = Array.from({ length: 4 }, () => resume(server, kept, version));
      server.setTicketKey();
      expect((await Promise.all(asked)).map(({ tls }) => tls)).toEqual(Array(4).fill(version));
      kept = await session(server.port, version);
    }
    expect(server.counters.lost).toEqual({});
  });

  test('on a Unix socket too', async () => {
    const path = `${await temporaryDirectory()}/socket`;
    await serveTls({ target: { path } });
    const onPath = { path, minVersion: version, maxVersion: version } as const;
    const { client, session: given } = await secured(0, onPath);
    await client.send(GET_AND_CLOSE).sawEnd();
    const kept = await given;
    expect((await ask(0, { ...onPath, session: kept })).resumed).toBe(true);
  });
});

describe.each(VERSIONS)('%s: sessions and names (RFC 6066 §3)', (version) => {
  const certificates = [leaf('localhost'), leaf('a.test')];

  /** The status of a request for a host on a resumed session. */
  async function status(
    port: number, kept: Buffer, servername: string, host: string,
  ): Promise<[resumed: boolean, status: number | undefined]> {
    const options = { servername, session: kept, maxVersion: version };
    const { client, socket } = await secured(port, options);
    const [answer] = await client.send(GET_AND_CLOSE.replace('localhost', host)).answered(1);
    return [socket.isSessionReused(), answer?.status];
  }

  test('a session of the second name is resumed, and serves that name', async () => {
    const { port } = await serveTls({ certificates });
    const kept = await session(port, version, 'a.test');
    expect(await status(port, kept, 'a.test', 'a.test')).toEqual([true, 200]);
  });

  test('it does not serve a name of no certificate', async () => {
    const { port } = await serveTls({ certificates });
    const kept = await session(port, version, 'a.test');
    expect(await status(port, kept, 'a.test', 'evil.example')).toEqual([true, 421]);
  });

  test('a ticket is no way to a name that is refused', async () => {
    const server = await serveTls({ certificates, tls: { unknownNames: 'refuse' } });
    const kept = await session(server.port, version, 'a.test');
    // In TLS 1.2 the name of a resumed session is the session's own: nothing else is served.
    const asked = status(server.port, kept, 'unknown.test', 'unknown.test').catch(() => 'refused');
    expect(['refused', [true, 421]]).toContainEqual(await asked);
    if (version === 'TLSv1.3') expect(server.counters.lost).toEqual({ 'no name': 1 });
  });
});

describeWith('E8 client certificates', 'openssl', OPENSSL !== undefined, () => {
  let authority: string;
  let client: { readonly cert: string; readonly key: string };

  // The development authority is for servers alone.
  beforeAll(async () => {
    const key = file('client-key.pem', '');
    authority = file('client-authority.pem', '');
    const { code, stderr } = await run(OPENSSL as string, [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
      '-subj', '/CN=client', '-days', '2', '-keyout', key, '-out', authority,
    ]);
    expect([code, stderr]).toEqual([0, expect.anything()]);
    client = { cert: authority, key };
  });

  function guarded(): Promise<Server> {
    const open: CertificateOptions = leaf('a.test');
    const closed: CertificateOptions = {
      ...leaf('b.test'), clientCertificates: { ca: { file: authority } },
    };
    return serveTls({ certificates: [open, closed] });
  }

  /** What a server saw of a request for the host that was named in the handshake. */
  async function seen(
    port: number, flag: string, name: string, ...words: readonly string[]
  ): Promise<Seen | undefined> {
    const always = [
      's_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', flag, '-servername', name,
    ];
    const request = GET_AND_CLOSE.replace('localhost', name);
    return seenIn((await run(OPENSSL as string, [...always, ...words], request)).stdout);
  }

  const shown = (): string[] => ['-cert', client.cert, '-key', client.key];

  test.each(VERSIONS)('%s: shown, it is served; not shown, it is not', async (version, flag) => {
    const server = await guarded();
    expect(await seen(server.port, flag, 'b.test', ...shown()))
      .toMatchObject({ tls: version, serverName: 'b.test' });
    expect(await seen(server.port, flag, 'a.test')).toMatchObject({ serverName: 'a.test' });
    expect(await seen(server.port, flag, 'b.test')).toBeUndefined();
    await eventually(() => server.counters.lost['no certificate'] === 1, 'it was counted');
  });

  test.each(VERSIONS)('%s: no session of the open name opens the guarded one', async (_, flag) => {
    const server = await guarded();
    const kept = file(`open${flag}`, '');
    await seen(server.port, flag, 'a.test', '-sess_out', kept);
    expect(await seen(server.port, flag, 'b.test', '-sess_in', kept)).toBeUndefined();
    // Nor by asking the open name for the guarded host: 421 tells nothing that the handler would.
    expect(server.counters.resumed).toBe(0);
  });

  test.each(VERSIONS)('%s: no session of who showed one serves who does not', async (_, flag) => {
    const server = await guarded();
    const kept = file(`shown${flag}`, '');
    await seen(server.port, flag, 'b.test', ...shown(), '-sess_out', kept);
    expect(await seen(server.port, flag, 'b.test', '-sess_in', kept)).toBeUndefined();
    expect(server.counters).toMatchObject({ resumed: 0, secured: 1 });
  });

  test('the open name is no door to the guarded host: 421', async () => {
    const { port } = await guarded();
    const { client: on } = await secured(port, { servername: 'a.test' });
    const [answer] = await on.send(GET_AND_CLOSE.replace('localhost', 'b.test')).answered(1);
    expect(answer?.status).toBe(421);
  });
});
