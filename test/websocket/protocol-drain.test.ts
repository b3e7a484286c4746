/** The end of a server with many sessions: a crowd is sent away over a while. */
import { describe, expect, test } from 'vitest';
import { limitsFrom, type LimitChanges } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { webSocket } from '../../src/websocket/endpoint.ts';
import { close } from '../support/websocket.ts';
import { makeRequest } from '../support/requests.ts';
import { FrameReader, shown } from '../support/websocket-frames.ts';

const FIELDS = {
  'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** So many sessions of one endpoint, each on a transport of its own. */
async function crowd(
  count: number, random: () => number, limits: LimitChanges = {},
): Promise<MemoryTransport[]> {
  const all = limitsFrom(limits);
  const handle = webSocket(() => {}, { random, limits: all });
  return Promise.all(Array.from({ length: count }, async () => {
    const { switchTo } = await handle(makeRequest({ fields: FIELDS }));
    return new MemoryTransport(switchTo!, { limits: all });
  }));
}

const said = (transport: MemoryTransport): string[] =>
  new FrameReader().read(transport.takeBytes()).map(shown);

describe('a closing server', () => {
  const GOODBYE = ['close 1001 the server is closing'];

  test('says Close to 249 sessions at once', async () => {
    const transports = await crowd(249, () => 0.9);
    for (const transport of transports) transport.shutdown();
    expect(transports.map(said)).toEqual(transports.map(() => GOODBYE));
  });

  test('to 250 over a while: 1 ms for each at most', async () => {
    const draws = [0, 0.5, 0.999];
    let draw = 0;
    const transports = await crowd(750, () => draws[draw++ % 3]!);
    for (const transport of transports) transport.shutdown();
    const ended = (): number => transports.filter((one) => said(one).length > 0).length;
    expect(ended()).toBe(250);
    // 375 ms for the second third, 749.25 for the last.
    const second = transports.filter((_, at) => at % 3 === 1);
    const last = transports.filter((_, at) => at % 3 === 2);
    for (const transport of second) transport.tick(500);
    expect(ended()).toBe(250);
    for (const transport of last) transport.tick(500);
    expect(ended()).toBe(0);
    for (const transport of last) transport.tick(250);
    expect(ended()).toBe(250);
  });

  test('within drainMs, less what the last handshake may take', async () => {
    const limits = { drainMs: 5100, webSocketCloseMs: 5000 };
    const transports = await crowd(500, () => 0.999, limits);
    for (const transport of transports) transport.shutdown();
    expect(transports.flatMap(said)).toEqual([]);
    const [one] = transports;
    one!.tick(100);
    expect(said(one!)).toEqual(GOODBYE);
  });

  test('a session that waits for its goodbye is as open as ever, and may end before', async () => {
    const transports = await crowd(300, () => 0.999);
    const [one] = transports;
    for (const transport of transports) transport.shutdown();
    one!.send(close(1000));
    expect(said(one!)).toEqual(['close 1000']);
    one!.tick(1000);
    expect(said(one!)).toEqual([]);
  });

  test('sessions that have ended are no crowd', async () => {
    const transports = await crowd(300, () => 0.9);
    for (const transport of transports.splice(249)) transport.disconnect();
    for (const transport of transports) transport.shutdown();
    expect(transports.map(said)).toEqual(transports.map(() => GOODBYE));
  });
});
