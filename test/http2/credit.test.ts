/** Credit for what was read: of the stream, of the connection, and windows that grow. */
import { expect, test } from 'vitest';
import { Slab } from '../../src/bytes/slab.ts';
import { Credit } from '../../src/http2/credit.ts';
import { ReceiveWindow } from '../../src/http2/flow-control.ts';
import type { Outbound } from '../../src/http2/outbound.ts';
import type { Http2Stream } from '../../src/http2/stream.ts';
import { HALF_CLOSED_REMOTE, OPEN, type StreamState } from '../../src/http2/stream-state.ts';
import { limitsFrom } from '../../src/limits.ts';
import type { Transport } from '../../src/protocol.ts';
import { framesOf, numberIn } from '../support/http2.ts';

const limits = limitsFrom({ http2StreamWindowMaxBytes: 400 });

function made(state: StreamState = OPEN) {
  const slab = new Slab();
  let charged = 0;
  const transport = {
    charge: (octets: number) => (charged += octets) <= 1_000_000,
  } as unknown as Transport;
  const window = new ReceiveWindow(1000);
  const credit = new Credit(transport, limits, { slab } as unknown as Outbound, window);
  const stream = { id: 1, state, receiveWindow: new ReceiveWindow(100) } as Http2Stream;
  window.receive(1000);
  stream.receiveWindow.receive(100);
  /** Stream and credit of each WINDOW_UPDATE since the last look. */
  const told = (): number[][] =>
    framesOf(slab.take()).map((frame) => [frame.streamId, numberIn(frame)]);
  return { credit, stream, told };
}

test('half a window is worth a frame; it grows twofold to its most', () => {
  const { credit, stream, told } = made();
  credit.give(stream, 49);
  expect(told()).toEqual([]);
  credit.give(stream, 1);
  expect(told()).toEqual([[1, 150]]);
  credit.give(stream, 100);
  expect(told()).toEqual([[1, 300]]);
  credit.give(stream, 200);
  expect(told()).toEqual([[1, 200]]);
});

test('where much lies unread, no window grows', () => {
  const { credit, stream, told } = made();
  expect(credit.hold(1024 * 1024)).toBe(false);
  credit.give(stream, 50);
  expect(told()).toEqual([[1, 50]]);
  credit.hold(-1);
  credit.give(stream, 50);
  expect(told()).toEqual([[1, 150]]);
});

test('the connection has its own; a stream that ended has none', () => {
  const { credit, stream, told } = made(HALF_CLOSED_REMOTE);
  credit.give(stream, 400);
  credit.giveConnection(100);
  expect(told()).toEqual([[0, 500]]);
});
