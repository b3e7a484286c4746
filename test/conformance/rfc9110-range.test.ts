/** RFC 9110 §14: range requests, in its order, over HTTP/1.1 on a connection in memory. */
import { describe, expect, test } from 'vitest';
import { bytesOf, represent } from '../../examples/support/representation.ts';
import {
  RANGES_MAX, parseRanges, satisfiableRanges, type RangeSpec,
} from '../../src/http/ranges.ts';
import { exchange, type Answer } from '../support/http1.ts';
import { head } from '../support/vectors.ts';

/** Octets whose place can be told: 0000 0001 0002 ... */
function content(length: number): string {
  const words = Array.from({ length: Math.ceil(length / 5) }, (_, i) => `${i}`.padStart(4, '0'));
  return words.join(' ').padEnd(length).slice(0, length);
}

const TEXT = content(10_000);

async function ask(range: string, text = TEXT, method = 'GET'): Promise<Answer> {
  const request = head(`${method} /a HTTP/1.1`, 'Host: a', `Range: ${range}`);
  const { answers } = await exchange(request, (each) =>
    represent(each, bytesOf(text, { etag: '"v1"' }, 'max-age=60')));
  expect(answers).toHaveLength(1);
  return answers[0] as Answer;
}

/** Insists on one part: its octets, its place, its length. */
function isPart({ status, body, fields, whole }: Answer, first: number, last: number): void {
  expect([status, whole]).toEqual([206, true]);
  expect(fields.get('content-range')).toBe(`bytes ${first}-${last}/${TEXT.length}`);
  expect(fields.get('content-length')).toBe(`${last - first + 1}`);
  expect(body).toBe(TEXT.slice(first, last + 1));
}

function isWhole({ status, body, fields }: Answer, text = TEXT): void {
  expect([status, body]).toEqual([200, text]);
  expect(fields.has('content-range')).toBe(false);
}

function isNone({ status, fields, body }: Answer, length: number): void {
  expect(status).toBe(416);
  expect(fields.get('content-range')).toBe(`bytes */${length}`);
  expect(JSON.parse(body)).toMatchObject({ status: 416 });
}

describe('§14.1 Range Units', () => {
  test.each(['bytes', 'BYTES', 'bYtEs'])('%s is a name without case', async (unit) => {
    isPart(await ask(`${unit}=0-4`), 0, 4);
  });
});

describe('§14.1.1 Range Specifiers', () => {
  test('a last position before the first is invalid: the Range is ignored', async () => {
    isWhole(await ask('bytes=5-3'));
    isPart(await ask('bytes=5-5'), 5, 5);
  });

  test('one invalid specifier makes all of them invalid', async () => {
    isWhole(await ask('bytes=0-4, 5-3'));
    isWhole(await ask('bytes=0-4, x'));
  });
});

