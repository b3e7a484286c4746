/**
 * What a server may send, held against the model of its connection (RFC 9113 §5.1, §6.9, §8.1):
 * frames in the order of each stream, both windows and the frame size that the fuzzer gave,
 * acknowledgements, content octet by octet. Tells the model what the server did by itself.
 *
 * Counts the credit that comes, so that windows can be compared with what was sent and read.
 */
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PUSH_PROMISE,
  RST_STREAM, SETTINGS, SETTINGS_HEADER_TABLE_SIZE, SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS, WINDOW_MAX, WINDOW_UPDATE, errorName,
} from '../../src/http2/frame.ts';
import { FieldList, HpackDecoder } from '../../src/http2/hpack/index.ts';
import { settingsOf, uint31At, uint32At } from './http2-form.ts';
import type { Model, ModelStream } from './http2-model.ts';

/** What came on one stream, and how it ended. */
export interface Received {
  statuses: number[];
  octets: number;
  /** Content-Length, where it was told. */
  declared: number | undefined;
  /** END_STREAM, the name of a code, or '' before either. */
  end: string;
}

export interface Reset {
  readonly streamId: number;
  readonly code: number;
}

/** The octet at a place of every content, either way: misplaced octets show. */
export function patternAt(offset: number): number {
  return (offset * 31 + (offset >> 8)) & 255;
}

const PATTERN_OCTETS = 256 * 1024;
export const PATTERN: Uint8Array = Uint8Array.from({ length: PATTERN_OCTETS }, (_, at) =>
  patternAt(at));

export class Observer {
  readonly faults: string[] = [];
  readonly streams = new Map<number, Received>();
  /** Of the last read. */
  resets: Reset[] = [];
  goaway: { readonly code: number; readonly last: number; readonly text: string } | undefined;
  pings = 0;
  /** Is told of each frame, where the frames of a connection are to be shown. */
  readonly #log: (line: string) => void;
  protected readonly model: Model;
  readonly #decoder = new HpackDecoder();
  /** Streams that lived when the step began: they may have been reset by the fuzzer in it. */
  #before = new Set<number>();
  #lenient = false;
  #block: { streamId: number; type: number; end: boolean; parts: number[] } | undefined;
  #settingsSeen = false;

  constructor(model: Model, log: (line: string) => void) {
    this.model = model;
    this.#log = log;
  }

  /** A step begins; `lenient`: it is of several frames or reads, which answers may cross. */
  begin(lenient: boolean): void {
    this.resets = [];
    this.#lenient = lenient;
    this.#before = new Set(this.model.live.keys());
  }

