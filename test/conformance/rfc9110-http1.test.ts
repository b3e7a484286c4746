/** What RFC 9110 asks of the HTTP/1.1 wire, in its order; switches: rfc9110-switch.test.ts. */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpError } from '../../src/http/http-error.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { deferred } from '../support/deferred.ts';
import {
  answers, connect, exchange, verdict, type Answer, type ConnectOptions,
} from '../support/http1.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import {
  GET, SMUGGLED, chunked, echo, echoes, head, isRefusal, post, refuses, statuses,
} from '../support/vectors.ts';

const HEAD = head('HEAD / HTTP/1.1', 'Host: a');
const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';

/** The one answer to `text`, as it was read back and as text. */
async function answerTo(
  text: string, handler?: Handler, options?: ConnectOptions,
): Promise<Answer & { readonly text: string }> {
  const { transport } = connect(handler, options);
  transport.send(text);
  await transport.settle();
  const written = transport.take();
  const found = answers(written, [text.slice(0, text.indexOf(' '))], transport.ended);
  expect(found).toHaveLength(1);
  return { ...found[0] as Answer, text: written };
}

describe('§6.5 Trailer Fields', () => {
  test.each(['Content-Length: 3', 'Transfer-Encoding: chunked', 'Host: b', 'hOST: a'])(
    'a trailer that frames or routes is refused: %s (RFC 9110 §6.5.1)',
    async (line) => {
      await refuses(chunked(`1\r\na\r\n0\r\nA: b\r\n${line}\r\n\r\n`) + SMUGGLED, 400);
    },
  );
  test.each([
    'Authorization', 'Proxy-Authorization', 'WWW-Authenticate', 'Cookie', 'Set-Cookie', 'Expect',
    'Range', 'TE', 'Trailer', 'Cache-Control', 'Max-Forwards', 'If-Match', 'If-None-Match',
    'If-Modified-Since', 'If-Unmodified-Since', 'If-Range', 'Content-Encoding', 'Content-Type',
    'Content-Range', 'Connection', 'Keep-Alive', 'Upgrade', 'Age', 'Date', 'Expires', 'Location',
    'Retry-After', 'Vary', 'Pragma',
  ])('a trailer that modifies or authorizes is dropped: %s (RFC 9110 §6.5.1)', async (name) => {
    const shown: unknown[] = [];
    await exchange(chunked(`0\r\nA: b\r\n${name}: c\r\n\r\n`), async ({ body, fields }) => {
      await body.bytes();
      shown.push([...body.trailers()], fields.has(name));
      return new HttpResponse(204);
    });
    expect(shown).toEqual([[['a', 'b']], false]);
  });
  test('they change nothing that was decided from the header', async () => {
    const outcome = await verdict(`${chunked('0\r\nConnection: close\r\n\r\n')}${GET}`, echo);
    expect([statuses(outcome), outcome.ended]).toEqual([[200, 200], false]);
  });

  const withTrailers = (trailers: Record<string, string>): Handler => () => new HttpResponse(
    200, {}, new ScriptedSource(['a'], { trailers: () => Fields.from(trailers) }),
  );
  test('an answer in chunks carries its own', async () => {
    const { trailers, fields } = await answerTo(GET, withTrailers({ 'x-sum': '1', 'x-b': 'c' }));
    expect([...trailers]).toEqual([['x-sum', '1'], ['x-b', 'c']]);
    expect(fields.has('x-sum')).toBe(false);
  });
  test.each(['transfer-encoding', 'content-length', 'connection', 'keep-alive'])(
    'but none that frames: %s',
    async (name) => {
      const { text } = await answerTo(GET, withTrailers({ [name]: '9', 'x-b': 'c' }));
      expect(text).toMatch(/\r\n0\r\nx-b: c\r\n\r\n$/);
    },
  );
  test('where there are no chunks there are none', async () => {
    const { text } = await answerTo(head('GET / HTTP/1.0'), withTrailers({ 'x-sum': '1' }));
    expect(text).toMatch(/\r\n\r\na$/);
    const known = new ScriptedSource(['a'], { length: 1, trailers: () => Fields.from({ b: 'c' }) });
    const answer = await answerTo(GET, () => new HttpResponse(200, {}, known));
    expect(answer.text).toMatch(/\r\n\r\na$/);
  });
});

