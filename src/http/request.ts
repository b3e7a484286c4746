/**
 * A request as a handler sees it (RFC 9110 §3.4), whatever version brought it.
 *
 * Made by the protocols; what a request can ask of its wire (interim answers, push, signals) hangs
 * here. Parts that few handlers need are made when asked for.
 */
import type { ProtocolError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Clock, Peer } from '../protocol.ts';
import type { RequestBody } from './body.ts';
import { Fields, type FieldsInit } from './fields.ts';
import { trustedOrigin, type Forwarders, type TrustedOrigin } from './forwarded.ts';
import { HttpError } from './http-error.ts';
import type { Scheme } from './target.ts';

export type HttpVersion = '1.0' | '1.1' | '2';

/** The wire below a request. */
export interface RequestOrigin {
  readonly version: HttpVersion;
  readonly peer: Peer;
  readonly clock: Clock;
  inform(status: number, fields: Fields): void;
  push(target: string, fields: Fields): boolean;
  /** Those of the server. */
  readonly limits: Limits;
  /** Tells the program of its own failure, and of what a peer was refused for, after a switch. */
  failed(error: unknown): void;
  refused(error: ProtocolError): void;
}

/** The wire's way to tell a request that its peer has gone, or that the server is closing. */
export let abortRequest: (request: HttpRequest, cause: Error) => void;
export let drainRequest: (request: HttpRequest) => void;
/** Says whose word about the request's origin counts. */
export let trustForwarders: (request: HttpRequest, forwarders: Forwarders) => void;
/** The wire below a request, for a protocol that follows it on the same wire. */
export let originOf: (request: HttpRequest) => RequestOrigin;
/** Puts another in its place: what is left of it when a protocol has taken over. */
export let succeed: (request: HttpRequest, origin: RequestOrigin) => void;
/** Whether the peer has gone, without making a signal to ask. */
export let isAborted: (request: HttpRequest) => boolean;

export class HttpRequest {
  /** As sent: methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** As sent: mostly path and query, else one of the other forms of RFC 9112 §3.2. */
  readonly target: string;
  readonly scheme: Scheme;
  /** Host and port as the client named them; '' where it named none. */
  readonly authority: string;
  readonly fields: Fields;
  readonly body: RequestBody;
  /** What CONNECT asks for on HTTP/2 (RFC 8441 §4), such as `websocket`. */
  readonly protocol: string | undefined;
  readonly #resource: string;
  #origin: RequestOrigin;
  #gone: Error | undefined;
  #closing = false;
  #abort: AbortController | undefined;
  #drain: AbortController | undefined;
  #forwarders: Forwarders | undefined;

  static {
    trustForwarders = (request, forwarders) => request.#forwarders = forwarders;
    abortRequest = (request, cause) => {
      if (request.#gone !== undefined) return;
      request.#gone = cause;
      request.#abort?.abort(cause);
    };
    originOf = (request) => request.#origin;
    succeed = (request, origin) => request.#origin = origin;
    isAborted = (request) => request.#gone !== undefined;
    drainRequest = (request) => {
      request.#closing = true;
      request.#drain?.abort();
    };
  }

  constructor(
    method: string, target: string, resource: string, scheme: Scheme, authority: string,
    fields: Fields, body: RequestBody, origin: RequestOrigin, protocol?: string,
  ) {
    this.method = method;
    this.target = target;
    this.scheme = scheme;
    this.authority = authority;
    this.fields = fields;
    this.body = body;
    this.protocol = protocol;
    this.#resource = resource;
    this.#origin = origin;
  }

  get version(): HttpVersion {
    return this.#origin.version;
  }

  get peer(): Peer {
    return this.#origin.peer;
  }

  get clock(): Clock {
    return this.#origin.clock;
  }

  /**
   * Who asks: the peer, or whom `trustedProxies` say that they ask for (RFC 7239). `scheme` and
   * `host` are what the client used; undefined where nobody who is trusted tells otherwise.
   */
  get client(): TrustedOrigin {
    const { address, port } = this.peer;
    return this.#forwarders === undefined
      ? { address, port, scheme: undefined, host: undefined }
      : trustedOrigin(this, this.#forwarders.trust, this.#forwarders.written);
  }

  /** The path, still percent-encoded; `*` for OPTIONS of the whole server. */
  get path(): string {
    const mark = this.#resource.indexOf('?');
    return mark < 0 ? this.#resource : this.#resource.slice(0, mark);
  }

  /** What follows the path's `?`, still percent-encoded; '' for none. */
  get query(): string {
    const mark = this.#resource.indexOf('?');
    return mark < 0 ? '' : this.#resource.slice(mark + 1);
  }

  /** The target URI (RFC 9110 §7.1). Throws an HttpError 400 where no URL can be made of it. */
  get url(): URL {
    const authority = this.authority === '' ? 'localhost' : this.authority;
    const resource = this.#resource.startsWith('/') ? this.#resource : '/';
    try {
      return new URL(`${this.scheme}://${authority}${resource}`);
    } catch (cause) {
      const detail = 'the target and Host make no URL (RFC 9110 §7.1)';
      throw new HttpError(400, detail, undefined, { cause });
    }
  }

  /** The trailer fields; empty until the body was read to its end (RFC 9110 §6.5). */
  get trailers(): Fields {
    return this.body.trailers();
  }

  /**
   * Fires once if the peer goes before the exchange is complete, or ends its side: a client that
   * hangs up looks like one that half-closes. The latter still gets the answer that is given.
   */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#gone !== undefined) this.#abort.abort(this.#gone);
    return this.#abort.signal;
  }

  /** Fires when the server begins to close: an answer without an end should come to one. */
  get draining(): AbortSignal {
    this.#drain ??= new AbortController();
    if (this.#closing) this.#drain.abort();
    return this.#drain.signal;
  }

  /**
   * Sends an interim response, such as 103 with `link` (RFC 8297). Nothing is sent to HTTP/1.0,
   * after the answer began, or beyond `interimResponses`. Throws a TypeError for 101 and finals.
   */
  inform(status: number, fields?: FieldsInit): void {
    if (!(Number.isInteger(status) && status >= 100 && status < 200) || status === 101) {
      throw new TypeError(`status ${status} is not interim (RFC 9110 §15.2)`);
    }
    this.#origin.inform(status, Fields.from(fields));
  }

  /**
   * Pushes the answer to GET of `target` (RFC 9113 §8.4). False: not HTTP/2, or not wanted. Throws
   * a TypeError for what does not begin with `/`.
   */
  push(target: string, fields?: FieldsInit): boolean {
    if (typeof target !== 'string' || !target.startsWith('/')) {
      const given = typeof target === 'string' ? JSON.stringify(target) : typeof target;
      throw new TypeError(`push takes a path such as "/style.css", not ${given} (RFC 9113 §8.4)`);
    }
    return this.#origin.push(target, Fields.from(fields));
  }
}
