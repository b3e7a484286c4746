/**
 * Preconditions (RFC 9110 §13): whether a request still applies to what a resource has become.
 *
 * Pure functions over field lines and validators (§8.8). Whoever serves a representation names its
 * validators, asks, and answers with the status given, or goes on; only where the answer without
 * preconditions would be a 2xx (§13.2.1). If-Range is ranges.ts's.
 */
import { parseDate } from './date.ts';
import type { Fields } from './fields.ts';

/** What tells one state of a representation from another (RFC 9110 §8.8). */
export interface Validators {
  /** As the ETag field has it: `"x"`, or `W/"x"` for a weak one. */
  readonly etag?: string | undefined;
  /** The last modification, in ms since 1970; on the wire it has whole seconds. */
  readonly lastModified?: number | undefined;
  /** The representation never changes twice in a second, so its date is strong (§8.8.2.2). */
  readonly strongDate?: boolean | undefined;
}

/** Methods that neither select nor change a representation: nothing to test (RFC 9110 §13.2.1). */
const UNCONDITIONAL = new Set(['CONNECT', 'OPTIONS', 'TRACE']);

const HTAB = 0x09;
const SP = 0x20;
const DQUOTE = 0x22;
const COMMA = 0x2c;
const DEL = 0x7f;

/**
 * The status that the preconditions of a request call for, in the order of RFC 9110 §13.2.2;
 * undefined where the method is to be performed. `current` is undefined where the resource has no
 * representation.
 */
export function evaluatePreconditions(
  method: string, fields: Fields, current: Validators | undefined, now: number = Date.now(),
): 304 | 412 | undefined {
  if (UNCONDITIONAL.has(method)) return undefined;
  const reading = method === 'GET' || method === 'HEAD';
  const ifMatch = fields.get('if-match');
  if (ifMatch !== undefined) {
    if (!ifMatchHolds(ifMatch, current)) return 412;
  } else if (modifiedSince(fields.get('if-unmodified-since'), current, now) === true) {
    return 412;
  }
  const ifNoneMatch = fields.get('if-none-match');
  if (ifNoneMatch !== undefined) {
    if (!ifNoneMatchHolds(ifNoneMatch, current, reading)) return reading ? 304 : 412;
  } else if (reading && modifiedSince(fields.get('if-modified-since'), current, now) === false) {
    return 304;
  }
  return undefined;
}

/** True where one of the tags listed is strongly the current one (RFC 9110 §13.1.1). */
function ifMatchHolds(value: string, current: Validators | undefined): boolean {
  if (value === '*') return current !== undefined;
  const etag = current?.etag;
  if (etag === undefined) return false;
  return parseEntityTags(value)?.some((tag) => strongMatch(tag, etag)) === true;
}

/** False where one of the tags listed is weakly the current one (RFC 9110 §13.1.2). */
function ifNoneMatchHolds(
  value: string, current: Validators | undefined, reading: boolean,
): boolean {
  if (value === '*') return current === undefined;
  const tags = parseEntityTags(value);
  // What is no list names no tag. A reader then gets the whole, but nothing is overwritten.
  if (tags === undefined) return reading;
  const etag = current?.etag;
  return etag === undefined || !tags.some((tag) => weakMatch(tag, etag));
}

/**
 * Whether the last modification is later than the date given; undefined where there is no such
 * field, no date in it or no modification date: then it is ignored (RFC 9110 §13.1.3, §13.1.4).
 */
function modifiedSince(
  value: string | undefined, current: Validators | undefined, now: number,
): boolean | undefined {
  const modified = current?.lastModified;
  if (value === undefined || modified === undefined) return undefined;
  const since = parseDate(value, now);
  return Number.isNaN(since) ? undefined : wholeSeconds(modified) > since;
}

/** A time as an HTTP date can tell it: ms, without the fraction of a second. */
export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** Both are strong, and the same (RFC 9110 §8.8.3.2). */
export function strongMatch(a: string, b: string): boolean {
  return a === b && !isWeak(a);
}

/** The same but for their weakness (RFC 9110 §8.8.3.2). */
export function weakMatch(a: string, b: string): boolean {
  return opaqueTag(a) === opaqueTag(b);
}

function isWeak(tag: string): boolean {
  return tag.startsWith('W/');
}

function opaqueTag(tag: string): string {
  return isWeak(tag) ? tag.slice(2) : tag;
}

/** Whether `text` is one entity tag and nothing else (RFC 9110 §8.8.3). */
export function isEntityTag(text: string): boolean {
  return entityTagEnd(text, 0) === text.length;
}

/** The members of `#entity-tag`, empty ones left out (RFC 9110 §5.6.1); undefined: not a list. */
export function parseEntityTags(value: string): string[] | undefined {
  const tags: string[] = [];
  let parted = true;
  let at = 0;
  while (at < value.length) {
    const code = value.charCodeAt(at);
    if (code === COMMA) parted = true;
    if (code === COMMA || code === SP || code === HTAB) {
      at++;
      continue;
    }
    const end = parted ? entityTagEnd(value, at) : -1;
    if (end < 0) return undefined;
    tags.push(value.slice(at, end));
    parted = false;
    at = end;
  }
  return tags;
}

/** The offset after the entity tag at `start`, or -1. A backslash is a character like others. */
function entityTagEnd(text: string, start: number): number {
  const open = text.startsWith('W/', start) ? start + 2 : start;
  if (text.charCodeAt(open) !== DQUOTE) return -1;
  for (let at = open + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DQUOTE) return at + 1;
    if (code <= SP || code === DEL) return -1;
  }
  return -1;
}
