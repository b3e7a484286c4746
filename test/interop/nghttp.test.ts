/** nghttp and h2load against the target: what its frames look like to another implementation. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith, findProgram, run, startExample, type Example } from '../support/process.ts';

const NGHTTP = findProgram('nghttp');
const H2LOAD = findProgram('h2load');

interface Target {
  readonly url: string;
  /** A file of this content. */
  file(content: Uint8Array | string): string;
}

/** The target, for all tests of a block. */
function target(): Target {
  const ends: (() => unknown)[] = [];
  let example: Example;
  let folder: string;
  beforeAll(async () => {
    example = await startExample((end) => ends.push(end), 'target', '--port', '0');
    folder = mkdtempSync(join(tmpdir(), 'wirestack-'));
    ends.push(() => rmSync(folder, { recursive: true }));
  });
  afterAll(async () => {
    for (const end of ends) await end();
  });
  return {
    get url() { return example.url; },
    file: (content) => {
      const path = join(folder, 'content');
      writeFileSync(path, content);
      return path;
    },
  };
}

/** A frame as `nghttp -v` tells of it. */
interface Told {
  readonly from: 'send' | 'recv';
  readonly type: string;
  readonly length: number;
  readonly flags: number;
  readonly streamId: number;
}

/** `recv DATA frame <length=13, flags=0x01, stream_id=13>`, also behind content. */
const FRAME = /(send|recv) ([A-Z_]+) frame <length=(\d+), flags=0x(\w\w), stream_id=(\d+)>/g;

function framesIn(text: string): Told[] {
  return [...text.matchAll(FRAME)].map(([, from, type, length, flags, streamId]) => ({
    from: from as Told['from'], type: type as string, length: Number(length),
    flags: parseInt(flags as string, 16), streamId: Number(streamId),
  }));
}

/** The types of what came, `HEADERS(5)` with flags. */
function cameIn(text: string): string[] {
  return framesIn(text).filter(({ from }) => from === 'recv')
    .map(({ type, flags }) => `${type}(${flags})`);
}

/** What a field was told to be, block by block. */
function valuesOf(text: string, name: string): string[] {
  return [...text.matchAll(/recv \(stream_id=\d+\) (\S+): (.*)$/gm)]
    .filter(([, each]) => each === name).map(([, , value]) => value as string);
}

