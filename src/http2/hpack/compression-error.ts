/**
 * What cannot be decoded (RFC 7541 §3.2 and others). Ends the connection, because both sides no
 * longer know the same table: HTTP/2 makes it COMPRESSION_ERROR (RFC 9113 §4.3).
 */
export class CompressionError extends Error {
  override readonly name = 'CompressionError';
}
