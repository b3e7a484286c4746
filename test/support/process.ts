/**
 * Child processes of tests: examples as a person starts them, and outside programs. Whatever a test
 * started is gone when it ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a program did, from its start to its end. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Latin1, so that octets survive. */
  readonly stdout: string;
  readonly stderr: string;
}

/** The path of the first of some programs that this machine has. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Tests that need something of the machine, or one that is skipped and says so. */
export function describeWith(
  title: string, needed: string, present: boolean, define: () => void,
): void {
  describe(title, () => {
    if (present) define();
    else test.skip(`skipped: needs ${needed}`, () => {});
  });
}

/** Runs a program to its end. */
export async function run(
  program: string, words: readonly string[], input?: Uint8Array | string, folder: string = ROOT,
): Promise<ProcessEnd> {
  const child = new Child(program, words, folder);
  // A program may end before it has read all.
  child.process.stdin?.on('error', () => {});
  child.process.stdin?.end(input);
  return child.ended;
}

/** When a process that was started has to be gone: `onTestFinished` or `afterAll`. */
export type AtEnd = (end: () => Promise<void>) => void;

/** Starts an example by its name, and waits until it has said where it listens. */
export async function startExample(
  atEnd: AtEnd, name: string, ...words: readonly string[]
): Promise<Example> {
  const example = new Example(name, words);
  atEnd(async () => {
    example.process.kill('SIGKILL');
    await example.ended;
  });
  await example.listening;
  return example;
}

class Child {
  readonly process: ChildProcess;
  readonly ended: Promise<ProcessEnd>;
  stdout = '';
  stderr = '';

  constructor(program: string, words: readonly string[], folder: string) {
    this.process = spawn(program, words, { cwd: folder });
    this.process.stdout?.setEncoding('latin1').on('data', (text: string) => this.stdout += text);
    this.process.stderr?.setEncoding('latin1').on('data', (text: string) => this.stderr += text);
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => {
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }
}

export class Example extends Child {
  /** Resolves when it has printed where it listens; rejects with its words where it ended. */
  readonly listening: Promise<void>;

  constructor(name: string, words: readonly string[]) {
    super(process.execPath, ['examples/run.mjs', name, ...words], ROOT);
    this.listening = new Promise((resolve, reject) => {
      this.process.stdout?.on('data', () => {
        if (this.url !== '') resolve();
      });
      void this.ended.then(({ code, stderr }) => {
        reject(new Error(`the example ${name} ended with ${code}: ${stderr}`));
      });
    });
  }

  /** Where it says that it listens; '' before it does. */
  get url(): string {
    return /http:\/\/[\w.]+:\d+/.exec(this.stdout)?.[0] ?? '';
  }

  get port(): number {
    return Number(this.url.slice(this.url.lastIndexOf(':') + 1));
  }

  /** Sends a signal; what the example did from its start to its end. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProcessEnd> {
    this.process.kill(signal);
    return this.ended;
  }
}
