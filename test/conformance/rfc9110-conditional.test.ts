/** RFC 9110 §13: conditional requests, in its order, over HTTP/1.1 on a connection in memory. */
import { describe, expect, test } from 'vitest';
import { bytesOf, represent } from '../../examples/support/representation.ts';
import { formatDate } from '../../src/http/date.ts';
import type { Validators } from '../../src/http/preconditions.ts';
import { exchange, type Answer } from '../support/http1.ts';
import { head } from '../support/vectors.ts';

const MODIFIED = Date.UTC(1994, 9, 29, 19, 43, 31);
const SAME = formatDate(MODIFIED);
const EARLIER = formatDate(MODIFIED - 1000);
const LATER = formatDate(MODIFIED + 1000);
const TAGGED: Validators = { etag: '"xyzzy"' };
const DATED: Validators = { lastModified: MODIFIED + 400, strongDate: true };

/** The answer to a request with these field lines for a text of ten octets. */
async function ask(
  method: string, lines: readonly string[], validators: Validators = TAGGED,
): Promise<Answer> {
  const text = head(`${method} /a HTTP/1.1`, 'Host: a', ...lines);
  const { answers } = await exchange(text, (request) =>
    represent(request, bytesOf('0123456789', validators, 'max-age=60')));
  expect(answers).toHaveLength(1);
  return answers[0] as Answer;
}

async function status(
  method: string, lines: readonly string[], validators?: Validators,
): Promise<number> {
  return (await ask(method, lines, validators)).status;
}

describe('§13.1.1 If-Match', () => {
  test.each([
    ['"xyzzy"', 200],
    ['"xyzzy", "r2d2xxxx", "c3piozzzz"', 200],
    ['"r2d2xxxx", "c3piozzzz", "xyzzy"', 200],
    ['*', 200],
    ['"r2d2xxxx"', 412],
    ['W/"xyzzy"', 412],
    ['"XYZZY"', 412],
    ['xyzzy', 412],
    ['"xyzzy", *', 412],
    ['', 412],
  ])('%s: %d', async (value, expected) => {
    expect(await status('PUT', [`If-Match: ${value}`])).toBe(expected);
    expect(await status('GET', [`If-Match: ${value}`])).toBe(expected);
  });

  test('a weak tag never matches, even itself: the comparison is strong', async () => {
    expect(await status('PUT', ['If-Match: W/"a"'], { etag: 'W/"a"' })).toBe(412);
  });

  test('several lines are one list (RFC 9110 §5.3)', async () => {
    expect(await status('PUT', ['If-Match: "a"', 'If-Match: "xyzzy"'])).toBe(200);
  });
});

describe('§13.1.2 If-None-Match', () => {
  test.each([
    ['"xyzzy"', 304, 412],
    ['W/"xyzzy"', 304, 412],
    ['"a", W/"xyzzy", "c"', 304, 412],
    ['*', 304, 412],
    ['"a"', 200, 200],
    ['"a", "b"', 200, 200],
    ['', 200, 200],
    // No list: it names no tag, but it does not let anything be overwritten either.
    ['xyzzy', 200, 412],
    ['"a", *', 200, 412],
  ])('%s: %d to GET and HEAD, %d to PUT', async (value, reading, writing) => {
    const lines = [`If-None-Match: ${value}`];
    expect(await status('GET', lines)).toBe(reading);
    expect(await status('HEAD', lines)).toBe(reading);
    expect(await status('PUT', lines)).toBe(writing);
  });
});

describe('§13.1.3 If-Modified-Since', () => {
  test.each([
    [SAME, 304],
    [LATER, 304],
    [EARLIER, 200],
    ['Saturday, 29-Oct-94 19:43:31 GMT', 304],
    ['Sat Oct 29 19:43:31 1994', 304],
    ['not a date', 200],
    ['0', 200],
    [`${LATER}, ${LATER}`, 200],
    ['Sat, 29 Oct 1994 19:43:31 CET', 200],
  ])('%s: %d', async (value, expected) => {
    expect(await status('GET', [`If-Modified-Since: ${value}`], DATED)).toBe(expected);
    expect(await status('HEAD', [`If-Modified-Since: ${value}`], DATED)).toBe(expected);
  });

  test('it is ignored beside If-None-Match', async () => {
    const both = { ...TAGGED, ...DATED };
    const lines = ['If-None-Match: "a"', `If-Modified-Since: ${LATER}`];
    expect(await status('GET', lines, both)).toBe(200);
  });

  test('it is ignored with a method that does not read', async () => {
    expect(await status('PUT', [`If-Modified-Since: ${LATER}`], DATED)).toBe(200);
  });

  test('it is ignored where there is no modification date', async () => {
    expect(await status('GET', [`If-Modified-Since: ${LATER}`])).toBe(200);
  });
});

