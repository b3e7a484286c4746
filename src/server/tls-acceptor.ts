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
import { Server, TLSSocket, type SecureContext } from 'node:tls';
import type { ClientCertificate, TlsFacts } from '../protocol.ts';
import type { CertificateEntry } from '../tls/certificate-entry.ts';
import {
  TICKET_KEY_BYTES, checkTicketKey, type CertificateSet, type TlsContexts,
} from '../tls/contexts.ts';

/** Why a handshake came to nothing, as counters name it. */
export type HandshakeFailure =
  | 'broken' | 'no protocol' | 'no version or suite' | 'no name' | 'no certificate';

/** What a server does with TLS while it runs. */
export type TlsControl = Pick<
  TlsAcceptor<never>, 'reload' | 'setTicketKey' | 'serves' | 'asksAt' | 'watch' | 'unwatch'
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
const TIMER_MAX_MS = 0x7fff_ffff;

type SelectContext = (
  set: CertificateSet, socket: unknown, name: string,
  done: (error: Error | null, context?: SecureContext) => void,
) => void;

/** By what a socket is known on both sides of its handshake; '' for a Unix socket. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  // All four: a peer may use one port of its own for two addresses of ours.
  return remoteAddress === undefined
    ? ''
    : `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

export class TlsAcceptor<Arrival> {
  readonly #contexts: TlsContexts;
  readonly #host: TlsAcceptorHost<Arrival>;
  #server: Server;
  /** Handshakes that are not over, by the ends of their sockets. */
  readonly #arrivals = new Map<string, Arrival>();
  /** By what sockets were known whose names were refused. */
  readonly #refused = new WeakMap<TLSSocket, string>();
  /** The certificate that each handshake was made with, where its client named a server. */
  readonly #chosen = new WeakMap<TLSSocket, CertificateEntry>();
  /** Keys that were handed in are for whoever did so to change. */
  readonly #rotates: boolean;
  #ticketKey: Buffer;
  #rotateAt: number;
  #unwatch = (): void => {};

  constructor(contexts: TlsContexts, host: TlsAcceptorHost<Arrival>) {
    this.#contexts = contexts;
    this.#host = host;
    const { ticketKey } = contexts.options;
    this.#rotates = ticketKey === undefined;
    this.#ticketKey = Buffer.from(ticketKey ?? randomBytes(TICKET_KEY_BYTES));
    this.#rotateAt = Date.now() + TICKET_KEY_MS;
    this.#server = this.#makeServer(contexts.current, this.#arrivalOf);
  }

  /** Begins a handshake on a socket whose first octets are still to be read. */
  accept(socket: Socket, arrival: Arrival): void {
    if (this.#rotates && Date.now() >= this.#rotateAt) this.setTicketKey();
    const key = keyOf(socket);
    // Who closes its side within a handshake has gone; only what is said after one can be half.
    socket.allowHalfOpen = false;
    if (key === '') {
      // A Unix socket has no address to be known by: it gets a server of its own.
      this.#makeServer(this.#contexts.current, () => arrival).emit('connection', socket);
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
    checkTicketKey(key, 'a ticket key');
    this.#ticketKey = Buffer.from(key);
    this.#server.setTicketKeys(this.#ticketKey);
    this.#rotateAt = Date.now() + TICKET_KEY_MS;
  }

  /** Loads the files anew; throws, and changes nothing, where one is bad. */
  reload(): void {
    const next = this.#contexts.load();
    // In place of setSecureContext: handshakes that have begun go on with what they began with.
    this.#server = this.#makeServer(next, this.#arrivalOf);
    this.#contexts.current = next;
  }

  /** Whether a redirect to https would come to a certificate for that authority. */
  serves(authority: string): boolean {
    const { current } = this.#contexts;
    return current.entries.some((entry) => current.serves(entry, authority));
  }

  /** Whether clients must show a certificate where an authority is served. */
  asksAt(authority: string): boolean {
    return this.#contexts.current.asksAt(authority);
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
    const { files } = this.#contexts;
    for (const file of files) watchFile(file, { interval: WATCH_MS, persistent: false }, changed);
    // Another server of the process may watch the same files.
    this.#unwatch = () => files.forEach((file) => unwatchFile(file, changed));
  }

  unwatch(): void {
    this.#unwatch();
  }

  readonly #arrivalOf = (socket: TLSSocket): Arrival | undefined => {
    const key = this.#refused.get(socket) ?? keyOf(socket);
    const arrival = this.#arrivals.get(key);
    this.#arrivals.delete(key);
    return arrival;
  };

  /** Handshakes by the certificates of now. */
  #makeServer(
    set: CertificateSet, arrivalOf: (socket: TLSSocket) => Arrival | undefined,
  ): Server {
    const selectContext = this.#selectContext;
    const server = new Server({
      ...set.first.contextOptions,
      ALPNProtocols: ['h2', 'http/1.1'],
      // Node calls it on the socket of the handshake.
      SNICallback(name, done) { selectContext(set, this, name, done); },
      requestCert: this.#contexts.asksClients,
      // Each name has its own policy: it is looked at when the name is known.
      rejectUnauthorized: false,
      // Deadlines are admission.ts's; 0 would be Node's own.
      handshakeTimeout: TIMER_MAX_MS,
      sessionTimeout: TICKET_KEY_MS / 1000,
    });
    server.setTicketKeys(this.#ticketKey);
    server.on('secureConnection', (socket) => {
      const arrival = arrivalOf(socket);
      if (arrival === undefined) abandon(socket);
      else this.#secured(set, arrival, socket);
    });
    server.on('tlsClientError', (error, socket) => {
      const arrival = arrivalOf(socket);
      socket.destroy();
      if (arrival !== undefined) this.#host.failed(arrival, reasonOf(error), error);
    });
    return server;
  }

  readonly #selectContext: SelectContext = (set, socket, name, done) => {
    const entry = set.select(name);
    if (entry !== undefined) {
      if (socket instanceof TLSSocket) this.#chosen.set(socket, entry);
      done(null, entry.context);
      return;
    }
    // Its failure is told when it is destroyed, and has no address.
    if (socket instanceof TLSSocket) this.#refused.set(socket, keyOf(socket));
    done(new UnknownNameError(NO_NAME));
  };

  #secured(set: CertificateSet, arrival: Arrival, socket: TLSSocket): void {
    const serverName = nameOf(socket);
    const entry = set.select(serverName);
    if (entry === undefined) {
      // Whoever resumes is not asked for by SNICallback.
      abandon(socket);
      this.#host.failed(arrival, 'no name', new UnknownNameError(NO_NAME));
      return;
    }
    // Where SNICallback did not run, the handshake was the first certificate's. A client can name
    // another one in its second ClientHello, whose policy nobody has looked at (RFC 8446 §4.1.2).
    const used = this.#chosen.get(socket) ?? set.first;
    if (used !== entry && (!socket.isSessionReused() || entry.clientCertificates !== undefined)) {
      abandon(socket);
      const message = 'the server name changed within the handshake (RFC 8446 §4.1.2)';
      this.#host.failed(arrival, 'no name', new Error(message));
      return;
    }
    if (entry.clientCertificates === 'require' && !socket.authorized) {
      const cause = socket.getPeerX509Certificate() === undefined
        ? 'none was shown'
        : String(socket.authorizationError);
      abandon(socket);
      this.#host.failed(arrival, 'no certificate', new Error(`the client's certificate: ${cause}`));
      return;
    }
    socket.allowHalfOpen = true;
    this.#host.secured(arrival, socket, new SocketTlsFacts(socket, serverName, set, entry));
  }
}

const NO_NAME = 'no certificate has the server name';

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
  /** Any of which may be the one that answers. */
  readonly #entries: readonly CertificateEntry[];

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
    // OpenSSL does not tell the name of a session of TLS 1.2 that was resumed. Where clients show
    // certificates none is resumed, so no policy is got around.
    const isNameLost = this.resumed && this.version === 'TLSv1.2' && serverName === '';
    this.#entries = isNameLost ? set.entries : [entry];
  }

  serves(authority: string): boolean {
    return this.#entries.some((entry) => this.#set.serves(entry, authority));
  }
}

function clientCertificate(socket: TLSSocket): ClientCertificate | undefined {
  const shown = socket.getPeerX509Certificate();
  if (shown === undefined) return undefined;
  const { subject, subjectAltName, issuer, serialNumber, fingerprint256, validTo, raw } = shown;
  const told = {
    authorized: socket.authorized,
    subject, subjectAltName, issuer, serialNumber, fingerprint256, validTo,
  };
  return Object.defineProperty(told, 'raw', { value: raw }) as ClientCertificate;
}
