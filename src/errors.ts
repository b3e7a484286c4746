/**
 * What goes wrong on a wire: one base class, and a subclass for each scope that an error ends; and
 * two helpers for what programs get wrong.
 *
 * Not for a handler's own failures (http/problem.ts). Thrown by framers and parsers, caught by the
 * guard of a connection (server/connection.ts) or of a stream, and put in the peer's terms by the
 * protocol: a status (RFC 9110 §15), an error code (RFC 9113 §7) or a close code (RFC 6455 §7.4).
 */

/** An offence against a protocol. The message is one sentence that ends in the section. */
export class ProtocolError extends Error {
  /** A status code on HTTP/1.1, an error code on HTTP/2, a close code on WebSocket. */
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Ends the connection: nothing that follows on it can be trusted. */
export class ConnectionError extends ProtocolError {}

/** Ends one stream of a connection: the others go on (RFC 9113 §5.4.2). */
export class StreamError extends ProtocolError {
  readonly streamId: number;

  constructor(streamId: number, code: number, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.streamId = streamId;
  }
}

/** The peer has gone, or the connection was closed under an exchange that was not complete. */
export class PeerGoneError extends Error {
  override readonly name = 'PeerGoneError';
}

/**
 * Throws a TypeError where a program's options are no object, or have a name that nobody looks at:
 * a typo in what guards a server must not be a server without a guard.
 */
export function knowsOnly(options: unknown, names: readonly string[], where: string): void {
  const known = names.join(', ');
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${where} takes an object; it knows ${known}`);
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(`${where} knows no ${unknown}; it knows ${known}`);
}

/** What was thrown, as an Error: programs throw text, null, and objects that have no text. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown;
  try {
    return new Error(String(thrown), { cause: thrown });
  } catch {
    return new Error('something that has no text was thrown', { cause: thrown });
  }
}
