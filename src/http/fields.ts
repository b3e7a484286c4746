/**
 * Field lines (RFC 9110 §5): an immutable, ordered list of names and values.
 *
 * Two origins, one reading: lines that a program wrote are arrays, checked when they are made;
 * lines that a parser received stay offsets into the text of their head until somebody asks,
 * because most handlers ask for few. Names compare without case and read as lower case; values are
 * latin1 text.
 */
import { FIELD_VALUE, equalsIgnoringCase, escapeControls, isAll, isToken } from '../bytes/ascii.ts';

/** A value, or several field lines of one name. Numbers are written in decimal. */
export type FieldValue = string | number | readonly string[];

/** What Fields are made of: `{ 'content-type': 'text/plain' }`, pairs, or Fields. */
export type FieldsInit =
  | Fields
  | Readonly<Record<string, FieldValue | undefined>>
  | Iterable<readonly [string, FieldValue]>;

/** Offsets of each line in a slab: name start, name end, value start, value end. */
export const OFFSETS_PER_LINE = 4;

const NO_SLAB = new Uint16Array(0);

export class Fields implements Iterable<[string, string]> {
  static readonly empty: Fields = new Fields([], [], '', NO_SLAB, 0, 0);

  readonly #names: readonly string[];
  readonly #values: readonly string[];
  readonly #text: string;
  readonly #slab: Uint16Array;
  readonly #base: number;
  /** The number of field lines. */
  readonly size: number;

  /**
   * What a protocol remembers of these lines as written on its wire. Opaque to all others: one slot
   * a protocol, filled at the first use of an answer that is used again.
   */
  http1: unknown = undefined;
  http2: unknown = undefined;

  private constructor(
    names: readonly string[], values: readonly string[],
    text: string, slab: Uint16Array, base: number, size: number,
  ) {
    this.#names = names;
    this.#values = values;
    this.#text = text;
    this.#slab = slab;
    this.#base = base;
    this.size = size;
  }

  /**
   * Checks and keeps field lines. Throws a TypeError for a name that is no token or a value outside
   * HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5): no value can end its line (RFC 9112 §11.1).
   */
  static from(init: FieldsInit | undefined): Fields {
    if (init === undefined) return Fields.empty;
    if (init instanceof Fields) return init;
    if (typeof init !== 'object' || init === null) {
      throw new TypeError(`fields are an object, pairs or Fields, not ${typeof init}`);
    }
    const pairs = Symbol.iterator in init
      ? (init as Iterable<readonly [string, FieldValue]>)
      : Object.entries(init);
    const names: string[] = [];
    const values: string[] = [];
    for (const [name, value] of pairs) {
      if (value === undefined) continue;
      if (Array.isArray(value)) {
        for (const one of value as readonly string[]) addLine(names, values, name, one);
      } else {
        addLine(names, values, name, value as string | number);
      }
    }
    return Fields.decoded(names, values);
  }

  /** Lines that a parser has checked: `text` is the head, `slab` from `base` holds the offsets. */
  static received(text: string, slab: Uint16Array, base: number, size: number): Fields {
    return size === 0 ? Fields.empty : new Fields([], [], text, slab, base, size);
  }

  /** Lines that a decoder has checked, names in lower case. */
  static decoded(names: readonly string[], values: readonly string[]): Fields {
    return names.length === 0
      ? Fields.empty
      : new Fields(names, values, '', NO_SLAB, 0, names.length);
  }

