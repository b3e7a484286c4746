/**
 * The client's side of a simulated HTTP/2 connection: what it may do next, as chance has it, and
 * what it does with what it hears. It keeps the rules, but for the one offence of its script; how
 * it cuts its octets into reads is the connection's.
 */
import { Buffer } from 'node:buffer';
import {
  ACK, DATA, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED,
  PING, PREFACE, PRIORITY_FLAG, RST_STREAM, SETTINGS, WINDOW_UPDATE,
  SETTINGS_ENABLE_PUSH, SETTINGS_HEADER_TABLE_SIZE, SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_FRAME_SIZE,
} from '../../src/http2/frame.ts';
import { HpackEncoder } from '../../src/http2/hpack/index.ts';
import {
  continuation, data, encoded, fieldsOf, frame, goaway, headers, join, ping, priority,
  priorityUpdate, reset, settings, settingsAck, windowUpdate, type FieldPairs,
} from '../support/http2.ts';
import type { Random } from '../support/random.ts';
import { pathOf } from './http2-behaviours.ts';
import {
  FIRST_SETTINGS, type ClientSettings, type Http2Judge, type WrittenFrame,
} from './http2-judge.ts';
import type { Http2Plan, Http2Script } from './http2-plans.ts';
import { StreamRecord } from './http2-record.ts';

export interface ClientOptions {
  readonly random: Random;
  readonly script: Http2Script;
  readonly judge: Http2Judge;
  readonly streams: Map<number, StreamRecord>;
  tell(event: string): void;
}

/** A part of what is to be sent, and what holds once it was handed over. */
interface Parcel {
  readonly octets: Uint8Array;
  handedOver(): void;
}

/** Window under which a calm client opens it, and by how much a window is opened wide. */
const NARROW = 100_000;
const WIDE = 1_000_000;
const OFFENCES: readonly Uint8Array[] = [
  data(2_000_001, 'x'), frame(HEADERS, END_HEADERS, 0), windowUpdate(0, 0), reset(2_000_001),
  frame(SETTINGS, 0, 1), headers(2_000_001, Uint8Array.of(0x80)), ping('short'),
];

