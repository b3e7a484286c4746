/**
 * What proxies say of a request (RFC 7239), and which of it to believe: the client's address and
 * port, and the scheme and host that it used.
 *
 *     Forwarded: for=192.0.2.43, for="[2001:db8::17]:4711";proto=https;host=example.com
 *
 * Anybody can send these fields, so they count only from a peer in a trust list, and are read from
 * the right: the last element is the peer's word, the one before it the word of whoever the peer
 * names, and so on while those named are in the list. Elements are also found from the right. A
 * quote that a client leaves open spoils its own element, and none that a proxy appends.
 *
 * Not for Via, and not for a PROXY header (server/proxy-protocol.ts). Called by request.ts.
 */
import { FIELD_VALUE, decimal, isAll, isToken } from '../bytes/ascii.ts';
import type { Peer } from '../protocol.ts';
import { trimOws, type Fields } from './fields.ts';
import { formatIpAddress, parseIpAddress, parseIpv4, parseIpv6 } from './ip-address.ts';
import { hostFault, type Scheme } from './target.ts';
import type { TrustList } from './trust-list.ts';

/** A node identifier (RFC 7239 §6). */
export interface NodeIdentifier {
  /** An address in its one text, `unknown`, or an obfuscated identifier, such as `_hidden`. */
  readonly name: string;
  /** The 16 octets of an address (ip-address.ts). */
  readonly octets: Uint8Array | undefined;
  /** A number, or an obfuscated port, such as `_front`. */
  readonly port: number | string | undefined;
}

/** What one proxy said (RFC 7239 §5). */
export interface ForwardedElement {
  readonly for: NodeIdentifier | undefined;
  readonly by: NodeIdentifier | undefined;
  readonly host: string | undefined;
  /** A URI scheme, in lower case. */
  readonly proto: string | undefined;
  /** All parameters by their names in lower case, values without quotes. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Who asks, as far as trusted peers say; undefined parts are not known. */
export interface TrustedOrigin {
  /** In its one text: IPv4-mapped as IPv4. Undefined: a proxy keeps it to itself (§6.2, §6.3). */
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** Undefined: nobody who is trusted says, so it is the request's own; so is the host. */
  readonly scheme: Scheme | undefined;
  readonly host: string | undefined;
}

/** What is asked of a request. */
export interface ForwardedRequest {
  readonly fields: Fields;
  readonly peer: Pick<Peer, 'address' | 'port'>;
}

/** The proxies whose word about a request counts, and which fields they write. */
export interface Forwarders {
  readonly trust: TrustList;
  readonly written: 'forwarded' | 'x-forwarded' | undefined;
}

const NOBODY: TrustedOrigin = Object.freeze({
  address: undefined, port: undefined, scheme: undefined, host: undefined,
});
const FORWARDED = 'forwarded';
const X_FOR = 'x-forwarded-for';
const X_PROTO = 'x-forwarded-proto';
const X_HOST = 'x-forwarded-host';
const X_PORT = 'x-forwarded-port';
const PORT_MAX = 65_535;
const DEFAULT_PORTS: Readonly<Record<Scheme, number>> = { http: 80, https: 443 };
/** Some proxies name what a WebSocket's URI says (RFC 6455 §3); its request is an http one. */
const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['http', 'http'], ['https', 'https'], ['ws', 'http'], ['wss', 'https'],
]);

/**
 * The origin of a request, as far as `trust` carries. An element that is malformed ends the walk
 * where it stands, and the last trusted value stays. A peer that is not in the list is the origin.
 *
 * `written` names the fields that the proxies set. Without it either kind is taken where it is
 * alone; where a request has both, one may be the client's, passed on by a proxy that knows only
 * the other, and nothing is known of the origin. The walk gives the address. Scheme and host are
 * those of the outermost trusted element that tells them. X-Forwarded-Proto, -Host and -Port do not
 * say which proxy wrote which member, so only the last member, the peer's own, is taken; the port
 * completes a host without one. A proxy must set or drop each field that is trusted from it.
 */
