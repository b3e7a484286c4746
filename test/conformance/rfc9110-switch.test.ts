/**
 * RFC 9110 §7.8 and §9.3.6 on HTTP/1.1: a connection that goes on in another protocol. The octets
 * after the switch reach that protocol exactly once, in order, wherever reads were cut.
 */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { deferred } from '../support/deferred.ts';
import { answers, connect, exchange, splits, verdict } from '../support/http1.ts';
import { nextProtocol, type NextProtocol } from '../support/next-protocol.ts';
import { GET, SMUGGLED, head, statuses } from '../support/vectors.ts';

const OFFER = ['Connection: Upgrade', 'Upgrade: frob'];

function upgrade(...lines: readonly string[]): string {
  return head('GET /up HTTP/1.1', 'Host: a', ...OFFER, ...lines);
}

const CONNECT = head('CONNECT a:1 HTTP/1.1', 'Host: a:1');
const LEFTOVER = 'GET / \0\xff\r\n\r\n';

interface Way {
  readonly name: string;
  /** Makes the handler that switches to `next`. */
  readonly make: (next: NextProtocol) => Handler;
}

const switching = (next: NextProtocol): HttpResponse =>
  HttpResponse.switching(next.factory, { upgrade: 'frob' });

const WAYS: readonly Way[] = [
  { name: 'at once', make: (next) => () => switching(next) },
  { name: 'later', make: (next) => () => Promise.resolve(switching(next)) },
  {
    name: 'after some turns',
    make: (next) => async () => {
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      return switching(next);
    },
  },
  {
    name: 'after reading the content',
    make: (next) => async ({ body }) => {
      await body.bytes();
      return switching(next);
    },
  },
];

const REQUESTS: readonly (readonly [string, string])[] = [
  ['an Upgrade', upgrade()],
  ['an Upgrade with content', `${upgrade('Content-Length: 3')}abc`],
  ['an Upgrade with chunks', `${upgrade('Transfer-Encoding: chunked')}1\r\na\r\n0\r\n\r\n`],
  ['CONNECT', CONNECT],
];

/** Sends the segments, settles between them where told to, and gives what the peer got. */
async function deliver(
  segments: readonly string[], handler: Handler, settling: boolean, fin: boolean,
): Promise<{ text: string; seen: readonly string[]; ended: boolean; charged: number }> {
  const { transport, seen } = connect(handler);
  for (const segment of segments) {
    transport.send(segment);
    if (settling) await transport.settle();
  }
  if (fin) transport.sendEof();
  await transport.settle();
  const { ended, charged } = transport;
  return { text: transport.take(), seen, ended, charged };
}

describe('§7.8 Upgrade, §9.3.6 CONNECT: the octets after a switch', () => {
  const cases = REQUESTS.flatMap(([what, text]) => WAYS.map(({ name, make }) => ({
    what, name, text, make,
  })));
  test.each(cases)('$what, answered $name: once, at every split', async ({ text, make }) => {
    for (const segments of splits(text + LEFTOVER)) {
      const next = nextProtocol('hi', true);
      const outcome = await deliver(segments, make(next), false, false);
      expect([next.made, next.received, next.calls]).toEqual([1, LEFTOVER, []]);
      expect(outcome.text.slice(outcome.text.indexOf('\r\n\r\n') + 4)).toBe(`hi${LEFTOVER}`);
      expect([outcome.seen.length, outcome.ended, outcome.charged]).toEqual([1, false, 0]);
    }
  });
  test.each(cases)('$what, answered $name: settled between reads', async ({ text, make }) => {
    const whole = text + LEFTOVER;
    for (const at of [1, text.length - 1, text.length, text.length + 1, whole.length - 1]) {
      const next = nextProtocol('hi', true);
      const segments = [whole.slice(0, at), whole.slice(at)];
      const { text: written } = await deliver(segments, make(next), true, true);
      expect([next.made, next.received, next.calls]).toEqual([1, LEFTOVER, ['eof']]);
      expect(written.endsWith(`\r\n\r\nhi${LEFTOVER}`)).toBe(true);
    }
  });
  test('none: the next protocol is not called with nothing', async () => {
    const next = nextProtocol();
    await deliver([upgrade()], () => switching(next), false, false);
    expect([next.made, next.received, next.calls]).toEqual([1, '', []]);
  });
});

