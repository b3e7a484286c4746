/**
 * Many clients of one server, each in the midst of something when it closes: what they see decides
 * whether its drain is one. Clear text and TLS, HTTP/1.1 and HTTP/2, tunnels, idlers, and sockets
 * that are no connections yet. FLEET_SERVER is what they talk to, as the script of a child.
 */
import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { begin, replyOf, type Reply } from './http2-sockets.ts';
import type { Random } from './random.ts';
import type { Client } from './sockets.ts';
import {
  HeldSocket, opened, openedSession, secured, sessionThrough,
} from './secure-place.ts';

const PIECES = 20;
const PIECE_BYTES = 1000;

/** How long the server watches what is idle: a busy client must get to ask within it. */
export const IDLE_MS = 1000;

/** Streams of a session, by kind; and connections, each in clear text and as many under TLS. */
const STREAMS = { slow: 5, down: 5, up: 5, echo: 3, tunnel: 2 } as const;
const SESSIONS = 5;
const CROWD = {
  asking: 25, pipeline: 10, slow: 35, down: 25, up: 20, echo: 10, tunnel: 10, idle: 10, silent: 10,
} as const;
const PIPELINED = 3;
/** Connections of which the first octets alone have come, of each sort. */
const HANDSHAKES = 10;
const GREETINGS = 5;

/** Answers each kind; an echo behind a switch says `bye` when it has heard of the close. */
export const FLEET_SERVER = `
  facts.begun = 0;
  const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  async function* pieces(content, ms) {
    const startedAt = performance.now();
    for (let count = 1; count <= ${PIECES}; count++) {
      // By the clock: a busy machine must not make it longer piece by piece.
      await delay(startedAt + count * ms / ${PIECES} - performance.now());
      yield Buffer.from(content);
    }
  }
  const nothing = () => {};
  const echo = (transport) => {
    let draining = false;
    return {
      idle: false,
      receive: (octets) => void transport.write(transport.keep(octets, 0, octets.length)),
      eof: () => {
        if (draining) transport.write('bye');
        transport.end();
      },
      shutdown: () => draining = true,
      failed: (cause) => transport.destroy(cause),
      proceed: nothing, drained: nothing, flush: nothing, tick: nothing, closed: nothing,
    };
  };
  async function handle(request) {
    const [tag, ms] = request.query.split('-');
    if (request.path !== '/asking') facts.begun++;
    switch (request.path) {
      case '/down': return new HttpResponse(200, {}, pieces(tag.repeat(${PIECE_BYTES}), ms));
      case '/up': return new HttpResponse(200, {}, await request.body.text());
      case '/echo': return new HttpResponse(200, {}, request.body);
      case '/tunnel': return HttpResponse.switching(echo);
    }
    if (ms > 0) await delay(ms);
    return new HttpResponse(200, {}, tag);
  }
  const service = { handle, connectProtocols: ['echo'] };
`;

/** Kinds that are a request, an answer and nothing else. */
type Kind = 'slow' | 'down' | 'up' | 'echo' | 'tunnel';