describe('§13.1.4 If-Unmodified-Since', () => {
  test.each([
    [SAME, 200],
    [LATER, 200],
    [EARLIER, 412],
    ['Sat Oct 29 19:43:30 1994', 412],
    ['not a date', 200],
    [`${EARLIER}, ${EARLIER}`, 200],
  ])('%s: %d', async (value, expected) => {
    expect(await status('PUT', [`If-Unmodified-Since: ${value}`], DATED)).toBe(expected);
    expect(await status('GET', [`If-Unmodified-Since: ${value}`], DATED)).toBe(expected);
  });

  test('it is ignored beside If-Match', async () => {
    const both = { ...TAGGED, ...DATED };
    const lines = ['If-Match: "xyzzy"', `If-Unmodified-Since: ${EARLIER}`];
    expect(await status('PUT', lines, both)).toBe(200);
  });

  test('it is ignored where there is no modification date', async () => {
    expect(await status('PUT', [`If-Unmodified-Since: ${EARLIER}`])).toBe(200);
  });
});

describe('§13.1.5 If-Range', () => {
  test.each<[string, Validators, number]>([
    ['"xyzzy"', TAGGED, 206],
    ['"other"', TAGGED, 200],
    ['W/"xyzzy"', TAGGED, 200],
    ['W/"xyzzy"', { etag: 'W/"xyzzy"' }, 200],
    [SAME, DATED, 206],
    [EARLIER, DATED, 200],
    [LATER, DATED, 200],
    [SAME, { lastModified: MODIFIED }, 200],
    [SAME, TAGGED, 200],
  ])('%s of %o: %d', async (value, validators, expected) => {
    const lines = ['Range: bytes=0-1', `If-Range: ${value}`];
    expect(await status('GET', lines, validators)).toBe(expected);
  });

  test('it is ignored without Range', async () => {
    expect(await status('GET', ['If-Range: "other"'])).toBe(200);
  });

  test('where it does not hold, even a range that cannot be had brings the whole', async () => {
    const answer = await ask('GET', ['Range: bytes=50-', 'If-Range: "other"']);
    expect([answer.status, answer.body]).toEqual([200, '0123456789']);
  });

  test('where it holds, a range that cannot be had is 416', async () => {
    expect(await status('GET', ['Range: bytes=50-', 'If-Range: "xyzzy"'])).toBe(416);
  });
});

describe('§13.2.1 When to Evaluate', () => {
  test('OPTIONS selects no representation: preconditions are ignored', async () => {
    expect(await status('OPTIONS', ['If-Match: "other"', 'If-None-Match: *'])).toBe(200);
  });
});

describe('§13.2.2 Precedence of Preconditions', () => {
  const both: Validators = { ...TAGGED, ...DATED };
  const truths = ['absent', 'true', 'false'] as const;
  type Truth = typeof truths[number];
  const lineOf: Readonly<Record<string, Readonly<Record<Truth, string>>>> = {
    'If-Match': { absent: '', true: '"xyzzy"', false: '"a"' },
    'If-Unmodified-Since': { absent: '', true: SAME, false: EARLIER },
    'If-None-Match': { absent: '', true: '"a"', false: 'W/"xyzzy"' },
    'If-Modified-Since': { absent: '', true: EARLIER, false: SAME },
  };

  function lines(given: readonly Truth[]): string[] {
    return Object.entries(lineOf)
      .map(([name, values], index) => `${name}: ${values[given[index] ?? 'absent']}`)
      .filter((line) => !line.endsWith(': '));
  }

  /** The steps of the section, one line each. */
  function expected(method: string, given: readonly Truth[]): number {
    const [match, unmodified, noneMatch, modified] = given;
    const reading = method !== 'PUT';
    if (match === 'false') return 412;
    if (match === 'absent' && unmodified === 'false') return 412;
    if (noneMatch === 'false') return reading ? 304 : 412;
    if (noneMatch === 'absent' && reading && modified === 'false') return 304;
    return 200;
  }

  const combinations = truths.flatMap((a) => truths.flatMap((b) => truths.flatMap((c) =>
    truths.map((d) => [a, b, c, d] as const))));

  test.each(['GET', 'HEAD', 'PUT'])('each combination with %s', async (method) => {
    for (const given of combinations) {
      const got = await status(method, lines(given), both);
      expect([given.join(), got]).toEqual([given.join(), expected(method, given)]);
    }
    expect(combinations).toHaveLength(81);
  });

  test('Range counts last: a 304 or 412 comes before a part', async () => {
    expect(await status('GET', ['Range: bytes=0-1', 'If-None-Match: "xyzzy"'])).toBe(304);
    expect(await status('GET', ['Range: bytes=0-1', 'If-Match: "a"'])).toBe(412);
    expect(await status('GET', ['Range: bytes=0-1', 'If-Match: "xyzzy"'])).toBe(206);
  });
});

describe('§15.4.5 304 Not Modified', () => {
  test('it has the fields that a 200 had for caches, and no content', async () => {
    const { fields, body } = await ask('GET', ['If-None-Match: "xyzzy"'], { ...TAGGED, ...DATED });
    expect(body).toBe('');
    expect(fields.toJSON()).toEqual({
      'etag': '"xyzzy"', 'last-modified': SAME, 'cache-control': 'max-age=60',
      'date': fields.get('date'),
    });
  });
});

describe('§15.5.13 412 Precondition Failed', () => {
  test('it is a problem document', async () => {
    const { fields, body } = await ask('PUT', ['If-Match: "a"']);
    expect(fields.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ status: 412, title: 'Precondition Failed' });
  });
});
