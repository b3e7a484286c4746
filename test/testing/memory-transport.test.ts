/** A connection in memory, seen from the test that holds its other ends. The laws are beside it. */
import { describe, expect, test } from 'vitest';
import { limitsFrom } from '../../src/limits.ts';
import type { ConnectionTransport } from '../../src/protocol.ts';
import {
  HandClock, MemoryTransport, type MemoryTransportOptions,
} from '../../src/testing/index.ts';
import { Journal, recorder, type Acts } from '../support/recorder.ts';
import { octets } from '../support/vectors.ts';

function make(
  acts: Acts = {}, options: MemoryTransportOptions = {},
): { transport: MemoryTransport; journal: Journal } {
  const journal = new Journal();
  return { transport: new MemoryTransport(recorder(journal, acts), options), journal };
}

describe('the peer', () => {
  test('has addresses of documentation, unless a test says otherwise (RFC 5737)', () => {
    expect(make().transport.peer).toEqual({
      address: '192.0.2.1', port: 50_000, localAddress: '192.0.2.2', localPort: 80,
      secure: false, tls: undefined,
    });
    expect(make({}, { peer: { secure: true, address: '' } }).transport.peer)
      .toMatchObject({ secure: true, address: '', port: 50_000 });
  });

  test('sends text as latin1, and octets', () => {
    const { transport, journal } = make();
    transport.send('a\xff');
    transport.send(octets('b'));
    expect(journal.lines).toEqual(['receive a\xffb']);
  });

  test('takes what was written, once', () => {
    const { transport } = make({ receive: (wire, text) => void wire.write(text.toUpperCase()) });
    transport.send('abc');
    transport.send('d');
    expect([transport.take(), transport.take()]).toEqual(['ABCD', '']);
    transport.send('e\xe9');
    expect(transport.takeBytes()).toEqual(Buffer.from([0x45, 0xc9]));
  });

  test('may send in the beginning, before any other entry', () => {
    const { transport } = make({ made: (wire) => void wire.write('220 ready') });
    expect(transport.take()).toBe('220 ready');
  });

  test('sends nothing while the protocol pauses, and all of it afterwards', () => {
    const { transport, journal } = make({ receive: (wire) => wire.pause() });
    transport.send('a');
    transport.send('b');
    transport.sendEof();
    expect(journal.lines).toEqual(['receive a']);
    expect([transport.paused, transport.pending]).toEqual([true, false]);
    transport.resume();
    expect(transport.pending).toBe(true);
    transport.turn();
    transport.resume();
    transport.turn();
    expect(journal.lines).toEqual(['receive ab', 'eof']);
  });

  test('reads as many octets as its window has, until more are released', () => {
    const { transport } = make({ receive: (wire) => void wire.write('0123456789') }, { window: 4 });
    transport.send('x');
    expect([transport.take(), transport.queuedBytes]).toEqual(['0123', 6]);
    transport.release(5);
    expect([transport.take(), transport.queuedBytes]).toEqual(['45678', 1]);
    transport.release();
    expect([transport.take(), transport.queuedBytes]).toEqual(['9', 0]);
  });

  test('leaves: the protocol is told once, with the cause', () => {
    const { transport, journal } = make();
    transport.disconnect(new Error('reset'));
    transport.disconnect();
    expect([journal.lines, transport.closed]).toEqual([['closed reset'], true]);
    transport.send('late');
    transport.tick(1000);
    expect(journal.lines).toEqual(['closed reset']);
  });
});

describe('lent octets', () => {
  test('are spoiled after the entry: only what was kept stays', () => {
    const lent: Uint8Array[] = [];
    const kept: Uint8Array[] = [];
    const transport = new MemoryTransport((wire) => ({
      ...quiet, receive(bytes) {
        lent.push(bytes);
        kept.push(wire.keep(bytes, 1, 3));
      },
    }));
    const sent = octets('abcd');
    transport.send(sent);
    transport.send('efgh');
    expect(kept.map((bytes) => Buffer.from(bytes).toString())).toEqual(['bc', 'fg']);
    expect(lent.every((bytes) => bytes.every((octet) => octet === 0xdb))).toBe(true);
    expect(sent).toEqual(octets('abcd'));
  });

  const quiet = {
    idle: true, receive() {}, proceed() {}, drained() {}, eof() {}, flush() {}, tick() {},
    shutdown() {}, failed() {}, closed() {},
  };
});

