/**
 * What is given back to the peer's windows (RFC 9113 §5.2, §6.9): credit for content that was read
 * or dropped, on its stream and on the connection, and larger windows for streams that are read as
 * fast as they come. What is held unread is charged to the connection's ledger.
 */
import type { Limits } from '../limits.ts';
import type { Transport } from '../protocol.ts';
import type { ReceiveWindow } from './flow-control.ts';
import { writeWindowUpdate } from './frame-writer.ts';
import type { Outbound } from './outbound.ts';
import type { Http2Stream } from './stream.ts';
import { canReceive } from './stream-state.ts';

/** A stream's window grows while no more than this lies unread on the connection. */
const GROWTH_BYTES = 1024 * 1024;

export class Credit {
  readonly #transport: Transport;
  readonly #limits: Limits;
  readonly #outbound: Outbound;
  readonly #window: ReceiveWindow;
  /** Content that handlers have not read yet, in octets. */
  #unread = 0;

  /** `window` is the connection's. */
  constructor(transport: Transport, limits: Limits, outbound: Outbound, window: ReceiveWindow) {
    this.#transport = transport;
    this.#limits = limits;
    this.#outbound = outbound;
    this.#window = window;
  }

  /** Holds content for a handler, or gives it up. False: the connection holds too much. */
  hold(octets: number): boolean {
    this.#unread += octets;
    return this.#transport.charge(octets);
  }

  give(stream: Http2Stream, octets: number): void {
    this.giveConnection(octets);
    if (canReceive(stream.state)) this.#giveStream(stream, octets);
  }

  giveConnection(octets: number): void {
    const credit = this.#window.consume(octets);
    if (credit > 0) writeWindowUpdate(this.#outbound.slab, 0, credit);
  }

  #giveStream({ id, receiveWindow }: Http2Stream, octets: number): void {
    const most = this.#limits.http2StreamWindowMaxBytes;
    let credit = receiveWindow.consume(octets);
    if (credit === 0) return;
    // Whoever reads as fast as it comes may have more on its way.
    if (receiveWindow.size < most && this.#unread < GROWTH_BYTES) {
      credit += receiveWindow.grow(Math.min(most, receiveWindow.size * 2));
    }
    writeWindowUpdate(this.#outbound.slab, id, credit);
  }
}
