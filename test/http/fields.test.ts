/**
 * Fields: one reading of two origins. What a program wrote and what a parser received must answer
 * every question alike, so most tests here ask both.
 */
import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/bytes/ascii.ts';
import {
  Fields, listMembers, tokenMembers, trimOws, type FieldsInit,
} from '../../src/http/fields.ts';
import { FieldLines, parseFieldLines } from '../../src/http1/field-lines.ts';
import { octets } from '../support/vectors.ts';

type Pairs = readonly (readonly [string, string])[];

/** The same lines as a parser hands them on. */
function received(pairs: Pairs): Fields {
  const text = `${pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const bounds = { bytes: 10_000, lines: 50, bytesName: '', linesName: '' };
  const lines = new FieldLines(50);
  const bytes = octets(`xx${text}`);
  const next = parseFieldLines(bytes, 2, bytes.length, 2, bounds, lines);
  return lines.take(latin1(bytes, 2, next));
}

const ORIGINS: [string, (pairs: Pairs) => Fields][] = [
  ['made', (pairs) => Fields.from(pairs)],
  ['received', received],
];

describe.each(ORIGINS)('%s', (_, make) => {
  const fields = make([
    ['Host', 'a.example'], ['X-List', 'a'], ['x-list', 'b'], ['Empty', ''], ['X-LIST', 'c, d'],
  ]);

  test('names compare without case (RFC 9110 §5.1)', () => {
    const values = ['host', 'HOST', 'hOsT'].map((name) => fields.get(name));
    expect(values).toEqual(['a.example', 'a.example', 'a.example']);
    expect(['HOST', 'hos', 'hostx'].map((name) => fields.has(name))).toEqual([true, false, false]);
  });

  test('several lines are joined by a comma (RFC 9110 §5.3)', () => {
    expect(fields.get('x-list')).toBe('a, b, c, d');
    expect(fields.getAll('X-List')).toEqual(['a', 'b', 'c, d']);
  });

  test('an empty value is a value', () => {
    expect([fields.get('empty'), fields.has('empty')]).toEqual(['', true]);
  });

  test.each(['nothing', '', 'x-lis', 'x-list2'])('%j is not there', (name) => {
    expect([fields.get(name), fields.getAll(name), fields.has(name)])
      .toEqual([undefined, [], false]);
  });

  test('iteration gives each line, names in lower case, in order', () => {
    expect([...fields]).toEqual([
      ['host', 'a.example'], ['x-list', 'a'], ['x-list', 'b'], ['empty', ''], ['x-list', 'c, d'],
    ]);
    expect(fields.size).toBe(5);
  });

  test('cookie is joined by a semicolon (RFC 9113 §8.2.3)', () => {
    const cookies = make([['Cookie', 'a=1'], ['cookie', 'b=2'], ['COOKIE', 'c=3']]);
    expect(cookies.get('Cookie')).toBe('a=1; b=2; c=3');
  });

  test('of set-cookie, get gives the first line alone (RFC 9110 §5.3)', () => {
    const cookies = make([['Set-Cookie', 'a=1; Expires=x, y'], ['set-cookie', 'b=2']]);
    expect(cookies.get('SET-COOKIE')).toBe('a=1; Expires=x, y');
    expect(cookies.getAll('set-cookie')).toEqual(['a=1; Expires=x, y', 'b=2']);
  });

  test('space around a value is not part of it, obs-text is (RFC 9110 §5.5)', () => {
    expect(make([['a', ' \t b \t c\t ']]).get('a')).toBe('b \t c');
    expect(make([['a', '\xa0b\xa0']]).get('a')).toBe('\xa0b\xa0');
  });

  test('names of an object are names like others', () => {
    const odd = make([['__proto__', 'x'], ['constructor', 'y'], ['toString', 'z']]);
    expect(odd.get('__proto__')).toBe('x');
    expect([odd.get('hasOwnProperty'), fields.get('constructor')]).toEqual([undefined, undefined]);
    const json = odd.toJSON();
    expect(Object.keys(json)).toEqual(['__proto__', 'constructor', 'tostring']);
    expect(Object.getPrototypeOf(json)).toBe(null);
    expect(JSON.stringify(odd)).toBe('{"__proto__":"x","constructor":"y","tostring":"z"}');
  });

  test('toJSON: each name once', () => {
    const json = make([
      ['a', '1'], ['b', '2'], ['A', '3'], ['Set-Cookie', 'x'], ['set-cookie', 'y'],
    ]);
    expect(JSON.stringify(json)).toBe('{"a":"1, 3","b":"2","set-cookie":"x, y"}');
  });

  test('with replaces all lines of a name, and adds what was not there', () => {
    expect([...fields.with('X-List', 'z')]).toEqual([
      ['host', 'a.example'], ['empty', ''], ['x-list', 'z'],
    ]);
    expect(fields.with('new', ['1', '2']).getAll('new')).toEqual(['1', '2']);
    expect(fields.with('new', 7).get('new')).toBe('7');
  });

  test('and adds lines, without drops them', () => {
    expect(fields.and('X-List', 'z').getAll('x-list')).toEqual(['a', 'b', 'c, d', 'z']);
    expect([...fields.without('X-LIST')]).toEqual([['host', 'a.example'], ['empty', '']]);
    expect(fields.without('nothing')).toBe(fields);
  });

  test('none of these changes what they were asked of', () => {
    const before = JSON.stringify([...fields]);
    fields.with('host', 'b').and('host', 'c').without('host');
    expect(JSON.stringify([...fields])).toBe(before);
  });

  test('no lines are the empty fields', () => {
    expect(make([])).toBe(Fields.empty);
    const { empty } = Fields;
    expect([[...empty], empty.size, empty.get('a')]).toEqual([[], 0, undefined]);
  });
});

describe('made: what lines are made of', () => {
  test.each<[string, FieldsInit, Pairs]>([
    ['an object', { 'Content-Type': 'a/b', x: 5 }, [['content-type', 'a/b'], ['x', '5']]],
    ['an object with lists', { a: ['1', '2'], b: [] }, [['a', '1'], ['a', '2']]],
    ['an object with undefined', { a: undefined, b: 'c' }, [['b', 'c']]],
    ['pairs', [['a', '1'], ['A', '2'], ['b', ['3', '4']]],
      [['a', '1'], ['a', '2'], ['b', '3'], ['b', '4']]],
    ['a Map', new Map([['a', '1']]), [['a', '1']]],
    ['an object with no prototype', Object.assign(Object.create(null), { a: '1' }), [['a', '1']]],
    ['numbers', { a: 0, b: -1.5, c: 2 ** 40 }, [['a', '0'], ['b', '-1.5'], ['c', '1099511627776']]],
    ['an odd name', JSON.parse('{"__proto__": "x"}') as FieldsInit, [['__proto__', 'x']]],
  ])('%s', (_, init, pairs) => {
    expect([...Fields.from(init)]).toEqual(pairs);
  });

  test('Fields are themselves, and nothing is nothing', () => {
    const fields = Fields.from({ a: 'b' });
    expect(Fields.from(fields)).toBe(fields);
    expect(Fields.from(undefined)).toBe(Fields.empty);
    expect(Fields.from({})).toBe(Fields.empty);
  });

  test('what they were made of may change afterwards', () => {
    const list = ['1'];
    const init = { a: list };
    const fields = Fields.from(init);
    list.push('2');
    init.a = [];
    expect([...fields]).toEqual([['a', '1']]);
  });

  test.each(['', ' ', 'a b', 'a:', 'a\r\nb', 'a\0', '\xe9', 'a\u0161', '(a)'])(
    'the name %j is a TypeError (RFC 9110 §5.1)', (name) => {
      expect(() => Fields.from([[name, 'x']])).toThrow(TypeError);
      expect(() => Fields.empty.with(name, 'x')).toThrow('is not a token (RFC 9110 §5.1)');
    },
  );

  test('a name in a message is one line', () => {
    expect(() => Fields.from([['a\r\nb', 'x']]))
      .toThrow('field name "a\\x0d\\x0ab" is not a token');
  });

  test.each([
    'a\r\nb: c', 'a\r', 'a\n', '\n', '\r\n', 'a\0b', '\x7f', '\x1b', 'a\u010ab', '\u20ac',
  ])(
    'the value %j is a TypeError: no value can end its line (RFC 9112 §11.1)', (value) => {
      expect(() => Fields.from({ a: value })).toThrow(TypeError);
      expect(() => Fields.from({ a: ['x', value] })).toThrow('field a: the value holds');
    },
  );

  test.each([[null], [true], [{}], [5n], [new Date(0)]])('the value %s is a TypeError', (value) => {
    const init = { a: value } as unknown as FieldsInit;
    expect(() => Fields.from(init))
      .toThrow(/^field a: the value is \w+, not a string or a number$/);
  });

  test('trimming a value takes time in proportion to it', () => {
    const spaces = ' \t'.repeat(50_000);
    expect(Fields.from({ a: `x${spaces}y` }).get('a')).toHaveLength(100_002);
  });
});

describe('listMembers (RFC 9110 §5.6.1)', () => {
  test.each<[string, string[]]>([
    ['', []], [' ', []], [',', []], [', ,\t,', []],
    ['a', ['a']], ['a,b', ['a', 'b']], [' a ,\tb\t', ['a', 'b']], [',a,,b,', ['a', 'b']],
    ['a b, c', ['a b', 'c']],
    ['"a,b", c', ['"a,b"', 'c']], ['a="b,c";d, e', ['a="b,c";d', 'e']],
    ['"a\\",b", c', ['"a\\",b"', 'c']], ['"a\\\\", b', ['"a\\\\"', 'b']],
    ['"a, b', ['"a, b']], ['a, "b\\', ['a', '"b\\']],
    ['\xa0a', ['\xa0a']],
  ])('%j', (value, members) => {
    expect(listMembers(value)).toEqual(members);
  });
});

test.each([
  ['', ''], [' \t ', ''], ['a', 'a'], [' \ta b\t ', 'a b'], ['\xa0a\n', '\xa0a\n'],
])('trimOws of %j is %j (RFC 9110 §5.6.3)', (text, trimmed) => {
  expect(trimOws(text)).toBe(trimmed);
});

test('trimOws takes a part', () => {
  expect(trimOws('xx a b yy', 2, 7)).toBe('a b');
});

test.each([
  ['', []], ['close', ['close']], [' Keep-Alive ,\tUPGRADE,, ', ['keep-alive', 'upgrade']],
  ['" x , close', ['" x', 'close']],
])('tokenMembers of %j are %j (RFC 9110 §7.6.1)', (value, members) => {
  expect(tokenMembers(value)).toEqual(members);
});
