/**
 * Frames for the fuzzer: what a peer may send in the state that the model is in (LEGAL), and what
 * costs it a stream at most (OFFENCES); http2-fatal-frames.ts has what ends the connection. Each
 * has a weight. Which it truly is, the model says.
 */
import {
  ACK, GOAWAY, PING, PRIORITY, PRIORITY_UPDATE, RST_STREAM, SETTINGS, WINDOW_MAX,
} from '../../src/http2/frame.ts';
import { join } from '../support/http2.ts';
import { anyId, uint32, type FrameMaker, type Weighted } from './http2-frame-maker.ts';
import type { SentFrame } from './http2-model.ts';

// What may be sent

function request(maker: FrameMaker): SentFrame {
  const { random } = maker;
  const streamId = maker.nextId();
  const end = random.chance(0.4);
  const length = random.chance(0.4) ? random.int(end ? 2 : 3000) : undefined;
  return maker.headers(streamId, maker.blocks.request(streamId, length), end);
}

/** DATA within the windows, and the length that was told. */
export function content(maker: FrameMaker): SentFrame | undefined {
  const { random } = maker;
  const stream = maker.receiving();
  if (stream === undefined) return undefined;
  const left = (stream.expected ?? Infinity) - stream.received;
  const room = maker.room(stream);
  const padding = random.chance(0.15) ? random.int(256) : -1;
  const overhead = padding < 0 ? 0 : padding + 1;
  const most = Math.min(room, left + overhead);
  const isFull = random.chance(maker.style.hoards ? 0.9 : 0.3);
  const octets = isFull ? most : Math.min(most, random.int(1000));
  if (octets < overhead) return undefined;
  const end = octets - overhead === left || (left === Infinity && random.chance(0.2));
  return maker.data('DATA', stream.id, octets, end, padding);
}

export function trailers(maker: FrameMaker): SentFrame | undefined {
  const stream = maker.stream(({ canReceive, expected, received }) =>
    canReceive && (expected ?? received) === received);
  return stream && maker.headers(stream.id, maker.blocks.trailers(true), true);
}

const VALID_SETTINGS: readonly (readonly [number, readonly number[]])[] = [
  [1, [0, 100, 4096, 65_536, 0xffff_ffff]], [2, [0, 1]], [3, [0, 1, 100, 0xffff_ffff]],
  [4, [0, 1, 100, 1000, 65_535, 100_000, 1_000_000]], [5, [16_384, 16_385, 100_000, 0xff_ffff]],
  [6, [0, 1000, 0xffff_ffff]], [9, [0]], [0x4a4a, [0, 0xffff_ffff]], [0, [7]], [7, [7]],
];

function settings(maker: FrameMaker): SentFrame {
  const { random } = maker;
  const pairs = Array.from({ length: random.int(4) }, () => {
    const [id, values] = random.pick(VALID_SETTINGS);
    return [id, random.pick(values)] as const;
  });
  // A window that two settings of one frame move is at its last value, or at both in turn.
  const unique = pairs.filter(([id], at) => pairs.findIndex(([one]) => one === id) === at);
  return maker.settings('SETTINGS', unique);
}

function priorityUpdate(maker: FrameMaker): SentFrame | undefined {
  const { random, model } = maker;
  const id = anyId(maker);
  const idle = model.isIdle(id) && !model.prioritized.has(id);
  if (idle && model.prioritized.size + model.active >= model.limits.concurrent) return undefined;
  const value = random.pick(['u=1', 'u=7, i', '', 'i', 'no dictionary!', 'u=9']);
  return maker.frame('PRIORITY_UPDATE', PRIORITY_UPDATE, 0, 0, join(uint32(id), value));
}

export function plainPriority(maker: FrameMaker): SentFrame {
  const id = anyId(maker);
  return maker.frame('PRIORITY', PRIORITY, 0, id, [...uint32(id + 2), 15]);
}

