/**
 * Frames that end a connection, for the frame fuzzer: each offence of RFC 9113 §4 to §6 that is a
 * connection error in the state that the model is in.
 */
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY,
  PRIORITY_FLAG, PRIORITY_UPDATE, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_MAX, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { join } from '../support/http2.ts';
import { anyId, uint32, type FrameMaker, type Weighted } from './http2-frame-maker.ts';
import type { SentFrame } from './http2-model.ts';

/** A stream of the server's that is idle; frames of the same read may bring pushes about. */
function idleEven({ model, inBatch }: FrameMaker): number {
  return model.lastLocal + 2 + (inBatch ? 40 : 0);
}

const ON_STREAM_0 = [DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, CONTINUATION];
/** A payload of the right length for each type, so that only the stream is wrong. */
const LENGTHS: Readonly<Record<number, number>> = {
  [PRIORITY]: 5, [RST_STREAM]: 4, [SETTINGS]: 6, [PUSH_PROMISE]: 4, [PING]: 8, [GOAWAY]: 8,
  [WINDOW_UPDATE]: 4, [PRIORITY_UPDATE]: 4,
};

function onStream0(maker: FrameMaker): SentFrame {
  const type = maker.random.pick(ON_STREAM_0);
  return maker.frame('on stream 0', type, END_HEADERS, 0, new Uint8Array(LENGTHS[type] ?? 1));
}

function onAStream(maker: FrameMaker): SentFrame {
  const type = maker.random.pick([SETTINGS, PING, GOAWAY, PRIORITY_UPDATE]);
  const payload = new Uint8Array(LENGTHS[type] ?? 0);
  return maker.frame('on a stream', type, 0, anyId(maker), payload);
}

const WRONG_LENGTHS: readonly (readonly [number, number, number])[] = [
  [RST_STREAM, 0, 3], [RST_STREAM, 0, 5], [RST_STREAM, 0, 0], [PING, 0, 7], [PING, ACK, 9],
  [PING, 0, 0], [GOAWAY, 0, 7], [GOAWAY, 0, 0], [WINDOW_UPDATE, 0, 3], [WINDOW_UPDATE, 0, 5],
  [SETTINGS, 0, 5], [SETTINGS, 0, 7], [SETTINGS, ACK, 6], [PRIORITY_UPDATE, 0, 3],
];

function wrongLength(maker: FrameMaker): SentFrame {
  const [type, flags, length] = maker.random.pick(WRONG_LENGTHS);
  const ofStream = type === RST_STREAM || (type === WINDOW_UPDATE && maker.random.chance(0.5));
  const id = ofStream ? anyId(maker) : 0;
  return maker.frame('of a wrong length', type, flags, id, new Uint8Array(length));
}

/** One octet over SETTINGS_MAX_FRAME_SIZE, of any type (§4.2). */
function tooLong(maker: FrameMaker): SentFrame {
  const type = maker.random.pick([DATA, HEADERS, CONTINUATION, SETTINGS, PRIORITY, 0x42]);
  const id = type === SETTINGS ? 0 : anyId(maker);
  return maker.frame('over the frame size', type, 0, id, new Uint8Array(16_385));
}

/** Padding as long as the payload, or one octet short of it (§6.1, §6.2). */
function badPadding(maker: FrameMaker): SentFrame {
  const { random } = maker;
  const type = random.pick([DATA, HEADERS]);
  const length = random.int(12);
  const payload = new Uint8Array(length);
  if (length > 0) payload[0] = random.pick([length, length + 1, 255]);
  const flags = PADDED | END_HEADERS | (type === HEADERS && random.chance(0.3) ? PRIORITY_FLAG : 0);
  return maker.frame('padding too long', type, flags, anyId(maker), payload);
}

function shortPriority(maker: FrameMaker): SentFrame {
  const payload = new Uint8Array(maker.random.int(5));
  return maker.frame('no room for a priority', HEADERS, PRIORITY_FLAG, anyId(maker), payload);
}

