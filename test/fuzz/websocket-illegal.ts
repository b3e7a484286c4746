/**
 * One offence at a random place of legal traffic: the close code on the wire is exactly the one
 * that is due, the session and the program are told, what came before is delivered and answered,
 * and nothing after. Some connections close properly instead, and some session has said Close
 * before.
 */
import { Buffer } from 'node:buffer';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT } from '../../src/websocket/frame.ts';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { deflated } from '../support/compression.ts';
import { Random } from '../support/random.ts';
import { openLink, type Carrier, type Link } from '../support/websocket-link.ts';
import { shrink } from './shrink.ts';
import { closeOf } from './websocket-echo.ts';
import { OFFENCES, type Offence, type Place } from './websocket-offences.ts';
import { content, fragmentsOf, readsOf, type Content } from './websocket-traffic.ts';

const FAILURES_MAX = 5;
const FRAGMENTS = 8;
const CONTROL_BYTES = 125;
/** Of a message; large ones go to the pool. */
const SMALL_BYTES = 4096;
const LARGE_BYTES = 100_000;

type Got = (message: Content) => void;
type Reader = (session: WebSocketSession, got: Got) => unknown;

const contentOf = (message: string | Uint8Array): Content => ({
  isText: typeof message === 'string', octets: Buffer.from(message as string),
});

/** How the program reads. */
const READERS = {
  'a listener': (session, got) => session.onMessage((message) => got(contentOf(message))),
  'a slow listener': (session, got) => session.onMessage(async (message) => {
    await undefined;
    got(contentOf(message));
  }),
  'iteration': async (session, got) => {
    for await (const message of session) got(contentOf(message));
  },
  'pieces': async (session, got) => {
    for await (const message of session.streams()) {
      const parts: Uint8Array[] = [];
      try {
        for await (const piece of message) parts.push(Buffer.from(piece as string));
      } catch {
        // It was cut.
        continue;
      }
      got({ isText: message.isText, octets: Buffer.concat(parts) });
    }
  },
} satisfies Record<string, Reader>;

interface Plan {
  readonly carrier: Carrier;
  readonly reader: keyof typeof READERS;
  readonly deflate: boolean;
  readonly inline: boolean;
  readonly accepts: 'text' | 'binary' | undefined;
  readonly messageBytes: number;
  readonly reads: number;
  readonly messages: number;
  /** Whether it stands within a message. */
  readonly within: boolean;
  /** The session has said Close before. */
  readonly closesFirst: boolean;
  readonly offence: string | undefined;
  /** Only so much of it as tells. */
  readonly headerAlone: boolean;
}

function planOf(random: Random): Plan {
  const inline = random.chance(0.95);
  const plan = {
    carrier: random.chance(0.1) ? 'server, HTTP/2' as const
      : random.chance(0.3) ? 'client' as const : 'server, HTTP/1.1' as const,
    reader: random.pick(Object.keys(READERS) as (keyof typeof READERS)[]),
    deflate: !inline || random.chance(0.5),
    inline,
    accepts: random.chance(0.15) ? random.pick(['text', 'binary'] as const) : undefined,
    messageBytes: inline ? SMALL_BYTES : LARGE_BYTES,
    reads: random.pick([0, 0, 1, 3, 20, Infinity]),
    messages: random.int(4),
    within: random.chance(0.4),
    closesFirst: random.chance(0.05),
    headerAlone: random.chance(0.3),
  };
  // A proper Close in place of an offence, now and then.
  if (random.chance(0.05)) return { ...plan, offence: undefined };
  const place = placeOf(plan, random, plan.within ? WITHIN : undefined);
  // Whether it is text or not is chance, so those are asked that fit all.
  const fits = Object.keys(OFFENCES).filter((name) => OFFENCES[name]!.fits?.(place) ?? true);
  return { ...plan, offence: random.pick(fits) };
}

const WITHIN = { isText: true, isCompressed: false, octets: 0, fragments: 1 };

function placeOf(
  plan: Omit<Plan, 'offence'>, random: Random, within: Place['within'],
): Place {
  const { carrier, deflate, accepts, messageBytes } = plan;
  return {
    random, deflate, accepts, messageBytes, within, masks: carrier !== 'client',
    fragments: FRAGMENTS,
    inPieces: plan.reader === 'pieces' && !plan.deflate,
  };
}

/** The peer: what it sends, and what should come of it. */
class Traffic {
  readonly frames: Uint8Array[] = [];
  readonly delivered: Content[] = [];
  readonly pings: string[] = [];
  readonly #plan: Plan;
  readonly #link: Link;

  constructor(plan: Plan, link: Link) {
    this.#plan = plan;
    this.#link = link;
  }

  get octets(): Uint8Array {
    return Buffer.concat(this.frames);
  }