describe('§7.8 Upgrade', () => {
  test('101 names the protocol, and says that it is of this connection', async () => {
    const next = nextProtocol();
    const { text } = await deliver([upgrade()], () => switching(next), false, false);
    expect(text).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: frob\r\nconnection: upgrade\r\n\r\n',
    );
  });
  test('the name that was offered stands in for one that is not given', async () => {
    const next = nextProtocol();
    const handler: Handler = () => HttpResponse.switching(next.factory, { 'x-b': 'c' });
    const { text } = await deliver([upgrade()], handler, false, false);
    expect(answers(text)[0]?.fields.toJSON())
      .toEqual({ 'x-b': 'c', upgrade: 'frob', connection: 'upgrade' });
  });
  test('an offer need not be taken: the connection stays HTTP, at every split', async () => {
    const outcome = await verdict(upgrade() + GET);
    expect(statuses(outcome)).toEqual([200, 200]);
    expect(outcome.seen).toEqual(['GET /up', 'GET /']);
  });
  test('until it is decided, nothing that follows is read', async () => {
    const later = deferred<HttpResponse>();
    const { transport, seen } = connect(({ path }) => (
      path === '/up' ? later.promise : new HttpResponse(204)
    ));
    transport.send(upgrade() + GET);
    await transport.settle();
    expect(seen).toEqual(['GET /up']);
    later.resolve(new HttpResponse(200));
    await transport.settle();
    expect(seen).toEqual(['GET /up', 'GET /']);
  });
  test('it is decided after all before it is answered', async () => {
    const first = deferred<HttpResponse>();
    const next = nextProtocol('hi');
    const { transport, seen } = connect(({ path }) => (
      path === '/up' ? switching(next) : first.promise
    ));
    transport.send(`${GET}${upgrade()}rest`);
    await transport.settle();
    expect([seen, next.made]).toEqual([['GET /'], 0]);
    first.resolve(new HttpResponse(200, {}, 'first'));
    await transport.settle();
    expect([next.made, next.received]).toEqual([1, 'rest']);
    expect(transport.take())
      .toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nfirstHTTP\/1\.1 101 .*\r\n\r\nhi$/s);
  });
  test.each([
    ['HTTP/1.0', head('GET / HTTP/1.0', 'Upgrade: frob', 'Connection: upgrade, keep-alive')],
    ['no connection option', head('GET / HTTP/1.1', 'Host: a', 'Upgrade: frob')],
    ['another option', head('GET / HTTP/1.1', 'Host: a', 'Upgrade: frob', 'Connection: frob')],
    ['the end of the connection', upgrade('Connection: close')],
    ['h2c, which is obsolete', head(
      'GET / HTTP/1.1', 'Host: a', 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    )],
    ['no protocol', head('GET / HTTP/1.1', 'Host: a', 'Upgrade: ,', 'Connection: upgrade')],
    ['no Upgrade', head('GET / HTTP/1.1', 'Host: a', 'Connection: upgrade')],
  ])('what is no offer cannot be switched: %s', async (_, text) => {
    const next = nextProtocol();
    const { transport, errors } = connect(() => switching(next));
    transport.send(text);
    await transport.settle();
    expect(statuses({ answers: answers(transport.take()) })).toEqual([500]);
    expect(errors).toEqual([expect.any(TypeError)]);
    expect(next.made).toBe(0);
  });
  test('100 goes before 101 where it was asked for (RFC 9110 §7.8)', async () => {
    const next = nextProtocol('hi', true);
    const { transport } = connect(() => switching(next));
    transport.send(upgrade('Content-Length: 3', 'Expect: 100-continue'));
    await transport.settle();
    expect(transport.take()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    transport.send(`abc${LEFTOVER}`);
    await transport.settle();
    expect(transport.take()).toMatch(/^HTTP\/1\.1 101 /);
    expect(next.received).toBe(LEFTOVER);
  });
  test('no deadline, no charge and no pause of HTTP/1.1 outlives the switch', async () => {
    const next = nextProtocol('', true);
    const { transport } = connect(() => switching(next), { limits: { unreadBytes: 2 } });
    transport.send(`${upgrade('Content-Length: 6')}abc`);
    transport.send(`def${LEFTOVER}`);
    await transport.settle();
    transport.tick(1_000_000);
    transport.send('more');
    expect(next.received).toBe(`${LEFTOVER}more`);
    expect([transport.charged, transport.paused, transport.ended]).toEqual([0, false, false]);
  });
  test.each([
    ['before the switch', true], ['after it', false],
  ])('a server that closes tells the next protocol: %s', async (_, before) => {
    const later = deferred<HttpResponse>();
    const next = nextProtocol();
    const { transport } = connect(() => later.promise);
    transport.send(upgrade());
    if (before) transport.shutdown();
    later.resolve(switching(next));
    await transport.settle();
    if (!before) transport.shutdown();
    expect([next.made, next.calls]).toEqual([1, ['shutdown']]);
  });
  test('a peer that leaves: the next protocol is told, the request is not', async () => {
    const next = nextProtocol();
    let aborted = 0;
    const { transport } = connect(({ signal }) => {
      signal.addEventListener('abort', () => aborted++);
      return switching(next);
    });
    transport.send(upgrade());
    transport.disconnect(new Error('reset'));
    expect([next.calls, aborted]).toEqual([['closed'], 0]);
  });
});

