/**
 * The head of a request (RFC 9112 §3): octets in, a reused RequestHead out.
 *
 *     method SP request-target SP "HTTP/" DIGIT "." DIGIT CRLF, then field lines
 *
 * Parses a whole head in one pass from its first octet; a partial one gives MORE, and is parsed
 * again when `limitAt` is reached or another line has come. Framing is framing.ts's, meaning is
 * http/'s.
 */
import { CR, LF, SP, TARGET, TOKEN, latin1, latin1Octets } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import type { Fields } from '../http/fields.ts';
import type { Limits } from '../limits.ts';
import { FieldLines, MORE, hex, parseFieldLines, type SectionBounds } from './field-lines.ts';

/** A method longer than this is nobody's (the longest registered one has 17 octets). */
const METHOD_BYTES_MAX = 32;
/** The first octet of a TLS ClientHello (RFC 8446 §5.1). */
const TLS_HANDSHAKE = 0x16;
/** How a PROXY header of version 1 begins; one of 2 has two empty lines and NUL. */
const PROXY_LINE: readonly number[] = [...latin1Octets('PROXY ')];
const PROXY_EMPTY_BYTES = 4;
/** ` HTTP/1.1` without the space. */
const VERSION_BYTES = 8;
const VERSION_FORM = 'HTTP/0.0';
const DIGIT = 0x30;

/** The bounds of a head, prepared once from the limits. */
export interface HeadBounds {
  readonly lineBytes: number;
  readonly leadingEmptyLines: number;
  readonly section: SectionBounds;
}

export function headBounds(limits: Limits): HeadBounds {
  return {
    lineBytes: limits.requestLineBytes,
    leadingEmptyLines: limits.leadingEmptyLines,
    section: {
      bytes: limits.fieldSectionBytes, bytesName: 'fieldSectionBytes',
      lines: limits.fieldLines, linesName: 'fieldLines',
    },
  };
}

/** What a head said. Overwritten by the next parse; `fields` hands its lines on. */
export class RequestHead {
  method = '';
  target = '';
  /** The digit after the point: 0, or 1 for every later 1.x (RFC 9110 §2.5). */
  minor = 1;
  text = '';
  /** The method is HEAD, told before the rest: its refusal has no content (RFC 9110 §9.3.2). */
  isHead = false;
  readonly lines = new FieldLines();
  /** The count of octets from the start at which a partial head is worth another parse. */
  limitAt = 0;

  takeFields(): Fields {
    return this.lines.take(this.text);
  }
}

/**
 * Parses a request head at `start`. Returns the offset after its empty line, or MORE. Throws a
 * ConnectionError: 400, 414, 431, 501 (no such method) or 505, naming the limit or the section.
 */
export function parseRequestHead(
  bytes: Uint8Array, start: number, end: number, bounds: HeadBounds, head: RequestHead,
): number {
  head.isHead = false;
  const lineStart = skipEmptyLines(bytes, start, end, bounds.leadingEmptyLines);
  const limit = lineStart + bounds.lineBytes;
  head.limitAt = limit - start;
  if (lineStart >= end || (bytes[lineStart] === CR)) return MORE;

  const methodEnd = scanMethod(bytes, lineStart, end, limit, bounds, lineStart - start);
  if (methodEnd === MORE) return MORE;
  head.isHead = methodEnd - lineStart === 4 && latin1(bytes, lineStart, methodEnd) === 'HEAD';
  const targetEnd = scanTarget(bytes, methodEnd + 1, end, limit, bounds);
  if (targetEnd === MORE) return MORE;
  const versionAt = targetEnd + 1;
  if (versionAt + VERSION_BYTES > limit) throw tooLong(bounds);
  if (!isVersion(bytes, versionAt, Math.min(end, versionAt + VERSION_BYTES))) {
    throw refusal(bytes, lineStart, 'the version is not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)');
  }
  if (versionAt + VERSION_BYTES + 2 > end) return MORE;
  head.minor = parseVersion(bytes, versionAt);

  const sectionAt = versionAt + VERSION_BYTES + 2;
  const next = parseFieldLines(bytes, sectionAt, end, lineStart, bounds.section, head.lines);
  if (next === MORE) {
    head.limitAt = head.lines.limitAt - start;
    return MORE;
  }
  const text = latin1(bytes, lineStart, next);
  head.text = text;
  head.method = methodName(text, methodEnd - lineStart);
  head.target = text.slice(methodEnd - lineStart + 1, targetEnd - lineStart);
  return next;
}

