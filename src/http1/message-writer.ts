/**
 * Messages as text (RFC 9112 §2.1): heads, chunk lines, trailers. Latin1 strings, since one string
 * is the cheapest write on Node.
 *
 * An answer that can be given again is written once: its head, and its content where that is short,
 * are remembered on it (`plan`), so that a second giving is one join around the date.
 */
import { Buffer } from 'node:buffer';
import { decimal, isToken, latin1 } from '../bytes/ascii.ts';
import { Fields, tokenMembers, type FieldsInit } from '../http/fields.ts';
import type { HttpResponse } from '../http/response.ts';
import { hasNoContent, reasonPhrase } from '../http/status.ts';
import { permittedTrailers } from '../http/trailers.ts';
import { CHUNKED, UNTIL_CLOSE } from './framing.ts';

/** The fields of the connection are the protocol's to write (RFC 9110 §7.6.1); so is framing. */
const OWN_FIELDS = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'content-length',
]);
/** Content up to here is joined to its head as text; longer content is never copied. */
const JOINED_BYTES = 512;
/** An answer's own Content-Length is not set. */
const UNSET = -1;

/** Fields as they stand in a head, remembered on them. */
class WrittenFields {
  readonly text: string;
  readonly hasDate: boolean;
  /** The handler's own Content-Length, or UNSET. */
  readonly contentLength: number;
  /** Whether the handler asks for the connection's end. */
  readonly close: boolean;

  constructor(fields: Fields) {
    const length = fields.get('content-length');
    this.contentLength = length === undefined ? UNSET : decimal(length);
    if (length !== undefined && this.contentLength < 0) {
      throw new TypeError(`content-length "${length}" is no count of octets (RFC 9110 §8.6)`);
    }
    this.hasDate = fields.has('date');
    this.close = tokenMembers(fields.get('connection') ?? '').includes('close');
    let text = '';
    for (const [name, value] of fields) {
      if (!OWN_FIELDS.has(name)) text += `${name}: ${value}\r\n`;
    }
    // Whoever sends Upgrade names it in Connection too (RFC 9110 §7.8).
    this.text = fields.has('upgrade') ? `${text}connection: upgrade\r\n` : text;
  }
}

function written(fields: Fields): WrittenFields {
  return (fields.http1 ??= new WrittenFields(fields)) as WrittenFields;
}

/** An answer whose content is at hand, ready but for its date. */
export interface Plan {
  /** The status line and all field lines but those of date and connection. */
  readonly head: string;
  readonly hasDate: boolean;
  readonly close: boolean;
  /** Content that is joined to the head as latin1, or that follows it as octets. */
  readonly text: string;
  readonly bytes: Uint8Array | undefined;
  /** Octets of content, and what the head says of them (UNSET: nothing). */
  readonly length: number;
  readonly declared: number;
  /** The program itself says nothing of a length. */
  readonly isSilent: boolean;
  /** Head and text as last written on a connection that persists, and the date in it. */
  whole: string;
  date: string;
}

/**
 * The plan of an answer whose body is text, octets or null; remembered on the answer.
 * Throws a TypeError where its own Content-Length is another than its body's.
 */
export function plan(response: HttpResponse): Plan {
  return (response.http1 ??= makePlan(response)) as Plan;
}

function makePlan(response: HttpResponse): Plan {
  const fields = written(response.fields);
  const content = contentOf(response);
  const contentLength = declared(response, fields, content.length);
  const line = contentLength === UNSET ? '' : `content-length: ${contentLength}\r\n`;
  const head = statusLine(response.status) + fields.text + line;
  return {
    head, hasDate: fields.hasDate, close: fields.close,
    ...content, declared: contentLength, isSilent: fields.contentLength === UNSET,
    whole: '', date: '',
  };
}

interface Content {
  readonly text: string;
  readonly bytes: Uint8Array | undefined;
  readonly length: number;
}

const NO_CONTENT: Content = { text: '', bytes: undefined, length: 0 };

function contentOf(response: HttpResponse): Content {
  const { body } = response;
  if (body === null || body.length === 0) return NO_CONTENT;
  if (hasNoContent(response.status) || response.status === 205) return NO_CONTENT;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body as Uint8Array;
  if (bytes.length > JOINED_BYTES) return { text: '', bytes, length: bytes.length };
  return { text: latin1(bytes, 0, bytes.length), bytes: undefined, length: bytes.length };
}

