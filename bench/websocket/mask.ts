/**
 * src/websocket/mask.ts: a payload unmasked in place, beside the loop of the standard (RFC 6455
 * §5.3). Octets are XORed to and fro: the work is the same both ways.
 */
import { unmask } from '../../src/websocket/mask.ts';
import type { Suite } from '../suite.ts';

const KEY = 0x37fa213d;
const KEY_OCTETS = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

export function add(suite: Suite): void {
  for (const length of [20, 125, 1024, 65_536, 1 << 20]) {
    // At no alignment in particular, as behind a header of 6 octets.
    const octets = new Uint8Array(length + 6);
    suite.compare(`unmask ${length} octets`, {
      wirestack: () => unmask(octets, 6, octets.length, KEY, 0),
      loop: () => loop(octets, 6, octets.length),
    });
  }
}

function loop(octets: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    octets[at] = (octets[at] as number) ^ (KEY_OCTETS[(at - start) & 3] as number);
  }
}
