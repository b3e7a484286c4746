/** What a program may get wrong, and is told; and a close that is asked for in odd ways. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HttpError } from '../../src/http/http-error.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { strictTransportSecurity } from '../../src/http/transport-security.ts';
import type { ListenTarget } from '../../src/server/listener.ts';
import { createServer, type ServerOptions } from '../../src/server/server.ts';
import { developmentCertificate } from '../../src/tls/development.ts';
import { Client, connected, eventually, serve, temporaryDirectory } from '../support/sockets.ts';
import { GET } from '../support/vectors.ts';

const hello = (): HttpResponse => new HttpResponse(200, {}, 'hello');
const loopback = { host: '127.0.0.1' };

describe('what is unknown or no value is refused by name', () => {
  test.each([
    [{ limit: {} }, 'createServer knows no limit; it knows limits, onError'],
    [{ port: 1 }, 'createServer knows no port; it knows limits'],
    [null, 'createServer takes an object; it knows limits'],
    [8080, 'createServer takes an object; it knows limits'],
  ])('createServer(..., %j)', (options, message) => {
    expect(() => createServer(hello, options as ServerOptions)).toThrow(message);
  });

  test('connectProtocols where it does not belong, and what is no list of protocols', () => {
    expect(() => createServer(hello, { connectProtocols: ['websocket'] } as ServerOptions))
      .toThrow('connectProtocols stands beside the handler: createServer({ handle, connectProto');
    for (const protocols of ['websocket', true, ['WebSocket'], ['web socket'], [5]]) {
      const connectProtocols = protocols as string[];
      expect(() => createServer({ handle: hello, connectProtocols }))
        .toThrow("connectProtocols is a list in lower case, ['websocket'] (RFC 8441 §4)");
    }
  });

  test.each<[string, unknown[], string]>([
    ['listen', [0, hello], 'listen returns a promise: await it'],
    ['listen', [hello], 'listen returns a promise: await it'],
    ['listen', [0, '127.0.0.1'], 'listen takes one argument, such as { port, host }'],
    ['close', [hello], 'close returns a promise: await it'],
    ['close', [5000], 'close takes an object; it knows timeoutMs, announceMs'],
    ['close', [null], 'close takes an object; it knows timeoutMs, announceMs'],
    ['close', [{ timeout: 1 }], 'close knows no timeout; it knows timeoutMs, announceMs'],
    ...[NaN, -1, '5', null, Infinity, 2 ** 31].map((announceMs): [string, unknown[], string] => [
      'close', [{ announceMs }],
      `announceMs must be a number of 0 to 2147483647, not ${announceMs}`,
    ]),
  ])('%s(...%j): %s', async (name, given, message) => {
    const server = await serve(hello);
    const called = name === 'close' ? server : createServer(hello);
    const result = Reflect.apply(called[name as 'close'], called, given) as Promise<void>;
    await expect(result).rejects.toThrow(new TypeError(message));
    expect([server.port > 0, called.readiness().status]).toEqual([true, 200]);
  });

  test('close({ announceMs: 2 ** 31 - 1 }), the longest that a timer can be', async () => {
    const server = await serve(hello);
    void server.close({ announceMs: 2 ** 31 - 1 });
    expect([server.port > 0, server.readiness().status]).toEqual([true, 503]);
    await server.close({ timeoutMs: 0 });
  });

  test.each<[unknown, string]>([
    [{ prot: 9000 }, 'listen knows no prot; it knows port, host'],
    ['9000', 'not the text "9000": use Number()'],
    [{ port: '9000' }, 'not the text "9000": use Number()'],
    [70_000, 'port must be a number of 0 to 65535, not 70000'],
    [-1, 'not -1'], [1.5, 'not 1.5'], [null, 'not null'],
  ])('listen(%j)', async (target, message) => {
    const server = createServer(hello);
    await expect(server.listen(target as ListenTarget)).rejects.toThrow(message);
    onTestFinished(() => server.close());
    await server.listen(loopback);
    await connected(server.port);
  });

  test.each([NaN, -1, 'soon', '5', null])('close({ timeoutMs: %s })', async (timeoutMs) => {
    const server = await serve(hello);
    await expect(server.close({ timeoutMs: timeoutMs as number })).rejects.toThrow('timeoutMs');
    expect(server.port).toBeGreaterThan(0);
  });

  test('an HttpError of a status that is no error: a 500, and told', async () => {
    const server = await serve(() => { throw new HttpError(200, 'fine'); });
    const told: unknown[] = [];
    server.on('error', ({ error }) => told.push(error));
    const client = await connected(server.port);
    expect(await client.send(GET).answered(1)).toMatchObject([{ status: 500 }]);
    expect(told).toEqual([expect.any(TypeError)]);
  });
});

/** As a program has them that takes its own options on, under `exactOptionalPropertyTypes`. */
test('options that are undefined are as if they were not given', async () => {
  const server = createServer({ handle: hello, connectProtocols: undefined }, {
    limits: { idleMs: undefined }, onError: undefined, onRefusal: undefined, authorities: undefined,
    allowTrace: undefined, tls: undefined, trustedProxies: undefined,
  });
  await server.listen({
    port: undefined, host: '127.0.0.1', path: undefined, backlog: undefined, reusePort: undefined,
    proxyProtocol: undefined, signal: undefined,
  });
  const client = await connected(server.port);
  expect(await client.send(GET).answered(1)).toMatchObject([{ status: 200 }]);
  const folder = await temporaryDirectory();
  const made = developmentCertificate({ folder, names: undefined, now: undefined });
  const tls = {
    certificates: {
      ...made, passphrase: undefined, names: undefined, clientCertificates: undefined,
    },
    minVersion: undefined, unknownNames: undefined, clearText: undefined, ticketKey: undefined,
    watch: undefined,
  };
  expect(() => createServer(hello, { tls, limits: undefined })).not.toThrow();
  const secure = { maxAgeSeconds: undefined, includeSubDomains: undefined, preload: undefined };
  expect(() => strictTransportSecurity(secure)).not.toThrow();
  await server.close({ timeoutMs: undefined, announceMs: undefined });
});

