/**
 * What the clients of a load have in common: a socket of loopback that is read into one buffer for
 * all of them, a count of what was answered, and what to do when one breaks.
 */
import { Buffer } from 'node:buffer';
import { connect as connectClear, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import type { Work } from '../work.ts';

export interface Client {
  /** Connects, asks once, and looks at the answer: rejects where it is not the right one. */
  open(): Promise<void>;
  /** Asks, and again after each answer, while `tally.running`. */
  start(): void;
  close(): void;
}

/** What the clients of a load count together. */
export interface Tally {
  items: number;
  running: boolean;
  /** A client broke while it ran. */
  failed(cause: Error): void;
}

export interface Target extends Work {
  readonly port: number;
}

/** Octets are used before the next read, so all sockets read into this. */
const lent = Buffer.allocUnsafeSlow(256 * 1024);

/** Connects; `receive` is lent what comes, and what it throws ends the load. */
export function connect(
  { port, secure = false }: Target, protocol: string,
  receive: (octets: Uint8Array, end: number) => void, failed: (cause: Error) => void,
): Promise<Socket> {
  const connected = new Answer<Socket>();
  const lost = (cause: Error): void => {
    connected.failed(cause);
    failed(cause);
  };
  const callback = (count: number): boolean => {
    try {
      receive(lent, count);
    } catch (error) {
      lost(error as Error);
    }
    return true;
  };
  const options = { port, host: '127.0.0.1', noDelay: true, onread: { buffer: lent, callback } };
  // Whose certificate it is is not what is measured.
  const socket = secure
    ? connectSecure({ ...options, ALPNProtocols: [protocol], rejectUnauthorized: false })
    : connectClear(options);
  socket.once(secure ? 'secureConnect' : 'connect', () => connected.done(socket));
  socket.on('error', lost);
  socket.on('close', () => lost(new Error('the server ended a connection')));
  return connected.whole;
}

/** What is waited for, and comes from elsewhere. */
export class Answer<T = void> {
  readonly whole: Promise<T>;
  done!: (value: T) => void;
  failed!: (cause: Error) => void;

  constructor() {
    this.whole = new Promise((resolve, reject) => {
      this.done = resolve;
      this.failed = reject;
    });
    this.whole.catch(() => {});
  }
}
