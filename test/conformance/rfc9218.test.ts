/** RFC 9218: urgency and incremental, by field and by frame, and the order of what is sent. */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  DATA, END_HEADERS, END_STREAM, HEADERS, PRIORITY_FLAG, SETTINGS,
} from '../../src/http2/frame.ts';
import { parsePriority } from '../../src/http2/priority.ts';
import {
  block, fieldsOf, frame, get, join, open, outcomeOf, priority, priorityUpdate, settings, silent,
  windowUpdate, type Connected,
} from '../support/http2.ts';

const KIB = 1024;
const large: Handler = ({ path }) =>
  new HttpResponse(200, {}, 'x'.repeat(Number(path.slice(1)) * KIB));

/** A connection with windows of no account, whose requests wait for one SETTINGS. */
async function waiting(...requests: readonly Uint8Array[]): Promise<Connected> {
  const connected = await open(large, {}, [[4, 0]]);
  await connected.send(...requests, windowUpdate(0, 0x7fff_0000));
  return connected;
}

/** Streams in the order of their DATA: `1 1 3` is `[1, 3]`. */
async function turns(connected: Connected): Promise<number[]> {
  const frames = await connected.send(settings([[4, 0x7fff_ffff]]));
  const order = frames.filter(({ type }) => type === DATA).map(({ streamId }) => streamId);
  return order.filter((id, index) => id !== order[index - 1]);
}

const asks = (id: number, path: string, value: string): Uint8Array =>
  get(id, path, [['priority', value]]);

describe('§2.1 SETTINGS_NO_RFC7540_PRIORITIES', () => {
  test('is sent as 1', async () => {
    const { all: [first] } = await open();
    expect(first!.type).toBe(SETTINGS);
    expect(Buffer.from(first!.payload).includes(Buffer.from([0, 9, 0, 0, 0, 1]))).toBe(true);
  });

  test.each([[0, 1], [1, 0]])('a change from %i to %i is PROTOCOL_ERROR', async (from, to) => {
    const connected = await open(undefined, {}, [[9, from]]);
    await connected.send(settings([[9, to]]));
    expect(connected.transport.ended).toBe(true);
  });

  test('is said in the first SETTINGS, and in no other', async () => {
    const connected = await open();
    await connected.send(settings([[9, 1]]), get(1));
    const told = connected.all.filter(({ type, flags }) => type === SETTINGS && flags === 0);
    expect(told).toHaveLength(1);
  });

  const dependent = frame(HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, 1,
    join([0, 0, 0, 1, 15], block(fieldsOf('GET', '/9'))));
  test.each([
    ['PRIORITY on itself', join(get(1, '/9'), priority(1, 1))],
    ['HEADERS on itself', dependent],
    ['PRIORITY of another', join(priority(3, 1), get(1, '/9'), priority(1, 3))],
  ])('from a peer that sent 1, HTTP/2 priority signals are ignored: %s', async (_, octets) => {
    const connected = await open(large, {}, [[9, 1]]);
    await connected.send(octets);
    expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, resets: {} });
    expect(outcomeOf(connected).answers[1]).toHaveLength(4 + 9 * KIB);
  });

  test('not to say it again is no change', async () => {
    const connected = await open(undefined, {}, [[9, 1]]);
    await connected.send(settings(), settings([[9, 1]]));
    expect(connected.transport.ended).toBe(false);
  });
});

describe('§4 Priority Parameters', () => {
  test.each<[string | undefined, number, boolean]>([
    [undefined, 3, false], ['', 3, false], ['u=0', 0, false], ['u=7', 7, false], ['u=8', 3, false],
    ['u=-1', 3, false], ['u=1.5', 3, false], ['u="1"', 3, false], ['u', 3, false], ['i', 3, true],
    ['i=?1', 3, true], ['i=?0', 3, false], ['i=1', 3, false], ['u=5, i', 5, true],
    ['i,u=1', 1, true], ['u=1;x=2, i;y', 1, true], ['u=1, u=6', 6, false], ['a=b, u=2', 2, false],
    ['u=2,', 3, false], ['u=03', 3, false], ['u=05', 5, false], ['u=-0', 0, false],
    ['u=1, u=9', 3, false], ['i, i=1', 3, false], ['a="x,y", u=2', 2, false],
    ['a=(b "c)" 1), u=2', 2, false], ['a="x, u=2', 3, false], ['u=1.0', 3, false],
    ['U=2', 3, false], ['u=2 i', 3, false], ['\tu=2', 2, false],
  ])('%j', (value, urgency, incremental) => {
    expect(parsePriority(value)).toEqual({ urgency, incremental });
  });
});

