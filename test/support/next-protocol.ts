/** What takes over after a switch, in tests: it records what it is told, and sends octets back. */
import { Buffer } from 'node:buffer';
import type { Protocol, ProtocolFactory, Transport } from '../../src/protocol.ts';

export interface NextProtocol {
  readonly factory: ProtocolFactory<Transport>;
  /** How often it was made. */
  readonly made: number;
  /** Octets received, as latin1 text. */
  readonly received: string;
  /** The entries but for `receive` and `tick`, in order. */
  readonly calls: readonly string[];
}

/** `greeting` is written when it begins; `echo`: what it receives is sent back. */
export function nextProtocol(greeting = '', echo = false): NextProtocol {
  const calls: string[] = [];
  const state = { made: 0, received: '', calls };
  const factory = (transport: Transport): Protocol => {
    state.made++;
    if (greeting !== '') transport.write(greeting);
    return {
      idle: true,
      receive: (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        state.received += text;
        if (echo) transport.write(text);
      },
      proceed: () => void calls.push('proceed'),
      drained: () => void calls.push('drained'),
      eof: () => void calls.push('eof'),
      flush: () => void calls.push('flush'),
      tick: () => {},
      shutdown: () => void calls.push('shutdown'),
      failed: () => void calls.push('failed'),
      closed: () => void calls.push('closed'),
    };
  };
  return Object.assign(state, { factory });
}
