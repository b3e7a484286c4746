/**
 * The field section of a head or of trailers (RFC 9112 §5, §7.1.2): lines into offsets.
 *
 *     field-line = field-name ":" OWS field-value OWS CRLF, until an empty line
 *
 * Strict, the one mode: no bare LF or CR, no folding, no space before the colon. Nothing is copied:
 * a line becomes four offsets in a shared slab, from which Fields reads when asked. What framing
 * and routing need is noted on the way. Called by the two head parsers and the chunked decoder.
 */
import { COLON, CR, FIELD_VALUE_END, HTAB, LF, SP, TOKEN } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import { Fields, OFFSETS_PER_LINE } from '../http/fields.ts';

/** The parser needs more octets than it was given. */
export const MORE = -1;

/**
 * Offsets of many heads, one after the other. Fields keep the slab alive that they are in; when it
 * is full, a new one is begun.
 */
const SLAB_ENTRIES = 8192;
/** Offsets have 16 bits. */
const OFFSET_MAX = 0xffff;

/** What a field section is called in errors, and its bounds. */
export interface SectionBounds {
  readonly bytes: number;
  readonly lines: number;
  readonly bytesName: string;
  readonly linesName: string;
}

/** The outcome of a parse: reused for each head. */
export class FieldLines {
  slab: Uint16Array;
  base = 0;
  size = 0;
  /** Where a limit is reached without further line ends: until then a new parse tells nothing. */
  limitAt = 0;
  /** How many lines the fields have on which framing and routing turn. */
  host = 0;
  contentLength = 0;
  transferEncoding = 0;
  connection = 0;
  expect = 0;
  upgrade = 0;

  /** A parser of many heads shares a large slab; for one section say how many lines it can have. */
  constructor(lines: number = SLAB_ENTRIES / OFFSETS_PER_LINE) {
    this.slab = new Uint16Array(lines * OFFSETS_PER_LINE);
  }

  /** Makes room for `lines` more lines, and forgets the last parse. */
  reset(lines: number): void {
    const entries = lines * OFFSETS_PER_LINE;
    if (this.base + entries > this.slab.length) {
      this.slab = new Uint16Array(Math.max(SLAB_ENTRIES, entries));
      this.base = 0;
    }
    this.size = 0;
    this.host = 0;
    this.contentLength = 0;
    this.transferEncoding = 0;
    this.connection = 0;
    this.expect = 0;
    this.upgrade = 0;
  }

  /** The lines as Fields, whose offsets the slab keeps from now on. */
  take(text: string): Fields {
    const fields = Fields.received(text, this.slab, this.base, this.size);
    this.base += this.size * OFFSETS_PER_LINE;
    return fields;
  }
}

/**
 * Parses field lines from `start` up to and with the empty line; offsets are from `textStart`.
 * Returns the offset after it, or MORE. Throws a ConnectionError: 400, or 431 at a limit.
 */
