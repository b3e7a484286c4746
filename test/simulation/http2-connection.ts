/**
 * One simulated HTTP/2 connection: a client with its script on the one side, the negotiator and
 * the server's protocol on the other, and between them the checks that hold after every event.
 */
import { Buffer } from 'node:buffer';
import type { HttpRequest } from '../../src/http/request.ts';
import type { HttpResponse } from '../../src/http/response.ts';
import type { Http2Connection } from '../../src/http2/connection.ts';
import type { Http2Exchange } from '../../src/http2/exchange.ts';
import { DEFAULT_WINDOW } from '../../src/http2/frame.ts';
import type { SendQueue } from '../../src/http2/send-queue.ts';
import type { Http2Stream } from '../../src/http2/stream.ts';
import type { Limits } from '../../src/limits.ts';
import { checkAnswer, checkEnding, type Circumstances } from './http2-answers.ts';
import { pathOf, tunnels } from './http2-behaviours.ts';
import { SimulatedClient } from './http2-client.ts';
import { Http2Judge } from './http2-judge.ts';
import type { Http2Plan, Http2Script } from './http2-plans.ts';
import { StreamRecord } from './http2-record.ts';
import { WatchedTransport, serverLimits, serverProtocols } from './http2-server.ts';
import { WatchedRequest } from './http2-watch.ts';
import { Provoked, type World } from './world.ts';

export class SimulatedHttp2Connection implements Circumstances {
  readonly name: string;
  readonly limits: Limits;
  readonly transport: WatchedTransport;
  readonly judge: Http2Judge;
  readonly client: SimulatedClient;
  /** Why things may end before they are answered. */
  readonly reasons = new Set<string>();
  sentEof = false;
  shutDown = false;
  readonly #world: World;
  readonly #script: Http2Script;
  readonly #streams = new Map<number, StreamRecord>();
  readonly #watched = new Map<number, WatchedRequest>();
  readonly #longestRead: number;
  #protocol: Http2Connection | undefined;
  #taken = 0;
  #isHttp1 = false;

  constructor(world: World, name: string, script: Http2Script) {
    const { random } = world;
    this.name = name;
    this.#world = world;
    this.#script = script;
    this.#longestRead = random.pick([1, 10, 100, 1000, 10_000, 100_000]);
    this.limits = serverLimits(random);
    const { http2StreamWindowBytes, http2StreamWindowMaxBytes } = this.limits;
    this.judge = new Http2Judge({
      fault: (what) => this.#fault(what),
      streams: this.#streams,
      largestWindow: Math.max(http2StreamWindowBytes, http2StreamWindowMaxBytes),
      largestConnectionWindow: Math.max(DEFAULT_WINDOW, this.limits.http2ConnectionWindowBytes),
      promised: (parent, id, fields) => this.#promised(parent, id, fields),
    });
    this.client = new SimulatedClient({
      random, script, judge: this.judge, streams: this.#streams,
      tell: (event) => this.#tell(event),
    });
    const factory = serverProtocols({
      limits: this.limits,
      handle: (request, exchange) => this.#handle(request, exchange),
      failed: (error) => this.#failed(error),
      began: (protocol) => this.#protocol = protocol,
      fellBack: () => this.#fellBack(),
      refused: (message) => this.#tell(`refused ${message}`),
      completed: ({ id }) => {
        const watched = this.#watched.get(id);
        if (watched !== undefined) watched.completed++;
      },
    });
    this.transport = new WatchedTransport(factory, {
      limits: this.limits, window: random.pick([0, 100, 5000, Infinity, Infinity]),
    });
    this.transport.watch = (octets) => this.#wrote(octets);
  }

