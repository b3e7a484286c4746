/**
 * Judges what a server writes, frame by frame, in the order in which it writes: sizes and windows
 * under the settings that it has acknowledged, streams by their state (RFC 9113 §5.1), blocks by
 * their fields. A reader of its own, so that the server is not judged by its own parser.
 */
import {
  ACK, CONTINUATION, DATA, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, END_HEADERS, END_STREAM, GOAWAY,
  HEADERS, PING, PUSH_PROMISE, RST_STREAM, SETTINGS, SETTINGS_ENABLE_CONNECT_PROTOCOL,
  SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, STREAM_ID_MAX, WINDOW_MAX,
  WINDOW_UPDATE, errorName,
} from '../../src/http2/frame.ts';
import { FieldList, HpackDecoder } from '../../src/http2/hpack/index.ts';
import type { StreamRecord, WrittenHead } from './http2-record.ts';

export interface WrittenFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Octets written up to its end. */
  readonly end: number;
}

/** What the client's settings are. */
export interface ClientSettings {
  readonly tableSize: number;
  readonly push: boolean;
  readonly streams: number;
  readonly window: number;
  readonly frameSize: number;
}

export const FIRST_SETTINGS: ClientSettings = {
  tableSize: 4096, push: true, streams: Infinity, window: DEFAULT_WINDOW,
  frameSize: DEFAULT_FRAME_SIZE,
};

export interface JudgeOptions {
  fault(what: string): void;
  readonly streams: ReadonlyMap<number, StreamRecord>;
  /** How large the server's windows may become. */
  readonly largestWindow: number;
  readonly largestConnectionWindow: number;
  /** A stream was promised. */
  promised(parent: StreamRecord, id: number, fields: ReadonlyMap<string, string>): void;
}

interface Block {
  readonly type: number;
  readonly streamId: number;
  readonly endStream: boolean;
  readonly payloads: Buffer[];
}

export class Http2Judge {
  /** Frames in the order in which they were written. */
  readonly frames: WrittenFrame[] = [];
  /** The client's settings that the server has acknowledged, and those still on their way. */
  settings = FIRST_SETTINGS;
  readonly announced: ClientSettings[] = [];
  /** PING payloads that are not answered yet, and what then holds. */
  readonly pings: { readonly data: string; then(): void }[] = [];
  /** What the server may still write on the connection. */
  window = DEFAULT_WINDOW;
  /** What it lets the client send in all, and what the client has put into DATA frames. */
  granted = DEFAULT_WINDOW;
  spent = 0;
  serverWindow = DEFAULT_WINDOW;
  serverStreams = Infinity;
  offersConnect = false;
  /** False once the server has seen the client's GOAWAY. */
  mayPush = true;
  /** Last streams of its GOAWAYs, and their codes. */
  readonly goaways: (readonly [last: number, code: number, debug: string])[] = [];
  readonly #options: JudgeOptions;
  readonly #decoder = new HpackDecoder();
  #rest: Buffer = Buffer.alloc(0);
  #written = 0;
  #block: Block | undefined;
  #lastPromised = 0;
  #pushes = 0;

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** The highest stream that the server takes. */
  get lastTaken(): number {
    return this.goaways.at(-1)?.[0] ?? Infinity;
  }

