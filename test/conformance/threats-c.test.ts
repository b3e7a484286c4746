/**
 * Attacks on HTTP/2 by row, C1 to C50: the mechanism of each defence, in memory. Rows whose whole
 * is a verdict of RFC 9113 are in rfc9113-*.test.ts (C1 to C6, C10, C13, C21 to C23, C34 to C40,
 * C45, C46); C28 to C33 are HPACK's own, C47 and C48 the server's.
 */
import { describe, expect, test } from 'vitest';
import { HttpResponse } from '../../src/http/response.ts';
import {
  CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, PADDED, PREFACE, PRIORITY, RST_STREAM,
  errorName,
} from '../../src/http2/frame.ts';
import { HpackEncoder } from '../../src/http2/hpack/index.ts';
import {
  PSEUDO, answersIn, block, connect, continuation, data, echo, encoded, fieldsOf, frame, get,
  goaway, headers, join, numberIn, open, outcomeOf, ping, pong, post, priority, priorityUpdate,
  reset, settings, silent, textOf, verdict, windowUpdate, type Connected, type FieldPairs,
} from '../support/http2.ts';

const CALM = 'ENHANCE_YOUR_CALM';

/** Sends `make(0)`, `make(1)`, ... until the connection ends; how many it took. */
async function flood(
  connected: Connected, make: (index: number) => Uint8Array, most: number,
): Promise<number> {
  for (let index = 0; index < most; index += 25) {
    await connected.send(...Array.from({ length: 25 }, (_, i) => make(index + i)));
    if (connected.transport.ended) return index + 25;
  }
  return Infinity;
}

/** The sentence of the GOAWAY. */
function reason({ all }: Connected): string {
  const gone = all.find(({ type }) => type === GOAWAY);
  return gone === undefined ? '' : `${errorName(numberIn(gone, 4))} ${textOf(gone).slice(8)}`;
}

describe('C1 a slow preface', () => {
  test.each([
    ['nothing', ''], ['23 octets of it', PREFACE.subarray(0, 23)], ['no SETTINGS', PREFACE],
    ['half a SETTINGS', join(PREFACE, settings([[1, 1]]).subarray(0, 12))],
  ])('%s: ends at http2PrefaceMs', async (_, octets) => {
    const connected = connect();
    connected.transport.send(octets as Uint8Array);
    connected.transport.tick(9_750);
    expect(connected.transport.ended).toBe(false);
    connected.transport.tick(500);
    await connected.settled();
    expect(reason(connected)).toBe('PROTOCOL_ERROR no preface in time (RFC 9113 S3.4)');
    expect(connected.transport.ended).toBe(true);
  });
});

