/**
 * TLS on sockets that others accepted: one tls.Server that never listens, given one socket after
 * the other, so that OpenSSL alone reads the ClientHello and Node's native path is kept.
 *
 * It says which protocol ALPN chose and what the handshake agreed; deadlines and caps are
 * admission.ts's.
 */
import { randomBytes } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import type { Socket } from 'node:net';
import { Server, type SecureContext, type TLSSocket } from 'node:tls';
import type { ClientCertificate, TlsFacts } from '../protocol.ts';
import type { CertificateEntry } from '../tls/certificate-entry.ts';
import type { CertificateSet, TlsContexts } from '../tls/contexts.ts';

/** Why a handshake came to nothing, as counters name it. */
export type HandshakeFailure =
  | 'broken' | 'gone' | 'no protocol' | 'no version or suite' | 'no name' | 'no certificate';

/** What a server does with TLS while it runs. */
export type TlsControl = Pick<
  TlsAcceptor<never>, 'reload' | 'setTicketKey' | 'serves' | 'watch' | 'unwatch'
>;

/** Hears what became of each handshake; `Arrival` is what it knows the socket by. */
export interface TlsAcceptorHost<Arrival> {
  /** The handshake is complete; the socket is the peer's octets in clear from here on. */
  secured(arrival: Arrival, socket: TLSSocket, facts: TlsFacts): void;
  failed(arrival: Arrival, reason: HandshakeFailure, error: Error): void;
}

/** A ticket is good for so long, and so is the key that it was made with (RFC 9325 §3.4). */
const TICKET_KEY_MS = 12 * 60 * 60 * 1000;
const WATCH_MS = 5000;
const TICKET_KEY_BYTES = 48;

/** By what a socket is known on both sides of its handshake; '' for a Unix socket. */
function keyOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return remoteAddress === undefined ? '' : `${remoteAddress} ${remotePort} ${localPort}`;
}

export class TlsAcceptor<Arrival> {
  readonly #contexts: TlsContexts;
  readonly #host: TlsAcceptorHost<Arrival>;
  readonly #server: Server;
  /** Handshakes that are not over, by the ends of their sockets. */
  readonly #arrivals = new Map<string, Arrival>();
  /** Keys that were handed in are for whoever did so to change. */
  readonly #rotates: boolean;
  #rotateAt: number;
  #watched: string[] = [];

