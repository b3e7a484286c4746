/**
 * One simulated connection: a client with its script on the one side, the server's protocol on the
 * other, and between them the checks that hold after every event.
 */
import { Buffer } from 'node:buffer';
import { dispatcher, failureAnswers, type Exchange } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import type { HttpResponse } from '../../src/http/response.ts';
import { http1 } from '../../src/http1/protocol.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import type { Random } from '../support/random.ts';
import { AnswerReader, type Answer } from './answer-reader.ts';
import type { Plan, Script } from './requests.ts';
import { Provoked, type World } from './world.ts';

/** A transport that tells of each write, and whether it ended in order. */
class WatchedTransport extends MemoryTransport {
  watch: ((text: string) => void) | undefined;
  endedInOrder = false;

  override write(octets: Uint8Array | string): boolean {
    const text = typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
    this.watch?.(text);
    return super.write(octets);
  }

  override end(): void {
    this.endedInOrder ||= !this.ended && !this.closed;
    super.end();
  }
}

interface Watched {
  /** How often `request.signal` and `request.draining` fired; undefined: nobody asked for them. */
  aborted: number | undefined;
  drained: number | undefined;
}

export class SimulatedConnection {
  readonly name: string;
  readonly plans: readonly Plan[];
  readonly limits: Limits;
  readonly transport: WatchedTransport;
  readonly reader: AnswerReader;
  readonly refused: string[] = [];
  /** By the index of the request. */
  readonly begun: Watched[] = [];
  /** Why the connection may end before all is answered. */
  readonly reasons = new Set<string>();
  sentEof = false;
  shutDown = false;
  readonly #exchanges = new Set<Exchange>();
  readonly #completed = new Set<Exchange>();
  readonly #script: Script;
  readonly #world: World;
  readonly #longestRead: number;
  #written = '';
  #taken = '';
  #step = 0;
  #offset = 0;
  #checked = 0;
  /** A refusal or a broken answer was seen: nothing may follow it. */
  #over = false;

