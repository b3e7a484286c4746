/** The launcher: what it lists, what it runs, and when it builds first. */
import {
  cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ROOT, describeWith, run, type ProcessEnd } from '../support/process.ts';
import { temporaryDirectory } from '../support/sockets.ts';

// Each test starts processes, on machines that may be busy.
vi.setConfig({ testTimeout: 30_000 });

function launch(words: readonly string[], folder = ROOT): Promise<ProcessEnd> {
  return run(process.execPath, ['examples/run.mjs', ...words], undefined, folder);
}

const NAMES = readdirSync(join(ROOT, 'examples'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));

describe('npm run example', () => {
  test('without a name it lists the examples, each with a sentence', async () => {
    const { code, stdout } = await launch([]);
    expect(code).toBe(0);
    for (const name of NAMES) {
      expect(stdout).toMatch(new RegExp(`^  ${name} +[A-Z][^\n]+\\.$`, 'm'));
    }
    expect(NAMES).toEqual(expect.arrayContaining(['hello', 'echo', 'target', 'showcase']));
  });

  test.each(['nothing', '', '../run', 'support/routes'])(
    'an unknown name, %j, lists them too', async (name) => {
      const { code, stdout, stderr } = await launch([name]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(`There is no example "${name}"`);
      expect(stderr).toContain('  hello');
    },
  );
});

const strips = Boolean((process.features as { typescript?: unknown }).typescript);

describeWith('building', 'a Node that does not strip types', !strips, () => {
  /** A project of one example and one source, with this launcher and these compiler options. */
  let folder: string;
  const past = new Date(Date.now() - 60_000);

  beforeEach(async () => {
    folder = await temporaryDirectory();
    for (const name of ['src', 'examples', 'test']) mkdirSync(join(folder, name));
    mkdirSync(join(folder, 'examples/support'));
    const launcher = ['examples/run.mjs', 'examples/support/compile.mjs'];
    for (const name of ['tsconfig.json', ...launcher]) {
      cpSync(join(ROOT, name), join(folder, name));
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    write('package.json', '{ "type": "module" }');
    write('src/word.ts', "export const word: string = 'first';");
    write('examples/say.ts', `
      /** Says its words. */
      import { word } from '../src/word.ts';
      console.log([word, ...process.argv.slice(2)].join(' '));
    `);
  });

  function write(name: string, text: string, when: Date = past): void {
    writeFileSync(join(folder, name), text);
    utimesSync(join(folder, name), when, when);
  }

  function builtAt(): number {
    return statSync(join(folder, 'dist/examples/say.js')).mtimeMs;
  }

  test('it builds what was never built, hands on its words, and builds it once', async () => {
    expect(await launch(['say', '--port', '0'], folder))
      .toMatchObject({ code: 0, stdout: 'first --port 0\n', stderr: '' });
    const first = builtAt();
    expect(await launch(['say'], folder)).toMatchObject({ code: 0, stdout: 'first\n' });
    expect(builtAt()).toBe(first);
    expect(readdirSync(folder).filter((name) => name.startsWith('dist'))).toEqual(['dist']);
  });

  test('it builds again where a source is newer', async () => {
    await launch(['say'], folder);
    write('src/word.ts', "export const word: string = 'second';", new Date(Date.now() + 60_000));
    expect(await launch(['say'], folder)).toMatchObject({ code: 0, stdout: 'second\n' });
  });

  test('two starts at once both run', async () => {
    const both = await Promise.all([launch(['say'], folder), launch(['say'], folder)]);
    for (const end of both) expect(end).toMatchObject({ code: 0, stdout: 'first\n' });
  });

  test('what does not compile is shown, and does not run', async () => {
    await launch(['say'], folder);
    write('src/word.ts', 'export const word: string = 1;', new Date(Date.now() + 60_000));
    const { code, stdout, stderr } = await launch(['say'], folder);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('src/word.ts');
    expect(stderr).toContain('Mend what the compiler says');
    expect(readFileSync(join(folder, 'dist/src/word.js'), 'utf8')).toContain('first');
  });

  test('without a compiler it says what to do', async () => {
    rmSync(join(folder, 'node_modules'));
    const { code, stderr } = await launch(['say'], folder);
    expect(code).toBe(1);
    expect(stderr).toContain('Run: npm ci');
  });
});
