/** TLS as a program sees it: one port, what requests know, what is counted, who is let in. */
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  HttpResponse, createServer, type Handler, type HttpRequest, type ListenTarget,
  type RequestRecord, type Server, type ServerOptions, type TlsOptions,
} from '../../src/index.ts';
import { DAY, issueLeaf } from '../../src/tls/certificate.ts';
import { AUTHORITY, CLIENT, CLIENTS, STRANGER, leafFor } from '../support/certificates.ts';
import { ask, ping } from '../support/http2-sockets.ts';
import { Client, connected, eventually, serve, temporaryDirectory } from '../support/sockets.ts';
import { beginTls, failureOf, secured } from '../support/tls-client.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const watchFile = (file: string, options: object, listener: () => void) =>
    fs.watchFile(file, { ...options, interval: 10 }, listener);
  return { ...fs, watchFile };
});

const COM = leafFor('example.com', '*.example.com', 'localhost');
const ORG = leafFor('example.org');
const BOTH: TlsOptions = { certificates: [COM, ORG], clearText: 'serve' };
const LOOPBACK = { host: '127.0.0.1' };
const hello: Handler = () => new HttpResponse(200, {}, 'hello');

function get(host: string, more = ''): string {
  return `GET / HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
}

/** The status of one answer on a connection. */
async function statusOf(client: Client, octets: string): Promise<number | undefined> {
  client.forget();
  const [answer] = await client.send(octets).answered(1);
  return answer?.status;
}

async function session(port: number, servername: string): Promise<ClientHttp2Session> {
  const made = connectHttp2(`https://127.0.0.1:${port}`, {
    ca: AUTHORITY.cert, servername, checkServerIdentity: () => undefined,
  });
  onTestFinished(() => void made.destroy());
  await once(made, 'connect');
  return made;
}

/** A server that keeps its requests. */
async function keeping(options: ServerOptions = {}, target = {}) {
  const requests: HttpRequest[] = [];
  const server = await serve((request) => {
    requests.push(request);
    return new HttpResponse(200, {}, 'hello');
  }, options, { ...LOOPBACK, ...target });
  return { server, requests };
}

describe('one port', () => {
  test('serves TLS and clear text, HTTP/1.1 and HTTP/2', async () => {
    const { server, requests } = await keeping({ tls: BOTH });
    expect(await statusOf(await connected(server.port), get('example.com'))).toBe(200);
    expect(await statusOf(await secured(server.port), get('example.com'))).toBe(200);
    const on = await session(server.port, 'example.org');
    expect(await ask(on, { ':path': '/', ':authority': 'example.org' }))
      .toMatchObject({ status: 200, body: 'hello' });
    expect(requests.map(({ version, scheme, peer }) => [version, scheme, peer.secure]))
      .toEqual([['1.1', 'http', false], ['1.1', 'https', true], ['2', 'https', true]]);
    expect(requests[2]?.peer.tls).toMatchObject({
      version: 'TLSv1.3', alpn: 'h2', serverName: 'example.org', resumed: false,
      clientCertificate: undefined,
    });
  });

  const policies: [TlsOptions['clearText'], string, number][] = [
    [undefined, 'https', 308], ['redirect', 'https', 308], ['serve', 'http', 200],
    ['refuse', 'https', 400],
  ];

  test.each(policies)('%j: the url is %s, clear text %j', async (clearText, scheme, status) => {
    const tls = { certificates: COM, ...(clearText && { clearText }) };
    const server = await serve(hello, { tls });
    expect(server.url).toBe(`${scheme}://127.0.0.1:${server.port}`);
    expect(await statusOf(await connected(server.port), get('example.com'))).toBe(status);
    expect(await statusOf(await secured(server.port), get('example.com'))).toBe(200);
  });

  test('a client that closes its side still gets its answer (RFC 9112 §9.6)', async () => {
    const server = await serve(async (request) => {
      await new Promise<void>((resolve) => { setImmediate(resolve); });
      return new HttpResponse(200, {}, request.path);
    }, { tls: BOTH });
    const client = await secured(server.port);
    client.tls.end(get('example.com'));
    expect(await client.answered(1)).toMatchObject([{ status: 200, body: '/' }]);
    await client.sawEnd();
  });

  test('on a Unix socket too', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    await serve(hello, { tls: BOTH }, { path });
    expect(await statusOf(await secured(path), get('example.com'))).toBe(200);
    expect(await statusOf(await connected(path), get('example.com'))).toBe(200);
  });
});

