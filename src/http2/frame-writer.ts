/**
 * Frames into octets (RFC 9113 §6): a function a frame, all into the slab of the turn, so that they
 * leave in one write.
 */
import type { Slab } from '../bytes/slab.ts';
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME_HEADER_BYTES, GOAWAY, HEADERS, PING,
  PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
} from './frame.ts';

/** Debug data of a GOAWAY: one sentence. */
const DEBUG_BYTES_MAX = 256;

/** The header of a frame; its payload of `length` octets follows. */
export function writeFrameHeader(
  slab: Slab, length: number, type: number, flags: number, streamId: number,
): void {
  slab.reserve(FRAME_HEADER_BYTES);
  const { bytes, length: at } = slab;
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  setUint32(bytes, at + 5, streamId);
  slab.length = at + FRAME_HEADER_BYTES;
}

/** The header of DATA; its content follows, here or as octets of its own. */
export function writeDataHeader(slab: Slab, streamId: number, length: number, end: boolean): void {
  writeFrameHeader(slab, length, DATA, end ? END_STREAM : 0, streamId);
}

/** A field block as HEADERS and as many CONTINUATION as the peer's frame size asks (§6.10). */
export function writeHeaders(
  slab: Slab, streamId: number, block: Uint8Array, end: boolean, maxFrameSize: number,
): void {
  writeBlock(slab, HEADERS, end ? END_STREAM : 0, streamId, block, 0, maxFrameSize);
}

/** A promise of a stream, with the request that it answers (§6.6). */
export function writePushPromise(
  slab: Slab, streamId: number, promisedId: number, block: Uint8Array, maxFrameSize: number,
): void {
  const payload = new Uint8Array(4 + block.length);
  setUint32(payload, 0, promisedId);
  payload.set(block, 4);
  writeBlock(slab, PUSH_PROMISE, 0, streamId, payload, 0, maxFrameSize);
}

function writeBlock(
  slab: Slab, type: number, flags: number, streamId: number,
  block: Uint8Array, from: number, maxFrameSize: number,
): void {
  const to = Math.min(block.length, from + maxFrameSize);
  const whole = to === block.length;
  const all = whole ? flags | END_HEADERS : flags;
  writeFrameHeader(slab, to - from, type, all, streamId);
  slab.octets(from === 0 && whole ? block : block.subarray(from, to));
  if (!whole) writeBlock(slab, CONTINUATION, 0, streamId, block, to, maxFrameSize);
}

export function writeRstStream(slab: Slab, streamId: number, code: number): void {
  writeFrameHeader(slab, 4, RST_STREAM, 0, streamId);
  writeUint32(slab, code);
}

/** Settings as identifier and value (§6.5.1). */
export function writeSettings(slab: Slab, settings: readonly (readonly [number, number])[]): void {
  writeFrameHeader(slab, settings.length * 6, SETTINGS, 0, 0);
  for (const [identifier, value] of settings) {
    slab.octet(identifier >>> 8);
    slab.octet(identifier);
    writeUint32(slab, value);
  }
}

export function writeSettingsAck(slab: Slab): void {
  writeFrameHeader(slab, 0, SETTINGS, ACK, 0);
}

/** Eight octets of the sender's choice; an answer returns them (§6.7). */
export function writePing(slab: Slab, ack: boolean, data: Uint8Array): void {
  writeFrameHeader(slab, 8, PING, ack ? ACK : 0, 0);
  slab.octets(data);
}

/** `debug` is one sentence of ASCII. */
export function writeGoaway(slab: Slab, lastStreamId: number, code: number, debug: string): void {
  const text = debug.slice(0, DEBUG_BYTES_MAX)
    .replace(/[^\x20-\x7e]/g, (other) => (other === '§' ? 'S' : '?'));
  writeFrameHeader(slab, 8 + text.length, GOAWAY, 0, 0);
  writeUint32(slab, lastStreamId);
  writeUint32(slab, code);
  slab.latin1(text);
}

export function writeWindowUpdate(slab: Slab, streamId: number, increment: number): void {
  writeFrameHeader(slab, 4, WINDOW_UPDATE, 0, streamId);
  writeUint32(slab, increment);
}

function writeUint32(slab: Slab, value: number): void {
  slab.reserve(4);
  setUint32(slab.bytes, slab.length, value);
  slab.length += 4;
}

export function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
