/** The server's side: what it tells of itself, and whom it tells of what happened. */
import { expect, test } from 'vitest';
import { get, headers, open, ping, silent } from '../support/http2.ts';

test('its settings (RFC 9113 §6.5.2)', async () => {
  const { all: [first] } = await open();
  const octets = Buffer.from(first!.payload);
  const pairs = Array.from({ length: octets.length / 6 }, (_, i) =>
    [octets.readUInt16BE(i * 6), octets.readUInt32BE(i * 6 + 2)]);
  expect(pairs).toEqual([[3, 100], [4, 256 * 1024], [6, 16 * 1024], [9, 1]]);
});

test('offences are told, with their section', async () => {
  const connected = await open();
  await connected.send(headers(1, [['x', 'y']]), get(2));
  expect(connected.refused).toEqual([
    'no :method (RFC 9113 §8.3.1)', 'HEADERS on an idle stream (RFC 9113 §5.1.1)',
  ]);
});

test('a PING of ours that is not answered destroys the connection', async () => {
  const connected = await open(silent);
  await connected.send(get(1));
  connected.transport.shutdown();
  connected.transport.tick(9_750);
  expect(connected.transport.closed).toBe(false);
  await connected.send(ping());
  connected.transport.tick(250);
  expect(connected.transport.closed).toBe(true);
});
