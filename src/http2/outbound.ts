/**
 * The way out of one connection: frames into the slab of the turn, field blocks through the one
 * encoder, content under both windows; all of a turn in one write.
 *
 * Short content is copied into the slab, long content goes by reference between two parts of it.
 */
import { decimal, latin1 } from '../bytes/ascii.ts';
import { Slab } from '../bytes/slab.ts';
import type { Fields } from '../http/fields.ts';
import { permittedTrailers } from '../http/trailers.ts';
import type { Transport } from '../protocol.ts';
import { CONNECTION_FIELDS } from './field-marks.ts';
import { SendWindow } from './flow-control.ts';
import { DEFAULT_WINDOW } from './frame.ts';
import { writeDataHeader, writeHeaders, writePushPromise } from './frame-writer.ts';
import { HpackEncoder } from './hpack/index.ts';
import type { Settings } from './settings.ts';

/** Content up to here is copied beside its frame header; a view and a second write cost more. */
const COPIED_BYTES = 4096;
/** Up to here a turn leaves as text, the cheapest write on Node, and the slab is used again. */
const TEXT_BYTES = 16 * 1024;

/** So much of a turn is gathered at most. */
const SLAB_BYTES = 64 * 1024;
/** Answers to frames that may pile up while output stands, before we stop to read them. */
const BEYOND_BYTES = 64 * 1024;

/** Fields as they go into blocks, remembered on them. */
export class BlockFields {
  readonly names: string[] = [];
  readonly values: string[] = [];
  readonly hasDate: boolean;
  /** A program's own Content-Length, or undefined. Throws a TypeError where it is no number. */
  readonly contentLength: number | undefined;

  constructor(fields: Fields) {
    this.hasDate = fields.has('date');
    const length = fields.get('content-length');
    this.contentLength = length === undefined ? undefined : decimal(length);
    if (this.contentLength === -1) {
      throw new TypeError(`content-length "${length}" is no count of octets (RFC 9110 §8.6)`);
    }
    for (const [name, value] of fields) {
      // Of a handler's fields, what is another version's is dropped.
      if (CONNECTION_FIELDS.has(name) || name === 'content-length') continue;
      this.names.push(name);
      this.values.push(value);
    }
  }
}

export function blockFields(fields: Fields): BlockFields {
  return (fields.http2 ??= new BlockFields(fields)) as BlockFields;
}

/** Blocks are made one at a time, so all connections share the slab that they are made in. */
const block = new Slab();

export class Outbound {
  readonly slab = new Slab();
  /** The connection's window. */
  readonly window = new SendWindow(DEFAULT_WINDOW);
  /** `write` said false: no more content until `drained`. */
  blocked = false;
  /** Octets that left us all the same since then: what frames of the peer asked for. */
  #beyond = 0;
  readonly #transport: Transport;
  readonly #peer: Settings;
  readonly #encoder: HpackEncoder;
  // The last response head, whose block is the same while the table and the date are
  #lastFields: Fields | undefined;
  #lastStatus = 0;
  #lastLength: number | undefined;
  #lastDate = '';
  #lastAdded = -1;
  #lastBlock: Uint8Array = new Uint8Array(0);
  #lastBlockAdded = false;

  constructor(transport: Transport, peer: Settings) {
    this.#transport = transport;
    this.#peer = peer;
    this.#encoder = new HpackEncoder();
  }

  get encoder(): HpackEncoder {
    return this.#encoder;
  }

