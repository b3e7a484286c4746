/**
 * The server: composition root of the wire, and its life from listen to closed.
 *
 * Puts the parts together (listener, connection manager, negotiator, protocols, service) and tells
 * the program what happens. It has no hot path of its own.
 */
import { performance } from 'node:perf_hooks';
import { clearTimeout, setTimeout } from 'node:timers';
import { escapeControls, isToken } from '../bytes/ascii.ts';
import { asError, knowsOnly } from '../errors.ts';
import type { CompletedExchange, Handler, Service } from '../http/exchange.ts';
import type { Forwarders } from '../http/forwarded.ts';
import { problem } from '../http/problem.ts';
import type { HttpRequest } from '../http/request.ts';
import { HttpResponse } from '../http/response.ts';
import { trustList } from '../http/trust-list.ts';
import { limitsFrom, type LimitChanges, type Limits } from '../limits.ts';
import { TlsContexts } from '../tls/contexts.ts';
import type { TlsOptions } from '../tls/options.ts';
import { ConnectionManager, type Counters } from './connection-manager.ts';
import { Listener, type ListenTarget } from './listener.ts';
import { protocols, type Protocols } from './protocols.ts';
import type { TlsControl } from './tls-acceptor.ts';

export interface ServerOptions {
  /** Limits and timeouts other than the defaults. */
  readonly limits?: LimitChanges | undefined;
  /** Makes the answer to what a handler threw; default: its HttpError, or a plain 500. */
  readonly onError?: ((error: unknown, request: HttpRequest) => HttpResponse) | undefined;
  /** Makes the answer to what the wire refuses; default: a problem document (RFC 9457). */
  readonly onRefusal?: ((status: number, detail: string) => HttpResponse) | undefined;
  /** Authorities served, such as `example.com`; a request for another is 421 (RFC 9110 §7.4). */
  readonly authorities?: readonly string[] | undefined;
  /** Answers TRACE (RFC 9110 §9.3.8); default false: 405. */
  readonly allowTrace?: boolean | undefined;
  /** Certificates, and TLS on the port besides clear text (RFC 9110 §4.2.2). */
  readonly tls?: TlsOptions | false | undefined;
  /**
   * Proxies whose `Forwarded` or `X-Forwarded-*` says whom they ask for: addresses, blocks such as
   * `10.0.0.0/8`, `loopback`, `private`, and `unix` for all peers of a Unix socket. See
   * `request.client`.
   */
  readonly trustedProxies?: readonly string[] | TrustedProxies | undefined;
}

/** Proxies, and which fields it is that they write: the others are a client's. */
export interface TrustedProxies {
  readonly addresses: readonly string[];
  readonly write: 'forwarded' | 'x-forwarded';
}

/** How long a closing server looks for connections that the kernel has made already. */
const ACCEPT_MS = 500;
const TIMER_MAX_MS = 0x7fff_ffff;
/** Reports on stderr that one second may have, and the length of each (log flood). */
const REPORTS_PER_SECOND = 100;
const REPORT_CHARACTERS = 2048;

const OPTION_NAMES = [
  'limits', 'onError', 'onRefusal', 'authorities', 'allowTrace', 'tls', 'trustedProxies',
];

/** One exchange that ended: enough for an access log. Text from the peer is escaped. */
export interface RequestRecord {
  readonly address: string;
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  readonly version: string;
  /** Of the answer; 0 where none was begun. */
  readonly status: number;
  /** Whether all of the answer was written; false: the client went, or the program failed. */
  readonly complete: boolean;
  /** Octets of content. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** When the handler was called, ms since 1970, and how long until the exchange was over. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly referer: string;
  readonly userAgent: string;
}

export interface ServerEvents {
  /** An exchange ended. */
  request: RequestRecord;
  /**
   * What a peer sent was refused: a status of HTTP/1.1 or of a handshake, an error code of HTTP/2,
   * a close code of a WebSocket, or 0 for a socket
   * that never became a connection (no handshake, no PROXY header).
   */
  refused: { readonly address: string; readonly status: number; readonly detail: string };
  /** A handler failed with something other than an HttpError, or accepting failed. */
  error: { readonly error: unknown; readonly request: HttpRequest | undefined };
  /** The stages of closing: `announced` where it is announced beforehand. */
  drain: {
    readonly stage: 'announced' | 'begun' | 'forced' | 'done'; readonly connections: number;
  };
}

const READY = new HttpResponse(200, { 'content-type': 'text/plain' }, 'ready\n');
const NOT_READY = problem(503, 'the server is closing', { 'retry-after': 1 });

type Listeners = { [Name in keyof ServerEvents]: ((event: ServerEvents[Name]) => void)[] };

