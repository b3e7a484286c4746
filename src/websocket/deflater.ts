/**
 * Messages into compressed ones (RFC 7692 §6.1, §7.2.1), in the order in which they were sent.
 *
 * A small one is compressed at once, a large one in the thread pool; what is sent behind it waits.
 * Messages under the threshold, and those that compression makes no shorter, leave as they are.
 * The sink is called within `send` and `proceed` alone: when the pool is done, `settled` asks the
 * protocol to come back. Knows no frames: its payloads go to frame-writer.ts.
 */
import { Buffer } from 'node:buffer';
import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib';
import type { DeflateContext } from './deflate-parameters.ts';
import { RSV1 } from './frame.ts';
import { SlidingWindow } from './sliding-window.ts';
import { deflateMemory, type ZlibBudget, type ZlibJob } from './zlib-budget.ts';

export interface PayloadSink {
  /** `reserved` is RSV1 for a compressed message, or 0. */
  sendPayload(opcode: number, reserved: number, payload: Uint8Array | string): void;
}

export interface DeflaterOptions extends DeflateContext {
  /** Messages of fewer octets leave as they are. */
  readonly thresholdBytes: number;
  readonly budget: ZlibBudget;
  /** What is away has come back: `proceed` is to be called. */
  readonly settled: () => void;
}

/** Higher levels give a few per cent, at twice the time. */
const LEVEL = 3;
/** Up to here a message is compressed at once: a trip to the pool costs more. */
export const PROMPT_BYTES = 16 * 1024;
/** The empty block that SYNC_FLUSH ends with, but for its first octet (§7.2.1). */
const TAIL_BYTES = 4;
const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 256 * 1024;
/** What zlib looks ahead: a window that is larger than a message by this reaches all of it. */
const LOOKAHEAD_BYTES = 262;
const WINDOW_BITS_MIN = 9;

interface Message {
  readonly opcode: number;
  readonly payload: Uint8Array | string;
  /** The payload as octets. */
  readonly octets: Uint8Array;
}

/** One that is in the pool, or waits to be. */
interface Away {
  readonly message: Message;
  readonly job: ZlibJob;
  /** Memory that zlib takes for it now, octets. */
  zlibBytes: number;
  isSettled: boolean;
  /** Undefined: zlib could not. */
  compressed: Uint8Array | undefined;
}

export class Deflater {
  readonly #sink: PayloadSink;
  readonly #options: DeflaterOptions;
  /** What the peer's inflater has in its window; undefined: there is no context takeover. */
  readonly #window: SlidingWindow | undefined;
  #waiting: Omit<Message, 'octets'>[] = [];
  #waitingBytes = 0;
  #away: Away | undefined;

  constructor(sink: PayloadSink, options: DeflaterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#window = options.contextTakeover ? new SlidingWindow(options.windowBits) : undefined;
  }

  /** Whether a message is away: what is sent now waits. So must a Close frame. */
  get isBusy(): boolean {
    return this.#away !== undefined;
  }

  /** Memory held, octets: messages that wait, and what the pool holds. */
  get heldBytes(): number {
    const away = this.#away;
    return (this.#window?.heldBytes ?? 0) + this.#waitingBytes +
      (away === undefined ? 0 : away.message.octets.length + away.zlibBytes);
  }

  /** Octets of messages that wait, and of the one that is away. */
  get waitingBytes(): number {
    return this.#waitingBytes + (this.#away?.message.octets.length ?? 0);
  }

  /** A message went to the peer compressed by itself: its window has it now. */
  passed(message: Uint8Array | string): void {
    this.#window?.append(typeof message === 'string' ? Buffer.from(message) : message);
  }

  /** Octets must not change after. */
  send(opcode: number, payload: Uint8Array | string): void {
    if (this.isBusy) {
      this.#waiting.push({ opcode, payload });
      this.#waitingBytes += Buffer.byteLength(payload);
    } else {
      this.#begin(opcode, payload);
    }
  }

  /** Hands on what has come back, and goes on with what waits. */
  proceed(): void {
    const away = this.#away;
    if (away !== undefined) {
      if (!away.isSettled) return;
      this.#away = undefined;
      this.#deliver(away.message, away.compressed);
    }
    while (!this.isBusy) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#waitingBytes -= Buffer.byteLength(message.payload);
      this.#begin(message.opcode, message.payload);
    }
  }

