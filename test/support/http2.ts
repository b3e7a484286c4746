/**
 * A raw HTTP/2 peer for the connection in memory: writes any frame, right or wrong, and reads back
 * frames with their fields decoded.
 *
 * `open` makes a connection that is past its preface; `verdict` runs the same octets whole, octet
 * by octet and at splits, and insists on one outcome.
 */
import { Buffer } from 'node:buffer';
import { problem } from '../../src/http/problem.ts';
import { dispatcher, failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { Http2Exchange } from '../../src/http2/exchange.ts';
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PRIORITY,
  PRIORITY_UPDATE, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, errorName,
} from '../../src/http2/frame.ts';
import { FieldList, HpackDecoder, HpackEncoder, Slab } from '../../src/http2/hpack/index.ts';
import { http2 } from '../../src/http2/protocol.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport, type MemoryTransportOptions } from '../../src/testing/index.ts';

// Writing

export type FieldPairs = readonly (readonly [string, string])[];
type Octets = string | Uint8Array | readonly number[];

function octetsOf(octets: Octets): Uint8Array {
  return typeof octets === 'string' ? Buffer.from(octets, 'latin1') : Uint8Array.from(octets);
}

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

export function join(...parts: readonly Octets[]): Uint8Array {
  return Buffer.concat(parts.map(octetsOf));
}

/** Any frame; `length` lies about the payload where it is given. */
export function frame(
  type: number, flags: number, streamId: number, payload: Octets = '', length?: number,
): Uint8Array {
  const octets = octetsOf(payload);
  const told = length ?? octets.length;
  return join([told >>> 16, (told >>> 8) & 255, told & 255, type, flags], uint32(streamId), octets);
}

/** Fields as literals without a table or Huffman code: the same octets wherever they stand. */
export function block(fields: FieldPairs): Uint8Array {
  return join(...fields.flatMap(([name, value]) => [[0], text(name), text(value)]));
}

function text(value: string): Uint8Array {
  if (value.length < 127) return join([value.length], value);
  const rest = value.length - 127;
  return join([127, (rest & 127) | 128, ((rest >>> 7) & 127) | 128, rest >>> 14], value);
}

/** Fields by an encoder, whose table goes along. */
export function encoded(encoder: HpackEncoder, fields: FieldPairs): Uint8Array {
  const slab = new Slab();
  encoder.begin(slab);
  for (const [name, value] of fields) encoder.field(name, value, slab);
  return slab.take();
}

export const settings = (pairs: readonly (readonly [number, number])[] = []): Uint8Array =>
  frame(SETTINGS, 0, 0, pairs.flatMap(([id, value]) => [id >>> 8, id & 255, ...uint32(value)]));
export const settingsAck = frame(SETTINGS, ACK, 0);
export const data = (id: number, content: Octets = '', flags = 0): Uint8Array =>
  frame(DATA, flags, id, content);
export const headers = (
  id: number, fields: FieldPairs | Uint8Array, flags = END_HEADERS | END_STREAM,
): Uint8Array => frame(HEADERS, flags, id, fields instanceof Uint8Array ? fields : block(fields));
export const continuation = (id: number, payload: Octets, flags = END_HEADERS): Uint8Array =>
  frame(CONTINUATION, flags, id, payload);
export const priority = (id: number, on: number): Uint8Array =>
  frame(PRIORITY, 0, id, [...uint32(on), 15]);
export const reset = (id: number, code = 8): Uint8Array => frame(RST_STREAM, 0, id, uint32(code));
export const ping = (content = '12345678', flags = 0): Uint8Array => frame(PING, flags, 0, content);
export const goaway = (last: number, code = 0): Uint8Array =>
  frame(GOAWAY, 0, 0, [...uint32(last), ...uint32(code)]);
export const windowUpdate = (id: number, increment: number): Uint8Array =>
  frame(WINDOW_UPDATE, 0, id, uint32(increment));
export const promise = (id: number, promised: number, fields: FieldPairs): Uint8Array =>
  frame(PUSH_PROMISE, END_HEADERS, id, join(uint32(promised), block(fields)));
export const priorityUpdate = (id: number, value: string): Uint8Array =>
  frame(PRIORITY_UPDATE, 0, 0, join(uint32(id), value));

export const PSEUDO: FieldPairs = [
  [':method', 'GET'], [':scheme', 'http'], [':authority', 'a'], [':path', '/'],
];

/** The fields of a request of a method, with more after them. */
export function fieldsOf(method: string, path = '/', more: FieldPairs = []): FieldPairs {
  return [
    [':method', method], [':scheme', 'http'], [':authority', 'a'], [':path', path], ...more,
  ];
}

