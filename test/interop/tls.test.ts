/**
 * One port, every peer: curl, openssl, nghttp, wrk and Node's own clients, over TLS and in clear
 * text, HTTP/1.1 and HTTP/2. What was agreed is read from the server's own records.
 */
import { connect as connectHttp2 } from 'node:http2';
import { get as getHttps } from 'node:https';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RequestRecord, Server } from '../../src/index.ts';
import { describeWith, findProgram, run } from '../support/process.ts';
import { connected, eventually } from '../support/sockets.ts';
import { ask as askHttp2 } from '../support/http2-sockets.ts';
import {
  CA, CA_FILE, GET_AND_CLOSE, HOST, OPENSSL, ask, leaf, sClient, secured, seenIn, serveTls, tell,
  type Seen,
} from '../support/tls-peers.ts';

const CURL = findProgram('curl');
const CURL_HAS_HTTP2 = CURL !== undefined &&
  / HTTP2\b/.test((await run(CURL, ['--version'])).stdout);
const NGHTTP = findProgram('nghttp');
const WRK = findProgram('wrk');

/** curl as a person runs it; what the server saw. */
async function curl(url: string, ...words: readonly string[]): Promise<Seen | undefined> {
  const always = ['-sS', '--max-time', '20', '--noproxy', '*', '--cacert', CA_FILE];
  const end = await run(CURL as string, [...always, ...words, url]);
  expect([end.code, end.stderr]).toEqual([0, '']);
  return seenIn(end.stdout);
}

describeWith('curl', 'curl with HTTP/2', CURL_HAS_HTTP2, () => {
  const secureH2 = { version: '2', tls: 'TLSv1.3', alpn: 'h2' };
  const secure1 = { version: '1.1', tls: 'TLSv1.3', alpn: 'http/1.1' };
  const clear = (version: string): object => ({ version, tls: '', alpn: '' });

  test('every way on one port, at once', async () => {
    const { port } = await serveTls();
    const ways: readonly (readonly [string, readonly string[], object])[] = [
      ['https', [], secureH2],
      ['https', ['--http2'], secureH2],
      ['https', ['--http2-prior-knowledge'], secureH2],
      ['https', ['--http1.1'], secure1],
      ['https', ['--http1.1', '--no-alpn'], { ...secure1, alpn: '' }],
      ['https', ['--tls-max', '1.2', '--http2'], { ...secureH2, tls: 'TLSv1.2' }],
      ['http', [], clear('1.1')],
      ['http', ['--http1.0'], clear('1.0')],
      ['http', ['--http2-prior-knowledge'], clear('2')],
      // h2c by Upgrade is not spoken: the answer is that of HTTP/1.1 (RFC 9113 §3.1).
      ['http', ['--http2'], clear('1.1')],
    ];
    const seen = await Promise.all(
      ways.map(([scheme, words]) => curl(`${scheme}://localhost:${port}/`, '-4', ...words)),
    );
    expect(seen).toMatchObject(ways.map(([, , expected]) => expected));
  });

  test.each([['--http1.1'], ['--http2']])('%s: 3 MB up over TLS', async (version) => {
    const server = await serveTls({ limits: { collectedBytes: 4_000_000 } });
    const url = `https://localhost:${server.port}/`;
    const words = ['-sS', '-4', '--max-time', '20', '--noproxy', '*', '--cacert', CA_FILE, version];
    const content = Buffer.alloc(3_000_000, 'octets');
    const end = await run(CURL as string, [...words, '--data-binary', '@-', url], content);
    expect(seenIn(end.stdout)?.bytes).toBe(3_000_000);
  });

  test('without the authority curl will not have the certificate', async () => {
    const { port } = await serveTls();
    const words = ['-sS', '-4', '--noproxy', '*', `https://localhost:${port}/`];
    expect((await run(CURL as string, words)).code).toBe(60);
  });

  test('clear text is sent to https, and found there (RFC 9110 §15.4.9)', async () => {
    const { port } = await serveTls({ tls: { clearText: 'redirect' } });
    const seen = await curl(`http://localhost:${port}/a?b`, '-4', '-L');
    expect(seen).toMatchObject(secureH2);
  });
});