/** Robustness for a CRLF too many after the last content (RFC 9112 §2.2). */
function skipEmptyLines(bytes: Uint8Array, start: number, end: number, most: number): number {
  let at = start;
  for (let lines = 0; at < end && bytes[at] === CR; lines++) {
    if (lines === most) {
      throw new ConnectionError(400, 'over leadingEmptyLines before a request (RFC 9112 §2.2)');
    }
    if (at + 1 >= end) return at;
    if (bytes[at + 1] !== LF) {
      throw new ConnectionError(400, 'CR without LF before a request (RFC 9112 §2.2)');
    }
    at += 2;
  }
  return at;
}

/** `skipped`: octets of empty lines before. */
function scanMethod(
  bytes: Uint8Array, start: number, end: number, limit: number, bounds: HeadBounds,
  skipped: number,
): number {
  const stop = Math.min(end, limit);
  let at = start;
  while (at < stop && TOKEN[bytes[at] as number] === 1) at++;
  if (at - start > METHOD_BYTES_MAX) {
    throw new ConnectionError(501, 'no method is that long (RFC 9110 §9.1)');
  }
  if (at === stop) {
    if (stop === limit) throw tooLong(bounds);
    return MORE;
  }
  if (bytes[at] !== SP || at === start) {
    if (at === start && bytes[at] === TLS_HANDSHAKE) {
      throw new ConnectionError(400, 'TLS on a port that speaks clear text (RFC 9112 §3.1)');
    }
    if (at === start && bytes[at] === 0 && skipped === PROXY_EMPTY_BYTES) throw proxyRefusal();
    const octet = hex(bytes[at] as number);
    throw new ConnectionError(400, `octet ${octet} in the method (RFC 9112 §3.1)`);
  }
  return at;
}

function scanTarget(
  bytes: Uint8Array, start: number, end: number, limit: number, bounds: HeadBounds,
): number {
  const stop = Math.min(end, limit);
  let at = start;
  while (at < stop && TARGET[bytes[at] as number] === 1) at++;
  if (at >= stop) {
    if (stop === limit) throw tooLong(bounds);
    return MORE;
  }
  const octet = bytes[at] as number;
  if (octet === SP && at > start) return at;
  if (octet === CR || octet === LF) {
    const lineStart = limit - bounds.lineBytes;
    throw refusal(bytes, lineStart, 'a request line without target or version (RFC 9112 §3)');
  }
  throw new ConnectionError(400, `octet ${hex(octet)} in the request target (RFC 9112 §3.2)`);
}

/** `HTTP/DIGIT.DIGIT`, as far as it has come: what is wrong already need not be waited for. */
function isVersion(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const expected = VERSION_FORM.charCodeAt(at - start);
    const octet = bytes[at] as number;
    const fits = expected === DIGIT ? octet >= 0x30 && octet <= 0x39 : octet === expected;
    if (!fits) return false;
  }
  return true;
}

function parseVersion(bytes: Uint8Array, at: number): number {
  if (bytes[at + VERSION_BYTES] !== CR || bytes[at + VERSION_BYTES + 1] !== LF) {
    throw new ConnectionError(400, 'a request line does not end in CRLF (RFC 9112 §3)');
  }
  const major = (bytes[at + 5] as number) - 0x30;
  const minor = (bytes[at + 7] as number) - 0x30;
  if (major !== 1) {
    throw new ConnectionError(505, `HTTP/${major}.${minor} is not spoken here (RFC 9110 §15.6.6)`);
  }
  return minor === 0 ? 0 : 1;
}

/** What a proxy says before a request is none: whoever set it up is told what is missing. */
function refusal(bytes: Uint8Array, lineStart: number, message: string): ConnectionError {
  const isProxy = PROXY_LINE.every((octet, index) => bytes[lineStart + index] === octet);
  return isProxy ? proxyRefusal() : new ConnectionError(400, message);
}

function proxyRefusal(): ConnectionError {
  const remedy = 'name the proxy in listen({ proxyProtocol })';
  return new ConnectionError(400, `it begins with a PROXY header: ${remedy} (RFC 9112 §3)`);
}

/** The commonest method without a new string. */
function methodName(text: string, length: number): string {
  return length === 3 && text.startsWith('GET') ? 'GET' : text.slice(0, length);
}

function tooLong(bounds: HeadBounds): ConnectionError {
  const message = `the request line is over requestLineBytes, ${bounds.lineBytes} octets`;
  return new ConnectionError(414, `${message} (RFC 9112 §3)`);
}