  take(octets: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, octets]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) return;
      this.#written += 9 + length;
      const frame = {
        type: this.#rest.readUInt8(3), flags: this.#rest.readUInt8(4),
        streamId: this.#rest.readUInt32BE(5), payload: this.#rest.subarray(9, 9 + length),
        end: this.#written,
      };
      this.#rest = this.#rest.subarray(9 + length);
      this.#judge(frame);
      this.frames.push(frame);
    }
  }

  get isWithinFrame(): boolean {
    return this.#rest.length > 0 || this.#block !== undefined;
  }

  #judge(frame: WrittenFrame): void {
    const { type, flags, streamId, payload } = frame;
    if (this.frames.length === 0 && (type !== SETTINGS || (flags & ACK) !== 0)) {
      this.#fault('the first frame is not SETTINGS (§3.4)');
    }
    if (payload.length > this.settings.frameSize) {
      this.#fault(`a frame of ${payload.length} octets, ${this.settings.frameSize} may be (§4.2)`);
    }
    const { streamId: continues } = this.#block ?? { streamId };
    if ((this.#block !== undefined) !== (type === CONTINUATION) || continues !== streamId) {
      this.#fault('a field block is interrupted, or there is none (§6.10)');
    }
    switch (type) {
      case DATA: this.#data(streamId, payload, (flags & END_STREAM) !== 0); break;
      case HEADERS: case PUSH_PROMISE: case CONTINUATION: this.#fragment(frame); break;
      case RST_STREAM: this.#rst(streamId, payload.readUInt32BE(0)); break;
      case SETTINGS: this.#settings(flags, payload); break;
      case PING: this.#ping(flags, payload); break;
      case GOAWAY: this.#goaway(payload); break;
      case WINDOW_UPDATE: this.#windowUpdate(streamId, payload.readUInt32BE(0)); break;
      default: this.#fault(`a frame of type ${type}`);
    }
  }

  /** The stream of a frame, which must live for the server. */
  #living(streamId: number, what: string): StreamRecord | undefined {
    const record = this.#options.streams.get(streamId);
    if (record === undefined || !record.delivered) {
      this.#fault(`${what} on the idle stream ${streamId} (§5.1)`);
      return undefined;
    }
    if (record.serverEnded) this.#fault(`${what} on ${streamId} after END_STREAM (§5.1)`);
    if (record.resetCode !== undefined) this.#fault(`${what} on ${streamId} after RST_STREAM`);
    if (record.barred) this.#fault(`${what} on ${streamId}, which the client has reset (§5.4.2)`);
    if (streamId % 2 === 1 && streamId > this.lastTaken) {
      this.#fault(`${what} on ${streamId}, over the last stream of GOAWAY (§6.8)`);
    }
    record.changed = true;
    return record;
  }

  #data(streamId: number, payload: Buffer, endStream: boolean): void {
    const record = this.#living(streamId, 'DATA');
    if (record === undefined) return;
    const { length } = payload;
    if (record.head === undefined) this.#fault(`DATA before HEADERS on ${streamId} (§8.1)`);
    if (length === 0 && !endStream) this.#fault(`DATA without content on ${streamId}`);
    record.window -= length;
    this.window -= length;
    // Nothing to send is no matter of windows (§6.9).
    if (length > 0 && record.window < 0) this.#fault(`over the window of ${streamId} (§6.9)`);
    if (length > 0 && this.window < 0) this.#fault('over the connection window (§6.9)');
    record.written += payload.toString('latin1');
    if (endStream) this.#ended(record);
  }

  #ended(record: StreamRecord): void {
    record.serverEnded = true;
    if (record.isPushed) this.#pushes--;
    const length = record.head?.fields.get('content-length');
    const bodiless = record.plan.method === 'HEAD' || record.head?.status === 304;
    if (length === undefined || bodiless) return;
    if (Number(length) !== record.written.length) {
      this.#fault(`content-length ${length}, and ${record.written.length} octets on ${record.id}`);
    }
  }

  // Field blocks

  #fragment({ type, flags, streamId, payload }: WrittenFrame): void {
    this.#block ??= { type, streamId, endStream: (flags & END_STREAM) !== 0, payloads: [] };
    this.#block.payloads.push(payload);
    if ((flags & END_HEADERS) === 0) return;
    const { type: kind, endStream, payloads } = this.#block;
    this.#block = undefined;
    const whole = Buffer.concat(payloads);
    const from = kind === PUSH_PROMISE ? 4 : 0;
    const list = new FieldList();
    this.#decoder.decode(whole, from, whole.length, list);
    const fields = this.#fields(list);
    if (kind === PUSH_PROMISE) this.#promise(streamId, whole.readUInt32BE(0), fields);
    else this.#headers(streamId, fields, endStream);
  }

  #fields({ names, values }: FieldList): Map<string, string> {
    const fields = new Map<string, string>();
    let regular = false;
    for (const [index, name] of names.entries()) {
      if (name !== name.toLowerCase()) this.#fault(`${name} is not in lower case (§8.2)`);
      if (/^(connection|upgrade|keep-alive|transfer-encoding|proxy-connection)$/.test(name)) {
        this.#fault(`${name} in HTTP/2 (§8.2.2)`);
      }
      if (name.startsWith(':') && regular) this.#fault(`${name} after a field (§8.3)`);
      regular ||= !name.startsWith(':');
      fields.set(name, values[index] as string);
    }
    return fields;
  }

  #headers(streamId: number, fields: Map<string, string>, endStream: boolean): void {
    const record = this.#living(streamId, 'HEADERS');
    if (record === undefined) return;
    if (record.head !== undefined) {
      if (!endStream) this.#fault(`trailers without END_STREAM on ${streamId} (§8.1)`);
      if (fields.has(':status')) this.#fault(`a second answer on ${streamId} (§8.1)`);
      record.trailers = fields;
    } else {
      const head: WrittenHead = { status: Number(fields.get(':status')), fields };
      if (!(head.status >= 100 && head.status <= 599)) this.#fault(`no status on ${streamId}`);
      if (head.status === 101) this.#fault(`101 on ${streamId} (§8.6)`);
      if (head.status >= 200) record.head = head;
      else record.interims.push(head);
      if (head.status < 200 && endStream) this.#fault(`an interim answer ends ${streamId} (§8.1)`);
    }
    if (endStream) this.#ended(record);
  }

  #promise(streamId: number, promisedId: number, fields: ReadonlyMap<string, string>): void {
    const parent = this.#living(streamId, 'PUSH_PROMISE');
    if (!this.mayPush) this.#fault('PUSH_PROMISE after GOAWAY of the client (§6.8)');
    if (!this.settings.push) this.#fault('PUSH_PROMISE, and push is off (§8.4)');
    if (promisedId % 2 !== 0 || promisedId <= this.#lastPromised) {
      this.#fault(`a promise of the stream ${promisedId} (§5.1.1)`);
    }
    this.#lastPromised = promisedId;
    if (++this.#pushes > this.settings.streams) this.#fault('more pushes than may be (§5.1.2)');
    if (parent !== undefined) this.#options.promised(parent, promisedId, fields);
  }

  /** Whether one more promise may be made, with so many that are not written yet. */
  hasRoomForPush(unseen: number, most: number): boolean {
    const all = [this.settings, ...this.announced];
    const least = Math.min(most, ...all.map(({ streams }) => streams));
    return all.every(({ push }) => push) && this.#pushes + unseen < least;
  }

  /** The client has reset a promised stream: its place is free. */
  pushReset(): void {
    this.#pushes--;
  }

  // Frames about streams and the connection

  #rst(streamId: number, code: number): void {
    const record = this.#options.streams.get(streamId);
    if (record === undefined || !record.delivered) {
      this.#fault(`RST_STREAM on the idle stream ${streamId} (§6.4)`);
      return;
    }
    record.changed = true;
    if (record.resetCode !== undefined) this.#fault(`a second RST_STREAM on ${streamId}`);
    if (record.barred) this.#fault(`RST_STREAM on ${streamId}, which is reset (§5.4.2)`);
    if (record.serverEnded && (record.isPushed || record.endDelivered)) {
      // The end may stand unread before the server.
      const isMeant = code === 0 || record.plan.lie !== 0;
      if (!isMeant) this.#fault(`${errorName(code)} on ${streamId}, which is over`);
    }
    if (record.isPushed && !record.serverEnded) this.#pushes--;
    record.resetCode = code;
  }

  #settings(flags: number, payload: Buffer): void {
    if ((flags & ACK) !== 0) {
      this.#acknowledged();
      return;
    }
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      switch (payload.readUInt16BE(at)) {
        case SETTINGS_INITIAL_WINDOW_SIZE: this.#moveWindows(value); break;
        case SETTINGS_MAX_CONCURRENT_STREAMS: this.serverStreams = value; break;
        case SETTINGS_ENABLE_CONNECT_PROTOCOL: this.offersConnect = value === 1; break;
        default:
      }
    }
  }

  #moveWindows(value: number): void {
    const requests = [...this.#options.streams.values()].filter(({ isPushed }) => !isPushed);
    for (const record of requests) record.granted += value - this.serverWindow;
    this.serverWindow = value;
  }

  #acknowledged(): void {
    const next = this.announced.shift();
    if (next === undefined) {
      this.#fault('SETTINGS acknowledged that were not sent (§6.5.3)');
      return;
    }
    const change = next.window - this.settings.window;
    for (const record of this.#options.streams.values()) record.window += change;
    if (next.tableSize !== this.settings.tableSize) this.#decoder.setTableSize(next.tableSize);
    this.settings = next;
  }

  #ping(flags: number, payload: Buffer): void {
    if ((flags & ACK) === 0) return;
    const ping = this.pings.shift();
    if (ping?.data !== payload.toString('latin1')) this.#fault('PING answered wrongly (§6.7)');
    ping?.then();
  }

  #goaway(payload: Buffer): void {
    const last = payload.readUInt32BE(0);
    if (last > this.lastTaken) this.#fault(`GOAWAY takes back: ${last} (§6.8)`);
    if (this.goaways.length === 0 && last < STREAM_ID_MAX && last % 2 === 0 && last > 0) {
      this.#fault(`GOAWAY names ${last}, which no client opens (§6.8)`);
    }
    this.goaways.push([last, payload.readUInt32BE(4), payload.toString('latin1', 8)]);
  }

  #windowUpdate(streamId: number, increment: number): void {
    if (increment === 0 || increment > WINDOW_MAX) this.#fault(`an increment of ${increment}`);
    if (streamId === 0) {
      this.granted += increment;
      const open = this.granted - this.spent;
      const { largestConnectionWindow: most } = this.#options;
      if (open > most) this.#fault(`the connection window is ${open}, ${most} at most (§6.9)`);
      return;
    }
    const record = this.#options.streams.get(streamId);
    if (record === undefined || !record.delivered) {
      this.#fault(`WINDOW_UPDATE on the idle stream ${streamId} (§5.1)`);
      return;
    }
    if (record.isPushed) this.#fault(`WINDOW_UPDATE on the pushed stream ${streamId} (§5.1)`);
    if (record.resetCode !== undefined || record.barred) {
      this.#fault(`WINDOW_UPDATE on ${streamId} after RST_STREAM (§5.4.2)`);
    }
    record.granted += increment;
    const open = record.granted - record.spent;
    const { largestWindow: most } = this.#options;
    if (open > most) this.#fault(`the window of ${streamId} is ${open}, ${most} at most (§6.9)`);
  }

  #fault(what: string): void {
    this.#options.fault(what);
  }
}
