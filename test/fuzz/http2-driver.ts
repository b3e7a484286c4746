/**
 * Drives one connection of the frame fuzzer, the half that both roles share: sends steps of frames,
 * lets all settle, and holds what came back against the model. http2-server-driver.ts is the server
 * under test on top of it, http2-client-driver.ts the client.
 *
 * A step is one frame, however cut, or several in one read, or something that the program does.
 */
import { Buffer } from 'node:buffer';
import { errorName } from '../../src/http2/frame.ts';
import type { MemoryTransport } from '../../src/testing/index.ts';
import type { Model, SentFrame, Verdict } from './http2-model.ts';
import type { Observer } from './http2-observer.ts';

/** What is sent at once, or what the program does: a number says to which of its waiting parts. */
export type Step =
  | { readonly kind: 'frames'; readonly frames: readonly SentFrame[]; readonly cuts: Cuts }
  | { readonly kind: 'act'; readonly act: string; readonly at: number };

/** How the octets of a step are cut into reads: at offsets, or each octet alone. */
export type Cuts = readonly number[] | 'octets';

/** Turns of the microtask queue in which every program goes on, if it can. */
const HOPS = 6;
/** So long a step takes that no budget of the flood guard is ever used up. */
const STEP_MS = 2500;
const FAULTS_MAX = 5;

export abstract class Connection {
  abstract readonly model: Model;
  abstract readonly observer: Observer;
  abstract readonly transport: MemoryTransport;
  readonly faults: string[] = [];
  frames = 0;
  /** What was tried, and what it was to bring about: `badPadding: connection`. */
  readonly tally = new Set<string>();
  /** A connection error was due: nothing more is sent. */
  over = false;
  /** The steps, in words, where they are asked for. */
  readonly trace: string[] | undefined;
  readonly #labels: string[] = [];

  constructor(traced: boolean) {
    this.trace = traced ? [] : undefined;
  }

  /** Pieces that the program took: while they change, it has not settled. */
  protected abstract get pulls(): number;
  protected abstract predicted(frame: SentFrame): Verdict;
  /** Whether a stream may be reset though no frame brought it about. */
  protected abstract mayReset(streamId: number, code: number): boolean;
  /** What holds after each step. */
  protected abstract check(): void;
  protected abstract act(act: string, at: number): void;

  protected fault(what: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push(`${what} (${this.#labels.join(', ')})`);
  }

  async step(step: Step): Promise<void> {
    if (step.kind === 'act') return this.acts(step.act, step.at);
    this.begin(step.frames.length > 1 || step.cuts.length > 0);
    const verdicts = step.frames.map((one) => this.predict(one));
    await this.send(step.frames, verdicts, step.cuts);
  }

  /** A step of one frame. */
  async one(
    label: string, type: number, flags: number, streamId: number, payload: Uint8Array,
  ): Promise<void> {
    const frames = [{ label, type, flags, streamId, payload }];
    await this.step({ kind: 'frames', frames, cuts: [] });
  }

  /** A step begins; `parted`: of more than one frame or read, which answers may cross. */
  begin(parted: boolean): void {
    this.#labels.length = 0;
    this.observer.begin(parted);
  }

  protected label(label: string): void {
    this.#labels.push(label);
    this.trace?.push(label);
  }

  /** What the model says of the next frame of the step. */
  predict(one: SentFrame): Verdict {
    this.label(`${one.label} on ${one.streamId}`);
    const verdict = this.over ? { scope: 'ok' } as const : this.predicted(one);
    this.frames++;
    this.tally.add(`${one.label.split(':')[0]}: ${verdict.scope}`);
    if (verdict.scope === 'connection') this.over = true;
    return verdict;
  }

  /** Sends the frames of a step, and compares. */
  async send(
    frames: readonly SentFrame[], verdicts: readonly Verdict[], cuts: Cuts,
  ): Promise<void> {
    const { transport } = this;
    transport.clock.advance(STEP_MS * frames.length);
    const octets = octetsOf(frames);
    let from = 0;
    const ends = cuts === 'octets' ? octets.keys() : cuts;
    for (const to of ends) {
      if (to <= from || to >= octets.length) continue;
      transport.send(octets.subarray(from, to));
      from = to;
      while (transport.pending) transport.turn();
    }
    transport.send(octets.subarray(from));
    await this.settle();
    this.compare(verdicts);
    this.check();
  }

  /** The program does something. */
  protected async acts(act: string, at: number): Promise<void> {
    this.begin(false);
    this.label(`${act} ${at}`);
    this.act(act, at);
    await this.settle();
    this.compare([]);
    this.check();
  }

