/**
 * Known attacks on the framing of HTTP/1.x requests, one row each (A1 to A17): the forms that broke
 * other servers, at every split. A refusal closes, and what follows is never a request. Rows on
 * heads and connections are in threats-a-request.test.ts.
 */
import { describe, expect, test } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpError } from '../../src/http/http-error.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { answers, connect, exchange, verdict } from '../support/http1.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import {
  GET, SMUGGLED, chunked, echo, echoes, head, post, refuses, statuses,
} from '../support/vectors.ts';

/** Each form, in its place, is refused. */
function refused(status: number, forms: readonly string[], wrap: (form: string) => string): void {
  test.each(forms)(`%j is ${status}`, async (form) => {
    await refuses(wrap(form) + SMUGGLED, status);
  });
}

const last = '0\r\n\r\n';
/** Answers at once, and leaves content unread. */
const deaf: Handler = () => new HttpResponse(200);

/** Runs `text` and gives what handlers saw of it. */
async function received(text: string, read: (request: HttpRequest) => unknown): Promise<unknown[]> {
  const shown: unknown[] = [];
  await exchange(text, (request) => {
    shown.push(read(request));
    return new HttpResponse(204);
  });
  return shown;
}

describe('A1 CL + TE together', () => {
  const lengths = ['Content-Length: 6', 'content-length: 0', 'CONTENT-LENGTH:3'];
  const codings = ['Transfer-Encoding: chunked', 'transfer-encoding:CHUNKED'];
  const orders = lengths.flatMap((length) => codings.flatMap((coding) => [
    `${length}\r\n${coding}`, `${coding}\r\n${length}`, `${coding}\r\nB: c\r\n${length}`,
  ]));
  refused(400, orders, (lines) => post(lines, last));
});

describe('A2 duplicate Content-Length, different values', () => {
  const values = ['0', '1', '5', '44'];
  const pairs = values.flatMap((a) => values.filter((b) => a !== b).map((b) => `${a} ${b}`));
  refused(400, pairs, (pair) => {
    const lines = pair.split(' ').map((value) => `Content-Length: ${value}`);
    return post(lines, 'abcde');
  });
});

describe('A3 Content-Length list or duplicate, same value', () => {
  refused(400, [
    '5,5', '5, 5', '5 ,5', '5, 5,5', '5,6', '5,', ',5', '5\r\nContent-Length: 5',
    '5\r\ncontent-length:5',
  ], (value) => post(`Content-Length: ${value}`, 'abcde'));
});

describe('A4 Content-Length obfuscation', () => {
  refused(400, [
    '+5', '-5', '- 5', '0x5', '0X5', '5_0', '1Z', '5 5', '', '5\x0b', '\x0b5', '5\x0c', '5\0',
    '\x005', '5.0', '5e0', '5;', '5;a=b', '"5"', '\'5\'', '(5)', '5h', 'five', '\xb5', '\u00b2',
    '\xa05', '5\xa0', '5\x85', '5#', '5%', '%35', '\\5', 'Infinity', 'NaN', 'null', '5n', '0b101',
    '0o5', '9007199254740992', '18446744073709551616', '18446744073709551621',
    '99999999999999999999999999999999',
  ], (value) => post(`Content-Length: ${value}`, 'abcde'));
  refused(400, [
    'Content-Length : 5', 'Content-Length\t: 5', 'Content-Length:\r\n 5', ' Content-Length: 5',
  ], (whole) => post(whole, 'abcde'));
  test('leading zeros are decimal, never octal', async () => {
    await echoes(post('Content-Length: 010', '0123456789') + GET, ['0123456789', '']);
  });
});

