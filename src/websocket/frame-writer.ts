/**
 * Messages, fragments and control frames into octets (RFC 6455 §5.2), for both roles: a server's
 * frames are not masked, a client's each with a new key (§5.3).
 *
 * Short frames leave as one string, the cheapest write on Node; a long payload goes by reference
 * behind its header. Knows no order of fragments: that is for its caller, the protocol.
 */
import { Buffer } from 'node:buffer';
import { latin1 } from '../bytes/ascii.ts';
import { Slab } from '../bytes/slab.ts';
import {
  BINARY, CONTROL_BYTES_MAX, FIN, LENGTH_16, LENGTH_64, MASK, RSV1, TEXT,
} from './frame.ts';
import { copyMasked, unmask } from './mask.ts';

/** Where frames go: a Transport. */
export interface Out {
  /** Takes octets over; text is latin1. False: too much is queued. */
  write(octets: Uint8Array | string): boolean;
}

/** Payloads up to here are joined to their header; a view and a second write cost more. */
const JOINED_BYTES = 4096;
const HEADER_BYTES_MAX = 14;
const { utf8Write } = Buffer.prototype;
/** Frames are made one at a time, so all connections share the slab that short ones are made in. */
const scratch = new Slab();

export class FrameWriter {
  readonly #out: Out;
  readonly #nextKey: (() => number) | undefined;

  /** With `nextKey`, a client's: see `maskingKeys`. */
  constructor(out: Out, nextKey?: () => number) {
    this.#out = out;
    this.#nextKey = nextKey;
  }

  /** A message of text. Half a surrogate pair goes out as U+FFFD. Returns what `write` said. */
  text(text: string): boolean {
    return this.#text(FIN | TEXT, text);
  }

  /** A binary message; the octets must not change after. */
  binary(octets: Uint8Array): boolean {
    return this.#octets(FIN | BINARY, octets);
  }

  /**
   * One frame of a message (§5.4). `opcode` is CONTINUATION but for the first; `reserved` are RSV
   * bits, for the first. A string must not end within a surrogate pair.
   */
  fragment(
    opcode: number, final: boolean, payload: Uint8Array | string, reserved = 0,
  ): boolean {
    const first = (final ? FIN : 0) | reserved | opcode;
    return typeof payload === 'string' ? this.#text(first, payload) : this.#octets(first, payload);
  }

  /** A Close, Ping or Pong frame (§5.5). */
  control(opcode: number, payload: Uint8Array): boolean {
    if (payload.length > CONTROL_BYTES_MAX) {
      throw new RangeError(
        `a control frame carries ${CONTROL_BYTES_MAX} octets, not ${payload.length} ` +
          '(RFC 6455 §5.5)',
      );
    }
    return this.#octets(FIN | opcode, payload);
  }

  /** A message that was made once for many. Not for a client: each frame has its own key (§5.3). */
  prepared(frame: PreparedFrame): boolean {
    if (this.#nextKey !== undefined) {
      throw new TypeError('a prepared frame is not masked (RFC 6455 §5.1)');
    }
    return this.#out.write(frame.octets);
  }

  #text(first: number, text: string): boolean {
    const length = Buffer.byteLength(text);
    if (length > JOINED_BYTES) return this.#octets(first, utf8(text, length));
    const key = this.#nextKey?.();
    if (key === undefined) return this.#out.write(joinedText(first, text, length));
    const at = beginMasked(first, length, key);
    utf8Write.call(scratch.bytes, text, at, length);
    unmask(scratch.bytes, at, at + length, key, 0);
    return this.#out.write(latin1(scratch.bytes, 0, at + length));
  }

  #octets(first: number, payload: Uint8Array): boolean {
    const { length } = payload;
    const key = this.#nextKey?.();
    if (key !== undefined) return this.#out.write(maskedFrame(first, payload, key));
    const header = headerText(first, length);
    if (length <= JOINED_BYTES) return this.#out.write(header + latin1(payload, 0, length));
    this.#out.write(header);
    return this.#out.write(payload);
  }
}

