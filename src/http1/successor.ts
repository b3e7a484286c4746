/**
 * What is left of a request's wire when another protocol has taken over (RFC 9110 §7.8): whoever
 * keeps the request shall not keep all of its connection's HTTP. Made by exchange.ts.
 */
import type { ProtocolError } from '../errors.ts';
import type { HttpRequest, RequestOrigin } from '../http/request.ts';
import type { HttpResponse } from '../http/response.ts';
import type { Limits } from '../limits.ts';
import type { Clock, ConnectionTransport, Peer } from '../protocol.ts';

/** How the program hears of what went wrong. */
export interface ProgramsEar {
  /** The answer to a failure of the program in making or writing an answer. */
  failure(error: unknown, request: HttpRequest): HttpResponse;
  /** What a peer was refused for, where that has no answer. */
  refused?: ((error: ProtocolError, transport: ConnectionTransport) => void) | undefined;
}

/** The connection that was. */
export interface PredecessorHost {
  readonly transport: ConnectionTransport;
  readonly limits: Limits;
  readonly options: ProgramsEar;
}

export class Successor implements RequestOrigin {
  readonly version = '1.1';
  readonly limits: Limits;
  readonly #transport: ConnectionTransport;
  readonly #options: ProgramsEar;
  readonly #request: HttpRequest;

  constructor(host: PredecessorHost, request: HttpRequest) {
    const { limits, transport, options } = host;
    this.limits = limits;
    this.#transport = transport;
    this.#options = options;
    this.#request = request;
  }

  get peer(): Peer {
    return this.#transport.peer;
  }

  get clock(): Clock {
    return this.#transport.clock;
  }

  inform(): void {
    // The answer has begun.
  }

  push(): boolean {
    return false;
  }

  failed(error: unknown): void {
    this.#options.failure(error, this.#request).cancel();
  }

  refused(error: ProtocolError): void {
    this.#options.refused?.(error, this.#transport);
  }
}
