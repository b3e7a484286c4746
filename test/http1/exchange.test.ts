/**
 * One exchange on a connection that only records: what is noted, when it is written, how it ends.
 * What can go wrong with bodies and handlers is in test/conformance/.
 */
import { describe, expect, test } from 'vitest';
import { ConnectionError, PeerGoneError } from '../../src/errors.ts';
import { RequestBody } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { problem } from '../../src/http/problem.ts';
import { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { Http1Exchange } from '../../src/http1/exchange.ts';
import { limitsFrom } from '../../src/limits.ts';
import type { ProtocolFactory } from '../../src/protocol.ts';
import { deferred } from '../support/deferred.ts';
import { RecordingHost } from '../support/exchange-host.ts';
import { answers } from '../support/http1.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import { octets } from '../support/vectors.ts';

interface Parts {
  readonly method?: string;
  readonly minor?: number;
  readonly fields?: Fields;
  /** Content that is still to come. */
  readonly body?: boolean;
}

function make(parts: Parts = {}): { host: RecordingHost; exchange: Http1Exchange } {
  const host = new RecordingHost();
  const exchange = new Http1Exchange(host, parts.minor ?? 1);
  const content = parts.body === true ? new RequestBody(5, exchange, 100) : RequestBody.empty;
  exchange.received = parts.body !== true;
  exchange.request = new HttpRequest(
    parts.method ?? 'GET', '/', '/', 'http', 'a', parts.fields ?? Fields.empty, content, exchange,
  );
  return { host, exchange };
}

/** Lets what was promised settle. */
function settle(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}

const HELLO = new HttpResponse(200, {}, 'hello');
const NEXT: ProtocolFactory = () => { throw new Error('not made here'); };

describe('an answer', () => {
  test('is noted, and written in its turn', () => {
    const { host, exchange } = make();
    expect([exchange.advance(), host.settles, host.written]).toEqual([false, 0, '']);
    exchange.respond(HELLO);
    expect([host.settles, host.written, exchange.started]).toEqual([1, '', false]);
    expect([exchange.advance(), exchange.started, exchange.sentBytes]).toEqual([true, true, 5]);
    expect(answers(host.written)).toMatchObject([{ status: 200, body: 'hello' }]);
  });

  test('is given once: what comes later is dropped and cancelled', () => {
    const { host, exchange } = make();
    const source = new ScriptedSource(['a']);
    exchange.respond(HELLO);
    exchange.respond(new HttpResponse(500, {}, source));
    exchange.advance();
    expect([source.ends, host.settles]).toEqual([['cancelled'], 1]);
    expect(source.causes[0]).toBeInstanceOf(PeerGoneError);
    expect(answers(host.written)).toMatchObject([{ status: 200 }]);
  });

  test('waits while the peer does not read', () => {
    const { host, exchange } = make();
    exchange.respond(HELLO);
    host.blocked = true;
    expect([exchange.advance(), host.written]).toEqual([false, '']);
    host.blocked = false;
    expect(exchange.advance()).toBe(true);
  });

  test('to HEAD has the fields alone (RFC 9110 §9.3.2)', () => {
    const { host, exchange } = make({ method: 'HEAD' });
    exchange.respond(HELLO);
    expect([exchange.advance(), exchange.sentBytes]).toEqual([true, 0]);
    const text = host.written;
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n(.*\r\n)*content-length: 5\r\n(.*\r\n)*\r\n$/);
    expect(text).not.toContain('hello');
  });

  test('of many octets has them after its head, not copied into it', () => {
    const { host, exchange } = make();
    exchange.respond(new HttpResponse(200, {}, new Uint8Array(100_000).fill(0x61)));
    expect([exchange.advance(), exchange.sentBytes]).toEqual([true, 100_000]);
    expect(answers(host.written)[0]?.body).toBe('a'.repeat(100_000));
  });

  test('that cannot be written is a failure with an answer of its own', () => {
    const { host, exchange } = make();
    exchange.respond(new HttpResponse(200, { 'content-length': 7 }, 'hello'));
    expect(exchange.advance()).toBe(true);
    expect(host.failures).toEqual([expect.any(TypeError)]);
    expect(answers(host.written)).toMatchObject([{ status: 500 }]);
  });
});

