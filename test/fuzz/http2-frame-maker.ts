/**
 * How the fuzzer makes frames: it knows the streams of the model, the room in its windows, and what
 * is left of a field block. What it makes, tables say (http2-frames.ts, http2-fatal-frames.ts).
 */
import {
  CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PRIORITY_FLAG, SETTINGS,
  WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { join } from '../support/http2.ts';
import type { Random } from '../support/random.ts';
import { BlockMaker, type Block } from './http2-blocks.ts';
import { KINDS, type Kind } from './http2-handlers.ts';
import type { Cause, Model, ModelStream, SentFrame } from './http2-model.ts';
import { PATTERN } from './http2-observer.ts';

/** What is different from connection to connection. */
export interface Style {
  /** How often a frame is one that ends the connection. */
  readonly fatal: number;
  /** Whether windows are used to the last octet; where not, half a window is left either way. */
  readonly exact: boolean;
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Stream identifiers that are left out, at most. */
  readonly skip: number;
  /** Octets of DATA at most: where they come one by one, few. */
  readonly dataOctets: number;
  /** Content is sent to handlers that do not read it, until the connection's window is full. */
  readonly hoards: boolean;
}

/** What a peer may choose from: weights and makers. */
export interface Tables {
  readonly legal: Weighted;
  readonly offences: Weighted;
  readonly fatal: Weighted;
  /** Where the connection's window is nearly full. */
  readonly full: Weighted;
}

export type Weighted = readonly (readonly [number, Maker])[];
export type Maker = (maker: FrameMaker) => SentFrame | undefined;

/** Handlers that do not read. */
const HOARDERS: readonly Kind[] = ['never', 'later', 'inform'];
/** Content of one stream at most. */
const CONTENT_MAX = 200_000;
const NO_OCTETS = new Uint8Array(0);

export function uint32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

export class FrameMaker {
  readonly random: Random;
  readonly model: Model;
  readonly style: Style;
  readonly blocks: BlockMaker;
  readonly #tables: Tables;
  /** Frames of one read: windows may have more credit than the model knows of. */
  inBatch = false;
  /** The rest of a field block. */
  #queue: SentFrame[] = [];

  constructor(random: Random, model: Model, style: Style, tables: Tables) {
    this.#tables = tables;
    this.random = random;
    this.model = model;
    this.style = style;
    this.blocks = new BlockMaker(random, style.hoards ? HOARDERS : KINDS);
  }

  next(): SentFrame {
    const { random } = this;
    const { fatal: chance, hoards } = this.style;
    // Windows that are nearly full are rare: then they are passed.
    const isFull = hoards && this.model.receiveWindow < 16_384 && random.chance(0.3);
    if (isFull || random.chance(chance)) {
      for (let tries = 0; tries < 3; tries++) {
        const fatal = this.#make(isFull ? this.#tables.full : this.#tables.fatal);
        if (fatal !== undefined) return fatal;
      }
    }
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    for (;;) {
      const found = this.#make(random.chance(0.8) ? this.#tables.legal : this.#tables.offences);
      if (found !== undefined) return found;
    }
  }

  #make(makers: Weighted): SentFrame | undefined {
    let at = this.random.int(makers.reduce((sum, [weight]) => sum + weight, 0));
    const maker = makers.find(([weight]) => (at -= weight) < 0)?.[1];
    const sent = maker?.(this);
    return sent && { ...sent, label: `${maker?.name}: ${sent.label}` };
  }

  // Streams to choose from

  stream(wanted: (stream: ModelStream) => boolean): ModelStream | undefined {
    const found = [...this.model.live.values()].filter(wanted);
    return found.length === 0 ? undefined : this.random.pick(found);
  }

  receiving(): ModelStream | undefined {
    return this.stream(({ canReceive, received }) => canReceive && received < CONTENT_MAX);
  }

  /** A stream that was closed for a cause, of the fuzzer's side. */
  closed(...causes: Cause[]): number | undefined {
    const found: number[] = [];
    for (const [id, cause] of this.model.closed[1] as Map<number, Cause>) {
      if (causes.includes(cause)) found.push(id);
    }
    // The last of them are the ones that peers ask for.
    return found.length === 0 ? undefined : this.random.pick(found.slice(-250));
  }

  /** An identifier that no stream has had. */
  nextId(): number {
    return this.model.lastRemote + 1 + (this.model.lastRemote % 2) +
      2 * this.random.int(this.style.skip + 1);
  }

  /** Octets of DATA that a stream may get, padding and all. */
  room({ receive }: ModelStream): number {
    const { exact, streamWindow, connectionWindow, dataOctets } = this.style;
    const stream = exact ? receive : receive - Math.ceil(streamWindow / 2);
    const connection = this.model.receiveWindow - (exact ? 0 : Math.ceil(connectionWindow / 2));
    return Math.max(0, Math.min(stream, connection, dataOctets));
  }

  // Frames

  frame(
    label: string, type: number, flags: number, streamId: number,
    payload: Uint8Array | readonly number[] = NO_OCTETS,
  ): SentFrame {
    const octets = payload instanceof Uint8Array ? payload : Uint8Array.from(payload);
    return { label, type, flags, streamId, payload: octets };
  }

  /** DATA of so many octets in all; content goes on where the stream's has come to. */
  data(label: string, streamId: number, octets: number, end: boolean, padding = -1): SentFrame {
    const flags = end ? END_STREAM : 0;
    const from = this.model.live.get(streamId)?.received ?? 0;
    if (padding < 0 || padding >= octets) {
      return this.frame(label, DATA, flags, streamId, PATTERN.slice(from, from + octets));
    }
    const content = octets - padding - 1;
    const payload = new Uint8Array(octets);
    payload[0] = padding;
    payload.set(PATTERN.subarray(from, from + content), 1);
    return this.frame(label, DATA, flags | PADDED, streamId, payload);
  }

  /** A field block, padded or not, with a priority or not, in one frame or in several. */
  headers(streamId: number, { label, octets, facts }: Block, end: boolean, on = -1): SentFrame {
    const { random } = this;
    let flags = end ? END_STREAM : 0;
    const front: number[] = [];
    const padding = random.chance(0.1) ? random.int(256) : -1;
    if (padding >= 0) {
      flags |= PADDED;
      front.push(padding);
    }
    if (on >= 0 || random.chance(0.1)) {
      flags |= PRIORITY_FLAG;
      front.push(...uint32(on >= 0 ? on : streamId + 2), 15);
    }
    const parts = this.#parts(octets);
    if (parts.length === 1) flags |= END_HEADERS;
    parts.slice(1).forEach((part, at) => {
      const last = at === parts.length - 2 ? END_HEADERS : 0;
      this.#queue.push(this.frame(`continuation: ${label}`, CONTINUATION, last, streamId, part));
    });
    const payload = join(front, parts[0] as Uint8Array, new Uint8Array(Math.max(0, padding)));
    return { label, type: HEADERS, flags, streamId, payload, block: facts };
  }

  /** A field block that goes on and on: its CONTINUATION frames follow. */
  endless(streamId: number, { label, octets, facts }: Block, each: number): SentFrame {
    for (let count = 0; count < 9; count++) {
      const part = new Uint8Array(each);
      this.#queue.push(this.frame(`continuation: ${label}`, CONTINUATION, 0, streamId, part));
    }
    return { ...this.frame(label, HEADERS, 0, streamId, octets), block: facts };
  }

  #parts(octets: Uint8Array): Uint8Array[] {
    const { random } = this;
    if (random.chance(0.85)) return [octets];
    const cuts = Array.from({ length: random.between(1, 8) }, () => random.int(octets.length + 1));
    const sorted = [0, ...cuts.sort((a, b) => a - b), octets.length];
    return sorted.slice(1).map((to, at) => octets.subarray(sorted[at], to));
  }

  windowUpdate(label: string, streamId: number, increment: number): SentFrame {
    return this.frame(label, WINDOW_UPDATE, 0, streamId, uint32(increment));
  }

  settings(label: string, pairs: readonly (readonly [number, number])[]): SentFrame {
    const octets = pairs.flatMap(([id, value]) => [id >>> 8, id & 255, ...uint32(value)]);
    return this.frame(label, SETTINGS, 0, 0, octets);
  }
}

/** Any stream, of any state. */
export function anyId(maker: FrameMaker): number {
  const { random, model } = maker;
  const live = maker.stream(() => true)?.id;
  return random.pick([
    live ?? 1, maker.closed('ended', 'peer reset', 'we reset') ?? 3,
    Math.max(1, model.lastRemote - 2 * random.int(10)), (model.lastRemote | 1) + 20,
  ]);
}