describe('E6 421 by the certificate (RFC 9110 §15.5.20)', () => {
  const asked: [string | undefined, string, number][] = [
    ['example.com', 'example.com', 200],
    ['example.com', 'EXAMPLE.com.:443', 200],
    ['example.com', 'www.example.com', 200],
    ['example.com', 'localhost', 200],
    ['example.com', 'example.org', 421],
    ['example.org', 'example.com', 421],
    ['example.com', 'evil.test', 421],
    ['example.com', '1.2.3', 421],
    [undefined, 'example.com', 200],
    [undefined, 'example.org', 421],
  ];

  test.each(asked)('SNI %j, Host %j: %j', async (servername, host, status) => {
    const server = await serve(hello, { tls: BOTH });
    server.on('error', ({ error }) => { throw error; });
    const client = await secured(server.port, servername === undefined ? {} : { servername });
    expect(await statusOf(client, get(host))).toBe(status);
  });

  test('on HTTP/2, where names share connections: this one lives (RFC 9113 §9.1.1)', async () => {
    const server = await serve(hello, { tls: BOTH });
    const on = await session(server.port, 'example.com');
    const statuses: number[] = [];
    for (const authority of ['www.example.com', 'example.org', 'example.com']) {
      statuses.push((await ask(on, { ':path': '/', ':authority': authority })).status);
    }
    expect(statuses).toEqual([200, 421, 200]);
  });
});

describe('E8 clients with certificates (RFC 8446 §4.3.2)', () => {
  const tls: TlsOptions = {
    certificates: [COM, { ...ORG, clientCertificates: { ca: CLIENTS.cert } }],
  };

  test('a request knows whose it is', async () => {
    const { server, requests } = await keeping({ tls });
    const client = await secured(server.port, { servername: 'example.org', ...CLIENT });
    expect(await statusOf(client, get('example.org'))).toBe(200);
    expect(requests[0]?.peer.tls?.clientCertificate).toMatchObject({
      authorized: true, subjectAltName: 'DNS:client.example.com',
    });
  });

  test.each([['none', undefined], ['another\'s', STRANGER]] as const)(
    '%s: closed before a request is looked at', async (_, shown) => {
      const { server, requests } = await keeping({ tls });
      const client = await secured(server.port, { servername: 'example.org', ...shown });
      await client.send(get('example.org')).sawEnd();
      expect([client.text, requests, server.counters.lost])
        .toEqual(['', [], { 'no certificate': 1 }]);
    });

  test('nobody gets to it under another name, nor without one', async () => {
    const { server, requests } = await keeping({ tls });
    for (const options of [{ servername: 'example.com' }, {}]) {
      const client = await secured(server.port, options);
      expect(await statusOf(client, get('example.org'))).toBe(421);
    }
    expect(requests).toEqual([]);
  });
});

