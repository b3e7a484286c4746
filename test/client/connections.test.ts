/** The host of connections that a client opened: its one timer runs while there is one. */
import { clearInterval, setInterval } from 'node:timers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { connectionHost, watch } from '../../src/client/connections.ts';
import { limitsFrom } from '../../src/limits.ts';
import type { Protocol, Transport } from '../../src/protocol.ts';
import { Connection } from '../../src/server/connection.ts';
import { Client, accepting, eventually } from '../support/sockets.ts';

vi.mock('node:timers', async (load) => {
  const real = await load<typeof import('node:timers')>();
  const { setInterval: start, clearInterval: stop } = real;
  return { ...real, setInterval: vi.fn(start), clearInterval: vi.fn(stop) };
});

const started = vi.mocked(setInterval);
const stopped = vi.mocked(clearInterval);

beforeEach(() => {
  started.mockClear();
  stopped.mockClear();
});

interface Subject {
  readonly connection: Connection;
  readonly transport: Transport;
  readonly client: Client;
  readonly ticks: readonly number[];
  readonly calls: readonly string[];
}

/** A connection that is watched, and its peer. */
async function watched(): Promise<Subject> {
  const ticks: number[] = [];
  const calls: string[] = [];
  const nothing = (): void => {};
  const protocol: Protocol = {
    idle: false, receive: nothing, drained: nothing, eof: nothing, flush: nothing,
    shutdown: nothing, failed: nothing,
    proceed: () => void calls.push('proceed'),
    tick: (now) => void ticks.push(now),
    closed: () => void calls.push('closed'),
  };
  let transport!: Transport;
  let connection: Connection | undefined;
  const port = await accepting((socket) => {
    onTestFinished(() => void socket.destroy());
    connection = new Connection(socket, connectionHost(limitsFrom()), (given) => {
      transport = given;
      return protocol;
    });
    watch(connection);
  });
  const client = await Client.connect(port);
  onTestFinished(() => void client.socket.destroy());
  await eventually(() => connection !== undefined, 'it was accepted');
  return { connection: connection as unknown as Connection, transport, client, ticks, calls };
}

test('one timer for all, as long as there is one; it holds no process', async () => {
  const one = await watched();
  const other = await watched();
  expect(started).toHaveBeenCalledTimes(1);
  expect((started.mock.results[0]?.value as NodeJS.Timeout).hasRef()).toBe(false);
  await eventually(() => one.ticks.length > 0 && other.ticks.length > 0, 'both are ticked');

  one.client.socket.destroy();
  one.transport.destroy();
  await eventually(() => one.calls.includes('closed'), 'one is gone');
  expect(stopped).not.toHaveBeenCalled();
  const seen = other.ticks.length;
  await eventually(() => other.ticks.length > seen, 'the other is ticked on');

  other.transport.destroy();
  await eventually(() => other.calls.includes('closed'), 'the other is gone');
  expect(stopped.mock.calls).toEqual([[started.mock.results[0]?.value]]);

  const late = await watched();
  expect(started).toHaveBeenCalledTimes(2);
  await eventually(() => late.ticks.length > 0, 'the late one is ticked');
  late.transport.destroy();
  await eventually(() => late.calls.includes('closed'), 'the late one is gone');
  expect(stopped).toHaveBeenCalledTimes(2);
});

test('time goes on by the ticks, and who waits for a moment is called', async () => {
  const { transport, ticks, calls } = await watched();
  const { clock } = transport;
  let called = 0;
  clock.at(clock.now() + 1, () => called++);
  clock.at(clock.now() + 1, () => called++)();
  await eventually(() => ticks.length > 1, 'there are two ticks');
  expect(called).toBe(1);
  expect(ticks.every((now, index) => index === 0 || now > (ticks[index - 1] as number))).toBe(true);
  transport.destroy();
  await eventually(() => calls.includes('closed'), 'it is gone');
});

test('what was deferred comes in a later turn', async () => {
  const { transport, calls } = await watched();
  transport.defer();
  expect(calls).toEqual([]);
  await eventually(() => calls.includes('proceed'), 'proceed is called');
  transport.destroy();
});

describe('the ledger of one', () => {
  test('ledgerBytes, and an octet more', () => {
    const host = connectionHost(limitsFrom({ ledgerBytes: 1000 }));
    expect([host.allows(1000), host.allows(1001), host.crowded]).toEqual([true, false, false]);
  });
});