test('a failure whose own answer cannot be written is a plain 500', () => {
  const { host, exchange } = make();
  const wrong = new HttpResponse(503, { 'content-length': 7 }, 'hello');
  host.failure = (error) => {
    host.failures.push(error);
    return wrong;
  };
  exchange.respond(new HttpResponse(200, { 'content-length': 7 }, 'hello'));
  expect([exchange.advance(), host.failures.length]).toEqual([true, 2]);
  expect(answers(host.written)).toMatchObject([{ status: 500, whole: true }]);
});

describe('persistence (RFC 9112 §9.3)', () => {
  test.each([
    [1, true, false, undefined], [1, true, true, 'close'], [1, false, false, 'close'],
    [0, true, false, 'keep-alive'], [0, false, false, 'close'],
  ])('HTTP/1.%d, keep-alive %s, the end %s: connection is %s', (minor, wish, ends, said) => {
    for (const body of ['hello', new ScriptedSource(['hello'], { length: 5 })]) {
      const { host, exchange } = make({ minor });
      exchange.keepAlive = wish;
      host.ends = ends;
      exchange.respond(new HttpResponse(200, {}, body));
      exchange.advance();
      expect(answers(host.written)[0]?.fields.get('connection')).toBe(said);
      expect(exchange.keepAlive).toBe(said !== 'close');
    }
  });

  test('a handler may ask for the end', () => {
    for (const body of ['hello', new ScriptedSource(['hello'])]) {
      const { host, exchange } = make();
      exchange.respond(new HttpResponse(200, { connection: 'close' }, body));
      exchange.advance();
      expect(host.written).toContain('connection: close\r\n');
      expect(exchange.keepAlive).toBe(false);
    }
  });

  test('content without a length ends the connection of HTTP/1.0 (RFC 9112 §6.3, rule 8)', () => {
    const { host, exchange } = make({ minor: 0 });
    exchange.respond(new HttpResponse(200, {}, new ScriptedSource(['hello'])));
    expect([exchange.advance(), exchange.keepAlive]).toEqual([true, false]);
    const [answer] = answers(host.written);
    expect(answer).toMatchObject({ body: 'hello' });
    expect(answer?.fields.has('transfer-encoding')).toBe(false);
  });
});

