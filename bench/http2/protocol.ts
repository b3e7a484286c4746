/**
 * src/http2/protocol.ts: the whole path of exchanges, from the octets of requests to those of their
 * answers: 1 and 100 streams in one read, warm tables, fields as a browser sends them.
 *
 * In memory there is nothing to stand beside: node:http2 needs a socket. So both also serve by
 * loopback in this process, with the same client, one that costs next to nothing (load.ts); there a
 * read and a write of the kernel are in the time of both. Answers are made anew for each request,
 * but for "one answer", which is given again and again.
 */
import { createServer as createNodeServer } from 'node:http2';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { dispatcher, failureAnswers, type Handler } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { http2 } from '../../src/http2/index.ts';
import { createServer } from '../../src/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { agreed } from '../agreement.ts';
import { FIELD_LISTS, type FieldPairs } from '../field-lists.ts';
import type { Suite } from '../suite.ts';
import { Answers, Requests } from './load.ts';

const TEXT = { 'content-type': 'text/plain' };
const CONTENT = 'Hello, World!';
const limits = limitsFrom({ requestsPerConnection: Infinity });
const [, browser] = FIELD_LISTS[0] as (typeof FIELD_LISTS)[number];
const fields: FieldPairs = browser
  .map(([name, value]) => [name, name === ':scheme' ? 'http' : value]);

const hello = new HttpResponse(200, TEXT, CONTENT);
const oneAnswer: Handler = () => hello;
const madeAnew: Handler = () => new HttpResponse(200, TEXT, CONTENT);
const later: Handler = async () => new HttpResponse(200, TEXT, CONTENT);

export async function add(suite: Suite): Promise<void> {
  const wirestack = createServer(madeAnew, { limits: { requestsPerConnection: Infinity } });
  await wirestack.listen({ host: '127.0.0.1', port: 0 });
  const node = await nodeServer();
  for (const streams of [1, 100]) {
    const expected = [streams, streams * CONTENT.length];
    const memory = new Memory(madeAnew, streams);
    const memoryOne = new Memory(oneAnswer, streams);
    const memoryLater = new Memory(later, streams);
    agreed(`${streams} in memory`, {
      expected, wirestack: memory.exchange(), one: memoryOne.exchange(),
      later: await memoryLater.exchangeLater(),
    });
    suite.compare(`${streams} in memory`, { wirestack: () => memory.exchange() }, streams);
    suite.compare(`${streams} in memory, one answer`, {
      wirestack: () => memoryOne.exchange(),
    }, streams);
    suite.compare(`${streams} in memory, asynchronous`, {
      wirestack: () => memoryLater.exchangeLater(),
    }, streams);
    const ours = await Loopback.open(wirestack.port, streams);
    const theirs = await Loopback.open(node.port, streams);
    agreed(`${streams} by loopback`, {
      expected, wirestack: await ours.exchange(), node: await theirs.exchange(),
    });
    suite.compare(`${streams} by loopback`, {
      wirestack: () => ours.exchange(), node: () => theirs.exchange(),
    }, streams);
    suite.afterwards(() => ours.close());
    suite.afterwards(() => theirs.close());
  }
  suite.afterwards(() => wirestack.close());
  suite.afterwards(() => node.close());
}

/** Streams that ended, and octets of content. */
type Outcome = readonly number[];

class Memory {
  readonly #requests: Requests;
  readonly #answers = new Answers();
  readonly #transport: MemoryTransport;

  constructor(handle: Handler, streams: number) {
    const failure = failureAnswers(undefined, () => {});
    const factory = http2({
      limits, failure, dispatch: dispatcher({ handle }, { failure }),
      refused: (error) => { throw error; },
      refuse: (error) => problem(error.code, error.message),
    });
    this.#requests = new Requests(fields, streams);
    this.#transport = new MemoryTransport(factory, { limits });
    this.#transport.send(this.#requests.opening);
  }

  exchange(): Outcome {
    const { ended, content } = this.#begin();
    this.#transport.send(this.#requests.next());
    this.#answers.take(this.#transport.takeBytes());
    return [this.#answers.ended - ended, this.#answers.content - content];
  }

  async exchangeLater(): Promise<Outcome> {
    const transport = this.#transport;
    // The opening has an answer as well.
    if (this.#answers.ended === 0) await transport.settle();
    const { ended, content } = this.#begin();
    transport.send(this.#requests.next());
    while (!transport.pending) await undefined;
    while (transport.pending) {
      transport.turn();
      await undefined;
    }
    this.#answers.take(transport.takeBytes());
    return [this.#answers.ended - ended, this.#answers.content - content];
  }

  #begin(): { readonly ended: number; readonly content: number } {
    const answers = this.#answers;
    if (answers.ended === 0) answers.take(this.#transport.takeBytes());
    return { ended: answers.ended, content: answers.content };
  }
}

class Loopback {
  readonly #socket: Socket;
  readonly #requests: Requests;
  readonly #answers = new Answers();
  readonly #streams: number;
  #due = 0;
  #done = (): void => {};

  constructor(socket: Socket, streams: number) {
    this.#socket = socket;
    this.#streams = streams;
    this.#requests = new Requests(fields, streams);
    socket.setNoDelay(true);
    socket.on('data', (octets) => {
      this.#answers.take(octets);
      if (this.#answers.ended >= this.#due) this.#done();
    });
  }

  /** Connected, and past the first exchange. */
  static async open(port: number, streams: number): Promise<Loopback> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new Loopback(socket, streams);
    await client.#send(client.#requests.opening, 1);
    return client;
  }

  async exchange(): Promise<Outcome> {
    const { ended, content } = this.#answers;
    await this.#send(this.#requests.next(), this.#streams);
    return [this.#answers.ended - ended, this.#answers.content - content];
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(octets: Uint8Array, streams: number): Promise<void> {
    this.#due = this.#answers.ended + streams;
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#socket.write(octets);
    });
  }
}

async function nodeServer(): Promise<{ readonly port: number; close(): void }> {
  // It counts streams some turns longer than its client does.
  const server = createNodeServer({ settings: { maxConcurrentStreams: 1000 } });
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200, ...TEXT, 'content-length': CONTENT.length });
    stream.end(CONTENT);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}
