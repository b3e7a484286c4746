/**
 * Requests as octets, for the tests of the standards: small parts to write vectors with, and the
 * two outcomes that nearly all of them come to (`refuses`, `echoes`), judged at every split.
 */
import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import type { Handler } from '../../src/http/exchange.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { verdict, type Answer, type ConnectOptions, type Outcome } from './http1.ts';

/** Lines with their CRLF, and the empty line that ends a head. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export const GET = head('GET / HTTP/1.1', 'Host: a');
/** Follows a broken request: must never be read as one. */
export const SMUGGLED = head('GET /x HTTP/1.1', 'Host: a');

/** A POST with these lines after Host, and what follows its head. */
export function post(lines: string | readonly string[], content = ''): string {
  return head('POST / HTTP/1.1', 'Host: a', ...[lines].flat()) + content;
}

/** A POST of content in chunks: `chunks` are all octets after the head. */
export function chunked(chunks: string): string {
  return post('Transfer-Encoding: chunked', chunks);
}

/** Answers with the request's content, once all of it has come. */
export const echo: Handler = async ({ body }) => new HttpResponse(200, {}, await body.bytes());

/** Every refusal says which limit it was, or which section. */
const REASON = /\(RFC \d{4} §[\d.]+(, rule \d)?\)$/;

/**
 * Insists that `text`, at every split, is refused with `status`: a problem document that closes,
 * and nothing of what follows is read.
 */
export async function refuses(
  text: string, status: number, options?: ConnectOptions, handler: Handler = echo,
): Promise<Outcome> {
  const outcome = await verdict(text, handler, options);
  isRefusal(outcome, status);
  return outcome;
}

/** Insists that an outcome is one refusal and the end of the connection. */
export function isRefusal(outcome: Outcome, status: number): void {
  const { answers, refused, seen, ended } = outcome;
  expect(answers.map((answer) => answer.status)).toEqual([status]);
  expect(seen).not.toContain('GET /x');
  expect(ended).toBe(true);
  const [answer] = answers as [Answer];
  expect(answer.whole).toBe(true);
  expect(answer.fields.get('connection')).toBe('close');
  expect(answer.fields.get('content-type')).toBe('application/problem+json');
  const detail = refused[0]?.detail;
  expect(detail).toMatch(REASON);
  const document = JSON.parse(Buffer.from(answer.body, 'latin1').toString()) as unknown;
  expect(document).toMatchObject({ type: 'about:blank', status, detail });
}

/** Insists that `text`, at every split, is answered with these contents, and nothing is refused. */
export async function echoes(
  text: string, contents: readonly string[], options?: ConnectOptions,
): Promise<Outcome> {
  const outcome = await verdict(text, echo, options);
  expect(outcome.refused).toEqual([]);
  expect(outcome.answers.map(({ status, body }) => [status, body]))
    .toEqual(contents.map((content) => [200, content]));
  return outcome;
}

/** The statuses of an outcome, in order. */
export function statuses(outcome: { readonly answers: readonly Answer[] }): number[] {
  return outcome.answers.map((answer) => answer.status);
}

/** Octets written as latin1 text. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
