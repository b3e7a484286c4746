/**
 * What `webSocket` is told (endpoint.ts): the options of a program, checked before the first
 * request comes, and the rules of the handshake that follow from them.
 */
import { isToken } from '../bytes/ascii.ts';
import { knowsOnly } from '../errors.ts';
import { limitsFrom, type LimitChanges } from '../limits.ts';
import { deflateOptions, type DeflateChanges } from './deflate-parameters.ts';
import { GOING_AWAY, SERVICE_RESTART } from './frame.ts';
import type { HandshakeRules, SubprotocolChoice } from './handshake.ts';
import { checkMessageKind, type MessageKind } from './message-assembler.ts';
import { ZlibBudget } from './zlib-budget.ts';

export interface WebSocketOptions {
  /**
   * Pages that may connect (RFC 6455 §10.2): of the same origin (the default), of the origins
   * listed, such as `https://example.com`, or `any`. Clients that send no Origin are no browsers.
   */
  readonly origins?: 'same' | 'any' | readonly string[] | undefined;
  /** Refuses clients that send no Origin. Default false. */
  readonly requireOrigin?: boolean | undefined;
  /** Subprotocols spoken, the most wanted first; or who chooses among those offered. */
  readonly subprotocols?: readonly string[] | SubprotocolChoice | undefined;
  /** Compresses messages (RFC 7692): true, or how. Default false: it costs memory and time. */
  readonly deflate?: boolean | DeflateChanges | undefined;
  /** The one kind of message that is taken; the other closes with 1003. Default: both. */
  readonly accepts?: MessageKind | undefined;
  /** Limits other than the server's, for these sessions. */
  readonly limits?: LimitChanges | undefined;
  /** What a closing server says: 1001, going away (the default), or 1012, it restarts. */
  readonly drainCode?: 1001 | 1012 | undefined;
  /** Where zlib's work is counted; default: with all of the process. */
  readonly zlib?: ZlibBudget | undefined;
  /** 0 to 1, less than 1; for runs that can be repeated. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

const NAMES = [
  'origins', 'requireOrigin', 'subprotocols', 'deflate', 'accepts', 'limits', 'drainCode', 'zlib',
  'random',
];
/** Such as `chrome-extension://` and an identifier. */
const OTHER_ORIGIN = /^[a-z][a-z0-9-]*-extension:\/\/[a-z0-9-]+$/i;

/** Throws a TypeError that says which is bad. */
export function checkOptions(options: WebSocketOptions): void {
  knowsOnly(options, NAMES, 'webSocket');
  const { accepts, drainCode, limits, requireOrigin, zlib, random } = options;
  if (requireOrigin !== undefined && typeof requireOrigin !== 'boolean') {
    throw new TypeError('requireOrigin is true or false');
  }
  checkMessageKind(accepts);
  if (drainCode !== undefined && drainCode !== GOING_AWAY && drainCode !== SERVICE_RESTART) {
    throw new TypeError('drainCode is 1001 or 1012 (RFC 6455 §7.4.1)');
  }
  if (limits !== undefined) limitsFrom(limits);
  if (zlib !== undefined && !(zlib instanceof ZlibBudget)) {
    throw new TypeError('zlib is a ZlibBudget');
  }
  if (random !== undefined && typeof random !== 'function') {
    throw new TypeError('random is a function, such as Math.random');
  }
}

/** Throws a TypeError, or a RangeError for a window that cannot be. */
export function rulesOf(options: WebSocketOptions): HandshakeRules {
  const { origins = 'same', requireOrigin = false, subprotocols = [], deflate = false } = options;
  return {
    origins: checkedOrigins(origins),
    requireOrigin,
    subprotocols: checkedSubprotocols(subprotocols),
    deflate: deflate === false ? undefined : deflateOptions(deflate),
  };
}

function checkedSubprotocols(
  subprotocols: HandshakeRules['subprotocols'],
): HandshakeRules['subprotocols'] {
  if (typeof subprotocols === 'function') return subprotocols;
  if (!Array.isArray(subprotocols)) {
    throw new TypeError("subprotocols is a list such as ['chat'], or a function");
  }
  const bad = subprotocols.findIndex((one) => typeof one !== 'string' || !isToken(one));
  if (bad < 0) return [...subprotocols];
  throw new TypeError(`subprotocol "${String(subprotocols[bad])}" is no token (RFC 6455 §4.1)`);
}

function checkedOrigins(origins: HandshakeRules['origins']): HandshakeRules['origins'] {
  if (origins === 'same' || origins === 'any') return origins;
  if (Array.isArray(origins)) return origins.map(checkedOrigin);
  throw new TypeError(`origins is 'same', 'any', or a list such as ['https://example.com']`);
}

/** As browsers send it: scheme, host in lower case, and a port unless the scheme has it anyway. */
function checkedOrigin(origin: string): string {
  if (origin === 'null') return origin;
  // A page is of http or https, also where it says ws or wss to connect.
  const page = String(origin).replace(/^ws(?=s?:)/i, 'http');
  // A star would be a host by that name, not all of them.
  const wanted = URL.canParse(page) && !page.includes('*') ? new URL(page).origin : '';
  if (wanted !== '' && typeof origin === 'string' && wanted === origin.toLowerCase()) return wanted;
  // An extension of a browser is at no origin that URL knows.
  if (OTHER_ORIGIN.test(page)) return page.toLowerCase();
  const hint = wanted === '' || wanted === 'null' ? 'https://example.com' : wanted;
  if (page.includes('*')) {
    const instead = "list each, or 'any'";
    throw new TypeError(`origin "${String(origin)}" would be a host by that name: ${instead}`);
  }
  throw new TypeError(`origin "${String(origin)}" is none: write it as ${hint} (RFC 6454 §6.1)`);
}
