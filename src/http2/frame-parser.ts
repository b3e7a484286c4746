/**
 * Octets into frames (RFC 9113 §4): each call takes one frame, or the part of a DATA frame that has
 * come, and calls the sink with numbers.
 *
 * Knows lengths, flags and stream identifiers: what a frame must be by itself (§6). Whether it may
 * come now is the sink's to say. All but DATA are taken whole; DATA passes through as it comes, so
 * that no frame is ever stored twice.
 */
import { ConnectionError } from '../errors.ts';
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME_HEADER_BYTES, FRAME_SIZE_ERROR, GOAWAY,
  HEADERS, PADDED, PING, PRIORITY, PRIORITY_FLAG, PRIORITY_UPDATE, PROTOCOL_ERROR, PUSH_PROMISE,
  RST_STREAM, SETTINGS, WINDOW_UPDATE,
} from './frame.ts';

/** More octets are needed. */
export const MORE = -1;

/** The priority of HEADERS and PRIORITY (RFC 9113 §5.3.2): deprecated, and parsed for one check. */
export const NO_DEPENDENCY = -1;

/** Takes frames. Ranges of octets are lent. */
export interface FrameSink {
  /** A DATA frame begins; `octets` count toward flow control, with padding. */
  beginData(streamId: number, octets: number): void;
  receiveData(streamId: number, bytes: Uint8Array, start: number, end: number): void;
  endData(streamId: number, endStream: boolean): void;
  /** A field block or its first fragment; `dependency` is a stream or NO_DEPENDENCY. */
  receiveHeaders(
    streamId: number, flags: number, dependency: number,
    bytes: Uint8Array, start: number, end: number,
  ): void;
  receiveContinuation(
    streamId: number, endHeaders: boolean, bytes: Uint8Array, start: number, end: number,
  ): void;
  receivePriority(streamId: number, dependency: number): void;
  receiveRstStream(streamId: number, code: number): void;
  receiveSettings(bytes: Uint8Array, start: number, end: number): void;
  receiveSettingsAck(): void;
  receivePushPromise(
    streamId: number, promisedId: number, endHeaders: boolean,
    bytes: Uint8Array, start: number, end: number,
  ): void;
  receivePing(ack: boolean, bytes: Uint8Array, start: number): void;
  receiveGoaway(lastStreamId: number, code: number, debug: Uint8Array): void;
  receiveWindowUpdate(streamId: number, increment: number): void;
  receivePriorityUpdate(streamId: number, value: Uint8Array): void;
  /** An extension's frame, ignored (§4.1). */
  receiveUnknown(octets: number): void;
  /** A frame is broken in a way that ends its stream alone. */
  streamError(streamId: number, code: number, message: string): void;
}

const PRIORITY_LENGTH = 'PRIORITY is not 5 octets (RFC 9113 §6.3)';
/** Lengths that are fixed; a wrong one ends the connection, but for PRIORITY's (§6.3). */
const FIXED_LENGTHS: Readonly<Record<number, number>> = {
  [RST_STREAM]: 4, [PING]: 8, [WINDOW_UPDATE]: 4,
};
const NAMES: Readonly<Record<number, string>> = {
  [DATA]: 'DATA', [HEADERS]: 'HEADERS', [PRIORITY]: 'PRIORITY', [RST_STREAM]: 'RST_STREAM',
  [SETTINGS]: 'SETTINGS', [PUSH_PROMISE]: 'PUSH_PROMISE', [PING]: 'PING', [GOAWAY]: 'GOAWAY',
  [WINDOW_UPDATE]: 'WINDOW_UPDATE', [CONTINUATION]: 'CONTINUATION',
  [PRIORITY_UPDATE]: 'PRIORITY_UPDATE',
};
/** The sections that define the frames, by type. */
const SECTIONS = ['6.1', '6.2', '6.3', '6.4', '6.5', '6.6', '6.7', '6.8', '6.9', '6.10'];

export class FrameParser {
  readonly #sink: FrameSink;
  readonly #maxFrameSize: number;
  /** The stream whose field block is not complete: nothing else may come between (§6.10). */
  #continues = 0;
  // The DATA frame that is passing through
  #stream = 0;
  #content = 0;
  #padding = 0;
  #endStream = false;
  #passing = false;

  constructor(sink: FrameSink, maxFrameSize: number) {
    this.#sink = sink;
    this.#maxFrameSize = maxFrameSize;
  }

  /** Whether a frame or a field block has begun and not ended. */
  get isWithin(): boolean {
    return this.#passing || this.#continues !== 0;
  }

