/**
 * The laws of src/protocol.ts as one suite, for every Transport: a real connection and its stand-in
 * in memory must not be told apart by a protocol.
 */
import { describe, expect, test } from 'vitest';
import type { Limits } from '../../src/limits.ts';
import type { ConnectionTransport, ProtocolFactory } from '../../src/protocol.ts';
import { Journal, recorder, type Acts, type EntryName } from './recorder.ts';

/** A transport under test, and the world around it: its peer, its loop, its clock. */
export interface LawWire {
  readonly transport: ConnectionTransport;
  send(text: string): void;
  sendEof(): void;
  /** The peer is gone without a word. */
  disconnect(): void;
  /** The peer reads no more, and reads again. */
  stopReading(): void;
  readAgain(): void;
  /** What the peer has read, how many octets that is, and whether it saw the end. */
  received(): string;
  receivedBytes(): number;
  sawEnd(): boolean;
  /** Octets handed over to what carries them. */
  left(): number;
  /** Octets accounted for. */
  held(): number;
  /** Until what is on its way has arrived and been dealt with. */
  settle(): Promise<void>;
  tick(ms: number): void;
  shutdown(): void;
}

export type Connect = (
  factory: ProtocolFactory<ConnectionTransport>, limits?: Partial<Limits>,
) => Promise<LawWire>;

const MEBIBYTE = new Uint8Array(1024 * 1024).fill(0x2e);
/** More than the buffers of a kernel take. */
const FLOOD = 16;

