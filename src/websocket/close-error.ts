/**
 * An offence against WebSocket: the connection fails (RFC 6455 §7.1.7), and the code says why
 * (§7.4.1).
 *
 * Thrown by the parser and by what stands behind it; the protocol puts code and message into its
 * Close frame.
 */
import { ConnectionError } from '../errors.ts';
import { INVALID_PAYLOAD, MESSAGE_TOO_BIG, PROTOCOL_ERROR } from './frame.ts';

export class CloseError extends ConnectionError {}

/** 1002, with the section of RFC 6455 that was broken. */
export function protocolError(what: string, section: string): CloseError {
  return new CloseError(PROTOCOL_ERROR, `${what} (RFC 6455 §${section})`);
}

/** 1009: `limit` is the name of a limit, `most` its value. */
export function tooBig(what: string, limit: string, most: number): CloseError {
  return new CloseError(
    MESSAGE_TOO_BIG, `${what} is over ${limit}, ${most} octets (RFC 6455 §10.4)`,
  );
}

/** 1007: text that is none. */
export function notUtf8(what: string): CloseError {
  return new CloseError(INVALID_PAYLOAD, `${what} is not UTF-8 (RFC 6455 §8.1)`);
}
