/** The moments of an HTTP/1.1 connection (RFC 9112 §9.5): each at its time, and one tick before. */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { answers, connect, type Connected } from '../support/http1.ts';
import { GET, chunked, echo, post } from '../support/vectors.ts';

/** The manager's tick. */
const TICK = 250;
const never: Handler = () => new Promise<never>(() => {});

/** Insists that nothing has happened one tick before `ms`, and lets it come. */
function until({ transport, refused }: Connected, ms: number): void {
  transport.tick(ms - TICK);
  expect([transport.ended, refused]).toEqual([false, []]);
  transport.tick(TICK);
}

describe('first octet', () => {
  test('a connection that says nothing is closed without a word', () => {
    const connected = connect(never, { limits: { firstOctetMs: 2000 } });
    until(connected, 2000);
    expect([connected.transport.ended, connected.transport.take()]).toEqual([true, '']);
  });

  test('one octet ends it', () => {
    const { transport, refused } = connect(never, { limits: { firstOctetMs: 2000, headMs: 9000 } });
    transport.send('G');
    transport.tick(5000);
    expect([transport.ended, refused]).toEqual([false, []]);
  });
});

describe('head', () => {
  const limits = { headMs: 2000, firstOctetMs: 1000 };

  test('counts from its first octet, whatever the progress: 408 (RFC 9110 §15.5.9)', () => {
    const connected = connect(never, { limits });
    const { transport, refused } = connected;
    transport.tick(500);
    transport.send('GET / HTTP/1.1\r\n');
    transport.tick(1000);
    transport.send('Host: a\r\n');
    until(connected, 1000);
    expect(refused).toMatchObject([{
      status: 408, detail: 'a head took longer than headMs, 2000 (RFC 9110 §15.5.9)',
    }]);
    expect(transport.ended).toBe(true);
  });

  test('a fault in what has come is told before its slowness', () => {
    const { transport, refused } = connect(never, { limits });
    transport.send('GET / HTTP/1.1\r\nHost');
    transport.send(' : a');
    transport.tick(2000);
    expect(refused).toMatchObject([{ status: 400 }]);
  });

  test('each head has its own time', () => {
    const connected = connect(undefined, { limits });
    for (let count = 0; count < 3; count++) {
      connected.transport.send('G');
      connected.transport.tick(1750);
      connected.transport.send(GET.slice(1));
    }
    expect(answers(connected.transport.take())).toHaveLength(3);
    expect(connected.refused).toEqual([]);
  });

  test('a head that begins behind a request has its time from there', () => {
    const connected = connect(undefined, { limits });
    connected.transport.tick(500);
    connected.transport.send(`${GET}G`);
    until(connected, 2000);
    expect(connected.refused).toMatchObject([{ status: 408 }]);
  });
});