describe('the loop', () => {
  test('a deferred call comes in a later turn, once', () => {
    const { transport, journal } = make({
      receive(wire) {
        wire.defer();
        wire.defer();
      },
    });
    transport.send('a');
    expect([journal.lines, transport.pending]).toEqual([['receive a'], true]);
    transport.turn();
    transport.turn();
    expect([journal.lines, transport.pending]).toEqual([['receive a', 'proceed'], false]);
  });

  test('settle turns until nothing is left, promises included', async () => {
    let rounds = 0;
    const { transport, journal } = make({
      receive: (wire) => void Promise.resolve().then(() => wire.defer()),
      proceed(wire) {
        if (++rounds < 3) void Promise.resolve().then(() => {}).then(() => wire.defer());
      },
    });
    transport.send('a');
    await transport.settle();
    expect([journal.of('proceed').length, transport.pending]).toEqual([3, false]);
  });

  test('time passes in the manager\'s ticks', () => {
    const clock = new HandClock();
    const times: number[] = [];
    const { transport } = make({ tick: () => times.push(clock.now()) }, { clock });
    transport.tick(600);
    expect([times, transport.clock.now()]).toEqual([[250, 500, 600], 600]);
  });

  test('the queue is over its limit: false, and drained comes when half of it is gone', () => {
    const said: boolean[] = [];
    const limits = limitsFrom({ writeQueueBytes: 10 });
    const write = (wire: ConnectionTransport): void => {
      said.push(wire.write('01234'));
    };
    const { transport, journal } = make({ receive: write }, { limits, window: 0 });
    for (const text of ['a', 'b', 'c']) transport.send(text);
    expect([said, transport.pending]).toEqual([[true, true, false], false]);
    transport.release(9);
    expect(transport.pending).toBe(false);
    transport.release(1);
    expect([transport.pending, journal.of('drained')]).toEqual([true, []]);
    transport.turn();
    transport.turn();
    expect(journal.of('drained')).toHaveLength(1);
  });

  test('octets charged are counted, and the limit told', () => {
    const said: boolean[] = [];
    const { transport } = make({
      receive(wire) {
        for (const count of [10, 1, -5]) said.push(wire.charge(count));
      },
    }, { limits: limitsFrom({ ledgerBytes: 10 }) });
    transport.send('a');
    expect([said, transport.charged]).toEqual([[true, false, true], 6]);
  });
});

describe('ends', () => {
  test('an entry within an entry breaks law 1: it is found out', () => {
    const { transport } = make({ receive: () => transport.shutdown() });
    transport.send('a');
    expect(transport.failures.map(({ message }) => message))
      .toEqual(['an entry within an entry: law 1 is broken']);
  });

  test('after end the protocol hears no more until the peer has ended too', async () => {
    const { transport, journal } = make({
      receive(wire) {
        wire.write('bye');
        wire.end();
        expect(wire.write('more')).toBe(true);
      },
    });
    transport.send('a');
    transport.send('b');
    transport.shutdown();
    transport.tick(250);
    expect([transport.ended, transport.closed, transport.take()]).toEqual([true, false, 'bye']);
    transport.sendEof();
    await transport.settle();
    expect([journal.lines, transport.closed]).toEqual([['receive a', 'closed'], true]);
  });

  test('destroy loses what the peer does not take at once, and tells the cause', async () => {
    const { transport, journal } = make({
      receive(wire) {
        wire.write('lost');
        wire.destroy(new Error('first'));
        wire.destroy(new Error('second'));
      },
    });
    transport.send('a');
    expect(transport.pending).toBe(true);
    await transport.settle();
    expect(journal.lines).toEqual(['receive a', 'closed first']);
    expect(transport.cause?.message).toBe('first');
    expect(transport.take()).toBe('lost');
  });

  test('what the guard caught can be looked at', () => {
    const { transport, journal } = make({ receive: () => { throw new Error('broken'); } });
    transport.send('a');
    expect(transport.failures.map(({ message }) => message)).toEqual(['broken']);
    expect(journal.lines).toEqual(['receive a', 'failed broken']);
  });

  test('a protocol that cannot even say what failed is destroyed', async () => {
    const fail = (): never => { throw new Error('broken'); };
    const { transport } = make({ receive: fail, failed: fail });
    transport.send('a');
    await transport.settle();
    expect([transport.closed, transport.cause?.message]).toEqual([true, 'broken']);
  });

  test('a next protocol that cannot be made destroys the connection', async () => {
    const { transport, journal } = make({
      receive: (wire) => wire.become(() => { throw new Error('not made'); }, octets('rest')),
    });
    expect(() => transport.send('a')).not.toThrow();
    await transport.settle();
    expect([transport.closed, transport.cause?.message]).toEqual([true, 'not made']);
    expect(journal.of('failed')).toEqual([]);
  });
});