describe('§6.6.1 Date', () => {
  test.each([200, 204, 206, 301, 304, 400, 404, 500, 503])('%i has one', async (status) => {
    for (const body of [null, new ScriptedSource(['a'])]) {
      const { fields } = await answerTo(GET, () => new HttpResponse(status, {}, body));
      expect(fields.getAll('date')).toEqual([DATE]);
    }
  });
  test('a refusal too', async () => {
    expect((await answerTo(head('GET / HTTP/1.1'))).fields.get('date')).toBe(DATE);
  });
  test('it is of the time of the answer', () => {
    const { transport } = connect();
    transport.tick(5000);
    transport.send(GET);
    expect(answers(transport.take())[0]?.fields.get('date')).toBe('Sun, 06 Nov 1994 08:49:42 GMT');
    transport.tick(1000);
    transport.send(GET);
    expect(answers(transport.take())[0]?.fields.get('date')).toBe('Sun, 06 Nov 1994 08:49:43 GMT');
  });
  test('the handler\'s own stays', async () => {
    const date = 'Mon, 01 Jan 2024 00:00:00 GMT';
    for (const body of ['', new ScriptedSource(['a'])]) {
      const { fields } = await answerTo(GET, () => new HttpResponse(200, { date }, body));
      expect(fields.getAll('date')).toEqual([date]);
    }
  });
});

describe('§7.4 Rejecting Misdirected Requests', () => {
  const authorities = ['example.com', 'b.example:8080'];
  test.each([
    ['Host: example.com', 200], ['Host: EXAMPLE.com', 200], ['Host: b.example:8080', 200],
    ['Host: b.example', 421], ['Host: example.com:8080', 421], ['Host: example.com.evil', 421],
    ['Host: evil', 421], ['Host:', 421], ['Host: example.com:80', 200], ['Host: example.com:', 200],
  ])('a request for an authority that is not served is 421: %s: %i', async (line, status) => {
    const outcome = await exchange(head('GET / HTTP/1.1', line) + GET, undefined, { authorities });
    expect(statuses(outcome)).toEqual([status, 421]);
    expect(outcome.ended).toBe(false);
  });
  test.each([
    ['http://example.com/', 'evil', 200], ['http://evil/', 'example.com', 421],
    ['https://evil/', 'example.com', 421],
  ])('the authority is the target\'s where it has one: %s, Host: %s: %i', async (...row) => {
    const [target, host, status] = row;
    const text = head(`GET ${target} HTTP/1.1`, `Host: ${host}`);
    expect((await answerTo(text, undefined, { authorities })).status).toBe(status);
  });
  test('the handler is not called, and the content is read away', async () => {
    const foreign = post('Content-Length: 3', 'abc');
    const served = head('GET / HTTP/1.1', 'Host: example.com');
    const outcome = await verdict(foreign + served, undefined, { authorities });
    expect(statuses(outcome)).toEqual([421, 200]);
    expect(outcome.seen).toEqual(['GET /']);
  });
  test('without a list every authority is served', async () => {
    expect((await answerTo(head('GET http://evil/ HTTP/1.1', 'Host: good'))).status).toBe(200);
  });
});

describe('§7.6.1 Connection', () => {
  test('fields of the connection are the protocol\'s own, but for close', async () => {
    const fields = {
      connection: 'frob, keep-alive', 'keep-alive': 'timeout=5', 'proxy-connection': 'keep-alive',
      'transfer-encoding': 'gzip', frob: '1',
    };
    const answer = await answerTo(GET, () => new HttpResponse(200, fields, 'a'));
    expect(answer.fields.toJSON()).toEqual({ frob: '1', 'content-length': '1', date: DATE });
    const closing = await answerTo(GET, () => new HttpResponse(200, { connection: 'Close' }));
    expect(closing.fields.getAll('connection')).toEqual(['close']);
  });
  test('an answer with Upgrade has the connection option of it (RFC 9110 §7.8)', async () => {
    const answer = await answerTo(GET, () => new HttpResponse(426, { upgrade: 'frob' }));
    expect(answer.fields.get('upgrade')).toBe('frob');
    expect(answer.fields.get('connection')).toBe('upgrade');
  });
  test('and beside it close, where the connection ends', async () => {
    const text = head('GET / HTTP/1.1', 'Host: a', 'Connection: close');
    const answer = await answerTo(text, () => new HttpResponse(426, { upgrade: 'frob' }));
    expect(answer.fields.get('connection')?.split(', ').sort()).toEqual(['close', 'upgrade']);
  });
  test('options of a request strip no field that the handler sees', async () => {
    const shown: unknown[] = [];
    const lines = ['Connection: authorization, cookie', 'Authorization: b', 'Cookie: c=d'];
    await exchange(head('GET / HTTP/1.1', 'Host: a', ...lines), ({ fields }) => {
      shown.push(fields.get('authorization'), fields.get('cookie'));
      return new HttpResponse(204);
    });
    expect(shown).toEqual(['b', 'c=d']);
  });
});

