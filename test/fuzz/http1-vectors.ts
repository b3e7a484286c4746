/**
 * Seeds of the HTTP/1 fuzzer: some 340 requests after the known classes of attack, each followed
 * by a second request that must not be reached by a wrong path. They are material for mutation;
 * what becomes of each by itself is said in test/conformance/.
 */
const HOST = 'Host: a\r\n';
const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const SWITCH = `/switch HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: x\r\n`;

const post = (lines: string, content = ''): string =>
  `POST /p HTTP/1.1\r\n${HOST}${lines}\r\n${content}`;
const get = (lines = ''): string => `GET /g HTTP/1.1\r\n${HOST}${lines}\r\n`;
const line = (text: string): string => `${text}\r\n${HOST}\r\n`;
const chunks = (content: string): string => post(CHUNKED, content);

const each = (values: readonly string[], make: (value: string) => string): string[] =>
  values.map((value) => make(value) + NEXT);

/** Content-Length and Transfer-Encoding against each other (RFC 9112 §6.3). */
const FRAMING = [
  ...each([
    'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n',
    'Transfer-Encoding: chunked\r\nContent-Length: 6\r\n',
    'Content-Length: 6\r\ntransfer-encoding: CHUNKED\r\n',
    'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n',
    'Content-Length: 6\r\nTransfer-Encoding : chunked\r\n',
    'Content-Length: 6\r\n Transfer-Encoding: chunked\r\n',
    'Content-Length: 6\r\nX: y\rTransfer-Encoding: chunked\r\n',
    'Content-Length: 6\r\nX: y\nTransfer-Encoding: chunked\r\n',
    'Content-Length: 6\r\nTransfer_Encoding: chunked\r\n',
    'Content-Length: 6\r\nTransfer-Encoding\x00: chunked\r\n',
  ], (lines) => post(lines, '0\r\n\r\nX')),
  ...each([
    'Content-Length: 5\r\nContent-Length: 5\r\n', 'Content-Length: 5\r\nContent-Length: 6\r\n',
    'Content-Length: 0\r\nContent-Length: 5\r\n', 'Content-Length: 5, 5\r\n',
    'Content-Length: 5,5,6\r\n', 'Content-Length: 5\r\nContent_Length: 0\r\n',
  ], (lines) => post(lines, 'hello')),
  ...each([
    '+5', '-5', '0x5', '5_0', '5 5', '', '5\x0b', '5\x0c', '\xa05', '5\xa0', '5;', '5.0', '5e0',
    '005', '0000000000000000005', '9007199254740991', '9007199254740992', '18446744073709551621',
    '4294967301', '99999999999999999999999999', '\t5\t', '5\t,', '"5"', '5\x00', 'five', '\u00b2',
  ], (value) => post(`Content-Length: ${value}\r\n`, 'hello')),
];

/** The transfer coding by other names (RFC 9112 §6.1, §7). */
const CODINGS = [
  ...each([
    'xchunked', 'chunked\x0b', '\x0bchunked', '\xa0chunked', 'chunked\x85', ',chunked', 'chunked,',
    ', ,chunked', '"chunked"', 'chunked;q=1', 'chunked; a', 'cHuNkEd', 'chunked, chunked',
    'chunked, identity', 'identity', 'identity, chunked', 'gzip', 'gzip, chunked', 'chunked, gzip',
    'gzip;q="1,2", chunked', 'chunked\r\n x', 'chunk\r\n\ted', 'chunked\x00', 'chunke', '', 'a b',
    '\tchunked\t', 'chunked\r', 'chunked\n', 'x=chunked', 'chunked\r\nTransfer-Encoding: chunked',
    'identity\r\nTransfer-Encoding: chunked', 'chunked\r\nTransfer-Encoding: identity',
  ], (value) => post(`Transfer-Encoding: ${value}\r\n`, '1\r\nZ\r\n0\r\n\r\n')),
  `POST / HTTP/1.0\r\n${HOST}${CHUNKED}\r\n0\r\n\r\n${NEXT}`,
  `POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab${NEXT}`,
  ...each(
    ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'M-SEARCH', 'CONNECT'],
    (method) => `${method} /t HTTP/1.1\r\n${HOST}${CHUNKED}\r\n3\r\nabc\r\n0\r\n\r\n`,
  ),
  ...each(
    ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'PATCH'],
    (method) => `${method} /early HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`,
  ),
];

