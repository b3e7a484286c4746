/** What only a process shows of a WebSocket client: when it ends by itself, and what it dies of. */
import { expect, test } from 'vitest';
import { webSocket } from '../../src/index.ts';
import { child } from '../server/child.ts';
import { serve } from '../support/sockets.ts';

/** A program that says when it is there, as a server would, and connects. */
function program(port: number, script: string): string {
  return `
    process.send({ port: 0 });
    process.channel.unref();
    const session = await wirestack.connectWebSocket('ws://127.0.0.1:${port}/');
    facts.open = true;
    ${script}
  `;
}

test('an open session keeps the process, its end lets it go, and no timer stays', async () => {
  let end = (): void => {};
  const { port } = await serve(webSocket((session) => {
    end = () => void session.close(4000);
  }));
  const client = await child(program(port, `
    facts.closure = await session.closed;
    process.on('exit', () => console.assert(facts.closure.code === 4000));
  `));
  const { resources } = await client.until(({ facts }) => facts['open'] === true);
  expect(resources.filter((name) => name === 'Timeout')).toEqual([]);
  expect(client.process.exitCode).toBeNull();
  end();
  expect(await client.exited).toEqual({ code: 0, signal: null });
  expect(client.stderr).toBe('');
});

test.each([
  ['close', 'await session.close();'], ['terminate', 'session.terminate(); await session.closed;'],
])('after %s it ends by itself', async (_, script) => {
  const { port } = await serve(webSocket(() => {}));
  const client = await child(program(port, script));
  expect(await client.exited).toEqual({ code: 0, signal: null });
});

test('an attempt that was refused, or given up, holds no process', async () => {
  const { port } = await serve(webSocket(() => {}, { requireOrigin: true }));
  const client = await child(`
    process.send({ port: 0 });
    process.channel.unref();
    const url = 'ws://127.0.0.1:${port}/';
    const refused = await wirestack.connectWebSocket(url).catch((error) => error.status);
    const signal = AbortSignal.abort();
    const aborted = await wirestack.connectWebSocket(url, { signal }).catch(({ name }) => name);
    if (refused !== 403 || aborted !== 'AbortError') process.exitCode = 3;
  `);
  expect(await client.exited).toEqual({ code: 0, signal: null });
});

test.each([
  ['throws', '() => { throw new Error("mine alone"); }'],
  ['rejects', 'async () => { throw new Error("mine alone"); }'],
])('a listener that %s is the program\'s uncaught exception', async (_, listener) => {
  const { port } = await serve(webSocket((session) => void session.send('hello')));
  const client = await child(program(port, `session.onMessage(${listener});`));
  expect(await client.exited).toEqual({ code: 1, signal: null });
  expect(client.stderr).toContain('Error: mine alone');
});

test('one that is caught closes the session with 1011, and says nothing of why', async () => {
  let closed: Promise<unknown> = Promise.resolve();
  const { port } = await serve(webSocket((session) => {
    closed = session.closed;
    void session.send('hello');
  }));
  const client = await child(`
    process.on('uncaughtException', (error) => facts.caught = error.message);
  ${program(port, `
    session.onMessage(() => { throw new Error('mine alone'); });
    facts.closure = await session.closed;
    if (facts.caught !== 'mine alone' || facts.closure.code !== 1011) process.exitCode = 3;
  `)}`);
  expect(await client.exited).toEqual({ code: 0, signal: null });
  expect(await closed).toMatchObject({ code: 1011, clean: true });
  expect(JSON.stringify(await closed)).not.toContain('mine');
});

test('a send that nobody awaits fails in silence', async () => {
  const { port } = await serve(webSocket((session) => session.terminate()));
  const client = await child(program(port, `
    await session.closed;
    session.send('late');
    session.ping().catch(() => {});
    void session.close();
  `));
  expect(await client.exited).toEqual({ code: 0, signal: null });
});
