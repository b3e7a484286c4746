/**
 * A failure that has an answer. Thrown by handlers and by what they call (reading content, say);
 * turned into a problem document by http/problem.ts. The detail is written to the peer.
 */
import type { FieldsInit } from './fields.ts';
import { reasonPhrase } from './status.ts';

/** `throw new HttpError(404, 'no such page')`. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  /** 400 to 599. */
  readonly status: number;
  /** Further fields of the answer, such as `allow` or `retry-after`. */
  readonly fields: FieldsInit | undefined;

  /** `detail` is told to the peer; by default the status's own reason phrase. */
  constructor(status: number, detail?: string, fields?: FieldsInit, options?: ErrorOptions) {
    super(detail ?? reasonPhrase(status), options);
    this.status = status;
    this.fields = fields;
  }
}
