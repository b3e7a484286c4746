/** The protocol after a switch in simulations: sends back what it gets, and ends when told to. */
import { Buffer } from 'node:buffer';
import type { Protocol, Transport } from '../../src/protocol.ts';

export class Tunnel implements Protocol {
  readonly idle = true;
  /** What it got, latin1. */
  received = '';
  /** How often it was told that the connection has gone. */
  closings = 0;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  receive(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString('latin1');
    this.received += text;
    this.#transport.write(text);
  }

  eof(): void {
    this.#transport.end();
  }

  shutdown(): void {
    this.#transport.end();
  }

  failed(cause: Error): void {
    throw cause;
  }

  closed(): void {
    this.closings++;
  }

  proceed(): void {}
  drained(): void {}
  flush(): void {}
  tick(): void {}
}