describe('close', () => {
  test.each([Infinity, 2 ** 31])('of %d ms lets what has begun finish', async (timeoutMs) => {
    let answer: (response: HttpResponse) => void = () => {};
    let begun = false;
    const server = await serve(() => {
      begun = true;
      return new Promise<HttpResponse>((resolve) => answer = resolve);
    });
    const client = await connected(server.port);
    client.send(GET);
    await eventually(() => begun, 'the handler is called');
    const closed = server.close({ timeoutMs });
    await eventually(() => server.port === 0, 'it accepts no more');
    answer(hello());
    expect(await client.answered(1)).toMatchObject([{ body: 'hello' }]);
    client.socket.end();
    await closed;
  });

  test('takes the connections that the kernel has made already', async () => {
    const server = await serve(hello);
    const clients = Array.from({ length: 60 }, () => Client.start(server.port).send(GET));
    // Nothing of them is accepted before the close, which is asked for in this very turn.
    const closed = server.close();
    for (const client of clients) client.socket.on('end', () => client.socket.end());
    await closed;
    const outcomes = clients.map((client) => client.error?.code ?? client.answers().length);
    // A connect that the kernel had not finished is refused; none is reset with its request.
    expect(outcomes.filter((outcome) => outcome === 'ECONNRESET')).toEqual([]);
    expect(outcomes.filter((outcome) => outcome === 1).length).toBeGreaterThan(0);
  });
});

test('a flood of failures is not a flood of reports', async () => {
  const written: string[] = [];
  const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  onTestFinished(() => spy.mockRestore());
  const server = await serve(() => { throw new Error('\x1b[2J\nforged'.repeat(1000)); });
  const client = await connected(server.port);
  await client.send(GET.repeat(300)).answered(300);
  const reports = written.filter((text) => text.startsWith('wirestack: GET / failed'));
  // At most one second turned while they came.
  expect(reports.length).toBeGreaterThan(0);
  expect(reports.length).toBeLessThanOrEqual(200);
  expect(reports.every((text) => text.length <= 2049 && !text.includes('\x1b'))).toBe(true);
  expect(reports.some((text) => /^forged/m.test(text))).toBe(false);
});

test('a connection that lingers makes room before any other', async () => {
  const server = await serve(hello, { limits: { connections: 3 } });
  const polite = await connected(server.port);
  await polite.send(GET).answered(1);
  const broken = await Promise.all([1, 2].map(() => connected(server.port)));
  for (const client of broken) await client.send('BAD\n\n').sawEnd();
  const late = await connected(server.port);
  expect(await late.send(GET).answered(1)).toMatchObject([{ status: 200 }]);
  expect(await polite.send(GET).answered(2)).toMatchObject([{ status: 200 }, { status: 200 }]);
  expect(server.counters).toMatchObject({ refused: 0, evicted: 1 });
});