export function parseFieldLines(
  bytes: Uint8Array, start: number, end: number, textStart: number,
  bounds: SectionBounds, lines: FieldLines,
): number {
  lines.reset(bounds.lines);
  const limit = start + bounds.bytes;
  if (limit - textStart > OFFSET_MAX) {
    throw new RangeError(`a head of over ${OFFSET_MAX} octets has no offsets: lower its bounds`);
  }
  lines.limitAt = limit;
  const stop = Math.min(end, limit);
  const { slab } = lines;
  let entry = lines.base;
  let at = start;
  for (;;) {
    if (at >= end) return MORE;
    const first = bytes[at] as number;
    if (first === CR) {
      if (at + 1 >= end) return MORE;
      if (bytes[at + 1] !== LF) throw new ConnectionError(400, BARE_CR);
      return at + 2;
    }
    if (at >= limit) throw tooLarge(bounds);
    if (lines.size === bounds.lines) throw tooMany(bounds);

    const nameStart = at;
    while (at < stop && TOKEN[bytes[at] as number] === 1) at++;
    if (at === stop) return atStop(stop, limit, bounds);
    if (bytes[at] !== COLON || at === nameStart) throw badName(bytes, nameStart, at);
    const nameEnd = at++;
    note(bytes, nameStart, nameEnd - nameStart, lines);

    while (at < stop && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    const valueStart = at;
    at = endOfValue(bytes, at, stop);
    if (at === stop) return atStop(stop, limit, bounds);
    if (bytes[at] !== CR) throw badValue(bytes[at] as number);
    if (at + 2 > limit) throw tooLarge(bounds);
    if (at + 1 >= end) return MORE;
    if (bytes[at + 1] !== LF) throw new ConnectionError(400, BARE_CR);

    let valueEnd = at;
    while (valueEnd > valueStart && isOws(bytes[valueEnd - 1] as number)) valueEnd--;
    slab[entry] = nameStart - textStart;
    slab[entry + 1] = nameEnd - textStart;
    slab[entry + 2] = valueStart - textStart;
    slab[entry + 3] = valueEnd - textStart;
    entry += OFFSETS_PER_LINE;
    lines.size++;
    at += 2;
  }
}

/** The first octet that no value holds. Four at a step: a cookie is most of a browser's head. */
function endOfValue(bytes: Uint8Array, at: number, stop: number): number {
  const last = stop - 3;
  while (at < last) {
    const ends = (FIELD_VALUE_END[bytes[at] as number] as number) |
      (FIELD_VALUE_END[bytes[at + 1] as number] as number) |
      (FIELD_VALUE_END[bytes[at + 2] as number] as number) |
      (FIELD_VALUE_END[bytes[at + 3] as number] as number);
    if (ends !== 0) break;
    at += 4;
  }
  while (at < stop && FIELD_VALUE_END[bytes[at] as number] === 0) at++;
  return at;
}

/** Counts the lines of the fields that the protocol itself acts on. */
function note(bytes: Uint8Array, start: number, length: number, lines: FieldLines): void {
  switch (length) {
    case 4: if (isName(bytes, start, 'host')) lines.host++; break;
    case 6: if (isName(bytes, start, 'expect')) lines.expect++; break;
    case 7: if (isName(bytes, start, 'upgrade')) lines.upgrade++; break;
    case 10: if (isName(bytes, start, 'connection')) lines.connection++; break;
    case 14: if (isName(bytes, start, 'content-length')) lines.contentLength++; break;
    case 17: if (isName(bytes, start, 'transfer-encoding')) lines.transferEncoding++; break;
    default:
  }
}

function isName(bytes: Uint8Array, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    // Setting bit 5 folds letters and keeps the hyphen; no other token octet folds onto either.
    if (((bytes[start + i] as number) | 0x20) !== name.charCodeAt(i)) return false;
  }
  return true;
}

function isOws(octet: number): boolean {
  return octet === SP || octet === HTAB;
}

const BARE_LF = 'LF without CR in a field section (RFC 9112 §2.2)';
const BARE_CR = 'CR without LF in a field section (RFC 9112 §2.2)';

function atStop(stop: number, limit: number, bounds: SectionBounds): typeof MORE {
  if (stop === limit) throw tooLarge(bounds);
  return MORE;
}

function tooLarge(bounds: SectionBounds): ConnectionError {
  const message = `field lines are over ${bounds.bytesName}, ${bounds.bytes} octets`;
  return new ConnectionError(431, `${message} (RFC 6585 §5)`);
}

function tooMany(bounds: SectionBounds): ConnectionError {
  const message = `field lines are over ${bounds.linesName}, ${bounds.lines} lines`;
  return new ConnectionError(431, `${message} (RFC 6585 §5)`);
}

function badName(bytes: Uint8Array, start: number, at: number): ConnectionError {
  const octet = bytes[at] as number;
  if (at === start && isOws(octet)) {
    return new ConnectionError(400, 'a field line is folded or begins with space (RFC 9112 §5.2)');
  }
  if (isOws(octet)) {
    return new ConnectionError(400, 'space between field name and colon (RFC 9112 §5.1)');
  }
  if (octet === LF) return new ConnectionError(400, BARE_LF);
  if (octet === CR) return new ConnectionError(400, 'a field line without a colon (RFC 9112 §5)');
  if (octet === COLON) return new ConnectionError(400, 'an empty field name (RFC 9110 §5.1)');
  return new ConnectionError(400, `octet ${hex(octet)} in a field name (RFC 9110 §5.1)`);
}

function badValue(octet: number): ConnectionError {
  if (octet === LF) return new ConnectionError(400, BARE_LF);
  return new ConnectionError(400, `octet ${hex(octet)} in a field value (RFC 9110 §5.5)`);
}

/** An octet as it stands in error messages. */
export function hex(octet: number): string {
  return `0x${octet.toString(16).padStart(2, '0')}`;
}
