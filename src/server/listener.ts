/**
 * The listening socket: where it listens, what it does when the process is out of descriptors, and
 * how it stops. Accepted sockets go to whoever made it.
 */
import {
  createServer, type AddressInfo, type ListenOptions, type Server, type Socket,
} from 'node:net';
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { knowsOnly } from '../errors.ts';

/** Where to listen: a port with a host, or the path of a Unix socket. */
export interface ListenTarget {
  /** 0 picks a free port. */
  readonly port?: number | undefined;
  /** Default: all addresses, IPv6 and IPv4. */
  readonly host?: string | undefined;
  /** A Unix socket, in place of host and port. */
  readonly path?: string | undefined;
  /** Connections that the kernel holds until they are accepted; default 4096. */
  readonly backlog?: number | undefined;
  /** Several processes on one port, where Node and the system have it. */
  readonly reusePort?: boolean | undefined;
  /**
   * Proxies that open each connection with a PROXY header, as in `trustedProxies`; nobody else can
   * come. Default: none, and no header is understood.
   */
  readonly proxyProtocol?: readonly string[] | undefined;
  /** Closes the server when it fires. */
  readonly signal?: AbortSignal | undefined;
}

const BACKLOG = 4096;
/** Turns of the loop without a connection, after which none waits in the kernel. */
const QUIET_TURNS = 3;
const KEEP_ALIVE_PROBE_MS = 30_000;

export class Listener {
  readonly #server: Server;
  #accepted = 0;
  #begun = false;
  #isUnix = false;
  #closed = false;
  #giveUp: (() => void) | undefined;

  /**
   * `failed` is told of errors in accepting, of which being out of descriptors is the usual one.
   */
  constructor(
    accept: (socket: Socket, isUnix: boolean) => void,
    failed: (error: NodeJS.ErrnoException) => void,
  ) {
    this.#server = createServer({
      // A peer that has sent its request may close its side and still wait (RFC 9112 §9.6).
      allowHalfOpen: true,
      // One write an entry: there is nothing for Nagle to join.
      noDelay: true,
      // Finds peers that vanished without a word.
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    }, (socket) => {
      this.#accepted++;
      accept(socket, this.#isUnix);
    });
    this.#server.on('error', (error) => {
      if (this.#server.listening) failed(error);
    });
  }

  /** Resolves when listening; rejects with a message that says what to do. */
  async listen(target: ListenTarget): Promise<void> {
    const server = this.#server;
    checkTarget(target);
    if (this.#begun) throw new Error('this server listens already; make another for more');
    this.#begun = true;
    this.#closed = false;
    this.#isUnix = target.path !== undefined;
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
      };
      this.#giveUp = () => reject(new Error('this server was closed before it listened'));
      server.once('error', failed);
      try {
        server.listen(options, listening);
      } catch (error) {
        // Arguments that Node itself refuses are thrown.
        server.off('error', failed);
        failed(error as NodeJS.ErrnoException);
      }
    });
  }

  /** Whether it listens, or is about to. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Address and port, the path of a Unix socket, or null when it does not listen. */
  get address(): AddressInfo | string | null {
    return this.#server.address();
  }

  /**
   * Stops accepting; resolves when it has. Connections that the kernel has made already are taken
   * first, since closing would reset them: until a few turns bring none, or `forMs` has passed.
   */
  async close(forMs: number): Promise<void> {
    this.#closed = true;
    this.#giveUp?.();
    if (!this.#server.listening) return;
    const until = performance.now() + forMs;
    let accepted = -1;
    for (let quiet = 0; quiet < QUIET_TURNS && performance.now() < until; quiet++) {
      if (accepted !== this.#accepted) quiet = 0;
      accepted = this.#accepted;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#server.close();
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

const PORT_MAX = 65_535;
const TARGET_KEYS = [
  'port', 'host', 'path', 'backlog', 'reusePort', 'proxyProtocol', 'signal',
];

/** What Node would take for "any free port", or say in its own words. */
function checkTarget(target: ListenTarget): void {
  knowsOnly(target, TARGET_KEYS, 'listen');
  checkProxies(target);
  const { port = 0 } = target;
  if (Number.isInteger(port) && port >= 0 && port <= PORT_MAX) return;
  const shown = typeof port === 'string' ? `the text ${JSON.stringify(port)}: use Number()` : port;
  throw new TypeError(`port must be a number of 0 to ${PORT_MAX}, not ${String(shown)}`);
}

/** A list that holds nobody who can come here is a mistake. */
function checkProxies({ path, proxyProtocol }: ListenTarget): void {
  if (proxyProtocol === undefined) return;
  if (proxyProtocol.length === 0) {
    throw new TypeError(
      'proxyProtocol [] would refuse every connection; name who may send it, or leave it out',
    );
  }
  if (path !== undefined && !proxyProtocol.includes('unix')) {
    throw new TypeError(
      'proxyProtocol would refuse every connection: on a Unix socket no peer has an address; ' +
        "name them 'unix'",
    );
  }
  if (path === undefined && proxyProtocol.every((entry) => entry === 'unix')) {
    throw new TypeError(
      "proxyProtocol would refuse every connection: 'unix' is for a path; name addresses",
    );
  }
}

function privilege(target: ListenTarget): string {
  return target.path === undefined
    ? 'ports under 1024 need a privilege'
    : 'its directory must exist and be writable';
}
