/** RFC 9113 §5: states of streams, identifiers, concurrency, dependencies, errors, extensions. */
import { describe, expect, test } from 'vitest';
import { END_HEADERS, END_STREAM, RST_STREAM, SETTINGS } from '../../src/http2/frame.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  PSEUDO, block, continuation, data, echo, fieldsOf, frame, get, headers, join, numberIn, open,
  outcomeOf, ping, pong, post, priority, priorityUpdate, reset, settings, silent, textOf, verdict,
  windowUpdate,
} from '../support/http2.ts';

const TRAILERS = headers(1, [['x', 'y']]);

describe('§5.1 Stream States: idle', () => {
  test.each([
    ['DATA', data(1, 'x')], ['RST_STREAM', reset(1)], ['WINDOW_UPDATE', windowUpdate(1, 1)],
    ['DATA on a stream of ours', data(2, 'x')], ['HEADERS on a stream of ours', get(2)],
    ['RST_STREAM on a stream of ours', reset(2)],
  ])('%s is PROTOCOL_ERROR', async (_, octets) => {
    expect(await verdict(octets)).toMatchObject({ goaway: 'PROTOCOL_ERROR', ended: true });
  });

  test('PRIORITY and PRIORITY_UPDATE are not', async () => {
    expect(await verdict(join(priority(9, 3), priorityUpdate(9, 'u=1'), get(1))))
      .toMatchObject({ goaway: undefined, answers: { 1: '200 hello' } });
  });

  test('CONTINUATION is PROTOCOL_ERROR', async () => {
    expect(await verdict(continuation(1, block(PSEUDO))))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });
});

describe('§5.1 Stream States: reserved (local)', () => {
  const begin = async (): ReturnType<typeof open> => {
    const connected = await open((request) => {
      if (request.target === '/') request.push('/pushed');
      return silent(request);
    });
    await connected.send(get(1));
    return connected;
  };

  test.each([['DATA', data(2, 'x')], ['HEADERS', headers(2, [['x', 'y']])]])(
    '%s is PROTOCOL_ERROR', async (_, octets) => {
      const connected = await begin();
      await connected.send(octets);
      expect(outcomeOf(connected)).toMatchObject({ goaway: 'PROTOCOL_ERROR' });
    });

  test.each([
    ['RST_STREAM', reset(2)], ['PRIORITY', priority(2, 1)], ['WINDOW_UPDATE', windowUpdate(2, 1)],
    ['PRIORITY_UPDATE', priorityUpdate(2, 'u=0')],
  ])('%s is taken', async (_, octets) => {
    const connected = await begin();
    await connected.send(octets);
    expect(outcomeOf(connected)).toMatchObject({ goaway: undefined, resets: {} });
  });
});

describe('§5.1 Stream States: half-closed (remote)', () => {
  test.each([['DATA', data(1, 'x')], ['HEADERS', TRAILERS]])(
    '%s resets with STREAM_CLOSED', async (_, octets) => {
      expect(await verdict(join(get(1), octets, ping()), silent))
        .toMatchObject({ goaway: undefined, resets: { 1: 'STREAM_CLOSED' }, pings: 1 });
    });

  test.each([
    ['WINDOW_UPDATE', windowUpdate(1, 1)], ['PRIORITY', priority(1, 3)], ['RST_STREAM', reset(1)],
  ])('%s is taken', async (_, octets) => {
    expect(await verdict(join(get(1), octets, ping()), silent))
      .toMatchObject({ goaway: undefined, resets: {}, pings: 1 });
  });
});

describe('§5.1 Stream States: closed, as both sides ended it', () => {
  test('DATA resets with STREAM_CLOSED', async () => {
    const connected = await open();
    await connected.send(get(1));
    await connected.send(data(1, 'x'));
    expect(outcomeOf(connected))
      .toMatchObject({ goaway: undefined, resets: { 1: 'STREAM_CLOSED' } });
  });

  test('HEADERS end the connection with STREAM_CLOSED', async () => {
    const connected = await open();
    await connected.send(get(1));
    await connected.send(get(1));
    expect(outcomeOf(connected)).toMatchObject({ goaway: 'STREAM_CLOSED', ended: true });
  });

  test.each([
    ['WINDOW_UPDATE', windowUpdate(1, 1)], ['RST_STREAM', reset(1)], ['PRIORITY', priority(1, 3)],
    ['PRIORITY_UPDATE', priorityUpdate(1, 'u=1')],
  ])('%s is ignored', async (_, octets) => {
    const connected = await open();
    await connected.send(get(1));
    expect(await connected.send(octets)).toEqual([]);
  });
});

