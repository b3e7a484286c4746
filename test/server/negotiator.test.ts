/** The negotiator: octets choose the protocol, and reach it whole (RFC 9113 §3.3). */
import { describe, expect, test } from 'vitest';
import { limitsFrom } from '../../src/limits.ts';
import { negotiator, type Candidate } from '../../src/server/negotiator.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { Journal, recorder } from '../support/recorder.ts';
import { wired } from '../support/sockets.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const OTHER = 'PRIVATE:';
const limits = limitsFrom({ firstOctetMs: 1000, headMs: 2000, drainIdleMs: 500 });

function factory(journal: Journal) {
  const candidate = (preface: string, name: string): Candidate => ({
    preface: new TextEncoder().encode(preface), factory: recorder(journal, {}, name),
  });
  const candidates = [candidate(PREFACE, 'h2'), candidate(OTHER, 'private')];
  return negotiator(candidates, recorder(journal, {}, 'h1'), limits);
}

function negotiating() {
  const journal = new Journal();
  const transport = new MemoryTransport(factory(journal), { limits });
  return { transport, lines: journal.lines };
}

const parted = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at)];

describe('the choice', () => {
  const prefaces: readonly [string, string][] = [[PREFACE, 'h2'], [OTHER, 'private']];

  test.each(prefaces)('%j is that of %s, at each split', (preface, name) => {
    const text = `${preface}and more`;
    for (let at = 1; at < text.length; at++) {
      const { transport, lines } = negotiating();
      for (const part of parted(text, at)) transport.send(part);
      expect(lines).toEqual([`${name}.receive ${text}`]);
    }
  });

  test('octet by octet too', () => {
    const { transport, lines } = negotiating();
    for (const octet of `${PREFACE}x`) transport.send(octet);
    expect(lines).toEqual([`h2.receive ${PREFACE}x`]);
  });

  test('the first octet that differs, wherever, sends all to the other', () => {
    for (let at = 0; at < PREFACE.length; at++) {
      const text = `${PREFACE.slice(0, at)}#`;
      for (let split = 0; split <= text.length; split++) {
        const { transport, lines } = negotiating();
        for (const part of parted(text, split)) if (part !== '') transport.send(part);
        expect(lines).toEqual([`h1.receive ${text}`]);
      }
    }
  });

  test('nothing is chosen, and nothing said, before an octet decides', () => {
    const { transport, lines } = negotiating();
    transport.send(PREFACE.slice(0, -1));
    expect([lines, transport.take(), transport.ended]).toEqual([[], '', false]);
  });

  test('with no candidates there is no negotiator at all', () => {
    const otherwise = recorder(new Journal());
    expect(negotiator([], otherwise, limits)).toBe(otherwise);
  });

  test('on a real socket, at each split of the preface', async () => {
    for (let at = 1; at < PREFACE.length; at++) {
      const journal = new Journal();
      const wire = await wired(factory(journal));
      const [first, second] = parted(PREFACE, at);
      wire.client.send(first);
      await wire.settle();
      expect(journal.lines).toEqual([]);
      wire.client.send(second);
      await wire.settle();
      expect(journal.lines).toEqual([`h2.receive ${PREFACE}`]);
      wire.client.socket.destroy();
    }
  });
});

describe('the end of input', () => {
  test('before the first octet ends the connection', () => {
    const { transport, lines } = negotiating();
    transport.sendEof();
    expect([transport.ended, lines]).toEqual([true, []]);
  });

  test('within a preface: the other protocol gets what came, and the end', () => {
    for (let at = 1; at < PREFACE.length; at++) {
      const { transport, lines } = negotiating();
      transport.send(PREFACE.slice(0, at));
      transport.sendEof();
      expect(lines).toEqual([`h1.receive ${PREFACE.slice(0, at)}`, 'h1.eof']);
    }
  });
});

describe('time', () => {
  test('no octet within firstOctetMs ends the connection', () => {
    const { transport } = negotiating();
    transport.tick(999);
    expect(transport.ended).toBe(false);
    transport.tick(1);
    expect(transport.ended).toBe(true);
  });

  test('a preface takes headMs at most, whatever the progress', () => {
    const { transport } = negotiating();
    transport.send('P');
    transport.tick(1000);
    transport.send('R');
    transport.tick(999);
    transport.send('I');
    expect(transport.ended).toBe(false);
    transport.tick(1);
    expect(transport.ended).toBe(true);
  });
});

describe('the close of the server', () => {
  test('ends a silent connection after drainIdleMs', () => {
    const { transport } = negotiating();
    transport.shutdown();
    transport.tick(499);
    expect(transport.ended).toBe(false);
    transport.tick(1);
    expect(transport.ended).toBe(true);
  });

  test('is told to the protocol that is chosen after it', () => {
    const { transport, lines } = negotiating();
    transport.shutdown();
    transport.send('GET');
    expect(lines).toEqual(['h1.shutdown', 'h1.receive GET']);
  });

  test('lets a preface that is begun have its time', () => {
    const { transport, lines } = negotiating();
    transport.send(PREFACE.slice(0, 5));
    transport.shutdown();
    transport.tick(500);
    expect(transport.ended).toBe(false);
    transport.send(PREFACE.slice(5));
    expect(lines).toEqual(['h2.shutdown', `h2.receive ${PREFACE}`]);
  });
});

test('idle until its first octet: a preface that is begun is not dropped to make room', () => {
  const { transport } = negotiating();
  expect(transport.idle).toBe(true);
  transport.send('P');
  expect(transport.idle).toBe(false);
});