export interface CloseOptions {
  /** How long what is begun may take; default `drainMs`. 0: no time at all. */
  readonly timeoutMs?: number | undefined;
  /**
   * How long `readiness` says so beforehand, while all is served as ever; default 0, and at most
   * 2,147,483,647, the longest that a timer can be.
   */
  readonly announceMs?: number | undefined;
}

/** Makes a server of a handler, or of a Service such as an App. It listens when told to. */
export function createServer(service: Handler | Service, options: ServerOptions = {}): Server {
  return new Server(typeof service === 'function' ? { handle: service } : service, options);
}

export class Server {
  /** Resolves when the server has closed, whatever closed it. */
  readonly closed: Promise<void>;
  readonly #service: Service;
  readonly #options: ServerOptions;
  readonly #limits: Limits;
  readonly #listeners: Listeners = { request: [], refused: [], error: [], drain: [] };
  /** When handlers were called, of exchanges that are not over, while somebody logs. */
  readonly #startedAt = new WeakMap<HttpRequest, number>();
  readonly #contexts: TlsContexts | undefined;
  readonly #manager: ConnectionManager;
  readonly #listener: Listener;
  #resolveClosed!: () => void;
  #closing = false;
  /** The close was announced, and has not begun. */
  #announced = false;
  #reportSecond = 0;
  #reports = 0;
  #isDone = false;
  #force: (() => void) | undefined;
  #unannounce: (() => void) | undefined;
  #host = '';

