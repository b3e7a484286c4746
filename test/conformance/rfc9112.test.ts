import { describe, expect, test } from 'vitest';
import { verdict } from '../support/http1.ts';

describe('§2.2 Message Parsing', () => {
  test('a request', async () => {
    const { answers, ended } = await verdict('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(answers.map((a) => [a.status, a.body])).toEqual([[200, 'hello']]);
    expect(ended).toBe(false);
  });
  test('two requests', async () => {
    const { answers, ended } = await verdict('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(answers.map((a) => [a.status, a.body])).toEqual([[200, 'hello'], [200, 'hello']]);
    expect(ended).toBe(true);
  });
  test('bad', async () => {
    const { answers, ended, seen } = await verdict('GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(answers.map((a) => [a.status])).toEqual([[400]]);
    expect(ended).toBe(true);
    expect(seen).toEqual([]);
  });
  test('body', async () => {
    const { answers } = await verdict('POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(answers.map((a) => [a.status])).toEqual([[200],[200]]);
  });
});