describe('§8.6 Content-Length', () => {
  const stream = (length?: number): ScriptedSource =>
    new ScriptedSource(['ab'], length === undefined ? {} : { length });
  const rows: readonly (readonly [string, string, () => HttpResponse, string | undefined])[] = [
    ['text', GET, () => new HttpResponse(200, {}, 'ab'), '2'],
    ['no body', GET, () => new HttpResponse(200), '0'],
    ['no body, 404', GET, () => new HttpResponse(404), '0'],
    ['a stream of known length', GET, () => new HttpResponse(200, {}, stream(2)), '2'],
    ['a stream', GET, () => new HttpResponse(200, {}, stream()), undefined],
    ['its own, and right', GET, () => new HttpResponse(200, { 'content-length': 2 }, 'ab'), '2'],
    ['HEAD: what GET would bring', HEAD, () => new HttpResponse(200, {}, 'ab'), '2'],
    ['HEAD: of a stream', HEAD, () => new HttpResponse(200, {}, stream(2)), '2'],
    ['HEAD: of a stream without', HEAD, () => new HttpResponse(200, {}, stream()), undefined],
    ['HEAD: as told', HEAD, () => new HttpResponse(200, { 'content-length': 9 }), '9'],
    ['304: as told', GET, () => new HttpResponse(304, { 'content-length': 9 }), '9'],
    ['304: none of its own', GET, () => new HttpResponse(304), undefined],
    ['204: never', GET, () => new HttpResponse(204, { 'content-length': 9 }), undefined],
    ['204: never, with a body', GET, () => new HttpResponse(204, {}, 'ab'), undefined],
    ['204: never, with a stream', GET, () => new HttpResponse(204, {}, stream(2)), undefined],
    ['205: none to come', GET, () => new HttpResponse(205, {}, 'ab'), '0'],
    ['205: none, with a stream', GET, () => new HttpResponse(205, {}, stream(2)), '0'],
  ];
  test.each(rows)('%s', async (_, text, make, length) => {
    const answer = await answerTo(text, make);
    expect(answer.fields.get('content-length')).toBe(length);
    // Only GET's own answers with a length of octets have content.
    const content = /^GET/.test(text) && answer.status === 200 && length !== '0' ? 'ab' : '';
    expect(answer.body).toBe(content);
    expect(answer.whole).toBe(true);
  });
  test.each([
    ['less than the body', 1, 'ab'], ['more than the body', 3, 'ab'], ['not a count', 'x', 'ab'],
    ['negative', -1, 'ab'], ['no body', 5, null], ['an empty body', 5, ''],
  ])('one that is wrong is never sent to GET: %s', async (_, length, body) => {
    const outcome = await exchange(
      GET + GET, () => new HttpResponse(200, { 'content-length': length }, body),
    );
    expect(statuses(outcome)).toEqual([500, 500]);
  });
  test('nor with 205, which has no content (RFC 9110 §15.3.6)', async () => {
    const outcome = await exchange(
      GET + GET, () => new HttpResponse(205, { 'content-length': 5 }),
    );
    expect(outcome.answers).toHaveLength(2);
    expect(outcome.answers[0]?.whole).toBe(true);
  });
});

describe('§9.1 Methods', () => {
  test.each(['GET', 'get', 'PROPFIND', 'M-SEARCH', 'QUERY', 'PURGE', 'x'])(
    'any token reaches the handler as it is: %s',
    async (method) => {
      const { seen } = await exchange(head(`${method} /a HTTP/1.1`, 'Host: a'));
      expect(seen).toEqual([`${method} /a`]);
    },
  );
  test('HEAD is not head: a method that is not known has content in its answer', async () => {
    expect((await answerTo(head('head / HTTP/1.1', 'Host: a'))).body).toBe('hello');
  });
});

