/** A representation as the answer to GET: whole, in part, or not at all (RFC 9110 §13, §14). */
import {
  HttpError, HttpResponse, contentRange, evaluatePreconditions, selectRanges,
  type Body, type HttpRequest, type Validators,
} from '../../src/index.ts';

export interface Representation {
  readonly validators: Validators;
  readonly length: number;
  /** Default `text/plain`. */
  readonly type?: string;
  readonly cacheControl?: string | undefined;
  /** Its octets, both positions inclusive. */
  octets(first: number, last: number): Body;
}

/** Answers with 200 or 206, or as the preconditions and ranges of the request call for. */
export function represent(request: HttpRequest, it: Representation): HttpResponse {
  const { method, fields } = request;
  const { etag, lastModified } = it.validators;
  // What a 304 tells as well (RFC 9110 §15.4.5).
  const known = {
    'etag': etag,
    'last-modified': lastModified === undefined ? undefined : new Date(lastModified).toUTCString(),
    'cache-control': it.cacheControl,
  };
  const failed = evaluatePreconditions(method, fields, it.validators);
  if (failed === 304) return new HttpResponse(304, known);
  if (failed === 412) throw new HttpError(412, 'it is not as the request assumes (RFC 9110 §13)');
  const ranges = selectRanges(method, fields, it.length, it.validators);
  if (ranges?.length === 0) {
    const beyond = { 'content-range': contentRange(undefined, it.length) };
    throw new HttpError(416, `it has ${it.length} octets (RFC 9110 §14.2)`, beyond);
  }
  const described = { ...known, 'content-type': it.type ?? 'text/plain', 'accept-ranges': 'bytes' };
  // Of several ranges, the whole: a server may ignore Range (RFC 9110 §14.2).
  const range = ranges?.length === 1 ? ranges[0] : undefined;
  if (range === undefined) return new HttpResponse(200, described, it.octets(0, it.length - 1));
  const part = { ...described, 'content-range': contentRange(range, it.length) };
  return new HttpResponse(206, part, it.octets(range.first, range.last));
}

/** Octets in memory as a representation. */
export function bytesOf(
  content: string | Uint8Array, validators: Validators, cacheControl?: string, type = 'text/plain',
): Representation {
  const bytes = Buffer.from(content);
  const octets = (first: number, last: number): Uint8Array => bytes.subarray(first, last + 1);
  return { validators, length: bytes.length, type, cacheControl, octets };
}
