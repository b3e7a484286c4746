/**
 * Which protocol a clear-text connection speaks, told by its first octets (DESIGN: prior knowledge,
 * RFC 9113 §3.3). It compares, never consumes: the octets go on whole to the protocol they chose.
 */
import type {
  ConnectionTransport, Protocol, ProtocolFactory,
} from '../protocol.ts';
import { ReceiveBuffer } from '../bytes/receive-buffer.ts';
import { Deadlines } from '../deadlines.ts';
import type { Limits } from '../limits.ts';

/** A protocol known by the octets that begin it. */
export interface Candidate {
  readonly preface: Uint8Array;
  readonly factory: ProtocolFactory<ConnectionTransport>;
}

/** Chooses the candidate whose preface comes, or `otherwise` at the first octet that differs. */
export function negotiator(
  candidates: readonly Candidate[], otherwise: ProtocolFactory<ConnectionTransport>, limits: Limits,
): ProtocolFactory<ConnectionTransport> {
  if (candidates.length === 0) return otherwise;
  return (transport) => new Negotiator(transport, candidates, otherwise, limits);
}

class Negotiator implements Protocol {
  readonly #transport: ConnectionTransport;
  readonly #otherwise: ProtocolFactory<ConnectionTransport>;
  readonly #candidates: readonly Candidate[];
  readonly #seen = new ReceiveBuffer();
  readonly #deadlines = new Deadlines<'first octet' | 'head'>();
  readonly #limits: Limits;

  constructor(
    transport: ConnectionTransport, candidates: readonly Candidate[],
    otherwise: ProtocolFactory<ConnectionTransport>, limits: Limits,
  ) {
    this.#transport = transport;
    this.#candidates = candidates;
    this.#otherwise = otherwise;
    this.#limits = limits;
    this.#deadlines.set('first octet', transport.clock.now() + limits.firstOctetMs);
  }

  get idle(): boolean {
    return this.#seen.length === 0;
  }

  receive(bytes: Uint8Array): void {
    const seen = this.#seen;
    const now = this.#transport.clock.now();
    if (seen.length === 0) this.#deadlines.set('head', now + this.#limits.headMs);
    this.#deadlines.clear('first octet');
    const first = seen.length === 0 ? bytes : undefined;
    if (first === undefined) seen.append(bytes, 0, bytes.length);
    const octets = first ?? seen.bytes.subarray(seen.start, seen.end);
    const alike = this.#candidates.filter(({ preface }) => isAlike(octets, preface));
    const whole = alike.find(({ preface }) => octets.length >= preface.length);
    if (whole !== undefined) this.#transport.become(whole.factory, octets);
    else if (alike.length === 0) this.#transport.become(this.#otherwise, octets);
    else if (first !== undefined) seen.append(bytes, 0, bytes.length);
  }

  eof(): void {
    // What is not a whole preface is a broken request, which the other protocol can answer.
    const seen = this.#seen;
    if (seen.length === 0) this.#transport.end();
    else this.#transport.become(this.#otherwise, seen.bytes.subarray(seen.start, seen.end));
  }

  tick(now: number): void {
    if (this.#deadlines.expired(now) !== undefined) this.#transport.end();
  }

  shutdown(): void {
    if (this.#seen.length > 0) return;
    this.#deadlines.set('first octet', this.#transport.clock.now() + this.#limits.drainIdleMs);
  }

  failed(cause: Error): void {
    this.#transport.destroy(cause);
  }

  proceed(): void {
    // Nothing settles here.
  }

  drained(): void {
    // Nothing is written here.
  }

  flush(): void {
    // Nothing is gathered here.
  }

  closed(): void {
    this.#seen.clear();
  }
}

/** Whether the octets and the preface are the same as far as both go. */
function isAlike(octets: Uint8Array, preface: Uint8Array): boolean {
  const length = Math.min(octets.length, preface.length);
  for (let i = 0; i < length; i++) {
    if (octets[i] !== preface[i]) return false;
  }
  return true;
}
