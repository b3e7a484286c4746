/** A server under the frame fuzzer: its handlers, its windows, and what must be left of it. */
import { problem } from '../../src/http/problem.ts';
import { PeerGoneError } from '../../src/errors.ts';
import { dispatcher, failureAnswers } from '../../src/http/exchange.ts';
import {
  CANCEL, DATA, END_STREAM, INTERNAL_ERROR, PREFACE, PROTOCOL_ERROR, RST_STREAM, WINDOW_UPDATE,
  errorName,
} from '../../src/http2/frame.ts';
import { http2 } from '../../src/http2/protocol.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { Connection } from './http2-driver.ts';
import { Handlers, Thrown } from './http2-handlers.ts';
import { Model, type SentFrame, type Verdict } from './http2-model.ts';
import { Observer } from './http2-observer.ts';

/** Handlers that return a promise: they run on to the end of their step at least. */
const ASYNCHRONOUS = new Set(['later', 'read', 'cancel', 'reject', 'inform', 'never']);
/** Windows that let all answers go out. */
const WIDE = 1_000_000;
const NO_OCTETS = new Uint8Array(0);

export class ServerConnection extends Connection {
  readonly model: Model;
  readonly handlers = new Handlers();
  readonly observer: Observer;
  readonly transport: MemoryTransport;
  readonly limits: Limits;
  /** Handlers that this step has started and that cannot have settled in it. */
  #started = 0;
  /** Streams that this step opened, and the requests that handlers must see. */
  readonly #opened = new Map<number, string>();

  constructor(changes: Partial<Limits>, traced = false) {
    super(traced);
    this.limits = limitsFrom(changes);
    const { limits } = this;
    this.model = new Model({ concurrent: limits.http2Streams, discarded: limits.discardedBytes });
    this.observer = new Observer(this.model, (line) => void this.trace?.push(line));
    const failure = failureAnswers(undefined, (error) => {
      // A content-length that a body does not keep is the program's fault, too.
      if (!(error instanceof Thrown || error instanceof TypeError)) {
        this.fault(`told to the program: ${String(error)}`);
      }
    });
    const dispatch = dispatcher(
      { handle: (request) => this.handlers.handle(request) }, { failure },
    );
    this.transport = new MemoryTransport(
      http2({
        limits, failure, dispatch, refused: () => {},
        refuse: (error) => problem(error.code, error.message),
      }), { limits },
    );
  }

  /** The preface, and the first frames; or a preface with one octet changed (§3.4). */
  async open(first: readonly SentFrame[], spoiledAt = -1): Promise<void> {
    const preface = PREFACE.slice();
    if (spoiledAt >= 0) preface[spoiledAt] = 0x20 ^ (preface[spoiledAt] as number);
    this.transport.send(preface);
    if (spoiledAt < 0) return this.step({ kind: 'frames', frames: first, cuts: [] });
    this.begin(false);
    this.over = true;
    await this.settle();
    this.compare([{ scope: 'connection', codes: [PROTOCOL_ERROR] }]);
  }

  protected override get pulls(): number {
    return this.handlers.pulls;
  }

  override begin(parted: boolean): void {
    super.begin(parted);
    this.#started = 0;
  }

  protected override predicted(one: SentFrame): Verdict {
    const { model } = this;
    const before = model.lastRemote;
    const facts = one.block ?? model.continuing?.facts;
    const verdict = model.receive(one, this.handlers.running + this.#started);
    if (verdict.scope !== 'ok' || model.lastRemote === before) return verdict;
    if (facts?.target !== undefined && model.live.has(model.lastRemote)) {
      this.#opened.set(model.lastRemote, facts.target);
      if (ASYNCHRONOUS.has(facts.target.split('/')[1] as string)) this.#started++;
    }
    return verdict;
  }

  /** A handler that waits is told to answer. */
  protected override act(_act: string, at: number): void {
    this.handlers.calls.get(at)?.release?.();
  }

  /** A body that broke. */
  protected override mayReset(streamId: number, code: number): boolean {
    const kind = this.handlers.calls.get(streamId)?.kind;
    return (kind === 'broken' || kind === 'short') && code === INTERNAL_ERROR;
  }

  protected override check(): void {
    const { handlers, model } = this;
    for (const fault of handlers.faults.splice(0)) this.fault(fault);
    if (!this.over) {
      for (const [streamId, target] of this.#opened) {
        const seen = handlers.calls.get(streamId)?.request.target;
        if (seen !== target) this.fault(`${target} was sent, and ${seen} seen (§4.3)`);
      }
      this.#checkWindows();
      handlers.forget((streamId) => model.live.has(streamId));
    }
    this.#opened.clear();
  }

  /** No octet of credit is lost or made. */
  #checkWindows(): void {
    const { http2StreamWindowBytes: least, http2StreamWindowMaxBytes: most } = this.limits;
    let held = 0;
    for (const { id } of this.model.live.values()) {
      const unread = this.#unread(id);
      held += unread;
      this.checkWindow(id, unread, least, most);
    }
    this.checkConnectionWindow(this.limits.http2ConnectionWindowBytes, held);
  }