  /** Forgets all: the connection is over. */
  clear(): void {
    const away = this.#away;
    this.#away = undefined;
    if (away !== undefined) this.#options.budget.remove(away.job);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #begin(opcode: number, payload: Uint8Array | string): void {
    const { thresholdBytes, budget, windowBits } = this.#options;
    const length = Buffer.byteLength(payload);
    // An empty one has nothing to win, whatever the threshold.
    if (length < thresholdBytes || length === 0) {
      this.#sink.sendPayload(opcode, 0, payload);
      return;
    }
    const octets = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const message = { opcode, payload, octets };
    const options = deflation(length, windowBits, this.#window?.octets);
    if (length <= PROMPT_BYTES || budget.isInline) {
      this.#deliver(message, deflatedAtOnce(octets, options));
    } else {
      this.#send(message, options);
    }
  }

  #send(message: Message, options: ZlibOptions): void {
    const end = (compressed: Uint8Array | undefined): void => {
      away.zlibBytes = compressed?.length ?? 0;
      away.isSettled = true;
      away.compressed = compressed;
      if (this.#away === away) this.#options.settled();
    };
    const job: ZlibJob = {
      bytes: memoryOf(options) + message.octets.length,
      start(done) {
        away.zlibBytes = job.bytes;
        try {
          deflateRaw(message.octets, options, (error, compressed) => {
            done();
            end(error === null ? compressed : undefined);
          });
        } catch {
          done();
          end(undefined);
        }
      },
    };
    const away: Away = {
      message, job, zlibBytes: 0, isSettled: false, compressed: undefined,
    };
    this.#away = away;
    this.#options.budget.add(job);
  }

  /** `compressed` still has its tail. */
  #deliver({ opcode, payload, octets }: Message, compressed: Uint8Array | undefined): void {
    const length = (compressed?.length ?? Infinity) - TAIL_BYTES;
    if (compressed === undefined || length >= octets.length) {
      // The peer's window never sees it (§7.2.3.2).
      this.#sink.sendPayload(opcode, 0, payload);
      return;
    }
    this.#window?.append(octets);
    this.#sink.sendPayload(opcode, RSV1, compressed.subarray(0, length));
  }
}

/**
 * A payload compressed by itself, for a message that goes to many: right wherever there is no
 * context takeover and the window that was agreed on is no smaller. Undefined: it gets no shorter.
 */
export function deflateAlone(octets: Uint8Array, windowBits: number): Uint8Array | undefined {
  const compressed = deflatedAtOnce(octets, deflation(octets.length, windowBits, undefined));
  const length = (compressed?.length ?? Infinity) - TAIL_BYTES;
  return length < octets.length ? compressed?.subarray(0, length) : undefined;
}

/** The same in the thread pool; `done` is called once, later. */
export function deflateAloneAway(
  octets: Uint8Array, windowBits: number, budget: ZlibBudget,
  done: (payload: Uint8Array | undefined) => void,
): void {
  const options = deflation(octets.length, windowBits, undefined);
  budget.add({
    bytes: memoryOf(options) + octets.length,
    start(end) {
      deflateRaw(octets, options, (error, compressed) => {
        end();
        const length = error === null ? compressed.length - TAIL_BYTES : Infinity;
        done(length < octets.length ? compressed.subarray(0, length) : undefined);
      });
    },
  });
}

/** Undefined: zlib has no memory. A message need not be compressed (§6). */
function deflatedAtOnce(octets: Uint8Array, options: ZlibOptions): Uint8Array | undefined {
  try {
    return deflateRawSync(octets, options);
  } catch {
    return undefined;
  }
}

/** How zlib is to compress so many octets: with no more memory than they and the window need. */
function deflation(
  length: number, windowBits: number, dictionary: Uint8Array | undefined,
): ZlibOptions {
  const reach = length + LOOKAHEAD_BYTES + (dictionary?.length ?? 0);
  const bits = Math.min(windowBits, Math.max(WINDOW_BITS_MIN, Math.ceil(Math.log2(reach))));
  return {
    level: LEVEL,
    windowBits: bits,
    // 8, zlib's default, at 15; each bit less halves the rest of zlib's memory too.
    memLevel: bits - 7,
    dictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: Math.min(Math.max(length >>> 1, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX),
  };
}

function memoryOf({ windowBits = 15, memLevel = 8, chunkSize = 0 }: ZlibOptions): number {
  return deflateMemory(windowBits, memLevel) + chunkSize;
}
