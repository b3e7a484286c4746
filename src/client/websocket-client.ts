/**
 * A client of WebSocket over HTTP/1.1 (RFC 6455 §4.1): `connectWebSocket`. The session that it
 * gives is the server's own class, on the same core.
 */
import { randomBytes, randomFillSync } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { asError, knowsOnly } from '../errors.ts';
import type { FieldsInit } from '../http/fields.ts';
import { limitsFrom, type LimitChanges, type Limits } from '../limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../protocol.ts';
import { Connection } from '../server/connection.ts';
import { deflateOptions, type DeflateChanges } from '../websocket/deflate-parameters.ts';
import type { Agreement } from '../websocket/handshake.ts';
import { checkMessageKind, type MessageKind } from '../websocket/message-assembler.ts';
import { maskingKeys } from '../websocket/mask.ts';
import { WebSocketProtocol, type Closure } from '../websocket/protocol.ts';
import { WebSocketSession } from '../websocket/session.ts';
import { processZlib } from '../websocket/zlib-budget.ts';
import { connectionHost, watch } from './connections.ts';
import { Opening, openingHead, type OpeningOptions } from './opening.ts';

export interface ConnectOptions {
  /** Subprotocols offered, the most wanted first. */
  readonly subprotocols?: readonly string[] | undefined;
  /** Offers to compress messages (RFC 7692): true, or how. Default false. */
  readonly deflate?: boolean | DeflateChanges | undefined;
  /** Further fields of the request, such as `cookie` or `authorization`. */
  readonly fields?: FieldsInit | undefined;
  readonly accepts?: MessageKind | undefined;
  readonly limits?: LimitChanges | undefined;
  /** For `wss:`, as node:tls has it: `ca`, `servername`, `cert` and `key`, ... */
  readonly tls?: ConnectionOptions | undefined;
  /** Gives the attempt up. Has no effect on a session that is open. */
  readonly signal?: AbortSignal | undefined;
}

const NAMES = ['subprotocols', 'deflate', 'fields', 'accepts', 'limits', 'tls', 'signal'];
const TIMER_MAX_MS = 0x7fff_ffff;
const nextKey = maskingKeys(randomFillSync);

/**
 * Opens a WebSocket over HTTP/1.1: `ws:` or `wss:` (also `http:` and `https:`). Rejects where the
 * server cannot be reached, refuses (a HandshakeRefusedError with its status) or answers what it
 * may not. Throws a TypeError for a URL or options that cannot be.
 */
export function connectWebSocket(
  url: string | URL, options: ConnectOptions = {},
): Promise<WebSocketSession> {
  const where = targetOf(url);
  check(options);
  const attempt = new Attempt(where, options);
  return attempt.opened;
}

/** What would be found out too late, or never. */
function check(options: ConnectOptions): void {
  knowsOnly(options, NAMES, 'connectWebSocket');
  const { subprotocols, accepts, signal } = options;
  if (subprotocols !== undefined && !Array.isArray(subprotocols)) {
    throw new TypeError("subprotocols are a list, such as ['chat']");
  }
  checkMessageKind(accepts);
  if (signal !== undefined && typeof signal.aborted !== 'boolean') {
    throw new TypeError('signal is an AbortSignal, such as AbortSignal.timeout(5000)');
  }
}

interface Where {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  readonly target: string;
}

/** RFC 6455 §3. */
function targetOf(given: string | URL): Where {
  const url = new URL(given);
  const isSecure = url.protocol === 'wss:' || url.protocol === 'https:';
  if (!isSecure && url.protocol !== 'ws:' && url.protocol !== 'http:') {
    throw new TypeError(`${url.protocol} is no scheme of WebSocket: use ws: or wss:`);
  }
  if (url.hash !== '') throw new TypeError('a WebSocket URL has no fragment (RFC 6455 §3)');
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('a WebSocket URL has no user: send an authorization field');
  }
  return {
    isSecure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    authority: url.host,
    target: `${url.pathname}${url.search}`,
  };
}

class Attempt {
  readonly opened: Promise<WebSocketSession>;
  readonly #options: ConnectOptions;
  readonly #limits: Limits;
  readonly #opening: OpeningOptions;
  readonly #head: string;
  #resolve!: (session: WebSocketSession) => void;
  #reject!: (error: Error) => void;

