/**
 * `npm run bench -- --check`: a few comparisons that stay alike from run to run, with the ratios to
 * their peers beside those that were recorded. A fall of more than 30 % is told loudly, after a
 * second look; it fails nothing, for a shared machine has bad moments.
 *
 * The peers need no package, so that the check is the same wherever it runs. bench/baseline.json
 * has ratios for each major version of Node, since V8 changes both sides; `--record` writes those
 * of the version that it runs on.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { AREAS } from './areas.ts';
import { Suite, type Ratio } from './suite.ts';

interface Guarded {
  readonly area: string;
  readonly comparison: string;
  readonly peer: string;
}

const GUARDED: readonly Guarded[] = [
  { area: 'http1/request-parser', comparison: 'request of 40 octets', peer: 'node' },
  { area: 'http1/protocol', comparison: '16 pipelined', peer: 'node' },
  { area: 'http2/protocol', comparison: '100 by loopback', peer: 'node' },
  { area: 'websocket/mask', comparison: 'unmask 1024 octets', peer: 'loop' },
  { area: 'http1/chunked-decoder', comparison: '16 chunks of 1024 octets', peer: 'node' },
];

/** Less than this part of what was recorded is a fall. */
const FALL = 0.7;
const NAME_COLUMNS = 64;

/** By major version of Node: `v20`. */
type Baseline = Record<string, Readonly<Record<string, number>>>;

const [MAJOR = ''] = process.version.split('.');

/** Beside its source, also where this was compiled to dist/. */
const here = new URL('.', import.meta.url);
const FILE = new URL(
  here.pathname.endsWith('/dist/bench/') ? '../../bench/baseline.json' : 'baseline.json', here,
);

/** Measures, and writes what was measured. */
export async function record(): Promise<void> {
  const ratios: Record<string, number> = {};
  for (const one of GUARDED) {
    const { median, low, high } = await measured(one);
    ratios[nameOf(one)] = Number(median.toFixed(2));
    console.log(`${nameOf(one).padEnd(NAME_COLUMNS)}${median.toFixed(2)} (${low.toFixed(2)} to ` +
      `${high.toFixed(2)})`);
  }
  writeFileSync(FILE, `${JSON.stringify({ ...recorded(), [MAJOR]: ratios }, undefined, 2)}\n`);
}

/** Measures, and tells what fell. Never throws: it is no test. */
export async function check(): Promise<void> {
  try {
    const ratios = recorded()[MAJOR] ?? {};
    console.log(`how many times as fast as the peer, beside what was recorded on ${MAJOR}`);
    for (const one of GUARDED) await checkOne(one, ratios[nameOf(one)]);
  } catch (error) {
    shout(`the check of the benches broke: ${(error as Error).message}`);
  }
}

function recorded(): Baseline {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) as Baseline : {};
}

async function checkOne(one: Guarded, before: number | undefined): Promise<void> {
  let { median } = await measured(one);
  if (before === undefined) {
    const number = median.toFixed(2).padStart(7);
    console.log(`${nameOf(one).padEnd(NAME_COLUMNS)}${number}  not recorded`);
    return;
  }
  if (median < before * FALL) median = Math.max(median, (await measured(one)).median);
  const change = `${median < before ? '' : '+'}${((median / before - 1) * 100).toFixed(0)} %`;
  const numbers = `${median.toFixed(2).padStart(7)}${before.toFixed(2).padStart(9)}`;
  console.log(`${nameOf(one).padEnd(NAME_COLUMNS)}${numbers}${change.padStart(8)}`);
  if (median < before * FALL) shout(`${nameOf(one)} fell: ${change}`);
}

async function measured({ area, comparison, peer }: Guarded): Promise<Ratio> {
  const bench = await AREAS[area]?.();
  const suite = new Suite(false);
  await bench?.add(suite);
  for await (const { figures } of suite.run(comparison)) {
    const ratio = figures.find(({ side }) => side === peer)?.ratio;
    if (ratio !== undefined) return ratio;
  }
  throw new Error(`${area} has no comparison "${comparison}" with ${peer}`);
}

function nameOf({ area, comparison, peer }: Guarded): string {
  return `${area}: ${comparison}, ${peer}`;
}

function shout(text: string): void {
  console.error(`\n!!! ${text}\n`);
}
