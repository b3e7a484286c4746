/** The seam: what becomes of a request and of a handler's failure, whatever the version. */
import { describe, expect, test } from 'vitest';
import { ConnectionError, PeerGoneError, ProtocolError } from '../../src/errors.ts';
import {
  dispatcher, failureAnswers, type DispatchOptions, type Exchange, type FailureAnswer, type Handler,
} from '../../src/http/exchange.ts';
import { HttpError } from '../../src/http/http-error.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { makeRequest, securePeer, type RequestParts } from '../support/requests.ts';

const OK = new HttpResponse(200, {}, 'ok');

interface Ran {
  /** Answers that were there when dispatch returned, and all of them. */
  readonly atOnce: readonly HttpResponse[];
  readonly answers: readonly HttpResponse[];
  /** What the program was told of. */
  readonly told: readonly unknown[];
  readonly request: HttpRequest;
}

interface RunOptions extends Omit<DispatchOptions, 'failure'> {
  readonly parts?: RequestParts;
  readonly onError?: FailureAnswer;
}

/** Runs one exchange through a service until it is quiet. */
async function run(handle: Handler, options: RunOptions = {}): Promise<Ran> {
  const { parts, onError, ...rest } = options;
  const request = makeRequest(parts);
  const answers: HttpResponse[] = [];
  const told: unknown[] = [];
  const exchange: Exchange = {
    request, respond: (response) => void answers.push(response),
    inform: () => {}, push: () => false,
  };
  const failure = failureAnswers(onError, (error) => told.push(error));
  dispatcher({ handle }, { failure, ...rest })(exchange);
  const atOnce = [...answers];
  await new Promise<void>((resolve) => { setImmediate(resolve); });
  return { atOnce, answers, told, request };
}

/** The one answer, as status and detail of its problem document. */
function problemOf({ answers }: Ran): [number, unknown] {
  expect(answers).toHaveLength(1);
  const [{ status, body }] = answers as [HttpResponse];
  return [status, (JSON.parse(body as string) as { detail: unknown }).detail];
}

const PLAIN = 'the server failed to answer this request (RFC 9110 §15.6.1)';
const NO_RESPONSE = 'a handler must return an HttpResponse, or a promise of one';

describe('answers', () => {
  test('one that is at hand is given in the same turn', async () => {
    const { atOnce, answers, told } = await run(() => OK);
    expect([atOnce, answers, told]).toEqual([[OK], [OK], []]);
  });

  test.each<[string, Handler]>([
    ['a promise', async () => OK],
    ['a thenable', () => ({ then: (give: (r: HttpResponse) => void) => give(OK) }) as never],
  ])('%s is waited for', async (_, handler) => {
    const { atOnce, answers } = await run(handler);
    expect([atOnce, answers]).toEqual([[], [OK]]);
  });

  test('the handler gets the request', async () => {
    let seen: HttpRequest | undefined;
    const { request } = await run((each) => {
      seen = each;
      return OK;
    });
    expect(seen).toBe(request);
  });

  test.each<[string, unknown]>([
    ['undefined', undefined], ['null', null], ['text', 'ok'], ['another kind', new Response('ok')],
    ['a promise of nothing', Promise.resolve()], ['a promise of text', Promise.resolve('ok')],
  ])('%s is no answer: 500, and the program is told', async (_, value) => {
    const ran = await run(() => value as HttpResponse);
    expect(problemOf(ran)).toEqual([500, PLAIN]);
    expect(ran.told).toEqual([expect.any(TypeError)]);
    expect((ran.told[0] as Error).message).toContain(NO_RESPONSE);
  });
});