/** Runs every law. `connect` makes a connection whose factory has been called. */
export function transportLaws(connect: Connect): void {
  /** Connects a recorder, and lets all settle. */
  async function record(acts: Acts = {}, limits?: Partial<Limits>) {
    const journal = new Journal();
    const wire = await connect(recorder(journal, acts), limits);
    await wire.settle();
    return { journal, wire, lines: journal.lines };
  }

  describe('law 1: no method calls back before it returns', () => {
    const methods: readonly [string, (transport: ConnectionTransport) => void][] = [
      ['write', (transport) => void transport.write(MEBIBYTE)],
      ['keep', (transport) => void transport.keep(MEBIBYTE, 0, 10)],
      ['charge', (transport) => void transport.charge(2 ** 30)],
      ['pause', (transport) => transport.pause()],
      ['resume', (transport) => transport.resume()],
      ['defer', (transport) => transport.defer()],
      ['gather', (transport) => transport.gather()],
      ['end', (transport) => transport.end()],
      ['destroy', (transport) => transport.destroy()],
      ['destroy with a cause', (transport) => transport.destroy(new Error('why'))],
      ['become', (transport) => transport.become(recorder(new Journal()), MEBIBYTE)],
    ];

    test.each(methods)('%s, inside an entry', async (name, method) => {
      const { journal, wire } = await record({
        receive: (transport) => journal.call(name, () => method(transport)),
      });
      wire.send('go');
      await wire.settle();
      expect(journal.of('receive')).toEqual(['receive go']);
      expect(journal.faults).toEqual([]);
    });

    test.each(methods)('%s, outside an entry', async (name, method) => {
      const { journal, wire } = await record();
      journal.call(name, () => method(wire.transport));
      await wire.settle();
      expect(journal.faults).toEqual([]);
    });

    test('nor do all of them together, in any entry', async () => {
      const everything = (transport: ConnectionTransport): void => {
        transport.pause();
        transport.write(MEBIBYTE);
        transport.gather();
        transport.defer();
        transport.resume();
      };
      let rounds = 0;
      const again = (transport: ConnectionTransport): void => {
        if (rounds++ < 10) everything(transport);
      };
      const { journal, wire } = await record({
        made: everything, receive: again, proceed: again, drained: again, tick: again,
        shutdown: again,
      });
      wire.send('go');
      wire.tick(250);
      wire.shutdown();
      await wire.settle();
      expect(journal.lines).toContain('drained');
      expect(journal.faults).toEqual([]);
    });
  });

  describe('law 2: every entry goes through one guard', () => {
    const provoke: Record<Exclude<EntryName, 'failed' | 'closed'>, (wire: LawWire) => void> = {
      receive: (wire) => wire.send('abc'),
      proceed: (wire) => wire.transport.defer(),
      drained: (wire) => wire.send('abc'),
      flush: (wire) => wire.send('abc'),
      tick: (wire) => wire.tick(250),
      shutdown: (wire) => wire.shutdown(),
      eof: (wire) => wire.sendEof(),
    };
    const entries = Object.keys(provoke) as (keyof typeof provoke)[];
    const ask: Partial<Record<string, Acts>> = {
      drained: { receive: (transport) => void transport.write(MEBIBYTE) },
      flush: { receive: (transport) => transport.gather() },
    };
    const fail = (): void => { throw new Error('why'); };

    test.each(entries)('what %s throws becomes one failed, and life goes on', async (name) => {
      const { wire, lines, journal } = await record({ ...ask[name], [name]: fail });
      provoke[name](wire);
      await wire.settle();
      expect(journal.of('failed')).toEqual(['failed why']);
      const at = lines.findIndex((line) => line.startsWith(name));
      expect(lines.indexOf('failed why')).toBe(at + 1);
      wire.transport.defer();
      await wire.settle();
      expect(journal.of('proceed').length).toBeGreaterThan(0);
    });

    test.each(entries)('what failed throws after %s destroys the connection', async (name) => {
      const again = (): void => { throw new Error('again'); };
      const { wire, lines } = await record({
        ...ask[name], [name]: fail, failed: again,
      });
      provoke[name](wire);
      await wire.settle();
      expect(lines.slice(-2)).toEqual(['failed why', 'closed again']);
    });

    const things = [undefined, null, 'text', 7];

    test.each(things)('what is thrown arrives as an Error: %o', async (thrown) => {
      const { wire, journal } = await record({ receive: () => { throw thrown; } });
      wire.send('abc');
      await wire.settle();
      expect(journal.of('failed')).toEqual([`failed ${String(thrown)}`]);
    });

    test('what an entry wrote before it threw leaves', async () => {
      const { wire } = await record({
        receive: (transport) => {
          transport.write('half ');
          throw new Error('why');
        },
        failed: (transport) => void transport.write('sorry'),
      });
      wire.send('abc');
      await wire.settle();
      expect(wire.received()).toBe('half sorry');
    });
  });

  describe('law 4: one write at the end of the entry', () => {
    const inside: readonly [string, Acts, (wire: LawWire) => void][] = [
      ['receive', {}, (wire) => wire.send('go')],
      ['proceed', {}, (wire) => wire.transport.defer()],
      ['tick', {}, (wire) => wire.tick(250)],
      ['shutdown', {}, (wire) => wire.shutdown()],
      ['eof', {}, (wire) => wire.sendEof()],
    ];

    test.each(inside)('what %s writes leaves at its end, not before', async (name, _, provoke) => {
      let before = -1;
      const { wire } = await record({
        [name]: (transport: ConnectionTransport) => {
          transport.write('one ');
          transport.write(new Uint8Array(1000).fill(0x32));
          transport.write(' three');
          before = wire.left();
        },
      });
      provoke(wire);
      await wire.settle();
      expect(before).toBe(0);
      expect(wire.received()).toBe(`one ${'2'.repeat(1000)} three`);
    });

    test('what the factory writes leaves', async () => {
      const { wire } = await record({ made: (transport) => void transport.write('hello') });
      expect(wire.received()).toBe('hello');
    });

    test('what is written outside an entry has left when the microtasks are done', async () => {
      const { wire } = await record();
      wire.transport.write('a');
      await Promise.resolve();
      wire.transport.write('b');
      await wire.settle();
      expect(wire.received()).toBe('ab');
    });

    test('gather asks for one flush, whose octets leave with those of its turn', async () => {
      let before = -1;
      const { wire, journal } = await record({
        receive: (transport) => {
          transport.gather();
          transport.write('receive, ');
          transport.gather();
        },
        flush: (transport) => {
          before = wire.left();
          transport.write('flush');
        },
      });
      wire.send('go');
      await wire.settle();
      expect(journal.lines).toEqual(['receive go', 'flush']);
      expect(before).toBe(0);
      expect(wire.received()).toBe('receive, flush');
    });

    test('gather outside an entry asks for one flush too', async () => {
      const { wire, journal } = await record({
        flush: (transport) => void transport.write(' flush'),
      });
      wire.transport.write('outside');
      wire.transport.gather();
      wire.transport.gather();
      await wire.settle();
      expect(journal.lines).toEqual(['flush']);
      expect(wire.received()).toBe('outside flush');
    });

    test('gather in the factory asks for a flush', async () => {
      const { lines } = await record({ made: (transport) => transport.gather() });
      expect(lines).toEqual(['flush']);
    });
  });

  describe('law 5: drained, once, later', () => {
    const HALF = new Uint8Array(500);

    test('write says true up to writeQueueBytes, and false above', async () => {
      const said: boolean[] = [];
      const { wire } = await record({
        receive: (transport) => {
          said.push(transport.write(HALF), transport.write(HALF), transport.write('x'));
        },
      }, { writeQueueBytes: 1000 });
      wire.send('go');
      await wire.settle();
      expect(said).toEqual([true, true, false]);
    });

    test('no drained where write said true', async () => {
      const { wire, lines } = await record({
        receive: (transport) => void transport.write(HALF),
      }, { writeQueueBytes: 500 });
      wire.send('go');
      await wire.settle();
      expect(lines).toEqual(['receive go']);
    });

    test('drained comes once, in a later turn, where all was taken at once', async () => {
      const { wire, journal } = await record({
        receive: (transport) => {
          transport.write(HALF);
          transport.write(HALF);
          transport.write(HALF);
          void Promise.resolve().then(() => journal.note('microtask'));
        },
      }, { writeQueueBytes: 100 });
      wire.send('go');
      await wire.settle();
      expect(journal.lines).toEqual(['receive go', 'microtask', 'drained']);
    });

    test('drained comes once after a false outside an entry', async () => {
      const { wire, lines } = await record({}, { writeQueueBytes: 100 });
      expect(wire.transport.write(HALF)).toBe(false);
      expect(wire.transport.write(HALF)).toBe(false);
      await wire.settle();
      expect(lines).toEqual(['drained']);
    });

    test('a protocol that writes on in drained is called each time', async () => {
      let left = 5;
      const more = (transport: ConnectionTransport): void => {
        if (left-- > 0) transport.write(HALF);
      };
      const { wire, journal } = await record(
        { receive: more, drained: more }, { writeQueueBytes: 100 },
      );
      wire.send('go');
      await wire.settle();
      expect(journal.lines).toEqual(['receive go', ...Array<string>(5).fill('drained')]);
      expect(wire.receivedBytes()).toBe(2500);
    });

    test('a peer that does not read keeps drained away until it does', async () => {
      const { wire, lines } = await record({
        receive: (transport) => {
          for (let piece = 0; piece < FLOOD; piece++) transport.write(MEBIBYTE);
        },
      });
      wire.stopReading();
      wire.send('go');
      await wire.settle();
      expect(lines).toEqual(['receive go']);
      expect(wire.transport.queuedBytes).toBeGreaterThan(0);
      expect(wire.held()).toBe(wire.transport.queuedBytes);
      wire.readAgain();
      while (wire.receivedBytes() < FLOOD * MEBIBYTE.length) await wire.settle();
      await wire.settle();
      expect(lines).toEqual(['receive go', 'drained']);
      expect(wire.transport.queuedBytes).toBe(0);
      expect(wire.held()).toBe(0);
    });
  });

  describe('defer', () => {
    test('twice in an entry is one proceed, in a later turn', async () => {
      const { wire, journal } = await record({
        receive: (transport) => {
          transport.defer();
          transport.defer();
          void Promise.resolve().then(() => journal.note('microtask'));
        },
      });
      wire.send('go');
      await wire.settle();
      expect(journal.lines).toEqual(['receive go', 'microtask', 'proceed']);
    });

    test('in proceed asks for another', async () => {
      let left = 3;
      const { lines } = await record({
        made: (transport) => transport.defer(),
        proceed: (transport) => { if (--left > 0) transport.defer(); },
      });
      expect(lines).toEqual(['proceed', 'proceed', 'proceed']);
    });
  });

  describe('charge', () => {
    test('says true up to ledgerBytes and false above, and gives back', async () => {
      const { wire } = await record({}, { ledgerBytes: 100 });
      const said = [100, 1, -1, -50, 50, 1].map((octets) => wire.transport.charge(octets));
      expect(said).toEqual([true, false, true, true, true, false]);
      expect(wire.held()).toBe(101);
    });

    test('what is still charged at the close is given back', async () => {
      const { wire, lines } = await record();
      wire.transport.charge(1000);
      wire.disconnect();
      await wire.settle();
      expect(lines).toEqual([expect.stringMatching(/^closed/)]);
      expect(wire.held()).toBe(0);
    });

    test('what is given back in closed is not given back twice', async () => {
      const { wire } = await record({ closed: (transport) => void transport.charge(-1000) });
      wire.transport.charge(1000);
      wire.disconnect();
      await wire.settle();
      expect(wire.held()).toBe(0);
    });
  });

  describe('keep', () => {
    test.each([[0, 3], [2, 5], [0, 5], [4, 4]])('octets %i to %i stay true', async (from, to) => {
      const kept: Uint8Array[] = [];
      const { wire } = await record({ receive: () => {} });
      wire.transport.become((transport) => ({
        ...silent, receive: (bytes) => void kept.push(transport.keep(bytes, from, to)),
      }), new Uint8Array(0));
      await wire.settle();
      wire.send('abcde');
      await wire.settle();
      wire.send('vwxyz');
      await wire.settle();
      expect(kept.map((bytes) => String.fromCharCode(...bytes)))
        .toEqual(['abcde'.slice(from, to), 'vwxyz'.slice(from, to)]);
    });
  });

  describe('pause and resume', () => {
    test('nothing is received while paused, and nothing is lost', async () => {
      const { wire, lines } = await record();
      wire.transport.pause();
      await wire.settle();
      wire.send('abc');
      await wire.settle();
      wire.send('def');
      wire.sendEof();
      await wire.settle();
      expect(lines).toEqual([]);
      wire.transport.resume();
      await wire.settle();
      expect(lines).toEqual(['receive abcdef', 'eof']);
    });

    test('a pause in receive holds what comes later, until the resume', async () => {
      const { wire, lines } = await record({ receive: (transport) => transport.pause() });
      wire.send('abc');
      await wire.settle();
      wire.send('def');
      await wire.settle();
      expect(lines).toEqual(['receive abc']);
      wire.transport.resume();
      await wire.settle();
      expect(lines).toEqual(['receive abcdef']);
    });

    test('a pause that is taken back in the same entry is none', async () => {
      const { wire, lines } = await record({
        receive: (transport) => {
          transport.pause();
          transport.resume();
        },
      });
      wire.send('abc');
      await wire.settle();
      wire.send('def');
      await wire.settle();
      expect(lines).toEqual(['receive abcdef']);
    });

    test('the other entries come through a pause', async () => {
      const { wire, lines } = await record({ made: (transport) => transport.pause() });
      wire.send('abc');
      wire.transport.defer();
      await wire.settle();
      wire.tick(250);
      wire.shutdown();
      await wire.settle();
      expect(lines).toEqual(['proceed', 'tick', 'shutdown']);
    });
  });
}

const silent = {
  idle: true,
  receive: () => {}, proceed: () => {}, drained: () => {}, eof: () => {}, flush: () => {},
  tick: () => {}, shutdown: () => {}, failed: () => {}, closed: () => {},
};
