/** What the simulation of HTTP/2 has found, and the reading for it: each in its smallest form. */
import { describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import type { BodySource } from '../../src/http/body.ts';
import {
  END_HEADERS, END_STREAM, PREFACE, RST_STREAM, WINDOW_UPDATE,
} from '../../src/http2/frame.ts';
import type { Protocol, Transport } from '../../src/protocol.ts';
import {
  answersIn, connect, data, echo, fieldsOf, get, headers, numberIn, open, post, reset, settings,
  settingsAck, silent, type Frame,
} from '../support/http2.ts';

const CONNECT = headers(1, fieldsOf('CONNECT', '/', [[':protocol', 'x']]), END_HEADERS);
const tunnels = { connectProtocols: ['x'] };

/** A protocol of which only some entries matter. */
function protocol(entries: Partial<Protocol>): Protocol {
  const nothing = (): void => {};
  return {
    idle: true, receive: nothing, proceed: nothing, drained: nothing, eof: nothing, flush: nothing,
    tick: nothing, shutdown: nothing, failed: nothing, closed: nothing, ...entries,
  };
}

function switching(make: (transport: Transport) => Partial<Protocol>): () => HttpResponse {
  return () => HttpResponse.switching((transport: Transport) => protocol(make(transport)));
}

/** A tunnel that stands still from the start. */
const paused = switching((transport) => {
  transport.pause();
  return {};
});

/** Credit that was given on a stream. */
function credit(frames: readonly Frame[], streamId: number): number {
  return frames
    .filter(({ type, streamId: id }) => type === WINDOW_UPDATE && id === streamId)
    .reduce((sum, frame) => sum + numberIn(frame), 0);
}

describe('what a paused tunnel has not taken (RFC 9113 §6.9, RFC 8441 §5)', () => {
  test('is on the ledger of its connection', async () => {
    const { transport, send } = await opened(paused, tunnels);
    await send(CONNECT);
    await send(data(1, 'x'.repeat(1000)));
    expect(transport.charged).toBe(1000);
  });

  test('counts against ledgerBytes', async () => {
    const { send } = await opened(paused, { ...tunnels, limits: { ledgerBytes: 500 } });
    await send(CONNECT);
    const frames = await send(data(1, 'x'.repeat(1000)));
    expect(frames.map(({ type }) => type)).toContain(RST_STREAM);
  });

  test('is given back to the window of the connection when its stream is reset', async () => {
    const limits = { http2ConnectionWindowBytes: 65_535 };
    const { send, all } = await opened(paused, { ...tunnels, limits });
    await send(CONNECT);
    for (let at = 0; at < 4; at++) await send(data(1, 'x'.repeat(10_000)));
    await send(reset(1));
    // Over half of the window: worth a frame.
    expect(credit(all, 0)).toBe(40_000);
  });
});

describe('a tunnel keeps the laws of protocol.ts', () => {
  test('what is deferred comes in a later turn (Transport.defer)', async () => {
    const entries: string[] = [];
    const deferring = switching((transport) => ({
      receive: () => {
        entries.push('receive');
        transport.defer();
      },
      proceed: () => void entries.push('proceed'),
    }));
    const { transport, send } = await opened(deferring, tunnels);
    await send(CONNECT);
    transport.send(data(1, 'x'));
    expect(entries).toEqual(['receive']);
    transport.turn();
    expect(entries).toEqual(['receive', 'proceed']);
  });
});

describe('content that is not what it was said to be (RFC 9113 §8.1.1)', () => {
  test.each([
    ['shorter', data(1, 'abc', END_STREAM)],
    ['longer', data(1, 'abcdef')],
  ])('%s than content-length: an offence of the peer, not a failure of the program', async (
    _, content,
  ) => {
    const { send, errors } = await opened(echo);
    await send(post(1, [['content-length', '5']]));
    await send(content);
    expect(errors).toEqual([]);
  });
});

describe('a connection that breaks', () => {
  test('is not a failure of the program whose handler was reading', async () => {
    const { transport, send, errors } = await opened(echo);
    await send(post(1));
    transport.disconnect(new Error('read ECONNRESET'));
    await transport.settle();
    expect(errors).toEqual([]);
  });
});

describe('trailers after content of no octets (RFC 9113 §8.1)', () => {
  test.each([['of a length of 0', '0'], ['of no length', undefined]])('%s', async (_, length) => {
    const told = async ({ body }: HttpRequest): Promise<HttpResponse> => {
      await body.bytes();
      return new HttpResponse(200, {}, body.trailers().get('x-sum') ?? 'none');
    };
    const { send, all } = await opened(told);
    await send(post(1, length === undefined ? [] : [['content-length', length]]));
    await send(headers(1, [['x-sum', '7']]));
    expect(answersIn(all)[1]?.body).toBe('7');
  });
});

describe('a peer that ends its side (HttpRequest.signal)', () => {
  test('fires the signals of what it asked and has not got', async () => {
    let signal: AbortSignal | undefined;
    const { transport, send } = await opened((request) => {
      signal = request.signal;
      return silent(request);
    });
    await send(get(1));
    transport.sendEof();
    await transport.settle();
    expect(signal?.aborted).toBe(true);
  });
});

describe('a stall is content that waits for a window (writeStallMs)', () => {
  const limits = { writeStallMs: 1000, idleMs: 100_000 };
  /** Gives `pieces`, then nothing for as long as the test goes on. */
  const slow = (...pieces: string[]): BodySource => ({
    length: undefined,
    pull: () => {
      const piece = pieces.shift();
      return piece === undefined ? new Promise(() => {}) : new TextEncoder().encode(piece);
    },
    cancel: () => {},
  });

  test.each([
    ['a source that has nothing now', ['ab'], 0],
    ['a source that has more', ['ab', 'c'], 1],
  ])('%s', async (_, pieces, resets) => {
    const handler = (): HttpResponse => new HttpResponse(200, {}, slow(...pieces));
    const { transport, send, all, take } = await opened(handler, { limits });
    await send(settings([[4, 2]]), get(1));
    transport.tick(2000);
    take();
    expect(all.filter(({ type }) => type === RST_STREAM).length).toBe(resets);
  });

  test('a tunnel that has sent what it had, to its window, may be silent', async () => {
    const greeting = switching((transport) => {
      transport.write('ab');
      return {};
    });
    const { transport, send, all, take } = await opened(greeting, { ...tunnels, limits });
    await send(settings([[4, 2]]), CONNECT);
    transport.tick(2000);
    take();
    expect(all.filter(({ type }) => type === RST_STREAM)).toEqual([]);
  });
});

describe('a window under the default, from its acknowledgement on (RFC 9113 §6.9.2)', () => {
  const limits = { http2StreamWindowBytes: 50 };
  /** Content that came before the client knew of the window, then its acknowledgement. */
  const early = [PREFACE, settings(), post(1), data(1, 'x'.repeat(200)), settingsAck];

  test('an end without octets is no matter of windows (§6.9)', async () => {
    const connected = connect(echo, { limits });
    await connected.send(...early, data(1, '', END_STREAM));
    expect(answersIn(connected.all)[1]?.body).toBe('x'.repeat(200));
  });

  test('what was read before is given back, or the client could never go on', async () => {
    const connected = connect(echo, { limits });
    await connected.send(...early);
    expect(50 - 200 + credit(connected.all, 1)).toBeGreaterThan(0);
  });
});

describe('a goodbye waits for its PING as long as output stands (RFC 9113 §6.8)', () => {
  test('a slow reader is not destroyed for an answer that was not looked at', async () => {
    const limits = { http2PingMs: 1000, writeStallMs: 30_000, writeQueueBytes: 1000 };
    const handler = (): HttpResponse => new HttpResponse(200, {}, 'x'.repeat(50_000));
    const { transport } = await opened(handler, { limits, window: 200 });
    transport.send(get(1));
    transport.shutdown();
    // It reads on all the time, and has not come to the PING when that is due.
    for (let ticks = 0; ticks < 8; ticks++) {
      transport.release(1000);
      transport.tick(250);
    }
    expect(transport.cause).toBeUndefined();
    expect(transport.closed).toBe(false);
  });
});

describe('a body that is given twice', () => {
  test('the second answer fails, and the first is not touched', async () => {
    const pulls: (() => void)[] = [];
    let cancelled = 0;
    const shared = new HttpResponse(200, {}, {
      length: undefined,
      pull: () => new Promise<null>((resolve) => pulls.push(() => resolve(null))),
      cancel: () => void cancelled++,
    });
    const { send, all, transport } = await opened(() => shared);
    await send(get(1), get(3));
    expect(answersIn(all)[3]?.status).toBe(500);
    expect(cancelled).toBe(0);
    pulls.forEach((pull) => pull());
    await transport.settle();
  });
});

type Opened = Awaited<ReturnType<typeof open>>;

/** An open connection whose methods can be taken apart. */
async function opened(
  handler: Parameters<typeof open>[0], options: Parameters<typeof open>[1] = {},
): Promise<Pick<Opened, 'transport' | 'send' | 'take' | 'all' | 'errors'>> {
  const connected = await open(handler, options);
  const { transport, all, errors } = connected;
  return {
    transport, all, errors,
    send: (...frames) => connected.send(...frames),
    take: () => connected.take(),
  };
}