/** A whole GET on a stream. */
export const get = (id: number, path = '/', more: FieldPairs = []): Uint8Array =>
  headers(id, fieldsOf('GET', path, more));
/** The head of a POST whose content follows. */
export const post = (id: number, more: FieldPairs = []): Uint8Array =>
  headers(id, fieldsOf('POST', '/', more), END_HEADERS);

export const GREETING = join(PREFACE, settings(), settingsAck);

// Reading

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
  /** Of HEADERS and PUSH_PROMISE that end their block. */
  readonly fields?: FieldPairs;
}

/** All frames of `octets`; throws where they are not whole. */
export function framesOf(octets: Uint8Array, decoder = new HpackDecoder()): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < octets.length;) {
    const view = new DataView(octets.buffer, octets.byteOffset + at);
    const length = view.getUint32(0) >>> 8;
    const [type, flags] = [view.getUint8(3), view.getUint8(4)];
    const payload = octets.subarray(at + 9, at + 9 + length);
    if (payload.length < length) throw new Error('a frame is cut short');
    const found = { type, flags, streamId: view.getUint32(5), payload };
    const from = type === PUSH_PROMISE ? 4 : 0;
    const whole = (flags & END_HEADERS) !== 0 && (type === HEADERS || type === PUSH_PROMISE);
    frames.push(whole ? { ...found, fields: decoded(decoder, payload.subarray(from)) } : found);
    at += 9 + length;
  }
  return frames;
}

function decoded(decoder: HpackDecoder, octets: Uint8Array): FieldPairs {
  const list = new FieldList();
  decoder.decode(octets, 0, octets.length, list);
  return list.names.map((name, index) => [name, list.values[index] as string]);
}

/** The number in a payload: an error code, an increment, a promised or last stream. */
export function numberIn({ payload }: Frame, at = 0): number {
  return Buffer.from(payload).readUInt32BE(at);
}

export function textOf({ payload }: Frame): string {
  return Buffer.from(payload).toString('latin1');
}

/** What came on one stream. */
export interface Answer {
  readonly status: number;
  readonly fields: FieldPairs;
  readonly body: string;
  readonly trailers: FieldPairs | undefined;
  /** END_STREAM has come. */
  readonly whole: boolean;
  readonly interims: readonly number[];
}

interface Reading {
  status: number;
  fields: FieldPairs;
  body: string;
  trailers: FieldPairs | undefined;
  whole: boolean;
  interims: number[];
}

/** Answers by stream. Throws on what no client would take. */
export function answersIn(frames: readonly Frame[]): Record<number, Answer> {
  const found: Record<number, Reading> = {};
  for (const { type, flags, streamId, payload, fields = [] } of frames) {
    if (type !== HEADERS && type !== DATA) continue;
    const answer = found[streamId] ??= {
      status: 0, fields: [], body: '', trailers: undefined, whole: false, interims: [],
    };
    if (answer.whole) throw new Error('a frame after END_STREAM');
    if (type === DATA) {
      if (answer.status === 0) throw new Error('DATA before HEADERS');
      answer.body += Buffer.from(payload).toString('latin1');
    } else if (answer.status > 0) {
      answer.trailers = fields;
    } else {
      const status = Number(fields[0]?.[1]);
      if (status < 200) answer.interims.push(status);
      else Object.assign(answer, { status, fields });
    }
    if ((flags & END_STREAM) !== 0) answer.whole = true;
  }
  return found;
}

// A connection

export interface ConnectOptions extends Omit<MemoryTransportOptions, 'limits'> {
  readonly limits?: Partial<Limits>;
  readonly connectProtocols?: readonly string[];
}

/** Answers `hello`. */
export const hello: Handler = () => new HttpResponse(200, {}, 'hello');
/** Never answers. */
export const silent: Handler = () => new Promise<HttpResponse>(() => {});
/** Answers with the request's content, once all of it has come. */
export const echo: Handler = async ({ body }) => new HttpResponse(200, {}, await body.bytes());

export class Connected {
  readonly transport: MemoryTransport;
  /** Requests whose handler was called: `GET /path`. */
  readonly seen: string[] = [];
  /** What the peer did wrong. */
  readonly refused: string[] = [];
  /** What handlers and bodies failed with. */
  readonly errors: unknown[] = [];
  readonly completed: Http2Exchange[] = [];
  /** All that was taken so far. */
  readonly all: Frame[] = [];
  readonly #decoder = new HpackDecoder();

