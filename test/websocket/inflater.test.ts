/** The inflater between assembler and collector: order, what waits, what is held, and the end. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { BINARY, RSV1, RSV2, TEXT } from '../../src/websocket/frame.ts';
import { Inflater } from '../../src/websocket/inflater.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { RESET, Receiving, TAKEOVER, deflated, prose } from '../support/compression.ts';
import { Random } from '../support/random.ts';
import { octetsOf } from '../support/websocket.ts';

const LARGE = prose(new Random(1), 200_000);
const LARGE_DEFLATED = deflated(LARGE);
const BOMB = deflated(Buffer.alloc(64 * 1024 * 1024));

function codeOf(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return (error as { readonly code: unknown }).code;
  }
  return undefined;
}

describe('§6.2 messages', () => {
  test('that are not compressed pass through, piece by piece', () => {
    const receiving = new Receiving();
    receiving.receive(TEXT, 0, 'a', 'b');
    receiving.receive(BINARY, 0, Uint8Array.of(1));
    receiving.receive(TEXT, 0);
    expect(receiving.messages).toEqual([
      ['text', 'ab'], ['binary', Buffer.of(1)], ['text', ''],
    ]);
    expect(receiving.inflater.heldBytes).toBe(0);
  });

  test('that are compressed, in any fragments', () => {
    const receiving = new Receiving();
    const payload = deflated('Hello, é');
    for (let at = 0; at <= payload.length; at++) {
      receiving.receive(TEXT, RSV1, payload.subarray(0, at), payload.subarray(at));
    }
    receiving.receive(TEXT, RSV1, payload);
    receiving.receive(TEXT, RSV1, ...Array.from(payload, (octet) => Uint8Array.of(octet)));
    expect(receiving.messages.length).toBe(payload.length + 3);
    for (const message of receiving.messages) expect(message).toEqual(['text', 'Hello, é']);
  });

  test('what is handed on is no compressed message any more (RFC 7692 §6.2)', () => {
    const begun: number[][] = [];
    const inflater = new Inflater({
      beginMessage: (...all) => void begun.push(all),
      messageData() {},
      endMessage() {},
    }, { ...RESET, messageBytes: 100, budget: new ZlibBudget(), settled() {} });
    const payload = deflated('Hello');
    for (const reserved of [RSV1, RSV1 | RSV2, RSV2]) {
      inflater.beginMessage(TEXT, reserved, payload.length);
      inflater.messageData(payload, 0, payload.length);
      inflater.endMessage();
    }
    expect(begun).toEqual([[TEXT, 0, 5], [TEXT, RSV2, 5], [TEXT, RSV2, payload.length]]);
  });

  test('text that is none is refused after inflation (RFC 7692 §6.1)', () => {
    const receiving = new Receiving();
    const payload = deflated(Uint8Array.of(0xff));
    expect(codeOf(() => receiving.receive(TEXT, RSV1, payload))).toBe(1007);
  });
});

describe('order', () => {
  test('what comes behind a large message waits for it', async () => {
    const receiving = new Receiving();
    const { inflater, messages, bell } = receiving;
    receiving.compressed(LARGE_DEFLATED);
    expect(inflater.isBusy).toBe(true);
    receiving.receive(TEXT, 0, 'plain');
    receiving.receive(TEXT, RSV1, deflated('small'));
    receiving.compressed(LARGE_DEFLATED.slice(0, 100), LARGE_DEFLATED.slice(100));
    receiving.receive(TEXT, 0);
    receiving.receive(TEXT, 0, 'last', ' one');
    inflater.proceed();
    expect(messages).toEqual([]);
    await receiving.idle();
    expect(messages.map(([kind]) => kind).join(' '))
      .toBe('binary text text binary text text');
    expect(messages.map(([, payload]) => payload.length))
      .toEqual([Buffer.byteLength(LARGE), 5, 5, Buffer.byteLength(LARGE), 0, 8]);
    expect(bell.rung).toBe(2);
    expect(inflater.isBusy).toBe(false);
    receiving.receive(TEXT, 0, 'through');
    expect(messages.at(-1)).toEqual(['text', 'through']);
  });

  test('a message that has begun to pass is not held up', () => {
    const receiving = new Receiving();
    const { inflater } = receiving;
    inflater.beginMessage(TEXT, 0, -1);
    inflater.messageData(Buffer.from('ab'), 0, 2);
    inflater.proceed();
    inflater.messageData(Buffer.from('cd'), 0, 2);
    inflater.endMessage();
    expect(receiving.messages).toEqual([['text', 'abcd']]);
  });

  test('large ones of many connections, four at a time', async () => {
    const budget = new ZlibBudget();
    const all = Array.from({ length: 10 }, () => new Receiving({ budget }));
    for (const receiving of all) receiving.compressed(LARGE_DEFLATED);
    expect([budget.running, budget.waiting]).toEqual([4, 6]);
    await Promise.all(all.map((receiving) => receiving.idle()));
    for (const { messages } of all) expect(messages[0]?.[1].length).toBe(Buffer.byteLength(LARGE));
    expect([budget.running, budget.waiting, budget.heldBytes]).toEqual([0, 0, 0]);
  });

  test('inline: everything at once, and nothing in the pool', () => {
    const receiving = new Receiving({ budget: new ZlibBudget({ inline: true }) });
    receiving.compressed(LARGE_DEFLATED);
    receiving.receive(TEXT, 0, 'plain');
    expect(receiving.inflater.isBusy).toBe(false);
    expect(receiving.messages.map(([kind]) => kind)).toEqual(['binary', 'text']);
  });
});

describe('refusals', () => {
  test.each([false, true])('a bomb of 64 KiB is 1009, inline %s (D16)', async (inline) => {
    expect(BOMB.length).toBeLessThan(66_000);
    const receiving = new Receiving({ budget: new ZlibBudget({ inline }) });
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const code = await (async () => {
      try {
        receiving.compressed(BOMB);
        while (receiving.inflater.isBusy) {
          most = Math.max(most, process.memoryUsage().arrayBuffers - before);
          await receiving.bell.heard();
          receiving.inflater.proceed();
        }
      } catch (error) {
        return (error as { readonly code: unknown }).code;
      }
      return undefined;
    })();
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    expect(code).toBe(1009);
    // Far under the 64 MiB that it stands for.
    expect(most).toBeLessThan(8 * 1024 * 1024);
    expect(receiving.messages).toEqual([]);
  });

  test('damage in the pool is told by `proceed`, and by nothing before', async () => {
    const receiving = new Receiving();
    receiving.compressed(LARGE_DEFLATED.subarray(0, -1));
    expect(receiving.inflater.isBusy).toBe(true);
    await receiving.bell.heard();
    expect(codeOf(() => receiving.inflater.proceed())).toBe(1007);
    expect(receiving.messages).toEqual([]);
  });

  test('damage at once is told by `endMessage`', () => {
    const receiving = new Receiving();
    expect(codeOf(() => receiving.compressed('\xff\xff'))).toBe(1007);
  });
});

describe('what is held', () => {
  test('nothing between messages without context takeover; the window with it', () => {
    const message = deflated(prose(new Random(2), 5000));
    const without = new Receiving();
    without.compressed(message);
    expect(without.inflater.heldBytes).toBe(0);
    const kept = new Receiving({ ...TAKEOVER, windowBits: 12 });
    kept.compressed(message);
    expect(kept.inflater.heldBytes).toBe(4096);
  });

  test('what has come of a compressed message, what is away, and what waits', async () => {
    const receiving = new Receiving();
    const { inflater } = receiving;
    inflater.beginMessage(BINARY, RSV1, 10_000);
    expect(inflater.heldBytes).toBe(0);
    inflater.messageData(Buffer.alloc(10), 0, 10);
    expect(inflater.heldBytes).toBe(1024);
    receiving.compressed(LARGE_DEFLATED);
    const away = inflater.heldBytes;
    // Four times its length, twice, as messages mostly are.
    expect(away).toBeGreaterThan(LARGE_DEFLATED.length * 9);
    receiving.receive(TEXT, 0, 'x'.repeat(5000));
    expect(inflater.heldBytes).toBe(away + 5000);
    await receiving.idle();
    expect(inflater.heldBytes).toBe(0);
  });

  test('of a message whose turn has not come, its payload alone', async () => {
    const budget = new ZlibBudget({ jobs: 1 });
    const [first, second] = [new Receiving({ budget }), new Receiving({ budget })];
    for (const one of [first, second]) one.compressed(LARGE_DEFLATED);
    expect(second.inflater.heldBytes).toBeLessThan(LARGE_DEFLATED.length + 100);
    await first.bell.heard();
    // What has come of it, and not what zlib needed.
    expect(first.inflater.heldBytes).toBeLessThan(LARGE_DEFLATED.length + 210_000 * 2);
    expect(second.inflater.heldBytes).toBeGreaterThan(LARGE_DEFLATED.length * 9);
    first.inflater.proceed();
    await second.idle();
    expect([first.messages.length, second.messages.length]).toEqual([1, 1]);
  });

  test('a message that was left off leaves nothing behind', () => {
    const receiving = new Receiving();
    receiving.inflater.beginMessage(BINARY, RSV1, -1);
    receiving.inflater.messageData(Buffer.from('abc'), 0, 3);
    receiving.receive(TEXT, RSV1, deflated('x'));
    expect(receiving.messages).toEqual([['text', 'x']]);
  });
});

describe('the end of a connection', () => {
  test('what is away comes back to nobody, what waits is forgotten', async () => {
    const budget = new ZlibBudget({ jobs: 1 });
    const [first, second, third] = [0, 1, 2].map(() => new Receiving({ budget })) as [
      Receiving, Receiving, Receiving,
    ];
    for (const one of [first, second, third]) one.compressed(LARGE_DEFLATED);
    first.receive(TEXT, 0, 'waits');
    first.inflater.clear();
    second.inflater.clear();
    expect([budget.running, budget.waiting]).toEqual([1, 1]);
    expect(first.inflater.heldBytes).toBe(0);
    await third.idle();
    expect(third.messages.length).toBe(1);
    for (const { messages, bell, inflater } of [first, second]) {
      inflater.proceed();
      expect([messages.length, bell.rung]).toEqual([0, 0]);
    }
  });

  test('within a message that is handed on: the next is not', async () => {
    const receiving = new Receiving();
    receiving.compressed(LARGE_DEFLATED);
    receiving.receive(TEXT, 0, 'never');
    receiving.messages.push = (message) => {
      receiving.inflater.clear();
      return Array.prototype.push.call(receiving.messages, message);
    };
    await receiving.idle();
    expect(receiving.octets()).toEqual([Buffer.from(octetsOf(LARGE))]);
  });
});
