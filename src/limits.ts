/**
 * Every number that defends the server, in one place: unit last in the name, the default, and
 * whose number it is. Read by protocols and by the connection manager; set by
 * `createServer(service, { limits })`. One strict mode: a limit can be moved, a check cannot.
 */

/** All limits and timeouts. Octets are counted on the wire; times are in ms of Clock.now(). */
export interface Limits {
  /** Request line without CRLF, octets; 414 above (RFC 9112 §3 wants at least 8000). */
  readonly requestLineBytes: number;
  /** Field lines of a head with their CRLF, octets; 431 above (RFC 6585 §5). */
  readonly fieldSectionBytes: number;
  /** Field lines of a head; 431 above. 100 as h2o, hyper and uWebSockets. */
  readonly fieldLines: number;
  /** Empty lines skipped before a request line; 400 above (RFC 9112 §2.2). */
  readonly leadingEmptyLines: number;
  /** Trailer field lines with their CRLF, octets; 431 above. */
  readonly trailerBytes: number;
  /** Trailer field lines; 431 above. */
  readonly trailerLines: number;
  /** Chunk size with its extensions, octets; 400 above (RFC 9112 §7.1.1; CVE-2024-22019). */
  readonly chunkLineBytes: number;
  /** Chunk extensions of one message in sum, octets; 400 above (CVE-2023-39326). */
  readonly chunkExtensionBytes: number;
  /** Content of a request, octets; 413 above. Infinity: streamed content has no bound. */
  readonly contentBytes: number;
  /** Content that `bytes`, `text` and `json` collect in memory, octets; 413 above. */
  readonly collectedBytes: number;
  /** Content received and not yet read by the handler, octets, at which the peer is paused. */
  readonly unreadBytes: number;

  /** From accept to the PROXY header, where one is due (its specification wants 3 s at least). */
  readonly proxyHeaderMs: number;
  /** From the first octet of a ClientHello to the end of the handshake. h2o's number. */
  readonly tlsHandshakeMs: number;
  /** Handshakes at once; then the oldest is closed. */
  readonly tlsHandshakes: number;
  /** From accept to the first octet; then closed without a word. */
  readonly firstOctetMs: number;
  /** From the first octet of a head to its end, whatever the progress; 408 (CVE-2007-6750). */
  readonly headMs: number;
  /** From the first octet of a request to the last of its content; 408. 300 s as Node. */
  readonly requestMs: number;
  /** Least mean rate of content, octets a second; 408 below. Kestrel's number. */
  readonly bodyRateBytesPerSecond: number;
  /** How long content may be slower than that. Kestrel's number. */
  readonly bodyRateGraceMs: number;
  /** A persistent connection with nothing to do; above the 60 s of common load balancers. */
  readonly idleMs: number;
  /** Requests of one connection; the last one is answered with `Connection: close`. */
  readonly requestsPerConnection: number;
  /** Requests of one HTTP/1.1 connection received and not yet answered (RFC 9112 §9.3.2). */
  readonly pipelinedRequests: number;
  /** Requests parsed by one entry; then other connections have their turn. */
  readonly requestsPerEntry: number;
  /** Interim responses of one request. */
  readonly interimResponses: number;
  /**
   * Content that is still due after an early answer and is worth reading to keep the connection.
   */
  readonly discardedBytes: number;

  /** Octets queued on a connection before `write` says false. Measured: half costs 2/5 of speed. */
  readonly writeQueueBytes: number;
  /** No octet taken by the peer for so long: the connection is destroyed (slow read). */
  readonly writeStallMs: number;
  /** Octets held on behalf of one connection, all protocols. */
  readonly ledgerBytes: number;
  /** After our FIN, how long the peer's octets are read and dropped (RFC 9112 §9.6). */
  readonly lingerMs: number;
  /** After our FIN, how many of the peer's octets are read and dropped. */
  readonly lingerBytes: number;
  /** Graceful close: how long what is begun may take. */
  readonly drainMs: number;
  /** Graceful close: how long an idle connection is watched for a request already on its way. */
  readonly drainIdleMs: number;

