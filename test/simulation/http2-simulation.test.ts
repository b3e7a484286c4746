/**
 * The deterministic simulation of HTTP/2: `SIM_SEEDS=100000 SIM_FROM=1 npx vitest run --config
 * test/vitest.config.ts test/simulation/http2` for more seeds, or for one again. A failure prints
 * its seed and all that happened.
 */
import { describe, expect, test } from 'vitest';
import { countFrom, freshSeed } from '../support/random.ts';
import { simulateHttp2 } from './http2-simulation.ts';

const SEEDS = countFrom('SIM_SEEDS', 300);
const CHOSEN = countFrom('SIM_FROM', 0);
/** Half of the seeds are always the same, half never; or those that were asked for. */
const RUNS = CHOSEN > 0 ? [CHOSEN] : [1, freshSeed()];
const TIMEOUT_MS = 60_000 + SEEDS * 30;

describe('whatever happens in whatever order, each stream has its answer (RFC 9113 §5)', () => {
  test.each(RUNS)('seeds from %i', { timeout: TIMEOUT_MS }, async (first) => {
    for (let at = 0; at < SEEDS / RUNS.length; at++) await simulateHttp2(first + at);
  });

  test('a seed is one story', async () => {
    expect(await simulateHttp2(5)).toEqual(await simulateHttp2(5));
  });
});
