/** Ranges as functions: specifiers read, and held against a length. */
import { describe, expect, test } from 'vitest';
import { formatDate } from '../../src/http/date.ts';
import { Fields } from '../../src/http/fields.ts';
import {
  RANGES_MAX, contentRange, ifRangeHolds, parseRanges, satisfiableRanges, selectRanges,
  type RangeSpec,
} from '../../src/http/ranges.ts';

const MODIFIED = Date.UTC(2024, 0, 1, 12, 0, 0);

type Pair = [number, number];

function spec(first: number | undefined, last: number | undefined): RangeSpec {
  return { first, last };
}

function ranges(count: number, gap = 1): string {
  return Array.from({ length: count }, (_, i) => `${i * (1 + gap)}-${i * (1 + gap)}`).join(',');
}

describe('parseRanges', () => {
  test.each<[string, RangeSpec[]]>([
    ['bytes=0-499', [spec(0, 499)]],
    ['bytes=500-', [spec(500, undefined)]],
    ['bytes=-500', [spec(undefined, 500)]],
    ['bytes=-0', [spec(undefined, 0)]],
    ['bytes=0-0,-1', [spec(0, 0), spec(undefined, 1)]],
    ['bytes= 0-999, 4500-5499, -1000', [spec(0, 999), spec(4500, 5499), spec(undefined, 1000)]],
    ['bytes=,, 1-2 ,\t,3-4,', [spec(1, 2), spec(3, 4)]],
    ['BYTES=1-2', [spec(1, 2)]],
    ['Bytes=007-010', [spec(7, 10)]],
    ['bytes=18446744073709551616-', [spec(2 ** 64, undefined)]],
    [`bytes=0-${'9'.repeat(4_000)}`, [spec(0, Infinity)]],
  ])('%s', (value, specs) => {
    expect(parseRanges(value)).toEqual(specs);
  });

  test.each([
    '', 'bytes', 'bytes=', 'bytes= ,', 'bytes:0-1', 'bytes =0-1', 'octets=0-1', 'byte=0-1',
    '=0-1', '0-1', 'bytes=-', 'bytes=1', 'bytes=a-b', 'bytes=0-a', 'bytes=5-3', 'bytes=--5',
    'bytes=-5-', 'bytes=1-2-3', 'bytes=0x0-1', 'bytes=+0-1', 'bytes=0-1.5', 'bytes=1e3-',
    'bytes=0 -1', 'bytes=0- 1', 'bytes=0-1;2-3', 'bytes=0-1, 5-3', 'bytes=0-1, bytes=2-3',
    'bytes=\u0660-\u0661', 'bytes=0-1 2-3',
  ])('%j is invalid, or of no unit that is known', (value) => {
    expect(parseRanges(value)).toBeUndefined();
  });

  test(`${RANGES_MAX} ranges are read, one more is too many (RFC 9110 §17.15)`, () => {
    expect(parseRanges(`bytes=${ranges(RANGES_MAX)}`)).toHaveLength(RANGES_MAX);
    expect(parseRanges(`bytes=${ranges(RANGES_MAX + 1)}`)).toBeUndefined();
    expect(parseRanges(`bytes=${','.repeat(8_000)}0-1`)).toEqual([spec(0, 1)]);
  });
});

describe('satisfiableRanges', () => {
  test.each<[string, number, Pair[]]>([
    ['0-0', 1, [[0, 0]]],
    ['0-9', 10, [[0, 9]]],
    ['0-10', 10, [[0, 9]]],
    ['9-', 10, [[9, 9]]],
    ['10-', 10, []],
    ['10-20', 10, []],
    ['-1', 10, [[9, 9]]],
    ['-10', 10, [[0, 9]]],
    ['-11', 10, [[0, 9]]],
    ['-0', 10, []],
    ['0-0,20-30,-1', 10, [[0, 0], [9, 9]]],
    ['-18446744073709551615', 10, [[0, 9]]],
    ['0-18446744073709551615', 10, [[0, 9]]],
    ['9007199254740993-', 10, []],
    ['9007199254740990-', Number.MAX_SAFE_INTEGER, [[2 ** 53 - 2, 2 ** 53 - 2]]],
  ])('%s of %d octets', (set, length, expected) => {
    const ranges = satisfiableRanges(parseRanges(`bytes=${set}`) as RangeSpec[], length);
    expect(ranges.map(({ first, last }) => [first, last])).toEqual(expected);
  });
});

