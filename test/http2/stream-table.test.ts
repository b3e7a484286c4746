/** Which streams live, and how the last ended. */
import { expect, test } from 'vitest';
import type { Http2Stream } from '../../src/http2/stream.ts';
import {
  ENDED, NEVER_USED, PEER_RESET, StreamTable, WE_RESET,
} from '../../src/http2/stream-table.ts';

const stream = (id: number): Http2Stream => ({ id }) as Http2Stream;

test('a stream lives until it is closed, then its end is known', () => {
  const table = new StreamTable();
  const one = stream(1);
  table.add(one);
  expect([table.get(1), table.size, [...table]]).toEqual([one, 1, [one]]);
  table.close(one, PEER_RESET);
  table.close(one, ENDED);
  expect([table.get(1), table.size, table.closing(1)]).toEqual([undefined, 0, PEER_RESET]);
});

test('idle: above the last of its side', () => {
  const table = new StreamTable();
  table.lastRemote = 5;
  table.lastLocal = 2;
  expect([5, 7].map((id) => table.isIdle(id, true))).toEqual([false, true]);
  expect([2, 4].map((id) => table.isIdle(id, false))).toEqual([false, true]);
});

test('300 of each side are remembered', () => {
  const table = new StreamTable();
  for (let id = 1; id <= 600; id++) table.remember(id, id % 2 === 0 ? WE_RESET : ENDED);
  expect([table.closing(1), table.closing(2)]).toEqual([ENDED, WE_RESET]);
  table.remember(601, ENDED);
  expect([table.closing(1), table.closing(2), table.closing(601)])
    .toEqual([NEVER_USED, WE_RESET, ENDED]);
});
