/**
 * The house rules that a machine can hold: who may import whom, what a file must have and may not
 * have, and what the package is made of. The tables below are the rules; src/README.md draws them.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  ROOT, codeOf, filesBelow, importsOf, placesIn, resolved, type SourceFile,
} from './support/source-text.ts';

const SRC = filesBelow('src');
const ALL = ['src', 'test', 'examples', 'bench'].flatMap((folder) => filesBelow(folder));

/** Files at the top of src that all may import, and that import nothing but types of each other. */
const ROOT_FILES = ['protocol.ts', 'errors.ts', 'limits.ts', 'deadlines.ts'];
const CORE = ['bytes', ...ROOT_FILES];

interface Row {
  /** Folders of src, or files. */
  readonly may: readonly string[];
  /** Node's modules. `buffer` is no door to anything. */
  readonly node: readonly string[];
}

/** Who may import whom. A longer name goes before a shorter one; folders may import themselves. */
const TABLE: Readonly<Record<string, Row>> = {
  'bytes': { may: [], node: ['buffer'] },
  'http': { may: CORE, node: ['buffer', 'crypto'] },
  'http1': { may: [...CORE, 'http'], node: ['buffer'] },
  'http2/hpack': { may: ['bytes'], node: ['buffer'] },
  'http2': { may: [...CORE, 'http'], node: ['buffer'] },
  'websocket': { may: [...CORE, 'http'], node: ['buffer', 'crypto', 'zlib'] },
  'tls': { may: CORE, node: ['buffer', 'crypto', 'fs', 'os', 'path', 'tls'] },
  // A WebSocket enters only as a switch.
  'server': {
    may: [...CORE, 'http', 'http1', 'http2', 'tls'],
    node: ['buffer', 'crypto', 'fs', 'net', 'perf_hooks', 'process', 'timers', 'tls'],
  },
  'client': {
    may: [...CORE, 'http', 'http1', 'websocket', 'server/clock.ts', 'server/connection.ts'],
    node: ['buffer', 'crypto', 'net', 'timers', 'tls'],
  },
  'caching': { may: [...CORE, 'http'], node: ['buffer', 'crypto'] },
  'app': {
    may: [...CORE, 'http', 'websocket'], node: ['buffer', 'crypto', 'fs', 'path', 'stream', 'zlib'],
  },
  'testing': {
    may: [...CORE, 'http', 'http1', 'http2', 'websocket', 'tls', 'caching', 'app'],
    node: ['buffer'],
  },
  'cli': {
    may: [
      ...CORE, 'http', 'http1', 'http2', 'websocket', 'tls', 'server', 'client', 'caching', 'app',
    ],
    node: ['fs', 'os', 'path', 'process'],
  },
};

const PROTOCOLS = ['http1', 'http2', 'websocket'];

/** The path of a file of src below src. */
function inner({ path }: SourceFile): string {
  return path.slice('src/'.length);
}