describe('A5 TE value obfuscation', () => {
  const wrap = (value: string): string => post(`Transfer-Encoding: ${value}`, last);
  refused(400, [
    ',chunked', 'chunked,', ', chunked', 'chunked,,', '', ',', '"chunked"', '"chunk"ed',
    'chunked;q=1', 'chunked;', 'chunked;a', 'chunked;a=', 'chunked; =b', 'chunked\x0b',
    '\x0bchunked', 'chunked\x0c', '\xa0chunked', 'chunked\xa0', 'chunked\0', '\0chunked',
    'chun ked', 'chun\tked', 'chunked chunked', 'chunked x', '[chunked]', '{chunked}', '(chunked)',
    'chunked=1', 'chunked/1', 'chunked:', 'chunked\\', 'chunked\x7f', 'ch\xdcnked', '\xefchunked',
    'chunked@', '<chunked>', 'gzip;, chunked', 'gzip;a, chunked', 'gzip;a=, chunked',
    'gzip;a="b, chunked', 'gzip chunked', 'chunked\r\n ', 'chunked;a="b"', 'chunked, gzip',
    'chunked, identity', 'chunked,x',
  ], wrap);
  refused(501, [
    'xchunked', 'chunkedx', 'chunk', 'chunked1', 'x-chunked', 'chun_ked', 'chunked.', '*chunked',
    '\'chunked\'', 'gzip', 'identity', 'gzip, chunked', 'identity,chunked', 'gzip;a=b, chunked',
    '0', 'none', 'trailers', 'chunked-x, chunked',
  ], wrap);
  test.each(['chunked', 'cHuNkEd', 'CHUNKED', '\tchunked\t', '   chunked'])(
    '%j is chunked',
    async (value) => {
      await echoes(post(`Transfer-Encoding:${value}`, `1\r\na\r\n${last}`) + GET, ['a', '']);
    },
  );
});

describe('A6 double chunked', () => {
  refused(400, [
    'chunked\r\nTransfer-Encoding: chunked', 'chunked, chunked', 'chunked,chunked',
    'chunked, identity', 'chunked\r\nTransfer-Encoding: identity', 'identity, chunked, chunked',
    'gzip\r\nTransfer-Encoding: chunked\r\ntransfer-encoding: chunked',
  ], (value) => post(`Transfer-Encoding: ${value}`, last));
});

describe('A7 TE name obfuscation', () => {
  refused(400, [
    'Transfer-Encoding ', 'Transfer-Encoding\t', ' Transfer-Encoding', '\tTransfer-Encoding',
    'Transfer-Encoding\0', '\0Transfer-Encoding', 'Transfer-Encoding\x0b', 'Transfer-Encoding\xa0',
    'Transfer Encoding', 'Transfer-\r\nEncoding', 'Transfer-Encoding\r', '"Transfer-Encoding"',
    'Transfer-Encoding:', 'Tr\xe4nsfer-Encoding',
  ], (name) => post(`${name}: chunked`, last));
  test.each([
    'Transfer_Encoding', 'X-Transfer-Encoding', 'Transfer-Encodings', 'TransferEncoding',
    'transfer.encoding', 'Transfer-Encodin',
  ])('%s is another field, under its own name', async (name) => {
    const shown = await received(
      post(`${name}: chunked`), ({ fields }) => [fields.has('transfer-encoding'), fields.get(name)],
    );
    expect(shown).toEqual([[false, 'chunked']]);
    await echoes(post(`${name}: chunked`) + GET, ['', '']);
  });
});

describe('A8 TE on HTTP/1.0', () => {
  refused(400, [
    'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked\r\nContent-Length: 5',
    'Content-Length: 5\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: identity',
  ], (lines) => head('POST / HTTP/1.0', 'Connection: keep-alive', lines) + last);
});

