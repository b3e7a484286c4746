/**
 * Decoding of field blocks (RFC 7541 §3): octets in, names and values out, one table a connection.
 *
 * A block must be decoded to its end even when nobody wants its fields, or the tables part: once
 * the list is over its bounds, fields go on into the table but no longer into the list.
 */
import { latin1 } from '../../bytes/ascii.ts';
import { CompressionError } from './compression-error.ts';
import { DynamicTable, ENTRY_OVERHEAD } from './dynamic-table.ts';
import { huffmanDecode } from './huffman.ts';
import { IntegerReader } from './integer.ts';
import { STATIC_NAMES, STATIC_SIZE, STATIC_VALUES } from './static-table.ts';

/** Size updates at the start of one block: the lowest and the last (RFC 7541 §4.2). */
const UPDATES_MAX = 2;

/**
 * What a caller makes of a field, as a number that is kept with it in the table: a field that comes
 * again by its index is not looked at again. A pure function.
 */
export type FieldMark = (name: string, value: string) => number;

/**
 * The fields of one block, in order; bounded. One that is used again (`clear`) keeps its memory:
 * only the first `size` of its arrays count.
 */
export class FieldList {
  readonly names: string[] = [];
  readonly values: string[] = [];
  /** The mark of each field. */
  readonly marks: number[] = [];
  /** Fields kept. */
  size = 0;
  /** Octets with 32 a field (RFC 9113 §6.5.2), of all fields, kept or not. */
  octets = 0;
  /** All fields, kept or not. */
  count = 0;
  /** The bounds. */
  readonly maxOctets: number;
  readonly maxCount: number;

  constructor(maxOctets: number = Infinity, maxCount: number = Infinity) {
    this.maxOctets = maxOctets;
    this.maxCount = maxCount;
  }

  /** Whether a bound was passed: the fields kept are not all. */
  get isOver(): boolean {
    return this.octets > this.maxOctets || this.count > this.maxCount;
  }

  add(name: string, value: string, mark = 0): void {
    this.octets += name.length + value.length + ENTRY_OVERHEAD;
    this.count++;
    if (this.isOver) return;
    const at = this.size++;
    this.names[at] = name;
    this.values[at] = value;
    this.marks[at] = mark;
  }

  clear(): void {
    this.size = 0;
    this.octets = 0;
    this.count = 0;
  }
}

const noMark: FieldMark = () => 0;

/** The marks of the static table, for each judge that was ever given. */
const staticMarks = new WeakMap<FieldMark, Uint8Array>();

function marksOfStatic(mark: FieldMark): Uint8Array {
  let marks = staticMarks.get(mark);
  if (marks === undefined) {
    marks = Uint8Array.from(STATIC_NAMES, (name, i) => mark(name, STATIC_VALUES[i] as string));
    staticMarks.set(mark, marks);
  }
  return marks;
}

export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #mark: FieldMark;
  readonly #staticMarks: Uint8Array;
  readonly #integer = new IntegerReader();
  /** The most that the peer may use: our SETTINGS_HEADER_TABLE_SIZE. */
  #limit: number;
  /** The lowest limit that the peer must tell of at the start of its next block (§4.2). */
  #lowestDue = Infinity;

  /** `mark` judges each field once: its numbers, 0 to 255, stand in the lists. */
  constructor(tableSize: number = 4096, mark: FieldMark = noMark) {
    this.#limit = tableSize;
    this.#table = new DynamicTable(tableSize);
    this.#mark = mark;
    this.#staticMarks = marksOfStatic(mark);
  }

  /** The peer has acknowledged another SETTINGS_HEADER_TABLE_SIZE. */
  setTableSize(limit: number): void {
    this.#limit = limit;
    if (limit < this.#table.maxSize) this.#lowestDue = Math.min(limit, this.#lowestDue);
  }

  /** Decodes one whole block into `list`. Throws a CompressionError. */
  decode(bytes: Uint8Array, start: number, end: number, list: FieldList): void {
    const integer = this.#integer;
    integer.at = start;
    this.#updates(bytes, end);
    while (integer.at < end) {
      const first = bytes[integer.at] as number;
      if (first >= 0x80) this.#indexed(integer.read(bytes, end, 7), list);
      else if (first >= 0x40) this.#literal(bytes, end, 6, true, list);
      else if (first < 0x20) this.#literal(bytes, end, 4, false, list);
      else throw new CompressionError('a table size update after a field (RFC 7541 §4.2)');
    }
  }

  /** Dynamic table size updates (RFC 7541 §6.3). */
  #updates(bytes: Uint8Array, end: number): void {
    const integer = this.#integer;
    let updates = 0;
    while (integer.at < end && ((bytes[integer.at] as number) & 0xe0) === 0x20) {
      if (++updates > UPDATES_MAX) {
        throw new CompressionError('more than two table size updates (RFC 7541 §4.2)');
      }
      const size = integer.read(bytes, end, 5);
      if (size > Math.min(this.#limit, this.#lowestDue)) {
        throw new CompressionError('a table size over the limit (RFC 7541 §6.3)');
      }
      this.#table.resize(size);
      this.#lowestDue = Infinity;
    }
    if (this.#lowestDue !== Infinity) {
      throw new CompressionError('no table size update after the limit sank (RFC 7541 §4.2)');
    }
  }

  #indexed(index: number, list: FieldList): void {
    if (index > STATIC_SIZE) {
      const back = index - STATIC_SIZE - 1;
      this.#check(back);
      const table = this.#table;
      list.add(table.name(back), table.value(back), table.mark(back));
    } else if (index > 0) {
      const mark = this.#staticMarks[index] as number;
      list.add(STATIC_NAMES[index] as string, STATIC_VALUES[index] as string, mark);
    } else {
      throw new CompressionError('index 0 (RFC 7541 §6.1)');
    }
  }

  #literal(bytes: Uint8Array, end: number, bits: number, indexing: boolean, list: FieldList): void {
    const index = this.#integer.read(bytes, end, bits);
    const name = index === 0 ? this.#string(bytes, end) : this.#name(index);
    const value = this.#string(bytes, end);
    const mark = this.#mark(name, value);
    list.add(name, value, mark);
    if (indexing) this.#table.add(name, value, mark);
  }

  #name(index: number): string {
    if (index <= STATIC_SIZE) return STATIC_NAMES[index] as string;
    const back = index - STATIC_SIZE - 1;
    this.#check(back);
    return this.#table.name(back);
  }

  #check(back: number): void {
    if (back >= this.#table.count) {
      throw new CompressionError('an index past the end of the table (RFC 7541 §2.3.3)');
    }
  }

  /** A string literal (RFC 7541 §5.2). */
  #string(bytes: Uint8Array, end: number): string {
    const integer = this.#integer;
    if (integer.at >= end) throw new CompressionError('a field is cut short (RFC 7541 §6.2)');
    const huffman = (bytes[integer.at] as number) >= 0x80;
    const length = integer.read(bytes, end, 7);
    const start = integer.at;
    if (length > end - start) {
      throw new CompressionError('a string is longer than its block (RFC 7541 §5.2)');
    }
    integer.at = start + length;
    return huffman
      ? huffmanDecode(bytes, start, start + length)
      : latin1(bytes, start, start + length);
  }
}