  constructor(service: Service, options: ServerOptions) {
    if (typeof service?.handle !== 'function') {
      throw new TypeError('createServer needs a handler, or an object with a handle method');
    }
    if (options !== null && Object.hasOwn(options, 'connectProtocols')) {
      const how = 'createServer({ handle, connectProtocols }, options)';
      throw new TypeError(`connectProtocols stands beside the handler: ${how}`);
    }
    knowsOnly(options, OPTION_NAMES, 'createServer');
    checkConnectProtocols(service.connectProtocols);
    this.#service = service;
    this.#options = options;
    this.#limits = limitsFrom(options.limits);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    const { tls } = options;
    this.#contexts = tls === undefined || tls === false ? undefined : new TlsContexts(tls);
    this.#manager = new ConnectionManager(this.#limits, {
      ...this.#protocols(),
      lost: (address, reason, error) => {
        // OpenSSL's own line has places of its source in it; its reason has not.
        const said = (error as { reason?: string } | undefined)?.reason ?? error?.message;
        const detail = `${reason}: ${escapeControls(said ?? 'the peer left')}`;
        this.#emit('refused', { address, status: 0, detail });
      },
    });
    this.#listener = new Listener(
      (socket, isUnix) => this.#manager.accept(socket, isUnix),
      (error) => this.#acceptFailed(error),
    );
  }

  /** Listens; resolves to this server. Rejects where the address cannot be had. */
  async listen(target: ListenTarget | number = {}): Promise<this> {
    checkArguments('listen', arguments);
    const isTarget = typeof target === 'object' && target !== null;
    const where: ListenTarget = isTarget ? target : { port: target };
    if (this.#closing) throw new Error('this server was closed; make another');
    where.signal?.throwIfAborted();
    // A second call is refused below, and changes nothing.
    if (!this.#listener.begun) this.#guard(where.proxyProtocol);
    const forget = where.signal && this.#closeOn(where.signal);
    try {
      await this.#listener.listen(where);
    } catch (error) {
      forget?.();
      throw error;
    }
    this.#host = where.host ?? '';
    if (this.#contexts?.options.watch === true) {
      this.#acceptor?.watch((error) => this.#failed(error, undefined));
    }
    return this;
  }

  #guard(proxies: readonly string[] | undefined): void {
    const trust = proxies === undefined ? undefined : trustList(proxies);
    this.#manager.guard(this.#contexts, trust);
  }

  get #acceptor(): TlsControl | undefined {
    return this.#manager.admission?.acceptor;
  }

  /**
   * Where it listens: `http://host:port`, `https:` where clear text is not served, or `unix:path`;
   * '' when it does not.
   */
  get url(): string {
    const address = this.#listener.address;
    if (address === null) return '';
    if (typeof address === 'string') return `unix:${address}`;
    const everywhere = ['', '::', '0.0.0.0'].includes(this.#host);
    const host = everywhere ? 'localhost' : this.#host;
    const tls = this.#contexts?.options;
    const scheme = tls === undefined || tls.clearText === 'serve' ? 'http' : 'https';
    return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
  }

  /** The port it listens on; 0 when it does not, or on a Unix socket. */
  get port(): number {
    const address = this.#listener.address;
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** What it has done and holds, as of now. */
  get counters(): Counters {
    return this.#manager.counters;
  }

  /**
   * Loads the files of certificates and keys anew, for handshakes from here on; connections in
   * flight are not touched. Throws where one is bad, and what was loaded before stays.
   */
  reloadCertificates(): void {
    this.#tls.reload();
  }

  /** Makes session tickets with another key, of 48 octets; tickets of the last one are void. */
  setTicketKey(key?: Uint8Array): void {
    this.#tls.setTicketKey(key);
  }

  get #tls(): TlsControl {
    if (this.#contexts === undefined) throw new Error('this server has no tls');
    if (this.#acceptor === undefined) throw new Error('this server does not listen yet');
    return this.#acceptor;
  }

  /** The answer to a load balancer that asks whether to send work here: 200, or 503 in closing. */
  readiness(): HttpResponse {
    return this.#closing || this.#announced ? NOT_READY : READY;
  }

  /** Listens to an event. A listener that throws is an uncaught exception of the program. */
  on<Name extends keyof ServerEvents>(
    name: Name, listener: (event: ServerEvents[Name]) => void,
  ): this {
    if (!Object.hasOwn(this.#listeners, name)) {
      throw new TypeError(`no event ${name}; known are ${Object.keys(this.#listeners).join(', ')}`);
    }
    this.#listeners[name].push(listener);
    return this;
  }

  /**
   * Closes gracefully: accepts no more, lets what is begun finish, then ends what is left. Calling
   * again moves the deadline; a `timeoutMs` of 0 forces. Resolves when all connections are gone.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    checkArguments('close', arguments);
    const { announceMs = 0, timeoutMs = this.#limits.drainMs } = checkedClose(options);
    if (announceMs > 0 && timeoutMs > 0 && !this.#closing) this.#announce(announceMs, timeoutMs);
    else this.#begin(timeoutMs);
    return this.closed;
  }

  #announce(announceMs: number, timeoutMs: number): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#emit('drain', { stage: 'announced', connections: this.counters.connections });
    const timer = setTimeout(() => this.#begin(timeoutMs), announceMs);
    this.#unannounce = () => clearTimeout(timer);
  }

  #begin(timeoutMs: number): void {
    this.#unannounce?.();
    if (!this.#closing) {
      this.#closing = true;
      this.#emit('drain', { stage: 'begun', connections: this.counters.connections });
      void this.#drain(Math.min(timeoutMs, ACCEPT_MS));
    }
    if (this.#isDone) return;
    if (timeoutMs === 0) this.#destroyAll();
    else this.#armForce(timeoutMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Closes when a signal fires. Returns the function that forgets it. */
  #closeOn(signal: AbortSignal): () => void {
    const close = (): void => void this.close();
    const forget = (): void => signal.removeEventListener('abort', close);
    signal.addEventListener('abort', close, { once: true });
    void this.closed.then(forget);
    return forget;
  }

  /** Those that came already are served, then none is left, then it is done. */
  async #drain(acceptMs: number): Promise<void> {
    this.#manager.shutdown();
    await this.#listener.close(acceptMs);
    await this.#manager.whenEmpty();
    this.#done();
  }

  #armForce(timeoutMs: number): void {
    this.#force?.();
    // Longer than a timer can be is for as long as it takes.
    if (timeoutMs > TIMER_MAX_MS) return;
    const timer = setTimeout(() => this.#destroyAll(), timeoutMs);
    this.#force = () => clearTimeout(timer);
  }

  #destroyAll(): void {
    const { connections, arriving } = this.counters;
    if (connections + arriving === 0) return;
    this.#emit('drain', { stage: 'forced', connections });
    this.#manager.destroyAll(new Error('the server closed before the exchange was complete'));
  }

  #done(): void {
    this.#isDone = true;
    this.#force?.();
    this.#acceptor?.unwatch();
    this.#emit('drain', { stage: 'done', connections: 0 });
    this.#resolveClosed();
  }

  #protocols(): Protocols {
    const { onError, onRefusal, authorities, allowTrace, trustedProxies } = this.#options;
    const tls = this.#contexts?.options;
    return protocols({
      service: this.#service,
      limits: this.#limits,
      onError, onRefusal, authorities, allowTrace,
      forwarders: forwardersOf(trustedProxies),
      clearText: tls === undefined ? 'serve' : tls.clearText ?? 'redirect',
      servesAuthority: (authority) => this.#acceptor?.serves(authority) === true,
      asksAt: (authority) => this.#acceptor?.asksAt(authority) === true,
      failed: (error, request) => this.#failed(error, request),
      refused: ({ code: status, message: detail }, { peer }) => {
        this.#emit('refused', { address: peer.address, status, detail });
      },
      started: (request) => {
        if (this.#listeners.request.length > 0) this.#startedAt.set(request, performance.now());
      },
      completed: (exchange) => this.#completed(exchange),
    });
  }

  #completed(exchange: CompletedExchange): void {
    if (this.#listeners.request.length === 0) return;
    const { request, response } = exchange;
    const now = performance.now();
    const startedAt = this.#startedAt.get(request) ?? now;
    this.#emit('request', {
      address: request.client.address ?? request.peer.address,
      method: escapeControls(request.method),
      target: escapeControls(request.target),
      authority: escapeControls(request.authority),
      version: request.version,
      status: exchange.started ? statusOf(request, response) : 0,
      complete: exchange.complete,
      receivedBytes: exchange.receivedBytes,
      sentBytes: exchange.sentBytes,
      startedAt: Math.round(performance.timeOrigin + startedAt),
      durationMs: Math.round((now - startedAt) * 10) / 10,
      referer: escapeControls(request.fields.get('referer') ?? ''),
      userAgent: escapeControls(request.fields.get('user-agent') ?? ''),
    });
  }

  #failed(error: unknown, request: HttpRequest | undefined): void {
    if (this.#listeners.error.length > 0) {
      this.#emit('error', { error, request });
      return;
    }
    // Nobody listens: the programmer must still see why a 500 was sent.
    const what = request === undefined ? 'the server' : `${request.method} ${request.target}`;
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#reportSecond) this.#reports = 0;
    this.#reportSecond = second;
    if (++this.#reports > REPORTS_PER_SECOND) return;
    const { stack, message } = asError(error);
    // A peer may have had a hand in the message: line by line, so that it can forge none.
    const lines = (stack ?? message).split('\n').map(escapeControls).join('\n  ');
    const report = `wirestack: ${escapeControls(what)} failed: ${lines}`;
    process.stderr.write(`${report.slice(0, REPORT_CHARACTERS)}\n`);
  }

  #acceptFailed(error: NodeJS.ErrnoException): void {
    // Out of descriptors: the longest idle connection makes room for the next.
    if (error.code === 'EMFILE' || error.code === 'ENFILE') this.#manager.evict();
    this.#failed(error, undefined);
  }

  #emit<Name extends keyof ServerEvents>(name: Name, event: ServerEvents[Name]): void {
    for (const listener of this.#listeners[name]) {
      try {
        listener(event);
      } catch (error) {
        // Not the connection's fault, so not for its guard: it is the program's to die of.
        process.nextTick(() => { throw error; });
      }
    }
  }
}