  /** The largest DATA that may be sent now on a stream with `window` octets left. */
  room(window: number): number {
    return Math.min(window, this.window.available, this.#peer.maxFrameSize);
  }

  /** A response's head (§8.3.2); `contentLength` undefined where it is not told. */
  response(
    streamId: number, status: number, fields: Fields, contentLength: number | undefined,
    date: string, end: boolean,
  ): void {
    const encoder = this.#encoder;
    const known = fields === this.#lastFields && status === this.#lastStatus &&
      contentLength === this.#lastLength && date === this.#lastDate &&
      encoder.added === this.#lastAdded && !encoder.updateIsDue;
    if (!known) {
      this.#lastBlock = this.#responseBlock(status, fields, contentLength, date);
      this.#lastFields = fields;
      this.#lastStatus = status;
      this.#lastLength = contentLength;
      this.#lastDate = date;
      // A block that added to the table is not the same a second time.
      this.#lastAdded = this.#lastBlockAdded ? -1 : encoder.added;
    }
    writeHeaders(this.slab, streamId, this.#lastBlock, end, this.#peer.maxFrameSize);
  }

  #responseBlock(
    status: number, fields: Fields, contentLength: number | undefined, date: string,
  ): Uint8Array {
    // First of all: it may throw, and what the encoder has said by then would never be sent (§4.3).
    const { names, values, hasDate } = blockFields(fields);
    const encoder = this.#encoder;
    const before = encoder.added;
    block.clear();
    encoder.begin(block);
    encoder.field(':status', String(status), block);
    for (let i = 0; i < names.length; i++) {
      // TE is of requests alone (§8.2.2).
      if (names[i] === 'te') continue;
      encoder.field(names[i] as string, values[i] as string, block);
    }
    if (contentLength !== undefined) encoder.field('content-length', String(contentLength), block);
    if (!hasDate && date !== '') encoder.field('date', date, block);
    this.#lastBlockAdded = encoder.added !== before;
    return new Uint8Array(block.bytes.subarray(0, block.length));
  }

  /** A request's head (§8.3.1): pseudo-header fields, then fields. */
  request(
    streamId: number, pseudo: readonly (readonly [string, string])[], fields: Fields, end: boolean,
  ): void {
    this.#fill(pseudo, fields);
    writeHeaders(this.slab, streamId, written(), end, this.#peer.maxFrameSize);
  }

  /** Trailers end the stream (§8.1). */
  trailers(streamId: number, fields: Fields): void {
    this.request(streamId, [], permittedTrailers(fields), true);
  }

  /** A promise, with the request that the promised stream answers (§8.4.1). */
  promise(
    streamId: number, promisedId: number, pseudo: readonly (readonly [string, string])[],
    fields: Fields,
  ): void {
    // A promised request has no content (§8.4).
    this.#fill(pseudo, fields.without('content-length'));
    writePushPromise(this.slab, streamId, promisedId, written(), this.#peer.maxFrameSize);
  }

  #fill(pseudo: readonly (readonly [string, string])[], fields: Fields): void {
    // First of all: see #responseBlock.
    const { names, values, contentLength } = blockFields(fields);
    block.clear();
    this.#encoder.begin(block);
    for (const [name, value] of pseudo) this.#encoder.field(name, value, block);
    for (let i = 0; i < names.length; i++) {
      this.#encoder.field(names[i] as string, values[i] as string, block);
    }
    if (contentLength !== undefined) {
      this.#encoder.field('content-length', String(contentLength), block);
    }
  }

  /** Content of one DATA frame, within `room`. */
  data(streamId: number, octets: Uint8Array, end: boolean): void {
    writeDataHeader(this.slab, streamId, octets.length, end);
    this.window.take(octets.length);
    if (octets.length <= COPIED_BYTES) {
      this.slab.octets(octets);
      // Only what was written can be seen to be too much.
      if (this.slab.length >= SLAB_BYTES) this.flush();
    } else {
      this.flush();
      this.#write(octets);
    }
  }

  /** Hands over what the slab holds. */
  flush(): void {
    const { slab } = this;
    if (slab.length === 0) return;
    if (slab.length > TEXT_BYTES) {
      this.#write(slab.take());
    } else {
      this.#write(latin1(slab.bytes, 0, slab.length));
      slab.clear();
    }
  }

  /** Output stands, and what the peer asks for meanwhile is too much as well. */
  get stands(): boolean {
    return this.blocked && this.#beyond > BEYOND_BYTES;
  }

  drained(): void {
    this.blocked = false;
    this.#beyond = 0;
  }

  #write(octets: Uint8Array | string): void {
    if (this.blocked) this.#beyond += octets.length;
    if (!this.#transport.write(octets)) this.blocked = true;
  }
}

function written(): Uint8Array {
  return block.bytes.subarray(0, block.length);
}