export function trustedOrigin(
  request: ForwardedRequest, trust: TrustList, written?: 'forwarded' | 'x-forwarded',
): TrustedOrigin {
  const { fields, peer } = request;
  const octets = parseIpAddress(peer.address);
  const address = octets === undefined ? peer.address : formatIpAddress(octets);
  const own = { ...NOBODY, address, port: peer.port };
  if (!trust.trusts(peer.address)) return own;
  const hasForwarded = written !== 'x-forwarded' && fields.has(FORWARDED);
  const hasOthers = written !== 'forwarded' &&
    [X_FOR, X_PROTO, X_HOST, X_PORT].some((name) => fields.has(name));
  if (hasForwarded && hasOthers) return NOBODY;
  if (hasForwarded) return walk(elementsFromRight(fields.getAll(FORWARDED)), own, trust);
  return hasOthers ? { ...walk(nodesFromRight(fields), own, trust), ...lastWords(fields) } : own;
}

/** Follows elements, nearest first, while those they name are trusted. */
function walk(
  elements: Iterable<ForwardedElement | undefined>, own: TrustedOrigin, trust: TrustList,
): TrustedOrigin {
  let { address, port, scheme, host } = own;
  for (const element of elements) {
    if (element === undefined) break;
    scheme = SCHEMES.get(element.proto ?? '') ?? scheme;
    host = element.host || host;
    const node = element.for;
    address = node?.octets && node.name;
    port = address !== undefined && typeof node?.port === 'number' ? node.port : undefined;
    if (node?.octets === undefined || !trust.includes(node.octets)) break;
  }
  return { address, port, scheme, host };
}

/**
 * The elements of all Forwarded field lines in order, the first proxy's first; undefined when one
 * is malformed. Empty members of the list do not count (RFC 9110 §5.6.1.2).
 */
export function parseForwarded(lines: readonly string[]): ForwardedElement[] | undefined {
  const elements: ForwardedElement[] = [];
  for (const element of elementsFromRight(lines)) {
    if (element === undefined) return undefined;
    elements.push(element);
  }
  return elements.reverse();
}

/** The elements of all lines from the last to the first; undefined for one that is malformed. */
function* elementsFromRight(
  lines: readonly string[],
): Generator<ForwardedElement | undefined, void, undefined> {
  for (let line = lines.length - 1; line >= 0; line--) {
    const text = lines[line] as string;
    for (let end = text.length; end >= 0;) {
      const start = memberStart(text, end);
      const member = trimOws(text, start, end);
      if (member !== '') yield parseElement(member);
      end = start - 1;
    }
  }
}

/** Where the list member that ends at `end` starts; commas in a quoted string do not part. */
function memberStart(text: string, end: number): number {
  let i = end - 1;
  for (; i >= 0 && text[i] !== ','; i--) {
    if (text[i] !== '"') continue;
    // The quote that opens the string: in a well-formed one those between are escaped.
    do i = text.lastIndexOf('"', i - 1); while (i > 0 && isEscaped(text, i));
    if (i < 0) return 0;
  }
  return i + 1;
}

/** Whether an odd number of backslashes stands before. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (start > 0 && text[start - 1] === '\\') start--;
  return (at - start) % 2 === 1;
}

/** A forwarded-element (RFC 7239 §4): no space, and no parameter twice. */
function parseElement(text: string): ForwardedElement | undefined {
  const parameters = new Map<string, string>();
  for (let i = 0; i < text.length; i++) {
    if (text[i] === ';') continue;
    const equals = text.indexOf('=', i);
    const name = text.slice(i, Math.max(equals, i)).toLowerCase();
    if (!isToken(name) || parameters.has(name)) return undefined;
    const end = valueEnd(text, equals + 1);
    const value = unquoted(text.slice(equals + 1, end));
    if (value === undefined || (end < text.length && text[end] !== ';')) return undefined;
    parameters.set(name, value);
    i = end;
  }
  return elementOf(parameters);
}

/** The end of a token or a quoted string, whatever it holds. */
function valueEnd(text: string, start: number): number {
  if (text[start] !== '"') {
    const end = text.indexOf(';', start);
    return end < 0 ? text.length : end;
  }
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return Math.min(i + 1, text.length);
}

