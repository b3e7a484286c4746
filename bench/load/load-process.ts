/** Loads as processes: wrk, h2load, or our own generator; and what a server used under them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OwnLoad } from './generator/load.ts';
import type { LoadJob, LoadReport } from './generator/report.ts';
import { pinned, programPath } from './machine.ts';
import { scriptPath } from './script-path.ts';
import type { ServerProcess, Usage } from './server-process.ts';
import { LOAD_REQUESTS, type LoadRequest, type Work } from './work.ts';

export type Tool = 'wrk' | 'h2load' | 'own';

/** What was done in a round, and what it cost the server. */
export interface Measured extends Usage {
  readonly items: number;
  readonly ms: number;
}

/** A check of one connection is over at once, or it is not at all. */
const CHECK_MS = 10_000;
/** What a tool is waited for beyond its time. */
const GRACE_MS = 15_000;

/** The tool that loads like this, of those that are installed. */
export function toolFor({ kind, depth, request = 'hello' }: Work, ownAlone: boolean): Tool {
  if (ownAlone) return 'own';
  const { method } = LOAD_REQUESTS[request];
  if (kind === 'http1' && depth === 1 && method === 'GET') {
    return programPath('wrk') === undefined ? 'own' : 'wrk';
  }
  return kind === 'http2' && programPath('h2load') !== undefined ? 'h2load' : 'own';
}

/** Asks once, on one connection, and looks at the answer. */
export async function check(work: Work, { port }: ServerProcess): Promise<void> {
  const connections = work.kind === 'broadcast' ? 2 : 1;
  const load = new OwnLoad({ ...work, connections, port }, () => {});
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the server did not answer in 10 s')), CHECK_MS);
  });
  try {
    await Promise.race([load.open(), late]);
  } finally {
    clearTimeout(timer);
    load.close();
  }
}

/** Loads a server for about so long, and reads its CPU time before and after. */
export function measure(
  tool: Tool, work: Work, server: ServerProcess, seconds: number, core: number | undefined,
): Promise<Measured> {
  if (tool === 'wrk') return runWrk(work, server, seconds, core);
  if (tool === 'h2load') return runH2load(work, server, seconds, core);
  return runOwn(work, server, seconds, core);
}

async function runWrk(
  work: Work, server: ServerProcess, seconds: number, core: number | undefined,
): Promise<Measured> {
  const { path, fields } = LOAD_REQUESTS[work.request ?? 'hello'];
  const { text, usage } = await run(server, seconds, core, [
    'wrk', '-t1', `-c${work.connections}`, `-d${Math.ceil(seconds)}s`,
    ...fields.flatMap(([name, value]) => ['-H', `${name}: ${value}`]), url(work, server, path),
  ]);
  const trouble = /Non-2xx.*|Socket errors.*/.exec(text)?.[0];
  if (trouble !== undefined) throw new Error(`wrk says: ${trouble}`);
  const found = /(\d+) requests in ([\d.]+)(ms|s|m)/.exec(text);
  if (found === null) throw new Error(`wrk says what is not understood:\n${text}`);
  return { items: Number(found[1]), ms: milliseconds(found[2], found[3]), ...usage };
}