describe('counters', () => {
  test('arriving, secured, resumed', async () => {
    const server = await serve(hello, { tls: BOTH });
    const silent = await connected(server.port);
    await eventually(() => server.counters.arriving === 1, 'it arrives');
    const first = await secured(server.port);
    const sessionKept = await first.session;
    expect(await statusOf(first, get('example.com'))).toBe(200);
    const again = await secured(server.port, { session: sessionKept });
    expect(await statusOf(again, get('example.com'))).toBe(200);
    expect(server.counters).toMatchObject({
      arriving: 1, connections: 2, accepted: 3, secured: 2, resumed: 1, lost: {},
    });
    silent.socket.destroy();
    await eventually(() => server.counters.arriving === 0, 'it has gone');
    expect(server.counters.lost).toEqual({});
  });

  test('lost, by reason; and the program is told of each', async () => {
    const server = await serve(hello, { tls: { ...BOTH, unknownNames: 'refuse' } });
    const refused: object[] = [];
    server.on('refused', (event) => refused.push(event));
    await failureOf(server.port, { ALPNProtocols: ['foo'] });
    await failureOf(server.port, { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' });
    await failureOf(server.port, { servername: 'unknown.test' });
    for (let i = 0; i < 2; i++) {
      await (await connected(server.port)).send('\x16oops, no record').sawEnd();
    }
    const lost = { 'no protocol': 1, 'no version or suite': 1, 'no name': 1, 'broken': 2 };
    await eventually(() => refused.length === 5, 'all are told');
    expect(server.counters).toMatchObject({ lost, connections: 0, arriving: 0 });
    expect(refused[2]).toEqual({
      address: '127.0.0.1', status: 0, detail: 'no name: no certificate has the server name',
    });
    (server.counters.lost as Record<string, number>)['broken'] = 9;
    expect(server.counters.lost).toEqual(lost);
  });
});

describe('caps', () => {
  test('connections: silent ones make room, also for a handshake', async () => {
    const server = await serve(hello, { tls: BOTH, limits: { connections: 2 } });
    const silent = [await connected(server.port), await connected(server.port)];
    await eventually(() => server.counters.arriving === 2, 'both arrive');
    expect(await statusOf(await secured(server.port), get('example.com'))).toBe(200);
    await silent[0]?.sawEnd();
    expect(server.counters).toMatchObject({ arriving: 1, connections: 1, evicted: 1, refused: 0 });
  });

  test('connectionsPerAddress: a handshake that fails gives its place back', async () => {
    const server = await serve(hello, { tls: BOTH, limits: { connectionsPerAddress: 1 } });
    for (let i = 0; i < 3; i++) {
      await failureOf(server.port, { ALPNProtocols: ['foo'] });
      await eventually(() => server.counters.lost['no protocol'] === i + 1, 'it is lost');
    }
    const client = await secured(server.port);
    expect(await statusOf(client, get('example.com'))).toBe(200);
    await (await connected(server.port)).sawEnd();
    expect(server.counters.refused).toBe(1);
    client.tls.end();
    await eventually(() => server.counters.connections === 0, 'it has gone');
    expect(await statusOf(await secured(server.port), get('example.com'))).toBe(200);
  });

  test('connectionsPerAddress behind a proxy: by the address that it tells', async () => {
    const { server, requests } = await keeping(
      { limits: { connectionsPerAddress: 1 } }, { proxyProtocol: ['loopback'] },
    );
    const from = async (address: string) => (await connected(server.port))
      .send(`PROXY TCP4 ${address} 203.0.113.7 1 443\r\n${get('a')}`);
    const first = await from('192.0.2.1');
    await first.answered(1);
    await (await from('192.0.2.2')).answered(1);
    await (await from('192.0.2.1')).sawEnd();
    expect(server.counters).toMatchObject({ connections: 2, refused: 1 });
    first.socket.destroy();
    await eventually(() => server.counters.connections === 1, 'the first has gone');
    await (await from('192.0.2.1')).answered(1);
    expect(requests.map(({ peer }) => peer.address))
      .toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.1']);
  });

  test('heldBytes: 503 on HTTP/1.1; on HTTP/2 the stream is refused, no more', async () => {
    let isFull = true;
    const server = await serve(async (request) => {
      await eventually(() => !isFull, 'there is room');
      return new HttpResponse(200, {}, await request.body.text());
    }, { tls: BOTH, limits: { heldBytes: 100 } });
    const on = await session(server.port, 'example.com');
    const holder = await connected(server.port);
    holder.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n${'x'.repeat(100)}`);
    await eventually(() => server.counters.heldBytes === 100, 'it holds what it may');
    holder.send('x');
    await eventually(() => server.counters.heldBytes > 100, 'it holds too much');
    const [answer] = await (await secured(server.port)).send(get('example.com')).answered(1);
    expect([answer?.status, answer?.fields.get('retry-after')]).toEqual([503, '1']);
    const path = { ':path': '/', ':authority': 'example.com' };
    // REFUSED_STREAM: may be tried again as it is (RFC 9113 §8.7).
    await expect(ask(on, path)).rejects.toThrow('REFUSED_STREAM');
    await ping(on);
    isFull = false;
    await holder.answered(1);
    expect(server.counters.heldBytes).toBe(0);
    expect((await ask(on, path)).status).toBe(200);
  });
});

describe('E15 who asks', () => {
  const proxies: [ServerOptions['trustedProxies'], string, string][] = [
    [['loopback'], 'for=198.51.100.7', '198.51.100.7'],
    [{ addresses: ['loopback'], write: 'forwarded' }, 'for=198.51.100.7', '198.51.100.7'],
    [{ addresses: ['loopback'], write: 'x-forwarded' }, 'for=198.51.100.7', '127.0.0.1'],
    [['192.0.2.0/24'], 'for=198.51.100.7', '127.0.0.1'],
    [undefined, 'for=198.51.100.7', '127.0.0.1'],
  ];

  test.each(proxies)('%j, %s: %s, in the log too', async (trusted, value, address) => {
    const { server, requests } = await keeping(trusted && { trustedProxies: trusted });
    const records: RequestRecord[] = [];
    server.on('request', (record) => records.push(record));
    await statusOf(await connected(server.port), get('a', `Forwarded: ${value}\r\n`));
    expect([requests[0]?.client.address, records[0]?.address]).toEqual([address, address]);
    expect(requests[0]?.peer.address).toBe('127.0.0.1');
  });

  const told: [string[], TlsOptions['clearText'], string, number][] = [
    [['loopback'], 'redirect', 'https', 200],
    [['loopback'], 'redirect', 'http', 308],
    [['192.0.2.0/24'], 'redirect', 'https', 308],
    [['loopback'], 'refuse', 'https', 400],
  ];

  test.each(told)('%j, %s: clear text of a client that came by %s, %i (RFC 7239 §5.4)', async (
    trustedProxies, clearText, proto, status,
  ) => {
    const { server, requests } = await keeping({
      tls: { certificates: COM, ...(clearText && { clearText }) }, trustedProxies,
    });
    const client = await connected(server.port);
    expect(await statusOf(client, get('example.com', `Forwarded: proto=${proto}\r\n`)))
      .toBe(status);
    expect(requests).toHaveLength(status === 200 ? 1 : 0);
  });

  test('a proxy that writes what nobody knows is refused', () => {
    const trustedProxies = { addresses: ['loopback'], write: 'via' as never };
    expect(() => createServer(hello, { trustedProxies }))
      .toThrow('trustedProxies.write is \'forwarded\' or \'x-forwarded\'');
  });

  test('a list that is none is refused when the server is made, or told to listen', async () => {
    const nowhere = ['nowhere'];
    expect(() => createServer(hello, { trustedProxies: nowhere })).toThrow('trust list: "nowhere"');
    const server = createServer(hello);
    await expect(server.listen({ ...LOOPBACK, proxyProtocol: nowhere })).rejects
      .toThrow('trust list: "nowhere"');
    expect(server.url).toBe('');
  });

  const HTTPS = 'X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n';

  test.each([
    [['unix'], '198.51.100.7', 'https'], [['loopback', '0.0.0.0/0'], '', undefined],
  ])('by a Unix socket, where %j are trusted: %j', async (trustedProxies, address, scheme) => {
    const path = join(await temporaryDirectory(), 'socket');
    const { requests } = await keeping({ trustedProxies }, { path });
    await statusOf(await connected(path), get('a', HTTPS));
    expect(requests[0]?.peer.address).toBe('');
    expect(requests[0]?.client).toMatchObject({ address, scheme });
  });

  test('unix trusts nobody who comes by a port', async () => {
    const { server, requests } = await keeping({ trustedProxies: ['unix'] });
    await statusOf(await connected(server.port), get('a', HTTPS));
    expect(requests[0]?.client).toMatchObject({ address: '127.0.0.1', scheme: undefined });
  });

  test('PROXY by a Unix socket, from unix', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    const { requests } = await keeping({}, { path, proxyProtocol: ['unix'] });
    const header = 'PROXY TCP4 192.0.2.43 203.0.113.7 56324 443\r\n';
    expect(await statusOf(await connected(path), header + get('a'))).toBe(200);
    expect(requests[0]?.peer).toMatchObject({ address: '192.0.2.43', port: 56324 });
  });

  test.each<[ListenTarget, string]>([
    [{ proxyProtocol: [] }, '[] would refuse every connection; name who may send it, or leave it'],
    [{ path: '/nowhere/socket', proxyProtocol: ['loopback'] }, "name them 'unix'"],
    [{ proxyProtocol: ['unix'] }, "'unix' is for a path; name addresses"],
    [{ proxyProtocol: '' as never }, 'a trust list is an array'],
    [{ proxyProtocol: null as never }, 'a trust list is an array'],
  ])('listen(%j), who could never come', async (target, message) => {
    await expect(createServer(hello).listen({ ...LOOPBACK, ...target })).rejects
      .toThrow(expect.objectContaining({
        name: 'TypeError', message: expect.stringContaining(message) as string,
      }));
  });

  test.each([
    ['1', 'PROXY TCP4 192.0.2.43 203.0.113.7 56324 443\r\n', {}],
    ['2', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', {}],
    ['1 beside TLS', 'PROXY UNKNOWN\r\n', { tls: BOTH }],
  ])('PROXY %s where none is asked for: 400, with what to do', async (_, header, options) => {
    const { server, requests } = await keeping(options);
    const told: string[] = [];
    server.on('refused', ({ detail }) => told.push(detail));
    expect(await statusOf(await connected(server.port), header + get('a'))).toBe(400);
    expect(told).toEqual([expect.stringContaining('name the proxy in listen({ proxyProtocol })')]);
    expect(requests).toEqual([]);
  });

  test('PROXY, then TLS: the ends are those that it tells', async () => {
    const { server, requests } = await keeping({ tls: BOTH }, { proxyProtocol: ['loopback'] });
    const { socket } = await connected(server.port);
    socket.write('PROXY TCP6 2001:db8::1 2001:db8::2 1234 443\r\n');
    const client = beginTls(socket);
    client.tls.write(get('example.com'));
    await eventually(() => requests.length === 1, 'it is asked');
    expect(requests[0]?.peer).toMatchObject({
      address: '2001:db8::1', port: 1234, localAddress: '2001:db8::2', localPort: 443, secure: true,
    });
  });
});

describe('listening', () => {
  test('a second call is refused, and lets nobody past the proxy', async () => {
    const { server, requests } = await keeping({ tls: BOTH }, { proxyProtocol: ['loopback'] });
    await expect(server.listen(LOOPBACK)).rejects.toThrow('listens already');
    const client = await connected(server.port);
    await client.send(get('example.com')).sawEnd();
    expect([client.text, requests, server.counters.lost]).toEqual(['', [], { 'proxy header': 1 }]);
  });

  test('after one that failed, the next is as it says', async () => {
    const taken = await serve(hello);
    const server = createServer(hello);
    onTestFinished(() => server.close({ timeoutMs: 0 }));
    const first = { ...LOOPBACK, port: taken.port, proxyProtocol: ['loopback'] };
    await expect(server.listen(first)).rejects.toThrow('is in use');
    await server.listen(LOOPBACK);
    expect(await statusOf(await connected(server.port), get('a'))).toBe(200);
  });
});

describe('E14 certificates and keys while it runs', () => {
  /** A server on files, what puts others in their place, and what spoils them. */
  async function onFiles(
    more: Partial<TlsOptions> = {},
  ): Promise<[Server, () => void, () => void, (leaf: typeof COM) => void]> {
    const folder = await temporaryDirectory();
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const put = (leaf: typeof COM): void => {
      writeFileSync(cert, leaf.cert);
      writeFileSync(key, leaf.key);
    };
    put(COM);
    const certificates = { cert: { file: pathToFileURL(cert) }, key: { file: key } };
    const server = await serve(hello, { tls: { certificates, ...more } });
    return [server, () => put(ORG), () => writeFileSync(cert, ''), put];
  }

  test('reloadCertificates: connections in flight are not touched', async () => {
    const [server, change, spoil] = await onFiles();
    const before = await secured(server.port);
    expect(await statusOf(before, get('example.com'))).toBe(200);
    change();
    server.reloadCertificates();
    expect((await secured(server.port)).shown).toBe('DNS:example.org');
    spoil();
    expect(() => server.reloadCertificates()).toThrow('cert is no certificate in PEM');
    expect((await secured(server.port)).shown).toBe('DNS:example.org');
    expect(await statusOf(before, get('example.com'))).toBe(200);
  });

  test('one that has ended is refused at the start and on reload alike', async () => {
    const [server, , , put] = await onFiles();
    const ended = issueLeaf(AUTHORITY, { names: ['example.com'], now: Date.now() - 400 * DAY });
    put(ended);
    const message = 'tls.certificates[0].cert has ended on ';
    expect(() => server.reloadCertificates()).toThrow(message);
    expect(() => createServer(hello, { tls: { certificates: ended } })).toThrow(message);
    expect((await secured(server.port)).shown).toContain('DNS:*.example.com');
  });

  test('watch: loaded when they change, told where they are bad, until it has closed', async () => {
    const [server, change, spoil] = await onFiles({ watch: true });
    const errors: unknown[] = [];
    server.on('error', ({ error, request }) => errors.push([(error as Error).message, request]));
    await eventually(() => {
      if (errors.length === 0) spoil();
      return errors.length > 0;
    }, 'the bad file is told');
    expect(errors[0]).toEqual(['tls.certificates[0].cert is no certificate in PEM', undefined]);
    await vi.waitFor(async () => {
      change();
      expect((await secured(server.port)).shown).toBe('DNS:example.org');
    }, { timeout: 15_000, interval: 50 });
    await server.close({ timeoutMs: 0 });
  });

  test('setTicketKey: tickets of the last one are void', async () => {
    const server = await serve(hello, { tls: BOTH });
    const kept = await (await secured(server.port)).session;
    server.setTicketKey();
    const client = await secured(server.port, { session: kept });
    expect([await statusOf(client, get('example.com')), server.counters.resumed]).toEqual([200, 0]);
    expect(() => server.setTicketKey(new Uint8Array(47))).toThrow('48');
  });

  test('without tls, or before it listens, there is nothing to change', async () => {
    const without = await serve(hello);
    const cases = [
      [without, 'this server has no tls'],
      [createServer(hello, { tls: BOTH }), 'this server does not listen yet'],
    ] as const;
    for (const [server, message] of cases) {
      expect(() => server.reloadCertificates()).toThrow(message);
      expect(() => server.setTicketKey()).toThrow(message);
    }
  });
});
