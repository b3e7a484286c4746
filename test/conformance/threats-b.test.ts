/**
 * Known ways to wear an HTTP/1.x server out, one row each (B1 to B18): what of them can be seen on
 * one connection in memory. What needs sockets or processes is listed in ELSEWHERE, and the last
 * test sees to it that no row of either part is forgotten.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { escapeControls } from '../../src/bytes/ascii.ts';
import type { Handler } from '../../src/http/exchange.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { deferred, type Deferred } from '../support/deferred.ts';
import { answers, connect, exchange } from '../support/http1.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import { GET, chunked, echo, head, octets, post, statuses } from '../support/vectors.ts';

/** Rows, or the parts of them, that are proved with sockets and clocks of the system. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  B1: 'many at once, and others beside them: test/server/load.test.ts',
  B2: 'a real socket: test/server/server-peers.test.ts',
  B4: 'the write stall: test/server/connection.test.ts',
  B9: 'the oldest idle one goes first: test/server/connection-manager.test.ts',
  B10: 'the cap, and no descriptor left: test/server/server-process.test.ts',
  B12: 'a socket that is reset: test/server/server-peers.test.ts',
  B13: 'no socket lingers on: test/server/connection.test.ts',
  B14: 'one timer for all: test/server/connection-manager.test.ts',
};

const never: Handler = () => new Promise<never>(() => {});
const KIB = 1024;

describe('B1 Slowloris', () => {
  test('a head has 15 s from its first octet, whatever comes meanwhile', () => {
    const { transport, refused } = connect();
    for (const octet of 'GET / HTTP/1.1\r\nHost: a\r\nX: ') {
      transport.send(octet);
      transport.tick(500);
    }
    expect([refused, transport.ended]).toEqual([[], false]);
    transport.send('y');
    transport.tick(1_000);
    expect(refused.map(({ status }) => status)).toEqual([408]);
    expect(transport.ended).toBe(true);
  });
  test('a second head has no more than the first', () => {
    const { transport, refused } = connect();
    transport.send(GET);
    transport.tick(30_000);
    transport.send('G');
    transport.tick(14_750);
    expect(refused).toEqual([]);
    transport.tick(250);
    expect(refused.map(({ status }) => status)).toEqual([408]);
  });
});

describe('B2 connect and say nothing', () => {
  test('after 10 s the connection is closed without a word', () => {
    const { transport, refused } = connect();
    transport.tick(9_750);
    expect(transport.ended).toBe(false);
    transport.tick(250);
    expect([transport.ended, transport.take(), refused]).toEqual([true, '', []]);
  });
});

describe('B3 slow content', () => {
  /** Sends `perSecond` octets of content each second for `seconds`. */
  const dribble = (perSecond: number, seconds: number, handler: Handler) => {
    const connected = connect(handler);
    connected.transport.send(post('Content-Length: 1000000'));
    for (let second = 0; second < seconds; second++) {
      connected.transport.send('a'.repeat(perSecond));
      connected.transport.tick(1_000);
    }
    return connected;
  };
  const reading: Handler = async ({ body }) => {
    for await (const _ of body);
    return new HttpResponse(200);
  };
  test('240 octets a second may go on, 239 end after the grace of 5 s', async () => {
    const steady = dribble(240, 60, reading);
    expect([steady.refused, steady.transport.ended]).toEqual([[], false]);
    expect(dribble(239, 5, reading).refused).toEqual([]);
    const slow = dribble(239, 6, reading);
    expect(slow.refused.map(({ status, detail }) => [status, detail.includes('bodyRate')]))
      .toEqual([[408, true]]);
    expect(slow.transport.ended).toBe(true);
  });
  test('the handler\'s signal fires once, and its reading fails', async () => {
    let fired = 0;
    const failures: unknown[] = [];
    const { transport } = dribble(1, 6, async ({ body, signal }) => {
      signal.addEventListener('abort', () => fired++);
      await body.bytes().catch((error: unknown) => failures.push(error));
      return new HttpResponse(200);
    });
    await transport.settle();
    transport.disconnect();
    expect([fired, failures.length, transport.charged]).toEqual([1, 1, 0]);
    expect(statuses({ answers: answers(transport.take(), [], true) })).toEqual([408]);
  });
  test('a whole request has 300 s, whatever its rate', () => {
    const { refused } = dribble(300, 299, reading);
    expect(refused).toEqual([]);
    expect(dribble(300, 300, reading).refused.map(({ detail }) => detail))
      .toEqual([expect.stringContaining('requestMs')]);
  });
  test('time in which we do not read does not count', async () => {
    const { transport, refused } = connect(never, { limits: { unreadBytes: 10 } });
    transport.send(post('Content-Length: 1000000', 'a'.repeat(10)));
    transport.tick(60_000);
    expect([transport.paused, refused]).toEqual([true, []]);
  });
  test('an upload that may take hours does, where the handler says so', () => {
    const slow = dribble(1, 400, ({ body }) => {
      body.allowSlow();
      return never({} as HttpRequest);
    });
    expect([slow.refused, slow.transport.ended]).toEqual([[], false]);
  });
});

