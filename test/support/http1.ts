/**
 * An HTTP/1.1 connection in memory with a handler behind it, and answers read back from it.
 *
 * `connect` makes one; `exchange` sends octets and gives what came; `verdicts` runs the same octets
 * whole, octet by octet, at each split and with trailing octets, and insists on one outcome.
 */
import { Buffer } from 'node:buffer';
import { dispatcher, failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { http1 } from '../../src/http1/protocol.ts';
import type { Http1Exchange } from '../../src/http1/exchange.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport, type MemoryTransportOptions } from '../../src/testing/index.ts';
import {
  CHUNKED, ChunkedDecoder, ResponseHead, UNTIL_CLOSE, chunkBounds, headBounds, parseResponseHead,
  responseFraming,
} from '../../src/http1/index.ts';
import { Fields } from '../../src/http/fields.ts';

export interface ConnectOptions extends Omit<MemoryTransportOptions, 'limits'> {
  readonly limits?: Partial<Limits>;
  readonly allowTrace?: boolean;
  readonly authorities?: readonly string[];
}

export interface Connected {
  readonly transport: MemoryTransport;
  /** Requests whose handler was called: `GET /path`. */
  readonly seen: string[];
  /** What the wire refused: status and sentence. */
  readonly refused: { readonly status: number; readonly detail: string }[];
  /** What handlers and bodies failed with. */
  readonly errors: unknown[];
  readonly completed: Http1Exchange[];
}

const hello: Handler = () => new HttpResponse(200, { 'content-type': 'text/plain' }, 'hello');

/** A connection whose requests go to `handler`. */
export function connect(handler: Handler = hello, options: ConnectOptions = {}): Connected {
  const limits = limitsFrom(options.limits);
  const seen: string[] = [];
  const refused: { status: number; detail: string }[] = [];
  const errors: unknown[] = [];
  const completed: Http1Exchange[] = [];
  const failure = failureAnswers(undefined, (error) => errors.push(error));
  const handle: Handler = (request) => {
    seen.push(`${request.method} ${request.target}`);
    return handler(request);
  };
  const { allowTrace, authorities, limits: _, ...memory } = options;
  const factory = http1({
    limits,
    failure,
    dispatch: dispatcher({ handle }, { failure, allowTrace, authorities }),
    refuse: (error) => {
      refused.push({ status: error.code, detail: error.message });
      return problem(error.code, error.message);
    },
    completed: (exchange) => completed.push(exchange),
  });
  const transport = new MemoryTransport(factory, { ...memory, limits });
  return { transport, seen, refused, errors, completed };
}

/** A response read back from a connection. */
export interface Answer {
  readonly status: number;
  readonly fields: Fields;
  /** Latin1. */
  readonly body: string;
  readonly trailers: Fields;
  /** Whether its framing came to its end. */
  readonly whole: boolean;
}

/**
 * All responses in `text`, in order, by the project's own response parser. `methods` are those that
 * they answer (for HEAD and CONNECT); interim responses do not use one up. Throws on octets that
 * are no response.
 */
export function answers(text: string, methods: readonly string[] = [], ended = true): Answer[] {
  const bytes = Buffer.from(text, 'latin1');
  const found: Answer[] = [];
  let at = 0;
  let finals = 0;
  while (at < bytes.length) {
    const head = new ResponseHead();
    const next = parseResponseHead(bytes, at, bytes.length, headBounds(limitsFrom()), head);
    if (next < 0) throw new Error(`a partial head: ${JSON.stringify(text.slice(at))}`);
    const fields = head.takeFields();
    const method = methods[finals] ?? 'GET';
    const framing = responseFraming(fields, head.lines, head.minor, method, head.status);
    const content = readContent(bytes, next, framing, ended);
    found.push({ status: head.status, fields, ...content });
    at = content.end;
    if (head.status >= 200 || head.status === 101) finals++;
    if (head.status === 101) break;
  }
  return found;
}

function readContent(
  bytes: Uint8Array, start: number, framing: number, ended: boolean,
): { body: string; trailers: Fields; whole: boolean; end: number } {
  if (framing === CHUNKED) {
    const parts: Uint8Array[] = [];
    const decoder = new ChunkedDecoder(chunkBounds(limitsFrom()), {
      chunkData: (octets, from, to) => void parts.push(octets.slice(from, to)),
    });
    let at = start;
    while (!decoder.done && at < bytes.length) {
      const next = decoder.decode(bytes, at, bytes.length);
      if (next < 0) break;
      at = next;
    }
    const body = Buffer.concat(parts).toString('latin1');
    const end = decoder.done ? at : bytes.length;
    return { body, trailers: decoder.trailers, whole: decoder.done, end };
  }
  const end = framing === UNTIL_CLOSE ? bytes.length : Math.min(bytes.length, start + framing);
  const body = Buffer.from(bytes.subarray(start, end)).toString('latin1');
  const whole = framing === UNTIL_CLOSE ? ended : end - start === framing;
  return { body, trailers: Fields.empty, whole, end };
}

/** What became of octets that a peer sent. */
export interface Outcome {
  readonly answers: readonly Answer[];
  readonly seen: readonly string[];
  readonly refused: readonly { readonly status: number; readonly detail: string }[];
  /** Whether the server ended the connection. */
  readonly ended: boolean;
}

/** Sends `segments`, each as one read, then FIN where told to; lets all settle; reads what came. */
export async function exchange(
  segments: string | readonly string[], handler?: Handler, options?: ConnectOptions, fin = false,
): Promise<Outcome> {
  const connected = connect(handler, options);
  const { transport } = connected;
  for (const segment of typeof segments === 'string' ? [segments] : segments) {
    transport.send(segment);
    while (transport.pending) transport.turn();
  }
  if (fin) transport.sendEof();
  await transport.settle();
  const methods = connected.seen.map((line) => line.slice(0, line.indexOf(' ')));
  return {
    answers: answers(transport.take(), methods, transport.ended),
    seen: connected.seen, refused: connected.refused, ended: transport.ended,
  };
}

/** The cuts of `text` under test: whole, octet by octet, and in two at each place. */
export function splits(text: string): string[][] {
  const cuts: string[][] = [[text], [...text]];
  for (let at = 1; at < text.length; at++) cuts.push([text.slice(0, at), text.slice(at)]);
  return cuts;
}

/**
 * Sends `text` at every split and insists that the outcome is one: statuses, contents, requests
 * seen, refusals. A vector that does not end with LF is followed by FIN, so that a part of a line
 * is judged too. Returns that outcome.
 */
export async function verdict(
  text: string, handler?: Handler, options?: ConnectOptions,
): Promise<Outcome> {
  let first: { outcome: Outcome; shown: string } | undefined;
  for (const segments of splits(text)) {
    const outcome = await exchange(segments, handler, options, !text.endsWith('\n'));
    const shown = JSON.stringify({
      answers: outcome.answers.map(({ status, body, whole }) => ({ status, body, whole })),
      seen: outcome.seen, refused: outcome.refused, ended: outcome.ended,
    });
    first ??= { outcome, shown };
    if (shown !== first.shown) {
      const where = segments.map((segment) => JSON.stringify(segment)).join(' + ');
      throw new Error(`another outcome at ${where}:\n${shown}\nwhole:\n${first.shown}`);
    }
  }
  return (first as { outcome: Outcome }).outcome;
}
