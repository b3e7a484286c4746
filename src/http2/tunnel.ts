/**
 * A stream as a Transport (RFC 9113 §8.5, RFC 8441 §5): what runs on a connection runs on a stream.
 *
 * Its own guard: a throw inside resets this stream alone. Octets out are content of the stream,
 * sent in its turn; octets in give credit as they are taken, so a pause stops the peer by its
 * window.
 */
import { latin1Octets } from '../bytes/ascii.ts';
import { asError } from '../errors.ts';
import { ReceiveBuffer } from '../bytes/receive-buffer.ts';
import { WriteBuffer } from '../bytes/write-buffer.ts';
import type { Clock, Peer, Protocol, ProtocolFactory, Transport } from '../protocol.ts';
import { CANCEL, INTERNAL_ERROR } from './frame.ts';
import { LEDGER_FULL, type Http2Stream, type WakingSource } from './stream.ts';

export class Tunnel implements Transport, WakingSource {
  readonly length = undefined;
  readonly #stream: Http2Stream;
  readonly #protocol: Protocol;
  readonly #out = new WriteBuffer();
  /** What came while the protocol paused; its credit is not given. */
  readonly #held = new ReceiveBuffer();
  #paused = false;
  #eof = false;
  #toldEof = false;
  #ended = false;
  #gone = false;
  #inside = true;
  #deferred = false;
  #gathering = false;
  #owesDrained = false;
  #charged = 0;
  #output = 0;
  /** Asked to be destroyed, with this code and cause: done when no entry is on the way. */
  #doom: { readonly code: number; readonly cause: Error } | undefined;

  constructor(stream: Http2Stream, factory: ProtocolFactory<Transport>) {
    this.#stream = stream;
    this.#protocol = factory(this);
  }

  /** The stream is the tunnel's now; `early` came before the switch. */
  begin(early: readonly Uint8Array[]): void {
    this.#leave();
    for (const octets of early) this.receive(octets, 0, octets.length);
  }

  // Transport

  get peer(): Peer {
    return this.#stream.host.transport.peer;
  }

  get clock(): Clock {
    return this.#stream.host.transport.clock;
  }

  get crowded(): boolean {
    return this.#stream.host.transport.crowded;
  }

  get queuedBytes(): number {
    return this.#out.length;
  }

