/**
 * What each frame means where it comes (RFC 9113 §5, §6): the sink of the parser. Finds its
 * stream, holds it to the state that the stream is in, counts windows, decodes field blocks; what
 * follows is the connection's and the stream's.
 */
import { ConnectionError, PeerGoneError, StreamError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { BlockGathering } from './block-gathering.ts';
import { markOf } from './field-marks.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { ReceiveWindow } from './flow-control.ts';
import {
  COMPRESSION_ERROR, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR,
  PROTOCOL_ERROR, STREAM_CLOSED, errorName,
} from './frame.ts';
import type { FrameSink } from './frame-parser.ts';
import { writePing, writeSettingsAck, writeWindowUpdate } from './frame-writer.ts';
import { trailerFields } from './header-block.ts';
import { CompressionError, ENTRY_OVERHEAD, HpackDecoder, type FieldList } from './hpack/index.ts';
import type { Outbound } from './outbound.ts';
import type { Settings } from './settings.ts';
import type { Http2Stream } from './stream.ts';
import { HALF_CLOSED_LOCAL, RESERVED_LOCAL, RESERVED_REMOTE, canReceive } from './stream-state.ts';
import { ENDED, NEVER_USED, PEER_RESET, WE_RESET, type StreamTable } from './stream-table.ts';

/** The connection, as frames see it. */
export interface ReceiverHost {
  readonly limits: Limits;
  readonly outbound: Outbound;
  readonly streams: StreamTable;
  readonly guard: FloodGuard;
  /** The peer's settings. */
  readonly peer: Settings;
  /** The window of the connection for what comes. */
  readonly window: ReceiveWindow;
  now(): number;
  /** Whether a stream is of the peer's making. */
  isRemote(streamId: number): boolean;
  /** A list with the bounds of what a block may hold; one for all. */
  fieldList(): FieldList;
  /** A block opens a stream, or is the head of a response. */
  receiveBlock(
    stream: Http2Stream | undefined, streamId: number, list: FieldList, endStream: boolean,
  ): void;
  /** PUSH_PROMISE has begun. Throws where it may not come. */
  promiseComes(promisedId: number): void;
  promiseReceived(streamId: number, promisedId: number, list: FieldList): void;
  receivePriorityValue(streamId: number, value: Uint8Array): void;
  settingsReceived(): void;
  settingsAcknowledged(): void;
  /** The answer to a PING of ours, with its eight octets. */
  ponged(bytes: Uint8Array, start: number): void;
  wentAway(lastStreamId: number, code: number): void;
  blockBegan(): void;
  blockEnded(): void;
  ready(stream: Http2Stream): void;
  reset(stream: Http2Stream, code: number, cause: Error, fault: boolean): void;
  /** The peer reset it. */
  resetByPeer(stream: Http2Stream, cause: Error): void;
  /** RST_STREAM for what does not live here; `remember`: that we did so. */
  resetUnknown(streamId: number, code: number, remember: boolean): void;
  creditConnection(octets: number): void;
}

/** SETTINGS_HEADER_TABLE_SIZE that is not sent: the initial value holds (§6.5.2). */
const TABLE_BYTES = 4096;
/** A list over its bound is refused, one so many times over is an attack (CVE-2016-6581). */
const LIST_EXCESS_MAX = 4;
const ZERO_INCREMENT = 'WINDOW_UPDATE of 0 (RFC 9113 §6.9)';

export class Receiver implements FrameSink {
  readonly #host: ReceiverHost;
  readonly #list: FieldList;
  readonly #decoder = new HpackDecoder(TABLE_BYTES, markOf);
  #gathering: BlockGathering | undefined;
  #settingsSeen = false;
  // The DATA frame that is passing through; its stream is undefined where nobody wants it
  #stream: Http2Stream | undefined;
  #octets = 0;
  #content = 0;

  constructor(host: ReceiverHost) {
    this.#host = host;
    this.#list = host.fieldList();
  }

  // DATA (§6.1)

  beginData(streamId: number, octets: number): void {
    const host = this.#host;
    this.#requireSettings();
    this.#stream = undefined;
    this.#octets = octets;
    this.#content = 0;
    if (!host.window.receive(octets)) {
      throw new ConnectionError(FLOW_CONTROL_ERROR, 'over the connection window (RFC 9113 §6.9.1)');
    }
    const stream = host.streams.get(streamId);
    if (stream !== undefined && this.#admits(stream, octets)) {
      this.#stream = stream;
      return;
    }
    // What nobody will read is credited at once, or the connection's window would shrink for good.
    host.creditConnection(octets);
    if (stream === undefined) this.#dataOnClosed(streamId);
  }

  #admits(stream: Http2Stream, octets: number): boolean {
    forbidReserved(stream, 'DATA');
    if (!stream.hasHead) {
      stream.malformed('DATA before the head (RFC 9113 §8.1)');
      return false;
    }
    if (!canReceive(stream.state)) {
      this.#offence(stream, STREAM_CLOSED, 'DATA after END_STREAM (RFC 9113 §5.1)');
      return false;
    }
    if (stream.admits(octets)) return true;
    this.#offence(stream, FLOW_CONTROL_ERROR, 'over the window of the stream (RFC 9113 §6.9.1)');
    return false;
  }

  #dataOnClosed(streamId: number): void {
    this.#requireUsed(streamId, 'DATA', '6.1');
    switch (this.#host.streams.closing(streamId)) {
      case WE_RESET: break;
      case NEVER_USED: {
        const message = 'DATA on a stream that was not used (RFC 9113 §5.1)';
        throw new ConnectionError(PROTOCOL_ERROR, message);
      }
      default: this.#host.resetUnknown(streamId, STREAM_CLOSED, false);
    }
  }

  receiveData(_streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const stream = this.#stream;
    this.#content += end - start;
    if (stream === undefined) return;
    // It may have been reset since its frame began.
    if (stream.isClosed) this.#host.creditConnection(end - start);
    else stream.receiveData(bytes, start, end);
  }

  endData(_streamId: number, endStream: boolean): void {
    const host = this.#host;
    const stream = this.#stream;
    this.#stream = undefined;
    const padding = this.#octets - this.#content;
    // What a tunnel carries has limits of its own; what carries nothing has none.
    const tunnelled = stream?.isTunnel === true && this.#content > 0;
    const free = tunnelled || (stream !== undefined && endStream);
    host.guard.data(this.#content, padding, free, host.now());
    if (stream === undefined) return;
    if (padding > 0) this.#creditPadding(stream, padding);
    if (endStream && !stream.isClosed) stream.receiveEnd();
  }

  #creditPadding(stream: Http2Stream, octets: number): void {
    this.#host.creditConnection(octets);
    if (stream.isClosed) return;
    const credit = stream.receiveWindow.consume(octets);
    if (credit > 0) writeWindowUpdate(this.#host.outbound.slab, stream.id, credit);
  }

  // Field blocks (§6.2, §6.6, §6.10)

  receiveHeaders(
    streamId: number, flags: number, dependency: number,
    bytes: Uint8Array, start: number, end: number,
  ): void {
    this.#requireSettings();
    const endStream = (flags & END_STREAM) !== 0;
    if ((flags & END_HEADERS) !== 0) {
      this.#block(streamId, endStream, dependency, bytes, start, end);
    } else {
      this.#gather(new BlockGathering(
        this.#host.limits, endStream, dependency, 0, bytes, start, end,
      ));
    }
  }

  receivePushPromise(
    streamId: number, promisedId: number, endHeaders: boolean,
    bytes: Uint8Array, start: number, end: number,
  ): void {
    this.#requireSettings();
    // Before it is gathered, where a promised stream of 0 would make it a HEADERS.
    this.#host.promiseComes(promisedId);
    if (endHeaders) {
      this.#promise(streamId, promisedId, bytes, start, end);
    } else {
      this.#gather(new BlockGathering(
        this.#host.limits, false, 0, promisedId, bytes, start, end,
      ));
    }
  }

  #gather(gathering: BlockGathering): void {
    this.#gathering = gathering;
    this.#host.blockBegan();
  }

  receiveContinuation(
    streamId: number, endHeaders: boolean, bytes: Uint8Array, start: number, end: number,
  ): void {
    const gathering = this.#gathering as BlockGathering;
    gathering.add(bytes, start, end);
    if (!endHeaders) return;
    this.#gathering = undefined;
    this.#host.blockEnded();
    const { octets, endStream, dependency, promisedId } = gathering;
    if (promisedId > 0) this.#promise(streamId, promisedId, octets, 0, octets.length);
    else this.#block(streamId, endStream, dependency, octets, 0, octets.length);
  }

  #promise(
    streamId: number, promisedId: number, bytes: Uint8Array, start: number, end: number,
  ): void {
    this.#host.promiseReceived(streamId, promisedId, this.#decode(bytes, start, end));
  }

  #block(
    streamId: number, endStream: boolean, dependency: number,
    bytes: Uint8Array, start: number, end: number,
  ): void {
    const host = this.#host;
    // Whatever becomes of its stream, a block is decoded, or the tables part (§4.3).
    const list = this.#decode(bytes, start, end);
    const stream = host.streams.get(streamId);
    if (stream === undefined && !this.#opens(streamId)) return;
    if (dependency === streamId && this.#hasTree) this.#selfDependency(stream, streamId);
    else if (stream?.hasHead === true) this.#trailers(stream, list, endStream);
    else host.receiveBlock(stream, streamId, list, endStream);
  }

  #decode(bytes: Uint8Array, start: number, end: number): FieldList {
    const list = this.#list;
    list.clear();
    try {
      this.#decoder.decode(bytes, start, end, list);
    } catch (cause) {
      if (!(cause instanceof CompressionError)) throw cause;
      const message = `${cause.message} (RFC 9113 §4.3)`;
      throw new ConnectionError(COMPRESSION_ERROR, message, { cause });
    }
    if (list.octets <= list.maxOctets * LIST_EXCESS_MAX) return list;
    const message = `a field section over ${LIST_EXCESS_MAX} times its bound of ${list.maxOctets}`;
    throw new ConnectionError(ENHANCE_YOUR_CALM, `${message} octets (RFC 9113 §10.5.1)`);
  }

  /** Whether HEADERS open a stream; throws or resets where they come too late (§5.1, §5.1.1). */
  #opens(streamId: number): boolean {
    const { streams, guard } = this.#host;
    if (this.#isIdle(streamId)) {
      // A server's streams are opened by promises.
      if (this.#host.isRemote(streamId) && streamId % 2 === 1) return true;
      throw new ConnectionError(PROTOCOL_ERROR, 'HEADERS on an idle stream (RFC 9113 §5.1.1)');
    }
    switch (streams.closing(streamId)) {
      case ENDED:
        throw new ConnectionError(STREAM_CLOSED, 'HEADERS on an ended stream (RFC 9113 §5.1)');
      case PEER_RESET:
        this.#host.resetUnknown(streamId, STREAM_CLOSED, false);
        return false;
      case WE_RESET:
        guard.control(this.#host.now());
        return false;
      default: {
        const message = 'a stream identifier went back (RFC 9113 §5.1.1)';
        throw new ConnectionError(PROTOCOL_ERROR, message);
      }
    }
  }

  #trailers(stream: Http2Stream, list: FieldList, endStream: boolean): void {
    forbidReserved(stream, 'HEADERS');
    if (!canReceive(stream.state)) {
      this.#offence(stream, STREAM_CLOSED, 'HEADERS after END_STREAM (RFC 9113 §5.1)');
      return;
    }
    if (stream.isTunnel) return stream.malformed('HEADERS on a tunnel (RFC 9113 §8.5)');
    const fields = !endStream
      ? 'trailers without END_STREAM (RFC 9113 §8.1)'
      : this.#isOver(list) ? 'trailers are too large (RFC 9113 §10.5.1)' : trailerFields(list);
    if (typeof fields === 'string') stream.malformed(fields);
    else stream.receiveEnd(fields);
  }

  #isOver(list: FieldList): boolean {
    const { trailerBytes, trailerLines } = this.#host.limits;
    return list.isOver || list.count > trailerLines ||
      list.octets - list.count * ENTRY_OVERHEAD > trailerBytes;
  }

  /** Whether the peer may mean its dependencies (RFC 9218 §2.1). */
  get #hasTree(): boolean {
    return this.#host.peer.noRfc7540Priorities !== true;
  }

  /** The tree of dependencies is gone (§5.3.2), its one check stays (§5.3.1). */
  #selfDependency(stream: Http2Stream | undefined, streamId: number): void {
    const host = this.#host;
    if (stream !== undefined) {
      this.#offence(stream, PROTOCOL_ERROR, 'a stream that depends on itself (RFC 9113 §5.3.1)');
      return;
    }
    const idle = this.#isIdle(streamId);
    if (idle && !host.isRemote(streamId)) {
      const message = 'a stream that is not the peer\'s to open depends on itself';
      throw new ConnectionError(PROTOCOL_ERROR, `${message} (RFC 9113 §5.1.1)`);
    }
    if (idle) host.streams.lastRemote = streamId;
    host.resetUnknown(streamId, PROTOCOL_ERROR, idle);
  }

  // Frames about a stream

  receivePriority(streamId: number, dependency: number): void {
    this.#countControl();
    if (dependency !== streamId || !this.#hasTree) return;
    this.#selfDependency(this.#host.streams.get(streamId), streamId);
  }

  receiveRstStream(streamId: number, code: number): void {
    const host = this.#host;
    this.#requireSettings();
    this.#requireUsed(streamId, 'RST_STREAM', '6.4');
    host.guard.reset(host.now());
    const stream = host.streams.get(streamId);
    if (stream === undefined) return;
    host.resetByPeer(stream, new PeerGoneError(`the peer reset the stream: ${errorName(code)}`));
  }

  receivePriorityUpdate(streamId: number, value: Uint8Array): void {
    this.#countControl();
    this.#host.receivePriorityValue(streamId, value);
  }

  receiveWindowUpdate(streamId: number, increment: number): void {
    const host = this.#host;
    this.#requireSettings();
    host.guard.windowUpdate(host.now());
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(PROTOCOL_ERROR, ZERO_INCREMENT);
      if (host.outbound.window.add(increment)) return;
      const message = 'the connection window passed 2^31-1 (RFC 9113 §6.9.1)';
      throw new ConnectionError(FLOW_CONTROL_ERROR, message);
    }
    this.#requireUsed(streamId, 'WINDOW_UPDATE', '6.9');
    const stream = host.streams.get(streamId);
    if (stream === undefined) return;
    if (stream.state === RESERVED_REMOTE) throw reserved('WINDOW_UPDATE');
    if (increment === 0) {
      this.#offence(stream, PROTOCOL_ERROR, ZERO_INCREMENT);
    } else if (!stream.sendWindow.add(increment)) {
      const message = 'the window of the stream passed 2^31-1 (RFC 9113 §6.9.1)';
      this.#offence(stream, FLOW_CONTROL_ERROR, message);
    } else if (stream.hasContent) {
      host.ready(stream);
    }
  }

  streamError(streamId: number, code: number, message: string): void {
    const stream = this.#host.streams.get(streamId);
    if (stream !== undefined) this.#offence(stream, code, message);
    else if (this.#isIdle(streamId)) throw new ConnectionError(code, message);
    else this.#host.resetUnknown(streamId, code, false);
  }

  // Frames about the connection

  receiveSettings(bytes: Uint8Array, start: number, end: number): void {
    const host = this.#host;
    host.guard.settings((end - start) / 6, host.now());
    const before = host.peer.initialWindowSize;
    host.peer.apply(bytes, start, end);
    this.#settingsSeen = true;
    host.outbound.encoder.setTableSize(host.peer.headerTableSizeLeast);
    host.outbound.encoder.setTableSize(host.peer.headerTableSize);
    this.#moveWindows(host.peer.initialWindowSize - before);
    writeSettingsAck(host.outbound.slab);
    host.settingsReceived();
  }

  /** Every stream's window moves with the initial one, below zero if need be (§6.9.2). */
  #moveWindows(change: number): void {
    if (change === 0) return;
    for (const stream of this.#host.streams) {
      const fits = stream.sendWindow.add(change);
      // Where our end was sent, a window is nothing any more.
      if (!fits && stream.state !== HALF_CLOSED_LOCAL) {
        const message = 'SETTINGS moved a window past 2^31-1 (RFC 9113 §6.9.2)';
        throw new ConnectionError(FLOW_CONTROL_ERROR, message);
      }
      if (stream.hasContent) this.#host.ready(stream);
    }
  }

  receiveSettingsAck(): void {
    this.#countControl();
    this.#host.settingsAcknowledged();
  }

  receivePing(ack: boolean, bytes: Uint8Array, start: number): void {
    this.#countControl();
    if (ack) this.#host.ponged(bytes, start);
    else writePing(this.#host.outbound.slab, true, bytes.subarray(start, start + 8));
  }

  receiveGoaway(lastStreamId: number, code: number): void {
    this.#countControl();
    this.#host.wentAway(lastStreamId, code);
  }

  receiveUnknown(): void {
    this.#countControl();
  }

  #countControl(): void {
    this.#requireSettings();
    this.#host.guard.control(this.#host.now());
  }

  /** Resets a stream for what the peer did on it (§5.4.2). */
  #offence(stream: Http2Stream, code: number, message: string): void {
    this.#host.reset(stream, code, new StreamError(stream.id, code, message), true);
  }

  #isIdle(streamId: number): boolean {
    return this.#host.streams.isIdle(streamId, this.#host.isRemote(streamId));
  }

  #requireUsed(streamId: number, frame: string, section: string): void {
    if (!this.#isIdle(streamId)) return;
    const message = `${frame} on an idle stream (RFC 9113 §5.1, §${section})`;
    throw new ConnectionError(PROTOCOL_ERROR, message);
  }

  /** The first frame of either side is SETTINGS (§3.4). */
  #requireSettings(): void {
    if (this.#settingsSeen) return;
    throw new ConnectionError(PROTOCOL_ERROR, 'the first frame is not SETTINGS (RFC 9113 §3.4)');
  }
}

/** On a stream that was promised, nothing of the kind is sent (§5.1). */
function forbidReserved({ state }: Http2Stream, frame: string): void {
  if (state === RESERVED_LOCAL || state === RESERVED_REMOTE) throw reserved(frame);
}

function reserved(frame: string): ConnectionError {
  return new ConnectionError(PROTOCOL_ERROR, `${frame} on a reserved stream (RFC 9113 §5.1)`);
}
