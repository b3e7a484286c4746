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

/** What takes over after a switch: it can live on a connection and on a tunnel. */
export type SwitchTarget = ProtocolFactory<Transport> | ProtocolFactory<ConnectionTransport>;

export class HttpResponse {
  readonly status: number;
  readonly fields: Fields;
  readonly body: string | Uint8Array | BodySource | null;
  /** The protocol that follows; undefined but for `HttpResponse.switching`. */
  readonly switchTo: ProtocolFactory<Transport> | undefined;
  /** What HTTP/1.1 remembers of this answer as written, where it may be given again. Opaque. */
  http1: unknown = undefined;

  /**
   * `status` is 200 to 599. Throws a TypeError for another, for bad fields (see Fields.from) and
   * for a body that is of no known kind. Fields of the connection itself (`connection`,
   * `transfer-encoding`, ...) are the protocol's: `connection: close` is understood.
   */
  constructor(status: number, fields?: FieldsInit, body: Body = null, next?: SwitchTarget) {
    const least = next === undefined ? 200 : 101;
    if (!(Number.isInteger(status) && status >= least && status <= 599)) {
      const hint = status >= 100 && status < 200 ? '; send interim ones by request.inform()' : '';
      throw new TypeError(`status ${status} is not 200 to 599 (RFC 9110 §15)${hint}`);
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

  /** This answer with parts replaced; a body that is replaced is cancelled. */
  with(parts: { status?: number; fields?: FieldsInit; body?: Body }): HttpResponse {
    const body = 'body' in parts ? parts.body ?? null : this.body;
    if (body !== this.body) this.cancel();
    const fields = parts.fields ?? this.fields;
    return new HttpResponse(parts.status ?? this.status, fields, body, this.switchTo);
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
  throw new TypeError(`a body is ${kinds}, not ${typeof body}`);
}
