/**
 * permessage-deflate and the thread pool: a large message is away for a while, and the order of
 * messages, the Close behind them and the end of the connection are as if it were not; what the
 * pool may hold (threat D17); and messages that are prepared for many (RFC 7692 §6, RFC 6455 §5.4).
 */
import { Buffer } from 'node:buffer';
import { inflateRawSync, constants } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { PeerGoneError } from '../../src/errors.ts';
import { CLOSE, PING, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { prepare } from '../../src/websocket/prepared-message.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { FLUSHED } from '../support/compression.ts';
import {
  CARRIERS, TAKES_OVER, closeAll, openDeflate, type DeflatePeer,
} from '../support/deflate-peer.ts';
import { Random } from '../support/random.ts';
import { join } from '../support/websocket.ts';

afterEach(() => expect(closeAll(), 'octets left on the ledger').toBe(0));

const NAME = 'permessage-deflate';
/** Text that gets shorter by a half, of octets enough for the pool: 16 KiB compressed. */
const digits = (length: number, seed = 1): string =>
  Buffer.from(new Random(seed).bytes(Math.ceil(length / 2))).toString('hex').slice(0, length);
const LARGE = digits(60_000);
const OTHER = digits(50_000, 2);

/** A budget of one job, and a job in it that goes on until it is told to end. */
function occupied(): { readonly zlib: ZlibBudget; readonly free: () => void } {
  const zlib = new ZlibBudget({ jobs: 1 });
  let free!: () => void;
  zlib.add({ bytes: 0, start: (done) => { free = done; } });
  return { zlib, free: () => free() };
}

/** Close of the peer. */
const close = (peer: DeflatePeer, code = 1000): Uint8Array =>
  peer.link.octetsOf(CLOSE, Uint8Array.of(code >> 8, code & 0xff));

describe.each(CARRIERS)('%s', (carrier) => {
  test('§6.1 what is sent behind a message in the pool leaves behind it', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    const { session } = peer.link;
    void session.send(LARGE);
    void session.send('small');
    void session.send(prepare('prepared, prepared, prepared'));
    void session.send((async function* pieces() { yield 'in '; yield 'pieces'; })());
    void session.send(Buffer.from('binary, binary, binary'));
    void session.send(OTHER);
    void session.send('');
    // A pong is of no message, and waits for none (RFC 6455 §5.5.3).
    peer.link.send(peer.link.octetsOf(PING, 'x'));
    expect(await peer.settledBut()).toEqual([['pong', 'x']]);
    free();
    expect(await peer.settled()).toEqual([
      ['deflated text', LARGE], ['text', 'small'],
      ['deflated text', 'prepared, prepared, prepared'], ['text', 'in pieces'],
      ['deflated binary', 'binary, binary, binary'], ['deflated text', OTHER], ['text', ''],
    ]);
  });

  test('§6.2 what comes behind a message in the pool is delivered behind it', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    peer.link.send(join(
      await peer.frame(LARGE), await peer.frame('small'), peer.link.octetsOf(TEXT, 'plain'),
      peer.link.octetsOf(PING, 'x'), await peer.frame(OTHER), await peer.frame('last'),
    ));
    // The peer is stopped.
    expect(await peer.settledBut()).toEqual([]);
    expect(peer.messages).toEqual([]);
    free();
    expect(await peer.settled()).toEqual([['pong', 'x']]);
    expect(peer.messages).toEqual([LARGE, 'small', 'plain', OTHER, 'last']);
  });

  test('a peer is stopped while its message is in the pool, and is not dead for it', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    peer.link.send(await peer.frame(LARGE));
    await peer.settledBut();
    peer.link.transport.tick(250);
    const held = peer.link.charged;
    for (let i = 0; i < 20; i++) peer.link.send(await peer.frame(digits(40_000, i)));
    await peer.settledBut();
    if (carrier !== 'server, HTTP/2') {
      // On HTTP/2 what is on its way within the window is held on the ledger.
      expect(peer.link.transport.paused).toBe(true);
      expect(peer.link.charged).toBe(held);
    }
    peer.link.transport.tick(61_000);
    expect(peer.link.closure).toBe(undefined);
    free();
    await peer.settled();
    expect(peer.messages.length).toBe(21);
  });

  test('§5.5.1 a Close behind a message in the pool: it is delivered first', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    peer.link.send(join(await peer.frame(LARGE), await peer.frame('small'), close(peer, 4001)));
    expect(await peer.settledBut()).toEqual([]);
    expect(peer.link.session.isOpen).toBe(true);
    free();
    expect(await peer.settled()).toEqual([['close 4001', '']]);
    expect(peer.messages).toEqual([LARGE, 'small']);
    peer.link.sendEof();
    await peer.settled();
    expect(peer.link.closure).toEqual({ code: 4001, reason: '', clean: true });
  });

  test('§5.5.1 our Close behind messages in the pool leaves behind them', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    const { session } = peer.link;
    const sent = [LARGE, 'small', OTHER].map((text) => session.send(text));
    const closed = session.close(4002, 'bye');
    expect(session.isOpen).toBe(false);
    await expect(session.send('late')).rejects.toThrow(PeerGoneError);
    expect(session.trySend('late')).toBe(false);
    expect(await peer.settledBut()).toEqual([]);
    free();
    expect(await peer.settled()).toEqual([
      ['deflated text', LARGE], ['text', 'small'], ['deflated text', OTHER], ['close 4002', 'bye'],
    ]);
    await Promise.all(sent);
    // What comes until the peer's Close is delivered still (§1.4).
    await peer.send(await peer.frame('crossing'), close(peer, 4002));
    peer.link.sendEof();
    await peer.settled();
    expect(peer.messages).toEqual(['crossing']);
    expect(await closed).toEqual({ code: 4002, reason: '', clean: true });
  });

  test('§5.5.1 a Close of the peer while our message is in the pool: it leaves first', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    void peer.link.session.send(LARGE);
    peer.link.send(close(peer));
    expect(await peer.settledBut()).toEqual([]);
    expect(peer.link.ended).toBe(false);
    free();
    expect(await peer.settled()).toEqual([['deflated text', LARGE], ['close 1000', '']]);
    peer.link.sendEof();
    await peer.settled();
    expect(peer.link.closure).toEqual({ code: 1000, reason: '', clean: true });
  });

  test('a server that closes says so behind the message in the pool', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    void peer.link.session.send(LARGE);
    peer.link.transport.shutdown();
    await peer.settledBut();
    expect(peer.link.session.isOpen).toBe(false);
    free();
    expect(await peer.settled())
      .toEqual([['deflated text', LARGE], ['close 1001', 'the server is closing']]);
  });

  test('webSocketCloseMs begins with our Close frame, not while that waits', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    void peer.link.session.send(LARGE);
    void peer.link.session.close(1000);
    peer.link.transport.tick(6000);
    expect(await peer.settledBut()).toEqual([]);
    expect(peer.link.closure).toBe(undefined);
    free();
    expect(await peer.settled()).toEqual([['deflated text', LARGE], ['close 1000', '']]);
    peer.link.transport.tick(5250);
    await peer.settled();
    expect(peer.link.closure).toMatchObject({ code: 1006, clean: false });
  });

  test('what waits for room when we close leaves before the Close, and was sent', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib, limits: { webSocketQueueBytes: 50_000 } });
    const { session } = peer.link;
    const sent = [LARGE, 'behind', 'last'].map((text) => session.send(text));
    void session.close(1000);
    free();
    expect(await peer.settled()).toEqual([
      ['deflated text', LARGE], ['text', 'behind'], ['text', 'last'], ['close 1000', ''],
    ]);
    expect((await Promise.allSettled(sent)).map(({ status }) => status))
      .toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  test('§5.4 a Close cuts a message in pieces: none begins within it', async () => {
    const peer = await openDeflate(carrier);
    const { session } = peer.link;
    const never = new Promise<void>(() => {});
    const cut = session.send((async function* pieces() { yield 'begun'; await never; })());
    await peer.settled();
    const behind = session.send('behind, behind, behind');
    void session.close(1000);
    // The reader of the link insists on the order of fragments.
    expect(await peer.settled()).toEqual([['close 1000', '']]);
    await expect(cut).rejects.toThrow(PeerGoneError);
    await expect(behind).rejects.toThrow(PeerGoneError);
  });

  test('an offence behind a message in the pool: it is delivered, then 1002', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    peer.link.send(join(
      await peer.frame(LARGE), peer.link.octetsOf(3, ''), await peer.frame('never'),
    ));
    expect(await peer.settledBut()).toEqual([]);
    free();
    expect((await peer.settled()).map(([what]) => what)).toEqual(['close 1002']);
    expect(peer.messages).toEqual([LARGE]);
    expect(peer.link.closure?.code).toBe(1002);
  });

  test('an offence while our message is in the pool: it is dropped, and 1002 is said', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    void peer.link.session.send(LARGE);
    void peer.link.session.send('small');
    peer.link.send(peer.link.octetsOf(3, ''));
    expect((await peer.settledBut()).map(([what]) => what)).toEqual(['close 1002']);
    // It does not wait in the budget either.
    expect(zlib.waiting).toBe(0);
    free();
    expect(await peer.settled()).toEqual([]);
  });

  test('the end of the peer\'s side behind a message in the pool: it is delivered', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib });
    peer.link.send(join(await peer.frame(LARGE), await peer.frame('small')));
    peer.link.sendEof();
    await peer.settledBut();
    expect(peer.link.closure).toBe(undefined);
    free();
    await peer.settled();
    expect(peer.messages).toEqual([LARGE, 'small']);
    expect(peer.link.closure).toEqual({ code: 1006, reason: '', clean: false });
  });

  describe.each(['waits', 'runs'] as const)('the connection goes while the job %s', (state) => {
    test.each(['cut', 'terminate'] as const)('%s', async (way) => {
      const { zlib, free } = occupied();
      const peer = await openDeflate(carrier, { zlib });
      const { link } = peer;
      if (state === 'runs') free();
      void link.session.send(LARGE);
      const waits = link.session.send((async function* pieces() { yield 'never'; })());
      link.send(await peer.frame(OTHER));
      await Promise.resolve();
      expect(state === 'runs' ? zlib.running : zlib.waiting).toBeGreaterThan(0);
      if (way === 'cut') link.cut();
      else link.session.terminate();
      await link.transport.settle();
      await expect(waits).rejects.toThrow(PeerGoneError);
      expect(link.closure).toEqual({ code: 1006, reason: '', clean: false });
      // What waits is forgotten, what runs comes back to nobody.
      expect(zlib.waiting).toBe(0);
      if (state === 'waits') free();
      while (zlib.running > 0) await link.transport.settle();
      await link.transport.settle();
      expect(zlib.heldBytes).toBe(0);
      expect(link.charged).toBe(0);
      expect(peer.messages).toEqual([]);
    });
  });

  test('what is in the pool counts as sent and not taken', async () => {
    const { zlib, free } = occupied();
    const peer = await openDeflate(carrier, { zlib, limits: { webSocketQueueBytes: 50_000 } });
    const { session } = peer.link;
    let isSent = false;
    const sent = session.send(LARGE).then(() => { isSent = true; });
    expect(session.bufferedBytes).toBe(LARGE.length);
    expect(session.trySend('refused')).toBe(false);
    await peer.settledBut();
    expect(isSent).toBe(false);
    // The ledger knows of it too.
    peer.link.transport.tick(250);
    expect(peer.link.charged).toBeGreaterThanOrEqual(LARGE.length);
    free();
    expect(await peer.settled()).toEqual([['deflated text', LARGE]]);
    await sent;
    expect(session.bufferedBytes).toBe(0);
    expect(session.trySend('taken')).toBe(true);
    expect(await peer.settled()).toEqual([['text', 'taken']]);
  });
});

