/** The least rate of content: a mean, after a time of grace, of the time that we read. */
import { describe, expect, test } from 'vitest';
import { BodyRate } from '../../src/http/body-rate.ts';
import { limitsFrom } from '../../src/limits.ts';

const LIMITS = limitsFrom({ bodyRateBytesPerSecond: 100, bodyRateGraceMs: 2000 });

describe('BodyRate', () => {
  test('within its grace it may be as slow as it likes', () => {
    const rate = new BodyRate(LIMITS, 0);
    expect(rate.tooSlow(2000, false)).toBe(false);
    expect(rate.tooSlow(2001, false)).toBe(true);
  });

  test.each([[400, false], [399, true]])('%d octets in 4 s, of 400 due: %s', (octets, slow) => {
    const rate = new BodyRate(LIMITS, 1000);
    rate.count(octets - 100);
    rate.count(100);
    expect(rate.tooSlow(5000, false)).toBe(slow);
  });

  test('the mean counts: a burst pays for a pause', () => {
    const rate = new BodyRate(LIMITS, 0);
    rate.count(1000);
    expect([rate.tooSlow(9000, false), rate.tooSlow(10_001, false)]).toEqual([false, true]);
  });

  test('while we do not read, time stands still', () => {
    const rate = new BodyRate(LIMITS, 0);
    expect(rate.tooSlow(1000, false)).toBe(false);
    expect(rate.tooSlow(60_000, true)).toBe(false);
    expect(rate.tooSlow(61_000, false)).toBe(false);
    expect(rate.tooSlow(61_001, false)).toBe(true);
  });

  test('a rate of 0 lifts it', () => {
    const rate = new BodyRate(limitsFrom({ bodyRateBytesPerSecond: 0 }), 0);
    expect(rate.tooSlow(1e9, false)).toBe(false);
  });
});
