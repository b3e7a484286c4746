/**
 * The dynamic table (RFC 7541 §2.3.2, §4): first in, first out, bounded in octets. A ring, so that
 * neither adding nor evicting moves an entry.
 */

/** What an entry is charged beyond its text (RFC 7541 §4.1). */
export const ENTRY_OVERHEAD = 32;
const LEAST_PLACES = 16;

export class DynamicTable {
  /** Entries held. */
  count = 0;
  /** Octets charged. */
  size = 0;
  /** Entries ever added: the newest has this number. */
  added = 0;
  #maxSize: number;
  #names: string[] = new Array<string>(LEAST_PLACES).fill('');
  #values: string[] = new Array<string>(LEAST_PLACES).fill('');
  #marks: Uint8Array = new Uint8Array(LEAST_PLACES);
  readonly #evicted: ((name: string, value: string, number: number) => void) | undefined;

  /** `evicted` is told of each entry that goes, with its number. */
  constructor(maxSize: number, evicted?: (name: string, value: string, number: number) => void) {
    this.#maxSize = maxSize;
    this.#evicted = evicted;
  }

  get maxSize(): number {
    return this.#maxSize;
  }

  /** Moves the bound, evicting what no longer fits (RFC 7541 §4.3). */
  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evictTo(maxSize);
  }

  /** Adds an entry; one larger than the table empties it, and is no error (RFC 7541 §4.4). */
  add(name: string, value: string, mark = 0): boolean {
    const size = name.length + value.length + ENTRY_OVERHEAD;
    this.#evictTo(this.#maxSize - size);
    if (size > this.#maxSize) return false;
    if (this.count === this.#names.length) this.#grow();
    this.added++;
    const place = this.added & (this.#names.length - 1);
    this.#names[place] = name;
    this.#values[place] = value;
    this.#marks[place] = mark;
    this.count++;
    this.size += size;
    return true;
  }

  /** The entry `back` places behind the newest, from 0. The caller checks `count`. */
  name(back: number): string {
    return this.#names[(this.added - back) & (this.#names.length - 1)] as string;
  }

  value(back: number): string {
    return this.#values[(this.added - back) & (this.#names.length - 1)] as string;
  }

  /** What the user of the table noted of the entry, 0 to 255. */
  mark(back: number): number {
    return this.#marks[(this.added - back) & (this.#names.length - 1)] as number;
  }

  #evictTo(size: number): void {
    while (this.count > 0 && this.size > size) {
      const back = this.count - 1;
      const name = this.name(back);
      const value = this.value(back);
      this.size -= name.length + value.length + ENTRY_OVERHEAD;
      this.count--;
      this.#evicted?.(name, value, this.added - back);
      const place = (this.added - back) & (this.#names.length - 1);
      this.#names[place] = '';
      this.#values[place] = '';
    }
  }

  #grow(): void {
    const length = this.#names.length * 2;
    const names = new Array<string>(length).fill('');
    const values = new Array<string>(length).fill('');
    const marks = new Uint8Array(length);
    for (let back = 0; back < this.count; back++) {
      const place = (this.added - back) & (length - 1);
      names[place] = this.name(back);
      values[place] = this.value(back);
      marks[place] = this.mark(back);
    }
    this.#names = names;
    this.#values = values;
    this.#marks = marks;
  }
}
