/** Frames as octets, written apart from the code that benches are about. */
import { Buffer } from 'node:buffer';

/** One frame of HTTP/2 (RFC 9113 §4.1). */
export function frame(
  type: number, flags: number, streamId: number, payload: Uint8Array | readonly number[] = [],
): Uint8Array {
  const octets = Buffer.allocUnsafe(9 + payload.length);
  octets.writeUIntBE(payload.length, 0, 3);
  octets[3] = type;
  octets[4] = flags;
  octets.writeUInt32BE(streamId, 5);
  octets.set(payload, 9);
  return octets;
}

export function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export function joined(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(frames);
}
