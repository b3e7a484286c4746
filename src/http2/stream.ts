/**
 * One stream (RFC 9113 §5): its state, its two windows, the content that comes and the content that
 * goes. The same for both roles; what a request or a response is, exchange.ts and client.ts add.
 *
 * Content is pulled only in the stream's turn (send-queue.ts), as far as the windows go.
 */
import { StreamError, asError } from '../errors.ts';
import { PULL_BYTES, cancelSource, type BodySource, type RequestBody } from '../http/body.ts';
import { Fields } from '../http/fields.ts';
import type { Limits } from '../limits.ts';
import type { Transport } from '../protocol.ts';
import { ReceiveWindow, SendWindow } from './flow-control.ts';
import { CANCEL, INTERNAL_ERROR, PROTOCOL_ERROR } from './frame.ts';
import type { Outbound } from './outbound.ts';
import { DEFAULT_PRIORITY, type Priority } from './priority.ts';
import {
  CLOSED, ILLEGAL, RECV_END_STREAM, SEND_END_STREAM, after, canSend, type StreamAct,
  type StreamState,
} from './stream-state.ts';

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly transport: Transport;
  readonly limits: Limits;
  readonly outbound: Outbound;
  /** Nobody waits for a turn, and output leaves. */
  readonly isFree: boolean;
  /** It has content to send, or it settled: it wants a turn. */
  ready(stream: Http2Stream): void;
  settled(stream: Http2Stream): void;
  /** `advance` is called in a later turn. */
  later(stream: Http2Stream): void;
  /** Ends a stream with RST_STREAM; `fault`: an offence of the peer's. */
  reset(stream: Http2Stream, code: number, cause: Error, fault: boolean): void;
  /** The stream reached its end in both directions. */
  ended(stream: Http2Stream): void;
  /** Content of the peer was read or dropped: both windows may grow again. */
  credit(stream: Http2Stream, octets: number): void;
  /** Content is held for the peer. False: the connection holds more than it may. */
  hold(octets: number): boolean;
  /** DATA was sent; `earns`: the peer may well answer it with window updates. */
  dataSent(earns: boolean): void;
}

export const LEDGER_FULL = 'the connection holds more than ledgerBytes (RFC 9113 §10.5)';

/** DATA under this is small, where a window cut it so. */
const SMALL_BYTES = 1024;

/** A source that has nothing yet and will say when (a tunnel): pull returns undefined. */
export interface WakingSource extends Omit<BodySource, 'pull'> {
  pull(max: number): Uint8Array | null | undefined;
}

export abstract class Http2Stream {
  readonly id: number;
  readonly host: StreamHost;
  readonly sendWindow: SendWindow;
  readonly receiveWindow: ReceiveWindow;
  state: StreamState;
  priority: Priority = DEFAULT_PRIORITY;
  /** The urgency under which it waits in the send queue, or -1. */
  queuedAt = -1;
  /** Octets left of its turn, and before its equals have theirs. */
  turnLeft = 0;
  roundLeft = 0;
  /** Octets of content, each way. */
  receivedBytes = 0;
  sentBytes = 0;
  /** Where content goes; undefined: it is dropped. */
  protected inbound: RequestBody | undefined;
  /** Content that the peer said would come, or undefined (§8.1.1). */
  protected expectedBytes: number | undefined;
  /** When content could last be sent, while there is some (stall). */
  sentAt = 0;

  #source: BodySource | WakingSource | undefined;
  #piece: Uint8Array | null | undefined;
  #pulling = false;
  #failure: Error | undefined;
  /** The source was pulled to null or failed: it is not cancelled as well. */
  #sourceOver = false;
  #declared: number | undefined;

  constructor(
    id: number, host: StreamHost, state: StreamState, sendWindow: number, receive: number,
  ) {
    this.id = id;
    this.host = host;
    this.state = state;
    this.sendWindow = new SendWindow(sendWindow);
    this.receiveWindow = receive === 0 ? NO_WINDOW : new ReceiveWindow(receive);
  }

  /** The peer, or we, reset it, or the connection is gone: both directions are over. */
  abstract aborted(cause: Error): void;
  /** Both sides ended it. */
  abstract completed(): void;
  /** The first block of the peer on it has come; later ones are trailers. */
  abstract get hasHead(): boolean;
  /** It carries another protocol, with limits of its own. */
  abstract get isTunnel(): boolean;
  /** What settled outside an entry goes on. */
  abstract advance(): void;
  /** The program's content broke, after its head had left. */
  protected abstract contentFailed(error: Error): void;

  /** Applies an act of §5.1. False: it may not happen now. */
  act(act: StreamAct): boolean {
    const next = after(this.state, act);
    if (next === ILLEGAL) return false;
    this.state = next;
    return true;
  }

