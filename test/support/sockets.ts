/**
 * Real sockets for tests, all on loopback and on free ports: a raw client, a server that closes
 * with its test, and one Connection with a clock moved by hand, seen from both of its ends.
 */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Handler, Service } from '../../src/http/exchange.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../../src/protocol.ts';
import { Connection, type ConnectionHost } from '../../src/server/connection.ts';
import type { ListenTarget } from '../../src/server/listener.ts';
import { createServer, type Server, type ServerOptions } from '../../src/server/server.ts';
import { HandClock } from '../../src/testing/index.ts';
import { answers, type Answer } from './http1.ts';

const HOST = '127.0.0.1';
const POLL_MS = 5;
const EVENTUALLY_MS = 15_000;

/** Where a server listens: a port of loopback, or the path of a Unix socket. */
export type Place = number | string;

/** A raw client: what it sends is octets, and it tells how its connection ended. */
export class Client {
  readonly socket: Socket;
  /** Reads that brought octets. */
  reads = 0;
  receivedBytes = 0;
  /** The server's FIN came. */
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | undefined;
  #pieces: Buffer[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => {
      this.reads++;
      this.receivedBytes += piece.length;
      this.#pieces.push(piece);
      this.#changed();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#changed();
    });
    socket.on('error', (error) => this.error ??= error);
    socket.on('close', () => {
      this.closed = true;
      this.#changed();
    });
  }

  /** `from`: the address to connect from; all of 127.0.0.0/8 are this machine. */
  static async connect(place: Place, from?: string): Promise<Client> {
    const client = Client.start(place, from);
    await once(client.socket, 'connect');
    return client;
  }

  /** Connects without waiting for it: what is sent goes out as soon as it can. */
  static start(place: Place, from: string = HOST): Client {
    const socket = typeof place === 'string'
      ? connect({ path: place, allowHalfOpen: true })
      : connect({ port: place, host: HOST, localAddress: from, allowHalfOpen: true });
    return new Client(socket);
  }

  /** Sends octets, or latin1 text. */
  send(octets: Uint8Array | string): this {
    if (typeof octets === 'string') this.socket.write(octets, 'latin1');
    else this.socket.write(octets);
    return this;
  }

  /** Forgets what came. */
  forget(): void {
    this.#pieces = [];
    this.receivedBytes = 0;
  }

  /** What came, as latin1 text. */
  get text(): string {
    return Buffer.concat(this.#pieces).toString('latin1');
  }

  /** The answers that came whole; `methods` as of `answers` in http1.ts. */
  answers(methods: readonly string[] = []): Answer[] {
    try {
      return answers(this.text, methods, this.ended).filter(({ whole }) => whole);
    } catch {
      // A head that has not come whole yet.
      return [];
    }
  }

  /** Resolves when `holds`; rejects when nothing more can come and it does not. */
  until(holds: () => boolean, what: string): Promise<this> {
    return this.#wait(holds, () => this.ended || this.closed, what);
  }

  /** Resolves with what came when it contains `text`. */
  async saw(text: string): Promise<string> {
    await this.until(() => this.text.includes(text), JSON.stringify(text));
    return this.text;
  }

  /** Resolves with `count` whole answers. */
  async answered(count: number, methods?: readonly string[]): Promise<Answer[]> {
    await this.until(() => this.answers(methods).length >= count, `${count} answers`);
    return this.answers(methods);
  }

  /** Resolves when the server has sent FIN, or reset the connection. */
  async sawEnd(): Promise<this> {
    return this.until(() => this.ended || this.closed, 'the end');
  }

  /** Resolves when nothing is left of the connection. */
  async gone(): Promise<this> {
    return this.#wait(() => this.closed, () => this.closed, 'the close');
  }

  #wait(holds: () => boolean, isOver: () => boolean, what: string): Promise<this> {
    return new Promise((resolve, reject) => {
      const look = (): boolean => {
        if (holds()) resolve(this);
        else if (isOver()) reject(new Error(`the end came before ${what}, after: ${this.text}`));
        else return false;
        this.#watchers.delete(look);
        return true;
      };
      if (!look()) this.#watchers.add(look);
    });
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look();
  }
}

/** A client that is gone when its test is. */
export async function connected(place: Place, from?: string): Promise<Client> {
  const client = await Client.connect(place, from);
  onTestFinished(() => void client.socket.destroy());
  return client;
}

