/**
 * What simulated handlers do: answer at once or later, read or do not, stream, echo, fail. Each
 * behaviour says what a client may see of it.
 */
import { Buffer } from 'node:buffer';
import type { Body } from '../../src/http/body.ts';
import { HttpError } from '../../src/http/http-error.ts';
import { Fields } from '../../src/http/fields.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { Transport } from '../../src/protocol.ts';
import type { Plan } from './requests.ts';
import { Tunnel } from './tunnel.ts';
import { Provoked, WatchedSource, contentOf, digest, type World } from './world.ts';

type Answering = HttpResponse | Promise<HttpResponse>;

export interface Behaviour {
  readonly name: string;
  /** Whether it reads all content before it answers, so that the connection can go on. */
  readonly reads: boolean;
  /** Whether the connection may end with it. */
  readonly closes: boolean;
  /** Whether it never answers. */
  readonly never: boolean;
  /** Whether its content comes in pulls. */
  readonly streams: boolean;
  /** Whether its content breaks: before the head to a 500, after it to the connection's end. */
  readonly fails: boolean;
  readonly status: number;
  content(plan: Plan): string;
  handle(request: HttpRequest, plan: Plan, world: World): Answering;
}

const LENGTHS = [0, 1, 20, 700, 5000];

/** The answer's own content: half of the requests' ids give a short one. */
function own(plan: Plan): string {
  return contentOf(plan.id + 100, LENGTHS[plan.id % LENGTHS.length] as number);
}

function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function ok(plan: Plan, body: Body, status = 200): HttpResponse {
  return new HttpResponse(status, { 'x-id': plan.id }, body);
}

function behaviour(
  name: string, handle: Behaviour['handle'], changes: Partial<Behaviour> = {},
): Behaviour {
  return {
    name, handle, reads: false, closes: false, never: false, streams: false, fails: false,
    status: 200, content: own, ...changes,
  };
}

const tell = (plan: Plan): string => digest(plan.content);

/** Takes content in pulls, some of which wait first. */
async function readSlowly(request: HttpRequest, plan: Plan, world: World): Promise<string> {
  let text = '';
  for (;;) {
    if (world.random.chance(0.3)) await world.gate(`${plan.id} read`);
    const piece = await request.body.pull(world.random.pick([1, 10, 1000, 65_536]));
    if (piece === null) return text;
    text += Buffer.from(piece).toString('latin1');
  }
}

function source(
  plan: Plan, world: World, changes: Partial<ConstructorParameters<typeof WatchedSource>[2]>,
): WatchedSource {
  const content = own(plan);
  return new WatchedSource(world, `source ${plan.id}`, {
    content, length: plan.id % 2 === 0 ? content.length : undefined, later: false,
    failsAt: undefined, trailers: plan.id % 3 === 0 ? Fields.from({ 'x-sum': plan.id }) : undefined,
    ...changes,
  });
}

async function* generated(plan: Plan, world: World): AsyncGenerator<Uint8Array, void, undefined> {
  const name = `generator ${plan.id}`;
  const ended = world.begin(name);
  try {
    for (const piece of pieces(plan)) {
      if (world.random.chance(0.5)) await world.gate(name);
      yield piece;
    }
  } finally {
    ended();
  }
}

function webStream(plan: Plan, world: World): ReadableStream<Uint8Array> {
  const name = `web stream ${plan.id}`;
  const ended = world.begin(name);
  const left = pieces(plan);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (world.random.chance(0.5)) await world.gate(name);
      const piece = left.shift();
      if (piece !== undefined) {
        controller.enqueue(piece);
        return;
      }
      ended();
      controller.close();
    },
    cancel: ended,
  }, { highWaterMark: 0 });
}

function pieces(plan: Plan): Uint8Array[] {
  const content = octets(own(plan));
  return Array.from(
    { length: Math.ceil(content.length / 300) }, (_, at) => content.slice(at * 300, at * 300 + 300),
  );
}

/** One answer for all requests and connections: what is remembered on it must not mix. */
const SHARED = new HttpResponse(200, { 'x-shared': 'yes' }, 'shared');

