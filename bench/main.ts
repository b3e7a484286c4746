/**
 * `npm run bench`: all benches in process; `npm run bench -- http1`: those whose path begins so.
 *
 * Each prints the median time of one operation, its spread, and, where a peer does the same work in
 * the same run, how many times ours goes into the peer's. Only such ratios mean anything elsewhere.
 */
import { Bench } from 'tinybench';
import * as http1Protocol from './http1/protocol.ts';
import * as http1RequestParser from './http1/request-parser.ts';
import * as websocketFrameParser from './websocket/frame-parser.ts';
import * as websocketMask from './websocket/mask.ts';

/** A bench adds its tasks; a task named `X / peer` is set beside the task `X`. */
interface Area {
  add(bench: Bench): void;
}

const AREAS: Readonly<Record<string, Area>> = {
  'http1/request-parser': http1RequestParser,
  'http1/protocol': http1Protocol,
  'websocket/mask': websocketMask,
  'websocket/frame-parser': websocketFrameParser,
};

const wanted = process.argv.slice(2);
const chosen = Object.entries(AREAS)
  .filter(([name]) => wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix)));
if (chosen.length === 0) {
  const names = Object.keys(AREAS).join(', ');
  console.error(`no bench begins with ${wanted.join(' or ')}; there are ${names}`);
  process.exitCode = 1;
}

for (const [name, area] of chosen) {
  const bench = new Bench({ name, time: 500, warmupTime: 200 });
  area.add(bench);
  await bench.run();
  report(bench);
}

function report(bench: Bench): void {
  console.log(`\n${bench.name}`);
  const medians = new Map<string, number>();
  for (const task of bench.tasks) {
    if (task.result.state !== 'completed') throw new Error(`${task.name}: ${task.result.state}`);
    const { p50, rme } = task.result.latency;
    medians.set(task.name, p50);
    const ns = `${(p50 * 1e6).toFixed(0)} ns`.padStart(12);
    const spread = `± ${rme.toFixed(1)} %`;
    console.log(`  ${task.name.padEnd(40)}${ns}  ${spread}${ratio(task.name, medians)}`);
  }
}

/** Of a peer's line: how many times ours is faster. */
function ratio(name: string, medians: ReadonlyMap<string, number>): string {
  const [ours = '', peer] = name.split(' / ');
  const mine = medians.get(ours);
  const theirs = medians.get(name);
  if (peer === undefined || mine === undefined || theirs === undefined) return '';
  return `  ours is ${(theirs / mine).toFixed(2)} times as fast`;
}