  /** Octets of content that came for a handler, which has neither read them nor let go. */
  #unread(streamId: number): number {
    const stream = this.model.live.get(streamId);
    if (stream === undefined || !stream.canSend || streamId % 2 === 0) return 0;
    const call = this.handlers.calls.get(streamId);
    return call?.cancelled === true ? 0 : stream.received - (call?.pulled ?? 0);
  }

  // The end

  /** Gives windows, lets all handlers answer, ends all streams: then nothing is held. */
  async finish(): Promise<void> {
    const { model } = this;
    for (let round = 0; round < 3 && !this.over; round++) {
      await this.#openWindows();
      for (const { streamId } of this.handlers.held()) await this.acts('release', streamId);
      await this.#endStreams();
    }
    if (this.over) return;
    if (model.live.size > 0) this.fault(`streams ${[...model.live.keys()].join()} do not end`);
    if (this.transport.charged !== 0) this.fault(`${this.transport.charged} octets are held`);
  }

  async #openWindows(): Promise<void> {
    const { model } = this;
    const connection = { id: 0, send: model.sendWindow };
    for (const { id, send } of [connection, ...model.live.values()]) {
      if (send >= WIDE) continue;
      const increment = WIDE - send;
      const payload = Uint8Array.of(0, increment >>> 16, increment >>> 8, increment);
      await this.one('WINDOW_UPDATE at the end', WINDOW_UPDATE, 0, id, payload);
    }
  }

  async #endStreams(): Promise<void> {
    for (const stream of [...this.model.live.values()]) {
      const { id, canReceive, expected, received } = stream;
      const complete = (expected ?? received) === received;
      if (this.over || stream.state === 'closed') continue;
      if (canReceive && complete) {
        await this.one('END_STREAM', DATA, END_STREAM, id, NO_OCTETS);
      } else if (canReceive || this.handlers.calls.get(id)?.kind === 'never') {
        const code = Uint8Array.of(0, 0, 0, CANCEL);
        await this.one('RST_STREAM at the end', RST_STREAM, 0, id, code);
      }
    }
  }

  /** The peer is gone: nobody may still work for it, and nothing may be held for it. */
  async gone(): Promise<void> {
    const { transport, handlers } = this;
    this.begin(false);
    this.label('gone');
    transport.disconnect(new PeerGoneError('the fuzzer has gone'));
    await this.settle();
    if (transport.charged !== 0) this.fault(`${transport.charged} octets charged at the end`);
    for (const { kind, streamId } of handlers.forsaken()) {
      this.fault(`the handler ${kind} of stream ${streamId} was not told`);
    }
    this.checkGuard();
    // Whoever still waited is let go, and must find nobody to disturb.
    for (const call of handlers.held()) call.release?.();
    await this.settle();
    for (const fault of handlers.faults.splice(0)) this.fault(fault);
  }

  /** The outcome in words that do not hang on how octets came in. */
  outcome(): string {
    const { observer, handlers } = this;
    const streams = [...observer.streams].sort(([a], [b]) => a - b)
      .map(([id, { statuses, octets, end }]) => `${id}: ${statuses.join()} ${octets} ${end}`);
    const goaway = observer.goaway === undefined ? '' : errorName(observer.goaway.code);
    return [...streams, `${handlers.count} calls`, `${observer.pings} pings`, goaway].join('\n');
  }
}
