/**
 * The two ends of a connection (Peer), of its socket or as a proxy told them. The far end is what
 * the kernel told when the socket was accepted: after a reset it can no longer be told, and ''
 * would pass for a Unix socket's.
 */
import type { Socket } from 'node:net';
import type { Peer, TlsFacts } from '../protocol.ts';
import type { ProxiedEnds } from './proxy-protocol.ts';

export class SocketPeer implements Peer {
  readonly address: string;
  readonly port: number;
  readonly tls: TlsFacts | undefined;
  readonly #socket: Socket;
  /** What a proxy told of the ends (server/proxy-protocol.ts). */
  readonly #ends: ProxiedEnds | undefined;

  constructor(
    socket: Socket, tls: TlsFacts | undefined, ends: ProxiedEnds | undefined,
    accepted: string = socket.remoteAddress ?? '',
  ) {
    this.address = ends?.address ?? accepted;
    this.port = ends?.port ?? socket.remotePort ?? 0;
    this.tls = tls;
    this.#socket = socket;
    this.#ends = ends;
  }

  get secure(): boolean {
    return this.tls !== undefined;
  }

  get localAddress(): string {
    return this.#ends?.localAddress ?? this.#socket.localAddress ?? '';
  }

  get localPort(): number {
    return this.#ends?.localPort ?? this.#socket.localPort ?? 0;
  }
}
