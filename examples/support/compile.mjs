/**
 * Makes dist/ current, for a Node that does not strip types: compiles a project where a source is
 * newer than what was made of it. Used by the launchers of examples and benches.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Compiles `project` if a source in one of `folders` is newer than its output. False: it could not,
 * and has said on stderr what to do.
 */
export function makeCurrent(project, folders) {
  if (!folders.flatMap(sources).some(isStale)) return true;
  try {
    build(project);
    return true;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return false;
  }
}

function isStale(source) {
  const made = modified(join('dist', source.replace(/\.ts$/, '.js')));
  return made === undefined || made < modified(source);
}

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

function modified(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs;
}

/**
 * Compiles beside dist/ and moves each file into its place, so that whoever starts at the same time
 * never loads a half of one.
 */
function build(project) {
  const beside = `dist.${process.pid}`;
  try {
    const made = spawnSync(
      process.execPath, [compiler(), '-p', project, '--outDir', beside],
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
