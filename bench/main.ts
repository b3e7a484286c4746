/**
 * `npm run bench`: all benches in process; `npm run bench -- http1 hpack`: those whose path has one
 * of these words. `--quick` for a look, `--json` for a machine. `--check` measures a few and prints
 * their ratios beside those in bench/baseline.json, which `--record` writes.
 *
 * Each line tells the time of one unit of work, the octets that it allocates, and how many times as
 * fast as the peer ours is in the same run. Peers that are installed are found:
 *
 *     npm i --no-save ws http-parser-js hpack.js undici
 */
import { parseArgs } from 'node:util';
import { AREAS } from './areas.ts';
import { check, record } from './guard.ts';
import { Suite, type Figure, type Result } from './suite.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
});
if (values.record) await record();
else if (values.check) await check();
else await runAll();

async function runAll(): Promise<void> {
  const chosen = Object.entries(AREAS).filter(([name]) => (
    positionals.length === 0 || positionals.some((word) => name.includes(word))
  ));
  if (chosen.length === 0) {
    const names = Object.keys(AREAS).join(', ');
    console.error(`no bench has ${positionals.join(' or ')} in its name; there are ${names}`);
    process.exitCode = 1;
  }
  const all: Record<string, Result[]> = {};
  for (const [name, load] of chosen) {
    const suite = new Suite(values.quick);
    const area = await load();
    await area.add(suite);
    if (!values.json) console.log(`\n${name}`);
    const results: Result[] = [];
    for await (const result of suite.run()) {
      results.push(result);
      if (!values.json) console.log(lines(result));
    }
    all[name] = results;
  }
  if (!values.json) return;
  console.log(JSON.stringify({ node: process.version, results: all }, undefined, 2));
}

function lines({ name, figures }: Result): string {
  return figures.map((figure, index) => line(index === 0 ? name : '', figure)).join('\n');
}

function line(name: string, { side, ns, octets, ratio }: Figure): string {
  const time = `${ns.toFixed(ns < 10 ? 1 : 0)} ns`.padStart(12);
  const heap = (octets === undefined ? '' : `${octets.toFixed(0)} B`).padStart(10);
  const times = ratio === undefined ? '' : `  ours is ${ratio.median.toFixed(2)} times as fast ` +
    `(${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`;
  return `  ${name.padEnd(38)}${side.padEnd(16)}${time}${heap}${times}`;
}
