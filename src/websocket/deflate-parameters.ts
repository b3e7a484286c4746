/**
 * What two endpoints agree on about permessage-deflate (RFC 7692 §5, §7.1): a server answers
 * offers, a client makes one and judges the answer.
 *
 * An offer that a server cannot keep is declined, and the next one is looked at; a response that a
 * client did not ask for fails the connection. Called by the handshake; what comes of it goes to
 * inflater.ts and deflater.ts.
 */
import { knowsOnly } from '../errors.ts';
import { CloseError } from './close-error.ts';
import type { Extension } from './extension-list.ts';
import { MANDATORY_EXTENSION } from './frame.ts';

export const PERMESSAGE_DEFLATE = 'permessage-deflate';

/** zlib cannot compress raw data with a window of 2^8 octets. */
export const WINDOW_BITS_MIN = 9;
export const WINDOW_BITS_MAX = 15;

/** What one side wants. Names are the standard's, so `server` may be the other side. */
export interface DeflateOptions {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  /** At most, 9 to 15. */
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
  /** Messages of fewer octets leave as they are. */
  readonly thresholdBytes: number;
}

/** How messages of one direction are compressed. */
export interface DeflateContext {
  /** The LZ77 sliding window, at most, as a power of 2. */
  readonly windowBits: number;
  /** Whether the window of a message is what the one before left (§7.1.1). */
  readonly contextTakeover: boolean;
}

/** The agreed parameters (§5), as seen by this side. */
export interface DeflateAgreement {
  readonly deflate: DeflateContext;
  readonly inflate: DeflateContext;
}

export interface AcceptedOffer {
  readonly agreement: DeflateAgreement;
  /** The element of the server's Sec-WebSocket-Extensions. */
  readonly response: string;
}

const DEFAULTS: DeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: WINDOW_BITS_MAX,
  clientMaxWindowBits: WINDOW_BITS_MAX,
  thresholdBytes: 1024,
};

/** What is other than the defaults; undefined is the default. */
export type DeflateChanges = {
  readonly [Name in keyof DeflateOptions]?: DeflateOptions[Name] | undefined;
};

/**
 * Fills what was left out; `true` is all of it. Throws a TypeError for a name that is unknown, a
 * RangeError for what cannot be.
 */
export function deflateOptions(given: true | DeflateChanges = true): DeflateOptions {
  const changes = given === true ? {} : given;
  knowsOnly(changes, Object.keys(DEFAULTS), 'deflate');
  const set = Object.entries(changes).filter(([, value]) => value !== undefined);
  const options: DeflateOptions = { ...DEFAULTS, ...Object.fromEntries(set) };
  for (const name of ['serverMaxWindowBits', 'clientMaxWindowBits'] as const) {
    const bits = options[name];
    if (!(Number.isInteger(bits) && bits >= WINDOW_BITS_MIN && bits <= WINDOW_BITS_MAX)) {
      throw new RangeError(`${name} is ${bits}, not 9 to 15 (RFC 7692 §7.1.2)`);
    }
  }
  if (!(options.thresholdBytes >= 0)) {
    throw new RangeError(`thresholdBytes is ${options.thresholdBytes}, not 0 or more`);
  }
  return options;
}

/** The four parameters as they came (§7.1); `true`: named, without a value. */
interface Parameters {
  server_no_context_takeover?: true;
  client_no_context_takeover?: true;
  server_max_window_bits?: number;
  client_max_window_bits?: number | true;
}

/** A decimal without leading zeroes, 8 to 15 (§7.1.2). */
const BITS = /^([89]|1[0-5])$/;

/** Undefined: a parameter is unknown, comes twice, or has a value that it may not have (§7). */
function readParameters(extension: Extension, isOffer: boolean): Parameters | undefined {
  const found: Parameters = {};
  for (const { name, value } of extension.parameters) {
    if (Object.hasOwn(found, name)) return undefined;
    if (name === 'server_no_context_takeover' || name === 'client_no_context_takeover') {
      if (value !== undefined) return undefined;
      found[name] = true;
    } else if (name === 'client_max_window_bits' && value === undefined && isOffer) {
      found[name] = true;
    } else if (name === 'server_max_window_bits' || name === 'client_max_window_bits') {
      if (value === undefined || !BITS.test(value)) return undefined;
      found[name] = Number(value);
    } else {
      return undefined;
    }
  }
  return found;
}

/** A server's choice: the first offer that it can keep. Undefined: no compression. */
export function acceptOffer(
  offers: readonly Extension[], options: DeflateOptions,
): AcceptedOffer | undefined {
  for (const offer of offers) {
    if (offer.name !== PERMESSAGE_DEFLATE) continue;
    const offered = readParameters(offer, true);
    const accepted = offered === undefined ? undefined : accept(offered, options);
    if (accepted !== undefined) return accepted;
  }
  return undefined;
}

