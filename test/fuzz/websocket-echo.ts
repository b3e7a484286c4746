/**
 * Legal traffic against sessions that echo: connections by chance, each repeatable by the seed of
 * its run and its number. Every message comes back as it was, every ping is answered in order, the
 * end is clean and nothing stays on the ledger.
 *
 * A message is made of a seed of its own, so that a failing connection can be had with fewer.
 */
import { Buffer } from 'node:buffer';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { prepare } from '../../src/websocket/prepared-message.ts';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import type { DeflateOptions } from '../../src/websocket/deflate-parameters.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { Random } from '../support/random.ts';
import { openLink, type Carrier, type Link } from '../support/websocket-link.ts';
import type { WireFrame } from '../support/websocket-octets.ts';
import { shrink } from './shrink.ts';
import {
  content, fragmentCount, fragmentsOf, messageLength, readsOf, type Content,
} from './websocket-traffic.ts';
import { Compressor, Decompressor, agreed } from '../support/websocket-zlib.ts';

/** A run stops here: one fault in the source fails many connections. */
const FAILURES_MAX = 3;
/** Octets of messages that are on their way at once: then the echoes are awaited. */
const STEP_BYTES = 1024 * 1024;
/** So little output never stands, so that each ping has its own answer. */
const EXACT_BYTES = 64 * 1024;
/** Times that a slow reader reads on and nothing comes, before an echo counts as lost. */
const PATIENCE = 50;

type Echo = (session: WebSocketSession) => unknown;

const ECHOES = {
  'a listener that waits': (session) => session.onMessage((message) => session.send(message)),
  'a listener that does not wait': (session) =>
    session.onMessage((message) => void session.send(message)),
  'a listener that tries': (session) => session.onMessage((message) =>
    (session.trySend(message) ? undefined : session.send(message))),
  'a listener that prepares some': (session) => session.onMessage((message) =>
    session.send(message.length % 3 > 0 ? prepare(message) : message)),
  'iteration': async (session) => {
    for await (const message of session) await session.send(message);
  },
  'pieces': async (session) => {
    for await (const message of session.streams()) await session.send(message);
  },
} satisfies Record<string, Echo>;

export interface Plan {
  readonly carrier: Carrier;
  readonly echo: keyof typeof ECHOES;
  readonly deflate: Partial<DeflateOptions> | undefined;
  readonly extensions: string | undefined;
  readonly inline: boolean;
  /** What a slow reader takes at a time. */
  readonly window: number | undefined;
  /** Reads of a step at most; Infinity: octet by octet, if it is short. */
  readonly reads: number;
  /** Whether all settles between reads. */
  readonly settles: boolean;
  readonly messages: number;
  /** Messages of a step at most. */
  readonly batch: number;
  readonly end: 'peer' | 'session';
}

const BITS = [9, 10, 11, 12, 13, 14, 15];

function planOf(random: Random): Plan {
  const carrier: Carrier = random.chance(0.1) ? 'server, HTTP/2'
    : random.chance(0.3) ? 'client' : 'server, HTTP/1.1';
  const deflate = random.chance(0.5) ? optionsOf(random) : undefined;
  const messages = random.pick([1, 30, 100, 300, 600]);
  return {
    carrier, deflate, messages,
    echo: random.pick(Object.keys(ECHOES) as (keyof typeof ECHOES)[]),
    extensions: carrier === 'client' ? answerOf(random, deflate)
      : random.chance(0.9) ? offerOf(random) : undefined,
    inline: random.chance(0.7),
    window: random.chance(0.15) ? random.pick([2000, 30_000, 300_000]) : undefined,
    reads: random.pick([0, 1, 3, 20, 100, Infinity]),
    settles: random.chance(0.1),
    batch: random.pick([1, 4, 20, 60]),
    end: random.pick(['peer', 'session']),
  };
}

/** What the session under test wants. */
function optionsOf(random: Random): Partial<DeflateOptions> {
  return {
    serverNoContextTakeover: random.chance(0.5), clientNoContextTakeover: random.chance(0.5),
    serverMaxWindowBits: random.chance(0.5) ? 15 : random.pick(BITS),
    clientMaxWindowBits: random.chance(0.5) ? 15 : random.pick(BITS),
    thresholdBytes: random.pick([0, 1, 100, 1024]),
  };
}

