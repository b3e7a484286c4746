/**
 * Field blocks (RFC 9113 §8.2, §8.3): from the fields of a block to a request, a response or
 * trailers, or the reason why it is malformed. And the gathering of a block that comes in parts
 * (§4.3, §6.10).
 */
import { FIELD_VALUE, TOKEN } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import { Fields } from '../http/fields.ts';
import { framingTrailer, permittedTrailers } from '../http/trailers.ts';
import { ENHANCE_YOUR_CALM } from './frame.ts';
import type { FieldList } from './hpack/index.ts';

/** CONTINUATION frames of one block, and its octets (CVE-2024-27316). */
export const CONTINUATIONS_MAX = 8;
export const BLOCK_BYTES_MAX = 64 * 1024;

/** What the pseudo-header fields of a block said, and its other fields. */
export interface Section {
  readonly pseudo: ReadonlyMap<string, string>;
  readonly fields: Fields;
}

const NO_PSEUDO: ReadonlyMap<string, string> = new Map();
const REQUEST_PSEUDO = new Set([':method', ':scheme', ':authority', ':path', ':protocol']);
const RESPONSE_PSEUDO = new Set([':status']);
/** Connection-specific: nothing of HTTP/2's (§8.2.2). */
const CONNECTION_FIELDS = new Set([
  'connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade',
]);

/** A request's section, or why it is malformed (§8.1.1). */
export function requestSection(list: FieldList): Section | string {
  return section(list, REQUEST_PSEUDO);
}

/** A response's section, or why it is malformed. */
export function responseSection(list: FieldList): Section | string {
  const parts = section(list, RESPONSE_PSEUDO);
  if (typeof parts === 'string') return parts;
  return /^[1-9]\d\d$/.test(parts.pseudo.get(':status') ?? '')
    ? parts
    : 'no :status of three digits (RFC 9113 §8.3.2)';
}

/** Trailers, which have no pseudo-header fields (§8.1), or why they are malformed. */
export function trailerFields(list: FieldList): Fields | string {
  const parts = section(list, new Set());
  if (typeof parts === 'string') return parts;
  const framing = framingTrailer(parts.fields);
  return framing === undefined
    ? permittedTrailers(parts.fields)
    : `${framing} in trailers (RFC 9110 §6.5.1)`;
}

function section(list: FieldList, allowed: ReadonlySet<string>): Section | string {
  const { names, values } = list;
  let at = 0;
  let pseudo: Map<string, string> | undefined;
  for (; at < names.length && (names[at] as string).charCodeAt(0) === 0x3a; at++) {
    const name = names[at] as string;
    if (!allowed.has(name)) return `${shown(name)} is no pseudo-header field here (RFC 9113 §8.3)`;
    pseudo ??= new Map();
    if (pseudo.has(name)) return `${name} twice (RFC 9113 §8.3)`;
    if (!isValue(values[at] as string)) return `a bad value of ${name} (RFC 9113 §8.2.1)`;
    pseudo.set(name, values[at] as string);
  }
  for (let i = at; i < names.length; i++) {
    const fault = fieldFault(names[i] as string, values[i] as string);
    if (fault !== undefined) return fault;
  }
  const fields = Fields.decoded(names.slice(at), values.slice(at));
  return { pseudo: pseudo ?? NO_PSEUDO, fields };
}

function fieldFault(name: string, value: string): string | undefined {
  if (!isName(name)) {
    return name.startsWith(':')
      ? 'a pseudo-header field after a field (RFC 9113 §8.3)'
      : `field name ${shown(name)} is not a token in lower case (RFC 9113 §8.2.1)`;
  }
  if (!isValue(value)) return `a bad value of ${name} (RFC 9113 §8.2.1)`;
  if (CONNECTION_FIELDS.has(name)) return `${name} in HTTP/2 (RFC 9113 §8.2.2)`;
  if (name === 'te' && value !== 'trailers') return 'te is not trailers (RFC 9113 §8.2.2)';
  return undefined;
}

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
  if (goodNames.size < GOOD_NAMES_MAX) goodNames.add(name);
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

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

/** A block that comes in parts: bounded before any of it is decoded. */
export class BlockGathering {
  readonly endStream: boolean;
  readonly dependency: number;
  /** The stream that a PUSH_PROMISE promises, or 0 for HEADERS. */
  readonly promisedId: number;
  #octets: Uint8Array;
  #continuations = 0;

  constructor(
    endStream: boolean, dependency: number, promisedId: number,
    bytes: Uint8Array, start: number, end: number,
  ) {
    this.endStream = endStream;
    this.dependency = dependency;
    this.promisedId = promisedId;
    this.#octets = new Uint8Array(bytes.subarray(start, end));
  }

  /** Adds a fragment. Throws a ConnectionError over either bound. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (++this.#continuations > CONTINUATIONS_MAX) {
      throw tooMuch(`a field block in over ${CONTINUATIONS_MAX} CONTINUATION frames`);
    }
    const length = this.#octets.length + end - start;
    if (length > BLOCK_BYTES_MAX) throw tooMuch(`a field block over ${BLOCK_BYTES_MAX} octets`);
    const octets = new Uint8Array(length);
    octets.set(this.#octets);
    octets.set(bytes.subarray(start, end), this.#octets.length);
    this.#octets = octets;
  }

  get octets(): Uint8Array {
    return this.#octets;
  }
}

function tooMuch(message: string): ConnectionError {
  return new ConnectionError(ENHANCE_YOUR_CALM, `${message} (RFC 9113 §10.5.1)`);
}
