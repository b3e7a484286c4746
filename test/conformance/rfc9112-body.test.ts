/** RFC 9112 §6 to §8: how long content is, transfer codings, incomplete messages, in its order. */
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import type { Handler } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/fields.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  CHUNKED, FieldLines, UNTIL_CLOSE, parseFieldLines, responseFraming,
} from '../../src/http1/index.ts';
import { connect, exchange, verdict } from '../support/http1.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import {
  GET, SMUGGLED, chunked, echo, echoes, head, isRefusal, octets, post, refuses, statuses,
} from '../support/vectors.ts';

/** What a handler's answer to `text` is on the wire. */
async function written(handler: Handler, text = GET): Promise<string> {
  const { transport } = connect(handler);
  transport.send(text);
  await transport.settle();
  return transport.take();
}

const HEAD_AND_GET = head('HEAD / HTTP/1.1', 'Host: a') + GET;

describe('§6 Message Body', () => {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'FROB'];
  test.each(methods)('framing is independent of the method: %s', async (method) => {
    const contents: string[] = [];
    let requests = 0;
    const handler: Handler = async ({ body }) => {
      const at = requests++;
      contents[at] = await body.text();
      return new HttpResponse(200);
    };
    const long = head(`${method} / HTTP/1.1`, 'Host: a', 'Content-Length: 3');
    const cut = head(`${method} / HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked');
    await exchange(`${long}abc${cut}2\r\nde\r\n0\r\n\r\n${GET}`, handler);
    expect(contents).toEqual(['abc', 'de', '']);
  });
  test('neither field: there is no content, and what follows is the next request', async () => {
    await echoes(post([]) + GET, ['', '']);
  });
});

describe('§6.1 Transfer-Encoding', () => {
  test('chunked is understood', async () => {
    await echoes(chunked('3\r\nabc\r\n0\r\n\r\n') + GET, ['abc', '']);
  });
  test.each([
    'gzip, chunked', 'gzip', 'deflate', 'compress, chunked', 'x-gzip, chunked', 'identity',
    'identity, chunked', 'br, gzip, chunked', 'frob;a=b, chunked', 'frob;a="b", chunked',
  ])(
    'a coding that is not understood is 501: %s (RFC 9112 §6.1)',
    async (value) => {
      await refuses(post(`Transfer-Encoding: ${value}`, '0\r\n\r\n') + SMUGGLED, 501);
    },
  );
  test('it is one list, over however many lines', async () => {
    const lines = ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked'];
    await refuses(post(lines, '0\r\n\r\n') + SMUGGLED, 501);
    await refuses(post([...lines].reverse(), '0\r\n\r\n') + SMUGGLED, 400);
  });
  test.each([
    [['Content-Length: 5', 'Transfer-Encoding: chunked']],
    [['Transfer-Encoding: chunked', 'Content-Length: 5']],
    [['Transfer-Encoding: chunked', 'Content-Length: 0']],
    [['Transfer-Encoding: gzip', 'Content-Length: 5']],
  ])('together with Content-Length it is 400, and the end: %j (RFC 9112 §6.1)', async (lines) => {
    await refuses(post(lines, '0\r\n\r\n') + SMUGGLED, 400);
  });
  test.each([
    [['Transfer-Encoding: chunked']],
    [['Transfer-Encoding: chunked', 'Content-Length: 5']],
    [['Transfer-Encoding: chunked', 'Connection: keep-alive']],
    [['Transfer-Encoding: gzip']],
  ])('in HTTP/1.0 the framing is faulty: %j (RFC 9112 §6.1)', async (lines) => {
    await refuses(head('POST / HTTP/1.0', 'Host: a', ...lines) + SMUGGLED, 400);
  });

  const stream = (status: number): Handler => () =>
    new HttpResponse(status, { 'transfer-encoding': 'gzip' }, new ScriptedSource(['ab']));
  test.each([204, 205, 304])('it is not sent with %i, which has no content', async (status) => {
    const text = await written(stream(status));
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    // A 304 may tell what the 200 would have had (RFC 9112 §6.1).
    if (status !== 304) expect(text).not.toMatch(/transfer-encoding/i);
    expect(text.slice(text.indexOf('\r\n\r\n'))).toBe('\r\n\r\n');
  });
  test('it is not sent with an interim response', async () => {
    const text = await written((request) => {
      request.inform(103, { 'transfer-encoding': 'chunked', 'content-length': '5', link: '</a>' });
      return new HttpResponse(204);
    });
    expect(text).toMatch(/^HTTP\/1\.1 103 Early Hints\r\nlink: <\/a>\r\n\r\nHTTP\/1\.1 204 /);
  });
  test('nor with a 2xx to CONNECT', async () => {
    const fields = { 'transfer-encoding': 'chunked', 'content-length': '5' };
    const { factory } = nextProtocol();
    const text = await written(
      () => HttpResponse.switching(factory, fields), head('CONNECT a:1 HTTP/1.1', 'Host: a:1'),
    );
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(text).not.toMatch(/transfer-encoding|content-length/);
  });
  test('nor to HTTP/1.0: content of unknown length ends with the connection', async () => {
    const keep = head('GET / HTTP/1.0', 'Connection: keep-alive');
    const { transport } = connect(stream(200));
    transport.send(keep);
    await transport.settle();
    const text = transport.take();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\nconnection: close\r\ndate: .*\r\n\r\nab$/);
    expect(transport.ended).toBe(true);
  });
  test('chunked is applied once, whatever the handler says', async () => {
    const text = await written(() => new HttpResponse(
      200, { 'transfer-encoding': 'chunked' }, new ScriptedSource(['ab']),
    ));
    expect(text.match(/transfer-encoding: chunked\r\n/g)).toHaveLength(1);
    expect(text).toMatch(/\r\n\r\n2\r\nab\r\n0\r\n\r\n$/);
  });
});

describe('§6.2 Content-Length', () => {
  test('it is not sent beside Transfer-Encoding', async () => {
    const unknown = await written(() => new HttpResponse(200, {}, new ScriptedSource(['ab'])));
    expect(unknown).toMatch(/transfer-encoding: chunked/);
    expect(unknown).not.toMatch(/content-length/);
    const fields = { 'transfer-encoding': 'chunked', 'content-length': '2' };
    const known = await written(() => new HttpResponse(200, fields, new ScriptedSource(['ab'])));
    expect(known).toMatch(/content-length: 2\r\n/);
    expect(known).not.toMatch(/transfer-encoding/);
  });
  test('it counts octets, not characters', async () => {
    const text = await written(() => new HttpResponse(200, {}, '\u00e9\u20ac'));
    expect(text).toMatch(/content-length: 5\r\n.*\r\n\r\n\xc3\xa9\xe2\x82\xac$/s);
  });
});

describe('§6.3 Message Body Length', () => {
  test.each([
    ['text', () => 'ab'], ['octets', () => octets('ab')],
    ['a stream', () => new ScriptedSource(['ab'])],
    ['a stream of known length', () => new ScriptedSource(['ab'], { length: 2 })],
  ])('rule 1: no content to HEAD: %s', async (_, body) => {
    const { answers } = await verdict(HEAD_AND_GET, () => new HttpResponse(200, {}, body()));
    expect(answers.map((answer) => answer.body)).toEqual(['', 'ab']);
  });
  test.each([204, 304])('rule 1: no content with %i', async (status) => {
    const bodies = [() => 'ab', () => octets('ab'), () => new ScriptedSource(['ab'])];
    for (const body of bodies) {
      const { answers } = await exchange(GET + GET, () => new HttpResponse(status, {}, body()));
      expect(statuses({ answers })).toEqual([status, status]);
    }
  });
  test('rule 2: after a 2xx to CONNECT there is a tunnel, no content', async () => {
    const next = nextProtocol('hi');
    const text = head('CONNECT a:1 HTTP/1.1', 'Host: a:1');
    expect(await written(() => HttpResponse.switching(next.factory), text)).toMatch(/\r\n\r\nhi$/);
  });
  test('rule 3: both fields are an error', async () => {
    const lines = ['Content-Length: 3', 'Transfer-Encoding: chunked'];
    const { refused } = await refuses(post(lines, '0\r\n\r\n') + SMUGGLED, 400);
    expect(refused[0]?.detail).toMatch(/§6\.3, rule 3/);
  });
  test.each(['chunked, gzip', 'chunked, identity', 'chunked, frob;a=b'])(
    'rule 4: chunked is the last coding of a request: %s',
    async (value) => {
      await refuses(post(`Transfer-Encoding: ${value}`, '0\r\n\r\n') + SMUGGLED, 400);
    },
  );
  test.each([
    '', '-1', '+3', '3x', '0x3', '3.0', '3 3', '3,3', '3, 3', '1e1', '\xb3', '"3"',
    '9007199254740992', '99999999999999999999',
  ])(
    'rule 5: an invalid Content-Length is 400, and the end: %j',
    async (value) => {
      await refuses(post(`Content-Length: ${value}`, 'abc') + SMUGGLED, 400);
    },
  );
  test.each([['3', '3'], ['3', '4'], ['0', '3'], ['3', '']])(
    'rule 5: so are two, the same or not: %j and %j',
    async (...values) => {
      const lines = values.map((value) => `Content-Length: ${value}`);
      await refuses(post(lines, 'abc') + SMUGGLED, 400);
    },
  );
  test.each([
    ['0', ''], ['3', 'abc'], ['003', 'abc'], ['5', '\r\n\r\n\0'], ['0000000000000000003', 'abc'],
  ])('rule 6: %s octets are content', async (value, content) => {
    await echoes(post(`Content-Length: ${value}`, content) + GET, [content, '']);
  });
  test('rule 6: the largest length is taken as it is', async () => {
    const lengths: (number | undefined)[] = [];
    await exchange(post('Content-Length: 9007199254740991'), ({ body }) => {
      lengths.push(body.length);
      return new HttpResponse(204);
    });
    expect(lengths).toEqual([Number.MAX_SAFE_INTEGER]);
  });
  test('rule 6: fewer octets, then FIN, are an incomplete message and the end', async () => {
    await refuses(post('Content-Length: 3', 'ab'), 400);
  });
  test('rule 7: without both fields a request has no content', async () => {
    await echoes(head('POST / HTTP/1.0') + SMUGGLED, ['']);
    await echoes(post([], '') + GET, ['', '']);
  });
  test('rule 8: an answer is framed by length or in chunks wherever it can be', async () => {
    expect(await written(() => new HttpResponse(200, {}, 'a'))).toMatch(/content-length: 1/);
    expect(await written(() => new HttpResponse(200))).toMatch(/content-length: 0/);
    const known = new ScriptedSource(['a'], { length: 1 });
    expect(await written(() => new HttpResponse(200, {}, known), head('GET / HTTP/1.0')))
      .toMatch(/content-length: 1/);
    expect(await written(() => new HttpResponse(200, {}, new ScriptedSource(['a']))))
      .toMatch(/transfer-encoding: chunked/);
  });

  const responses: readonly (readonly [string, number, string[], number | 'refused'])[] = [
    ['HEAD', 200, ['Content-Length: 5'], 0], ['HEAD', 200, ['Transfer-Encoding: chunked'], 0],
    ['GET', 204, ['Content-Length: 5'], 0], ['GET', 304, ['Transfer-Encoding: chunked'], 0],
    ['GET', 103, ['Content-Length: 5'], 0], ['CONNECT', 200, ['Content-Length: 5'], 0],
    ['CONNECT', 403, ['Content-Length: 5'], 5], ['GET', 200, ['Content-Length: 5'], 5],
    ['GET', 200, ['Transfer-Encoding: chunked'], CHUNKED], ['GET', 200, [], UNTIL_CLOSE],
    ['GET', 200, ['Content-Length: 5', 'Transfer-Encoding: chunked'], 'refused'],
    ['GET', 200, ['Transfer-Encoding: gzip'], 'refused'],
    ['GET', 200, ['Content-Length: 5x'], 'refused'],
    ['GET', 200, ['Content-Length: 5', 'Content-Length: 6'], 'refused'],
  ];
  test.each(responses)('a client: %s, %i, %j: %s', (method, status, lines, framing) => {
    const bytes = octets(head(...lines));
    const parsed = new FieldLines();
    const bounds = { bytes: 1000, lines: 10, bytesName: '', linesName: '' };
    const emptyLine = lines.length === 0 ? 2 : 0;
    parseFieldLines(bytes, emptyLine, bytes.length, 0, bounds, parsed);
    const fields = parsed.take(String.fromCharCode(...bytes));
    const frame = (): number => responseFraming(fields, parsed, 1, method, status);
    if (framing === 'refused') expect(frame).toThrow(ConnectionError);
    else expect(frame()).toBe(framing);
  });
});

describe('§7 Transfer Codings', () => {
  test.each(['chunked', 'Chunked', 'CHUNKED', 'cHuNkEd', ' \tchunked\t '])(
    'names compare without case: %j',
    async (value) => {
      await echoes(post(`Transfer-Encoding: ${value}`, '1\r\na\r\n0\r\n\r\n') + GET, ['a', '']);
    },
  );
});

describe('§7.1 Chunked Transfer Coding', () => {
  test.each([
    ['no chunk', '0\r\n\r\n', ''], ['one', '3\r\nabc\r\n0\r\n\r\n', 'abc'],
    ['several', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', 'abc'],
    ['hexadecimal, both cases', 'a\r\n012345678\n\r\nB\r\n0123456789a\r\n0\r\n\r\n',
      '012345678\n0123456789a'],
    ['leading zeros', '0003\r\nabc\r\n000\r\n\r\n', 'abc'],
    ['line ends in data', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
    ['a chunk in data', '5\r\n0\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n'],
    ['100 zeros', `${'0'.repeat(100)}1\r\na\r\n0\r\n\r\n`, 'a'],
  ])('%s', async (_, chunks, content) => {
    await echoes(chunked(chunks) + GET, [content, '']);
  });
  test.each([
    '', ' 3', '3 ', '+3', '-3', '0x3', '3_', 'g', '3\t', '\xb3', '3\0', '3,', '3.', '"3"', 'x',
  ])(
    'a chunk size is hexadecimal digits: %j (RFC 9112 §7.1)',
    async (size) => {
      await refuses(chunked(`${size}\r\nabc\r\n0\r\n\r\n`) + SMUGGLED, 400);
    },
  );
  test.each(['\r\n\r\n', ';a\r\n\r\n', ' \r\n\r\n'])(
    'no size is not the size 0: %j (RFC 9112 §7.1)',
    async (chunks) => {
      await refuses(chunked(chunks) + SMUGGLED, 400);
    },
  );
  test.each([
    ['bare LF after a size', '3\nabc\r\n0\r\n\r\n'],
    ['bare CR after a size', '3\rabc\r\n0\r\n\r\n'],
    ['bare LF after data', '3\r\nabc\n0\r\n\r\n'], ['bare CR after data', '3\r\nabc\r0\r\n\r\n'],
    ['nothing after data', '3\r\nabc0\r\n\r\n'], ['longer data', '3\r\nabcd\r\n0\r\n\r\n'],
    ['shorter data', '4\r\nabc\r\n0\r\n\r\n'], ['bare LF after the last chunk', '0\n\r\n'],
    ['bare LF at the end', '0\r\n\n'], ['bare CR at the end', '0\r\n\r\r\n'],
  ])('chunks end in CRLF alone: %s (RFC 9112 §7.1)', async (_, chunks) => {
    await refuses(chunked(chunks) + SMUGGLED, 400);
  });
  test.each([
    ['1fffffffffffff', /input ended/], ['00001fffffffffffff', /input ended/],
    ['20000000000000', /too large/], ['ffffffffffffff', /too large/],
    ['100000000000000', /too large/], ['ffffffffffffffff1', /too large/],
    ['10000000000000003', /too large/], ['100000003', /input ended/],
  ])('a large size neither overflows nor loses precision: %s', async (size, detail) => {
    const { refused } = await refuses(chunked(`${size}\r\nabc`), 400);
    expect(refused[0]?.detail).toMatch(detail);
  });
  test.each(['chunked;a=b', 'chunked;a', 'chunked;', 'chunked;q=1', 'chunked ;a="b"'])(
    'the coding has no parameters: %s (RFC 9112 §7.1)',
    async (value) => {
      await refuses(post(`Transfer-Encoding: ${value}`, '0\r\n\r\n') + SMUGGLED, 400);
    },
  );
  test('what is sent: a size in hexadecimal, data, CRLF; 0 and an empty line', async () => {
    const source = new ScriptedSource(['ab', 'c'.repeat(17), '\r\n']);
    const text = await written(() => new HttpResponse(200, {}, source));
    expect(text.slice(text.indexOf('\r\n\r\n') + 4))
      .toBe(`2\r\nab\r\n11\r\n${'c'.repeat(17)}\r\n2\r\n\r\n\r\n0\r\n\r\n`);
  });
});

describe('§7.1.1 Chunk Extensions', () => {
  test.each([
    ';a', ';a=b', ';a="b"', ' ; a = b', '\t;\ta\t=\t"b"', ';a;b;c=d', ';a="b;c\\"\\\\\t \xe9"',
    ';a=""', ';!#$%&\'*+-.^_`|~=!',
  ])(
    'what is not known is ignored: %j',
    async (extension) => {
      await echoes(chunked(`1${extension}\r\na\r\n0${extension}\r\n\r\n`) + GET, ['a', '']);
    },
  );
  test.each([
    ';', ';=b', ';a=', ';a="b', ';a="b"c', ';a b', ' ', ';a ', 'a=b', ';a=b=c', ';a="\x7f"', ',a',
    ';a="\\\0"', ';a\0', ';a=\xe9', ';\xe9', ';a\n', ';a="\n"', ';a\rb', ';a="\r\n"',
  ])(
    'what the grammar does not allow is 400: %j (RFC 9112 §7.1.1)',
    async (extension) => {
      await refuses(chunked(`1${extension}\r\na\r\n0\r\n\r\n`) + SMUGGLED, 400);
    },
  );
  test('a line of chunkLineBytes is taken, one octet more is 400', async () => {
    const limits = { chunkLineBytes: 6 };
    await echoes(chunked('1;abcd\r\na\r\n0\r\n\r\n') + GET, ['a', ''], { limits });
    await refuses(chunked('1;abcde\r\na\r\n0\r\n\r\n') + SMUGGLED, 400, { limits });
    await refuses(chunked('0000001\r\na\r\n0\r\n\r\n') + SMUGGLED, 400, { limits });
  });
  test('extensions of chunkExtensionBytes in sum are taken, one octet more is 400', async () => {
    const limits = { chunkExtensionBytes: 6 };
    await echoes(chunked('1;ab\r\na\r\n0;cd\r\n\r\n') + GET, ['a', ''], { limits });
    await refuses(chunked('1;ab\r\na\r\n0;cde\r\n\r\n') + SMUGGLED, 400, { limits });
  });
  test('the defaults are 256 octets a line and 4 KiB a request', async () => {
    const line = (octets: number): string => `1;${'a'.repeat(octets - 2)}\r\na\r\n`;
    const send = async (chunks: string): Promise<number[]> =>
      statuses(await exchange(chunked(`${chunks}0\r\n\r\n`), echo));
    expect(await send(line(256))).toEqual([200]);
    expect(await send(line(257))).toEqual([400]);
    expect(await send(line(129).repeat(32))).toEqual([200]);
    expect(await send(line(129).repeat(32) + line(3))).toEqual([400]);
  });
});

