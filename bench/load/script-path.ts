/** Where a script of this folder lies: beside this file, compiled or not as this one is. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `name` without its extension, such as `servers/raw`. */
export function scriptPath(name: string): string {
  const extension = extname(fileURLToPath(import.meta.url));
  return fileURLToPath(new URL(name + extension, import.meta.url));
}
