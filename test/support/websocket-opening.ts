/**
 * The opening handshake as octets and as requests, with lines changed or left out; and what a
 * server's frames say, read apart from the code under test.
 */
import { Buffer } from 'node:buffer';
import type { Handler } from '../../src/http/exchange.ts';
import { RequestBody } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpRequest, originOf } from '../../src/http/request.ts';
import type { Limits } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { webSocket } from '../../src/websocket/endpoint.ts';
import type { WebSocketOptions } from '../../src/websocket/endpoint-options.ts';
import type { WebSocketSession } from '../../src/websocket/session.ts';
import type { FieldPairs } from './http2.ts';
import { makeRequest, type RequestParts } from './requests.ts';

/** The example of RFC 6455 §1.3. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** Values by name; null leaves the field out, a list makes a line of each. */
export type Changes = Readonly<Record<string, string | readonly string[] | null>>;

const ASKED: Changes = {
  Host: 'server.example.com',
  Upgrade: 'websocket',
  Connection: 'Upgrade',
  'Sec-WebSocket-Key': KEY,
  'Sec-WebSocket-Version': '13',
};

/** The fields of a good handshake, changed. */
export function asked(changes: Changes = {}, fields: Changes = ASKED): [string, string][] {
  return Object.entries({ ...fields, ...changes })
    .flatMap(([name, values]) => [values ?? []].flat().map((value): [string, string] =>
      [name, value]));
}

/** A handshake of HTTP/1.1 as octets. */
export function opening(changes: Changes = {}, line = 'GET /chat HTTP/1.1'): string {
  const lines = asked(changes).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line}\r\n${lines.join('')}\r\n`;
}

/** The same as a request with no wire below it. */
export function openingRequest(
  changes: Changes = {}, parts: RequestParts & { readonly limits?: Limits } = {},
): ReturnType<typeof makeRequest> {
  const { Host: authority = '', ...rest } = { ...ASKED, ...changes };
  const request = makeRequest({
    target: '/chat', authority: String(authority ?? ''), fields: asked(rest, {}), ...parts,
  });
  if (parts.limits !== undefined) Object.assign(originOf(request), { limits: parts.limits });
  return request;
}

const ASKED_BY_CONNECT: Changes = { 'sec-websocket-version': '13' };

/** The fields of extended CONNECT (RFC 8441 §5), changed, in order. */
export function connecting(changes: Changes = {}, path = '/chat'): FieldPairs {
  return [
    [':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'],
    [':authority', 'server.example.com'], [':path', path], ...asked(changes, ASKED_BY_CONNECT),
  ];
}

/** The same as a request; `protocol` undefined is CONNECT as it was (RFC 9113 §8.5). */
export function connectingRequest(
  changes: Changes = {}, parts: { readonly method?: string; readonly protocol?: string | undefined }
  = {},
): HttpRequest {
  const { method, protocol } = { method: 'CONNECT', protocol: 'websocket', ...parts };
  return new HttpRequest(
    method, '/chat', '/chat', 'http', 'server.example.com',
    Fields.from(asked(changes, ASKED_BY_CONNECT)), RequestBody.empty,
    originOf(makeRequest({ version: '2' })), protocol,
  );
}

/** A handler of sessions that send back what they get; and the sessions. */
export function echoing(
  options: WebSocketOptions = {},
): { readonly handler: Handler; readonly sessions: WebSocketSession[] } {
  const sessions: WebSocketSession[] = [];
  const handler = webSocket((session) => {
    sessions.push(session);
    session.onMessage((message) => void session.send(message));
  }, options);
  return { handler, sessions };
}

const NAMES: Readonly<Record<number, string>> = {
  0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong',
};

/** Frames that are not masked, as `text hello` and `close 1000 bye`. Throws on a part of one. */
export function framesSaid(octets: Uint8Array): string[] {
  const bytes = Buffer.from(octets);
  const said: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const [first, second] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)];
    if (second > 127) throw new Error('a server masks nothing (RFC 6455 §5.1)');
    const size = second === 126 ? 2 : second === 127 ? 8 : 0;
    const start = at + 2 + size;
    const length = size === 0 ? second : bytes.readUIntBE(start - Math.min(size, 6),
      Math.min(size, 6));
    at = start + length;
    if (at > bytes.length) throw new Error('a frame is cut short');
    said.push(`${NAMES[first & 15]} ${payloadSaid(first & 15, bytes.subarray(start, at))}`.trim());
  }
  return said;
}

function payloadSaid(opcode: number, payload: Buffer): string {
  if (opcode !== 8 || payload.length < 2) return payload.toString();
  return `${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`;
}

/** A handshake that is taken, and what it became. */
export function begin(
  handler: Handler, changes: Changes = {}, parts: { readonly limits?: Limits } = {},
): { readonly request: ReturnType<typeof openingRequest>; readonly transport: MemoryTransport } {
  const request = openingRequest(changes, parts);
  const response = handler(request);
  if (response instanceof Promise) throw new Error('it answers later');
  if (response.switchTo === undefined) throw new Error('it does not switch');
  return { request, transport: new MemoryTransport(response.switchTo) };
}
