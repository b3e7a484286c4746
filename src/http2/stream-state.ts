/**
 * The life of a stream (RFC 9113 §5.1, figure 2):
 *
 *                              +--------+
 *                      send PP |        | recv PP
 *                     ,--------+  idle  +--------.
 *                    /         |        |         \
 *                   v          +--------+          v
 *            +----------+          |           +----------+
 *            |          |          | send H /  |          |
 *     ,------+ reserved |          | recv H    | reserved +------.
 *     |      | (local)  |          |           | (remote) |      |
 *     |      +---+------+          v           +------+---+      |
 *     |          |             +--------+             |          |
 *     |          |     recv ES |        | send ES     |          |
 *     |   send H |     ,-------+  open  +-------.     | recv H   |
 *     |          |    /        |        |        \    |          |
 *     |          v   v         +---+----+         v   v          |
 *     |      +----------+          |           +----------+      |
 *     |      |   half-  |          |           |   half-  |      |
 *     |      |  closed  |          | send R /  |  closed  |      |
 *     |      | (remote) |          | recv R    | (local)  |      |
 *     |      +----+-----+          |           +-----+----+      |
 *     |           |                |                 |           |
 *     |           | send ES /      |       recv ES / |           |
 *     |           |  send R /      v        send R / |           |
 *     |           |  recv R    +--------+   recv R   |           |
 *     | send R /  `----------->|        |<-----------'  send R / |
 *     | recv R                 | closed |               recv R   |
 *     `----------------------->|        |<-----------------------'
 *                              +--------+
 *
 * The table says what an act makes of a state; what is no act of a state is ILLEGAL. Which error
 * that is depends on how the stream was closed, which stream-table.ts remembers.
 */

export const IDLE = 0;
export const RESERVED_LOCAL = 1;
export const RESERVED_REMOTE = 2;
export const OPEN = 3;
export const HALF_CLOSED_LOCAL = 4;
export const HALF_CLOSED_REMOTE = 5;
export const CLOSED = 6;
export type StreamState = typeof IDLE | typeof RESERVED_LOCAL | typeof RESERVED_REMOTE |
  typeof OPEN | typeof HALF_CLOSED_LOCAL | typeof HALF_CLOSED_REMOTE | typeof CLOSED;

// Acts
export const SEND_HEADERS = 0;
export const RECV_HEADERS = 1;
export const SEND_END_STREAM = 2;
export const RECV_END_STREAM = 3;
export const SEND_PROMISE = 4;
export const RECV_PROMISE = 5;
export const RESET = 6;
export type StreamAct = typeof SEND_HEADERS | typeof RECV_HEADERS | typeof SEND_END_STREAM |
  typeof RECV_END_STREAM | typeof SEND_PROMISE | typeof RECV_PROMISE | typeof RESET;

/** No state: the act may not happen. */
export const ILLEGAL = -1;
const NO = ILLEGAL;

type Next = StreamState | typeof ILLEGAL;
const TABLE: readonly (readonly Next[])[] = [
  // send H, recv H, send ES, recv ES, send PP, recv PP, reset
  /* idle */ [OPEN, OPEN, NO, NO, RESERVED_LOCAL, RESERVED_REMOTE, NO],
  /* reserved (local) */ [HALF_CLOSED_REMOTE, NO, NO, NO, NO, NO, CLOSED],
  /* reserved (remote) */ [NO, HALF_CLOSED_LOCAL, NO, NO, NO, NO, CLOSED],
  /* open */ [OPEN, OPEN, HALF_CLOSED_LOCAL, HALF_CLOSED_REMOTE, NO, NO, CLOSED],
  /* half-closed (local) */ [NO, HALF_CLOSED_LOCAL, NO, CLOSED, NO, NO, CLOSED],
  /* half-closed (remote) */ [HALF_CLOSED_REMOTE, NO, CLOSED, NO, NO, NO, CLOSED],
  /* closed */ [NO, NO, NO, NO, NO, NO, CLOSED],
];

/** The state after an act, or ILLEGAL. */
export function after(state: StreamState, act: StreamAct): Next {
  return (TABLE[state] as readonly Next[])[act] as Next;
}

/** Whether the peer may still send content or trailers. */
export function canReceive(state: StreamState): boolean {
  return state === OPEN || state === HALF_CLOSED_LOCAL;
}

/** Whether we may still send content or trailers. */
export function canSend(state: StreamState): boolean {
  return state === OPEN || state === HALF_CLOSED_REMOTE;
}
