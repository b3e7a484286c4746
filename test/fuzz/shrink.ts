/** Makes a failing input small: what is left is what fails. */

/** Tries of one shrinking: a fault is shown soon, not in the least text that there is. */
const TRIES_MAX = 3000;

/** Leaves out ever smaller parts of `text` as long as it still fails. */
export async function shrink(
  text: string, fails: (text: string) => Promise<boolean>,
): Promise<string> {
  let least = text;
  let tries = 0;
  for (let size = Math.ceil(text.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < least.length && tries < TRIES_MAX; tries++) {
      const shorter = least.slice(0, at) + least.slice(at + size);
      if (await fails(shorter)) least = shorter;
      else at += size;
    }
  }
  return least;
}
