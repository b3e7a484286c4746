/**
 * The ClientHello on its way (RFC 8446 §4.1.2): cut at every octet the handshake is the same, in
 * clear and behind a PROXY header; broken at every octet it is refused, and the server lives on.
 */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Server } from '../../src/index.ts';
import { Random, seeded } from '../support/random.ts';
import { accepting, eventually } from '../support/sockets.ts';
import {
  CA, GET_AND_CLOSE, HOST, ask, seenIn, serveTls, type Seen,
} from '../support/tls-peers.ts';
import { unhandledDuring } from '../support/unhandled.ts';

const SERVER_HELLO = 0x16;
/** So many handshakes at once. */
const CROWD = 16;
const SEED = 0x2026_0e01;
const RANDOM_FLIPS = 200;

/** The first flight of Node's client. */
async function clientHello(options: ConnectionOptions = {}): Promise<Buffer> {
  let flight!: Promise<unknown[]>;
  const port = await accepting((socket) => {
    socket.on('error', () => {});
    flight = once(socket, 'data');
  });
  const client = connectTls({
    port, host: HOST, servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'], ...options,
  });
  client.on('error', () => {});
  onTestFinished(() => void client.destroy());
  while (flight === undefined) await new Promise((resolve) => { setImmediate(resolve); });
  return (await flight)[0] as Buffer;
}

function untilWritten(socket: Socket, octets: Uint8Array): Promise<void> {
  return new Promise((resolve) => { socket.write(octets, () => resolve()); });
}

/** A way to a server that parts the first flight, with what goes before it, at an offset. */
async function parting(server: Server, header: Uint8Array, at: number): Promise<number> {
  return accepting((near) => {
    const far = connect({ port: server.port, host: HOST, noDelay: true });
    for (const socket of [near, far]) socket.on('error', () => near.destroy());
    onTestFinished(() => void far.destroy());
    near.once('data', async (flight: Buffer) => {
      near.pause();
      const all = Buffer.concat([header, flight]);
      await untilWritten(far, all.subarray(0, at));
      // The other side has read it when it is two turns of the one loop later.
      for (let turn = 0; turn < 3; turn++) {
        await new Promise((resolve) => { setImmediate(resolve); });
      }
      far.write(all.subarray(at));
      near.pipe(far);
      near.resume();
    });
    far.pipe(near);
  });
}

/** What the server saw of a request whose first flight was cut. */
async function cut(
  server: Server, header: Uint8Array, at: number, ALPNProtocols: string[],
): Promise<Seen | undefined> {
  const socket = connectTls({
    port: await parting(server, header, at), host: HOST, ca: CA, servername: 'localhost',
    ALPNProtocols,
  });
  socket.on('error', () => {});
  return seenIn(await (ALPNProtocols.includes('h2') ? askHttp2(socket) : askHttp1(socket)));
}

async function askHttp1(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => text += piece);
  socket.write(GET_AND_CLOSE);
  await new Promise((resolve) => { socket.on('close', resolve); });
  return text;
}

async function askHttp2(socket: TLSSocket): Promise<string> {
  const session = connectHttp2(`https://${HOST}`, { createConnection: () => socket });
  session.on('error', () => {});
  const stream = session.request({ ':authority': 'localhost' });
  stream.on('error', () => {});
  let text = '';
  stream.setEncoding('latin1').on('data', (piece: string) => text += piece);
  await new Promise((resolve) => { stream.on('close', resolve); });
  session.close();
  return text;
}

const V1 = Buffer.from('PROXY TCP4 192.0.2.43 203.0.113.7 56324 443\r\n');
const V2 = Buffer.from(
  '0d0a0d0a000d0a515549540a' + '2111000c' + 'c000022b' + 'cb007107' + 'dc0401bb', 'hex',
);
/** What a client has sent before it: a TLV of the length of a flight is beyond these. */
const HEADERS = [
  ['in clear', Buffer.alloc(0), HOST], ['after PROXY version 1', V1, '192.0.2.43'],
  ['after PROXY version 2', V2, '192.0.2.43'],
] as const;

/** What a client offers, of which the server chooses the first (RFC 7301 §3.2). */
const OFFERS = [[['h2', 'http/1.1'], '2'], [['http/1.1'], '1.1']] as const;
const CUTS = HEADERS.flatMap(([where, ...header]) =>
  OFFERS.map((offer) => [where, ...offer, ...header] as const));

