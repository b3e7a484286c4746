/** A server that speaks TLS and clear text on one port, for tests, and clients of both. */
import { once } from 'node:events';
import {
  connect as connectHttp2, type ClientHttp2Session, type SecureClientSessionOptions,
} from 'node:http2';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { TlsOptions } from '../../src/index.ts';
import { issueAuthority, issueLeaf } from '../../src/tls/certificate.ts';
import { Client, connected } from './sockets.ts';

const HOST = '127.0.0.1';
const NAMES = { names: ['localhost', HOST], now: Date.now() };
const authority = issueAuthority(NAMES);
const leaf = issueLeaf(authority, NAMES);

/** What clients trust. */
export const CA = authority.cert;

/** TLS beside clear text; no more than JSON, so that it can be told to another process. */
export const BOTH: TlsOptions = {
  certificates: { cert: leaf.cert, key: leaf.key }, clearText: 'serve',
};

/** A raw client, in clear text or with a handshake of TLS behind it; gone with its test. */
export async function opened(port: number, secure: boolean): Promise<Client> {
  return secure ? secured((await connected(port)).socket) : connected(port);
}

/** A raw client on a socket of its own, once its handshake is complete. */
export async function secured(socket: Duplex): Promise<Client> {
  const under = connectTls({ socket, ca: CA, host: HOST, ALPNProtocols: ['http/1.1'] });
  onTestFinished(() => void under.destroy());
  const client = new Client(under);
  await once(under, 'secureConnect');
  return client;
}

/** A session of node:http2's client that knows the server's settings; gone with its test. */
export async function openedSession(
  port: number, secure: boolean, options: SecureClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const scheme = secure ? 'https' : 'http';
  const made = connectHttp2(`${scheme}://${HOST}:${port}`, { ...options, ca: CA });
  onTestFinished(() => void made.destroy());
  await once(made, 'remoteSettings');
  return made;
}

/** A session whose first octets are on their way through `socket`. */
export function sessionThrough(
  socket: Duplex, secure: boolean, options: SecureClientSessionOptions = {},
): ClientHttp2Session {
  const made = connectHttp2(`${secure ? 'https' : 'http'}://${HOST}`, {
    ...options,
    createConnection: () => (secure
      ? connectTls({ socket, ca: CA, host: HOST, ALPNProtocols: ['h2'] })
      : socket),
  });
  onTestFinished(() => void made.destroy());
  return made;
}

/**
 * A socket that holds back all but the first octets written to it, until it is let go; and that
 * takes nothing from its peer while it is told so.
 */
export class HeldSocket extends Duplex {
  readonly #socket: Socket;
  #passes: number;
  #kept: Buffer[] = [];

  constructor(socket: Socket, passes: number) {
    super();
    this.#socket = socket;
    this.#passes = passes;
    socket.on('data', (octets: Buffer) => void this.push(octets));
    socket.on('end', () => void this.push(null));
    socket.on('error', (error) => this.destroy(error));
  }

  static async connect(port: number, passes: number): Promise<HeldSocket> {
    const socket = connect({ port, host: HOST, noDelay: true, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return new HeldSocket(socket, passes);
  }

  letGo(): void {
    this.#passes = Infinity;
    for (const octets of this.#kept) this.#socket.write(octets);
    this.#kept = [];
  }

  /** The peer has no more to write to than what the kernel holds. */
  set takes(takes: boolean) {
    if (takes) this.#socket.resume();
    else this.#socket.pause();
  }

  override _read(): void {
    // It flows as it comes.
  }

  override _write(octets: Buffer, _: BufferEncoding, done: () => void): void {
    const now = octets.subarray(0, this.#passes);
    const later = octets.subarray(now.length);
    this.#passes -= now.length;
    if (now.length > 0) this.#socket.write(now);
    if (later.length > 0) this.#kept.push(later);
    done();
  }

  override _final(done: () => void): void {
    this.#socket.end();
    done();
  }

  override _destroy(_: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(null);
  }
}
