/**
 * Parsers under test: functions over `(bytes, start, end)` that return the next offset or MORE.
 *
 * `parsed` and `refused` run one vector whole, as each of its beginnings, with octets behind it and
 * with octets before it, and insist on one outcome. So what a parser says of octets can depend
 * neither on how they were cut, nor on what follows them or came before.
 */
import { expect } from 'vitest';
import { ConnectionError } from '../../src/errors.ts';
import { MORE } from '../../src/http1/field-lines.ts';
import { octets } from './vectors.ts';

/** A parser, and what to read from its result. */
export interface Subject<T> {
  parse(bytes: Uint8Array, start: number, end: number): number;
  read(): T;
}

/** What stands behind a vector must not be looked at; one of these would be found out. */
const BEHIND = ['GET / HTTP/1.1\r\n', '\r\n', '\n', ' \t', '\0\xff', 'a: b\r\n\r\n'];
const BEFORE = 'x: y\r\n\r\n';

/** Insists that `text` is accepted, all of it and in no way that depends on its surroundings. */
export function parsed<T>(text: string, subject: () => Subject<T>): T {
  const bytes = octets(text);
  const whole = run(bytes, 0, bytes.length, subject());
  if (whole instanceof ConnectionError) throw whole;
  expect(whole.next, `the end of ${JSON.stringify(text)}`).toBe(text.length);
  for (const behind of BEHIND) {
    const longer = octets(text + behind);
    const result = run(longer, 0, longer.length, subject());
    expect(result, `followed by ${JSON.stringify(behind)}`).toEqual(whole);
  }
  for (let end = 0; end < text.length; end++) {
    const part = run(bytes, 0, end, subject());
    if (part instanceof ConnectionError || part.next !== MORE) {
      expect(part, `the first ${end} octets of ${JSON.stringify(text)}`).toBe(MORE);
    }
  }
  const later = octets(BEFORE + text);
  expect(run(later, BEFORE.length, later.length, subject()), 'further on in its slab')
    .toEqual({ ...whole, next: later.length });
  return whole.value as T;
}

/** Insists that `text` is refused, in the same words wherever it was cut. Gives code and words. */
export function refused<T>(text: string, subject: () => Subject<T>): [number, string] {
  const bytes = octets(text);
  const verdict = words(run(bytes, 0, bytes.length, subject()));
  if (verdict === undefined) throw new Error(`${JSON.stringify(text)} is not refused`);
  for (const behind of BEHIND) {
    const longer = octets(text + behind);
    expect(words(run(longer, 0, longer.length, subject())), `followed by ${JSON.stringify(behind)}`)
      .toEqual(verdict);
  }
  for (let end = 0; end < text.length; end++) {
    const part = run(bytes, 0, end, subject());
    if (part instanceof ConnectionError || part.next !== MORE) {
      expect(words(part), `the first ${end} octets of ${JSON.stringify(text)}`).toEqual(verdict);
    }
  }
  return verdict;
}

interface Result<T> {
  readonly next: number;
  readonly value: T | undefined;
}

function run<T>(
  bytes: Uint8Array, start: number, end: number, subject: Subject<T>,
): Result<T> | ConnectionError {
  try {
    const next = subject.parse(bytes, start, end);
    return { next, value: next === MORE ? undefined : subject.read() };
  } catch (error) {
    if (error instanceof ConnectionError) return error;
    throw error;
  }
}

function words(result: unknown): [number, string] | undefined {
  return result instanceof ConnectionError ? [result.code, result.message] : undefined;
}
