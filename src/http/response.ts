/**
 * An answer as a value (RFC 9110 §6): status, fields, body. Made by handlers, passed through
 * middleware, written by a protocol. With a body of text or octets it is immutable, and may be
 * given any number of times; a body that is pulled can be given once.
 */
import { Fields, type FieldsInit } from './fields.ts';
import {
  IterableSource, cancelSource, isBodySource, type Body, type BodySource,
} from './body.ts';
import type { ConnectionTransport, ProtocolFactory, Transport } from '../protocol.ts';

/** What takes over after a switch. One that can live on any Transport fits; so on HTTP/2 too. */
export type SwitchTarget = ProtocolFactory<ConnectionTransport>;

/** A body was given a second time: it is the first exchange's to pull and to cancel. */
export class BodyGivenError extends TypeError {}

/** Undefined parts stay as they are. */
interface ResponseParts {
  readonly status?: number | undefined;
  readonly fields?: FieldsInit | undefined;
  readonly body?: Body | undefined;
}

export class HttpResponse {
  readonly status: number;
  readonly fields: Fields;
  readonly body: string | Uint8Array | BodySource | null;
  /** The protocol that follows; undefined but for `HttpResponse.switching`. */
  readonly switchTo: ProtocolFactory<Transport> | undefined;
  /** What a protocol remembers of this answer as written: one may be given again. Opaque. */
  http1: unknown = undefined;
  http2: unknown = undefined;
  #given = false;

  /**
   * `status` is 200 to 599. Throws a TypeError for another, for bad fields (see Fields.from) and
   * for a body that is of no known kind. Fields of the connection itself (`connection`,
   * `transfer-encoding`, ...) are the protocol's: `connection: close` is understood.
   */
  constructor(status: number, fields?: FieldsInit, body: Body = null, next?: SwitchTarget) {
    const least = next === undefined ? 200 : 101;
    if (!(Number.isInteger(status) && status >= least && status <= 599)) {
      const hint = status >= 100 && status < 200 ? '; send interim ones by request.inform()' : '';
      const shown = JSON.stringify(status) ?? 'undefined';
      throw new TypeError(`status ${shown} is not a number of 200 to 599 (RFC 9110 §15)${hint}`);
    }
    this.status = status;
    this.fields = Fields.from(fields);
    this.body = toBody(body);
    this.switchTo = next as ProtocolFactory<Transport> | undefined;
  }

  /**
   * Hands the connection (HTTP/1.1, after 101 or a 2xx to CONNECT) or the stream (HTTP/2, after
   * 200) to another protocol.
   */
  static switching(next: SwitchTarget, fields?: FieldsInit): HttpResponse {
    return new HttpResponse(101, fields, null, next);
  }

  /** The body to be pulled, for the protocol. Throws a TypeError where it was given before. */
  takeSource(): BodySource {
    if (!isBodySource(this.body)) throw new TypeError('this answer has no body to pull');
    if (this.#given) {
      const once = 'a body that is pulled can be given once';
      throw new BodyGivenError(`${once}: make one for each request`);
    }
    const { length } = this.body;
    if (length !== undefined && !(Number.isSafeInteger(length) && length >= 0)) {
      throw new TypeError(`a body says that its length is ${length}, which is no count of octets`);
    }
    this.#given = true;
    return this.body;
  }

  /**
   * This answer with parts replaced; a body that is replaced is cancelled, and one that is
   * undefined is as if not given. A switch goes on with other fields, and is none any more with
   * another status or a body: a middleware that refuses has refused.
   */
  with(parts: ResponseParts): HttpResponse {
    const body = parts.body === undefined ? this.body : parts.body;
    if (body !== this.body) this.cancel();
    const { status = this.status, fields = this.fields } = parts;
    const goesOn = status === this.status && body === this.body;
    return new HttpResponse(status, fields, body, goesOn ? this.switchTo : undefined);
  }

  /** Drops the body of an answer that will not be written. */
  cancel(cause?: Error): void {
    if (isBodySource(this.body)) cancelSource(this.body, cause);
  }
}

function toBody(body: Body): string | Uint8Array | BodySource | null {
  if (body === null || typeof body === 'string' || body instanceof Uint8Array) return body;
  if (isBodySource(body)) return body;
  if (typeof body === 'object' && Symbol.asyncIterator in body) {
    return new IterableSource(body as AsyncIterable<Uint8Array | string>);
  }
  const kinds = 'text, a Uint8Array, a BodySource, an async iterable, a ReadableStream or null';
  throw new TypeError(`a body is ${kinds}, not ${kindOf(body)}`);
}

/** What something is, with what to do about the usual mistakes. */
function kindOf(body: unknown): string {
  if (typeof body === 'function') return 'a function: call it';
  if (typeof body !== 'object' || body === null) return typeof body;
  if (body instanceof Promise) return 'a Promise: await it';
  if (body instanceof Blob) return 'a Blob: give its stream()';
  if (body instanceof ArrayBuffer) return 'an ArrayBuffer: give new Uint8Array(it)';
  return Array.isArray(body) ? 'an array' : 'a plain object: JSON.stringify it';
}
