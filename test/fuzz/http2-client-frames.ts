/**
 * Frames of a server, for the fuzzer of the client: heads of responses, promises, GOAWAY; all
 * others are made as http2-frames.ts makes them.
 */
import { END_HEADERS, GOAWAY, PUSH_PROMISE } from '../../src/http2/frame.ts';
import { block, join, type FieldPairs } from '../support/http2.ts';
import type { Random } from '../support/random.ts';
import type { Block } from './http2-blocks.ts';
import { FATAL, FULL } from './http2-fatal-frames.ts';
import { FrameMaker, uint32, type Style, type Tables } from './http2-frame-maker.ts';
import {
  OFFENCES, acknowledgement, anyReset, content, dataAfterReset, headersAfterReset, late, ping,
  plainPriority, trailers, unknown, update,
} from './http2-frames.ts';
import type { BlockFacts, Model, ModelStream, SentFrame } from './http2-model.ts';

const MALFORMED: readonly (readonly [string, FieldPairs])[] = [
  ['no :status (§8.3.2)', []], [':status of two digits (§8.3.2)', [[':status', '20']]],
  [':status twice (§8.3)', [[':status', '200'], [':status', '200']]],
  [':path in a response (§8.3)', [[':status', '200'], [':path', '/']]],
  [':status last (§8.3)', [['a', 'b'], [':status', '200']]],
  ['upper case (§8.2.1)', [[':status', '200'], ['Name', 'a']]],
  ['connection (§8.2.2)', [[':status', '200'], ['connection', 'close']]],
  ['LF in a value (§8.2.1)', [[':status', '200'], ['name', 'a\nb']]],
  ['101 (§8.6)', [[':status', '101']]],
];

const PROMISED: FieldPairs = [
  [':method', 'GET'], [':scheme', 'http'], [':authority', 'a'], [':path', '/pushed'],
];

export class ServerFrameMaker extends FrameMaker {
  constructor(random: Random, model: Model, style: Style) {
    super(random, model, style, SERVER);
  }

  /** An identifier that no push has had. */
  override nextId(): number {
    return this.model.lastRemote + 2 + 2 * this.random.int(this.style.skip + 1);
  }

  /** Mostly a stream whose response has begun. */
  override receiving(): ModelStream | undefined {
    const early = this.random.chance(0.03);
    return this.stream(({ canReceive, hasHead }) => canReceive && (hasHead || early));
  }
}

function factsOf(response: BlockFacts['response'], contentLength?: number): BlockFacts {
  const bad = { request: 'malformed', trailers: 'malformed' } as const;
  return { ...bad, ...response !== undefined && { response }, contentLength };
}

function headOf(response: 'interim' | 'final', status: string, length?: number): Block {
  const fields: FieldPairs = [[':status', status], ['server', 'fuzzer']];
  const more: FieldPairs = length === undefined ? [] : [['content-length', String(length)]];
  const octets = block([...fields, ...more]);
  return { label: `${status}`, octets, facts: factsOf(response, length) };
}

function head(maker: FrameMaker): SentFrame | undefined {
  const { random } = maker;
  const stream = maker.stream(({ hasHead, canReceive, state }) =>
    !hasHead && (canReceive || state === 'reserved (remote)'));
  if (stream === undefined) return undefined;
  if (random.chance(0.15)) {
    return maker.headers(stream.id, headOf('interim', random.pick(['100', '103'])), false);
  }
  const end = random.chance(0.2);
  const length = random.chance(0.4) ? random.int(end ? 1 : 3000) : undefined;
  const status = random.pick(['200', '404', '500']);
  return maker.headers(stream.id, headOf('final', status, length), end);
}

