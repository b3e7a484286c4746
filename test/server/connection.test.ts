/** Connection: the laws of a Transport on a real socket, and what only a real socket can show. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Limits } from '../../src/limits.ts';
import type { ConnectionTransport } from '../../src/protocol.ts';
import { Journal, recorder, type Acts } from '../support/recorder.ts';
import { temporaryDirectory, wired, type Wire } from '../support/sockets.ts';
import { transportEndings } from '../support/transport-endings.ts';
import { transportLaws, type Connect } from '../support/transport-laws.ts';

const connect: Connect = async (factory, limits) => {
  const wire = await wired(factory, limits);
  const { connection, client, writes } = wire;
  return {
    transport: connection,
    send: (text) => void client.send(text),
    sendEof: () => void client.socket.end(),
    disconnect: () => void client.socket.resetAndDestroy(),
    stopReading: () => void client.socket.pause(),
    readAgain: () => void client.socket.resume(),
    received: () => client.text,
    receivedBytes: () => client.receivedBytes,
    sawEnd: () => client.ended || client.closed,
    left: () => writes.reduce((sum, octets) => sum + octets, 0),
    held: () => wire.heldBytes,
    settle: wire.settle,
    tick: wire.tick,
    shutdown: () => connection.shutdown(),
  };
};

transportLaws(connect);
transportEndings(connect);

const PIECE = 64 * 1024;
const MEBIBYTE = new Uint8Array(1024 * 1024).fill(0x2e);
/** More than the kernel's buffers take. */
const FLOOD = 32;

async function record(acts: Acts = {}, limits?: Partial<Limits>, path?: string) {
  const journal = new Journal();
  const wire = await wired(recorder(journal, acts), limits, path);
  return { wire, lines: journal.lines };
}

const flood = (transport: ConnectionTransport): void => {
  for (let piece = 0; piece < FLOOD; piece++) transport.write(MEBIBYTE);
};

/** Stops the peer's reading, and writes until its kernel takes no more: a piece at most waits. */
async function fill(wire: Wire): Promise<number> {
  const { client, connection } = wire;
  client.socket.pause();
  let written = 0;
  for (let quiet = 0; quiet < 3; quiet++) {
    await wire.settle();
    for (; connection.queuedBytes === 0; quiet = 0) {
      connection.write(MEBIBYTE.subarray(0, PIECE));
      written += PIECE;
      // Written outside an entry, it leaves at the end of the microtask queue.
      await new Promise((resolve) => { process.nextTick(resolve); });
    }
  }
  return written;
}

describe('the way out', () => {
  test('text and octets of one entry arrive in one segment', async () => {
    const { wire } = await record({
      receive: (transport) => {
        transport.write('head ');
        transport.write(MEBIBYTE.subarray(0, 2000));
        transport.write(' tail');
      },
    });
    wire.client.send('go');
    await wire.client.saw('tail');
    expect(wire.client.reads).toBe(1);
  });

  test('short writes of one entry are one write of the socket', async () => {
    const { wire } = await record({
      receive: (transport) => {
        for (let line = 0; line < 100; line++) transport.write(`line ${line}\n`);
        transport.write(MEBIBYTE.subarray(0, 10));
      },
    });
    wire.client.send('go');
    await wire.settle();
    expect(wire.writes).toEqual([wire.client.receivedBytes]);
  });

  test('writes outside an entry, in one run of microtasks, are one write', async () => {
    const { wire } = await record();
    await Promise.resolve();
    wire.connection.write('a');
    await Promise.resolve();
    wire.connection.write('b');
    await wire.settle();
    expect(wire.writes).toEqual([2]);
  });

  test('large octets go out in pieces of at most 64 KiB, in their order', async () => {
    const pattern = Uint8Array.from({ length: 300_001 }, (_, at) => at % 251);
    const { wire } = await record({
      receive: (transport) => {
        transport.write(pattern);
        transport.write('x'.repeat(100_000));
        transport.write(pattern);
      },
    });
    wire.client.send('go');
    const total = pattern.length * 2 + 100_000;
    await wire.client.until(() => wire.client.receivedBytes === total, 'all');
    expect(Math.max(...wire.writes)).toBeLessThanOrEqual(PIECE);
    const whole = Buffer.concat([pattern, Buffer.alloc(100_000, 'x'), pattern]);
    expect(Buffer.from(wire.client.text, 'latin1').equals(whole)).toBe(true);
  });

  test('a string goes out as latin1', async () => {
    const { wire } = await record({ made: (transport) => void transport.write('\x80é\xff') });
    await wire.settle();
    expect(wire.client.text).toBe('\x80é\xff');
  });
});

