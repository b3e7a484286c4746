/**
 * What the connections of a server speak: HTTP/1.1 and HTTP/2 with the same service behind both, in
 * clear text by their first octets, under TLS by what ALPN chose.
 */
import type { ProtocolError } from '../errors.ts';
import {
  dispatcher, failureAnswers,
  type CompletedExchange, type Exchange, type FailureAnswer, type Handler, type Service,
} from '../http/exchange.ts';
import type { Forwarders } from '../http/forwarded.ts';
import { problem } from '../http/problem.ts';
import type { HttpRequest } from '../http/request.ts';
import { HttpResponse } from '../http/response.ts';
import { resourceOf } from '../http/transport-security.ts';
import { http1 } from '../http1/protocol.ts';
import { PREFACE } from '../http2/frame.ts';
import { http2 } from '../http2/protocol.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport, ProtocolFactory, Transport } from '../protocol.ts';
import type { TlsOptions } from '../tls/options.ts';
import { negotiator } from './negotiator.ts';

type Factory = ProtocolFactory<ConnectionTransport>;

/** What the protocols need of their server. */
export interface ProtocolsOptions {
  readonly service: Service;
  readonly limits: Limits;
  readonly onError: FailureAnswer | undefined;
  readonly onRefusal: ((status: number, detail: string) => HttpResponse) | undefined;
  readonly authorities: readonly string[] | undefined;
  readonly allowTrace: boolean | undefined;
  readonly forwarders: Forwarders | undefined;
  /** What becomes of clear text; `serve` where there is no TLS. */
  readonly clearText: NonNullable<TlsOptions['clearText']>;
  /** Whether https would find a certificate for an authority. */
  servesAuthority(authority: string): boolean;
  /** Whether clients must show a certificate there. */
  asksAt(authority: string): boolean;
  /** The program broke: a handler, or `onRefusal`. */
  failed(error: unknown, request: HttpRequest | undefined): void;
  /** The wire refused what a peer sent. */
  refused(error: ProtocolError, transport: Transport): void;
  /** A handler is about to be called; an exchange ended. */
  started(request: HttpRequest): void;
  completed(exchange: CompletedExchange): void;
}

export interface Protocols {
  readonly clear: Factory;
  readonly secure: (alpn: string) => Factory;
}

export function protocols(options: ProtocolsOptions): Protocols {
  const { service, limits, clearText, onError, authorities, allowTrace, forwarders } = options;
  const failure = failureAnswers(onError, options.failed);
  const refuse = (error: ProtocolError, transport: Transport): HttpResponse => {
    options.refused(error, transport);
    return refusal(options, error);
  };
  const dispatching = (one: Service): ((exchange: Exchange) => void) => {
    const dispatch = dispatcher(one, { failure, authorities, allowTrace, forwarders });
    return (exchange) => {
      options.started(exchange.request);
      dispatch(exchange);
    };
  };
  const common = { limits, failure, refused: options.refused, completed: options.completed };
  const { connectProtocols } = service;
  const dispatch = dispatching(service);
  const one = http1({ ...common, dispatch, refuse });
  const two = http2({ ...common, dispatch, refuse, connectProtocols });
  const clear = clearText === 'serve' ? [one, two] as const : [
    http1({ ...common, refuse, dispatch: dispatching({ handle: clearHandler(options) }) }),
    http2({ ...common, refuse, dispatch: dispatching({ handle: clearHandler(options) }) }),
  ] as const;
  const clearFactory = negotiator([{ preface: PREFACE, factory: clear[1] }], clear[0], limits);
  return { clear: clearFactory, secure: (alpn) => (alpn === 'h2' ? two : one) };
}

/** What clear text is told where TLS alone is served. */
function clearHandler(options: ProtocolsOptions): Handler {
  const { service, clearText, servesAuthority, asksAt } = options;
  const refused = problem(400, 'this port speaks TLS: use https');
  if (clearText === 'refuse') return () => refused;
  return (request) => {
    const { authority } = request;
    // A proxy that is trusted says that its client came by TLS.
    if (request.client.scheme === 'https') {
      if (!asksAt(authority)) return service.handle(request);
      return problem(421, 'clients show a certificate there, which a proxy cannot (RFC 9110 §7.4)');
    }
    if (authority === '') return problem(400, 'this port speaks TLS, and no Host says where');
    // Nobody is sent to a host that is not ours (RFC 9110 §7.4).
    if (!servesAuthority(authority)) return problem(421, 'no certificate for that authority');
    return new HttpResponse(308, { location: `https://${authority}${resourceOf(request)}` });
  };
}

const RETRY_SECONDS = 1;

function refusal(options: ProtocolsOptions, error: ProtocolError): HttpResponse {
  const { code: status, message: detail } = error;
  const retry = status === 503 ? { 'retry-after': RETRY_SECONDS } : undefined;
  try {
    const own = options.onRefusal?.(status, detail);
    if (own instanceof HttpResponse) return own;
    if (own === undefined) return problem(status, detail, retry);
    throw new TypeError('onRefusal must return an HttpResponse');
  } catch (failure) {
    options.failed(failure, undefined);
    return problem(status, detail, retry);
  }
}
