/**
 * The client's side in memory, with a raw server as its peer: writes any frame to it, right or
 * wrong, and reads back what it sent and what became of its requests.
 *
 * `asking` makes a client whose settings were exchanged; `clientVerdict` sends the same octets
 * whole, octet by octet and in two, and insists on one outcome.
 */
import { Buffer } from 'node:buffer';
import {
  ACK, GOAWAY, PING, PREFACE, RST_STREAM, errorName,
} from '../../src/http2/frame.ts';
import { HpackDecoder } from '../../src/http2/hpack/index.ts';
import {
  Http2Client, type ClientRequest, type ClientResponse, type Http2ClientOptions,
} from '../../src/http2/index.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { framesOf, join, numberIn, settings, settingsAck, type Frame } from './http2.ts';

export interface AskingOptions extends Partial<Omit<Http2ClientOptions, 'limits' | 'pushed'>> {
  readonly limits?: Partial<Limits>;
  /** Whether push is allowed. */
  readonly push?: boolean;
}

/** What became of octets that a server sent. */
export interface ClientOutcome {
  /** The name of GOAWAY's code, or undefined. */
  readonly goaway: string | undefined;
  /** Names of codes by stream. */
  readonly resets: Readonly<Record<number, string>>;
  /** Of each request: `waits`, `200 cut`, `200 content`, or `failed: why`. */
  readonly answers: readonly string[];
  /** The same of what was pushed, each after its path. */
  readonly pushed: readonly string[];
  readonly pings: number;
  readonly ended: boolean;
}

export class Asking {
  readonly client: Http2Client;
  readonly transport: MemoryTransport;
  /** The first octets that the client sent, as many as a preface has. */
  readonly preface: Uint8Array;
  /** All frames that were taken so far. */
  readonly all: Frame[] = [];
  readonly #answers: string[] = [];
  readonly #pushed: string[] = [];
  readonly #decoder = new HpackDecoder();

  constructor({ limits: some, push = false, ...options }: AskingOptions) {
    const limits = limitsFrom(some);
    let client: Http2Client | undefined;
    const pushed = (path: string, response: Promise<ClientResponse>): void => {
      this.#watch(this.#pushed, response, `${path} `);
    };
    this.transport = new MemoryTransport((transport) => {
      client = new Http2Client(transport, { limits, ...options, ...push ? { pushed } : {} });
      return client;
    }, { limits });
    this.client = client as unknown as Http2Client;
    const octets = this.transport.takeBytes();
    this.preface = octets.subarray(0, PREFACE.length);
    this.all.push(...framesOf(octets.subarray(PREFACE.length), this.#decoder));
  }

  /** Asks, and notes what becomes of it. */
  ask(request: Partial<ClientRequest> = {}): this {
    this.#watch(this.#answers, this.client.request({ authority: 'a', ...request }));
    return this;
  }

  /** Sends frames as one read, lets all settle, and gives what came back. */
  async send(...frames: readonly Uint8Array[]): Promise<Frame[]> {
    this.transport.send(join(...frames));
    return this.settled();
  }

  async settled(): Promise<Frame[]> {
    await this.transport.settle();
    const frames = framesOf(this.transport.takeBytes(), this.#decoder);
    this.all.push(...frames);
    return frames;
  }

  get outcome(): ClientOutcome {
    const gone = this.all.find(({ type }) => type === GOAWAY);
    const resets = this.all.filter(({ type }) => type === RST_STREAM)
      .map((one) => [one.streamId, errorName(numberIn(one))]);
    return {
      goaway: gone && errorName(numberIn(gone, 4)),
      resets: Object.fromEntries(resets) as Record<number, string>,
      answers: [...this.#answers], pushed: [...this.#pushed],
      pings: this.all.filter(({ type, flags }) => type === PING && flags === ACK).length,
      ended: this.transport.ended,
    };
  }

  #watch(notes: string[], response: Promise<ClientResponse>, label = ''): void {
    const at = notes.push(`${label}waits`) - 1;
    const read = async (): Promise<string> => {
      const { status, body } = await response;
      notes[at] = `${label}${status} cut`;
      const content = Buffer.from(await body.bytes()).toString('latin1');
      return `${status} ${content}`.trim();
    };
    const note = (text: string): void => { notes[at] = `${label}${text}`; };
    read().then(note, (error: Error) => note(`failed: ${error.message}`));
  }
}

/** A client whose settings were exchanged; `pairs` are the server's. */
export async function asking(
  options: AskingOptions = {}, pairs: readonly (readonly [number, number])[] = [],
): Promise<Asking> {
  const one = new Asking(options);
  await one.send(settings(pairs), settingsAck);
  return one;
}

/** The octets whole, octet by octet, and in two at some places. */
function cuts(octets: Uint8Array): Uint8Array[][] {
  const found = [[octets], [...octets].map((octet) => Uint8Array.of(octet))];
  const step = Math.max(1, Math.floor(octets.length / 40));
  for (let at = 1; at < octets.length; at += step) {
    found.push([octets.subarray(0, at), octets.subarray(at)]);
  }
  return found;
}

/** Makes a client ask, sends it the octets at every cut, and insists on one outcome. */
export async function clientVerdict(
  octets: Uint8Array, options: AskingOptions = {},
  ask: (one: Asking) => unknown = (one) => one.ask(),
): Promise<ClientOutcome> {
  let first: ClientOutcome | undefined;
  for (const segments of cuts(octets)) {
    const one = await asking(options);
    ask(one);
    await one.settled();
    for (const segment of segments) one.transport.send(segment);
    await one.settled();
    first ??= one.outcome;
    const [whole, other] = [JSON.stringify(first), JSON.stringify(one.outcome)];
    if (whole === other) continue;
    throw new Error(`another outcome at ${segments[0]?.length}:\n${other}\nwhole:\n${whole}`);
  }
  return first as ClientOutcome;
}
