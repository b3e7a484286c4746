/** The server and its process: what ends it, what does not, and life without descriptors. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { Client, connected } from '../support/sockets.ts';
import { child } from './child.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const FAIL = GET.replace('/ ', '/fail ');
const BAD = 'GET / HTTP/1.1\r\n\r\n';
const HELLO = `() => new HttpResponse(200, {}, 'hello')`;
const MAYBE = `(request) => {
  if (request.path === '/fail') throw new Error('a failure');
  return new HttpResponse(200, {}, 'hello');
}`;

describe('a listener that throws', () => {
  const listeners = [['request', GET], ['refused', BAD], ['error', FAIL]] as const;

  test.each(listeners)('on %s is an uncaught exception: the process dies', async (name, octets) => {
    const server = await child(`
      const server = await serve(${MAYBE});
      server.on('${name}', () => { throw new Error('in a listener'); });
    `);
    (await connected(server.port)).send(octets);
    expect(await server.exited).toEqual({ code: 1, signal: null });
    expect(server.stderr).toContain('Error: in a listener');
  });

  test.each(listeners)('on %s, survived, harms no connection', async (name, octets) => {
    const server = await child(`
      const server = await serve(${MAYBE});
      server.on('${name}', () => { throw new Error('in a listener'); });
      facts.uncaught = [];
      process.on('uncaughtException', (error) => facts.uncaught.push(error.message));
    `);
    const client = await connected(server.port);
    const [answer] = await client.send(octets).answered(1);
    expect(answer?.status).toBe({ request: 200, refused: 400, error: 500 }[name]);
    const { facts } = await server.until((state) => (state.facts['uncaught'] as []).length > 0);
    expect(facts['uncaught']).toEqual(['in a listener']);
  });

  test('on drain does not hold the close up', async () => {
    const { exited } = await child(`
      const server = await serve(${HELLO});
      server.on('drain', () => { throw new Error('in a listener'); });
      process.on('uncaughtException', () => {});
      await server.close();
      process.exit(7);
    `);
    expect(await exited).toEqual({ code: 7, signal: null });
  });
});

describe('a handler that fails', () => {
  test.each([
    ['throws', '() => { throw thrown; }'], ['rejects', 'async () => { throw thrown; }'],
  ])('that %s something with no text does not end the process', async (_, handler) => {
    const server = await child(`
      const thrown = Object.create(null);
      await serve(${handler});
    `);
    const client = await connected(server.port);
    const answers = await client.send(GET).answered(1);
    expect(answers).toMatchObject([{ status: 500 }]);
  });

  test('tells why, once, where nobody listens', async () => {
    const server = await child(`await serve(${MAYBE});`);
    const client = await connected(server.port);
    await client.send(FAIL).answered(1);
    await client.send(GET).answered(2);
    await server.state();
    const reports = server.stderr.match(/^wirestack: GET \/fail failed: Error: a failure$/gm);
    expect(reports).toHaveLength(1);
  });
});

test('a call of the clock that throws does not take the others with it', async () => {
  const server = await child(`
    facts.uncaught = [];
    process.on('uncaughtException', (error) => facts.uncaught.push(error.message));
    await serve(async (request) => {
      const soon = request.clock.now() + 1;
      request.clock.at(soon, () => { throw new Error('in a call'); });
      await new Promise((resolve) => request.clock.at(soon, resolve));
      return new HttpResponse(200, {}, 'in time');
    });
  `);
  const client = await connected(server.port);
  expect(await client.send(GET).answered(1)).toMatchObject([{ body: 'in time' }]);
  expect((await server.state()).facts['uncaught']).toEqual(['in a call']);
});

describe('the end of a process', () => {
  test('comes by itself when its server has closed', async () => {
    const { exited } = await child(`
      const server = await serve(${HELLO});
      await server.close();
    `);
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test('is not held up by a close that comes after the close', async () => {
    const { exited } = await child(`
      const server = await serve(${HELLO});
      await server.close();
      void server.close();
      process.on('exit', () => process.exitCode = process.uptime() > 5 ? 1 : 0);
    `);
    expect(await exited).toEqual({ code: 0, signal: null });
  }, 15_000);

  test('is not held up by the timer of connections', async () => {
    const server = await child(`
      const server = await serve(${HELLO}, { limits: { drainIdleMs: 1 } });
      process.on('SIGTERM', () => server.close());
    `);
    const client = await connected(server.port);
    await client.send(GET).answered(1);
    server.process.kill('SIGTERM');
    await client.sawEnd();
    client.socket.end();
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });
});

describe('without descriptors', () => {
  const DESCRIPTORS = 128;
  const REPLY = /^HTTP\/1\.1 200 /;

  /** As many connections as there are asked for, each idle after one answer, or turned away. */
  async function crowd(port: number, count: number): Promise<Client[]> {
    const clients: Client[] = [];
    for (let index = 0; index < count; index++) {
      const client = Client.start(port);
      onTestFinished(() => void client.socket.destroy());
      client.send(GET);
      clients.push(client);
      await client.until(() => client.closed || client.ended || REPLY.test(client.text), 'a fate')
        .catch(() => {});
    }
    return clients;
  }

  test('the default cap leaves room for files: the oldest idle go, nobody is refused', async () => {
    const server = await child(`await serve(${HELLO});`, { descriptors: DESCRIPTORS });
    const clients = await crowd(server.port, DESCRIPTORS * 2);
    expect(clients.every(({ text }) => REPLY.test(text))).toBe(true);
    const { counters, descriptors } = await server.state();
    expect(counters).toMatchObject({ connections: 64, refused: 0, evicted: DESCRIPTORS * 2 - 64 });
    expect(descriptors).toBeGreaterThan(0);
    expect(descriptors).toBeLessThan(DESCRIPTORS - 30);
  });

  test('that the program has used up, it survives, and serves when others have left', async () => {
    const server = await child(`
      import { openSync } from 'node:fs';
      await serve(${HELLO});
      for (let file = 0; file < ${DESCRIPTORS / 2}; file++) openSync('/dev/null');
    `, { descriptors: DESCRIPTORS });
    await server.state();
    const clients = await crowd(server.port, DESCRIPTORS * 2);
    const served = clients.filter(({ text }) => REPLY.test(text));
    expect(served.length).toBeGreaterThan(0);
    expect(served.length).toBeLessThan(DESCRIPTORS / 2);
    for (const client of clients) client.socket.destroy();
    await server.until(({ counters }) => counters.connections === 0);
    const [client] = await crowd(server.port, 1);
    expect(client?.text).toMatch(REPLY);
    expect(server.process.exitCode).toBeNull();
  });

  test('of which there are fewer than connections were asked for: idle ones go', async () => {
    const server = await child(`
      await serve(${HELLO}, { limits: { connections: 10_000 } });
    `, { descriptors: DESCRIPTORS });
    await crowd(server.port, DESCRIPTORS * 2);
    const late = await crowd(server.port, 5);
    expect(late.some(({ text }) => REPLY.test(text))).toBe(true);
    expect((await server.state()).counters.evicted).toBeGreaterThan(0);
  });
});