describe('§9.3.2 HEAD', () => {
  test('the fields are those of GET, the content is not sent', async () => {
    for (const make of [() => 'ab', () => new ScriptedSource(['ab'], { length: 2 })]) {
      const handler: Handler = () => new HttpResponse(200, { etag: '"c"' }, make());
      const [get, only] = [await answerTo(GET, handler), await answerTo(HEAD, handler)];
      expect([...only.fields]).toEqual([...get.fields]);
      expect([get.body, only.body]).toEqual(['ab', '']);
    }
  });
  test('a body that is not sent is cancelled, not pulled', async () => {
    const source = new ScriptedSource(['ab']);
    await answerTo(HEAD, () => new HttpResponse(200, {}, source));
    expect([source.pulls, source.ends]).toEqual([0, ['cancelled']]);
  });
  test('a failure has no content either', async () => {
    const { text } = await answerTo(HEAD, () => { throw new HttpError(404, 'none'); });
    expect(text).toMatch(/^HTTP\/1\.1 404 .*content-length: [1-9]\d*\r\n.*\r\n\r\n$/s);
  });
  test.each([
    ['no Host', head('HEAD / HTTP/1.1'), 400],
    ['a target', head('HEAD * HTTP/1.1', 'Host: a'), 400],
    ['an expectation', head('HEAD / HTTP/1.1', 'Host: a', 'Expect: b'), 417],
    ['a transfer coding', head('HEAD / HTTP/1.1', 'Host: a', 'Transfer-Encoding: b'), 501],
    ['broken content', `${head('HEAD / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')}x`, 400],
  ])('nor has a refusal: %s (RFC 9110 §9.3.2)', async (_, text, status) => {
    const { transport, refused } = connect(echo);
    transport.send(text);
    await transport.settle();
    expect(refused.map((refusal) => refusal.status)).toEqual([status]);
    expect(transport.take()).toMatch(/^HTTP\/1\.1 \d{3} .*\r\n\r\n$/s);
  });
});

describe('§9.3.7 OPTIONS', () => {
  test('* reaches the handler, as a question about the server', async () => {
    const shown: string[] = [];
    const answer = await answerTo(head('OPTIONS * HTTP/1.1', 'Host: a'), ({ path, target }) => {
      shown.push(path, target);
      return new HttpResponse(204, { allow: 'GET, HEAD' });
    });
    expect(shown).toEqual(['*', '*']);
    expect(answer.fields.get('allow')).toBe('GET, HEAD');
  });
  test('an answer without content says so', async () => {
    const text = head('OPTIONS / HTTP/1.1', 'Host: a');
    const answer = await answerTo(text, () => new HttpResponse(200));
    expect(answer.fields.get('content-length')).toBe('0');
  });
});

describe('§9.3.8 TRACE', () => {
  const lines = [
    'Cookie: c=secret', 'Authorization: Basic secret', 'Proxy-Authorization: secret', 'B: kept',
  ];
  const text = head('TRACE /a?b HTTP/1.1', 'Host: a', ...lines);
  test('it is 405 by default, with what is allowed (RFC 9110 §15.5.6)', async () => {
    const outcome = await verdict(text + GET);
    expect(statuses(outcome)).toEqual([405, 200]);
    expect(outcome.answers[0]?.fields.get('allow')).toMatch(/^(?!.*TRACE).*GET/);
    expect(outcome.seen).toEqual(['GET /']);
    expect(outcome.answers[0]?.body).not.toMatch(/secret/);
  });
  test('where it is allowed, the request comes back without its credentials', async () => {
    const answer = await answerTo(text, undefined, { allowTrace: true });
    expect([answer.status, answer.fields.get('content-type')]).toEqual([200, 'message/http']);
    expect(answer.body).toBe('TRACE /a?b HTTP/1.1\r\nhost: a\r\nb: kept\r\n\r\n');
  });
  test('it comes back octet by octet as it was', async () => {
    const own = head('TRACE / HTTP/1.1', 'Host: a', 'B: \xe9\xff');
    expect((await answerTo(own, undefined, { allowTrace: true })).body).toMatch(/b: \xe9\xff\r\n/);
  });
});

