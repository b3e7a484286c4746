/**
 * src/http2/frame-writer.ts: the frames of one turn, into a slab that is used again, beside what a
 * program does that has no slab: a Buffer for each frame, joined by Buffer.concat for one write.
 * Both write the same octets.
 */
import { Buffer } from 'node:buffer';
import { Slab } from '../../src/bytes/slab.ts';
import {
  DATA, END_HEADERS, END_STREAM, HEADERS, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { writeDataHeader, writeHeaders, writeWindowUpdate } from '../../src/http2/frame-writer.ts';
import { agreed } from '../agreement.ts';
import { FIELD_LISTS } from '../field-lists.ts';
import type { Suite } from '../suite.ts';
import { frame, joined, uint32 } from './frames.ts';
import { blocksOf } from './hpack/blocks.ts';

const FRAME_BYTES = 16_384;
const ANSWERS = 32;
const CONTENT = Buffer.from('Hello, World!');
const [, fields] = FIELD_LISTS[2] as (typeof FIELD_LISTS)[number];
const { warm } = blocksOf(fields);
const slab = new Slab();

export function add(suite: Suite): void {
  const large = new Uint8Array(FRAME_BYTES * 2);
  compare(suite, `${ANSWERS} answers, HEADERS and DATA`, answers, answersOfBuffers, ANSWERS);
  compare(
    suite, `${ANSWERS} WINDOW_UPDATE`, updates,
    () => joined(numbers((id) => frame(WINDOW_UPDATE, 0, id, uint32(65_535)))), ANSWERS,
  );
  compare(
    suite, 'a field block of 32 KiB',
    () => writeHeaders(slab, 1, large, false, FRAME_BYTES),
    () => joined([
      frame(HEADERS, 0, 1, large.subarray(0, FRAME_BYTES)),
      frame(9, END_HEADERS, 1, large.subarray(FRAME_BYTES)),
    ]),
    1,
  );
}

function compare(
  suite: Suite, name: string, write: () => void, buffers: () => Uint8Array, units: number,
): void {
  const turn = (): Slab => {
    slab.clear();
    write();
    return slab;
  };
  const { bytes, length } = turn();
  agreed(name, { wirestack: [...bytes.subarray(0, length)], buffers: [...buffers()] });
  suite.compare(name, { wirestack: turn, buffers }, units);
}

function answers(): void {
  for (let id = 1; id < 2 * ANSWERS; id += 2) {
    writeHeaders(slab, id, warm, false, FRAME_BYTES);
    writeDataHeader(slab, id, CONTENT.length, true);
    slab.octets(CONTENT);
  }
}

function answersOfBuffers(): Uint8Array {
  return joined(numbers((id) => frame(HEADERS, END_HEADERS, id, warm))
    .flatMap((headers, at) => [headers, frame(DATA, END_STREAM, 2 * at + 1, CONTENT)]));
}

function updates(): void {
  for (let id = 1; id < 2 * ANSWERS; id += 2) writeWindowUpdate(slab, id, 65_535);
}

function numbers(make: (streamId: number) => Uint8Array): Uint8Array[] {
  return Array.from({ length: ANSWERS }, (_, at) => make(2 * at + 1));
}
