/**
 * `npm run bench:load`: servers under load, ours beside peers, end to end. Words choose rows:
 *
 *     npm run bench:load -- http1 websocket      rows whose name has one of these words
 *     npm run bench:load -- "8 x 32" --rounds 9 --seconds 3
 *     npm run bench:load -- tls --json
 *
 * Ours and each peer run as processes on one core, the load on another (where `taskset` is); they
 * are loaded in turn, round by round, and only ratios within a round mean anything. The load is
 * that of wrk and h2load where they are installed, and of our own generator otherwise, for
 * pipelining and for WebSocket (`--own`: for all). The package `ws` is a peer where it is
 * installed:
 *
 *     npm i --no-save ws            or elsewhere, with NODE_PATH=.../node_modules
 */
import { parseArgs } from 'node:util';
import type { MemoryFigure, RowFigures } from './figures.ts';
import { findCores, isInstalled, programPath } from './machine.ts';
import { IDLE_HELD, MEMORY, ROWS } from './rows.ts';
import {
  heldConnections, isAvailable, runMemory, runRow, type Settings,
} from './run-row.ts';
import { LEGEND, memoryLines, rowLines } from './table.ts';

const TOOLS = [
  { tool: 'wrk', kind: 'http1', source: 'wrk' },
  { tool: 'h2load', kind: 'http2', source: 'nghttp2-client' },
] as const;

const { values, positionals } = options();
const settings: Settings = {
  rounds: positive('rounds', values.rounds), seconds: positive('seconds', values.seconds),
  ownAlone: values.own, cores: findCores(),
};
const rows = ROWS.filter(({ name }) => isChosen(name));
const withMemory = isChosen(MEMORY.name);
const remarks = remarksOn(settings);
const results: RowFigures[] = [];
let memory: MemoryFigure[] | undefined;

if (rows.length === 0 && !withMemory) {
  const names = [...ROWS, MEMORY].map(({ name }) => `  ${name}`).join('\n');
  console.error(`no row has ${positionals.join(' or ')} in its name; there are\n${names}`);
  process.exitCode = 1;
} else {
  say([LEGEND, ...remarks.map((text) => `! ${text}`)].join('\n'));
}
for (const row of rows) {
  await attempt(row.name, async () => {
    const figures = await runRow(row, settings);
    results.push(figures);
    say(rowLines(figures));
  });
}
if (withMemory) await attempt(MEMORY.name, measureMemory);
if (values.json) {
  const { version: node, arch, platform } = process;
  const { rounds, seconds } = settings;
  const machine = { node, platform, arch, rounds, seconds, remarks };
  console.log(JSON.stringify({ ...machine, rows: results, memory }, undefined, 2));
}

async function measureMemory(): Promise<void> {
  const connections = heldConnections();
  const few = connections === IDLE_HELD ? [] : [
    `not ${IDLE_HELD} connections: raise "ulimit -n"`,
  ];
  const figures: MemoryFigure[] = [];
  for (const side of MEMORY.sides.filter(isAvailable)) {
    figures.push(await runMemory(side, connections, settings));
  }
  memory = figures;
  say(memoryLines(MEMORY.name, connections, figures, few));
}

/** A row that fails is told, and the others go on. */
async function attempt(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(`\n${name} could not be measured: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '2' },
        json: { type: 'boolean', default: false },
        own: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    const usage = '[words ...] [--rounds N] [--seconds N] [--own] [--json]';
    console.error(`${(error as Error).message}\nnpm run bench:load -- ${usage}`);
    process.exit(1);
  }
}

function say(text: string): void {
  if (!values.json) console.log(text);
}

function isChosen(name: string): boolean {
  return positionals.length === 0 || positionals.some((word) => name.includes(word));
}

function positive(name: 'rounds' | 'seconds', text: string): number {
  const number = Number(text);
  if (number > 0 && (name === 'seconds' || Number.isInteger(number))) return number;
  console.error(`--${name} is a number over 0, not "${text}"`);
  process.exit(1);
}

/** What is missing here, and what to do about it. */
function remarksOn({ cores, ownAlone }: Settings): string[] {
  const told: string[] = [];
  if (cores === undefined) {
    told.push('nothing is pinned: that needs taskset (util-linux) and two cores; ratios vary more');
  }
  for (const { tool, kind, source } of TOOLS) {
    if (ownAlone || programPath(tool) !== undefined) continue;
    if (!rows.some(({ work }) => work.kind === kind)) continue;
    told.push(`${tool} is not installed (Debian: apt-get install ${source}): ours loads instead`);
  }
  for (const name of missingPackages()) {
    told.push(`${name} is not installed, and is left out: npm i --no-save ws bufferutil, or set ` +
      'NODE_PATH to a node_modules that has it');
  }
  return told;
}

function missingPackages(): string[] {
  const sides = [...rows.flatMap((row) => row.sides), ...(withMemory ? MEMORY.sides : [])];
  return [...new Set(sides.flatMap(({ needs = [] }) => needs))]
    .filter((name) => !isInstalled(name));
}
