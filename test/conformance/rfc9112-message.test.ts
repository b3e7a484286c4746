/** RFC 9112 §2 to §5: messages, request lines, status lines and field lines, in its order. */
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import type { Handler } from '../../src/http/exchange.ts';
import { Fields } from '../../src/http/fields.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { MORE, ResponseHead, headBounds, parseResponseHead } from '../../src/http1/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { connect, exchange, verdict } from '../support/http1.ts';
import { nextProtocol } from '../support/next-protocol.ts';
import { ScriptedSource } from '../support/scripted-source.ts';
import {
  GET, SMUGGLED, echoes, head, octets, post, refuses, statuses,
} from '../support/vectors.ts';

/** Runs one request and gives what its handler saw. */
async function received(text: string, secure = false): Promise<HttpRequest> {
  const requests: HttpRequest[] = [];
  await exchange(text, (request) => {
    requests.push(request);
    return new HttpResponse(204);
  }, { peer: { secure } });
  expect(requests).toHaveLength(1);
  return requests[0] as HttpRequest;
}

describe('§2.1 Message Format', () => {
  test('a message is a start line, field lines, an empty line, content', async () => {
    const { transport } = connect();
    transport.send(GET);
    expect(transport.take()).toBe(
      'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n' +
      'date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nhello',
    );
  });

  const HEAD = /^HTTP\/1\.1 \d{3} [\t -~]*\r\n([!#$%&'*+.^_`|~\w-]+: [\t -~\x80-\xff]*\r\n)*\r\n/;
  const handlers: readonly (readonly [string, string, Handler])[] = [
    ['text', GET, () => new HttpResponse(200, { a: ' b\t' }, 'x')],
    ['octets', GET, () => new HttpResponse(200, {}, octets('x'))],
    ['no content', GET, () => new HttpResponse(204, { a: '' })],
    ['a stream', GET, () => new HttpResponse(200, { a: '\xe9' }, new ScriptedSource(['x']))],
    ['an interim response', GET, (request) => {
      request.inform(103, { link: '</a>' });
      return new HttpResponse(200);
    }],
    ['a failure', GET, () => { throw new Error('x'); }],
    ['a refusal', head('GET / HTTP/1.1'), () => new HttpResponse(200)],
    ['a switch', head('GET / HTTP/1.1', 'Host: a', 'Connection: upgrade', 'Upgrade: b'), () =>
      HttpResponse.switching(nextProtocol().factory, { upgrade: 'b' })],
  ];
  test.each(handlers)(
    'all that is sent keeps the grammar: %s (RFC 9112 §2.1)',
    async (_, text, handler) => {
      const { transport } = connect(handler);
      transport.send(text);
      await transport.settle();
      expect(transport.take()).toMatch(HEAD);
    },
  );
});

describe('§2.2 Message Parsing', () => {
  test.each([0, 1, 2])('%i empty lines before a request line are ignored', async (lines) => {
    await echoes('\r\n'.repeat(lines) + GET, ['']);
  });
  test('one more than leadingEmptyLines is refused', async () => {
    await refuses(`\r\n\r\n\r\n${GET}`, 400);
    await refuses(`\r\n${GET}`, 400, { limits: { leadingEmptyLines: 0 } });
  });
  test('an empty line after content, and between requests, is ignored', async () => {
    await echoes(`${post('Content-Length: 1', 'b')}\r\n${GET}\r\n\r\n${GET}`, ['b', '', '']);
  });
  test('an empty line that no request follows is not answered (RFC 9112 §2.2)', async () => {
    const { answers, ended } = await exchange(`${GET}\r\n`, undefined, undefined, true);
    expect(answers.map((answer) => answer.status)).toEqual([200]);
    expect(ended).toBe(true);
  });

  test.each([
    ['in the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
    ['in a field line', 'GET / HTTP/1.1\r\nHost: a\nB: c\r\n\r\n'],
    ['at the end of the head', 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
    ['everywhere', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['before a request line', `\n${GET}`],
  ])('LF without CR is no line end: %s (RFC 9112 §2.2)', async (_, text) => {
    await refuses(text + SMUGGLED, 400);
  });

  test.each([
    ['in the method', 'G\rET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['in the target', 'GET /\r HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['after the version', 'GET / HTTP/1.1\rHost: a\r\n\r\n'],
    ['in a field name', 'GET / HTTP/1.1\r\nHost: a\r\nB\rC: d\r\n\r\n'],
    ['in a field value', 'GET / HTTP/1.1\r\nHost: a\r\nB: c\rD: e\r\n\r\n'],
    ['before a line end', 'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n'],
    ['at the end of the head', 'GET / HTTP/1.1\r\nHost: a\r\n\r\r\n'],
    ['before a request line', `\r${GET}`],
  ])('CR without LF is invalid: %s (RFC 9112 §2.2)', async (_, text) => {
    await refuses(text + SMUGGLED, 400);
  });

  test.each([' Host: a', '\tHost: a', ' ', ' \r\nHost: a'])(
    'whitespace between start line and first field line is refused: %j (RFC 9112 §2.2)',
    async (line) => {
      await refuses(head('GET / HTTP/1.1', line) + SMUGGLED, 400);
    },
  );

  test.each([
    ['a TLS ClientHello', '\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03'],
    ['an SSH banner', 'SSH-2.0-client\r\n'],
    ['zeros', '\0\0\0\0'],
    ['a response', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a field line', 'Host: a\r\n\r\n'],
    ['text', 'hello\r\n'],
  ])('what is no HTTP message is answered with 400: %s (RFC 9112 §2.2)', async (_, text) => {
    await refuses(text, 400);
  });

  test('octets are parsed as octets, not as characters of another encoding', async () => {
    // U+010A in UTF-8, and in UTF-16 with an octet that is LF.
    const request = await received(head('GET / HTTP/1.1', 'Host: a', 'B: \xc4\x8a'));
    expect(request.fields.get('b')).toBe('\xc4\x8a');
    await refuses(head('GET / HTTP/1.1', 'Host: a', 'B: \x01\x0a') + SMUGGLED, 400);
  });
});

describe('§2.3 HTTP Version', () => {
  test.each([
    ['HTTP/1.1', '1.1'], ['HTTP/1.0', '1.0'], ['HTTP/1.2', '1.1'], ['HTTP/1.9', '1.1'],
  ])('%s is spoken, as %s', async (version, spoken) => {
    const seen: string[] = [];
    const { answers } = await exchange(head(`GET / ${version}`, 'Host: a'), (request) => {
      seen.push(request.version);
      return new HttpResponse(204);
    });
    expect(seen).toEqual([spoken]);
    expect(statuses({ answers })).toEqual([204]);
  });
  test.each(['HTTP/0.9', 'HTTP/2.0', 'HTTP/3.0', 'HTTP/9.9', 'HTTP/0.0'])(
    '%s is 505 (RFC 9110 §15.6.6)',
    async (version) => {
      await refuses(head(`GET / ${version}`, 'Host: a') + SMUGGLED, 505);
    },
  );
  test.each([
    'http/1.1', 'Http/1.1', 'HTTP/1', 'HTTP/1.', 'HTTP/.1', 'HTTP/11', 'HTTP/1,1', 'HTTP/1.10',
    'HTTP/01.1', 'HTTP/1.x', 'HTTP/x.1', 'HTTP /1.1', 'HTTP/ 1.1', 'HTTP-1.1', 'HTP/1.1',
    'HTTPS/1.1', 'HTTP/-1.1', 'HTTP/+1.1', 'HTTP/1.1 ', 'HTTP/\xb1.1', '',
  ])('%j is no version (RFC 9112 §2.3)', async (version) => {
    await refuses(head(`GET / ${version}`, 'Host: a') + SMUGGLED, 400);
  });
  test('an answer tells the server\'s own version, not the request\'s (RFC 9110 §2.5)', () => {
    const { transport } = connect();
    transport.send(head('GET / HTTP/1.0', 'Connection: keep-alive'));
    expect(transport.take()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe('§3 Request Line', () => {
  test.each([
    'GET', 'GET ', 'GET /', 'GET / ', 'GET  HTTP/1.1', 'GET HTTP/1.1', ' GET / HTTP/1.1',
    'GET  / HTTP/1.1', 'GET /  HTTP/1.1', 'GET / HTTP/1.1 ', 'GET\t/ HTTP/1.1', 'GET /\tHTTP/1.1',
    'GET\x0b/ HTTP/1.1', 'GET /\x0cHTTP/1.1', 'GET / HTTP/1.1\t', 'GET /a b HTTP/1.1', '/ HTTP/1.1',
  ])('one SP stands between three parts, and no other space: %j (RFC 9112 §3)', async (line) => {
    await refuses(head(line, 'Host: a') + SMUGGLED, 400);
  });

  const line = (octets: number): string => `GET /${'a'.repeat(octets - 14)} HTTP/1.1`;
  test('a line of requestLineBytes is taken, one octet more is 414', async () => {
    const limits = { requestLineBytes: 32 };
    await echoes(head(line(32), 'Host: a'), [''], { limits });
    await refuses(head(line(33), 'Host: a') + SMUGGLED, 414, { limits });
  });
  test('the default is 8 KiB: more than the 8000 octets that are recommended', async () => {
    expect(line(8192)).toHaveLength(8192);
    expect(statuses(await exchange(head(line(8000), 'Host: a')))).toEqual([200]);
    expect(statuses(await exchange(head(line(8192), 'Host: a')))).toEqual([200]);
    expect(statuses(await exchange(head(line(8193), 'Host: a')))).toEqual([414]);
  });
  test('414 is said when the limit is crossed, before the line has ended', () => {
    const { transport, refused } = connect();
    transport.send(`GET /${'a'.repeat(8186)}`);
    expect(refused).toEqual([]);
    transport.send('a');
    expect(refused.map(({ status }) => status)).toEqual([414]);
  });
  test('a method of 32 octets reaches the handler, a longer one is 501 (RFC 9112 §3)', async () => {
    const { seen } = await exchange(head(`${'M'.repeat(32)} / HTTP/1.1`, 'Host: a'));
    expect(seen).toEqual([`${'M'.repeat(32)} /`]);
    await refuses(head(`${'M'.repeat(33)} / HTTP/1.1`, 'Host: a') + SMUGGLED, 501);
  });
});

describe('§3.1 Method', () => {
  test.each(['get', 'Get', 'FROB', '!#$%&\'*+-.^_`|~09azAZ'])(
    'any token is a method, and its case is kept: %s',
    async (method) => {
      expect((await received(head(`${method} / HTTP/1.1`, 'Host: a'))).method).toBe(method);
    },
  );
  test.each(['G"T', 'G(T', 'G/T', 'G:T', 'G=T', 'G{T', 'G\0T', 'G\xe9T', 'G\x7fT'])(
    'what is no token is no method: %j (RFC 9112 §3.1)',
    async (method) => {
      await refuses(head(`${method} / HTTP/1.1`, 'Host: a') + SMUGGLED, 400);
    },
  );
});

describe('§3.2 Request Target', () => {
  test.each(['/a b', '/a\tb', '/a#b', '/a\\b', '/a"b', '/<b>', '/a^b', '/a`b', '/{b}', '/a|b',
    '/\xe9', '/\0', '/\x7f', 'a', 'a/b', '?a', '://a', 'mailto:a', 'ftp://a/'])(
    'a target of no form is refused, never repaired: %j (RFC 9112 §3.2)',
    async (target) => {
      await refuses(head(`GET ${target} HTTP/1.1`, 'Host: a') + SMUGGLED, 400);
    },
  );

  test('an HTTP/1.1 request without Host is 400', async () => {
    await refuses(head('GET / HTTP/1.1') + SMUGGLED, 400);
    await refuses(head('GET http://a/ HTTP/1.1') + SMUGGLED, 400);
    await refuses(head('GET / HTTP/1.2', 'B: c') + SMUGGLED, 400);
  });
  test('an HTTP/1.0 request needs none', async () => {
    expect((await received(head('GET / HTTP/1.0'))).authority).toBe('');
  });
  test.each([
    ['two', 'Host: a', 'Host: b'], ['one twice', 'Host: a', 'host: a'],
    ['an empty one too', 'Host: a', 'Host:'],
  ])('more than one Host field line is 400: %s (RFC 9112 §3.2)', async (_, ...lines) => {
    await refuses(head('GET / HTTP/1.1', ...lines) + SMUGGLED, 400);
    await refuses(head('GET / HTTP/1.0', ...lines) + SMUGGLED, 400);
  });
  test.each([
    'a b', 'a,b', 'a/b', 'a?b', 'a#b', 'u@a', 'u:p@a', 'a:b', 'a:99999', 'a:-1', 'a:1:2', ':80',
    '[::1', '::1', '[::1]a', '[g::]', '[]', '[v1]', 'a\\b', 'a"b', 'a<b', 'a%', 'a%4', 'a%zz',
    '\xe9', 'http://a',
  ])(
    'a Host field with an invalid value is 400: %j (RFC 9112 §3.2)',
    async (value) => {
      await refuses(head('GET / HTTP/1.1', `Host: ${value}`) + SMUGGLED, 400);
      await refuses(head('GET / HTTP/1.0', `Host: ${value}`), 400);
    },
  );
  test.each([
    '', 'a', 'A.example', 'a:', 'a:0', 'a:65535', '192.0.2.1:80', '[::1]', '[2001:DB8::1]:8080',
    '[::ffff:192.0.2.1]', '[v1.a:b]', 'a_b', 'a%41', 'xn--nxasmq6b',
  ])(
    'a Host field that could be one is taken: %j',
    async (value) => {
      expect((await received(head('GET / HTTP/1.1', `Host: ${value}`))).authority).toBe(value);
    },
  );
});

describe('§3.2.1 origin-form', () => {
  test.each([
    ['/', '/', ''], ['/where?q=now', '/where', 'q=now'], ['/a?', '/a', ''], ['/?a?b', '/', 'a?b'],
    ['//a/b', '//a/b', ''], ['/a/../b', '/a/../b', ''], ['/%2e%00?%41', '/%2e%00', '%41'],
    ['/-._~:@!$&\'()*+,;=[]', '/-._~:@!$&\'()*+,;=[]', ''], ['/http://b/', '/http://b/', ''],
  ])('%s', async (target, path, query) => {
    const request = await received(head(`GET ${target} HTTP/1.1`, 'Host: a'));
    expect(request).toMatchObject({ target, path, query, authority: 'a', scheme: 'http' });
  });
});

describe('§3.2.2 absolute-form', () => {
  test.each([
    ['http://b/', 'b', '/', '', 'http'], ['http://b', 'b', '/', '', 'http'],
    ['http://b?c', 'b', '/', 'c', 'http'], ['http://b:81/c?d', 'b:81', '/c', 'd', 'http'],
    ['HTTP://B/C', 'B', '/C', '', 'http'], ['https://b/', 'b', '/', '', 'https'],
    ['http://[::1]:81/', '[::1]:81', '/', '', 'http'],
  ])(
    '%s is accepted, and its authority replaces Host',
    async (target, authority, path, query, scheme) => {
      const request = await received(head(`GET ${target} HTTP/1.1`, 'Host: a'));
      expect(request).toMatchObject({ target, authority, path, query, scheme });
    },
  );
  test.each([
    'http://', 'http:///a', 'http://?a', 'http://u@b/', 'http://u:p@b/', 'http://:80/',
    'http://b:c/', 'http://b:65536/', 'http://[::1/', 'http://b/#c', 'http://b#c', 'http:b',
    'http:/b', 'http://b\\c/',
  ])('%s is 400 (RFC 9110 §4.2.1, §4.2.4)', async (target) => {
    await refuses(head(`GET ${target} HTTP/1.1`, 'Host: a') + SMUGGLED, 400);
  });
});

describe('§3.2.3 authority-form', () => {
  test.each([
    'a', 'a:', ':80', 'a:b', 'a:65536', 'u@a:80', 'http://a:80', 'http://a:80/', '/', '/a:80',
    '*', 'a:80/', 'a:80?b', '[::1:80',
  ])(
    'CONNECT needs a host and a port, not %s (RFC 9112 §3.2.3)',
    async (target) => {
      await refuses(head(`CONNECT ${target} HTTP/1.1`, 'Host: a') + SMUGGLED, 400);
    },
  );
  test.each(['GET', 'POST', 'OPTIONS'])('it is for CONNECT alone, not for %s', async (method) => {
    await refuses(head(`${method} a:80 HTTP/1.1`, 'Host: a') + SMUGGLED, 400);
  });
  test('the target is the authority, whatever Host says', async () => {
    const request = await received(head('CONNECT www.example.com:80 HTTP/1.1', 'Host: b'));
    const authority = 'www.example.com:80';
    expect(request).toMatchObject({ authority, target: authority });
  });
});

describe('§3.2.4 asterisk-form', () => {
  test('OPTIONS * is about the server', async () => {
    const request = await received(head('OPTIONS * HTTP/1.1', 'Host: a:8001'));
    expect(request).toMatchObject({ target: '*', path: '*', query: '', authority: 'a:8001' });
  });
  test('so is OPTIONS of an absolute URI without path and query', async () => {
    const request = await received(head('OPTIONS http://b:8001 HTTP/1.1', 'Host: a'));
    expect(request).toMatchObject({ path: '*', authority: 'b:8001' });
    expect((await received(head('OPTIONS http://b/ HTTP/1.1', 'Host: a'))).path).toBe('/');
    expect((await received(head('OPTIONS http://b?c HTTP/1.1', 'Host: a'))).path).toBe('/');
  });
  test.each(['GET', 'POST', 'TRACE', 'FROB'])(
    '%s * is 400 (RFC 9112 §3.2.4)',
    async (method) => {
      await refuses(head(`${method} * HTTP/1.1`, 'Host: a') + SMUGGLED, 400);
    },
  );
  test.each(['**', '*/', '*?a'])('OPTIONS %s is 400', async (target) => {
    await refuses(head(`OPTIONS ${target} HTTP/1.1`, 'Host: a') + SMUGGLED, 400);
  });
});

describe('§3.3 Reconstructing the Target URI', () => {
  test.each([
    ['GET /pub/WWW/TheProject.html', 'www.example.org', true,
      'https://www.example.org/pub/WWW/TheProject.html'],
    ['OPTIONS *', 'www.example.org:8080', false, 'http://www.example.org:8080/'],
    ['GET http://b/c?d', 'a', false, 'http://b/c?d'],
    ['GET https://b/c', 'a', false, 'https://b/c'],
    ['GET http://b/c', 'a', true, 'http://b/c'],
    ['CONNECT b:81', 'a', false, 'http://b:81/'],
    ['GET //b/c', 'a', false, 'http://a//b/c'],
    ['GET /c', '', false, 'http://localhost/c'],
  ])('%s with Host %j, secured: %s', async (line, host, secure, url) => {
    const request = await received(head(`${line} HTTP/1.1`, `Host: ${host}`), secure);
    expect(request.url.href).toBe(url);
  });
});

/** Parses a response head at every cut; the outcome must be one. */
function parseResponse(text: string): ResponseHead | string {
  const bytes = octets(text);
  const bounds = headBounds(limitsFrom());
  let outcome: ResponseHead | string = 'MORE';
  for (let end = 1; end <= bytes.length; end++) {
    const parsed = new ResponseHead();
    try {
      const next = parseResponseHead(bytes, 0, end, bounds, parsed);
      if (next === MORE) continue;
      expect([next, end]).toEqual([bytes.length, bytes.length]);
      outcome = parsed;
    } catch (error) {
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as ConnectionError).code).toBe(502);
      outcome = (error as Error).message;
      break;
    }
  }
  return outcome;
}

describe('§4 Status Line', () => {
  test.each([
    [200, 'HTTP/1.1 200 OK\r\n'], [404, 'HTTP/1.1 404 Not Found\r\n'], [418, 'HTTP/1.1 418 \r\n'],
    [299, 'HTTP/1.1 299 \r\n'], [599, 'HTTP/1.1 599 \r\n'],
  ])('%i: the space is sent even before an empty reason (RFC 9112 §4)', (status, line) => {
    const { transport } = connect(() => new HttpResponse(status));
    transport.send(GET);
    expect(transport.take().slice(0, line.length)).toBe(line);
  });
  test.each([
    ['HTTP/1.1 200 OK\r\n\r\n', 200, 'OK', 1], ['HTTP/1.0 404 \r\n\r\n', 404, '', 0],
    ['HTTP/1.1 999 a\tb \xe9\r\n\r\n', 999, 'a\tb \xe9', 1],
    ['HTTP/1.7 100 x\r\n\r\n', 100, 'x', 1],
  ])('a client reads %j', (text, status, reason, minor) => {
    expect(parseResponse(text)).toMatchObject({ status, reason, minor });
  });
  test.each([
    'HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1  200 OK', 'HTTP/1.1\t200 OK', 'HTTP/1.1 200',
    'HTTP/1.1 2x0 OK', 'HTTP/1.1 000 OK', 'http/1.1 200 OK', 'HTTP/2.0 200 OK', ' HTTP/1.1 200 OK',
    'HTTP/1.1 200 O\rK', 'HTTP/1.1 200 O\0K', 'HTTP/1.1 200 OK\n', '\r\nHTTP/1.1 200 OK',
    'HTTP/1.1 200 OK\r\n A: b',
  ])('a client refuses %j', (line) => {
    expect(parseResponse(head(line))).toMatch(/RFC 9112 §(2|4|5)/);
  });
});

describe('§5 Field Syntax', () => {
  test('names compare without case, and lines keep their order', async () => {
    const { fields } = await received(
      head('GET / HTTP/1.1', 'hOsT: a', 'B: 1', 'C: x', 'b: 2', 'B: 3, 4', 'Set-Cookie: d'),
    );
    expect([...fields]).toEqual([
      ['host', 'a'], ['b', '1'], ['c', 'x'], ['b', '2'], ['b', '3, 4'], ['set-cookie', 'd'],
    ]);
    expect(fields.get('B')).toBe('1, 2, 3, 4');
  });
  test.each([
    'Foo', 'Foo bar', ':', ': x', 'Foo\tbar: x', 'Foo(: x', 'F\xe9: x', 'F\0: x', '"F": x',
  ])(
    'what is no field line is refused: %j (RFC 9112 §5)',
    async (line) => {
      await refuses(head('GET / HTTP/1.1', 'Host: a', line) + SMUGGLED, 400);
    },
  );
});

describe('§5.1 Field Line Parsing', () => {
  test.each([
    'Host : a', 'Host\t: a', 'Host  \t: a', 'Content-Length : 3', 'Transfer-Encoding : chunked',
  ])(
    'whitespace between name and colon is 400: %j (RFC 9112 §5.1)',
    async (line) => {
      await refuses(head('GET / HTTP/1.1', 'Host: a', line) + SMUGGLED, 400);
      await refuses(head('GET / HTTP/1.1', line, 'Host: a') + SMUGGLED, 400);
    },
  );
  test.each([
    ['B:c', 'c'], ['B: c', 'c'], ['B:\t \tc\t \t', 'c'], ['B:', ''], ['B: \t ', ''],
    ['B: c d\te', 'c d\te'], ['B: \xa0c\x85', '\xa0c\x85'], ['B: c:d', 'c:d'],
    ['B: "c, d"', '"c, d"'],
  ])('the space around a value is not part of it: %j', async (line, value) => {
    expect((await received(head('GET / HTTP/1.1', 'Host: a', line))).fields.get('b')).toBe(value);
  });
  test('nor at any split', async () => {
    await echoes(post('Content-Length: \t 3 \t ', 'abc') + GET, ['abc', '']);
  });
});

describe('§5.2 Obsolete Line Folding', () => {
  test.each([
    ['a value', 'B: c\r\n d'], ['with HTAB', 'B: c\r\n\td'], ['an empty value', 'B:\r\n c'],
    ['Content-Length', 'Content-Length: \r\n 3'],
    ['Transfer-Encoding', 'Transfer-Encoding:\r\n chunked'],
    ['space alone', 'B: c\r\n '], ['after a space', 'B: c \r\n d'],
  ])('a folded line is 400: %s (RFC 9112 §5.2)', async (_, lines) => {
    const { refused } = await refuses(head('GET / HTTP/1.1', 'Host: a', lines) + SMUGGLED, 400);
    expect(refused[0]?.detail).toMatch(/folded.*§5\.2/);
  });
  test('none is ever made: a value cannot hold a line end', () => {
    expect(() => Fields.from({ b: 'c\r\n d' })).toThrow(TypeError);
  });
  test('a client refuses one in a response', () => {
    expect(parseResponse('HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n')).toMatch(/RFC 9112 §5\.2/);
  });
  test('and takes field lines with space around their values', async () => {
    const parsed = parseResponse('HTTP/1.1 200 OK\r\nA: \t b\t\r\nC:\r\n\r\n') as ResponseHead;
    expect([...parsed.takeFields()]).toEqual([['a', 'b'], ['c', '']]);
    expect((await verdict(GET)).ended).toBe(false);
  });
});
