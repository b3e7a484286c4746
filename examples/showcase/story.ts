/** An octet's journey through the server, told while it is travelled. */
import { setTimeout as delay } from 'node:timers/promises';

const STORY = `
The kernel said that a socket can be read. One guard let its octets in. The parser looked at each
once, and made offsets of them: a method, a target, the lines of your fields. Then your request was
a value, and a function was called with it.
It returned this answer before it knew its words: a body is pulled, piece by piece. If you stop
reading, nothing piles up here; I stand still.
Each piece is a chunk on the wire: its size in hexadecimal, CRLF, octets, CRLF. A last chunk of no
octets says that this is all.
`.trim().replaceAll('\n', ' ');

const EVERY_MS = 45;

/** Three words at a time. */
export async function* story(): AsyncGenerator<string, void, undefined> {
  for (const piece of STORY.match(/(?:\S+\s*){1,3}/g) ?? []) {
    yield piece;
    await delay(EVERY_MS);
  }
}
