/** What connections speak: clear text by its policy, TLS by what ALPN chose, one service behind. */
import { describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { PREFACE } from '../../src/http2/frame.ts';
import { limitsFrom } from '../../src/limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../../src/protocol.ts';
import { protocols, type ProtocolsOptions } from '../../src/server/protocols.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { answers, type Answer } from '../support/http1.ts';
import { answersIn, fieldsOf, framesOf, headers, settings } from '../support/http2.ts';
import { securePeer } from '../support/requests.ts';

interface Told {
  readonly seen: string[];
  readonly failed: unknown[];
  readonly refused: string[];
  completed: number;
}

function making(changes: Partial<ProtocolsOptions> = {}) {
  const told: Told = { seen: [], failed: [], refused: [], completed: 0 };
  const made = protocols({
    service: { handle: () => new HttpResponse(200, {}, 'hello') },
    limits: limitsFrom(),
    onError: undefined, onRefusal: undefined, authorities: undefined, allowTrace: undefined,
    forwarders: undefined, clearText: 'serve',
    servesAuthority: (authority) => authority.startsWith('example.com'),
    asksAt: () => false,
    failed: (error) => void told.failed.push(error),
    refused: ({ message }) => void told.refused.push(message),
    started: ({ method, target }: HttpRequest) => void told.seen.push(`${method} ${target}`),
    completed: () => void told.completed++,
    ...changes,
  });
  return { ...made, told };
}

/** Sends octets on a connection of its own, in memory, and lets it settle. */
async function sending(
  factory: ProtocolFactory<ConnectionTransport>, octets: string | Uint8Array, crowded = false,
): Promise<MemoryTransport> {
  const transport = new MemoryTransport(factory, { peer: securePeer('example.com') });
  transport.crowded = crowded;
  transport.send(octets);
  await transport.settle();
  return transport;
}

/** As `sending`, from a peer without TLS. */
async function sendingInClear(
  factory: ProtocolFactory<ConnectionTransport>, octets: string | Uint8Array,
): Promise<MemoryTransport> {
  const transport = new MemoryTransport(factory);
  transport.send(octets);
  await transport.settle();
  return transport;
}

async function asking(
  factory: ProtocolFactory<ConnectionTransport>, octets: string, crowded = false,
): Promise<Answer> {
  const transport = await sending(factory, octets, crowded);
  return answers(transport.take(), [octets.split(' ')[0] as string], true)[0] as Answer;
}

const GET = 'GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n\r\n';
const OPENING = Buffer.concat([PREFACE, settings([])]);

describe('secure: what ALPN chose (RFC 9113 §3.3)', () => {
  test.each(['http/1.1', ''])('%j is HTTP/1.1', async (alpn) => {
    const { secure, told } = making();
    expect(await asking(secure(alpn), GET)).toMatchObject({ status: 200, body: 'hello' });
    expect([told.seen, told.completed]).toEqual([['GET /a?b=c'], 1]);
  });

  test('h2 is HTTP/2', async () => {
    const transport = await sending(making().secure('h2'), OPENING);
    expect(framesOf(transport.takeBytes()).length).toBeGreaterThan(0);
    expect(transport.closed).toBe(false);
  });

  test('nothing is guessed: a preface after http/1.1 is refused (RFC 9113 §3.4)', async () => {
    const { secure, told } = making();
    const transport = await sending(secure('http/1.1'), OPENING);
    expect(transport.take()).toMatch(/^HTTP\/1\.1 (400|505) /);
    expect([transport.ended, told.seen]).toEqual([true, []]);
  });
});

describe('clear text that is served', () => {
  test('is HTTP/1.1 or HTTP/2 by its first octets', async () => {
    const { clear } = making();
    expect((await sendingInClear(clear, GET)).take()).toMatch(/^HTTP\/1\.1 200 /);
    const transport = await sendingInClear(clear, OPENING);
    expect(framesOf(transport.takeBytes()).length).toBeGreaterThan(0);
  });
});

describe('clear text that is redirected (RFC 9110 §15.4.9)', () => {
  const requests: [string, number, string | undefined][] = [
    [GET, 308, 'https://example.com/a?b=c'],
    ['GET / HTTP/1.1\r\nHost: example.com:8080\r\n\r\n', 308, 'https://example.com:8080/'],
    ['POST /form HTTP/1.1\r\nHost: example.com\r\nContent-Length: 2\r\n\r\nok', 308,
      'https://example.com/form'],
    ['OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n', 308, 'https://example.com/'],
    ['GET http://example.com/x HTTP/1.1\r\nHost: other.test\r\n\r\n', 308, 'https://example.com/x'],
    ['GET //evil.test/ HTTP/1.1\r\nHost: example.com\r\n\r\n', 308,
      'https://example.com//evil.test/'],
    // Nobody is sent to a host that is not ours (RFC 9110 §7.4).
    ['GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n', 421, undefined],
    ['GET http://evil.test/ HTTP/1.1\r\nHost: example.com\r\n\r\n', 421, undefined],
    ['GET / HTTP/1.0\r\n\r\n', 400, undefined],
    ['GET / HTTP/1.1\r\nHost:\r\n\r\n', 400, undefined],
    ['GET / HTTP/1.1\r\n\r\n', 400, undefined],
    ['TRACE / HTTP/1.1\r\nHost: example.com\r\n\r\n', 405, undefined],
  ];

  test.each(requests)('%j: %j, %j', async (octets, status, location) => {
    const transport = await sendingInClear(making({ clearText: 'redirect' }).clear, octets);
    const [answer] = answers(transport.take(), [octets.split(' ')[0] as string], true);
    expect([answer?.status, answer?.fields.get('location')]).toEqual([status, location]);
  });

  test('the service never sees it', async () => {
    let calls = 0;
    const { clear } = making({
      clearText: 'redirect',
      service: { handle: () => new HttpResponse(200, {}, String(++calls)) },
    });
    await sendingInClear(clear, GET + GET);
    expect(calls).toBe(0);
  });

  test.each([
    ['shows.example', 421, 0], ['example.com', 200, 1],
  ])('%s by a trusted proxy, where clients show certificates: %i', async (host, status, calls) => {
    const { clear, told } = making({
      clearText: 'redirect', asksAt: (authority) => authority === 'shows.example',
      forwarders: { trust: trustList(['192.0.2.1']), written: undefined },
      service: { handle: ({ authority }) => new HttpResponse(200, {}, `seen ${authority}`) },
    });
    const octets = `GET / HTTP/1.1\r\nHost: ${host}\r\nForwarded: proto=https\r\n\r\n`;
    const [answer] = answers((await sendingInClear(clear, octets)).take());
    expect([answer?.status, answer?.body === `seen ${host}` ? 1 : 0]).toEqual([status, calls]);
    expect(told.failed).toEqual([]);
  });

  test('HTTP/2 by its preface too (RFC 9113 §3.3)', async () => {
    const { clear } = making({ clearText: 'redirect', servesAuthority: () => true });
    const asked = headers(1, fieldsOf('GET', '/x'));
    const transport = await sendingInClear(clear, Buffer.concat([OPENING, asked]));
    const answer = answersIn(framesOf(transport.takeBytes()))[1]!;
    expect(answer.status).toBe(308);
    expect(answer.fields).toContainEqual(['location', 'https://a/x']);
  });
});

describe('E13 clear text that is refused', () => {
  test.each([GET, 'GET / HTTP/1.0\r\n\r\n'])('%j: 400', async (octets) => {
    const transport = await sendingInClear(making({ clearText: 'refuse' }).clear, octets);
    const [answer] = answers(transport.take(), [], true);
    expect([answer?.status, answer?.body]).toEqual([400, expect.stringContaining('use https')]);
  });
});

describe('what the wire refuses', () => {
  const BROKEN = 'GET / HTTP/1.1\r\n\r\n';

  test('a problem document, and the program is told', async () => {
    const { secure, told } = making();
    const answer = await asking(secure(''), BROKEN);
    expect([answer.status, answer.fields.get('content-type')])
      .toEqual([400, 'application/problem+json']);
    expect(told.refused).toEqual(['no Host field (RFC 9112 §3.2)']);
  });

  test('onRefusal makes another', async () => {
    const onRefusal = (status: number, detail: string) => (
      new HttpResponse(status, { 'x-own': '1' }, detail)
    );
    const answer = await asking(making({ onRefusal }).secure(''), BROKEN);
    expect([answer.status, answer.fields.get('x-own')]).toEqual([400, '1']);
  });

  test.each([
    ['throws', () => { throw new Error('mine'); }, 'mine'],
    ['answers nothing', () => 1 as never, 'onRefusal must return an HttpResponse'],
    ['answers null', () => null as never, 'onRefusal must return an HttpResponse'],
  ])('one that %s: the problem document; the program is told', async (_, onRefusal, message) => {
    const { secure, told } = making({ onRefusal });
    const answer = await asking(secure(''), BROKEN);
    expect([answer.status, answer.fields.get('content-type')])
      .toEqual([400, 'application/problem+json']);
    expect(told.failed).toEqual([expect.objectContaining({ message })]);
  });

  test('over heldBytes: 503 with retry-after (RFC 9110 §15.6.4)', async () => {
    const { secure, told } = making();
    const answer = await asking(secure(''), GET, true);
    expect([answer.status, answer.fields.get('retry-after')]).toEqual([503, '1']);
    expect(told.seen).toEqual([]);
  });
});
