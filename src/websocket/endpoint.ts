/**
 * A handler that makes WebSockets of requests, over HTTP/1.1 and HTTP/2 alike: `webSocket`.
 *
 * Puts the parts together: handshake.ts judges the request, protocol.ts takes the wire over, and
 * the program gets a session.
 */
import { ConnectionError, PeerGoneError } from '../errors.ts';
import type { Handler } from '../http/exchange.ts';
import { HttpError } from '../http/http-error.ts';
import {
  abortRequest, drainRequest, originOf, type HttpRequest, type RequestOrigin,
} from '../http/request.ts';
import { HttpResponse } from '../http/response.ts';
import { limitsFrom, type Limits } from '../limits.ts';
import type { Transport } from '../protocol.ts';
import type { CloseError } from './close-error.ts';
import { checkOptions, rulesOf, type WebSocketOptions } from './endpoint-options.ts';
import { GOING_AWAY } from './frame.ts';
import { handshake, type Agreement, type Handshake, type HandshakeRules } from './handshake.ts';
import type { MessageKind } from './message-assembler.ts';
import { WebSocketProtocol, type Closure, type WebSocketWire } from './protocol.ts';
import { WebSocketSession } from './session.ts';
import { processZlib, type ZlibBudget } from './zlib-budget.ts';

/**
 * Has a session, and the request that it began with. Whatever it throws or rejects with closes it
 * with 1011; when it returns, the session goes on.
 */
export type SessionHandler = (session: WebSocketSession, request: HttpRequest) => unknown;

/** A handler's sessions are sent away at no more than so many in a ms. */
const GOODBYES_PER_MS = 1;
/** Fewer than this many are no crowd. */
const CROWD = 250;

/**
 * Makes a handler for requests that want to be WebSockets. `serve` is called with each session, at
 * once. Throws a TypeError for options that cannot be.
 *
 * The answer is 400, 403, 405 or 426 where the handshake is refused (RFC 6455 §4.2.2). For HTTP/2
 * the service must say `connectProtocols: ['websocket']` (RFC 8441 §3).
 */
export function webSocket(serve: SessionHandler, options: WebSocketOptions = {}): Handler {
  const endpoint = new Endpoint(serve, options);
  return (request) => endpoint.answer(request);
}

class Endpoint {
  readonly #serve: SessionHandler;
  readonly options: WebSocketOptions;
  readonly #rules: HandshakeRules;
  /** That are open. */
  sessions = 0;
  /** The server's limits, and those that come of them. */
  #given: Limits | undefined;
  #limits: Limits | undefined;

  constructor(serve: SessionHandler, options: WebSocketOptions) {
    if (typeof serve !== 'function') {
      throw new TypeError('webSocket needs a function that is given each session');
    }
    checkOptions(options);
    this.#serve = serve;
    this.options = options;
    this.#rules = rulesOf(options);
  }

  answer(request: HttpRequest): HttpResponse {
    const origin = originOf(request);
    const limits = this.#limitsOf(origin.limits);
    const agreed = this.#agree(request, origin);
    return HttpResponse.switching(
      (transport) => this.#begin(transport, request, agreed, limits), agreed.fields,
    );
  }

  /** Who is refused does not say so to anybody: browsers show no answer to a handshake. */
  #agree(request: HttpRequest, origin: RequestOrigin): Handshake {
    try {
      return handshake(request, this.#rules);
    } catch (error) {
      if (error instanceof HttpError) origin.refused(refusalOf(error));
      throw error;
    }
  }

  #limitsOf(given: Limits): Limits {
    const { limits } = this.options;
    if (limits === undefined) return given;
    if (given !== this.#given || this.#limits === undefined) {
      this.#given = given;
      this.#limits = limitsFrom(limits, given);
    }
    return this.#limits;
  }

  #begin(
    transport: Transport, request: HttpRequest, agreed: Agreement, limits: Limits,
  ): WebSocketProtocol {
    this.sessions++;
    const { deflate, subprotocol } = agreed;
    const { thresholdBytes = 0 } = this.#rules.deflate ?? {};
    const side = new ServerSide(this, request, limits, deflate && { ...deflate, thresholdBytes });
    const wire = new WebSocketProtocol(transport, side);
    const session = new WebSocketSession(
      wire, side.closed, request, subprotocol, deflate !== undefined,
    );
    void this.#run(session, wire, request);
    return wire;
  }

  async #run(
    session: WebSocketSession, wire: WebSocketProtocol, request: HttpRequest,
  ): Promise<void> {
    try {
      await this.#serve(session, request);
    } catch (error) {
      wire.programFailed(error);
    }
  }

  /** Spread over the time that a close may take, less that of the last one's handshake. */
  drainDelay({ drainMs, webSocketCloseMs }: Limits): number {
    if (this.sessions < CROWD) return 0;
    const { random = Math.random } = this.options;
    const most = Math.max(0, Math.min(drainMs, Number.MAX_SAFE_INTEGER) - webSocketCloseMs);
    return random() * Math.min(most, this.sessions / GOODBYES_PER_MS);
  }
}

/** What a program should know of a refusal, which may be more than its peer should. */
function refusalOf({ status, message, cause }: HttpError): ConnectionError {
  return new ConnectionError(status, cause instanceof Error ? cause.message : message);
}

/** What the wire of one session asks its endpoint for, and tells it. */
class ServerSide implements WebSocketWire {
  readonly limits: Limits;
  readonly deflate: WebSocketWire['deflate'];
  readonly closed: Promise<Closure>;
  readonly #endpoint: Endpoint;
  readonly #request: HttpRequest;
  #end!: (closure: Closure) => void;

  constructor(
    endpoint: Endpoint, request: HttpRequest, limits: Limits, deflate: WebSocketWire['deflate'],
  ) {
    this.#endpoint = endpoint;
    this.#request = request;
    this.limits = limits;
    this.deflate = deflate;
    this.closed = new Promise((resolve) => { this.#end = resolve; });
  }

  /** A server does not mask. */
  get nextKey(): undefined {
    return undefined;
  }

  get zlib(): ZlibBudget {
    return this.#endpoint.options.zlib ?? processZlib;
  }

  get accepts(): MessageKind | undefined {
    return this.#endpoint.options.accepts;
  }

  get drainCode(): number {
    return this.#endpoint.options.drainCode ?? GOING_AWAY;
  }

  drainDelay(): number {
    return this.#endpoint.drainDelay(this.limits);
  }

  failed(error: unknown): void {
    originOf(this.#request).failed(unanswerable(error));
  }

  broken(error: Error): void {
    this.failed(error);
  }

  refused(error: CloseError): void {
    originOf(this.#request).refused(error);
  }

  draining(): void {
    drainRequest(this.#request);
  }

  ended(closure: Closure, cause: Error | undefined): void {
    this.#endpoint.sessions--;
    const gone = new PeerGoneError('the WebSocket is closed', cause && { cause });
    abortRequest(this.#request, gone);
    this.#end(closure);
  }
}

/** An HttpError asks for an answer, and is no failure; in a session there is none to give. */
function unanswerable(error: unknown): unknown {
  if (!(error instanceof HttpError)) return error;
  return new Error(`a session failed with "${error.message}"`, { cause: error });
}