  read(octets: Uint8Array): void {
    for (let at = 0; at < octets.length;) {
      const length = uint32At(octets, at) >>> 8;
      if (at + 9 + length > octets.length) return this.fault('a frame is cut short');
      const payload = octets.subarray(at + 9, at + 9 + length);
      this.#frame(
        octets[at + 3] as number, octets[at + 4] as number, uint32At(octets, at + 5), payload,
      );
      at += 9 + length;
    }
  }

  protected fault(what: string): void {
    this.faults.push(what);
  }

  #frame(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.#log(`  type ${type}, flags ${flags}, stream ${streamId}, ${payload.length} octets`);
    if (this.goaway !== undefined) this.fault(`frame type ${type} after GOAWAY`);
    if (payload.length > this.model.maxFrameSize) this.fault('over SETTINGS_MAX_FRAME_SIZE');
    if (!this.#settingsSeen && type !== SETTINGS) this.fault('the first frame is not SETTINGS');
    const inBlock = this.#block !== undefined;
    if (inBlock !== (type === CONTINUATION)) this.fault('CONTINUATION out of order (§6.10)');
    switch (type) {
      case DATA: this.#data(flags, streamId, payload); break;
      case HEADERS: case CONTINUATION: case PUSH_PROMISE:
        this.#fragment(type, flags, streamId, payload);
        break;
      case RST_STREAM: this.#rstStream(streamId, uint32At(payload, 0)); break;
      case SETTINGS: this.#settings(flags, payload); break;
      case PING: this.#ping(flags, payload); break;
      case GOAWAY: {
        const text = String.fromCharCode(...payload.subarray(8));
        this.goaway = { code: uint32At(payload, 4), last: uint31At(payload, 0), text };
        break;
      }
      case WINDOW_UPDATE: this.#windowUpdate(streamId, uint32At(payload, 0)); break;
      default: this.fault(`frame type ${type}`);
    }
  }

  #settings(flags: number, payload: Uint8Array): void {
    const model = this.model;
    this.#settingsSeen = true;
    if ((flags & ACK) !== 0) {
      const settings = model.settingsDue.shift();
      if (settings === undefined) return this.fault('SETTINGS acknowledged twice');
      for (const [id, value] of settings) {
        if (id === SETTINGS_HEADER_TABLE_SIZE) this.#decoder.setTableSize(value);
      }
      return;
    }
    for (const [id, value] of settingsOf(payload)) {
      if (id === SETTINGS_INITIAL_WINDOW_SIZE) model.initialReceive = value;
      const { concurrent } = model.limits;
      if (id === SETTINGS_MAX_CONCURRENT_STREAMS && value !== concurrent) {
        this.fault(`SETTINGS_MAX_CONCURRENT_STREAMS ${value}, not ${concurrent}`);
      }
    }
  }

  #ping(flags: number, payload: Uint8Array): void {
    this.pings++;
    if ((flags & ACK) === 0) return this.fault('PING');
    if (this.model.pingsDue.shift() !== payload.join()) this.fault('a PING was not echoed');
  }

  #windowUpdate(streamId: number, increment: number): void {
    const model = this.model;
    if (increment === 0 || increment > WINDOW_MAX) this.fault(`WINDOW_UPDATE of ${increment}`);
    if (streamId === 0) {
      model.receiveWindow += increment;
      if (model.receiveWindow > WINDOW_MAX) this.fault('the connection window passed 2^31-1');
      return;
    }
    const stream = this.#streamOf(streamId, 'WINDOW_UPDATE');
    if (stream === undefined) return;
    if (stream.state === 'reserved (local)') this.fault('WINDOW_UPDATE on a reserved stream');
    stream.receive += increment;
    if (stream.receive > WINDOW_MAX) this.fault(`window of ${streamId} passed 2^31-1`);
  }

  /** The stream that a frame of the server is on; one that was closed in this step is let pass. */
  #streamOf(streamId: number, frame: string): ModelStream | undefined {
    const stream = this.model.live.get(streamId);
    if (stream !== undefined) return stream;
    const cause = this.model.cause(streamId);
    const isLate = (this.#before.has(streamId) || this.#lenient) && cause !== undefined &&
      (cause !== 'peer reset' || this.#lenient);
    if (!isLate) this.fault(`${frame} on stream ${streamId}: ${cause ?? 'idle'} (§5.1)`);
    return undefined;
  }

  #rstStream(streamId: number, code: number): void {
    if (this.model.isIdle(streamId)) this.fault(`RST_STREAM on idle stream ${streamId} (§6.4)`);
    if (this.resets.some((reset) => reset.streamId === streamId) && !this.#lenient) {
      this.fault(`RST_STREAM twice on stream ${streamId} (§5.4.2)`);
    }
    this.resets.push({ streamId, code });
    const received = this.streams.get(streamId);
    if (received !== undefined && received.end === '') received.end = errorName(code);
  }

  protected received(streamId: number): Received {
    const found = this.streams.get(streamId);
    if (found !== undefined) return found;
    const received: Received = { statuses: [], octets: 0, declared: undefined, end: '' };
    this.streams.set(streamId, received);
    return received;
  }

  /** Whether the server may still send a message's frames on a stream. */
  protected sends(streamId: number, frame: string): Received | undefined {
    const stream = this.#streamOf(streamId, frame);
    const received = this.received(streamId);
    if (received.end !== '') this.fault(`${frame} on stream ${streamId} after ${received.end}`);
    return stream === undefined ? undefined : received;
  }

  #data(flags: number, streamId: number, payload: Uint8Array): void {
    const model = this.model;
    const { length } = payload;
    const received = this.sends(streamId, 'DATA');
    const stream = model.live.get(streamId);
    if (length > 0 && length > model.sendWindow) this.fault('over the connection window (§6.9.1)');
    model.sendWindow -= length;
    if (received === undefined || stream === undefined) return;
    if (!(Number(received.statuses.at(-1)) >= 200)) this.fault('DATA before HEADERS (§8.1)');
    if (length > 0 && length > stream.send) this.fault(`over the window of ${streamId} (§6.9.1)`);
    stream.send -= length;
    for (let at = 0; at < length; at++) {
      if (payload[at] === PATTERN[received.octets + at]) continue;
      this.#content(streamId, received);
      break;
    }
    received.octets += length;
    if ((flags & END_STREAM) !== 0) this.ended(stream, received);
  }

  /** Answers that are text have octets of their own; all others keep to the pattern. */
  #content(streamId: number, received: Received): void {
    const status = received.statuses.at(-1);
    if (status === 200) this.fault(`content of stream ${streamId} is another`);
  }

  protected ended(stream: ModelStream, received: Received): void {
    received.end = 'END_STREAM';
    const { declared, octets } = received;
    if (declared !== undefined && declared !== octets) {
      this.fault(`content-length ${declared} on stream ${stream.id}, of ${octets} (§8.1.1)`);
    }
    if (!stream.canSend) this.fault(`END_STREAM on stream ${stream.id}: ${stream.state}`);
    this.model.sentEnd(stream);
  }

  #fragment(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    const end = (flags & END_STREAM) !== 0;
    const block = this.#block ?? { streamId, type, end, parts: [] };
    if (type === CONTINUATION && block.streamId !== streamId) this.fault('another stream (§6.10)');
    for (const octet of payload) block.parts.push(octet);
    this.#block = block;
    if ((flags & END_HEADERS) === 0) return;
    this.#block = undefined;
    const octets = Uint8Array.from(block.parts);
    if (block.type === PUSH_PROMISE) this.promise(streamId, octets);
    else this.headers(streamId, this.#decode(octets, 0), block.end);
  }

  #decode(octets: Uint8Array, from: number): FieldList {
    const list = new FieldList();
    this.#decoder.decode(octets, from, octets.length, list);
    return list;
  }

  protected headers(streamId: number, { names, values }: FieldList, end: boolean): void {
    const reserved = this.model.live.get(streamId);
    if (reserved?.state === 'reserved (local)') reserved.state = 'half-closed (remote)';
    const received = this.sends(streamId, 'HEADERS');
    if (received === undefined) return;
    const isTrailers = Number(received.statuses.at(-1)) >= 200;
    const status = names[0] === ':status' ? Number(values[0]) : 0;
    if ((status > 0) === isTrailers) this.fault(`HEADERS with status ${status} (§8.1)`);
    if (isTrailers && !end) this.fault('trailers without END_STREAM (§8.1)');
    if (!isTrailers) received.statuses.push(status);
    const length = values[names.indexOf('content-length')];
    if (length !== undefined && status >= 200) received.declared = Number(length);
    const stream = this.model.live.get(streamId);
    if (end && stream !== undefined) this.ended(stream, received);
  }

  protected promise(streamId: number, octets: Uint8Array): void {
    const model = this.model;
    const promised = uint31At(octets, 0);
    const list = this.#decode(octets, 4);
    const parent = model.live.get(streamId);
    const mayPush = parent === undefined ? this.#lenient : parent.canSend && streamId % 2 === 1;
    if (!mayPush) this.fault(`PUSH_PROMISE on stream ${streamId} (§6.6)`);
    if (!model.enablePush && !this.#lenient) this.fault('PUSH_PROMISE, and push is off (§6.5.2)');
    if (promised % 2 !== 0 || promised <= model.lastLocal) this.fault(`promised ${promised}`);
    if (list.names[0] !== ':method') this.fault('a promise without a request (§8.4.1)');
    model.reserve(promised);
  }
}
