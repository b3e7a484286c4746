/**
 * The server's side of the opening handshake (RFC 6455 §4.2, RFC 8441 §5): whether a request
 * becomes a WebSocket, and the fields of the answer that says so.
 *
 * The one place that knows both shapes, an Upgrade of HTTP/1.1 and extended CONNECT of HTTP/2;
 * behind it there is one protocol. Called by endpoint.ts.
 */
import { createHash } from 'node:crypto';
import { escapeControls, isToken } from '../bytes/ascii.ts';
import { tokenMembers, trimOws } from '../http/fields.ts';
import { HttpError } from '../http/http-error.ts';
import type { HttpRequest } from '../http/request.ts';
import { acceptOffer, type DeflateAgreement, type DeflateOptions } from './deflate-parameters.ts';
import { EXTENSION_LIST_BYTES_MAX, parseExtensionList } from './extension-list.ts';

/**
 * Chooses a subprotocol among those that a client offered, if any; undefined: none. Who must have
 * one throws an HttpError.
 */
export type SubprotocolChoice =
  (offered: readonly string[], request: HttpRequest) => string | undefined;

/** Who is let in, and what is agreed on. */
export interface HandshakeRules {
  readonly origins: 'same' | 'any' | readonly string[];
  readonly requireOrigin: boolean;
  readonly subprotocols: readonly string[] | SubprotocolChoice;
  readonly deflate: DeflateOptions | undefined;
}

/** What a handshake agreed on. */
export interface Agreement {
  /** '' for none. */
  readonly subprotocol: string;
  readonly deflate: DeflateAgreement | undefined;
}

export interface Handshake extends Agreement {
  /** Of the answer, 101 or 200. */
  readonly fields: Readonly<Record<string, string>>;
}

export const VERSION = '13';
/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** The base64 of 16 octets: the last digit holds four bits. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Whether a request asks for a WebSocket, well or badly: for a path that has a page as well. */
export function isWebSocketRequest({ method, protocol, fields }: HttpRequest): boolean {
  if (method === 'CONNECT') return protocol === 'websocket';
  return tokenMembers(fields.get('upgrade') ?? '').includes('websocket');
}

/** Judges a request. Throws an HttpError of 400, 403, 405 or 426. */
export function handshake(request: HttpRequest, rules: HandshakeRules): Handshake {
  const isHttp2 = request.version === '2';
  const fields = isHttp2 ? overHttp2(request) : overHttp1(request);
  checkVersion(request, isHttp2);
  checkOrigin(request, rules);
  const subprotocol = chooseSubprotocol(request, rules.subprotocols);
  if (subprotocol !== '') fields['sec-websocket-protocol'] = subprotocol;
  const accepted = chooseExtension(request, rules.deflate);
  if (accepted !== undefined) fields['sec-websocket-extensions'] = accepted.response;
  return { subprotocol, deflate: accepted?.agreement, fields };
}

/** The answer to a key (RFC 6455 §4.2.2): the server understood what was asked. */
export function acceptKey(key: string): string {
  return createHash('sha1').update(key + GUID).digest('base64');
}

/** RFC 6455 §4.2.1. */
function overHttp1(request: HttpRequest): Record<string, string> {
  const { method, version, fields } = request;
  if (method !== 'GET') {
    throw new HttpError(405, 'a WebSocket is asked for by GET (RFC 6455 §4.1)', { allow: 'GET' });
  }
  const connection = tokenMembers(fields.get('connection') ?? '');
  const upgrades = connection.includes('upgrade') &&
    tokenMembers(fields.get('upgrade') ?? '').includes('websocket');
  if (!upgrades) {
    throw new HttpError(
      426, 'this is a WebSocket: ask with Upgrade and Connection (RFC 6455 §4.2.1)',
      { upgrade: 'websocket' },
    );
  }
  if (version !== '1.1') throw bad('an Upgrade in HTTP/1.0 (RFC 6455 §4.2.1)');
  if (connection.includes('close')) throw bad('an Upgrade with Connection: close (RFC 9112 §9.6)');
  if (request.body.length !== 0) throw bad('a handshake has content (RFC 6455 §4.2.1)');
  const [key, ...more] = fields.getAll('sec-websocket-key');
  if (key === undefined || more.length > 0 || !KEY.test(key)) {
    throw bad('Sec-WebSocket-Key is not the base64 of 16 octets, once (RFC 6455 §4.2.1)');
  }
  return { upgrade: 'websocket', 'sec-websocket-accept': acceptKey(key) };
}