/** Extensions: types and flags that nobody knows (§4.1, §5.5). */
export function unknown(maker: FrameMaker): SentFrame {
  const { random } = maker;
  const type = random.pick([0x0a, 0x0b, 0x0c, 0x0f, 0x11, 0x42, 0xff]);
  const id = random.pick([0, 2, anyId(maker)]);
  return maker.frame('unknown', type, random.int(256), id, random.bytes(random.int(50)));
}

export function update(maker: FrameMaker): SentFrame {
  const { random, model } = maker;
  const stream = maker.stream(({ send }) => send < WINDOW_MAX / 2);
  if (stream === undefined || (random.chance(0.5) && model.sendWindow < WINDOW_MAX / 2)) {
    const most = model.sendWindow < WINDOW_MAX / 2 ? 50_000 : 1;
    return maker.windowUpdate('WINDOW_UPDATE', 0, random.between(1, most));
  }
  const increment = random.chance(0.1)
    ? WINDOW_MAX - Math.max(0, stream.send) : random.between(1, 50_000);
  return maker.windowUpdate('WINDOW_UPDATE', stream.id, increment);
}

export function anyReset(maker: FrameMaker): SentFrame | undefined {
  const { random } = maker;
  const id = random.chance(0.7)
    ? maker.stream(() => true)?.id : maker.closed('ended', 'peer reset', 'we reset');
  if (id === undefined) return undefined;
  return maker.frame('RST_STREAM', RST_STREAM, 0, id, uint32(random.pick([0, 5, 8, 0xff])));
}

/** A frame for a stream that has just ended may have been on its way. */
export function late(maker: FrameMaker): SentFrame | undefined {
  const id = maker.closed('ended', 'peer reset', 'we reset');
  if (id === undefined) return undefined;
  const increment = maker.random.pick([0, 1, WINDOW_MAX]);
  return maker.windowUpdate('WINDOW_UPDATE of a closed stream', id, increment);
}

export function dataAfterReset(maker: FrameMaker): SentFrame | undefined {
  const id = maker.closed('we reset');
  const { model, style } = maker;
  const room = Math.min(300, model.receiveWindow - style.connectionWindow / 2);
  if (id === undefined || room < 1) return undefined;
  return maker.data('DATA after our reset', id, maker.random.int(room), maker.random.chance(0.2));
}

export function headersAfterReset(maker: FrameMaker): SentFrame | undefined {
  const id = maker.closed('we reset');
  const { random, blocks } = maker;
  return id === undefined ? undefined
    : maker.headers(id, blocks.trailers(random.chance(0.8)), random.chance(0.8));
}

export function ping(maker: FrameMaker): SentFrame {
  const flags = maker.random.int(256);
  return maker.frame('PING', PING, flags, 0, maker.random.bytes(8));
}

export function acknowledgement(maker: FrameMaker): SentFrame {
  return maker.frame('SETTINGS', SETTINGS, ACK, 0);
}

function goaway(maker: FrameMaker): SentFrame {
  return maker.frame('GOAWAY', GOAWAY, 0, 0, [...uint32(0), ...uint32(0), 0x61]);
}

export const LEGAL: Weighted = [
  [25, request], [40, content], [5, trailers], [4, settings], [15, update], [4, anyReset],
  [2, late], [2, dataAfterReset], [1, headersAfterReset], [3, priorityUpdate], [2, plainPriority],
  [3, unknown],
  [3, ping], [1, acknowledgement], [1, goaway],
];

// What ends a stream

function overStreamWindow(maker: FrameMaker): SentFrame | undefined {
  const { random, model, style } = maker;
  const more = style.exact ? 1 : Math.ceil(style.streamWindow / 2) + 1;
  const reserve = style.exact ? 0 : style.connectionWindow / 2;
  const stream = maker.stream(({ canReceive, receive }) => canReceive &&
    receive + more <= Math.min(style.dataOctets, model.receiveWindow - reserve));
  if (stream === undefined || maker.inBatch) return undefined;
  const most = Math.min(style.dataOctets, model.receiveWindow - reserve) - stream.receive;
  const octets = stream.receive + (random.chance(0.5) ? more : random.between(more, most));
  return maker.data('DATA over the stream window', stream.id, octets, false);
}

