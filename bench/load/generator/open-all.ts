/** Opens clients, so many at once that the kernel holds them. */
import type { Client } from './client.ts';

const AT_ONCE = 100;

export async function openAll(clients: readonly Client[]): Promise<void> {
  for (let at = 0; at < clients.length; at += AT_ONCE) {
    await Promise.all(clients.slice(at, at + AT_ONCE).map((client) => client.open()));
  }
}