/** RFC 8441 §5: no key and no Upgrade; the stream and its protocol say it all. */
function overHttp2({ method, protocol }: HttpRequest): Record<string, string> {
  if (method === 'CONNECT' && protocol === 'websocket') return {};
  throw bad('on HTTP/2 a WebSocket is asked for by CONNECT with :protocol (RFC 8441 §5)');
}

function checkVersion({ fields }: HttpRequest, isHttp2: boolean): void {
  const versions = fields.getAll('sec-websocket-version');
  if (versions.length === 1 && versions[0] === VERSION) return;
  const detail = `Sec-WebSocket-Version is ${VERSION}, once (RFC 6455 §4.4)`;
  const spoken = { 'sec-websocket-version': VERSION };
  // 426 needs an Upgrade (RFC 9110 §15.5.22), which HTTP/2 has not.
  if (versions.length !== 1 || isHttp2) throw new HttpError(400, detail, spoken);
  throw new HttpError(426, detail, { ...spoken, upgrade: 'websocket' });
}

/** A page of another site brings the cookies of this one: whose it is must be known (§10.2). */
function checkOrigin(request: HttpRequest, { origins, requireOrigin }: HandshakeRules): void {
  const [origin, ...more] = request.fields.getAll('origin');
  if (origin === undefined) {
    if (requireOrigin) throw new HttpError(403, 'no Origin was sent (RFC 6455 §10.2)');
  } else if (more.length > 0 || !mayCome(origin.toLowerCase(), origins, request)) {
    const own = origins === 'same' ? `is not ${ownOrigin(request)}` : 'is not listed';
    const why = `origin "${origin}" ${own}: list it in webSocket(serve, { origins })` +
      (origins === 'same' ? '; behind a proxy that ends TLS, set trustedProxies' : '');
    throw new HttpError(
      403, 'pages of that origin may not connect here (RFC 6455 §10.2)', undefined,
      { cause: new Error(escapeControls(why)) },
    );
  }
}

function mayCome(
  origin: string, origins: HandshakeRules['origins'], request: HttpRequest,
): boolean {
  if (origins === 'any') return true;
  if (origins !== 'same') return origins.includes(origin);
  return withoutPort(origin) === ownOrigin(request);
}

/** What a page of this server would send as its Origin. */
function ownOrigin({ client, peer, authority }: HttpRequest): string {
  const scheme = client.scheme ?? (peer.secure ? 'https' : 'http');
  const host = (client.host ?? authority).toLowerCase();
  return host === '' ? 'of a page without Host' : withoutPort(`${scheme}://${host}`);
}

/** An origin without the port that its scheme has anyway (RFC 6454 §4). */
function withoutPort(origin: string): string {
  return origin.replace(/^(http:\/\/.*):80$|^(https:\/\/.*):443$/, '$1$2');
}

function chooseSubprotocol(
  request: HttpRequest, subprotocols: HandshakeRules['subprotocols'],
): string {
  const text = request.fields.get('sec-websocket-protocol');
  const offered = text === undefined ? [] : parseSubprotocols(text);
  const chosen = typeof subprotocols === 'function'
    ? subprotocols(offered, request)
    : subprotocols.find((one) => offered.includes(one));
  // Types do not keep a program from saying so in other ways.
  if (chosen === undefined || chosen === null || chosen === '') return '';
  if (!offered.includes(chosen)) {
    if ((chosen as unknown) instanceof Promise) {
      (chosen as unknown as Promise<unknown>).catch(() => {});
      throw new TypeError('subprotocols() gave a Promise: choose at once');
    }
    throw new TypeError(`subprotocol "${chosen}" was not offered (RFC 6455 §4.2.2)`);
  }
  return chosen;
}

/** Tokens, each once (RFC 6455 §4.1); empty elements are passed over (RFC 9110 §5.6.1.2). */
function parseSubprotocols(text: string): string[] {
  const offered = text.length > EXTENSION_LIST_BYTES_MAX ? []
    : text.split(',').map((one) => trimOws(one)).filter((one) => one !== '');
  const isList = offered.length > 0 && offered.every(isToken) &&
    new Set(offered).size === offered.length;
  if (!isList) throw bad('Sec-WebSocket-Protocol is no list of tokens, each once (RFC 6455 §4.1)');
  return offered;
}

function chooseExtension(
  { fields }: HttpRequest, deflate: DeflateOptions | undefined,
): ReturnType<typeof acceptOffer> {
  const text = fields.get('sec-websocket-extensions');
  if (text === undefined) return undefined;
  const offers = parseExtensionList(text);
  if (offers === undefined) throw bad('Sec-WebSocket-Extensions is malformed (RFC 6455 §9.1)');
  return deflate && acceptOffer(offers, deflate);
}

function bad(detail: string): HttpError {
  return new HttpError(400, detail);
}