function rowName(path: string): string | undefined {
  return Object.keys(TABLE)
    .filter((name) => path.startsWith(`${name}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function isWithin(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

/** The imports of src that a rule forbids, as `file -> what`. */
function forbidden(
  rule: (file: SourceFile, specifier: string, target: string, typeOnly: boolean) => boolean,
): string[] {
  return SRC.flatMap((file) => importsOf(file)
    .filter(({ specifier, typeOnly }) => {
      const path = specifier.startsWith('.') ? resolved(file, specifier) : '';
      const target = path.slice('src/'.length);
      return rule(file, specifier, target, typeOnly);
    })
    .map(({ specifier }) => `${file.path} -> ${specifier}`));
}

describe('who may import whom (src/README.md)', () => {
  test('each folder of src has its row', () => {
    const folders = SRC.map(inner).filter((path) => path.includes('/'));
    expect(folders.filter((path) => rowName(path) === undefined)).toEqual([]);
    const top = SRC.map(inner).filter((path) => !path.includes('/'));
    expect(top.filter((path) => path !== 'index.ts' && !ROOT_FILES.includes(path))).toEqual([]);
  });

  test('folders import what their row allows', () => {
    expect(forbidden((file, _, target) => {
      const name = rowName(inner(file));
      if (name === undefined || target === '') return false;
      const { may } = TABLE[name] as Row;
      return ![name, ...may].some((place) => isWithin(target, place));
    })).toEqual([]);
  });

  test('the files at the top import types of each other alone', () => {
    expect(forbidden((file, specifier, target, typeOnly) => ROOT_FILES.includes(inner(file)) &&
      (specifier.startsWith('node:') || !ROOT_FILES.includes(target) || !typeOnly))).toEqual([]);
  });

  test('Node\'s modules are those of the row', () => {
    expect(forbidden((file, specifier) => {
      if (specifier.startsWith('.')) return false;
      const name = rowName(inner(file));
      const allowed = name === undefined ? [] : (TABLE[name] as Row).node;
      return !allowed.some((module) => specifier === `node:${module}`);
    })).toEqual([]);
  });

  test('Node\'s own HTTP is nowhere', () => {
    expect(forbidden((_, specifier) => /^(node:)?(_?http|https|http2)\b/.test(specifier)))
      .toEqual([]);
    expect(placesIn(SRC, /node:_?http/, (text) => text)).toEqual([]);
  });

  test('the protocols never import each other', () => {
    expect(forbidden((file, _, target) => PROTOCOLS.some((one) => isWithin(inner(file), one) &&
      PROTOCOLS.some((other) => other !== one && isWithin(target, other))))).toEqual([]);
  });

  test('src imports nothing outside itself', () => {
    const known = new Set(SRC.map(({ path }) => path));
    expect(SRC.flatMap((file) => importsOf(file)
      .filter(({ specifier }) => specifier.startsWith('.') && !known.has(resolved(file, specifier)))
      .map(({ specifier }) => `${file.path} -> ${specifier}`))).toEqual([]);
    expect(placesIn(SRC, /\b(import|require)\s*\(/, codeOf)).toEqual([]);
  });

  test('no circle of imports', () => {
    expect(circles()).toEqual([]);
  });

  test('relative imports name the file, with .ts', () => {
    expect(ALL.flatMap((file) => importsOf(file)
      .filter(({ specifier }) => /^\.\.?\//.test(specifier) && !/\.(ts|json)$/.test(specifier))
      .map(({ specifier }) => `${file.path} -> ${specifier}`))).toEqual([]);
  });
});

/** Circles among the files of src, as `a -> b -> a`; types do not count. */
function circles(): string[] {
  const graph = new Map(SRC.map((file) => [file.path, importsOf(file)
    .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
    .map(({ specifier }) => resolved(file, specifier))]));
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const begin = trail.indexOf(path);
    if (begin >= 0) {
      found.add([...trail.slice(begin), path].join(' -> '));
    } else if (!done.has(path)) {
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of graph.keys()) visit(path, []);
  return [...found];
}

/** Rules of text: where in src a pattern may be found. Code is without strings and comments. */
const WORDS: readonly (readonly [string, RegExp, (text: string) => string, readonly string[]])[] = [
  ['any', /\bany\b/, codeOf, []],
  ['enum', /\benum\b/, codeOf, []],
  ['TODO, FIXME', /\b(TODO|FIXME|XXX|HACK)\b/, (text) => text, []],
  ['console', /\bconsole\./, codeOf, ['cli']],
  ['ts-ignore', /@ts-(ignore|nocheck|expect-error)|eslint-/, (text) => text, []],
  ['private by word in place of #', /\b(private|public) (?!constructor)/, codeOf, []],
  ['Buffer.concat', /\bBuffer\.concat\b/, codeOf, ['testing']],
  ['timers', /\b(setTimeout|setInterval)\b/, codeOf, ['server', 'client', 'cli']],
  ['the process', /\bprocess\./, codeOf, ['server', 'testing', 'cli']],
  ['await at the top, so that require() works', /^((export )?const\s.*=\s*|for\s*)?await\b/m,
    codeOf, []],
];

describe('what no file of src holds', () => {
  test('(what is taken for code is code: its brackets are in pairs)', () => {
    const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
    expect(SRC.map(({ path, text }) => ({ path, code: codeOf(text) }))
      .filter(({ code }) => count(code, /[{(]/g) !== count(code, /[})]/g) || /['"`]/.test(code))
      .map(({ path }) => path)).toEqual([]);
  });

  test.each(WORDS)('%s', (_, pattern, reading, rooms) => {
    const searched = SRC.filter((file) => !rooms.some((room) => isWithin(inner(file), room)));
    expect(placesIn(searched, pattern, reading)).toEqual([]);
  });

  test('RFCs that were replaced', () => {
    const dead = ['822', '2068', '2396', '2616', '2617', '2818', '7230', '7231', '7232', '7233',
      '7234', '7235', '7540', '7615', '7807'];
    const named = SRC.flatMap(({ path, text }) => [...text.matchAll(/\bRFC\s(?:\*\s)?(\d+)/g)]
      .map(([, number = '']) => ({ path, number })));
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter(({ number }) => dead.includes(number))).toEqual([]);
  });
});