  get isClosed(): boolean {
    return this.state === CLOSED;
  }

  // Content that comes

  /** A DATA frame of so many octets, padding and all. False: over the window (§6.9.1). */
  admits(octets: number): boolean {
    return this.receiveWindow.receive(octets);
  }

  receiveData(bytes: Uint8Array, start: number, end: number): void {
    const octets = end - start;
    this.receivedBytes += octets;
    const over = this.expectedBytes !== undefined && this.receivedBytes > this.expectedBytes;
    if (!over) return this.content(bytes, start, end);
    this.malformed('content is longer than content-length (RFC 9113 §8.1.1)');
    this.host.credit(this, octets);
  }

  /** Takes content in, or gives credit for what nobody wants. */
  protected content(bytes: Uint8Array, start: number, end: number): void {
    const octets = end - start;
    if (this.inbound === undefined) {
      this.host.credit(this, octets);
    } else if (this.host.hold(octets)) {
      this.inbound.push(this.host.transport.keep(bytes, start, end));
    } else {
      this.host.hold(-octets);
      this.host.reset(this, CANCEL, new StreamError(this.id, CANCEL, LEDGER_FULL), true);
      this.host.credit(this, octets);
    }
  }

  /** END_STREAM: the peer's side is complete. */
  receiveEnd(trailers?: Fields): void {
    const short = this.expectedBytes !== undefined && this.receivedBytes < this.expectedBytes;
    if (short) return this.malformed('content is shorter than content-length (RFC 9113 §8.1.1)');
    this.act(RECV_END_STREAM);
    this.inbound?.end(trailers);
    if (this.isClosed) this.host.ended(this);
  }

  malformed(message: string): void {
    this.host.reset(this, PROTOCOL_ERROR, new StreamError(this.id, PROTOCOL_ERROR, message), true);
  }

  // Content that goes

  /** Whether content waits for a window or a turn. */
  get hasContent(): boolean {
    return this.#source !== undefined;
  }

  /** Whether content that is at hand, or due, cannot leave: the peer gives no window. */
  get isWaiting(): boolean {
    return !this.#pulling && (this.#piece instanceof Uint8Array || this.#isShort());
  }

  /** Begins to send content; `declared` is its length where it was told. */
  sendFrom(source: BodySource | WakingSource, declared: number | undefined): void {
    this.#source = source;
    this.#declared = declared;
    this.sentAt = this.host.transport.clock.now();
    this.host.ready(this);
  }

  /** Pulls once before the head leaves: who answers with what he reads asks for it now. */
  protected prime(source: BodySource): void {
    this.#source = source;
    this.#pull(source);
  }

  /** Sends content that is at hand whole; at once where it is short and nobody waits. */
  sendWhole(octets: Uint8Array): void {
    const { length } = octets;
    const { outbound } = this.host;
    const fits = length <= SMALL_BYTES && outbound.room(this.sendWindow.available) >= length;
    if (fits && this.host.isFree) {
      this.sentBytes = length;
      this.sendWindow.take(length);
      outbound.data(this.id, octets, true);
      this.host.dataSent(true);
      this.endSent();
      return;
    }
    this.#piece = octets;
    this.sendFrom(NOTHING_MORE, octets.length);
  }

