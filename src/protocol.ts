/**
 * The one contract between the layers: what carries octets (Transport), and what gives them a
 * meaning (Protocol). Types only.
 *
 * A Protocol never sees a socket, a timer or an emitter, so that it runs as well in a test, a
 * worker or a browser. A Transport is a connection (server/connection.ts), its stand-in for tests
 * (testing/memory-transport.ts), or the tunnel of an HTTP/2 stream (RFC 8441).
 *
 * The laws of re-entrancy, which every Transport keeps and every Protocol may lean on:
 *
 * 1. No method of a Transport calls the Protocol back before it returns. What settles outside an
 *    entry (a handler, a pull, a credit) goes on the protocol's own list, and `defer` brings the
 *    protocol back in.
 * 2. Every entry (each method of Protocol) goes through one guard: what it throws becomes a call of
 *    `failed`, and what that throws destroys the connection. Nothing reaches the process.
 * 3. `become` acts at the end of the entry. The old protocol's charges are given back and it is
 *    told nothing more; a pause ends; the next is told of a shutdown already seen, then gets the
 *    rest, then is told of an end of input already seen.
 * 4. What is written inside an entry leaves at its end, in one write; what user code writes outside
 *    one leaves at the end of the microtask queue.
 * 5. Once `write` has said false, `drained` comes exactly once, in a later turn.
 */

/** What TLS agreed on, where the connection has it. */
export interface TlsFacts {
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly version: string;
  /** The cipher suite by its standard name. */
  readonly cipher: string;
  /** The protocol that ALPN chose, '' for none (RFC 7301). */
  readonly alpn: string;
  /** The server name that the client asked for, '' for none (RFC 6066 §3). */
  readonly serverName: string;
  /** Whether the session was resumed. */
  readonly resumed: boolean;
  /** What the client showed, where it was asked to; undefined where it showed none. */
  readonly clientCertificate: ClientCertificate | undefined;
  /** Whether an authority is one that this connection's certificate answers for (RFC 9110 §7.4). */
  serves(authority: string): boolean;
}

/** A certificate that a client showed, as node:crypto's X509Certificate tells it. */
export interface ClientCertificate {
  /** Whether its issuer is one of those that were configured, and it is in its time. */
  readonly authorized: boolean;
  readonly subject: string;
  readonly subjectAltName: string | undefined;
  readonly issuer: string;
  readonly serialNumber: string;
  readonly fingerprint256: string;
  readonly validTo: string;
  /** DER. Not enumerable: as JSON, and in a log, it would be a thousand numbers. */
  readonly raw: Uint8Array;
}

/** The two ends of a connection. Addresses are '' and ports 0 on a Unix socket. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Whether the octets are protected by TLS. */
  readonly secure: boolean;
  readonly tls: TlsFacts | undefined;
}

/** Time as the protocols see it. */
export interface Clock {
  /**
   * Coarse monotonic milliseconds, stepped by the manager's one timer. Time in which the process
   * could not read (a blocked loop, a suspended machine) hardly counts: it is not the peer's fault.
   */
  now(): number;
  /** The date as IMF-fixdate (RFC 9110 §5.6.7), rendered once a second. */
  date(): string;
  /** Calls at or soon after `time` (of `now`); returns the function that cancels. */
  at(time: number, call: () => void): () => void;
}

/** Octets out, and the way back in. */
export interface Transport {
  readonly peer: Peer;
  readonly clock: Clock;
  /** Octets written and not yet taken by the kernel, or by the window of a stream. */
  readonly queuedBytes: number;
  /** The process holds more for its peers than it should: begin nothing new. */
  readonly crowded: boolean;
  /**
   * Queues octets, which are the transport's from now on; a string goes out as latin1. False: more
   * than `writeQueueBytes` are queued, and `drained` will come. After `end` or the close, dropped.
   */
  write(octets: Uint8Array | string): boolean;
  /** Owns a part of what `receive` lent: a view, or a copy where the part is small in its slab. */
  keep(bytes: Uint8Array, start: number, end: number): Uint8Array;
  /**
   * Accounts octets held on behalf of the peer; negative gives back. False: the connection holds
   * more than `ledgerBytes`, and the caller ends whatever made it hold them. `isOutput`: they wait
   * to leave, which other bounds hold; they are counted with those of the process alone.
   */
  charge(octets: number, isOutput?: boolean): boolean;
  /** Stops and restarts `receive`. The octets of one read may still come after `pause`. */
  pause(): void;
  resume(): void;
  /**
   * Asks for one call of `proceed`, in a later turn. Asking again before it comes changes nothing.
   */
  defer(): void;
  /** Asks for one call of `flush`, before this turn's octets leave. */
  gather(): void;
  /**
   * No more will be written: FIN after what is queued. The protocol receives nothing more; what the
   * peer still sends is read and dropped for a while, so that a reset cannot take the last octets
   * away from it (RFC 9112 §9.6). `lingerBytes`: how much of it, where that is more than the limit
   * of that name.
   */
  end(lingerBytes?: number): void;
  /** Ends both directions at once; what is queued and cannot leave at once is lost. */
  destroy(cause?: Error): void;
}

/** A transport whose protocol can change; the tunnel of a stream never switches. */
export interface ConnectionTransport extends Transport {
  /** Hands the connection to another protocol, with the octets after the switch, lent. One way. */
  become(next: ProtocolFactory<ConnectionTransport>, rest: Uint8Array): void;
}

/** What a connection speaks. Each method is an entry. */
export interface Protocol {
  /** Nothing is begun and nothing is owed: the connection can be closed without a loss. */
  readonly idle: boolean;
  /** Octets from the peer, lent for the call: owned only through `keep`, and may be overwritten. */
  receive(bytes: Uint8Array): void;
  /** What `defer` asked for. */
  proceed(): void;
  /** The queue is short again after `write` said false. */
  drained(): void;
  /** The peer will send no more; it may still read. */
  eof(): void;
  /** What `gather` asked for: the last chance to write into this turn. */
  flush(): void;
  /** About four times a second, at `now` of the clock. */
  tick(now: number): void;
  /** The server is closing: finish what is begun, start nothing. */
  shutdown(): void;
  /** What an entry threw. Only the protocol can put it in the peer's terms. */
  failed(cause: Error): void;
  /** The last call: the connection is gone. `cause` is undefined after an orderly end. */
  closed(cause: Error | undefined): void;
}

/** Makes the protocol of one transport. It may write at once; it is not an entry of its own. */
export type ProtocolFactory<T extends Transport = Transport> = (transport: T) => Protocol;