  /** Takes one frame or a part of DATA. Returns the offset after it, or MORE. */
  receive(bytes: Uint8Array, start: number, end: number): number {
    if (this.#passing) return this.#pass(bytes, start, end);
    if (end - start < FRAME_HEADER_BYTES) return MORE;
    const length = uint24(bytes, start);
    const type = bytes[start + 3] as number;
    const flags = bytes[start + 4] as number;
    const streamId = uint31(bytes, start + 5);
    // All that the header tells is checked before any of the payload is waited for.
    this.#checkOrder(type, streamId);
    this.#checkLength(type, length);
    checkStream(type, streamId);
    const at = start + FRAME_HEADER_BYTES;
    if (type === DATA) return this.#beginData(bytes, at, end, length, flags, streamId);
    const next = at + length;
    if (next > end) return MORE;
    this.#frame(type, flags, streamId, bytes, at, next);
    return next;
  }

  #checkOrder(type: number, streamId: number): void {
    if (this.#continues === 0) {
      if (type === CONTINUATION) throw protocolError('CONTINUATION without a field block', '6.10');
    } else if (type !== CONTINUATION || streamId !== this.#continues) {
      throw protocolError('a field block is interrupted', '6.10');
    }
  }

  #checkLength(type: number, length: number): void {
    // Whichever frame: a stream would be reset, but its payload would have to be read for it.
    if (length > this.#maxFrameSize) {
      throw sizeError(type, 'is over SETTINGS_MAX_FRAME_SIZE', '4.2');
    }
    const fixed = FIXED_LENGTHS[type];
    if (fixed !== undefined && length !== fixed) throw sizeError(type, `is not ${fixed} octets`);
    if (type === SETTINGS && length % 6 !== 0) throw sizeError(type, 'is not 6 octets a setting');
    if (type === GOAWAY && length < 8) throw sizeError(type, 'is under 8 octets');
    if (type === PRIORITY_UPDATE && length < 4) {
      throw new ConnectionError(FRAME_SIZE_ERROR, 'PRIORITY_UPDATE under 4 octets (RFC 9218 §7.1)');
    }
    if (type === PUSH_PROMISE && length < 4) throw sizeError(type, 'is under 4 octets');
  }

  #beginData(
    bytes: Uint8Array, at: number, end: number, length: number, flags: number, streamId: number,
  ): number {
    let content = at;
    let padding = 0;
    if ((flags & PADDED) !== 0) {
      if (length > 0 && at >= end) return MORE;
      padding = paddingOf(bytes, at, length, 0, '6.1');
      content++;
    }
    this.#passing = true;
    this.#stream = streamId;
    this.#padding = padding;
    this.#content = length - padding - (content - at);
    this.#endStream = (flags & END_STREAM) !== 0;
    this.#sink.beginData(streamId, length);
    return this.#pass(bytes, content, end);
  }

  #pass(bytes: Uint8Array, start: number, end: number): number {
    let at = Math.min(end, start + this.#content);
    if (at > start) this.#sink.receiveData(this.#stream, bytes, start, at);
    this.#content -= at - start;
    if (this.#content > 0) return at;
    const padding = Math.min(end - at, this.#padding);
    this.#padding -= padding;
    at += padding;
    if (this.#padding > 0) return at;
    this.#passing = false;
    this.#sink.endData(this.#stream, this.#endStream);
    return at;
  }

  #frame(
    type: number, flags: number, streamId: number, bytes: Uint8Array, at: number, end: number,
  ): void {
    const sink = this.#sink;
    switch (type) {
      case HEADERS: this.#headers(flags, streamId, bytes, at, end); break;
      case CONTINUATION: this.#continuation(flags, streamId, bytes, at, end); break;
      case PRIORITY:
        if (end - at === 5) sink.receivePriority(streamId, uint31(bytes, at));
        else sink.streamError(streamId, FRAME_SIZE_ERROR, PRIORITY_LENGTH);
        break;
      case RST_STREAM: sink.receiveRstStream(streamId, uint32(bytes, at)); break;
      case SETTINGS: this.#settings(flags, bytes, at, end); break;
      case PUSH_PROMISE: this.#pushPromise(flags, streamId, bytes, at, end); break;
      case PING: sink.receivePing((flags & ACK) !== 0, bytes, at); break;
      case GOAWAY:
        sink.receiveGoaway(uint31(bytes, at), uint32(bytes, at + 4), bytes.subarray(at + 8, end));
        break;
      case WINDOW_UPDATE: sink.receiveWindowUpdate(streamId, uint31(bytes, at)); break;
      case PRIORITY_UPDATE: this.#priorityUpdate(bytes, at, end); break;
      default: sink.receiveUnknown(end - at);
    }
  }

  #headers(flags: number, streamId: number, bytes: Uint8Array, at: number, end: number): void {
    const prioritized = (flags & PRIORITY_FLAG) !== 0;
    let start = at;
    let padding = 0;
    if ((flags & PADDED) !== 0) {
      padding = paddingOf(bytes, at, end - at, prioritized ? 5 : 0, '6.2');
      start++;
    }
    if (prioritized && end - start < 5 + padding) throw sizeError(HEADERS, 'is too short');
    const dependency = prioritized ? uint31(bytes, start) : NO_DEPENDENCY;
    if (prioritized) start += 5;
    if ((flags & END_HEADERS) === 0) this.#continues = streamId;
    this.#sink.receiveHeaders(streamId, flags, dependency, bytes, start, end - padding);
  }

  #continuation(flags: number, streamId: number, bytes: Uint8Array, at: number, end: number): void {
    const endHeaders = (flags & END_HEADERS) !== 0;
    if (endHeaders) this.#continues = 0;
    this.#sink.receiveContinuation(streamId, endHeaders, bytes, at, end);
  }

  #settings(flags: number, bytes: Uint8Array, at: number, end: number): void {
    if ((flags & ACK) === 0) this.#sink.receiveSettings(bytes, at, end);
    else if (end > at) throw sizeError(SETTINGS, 'acknowledges with a payload');
    else this.#sink.receiveSettingsAck();
  }

  #pushPromise(flags: number, streamId: number, bytes: Uint8Array, at: number, end: number): void {
    let start = at;
    let padding = 0;
    if ((flags & PADDED) !== 0) {
      padding = paddingOf(bytes, at, end - at, 4, '6.6');
      start++;
    }
    const endHeaders = (flags & END_HEADERS) !== 0;
    if (!endHeaders) this.#continues = streamId;
    const promised = uint31(bytes, start);
    this.#sink.receivePushPromise(streamId, promised, endHeaders, bytes, start + 4, end - padding);
  }

  #priorityUpdate(bytes: Uint8Array, at: number, end: number): void {
    this.#sink.receivePriorityUpdate(uint31(bytes, at), bytes.subarray(at + 4, end));
  }
}

