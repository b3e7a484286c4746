/** The contract of echo with parser suites: what it answers, and what it does not. */
import { afterAll, describe, expect, test, vi } from 'vitest';
import { startExample } from '../support/process.ts';
import { connected, type Client } from '../support/sockets.ts';
import { head } from '../support/vectors.ts';

vi.setConfig({ testTimeout: 30_000 });

const echo = await startExample(afterAll, 'echo', '--port', '0');

async function say(octets: string): Promise<Client> {
  return (await connected(echo.port)).send(octets);
}

describe('any method, any target, any version', () => {
  test.each([
    'GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY', 'PROPFIND', 'get', '!#$%',
    'A'.repeat(32),
  ])('%s', async (method) => {
    const lines = [`${method} /a HTTP/1.1`, 'Host: a', 'Content-Length: 5'];
    const client = await say(head(...lines) + 'hello');
    const [answer] = await client.answered(1, [method]);
    expect([answer?.status, answer?.body]).toEqual([200, 'hello']);
  });

  test('HEAD has the length of the content, and none', async () => {
    const client = await say(head('HEAD / HTTP/1.1', 'Host: a', 'Content-Length: 5') + 'hello');
    const [answer] = await client.answered(1, ['HEAD']);
    expect([answer?.fields.get('content-length'), answer?.body]).toEqual(['5', '']);
  });

  const targets = ['/', '/a/b?c=d', '//', '/%00', 'http://a/', 'https://a:1/b?c'];

  test.each(targets)('%s', async (target) => {
    const client = await say(head(`GET ${target} HTTP/1.1`, 'Host: a'));
    expect((await client.answered(1))[0]?.status).toBe(200);
  });

  test('OPTIONS *', async () => {
    const client = await say(head('OPTIONS * HTTP/1.1', 'Host: a'));
    expect((await client.answered(1))[0]?.status).toBe(200);
  });

  test.each(['1.0', '1.1', '1.2', '1.9'])('HTTP/%s', async (version) => {
    const client = await say(head(`POST / HTTP/${version}`, 'Host: a', 'Content-Length: 2') + 'ok');
    expect((await client.answered(1))[0]?.body).toBe('ok');
  });
});

describe('but', () => {
  test.each([['CONNECT a:80', 501], ['TRACE /', 405]])('%s is %d', async (start, status) => {
    const client = await say(head(`${start} HTTP/1.1`, 'Host: a:80'));
    const [method = ''] = start.split(' ');
    await client.until(() => client.answers([method]).length === 1, 'an answer');
    expect(client.answers([method])[0]?.status).toBe(status);
  });

  test('no Upgrade is honoured', async () => {
    const lines = ['Connection: upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const client = await say(head('GET / HTTP/1.1', 'Host: a', ...lines));
    expect((await client.answered(1))[0]?.status).toBe(200);
  });
});

describe('all of the content is read first', () => {
  const MIB = 1024 * 1024;
  const CHUNKED = head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked');

  test('nothing is said before the last chunk', async () => {
    const client = await say(`${CHUNKED}5\r\nhello\r\n`);
    client.send('7\r\n, world\r\n');
    const before = client.receivedBytes;
    const [answer] = await client.send('0\r\n\r\n').answered(1);
    expect([before, answer?.body]).toEqual([0, 'hello, world']);
  });

  test('a fault in a later chunk decides the answer', async () => {
    const client = await say(`${CHUNKED}5\r\nhello\r\nx\r\n`);
    await client.sawEnd();
    expect(client.answers().map(({ status }) => status)).toEqual([400]);
  });

  test.each([[MIB, 200], [MIB + 1, 413]])('%d octets: %d', async (length, status) => {
    const client = await say(head('POST / HTTP/1.1', 'Host: a', `Content-Length: ${length}`));
    client.send('x'.repeat(length));
    expect((await client.answered(1))[0]?.status).toBe(status);
  });
});

test('pipelined requests are answered in order', async () => {
  const requests = Array.from({ length: 100 }, (_, index) =>
    head('POST / HTTP/1.1', 'Host: a', `Content-Length: ${`${index}`.length}`) + `${index}`);
  const client = await say(requests.join(''));
  const answers = await client.answered(100);
  expect(answers.map(({ body }) => body)).toEqual(requests.map((_, index) => `${index}`));
});
