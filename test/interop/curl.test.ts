/** curl against the target: what it sends by itself, and what it makes of our answers. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { CURL, curl, curlTarget, sha256Of } from '../support/curl.ts';
import { describeWith, run } from '../support/process.ts';

vi.setConfig({ testTimeout: 30_000 });



describeWith('curl', 'curl', CURL !== undefined, () => {
  const at = curlTarget();

  /** A file of octets that can be told apart, and its SHA-256. */
  function file(mebibytes: number): { path: string; bytes: number; sha256: string } {
    const path = join(at.folder, `${mebibytes}`);
    const block = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * 31) % 251));
    const content = Buffer.alloc(mebibytes * 1024 * 1024, block);
    writeFileSync(path, content);
    return { path, bytes: content.length, sha256: sha256Of(content) };
  }

  test('a page', async () => {
    const { stdout } = await curl('-i', `${at.url}/plain`);
    expect(stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(stdout.endsWith('\r\n\r\nHello, World!')).toBe(true);
  });

  test('one connection for all, by HTTP/1.1 and by HTTP/1.0 with keep-alive', async () => {
    const urls = Array.from({ length: 10 }, () => ['-o', '/dev/null', `${at.url}/plain`]).flat();
    const written = ['-w', '%{num_connects} '];
    expect((await curl(...written, ...urls)).stdout).toBe('1 0 0 0 0 0 0 0 0 0 ');
    const old = await curl('-0', '-H', 'Connection: keep-alive', ...written, ...urls);
    expect(old.stdout).toBe('1 0 0 0 0 0 0 0 0 0 ');
  });

  test('HTTP/1.0, and a close that was asked for, end the connection', async () => {
    const urls = ['-o', '/dev/null', `${at.url}/plain`, '-o', '/dev/null', `${at.url}/plain`];
    const written = ['-w', '%{num_connects} '];
    expect((await curl('-0', ...written, ...urls)).stdout).toBe('1 1 ');
    expect((await curl('-H', 'Connection: close', ...written, ...urls)).stdout).toBe('1 1 ');
  });

  test('HEAD keeps the connection, with the length of what GET would bring', async () => {
    const urls = [`${at.url}/bytes/1000`, `${at.url}/bytes/0`];
    const { stdout } = await curl('-I', '-w', '%{num_connects}\n', ...urls);
    expect(stdout.match(/^content-length: \d+|^\d$/gm)).toEqual([
      'content-length: 1000', '1', 'content-length: 0', '0',
    ]);
  });

  test.each([
    ['with a length', ['--data-binary']],
    ['in chunks', ['-H', 'Transfer-Encoding: chunked', '--data-binary']],
    ['without waiting for 100', ['-H', 'Expect:', '--data-binary']],
  ])('an upload of 8 MiB, %s', async (_, words) => {
    const { path, bytes, sha256 } = file(8);
    const { stdout } = await curl(...words, `@${path}`, `${at.url}/digest`);
    expect(JSON.parse(stdout)).toEqual({ bytes, sha256 });
  });

  test('an upload from a pipe, whose length is not known', async () => {
    const { path, bytes, sha256 } = file(3);
    const words = ['-sS', '-X', 'POST', '-T', '-', '--noproxy', '*', `${at.url}/digest`];
    const { stdout } = await run(CURL as string, words, readFileSync(path));
    expect(JSON.parse(stdout)).toEqual({ bytes, sha256 });
  });

  test('what was sent comes back, both ways at once', async () => {
    const { path, sha256 } = file(4);
    const out = join(at.folder, 'out');
    await curl('-T', path, '-o', out, `${at.url}/echo`);
    expect(sha256Of(readFileSync(out))).toBe(sha256);
  });

  test('100 comes when the handler reads', async () => {
    const words = ['-i', '-H', 'Expect: 100-continue', '-d', 'hello'];
    const { stdout } = await curl(...words, `${at.url}/digest`);
    expect(stdout).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(stdout).toContain('"bytes":5');
  });

  test('and does not come where nothing will be read: then nothing is sent', async () => {
    const { path } = file(8);
    const { stdout } = await curl('-H', 'Expect: 100-continue', '--data-binary', `@${path}`,
      '-o', '/dev/null', '-w', '%{http_code} %{size_upload}', `${at.url}/etag`);
    expect(stdout).toBe('405 0');
  });

  test('103, then the answer', async () => {
    const { stdout } = await curl('-i', `${at.url}/hints`);
    const lines = stdout.match(/^(HTTP\/1\.1 \d+|link)/gm);
    expect(lines).toEqual(['HTTP/1.1 103', 'link', 'HTTP/1.1 200']);
  });

  test('pieces without a declared length, and a trailer', async () => {
    const { stdout } = await curl('-i', `${at.url}/stream/1000/100`);
    const [head = '', rest = ''] = stdout.split('\r\n\r\n');
    expect(head).toContain('transfer-encoding: chunked');
    // curl tells trailers as it tells fields: after the content, where they came.
    const [content = ''] = rest.split('x-count: 1000');
    expect(content).toHaveLength(100_000);
  });

  test.each([
    ['0-4', '206', 'ABCDE'], ['60-66', '206', '89+\nABC'], ['-3', '206', 'HIJ'],
    ['70-', '206', 'GHIJ'], ['74-', '416', undefined], ['5-3', '200', undefined],
    ['0-1,3-4', '200', undefined],
  ])('range %s: %s', async (range, status, content) => {
    const { stdout } = await curl('-r', range, '-w', '%{http_code}', `${at.url}/bytes/74`);
    expect(stdout.slice(-3)).toBe(status);
    if (content !== undefined) expect(stdout.slice(0, -3)).toBe(content);
  });

  test('a download is resumed where it stopped', async () => {
    const out = join(at.folder, 'resumed');
    const whole = `${at.url}/bytes/250000`;
    const part = await curl('-r', '0-99999', whole);
    writeFileSync(out, part.stdout, 'latin1');
    await curl('-C', '-', '-o', out, whole);
    expect(readFileSync(out, 'latin1')).toBe((await curl(whole)).stdout);
  });

  test('a copy is asked for only when it is older', async () => {
    const status = async (...words: readonly string[]): Promise<string> =>
      (await curl('-o', '/dev/null', '-w', '%{http_code}', ...words)).stdout;
    const tag = join(at.folder, 'tag');
    expect(await status('--etag-save', tag, `${at.url}/etag`)).toBe('200');
    expect(await status('--etag-compare', tag, `${at.url}/etag`)).toBe('304');
    const dated = `${at.url}/modified`;
    expect(await status('-z', 'Mon, 01 Jan 2024 00:00:00 GMT', dated)).toBe('304');
    expect(await status('-z', 'Sun, 31 Dec 2023 23:59:59 GMT', dated)).toBe('200');
    expect(await status('-z', '-Sun, 31 Dec 2023 23:59:59 GMT', dated)).toBe('412');
  });

  test('requests side by side', async () => {
    const urls = Array.from({ length: 40 }, () => ['-o', '/dev/null', `${at.url}/delay/20`]).flat();
    const words = ['-Z', '--no-progress-meter', '--parallel-max', '20', '-w', '%{http_code} '];
    const { stdout } = await curl(...words, ...urls);
    expect(stdout).toBe('200 '.repeat(40));
  });

  test('an offer of HTTP/2 by Upgrade is not taken (RFC 9113 §3.1)', async () => {
    const words = ['--http2', '-w', '%{http_version} %{http_code}', '-o', '/dev/null'];
    const { stdout } = await curl(...words, `${at.url}/plain`);
    expect(stdout).toBe('1.1 200');
  });
});
