/**
 * The frame fuzzer's engine: connections by chance, each of them repeatable by the seed of its run
 * and its number. What must hold is the model's (http2-model.ts), the observer's and the driver's.
 */
import type { Limits } from '../../src/limits.ts';
import { ACK, PING, PREFACE, SETTINGS, WINDOW_UPDATE } from '../../src/http2/frame.ts';
import { Random } from '../support/random.ts';
import type { Cuts, Step } from './http2-driver.ts';
import { FATAL, FULL } from './http2-fatal-frames.ts';
import { FrameMaker, type Style, type Tables } from './http2-frame-maker.ts';
import { LEGAL, OFFENCES } from './http2-frames.ts';
import type { SentFrame, Verdict } from './http2-model.ts';
import { ServerConnection } from './http2-server-driver.ts';

/** What a client sends. */
export const CLIENT: Tables = { legal: LEGAL, offences: OFFENCES, fatal: FATAL, full: FULL };

/** A run stops here: one fault in the source fails many connections. */
const FAILURES_MAX = 5;
/** Frames of one read. */
const BATCH_MAX = 12;

const FEEDS = ['whole', 'whole', 'cut', 'cut', 'cut', 'batch', 'batch', 'twice'] as const;

interface Plan {
  readonly limits: Partial<Limits>;
  readonly style: Style;
  /** Frames, unless an error ends it before. */
  readonly frames: number;
  readonly feed: typeof FEEDS[number];
  /** The first frame; or the octet of the preface that is another. */
  readonly opening: 'settings' | 'a window' | 'another frame' | 'an acknowledgement' | number;
}

function planOf(random: Random): Plan {
  const feed = random.pick(FEEDS);
  const isLong = random.chance(0.01);
  // Nothing is read until the connection's window is used up.
  const hoards = !isLong && feed !== 'twice' && random.chance(0.1);
  const streamWindow = hoards ? 65_535 : random.pick([1000, 5000, 10_000, 16_384, 65_535]);
  const connectionWindow = random.pick([65_535, 65_535, 100_000]);
  // Where windows grow by what was read, two cuts of the same octets may have another growth.
  const growth = feed === 'twice' ? 1 : random.pick([1, 1, 4]);
  return {
    feed,
    // Whose turn a short window is depends on how often it was asked for.
    opening: feed === 'twice' ? 'a window' : random.chance(0.97) ? 'settings'
      : random.pick(['another frame', 'an acknowledgement', random.int(PREFACE.length)] as const),
    frames: isLong ? 2500 : random.pick([10, 40, 100]),
    limits: {
      http2Streams: random.pick([2, 5, 20, 100]),
      http2StreamWindowBytes: streamWindow,
      http2StreamWindowMaxBytes: streamWindow * growth,
      http2ConnectionWindowBytes: connectionWindow,
      discardedBytes: random.pick([0, 500, 20_000]),
    },
    style: {
      fatal: isLong ? 0 : random.pick([0.01, 0.05, 0.15]),
      hoards,
      exact: feed !== 'twice',
      streamWindow, connectionWindow,
      skip: random.pick([0, 0, 1, 5]),
      dataOctets: feed === 'twice' ? 1000 : 16_384,
    },
  };
}

/** What one connection did, and what was wrong with it. */
export interface Result {
  readonly frames: number;
  readonly faults: readonly string[];
  readonly tally: ReadonlySet<string>;
}

/** The connection number `index` of a run. */
export async function runServer(
  seed: number, index: number, traced = false,
): Promise<Result> {
  const random = Random.case(seed, index);
  const plan = planOf(random);
  const connection = new ServerConnection(plan.limits, traced);
  const steps: Step[] = [];
  await begin(connection, plan.opening);
  const maker = new FrameMaker(random, connection.model, plan.style, CLIENT);
  while (!connection.over && connection.frames < plan.frames && connection.faults.length === 0) {
    steps.push(await oneStep(connection, maker, plan, random));
  }
  // Within a field block nothing else may be sent (§6.10).
  const isFinished = random.chance(0.7) && connection.model.continuing === undefined;
  await end(connection, isFinished);
  const faults = [...connection.faults];
  if (faults.length === 0 && plan.feed === 'twice') {
    faults.push(...await again(plan, steps, isFinished, connection.outcome()));
  }
  if (traced && faults.length > 0) faults.push(JSON.stringify(plan), ...connection.trace ?? []);
  return { frames: connection.frames, faults, tally: connection.tally };
}