export class SimulatedClient {
  /** Whether it opens windows at all. */
  readonly isStingy: boolean;
  /** Whether the window of its connection stays as it is, until all is calm. */
  readonly #isNarrow: boolean;
  offended = false;
  resets = 0;
  /** It opened streams before it heard how many it may. */
  openedUnheard = false;
  /** Its settings, as announced last. */
  settings: ClientSettings = FIRST_SETTINGS;
  readonly #options: ClientOptions;
  readonly #encoder = new HpackEncoder();
  readonly #outbox: Parcel[] = [];
  #offset = 0;
  #next = 0;
  #nextId = 1;
  #heard = 0;
  #heardSettings = false;
  #heardStreams = Infinity;
  #heardWindow = DEFAULT_WINDOW;
  #heardGranted = DEFAULT_WINDOW;
  /** GOAWAY was heard, or sent: it opens no more streams. */
  #retired = false;
  #pings = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    const { random } = options;
    this.isStingy = random.chance(0.12);
    this.#queue(PREFACE);
    this.#isNarrow = random.chance(0.25);
    const window = this.#isNarrow ? WIDE
      : random.pick([0, 1, 100, 3000, DEFAULT_WINDOW, DEFAULT_WINDOW, WIDE]);
    this.#announce({ ...FIRST_SETTINGS, window, push: random.chance(0.8) });
    const { judge } = options;
    const wide = !this.#isNarrow && random.chance(0.5);
    if (wide) this.#queue(windowUpdate(0, WIDE), () => judge.window += WIDE);
  }

  // Octets

  get hasOctets(): boolean {
    return this.#outbox.length > 0;
  }

  /** The next octets for the server, at most so many. */
  octets(most: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let left = most; left > 0;) {
      const parcel = this.#outbox[0];
      if (parcel === undefined) break;
      const part = parcel.octets.subarray(this.#offset, this.#offset + left);
      parts.push(part);
      left -= part.length;
      this.#offset += part.length;
      if (this.#offset < parcel.octets.length) break;
      this.#outbox.shift();
      this.#offset = 0;
      parcel.handedOver();
    }
    return join(...parts);
  }

  #queue(octets: Uint8Array, handedOver: () => void = () => {}): void {
    this.#outbox.push({ octets, handedOver });
  }

  #announce(next: ClientSettings): void {
    const before = this.settings;
    const pairs: [number, number][] = [];
    if (next.tableSize !== before.tableSize) {
      pairs.push([SETTINGS_HEADER_TABLE_SIZE, next.tableSize]);
    }
    if (next.push !== before.push) pairs.push([SETTINGS_ENABLE_PUSH, next.push ? 1 : 0]);
    if (next.window !== before.window) pairs.push([SETTINGS_INITIAL_WINDOW_SIZE, next.window]);
    if (next.frameSize !== before.frameSize) pairs.push([SETTINGS_MAX_FRAME_SIZE, next.frameSize]);
    if (next.streams !== before.streams) {
      pairs.push([SETTINGS_MAX_CONCURRENT_STREAMS, next.streams]);
    }
    this.settings = next;
    this.#queue(settings(pairs), () => this.#options.judge.announced.push(next));
  }

  // What it may do

  get #open(): StreamRecord[] {
    return [...this.#options.streams.values()].filter((record) => !record.isOver);
  }

  get canOpen(): boolean {
    const plan = this.#options.script.plans[this.#next];
    if (plan === undefined || this.#retired || this.offended) return false;
    if (plan.connects && !this.#options.judge.offersConnect) return false;
    if (plan.connects && !this.#heardSettings) return false;
    return this.#open.filter(({ isPushed }) => !isPushed).length < this.#heardStreams;
  }

  /** Sends the head of its next request. */
  open(): void {
    const plan = this.#options.script.plans[this.#next++] as Http2Plan;
    const { judge, streams } = this.#options;
    const id = this.#nextId;
    this.#nextId += 2;
    const granted = [judge.serverWindow, this.#heardWindow] as const;
    const record = new StreamRecord(id, plan, judge.settings.window, granted);
    streams.set(id, record);
    this.openedUnheard ||= !this.#heardSettings;
    const ends = plan.framing === 'none' && !plan.connects;
    record.ended = ends;
    this.#options.tell(`open ${id}: ${plan.method} ${pathOf(plan)} ${plan.content.length}`);
    const block = encoded(this.#encoder, requestFields(plan));
    this.#block(id, block, ends ? END_STREAM : 0, () => {
      // What was acknowledged since counts from here on.
      record.window = judge.settings.window;
      record.delivered = true;
      record.endDelivered = ends;
    });
  }

  /** A field block, whole or in parts, padded or with an old priority. */
  #block(id: number, block: Uint8Array, flags: number, handedOver: () => void): void {
    const { random } = this.#options;
    const padding = random.chance(0.15) ? random.int(20) : undefined;
    const prioritized = random.chance(0.1);
    const cut = random.chance(0.2) ? random.int(block.length) : block.length;
    const first = join(
      padding === undefined ? '' : [padding], prioritized ? [0, 0, 0, 0, 7] : '',
      block.subarray(0, cut), new Uint8Array(padding ?? 0),
    );
    const all = flags | (padding === undefined ? 0 : PADDED) | (prioritized ? PRIORITY_FLAG : 0);
    if (cut === block.length) {
      this.#queue(frame(HEADERS, all | END_HEADERS, id, first), handedOver);
    } else {
      const rest = continuation(id, block.subarray(cut));
      this.#queue(join(frame(HEADERS, all, id, first), rest), handedOver);
    }
  }

  #canUpload(record: StreamRecord): boolean {
    const { plan } = record;
    if (record.ended || record.reset || record.heardReset || record.waits) return false;
    if (record.abandoned) return false;
    if (plan.connects && record.content === sentLength(plan)) return record.heardHead;
    const isEmpty = record.content === sentLength(plan);
    return isEmpty || this.#room(record) > 0;
  }

  /** Octets of DATA that it may send now: what the server has told so far. */
  #room(record: StreamRecord): number {
    const { judge } = this.#options;
    return Math.min(
      record.heardGranted - record.spent, this.#heardGranted - judge.spent, DEFAULT_FRAME_SIZE,
    );
  }

  get canUpload(): boolean {
    return !this.offended && this.#open.some((record) => this.#canUpload(record));
  }

  /** Sends a DATA frame of chance, or what ends the stream. */
  upload(): void {
    const { random } = this.#options;
    const record = random.pick(this.#open.filter((one) => this.#canUpload(one)));
    const content = sent(record.plan);
    const left = content.length - record.content;
    if (left === 0) {
      this.#endUpload(record);
      return;
    }
    const room = this.#room(record);
    const padding = room > 1 && random.chance(0.1) ? random.int(Math.min(20, room - 1)) : undefined;
    const overhead = padding === undefined ? 0 : padding + 1;
    const octets = random.between(1, Math.min(left, room - overhead));
    const piece = content.slice(record.content, record.content + octets);
    record.content += octets;
    this.#spend(record, octets + overhead);
    const ends = octets === left && !record.plan.trailers && !record.plan.connects &&
      random.chance(0.6);
    const flags = (ends ? END_STREAM : 0) | (padding === undefined ? 0 : PADDED);
    const payload = padding === undefined ? Buffer.from(piece, 'latin1')
      : join([padding], piece, new Uint8Array(padding));
    if (ends) record.ended = true;
    this.#options.tell(`data ${record.id}: ${octets}${ends ? ' END_STREAM' : ''}`);
    this.#queue(frame(DATA, flags, record.id, payload), () => {
      if (ends) record.endDelivered = true;
    });
  }

  #spend(record: StreamRecord, octets: number): void {
    record.spent += octets;
    this.#options.judge.spent += octets;
  }

  #endUpload(record: StreamRecord): void {
    const { id, plan } = record;
    record.ended = true;
    this.#options.tell(`end ${id}`);
    const done = (): void => void (record.endDelivered = true);
    if (!plan.trailers) this.#queue(data(id, '', END_STREAM), done);
    else this.#block(id, encoded(this.#encoder, [['x-sum', String(plan.id)]]), END_STREAM, done);
  }

  get waiting(): StreamRecord[] {
    return this.#open.filter(({ waits, plan }) => waits && !plan.connects);
  }

  /** It sends its content without having heard 100. */
  giveUpWaiting(): void {
    const record = this.#options.random.pick(this.waiting);
    this.#options.tell(`give up waiting on ${record.id}`);
    record.waits = false;
  }

  get canReset(): boolean {
    return !this.offended && this.#open.length > 0;
  }

  reset(): void {
    const { random, judge, tell } = this.#options;
    const record = random.pick(this.#open);
    tell(`reset ${record.id}`);
    this.resets++;
    record.reset = true;
    this.#queue(reset(record.id, random.pick([0, 2, 8])), () => {
      record.resetDelivered = true;
    });
    this.ping(() => {
      record.barred = true;
      // From here on the server knows that its place is free.
      if (record.isPushed && !record.isAnswered) judge.pushReset();
    });
  }

  ping(then: () => void = () => {}): void {
    const text = String(this.#pings++).padStart(8, '0');
    this.#queue(ping(text), () => this.#options.judge.pings.push({ data: text, then }));
  }

  /** Opens a window by so much as chance says, of a stream or of the connection. */
  openWindow(): void {
    const { random } = this.#options;
    const increment = random.pick([1, 10, 1000, 20_000, 100_000]);
    const streams = this.#open.filter(({ heardEnd }) => !heardEnd);
    const one = random.chance(0.6) ? streams[random.int(streams.length)] : undefined;
    if (one !== undefined || !this.#isNarrow) this.#widen(one, increment);
  }

  #widen(record: StreamRecord | undefined, increment: number): void {
    const { judge, tell } = this.#options;
    tell(`window ${record?.id ?? 0} by ${increment}`);
    this.#queue(windowUpdate(record?.id ?? 0, increment), () => {
      if (record === undefined) judge.window += increment;
      else record.window += increment;
    });
  }

  changeSettings(): void {
    const { random, tell } = this.#options;
    const next = {
      ...this.settings,
      ...random.pick<Partial<ClientSettings>>([
        { window: random.pick([0, 1, 50, 5000, DEFAULT_WINDOW, 300_000]) },
        { frameSize: random.pick([DEFAULT_FRAME_SIZE, 20_000, 1_000_000]) },
        { tableSize: random.pick([0, 50, 4096, 100_000]) },
        { streams: random.pick([0, 1, 100]) },
        { push: false },
      ]),
    };
    tell(`settings ${JSON.stringify(next)}`);
    this.#announce(next);
  }

  /** A frame that asks for little: of priority, or to see whether the server lives. */
  fidget(): void {
    const { random } = this.#options;
    const id = random.pick([this.#nextId, ...[...this.#options.streams.keys()]]);
    const kind = random.int(4);
    if (kind === 0) this.ping();
    else if (kind === 1) this.#queue(priority(this.#nextId + 100, 0));
    else if (kind === 2) this.#queue(frame(0xfa, 0xff, id, 'unknown'));
    else if (id === this.#nextId && this.#options.streams.size > 0) this.ping();
    // An idle stream counts as one that is open (RFC 9218 §7.1): the first alone is always in room.
    else if (id % 2 === 1) this.#queue(priorityUpdate(id, random.pick(['u=0', 'u=7, i', 'i'])));
  }

  goaway(): void {
    this.#options.tell('client GOAWAY');
    this.#retired = true;
    this.#queue(goaway(0));
    this.ping(() => this.#options.judge.mayPush = false);
  }

  offend(): void {
    this.offended = true;
    const offence = this.#options.random.pick(OFFENCES);
    this.#options.tell(`offend ${Buffer.from(offence).toString('hex')}`);
    this.#queue(offence);
  }

  /** Whether content may be other than it was said to be: its handler runs on without a stream. */
  get hasLies(): boolean {
    return this.#options.script.plans.some(({ lie }) => lie !== 0);
  }

  /** Whether handlers may have pushed: those count as running, too. */
  get hasPushes(): boolean {
    return this.#options.script.plans.some(({ pushed }) => pushed.length > 0);
  }

  /** It opens no more streams. */
  get isRetired(): boolean {
    return this.#retired;
  }

  get hasOpenedAll(): boolean {
    return this.#retired || this.#next >= this.#options.script.plans.length;
  }

  // What it hears

  /** All frames that end within the first `octets` octets have come. */
  hear(octets: number): void {
    const { frames } = this.#options.judge;
    for (let frame = frames[this.#heard]; frame !== undefined && frame.end <= octets;) {
      this.#hearFrame(frame);
      frame = frames[++this.#heard];
    }
  }

  #hearFrame({ type, flags, streamId, payload }: WrittenFrame): void {
    const record = this.#options.streams.get(streamId);
    switch (type) {
      case SETTINGS: if ((flags & ACK) === 0) this.#hearSettings(); break;
      case PING: if ((flags & ACK) === 0) this.#queue(ping(payload.toString('latin1'), ACK)); break;
      case GOAWAY: this.#retired = true; break;
      case WINDOW_UPDATE:
        if (record === undefined) this.#heardGranted += payload.readUInt32BE(0);
        else record.heardGranted += payload.readUInt32BE(0);
        break;
      case RST_STREAM: if (record !== undefined) record.heardReset = true; break;
      case HEADERS: if (record !== undefined) this.#hearHead(record); break;
      default:
    }
    const ends = (type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0;
    if (ends && record !== undefined) this.#hearEnd(record);
  }

  #hearEnd(record: StreamRecord): void {
    record.heardEnd = true;
    record.abandoned = !record.ended && this.#options.random.chance(0.2);
  }

  #hearHead(record: StreamRecord): void {
    // Interim answers come first: the count tells which one this is.
    if (record.interims.some(({ status }) => status === 100)) record.heard100 = true;
    if (record.head !== undefined) record.heardHead = true;
    if (record.heardHead || record.heard100) record.waits = false;
  }

  #hearSettings(): void {
    const { judge, streams } = this.#options;
    const change = judge.serverWindow - this.#heardWindow;
    this.#heardWindow = judge.serverWindow;
    for (const record of streams.values()) {
      if (!this.#heardSettings && !record.isPushed) record.heardGranted += change;
    }
    this.#heardSettings = true;
    this.#heardStreams = judge.serverStreams;
    this.#queue(settingsAck);
  }

  // When all is calm

  /** Goes on with whatever was begun. */
  goOn(): void {
    for (const record of this.waiting) record.waits = false;
    while (this.canOpen) this.open();
    while (this.canUpload) this.upload();
    for (const record of this.#open) {
      const over = record.plan.connects && record.heardEnd && !record.ended;
      if (over && !record.abandoned) this.#endUpload(record);
    }
    if (!this.isStingy) this.#widenAll();
  }

  #widenAll(): void {
    const { judge } = this.#options;
    if (this.hasOctets) return;
    if (judge.window < NARROW) this.#widen(undefined, WIDE);
    for (const record of this.#open) {
      const isShut = record.delivered && !record.isAnswered && record.window < NARROW;
      if (isShut) this.#widen(record, WIDE);
    }
  }
}

/** The content that is sent: not what was told, where the plan lies. */
function sent({ content, lie }: Http2Plan): string {
  return lie > 0 ? `${content}?` : content;
}

function sentLength({ content, lie }: Http2Plan): number {
  return content.length + (lie > 0 ? 1 : 0);
}

function requestFields(plan: Http2Plan): FieldPairs {
  const { id, method, connects, content, framing, lie, expects } = plan;
  const told = content.length + (lie < 0 ? 1 : 0);
  const fields = fieldsOf(method, pathOf(plan), [
    ...(connects ? [[':protocol', 'echo'] as const] : []),
    ['x-id', String(id)],
    ...(framing === 'length' ? [['content-length', String(told)] as const] : []),
    ...(expects ? [['expect', '100-continue'] as const] : []),
    ...(plan.priority === undefined ? [] : [['priority', plan.priority] as const]),
  ]);
  return fields;
}