/** Who knows Node's own servers gives a callback, or a host beside the port: not looked at here. */
function checkArguments(name: string, given: ArrayLike<unknown>): void {
  if (Array.from(given).some((one) => typeof one === 'function')) {
    throw new TypeError(`${name} returns a promise: await it`);
  }
  if (given.length > 1) throw new TypeError(`${name} takes one argument, such as { port, host }`);
}

function checkedClose(options: CloseOptions): CloseOptions {
  knowsOnly(options, ['timeoutMs', 'announceMs'], 'close');
  const { timeoutMs = 0, announceMs = 0 } = options;
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new TypeError(`timeoutMs must be a number of at least 0, not ${String(timeoutMs)}`);
  }
  if (typeof announceMs !== 'number' || !(announceMs >= 0 && announceMs <= TIMER_MAX_MS)) {
    const most = `a number of 0 to ${TIMER_MAX_MS}`;
    throw new TypeError(`announceMs must be ${most}, not ${String(announceMs)}`);
  }
  return options;
}

function checkConnectProtocols(protocols: unknown): void {
  const isList = protocols === undefined || (Array.isArray(protocols) &&
    protocols.every((one) => typeof one === 'string' && isToken(one)));
  if (isList && (protocols as string[] | undefined)?.includes('WebSocket') !== true) return;
  throw new TypeError("connectProtocols is a list in lower case, ['websocket'] (RFC 8441 §4)");
}

/** A switch is 101 on HTTP/1.1 alone (RFC 8441 §5). */
function statusOf({ method }: HttpRequest, response: HttpResponse | undefined): number {
  const isTunnel = response?.switchTo !== undefined && method === 'CONNECT';
  return isTunnel ? 200 : response?.status ?? 0;
}

function forwardersOf(proxies: ServerOptions['trustedProxies']): Forwarders | undefined {
  if (proxies === undefined) return undefined;
  if (typeof proxies === 'object' && proxies !== null && 'write' in proxies) {
    const { write, addresses } = proxies;
    if (write !== 'forwarded' && write !== 'x-forwarded') {
      throw new TypeError("trustedProxies.write is 'forwarded' or 'x-forwarded'");
    }
    return { trust: trustList(addresses), written: write };
  }
  return { trust: trustList(proxies), written: undefined };
}
