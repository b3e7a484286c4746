/**
 * Frames of either role, apart from the code under test: written fast enough for millions, and read
 * back with all that a frame must be (RFC 6455 §5.1 to §5.5). For links (websocket-link.ts).
 */
import { Buffer } from 'node:buffer';

export interface WireFrame {
  readonly opcode: number;
  /** RSV bits as in the first octet. */
  readonly reserved: number;
  readonly final: boolean;
  /** Without its mask. */
  readonly payload: Uint8Array;
}

/** A frame, whatever it holds. With a key it is masked. */
export function writeFrame(
  { opcode, reserved, final, payload }: WireFrame, key: number | undefined,
): Uint8Array {
  const { length } = payload;
  const size = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const start = 2 + size + (key === undefined ? 0 : 4);
  const octets = Buffer.alloc(start + length);
  octets[0] = (final ? 0x80 : 0) | reserved | opcode;
  octets[1] = (key === undefined ? 0 : 0x80) | (size === 0 ? length : size === 2 ? 126 : 127);
  if (size === 2) octets.writeUInt16BE(length, 2);
  if (size === 8) octets.writeBigUInt64BE(BigInt(length), 2);
  octets.set(payload, start);
  if (key === undefined) return octets;
  octets.writeUInt32BE(key >>> 0, start - 4);
  mask(octets, start, octets.subarray(start - 4, start));
  return octets;
}

/** RFC 6455 §5.3. */
function mask(octets: Uint8Array, start: number, key: Uint8Array): void {
  const [a, b, c, d] = key as unknown as [number, number, number, number];
  const end = octets.length;
  for (let at = start; at < end;) {
    octets[at] = (octets[at++] as number) ^ a;
    if (at < end) octets[at] = (octets[at++] as number) ^ b;
    if (at < end) octets[at] = (octets[at++] as number) ^ c;
    if (at < end) octets[at] = (octets[at++] as number) ^ d;
  }
}

/** Reads frames out of octets, however they are cut. Throws on what no peer may send. */
export class FrameReader {
  readonly #masked: boolean;
  #parts: Uint8Array[] = [];
  #length = 0;
  /** No frame is whole before so many octets are there. */
  #needed = 2;
  #within = false;
  #closed = false;

  /** `masked`: the sender is a client. */
  constructor(masked: boolean) {
    this.#masked = masked;
  }

  /** Octets of a frame that is not whole. */
  get restBytes(): number {
    return this.#length;
  }

  read(octets: Uint8Array): WireFrame[] {
    if (octets.length === 0) return [];
    this.#parts.push(octets);
    this.#length += octets.length;
    if (this.#length < this.#needed) return [];
    const all = this.#parts.length === 1 ? Buffer.from(octets) : Buffer.concat(this.#parts);
    const frames: WireFrame[] = [];
    let at = 0;
    for (;;) {
      const end = this.#end(all, at);
      if (end > all.length) {
        this.#needed = end - at;
        break;
      }
      frames.push(this.#frame(all.subarray(at, end)));
      at = end;
    }
    const rest = all.subarray(at);
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    return frames;
  }

  /** Where the frame at `at` ends, or its header, if that is not there. */
  #end(all: Buffer, at: number): number {
    if (at + 2 > all.length) return at + 2;
    const told = (all[at + 1] as number) & 0x7f;
    const start = at + this.#headerBytes(told);
    if (start > all.length) return start;
    if (told < 126) return start + told;
    const length = told === 126 ? all.readUInt16BE(at + 2) : Number(all.readBigUInt64BE(at + 2));
    insist(length > (told === 126 ? 125 : 0xffff), 'a length is told in the fewest octets (§5.2)');
    return start + length;
  }

  #headerBytes(told: number): number {
    return 2 + (told < 126 ? 0 : told === 126 ? 2 : 8) + (this.#masked ? 4 : 0);
  }

  #frame(octets: Buffer): WireFrame {
    const [first, second] = octets as unknown as [number, number];
    const opcode = first & 0x0f;
    const reserved = first & 0x70;
    const final = (first & 0x80) !== 0;
    insist(!this.#closed, 'nothing comes after Close (§5.5.1)');
    insist([0, 1, 2, 8, 9, 10].includes(opcode), 'an opcode is known (§5.2)');
    insist((second >= 0x80) === this.#masked, 'a client masks, a server does not (§5.1)');
    insist(opcode < 8 || (final && (second & 0x7f) < 126), 'a control frame is short (§5.5)');
    insist(reserved === 0 || (reserved === 0x40 && (opcode === 1 || opcode === 2)),
      'reserved bits are 0, but for RSV1 on the first frame of a message (RFC 7692 §6)');
    if (opcode < 8) {
      insist((opcode === 0) === this.#within, 'fragments are in order (§5.4)');
      this.#within = !final;
    }
    this.#closed = opcode === 8;
    const start = this.#headerBytes(second & 0x7f);
    if (this.#masked) mask(octets, start, octets.subarray(start - 4, start));
    return { opcode, reserved, final, payload: octets.subarray(start) };
  }
}

function insist(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`a frame that nobody may send: ${rule}`);
}