describe('§5 the priority field, §10 who goes first', () => {
  test('the more urgent', async () => {
    const connected = await waiting(
      asks(1, '/9', 'u=5'), asks(3, '/9', 'u=1'), get(5, '/9'), asks(7, '/9', 'u=0'));
    expect(await turns(connected)).toEqual([7, 3, 5, 1]);
  });

  test('of one urgency, not incremental: one after the other', async () => {
    expect(await turns(await waiting(get(1, '/100'), get(3, '/100'), get(5, '/100'))))
      .toEqual([1, 3, 5]);
  });

  test('of one urgency, incremental: turns of 16 KiB', async () => {
    expect(await turns(await waiting(asks(1, '/40', 'i'), asks(3, '/40', 'i'))))
      .toEqual([1, 3, 1, 3, 1, 3]);
  });

  test('a long answer that is not incremental lets its equals pass after 128 KiB', async () => {
    expect(await turns(await waiting(get(1, '/300'), get(3, '/9')))).toEqual([1, 3, 1]);
  });

  test('nobody starves: of eight turns, one is for the least urgent', async () => {
    const order = await turns(await waiting(asks(1, '/2000', 'u=0'), asks(3, '/9', 'u=7')));
    expect(order).toEqual([1, 3, 1]);
  });
});

describe('§7 The PRIORITY_UPDATE Frame', () => {
  test('moves a stream that waits', async () => {
    const connected = await waiting(get(1, '/9'), get(3, '/9'));
    await connected.send(priorityUpdate(3, 'u=0'));
    expect(await turns(connected)).toEqual([3, 1]);
  });

  test('before its stream: wins over the field, and the last one counts', async () => {
    const connected = await waiting(
      priorityUpdate(3, 'u=7'), priorityUpdate(3, 'u=0'), get(1, '/9'), asks(3, '/9', 'u=6'));
    expect(await turns(connected)).toEqual([3, 1]);
  });

  test('what it does not say is the default', async () => {
    const connected = await waiting(asks(1, '/9', 'u=0'), asks(3, '/9', 'u=2'));
    await connected.send(priorityUpdate(1, 'i'));
    expect(await turns(connected)).toEqual([3, 1]);
  });

  test('of a pushed stream is taken', async () => {
    const connected = await open((request) => {
      if (request.path === '/9') request.push('/8');
      return large(request);
    }, {}, [[4, 0]]);
    await connected.send(get(1, '/9'), priorityUpdate(2, 'u=0'));
    await connected.send(priorityUpdate(2, 'u=0'));
    expect(await turns(connected)).toEqual([2, 1]);
  });

  test('of an idle stream whose turn has passed is forgotten: others have its place', async () => {
    const passed = Array.from({ length: 99 }, (_, index) => priorityUpdate(3 + 2 * index, 'u=7'));
    const connected = await waiting(join(...passed), get(301, '/9'));
    await connected.send(priorityUpdate(303, 'u=7'), priorityUpdate(305, 'u=0'));
    await connected.send(get(303, '/9'), get(305, '/9'));
    expect(await turns(connected)).toEqual([305, 301, 303]);
  });

  test.each([[0, 2, undefined], [0, 3, 'PROTOCOL_ERROR'], [1, 1, undefined],
    [1, 2, 'PROTOCOL_ERROR'], [2, 1, 'PROTOCOL_ERROR']] as const)(
    'with 2 streams allowed, %i active and %i idle ones prioritized: %s',
    async (active, idle, error) => {
      const connected = await open(silent, { limits: { http2Streams: 2 } });
      for (let i = 0; i < active; i++) await connected.send(get(1 + 2 * i));
      for (let i = 0; i < idle; i++) await connected.send(priorityUpdate(11 + 2 * i, 'u=1'));
      // Again for one of them: it is no further stream.
      await connected.send(priorityUpdate(11, 'u=2'));
      expect(outcomeOf(connected).goaway).toBe(error);
    });

  test('as many are kept for streams to come as may be open', async () => {
    const early = Array.from({ length: 100 }, (_, index) => priorityUpdate(3 + 2 * index, 'u=0'));
    const asks = get(201, '/9');
    expect(await turns(await waiting(join(...early), get(1, '/9'), asks))).toEqual([201, 1]);
  });
});

describe('§10 bodies are pulled when it is their turn', () => {
  test('END_STREAM comes with the last octets', async () => {
    const connected = await open(large);
    const frames = await connected.send(get(1, '/20'));
    expect(frames.filter(({ type }) => type === DATA).map(({ flags }) => flags))
      .toEqual([0, END_STREAM]);
  });

  test('no more is pulled than windows take, and little to see whether it ends', async () => {
    let pulled = 0;
    const body = {
      length: undefined,
      pull: (max: number): Uint8Array => {
        pulled += max;
        return new Uint8Array(max);
      },
      cancel: () => {},
    };
    const connected = await open(() => new HttpResponse(200, {}, body), {}, [[4, 0]]);
    await connected.send(get(1));
    const before = pulled;
    await connected.send(windowUpdate(1, 16_384));
    expect(before).toBeLessThanOrEqual(1024);
    expect(pulled).toBeLessThanOrEqual(16_384 + 1024);
  });
});
