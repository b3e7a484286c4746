/**
 * The fuzzer of WebSocket. `FUZZ_INPUTS=500000 FUZZ_SEED=1 npx vitest run
 * test/fuzz/websocket.fuzz.test.ts` for more messages, or for one run again; `FUZZ_CONNECTION=17`
 * with a seed for one connection of it alone. `FUZZ_ILLEGAL=100000` for more illegal frames. A
 * failure prints the seed and the number.
 */
import { describe, expect, test } from 'vitest';
import { countFrom, freshSeed } from '../support/random.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { fuzzEchoes, runEcho } from './websocket-echo.ts';
import { fuzzIllegal, runIllegal } from './websocket-illegal.ts';
import { OFFENCES } from './websocket-offences.ts';

const MESSAGES = countFrom('FUZZ_INPUTS', 10_000);
const ILLEGAL = countFrom('FUZZ_ILLEGAL', 5000);
const CHOSEN = countFrom('FUZZ_SEED', 0);
const ALONE = process.env['FUZZ_CONNECTION'] !== undefined;
const SEEDS = CHOSEN > 0 ? [CHOSEN] : [1, freshSeed()];
const TIMEOUT_MS = 60_000 + 2 * MESSAGES + 2 * ILLEGAL;

describe('every message comes back as it was (RFC 6455 §5, RFC 7692 §6)', () => {
  test.each(SEEDS)('seed %i', { timeout: TIMEOUT_MS }, async (seed) => {
    let failed: readonly (string | undefined)[] = [];
    const unhandled = await unhandledDuring(async () => {
      failed = ALONE
        ? [(await runEcho(seed, countFrom('FUZZ_CONNECTION', 0))).failed ?? 'nothing failed']
        : await fuzzEchoes(seed, MESSAGES / SEEDS.length);
    });
    expect(failed).toEqual([]);
    expect(unhandled).toEqual([]);
  });
});

describe('every offence has its close code, and nothing comes after it (RFC 6455 §7.4.1)', () => {
  test.each(SEEDS)('seed %i', { timeout: TIMEOUT_MS }, async (seed) => {
    let failed: readonly (string | undefined)[] = [];
    const unhandled = await unhandledDuring(async () => {
      failed = ALONE
        ? [(await runIllegal(seed, countFrom('FUZZ_CONNECTION', 0))).failed ?? 'nothing failed']
        : await fuzzIllegal(seed, ILLEGAL / SEEDS.length);
    });
    expect(failed).toEqual([]);
    expect(unhandled).toEqual([]);
  });

  test('the fuzzer itself: nothing is left untried', { timeout: TIMEOUT_MS }, async () => {
    const tally = new Map<string, number>();
    expect(await fuzzIllegal(2, 1500, tally)).toEqual([]);
    expect(Object.keys(OFFENCES).filter((name) => (tally.get(name) ?? 0) < 5)).toEqual([]);
    expect(tally.get('Close') ?? 0).toBeGreaterThan(5);
  });
});
