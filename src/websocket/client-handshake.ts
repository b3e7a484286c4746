/**
 * The client's side of the opening handshake (RFC 6455 §4.1): what it asks, and whether the answer
 * keeps to it. Called by client/opening.ts.
 */
import { isToken } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import { tokenMembers, type Fields } from '../http/fields.ts';
import {
  judgeResponse, offerText, type DeflateOptions,
} from './deflate-parameters.ts';
import { parseExtensionList } from './extension-list.ts';
import { VERSION, acceptKey, type Agreement } from './handshake.ts';

/** What a client asks for. */
export interface Offer {
  /** The base64 of 16 octets that nobody can predict. */
  readonly key: string;
  readonly subprotocols: readonly string[];
  readonly deflate: DeflateOptions | undefined;
}

/** Fields of the request. Throws a TypeError for subprotocols that are no tokens, each once. */
export function offerFields(offer: Offer): Record<string, string> {
  const { key, subprotocols, deflate } = offer;
  const isList = Array.isArray(subprotocols) &&
    subprotocols.every((one) => typeof one === 'string' && isToken(one)) &&
    new Set(subprotocols).size === subprotocols.length;
  if (!isList) throw new TypeError('subprotocols are tokens, each once (RFC 6455 §4.1)');
  return {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-version': VERSION,
    'sec-websocket-key': key,
    ...(subprotocols.length > 0 && { 'sec-websocket-protocol': subprotocols.join(', ') }),
    ...(deflate !== undefined && { 'sec-websocket-extensions': offerText(deflate) }),
  };
}

/**
 * Judges the fields of a 101. Throws a ConnectionError, or for what they say of compression a
 * CloseError: the server did not understand.
 */
export function judgeAnswer(fields: Fields, offer: Offer): Agreement {
  const [upgrade, ...others] = tokenMembers(fields.get('upgrade') ?? '');
  const connection = tokenMembers(fields.get('connection') ?? '');
  // The value is `websocket`, and no list that has it.
  if (upgrade !== 'websocket' || others.length > 0 || !connection.includes('upgrade')) {
    throw bad('the answer names no Upgrade to websocket (RFC 6455 §4.1)');
  }
  const [accept, ...more] = fields.getAll('sec-websocket-accept');
  if (accept !== acceptKey(offer.key) || more.length > 0) {
    throw bad('Sec-WebSocket-Accept does not answer the key (RFC 6455 §4.1)');
  }
  return {
    subprotocol: judgeSubprotocol(fields, offer),
    deflate: judgeResponse(extensionsOf(fields), offer.deflate),
  };
}

function judgeSubprotocol(fields: Fields, { subprotocols }: Offer): string {
  const [chosen, ...more] = fields.getAll('sec-websocket-protocol');
  if (chosen === undefined) return '';
  if (more.length > 0 || !subprotocols.includes(chosen)) {
    throw bad('the answer has a subprotocol that was not offered (RFC 6455 §4.1)');
  }
  return chosen;
}

function extensionsOf(fields: Fields): ReturnType<typeof parseExtensionList> & object {
  const text = fields.get('sec-websocket-extensions');
  const list = text === undefined ? [] : parseExtensionList(text);
  if (list === undefined) throw bad('Sec-WebSocket-Extensions is malformed (RFC 6455 §9.1)');
  return list;
}

function bad(message: string): ConnectionError {
  return new ConnectionError(502, message);
}
