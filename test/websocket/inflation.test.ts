/** One compressed message: whole or not, at once or in the pool, and no octet over its limit. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { CloseError } from '../../src/websocket/close-error.ts';
import { Inflation, TAIL_BYTES } from '../../src/websocket/inflation.ts';
import { SlidingWindow } from '../../src/websocket/sliding-window.ts';
import { FLUSHED, deflated } from '../support/compression.ts';
import { Random } from '../support/random.ts';
import { hexOctets, join, octetsOf } from '../support/websocket.ts';

const FINAL = hexOctets('f348cdc9c90700');

function inflation(
  payload: Uint8Array, messageBytes = 1 << 20, contextTakeover = true,
  window = new SlidingWindow(15),
): Inflation {
  const octets = join(payload, new Uint8Array(TAIL_BYTES));
  return new Inflation(octets, window, { windowBits: 15, contextTakeover, messageBytes });
}

/** A payload of so many octets: one block without compression (RFC 1951 §3.2.4). */
function stored(payloadBytes: number): Uint8Array {
  const octets = Buffer.alloc(payloadBytes);
  const length = payloadBytes - 6;
  octets.writeUInt16LE(length, 1);
  octets.writeUInt16LE(~length & 0xffff, 3);
  return octets;
}

function whole({ pieces }: Inflation): string {
  return Buffer.concat(pieces).toString('latin1');
}

/** At once, and in the pool: the same. Gives the message, or the refusal. */
async function both(payload: Uint8Array, messageBytes?: number): Promise<string | CloseError> {
  const prompt = inflation(payload, messageBytes);
  let first: string | CloseError;
  try {
    expect(prompt.prompt(true)).toBe(true);
    first = whole(prompt);
    expect(prompt.length).toBe(first.length);
  } catch (error) {
    if (!(error instanceof CloseError)) throw error;
    first = error;
  }
  // What is whole from the start is never sent away.
  if (payload.length === 0) return first;
  const away = inflation(payload, messageBytes);
  const error = await new Promise<CloseError | undefined>((done) => away.away(done));
  if (first instanceof CloseError) {
    expect([error?.code, error?.message]).toEqual([first.code, first.message]);
  } else {
    expect(error).toBe(undefined);
    expect(whole(away)).toBe(first);
  }
  return first;
}

async function fails(payload: Uint8Array, code: number, messageBytes?: number): Promise<void> {
  const outcome = await both(payload, messageBytes);
  expect(outcome).toBeInstanceOf(CloseError);
  expect((outcome as CloseError).code).toBe(code);
  expect((outcome as CloseError).message).toMatch(/\(RFC (6455|7692) §[\d.]+\)$/);
}

describe('§7.2.2 Decompression', () => {
  test.each([0, 1, 100, 5000, 70_000, 1 << 20])('%d octets', async (length) => {
    for (const octets of [Buffer.alloc(length, 'ab'), new Random(length).bytes(length)]) {
      expect(await both(deflated(octets)) === Buffer.from(octets).toString('latin1')).toBe(true);
    }
  });

  test('a message cut anywhere but between blocks is damaged (RFC 7692 §7.2.2)', async () => {
    const payload = deflated('a message of words, and then again a message of words');
    for (let length = 1; length < payload.length; length++) {
      await fails(payload.subarray(0, length), 1007);
    }
    expect(await both(payload.subarray(0, 0))).toBe('');
  });

  test.each([
    ['the tail was left on', join(deflated('Hello'), FLUSHED)],
    ['garbage', hexOctets('ffffffff')],
    ['a distance over what there was', hexOctets('f200110000')],
    ['a stored block whose lengths differ', hexOctets('000500faf048656c6c6f00')],
    ['a final block that takes from the tail', hexOctets('f3')],
    ['a final block that takes all of the tail', hexOctets('010400fbff')],
    ['garbage after a final block', join(FINAL, hexOctets('ff'))],
  ])('%s (RFC 7692 §7.2.2)', async (_, payload) => {
    await fails(payload, 1007);
  });
});