  /** Streams at once that a peer may open (RFC 9113 §5.1.2). */
  readonly http2Streams: number;
  /** Pushed streams at once, besides those that the peer opened (RFC 9113 §8.4). */
  readonly http2Pushes: number;
  /** Window of the connection, octets; credit beyond it is given as content is read. */
  readonly http2ConnectionWindowBytes: number;
  /** Window of a stream at first, octets, and how far it grows while the handler reads. */
  readonly http2StreamWindowBytes: number;
  readonly http2StreamWindowMaxBytes: number;
  /** CONTINUATION frames of one field block, and its octets (CVE-2024-27316). */
  readonly http2Continuations: number;
  readonly http2BlockBytes: number;
  /** Streams reset by the peer or for its fault: at once, then a second (CVE-2023-44487). */
  readonly http2Resets: number;
  readonly http2ResetsPerSecond: number;
  /** Frame headers and padding of DATA; content earns it back (CVE-2019-9518). */
  readonly http2OverheadBytes: number;
  readonly http2OverheadBytesPerSecond: number;
  /** PING, SETTINGS (each as 20) and their like; WINDOW_UPDATE likewise (CVE-2019-9512). */
  readonly http2ControlFrames: number;
  readonly http2ControlFramesPerSecond: number;
  /** Settings in one frame (CVE-2020-11080); nghttp2's number. */
  readonly http2SettingsPerFrame: number;
  /** From the start to the preface and the first SETTINGS. */
  readonly http2PrefaceMs: number;
  /** To the acknowledgement of our SETTINGS (RFC 9113 §6.5.3). */
  readonly http2SettingsMs: number;
  /** From the last octet of a peer whose streams are open to a PING: does it live? */
  readonly http2SilenceMs: number;
  /** To the answer of a PING (RFC 9113 §6.7). */
  readonly http2PingMs: number;

  /** A message of a WebSocket, octets, on the wire and inflated; 1009 above (RFC 6455 §10.4). */
  readonly webSocketMessageBytes: number;
  /** Frames of one message; 1008 above. */
  readonly webSocketFragments: number;
  /**
   * Octets sent and not yet taken, above which `send` waits and `trySend` is false. Counts from
   * `writeQueueBytes` up: below, nobody would say when there is room.
   */
  readonly webSocketQueueBytes: number;
  /** From the last octet of a peer to a Ping: does it live? */
  readonly webSocketPingMs: number;
  /** From the last octet of a peer to the end of a WebSocket. */
  readonly webSocketDeadMs: number;
  /** How long messages may wait for a program that reads, while the peer is stopped; then 1011. */
  readonly webSocketUnreadMs: number;
  /** From our Close frame to the peer's (RFC 6455 §7.1.1). */
  readonly webSocketCloseMs: number;
  /** How long a WebSocket may last, for who was let in once; 1008 after. Infinity: no bound. */
  readonly webSocketAgeMs: number;

  /**
   * Octets held for all peers in sum; above, requests are refused with 503 and REFUSED_STREAM
   * until it is less. Half of the least memory that servers are usually given.
   */
  readonly heldBytes: number;
  /** Connections at once; undefined: derived from the limit of descriptors. */
  readonly connections: number | undefined;
  /** Connections at once from one address; Infinity: no bound. */
  readonly connectionsPerAddress: number;
}

/** Limits in place of the defaults; undefined is the default. */
export type LimitChanges = { readonly [Name in keyof Limits]?: Limits[Name] | undefined };

const KIB = 1024;

