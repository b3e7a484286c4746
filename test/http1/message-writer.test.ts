/** Messages as text: heads, chunk lines, trailers, and what is remembered between two givings. */
import { describe, expect, test } from 'vitest';
import { BytesSource } from '../../src/http/body.ts';
import { Fields, type FieldsInit } from '../../src/http/fields.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { CHUNKED, UNTIL_CLOSE } from '../../src/http1/framing.ts';
import {
  asksToClose, bareHead, chunkLine, lastChunk, plan, planHead, planText, requestHead, streamFraming,
  streamHead,
} from '../../src/http1/message-writer.ts';

const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
const LATER = 'Sun, 06 Nov 1994 08:49:38 GMT';

/** The lines of a head, sorted but for the first: their order among themselves means nothing. */
function lines(text: string): string[] {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...rest] = text.slice(0, end).split('\r\n');
  return [first, ...rest.sort()];
}

function contentOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

describe('answers at hand', () => {
  test.each<[string, HttpResponse, string[], string]>([
    ['text', new HttpResponse(200, { 'Content-Type': 'a/b' }, 'hello'),
      ['HTTP/1.1 200 OK', 'content-length: 5', 'content-type: a/b', `date: ${DATE}`], 'hello'],
    ['text as UTF-8', new HttpResponse(200, {}, '\u20ac'),
      ['HTTP/1.1 200 OK', 'content-length: 3', `date: ${DATE}`], '\xe2\x82\xac'],
    ['short octets', new HttpResponse(200, {}, Uint8Array.of(0, 255)),
      ['HTTP/1.1 200 OK', 'content-length: 2', `date: ${DATE}`], '\0\xff'],
    ['none', new HttpResponse(404),
      ['HTTP/1.1 404 Not Found', 'content-length: 0', `date: ${DATE}`], ''],
    ['an own Content-Length that is true', new HttpResponse(200, { 'content-length': 5 }, 'hello'),
      ['HTTP/1.1 200 OK', 'content-length: 5', `date: ${DATE}`], 'hello'],
    ['an own date', new HttpResponse(200, { Date: LATER }, 'x'),
      ['HTTP/1.1 200 OK', 'content-length: 1', `date: ${LATER}`], 'x'],
    ['a status without a phrase keeps its space (RFC 9112 §4)', new HttpResponse(299),
      ['HTTP/1.1 299 ', 'content-length: 0', `date: ${DATE}`], ''],
    ['several lines of a name', new HttpResponse(200, { 'set-cookie': ['a=1', 'b=2'] }),
      ['HTTP/1.1 200 OK', 'content-length: 0', `date: ${DATE}`, 'set-cookie: a=1',
        'set-cookie: b=2'], ''],
    // Those of the connection are the protocol's (RFC 9110 §7.6.1).
    ['fields of the connection', new HttpResponse(200, {
      'connection': 'x', 'keep-alive': 'x', 'proxy-connection': 'x', 'transfer-encoding': 'chunked',
    }), ['HTTP/1.1 200 OK', 'content-length: 0', `date: ${DATE}`], ''],
    ['204 has no length (RFC 9110 §8.6)', new HttpResponse(204, { 'content-length': 0 }, 'dropped'),
      ['HTTP/1.1 204 No Content', `date: ${DATE}`], ''],
    ['205 has a length of 0 (RFC 9110 §15.3.6)', new HttpResponse(205, {}, 'dropped'),
      ['HTTP/1.1 205 Reset Content', 'content-length: 0', `date: ${DATE}`], ''],
    ['304 has the length that it is given (RFC 9110 §8.6)',
      new HttpResponse(304, { 'content-length': 7 }),
      ['HTTP/1.1 304 Not Modified', 'content-length: 7', `date: ${DATE}`], ''],
    ['304 has none of its own', new HttpResponse(304, {}, 'dropped'),
      ['HTTP/1.1 304 Not Modified', `date: ${DATE}`], ''],
  ])('%s', (_, response, head, content) => {
    const text = planText(plan(response), DATE);
    expect(lines(text)).toEqual(head);
    expect(contentOf(text)).toBe(content);
    expect(planText(plan(response), DATE)).toBe(text);
  });

  test('content of up to 512 octets is joined, more is not copied', () => {
    const short = plan(new HttpResponse(200, {}, 'x'.repeat(512)));
    expect([short.text.length, short.bytes, short.length]).toEqual([512, undefined, 512]);
    const octets = new Uint8Array(513);
    const long = plan(new HttpResponse(200, {}, octets));
    expect([long.text, long.bytes, long.length]).toEqual(['', octets, 513]);
    expect(long.bytes).toBe(octets);
    expect(contentOf(planText(long, DATE))).toBe('');
  });

  test('a second giving has its own date, and is planned once', () => {
    const response = new HttpResponse(200, {}, 'hello');
    const first = planText(plan(response), DATE);
    const second = planText(plan(response), LATER);
    expect(second).toBe(first.replace(DATE, LATER));
    expect(planText(plan(response), DATE)).toBe(first);
    expect(plan(response)).toBe(plan(response));
  });

  test('the end of a connection is said in the head', () => {
    const planned = plan(new HttpResponse(200, { 'x-a': 'b' }, 'hello'));
    expect(lines(planHead(planned, DATE, 'close'))).toEqual([
      'HTTP/1.1 200 OK', 'connection: close', 'content-length: 5', `date: ${DATE}`, 'x-a: b',
    ]);
    expect(contentOf(planHead(planned, DATE, 'close'))).toBe('');
  });

  test.each<[FieldsInit, boolean]>([
    [{ connection: 'close' }, true], [{ Connection: 'CLOSE' }, true],
    [{ connection: 'keep-alive' }, false],
    [{}, false],
  ])('a handler asks for the end by %o: %s', (fields, close) => {
    const response = new HttpResponse(200, fields);
    expect([plan(response).close, asksToClose(response)]).toEqual([close, close]);
  });

  test.each<[string, HttpResponse, string]>([
    ['longer', new HttpResponse(200, { 'content-length': 6 }, 'hello'),
      'content-length says 6, the body has 5'],
    ['shorter', new HttpResponse(200, { 'content-length': 4 }, 'hello'),
      'content-length says 4, the body has 5'],
    ['of nothing', new HttpResponse(200, { 'content-length': 4 }, ''),
      'content-length says 4, the body has 0'],
    ['no number', new HttpResponse(200, { 'content-length': 'x' }),
      'content-length "x" is no count of octets'],
    ['negative', new HttpResponse(200, { 'content-length': -1 }),
      'content-length "-1" is no count of octets'],
    ['twice', new HttpResponse(200, { 'content-length': ['5', '5'] }, 'hello'),
      'content-length "5, 5" is no count of octets'],
  ])('a Content-Length that is %s is a TypeError (RFC 9110 §8.6)', (_, response, message) => {
    expect(() => plan(response)).toThrow(TypeError);
    expect(() => plan(response)).toThrow(message);
  });
});

