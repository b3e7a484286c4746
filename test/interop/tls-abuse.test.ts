/**
 * TLS by peers that mean harm or fail: renegotiation, floods of KeyUpdate, content cut off without
 * close_notify, clear text where TLS is due and the reverse (rows E2, E3, E12, E13).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HttpResponse, type Handler } from '../../src/index.ts';
import { END_HEADERS } from '../../src/http2/frame.ts';
import { GREETING, data, headers, join } from '../support/http2.ts';
import { describeWith } from '../support/process.ts';
import { connected, eventually, serve } from '../support/sockets.ts';
import {
  CA, CA_FILE, GET, GET_AND_CLOSE, HOST, OPENSSL, ask, secured, seenIn, serveTls, tell,
} from '../support/tls-peers.ts';

/** `openssl s_client` that takes commands, one letter a line. */
class Commanded {
  out = '';
  ended = false;
  #said = (): void => {};
  readonly #process;
  readonly end: Promise<unknown>;

  constructor(port: number, flag: string) {
    const words = ['s_client', '-connect', `${HOST}:${port}`, '-CAfile', CA_FILE, flag];
    this.#process = spawn(OPENSSL as string, words);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('latin1').on('data', (text: string) => {
        this.out += text;
        this.#said();
      });
    }
    this.#process.stdin.on('error', () => {});
    this.end = once(this.#process, 'close').then(() => {
      this.ended = true;
      this.#said();
    });
    onTestFinished(async () => {
      this.#process.kill('SIGKILL');
      await this.end;
    });
  }

  /** Resolves when the handshake is over. */
  async ready(): Promise<this> {
    await eventually(() => this.ended || this.out.includes('Verify return code'), 'it is ready');
    return this;
  }

  command(letter: string): void {
    this.#process.stdin.write(`${letter}\n`);
  }

  /** Sends a command, each when the last was echoed, until it is over or so often; how often. */
  async flood(letter: string, echo: string, most: number): Promise<number> {
    for (let sent = 1; sent <= most; sent++) {
      this.out = '';
      this.command(letter);
      while (!this.ended && !this.out.includes(echo)) {
        await new Promise<void>((resolve) => { this.#said = resolve; });
      }
      if (this.ended) return sent;
    }
    return most;
  }
}

describeWith('openssl s_client with commands', 'openssl', OPENSSL !== undefined, () => {
  test('E2 renegotiation is refused (RFC 9325 §3.5, RFC 9113 §9.2.1)', async () => {
    const server = await serveTls();
    const peer = await new Commanded(server.port, '-tls1_2').ready();
    peer.command('R');
    await peer.end;
    expect(peer.out).toMatch(/RENEGOTIATING[^]*no renegotiation/);
    expect((await ask(server.port)).tls).toBe('TLSv1.3');
    await eventually(() => server.counters.connections === 0, 'it is gone');
  });

  test('E3 KeyUpdate is no progress: the deadline stands, and others are served', async () => {
    const server = await serveTls({ limits: { firstOctetMs: 1500, headMs: 1500, idleMs: 1500 } });
    const peer = await new Commanded(server.port, '-tls1_3').ready();
    let answered = 0;
    const canary = (async () => {
      while (!peer.ended) {
        expect((await ask(server.port)).tls).toBe('TLSv1.3');
        answered++;
      }
    })();
    const sent = await peer.flood('K', 'KEYUPDATE', 100_000);
    await canary;
    expect(sent).toBeLessThan(100_000);
    expect(answered).toBeGreaterThan(1);
    await eventually(() => server.counters.connections === 0, 'it is gone');
  });

  test('E3 KeyUpdate within its time hurts nobody', async () => {
    const server = await serveTls();
    const peer = await new Commanded(server.port, '-tls1_3').ready();
    expect(await peer.flood('K', 'KEYUPDATE', 1000)).toBe(1000);
    peer.command('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r');
    await peer.end;
    expect(seenIn(peer.out)).toMatchObject({ tls: 'TLSv1.3', bytes: 0 });
    expect(server.counters.heldBytes).toBe(0);
  });
});

/** Which of its content a handler got, and how that ended. */
interface Taken { bytes: number; outcome: string }

/** A handler that reads, and tells what it took. */
function taking(taken: Taken): Handler {
  return async ({ body }) => {
    taken.outcome = 'began';
    try {
      for await (const piece of body) taken.bytes += piece.length;
      taken.outcome = 'whole';
    } catch (error) {
      taken.outcome = (error as Error).name;
    }
    return new HttpResponse(200);
  };
}

/** A raw socket with TLS above it that never says close_notify when the socket ends. */
async function truncating(
  port: number, alpn: string, octets: Uint8Array | string,
): Promise<Socket> {
  const raw = connect({ port, host: HOST, noDelay: true });
  onTestFinished(() => void raw.destroy());
  const secure = connectTls({
    socket: raw, ca: CA, servername: 'localhost', ALPNProtocols: [alpn],
  });
  secure.on('error', () => {});
  await once(secure, 'secureConnect');
  await new Promise<void>((resolve) => {
    secure.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets,
      () => resolve());
  });
  secure.resume();
  return raw;
}

/** What a handler is told of content that came to no end. */
const FAILED = /^(ConnectionError|PeerGoneError)$/;

const HEAD = 'POST / HTTP/1.1\r\nHost: localhost\r\n';

const POST = headers(1, [
  [':method', 'POST'], [':scheme', 'https'], [':authority', 'localhost'], [':path', '/'],
], END_HEADERS);

