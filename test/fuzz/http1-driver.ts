/**
 * HTTP/1 connections for the fuzzer, a hundred thousand a minute: a Transport of the fewest lines
 * that keeps the laws of protocol.ts, a handler that can be told what it saw, and the outcome as
 * text that compares at once. testing/memory-transport.ts is for all other tests.
 */
import { Buffer } from 'node:buffer';
import { LF } from '../../src/bytes/ascii.ts';
import { ProtocolError } from '../../src/errors.ts';
import { dispatcher, failureAnswers, type Exchange } from '../../src/http/exchange.ts';
import { listMembers } from '../../src/http/fields.ts';
import { problem } from '../../src/http/problem.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { Http1Exchange } from '../../src/http1/exchange.ts';
import { http1 } from '../../src/http1/protocol.ts';
import { DEFAULT_LIMITS } from '../../src/limits.ts';
import type {
  Clock, ConnectionTransport, Peer, Protocol, ProtocolFactory,
} from '../../src/protocol.ts';
import type { Expected } from './http1-requests.ts';

/** What became of the octets of one connection. */
export interface Outcome {
  /** The requests that began, in order. */
  readonly requests: readonly Seen[];
  /** Status and sentence of each refusal. */
  readonly refused: readonly string[];
  /** All that was written. */
  readonly written: string;
  /** What another protocol got after a switch. */
  readonly tunnelled: string;
  /** Whether the server ended the connection before the peer did. */
  readonly ended: boolean;
  /** Content was answered before it was read: what follows hangs on how much of it had come. */
  readonly hasty: boolean;
  /** What must never happen, in words. */
  readonly faults: readonly string[];
}

/** A request as its handler saw it. */
export interface Seen extends Expected {
  readonly version: string;
  readonly authority: string;
  /** Whether its content was read to its end; false where the handler did not try. */
  readonly whole: boolean;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

const PEER: Peer = {
  address: '192.0.2.1', port: 50_000, localAddress: '192.0.2.2', localPort: 80,
  secure: false, tls: undefined,
};
const CLOCK: Clock = {
  now: () => 0,
  date: () => 'Sun, 06 Nov 1994 08:49:37 GMT',
  at: () => () => {},
};
/** What lent octets become after their entry. */
const SPOILED = 0xdb;
/** Turns of the microtask queue in which a handler that waited has answered, and one more. */
const HOPS = 4;
/** Less than most content, so that a piece is pulled in parts. */
const PULL_OCTETS = 7;

class FuzzTransport implements ConnectionTransport {
  readonly crowded = false;
  readonly peer = PEER;
  readonly clock = CLOCK;
  readonly queuedBytes = 0;
  ended = false;
  charged = 0;
  written = '';
  readonly failures: unknown[] = [];
  #paused = false;
  #deferred = false;
  #dying = false;
  #eof = false;
  #protocol: Protocol;
  #next: ProtocolFactory<ConnectionTransport> | undefined;
  #rest = new Uint8Array(0);
  readonly #input: Uint8Array[] = [];

  constructor(factory: ProtocolFactory<ConnectionTransport>) {
    this.#protocol = factory(this);
  }

  write(octets: Uint8Array | string): boolean {
    if (this.ended) return true;
    this.written += typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
    return true;
  }

  keep(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return bytes.slice(start, end);
  }

  charge(octets: number): boolean {
    this.charged += octets;
    return true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  defer(): void {
    this.#deferred = true;
  }

  gather(): void {}

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.ended = true;
    this.#dying = true;
  }

  become(next: ProtocolFactory<ConnectionTransport>, rest: Uint8Array): void {
    this.#next = next;
    this.#rest = rest.slice();
  }

  /** One read; its octets are spoiled once it was seen. */
  send(octets: Uint8Array): void {
    if (this.#paused || this.#input.length > 0) this.#input.push(octets.slice());
    else this.#receive(octets);
  }

  /** One later turn. False: there was nothing to do. */
  turn(): boolean {
    const deferred = this.#deferred;
    this.#deferred = false;
    if (deferred) this.#enter(() => this.#protocol.proceed());
    const waiting = !this.#paused && this.#input.length > 0;
    while (!this.#paused && this.#input.length > 0) {
      this.#receive(this.#input.shift() as Uint8Array);
    }
    return deferred || waiting;
  }

  sendEof(): void {
    this.#eof = true;
    this.#enter(() => this.#protocol.eof());
  }

  close(): void {
    this.ended = true;
    this.#protocol.closed(undefined);
  }

  #receive(octets: Uint8Array): void {
    this.#enter(() => this.#protocol.receive(octets));
    octets.fill(SPOILED);
  }

