/**
 * What simulated HTTP/2 clients ask: requests with content, trailers, priorities and pushes, and
 * extended CONNECT, each with the behaviour of its handler.
 */
import type { Random } from '../support/random.ts';
import { BEHAVIOURS, GENTLE, type Behaviour } from './behaviours.ts';
import { HTTP2_BEHAVIOURS, LONG, PUSHES, TUNNELS } from './http2-behaviours.ts';
import type { Plan } from './requests.ts';
import { contentOf } from './world.ts';

export interface Http2Plan extends Plan {
  /** Request trailers; they say the id. */
  readonly trailers: boolean;
  readonly priority: string | undefined;
  /** Content is sent only after 100, or after the answer to CONNECT, or never mind. */
  readonly waits: boolean;
  /** It says that its content has an octet more, or less, than it has (§8.1.1). */
  readonly lie: -1 | 0 | 1;
  readonly connects: boolean;
  /** What its handler promises, where it does. */
  readonly pushed: readonly Http2Plan[];
}

export interface Http2Script {
  readonly plans: readonly Http2Plan[];
  /** Its octets end in something that no client may send. */
  readonly offends: boolean;
}

const PRIORITIES = ['u=0', 'u=1, i', 'u=7', 'u=5;x=1, i=?0', 'i', 'nonsense=('];
/** Handlers of promised requests, which have no content to read. */
const PROMISED = GENTLE.filter(({ name }) => !name.includes('informs'));

export function http2Script(random: Random, firstId: number, rough: boolean): Http2Script {
  const count = random.pick([1, 2, 3, 5, 8, 12]);
  const long = random.chance(0.2);
  const plans = Array.from({ length: count }, (_, at) => plan(random, firstId + at * 5, long));
  return { plans, offends: rough && random.chance(0.06) };
}

/** `long`: most answers are, so that the window of the connection is met. */
function behaviourOf(random: Random, connects: boolean, long: boolean): Behaviour {
  if (connects) return random.pick(TUNNELS);
  if (long && random.chance(0.7)) return random.pick(LONG);
  if (random.chance(0.1)) return random.pick(PUSHES);
  if (random.chance(0.25)) return random.pick(HTTP2_BEHAVIOURS);
  return random.pick(random.chance(0.8) ? GENTLE : BEHAVIOURS);
}

function plan(random: Random, id: number, long: boolean): Http2Plan {
  const connects = random.chance(0.15);
  const behaviour = behaviourOf(random, connects, long);
  const method = connects ? 'CONNECT'
    : random.pick(['GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'OPTIONS']);
  const likely = ['POST', 'PUT', 'CONNECT'].includes(method) ? 0.9 : 0.1;
  const framing = !random.chance(likely) ? 'none'
    : random.chance(0.5) || connects ? 'chunked' : 'length';
  const length = framing === 'none' ? 0
    : random.chance(0.08) ? random.int(70_000) : random.int(random.pick([3, 30, 300, 3000]));
  const expects = !connects && length > 0 && random.chance(0.2);
  const isPushing = PUSHES.includes(behaviour);
  return {
    id, method, minor: 1, framing, expects, behaviour, connects, head: '', body: '',
    content: contentOf(id, length),
    trailers: framing !== 'none' && !connects && random.chance(0.25),
    priority: random.chance(0.3) ? random.pick(PRIORITIES) : undefined,
    waits: (expects && random.chance(0.8)) || (connects && random.chance(0.6)),
    lie: framing === 'length' && length > 1 && random.chance(0.04) ? random.pick([-1, 1]) : 0,
    pushed: isPushing ? [promised(random, id + 1), promised(random, id + 2)] : [],
  };
}

function promised(random: Random, id: number): Http2Plan {
  return {
    id, method: 'GET', minor: 1, framing: 'none', content: '', expects: false,
    behaviour: random.pick(PROMISED), head: '', body: '', trailers: false, priority: undefined,
    waits: false, lie: 0, connects: false, pushed: [],
  };
}
