/** A raw client behind a handshake of TLS, which tells how the handshake ended. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { AUTHORITY } from './certificates.ts';
import { Client, connected, type Place } from './sockets.ts';

const LOOPBACK = '127.0.0.1';

export class TlsClient extends Client {
  readonly tls: TLSSocket;
  /** The session to resume with, as soon as there is one. */
  readonly session: Promise<Buffer>;

  constructor(tls: TLSSocket) {
    super(tls);
    this.tls = tls;
    this.session = new Promise((resolve) => {
      // In a later turn: what a client of Node writes within the event is left lying.
      tls.once('session', (session: Buffer) => void setImmediate(() => resolve(session)));
    });
  }

  /** DNS names of the certificate that the server showed. */
  get shown(): string | undefined {
    return this.tls.getPeerX509Certificate()?.subjectAltName;
  }
}

/** Begins a handshake on a socket; `options` of node:tls. Names are not looked at unless told. */
export function beginTls(socket: Socket, options: ConnectionOptions = {}): TlsClient {
  const tls = connectTls({
    socket, ca: AUTHORITY.cert, host: LOOPBACK, checkServerIdentity: () => undefined, ...options,
  });
  onTestFinished(() => void tls.destroy());
  return new TlsClient(tls);
}

/** A client whose handshake is complete, gone with its test. Rejects where it fails. */
export async function secured(place: Place, options: ConnectionOptions = {}): Promise<TlsClient> {
  const client = beginTls((await connected(place)).socket, options);
  await once(client.tls, 'secureConnect');
  return client;
}

/** Why a handshake failed, as the client sees it; '' where it did not. */
export async function failureOf(place: Place, options: ConnectionOptions = {}): Promise<string> {
  const { socket } = await connected(place);
  const client = beginTls(socket, options);
  return new Promise((resolve) => {
    client.tls.once('secureConnect', () => resolve(''));
    client.tls.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    client.tls.once('close', () => resolve('closed'));
  });
}
