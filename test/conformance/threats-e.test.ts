/**
 * Attacks on TLS and on the edge by row, E1 to E16: where each is tested. What has no other place
 * is here: compression (E11), and PROXY headers that are forged or abused (E15, E16), on sockets.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Server } from '../../src/index.ts';
import { ROOT } from '../support/process.ts';
import { Random, seeded } from '../support/random.ts';
import { Client, connected, eventually, serve } from '../support/sockets.ts';
import { GET_AND_CLOSE, HOST, seenIn, serveTls, tell } from '../support/tls-peers.ts';

const TLS = 'test/interop/tls.test.ts';
const RESUMPTION = 'test/interop/tls-resumption.test.ts';
const LOAD = 'test/interop/tls-load.test.ts';
const ABUSE = 'test/interop/tls-abuse.test.ts';
const HERE = 'test/conformance/threats-e.test.ts';

describe('each row has its test', () => {
  test.each([
    ['E1 handshake stall', LOAD, 'E1 stalled handshakes'],
    ['E2 renegotiation', ABUSE, 'E2 renegotiation is refused'],
    ['E3 KeyUpdate flood', ABUSE, 'E3 KeyUpdate is no progress'],
    ['E4 old versions', TLS, 'refused by protocol_version, 70'],
    ['E4 weak suites', TLS, 'refused by handshake_failure, 40'],
    ['E5 ALPN mismatch', TLS, 'no_application_protocol, 120'],
    ['E6 name and Host', TLS, '§7.4 misdirected requests'],
    ['E7 forms of the name', TLS, 'RFC 6066 §3 the server name'],
    ['E7 a NUL in the name', 'test/interop/tls-hello.test.ts', 'a NUL in the server name'],
    ['E8 sessions and client certificates', RESUMPTION, 'E8 client certificates'],
    ['E9 keys of tickets', RESUMPTION, 'after setTicketKey an old ticket is a full handshake'],
    ['E9 under load', RESUMPTION, 'a key set while handshakes go on breaks none'],
    ['E10 early data', TLS, 'no early data is offered'],
    ['E11 compression of TLS', TLS, 'no compression of TLS'],
    ['E11 compression of content', HERE, 'E11 content is sent as it is'],
    ['E12 truncation', ABUSE, 'E12 content without its end'],
    ['E13 clear text on TLS', ABUSE, 'E13 clear text where TLS is due'],
    ['E13 TLS on clear text', ABUSE, 'E13 TLS where clear text is due'],
    ['E14 hot swap', LOAD, 'E14 certificates loaded anew'],
    ['E15 PROXY forged', HERE, 'E15 a PROXY header counts'],
    ['E16 PROXY abused', HERE, 'E16 a PROXY header is short'],
    ['E16 its grammar', 'test/server/proxy-protocol.test.ts', 'at every split'],
  ])('%s: %s', (_, path, words) => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toContain(words);
  });
});

test('E11 content is sent as it is, whatever coding is asked for (CVE-2013-3587)', async () => {
  const { port } = await serve(tell);
  const client = await connected(port);
  const text = GET_AND_CLOSE.replace('\r\n\r\n', '\r\nAccept-Encoding: gzip, br, zstd\r\n\r\n');
  const [answer] = await client.send(text).answered(1);
  expect(answer?.fields.get('content-encoding')).toBeUndefined();
  expect(seenIn(answer?.body ?? '')?.version).toBe('1.1');
});

const FORGED = 'PROXY TCP4 192.0.2.43 203.0.113.7 56324 443\r\n';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const FORGED_2 = `${SIGNATURE}\x21\x11\0\x0c\xc0\0\x02\x2b\xcb\0\x71\x07\xdc\x04\x01\xbb`;

/** A server that must be told by those addresses whom they ask for. */
function behind(...proxyProtocol: readonly string[]): Promise<Server> {
  return serveTls({ target: { host: HOST, proxyProtocol } });
}

/** The address that a request counts as; undefined where it was not answered. */
async function addressOf(port: number, octets: string, from = HOST): Promise<string | undefined> {
  const client = await connected(port, from);
  client.send(octets);
  await client.sawEnd();
  return seenIn(client.text)?.address;
}

