/**
 * HTTP/2 on one connection (RFC 9113), the half that both roles share: the order of an entry, the
 * life of streams, the turns of content, the deadlines and the end.
 *
 *     receive -> frame-parser -> receiver -> streams
 *     gather  -> flush: what settled, turns of content, one write
 *
 * protocol.ts is the server on top of it, client.ts the client.
 */
import { ReceiveBuffer } from '../bytes/receive-buffer.ts';
import { ConnectionError, PeerGoneError, ProtocolError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport, Protocol } from '../protocol.ts';
import { Credit } from './credit.ts';
import { FloodGuard } from './flood-guard.ts';
import { ReceiveWindow } from './flow-control.ts';
import {
  CANCEL, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, INTERNAL_ERROR, NO_ERROR,
  PROTOCOL_ERROR, SETTINGS_TIMEOUT, STREAM_ID_MAX,
} from './frame.ts';
import { FrameParser, MORE, uint32 } from './frame-parser.ts';
import {
  setUint32, writeGoaway, writePing, writeRstStream, writeSettings, writeWindowUpdate,
} from './frame-writer.ts';
import type { FieldList } from './hpack/index.ts';
import { Moments, type Moment } from './moments.ts';
import { Outbound } from './outbound.ts';
import { Receiver, type ReceiverHost } from './receiver.ts';
import { SendQueue } from './send-queue.ts';
import { Settings } from './settings.ts';
import type { Http2Stream, StreamHost } from './stream.ts';
import { CLOSED, canReceive } from './stream-state.ts';
import { ENDED, PEER_RESET, StreamTable, WE_RESET, type Closing } from './stream-table.ts';

/** Frames of one entry; then other connections have their turn. */
const FRAMES_PER_ENTRY = 256;
const FRAME_LATE = 'a frame or a field block took longer than headMs';
/** The first half of the eight octets of our PINGs, `wire`; the other is their number. */
const PING_WORD = 0x77697265;

export abstract class Http2Connection implements Protocol, StreamHost, ReceiverHost {
  readonly transport: ConnectionTransport;
  readonly limits: Limits;
  readonly outbound: Outbound;
  readonly streams = new StreamTable();
  readonly guard: FloodGuard;
  readonly peer = new Settings();
  readonly window = new ReceiveWindow(DEFAULT_WINDOW);
  readonly #credit: Credit;
  protected readonly moments: Moments;
  protected readonly queue = new SendQueue();
  /** No stream of the peer's above this is taken any more. */
  protected goawayAt = Infinity;
  draining = false;
  readonly #parser: FrameParser;
  readonly #rest = new ReceiveBuffer();
  readonly #settled: Http2Stream[] = [];
  readonly #deferred: Http2Stream[] = [];
  #greeted = false;
  /** The peer knows our settings. */
  #acknowledged = false;
  #frames = 0;
  #inside = false;
  #flushing = false;
  #paused = false;
  /** The connection ends when its last stream has. */
  #ending = false;
  #sawEof = false;
  #gone = false;
  #receivedAt = 0;
  /** When DATA was last sent, of whichever stream. */
  #sentAt = 0;

  constructor(transport: ConnectionTransport, limits: Limits) {
    this.transport = transport;
    this.limits = limits;
    this.guard = new FloodGuard(limits);
    this.moments = new Moments(limits, transport.clock);
    this.#receivedAt = transport.clock.now();
    this.outbound = new Outbound(transport, this.peer);
    this.#credit = new Credit(transport, limits, this.outbound, this.window);
    this.#parser = new FrameParser(new Receiver(this), DEFAULT_FRAME_SIZE);
  }

  /** Our settings, and the connection's window beyond its default: the first words (§3.4). */
  protected greet(settings: readonly (readonly [number, number])[]): void {
    const { slab } = this.outbound;
    writeSettings(slab, settings);
    // It cannot be less than what the peer has from the start (§6.9.2).
    const size = Math.max(DEFAULT_WINDOW, this.limits.http2ConnectionWindowBytes);
    const credit = this.window.grow(size);
    if (credit > 0) writeWindowUpdate(slab, 0, credit);
    this.moments.greeted();
    this.transport.gather();
  }

  // The role's part

