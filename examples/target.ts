/**
 * The target of outside tools: curl, wrk, browsers, conformance suites. One route for each thing
 * that they look at.
 *
 * Its limits are the defaults, but for what such tools do: any number of requests a connection
 * (load tools do not connect again), and messages of 32 MiB in 131,072 fragments.
 */
import { createHash } from 'node:crypto';
import {
  Fields, HttpError, HttpResponse, createServer, prepare, problem, webSocket, type HttpRequest,
  type WebSocketSession,
} from '../src/index.ts';
import { commandLine } from './support/command-line.ts';
import { EventLog } from './support/event-log.ts';
import { Octets, Pieces } from './support/octets.ts';
import { localTls } from './support/local-tls.ts';
import { bytesOf, represent } from './support/representation.ts';
import { count, routes, type RouteHandler } from './support/routes.ts';
import { serve } from './support/serve.ts';

const TEXT = { 'content-type': 'text/plain' };
const MODIFIED = Date.UTC(2024, 0, 1);
const hello = new HttpResponse(200, TEXT, 'Hello, World!');
const log = new EventLog();

const V1 = { etag: '"v1"' };
const tagged = bytesOf('a text with a tag\n', V1);
const dated = bytesOf('a text with a date\n', { lastModified: MODIFIED, strongDate: true });
const unstored = bytesOf('a text for you alone\n', V1, 'no-store');
const stale = bytesOf('a text a little stale\n', V1, 'max-age=1, stale-while-revalidate=30');

/** Fields that answers of some statuses must have (RFC 9110 §15.5). */
const REQUIRED: Readonly<Record<number, Record<string, string>>> = {
  401: { 'www-authenticate': 'Bearer' },
  405: { allow: 'GET, HEAD' },
  407: { 'proxy-authenticate': 'Bearer' },
};

const later: RouteHandler = (request) =>
  problem(501, `${request.path} is not built yet (RFC 9110 §15.6.2)`);

function json(value: unknown): HttpResponse {
  return new HttpResponse(200, { 'content-type': 'application/json' }, JSON.stringify(value));
}

function bytes(request: HttpRequest, n: string): HttpResponse {
  const length = count(n);
  const octets = (first: number, last: number): Octets => new Octets(first, last);
  return represent(request, { length, validators: { etag: `"${length}"` }, octets });
}

function stream(_: HttpRequest, pieces: string, size: string): HttpResponse {
  const body = new Pieces(count(pieces), count(size));
  return new HttpResponse(200, { ...TEXT, trailer: 'x-count' }, body);
}

function echo(request: HttpRequest): HttpResponse {
  const type = request.fields.get('content-type');
  return new HttpResponse(200, { 'content-type': type }, request.body);
}

async function digest(request: HttpRequest): Promise<HttpResponse> {
  const hash = createHash('sha256');
  let octets = 0;
  for await (const piece of request.body) {
    hash.update(piece);
    octets += piece.length;
  }
  return json({ bytes: octets, sha256: hash.digest('hex') });
}

async function inspect(request: HttpRequest): Promise<HttpResponse> {
  let octets = 0;
  for await (const piece of request.body) octets += piece.length;
  const { method, target, version, fields, trailers, peer } = request;
  return json({
    method, target, version, fields, trailers,
    remoteAddress: peer.address, secure: peer.secure, alpn: peer.tls?.alpn ?? '', bytes: octets,
  });
}

/** POST is answered after its content, so that the connection persists however long that is. */
async function helloAfterContent(request: HttpRequest): Promise<HttpResponse> {
  for await (const _ of request.body);
  return hello;
}

function delay(request: HttpRequest, ms: string): Promise<HttpResponse> {
  const wait = count(ms, 3_600_000);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(hello), wait);
    request.signal.addEventListener('abort', () => {
      // Whoever has only ended its side is answered, early.
      clearTimeout(timer);
      resolve(hello);
    }, { once: true });
  });
}

function status(_: HttpRequest, code: string): HttpResponse {
  const number = count(code, 599);
  if (number < 200) throw new HttpError(400, `${number} is no status of a final answer`);
  return new HttpResponse(number, { ...TEXT, ...REQUIRED[number] }, `${number}\n`);
}

function hints(request: HttpRequest): HttpResponse {
  request.inform(103, { link: '</static/style.css>; rel=preload; as=style' });
  return hello;
}

function push(request: HttpRequest): HttpResponse {
  request.push('/plain', Fields.empty);
  return hello;
}

function maxAge(request: HttpRequest, seconds: string): HttpResponse {
  const age = `max-age=${count(seconds, 31_536_000)}`;
  return represent(request, bytesOf('a text with an age\n', V1, age));
}

function echoMessages(session: WebSocketSession): void {
  session.onMessage((message) => session.send(message));
}

const listeners = new Set<WebSocketSession>();

/** What one sends all receive; who does not read is sent away, and the others do not wait. */
function broadcast(session: WebSocketSession): void {
  listeners.add(session);
  void session.closed.then(() => listeners.delete(session));
  session.onMessage((message) => {
    const prepared = prepare(message);
    for (const one of listeners) {
      if (!one.trySend(prepared)) void one.close(1013, 'over webSocketQueueBytes: a slow reader');
    }
  });
}

const MIB = 1024 * 1024;
const MESSAGES = {
  webSocketMessageBytes: 32 * MIB, webSocketFragments: 131_072,
  // A connection that holds such a message, and its echo.
  ledgerBytes: 128 * MIB,
};

const handle = routes({
  'GET /': () => hello,
  'WS /': webSocket(echoMessages, { deflate: true }),
  'GET /plain': () => hello,
  'POST /': helloAfterContent,
  'GET /bytes/:n': bytes,
  'GET /stream/:count/:size': stream,
  '* /echo': echo,
  'POST /digest': digest,
  'GET /delay/:ms': delay,
  '* /inspect': inspect,
  'GET /status/:code': status,
  'GET /hints': hints,
  'GET /push': push,
  'GET /etag': (request) => represent(request, tagged),
  'GET /modified': (request) => represent(request, dated),
  'GET /max-age/:s': maxAge,
  'GET /no-store': (request) => represent(request, unstored),
  'GET /swr': (request) => represent(request, stale),
  'GET /events': (request) => log.stream(request),
  'GET /poll': (request) => log.poll(request),
  'GET /cached/:s': later,
  'GET /static/*': later,
  'GET /ws/echo': webSocket(echoMessages),
  'GET /ws/broadcast': webSocket(broadcast),
});

const { host, port = 9000, limits } = commandLine();
const server = createServer({ handle, connectProtocols: ['websocket'] }, {
  limits: { ...MESSAGES, requestsPerConnection: Infinity, ...limits }, tls: localTls().tls,
});
await serve(server, { host, port });
