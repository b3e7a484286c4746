/**
 * Compressed messages into plain ones (RFC 7692 §6.2, §7.2.2): a MessageSink between
 * message-assembler.ts and whoever collects.
 *
 * Messages that are not compressed pass through. A small one is inflated at once, a large one in
 * the thread pool; what comes behind it waits in order. Sinks are called within the calls of this
 * class alone: when the pool is done, `settled` asks the protocol to enter and to call `proceed`.
 * A message is collected before it is inflated, so this is not for messages over the limit of
 * collecting.
 */
import { Slab } from '../bytes/slab.ts';
import type { CloseError } from './close-error.ts';
import { RSV1 } from './frame.ts';
import { Inflation, TAIL_BYTES, type InflationBounds } from './inflation.ts';
import type { MessageSink } from './message-assembler.ts';
import { SlidingWindow } from './sliding-window.ts';
import type { ZlibBudget, ZlibJob } from './zlib-budget.ts';

interface Message {
  readonly opcode: number;
  readonly reserved: number;
  /** Where it is compressed, with room for the tail. */
  readonly octets: Uint8Array;
}

/** One that is in the pool, or waits to be. */
interface Away {
  readonly message: Message;
  readonly inflation: Inflation;
  readonly job: ZlibJob;
  /** Memory that zlib takes for it now, octets. */
  zlibBytes: number;
  isSettled: boolean;
  error: CloseError | undefined;
}

export interface InflaterOptions extends InflationBounds {
  readonly budget: ZlibBudget;
  /** What is away has come back: `proceed` is to be called, within an entry. */
  readonly settled: () => void;
}

export class Inflater implements MessageSink {
  readonly #sink: MessageSink;
  readonly #options: InflaterOptions;
  readonly #window: SlidingWindow;
  // The message that is coming
  #opcode = 0;
  #reserved = 0;
  #isPassing = false;
  #slab = new Slab();
  /** What came while another was away. */
  #waiting: Message[] = [];
  #waitingBytes = 0;
  #away: Away | undefined;
  #promptBytes = 0;

  constructor(sink: MessageSink, options: InflaterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#window = new SlidingWindow(options.windowBits);
  }

  /** Whether a message is away: it is best to read no more until `settled`. */
  get isBusy(): boolean {
    return this.#away !== undefined;
  }

  /** Memory held, octets: for the connection's ledger. */
  get heldBytes(): number {
    const away = this.#away;
    return this.#window.heldBytes + this.#slab.bytes.length + this.#waitingBytes +
      (away === undefined ? 0 : away.message.octets.length + away.zlibBytes);
  }

  beginMessage(opcode: number, reserved: number, octets: number): void {
    this.#opcode = opcode;
    this.#reserved = reserved;
    this.#isPassing = (reserved & RSV1) === 0 && !this.isBusy;
    if (this.#isPassing) this.#sink.beginMessage(opcode, reserved, octets);
    else this.#slab.release();
  }

  messageData(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isPassing) {
      this.#sink.messageData(bytes, start, end);
      return;
    }
    this.#slab.reserve(end - start + TAIL_BYTES);
    this.#slab.octets(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
  }

  /** Throws a CloseError for a compressed message that is damaged or too big. */
  endMessage(): void {
    if (this.#isPassing) {
      this.#sink.endMessage();
      return;
    }
    const message = this.#taken();
    if (!this.isBusy) {
      this.#begin(message);
    } else {
      this.#waiting.push(message);
      this.#waitingBytes += message.octets.length;
    }
  }

  /** What was inflated at once since this was last asked, KiB. */
  takeWork(): number {
    const work = this.#promptBytes >>> 10;
    this.#promptBytes &= 1023;
    return work;
  }

  /** Hands on what has come back, and goes on with what waits. Throws as `endMessage` does. */
  proceed(): void {
    const away = this.#away;
    if (away !== undefined) {
      if (!away.isSettled) return;
      this.#away = undefined;
      if (away.error !== undefined) throw away.error;
      this.#deliver(away.message, away.inflation.pieces, away.inflation.length);
    }
    while (!this.isBusy) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#waitingBytes -= message.octets.length;
      this.#begin(message);
    }
  }

  /** Forgets all: the connection is over. What is in the pool comes back to nobody. */
  clear(): void {
    const away = this.#away;
    this.#away = undefined;
    if (away !== undefined) this.#options.budget.remove(away.job);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#slab.release();
  }

  #taken(): Message {
    const slab = this.#slab;
    const { length } = slab;
    if ((this.#reserved & RSV1) !== 0) {
      slab.reserve(TAIL_BYTES);
      slab.length = length + TAIL_BYTES;
    }
    return { opcode: this.#opcode, reserved: this.#reserved, octets: slab.take() };
  }

  #begin(message: Message): void {
    if ((message.reserved & RSV1) === 0) {
      this.#deliver(message, [message.octets], message.octets.length);
      return;
    }
    const { contextTakeover, windowBits, budget } = this.#options;
    const window = contextTakeover ? this.#window : new SlidingWindow(windowBits);
    const inflation = new Inflation(message.octets, window, this.#options);
    if (inflation.prompt(budget.isInline)) {
      this.#promptBytes += inflation.length;
      this.#deliver(message, inflation.pieces, inflation.length);
    } else {
      this.#send(message, inflation);
    }
  }

  #send(message: Message, inflation: Inflation): void {
    const job: ZlibJob = {
      bytes: inflation.bytes,
      start: (done) => {
        // The budget has room for the worst; a ledger that did would shut honest peers out.
        away.zlibBytes = inflation.likelyBytes;
        inflation.away((error) => {
          done();
          away.zlibBytes = inflation.length;
          away.isSettled = true;
          away.error = error;
          if (this.#away === away) this.#options.settled();
        });
      },
    };
    const away: Away = {
      message, inflation, job, zlibBytes: 0, isSettled: false, error: undefined,
    };
    this.#away = away;
    this.#options.budget.add(job);
  }

  #deliver({ opcode, reserved }: Message, pieces: readonly Uint8Array[], length: number): void {
    const sink = this.#sink;
    sink.beginMessage(opcode, reserved & ~RSV1, length);
    for (const piece of pieces) {
      if (piece.length > 0) sink.messageData(piece, 0, piece.length);
    }
    sink.endMessage();
  }
}
