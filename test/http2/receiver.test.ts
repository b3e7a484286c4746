/** Frames where they come: order of checks. Verdicts are in conformance/rfc9113-*. */
import { expect, test } from 'vitest';
import { DATA, END_STREAM, PADDED } from '../../src/http2/frame.ts';
import {
  continuation, data, frame, get, headers, join, open, post, reset, silent, verdict, windowUpdate,
} from '../support/http2.ts';

test('a block is decoded before its stream is judged (RFC 9113 §4.3)', async () => {
  const octets = join(post(1), reset(1), headers(1, Uint8Array.of(0x80)));
  expect(await verdict(octets, silent)).toMatchObject({ goaway: 'COMPRESSION_ERROR' });
});

test('a stream that is reset within its DATA takes no more of it', async () => {
  const octets = join(post(1, [['content-length', '2']]), data(1, 'abcdef', END_STREAM), get(3));
  expect(await verdict(octets, silent))
    .toMatchObject({ goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' } });
});

test('a block in parts on a stream that was reset is taken and forgotten', async () => {
  const octets = join(post(1), windowUpdate(1, 0),
    headers(1, new Uint8Array(0), END_STREAM), continuation(1, ''), get(3));
  expect(await verdict(octets, silent))
    .toMatchObject({ goaway: undefined, seen: ['POST /', 'GET /'] });
});

test('padding of DATA within which a stream was reset is credited all the same', async () => {
  const window = 65_535;
  const connected = await open(silent, { limits: { http2ConnectionWindowBytes: window } });
  const padded = `\xff${'x'.repeat(100)}${'\0'.repeat(255)}`;
  // More than the window in all: a single octet that was not given back would show.
  for (let id = 1; id < 800; id += 2) {
    await connected.send(post(id, [['content-length', '2']]), frame(DATA, PADDED, id, padded));
    if (id % 3 === 0) connected.transport.tick(1000);
  }
  expect(connected.transport.ended).toBe(false);
  expect(connected.refused).toEqual([]);
});
