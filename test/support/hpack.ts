/** Field blocks for tests: hexadecimal in, lists of `name: value` out, and a look at the table. */
import { Buffer } from 'node:buffer';
import {
  CompressionError, FieldList, HpackDecoder, HpackEncoder, Slab,
} from '../../src/http2/hpack/index.ts';

export type Field = readonly [name: string, value: string];

/** The first index of the dynamic table. */
export const FIRST_DYNAMIC = 62;

export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, '');
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new TypeError(`no octets: ${text}`);
  return Buffer.from(digits, 'hex');
}

export function toHex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

/** What was written so far, as hexadecimal. */
export function written(slab: Slab): string {
  return toHex(slab.bytes.subarray(0, slab.length));
}

/** `name: value` as a field; a pseudo-header field's colon is part of its name. */
export function field(line: string): Field {
  const colon = line.indexOf(': ', 1);
  return [line.slice(0, colon), line.slice(colon + 2)];
}

export function fields(list: FieldList): Field[] {
  return list.names.map((name, at) => [name, list.values[at] as string]);
}

/** The fields of one block. Throws what the decoder throws. */
export function decode(
  decoder: HpackDecoder, block: Uint8Array | string, list = new FieldList(),
): Field[] {
  const octets = typeof block === 'string' ? hex(block) : block;
  decoder.decode(octets, 0, octets.length, list);
  return fields(list);
}

/** A block as a connection would send it. */
export function encode(encoder: HpackEncoder, list: readonly Field[]): Uint8Array {
  const slab = new Slab();
  encoder.begin(slab);
  for (const [name, value] of list) encoder.field(name, value, slab);
  return slab.take();
}

/** The dynamic table, newest first, by asking for each index until one is past the end. */
export function tableOf(decoder: HpackDecoder): Field[] {
  const found: Field[] = [];
  for (;;) {
    const index = FIRST_DYNAMIC + found.length;
    const octets = index < 127 ? [0x80 | index] : [0xff, ...continued(index - 127)];
    const list = new FieldList();
    try {
      decoder.decode(Uint8Array.from(octets), 0, octets.length, list);
    } catch (error) {
      if (error instanceof CompressionError) return found;
      throw error;
    }
    found.push(...fields(list));
  }
}

/** What follows a prefix that is full (RFC 7541 §5.1). */
export function continued(rest: number): number[] {
  return rest < 0x80 ? [rest] : [0x80 | (rest & 0x7f), ...continued(Math.floor(rest / 0x80))];
}

/** What a table is charged (RFC 7541 §4.1). */
export function tableSize(table: readonly Field[]): number {
  return table.reduce((size, [name, value]) => size + name.length + value.length + 32, 0);
}
