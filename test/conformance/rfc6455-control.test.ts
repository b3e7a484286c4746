/** RFC 6455 §5.5.2 and §5.5.3: Ping and Pong, the same over each wire. */
import { describe, expect, test } from 'vitest';
import { close, frame, join, ping, pong, text } from '../support/websocket.ts';
import { WIRES, openWire, shown, wireVerdict, type Wire } from '../support/websocket-session.ts';

/** The payload of the last ping that came out. */
function asked({ all }: Wire): Buffer {
  const one = all.filter(({ opcode }) => opcode === 9).at(-1);
  if (one === undefined) throw new Error('no ping came out');
  return one.payload;
}

/** What became of a promise. */
function settling(promise: Promise<unknown>): { state: string } {
  const seen = { state: 'pending' };
  promise.then(() => { seen.state = 'resolved'; }, () => { seen.state = 'rejected'; });
  return seen;
}

describe.each(WIRES)('§5.5.2 Ping, %s', (name) => {
  test('is answered with its payload, however it comes', async () => {
    expect(await wireVerdict(name, join(ping('hello'), ping())))
      .toMatchObject({ came: ['pong hello', 'pong'], refused: [] });
  });

  test('125 octets, any of them', async () => {
    const payload = Uint8Array.from({ length: 125 }, (_, index) => 255 - index);
    const wire = await openWire(name);
    await wire.send(ping(payload));
    expect(wire.all.map((one) => [one.opcode, [...one.payload]])).toEqual([[10, [...payload]]]);
  });

  test('126 octets close with 1002 (RFC 6455 §5.5)', async () => {
    expect(await wireVerdict(name, ping('x'.repeat(126)))).toMatchObject({ refused: [1002] });
  });

  test('one in two parts closes with 1002 (RFC 6455 §5.5)', async () => {
    expect(await wireVerdict(name, frame(9, 'a', { final: false })))
      .toMatchObject({ refused: [1002] });
  });

  test('ten in a row are answered in order', async () => {
    const wire = await openWire(name);
    const ten = Array.from({ length: 10 }, (_, index) => `${index}`);
    expect(await wire.send(...ten.map((one) => ping(one))))
      .toEqual(ten.map((one) => `pong ${one}`));
  });

  test('answered before the messages behind it are, and after a Close not at all', async () => {
    const wire = await openWire(name, {
      serve: (session) => session.onMessage((message) => session.send(message)),
    });
    expect(await wire.send(text('1'), ping('2'), text('3')))
      .toEqual(['text 1', 'pong 2', 'text 3']);
    expect(await wire.send(close(1000), ping('4'))).toEqual(['close 1000']);
  });

  test('not answered behind our own Close (§5.5.1)', async () => {
    const wire = await openWire(name);
    void wire.session.close();
    expect(await wire.send(ping('late'))).toEqual(['close 1000']);
  });
});

describe.each(WIRES)('§5.5.3 Pong, %s', (name) => {
  test.each(['', 'x', 'abcd', '\0\0\0\u0001', 'x'.repeat(125)])(
    'one that nobody asked for is nothing: %j', async (payload) => {
      expect(await wireVerdict(name, pong(payload)))
        .toEqual({ came: [], messages: [], refused: [], closure: undefined, state: 'open' });
    });

  test('while output stands only the last ping is answered', async () => {
    const limits = { writeQueueBytes: 1000 };
    const wire = await openWire(name, { limits, window: 100 });
    void wire.session.send('x'.repeat(2000));
    expect(await wire.send(ping('1'), ping('2'))).toEqual([]);
    expect(await wire.send(ping('3'))).toEqual([]);
    expect(await wire.release()).toEqual(['text <2000>', 'pong 3']);
    expect(await wire.send(ping('4'))).toEqual(['pong 4']);
  });

  test('ping() is settled by its own pong', async () => {
    const wire = await openWire(name);
    const answer = settling(wire.session.ping());
    expect(await wire.settled()).toHaveLength(1);
    await wire.send(pong('no'));
    await wire.send(pong('four'));
    expect(answer.state).toBe('pending');
    await wire.send(pong(asked(wire)));
    expect(answer.state).toBe('resolved');
  });

  test('by the pong of a later one too, and not by that of an earlier', async () => {
    const wire = await openWire(name);
    const first = settling(wire.session.ping());
    await wire.settled();
    const payload = asked(wire);
    const [second, third] = [settling(wire.session.ping()), settling(wire.session.ping())];
    await wire.settled();
    const last = asked(wire);
    await wire.send(pong(payload));
    expect([first.state, second.state, third.state]).toEqual(['resolved', 'pending', 'pending']);
    await wire.send(pong(last));
    expect([second.state, third.state]).toEqual(['resolved', 'resolved']);
    // Once more is nothing.
    await wire.send(pong(last), pong(payload));
    expect(wire.refused).toEqual([]);
  });

  test.each<[string, (wire: Wire) => Promise<unknown>]>([
    ['the peer closes', (wire) => wire.send(close(1000))],
    ['the peer is gone', (wire) => wire.cut()],
    ['the peer ends', (wire) => wire.end()],
    ['the session is terminated', (wire) => {
      wire.session.terminate();
      return wire.settled();
    }],
  ])('ping() is rejected where %s', async (_, end) => {
    const wire = await openWire(name);
    const answer = settling(wire.session.ping());
    await wire.settled();
    expect(answer.state).toBe('pending');
    await end(wire);
    expect(answer.state).toBe('rejected');
    await expect(wire.session.ping()).rejects.toThrow('closed');
  });

  test('ping() is rejected while the session closes, and sends nothing', async () => {
    const wire = await openWire(name);
    void wire.session.close();
    await expect(wire.session.ping()).rejects.toThrow('closed');
    expect(await wire.settled()).toEqual(['close 1000']);
  });

  test('pings go out in the middle of a message in pieces', async () => {
    const wire = await openWire(name);
    void wire.session.send((async function* pieces() {
      yield 'a';
      void wire.session.ping();
      yield 'b';
    })());
    await wire.settled();
    expect(wire.all.map(({ opcode }) => opcode)).toEqual([1, 9, 0, 0]);
    expect(wire.all.filter(({ opcode }) => opcode !== 9).map(shown))
      .toEqual(['text- a', 'continuation- b', 'continuation']);
  });
});