describe('a peer that does not read', () => {
  const limits = { writeStallMs: 1000 };

  test('is destroyed after writeStallMs in which it took nothing, not before', async () => {
    const { wire, lines } = await record({ receive: flood }, limits);
    wire.client.socket.pause();
    wire.client.send('go');
    await wire.settle();
    wire.tick(1000);
    await wire.settle();
    expect(lines.at(-1)).toBe('tick');
    wire.tick(1);
    await wire.settle();
    expect(lines.at(-1)).toBe('closed the peer took nothing for writeStallMs, 1000');
    expect(wire.heldBytes).toBe(0);
  });

  test('has writeStallMs again after each piece that it took', async () => {
    const { wire, lines } = await record({ receive: flood }, limits);
    const { client } = wire;
    client.socket.pause();
    client.send('go');
    await wire.settle();
    for (const share of [0.25, 0.5, 0.75]) {
      wire.tick(1000);
      client.socket.resume();
      await client.until(() => client.receivedBytes >= FLOOD * MEBIBYTE.length * share, 'a share');
      client.socket.pause();
      await wire.settle();
    }
    expect(lines.filter((line) => line.startsWith('closed'))).toEqual([]);
    wire.tick(1000);
    wire.tick(1);
    await wire.settle();
    expect(lines.at(-1)).toMatch(/closed .*writeStallMs/);
  });

  test('owes nothing while nothing is written to it', async () => {
    const { wire, lines } = await record({ receive: (t) => void t.write('small') }, limits);
    wire.client.socket.pause();
    wire.client.send('go');
    await wire.settle();
    wire.tick(1_000_000);
    await wire.settle();
    expect(lines).toEqual(['receive go', 'tick']);
  });
});

describe('the end, and lingering (RFC 9112 §9.6)', () => {
  const bye = { receive: (transport: ConnectionTransport) => {
    transport.write('bye');
    transport.end();
  } };

  test.each([[1000, 0], [1001, 1]])(
    'of %i octets after FIN, with lingerBytes 1000: gone %i times', async (octets, gone) => {
      const { wire } = await record(bye, { lingerBytes: 1000 });
      wire.client.send('go');
      await wire.client.sawEnd();
      wire.client.send('x'.repeat(octets));
      await wire.settle();
      expect(wire.goneCount).toBe(gone);
    },
  );

  test('is over lingerMs after FIN, not before', async () => {
    const { wire, lines } = await record(bye, { lingerMs: 1000 });
    wire.client.send('go');
    await wire.client.sawEnd();
    wire.tick(999);
    await wire.settle();
    expect(wire.goneCount).toBe(0);
    wire.tick(1);
    await wire.settle();
    expect(lines).toEqual(['receive go', 'closed']);
  });

  test('does not take the last octets away from a peer that still sends', async () => {
    const { wire } = await record(bye);
    wire.client.send('go');
    await wire.client.sawEnd();
    wire.client.send('x'.repeat(1000));
    await wire.settle();
    wire.client.socket.end();
    await wire.client.gone();
    expect([wire.client.text, wire.client.error]).toEqual(['bye', undefined]);
  });

  test('does not begin before FIN: what the kernel has not taken yet is not cut off', async () => {
    const { wire } = await record({}, { lingerMs: 1000 });
    const written = await fill(wire);
    wire.connection.end();
    await wire.settle();
    wire.tick(1000);
    await wire.settle();
    expect(wire.goneCount).toBe(0);
    wire.client.socket.resume();
    await wire.client.sawEnd();
    expect([wire.client.receivedBytes, wire.client.error]).toEqual([written, undefined]);
  });

  test('a peer that says FIN before it has read all still gets all', async () => {
    const { wire } = await record();
    const written = await fill(wire);
    wire.connection.end();
    await wire.settle();
    wire.client.socket.end();
    await wire.settle();
    wire.client.socket.resume();
    await wire.client.gone();
    expect([wire.client.receivedBytes, wire.client.error]).toEqual([written, undefined]);
    await wire.settle();
    expect(wire.goneCount).toBe(1);
  });
});

