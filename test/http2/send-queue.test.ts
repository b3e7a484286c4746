/** Whose turn it is (RFC 9218 §10); what it does to answers is in conformance/rfc9218. */
import { expect, test } from 'vitest';
import { SendQueue, turnOf } from '../../src/http2/send-queue.ts';
import type { Http2Stream } from '../../src/http2/stream.ts';

const stream = (id: number, urgency: number, incremental = false): Http2Stream =>
  ({ id, queuedAt: -1, priority: { urgency, incremental } }) as Http2Stream;
const order = (queue: SendQueue): number[] =>
  Array.from({ length: queue.length }, () => queue.next()!.id);

test('by urgency, then in the order that they came', () => {
  const queue = new SendQueue();
  for (const one of [stream(1, 3), stream(2, 0), stream(3, 3), stream(4, 7)]) queue.add(one);
  expect(order(queue)).toEqual([2, 1, 3, 4]);
  expect([queue.length, queue.next()]).toEqual([0, undefined]);
});

test('twice added keeps its place; removed is gone; moved waits by its new urgency', () => {
  const queue = new SendQueue();
  const [one, two, three] = [stream(1, 3), stream(2, 3), stream(3, 3)] as const;
  for (const each of [one, two, three, one]) queue.add(each);
  queue.remove(two);
  queue.remove(two);
  three.priority = { urgency: 1, incremental: false };
  queue.move(three);
  queue.move(two);
  expect(order(queue)).toEqual([3, 1]);
});

test('the eighth turn is for the least urgent', () => {
  const queue = new SendQueue();
  const [fast, slow] = [stream(1, 0), stream(2, 7)] as const;
  queue.add(slow);
  const turns = Array.from({ length: 8 }, () => {
    queue.add(fast);
    return queue.next()!.id;
  });
  expect(turns).toEqual([1, 1, 1, 1, 1, 1, 1, 2]);
});

test('the length of a turn', () => {
  expect([turnOf(stream(1, 3, true)), turnOf(stream(1, 3))]).toEqual([16 * 1024, 128 * 1024]);
});
