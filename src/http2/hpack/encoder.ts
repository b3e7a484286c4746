/**
 * Encoding of field blocks (RFC 7541 §3): names and values in, octets out, one table a connection.
 *
 * The indexing policy:
 * - a field that stands whole in the static or the dynamic table goes as its index;
 * - credentials (`authorization`, `proxy-authorization`, `set-cookie`, short cookies) are never
 *   indexed, here or by anyone on the way (§7.1.3): a short secret could be probed for;
 * - fields whose values hardly come twice (`content-length`, `etag`, `age`, ...) stay out of the
 *   table, which they would only turn over; so do values over a quarter of it;
 * - all others enter the table.
 * Text goes in Huffman code only where that is shorter.
 */
import type { Slab } from '../../bytes/slab.ts';
import { DynamicTable, ENTRY_OVERHEAD } from './dynamic-table.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { writeInteger } from './integer.ts';
import { STATIC_BY_NAME, STATIC_SIZE } from './static-table.ts';

/** A cookie shorter than this has few enough values to be guessed one by one (RFC 7541 §7.1). */
const SHORT_COOKIE_BYTES = 20;
/** A peer may allow more than is worth remembering for it. */
const TABLE_SIZE_MAX = 4096;

const INDEX = 0x40;
const PLAIN = 0x00;
const NEVER = 0x10;

const CREDENTIALS = new Set(['authorization', 'proxy-authorization', 'set-cookie']);
const UNSTEADY = new Set([
  ':path', 'age', 'content-length', 'content-range', 'etag', 'expires', 'if-modified-since',
  'if-none-match', 'last-modified', 'location', 'range', 'retry-after',
]);

export class HpackEncoder {
  readonly #table: DynamicTable;
  /** Numbers of table entries by name, then by value: the newest of each. */
  readonly #entries = new Map<string, Map<string, number>>();
  /** Table sizes that the peer must be told of: the lowest since the last block, and the last. */
  #lowestSize: number | undefined;
  #sizesTold = 0;

  constructor(tableSize: number = 4096) {
    this.#table = new DynamicTable(Math.min(tableSize, TABLE_SIZE_MAX), (name, value, number) => {
      this.#forget(name, value, number);
    });
    if (tableSize > TABLE_SIZE_MAX) this.#lowestSize = TABLE_SIZE_MAX;
  }

  /** Entries ever added and sizes ever told: equal numbers mean equal tables. */
  get added(): number {
    return this.#table.added + this.#sizesTold;
  }

  /** Whether the next block must begin with a size update. */
  get updateIsDue(): boolean {
    return this.#lowestSize !== undefined;
  }

  /** The peer set another SETTINGS_HEADER_TABLE_SIZE (RFC 7541 §4.2). */
  setTableSize(limit: number): void {
    const size = Math.min(limit, TABLE_SIZE_MAX);
    if (size === this.#table.maxSize) return;
    this.#lowestSize = Math.min(this.#lowestSize ?? size, size);
    this.#table.resize(size);
  }

  /** Begins a block: size updates come before its fields. */
  begin(slab: Slab): void {
    if (this.#lowestSize === undefined) return;
    if (this.#lowestSize < this.#table.maxSize) writeInteger(slab, 0x20, 5, this.#lowestSize);
    writeInteger(slab, 0x20, 5, this.#table.maxSize);
    this.#lowestSize = undefined;
    this.#sizesTold++;
  }

  /** Writes one field; the name is in lower case, the value latin1. */
  field(name: string, value: string, slab: Slab): void {
    // Most fields are those of the last message: the dynamic table is asked first.
    const values = this.#entries.get(name);
    const number = values?.get(value);
    if (number !== undefined) {
      writeInteger(slab, 0x80, 7, this.#index(number));
      return;
    }
    const fixed = STATIC_BY_NAME.get(name);
    const whole = fixed?.values.get(value);
    if (whole !== undefined) {
      writeInteger(slab, 0x80, 7, whole);
      return;
    }
    const manner = this.#manner(name, value);
    const nameIndex = fixed?.index ?? this.#nameIndex(values);
    writeInteger(slab, manner, manner === INDEX ? 6 : 4, nameIndex);
    if (nameIndex === 0) writeString(name, slab);
    writeString(value, slab);
    if (manner === INDEX && this.#table.add(name, value)) this.#remember(name, value);
  }

  #manner(name: string, value: string): number {
    if (CREDENTIALS.has(name)) return NEVER;
    if (name === 'cookie') return value.length < SHORT_COOKIE_BYTES ? NEVER : INDEX;
    const size = name.length + value.length + ENTRY_OVERHEAD;
    return UNSTEADY.has(name) || size * 4 > this.#table.maxSize ? PLAIN : INDEX;
  }

  #index(number: number): number {
    return STATIC_SIZE + 1 + this.#table.added - number;
  }

  #nameIndex(values: Map<string, number> | undefined): number {
    if (values === undefined) return 0;
    for (const number of values.values()) return this.#index(number);
    return 0;
  }

  #remember(name: string, value: string): void {
    let values = this.#entries.get(name);
    if (values === undefined) this.#entries.set(name, values = new Map());
    values.set(value, this.#table.added);
  }

  #forget(name: string, value: string, number: number): void {
    const values = this.#entries.get(name);
    if (values?.get(value) !== number) return;
    values.delete(value);
    if (values.size === 0) this.#entries.delete(name);
  }
}

/** A string literal (RFC 7541 §5.2). */
function writeString(text: string, slab: Slab): void {
  const octets = huffmanLength(text);
  if (octets < text.length) {
    writeInteger(slab, 0x80, 7, octets);
    huffmanEncode(text, octets, slab);
  } else {
    writeInteger(slab, 0x00, 7, text.length);
    slab.latin1(text);
  }
}
