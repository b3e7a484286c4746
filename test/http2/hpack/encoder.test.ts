/** The encoder's policy, field by field: what is indexed, what never, what is told to the peer. */
import { describe, expect, test } from 'vitest';
import { Slab } from '../../../src/bytes/slab.ts';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.ts';
import { decode, encode, tableOf, toHex, written, type Field } from '../../support/hpack.ts';

/** How the only field of a block is represented (§6). */
function representation(block: Uint8Array): string {
  const first = block[0] as number;
  if (first >= 0x80) return 'index';
  if (first >= 0x40) return 'literal, indexed';
  if (first >= 0x20) return 'size update';
  return first >= 0x10 ? 'literal, never indexed' : 'literal';
}

function twice(name: string, value: string, tableSize = 4096): readonly string[] {
  const encoder = new HpackEncoder(tableSize);
  return [0, 1].map(() => representation(encode(encoder, [[name, value]])));
}

const ONCE = ['literal, indexed', 'index'];
const PLAIN = ['literal', 'literal'];
const NEVER = ['literal, never indexed', 'literal, never indexed'];
const INDEX = ['index', 'index'];

describe('the indexing policy', () => {
  test.each<readonly [string, string, readonly string[]]>([
    [':method', 'GET', INDEX], [':status', '404', INDEX],
    ['accept-encoding', 'gzip, deflate', INDEX],
    [':method', 'PATCH', ONCE], [':status', '201', ONCE], ['content-type', 'text/html', ONCE],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT', ONCE], ['x-own', 'value', ONCE], ['accept', '', ONCE],
    [':path', '/', INDEX], [':path', '/item/7', PLAIN], ['age', '3', PLAIN], ['etag', '"a"', PLAIN],
    ['content-length', '12', PLAIN], ['content-range', 'bytes 0-1/2', PLAIN],
    ['expires', '0', PLAIN], ['if-none-match', '"a"', PLAIN], ['location', '/item/7', PLAIN],
    ['last-modified', 'Mon, 21 Oct 2013 20:13:21 GMT', PLAIN], ['range', 'bytes=0-1', PLAIN],
    ['if-modified-since', 'Mon, 21 Oct 2013 20:13:21 GMT', PLAIN], ['retry-after', '1', PLAIN],
    ['authorization', 'Basic YTpi', NEVER], ['authorization', 'x'.repeat(100), NEVER],
    ['proxy-authorization', 'Basic YTpi', NEVER], ['set-cookie', 'a=b; Secure', NEVER],
    ['cookie', 'x'.repeat(19), NEVER], ['cookie', 'x'.repeat(20), ONCE],
  ])('%s: %s', (name, value, expected) => {
    expect(twice(name, value)).toEqual(expected);
  });

  test.each([[31, ONCE], [32, PLAIN]])(
    'a value over a quarter of the table stays out of it: %i octets in 256', (length, expected) => {
      expect(twice('n', 'v'.repeat(length), 256)).toEqual(expected);
    },
  );

  test('a credential never enters the table by another name\'s way either', () => {
    const encoder = new HpackEncoder();
    const block = encode(encoder, [['authorization', 'secret'], ['set-cookie', 'a=b']]);
    const decoder = new HpackDecoder();
    expect(decode(decoder, block)).toHaveLength(2);
    expect([tableOf(decoder), encoder.added]).toEqual([[], 0]);
  });
});

describe('representations', () => {
  test('a name of the static table goes as its index', () => {
    expect(toHex(encode(new HpackEncoder(), [['etag', '"']]))).toBe('0f130122');
  });

  test('a name of the dynamic table goes as its index', () => {
    const list: Field[] = [['x-own', '1'], ['x-other', '2'], ['x-own', '2']];
    const block = encode(new HpackEncoder(), list);
    expect(toHex(block).slice(-8)).toBe('7f000132');
    expect(decode(new HpackDecoder(), block)).toEqual(list);
  });

  test('an entry that was evicted is not referred to', () => {
    const encoder = new HpackEncoder(160);
    const decoder = new HpackDecoder(160);
    const list: Field[] = Array.from({ length: 50 }, (_, at) => ['x', String(at % 7)]);
    for (const entry of list) expect(decode(decoder, encode(encoder, [entry]))).toEqual([entry]);
    expect(tableOf(decoder)).toHaveLength(4);
  });

  test.each([
    ['shorter', 'aaaaaaaa', '0f138518c6318c63'],
    ['not shorter', '\u00ff', '0f1301ff'],
    ['as long', 'X', '0f130158'],
    ['empty', '', '0f1300'],
  ])('Huffman code where it is shorter: %s', (_, value, expected) => {
    expect(toHex(encode(new HpackEncoder(), [['etag', value]]))).toBe(expected);
  });
});

describe('table sizes', () => {
  function begun(encoder: HpackEncoder): string {
    const slab = new Slab();
    encoder.begin(slab);
    return written(slab);
  }

  test.each<readonly [string, number, readonly number[], string]>([
    ['nothing changed', 4096, [], ''],
    ['the same', 4096, [4096], ''],
    ['lower', 4096, [100], '3f45'],
    ['none', 4096, [0], '20'],
    ['lower, twice', 4096, [100, 50], '3f13'],
    ['lower and up again', 4096, [0, 4096], '203fe11f'],
    ['lower, up, lower', 4096, [50, 200, 100], '3f133f45'],
    ['higher', 100, [200], '3fa901'],
    ['higher than is worth it', 4096, [65536], ''],
    ['higher than is worth it, from below', 100, [65536], '3fe11f'],
    ['higher than is worth it, at first', 65536, [], '3fe11f'],
  ])('%s', (_, first, limits, expected) => {
    const encoder = new HpackEncoder(first);
    for (const limit of limits) encoder.setTableSize(limit);
    expect(encoder.updateIsDue).toBe(expected !== '');
    expect(begun(encoder)).toBe(expected);
    expect([encoder.updateIsDue, begun(encoder)]).toEqual([false, '']);
  });

  test('entries go when the limit sinks, and come again when it rises', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    const list: Field[] = [['x-own', '1'], ['x-own', '2']];
    for (const limit of [4096, 0, 4096, 40 * 4, 0]) {
      encoder.setTableSize(limit);
      decoder.setTableSize(limit);
      for (let round = 0; round < 2; round++) {
        expect(decode(decoder, encode(encoder, list))).toEqual(list);
      }
    }
    expect(tableOf(decoder)).toEqual([]);
  });

  test('`added` tells one state of the table from another', () => {
    const encoder = new HpackEncoder();
    encode(encoder, [['x-own', '1']]);
    const { added } = encoder;
    encode(encoder, [['x-own', '1']]);
    expect(encoder.added).toBe(added);
    encoder.setTableSize(0);
    encoder.setTableSize(4096);
    expect([encoder.added, encoder.updateIsDue]).toEqual([added, true]);
    encode(encoder, []);
    expect([encoder.added > added, encoder.updateIsDue]).toEqual([true, false]);
  });
});
