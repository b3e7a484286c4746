/**
 * What a frame must be by itself (RFC 9113 §4.2, §6.1 to §6.10, RFC 9218 §7.1), for the model of
 * the frame fuzzer: its length, its padding, the stream that it names, the values of settings. And
 * the few readers and writers of numbers that the fuzzer shares.
 */
import { Buffer } from 'node:buffer';
import {
  ACK, CONTINUATION, DATA, DEFAULT_FRAME_SIZE, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR,
  FRAME_SIZE_MAX, GOAWAY, HEADERS, PADDED, PING, PRIORITY, PRIORITY_FLAG, PRIORITY_UPDATE,
  PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_ENABLE_PUSH, SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_NO_RFC7540_PRIORITIES, WINDOW_MAX, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import type { SentFrame } from './http2-model.ts';

export function uint32At(octets: Uint8Array, at: number): number {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).readUInt32BE(at);
}

/** Without the reserved bit (§4.1). */
export function uint31At(octets: Uint8Array, at: number): number {
  return uint32At(octets, at) % 0x8000_0000;
}

export function settingsOf(payload: Uint8Array): (readonly [number, number])[] {
  const settings: (readonly [number, number])[] = [];
  for (let at = 0; at < payload.length; at += 6) {
    const id = (payload[at] as number) * 256 + (payload[at + 1] as number);
    settings.push([id, uint32At(payload, at + 2)]);
  }
  return settings;
}

const OF_STREAMS = [DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, CONTINUATION];
const OF_THE_CONNECTION = [SETTINGS, PING, GOAWAY, PRIORITY_UPDATE];

/** Codes of the connection errors that a frame's form is. PRIORITY's length is its stream's. */
export function formFaults({ type, flags, streamId, payload }: SentFrame): number[] {
  const { length } = payload;
  const faults: number[] = [];
  const isAck = type === SETTINGS && (flags & ACK) !== 0;
  const wrongLength = length > DEFAULT_FRAME_SIZE ||
    (type === RST_STREAM && length !== 4) || (type === PING && length !== 8) ||
    (type === WINDOW_UPDATE && length !== 4) || (type === GOAWAY && length < 8) ||
    (type === SETTINGS && length % 6 !== 0) || (isAck && length > 0) ||
    (type === PRIORITY_UPDATE && length < 4);
  if (wrongLength) faults.push(FRAME_SIZE_ERROR);
  if (OF_STREAMS.includes(type) && streamId === 0) faults.push(PROTOCOL_ERROR);
  if (OF_THE_CONNECTION.includes(type) && streamId !== 0) faults.push(PROTOCOL_ERROR);
  faults.push(...paddingFaults(type, flags, payload));
  return faults;
}

/** Pad Length, what must stand before the fragment, and the padding (§6.1, §6.2, §6.6). */
function paddingFaults(type: number, flags: number, payload: Uint8Array): number[] {
  if (type !== DATA && type !== HEADERS && type !== PUSH_PROMISE) return [];
  const padded = (flags & PADDED) !== 0;
  const fixed = type === PUSH_PROMISE ? 4
    : type === HEADERS && (flags & PRIORITY_FLAG) !== 0 ? 5 : 0;
  const faults: number[] = [];
  if (payload.length < fixed + Number(padded)) faults.push(FRAME_SIZE_ERROR);
  if (!padded || payload.length === 0) return faults;
  const padding = payload[0] as number;
  if (padding >= payload.length || 1 + fixed + padding > payload.length) {
    faults.push(PROTOCOL_ERROR);
  }
  // The standard names no code for padding that cuts into the fields before the fragment.
  if (faults.length > 0 && fixed > 0) faults.push(PROTOCOL_ERROR, FRAME_SIZE_ERROR);
  return faults;
}

/** Codes of what a setting's value is (§6.5.2, RFC 8441 §3, RFC 9218 §2.1). */
export function settingFaults(id: number, value: number): number[] {
  switch (id) {
    case SETTINGS_ENABLE_PUSH: case SETTINGS_ENABLE_CONNECT_PROTOCOL:
    case SETTINGS_NO_RFC7540_PRIORITIES:
      return value > 1 ? [PROTOCOL_ERROR] : [];
    case SETTINGS_INITIAL_WINDOW_SIZE: return value > WINDOW_MAX ? [FLOW_CONTROL_ERROR] : [];
    case SETTINGS_MAX_FRAME_SIZE:
      return value < DEFAULT_FRAME_SIZE || value > FRAME_SIZE_MAX ? [PROTOCOL_ERROR] : [];
    default: return [];
  }
}
