/**
 * RFC 7692 from end to end, over sessions of both roles: what the handshake agrees on, and messages
 * that are compressed as it says. The other end is zlib alone. What the thread pool does to order
 * is in rfc7692-order.test.ts.
 */
import { Buffer } from 'node:buffer';
import { constants, deflateRawSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { BINARY, CLOSE, CONTINUATION, PING, RSV1, TEXT } from '../../src/websocket/frame.ts';
import type { DeflateOptions } from '../../src/websocket/deflate-parameters.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { deflated, prose } from '../support/compression.ts';
import { CARRIERS, TAKES_OVER, closeAll, openDeflate } from '../support/deflate-peer.ts';
import { Random } from '../support/random.ts';
import { openLink, type Carrier } from '../support/websocket-link.ts';
import { join } from '../support/websocket.ts';

afterEach(() => expect(closeAll(), 'octets left on the ledger').toBe(0));

const SERVERS: readonly Carrier[] = ['server, HTTP/1.1', 'server, HTTP/2'];
const NAME = 'permessage-deflate';
/** "Hello", as §7.2.3.1 has it. */
const HELLO = Buffer.from('f248cdc9c90700', 'hex');
/** Octets that get no shorter. */
const noise = (length: number, seed = 1): Buffer => Buffer.from(new Random(seed).bytes(length));
/** Text with nothing in it that comes twice, but with few characters: it gets shorter by a half. */
const digits = (length: number, seed = 1): string =>
  noise(Math.ceil(length / 2), seed).toString('hex').slice(0, length);

type Options = Partial<DeflateOptions>;

describe('§5 a server answers offers (RFC 7692 §5.1, §7.1)', () => {
  const BITS_8 = `${NAME}; server_max_window_bits=8`;
  const cases: [offer: string, options: Options, answer: string | undefined][] = [
    // §7.1.3
    [NAME, TAKES_OVER, NAME],
    [`${NAME}; client_max_window_bits; server_max_window_bits=10`, TAKES_OVER,
      `${NAME}; server_max_window_bits=10`],
    [`${NAME}; client_max_window_bits; server_max_window_bits=10, ${NAME}; client_max_window_bits`,
      TAKES_OVER, `${NAME}; server_max_window_bits=10`],
    // §7.1.1.1, §7.1.1.2
    [`${NAME}; server_no_context_takeover`, TAKES_OVER, `${NAME}; server_no_context_takeover`],
    [`${NAME}; client_no_context_takeover`, TAKES_OVER, `${NAME}; client_no_context_takeover`],
    [NAME, {}, `${NAME}; server_no_context_takeover; client_no_context_takeover`],
    [NAME, { ...TAKES_OVER, serverNoContextTakeover: true }, `${NAME}; server_no_context_takeover`],
    [NAME, { ...TAKES_OVER, clientNoContextTakeover: true }, `${NAME}; client_no_context_takeover`],
    // §7.1.2.1
    [`${NAME}; server_max_window_bits=15`, TAKES_OVER, `${NAME}; server_max_window_bits=15`],
    [`${NAME}; server_max_window_bits=9`, TAKES_OVER, `${NAME}; server_max_window_bits=9`],
    [`${NAME}; server_max_window_bits="10"`, TAKES_OVER, `${NAME}; server_max_window_bits=10`],
    [`${NAME}; server_max_window_bits=12`, { ...TAKES_OVER, serverMaxWindowBits: 10 },
      `${NAME}; server_max_window_bits=10`],
    // §7.1.2.2
    [`${NAME}; client_max_window_bits`, { ...TAKES_OVER, clientMaxWindowBits: 10 },
      `${NAME}; client_max_window_bits=10`],
    [`${NAME}; client_max_window_bits=11`, TAKES_OVER, `${NAME}; client_max_window_bits=11`],
    [`${NAME}; client_max_window_bits=8`, TAKES_OVER, NAME],
    [NAME, { ...TAKES_OVER, clientMaxWindowBits: 10 }, undefined],
    // §7: declined, and the next one looked at (threat D18)
    [BITS_8, TAKES_OVER, undefined],
    [`${NAME}; server_max_window_bits=7`, TAKES_OVER, undefined],
    [`${NAME}; server_max_window_bits=16`, TAKES_OVER, undefined],
    [`${NAME}; server_max_window_bits=09`, TAKES_OVER, undefined],
    [`${NAME}; server_max_window_bits`, TAKES_OVER, undefined],
    [`${NAME}; client_max_window_bits=16`, TAKES_OVER, undefined],
    [`${NAME}; client_no_context_takeover=1`, TAKES_OVER, undefined],
    [`${NAME}; server_no_context_takeover; server_no_context_takeover`, TAKES_OVER, undefined],
    [`${NAME}; unknown`, TAKES_OVER, undefined],
    ['x-webkit-deflate-frame', TAKES_OVER, undefined],
    [`${NAME}; unknown, ${BITS_8}, foo, ${NAME}`, TAKES_OVER, NAME],
  ];
  const all = SERVERS.flatMap((carrier) => cases.map((one) => [carrier, ...one] as const));

  test.each(all)('%s: %s for %j', async (carrier, extensions, options, answer) => {
    const peer = await openDeflate(carrier, {
      extensions, deflate: { ...options, thresholdBytes: 0 },
    });
    expect(peer.link.extensions).toBe(answer);
    expect(peer.link.session.compressed).toBe(answer !== undefined);
    // It does what it said, in both directions and twice.
    const text = 'a message, a message, a message';
    for (let i = 0; i < 2; i++) {
      void peer.link.session.send(text);
      const frame = answer === undefined ? peer.link.octetsOf(TEXT, text) : await peer.frame(text);
      expect(await peer.send(frame))
        .toEqual([[answer === undefined ? 'text' : 'deflated text', text]]);
    }
    expect(peer.messages).toEqual([text, text]);
  });

  test.each(SERVERS)('%s: what is no list is 400 (RFC 6455 §9.1)', async (carrier) => {
    for (const extensions of [`${NAME};`, `${NAME}; =`, `${NAME}; a=`, `${NAME} x`, 'a,;']) {
      await expect(openLink(carrier, { deflate: {}, extensions })).rejects.toThrow('400');
    }
  });

  test('none is agreed on unless both want it', async () => {
    const declined = await openDeflate('server, HTTP/1.1', { deflate: undefined });
    expect(declined.link.extensions).toBe(undefined);
    const silent = await openDeflate('server, HTTP/1.1', { extensions: undefined });
    expect(silent.link.session.compressed).toBe(false);
    for (const { link } of [declined, silent]) link.send(link.octetsOf(TEXT, HELLO, {
      reserved: RSV1,
    }));
    await Promise.all([declined.settled(), silent.settled()]);
    // RSV1 means nothing then (RFC 6455 §5.2).
    expect([declined.link.closure?.code, silent.link.closure?.code]).toEqual([1002, 1002]);
  });
});

describe('§5 a client offers, and judges the answer (RFC 7692 §5.1, §7.1)', () => {
  test.each<[Options, string]>([
    [TAKES_OVER, `${NAME}; client_max_window_bits`],
    [{}, `${NAME}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits`],
    [{ ...TAKES_OVER, serverMaxWindowBits: 10 },
      `${NAME}; server_max_window_bits=10; client_max_window_bits`],
    [{ ...TAKES_OVER, clientMaxWindowBits: 9 }, `${NAME}; client_max_window_bits=9`],
  ])('%j is offered as %s', async (deflate, offer) => {
    expect((await openDeflate('client', { deflate, extensions: undefined })).link.extensions)
      .toBe(offer);
  });

  test.each([
    NAME, `${NAME}; server_no_context_takeover`, `${NAME}; client_no_context_takeover`,
    `${NAME}; server_max_window_bits=9`, `${NAME}; client_max_window_bits=9`,
    `${NAME}; server_max_window_bits="12"; client_max_window_bits=15; client_no_context_takeover`,
  ])('%s is kept to', async (extensions) => {
    const peer = await openDeflate('client', { extensions });
    expect(peer.link.session.compressed).toBe(true);
    for (const text of [digits(1500), `${digits(1500)}, and again`]) {
      void peer.link.session.send(text);
      expect(await peer.send(await peer.frame(text))).toEqual([['deflated text', text]]);
    }
    expect(peer.messages.length).toBe(2);
  });

  test('the server may decline', async () => {
    const peer = await openDeflate('client', { extensions: undefined });
    expect(peer.link.session.compressed).toBe(false);
    void peer.link.session.send('plain');
    expect(await peer.settled()).toEqual([['text', 'plain']]);
  });

  test.each<[string, Options]>([
    [`${NAME}; unknown`, TAKES_OVER], ['permessage-foo', TAKES_OVER],
    [`${NAME}, ${NAME}`, TAKES_OVER], [`${NAME}; client_max_window_bits`, TAKES_OVER],
    [`${NAME}; server_max_window_bits=16`, TAKES_OVER],
    [`${NAME}; client_max_window_bits=8`, TAKES_OVER],
    [`${NAME}; server_max_window_bits=11`, { ...TAKES_OVER, serverMaxWindowBits: 10 }],
    [NAME, { ...TAKES_OVER, serverMaxWindowBits: 10 }],
    [NAME, { ...TAKES_OVER, serverNoContextTakeover: true }],
  ])('%s fails the connection, of %j', async (extensions, deflate) => {
    await expect(openLink('client', { extensions, deflate })).rejects.toMatchObject({ code: 1010 });
  });

  test('an extension that was not offered fails the connection', async () => {
    await expect(openLink('client', { extensions: NAME })).rejects.toMatchObject({ code: 1010 });
  });
});

describe.each(CARRIERS)('%s', (carrier) => {
  const mine = carrier === 'client' ? 'client' : 'server';
  const theirs = carrier === 'client' ? 'server' : 'client';

  /** Lengths of the payloads on the wire. */
  async function wireLengths(peer: Awaited<ReturnType<typeof openDeflate>>): Promise<number[]> {
    await peer.link.settle();
    return peer.link.frames.map(({ payload }) => payload.length);
  }

  test('§6.1 a message under the threshold leaves as it is, one of it is compressed', async () => {
    for (const [thresholdBytes, under, at] of [
      [100, 'a'.repeat(99), 'a'.repeat(100)], [100, 'é'.repeat(49), 'é'.repeat(50)],
      [1024, 'a'.repeat(1023), 'a'.repeat(1024)],
    ] as const) {
      // The default is 1024.
      const deflate = { ...TAKES_OVER, ...(thresholdBytes !== 1024 && { thresholdBytes }) };
      const peer = await openDeflate(carrier, { deflate });
      void peer.link.session.send(under);
      void peer.link.session.send(at);
      expect(await peer.settled()).toEqual([['text', under], ['deflated text', at]]);
    }
  });

  test('§6 what compression makes no shorter leaves as it is', async () => {
    const peer = await openDeflate(carrier);
    const octets = noise(2000);
    void peer.link.session.send(octets);
    void peer.link.session.send('');
    void peer.link.session.send(new Uint8Array(0));
    expect(await peer.settled())
      .toEqual([['binary', octets.toString('latin1')], ['text', ''], ['binary', '']]);
  });

  test('§6.1 control frames are never compressed', async () => {
    const peer = await openDeflate(carrier);
    const payload = 'a'.repeat(125);
    void peer.link.session.ping();
    const [, pong] = await peer.send(peer.link.octetsOf(PING, payload));
    expect(pong).toEqual(['pong', payload]);
    void peer.link.session.close(1000, 'b'.repeat(123));
    // The reader of the link refuses RSV1 on a control frame.
    expect(await peer.settled()).toEqual([['close 1000', 'b'.repeat(123)]]);
  });

  test('§6.1 pieces leave as they are, whole messages around them are compressed', async () => {
    const peer = await openDeflate(carrier);
    const { session } = peer.link;
    const text = digits(500);
    void session.send(text);
    void session.send((async function* pieces() { yield text; yield text; })());
    void session.send(text);
    expect(await peer.settled()).toEqual([
      ['deflated text', text], ['text', text + text], ['deflated text', text],
    ]);
  });

  test('§6.2 compressed in fragments, pings between, plain messages between', async () => {
    const peer = await openDeflate(carrier);
    const { link } = peer;
    const [one, two] = [await peer.payload('Hello, Hello'), await peer.payload('Hello, Hello!')];
    const came = await peer.send(
      link.octetsOf(TEXT, one.subarray(0, 1), { reserved: RSV1, final: false }),
      link.octetsOf(PING, 'x'),
      link.octetsOf(CONTINUATION, '', { final: false }),
      link.octetsOf(CONTINUATION, one.subarray(1)),
      link.octetsOf(BINARY, 'plain'),
      peer.raw(two, BINARY),
      link.octetsOf(TEXT, '', { reserved: 0, final: false }), link.octetsOf(CONTINUATION, 'é'),
    );
    expect(came).toEqual([['pong', 'x']]);
    expect(peer.messages.map((message) => Buffer.from(message as string).toString()))
      .toEqual(['Hello, Hello', 'plain', 'Hello, Hello!', 'é']);
    expect(peer.messages.map((one) => typeof one))
      .toEqual(['string', 'object', 'object', 'string']);
  });

  test('§7.2.3.6 empty messages, compressed: of an octet, of two, in fragments', async () => {
    const peer = await openDeflate(carrier);
    const { link } = peer;
    await peer.send(
      peer.raw(Uint8Array.of(0)), peer.raw(Uint8Array.of(2, 0)),
      link.octetsOf(BINARY, '', { reserved: RSV1, final: false }),
      link.octetsOf(CONTINUATION, Uint8Array.of(0)), peer.raw(HELLO),
    );
    expect(peer.messages).toEqual(['', '', new Uint8Array(0), 'Hello']);
  });

  test('§7.1.1 with context takeover a message refers to those before, both ways', async () => {
    const peer = await openDeflate(carrier);
    const text = digits(2000);
    for (let i = 0; i < 3; i++) void peer.link.session.send(text);
    const [first, ...others] = await wireLengths(peer);
    expect(first).toBeGreaterThan(900);
    for (const other of others) expect(other).toBeLessThan(100);
    expect(await peer.settled()).toEqual(Array(3).fill(['deflated text', text]));
    const frames = [await peer.frame(text), await peer.frame(text)];
    expect(frames[1]!.length).toBeLessThan(100);
    await peer.send(...frames);
    expect(peer.messages).toEqual([text, text]);
  });

  test('§7.1.1 the window goes back over many messages, and plain ones are not in it', async () => {
    const peer = await openDeflate(carrier, { deflate: { ...TAKES_OVER, thresholdBytes: 500 } });
    const random = new Random(7);
    const texts = Array.from({ length: 60 }, () => prose(random, random.int(1500)));
    const again = [...texts, ...texts];
    for (const text of again) void peer.link.session.send(text);
    expect((await peer.settled()).map(([, text]) => text)).toEqual(again);
    for (const [i, text] of again.entries()) {
      await peer.send(i % 3 === 0 ? peer.link.octetsOf(TEXT, text) : await peer.frame(text));
    }
    expect(peer.messages).toEqual(again);
  });

  test(`§7.1.1 after ${mine}_no_context_takeover each message stands alone`, async () => {
    const extensions = `${NAME}; ${mine}_no_context_takeover`;
    const peer = await openDeflate(carrier, { extensions });
    const text = digits(2000);
    for (let i = 0; i < 2; i++) void peer.link.session.send(text);
    const [first, second] = await wireLengths(peer);
    expect(second).toBe(first);
    expect(await peer.settled()).toEqual(Array(2).fill(['deflated text', text]));
    // Nothing is held between messages.
    peer.link.transport.tick(250);
    expect(peer.link.charged).toBe(0);
  });

  test(`§7.1.1 after ${theirs}_no_context_takeover a reference to before is damage: 1007`,
    async () => {
      const extensions = `${NAME}; ${theirs}_no_context_takeover`;
      const peer = await openDeflate(carrier, { extensions });
      const text = digits(500);
      const refers = deflated(text, Buffer.from(text));
      await peer.send(await peer.frame(text), peer.raw(refers));
      expect(peer.messages).toEqual([text]);
      expect(peer.link.closure).toMatchObject({ code: 1007, clean: false });
    });

  test.each([9, 10, 11, 12, 13, 14, 15])('§7.1.2 a window of %i bits, both ways', async (bits) => {
    const limit = { serverMaxWindowBits: bits, clientMaxWindowBits: bits };
    const peer = await openDeflate(carrier, {
      deflate: { ...TAKES_OVER, ...limit, thresholdBytes: 0 },
      extensions: carrier === 'client'
        ? `${NAME}; server_max_window_bits=${bits}; client_max_window_bits=${bits}`
        : `${NAME}; client_max_window_bits`,
    });
    const size = 1 << bits;
    // What repeats within the window, just at its edge, and behind it.
    for (const period of [size - 300, size - 262, size - 1, size, size + 1, size + 1000]) {
      const text = digits(period, period).repeat(3);
      void peer.link.session.send(text);
      // zlib at the other end takes no distance over the window that was agreed on.
      expect(await peer.send(await peer.frame(text))).toEqual([['deflated text', text]]);
      expect(peer.messages.pop()).toBe(text);
    }
    peer.link.transport.tick(250);
    expect(peer.link.charged).toBeLessThanOrEqual(2 * size);
  });

  test('§7.2.1 a distance over the window that was agreed on is damage: 1007', async () => {
    const peer = await openDeflate(carrier, {
      extensions: `${NAME}; ${theirs}_max_window_bits=9`,
    });
    const text = digits(2000);
    const refers = deflated(text.slice(0, 1000), Buffer.from(text));
    await peer.send(await peer.frame(text), peer.raw(refers));
    expect(peer.messages).toEqual([text]);
    expect(peer.link.closure?.code).toBe(1007);
  });

  test('§7.2.3.4 blocks with BFINAL set, alone and several, and the window goes on', async () => {
    const peer = await openDeflate(carrier);
    const text = digits(600);
    const final = (part: string, before = ''): Buffer =>
      deflateRawSync(part, before === '' ? {} : { dictionary: Buffer.from(before) });
    const octet = Uint8Array.of(0);
    await peer.send(
      peer.raw(join(final(text), octet)),
      peer.raw(join(final(text, text), final(text, text), octet)),
      peer.raw(deflated(text, Buffer.from(text))),
    );
    expect(peer.messages).toEqual([text, text + text, text]);
  });

  describe.each([true, false])('inline %s', (inline) => {
    test.each<[string, Uint8Array]>([
      ['a block of a kind that there is not', Uint8Array.of(0x06)],
      ['a stored block whose lengths differ', Uint8Array.of(0, 5, 0, 5, 0, 1, 2, 3, 4, 5)],
      ['a stored block that is cut', join(Uint8Array.of(0, 0xe8, 3, 0x17, 0xfc), 'abc')],
      ['a large one that is cut', deflated(noise(40_000)).subarray(0, 30_000)],
      ['a distance to before the first octet', deflated(digits(300), Buffer.from(digits(300)))],
      ['text that is no UTF-8', deflated(Uint8Array.of(0x61, 0xff))],
      ['large text that is no UTF-8', deflated(join(digits(90_000), Uint8Array.of(0xc3)))],
    ])('§7.2.2 %s: 1007, and what came before is delivered (threat D19)', async (_, payload) => {
      const zlib = new ZlibBudget({ inline });
      const peer = await openDeflate(carrier, { zlib });
      const { link } = peer;
      const came = await peer.send(
        peer.raw(deflated('before')), peer.raw(payload), link.octetsOf(TEXT, 'after'),
      );
      // A window is in the way of the distance.
      expect(peer.messages).toEqual(['before']);
      expect(came.map(([what]) => what)).toEqual(['close 1007']);
      expect(link.closure).toMatchObject({ code: 1007, clean: false });
      expect(link.refused).toEqual([link.closure?.reason]);
      expect(link.ended).toBe(true);
    });

    test('§8 inflated to the limit is taken, an octet more is 1009', async () => {
      for (const [more, code] of [[0, undefined], [1, 1009]] as const) {
        const zlib = new ZlibBudget({ inline });
        const limits = { webSocketMessageBytes: 300_000 };
        const peer = await openDeflate(carrier, { zlib, limits });
        await peer.send(peer.raw(deflated('a'.repeat(300_000 + more)), BINARY));
        expect(peer.messages.length).toBe(1 - more);
        expect(peer.link.closure?.code).toBe(code);
      }
    });

    test('§8 64 KiB that would be 64 MiB: 1009, and the limit is all that is made', async () => {
      const zlib = new ZlibBudget({ inline });
      const pieces: number[] = [];
      const peer = await openDeflate(carrier, {
        zlib,
        serve: async (session) => {
          for await (const message of session.streams()) {
            for await (const piece of message) pieces.push(piece.length);
          }
        },
      });
      const bomb = BOMB.subarray(0, -4);
      expect(bomb.length).toBeGreaterThan(64_000);
      expect(bomb.length).toBeLessThan(66_000);
      const { transport } = peer.link;
      const charge = transport.charge.bind(transport);
      let most = 0;
      let mostZlib = 0;
      transport.charge = (octets) => {
        const allowed = charge(octets);
        most = Math.max(most, transport.charged);
        mostZlib = Math.max(mostZlib, zlib.heldBytes);
        return allowed;
      };
      const came = await peer.send(peer.raw(bomb, BINARY));
      expect(came.map(([what]) => what)).toEqual(['close 1009']);
      expect(peer.link.closure).toMatchObject({ code: 1009, clean: false });
      expect(pieces).toEqual([]);
      // The message as it came, zlib's window, and twice the limit while its chunks are joined.
      expect(most).toBeLessThan(2 * 1024 * 1024 + 512 * 1024);
      expect(mostZlib).toBeLessThan(2 * 1024 * 1024 + 256 * 1024);
      expect([zlib.running, zlib.waiting, zlib.heldBytes]).toEqual([0, 0, 0]);
    });
  });

  test('§6 RSV1 where it means nothing: 1002', async () => {
    for (const opcode of [CLOSE, PING, CONTINUATION]) {
      const peer = await openDeflate(carrier);
      const { link } = peer;
      const begin = link.octetsOf(TEXT, 'a', { final: false });
      await peer.send(
        ...(opcode === CONTINUATION ? [begin] : []), link.octetsOf(opcode, '', { reserved: RSV1 }),
      );
      expect(link.closure?.code, `opcode ${opcode}`).toBe(1002);
    }
  });
});

const BOMB = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), {
  level: 9, finishFlush: constants.Z_SYNC_FLUSH,
});