const BAD_SETTINGS: readonly (readonly [number, number])[] = [
  [2, 2], [2, 0xffff_ffff], [4, 0x8000_0000], [4, 0xffff_ffff], [5, 16_383], [5, 0],
  [5, 0x100_0000], [8, 2], [9, 2], [9, 1],
];

function badSetting(maker: FrameMaker): SentFrame {
  const pair = maker.random.pick(BAD_SETTINGS);
  return maker.settings(`a bad setting ${pair[0]}`, [[3, 100], pair]);
}

function tooManySettings(maker: FrameMaker): SentFrame {
  const pairs = Array.from({ length: 33 }, () => [3, 100] as const);
  return maker.settings('33 settings', pairs);
}

/** The initial window moves up to the largest, and a stream has more than the initial (§6.9.2). */
function windowsMoved(maker: FrameMaker): SentFrame | undefined {
  const { live, initialSend } = maker.model;
  const isWide = [...live.values()].some(({ send, canSend }) => canSend && send > initialSend);
  return isWide ? maker.settings('windows moved too far', [[4, WINDOW_MAX]]) : undefined;
}

function connectionWindow(maker: FrameMaker): SentFrame {
  const { model, random } = maker;
  if (random.chance(0.5)) return maker.windowUpdate('WINDOW_UPDATE of 0', 0, 0);
  const least = Math.max(1, WINDOW_MAX - model.sendWindow + 1);
  return maker.windowUpdate('WINDOW_UPDATE too far', 0, Math.min(WINDOW_MAX, least));
}

/** DATA over what the connection may still get (§6.9.1). */
function overConnection(maker: FrameMaker): SentFrame | undefined {
  const { model, style, inBatch } = maker;
  const more = style.exact ? 1 : Math.ceil(style.connectionWindow / 2) + 1;
  const octets = model.receiveWindow + more;
  const stream = maker.receiving();
  if (inBatch || stream === undefined || octets > 16_384) return undefined;
  return maker.data('DATA over the connection window', stream.id, octets, false);
}

/** Frames on a stream that nobody opened, of either side (§5.1). */
function onIdle(maker: FrameMaker): SentFrame {
  const { random } = maker;
  const id = random.chance(0.6) ? maker.nextId() : idleEven(maker) + 2 * random.int(3);
  const type = random.pick([DATA, RST_STREAM, WINDOW_UPDATE, PRIORITY]);
  const payload = type === RST_STREAM ? uint32(8) : type === WINDOW_UPDATE ? uint32(1) : [0, 0, 0];
  return maker.frame('on an idle stream', type, 0, id, payload);
}

function evenHeaders(maker: FrameMaker): SentFrame {
  const id = idleEven(maker);
  return maker.headers(id, maker.blocks.request(id, undefined), true);
}

function onEnded(maker: FrameMaker): SentFrame | undefined {
  const id = maker.closed('ended');
  if (id === undefined) return undefined;
  return maker.headers(id, maker.blocks.trailers(maker.random.chance(0.8)), true);
}

/** An identifier below the last one that no stream has had, or none for long (§5.1.1). */
function goingBack(maker: FrameMaker): SentFrame | undefined {
  const { model, random } = maker;
  const lower: number[] = [];
  for (let id = model.lastRemote - 2; id > model.lastRemote - 200 && id > 0; id -= 2) {
    if (!model.live.has(id) && model.cause(id) === undefined) lower.push(id);
  }
  // All closed in their order: what is so far back is forgotten.
  if (maker.style.skip === 0 && model.lastRemote > 3000) {
    const id = 1 + 2 * random.int(100);
    if (!model.live.has(id)) lower.push(id);
  }
  if (lower.length === 0) return undefined;
  const id = random.pick(lower);
  if (random.chance(0.4)) return maker.data('DATA, never used', id, 10, false);
  return maker.headers(id, maker.blocks.request(id, undefined), random.chance(0.5));
}

