/**
 * A session under chance: messages of all kinds, pings, a reader that stops and goes on, and an end
 * at any moment. What comes out is well-formed, in order and whole, and every promise settles.
 */
import { describe, expect, test } from 'vitest';
import { close, continuation, join, ping, text } from '../support/websocket.ts';
import { Random, seeded } from '../support/random.ts';
import {
  WIRES, openWire, type OutFrame, type Wire, type WireName,
} from '../support/websocket-session.ts';

const SEEDS = 25;
const LIMITS = {
  writeQueueBytes: 4000, webSocketQueueBytes: 4000, unreadBytes: 4000, ledgerBytes: 1_000_000,
};

interface Sent {
  readonly content: string;
  state: 'pending' | 'sent' | 'rejected';
}

/** A session's program, which sends things and writes down what became of them. */
class Program {
  readonly wire: Wire;
  readonly random: Random;
  readonly sent: Sent[] = [];
  readonly pings: { state: string }[] = [];
  #number = 0;

  constructor(wire: Wire, random: Random) {
    this.wire = wire;
    this.random = random;
  }

  #content(): string {
    return `${this.#number++}:`.padEnd(this.random.int(3000), '€x');
  }

  #note(content: string, promise: Promise<void>): void {
    const sent: Sent = { content, state: 'pending' };
    this.sent.push(sent);
    promise.then(() => { sent.state = 'sent'; }, () => { sent.state = 'rejected'; });
  }

  message(): void {
    const content = this.#content();
    this.#note(content, this.wire.session.send(content));
  }

  pieces(): void {
    const content = this.#content();
    const size = 1 + this.random.int(800);
    const slow = this.random.int(2) === 0;
    this.#note(content, this.wire.session.send((async function* pieces() {
      for (let at = 0; at < content.length; at += size) {
        if (slow) await new Promise<void>((resolve) => { setImmediate(resolve); });
        yield content.slice(at, at + size);
      }
    })()));
  }

  ping(): void {
    const seen = { state: 'pending' };
    this.pings.push(seen);
    this.wire.session.ping().then(
      () => { seen.state = 'sent'; }, () => { seen.state = 'rejected'; },
    );
  }
}

/** The messages that have come out whole. */
function messagesOf(frames: readonly OutFrame[]): string[] {
  const messages: string[] = [];
  let message = '';
  for (const { opcode, final, payload } of frames) {
    if (opcode >= 8) continue;
    message += payload.toString();
    if (!final) continue;
    messages.push(message);
    message = '';
  }
  return messages;
}

/** What may happen next. */
const ACTS: readonly ((program: Program) => unknown)[] = [
  (program) => program.message(),
  (program) => program.message(),
  (program) => program.pieces(),
  (program) => program.ping(),
  ({ wire }) => wire.send(ping('p')),
  ({ wire }) => wire.send(text('heard'), text('in ', false), continuation('parts')),
  ({ wire, random }) => wire.release(random.int(6000)),
  ({ wire }) => wire.settled(),
  ({ wire }) => wire.tick(250),
];

async function live(name: WireName, random: Random): Promise<Program> {
  const wire = await openWire(name, {
    limits: LIMITS, window: random.int(10_000),
    serve: (session) => session.onMessage(() => {}),
  });
  const program = new Program(wire, random);
  for (let acts = random.int(40); acts > 0; acts--) {
    await ACTS[random.int(ACTS.length)]!(program);
  }
  return program;
}

describe.each(WIRES)('chance, %s', (name) => {
  const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);

  test('all that was sent comes out, in order, when the reader goes on', async () => {
    for (const seed of seeds) {
      await seeded(seed, async (random) => {
        const { wire, sent, pings } = await live(name, random);
        await wire.release();
        for (let turns = 0; turns < 200 && sent.some(({ state }) => state === 'pending'); turns++) {
          await wire.settled();
        }
        expect(messagesOf(wire.all)).toEqual(sent.map(({ content }) => content));
        expect(sent.filter(({ state }) => state !== 'sent')).toEqual([]);
        expect(wire.session.bufferedBytes).toBe(0);
        await wire.send(close(1000));
        expect(wire.closure).toEqual({ code: 1000, reason: '', clean: true });
        expect(pings.filter(({ state }) => state === 'pending')).toEqual([]);
        await wire.finish();
      });
    }
  });

  test.each<[string, (wire: Wire) => unknown]>([
    ['we close', (wire) => wire.session.close(4000)],
    ['the peer closes', (wire) => wire.send(close(4000))],
    ['the peer offends', (wire) => wire.send(join(ping(), Buffer.from([0xff, 0xff])))],
    ['it is cut', (wire) => wire.cut()], ['it is terminated', (wire) => wire.session.terminate()],
  ])('when %s: what came out is a beginning of what was sent, every promise settles',
    async (_, end) => {
      for (const seed of seeds) {
        await seeded(seed, async (random) => {
          const { wire, sent, pings } = await live(name, random);
          void end(wire);
          await wire.release();
          await wire.tick(10_000);
          const came = messagesOf(wire.all);
          expect(came).toEqual(sent.slice(0, came.length).map(({ content }) => content));
          await wire.finish();
          const { closure } = wire;
          expect([...sent, ...pings].filter(({ state }) => state === 'pending')).toEqual([]);
          expect(closure).toBeDefined();
        });
      }
    });
});
