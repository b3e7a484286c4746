/** The server's side: what it tells of itself, and whom it tells of what happened. */
import { expect, test } from 'vitest';
import { ACK, GOAWAY, PING } from '../../src/http2/frame.ts';
import type { Limits } from '../../src/limits.ts';
import {
  data, get, headers, numberIn, open, outcomeOf, ping, reset, silent, textOf, type Connected,
  type FieldPairs,
} from '../support/http2.ts';

/** The last streams of all GOAWAY, in order. */
const lasts = ({ all }: Connected): number[] =>
  all.filter(({ type }) => type === GOAWAY).map((one) => numberIn(one));
const WARNING = 0x7fff_ffff;

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

test.each<[string, Partial<Limits>, FieldPairs, string]>([
  ['octets', { fieldSectionBytes: 100, requestLineBytes: 100 }, [['a', 'b'.repeat(200)]],
    'fieldSectionBytes, 100 octets'],
  ['lines', { fieldLines: 1 }, [['a', 'b'], ['a', 'b']], 'fieldLines, 1 lines'],
  ['many lines', { fieldLines: 1 }, Array.from({ length: 9 }, () => ['a', 'b']),
    'fieldLines, 1 lines'],
])('431 for %s names the limit that was crossed (RFC 6585 §5)', async (_, limits, pairs, limit) => {
  const connected = await open(silent, { limits });
  await connected.send(get(1, '/', pairs));
  expect(outcomeOf(connected).answers[1])
    .toContain(`"detail":"field lines are over ${limit} (RFC 6585 `);
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

test('a shutdown that is asked for twice is told once (RFC 9113 §6.8)', async () => {
  const connected = await open(silent);
  await connected.send(get(1));
  connected.transport.shutdown();
  connected.transport.shutdown();
  await connected.settled();
  expect(connected.all.filter(({ type, flags }) => type === PING && flags === 0)).toHaveLength(1);
  expect(lasts(connected)).toEqual([WARNING]);
});

test('the last request, more behind it, and a shutdown: one warning (RFC 9113 §6.8)', async () => {
  const connected = await open(silent, { limits: { requestsPerConnection: 2 } });
  await connected.send(get(1));
  expect(lasts(connected)).toEqual([]);
  await connected.send(get(3), get(5));
  connected.transport.shutdown();
  await connected.send(get(7));
  expect(lasts(connected)).toEqual([WARNING]);
  expect(connected.seen).toHaveLength(4);
});

test('PING answered after the last word: it is not said again (RFC 9113 §6.8)', async () => {
  const connected = await open(silent);
  await connected.send(get(1));
  connected.transport.shutdown();
  const probe = (await connected.settled()).find(({ type }) => type === PING)!;
  connected.transport.tick(1000);
  await connected.send(ping(textOf(probe), ACK));
  await connected.send(ping(textOf(probe), ACK));
  expect(lasts(connected)).toEqual([WARNING, 1]);
  await connected.send(reset(1));
  expect(outcomeOf(connected)).toMatchObject({ goaway: 'NO_ERROR', ended: true });
});

test('an answer to a PING that was not asked is nothing', async () => {
  const connected = await open(silent);
  expect(await connected.send(ping('wire-rtt', ACK))).toEqual([]);
  await connected.send(get(1), data(1));
  expect(lasts(connected)).toEqual([]);
});