function pushFromClient(maker: FrameMaker): SentFrame {
  const promised = idleEven(maker);
  const { octets, facts } = maker.random.chance(0.2)
    ? maker.blocks.broken() : maker.blocks.request(promised, undefined);
  const payload = join(uint32(promised), octets);
  const sent = maker.frame('PUSH_PROMISE', PUSH_PROMISE, END_HEADERS, anyId(maker), payload);
  return { ...sent, block: facts };
}

/** Whatever may not stand within a field block, or a CONTINUATION without one (§6.10). */
function outOfOrder(maker: FrameMaker): SentFrame | undefined {
  const { random, model } = maker;
  if (model.continuing === undefined) {
    return maker.frame('CONTINUATION alone', CONTINUATION, END_HEADERS, anyId(maker), [0x82]);
  }
  const { streamId } = model.continuing;
  return random.pick([
    maker.frame('PING in a block', PING, 0, 0, new Uint8Array(8)),
    maker.frame('unknown in a block', 0x42, 0, streamId),
    maker.frame('CONTINUATION of another', CONTINUATION, END_HEADERS, streamId + 2, [0x82]),
    maker.frame('PRIORITY in a block', PRIORITY, 0, streamId, [0, 0, 0, 0, 0]),
    maker.frame('DATA in a block', DATA, END_STREAM, streamId, [0]),
  ]);
}

function priorityUpdateOfNone(maker: FrameMaker): SentFrame {
  const id = maker.random.pick([0, idleEven(maker)]);
  return maker.frame('PRIORITY_UPDATE of none', PRIORITY_UPDATE, 0, 0, join(uint32(id), 'u=1'));
}

function evenSelf(maker: FrameMaker): SentFrame {
  const id = idleEven(maker);
  return maker.frame('PRIORITY on itself, even', PRIORITY, 0, id, [...uint32(id), 15]);
}

function brokenBlock(maker: FrameMaker): SentFrame {
  const { random } = maker;
  const id = random.pick([
    maker.nextId(), maker.receiving()?.id ?? maker.nextId(),
    maker.closed('we reset', 'peer reset') ?? maker.nextId(),
  ]);
  return maker.headers(id, maker.blocks.broken(), random.chance(0.5));
}

/** More CONTINUATION frames than are taken, or more octets (CVE-2024-27316). */
function endlessBlock(maker: FrameMaker): SentFrame {
  const { random, style } = maker;
  const id = maker.nextId();
  const each = style.dataOctets >= 16_384 && random.chance(0.3) ? 16_384 : random.int(3);
  return maker.endless(id, maker.blocks.request(id, undefined), each);
}

/** Idle streams prioritized, over what may be open (RFC 9218 §7.1). */
function tooManyPrioritized(maker: FrameMaker): SentFrame | undefined {
  const { model } = maker;
  if (model.prioritized.size + model.active < model.limits.concurrent) return undefined;
  const id = model.lastRemote + 2 + 2 * model.limits.concurrent;
  return maker.frame('PRIORITY_UPDATE too many', PRIORITY_UPDATE, 0, 0, join(uint32(id), 'u=1'));
}

export const FATAL: Weighted = [
  [3, onStream0], [3, onAStream], [4, wrongLength], [3, tooLong], [3, badPadding],
  [1, shortPriority], [4, badSetting], [1, tooManySettings], [30, windowsMoved],
  [2, connectionWindow], [6, overConnection], [4, onIdle], [2, evenHeaders], [2, onEnded],
  [4, goingBack], [3, pushFromClient], [6, outOfOrder], [1, priorityUpdateOfNone], [1, evenSelf],
  [5, brokenBlock], [2, endlessBlock], [20, tooManyPrioritized],
];

/** What is done where the connection's window is nearly full. */
export const FULL: Weighted = [[1, overConnection]];
