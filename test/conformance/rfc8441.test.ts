/** RFC 8441: another protocol on one stream, by extended CONNECT; and CONNECT (RFC 9113 §8.5). */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { Protocol, Transport } from '../../src/protocol.ts';
import { END_HEADERS, END_STREAM, SETTINGS, WINDOW_UPDATE } from '../../src/http2/frame.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import {
  answersIn, data, frame, get, headers, join, open, outcomeOf, priority, reset, verdict,
  windowUpdate,
  type Connected, type FieldPairs,
} from '../support/http2.ts';

const connectProtocols = ['frob'];
const EXTENDED: FieldPairs = [
  [':method', 'CONNECT'], [':protocol', 'frob'], [':scheme', 'http'], [':authority', 'a'],
  [':path', '/chat'],
];
const begin = headers(1, EXTENDED, END_HEADERS);
const without = (name: string): FieldPairs => EXTENDED.filter(([each]) => each !== name);

/** A protocol of a few methods; the others do nothing. */
function protocol(methods: Partial<Protocol>): Protocol {
  const nothing = (): void => {};
  return {
    idle: true, receive: nothing, proceed: nothing, drained: nothing, eof: nothing, flush: nothing,
    tick: nothing, shutdown: nothing, failed: nothing, closed: nothing, ...methods,
  };
}

/** A connection with a tunnel on stream 1. */
async function tunnel(make: (transport: Transport) => Protocol): Promise<Connected> {
  const connected = await open(({ method }) => (method === 'CONNECT'
    ? HttpResponse.switching(make)
    : new HttpResponse(200, {}, 'beside')), { connectProtocols });
  await connected.send(begin);
  return connected;
}

/** The others on the connection are as well as ever. */
async function isWell(connected: Connected): Promise<void> {
  await connected.send(get(99));
  expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, ended: false });
  expect(outcomeOf(connected).answers[99]).toBe('200 beside');
}

describe('§3 SETTINGS_ENABLE_CONNECT_PROTOCOL', () => {
  const ENABLE = Buffer.from([0, 8, 0, 0, 0, 1]);
  test.each([[undefined, false], [[], false], [connectProtocols, true]] as const)(
    'with connectProtocols %j: %s', async (protocols, offered) => {
      const connected = await open(undefined,
        protocols === undefined ? {} : { connectProtocols: protocols });
      expect(connected.all[0]!.type).toBe(SETTINGS);
      expect(Buffer.from(connected.all[0]!.payload).includes(ENABLE)).toBe(offered);
    });
});

describe('§4 The Extended CONNECT Method', () => {
  test.each<[string, FieldPairs]>([
    ['no :path', without(':path')], ['no :scheme', without(':scheme')],
    ['no :authority', without(':authority')],
    ['another method', [[':method', 'GET'], ...without(':method')]],
    [':protocol twice', [...EXTENDED, [':protocol', 'frob']]],
    [':path is empty', [...without(':path'), [':path', '']]],
    ['Connection (§5)', [...EXTENDED, ['connection', 'upgrade']]],
    ['Upgrade (§5)', [...EXTENDED, ['upgrade', 'websocket']]],
  ])('malformed: %s', async (_, fields) => {
    expect(await verdict(join(headers(1, fields), get(3)), undefined, { connectProtocols }))
      .toMatchObject({ resets: { 1: 'PROTOCOL_ERROR' }, answers: { 3: '200 hello' } });
  });

  test('malformed where it was not offered', async () => {
    expect(await verdict(begin)).toMatchObject({ resets: { 1: 'PROTOCOL_ERROR' }, seen: [] });
  });

  test('a protocol that is not spoken is 501', async () => {
    const connected = await open(undefined, { connectProtocols });
    await connected.send(headers(1, [...without(':protocol').slice(0, 1), [':protocol', 'x'],
      ...without(':protocol').slice(1)]));
    expect(answersIn(connected.all)[1]!.status).toBe(501);
    expect(connected.seen).toEqual([]);
  });

  test('the handler sees what is asked for', async () => {
    const asked: unknown[] = [];
    const handler: Handler = (request) => {
      asked.push(request.method, request.protocol, request.path, request.authority);
      return HttpResponse.switching(nextProtocol().factory, { 'x-y': 'z' });
    };
    const connected = await open(handler, { connectProtocols });
    await connected.send(begin);
    expect(asked).toEqual(['CONNECT', 'frob', '/chat', 'a']);
    expect(answersIn(connected.all)[1]).toMatchObject({ status: 200, fields: [[':status', '200'],
      ['x-y', 'z']], whole: false });
  });

  test('a refusal is an answer like another', async () => {
    const connected = await open(() => new HttpResponse(403), { connectProtocols });
    await connected.send(begin);
    expect(outcomeOf(connected).answers).toEqual({ 1: '403' });
  });
});

