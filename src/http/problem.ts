/**
 * Refusals as documents (problem details, RFC 9457): the form that an HttpError takes, and the
 * wire's own refusals too. Tells the status and one sentence, never what is not meant for the peer.
 */
import { Fields, type FieldsInit } from './fields.ts';
import { HttpResponse } from './response.ts';
import { reasonPhrase } from './status.ts';

/** A problem document. Its type is `about:blank`, so the title is the status's own (§4.2.1). */
export function problem(status: number, detail: string, fields?: FieldsInit): HttpResponse {
  const content = JSON.stringify({
    type: 'about:blank', title: reasonPhrase(status), status, detail,
  });
  const typed = Fields.from(fields).with('content-type', 'application/problem+json');
  return new HttpResponse(status, typed, content);
}
