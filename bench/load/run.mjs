/**
 * Runs the benches under load: `npm run bench:load`, `npm run bench:load -- http1 websocket`.
 *
 * Where this Node strips types the sources run as they are; elsewhere they are compiled first.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeCurrent, root } from '../../examples/support/compile.mjs';

const stripsTypes = Boolean(process.features.typescript);
const file = stripsTypes ? 'bench/load/main.ts' : 'dist/bench/load/main.js';
if (stripsTypes || makeCurrent('bench/tsconfig.json', ['src', 'bench'])) {
  await import(pathToFileURL(join(root, file)).href);
}