/** One thing to do: how long it lasts, and a letter that its content is made of. */
interface Task {
  readonly kind: Kind;
  readonly tag: string;
  readonly ms: number;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

const sends = (kind: Kind): boolean => kind === 'up' || kind === 'echo' || kind === 'tunnel';

/** The content of its answer. */
function expected({ kind, tag }: Task): string {
  if (kind === 'slow') return tag;
  const content = tag.repeat(PIECE_BYTES * PIECES);
  return kind === 'tunnel' ? `${content}bye` : content;
}

/** Sends its content piece by piece over its length. */
async function sendSlowly({ tag, ms }: Task, send: (piece: string) => void): Promise<void> {
  const startedAt = performance.now();
  for (let count = 1; count <= PIECES; count++) {
    await pause(startedAt + count * ms / PIECES - performance.now());
    send(tag.repeat(PIECE_BYTES));
  }
}

function head({ kind, tag, ms }: Task): string {
  const length = `Content-Length: ${PIECE_BYTES * PIECES}\r\n`;
  const upgrade = 'Connection: upgrade\r\nUpgrade: echo\r\n';
  const [method, fields] = kind === 'tunnel'
    ? ['GET', upgrade]
    : sends(kind) ? ['POST', length] : ['GET', ''];
  return `${method} /${kind}?${tag}-${ms} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`;
}

const asking = (tag: string, ms: number): string =>
  `GET /asking?${tag}-${ms} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** A whole 200 with that content. */
function insistOn(client: Client, contents: readonly string[]): void {
  const answers = client.answers();
  insist(answers.every(({ status }) => status === 200), `not 200: ${answers[0]?.status}`);
  const bodies = answers.map(({ body }) => body);
  insist(bodies.join() === contents.join(), `${bodies.length} answers, not as asked for`);
}

const saidClose = (client: Client): boolean =>
  client.answers().at(-1)?.fields.get('connection') === 'close';

export class Fleet {
  /** What was not as it should be. */
  readonly faults: string[] = [];
  /** Exchanges begun, of which some are not over, and others were refused in a way that is safe. */
  begun = 0;
  inFlight = 0;
  refused = 0;
  /** The most that one took beyond its own length, counted from the signal on. */
  slackMs = -Infinity;
  readonly #port: number;
  readonly #random: Random;
  readonly #longestMs: number;
  readonly #mostSlackMs: number;
  readonly #untilSignal: Promise<void>;
  /** Connections that are made, and what each is to do when all are. */
  readonly #starts: (() => Promise<void>)[] = [];
  #signal!: () => void;
  #signalledAt = 0;

  /** No exchange lasts longer than `longestMs`, nor takes `slackMs` beyond its own length. */
  constructor(port: number, random: Random, longestMs: number, slackMs: number) {
    this.#port = port;
    this.#random = random;
    this.#longestMs = longestMs;
    this.#mostSlackMs = slackMs;
    this.#untilSignal = new Promise((resolve) => this.#signal = resolve);
  }

  /** Connects all; resolves to how many exchanges will reach their handlers before long. */
  async connect(): Promise<number> {
    for (const secure of [false, true]) {
      await this.#each(CROWD.asking, () => this.#asker(secure));
      await this.#each(CROWD.pipeline, () => this.#pipeline(secure));
      for (const kind of ['slow', 'down', 'up', 'echo', 'tunnel'] as const) {
        await this.#each(CROWD[kind], () => this.#single(secure, kind));
      }
      await this.#each(CROWD.idle, (index) => this.#idler(secure, true, index % 2 === 0));
      await this.#each(CROWD.silent, (index) => this.#idler(secure, false, index % 2 === 0));
      await this.#each(SESSIONS, () => this.#session(secure));
    }
    await this.#each(HANDSHAKES, () => this.#handshake());
    await this.#each(HANDSHAKES, () => this.#greeting(true, 300));
    await this.#each(GREETINGS, () => this.#greeting(false, 60));
    const { slow, down, up, echo, tunnel } = CROWD;
    const streams = Object.values(STREAMS).reduce((sum, count) => sum + count, 0);
    const singles = slow + down + up + echo + tunnel + CROWD.pipeline * PIPELINED;
    return 2 * (singles + SESSIONS * streams);
  }

  /** Begins all; resolves when all is over. */
  async run(): Promise<void> {
    await Promise.all(this.#starts.map((start) => start()));
  }

  /** The server was told to close. */
  signalled(): void {
    this.#signalledAt = performance.now();
    this.#signal();
  }

  async #each(count: number, make: (index: number) => Promise<void>): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, index) => make(index)));
  }

  #task(kind: Kind): Task {
    const half = this.#longestMs / 2;
    const tag = String.fromCharCode(97 + this.#random.int(26));
    return { kind, tag, ms: half + this.#random.int(half) };
  }

  /** Runs one exchange, or several that count as one, and notes what is wrong with it. */
  async #exchange(
    what: string, ms: number, act: () => Promise<void>, count = 1,
  ): Promise<void> {
    const startedAt = performance.now();
    this.begun += count;
    this.inFlight += count;
    try {
      await act();
    } catch (error) {
      this.faults.push(`${what}: ${String(error).slice(0, 200)}`);
    }
    this.inFlight -= count;
    const slackMs = performance.now() - Math.max(startedAt, this.#signalledAt) - ms;
    this.slackMs = Math.max(this.slackMs, slackMs);
    if (slackMs <= this.#mostSlackMs) return;
    this.faults.push(`${what}: ${Math.round(slackMs)} ms too long`);
  }

  /** On a connection of its own, which then ends. */
  async #single(secure: boolean, kind: Kind): Promise<void> {
    const client = await opened(this.#port, secure);
    const task = this.#task(kind);
    this.#starts.push(() => this.#exchange(`${kind} ${String(secure)}`, task.ms, async () => {
      client.send(head(task));
      if (kind === 'tunnel') await this.#tunnelled(client, task);
      else await this.#answered(client, task);
    }).then(() => this.#ended(client)));
  }

  /** The server ends the connection, without a fault. */
  async #ended(client: Client): Promise<void> {
    await client.sawEnd();
    client.socket.end();
    if (client.error !== undefined) this.faults.push(`it broke: ${client.error.code}`);
  }

  async #answered(client: Client, task: Task): Promise<void> {
    if (sends(task.kind)) await sendSlowly(task, (piece) => void client.send(piece));
    await client.answered(1);
    insistOn(client, [expected(task)]);
    // The head of an answer in pieces was written long before.
    const tells = task.kind === 'slow' || task.kind === 'up';
    insist(!tells || saidClose(client), 'connection: close was not said');
  }

  async #tunnelled(client: Client, task: Task): Promise<void> {
    await client.saw('\r\n\r\n');
    insist(client.text.startsWith('HTTP/1.1 101 '), 'no switch');
    await sendSlowly(task, (piece) => void client.send(piece));
    client.socket.end();
    await client.sawEnd();
    const { text } = client;
    insist(text.slice(text.indexOf('\r\n\r\n') + 4) === expected(task), 'the echo is another');
  }

  /** Several requests at once, answered in their order. */
  async #pipeline(secure: boolean): Promise<void> {
    const client = await opened(this.#port, secure);
    const tasks = Array.from({ length: PIPELINED }, () => this.#task('slow'));
    const ms = Math.max(...tasks.map((task) => task.ms));
    this.#starts.push(() => this.#exchange('pipeline', ms, async () => {
      client.send(tasks.map(head).join(''));
      await client.answered(PIPELINED);
      insistOn(client, tasks.map(expected));
      insist(saidClose(client), 'connection: close was not said');
      client.socket.end();
    }, PIPELINED));
  }

  /** Asks again and again until it is told that nothing follows: all was answered until then. */
  async #asker(secure: boolean): Promise<void> {
    const client = await opened(this.#port, secure);
    this.#starts.push(async () => {
      for (let isOver = false; !isOver;) {
        const { tag, ms } = this.#task('slow');
        const shortMs = ms % 30;
        await this.#exchange('asking', shortMs, async () => {
          client.forget();
          isOver = true;
          await client.send(asking(tag, shortMs)).answered(1);
          insistOn(client, [tag]);
          isOver = saidClose(client);
        });
      }
      client.socket.end();
    });
  }

  /** Has nothing to do; after the signal it asks still, or sees its end without a word. */
  async #idler(secure: boolean, asked: boolean, asks: boolean): Promise<void> {
    const client = await opened(this.#port, secure);
    if (asked) await client.send(asking('i', 0)).answered(1);
    client.forget();
    const what = `${asked ? 'idle' : 'silent'} ${String(secure)}`;
    this.#starts.push(async () => {
      await this.#untilSignal;
      await this.#exchange(`${what} ${String(asks)}`, asks ? 0 : IDLE_MS, async () => {
        if (asks) await client.send(asking('l', 0)).answered(1);
        await client.sawEnd();
        insistOn(client, asks ? ['l'] : []);
        insist(client.error === undefined, `it broke: ${client.error?.code}`);
      });
      client.socket.end();
    });
  }

  /** A handshake of which some octets were sent before the signal; then it asks. */
  async #handshake(): Promise<void> {
    const held = await HeldSocket.connect(this.#port, this.#random.int(300));
    const handshake = secured(held);
    handshake.catch(() => {});
    this.#starts.push(async () => {
      await this.#untilSignal;
      await this.#exchange('handshake', 0, async () => {
        held.letGo();
        const client = await handshake;
        await client.send(asking('h', 0)).answered(1);
        insistOn(client, ['h']);
        insist(saidClose(client), 'connection: close was not said');
        client.socket.end();
      });
    });
  }

  /** A session that has begun to say who it is; then it asks. */
  async #greeting(secure: boolean, most: number): Promise<void> {
    const held = await HeldSocket.connect(this.#port, this.#random.int(most));
    const on = sessionThrough(held, secure);
    const reply = replyOf(begin(on, '/asking?g-0'));
    reply.catch(() => {});
    this.#starts.push(async () => {
      await this.#untilSignal;
      await this.#exchange(`greeting ${String(secure)}`, 0, async () => {
        held.letGo();
        await this.#answeredOrRefused(on, reply, 'g');
      });
    });
  }

  async #session(secure: boolean): Promise<void> {
    const on = await openedSession(this.#port, secure);
    const goaway = { last: Infinity };
    on.on('goaway', (_, last) => goaway.last = Math.min(goaway.last, last ?? 0));
    for (const [kind, count] of Object.entries(STREAMS) as [Kind, number][]) {
      for (let left = count; left > 0; left--) {
        const task = this.#task(kind);
        const what = `${kind} on a stream ${String(secure)}`;
        this.#starts.push(() => this.#exchange(what, task.ms, async () => {
          const stream = open(on, task);
          const reply = replyOf(stream);
          if (sends(kind)) await sendSlowly(task, (piece) => void stream.write(piece));
          stream.end();
          const { status, body } = await reply;
          insist(status === 200 && body === expected(task), `${status}, ${body.length} octets`);
          insist(Number(stream.id) <= goaway.last, 'it was answered above the last stream');
        }));
      }
    }
    this.#starts.push(() => this.#askOn(on));
  }

  /** Asks on a session until that takes no more. */
  async #askOn(on: ClientHttp2Session): Promise<void> {
    while (!on.closed) {
      await this.#exchange('asking on a session', 0, async () => {
        await this.#answeredOrRefused(on, replyOf(begin(on, '/asking?s-0')), 's');
      });
    }
    if (!on.destroyed) await once(on, 'close');
  }

  /** What was refused after GOAWAY was not looked at: it can be asked elsewhere (RFC 9113 §8.7). */
  async #answeredOrRefused(
    on: ClientHttp2Session, reply: Promise<Reply>, content: string,
  ): Promise<void> {
    try {
      const { status, body } = await reply;
      insist(status === 200 && body === content, `${status}, ${body}`);
    } catch (error) {
      insist(on.closed && /refused|GOAWAY|code 7/i.test(String(error)), String(error));
      this.refused++;
    }
  }
}

function open(on: ClientHttp2Session, { kind, tag, ms }: Task): ClientHttp2Stream {
  const path = `/${kind}?${tag}-${ms}`;
  const fields = kind === 'tunnel'
    ? { ':method': 'CONNECT', ':protocol': 'echo', ':path': path, ':scheme': 'http' }
    : { ':method': sends(kind) ? 'POST' : 'GET', ':path': path };
  return on.request(
    { ...fields, ':authority': 'localhost' }, { endStream: !sends(kind) },
  );
}