/** Frames of a stream and frames of the connection (RFC 9113 §6.1 to §6.10, RFC 9218 §7.1). */
function checkStream(type: number, streamId: number): void {
  switch (type) {
    case DATA: case HEADERS: case PRIORITY: case RST_STREAM: case PUSH_PROMISE: case CONTINUATION:
      if (streamId === 0) {
        throw protocolError(`${NAMES[type]} on stream 0`, SECTIONS[type] as string);
      }
      break;
    case SETTINGS: case PING: case GOAWAY: case PRIORITY_UPDATE:
      if (streamId !== 0) {
        const section = SECTIONS[type];
        const where = section === undefined ? 'RFC 9218 §7.1' : `RFC 9113 §${section}`;
        const message = `${NAMES[type]} on a stream (${where})`;
        throw new ConnectionError(PROTOCOL_ERROR, message);
      }
      break;
    default:
  }
}

/** The padding that the first octet of a payload tells; it must leave room for `fixed` octets. */
function paddingOf(
  bytes: Uint8Array, at: number, length: number, fixed: number, section: string,
): number {
  if (length === 0) {
    throw new ConnectionError(FRAME_SIZE_ERROR, `no Pad Length (RFC 9113 §${section})`);
  }
  const padding = bytes[at] as number;
  if (1 + fixed + padding > length) throw protocolError('padding is too long', section);
  return padding;
}

function protocolError(message: string, section: string): ConnectionError {
  return new ConnectionError(PROTOCOL_ERROR, `${message} (RFC 9113 §${section})`);
}

function sizeError(type: number, what: string, section = SECTIONS[type]): ConnectionError {
  const name = NAMES[type] ?? `frame type 0x${type.toString(16)}`;
  return new ConnectionError(FRAME_SIZE_ERROR, `${name} ${what} (RFC 9113 §${section})`);
}

export function uint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) |
    (bytes[at + 2] as number);
}

export function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) * 0x1000000 + uint24(bytes, at + 1);
}

/** Without the reserved bit (RFC 9113 §4.1). */
export function uint31(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) & 0x7f) << 24) | uint24(bytes, at + 1);
}
