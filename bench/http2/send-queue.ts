/**
 * src/http2/send-queue.ts under 100 streams: who sends next, by RFC 9218, beside a first-in
 * first-out array, which knows neither urgency nor fairness. The streams stand for those of a
 * connection and send nothing: what is timed is the choice alone. Both give each stream its turns.
 */
import type { Outbound } from '../../src/http2/outbound.ts';
import { SendQueue, turnOf } from '../../src/http2/send-queue.ts';
import type { Http2Stream } from '../../src/http2/stream.ts';
import { agreed } from '../agreement.ts';
import type { Suite } from '../suite.ts';

const STREAMS = 100;
const KIB = 1024;
const outbound = { blocked: false, window: { available: Infinity } } as unknown as Outbound;

/** As much of a stream as the queue looks at; sends its content in turns. */
class Content {
  readonly id: number;
  readonly priority: { readonly urgency: number; readonly incremental: boolean };
  readonly #octets: number;
  queuedAt = -1;
  turnLeft = 0;
  roundLeft = 0;
  sentBytes = 0;
  turns = 0;

  constructor(id: number, octets: number, urgency: number, incremental: boolean) {
    this.id = id;
    this.#octets = octets;
    this.priority = { urgency, incremental };
  }

  begin(): void {
    this.queuedAt = -1;
    this.turnLeft = 0;
    this.roundLeft = 0;
    this.sentBytes = 0;
    this.turns = 0;
  }

  send(): boolean {
    this.turns++;
    const octets = Math.min(this.turnLeft, this.#octets - this.sentBytes);
    this.sentBytes += octets;
    this.turnLeft -= octets;
    return this.sentBytes < this.#octets;
  }
}

export function add(suite: Suite): void {
  compare(suite, 'short answers, alike', KIB, () => 3, false);
  compare(suite, 'short answers, 8 urgencies', KIB, (i) => i % 8, false);
  compare(suite, 'incremental, 4 turns each', 64 * KIB, () => 3, true);
  compare(suite, 'serial, 4 turns each', 512 * KIB, () => 3, false);
}

function compare(
  suite: Suite, name: string, octets: number, urgency: (index: number) => number,
  incremental: boolean,
): void {
  const streams = Array.from(
    { length: STREAMS }, (_, i) => new Content(2 * i + 1, octets, urgency(i), incremental),
  );
  const queue = new SendQueue();
  const sides = { wirestack: () => ours(queue, streams), fifo: () => fifo(streams) };
  agreed(name, {
    expected: STREAMS * octets, wirestack: sides.wirestack(), fifo: sides.fifo(),
  });
  const turns = streams.reduce((sum, stream) => sum + stream.turns, 0);
  suite.compare(`${name}, a turn`, sides, turns);
}

/** Octets sent, when all streams are done. */
function ours(queue: SendQueue, streams: readonly Content[]): number {
  for (const stream of streams) {
    stream.begin();
    queue.add(stream as unknown as Http2Stream);
  }
  queue.run(outbound);
  return sent(streams);
}

function fifo(streams: readonly Content[]): number {
  const waiting: Content[] = [];
  for (const stream of streams) {
    stream.begin();
    waiting.push(stream);
  }
  for (let stream = waiting.shift(); stream !== undefined; stream = waiting.shift()) {
    stream.turnLeft = turnOf(stream as unknown as Http2Stream);
    if (stream.send()) waiting.push(stream);
  }
  return sent(streams);
}

function sent(streams: readonly Content[]): number {
  let octets = 0;
  for (const stream of streams) octets += stream.sentBytes;
  return octets;
}