describe('budgets: what is cheap for the peer and dear for us', () => {
  const rows: readonly (readonly [string, (index: number) => Uint8Array, number, string])[] = [
    ['C7 rapid reset', (i) => join(get(2 * i + 1), reset(2 * i + 1)), 225, 'resets'],
    ['C8 update of 0', (i) => join(get(2 * i + 1), windowUpdate(2 * i + 1, 0)), 225, 'resets'],
    ['C8 window over 2^31-1',
      (i) => join(get(2 * i + 1), windowUpdate(2 * i + 1, 0x7fff_ffff)), 225, 'resets'],
    ['C8 DATA after END_STREAM', (i) => join(get(2 * i + 1), data(2 * i + 1)), 225, 'resets'],
    ['C8 HEADERS after END_STREAM', (i) => join(get(2 * i + 1), get(2 * i + 1)), 225, 'resets'],
    ['C8 PRIORITY of 4 octets',
      (i) => join(get(2 * i + 1), frame(PRIORITY, 0, 2 * i + 1, 'abcd')), 225, 'resets'],
    ['C8 self-dependency',
      (i) => join(get(2 * i + 1), priority(2 * i + 1, 2 * i + 1)), 225, 'resets'],
    ['C17 malformed requests', (i) => headers(2 * i + 1, [['x', 'y']]), 225, 'resets'],
    ['C21 names of no octet', (i) => get(2 * i + 1, '/', [['', '']]), 225, 'resets'],
    ['C41 refused streams', (i) => get(2 * i + 1), 325, 'resets'],
    ['C11 SETTINGS', () => settings(), 75, 'control frames'],
    ['C15 PING', () => ping(), 1025, 'control frames'],
    ['C16 PRIORITY', () => priority(3, 1), 1025, 'control frames'],
    ['C16 PRIORITY_UPDATE', () => priorityUpdate(1, 'u=1'), 1025, 'control frames'],
    ['C44 unknown frames', () => frame(0xee, 0, 0), 1025, 'control frames'],
    ['GOAWAY', () => goaway(0), 1025, 'control frames'],
    ['acknowledgements', () => frame(4, 1, 0), 1025, 'control frames'],
    ['C20 updates of 1', () => windowUpdate(0, 1), 1025, 'window updates'],
  ];
  test.each(rows)('%s: over budget is ENHANCE_YOUR_CALM', async (_, make, most, name) => {
    const connected = await open(silent, { limits: { http2Streams: 100 } });
    expect(await flood(connected, make, 5000)).toBeLessThanOrEqual(most);
    expect(reason(connected)).toMatch(new RegExp(`^${CALM} over the budget of ${name}: .*S10.5`));
    expect(connected.seen.length).toBeLessThanOrEqual(100);
  });

  test.each([
    ['C18 empty DATA', data(1), 2850], ['C19 DATA of one octet', data(1, 'x'), 3225],
    ['C19 an octet and its padding', frame(DATA, PADDED, 1, `\xff${'x'.repeat(256)}`), 125],
  ])('%s', async (_, octets, most) => {
    const connected = await open(async ({ body }) => {
      for await (const piece of body) void piece;
      return new HttpResponse(200);
    });
    await connected.send(post(1));
    expect(await flood(connected, () => octets, 10_000)).toBeLessThanOrEqual(most);
    expect(reason(connected)).toContain(`${CALM} over the budget of octets of DATA`);
  });

  test('budgets refill with time', async () => {
    const connected = await open(silent);
    for (let round = 0; round < 10; round++) {
      await connected.send(...Array.from({ length: 900 }, () => ping()));
      connected.transport.tick(18_000);
      await connected.send(get(2 * round + 1));
    }
    expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, pings: 9000 });
  });

  test('C7 200 resets are innocent, 201 are not', async () => {
    const connected = await open();
    const pair = (i: number): Uint8Array => join(get(2 * i + 1), reset(2 * i + 1));
    await connected.send(...Array.from({ length: 200 }, (_, i) => pair(i)));
    expect(outcomeOf(connected).goaway).toBe(undefined);
    await connected.send(pair(200));
    expect(outcomeOf(connected).goaway).toBe(CALM);
  });

  test('C7 handlers that run on are counted, reset or not', async () => {
    const connected = await open(silent, { limits: { http2Streams: 10 } });
    for (let i = 0; i < 15; i++) await connected.send(get(2 * i + 1), reset(2 * i + 1));
    expect(connected.seen).toHaveLength(10);
    expect(outcomeOf(connected).resets[21]).toBe('REFUSED_STREAM');
  });

  test('C19 the last frame of each of many small uploads is free', async () => {
    const connected = await open(echo);
    for (let i = 0; i < 5000; i += 50) {
      const ids = Array.from({ length: 50 }, (_, at) => 2 * (i + at) + 1);
      await connected.send(...ids.map((id) => join(post(id), data(id, 'x', END_STREAM))));
    }
    expect(outcomeOf(connected).goaway).toBe(undefined);
  });

  test('C20 updates of 1 that each bring an octet are not earned', async () => {
    const content = 'x'.repeat(10_000);
    const connected = await open(() => new HttpResponse(200, {}, content), {}, [[4, 0]]);
    await connected.send(get(1));
    let sent = 0;
    while (!connected.transport.ended && sent++ < 5000) await connected.send(windowUpdate(1, 1));
    expect(sent).toBeLessThanOrEqual(1005);
    expect(reason(connected)).toContain('window updates');
  });

  test('updates that a reader sends for its content are', async () => {
    const content = 'x'.repeat(2_000_000);
    const connected = await open(() => new HttpResponse(200, {}, content));
    for (let id = 1; id < 20; id += 2) {
      let frames = await connected.send(get(id));
      while (frames.length > 0) {
        const read = frames.filter(({ type }) => type === DATA);
        frames = await connected.send(...read.flatMap(({ payload }) => [
          windowUpdate(0, payload.length || 1), windowUpdate(id, payload.length || 1),
        ]));
      }
    }
    expect(outcomeOf(connected).goaway).toBe(undefined);
    expect(answersIn(connected.all)[19]!.whole).toBe(true);
  });
});

