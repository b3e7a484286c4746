/** What a socket is before it is a connection: PROXY header, first octet, handshake, deadlines. */
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { trustList } from '../../src/http/trust-list.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { Admission, type Admitted } from '../../src/server/admission.ts';
import { HandClock } from '../../src/testing/index.ts';
import { TlsContexts } from '../../src/tls/contexts.ts';
import { leafFor } from '../support/certificates.ts';
import {
  Client, accepting, connected, eventually, temporaryDirectory, turns,
} from '../support/sockets.ts';
import { beginTls, secured } from '../support/tls-client.ts';

const TLS = new TlsContexts({ certificates: leafFor('example.com') });
/** The beginning of a ClientHello, of which more never comes. */
const BEGUN = '\x16\x03\x01\x02\x00\x01';
const PROXY = 'PROXY TCP4 192.0.2.43 203.0.113.7 56324 443\r\n';
const PROXIED = {
  address: '192.0.2.43', port: 56324, localAddress: '203.0.113.7', localPort: 443,
};
/** Version 2, TCP over IPv4 (PROXY protocol §2.2), of the same ends. */
const PROXY_2 = '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x2b\xcb\0\x71\x07\xdc\x04\x01\xbb';
const LOCAL_2 = '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0';

interface Options {
  readonly tls?: boolean;
  readonly proxies?: readonly string[];
  readonly path?: string;
  readonly limits?: Partial<Limits>;
}

async function admitting({ tls = true, proxies, path, limits = {} }: Options = {}) {
  const clock = new HandClock();
  const admitted: Admitted[] = [];
  const lost: [string, string | undefined, string | undefined][] = [];
  const sockets: Socket[] = [];
  const admission = new Admission({
    clock, limits: limitsFrom(limits),
    begin: (one) => {
      admitted.push(one);
      one.socket.on('error', () => {});
      onTestFinished(() => void one.socket.destroy());
    },
    lost: (address, reason, error) => void lost.push([address, reason, error?.message]),
  }, tls ? TLS : undefined, proxies && trustList(proxies));
  const port = await accepting((socket) => {
    sockets.push(socket);
    admission.admit(socket);
  }, path);
  onTestFinished(() => admission.destroyAll());
  return {
    admission, place: path ?? port, admitted, lost, sockets,
    tick: (ms: number) => {
      clock.advance(ms);
      admission.tick(clock.now());
    },
    /** Clients that came, and what they have sent was read. */
    arrived: async (...sent: string[]) => {
      const clients: Client[] = [];
      for (const octets of sent) {
        const count = sockets.length + 1;
        clients.push((await connected(path ?? port)).send(octets));
        await eventually(() => sockets[count - 1]?.bytesRead === octets.length, 'it was read');
      }
      await turns(1);
      return clients;
    },
    /** What a connection would read first. */
    first: async () => {
      await eventually(() => admitted.length > 0, 'it is admitted');
      const { socket } = admitted[0] as Admitted;
      let text = '';
      socket.on('data', (octets: Buffer) => text += octets.toString('latin1'));
      socket.resume();
      await eventually(() => text !== '', 'an octet comes');
      return text;
    },
  };
}