export const BEHAVIOURS: readonly Behaviour[] = [
  behaviour('at once', (_, plan) => ok(plan, octets(own(plan)))),
  behaviour('the shared answer', () => SHARED, { content: () => 'shared' }),
  behaviour('without content', (_, plan, world) => ok(plan, source(plan, world, {}), 204), {
    status: 204, content: () => '',
  }),
  behaviour('later', async (_, plan, world) => {
    await world.gate(`${plan.id} answer`);
    return ok(plan, octets(own(plan)));
  }),
  behaviour('with close', (_, plan) => new HttpResponse(
    200, { 'x-id': plan.id, connection: 'close' }, octets(own(plan)),
  ), { closes: true }),
  behaviour('never', () => new Promise<HttpResponse>(() => {}), { never: true }),

  behaviour('collects', async (request, plan) => {
    const bytes = await request.body.bytes();
    return ok(plan, digest(Buffer.from(bytes).toString('latin1')));
  }, { reads: true, content: tell }),
  behaviour('reads slowly', async (request, plan, world) => {
    const text = await readSlowly(request, plan, world);
    return ok(plan, digest(text));
  }, { reads: true, content: tell }),
  behaviour('waits, then iterates', async (request, plan, world) => {
    await world.gate(`${plan.id} begin`);
    let text = '';
    for await (const piece of request.body) text += Buffer.from(piece).toString('latin1');
    return ok(plan, digest(text));
  }, { reads: true, content: tell }),
  behaviour('reads a part', async (request, plan) => {
    for await (const _ of request.body) break;
    return ok(plan, octets(own(plan)));
  }),
  behaviour('cancels', (request, plan) => {
    request.body.cancel();
    return ok(plan, octets(own(plan)));
  }),

  behaviour('echoes', (request, plan) => ok(plan, request.body), {
    reads: true, streams: true, content: (plan) => plan.content,
  }),
  behaviour('echoes later', async (request, plan, world) => {
    await world.gate(`${plan.id} echo`);
    return ok(plan, request.body);
  }, { reads: true, streams: true, content: (plan) => plan.content }),
  behaviour('streams', (_, plan, world) => ok(plan, source(plan, world, {})), { streams: true }),
  behaviour('streams later', (_, plan, world) => ok(plan, source(plan, world, { later: true })), {
    streams: true,
  }),
  behaviour('waits, then streams', async (_, plan, world) => {
    await world.gate(`${plan.id} stream`);
    return ok(plan, source(plan, world, { later: plan.id % 3 === 1 }));
  }, { streams: true }),
  behaviour('generates', (_, plan, world) => ok(plan, generated(plan, world)), { streams: true }),
  behaviour('streams as the web', (_, plan, world) => ok(plan, webStream(plan, world)), {
    streams: true,
  }),
  behaviour('informs', async (request, plan, world) => {
    request.inform(103, { 'x-id': plan.id });
    await world.gate(`${plan.id} inform`);
    request.inform(103, { 'x-id': plan.id });
    return ok(plan, octets(own(plan)));
  }),

  behaviour('throws', (_, plan) => {
    throw new Provoked(`${plan.id} throws`);
  }, { status: 500 }),
  behaviour('rejects', async (_, plan, world) => {
    await world.gate(`${plan.id} reject`);
    throw new Provoked(`${plan.id} rejects`);
  }, { status: 500 }),
  behaviour('means 404', () => {
    throw new HttpError(404, 'there is none');
  }, { status: 404 }),
  behaviour('returns nothing', () => undefined as unknown as HttpResponse, { status: 500 }),
  behaviour('declares another length', (_, plan, world) => new HttpResponse(
    200, { 'content-length': 3 }, source(plan, world, { length: 4 }),
  ), { status: 500 }),
  behaviour('fails on the way', (_, plan, world) => ok(plan, source(plan, world, {
    failsAt: own(plan).length, later: plan.id % 3 === 0,
  })), { fails: true }),
  behaviour('is too short', (_, plan, world) => ok(plan, source(plan, world, {
    length: own(plan).length + 1,
  })), { fails: true }),
  behaviour('is too long', (_, plan, world) => ok(plan, source(plan, world, {
    content: `${own(plan)}?`, length: own(plan).length, later: plan.id % 3 === 0,
  })), { fails: true }),
];

/** Those that leave the connection open, where the content was read. */
export const GENTLE: readonly Behaviour[] = BEHAVIOURS.filter(
  ({ closes, never, fails }) => !closes && !never && !fails,
);

function switching(plan: Plan, world: World): HttpResponse {
  return HttpResponse.switching((transport: Transport) => {
    const tunnel = new Tunnel(transport);
    world.tunnels.set(plan.id, tunnel);
    return tunnel;
  }, { 'x-id': plan.id });
}

/** Those that answer a request with Upgrade. */
export const SWITCHES: readonly Behaviour[] = [
  behaviour('switches', (_, plan, world) => switching(plan, world), { status: 101 }),
  behaviour('switches later', async (_, plan, world) => {
    await world.gate(`${plan.id} switch`);
    return switching(plan, world);
  }, { status: 101 }),
  behaviour('reads and switches', async (request, plan, world) => {
    await request.body.bytes();
    return switching(plan, world);
  }, { status: 101, reads: true }),
];