describe('§9.3.6 CONNECT', () => {
  test('a 2xx makes the tunnel: no content, no framing, no 101', async () => {
    const next = nextProtocol('hi');
    const handler: Handler = () => HttpResponse.switching(next.factory);
    const { text } = await deliver([CONNECT], handler, false, false);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).not.toMatch(/content-length|transfer-encoding|connection/i);
    expect(text).toMatch(/\r\n\r\nhi$/);
  });
  test('and has a date, as every 2xx (RFC 9110 §6.6.1)', async () => {
    const { text } = await deliver([CONNECT], () => switching(nextProtocol()), false, false);
    expect(answers(text, ['CONNECT'])[0]?.fields.get('date')).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
  });
  test.each([
    ['an answer without a tunnel is 501', () => new HttpResponse(200), 501],
    ['with content too', () => new HttpResponse(204), 501],
    ['a refusal is the handler\'s own', () => new HttpResponse(403, {}, 'no'), 403],
  ] as const)('%s, and closes: what follows is nobody\'s', async (_, handler, status) => {
    for (const rest of [SMUGGLED, LEFTOVER]) {
      const outcome = await verdict(CONNECT + rest, handler);
      expect(statuses(outcome)).toEqual([status]);
      expect(outcome.answers[0]?.fields.get('connection')).toBe('close');
      expect(outcome.answers[0]?.fields.get('content-length')).toMatch(/^[1-9]/);
      expect([outcome.seen, outcome.refused, outcome.ended]).toEqual([['CONNECT a:1'], [], true]);
    }
  });
  test('a failure closes as well', async () => {
    const outcome = await exchange(CONNECT + SMUGGLED, () => { throw new Error('no'); });
    expect([statuses(outcome), outcome.ended]).toEqual([[500], true]);
  });
  test('it is asked for alone: after what is before it', async () => {
    const first = deferred<HttpResponse>();
    const next = nextProtocol();
    const { transport, seen } = connect(({ method }) => (
      method === 'CONNECT' ? switching(next) : first.promise
    ));
    transport.send(GET + CONNECT + LEFTOVER);
    await transport.settle();
    expect(seen).toEqual(['GET /']);
    first.resolve(new HttpResponse(204));
    await transport.settle();
    expect([seen, next.received]).toEqual([['GET /', 'CONNECT a:1'], LEFTOVER]);
  });
  test('in HTTP/1.0 too, which has no connection option to ask with', async () => {
    const next = nextProtocol();
    const text = head('CONNECT a:1 HTTP/1.0') + LEFTOVER;
    await deliver([text], () => switching(next), false, false);
    expect(next.received).toBe(LEFTOVER);
  });
});
