/**
 * What one field of a block is to HTTP/2 (RFC 9113 §8.2, §8.3), as a number: an ordinary field, one
 * that the rules look at, a pseudo-header field, or a fault.
 *
 * The decoder keeps the mark with the field in its table (hpack/decoder.ts): a field that comes
 * again by its index, as nearly all do, is not judged again. Used by header-block.ts.
 */
import { FIELD_VALUE, TOKEN } from '../bytes/ascii.ts';

export const FIELD = 0;
// Fields that the rules for messages look at
export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const EXPECT = 3;
export const PRIORITY_FIELD = 4;
export const COOKIE = 5;
// Pseudo-header fields
export const METHOD = 8;
export const SCHEME = 9;
export const AUTHORITY = 10;
export const PATH = 11;
export const PROTOCOL = 12;
export const STATUS = 13;
export const UNKNOWN_PSEUDO = 14;
export const BAD_PSEUDO_VALUE = 15;
// Faults
const BAD_NAME = 16;
const BAD_VALUE = 17;
const CONNECTION_SPECIFIC = 18;
const BAD_TE = 19;

/** Connection-specific fields are another version's, and nothing of HTTP/2's (§8.2.2). */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade',
]);

/** Names with a meaning here. */
const NAMES: ReadonlyMap<string, number> = new Map([
  [':method', METHOD], [':scheme', SCHEME], [':authority', AUTHORITY], [':path', PATH],
  [':protocol', PROTOCOL], [':status', STATUS],
  ['host', HOST], ['content-length', CONTENT_LENGTH], ['expect', EXPECT],
  ['priority', PRIORITY_FIELD], ['cookie', COOKIE], ['te', BAD_TE],
  ...[...CONNECTION_FIELDS].map((name) => [name, CONNECTION_SPECIFIC] as const),
]);

/** The mark of a field. */
export function markOf(name: string, value: string): number {
  const mark = NAMES.get(name) ?? FIELD;
  if (mark === FIELD) {
    if (name.charCodeAt(0) === COLON) return UNKNOWN_PSEUDO;
    if (!isName(name)) return BAD_NAME;
  }
  if (!isValue(value)) return isPseudo(mark) ? BAD_PSEUDO_VALUE : BAD_VALUE;
  return mark === BAD_TE && value === 'trailers' ? FIELD : mark;
}

export function isPseudo(mark: number): boolean {
  return mark >= METHOD && mark <= BAD_PSEUDO_VALUE;
}

/** What is wrong with a field that is not at the front of its block. */
export function faultOf(mark: number, name: string): string {
  switch (mark) {
    case BAD_NAME:
      return `field name ${shown(name)} is not a token in lower case (RFC 9113 §8.2.1)`;
    case BAD_VALUE: return `a bad value of ${name} (RFC 9113 §8.2.1)`;
    case CONNECTION_SPECIFIC: return `${name} in HTTP/2 (RFC 9113 §8.2.2)`;
    case BAD_TE: return 'te is not trailers (RFC 9113 §8.2.2)';
    default: return 'a pseudo-header field after a field (RFC 9113 §8.3)';
  }
}

export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

const COLON = 0x3a;
/** Names that were found good: a program's peers send few. */
const goodNames = new Set<string>();
const GOOD_NAMES_MAX = 256;

function isName(name: string): boolean {
  if (goodNames.has(name)) return true;
  if (name === '') return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (TOKEN[code] !== 1 || (code >= 0x41 && code <= 0x5a)) return false;
  }
  if (goodNames.size >= GOOD_NAMES_MAX) goodNames.clear();
  goodNames.add(name);
  return true;
}

/** No control characters, and no space at either end (§8.2.1). */
function isValue(value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  for (let i = 0; i < length; i++) {
    if (FIELD_VALUE[value.charCodeAt(i)] !== 1) return false;
  }
  return !isSpace(value.charCodeAt(0)) && !isSpace(value.charCodeAt(length - 1));
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