/** What a client asks of the server under test (RFC 7692 §7.1). */
function offerOf(random: Random): string {
  const bits = (): string => `=${random.pick(BITS)}`;
  return ['permessage-deflate',
    random.chance(0.4) ? 'server_no_context_takeover' : '',
    random.chance(0.4) ? 'client_no_context_takeover' : '',
    random.chance(0.4) ? `server_max_window_bits${bits()}` : '',
    random.chance(0.8) ? `client_max_window_bits${random.chance(0.5) ? bits() : ''}` : '',
  ].filter((one) => one !== '').join('; ');
}

/** What a server answers to the offer of the client under test, if anything. */
function answerOf(
  random: Random, offered: Partial<DeflateOptions> | undefined,
): string | undefined {
  if (offered === undefined || random.chance(0.1)) return undefined;
  const serverBits = random.pick(BITS.filter((bits) => bits <= offered.serverMaxWindowBits!));
  return ['permessage-deflate',
    offered.serverNoContextTakeover || random.chance(0.3) ? 'server_no_context_takeover' : '',
    random.chance(0.4) ? 'client_no_context_takeover' : '',
    serverBits < 15 || random.chance(0.3) ? `server_max_window_bits=${serverBits}` : '',
    random.chance(0.5) ? `client_max_window_bits=${random.pick(BITS)}` : '',
  ].filter((one) => one !== '').join('; ');
}

/** The other end of one connection. */
class EchoRun {
  readonly faults: string[] = [];
  readonly #plan: Plan;
  readonly #random: Random;
  readonly #link: Link;
  readonly #compressor: Compressor | undefined;
  readonly #decompressor: Decompressor | undefined;
  // What is due
  #due: Content[] = [];
  #pings: string[] = [];
  #dueBytes = 0;
  // What came
  #came: Content[] = [];
  #pongs: string[] = [];
  #asked: Buffer[] = [];
  #opcode = 0;
  #isCompressed = false;
  #parts: Uint8Array[] = [];

  constructor(plan: Plan, random: Random, link: Link) {
    this.#plan = plan;
    this.#random = random;
    this.#link = link;
    if (!link.session.compressed) return;
    // The answer is the server's, whichever is under test.
    const answer = plan.carrier === 'client' ? plan.extensions : link.extensions;
    const halves = agreed(answer as string, plan.carrier !== 'client');
    this.#compressor = new Compressor(halves.deflate, random);
    this.#decompressor = new Decompressor(halves.inflate);
  }

  /** Messages of these seeds at once; then all that is due must come. */
  async step(seeds: readonly number[]): Promise<void> {
    const frames: Uint8Array[] = [];
    for (const seed of seeds) await this.#message(new Random(seed), frames);
    const asks = this.#random.chance(0.05) && this.#link.session.isOpen;
    let isAnswered = false;
    if (asks) void this.#link.session.ping().then(() => { isAnswered = true; });
    await this.#send(Buffer.concat(frames));
    await this.#compare();
    if (!asks) return;
    const [asked] = this.#asked.splice(0);
    if (asked === undefined) return this.#fault('no ping came');
    await this.#link.exchange(this.#link.octetsOf(PONG, asked));
    if (!isAnswered) this.#fault('a ping was answered, and the session does not know');
  }

  async #message(random: Random, frames: Uint8Array[]): Promise<void> {
    const link = this.#link;
    const count = fragmentCount(random);
    const isCompressed = this.#compressor !== undefined && random.chance(0.7);
    const isText = random.chance(0.5);
    const message = content(random, isText, messageLength(random, count, isCompressed));
    const payload = isCompressed
      ? await (this.#compressor as Compressor).compress(message.octets, random) : message.octets;
    fragmentsOf(random, payload, count).forEach((part, i) => {
      if (random.chance(count > 10 ? 0.01 : 0.1)) this.#control(random, frames);
      const reserved = isCompressed && i === 0 ? RSV1 : 0;
      const opcode = i > 0 ? CONTINUATION : isText ? TEXT : BINARY;
      frames.push(link.octetsOf(opcode, part, { reserved, final: i === count - 1 }));
    });
    this.#due.push(message);
    this.#dueBytes += message.octets.length;
  }

  #control(random: Random, frames: Uint8Array[]): void {
    const { octets } = content(random, false, random.pick([0, 4, 20, 125]));
    // A pong that nobody asked for is legal (RFC 6455 §5.5.3).
    const isPing = random.chance(0.8);
    frames.push(this.#link.octetsOf(isPing ? PING : PONG, octets));
    if (isPing) this.#pings.push(Buffer.from(octets).toString('latin1'));
  }