describeWith('openssl s_client', 'openssl', OPENSSL !== undefined, () => {
  test.each([
    ['-tls1_2', 'TLSv1.2'], ['-tls1_3', 'TLSv1.3'],
  ])('%s: spoken, and without ALPN HTTP/1.1 (RFC 9113 §3.2)', async (flag, version) => {
    const { port } = await serveTls();
    const { sessions, seen } = await sClient(port, flag, '-servername', 'localhost');
    expect(sessions[0]).toBe(`New ${version}`);
    expect(seen).toMatchObject({ version: '1.1', tls: version, alpn: '', serverName: 'localhost' });
  });

  test.each([
    ['-tls1'], ['-tls1_1'],
  ])('%s: refused by protocol_version, 70 (RFC 8996 §4, §5)', async (flag) => {
    const server = await serveTls();
    // Without this, openssl itself would not say such a hello.
    const { alert, seen } = await sClient(server.port, flag, '-cipher', 'ALL:@SECLEVEL=0');
    expect([alert, seen]).toEqual([70, undefined]);
    await eventually(() => server.counters.lost['no version or suite'] === 1, 'it was counted');
  });

  test('TLS 1.3 alone, where so configured', async () => {
    const { port } = await serveTls({ tls: { minVersion: 'TLSv1.3' } });
    expect((await sClient(port, '-tls1_2')).alert).toBe(70);
    expect((await sClient(port, '-tls1_3')).seen?.tls).toBe('TLSv1.3');
  });

  test.each([
    ['AES128-SHA'], ['AES128-GCM-SHA256'], ['ECDHE-ECDSA-AES128-SHA'],
    ['DHE-RSA-AES128-GCM-SHA256'], ['ECDHE-ECDSA-AES256-CCM'], ['ECDHE-ECDSA-AES128-SHA256'],
  ])('suite %s: refused by handshake_failure, 40 (RFC 9325 §4.2)', async (suite) => {
    const server = await serveTls();
    const words = ['-tls1_2', '-cipher', `${suite}:@SECLEVEL=0`];
    const { alert, seen } = await sClient(server.port, ...words);
    expect([alert, seen]).toEqual([40, undefined]);
    await eventually(() => server.counters.lost['no version or suite'] === 1, 'it was counted');
  });

  test.each([
    ['ECDHE-ECDSA-AES128-GCM-SHA256'], ['ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['ECDHE-ECDSA-CHACHA20-POLY1305'],
  ])('suite %s: spoken (RFC 9325 §4.2)', async (suite) => {
    const { port } = await serveTls();
    const { seen, stdout } = await sClient(port, '-tls1_2', '-cipher', suite);
    expect(seen?.tls).toBe('TLSv1.2');
    expect(stdout).toContain(`Cipher is ${suite}`);
  });

  test.each([
    ['h2', 'h2'], ['http/1.1', 'http/1.1'], ['http/1.1,h2', 'h2'], ['foo,h2', 'h2'],
    ['ftp,http/1.1', 'http/1.1'],
  ])('ALPN %s: %s (RFC 7301 §3.2)', async (offered, chosen) => {
    const { port } = await serveTls();
    const { alpn, alert } = await sClient(port, '-alpn', offered);
    expect([alpn, alert]).toEqual([chosen, 0]);
  });

  test.each([
    ['foo'], ['ftp'], ['http/1.0'], ['h2c'], ['H2'], ['http/1.1 '],
  ])('ALPN %j: no_application_protocol, 120 (RFC 7301 §3.2)', async (offered) => {
    const server = await serveTls();
    for (const version of ['-tls1_2', '-tls1_3']) {
      const { alpn, alert, seen } = await sClient(server.port, version, '-alpn', offered);
      expect([alpn, alert, seen]).toEqual(['', 120, undefined]);
    }
    await eventually(() => server.counters.lost['no protocol'] === 2, 'both were counted');
  });

  test('no early data is offered: what could be replayed is not there (RFC 8470)', async () => {
    const { port } = await serveTls();
    const { stdout } = await sClient(port, '-tls1_3');
    const most = [...stdout.matchAll(/Max Early Data: (\d+)/g)].map(([, bytes]) => bytes);
    expect(new Set(most)).toEqual(new Set(['0']));
  });

  test('no compression of TLS (RFC 9325 §3.3)', async () => {
    const { port } = await serveTls();
    const { stdout } = await sClient(port, '-tls1_2', '-comp');
    expect(stdout).toContain('Compression: NONE');
  });
});

describeWith('nghttp', 'nghttp', NGHTTP !== undefined, () => {
  test('HTTP/2 over TLS, frame by frame', async () => {
    const { port } = await serveTls();
    const { stdout } = await run(NGHTTP as string, ['-v', `https://localhost:${port}/`]);
    expect(stdout).toContain('The negotiated protocol: h2');
    expect(seenIn(stdout)).toMatchObject({ version: '2', alpn: 'h2' });
    expect(stdout).toMatch(/send GOAWAY frame .*\n.*\n? *\(.*error_code=NO_ERROR/);
  });

  test('beside it, in clear text', async () => {
    const { port } = await serveTls();
    const { stdout } = await run(NGHTTP as string, [`http://${HOST}:${port}/`]);
    expect(seenIn(stdout)).toMatchObject({ version: '2', tls: '' });
  });
});

describeWith('wrk', 'wrk', WRK !== undefined, () => {
  test('both schemes at the same time: no error, nothing left', async () => {
    const server = await serveTls();
    const ends = await Promise.all(['http', 'https'].map((scheme) =>
      run(WRK as string, ['-t1', '-c8', '-d1s', `${scheme}://${HOST}:${server.port}/`])));
    for (const { code, stdout } of ends) {
      expect(code).toBe(0);
      expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
      expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(100);
    }
    await eventually(() => server.counters.connections === 0, 'all connections are gone');
    expect(server.counters).toMatchObject({ secured: 8, arriving: 0, heldBytes: 0, refused: 0 });
  });
});

describe('Node\'s own clients', () => {
  test('node:https', async () => {
    const { port } = await serveTls();
    const text = await new Promise<string>((resolve, reject) => {
      const options = { ca: CA, host: HOST, port, servername: 'localhost', agent: false as const };
      getHttps(options, (response) => {
        let came = '';
        response.setEncoding('utf8').on('data', (piece: string) => came += piece);
        response.on('end', () => resolve(came));
      }).on('error', reject);
    });
    expect(seenIn(text)).toMatchObject({ version: '1.1', tls: 'TLSv1.3' });
  });

  test('node:http2, a hundred requests on one connection', async () => {
    const server = await serveTls();
    const records: RequestRecord[] = [];
    server.on('request', (record) => records.push(record));
    const session = connectHttp2(`https://${HOST}:${server.port}`, { ca: CA });
    onTestFinished(() => void session.destroy());
    const replies = await Promise.all(Array.from({ length: 100 }, () => askHttp2(session)));
    expect(replies.every(({ body }) => seenIn(body)?.alpn === 'h2')).toBe(true);
    expect(server.counters).toMatchObject({ connections: 1, secured: 1, resumed: 0 });
    expect(new Set(records.map(({ version, status }) => `${version} ${status}`)))
      .toEqual(new Set(['2 200']));
  });

  test('TLS and both versions in clear text on one port, at once', async () => {
    const server = await serveTls();
    const plain = await connected(server.port);
    const [one, two] = await Promise.all([
      ask(server.port, { ALPNProtocols: ['http/1.1'] }),
      ask(server.port, { maxVersion: 'TLSv1.2' }),
      plain.send(GET_AND_CLOSE).sawEnd(),
    ]);
    expect([one.tls, two.tls, seenIn(plain.text)?.tls]).toEqual(['TLSv1.3', 'TLSv1.2', '']);
    expect(server.counters).toMatchObject({ secured: 2, lost: {} });
  });
});

/** Two certificates, of which the first also answers whoever asks for none. */
const FIRST = leaf('localhost', HOST);
const SECOND = leaf('a.test', '*.b.test');

async function two(unknownNames: 'default' | 'refuse' = 'default'): Promise<Server> {
  return serveTls({ certificates: [FIRST, SECOND], tls: { unknownNames } });
}

/** Which certificate a client was shown for a server name. */
async function shown(port: number, servername: string | undefined): Promise<string> {
  const options = servername === undefined ? { servername: '' } : { servername };
  const { socket } = await secured(port, options);
  const pem = socket.getPeerX509Certificate()?.toString();
  return pem?.trim() === FIRST.cert.trim() ? 'first'
    : pem?.trim() === SECOND.cert.trim() ? 'second' : 'another';
}

describe('RFC 6066 §3 the server name', () => {
  test.each([
    ['a.test', 'second'], ['A.TEST', 'second'], ['a.test.', 'second'], ['A.Test.', 'second'],
    ['x.b.test', 'second'], ['X.B.tEsT.', 'second'],
    ['localhost', 'first'], [undefined, 'first'], ['unknown.test', 'first'],
    ['b.test', 'first'], ['y.x.b.test', 'first'], ['*.b.test', 'second'], ['a.test..', 'first'],
    [`${'x'.repeat(63)}.b.test`, 'second'], ['__proto__', 'first'], ['constructor', 'first'],
  ])('%s: the %s certificate', async (name, which) => {
    const { port } = await two();
    expect(await shown(port, name)).toBe(which);
  });

  test.each([
    ['unknown.test'], ['b.test'], ['y.x.b.test'], ['__proto__'],
  ])('%s: no handshake, where unknown names are refused', async (name) => {
    const server = await two('refuse');
    await expect(shown(server.port, name)).rejects.toThrow();
    await eventually(() => server.counters.lost['no name'] === 1, 'it was counted');
    expect(await shown(server.port, 'a.test')).toBe('second');
    expect(await shown(server.port, undefined)).toBe('first');
  });

  describeWith('an address for a name', 'openssl', OPENSSL !== undefined, () => {
    test('is no name, and gets the first certificate', async () => {
      const { port } = await two();
      const { seen, code } = await sClient(port, '-servername', HOST);
      expect([seen?.serverName, code]).toEqual([HOST, 0]);
    });
  });
});

describe('RFC 9110 §7.4 misdirected requests', () => {
  test.each([
    ['a.test', 'a.test', 200], ['a.test', 'A.TEST:8443', 200], ['a.test', 'a.test.', 200],
    ['a.test', 'x.b.test', 200], ['a.test', 'localhost', 421], ['a.test', 'evil.example', 421],
    ['a.test', HOST, 421], ['localhost', 'localhost', 200], ['localhost', `${HOST}:1`, 200],
    ['localhost', 'a.test', 421], ['', 'localhost', 200], ['', 'a.test', 421],
    ['unknown.test', 'unknown.test', 421],
  ])('name %j, Host %s: %i', async (servername, host, status) => {
    const { port } = await two();
    const one = await secured(port, { servername });
    const text = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const [answer] = await one.client.send(text).answered(1);
    expect(answer?.status).toBe(status);
    const session = connectHttp2(`https://${HOST}:${port}`, { ca: CA, servername,
      checkServerIdentity: () => undefined });
    onTestFinished(() => void session.destroy());
    expect((await askHttp2(session, { ':path': '/', ':authority': host })).status).toBe(status);
  });

  test('after 421 the connection goes on (§15.5.20)', async () => {
    const { port } = await two();
    const { client } = await secured(port);
    const wrong = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
    const found = await client.send(wrong).send(GET_AND_CLOSE).answered(2);
    expect(found.map(({ status }) => status)).toEqual([421, 200]);
  });

  test('the handler is not called', async () => {
    let calls = 0;
    const { port } = await serveTls({
      handler: (request) => {
        calls++;
        return tell(request);
      },
    });
    const { client } = await secured(port);
    await client.send('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n').answered(1);
    expect(calls).toBe(0);
  });
});