describe('B4 slow read', () => {
  test('a source is not pulled while the peer takes nothing, then goes on', async () => {
    const piece = octets('a'.repeat(64 * KIB));
    const source = new ScriptedSource(Array<Uint8Array>(160).fill(piece));
    const { transport } = connect(() => new HttpResponse(200, {}, source), { window: 1000 });
    transport.send(GET);
    await transport.settle();
    // 256 KiB queued, the piece that crossed the mark, and the octets of framing.
    expect(transport.queuedBytes).toBeLessThan(400 * KIB);
    const { pulls } = source;
    await transport.settle();
    expect(source.pulls).toBe(pulls);
    transport.release(200 * KIB);
    await transport.settle();
    expect(source.pulls).toBeGreaterThan(pulls);
    transport.release();
    await transport.settle();
    const [answer] = answers(transport.take());
    expect([answer?.body.length, answer?.whole, source.ends]).toEqual([160 * 64 * KIB, true, [
      'null',
    ]]);
  });
  test('nor are further requests read: their answers could only pile up', async () => {
    const { transport, seen } = connect(
      () => new HttpResponse(200, {}, octets('a'.repeat(100 * KIB))), { window: 0 },
    );
    transport.send(GET.repeat(20));
    await transport.settle();
    expect(seen.length).toBeLessThanOrEqual(4);
    expect(transport.paused).toBe(true);
    transport.release();
    await transport.settle();
    expect([seen.length, answers(transport.take()).length]).toEqual([20, 20]);
  });
});

describe('B5 pipelining flood', () => {
  test('an entry parses 32 requests, then others have their turn', () => {
    const { transport, seen } = connect();
    transport.send(GET.repeat(100));
    expect(seen).toHaveLength(32);
    transport.turn();
    expect(seen).toHaveLength(64);
  });
  test('no more than 16 run at once, the peer waits, and all are answered in order', async () => {
    const waiting: Deferred<HttpResponse>[] = [];
    const { transport, seen } = connect(() => {
      const later = deferred<HttpResponse>();
      waiting.push(later);
      return later.promise;
    });
    transport.send(GET.repeat(1000));
    let most = 0;
    for (let done = 0; done < 1000; done++) {
      most = Math.max(most, waiting.length - done);
      if (done < 980) expect(transport.paused).toBe(true);
      waiting[done]?.resolve(new HttpResponse(200, {}, String(done)));
      await Promise.resolve().then(() => {}).then(() => {});
      while (transport.pending) transport.turn();
    }
    await transport.settle();
    expect([most, seen.length, transport.paused]).toEqual([16, 1000, false]);
    const bodies = answers(transport.take()).map(({ body }) => Number(body));
    expect(bodies).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });
});

describe('B6 octets of a head', () => {
  const sized = (bytes: number): string =>
    head('GET / HTTP/1.1', 'Host: a', `X: ${'y'.repeat(bytes - 9 - 5)}`);
  test.each([[16 * KIB - 1, 200], [16 * KIB, 200], [16 * KIB + 1, 431], [10 * KIB * KIB, 431]])(
    'a field section of %i octets is %i',
    async (bytes, status) => {
      expect(statuses(await exchange(sized(bytes)))).toEqual([status]);
    },
  );
  test('what is over is told when the limit is crossed, and the rest is not kept', () => {
    const { transport, refused } = connect();
    transport.send(`GET / HTTP/1.1\r\nX: ${'y'.repeat(16 * KIB - 4)}`);
    expect(refused).toEqual([]);
    transport.send('y');
    expect(refused.map(({ status }) => status)).toEqual([431]);
    transport.send('y'.repeat(KIB * KIB));
    expect(refused).toHaveLength(1);
  });
});

