/**
 * A WebSocket on a connection or on a stream (RFC 6455 §5 to §7), in both roles: frames in, and
 * what they mean; keep-alive; the close handshake; when the peer is stopped.
 *
 *     open -- close(), or a Close comes --> closing -- Close from both sides --> FIN --> over
 *        \-------------- an offence, the end of input, time -------------------/
 *
 * Messages go to inbox.ts and come from outbox.ts. What a program holds is session.ts; who is let
 * in, handshake.ts.
 */
import { ReceiveBuffer } from '../bytes/receive-buffer.ts';
import { Deadlines } from '../deadlines.ts';
import { PeerGoneError } from '../errors.ts';
import { BodyRate } from '../http/body-rate.ts';
import type { Limits } from '../limits.ts';
import type { Protocol, Transport } from '../protocol.ts';
import { CloseError } from './close-error.ts';
import { closePayload, parseClosePayload, type CloseStatus } from './close-payload.ts';
import type { DeflateAgreement } from './deflate-parameters.ts';
import {
  ABNORMAL_CLOSURE, INTERNAL_ERROR, NO_STATUS_RECEIVED, PING, POLICY_VIOLATION, RSV1,
  TRY_AGAIN_LATER,
} from './frame.ts';
import { FrameParser, MORE, type ControlSink } from './frame-parser.ts';
import { HeldOctets } from './held-octets.ts';
import { Inbox, type InboxHost } from './inbox.ts';
import { Inflater } from './inflater.ts';
import { KeepAlive, type KeepAliveHost } from './keep-alive.ts';
import { MessageAssembler, type MessageKind } from './message-assembler.ts';
import { Outbox, type OutboxHost } from './outbox.ts';
import type { ZlibBudget } from './zlib-budget.ts';

/** How a WebSocket ended. */
export interface Closure extends CloseStatus {
  /** Whether both sides said Close (RFC 6455 §7.1.4). */
  readonly clean: boolean;
  /** Why there was no Close: a peer that was silent, a connection that broke, an offence. */
  readonly cause?: Error | undefined;
}

export interface WebSocketWire {
  readonly limits: Limits;
  /** Masks, on a client (RFC 6455 §5.3); undefined on a server. */
  readonly nextKey: (() => number) | undefined;
  /** Undefined: no compression. */
  readonly deflate: (DeflateAgreement & { readonly thresholdBytes: number }) | undefined;
  readonly zlib: ZlibBudget;
  /** Undefined: text and octets. */
  readonly accepts: MessageKind | undefined;
  /** What a closing server says: 1001, or 1012. */
  readonly drainCode: number;
  /** How long a closing server may take with its Close, ms; asked once. */
  drainDelay(): number;
  /** The program failed; what it sent in pieces did; the peer was refused. */
  failed(error: unknown): void;
  broken(error: Error): void;
  refused(error: CloseError): void;
  /** The server is closing. */
  draining(): void;
  /** It is over: told once. */
  ended(closure: Closure, cause: Error | undefined): void;
}

