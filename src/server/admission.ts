/**
 * What a socket is, before it is a connection: the PROXY header where one is due, then TLS or clear
 * text by the first octet, then the handshake. One port takes both.
 *
 *     accepted -- PROXY header --> first octet -- 0x16 --> handshake --> connection
 *                                        \-- another ----------------->
 *
 * It reads no further than it must and gives back what it read: a ClientHello is OpenSSL's alone.
 * Each stage has its deadline, whatever the progress. Where neither TLS nor PROXY is asked
 * for, a server has no admission, and a socket is a connection at once.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { ReceiveBuffer } from '../bytes/receive-buffer.ts';
import { asError } from '../errors.ts';
import type { TrustList } from '../http/trust-list.ts';
import type { Limits } from '../limits.ts';
import type { Clock, TlsFacts } from '../protocol.ts';
import type { TlsContexts } from '../tls/contexts.ts';
import { MORE, ProxyHeader, parseProxyHeader, type ProxiedEnds } from './proxy-protocol.ts';
import { TlsAcceptor, type HandshakeFailure, type TlsAcceptorHost } from './tls-acceptor.ts';

/** Why a socket never became a connection, as counters name it. */
export type RefusalReason =
  | HandshakeFailure | 'proxy header' | 'proxy untrusted' | 'silent' | 'handshake too slow'
  | 'handshakes crowded';

/** What became of a socket. */
export interface Admitted {
  readonly socket: Socket;
  readonly tls: TlsFacts | undefined;
  readonly ends: ProxiedEnds | undefined;
  /** The address that it was counted under when it was accepted. */
  readonly accepted: string;
}

export interface AdmissionHost {
  readonly clock: Clock;
  readonly limits: Limits;
  begin(admitted: Admitted): void;
  /** A socket that came to nothing is gone; `reason` is undefined where its peer just left. */
  lost(accepted: string, reason: RefusalReason | undefined, error: Error | undefined): void;
}

const TLS_HANDSHAKE = 0x16;

const PROXY = 0;
const FIRST = 1;
const HANDSHAKE = 2;

/** One socket on its way in. */
class Arrival {
  readonly socket: Socket;
  readonly accepted: string;
  stage: typeof PROXY | typeof FIRST | typeof HANDSHAKE;
  until: number;
  /** When it came to the stage it is at. */
  since: number;
  /** A PROXY header that is not complete. */
  readonly seen = new ReceiveBuffer();
  ends: ProxiedEnds | undefined;
  readonly received: (octets: Uint8Array) => void;
  readonly left: () => void;

  constructor(
    socket: Socket, stage: typeof PROXY | typeof FIRST, since: number, until: number,
    received: (arrival: Arrival, octets: Uint8Array) => void, left: (arrival: Arrival) => void,
  ) {
    this.socket = socket;
    this.accepted = socket.remoteAddress ?? '';
    this.stage = stage;
    this.since = since;
    this.until = until;
    this.received = (octets) => received(this, octets);
    this.left = () => left(this);
  }
}

export class Admission implements TlsAcceptorHost<Arrival> {
  readonly #host: AdmissionHost;
  readonly #acceptor: TlsAcceptor<Arrival> | undefined;
  readonly #proxies: TrustList | undefined;
  /** In the order of their coming. */
  readonly #arrivals = new Set<Arrival>();
  readonly #handshakes = new Set<Arrival>();
  readonly #header = new ProxyHeader();
  #shutDown = false;

  /** `proxies`: who must send a PROXY header, and nobody else may come. */
  constructor(
    host: AdmissionHost, contexts: TlsContexts | undefined, proxies: TrustList | undefined,
  ) {
    this.#host = host;
    this.#acceptor = contexts && new TlsAcceptor(contexts, this);
    this.#proxies = proxies;
  }

  get size(): number {
    return this.#arrivals.size;
  }

  get acceptor(): TlsAcceptor<Arrival> | undefined {
    return this.#acceptor;
  }

  /** Whether the address that counts is told by a PROXY header. */
  get isProxied(): boolean {
    return this.#proxies !== undefined;
  }

