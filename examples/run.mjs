/**
 * Runs an example by its name: `npm run -s example echo -- --port 9000`, and `npm start`.
 *
 * Where this Node strips types the sources run as they are. Elsewhere dist/ runs, which is built
 * again first where a source is newer than what was made of it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [name, ...rest] = process.argv.slice(2);
const names = readdirSync(join(root, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));

if (names.includes(name)) await run(name);
else list();

async function run(name) {
  const stripsTypes = Boolean(process.features.typescript);
  if (!stripsTypes && isStale() && !built()) return;
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

function isStale() {
  return sources('src').concat(sources('examples')).some((source) => {
    const made = modified(join('dist', source.replace(/\.ts$/, '.js')));
    return made === undefined || made < modified(source);
  });
}

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

function modified(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs;
}

function built() {
  try {
    build();
    return true;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return false;
  }
}

/**
 * Compiles beside dist/ and moves each file into its place, so that whoever starts at the same time
 * never loads a half of one.
 */
function build() {
  const beside = `dist.${process.pid}`;
  try {
    const made = spawnSync(
      process.execPath, [compiler(), '-p', 'tsconfig.json', '--outDir', beside],
      { cwd: root, stdio: ['ignore', 2, 2] },
    );
    if (made.status !== 0) throw new Error('Mend what the compiler says above, then try again.');
    for (const file of readdirSync(join(root, beside), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const from = join(file.parentPath ?? file.path, file.name);
      const to = from.replace(join(root, beside), join(root, 'dist'));
      mkdirSync(dirname(to), { recursive: true });
      renameSync(from, to);
    }
  } finally {
    rmSync(join(root, beside), { recursive: true, force: true });
  }
}

function compiler() {
  try {
    const at = createRequire(import.meta.url).resolve('typescript/package.json');
    return join(dirname(at), JSON.parse(readFileSync(at, 'utf8')).bin.tsc);
  } catch {
    throw new Error('dist/ has to be built, and the TypeScript compiler is missing. Run: npm ci');
  }
}
