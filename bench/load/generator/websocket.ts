/**
 * WebSocket: `depth` messages in one segment, then as many echoes, and again; or one message that
 * all connections receive, and again.
 *
 * The first echo is parsed, and looked at. Those that follow have as many octets, so they are
 * counted. All messages have the same key: a segment is masked once (the server cannot know).
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { Slab } from '../../../src/bytes/slab.ts';
import { MORE, ResponseHead, headBounds, parseResponseHead } from '../../../src/http1/index.ts';
import { DEFAULT_LIMITS } from '../../../src/index.ts';
import { BINARY, FIN } from '../../../src/websocket/frame.ts';
import { FrameParser } from '../../../src/websocket/frame-parser.ts';
import { writeFrameHeader } from '../../../src/websocket/frame-writer.ts';
import { copyMasked } from '../../../src/websocket/mask.ts';
import { Answer, connect, type Client, type Tally, type Target } from './client.ts';
import { openAll } from './open-all.ts';

const BOUNDS = headBounds(DEFAULT_LIMITS);
const MASKING_KEY = 0x37fa213d;
const FILL = 0x61;
/** So long the first message may take to reach all. */
const LATE_MS = 10_000;
/** The key and what it asks for (RFC 6455 §1.3). */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const OPENING = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n' +
  `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;

export class WebSocketClient implements Client {
  readonly #target: Target;
  readonly #tally: Tally;
  readonly #size: number;
  readonly #opened = new Answer();
  readonly #echoed = new Answer();
  /** One of many that receive the same: it is told of what came, and does not answer. */
  readonly #received: ((messages: number) => void) | undefined;
  #socket: Socket | undefined;
  /** Octets that were not looked at yet; undefined once the first message was. */
  #begun: Uint8Array | undefined = new Uint8Array(0);
  #isOpen = false;
  /** Octets of a message on the wire, and those that came of the ones that are due. */
  #messageBytes = 0;
  #got = 0;

  constructor(target: Target, tally: Tally, received?: (messages: number) => void) {
    this.#target = target;
    this.#tally = tally;
    this.#size = target.size ?? 20;
    this.#received = received;
  }

  async open(): Promise<void> {
    const failed = (cause: Error): void => {
      this.#opened.failed(cause);
      this.#echoed.failed(cause);
      this.#tally.failed(cause);
    };
    this.#socket = await connect(
      this.#target, 'http/1.1', (octets, end) => this.#receive(octets, end), failed,
    );
    this.#socket.write(OPENING, 'latin1');
    await this.#opened.whole;
    if (this.#received !== undefined) return;
    this.#socket.write(segmentOf(this.#size, 1));
    await this.#echoed.whole;
  }

  /** Sends one message alone. */
  send(): void {
    this.#socket?.write(segmentOf(this.#size, 1));
  }

  start(): void {
    this.#socket?.write(segmentOf(this.#size, this.#target.depth));
  }

  close(): void {
    this.#socket?.destroy();
  }

  #receive(octets: Uint8Array, end: number): void {
    if (this.#begun !== undefined) {
      this.#begun = Buffer.concat([this.#begun, octets.subarray(0, end)]);
      if (!this.#isOpen) this.#switch(this.#begun);
      if (this.#isOpen && this.#begun.length > 0) this.#look(this.#begun);
      return;
    }
    this.#got += end;
    this.#count();
  }

  #count(): void {
    const { depth } = this.#target;
    if (this.#received !== undefined) {
      const messages = Math.floor(this.#got / this.#messageBytes);
      this.#got -= messages * this.#messageBytes;
      if (messages > 0) this.#received(messages);
      return;
    }
    const due = this.#messageBytes * depth;
    if (this.#got < due) return;
    if (this.#got > due) throw new Error('echoes under load are longer than the first one');
    this.#got = 0;
    this.#tally.items += depth;
    if (this.#tally.running) this.start();
  }

  #switch(begun: Uint8Array): void {
    const head = new ResponseHead();
    const at = parseResponseHead(begun, 0, begun.length, BOUNDS, head);
    if (at === MORE) return;
    if (head.status !== 101 || head.takeFields().get('sec-websocket-accept') !== ACCEPT) {
      throw new Error(`the server answers ${head.status}, not 101 with what the key asks for`);
    }
    this.#isOpen = true;
    this.#begun = begun.subarray(at);
    this.#opened.done();
  }

  /** Looks at the first message, once it is whole. */
  #look(begun: Uint8Array): void {
    let content = 0;
    let isWrong = false;
    let isFinal = false;
    let isWhole = false;
    const parser = new FrameParser({
      beginFrame: (_opcode, _reserved, final) => { isFinal = final; },
      frameData: (bytes, start, end) => {
        content += end - start;
        isWrong ||= bytes.subarray(start, end).some((octet) => octet !== FILL);
      },
      endFrame: () => { isWhole = isFinal; },
    }, NO_CONTROL, { masked: false, reserved: 0, frameBytes: this.#size });
    let at = 0;
    while (!isWhole) {
      if (at === begun.length) return;
      const next = parser.receive(begun, at, begun.length);
      if (next === MORE) return;
      at = next;
    }
    if (isWrong || content !== this.#size) throw new Error('an echo is not what was sent');
    this.#messageBytes = at;
    this.#begun = undefined;
    this.#got = begun.length - at;
    this.#echoed.done();
    if (this.#received === undefined) return;
    this.#received(1);
    this.#count();
  }
}

function unexpected(): void {
  throw new Error('the server sends a control frame before the first message');
}

const NO_CONTROL = { receiveClose: unexpected, receivePing: unexpected, receivePong: unexpected };

/** One message to all connections, and the next when all have it: an item is a delivery. */
export class Broadcast implements Client {
  readonly #clients: readonly WebSocketClient[];
  readonly #tally: Tally;
  readonly #reached = new Answer();
  #due = 0;

  constructor(target: Target, tally: Tally) {
    this.#tally = tally;
    this.#clients = Array.from({ length: target.connections }, () => (
      new WebSocketClient(target, tally, (messages) => this.#received(messages))
    ));
  }

  async open(): Promise<void> {
    await openAll(this.#clients);
    this.start();
    await Promise.race([this.#reached.whole, this.#late()]);
  }

  start(): void {
    this.#due = this.#clients.length;
    this.#clients[0]?.send();
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }

  #received(messages: number): void {
    this.#due -= messages;
    if (this.#tally.running) this.#tally.items += messages;
    if (this.#due > 0) return;
    this.#reached.done();
    if (this.#tally.running) this.start();
  }

  async #late(): Promise<void> {
    await new Promise((resolve) => { setTimeout(resolve, LATE_MS).unref(); });
    throw new Error(`${this.#due} connections did not receive the first broadcast`);
  }
}

const made = new Map<string, Uint8Array>();

/** `count` masked messages of `size` octets in a row; one for all connections. */
function segmentOf(size: number, count: number): Uint8Array {
  const key = `${size} x ${count}`;
  let segment = made.get(key);
  if (segment === undefined) {
    const slab = new Slab();
    const payload = Buffer.alloc(size, FILL);
    for (let i = 0; i < count; i++) {
      writeFrameHeader(slab, FIN | BINARY, size, MASKING_KEY);
      copyMasked(slab, payload, MASKING_KEY);
    }
    made.set(key, segment = Buffer.from(slab.take()));
  }
  return segment;
}