describe('§4.1.2 cut at every octet', () => {
  test.each(CUTS)('%s, offered %j: as whole', async (_, offer, version, header, address) => {
    const offered = [...offer];
    const proxied = header.length > 0;
    const server = await serveTls({
      target: { host: HOST, ...(proxied ? { proxyProtocol: ['loopback'] } : {}) },
    });
    const hello = await clientHello({ ALPNProtocols: offered });
    const length = header.length + hello.length;
    const seen: (Seen | undefined)[] = [];
    for (let first = 1; first < length; first += CROWD) {
      const offsets = Array.from({ length: Math.min(CROWD, length - first) }, (_, i) => first + i);
      const crowd = offsets.map((at) => cut(server, header, at, offered));
      seen.push(...await Promise.all(crowd));
    }
    const same: Seen = {
      version, tls: 'TLSv1.3', alpn: offered[0] as string, serverName: 'localhost',
      resumed: false, bytes: 0, address,
    };
    const wrong = seen.map((one, index) => [index + 1, one] as const)
      .filter(([, one]) => !isDeepStrictEqual(one, same));
    expect(wrong).toEqual([]);
    await eventually(() => server.counters.connections === 0, 'all are gone');
    expect(server.counters).toMatchObject({ secured: length - 1, arriving: 0, lost: {} });
  });

  test('one octet a segment: the same handshake', async () => {
    const server = await serveTls();
    const hello = await clientHello();
    const socket = connect({ port: server.port, host: HOST, noDelay: true });
    onTestFinished(() => void socket.destroy());
    const answered = once(socket, 'data');
    for (const octet of hello) await untilWritten(socket, Uint8Array.of(octet));
    expect(((await answered)[0] as Buffer)[0]).toBe(SERVER_HELLO);
  });
});

/** Sends octets and then FIN; what came back until the end. */
async function replay(port: number, octets: Uint8Array): Promise<Buffer> {
  const socket = connect({ port, host: HOST, noDelay: true });
  const pieces: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece);
    // Whatever it is, the handshake cannot go on.
    socket.destroy();
  });
  socket.end(octets);
  await new Promise((resolve) => { socket.on('close', resolve); });
  return Buffer.concat(pieces);
}

/** Replays all; expects a server that has nothing left of them and serves as ever. */
async function survives(all: readonly Uint8Array[]): Promise<void> {
  const server = await serveTls();
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtExceptionMonitor', note);
  const rejections = await unhandledDuring(async () => {
    for (let first = 0; first < all.length; first += CROWD) {
      const crowd = all.slice(first, first + CROWD);
      await Promise.all(crowd.map((octets) => replay(server.port, octets)));
    }
  });
  process.off('uncaughtExceptionMonitor', note);
  expect([...uncaught, ...rejections]).toEqual([]);
  await eventually(() => server.counters.arriving + server.counters.connections === 0, 'all gone');
  expect((await ask(server.port)).tls).toBe('TLSv1.3');
  expect(server.counters).toMatchObject({ arriving: 0, heldBytes: 0, secured: 1 });
}

describe('broken', () => {
  test('the hello as it is gets an answer', async () => {
    const { port } = await serveTls();
    expect((await replay(port, await clientHello()))[0]).toBe(SERVER_HELLO);
  });

  test.each([['TLSv1.2' as const], [undefined]])(
    'each of the first 200 octets flipped (most %s)', async (maxVersion) => {
      const hello = await clientHello(maxVersion && { maxVersion });
      await survives(Array.from({ length: Math.min(200, hello.length) }, (_, at) => {
        const flipped = Buffer.from(hello);
        flipped[at] = (flipped[at] as number) ^ 0xff;
        return flipped;
      }));
    },
  );

  test('octets anywhere with values of all kinds', async () => {
    const hello = await clientHello();
    await seeded(SEED, async (random: Random) => {
      await survives(Array.from({ length: RANDOM_FLIPS }, () => {
        const flipped = Buffer.from(hello);
        for (let left = random.between(1, 4); left > 0; left--) {
          flipped[random.int(flipped.length)] = random.int(256);
        }
        return flipped;
      }));
    });
  });

  test('ended after each of its octets', async () => {
    const hello = await clientHello();
    await survives(Array.from(hello, (_, at) => hello.subarray(0, at)));
  });

  test.each([
    ['an alert alone', '15030100020100'], ['a record of no octets', '1603010000'],
    ['a record over 2^14', '160301ffff01'], ['a hello of 2^24 octets', '1603010004 01ffffff'],
    ['application data', '1603010001001703010001 00'], ['SSL 2', '802e0100020015'],
    ['a ServerHello', '160303000402000000'], ['a change of cipher', '160301000114'],
  ])('%s', async (_, hex) => {
    await survives([Buffer.from(hex.replaceAll(' ', ''), 'hex')]);
  });

  test('a NUL in the server name (RFC 6066 §3)', async () => {
    const { port } = await serveTls();
    const hello = await clientHello();
    const at = hello.indexOf('localhost');
    const broken = Buffer.from(hello);
    broken[at + 4] = 0;
    const [type] = await replay(port, broken);
    expect(type).not.toBe(SERVER_HELLO);
    expect((await ask(port)).serverName).toBe('localhost');
  });
});
