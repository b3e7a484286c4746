/** Who a test is: root may read and write everything, so what is refused needs another user. */
import { chownSync } from 'node:fs';
import { test } from 'vitest';

const NOBODY = 65_534;

export const isRoot = process.geteuid?.() === 0;

/** Does something as a user who is not root; as itself where it is none. */
export function asUser<T>(act: () => T): T {
  if (!isRoot) return act();
  process.seteuid?.(NOBODY);
  try {
    return act();
  } finally {
    process.seteuid?.(0);
  }
}

/** Gives a folder to the user of `asUser`. */
export function giveToUser(path: string): void {
  if (isRoot) chownSync(path, NOBODY, NOBODY);
}

/** A test that changes owners, or one that is skipped and says so. */
export function testAsRoot(title: string, check: () => unknown): void {
  if (isRoot) test(title, check as () => void);
  else test.skip(`${title} (skipped: needs root)`, () => {});
}

/** A test of modes, owners and links, which Windows has not. */
export function testOfModes(title: string, check: () => unknown): void {
  if (process.platform !== 'win32') test(title, check as () => void);
  else test.skip(`${title} (skipped: needs file modes)`, () => {});
}