describe('E15 a PROXY header counts where it is due, and nowhere else (PROXY protocol §5)', () => {
  test.each([['version 1', FORGED], ['version 2', FORGED_2]])(
    '%s, where none was asked for: 400', async (_, header) => {
      const { port } = await serveTls();
      const client = await connected(port);
      await client.send(header + GET_AND_CLOSE).sawEnd();
      expect(client.text).toMatch(/^HTTP\/1\.1 400 /);
    },
  );

  test.each([['version 1', FORGED], ['version 2', FORGED_2]])(
    '%s, of one that is trusted: it counts', async (_, header) => {
      const { port } = await behind('loopback');
      expect(await addressOf(port, header + GET_AND_CLOSE)).toBe('192.0.2.43');
    },
  );

  test('of another: closed without a word', async () => {
    const server = await behind('127.0.0.2');
    expect(await addressOf(server.port, FORGED + GET_AND_CLOSE)).toBeUndefined();
    expect(await addressOf(server.port, FORGED + GET_AND_CLOSE, '127.0.0.2')).toBe('192.0.2.43');
    expect(server.counters.lost).toEqual({ 'proxy untrusted': 1 });
  });

  test('missing, of one that is trusted: closed without a word', async () => {
    const server = await behind('loopback');
    const client = await connected(server.port);
    await client.send(GET_AND_CLOSE).sawEnd();
    expect(client.text).toBe('');
    expect(server.counters.lost).toEqual({ 'proxy header': 1 });
  });

  test('twice: the second is no header, and 400', async () => {
    const { port } = await behind('loopback');
    const client = await connected(port);
    await client.send(FORGED + FORGED + GET_AND_CLOSE).sawEnd();
    expect(client.text).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('E16 a PROXY header is short, whole and in time (PROXY protocol §2)', () => {
  test.each([
    ['a line over 107 octets', `PROXY UNKNOWN ${'x'.repeat(94)}\r\n`],
    ['a line without end', `PROXY TCP4 ${'1'.repeat(120)}`],
    ['a port over 65535', FORGED.replace('56324', '65536')],
    ['a length of 65535', `${SIGNATURE}\x21\x11\xff\xff${'x'.repeat(4096)}`],
    ['an address cut short', `${SIGNATURE}\x21\x11\0\x04\xc0\0\x02\x2b`],
    ['another version', FORGED_2.replace('\x21\x11', '\x31\x11')],
  ])('%s: closed without a word', async (_, header) => {
    const server = await behind('loopback');
    const client = await connected(server.port);
    await client.send(header + GET_AND_CLOSE).sawEnd();
    expect(client.text).toBe('');
    await eventually(() => server.counters.arriving === 0, 'it is gone');
    expect(server.counters.lost).toEqual({ 'proxy header': 1 });
  });

  test('one octet now and then: closed at proxyHeaderMs, whatever the progress', async () => {
    const server = await serveTls({
      limits: { proxyHeaderMs: 500 }, target: { host: HOST, proxyProtocol: ['loopback'] },
    });
    const client = await connected(server.port);
    let at = 0;
    const timer = setInterval(() => {
      if (client.ended || at === FORGED.length - 1) clearInterval(timer);
      else client.send(FORGED.charAt(at++));
    }, 50);
    await client.sawEnd();
    expect(server.counters.lost).toEqual({ 'proxy header': 1 });
  });

  test('200 mutations: each is answered or closed, and the next is served', async () => {
    const server = await behind('loopback');
    await seeded(0x2026_0e16, async (random: Random) => {
      const all = Array.from({ length: 200 }, (_, index) => {
        const octets = Buffer.from((index % 2 ? FORGED : FORGED_2) + GET_AND_CLOSE, 'latin1');
        octets[random.int(60)] = random.int(256);
        return octets;
      });
      for (let first = 0; first < all.length; first += 20) {
        await Promise.all(all.slice(first, first + 20).map(async (octets) => {
          const client: Client = await connected(server.port);
          client.send(octets).socket.end();
          await client.gone();
        }));
      }
    });
    const left = (): number => server.counters.arriving + server.counters.connections;
    await eventually(() => left() === 0, 'all are gone');
    expect(await addressOf(server.port, FORGED + GET_AND_CLOSE)).toBe('192.0.2.43');
    expect(server.counters.heldBytes).toBe(0);
  });
});
