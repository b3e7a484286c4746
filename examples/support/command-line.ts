/** What an example is told on its command line: where to listen, and limits for load runs. */
import { parseArgs } from 'node:util';
import type { Limits } from '../../src/index.ts';

export interface CommandLine {
  readonly host: string;
  /** Undefined where none was given. */
  readonly port: number | undefined;
  /** Of `--max-connections` and `--idle-timeout`; no entry for what was not given. */
  readonly limits: Partial<Limits>;
}

const USAGE = `
  --port N                listen on this port; 0 picks a free one
  --host ADDRESS          listen on this address; default 127.0.0.1
  --max-connections N     connections at once
  --idle-timeout SECONDS  how long a connection may have nothing to do
`;

const OPTIONS = {
  'port': { type: 'string' },
  'host': { type: 'string', default: '127.0.0.1' },
  'max-connections': { type: 'string' },
  'idle-timeout': { type: 'string' },
} as const;

/** Reads the command line. Says what is wrong with it, and ends the process, where something is. */
export function commandLine(words: string[] = process.argv.slice(2)): CommandLine {
  try {
    const { values } = parseArgs({ args: words, options: OPTIONS });
    const connections = count('--max-connections', values['max-connections']);
    const idleSeconds = count('--idle-timeout', values['idle-timeout']);
    return {
      host: values.host,
      port: count('--port', values.port, 65_535),
      limits: {
        ...(connections === undefined ? {} : { connections }),
        ...(idleSeconds === undefined ? {} : { idleMs: idleSeconds * 1000 }),
      },
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(1);
  }
}

function count(flag: string, text: string | undefined, max = 1e9): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text) || Number(text) > max) {
    throw new Error(`${flag} is a number from 0 to ${max}, not "${text}"`);
  }
  return Number(text);
}
