/**
 * The first words of a client on a connection: a GET with Upgrade, and the wait for its 101
 * (RFC 6455 §4.1); then the connection is the WebSocket's.
 *
 * A Protocol like any other: it sees no socket. Called by websocket-client.ts.
 */
import { Buffer } from 'node:buffer';
import { escapeControls } from '../bytes/ascii.ts';
import { ReceiveBuffer } from '../bytes/receive-buffer.ts';
import { Fields, type FieldsInit } from '../http/fields.ts';
import { MORE } from '../http1/field-lines.ts';
import { headBounds, type HeadBounds } from '../http1/request-parser.ts';
import { ResponseHead, parseResponseHead } from '../http1/response-parser.ts';
import type { Limits } from '../limits.ts';
import type { ConnectionTransport, Protocol, ProtocolFactory } from '../protocol.ts';
import { judgeAnswer, offerFields, type Offer } from '../websocket/client-handshake.ts';
import type { Agreement } from '../websocket/handshake.ts';

export interface OpeningOptions {
  readonly limits: Limits;
  /** The path and query asked for, and the authority. */
  readonly target: string;
  readonly authority: string;
  /** Of the program, besides those of the handshake. */
  readonly fields: FieldsInit;
  readonly offer: Offer;
  /** The WebSocket that follows. */
  agreed(agreement: Agreement): ProtocolFactory<ConnectionTransport>;
  /** There will be none. */
  refused(error: Error): void;
}

/** The server answered, and not with a WebSocket. */
export class HandshakeRefusedError extends Error {
  override readonly name = 'HandshakeRefusedError';
  readonly status: number;
  readonly fields: Fields;
  /** Why, where the server told it in a problem document (RFC 9457); '' otherwise. */
  readonly detail: string;

  /** `content` is what came of the answer's content. */
  constructor(status: number, reason: string, fields: Fields, content: Uint8Array) {
    const detail = detailOf(fields, content);
    const why = detail === '' ? fields.get('location') ?? '' : detail;
    const told = why === '' ? '' : `: ${escapeControls(why)}`;
    super(`the server answered ${status} ${reason} instead of 101 (RFC 6455 §4.1)${told}`);
    this.status = status;
    this.fields = fields;
    this.detail = detail;
  }
}

function detailOf(fields: Fields, content: Uint8Array): string {
  if (!fields.get('content-type')?.startsWith('application/problem+json')) return '';
  try {
    const { detail } = JSON.parse(Buffer.from(content).toString()) as { detail?: unknown };
    return typeof detail === 'string' ? detail : '';
  } catch {
    // It did not come whole with the head, or is none.
    return '';
  }
}

const OWN = new Set(['host', 'upgrade', 'connection', 'content-length', 'transfer-encoding']);

/** Throws a TypeError for fields that are the handshake's own. */
export function openingHead(options: OpeningOptions): string {
  const given = Fields.from(options.fields);
  const own = offerFields(options.offer);
  let head = `GET ${options.target} HTTP/1.1\r\nhost: ${options.authority}\r\n`;
  for (const [name, value] of Object.entries(own)) head += `${name}: ${value}\r\n`;
  for (const [name, value] of given) {
    if (OWN.has(name) || name.startsWith('sec-websocket-')) {
      throw new TypeError(`field ${name} is the handshake's own`);
    }
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}

export class Opening implements Protocol {
  readonly idle = false;
  readonly #transport: ConnectionTransport;
  readonly #options: OpeningOptions;
  readonly #bounds: HeadBounds;
  readonly #rest = new ReceiveBuffer();
  readonly #lateAt: number;
  #isOver = false;

  constructor(transport: ConnectionTransport, head: string, options: OpeningOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#bounds = headBounds(options.limits);
    this.#lateAt = transport.clock.now() + options.limits.headMs;
    transport.write(head);
  }

  receive(bytes: Uint8Array): void {
    const rest = this.#rest;
    rest.append(bytes, 0, bytes.length);
    for (;;) {
      const head = new ResponseHead();
      const next = parseResponseHead(rest.bytes, rest.start, rest.end, this.#bounds, head);
      if (next === MORE) return;
      rest.consume(next - rest.start);
      const fields = head.takeFields();
      if (head.status === 101) return this.#switch(fields);
      // Interim answers may come before (RFC 9110 §15.2).
      if (head.status >= 200) {
        const content = rest.bytes.subarray(rest.start, rest.end);
        throw new HandshakeRefusedError(head.status, head.reason, fields, content);
      }
    }
  }

  #switch(fields: Fields): void {
    const agreement = judgeAnswer(fields, this.#options.offer);
    const { bytes, start, end } = this.#rest;
    this.#isOver = true;
    this.#transport.become(this.#options.agreed(agreement), bytes.subarray(start, end));
  }

  proceed(): void {}

  drained(): void {}

  eof(): void {
    throw new Error('the server ended the connection before its answer');
  }

  flush(): void {}

  tick(now: number): void {
    if (now < this.#lateAt) return;
    throw new Error(`the server did not answer within headMs, ${this.#options.limits.headMs}`);
  }

  shutdown(): void {}

  failed(cause: Error): void {
    this.#refuse(cause);
    this.#transport.destroy(cause);
  }

  closed(cause: Error | undefined): void {
    this.#refuse(cause ?? new Error('the connection ended before the answer'));
  }

  #refuse(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.refused(error);
  }
}