describe('§5.1 Stream States: closed, as the peer reset it', () => {
  test.each([['DATA', data(1, 'x')], ['HEADERS', TRAILERS]])(
    '%s resets with STREAM_CLOSED', async (_, octets) => {
      expect(await verdict(join(post(1), reset(1), octets, ping()), silent))
        .toMatchObject({ goaway: undefined, resets: { 1: 'STREAM_CLOSED' }, pings: 1 });
    });
});

describe('§5.1 Stream States: closed, as we reset it', () => {
  const offence = windowUpdate(1, 0);
  test.each([
    ['DATA', data(1, 'x'.repeat(99))], ['HEADERS', TRAILERS], ['WINDOW_UPDATE', windowUpdate(1, 1)],
    ['RST_STREAM', reset(1)],
  ])('%s that was on its way is ignored', async (_, octets) => {
    expect(await verdict(join(post(1), offence, octets, get(3)), silent)).toMatchObject({
      goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, seen: ['POST /', 'GET /'],
    });
  });
});

describe('§5.1.1 Stream Identifiers', () => {
  test('one that went back is PROTOCOL_ERROR', async () => {
    expect(await verdict(join(get(5), get(3)), silent))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR', seen: ['GET /'] });
  });

  test('one that was skipped is no longer idle: DATA is PROTOCOL_ERROR', async () => {
    expect(await verdict(join(get(5), data(3, 'x')), silent))
      .toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });

  test('the last 300 streams are remembered, older ones are not', async () => {
    const connected = await open(undefined, {});
    for (let id = 1; id <= 601; id += 2) await connected.send(get(id));
    await connected.send(data(3, 'x'));
    expect(outcomeOf(connected))
      .toMatchObject({ goaway: undefined, resets: { 3: 'STREAM_CLOSED' } });
    await connected.send(data(1, 'x'));
    expect(outcomeOf(connected)).toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });

  test('the last of all is answered, and the peer sent elsewhere before', async () => {
    const connected = await open();
    const frames = await connected.send(get(0x7fff_ffff));
    expect(frames.some(({ type }) => type === 7)).toBe(true);
    await connected.send(pong(connected));
    expect(outcomeOf(connected)).toMatchObject({
      goaway: 'NO_ERROR', answers: { 0x7fff_ffff: '200 hello' }, ended: true,
    });
  });

  test('stream 0 is PROTOCOL_ERROR', async () => {
    expect(await verdict(get(0))).toMatchObject({ goaway: 'PROTOCOL_ERROR' });
  });
});

describe('§5.1.2 Stream Concurrency', () => {
  test('the bound is told', async () => {
    const connected = await open(silent, { limits: { http2Streams: 7 } });
    const [first] = connected.all;
    expect(first).toMatchObject({ type: SETTINGS });
    expect(Buffer.from(first!.payload).readUIntBE(0, 6)).toBe(3 * 2 ** 32 + 7);
  });

  test('N are taken, N + 1 is REFUSED_STREAM', async () => {
    const outcome = await verdict(join(get(1), get(3), get(5), ping()), silent,
      { limits: { http2Streams: 2 } });
    expect(outcome).toMatchObject({
      goaway: undefined, resets: { 5: 'REFUSED_STREAM' }, seen: ['GET /', 'GET /'], pings: 1,
    });
  });

  test('a place is free again when a stream has ended', async () => {
    const connected = await open(undefined, { limits: { http2Streams: 1 } });
    await connected.send(get(1));
    await connected.send(get(3));
    expect(outcomeOf(connected).answers).toEqual({ 1: '200 hello', 3: '200 hello' });
  });

  test('a stream that was reset keeps its place until its handler has settled', async () => {
    const connected = await open(silent, { limits: { http2Streams: 1 } });
    await connected.send(get(1), reset(1), get(3));
    expect(outcomeOf(connected)).toMatchObject({ resets: { 3: 'REFUSED_STREAM' } });
  });

  test('pushed streams do not count against the peer', async () => {
    const connected = await open((request) => {
      if (request.target !== '/') return new HttpResponse(200, {}, 'waits');
      request.push('/pushed');
      return silent(request);
    }, { limits: { http2Streams: 2 } }, [[4, 0]]);
    await connected.send(get(1));
    await connected.send(headers(3, fieldsOf('GET', '/other')));
    expect(outcomeOf(connected)).toMatchObject({ resets: {} });
    expect(connected.seen).toEqual(['GET /', 'GET /pushed', 'GET /other']);
  });
});

