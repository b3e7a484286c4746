/**
 * HTTP/2: `depth` streams of a connection open, a new one for each that was answered.
 *
 * Frames are parsed by our parser. The first answer's fields are decoded, and looked at; of those
 * that follow the first octet tells the status. The field block of the second request has all it
 * needs in the table, so it is that of all that follow: requests of one read are copies in one
 * write. (The client in src/http2 has a promise and an object for each request: it would be slower
 * than the servers.)
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { Slab } from '../../../src/bytes/slab.ts';
import {
  DEFAULT_WINDOW, DEFAULT_FRAME_SIZE, END_STREAM, PREFACE, SETTINGS_ENABLE_PUSH,
  SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, WINDOW_MAX, errorName,
} from '../../../src/http2/frame.ts';
import { FrameParser, MORE, type FrameSink } from '../../../src/http2/frame-parser.ts';
import {
  setUint32, writeHeaders, writePing, writeSettings, writeSettingsAck, writeWindowUpdate,
} from '../../../src/http2/frame-writer.ts';
import { FieldList, HpackDecoder, HpackEncoder } from '../../../src/http2/hpack/index.ts';
import { LOAD_REQUESTS, type LoadRequest } from '../work.ts';
import { Answer, connect, type Client, type Tally, type Target } from './client.ts';
import { Uploads } from './uploads.ts';

/** `:status: 200` by its index in the static table (RFC 7541 Appendix A). */
const STATUS_200 = 0x88;
const STREAM_ID_AT = 5;
/** Credit is given back in large portions. */
const CREDIT = 1 << 29;
const SETTING_BYTES = 6;

export class Http2LoadClient implements Client, FrameSink {
  readonly #target: Target;
  readonly #tally: Tally;
  readonly #request: LoadRequest;
  readonly #first = new Answer();
  readonly #parser = new FrameParser(this, DEFAULT_FRAME_SIZE);
  readonly #encoder = new HpackEncoder();
  /** Frames of this entry, which leave at its end. */
  readonly #slab = new Slab();
  readonly #uploads: Uploads;
  #socket: Socket | undefined;
  /** A frame of which a part has come. */
  #rest: Uint8Array = new Uint8Array(0);
  /** HEADERS of a request; its stream is set in each copy. */
  #headers: Uint8Array | undefined;
  #nextId = 1;
  #answered = 0;
  #consumed = 0;
  #contentBytes = 0;
  #isChecked = false;

  constructor(target: Target, tally: Tally) {
    this.#target = target;
    this.#tally = tally;
    this.#request = LOAD_REQUESTS[target.request ?? 'hello'];
    this.#uploads = new Uploads(this.#request.content);
  }

  async open(): Promise<void> {
    const failed = (cause: Error): void => {
      this.#first.failed(cause);
      this.#tally.failed(cause);
    };
    const socket = await connect(
      this.#target, 'h2', (octets, end) => this.#receive(octets, end), failed,
    );
    this.#socket = socket;
    this.#slab.octets(PREFACE);
    writeSettings(this.#slab, [
      [SETTINGS_ENABLE_PUSH, 0], [SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_MAX],
    ]);
    writeWindowUpdate(this.#slab, 0, WINDOW_MAX - DEFAULT_WINDOW);
    this.#headers = this.#encoded();
    this.#ask(1);
    this.#leave();
    await this.#first.whole;
    this.#headers = this.#encoded();
  }

  start(): void {
    this.#ask(this.#target.depth);
    this.#leave();
  }

  close(): void {
    this.#socket?.destroy();
  }

  #encoded(): Uint8Array {
    const { method, path, fields, content } = this.#request;
    const host = fields.find(([name]) => name === 'Host')?.[1] ?? '';
    const list = [
      [':method', method], [':scheme', this.#target.secure === true ? 'https' : 'http'],
      [':authority', host], [':path', path],
      ...fields.filter(([name]) => name !== 'Host').map(([name, value]) => (
        [name.toLowerCase(), value] as const
      )),
      ...(content.length === 0 ? [] : [['content-length', String(content.length)] as const]),
    ] as const;
    const block = new Slab();
    this.#encoder.begin(block);
    for (const [name, value] of list) this.#encoder.field(name, value, block);
    const slab = new Slab();
    writeHeaders(slab, 0, block.take(), content.length === 0, DEFAULT_FRAME_SIZE);
    return slab.take();
  }