/** Chunk sizes, extensions, ends and trailers (RFC 9112 §7.1). */
const CHUNKS = [
  ...each([
    '5', '05', '0000000000000000005', 'FFFFFFFFFFFFFFFF1', '10000000000000005', '-5', '+5', '0x5',
    '5_0', ' 5', '5 ', '\t5', '', 'g', '5g', '5\x00', '5\r', '5\n', '\n5', '5;', '5;a', '5;a=b',
    '5;a="b;\\"c"', '5;a="b\r\n', '5 ; a = b', '5;a=\r\r', '5;a\n', '5;a=b;c=d;e', '5;=b', '5;;',
    '5,a', `5;${'e'.repeat(260)}`, '5;a="\x7f"', '5;a=\xff', '5;a="\\', '20000000000005',
  ], (size) => chunks(`${size}\r\nhello\r\n0\r\n\r\n`)),
  ...each([
    '5\r\nhello0\r\n\r\n', '5\r\nhello\n0\r\n\r\n', '5\r\nhello\r0\r\n\r\n',
    '4\r\nhello\r\n0\r\n\r\n', '6\r\nhello\r\n0\r\n\r\n', '5\nhello\r\n0\r\n\r\n',
    '5\r\nhello\r\n0\n\n', '5\r\nhello\r\n0\r\n\n', '000\r\n\r\n', '0;x\r\n\r\n', '0 \r\n\r\n',
    '0\r\n', '5\r\nhel', '5\r\nhello\r\n', '5\r\nhelloXY0\r\n\r\n', '1\r\na\r\n1\r\nb\r\n0\r\n\r\n',
    'A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n',
  ], chunks),
  ...each([
    'X-Sum: 1\r\n', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n',
    'Authorization: x\r\nX: y\r\n', 'Cookie: a=b\r\n', ':path: /\r\n', 'X : y\r\n', ' X: y\r\n',
    'X\r\n', 'X: y\n', 'X: y\r', 'X: \x00\r\n', `${'T: 1\r\n'.repeat(33)}`,
    `T: ${'v'.repeat(4090)}\r\n`, 'Content_Length: 5\r\n', 'Expect: 100-continue\r\n',
  ], (trailers) => chunks(`2\r\nhi\r\n0\r\n${trailers}\r\n`)),
];

/** Line ends, folds, names and values (RFC 9112 §2.2, §5). */
const LINES = [
  'GET / HTTP/1.1\nHost: a\n\n' + NEXT,
  'GET / HTTP/1.1\r\nHost: a\n\r\n' + NEXT,
  'GET / HTTP/1.1\r\nHost: a\r\n\n' + NEXT,
  'GET / HTTP/1.1\rHost: a\r\r' + NEXT,
  'GET / HTTP/1.1\r\nHost: a\r\n\rX' + NEXT,
  'GET / HTTP/1.1\r\n Host: a\r\n\r\n' + NEXT,
  'GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n' + NEXT,
  ...each(
    ['', '\r\n', '\r\n\r\n', '\r\n\r\n\r\n', '\n', '\r', '\n\n', ' ', '\x00'],
    (before) => before + get(),
  ),
  ...each([
    'A: b\rC: d\r\n', 'A: b\r\n c\r\n', 'A: b\r\n\tc\r\n', 'A : b\r\n', 'A\t: b\r\n', ': x\r\n',
    ':\r\n', 'Foo\r\n', 'Fo o: x\r\n', 'A:\r\n', 'A: \t \r\n', 'A:b\r\n', 'A: \x00\r\n',
    'A: \x7f\r\n', 'A: \x1b\r\n', 'A: \xff\x80\r\n', 'A\x80: b\r\n', 'A\x00: b\r\n', '"A": b\r\n',
    'A(: b\r\n', '__proto__: x\r\n', 'constructor: x\r\n', 'A: b\x0b\r\n', 'A: \x85b\x85\r\n',
    'Transfer-\r\nEncoding: chunked\r\n', 'A: b\r\r\n', 'A: b\n\r\n', 'A: b\r\n\r',
    `${'F: 1\r\n'.repeat(99)}`, `${'F: 1\r\n'.repeat(100)}`, `A: ${'v'.repeat(16_300)}\r\n`,
    `A: ${'v'.repeat(16_400)}\r\n`, `${'n'.repeat(16_400)}: v\r\n`, 'Proxy: http://evil/\r\n',
    'X-HTTP-Method-Override: DELETE\r\n', 'Cookie: a=b\r\nCookie: c=d\r\n',
  ], get),
];