describe('B7 lines of a head', () => {
  test.each([[100, 200], [101, 431], [10_000, 431]])('%i lines are %i', async (lines, status) => {
    const text = head('GET / HTTP/1.1', 'Host: a', ...Array<string>(lines - 1).fill('a:b'));
    expect(statuses(await exchange(text))).toEqual([status]);
  });
  test('none is dropped in silence: the hundredth is seen', async () => {
    const sizes: number[] = [];
    const lines = [...Array<string>(98).fill('a:b'), 'Content-Length: 3'];
    const text = `${head('POST / HTTP/1.1', 'Host: a', ...lines)}abc${GET}`;
    await exchange(text, ({ fields, body }) => {
      sizes.push(fields.size, body.length ?? -1);
      return new HttpResponse(204);
    });
    expect(sizes).toEqual([100, 3, 1, 0]);
  });
});

describe('B8 octets of a target', () => {
  const sized = (bytes: number): string =>
    head(`GET /${'a'.repeat(bytes - 'GET / HTTP/1.1'.length)} HTTP/1.1`, 'Host: a');
  test.each([[8 * KIB, 200], [8 * KIB + 1, 414], [KIB * KIB, 414]])(
    'a request line of %i octets is %i',
    async (bytes, status) => {
      expect(statuses(await exchange(sized(bytes)))).toEqual([status]);
    },
  );
});

describe('B9 keep-alive hoarding', () => {
  test('an idle connection has 65 s, and each request begins them anew', () => {
    const { transport } = connect();
    for (let request = 0; request < 3; request++) {
      transport.send(GET);
      expect(transport.idle).toBe(true);
      transport.tick(64_750);
      expect(transport.ended).toBe(false);
    }
    transport.tick(250);
    expect(transport.ended).toBe(true);
  });
});

describe('B11 half-open peers', () => {
  test.each([
    ['before a request', '', []], ['after one', GET, [200]], ['within one', 'GET /', [400]],
    ['within content', post('Content-Length: 3', 'a'), [400]],
  ])('FIN %s: what is owed is answered, then the connection closes', async (_, text, expected) => {
    const { transport } = connect(echo);
    transport.send(text);
    transport.sendEof();
    await transport.settle();
    expect(statuses({ answers: answers(transport.take(), [], true) })).toEqual(expected);
    expect([transport.closed, transport.cause, transport.charged]).toEqual([true, undefined, 0]);
  });
  test('FIN after an answer closes an idle connection at once', () => {
    const { transport } = connect();
    transport.send(GET);
    transport.sendEof();
    expect([transport.ended, transport.closed]).toEqual([true, true]);
  });
});

describe('B12 early resets', () => {
  const text = chunked('3\r\nabc\r\n0\r\nA: b\r\n\r\n') + GET;
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  test.each<readonly [string, Handler]>([
    ['answers at once', () => new HttpResponse(200)], ['reads', echo], ['never answers', never],
    ['streams', () => new HttpResponse(200, {}, new ScriptedSource(['a', new Promise(() => {})]))],
  ])('at every octet, of a handler that %s: told once, nothing held', async (_, handler) => {
    for (let at = 0; at <= text.length; at++) {
      const fired = new Map<HttpRequest, number>();
      const { transport, seen, completed } = connect((request) => {
        fired.set(request, 0);
        const count = (): void => void fired.set(request, (fired.get(request) ?? 0) + 1);
        request.signal.addEventListener('abort', count);
        return handler(request);
      });
      transport.send(text.slice(0, at));
      if (at % 2 === 0) await Promise.resolve();
      transport.disconnect(reset);
      transport.send(text.slice(at));
      await transport.settle();
      expect(Math.max(0, ...fired.values())).toBeLessThanOrEqual(1);
      expect(completed).toHaveLength(seen.length);
      expect([transport.closed, transport.charged, transport.failures]).toEqual([true, 0, []]);
    }
  });
});

describe('B14 timers', () => {
  test('a connection leaves none, and asks for none', async () => {
    const { transport } = connect(echo);
    transport.send(post('Content-Length: 3', 'ab'));
    transport.tick(1_000);
    expect(transport.clock.pending).toBe(0);
    transport.send('c');
    await transport.settle();
    transport.disconnect();
    expect(transport.clock.pending).toBe(0);
  });
});