  #ask(count: number): void {
    const headers = this.#headers as Uint8Array;
    for (let i = 0; i < count; i++) {
      const at = this.#slab.length;
      this.#slab.octets(headers);
      setUint32(this.#slab.bytes, at + STREAM_ID_AT, this.#nextId);
      this.#uploads.begin(this.#nextId);
      this.#nextId += 2;
    }
  }

  #leave(): void {
    const { length } = this.#slab;
    if (length > 0) this.#socket?.write(Buffer.from(this.#slab.bytes.subarray(0, length)));
    this.#slab.clear();
    const socket = this.#socket;
    if (socket === undefined || this.#uploads.isEmpty) return;
    socket.cork();
    this.#uploads.send((octets) => socket.write(octets));
    socket.uncork();
  }

  #receive(octets: Uint8Array, end: number): void {
    let bytes = octets;
    let stop = end;
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, octets.subarray(0, end)]);
      stop = bytes.length;
    }
    let at = 0;
    while (at < stop) {
      const next = this.#parser.receive(bytes, at, stop);
      if (next === MORE) break;
      at = next;
    }
    this.#rest = Uint8Array.prototype.slice.call(bytes, at, stop);
    this.#tally.items += this.#answered;
    if (this.#tally.running && this.#isChecked) this.#ask(this.#answered);
    this.#answered = 0;
    this.#leave();
  }

  #end(): void {
    if (this.#isChecked) {
      this.#answered++;
      return;
    }
    const { length } = this.#request.answer;
    if (this.#contentBytes !== length) {
      throw new Error(`the server answers ${this.#contentBytes} octets, not ${length}`);
    }
    this.#isChecked = true;
    this.#first.done();
  }

  beginData(_streamId: number, octets: number): void {
    this.#consumed += octets;
    if (this.#consumed < CREDIT) return;
    writeWindowUpdate(this.#slab, 0, this.#consumed);
    this.#consumed = 0;
  }

  receiveData(_streamId: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#isChecked) return;
    const due = this.#request.answer.subarray(this.#contentBytes);
    if (!bytes.subarray(start, end).every((octet, i) => octet === due[i])) {
      throw new Error('the content of an answer is not what was asked for');
    }
    this.#contentBytes += end - start;
  }

  endData(_streamId: number, endStream: boolean): void {
    if (endStream) this.#end();
  }

  receiveHeaders(
    _streamId: number, flags: number, _dependency: number,
    bytes: Uint8Array, start: number, end: number,
  ): void {
    if (!this.#isChecked) {
      const list = new FieldList();
      new HpackDecoder().decode(bytes, start, end, list);
      const [status] = list.values;
      if (status !== '200') throw new Error(`the server answers ${status}, not 200`);
    } else if (bytes[start] !== STATUS_200) {
      throw new Error('an answer under load has another status than 200');
    }
    if ((flags & END_STREAM) !== 0) this.#end();
  }

  receiveSettings(bytes: Uint8Array, start: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
    for (let at = 0; at < view.byteLength; at += SETTING_BYTES) {
      const value = view.getUint32(at + 2);
      const setting = view.getUint16(at);
      if (setting === SETTINGS_INITIAL_WINDOW_SIZE) this.#uploads.initialWindow(value);
      if (setting === SETTINGS_MAX_CONCURRENT_STREAMS && value < this.#target.depth) {
        throw new Error(`the server takes ${value} streams at once, not ${this.#target.depth}`);
      }
    }
    writeSettingsAck(this.#slab);
  }

  receivePing(ack: boolean, bytes: Uint8Array, start: number): void {
    if (!ack) writePing(this.#slab, true, bytes.subarray(start, start + 8));
  }

  receiveWindowUpdate(streamId: number, increment: number): void {
    this.#uploads.credit(streamId, increment);
  }

  receiveRstStream(_streamId: number, code: number): void {
    throw new Error(`the server resets a stream: ${errorName(code)}`);
  }

  receiveGoaway(_lastStreamId: number, code: number, debug: Uint8Array): void {
    throw new Error(`the server goes away: ${errorName(code)} ${Buffer.from(debug).toString()}`);
  }

  streamError(_streamId: number, _code: number, message: string): void {
    throw new Error(message);
  }

  receiveContinuation(): void {
    throw new Error('an answer has more fields than a frame holds');
  }

  receivePushPromise(): void {
    throw new Error('the server pushes, and was asked not to');
  }

  receiveSettingsAck(): void {}

  receivePriority(): void {}

  receivePriorityUpdate(): void {}

  receiveUnknown(): void {}
}