describe('what each file has', () => {
  test('src: an opening comment', () => {
    expect(SRC.filter(({ text }) => !text.startsWith('/**')).map(({ path }) => path)).toEqual([]);
  });

  test('src: a test at the same path', () => {
    const tests = new Set(filesBelow('test').map(({ path }) => path));
    const missing = SRC.map(inner)
      .filter((path) => path === 'index.ts' || !path.endsWith('/index.ts') || !isOnlyExports(path))
      .filter((path) => !tests.has(`test/${path.replace(/\.ts$/, '.test.ts')}`));
    expect(missing).toEqual([]);
  });

  test('at most 500 lines', () => {
    const long = ALL.filter(({ path }) => !path.startsWith('bench/'))
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    expect(long.filter(({ lines }) => lines > 500)).toEqual([]);
  });

  test('at most 100 columns', () => {
    const wide = ALL.flatMap(({ path, text }) => text.split('\n')
      .map((line, index) => ({ place: `${path}:${index + 1}`, columns: [...line].length })));
    expect(wide.filter(({ columns }) => columns > 100).map(({ place }) => place)).toEqual([]);
  });

  test('no tab, no CR, no space at the end of a line, one line end at the end', () => {
    expect(placesIn(ALL, /\t|\r|[ ]+$/m, (text) => text)).toEqual([]);
    expect(ALL.filter(({ text }) => !/[^\n]\n$/.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test('a name in kebab-case, which says what is in it', () => {
    const named = /^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.ts$/;
    const vague = /^(utils?|helpers?|common|misc|shared|types|lib|stuff|constants)$/;
    expect(ALL.filter(({ path }) => !named.test(path)).map(({ path }) => path)).toEqual([]);
    const parts = ALL.map(({ path }) => path.replace(/(\.[a-z]+)*\.ts$/, '').split('/'));
    expect(parts.filter((names) => names.some((name) => vague.test(name)))).toEqual([]);
  });
});

function isOnlyExports(path: string): boolean {
  const { text } = SRC.find((file) => inner(file) === path) as SourceFile;
  const left = codeOf(text).replace(/export\s+(type\s+)?\{[^}]*\}\s+from\s+;/g, '');
  return left.trim() === '';
}

describe('the package', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
    readonly devDependencies: Readonly<Record<string, string>>;
    readonly [name: string]: unknown;
  };

  test('depends on nothing', () => {
    const kinds = [
      'dependencies', 'peerDependencies', 'optionalDependencies', 'bundleDependencies',
    ];
    expect(kinds.filter((kind) => kind in manifest)).toEqual([]);
    expect(Object.keys(manifest.devDependencies).sort())
      .toEqual(['@types/node', 'tinybench', 'typescript', 'vitest']);
  });

  test('exports types first, of files that are in src', () => {
    const sources = new Set(SRC.map(({ path }) => path));
    const entries = Object.entries(manifest.exports).filter(([name]) => name !== './package.json');
    expect(entries.map(([name]) => name)).toContain('.');
    for (const [, targets] of entries) {
      expect(Object.keys(targets)).toEqual(['types', 'default']);
      const { types, default: code } = targets as { types: string; default: string };
      expect(code).toMatch(/^\.\/dist\/src\/.*\.js$/);
      expect(types).toBe(code.replace(/\.js$/, '.d.ts'));
      expect(sources).toContain(code.replace('./dist/', '').replace(/\.js$/, '.ts'));
    }
  });

  test('has nothing else at its top', () => {
    const allowed = new Set([
      'package.json', 'package-lock.json', 'tsconfig.json', 'README.md', 'LICENSE',
      'src', 'test', 'bench', 'examples', 'dist', 'node_modules', 'coverage',
    ]);
    expect(readdirSync(ROOT).filter((name) => !name.startsWith('.') && !allowed.has(name)))
      .toEqual([]);
  });
});
