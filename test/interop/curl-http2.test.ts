/**
 * curl by HTTP/2 with prior knowledge (RFC 9113 §3.3) against the target. One request each: some
 * versions of curl fail to use such a connection again, whatever the server.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CURL, curl as curlAny, curlTarget, sha256Of } from '../support/curl.ts';
import { describeWith, run, type ProcessEnd } from '../support/process.ts';

/** Not every curl was built with HTTP/2. */
const HAS_HTTP2 = CURL !== undefined &&
  / HTTP2\b/.test((await run(CURL, ['--version'])).stdout);


describeWith('curl', 'curl with HTTP/2', HAS_HTTP2, () => {
  const at = curlTarget();
  const curl = (...words: readonly string[]): Promise<ProcessEnd> =>
    curlAny('--http2-prior-knowledge', ...words);

  /** A file of octets that can be told apart, and its SHA-256. */
  function file(octets: number): { path: string; bytes: number; sha256: string } {
    const path = join(at.folder, `${octets}`);
    const block = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * 31) % 251));
    const content = Buffer.alloc(octets, block);
    writeFileSync(path, content);
    return { path, bytes: octets, sha256: sha256Of(content) };
  }

  describe('answers', () => {
    test('a page', async () => {
      const { stdout } = await curl('-i', `${at.url}/plain`);
      expect(stdout).toMatch(/^HTTP\/2 200 \r\n/);
      expect(stdout.endsWith('\r\n\r\nHello, World!')).toBe(true);
    });

    test('HEAD tells the length of what GET would bring', async () => {
      const { stdout } = await curl('-I', `${at.url}/bytes/1000`);
      expect(stdout).toMatch(/^HTTP\/2 200 \r\n(.+\r\n)*content-length: 1000\r\n/);
    });

    test('a large download', async () => {
      const out = join(at.folder, 'out');
      await curl('-o', out, `${at.url}/bytes/5000000`);
      const line = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+\n';
      expect(sha256Of(readFileSync(out))).toBe(sha256Of(Buffer.alloc(5_000_000, line)));
    });

    test('103, then the answer (RFC 8297)', async () => {
      const { stdout } = await curl('-i', `${at.url}/hints`);
      expect(stdout.match(/^(HTTP\/2 \d+|link)/gm)).toEqual(['HTTP/2 103', 'link', 'HTTP/2 200']);
    });

    test('pieces without a declared length, and a trailer (§8.1)', async () => {
      const { stdout } = await curl('-i', `${at.url}/stream/1000/100`);
      const [head = '', rest = ''] = stdout.split('\r\n\r\n');
      expect(head).not.toMatch(/transfer-encoding|content-length/);
      // curl tells trailers as it tells fields: after the content, where they came.
      const [content = ''] = rest.split('x-count: 1000');
      expect(content).toHaveLength(100_000);
    });

    test.each([
      ['0-4', '206', 'ABCDE'], ['60-66', '206', '89+\nABC'], ['-3', '206', 'HIJ'],
      ['70-', '206', 'GHIJ'], ['74-', '416', undefined], ['5-3', '200', undefined],
    ])('range %s: %s', async (range, status, content) => {
      const { stdout } = await curl('-r', range, '-w', '%{http_code}', `${at.url}/bytes/74`);
      expect(stdout.slice(-3)).toBe(status);
      if (content !== undefined) expect(stdout.slice(0, -3)).toBe(content);
    });

    test('a copy is asked for only when it is older', async () => {
      const tag = join(at.folder, 'tag');
      const status = async (...words: readonly string[]): Promise<string> =>
        (await curl('-o', '/dev/null', '-w', '%{http_code}', ...words)).stdout;
      expect(await status('--etag-save', tag, `${at.url}/etag`)).toBe('200');
      expect(await status('--etag-compare', tag, `${at.url}/etag`)).toBe('304');
    });

    test('push is declined: the answer comes alone (§8.4)', async () => {
      const { stdout } = await curl('-i', `${at.url}/push`);
      expect(stdout.match(/^HTTP\/2 \d+|Hello, World!/gm)).toEqual(['HTTP/2 200', 'Hello, World!']);
    });
  });

  describe('content', () => {
    test('an upload', async () => {
      const { path, bytes, sha256 } = file(8_000_000);
      const { stdout } = await curl('--data-binary', `@${path}`, `${at.url}/digest`);
      expect(JSON.parse(stdout)).toEqual({ bytes, sha256 });
    });

    test('an upload from a pipe, whose length is not known', async () => {
      const { path, bytes, sha256 } = file(3_000_000);
      const words = ['-sS', '--http2-prior-knowledge', '-X', 'POST', '-T', '-', '--noproxy', '*'];
      const asked = [...words, `${at.url}/digest`];
      const { stdout } = await run(CURL as string, asked, readFileSync(path));
      expect(JSON.parse(stdout)).toEqual({ bytes, sha256 });
    });

    test('what was sent comes back, both ways at once', async () => {
      const { path, sha256 } = file(4_000_001);
      const out = join(at.folder, 'echoed');
      await curl('-T', path, '-H', 'Expect:', '-o', out, `${at.url}/echo`);
      expect(sha256Of(readFileSync(out))).toBe(sha256);
    });

    test.each(['/digest', '/echo'])(
      '100 comes when %s reads (RFC 9110 §10.1.1)', async (path) => {
        const words = ['-i', '-H', 'Expect: 100-continue', '-d', 'hello'];
        const { stdout } = await curl(...words, `${at.url}${path}`);
        expect(stdout.match(/^HTTP\/2 \d+/gm)).toEqual(['HTTP/2 100', 'HTTP/2 200']);
        expect(stdout).toMatch(/"bytes":5|\r\n\r\nhello$/);
      },
    );

    test('and does not come where nothing will be read: then nothing is sent', async () => {
      const { path } = file(1_000_000);
      const { stdout } = await curl('-H', 'Expect: 100-continue', '--data-binary', `@${path}`,
        '-o', '/dev/null', '-w', '%{http_code} %{size_upload}', `${at.url}/etag`);
      expect(stdout).toBe('405 0');
    });

    test('an answer that came early stops it, and that is no error (§8.1)', async () => {
      const { path, bytes } = file(4_000_000);
      const { stdout } = await curl('-H', 'Expect:', '--data-binary', `@${path}`,
        '-o', '/dev/null', '-w', '%{http_code} %{size_upload}', `${at.url}/plain`);
      const [status, uploaded] = stdout.split(' ').map(Number);
      expect(status).toBe(405);
      expect(uploaded).toBeLessThan(bytes);
    });
  });

  describe('§8.2, §8.3 fields', () => {
    test('as they were sent', async () => {
      const { stdout } = await curl('-X', 'BREW', '-H', 'X-Twice: 1', '-H', 'X-Twice: 2',
        '-H', 'Cookie: a=1; b=2', '-H', 'X-Empty;', `${at.url}/inspect?a=b%20c`);
      expect(JSON.parse(stdout)).toMatchObject({
        method: 'BREW', target: '/inspect?a=b%20c', version: '2', secure: false, bytes: 0,
        fields: { 'x-twice': '1, 2', 'cookie': 'a=1; b=2', 'x-empty': '' },
      });
    });

    test.each([[8_000, '200'], [40_000, '431']])(
      'a field of %i octets: %s (RFC 6585 §5)', async (octets, status) => {
        const { stdout } = await curl('-H', `X-Large: ${'#'.repeat(octets)}`,
          '-o', '/dev/null', '-w', '%{http_code}', `${at.url}/plain`);
        expect(stdout).toBe(status);
      },
    );

    test.each([
      ['TRACE', '/', '405'], ['OPTIONS', '/plain', '204'], ['DELETE', '/plain', '405'],
      ['GET', '/nothing', '404'],
    ])('%s %s is %s', async (method, path, status) => {
      const words = ['-X', method, '-o', '/dev/null', '-w', '%{http_version} %{http_code}'];
      expect((await curl(...words, `${at.url}${path}`)).stdout).toBe(`2 ${status}`);
    });
  });
});