  abstract isRemote(streamId: number): boolean;
  abstract fieldList(): FieldList;
  abstract receiveBlock(
    stream: Http2Stream | undefined, streamId: number, list: FieldList, endStream: boolean,
  ): void;
  abstract promiseComes(promisedId: number): void;
  abstract promiseReceived(streamId: number, promisedId: number, list: FieldList): void;
  abstract receivePriorityValue(streamId: number, value: Uint8Array): void;
  abstract wentAway(lastStreamId: number, code: number): void;
  abstract shutdown(): void;
  /** Octets before the first frame; returns the offset after them, or MORE. */
  protected abstract skipPreface(bytes: Uint8Array, start: number, end: number): number;
  protected abstract tickStream(stream: Http2Stream, now: number): void;
  /** The peer ended its side of the connection; a stream has all of its message. */
  protected abstract hungUp(stream: Http2Stream): void;
  /** The second GOAWAY is due (§6.8). */
  protected abstract sayGoodbye(): void;
  /** The peer answered our last PING. */
  protected abstract roundTripped(): void;
  /** A connection error is about to be told to the peer. */
  abstract offence(error: ProtocolError): void;

  // Entries

  get idle(): boolean {
    return this.streams.size === 0 && !this.#parser.isWithin && this.#rest.length === 0;
  }

  receive(bytes: Uint8Array): void {
    this.#enter();
    this.#receivedAt = this.now();
    const rest = this.#rest;
    if (rest.length > 0) {
      rest.append(bytes, 0, bytes.length);
      this.#parseRest();
    } else {
      const used = this.#parse(bytes, 0, bytes.length);
      rest.append(bytes, used, bytes.length);
    }
    this.#leave();
  }

