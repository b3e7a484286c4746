/** Whose turn it is (RFC 9218 §10); what it does to answers is in conformance/rfc9218. */
import { expect, test } from 'vitest';
import type { Outbound } from '../../src/http2/outbound.ts';
import { SendQueue, turnOf } from '../../src/http2/send-queue.ts';
import type { Http2Stream } from '../../src/http2/stream.ts';

const stream = (id: number, urgency: number, incremental = false): Http2Stream =>
  ({
    id, queuedAt: -1, turnLeft: 0, roundLeft: 0, sentBytes: 0, priority: { urgency, incremental },
  }) as Http2Stream;
const order = (queue: SendQueue): number[] =>
  Array.from({ length: queue.length }, () => queue.next()!.id);

test('by urgency, then by identifier, those first that had nothing yet', () => {
  const queue = new SendQueue();
  for (const one of [stream(1, 3), stream(2, 0), stream(3, 3), stream(4, 7)]) queue.add(one);
  expect(order(queue)).toEqual([2, 1, 3, 4]);
  const begun = stream(5, 3);
  begun.sentBytes = 1;
  for (const one of [begun, stream(9, 3), stream(7, 3)]) queue.add(one);
  expect(order(queue)).toEqual([7, 9, 5]);
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

test('the eighth turn goes by rotation, and is a short one', () => {
  const queue = new SendQueue();
  const [fast, middle, slow] = [stream(1, 0), stream(2, 3), stream(3, 7)] as const;
  const turns = Array.from({ length: 32 }, () => {
    for (const each of [fast, middle, slow]) queue.add(each);
    const one = queue.next()!;
    const turn = [one.id, one.turnLeft / 1024] as const;
    one.turnLeft = 0;
    return turn;
  });
  expect(turns.filter((_, index) => index % 8 === 7)).toEqual([[2, 16], [3, 16], [1, 16], [2, 16]]);
  const others = turns.filter((_, index) => index % 8 !== 7);
  expect(others.every(([id, size]) => id === 1 && size === 128)).toBe(true);
});

test('the length of a turn', () => {
  expect([turnOf(stream(1, 3, true)), turnOf(stream(1, 3))]).toEqual([16 * 1024, 128 * 1024]);
});

test('what was cut short goes on first, and who has begun waits for those that have not', () => {
  const queue = new SendQueue();
  const outbound = { blocked: false, window: { available: 1 } } as unknown as Outbound;
  const cut = stream(1, 3);
  const [second, third, begun] = [stream(3, 3), stream(5, 3), stream(7, 3)] as const;
  begun.sentBytes = 1;
  cut.send = () => {
    cut.sentBytes += 400;
    cut.turnLeft -= 400;
    return true;
  };
  for (const each of [cut, second, third]) queue.add(each);
  queue.run(outbound);
  queue.add(begun);
  expect(order(queue)).toEqual([1, 3, 5, 7]);
});
