/**
 * The seam: one request and its answer, RFC 9110 above it, RFC 9112 or RFC 9113 below.
 *
 * A protocol makes an Exchange and hands it to `dispatch`, which runs the service and gives the
 * answer back. What holds for every version (method rules, foreign authorities, what becomes of a
 * handler's failure) stands here and nowhere else.
 */
import { PeerGoneError, ProtocolError } from '../errors.ts';
import type { Fields } from './fields.ts';
import type { Forwarders } from './forwarded.ts';
import { HttpError } from './http-error.ts';
import { problem } from './problem.ts';
import { isAborted, trustForwarders, type HttpRequest } from './request.ts';
import { HttpResponse } from './response.ts';

/** Answers a request, at once or later. One that returns without awaiting costs no promise. */
export type Handler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** A handler around the next one. */
export type Middleware = (
  request: HttpRequest, next: Handler,
) => HttpResponse | Promise<HttpResponse>;

/** What a server serves. */
export interface Service {
  readonly handle: Handler;
  /** Protocols that CONNECT may ask for on HTTP/2 (RFC 8441 §4), such as `websocket`. */
  readonly connectProtocols?: readonly string[] | undefined;
}

export interface Exchange {
  readonly request: HttpRequest;
  /** An interim response, in its turn. */
  inform(status: number, fields: Fields): void;
  /** The answer, once; later ones are dropped. */
  respond(response: HttpResponse): void;
  /** False: not HTTP/2, or the peer declined. */
  push(target: string, fields: Fields): boolean;
}

/** An exchange that is over, whatever version it was of: what a log can tell of it. */
export interface CompletedExchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse | undefined;
  /** The answer's head was written; all of it was. */
  readonly started: boolean;
  readonly complete: boolean;
  /** Octets of content, each way. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Makes the answer to what a handler threw, and tells the program of it. */
export type FailureAnswer = (error: unknown, request: HttpRequest) => HttpResponse;

export interface DispatchOptions {
  readonly failure: FailureAnswer;
  /** Whether TRACE is answered (RFC 9110 §9.3.8); 405 by default. */
  readonly allowTrace?: boolean | undefined;
  /** Where given, a request for another authority is 421 (RFC 9110 §7.4). */
  readonly authorities?: readonly string[] | undefined;
  /** Proxies whose word about the origin of a request counts. */
  readonly forwarders?: Forwarders | undefined;
}

/** Runs a service for exchanges. */
export function dispatcher(service: Service, options: DispatchOptions): (e: Exchange) => void {
  const { authorities, forwarders } = options;
  const served = authorities && new Set(authorities.map(lowerCase));
  return (exchange) => {
    const { request } = exchange;
    if (forwarders !== undefined) trustForwarders(request, forwarders);
    try {
      const foreign = (served !== undefined && !isServed(request, served)) || !isNamed(request);
      const answer = foreign
        ? problem(421, isNamed(request)
          ? 'this server does not answer for that authority (RFC 9110 §7.4)'
          : 'the certificate of this connection has not that name (RFC 9110 §7.4)')
        : request.method === 'TRACE'
          ? trace(request, options.allowTrace === true)
          : service.handle(request);
      if (answer instanceof HttpResponse) exchange.respond(answer);
      else answerLater(exchange, answer, options.failure);
    } catch (error) {
      exchange.respond(options.failure(error, request));
    }
  };
}

function answerLater(exchange: Exchange, answer: unknown, failure: FailureAnswer): void {
  const fail = (error: unknown): void => exchange.respond(failure(error, exchange.request));
  Promise.resolve(answer).then((response) => {
    if (response instanceof HttpResponse) exchange.respond(response);
    else fail(notAResponse(response));
  }, fail);
}

function notAResponse(value: unknown): TypeError {
  const kind = value === undefined ? 'undefined: is a return missing?'
    : value instanceof Response ? 'a web Response: make an HttpResponse of it'
      : value === null ? 'null' : `a value of type ${typeof value}`;
  return new TypeError(`a handler must return an HttpResponse, or a promise of one, not ${kind}`);
}

/**
 * The answers to failures: `onError`'s where given, else an HttpError's own status, else a 500 that
 * tells nothing (RFC 9110 §15.6.1). `failed` hears of what the program broke, not of what it meant
 * (HttpError) nor of what the peer broke.
 */
export function failureAnswers(
  onError: FailureAnswer | undefined, failed: (error: unknown, request: HttpRequest) => void,
): FailureAnswer {
  return (error, request) => {
    const meant = error instanceof HttpError || error instanceof ProtocolError ||
      error instanceof PeerGoneError || (isAborted(request) && isAbort(error));
    if (!meant) failed(error, request);
    for (const answer of onError === undefined ? [ownAnswer] : [onError, ownAnswer]) {
      try {
        const response = answer(error, request);
        if (response instanceof HttpResponse) return response;
        throw new TypeError('onError must return an HttpResponse');
      } catch (second) {
        failed(second, request);
      }
    }
    return plainAnswer();
  };
}

/** What a handler fails with that gave up because its peer had gone. */
function isAbort(error: unknown): boolean {
  return error instanceof Error &&
    (error.name === 'AbortError' || error.cause instanceof PeerGoneError);
}

/** The answer that an HttpError asks for; throws where its status or fields cannot be written. */
function ownAnswer(error: unknown): HttpResponse {
  if (!(error instanceof HttpError)) return plainAnswer();
  if (error.status < 400) {
    throw new TypeError(`an HttpError has a status of 400 to 599, not ${error.status}`);
  }
  return problem(error.status, error.message, error.fields);
}

/** Says that the server failed, and nothing else. */
export function plainAnswer(): HttpResponse {
  return problem(500, 'the server failed to answer this request (RFC 9110 §15.6.1)');
}

/** Fields that a TRACE must not send back (RFC 9110 §9.3.8). */
const SENSITIVE = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

function trace(request: HttpRequest, allowed: boolean): HttpResponse {
  if (!allowed) {
    const detail = 'TRACE is off on this server (RFC 9110 §9.3.8)';
    return problem(405, detail, { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' });
  }
  const lines = [...request.fields]
    .filter(([name]) => !SENSITIVE.has(name))
    .map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `TRACE ${request.target} HTTP/${request.version}\r\n${lines.join('')}\r\n`;
  const octets = Uint8Array.from(head, (character) => character.charCodeAt(0));
  return new HttpResponse(200, { 'content-type': 'message/http' }, octets);
}

/** Whether the certificate of the connection, where it has one, names the authority. */
function isNamed({ peer, authority }: HttpRequest): boolean {
  return peer.tls?.serves(authority) !== false;
}

/** Whether an authority is one of those served; a default port goes without saying. */
function isServed(request: HttpRequest, served: ReadonlySet<string>): boolean {
  const authority = lowerCase(request.authority);
  const port = request.scheme === 'https' ? 443 : 80;
  const bare = authority.replace(new RegExp(`:(?:${port})?$`), '');
  return served.has(authority) || served.has(bare) || served.has(`${bare}:${port}`);
}

function lowerCase(text: string): string {
  return text.toLowerCase();
}