describeWith('nghttp', 'nghttp', NGHTTP !== undefined, () => {
  const at = target();

  /** What `nghttp -v` tells of its requests for one path, or some. */
  async function nghttp(path: string | readonly string[], ...words: string[]): Promise<string> {
    const urls = [path].flat().map((each) => at.url + each);
    const end = await run(NGHTTP as string, ['-v', '-t', '20', ...words, ...urls]);
    expect([end.code, end.stderr]).toEqual([0, '']);
    expect(end.stdout).not.toMatch(/recv (GOAWAY|RST_STREAM)/);
    return end.stdout;
  }

  describe('§3.4, §6.5 the first words', () => {
    test('are SETTINGS and the window of the connection', async () => {
      const text = await nghttp('/plain');
      expect(cameIn(text)).toEqual([
        'SETTINGS(0)', 'WINDOW_UPDATE(0)', 'SETTINGS(1)', 'HEADERS(4)', 'DATA(1)',
      ]);
      const [, ours = ''] = text.split(/recv SETTINGS.*\n/);
      expect(ours.split('recv')[0]?.match(/\w+\(0x\d\d\):\d+/g)).toEqual([
        'SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100', 'SETTINGS_INITIAL_WINDOW_SIZE(0x04):262144',
        'SETTINGS_MAX_HEADER_LIST_SIZE(0x06):16384', 'SETTINGS_NO_RFC7540_PRIORITIES(0x09):1',
        'SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1',
      ]);
      expect(text).toContain(`(window_size_increment=${4 * 1024 * 1024 - 65_535})`);
    });

    test('an Upgrade is not taken (§3.1)', async () => {
      const { stdout } = await run(NGHTTP as string, ['-v', '-u', `${at.url}/plain`]);
      expect(stdout).toContain('HTTP/1.1 200 OK');
      expect(stdout).not.toContain('recv SETTINGS');
    });
  });

  describe('§8.1 messages', () => {
    test('END_STREAM is on the last octets, or on the head, or on trailers', async () => {
      const ours = async (path: string): Promise<string[]> => cameIn(await nghttp(path)).slice(3);
      expect(await ours('/plain')).toEqual(['HEADERS(4)', 'DATA(1)']);
      expect(await ours('/status/204')).toEqual(['HEADERS(5)']);
      expect(await ours('/bytes/20000')).toEqual(['HEADERS(4)', 'DATA(0)', 'DATA(1)']);
      expect(await ours('/stream/2/5')).toEqual(['HEADERS(4)', 'DATA(0)', 'DATA(0)', 'HEADERS(5)']);
      expect(await ours('/hints')).toEqual(['HEADERS(4)', 'HEADERS(4)', 'DATA(1)']);
    });

    test('content that needs window updates, and a trailer', async () => {
      const text = await nghttp('/stream/100/5000');
      expect(valuesOf(text, 'x-count')).toEqual(['100']);
      const frames = framesIn(text);
      const credited = frames
        .filter(({ from, type }) => from === 'send' && type === 'WINDOW_UPDATE')
        .map(({ streamId }) => streamId);
      expect(new Set(credited)).toEqual(new Set([0, 13]));
      const lengths = frames.filter(({ type }) => type === 'DATA').map(({ length }) => length);
      expect(lengths.reduce((sum, length) => sum + length)).toBe(500_000);
      expect(Math.max(...lengths)).toBe(5000);
    });

    test.each([
      ['as it is', []], ['without a length', ['--no-content-length']],
      ['with padding (§6.1)', ['-b', '255']],
    ])('an upload %s: ours are the window updates, theirs the trailer', async (_, words) => {
      const content = at.file(Buffer.alloc(2_000_000, 'x'));
      const text = await nghttp('/inspect', '-d', content, '--trailer', 'x-sum: 5', ...words);
      expect(text).toContain('"trailers":{"x-sum":"5"}');
      expect(text).toContain('"bytes":2000000');
      const updates = framesIn(text).filter(({ from, type, streamId }) => (
        from === 'recv' && type === 'WINDOW_UPDATE' && streamId === 13
      ));
      expect(updates.length).toBeGreaterThan(1);
    });

    // Not of /echo: nghttp keeps its content where the final head comes with the 100.
    test('100 comes when the handler reads, then the content (RFC 9110 §10.1.1)', async () => {
      const text = await nghttp('/digest', '--expect-continue', '-d', at.file('hello'));
      expect(valuesOf(text, ':status')).toEqual(['100', '200']);
      expect(text).toContain('"bytes":5');
    });

    test('cookie crumbs, non-ASCII and repeated fields', async () => {
      const fields = ['cookie: a=1', 'cookie: b=2', 'x-two: 1', 'x-two: 2', 'x-latin: caf\u00e9'];
      const text = await nghttp('/inspect', ...fields.flatMap((field) => ['-H', field]));
      expect(text).toContain('"cookie":"a=1; b=2"');
      expect(text).toContain('"x-two":"1, 2"');
      // Its octets are UTF-8, ours to show are Latin-1, as JSON is UTF-8 again.
      const shown = Buffer.from(Buffer.from('caf\u00e9').toString('latin1')).toString('latin1');
      expect(text).toContain(`"x-latin":"${shown}"`);
    });

    test('fields over the limit, by CONTINUATION, are 431 (RFC 6585 §5)', async () => {
      const text = await nghttp(['/plain', '/etag'], '--continuation');
      expect(valuesOf(text, ':status')).toEqual(['431', '431']);
    });
  });

  describe('§6.5.2 settings of the client', () => {
    test.each([
      ['no table', ['-c', '0']], ['a larger table', ['-c', '65536']],
      ['one that shrank before it grew (RFC 7541 §4.2)', ['-c', '0', '-c', '4096']],
      ['no table of its own', ['--encoder-header-table-size', '0']],
      ['a window of one octet (§6.9.2)', ['-w', '1']],
      ['large windows', ['-w', '30', '-W', '30']],
      ['no priorities of old', ['--no-dep']], ['nor told of (RFC 9218 §2.1)', ['--no-rfc7540-pri']],
    ])('%s', async (_, words) => {
      const text = await nghttp(['/plain', '/bytes/100', '/etag', '/stream/2/30'], ...words);
      expect(valuesOf(text, ':status')).toEqual(['200', '200', '200', '200']);
      expect(valuesOf(text, 'x-count')).toEqual(['2']);
    });

    test('a hundred streams at once (§5.1.2)', async () => {
      const text = await nghttp(['/plain', '/bytes/10000'], '-n', '-m', '50');
      expect(valuesOf(text, ':status')).toEqual(Array.from({ length: 100 }, () => '200'));
    });
  });

  describe('§8.4 push', () => {
    test('is promised before the answer, and whole', async () => {
      const text = await nghttp('/push');
      expect(cameIn(text).slice(3, 5)).toEqual(['PUSH_PROMISE(4)', 'HEADERS(4)']);
      expect(text).toContain('promised_stream_id=2)');
      expect(valuesOf(text, ':path')).toEqual(['/plain']);
      expect(valuesOf(text, ':status')).toEqual(['200', '200']);
      expect(text.match(/Hello, World!/g)).toHaveLength(2);
    });

    test.each([[['--no-push']], [['--max-concurrent-streams', '0']]])(
      'is not with %j', async (words) => {
        const text = await nghttp('/push', ...words);
        expect(text).not.toContain('PUSH_PROMISE');
        expect(valuesOf(text, ':status')).toEqual(['200']);
      },
    );
  });
});

describeWith('h2load', 'h2load', H2LOAD !== undefined, () => {
  const at = target();

  test.each([
    ['/plain', 2000, []],
    ['/bytes/20000', 400, []],
    ['/stream/3/1000', 400, []],
    ['/bytes/20000', 400, ['-w', '11', '-W', '16', '-f', '16K']],
    ['/plain', 400, ['--header-table-size', '0', '--encoder-header-table-size', '0']],
  ])('%s, %i times, four connections of 32 streams, %j', async (path, count, words) => {
    const load = ['-n', `${count}`, '-c', '4', '-m', '32', ...words, at.url + path];
    const { code, stdout } = await run(H2LOAD as string, load);
    expect(code).toBe(0);
    expect(stdout).toContain('Application protocol: h2c');
    expect(stdout).toContain(`${count} done, ${count} succeeded, 0 failed, 0 errored, 0 timeout`);
    expect(stdout).toContain(`status codes: ${count} 2xx`);
  });

  test('uploads', async () => {
    const load = ['-n', '200', '-c', '4', '-m', '8', '-d', at.file(Buffer.alloc(50_000, 'x'))];
    const { stdout } = await run(H2LOAD as string, [...load, `${at.url}/echo`]);
    expect(stdout).toContain('200 succeeded, 0 failed, 0 errored, 0 timeout');
    expect(stdout).toMatch(/\(10000000\) data/);
  });
});