describe('the first octet', () => {
  test.each(['GET / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n', '\0', '\x15\x03\x01', '\x17'])(
    '%j is clear text, and none of it is lost', async (octets) => {
      const made = await admitting();
      await made.arrived(octets);
      expect(await made.first()).toBe(octets);
      expect(made.admitted).toMatchObject([
        { tls: undefined, ends: undefined, accepted: '127.0.0.1' },
      ]);
      expect([made.admission.size, made.lost]).toEqual([0, []]);
    });

  test('0x16 is TLS, whatever comes with it', async () => {
    const made = await admitting();
    const client = await secured(made.place, { ALPNProtocols: ['h2'] });
    client.send('hello');
    expect(await made.first()).toBe('hello');
    expect(made.admitted[0]?.tls).toMatchObject({ version: 'TLSv1.3', alpn: 'h2' });
    expect(made.admission.size).toBe(0);
  });

  test('a ClientHello octet by octet is the same handshake', async () => {
    const made = await admitting();
    const { socket } = await connected(made.place);
    const { write } = socket;
    socket.write = ((octets: Buffer, ...rest: []) => {
      for (let i = 0; i < octets.length - 1; i++) {
        Reflect.apply(write, socket, [octets.subarray(i, i + 1)]);
      }
      return Reflect.apply(write, socket, [octets.subarray(-1), ...rest]) as boolean;
    }) as Socket['write'];
    beginTls(socket);
    await eventually(() => made.admitted.length === 1, 'it is admitted');
    expect(made.admitted[0]?.tls?.version).toBe('TLSv1.3');
  });

  test.each([
    ['a FIN', ({ socket }: Client) => void socket.end()],
    ['a reset', ({ socket }: Client) => void socket.resetAndDestroy()],
  ])('%s in place of it: lost without a reason', async (_, go) => {
    const made = await admitting();
    const [client] = await made.arrived('');
    await eventually(() => made.admission.size === 1, 'it has come');
    go(client as Client);
    await eventually(() => made.admission.size === 0, 'it has gone');
    expect(made.lost).toEqual([['127.0.0.1', undefined, undefined]]);
    await eventually(() => made.sockets[0]?.destroyed === true, 'nothing is left');
  });

  test('a peer that goes within its handshake is lost', async () => {
    const made = await admitting();
    const [client] = await made.arrived(BEGUN);
    client?.socket.end();
    await eventually(() => made.admission.size === 0, 'it has gone');
    expect(made.admitted).toEqual([]);
  });

  test('E13 a broken handshake is lost with its reason', async () => {
    const made = await admitting();
    const [client] = await made.arrived('\x16GET / HTTP/1.1\r\n\r\n');
    await client?.sawEnd();
    expect(made.lost).toEqual([['127.0.0.1', 'broken', expect.any(String)]]);
    expect(made.admission.size).toBe(0);
  });
});

