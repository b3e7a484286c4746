/**
 * The HTTP/1 fuzzer's engine: what must hold for every input whatsoever.
 *
 * 1. However an input is cut into reads, its outcome is one: requests with fields and content,
 *    answers octet by octet, refusals, the end of the connection (RFC 9112 §2.2, §6).
 * 2. Nothing escapes the guard, after a refusal nothing begins, what was charged is given back.
 * 3. There is at most one answer a request, in the order of requests, and each is whole.
 * 4. Where the input is valid by the grammar, its requests are those that the grammar put in.
 */
import { Buffer } from 'node:buffer';
import { Random } from '../support/random.ts';
import { send, type Sending, type Outcome, type Seen } from './http1-driver.ts';
import { mutate } from './http1-mutations.ts';
import { generate, type Expected, type Generated } from './http1-requests.ts';
import { VECTORS } from './http1-vectors.ts';
import { shrink } from './shrink.ts';

/** Reads at most so many of one input: beyond, a read has more than one octet. */
const READS_MAX = 1024;
/** A run stops here: one fault in the source fails many inputs. */
const FAILURES_MAX = 5;

export interface Input {
  /** Latin1. */
  readonly text: string;
  /** What the grammar put in; undefined where the text was damaged since. */
  readonly generated: Generated | undefined;
}

/** The input number `index` of a run. */
export function inputOf(seed: number, index: number): Input {
  const random = Random.case(seed, index);
  if (random.chance(0.15)) {
    const generated = generate(random);
    return { text: generated.text, generated };
  }
  return { text: mutate(random, material(random), material(random)), generated: undefined };
}

function material(random: Random): string {
  return random.chance(0.5) ? random.pick(VECTORS) : generate(random).text;
}

/** Checks one input, cut in several ways. Throws an Error that says what was wrong. */
export async function check(input: Input, cuts = cutsOf(input.text)): Promise<void> {
  const octets = Buffer.from(input.text, 'latin1');
  const whole = await send(octets);
  const shown = show(whole);
  const problems = [...whole.faults, ...answerFaults(whole, input.text)];
  if (input.generated !== undefined) problems.push(...grammarFaults(input.generated, whole));
  for (const cut of cuts) {
    if (whole.hasty && cut.turns === true) continue;
    const outcome = await send(octets, cut);
    problems.push(...outcome.faults);
    const other = show(outcome);
    if (other !== shown) problems.push(`cut at ${JSON.stringify(cut)}: ${other}\nwhole: ${shown}`);
  }
  if (problems.length === 0) return;
  throw new Error(`${problems.join('\n')}\ninput: ${JSON.stringify(input.text)}`);
}

/** Octet by octet, and at three choices of chance: the same ones for the same text. */
function cutsOf(text: string): Sending[] {
  const { length } = text;
  let sum = length;
  for (let at = 0; at < length; at++) sum = Math.imul(sum, 31) + text.charCodeAt(at);
  const random = new Random(sum);
  const cuts: Sending[] = [{ at: Math.ceil(length / READS_MAX) || 1 }];
  for (let run = 0; run < 3; run++) {
    const at = Array.from({ length: random.between(1, 4) }, () => random.int(length + 1));
    cuts.push({ at: at.sort((a, b) => a - b), turns: run > 0 });
  }
  return cuts;
}

/** Octet by octet and in two at each place, with and without turns between. */
export function everyCut(text: string): Sending[] {
  const places = Array.from({ length: text.length + 1 }, (_, at) => at);
  return [false, true].flatMap((turns) => [
    { at: 1, turns }, ...places.map((at) => ({ at: [at], turns })),
  ]);
}

function show({ requests, refused, written, tunnelled, ended }: Outcome): string {
  let text = '';
  for (const request of requests) text += `${showRequest(request)}\n`;
  return `${text}refused: ${refused.join()}\nended: ${ended}\n${written}\ntunnelled: ${tunnelled}`;
}

