/**
 * The listening socket: where it listens, what it does when the process is out of descriptors, and
 * how it stops. Accepted sockets go to whoever made it.
 */
import {
  createServer, type AddressInfo, type ListenOptions, type Server, type Socket,
} from 'node:net';

/** Where to listen: a port with a host, or the path of a Unix socket. */
export interface ListenTarget {
  /** 0 picks a free port. */
  readonly port?: number;
  /** Default: all addresses, IPv6 and IPv4. */
  readonly host?: string;
  /** A Unix socket, in place of host and port. */
  readonly path?: string;
  /** Connections that the kernel holds until they are accepted; default 4096. */
  readonly backlog?: number;
  /** Several processes on one port, where Node and the system have it. */
  readonly reusePort?: boolean;
  /** Closes the server when it fires. */
  readonly signal?: AbortSignal;
}

const BACKLOG = 4096;
const KEEP_ALIVE_PROBE_MS = 30_000;

export class Listener {
  readonly #server: Server;
  #begun = false;
  #closed = false;

  /**
   * `failed` is told of errors in accepting, of which being out of descriptors is the usual one.
   */
  constructor(accept: (socket: Socket) => void, failed: (error: NodeJS.ErrnoException) => void) {
    this.#server = createServer({
      // A peer that has sent its request may close its side and still wait (RFC 9112 §9.6).
      allowHalfOpen: true,
      // One write an entry: there is nothing for Nagle to join.
      noDelay: true,
      // Finds peers that vanished without a word.
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    }, accept);
    this.#server.on('error', (error) => {
      if (this.#server.listening) failed(error);
    });
  }

  /** Resolves when listening; rejects with a message that says what to do. */
  async listen(target: ListenTarget): Promise<void> {
    const server = this.#server;
    if (this.#begun) throw new Error('this server listens already; make another for more');
    this.#begun = true;
    this.#closed = false;
    const options: ListenOptions & { reusePort?: boolean } = { backlog: target.backlog ?? BACKLOG };
    if (target.path === undefined) {
      options.port = target.port ?? 0;
      if (target.host !== undefined) options.host = target.host;
      if (target.reusePort === true) options.reusePort = true;
    } else {
      options.path = target.path;
    }
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        this.#begun = false;
        reject(explained(error, target));
      };
      const listening = (): void => {
        server.off('error', failed);
        if (!this.#closed) return resolve();
        server.close();
        reject(new Error('this server was closed before it listened'));
      };
      server.once('error', failed);
      try {
        server.listen(options, listening);
      } catch (error) {
        // What is no port at all is thrown.
        server.off('error', failed);
        failed(error as NodeJS.ErrnoException);
      }
    });
  }

  /** Address and port, the path of a Unix socket, or null when it does not listen. */
  get address(): AddressInfo | string | null {
    return this.#server.address();
  }

  /** Stops accepting. Connections go on. */
  close(): void {
    this.#closed = true;
    if (this.#server.listening) this.#server.close();
  }
}

function explained(error: NodeJS.ErrnoException, target: ListenTarget): Error {
  const where = target.path ?? `port ${target.port ?? 0}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return new Error(
        `${where} is in use: stop what listens there, or choose another (port 0 picks a free one)`,
        { cause: error },
      );
    case 'EACCES':
      return new Error(`no permission to listen on ${where}: ${privilege(target)}`, {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new Error(`${target.host ?? where} is no address of this machine`, { cause: error });
    default:
      return error;
  }
}

function privilege(target: ListenTarget): string {
  return target.path === undefined
    ? 'ports under 1024 need a privilege'
    : 'its directory must exist and be writable';
}