describe('§5 a tunnel: octets', () => {
  test('both ways, at every split, and eof', async () => {
    const octets = join(begin, data(1, 'one'), data(1, 'two'), data(1, 'three', END_STREAM));
    const received: string[] = [];
    const handler: Handler = () => HttpResponse.switching((transport: Transport) => {
      let text = '';
      transport.write('hi ');
      return protocol({
        receive: (bytes) => {
          text += Buffer.from(bytes).toString();
          transport.write(bytes.slice());
        },
        eof: () => {
          received.push(text);
          transport.end();
        },
      });
    });
    expect(await verdict(octets, handler, { connectProtocols }))
      .toMatchObject({ goaway: undefined, resets: {}, answers: { 1: '200 hi onetwothree' } });
    expect(new Set(received)).toEqual(new Set(['onetwothree']));
  });

  test.each([['at once', 0], ['later', 5]])(
    'what came before the switch comes first, answered %s', async (_, rounds) => {
      const next = nextProtocol('', true);
      const connected = await open(async () => {
        for (let i = 0; i < rounds; i++) await Promise.resolve();
        return HttpResponse.switching(next.factory);
      }, { connectProtocols });
      await connected.send(begin, data(1, 'early '), data(1, 'bird', END_STREAM));
      expect([next.received, next.calls.filter((call) => call !== 'flush')])
        .toEqual(['early bird', ['eof']]);
      expect(connected.transport.charged).toBe(0);
      expect(outcomeOf(connected).answers[1]).toBe('200 cut early bird');
    });

  test('CONNECT makes one too', async () => {
    const next = nextProtocol('', true);
    const connected = await open(() => HttpResponse.switching(next.factory));
    await connected.send(headers(1, [[':method', 'CONNECT'], [':authority', 'a:1']], END_HEADERS));
    await connected.send(data(1, 'x'));
    expect([next.received, outcomeOf(connected).answers[1]]).toEqual(['x', '200 cut x']);
  });

  test('what is kept stays as it was', async () => {
    const kept: Uint8Array[] = [];
    const connected = await tunnel((transport) => protocol({
      receive: (bytes) => void kept.push(transport.keep(bytes, 0, bytes.length)),
    }));
    await connected.send(data(1, 'x'.repeat(5000)));
    expect(Buffer.from(kept[0]!).toString()).toBe('x'.repeat(5000));
  });

  test('its octets go by the windows; write says false over writeQueueBytes, drained comes once',
    async () => {
      let outcome: boolean | undefined;
      let drained = 0;
      const connected = await tunnel((transport) => protocol({
        receive: () => { outcome = transport.write(new Uint8Array(300_000)); },
        drained: () => { drained++; },
      }));
      await connected.send(data(1, 'go'));
      expect([outcome, drained]).toEqual([false, 0]);
      await connected.send(windowUpdate(0, 1e6), windowUpdate(1, 1e6));
      expect([drained, answersIn(connected.all)[1]!.body.length]).toEqual([1, 300_000]);
    });

  test('a write outside of an entry leaves as well', async () => {
    let transport!: Transport;
    const connected = await tunnel((given) => {
      transport = given;
      return protocol({});
    });
    transport.write('later');
    await connected.settled();
    expect(outcomeOf(connected).answers[1]).toBe('200 cut later');
  });
});