describe('E15 the PROXY header (PROXY protocol §2)', () => {
  const proxies = ['loopback'];
  const headers: [string, string, object | undefined][] = [
    ['version 1', PROXY, PROXIED],
    ['version 2', PROXY_2, PROXIED],
    ['version 1, UNKNOWN', 'PROXY UNKNOWN\r\n', undefined],
    ['version 2, LOCAL', LOCAL_2, undefined],
  ];

  for (const tls of [false, true]) {
    describe(tls ? 'where TLS is spoken too' : 'where clear text alone is spoken', () => {
      test.each(headers)('%s, then clear text in one piece', async (_, header, ends) => {
        const made = await admitting({ tls, proxies });
        await made.arrived(`${header}GET /`);
        expect(await made.first()).toBe('GET /');
        expect(made.admitted[0]?.ends).toEqual(ends);
        expect(made.admitted[0]).toMatchObject({ accepted: '127.0.0.1', tls: undefined });
      });

      test.each(headers)('%s, octet by octet', async (_, header, ends) => {
        const made = await admitting({ tls, proxies });
        const [client] = await made.arrived('');
        for (const octet of header) {
          client?.send(octet);
          await turns(2);
        }
        client?.send('GET /');
        expect(await made.first()).toContain('G');
        expect(made.admitted[0]?.ends).toEqual(ends);
      });
    });
  }

  test.each(headers)('%s, then TLS', async (_, header, ends) => {
    const made = await admitting({ proxies });
    const { socket } = await connected(made.place);
    socket.write(header, 'latin1');
    const { tls } = beginTls(socket);
    tls.on('error', () => {});
    await eventually(() => made.admitted.length === 1, 'it is admitted');
    expect(made.admitted[0]?.ends).toEqual(ends);
    expect(made.admitted[0]?.tls?.version).toBe('TLSv1.3');
  });

  const faults: [string, string][] = [
    ['none', 'GET / HTTP/1.1\r\n\r\n'],
    ['TLS in its place', BEGUN],
    ['one that is broken', 'PROXY TCP4 999.0.2.43 203.0.113.7 56324 443\r\n'],
    ['a line over 107 octets', `PROXY UNKNOWN ${'x'.repeat(100)}`],
    ['a length over 2048', '\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff'],
  ];

  test.each(faults)('%s: closed without a word', async (_, octets) => {
    const made = await admitting({ proxies });
    const client = await connected(made.place);
    await client.send(octets).sawEnd();
    expect(client.text).toBe('');
    expect(made.lost).toEqual([['127.0.0.1', 'proxy header', expect.any(String)]]);
    expect([made.admission.size, made.admitted]).toEqual([0, []]);
  });

  test('a second one is not one: it is what the first octets are', async () => {
    const made = await admitting({ proxies });
    await made.arrived(`${PROXY}PROXY TCP4 198.51.100.1 203.0.113.7 1 2\r\n`);
    expect(await made.first()).toContain('PROXY TCP4 198.51.100.1');
    expect(made.admitted[0]?.ends).toEqual(PROXIED);
  });

  test.each([[['192.0.2.0/24']], [[]]])('from another than %j: closed', async (trusted) => {
    const made = await admitting({ proxies: trusted });
    await (await connected(made.place)).send(PROXY).sawEnd();
    expect(made.lost).toEqual([
      ['127.0.0.1', 'proxy untrusted', 'no trusted proxy (PROXY protocol §5)'],
    ]);
  });

  test('where none is due it is clear text like another', async () => {
    const made = await admitting();
    await made.arrived(PROXY);
    expect(await made.first()).toBe(PROXY);
    expect([made.admission.isProxied, made.admitted[0]?.ends]).toEqual([false, undefined]);
  });
});

describe('E1 deadlines, whatever the progress', () => {
  const limits = { firstOctetMs: 1000, proxyHeaderMs: 300, tlsHandshakeMs: 2000 };

  test('firstOctetMs, to the first octet', async () => {
    const { arrived, tick, admission, lost } = await admitting({ limits });
    const [client] = await arrived('');
    tick(999);
    expect(admission.size).toBe(1);
    tick(1);
    await client?.sawEnd();
    expect([admission.size, lost])
      .toEqual([0, [['127.0.0.1', 'silent', 'no octet within firstOctetMs, 1000']]]);
  });

  test('tlsHandshakeMs, from the first octet', async () => {
    const { arrived, tick, admission, lost, sockets } = await admitting({ limits });
    const [client] = await arrived('');
    tick(999);
    client?.send(BEGUN);
    await eventually(() => sockets[0]?.bytesRead === BEGUN.length, 'it was read');
    tick(1999);
    expect(admission.size).toBe(1);
    client?.send('\0');
    tick(1);
    await client?.sawEnd();
    expect([admission.size, lost]).toEqual([
      0, [['127.0.0.1', 'handshake too slow', 'no handshake within tlsHandshakeMs, 2000']],
    ]);
  });

  test('proxyHeaderMs, to the header; then firstOctetMs anew', async () => {
    const proxied = await admitting({ limits, proxies: ['loopback'] });
    const [slow, quick] = await proxied.arrived('PROXY', PROXY);
    proxied.tick(299);
    expect(proxied.admission.size).toBe(2);
    proxied.tick(1);
    await slow?.sawEnd();
    proxied.tick(699);
    expect(proxied.admission.size).toBe(1);
    proxied.tick(1);
    await quick?.sawEnd();
    expect(proxied.lost.map(([, reason, message]) => [reason, message])).toEqual([
      ['proxy header', 'no PROXY header within proxyHeaderMs, 300'],
      ['silent', 'no octet within firstOctetMs, 1000'],
    ]);
  });

  test('tlsHandshakes: with one more, the oldest gives way', async () => {
    const made = await admitting({ limits: { tlsHandshakes: 2 } });
    const [oldest] = await made.arrived(BEGUN, BEGUN);
    expect([made.admission.size, made.lost]).toEqual([2, []]);
    await made.arrived(BEGUN);
    await oldest?.sawEnd();
    expect(made.admission.size).toBe(2);
    expect(made.lost).toEqual([['127.0.0.1', 'handshakes crowded', 'over tlsHandshakes, 2']]);
  });

  test('a fresh client gets through between handshakes that stall', async () => {
    const made = await admitting({ limits: { tlsHandshakes: 20 } });
    await made.arrived(...Array.from({ length: 30 }, () => BEGUN));
    await secured(made.place);
    await eventually(() => made.admitted.length === 1, 'it is admitted');
    expect(made.lost.length).toBeGreaterThanOrEqual(11);
  });
});

