/**
 * The head of a response (RFC 9112 §4): octets in, a reused ResponseHead out. For clients: tests,
 * benches, load generators, and the WebSocket client.
 *
 *     "HTTP/" DIGIT "." DIGIT SP 3DIGIT SP [ reason-phrase ] CRLF, then field lines
 */
import { CR, FIELD_VALUE, LF, latin1 } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import type { Fields } from '../http/fields.ts';
import { FieldLines, MORE, parseFieldLines } from './field-lines.ts';
import type { HeadBounds } from './request-parser.ts';

/** `HTTP/1.1 200 `: with the space, which a server must send even before an empty reason. */
const PREFIX_BYTES = 13;
const PREFIX = /^HTTP\/(\d)\.(\d) ([1-9]\d\d) $/;

/** What a head said. Overwritten by the next parse; `takeFields` hands its lines on. */
export class ResponseHead {
  status = 0;
  reason = '';
  minor = 1;
  text = '';
  readonly lines = new FieldLines();
  /** The count of octets from the start at which a partial head is worth another parse. */
  limitAt = 0;

  takeFields(): Fields {
    return this.lines.take(this.text);
  }
}

/**
 * Parses a response head at `start`. Returns the offset after its empty line, or MORE. Throws a
 * ConnectionError 502: an answer that a gateway could not use either (RFC 9110 §15.6.3).
 */
export function parseResponseHead(
  bytes: Uint8Array, start: number, end: number, bounds: HeadBounds, head: ResponseHead,
): number {
  const limit = start + bounds.lineBytes;
  head.limitAt = bounds.lineBytes + 1;
  if (end - start < PREFIX_BYTES) return MORE;
  if (PREFIX_BYTES > bounds.lineBytes) throw bad('requestLineBytes is under any status line');
  const prefix = PREFIX.exec(latin1(bytes, start, start + PREFIX_BYTES));
  if (prefix === null) throw bad('a broken status line (RFC 9112 §4)');
  if (prefix[1] !== '1') throw bad('a version other than HTTP/1 (RFC 9112 §2.3)');

  const stop = Math.min(end, limit);
  let at = start + PREFIX_BYTES;
  while (at < stop && FIELD_VALUE[bytes[at] as number] === 1) at++;
  if (at === end) return MORE;
  if (at === limit && bytes[at] !== CR) {
    throw bad(`the status line is over requestLineBytes, ${bounds.lineBytes} octets`);
  }
  if (at + 1 === end && bytes[at] === CR) return MORE;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) {
    throw bad('a status line does not end in CRLF (RFC 9112 §4)');
  }
  const next = parseSection(bytes, at + 2, end, start, bounds, head.lines);
  if (next === MORE) {
    head.limitAt = head.lines.limitAt - start;
    return MORE;
  }
  head.text = latin1(bytes, start, next);
  head.minor = prefix[2] === '0' ? 0 : 1;
  head.status = Number(prefix[3]);
  head.reason = head.text.slice(PREFIX_BYTES, at - start);
  return next;
}

function parseSection(
  bytes: Uint8Array, at: number, end: number, start: number, bounds: HeadBounds, lines: FieldLines,
): number {
  try {
    return parseFieldLines(bytes, at, end, start, bounds.section, lines);
  } catch (error) {
    throw bad((error as Error).message);
  }
}

function bad(message: string): ConnectionError {
  return new ConnectionError(502, message);
}
