/** The messages that benches are about: a load tool's, a browser's, a long one. */
import { Buffer } from 'node:buffer';

const BROWSER_FIELDS = [
  'Host: www.example.com',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Referer: https://www.example.com/articles/',
  'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark',
  'Cache-Control: max-age=0',
  'Sec-Fetch-Mode: navigate',
];

function request(target: string, fields: readonly string[]): Uint8Array {
  return Buffer.from(`GET ${target} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`, 'latin1');
}

function response(fields: readonly string[]): Uint8Array {
  const head = ['HTTP/1.1 200 OK', ...fields, 'Content-Length: 0'];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
}

const long = Array.from({ length: 40 }, (_, i) => `X-Field-${i}: ${'v'.repeat(94 + (i % 10))}`);

const ANSWER_FIELDS = [
  'Server: example',
  'Date: Sun, 06 Nov 1994 08:49:37 GMT',
  'Content-Type: application/json; charset=utf-8',
  'Cache-Control: private, max-age=0, must-revalidate',
  'ETag: W/"5e1c-1867f2b1c40"',
  'Last-Modified: Sat, 05 Nov 1994 12:00:00 GMT',
  'Strict-Transport-Security: max-age=31536000; includeSubDomains',
  'X-Content-Type-Options: nosniff',
  'Vary: Accept-Encoding, Origin',
  'Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; Secure',
];

/** Name, with the octets of the request. */
export const REQUESTS: readonly (readonly [string, Uint8Array])[] = [
  request('/plain', ['Host: 127.0.0.1']),
  request('/articles/2026/on-framing', BROWSER_FIELDS),
  request('/articles/2026/on-framing', ['Host: www.example.com', ...long]),
].map((octets) => [`${octets.length} octets`, octets] as const);

/** Name, with the octets of a response that has no content: all of it is head. */
export const RESPONSES: readonly (readonly [string, Uint8Array])[] = [
  response(['Date: Sun, 06 Nov 1994 08:49:37 GMT']),
  response(ANSWER_FIELDS),
  response(long),
].map((octets) => [`${octets.length} octets`, octets] as const);

/** So many times the same octets, as one read. */
export function repeated(octets: Uint8Array, count: number): Uint8Array {
  return Buffer.concat(Array.from({ length: count }, () => octets));
}

/** Each octet as a read of its own. */
export function dribble(octets: Uint8Array): readonly Uint8Array[] {
  return Array.from(octets, (_, at) => octets.subarray(at, at + 1));
}