/** A server on a free port of loopback, closed with its test. */
export async function serve(
  service: Handler | Service, options: ServerOptions = {}, target: ListenTarget = { host: HOST },
): Promise<Server> {
  const server = createServer(service, options);
  onTestFinished(() => server.close({ timeoutMs: 0 }));
  return server.listen(target);
}

/** A directory that is gone with its test: a place for Unix sockets. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'wirestack-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Hands each socket accepted on a free port, or on `path`, to `accept`; half-open, as Listener. */
export async function accepting(accept: (socket: Socket) => void, path?: string): Promise<number> {
  const listener = createNetServer({ allowHalfOpen: true, noDelay: true }, accept);
  onTestFinished(() => void listener.close());
  if (path === undefined) listener.listen(0, HOST);
  else listener.listen(path);
  await once(listener, 'listening');
  const address = listener.address() as AddressInfo | string;
  return typeof address === 'string' ? 0 : address.port;
}

/** Resolves when `holds`, which others make true: it is asked again and again. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + EVENTUALLY_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`it never came to be that ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

/** Resolves after so many turns of the loop. */
export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) {
    await new Promise<void>((resolve) => { setImmediate(resolve); });
  }
}

/** One Connection on a real socket, with the test as its manager and its peer. */
export interface Wire {
  readonly connection: Connection;
  readonly client: Client;
  readonly clock: HandClock;
  /** The server's socket, with what was written to it, write by write. */
  readonly socket: Socket;
  readonly writes: readonly number[];
  /** Octets in the ledger. */
  readonly heldBytes: number;
  /** How often the connection said that it is gone. */
  readonly goneCount: number;
  /** Resolves when what is on its way, either way, has arrived and been dealt with. */
  settle(): Promise<void>;
  /** Lets time pass, and looks at the deadlines once. */
  tick(ms: number): void;
}

/** Connects, and makes the accepted socket a Connection that speaks what `factory` makes. */
export async function wired(
  factory: ProtocolFactory<ConnectionTransport>, changes: Partial<Limits> = {}, path?: string,
): Promise<Wire> {
  const clock = new HandClock();
  const writes: number[] = [];
  let heldBytes = 0;
  let goneCount = 0;
  const host: ConnectionHost = {
    clock,
    limits: limitsFrom(changes),
    crowded: false,
    allows: (octets) => octets <= limitsFrom(changes).ledgerBytes,
    later: (connection) => void setImmediate(() => connection.turn()),
    account: (octets) => void (heldBytes += octets),
    gone: () => void goneCount++,
  };
  let take: (socket: Socket) => void;
  const accepted = new Promise<Socket>((resolve) => take = resolve);
  let connection!: Connection;
  const port = await accepting((socket) => {
    onTestFinished(() => void socket.destroy());
    countWrites(socket, writes);
    // At once, as the manager does: an octet that comes before its listener is lost.
    connection = new Connection(socket, host, factory);
    take(socket);
  }, path);
  // The factory may close at once, so the client may never get to see that it was connected.
  const client = Client.start(path ?? port);
  onTestFinished(() => void client.socket.destroy());
  const socket = await accepted;
  const barrier = await echoing();
  return {
    connection, client, clock, socket, writes,
    get heldBytes() { return heldBytes; },
    get goneCount() { return goneCount; },
    settle: async () => {
      for (let round = 0; round < 4; round++) {
        await barrier();
        await turns(3);
      }
    },
    tick: (ms) => {
      clock.advance(ms);
      connection.tick(clock.now());
    },
  };
}

function countWrites(socket: Socket, writes: number[]): void {
  const { write } = socket;
  socket.write = function counted(this: Socket, ...args: unknown[]): boolean {
    writes.push((args[0] as Uint8Array | string).length);
    return Reflect.apply(write, this, args) as boolean;
  } as Socket['write'];
}

/** A round trip on a connection of its own: what was sent before it has arrived after it. */
async function echoing(): Promise<() => Promise<void>> {
  const port = await accepting((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  const client = await connected(port);
  let trips = 0;
  return async () => {
    trips++;
    client.send('.');
    await client.until(() => client.receivedBytes >= trips, 'the echo');
  };
}
