/**
 * src/http1/protocol.ts: the whole path of an exchange on a connection in memory, from the octets
 * of a request to those of its answer, beside node:http on a stream in memory.
 *
 * Both serve the same requests with the same fields and content. A stream in memory is a dearer
 * connection than ours, and its events are later turns; so this says how much there is to win, and
 * only `npm run bench:load` how much is won. "One answer" is a response that is given again and
 * again; "made anew" makes one for each request, as Node's side always does. Octet by octet, ours
 * pays at each read for what the connection in memory does beyond a real one: a copy of the octets,
 * spoiled afterwards.
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { dispatcher, failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import { HttpResponse } from '../../src/http/response.ts';
import {
  ResponseHead, headBounds, http1, parseResponseHead,
} from '../../src/http1/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { agreed } from '../agreement.ts';
import { REQUESTS, dribble, repeated } from '../messages.ts';
import type { Suite } from '../suite.ts';

const PIPELINED = 16;
const TEXT = { 'content-type': 'text/plain' };
const CONTENT = 'Hello, World!';
const limits = limitsFrom({ requestsPerConnection: Infinity });
const hello = new HttpResponse(200, TEXT, CONTENT);

const oneAnswer: Handler = () => hello;
const madeAnew: Handler = () => new HttpResponse(200, TEXT, CONTENT);
const later: Handler = async () => hello;

export async function add(suite: Suite): Promise<void> {
  const [short, browser] = REQUESTS.map(([, octets]) => octets) as [Uint8Array, Uint8Array];
  for (const [name, octets] of REQUESTS) {
    await exchanges(suite, `exchange of ${name}`, oneAnswer, [octets], 1);
  }
  const many = [repeated(short, PIPELINED)];
  await exchanges(suite, 'made anew', madeAnew, [short], 1);
  await exchanges(suite, 'asynchronous handler', later, [short], 1);
  await exchanges(suite, `${PIPELINED} pipelined`, oneAnswer, many, PIPELINED);
  await exchanges(suite, `${PIPELINED} pipelined, made anew`, madeAnew, many, PIPELINED);
  await exchanges(suite, `${PIPELINED} pipelined, asynchronous`, later, many, PIPELINED);
  const name = `octet by octet, ${browser.length} octets`;
  await exchanges(suite, name, oneAnswer, dribble(browser), 1);
}

/** `count` requests in some reads, and their answers. */
async function exchanges(
  suite: Suite, name: string, handler: Handler, reads: readonly Uint8Array[], count: number,
): Promise<void> {
  const connection = ours(handler);
  const isAsync = handler === later;
  const peer = new NodeConnection(isAsync);
  const answer = isAsync
    ? (): Promise<Uint8Array> => answeredLater(connection, reads)
    : (): Uint8Array => answered(connection, reads);
  agreed(name, {
    expected: Array.from({ length: count }, () => `200 text/plain 13 ${CONTENT}`),
    wirestack: meanings(await answer()),
    node: meanings(await peer.exchange(reads, count)),
  });
  suite.compare(name, {
    wirestack: answer,
    node: () => peer.exchange(reads, count),
  }, count);
}

function ours(handle: Handler): MemoryTransport {
  const failure = failureAnswers(undefined, () => {});
  const dispatch = dispatcher({ handle }, { failure });
  const refuse = (error: Error): HttpResponse => problem(400, error.message);
  return new MemoryTransport(http1({ limits, failure, dispatch, refuse }), { limits });
}

function answered(connection: MemoryTransport, reads: readonly Uint8Array[]): Uint8Array {
  for (const octets of reads) connection.send(octets);
  return connection.takeBytes();
}

/** Handlers settle in microtasks; then the connection wants its turn. */
async function answeredLater(
  connection: MemoryTransport, reads: readonly Uint8Array[],
): Promise<Uint8Array> {
  for (const octets of reads) connection.send(octets);
  while (!connection.pending) await undefined;
  while (connection.pending) {
    connection.turn();
    await undefined;
  }
  return connection.takeBytes();
}

/** A node:http server on a stream in memory. */
class NodeConnection {
  readonly #stream: Duplex;
  #written: Uint8Array[] = [];
  #due = 0;
  #done = (): void => {};

  constructor(isAsync: boolean) {
    const server = createServer(async (_, response) => {
      if (isAsync) await undefined;
      response.writeHead(200, { ...TEXT, 'content-length': CONTENT.length });
      response.end(CONTENT);
    });
    this.#stream = new Duplex({
      read() {
        // Octets are pushed as the bench makes them.
      },
      write: (octets: Uint8Array, _encoding, done) => {
        this.#written.push(octets);
        done();
        // Each answer is one write.
        if (--this.#due === 0) this.#done();
      },
    });
    server.emit('connection', this.#stream);
  }

  /** Resolves with what was written, once that is `count` answers. */
  async exchange(reads: readonly Uint8Array[], count: number): Promise<Uint8Array> {
    this.#due = count;
    this.#written = [];
    const done = new Promise<void>((resolve) => { this.#done = resolve; });
    for (const octets of reads) this.#stream.push(octets);
    await done;
    return joined(this.#written);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0] as Uint8Array : Buffer.concat(parts);
}

/** What each answer says, however it is written. */
function meanings(octets: Uint8Array): string[] {
  const head = new ResponseHead();
  const found: string[] = [];
  for (let at = 0; at < octets.length;) {
    const content = parseResponseHead(octets, at, octets.length, headBounds(limits), head);
    const fields = head.takeFields();
    const length = fields.get('content-length');
    at = content + Number(length);
    const text = Buffer.from(octets.subarray(content, at)).toString('latin1');
    found.push(`${head.status} ${fields.get('content-type')} ${length} ${text}`);
  }
  return found;
}