  proceed(): void {
    this.#enter();
    for (const stream of this.#deferred.splice(0)) this.settled(stream);
    this.#parseRest();
    this.#leave();
  }

  drained(): void {
    this.#enter();
    this.outbound.drained();
    this.#parseRest();
    this.#leave();
  }

  eof(): void {
    this.#enter();
    // Nothing more will be asked; what was asked whole can still be answered.
    for (const stream of [...this.streams]) {
      if (!canReceive(stream.state)) this.hungUp(stream);
      else this.reset(stream, CANCEL, new PeerGoneError('the peer ended within a message'), false);
    }
    this.#sawEof = true;
    this.#stop();
    this.#leave();
  }

  /** What settled goes on, content goes by turns, and all leaves at once. */
  flush(): void {
    this.#inside = true;
    this.#flushing = true;
    // What settles meanwhile is a later turn's, or it could keep this one for good.
    for (const stream of this.#settled.splice(0)) stream.advance();
    this.queue.run(this.outbound);
    this.outbound.flush();
    if (this.#sawEof) this.#endUnreachable();
    this.#flushing = false;
    this.#inside = false;
    this.#pauseOrResume();
    if (this.streams.size > 0) return;
    if (this.goawayAt !== Infinity) this.#stop();
    if (this.#ending) this.transport.end();
  }

  tick(now: number): void {
    this.#enter();
    const { stands, blocked } = this.outbound;
    const silence = now - this.#receivedAt;
    if (!stands && this.streams.size > 0 && silence >= this.limits.http2SilenceMs) this.ping(false);
    const next = (): Moment | undefined => this.moments.expired(now, stands, blocked);
    for (let moment = next(); moment !== undefined; moment = next()) this.#late(moment);
    for (const stream of this.streams) {
      if (this.#isStalled(stream, now)) this.#resetStalled(stream);
      else this.tickStream(stream, now);
    }
    this.#leave();
  }

  failed(cause: Error): void {
    const error = asConnectionError(cause);
    this.#inside = true;
    this.offence(error);
    this.#giveUp(error.code, error.message);
    this.outbound.flush();
    this.transport.end();
    this.#inside = false;
  }

  /** The end has begun: nothing new is. */
  protected get isOver(): boolean {
    return this.#gone || this.#ending;
  }

  closed(cause: Error | undefined): void {
    this.#gone = true;
    this.#abandon(new PeerGoneError('the peer closed the connection', cause && { cause }));
    this.#rest.clear();
  }

  now(): number {
    return this.transport.clock.now();
  }

  #enter(): void {
    this.#inside = true;
    this.#frames = 0;
  }

  #leave(): void {
    this.#inside = false;
    if (this.#rest.length === 0) this.#frames = 0;
    if (this.#frames >= FRAMES_PER_ENTRY) this.transport.defer();
    this.#pauseOrResume();
    this.#watchIdle();
    this.transport.gather();
  }

  #pauseOrResume(): void {
    const stands = this.#stands;
    if (stands === this.#paused) return;
    this.#paused = stands;
    if (stands) this.transport.pause();
    else this.transport.resume();
  }

  // Parsing

  #parseRest(): void {
    this.#rest.parse((bytes, start, end) => this.#parse(bytes, start, end));
  }

  #parse(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    if (!this.#greeted) {
      at = this.skipPreface(bytes, start, end);
      if (at === MORE) return start;
      this.#greeted = true;
    }
    while (at < end && !this.#stands) {
      const next = this.#parser.receive(bytes, at, end);
      if (next === MORE) {
        this.moments.frameBegan();
        break;
      }
      this.moments.frameCame();
      this.#frames++;
      at = next;
    }
    return at;
  }

  /** Output that the peer does not take must not grow by its own asking. */
  get #stands(): boolean {
    return this.outbound.stands || this.#frames >= FRAMES_PER_ENTRY || this.#ending;
  }

  // What frames and streams ask of their connection

  get isFree(): boolean {
    return this.queue.length === 0 && !this.outbound.blocked;
  }

  ready(stream: Http2Stream): void {
    this.queue.add(stream);
    if (!this.#inside) this.transport.gather();
  }

  settled(stream: Http2Stream): void {
    if (this.#gone) return;
    this.#settled.push(stream);
    if (this.#inside && !this.#flushing) this.transport.gather();
    else this.transport.defer();
  }

  later(stream: Http2Stream): void {
    if (this.#gone) return;
    this.#deferred.push(stream);
    this.transport.defer();
  }

  reset(stream: Http2Stream, code: number, cause: Error, fault: boolean): void {
    if (stream.isClosed) return;
    if (fault) this.guard.reset(this.now());
    writeRstStream(this.outbound.slab, stream.id, code);
    this.#forget(stream, WE_RESET);
    stream.aborted(cause);
  }

  resetByPeer(stream: Http2Stream, cause: Error): void {
    this.#forget(stream, PEER_RESET);
    stream.aborted(cause);
  }

  resetUnknown(streamId: number, code: number, remember: boolean): void {
    this.guard.reset(this.now());
    if (remember) this.streams.remember(streamId, WE_RESET);
    writeRstStream(this.outbound.slab, streamId, code);
  }

  ended(stream: Http2Stream): void {
    this.#forget(stream, ENDED);
    stream.completed();
  }

  credit(stream: Http2Stream, octets: number): void {
    if (this.#gone || this.#ending) return;
    this.#credit.give(stream, octets);
    if (!this.#inside) this.transport.gather();
  }

  creditConnection(octets: number): void {
    this.#credit.giveConnection(octets);
  }

  hold(octets: number): boolean {
    return this.#credit.hold(octets);
  }

  dataSent(earns: boolean): void {
    if (!earns) return;
    this.#sentAt = this.now();
    this.guard.earnUpdates();
  }

  settingsReceived(): void {
    this.moments.settingsReceived();
  }

  settingsAcknowledged(): void {
    this.moments.settingsAcknowledged();
    const shrinks = this.streamWindow - this.limits.http2StreamWindowBytes;
    this.#acknowledged = true;
    if (shrinks <= 0) return;
    for (const stream of this.streams) {
      if (!canReceive(stream.state)) continue;
      const credit = stream.receiveWindow.shrink(shrinks);
      if (credit === 0) continue;
      writeWindowUpdate(this.outbound.slab, stream.id, credit);
    }
  }

  /** What a stream of the peer's may send at first: our setting, once the peer has it (§6.9.2). */
  get streamWindow(): number {
    const { http2StreamWindowBytes } = this.limits;
    return this.#acknowledged
      ? http2StreamWindowBytes
      : Math.max(DEFAULT_WINDOW, http2StreamWindowBytes);
  }

  blockBegan(): void {
    this.moments.blockBegan();
  }

  blockEnded(): void {
    this.moments.blockEnded();
  }

  ponged(bytes: Uint8Array, start: number): void {
    const number = uint32(bytes, start + 4);
    if (PING_WORD === uint32(bytes, start) && this.moments.ponged(number)) this.roundTripped();
  }

  /** Asks the peer for a sign of life and the round trip (§6.7); `anew`: whatever is on its way. */
  protected ping(anew: boolean): void {
    const number = this.moments.pinged(anew);
    if (number > 0) writePing(this.outbound.slab, false, pingData(number));
  }

  #forget(stream: Http2Stream, closing: Closing): void {
    this.queue.remove(stream);
    stream.state = CLOSED;
    this.streams.close(stream, closing);
  }

  // Sending

  /** Content waits, and the peer opens neither its window nor the connection's (slow read). */
  #isStalled(stream: Http2Stream, now: number): boolean {
    if (!stream.hasContent || !stream.isWaiting) return false;
    const since = stream.sendWindow.available <= 0
      ? stream.sentAt
      : this.outbound.window.available <= 0 ? Math.max(stream.sentAt, this.#sentAt) : now;
    return now - since > this.limits.writeStallMs;
  }

  /** After the peer's end no window will open any more: what waits for one is lost. */
  #endUnreachable(): void {
    for (const stream of [...this.streams]) {
      const closed = Math.min(stream.sendWindow.available, this.outbound.window.available) <= 0;
      if (closed && stream.hasContent && stream.isWaiting) this.#resetStalled(stream);
    }
  }

  #resetStalled(stream: Http2Stream): void {
    const { writeStallMs } = this.limits;
    const error = new PeerGoneError(`the peer gave no window for writeStallMs, ${writeStallMs}`);
    this.reset(stream, CANCEL, error, false);
  }

  // The end

  /** Sends GOAWAY for the streams taken so far, and takes no more (§6.8). */
  protected goaway(code: number, message: string): void {
    this.goawayAt = Math.min(this.goawayAt, this.streams.lastRemote);
    writeGoaway(this.outbound.slab, this.goawayAt, code, message);
  }

  /** Warns of the end without refusing anything yet (§6.8). */
  protected warnOfGoaway(why: string): void {
    writeGoaway(this.outbound.slab, STREAM_ID_MAX, NO_ERROR, why);
  }

  #abandon(cause: Error): void {
    for (const stream of [...this.streams]) {
      this.#forget(stream, WE_RESET);
      stream.aborted(cause);
    }
  }

  /** Reads nothing more, and ends with the last stream. */
  #stop(): void {
    this.#ending = true;
    this.#rest.clear();
    this.moments.none();
  }

  #giveUp(code: number, message: string): void {
    this.goaway(code, message);
    this.#stop();
    this.#abandon(new ConnectionError(code, message));
  }

  #tooLate(code: number, message: string): void {
    this.offence(new ConnectionError(code, message));
    this.#giveUp(code, message);
  }

