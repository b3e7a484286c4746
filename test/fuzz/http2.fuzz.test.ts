/**
 * The frame fuzzer of HTTP/2. `FUZZ_INPUTS=1000000 FUZZ_SEED=1 npx vitest run
 * test/fuzz/http2.fuzz.test.ts` for more frames, or for one run again; `FUZZ_CONNECTION=17` with a
 * seed for one connection of it alone. A failure prints the seed and the number.
 */
import { describe, expect, test } from 'vitest';
import { countFrom, freshSeed } from '../support/random.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { runClient } from './http2-client.fuzz.ts';
import { SERVER } from './http2-client-frames.ts';
import type { Weighted } from './http2-frame-maker.ts';
import { CLIENT, fuzz, runServer } from './http2.fuzz.ts';

const FRAMES = countFrom('FUZZ_INPUTS', 20_000);
const CHOSEN = countFrom('FUZZ_SEED', 0);
const ALONE = process.env['FUZZ_CONNECTION'] !== undefined;
const SEEDS = CHOSEN > 0 ? [CHOSEN] : [1, freshSeed()];
const TIMEOUT_MS = 60_000 + FRAMES;

describe('each frame has the outcome of RFC 9113 §5.1, §5.4, §6, however it comes', () => {
  const cases = [['server', runServer], ['client', runClient]] as const;
  const all = cases.flatMap(([role, run]) => SEEDS.map((seed) => [role, seed, run] as const));

  test.each(all)('%s, seed %i', { timeout: TIMEOUT_MS }, async (_, seed, run) => {
    let failed: readonly string[] = [];
    const unhandled = await unhandledDuring(async () => {
      failed = ALONE
        ? (await run(seed, countFrom('FUZZ_CONNECTION', 0), true)).faults
        : await fuzz(run, seed, FRAMES / all.length);
    });
    expect(failed).toEqual([]);
    expect(unhandled).toEqual([]);
  });
});

describe('the fuzzer itself', () => {
  test.each([
    ['server', runServer, CLIENT], ['client', runClient, SERVER],
  ] as const)('of the %s: nothing is left untried', async (_, run, tables) => {
    const tally = new Set<string>();
    expect(await fuzz(run, 1, 20_000, tally)).toEqual([]);
    const due = (makers: Weighted, scope: string): string[] =>
      makers.map(([, { name }]) => `${name}: ${scope}`);
    const { legal, offences, fatal } = tables;
    const all = [...due(legal, 'ok'), ...due(offences, 'stream'), ...due(fatal, 'connection')];
    expect(all.filter((key) => !tally.has(key))).toEqual([]);
  });
});
