/** What simulated handlers do on HTTP/2 alone: trailers, pushes, tunnels, long answers. */
import { Buffer } from 'node:buffer';
import { Fields } from '../../src/http/fields.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { Transport } from '../../src/protocol.ts';
import type { Behaviour } from './behaviours.ts';
import type { Http2Plan } from './http2-plans.ts';
import { EchoTunnel, GREETING, type TunnelOptions } from './http2-tunnel.ts';
import type { Plan } from './requests.ts';
import { WatchedSource, contentOf, digest, type World } from './world.ts';

type Handle = (request: HttpRequest, plan: Http2Plan, world: World) =>
  HttpResponse | Promise<HttpResponse>;

function behaviour(
  name: string, handle: Handle, content: (plan: Plan) => string, changes: Partial<Behaviour> = {},
): Behaviour {
  return {
    name, content, reads: false, closes: false, never: false, streams: false, fails: false,
    status: 200, handle: (request, plan, world) => handle(request, plan as Http2Plan, world),
    ...changes,
  };
}

const long = ({ id }: Plan): string => contentOf(id + 100, 20_000 + id % 40_000);
const short = ({ id }: Plan): string => contentOf(id + 100, id % 30);

function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function ok({ id }: Plan, body: Uint8Array | WatchedSource | string): HttpResponse {
  return new HttpResponse(200, { 'x-id': id }, body);
}

/** Reads all, and says what it and its trailers were. */
async function tellAll({ body }: HttpRequest, plan: Plan): Promise<HttpResponse> {
  const text = Buffer.from(await body.bytes()).toString('latin1');
  return ok(plan, `${digest(text)} ${body.trailers().get('x-sum') ?? ''}`);
}

function longSource(plan: Plan, world: World): WatchedSource {
  return new WatchedSource(world, `long source ${plan.id}`, {
    content: long(plan), length: undefined, later: plan.id % 2 === 0, failsAt: undefined,
    trailers: Fields.from({ 'x-sum': plan.id }),
  });
}

export const HTTP2_BEHAVIOURS: readonly Behaviour[] = [
  behaviour('tells all', tellAll, (plan) => {
    const sum = (plan as Http2Plan).trailers ? plan.id : '';
    return `${digest(plan.content)} ${sum}`;
  }, { reads: true }),
  behaviour('answers at length', (_, plan) => ok(plan, octets(long(plan))), long),
  behaviour('streams at length', (_, plan, world) => ok(plan, longSource(plan, world)), long, {
    streams: true,
  }),
  behaviour('reads and waits', async (request, plan, world) => {
    await request.body.pull(10);
    await world.gate(`${plan.id} after a piece`);
    return ok(plan, octets(short(plan)));
  }, short),
  behaviour('informs outside', async (request, plan, world) => {
    await world.gate(`${plan.id} hint`);
    request.inform(103, { 'x-id': plan.id });
    await world.gate(`${plan.id} answer`);
    return ok(plan, octets(short(plan)));
  }, short),
];

/** Those whose answers need windows to be opened. */
export const LONG: readonly Behaviour[] = HTTP2_BEHAVIOURS.filter(({ name }) => (
  name.includes('at length')
));

/** The path of a request: its id, and what becomes of it. */
export function pathOf({ id, behaviour: { name } }: Plan): string {
  return `/${id}/${name.replaceAll(/[^a-z0-9]+/g, '-')}`;
}

function promise(request: HttpRequest, plan: Http2Plan, world: World): void {
  for (const pushed of plan.pushed) {
    const made = request.push(pathOf(pushed), { 'x-id': pushed.id });
    world.trace.push(`push ${pushed.id} on ${plan.id}: ${made}`);
  }
}

export const PUSHES: readonly Behaviour[] = [
  behaviour('pushes', (request, plan, world) => {
    promise(request, plan, world);
    return ok(plan, octets(short(plan)));
  }, short),
  behaviour('pushes later', async (request, plan, world) => {
    await world.gate(`${plan.id} push`);
    promise(request, plan, world);
    await world.gate(`${plan.id} pushed`);
    return ok(plan, octets(short(plan)));
  }, short),
];

function tunnelled(plan: Plan): string {
  return GREETING + plan.content;
}

function connect(plan: Plan, world: World, options: Partial<TunnelOptions> = {}): HttpResponse {
  return HttpResponse.switching((transport: Transport) => {
    const tunnel = new EchoTunnel(`tunnel ${plan.id}`, world, transport, {
      pauses: false, failsAt: undefined, ...options,
    });
    tunnels(world).set(plan.id, tunnel);
    return tunnel;
  }, { 'x-id': plan.id });
}

/** Those that answer extended CONNECT (RFC 8441 §4). */
export const TUNNELS: readonly Behaviour[] = [
  behaviour('connects', (_, plan, world) => connect(plan, world), tunnelled),
  behaviour('connects later', async (_, plan, world) => {
    await world.gate(`${plan.id} connect`);
    return connect(plan, world);
  }, tunnelled),
  behaviour('connects and pauses', async (_, plan, world) => {
    if (plan.id % 2 === 0) await world.gate(`${plan.id} connect`);
    return connect(plan, world, { pauses: true });
  }, tunnelled),
  behaviour('connects and fails', (_, plan, world) => (
    connect(plan, world, { failsAt: plan.id % 50 })
  ), tunnelled, { fails: true }),
  behaviour('declines', () => new HttpResponse(403, {}, 'no'), () => 'no', { status: 403 }),
];

const TUNNELS_OF = new WeakMap<World, Map<number, EchoTunnel>>();

/** The tunnels of a simulation, by the id of their request. */
export function tunnels(world: World): Map<number, EchoTunnel> {
  const found = TUNNELS_OF.get(world) ?? new Map<number, EchoTunnel>();
  TUNNELS_OF.set(world, found);
  return found;
}
