/**
 * HPACK as the standard tells it, with no thought of speed: bits as text, the table as a list. What
 * the decoder of src is held against on damaged blocks. Its bounds are the ones of src: integers of
 * four octets after their prefix, two size updates a block.
 */
import { CODE_LENGTHS } from '../../src/http2/hpack/huffman-codes.ts';
import { STATIC_NAMES, STATIC_VALUES } from '../../src/http2/hpack/static-table.ts';
import { tableSize, type Field } from '../support/hpack.ts';
import { APPENDIX_B } from '../support/huffman-codes.ts';

const SYMBOLS = new Map(APPENDIX_B.map((code, symbol) => {
  const bits = Number.parseInt(code, 16).toString(2);
  return [bits.padStart(CODE_LENGTHS[symbol] as number, '0'), symbol];
}));
const EOS = 256;
const STATIC: readonly Field[] = STATIC_NAMES.slice(1)
  .map((name, at) => [name, STATIC_VALUES[at + 1] as string]);

/** What is wrong with a block; the text is for people. */
export class ReferenceFault extends Error {}

export class ReferenceDecoder {
  /** Newest first. */
  readonly table: Field[] = [];
  readonly #limit: number;
  #size: number;
  #rest: number[] = [];

  constructor(limit = 4096) {
    this.#limit = limit;
    this.#size = limit;
  }

  decode(block: Uint8Array): Field[] {
    this.#rest = [...block];
    for (let updates = 0; this.#begins('001'); updates++) {
      if (updates === 2) throw new ReferenceFault('updates');
      this.#size = this.#integer(5);
      if (this.#size > this.#limit) throw new ReferenceFault('update over the limit');
      this.#evict(0);
    }
    const list: Field[] = [];
    while (this.#rest.length > 0) list.push(this.#field());
    return list;
  }

  #begins(bits: string): boolean {
    return this.#rest[0]?.toString(2).padStart(8, '0').startsWith(bits) === true;
  }

  #field(): Field {
    if (this.#begins('1')) return this.#entry(this.#integer(7));
    if (this.#begins('001')) throw new ReferenceFault('update behind a field');
    const indexing = this.#begins('01');
    const index = this.#integer(indexing ? 6 : 4);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    const field: Field = [name, this.#string()];
    if (indexing) {
      this.#evict(tableSize([field]));
      if (tableSize([field]) <= this.#size) this.table.unshift(field);
    }
    return field;
  }

  #entry(index: number): Field {
    const entry = [...STATIC, ...this.table][index - 1];
    if (entry === undefined) throw new ReferenceFault('index');
    return entry;
  }

  #evict(wanted: number): void {
    while (this.table.length > 0 && tableSize(this.table) + wanted > this.#size) this.table.pop();
  }

  #octet(): number {
    const octet = this.#rest.shift();
    if (octet === undefined) throw new ReferenceFault('cut');
    return octet;
  }

  #integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#octet() % 2 ** bits;
    if (value < most) return value;
    for (let power = 0; power < 4; power++) {
      const octet = this.#octet();
      value += (octet % 128) * 128 ** power;
      if (octet < 128) return value;
    }
    throw new ReferenceFault('integer');
  }

  #string(): string {
    const huffman = this.#begins('1');
    const length = this.#integer(7);
    if (length > this.#rest.length) throw new ReferenceFault('string cut');
    const octets = this.#rest.splice(0, length);
    return String.fromCharCode(...huffman ? unfolded(octets) : octets);
  }
}

/** Huffman code, a bit at a time. */
function unfolded(octets: readonly number[]): number[] {
  const symbols: number[] = [];
  let code = '';
  for (const bit of octets.map((octet) => octet.toString(2).padStart(8, '0')).join('')) {
    code += bit;
    const symbol = SYMBOLS.get(code);
    if (symbol === undefined) continue;
    if (symbol === EOS) throw new ReferenceFault('EOS');
    symbols.push(symbol);
    code = '';
  }
  if (code.length > 7 || code.includes('0')) throw new ReferenceFault('padding');
  return symbols;
}