function contentLengthMissed(maker: FrameMaker): SentFrame | undefined {
  const { random } = maker;
  const stream = maker.stream((one) => one.canReceive && one.expected !== undefined);
  if (stream === undefined) return undefined;
  const left = (stream.expected as number) - stream.received;
  const room = maker.room(stream);
  if (left > 0 && random.chance(0.5)) {
    const octets = Math.min(room, random.int(left));
    return maker.data('DATA under content-length', stream.id, octets, true);
  }
  if (room <= left) return undefined;
  const octets = random.chance(0.5) ? left + 1 : random.between(left + 1, room);
  return maker.data('DATA over content-length', stream.id, octets, random.chance(0.3));
}

/** DATA where the client has ended its side, or where it reset the stream. */
function dataTooLate(maker: FrameMaker): SentFrame | undefined {
  const { random, model, style } = maker;
  const half = maker.stream((one) => one.id % 2 === 1 && one.state === 'half-closed (remote)');
  const id = half?.id ?? maker.closed('ended', 'peer reset');
  const room = Math.min(300, model.receiveWindow - style.connectionWindow / 2);
  if (id === undefined || room < 1) return undefined;
  return maker.data('DATA too late', id, random.int(room), random.chance(0.3));
}

function headersTooLate(maker: FrameMaker): SentFrame | undefined {
  const { random, blocks } = maker;
  const half = maker.stream(({ state }) => state === 'half-closed (remote)')?.id;
  const id = half ?? maker.closed('peer reset');
  return id === undefined ? undefined
    : maker.headers(id, blocks.trailers(random.chance(0.8)), random.chance(0.8));
}

function badTrailers(maker: FrameMaker): SentFrame | undefined {
  const stream = maker.receiving();
  if (stream === undefined) return undefined;
  const wellFormed = maker.random.chance(0.4);
  return maker.headers(stream.id, maker.blocks.trailers(wellFormed), !wellFormed);
}

function selfDependency(maker: FrameMaker): SentFrame | undefined {
  const { random, blocks } = maker;
  const id = random.chance(0.5) ? maker.nextId() : maker.stream(({ id: one }) => one % 2 === 1)?.id;
  if (id === undefined) return undefined;
  if (random.chance(0.5)) {
    return maker.frame('PRIORITY on itself', PRIORITY, 0, id, [...uint32(id), 15]);
  }
  return maker.headers(id, blocks.request(id, undefined), true, id);
}

function priorityOfClosed(maker: FrameMaker): SentFrame | undefined {
  const id = maker.closed('ended', 'peer reset', 'we reset');
  return id === undefined ? undefined
    : maker.frame('PRIORITY on itself, closed', PRIORITY, 0, id, [...uint32(id), 15]);
}

function priorityLength(maker: FrameMaker): SentFrame | undefined {
  const id = maker.stream(() => true)?.id ?? maker.closed('ended', 'peer reset', 'we reset');
  const length = maker.random.pick([0, 4, 6, 20]);
  return id === undefined ? undefined
    : maker.frame('PRIORITY of another length', PRIORITY, 0, id, new Uint8Array(length));
}

function updateOfZero(maker: FrameMaker): SentFrame | undefined {
  const id = maker.stream(() => true)?.id;
  return id === undefined ? undefined : maker.windowUpdate('WINDOW_UPDATE of 0', id, 0);
}

function updateTooFar(maker: FrameMaker): SentFrame | undefined {
  const stream = maker.stream(({ send, state }) => send > 0 &&
    !(maker.inBatch && state === 'half-closed (local)'));
  if (stream === undefined) return undefined;
  const least = WINDOW_MAX - stream.send + 1;
  const increment = maker.random.pick([least, WINDOW_MAX]);
  return maker.windowUpdate('WINDOW_UPDATE too far', stream.id, increment);
}

export const OFFENCES: Weighted = [
  [4, overStreamWindow], [4, contentLengthMissed], [3, dataTooLate], [3, headersTooLate],
  [3, badTrailers], [3, selfDependency], [1, priorityOfClosed], [2, priorityLength],
  [1, updateOfZero], [2, updateTooFar],
];