describe('selectRanges', () => {
  const select = (fields: Record<string, string>, length = 100, method = 'GET'): unknown =>
    selectRanges(method, Fields.from(fields), length, { etag: '"v1"' });

  test('no Range: the whole', () => {
    expect(select({})).toBeUndefined();
  });

  test('a range that does not count leaves the whole, one that cannot be had leaves none', () => {
    expect(select({ range: 'lines=0-1' })).toBeUndefined();
    expect(select({ range: 'bytes=100-' })).toEqual([]);
    expect(select({ range: 'bytes=99-' })).toEqual([{ first: 99, last: 99 }]);
  });

  test('the order asked for is kept', () => {
    expect(select({ range: 'bytes=50-59,0-9' }))
      .toEqual([{ first: 50, last: 59 }, { first: 0, last: 9 }]);
  });

  test.each(['0-9,9-19', '10-19,0-10', '0-9,20-29,5-6', '0-,-1', '0-9,0-9'])(
    'of overlapping ranges, %s, comes the whole', (set) => {
      expect(select({ range: `bytes=${set}` })).toBeUndefined();
    },
  );

  test('adjacent ranges do not overlap', () => {
    expect(select({ range: 'bytes=0-9,10-19' })).toHaveLength(2);
  });

  test.each(['HEAD', 'POST', 'PUT', 'get'])('%s has no ranges', (method) => {
    expect(select({ range: 'bytes=0-1' }, 100, method)).toBeUndefined();
  });

  test('of a representation of no octets comes the whole', () => {
    expect(select({ range: 'bytes=-1' }, 0)).toBeUndefined();
    expect(select({ range: 'bytes=0-' }, 0)).toBeUndefined();
  });

  test('If-Range alone says nothing', () => {
    expect(select({ 'if-range': '"other"' })).toBeUndefined();
  });
});

describe('ifRangeHolds', () => {
  const date = formatDate(MODIFIED);
  const dated = { lastModified: MODIFIED + 300, strongDate: true };

  test.each([
    ['the same strong tag', '"v1"', { etag: '"v1"' }, true],
    ['another tag', '"v2"', { etag: '"v1"' }, false],
    ['a weak tag', 'W/"v1"', { etag: '"v1"' }, false],
    ['a tag that is weak now', '"v1"', { etag: 'W/"v1"' }, false],
    ['weak tags', 'W/"v1"', { etag: 'W/"v1"' }, false],
    ['a list of tags', '"v1", "v2"', { etag: '"v1"' }, false],
    ['a tag where there is none', '"v1"', {}, false],
    ['a broken tag', '"v1', { etag: '"v1' }, false],
    ['the same date', date, dated, true],
    ['an earlier date', formatDate(MODIFIED - 1000), dated, false],
    ['a later date', formatDate(MODIFIED + 1000), dated, false],
    ['a date that is not strong', date, { lastModified: MODIFIED }, false],
    ['a date where there is none', date, { etag: '"v1"' }, false],
    ['no date at all', 'yesterday', dated, false],
    ['an empty value', '', dated, false],
  ])('%s: %s', (_, value, current, holds) => {
    expect(ifRangeHolds(value, current)).toBe(holds);
  });
});

describe('contentRange', () => {
  test('a part, and none', () => {
    expect(contentRange({ first: 0, last: 499 }, 1234)).toBe('bytes 0-499/1234');
    expect(contentRange(undefined, 1234)).toBe('bytes */1234');
  });
});