describe('§5 a tunnel: pause, end, reset', () => {
  test('a pause gives no credit and holds what comes, eof too', async () => {
    let transport!: Transport;
    const calls: string[] = [];
    const connected = await tunnel((given) => {
      transport = given;
      given.pause();
      return protocol({
        receive: (bytes) => void calls.push(Buffer.from(bytes).toString()),
        eof: () => void calls.push('eof'),
      });
    });
    const large = 'x'.repeat(16_000);
    await connected.send(...Array.from({ length: 12 }, () => data(1, large)));
    await connected.send(data(1, 'y', END_STREAM));
    expect(calls).toEqual([]);
    const given = (): number => connected.all.filter(({ type, streamId }) =>
      type === WINDOW_UPDATE && streamId === 1).length;
    expect(given()).toBe(0);
    transport.resume();
    await connected.settled();
    expect(calls.join('')).toBe(`${large.repeat(12)}yeof`);
  });

  test.each([
    ['trailers', headers(1, [['x', 'y']])],
    ['HEADERS without END_STREAM', headers(1, [['x', 'y']], END_HEADERS)],
    ['another request', headers(1, EXTENDED, END_HEADERS)],
  ])('%s on a connected stream is a stream error (RFC 9113 §8.5)', async (_, octets) => {
    const next = nextProtocol();
    const connected = await tunnel(next.factory);
    await connected.send(octets);
    expect(outcomeOf(connected).resets).toEqual({ 1: 'PROTOCOL_ERROR' });
    expect(next.calls).toEqual(['closed']);
    await isWell(connected);
  });

  test.each([
    ['PRIORITY', priority(1, 3)], ['WINDOW_UPDATE', windowUpdate(1, 1)],
    ['an unknown frame', frame(0x42, 0, 1, 'x')],
  ])('%s on a connected stream is taken (RFC 9113 §8.5)', async (_, octets) => {
    const next = nextProtocol();
    const connected = await tunnel(next.factory);
    await connected.send(octets, data(1, 'x'));
    expect([next.received, outcomeOf(connected).resets]).toEqual(['x', {}]);
    await isWell(connected);
  });

  test('the end of one side leaves the other open', async () => {
    const next = nextProtocol();
    const connected = await tunnel(next.factory);
    await connected.send(data(1, '', END_STREAM));
    expect(next.calls).toContain('eof');
    expect(answersIn(connected.all)[1]!.whole).toBe(false);
    await isWell(connected);
  });

  test('end() is END_STREAM; both ends close it', async () => {
    const calls: unknown[] = [];
    const connected = await tunnel((transport) => protocol({
      eof: () => {
        transport.write('bye');
        transport.end();
      },
      closed: (cause) => void calls.push(cause),
    }));
    await connected.send(data(1, '', END_STREAM));
    expect(outcomeOf(connected)).toMatchObject({ answers: { 1: '200 bye' }, resets: {} });
    expect(calls).toEqual([undefined]);
    await isWell(connected);
  });

  test.each([
    ['the peer resets it', reset(1), 'the peer reset the stream: CANCEL'],
    ['the peer is malformed', windowUpdate(1, 0), 'WINDOW_UPDATE of 0 (RFC 9113 §6.9)'],
  ])('%s: closed, with the cause, and charges given back', async (_, octets, cause) => {
    const causes: unknown[] = [];
    const connected = await tunnel((transport) => protocol({
      receive: (bytes) => void transport.charge(bytes.length),
      closed: (error) => void causes.push(error?.message),
    }));
    await connected.send(data(1, 'abc'));
    expect(connected.transport.charged).toBe(3);
    await connected.send(octets);
    expect([causes, connected.transport.charged]).toEqual([[cause], 0]);
    await isWell(connected);
  });

  test('the connection goes: closed', async () => {
    const next = nextProtocol();
    const connected = await tunnel(next.factory);
    connected.transport.disconnect();
    expect(next.calls.at(-1)).toBe('closed');
  });

  test.each<[string, ((transport: Transport) => void), string]>([
    ['destroy()', (transport) => transport.destroy(), 'CANCEL'],
    ['destroy(cause)', (transport) => transport.destroy(new Error('x')), 'CANCEL'],
    ['a throw, and failed throws', () => { throw new Error('x'); }, 'INTERNAL_ERROR'],
  ])('%s resets this stream alone, and never within an entry', async (_, act, code) => {
    let inside = false;
    const calls: string[] = [];
    const connected = await tunnel((transport) => protocol({
      receive: () => {
        inside = true;
        try {
          act(transport);
        } finally {
          inside = false;
        }
      },
      failed: (error) => { throw error; },
      closed: () => void calls.push(inside ? 'inside' : 'outside'),
    }));
    await connected.send(data(1, 'x'));
    expect(outcomeOf(connected).resets).toEqual({ 1: code });
    expect(calls).toEqual(['outside']);
    await isWell(connected);
  });

  test('a throw is told to failed, which may say goodbye', async () => {
    const connected = await tunnel((transport) => protocol({
      receive: () => { throw new Error('x'); },
      failed: () => {
        transport.write('sorry');
        transport.end();
      },
    }));
    await connected.send(data(1, 'x'));
    expect(outcomeOf(connected)).toMatchObject({ answers: { 1: '200 sorry' }, resets: {} });
    await isWell(connected);
  });

  test('a protocol that cannot begin is 500', async () => {
    const connected = await tunnel(() => { throw new Error('x'); });
    expect(answersIn(connected.all)[1]!.status).toBe(500);
    await isWell(connected);
  });

  test('one that is destroyed as it begins is reset, and told so', async () => {
    let closed = 0;
    const connected = await tunnel((transport) => {
      transport.destroy();
      return protocol({ closed: () => { closed++; } });
    });
    expect([outcomeOf(connected).resets, closed]).toEqual([{ 1: 'CANCEL' }, 1]);
    await isWell(connected);
  });

  test('tick, shutdown, defer and gather reach it', async () => {
    const next = nextProtocol();
    const connected = await tunnel((transport) => {
      const inner = next.factory(transport);
      transport.defer();
      transport.gather();
      return inner;
    });
    await connected.settled();
    connected.transport.shutdown();
    expect([...next.calls].sort()).toEqual(['flush', 'proceed', 'shutdown']);
  });

  test('a tunnel without a window is still ticked', async () => {
    let ticks = 0;
    const connected = await tunnel((transport) => protocol({
      receive: () => void transport.write(new Uint8Array(70_000)),
      tick: () => { ticks++; },
    }));
    await connected.send(data(1, 'x'));
    connected.transport.tick(1000);
    expect(ticks).toBe(4);
  });
});