  #watchIdle(): void {
    if (this.streams.size > 0) this.moments.busy();
    else if (this.goawayAt !== Infinity) this.#stop();
    else this.moments.idle(this.streams.lastRemote + this.streams.lastLocal);
  }

  #late(moment: Moment): void {
    switch (moment) {
      case 'preface': this.#tooLate(PROTOCOL_ERROR, 'no preface in time (RFC 9113 §3.4)'); break;
      case 'settings':
        this.#tooLate(SETTINGS_TIMEOUT, 'SETTINGS was not acknowledged in time (RFC 9113 §6.5.3)');
        break;
      case 'frame':
      case 'block': this.#tooLate(PROTOCOL_ERROR, FRAME_LATE); break;
      case 'idle': this.goaway(NO_ERROR, 'idle for idleMs'); break;
      case 'pong': this.transport.destroy(new Error('PING was not answered')); break;
      case 'goaway': this.sayGoodbye();
    }
  }
}

function pingData(number: number): Uint8Array {
  const octets = new Uint8Array(8);
  setUint32(octets, 0, PING_WORD);
  setUint32(octets, 4, number);
  return octets;
}

/** What an entry threw, as the peer is told of it (§5.4.1). */
function asConnectionError(cause: Error): ProtocolError {
  return cause instanceof ProtocolError
    ? cause
    : new ConnectionError(INTERNAL_ERROR, 'the server failed on this connection', { cause });
}
