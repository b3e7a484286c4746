/** The scopes of an error, and what each carries. */
import { describe, expect, test } from 'vitest';
import {
  ConnectionError, PeerGoneError, ProtocolError, StreamError, knowsOnly,
} from '../src/errors.ts';

describe('protocol errors', () => {
  test.each([
    ['ProtocolError', new ProtocolError(400, 'broken')],
    ['ConnectionError', new ConnectionError(400, 'broken')],
    ['StreamError', new StreamError(5, 400, 'broken')],
  ])('%s carries its name, code and message', (name, error) => {
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code, error.message]).toEqual([name, 400, 'broken']);
  });

  test('a stream error names its stream, and ends no connection (RFC 9113 §5.4.2)', () => {
    const error = new StreamError(7, 1, 'broken');
    expect(error.streamId).toBe(7);
    expect(error).not.toBeInstanceOf(ConnectionError);
  });

  test('a cause is kept', () => {
    const cause = new Error('below');
    expect(new ConnectionError(500, 'failed', { cause }).cause).toBe(cause);
    expect(new StreamError(1, 2, 'failed', { cause }).cause).toBe(cause);
    expect(new PeerGoneError('gone', { cause }).cause).toBe(cause);
  });
});

describe('options that nobody looks at', () => {
  test.each<[unknown, string]>([
    [{ c: 1 }, 'listen knows no c; it knows a, b'],
    [{ a: 1, toString: 1 }, 'listen knows no toString; it knows a, b'],
    ...[null, undefined, 5, 'a', () => {}, ['a']]
      .map((value): [unknown, string] => [value, 'listen takes an object; it knows a, b']),
  ])('%j', (options, message) => {
    expect(() => knowsOnly(options, ['a', 'b'], 'listen')).toThrow(new TypeError(message));
  });

  test.each([{}, { a: 1 }, { b: undefined, a: 1 }])('%j is all known', (options) => {
    expect(() => knowsOnly(options, ['a', 'b'], 'listen')).not.toThrow();
  });
});

test('a peer that has gone has offended against nothing', () => {
  const error = new PeerGoneError('gone');
  expect([error.name, error.message]).toEqual(['PeerGoneError', 'gone']);
  expect(error).not.toBeInstanceOf(ProtocolError);
});
