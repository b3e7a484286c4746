/** The laws of a Transport, kept by the stand-in in memory. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { limitsFrom } from '../../src/limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../../src/protocol.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { Journal, recorder } from '../support/recorder.ts';
import { transportEndings } from '../support/transport-endings.ts';
import { transportLaws, type Connect } from '../support/transport-laws.ts';

/** A window that never fills, and can still be closed and opened again. */
const WINDOW = 2 ** 40;

const connect: Connect = async (factory, limits) => {
  const transport = new MemoryTransport(factory, { limits: limitsFrom(limits), window: WINDOW });
  const taken: Uint8Array[] = [];
  const octets = (): Buffer => {
    taken.push(transport.takeBytes());
    return Buffer.concat(taken);
  };
  return {
    transport,
    send: (text) => transport.send(text),
    sendEof: () => transport.sendEof(),
    disconnect: () => transport.disconnect(new Error('the peer reset the connection')),
    stopReading: () => transport.release(-WINDOW),
    readAgain: () => transport.release(WINDOW),
    received: () => octets().toString('latin1'),
    receivedBytes: () => octets().length,
    sawEnd: () => transport.closed || (transport.ended && transport.queuedBytes === 0),
    left: () => octets().length,
    // It has no ledger but what the protocol charged, which a test may want to see after the close.
    held: () => transport.closed ? 0 : transport.charged + transport.queuedBytes,
    settle: () => transport.settle(),
    tick: (ms) => transport.tick(ms),
    shutdown: () => transport.shutdown(),
  };
};

transportLaws(connect);
transportEndings(connect);

describe('what is lent is spoiled after its entry', () => {
  const spoiled = (octets: Uint8Array): boolean => octets.every((octet) => octet === 0xdb);

  /** A recorder that also keeps hold of what it was lent, as no protocol may. */
  function hoarder(hoard: Uint8Array[]): ProtocolFactory<ConnectionTransport> {
    return (transport) => {
      const protocol = recorder(new Journal())(transport);
      protocol.receive = (bytes) => void hoard.push(bytes);
      return protocol;
    };
  }

  test('by a read', () => {
    const hoard: Uint8Array[] = [];
    const transport = new MemoryTransport(hoarder(hoard));
    transport.send('abc');
    transport.send('def');
    expect(hoard.map(spoiled)).toEqual([true, true]);
  });

  test('by a switch', async () => {
    const hoard: Uint8Array[] = [];
    const transport = new MemoryTransport(recorder(new Journal()));
    transport.become(hoarder(hoard), new TextEncoder().encode('rest'));
    await transport.settle();
    expect(hoard.map(spoiled)).toEqual([true]);
  });

  test('and what was sent is not', () => {
    const octets = new TextEncoder().encode('abc');
    const transport = new MemoryTransport(recorder(new Journal()));
    transport.send(octets);
    expect(new TextDecoder().decode(octets)).toBe('abc');
  });
});