describe('content that is pulled', () => {
  test('is in chunks where its length is not known, with trailers (RFC 9112 §7.1)', () => {
    const { host, exchange } = make();
    const trailers = (): Fields => Fields.from({ digest: 'x' });
    exchange.respond(new HttpResponse(200, {}, new ScriptedSource(['he', 'llo'], { trailers })));
    expect([exchange.advance(), exchange.sentBytes]).toEqual([true, 5]);
    const text = host.written;
    expect(text).toContain('\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\ndigest: x\r\n\r\n');
  });

  test('is as it is where its length is known', () => {
    const { host, exchange } = make();
    exchange.respond(new HttpResponse(200, {}, new ScriptedSource(['he', 'llo'], { length: 5 })));
    expect(exchange.advance()).toBe(true);
    expect(host.written).toMatch(/content-length: 5\r\n(.*\r\n)*\r\nhello$/);
  });

  test('that is promised is waited for, and asked for once at a time', async () => {
    const { host, exchange } = make();
    const piece = deferred<string>();
    const source = new ScriptedSource([piece.promise, null]);
    exchange.respond(new HttpResponse(200, {}, source));
    expect(exchange.advance()).toBe(false);
    expect(host.written).toContain('transfer-encoding: chunked');
    expect([exchange.advance(), source.pulls, host.settles]).toEqual([false, 1, 1]);
    piece.resolve('hello');
    await settle();
    expect([host.settles, host.written]).toEqual([2, '']);
    expect(exchange.advance()).toBe(true);
    expect(host.written).toBe('5\r\nhello\r\n0\r\n\r\n');
  });

  test('is not pulled while the peer does not read', () => {
    const { host, exchange } = make();
    const source = new ScriptedSource(['a', 'b', 'c']);
    const write = host.write.bind(host);
    host.write = (piece) => {
      write(piece);
      host.blocked = true;
    };
    exchange.respond(new HttpResponse(200, {}, source));
    const pulls: number[] = [];
    for (let turn = 0; turn < 6 && !exchange.advance(); turn++) {
      pulls.push(source.pulls);
      host.blocked = false;
    }
    // One pull a turn of the peer, the first before the head: it may turn out to be a 500.
    expect(pulls).toEqual([1, 1, 2, 3]);
    expect(source.ends).toEqual(['null']);
    expect(answers(host.written)[0]?.body).toBe('abc');
  });

  test.each<[string, Parts, number]>([
    ['HEAD', { method: 'HEAD' }, 200], ['204', {}, 204], ['304', {}, 304], ['205', {}, 205],
  ])('of an answer that has none is cancelled, not pulled: %s', (_, parts, status) => {
    const { host, exchange } = make(parts);
    const source = new ScriptedSource(['a']);
    exchange.respond(new HttpResponse(status, {}, source));
    expect(exchange.advance()).toBe(true);
    expect([source.pulls, source.ends]).toEqual([0, ['cancelled']]);
    expect(host.written.endsWith('\r\n\r\n')).toBe(true);
  });

  test('that fails after the head is cut off, and told (RFC 9112 §8)', () => {
    const { host, exchange } = make();
    const cause = new Error('disk');
    exchange.respond(new HttpResponse(200, {}, new ScriptedSource(['a', () => { throw cause; }])));
    expect(exchange.advance()).toBe(false);
    expect([host.failures, host.transport.cause, exchange.closed]).toEqual([[cause], cause, true]);
  });
});

describe('interim responses (RFC 9110 §15.2)', () => {
  const link = Fields.from({ link: '</a>' });
  const HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';

  test('leave at once where it is their turn', () => {
    const { host, exchange } = make();
    exchange.inform(103, link);
    expect(host.written).toBe(HINTS);
  });

  test('wait for their turn, and come before the answer', () => {
    const { host, exchange } = make();
    host.front = make().exchange;
    exchange.inform(103, link);
    exchange.inform(103, link);
    expect(host.written).toBe('');
    exchange.respond(HELLO);
    exchange.advance();
    expect(answers(host.written).map(({ status }) => status)).toEqual([103, 103, 200]);
  });

  test.each([0, 1, 3])('of %d, one more is dropped', (limit) => {
    const { host, exchange } = make();
    host.limits = limitsFrom({ interimResponses: limit });
    for (let count = 0; count < limit + 1; count++) exchange.inform(103, link);
    expect(host.written).toBe(HINTS.repeat(limit));
  });

  test('none to HTTP/1.0, none once the answer has begun', () => {
    const old = make({ minor: 0 });
    old.exchange.inform(103, link);
    expect(old.host.written).toBe('');
    const { host, exchange } = make();
    exchange.respond(new HttpResponse(200, {}, new ScriptedSource([new Promise(() => {})])));
    exchange.advance();
    expect(host.written).not.toBe('');
    exchange.inform(103, link);
    exchange.close(undefined);
    exchange.inform(103, link);
    expect(host.written).toBe('');
  });

  test('100 is sent when the content is asked for, once (RFC 9110 §10.1.1)', () => {
    const { host, exchange } = make({ body: true });
    exchange.expectsContinue = true;
    void exchange.request.body.pull(10);
    expect([host.written, exchange.expectsContinue])
      .toEqual(['HTTP/1.1 100 Continue\r\n\r\n', false]);
    exchange.begin();
    expect(host.written).toBe('');
  });

  test('nothing is pushed (RFC 9113 §8.4)', () => {
    const { exchange } = make();
    expect(exchange.request.push('/a')).toBe(false);
  });
});

