/** Messages in pieces: handed on as they come, checked, and no code point cut. */
import { describe, expect, test } from 'vitest';
import { BINARY, TEXT } from '../../src/websocket/frame.ts';
import { UNKNOWN } from '../../src/websocket/message-assembler.ts';
import { MessageStream } from '../../src/websocket/message-stream.ts';
import { Random } from '../support/random.ts';
import {
  binary, continuation, join, octetsOf, ping, received, text,
} from '../support/websocket.ts';

function pieces(): { stream: MessageStream; calls: unknown[][] } {
  const calls: unknown[][] = [];
  const stream = new MessageStream({
    beginPieces: (...header) => void calls.push(['begin', ...header]),
    textPiece: (piece) => void calls.push(['text', piece]),
    binaryPiece: (bytes, start, end) => {
      calls.push(['binary', Buffer.from(bytes.subarray(start, end)).toString('latin1')]);
    },
    endPieces: () => void calls.push(['end']),
  });
  return { stream, calls };
}

describe('pieces', () => {
  test('text, as it comes', () => {
    const { stream, calls } = pieces();
    stream.beginMessage(TEXT, 0, UNKNOWN);
    // a, then U+1F600 octet by octet, b and half of é, the other half and c
    for (const hex of ['61', 'f0', '9f', '98', '8062c3', 'a963', '']) {
      const octets = Buffer.from(`ff${hex}ff`, 'hex');
      stream.messageData(octets, 1, octets.length - 1);
    }
    stream.endMessage();
    expect(calls).toEqual([
      ['begin', TEXT, UNKNOWN], ['text', 'a'], ['text', '\u{1f600}b'], ['text', 'éc'], ['end'],
    ]);
  });

  test('octets, as they come', () => {
    const { stream, calls } = pieces();
    stream.beginMessage(BINARY, 0, 3);
    stream.messageData(Buffer.from('xaby'), 1, 3);
    stream.messageData(Buffer.from('c'), 0, 1);
    stream.endMessage();
    expect(calls).toEqual([['begin', BINARY, 3], ['binary', 'ab'], ['binary', 'c'], ['end']]);
  });

  test('of fragments, at every split', () => {
    const octets = octetsOf('a€\u{1f600}é');
    const frames = [...octets].map((octet, i) => (
      continuation(Uint8Array.of(octet), i === octets.length - 1)
    ));
    const vector = join(
      text('', false), ...frames, binary('ab', false), ping('p'), continuation('cd'), text('z'),
    );
    expect(received(vector, 'pieces').events).toEqual([
      ['text', 'a€\u{1f600}é'], ['ping', 'p'], ['binary', octetsOf('abcd')], ['text', 'z'],
    ]);
  });

  test('random text at random cuts', () => {
    const random = new Random(8);
    for (let round = 0; round < 300; round++) {
      const points = Array.from({ length: random.int(400) }, () => (
        random.pick(['a', 'é', '€', '\u{1f600}', '\ufffd', '\ufeff'])
      ));
      const octets = octetsOf(points.join(''));
      const { stream, calls } = pieces();
      stream.beginMessage(TEXT, 0, octets.length);
      for (let at = 0; at < octets.length;) {
        const end = Math.min(octets.length, at + random.between(1, random.chance(0.5) ? 3 : 90));
        stream.messageData(octets, at, end);
        at = end;
      }
      stream.endMessage();
      const texts = calls.filter(([kind]) => kind === 'text').map(([, piece]) => piece as string);
      expect(texts.join('') === points.join('')).toBe(true);
      expect(texts.every((piece) => Buffer.from(piece).toString() === piece)).toBe(true);
    }
  });

  test('a message that was left off within a code point leaves nothing behind', () => {
    const { stream, calls } = pieces();
    stream.beginMessage(TEXT, 0, UNKNOWN);
    stream.messageData(Uint8Array.of(0xe2), 0, 1);
    stream.beginMessage(TEXT, 0, 1);
    stream.messageData(Buffer.from('a'), 0, 1);
    stream.endMessage();
    expect(calls.slice(-2)).toEqual([['text', 'a'], ['end']]);
  });
});
