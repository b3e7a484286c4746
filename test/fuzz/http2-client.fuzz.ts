/**
 * The frame fuzzer of the client: connections by chance on which the fuzzer is the server, each
 * repeatable by the seed of its run and its number.
 */
import { ACK, SETTINGS } from '../../src/http2/frame.ts';
import type { Limits } from '../../src/limits.ts';
import { Random } from '../support/random.ts';
import { ClientConnection, USES } from './http2-client-driver.ts';
import { ServerFrameMaker } from './http2-client-frames.ts';
import type { Style } from './http2-frame-maker.ts';
import { cutsOf, type Result } from './http2.fuzz.ts';

interface Plan {
  readonly limits: Partial<Limits>;
  readonly style: Style;
  readonly push: boolean;
  readonly frames: number;
  readonly feed: 'whole' | 'cut' | 'octets';
}

function planOf(random: Random): Plan {
  const feed = random.pick(['whole', 'cut', 'cut', 'octets'] as const);
  const hoards = feed !== 'octets' && random.chance(0.1);
  const streamWindow = hoards ? 65_535 : random.pick([1000, 5000, 10_000, 16_384, 65_535]);
  return {
    feed,
    push: random.chance(0.7),
    frames: random.pick([10, 40, 100]),
    limits: {
      http2StreamWindowBytes: streamWindow,
      http2StreamWindowMaxBytes: streamWindow * random.pick([1, 4]),
      http2ConnectionWindowBytes: 65_535,
    },
    style: {
      fatal: random.pick([0.01, 0.05, 0.15]), exact: true, streamWindow, connectionWindow: 65_535,
      skip: random.pick([0, 0, 2]), dataOctets: feed === 'octets' ? 1000 : 16_384, hoards,
    },
  };
}

/** The connection number `index` of a run. */
export async function runClient(seed: number, index: number, traced = false): Promise<Result> {
  const random = Random.case(seed, index);
  const plan = planOf(random);
  const connection = new ClientConnection(plan.limits, plan.push, traced);
  const empty = { label: 'SETTINGS', type: SETTINGS, streamId: 0, payload: new Uint8Array(0) };
  await connection.open([{ ...empty, flags: 0 }, { ...empty, flags: ACK }]);
  const maker = new ServerFrameMaker(random, connection.model, plan.style);
  while (!connection.over && connection.frames < plan.frames && connection.faults.length === 0) {
    const isAct = random.chance(0.25) || connection.model.lastLocal === 0;
    if (isAct) await acts(connection, random, plan.style.hoards);
    else await sends(connection, maker, random, plan.feed);
  }
  await connection.gone();
  const faults = [...connection.faults];
  if (traced && faults.length > 0) faults.push(JSON.stringify(plan), ...connection.trace ?? []);
  return { frames: connection.frames, faults, tally: connection.tally };
}

/** A request, or a response that is read at last. */
async function acts(
  connection: ClientConnection, random: Random, hoards: boolean,
): Promise<void> {
  const held = connection.held();
  if (!hoards && held.length > 0 && random.chance(0.4)) {
    await connection.step({ kind: 'act', act: 'release', at: random.pick(held) });
    return;
  }
  const use = hoards ? 'later' : random.pick(USES);
  const method = random.pick(['GET', 'HEAD', 'POST', 'POST']);
  const at = random.pick([0, 10, 5000, 100_000, 100_000]);
  await connection.step({ kind: 'act', act: `${method} ${use}`, at });
}

async function sends(
  connection: ClientConnection, maker: ServerFrameMaker, random: Random, feed: Plan['feed'],
): Promise<void> {
  connection.begin(feed !== 'whole');
  const frames = [maker.next()];
  const verdicts = frames.map((frame) => connection.predict(frame));
  const cuts = feed === 'cut' ? cutsOf(random, frames) : feed === 'octets' ? feed : [];
  await connection.send(frames, verdicts, cuts);
}
