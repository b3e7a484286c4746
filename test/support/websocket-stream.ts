/**
 * A WebSocket client on a stream of node:http2, by extended CONNECT (RFC 8441): frames are sent as
 * octets, and what comes is told frame by frame.
 */
import type { Buffer } from 'node:buffer';
import { once } from 'node:events';
import type {
  ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders,
} from 'node:http2';
import { session as sessionOf } from './http2-sockets.ts';
import { FrameReader, type WireFrame } from './websocket-peer.ts';

/** A session whose server has said that it takes extended CONNECT (RFC 8441 §3). */
export async function tunnelSession(
  ...words: Parameters<typeof sessionOf>
): Promise<ClientHttp2Session> {
  const on = await sessionOf(...words);
  if (on.remoteSettings?.enableConnectProtocol !== true) await once(on, 'remoteSettings');
  return on;
}

/** Asks for a WebSocket. Resolves when there is an answer, whatever it is. */
export async function askWebSocket(
  on: ClientHttp2Session, path: string, fields: OutgoingHttpHeaders = {},
): Promise<StreamPeer> {
  const stream = on.request({
    ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': path,
    'sec-websocket-version': '13', ...fields,
  }, { endStream: false });
  const peer = new StreamPeer(stream);
  await peer.answered;
  return peer;
}

export class StreamPeer {
  readonly stream: ClientHttp2Stream;
  readonly answered: Promise<void>;
  /** Resolves when nothing is left of the stream. */
  readonly gone: Promise<void>;
  /** Of the answer, with `:status`. */
  fields: IncomingHttpHeaders = {};
  /** The server has ended its side. */
  ended = false;
  closed = false;
  readonly #reader = new FrameReader();
  readonly #watchers = new Set<() => void>();

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    this.answered = once(stream, 'response').then(([fields]) => {
      this.fields = fields as IncomingHttpHeaders;
    });
    this.gone = new Promise((resolve) => { stream.once('close', () => resolve()); });
    stream.on('error', () => {});
    stream.on('data', (octets: Buffer) => {
      this.#reader.push(octets);
      this.#changed();
    });
    stream.on('end', () => {
      this.ended = true;
      this.#changed();
    });
    stream.on('close', () => {
      this.closed = true;
      this.#changed();
    });
  }

  get status(): number {
    return Number(this.fields[':status']);
  }

  get frames(): readonly WireFrame[] {
    return this.#reader.frames;
  }

  /** Whether it was taken, so that more may be sent at once. */
  send(...frames: readonly Uint8Array[]): boolean {
    return frames.map((one) => this.stream.write(one)).every((taken) => taken);
  }

  /** Resolves with the frames when there are so many. */
  async framed(count: number): Promise<readonly WireFrame[]> {
    const { frames } = this;
    await this.#until(() => frames.length >= count);
    if (frames.length >= count) return frames;
    throw new Error(`the stream ended before ${count} frames, after ${frames.length}`);
  }

  /** Resolves when the server has ended its side. */
  async sawEnd(): Promise<void> {
    await this.#until(() => this.ended);
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds() && !this.ended && !this.closed) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look();
  }
}
