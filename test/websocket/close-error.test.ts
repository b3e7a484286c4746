/** An offence ends the connection, with a close code and its section. */
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import { CloseError, notUtf8, protocolError, tooBig } from '../../src/websocket/close-error.ts';

describe('§7.1.7 fail the WebSocket connection', () => {
  test.each([
    [new CloseError(1011, 'why'), 1011, 'why'],
    [protocolError('a frame is not masked', '5.1'), 1002, 'a frame is not masked (RFC 6455 §5.1)'],
    [tooBig('a message', 'webSocketMessageBytes', 9), 1009,
      'a message is over webSocketMessageBytes, 9 octets (RFC 6455 §10.4)'],
    [notUtf8('a text message'), 1007, 'a text message is not UTF-8 (RFC 6455 §8.1)'],
  ])('%s', (error, code, message) => {
    expect(error).toBeInstanceOf(ConnectionError);
    expect([error.name, error.code, error.message]).toEqual(['CloseError', code, message]);
    // Fits the reason of a Close frame (§5.5.1).
    expect(Buffer.byteLength(error.message)).toBeLessThanOrEqual(123);
  });
});