  constructor(contexts: TlsContexts, host: TlsAcceptorHost<Arrival>) {
    this.#contexts = contexts;
    this.#host = host;
    const { ticketKey } = contexts.options;
    this.#rotates = ticketKey === undefined;
    this.#rotateAt = Date.now() + TICKET_KEY_MS;
    this.#server = this.#makeServer((socket) => {
      const key = keyOf(socket);
      const arrival = this.#arrivals.get(key);
      this.#arrivals.delete(key);
      return arrival;
    });
    this.#server.setTicketKeys(Buffer.from(ticketKey ?? randomBytes(TICKET_KEY_BYTES)));
  }

  /** Begins a handshake on a socket whose first octets are still to be read. */
  accept(socket: Socket, arrival: Arrival): void {
    if (this.#rotates && Date.now() >= this.#rotateAt) this.setTicketKey();
    const key = keyOf(socket);
    if (key === '') {
      // A Unix socket has no address to be known by: it gets a server of its own.
      this.#makeServer(() => arrival).emit('connection', socket);
      return;
    }
    this.#arrivals.set(key, arrival);
    socket.on('close', () => {
      if (this.#arrivals.get(key) === arrival) this.#arrivals.delete(key);
    });
    this.#server.emit('connection', socket);
  }

  /** Session tickets are made and read with another key from here on. */
  setTicketKey(key: Uint8Array = randomBytes(TICKET_KEY_BYTES)): void {
    this.#server.setTicketKeys(Buffer.from(key));
    this.#rotateAt = Date.now() + TICKET_KEY_MS;
  }

  /** Loads the files anew; throws, and changes nothing, where one is bad. */
  reload(): void {
    this.#contexts.reload();
    this.#server.setSecureContext(this.#contexts.current.first.contextOptions);
  }

  /** Whether a redirect to https would come to a certificate for that authority. */
  serves(authority: string): boolean {
    const { current } = this.#contexts;
    return current.entries.some((entry) => current.serves(entry, authority));
  }

  /** Loads anew when files change, until `unwatch`; `failed` hears of bad ones. */
  watch(failed: (error: unknown) => void): void {
    const changed = (): void => {
      try {
        this.reload();
      } catch (error) {
        failed(error);
      }
    };
    this.#watched = this.#contexts.files;
    for (const file of this.#watched) {
      watchFile(file, { interval: WATCH_MS, persistent: false }, changed);
    }
  }

  unwatch(): void {
    for (const file of this.#watched) unwatchFile(file);
    this.#watched = [];
  }

  #makeServer(arrivalOf: (socket: TLSSocket) => Arrival | undefined): Server {
    const { first } = this.#contexts.current;
    const server = new Server({
      ...first.contextOptions,
      ALPNProtocols: ['h2', 'http/1.1'],
      SNICallback: (name, done) => this.#selectContext(name, done),
      requestCert: this.#contexts.asksClients,
      // Each name has its own policy: it is looked at when the name is known.
      rejectUnauthorized: false,
      handshakeTimeout: 0,
      sessionTimeout: TICKET_KEY_MS / 1000,
    });
    server.on('secureConnection', (socket) => {
      const arrival = arrivalOf(socket);
      if (arrival === undefined) abandon(socket);
      else this.#secured(arrival, socket);
    });
    server.on('tlsClientError', (error, socket) => {
      const arrival = arrivalOf(socket);
      socket.destroy();
      if (arrival !== undefined) this.#host.failed(arrival, reasonOf(error), error);
    });
    return server;
  }

  #selectContext(
    name: string, done: (error: Error | null, context?: SecureContext) => void,
  ): void {
    const entry = this.#contexts.current.select(name);
    if (entry === undefined) done(new UnknownNameError('no certificate has the server name'));
    else done(null, entry.context);
  }

  #secured(arrival: Arrival, socket: TLSSocket): void {
    const { current } = this.#contexts;
    const serverName = nameOf(socket);
    const entry = current.select(serverName) ?? current.first;
    if (entry.clientCertificates === 'require' && !socket.authorized) {
      const cause = socket.authorizationError?.toString() ?? 'none was shown';
      abandon(socket);
      this.#host.failed(arrival, 'no certificate', new Error(`the client's certificate: ${cause}`));
      return;
    }
    this.#host.secured(arrival, socket, new SocketTlsFacts(socket, serverName, current, entry));
  }
}

class UnknownNameError extends Error {}

function abandon(socket: TLSSocket): void {
  socket.on('error', () => {});
  socket.destroy();
}

/** The server name that the client asked for; node gives false where there is none. */
function nameOf(socket: TLSSocket): string {
  const { servername } = socket as { servername?: string | false | null };
  return typeof servername === 'string' ? servername : '';
}

function reasonOf(error: NodeJS.ErrnoException): HandshakeFailure {
  if (error instanceof UnknownNameError) return 'no name';
  switch (error.code) {
    case 'ECONNRESET': case 'EPIPE': case 'ETIMEDOUT': return 'gone';
    case 'ERR_SSL_NO_APPLICATION_PROTOCOL': return 'no protocol';
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL': case 'ERR_SSL_VERSION_TOO_LOW':
    case 'ERR_SSL_NO_SHARED_CIPHER': case 'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM':
    case 'ERR_SSL_NO_SUITABLE_KEY_SHARE': return 'no version or suite';
    default: return 'broken';
  }
}

/** What a handshake agreed, read once: a socket that was closed can no longer be asked. */
class SocketTlsFacts implements TlsFacts {
  readonly version: string;
  readonly cipher: string;
  readonly alpn: string;
  readonly serverName: string;
  readonly resumed: boolean;
  readonly clientCertificate: ClientCertificate | undefined;
  readonly #set: CertificateSet;
  readonly #entry: CertificateEntry;

  constructor(
    socket: TLSSocket, serverName: string, set: CertificateSet, entry: CertificateEntry,
  ) {
    this.version = socket.getProtocol() ?? '';
    this.cipher = socket.getCipher().standardName;
    this.alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : '';
    this.serverName = serverName;
    this.resumed = socket.isSessionReused();
    this.clientCertificate = entry.clientCertificates && clientCertificate(socket);
    this.#set = set;
    this.#entry = entry;
  }

  serves(authority: string): boolean {
    return this.#set.serves(this.#entry, authority);
  }
}

function clientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  const shown = socket.getPeerX509Certificate();
  if (shown === undefined) return undefined;
  const { subject, subjectAltName, issuer, serialNumber, fingerprint256, validTo, raw } = shown;
  return {
    authorized: socket.authorized,
    subject, subjectAltName, issuer, serialNumber, fingerprint256, validTo, raw,
  };
}
