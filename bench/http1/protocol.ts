/**
 * src/http1/protocol.ts: the whole path of an exchange on a connection in memory, from the octets
 * of a request to those of its answer, beside node:http on a stream in memory.
 */
import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { dispatcher, failureAnswers } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { http1 } from '../../src/http1/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { REQUESTS } from '../messages.ts';
import type { Suite } from '../suite.ts';

export function add(suite: Suite): void {
  for (const [name, octets] of REQUESTS) {
    const connection = ours();
    const peer = nodes();
    suite.compare(`exchange of ${name}`, {
      wirestack: () => {
        connection.send(octets);
        connection.takeBytes();
      },
      node: () => peer(octets),
    });
  }
}

function ours(): MemoryTransport {
  const hello = new HttpResponse(200, { 'content-type': 'text/plain' }, 'Hello, World!');
  const limits = limitsFrom({ requestsPerConnection: Infinity });
  const failure = failureAnswers(undefined, () => {});
  const dispatch = dispatcher({ handle: () => hello }, { failure });
  const refuse = (error: Error): HttpResponse => problem(400, error.message);
  return new MemoryTransport(http1({ limits, failure, dispatch, refuse }), { limits });
}

/** A node:http server on a stream in memory; resolves when the answer was written. */
function nodes(): (octets: Uint8Array) => Promise<void> {
  let answered = (): void => {};
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 13 });
    response.end('Hello, World!');
  });
  const stream = new Duplex({
    read() {
      // Octets are pushed as the bench makes them.
    },
    write(_chunk, _encoding, done) {
      answered();
      done();
    },
  });
  server.emit('connection', stream);
  return (octets) => new Promise((resolve) => {
    answered = resolve;
    stream.push(octets);
  });
}
