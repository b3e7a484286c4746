/**
 * src/http2/frame-parser.ts: reads of frames, with every check of a frame by itself, into a sink
 * that counts. Node shows nobody its parser of frames, so beside it stands the least that anyone
 * can do: to walk from header to header with a DataView, with no check and nobody told.
 */
import {
  ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { FrameParser, type FrameSink } from '../../src/http2/frame-parser.ts';
import { agreed } from '../agreement.ts';
import { FIELD_LISTS } from '../field-lists.ts';
import type { Suite } from '../suite.ts';
import { frame, joined, uint32 } from './frames.ts';
import { blocksOf } from './hpack/blocks.ts';

const FRAME_BYTES = 16_384;
const [, fields] = FIELD_LISTS[0] as (typeof FIELD_LISTS)[number];
const { warm } = blocksOf(fields);

function many(count: number, make: (index: number) => Uint8Array): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Frames of one read. */
const READS: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ['100 HEADERS', many(100, (i) => frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, warm))],
  ['100 DATA of 20 octets', many(100, (i) => frame(DATA, 0, 2 * i + 1, new Uint8Array(20)))],
  ['4 DATA of 16 KiB', many(4, () => frame(DATA, 0, 1, new Uint8Array(FRAME_BYTES)))],
  ['100 WINDOW_UPDATE', many(100, (i) => frame(WINDOW_UPDATE, 0, 2 * i + 1, uint32(16_384)))],
  ['100 PING', many(100, () => frame(PING, ACK, 0, [1, 2, 3, 4, 5, 6, 7, 8]))],
];

/** Frames, and octets of blocks and content. */
class Counter implements FrameSink {
  frames = 0;
  octets = 0;

  beginData(): void {
    this.frames++;
  }

  receiveData(_streamId: number, _bytes: Uint8Array, start: number, end: number): void {
    this.octets += end - start;
  }

  endData(): void {}

  receiveHeaders(
    _streamId: number, _flags: number, _dependency: number,
    _bytes: Uint8Array, start: number, end: number,
  ): void {
    this.frames++;
    this.octets += end - start;
  }

  receiveContinuation(): void {
    this.frames++;
  }

  receivePriority(): void {
    this.frames++;
  }

  receiveRstStream(): void {
    this.frames++;
  }

  receiveSettings(): void {
    this.frames++;
  }

  receiveSettingsAck(): void {
    this.frames++;
  }

  receivePushPromise(): void {
    this.frames++;
  }

  receivePing(): void {
    this.frames++;
    this.octets += 8;
  }

  receiveGoaway(): void {
    this.frames++;
  }

  receiveWindowUpdate(): void {
    this.frames++;
    this.octets += 4;
  }

  receivePriorityUpdate(): void {
    this.frames++;
  }

  receiveUnknown(): void {
    this.frames++;
  }

  streamError(): void {
    throw new Error('a frame is broken');
  }
}

export function add(suite: Suite): void {
  const counter = new Counter();
  const parser = new FrameParser(counter, FRAME_BYTES);
  for (const [name, frames] of READS) {
    const octets = joined(frames);
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    counter.frames = 0;
    counter.octets = 0;
    parse(parser, octets);
    agreed(name, {
      expected: [frames.length, octets.length - 9 * frames.length],
      wirestack: [counter.frames, counter.octets], walk: walk(view),
    });
    suite.compare(name, {
      wirestack: () => parse(parser, octets), walk: () => walk(view),
    }, frames.length);
  }
}

function parse(parser: FrameParser, octets: Uint8Array): void {
  for (let at = 0; at < octets.length;) at = parser.receive(octets, at, octets.length);
}

/** Frames, and octets of payload. */
function walk(view: DataView): readonly number[] {
  let frames = 0;
  let octets = 0;
  for (let at = 0; at < view.byteLength; frames++) {
    const length = view.getUint32(at) >>> 8;
    octets += length;
    at += 9 + length;
  }
  return [frames, octets];
}
