/**
 * Before anything is timed, all sides of a comparison must come to the same result: nothing is
 * compared with what does no work, or other work.
 */
import { isDeepStrictEqual } from 'node:util';

/** Throws where a side that is there came to another result than the first; gives the first's. */
export function agreed<T>(name: string, results: Readonly<Record<string, T | undefined>>): T {
  const [first, ...others] = Object.entries(results).filter((entry) => entry[1] !== undefined);
  if (first === undefined) throw new Error(`${name}: there is no result`);
  for (const [side, result] of others) {
    if (isDeepStrictEqual(result, first[1])) continue;
    const shown = JSON.stringify([first[1], result]).slice(0, 500);
    throw new Error(`${name}: ${side} comes to another result than ${first[0]}: ${shown}`);
  }
  return first[1] as T;
}