describe('switching (RFC 9110 §7.8)', () => {
  const upgrade = { fields: Fields.from({ upgrade: 'x/1' }) };

  test('101, then the next protocol', () => {
    const { host, exchange } = make(upgrade);
    exchange.switchable = true;
    exchange.respond(HttpResponse.switching(NEXT, { 'x-a': 'b' }));
    expect([exchange.advance(), host.next]).toEqual([true, NEXT]);
    const [answer] = answers(host.written);
    expect(answer?.status).toBe(101);
    expect(answer?.fields.getAll('connection')).toEqual(['upgrade']);
    expect([answer?.fields.get('upgrade'), answer?.fields.get('x-a')]).toEqual(['x/1', 'b']);
  });

  test('a handler may choose the protocol', () => {
    const { host, exchange } = make(upgrade);
    exchange.switchable = true;
    exchange.respond(HttpResponse.switching(NEXT, { upgrade: 'y' }));
    exchange.advance();
    expect(answers(host.written)[0]?.fields.getAll('upgrade')).toEqual(['y']);
  });

  test('comes after the request is complete: its content is dropped', () => {
    const { host, exchange } = make({ ...upgrade, body: true });
    exchange.switchable = true;
    exchange.respond(HttpResponse.switching(NEXT));
    expect([exchange.advance(), host.next, host.written]).toEqual([false, undefined, '']);
    exchange.request.body.push(octets('hello'));
    expect(host.held).toBe(-5);
    exchange.received = true;
    expect([exchange.advance(), host.next]).toEqual([true, NEXT]);
  });

  test('of a request that did not ask is the program\'s mistake: 500', () => {
    const { host, exchange } = make();
    exchange.respond(HttpResponse.switching(NEXT));
    expect([exchange.advance(), host.next]).toEqual([true, undefined]);
    expect(host.failures).toEqual([expect.any(TypeError)]);
    expect(answers(host.written)).toMatchObject([{ status: 500 }]);
  });

  test('CONNECT: 200 without framing, then the tunnel (RFC 9110 §9.3.6)', () => {
    const { host, exchange } = make({ method: 'CONNECT' });
    exchange.respond(HttpResponse.switching(NEXT));
    expect([exchange.advance(), host.next]).toEqual([true, NEXT]);
    const [answer] = answers(host.written, ['CONNECT']);
    expect(answer?.status).toBe(200);
    const framing = ['content-length', 'transfer-encoding', 'upgrade', 'connection'];
    expect(framing.filter((name) => answer?.fields.has(name))).toEqual([]);
  });

  test('CONNECT that is not switched: a 2xx is 501, and the connection ends', () => {
    for (const [status, answered] of [[200, 501], [299, 501], [404, 404]] as const) {
      const { host, exchange } = make({ method: 'CONNECT' });
      host.failure = (error) => problem((error as { status: number }).status, 'x');
      exchange.respond(new HttpResponse(status, {}, 'x'));
      expect([exchange.advance(), exchange.keepAlive, host.next]).toEqual([true, false, undefined]);
      const [answer] = answers(host.written, ['CONNECT']);
      expect([answer?.status, answer?.fields.get('connection')]).toEqual([answered, 'close']);
    }
  });
});

