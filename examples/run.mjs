/**
 * Runs an example by its name: `npm run -s example echo -- --port 9000`, and `npm start`.
 *
 * Where this Node strips types the sources run as they are. Elsewhere dist/ runs, which is built
 * again first where a source is newer than what was made of it.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeCurrent, root } from './support/compile.mjs';

const [name, ...rest] = process.argv.slice(2);
const names = readdirSync(join(root, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));

if (names.includes(name)) await run(name);
else list();

async function run(name) {
  const stripsTypes = Boolean(process.features.typescript);
  if (!stripsTypes && !makeCurrent('tsconfig.json', ['src', 'examples'])) return;
  const file = stripsTypes ? `examples/${name}.ts` : `dist/examples/${name}.js`;
  process.argv = [process.argv[0], join(root, file), ...rest];
  await import(pathToFileURL(join(root, file)).href);
}

/** Says which examples there are: each by the first sentence of its opening comment. */
function list() {
  const width = Math.max(...names.map((each) => each.length));
  const lines = names.map((each) => {
    const text = readFileSync(join(root, 'examples', `${each}.ts`), 'utf8');
    const comment = /^\/\*\*[\s*]*([^]*?)\s*\*\//.exec(text)?.[1] ?? '';
    const sentence = comment.replace(/\s*\n \*\s*/g, ' ').split(/(?<=\.)\s/)[0];
    return `  ${each.padEnd(width)}  ${sentence}`;
  });
  const usage = 'npm run -s example NAME -- --port 9000';
  const out = name === undefined ? process.stdout : process.stderr;
  if (name !== undefined) out.write(`There is no example "${name}".\n\n`);
  out.write(`${usage}\n\n${lines.join('\n')}\n`);
  if (name !== undefined) process.exitCode = 1;
}