/** Request lines, versions, methods, targets, Host (RFC 9112 §3). */
const REQUEST_LINES = [
  ...each([
    'GET  / HTTP/1.1', 'GET /  HTTP/1.1', ' GET / HTTP/1.1', 'GET / HTTP/1.1 ', 'GET\t/ HTTP/1.1',
    'GET /a b HTTP/1.1', 'GET /\tHTTP/1.1', 'GET / HTTP/1.1\t', 'GET /', 'GET', '', 'GET / ',
    'GET /\r HTTP/1.1', 'GET / HTTP/1.32', 'GET / http/1.1', 'GET / HTTP/2.0', 'GET / HTTP/0.9',
    'GET / HTTP/1.2', 'GET / HTTP/9.9', 'GET / HTTP/11', 'GET / HTTP/1,1', 'GET / HTTP/ 1.1',
    'GET / HTTP/01.1', 'GET / HTTPS/1.1', 'GET / HTTP/1.', 'G=":<>(e) / HTTP/1.1', 'get / HTTP/1.1',
    'GE\x00T / HTTP/1.1', '{} / HTTP/1.1', `${'M'.repeat(33)} / HTTP/1.1`,
    "!#$%&'*+-.^_`|~ / HTTP/1.1", 'GET \x00 HTTP/1.1', 'GET /\x7f HTTP/1.1', 'GET /\xff HTTP/1.1',
    'GET /a#b HTTP/1.1', 'GET /a\\b HTTP/1.1', 'GET /"<>^`{|} HTTP/1.1', 'GET /%zz HTTP/1.1',
    'GET /%00 HTTP/1.1', 'GET //evil HTTP/1.1', 'GET /../x HTTP/1.1', 'GET ? HTTP/1.1',
    'GET a HTTP/1.1', 'GET * HTTP/1.1', 'OPTIONS * HTTP/1.1', 'CONNECT / HTTP/1.1',
    'CONNECT a:80 HTTP/1.1', 'CONNECT a HTTP/1.1', 'GET a:80 HTTP/1.1', 'GET http://a HTTP/1.1',
    'GET http://evil/x?y HTTP/1.1', 'GET HTTP://A:80/ HTTP/1.1', 'GET https://a/ HTTP/1.1',
    'GET http://u@a/ HTTP/1.1', 'GET http:///x HTTP/1.1', 'GET http://[::1/ HTTP/1.1',
    'GET ftp://a/ HTTP/1.1', 'GET http://a:65536/ HTTP/1.1', 'GET http://a,b/ HTTP/1.1',
    `GET /${'t'.repeat(8180)} HTTP/1.1`, 'PRI * HTTP/2.0', 'SSH-2.0-x',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ], line),
  `GET /${'t'.repeat(400)} HTTP/1.1\r\n${HOST}A: ${'v'.repeat(16_200)}\r\n\r\n${NEXT}`,
  ...each([
    '', 'Host:\r\n', 'Host: a\r\nHost: a\r\n', 'Host: a\r\nHost: b\r\n', 'Host: a/b\r\n',
    'Host: user@a\r\n', 'Host: a b\r\n', 'Host: a,b\r\n', 'Host: a:99999\r\n', 'Host: a:\r\n',
    'Host: :80\r\n', 'Host: [::1]\r\n', 'Host: [::1]:80\r\n', 'Host: [::1\r\n', 'Host: a%2f\r\n',
    'Host: a%2\r\n', 'Host: a?b\r\n', 'Host: a#b\r\n', 'Host: a\x00\r\n', 'Host: \xe4\r\n',
    'Host: a:+80\r\n', 'Host: a:80:80\r\n', 'Host: http://a/\r\n', 'Host : a\r\n', 'hOST:a\r\n',
    'Host: a\\b\r\n', 'Host: a|b\r\n', 'Host: 1.2.3.4:5\r\n',
  ], (host) => `GET / HTTP/1.1\r\n${host}\r\n`),
];

/** Persistence, expectations, upgrades, early answers (RFC 9112 §9, RFC 9110 §7.8, §10.1.1). */
const CONNECTIONS = [
  ...each([
    'Connection: close\r\n', 'Connection: keep-alive, close\r\n',
    'Connection: x\r\nConnection: CLOSE\r\n', 'Connection: "close"\r\n', 'Connection: close;x\r\n',
    'Connection: authorization, host\r\n', 'Connection: Upgrade\r\nUpgrade: websocket\r\n',
    'Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n', 'Upgrade: websocket\r\n',
    'Connection: upgrade\r\n', 'Connection: ,\r\n', 'Connection:\r\n', 'Expect: 100-continue\r\n',
    'Expect: 100-continue, x\r\n', 'Expect: y 100-continue\r\n', 'Expect:\r\n',
    'Expect: 100-continue\r\nExpect: 100-continue\r\n', 'TE: trailers\r\n',
    'Keep-Alive: timeout=5\r\n',
  ], get),
  ...each(
    [
      '100-continue', '100-Continue', '100-continue;x', '200-ok', '100-continue\r\n y',
      ' 100-continue ',
    ],
    (value) => post(`Expect: ${value}\r\nContent-Length: 5\r\n`, 'hello'),
  ),
  `POST /early HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello${NEXT}`,
  `POST /early HTTP/1.1\r\n${HOST}${CHUNKED}\r\n5\r\nhello\r\n0\r\n\r\n${NEXT}`,
  `POST /early HTTP/1.1\r\n${HOST}Content-Length: 300000\r\n\r\nhello${NEXT}`,
  `GET ${SWITCH}\r\n${NEXT}`,
  `POST ${SWITCH}Content-Length: 2\r\n\r\nab${NEXT}`,
  `POST ${SWITCH}${CHUNKED}\r\n1\r\na\r\n0\r\n\r\n${NEXT}`,
  `CONNECT a:443 HTTP/1.1\r\n${HOST}\r\n${NEXT}`, `GET / HTTP/1.0\r\n\r\n${NEXT}`,
  `GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${NEXT}`,
  NEXT.repeat(4),
  `${post('Content-Length: 5\r\n', 'hello')}${post('Content-Length: 5\r\n', 'world')}${NEXT}`,
];

export const VECTORS: readonly string[] = [
  ...FRAMING, ...CODINGS, ...CHUNKS, ...LINES, ...REQUEST_LINES, ...CONNECTIONS,
];
