/** What the server is doing, by its own counters: each request's connection, and a live pulse. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  Fields, HttpResponse, type BodySource, type HttpRequest, type Peer, type Server,
} from '../../src/index.ts';

const EVERY_MS = 150;

/** A connection as this page numbers it, and how many requests it has brought. */
export interface ConnectionFacts {
  readonly connection: number;
  readonly requests: number;
  readonly port: number;
}

export class Activity {
  readonly #server: Server;
  readonly #connections = new WeakMap<Peer, { number: number; requests: number }>();
  /** Octets that handlers have read of uploads under way. */
  readonly #uploads = new Map<string, number>();
  #numbers = 0;
  #answers = 0;
  #received = 0;
  #sent = 0;

  constructor(server: Server) {
    this.#server = server;
    server.on('request', () => this.#answers++);
  }

  /** Counts a request on its connection. */
  asked({ peer }: HttpRequest): void {
    const known = this.#connections.get(peer) ?? { number: ++this.#numbers, requests: 0 };
    known.requests++;
    this.#connections.set(peer, known);
  }

  connection({ peer }: HttpRequest): ConnectionFacts {
    const known = this.#connections.get(peer);
    return { connection: known?.number ?? 0, requests: known?.requests ?? 0, port: peer.port };
  }

  /** Octets of an upload were read. */
  read(name: string, octets: number): void {
    this.#received += octets;
    this.#uploads.set(name, (this.#uploads.get(name) ?? 0) + octets);
  }

  /** The upload is over. */
  done(name: string): void {
    this.#uploads.delete(name);
  }

  /** The answer, its content counted as it goes. */
  counted(response: HttpResponse): HttpResponse {
    const { status, fields, body } = response;
    if (body === null) return response;
    if (typeof body === 'string' || body instanceof Uint8Array) {
      this.#sent += Buffer.byteLength(body);
      return response;
    }
    return new HttpResponse(status, fields, this.#counting(body));
  }

  #counting(body: BodySource): BodySource {
    const count = (piece: Uint8Array | null): Uint8Array | null => {
      this.#sent += piece?.length ?? 0;
      return piece;
    };
    return {
      length: body.length,
      pull: (max) => {
        const piece = body.pull(max);
        return piece instanceof Promise ? piece.then(count) : count(piece);
      },
      cancel: (cause) => body.cancel(cause),
      trailers: () => body.trailers?.() ?? Fields.empty,
    };
  }

  /** The counters as an event stream, until the server closes. */
  pulse(request: HttpRequest): HttpResponse {
    const fields = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
    return new HttpResponse(200, fields, this.#beats(request.draining));
  }

  async *#beats(draining: AbortSignal): AsyncGenerator<string, void, undefined> {
    while (!draining.aborted) {
      yield `data: ${JSON.stringify(this.#facts())}\n\n`;
      await delay(EVERY_MS);
    }
  }

  #facts(): object {
    const { connections, accepted, heldBytes } = this.#server.counters;
    return {
      connections, accepted, heldBytes,
      answers: this.#answers,
      received: this.#received,
      sent: this.#sent,
      residentBytes: process.memoryUsage.rss(),
      uploads: Object.fromEntries(this.#uploads),
    };
  }
}
