/**
 * What a Close frame carries (RFC 6455 §5.5.1): nothing, or a close code in two octets and a reason
 * in UTF-8.
 */
import { Buffer } from 'node:buffer';
import { decodeUtf8 } from '../bytes/utf8.ts';
import { notUtf8, protocolError } from './close-error.ts';
import { CONTROL_BYTES_MAX, NO_STATUS_RECEIVED, isCloseCode } from './frame.ts';

/** Beside a code, octets. */
export const REASON_BYTES_MAX = CONTROL_BYTES_MAX - 2;

/** Why a connection closes; 1005 where the peer did not say (RFC 6455 §7.1.5). */
export interface CloseStatus {
  readonly code: number;
  readonly reason: string;
}

const NO_STATUS: CloseStatus = Object.freeze({ code: NO_STATUS_RECEIVED, reason: '' });

/** Throws a CloseError: 1002 for a broken code, 1007 for a reason that is no text. */
export function parseClosePayload(bytes: Uint8Array, start: number, end: number): CloseStatus {
  if (start === end) return NO_STATUS;
  if (end - start < 2) throw protocolError('a close code of one octet', '5.5.1');
  const code = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
  if (!isCloseCode(code)) throw protocolError(`close code ${code}`, '7.4');
  const reason = decodeUtf8(bytes, start + 2, end);
  if (reason === undefined) throw notUtf8('the reason of a Close frame');
  return { code, reason };
}

/**
 * The reason is cut to 123 octets, between code points. Throws a RangeError for a code that may not
 * stand on the wire, such as 1005 and 1006 (§7.4.1): that is no peer's fault.
 */
export function closePayload(code: number, reason = ''): Uint8Array {
  if (!Number.isInteger(code) || !isCloseCode(code)) {
    throw new RangeError(`close code ${code} may not be sent (RFC 6455 §7.4)`);
  }
  const payload = Buffer.alloc(2 + REASON_BYTES_MAX);
  payload.writeUInt16BE(code);
  // Writes no part of a code point.
  return payload.subarray(0, 2 + payload.write(reason, 2));
}
