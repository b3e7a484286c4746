/** Counts the rejections that nobody handles while a test runs: each would end a real process. */
export async function unhandledDuring(run: () => Promise<void>): Promise<unknown[]> {
  const reasons: unknown[] = [];
  const note = (reason: unknown): void => void reasons.push(reason);
  process.on('unhandledRejection', note);
  try {
    await run();
    // Node tells of them after the microtasks of a turn.
    await new Promise<void>((resolve) => { setImmediate(resolve); });
  } finally {
    process.off('unhandledRejection', note);
  }
  return reasons;
}
