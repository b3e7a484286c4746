/**
 * The other end's half of permessage-deflate, apart from the code under test: what was agreed on,
 * read from the handshake, and zlib. With context takeover a stream of zlib lives as long as the
 * connection; without, each message is compressed by itself.
 */
import { Buffer } from 'node:buffer';
import {
  constants, createDeflateRaw, createInflateRaw, deflateRawSync, inflateRawSync,
  type DeflateRaw, type InflateRaw,
} from 'node:zlib';
import { FLUSHED } from './compression.ts';
import type { Random } from './random.ts';

interface Half {
  readonly windowBits: number;
  readonly contextTakeover: boolean;
}

/** The text of an answer, as the end that is a client or a server has to keep it (§7.1). */
export function agreed(
  answer: string, isClient: boolean,
): { readonly deflate: Half; readonly inflate: Half } {
  const half = (name: string): Half => ({
    windowBits: Number(new RegExp(`${name}_max_window_bits=(\\d+)`).exec(answer)?.[1] ?? 15),
    contextTakeover: !answer.includes(`${name}_no_context_takeover`),
  });
  const [client, server] = [half('client'), half('server')];
  return isClient ? { deflate: client, inflate: server } : { deflate: server, inflate: client };
}

/** A stream of zlib: each call is a message. */
class ZlibStream {
  readonly #stream: DeflateRaw | InflateRaw;
  #parts: Uint8Array[] = [];
  #failed: Error | undefined;

  constructor(stream: DeflateRaw | InflateRaw) {
    this.#stream = stream;
    stream.on('data', (part: Uint8Array) => this.#parts.push(part));
    stream.on('error', (error) => { this.#failed = error; });
  }

  async through(octets: Uint8Array): Promise<Buffer> {
    if (octets.length > 0) this.#stream.write(octets);
    await new Promise<void>((flushed) => {
      this.#stream.once('error', flushed);
      this.#stream.flush(constants.Z_SYNC_FLUSH, () => flushed());
    });
    this.#stream.removeAllListeners('error').on('error', (error) => { this.#failed = error; });
    if (this.#failed !== undefined) throw this.#failed;
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    return whole;
  }

  close(): void {
    this.#stream.close();
  }
}

const LEVELS = [0, 1, 1, 3, 6, 9];
const STRATEGIES = [
  constants.Z_DEFAULT_STRATEGY, constants.Z_DEFAULT_STRATEGY, constants.Z_DEFAULT_STRATEGY,
  constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE,
];

export class Compressor {
  readonly #half: Half;
  readonly #level: number | undefined;
  readonly #stream: ZlibStream | undefined;

  /** Without a level, both level and strategy are chance. */
  constructor(half: Half, random: Random, fixedLevel?: number) {
    this.#half = half;
    this.#level = fixedLevel;
    const { windowBits } = half;
    const [level, strategy] = this.#chosen(random);
    if (half.contextTakeover) {
      this.#stream = new ZlibStream(createDeflateRaw({ windowBits, level, strategy }));
    }
  }

  /** The payload of a compressed message (§7.2.1). */
  compress(octets: Uint8Array, random: Random): Uint8Array | Promise<Uint8Array> {
    // One octet says nothing (§7.2.3.6); a stream that has nothing to say does not.
    if (octets.length === 0) return Uint8Array.of(0);
    return this.#stream === undefined ? this.#alone(octets, random)
      : this.#stream.through(octets).then((flushed) => flushed.subarray(0, -FLUSHED.length));
  }

  #alone(octets: Uint8Array, random: Random): Uint8Array {
    const { windowBits } = this.#half;
    const isFinal = this.#level === undefined && random.chance(0.1);
    const [level, strategy] = this.#chosen(random);
    const flushed = deflateRawSync(octets, {
      windowBits, level, strategy,
      finishFlush: isFinal ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    });
    // A last block is followed by an octet of an empty one (§7.2.3.4).
    return isFinal ? Buffer.concat([flushed, Uint8Array.of(0)])
      : flushed.subarray(0, -FLUSHED.length);
  }

  #chosen(random: Random): readonly [number, number] {
    if (this.#level !== undefined) return [this.#level, constants.Z_DEFAULT_STRATEGY];
    return [random.pick(LEVELS), random.pick(STRATEGIES)];
  }

  close(): void {
    this.#stream?.close();
  }
}

export class Decompressor {
  readonly #windowBits: number;
  readonly #stream: ZlibStream | undefined;

  constructor({ windowBits, contextTakeover }: Half) {
    this.#windowBits = windowBits;
    if (contextTakeover) this.#stream = new ZlibStream(createInflateRaw({ windowBits }));
  }

  /** Throws where no such window makes octets of it. */
  decompress(payload: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const whole = Buffer.concat([payload, FLUSHED]);
    if (this.#stream !== undefined) return this.#stream.through(whole);
    return inflateRawSync(whole, {
      windowBits: this.#windowBits, finishFlush: constants.Z_SYNC_FLUSH,
    });
  }

  close(): void {
    this.#stream?.close();
  }
}
