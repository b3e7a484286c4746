/**
 * What RFC 9113 says that a server makes of each frame: a model of one connection for the frame
 * fuzzer. Written from the standard (§4.2, §5.1, §5.4, §6, §8.1.1) and from the verdicts where it
 * leaves a choice: streams remembered, early answers, limits of blocks. It knows of no source.
 *
 * `receive` predicts what a frame brings about and goes on as if it had; what the server sends by
 * itself, http2-observer.ts tells by `sentEnd`, `sentReset` and `reserve`.
 */
import {
  ACK, COMPRESSION_ERROR, CONTINUATION, DATA, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, END_HEADERS,
  END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, NO_ERROR,
  PADDED, PING, PRIORITY, PRIORITY_FLAG, PRIORITY_UPDATE, PROTOCOL_ERROR, PUSH_PROMISE,
  REFUSED_STREAM, RST_STREAM, SETTINGS, SETTINGS_ENABLE_CONNECT_PROTOCOL, SETTINGS_ENABLE_PUSH,
  SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_FRAME_SIZE, SETTINGS_NO_RFC7540_PRIORITIES,
  STREAM_CLOSED, WINDOW_MAX, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import { formFaults, settingFaults, settingsOf, uint31At } from './http2-form.ts';

/** A frame that the fuzzer sends, with what it knows of the field block that begins in it. */
export interface SentFrame {
  /** What it was made as, for reports. */
  readonly label: string;
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
  readonly block?: BlockFacts;
}

/** What a field section is where it opens a stream, and where it ends one (§8.1.1). */
export interface BlockFacts {
  readonly request: 'fine' | 'malformed';
  readonly trailers: 'fine' | 'malformed';
  /** Its HPACK cannot be decoded (§4.3). */
  readonly broken?: boolean;
  readonly contentLength?: number | undefined;
  /** The request that its handler must see; undefined: it is answered without one. */
  readonly target?: string | undefined;
  /** What it is as the head of a response. */
  readonly response?: 'interim' | 'final' | 'malformed';
}

/** What a frame must bring about. Any of the codes: several errors may apply at once (§5.4). */
export type Verdict =
  | { readonly scope: 'ok' }
  | {
    readonly scope: 'stream'; readonly streamId: number; readonly codes: readonly number[];
    /** The standard allows to let it pass. */
    readonly optional?: boolean;
  }
  | { readonly scope: 'connection'; readonly codes: readonly number[] };

export type State =
  'reserved (local)' | 'reserved (remote)' | 'open' | 'half-closed (local)' |
  'half-closed (remote)' | 'closed';
/** How a stream was closed. */
export type Cause = 'ended' | 'peer reset' | 'we reset';

export class ModelStream {
  readonly id: number;
  state: State;
  /** Octets that the fuzzer may still send, as the wire told. */
  receive: number;
  /** Octets that the server may still send. */
  send: number;
  /** Content-Length, or undefined (§8.1.1). */
  expected: number | undefined;
  /** The head of a response has come. */
  hasHead = false;
  /** Content received, and what of it came after the server had ended its side. */
  received = 0;
  discarded = 0;

  constructor(id: number, state: State, receive: number, send: number, expected?: number) {
    this.id = id;
    this.state = state;
    this.receive = receive;
    this.send = send;
    this.expected = expected;
  }

  get canReceive(): boolean {
    return this.state === 'open' || this.state === 'half-closed (local)';
  }

  get canSend(): boolean {
    return this.state === 'open' || this.state === 'half-closed (remote)';
  }
}

export interface ModelLimits {
  /** Streams at once that the server announced (§5.1.2). */
  readonly concurrent: number;
  /** Content read away after an early answer. */
  readonly discarded: number;
}

/** Closed streams remembered of each side. */
const REMEMBERED = 300;
/** CONTINUATION frames of one block, octets of one block, settings of one frame. */
const CONTINUATIONS_MAX = 8;
const BLOCK_OCTETS_MAX = 64 * 1024;
const SETTINGS_MAX = 32;

export const OK: Verdict = { scope: 'ok' };
export const connectionError = (...codes: number[]): Verdict => ({ scope: 'connection', codes });

interface Continuing {
  readonly streamId: number;
  readonly facts: BlockFacts;
  readonly endStream: boolean;
  readonly dependency: number;
  octets: number;
  count: number;
}

export class Model {
  readonly limits: ModelLimits;
  readonly live = new Map<number, ModelStream>();
  /** By side: even and odd. */
  readonly closed: readonly Map<number, Cause>[] = [new Map(), new Map()];
  /** The highest streams that the fuzzer and the server opened. */
  lastRemote = 0;
  lastLocal = 0;
  /** The connection's windows: what the fuzzer may send, what the server may send. */
  receiveWindow = DEFAULT_WINDOW;
  sendWindow = DEFAULT_WINDOW;
  /** New streams' windows, each way; the first is the server's setting. */
  initialReceive = DEFAULT_WINDOW;
  initialSend = DEFAULT_WINDOW;
  /** The fuzzer's settings. */
  maxFrameSize = DEFAULT_FRAME_SIZE;
  enablePush = true;
  greeted = false;
  continuing: Continuing | undefined;
  /** Acknowledgements that the server owes: of SETTINGS, of PING by content. */
  settingsDue: (readonly (readonly [number, number])[])[] = [];
  pingsDue: string[] = [];
  /** Idle streams that PRIORITY_UPDATE named (RFC 9218 §7.1). */
  readonly prioritized = new Set<number>();
  #connectProtocol = false;
  #noPriorities: boolean | undefined;

  constructor(limits: ModelLimits) {
    this.limits = limits;
  }

  isIdle(streamId: number): boolean {
    return streamId > (this.isRemote(streamId) ? this.lastRemote : this.lastLocal);
  }

  /** Whether a stream is of the fuzzer's making. */
  isRemote(streamId: number): boolean {
    return streamId % 2 === 1;
  }

  cause(streamId: number): Cause | undefined {
    return (this.closed[streamId % 2] as Map<number, Cause>).get(streamId);
  }

  /** Streams that the fuzzer opened and that live. */
  get active(): number {
    let count = 0;
    for (const id of this.live.keys()) if (this.isRemote(id)) count++;
    return count;
  }

  /** `running`: handlers that have not settled, which count as streams (CVE-2023-44487). */
  receive(frame: SentFrame, running: number): Verdict {
    const { type, streamId } = frame;
    const faults = formFaults(frame);
    if (!this.greeted && (type !== SETTINGS || (frame.flags & ACK) !== 0)) {
      faults.push(PROTOCOL_ERROR);
    }
    const { continuing } = this;
    if (continuing === undefined ? type === CONTINUATION
      : type !== CONTINUATION || streamId !== continuing.streamId) faults.push(PROTOCOL_ERROR);
    if (faults.length > 0) return connectionError(...faults);
    switch (type) {
      case DATA: return this.#data(frame);
      case HEADERS: return this.#headers(frame, running);
      case PRIORITY: return this.#priority(frame);
      case RST_STREAM: return this.#rstStream(streamId);
      case SETTINGS: return this.#settings(frame);
      case PUSH_PROMISE: return this.promise(frame);
      case PING: return this.#ping(frame);
      case WINDOW_UPDATE: return this.#windowUpdate(streamId, uint31At(frame.payload, 0));
      case CONTINUATION: return this.#continuation(frame, running);
      case PRIORITY_UPDATE: return this.priorityUpdate(uint31At(frame.payload, 0));
      case GOAWAY: return this.goneAway(uint31At(frame.payload, 0));
      // What is unknown is ignored (§4.1, §5.5).
      default: return OK;
    }
  }

  /** A client cannot push (§8.4). */
  protected promise({ block }: SentFrame): Verdict {
    return block?.broken === true
      ? connectionError(PROTOCOL_ERROR, COMPRESSION_ERROR) : connectionError(PROTOCOL_ERROR);
  }

  /** GOAWAY of a client ends no stream (§6.8). */
  protected goneAway(_last: number): Verdict {
    return OK;
  }

  #data({ streamId, flags, payload }: SentFrame): Verdict {
    const octets = payload.length;
    const stream = this.live.get(streamId);
    const cause = this.cause(streamId);
    const faults: number[] = [];
    this.receiveWindow -= octets;
    if (this.receiveWindow < 0) faults.push(FLOW_CONTROL_ERROR);
    const isReserved = stream?.state.startsWith('reserved') === true;
    if (this.isIdle(streamId) || isReserved) faults.push(PROTOCOL_ERROR);
    else if (stream === undefined && cause === undefined) faults.push(PROTOCOL_ERROR);
    if (faults.length > 0) return connectionError(...faults);
    if (stream === undefined) {
      return cause === 'we reset' ? OK : { scope: 'stream', streamId, codes: [STREAM_CLOSED] };
    }
    if (!stream.canReceive) return this.fail(stream, STREAM_CLOSED);
    const padding = (flags & PADDED) === 0 ? 0 : 1 + (payload[0] as number);
    return this.#content(stream, octets, octets - padding, (flags & END_STREAM) !== 0);
  }

  #content(stream: ModelStream, octets: number, content: number, end: boolean): Verdict {
    const codes = this.contentFaults(stream);
    const { expected } = stream;
    stream.receive -= octets;
    if (stream.receive < 0) codes.push(FLOW_CONTROL_ERROR);
    stream.received += content;
    if (expected !== undefined && stream.received > expected) codes.push(PROTOCOL_ERROR);
    if (end && stream.received < (expected ?? 0)) codes.push(PROTOCOL_ERROR);
    if (stream.state === 'half-closed (local)') stream.discarded += content;
    if (stream.discarded > this.limits.discarded) codes.push(NO_ERROR);
    if (codes.length > 0) return this.fail(stream, ...codes);
    if (end) this.receivedEnd(stream);
    return OK;
  }

  /** What DATA is that comes before a head (§8.1): of a request, it cannot. */
  protected contentFaults(_stream: ModelStream): number[] {
    return [];
  }

  protected receivedEnd(stream: ModelStream): void {
    if (stream.state === 'open') stream.state = 'half-closed (remote)';
    else this.close(stream.id, 'ended');
  }

  protected fail(stream: ModelStream, ...codes: number[]): Verdict {
    this.close(stream.id, 'we reset');
    return { scope: 'stream', streamId: stream.id, codes };
  }

  protected close(streamId: number, cause: Cause): void {
    const stream = this.live.get(streamId);
    if (stream !== undefined) stream.state = 'closed';
    this.live.delete(streamId);
    const memory = this.closed[streamId % 2] as Map<number, Cause>;
    memory.set(streamId, cause);
    if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value as number);
  }

  #headers(frame: SentFrame, running: number): Verdict {
    const { streamId, flags, payload } = frame;
    const at = (flags & PADDED) === 0 ? 0 : 1;
    const dependency = (flags & PRIORITY_FLAG) === 0 ? -1 : uint31At(payload, at);
    const endStream = (flags & END_STREAM) !== 0;
    const facts = frame.block as BlockFacts;
    if ((flags & END_HEADERS) !== 0) {
      return this.block(streamId, facts, endStream, dependency, running);
    }
    const octets = payload.length;
    this.continuing = { streamId, facts, endStream, dependency, octets, count: 0 };
    return OK;
  }

  #continuation({ flags, payload }: SentFrame, running: number): Verdict {
    const continuing = this.continuing as Continuing;
    continuing.octets += payload.length;
    if (++continuing.count > CONTINUATIONS_MAX || continuing.octets > BLOCK_OCTETS_MAX) {
      return connectionError(ENHANCE_YOUR_CALM);
    }
    if ((flags & END_HEADERS) === 0) return OK;
    this.continuing = undefined;
    const { streamId, facts, endStream, dependency } = continuing;
    return this.block(streamId, facts, endStream, dependency, running);
  }

  protected block(
    streamId: number, facts: BlockFacts, endStream: boolean, dependency: number, running: number,
  ): Verdict {
    // Decoded first, whatever becomes of its stream (§4.3).
    if (facts.broken === true) return connectionError(COMPRESSION_ERROR);
    const stream = this.live.get(streamId);
    const isSelf = dependency === streamId;
    if (stream !== undefined) return this.trailers(stream, facts, endStream, isSelf);
    if (!this.isIdle(streamId)) return this.headersOnClosed(streamId);
    if (streamId % 2 === 0) return connectionError(PROTOCOL_ERROR);
    return this.#opens(streamId, facts, endStream, isSelf, running);
  }

  protected headersOnClosed(streamId: number): Verdict {
    switch (this.cause(streamId)) {
      case 'ended': return connectionError(STREAM_CLOSED);
      case 'peer reset': return { scope: 'stream', streamId, codes: [STREAM_CLOSED] };
      case 'we reset': return OK;
      default: return connectionError(PROTOCOL_ERROR);
    }
  }

  protected trailers(
    stream: ModelStream, facts: BlockFacts, endStream: boolean, isSelf: boolean,
  ): Verdict {
    if (stream.state === 'reserved (local)') return connectionError(PROTOCOL_ERROR);
    const codes: number[] = [];
    if (isSelf) codes.push(PROTOCOL_ERROR);
    if (!stream.canReceive) codes.push(STREAM_CLOSED);
    else if (!endStream || facts.trailers === 'malformed') codes.push(PROTOCOL_ERROR);
    else if (stream.received < (stream.expected ?? 0)) codes.push(PROTOCOL_ERROR);
    if (codes.length > 0) return this.fail(stream, ...codes);
    this.receivedEnd(stream);
    return OK;
  }

  #opens(
    streamId: number, facts: BlockFacts, endStream: boolean, isSelf: boolean, running: number,
  ): Verdict {
    this.leaveIdle(streamId);
    const codes: number[] = [];
    const { contentLength } = facts;
    if (isSelf || facts.request === 'malformed') codes.push(PROTOCOL_ERROR);
    else if (endStream && (contentLength ?? 0) > 0) codes.push(PROTOCOL_ERROR);
    const { concurrent } = this.limits;
    if (this.active >= concurrent || running >= concurrent) codes.push(REFUSED_STREAM);
    if (codes.length > 0) {
      this.close(streamId, 'we reset');
      return { scope: 'stream', streamId, codes };
    }
    this.live.set(streamId, new ModelStream(
      streamId, endStream ? 'half-closed (remote)' : 'open',
      this.initialReceive, this.initialSend, contentLength,
    ));
    return OK;
  }

  /** All lower streams are closed, used or not (§5.1.1). */
  protected leaveIdle(streamId: number): void {
    this.lastRemote = streamId;
    for (const id of this.prioritized) if (id <= streamId) this.prioritized.delete(id);
  }

  #priority({ streamId, payload }: SentFrame): Verdict {
    const isIdle = this.isIdle(streamId);
    if (payload.length !== 5) return this.#priorityError(streamId, isIdle, FRAME_SIZE_ERROR);
    if (uint31At(payload, 0) !== streamId) return OK;
    if (isIdle && this.isRemote(streamId)) {
      // Reset all the same, and with that used.
      this.leaveIdle(streamId);
      this.close(streamId, 'we reset');
      return { scope: 'stream', streamId, codes: [PROTOCOL_ERROR] };
    }
    return this.#priorityError(streamId, isIdle, PROTOCOL_ERROR);
  }

  /** A stream that is idle cannot be reset (§6.4). */
  #priorityError(streamId: number, isIdle: boolean, code: number): Verdict {
    if (isIdle) return connectionError(code);
    const stream = this.live.get(streamId);
    if (stream !== undefined) return this.fail(stream, code);
    return { scope: 'stream', streamId, codes: [code] };
  }

  #rstStream(streamId: number): Verdict {
    if (this.isIdle(streamId)) return connectionError(PROTOCOL_ERROR);
    if (this.live.has(streamId)) this.close(streamId, 'peer reset');
    return OK;
  }

  #settings({ flags, payload }: SentFrame): Verdict {
    if ((flags & ACK) !== 0) return OK;
    const settings = settingsOf(payload);
    if (settings.length > SETTINGS_MAX) return connectionError(ENHANCE_YOUR_CALM);
    const faults = settings.flatMap(([id, value]) => settingFaults(id, value));
    faults.push(...this.roleFaults(new Map(settings)));
    faults.push(...this.#changeFaults(settings));
    if (faults.length > 0) return connectionError(...faults);
    this.greeted = true;
    this.settingsDue.push(settings);
    return this.#apply(new Map(settings));
  }

  /** Settings that the fuzzer's role may not send. */
  protected roleFaults(_settings: ReadonlyMap<number, number>): number[] {
    return [];
  }

  /** What may not be taken back (RFC 8441 §3, RFC 9218 §2.1). */
  #changeFaults(settings: readonly (readonly [number, number])[]): number[] {
    const faults: number[] = [];
    for (const [id, value] of settings) {
      if (id === SETTINGS_ENABLE_CONNECT_PROTOCOL) {
        if (this.#connectProtocol && value === 0) faults.push(PROTOCOL_ERROR);
        this.#connectProtocol = value === 1;
      } else if (id === SETTINGS_NO_RFC7540_PRIORITIES) {
        const off = value === 1;
        if (this.#noPriorities !== undefined && this.#noPriorities !== off) {
          faults.push(PROTOCOL_ERROR);
        }
        this.#noPriorities = off;
      }
    }
    this.#noPriorities ??= false;
    return faults;
  }

  #apply(settings: ReadonlyMap<number, number>): Verdict {
    this.maxFrameSize = settings.get(SETTINGS_MAX_FRAME_SIZE) ?? this.maxFrameSize;
    this.enablePush = (settings.get(SETTINGS_ENABLE_PUSH) ?? Number(this.enablePush)) === 1;
    const initial = settings.get(SETTINGS_INITIAL_WINDOW_SIZE);
    if (initial === undefined) return OK;
    const change = initial - this.initialSend;
    this.initialSend = initial;
    let isOver = false;
    for (const stream of this.live.values()) {
      stream.send += change;
      // Only where the server still sends, a window is active (§6.9.2).
      if (stream.canSend && stream.send > WINDOW_MAX) isOver = true;
    }
    return isOver ? connectionError(FLOW_CONTROL_ERROR) : OK;
  }

  #ping({ flags, payload }: SentFrame): Verdict {
    if ((flags & ACK) === 0) this.pingsDue.push(payload.join());
    return OK;
  }

  #windowUpdate(streamId: number, increment: number): Verdict {
    if (streamId === 0) {
      if (increment === 0) return connectionError(PROTOCOL_ERROR);
      this.sendWindow += increment;
      return this.sendWindow > WINDOW_MAX ? connectionError(FLOW_CONTROL_ERROR) : OK;
    }
    if (this.isIdle(streamId)) return connectionError(PROTOCOL_ERROR);
    const stream = this.live.get(streamId);
    if (stream === undefined) return OK;
    if (stream.state === 'reserved (remote)') return connectionError(PROTOCOL_ERROR);
    if (increment === 0) return this.fail(stream, PROTOCOL_ERROR);
    stream.send += increment;
    if (stream.send <= WINDOW_MAX) return OK;
    // Where the server has ended its side it may ignore the frame (§5.1).
    if (stream.state === 'half-closed (local)') {
      return { scope: 'stream', streamId, codes: [FLOW_CONTROL_ERROR], optional: true };
    }
    return this.fail(stream, FLOW_CONTROL_ERROR);
  }

  protected priorityUpdate(streamId: number): Verdict {
    if (streamId === 0) return connectionError(PROTOCOL_ERROR);
    if (!this.isIdle(streamId)) return OK;
    if (streamId % 2 === 0) return connectionError(PROTOCOL_ERROR);
    this.prioritized.add(streamId);
    const count = this.prioritized.size + this.active;
    return count > this.limits.concurrent ? connectionError(PROTOCOL_ERROR) : OK;
  }

  // What the server does by itself

  /** The server sent END_STREAM. */
  sentEnd(stream: ModelStream): void {
    if (stream.state === 'open') stream.state = 'half-closed (local)';
    else this.close(stream.id, 'ended');
  }

  /** The server sent RST_STREAM, for a reason that no frame gave. */
  sentReset(streamId: number): void {
    if (this.live.has(streamId)) this.close(streamId, 'we reset');
  }

  /** The server sent PUSH_PROMISE. */
  reserve(streamId: number): void {
    this.lastLocal = streamId;
    this.live.set(streamId, new ModelStream(
      streamId, 'reserved (local)', 0, this.initialSend,
    ));
  }
}