interface Ping {
  /** Its payload. */
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

/** Pings of the program that wait for their pongs. */
const PINGS_MAX = 100;
/** Frames of one entry; then other connections have their turn. */
const FRAMES_PER_ENTRY = 256;
/** Of a message that was refused, so many times the limit are worth reading. */
const LINGER_MESSAGES = 16;
/** What leaves by itself: our own last frames, and a piece that a stream has taken. */
const PROGRESS_BYTES = 2048;
const CLOSED = 'the WebSocket is closed';
const EMPTY = new Uint8Array(0);

type Moment = 'close' | 'goodbye' | 'age';

export class WebSocketProtocol
implements Protocol, ControlSink, InboxHost, OutboxHost, KeepAliveHost {
  readonly transport: Transport;
  readonly limits: Limits;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly #wire: WebSocketWire;
  readonly #inflater: Inflater | undefined;
  readonly #assembler: MessageAssembler;
  readonly #parser: FrameParser;
  readonly #rest = new ReceiveBuffer();
  readonly #deadlines = new Deadlines<Moment>();
  #rate: BodyRate | undefined;
  /** Frames taken by this entry. */
  #frames = 0;
  #paused = false;
  readonly #held: HeldOctets;
  readonly #life: KeepAlive;
  /** Octets that had not left when the wait for the peer's Close began. */
  #queuedBytes = 0;
  /** Pings of the program that were not answered. */
  #pings: Ping[] = [];
  #pingNumber = 0;
  #sent: CloseStatus | undefined;
  #received: CloseStatus | undefined;
  #eof = false;
  #isOver = false;
  /** The last failure that the program was told of. */
  #told: unknown;

  constructor(transport: Transport, wire: WebSocketWire) {
    const { limits, deflate, zlib } = wire;
    this.transport = transport;
    this.limits = limits;
    this.#wire = wire;
    const settled = deflate && ((): void => transport.defer());
    this.inbox = new Inbox(this);
    this.outbox = new Outbox(this, deflate && settled && {
      ...deflate.deflate, thresholdBytes: deflate.thresholdBytes, budget: zlib, settled,
    });
    const messageBytes = limits.webSocketMessageBytes;
    this.#inflater = deflate && settled && new Inflater(this.inbox, {
      ...deflate.inflate, ...inflatedBounds(limits), budget: zlib, settled,
    });
    this.#assembler = new MessageAssembler(this.#inflater ?? this.inbox, {
      messageBytes, fragments: limits.webSocketFragments, accepts: wire.accepts,
    });
    this.#parser = new FrameParser(this.#assembler, this, {
      masked: wire.nextKey === undefined, reserved: deflate === undefined ? 0 : RSV1,
      frameBytes: messageBytes,
    });
    const now = transport.clock.now();
    this.#held = new HeldOctets(transport);
    this.#life = new KeepAlive(this, now);
    if (limits.webSocketAgeMs < Infinity) {
      this.#deadlines.set('age', now + limits.webSocketAgeMs);
    }
  }

  // Entries

  get idle(): boolean {
    return false;
  }

  receive(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#life.heardAt = this.transport.clock.now();
    this.#frames = 0;
    const rest = this.#rest;
    this.#rate?.count(bytes.length);
    if (rest.length > 0) {
      rest.append(bytes, 0, bytes.length);
      this.#parseRest();
    } else {
      const used = this.#parse(bytes, 0, bytes.length);
      if (!this.#isOver) rest.append(bytes, used, bytes.length);
    }
    this.#leave();
  }

  proceed(): void {
    if (this.#isOver) return;
    this.#frames = 0;
    this.#inflater?.proceed();
    // The peer's time to answer our Close begins when it leaves.
    if (this.outbox.isClosing && !this.outbox.isClosed) this.#awaitClose();
    this.outbox.proceed();
    this.#parseRest();
    this.#leave();
  }

  drained(): void {
    if (this.#isOver) return;
    this.outbox.drained();
    this.proceed();
  }

  /** The peer ended its side, behind what was not parsed yet. */
  eof(): void {
    this.#eof = true;
    if (this.#isOver) this.transport.end();
    else this.#leave();
  }

  flush(): void {}

  tick(now: number): void {
    let moment = this.#deadlines.expired(now);
    for (; moment !== undefined; moment = this.#deadlines.expired(now)) this.#late(moment);
    if (this.#isOver) return;
    if (this.#rate?.tooSlow(now, this.#paused) === true) {
      const floor = this.limits.bodyRateBytesPerSecond;
      throw new CloseError(
        POLICY_VIOLATION, `a message came slower than bodyRateBytesPerSecond, ${floor}`,
      );
    }
    if (this.#sent === undefined) this.#life.tick(now, this.#paused);
    // A program that never awaits its sends makes no entries.
    this.#account();
  }

  /** Clients that all come back at once would be a flood: they are sent away over a while. */
  shutdown(): void {
    if (this.#isOver) return;
    this.#wire.draining();
    const delay = this.#wire.drainDelay();
    if (delay === 0) this.#late('goodbye');
    else this.#deadlines.set('goodbye', this.transport.clock.now() + delay);
  }

  failed(cause: Error): void {
    if (this.#isOver) return;
    if (cause instanceof CloseError) {
      this.#wire.refused(cause);
      this.#giveUp(cause.code, cause.message, cause);
    } else {
      this.#tell(cause);
      this.#giveUp(INTERNAL_ERROR, 'an internal error on this connection', cause);
    }
  }

  closed(cause: Error | undefined): void {
    this.#end(cause);
  }

  // Control frames (RFC 6455 §5.5)

  receivePing(bytes: Uint8Array, start: number, end: number): void {
    this.outbox.pong(new Uint8Array(bytes.subarray(start, end)));
  }

  /** It answers the pings before its own as well (§5.5.3); one that nobody asked for is nothing. */
  receivePong(bytes: Uint8Array, start: number, end: number): void {
    if (end - start !== 4 || this.#pings.length === 0) return;
    const number = new DataView(bytes.buffer, bytes.byteOffset + start, 4).getUint32(0);
    const index = this.#pings.findIndex((ping) => ping.number === number);
    for (const { resolve } of this.#pings.splice(0, index + 1)) resolve();
  }

  receiveClose(bytes: Uint8Array, start: number, end: number): void {
    const status = parseClosePayload(bytes, start, end);
    this.#received = status;
    const { code } = status;
    // The code comes back as it was sent (§5.5.1).
    this.#sayClose(code === NO_STATUS_RECEIVED ? EMPTY : closePayload(code), status);
  }

  // What the session asks for

  get isOpen(): boolean {
    return this.#sent === undefined && !this.#isOver;
  }

  /** Resolves when the peer has answered. */
  ping(): Promise<void> {
    const number = this.#pingNumber = (this.#pingNumber + 1) >>> 0;
    const answered = new Promise<void>((resolve, reject) => {
      if (this.isOpen) this.#pings.push({ number, resolve, reject });
      else reject(new PeerGoneError(CLOSED));
    });
    if (this.#pings.length > PINGS_MAX) {
      this.#pings.shift()?.reject(new PeerGoneError(`${PINGS_MAX} pings were not answered`));
    }
    if (this.isOpen) {
      const payload = new Uint8Array(4);
      new DataView(payload.buffer).setUint32(0, number);
      this.outbox.control(PING, payload);
    }
    // One that nobody awaits must not end the process.
    answered.catch(() => {});
    return answered;
  }

  /** Says Close behind all that was sent; the peer has `webSocketCloseMs` to answer. */
  close(code: number, reason: string): void {
    this.#sayClose(closePayload(code, reason), { code, reason });
  }

  /** The program broke: 1011, behind what was sent, and nothing of why. */
  programFailed(error: unknown): void {
    this.#tell(error);
    this.close(INTERNAL_ERROR, 'an internal error in this session');
  }

  terminate(): void {
    if (this.#isOver) return;
    const cause = new Error('the WebSocket was terminated');
    this.transport.destroy(cause);
    this.#end(cause);
  }

  // What the keep-alive, the inbox and the outbox ask for

  askForLife(): void {
    this.outbox.control(PING, EMPTY);
  }

  get nextKey(): (() => number) | undefined {
    return this.#wire.nextKey;
  }

  /** Messages come in pieces from here on. */
  beginStreams(): void {
    this.inbox.beginStreams();
    // A compressed one is collected all the same.
    if (this.#inflater === undefined) this.#assembler.passOn();
  }

  taken(): void {
    this.#life.unreadMs = 0;
    if (this.#paused && !this.#stands) this.transport.defer();
  }

  piecesFailed(error: Error): void {
    if (error !== this.#told) this.#wire.broken(error);
    this.#told = error;
    this.close(INTERNAL_ERROR, 'a message in pieces could not be finished');
  }

  // Parsing

  #parseRest(): void {
    this.#rest.parse((bytes, start, end) => this.#parse(bytes, start, end));
  }

  #parse(bytes: Uint8Array, start: number, end: number): number {
    const parser = this.#parser;
    let at = start;
    while (at < end && this.#frames < FRAMES_PER_ENTRY && !this.#stands) {
      const next = parser.receive(bytes, at, end);
      if (next === MORE) return at;
      // A small frame may be a lot of work: each KiB that was inflated counts as one.
      this.#frames += 1 + (this.#inflater?.takeWork() ?? 0);
      at = next;
    }
    // What follows a Close is nothing (§5.5.1).
    return this.#received === undefined ? at : end;
  }

  /** What came before is to be done with first, or nothing more is expected. */
  get #stands(): boolean {
    return this.inbox.isFull || this.#inflater?.isBusy === true || this.#received !== undefined;
  }

  #leave(): void {
    if (this.#isOver || this.#isSaid()) return;
    this.#account();
    const restBytes = this.#rest.length;
    const isTired = this.#frames >= FRAMES_PER_ENTRY && restBytes > 0;
    if (isTired) this.transport.defer();
    const isWithin = restBytes > 0 || this.#assembler.isWithin || this.#parser.isWithin;
    if (!isWithin) this.#rate = undefined;
    else this.#rate ??= new BodyRate(this.limits, this.transport.clock.now());
    const paused = this.#stands || isTired;
    if (this.#eof && !paused) {
      this.#finish();
      return;
    }
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.transport.pause();
    else this.transport.resume();
  }

  /** Tells the ledger what is held beside the transport's queue. */
  #account(): void {
    const input = this.inbox.heldBytes + this.#rest.length + (this.#inflater?.heldBytes ?? 0);
    const { ledgerBytes } = this.limits;
    const limit = `more than ledgerBytes, ${ledgerBytes}`;
    if (!this.#held.account(input, this.outbox.heldBytes)) {
      throw new CloseError(POLICY_VIOLATION, `the connection holds ${limit}`);
    }
    if (this.outbox.waitingBytes <= ledgerBytes) return;
    const what = `sends that nobody awaits hold ${limit}`;
    this.#tell(new Error(`${what}: await session.send(), or use trySend()`));
    const reason = 'too slow a reader';
    this.#giveUp(TRY_AGAIN_LATER, reason, new CloseError(TRY_AGAIN_LATER, reason));
  }

  /** Tells the program of its failure; of the one that came by two ways, once. */
  #tell(error: unknown): void {
    if (error === this.#told) return;
    this.#told = error;
    this.#wire.failed(error);
  }

  // Time

  #late(moment: Moment): void {
    switch (moment) {
      case 'goodbye':
        this.close(this.#wire.drainCode, 'the server is closing');
        break;
      case 'age':
        this.close(POLICY_VIOLATION, `webSocketAgeMs, ${this.limits.webSocketAgeMs}, are over`);
        break;
      case 'close': this.#closeIsLate();
    }
  }

  #closeIsLate(): void {
    const { queuedBytes } = this.transport;
    if (this.#received !== undefined && this.outbox.isClosed) {
      this.#finish();
    } else if (this.#queuedBytes - queuedBytes > PROGRESS_BYTES || !this.outbox.isClosed) {
      // Behind what was sent before, it has not come there yet: a slow reader is not a deaf one.
      this.#awaitClose();
    } else {
      this.transport.destroy(new Error('the peer did not answer Close in webSocketCloseMs'));
    }
  }

  #awaitClose(): void {
    this.#queuedBytes = this.transport.queuedBytes;
    this.#deadlines.set('close', this.transport.clock.now() + this.limits.webSocketCloseMs);
  }

  // The end (RFC 6455 §7)

  #sayClose(payload: Uint8Array, status: CloseStatus): void {
    if (this.#sent !== undefined || this.#isOver) return;
    this.#sent = status;
    this.inbox.closing();
    this.#deadlines.clearAll();
    this.#awaitClose();
    this.outbox.close(payload);
    // It may have been the reader who stopped the peer.
    if (this.#paused) this.transport.defer();
  }

  /** Ends where both sides have said Close; the server ends its side first (§7.1.1). */
  #isSaid(): boolean {
    if (this.#received === undefined || !this.outbox.isClosed) return false;
    if (this.#wire.nextKey === undefined) this.#finish();
    else this.#end(undefined);
    return true;
  }

  #giveUp(code: number, reason: string, cause: Error): void {
    this.#sent ??= { code, reason };
    this.outbox.fail(closePayload(code, reason), cause);
    // What the peer has sent of a message too big is read away, or it never sees why.
    this.transport.end(this.limits.webSocketMessageBytes * LINGER_MESSAGES);
    this.#end(cause);
  }

  #finish(): void {
    this.transport.end();
    this.#end(undefined);
  }

  /** Tells who waits, once. */
  #end(cause: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const closure = this.#closure(cause);
    // The end of input is still to come.
    if (this.#paused) this.transport.resume();
    this.#rest.clear();
    this.#inflater?.clear();
    this.outbox.clear(cause);
    this.inbox.over(cause);
    const gone = new PeerGoneError(CLOSED, cause && { cause });
    for (const { reject } of this.#pings) reject(gone);
    this.#pings = [];
    this.#held.account(0, 0);
    this.#wire.ended(closure, cause);
  }

  #closure(cause: Error | undefined): Closure {
    const { code, message } = cause instanceof CloseError ? cause : NO_CLOSE;
    if (this.#received === undefined) return { code, reason: message, clean: false, cause };
    return { ...this.#received, clean: this.outbox.isClosed };
  }
}

/** A compressed message is inflated whole, also where it is then read in pieces. */
function inflatedBounds(limits: Limits): { messageBytes: number; limit?: string } {
  const { webSocketMessageBytes: messageBytes, ledgerBytes } = limits;
  const most = Math.floor(ledgerBytes / 2);
  return messageBytes <= most ? { messageBytes } : { messageBytes: most, limit: HALF_LEDGER };
}

const HALF_LEDGER = 'half of ledgerBytes';
const NO_CLOSE = { code: ABNORMAL_CLOSURE, message: '' };
