/**
 * Range requests (RFC 9110 §14): which octets of a representation a GET asks for.
 *
 * Pure functions over field lines and a length: whoever serves a representation asks `selectRanges`
 * after the preconditions (preconditions.ts) and answers 200, 206 or 416. A Range may always be
 * ignored (§14.2), so all that is odd ends in the whole.
 */
import { isAll } from '../bytes/ascii.ts';
import { parseDate } from './date.ts';
import { trimOws, type Fields } from './fields.ts';
import { isEntityTag, strongMatch, wholeSeconds, type Validators } from './preconditions.ts';

/** Octets of a representation, both positions inclusive (RFC 9110 §14.1.2). */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** A range as asked for: without `first`, the last `last` octets; without `last`, up to the end. */
export interface RangeSpec {
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** Ranges of one request; with more, the Range is ignored (RFC 9110 §17.15; CVE-2011-3192). */
export const RANGES_MAX = 8;

const DIGIT = Uint8Array.from({ length: 256 }, (_, octet) => +(octet >= 0x30 && octet <= 0x39));

/**
 * The ranges to send of a representation of `length` octets, in the order asked for. Undefined:
 * send the whole (200). None: no range can be had (416 with `contentRange(undefined, length)`).
 */
export function selectRanges(
  method: string, fields: Fields, length: number, current: Validators, now: number = Date.now(),
): ByteRange[] | undefined {
  if (method !== 'GET') return undefined;
  const value = fields.get('range');
  // Of no octets no range can be told in a Content-Range (RFC 9110 §14.4).
  if (value === undefined || length === 0) return undefined;
  const specs = parseRanges(value);
  if (specs === undefined) return undefined;
  const ifRange = fields.get('if-range');
  if (ifRange !== undefined && !ifRangeHolds(ifRange, current, now)) return undefined;
  const ranges = satisfiableRanges(specs, length);
  return overlap(ranges) ? undefined : ranges;
}

/**
 * The specifiers of a Range field; undefined where its unit is not `bytes`, where one of them is
 * invalid (RFC 9110 §14.1.1), or where they are more than `RANGES_MAX`.
 */
export function parseRanges(value: string): RangeSpec[] | undefined {
  const unit = 'bytes=';
  if (value.slice(0, unit.length).toLowerCase() !== unit) return undefined;
  const specs: RangeSpec[] = [];
  for (const member of value.slice(unit.length).split(',')) {
    const text = trimOws(member);
    if (text === '') continue;
    const spec = specs.length < RANGES_MAX ? parseSpec(text) : undefined;
    if (spec === undefined) return undefined;
    specs.push(spec);
  }
  return specs.length > 0 ? specs : undefined;
}

function parseSpec(text: string): RangeSpec | undefined {
  const dash = text.indexOf('-');
  const first = position(text.slice(0, dash));
  const last = position(text.slice(dash + 1));
  if (dash < 0 || Number.isNaN(first) || Number.isNaN(last)) return undefined;
  if (first === undefined && last === undefined) return undefined;
  return first !== undefined && last !== undefined && last < first ? undefined : { first, last };
}

/**
 * 1*DIGIT as a number, undefined for no text, NaN for other text. Numbers beyond a double's exact
 * ones are rounded: they are beyond any length, which is all that is asked of them.
 */
function position(text: string): number | undefined {
  if (text === '') return undefined;
  return isAll(text, DIGIT) ? Number(text) : NaN;
}

/** What a representation of `length` octets has of the ranges asked for (RFC 9110 §14.1.2). */
export function satisfiableRanges(specs: readonly RangeSpec[], length: number): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const { first, last = Infinity } of specs) {
    const start = first ?? Math.max(0, length - last);
    const end = first === undefined ? length - 1 : Math.min(last, length - 1);
    if (start <= end) ranges.push({ first: start, last: end });
  }
  return ranges;
}

function overlap(ranges: readonly ByteRange[]): boolean {
  const ascending = [...ranges].sort((a, b) => a.first - b.first);
  return ascending.some((range, index) => range.first <= (ascending[index - 1]?.last ?? -1));
}

/** Whether If-Range lets the Range count (RFC 9110 §13.1.5). Both kinds compare exactly. */
export function ifRangeHolds(
  value: string, current: Validators, now: number = Date.now(),
): boolean {
  // A tag has a DQUOTE among its first three characters, a date has none.
  if (value.slice(0, 3).includes('"')) {
    return isEntityTag(value) && current.etag !== undefined && strongMatch(value, current.etag);
  }
  if (current.lastModified === undefined || current.strongDate !== true) return false;
  return parseDate(value, now) === wholeSeconds(current.lastModified);
}

/** The Content-Range of a part, or of a 416 where there is none (RFC 9110 §14.4). */
export function contentRange(range: ByteRange | undefined, length: number): string {
  return range === undefined
    ? `bytes */${length}`
    : `bytes ${range.first}-${range.last}/${length}`;
}