describe('§10.1.1 Expect', () => {
  const expecting = (...lines: readonly string[]): string =>
    post(['Content-Length: 3', 'Expect: 100-continue', ...lines]);
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

  test('100 leaves when the handler begins to read, not before', async () => {
    const start = deferred<void>();
    const { transport } = connect(async ({ body }) => {
      await start.promise;
      return new HttpResponse(200, {}, await body.bytes());
    });
    transport.send(expecting());
    await transport.settle();
    expect(transport.take()).toBe('');
    start.resolve();
    await transport.settle();
    expect(transport.take()).toBe(CONTINUE);
    transport.send('abc');
    await transport.settle();
    expect(answers(transport.take()).map(({ body }) => body)).toEqual(['abc']);
    expect(transport.ended).toBe(false);
  });
  test('it leaves once, and in the turn of its request', async () => {
    const first = deferred<HttpResponse>();
    const { transport } = connect((request) => (
      request.path === '/' ? first.promise : echo(request)
    ));
    const lines = ['Host: a', 'Content-Length: 3', 'Expect: 100-continue'];
    transport.send(GET + head('GET /1 HTTP/1.1', ...lines));
    await transport.settle();
    expect(transport.take()).toBe('');
    first.resolve(new HttpResponse(204));
    await transport.settle();
    expect(transport.take()).toMatch(/^HTTP\/1\.1 204 .*\r\n\r\nHTTP\/1\.1 100 Continue\r\n\r\n$/s);
    transport.send('ab');
    transport.send('c');
    await transport.settle();
    expect(answers(transport.take()).map(({ body }) => body)).toEqual(['abc']);
  });
  test.each(['100-Continue', '100-CONTINUE', ' 100-continue\t'])(
    'case means nothing: %j',
    async (value) => {
      const { transport } = connect(echo);
      transport.send(post(['Content-Length: 3', `Expect: ${value}`]));
      await transport.settle();
      expect(transport.take()).toBe(CONTINUE);
    },
  );
  test.each([
    ['the content is already there', `${expecting()}abc`],
    ['it has begun', `${expecting()}a`],
    ['there is none to come', head('GET / HTTP/1.1', 'Host: a', 'Expect: 100-continue')],
    ['its length is 0', post(['Content-Length: 0', 'Expect: 100-continue'])],
    ['the request is HTTP/1.0', head(
      'POST / HTTP/1.0', 'Content-Length: 3', 'Expect: 100-continue',
    )],
  ])('none is sent where %s', async (_, text) => {
    const start = deferred<void>();
    const { transport } = connect(async ({ body }) => {
      await start.promise;
      return new HttpResponse(200, {}, await body.bytes());
    });
    transport.send(text);
    start.resolve();
    await transport.settle();
    expect(transport.take()).not.toMatch(/^HTTP\/1\.1 100/);
  });
  test.each(['b', '200-ok', '100-continue, b', 'y 100-continue', '100-continue;a', '100', ''])(
    'another expectation is 417: %j (RFC 9110 §15.5.18)',
    async (value) => {
      await refuses(post([`Expect: ${value}`, 'Content-Length: 3'], 'abc') + SMUGGLED, 417);
    },
  );
  test('HTTP/1.0 has none: any is ignored', async () => {
    const text = head('POST / HTTP/1.0', 'Expect: b', 'Content-Length: 3');
    expect((await answerTo(`${text}abc`, echo)).body).toBe('abc');
  });
  test('an answer in place of 100 closes: content may follow or not', async () => {
    for (const content of ['', 'abc', SMUGGLED]) {
      const outcome = await exchange(expecting() + content, () => new HttpResponse(413));
      expect([statuses(outcome), outcome.ended]).toEqual([[413], true]);
      expect(outcome.answers[0]?.fields.get('connection')).toBe('close');
      expect(outcome.seen).toEqual(['POST /']);
    }
  });
  test('framing does not turn on it, at any split', async () => {
    const outcome = await verdict(`${expecting()}abc${GET}`, () => new HttpResponse(200));
    expect([statuses(outcome), outcome.seen]).toEqual([[200], ['POST /']]);
  });
});

