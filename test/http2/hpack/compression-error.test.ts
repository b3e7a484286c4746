/** The one error of HPACK: the connection's end by its class, a section in its message. */
import { expect, test } from 'vitest';
import { CompressionError } from '../../../src/http2/hpack/compression-error.ts';

test('an Error with a name of its own', () => {
  const error = new CompressionError('index 0 (RFC 7541 §6.1)');
  expect(error).toBeInstanceOf(Error);
  expect([error.name, String(error)])
    .toEqual(['CompressionError', 'CompressionError: index 0 (RFC 7541 §6.1)']);
});
