/** A message that leaves in pieces, alone and over each wire. */
import { describe, expect, test } from 'vitest';
import { PieceRun, type MessagePieces } from '../../src/websocket/piece-run.ts';
import type { Message } from '../../src/websocket/prepared-message.ts';
import { close, frame, ping, text } from '../support/websocket.ts';
import { deferred } from '../support/deferred.ts';
import { unhandledDuring } from '../support/unhandled.ts';
import { WIRES, openWire, type Wire } from '../support/websocket-session.ts';

async function* piecesOf(...pieces: readonly Message[]): AsyncGenerator<Message> {
  for (const piece of pieces) yield piece;
}

/** Runs pieces to their end and gives the frames: opcode, FIN, payload. */
async function framesOf(pieces: MessagePieces): Promise<[number, boolean, Message][]> {
  const frames: [number, boolean, Message][] = [];
  await new PieceRun(pieces, {
    sendFragment: (...one) => void frames.push(one),
    room: () => undefined,
  }).send();
  return frames;
}

describe('§5.4 the frames of a message in pieces', () => {
  const A = Buffer.from('a');
  test.each<[string, Message[], [number, boolean, Message][]]>([
    ['text', ['a', 'b'], [[1, false, 'a'], [0, false, 'b'], [0, true, '']]],
    ['octets', [A, A], [[2, false, A], [0, false, A], [0, true, '']]],
    ['one piece', ['a'], [[1, false, 'a'], [0, true, '']]],
    ['empty pieces are not sent', ['', 'a', '', ''], [[1, false, 'a'], [0, true, '']]],
    ['nothing but an empty text', [''], [[1, true, '']]],
    ['nothing but empty octets', [new Uint8Array(0)], [[2, true, '']]],
    ['no piece at all', [], [[2, true, '']]],
    ['a pair cut between pieces', ['a\ud83d', '\ude00b'], [
      [1, false, 'a'], [0, false, '😀b'], [0, true, ''],
    ]],
    ['a pair in halves of their own', ['\ud83d', '\ude00'], [[1, false, '😀'], [0, true, '']]],
    ['an empty piece between the halves', ['\ud83d', '', '\ude00'], [
      [1, false, '😀'], [0, true, ''],
    ]],
    ['half a pair at the end', ['a', '\ud83d'], [[1, false, 'a'], [0, true, '\ud83d']]],
    ['half a pair before another character', ['\ud83d', 'b'], [
      [1, false, '\ud83db'], [0, true, ''],
    ]],
    ['two first halves', ['\ud83d', '\ud83d', '\ude00'], [
      [1, false, '\ud83d'], [0, false, '😀'], [0, true, ''],
    ]],
  ])('%s', async (_, pieces, frames) => {
    expect(await framesOf(piecesOf(...pieces))).toEqual(frames);
  });

  test('a source that says what it is: an empty message keeps its kind', async () => {
    const isText = Object.assign(piecesOf(), { isText: true });
    expect(await framesOf(isText)).toEqual([[1, true, '']]);
    expect(await framesOf(Object.assign(piecesOf(), { isText: false }))).toEqual([[2, true, '']]);
  });

  test('cancel tells the source once', async () => {
    let returned = 0;
    const run = new PieceRun({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: () => {
          returned++;
          throw new Error('of no interest');
        },
      }),
    }, { sendFragment: () => {}, room: () => undefined });
    void run.send();
    run.cancel();
    run.cancel();
    expect(returned).toBe(1);
  });
});

/** What `send` of pieces came to. */
async function outcome(sent: Promise<void>): Promise<string> {
  return sent.then(() => 'sent', (error: Error) => error.message);
}