  constructor(where: Where, options: ConnectOptions) {
    const { subprotocols = [], deflate = false } = options;
    this.#options = options;
    this.#limits = limitsFrom(options.limits);
    this.#opening = {
      limits: this.#limits,
      target: where.target,
      authority: where.authority,
      fields: options.fields ?? {},
      offer: {
        key: randomBytes(16).toString('base64'),
        subprotocols,
        deflate: deflate === false ? undefined : deflateOptions(deflate),
      },
      agreed: (agreement) => this.#session(agreement),
      refused: (error) => this.#reject(error),
    };
    this.#head = openingHead(this.#opening);
    this.opened = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#connect(where);
  }

  #connect({ isSecure, host, port }: Where): void {
    const { signal, tls } = this.#options;
    if (signal?.aborted === true) {
      this.#reject(asError(signal.reason));
      return;
    }
    // Whoever has ended its side may still be owed what was sent.
    const to = { host, port, allowHalfOpen: true };
    const socket: Socket = isSecure
      ? connectTls({ ...to, servername: nameOf(host), ALPNProtocols: ['http/1.1'], ...tls })
      : connectTcp(to);
    this.#boundConnect(socket, isSecure);
    socket.setNoDelay(true);
    const abort = (): void => void socket.destroy(asError(signal?.reason));
    const failed = (error: Error): void => this.#reject(explained(error));
    socket.once('error', failed);
    signal?.addEventListener('abort', abort, { once: true });
    const forget = (): void => signal?.removeEventListener('abort', abort);
    this.opened.then(forget, forget);
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      watch(new Connection(socket, connectionHost(this.#limits), (transport) =>
        new Opening(transport, this.#head, this.#opening)));
    });
  }

  /** node:tls would wait for ever, and TCP for minutes. */
  #boundConnect(socket: Socket, isSecure: boolean): void {
    const name = isSecure ? 'tlsHandshakeMs' : 'headMs';
    const ms = this.#limits[name];
    const timer = setTimeout(() => {
      const what = isSecure ? 'TLS handshake' : 'connection';
      socket.destroy(new Error(`there was no ${what} within ${name}, ${ms}`));
    }, Math.min(ms, TIMER_MAX_MS));
    const stop = (): void => clearTimeout(timer);
    socket.once(isSecure ? 'secureConnect' : 'connect', stop).once('close', stop);
  }

  #session(agreed: Agreement): ProtocolFactory<ConnectionTransport> {
    return (transport) => {
      let end!: (closure: Closure) => void;
      const closed = new Promise<Closure>((resolve) => { end = resolve; });
      const deflate = this.#opening.offer.deflate;
      const wire = new WebSocketProtocol(transport, {
        limits: this.#limits, accepts: this.#options.accepts, drainCode: 1001, zlib: processZlib,
        nextKey,
        deflate: agreed.deflate &&
          { ...agreed.deflate, thresholdBytes: deflate?.thresholdBytes ?? 0 },
        drainDelay: () => 0,
        draining: () => {},
        // A listener that throws is the program's uncaught exception, by Node's rule.
        failed: (error) => queueMicrotask(() => { throw error; }),
        broken: () => {},
        refused: () => {},
        ended: (closure) => end(closure),
      });
      const isCompressed = agreed.deflate !== undefined;
      this.#resolve(
        new WebSocketSession(wire, closed, undefined, agreed.subprotocol, isCompressed),
      );
      return wire;
    };
  }
}

/** OpenSSL's own words for octets that are no TLS help nobody. */
function explained(error: NodeJS.ErrnoException): Error {
  if (error.code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    return new Error('the server speaks no TLS there: use ws:', { cause: error });
  }
  if (error.code === 'SELF_SIGNED_CERT_IN_CHAIN') {
    const how = 'give its authority, as tls: { ca }';
    return new Error(`the server's certificate is of nobody that is trusted: ${how}`, {
      cause: error,
    });
  }
  return error;
}

/** A name of TLS is no address (RFC 6066 §3). */
function nameOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host;
}