  constructor(handler: Handler, options: ConnectOptions) {
    const { limits: some, connectProtocols, ...memory } = options;
    const limits = limitsFrom(some);
    const failure = failureAnswers(undefined, (error) => this.errors.push(error));
    const handle: Handler = (request) => {
      this.seen.push(`${request.method} ${request.target}`);
      return handler(request);
    };
    const factory = http2({
      limits, failure, connectProtocols,
      dispatch: dispatcher({ handle }, { failure }),
      refused: (error) => void this.refused.push(error.message),
      refuse: (error) => problem(error.code, error.message),
      completed: (exchange) => void this.completed.push(exchange),
    });
    this.transport = new MemoryTransport(factory, { ...memory, limits });
  }

  /** Sends frames as one read, lets all settle, and gives what came back. */
  async send(...frames: readonly Octets[]): Promise<Frame[]> {
    this.transport.send(join(...frames));
    return this.settled();
  }

  async settled(): Promise<Frame[]> {
    await this.transport.settle();
    return this.take();
  }

  take(): Frame[] {
    const frames = framesOf(this.transport.takeBytes(), this.#decoder);
    this.all.push(...frames);
    return frames;
  }
}

/** A connection before its preface. */
export function connect(handler: Handler = hello, options: ConnectOptions = {}): Connected {
  return new Connected(handler, options);
}

/** A connection whose settings were exchanged; `pairs` are the peer's. */
export async function open(
  handler: Handler = hello, options: ConnectOptions = {},
  pairs: readonly (readonly [number, number])[] = [],
): Promise<Connected> {
  const connected = connect(handler, options);
  await connected.send(PREFACE, settings(pairs), settingsAck);
  return connected;
}

// Verdicts

/** The answer to the last PING of ours that is not answered. */
export function pong({ all }: { readonly all: readonly Frame[] }): Uint8Array {
  const asked = all.filter(({ type, flags }) => type === PING && (flags & ACK) === 0).at(-1);
  return frame(PING, ACK, 0, asked?.payload ?? '12345678');
}

/** What became of octets that a peer sent. */
export interface Outcome {
  /** The name of GOAWAY's code and its last stream, or undefined. */
  readonly goaway: string | undefined;
  /** Names of codes by stream. */
  readonly resets: Readonly<Record<number, string>>;
  /** Status and content by stream. */
  readonly answers: Readonly<Record<number, string>>;
  readonly pings: number;
  readonly seen: readonly string[];
  readonly ended: boolean;
}

export function outcomeOf({ all, seen, transport }: Connected): Outcome {
  const gone = all.find(({ type }) => type === GOAWAY);
  const resets: Record<number, string> = {};
  for (const one of all.filter(({ type }) => type === RST_STREAM)) {
    resets[one.streamId] = errorName(numberIn(one));
  }
  const answers: Record<number, string> = {};
  for (const [id, { status, body, whole }] of Object.entries(answersIn(all))) {
    answers[Number(id)] = `${status}${whole ? '' : ' cut'} ${body}`.trim();
  }
  const pings = all.filter(({ type, flags }) => type === PING && flags === ACK).length;
  const goaway = gone && errorName(numberIn(gone, 4));
  return { goaway, resets, answers, pings, seen, ended: transport.ended };
}

/** The cuts under test: whole, octet by octet, and in two; long vectors at some places only. */
function cuts(octets: Uint8Array): Uint8Array[][] {
  const found = [[octets]];
  if (octets.length <= 2000) found.push([...octets].map((octet) => Uint8Array.of(octet)));
  const step = Math.max(1, Math.floor(octets.length / 60));
  for (let at = 1; at < octets.length; at += step) {
    found.push([octets.subarray(0, at), octets.subarray(at)]);
  }
  return found;
}

/** Sends the octets after the greeting at every cut and insists on one outcome. */
export async function verdict(
  octets: Uint8Array, handler: Handler = hello, options: ConnectOptions = {}, greeting = GREETING,
): Promise<Outcome> {
  let first: Outcome | undefined;
  for (const segments of cuts(octets)) {
    const connected = connect(handler, options);
    const { transport } = connected;
    if (greeting.length > 0) transport.send(greeting);
    for (const segment of segments) {
      transport.send(segment);
      while (transport.pending) transport.turn();
    }
    await connected.settled();
    const outcome = outcomeOf(connected);
    first ??= outcome;
    const [one, other] = [JSON.stringify(first), JSON.stringify(outcome)];
    if (one !== other) {
      const lengths = segments.length > 2 ? 'octet by octet' : `at ${segments[0]?.length}`;
      throw new Error(`another outcome ${lengths}:\n${other}\nwhole:\n${one}`);
    }
  }
  return first as Outcome;
}