describe('§7.2.3.4 BFINAL', () => {
  test.each([
    ['and the octet after it', join(FINAL, '\0'), 'Hello'],
    ['with nothing after it', FINAL, 'Hello'],
    ['twice', join(FINAL, FINAL, '\0'), 'HelloHello'],
    ['between others', join(deflated('a'), FLUSHED, FINAL, deflated('b')), 'aHellob'],
    ['of no octets', hexOctets('0300030000'), ''],
  ])('a block with BFINAL set %s (RFC 7692 §7.2.3.4)', async (_, payload, text) => {
    expect(await both(payload)).toBe(text);
  });

  test('the window goes on after it (RFC 7692 §7.2.2)', async () => {
    const after = deflated('Hello, Hello', octetsOf('Hello'));
    expect(await both(join(FINAL, after))).toBe('HelloHello, Hello');
    // Within a message, whatever is agreed on about the next.
    const alone = inflation(join(FINAL, after), 100, false);
    expect(alone.prompt(true)).toBe(true);
    expect(whole(alone)).toBe('HelloHello, Hello');
  });

  test.each([true, false])('what is kept for the next message: takeover %s', (contextTakeover) => {
    const window = new SlidingWindow(15);
    inflation(deflated('Hello'), 100, contextTakeover, window).prompt(true);
    expect(window.octets?.length).toBe(contextTakeover ? 5 : undefined);
  });

  test('63 of them, and 64', async () => {
    const blocks = (count: number): Uint8Array => join(...Array<Uint8Array>(count).fill(FINAL), 'x')
      .map((octet, at) => (at === count * FINAL.length ? 0 : octet));
    expect(await both(blocks(63))).toBe('Hello'.repeat(63));
    await fails(blocks(64), 1008);
  });
});

describe('the limit of what comes out', () => {
  test.each([1, 1000, 16_384, 65_536, 300_000])('%d octets, and one more', async (most) => {
    for (const octets of [Buffer.alloc(most + 1, 7), new Random(most).bytes(most + 1)]) {
      const fitting = await both(deflated(octets.subarray(0, most)), most);
      expect((fitting as string).length).toBe(most);
      await fails(deflated(octets), 1009, most);
    }
  });

  test('none, and one octet', async () => {
    expect(await both(Uint8Array.of(0), 0)).toBe('');
    await fails(deflated('a'), 1009, 0);
  });

  test('over all blocks, not for each', async () => {
    expect(await both(join(FINAL, FINAL, '\0'), 10)).toBe('HelloHello');
    await fails(join(FINAL, FINAL, '\0'), 1009, 9);
  });
});

describe('at once', () => {
  test('16 KiB of a payload, and an octet more', () => {
    expect(inflation(stored(16 * 1024)).prompt(false)).toBe(true);
    const longer = inflation(stored(16 * 1024 + 1));
    expect(longer.prompt(false)).toBe(false);
    expect(longer.pieces).toEqual([]);
  });

  test('64 KiB of a message; then the pool takes over where it stands', async () => {
    const most = 64 * 1024;
    expect(inflation(deflated(Buffer.alloc(most))).prompt(false)).toBe(true);
    const block = join(deflated(Buffer.alloc(most - 5)), FLUSHED);
    for (const payload of [
      deflated(Buffer.alloc(most + 1)), join(FINAL, block, deflated('!')),
      join(block, FINAL, deflated('!')),
    ]) {
      const one = inflation(payload);
      expect(one.prompt(false)).toBe(false);
      expect(await new Promise((done) => one.away(done))).toBe(undefined);
      expect(one.length).toBe(most + 1);
      expect(whole(one).replace('Hello', '')).toMatch(/^\0+!?$/);
    }
  });
});

test('the memory that it says it needs follows the payload, up to the limit', () => {
  const fixed = inflation(new Uint8Array(0), 0).bytes;
  expect(inflation(new Uint8Array(1)).bytes - fixed).toBe(2 * 1032 * (1 + TAIL_BYTES));
  expect(inflation(new Uint8Array(5000)).bytes - fixed).toBe(2 << 20);
});
