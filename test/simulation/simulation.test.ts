/**
 * The deterministic simulation: `SIM_SEEDS=100000 SIM_FROM=1 npx vitest run test/simulation/` for
 * more seeds, or for one again. A failure prints its seed and all that happened.
 */
import { describe, expect, test } from 'vitest';
import { countFrom, freshSeed } from '../support/random.ts';
import { KEPT_SEEDS } from './kept.ts';
import { simulate } from './simulation.ts';

const SEEDS = countFrom('SIM_SEEDS', 1000);
const CHOSEN = countFrom('SIM_FROM', 0);
/** Half of the seeds are always the same, half never; or those that were asked for. */
const RUNS = CHOSEN > 0 ? [CHOSEN] : [1, freshSeed()];
const TIMEOUT_MS = 60_000 + SEEDS * 10;

describe('whatever happens in whatever order, each request has its answer (RFC 9112 §9.3)', () => {
  test.each(KEPT_SEEDS)('kept: seed %i', async (seed) => {
    await simulate(seed);
  });

  test.each(RUNS)('seeds from %i', { timeout: TIMEOUT_MS }, async (first) => {
    for (let at = 0; at < SEEDS / RUNS.length; at++) await simulate(first + at);
  });

  test('a seed is one story', async () => {
    expect(await simulate(5)).toEqual(await simulate(5));
  });
});