describe('B15 uploads that nobody reads', () => {
  const length = 1024 * KIB * KIB;
  test('the peer is paused once 128 KiB are held', async () => {
    const { transport } = connect(never);
    transport.send(post(`Content-Length: ${length}`));
    let sent = 0;
    for (; !transport.paused && sent < 64; sent++) transport.send('a'.repeat(16 * KIB));
    await transport.settle();
    expect([sent, transport.charged]).toEqual([8, 128 * KIB]);
    transport.disconnect();
    expect(transport.charged).toBe(0);
  });
  test('a handler that reads sets it going again', async () => {
    const start = deferred<void>();
    const { transport } = connect(async ({ body }) => {
      await start.promise;
      return new HttpResponse(200, {}, String((await body.bytes()).length));
    });
    transport.send(post(`Content-Length: ${256 * KIB}`));
    for (let sent = 0; sent < 16; sent++) transport.send('a'.repeat(16 * KIB));
    await transport.settle();
    expect(transport.paused).toBe(true);
    start.resolve();
    await transport.settle();
    expect(answers(transport.take())[0]?.body).toBe(String(256 * KIB));
    expect([transport.paused, transport.charged]).toEqual([false, 0]);
  });
  test('an answer ends it: nothing is held, and reading goes on to throw it away', async () => {
    const { transport, seen } = connect(() => new HttpResponse(403));
    transport.send(post(`Content-Length: ${length}`, 'a'.repeat(64 * KIB)));
    expect(answers(transport.take(), [], true)[0]?.fields.get('connection')).toBe('close');
    expect([transport.ended, transport.closed, transport.charged]).toEqual([true, false, 0]);
    transport.send('a'.repeat(64 * KIB) + GET);
    expect(seen).toEqual(['POST /']);
  });
});

describe('B16 interim responses in floods', () => {
  test.each([[8, 8], [9, 8], [1000, 8]])('of %i, %i leave', async (count, left) => {
    const { transport } = connect((request) => {
      for (let sent = 0; sent < count; sent++) request.inform(103, { link: '</a>' });
      return new HttpResponse(204);
    });
    transport.send(GET);
    expect(answers(transport.take())).toHaveLength(left + 1);
  });
  test('to HTTP/1.0 none does', async () => {
    const { answers: found } = await exchange(head('GET / HTTP/1.0'), (request) => {
      request.inform(103, { link: '</a>' });
      return new HttpResponse(204);
    });
    expect(statuses({ answers: found })).toEqual([204]);
  });
});

describe('B17 content that is a bomb when decoded', () => {
  test.each([
    'gzip', 'gzip, gzip', 'br', 'deflate', 'zstd',
  ])('%s is not decoded', async (coding) => {
    const lines = [`Content-Encoding: ${coding}`, 'Content-Length: 4'];
    const { answers: found } = await exchange(post(lines, '\x1f\x8b\x08\0'), echo);
    expect(found.map(({ body }) => body)).toEqual(['\x1f\x8b\x08\0']);
  });
});

describe('B18 log injection', () => {
  test('no octet of a peer stands raw in a refusal', async () => {
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      const forms = [`G${character}T / HTTP/1.1\r\n\r\n`, `GET /${character} X\r\n\r\n`,
        head('GET / HTTP/1.1', `${character}: a`), head('GET / HTTP/1.1', `Host: a${character}b`)];
      for (const form of forms) {
        const { refused } = await exchange(form, undefined, undefined, true);
        // The section sign is ours.
        expect(refused.map(({ detail }) => detail).join('')).toMatch(/^[ -~§]*$/);
      }
    }
  });
  test('controls are escaped, line ends of every kind among them', () => {
    for (let code = 0; code < 0xa0; code++) {
      if (code >= 0x20 && code < 0x7f) continue;
      expect(escapeControls(`a${String.fromCharCode(code)}b`)).toMatch(/^a\\x[0-9a-f]{2}b$/);
    }
    expect(escapeControls('a\u2028\u2029b')).toBe('a\\u2028\\u2029b');
    expect(escapeControls('GET /\xe9')).toBe('GET /\xe9');
  });
});

describe('the rows', () => {
  const rows = [
    ...Array.from({ length: 43 }, (_, index) => `A${index + 1}`),
    ...Array.from({ length: 18 }, (_, index) => `B${index + 1}`),
  ];
  test('each is tested here, or listed with where it is proved', () => {
    const here = new URL('.', import.meta.url);
    const tested = new Set(readdirSync(here)
      .filter((file) => /^threats-.*\.test\.ts$/.test(file))
      .flatMap((file) => [...readFileSync(new URL(file, here), 'utf8')
        .matchAll(/^describe\('([AB]\d+) /gm)].map(([, row]) => row)));
    expect(rows.filter((row) => !tested.has(row) && ELSEWHERE[row] === undefined)).toEqual([]);
    const named = [...tested, ...Object.keys(ELSEWHERE)];
    expect(named.filter((row) => !rows.includes(row ?? ''))).toEqual([]);
    // Where it says that a row is proved, there is a file.
    const places = Object.values(ELSEWHERE).map((where) => where.slice(where.indexOf('test/') + 5));
    expect(places.filter((place) => !existsSync(new URL(`../${place}`, here)))).toEqual([]);
  });
});