/** A head that is malformed, or that ends a stream which it may not end (§8.1, §8.1.1). */
function badHead(maker: FrameMaker): SentFrame | undefined {
  const { random } = maker;
  const stream = maker.stream(({ hasHead, canReceive }) => !hasHead && canReceive);
  if (stream === undefined) return undefined;
  if (random.chance(0.2)) return maker.headers(stream.id, headOf('interim', '103'), true);
  if (random.chance(0.2)) return maker.headers(stream.id, headOf('final', '200', 5), true);
  const [label, fields] = random.pick(MALFORMED);
  const facts = factsOf('malformed');
  return maker.headers(stream.id, { label, octets: block(fields), facts }, random.chance(0.5));
}

/** A promise on a stream that can have one, or that was reset (§6.6). */
function promise(maker: FrameMaker): SentFrame | undefined {
  const { random } = maker;
  const parent = maker.stream(({ id, canReceive }) => id % 2 === 1 && canReceive)?.id ??
    maker.closed('we reset');
  if (parent === undefined) return undefined;
  const isGood = random.chance(0.9);
  const octets = block(isGood ? PROMISED : [['Name', 'a'], ...PROMISED]);
  const payload = join(uint32(maker.nextId()), octets);
  const sent = maker.frame('PUSH_PROMISE', PUSH_PROMISE, END_HEADERS, parent, payload);
  return { ...sent, block: { request: isGood ? 'fine' : 'malformed', trailers: 'malformed' } };
}

/** On a stream that was promised, HEADERS must come first (§5.1). */
function onReserved(maker: FrameMaker): SentFrame | undefined {
  const id = maker.stream(({ state }) => state === 'reserved (remote)')?.id;
  if (id === undefined) return undefined;
  return maker.random.chance(0.5)
    ? maker.data('DATA on a reserved stream', id, 3, false)
    : maker.windowUpdate('WINDOW_UPDATE on a reserved stream', id, 1);
}

/** A promise that may not come: of a number or on a stream that it cannot have (§6.6, §8.4). */
function badPromise(maker: FrameMaker): SentFrame {
  const { random, model } = maker;
  const [parent, promised] = random.pick([
    [model.lastLocal + 2, maker.nextId()], [maker.nextId(), maker.nextId() + 2],
    [model.lastLocal, model.lastRemote], [model.lastLocal, 0],
    [maker.closed('ended', 'peer reset') ?? model.lastLocal, 0x7fff_ffff],
  ] as const);
  const payload = join(uint32(promised), block(PROMISED));
  const sent = maker.frame('PUSH_PROMISE', PUSH_PROMISE, END_HEADERS, parent, payload);
  return { ...sent, block: { request: 'fine', trailers: 'malformed' } };
}

function settings(maker: FrameMaker): SentFrame {
  const { random } = maker;
  const pairs = ([
    [1, random.pick([0, 100, 4096])], [3, random.pick([1, 10, 100])],
    [4, random.pick([0, 100, 65_535, 1_000_000])], [5, random.pick([16_384, 100_000])],
    [0x4a4a, 1],
  ] as const).filter(() => random.chance(0.3));
  return maker.settings('SETTINGS', pairs);
}

function goaway(maker: FrameMaker): SentFrame {
  const { random, model } = maker;
  const last = random.chance(0.5) ? model.lastLocal : 1 + 2 * random.int(model.lastLocal);
  return maker.frame('GOAWAY', GOAWAY, 0, 0, [...uint32(last), ...uint32(0)]);
}

export const SERVER: Tables = {
  legal: [
    [30, head], [40, content], [6, trailers], [4, settings], [12, update], [4, anyReset], [2, late],
    [2, dataAfterReset], [1, headersAfterReset], [2, plainPriority], [3, unknown], [3, ping],
    [1, acknowledgement], [4, promise], [1, goaway],
  ],
  offences: [...OFFENCES, [6, badHead]],
  // A server has no priorities to tell, so it cannot tell too many.
  fatal: [
    ...FATAL.filter(([, { name }]) => name !== 'tooManyPrioritized'),
    [10, onReserved], [5, badPromise],
  ],
  full: FULL,
};
