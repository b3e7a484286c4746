/** The life of every example: it starts, says where, answers, and ends with 0 when told to. */
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { run, startExample } from '../support/process.ts';
import { connected, type Client } from '../support/sockets.ts';
import { head } from '../support/vectors.ts';

// Each test starts processes, on machines that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const GET = head('GET / HTTP/1.1', 'Host: a');

describe.each(['hello', 'echo', 'target', 'showcase'])('%s', (name) => {
  test('listens, answers, and ends with 0 on SIGTERM', async () => {
    const example = await startExample(onTestFinished, name, '--port', '0');
    const client = await visit(example.port);
    const [answer] = await client.send(GET).answered(1);
    expect(answer?.status).toBe(200);
    const end = await example.stop('SIGTERM');
    expect(end).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(client.error).toBeUndefined();
  });
});

describe.each(['hello', 'echo', 'target'])('%s', (name) => {
  test('says where it listens in its first line', async () => {
    const example = await startExample(onTestFinished, name, '--port', '0');
    expect(example.stdout).toMatch(/^listening on http:\/\/127\.0\.0\.1:[1-9]\d*\n$/);
  });
});

describe('listening', () => {
  test('on the port that was asked for', async () => {
    const port = await freePort();
    const example = await startExample(onTestFinished, 'hello', '--port', `${port}`);
    expect(example.url).toBe(`http://127.0.0.1:${port}`);
  });

  test('on another address', async () => {
    const words = ['--port', '0', '--host', '127.0.0.2'];
    const example = await startExample(onTestFinished, 'hello', ...words);
    expect(example.url).toMatch(/^http:\/\/127\.0\.0\.2:/);
  });

  test('a port that is taken is an error that says what to do', async () => {
    const first = await startExample(onTestFinished, 'hello', '--port', '0');
    const { code, stdout, stderr } = await launch('hello', '--port', `${first.port}`);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`port ${first.port} is in use`);
  });

  test('the showcase takes the next free port, where none was asked for', async () => {
    const first = await startExample(onTestFinished, 'showcase');
    const second = await startExample(onTestFinished, 'showcase');
    expect(first.port).toBeGreaterThanOrEqual(8080);
    expect(second.port).toBeGreaterThan(first.port);
  });
});

describe('the command line', () => {
  test.each([
    [['--prot', '80'], '--prot'],
    [['--port'], '--port'],
    [['--port', 'http'], '--port is a number from 0 to 65535, not "http"'],
    [['--port', '65536'], '--port is a number'],
    [['--max-connections', '-1'], '--max-connections'],
    [['--idle-timeout', '1.5'], '--idle-timeout is a number'],
    [['9000'], '9000'],
  ])('%j is refused with the usage', async (words, reason) => {
    const { code, stdout, stderr } = await launch('hello', ...words);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain(reason);
    expect(stderr).toContain('--idle-timeout SECONDS');
  });

  test('--max-connections: one more goes where nothing is idle', async () => {
    const words = ['--port', '0', '--max-connections', '2'];
    const { port } = await startExample(onTestFinished, 'target', ...words);
    const busy = [await connected(port), await connected(port)];
    for (const client of busy) client.send(head('GET /events HTTP/1.1', 'Host: a'));
    for (const client of busy) await client.saw('id: 1\n');
    const third = await connected(port);
    await third.sawEnd();
    expect(third.text).toBe('');
    expect(busy.map((client) => client.closed)).toEqual([false, false]);
  });

  test('--idle-timeout: a connection with nothing to do goes', async () => {
    const words = ['--port', '0', '--idle-timeout', '0'];
    const example = await startExample(onTestFinished, 'target', ...words);
    const client = await visit(example.port);
    await client.send(GET).answered(1);
    await client.sawEnd();
    expect(client.answers()).toHaveLength(1);
  });
});

describe('signals', () => {
  /** Two requests: the first answer tells that the second, which takes so long, has begun. */
  const slow = (ms: number): string =>
    head('GET /hints HTTP/1.1', 'Host: a') + head(`GET /delay/${ms} HTTP/1.1`, 'Host: a');

  test('the first lets what is begun finish', async () => {
    const example = await startExample(onTestFinished, 'target', '--port', '0');
    const client = await visit(example.port);
    client.send(slow(500));
    await client.saw('103 Early Hints');
    const end = await example.stop('SIGINT');
    expect(client.answers().at(-1)?.body).toBe('Hello, World!');
    expect(client.answers().at(-1)?.fields.get('connection')).toBe('close');
    expect(end.code).toBe(0);
  });

  test('an event stream ends by itself, whole', async () => {
    const example = await startExample(onTestFinished, 'target', '--port', '0');
    const client = await visit(example.port);
    await client.send(head('GET /events HTTP/1.1', 'Host: a')).saw('id: 1\n');
    const end = await example.stop('SIGTERM');
    expect([end.code, client.answers()[0]?.whole]).toEqual([0, true]);
  });

  test('the second does not wait', async () => {
    const example = await startExample(onTestFinished, 'target', '--port', '0');
    const client = await visit(example.port);
    client.send(slow(3_600_000));
    await client.saw('103 Early Hints');
    example.process.kill('SIGTERM');
    // Once it accepts no more, the first signal has been seen.
    await refused(example.port);
    const end = await example.stop('SIGTERM');
    expect(end.code).toBe(0);
    expect(client.answers().map(({ status }) => status)).toEqual([103, 200]);
  });
});

function launch(name: string, ...words: readonly string[]): ReturnType<typeof run> {
  return run(process.execPath, ['examples/run.mjs', name, ...words]);
}

/** A client that ends its side when the server has ended the other. */
async function visit(port: number): Promise<Client> {
  const client = await connected(port);
  client.socket.on('end', () => client.socket.end());
  return client;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Resolves when nothing listens on a port any more. */
async function refused(port: number): Promise<void> {
  for (;;) {
    try {
      await connected(port);
    } catch {
      return;
    }
  }
}
