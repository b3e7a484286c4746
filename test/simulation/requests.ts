/**
 * What the simulated clients send: pipelines of valid requests, each with the behaviour of its
 * handler, now and then with something broken at the end.
 */
import type { Random } from '../support/random.ts';
import { BEHAVIOURS, GENTLE, SWITCHES, type Behaviour } from './behaviours.ts';
import { contentOf } from './world.ts';

export interface Plan {
  /** Of this request among all of the simulation. */
  readonly id: number;
  readonly method: string;
  readonly minor: number;
  readonly framing: 'none' | 'length' | 'chunked';
  readonly content: string;
  readonly expects: boolean;
  readonly behaviour: Behaviour;
  readonly head: string;
  /** The content as it is sent. */
  readonly body: string;
}

/** Something that a client does next. */
export type Step =
  | { readonly kind: 'octets'; readonly text: string }
  /** Waits for 100, 101, or for the final answer, to the request number `index`. */
  | { readonly kind: 'await'; readonly index: number };

export interface Script {
  readonly plans: readonly Plan[];
  readonly steps: readonly Step[];
  /** Whether the last octets are no request. */
  readonly broken: boolean;
  /** What is sent to the protocol after a switch; '' for none. */
  readonly tunnelled: string;
}

const BROKEN = [
  'GET / HTTP/1.1\r\n\r\n', 'GET\r\n', '\0\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n',
];

export function script(random: Random, firstId: number): Script {
  const count = random.pick([1, 1, 2, 3, 4, 6]);
  const plans = Array.from({ length: count }, (_, at) => (
    plan(random, firstId + at, at === count - 1)
  ));
  const steps: Step[] = [];
  for (const [index, { head, body, expects }] of plans.entries()) {
    steps.push({ kind: 'octets', text: head });
    if (expects && random.chance(0.8)) steps.push({ kind: 'await', index });
    if (body !== '') steps.push({ kind: 'octets', text: body });
  }
  const last = plans.at(-1) as Plan;
  const switches = SWITCHES.includes(last.behaviour);
  const broken = !switches && random.chance(0.08);
  if (broken) steps.push({ kind: 'octets', text: random.pick(BROKEN) });
  const tunnelled = switches ? contentOf(last.id + 50, random.pick([1, 20, 2000])) : '';
  if (switches && random.chance(0.6)) steps.push({ kind: 'await', index: count - 1 });
  if (switches) steps.push({ kind: 'octets', text: tunnelled });
  return { plans, steps, broken, tunnelled };
}

function plan(random: Random, id: number, last: boolean): Plan {
  const switches = last && random.chance(0.1);
  const behaviour = random.pick(switches ? SWITCHES : random.chance(0.75) ? GENTLE : BEHAVIOURS);
  const minor = !switches && random.chance(0.06) ? 0 : 1;
  const method = random.pick(['GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'OPTIONS']);
  const likely = method === 'POST' || method === 'PUT' ? 0.9 : 0.1;
  const framing = !random.chance(likely) ? 'none'
    : minor === 1 && random.chance(0.5) ? 'chunked' : 'length';
  const length = framing === 'none' ? 0 : random.int(random.pick([3, 30, 300, 3000]));
  const content = contentOf(id, length);
  const expects = minor === 1 && length > 0 && random.chance(0.2);
  const lines = [
    `${method} /${id}/${behaviour.name.replaceAll(' ', '-')} HTTP/1.${minor}`,
    'Host: a', `X-Id: ${id}`,
    ...(framing === 'length' ? [`Content-Length: ${length}`] : []),
    ...(framing === 'chunked' ? ['Transfer-Encoding: chunked'] : []),
    ...(expects ? ['Expect: 100-continue'] : []),
    ...(switches ? ['Connection: upgrade', 'Upgrade: x'] : []),
    ...(minor === 0 && random.chance(0.5) ? ['Connection: keep-alive'] : []),
  ];
  const head = `${lines.join('\r\n')}\r\n\r\n`;
  const body = framing === 'chunked' ? chunks(random, content, id) : content;
  return { id, method, minor, framing, content, expects, behaviour, head, body };
}

function chunks(random: Random, content: string, id: number): string {
  let text = '';
  for (let at = 0; at < content.length;) {
    const size = random.between(1, content.length - at);
    text += `${size.toString(16)}\r\n${content.slice(at, at + size)}\r\n`;
    at += size;
  }
  return `${text}0\r\n${random.chance(0.2) ? `X-Sum: ${id}\r\n` : ''}\r\n`;
}