describe('§14.1.2 Byte Ranges', () => {
  test.each([
    ['bytes=0-499', 0, 499],
    ['bytes=500-999', 500, 999],
    ['bytes=-500', 9500, 9999],
    ['bytes=9500-', 9500, 9999],
    ['bytes=0-', 0, 9999],
    ['bytes=9999-', 9999, 9999],
    ['bytes=0-9999', 0, 9999],
    ['bytes=0-10000', 0, 9999],
    ['bytes=-10000', 0, 9999],
    ['bytes=-10001', 0, 9999],
    ['bytes=-1', 9999, 9999],
  ])('%s of 10,000 octets', async (range, first, last) => {
    isPart(await ask(range), first, last);
  });

  test.each<[string, [number, number][]]>([
    ['bytes=0-0,-1', [[0, 0], [9999, 9999]]],
    ['bytes= 0-999, 4500-5499, -1000', [[0, 999], [4500, 5499], [9000, 9999]]],
    ['bytes=500-600,601-999', [[500, 600], [601, 999]]],
    ['bytes=500-700,601-999', [[500, 700], [601, 999]]],
  ])('%s asks for several', (range, expected) => {
    const ranges = satisfiableRanges(parseRanges(range) as RangeSpec[], 10_000);
    expect(ranges.map(({ first, last }) => [first, last])).toEqual(expected);
  });

  test.each(['bytes=10000-', 'bytes=10000-10001', 'bytes=-0', 'bytes=-0, 10000-'])(
    '%s of 10,000 octets can not be had', async (range) => {
      isNone(await ask(range), 10_000);
    },
  );

  test('of several, one that can be had is enough', async () => {
    isPart(await ask('bytes=20000-, 5-9'), 5, 9);
  });

  test.each(['bytes=0-', 'bytes=-1', 'bytes=0-0'])(
    '%s of no octets is the whole', async (range) => {
      isWhole(await ask(range, ''), '');
    },
  );

  test.each([
    ['bytes=-18446744073709551615', 0, 9999],
    ['bytes=0-18446744073709551615', 0, 9999],
    ['bytes=1-9223372036854775808', 1, 9999],
    [`bytes=9990-${'9'.repeat(1_000)}`, 9990, 9999],
    [`bytes=-${'9'.repeat(1_000)}`, 0, 9999],
  ])('%s does not overflow', async (range, first, last) => {
    isPart(await ask(range), first, last);
  });

  test.each([
    'bytes=18446744073709551616-', 'bytes=9007199254740993-', `bytes=${'9'.repeat(1_000)}-`,
  ])('%s is beyond the end', async (range) => {
    isNone(await ask(range), 10_000);
  });
});

describe('§14.2 Range', () => {
  test.each(['HEAD', 'POST', 'PUT', 'PURGE'])('%s ignores it', async (method) => {
    const { status, fields } = await ask('bytes=0-4', TEXT, method);
    expect([status, fields.get('content-length')]).toEqual([200, '10000']);
  });

  test.each(['lines=0-4', 'none=0-4', 'bytes', 'bytes=', 'bytes=a-b', 'bytes=-', '0-4'])(
    '%s: a unit that is not understood, or an invalid range, is ignored', async (range) => {
      isWhole(await ask(range));
    },
  );

  test('too many ranges, or overlapping ones, bring the whole (RFC 9110 §17.15)', async () => {
    const many = Array.from({ length: RANGES_MAX + 1 }, (_, i) => `${i * 10}-${i * 10}`);
    isWhole(await ask(`bytes=${many.join(',')}`));
    isWhole(await ask('bytes=0-9,5-14'));
  });

  test('a thousand ranges in one field cost an answer, no more', async () => {
    isWhole(await ask(`bytes=${'0-,'.repeat(1_000)}0-`));
  });
});

describe('§14.3 Accept-Ranges', () => {
  test('a resource with ranges says so', async () => {
    const { fields } = await ask('none');
    expect(fields.get('accept-ranges')).toBe('bytes');
  });
});

describe('§14.4 Content-Range', () => {
  const text = content(1234);

  test.each([
    ['bytes=0-499', 'bytes 0-499/1234'],
    ['bytes=500-999', 'bytes 500-999/1234'],
    ['bytes=500-', 'bytes 500-1233/1234'],
    ['bytes=-500', 'bytes 734-1233/1234'],
    ['bytes=42-', 'bytes 42-1233/1234'],
    ['bytes=1234-', 'bytes */1234'],
  ])('%s of 1234 octets: %s', async (range, expected) => {
    expect((await ask(range, text)).fields.get('content-range')).toBe(expected);
  });
});

describe('§15.3.7 206 Partial Content', () => {
  const of = ({ fields }: Answer): Record<string, string> => fields
    .without('content-range').without('content-length').without('date').toJSON();

  test('it has the fields that the whole would have had', async () => {
    const [part, whole] = [await ask('bytes=0-4'), await ask('none')];
    expect(of(part)).toEqual(of(whole));
    expect(of(part)).toMatchObject({ 'etag': '"v1"', 'cache-control': 'max-age=60' });
  });

  test('one range is never answered with several parts', async () => {
    expect((await ask('bytes=0-4')).fields.get('content-type')).toBe('text/plain');
  });
});
