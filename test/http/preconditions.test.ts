/** Preconditions as functions: entity tags and their lists, and what each field comes to alone. */
import { describe, expect, test } from 'vitest';
import { formatDate } from '../../src/http/date.ts';
import { Fields } from '../../src/http/fields.ts';
import {
  evaluatePreconditions, isEntityTag, parseEntityTags, strongMatch, weakMatch, wholeSeconds,
} from '../../src/http/preconditions.ts';

const MODIFIED = Date.UTC(2024, 0, 1, 12, 0, 0);

describe('§8.8.3 ETag', () => {
  test.each([
    '"xyzzy"', 'W/"xyzzy"', '""', 'W/""', '"a,b"', '"\\"', '"!#~"', '"\u00ff\u0080"', '"W/"',
  ])('%s is an entity tag', (text) => {
    expect(isEntityTag(text)).toBe(true);
  });

  test.each([
    '', '"', 'W/', 'W/"', 'xyzzy', 'w/"xyzzy"', 'W"xyzzy"', '"a b"', '"a\tb"', '"a"b"', '"a" ',
    ' "a"', '"a\x7f"', '"a\x00"', "'a'", '*', '"a', 'W/W/"a"', '"a", "b"',
  ])('%j is none', (text) => {
    expect(isEntityTag(text)).toBe(false);
  });
});

describe('§8.8.3.2 Comparison', () => {
  test.each([
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', 'W/"1"', false, true],
    ['"1"', '"1"', true, true],
    ['"1"', '"2"', false, false],
    ['"a"', '"A"', false, false],
  ])('%s and %s: strong %j, weak %j', (one, other, strong, weak) => {
    expect(strongMatch(one, other)).toBe(strong);
    expect(weakMatch(one, other)).toBe(weak);
  });
});

describe('§5.6.1 Lists of entity tags', () => {
  test.each<[string, string[]]>([
    ['"a"', ['"a"']],
    ['"a", "b"', ['"a"', '"b"']],
    ['"a","b"', ['"a"', '"b"']],
    ['"a" ,\t"b"', ['"a"', '"b"']],
    [', "a",, ,"b",', ['"a"', '"b"']],
    ['W/"a", ""', ['W/"a"', '""']],
    ['"a,b", "c"', ['"a,b"', '"c"']],
    ['"\\", "c"', ['"\\"', '"c"']],
    ['', []],
    [' , ', []],
  ])('%j', (value, tags) => {
    expect(parseEntityTags(value)).toEqual(tags);
  });

  test.each(['a', '"a" "b"', '"a""b"', '"a", b', '"a', '"a", *', '*, *', '"a"; q=1', 'W/ "a"'])(
    '%j is no list', (value) => {
      expect(parseEntityTags(value)).toBeUndefined();
    },
  );

  test('a field section full of tags is read to its last', () => {
    const tags = Array.from({ length: 4_000 }, (_, index) => `"${index}"`);
    expect(parseEntityTags(tags.join(','))).toEqual(tags);
  });
});

describe('wholeSeconds', () => {
  test.each([[0, 0], [999, 0], [1000, 1000], [1001, 1000], [MODIFIED + 1, MODIFIED], [-1, -1000]])(
    '%d is %d', (ms, whole) => {
      expect(wholeSeconds(ms)).toBe(whole);
    },
  );
});

describe('evaluatePreconditions', () => {
  const current = { etag: '"v1"', lastModified: MODIFIED + 700 };

  test('without preconditions, the method is performed', () => {
    expect(evaluatePreconditions('GET', Fields.empty, current)).toBeUndefined();
    expect(evaluatePreconditions('PUT', Fields.empty, undefined)).toBeUndefined();
  });

  test('a two-digit year is read at the time given', () => {
    const fields = Fields.from({ 'if-modified-since': 'Monday, 01-Jan-24 12:00:00 GMT' });
    expect(evaluatePreconditions('GET', fields, current, Date.UTC(2024, 5, 1))).toBe(304);
    expect(evaluatePreconditions('GET', fields, current, Date.UTC(1970, 5, 1))).toBeUndefined();
  });

  test.each([
    ['If-Match', '"v1"', 412, 412],
    ['If-Match', '*', undefined, 412],
    ['If-None-Match', '"v1"', undefined, undefined],
    ['If-None-Match', '*', 304, undefined],
    ['If-Modified-Since', formatDate(MODIFIED), undefined, undefined],
    ['If-Unmodified-Since', formatDate(0), undefined, undefined],
  ])('%s: %s without validators, and without a representation', (name, value, bare, none) => {
    const fields = Fields.from({ [name]: value });
    expect(evaluatePreconditions('GET', fields, {})).toBe(bare);
    expect(evaluatePreconditions('GET', fields, undefined)).toBe(none);
  });
});
