/** The connection manager: caps, eviction, the ledger, the one timer, the end of all. */
import { createHook } from 'node:async_hooks';
import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import type { ConnectionTransport, Protocol, ProtocolFactory } from '../../src/protocol.ts';
import { ConnectionManager, connectionCap } from '../../src/server/connection-manager.ts';
import { TlsContexts } from '../../src/tls/contexts.ts';
import { leafFor } from '../support/certificates.ts';
import { Client, accepting, connected, eventually, turns } from '../support/sockets.ts';

const TICK_MS = 250;
const TLS = new TlsContexts({ certificates: leafFor('example.com') });

/** Busy from a `+` of its peer to a `-`; greets, so that a peer knows that it was let in. */
class Worker implements Protocol {
  idle = true;
  readonly calls: string[] = [];
  readonly transport: ConnectionTransport;

  constructor(transport: ConnectionTransport) {
    this.transport = transport;
    transport.write('hello');
  }

  receive(bytes: Uint8Array): void {
    for (const octet of bytes) {
      if (octet === 0x2b) this.idle = false;
      if (octet === 0x2d) this.idle = true;
    }
    this.transport.write('.');
  }

  eof(): void {
    this.transport.end();
  }

  tick(): void {
    this.calls.push('tick');
  }

  shutdown(): void {
    this.calls.push('shutdown');
    if (this.idle) this.transport.end();
  }

  proceed(): void {
    this.calls.push('proceed');
  }

  failed(cause: Error): void {
    this.transport.destroy(cause);
  }

  closed(): void {
    this.calls.push('closed');
  }

  drained(): void {}
  flush(): void {}
}

async function managing(limits: Partial<Limits> = {}) {
  const workers: Worker[] = [];
  const factory: ProtocolFactory<ConnectionTransport> = (transport) => {
    const worker = new Worker(transport);
    workers.push(worker);
    return worker;
  };
  const manager = new ConnectionManager(limitsFrom(limits), {
    clear: factory, secure: () => factory, lost: () => {},
  });
  const sockets: Socket[] = [];
  const port = await accepting((socket) => {
    sockets.push(socket);
    manager.accept(socket);
  });
  onTestFinished(() => manager.destroyAll(new Error('the test is over')));
  return { manager, port, workers, sockets };
}

/** A client that was let in. */
async function admitted(port: number, from?: string): Promise<Client> {
  const client = await connected(port, from);
  await client.saw('hello');
  return client;
}

/** A client that was let in, and whose connection is busy. */
async function busy(port: number): Promise<Client> {
  const client = await admitted(port);
  await client.send('+').saw('.');
  return client;
}

/** A client that was not let in. */
async function refused(port: number, from?: string): Promise<boolean> {
  const client = await connected(port, from);
  await client.sawEnd();
  return client.text === '';
}

/** A moment of the coarse clock passes, so that activity before and after can be told apart. */
async function moment(manager: ConnectionManager): Promise<void> {
  const now = manager.clock.now();
  await eventually(() => manager.clock.now() > now, 'the clock moves');
}

describe('a socket without an address', () => {
  /** What the kernel tells of a peer that sent its octets and a reset before it was accepted. */
  async function reset(isUnix: boolean) {
    const { manager, workers } = await managing();
    const port = await accepting((socket) => {
      Object.defineProperty(socket, 'remoteAddress', { value: undefined });
      manager.accept(socket, isUnix);
    });
    const client = await connected(port);
    await client.send('+').until(() => client.text !== '' || client.ended, 'an end or an answer');
    return { client, manager, workers };
  }

  test('has been reset, and is not taken for a Unix socket: what it sent is lost', async () => {
    const { client, manager, workers } = await reset(false);
    expect([client.text, workers.length]).toEqual(['', 0]);
    expect(manager.counters).toMatchObject({ accepted: 1, connections: 0, refused: 0 });
  });

  test('is a Unix socket where one listens', async () => {
    const { client, workers } = await reset(true);
    expect(await client.saw('hello')).toContain('hello');
    expect(workers.map(({ transport }) => transport.peer.address)).toEqual(['']);
  });
});

describe('connectionCap: what is left of the limit of descriptors', () => {
  test.each([
    [128, 64], [256, 192], [512, 448], [513, 449], [1024, 896], [4096, 3584],
    [11_428, 10_000], [11_429, 10_000], [20_000, 10_000], [1_048_576, 10_000],
    [32, 1], [64, 1], [65, 1],
  ])('of %i: %i', (descriptors, cap) => {
    expect(connectionCap(descriptors)).toBe(cap);
  });
});

