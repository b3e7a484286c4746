/**
 * What leaves a WebSocket: messages in the order in which they were sent, pongs, the Close.
 *
 *     send -> (waits while the queue is over its mark) -> (deflater) -> frame-writer -> transport
 *
 * One rule of how much may wait: while the queue stands under `webSocketQueueBytes` a message is
 * taken whole, so one may cross the mark; above it `send` waits and `trySend` is false. Called by
 * session.ts for the program and by protocol.ts for the peer.
 */
import { Buffer } from 'node:buffer';
import { PeerGoneError, asError } from '../errors.ts';
import { dropIterable } from '../http/body.ts';
import type { Limits } from '../limits.ts';
import type { Transport } from '../protocol.ts';
import { Deflater, type DeflaterOptions, type PayloadSink } from './deflater.ts';
import { BINARY, CLOSE, PONG, TEXT } from './frame.ts';
import { FrameWriter } from './frame-writer.ts';
import { PieceRun, type MessagePieces, type PieceHost } from './piece-run.ts';
import { PreparedMessage, checkMessage, type Message } from './prepared-message.ts';

export interface OutboxHost {
  readonly transport: Transport;
  readonly limits: Limits;
  /** Masks, on a client. */
  readonly nextKey: (() => number) | undefined;
  /** The pieces of a message failed after the first had left: it can never be whole. */
  piecesFailed(error: Error): void;
}

interface Settle {
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

interface Waiting extends Settle {
  /** Undefined: it was taken, and only its end is awaited. */
  message: Message | PreparedMessage | undefined;
  readonly pieces: MessagePieces | undefined;
  readonly octets: number;
}

/** What a send that waits costs beside its octets. */
const WAITING_BYTES = 256;
const DONE = Promise.resolve();
const IGNORED = (): void => {};

export class Outbox implements PayloadSink, PieceHost {
  readonly #host: OutboxHost;
  readonly #deflate: DeflaterOptions | undefined;
  readonly #writer: FrameWriter;
  readonly #deflater: Deflater | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** `write` said false, and `drained` has not come. */
  #blocked = false;
  /** A message is leaving in pieces: no other may begin (RFC 6455 §5.4). */
  #run: PieceRun | undefined;
  #runEnds: Settle | undefined;
  /** Its next piece waits for room. */
  #resumeRun: (() => void) | undefined;
  /** The last ping that was not answered, where output stands. */
  #unanswered: Uint8Array | undefined;
  /** A Close that waits for what was sent before it. */
  #farewell: Uint8Array | undefined;
  #isClosing = false;

  /** Without `deflate` messages leave as they are. */
  constructor(host: OutboxHost, deflate: DeflaterOptions | undefined) {
    this.#host = host;
    this.#deflate = deflate;
    this.#writer = new FrameWriter(host.transport, host.nextKey);
    this.#deflater = deflate && new Deflater(this, deflate);
  }

  /** Octets that were sent and have not been taken by the peer's side. */
  get bufferedBytes(): number {
    return this.#queuedBytes + this.#waitingBytes;
  }

  /** Memory held beside the transport's queue, octets. */
  get heldBytes(): number {
    return this.waitingBytes + (this.#deflater?.heldBytes ?? 0);
  }

  /** Of that, sends that wait for room. */
  get waitingBytes(): number {
    return this.#waitingBytes + this.#waiting.length * WAITING_BYTES;
  }

  /** No message may be sent any more. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** The Close frame has been written. */
  get isClosed(): boolean {
    return this.#isClosing && this.#farewell === undefined;
  }

  get #queuedBytes(): number {
    return this.#host.transport.queuedBytes + (this.#deflater?.waitingBytes ?? 0);
  }

  get #isCrowded(): boolean {
    // Without a `drained` to come, nobody would say when there is room.
    return (this.#blocked || this.#deflater?.isBusy === true) &&
      this.#queuedBytes > this.#host.limits.webSocketQueueBytes;
  }

