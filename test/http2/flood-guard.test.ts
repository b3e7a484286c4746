/** Budgets at their size and one more, and as they refill (RFC 9113 §10.5). */
import { expect, test } from 'vitest';
import { FloodGuard } from '../../src/http2/flood-guard.ts';
import { DEFAULT_LIMITS } from '../../src/limits.ts';

/** How often `spend` can be called. */
function times(spend: () => void): number {
  for (let count = 0; count < 100_000; count++) {
    try {
      spend();
    } catch (error) {
      expect((error as Error).message).toMatch(/over .*\(RFC 9113 §10\.5\)$/);
      return count;
    }
  }
  return Infinity;
}

test.each<[string, (guard: FloodGuard) => void, number]>([
  ['resets', (guard) => guard.reset(0), 200],
  ['control frames', (guard) => guard.control(0), 1000],
  ['SETTINGS of none', (guard) => guard.settings(0, 0), 50],
  ['SETTINGS of 20', (guard) => guard.settings(20, 0), 25],
  ['SETTINGS of 33', (guard) => guard.settings(33, 0), 0],
  ['window updates', (guard) => guard.windowUpdate(0), 1000],
  ['empty DATA', (guard) => guard.data(0, 0, false, 0), 2844],
  ['padding', (guard) => guard.data(1, 256, false, 0), 96],
  ['DATA that pays for itself', (guard) => guard.data(9, 0, false, 0), Infinity],
  ['the last DATA of a stream', (guard) => guard.data(0, 0, true, 0), Infinity],
])('%s', (_, spend, count) => {
  const guard = new FloodGuard(DEFAULT_LIMITS);
  expect(times(() => spend(guard))).toBe(count);
});

test('time refills, never over the size', () => {
  const guard = new FloodGuard(DEFAULT_LIMITS);
  expect(times(() => guard.reset(0))).toBe(200);
  expect(times(() => guard.reset(1000))).toBe(32);
  expect(times(() => guard.reset(1e9))).toBe(200);
});

test('DATA sent and streams opened earn window updates', () => {
  const guard = new FloodGuard(DEFAULT_LIMITS);
  expect(times(() => guard.windowUpdate(0))).toBe(1000);
  guard.earnUpdates();
  expect(times(() => guard.windowUpdate(0))).toBe(3);
});