  /** A legal message, or the beginning of one. */
  message(random: Random, isWhole: boolean, needsText: boolean): Place['within'] {
    const { accepts, messageBytes, deflate } = this.#plan;
    const isText = accepts === undefined ? needsText || random.chance(0.5) : accepts === 'text';
    const isCompressed = deflate && !needsText && random.chance(0.5);
    const count = isWhole && random.chance(0.5) ? 1 : random.between(2, FRAGMENTS);
    // Now and then as much as may be.
    const most = messageBytes - (count > 1 ? 128 * count : 0);
    const length = isCompressed ? random.int(messageBytes === SMALL_BYTES ? 2000 : 60_000)
      : isWhole && random.chance(0.1) ? most : random.int(500);
    const message = content(random, isText, length);
    const payload = isCompressed ? deflated(message.octets) : message.octets;
    const parts = fragmentsOf(random, payload, count);
    const sent = isWhole ? parts : parts.slice(0, random.between(1, count - 1));
    sent.forEach((part, i) => {
      this.frames.push(this.#link.octetsOf(
        i > 0 ? CONTINUATION : isText ? TEXT : BINARY, part,
        { reserved: isCompressed && i === 0 ? RSV1 : 0, final: i === count - 1 },
      ));
      if (random.chance(0.15)) this.#control(random);
    });
    if (isWhole) {
      this.delivered.push(message);
      return undefined;
    }
    const octets = sent.reduce((sum, part) => sum + part.length, 0);
    return { isText, isCompressed, octets, fragments: sent.length };
  }

  #control(random: Random): void {
    const { octets } = content(random, false, random.int(CONTROL_BYTES + 1));
    const isPing = random.chance(0.7);
    if (isPing) this.pings.push(Buffer.from(octets).toString('latin1'));
    this.frames.push(this.#link.octetsOf(isPing ? PING : PONG, octets));
  }
}

/** What the peer will have sent, and what is due for it. */
interface Sent {
  readonly octets: Uint8Array;
  readonly code: number;
  readonly delivered: readonly Content[];
  readonly pings: readonly string[];
}

/** Legal messages, the offence or a proper Close, and what nobody shall see. */
function traffic(plan: Plan, random: Random, link: Link): Sent {
  const sent = new Traffic(plan, link);
  const offence = plan.offence === undefined ? undefined : OFFENCES[plan.offence] as Offence;
  for (let i = 0; i < plan.messages; i++) sent.message(random, true, false);
  const needsText = offence === OFFENCES['text that goes on as no UTF-8'];
  const within = plan.within ? sent.message(random, false, needsText) : undefined;
  const due = { delivered: [...sent.delivered], pings: [...sent.pings] };
  const properCode = random.pick([1000, 1001, 1011, 3000, 4999]);
  const headerBytes = plan.headerAlone ? offence?.headerBytes : undefined;
  if (offence === undefined) {
    sent.frames.push(link.octetsOf(CLOSE, Buffer.of(properCode >> 8, properCode & 0xff)));
  } else {
    const octets = offence.octets(placeOf(plan, random, within));
    sent.frames.push(octets.subarray(0, headerBytes));
  }
  // Behind a header alone, anything would be its payload.
  if (headerBytes === undefined) {
    for (let i = random.int(3); i > 0; i--) sent.message(random, true, false);
  }
  return { ...due, octets: sent.octets, code: offence?.code ?? properCode };
}

/** One connection. Returns what was wrong. */
async function connection(plan: Plan, seed: number): Promise<string[]> {
  const random = new Random(seed);
  const got: Content[] = [];
  const link = await openLink(plan.carrier, {
    serve: (session) => READERS[plan.reader](session, (message) => got.push(message)),
    deflate: plan.deflate ? {} : undefined,
    extensions: !plan.deflate ? undefined : plan.carrier === 'client'
      ? 'permessage-deflate; server_no_context_takeover' : 'permessage-deflate',
    accepts: plan.accepts, zlib: new ZlibBudget({ inline: plan.inline }),
    limits: { webSocketMessageBytes: plan.messageBytes, webSocketFragments: FRAGMENTS },
  });
  const sent = traffic(plan, random, link);
  if (plan.closesFirst) void link.session.close(1000, 'enough');
  for (const read of readsOf(random, sent.octets, plan.reads)) {
    link.send(read);
    while (link.transport.pending) link.transport.turn();
  }
  await link.settle();
  const isOffence = plan.offence !== undefined;
  const faults = [
    ...heard(link, plan, sent.code, isOffence, sent.pings), ...delivery(plan, got, sent.delivered),
  ];
  // A client leaves the end of the connection to the server (RFC 6455 §7.1.1).
  if ((plan.carrier !== 'client' || isOffence) && !link.ended) faults.push('it has not ended');
  link.sendEof();
  await link.settle();
  if (link.charged !== 0) faults.push(`${link.charged} octets are left on the ledger`);
  if (link.failed.length > 0) faults.push(`failed: ${link.failed.join()}`);
  if (!link.transport.closed) link.transport.disconnect();
  return faults;
}