describe('threat D17: many sessions, and what the pool may hold', () => {
  const JOBS = 3;
  const SESSIONS = 100;

  /** A budget that notes the most that it ever had. */
  class Noting extends ZlibBudget {
    mostRunning = 0;
    mostBytes = 0;

    override add(job: Parameters<ZlibBudget['add']>[0]): void {
      super.add(job);
      this.mostRunning = Math.max(this.mostRunning, this.running);
      this.mostBytes = Math.max(this.mostBytes, this.heldBytes);
    }
  }

  test.each([
    ['jobs', { jobs: JOBS }, 64 * 1024 * 1024],
    ['memory', { jobs: 64, memoryBytes: 3 * 1024 * 1024 }, 3 * 1024 * 1024],
  ])('the budget holds its %s, and all messages come', async (_, bounds, most) => {
    const zlib = new Noting(bounds);
    const peers = await Promise.all(Array.from({ length: SESSIONS }, () =>
      openDeflate('server, HTTP/1.1', { zlib, deflate: { thresholdBytes: 0 } })));
    const frames = await Promise.all(peers.map((peer) => peer.frame(LARGE)));
    peers.forEach((peer, i) => {
      void peer.link.session.send(OTHER);
      peer.link.send(frames[i] as Uint8Array);
    });
    expect(zlib.running).toBeLessThanOrEqual(bounds.jobs);
    expect(zlib.waiting).toBeGreaterThan(SESSIONS);
    for (const peer of peers) expect(await peer.settled()).toEqual([['deflated text', OTHER]]);
    expect(peers.every(({ messages }) => messages[0] === LARGE)).toBe(true);
    expect(zlib.mostRunning).toBeLessThanOrEqual(bounds.jobs);
    expect(zlib.mostBytes).toBeLessThanOrEqual(most);
    expect([zlib.running, zlib.waiting, zlib.heldBytes]).toEqual([0, 0, 0]);
  });

  test('between messages a session holds its windows, or nothing', async () => {
    for (const [deflate, most] of [[TAKES_OVER, 65_536], [{}, 0]] as const) {
      const peer = await openDeflate('server, HTTP/1.1', { deflate });
      for (let i = 0; i < 5; i++) {
        void peer.link.session.send(digits(30_000, i));
        await peer.send(await peer.frame(digits(30_000, i)));
      }
      peer.link.transport.tick(250);
      expect(peer.link.charged).toBe(most);
    }
  });
});

