/** TypeScript files as text: which there are, what is code in them, what they import. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A file of this project; `path` is from its root, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** `import type`, `export type`: gone when it runs. */
  readonly typeOnly: boolean;
}

/** The files below `folder` whose name ends so, in order. */
export function filesBelow(folder: string, ending = '.ts'): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => ({
      path: relative(ROOT, path).split(sep).join('/'),
      text: readFileSync(path, 'utf8'),
    }));
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//;
/** Of templates the whole, with what is put into them. */
const STRING = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/;
/** A slash begins a pattern where no value stands before it. */
const PATTERN =
  /(?<=[(,=:[!&|?{};]\s*|return\s+)\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/;
const NO_CODE = new RegExp([COMMENT, PATTERN, STRING].map(({ source }) => source).join('|'), 'g');

/** The text with its comments made blank; places and lines stay. */
export function withoutComments(text: string): string {
  return text.replace(NO_CODE, (part) => (/^\/[/*]/.test(part) ? blank(part) : part));
}

/** The text with its comments, strings and patterns made blank; places and lines stay. */
export function codeOf(text: string): string {
  return text.replace(NO_CODE, blank);
}

function blank(part: string): string {
  return part.replace(/[^\n]/g, ' ');
}

const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:[^'";()]*?\sfrom\s+)?'([^'\n]+)'/gm;

/** What a file imports, and what it exports from others. */
export function importsOf({ text }: SourceFile): Import[] {
  return [...withoutComments(text).matchAll(STATEMENT)].map(([, type, specifier = '']) => ({
    specifier, typeOnly: type !== undefined,
  }));
}

/** The path from the root of what a relative specifier names. */
export function resolved(from: SourceFile, specifier: string): string {
  return join(dirname(from.path), specifier).split(sep).join('/');
}

/** The places where `pattern` is found in text, as `path:line`. */
export function placesIn(
  files: readonly SourceFile[], pattern: RegExp, reading: (text: string) => string,
): string[] {
  const global = new RegExp(pattern.source, `g${pattern.flags.replace('g', '')}`);
  return files.flatMap(({ path, text }) => {
    const searched = reading(text);
    return [...searched.matchAll(global)]
      .map(({ index }) => `${path}:${searched.slice(0, index).split('\n').length}`);
  });
}