/** What the peer saw, and what the session and the program were told. */
function heard(
  link: Link, plan: Plan, code: number, isOffence: boolean, pings: readonly string[],
): string[] {
  const faults: string[] = [];
  const frames = link.took();
  const closes = frames.filter(({ opcode }) => opcode === CLOSE);
  const [told, reason] = closes[0] === undefined ? [0, ''] : closeOf(closes[0].payload);
  // One Close alone: the first that was due.
  const wanted = plan.closesFirst ? 1000 : code;
  if (closes.length !== 1 || told !== wanted || frames.at(-1)?.opcode !== CLOSE) {
    faults.push(`Close ${told} ${reason}, not ${wanted}; ${frames.length} frames`);
  }
  const pongs = frames.filter(({ opcode }) => opcode === PONG)
    .map(({ payload }) => Buffer.from(payload).toString('latin1'));
  // After Close nothing is said.
  if (!plan.closesFirst && String(pongs) !== String(pings)) {
    faults.push(`${pings.length} pings and ${pongs.length} pongs`);
  }
  if (link.restBytes > 0 || frames.some(({ opcode }) => opcode < CLOSE)) faults.push('more came');
  const { closure } = link;
  if (closure?.code !== code || closure.clean === isOffence) {
    faults.push(`closed: ${JSON.stringify(closure)}, not ${code}`);
  }
  const isSame = !isOffence || plan.closesFirst || (closure?.reason ?? '').startsWith(reason);
  if (!isSame || (isOffence && reason === '')) faults.push(`another reason: ${reason}`);
  const refused = isOffence ? [closure?.reason] : [];
  if (String(link.refused) !== String(refused)) faults.push(`refused: ${link.refused.join()}`);
  return faults;
}

function delivery(plan: Plan, got: readonly Content[], due: readonly Content[]): string[] {
  // After our Close what is over `unreadBytes` and waits for its reader is dropped.
  const mayDrop = plan.closesFirst && plan.messageBytes >= LARGE_BYTES;
  let at = 0;
  for (const { isText, octets } of due) {
    const next = got[at];
    const same = next?.isText === isText && Buffer.compare(next.octets, octets) === 0;
    if (same) at++;
    else if (!mayDrop) break;
  }
  const isWhole = at === got.length && (mayDrop || at === due.length);
  return isWhole ? [] : [`${got.length} of ${due.length} messages were delivered, or others`];
}

/** The connection number `index` of a run: what failed, and what it was to be. */
export async function runIllegal(
  seed: number, index: number,
): Promise<{ readonly name: string; readonly failed: string | undefined }> {
  const random = Random.case(seed, index);
  const plan = planOf(random);
  const own = random.next();
  const name = plan.offence ?? 'Close';
  const faults = await connection(plan, own);
  if (faults.length === 0) return { name, failed: undefined };
  const least = await simpler(plan, own);
  const left = (await connection(least, own)).join('; ');
  const failed = `seed ${seed}, connection ${index}: ${faults.join('; ')}\n` +
    `${JSON.stringify(least)} of seed ${own}: ${left}`;
  return { name, failed };
}

/** The simplest plan that still fails: letters stand for what is not plain about it. */
async function simpler(plan: Plan, seed: number): Promise<Plan> {
  const plain: Readonly<Record<string, Partial<Plan>>> = {
    c: { carrier: 'server, HTTP/1.1' }, r: { reader: 'a listener' }, i: { inline: true },
    s: { reads: 0 }, m: { messages: 0 }, f: { closesFirst: false }, h: { headerAlone: false },
  };
  const of = (kept: string): Plan => Object.entries(plain).reduce(
    (found, [letter, change]) => (kept.includes(letter) ? found : { ...found, ...change }), plan,
  );
  const fails = async (kept: string): Promise<boolean> =>
    (await connection(of(kept), seed)).length > 0;
  return of(await shrink(Object.keys(plain).join(''), fails));
}

/** So many connections. Returns what failed; `tally` counts what was tried. */
export async function fuzzIllegal(
  seed: number, connections: number, tally = new Map<string, number>(),
): Promise<string[]> {
  const { stackTraceLimit } = Error;
  // Errors are what each connection ends in, and their stacks are most of what they cost.
  Error.stackTraceLimit = 0;
  const failed: string[] = [];
  try {
    for (let index = 0; index < connections && failed.length < FAILURES_MAX; index++) {
      const result = await runIllegal(seed, index);
      tally.set(result.name, (tally.get(result.name) ?? 0) + 1);
      if (result.failed !== undefined) failed.push(result.failed);
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return failed;
}
