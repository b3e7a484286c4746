/** The static table against Appendix A of the standard, and what the encoder looks up in it. */
import { describe, expect, test } from 'vitest';
import {
  STATIC_BY_NAME, STATIC_NAMES, STATIC_SIZE, STATIC_VALUES,
} from '../../../src/http2/hpack/static-table.ts';

/** Appendix A from index 1, `name: value` or a name alone. */
const APPENDIX_A = [
  ':authority', ':method: GET', ':method: POST', ':path: /', ':path: /index.html',
  ':scheme: http', ':scheme: https', ':status: 200', ':status: 204', ':status: 206',
  ':status: 304', ':status: 400', ':status: 404', ':status: 500', 'accept-charset',
  'accept-encoding: gzip, deflate', 'accept-language', 'accept-ranges', 'accept',
  'access-control-allow-origin', 'age', 'allow', 'authorization', 'cache-control',
  'content-disposition', 'content-encoding', 'content-language', 'content-length',
  'content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect',
  'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
  'if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards',
  'proxy-authenticate', 'proxy-authorization', 'range', 'referer', 'refresh', 'retry-after',
  'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary',
  'via', 'www-authenticate',
];

const NAMES = APPENDIX_A.map((line) => line.split(': ')[0] as string);
const VALUES = APPENDIX_A.map((line) => line.split(': ')[1] ?? '');

describe('Appendix A', () => {
  test('61 fields, by index from 1', () => {
    expect(STATIC_SIZE).toBe(61);
    expect(STATIC_NAMES.slice(1)).toEqual(NAMES);
    expect(STATIC_VALUES.slice(1)).toEqual(VALUES);
  });

  test('each name leads to its first index', () => {
    expect([...STATIC_BY_NAME.keys()]).toEqual([...new Set(NAMES)]);
    for (const [name, { index }] of STATIC_BY_NAME) {
      expect([name, index]).toEqual([name, NAMES.indexOf(name) + 1]);
    }
  });

  test('each field that has a value leads to its index', () => {
    const whole = [...STATIC_BY_NAME].flatMap(([name, { values }]) =>
      [...values].map(([value, index]) => [index, name, value]));
    expect(whole).toEqual(APPENDIX_A.flatMap((line, at) =>
      (line.includes(': ') ? [[at + 1, NAMES[at], VALUES[at]]] : [])));
  });
});
