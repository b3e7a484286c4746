/** Sec-WebSocket-Extensions: what is a list of extensions, and all that is none. */
import { describe, expect, test } from 'vitest';
import {
  EXTENSION_LIST_BYTES_MAX, parseExtensionList,
} from '../../src/websocket/extension-list.ts';

/** As `name; parameter=value` again. */
function read(text: string): string | undefined {
  return parseExtensionList(text)?.map(({ name, parameters }) => [
    name, ...parameters.map((one) => (
      one.value === undefined ? one.name : `${one.name}=${one.value}`
    )),
  ].join(';')).join(',');
}

describe('§9.1 Negotiating Extensions', () => {
  test.each([
    ['deflate-stream', 'deflate-stream'],
    ['mux; max-channels=4; flow-control, deflate-stream',
      'mux;max-channels=4;flow-control,deflate-stream'],
    ['private-extension', 'private-extension'],
    ['foo, bar; baz=2', 'foo,bar;baz=2'],
    ['a;b="c"', 'a;b=c'],
    ['a;b="\\c\\d"', 'a;b=cd'],
    ['a;b;b=1;b', 'a;b;b=1;b'],
    [' \ta \t;\tb\t= "c"\t, d ', 'a;b=c,d'],
    ['a;b=c=d', undefined],
    [', a,, b,', 'a,b'],
    ['!#$%&\'*+-.^_`|~0aZ;__proto__=1', '!#$%&\'*+-.^_`|~0aZ;__proto__=1'],
  ])('%j (RFC 6455 §9.1)', (text, wanted) => {
    expect(read(text)).toBe(wanted);
  });

  test.each([
    '', ' ', ',', ';', '=', 'a;', 'a;;b', 'a;b=', 'a;=b', 'a;b==c', 'a b', 'a;b c', 'a=b', '"a"',
    'a;"b"', 'a;b="', 'a;b=""', 'a;b="c', 'a;b="c\\', 'a;b="c\\"', 'a;b="c"d', 'a;b="c d"',
    'a;b="c,d"', 'a;b="\\,"', 'a;b=c"d"', 'a\r\nX: y', 'a\n', 'a\0', 'é', 'a;b="é"', 'a;b=\u0161',
    '(a)', 'a/b', 'a:b', 'a;b=[c]', '\u010a', ';a', 'a,;b', '\va',
  ])('%j is malformed (RFC 6455 §9.1)', (text) => {
    expect(parseExtensionList(text)).toBe(undefined);
  });

  test('4 KiB, and an octet more', () => {
    const longest = 'a'.repeat(EXTENSION_LIST_BYTES_MAX);
    expect(read(longest)).toBe(longest);
    expect(parseExtensionList(`${longest}a`)).toBe(undefined);
    expect(parseExtensionList('a;'.repeat(EXTENSION_LIST_BYTES_MAX))).toBe(undefined);
    expect(parseExtensionList(`a${';b'.repeat(2047)}`)?.[0]?.parameters.length).toBe(2047);
    expect(parseExtensionList(`${','.repeat(4095)}a`)?.length).toBe(1);
  });
});
