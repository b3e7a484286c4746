/** Keep-alive alone: who is asked when, who is given up, and whom nobody reads. */
import { describe, expect, test } from 'vitest';
import { limitsFrom, type LimitChanges } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { KeepAlive, type KeepAliveHost } from '../../src/websocket/keep-alive.ts';
import { quietProtocol } from '../support/exchange-host.ts';

class Host implements KeepAliveHost {
  readonly transport = new MemoryTransport(quietProtocol);
  readonly inbox = { isWanted: true };
  readonly limits;
  pings = 0;
  readonly failed: unknown[] = [];

  constructor(changes: LimitChanges) {
    this.limits = limitsFrom({ webSocketPingMs: 1000, webSocketDeadMs: 3000, ...changes });
  }

  get isGivenUp(): boolean {
    return this.transport.cause !== undefined;
  }

  askForLife(): void {
    this.pings++;
  }

  programFailed(error: unknown): void {
    this.failed.push(error);
  }
}

function keeping(changes: LimitChanges = {}): { host: Host; life: KeepAlive } {
  const host = new Host(changes);
  return { host, life: new KeepAlive(host, 0) };
}

describe('a peer that is read', () => {
  test('is asked at webSocketPingMs, again after as long, and given up at webSocketDeadMs', () => {
    const { host, life } = keeping();
    const asked = [999, 1000, 1999, 2000, 2999].map((now) => {
      life.tick(now, false);
      return host.pings;
    });
    expect(asked).toEqual([0, 1, 1, 2, 2]);
    expect(host.isGivenUp).toBe(false);
    life.tick(3000, false);
    expect(host.transport.cause?.message).toBe('the peer was silent for webSocketDeadMs, 3000');
  });

  test('that is heard has all of its time again', () => {
    const { host, life } = keeping();
    life.tick(1000, false);
    life.heardAt = 1500;
    for (const now of [2499, 2500, 4499]) life.tick(now, false);
    expect([host.pings, host.isGivenUp]).toEqual([3, false]);
    life.tick(4500, false);
    expect(host.isGivenUp).toBe(true);
  });

  test('is given up unasked where nobody is asked', () => {
    const { host, life } = keeping({ webSocketPingMs: Infinity });
    life.tick(2999, false);
    expect(host.isGivenUp).toBe(false);
    life.tick(3000, false);
    expect([host.pings, host.isGivenUp]).toEqual([0, true]);
  });
});

describe('a peer that is not read', () => {
  test('is pinged for TCP, and never given up for its silence', () => {
    const { host, life } = keeping();
    for (let now = 0; now <= 60_000; now += 250) life.tick(now, true);
    expect([host.pings, host.isGivenUp, host.failed]).toEqual([60, false, []]);
  });

  test('for webSocketUnreadMs since a message was last taken: the program is told', () => {
    const { host, life } = keeping({ webSocketUnreadMs: 5000 });
    for (let now = 0; now < 5000; now += 250) life.tick(now, true);
    life.unreadMs = 0;
    for (let now = 5000; now < 9750; now += 250) life.tick(now, true);
    expect(host.failed).toEqual([]);
    life.tick(9750, true);
    expect(host.failed)
      .toEqual([new Error('messages stood unread for webSocketUnreadMs, 5000')]);
  });

  test('by a program that has never read: told after webSocketDeadMs', () => {
    const { host, life } = keeping();
    host.inbox.isWanted = false;
    for (let now = 0; now < 3000; now += 250) life.tick(now, true);
    expect(host.failed).toEqual([]);
    life.tick(3000, true);
    expect(host.failed).toEqual([new Error(
      'nobody reads the messages of this session: iterate it, or say session.onMessage(() => {})',
    )]);
  });
});