describe('§7.1.2 Chunked Trailer Section', () => {
  test('trailer fields stand by themselves, and are there after the content', async () => {
    const shown: unknown[] = [];
    const handler = async (request: HttpRequest): Promise<HttpResponse> => {
      shown.push([...request.trailers]);
      await request.body.bytes();
      shown.push([...request.trailers], request.fields.get('x'), request.fields.has('y'));
      return new HttpResponse(204);
    };
    const lines = ['Transfer-Encoding: chunked', 'X: header'];
    const text = post(lines, '1\r\na\r\n0\r\nX: trailer\r\ny:\t1 \r\n\r\n');
    expect(statuses(await exchange(text + GET, handler))).toEqual([204, 204]);
    expect(shown.slice(0, 4)).toEqual([[], [['x', 'trailer'], ['y', '1']], 'header', false]);
  });
  test.each(['y : 1', ' y: 1', 'y', ': 1', 'y: \0', 'y: 1\r\n 2', 'y: 1\n', 'y: \r1', '\xe9: 1'])(
    'they are field lines, as strict as others: %j',
    async (line) => {
      await refuses(chunked(`0\r\n${line}\r\n\r\n`) + SMUGGLED, 400);
    },
  );
  test('trailerBytes and trailerLines are taken, one more is 431', async () => {
    const bytes = { limits: { trailerBytes: 10 } };
    await echoes(chunked('0\r\nabc: def\r\n\r\n') + GET, ['', ''], bytes);
    await refuses(chunked('0\r\nabc: defg\r\n\r\n') + SMUGGLED, 431, bytes);
    const lines = { limits: { trailerLines: 2 } };
    await echoes(chunked('0\r\na:b\r\nc:d\r\n\r\n') + GET, ['', ''], lines);
    await refuses(chunked('0\r\na:b\r\nc:d\r\ne:f\r\n\r\n') + SMUGGLED, 431, lines);
  });
  test('the defaults are 4 KiB in 32 lines', async () => {
    const send = async (trailers: string): Promise<number[]> =>
      statuses(await exchange(chunked(`0\r\n${trailers}\r\n`), echo));
    expect(await send(`a:${'b'.repeat(4092)}\r\n`)).toEqual([200]);
    expect(await send(`a:${'b'.repeat(4093)}\r\n`)).toEqual([431]);
    expect(await send('a:b\r\n'.repeat(32))).toEqual([200]);
    expect(await send('a:b\r\n'.repeat(33))).toEqual([431]);
  });
  test('an answer\'s trailers follow its last chunk', async () => {
    const trailers = (): Fields => Fields.from({ 'x-count': '1' });
    const source = (): ScriptedSource => new ScriptedSource(['a'], { trailers });
    expect(await written(() => new HttpResponse(200, {}, source()))).toMatch(
      /\r\n\r\n1\r\na\r\n0\r\nx-count: 1\r\n\r\n$/,
    );
  });
});

