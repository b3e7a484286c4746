/** The field lists that benches of HPACK and HTTP/2 are about: of a browser, an API, an answer. */

export type FieldPairs = readonly (readonly [string, string])[];

export const BROWSER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126';

const BROWSER: FieldPairs = [
  [':method', 'GET'], [':scheme', 'https'], [':authority', 'www.example.com'],
  [':path', '/articles/2026/on-framing?from=front'],
  ['user-agent', BROWSER_AGENT],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'],
  ['accept-encoding', 'gzip, deflate, br, zstd'],
  ['accept-language', 'en-US,en;q=0.9,de;q=0.8'],
  ['referer', 'https://www.example.com/articles/'],
  ['cookie', 'session=0123456789abcdef0123456789abcdef'],
  ['sec-fetch-dest', 'document'], ['sec-fetch-mode', 'navigate'],
  ['sec-fetch-site', 'same-origin'], ['priority', 'u=0, i'],
];

const API: FieldPairs = [
  [':method', 'POST'], [':scheme', 'https'], [':authority', 'api.example.com'],
  [':path', '/v1/projects/1867/items?limit=100'],
  ['user-agent', 'example-client/4.2.1'], ['accept', 'application/json'],
  ['content-type', 'application/json'], ['content-length', '1834'],
  ['authorization', 'Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxODY3In0.c2lnbmF0dXJlLW9mLXRva2Vu'],
  ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
];

const ANSWER: FieldPairs = [
  [':status', '200'], ['server', 'example'], ['date', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ['content-type', 'application/json; charset=utf-8'], ['content-length', '1834'],
  ['cache-control', 'private, max-age=0, must-revalidate'], ['etag', 'W/"5e1c-1867f2b1c40"'],
  ['last-modified', 'Sat, 05 Nov 1994 12:00:00 GMT'], ['vary', 'accept-encoding, origin'],
  ['strict-transport-security', 'max-age=31536000; includeSubDomains'],
  ['x-content-type-options', 'nosniff'],
];

export const FIELD_LISTS: readonly (readonly [string, FieldPairs])[] = [
  ['a browser\'s request', BROWSER], ['an API\'s request', API], ['an answer', ANSWER],
];
