/**
 * What a handler of a simulation was given, watched: how often its signals fired, and how much of
 * its content it still holds.
 */
import { RequestBody } from '../../src/http/body.ts';
import type { HttpRequest } from '../../src/http/request.ts';
import type { Http2Exchange } from '../../src/http2/exchange.ts';
import type { EchoTunnel } from './http2-tunnel.ts';
import type { World } from './world.ts';

export class WatchedRequest {
  readonly exchange: Http2Exchange;
  /** How often its signals fired; undefined: nobody asked for them. */
  aborted: number | undefined;
  drained: number | undefined;
  /** Whether the exchange was said to be over, and how often. */
  completed = 0;
  #pulled = 0;
  #dropped = false;
  /** Octets that had come when the wire gave it up: later ones are dropped at once. */
  #failedAt: number | undefined;

  constructor(exchange: Http2Exchange) {
    this.exchange = exchange;
  }

  /** Counts what is pulled and dropped of its content. */
  watchBody(body: RequestBody): void {
    // The one without content is shared by all.
    if (body === RequestBody.empty) return;
    const pull = body.pull.bind(body);
    const cancel = body.cancel.bind(body);
    const count = <T extends Uint8Array | null>(piece: T): T => {
      this.#pulled += piece?.length ?? 0;
      return piece;
    };
    body.pull = (max) => {
      const piece = pull(max);
      return piece instanceof Promise ? piece.then(count) : count(piece);
    };
    body.cancel = (cause) => {
      this.#dropped = true;
      cancel(cause);
    };
    const fail = body.fail.bind(body);
    body.fail = (cause) => {
      this.#failedAt ??= this.exchange.receivedBytes;
      fail(cause);
    };
  }

  /** Asks for the signals, at once, later or never. */
  watchSignals(request: HttpRequest, world: World, name: string): void {
    const watch = (): void => {
      const { signal, draining } = request;
      this.aborted = signal.aborted ? 1 : 0;
      this.drained = draining.aborted ? 1 : 0;
      signal.addEventListener('abort', () => this.aborted = (this.aborted ?? 0) + 1);
      draining.addEventListener('abort', () => this.drained = (this.drained ?? 0) + 1);
    };
    const when = world.random.int(3);
    if (when === 0) watch();
    if (when === 1) void world.gate(`${name} watch`).then(watch);
  }

  /** Octets of content that are held for it: at least, and at most. */
  held(tunnel: EchoTunnel | undefined): readonly [least: number, most: number] {
    const { exchange } = this;
    if (exchange.isClosed) return [0, 0];
    if (tunnel !== undefined) {
      const octets = exchange.receivedBytes - tunnel.received;
      return tunnel.ended ? [0, octets] : [octets, octets];
    }
    const octets = (this.#failedAt ?? exchange.receivedBytes) - this.#pulled;
    return this.#dropped ? [0, 0] : [octets, octets];
  }
}
