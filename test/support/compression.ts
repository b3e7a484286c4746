/**
 * Both ends of permessage-deflate without frames: an inflater with a collector behind it, a
 * deflater, and messages that are worth compressing.
 */
import { Buffer } from 'node:buffer';
import { constants, deflateRawSync } from 'node:zlib';
import type { DeflateContext } from '../../src/websocket/deflate-parameters.ts';
import { Deflater, type DeflaterOptions } from '../../src/websocket/deflater.ts';
import { BINARY, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { Inflater, type InflaterOptions } from '../../src/websocket/inflater.ts';
import { UNKNOWN } from '../../src/websocket/message-assembler.ts';
import { MessageCollector } from '../../src/websocket/message-collector.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import type { Random } from './random.ts';
import { join, octetsOf, type Payload } from './websocket.ts';

export const RESET: DeflateContext = { windowBits: 15, contextTakeover: false };
export const TAKEOVER: DeflateContext = { windowBits: 15, contextTakeover: true };
/** What is removed from a compressed message (RFC 7692 §7.2.1). */
export const FLUSHED = Uint8Array.of(0x00, 0x00, 0xff, 0xff);

/** What is called later, awaited. */
class Bell {
  rung = 0;
  #heard = 0;
  #answer: (() => void) | undefined;

  readonly ring = (): void => {
    this.rung++;
    this.#answer?.();
  };

  async heard(): Promise<void> {
    if (this.#heard === this.rung) await new Promise<void>((answer) => (this.#answer = answer));
    this.#heard = this.rung;
  }
}

/** An inflater as a protocol uses it. */
export class Receiving {
  readonly messages: (readonly ['text', string] | readonly ['binary', Buffer])[] = [];
  readonly inflater: Inflater;
  readonly bell = new Bell();

  constructor(options: Partial<InflaterOptions> = {}) {
    const messageBytes = options.messageBytes ?? 1024 * 1024;
    const collector = new MessageCollector({
      receiveText: (text) => void this.messages.push(['text', text]),
      receiveBinary: (octets) => void this.messages.push(['binary', Buffer.from(octets)]),
    }, messageBytes);
    this.inflater = new Inflater(collector, {
      ...RESET, budget: new ZlibBudget(), settled: this.bell.ring, ...options, messageBytes,
    });
  }

  /** One message, in the fragments that are given; their memory is spoilt after each. */
  receive(opcode: number, reserved: number, ...fragments: readonly Payload[]): void {
    const [first] = fragments;
    this.inflater.beginMessage(
      opcode, reserved, fragments.length > 1 ? UNKNOWN : octetsOf(first ?? '').length,
    );
    for (const fragment of fragments) {
      const lent = join('xy', fragment, 'z');
      if (lent.length > 3) this.inflater.messageData(lent, 2, lent.length - 1);
      lent.fill(0xee);
    }
    this.inflater.endMessage();
  }

  /** A compressed binary message. */
  compressed(...fragments: readonly Payload[]): void {
    this.receive(BINARY, RSV1, ...fragments);
  }

  async idle(): Promise<void> {
    while (this.inflater.isBusy) {
      await this.bell.heard();
      this.inflater.proceed();
    }
  }

  octets(): Buffer[] {
    return this.messages.map(([, payload]) => Buffer.from(payload as string));
  }
}

export interface Sent {
  readonly opcode: number;
  readonly reserved: number;
  readonly payload: Uint8Array;
}

/** A deflater as a protocol uses it. */
export class Sending {
  readonly sent: Sent[] = [];
  readonly deflater: Deflater;
  readonly bell = new Bell();

  constructor(options: Partial<DeflaterOptions> = {}) {
    this.deflater = new Deflater({
      sendPayload: (opcode, reserved, payload) => void this.sent.push({
        opcode, reserved, payload: Buffer.from(octetsOf(payload)),
      }),
    }, {
      ...RESET, thresholdBytes: 0, budget: new ZlibBudget(), settled: this.bell.ring, ...options,
    });
  }

  send(payload: Payload): void {
    this.deflater.send(typeof payload === 'string' ? TEXT : BINARY, payload);
  }

  async idle(): Promise<void> {
    while (this.deflater.isBusy) {
      await this.bell.heard();
      this.deflater.proceed();
    }
  }
}

/** A payload as zlib alone compresses it, each time anew. */
export function deflated(payload: Payload, dictionary?: Uint8Array): Uint8Array {
  const flushed = deflateRawSync(octetsOf(payload), {
    dictionary, finishFlush: constants.Z_SYNC_FLUSH,
  });
  return flushed.subarray(0, -FLUSHED.length);
}

const WORDS = ['window', 'message', '{"id":', '"name":', 'é€', ', ', '[1,2,3]', 'deflate', '\n'];

/** Text of about so many octets that gets shorter. */
export function prose(random: Random, octets: number): string {
  let text = '';
  while (text.length < octets) text += random.chance(0.2) ? random.next() : random.pick(WORDS);
  return text.slice(0, octets);
}
