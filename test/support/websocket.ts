/**
 * Frames as octets, and a receiver under test: parser, assembler and what stands behind them, fed
 * as a protocol feeds them, at every split, out of memory that is spoilt after each call.
 */
import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import { CloseError } from '../../src/websocket/close-error.ts';
import { parseClosePayload } from '../../src/websocket/close-payload.ts';
import {
  FIN, MASK, TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG,
} from '../../src/websocket/frame.ts';
import {
  FrameParser, MORE, type ControlSink, type DataSink, type FrameBounds,
} from '../../src/websocket/frame-parser.ts';
import { MessageAssembler, type MessageBounds } from '../../src/websocket/message-assembler.ts';
import { MessageCollector } from '../../src/websocket/message-collector.ts';
import { MessageStream } from '../../src/websocket/message-stream.ts';

export type Payload = string | Uint8Array;

/** Text as UTF-8. */
export function octetsOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload;
}

export function join(...parts: readonly Payload[]): Uint8Array {
  return Buffer.concat(parts.map(octetsOf));
}

export function hexOctets(text: string): Uint8Array {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

export interface FrameOptions {
  readonly final?: boolean;
  /** RSV bits as in the first octet. */
  readonly reserved?: number;
  /** The masking key; null: not masked. */
  readonly key?: number | null;
  /** The length that the header tells, if not the payload's. */
  readonly length?: bigint;
  /** How many octets tell it, if not the fewest: 0, 2 or 8. */
  readonly lengthOctets?: 0 | 2 | 8;
}

const KEY = 0x37fa213d;

/** One frame, masked unless said otherwise; written apart from the code under test. */
export function frame(
  opcode: number, payload: Payload = '', options: FrameOptions = {},
): Uint8Array {
  const { final = true, reserved = 0, key = KEY } = options;
  const octets = octetsOf(payload);
  const length = options.length ?? BigInt(octets.length);
  const size = options.lengthOctets ?? (length < 126n ? 0 : length < 65536n ? 2 : 8);
  const header = Buffer.alloc(2 + size);
  header[0] = (final ? FIN : 0) | reserved | opcode;
  header[1] = (key === null ? 0 : MASK) | (size === 0 ? Number(length) : size === 2 ? 126 : 127);
  if (size === 2) header.writeUInt16BE(Number(length), 2);
  if (size === 8) header.writeBigUInt64BE(length, 2);
  if (key === null) return join(header, octets);
  const keyOctets = Buffer.alloc(4);
  keyOctets.writeUInt32BE(key >>> 0);
  return join(header, keyOctets, masked(octets, key));
}

/** The transformation of RFC 6455 §5.3, as it is written there. */
export function masked(octets: Uint8Array, key: number, phase = 0): Uint8Array {
  const octetOfKey = (i: number): number => (key >>> (24 - 8 * ((i + phase) % 4))) & 0xff;
  return Uint8Array.from(octets, (octet, i) => octet ^ octetOfKey(i));
}

/** What came of a vector: calls in order, and the refusal. */
export interface Outcome {
  readonly events: readonly (readonly unknown[])[];
  readonly refused: readonly [number, string] | undefined;
  /** Whether a frame or a message has begun and not ended, unless refused. */
  readonly within: boolean;
}

type Events = (readonly unknown[])[];

function shown(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString('latin1');
}

/** Control frames, written down; the payload of Close is read. */
export function controlRecorder(events: Events): ControlSink {
  return {
    receiveClose(bytes, start, end) {
      const { code, reason } = parseClosePayload(bytes, start, end);
      events.push(['close', code, reason]);
    },
    receivePing: (bytes, start, end) => void events.push(['ping', shown(bytes, start, end)]),
    receivePong: (bytes, start, end) => void events.push(['pong', shown(bytes, start, end)]),
  };
}

/** Frames, written down; the parts of one payload are joined. */
export function frameRecorder(events: Events): DataSink {
  let payload = '';
  return {
    beginFrame: (...header) => void events.push(['frame', ...header]),
    frameData: (bytes, start, end) => void (payload += shown(bytes, start, end)),
    endFrame() {
      events.push(['payload', payload]);
      payload = '';
    },
  };
}

/** What a receiver is made of: frames alone, messages whole, or messages in pieces. */
export type Kind = 'frames' | 'whole' | 'pieces';

export type Bounds = Partial<FrameBounds & MessageBounds> & { readonly collectedBytes?: number };

/** A server's receiver, unless bounds say otherwise. */
export class Receiver {
  readonly events: Events = [];
  readonly parser: FrameParser;
  readonly assembler: MessageAssembler | undefined;
  readonly collector: MessageCollector | undefined;
  refused: readonly [number, string] | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(kind: Kind = 'whole', bounds: Bounds = {}) {
    const all = {
      masked: true, reserved: 0, frameBytes: Infinity, messageBytes: Infinity, fragments: 1024,
      ...bounds,
    };
    const { events } = this;
    if (kind === 'whole') {
      this.collector = new MessageCollector({
        receiveText: (text) => void events.push(['text', text]),
        receiveBinary: (octets) => void events.push(['binary', Buffer.from(octets)]),
      }, bounds.collectedBytes ?? Infinity);
    }
    const messages = kind === 'pieces' ? pieceRecorder(events) : this.collector;
    if (messages !== undefined) this.assembler = new MessageAssembler(messages, all);
    const data = this.assembler ?? frameRecorder(events);
    this.parser = new FrameParser(data, controlRecorder(events), all);
  }

  /** Takes a segment as a protocol does; the memory that it lends is spoilt after each call. */
  receive(segment: Uint8Array): void {
    if (this.refused !== undefined) return;
    const before = 5;
    const lent = join(new Uint8Array(before), this.#rest, segment, new Uint8Array(3));
    const end = lent.length - 3;
    let at = before;
    try {
      while (at < end) {
        const kept = Buffer.from(lent.subarray(at, end));
        const next = this.parser.receive(lent, at, end);
        if (next === MORE) {
          expect(kept.equals(lent.subarray(at, end)), 'what was not taken is as it was').toBe(true);
          break;
        }
        expect(next > at && next <= end).toBe(true);
        lent.fill(0xee, at, next);
        at = next;
      }
    } catch (error) {
      if (!(error instanceof CloseError)) throw error;
      this.refused = [error.code, error.message];
    }
    this.#rest = lent.subarray(at, end);
  }

  outcome(): Outcome {
    const { events, refused } = this;
    const within = refused === undefined &&
      (this.parser.isWithin || this.assembler?.isWithin === true);
    return { events, refused, within };
  }
}

function pieceRecorder(events: Events): MessageStream {
  let pieces: Payload = '';
  return new MessageStream({
    beginPieces(opcode) {
      pieces = opcode === TEXT ? '' : Buffer.alloc(0);
    },
    textPiece(text) {
      expect(text.length).toBeGreaterThan(0);
      expect(/[\ud800-\udbff]$|^[\udc00-\udfff]/.test(text), 'no code point is cut').toBe(false);
      pieces += text;
    },
    binaryPiece: (bytes, start, end) => void (pieces = join(pieces, bytes.subarray(start, end))),
    endPieces: () => void events.push([typeof pieces === 'string' ? 'text' : 'binary', pieces]),
  });
}

/** Whole, octet by octet, and in two at each place; long vectors at some places only. */
export function splits(octets: Uint8Array): Uint8Array[][] {
  const found = [[octets]];
  if (octets.length <= 1000) found.push([...octets].map((octet) => Uint8Array.of(octet)));
  const step = Math.max(1, Math.floor(octets.length / 200));
  for (let at = 1; at < octets.length; at += step) {
    found.push([octets.subarray(0, at), octets.subarray(at)]);
  }
  return found;
}

/** Feeds octets at each split, and insists on one outcome. */
export function received(octets: Uint8Array, kind?: Kind, bounds?: Bounds): Outcome {
  let whole: Outcome | undefined;
  for (const segments of splits(octets)) {
    const receiver = new Receiver(kind, bounds);
    for (const segment of segments) receiver.receive(segment);
    const outcome = receiver.outcome();
    whole ??= outcome;
    const where = segments.length > 2 ? 'octet by octet' : `at ${segments[0]?.length}`;
    // What a broken vector is refused with must be the same; so must what came before.
    expect(outcome, where).toEqual(whole);
  }
  return whole as Outcome;
}

/** Insists that octets are refused at every split. Gives the code and the words. */
export function refused(
  octets: Uint8Array, kind?: Kind, bounds?: Bounds,
): readonly [number, string] {
  const outcome = received(octets, kind, bounds);
  if (outcome.refused === undefined) throw new Error('it is not refused');
  return outcome.refused;
}

// Frames of a client
export const text = (payload: Payload, final = true): Uint8Array => frame(TEXT, payload, { final });
export const binary = (payload: Payload, final = true): Uint8Array =>
  frame(BINARY, payload, { final });
export const continuation = (payload: Payload, final = true): Uint8Array =>
  frame(CONTINUATION, payload, { final });
export const ping = (payload: Payload = ''): Uint8Array => frame(PING, payload);
export const pong = (payload: Payload = ''): Uint8Array => frame(PONG, payload);
export const close = (code?: number, reason: Payload = ''): Uint8Array =>
  frame(CLOSE, code === undefined ? '' : join(Uint8Array.of(code >> 8, code), reason));
