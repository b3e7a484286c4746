/**
 * The load as a process of its own. It is told what to do as JSON, and tells its parent: `open`
 * when all clients are, `begin` after a warm-up, and `end` with what it counted since.
 */
import type { LoadJob, LoadReport } from './report.ts';
import { OwnLoad } from './load.ts';

/** A load begins with connections that are cold. */
const WARM_UP_MS = 300;

const job = JSON.parse(process.argv[2] ?? '') as LoadJob;
const load = new OwnLoad(job, end);
process.once('disconnect', () => process.exit());

try {
  await load.open();
  tell({ stage: 'open' });
  if (job.measuredMs > 0) await measure(job.measuredMs);
} catch (error) {
  end(error as Error);
}

/** What is not measured is held open until the parent ends this. */
async function measure(ms: number): Promise<void> {
  load.start();
  await passed(WARM_UP_MS);
  const before = load.items;
  const begun = performance.now();
  tell({ stage: 'begin' });
  await passed(ms);
  tell({ stage: 'end', items: load.items - before, ms: performance.now() - begun });
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

function tell(report: LoadReport): void {
  process.send?.(report);
}

function end(cause: Error): void {
  tell({ stage: 'failed', message: cause.message });
}