  /** What it was set up with, for people. */
  describe(): string {
    const { writeQueueBytes, http2StreamWindowBytes, http2Streams, contentBytes } = this.limits;
    const limits = { writeQueueBytes, http2StreamWindowBytes, http2Streams, contentBytes };
    const streams = [...this.#streams.values()].map(({ id, plan, written, content }) => (
      `${id}: ${plan.method} ${pathOf(plan)} sent ${content} of ${plan.content.length}, ` +
        `got ${written.length}`
    ));
    const pace = this.client.isStingy ? 'stingy' : 'generous';
    return `${this.name}: ${pace} ${JSON.stringify(limits)}\n  ${streams.join('\n  ')}`;
  }

  // What may happen

  get canSend(): boolean {
    return this.client.hasOctets && !this.sentEof && !this.transport.closed;
  }

  send(most = this.#longestRead): void {
    const octets = this.client.octets(this.#world.random.between(1, most));
    this.#tell(`send ${octets.length}`);
    this.transport.send(octets);
  }

  /** The client goes on with what it has begun; it opens windows only where that ends anywhere. */
  goOn(): void {
    if (!this.sentEof && !this.transport.ended && !this.client.offended) this.client.goOn();
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
    this.transport.disconnect(reset ? new Error('ECONNRESET') : undefined);
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
    if (this.transport.clock.now() > 4_000) this.reasons.add('time');
  }

  shutdown(): void {
    this.#tell('shutdown');
    this.shutDown = true;
    this.reasons.add('shutdown');
    this.transport.shutdown();
  }

  offend(): void {
    this.reasons.add('an offence');
    this.client.offend();
  }

  get mayOffend(): boolean {
    return this.#script.offends && !this.client.offended;
  }

  // What must hold

  /** After every event. */
  check(): void {
    const { transport } = this;
    for (const failure of transport.failures.splice(0)) {
      if (!this.#isHttp1 && !this.reasons.has('an offence')) {
        this.#fault(`the guard caught ${failure.stack}`);
      }
    }
    this.#taken += transport.takeBytes().length;
    this.client.hear(this.#taken);
    this.#checkLedger();
    for (const record of this.#streams.values()) {
      if (record.changed) this.#checkAnswer(record);
      record.changed = false;
    }
    for (const [id, watched] of this.#watched) this.#checkSignals(id, watched);
  }

  #checkAnswer(record: StreamRecord): void {
    const fault = checkAnswer(record, this);
    if (fault !== undefined) this.#fault(`the answer on ${record.id} ${fault}`);
    const code = checkEnding(record, this);
    if (code !== undefined) this.#fault(`the stream ${record.id} ${code}`);
  }

  /** What is held for handlers is charged, no octet less or more. */
  #checkLedger(): void {
    if (this.transport.closed || this.#isHttp1) return;
    let least = 0;
    let most = 0;
    for (const [id, watched] of this.#watched) {
      const tunnel = this.#tunnel(id);
      const held = watched.held(tunnel);
      const queued = tunnel?.queuedBytes ?? 0;
      least += held[0] + queued;
      most += held[1] + queued;
    }
    const { charged } = this.transport;
    if (charged < least) this.#fault(`${least} octets are held, ${charged} are charged`);
    // What no handler saw is not watched.
    const refused = this.limits.contentBytes !== Infinity;
    if (charged > most && !refused) this.#fault(`${charged} octets are charged, ${most} held`);
  }

  #tunnel(streamId: number): ReturnType<ReturnType<typeof tunnels>['get']> {
    return tunnels(this.#world).get(this.#streams.get(streamId)?.plan.id ?? -1);
  }

  /** The signal of a request fires where its stream or its connection breaks, once, not else. */
  #checkSignals(id: number, { aborted, drained }: WatchedRequest): void {
    const record = this.#streams.get(id) as StreamRecord;
    if ((aborted ?? 0) > 1) this.#fault(`the signal of ${id} fired ${aborted} times`);
    if ((drained ?? 0) > 1) this.#fault(`draining of ${id} fired ${drained} times`);
    if (drained === 1 && !this.shutDown) this.#fault(`draining of ${id} fired for nothing`);
    const lives = !record.isAnswered && !record.resetDelivered && !this.transport.ended;
    if (drained === 0 && this.shutDown && lives) {
      this.#fault(`draining of ${id} did not fire`);
    }
    const broken = record.resetDelivered || record.resetCode !== undefined ||
      this.transport.ended || this.transport.closed || this.sentEof ||
      record.head?.status === 413 || record.head?.status === 408;
    if (aborted === 1 && !broken && !this.reasons.has('time') && !this.#isTooLarge(record)) {
      this.#fault(`the signal of ${id} fired, and nobody broke it off`);
    }
    const told = record.resetCode !== undefined || (record.barred && !record.serverEnded);
    if (aborted === 0 && told) this.#fault(`${id} was reset, and its signal did not fire`);
  }

  #isTooLarge({ plan }: StreamRecord): boolean {
    return plan.content.length >= this.limits.contentBytes;
  }

  /** When nothing is left to happen but time: has everybody got an answer? */
  checkProgress(): void {
    const { transport } = this;
    if (transport.closed) return;
    this.#checkWindows();
    this.#letTimePass();
    if (transport.closed) return;
    if (!transport.ended && transport.queuedBytes > 0) this.#fault('octets are stuck');
    const waits = [...this.#streams.values()].filter((record) => this.#isOwed(record));
    for (const record of waits) {
      if (this.#mayWait(record)) continue;
      if (transport.ended && this.reasons.size > 0) continue;
      this.#fault(`${record.id}, ${pathOf(record.plan)}, is stuck`);
    }
    if (this.judge.isWithinFrame) this.#fault('the last frame is not whole');
    if (waits.length > 0) return;
    const going = this.shutDown || this.sentEof || this.judge.goaways.length > 0;
    if (going && !transport.ended) this.#fault('all is answered, and it does not end');
    if (!transport.ended) this.#checkRest();
  }

  /** What waits for a client that does no more is ended in its time. */
  #letTimePass(): void {
    const { transport, client, limits } = this;
    if (transport.ended) return;
    if ([...this.#streams.values()].some(({ abandoned }) => abandoned)) {
      this.tick(limits.lingerMs + 250);
      this.check();
      for (const { id, abandoned, reset, resetCode } of this.#streams.values()) {
        const late = abandoned && !reset && resetCode === undefined && !transport.ended;
        if (late) this.#fault(`${id} was answered, and waits for the rest of its content (§8.1)`);
      }
    }
    if (!client.isStingy && !client.offended && !this.sentEof) return;
    // Windows stay shut: streams that wait for them are reset (slow read).
    this.tick(limits.writeStallMs + 500);
    this.check();
  }

  /** Both sides have the same idea of all windows; what was not given back is held for somebody. */
  #checkWindows(): void {
    const protocol = this.#protocol;
    const isCalm = !this.sentEof && !this.client.offended && !this.transport.ended;
    if (protocol === undefined || !isCalm) return;
    const { judge } = this;
    if (judge.pings.length + judge.announced.length > 0) this.#fault('PING or SETTINGS unanswered');
    const { available } = protocol.outbound.window;
    if (available !== judge.window) {
      this.#fault(`the connection window is ${judge.window}, and ${available} for the server`);
    }
    for (const stream of protocol.streams) this.#checkStreamWindows(stream);
  }

  #checkStreamWindows({ id, sendWindow, receiveWindow }: Http2Stream): void {
    const record = this.#streams.get(id) as StreamRecord;
    if (sendWindow.available !== record.window) {
      this.#fault(`the window of ${id} is ${record.window}, and ${sendWindow.available} for it`);
    }
    const held = this.#watched.get(id)?.held(this.#tunnel(id));
    if (held === undefined || record.endDelivered) return;
    // What was consumed and not yet told of is told by this.
    receiveWindow.grow(receiveWindow.size);
    const missing = receiveWindow.size - receiveWindow.available;
    if (missing < held[0] || missing > held[1]) {
      this.#fault(`${missing} octets of the window of ${id} are gone, ${held[0]} are held`);
    }
  }

  /** Whether the server still has to say something on a stream. */
  #isOwed(record: StreamRecord): boolean {
    if (!record.delivered || record.resetDelivered || record.isAnswered) return false;
    return record.id % 2 === 0 || record.id <= this.judge.lastTaken;
  }

  #mayWait({ id, plan, ended }: StreamRecord): boolean {
    if (plan.behaviour.never && this.#watched.has(id)) return true;
    return !ended && (this.sentEof || this.client.offended);
  }

  /** Nothing is begun: no stream, no turn, no octet of a window is left behind. */
  #checkRest(): void {
    const protocol = this.#protocol;
    if (protocol === undefined) return;
    const { streams, window } = protocol;
    const alive = [...this.#streams.values()].filter(({ ended, reset }) => !ended && !reset);
    if (alive.length > 0 || streams.size > 0) {
      if (streams.size > alive.length) this.#fault(`${streams.size} streams are left`);
      return;
    }
    this.#checkQueue(protocol);
    if (!protocol.idle) this.#fault('nothing is begun, and it is not idle');
    // What was consumed and not yet told of is told by this.
    window.grow(window.size);
    if (window.available !== window.size) {
      this.#fault(`${window.size - window.available} octets of the connection window are lost`);
    }
    this.tick(this.limits.idleMs + 250);
    if (!this.transport.ended) this.#fault('it is idle, and never ends');
  }

  #checkQueue(protocol: Http2Connection): void {
    const { queue } = protocol as unknown as { readonly queue: SendQueue };
    if (queue.length > 0) this.#fault(`${queue.length} streams still wait for their turn`);
  }

  /** After the connection has gone and all gates are open. */
  checkEnd(): void {
    const { transport } = this;
    if (!transport.closed) this.#fault('it is not closed');
    if (transport.charged !== 0) this.#fault(`${transport.charged} octets are still charged`);
    if (transport.clock.pending !== 0) this.#fault(`${transport.clock.pending} timers are left`);
    if (this.#protocol !== undefined) {
      this.#checkQueue(this.#protocol);
      const { size } = this.#protocol.streams;
      if (size > 0) this.#fault(`${size} streams are left`);
    }
    for (const [id, watched] of this.#watched) this.#checkOver(id, watched);
  }

  #checkOver(id: number, { aborted, completed }: WatchedRequest): void {
    if (completed !== 1) this.#fault(`the exchange of ${id} was completed ${completed} times`);
    const record = this.#streams.get(id) as StreamRecord;
    const tunnel = this.#tunnel(id);
    if (tunnel !== undefined && tunnel.closings !== 1) {
      this.#fault(`the tunnel of ${id} was closed ${tunnel.closings} times`);
    }
    const whole = record.serverEnded && record.resetCode === undefined &&
      (record.isPushed || record.endDelivered);
    if (aborted === 0 && !record.serverEnded) this.#fault(`the signal of ${id} never fired`);
    // It may have gone before the server looked at the end of the request.
    const sure = whole && !this.sentEof && !record.resetDelivered && this.reasons.size === 0;
    if (sure && aborted === 1 && !this.#isTooLarge(record)) {
      this.#fault(`${id} was answered, and its signal fired`);
    }
  }

  // The server's side

  /** A preface that was cut short is none. */
  #fellBack(): void {
    if (!this.sentEof) this.#fault('it was taken for HTTP/1.1');
    this.#isHttp1 = true;
  }

  #handle(
    request: HttpRequest, exchange: Http2Exchange,
  ): HttpResponse | Promise<HttpResponse> {
    const { id } = exchange;
    const record = this.#streams.get(id) ?? this.#promisedUnseen(exchange, request);
    if (record === undefined) throw new Error(`a handler of ${id}, which nobody opened`);
    const { plan } = record;
    this.#tell(`begin ${id} ${request.method} ${request.target}`);
    if (request.target !== pathOf(plan)) this.#fault(`${id} asks for ${request.target}`);
    if (request.fields.get('x-id') !== String(plan.id)) this.#fault(`${id} has other fields`);
    if (this.transport.ended || this.transport.closed) this.#fault(`${id} began after the end`);
    if (this.#watched.has(id)) this.#fault(`a second handler of ${id}`);
    if (record.barred) this.#fault(`a handler of ${id}, which is reset`);
    const watched = new WatchedRequest(exchange);
    this.#watched.set(id, watched);
    this.#watchPush(request, record);
    watched.watchBody(request.body);
    watched.watchSignals(request, this.#world, String(plan.id));
    return plan.behaviour.handle(request, plan, this.#world);
  }

  /** A promise is made wherever it may be. */
  #watchPush(request: HttpRequest, parent: StreamRecord): void {
    const push = request.push.bind(request);
    request.push = (target, fields) => {
      const { size } = this.#unseen;
      const room = this.judge.hasRoomForPush(size, this.limits.http2Pushes);
      const made = push(target, fields);
      const over = parent.isAnswered || parent.resetDelivered || this.client.isRetired ||
        this.transport.ended || this.transport.closed;
      if (!made && room && !over && !this.shutDown && !this.sentEof) {
        this.#fault(`a promise on ${parent.id} was not made`);
      }
      return made;
    };
  }

  /** A promised request begins before its promise has left. */
  #promisedUnseen({ id }: Http2Exchange, request: HttpRequest): StreamRecord | undefined {
    const plan = this.#promisedPlan(request.fields.get('x-id'));
    if (plan === undefined || id % 2 === 1) return undefined;
    const record = new StreamRecord(id, plan, 0, [0, 0]);
    record.ended = true;
    record.endDelivered = true;
    this.#unseen.add(record);
    this.#streams.set(id, record);
    return record;
  }

  readonly #unseen = new Set<StreamRecord>();

  #promisedPlan(id: string | undefined): Http2Plan | undefined {
    const plans = this.#script.plans.flatMap(({ pushed }) => pushed);
    return plans.find((plan) => String(plan.id) === id);
  }

  #promised(parent: StreamRecord, id: number, fields: ReadonlyMap<string, string>): void {
    const plan = this.#promisedPlan(fields.get('x-id'));
    const record = this.#streams.get(id);
    if (plan === undefined || record === undefined || !this.#unseen.delete(record)) {
      this.#fault(`a promise of ${id} that no handler made`);
      return;
    }
    if (!parent.plan.pushed.includes(plan)) this.#fault(`${id} is promised on another's stream`);
    if (fields.get(':path') !== pathOf(plan)) this.#fault(`${id} promises another path`);
    record.delivered = true;
    record.window = this.judge.settings.window;
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const meant = error instanceof Provoked ||
      /must return an HttpResponse|content-length says 3|than its length/.test(message);
    if (!meant) this.#fault(`a failure: ${error instanceof Error ? error.stack : message}`);
  }

  #wrote(octets: Buffer): void {
    // After its end a transport drops what is written; HTTP/1.1 answers a preface that was cut.
    const isOver = this.transport.ended || this.transport.closed;
    if (!isOver && !this.#isHttp1) this.judge.take(octets);
  }

  #tell(event: string): void {
    this.#world.trace.push(`${this.name} ${event}`);
  }

  #fault(what: string): void {
    this.#world.fault(`${this.name}: ${what}`);
  }
}