  #enter(entry: () => void): void {
    if (this.ended || this.#dying) return;
    try {
      entry();
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) this.failures.push(cause);
      this.#protocol.failed(cause as Error);
    }
    if (this.#next !== undefined) this.#switch(this.#next);
  }

  #switch(next: ProtocolFactory<ConnectionTransport>): void {
    const rest = this.#rest;
    this.#next = undefined;
    this.#paused = false;
    if (this.charged !== 0) this.failures.push(new Error(`${this.charged} charged at a switch`));
    this.#protocol = next(this);
    if (rest.length > 0) this.#protocol.receive(rest);
    if (this.#eof) this.#protocol.eof();
  }
}

/** One connection: its requests, its handler, and what went wrong. */
class Run {
  readonly requests: Writable<Seen>[] = [];
  readonly refused: string[] = [];
  readonly faults: string[] = [];
  tunnelled = '';
  hasty = false;
  /** A handler had to wait for content. */
  asynchronous = false;
  readonly transport: FuzzTransport;

  /** `plain`: every request is read to its end. */
  constructor(plain: boolean) {
    const failure = failureAnswers(undefined, (error) => this.#fault('a failure', error));
    const dispatch = plain
      ? (exchange: Exchange) => this.#readAlways(exchange)
      : dispatcher({ handle: (request) => this.#handle(request) }, { failure });
    this.transport = new FuzzTransport(http1({
      limits: DEFAULT_LIMITS,
      failure,
      dispatch: (exchange) => this.#dispatch(exchange, dispatch),
      refuse: (error) => {
        this.refused.push(`${error.code} ${error.message}`);
        return problem(error.code, error.message);
      },
    }));
  }

  #fault(what: string, error: unknown): void {
    this.faults.push(`${what}: ${error instanceof Error ? error.stack ?? '' : String(error)}`);
  }

  #dispatch(exchange: Exchange, dispatch: (exchange: Exchange) => void): void {
    const { request } = exchange;
    if (this.refused.length > 0) this.faults.push(`${request.target} began after a refusal`);
    this.requests.push({
      method: request.method, target: request.target, version: request.version,
      authority: request.authority, fields: [...request.fields], body: '', trailers: [],
      whole: false,
    });
    dispatch(exchange);
    const answered = (exchange as Http1Exchange).response !== undefined;
    if (answered && !(exchange as Http1Exchange).received) this.hasty = true;
  }

  #answer(request: HttpRequest): HttpResponse {
    return new HttpResponse(200, undefined, `${this.requests.length - 1} ${request.method}`);
  }

  #handle(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    if (request.target.includes('early')) return this.#answer(request);
    if (request.target === '/switch' && isSwitchable(request)) {
      const [offer = ''] = listMembers(request.fields.get('upgrade') ?? '');
      const fields = request.method === 'CONNECT' ? undefined : { upgrade: offer };
      return HttpResponse.switching(
        () => new Tunnel((text) => this.tunnelled += text), fields,
      );
    }
    return this.#read(request);
  }

