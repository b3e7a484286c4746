/**
 * Ours: `hello`, `async`, `down`, `up`, `echo`, `websocket`, `iterated` or `broadcast`, with
 * `tls` over TLS. Limits are the defaults, but for what a load does: requests of one connection
 * without end, many connections, and idle ones for long.
 */
import {
  HttpResponse, createServer, prepare, webSocket, type Handler,
  type WebSocketSession,
} from '../../../src/index.ts';
import { BACKLOG, HELLO, MIB, TEXT, keyAndCertificate, ready, secure, work } from './child.ts';

const hello = new HttpResponse(200, TEXT, HELLO);
const long = new HttpResponse(200, TEXT, MIB);
const sessions = new Set<WebSocketSession>();

const HANDLERS: Readonly<Record<string, Handler>> = {
  hello: () => hello,
  async: async () => hello,
  down: () => long,
  up: async (request) => {
    for await (const _ of request.body);
    return hello;
  },
  echo: (request) => new HttpResponse(200, TEXT, request.body),
  // As `ws` echoes: nobody waits for a slow reader.
  websocket: webSocket((session) => {
    session.onMessage((message) => void session.send(message));
  }),
  iterated: webSocket(async (session) => {
    for await (const message of session) await session.send(message);
  }),
  broadcast: webSocket((session) => {
    sessions.add(session);
    void session.closed.then(() => sessions.delete(session));
    session.onMessage((message) => {
      const prepared = prepare(message);
      for (const one of sessions) one.trySend(prepared);
    });
  }),
};

const handler = HANDLERS[work];
if (handler === undefined) throw new Error(`no handler is called ${work}`);
const limits = { requestsPerConnection: Infinity, connections: 50_000, idleMs: 3_600_000 };
const server = createServer(
  handler, secure ? { limits, tls: { certificates: keyAndCertificate() } } : { limits },
);
await server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
ready(server.port);
