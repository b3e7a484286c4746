/**
 * The oracle: Node's HTTP/2 server, whose HPACK is nghttp2's. A client of frames made by hand sends
 * it blocks of our encoder, and reads its blocks with our decoder; both sides change their table
 * size along the way.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, sensitiveHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { HpackDecoder, HpackEncoder } from '../../src/http2/hpack/index.ts';
import { decode, encode, type Field } from '../support/hpack.ts';
import type { Random } from '../support/random.ts';
import { someFields, somePath } from './hpack-lists.ts';

const HEADERS = 0x1;
const SETTINGS = 0x4;
const GOAWAY = 0x7;
const RST_STREAM = 0x3;
const ACK = 0x1;
const END_STREAM_AND_HEADERS = 0x5;
const HEADER_TABLE_SIZE = 0x1;
const TABLE_SIZES = [0, 33, 100, 256, 1000, 4096, 4096, 65536];
/** Lists that are on their way side by side: a change of table size falls among them. */
const BATCH = 20;

/** A list that came out otherwise than it went in. */
export interface Difference {
  readonly direction: 'ours to nghttp2' | 'nghttp2 to ours';
  readonly sent: readonly Field[];
  readonly got: readonly Field[];
}

/** Sends `count` lists each way on one connection; what differed. Throws if it breaks. */
export async function compare(random: Random, count: number): Promise<Difference[]> {
  const differences: Difference[] = [];
  const requests = new Map<number, readonly Field[]>();
  const responses = new Map<number, readonly Field[]>();
  const check = (
    direction: Difference['direction'], sent: readonly Field[] = [], got: readonly Field[],
  ): void => {
    if (JSON.stringify(sent) !== JSON.stringify(got)) differences.push({ direction, sent, got });
  };
  const server = createServer({
    settings: { headerTableSize: random.pick(TABLE_SIZES) }, maxHeaderListPairs: 1000,
  });
  // The fourth argument has the fields as they came.
  server.on('stream', (stream, _headers, _flags, ...[raw]: unknown[]) => {
    const id = stream.id as number;
    check('ours to nghttp2', requests.get(id), pairs(raw as string[]));
    if (random.chance(0.05)) {
      stream.session?.settings({ headerTableSize: random.pick(TABLE_SIZES) });
    }
    const { list, headers } = answer(random);
    responses.set(id, list);
    stream.respond(headers, { endStream: true, sendDate: false } as object);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    const client = new FrameClient(socket, random);
    client.answered = (id, got) => check('nghttp2 to ours', responses.get(id), got);
    for (let left = count; left > 0; left -= BATCH) {
      for (let i = 0; i < Math.min(BATCH, left); i++) {
        const list = request(random);
        requests.set(client.nextId, list);
        client.send(list);
      }
      await client.allAnswered();
      requests.clear();
      responses.clear();
    }
  } finally {
    socket.destroy();
    server.close();
    await once(server, 'close');
  }
  return differences;
}

function request(random: Random): Field[] {
  return [
    [':method', random.pick(['GET', 'HEAD', 'DELETE', 'FROB'])],
    [':scheme', random.pick(['http', 'https'])], [':path', somePath(random)],
    [':authority', random.pick(['www.example.com', 'localhost:8080'])], ...someFields(random),
  ];
}

/** Fields of a response for Node, and as a list: Node puts equal names together. */
function answer(random: Random): { list: Field[]; headers: OutgoingHttpHeaders } {
  const status = random.pick([200, 204, 302, 304, 404, 418, 503]);
  const headers: OutgoingHttpHeaders = { ':status': status };
  for (const [name, value] of someFields(random)) {
    const several = headers[name];
    // Of most names that the standards know, Node takes one value alone.
    if (Array.isArray(several)) several.push(value);
    else if (several === undefined) headers[name] = isOurs(name) ? [value] : value;
  }
  const list: Field[] = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one): Field => [name, String(one)]));
  if (random.chance(0.3)) {
    const names = Object.keys(headers).slice(1).filter(() => random.chance(0.3));
    Object.assign(headers, { [sensitiveHeaders]: names });
  }
  return { list, headers };
}

function isOurs(name: string): boolean {
  return name.startsWith('x-') || name === 'set-cookie';
}

function pairs(raw: readonly string[]): Field[] {
  return Array.from({ length: raw.length / 2 }, (_, at) =>
    [raw[2 * at] as string, raw[2 * at + 1] as string]);
}

/** The least of a client: HEADERS out, HEADERS in, and SETTINGS both ways. */
class FrameClient {
  nextId = 1;
  answered: (id: number, list: readonly Field[]) => void = () => undefined;
  readonly #socket: Socket;
  readonly #random: Random;
  readonly #encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder();
  /** Table sizes that we asked for and the peer has not acknowledged. */
  readonly #asked: number[] = [];
  #open = 0;
  #waiting: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #read: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, random: Random) {
    this.#socket = socket;
    this.#random = random;
    socket.setNoDelay(true);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.#ask();
    socket.on('data', (octets) => {
      try {
        this.#receive(octets as Buffer);
      } catch (error) {
        this.#fail(error);
      }
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection ended')));
  }

  send(list: readonly Field[]): void {
    if (this.#random.chance(0.05)) this.#ask();
    this.#frame(HEADERS, END_STREAM_AND_HEADERS, this.nextId, encode(this.#encoder, list));
    this.nextId += 2;
    this.#open++;
  }

  async allAnswered(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #fail(error: unknown): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #ask(): void {
    const size = this.#random.pick(TABLE_SIZES);
    this.#asked.push(size);
    const payload = Buffer.alloc(6);
    payload.writeUInt16BE(HEADER_TABLE_SIZE);
    payload.writeUInt32BE(size, 2);
    this.#frame(SETTINGS, 0, 0, payload);
  }

  #frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }

  #receive(octets: Buffer): void {
    this.#read = Buffer.concat([this.#read, octets]);
    while (this.#read.length >= 9) {
      const end = 9 + this.#read.readUIntBE(0, 3);
      if (this.#read.length < end) return;
      const frame = this.#read.subarray(0, end);
      this.#read = this.#read.subarray(end);
      const [type, flags] = [frame[3] as number, frame[4] as number];
      this.#handle(type, flags, frame.readUInt32BE(5), frame.subarray(9));
    }
  }

  #handle(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === GOAWAY || type === RST_STREAM) {
      throw new Error(`frame of type ${type} on ${id}: ${payload.toString('hex')}`);
    }
    if (type === SETTINGS && (flags & ACK) !== 0) {
      this.#decoder.setTableSize(this.#asked.shift() as number);
    } else if (type === SETTINGS) {
      for (let at = 0; at < payload.length; at += 6) {
        if (payload.readUInt16BE(at) !== HEADER_TABLE_SIZE) continue;
        this.#encoder.setTableSize(payload.readUInt32BE(at + 2));
      }
      this.#frame(SETTINGS, ACK, 0, Buffer.alloc(0));
    } else if (type === HEADERS) {
      this.answered(id, decode(this.#decoder, payload));
      if (--this.#open > 0) return;
      this.#waiting?.resolve();
      this.#waiting = undefined;
    }
  }
}