describe('ends', () => {
  const CAUSE = new PeerGoneError('gone');

  test('when the peer goes, the handler is told; what it does is dropped', async () => {
    const { host, exchange } = make({ body: true });
    const { request } = exchange;
    const source = new ScriptedSource([new Promise(() => {})]);
    const reading = request.body.bytes();
    exchange.respond(new HttpResponse(200, {}, source));
    exchange.advance();
    exchange.abort(CAUSE);
    await expect(reading).rejects.toBe(CAUSE);
    expect([request.signal.aborted, request.signal.reason]).toEqual([true, CAUSE]);
    expect([source.ends, source.causes]).toEqual([['cancelled'], [CAUSE]]);
    expect([exchange.closed, host.failures]).toEqual([true, []]);
  });

  test('an answer that was not begun is cancelled too', () => {
    const { exchange } = make();
    const source = new ScriptedSource(['a']);
    exchange.respond(new HttpResponse(200, {}, source));
    exchange.close(undefined);
    expect([source.ends, source.pulls]).toEqual([['cancelled'], 0]);
  });

  test('one that comes afterwards is cancelled', () => {
    const { exchange } = make();
    exchange.close(undefined);
    const late = new ScriptedSource(['a']);
    exchange.respond(new HttpResponse(200, {}, late));
    expect([late.ends, exchange.response]).toEqual([['cancelled'], undefined]);
  });

  test('once over, it is over: the signal stays still', () => {
    const { exchange } = make();
    exchange.close(undefined);
    exchange.abort(CAUSE);
    exchange.close(CAUSE);
    expect(exchange.request.signal.aborted).toBe(false);
  });

  test('octets that come too late from a source are dropped', async () => {
    const { host, exchange } = make();
    const piece = deferred<string>();
    exchange.respond(new HttpResponse(200, {}, new ScriptedSource([piece.promise])));
    exchange.advance();
    expect(host.written).not.toBe('');
    exchange.abort(CAUSE);
    piece.resolve('late');
    await settle();
    expect(host.written).toBe('');
  });

  test('content that was held is given back', () => {
    const { host, exchange } = make({ body: true });
    exchange.hold(3);
    exchange.request.body.push(octets('abc'));
    exchange.close(undefined);
    expect(host.held).toBe(0);
  });
});

describe('refusals', () => {
  const error = new ConnectionError(400, 'broken');

  test('a request that turns out broken is answered for, and its handler told', async () => {
    const { host, exchange } = make({ body: true });
    const { request } = exchange;
    const source = new ScriptedSource(['a']);
    const reading = request.body.bytes();
    exchange.respond(new HttpResponse(200, {}, source));
    exchange.refuse(error, problem(400, 'broken'));
    expect([exchange.advance(), exchange.keepAlive, exchange.begun]).toEqual([true, false, true]);
    await expect(reading).rejects.toBe(error);
    expect([request.signal.reason, source.ends]).toEqual([error, ['cancelled']]);
    const [answer] = answers(host.written);
    expect([answer?.status, answer?.fields.get('connection')]).toEqual([400, 'close']);
  });

  test('what never became a request has its place in the queue', () => {
    const host = new RecordingHost();
    const exchange = Http1Exchange.refused(host, problem(400, 'broken'), false);
    expect([exchange.begun, exchange.received, exchange.keepAlive]).toEqual([true, true, false]);
    expect([exchange.isRefusal, exchange.advance()]).toEqual([true, true]);
    expect(answers(host.written)).toMatchObject([{ status: 400 }]);
  });

  test('to HEAD a refusal has no content either (RFC 9110 §9.3.2)', () => {
    const host = new RecordingHost();
    Http1Exchange.refused(host, problem(400, 'broken'), true).advance();
    expect(host.written).toMatch(/^HTTP\/1\.1 400 .*\r\n(.+\r\n)+\r\n$/);
  });
});

test('the handler may lift the deadlines of its content', () => {
  const { host, exchange } = make({ body: true });
  exchange.request.body.allowSlow();
  expect(host.hurried).toEqual([exchange]);
});

test('peer, clock and version are those of the wire', () => {
  const { host, exchange } = make({ minor: 0 });
  expect([exchange.peer, exchange.clock, exchange.version])
    .toEqual([host.transport.peer, host.transport.clock, '1.0']);
  expect(make().exchange.version).toBe('1.1');
});
