/** The listening socket: where it listens, what it says when it cannot, and how it stops. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Listener, type ListenTarget } from '../../src/server/listener.ts';
import { Client, connected, eventually, temporaryDirectory } from '../support/sockets.ts';

const LOOPBACK: ListenTarget = { host: '127.0.0.1' };

function listening(): { listener: Listener; sockets: Socket[]; failures: Error[] } {
  const sockets: Socket[] = [];
  const failures: Error[] = [];
  const listener = new Listener((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
  }, (error) => failures.push(error));
  onTestFinished(() => {
    listener.close(500);
    for (const socket of sockets) socket.destroy();
  });
  return { listener, sockets, failures };
}

const portOf = (listener: Listener): number => (listener.address as AddressInfo).port;

describe('where it listens', () => {
  test('port 0 is a free port', async () => {
    const { listener, sockets } = listening();
    await listener.listen(LOOPBACK);
    await connected(portOf(listener));
    await eventually(() => sockets.length === 1, 'the socket is accepted');
  });

  test('without a target: a free port of all addresses', async () => {
    const { listener, sockets } = listening();
    await listener.listen({});
    await connected(portOf(listener));
    await eventually(() => sockets.length === 1, 'the socket is accepted');
  });

  test('the path of a Unix socket, which is gone after the close', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    const { listener, sockets } = listening();
    await listener.listen({ path });
    expect(listener.address).toBe(path);
    await connected(path);
    await eventually(() => sockets.length === 1, 'the socket is accepted');
    await listener.close(500);
    const second = listening();
    await second.listener.listen({ path });
    expect(second.listener.address).toBe(path);
  });

  test('nowhere, before and after', async () => {
    const { listener } = listening();
    expect(listener.address).toBeNull();
    await listener.listen(LOOPBACK);
    const port = portOf(listener);
    await listener.close(500);
    expect(listener.address).toBeNull();
    const late = Client.start(port);
    await late.gone();
    expect(late.error?.code).toBe('ECONNREFUSED');
  });
});

test('a peer that sends no more still gets its answer (RFC 9112 §9.6)', async () => {
  const { listener, sockets } = listening();
  await listener.listen(LOOPBACK);
  const client = await connected(portOf(listener));
  await eventually(() => sockets.length === 1, 'the socket is accepted');
  const socket = sockets[0] as Socket;
  socket.resume();
  client.socket.end();
  await once(socket, 'end');
  socket.end('answer');
  expect(await client.saw('answer')).toBe('answer');
});

describe('what it says when it cannot', () => {
  test('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { listener, failures } = listening();
    await expect(listener.listen({ ...LOOPBACK, port })).rejects.toThrow(
      `port ${port} is in use: stop what listens there, or choose another`,
    );
    expect([listener.address, failures]).toEqual([null, []]);
  });

  test('a path in use', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    await listening().listener.listen({ path });
    await expect(listening().listener.listen({ path })).rejects.toThrow(`${path} is in use`);
  });

  test('an address of another machine', async () => {
    const attempt = listening().listener.listen({ host: '192.0.2.1' });
    await expect(attempt).rejects.toThrow('192.0.2.1 is no address of this machine');
  });

  test('a path without a directory: nothing about ports', async () => {
    const path = join(await temporaryDirectory(), 'missing', 'socket');
    const attempt = listening().listener.listen({ path });
    await expect(attempt).rejects.toThrow(path);
    await expect(attempt).rejects.not.toThrow(/ports/);
  });

  test('the cause is kept', async () => {
    const attempt = listening().listener.listen({ host: '192.0.2.1' });
    await expect(attempt).rejects.toMatchObject({ cause: { code: 'EADDRNOTAVAIL' } });
  });

  const failing: ListenTarget[] = [{ host: '192.0.2.1' }, { port: 65_536 }, { port: -1 }];

  test.each(failing)('it can listen after a failure of %j', async (target) => {
    const { listener } = listening();
    await expect(listener.listen(target)).rejects.toThrow();
    await listener.listen(LOOPBACK);
    await connected(portOf(listener));
  });
});

describe('twice', () => {
  const already = 'this server listens already; make another for more';

  test('listening again is refused, and harms nothing', async () => {
    const { listener } = listening();
    await listener.listen(LOOPBACK);
    const port = portOf(listener);
    await expect(listener.listen(LOOPBACK)).rejects.toThrow(already);
    expect(portOf(listener)).toBe(port);
    await connected(port);
  });

  test.each(['127.0.0.1', 'localhost'])('so is doing it before it listens, on %s', async (host) => {
    const { listener } = listening();
    const attempts = await Promise.allSettled([
      listener.listen({ host }), listener.listen({ host }),
    ]);
    expect(attempts.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(attempts[1]).toMatchObject({ reason: { message: already } });
  });

  test('closing is no error, nor without listening', async () => {
    const { listener } = listening();
    listener.close(500);
    const second = listening().listener;
    await second.listen(LOOPBACK);
    await Promise.all([second.close(500), second.close(500)]);
    expect(second.address).toBeNull();
  });

  test.each(['127.0.0.1', 'localhost'])('closing before it listens, on %s, wins', async (host) => {
    const { listener } = listening();
    const attempt = listener.listen({ host });
    listener.close(500);
    await attempt.catch(() => {});
    expect(listener.address).toBeNull();
  });
});
