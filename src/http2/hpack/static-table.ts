/**
 * The static table (RFC 7541 Appendix A): 61 fields that both sides know, by index from 1.
 *
 * For the encoder, where each name and each whole field first stands.
 */

/** Names and values in turn, from index 1. */
const ENTRIES = [
  ':authority', '', ':method', 'GET', ':method', 'POST', ':path', '/', ':path', '/index.html',
  ':scheme', 'http', ':scheme', 'https', ':status', '200', ':status', '204', ':status', '206',
  ':status', '304', ':status', '400', ':status', '404', ':status', '500', 'accept-charset', '',
  'accept-encoding', 'gzip, deflate', 'accept-language', '', 'accept-ranges', '', 'accept', '',
  'access-control-allow-origin', '', 'age', '', 'allow', '', 'authorization', '',
  'cache-control', '', 'content-disposition', '', 'content-encoding', '', 'content-language', '',
  'content-length', '', 'content-location', '', 'content-range', '', 'content-type', '',
  'cookie', '', 'date', '', 'etag', '', 'expect', '', 'expires', '', 'from', '', 'host', '',
  'if-match', '', 'if-modified-since', '', 'if-none-match', '', 'if-range', '',
  'if-unmodified-since', '', 'last-modified', '', 'link', '', 'location', '', 'max-forwards', '',
  'proxy-authenticate', '', 'proxy-authorization', '', 'range', '', 'referer', '', 'refresh', '',
  'retry-after', '', 'server', '', 'set-cookie', '', 'strict-transport-security', '',
  'transfer-encoding', '', 'user-agent', '', 'vary', '', 'via', '', 'www-authenticate', '',
] as const;

export const STATIC_SIZE = ENTRIES.length / 2;
/** By index; place 0 is not used. */
export const STATIC_NAMES: readonly string[] = ['', ...ENTRIES.filter((_, at) => at % 2 === 0)];
export const STATIC_VALUES: readonly string[] = ['', ...ENTRIES.filter((_, at) => at % 2 === 1)];

/** The first index of each name, and of each value under it. */
export interface StaticName {
  readonly index: number;
  readonly values: ReadonlyMap<string, number>;
}

/** Where the encoder looks a field up. */
export const STATIC_BY_NAME: ReadonlyMap<string, StaticName> = byName();

function byName(): Map<string, StaticName> {
  const names = new Map<string, { index: number; values: Map<string, number> }>();
  for (let index = 1; index <= STATIC_SIZE; index++) {
    const name = STATIC_NAMES[index] as string;
    const entry = names.get(name) ?? { index, values: new Map<string, number>() };
    const value = STATIC_VALUES[index] as string;
    if (value !== '') entry.values.set(value, index);
    names.set(name, entry);
  }
  return names;
}
