/**
 * What may stand in trailers (RFC 9110 §6.5.1): nothing that frames, routes, controls or describes
 * a message that has been acted on already. The same both ways and for every version.
 */
import { Fields } from './fields.ts';

/** Fields that frame or route a message: in trailers of a peer they are an attack. */
const FRAMING_FIELDS = ['content-length', 'transfer-encoding', 'host'];

const NEVER_IN_TRAILERS = new Set([
  ...FRAMING_FIELDS, 'age', 'authorization', 'cache-control', 'connection', 'content-encoding',
  'content-range', 'content-type', 'cookie', 'date', 'expect', 'expires', 'if-match',
  'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'keep-alive', 'location',
  'max-forwards', 'pragma', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection',
  'range', 'retry-after', 'set-cookie', 'te', 'trailer', 'upgrade', 'vary', 'warning',
  'www-authenticate',
]);

/** The framing field that a trailer section holds, or undefined. */
export function framingTrailer(trailers: Fields): string | undefined {
  return FRAMING_FIELDS.find((name) => trailers.has(name));
}

/** The trailers without those that may not be there; most have none, and stay as they are. */
export function permittedTrailers(trailers: Fields): Fields {
  const lines = [...trailers];
  const permitted = lines.filter(([name]) => !NEVER_IN_TRAILERS.has(name));
  return permitted.length === lines.length ? trailers : Fields.from(permitted);
}