describe('the cap in sum', () => {
  test('N are let in; N + 1 is refused while all are busy, let in when one has gone', async () => {
    const { manager, port } = await managing({ connections: 2 });
    const first = await busy(port);
    await busy(port);
    expect(await refused(port)).toBe(true);
    expect(manager.counters)
      .toMatchObject({ connections: 2, accepted: 2, refused: 1, evicted: 0 });
    first.socket.end();
    await eventually(() => manager.counters.connections === 1, 'one has gone');
    await admitted(port);
    expect(manager.counters).toMatchObject({ connections: 2, accepted: 3, refused: 1 });
  });

  test('the one that is idle longest makes room, and never one that is busy', async () => {
    const { manager, port } = await managing({ connections: 4 });
    const oldest = await admitted(port);
    const working = await busy(port);
    const second = await admitted(port);
    const third = await admitted(port);
    await moment(manager);
    await oldest.send('x').saw('.');
    const gone: string[] = [];
    const named = { oldest, working, second, third };
    for (const [name, client] of Object.entries(named)) {
      client.socket.on('close', () => gone.push(name));
      client.socket.on('end', () => client.socket.end());
    }
    for (const count of [1, 2, 3]) {
      await moment(manager);
      await busy(port);
      await eventually(() => gone.length === count, `${count} made room`);
    }
    expect(gone).toEqual(['second', 'third', 'oldest']);
    expect(manager.counters).toMatchObject({ connections: 4, evicted: 3, refused: 0 });
    expect(await refused(port)).toBe(true);
    expect(working.closed).toBe(false);
  });

  test('one that became busy since it was found idle does not go', async () => {
    const { manager, port } = await managing({ connections: 3 });
    await admitted(port);
    const second = await admitted(port);
    const third = await admitted(port);
    // The first of these makes the manager look for several at once.
    await busy(port);
    await second.send('+').saw('.');
    await busy(port);
    await third.sawEnd();
    expect([second.ended, manager.counters.evicted]).toEqual([false, 2]);
  });

  test('one connection makes room once, though it is not gone at once', async () => {
    const { manager, port } = await managing();
    await admitted(port);
    await busy(port);
    expect([manager.evict(), manager.evict()]).toEqual([true, false]);
    expect(manager.counters.evicted).toBe(1);
  });

  test('holds against a burst that comes in one turn of the loop', async () => {
    const { manager, port } = await managing({ connections: 3 });
    await admitted(port);
    await busy(port);
    await busy(port);
    const burst = Array.from({ length: 20 }, () => Client.start(port));
    onTestFinished(() => burst.forEach((client) => void client.socket.destroy()));
    const decided = (): number => {
      const { accepted, refused: turnedAway } = manager.counters;
      return accepted + turnedAway;
    };
    await eventually(() => decided() === 23, 'all are decided upon');
    await turns(10);
    expect(manager.counters.connections).toBeLessThanOrEqual(3);
  });

  test('0 lets nobody in', async () => {
    const { manager, port } = await managing({ connections: 0 });
    expect(await refused(port)).toBe(true);
    expect(manager.counters).toMatchObject({ connections: 0, accepted: 0, refused: 1 });
  });
});

describe('the cap of one address', () => {
  test('N are let in, N + 1 refused; another address is another matter', async () => {
    const { manager, port } = await managing({ connectionsPerAddress: 2 });
    const first = await admitted(port);
    await admitted(port);
    expect(await refused(port)).toBe(true);
    await admitted(port, '127.0.0.2');
    await admitted(port, '127.0.0.2');
    expect(await refused(port, '127.0.0.2')).toBe(true);
    expect(manager.counters).toMatchObject({ connections: 4, refused: 2, evicted: 0 });
    first.socket.end();
    await eventually(() => manager.counters.connections === 3, 'one has gone');
    await admitted(port);
    expect(await refused(port)).toBe(true);
  });

  test('one that is refused by the other cap is not counted', async () => {
    const { manager, port } = await managing({ connections: 1, connectionsPerAddress: 2 });
    const first = await busy(port);
    for (let attempt = 0; attempt < 5; attempt++) expect(await refused(port)).toBe(true);
    first.socket.end();
    await eventually(() => manager.counters.connections === 0, 'it has gone');
    await admitted(port);
    expect(manager.counters.refused).toBe(5);
  });
});

describe('the ledger', () => {
  test('adds up what connections hold, and is 0 when they are gone', async () => {
    const { manager, port, workers } = await managing();
    const clients = await Promise.all([admitted(port), admitted(port), admitted(port)]);
    for (const [index, worker] of workers.entries()) worker.transport.charge(100 ** index);
    expect(manager.counters.heldBytes).toBe(10_101);
    workers[1]?.transport.charge(-40);
    expect(manager.counters.heldBytes).toBe(10_061);
    clients.forEach((client) => client.socket.resetAndDestroy());
    await eventually(() => manager.counters.connections === 0, 'all have gone');
    expect(manager.counters.heldBytes).toBe(0);
  });
});

describe('the later turn', () => {
  test('comes once to each that asked', async () => {
    const { port, workers } = await managing();
    await admitted(port);
    await admitted(port);
    for (const { transport } of workers) {
      transport.defer();
      transport.defer();
    }
    await turns(2);
    expect(workers.map(({ calls }) => calls.filter((call) => call === 'proceed').length))
      .toEqual([1, 1]);
  });
});

