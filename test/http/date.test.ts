/** HTTP dates: one form is written, three are read, nothing else is. */
import { describe, expect, test } from 'vitest';
import { formatDate, parseDate } from '../../src/http/date.ts';

/** The moment of the examples in RFC 9110 §5.6.7. */
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);
/** When the dates of this file are read. */
const NOW = Date.UTC(2026, 5, 15, 12, 0, 0);

describe('§5.6.7 Date/Time Formats', () => {
  test.each([
    [0, 'Thu, 01 Jan 1970 00:00:00 GMT'],
    [EXAMPLE, 'Sun, 06 Nov 1994 08:49:37 GMT'],
    [EXAMPLE + 999, 'Sun, 06 Nov 1994 08:49:37 GMT'],
    [Date.UTC(2024, 1, 29, 23, 59, 59), 'Thu, 29 Feb 2024 23:59:59 GMT'],
  ])('%d is written %s', (ms, text) => {
    expect(formatDate(ms)).toBe(text);
  });

  test.each([
    ['IMF-fixdate', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['RFC 850', 'Sunday, 06-Nov-94 08:49:37 GMT'],
    ['asctime', 'Sun Nov  6 08:49:37 1994'],
  ])('%s is read', (_, text) => {
    expect(parseDate(text, NOW)).toBe(EXAMPLE);
  });

  test.each([
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Sat, 31 Dec 0099 00:00:00 GMT', new Date(0).setUTCFullYear(99, 11, 31)],
    ['Mon Dec 31 23:59:59 2029', Date.UTC(2029, 11, 31, 23, 59, 59)],
    // A leap second is the second before it: POSIX time has none.
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2016, 11, 31, 23, 59, 59)],
  ])('%s', (text, ms) => {
    expect(parseDate(text, NOW)).toBe(ms);
  });

  test.each([
    ['94', 1994], ['00', 2000], ['26', 2026], ['27', 2027], ['75', 2075], ['77', 1977],
  ])('the year %s is %d in 2026: over 50 years ahead is the latest past one', (year, expected) => {
    const read = parseDate(`Sunday, 06-Nov-${year} 08:49:37 GMT`, NOW);
    expect(new Date(read).getUTCFullYear()).toBe(expected);
  });

  test('it is the time that must not be over 50 years ahead, not the year', () => {
    expect(parseDate('Monday, 15-Jun-76 12:00:00 GMT', NOW)).toBe(Date.UTC(2076, 5, 15, 12));
    expect(parseDate('Monday, 15-Jun-76 12:00:01 GMT', NOW)).toBe(Date.UTC(1976, 5, 15, 12, 0, 1));
  });

  test('without a time to read it at, it is read now', () => {
    expect(parseDate(formatDate(EXAMPLE))).toBe(EXAMPLE);
  });

  test.each([
    '', '0', '784111777', '1994-11-06T08:49:37Z', 'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 06 Nov 1994 08:49:37 +0000', 'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 94 08:49:37 GMT', 'sun, 06 nov 1994 08:49:37 gmt', 'Sun,06 Nov 1994 08:49:37 GMT',
    ' Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT ',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT', 'Sun, 06 Nov 1994 23:60:00 GMT',
    'Sun, 06 Nov 1994 23:59:61 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT', 'Sun, 31 Nov 1994 08:49:37 GMT',
    'Wed, 29 Feb 2023 00:00:00 GMT',
    'Sun, 06 Foo 1994 08:49:37 GMT', 'Son, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT', 'Sun, 06-Nov-94 08:49:37 GMT', 'Sun Nov 6 08:49:37 1994',
    'Sun Nov 06 08:49:37 1994 GMT', 'Sun, 06 Nov 19994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT\n',
  ])('%j is none', (text) => {
    expect(parseDate(text, NOW)).toBeNaN();
  });

  test('what is written is read', () => {
    for (let ms = 0; ms < 4e12; ms += 86_400_000 * 97 + 12_345_000) {
      expect(parseDate(formatDate(ms), NOW)).toBe(ms);
    }
  });
});
