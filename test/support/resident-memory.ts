/** What a process has in memory, as Linux tells it: nothing of the process itself is asked. */
import { readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';

export interface ResidentMemory {
  /** Octets now (VmRSS), and at most so far (VmHWM). */
  readonly bytes: number;
  readonly mostBytes: number;
}

/** Throws where there is no /proc, and once the process has ended. */
export function residentMemory({ pid }: ChildProcess): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const line = (name: string): number => {
    return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
  };
  return { bytes: line('VmRSS'), mostBytes: line('VmHWM') };
}
