/**
 * A raw HTTP/2 peer on a socket: sends any octets, well-formed or not, and keeps count of what
 * comes. It has no manners of its own: no window is opened, nothing is acknowledged unless told.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import {
  ACK, DATA, DEFAULT_WINDOW, END_STREAM, FRAME_HEADER_BYTES, GOAWAY, HEADERS, PING, PREFACE,
  RST_STREAM, SETTINGS, SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_MAX, errorName,
} from '../../src/http2/frame.ts';
import { HpackDecoder } from '../../src/http2/hpack/index.ts';
import {
  framesOf, join, numberIn, settings, settingsAck, textOf, windowUpdate, type Frame,
} from './http2.ts';

/** A greeting that opens both windows as far as they go: this side never holds an answer up. */
export const OPEN_GREETING = join(
  PREFACE, settings([[SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_MAX]]), settingsAck,
  windowUpdate(0, WINDOW_MAX - DEFAULT_WINDOW),
);

/** Frames that came, counted. */
export interface Tally {
  settingsAcks: number;
  pingAcks: number;
  /** Streams that the server ended, by an answer or a reset. */
  streams: number;
  /** By status, and by name of code. */
  readonly statuses: Record<number, number>;
  readonly resets: Record<string, number>;
}

export class Http2Peer {
  readonly socket: Socket;
  readonly tally: Tally = {
    settingsAcks: 0, pingAcks: 0, streams: 0, statuses: {}, resets: {},
  };
  /** Code and debug data of the last GOAWAY, and its last stream. */
  goaway: string | undefined;
  lastStream = 0;
  /** The server's FIN came; nothing is left of the connection. */
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;
  #rest: Buffer = Buffer.alloc(0);
  readonly #decoder = new HpackDecoder();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (octets: Buffer) => this.#read(octets));
    socket.on('end', () => this.ended = true);
    socket.on('error', (error) => this.error ??= error);
    socket.on('close', () => this.closed = true);
  }

  /** Connects; gone with its test. */
  static async connect(port: number): Promise<Http2Peer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return new Http2Peer(socket);
  }

  /** As many at once. */
  static crowd(port: number, count: number): Promise<Http2Peer[]> {
    return Promise.all(Array.from({ length: count }, () => Http2Peer.connect(port)));
  }

  /** What is sent to a connection that is gone is lost. */
  send(...octets: readonly Uint8Array[]): this {
    if (!this.closed) for (const each of octets) this.socket.write(each);
    return this;
  }

  /** Resolves when what was sent is on its way, or can never be. */
  async flushed(): Promise<void> {
    const { socket } = this;
    if (this.closed || !socket.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      socket.once('drain', resolve);
      socket.once('close', () => resolve());
    });
  }

  /** Takes in what came, frame by frame; what is not whole waits. */
  #read(octets: Buffer): void {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, octets]) : octets;
    let end = 0;
    while (all.length - end >= FRAME_HEADER_BYTES) {
      const next = end + FRAME_HEADER_BYTES + all.readUIntBE(end, 3);
      if (next > all.length) break;
      end = next;
    }
    this.#rest = all.subarray(end);
    for (const frame of framesOf(all.subarray(0, end), this.#decoder)) this.#count(frame);
  }

  #count(frame: Frame): void {
    const { tally } = this;
    const isAck = (frame.flags & ACK) !== 0;
    const carries = frame.type === HEADERS || frame.type === DATA;
    if (carries && (frame.flags & END_STREAM) !== 0) tally.streams++;
    switch (frame.type) {
      case SETTINGS: if (isAck) tally.settingsAcks++; break;
      case PING: if (isAck) tally.pingAcks++; break;
      case RST_STREAM:
        tally.streams++;
        add(tally.resets, errorName(numberIn(frame)));
        break;
      case HEADERS: add(tally.statuses, frame.fields?.[0]?.[1] ?? ''); break;
      case GOAWAY:
        this.goaway = `${errorName(numberIn(frame, 4))} ${textOf(frame).slice(8)}`;
        this.lastStream = numberIn(frame);
        break;
      default:
    }
  }
}

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