describe('§5.3.1 a stream that depends on itself', () => {
  const dependent = frame(1, END_HEADERS | END_STREAM | 0x20, 1,
    join([0, 0, 0, 1, 15], block(PSEUDO)));
  test('HEADERS: PROTOCOL_ERROR of the stream', async () => {
    expect(await verdict(join(dependent, get(3)))).toMatchObject({
      goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, answers: { 3: '200 hello' },
    });
  });

  test.each([['open', post(1)], ['idle', '']])('PRIORITY, %s', async (_, before) => {
    expect(await verdict(join(before, priority(1, 1), get(3)), silent))
      .toMatchObject({ goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' } });
  });
});

describe('§5.4 Error Handling', () => {
  test('a connection error tells the last stream, the code and a sentence, then FIN', async () => {
    const connected = await open(silent);
    await connected.send(get(1), get(3), data(9));
    const gone = connected.all.at(-1)!;
    expect([numberIn(gone), numberIn(gone, 4)]).toEqual([3, 1]);
    expect(textOf(gone).slice(8)).toBe('DATA on an idle stream (RFC 9113 S5.1, S6.1)');
    expect(connected.transport.ended).toBe(true);
    expect(connected.refused).toHaveLength(1);
  });

  test('a connection error aborts what was running', async () => {
    const aborted: unknown[] = [];
    const connected = await open((request) => {
      request.signal.addEventListener('abort', () => aborted.push(request.target));
      return silent(request);
    });
    await connected.send(get(1), post(3), data(9));
    expect(aborted).toEqual(['/', '/']);
    expect(connected.transport.charged).toBe(0);
  });

  test('a stream error leaves the others alone, and aborts its handler', async () => {
    const connected = await open(echo);
    await connected.send(post(1), post(3), data(3, 'one'), windowUpdate(1, 0));
    await connected.send(data(3, 'two', END_STREAM));
    expect(outcomeOf(connected)).toMatchObject({
      goaway: undefined, resets: { 1: 'PROTOCOL_ERROR' }, answers: { 3: '200 onetwo' },
    });
  });

  test('RST_STREAM is not answered with RST_STREAM', async () => {
    const connected = await open(silent);
    const frames = await connected.send(get(1), reset(1), reset(1));
    expect(frames.filter(({ type }) => type === RST_STREAM)).toEqual([]);
  });
});

describe('§5.5 Extending HTTP/2', () => {
  test('unknown settings, frames and error codes are ignored', async () => {
    const octets = join(settings([[0xff00, 9]]), frame(0xee, 9, 3, 'x'), get(1), reset(1, 0xabcd),
      get(3));
    expect(await verdict(octets, silent))
      .toMatchObject({ goaway: undefined, resets: {}, seen: ['GET /', 'GET /'] });
  });
});

describe('an entry', () => {
  test('takes 256 frames, then others have their turn, and nothing is forgotten', async () => {
    for (const count of [254, 255, 256, 257, 600]) {
      const connected = await open();
      await connected.send(...Array.from({ length: count }, () => ping()));
      await connected.send(get(1));
      expect(outcomeOf(connected)).toMatchObject({ pings: count, answers: { 1: '200 hello' } });
    }
  });

  test('a request of too many octets is refused alone', async () => {
    const connected = await open();
    await connected.send(headers(1, fieldsOf('GET', '/', [['x', 'y'.repeat(16_000)]])), get(3));
    expect(outcomeOf(connected).answers[3]).toBe('200 hello');
  });
});
