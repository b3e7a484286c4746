/** What this machine has: programs, cores, descriptors, and how much CPU a process has used. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

/** One core for the server, another for the load. */
export interface Cores {
  readonly server: number;
  readonly load: number;
}

/** /proc counts in these, whatever the kernel's own tick is. */
const TICKS_A_SECOND = 100;
/** Where nobody tells: the least that systems start with. */
const FEW_DESCRIPTORS = 256;

/** The path of a program, as a shell finds it. */
export function programPath(name: string): string | undefined {
  return (process.env['PATH'] ?? '').split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Whether a package can be loaded, from node_modules or NODE_PATH. */
export function isInstalled(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Undefined where processes cannot be pinned, or where there is one core. */
export function findCores(): Cores | undefined {
  if (programPath('taskset') === undefined) return undefined;
  const list = lineOf('/proc/self/status', /^Cpus_allowed_list:\s*(\S+)/m);
  const numbers = (list ?? '').split(/[,-]/).map(Number);
  const [server = 0, load = server] = [numbers[0], numbers.at(-1)];
  return server === load ? undefined : { server, load };
}

/** A command that runs on one core. */
export function pinned(core: number | undefined, command: readonly string[]): string[] {
  return core === undefined ? [...command] : ['taskset', '-c', String(core), ...command];
}

/** CPU time of a process, user and system, microseconds; undefined where there is no /proc. */
export function cpuMicros(pid: number): number | undefined {
  const stat = lineOf(`/proc/${pid}/stat`, /\) (.*)/);
  if (stat === undefined) return undefined;
  const [user = 0, system = 0] = stat.split(' ').slice(11, 13).map(Number);
  return (user + system) * (1e6 / TICKS_A_SECOND);
}

/** How long the main thread of a process could have run and did not, others being at it; ms. */
export function waitedMs(pid: number): number {
  // Nanoseconds run, nanoseconds waited, and how often.
  const waited = lineOf(`/proc/${pid}/schedstat`, /^\d+ (\d+)/);
  return waited === undefined ? 0 : Number(waited) / 1e6;
}

/** Descriptors that a process may have open. */
export function descriptorLimit(): number {
  const limit = lineOf('/proc/self/limits', /^Max open files\s+(\S+)/m);
  if (limit === 'unlimited') return Infinity;
  return limit === undefined ? FEW_DESCRIPTORS : Number(limit);
}

function lineOf(path: string, pattern: RegExp): string | undefined {
  try {
    return pattern.exec(readFileSync(path, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}
