/** Integers with a prefix: what is written is read again, to the octet, at each edge. */
import { describe, expect, test } from 'vitest';
import { Slab } from '../../../src/bytes/slab.ts';
import { CompressionError } from '../../../src/http2/hpack/compression-error.ts';
import { IntegerReader, writeInteger } from '../../../src/http2/hpack/integer.ts';
import { hex, written } from '../../support/hpack.ts';

function write(first: number, bits: number, value: number): string {
  const slab = new Slab();
  writeInteger(slab, first, bits, value);
  return written(slab);
}

function read(octets: string, bits: number): readonly [value: number, at: number] {
  const reader = new IntegerReader();
  const bytes = hex(octets);
  const value = reader.read(bytes, bytes.length, bits);
  return [value, reader.at];
}

/** Prefix bits, value, octets: each edge where one octet more is needed. */
const EDGES: readonly (readonly [number, number, string])[] = [
  [4, 0, '00'], [4, 14, '0e'], [4, 15, '0f00'], [4, 15 + 127, '0f7f'], [4, 15 + 128, '0f8001'],
  [5, 30, '1e'], [5, 31, '1f00'], [5, 31 + 127, '1f7f'], [5, 31 + 128, '1f8001'],
  [6, 62, '3e'], [6, 63, '3f00'], [7, 126, '7e'], [7, 127, '7f00'], [7, 127 + 128, '7f8001'],
  [7, 127 + 2 ** 14 - 1, '7fff7f'], [7, 127 + 2 ** 14, '7f808001'],
  [7, 127 + 2 ** 21 - 1, '7fffff7f'], [7, 127 + 2 ** 21, '7f80808001'],
  [7, 127 + 2 ** 28 - 1, '7fffffff7f'], [8, 254, 'fe'], [8, 255, 'ff00'],
];

describe('§5.1 Integer Representation', () => {
  test.each(EDGES)('%i bits, %i: %s', (bits, value, octets) => {
    expect(write(0, bits, value)).toBe(octets);
    expect(read(octets, bits)).toEqual([value, octets.length / 2]);
  });

  test('bits above the prefix are kept by the writer, and passed over by the reader', () => {
    expect([write(0x80, 7, 5), write(0x20, 5, 1000)]).toEqual(['85', '3fc907']);
    expect([read('85', 7), read('3fc907', 5)]).toEqual([[5, 1], [1000, 3]]);
  });

  test('needless octets are allowed up to four', () => {
    expect(read('1f80808000', 5)).toEqual([31, 5]);
    expect(() => read('1f8080808000', 5)).toThrow(CompressionError);
  });

  test.each(['1f80808080', '1fffffffff00', '1fffffffffffffff7f', '1f8080808001'])(
    'over 2^28: %s', (octets) => {
      expect(() => read(`${octets}00`, 5)).toThrow('over 2^28');
    },
  );

  test.each(['1f', '1f80', '1f8080', '1f808080'])('cut short: %s', (octets) => {
    expect(() => read(octets, 5)).toThrow('cut short');
  });

  test('the end is where the caller says, not where the octets end', () => {
    const bytes = hex('1f8001');
    expect(() => new IntegerReader().read(bytes, 2, 5)).toThrow('cut short');
  });
});