describe('E12 content without its end (RFC 9112 §8, RFC 8446 §6.1)', () => {
  const cases: readonly (readonly [string, string, Uint8Array | string])[] = [
    ['Content-Length', 'http/1.1', `${HEAD}Content-Length: 100\r\n\r\nabcdefg`],
    ['chunked, within a chunk', 'http/1.1',
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n64\r\nabcdefg`],
    ['chunked, between chunks', 'http/1.1',
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n7\r\nabcdefg\r\n`],
    ['chunked, within the last', 'http/1.1',
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n7\r\nabcdefg\r\n0\r\n`],
    ['HTTP/2', 'h2', join(GREETING, POST, data(1, 'abcdefg'))],
  ];

  test.each(cases)('%s, FIN without close_notify: not taken as whole', async (_, alpn, octets) => {
    const taken: Taken = { bytes: 0, outcome: 'none' };
    const server = await serveTls({ handler: taking(taken) });
    const raw = await truncating(server.port, alpn, octets);
    await eventually(() => taken.bytes === 7, 'the octets were taken');
    raw.end();
    await eventually(() => taken.outcome !== 'began', 'the handler was told');
    expect(taken).toEqual({ bytes: 7, outcome: expect.stringMatching(FAILED) });
    await eventually(() => server.counters.connections === 0, 'it is gone');
    expect(server.counters.heldBytes).toBe(0);
  });

  test.each(cases)('%s, close_notify: nor then', async (_, alpn, octets) => {
    const taken: Taken = { bytes: 0, outcome: 'none' };
    const server = await serveTls({ handler: taking(taken) });
    const { client, socket } = await secured(server.port, { ALPNProtocols: [alpn] });
    client.send(octets);
    await eventually(() => taken.bytes === 7, 'the octets were taken');
    socket.end();
    await eventually(() => taken.outcome !== 'began', 'the handler was told');
    expect(taken).toEqual({ bytes: 7, outcome: expect.stringMatching(FAILED) });
  });

  test('content that is whole is taken, close_notify or not', async () => {
    const taken: Taken = { bytes: 0, outcome: 'none' };
    const server = await serveTls({ handler: taking(taken) });
    const whole = `${HEAD}Content-Length: 7\r\n\r\nabcdefg`;
    (await truncating(server.port, 'http/1.1', whole)).end();
    await eventually(() => taken.outcome === 'whole', 'it was taken');
    await eventually(() => server.counters.connections === 0, 'it is gone');
  });
});

describe('E13 clear text where TLS is due', () => {
  test('redirect: 308 to the same host and resource (RFC 9110 §4.2.2, §15.4.9)', async () => {
    const server = await serveTls({ tls: { clearText: 'redirect' } });
    const client = await connected(server.port);
    const text = 'GET /a/b?c=d HTTP/1.1\r\nHost: localhost:8443\r\n\r\n';
    const [answer] = await client.send(text).answered(1);
    expect([answer?.status, answer?.fields.get('location')])
      .toEqual([308, 'https://localhost:8443/a/b?c=d']);
  });

  test.each([
    ['evil.example', 421], ['', 400],
  ])('redirect: nobody is sent to %j', async (host, status) => {
    const { port } = await serveTls({ tls: { clearText: 'redirect' } });
    const client = await connected(port);
    const [answer] = await client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).answered(1);
    expect([answer?.status, answer?.fields.get('location')]).toEqual([status, undefined]);
  });

  test('refuse: 400 that says so, and no handler', async () => {
    let calls = 0;
    const { port } = await serveTls({
      tls: { clearText: 'refuse' },
      handler: (request) => {
        calls++;
        return tell(request);
      },
    });
    const client = await connected(port);
    const [answer] = await client.send(GET).answered(1);
    expect([answer?.status, calls]).toEqual([400, 0]);
    expect(answer?.body).toContain('this port speaks TLS');
  });

  test.each([
    ['redirect' as const], ['refuse' as const],
  ])('%s: HTTP/2 in clear text is told the same', async (clearText) => {
    const server = await serveTls({ tls: { clearText } });
    const session = connectHttp2(`http://localhost:${server.port}`);
    onTestFinished(() => session.destroy());
    const [fields] = await once(session.request({ ':path': '/' }), 'response');
    expect(fields[':status']).toBe(clearText === 'redirect' ? 308 : 400);
    expect((await ask(server.port)).tls).toBe('TLSv1.3');
  });

  test.each([
    ['serve' as const], ['redirect' as const], ['refuse' as const],
  ])('%s: octets of no protocol do no harm', async (clearText) => {
    const server = await serveTls({ tls: { clearText } });
    for (const octets of ['\x15\x03\x01\0\x02\x02\x28', '\0\0\0\0', '\x80\x2e\x01', '\r\n\r\n']) {
      const client = await connected(server.port);
      client.send(octets).socket.end();
      await client.gone();
    }
    expect((await ask(server.port)).tls).toBe('TLSv1.3');
    await eventually(() => server.counters.connections === 0, 'all are gone');
    expect(server.counters.arriving).toBe(0);
  });
});

describe('E13 TLS where clear text is due', () => {
  test('a ClientHello to a server without TLS: 400, and it lives', async () => {
    const server = await serve(tell);
    const socket = connectTls({ port: server.port, host: HOST, ca: CA });
    const [error] = await once(socket, 'error') as [NodeJS.ErrnoException];
    expect(error.code).toMatch(/^(ERR_SSL_\w+|EPROTO|ECONNRESET)$/);
    const session = connectHttp2(`https://${HOST}:${server.port}`, { ca: CA });
    await once(session, 'error');
    const client = await connected(server.port);
    await client.send(GET_AND_CLOSE).sawEnd();
    expect(seenIn(client.text)).toMatchObject({ version: '1.1', tls: '' });
    await eventually(() => server.counters.connections === 0, 'all are gone');
  });
});