  protected async settle(): Promise<void> {
    const { transport } = this;
    let pulls = -1;
    for (let quiet = 0; quiet < HOPS; quiet++) {
      await undefined;
      for (; transport.pending; quiet = 0) transport.turn();
      if (this.pulls !== pulls) quiet = 0;
      ({ pulls } = this);
    }
    const octets = transport.takeBytes();
    if (octets.length > 0) this.observer.read(octets);
  }

  // What came back

  protected compare(verdicts: readonly Verdict[]): void {
    const resets = [...this.observer.resets];
    for (const verdict of verdicts) {
      if (verdict.scope !== 'stream') continue;
      const { streamId, codes, optional = false } = verdict;
      const at = resets.findIndex((reset) =>
        reset.streamId === streamId && codes.includes(reset.code));
      if (at >= 0) resets.splice(at, 1);
      else if (!optional) this.fault(`RST_STREAM ${named(codes)} is due on stream ${streamId}`);
      if (at >= 0 && optional) this.model.sentReset(streamId);
    }
    for (const { streamId, code } of resets) {
      if (!this.mayReset(streamId, code)) {
        this.fault(`RST_STREAM ${errorName(code)} on stream ${streamId}`);
      }
      this.model.sentReset(streamId);
    }
    this.#compareGoaway(verdicts.find(({ scope }) => scope === 'connection'));
    for (const fault of this.observer.faults.splice(0)) this.fault(fault);
    if (this.over) return;
    if (this.model.settingsDue.length > 0) this.fault('SETTINGS was not acknowledged (§6.5.3)');
    if (this.model.pingsDue.length > 0) this.fault('PING was not answered (§6.7)');
  }

  #compareGoaway(verdict: Verdict | undefined): void {
    const { goaway } = this.observer;
    if (verdict?.scope !== 'connection') {
      if (goaway === undefined || this.over) return;
      this.fault(`GOAWAY ${errorName(goaway.code)}: ${goaway.text}`);
      this.over = true;
      return;
    }
    if (goaway === undefined || !verdict.codes.includes(goaway.code)) {
      const got = goaway === undefined ? 'none' : `${errorName(goaway.code)}: ${goaway.text}`;
      this.fault(`GOAWAY ${named(verdict.codes)} is due, and ${got} came`);
    } else if (goaway.last > this.model.lastRemote) {
      this.fault(`GOAWAY names stream ${goaway.last}, of ${this.model.lastRemote} (§6.8)`);
    }
    if (!this.transport.ended) this.fault('open after a connection error (§5.4.1)');
  }

  /** What is out and what is held make up the connection's window, but for less than half. */
  protected checkConnectionWindow(size: number, held: number): void {
    const { receiveWindow } = this.model;
    const sum = receiveWindow + held;
    if (sum <= size / 2 || sum > size) {
      this.fault(`connection window ${receiveWindow}, ${held} unread, of ${size}`);
    }
    const { charged } = this.transport;
    if (charged !== held) this.fault(`${charged} octets are charged, ${held} unread`);
  }

  /** The same for a stream, whose window may have grown. */
  protected checkWindow(streamId: number, unread: number, least: number, most: number): void {
    const stream = this.model.live.get(streamId);
    if (stream?.canReceive !== true) return;
    const sum = stream.receive + unread;
    if (sum > least / 2 && sum <= most) return;
    this.fault(`window of ${streamId}: ${stream.receive}, ${unread} unread`);
  }

  /** What the guard caught, and was no offence of the peer's. */
  protected checkGuard(): void {
    const failure = this.transport.failures.find(({ name }) =>
      name !== 'ConnectionError' && name !== 'CompressionError');
    if (failure !== undefined) this.fault(`the guard caught ${failure.stack}`);
  }
}

/** Frames as they go on the wire. */
function octetsOf(frames: readonly SentFrame[]): Uint8Array {
  const octets = Buffer.alloc(frames.reduce((sum, { payload }) => sum + 9 + payload.length, 0));
  let at = 0;
  for (const { type, flags, streamId, payload } of frames) {
    octets.writeUIntBE(payload.length, at, 3);
    octets[at + 3] = type;
    octets[at + 4] = flags;
    octets.writeUInt32BE(streamId, at + 5);
    octets.set(payload, at + 9);
    at += 9 + payload.length;
  }
  return octets;
}

function named(codes: readonly number[]): string {
  return codes.map(errorName).join(' or ');
}