describe('the one timer', () => {
  /** The intervals of this process that repeat at the rate of ticks. */
  function ticking(): Set<number> {
    const running = new Set<number>();
    const hook = createHook({
      init: (id, type, _, resource) => {
        const { _repeat: repeat } = resource as { _repeat?: number };
        if (type === 'Timeout' && repeat === TICK_MS) running.add(id);
      },
      destroy: (id) => void running.delete(id),
    }).enable();
    onTestFinished(() => void hook.disable());
    return running;
  }

  test('is one for all connections, and none for none', async () => {
    const running = ticking();
    const { manager, port, workers } = await managing();
    expect(running.size).toBe(0);
    const clients = await Promise.all(Array.from({ length: 10 }, () => admitted(port)));
    expect(running.size).toBe(1);
    const ticked = ({ calls }: Worker): boolean => calls.includes('tick');
    await eventually(() => workers.every(ticked), 'each connection was ticked');
    for (const client of clients) client.socket.end();
    await eventually(() => manager.counters.connections === 0, 'all have gone');
    await turns(2);
    expect(running.size).toBe(0);
    await admitted(port);
    expect(running.size).toBe(1);
  });

  test('stays for a call that is awaited, and no longer', async () => {
    const running = ticking();
    const { manager, port } = await managing();
    const client = await admitted(port);
    const called = new Promise<void>((resolve) => {
      manager.clock.at(manager.clock.now() + 1, resolve);
    });
    client.socket.end();
    await eventually(() => manager.counters.connections === 0, 'it has gone');
    await called;
    await eventually(() => running.size === 0, 'the timer has stopped');
  });

  test('runs for a call that is asked for when no connection is left', async () => {
    const { manager } = await managing();
    await new Promise<void>((resolve) => {
      manager.clock.at(manager.clock.now() + 1, resolve);
    });
  });
});

describe('the end', () => {
  test('shutdown is told to all, and resolves when the last has gone', async () => {
    const { manager, port, workers } = await managing();
    const [idle, working] = [await admitted(port), await busy(port)];
    let done = false;
    manager.shutdown();
    const empty = manager.whenEmpty().then(() => done = true);
    expect(workers.map(({ calls }) => calls.includes('shutdown'))).toEqual([true, true]);
    idle.socket.end();
    await eventually(() => manager.counters.connections === 1, 'the idle one has gone');
    expect(done).toBe(false);
    working.socket.end();
    await empty;
    expect(manager.counters.connections).toBe(0);
  });

  test('shutdown of nothing resolves', async () => {
    const { manager } = await managing();
    await manager.shutdown();
    expect(manager.counters.connections).toBe(0);
  });

  test('a connection that comes after it is told at once', async () => {
    const { manager, port, workers } = await managing();
    await busy(port);
    void manager.shutdown();
    const late = await connected(port);
    await late.sawEnd();
    expect(late.text).toBe('hello');
    expect(workers[1]?.calls).toContain('shutdown');
  });

  test('destroyAll resets what is left', async () => {
    const { manager, port, workers } = await managing();
    const clients = [await admitted(port), await busy(port)];
    manager.destroyAll(new Error('why'));
    await Promise.all(clients.map((client) => client.gone()));
    expect(clients.map(({ error }) => error?.code)).toEqual(['ECONNRESET', 'ECONNRESET']);
    await eventually(() => manager.counters.connections === 0, 'all have gone');
    expect(workers.every(({ calls }) => calls.at(-1) === 'closed')).toBe(true);
  });
});

describe('sockets that are no connections yet (E1)', () => {
  test('are counted, and give way: the silent first, then handshakes', async () => {
    const { manager, port, sockets } = await managing({ connections: 2 });
    manager.guard(TLS, undefined);
    const silent = await connected(port);
    await eventually(() => manager.counters.arriving === 1, 'it has come');
    const begun = '\x16\x03\x01\x02\x00\x01';
    for (let count = 2; count <= 3; count++) {
      (await connected(port)).send(begun);
      await eventually(() => sockets[count - 1]?.bytesRead === begun.length, 'it was read');
    }
    await silent.sawEnd();
    expect(manager.counters).toMatchObject({ arriving: 2, evicted: 1, refused: 0 });
    await connected(port);
    await eventually(() => manager.counters.accepted === 4, 'the oldest handshake gives way');
    expect(manager.counters).toMatchObject({
      arriving: 2, evicted: 2, refused: 0, lost: { 'handshakes crowded': 1 },
    });
  });

  test('nobody is guarded where there is neither TLS nor a proxy', async () => {
    const { manager, port } = await managing();
    manager.guard(TLS, undefined);
    manager.guard(undefined, undefined);
    expect(manager.admission).toBeUndefined();
    await admitted(port);
  });
});
