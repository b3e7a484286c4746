/**
 * The other side of a WebSocket client, in raw octets: what it asked is read, what it gets is
 * written by hand, and its frames are told one by one, with their keys.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { Client, accepting } from './sockets.ts';
import { head } from './vectors.ts';
import { masked } from './websocket.ts';

/** The key of a request (RFC 6455 §4.1). */
export function keyIn(request: string): string {
  return /^sec-websocket-key: (.*)\r$/m.exec(request)?.[1] ?? '';
}

/** The answer to a key, as RFC 6455 §1.3 has it. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** A 101 to a request, with further lines. */
export function switching(request: string, ...lines: readonly string[]): string {
  return head(
    'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(keyIn(request))}`, ...lines,
  );
}

/** A frame as it stood on the wire. */
export interface WireFrame {
  readonly opcode: number;
  readonly final: boolean;
  /** RSV bits as in the first octet. */
  readonly reserved: number;
  /** Undefined: not masked. */
  readonly key: number | undefined;
  /** Unmasked. */
  readonly payload: Buffer;
}

/** Reads frames as they come, apart from the code under test. */
export class FrameReader {
  readonly frames: WireFrame[] = [];
  #pieces: Buffer[] = [];
  #length = 0;
  /** Of the frame that comes, with its header; 0 where that is not whole. */
  #due = 0;

  push(octets: Buffer): void {
    this.#pieces.push(octets);
    this.#length += octets.length;
    if (this.#length < this.#due) return;
    let rest = Buffer.concat(this.#pieces);
    for (;;) {
      const frame = this.#take(rest);
      if (frame === undefined) break;
      this.frames.push(frame);
      rest = rest.subarray(this.#due);
    }
    this.#pieces = [rest];
    this.#length = rest.length;
  }

  #take(octets: Buffer): WireFrame | undefined {
    this.#due = 0;
    if (octets.length < 2) return undefined;
    const first = octets.readUInt8(0);
    const second = octets.readUInt8(1);
    const size = (second & 0x7f) === 127 ? 8 : (second & 0x7f) === 126 ? 2 : 0;
    const start = 2 + size + ((second & 0x80) === 0 ? 0 : 4);
    if (octets.length < start) return undefined;
    const length = size === 8 ? Number(octets.readBigUInt64BE(2))
      : size === 2 ? octets.readUInt16BE(2) : second & 0x7f;
    this.#due = start + length;
    if (octets.length < this.#due) return undefined;
    const key = start === 2 + size ? undefined : octets.readUInt32BE(start - 4);
    const part = octets.subarray(start, this.#due);
    return {
      opcode: first & 0x0f, final: (first & 0x80) !== 0, reserved: first & 0x70, key,
      payload: Buffer.from(key === undefined ? part : masked(part, key)),
    };
  }
}

/** A client's connection as its server sees it. */
export class AskedPeer {
  readonly client: Client;
  /** Its head. */
  readonly request: string;
  readonly #reader = new FrameReader();

  constructor(client: Client) {
    this.client = client;
    this.request = client.text;
    client.forget();
  }

  /** Answers with 101 and further lines. */
  accept(...lines: readonly string[]): this {
    return this.send(switching(this.request, ...lines));
  }

  send(octets: Uint8Array | string): this {
    this.client.send(octets);
    return this;
  }

  /** The frames that came so far. */
  get frames(): readonly WireFrame[] {
    const { client } = this;
    if (client.receivedBytes > 0) {
      const came = Buffer.from(client.text, 'latin1');
      client.forget();
      this.#reader.push(came);
    }
    return this.#reader.frames;
  }

  /** Resolves with the frames when there are so many. */
  async framed(count: number): Promise<readonly WireFrame[]> {
    await this.client.until(() => this.frames.length >= count, `${count} frames`);
    return this.frames;
  }
}

export interface AskedServer {
  readonly port: number;
  readonly url: string;
  /** All connections, in the order in which they came. */
  readonly clients: readonly Client[];
  /** The next connection whose request has come. */
  asked(): Promise<AskedPeer>;
}

/** A server that answers nothing by itself, gone with its test. */
export async function askedServer(
  listen: (accept: (socket: Socket) => void) => Promise<number> = accepting,
): Promise<AskedServer> {
  const clients: Client[] = [];
  const came: Promise<AskedPeer>[] = [];
  const waiting: ((peer: Promise<AskedPeer>) => void)[] = [];
  const port = await listen((socket) => {
    onTestFinished(() => void socket.destroy());
    const client = new Client(socket);
    clients.push(client);
    const peer = client.saw('\r\n\r\n').then(() => new AskedPeer(client));
    peer.catch(() => {});
    const take = waiting.shift();
    if (take === undefined) came.push(peer);
    else take(peer);
  });
  return {
    port, clients,
    url: `ws://127.0.0.1:${port}/`,
    asked: () => came.shift() ?? new Promise((resolve) => { waiting.push(resolve); }),
  };
}
