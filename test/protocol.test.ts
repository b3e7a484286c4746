/**
 * The contract between the layers is types alone. So the test is a program: the smallest Protocol
 * on the smallest Transport that the types allow, with nothing else of this project. That it
 * compiles is half of it, that it runs the other.
 */
import { expect, test } from 'vitest';
import * as contract from '../src/protocol.ts';
import type {
  Clock, ConnectionTransport, Peer, Protocol, ProtocolFactory, TlsFacts, Transport,
} from '../src/protocol.ts';

/** Sends every line back in capitals, and ends after one that says so. */
const shout: ProtocolFactory = (transport: Transport): Protocol => {
  let rest = '';
  return {
    get idle() {
      return rest === '';
    },
    receive(bytes) {
      const lines = (rest + new TextDecoder().decode(bytes)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) transport.write(`${line.toUpperCase()}\n`);
      if (lines.includes('quit')) transport.end();
    },
    proceed() {},
    drained() {},
    eof: () => transport.end(),
    flush() {},
    tick() {},
    shutdown: () => transport.end(),
    failed: (cause) => transport.destroy(cause),
    closed() {},
  };
};

/** A wire of which nothing is asked but that octets are written to it. */
class Wire implements ConnectionTransport {
  readonly crowded = false;
  readonly tls: TlsFacts = {
    version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', alpn: '', serverName: '', resumed: false,
    clientCertificate: undefined, serves: () => true,
  };

  readonly peer: Peer = {
    address: '', port: 0, localAddress: '', localPort: 0, secure: true, tls: this.tls,
  };

  readonly clock: Clock = { now: () => 0, date: () => '', at: () => () => {} };
  readonly queuedBytes = 0;
  written = '';
  ended = false;
  protocol: Protocol;

  constructor(factory: ProtocolFactory<ConnectionTransport>) {
    this.protocol = factory(this);
  }

  write(octets: Uint8Array | string): boolean {
    this.written += typeof octets === 'string' ? octets : new TextDecoder('latin1').decode(octets);
    return true;
  }

  keep(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return Uint8Array.from(bytes.subarray(start, end));
  }

  charge(): boolean {
    return true;
  }

  end(): void {
    this.ended = true;
  }

  become(next: ProtocolFactory<ConnectionTransport>): void {
    this.protocol = next(this);
  }

  pause(): void {}
  resume(): void {}
  defer(): void {}
  gather(): void {}
  destroy(): void {}
}

test('the contract has no code of its own', () => {
  expect(Object.keys(contract)).toEqual([]);
});

test('a protocol for any transport runs on a connection', () => {
  const wire = new Wire(shout);
  const send = (text: string): void => wire.protocol.receive(new TextEncoder().encode(text));
  send('hel');
  expect([wire.written, wire.protocol.idle]).toEqual(['', false]);
  send('lo\nquit\n');
  expect([wire.written, wire.protocol.idle, wire.ended]).toEqual(['HELLO\nQUIT\n', true, true]);
});

test('a connection changes its protocol, one way', () => {
  const wire = new Wire((transport) => {
    const first = shout(transport);
    return { ...first, receive: () => transport.become(shout, new Uint8Array(0)) };
  });
  const first = wire.protocol;
  wire.protocol.receive(new Uint8Array(1));
  expect(wire.protocol).not.toBe(first);
  wire.protocol.receive(new TextEncoder().encode('a\n'));
  expect(wire.written).toBe('A\n');
});