/** What a token or a quoted string says (RFC 9110 §5.6.2, §5.6.4); undefined when it is neither. */
function unquoted(value: string): string | undefined {
  if (!value.startsWith('"')) return isToken(value) ? value : undefined;
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(value)?.[1];
  if (quoted === undefined || (quoted !== '' && !isAll(quoted, FIELD_VALUE))) return undefined;
  return quoted.replace(/\\(.)/gs, '$1');
}

/** What the parameters mean; undefined when one breaks its syntax (RFC 7239 §5). */
function elementOf(parameters: ReadonlyMap<string, string>): ForwardedElement | undefined {
  const host = parameters.get('host');
  const proto = parameters.get('proto')?.toLowerCase();
  if (host !== undefined && hostFault(host) !== undefined) return undefined;
  if (proto !== undefined && !/^[a-z][a-z0-9+.-]*$/.test(proto)) return undefined;
  const sender = parseNode(parameters.get('for') ?? '');
  const receiver = parseNode(parameters.get('by') ?? '');
  if (parameters.has('for') && sender === undefined) return undefined;
  if (parameters.has('by') && receiver === undefined) return undefined;
  return { for: sender, by: receiver, host, proto, parameters };
}

/** A node identifier (RFC 7239 §6), or undefined. */
export function parseNode(text: string): NodeIdentifier | undefined {
  const bracket = text.startsWith('[') ? text.indexOf(']') : -1;
  const colon = text.indexOf(':', bracket + 1);
  const nodename = colon < 0 ? text : text.slice(0, colon);
  const isLiteral = bracket > 0 && bracket === nodename.length - 1;
  const octets = isLiteral ? parseIpv6(nodename.slice(1, -1)) : parseIpv4(nodename);
  const isUnknown = nodename.toLowerCase() === 'unknown';
  if (octets === undefined && !isUnknown && !isObfuscated(nodename)) return undefined;
  const name = octets !== undefined ? formatIpAddress(octets) : isUnknown ? 'unknown' : nodename;
  if (colon < 0) return { name, octets, port: undefined };
  const port = nodePort(text.slice(colon + 1));
  return port === undefined ? undefined : { name, octets, port };
}

function nodePort(text: string): number | string | undefined {
  if (isObfuscated(text)) return text;
  return /^\d{1,5}$/.test(text) && decimal(text) <= PORT_MAX ? decimal(text) : undefined;
}

function isObfuscated(text: string): boolean {
  return /^_[a-z0-9._-]+$/i.test(text);
}

/**
 * The members of X-Forwarded-For from the last to the first: nodes, and IPv6 addresses without
 * brackets as well (RFC 7239 §7.4). An empty one is malformed: no standard says to pass over it.
 */
function* nodesFromRight(
  fields: Fields,
): Generator<ForwardedElement | undefined, void, undefined> {
  const members = fields.get(X_FOR)?.split(',') ?? [];
  for (const member of members.reverse()) {
    const text = trimOws(member);
    const octets = parseIpv6(text);
    const node = octets === undefined
      ? parseNode(text)
      : { name: formatIpAddress(octets), octets, port: undefined };
    yield node && { ...NO_ELEMENT, for: node };
  }
}

const NO_ELEMENT: ForwardedElement = {
  for: undefined, by: undefined, host: undefined, proto: undefined, parameters: new Map(),
};

/** The last members of X-Forwarded-Proto, -Host and -Port, as scheme and host. */
function lastWords(fields: Fields): Pick<TrustedOrigin, 'scheme' | 'host'> {
  const scheme = SCHEMES.get(lastMember(fields, X_PROTO).toLowerCase());
  const host = lastMember(fields, X_HOST);
  if (host === '' || hostFault(host) !== undefined) return { scheme, host: undefined };
  const port = nodePort(lastMember(fields, X_PORT));
  const hasPort = /:\d*$/.test(host.slice(host.indexOf(']') + 1));
  const isDefault = scheme !== undefined && port === DEFAULT_PORTS[scheme];
  if (typeof port !== 'number' || hasPort || isDefault) return { scheme, host };
  return { scheme, host: `${host}:${port}` };
}

function lastMember(fields: Fields, name: string): string {
  const line = fields.getAll(name).at(-1) ?? '';
  return trimOws(line, line.lastIndexOf(',') + 1);
}