  /**
   * The value of a field: several lines joined by a comma (RFC 9110 §5.3), `cookie` by a semicolon
   * (RFC 9113 §8.2.3), and of `set-cookie` the first line alone, since those cannot be joined.
   */
  get(name: string): string | undefined {
    let index = this.#find(name, 0);
    if (index < 0) return undefined;
    let value = this.#value(index);
    index = this.#find(name, index + 1);
    if (index < 0 || isSetCookie(name)) return value;
    const separator = name.toLowerCase() === 'cookie' ? '; ' : ', ';
    for (; index >= 0; index = this.#find(name, index + 1)) value += separator + this.#value(index);
    return value;
  }

  /** The value of each line of that name, in order. */
  getAll(name: string): string[] {
    const values: string[] = [];
    let index = this.#find(name, 0);
    for (; index >= 0; index = this.#find(name, index + 1)) values.push(this.#value(index));
    return values;
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0;
  }

  /** These fields with one replaced by the value given, or added. */
  with(name: string, value: FieldValue): Fields {
    return this.without(name).and(name, value);
  }

  /** These fields and further lines of one. */
  and(name: string, value: FieldValue): Fields {
    return Fields.from([...this, [name, value]]);
  }

  /** These fields without one. */
  without(name: string): Fields {
    if (!this.has(name)) return this;
    const dropped = name.toLowerCase();
    return Fields.from([...this].filter(([each]) => each !== dropped));
  }

  /** Each line as name (lower case) and value, in order. */
  *[Symbol.iterator](): Generator<[string, string], void, undefined> {
    for (let index = 0; index < this.size; index++) {
      yield [this.#name(index), this.#value(index)];
    }
  }

  /**
   * For logs and JSON: names to values, on a null prototype (`__proto__` is a name like others).
   */
  toJSON(): Record<string, string> {
    const object = Object.create(null) as Record<string, string>;
    for (const [name] of this) {
      object[name] ??= isSetCookie(name) ? this.getAll(name).join(', ') : this.get(name) ?? '';
    }
    return object;
  }

  #name(index: number): string {
    if (this.#text === '') return this.#names[index] as string;
    const at = this.#base + index * OFFSETS_PER_LINE;
    return this.#text.slice(this.#slab[at], this.#slab[at + 1]).toLowerCase();
  }

  #value(index: number): string {
    if (this.#text === '') return this.#values[index] as string;
    const at = this.#base + index * OFFSETS_PER_LINE;
    return this.#text.slice(this.#slab[at + 2], this.#slab[at + 3]);
  }

  #find(name: string, from: number): number {
    return this.#text === '' ? this.#findMade(name, from) : this.#findReceived(name, from);
  }

  #findMade(name: string, from: number): number {
    const names = this.#names;
    for (let index = from; index < names.length; index++) {
      const each = names[index] as string;
      if (each === name) return index;
      if (each.length === name.length && equalsIgnoringCase(each, 0, name)) return index;
    }
    return -1;
  }

  #findReceived(name: string, from: number): number {
    const slab = this.#slab;
    for (let index = from; index < this.size; index++) {
      const at = this.#base + index * OFFSETS_PER_LINE;
      const start = slab[at] as number;
      if ((slab[at + 1] as number) - start !== name.length) continue;
      if (equalsIgnoringCase(this.#text, start, name)) return index;
    }
    return -1;
  }
}

function isSetCookie(name: string): boolean {
  return name.length === 10 && name.toLowerCase() === 'set-cookie';
}

function addLine(names: string[], values: string[], name: string, value: string | number): void {
  const text = typeof value === 'number' ? String(value) : value;
  if (!isToken(name)) {
    throw new TypeError(`field name "${escapeControls(name)}" is not a token (RFC 9110 §5.1)`);
  }
  if (typeof text !== 'string') {
    throw new TypeError(`field ${name}: the value is ${typeof value}, not a string or a number`);
  }
  if (text !== '' && !isAll(text, FIELD_VALUE)) {
    const octets = 'a control character or one above U+00FF';
    throw new TypeError(`field ${name}: the value holds ${octets} (RFC 9110 §5.5)`);
  }
  names.push(name.toLowerCase());
  // Space around a value is not part of it (RFC 9110 §5.5); trim() would take obs-text too.
  values.push(trimOws(text));
}

/**
 * The members of a comma-separated list (RFC 9110 §5.6.1), without the space around them and
 * without empty ones; commas inside a quoted string do not part.
 */
export function listMembers(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (quoted && code === 0x5c) {
      i++;
    } else if (code === 0x22) {
      quoted = !quoted;
    } else if (code === 0x2c && !quoted) {
      addMember(members, trimOws(value, start, i));
      start = i + 1;
    }
  }
  addMember(members, trimOws(value, start));
  return members;
}

function addMember(members: string[], member: string): void {
  if (member !== '') members.push(member);
}

/**
 * The members of a list of tokens, in lower case. Every comma parts: a token has no quotes, and a
 * stray one must not hide what follows it.
 */
export function tokenMembers(value: string): string[] {
  return value.split(',').map((member) => trimOws(member).toLowerCase())
    .filter((member) => member !== '');
}

/** A part of `text` without SP and HTAB at its ends (RFC 9110 §5.6.3). */
export function trimOws(text: string, start = 0, end = text.length): string {
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
