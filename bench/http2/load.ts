/**
 * A client of HTTP/2 that costs next to nothing, so that what is timed is a server: the requests of
 * a read are octets made before, in which only the stream identifiers change; of what comes back it
 * reads the headers of frames.
 */
import { Buffer } from 'node:buffer';
import {
  DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import type { FieldPairs } from '../field-lists.ts';
import { frame, joined, uint32 } from './frames.ts';
import { blocksOf } from './hpack/blocks.ts';

const FRAME_HEADER_BYTES = 9;
const ACK = 1;
/** All content of a run: so the window is never in the way. */
const WINDOW = 0x7fff_ffff - 65_535;

/** GETs, of which each read has `count`. */
export class Requests {
  /** What comes first on a connection: the preface, settings, and one GET that fills the table. */
  readonly opening: Uint8Array;
  readonly #octets: Buffer;
  readonly #frameBytes: number;
  #streamId = 3;

  constructor(fields: FieldPairs, count: number) {
    const { cold, warm } = blocksOf(fields);
    const flags = END_HEADERS | END_STREAM;
    this.opening = joined([
      PREFACE, frame(SETTINGS, 0, 0), frame(SETTINGS, ACK, 0),
      frame(WINDOW_UPDATE, 0, 0, uint32(WINDOW)), frame(HEADERS, flags, 1, cold),
    ]);
    const one = frame(HEADERS, flags, 1, warm);
    this.#frameBytes = one.length;
    this.#octets = Buffer.concat(Array.from({ length: count }, () => one));
  }

  /** The next read, good until it is asked for again. */
  next(): Uint8Array {
    const octets = this.#octets;
    for (let at = 5; at < octets.length; at += this.#frameBytes) {
      octets.writeUInt32BE(this.#streamId, at);
      this.#streamId += 2;
    }
    return octets;
  }
}

/** Counts answers in octets as they come. */
export class Answers {
  /** Streams that ended. */
  ended = 0;
  /** Octets of content. */
  content = 0;
  #rest: Uint8Array = new Uint8Array(0);
  /** Octets of a payload that are still to come. */
  #skipped = 0;

  take(octets: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? octets : Buffer.concat([this.#rest, octets]);
    let at = this.#skipped;
    while (at + FRAME_HEADER_BYTES <= bytes.length) {
      const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) |
        (bytes[at + 2] as number);
      this.#frame(bytes[at + 3] as number, bytes[at + 4] as number, length);
      at += FRAME_HEADER_BYTES + length;
    }
    this.#rest = at < bytes.length ? Uint8Array.from(bytes.subarray(at)) : NOTHING;
    this.#skipped = Math.max(0, at - bytes.length);
  }

  #frame(type: number, flags: number, length: number): void {
    if (type === RST_STREAM || type === GOAWAY) throw new Error('the server refused');
    if (type === DATA) this.content += length;
    const ends = type === DATA || type === HEADERS;
    if (ends && (flags & END_STREAM) !== 0) this.ended++;
  }
}

const NOTHING = new Uint8Array(0);