describe.each(WIRES)('messages in pieces, %s', (name) => {
  test('text and octets, whole at the other side', async () => {
    const wire = await openWire(name);
    const sends = [
      wire.session.send(piecesOf('a😀'.slice(0, 2), 'a😀'.slice(2))),
      wire.session.send(piecesOf(Buffer.from('b'), Buffer.from('c'))),
      wire.session.send('d'),
    ];
    expect(await wire.settled()).toEqual(['text- a', 'continuation- 😀', 'continuation',
      'binary- b', 'continuation- c', 'continuation', 'text d']);
    await Promise.all(sends);
  });

  test('other messages wait behind it, pings pass', async () => {
    const wire = await openWire(name);
    const gate = deferred<void>();
    const pieces = wire.session.send((async function* slow() {
      yield 'a';
      await gate.promise;
      yield 'b';
    })());
    let isNext = false;
    void wire.session.send('next').then(() => { isNext = true; });
    // There is room behind it.
    expect(wire.session.trySend('too')).toBe(true);
    expect(await wire.send(ping('p'))).toEqual(['text- a', 'pong p']);
    expect(isNext).toBe(false);
    gate.resolve();
    expect(await wire.settled()).toEqual([
      'continuation- b', 'continuation', 'text next', 'text too',
    ]);
    await pieces;
    expect(isNext).toBe(true);
  });

  test('a piece is asked for when there is room', async () => {
    const limits = { writeQueueBytes: 10_000, webSocketQueueBytes: 10_000 };
    const wire = await openWire(name, { limits, window: 0 });
    let asked = 0;
    const sent = wire.session.send((async function* many() {
      for (; asked < 50; asked++) yield 'p'.repeat(3000);
    })());
    await wire.settled();
    expect(asked).toBeLessThanOrEqual(5);
    await wire.release(30_000);
    expect(asked).toBeGreaterThan(5);
    expect(asked).toBeLessThanOrEqual(15);
    await wire.release();
    await sent;
    expect(asked).toBe(50);
    const octets = wire.all.reduce((sum, { payload }) => sum + payload.length, 0);
    expect(octets).toBe(150_000);
  });

  test('a source that throws before its first piece: the send alone fails', async () => {
    const wire = await openWire(name);
    const sent = wire.session.send((async function* broken(): AsyncGenerator<string> {
      throw new Error('no piece');
    })());
    void wire.session.send('next');
    expect(await outcome(sent)).toBe('no piece');
    expect(await wire.settled()).toEqual(['text next']);
    expect(wire.failed).toEqual([]);
    expect(wire.session.isOpen).toBe(true);
  });

  test('after its first piece: 1011, for the message can never be whole', async () => {
    const wire = await openWire(name);
    const sent = wire.session.send((async function* broken() {
      yield 'a';
      throw new Error('no more');
    })());
    expect(await outcome(sent)).toBe('no more');
    expect(await wire.settled()).toEqual([
      'text- a', 'close 1011 a message in pieces could not be finished',
    ]);
    expect(wire.failed.map((error) => (error as Error).message)).toEqual(['no more']);
  });

  test.each<[string, Message[], string[]]>([
    ['octets after text', ['a', Buffer.from('b')], ['text- a']],
    ['text after octets', [Buffer.from('a'), 'b'], ['binary- a']],
    ['no message', ['a', 5 as unknown as string], ['text- a']],
  ])('%s: the source is told, and 1011', async (_, pieces, frames) => {
    const wire = await openWire(name);
    let told = false;
    const sent = wire.session.send((async function* mixed() {
      try {
        yield* pieces;
      } finally {
        told = true;
      }
    })());
    expect(await outcome(sent)).toMatch(/^the pieces of a message|^a message is text/);
    expect(await wire.settled())
      .toEqual([...frames, 'close 1011 a message in pieces could not be finished']);
    expect(told).toBe(true);
  });

  test('a first piece that is no message: the send alone fails', async () => {
    const wire = await openWire(name);
    expect(await outcome(wire.session.send(piecesOf(5 as unknown as string))))
      .toMatch(/^a message is text/);
    expect(await outcome(wire.session.send('next'))).toBe('sent');
    expect(await wire.settled()).toEqual(['text next']);
  });

  test.each<[string, (wire: Wire) => Promise<unknown>]>([
    ['is cut', (wire) => wire.cut()],
    ['is closed by the peer', (wire) => wire.send(close(1000))],
    ['fails', (wire) => wire.send(frame(3))],
    ['is closed by us', (wire) => {
      void wire.session.close();
      return wire.settled();
    }],
  ])('a source that never yields is told when the session %s', async (_, end) => {
    const wire = await openWire(name);
    let returned = 0;
    const sent = wire.session.send({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => {}),
        return: async () => {
          returned++;
          return { done: true as const, value: undefined };
        },
      }),
    });
    const waiting = wire.session.send(piecesOf('never'));
    await wire.settled();
    expect(returned).toBe(0);
    await end(wire);
    expect(returned).toBe(1);
    expect(await outcome(sent)).toMatch(/^the WebSocket is closed/);
    expect(await outcome(waiting)).toMatch(/^the WebSocket is closed/);
  });

  // FrameReader throws where a message begins within another (RFC 6455 §5.4).
  test('our close cuts it: no other message is put in between', async () => {
    const wire = await openWire(name);
    const sent = wire.session.send((async function* slow() {
      yield 'a';
      await new Promise<never>(() => {});
    })());
    await wire.settled();
    const behind = wire.session.send('behind');
    void wire.session.close(1000);
    expect(await wire.settled()).toEqual(['close 1000']);
    expect(await outcome(sent)).toBe('the WebSocket is closed');
    expect(await outcome(behind)).toBe('the WebSocket is closed');
  });

  test('the peer\'s Close as well', async () => {
    const wire = await openWire(name);
    void wire.session.send((async function* slow() {
      yield 'a';
      await new Promise<never>(() => {});
    })());
    await wire.settled();
    void wire.session.send('behind');
    expect(await wire.send(close(1000))).toEqual(['close 1000']);
  });

  test('a message behind pieces that wait is not sent before them', async () => {
    const limits = { writeQueueBytes: 10_000, webSocketQueueBytes: 10_000 };
    const wire = await openWire(name, { limits, window: 0 });
    void wire.session.send('x'.repeat(30_000));
    void wire.session.send(piecesOf('pieces'));
    void wire.session.send('behind');
    void wire.session.close();
    expect(await wire.release()).toEqual(['text <30000>', 'close 1000']);
  });

  describe('a source that cannot even be begun fails its send alone', () => {
    const broken = { [Symbol.asyncIterator]: () => { throw new Error('none'); } } as MessagePieces;

    test('at once', async () => {
      const wire = await openWire(name);
      expect(await outcome((async () => wire.session.send(broken))())).toBe('none');
      expect(await outcome(wire.session.send('next'))).toBe('sent');
      expect(await wire.settled()).toEqual(['text next']);
    });

    test('behind another message in pieces', async () => {
      const wire = await openWire(name);
      const ends: string[] = [];
      const unhandled = await unhandledDuring(async () => {
        for (const message of [piecesOf('a'), broken, 'b']) {
          void outcome((async () => wire.session.send(message))()).then((end) => ends.push(end));
        }
        await wire.settled();
      });
      expect(unhandled).toEqual([]);
      expect(ends).toEqual(['sent', 'none', 'sent']);
    });

    test('behind output that stands', async () => {
      const limits = { writeQueueBytes: 10_000, webSocketQueueBytes: 10_000 };
      const wire = await openWire(name, { limits, window: 0 });
      void wire.session.send('x'.repeat(30_000));
      const sent = outcome(wire.session.send(broken));
      void wire.session.send('behind');
      expect(await wire.release()).toEqual(['text <30000>', 'text behind']);
      expect(await sent).toBe('none');
      expect(wire.failed).toEqual([]);
    });
  });

  test('a message that comes in pieces goes out as it comes', async () => {
    const wire = await openWire(name, {
      serve: async (session) => {
        for await (const message of session.streams()) await session.send(message);
      },
    });
    expect(await wire.send(text('a', false))).toEqual(['text- a']);
    expect(await wire.send(frame(0, 'b'))).toEqual(['continuation- b', 'continuation']);
    expect(await wire.send(frame(2, ''), text(''))).toEqual(['binary', 'text']);
  });
});
