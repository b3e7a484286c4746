/**
 * The HTTP/1 fuzzer. `FUZZ_INPUTS=500000 FUZZ_SEED=1 npx vitest run test/fuzz/` for more of it, or
 * for one run again. A failure prints seed, number and the input made small: it goes to
 * kept/http1-inputs.ts.
 */
import { describe, expect, test } from 'vitest';
import { countFrom, freshSeed } from '../support/random.ts';
import { DISAGREEMENTS, explained } from './disagreements.ts';
import { check, everyCut, fuzz, inputOf } from './http1.fuzz.ts';
import { VECTORS } from './http1-vectors.ts';
import { KEPT } from './kept/http1-inputs.ts';
import { describeParting, partings } from './partings.ts';

const INPUTS = countFrom('FUZZ_INPUTS', 20_000);
const CHOSEN = countFrom('FUZZ_SEED', 0);
/** One run that is always the same, and one that never is; or the one that was asked for. */
const SEEDS = CHOSEN > 0 ? [CHOSEN] : [1, freshSeed()];
/** A small fraction of the target, 5,000 inputs a second. */
const TIMEOUT_MS = 60_000 + INPUTS;
/** Connections side by side in Node. */
const BATCH = 100;

describe('one outcome, however the octets are cut (RFC 9112 §2.2, §6)', () => {
  test.each(KEPT)('kept: %s', async (_, text) => {
    await check({ text, generated: undefined }, everyCut(text));
  });

  test('the seeds themselves', async () => {
    for (const text of VECTORS) await check({ text, generated: undefined });
  });

  test.each(SEEDS)('generated and damaged, seed %i', { timeout: TIMEOUT_MS }, async (seed) => {
    expect(await fuzz(seed, INPUTS / SEEDS.length)).toEqual([]);
  });
});

describe('the second oracle: Node reads the same, or a reason is known', () => {
  const known = [...KEPT.map(([, text]) => text), ...VECTORS];

  test('kept inputs and seeds', async () => {
    expect(await unexplained(known)).toEqual([]);
  });

  // A later parser may have come round to our reading; the list is of this one.
  const isListed = process.versions['llhttp'] === '9.3.1';
  const title = isListed ? 'no reason is idle' : 'skipped: needs llhttp 9.3.1 (no reason is idle)';

  test.skipIf(!isListed)(title, async () => {
    const used = new Set((await partings(known)).map(explained));
    expect(DISAGREEMENTS.filter((each) => !used.has(each))).toEqual([]);
  });

  test.each(SEEDS)('generated and damaged, seed %i', { timeout: TIMEOUT_MS }, async (seed) => {
    for (let from = 0; from < INPUTS / SEEDS.length; from += BATCH) {
      const inputs = Array.from({ length: BATCH }, (_, at) => inputOf(seed, from + at).text);
      expect(await unexplained(inputs), `seed ${seed}, from input ${from}`).toEqual([]);
    }
  });
});

async function unexplained(inputs: readonly string[]): Promise<string[]> {
  const found = await partings(inputs);
  return found.filter((parting) => explained(parting) === undefined).map(describeParting);
}