describe('the close', () => {
  test('with a cause is a reset: what the peer has is not all (RFC 9112 §8)', async () => {
    const { wire } = await record();
    wire.connection.destroy(new Error('why'));
    await wire.client.sawEnd();
    expect(wire.client.error?.code).toBe('ECONNRESET');
  });

  test('without a cause is no error to the peer', async () => {
    const { wire } = await record();
    wire.connection.destroy();
    await wire.client.sawEnd();
    expect(wire.client.error).toBeUndefined();
  });

  test('of a peer that reset tells why', async () => {
    const { wire, lines } = await record({ receive: flood });
    wire.client.socket.pause();
    wire.client.send('go');
    await wire.settle();
    wire.client.socket.resetAndDestroy();
    await wire.settle();
    expect(lines).toEqual(['receive go', expect.stringMatching(/^closed .*(ECONNRESET|EPIPE)/)]);
    expect(wire.heldBytes).toBe(0);
  });

  test('is told to the manager once, whatever closed throws', async () => {
    const { wire } = await record({ closed: () => { throw new Error('too late'); } });
    wire.connection.charge(10);
    wire.connection.destroy();
    wire.connection.destroy();
    await wire.settle();
    expect([wire.goneCount, wire.heldBytes]).toEqual([1, 0]);
  });
});

describe('what the manager asks', () => {
  test('idle: the protocol is, and nothing is queued', async () => {
    const { wire } = await record();
    expect(wire.connection.idle).toBe(true);
    await fill(wire);
    expect(wire.connection.idle).toBe(false);
  });

  test('activeAt: when octets last came', async () => {
    const { wire } = await record();
    wire.tick(700);
    expect(wire.connection.activeAt).toBe(0);
    wire.client.send('abc');
    await wire.settle();
    expect(wire.connection.activeAt).toBe(700);
  });

  test('heldBytes: charged and queued', async () => {
    const { wire } = await record();
    wire.connection.charge(123);
    await fill(wire);
    expect(wire.connection.heldBytes).toBe(123 + wire.connection.queuedBytes);
    expect(wire.heldBytes).toBe(wire.connection.heldBytes);
  });

  test('shutdown from within an entry is not an entry within it', async () => {
    const journal = new Journal();
    const wire = await wired(recorder(journal, { receive: () => wire.connection.shutdown() }));
    wire.client.send('go');
    await wire.settle();
    expect(journal.lines).toEqual(['receive go', 'shutdown']);
    expect(journal.faults).toEqual([]);
  });
});

describe('the peer', () => {
  test('its two ends', async () => {
    const { wire } = await record();
    const { peer } = wire.connection;
    const { socket } = wire.client;
    expect([peer.address, peer.port]).toEqual(['127.0.0.1', socket.localPort]);
    expect([peer.localAddress, peer.localPort]).toEqual(['127.0.0.1', socket.remotePort]);
    expect([peer.secure, peer.tls]).toEqual([false, undefined]);
  });

  test('asked for first when it is gone', async () => {
    const { wire } = await record();
    const port = wire.client.socket.localPort;
    wire.client.socket.resetAndDestroy();
    await wire.settle();
    const { peer } = wire.connection;
    expect([wire.goneCount, peer.address, peer.port]).toEqual([1, '127.0.0.1', port]);
  });

  test('on a Unix socket has no address, and can be destroyed with a cause', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    const { wire, lines } = await record({}, {}, path);
    const { peer } = wire.connection;
    expect([peer.address, peer.port, peer.localAddress, peer.localPort]).toEqual(['', 0, '', 0]);
    wire.connection.destroy(new Error('why'));
    await wire.client.sawEnd();
    await wire.settle();
    expect(lines).toEqual(['closed why']);
  });
});