describe('C9 CONTINUATION flood, C10, C31', () => {
  const head = headers(1, block(PSEUDO), END_STREAM);
  test.each([['empty', ''], ['full', 'x'.repeat(9000)]])('%s ones', async (_, payload) => {
    const parts = Array.from({ length: 9 }, () => continuation(1, payload, 0));
    expect(await verdict(join(head, ...parts))).toMatchObject({ goaway: CALM, seen: [] });
  });

  test('eight are taken', async () => {
    const parts = Array.from({ length: 8 }, (_, i) => continuation(1, '', i < 7 ? 0 : END_HEADERS));
    expect(await verdict(join(head, ...parts))).toMatchObject({ answers: { 1: '200 hello' } });
  });

  test('64 KiB are taken, an octet more is not', async () => {
    const size = 64 * 1024;
    for (const [octets, calm] of [[size, false], [size + 1, true]] as const) {
      const filler = block([['x', 'y'.repeat(octets - block(PSEUDO).length - 7)]]);
      const whole = join(block(PSEUDO), filler);
      expect(whole.length).toBe(octets);
      const parts = [0, 1, 2, 3, 4].map((i) => whole.subarray(i * 16_384, (i + 1) * 16_384));
      const connected = await open();
      await connected.send(headers(1, parts[0]!, END_STREAM), ...parts.slice(1).map((part, i) =>
        frame(CONTINUATION, i === 3 ? END_HEADERS : 0, 1, part)));
      expect(outcomeOf(connected).goaway).toBe(calm ? CALM : undefined);
      if (!calm) expect(answersIn(connected.all)[1]!.status).toBe(431);
    }
  });

  test('a block that takes longer than headMs', async () => {
    const connected = await open();
    await connected.send(head);
    connected.transport.tick(14_750);
    expect(connected.transport.ended).toBe(false);
    connected.transport.tick(500);
    await connected.settled();
    expect(reason(connected))
      .toBe('PROTOCOL_ERROR a frame or a field block took longer than headMs');
  });
});

describe('C12 SETTINGS of many', () => {
  test.each([[32, undefined], [33, CALM], [2730, CALM]])('%i: %s', async (count, goaway_) => {
    const connected = await open();
    await connected.send(settings(Array.from({ length: count }, () => [0x99, 1] as const)));
    expect(outcomeOf(connected).goaway).toBe(goaway_);
  });
});

describe('C15, C20 a peer that does not read', () => {
  test('is not answered without bound', async () => {
    const connected = await open(() => new HttpResponse(200, {}, 'x'.repeat(10_485_760)),
      { window: 2000 }, [[4, 0x7fff_ffff]]);
    const { transport } = connected;
    transport.send(windowUpdate(0, 0x7fff_0000));
    for (let id = 1; id < 200; id += 2) transport.send(get(id));
    for (let i = 0; i < 900; i++) transport.send(ping());
    for (let turn = 0; turn < 100; turn++) if (transport.pending) transport.turn();
    expect(transport.queuedBytes).toBeLessThan(1024 * 1024);
  });
});

describe('C24 DATA of streams that are gone', () => {
  test('is credited to the connection (see also rfc9113-flow)', async () => {
    const connected = await open(silent, { limits: { http2ConnectionWindowBytes: 65_535 } });
    await connected.send(post(1), reset(1));
    for (let i = 0; i < 60; i++) await connected.send(data(1, 'x'.repeat(16_384)));
    expect(outcomeOf(connected).goaway).toBe(undefined);
  });
});

describe('C25 windows of no octet', () => {
  test('each stream is reset after writeStallMs, though PING goes on', async () => {
    const connected = await open(() => new HttpResponse(200, {}, 'x'), {}, [[4, 0]]);
    const ids = Array.from({ length: 100 }, (_, i) => 2 * i + 1);
    await connected.send(...ids.map((id) => get(id)));
    for (let s = 0; s < 31; s++) {
      connected.transport.tick(1000);
      await connected.send(ping());
    }
    const resets = Object.values(outcomeOf(connected).resets);
    expect([resets.length, new Set(resets)]).toEqual([100, new Set(['CANCEL'])]);
    expect(connected.completed).toHaveLength(100);
  });
});

describe('C26, C27 HPACK bombs', () => {
  /** A request after which each octet of `index` brings a field of 938 octets. */
  async function seeded(): Promise<{ connected: Connected; bomb: (fields: number) => Uint8Array }> {
    const connected = await open();
    const encoder = new HpackEncoder();
    const seed: FieldPairs = [['x-seed', 'y'.repeat(900)]];
    await connected.send(headers(1, encoded(encoder, [...fieldsOf('GET'), ...seed])));
    const index = encoded(encoder, seed);
    expect(index).toHaveLength(1);
    const bomb = (fields: number): Uint8Array =>
      join(encoded(encoder, fieldsOf('GET')), new Uint8Array(fields).fill(index[0]!));
    return { connected, bomb };
  }

  test('references over the bound of a list are 431, and cost no fields', async () => {
    const { connected, bomb } = await seeded();
    await connected.send(headers(3, bomb(100)), get(5));
    expect(answersIn(connected.all)[3]!.status).toBe(431);
    expect(answersIn(connected.all)[5]!.status).toBe(200);
    expect(connected.seen).toHaveLength(2);
  });

  test('references over four times the bound end the connection', async () => {
    const { connected, bomb } = await seeded();
    await connected.send(headers(3, bomb(16_000)), get(5));
    expect(reason(connected))
      .toMatch(/^ENHANCE_YOUR_CALM a field section over 4 times its bound of 24576 octets/);
    expect(connected.seen).toHaveLength(1);
  });

  test.each([[99, 200], [100, 200], [101, 431]])('%i crumbs of a cookie: %i', async (n, status) => {
    const connected = await open();
    await connected.send(get(1, '/', Array.from({ length: n }, () => ['cookie', 'a'] as const)));
    expect(answersIn(connected.all)[1]!.status).toBe(status);
  });

  test('431 to HEAD has no content', async () => {
    const connected = await open();
    const many = Array.from({ length: 200 }, () => ['x', 'y'] as const);
    await connected.send(headers(1, fieldsOf('HEAD', '/', many)));
    expect(outcomeOf(connected).answers).toEqual({ 1: '431' });
  });
});