describe('failures', () => {
  const THROWN = new Error('secret');

  test.each<[string, Handler]>([
    ['thrown', () => { throw THROWN; }],
    ['rejected', async () => { throw THROWN; }],
  ])('%s: a 500 that tells nothing, the program is told (RFC 9110 §15.6.1)', async (_, handler) => {
    const ran = await run(handler);
    expect(problemOf(ran)).toEqual([500, PLAIN]);
    expect(ran.told).toEqual([THROWN]);
  });

  test('what is no Error is a failure too', async () => {
    const ran = await run(() => { throw 'secret'; });
    expect([problemOf(ran), ran.told]).toEqual([[500, PLAIN], ['secret']]);
  });

  test('an HttpError is meant: its own status, detail and fields; nobody is told', async () => {
    const ran = await run(() => { throw new HttpError(405, 'no', { allow: 'GET' }); });
    expect(problemOf(ran)).toEqual([405, 'no']);
    expect(ran.answers[0]?.fields.get('allow')).toBe('GET');
    expect(ran.told).toEqual([]);
  });

  test.each([
    ['a protocol error', new ProtocolError(400, 'x')],
    ['a connection error', new ConnectionError(408, 'x')],
    ['a peer that has gone', new PeerGoneError('x')],
  ])('%s is the peer\'s: nobody is told', async (_, error) => {
    const ran = await run(async () => { throw error; });
    expect([problemOf(ran), ran.told]).toEqual([[500, PLAIN], []]);
  });

  test.each<[string, () => HttpError]>([
    ['a status that is none', () => new HttpError(600, 'x')],
    ['an interim status', () => new HttpError(100, 'x')],
    ['a name that is none', () => new HttpError(400, 'x', { 'bad name': 'x' })],
    ['a value that would end its line', () => new HttpError(400, 'x', { location: 'a\r\nb' })],
  ])('an HttpError of %s: a plain 500, and the program is told', async (_, make) => {
    for (const handler of [() => { throw make(); }, async () => { throw make(); }] as Handler[]) {
      const ran = await run(handler);
      expect(problemOf(ran)).toEqual([500, PLAIN]);
      expect(ran.told).toHaveLength(1);
      expect(ran.told[0]).toBeInstanceOf(TypeError);
    }
  });
});

describe('onError', () => {
  const THROWN = new Error('secret');
  const fail: Handler = () => { throw THROWN; };

  test('makes the answer, of HttpErrors too', async () => {
    const seen: unknown[] = [];
    const onError: FailureAnswer = (error, request) => {
      seen.push(error, request);
      return OK;
    };
    const ran = await run(fail, { onError });
    expect([ran.answers, ran.told, seen]).toEqual([[OK], [THROWN], [THROWN, ran.request]]);
    const meant = new HttpError(404, 'x');
    const second = await run(() => { throw meant; }, { onError });
    expect([second.answers, second.told, seen[2]]).toEqual([[OK], [], meant]);
  });

  test('that fails itself: the plain answer, and both are told', async () => {
    const second = new Error('second');
    const ran = await run(fail, { onError: () => { throw second; } });
    expect([problemOf(ran), ran.told]).toEqual([[500, PLAIN], [THROWN, second]]);
  });

  test('that returns no answer: the plain one', async () => {
    const onError = (() => Promise.resolve(OK)) as unknown as FailureAnswer;
    const ran = await run(() => { throw new HttpError(404, 'gone'); }, { onError });
    expect(problemOf(ran)).toEqual([404, 'gone']);
    expect(ran.told).toEqual([new TypeError('onError must return an HttpResponse')]);
  });
});

describe('authorities (RFC 9110 §7.4)', () => {
  const authorities = ['A.example', 'b.example:8080', 'c.example:80'];

  test.each([
    'a.example', 'A.EXAMPLE', 'B.example:8080', 'c.example:80',
    // A default port goes without saying (RFC 9110 §4.2.3).
    'a.example:80', 'a.example:', 'c.example', 'c.example:',
  ])('%s is served', async (authority) => {
    const { answers } = await run(() => OK, { authorities, parts: { authority } });
    expect(answers).toEqual([OK]);
  });

  test('the default port of https is another (RFC 9110 §4.2.2)', async () => {
    const statuses = await Promise.all(['a.example:443', 'a.example:80'].map(async (authority) => {
      const parts: RequestParts = { authority, scheme: 'https' };
      return (await run(() => OK, { authorities, parts })).answers[0]?.status;
    }));
    expect(statuses).toEqual([200, 421]);
  });

  test.each([
    'd.example', 'a.example:443', 'a.example:8080', 'b.example', 'b.example:80', '', ':80',
    'a.example.',
  ])(
    '%j is foreign: 421, and no handler is asked', async (authority) => {
      let asked = 0;
      const ran = await run(() => {
        asked++;
        return OK;
      }, { authorities, parts: { authority } });
      expect(problemOf(ran)[0]).toBe(421);
      expect(asked).toBe(0);
    },
  );

  test('where none are given, all are served', async () => {
    expect((await run(() => OK, { parts: { authority: 'any' } })).answers).toEqual([OK]);
  });
});

