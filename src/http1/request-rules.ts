/**
 * From a parsed head to a request: the rules that a head must meet beyond its grammar, in the order
 * of RFC 9112: version and Host (§3.2), framing (§6.3), persistence (§9.3); and Expect (RFC 9110
 * §10.1.1). What fails here ends the connection, since the sender is broken or means harm.
 */
import { ConnectionError } from '../errors.ts';
import { RequestBody } from '../http/body.ts';
import { tokenMembers, type Fields } from '../http/fields.ts';
import { HttpRequest } from '../http/request.ts';
import { hostFault, parseTarget, type Scheme, type Target } from '../http/target.ts';
import type { Limits } from '../limits.ts';
import { Http1Exchange, type ExchangeHost } from './exchange.ts';
import { CHUNKED, requestFraming } from './framing.ts';
import type { RequestHead } from './request-parser.ts';

/** Methods that only read (RFC 9110 §9.2.1): their order among themselves cannot matter. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Makes the exchange of a head that was parsed. `exchange.framing` tells what content follows.
 * Throws a ConnectionError: 400, 413, 417 or 501.
 */
export function admitRequest(
  head: RequestHead, host: ExchangeHost, limits: Limits,
): Http1Exchange {
  const { lines, method, minor } = head;
  const fields = head.takeFields();
  const named = hostOf(fields, lines.host, minor);
  const target = targetOf(method, head.target);
  const authority = target?.authority ?? named;

  const exchange = new Http1Exchange(host, minor);
  const framing = requestFraming(fields, lines, minor);
  if (framing > limits.contentBytes) {
    const most = `${limits.contentBytes} octets`;
    throw new ConnectionError(413, `content is over contentBytes, ${most} (RFC 9110 §15.5.14)`);
  }
  exchange.framing = framing;
  exchange.received = framing === 0;
  persistence(exchange, fields, lines.connection > 0, lines.upgrade > 0, minor);
  if (lines.expect > 0 && minor === 1) expectation(exchange, fields);
  exchange.alone = exchange.switchable || !SAFE.has(method);

  const body = framing === 0
    ? RequestBody.empty
    : new RequestBody(framing === CHUNKED ? undefined : framing, exchange, limits.collectedBytes);
  const scheme: Scheme = target?.scheme ?? (host.transport.peer.secure ? 'https' : 'http');
  const resource = target?.resource ?? head.target;
  exchange.request = new HttpRequest(
    method, head.target, resource, scheme, authority, fields, body, exchange,
  );
  return exchange;
}

/** The last host that was found well formed: nearly all requests of a server name one. */
let knownHost = '';

/** The value of Host (RFC 9112 §3.2): exactly one in HTTP/1.1, and one that could be a host. */
function hostOf(fields: Fields, count: number, minor: number): string {
  if (count > 1) throw bad('two Host fields (RFC 9112 §3.2)');
  if (count === 0) {
    if (minor === 1) throw bad('no Host field (RFC 9112 §3.2)');
    return '';
  }
  const value = fields.get('host') as string;
  if (value === knownHost || value === '') return value;
  const fault = hostFault(value);
  if (fault !== undefined) throw bad(`Host has ${fault} (RFC 9112 §3.2)`);
  knownHost = value;
  return value;
}

/** The parts of a target; undefined for plain origin-form, which is its own resource. */
function targetOf(method: string, target: string): Target | undefined {
  if (target.charCodeAt(0) === 0x2f && method !== 'CONNECT') return undefined;
  const parts = parseTarget(method, target);
  if (typeof parts === 'string') throw bad(parts);
  return parts;
}

/** RFC 9112 §9.3; and whether an Upgrade could be honoured (RFC 9110 §7.8). */
function persistence(
  exchange: Http1Exchange, fields: Fields, connection: boolean, upgrade: boolean, minor: number,
): void {
  exchange.keepAlive = minor === 1;
  if (!connection) return;
  const options = tokenMembers(fields.get('connection') as string);
  if (options.includes('close')) exchange.keepAlive = false;
  else if (options.includes('keep-alive')) exchange.keepAlive = true;
  if (upgrade && exchange.keepAlive && minor === 1 && options.includes('upgrade')) {
    const protocols = tokenMembers(fields.get('upgrade') as string);
    // HTTP/2 by Upgrade is obsolete (RFC 9113 §3.1): such a request is an ordinary one.
    exchange.switchable = protocols.some((protocol) => protocol !== 'h2c');
  }
}

function expectation(exchange: Http1Exchange, fields: Fields): void {
  if (fields.get('expect')?.toLowerCase() !== '100-continue') {
    throw new ConnectionError(417, 'an expectation other than 100-continue (RFC 9110 §10.1.1)');
  }
  exchange.expectsContinue = exchange.framing !== 0;
}

/** The server holds too much to begin anything (RFC 9110 §15.6.4). */
export function crowdedError({ heldBytes }: Limits): ConnectionError {
  const message = `the server holds more than heldBytes, ${heldBytes} octets (RFC 9110 §15.6.4)`;
  return new ConnectionError(503, message);
}

function bad(message: string): ConnectionError {
  return new ConnectionError(400, message);
}