export const DEFAULT_LIMITS: Limits = Object.freeze({
  requestLineBytes: 8 * KIB,
  fieldSectionBytes: 16 * KIB,
  fieldLines: 100,
  leadingEmptyLines: 2,
  trailerBytes: 4 * KIB,
  trailerLines: 32,
  chunkLineBytes: 256,
  chunkExtensionBytes: 4 * KIB,
  contentBytes: Infinity,
  collectedBytes: 1024 * KIB,
  unreadBytes: 128 * KIB,
  proxyHeaderMs: 3_000,
  tlsHandshakeMs: 10_000,
  tlsHandshakes: 512,
  firstOctetMs: 10_000,
  headMs: 15_000,
  requestMs: 300_000,
  bodyRateBytesPerSecond: 240,
  bodyRateGraceMs: 5_000,
  idleMs: 65_000,
  requestsPerConnection: 100_000,
  pipelinedRequests: 16,
  requestsPerEntry: 32,
  interimResponses: 8,
  discardedBytes: 256 * KIB,
  writeQueueBytes: 256 * KIB,
  writeStallMs: 30_000,
  ledgerBytes: 8 * KIB * KIB,
  lingerMs: 2_000,
  lingerBytes: 256 * KIB,
  drainMs: 10_000,
  drainIdleMs: 500,
  http2Streams: 100,
  http2Pushes: 16,
  http2ConnectionWindowBytes: 4 * KIB * KIB,
  http2StreamWindowBytes: 256 * KIB,
  http2StreamWindowMaxBytes: KIB * KIB,
  http2Continuations: 8,
  http2BlockBytes: 64 * KIB,
  http2Resets: 200,
  http2ResetsPerSecond: 33,
  http2OverheadBytes: 25 * KIB,
  http2OverheadBytesPerSecond: 4 * KIB,
  http2ControlFrames: 1000,
  http2ControlFramesPerSecond: 50,
  http2SettingsPerFrame: 32,
  http2PrefaceMs: 10_000,
  http2SettingsMs: 10_000,
  http2SilenceMs: 60_000,
  http2PingMs: 10_000,
  webSocketMessageBytes: KIB * KIB,
  webSocketFragments: 1024,
  webSocketQueueBytes: KIB * KIB,
  webSocketPingMs: 30_000,
  webSocketDeadMs: 60_000,
  webSocketUnreadMs: 300_000,
  webSocketCloseMs: 5_000,
  webSocketAgeMs: Infinity,
  heldBytes: 256 * KIB * KIB,
  connections: undefined,
  connectionsPerAddress: Infinity,
});

/** Offsets in a head are kept in 16 bits (http1/field-lines.ts), so a head cannot be longer. */
const HEAD_BYTES_MAX = 60 * KIB;
/** A line has at least a name, a colon and CRLF; room for all of them is made beforehand. */
const LINES_MAX = HEAD_BYTES_MAX / 4;

/** The largest window that can be (RFC 9113 §6.9.1). */
const WINDOW_MAX = 0x7fff_ffff;

const WINDOWS = [
  'http2StreamWindowBytes', 'http2StreamWindowMaxBytes', 'http2ConnectionWindowBytes',
] as const;

/** Limits that let nothing through when they are 0. */
const LEAST: Partial<Record<keyof Limits, 1>> = {
  requestLineBytes: 1, unreadBytes: 1, requestsPerConnection: 1, pipelinedRequests: 1,
  requestsPerEntry: 1, tlsHandshakes: 1, http2Streams: 1, http2StreamWindowBytes: 1,
};

/**
 * The defaults, or `base`, with some replaced. Throws a TypeError that says which is unknown or not
 * a count.
 */
export function limitsFrom(
  changes: LimitChanges = {}, base: Limits = DEFAULT_LIMITS,
): Limits {
  if (typeof changes !== 'object' || changes === null) {
    throw new TypeError('limits are an object, such as { idleMs: 5000 }');
  }
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) {
      const known = Object.keys(DEFAULT_LIMITS).join(', ');
      throw new TypeError(`unknown limit ${name}; known are ${known}`);
    }
    if (value === undefined) continue;
    if (typeof value !== 'number' || !(value >= 0)) {
      const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
      throw new TypeError(`limit ${name} must be a number of at least 0, not ${shown}`);
    }
    if (value < (LEAST[name as keyof Limits] ?? 0)) {
      throw new TypeError(`limit ${name} must be at least 1: with 0 nothing is ever answered`);
    }
    if (!Number.isInteger(value) && value !== Infinity) {
      throw new TypeError(`limit ${name} must be a whole number, not ${value}`);
    }
  }
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const limits: Limits = Object.freeze({ ...base, ...Object.fromEntries(given) });
  const head = limits.requestLineBytes + limits.fieldSectionBytes;
  bound('requestLineBytes + fieldSectionBytes', head, HEAD_BYTES_MAX, 'octets');
  bound('trailerBytes', limits.trailerBytes, HEAD_BYTES_MAX, 'octets');
  bound('fieldLines', limits.fieldLines, LINES_MAX, 'lines');
  bound('trailerLines', limits.trailerLines, LINES_MAX, 'lines');
  for (const name of WINDOWS) bound(name, limits[name], WINDOW_MAX, 'octets');
  return limits;
}

function bound(name: string, value: number, most: number, unit: string): void {
  if (value > most) throw new TypeError(`limits: ${name} must not be over ${most} ${unit}`);
}
