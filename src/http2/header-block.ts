/**
 * Field sections (RFC 9113 §8.2, §8.3): from the fields of a decoded block to the parts of a
 * request, a response or trailers, or the reason why it is malformed. What a single field is,
 * field-marks.ts says.
 */
import { Fields } from '../http/fields.ts';
import { framingTrailer, permittedTrailers } from '../http/trailers.ts';
import {
  AUTHORITY, BAD_PSEUDO_VALUE, CONTENT_LENGTH, COOKIE, EXPECT, FIELD, HOST, METHOD, PATH,
  PRIORITY_FIELD, PROTOCOL, SCHEME, STATUS, faultOf, isPseudo, shown,
} from './field-marks.ts';
import type { FieldList } from './hpack/index.ts';

/** What a block said: its pseudo-header fields, its fields, and those that rules look at. */
export class Section {
  method: string | undefined = undefined;
  scheme: string | undefined = undefined;
  authority: string | undefined = undefined;
  path: string | undefined = undefined;
  protocol: string | undefined = undefined;
  status: string | undefined = undefined;
  fields: Fields = Fields.empty;
  /** Fields as they came: each crumb of a cookie is one. */
  lines = 0;
  crumbs = 0;
  /** The last Host and Content-Length, and how many there were of each. */
  host: string | undefined = undefined;
  hosts = 0;
  contentLength: string | undefined = undefined;
  contentLengths = 0;
  expect: string | undefined = undefined;
  priority: string | undefined = undefined;
}

/** Where a block stands, as the pseudo-header fields that it may have. */
const REQUEST = 1 << METHOD | 1 << SCHEME | 1 << AUTHORITY | 1 << PATH | 1 << PROTOCOL;
const RESPONSE = 1 << STATUS;
const TRAILERS = 0;

/** A request's section, or why it is malformed (§8.1.1). */
export function requestSection(list: FieldList): Section | string {
  return section(list, REQUEST);
}

/** A response's section, or why it is malformed. */
export function responseSection(list: FieldList): Section | string {
  const parts = section(list, RESPONSE);
  if (typeof parts === 'string') return parts;
  return /^[1-9]\d\d$/.test(parts.status ?? '')
    ? parts
    : 'no :status of three digits (RFC 9113 §8.3.2)';
}

/** Trailers, which have no pseudo-header fields (§8.1), or why they are malformed. */
export function trailerFields(list: FieldList): Fields | string {
  const parts = section(list, TRAILERS);
  if (typeof parts === 'string') return parts;
  const framing = framingTrailer(parts.fields);
  return framing === undefined
    ? permittedTrailers(parts.fields)
    : `${framing} in trailers (RFC 9110 §6.5.1)`;
}

function section(list: FieldList, allowed: number): Section | string {
  const { names, values, marks } = list;
  const parts = new Section();
  let seen = 0;
  let at = 0;
  const { size } = list;
  for (; at < size; at++) {
    const mark = marks[at] as number;
    if (!isPseudo(mark)) break;
    const name = names[at] as string;
    if (mark === BAD_PSEUDO_VALUE) return `a bad value of ${name} (RFC 9113 §8.2.1)`;
    const bit = 1 << mark;
    if ((allowed & bit) === 0) {
      return `${shown(name)} is no pseudo-header field here (RFC 9113 §8.3)`;
    }
    if ((seen & bit) !== 0) return `${name} twice (RFC 9113 §8.3)`;
    seen |= bit;
    setPseudo(parts, mark, values[at] as string);
  }
  for (let i = at; i < size; i++) {
    const mark = marks[i] as number;
    if (mark === FIELD) continue;
    if (mark >= METHOD) return faultOf(mark, names[i] as string);
    note(parts, mark, values[i] as string);
  }
  parts.lines = size - at;
  const own = names.slice(at, size);
  if (size > at) parts.fields = fieldsOf(own, values.slice(at, size), parts.crumbs);
  return parts;
}

function fieldsOf(names: string[], values: string[], crumbs: number): Fields {
  if (crumbs > 1) joinCrumbs(names, values);
  return Fields.decoded(names, values);
}

/** The crumbs of a cookie are one field to whoever reads them (§8.2.3). */
function joinCrumbs(names: string[], values: string[]): void {
  const first = names.indexOf('cookie');
  const crumbs: string[] = [];
  let kept = first;
  for (let i = first; i < names.length; i++) {
    if (names[i] === 'cookie') crumbs.push(values[i] as string);
    if (names[i] === 'cookie' && i > first) continue;
    names[kept] = names[i] as string;
    values[kept++] = values[i] as string;
  }
  names.length = kept;
  values.length = kept;
  values[first] = crumbs.join('; ');
}

function setPseudo(parts: Section, mark: number, value: string): void {
  switch (mark) {
    case METHOD: parts.method = value; break;
    case SCHEME: parts.scheme = value; break;
    case AUTHORITY: parts.authority = value; break;
    case PATH: parts.path = value; break;
    case PROTOCOL: parts.protocol = value; break;
    default: parts.status = value;
  }
}

function note(parts: Section, mark: number, value: string): void {
  switch (mark) {
    case HOST:
      parts.host = value;
      parts.hosts++;
      break;
    case CONTENT_LENGTH:
      parts.contentLength = value;
      parts.contentLengths++;
      break;
    case COOKIE: parts.crumbs++; break;
    case EXPECT: parts.expect = joined(parts.expect, value); break;
    case PRIORITY_FIELD: parts.priority = joined(parts.priority, value); break;
    default:
  }
}

/** Several lines of one field are one list (RFC 9110 §5.3). */
function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}
