/**
 * A handler that makes WebSockets of requests, over HTTP/1.1 and HTTP/2 alike: `webSocket`.
 *
 * Puts the parts together: handshake.ts judges the request, protocol.ts takes the wire over, and
 * the program gets a session.
 */
import { PeerGoneError } from '../errors.ts';
import type { Handler } from '../http/exchange.ts';
import { HttpError } from '../http/http-error.ts';
import {
  abortRequest, drainRequest, originOf, type HttpRequest,
} from '../http/request.ts';
import { HttpResponse } from '../http/response.ts';
import { limitsFrom, type Limits } from '../limits.ts';
import type { Transport } from '../protocol.ts';
import { checkOptions, rulesOf, type WebSocketOptions } from './endpoint-options.ts';
import { GOING_AWAY } from './frame.ts';
import { handshake, type Agreement, type HandshakeRules } from './handshake.ts';
import { WebSocketProtocol, type Closure } from './protocol.ts';
import { WebSocketSession } from './session.ts';
import { processZlib } from './zlib-budget.ts';

/** Has a session; whatever it throws or rejects with closes it with 1011. */
export type SessionHandler = (session: WebSocketSession) => unknown;

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
  readonly #options: WebSocketOptions;
  readonly #rules: HandshakeRules;
  #sessions = 0;
  /** The server's limits, and those that come of them. */
  #given: Limits | undefined;
  #limits: Limits | undefined;

  constructor(serve: SessionHandler, options: WebSocketOptions) {
    if (typeof serve !== 'function') {
      throw new TypeError('webSocket needs a function that is given each session');
    }
    checkOptions(options);
    this.#serve = serve;
    this.#options = options;
    this.#rules = rulesOf(options);
  }

  answer(request: HttpRequest): HttpResponse {
    const agreed = handshake(request, this.#rules);
    const limits = this.#limitsOf(originOf(request).limits);
    return HttpResponse.switching(
      (transport) => this.#begin(transport, request, agreed, limits), agreed.fields,
    );
  }

  #limitsOf(given: Limits): Limits {
    const { limits } = this.#options;
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
    const origin = originOf(request);
    const { accepts, drainCode = GOING_AWAY, zlib = processZlib } = this.#options;
    const { thresholdBytes = 0 } = this.#rules.deflate ?? {};
    let end!: (closure: Closure) => void;
    const closed = new Promise<Closure>((resolve) => { end = resolve; });
    this.#sessions++;
    const wire = new WebSocketProtocol(transport, {
      limits, accepts, drainCode, zlib,
      nextKey: undefined,
      deflate: agreed.deflate && { ...agreed.deflate, thresholdBytes },
      drainDelay: () => this.#drainDelay(limits),
      failed: (error) => origin.failed(unanswerable(error)),
      broken: (error) => origin.failed(unanswerable(error)),
      refused: (error) => origin.refused(error),
      draining: () => drainRequest(request),
      ended: (closure, cause) => {
        this.#sessions--;
        abortRequest(request, new PeerGoneError('the WebSocket is closed', cause && { cause }));
        end(closure);
      },
    });
    const session = new WebSocketSession(
      wire, closed, request, agreed.subprotocol, agreed.deflate !== undefined,
    );
    void this.#run(session, wire);
    return wire;
  }

  async #run(session: WebSocketSession, wire: WebSocketProtocol): Promise<void> {
    try {
      await this.#serve(session);
    } catch (error) {
      wire.programFailed(error);
    }
  }

  /** Spread over the time that a close may take, less that of the last one's handshake. */
  #drainDelay({ drainMs, webSocketCloseMs }: Limits): number {
    if (this.#sessions < CROWD) return 0;
    const { random = Math.random } = this.#options;
    const most = Math.max(0, Math.min(drainMs, Number.MAX_SAFE_INTEGER) - webSocketCloseMs);
    return random() * Math.min(most, this.#sessions / GOODBYES_PER_MS);
  }
}

/** An HttpError asks for an answer, and is no failure; in a session there is none to give. */
function unanswerable(error: unknown): unknown {
  if (!(error instanceof HttpError)) return error;
  return new Error(`a session failed with "${error.message}"`, { cause: error });
}