describe('a message prepared for many', () => {
  const text = digits(3000);
  const openServer = (extensions: string | undefined, more = {}): Promise<DeflatePeer> =>
    openDeflate('server, HTTP/1.1', { extensions, deflate: { ...TAKES_OVER, ...more } });

  test('one frame for all sessions without takeover and of the same window', async () => {
    const prepared = prepare(text);
    const payloads: Buffer[] = [];
    for (const bits of [15, 15, 9, 9]) {
      const peer = await openServer(
        `${NAME}; server_no_context_takeover; server_max_window_bits=${bits}`,
      );
      for (let i = 0; i < 2; i++) void peer.link.session.send(prepared);
      await peer.link.settle();
      const frames = peer.link.took();
      expect(frames.map(({ reserved }) => reserved)).toEqual([RSV1, RSV1]);
      payloads.push(...frames.map(({ payload }) => Buffer.from(payload)));
      for (const { payload } of frames) {
        expect(inflateRawSync(join(payload, FLUSHED), {
          windowBits: bits, finishFlush: constants.Z_SYNC_FLUSH,
        }).toString()).toBe(text);
      }
    }
    expect(new Set(payloads.map((payload) => payload.toString('latin1'))).size)
      .toBeLessThanOrEqual(2);
    const inline = new ZlibBudget({ inline: true });
    expect(prepared.compressed(15, inline)).toBe(prepared.compressed(15, inline));
  });

  test.each(CARRIERS)('%s: with takeover it is in the window after', async (carrier) => {
    const peer = await openDeflate(carrier);
    const { session } = peer.link;
    const other = digits(2500, 9);
    const prepared = prepare(other);
    for (const message of [text, prepared, text, prepared, prepared, other, `${text}!`]) {
      void session.send(message);
    }
    await peer.link.settle();
    const lengths = peer.link.frames.map(({ payload }) => payload.length);
    // Zlib at the other end takes all as one stream.
    expect((await peer.settled()).map(([, shown]) => shown))
      .toEqual([text, other, text, other, other, other, `${text}!`]);
    for (const at of [2, 5, 6]) expect(lengths[at]).toBeLessThan(100);
  });

  test('at a smaller window, what repeats further away is not referred to', async () => {
    const far = digits(2000).repeat(3);
    const prepared = prepare(far);
    for (const bits of [15, 10, 9]) {
      const peer = await openServer(`${NAME}; server_max_window_bits=${bits}`);
      void peer.link.session.send(prepared);
      expect(await peer.settled()).toEqual([['deflated text', far]]);
    }
  });

  test('under the threshold, or where it gets no shorter, or is not agreed on: plain', async () => {
    const noise = Buffer.from(new Random(3).bytes(2000));
    const under = await openServer(NAME, { thresholdBytes: 3001 });
    void under.link.session.send(prepare(text));
    expect(await under.settled()).toEqual([['text', text]]);
    const at = await openServer(NAME, { thresholdBytes: 3000 });
    void at.link.session.send(prepare(text));
    void at.link.session.send(prepare(noise));
    void at.link.session.send(prepare(''));
    void at.link.session.send(text);
    expect(await at.settled()).toEqual([
      ['deflated text', text], ['binary', noise.toString('latin1')], ['text', ''],
      ['deflated text', text],
    ]);
    const none = await openServer(undefined);
    void none.link.session.send(prepare(text));
    expect(await none.settled()).toEqual([['text', text]]);
  });

  test('one message of octets may change after it was prepared', async () => {
    const octets = Buffer.from(text);
    const prepared = prepare(octets);
    octets.fill(0);
    const peer = await openServer(NAME);
    void peer.link.session.send(prepared);
    expect(await peer.settled()).toEqual([['deflated binary', text]]);
  });
});