  /** A waking source has something now. */
  wake(): void {
    if (this.#source !== undefined) this.host.ready(this);
  }

  /** Sends up to `turn` octets in one turn. True: it has more, and could go on now. */
  send(): boolean {
    while (this.#source !== undefined && canSend(this.state)) {
      if (this.#failure !== undefined) {
        this.broken(this.#failure);
        return false;
      }
      if (this.#piece === undefined) {
        if (this.turnLeft <= 0 || this.host.outbound.blocked) return true;
        if (this.#isShort() && this.#windows <= 0) return this.sendWindow.available > 0;
        if (!this.#pull(this.#source)) return false;
      }
      const piece = this.#piece as Uint8Array | null | undefined;
      if (piece === undefined) continue;
      if (piece === null) {
        this.#finish(this.#source);
        return false;
      }
      if (this.turnLeft <= 0 || this.host.outbound.blocked) return true;
      const room = Math.min(this.turnLeft, this.host.outbound.room(this.sendWindow.available));
      // The connection's window keeps its place in the queue, its own takes it away.
      if (room <= 0) return this.sendWindow.available > 0;
      this.#sendPart(piece, Math.min(room, piece.length));
    }
    return false;
  }

  /** Drops what was to be sent. */
  protected dropContent(cause: Error | undefined): void {
    const source = this.#source;
    this.#source = undefined;
    this.#piece = undefined;
    if (source !== undefined && !this.#sourceOver) cancelSource(source as BodySource, cause);
    this.#sourceOver = false;
  }

  #sendPart(piece: Uint8Array, octets: number): void {
    const whole = octets === piece.length;
    const part = whole ? piece : piece.subarray(0, octets);
    this.turnLeft -= octets;
    this.sentBytes += octets;
    this.sendWindow.take(octets);
    if (this.#declared !== undefined && this.sentBytes > this.#declared) {
      this.broken(new TypeError(`a body is longer than its length, ${this.#declared} octets`));
      return;
    }
    this.#piece = whole ? undefined : piece.subarray(octets);
    const last = whole && this.#isLast();
    this.host.outbound.data(this.id, part, last);
    // What a small window cut up small earns its peer neither time nor further window updates.
    const dribbles = octets < SMALL_BYTES && this.#windows <= 0;
    if (!dribbles) this.sentAt = this.host.transport.clock.now();
    this.host.dataSent(!dribbles);
    if (last) this.#ended();
  }

  /** Looks one pull ahead, so that the last octets can carry END_STREAM. */
  #isLast(): boolean {
    if (this.#isShort()) return false;
    const source = this.#source as BodySource;
    this.#pull(source);
    if (this.#piece !== null || this.#failure !== undefined) return false;
    return source.trailers === undefined;
  }

  /** Gets the next piece. False: it comes later. */
  #pull(source: BodySource | WakingSource): boolean {
    if (this.#pulling) return false;
    // What cannot leave now would be held: then little is asked for, since it may be the end.
    const room = this.host.outbound.blocked ? 0 : Math.min(this.turnLeft, this.#windows);
    try {
      const piece = source.pull(room > 0 ? Math.min(PULL_BYTES, room) : SMALL_BYTES);
      if (piece === undefined && this.isTunnel) return false;
      if (piece === null || piece instanceof Uint8Array) return this.#take(piece);
      this.#pullLater(piece as Promise<Uint8Array | null>);
      return false;
    } catch (error) {
      this.#fail(error);
      return true;
    }
  }

  get #windows(): number {
    return Math.min(this.sendWindow.available, this.host.outbound.window.available);
  }

  #fail(error: unknown): void {
    this.#failure = asError(error);
    this.#sourceOver = true;
  }

  #pullLater(piece: Promise<Uint8Array | null>): void {
    this.#pulling = true;
    const settle = (): void => {
      this.#pulling = false;
      if (!this.isClosed) this.host.settled(this);
    };
    Promise.resolve(piece).then((value) => {
      this.#take(value);
      settle();
    }, (error: unknown) => {
      this.#fail(error);
      settle();
    });
  }

  #take(piece: unknown): true {
    if (piece === null) this.#sourceOver = true;
    // The peer's time to make room for it begins now.
    this.sentAt = this.host.transport.clock.now();
    if (piece === null || (piece instanceof Uint8Array && piece.length > 0)) this.#piece = piece;
    else this.#failure = new TypeError('a body yielded neither octets nor null');
    return true;
  }

  #isShort(): boolean {
    return this.#declared !== undefined && this.sentBytes < this.#declared;
  }

  #finish(source: BodySource | WakingSource): void {
    if (this.#isShort()) {
      const lengths = `${this.sentBytes} of ${this.#declared} octets`;
      this.broken(new TypeError(`a body is shorter than its length: ${lengths}`));
      return;
    }
    try {
      const trailers = source.trailers?.();
      if (trailers !== undefined && !(trailers instanceof Fields)) {
        throw new TypeError('trailers() gives Fields: Fields.from({ ... })');
      }
      if (trailers !== undefined && trailers.size > 0) {
        this.host.outbound.trailers(this.id, trailers);
      } else {
        this.host.outbound.data(this.id, NO_OCTETS, true);
      }
    } catch (error) {
      this.broken(asError(error));
      return;
    }
    this.#ended();
  }

  #ended(): void {
    this.#source = undefined;
    this.endSent();
  }

  /** END_STREAM was sent. */
  protected endSent(): void {
    this.act(SEND_END_STREAM);
    if (this.isClosed) this.host.ended(this);
  }

  /** The program's part broke after its head had left. */
  protected broken(error: Error): void {
    this.contentFailed(error);
    this.host.reset(this, INTERNAL_ERROR, error, false);
  }
}

/** Of all streams on which nothing comes. */
const NO_WINDOW = new ReceiveWindow(0);
const NO_OCTETS = new Uint8Array(0);
/** The source behind content that is at hand. */
const NOTHING_MORE: BodySource = {
  length: 0,
  pull: () => null,
  cancel: () => {},
};
