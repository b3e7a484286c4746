/**
 * A protocol that writes its entries into a journal, and does in each of them what a test tells it.
 *
 * The journal also finds breaches of law 1 by itself: an entry within an entry, or one that comes
 * before the call of a Transport has returned.
 */
import { Buffer } from 'node:buffer';
import type { ConnectionTransport, Protocol, ProtocolFactory } from '../../src/protocol.ts';

export type EntryName = Exclude<keyof Protocol, 'idle'>;

/** What to do in an entry. `text`: what was received, or the message of an error. */
export type Act = (transport: ConnectionTransport, text: string) => void;

/** `made`: in the factory. */
export type Acts = Partial<Record<EntryName | 'made', Act>>;

export class Journal {
  /** `receive abc`, `closed`, `failed why`; with the protocol's name before it where it has one. */
  readonly lines: string[] = [];
  /** Breaches of law 1. */
  readonly faults: string[] = [];
  #inside: string | undefined;
  #calling: string | undefined;

  /** Calls a Transport, and finds it out if the way back is shorter than the way in. */
  call<T>(name: string, call: () => T): T {
    this.#calling = name;
    try {
      return call();
    } finally {
      this.#calling = undefined;
    }
  }

  note(line: string): void {
    this.lines.push(line);
  }

  /** The lines that begin with `start`. */
  of(start: string): string[] {
    return this.lines.filter((line) => line.startsWith(start));
  }

  entry(line: string, act: () => void): void {
    if (this.#inside !== undefined) this.faults.push(`${line} within ${this.#inside}`);
    if (this.#calling !== undefined) this.faults.push(`${line} before ${this.#calling} returned`);
    this.#note(line);
    this.#inside = line;
    try {
      act();
    } finally {
      this.#inside = undefined;
    }
  }

  /** What came in several reads is one line: how octets are cut on their way means nothing. */
  #note(line: string): void {
    const last = this.lines.at(-1) ?? '';
    const text = line.indexOf('receive ') + 'receive '.length;
    const isMore = line.includes('receive ') && last.startsWith(line.slice(0, text));
    if (isMore) this.lines[this.lines.length - 1] = last + line.slice(text);
    else this.lines.push(line);
  }
}

/** Makes recorders. `name` tells the protocols of one connection apart. */
export function recorder(
  journal: Journal, acts: Acts = {}, name = '',
): ProtocolFactory<ConnectionTransport> {
  return (transport) => {
    const recording = new Recorder(transport, journal, acts, name === '' ? '' : `${name}.`);
    acts.made?.(transport, '');
    return recording;
  };
}

class Recorder implements Protocol {
  readonly idle = true;
  readonly #transport: ConnectionTransport;
  readonly #journal: Journal;
  readonly #acts: Acts;
  readonly #name: string;

  constructor(transport: ConnectionTransport, journal: Journal, acts: Acts, name: string) {
    this.#transport = transport;
    this.#journal = journal;
    this.#acts = acts;
    this.#name = name;
  }

  receive(bytes: Uint8Array): void {
    this.#entry('receive', Buffer.from(bytes).toString('latin1'), this.#acts.receive);
  }

  proceed(): void {
    this.#entry('proceed', '', this.#acts.proceed);
  }

  drained(): void {
    this.#entry('drained', '', this.#acts.drained);
  }

  eof(): void {
    this.#entry('eof', '', this.#acts.eof);
  }

  flush(): void {
    this.#entry('flush', '', this.#acts.flush);
  }

  tick(): void {
    this.#entry('tick', '', this.#acts.tick);
  }

  shutdown(): void {
    this.#entry('shutdown', '', this.#acts.shutdown);
  }

  failed(cause: Error): void {
    const what = cause instanceof Error ? cause.message : `no Error but ${String(cause)}`;
    this.#entry('failed', what, this.#acts.failed);
  }

  closed(cause: Error | undefined): void {
    this.#entry('closed', cause === undefined ? '' : cause.message, this.#acts.closed);
  }

  #entry(name: EntryName, text: string, act: Act | undefined): void {
    const line = `${this.#name}${name}${text === '' ? '' : ` ${text}`}`;
    this.#journal.entry(line, () => act?.(this.#transport, text));
  }
}
