/**
 * How long a message's content is: RFC 9112 §6.3 alone, the whole defence against smuggling.
 *
 * Two parties that disagree here read two different requests. So nothing is repaired: whatever any
 * recipient could read otherwise is refused, and the connection with it.
 */
import { decimal, isToken } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import { trimOws, type Fields } from '../http/fields.ts';
import { hasNoContent } from '../http/status.ts';
import type { FieldLines } from './field-lines.ts';

/** Content comes in chunks (RFC 9112 §7.1). */
export const CHUNKED = -1;
/** Content ends with the connection; responses alone (RFC 9112 §6.3, rule 8). */
export const UNTIL_CLOSE = -2;

/** Octets of a request's content, or CHUNKED. Throws a ConnectionError: 400 or 501. */
export function requestFraming(fields: Fields, lines: FieldLines, minor: number): number {
  if (lines.transferEncoding > 0) {
    checkTransferEncoding(fields, lines, minor);
    return CHUNKED;
  }
  return lines.contentLength > 0 ? contentLength(fields, lines) : 0;
}

/**
 * Octets of a response's content, CHUNKED or UNTIL_CLOSE, given the method that it answers.
 * Throws a ConnectionError 502: what we cannot frame, we cannot use.
 */
export function responseFraming(
  fields: Fields, lines: FieldLines, minor: number, method: string, status: number,
): number {
  if (method === 'HEAD' || hasNoContent(status)) return 0;
  if (method === 'CONNECT' && status < 300) return 0;
  try {
    if (lines.transferEncoding > 0) {
      checkTransferEncoding(fields, lines, minor);
      return CHUNKED;
    }
    return lines.contentLength > 0 ? contentLength(fields, lines) : UNTIL_CLOSE;
  } catch (error) {
    throw new ConnectionError(502, (error as Error).message, { cause: error });
  }
}

function checkTransferEncoding(fields: Fields, lines: FieldLines, minor: number): void {
  if (minor === 0) throw bad('Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1)');
  if (lines.contentLength > 0) {
    throw bad('both Transfer-Encoding and Content-Length (RFC 9112 §6.3, rule 3)');
  }
  const codings = fields.getAll('transfer-encoding').join(',').split(',').map(codingName);
  const chunked = codings.filter((coding) => coding === 'chunked').length;
  if (chunked > 1) throw bad('chunked twice (RFC 9112 §6.1)');
  if (chunked === 1 && codings.at(-1) !== 'chunked') {
    throw bad('chunked is not the last coding (RFC 9112 §6.3, rule 4)');
  }
  const other = codings.find((coding) => coding !== 'chunked');
  if (other !== undefined) {
    throw new ConnectionError(501, 'a transfer coding other than chunked (RFC 9112 §6.1)');
  }
}

const PARAMETER = /^[ \t]*([^ \t=]+)[ \t]*=[ \t]*([^ \t"\\]+|"(?:[^"\\]|\\.)*")[ \t]*$/;

/** transfer-coding = token *( OWS ";" OWS transfer-parameter ) (RFC 9112 §7). */
function codingName(member: string): string {
  const [name = '', ...parameters] = member.split(';');
  const coding = trimOws(name).toLowerCase();
  // An empty member is legal for a recipient (RFC 9110 §5.6.1), but intermediaries disagree on it.
  if (!isToken(coding)) throw bad('a transfer coding is not a token (RFC 9112 §7)');
  for (const parameter of parameters) {
    const parts = PARAMETER.exec(parameter);
    if (parts === null || !isToken(parts[1] as string)) {
      throw bad('a broken transfer parameter (RFC 9112 §7)');
    }
  }
  if (coding === 'chunked' && parameters.length > 0) {
    throw bad('chunked with a parameter (RFC 9112 §7.1)');
  }
  return coding;
}

function contentLength(fields: Fields, lines: FieldLines): number {
  // Lists and copies of one value may be collapsed (RFC 9110 §8.6); refusing is safer.
  if (lines.contentLength > 1) throw bad('two Content-Length fields (RFC 9112 §6.3, rule 5)');
  const length = decimal(fields.get('content-length') as string);
  if (length < 0) throw bad('Content-Length is not a count of octets (RFC 9112 §6.3, rule 5)');
  return length;
}

function bad(message: string): ConnectionError {
  return new ConnectionError(400, message);
}