function accept(offered: Parameters, options: DeflateOptions): AcceptedOffer | undefined {
  const { serverMaxWindowBits, clientMaxWindowBits } = options;
  const serverBits = Math.min(serverMaxWindowBits, offered.server_max_window_bits ?? Infinity);
  if (serverBits < WINDOW_BITS_MIN) return undefined;
  // A client that did not name the parameter cannot be told to use less (§7.1.2.2).
  const hint = offered.client_max_window_bits;
  if (hint === undefined && clientMaxWindowBits < WINDOW_BITS_MAX) return undefined;
  // A hint of 8 is not followed: clients whose zlib cannot do it say it all the same.
  const clientBits = typeof hint === 'number' && hint >= WINDOW_BITS_MIN
    ? Math.min(hint, clientMaxWindowBits)
    : clientMaxWindowBits;
  const serverResets = options.serverNoContextTakeover ||
    offered.server_no_context_takeover === true;
  const clientResets = options.clientNoContextTakeover ||
    offered.client_no_context_takeover === true;
  const tellsServerBits = offered.server_max_window_bits !== undefined ||
    serverBits < WINDOW_BITS_MAX;
  return {
    agreement: {
      deflate: { windowBits: serverBits, contextTakeover: !serverResets },
      inflate: { windowBits: clientBits, contextTakeover: !clientResets },
    },
    response: element(
      serverResets, clientResets,
      tellsServerBits ? `=${serverBits}` : undefined,
      clientBits < WINDOW_BITS_MAX ? `=${clientBits}` : undefined,
    ),
  };
}

/** A client's offer: the value of its Sec-WebSocket-Extensions. */
export function offerText(options: DeflateOptions): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = options;
  return element(
    options.serverNoContextTakeover, options.clientNoContextTakeover,
    serverMaxWindowBits < WINDOW_BITS_MAX ? `=${serverMaxWindowBits}` : undefined,
    clientMaxWindowBits < WINDOW_BITS_MAX ? `=${clientMaxWindowBits}` : '',
  );
}

/** Values with their "=", or nothing where there is no value. */
function element(
  serverResets: boolean, clientResets: boolean,
  serverBits: string | undefined, clientBits: string | undefined,
): string {
  let text = PERMESSAGE_DEFLATE;
  if (serverResets) text += '; server_no_context_takeover';
  if (clientResets) text += '; client_no_context_takeover';
  if (serverBits !== undefined) text += `; server_max_window_bits${serverBits}`;
  if (clientBits !== undefined) text += `; client_max_window_bits${clientBits}`;
  return text;
}

/**
 * A client's judgement of a response to `offerText(options)`; without options nothing was offered.
 * Undefined: the server declined. Throws a CloseError, 1010 as §5.1 has it, for anything else.
 */
export function judgeResponse(
  response: readonly Extension[], options: DeflateOptions | undefined,
): DeflateAgreement | undefined {
  for (const { name } of response) {
    if (options === undefined || name !== PERMESSAGE_DEFLATE) {
      throw refusal(`extension ${name} was not offered`, '5');
    }
  }
  const [extension] = response;
  if (extension === undefined || options === undefined) return undefined;
  if (response.length > 1) throw refusal('two extensions use the RSV1 bit', '5');
  const agreed = readParameters(extension, false);
  if (agreed === undefined) throw refusal('a parameter is unknown, doubled or bad', '7');
  return judge(agreed, options);
}

function judge(agreed: Parameters, options: DeflateOptions): DeflateAgreement {
  const serverBits = agreed.server_max_window_bits ?? WINDOW_BITS_MAX;
  const clientBits = Number(agreed.client_max_window_bits ?? WINDOW_BITS_MAX);
  const serverResets = agreed.server_no_context_takeover === true;
  if (options.serverNoContextTakeover && !serverResets) {
    throw refusal('server_no_context_takeover was asked for and not agreed to', '7.1.1.1');
  }
  if (serverBits > options.serverMaxWindowBits) {
    throw refusal(`server_max_window_bits is over ${options.serverMaxWindowBits}`, '7.1.2.1');
  }
  if (clientBits < WINDOW_BITS_MIN) {
    throw refusal('client_max_window_bits=8 is not supported', '7');
  }
  const clientResets = agreed.client_no_context_takeover === true ||
    options.clientNoContextTakeover;
  return {
    // This side may always use less than was agreed on (§7.2.1).
    deflate: {
      windowBits: Math.min(clientBits, options.clientMaxWindowBits),
      contextTakeover: !clientResets,
    },
    inflate: { windowBits: serverBits, contextTakeover: !serverResets },
  };
}

function refusal(what: string, section: string): CloseError {
  return new CloseError(MANDATORY_EXTENSION, `${what} (RFC 7692 §${section})`);
}
