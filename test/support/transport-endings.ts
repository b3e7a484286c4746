/**
 * The laws of src/protocol.ts that end something: a protocol (`become`, law 3) or the connection
 * (`end`, `destroy`, `closed`). The other half of transport-laws.ts.
 */
import { describe, expect, test } from 'vitest';
import type { Limits } from '../../src/limits.ts';
import type { ConnectionTransport } from '../../src/protocol.ts';
import { Journal, recorder, type Act, type Acts } from './recorder.ts';
import type { Connect, LawWire } from './transport-laws.ts';

const MEBIBYTE = new Uint8Array(1024 * 1024).fill(0x2e);
const FLOOD = 16;
const NOTHING = new Uint8Array(0);

export function transportEndings(connect: Connect): void {
  /** Connects a recorder, and lets all settle. */
  async function record(acts: Acts = {}, limits?: Partial<Limits>) {
    const journal = new Journal();
    const wire = await connect(recorder(journal, acts), limits);
    await wire.settle();
    return { journal, wire, lines: journal.lines };
  }

  /** Connects `old`, which can become `next`. */
  async function switching(
    old: (become: Act) => Acts, next: Acts = {}, limits?: Partial<Limits>, rest = 'rest',
  ) {
    const journal = new Journal();
    const become: Act = (transport) => {
      transport.become(recorder(journal, next, 'next'), new TextEncoder().encode(rest));
    };
    const wire = await connect(recorder(journal, old(become), 'old'), limits);
    await wire.settle();
    return { journal, wire, lines: journal.lines };
  }

  describe('law 3: become acts at the end of the entry', () => {
    test('the old protocol hears nothing more, and the rest comes once, first', async () => {
      const { wire, journal } = await switching((become) => ({
        receive: (transport, text) => {
          become(transport, text);
          journal.note('still old');
        },
      }));
      wire.send('switch');
      await wire.settle();
      wire.send(' more');
      await wire.settle();
      wire.tick(250);
      expect(journal.lines)
        .toEqual(['old.receive switch', 'still old', 'next.receive rest more', 'next.tick']);
      expect(journal.faults).toEqual([]);
    });

    test('outside an entry it acts by itself', async () => {
      const { wire, lines } = await switching((become) => ({
        receive: (transport, text) => void Promise.resolve().then(() => become(transport, text)),
      }));
      wire.send('switch');
      await wire.settle();
      expect(lines).toEqual(['old.receive switch', 'next.receive rest']);
    });

    test('no octets, no receive', async () => {
      const { wire, lines } = await switching((become) => ({ receive: become }), {}, {}, '');
      wire.send('switch');
      await wire.settle();
      expect(lines).toEqual(['old.receive switch']);
      wire.send('abc');
      await wire.settle();
      expect(lines).toEqual(['old.receive switch', 'next.receive abc']);
    });

    test('the words of both leave in their order, at the end of the entry', async () => {
      const left: number[] = [];
      const { wire } = await switching(
        (become) => ({
          receive: (transport, text) => {
            become(transport, text);
            transport.write('last, ');
          },
        }),
        {
          made: (transport) => {
            left.push(wire.left());
            transport.write('first, ');
          },
          receive: (transport) => {
            left.push(wire.left());
            transport.write('second');
          },
        },
      );
      wire.send('switch');
      await wire.settle();
      expect(left).toEqual([0, 0]);
      expect(wire.received()).toBe('last, first, second');
    });

    test('a third can follow at once', async () => {
      const journal = new Journal();
      const third = recorder(journal, {}, 'third');
      const second = recorder(journal, {
        receive: (transport) => transport.become(third, new TextEncoder().encode('3')),
      }, 'second');
      const first = recorder(journal, {
        receive: (transport) => transport.become(second, new TextEncoder().encode('2')),
      }, 'first');
      const wire = await connect(first);
      wire.send('1');
      await wire.settle();
      expect(journal.lines).toEqual(['first.receive 1', 'second.receive 2', 'third.receive 3']);
      expect(journal.faults).toEqual([]);
    });

    test('charges are given back', async () => {
      const { wire } = await switching(
        (become) => ({
          receive: (transport, text) => {
            transport.charge(80);
            become(transport, text);
          },
        }),
        { receive: (transport) => void transport.charge(30) },
        { ledgerBytes: 100 },
      );
      wire.send('switch');
      await wire.settle();
      expect(wire.held()).toBe(30);
    });

    test('a pause ends', async () => {
      const { wire, lines } = await switching((become) => ({
        receive: (transport, text) => {
          transport.pause();
          become(transport, text);
        },
      }));
      wire.send('switch');
      await wire.settle();
      wire.send(' more');
      await wire.settle();
      expect(lines).toEqual(['old.receive switch', 'next.receive rest more']);
    });

    test('a pause of the next in its first entry stands', async () => {
      const { wire, lines } = await switching(
        (become) => ({ receive: become }), { receive: (transport) => transport.pause() },
      );
      wire.send('switch');
      await wire.settle();
      wire.send(' more');
      await wire.settle();
      expect(lines).toEqual(['old.receive switch', 'next.receive rest']);
    });

    const seen: readonly [string, (wire: LawWire) => void][] = [
      ['eof', (wire) => wire.sendEof()],
      ['shutdown', (wire) => wire.shutdown()],
    ];

    /** A server that closes says so before the rest is answered, an end comes behind it. */
    const told = (name: string, ...rest: string[]): string[] => (
      name === 'shutdown' ? ['next.shutdown', ...rest] : [...rest, `next.${name}`]
    );

    test.each(seen)('a switch within %s: the next is told of it too', async (name, see) => {
      const { wire, lines } = await switching((become) => ({ [name]: become }));
      see(wire);
      await wire.settle();
      expect(lines).toEqual([`old.${name}`, ...told(name, 'next.receive rest')]);
    });

    test.each(seen)('%s, seen before the switch, is told to the next', async (name, see) => {
      const { wire, lines } = await switching((become) => ({ proceed: become }));
      see(wire);
      await wire.settle();
      wire.transport.defer();
      await wire.settle();
      expect(lines).toEqual([`old.${name}`, 'old.proceed', ...told(name, 'next.receive rest')]);
    });

    test.each(seen)('%s is told to a next that failed at the rest', async (name, see) => {
      const { wire, lines } = await switching(
        (become) => ({ [name]: become }), { receive: () => { throw new Error('why'); } },
      );
      see(wire);
      await wire.settle();
      const rest = told(name, 'next.receive rest', 'next.failed why');
      expect(lines).toEqual([`old.${name}`, ...rest]);
    });

    test.each(seen.slice(0, 1))('%s is not told to a next that ended', async (name, see) => {
      const { wire, lines } = await switching(
        (become) => ({ [name]: become }), { receive: (transport) => transport.end() },
      );
      see(wire);
      await wire.settle();
      expect(lines.slice(0, 2)).toEqual([`old.${name}`, 'next.receive rest']);
      expect(lines).not.toContain(`next.${name}`);
    });

    test('what the next throws at the rest goes to its own failed, once', async () => {
      const { wire, lines } = await switching(
        (become) => ({ receive: become }),
        { receive: (_, text) => { if (text === 'rest') throw new Error('why'); } },
      );
      wire.send('switch');
      await wire.settle();
      wire.send('more');
      await wire.settle();
      expect(lines).toEqual([
        'old.receive switch', 'next.receive rest', 'next.failed why', 'next.receive more',
      ]);
    });

    test('what the next factory throws destroys the connection', async () => {
      const { wire } = await record({
        receive: (transport) => {
          transport.become(() => { throw new Error('no protocol'); }, NOTHING);
        },
      });
      wire.send('switch');
      await wire.settle();
      expect(wire.sawEnd()).toBe(true);
    });

    const first = ['made', 'receive'] as const;

    test.each(first)('gather in the %s of the next is heeded', async (name) => {
      const { wire, lines } = await switching(
        (become) => ({ receive: become }), { [name]: (t: ConnectionTransport) => t.gather() },
      );
      wire.send('switch');
      await wire.settle();
      expect(lines).toEqual(['old.receive switch', 'next.receive rest', 'next.flush']);
    });

    const asked: readonly [string, Act][] = [
      ['proceed', (transport) => transport.defer()],
      ['flush', (transport) => transport.gather()],
      ['drained', (transport) => void transport.write(MEBIBYTE)],
    ];

    test.each(asked)('the next has no %s that the old one asked for', async (name, ask) => {
      const { wire, lines } = await switching((become) => ({
        receive: (transport, text) => {
          ask(transport, text);
          become(transport, text);
        },
      }));
      wire.send('switch');
      await wire.settle();
      expect(lines).not.toContain(`next.${name}`);
      expect(lines.at(-1)).toBe('next.receive rest');
    });
  });

  describe('end', () => {
    test('FIN comes after what is queued; then nothing is received', async () => {
      const { wire, lines } = await record({
        receive: (transport) => {
          transport.write('bye');
          transport.end();
          expect(transport.write('too late')).toBe(true);
          transport.defer();
          transport.gather();
        },
      });
      wire.send('go');
      await wire.settle();
      expect(wire.sawEnd()).toBe(true);
      expect(wire.received()).toBe('bye');
      wire.send('anybody there?');
      wire.tick(250);
      wire.shutdown();
      await wire.settle();
      expect(lines.filter((line) => line !== 'flush')).toEqual(['receive go']);
      wire.sendEof();
      await wire.settle();
      expect(lines.at(-1)).toBe('closed');
    });

    test('outside an entry, and twice', async () => {
      const { wire, lines } = await record();
      wire.transport.write('bye');
      wire.transport.end();
      wire.transport.end();
      await wire.settle();
      expect([wire.received(), wire.sawEnd()]).toEqual(['bye', true]);
      wire.sendEof();
      await wire.settle();
      expect(lines).toEqual(['closed']);
    });

    test('in the factory', async () => {
      const { wire, lines } = await record({
        made: (transport) => {
          transport.write('go away');
          transport.end();
        },
      });
      expect([wire.received(), wire.sawEnd()]).toEqual(['go away', true]);
      wire.sendEof();
      await wire.settle();
      expect(lines).toEqual(['closed']);
    });

    test('after the end of input the connection closes by itself', async () => {
      const { wire, lines } = await record({
        eof: (transport) => {
          transport.write('bye');
          transport.end();
        },
      });
      wire.sendEof();
      await wire.settle();
      expect([wire.received(), wire.sawEnd()]).toEqual(['bye', true]);
      expect(lines).toEqual(['eof', 'closed']);
    });

    test('the end of input does not end what is written', async () => {
      const { wire, lines } = await record();
      wire.sendEof();
      await wire.settle();
      wire.transport.write('still here');
      await wire.settle();
      expect([wire.received(), wire.sawEnd()]).toEqual(['still here', false]);
      expect(lines).toEqual(['eof']);
    });

    const late: readonly [string, (wire: LawWire) => void][] = [
      ['reads late', () => {}],
      ['says that it sends no more, and reads late', (wire) => wire.sendEof()],
    ];

    test.each(late)('all that is queued reaches a peer that %s', async (_, meanwhile) => {
      const { wire, lines } = await record({
        receive: (transport) => {
          for (let piece = 0; piece < FLOOD; piece++) transport.write(MEBIBYTE);
          transport.end();
        },
      });
      wire.stopReading();
      wire.send('go');
      await wire.settle();
      meanwhile(wire);
      await wire.settle();
      expect(wire.sawEnd()).toBe(false);
      wire.readAgain();
      while (!wire.sawEnd()) await wire.settle();
      expect(wire.receivedBytes()).toBe(FLOOD * MEBIBYTE.length);
      wire.sendEof();
      await wire.settle();
      expect(lines).toEqual(['receive go', 'closed']);
    });
  });

  test('end ends a pause: the end of the peer is heard', async () => {
    const { wire, lines } = await record({
      receive: (transport) => {
        transport.pause();
        for (let piece = 0; piece < FLOOD; piece++) transport.write(MEBIBYTE);
        transport.end();
      },
    });
    wire.stopReading();
    wire.send('go');
    await wire.settle();
    wire.readAgain();
    while (!wire.sawEnd()) await wire.settle();
    wire.send('more');
    wire.sendEof();
    await wire.settle();
    expect(lines).toEqual(['receive go', 'closed']);
  });

  describe('destroy, and closed', () => {
    const why = new Error('why');

    const causes: readonly [string, Error | undefined][] = [['', undefined], [' why', why]];

    test.each(causes)('closed%s comes last, in a later turn', async (said, cause) => {
      const { wire, journal } = await record({
        receive: (transport) => {
          transport.write('lost');
          transport.destroy(cause);
          transport.write('lost too');
          transport.defer();
          void Promise.resolve().then(() => journal.note('microtask'));
        },
      });
      wire.send('go');
      await wire.settle();
      expect(journal.lines).toEqual(['receive go', 'microtask', `closed${said}`]);
      expect(wire.sawEnd()).toBe(true);
      expect(wire.received()).not.toContain('lost too');
      expect(wire.held()).toBe(0);
    });

    test('the first cause counts', async () => {
      const { wire, lines } = await record();
      wire.transport.destroy(why);
      wire.transport.destroy(new Error('another'));
      await wire.settle();
      expect(lines).toEqual(['closed why']);
    });

    test('in the factory', async () => {
      const { lines } = await record({ made: (transport) => transport.destroy(why) });
      expect(lines).toEqual(['closed why']);
    });

    test('what a peer left unread is lost, and no longer accounted for', async () => {
      const { wire, lines } = await record({
        receive: (transport) => {
          for (let piece = 0; piece < FLOOD; piece++) transport.write(MEBIBYTE);
        },
      });
      wire.stopReading();
      wire.send('go');
      await wire.settle();
      expect(wire.held()).toBeGreaterThan(0);
      wire.transport.destroy(why);
      await wire.settle();
      expect(lines).toEqual(['receive go', 'closed why']);
      expect(wire.held()).toBe(0);
    });

    test('a peer that vanishes: closed, once, and nothing after', async () => {
      const { wire, journal } = await record();
      wire.disconnect();
      await wire.settle();
      expect(journal.lines).toEqual([expect.stringMatching(/^closed/)]);
    });

    test('every method does nothing on a connection that is gone', async () => {
      const { wire, journal, lines } = await record();
      wire.disconnect();
      await wire.settle();
      const { transport } = wire;
      const before = lines.length;
      expect(transport.write('abc')).toBe(true);
      expect(transport.write(MEBIBYTE)).toBe(true);
      expect(transport.charge(1)).toBe(true);
      transport.pause();
      transport.resume();
      transport.defer();
      transport.gather();
      transport.end();
      transport.destroy(why);
      transport.become(recorder(journal, {}, 'next'), MEBIBYTE);
      wire.tick(250);
      wire.shutdown();
      await wire.settle();
      expect(lines.slice(before)).toEqual([]);
      expect(wire.held()).toBe(0);
    });
  });
}