/** A whole message as a server sends it: made once, sent to many (see `FrameWriter.prepared`). */
export interface PreparedFrame {
  /** Text is latin1. */
  readonly octets: Uint8Array | string;
}

/** Copies what it is given. `compressed` is the payload in the form of RFC 7692, if it has one. */
export function preparedFrame(
  message: string | Uint8Array, compressed?: Uint8Array,
): PreparedFrame {
  const opcode = typeof message === 'string' ? TEXT : BINARY;
  const first = FIN | opcode | (compressed === undefined ? 0 : RSV1);
  const payload = compressed ?? message;
  const length = Buffer.byteLength(payload);
  if (length <= JOINED_BYTES) {
    const octets = typeof payload === 'string'
      ? joinedText(first, payload, length)
      : headerText(first, length) + latin1(payload, 0, length);
    return { octets };
  }
  const slab = new Slab();
  slab.reserve(HEADER_BYTES_MAX + length);
  writeFrameHeader(slab, first, length);
  slab.octets(typeof payload === 'string' ? utf8(payload, length) : payload);
  return { octets: slab.take() };
}

/** The header of a frame; with a key, of a masked one. Its payload of `length` octets follows. */
export function writeFrameHeader(slab: Slab, first: number, length: number, key?: number): void {
  slab.reserve(HEADER_BYTES_MAX);
  slab.octet(first);
  const mask = key === undefined ? 0 : MASK;
  if (length <= CONTROL_BYTES_MAX) {
    slab.octet(mask | length);
  } else if (length < 0x1_0000) {
    slab.octet(mask | LENGTH_16);
    slab.octet(length >>> 8);
    slab.octet(length);
  } else {
    slab.octet(mask | LENGTH_64);
    uint32(slab, Math.floor(length / 0x1_0000_0000));
    uint32(slab, length);
  }
  if (key !== undefined) uint32(slab, key);
}

function uint32(slab: Slab, value: number): void {
  slab.octet(value >>> 24);
  slab.octet(value >>> 16);
  slab.octet(value >>> 8);
  slab.octet(value);
}

/** The header of a frame that is not masked, as latin1. */
function headerText(first: number, length: number): string {
  if (length <= CONTROL_BYTES_MAX) return String.fromCharCode(first, length);
  if (length < 0x1_0000) {
    return String.fromCharCode(first, LENGTH_16, length >>> 8, length & 0xff);
  }
  scratch.clear();
  writeFrameHeader(scratch, first, length);
  return latin1(scratch.bytes, 0, scratch.length);
}

/** The octets of a text, of which there are `length`. ASCII is written faster as latin1. */
function utf8(text: string, length: number): Uint8Array {
  return Buffer.from(text, length === text.length ? 'latin1' : 'utf8');
}

/** Of a text of `length` octets. */
function joinedText(first: number, text: string, length: number): string {
  const header = headerText(first, length);
  if (length === text.length) return header + text;
  scratch.clear();
  scratch.reserve(length);
  utf8Write.call(scratch.bytes, text, 0, length);
  return header + latin1(scratch.bytes, 0, length);
}

/** Writes a header to the scratch, and makes room. Returns where the payload goes. */
function beginMasked(first: number, length: number, key: number): number {
  scratch.clear();
  writeFrameHeader(scratch, first, length, key);
  scratch.reserve(length);
  return scratch.length;
}

function maskedFrame(first: number, payload: Uint8Array, key: number): Uint8Array | string {
  const { length } = payload;
  if (length <= JOINED_BYTES) {
    beginMasked(first, length, key);
    copyMasked(scratch, payload, key);
    return latin1(scratch.bytes, 0, scratch.length);
  }
  const slab = new Slab();
  slab.reserve(HEADER_BYTES_MAX + length);
  writeFrameHeader(slab, first, length, key);
  copyMasked(slab, payload, key);
  return slab.take();
}