describe('§15.2 Informational', () => {
  const hints = (request: HttpRequest, count = 1): void => {
    for (let sent = 0; sent < count; sent++) request.inform(103, { link: `</${sent}>` });
  };
  test('interim responses leave at once, before the final one', async () => {
    const later = deferred<HttpResponse>();
    const { transport } = connect((request) => {
      hints(request, 2);
      return later.promise;
    });
    transport.send(GET);
    expect(transport.take()).toBe(
      'HTTP/1.1 103 Early Hints\r\nlink: </0>\r\n\r\n' +
      'HTTP/1.1 103 Early Hints\r\nlink: </1>\r\n\r\n',
    );
    later.resolve(new HttpResponse(200));
    await transport.settle();
    expect(transport.take()).toMatch(/^HTTP\/1\.1 200 /);
  });
  test('none is sent to HTTP/1.0', async () => {
    const answer = await answerTo(head('GET / HTTP/1.0'), (request) => {
      hints(request);
      return new HttpResponse(204);
    });
    expect(answer.status).toBe(204);
  });
  test('none is sent after the answer, nor beyond interimResponses', async () => {
    const requests: HttpRequest[] = [];
    const { transport } = connect((request) => {
      requests.push(request);
      hints(request, 9);
      return new HttpResponse(204);
    });
    transport.send(GET);
    requests.forEach((request) => hints(request));
    await transport.settle();
    expect(statuses({ answers: answers(transport.take()) })).toEqual([...Array(8).fill(103), 204]);
  });
  test.each([99, 101, 200, 199.5, NaN, 404])('%d is no interim response', async (status) => {
    const answer = await answerTo(GET, (request) => {
      expect(() => request.inform(status)).toThrow(TypeError);
      return new HttpResponse(204);
    });
    expect(answer.status).toBe(204);
  });
  test.each([100, 101, 199, 99, 600, 200.5])('%d is no final status', (status) => {
    expect(() => new HttpResponse(status)).toThrow(TypeError);
  });
});

describe('§15.5, §15.6 Refusals say what, and close', () => {
  test.each([
    [400, 'RFC 9112 §3.2', head('GET / HTTP/1.1'), {}],
    [413, 'contentBytes, 2 octets', post('Content-Length: 3'), { contentBytes: 2 }],
    [413, 'contentBytes, 2 octets', chunked('3\r\nabc\r\n'), { contentBytes: 2 }],
    [414, 'requestLineBytes, 20 octets', head('GET /abcdefg HTTP/1.1'), { requestLineBytes: 20 }],
    [417, 'RFC 9110 §10.1.1', head('GET / HTTP/1.1', 'Host: a', 'Expect: b'), {}],
    [431, 'fieldSectionBytes, 9 ', head('GET / HTTP/1.1', 'Host: ab'), { fieldSectionBytes: 9 }],
    [431, 'fieldLines, 1 lines', head('GET / HTTP/1.1', 'Host: a', 'b: c'), { fieldLines: 1 }],
    [431, 'trailerLines, 0 lines', chunked('0\r\na: b\r\n\r\n'), { trailerLines: 0 }],
    [501, 'RFC 9112 §6.1', post('Transfer-Encoding: b'), {}],
    [505, 'RFC 9110 §15.6.6', head('GET / HTTP/2.0', 'Host: a'), {}],
  ])('%i names %s', async (status, named, text, limits) => {
    const outcome = await refuses(text + SMUGGLED, status, { limits });
    expect(outcome.refused[0]?.detail).toContain(named);
  });
  test.each([
    ['headMs, 15000', 'GET /', 15_000], ['requestMs, 300000', post('Content-Length: 3'), 300_000],
  ])('408 names %s (RFC 9110 §15.5.9)', async (named, text, ms) => {
    const { transport, refused, seen } = connect(echo, { limits: { bodyRateBytesPerSecond: 0 } });
    transport.send(text);
    transport.tick(ms);
    await transport.settle();
    const found = answers(transport.take(), [], true);
    isRefusal({ answers: found, refused, seen, ended: transport.ended }, 408);
    expect(refused[0]?.detail).toContain(named);
  });
  test('contentBytes are taken, one octet more is not', async () => {
    const limits = { contentBytes: 3 };
    await echoes(post('Content-Length: 3', 'abc') + GET, ['abc', ''], { limits });
    await echoes(chunked('2\r\nab\r\n1\r\nc\r\n0\r\n\r\n') + GET, ['abc', ''], { limits });
    await refuses(post('Content-Length: 4', 'abcd') + SMUGGLED, 413, { limits });
    await refuses(chunked('2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n') + SMUGGLED, 413, { limits });
  });
});
