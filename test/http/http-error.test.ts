/** A failure that has an answer. */
import { expect, test } from 'vitest';
import { HttpError } from '../../src/http/http-error.ts';

test('carries its status, its detail, fields and a cause', () => {
  const cause = new Error('below');
  const error = new HttpError(405, 'not here', { allow: 'GET' }, { cause });
  expect(error).toBeInstanceOf(Error);
  expect([error.name, error.status, error.message]).toEqual(['HttpError', 405, 'not here']);
  expect(error.fields).toEqual({ allow: 'GET' });
  expect(error.cause).toBe(cause);
});

test('needs no more than a status and a detail', () => {
  const error = new HttpError(404, 'no such page');
  expect([error.fields, error.cause]).toEqual([undefined, undefined]);
});
