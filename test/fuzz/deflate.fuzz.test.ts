/**
 * permessage-deflate with random messages: our deflater into our inflater for every set of
 * parameters, each of them against a persistent stream of Node's zlib, and damaged data.
 */
import { Buffer } from 'node:buffer';
import {
  constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw,
} from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CloseError } from '../../src/websocket/close-error.ts';
import { BINARY, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { FLUSHED, Receiving, Sending, deflated, prose } from '../support/compression.ts';
import { Random, countFrom, seeded } from '../support/random.ts';
import { join, octetsOf, type Payload } from '../support/websocket.ts';

const MUTATIONS = countFrom('FUZZ_INPUTS', 1000);
/** For each set of parameters, of which there are about 40. */
const MESSAGES = Math.ceil(MUTATIONS / 32);

/** Text that gets shorter, or octets that do not: a few large enough for the pool. */
function message(random: Random): Payload {
  const most = random.pick([0, 10, 300, 5000, 5000, 60_000]);
  const length = random.int(most + 1);
  if (random.chance(0.2)) return random.bytes(length);
  const text = prose(random, length);
  return random.chance(0.5) ? text : octetsOf(text);
}

function messages(random: Random): Payload[] {
  return Array.from({ length: MESSAGES }, () => message(random));
}

/** In one to four fragments. */
function fragments(random: Random, payload: Uint8Array): Uint8Array[] {
  const cuts = Array.from({ length: random.int(4) }, () => random.int(payload.length + 1));
  const ends = [...cuts.sort((a, b) => a - b), payload.length];
  return ends.map((end, i) => payload.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** A stream of zlib that lives as long as a connection: each call is a message. */
class ZlibStream {
  readonly #stream: DeflateRaw | InflateRaw;
  #parts: Uint8Array[] = [];

  constructor(stream: DeflateRaw | InflateRaw) {
    this.#stream = stream;
    stream.on('data', (part: Uint8Array) => this.#parts.push(part));
  }

  async through(octets: Uint8Array): Promise<Uint8Array> {
    this.#stream.write(octets);
    await new Promise<void>((flushed) => this.#stream.flush(constants.Z_SYNC_FLUSH, flushed));
    const whole = join(...this.#parts);
    this.#parts = [];
    return whole;
  }
}

const FLAGS = [false, true];
const SETS = [9, 10, 11, 12, 13, 14, 15].flatMap((windowBits) => FLAGS
  .flatMap((contextTakeover) => FLAGS.map((inline) => ({ windowBits, contextTakeover, inline }))));

describe.each(SETS)('$windowBits bits, takeover $contextTakeover, inline $inline', (set) => {
  const { inline, ...context } = set;
  const seed = set.windowBits * 4 + Number(set.contextTakeover) * 2 + Number(inline);

  test('deflater into inflater', async () => {
    await seeded(seed, async (random) => {
      const budget = new ZlibBudget({ inline });
      const sending = new Sending({ ...context, budget, thresholdBytes: random.int(200) });
      const receiving = new Receiving({ ...context, budget });
      const all = messages(random);
      for (const one of all) {
        sending.send(one);
        if (random.chance(0.3)) await sending.idle();
      }
      await sending.idle();
      for (const { opcode, reserved, payload } of sending.sent) {
        receiving.receive(opcode, reserved, ...fragments(random, payload));
        if (random.chance(0.3)) await receiving.idle();
      }
      await receiving.idle();
      same(receiving, all);
    });
  });
});

function same(receiving: Receiving, all: readonly Payload[]): void {
  expect(receiving.messages.map(([kind]) => kind))
    .toEqual(all.map((one) => (typeof one === 'string' ? 'text' : 'binary')));
  receiving.octets().forEach((octets, i) => {
    expect(Buffer.compare(octets, octetsOf(all[i] as Payload)), `message ${i}`).toBe(0);
  });
}

describe.each([9, 12, 15])('against a persistent stream of zlib, %d bits', (windowBits) => {
  const context = { windowBits, contextTakeover: true };

  test.each([1, 6, 9])('its deflater at level %d into our inflater', async (level) => {
    await seeded(windowBits * 10 + level, async (random) => {
      const stream = new ZlibStream(createDeflateRaw({ windowBits, level }));
      const receiving = new Receiving(context);
      const all = messages(random).filter(({ length }) => length > 0);
      for (const one of all) {
        const flushed = await stream.through(octetsOf(one));
        expect(Buffer.compare(flushed.subarray(-4), FLUSHED)).toBe(0);
        const opcode = typeof one === 'string' ? TEXT : BINARY;
        receiving.receive(opcode, RSV1, ...fragments(random, flushed.subarray(0, -4)));
      }
      await receiving.idle();
      same(receiving, all);
    });
  });

  test('our deflater into its inflater', async () => {
    await seeded(windowBits, async (random) => {
      const stream = new ZlibStream(createInflateRaw({ windowBits }));
      const sending = new Sending(context);
      const all = messages(random);
      for (const one of all) sending.send(one);
      await sending.idle();
      expect(sending.sent.length).toBe(all.length);
      for (const [i, { reserved, payload }] of sending.sent.entries()) {
        const octets = reserved === 0 ? payload : await stream.through(join(payload, FLUSHED));
        expect(Buffer.compare(octets, octetsOf(all[i] as Payload)), `message ${i}`).toBe(0);
      }
    });
  });
});

test('damaged data: 1007, or a message of some kind, never a crash (threat D19)', () => {
  const codes = new Map<number, number>();
  const budget = new ZlibBudget({ inline: true });
  for (let index = 0; index < MUTATIONS; index++) {
    const random = Random.case(7692, index);
    const payload = Buffer.from(deflated(prose(random, random.int(3000))));
    for (let count = random.between(1, 3); count > 0; count--) {
      payload[random.int(payload.length)] = random.next() & 0xff;
    }
    const end = random.chance(0.3) ? random.int(payload.length) : payload.length;
    const receiving = new Receiving({ budget, messageBytes: 100_000 });
    let code = 0;
    try {
      receiving.compressed(...fragments(random, payload.subarray(0, end)));
      expect(receiving.messages.length).toBe(1);
    } catch (error) {
      if (!(error instanceof CloseError)) throw error;
      code = error.code;
    }
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  // Few changes leave DEFLATE whole; some make a bomb of it, or a run of final blocks.
  for (const code of codes.keys()) expect([0, 1007, 1008, 1009]).toContain(code);
  expect(codes.get(1007) ?? 0).toBeGreaterThan(MUTATIONS / 2);
});