  write(octets: Uint8Array | string): boolean {
    if (this.#ended || this.#gone) return true;
    this.#out.push(octets);
    this.#account(octets.length);
    if (!this.#inside) this.#stream.wake();
    if (this.#out.length <= this.#stream.host.limits.writeQueueBytes) return true;
    this.#owesDrained = true;
    return false;
  }

  keep(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return this.#stream.host.transport.keep(bytes, start, end);
  }

  charge(octets: number, isOutput = false): boolean {
    if (this.#gone) return true;
    if (isOutput) {
      this.#output += octets;
      return this.#stream.host.transport.charge(octets, true);
    }
    this.#charged += octets;
    return this.#stream.host.hold(octets);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#held.length > 0 || this.#eof !== this.#toldEof) this.#later();
  }

  defer(): void {
    this.#deferred = true;
    this.#later();
  }

  gather(): void {
    this.#gathering = true;
    if (!this.#inside) this.#soon();
  }

  end(): void {
    this.#ended = true;
    if (!this.#inside) this.#stream.wake();
  }

  destroy(cause?: Error): void {
    if (this.#gone) return;
    this.#ended = true;
    this.#dropOutput();
    // What a reset is to a connection, CANCEL is to a stream (RFC 8441 §5).
    this.#doom ??= { code: CANCEL, cause: cause ?? new Error('the tunnel was destroyed') };
    if (!this.#inside) this.#soon();
  }

  // The stream's side

  /** DATA of the peer. */
  receive(bytes: Uint8Array, start: number, end: number): void {
    if (this.#gone || this.#ended) {
      this.#stream.host.credit(this.#stream, end - start);
    } else if (this.#paused || this.#held.length > 0) {
      this.#held.append(bytes, start, end);
      if (!this.#stream.host.hold(end - start)) this.destroy(new Error(LEDGER_FULL));
    } else {
      this.#deliver(bytes.subarray(start, end));
    }
  }

  /** END_STREAM of the peer. */
  eof(): void {
    this.#eof = true;
    this.#tellEof();
  }

  /** What was deferred, in a later turn. */
  advance(): void {
    if (this.#gone || this.#perish()) return;
    if (this.#isDrained) {
      this.#owesDrained = false;
      this.#enter(() => this.#protocol.drained());
    }
    if (this.#deferred) {
      this.#deferred = false;
      this.#enter(() => this.#protocol.proceed());
    }
    const held = this.#held;
    if (!this.#paused && held.length > 0) {
      const octets = held.bytes.subarray(held.start, held.end);
      held.clear();
      this.#stream.host.hold(-octets.length);
      this.#deliver(octets);
    }
    this.#tellEof();
    if (this.#gathering) this.#leave();
  }

  tick(now: number): void {
    this.#enter(() => this.#protocol.tick(now));
  }

  shutdown(): void {
    this.#enter(() => this.#protocol.shutdown());
  }

  /** The stream is over: the last call. */
  gone(cause: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#dropOutput();
    try {
      this.#protocol.closed(cause);
    } catch {
      // Nobody is left to tell.
    }
    this.#stream.host.hold(-this.#charged);
    this.#stream.host.transport.charge(-this.#output, true);
    this.#charged = 0;
    this.#output = 0;
    const held = this.#held.length;
    this.#held.clear();
    this.#stream.host.hold(-held);
    if (held > 0) this.#stream.host.credit(this.#stream, held);
  }

  // A source of the stream's content

  pull(max: number): Uint8Array | null | undefined {
    const piece = this.#out.take(max);
    if (piece !== undefined) this.#account(-piece.length);
    if (this.#isDrained) this.#later();
    if (piece === undefined) return this.#ended ? null : undefined;
    return typeof piece === 'string' ? latin1Octets(piece) : piece;
  }

  cancel(): void {
    this.#ended = true;
    this.#dropOutput();
  }

  /** What is queued is on the ledger; it is no unread content, whose windows grow or do not. */
  #account(octets: number): void {
    this.#stream.host.transport.charge(octets, true);
  }

  #dropOutput(): void {
    this.#account(-this.#out.length);
    this.#out.clear();
  }

  get #isDrained(): boolean {
    const low = this.#stream.host.limits.writeQueueBytes / 2;
    return this.#owesDrained && this.#out.length <= low;
  }

  /** `advance` comes before this turn's octets leave. */
  #soon(): void {
    if (!this.#gone) this.#stream.host.settled(this.#stream);
  }

  /** `advance` comes in a later turn (Transport.defer and drained). */
  #later(): void {
    if (!this.#gone) this.#stream.host.later(this.#stream);
  }

  #deliver(octets: Uint8Array): void {
    this.#enter(() => this.#protocol.receive(octets));
    this.#stream.host.credit(this.#stream, octets.length);
  }

  #tellEof(): void {
    if (!this.#eof || this.#toldEof || this.#held.length > 0 || this.#gone) return;
    this.#toldEof = true;
    this.#enter(() => this.#protocol.eof());
  }

  #enter(entry: () => void): void {
    if (this.#gone || this.#ended) return;
    this.#inside = true;
    this.#guard(entry);
    this.#leave();
  }

  #guard(entry: () => void): void {
    try {
      entry();
    } catch (cause) {
      try {
        this.#protocol.failed(asError(cause));
      } catch (second) {
        this.#doom = { code: INTERNAL_ERROR, cause: asError(second) };
        this.destroy();
      }
    }
  }

  #leave(): void {
    if (this.#gathering) {
      this.#gathering = false;
      this.#guard(() => this.#protocol.flush());
    }
    this.#inside = false;
    if (!this.#perish() && (this.#out.length > 0 || this.#ended)) this.#stream.wake();
  }

  /** Resets the stream where that was asked for: no entry is on the way now. */
  #perish(): boolean {
    if (this.#doom === undefined) return false;
    this.#stream.host.reset(this.#stream, this.#doom.code, this.#doom.cause, false);
    return true;
  }
}
