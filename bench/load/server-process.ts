/** A server as a child process: started on a free port, asked what it uses, and stopped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpuMicros, pinned, waitedMs } from './machine.ts';
import { scriptPath } from './script-path.ts';

/** What to start: a file of servers/, and the words that it is told. */
export interface ServerSpec {
  readonly file: 'ours' | 'node-http' | 'node-http2' | 'raw' | 'ws';
  readonly words: readonly string[];
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

export interface Usage {
  /** CPU time, user and system, of all threads. */
  readonly cpuMicros: number;
  /** How long others had its core while it had work; 0 where nobody tells. */
  readonly waitedMs: number;
}

/** A server that does not come up says why on stderr. */
const START_MS = 20_000;
const ENDED = 'the server has ended; what it said is above';

export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(spec: ServerSpec, core: number | undefined): Promise<ServerProcess> {
    const path = scriptPath(`servers/${spec.file}`);
    const node = [process.execPath, '--expose-gc', path, ...spec.words];
    const [command = '', ...words] = pinned(core, node);
    const child = spawn(command, words, {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, ...spec.environment },
    });
    const told = await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, 'data').then(([line]) => String(line)),
      once(child, 'exit').then(() => ''),
      new Promise<string>((resolve) => { setTimeout(resolve, START_MS, '').unref(); }),
    ]);
    if (!/^\d+\n/.test(told)) {
      child.kill();
      const what = [spec.file, ...spec.words].join(' ');
      throw new Error(`the server ${what} told no port; run it alone: ${node.join(' ')}`);
    }
    return new ServerProcess(child, Number.parseInt(told, 10));
  }

  /** What it has used so far. */
  async usage(): Promise<Usage> {
    const pid = this.#child.pid as number;
    return { cpuMicros: cpuMicros(pid) ?? await this.#ask('cpu'), waitedMs: waitedMs(pid) };
  }

  /** What it has used since then. */
  async usageSince(before: Usage): Promise<Usage> {
    const now = await this.usage();
    return {
      cpuMicros: now.cpuMicros - before.cpuMicros, waitedMs: now.waitedMs - before.waitedMs,
    };
  }

  /** Resident octets, once what can be collected was. */
  memory(): Promise<number> {
    return this.#ask('memory');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async #ask(question: 'cpu' | 'memory'): Promise<number> {
    if (!this.#child.connected) throw new Error(ENDED);
    this.#child.send(question);
    return Promise.race([
      once(this.#child, 'message').then(([answer]) => answer as number),
      once(this.#child, 'exit').then(() => { throw new Error(ENDED); }),
    ]);
  }
}