  admit(socket: Socket): void {
    const { limits, clock } = this.#host;
    const proxied = this.#proxies !== undefined;
    const now = clock.now();
    const until = now + (proxied ? limits.proxyHeaderMs : this.#firstMs);
    const stage = proxied ? PROXY : FIRST;
    const arrival = new Arrival(socket, stage, now, until, this.#received, this.#left);
    this.#arrivals.add(arrival);
    socket.on('error', ignored);
    socket.on('close', arrival.left);
    socket.on('end', arrival.left);
    if (this.#proxies?.trusts(arrival.accepted) === false) {
      this.#refuse(arrival, 'proxy untrusted', new Error('no trusted proxy (PROXY protocol §5)'));
      return;
    }
    socket.on('data', arrival.received);
  }

  tick(now: number): void {
    for (const arrival of this.#arrivals) {
      if (now < arrival.until) continue;
      const { limits } = this.#host;
      if (arrival.stage === HANDSHAKE) {
        const limit = `tlsHandshakeMs, ${limits.tlsHandshakeMs}`;
        this.#refuse(arrival, 'handshake too slow', new Error(`no handshake within ${limit}`));
      } else if (arrival.stage === PROXY) {
        const limit = `proxyHeaderMs, ${limits.proxyHeaderMs}`;
        this.#refuse(arrival, 'proxy header', new Error(`no PROXY header within ${limit}`));
      } else {
        const limit = `firstOctetMs, ${limits.firstOctetMs}`;
        this.#refuse(arrival, 'silent', new Error(`no octet within ${limit}`));
      }
    }
  }

  /** Closes the socket that has been silent longest, `ms` at least. False: there is none. */
  evict(ms: number): boolean {
    const before = this.#host.clock.now() - ms;
    for (const arrival of this.#arrivals) {
      if (arrival.stage !== FIRST || arrival.since > before) continue;
      arrival.socket.destroy();
      this.#forget(arrival, undefined, undefined);
      return true;
    }
    if (ms > 0) return false;
    // Better an unfinished handshake than nobody new.
    const [oldest] = this.#handshakes;
    if (oldest === undefined) return false;
    this.#refuse(oldest, 'handshakes crowded', new Error('over connections'));
    return true;
  }

  /** Who has said nothing has little time left, and handshakes not all of it. */
  shutdown(): void {
    this.#shutDown = true;
    const until = this.#host.clock.now() + this.#firstMs;
    for (const arrival of this.#arrivals) {
      const most = arrival.stage === FIRST ? until : this.#host.clock.now() + this.#drainMs;
      arrival.until = Math.min(arrival.until, most);
    }
  }

  destroyAll(): void {
    for (const { socket } of this.#arrivals) socket.destroy();
  }

  // TlsAcceptorHost

  secured(arrival: Arrival, socket: TLSSocket, tls: TlsFacts): void {
    this.#admitted(arrival, socket, tls);
  }

  failed(arrival: Arrival, reason: HandshakeFailure, error: Error): void {
    this.#forget(arrival, reason, error);
  }

  // Steps

  get #drainMs(): number {
    return this.#host.limits.drainMs / 2;
  }

  get #firstMs(): number {
    const { firstOctetMs, drainIdleMs } = this.#host.limits;
    return this.#shutDown ? Math.min(firstOctetMs, drainIdleMs) : firstOctetMs;
  }

  readonly #received = (arrival: Arrival, octets: Uint8Array): void => {
    if (arrival.stage === FIRST) {
      this.#firstOctet(arrival, octets);
      return;
    }
    const { seen } = arrival;
    seen.append(octets, 0, octets.length);
    try {
      const next = parseProxyHeader(seen.bytes, seen.start, seen.end, this.#header);
      if (next !== MORE) this.#proxied(arrival, seen.bytes.slice(next, seen.end));
    } catch (error) {
      this.#refuse(arrival, 'proxy header', asError(error));
    }
  };

  #proxied(arrival: Arrival, rest: Uint8Array): void {
    const { isProxied, address, port, localAddress, localPort } = this.#header;
    if (isProxied) arrival.ends = { address, port, localAddress, localPort };
    arrival.stage = FIRST;
    arrival.since = this.#host.clock.now();
    arrival.seen.clear();
    arrival.until = this.#host.clock.now() + this.#firstMs;
    if (this.#acceptor === undefined) this.#handOver(arrival, rest);
    else if (rest.length > 0) this.#firstOctet(arrival, rest);
  }

  #firstOctet(arrival: Arrival, octets: Uint8Array): void {
    if (octets[0] === TLS_HANDSHAKE && this.#acceptor !== undefined) {
      this.#handshake(arrival, this.#acceptor, octets);
    } else {
      this.#handOver(arrival, octets);
    }
  }

  #handshake(arrival: Arrival, acceptor: TlsAcceptor<Arrival>, octets: Uint8Array): void {
    const { limits, clock } = this.#host;
    this.#makeRoom(limits.tlsHandshakes);
    const { socket } = arrival;
    arrival.stage = HANDSHAKE;
    arrival.until = clock.now() + limits.tlsHandshakeMs;
    this.#handshakes.add(arrival);
    this.#giveBack(arrival, octets);
    try {
      acceptor.accept(socket, arrival);
    } catch (error) {
      this.#refuse(arrival, 'broken', asError(error));
    }
  }

  /** When all places are taken, the oldest handshake gives way. */
  #makeRoom(places: number): void {
    if (this.#handshakes.size < places) return;
    const [oldest] = this.#handshakes;
    const error = new Error(`over tlsHandshakes, ${places}`);
    if (oldest !== undefined) this.#refuse(oldest, 'handshakes crowded', error);
  }

  #handOver(arrival: Arrival, octets: Uint8Array): void {
    this.#giveBack(arrival, octets);
    this.#admitted(arrival, arrival.socket, undefined);
  }

  /** Puts back what was read: the next reader gets it as if it had just come. */
  #giveBack({ socket, received }: Arrival, octets: Uint8Array): void {
    socket.pause();
    socket.off('data', received);
    if (octets.length > 0) socket.unshift(octets);
  }

  #admitted(arrival: Arrival, socket: Socket, tls: TlsFacts | undefined): void {
    const { accepted, ends } = arrival;
    this.#release(arrival);
    this.#host.begin({ socket, tls, ends, accepted });
  }

  #refuse(arrival: Arrival, reason: RefusalReason, error: Error): void {
    this.#forget(arrival, reason, error);
    arrival.socket.destroy();
  }

  readonly #left = (arrival: Arrival): void => {
    // A handshake tells itself what became of it, but for a peer that just left.
    arrival.socket.destroy();
    this.#forget(arrival, undefined, undefined);
  };

  #forget(arrival: Arrival, reason: RefusalReason | undefined, error: Error | undefined): void {
    if (!this.#arrivals.has(arrival)) return;
    this.#release(arrival);
    this.#host.lost(arrival.accepted, reason, error);
  }

  #release(arrival: Arrival): void {
    const { socket } = arrival;
    this.#arrivals.delete(arrival);
    this.#handshakes.delete(arrival);
    socket.off('close', arrival.left);
    socket.off('end', arrival.left);
    socket.off('data', arrival.received);
  }
}

function ignored(): void {
  // An arrival that breaks closes, and that is what counts.
}