function showRequest(seen: Seen): string {
  const lines = (fields: Seen['fields']): string =>
    fields.map(([name, value]) => `${name}: ${value}`).join('; ');
  // Content that broke off reached the handler as far as the reads had brought it.
  const body = seen.whole ? seen.body : '';
  const line = `${seen.method} ${seen.target} ${seen.version} ${seen.authority}`;
  return `${line} {${lines(seen.fields)}} ${seen.whole} ${body} {${lines(seen.trailers)}}`;
}

const HEAD = /HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\0-\x20\x7f-\xff:]+: [^\r\n]*\r\n)*)\r\n/y;

/** Reads the answers back: whole, in order, none too many. */
function answerFaults({ requests, refused, written }: Outcome, input: string): string[] {
  let finals = 0;
  HEAD.lastIndex = 0;
  while (HEAD.lastIndex < written.length) {
    const at = HEAD.lastIndex;
    const head = HEAD.exec(written);
    if (head === null) return [`no answer at octet ${at} of ${JSON.stringify(written)}`];
    const [, status = '', lines = ''] = head;
    if (status === '101') return HEAD.lastIndex === written.length ? [] : ['octets after 101'];
    if (status.startsWith('1')) continue;
    const method = requests[finals]?.method ?? refusedMethod(written, HEAD.lastIndex, input);
    const length = Number(/content-length: (\d+)/.exec(lines)?.[1]);
    const start = HEAD.lastIndex;
    if (method !== 'HEAD') HEAD.lastIndex += length;
    if (!(HEAD.lastIndex <= written.length)) return [`answer ${finals} is not whole`];
    const content = written.slice(start, HEAD.lastIndex);
    if (status === '200' && method !== 'HEAD' && content !== `${finals} ${method}`) {
      return [`answer ${finals} has the content ${JSON.stringify(content)}`];
    }
    finals++;
  }
  const most = requests.length + refused.length;
  return finals <= most ? [] : [`${finals} answers to ${most} requests`];
}

/** The refusal of what begins with HEAD has no content (RFC 9110 §9.3.2); of all else it has. */
function refusedMethod(written: string, at: number, input: string): string {
  return at === written.length && input.includes('HEAD ') ? 'HEAD' : '';
}

function grammarFaults({ expected, tunnelled }: Generated, outcome: Outcome): string[] {
  const faults = outcome.refused.map((refusal) => `valid, and refused: ${refusal}`);
  const plain = (request: Expected): unknown => [
    request.method, request.target, request.fields, request.body, request.trailers,
  ];
  const wanted = JSON.stringify(expected.map(plain));
  const seen = JSON.stringify(outcome.requests.map(plain));
  if (wanted !== seen) faults.push(`read: ${seen}\nsent: ${wanted}`);
  if (tunnelled !== outcome.tunnelled) faults.push(`tunnelled: ${outcome.tunnelled}`);
  return faults;
}

/** Checks the first `count` inputs of a run. Returns what failed: an input, small, and why. */
export async function fuzz(seed: number, count: number): Promise<string[]> {
  const failed: string[] = [];
  for (let index = 0; index < count && failed.length < FAILURES_MAX; index++) {
    const input = inputOf(seed, index);
    if (await withoutStacks(() => passes(input))) continue;
    failed.push(`seed ${seed}, input ${index}: ${await explain(input)}`);
  }
  return failed;
}

/** What a small form of a failing input fails with. */
export async function explain(input: Input): Promise<string> {
  const small = await withoutStacks(() => shrink(
    input.text, async (text) => !await passes({ text, generated: undefined }),
  ));
  // What only the grammar's knowledge fails, is shown as it is.
  const shrunk: Input = { text: small, generated: undefined };
  const again = check(await passes(shrunk) ? input : shrunk);
  return again.then(() => 'it passed when repeated', messageOf);
}

async function passes(input: Input): Promise<boolean> {
  return check(input).then(() => true, () => false);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Errors are what most inputs end in, and their stacks are most of what they cost. */
async function withoutStacks<T>(run: () => Promise<T>): Promise<T> {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
