/**
 * A session under test that has agreed on permessage-deflate, and a peer that compresses and
 * inflates by zlib alone, with the windows that were agreed on: `openDeflate`.
 */
import { Buffer } from 'node:buffer';
import { BINARY, CLOSE, CONTINUATION, RSV1, TEXT } from '../../src/websocket/frame.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import type { Message } from '../../src/websocket/prepared-message.ts';
import { Random } from './random.ts';
import { openLink, type Carrier, type Link, type LinkOptions } from './websocket-link.ts';
import type { WireFrame } from './websocket-octets.ts';
import { Compressor, Decompressor, agreed } from './websocket-zlib.ts';

export const CARRIERS: readonly Carrier[] = ['server, HTTP/1.1', 'server, HTTP/2', 'client'];

/** No side resets its window unless it is told to. */
export const TAKES_OVER = { serverNoContextTakeover: false, clientNoContextTakeover: false };

export interface DeflateOptions extends LinkOptions {
  /** Whether messages are left for the test to read; default: a listener notes them. */
  readonly isUnread?: boolean;
}

/** Every message that came out, in the order of their last frames, and Close. */
export type Shown = readonly [what: string, payload: string];

export class DeflatePeer {
  readonly link: Link;
  /** What the session was given. */
  readonly messages: Message[];
  readonly #random = new Random(1);
  readonly #compressor: Compressor;
  readonly #decompressor: Decompressor;
  #begun: WireFrame | undefined;
  #parts: Uint8Array[] = [];

  constructor(link: Link, messages: Message[], answer: string | undefined) {
    this.link = link;
    this.messages = messages;
    const halves = agreed(answer ?? '', !link.isClient);
    this.#compressor = new Compressor(halves.deflate, this.#random, 6);
    this.#decompressor = new Decompressor(halves.inflate);
  }

  /** The payload of a message, compressed in the order of these calls. */
  async payload(message: Message): Promise<Uint8Array> {
    const octets = typeof message === 'string' ? Buffer.from(message) : message;
    return await this.#compressor.compress(octets, this.#random);
  }

  /** A compressed message as one frame. */
  async frame(message: Message): Promise<Uint8Array> {
    return this.raw(await this.payload(message), typeof message === 'string' ? TEXT : BINARY);
  }

  /** A frame that says that it is compressed. */
  raw(payload: Uint8Array, opcode = TEXT): Uint8Array {
    return this.link.octetsOf(opcode, payload, { reserved: RSV1 });
  }

  /** Sends octets as one read and lets all settle. */
  async send(...octets: readonly Uint8Array[]): Promise<Shown[]> {
    this.link.send(Buffer.concat(octets));
    return this.settled();
  }

  /** Messages that came out, as `deflated text`, `text`, `pong`, `close 1000` and their payload. */
  async settled(): Promise<Shown[]> {
    await this.link.settle();
    return this.#came();
  }

  /** The same, but for what zlib's pool does not give back. */
  async settledBut(): Promise<Shown[]> {
    await this.link.transport.settle();
    this.link.collect();
    await this.link.transport.settle();
    return this.#came();
  }

  async #came(): Promise<Shown[]> {
    const found: Shown[] = [];
    for (const frame of this.link.took()) {
      const shown = await this.#shown(frame);
      if (shown !== undefined) found.push(shown);
    }
    return found;
  }

  async #shown(frame: WireFrame): Promise<Shown | undefined> {
    const { opcode, final } = frame;
    const payload = Buffer.from(frame.payload);
    if (opcode === CLOSE) {
      const code = payload.length < 2 ? '' : ` ${payload.readUInt16BE()}`;
      return [`close${code}`, payload.toString('utf8', 2)];
    }
    if (opcode > CLOSE) return [opcode === 9 ? 'ping' : 'pong', payload.toString('latin1')];
    if (opcode !== CONTINUATION) this.#begun = frame;
    this.#parts.push(payload);
    const begun = this.#begun as WireFrame;
    if (!final) return undefined;
    let octets: Uint8Array = Buffer.concat(this.#parts);
    this.#parts = [];
    const isCompressed = begun.reserved === RSV1;
    if (isCompressed) octets = await this.#decompressor.decompress(octets);
    const isText = begun.opcode === TEXT;
    const what = `${isCompressed ? 'deflated ' : ''}${isText ? 'text' : 'binary'}`;
    return [what, Buffer.from(octets).toString(isText ? 'utf8' : 'latin1')];
  }

  close(): void {
    this.#compressor.close();
    this.#decompressor.close();
    if (!this.link.transport.closed) this.link.transport.disconnect();
  }
}

const open = new Set<DeflatePeer>();

/** `extensions` is what the peer says; unless told otherwise both take over their windows. */
export async function openDeflate(
  carrier: Carrier, options: DeflateOptions = {},
): Promise<DeflatePeer> {
  const { isUnread = false, serve, ...rest } = options;
  const messages: Message[] = [];
  const link = await openLink(carrier, {
    deflate: { ...TAKES_OVER, thresholdBytes: 0 }, extensions: 'permessage-deflate', ...rest,
    serve: (session) => {
      if (!isUnread && serve === undefined) session.onMessage((one) => void messages.push(one));
      return serve?.(session, session.request as HttpRequest);
    },
  });
  const answer = link.isClient ? options.extensions : link.extensions;
  const peer = new DeflatePeer(link, messages, answer);
  open.add(peer);
  return peer;
}

/** After each test: the connections go. Gives what they still have on their ledgers. */
export function closeAll(): number {
  let charged = 0;
  for (const peer of open) {
    peer.close();
    charged += peer.link.charged;
  }
  open.clear();
  return charged;
}
