/**
 * TLS under load: certificates loaded anew a hundred times, and handshakes that stall beside a
 * client that wants to be served (rows E1, E9, E14).
 */
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Server } from '../../src/index.ts';
import { Client, connected, eventually } from '../support/sockets.ts';
import {
  GET, GET_AND_CLOSE, ask, file, leaf, secured, serveTls, type SecuredClient,
} from '../support/tls-peers.ts';

const FULL = process.env['LOAD_FULL'] === '1';
const RELOADS = 100;
const STALLED = FULL ? 1000 : 200;

/** Requests on one connection, one after the other, until told to end; how many were answered. */
async function busy({ client }: SecuredClient, isOver: () => boolean): Promise<number> {
  for (let count = 1; ; count++) {
    client.forget();
    const [answer] = await client.send(GET).answered(1);
    expect(answer?.status).toBe(200);
    if (isOver()) return count;
  }
}

describe('E14 certificates loaded anew', () => {
  test('a hundred times under load: no request fails, no connection is touched', async () => {
    const leaves = [leaf('localhost'), leaf('localhost')] as const;
    const certificates = {
      cert: { file: file('hot.pem', leaves[0].cert) },
      key: { file: file('hot-key.pem', leaves[0].key) },
    };
    const server = await serveTls({ certificates });
    let over = false;
    let fresh = 0;
    const shown = new Set<string>();
    const kept = await Promise.all(Array.from({ length: 2 }, () => secured(server.port)));
    const loads = kept.map((each) => busy(each, () => over));
    const comers = Array.from({ length: 2 }, async () => {
      while (!over) {
        const one = await secured(server.port);
        shown.add(one.socket.getPeerX509Certificate()?.fingerprint256 ?? '');
        fresh += await busy(one, () => true);
        one.socket.destroy();
      }
    });
    for (let round = 1; round <= RELOADS; round++) {
      const next = leaves[round % 2] as (typeof leaves)[number];
      writeFileSync(certificates.cert.file, next.cert);
      writeFileSync(certificates.key.file, next.key);
      server.reloadCertificates();
      const before = fresh;
      await eventually(() => fresh > before, 'somebody came');
    }
    over = true;
    const counts = await Promise.all(loads);
    await Promise.all(comers);
    expect(Math.min(...counts)).toBeGreaterThan(RELOADS);
    expect(kept.every(({ client }) => !client.ended && client.error === undefined)).toBe(true);
    expect(shown).toEqual(new Set(leaves.map(({ cert }) =>
      new X509Certificate(cert).fingerprint256)));
    expect(server.counters).toMatchObject({ lost: {}, refused: 0 });
  });

  test.each([
    ['no file at all', undefined, /ENOENT/],
    ['no certificate', 'nonsense', /no certificate in PEM/],
    ['half of it', leaf('localhost').cert.slice(0, 200), /no certificate in PEM/],
    ['another\'s', leaf('localhost').cert, /is not the key of/],
  ])('a bad file, %s, is refused, and what was there stays', async (name, content, said) => {
    const { cert, key } = leaf('localhost');
    const certificates = { cert: { file: file(`${name}.pem`, cert) }, key };
    const server = await serveTls({ certificates });
    if (content !== undefined) writeFileSync(certificates.cert.file, content);
    else certificates.cert.file += '.gone';
    expect(() => server.reloadCertificates()).toThrow(said);
    const { socket } = await secured(server.port);
    expect(socket.getPeerX509Certificate()?.toString().trim()).toBe(cert.trim());
  });
});

/** What a stalled peer has sent: nothing, or a part of a ClientHello. */
const HALF_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

type Stall = (client: Client) => void;

/** One octet now and then, until it is gone: progress is no merit (row E1). */
function dribble(client: Client): void {
  let at = 0;
  const timer = setInterval(() => {
    if (client.ended || at === HALF_HELLO.length) clearInterval(timer);
    else client.socket.write(HALF_HELLO.subarray(at, ++at));
  }, 50);
}

const STALLS: readonly Stall[] = [
  () => {}, (client) => void client.send(HALF_HELLO), dribble,
];

async function stalled(server: Server, count: number): Promise<Client[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => connected(server.port)));
  clients.forEach((client, index) => STALLS[index % STALLS.length]?.(client));
  return clients;
}

describe('E1 stalled handshakes', () => {
  test(`${STALLED} beside a client that is served: gone at the deadline`, async () => {
    const limits = { tlsHandshakeMs: 1500, firstOctetMs: 1500, tlsHandshakes: STALLED };
    const server = await serveTls({ limits });
    const clients = await stalled(server, STALLED);
    await eventually(() => server.counters.arriving === STALLED, 'all are there');
    expect((await ask(server.port)).tls).toBe('TLSv1.3');
    expect(server.counters.arriving).toBe(STALLED);
    await Promise.all(clients.map((client) => client.sawEnd()));
    const silent = Math.ceil(STALLED / STALLS.length);
    expect(server.counters).toMatchObject({
      arriving: 0, connections: 0, secured: 1,
      lost: { silent, 'handshake too slow': STALLED - silent },
    });
  });

  test.each([[9, 0], [10, 1], [25, 16]])(
    'over tlsHandshakes of 9, at %i, the oldest %i give way', async (count, gone) => {
      const server = await serveTls({ limits: { tlsHandshakes: 9 } });
      const clients: Client[] = [];
      for (let index = 1; index <= count; index++) {
        clients.push((await connected(server.port)).send(HALF_HELLO));
        const { lost } = server.counters;
        await eventually(() => server.counters.arriving + (lost['handshakes crowded'] ?? 0) >=
          Math.min(index, 9), 'it has come');
      }
      await Promise.all(clients.slice(0, gone).map((client) => client.sawEnd()));
      await eventually(() => server.counters.arriving === Math.min(count, 9), 'the rest stays');
      expect(server.counters.lost['handshakes crowded'] ?? 0).toBe(gone);
    },
  );

  test('a handshake that is given way to is served all the same', async () => {
    const server = await serveTls({ limits: { tlsHandshakes: 2 } });
    for (let index = 0; index < 6; index++) (await connected(server.port)).send(HALF_HELLO);
    expect((await ask(server.port)).tls).toBe('TLSv1.3');
  });
});

describe('a drain', () => {
  test('a server that closes at once does not wait for handshakes', async () => {
    const server = await serveTls();
    const clients = await stalled(server, 6);
    await eventually(() => server.counters.arriving === 6, 'all are there');
    const closed = server.close({ timeoutMs: 0 });
    onTestFinished(() => closed);
    await closed;
    await Promise.all(clients.map((client) => client.sawEnd()));
    expect(server.counters.arriving).toBe(0);
  });

  // A socket that is reset while its FIN is under way is lost by Node: it never closes.
  test.each([
    ['at once', (call: () => void) => call()], ['in a microtask', queueMicrotask],
    ['in the next tick', process.nextTick], ['in the next turn', setImmediate],
  ])('it may be forced when an answer has just been the last, %s', async (_, later) => {
    const server = await serveTls();
    let closed: Promise<void> | undefined;
    server.on('request', () => later(() => void (closed ??= server.close({ timeoutMs: 0 }))));
    const client = await connected(server.port);
    await client.send(GET_AND_CLOSE).sawEnd();
    await closed;
    expect(server.counters.connections).toBe(0);
  });
});
