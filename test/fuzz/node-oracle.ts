/**
 * The second oracle: what Node's own HTTP/1 parser makes of the same octets. A `node:http` server
 * with its strict defaults, fed through connections in memory; it listens nowhere.
 */
import { Buffer } from 'node:buffer';
import { ServerResponse, createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';

export interface NodeRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Names in lower case, values latin1. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
  /** Whether its content came to an end. */
  readonly whole: boolean;
  /** What Node answered by itself (400 without Host, 417), or 0: a handler was called. */
  readonly refused: number;
}

export interface NodeOutcome {
  readonly requests: readonly NodeRequest[];
  /** The code of the parser's error, or ''. */
  readonly error: string;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

interface Entry {
  readonly requests: Writable<NodeRequest>[];
  error: string;
}

/** Turns of the loop after which a connection that was not closed is given up. */
const TURNS_MAX = 50;

class MemorySocket extends Duplex {
  readonly entry: Entry = { requests: [], error: '' };
  readonly remoteAddress = '192.0.2.1';

  override _read(): void {}

  override _write(_: unknown, __: string, done: () => void): void {
    done();
  }

  // What node:http expects of a socket.
  setTimeout(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }
}

/** Made for each request, also for those that Node answers by itself. */
class NotedResponse extends ServerResponse {
  readonly seen: Writable<NodeRequest>;

  constructor(request: IncomingMessage) {
    super(request);
    this.seen = note(request, request.socket as unknown as MemorySocket);
  }

  override writeHead(status: number, ...rest: [never?, never?]): this {
    if (status !== 200) this.seen.refused = status;
    return super.writeHead(status, ...rest);
  }
}

function makeServer(): ReturnType<typeof createServer> {
  const server = createServer({
    insecureHTTPParser: false, requireHostHeader: true, maxHeaderSize: 16 * 1024,
    ServerResponse: NotedResponse as typeof ServerResponse,
    keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0,
  });
  server.timeout = 0;
  // Else an end of input takes the requests before it along.
  (server as unknown as { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.on('request', serve);
  server.on('checkContinue', serve);
  server.on('connect', (request: IncomingMessage, socket: MemorySocket) => note(request, socket));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    (socket as unknown as MemorySocket).entry.error = error.code ?? error.message;
  });
  return server;
}

function note(request: IncomingMessage, socket: MemorySocket): Writable<NodeRequest> {
  const seen = {
    method: request.method ?? '', target: request.url ?? '', version: request.httpVersion,
    fields: pairs(request.rawHeaders), body: '', trailers: [], whole: false, refused: 0,
  };
  socket.entry.requests.push(seen);
  return seen;
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const { seen } = response as NotedResponse;
  request.on('data', (piece: Buffer) => seen.body += piece.toString('latin1'));
  request.on('error', () => {});
  request.on('end', () => {
    seen.whole = true;
    seen.trailers = pairs(request.rawTrailers);
    response.end();
  });
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from(
    { length: raw.length / 2 },
    (_, line) => [(raw[line * 2] as string).toLowerCase(), raw[line * 2 + 1] as string],
  );
}

const server = makeServer();

/** What Node makes of each input, latin1, each on a connection of its own. */
export async function nodeOutcomes(inputs: readonly string[]): Promise<NodeOutcome[]> {
  const sockets = inputs.map((input) => {
    const socket = new MemorySocket();
    socket.on('error', () => {});
    server.emit('connection', socket);
    if (input !== '') socket.push(Buffer.from(input, 'latin1'));
    socket.push(null);
    return socket;
  });
  for (let turn = 0; turn < TURNS_MAX && sockets.some((socket) => !socket.destroyed); turn++) {
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  for (const socket of sockets) socket.destroy();
  return sockets.map((socket) => socket.entry);
}