  async #send(octets: Uint8Array): Promise<void> {
    const { reads, settles, window } = this.#plan;
    const link = this.#link;
    for (const read of readsOf(this.#random, octets, reads)) {
      link.send(read);
      if (settles) await link.transport.settle();
      else while (link.transport.pending) link.transport.turn();
    }
    await link.settle();
    await this.#read();
    if (window === undefined) return;
    for (let quiet = 0; this.#came.length < this.#due.length && quiet < PATIENCE; quiet++) {
      link.release(window);
      await link.settle();
      if (link.frames.length > 0 || link.restBytes > 0) quiet = 0;
      await this.#read();
    }
    // What stands behind the last echo: a pong or two.
    link.release(1000);
    await link.settle();
    await this.#read();
  }

  async #read(): Promise<void> {
    for (const frame of this.#link.took()) await this.#take(frame);
  }

  async #take({ opcode, reserved, final, payload }: WireFrame): Promise<void> {
    if (opcode === PONG) this.#pongs.push(Buffer.from(payload).toString('latin1'));
    else if (opcode === PING) this.#asked.push(Buffer.from(payload));
    else if (opcode === CLOSE) this.#fault(`Close: ${closeOf(payload).join(' ')}`);
    if (opcode >= CLOSE) return;
    if (opcode !== CONTINUATION) {
      if (this.#parts.length > 0) this.#fault('a message within another');
      this.#opcode = opcode;
      this.#isCompressed = reserved === RSV1;
    }
    this.#parts.push(payload);
    if (!final) return;
    let octets: Uint8Array = Buffer.concat(this.#parts);
    this.#parts = [];
    if (this.#isCompressed) {
      try {
        octets = await (this.#decompressor as Decompressor).decompress(octets);
      } catch (error) {
        this.#fault(`an echo does not inflate: ${String(error)}`);
      }
    }
    this.#came.push({ isText: this.#opcode === TEXT, octets });
  }

  async #compare(): Promise<void> {
    const link = this.#link;
    const [due, came] = [this.#due.splice(0), this.#came.splice(0)];
    const [pings, pongs] = [this.#pings.splice(0), this.#pongs.splice(0)];
    const dueBytes = this.#dueBytes;
    this.#dueBytes = 0;
    due.forEach((message, i) => {
      const echo = came[i];
      const same = echo !== undefined && echo.isText === message.isText &&
        Buffer.compare(echo.octets, message.octets) === 0;
      if (!same) this.#fault(`message ${i} of ${due.length}: ${shown(message)} is ${shown(echo)}`);
    });
    if (came.length > due.length) this.#fault(`${came.length - due.length} messages too many`);
    const isExact = this.#plan.window === undefined && dueBytes < EXACT_BYTES;
    if (isExact ? String(pongs) !== String(pings) : !isLatest(pongs, pings)) {
      this.#fault(`${pings.length} pings, and ${pongs.length} pongs: ${pongs.join()}`);
    }
    if (!link.session.isOpen) this.#fault(`it has closed: ${JSON.stringify(link.closure)}`);
    // What a tick tells the ledger: windows of context takeover alone are held.
    link.transport.tick(250);
    const held = this.#plan.carrier === 'server, HTTP/2' ? 0 : link.charged;
    if (held > (link.session.compressed ? 2 * 32 * 1024 : 0)) this.#fault(`${held} octets held`);
  }

  /** A clean end, begun by either side. */
  async finish(): Promise<void> {
    const link = this.#link;
    const random = this.#random;
    const code = random.pick([1000, 1001, 3000, 4999]);
    const payload = Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from('bye')]);
    const close = link.octetsOf(CLOSE, payload);
    if (this.#plan.end === 'peer') {
      link.send(close);
    } else {
      void link.session.close(code, 'bye');
      await link.settle();
      link.send(close);
    }
    link.release();
    await link.settle();
    const frames = link.took();
    const [last] = frames;
    const said = last?.opcode === CLOSE ? closeOf(last.payload) : [];
    if (frames.length !== 1 || said[0] !== code) {
      this.#fault(`not a Close alone: ${frames.map(({ opcode }) => opcode).join()} ${said.join()}`);
    }
    if (this.#plan.carrier !== 'client' && !link.ended) this.#fault('the server has not ended');
    link.sendEof();
    await link.settle();
    const { code: told, reason, clean } = link.closure ?? {};
    if (told !== code || reason !== 'bye' || clean !== true) {
      this.#fault(`closed: ${JSON.stringify(link.closure)}`);
    }
    if (link.charged !== 0) this.#fault(`${link.charged} octets are left on the ledger`);
    const noted = [...link.refused, ...link.failed.map(String)];
    if (noted.length > 0) this.#fault(`told of: ${noted.join()}`);
    this.release();
  }

  release(): void {
    this.#compressor?.close();
    this.#decompressor?.close();
    if (!this.#link.transport.closed) this.#link.transport.disconnect();
  }

  #fault(what: string): void {
    if (this.faults.length < 5) this.faults.push(what);
  }
}

/** Pongs in order, of some of the pings: the last one is among them (RFC 6455 §5.5.3). */
function isLatest(pongs: readonly string[], pings: readonly string[]): boolean {
  let at = 0;
  for (const pong of pongs) {
    at = pings.indexOf(pong, at) + 1;
    if (at === 0) return false;
  }
  return pings.at(-1) === pongs.at(-1);
}

export function closeOf(payload: Uint8Array): readonly [number, string] {
  const octets = Buffer.from(payload);
  return octets.length < 2 ? [1005, ''] : [octets.readUInt16BE(), octets.toString('utf8', 2)];
}

function shown(message: Content | undefined): string {
  if (message === undefined) return 'lost';
  const { isText, octets } = message;
  const start = Buffer.from(octets.subarray(0, 16)).toString('hex');
  return `${isText ? 'text' : 'binary'} of ${octets.length} (${start}...)`;
}

/** One connection: its plan, and the seeds of its messages. */
async function connection(
  plan: Plan, seed: number, seeds: readonly number[],
): Promise<readonly string[]> {
  const zlib = new ZlibBudget({ inline: plan.inline, jobs: 2 });
  const { carrier, deflate, extensions, window } = plan;
  const link = await openLink(carrier, {
    serve: ECHOES[plan.echo], deflate, extensions, window, zlib,
  });
  const random = new Random(seed);
  const run = new EchoRun(plan, random, link);
  try {
    for (let at = 0; at < seeds.length && run.faults.length === 0;) {
      const step = seeds.slice(at, at + random.between(1, plan.batch));
      at += step.length;
      for (const part of parts(step)) await run.step(part);
    }
    if (run.faults.length === 0) await run.finish();
  } catch (error) {
    run.faults.push(String(error instanceof Error ? error.stack : error));
  }
  run.release();
  return run.faults;
}

/** Large messages, one of which fills a step, are sent alone. */
function parts(seeds: readonly number[]): number[][] {
  const found: number[][] = [[]];
  let octets = 0;
  for (const seed of seeds) {
    // The first of what `#message` asks chance for.
    const random = new Random(seed);
    const count = fragmentCount(random);
    random.chance(0.7);
    random.chance(0.5);
    octets += messageLength(random, count, true);
    if (octets > STEP_BYTES) {
      octets = 0;
      found.push([]);
    }
    (found.at(-1) as number[]).push(seed);
  }
  return found.filter(({ length }) => length > 0);
}

/** The connection number `index` of a run. Returns how many messages it had, and what failed. */
export async function runEcho(
  seed: number, index: number,
): Promise<{ readonly messages: number; readonly failed: string | undefined }> {
  const random = Random.case(seed, index);
  const plan = planOf(random);
  const own = random.next();
  const seeds = Array.from({ length: plan.messages }, () => random.next());
  const faults = await connection(plan, own, seeds);
  if (faults.length === 0) return { messages: seeds.length, failed: undefined };
  // Each message is a character, so that what makes a text small makes this small.
  const chosen = (text: string): number[] => [...text].map((one) =>
    seeds[(one.codePointAt(0) as number) - 0x100] as number);
  const all = String.fromCharCode(...seeds.map((_, i) => i + 0x100));
  const fails = async (text: string): Promise<boolean> =>
    (await connection(plan, own, chosen(text))).length > 0;
  const least = chosen(await shrink(all, fails));
  const left = (await connection(plan, own, least)).join('\n');
  const failed = `seed ${seed}, connection ${index}: ${faults.join('\n')}\n${
    JSON.stringify(plan)}\nwith the messages ${least.join()} of seed ${own}: ${left}`;
  return { messages: seeds.length, failed };
}

/** Connections of a run until so many messages were sent. Returns what failed. */
export async function fuzzEchoes(seed: number, messages: number): Promise<string[]> {
  const failed: string[] = [];
  let sent = 0;
  for (let index = 0; sent < messages && failed.length < FAILURES_MAX; index++) {
    const result = await runEcho(seed, index);
    sent += result.messages;
    if (result.failed !== undefined) failed.push(result.failed);
  }
  return failed;
}