  /** In place of a dispatcher, which answers TRACE without a handler. */
  #readAlways(exchange: Exchange): void {
    const answer = this.#read(exchange.request);
    if (answer instanceof HttpResponse) exchange.respond(answer);
    else answer.then((response) => exchange.respond(response), () => {});
  }

  /** Reads all content, then answers: at once where all is at hand. */
  #read(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    const seen = this.requests.at(-1) as Writable<Seen>;
    const answer = this.#answer(request);
    const pending = pullAll(request, seen);
    if (pending === undefined) return answer;
    this.asynchronous = true;
    return new Promise((resolve, reject) => {
      const wait = (pull: Promise<Uint8Array | null>): void => {
        pull.then((piece) => {
          const next = take(request, seen, piece) ? undefined : pullAll(request, seen);
          if (next === undefined) resolve(answer);
          else wait(next);
        }).catch(reject);
      };
      wait(pending);
    });
  }

  /** Turns until nothing is left to do; microtasks between them where a handler needs some. */
  async settle(): Promise<void> {
    const { transport } = this;
    while (transport.turn());
    for (let quiet = 0; this.asynchronous && quiet < HOPS; quiet++) {
      await undefined;
      while (transport.turn()) quiet = 0;
    }
  }

  outcome(ended: boolean): Outcome {
    const { requests, refused, faults, tunnelled, hasty, transport } = this;
    for (const failure of transport.failures) this.#fault('the guard caught', failure);
    if (transport.charged !== 0) faults.push(`${transport.charged} octets are still charged`);
    if (refused.length > 1) faults.push(`${refused.length} refusals`);
    return { requests, refused, written: transport.written, tunnelled, ended, hasty, faults };
  }
}

/** Only a request with `connection: upgrade` may be switched; the others are answered. */
function isSwitchable({ fields, version }: HttpRequest): boolean {
  return version !== '1.0' && fields.get('connection')?.toLowerCase() === 'upgrade' &&
    /\b(?:x|websocket)\b/i.test(fields.get('upgrade') ?? '');
}

/** Pulls what is at hand. Undefined: that was all; else the pull that has to be waited for. */
function pullAll(
  request: HttpRequest, seen: Writable<Seen>,
): Promise<Uint8Array | null> | undefined {
  for (;;) {
    const piece = request.body.pull(PULL_OCTETS);
    if (piece instanceof Promise) return piece;
    if (take(request, seen, piece)) return undefined;
  }
}

/** True: that was the end. */
function take(request: HttpRequest, seen: Writable<Seen>, piece: Uint8Array | null): boolean {
  if (piece !== null) {
    seen.body += latin1(piece);
    return false;
  }
  seen.whole = true;
  seen.trailers = [...request.trailers];
  return true;
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}

const slab = new Uint8Array(1 << 20);

/** How an input is cut into reads, and what reads it. */
export interface Sending {
  /** The octets of a read, or the offsets between reads. Default: one read. */
  readonly at?: number | readonly number[];
  /** Whether handlers settle between two reads. */
  readonly turns?: boolean;
  /** Whether all requests are read to their end. Default: targets say what is done. */
  readonly plain?: boolean;
}

/**
 * Sends `input` in reads, lets all settle, sends FIN, lets all settle, and disconnects. Each read
 * lends a slab that is spoiled afterwards.
 */
export async function send(input: Uint8Array, sending: Sending = {}): Promise<Outcome> {
  const { at = [], turns = false, plain = false } = sending;
  const run = new Run(plain);
  const { transport } = run;
  let from = 0;
  for (let read = 0; from < input.length; read++) {
    const to = typeof at === 'number' ? from + at : at[read] ?? input.length;
    transport.send(lend(input, from, Math.min(to, input.length)));
    if (turns) await run.settle();
    from = to;
  }
  await run.settle();
  // Only a line end makes all of a partial line worth a look; before it, reads may differ.
  const ended = transport.ended && input.at(-1) === LF;
  transport.sendEof();
  await run.settle();
  transport.close();
  if (run.asynchronous) await run.settle();
  return run.outcome(ended);
}

function lend(input: Uint8Array, from: number, to: number): Uint8Array {
  if (to - from > slab.length) throw new RangeError('a read is longer than the slab');
  if (to - from === 1) slab[0] = input[from] as number;
  else slab.set(input.subarray(from, to));
  return slab.subarray(0, to - from);
}

/** What follows a switch: takes all. */
class Tunnel implements Protocol {
  readonly idle = true;
  readonly #take: (text: string) => void;

  constructor(take: (text: string) => void) {
    this.#take = take;
  }

  receive(bytes: Uint8Array): void {
    this.#take(Buffer.from(bytes).toString('latin1'));
  }

  proceed(): void {}
  drained(): void {}
  eof(): void {}
  flush(): void {}
  tick(): void {}
  shutdown(): void {}
  failed(cause: Error): void {
    throw cause;
  }
  closed(): void {}
}
