/** What is compressed: records as an API sends them, alike and not the same. */
import { Buffer } from 'node:buffer';

export const WINDOW_BITS = 15;

export function records(length: number): Uint8Array {
  let text = '[';
  for (let i = 0; text.length < length; i++) {
    const name = ['north', 'south', 'east', 'west'][(i * 7) % 4];
    text += `{"id":${i},"name":"${name} ${(i * 2654435761) % 9973}","price":${(i * 37) % 1000}},`;
  }
  return Buffer.from(text.slice(0, length), 'latin1');
}

/** The window (RFC 7692 §7.1.1) after the same message was sent over and over. */
export function windowAfter(text: Uint8Array): Uint8Array {
  const count = Math.ceil(2 ** WINDOW_BITS / text.length);
  const all = Buffer.concat(Array.from({ length: count }, () => text));
  return all.subarray(-(2 ** WINDOW_BITS));
}