async function runH2load(
  work: Work, server: ServerProcess, seconds: number, core: number | undefined,
): Promise<Measured> {
  const request = LOAD_REQUESTS[work.request ?? 'hello'];
  const folder = mkdtempSync(join(tmpdir(), 'bench-load-'));
  try {
    const { text, usage } = await run(server, seconds, core, [
      'h2load', `-c${work.connections}`, `-m${work.depth}`, `-D${Math.round(seconds * 1000)}ms`,
      ...request.fields.flatMap(([name, value]) => (
        ['-H', `${name === 'Host' ? ':authority' : name.toLowerCase()}: ${value}`]
      )),
      ...contentFile(request, folder), url(work, server, request.path),
    ]);
    const [items = 0, failed = 0] = /(\d+) succeeded, (\d+) failed/.exec(text)?.slice(1)
      .map(Number) ?? [];
    const time = /finished in ([\d.]+)(us|ms|s|m),/.exec(text);
    if (items === 0 || failed > 0 || time === null) throw new Error(`h2load says:\n${text}`);
    return { items, ms: milliseconds(time[1], time[2]), ...usage };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function contentFile({ content }: LoadRequest, folder: string): string[] {
  if (content.length === 0) return [];
  const path = join(folder, 'content');
  writeFileSync(path, content);
  return ['-d', path];
}

function url({ secure = false }: Work, { port }: ServerProcess, path: string): string {
  return `http${secure ? 's' : ''}://127.0.0.1:${port}${path}`;
}

function milliseconds(count: string | undefined, unit: string | undefined): number {
  return Number(count) * ({ us: 1e-3, ms: 1, m: 60_000 }[unit ?? 's'] ?? 1_000);
}

/** Runs a program to its end. What its connections cost at first is in the figures. */
async function run(
  server: ServerProcess, seconds: number, core: number | undefined, words: readonly string[],
): Promise<{ readonly text: string; readonly usage: Usage }> {
  const before = await server.usage();
  const [command = '', ...more] = pinned(core, words);
  const timeout = seconds * 1000 + GRACE_MS;
  const child = spawn(command, more, { stdio: ['ignore', 'pipe', 'inherit'], timeout });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => { text += piece; });
  const [code] = await once(child, 'close') as [number | null];
  const usage = await server.usageSince(before);
  if (code !== 0) throw new Error(`${words[0]} ended with ${code}:\n${text}`);
  return { text, usage };
}

async function runOwn(
  work: Work, server: ServerProcess, seconds: number, core: number | undefined,
): Promise<Measured> {
  const own = new OwnProcess({ ...work, port: server.port, measuredMs: seconds * 1000 }, core);
  try {
    await own.told('begin');
    const before = await server.usage();
    const report = await own.told('end');
    const usage = await server.usageSince(before);
    return { items: report.items, ms: report.ms, ...usage };
  } finally {
    await own.stop();
  }
}

/** Opens connections in a process of its own; they stay until it is stopped. */
export async function hold(
  work: Work, server: ServerProcess, core: number | undefined,
): Promise<OwnProcess> {
  const own = new OwnProcess({ ...work, port: server.port, measuredMs: 0 }, core);
  try {
    await own.told('open');
    return own;
  } catch (error) {
    await own.stop();
    throw error;
  }
}

type Stage = LoadReport['stage'];

/** Our generator, at work. */
export class OwnProcess {
  readonly #child: ChildProcess;
  readonly #reports: LoadReport[] = [];
  #wake = (): void => {};

  constructor(job: LoadJob, core: number | undefined) {
    const node = [process.execPath, scriptPath('generator/main'), JSON.stringify(job)];
    const [command = '', ...words] = pinned(core, node);
    this.#child = spawn(command, words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (report) => this.#told(report as LoadReport));
    this.#child.on('exit', () => this.#told({ stage: 'failed', message: 'the generator ended' }));
  }

  /** Resolves when it tells of that stage. */
  async told<S extends Stage>(stage: S): Promise<Extract<LoadReport, { stage: S }>> {
    for (;;) {
      const report = this.#reports.shift();
      if (report === undefined) {
        await new Promise<void>((resolve) => { this.#wake = resolve; });
      } else if (report.stage === stage) {
        return report as Extract<LoadReport, { stage: S }>;
      } else if (report.stage === 'failed') {
        throw new Error(report.message);
      }
    }
  }

  /** Throws where one of the connections that it holds was lost. */
  checkHeld(): void {
    for (const report of this.#reports) {
      if (report.stage === 'failed') throw new Error(`an idle connection: ${report.message}`);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #told(report: LoadReport): void {
    this.#reports.push(report);
    this.#wake();
  }
}