describe('answers that are pulled', () => {
  const source = new BytesSource(new Uint8Array(5));

  test.each<[string, FieldsInit, number | undefined, number, number]>([
    ['a known length', {}, 5, 1, 5],
    ['a known length to HTTP/1.0', {}, 5, 0, 5],
    ['a length of 0', {}, 0, 1, 0],
    ['no length', {}, undefined, 1, CHUNKED],
    ['no length to HTTP/1.0, which has no chunks (RFC 9112 §6.1)', {}, undefined, 0, UNTIL_CLOSE],
    ['a handler\'s own length', { 'content-length': 7 }, undefined, 1, 7],
    ['a handler\'s own length that is true', { 'content-length': 5 }, 5, 1, 5],
  ])('%s', (_, fields, length, minor, framing) => {
    expect(streamFraming(new HttpResponse(200, fields, source), length, minor)).toBe(framing);
  });

  test('an own length that is not the body\'s is a TypeError (RFC 9110 §8.6)', () => {
    const response = new HttpResponse(200, { 'content-length': 7 }, source);
    expect(() => streamFraming(response, 5, 1)).toThrow('content-length says 7, the body has 5');
  });

  test.each([
    [5, '', ['content-length: 5']],
    [CHUNKED, '', ['transfer-encoding: chunked']],
    [CHUNKED, 'close', ['connection: close', 'transfer-encoding: chunked']],
    [UNTIL_CLOSE, 'close', ['connection: close']],
  ])('the head of framing %d, connection %j', (framing, connection, expected) => {
    const fields = { 'x-a': 'b', 'transfer-encoding': 'gzip', 'content-length': 5 };
    const head = streamHead(new HttpResponse(200, fields, source), framing, DATE, connection);
    const rest = [...expected, `date: ${DATE}`, 'x-a: b'].sort();
    expect(lines(head)).toEqual(['HTTP/1.1 200 OK', ...rest]);
    expect(head.endsWith('\r\n\r\n')).toBe(true);
  });

  test('a handler\'s own date stays', () => {
    const head = streamHead(new HttpResponse(200, { date: LATER }, source), 5, DATE, '');
    expect(lines(head)).toEqual(['HTTP/1.1 200 OK', 'content-length: 5', `date: ${LATER}`]);
  });
});

test('heads without framing: interim ones (RFC 9110 §15.2)', () => {
  expect(bareHead(103, Fields.from({ link: '</a>', 'content-length': 5 })))
    .toBe('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n');
  expect(bareHead(100, Fields.empty)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
});

describe('§7.1 Chunked Transfer Coding', () => {
  const LINES: [number, string][] = [[1, '1\r\n'], [10, 'a\r\n'], [4096, '1000\r\n']];
  test.each(LINES)('%d is %j', (octets, line) => {
    expect(chunkLine(octets)).toBe(line);
  });

  test('the last chunk, and trailers after it (RFC 9112 §7.1.2)', () => {
    expect(lastChunk(undefined)).toBe('0\r\n\r\n');
    expect(lastChunk(Fields.empty)).toBe('0\r\n\r\n');
    const trailers = Fields.from({ digest: 'x', 'X-B': 'y' });
    expect(lastChunk(trailers)).toBe('0\r\ndigest: x\r\nx-b: y\r\n\r\n');
  });

  test('no trailer frames a message (RFC 9110 §6.5.1)', () => {
    const trailers = Fields.from({ 'content-length': 5, 'transfer-encoding': 'chunked', a: 'b' });
    expect(lastChunk(trailers)).toBe('0\r\na: b\r\n\r\n');
  });
});

describe('request heads, for clients', () => {
  test('a request line and fields', () => {
    expect(requestHead('POST', '/a?b', { Host: 'a', 'content-length': 5 }))
      .toBe('POST /a?b HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n');
  });

  test.each([
    ['', '/'], ['GET ', '/'], ['G\r\nT', '/'], ['GET', ''], ['GET', '/ a'], ['GET', '/\r\n'],
    ['GET', '/\n'], ['GET', '/\xe9'],
  ])('%j %j is a TypeError: nothing can end its line', (method, target) => {
    expect(() => requestHead(method, target, {})).toThrow(TypeError);
  });

  test('fields are checked', () => {
    expect(() => requestHead('GET', '/', { a: 'b\r\nc: d' })).toThrow(TypeError);
  });
});
