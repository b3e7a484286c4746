/**
 * The server's side of a simulated HTTP/2 connection: negotiator, both protocols and dispatcher as
 * server/server.ts puts them together, on a transport in memory that shows what is written.
 */
import { Buffer } from 'node:buffer';
import { dispatcher, failureAnswers, type Exchange } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import type { HttpResponse } from '../../src/http/response.ts';
import { http1 } from '../../src/http1/protocol.ts';
import type { Http2Connection } from '../../src/http2/connection.ts';
import type { Http2Exchange } from '../../src/http2/exchange.ts';
import { DEFAULT_WINDOW, PREFACE } from '../../src/http2/frame.ts';
import { http2 } from '../../src/http2/protocol.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../../src/protocol.ts';
import { negotiator } from '../../src/server/negotiator.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import type { Random } from '../support/random.ts';

/** A transport that shows each write, and whether it ended in order. */
export class WatchedTransport extends MemoryTransport {
  watch: ((octets: Buffer) => void) | undefined;
  endedInOrder = false;

  override write(octets: Uint8Array | string): boolean {
    const copy = typeof octets === 'string' ? Buffer.from(octets, 'latin1') : Buffer.from(octets);
    this.watch?.(copy);
    return super.write(octets);
  }

  override end(): void {
    this.endedInOrder ||= !this.ended && !this.closed;
    super.end();
  }
}

export interface ServerOptions {
  readonly limits: Limits;
  handle(request: HttpRequest, exchange: Http2Exchange): HttpResponse | Promise<HttpResponse>;
  /** The program failed, as the server tells it. */
  failed(error: unknown): void;
  /** The preface has come. */
  began(protocol: Http2Connection): void;
  /** HTTP/1.1 was chosen, and refuses what came. */
  fellBack(): void;
  /** What the peer did wrong. */
  refused(message: string): void;
  completed(exchange: Http2Exchange): void;
}

export function serverProtocols(options: ServerOptions): ProtocolFactory<ConnectionTransport> {
  const { limits } = options;
  const failure = failureAnswers(undefined, (error) => options.failed(error));
  // A push runs its handler within that of its parent.
  const running: Exchange[] = [];
  const handle = (request: HttpRequest): HttpResponse | Promise<HttpResponse> =>
    options.handle(request, running.at(-1) as Http2Exchange);
  const dispatchTo = dispatcher({ handle }, { failure });
  const dispatch = (exchange: Exchange): void => {
    running.push(exchange);
    dispatchTo(exchange);
    running.pop();
  };
  const factory = http2({
    limits, failure, dispatch, connectProtocols: ['echo'],
    refused: (error) => options.refused(error.message),
    refuse: (error) => problem(error.code, error.message),
    completed: (exchange) => options.completed(exchange),
  });
  const prior: ProtocolFactory<ConnectionTransport> = (transport) => {
    const protocol = factory(transport);
    options.began(protocol as Http2Connection);
    return protocol;
  };
  const refuse = (): HttpResponse => {
    options.fellBack();
    return problem(400, 'this was no preface');
  };
  const otherwise = http1({ limits, failure, dispatch, refuse });
  return negotiator([{ preface: PREFACE, factory: prior }], otherwise, limits);
}

/** Limits small enough to be met. */
export function serverLimits(random: Random): Limits {
  return limitsFrom({
    writeQueueBytes: random.pick([1, 200, 4096, 262_144]),
    discardedBytes: random.pick([0, 10, 262_144]),
    http2Streams: random.pick([1, 2, 100, 100]),
    http2StreamWindowBytes: random.pick([50, 1000, DEFAULT_WINDOW, 262_144]),
    http2StreamWindowMaxBytes: random.pick([50, 5000, 1_048_576]),
    http2ConnectionWindowBytes: random.pick([0, DEFAULT_WINDOW, 4_194_304]),
    contentBytes: random.pick([Infinity, Infinity, Infinity, 500]),
    requestsPerConnection: random.pick([100_000, 100_000, 100_000, 3]),
    interimResponses: random.pick([1, 8]),
  });
}