  constructor(world: World, name: string, script: Script) {
    const { random } = world;
    this.name = name;
    this.plans = script.plans;
    this.#script = script;
    this.#world = world;
    this.#longestRead = random.pick([1, 10, 100, 100, 1000, 10_000]);
    this.limits = limitsOf(random);
    this.reader = new AnswerReader((index) => (
      this.begun.length > index ? this.#plan(index).method : ''
    ));
    if (script.broken) this.reasons.add('a broken request');
    const failure = failureAnswers(undefined, (error) => this.#failed(error));
    const handle = (request: HttpRequest): HttpResponse | Promise<HttpResponse> =>
      this.#handle(request);
    const dispatch = dispatcher({ handle }, { failure });
    this.transport = new WatchedTransport(http1({
      limits: this.limits,
      failure,
      dispatch: (exchange) => {
        this.#exchanges.add(exchange);
        dispatch(exchange);
      },
      refuse: (error) => {
        this.refused.push(`${error.code} ${error.message}`);
        this.#tell(`refuse ${error.code} ${error.message}`);
        return problem(error.code, error.message);
      },
      completed: (exchange) => {
        if (this.#completed.has(exchange)) this.#fault('an exchange was completed twice');
        this.#completed.add(exchange);
      },
    }), { limits: this.limits, window: random.pick([0, 1, 50, 2000, Infinity, Infinity]) });
    this.transport.watch = (text) => this.#wrote(text);
  }

  /** What it was set up with, for people. */
  describe(): string {
    const { writeQueueBytes, unreadBytes, discardedBytes, pipelinedRequests } = this.limits;
    const limits = { writeQueueBytes, unreadBytes, discardedBytes, pipelinedRequests };
    const requests = this.plans.map(({ id, framing, behaviour: { name } }) => (
      `${id} ${framing} ${name}`
    ));
    return `${this.name}: ${JSON.stringify(limits)} ${requests.join(', ')}`;
  }

  // What may happen

  /** Whether the client has something to send now. */
  get canSend(): boolean {
    const step = this.#script.steps[this.#step];
    if (step === undefined || this.sentEof || this.transport.closed) return false;
    if (step.kind === 'octets') return true;
    if (this.#heard100(step.index)) {
      this.#step++;
      return this.canSend;
    }
    return false;
  }

  get sentAll(): boolean {
    return this.#step >= this.#script.steps.length;
  }

  get waits(): boolean {
    return this.#script.steps[this.#step]?.kind === 'await';
  }

  /** Sends a read of chance. */
  send(): void {
    let octets = this.#world.random.between(1, this.#longestRead);
    let text = '';
    for (let step = this.#script.steps[this.#step]; octets > 0 && step?.kind === 'octets';) {
      const part = step.text.slice(this.#offset, this.#offset + octets);
      text += part;
      octets -= part.length;
      this.#offset += part.length;
      if (this.#offset < step.text.length) break;
      this.#offset = 0;
      step = this.#script.steps[++this.#step];
    }
    this.#tell(`send ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)}`);
    this.transport.send(text);
  }

  /** The client sends its content without having seen 100, or goes on without 101. */
  giveUpWaiting(): void {
    this.#tell('give up waiting');
    this.#step++;
  }

  sendEof(): void {
    this.#tell('FIN');
    this.sentEof = true;
    this.reasons.add('FIN');
    this.transport.sendEof();
  }

  disconnect(): void {
    this.#tell('disconnect');
    this.reasons.add('disconnect');
    const reset = this.#world.random.chance(0.5);
    this.transport.disconnect(reset ? new Provoked('a reset') : undefined);
  }

  release(octets: number): void {
    this.#tell(`release ${octets}`);
    this.transport.release(octets);
  }

  turn(): void {
    this.#tell('turn');
    this.transport.turn();
  }

  tick(ms: number): void {
    this.#tell(`tick ${ms}`);
    this.transport.tick(ms);
    if (this.transport.clock.now() > 5_000) this.reasons.add('time');
  }

  shutdown(): void {
    this.#tell('shutdown');
    this.shutDown = true;
    this.reasons.add('shutdown');
    this.transport.shutdown();
  }

  // What must hold

  /** After every event. */
  check(): void {
    const { transport } = this;
    for (const failure of transport.failures.splice(0)) {
      if (!this.#script.broken) this.#fault(`the guard caught ${failure.stack}`);
    }
    this.#taken += transport.take();
    if (!this.#written.startsWith(this.#taken)) this.#fault('the peer got what was not written');
    // Content is taken from a read, and from one that had to wait before it; a head, from many.
    const { unreadBytes, requestLineBytes, fieldSectionBytes } = this.limits;
    const held = unreadBytes + 2 * this.#longestRead + requestLineBytes + fieldSectionBytes;
    if (transport.charged < 0 || transport.charged > held) {
      this.#fault(`${transport.charged} octets are charged, ${held} at most may be`);
    }
    if (transport.endedInOrder) this.reader.end();
    this.#checkAnswers();
    this.#checkInterims();
    for (const [index, { aborted, drained }] of this.begun.entries()) {
      if ((aborted ?? 0) > 1) this.#fault(`the signal of ${index} fired ${aborted} times`);
      if ((drained ?? 0) > 1) this.#fault(`draining of ${index} fired ${drained} times`);
    }
  }

  /** When nothing is left to happen but time: has everybody got an answer? */
  checkProgress(): void {
    const { transport, reader, plans } = this;
    const next = reader.wholeCount;
    const lost = this.#taken !== this.#written && !this.reasons.has('disconnect');
    if (lost && transport.endedInOrder) this.#fault('octets were written, and never came');
    if (transport.ended || transport.closed) {
      if (this.reasons.size === 0) this.#fault('the connection ended without a reason');
      return;
    }
    if (transport.queuedBytes > 0) this.#fault(`${transport.queuedBytes} octets are stuck`);
    const plan = plans[next];
    if (plan !== undefined) {
      if (!plan.behaviour.never) this.#fault(`request ${next}, ${plan.behaviour.name}, is stuck`);
      return;
    }
    if (this.sentEof) this.#fault('FIN and all answers, and no end');
    if (!this.sentAll) return;
    if (!transport.idle) this.#fault('all is answered, and it is not idle');
    if (reader.answers.at(-1)?.status === 101) this.#checkTunnel();
    else this.#checkIdleEnd();
  }

  /** What has nothing to do ends in its time. */
  #checkIdleEnd(): void {
    const { idleMs, drainIdleMs } = this.limits;
    this.tick((this.shutDown ? drainIdleMs : idleMs) + 250);
    if (!this.transport.ended) this.#fault('it is idle, and never ends');
  }

  /** After the connection has gone and all gates are open. */
  checkEnd(): void {
    const { transport, reader } = this;
    if (!transport.closed) this.#fault('it is not closed');
    if (transport.charged !== 0) this.#fault(`${transport.charged} octets are still charged`);
    if (transport.clock.pending !== 0) this.#fault(`${transport.clock.pending} timers are left`);
    for (const exchange of this.#exchanges) {
      if (!this.#completed.has(exchange)) this.#fault('an exchange was never completed');
    }
    for (const [index, { aborted }] of this.begun.entries()) {
      const answer = reader.answers[index];
      const { behaviour } = this.#plan(index);
      // All octets of a declared length may be out before its source has come to its end.
      const unsure = behaviour.fails || (behaviour.streams && answer?.fields.has('content-length'));
      if (aborted === undefined || unsure === true) continue;
      // A peer that ended its side may have hung up: those that it asked are told, answered or not.
      if (this.sentEof && aborted === 1) continue;
      const answered = answer?.whole === true && !this.#isRefusal(index);
      if (aborted !== (answered ? 0 : 1)) {
        this.#fault(`the signal of ${index} fired ${aborted} times; answered: ${answered}`);
      }
    }
  }

  #handle(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    const index = this.begun.length;
    const plan = this.#plan(index);
    this.#tell(`begin ${request.method} ${request.target}`);
    if (request.fields.get('x-id') !== String(plan.id)) this.#fault('it began out of turn');
    if (this.transport.ended || this.transport.closed) this.#fault('a request began after the end');
    this.#checkCompany(index);
    const watched: Watched = { aborted: undefined, drained: undefined };
    this.begun.push(watched);
    const watch = (): void => {
      const { signal, draining } = request;
      watched.aborted = signal.aborted ? 1 : 0;
      watched.drained = draining.aborted ? 1 : 0;
      signal.addEventListener('abort', () => watched.aborted = (watched.aborted ?? 0) + 1);
      draining.addEventListener('abort', () => watched.drained = (watched.drained ?? 0) + 1);
    };
    const when = this.#world.random.int(3);
    if (when === 0) watch();
    if (when === 1) void this.#world.gate(`${plan.id} watch`).then(watch);
    return plan.behaviour.handle(request, plan, this.#world);
  }

  /** Only requests that change nothing run side by side (RFC 9112 §9.3.2). */
  #checkCompany(index: number): void {
    const company = this.plans.slice(this.reader.wholeCount, index + 1);
    const unsafe = company.some(({ method, head }) => (
      method === 'POST' || method === 'PUT' || head.includes('Upgrade: ')
    ));
    if (unsafe && company.length > 1) this.#fault(`request ${index} began beside another`);
  }

  #checkAnswers(): void {
    const { answers } = this.reader;
    for (let index = this.#checked; index < answers.length; index++) {
      const answer = answers[index] as Answer;
      if (this.#over) this.#fault(`an answer, ${answer.status}, after the last one`);
      this.#checkAnswer(index, answer);
      if (!answer.whole) break;
      this.#checked = index + 1;
      if (answer.fields.get('connection') === 'close' || this.#isRefusal(index)) this.#over = true;
    }
    if (this.#over && this.reader.rest !== '') this.#fault('octets after the last answer');
  }

  #checkAnswer(index: number, answer: Answer): void {
    if (this.#isRefusal(index)) {
      if (answer.fields.get('connection') !== 'close') this.#fault('a refusal without close');
      this.reasons.add('a refusal');
      return;
    }
    const plan = this.plans[index];
    if (plan === undefined) {
      this.#fault(`answer ${index}, ${answer.status}, to nothing`);
      return;
    }
    if (index >= this.begun.length) this.#fault(`answer ${index} to what did not begin`);
    const chunked = answer.fields.has('transfer-encoding');
    if (plan.minor === 0 && chunked) this.#fault('chunked in HTTP/1.0');
    this.#noteReasons(plan, answer);
    if (answer.status !== this.#statusOf(plan, answer)) {
      this.#fault(`answer ${index}, ${plan.behaviour.name}, is ${answer.status}`);
    }
    const id = answer.fields.get('x-id');
    if (id !== undefined && id !== String(plan.id)) this.#fault(`answer ${index} is that of ${id}`);
    if (plan.behaviour.status !== answer.status || answer.status >= 400) return;
    if (answer.status === 101) return;
    const content = plan.method === 'HEAD' ? '' : plan.behaviour.content(plan);
    const right = answer.whole ? answer.content === content : content.startsWith(answer.content);
    if (!right) this.#fault(`answer ${index}, ${plan.behaviour.name}, has other content`);
    const of = answer.trailers.get('x-sum');
    if (of !== undefined && of !== String(plan.id)) this.#fault(`${index} has trailers of ${of}`);
  }

  /** What is broken before its head is a 500; a body that fails at once is. */
  #statusOf({ behaviour }: Plan, answer: Answer): number {
    return behaviour.fails && answer.status === 500 ? 500 : behaviour.status;
  }

  /** Why the connection may end with this answer. */
  #noteReasons(plan: Plan, answer: Answer): void {
    const { behaviour } = plan;
    // To HEAD, a body that would be read is cancelled.
    const unread = plan.content !== '' && (!behaviour.reads || plan.method === 'HEAD');
    if (unread || plan.framing === 'chunked') this.reasons.add('content that is not read');
    if (behaviour.closes || plan.minor === 0) this.reasons.add('an answer that closes');
    if (behaviour.fails) this.reasons.add('a body that fails');
    if (answer.fields.get('connection') === 'close' && this.reasons.size === 0) {
      this.#fault('an answer closes without a reason');
    }
  }

  /** What a client sent after a switch came whole, and came back. */
  #checkTunnel(): void {
    const { tunnelled } = this.#script;
    const tunnel = this.#world.tunnels.get(this.plans.at(-1)?.id ?? -1);
    if (tunnel?.received !== tunnelled) this.#fault('the tunnel got something else');
    const given = this.reader.answers.at(-1)?.content;
    if (given !== tunnelled) this.#fault('the tunnel gave other octets');
  }

  #checkInterims(): void {
    for (const [index, { status, fields }] of this.reader.interims.splice(0)) {
      const plan = this.plans[index];
      if (plan === undefined || plan.minor === 0) this.#fault(`interim ${status} to ${index}`);
      else if (status === 100 && !plan.expects) this.#fault(`100 to ${index}, which expects none`);
      else if (status === 100 && this.#hundreds.has(index)) this.#fault(`100 twice to ${index}`);
      const of = fields.get('x-id');
      if (of !== undefined && of !== String(plan?.id)) this.#fault(`${status} of another`);
      if (status === 100) this.#hundreds.add(index);
    }
  }

  readonly #hundreds = new Set<number>();

  #heard100(index: number): boolean {
    return this.#hundreds.has(index) || this.reader.answers.length > index;
  }

  #isRefusal(index: number): boolean {
    const answer = this.reader.answers[index];
    const last = this.refused.at(-1);
    return last !== undefined && index === this.reader.answers.length - 1 && answer !== undefined &&
      !answer.fields.has('x-id') && last.startsWith(String(answer.status));
  }

  #plan(index: number): Plan {
    const plan = this.plans[index];
    if (plan === undefined) throw new Error(`no request number ${index} was sent`);
    return plan;
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const meant = error instanceof Provoked ||
      /must return an HttpResponse|content-length says 3|than its length/.test(message);
    if (!meant) this.#fault(`a failure: ${error instanceof Error ? error.stack : message}`);
  }

  #wrote(text: string): void {
    if (this.transport.ended || this.transport.closed) {
      this.#fault(`written after the end: ${JSON.stringify(text)}`);
      return;
    }
    this.#written += text;
    this.reader.feed(text);
  }

  #tell(event: string): void {
    this.#world.trace.push(`${this.name} ${event}`);
  }

  #fault(what: string): void {
    this.#world.fault(`${this.name}: ${what}`);
  }
}

/** Limits small enough to be met. */
function limitsOf(random: Random): Limits {
  return limitsFrom({
    writeQueueBytes: random.pick([1, 200, 4096, 262_144]),
    unreadBytes: random.pick([1, 20, 1000, 131_072]),
    discardedBytes: random.pick([0, 10, 262_144]),
    pipelinedRequests: random.pick([1, 2, 16]),
    requestsPerEntry: random.pick([1, 2, 32]),
  });
}