/** The Content-Length of an answer at hand, or UNSET where it has none (RFC 9110 §8.6). */
function declared(response: HttpResponse, fields: WrittenFields, length: number): number {
  const { status } = response;
  if (status === 204 || status < 200) return UNSET;
  // In answers to HEAD and in 304, it tells what GET would have brought.
  if (status === 304 || response.body === null) {
    return fields.contentLength === UNSET && status !== 304 ? 0 : fields.contentLength;
  }
  if (fields.contentLength !== UNSET && fields.contentLength !== length) {
    throw mismatch(fields.contentLength, length);
  }
  return length;
}

function mismatch(says: number, length: number): TypeError {
  const message = `content-length says ${says}, the body has ${length} octets`;
  return new TypeError(`${message} (RFC 9110 §8.6)`);
}

/** Throws a TypeError where a head tells of content that an answer to this request lacks. */
export function checkPlan(planned: Plan, status: number): void {
  if (planned.declared !== UNSET && planned.declared !== planned.length && status !== 304) {
    throw mismatch(planned.declared, planned.length);
  }
}

/** The head and text of a planned answer on a connection that persists: one a second is made. */
export function planText(planned: Plan, date: string): string {
  if (planned.date === date) return planned.whole;
  planned.date = date;
  planned.whole = planHead(planned, date, '') + planned.text;
  // Reading a character makes one flat string of the parts, once and not at each write.
  planned.whole.charCodeAt(0);
  return planned.whole;
}

/** The head of a planned answer; `connection` is '' to persist. */
export function planHead(planned: Plan, date: string, connection: string): string {
  const dateLine = planned.hasDate ? '' : `date: ${date}\r\n`;
  return `${planned.head}${connectionLine(connection)}${dateLine}\r\n`;
}

/** How a pulled body is framed: octets, CHUNKED, UNTIL_CLOSE. */
export function streamFraming(
  response: HttpResponse, length: number | undefined, minor: number,
): number {
  const own = written(response.fields).contentLength;
  if (own !== UNSET && length !== undefined && own !== length) {
    throw mismatch(own, length);
  }
  if (own !== UNSET) return own;
  return length ?? (minor === 0 ? UNTIL_CLOSE : CHUNKED);
}

/** The head of an answer whose body is pulled. `connection` is '' to persist. */
export function streamHead(
  response: HttpResponse, framing: number, date: string, connection: string,
): string {
  const fields = written(response.fields);
  const dateLine = fields.hasDate ? '' : `date: ${date}\r\n`;
  return statusLine(response.status) + fields.text + framingLine(framing) +
    `${connectionLine(connection)}${dateLine}\r\n`;
}

function framingLine(framing: number): string {
  if (framing === CHUNKED) return 'transfer-encoding: chunked\r\n';
  return framing === UNTIL_CLOSE ? '' : `content-length: ${framing}\r\n`;
}

/** Whether an answer's fields ask for the end of the connection. */
export function asksToClose(response: HttpResponse): boolean {
  return written(response.fields).close;
}

/** The head of an answer that has no framing: interim ones, 101; with a date a 2xx to CONNECT. */
export function bareHead(status: number, fields: Fields, date = ''): string {
  const { text, hasDate } = written(fields);
  const dateLine = hasDate || date === '' ? '' : `date: ${date}\r\n`;
  return `${statusLine(status)}${text}${dateLine}\r\n`;
}

function connectionLine(value: string): string {
  return value === '' ? '' : `connection: ${value}\r\n`;
}

const STATUS_LINES: string[] = [];

function statusLine(status: number): string {
  return (STATUS_LINES[status] ??= `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`);
}

/** The line before the data of a chunk (RFC 9112 §7.1); CRLF follows the data. */
export function chunkLine(octets: number): string {
  return `${octets.toString(16)}\r\n`;
}

/** The last chunk, and the trailers if any (RFC 9112 §7.1.2). */
export function lastChunk(trailers: Fields | undefined): string {
  if (trailers === undefined || trailers.size === 0) return '0\r\n\r\n';
  return `0\r\n${written(permittedTrailers(trailers)).text}\r\n`;
}

/** A request's head, for clients; framing fields are the caller's. Throws a TypeError as Fields. */
export function requestHead(method: string, target: string, init: FieldsInit): string {
  if (!isToken(method)) throw new TypeError(`method "${method}" is not a token (RFC 9110 §9.1)`);
  if (!/^[!-~]+$/.test(target)) throw new TypeError('a target is visible ASCII (RFC 9112 §3.2)');
  let text = `${method} ${target} HTTP/1.1\r\n`;
  for (const [name, value] of Fields.from(init)) text += `${name}: ${value}\r\n`;
  return `${text}\r\n`;
}
