/**
 * Inputs that once taught something: the fuzzer runs them first, cut in every way. An input that
 * fails is added here with what it showed.
 */
const HOST = 'Host: a\r\n';
const NEXT = `GET /next HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;

export const KEPT: readonly (readonly [what: string, input: string])[] = [
  [
    'a quote hides an option of Connection',
    `GET / HTTP/1.1\r\n${HOST}Connection: " x , CLOSE\r\n\r\n${NEXT}`,
  ],
  [
    'close before a comma and HTAB',
    `GET / HTTP/1.1\r\n${HOST}Connection: x , CLOSE\t \r\n\r\n${NEXT}`,
  ],
  [
    'keep-alive before HTAB in HTTP/1.0',
    `HEAD / HTTP/1.0\r\nConnection:keep-alive\t \r\n\r\n${NEXT}`,
  ],
  [
    'an empty Transfer-Encoding beside Content-Length',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello`,
  ],
  ['space within a chunk extension', `${CHUNKED}5; 5\r\nhello\r\n0\r\n\r\n`],
  ['space before a chunk extension', `${CHUNKED}5 ;a\r\nhello\r\n0\t;a\r\n\r\n`],
  [
    'a field that no trailer may be',
    `${CHUNKED}1\r\na\r\n0\r\nKeep-Alive: timeout=5\r\nX: y\r\n\r\n`,
  ],
  ['an empty line and a bare LF, and no more', '\r\n\n'],
  ['a bare CR, and no more', `${NEXT}\r`],
  ['PRI, a method in HTTP/1.1', `PRI / HTTP/1.1\r\n${HOST}\r\n`],
  [
    'content behind an upgrade that nobody honours',
    `POST / HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: x\r\n` +
      'Transfer-Encoding:\tchunked\t\r\n\r\n4\r\n0\r\n\r\r\n0\r\n\r\n',
  ],
  [
    'a refusal of no head, behind a HEAD in the same read',
    `HEAD / HTTP/1.1\r\n${HOST}\r\n\rX`,
  ],
  [
    'an answer to TRACE behind content that is waited for',
    `OPTIONS * HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nab` +
      `TRACE / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n${NEXT}`,
  ],
];
