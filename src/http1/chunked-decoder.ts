/**
 * Chunked content (RFC 9112 §7.1): octets in, data and trailers out.
 *
 *     chunk       = 1*HEXDIG [ chunk-ext ] CRLF chunk-data CRLF
 *     last-chunk  = 1*"0" [ chunk-ext ] CRLF, then trailer field lines, then CRLF
 *
 * Chunk lines end in CRLF alone (errata 7633), and are parsed whole: a partial one is at most
 * `chunkLineBytes` and is given again by the caller. Data passes through as it comes.
 */
import { CR, HEX, HTAB, LF, SEMICOLON, SP, TOKEN, latin1 } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import { Fields } from '../http/fields.ts';
import { framingTrailer, permittedTrailers } from '../http/trailers.ts';
import type { Limits } from '../limits.ts';
import { FieldLines, MORE, hex, parseFieldLines, type SectionBounds } from './field-lines.ts';

/** Takes chunk data, lent. */
export interface ChunkSink {
  chunkData(bytes: Uint8Array, start: number, end: number): void;
}

export interface ChunkBounds {
  readonly lineBytes: number;
  readonly extensionBytes: number;
  readonly trailers: SectionBounds;
}

export function chunkBounds(limits: Limits): ChunkBounds {
  return {
    lineBytes: limits.chunkLineBytes,
    extensionBytes: limits.chunkExtensionBytes,
    trailers: {
      bytes: limits.trailerBytes, bytesName: 'trailerBytes',
      lines: limits.trailerLines, linesName: 'trailerLines',
    },
  };
}

const LINE = 0;
const DATA = 1;
const DATA_END = 2;
const TRAILERS = 3;
const DONE = 4;

/** 14 digits are over 2^53 octets: none that counts is longer. */
const SIZE_DIGITS_MAX = 14;

export class ChunkedDecoder {
  /** The trailer fields, once done. */
  trailers: Fields = Fields.empty;
  readonly #bounds: ChunkBounds;
  readonly #sink: ChunkSink;
  #state = LINE;
  #remaining = 0;
  #extensions = 0;

  constructor(bounds: ChunkBounds, sink: ChunkSink) {
    this.#bounds = bounds;
    this.#sink = sink;
  }