describe('A9 TE.0', () => {
  const methods = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PUT', 'PATCH', 'PROPFIND', 'get'];
  const text = (method: string): string =>
    head(`${method} / HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked') +
    `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n${last}`;
  test.each(methods)('chunks of %s are content', async (method) => {
    const { seen, ended } = await verdict(text(method) + GET, echo);
    expect([seen, ended]).toEqual([[`${method} /`, 'GET /'], false]);
  });
  test('of TRACE and CONNECT they are nothing: the connection ends', async () => {
    for (const target of ['TRACE / HTTP/1.1', 'CONNECT a:1 HTTP/1.1']) {
      const text = head(target, 'Host: a', 'Transfer-Encoding: chunked') + SMUGGLED;
      const { seen, ended } = await exchange(text, deaf);
      expect([seen.includes('GET /x'), ended]).toEqual([false, true]);
    }
  });
});

describe('A10 CL.0', () => {
  test.each<readonly [string, number, Handler]>([
    ['a route that is not there', 404, () => { throw new HttpError(404, 'none'); }],
    ['a method that is not allowed', 405, () => new HttpResponse(405, { allow: 'GET' })],
    ['a redirect', 301, () => new HttpResponse(301, { location: '/b' })],
    ['static content', 200, () => new HttpResponse(200, {}, 'text')],
    ['a stream', 200, () => new HttpResponse(200, {}, new ScriptedSource(['a', 'b']))],
    ['a failure', 500, () => { throw new Error('x'); }],
    ['a rejection', 403, () => Promise.reject(new HttpError(403, 'no'))],
  ])('content that is not read is not a request: %s', async (_, status, handler) => {
    const text = post(`Content-Length: ${SMUGGLED.length}`, SMUGGLED) + GET;
    const outcome = await verdict(text, (request) => (
      request.method === 'GET' ? new HttpResponse(204) : handler(request)
    ));
    expect([statuses(outcome), outcome.seen]).toEqual([[status, 204], ['POST /', 'GET /']]);
  });
});

describe('A11 0.CL and early answers', () => {
  refused(400, ['Content-Length: \r\n 5', 'Content-Length:\r\n\t5', 'Content-Length:\r\n5'],
    (lines) => post(lines, 'abcde'));
  test.each([401, 413])('after an early %i the octets that are due are no request', (status) => {
    const { transport, seen } = connect(({ method }) => (
      new HttpResponse(method === 'GET' ? 200 : status)
    ));
    transport.send(post(`Content-Length: ${SMUGGLED.length}`));
    expect(answers(transport.take())[0]?.status).toBe(status);
    transport.send(SMUGGLED + GET);
    expect(statuses({ answers: answers(transport.take()) })).toEqual([200]);
    expect(seen).toEqual(['POST /', 'GET /']);
  });
  test('or ends the connection, where their end is not known', async () => {
    const text = chunked(`1\r\na\r\n${last}${SMUGGLED}`);
    const { answers: [answer], seen, ended } = await verdict(text, deaf);
    expect([answer?.fields.get('connection'), seen, ended]).toEqual(['close', ['POST /'], true]);
  });
});

describe('A12 Expect desync', () => {
  const expects = (value: string): string => post(['Content-Length: 3', `Expect: ${value}`], 'abc');
  refused(417, [
    'y 100-continue', '100-continue y', '100-continue, 100-continue', '100-continue,', '100',
    '100-continue;', 'x', '"100-continue"', '100-continue\r\nExpect: 100-continue',
    '\xa0100-continue',
  ], expects);
  refused(400, ['100-continue\r\n ', '\r\n 100-continue', '100-continue\0'], expects);
  test.each(['GET', 'HEAD', 'OPTIONS', 'POST'])('it does not frame %s', async (method) => {
    const lines = ['Host: a', 'Content-Length: 3', 'Expect: 100-Continue'];
    const text = head(`${method} / HTTP/1.1`, ...lines);
    const outcome = await exchange(`${text}abc${GET}`, echo);
    expect(outcome.seen).toEqual([`${method} /`, 'GET /']);
    const early = await exchange(text + SMUGGLED, deaf);
    expect([early.seen, early.ended]).toEqual([[`${method} /`], true]);
  });
});

describe('A13 chunk size overflow, sign, prefix', () => {
  refused(400, [
    'FFFFFFFFFFFFFFFF1', 'FFFFFFFFFFFFFFFF', 'fffffffffffffff', '20000000000000', '-1', '+5', '0x5',
    '0X5', '5_0', ' 5', '\t5', '', '5 ', '5\t', '5h', 'g', '5\0', '\x005', '5\x0b', '5\xa0', '\xb5',
    '\x85', '5.', '5,', '(5)', '"5"', '-0', '+0', '0x0', ' 0', '0 ', '1e1 ', '5 5', '5:', '5=',
    '5\\',
  ], (size) => chunked(`${size}\r\nabcde\r\n${last}`));
});

describe('A14 chunk extension flood', () => {
  test('a line of 1 MiB is refused at its 257th octet', () => {
    const { transport, refused: told } = connect(echo);
    transport.send(chunked(`1;${'a'.repeat(254)}`));
    expect(told).toEqual([]);
    transport.send('a');
    expect(told.map(({ status }) => status)).toEqual([400]);
    transport.send('a'.repeat(1024 * 1024));
    expect(told).toHaveLength(1);
  });
  test('100,000 short ones are refused at 4 KiB', async () => {
    const chunks = (count: number): string => chunked('1;x=y\r\na\r\n'.repeat(count) + last);
    expect(statuses(await exchange(chunks(1024), echo))).toEqual([200]);
    expect(statuses(await exchange(chunks(1025), echo))).toEqual([400]);
    expect(statuses(await exchange(chunks(100_000), echo))).toEqual([400]);
  });
});

describe('A15 funky chunks', () => {
  const ends = [
    '\n', '\r', '\r\r\n', '\n\r', '\n\n', '\r\r', '\0\r\n', ' \r\n', ';\n', ';\r', ';\r\r\n',
    ';a\n', ';a\r', ';a\r\r\n', ';a=\r\r\n', ';a=b\n', ';a=b\r\r', ';a="\n"\r\n', ';a="\r"\r\n',
    ';a="b\r\n', ';\0\r\n', ';a\x0b\r\n', ';a\x7f\r\n', '\x0b\r\n', '\x85\r\n', '\u00a0\r\n',
  ];
  refused(400, ends, (end) => chunked(`5${end}abcde\r\n${last}`));
  refused(400, ends, (end) => chunked(`5\r\nabcde\r\n0${end}\r\n`));
  refused(400, [
    '\n', '\r', '', 'x\r\n', '\r\r\n', '\n\n', '\n\r\n', ' \r\n', '\0\r\n', 'f\r\n', '\r\0',
  ], (end) => chunked(`5\r\nabcde${end}${last}`));
});

describe('A16 last chunk spellings, and none', () => {
  test.each(['0', '000', '0;x', '0;x=y', '0 ;x', '0'.repeat(40)])('%s is one', async (size) => {
    await echoes(chunked(`1\r\na\r\n${size}\r\n\r\n`) + GET, ['a', '']);
  });
  test.each([
    '3', '3\r', '3\r\n', '3\r\nab', '3\r\nabc', '3\r\nabc\r', '3\r\nabc\r\n', '0', '0\r', '0\r\n',
    '0\r\n\r', '0\r\na: b', '0\r\na: b\r\n',
  ])('%j, then FIN, is no message', async (chunks) => {
    const failures: unknown[] = [];
    const outcome = await exchange(chunked(chunks), async (request) => {
      await request.body.bytes().catch((error: unknown) => failures.push(error));
      return new HttpResponse(200);
    }, undefined, true);
    expect([statuses(outcome), outcome.ended, failures.length]).toEqual([[400], true, 1]);
  });
});

describe('A17 trailer smuggling', () => {
  refused(400, [
    'Content-Length: 5', 'Transfer-Encoding: chunked', 'Host: b', ':path: /', ': b', 'a : b',
    ' a: b', 'a: b\n', 'a: b\r\n c',
  ], (trailer) => chunked(`0\r\n${trailer}\r\n\r\n`));
  test.each([
    'Authorization', 'Cookie', 'Set-Cookie', 'Content-Type', 'Content-Encoding', 'Trailer', 'TE',
    'Connection', 'Expect', 'Cache-Control',
  ])('%s is dropped, and never merged', async (name) => {
    const shown: unknown[] = [];
    await exchange(chunked(`0\r\n${name}: b\r\n__proto__: c\r\n\r\n`), async ({ body, fields }) => {
      await body.bytes();
      shown.push([...body.trailers()], fields.has(name), fields.has('__proto__'));
      return new HttpResponse(204);
    });
    expect(shown).toEqual([[['__proto__', 'c']], false, false]);
  });
});
