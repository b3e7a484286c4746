/**
 * Servers in a process of their own, for what a process alone can show: its descriptors, memory,
 * signals and end. They run what was built, so that they are what a user runs.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Counters } from '../../src/index.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = join(ROOT, 'dist/src/index.js');
const LOCK = join(ROOT, 'dist/.building');
const LOCK_POLL_MS = 50;
const LOCK_STALE_MS = 60_000;

/** What a child says of itself. */
export interface ChildState {
  readonly counters: Counters;
  /** Open descriptors; -1 where none is left to count them with. */
  readonly descriptors: number;
  /** Of `process.getActiveResourcesInfo`, sorted. */
  readonly resources: readonly string[];
  /** Octets in memory, at most so far; -1 as above. */
  readonly mostResidentBytes: number;
  /** What the script keeps in `facts`. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface ChildOptions {
  /** The limit of descriptors. */
  readonly descriptors?: number;
}

/** What each script finds: the package, `serve` to listen and tell the port, `facts` to show. */
const PROLOGUE = `
  import { readFileSync, readdirSync } from 'node:fs';
  const wirestack = await import(process.env.WIRESTACK);
  const { createServer, HttpError, HttpResponse } = wirestack;
  const facts = {};
  const servers = [];
  process.on('message', (id) => {
    const counters = servers[0]?.counters;
    process.send({ id, state: {
      counters, facts,
      // Less the one that counts.
      descriptors: measured(() => readdirSync('/proc/self/fd').length - 1),
      resources: process.getActiveResourcesInfo().sort(),
      // Not resourceUsage().maxRSS: that remembers what the parent was before exec.
      mostResidentBytes: measured(() => {
        const status = readFileSync('/proc/self/status', 'latin1');
        return 1024 * Number(/VmHWM:\\s+(\\d+)/.exec(status)[1]);
      }),
    } });
  });
  function measured(measure) {
    try {
      return measure();
    } catch {
      return -1;
    }
  }
  async function serve(service, options) {
    const server = createServer(service, options);
    servers.push(server);
    await server.listen({ host: '127.0.0.1' });
    process.send({ port: server.port });
    // The way to ask must not keep the process alive.
    process.channel.unref();
    return server;
  }
`;

/** Runs a script with a server in it, and waits until that listens. Killed with its test. */
export async function child(script: string, options: ChildOptions = {}): Promise<Child> {
  await build();
  const text = PROLOGUE + script;
  const words = ['--input-type=module', '-e'];
  const shell = `ulimit -n ${options.descriptors ?? 'unlimited'} && exec "$0" "$@"`;
  const [program, args] = options.descriptors === undefined
    ? [process.execPath, [...words, text]]
    : ['sh', ['-c', shell, process.execPath, ...words, text]];
  const started = new Child(spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, WIRESTACK: pathToFileURL(BUILT).href },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  }));
  onTestFinished(() => void started.process.kill('SIGKILL'));
  await started.ready;
  return started;
}

export class Child {
  readonly process: ChildProcess;
  /** Resolves when it listens. */
  readonly ready: Promise<void>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  port = 0;
  stderr = '';
  #asked = 0;

  constructor(process: ChildProcess) {
    this.process = process;
    process.stderr?.setEncoding('utf8').on('data', (text: string) => this.stderr += text);
    this.exited = once(process, 'close').then(([code, signal]) => ({ code, signal }));
    this.ready = new Promise((resolve, reject) => {
      process.on('message', (message: { port?: number }) => {
        if (message.port === undefined) return;
        this.port = message.port;
        resolve();
      });
      void this.exited.then(() => reject(new Error(`the child ended: ${this.stderr}`)));
    });
  }

  /** What it says of itself now. */
  async state(): Promise<ChildState> {
    const id = ++this.#asked;
    // Where it has ended, `exited` tells why.
    if (this.process.connected) this.process.send(id, () => {});
    return new Promise((resolve, reject) => {
      const take = (message: { id: number; state: ChildState }): void => {
        if (message.id !== id) return;
        this.process.off('message', take);
        resolve(message.state);
      };
      this.process.on('message', take);
      void this.exited.then(() => reject(new Error(`the child ended: ${this.stderr}`)));
    });
  }

  /** Resolves with the first state for which `holds`. */
  async until(holds: (state: ChildState) => boolean): Promise<ChildState> {
    for (;;) {
      const state = await this.state();
      if (holds(state)) return state;
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  }
}

/** Builds where what was built is older than a source; several test files may ask at once. */
async function build(): Promise<void> {
  while (isStale()) {
    if (!lock()) {
      await new Promise((resolve) => { setTimeout(resolve, LOCK_POLL_MS); });
      continue;
    }
    try {
      // The status tells of any file, examples too; what counts is whether the sources were built.
      const options = { cwd: ROOT, encoding: 'utf8' } as const;
      const { stdout } = spawnSync('npx', ['tsc', '-p', 'tsconfig.json'], options);
      if (isStale()) throw new Error(`the build failed: ${stdout}`);
    } finally {
      rmSync(LOCK, { recursive: true, force: true });
    }
  }
}

function isStale(): boolean {
  const built = modified(BUILT);
  return readdirSync(join(ROOT, 'src'), { recursive: true })
    .some((file) => modified(join(ROOT, 'src', String(file))) > built);
}

function lock(): boolean {
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  if (Date.now() - modified(LOCK) > LOCK_STALE_MS) rmSync(LOCK, { recursive: true, force: true });
  try {
    mkdirSync(LOCK);
    return true;
  } catch {
    return false;
  }
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
