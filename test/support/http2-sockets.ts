/**
 * HTTP/2 over real sockets: node:http2's client as tests use it, node:http2's server, and our
 * client's core on a socket of its own.
 */
import { once } from 'node:events';
import {
  connect as connectHttp2, createServer as createHttp2Server,
  type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionOptions,
  type IncomingHttpHeaders, type IncomingHttpStatusHeader, type OutgoingHttpHeaders,
  type ServerHttp2Session, type ServerHttp2Stream, type ServerOptions, type Settings,
} from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { Http2Client, type Http2ClientOptions } from '../../src/http2/index.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../../src/protocol.ts';
import { ConnectionManager } from '../../src/server/connection-manager.ts';

const HOST = '127.0.0.1';

/** A response as node:http2 told it, from its interim ones to its trailers. */
export interface Reply {
  readonly status: number;
  /** With `:status`; a repeated field as its list. */
  readonly fields: IncomingHttpHeaders;
  /** Latin1, so that octets survive. */
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  readonly interims: readonly IncomingHttpHeaders[];
}

/** What a request has besides its fields. */
export interface Content {
  readonly content?: Uint8Array | string;
  readonly trailers?: OutgoingHttpHeaders;
}

/** A session of node:http2's client by prior knowledge, gone with its test. */
export async function session(
  port: number, options: ClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const made = connectHttp2(`http://${HOST}:${port}`, options);
  onTestFinished(() => void made.destroy());
  await once(made, 'connect');
  return made;
}

/** The whole response to one request. Rejects where its stream is reset. */
export function ask(
  on: ClientHttp2Session, fields: OutgoingHttpHeaders | string = '/', content: Content = {},
): Promise<Reply> {
  return replyOf(begin(on, fields, content));
}

/** Sends a request, a GET where only its path is told. */
export function begin(
  on: ClientHttp2Session, fields: OutgoingHttpHeaders | string, { content, trailers }: Content = {},
): ClientHttp2Stream {
  const endStream = content === undefined && trailers === undefined;
  const head = typeof fields === 'string' ? { ':path': fields } : fields;
  const stream = on.request(head, { endStream, waitForTrailers: trailers !== undefined });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
  if (!endStream) stream.end(content);
  return stream;
}

/** The whole response on a stream. Rejects where it is reset. */
export async function replyOf(stream: ClientHttp2Stream): Promise<Reply> {
  const interims: IncomingHttpHeaders[] = [];
  let fields: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
  let trailers: IncomingHttpHeaders = {};
  const pieces: Buffer[] = [];
  stream.on('headers', (head: IncomingHttpHeaders) => interims.push(plain(head)));
  // An answer to a promise comes as the push, to a request as the response.
  stream.on('response', (head) => fields = head);
  stream.on('push', (head: IncomingHttpHeaders) => fields = head);
  stream.on('trailers', (head: IncomingHttpHeaders) => trailers = plain(head));
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  await once(stream, 'close');
  // For a cancel, there is no error event.
  if (stream.rstCode !== 0) throw new Error(`the stream was reset with code ${stream.rstCode}`);
  const body = Buffer.concat(pieces).toString('latin1');
  return { status: Number(fields[':status']), fields, body, trailers, interims };
}

/** Fields without what node:http2 adds to them, which is no field. */
function plain(fields: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(fields));
}

/** A round trip: what either side sent before it has arrived after it. */
export function ping(
  on: ClientHttp2Session | ServerHttp2Session, payload: Uint8Array = Buffer.from('pingpong'),
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    on.ping(payload, (error, _, echoed) => {
      if (error === null) resolve(echoed);
      else reject(error);
    });
  });
}

/** Changes the settings of one side; resolves when the other has acknowledged them. */
export function change(
  on: ClientHttp2Session | ServerHttp2Session, settings: Settings,
): Promise<void> {
  return new Promise((resolve, reject) => {
    on.settings(settings, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** A server of node:http2 on a free port, gone with its test, with the sessions that it has. */
export interface NodeServer {
  readonly port: number;
  readonly sessions: readonly ServerHttp2Session[];
}

export async function nodeServer(
  answer: (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => void,
  options: ServerOptions = {},
): Promise<NodeServer> {
  const sessions: ServerHttp2Session[] = [];
  const server = createHttp2Server(options);
  server.on('session', (made) => sessions.push(made));
  server.on('stream', answer);
  onTestFinished(() => {
    for (const each of sessions) each.destroy();
    server.close();
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sessions };
}

/** Our client on a socket, with the manager that carries it. */
export interface Dialed {
  readonly client: Http2Client;
  readonly manager: ConnectionManager;
}

export async function dial(
  port: number, options: Partial<Omit<Http2ClientOptions, 'limits'>> = {},
  changes: Partial<Limits> = {},
): Promise<Dialed> {
  const limits = limitsFrom(changes);
  let client!: Http2Client;
  const clear: ProtocolFactory<ConnectionTransport> = (transport) => (
    client = new Http2Client(transport, { limits, ...options })
  );
  const manager = new ConnectionManager(limits, { clear, secure: () => clear, lost: () => {} });
  const socket = connect({ port, host: HOST, noDelay: true, allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  manager.accept(socket);
  return { client, manager };
}