  /** Octets from the start at which a partial unit is worth another try without a line end. */
  get limitAt(): number {
    if (this.#state === LINE) return this.#bounds.lineBytes + 1;
    return this.#state === TRAILERS ? this.#bounds.trailers.bytes : 2;
  }

  /** Whether the last chunk and the trailers have come. */
  get done(): boolean {
    return this.#state === DONE;
  }

  /**
   * Takes one unit: a chunk line, a run of data, its end, or the trailers. Returns the offset after
   * it, or MORE. Throws a ConnectionError: 400, or 431 for trailers.
   */
  decode(bytes: Uint8Array, start: number, end: number): number {
    switch (this.#state) {
      case LINE: return this.#line(bytes, start, end);
      case DATA: return this.#data(bytes, start, end);
      case DATA_END: return this.#dataEnd(bytes, start, end);
      case TRAILERS: return this.#trailers(bytes, start, end);
      default: return start;
    }
  }

  #line(bytes: Uint8Array, start: number, end: number): number {
    let size = 0;
    let digits = 0;
    let at = start;
    for (; at < end; at++) {
      const digit = HEX[bytes[at] as number] as number;
      if (digit === 255) break;
      if (at - start >= this.#bounds.lineBytes) throw this.#lineTooLong();
      size = size * 16 + digit;
      if (size > 0 && ++digits > SIZE_DIGITS_MAX) throw badSize('too large');
    }
    if (size > Number.MAX_SAFE_INTEGER) throw badSize('too large');
    if (at === end) return MORE;
    if (at === start) throw badSize(`octet ${hex(bytes[at] as number)} in place of a digit`);
    const lineEnd = scanExtensions(bytes, at, Math.min(end, start + this.#bounds.lineBytes + 1));
    if (lineEnd === MORE) {
      if (end - start > this.#bounds.lineBytes) throw this.#lineTooLong();
      return MORE;
    }
    if (lineEnd + 1 >= end) return MORE;
    if (bytes[lineEnd + 1] !== LF) throw badSize('CR without LF');
    this.#extensions += lineEnd - at;
    if (this.#extensions > this.#bounds.extensionBytes) {
      const most = this.#bounds.extensionBytes;
      throw new ConnectionError(
        400, `chunk extensions are over chunkExtensionBytes, ${most} octets (RFC 9112 §7.1.1)`,
      );
    }
    this.#remaining = size;
    this.#state = size === 0 ? TRAILERS : DATA;
    return lineEnd + 2;
  }

  #data(bytes: Uint8Array, start: number, end: number): number {
    const next = Math.min(end, start + this.#remaining);
    this.#remaining -= next - start;
    if (this.#remaining === 0) this.#state = DATA_END;
    this.#sink.chunkData(bytes, start, next);
    return next;
  }

  #dataEnd(bytes: Uint8Array, start: number, end: number): number {
    if (bytes[start] !== CR || (start + 1 < end && bytes[start + 1] !== LF)) {
      throw new ConnectionError(400, 'chunk data is longer than its size (RFC 9112 §7.1)');
    }
    if (start + 1 >= end) return MORE;
    this.#state = LINE;
    return start + 2;
  }

  #trailers(bytes: Uint8Array, start: number, end: number): number {
    const lines = new FieldLines(this.#bounds.trailers.lines);
    const next = parseFieldLines(bytes, start, end, start, this.#bounds.trailers, lines);
    if (next === MORE) return MORE;
    this.#state = DONE;
    if (lines.size > 0) this.trailers = permitted(lines.take(latin1(bytes, start, next)));
    return next;
  }

  #lineTooLong(): ConnectionError {
    const most = this.#bounds.lineBytes;
    return new ConnectionError(
      400, `a chunk line is over chunkLineBytes, ${most} octets (RFC 9112 §7.1.1)`,
    );
  }
}

function permitted(trailers: Fields): Fields {
  const framing = framingTrailer(trailers);
  if (framing === undefined) return permittedTrailers(trailers);
  throw new ConnectionError(400, `${framing} in trailers (RFC 9110 §6.5.1)`);
}

function badSize(what: string): ConnectionError {
  return new ConnectionError(400, `broken chunk size: ${what} (RFC 9112 §7.1)`);
}

/**
 * chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ) (RFC 9112 §7.1.1).
 * Returns the offset of the CR that ends it, or MORE; `stop` is the end of octets or of the limit.
 */
function scanExtensions(bytes: Uint8Array, start: number, stop: number): number {
  let at = start;
  for (;;) {
    const space = at;
    at = skipSpace(bytes, at, stop);
    if (at >= stop) return MORE;
    if (bytes[at] === CR && at === space) return at;
    if (bytes[at] !== SEMICOLON) throw badExtension(bytes[at] as number);
    at = skipToken(bytes, skipSpace(bytes, at + 1, stop), stop);
    const afterName = at;
    at = skipSpace(bytes, at, stop);
    if (at >= stop) return MORE;
    if (bytes[at] !== 0x3d) {
      at = afterName;
      continue;
    }
    at = skipSpace(bytes, at + 1, stop);
    if (at >= stop) return MORE;
    at = bytes[at] === 0x22 ? skipQuoted(bytes, at, stop) : skipToken(bytes, at, stop);
    if (at >= stop) return MORE;
  }
}

function skipSpace(bytes: Uint8Array, at: number, stop: number): number {
  while (at < stop && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  return at;
}

function skipToken(bytes: Uint8Array, start: number, stop: number): number {
  let at = start;
  while (at < stop && TOKEN[bytes[at] as number] === 1) at++;
  if (at < stop && at === start) throw badExtension(bytes[at] as number);
  return at;
}

function skipQuoted(bytes: Uint8Array, start: number, stop: number): number {
  let at = start + 1;
  while (at < stop && bytes[at] !== 0x22) {
    if (bytes[at] === 0x5c) at++;
    if (at < stop && !isQuotedText(bytes[at] as number)) throw badExtension(bytes[at] as number);
    at++;
  }
  return at + 1;
}

function isQuotedText(octet: number): boolean {
  return octet === HTAB || (octet >= SP && octet !== 0x7f);
}

function badExtension(octet: number): ConnectionError {
  return new ConnectionError(400, `octet ${hex(octet)} in a chunk extension (RFC 9112 §7.1.1)`);
}