  // The program's side

  /** Resolves when the queue is under the mark. Rejects where the session is closing. */
  send(message: Message | PreparedMessage): Promise<void> {
    check(message);
    if (this.#isClosing) return quietly(Promise.reject(gone()));
    if (this.#isFree) {
      this.#write(message);
      return this.#isCrowded ? this.#wait(undefined, undefined) : DONE;
    }
    return this.#wait(message, undefined);
  }

  /** Resolves when the last piece was sent. */
  sendPieces(pieces: MessagePieces): Promise<void> {
    if (this.#isClosing) {
      dropIterable(pieces);
      return quietly(Promise.reject(gone()));
    }
    const sent = this.#wait(undefined, pieces);
    this.#advance();
    return sent;
  }

  /** False: it was not taken. */
  trySend(message: Message | PreparedMessage): boolean {
    check(message);
    if (this.#isClosing || this.#isCrowded) return false;
    if (this.#isFree) {
      this.#write(message);
      return true;
    }
    // Behind a message in pieces there may be room as well.
    if (this.#waitingBytes > this.#host.limits.webSocketQueueBytes) return false;
    void this.#wait(message, undefined);
    return true;
  }

  get #isFree(): boolean {
    return this.#waiting.length === 0 && this.#run === undefined && !this.#isCrowded;
  }

  #wait(
    message: Message | PreparedMessage | undefined, pieces: MessagePieces | undefined,
  ): Promise<void> {
    const octets = message === undefined ? 0 : octetsOf(message);
    this.#waitingBytes += octets;
    return quietly(new Promise((resolve, reject) => {
      this.#waiting.push({ message, pieces, octets, resolve, reject });
    }));
  }

  // The protocol's side

  /** A Ping, or a frame of no message. */
  control(opcode: number, payload: Uint8Array): void {
    this.#written(this.#writer.control(opcode, payload));
  }

  /** Answers a Ping; who does not read his answers gets the last one alone (RFC 6455 §5.5.3). */
  pong(payload: Uint8Array): void {
    if (this.#isClosing) return;
    if (this.#blocked) this.#unanswered = payload;
    else this.control(PONG, payload);
  }

  /** A Close behind what was sent; a message in pieces is cut, and nothing behind it begins. */
  close(payload: Uint8Array): void {
    if (this.#isClosing) return;
    if (this.#run === undefined) this.#writeWaiting();
    this.#isClosing = true;
    this.#forget();
    if (this.#deflater?.isBusy === true) this.#farewell = payload;
    else this.control(CLOSE, payload);
  }

  /** What may go before a Close: all up to the first that is in pieces. */
  #writeWaiting(): void {
    for (const one of this.#waiting) {
      if (one.pieces !== undefined) return;
      if (one.message !== undefined) this.#write(one.message);
      one.message = undefined;
    }
  }

  /** A Close now: what waits is dropped. */
  fail(payload: Uint8Array, cause: Error): void {
    const wasClosed = this.isClosed;
    this.clear(cause);
    if (!wasClosed) this.control(CLOSE, payload);
  }

  /** The queue of the transport is short again. */
  drained(): void {
    this.#blocked = false;
    const payload = this.#unanswered;
    this.#unanswered = undefined;
    if (payload !== undefined) this.pong(payload);
    this.#advance();
  }

  /** What zlib had has come back. */
  proceed(): void {
    this.#deflater?.proceed();
    if (this.#farewell !== undefined && this.#deflater?.isBusy !== true) {
      this.control(CLOSE, this.#farewell);
      this.#farewell = undefined;
    }
    this.#advance();
  }

  /** The connection is over: who waits is told. */
  clear(cause?: Error): void {
    this.#isClosing = true;
    this.#farewell = undefined;
    this.#deflater?.clear();
    this.#forget(cause);
  }

  /** PayloadSink: what the deflater hands on. */
  sendPayload(opcode: number, reserved: number, payload: Uint8Array | string): void {
    this.#written(this.#writer.fragment(opcode, true, payload, reserved));
  }

  #forget(cause?: Error): void {
    this.#unanswered = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#run?.cancel();
    this.#runEnds?.reject(gone(cause));
    this.#run = undefined;
    this.#runEnds = undefined;
    this.#goOn();
    for (const { message, pieces, resolve, reject } of waiting) {
      if (pieces !== undefined) dropIterable(pieces);
      // A Close went out behind what was taken.
      if (cause === undefined && message === undefined && pieces === undefined) resolve();
      else reject(gone(cause));
    }
  }

  #goOn(): void {
    this.#resumeRun?.();
    this.#resumeRun = undefined;
  }

  // In order

  /** Takes what waits, as far as there is room. */
  #advance(): void {
    if (this.#run !== undefined) {
      if (!this.#isCrowded) this.#goOn();
      return;
    }
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      if (this.#isCrowded) return;
      const { message, pieces, resolve, reject } = first;
      if (message !== undefined) {
        this.#waitingBytes -= first.octets;
        first.message = undefined;
        this.#write(message);
      } else if (pieces === undefined) {
        this.#waiting.shift();
        resolve();
      } else {
        // Pieces go past the deflater, so it must be done with those before.
        if (this.#deflater?.isBusy === true) return;
        this.#waiting.shift();
        this.#begin(pieces, { resolve, reject });
        return;
      }
    }
  }

  #write(message: Message | PreparedMessage): void {
    const deflater = this.#deflater;
    if (message instanceof PreparedMessage) this.#writePrepared(message);
    else if (deflater !== undefined) deflater.send(opcodeOf(message), message);
    else if (typeof message === 'string') this.#written(this.#writer.text(message));
    else this.#written(this.#writer.binary(message));
  }

  #writePrepared(prepared: PreparedMessage): void {
    const deflate = this.#deflate;
    // Each frame of a client has its own mask (RFC 6455 §5.3); and order is the deflater's.
    if (this.#host.nextKey !== undefined || this.#deflater?.isBusy === true) {
      this.#write(prepared.message);
      return;
    }
    const compressed = deflate !== undefined && prepared.length >= deflate.thresholdBytes
      ? prepared.compressed(deflate.windowBits, deflate.budget)
      : undefined;
    if (compressed !== undefined) this.#deflater?.passed(prepared.message);
    this.#written(this.#writer.prepared(compressed ?? prepared.plain));
  }

  #begin(pieces: MessagePieces, ends: Settle): void {
    const run = new PieceRun(pieces, this);
    this.#run = run;
    this.#runEnds = ends;
    run.send().then(ends.resolve, (error: unknown) => {
      ends.reject(asError(error));
      if (run.hasBegun && this.#run === run) this.#host.piecesFailed(asError(error));
    }).finally(() => {
      if (this.#run !== run) return;
      this.#run = undefined;
      this.#runEnds = undefined;
      this.#advance();
    });
  }

  /** PieceHost. */
  sendFragment(opcode: number, final: boolean, payload: Message): void {
    this.#written(this.#writer.fragment(opcode, final, payload));
  }

  room(): Promise<void> | undefined {
    if (!this.#isCrowded) return undefined;
    return new Promise((resolve) => { this.#resumeRun = resolve; });
  }

  #written(taken: boolean): void {
    if (!taken) this.#blocked = true;
  }
}

function check(message: unknown): void {
  if (!(message instanceof PreparedMessage)) checkMessage(message);
}

function octetsOf(message: Message | PreparedMessage): number {
  return typeof message === 'string' ? Buffer.byteLength(message) : message.length;
}

function opcodeOf(message: Message): number {
  return typeof message === 'string' ? TEXT : BINARY;
}

function gone(cause?: Error): PeerGoneError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  return new PeerGoneError(`the WebSocket is closed${why}`, cause && { cause });
}

/** A send that nobody awaits must not end the process when it fails. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(IGNORED);
  return promise;
}
