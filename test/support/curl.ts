/** curl against the example `target`, for the tests of both versions. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { findProgram, run, startExample, type ProcessEnd } from './process.ts';

export const CURL = findProgram('curl');

export function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Where the target listens, and a folder for files; set before the tests, gone after them. */
export interface CurlTarget {
  url: string;
  folder: string;
}

export function curlTarget(): CurlTarget {
  const target: CurlTarget = { url: '', folder: '' };
  const ends: (() => unknown)[] = [];
  beforeAll(async () => {
    ({ url: target.url } = await startExample((end) => ends.push(end), 'target', '--port', '0'));
    target.folder = mkdtempSync(join(tmpdir(), 'wirestack-'));
    ends.push(() => rmSync(target.folder, { recursive: true }));
  });
  afterAll(async () => {
    for (const end of ends) await end();
  });
  return target;
}

/** Runs curl silently, but for errors. */
export async function curl(...words: readonly string[]): Promise<ProcessEnd> {
  const end = await run(CURL as string, ['-sS', '--max-time', '20', '--noproxy', '*', ...words]);
  expect([end.code, end.stderr]).toEqual([0, '']);
  return end;
}
