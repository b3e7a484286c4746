/** A TlsAcceptor on sockets of loopback, with a record of what became of each handshake. */
import { once } from 'node:events';
import { createServer as createNetServer, type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { TlsFacts } from '../../src/protocol.ts';
import { TlsAcceptor, type HandshakeFailure } from '../../src/server/tls-acceptor.ts';
import { TlsContexts } from '../../src/tls/contexts.ts';
import type { TlsOptions } from '../../src/tls/options.ts';
import { eventually, type Place } from './sockets.ts';

/** What became of one handshake, by the number of its socket. */
export interface Outcome {
  readonly arrival: number;
  readonly socket?: TLSSocket;
  readonly facts?: TlsFacts;
  readonly reason?: HandshakeFailure;
  readonly detail?: string;
}

export interface Acceptances {
  readonly acceptor: TlsAcceptor<number>;
  readonly contexts: TlsContexts;
  readonly place: Place;
  readonly outcomes: readonly Outcome[];
  /** Sockets in the order of their coming. */
  readonly sockets: readonly Socket[];
  /** The outcome of so many handshakes, the last of them. */
  outcome(count?: number): Promise<Outcome>;
  /** Listens on another address of loopback, at the same port. */
  alsoOn(address: string): Promise<void>;
}

/** `path`: of a Unix socket, in place of a port. */
export async function acceptances(options: TlsOptions, path?: string): Promise<Acceptances> {
  const outcomes: Outcome[] = [];
  const sockets: Socket[] = [];
  const contexts = new TlsContexts(options);
  const acceptor = new TlsAcceptor<number>(contexts, {
    secured: (arrival, socket, facts) => {
      // As a Connection does: a socket without a listener would throw.
      socket.on('error', () => {});
      onTestFinished(() => void socket.destroy());
      outcomes.push({ arrival, socket, facts });
    },
    failed: (arrival, reason, { message }) => {
      outcomes.push({ arrival, reason, detail: message });
    },
  });
  const listening = async (where: { path: string } | { port: number; host: string }) => {
    const listener = createNetServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => {});
      acceptor.accept(socket, sockets.push(socket) - 1);
    });
    onTestFinished(() => void listener.close());
    listener.listen(where);
    await once(listener, 'listening');
    return listener.address() as AddressInfo | string;
  };
  const address = await listening(path === undefined ? { port: 0, host: '127.0.0.1' } : { path });
  const place = typeof address === 'string' ? address : address.port;
  return {
    acceptor, contexts, place, outcomes, sockets,
    outcome: async (count = 1) => {
      await eventually(() => outcomes.length >= count, `${count} handshakes are over`);
      return outcomes[count - 1] as Outcome;
    },
    alsoOn: async (host) => void await listening({ port: place as number, host }),
  };
}