/** SETTINGS of nothing, and the acknowledgement of the server's. */
async function begin(connection: ServerConnection, opening: Plan['opening']): Promise<void> {
  const empty = { label: 'SETTINGS', streamId: 0, flags: 0, payload: new Uint8Array(0) };
  const settings = { ...empty, type: SETTINGS };
  const ack = { ...settings, flags: ACK };
  const window = { ...empty, type: WINDOW_UPDATE, payload: Uint8Array.of(0x30, 0, 0, 0) };
  const first = opening === 'another frame'
    ? [{ ...empty, label: 'opening: PING', type: PING, payload: new Uint8Array(8) }]
    : opening === 'an acknowledgement' ? [{ ...ack, label: 'opening: ACK' }]
      : opening === 'a window' ? [settings, ack, window] : [settings, ack];
  await connection.open(first, typeof opening === 'number' ? opening : -1);
}

async function end(connection: ServerConnection, isFinished: boolean): Promise<void> {
  if (isFinished && connection.faults.length === 0) await connection.finish();
  await connection.gone();
}

async function oneStep(
  connection: ServerConnection, maker: FrameMaker, plan: Plan, random: Random,
): Promise<Step> {
  const held = connection.handlers.held();
  if (held.length > 0 && random.chance(0.15)) {
    const step: Step = { kind: 'act', act: 'release', at: random.pick(held).streamId };
    await connection.step(step);
    return step;
  }
  const count = plan.feed === 'batch' ? random.between(1, BATCH_MAX) : 1;
  maker.inBatch = count > 1;
  connection.begin(count > 1 || plan.feed === 'cut');
  const frames: SentFrame[] = [];
  const verdicts: Verdict[] = [];
  for (let at = 0; at < count && !connection.over; at++) {
    const frame = maker.next();
    frames.push(frame);
    verdicts.push(connection.predict(frame));
  }
  const cuts = plan.feed === 'cut' ? cutsOf(random, frames) : [];
  await connection.send(frames, verdicts, cuts);
  return { kind: 'frames', frames, cuts };
}

export function cutsOf(random: Random, frames: readonly SentFrame[]): Cuts {
  const length = frames.reduce((sum, { payload }) => sum + payload.length + 9, 0);
  const cuts = Array.from({ length: random.int(4) }, () => random.int(length));
  // Half of the cuts are within the header or just behind it.
  return [...cuts, random.int(12)].sort((a, b) => a - b);
}

/** The same steps, each octet a read of its own: the outcome must be the same. */
async function again(
  plan: Plan, steps: readonly Step[], isFinished: boolean, outcome: string,
): Promise<string[]> {
  const connection = new ServerConnection(plan.limits);
  await begin(connection, plan.opening);
  for (const step of steps) {
    await connection.step(step.kind === 'frames' ? { ...step, cuts: 'octets' } : step);
  }
  await end(connection, isFinished);
  const other = connection.outcome();
  const faults = connection.faults.map((fault) => `octet by octet: ${fault}`);
  if (other !== outcome) faults.push(`octet by octet:\n${other}\nwhole:\n${outcome}`);
  return faults;
}

/** Connections of a run until so many frames were sent. Returns what failed. */
export async function fuzz(
  run: typeof runServer, seed: number, frames: number, tally = new Set<string>(),
): Promise<string[]> {
  const { stackTraceLimit } = Error;
  // Errors are what most connections end in, and their stacks are most of what they cost.
  Error.stackTraceLimit = 0;
  try {
    return await failures(run, seed, frames, tally);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function failures(
  run: typeof runServer, seed: number, frames: number, tally: Set<string>,
): Promise<string[]> {
  const failed: string[] = [];
  let sent = 0;
  for (let index = 0; sent < frames && failed.length < FAILURES_MAX; index++) {
    const result = await run(seed, index);
    sent += result.frames;
    for (const key of result.tally) tally.add(key);
    if (result.faults.length > 0) {
      failed.push(`seed ${seed}, connection ${index}: ${result.faults.join('\n')}`);
    }
  }
  return failed;
}
