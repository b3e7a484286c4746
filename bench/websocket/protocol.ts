/**
 * src/websocket/protocol.ts: the whole path of an echo, from the octets of masked frames to those
 * of the answers, in memory; beside `ws` on a stream in memory, where that is installed.
 *
 * Both begin with the handshake, both get a copy of the octets for each read, since both unmask in
 * place, and both send back what a listener was given. A stream in memory is a dearer connection
 * than ours, and its events may be later turns; so this says how much there is to win, and only
 * `npm run bench:load` how much is won.
 */
import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { Slab } from '../../src/bytes/slab.ts';
import { dispatcher, failureAnswers } from '../../src/http/exchange.ts';
import { problem } from '../../src/http/problem.ts';
import { http1 } from '../../src/http1/index.ts';
import { limitsFrom } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { BINARY, FIN } from '../../src/websocket/frame.ts';
import { writeFrameHeader } from '../../src/websocket/frame-writer.ts';
import { webSocket } from '../../src/websocket/index.ts';
import { copyMasked } from '../../src/websocket/mask.ts';
import { agreed } from '../agreement.ts';
import { ws } from '../peers.ts';
import type { Suite } from '../suite.ts';

const KEY = 0x37fa213d;
/** Messages of a read, and how long each is. */
const READS: readonly (readonly [number, number])[] = [
  [1, 20], [16, 20], [1, 1024], [1, 65_536],
];
const HANDSHAKE = {
  'host': 'a.example', 'connection': 'Upgrade', 'upgrade': 'websocket',
  'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const limits = limitsFrom();

export async function add(suite: Suite): Promise<void> {
  for (const [count, length] of READS) {
    const name = `echo of ${count} x ${length} octets`;
    const { masked, plain } = frames(count, length);
    const ours = open();
    const theirs = ws && new StreamedEcho(plain.length);
    const echo = (): Uint8Array => {
      ours.send(masked);
      return ours.takeBytes();
    };
    agreed(name, {
      expected: latin1(plain), wirestack: latin1(echo()),
      ws: theirs && latin1(await theirs.echo(masked)),
    });
    suite.compare(name, { wirestack: echo, ws: theirs && (() => theirs.echo(masked)) }, count);
  }
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets).toString('latin1');
}

/** What the client sends, and what comes back. */
function frames(
  count: number, length: number,
): { readonly masked: Uint8Array; readonly plain: Uint8Array } {
  const [masked, plain] = [new Slab(), new Slab()];
  for (let i = 0; i < count; i++) {
    const payload = Buffer.alloc(length, i + 1);
    writeFrameHeader(masked, FIN | BINARY, length, KEY);
    copyMasked(masked, payload, KEY);
    writeFrameHeader(plain, FIN | BINARY, length);
    plain.octets(payload);
  }
  return { masked: Buffer.from(masked.take()), plain: Buffer.from(plain.take()) };
}

/** A session of ours, past its handshake. */
function open(): MemoryTransport {
  const failure = failureAnswers(undefined, (error) => { throw error; });
  const handle = webSocket((session) => {
    session.onMessage((message) => void session.send(message));
  });
  const dispatch = dispatcher({ handle }, { failure });
  const refuse = (error: Error): ReturnType<typeof problem> => problem(400, error.message);
  const transport = new MemoryTransport(http1({ limits, failure, dispatch, refuse }), { limits });
  const lines = Object.entries(HANDSHAKE).map(([name, value]) => `${name}: ${value}\r\n`);
  transport.send(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`);
  if (!transport.take().startsWith('HTTP/1.1 101 ')) throw new Error('no switch');
  return transport;
}

/** A session of `ws` on a stream in memory, past its handshake. */
class StreamedEcho {
  readonly #stream: Duplex;
  readonly #octets: number;
  #written: Uint8Array[] = [];
  #due = Infinity;
  #done = (): void => {};

  /** `octets`: of one answer. */
  constructor(octets: number) {
    this.#octets = octets;
    this.#stream = new Duplex({
      read() {
        // Octets are pushed as the bench makes them.
      },
      write: (piece: Uint8Array, _encoding, done) => {
        this.#take(piece);
        done();
      },
      writev: (pieces, done) => {
        for (const { chunk } of pieces) this.#take(chunk as Uint8Array);
        done();
      },
    });
    const Server = (ws as NonNullable<typeof ws>).WebSocketServer;
    const server = new Server({ noServer: true, perMessageDeflate: false });
    const request = { method: 'GET', url: '/', headers: HANDSHAKE };
    server.handleUpgrade(request, this.#stream, Buffer.alloc(0), (session) => {
      session.on('message', (message, binary) => session.send(message, { binary }));
    });
    this.#written = [];
  }

  async echo(masked: Uint8Array): Promise<Uint8Array> {
    this.#written = [];
    this.#due = this.#octets;
    const done = new Promise<void>((resolve) => { this.#done = resolve; });
    this.#stream.push(Buffer.from(masked));
    await done;
    return this.#written.length === 1
      ? this.#written[0] as Uint8Array
      : Buffer.concat(this.#written);
  }

  #take(piece: Uint8Array): void {
    this.#written.push(piece);
    this.#due -= piece.length;
    if (this.#due === 0) this.#done();
  }
}
