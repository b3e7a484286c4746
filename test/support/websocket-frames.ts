/**
 * Frames that were sent, read back apart from the code under test: each is held to what RFC 6455
 * §5.1 to §5.5 asks of it, alone and in its order.
 */
import { Buffer } from 'node:buffer';
import { join, masked } from './websocket.ts';

export interface OutFrame {
  readonly opcode: number;
  readonly final: boolean;
  /** RSV1: the message is compressed (RFC 7692 §6). */
  readonly compressed: boolean;
  readonly payload: Buffer;
}

const NAMES: Readonly<Record<number, string>> = {
  0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong',
};

/** A frame in words: `text hello`, `text- he` where it is not the last, `close 1000 why`. */
export function shown({ opcode, final, payload }: OutFrame): string {
  const name = `${NAMES[opcode] as string}${final ? '' : '-'}`;
  if (opcode === 8 && payload.length >= 2) {
    return `close ${payload.readUInt16BE()} ${payload.toString('utf8', 2)}`.trimEnd();
  }
  const content = payload.length > 200 ? `<${payload.length}>`
    : payload.toString(opcode === 2 ? 'latin1' : 'utf8');
  return content === '' ? name : `${name} ${content}`;
}

export class FrameReader {
  /** The keys of a client's frames. */
  readonly keys: number[] = [];
  readonly #isClient: boolean;
  #rest: Buffer = Buffer.alloc(0);
  #within = false;
  #closed = false;

  /** Of a server's frames, or a client's, which are masked. */
  constructor(from: 'server' | 'client' = 'server') {
    this.#isClient = from === 'client';
  }

  /** The frames that are whole now. Throws on what no client would take. */
  read(octets: Uint8Array): OutFrame[] {
    const bytes = Buffer.from(join(this.#rest, octets));
    const frames: OutFrame[] = [];
    let at = 0;
    for (;;) {
      const length = frameLength(bytes, at);
      if (length === undefined || at + length > bytes.length) break;
      frames.push(this.#one(bytes.subarray(at, at + length)));
      at += length;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }

  #one(bytes: Buffer): OutFrame {
    const [first, second] = [bytes[0] as number, bytes[1] as number];
    const opcode = first & 15;
    const final = first >= 128;
    insist(!this.#closed, 'nothing follows a Close (§5.5.1)');
    insist(NAMES[opcode] !== undefined, 'the opcode is known (§5.2)');
    insist((first & 0x30) === 0, 'RSV2 and RSV3 are 0 (§5.2)');
    insist((second >= 128) === this.#isClient, 'a client masks, a server does not (§5.1)');
    const isControl = opcode >= 8;
    if (isControl) {
      insist(final, 'a control frame is not fragmented (§5.5)');
      insist((second & 127) <= 125, 'a control frame has 125 octets at most (§5.5)');
    } else {
      insist((opcode === 0) === this.#within, 'fragments are in order (§5.4)');
      this.#within = !final;
    }
    const compressed = (first & 0x40) !== 0;
    insist(!compressed || opcode === 1 || opcode === 2, 'RSV1 on a first frame (RFC 7692 §6)');
    this.#closed = opcode === 8;
    return { opcode, final, compressed, payload: this.#payload(bytes, headLength(second)) };
  }

  #payload(bytes: Buffer, at: number): Buffer {
    if (!this.#isClient) return Buffer.from(bytes.subarray(at));
    const key = bytes.readUInt32BE(at - 4);
    this.keys.push(key);
    return Buffer.from(masked(bytes.subarray(at), key));
  }
}

function headLength(second: number): number {
  const told = second & 127;
  return (told < 126 ? 2 : told === 126 ? 4 : 10) + (second >= 128 ? 4 : 0);
}

/** Header and payload; undefined where the header is not there yet. */
function frameLength(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < 2) return undefined;
  const second = bytes[at + 1] as number;
  const head = headLength(second);
  if (bytes.length - at < head) return undefined;
  const told = second & 127;
  if (told < 126) return head + told;
  const length = told === 126
    ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
  insist(length > (told === 126 ? 125 : 65_535), 'a length is told in the fewest octets (§5.2)');
  return head + length;
}

function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(`a frame that came out breaks RFC 6455: ${what}`);
}