describe('making room', () => {
  test('the one that has been silent longest goes, then the oldest handshake', async () => {
    const { admission, arrived, lost } = await admitting();
    const [begun, first, second] = await arrived(BEGUN, '', '');
    await eventually(() => admission.size === 3, 'all have come');
    expect(admission.evict(0)).toBe(true);
    await first?.sawEnd();
    expect([second?.ended, admission.size]).toEqual([false, 2]);
    expect([admission.evict(0), admission.evict(1000)]).toEqual([true, false]);
    expect([begun?.ended, admission.size]).toEqual([false, 1]);
    expect([admission.evict(0), admission.evict(0), admission.size]).toEqual([true, false, 0]);
    expect(lost.map(([, reason]) => reason)).toEqual([undefined, undefined, 'handshakes crowded']);
  });
});

describe('shutdown', () => {
  const limits = {
    firstOctetMs: 10_000, drainIdleMs: 500, tlsHandshakeMs: 10_000, drainMs: 8000,
  };

  test('who is silent has drainIdleMs; a handshake half of drainMs', async () => {
    const { admission, arrived, tick, lost } = await admitting({ limits });
    await arrived('', BEGUN);
    await eventually(() => admission.size === 2, 'both have come');
    admission.shutdown();
    tick(499);
    expect(admission.size).toBe(2);
    tick(1);
    expect([admission.size, lost.map(([, reason]) => reason)]).toEqual([1, ['silent']]);
    tick(3499);
    expect(admission.size).toBe(1);
    tick(1);
    expect(admission.size).toBe(0);
  });

  test('who would have had less time has no more; who comes now, drainIdleMs', async () => {
    const { admission, arrived, tick } = await admitting({ limits });
    await arrived('');
    await eventually(() => admission.size === 1, 'it has come');
    tick(9800);
    admission.shutdown();
    await arrived('');
    await eventually(() => admission.size === 2, 'another has come');
    tick(200);
    expect(admission.size).toBe(1);
    tick(300);
    expect(admission.size).toBe(0);
  });

  test('destroyAll leaves nothing of any kind', async () => {
    const { admission, arrived, sockets, lost } = await admitting();
    const clients = await arrived('', BEGUN, '');
    await eventually(() => admission.size === 3, 'all have come');
    admission.destroyAll();
    for (const client of clients) await client.sawEnd();
    await eventually(() => admission.size === 0, 'none is left');
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
    expect(lost.map(([, reason]) => reason)).toEqual([undefined, undefined, undefined]);
  });
});

describe('on a Unix socket', () => {
  test('TLS and clear text, as on a port', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    const made = await admitting({ path });
    await made.arrived('GET /');
    await secured(path);
    await eventually(() => made.admitted.length === 2, 'both are admitted');
    expect(made.admitted.map(({ tls, accepted }) => [tls?.version, accepted]))
      .toEqual([[undefined, ''], ['TLSv1.3', '']]);
  });
});