describe('TRACE (RFC 9110 §9.3.8)', () => {
  const parts: RequestParts = {
    method: 'TRACE', target: '/a?b',
    fields: [
      ['Host', 'a.example'], ['Cookie', 'secret'], ['Authorization', 'secret'], ['X-A', '\xe9'],
      ['Proxy-Authorization', 'secret'], ['Set-Cookie', 'secret'], ['x-a', '2'],
    ],
  };
  const never: Handler = () => { throw new Error('TRACE is not the handler\'s'); };

  test('is off: 405 with allow', async () => {
    const ran = await run(never, { parts });
    expect(problemOf(ran)[0]).toBe(405);
    expect(ran.answers[0]?.fields.get('allow')).toContain('GET');
  });

  test('allowed, it sends the request back without what is secret', async () => {
    const { answers } = await run(never, { parts, allowTrace: true });
    const [{ status, fields, body }] = answers as [HttpResponse];
    expect([status, fields.get('content-type')]).toEqual([200, 'message/http']);
    expect(Buffer.from(body as Uint8Array).toString('latin1'))
      .toBe('TRACE /a?b HTTP/1.1\r\nhost: a.example\r\nx-a: \xe9\r\nx-a: 2\r\n\r\n');
  });
});

describe('E6 a name that the certificate does not serve (RFC 9110 §7.4)', () => {
  const peer = securePeer('a.example', 'b.example');
  const authorities = ['a.example', 'c.example'];
  const asked: [string, string, readonly string[] | undefined, number][] = [
    ['a.example', 'TLS', undefined, 200],
    ['b.example', 'TLS', undefined, 200],
    ['c.example', 'TLS', undefined, 421],
    ['c.example', 'clear text', undefined, 200],
    // Both the configured authorities and the certificate have their say.
    ['a.example', 'TLS', authorities, 200],
    ['b.example', 'TLS', authorities, 421],
    ['c.example', 'TLS', authorities, 421],
    ['c.example', 'clear text', authorities, 200],
  ];

  test.each(asked)(
    '%s over %s, where %j are served: %j', async (authority, over, served, status) => {
      const parts: RequestParts = { authority, ...(over === 'TLS' ? { peer } : {}) };
      const ran = await run(() => OK, { parts, authorities: served });
      expect(ran.answers.map((answer) => answer.status)).toEqual([status]);
    });

  test('the handler hears nothing of it, and the program neither', async () => {
    let calls = 0;
    const ran = await run(() => {
      calls++;
      return OK;
    }, { parts: { authority: 'c.example', peer } });
    expect(problemOf(ran))
      .toEqual([421, 'the certificate of this connection has not that name (RFC 9110 §7.4)']);
    expect([calls, ran.told]).toEqual([0, []]);
  });
});

describe('forwarders', () => {
  test('whose word counts, for the handler (RFC 7239 §4)', async () => {
    const fields = { forwarded: 'for=198.51.100.7;proto=https;host=shop.example' };
    const clients: unknown[] = [];
    const handle: Handler = (request) => {
      clients.push(request.client);
      return OK;
    };
    for (const addresses of [['192.0.2.1'], []]) {
      const forwarders = { trust: trustList(addresses), written: undefined };
      await run(handle, { parts: { fields }, forwarders });
    }
    expect(clients).toEqual([
      { address: '198.51.100.7', port: undefined, scheme: 'https', host: 'shop.example' },
      { address: '192.0.2.1', port: 50_000, scheme: undefined, host: undefined },
    ]);
  });
});