describe('C42 streams that race a shutdown', () => {
  test('nothing is processed twice, nothing is lost', async () => {
    const connected = await open();
    connected.transport.shutdown();
    const ids = Array.from({ length: 50 }, (_, i) => 2 * i + 1);
    await connected.send(...ids.map((id) => get(id)));
    await connected.send(pong(connected), get(101), get(103));
    const last = connected.all.filter(({ type }) => type === GOAWAY).at(-1)!;
    expect(numberIn(last)).toBe(99);
    expect(connected.seen).toHaveLength(50);
    expect(Object.keys(outcomeOf(connected).answers)).toHaveLength(50);
    expect(connected.transport.ended).toBe(true);
  });
});

describe('C43 the end of the identifiers, and requestsPerConnection', () => {
  test.each([[0x7fff_ffff - 0x1_0002, false], [0x7fff_ffff - 0x1_0000, true]])(
    'stream %i: GOAWAY %s', async (id, gone) => {
      const connected = await open();
      const frames = await connected.send(get(id));
      expect(frames.some(({ type }) => type === GOAWAY)).toBe(gone);
    });

  test('after so many requests the peer is sent to another connection', async () => {
    const connected = await open(undefined, { limits: { requestsPerConnection: 2 } });
    await connected.send(get(1));
    expect(connected.all.some(({ type }) => type === GOAWAY)).toBe(false);
    await connected.send(get(3));
    await connected.send(pong(connected));
    expect(outcomeOf(connected)).toMatchObject({ answers: { 3: '200 hello' }, ended: true });
  });
});

describe('C49 all paths of error can be taken twice', () => {
  test('an error, then octets, FIN, a reset, ticks, settlements', async () => {
    let settle!: (response: HttpResponse) => void;
    const connected = await open(() => new Promise((resolve) => { settle = resolve; }));
    const { transport } = connected;
    await connected.send(post(1), headers(3, Uint8Array.of(0x80)), data(1, 'x'));
    transport.sendEof();
    transport.tick(1000);
    transport.disconnect(new Error('ECONNRESET'));
    settle(new HttpResponse(200, {}, 'late'));
    await connected.settled();
    expect(transport.failures.map((error) => error.name)).toEqual(['ConnectionError']);
    expect([transport.charged, connected.completed.length]).toEqual([0, 1]);
  });
});

describe('C50 one answer of many octets', () => {
  test('does not keep 99 small ones waiting', async () => {
    const handler = ({ path }: { path: string }): HttpResponse =>
      new HttpResponse(200, {}, 'x'.repeat(path === '/large' ? 50_000_000 : 1000));
    const connected = await open(handler, {}, [[4, 0x7fff_ffff]]);
    const small = Array.from({ length: 99 }, (_, i) => get(2 * i + 3, '/'));
    await connected.send(windowUpdate(0, 1_000_000), get(1, '/large'), ...small);
    const answers = answersIn(connected.all);
    expect(Object.values(answers).filter(({ whole }) => whole)).toHaveLength(99);
  });

  test('one upload that nobody reads does not stop another', async () => {
    const connected = await open((request) =>
      (request.path === '/idle' ? silent(request) : echo(request)));
    await connected.send(headers(1, fieldsOf('POST', '/idle'), END_HEADERS));
    await connected.send(...Array.from({ length: 15 }, () => data(1, 'x'.repeat(16_384))));
    for (let id = 3; id < 43; id += 2) {
      const parts = Array.from({ length: 10 }, () => data(id, 'y'.repeat(16_384)));
      await connected.send(post(id), ...parts, data(id, '', END_STREAM));
    }
    const whole = Object.values(answersIn(connected.all)).filter(({ status }) => status === 200);
    expect(whole).toHaveLength(20);
    expect(connected.all.filter(({ type }) => type === RST_STREAM)).toEqual([]);
  });
});
