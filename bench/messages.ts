/** The requests that benches are about: a load tool's, a browser's, a long one. */
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

const long = Array.from({ length: 40 }, (_, i) => `X-Field-${i}: ${'v'.repeat(94 + (i % 10))}`);

/** Name, with the octets of the request. */
export const REQUESTS: readonly (readonly [string, Uint8Array])[] = [
  request('/plain', ['Host: 127.0.0.1']),
  request('/articles/2026/on-framing', BROWSER_FIELDS),
  request('/articles/2026/on-framing', ['Host: www.example.com', ...long]),
].map((octets) => [`${octets.length} octets`, octets] as const);
