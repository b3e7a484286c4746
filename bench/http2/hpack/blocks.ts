/** Field blocks, made by our encoder; the second of one table is mostly indexes. */
import { HpackEncoder, Slab } from '../../../src/http2/hpack/index.ts';
import type { FieldPairs } from '../../field-lists.ts';

/** Writes one block into the slab. */
export function encode(encoder: HpackEncoder, fields: FieldPairs, slab: Slab): void {
  encoder.begin(slab);
  for (const [name, value] of fields) encoder.field(name, value, slab);
}

export interface Blocks {
  /** To an empty table. */
  readonly cold: Uint8Array;
  /** To a table that has taken `cold`; it leaves that as it is, so it can come again. */
  readonly warm: Uint8Array;
}

export function blocksOf(fields: FieldPairs): Blocks {
  const encoder = new HpackEncoder();
  const slab = new Slab();
  encode(encoder, fields, slab);
  const cold = slab.take();
  const { added } = encoder;
  encode(encoder, fields, slab);
  if (encoder.added !== added) throw new Error('a block cannot come again');
  return { cold, warm: slab.take() };
}
