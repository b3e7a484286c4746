/** A load of our own: all its clients, opened, started, and counted together. */
import type { Client, Tally, Target } from './client.ts';
import { Http1Client } from './http1.ts';
import { Http2LoadClient } from './http2.ts';
import { openAll } from './open-all.ts';
import { Broadcast, WebSocketClient } from './websocket.ts';

export class OwnLoad {
  readonly #clients: readonly Client[];
  readonly #tally: Tally;
  #isOpen = false;

  /** `failed` is told of what breaks once it is open; before, `open` rejects. */
  constructor(target: Target, failed: (cause: Error) => void) {
    const tally: Tally = { items: 0, running: false, failed: () => {} };
    tally.failed = (cause) => {
      if (this.#isOpen) failed(cause);
    };
    this.#tally = tally;
    this.#clients = clientsOf(target, tally);
  }

  get items(): number {
    return this.#tally.items;
  }

  /** Connects all, and looks at an answer of each. */
  async open(): Promise<void> {
    await openAll(this.#clients);
    this.#isOpen = true;
  }

  start(): void {
    this.#tally.running = true;
    for (const client of this.#clients) client.start();
  }

  close(): void {
    this.#isOpen = false;
    this.#tally.running = false;
    for (const client of this.#clients) client.close();
  }
}

function clientsOf(target: Target, tally: Tally): Client[] {
  const all = Array.from({ length: target.connections });
  switch (target.kind) {
    case 'http1': return all.map(() => new Http1Client(target, tally));
    case 'http2': return all.map(() => new Http2LoadClient(target, tally));
    case 'websocket': return all.map(() => new WebSocketClient(target, tally));
    case 'broadcast': return [new Broadcast(target, tally)];
  }
}
