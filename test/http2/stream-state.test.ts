/** The table of RFC 9113 §5.1, figure 2, arrow by arrow; all else is illegal. */
import { expect, test } from 'vitest';
import {
  CLOSED, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, IDLE, ILLEGAL, OPEN, RECV_END_STREAM, RECV_HEADERS,
  RECV_PROMISE, RESERVED_LOCAL, RESERVED_REMOTE, RESET, SEND_END_STREAM, SEND_HEADERS, SEND_PROMISE,
  after, canReceive, canSend, type StreamAct, type StreamState,
} from '../../src/http2/stream-state.ts';

const ARROWS: readonly (readonly [StreamState, StreamAct, StreamState])[] = [
  [IDLE, SEND_HEADERS, OPEN], [IDLE, RECV_HEADERS, OPEN], [IDLE, SEND_PROMISE, RESERVED_LOCAL],
  [IDLE, RECV_PROMISE, RESERVED_REMOTE], [RESERVED_LOCAL, SEND_HEADERS, HALF_CLOSED_REMOTE],
  [RESERVED_REMOTE, RECV_HEADERS, HALF_CLOSED_LOCAL], [OPEN, SEND_HEADERS, OPEN],
  [OPEN, RECV_HEADERS, OPEN], [OPEN, SEND_END_STREAM, HALF_CLOSED_LOCAL],
  [OPEN, RECV_END_STREAM, HALF_CLOSED_REMOTE], [HALF_CLOSED_LOCAL, RECV_HEADERS, HALF_CLOSED_LOCAL],
  [HALF_CLOSED_LOCAL, RECV_END_STREAM, CLOSED],
  [HALF_CLOSED_REMOTE, SEND_HEADERS, HALF_CLOSED_REMOTE],
  [HALF_CLOSED_REMOTE, SEND_END_STREAM, CLOSED], [RESERVED_LOCAL, RESET, CLOSED],
  [RESERVED_REMOTE, RESET, CLOSED], [OPEN, RESET, CLOSED], [HALF_CLOSED_LOCAL, RESET, CLOSED],
  [HALF_CLOSED_REMOTE, RESET, CLOSED], [CLOSED, RESET, CLOSED],
];
const STATES = [0, 1, 2, 3, 4, 5, 6] as const;

test('each act in each state', () => {
  for (const state of STATES) {
    for (const act of STATES) {
      const arrow = ARROWS.find(([from, by]) => from === state && by === act);
      expect([state, act, after(state, act)]).toEqual([state, act, arrow?.[2] ?? ILLEGAL]);
    }
  }
});

test('who may send content', () => {
  expect(STATES.filter(canReceive)).toEqual([OPEN, HALF_CLOSED_LOCAL]);
  expect(STATES.filter(canSend)).toEqual([OPEN, HALF_CLOSED_REMOTE]);
});
