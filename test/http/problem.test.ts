/** Refusals as documents (RFC 9457). */
import { describe, expect, test } from 'vitest';
import { problem } from '../../src/http/problem.ts';

describe('problem', () => {
  test('a document of type about:blank, with the title of its status (RFC 9457 §4.2.1)', () => {
    const response = problem(404, 'no such "page"\n');
    expect(response.status).toBe(404);
    expect(response.fields.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(response.body as string)).toEqual({
      type: 'about:blank', title: 'Not Found', status: 404, detail: 'no such "page"\n',
    });
  });

  test('further fields stand beside the type, which they cannot replace', () => {
    const fields = { allow: 'GET', 'Content-Type': 'text/html' };
    expect([...problem(405, 'x', fields).fields]).toEqual([
      ['allow', 'GET'], ['content-type', 'application/problem+json'],
    ]);
  });

  test('a status without a phrase has an empty title', () => {
    expect(JSON.parse(problem(499, 'x').body as string)).toMatchObject({ title: '', status: 499 });
  });
});
