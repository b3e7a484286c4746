/**
 * Runs a row: all its servers at once, of which one is loaded at a time, in turn, round by round.
 */
import { figuresOf, spread, type MemoryFigure, type RowFigures } from './figures.ts';
import {
  check, hold, measure, toolFor, type Measured, type OwnProcess, type Tool,
} from './load-process.ts';
import { descriptorLimit, isInstalled, type Cores } from './machine.ts';
import { IDLE_HELD, type MemorySide, type Row, type Side } from './rows.ts';
import { ServerProcess } from './server-process.ts';
import type { Work } from './work.ts';

export interface Settings {
  readonly rounds: number;
  /** Of a round. */
  readonly seconds: number;
  /** Our own generator alone, whatever is installed. */
  readonly ownAlone: boolean;
  readonly cores: Cores | undefined;
}

/** Descriptors that a process needs besides its connections: those of the load, files, pipes. */
const SPARE_DESCRIPTORS = 512;
/** Under this a server waited for its load. */
const BUSY = 0.85;
/** Over this others had so much of its core that the figures are noise. */
const DISTURBED = 0.1;
const MEMORY_ROUNDS_MAX = 3;

export function isAvailable({ needs = [] }: { readonly needs?: readonly string[] }): boolean {
  return needs.every(isInstalled);
}

/** Connections that can be had, of so many wanted. */
export function affordable(connections: number): number {
  return Math.max(0, Math.min(connections, descriptorLimit() - SPARE_DESCRIPTORS));
}

/** A side with its server, and what it is loaded with. */
interface Contender {
  readonly side: Side;
  readonly server: ServerProcess;
  readonly work: Work;
  readonly tool: Tool;
  readonly rounds: Measured[];
}

/** What is to be stopped. */
interface Started {
  readonly servers: ServerProcess[];
  readonly holders: OwnProcess[];
}

export async function runRow(row: Row, settings: Settings): Promise<RowFigures> {
  const started: Started = { servers: [], holders: [] };
  try {
    const contenders: Contender[] = [];
    for (const side of row.sides.filter(isAvailable)) {
      contenders.push(await contender(row, side, settings, started));
    }
    const { rounds, seconds, cores } = settings;
    for (let round = -1; round < rounds; round++) {
      for (const { side, server, work, tool, rounds: taken } of contenders) {
        const measured = await named(side.name, measure(tool, work, server, seconds, cores?.load));
        // The first round warms up.
        if (round >= 0) taken.push(measured);
      }
    }
    for (const holder of started.holders) holder.checkHeld();
    return result(row, contenders);
  } finally {
    for (const one of [...started.holders, ...started.servers]) await one.stop();
  }
}

async function contender(
  row: Row, side: Side, { cores, ownAlone }: Settings, started: Started,
): Promise<Contender> {
  const work = { ...row.work, ...side.work };
  const server = await ServerProcess.start(side.server, cores?.server);
  started.servers.push(server);
  await named(side.name, check(work, server));
  const { idle = 0 } = side;
  if (idle > 0) {
    const held: Work = { ...work, connections: affordable(idle) };
    started.holders.push(await named(side.name, hold(held, server, cores?.load)));
  }
  return { side, server, work, tool: toolFor(work, ownAlone), rounds: [] };
}

/** Says of which side an error is. */
async function named<T>(name: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

function result(row: Row, contenders: readonly Contender[]): RowFigures {
  const sides = contenders.map(({ side }) => side);
  const figures = figuresOf(sides, contenders.map(({ rounds }) => rounds));
  const remarks: string[] = [];
  const idled = figures.filter(({ busy, waited }) => busy + waited < BUSY).map(({ side }) => side);
  if (idled.length > 0) {
    const why = row.work.kind === 'broadcast'
      ? 'a broadcast begins when all have the last one'
      : 'the load was the limit';
    remarks.push(`had time left: ${idled.join('; ')}: ${why}, and "time x" says little`);
  }
  const disturbed = figures.filter(({ waited }) => waited > DISTURBED).map(({ side, waited }) => (
    `${side} (${(waited * 100).toFixed(0)}%)`
  ));
  if (disturbed.length > 0) {
    remarks.push(`other programs took the core from ${disturbed.join('; ')}: this is noise`);
  }
  const idle = Math.max(0, ...sides.map(({ idle = 0 }) => idle));
  if (affordable(idle) < idle) {
    remarks.push(`${affordable(idle)} idle connections, not ${idle}: raise "ulimit -n", which is ` +
      String(descriptorLimit()));
  }
  const tools = [...new Set(contenders.map(({ tool }) => tool))].join(' and ');
  return { name: row.name, item: row.item, tool: tools, figures, remarks };
}

/** What a connection costs that has done one exchange and is idle, resident. */
export async function runMemory(
  side: MemorySide, connections: number, { rounds, cores }: Settings,
): Promise<MemoryFigure> {
  const taken: number[] = [];
  for (let round = 0; round < Math.min(rounds, MEMORY_ROUNDS_MAX); round++) {
    const server = await ServerProcess.start(side.server, cores?.server);
    const holders: OwnProcess[] = [];
    try {
      await named(side.name, check(side.work, server));
      // What is made once is made before: code, tables, pools.
      const few = { ...side.work, connections: Math.ceil(connections / 10) };
      const first = await named(side.name, hold(few, server, cores?.load));
      await first.stop();
      const before = await server.memory();
      const all = { ...side.work, connections };
      holders.push(await named(side.name, hold(all, server, cores?.load)));
      taken.push((await server.memory() - before) / connections);
    } finally {
      for (const holder of holders) await holder.stop();
      await server.stop();
    }
  }
  return { side: side.name, bytes: spread(taken), goalBytes: side.goalBytes };
}

export function heldConnections(): number {
  return affordable(IDLE_HELD);
}
