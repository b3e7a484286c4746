/**
 * The host of connections that this process opened: one clock and one timer for all of them, which
 * run while there is one.
 */
import { clearInterval, setImmediate, setInterval } from 'node:timers';
import type { Limits } from '../limits.ts';
import { ServerClock } from '../server/clock.ts';
import type { Connection, ConnectionHost } from '../server/connection.ts';

const TICK_MS = 250;

const clock = new ServerClock();
const open = new Set<Connection>();
let timer: NodeJS.Timeout | undefined;

/** Of connections with these limits. */
export function connectionHost(limits: Limits): ConnectionHost {
  return {
    clock,
    limits,
    crowded: false,
    later: (connection) => void setImmediate(() => connection.turn()),
    account: () => {},
    allows: (octets) => octets <= limits.ledgerBytes,
    gone: (connection) => {
      open.delete(connection);
      if (open.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}

/** Lets time pass for a connection until it is gone. */
export function watch(connection: Connection): void {
  open.add(connection);
  if (timer !== undefined) return;
  clock.resume();
  // Its socket keeps the process alive; the timer alone should not.
  timer = setInterval(tick, TICK_MS).unref();
}

function tick(): void {
  for (const call of clock.step()) call();
  const now = clock.now();
  for (const connection of open) connection.tick(now);
}