describe('request', () => {
  const limits = { requestMs: 4000, headMs: 2000, bodyRateBytesPerSecond: 0 };

  test.each([
    ['a length', post('Content-Length: 5', 'hell')], ['chunks', chunked('5\r\nhello\r\n')],
  ])('content of %s that is not whole by then: 408, and its handler is told', async (_, text) => {
    const reasons: unknown[] = [];
    const connected = connect(({ body, signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      body.bytes().catch((error: unknown) => reasons.push(error));
      return new Promise<never>(() => {});
    }, { limits });
    connected.transport.send(text);
    until(connected, 4000);
    expect(connected.refused).toMatchObject([{
      status: 408, detail: 'a request took longer than requestMs, 4000 (RFC 9110 §15.5.9)',
    }]);
    await connected.transport.settle();
    expect(reasons).toEqual([
      expect.objectContaining({ code: 408 }), expect.objectContaining({ code: 408 }),
    ]);
  });

  test('counts from the first octet of its head', () => {
    const connected = connect(never, { limits });
    connected.transport.send('P');
    connected.transport.tick(1500);
    connected.transport.send(post('Content-Length: 5').slice(1));
    until(connected, 2500);
    expect(connected.refused).toMatchObject([{ status: 408 }]);
  });

  test('ends with the last octet received, and never limits the answer', () => {
    const connected = connect(never, { limits });
    connected.transport.send(post('Content-Length: 5', 'hello'));
    connected.transport.tick(100_000);
    expect([connected.transport.ended, connected.refused]).toEqual([false, []]);
  });

  test('can be lifted by the handler, for that request alone', async () => {
    const connected = connect((request) => {
      request.body.allowSlow();
      return echo(request);
    }, { limits: { ...limits, bodyRateBytesPerSecond: 100 } });
    const { transport, refused } = connected;
    transport.send(post('Content-Length: 5', 'hell'));
    transport.tick(100_000);
    expect([transport.ended, refused]).toEqual([false, []]);
    transport.send('o');
    await transport.settle();
    expect(answers(transport.take())).toMatchObject([{ status: 200, body: 'hello' }]);
    transport.send('G');
    until(connected, 2000);
    expect(refused).toMatchObject([{ status: 408 }]);
  });

  test('lifted after the last octet it changes nothing', async () => {
    const { transport, refused } = connect((request) => {
      request.body.allowSlow();
      return echo(request);
    }, { limits: { ...limits, pipelinedRequests: 1 } });
    transport.send(post('Content-Length: 1', 'a') + post('Content-Length: 1', 'b'));
    await transport.settle();
    expect(answers(transport.take())).toMatchObject([{ body: 'a' }, { body: 'b' }]);
    transport.send('G');
    transport.tick(2000);
    expect(refused).toMatchObject([{ status: 408 }]);
  });

  test('of a request that was answered, what is read away has its end too', () => {
    const connected = connect(undefined, { limits });
    connected.transport.send(post('Content-Length: 5', 'h'));
    until(connected, 4000);
    // Nobody is answered twice: the program alone is told.
    expect(answers(connected.transport.take())).toMatchObject([{ status: 200 }]);
    expect(connected.refused).toMatchObject([{ status: 408 }]);
    expect(connected.transport.ended).toBe(true);
  });
});

describe('least rate of content', () => {
  const limits = { bodyRateBytesPerSecond: 100, bodyRateGraceMs: 2000 };

  test('slower than that, after its grace: 408', () => {
    const connected = connect(never, { limits });
    connected.transport.send(post('Content-Length: 1000', 'x'.repeat(199)));
    until(connected, 2250);
    expect(connected.refused).toMatchObject([{
      status: 408,
      detail: 'content came slower than bodyRateBytesPerSecond, 100 (RFC 9110 §15.5.9)',
    }]);
  });

  test('as fast as that, it may go on', () => {
    const { transport, refused } = connect(echo, { limits });
    transport.send(post('Content-Length: 10000'));
    for (let second = 0; second < 20; second++) {
      transport.send('x'.repeat(100));
      transport.tick(1000);
    }
    expect(refused).toEqual([]);
  });

  test('while a handler does not read, time stands still', () => {
    const { transport, refused } = connect(never, { limits: { ...limits, unreadBytes: 10 } });
    transport.send(post('Content-Length: 1000', 'x'.repeat(10)));
    expect(transport.paused).toBe(true);
    transport.tick(60_000);
    expect(refused).toEqual([]);
  });

  test('while the client waits for 100, it does too', () => {
    const { transport, refused } = connect(never, { limits });
    transport.send(post(['Content-Length: 10', 'Expect: 100-continue']));
    transport.tick(60_000);
    expect(refused).toEqual([]);
  });
});

describe('idle', () => {
  const limits = { idleMs: 3000, firstOctetMs: 1000 };

  test('a persistent connection with nothing to do is closed without a word', () => {
    const connected = connect(undefined, { limits });
    const { transport } = connected;
    transport.send(GET);
    transport.take();
    until(connected, 3000);
    expect([transport.ended, transport.take()]).toEqual([true, '']);
  });

  test('counts from the last answer', async () => {
    let answer = (_: HttpResponse): void => {};
    const connected = connect(() => new Promise((resolve) => { answer = resolve; }), { limits });
    const { transport } = connected;
    transport.send(GET);
    transport.tick(10_000);
    expect(transport.ended).toBe(false);
    answer(new HttpResponse(204));
    await transport.settle();
    until(connected, 3000);
    expect(transport.ended).toBe(true);
  });

  test('a new head ends it', () => {
    const connected = connect(undefined, { limits: { ...limits, headMs: 5000 } });
    connected.transport.send(GET);
    connected.transport.tick(2750);
    connected.transport.send('G');
    until(connected, 5000);
    expect(connected.refused).toMatchObject([{ status: 408 }]);
  });

  test('a server that closes waits drainIdleMs for a request on its way', () => {
    for (const text of ['', GET]) {
      const connected = connect(undefined, { limits: { ...limits, drainIdleMs: 500 } });
      if (text !== '') connected.transport.send(text);
      connected.transport.shutdown();
      until(connected, 500);
      expect(connected.transport.ended).toBe(true);
    }
  });
});