describe('§7.1.3 Decoding Chunked', () => {
  test('the content is the data of all chunks, whatever their cut', async () => {
    const content = 'The quick brown fox\r\n0\r\n\r\n';
    for (let size = 1; size <= content.length; size++) {
      let chunks = '';
      for (let at = 0; at < content.length; at += size) {
        const data = content.slice(at, at + size);
        chunks += `${data.length.toString(16)}\r\n${data}\r\n`;
      }
      const { answers } = await exchange(chunked(`${chunks}0\r\n\r\n`) + GET, echo);
      expect(answers.map(({ body }) => body)).toEqual([content, '']);
    }
  });
});

describe('§7.4 Negotiating Transfer Codings', () => {
  test.each(['', 'deflate', 'trailers, deflate;q=0.5', 'gzip;q=1', 'chunked', 'chunked;q=0'])(
    'no coding but chunked is ever applied: TE: %s',
    async (te) => {
      const source = new ScriptedSource(['a']);
      const text = head('GET / HTTP/1.1', 'Host: a', `TE: ${te}`, 'Connection: TE');
      expect(await written(() => new HttpResponse(200, {}, source), text))
        .toMatch(/^transfer-encoding: chunked\r\n/m);
    },
  );
});

describe('§8 Handling Incomplete Messages', () => {
  test.each([
    ['a request line', 'GET / HT'], ['field lines', 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ['an empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\r'],
    ['content', post('Content-Length: 3', 'ab')],
    ['content of which nothing came', post('Content-Length: 3')],
    ['a chunk size', chunked('3')], ['a chunk', chunked('3\r\nab')],
    ['its end', chunked('3\r\nabc\r')],
    ['the last chunk', chunked('3\r\nabc\r\n0\r\n')], ['trailers', chunked('0\r\na: b\r\n')],
    ['the last line end', chunked('0\r\n\r')], ['nothing but a head', chunked('')],
  ])('the input that ends within %s is told so, then closed', async (_, text) => {
    isRefusal(await exchange(text, echo, undefined, true), 400);
    isRefusal(await exchange([...text], echo, undefined, true), 400);
  });
  test('the handler of an incomplete request learns of it', async () => {
    const told: unknown[] = [];
    const { transport } = connect(async ({ body, signal }) => {
      signal.addEventListener('abort', () => told.push('signal'));
      await body.bytes().catch((error: unknown) => told.push((error as Error).message));
      return new HttpResponse(204);
    });
    transport.send(post('Content-Length: 3', 'ab'));
    transport.sendEof();
    await transport.settle();
    expect(told).toEqual(['signal', expect.stringMatching(/input ended within content/)]);
    expect(transport.take()).toMatch(/^HTTP\/1\.1 400 /);
  });
  test.each([
    ['in chunks', {}], ['of a length', { length: 9 }],
  ])('an answer that breaks off does not look complete: %s', async (_, options) => {
    const source = new ScriptedSource(['ab', () => { throw new Error('disk'); }], options);
    const { transport } = connect(() => new HttpResponse(200, {}, source), { window: Infinity });
    transport.send(GET);
    await transport.settle();
    expect(transport.take()).not.toMatch(/\r\n0\r\n\r\n$/);
    expect(transport.closed).toBe(true);
    expect(transport.cause?.message).toBe('disk');
  });
});
