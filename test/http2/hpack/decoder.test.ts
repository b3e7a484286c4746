/** The decoder's own ways: bounds of the list, places in the octets, limits that move. */
import { describe, expect, test } from 'vitest';
import { CompressionError } from '../../../src/http2/hpack/compression-error.ts';
import { FieldList, HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { decode, fields, hex, tableOf } from '../../support/hpack.ts';

/** `a: b`, indexed: 34 octets. */
const ADD = '4001610162';

describe('FieldList', () => {
  test.each([
    ['octets at the bound', 68, Infinity, 2, false],
    ['octets over the bound', 67, Infinity, 1, true],
    ['fields at the bound', Infinity, 2, 2, false],
    ['fields over the bound', Infinity, 1, 1, true],
    ['no octets at all', 0, Infinity, 0, true],
    ['no fields at all', Infinity, 0, 0, true],
  ])('%s', (_, octets, count, kept, isOver) => {
    const list = new FieldList(octets, count);
    list.add('a', 'b');
    list.add('c', 'd');
    expect([fields(list).length, list.isOver]).toEqual([kept, isOver]);
    expect([list.octets, list.count]).toEqual([68, 2]);
  });

  test('once over, a field that would fit is not kept either', () => {
    const list = new FieldList(80);
    for (const value of ['b', 'x'.repeat(40), 'c']) list.add('a', value);
    expect([fields(list), list.isOver]).toEqual([[['a', 'b']], true]);
  });

  test('without bounds it takes all', () => {
    const list = new FieldList();
    for (let i = 0; i < 1000; i++) list.add('a', 'b');
    expect([list.names.length, list.isOver]).toEqual([1000, false]);
  });
});

describe('HpackDecoder', () => {
  test('reads between start and end alone', () => {
    const octets = hex(`ff${ADD}be80`);
    const list = new FieldList();
    new HpackDecoder().decode(octets, 1, octets.length - 1, list);
    expect(fields(list)).toEqual([['a', 'b'], ['a', 'b']]);
  });

  test('a block of no octets has no fields', () => {
    expect(decode(new HpackDecoder(), '')).toEqual([]);
  });

  test('what it gives is its own: the octets may be written over', () => {
    const octets = hex(`${ADD}10016301ff`);
    const list = new FieldList();
    const decoder = new HpackDecoder();
    decoder.decode(octets, 0, octets.length, list);
    octets.fill(0);
    expect(fields(list)).toEqual([['a', 'b'], ['c', '\u00ff']]);
    expect(tableOf(decoder)).toEqual([['a', 'b']]);
  });

  test('each octet of a literal can be missing', () => {
    const octets = hex('400a637573746f6d2d6b65790d637573746f6d2d686561646572');
    for (let end = 1; end < octets.length; end++) {
      const list = new FieldList();
      expect(() => new HpackDecoder().decode(octets, 0, end, list)).toThrow(CompressionError);
      expect(list.count).toBe(0);
    }
  });

  test('the table keeps its size until the peer says otherwise', () => {
    const decoder = new HpackDecoder(34);
    decoder.setTableSize(68);
    decode(decoder, ADD + ADD);
    expect(tableOf(decoder)).toHaveLength(1);
    decode(decoder, `3f25${ADD}`);
    expect(tableOf(decoder)).toHaveLength(2);
  });
});
