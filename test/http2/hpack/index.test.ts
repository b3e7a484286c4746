/** `wirestack/hpack`: all that a program needs for a block out and a block in. */
import { expect, test } from 'vitest';
import * as hpack from '../../../src/http2/hpack/index.ts';

test('the names that a program may count on', () => {
  expect(Object.keys(hpack).sort()).toEqual([
    'CompressionError', 'DynamicTable', 'ENTRY_OVERHEAD', 'FieldList', 'HpackDecoder',
    'HpackEncoder', 'Slab', 'huffmanDecode', 'huffmanEncode', 'huffmanLength',
  ]);
});

test('a block from one side to the other', () => {
  const slab = new hpack.Slab();
  const encoder = new hpack.HpackEncoder();
  encoder.begin(slab);
  encoder.field(':method', 'GET', slab);
  encoder.field('x-own', 'value', slab);
  const list = new hpack.FieldList();
  new hpack.HpackDecoder().decode(slab.bytes, 0, slab.length, list);
  expect([list.names, list.values]).toEqual([[':method', 'x-own'], ['GET', 'value']]);
});
