/** RFC 7541, HPACK, in its order: a decoder's errors, an encoder's duties, Appendix C. */
import { describe, expect, test } from 'vitest';
import {
  CompressionError, FieldList, HpackDecoder, HpackEncoder, Slab,
} from '../../src/http2/hpack/index.ts';
import { IntegerReader, writeInteger } from '../../src/http2/hpack/integer.ts';
import {
  continued, decode, encode, field, fields, hex, tableOf, tableSize, toHex, written, type Field,
} from '../support/hpack.ts';
import { C3, C4, C5, C6 } from '../support/hpack-examples.ts';

/** Literals with incremental indexing, `a: b` and `c: d`, of 34 octets each. */
const ADD_AB = '4001610162';
const ADD_CD = '4001630164';
const AB: Field = ['a', 'b'];
const CD: Field = ['c', 'd'];

/** A size update (§6.3). */
function update(size: number): string {
  return toHex(Uint8Array.from(size < 31 ? [0x20 | size] : [0x3f, ...continued(size - 31)]));
}

function literal(text: string): string {
  const octets = [...text].map((character) => character.charCodeAt(0));
  const { length } = text;
  return toHex(Uint8Array.from([...length < 127 ? [length] : [127, ...continued(length - 127)],
    ...octets]));
}

function refuses(blocks: string | readonly string[], decoder = new HpackDecoder()): void {
  const all = typeof blocks === 'string' ? [blocks] : blocks;
  for (const block of all.slice(0, -1)) decode(decoder, block);
  expect(() => decode(decoder, all.at(-1) as string)).toThrow(CompressionError);
}

describe('§2.2 Encoding and Decoding Contexts', () => {
  test('each connection and each direction has its own table', () => {
    const [one, other] = [new HpackDecoder(), new HpackDecoder()];
    decode(one, ADD_AB);
    expect([tableOf(one), tableOf(other)]).toEqual([[AB], []]);
  });
});

describe('§2.3 Indexing Tables', () => {
  test('fields keep the order of the list (RFC 7541 §2.1)', () => {
    const list: Field[] = [['z', '1'], ['a', '2'], [':path', '/'], ['z', '1'], ['a', '3']];
    expect(decode(new HpackDecoder(), encode(new HpackEncoder(), list))).toEqual(list);
  });

  test('duplicate entries are no error (RFC 7541 §2.3.2)', () => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, `${ADD_AB}${ADD_AB}bebf`)).toEqual([AB, AB, AB, AB]);
    expect(tableOf(decoder)).toEqual([AB, AB]);
  });

  test('an entry of the static table may be duplicated in the dynamic one', () => {
    const decoder = new HpackDecoder();
    decode(decoder, `42${literal('GET')}`);
    expect(tableOf(decoder)).toEqual([[':method', 'GET']]);
  });

  test.each([
    ['bd', ['www-authenticate', '']], ['be', CD], ['bf', AB],
  ])('one space for both, 1 to 61, then the newest: %s (RFC 7541 §2.3.3)', (block, entry) => {
    const decoder = new HpackDecoder();
    decode(decoder, ADD_AB + ADD_CD);
    expect(decode(decoder, block)).toEqual([entry]);
  });

  test.each([
    ['indexed, empty table', ['be']], ['indexed, one past the end', [ADD_AB, 'bf']],
    ['indexed, far', ['ffffff7f']], ['name, indexed literal', ['7e0162']],
    ['name, literal', ['0f2f0162']], ['name, never indexed', ['1f2f0162']],
    ['name, one past the end', [ADD_AB, '7f000162']], ['evicted', [ADD_AB, '20', 'be']],
  ])('an index past the end of both is an error: %s (RFC 7541 §2.3.3)', (_, blocks) => {
    refuses(blocks);
  });
});

describe('§3 Header Block Decoding', () => {
  test('a block adds to the table while it is decoded: its own entries can be named', () => {
    expect(decode(new HpackDecoder(), `${ADD_AB}be${ADD_CD}bebf`)).toEqual([AB, AB, CD, CD, AB]);
  });

  test.each([
    ['indexed', '82', [':method', 'GET'], 0], ['with indexing', '410161', [':authority', 'a'], 1],
    ['without indexing', '010161', [':authority', 'a'], 0],
    ['never indexed', '110161', [':authority', 'a'], 0],
  ])('%s (RFC 7541 §3.2)', (_, block, entry, added) => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, block)).toEqual([entry]);
    expect(tableOf(decoder)).toHaveLength(added);
  });
});

describe('§4.2 Maximum Table Size', () => {
  test('updates stand at the start of a block (RFC 7541 §4.2)', () => {
    expect(decode(new HpackDecoder(), `${update(100)}82`)).toHaveLength(1);
    refuses(`82${update(100)}`);
    refuses(`${update(100)}${ADD_AB}${update(100)}`);
  });

  test.each([[1, true], [2, true], [3, false]])('%i updates in one block: %s', (count, allowed) => {
    const block = update(100).repeat(count);
    if (allowed) expect(decode(new HpackDecoder(), block)).toEqual([]);
    else refuses(block);
  });

  test('updates are counted a block', () => {
    const decoder = new HpackDecoder();
    for (let i = 0; i < 3; i++) expect(decode(decoder, update(0) + update(4096))).toEqual([]);
  });

  test.each([['82', false], [update(101), false], [update(100), true], [update(0), true]])(
    'after the limit sank to 100 a block begins with an update to it: %s, %s', (block, allowed) => {
      const decoder = new HpackDecoder();
      decoder.setTableSize(100);
      if (allowed) expect(decode(decoder, block)).toEqual([]);
      else refuses(block, decoder);
    },
  );

  test.each<readonly [string, boolean]>([
    [update(4096), false], ['82', false], [update(100) + update(4096), true], [update(100), true],
    [update(101) + update(100), false], [update(0) + update(200), true],
  ])('limits of 100, then 4096: %s tells of the lowest: %s (RFC 7541 §4.2)', (block, allowed) => {
    const decoder = new HpackDecoder();
    decoder.setTableSize(100);
    decoder.setTableSize(4096);
    if (allowed) expect(decode(decoder, block)).toEqual([]);
    else refuses(block, decoder);
  });

  test('a limit that rises, or that the table was under, needs no update', () => {
    const decoder = new HpackDecoder();
    decoder.setTableSize(8192);
    expect(decode(decoder, '82')).toHaveLength(1);
    decode(decoder, update(50));
    decoder.setTableSize(100);
    expect(decode(decoder, '82')).toHaveLength(1);
  });

  test('an update is due once', () => {
    const decoder = new HpackDecoder();
    decoder.setTableSize(100);
    decode(decoder, update(100));
    expect(decode(decoder, '82')).toHaveLength(1);
  });

  test.each([
    [[100], [100]], [[0], [0]], [[50, 100], [50, 100]], [[100, 0, 4096], [0, 4096]], [[4096], []],
  ])('our encoder tells the peer: %j as %j (RFC 7541 §4.2)', (limits, sizes) => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    decode(decoder, encode(encoder, [AB, CD]));
    for (const limit of limits) {
      encoder.setTableSize(limit);
      decoder.setTableSize(limit);
    }
    const block = encode(encoder, []);
    expect(toHex(block)).toBe(sizes.map(update).join(''));
    decode(decoder, block);
    expect(tableSize(tableOf(decoder))).toBeLessThanOrEqual(Math.min(...limits));
    expect(decode(decoder, encode(encoder, [AB, CD]))).toEqual([AB, CD]);
  });
});

describe('§4.3, §4.4 Entry Eviction', () => {
  test.each([[68, [CD, AB]], [67, [CD]], [34, [CD]], [33, []], [0, []]])(
    'a table that sinks to %i octets (RFC 7541 §4.3)', (size, left) => {
      const decoder = new HpackDecoder();
      decode(decoder, ADD_AB + ADD_CD);
      decode(decoder, update(size));
      expect(tableOf(decoder)).toEqual(left);
    },
  );

  test('an update to nothing and back clears the table', () => {
    const decoder = new HpackDecoder();
    decode(decoder, ADD_AB);
    decode(decoder, `${update(0)}${update(4096)}`);
    expect(tableOf(decoder)).toEqual([]);
    refuses('be', decoder);
  });

  test.each([[68, [CD, AB]], [67, [CD]]])('a new entry in a table of %i', (size, left) => {
    const decoder = new HpackDecoder(size);
    decode(decoder, ADD_AB + ADD_CD);
    expect(tableOf(decoder)).toEqual(left);
  });

  test.each([[34 + 66, 1], [34 + 67, 0]])(
    'an entry of %i octets in a table of 100 leaves %i, and is no error (RFC 7541 §4.4)',
    (octets, count) => {
      const decoder = new HpackDecoder(100);
      const value = 'v'.repeat(octets - 33);
      expect(decode(decoder, `${ADD_AB}400178${literal(value)}`)).toEqual([AB, ['x', value]]);
      expect(tableOf(decoder)).toHaveLength(count);
    },
  );

  test('a name may be that of the entry which it evicts (RFC 7541 §4.4)', () => {
    const decoder = new HpackDecoder(34);
    expect(decode(decoder, `${ADD_AB}7e0163`)).toEqual([AB, ['a', 'c']]);
    expect(tableOf(decoder)).toEqual([['a', 'c']]);
  });
});

describe('§5.1 Integer Representation', () => {
  test.each([
    ['index', 'ff8080808000'], ['index, over', 'ffffffffffff0f'], ['name', '7f808080808000'],
    ['name, literal', '0f8080808080'], ['length', '007fffffffff0f'],
    ['length of a value', '01ffffffffffff7f'], ['update', '3fffffffffff0f'],
    ['without end', `ff${'80'.repeat(1000)}00`],
  ])('longer than four octets after its prefix is an error: %s', (_, block) => {
    refuses(block);
  });

  test.each(['ff', 'ff80', '7f', '0f', '1f', '3f', '3f80', '007f', '00ff80', '017f', '0161'])(
    'cut short is an error: %s', (block) => {
      refuses(block);
    },
  );

  test('needless zeros within four octets are one value', () => {
    expect(decode(new HpackDecoder(), '0f808080000161')).toEqual([['accept-charset', 'a']]);
  });
});

describe('§5.2 String Literal Representation', () => {
  test.each([
    ['padding of 8 bits', '0182f8ff'], ['padding of 11 bits', '01821fff'],
    ['padding that is not ones', '01811d'], ['padding of zeros', '01820000'],
    ['EOS alone', '0184ffffffff'], ['EOS in the middle', '01851fffffffff'],
    ['a code cut', '0181fe'], ['ones alone, 8', '0181ff'],
  ])('Huffman code: %s is an error', (_, block) => {
    refuses(block);
  });

  test.each([['a name', '4081ff0161'], ['a value', '4001618118']])('also in %s', (_, block) => {
    refuses(block);
  });

  test.each(['0101', '010261', '0001', '00016101', '0181', '01821c'])(
    'a length over the rest of the block is an error: %s', (block) => {
      refuses(block);
    },
  );

  test('an empty string, plain or in Huffman code', () => {
    expect(decode(new HpackDecoder(), '01000180')).toEqual([
      [':authority', ''], [':authority', ''],
    ]);
  });

  test('every octet is carried', () => {
    const value = String.fromCharCode(...Array.from({ length: 256 }, (_, octet) => octet));
    expect(decode(new HpackDecoder(), `01${literal(value)}`)).toEqual([[':authority', value]]);
    const block = encode(new HpackEncoder(), [['x', value]]);
    expect(decode(new HpackDecoder(), block)).toEqual([['x', value]]);
  });

  test('our encoder takes the shorter form', () => {
    for (let octet = 0; octet < 256; octet++) {
      const value = String.fromCharCode(octet).repeat(8);
      const block = encode(new HpackEncoder(), [['authorization', value]]);
      const isHuffman = (block[2] as number) >= 0x80;
      expect(block.length).toBeLessThanOrEqual(3 + 8);
      expect(isHuffman).toBe(block.length < 3 + 8);
    }
  });
});

describe('§6 Binary Format', () => {
  test.each(['80', '8280', 'ff0080'])('index 0 is an error: %s (RFC 7541 §6.1)', (block) => {
    refuses(block);
  });

  test.each(['400161', '4001', '40', '0001', '00', '10', '1001', '100161', '41', '01', '11'])(
    'a literal cut short is an error: %s (RFC 7541 §6.2)', (block) => {
      refuses(block);
    },
  );

  test.each<Field>([
    ['authorization', 'Bearer x'], ['proxy-authorization', 'Basic YTpi'],
    ['set-cookie', 'id=1'], ['cookie', 'id=1'], ['authorization', 'x'.repeat(1000)],
  ])('credentials are never indexed: %s (RFC 7541 §6.2.3, §7.1.3)', (name, value) => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    for (let round = 0; round < 2; round++) {
      const block = encode(encoder, [[name, value]]);
      expect((block[0] as number) & 0xf0).toBe(0x10);
      expect(decode(decoder, block)).toEqual([[name, value]]);
    }
    expect(tableOf(decoder)).toEqual([]);
  });

  test.each([[4096, 4096, true], [4096, 4097, false], [100, 100, true], [100, 101, false],
    [0, 0, true], [0, 1, false], [65536, 65536, true], [65536, 65537, false]])(
    'limit %i, update to %i: %s (RFC 7541 §6.3)', (limit, size, allowed) => {
      const decoder = new HpackDecoder(limit);
      if (allowed) expect(decode(decoder, update(size))).toEqual([]);
      else refuses(update(size), decoder);
    },
  );
});

describe('§7.3 Memory Consumption, §7.4 Implementation Limits', () => {
  /** A large entry, named again and again. */
  const BOMB = `400178${literal('v'.repeat(3000))}${'be'.repeat(1000)}`;

  test.each([
    ['octets', new FieldList(16 * 1024), 5], ['fields', new FieldList(Infinity, 100), 100],
  ])('the list is bounded while it is decoded: %s', (_, list, kept) => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, BOMB, list)).toHaveLength(kept);
    expect([list.isOver, list.count, list.octets]).toEqual([true, 1001, 1001 * 3033]);
    expect(decode(decoder, 'be')).toEqual([['x', 'v'.repeat(3000)]]);
  });

  test.each([
    ['octets', 33], ['octets', 34], ['fields', 0], ['fields', 1],
  ])('the table stays in step after a list that is over: %s, %i', (kind, bound) => {
    const decoder = new HpackDecoder();
    const list = kind === 'octets' ? new FieldList(bound) : new FieldList(Infinity, bound);
    decode(decoder, ADD_AB + ADD_CD + ADD_AB, list);
    expect(list.isOver).toBe(true);
    expect(fields(list)).toHaveLength(bound === 34 || bound === 1 ? 1 : 0);
    expect(tableOf(decoder)).toEqual([AB, CD, AB]);
  });

  test('a fault behind the bound is a fault still', () => {
    const list = new FieldList(0, 0);
    expect(() => decode(new HpackDecoder(), `${ADD_AB}80`, list)).toThrow(CompressionError);
  });
});

describe('Appendix C', () => {
  test.each([
    ['C.1.1', 5, 10, '0a'], ['C.1.2', 5, 1337, '1f9a0a'], ['C.1.3', 8, 42, '2a'],
  ])('%s integer in %i bits: %i', (_, bits, value, octets) => {
    const slab = new Slab();
    writeInteger(slab, 0, bits, value);
    expect(written(slab)).toBe(octets);
    expect(new IntegerReader().read(hex(octets), octets.length / 2, bits)).toBe(value);
  });

  test.each([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      'custom-key: custom-header', 55],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', ':path: /sample/path', 0],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', 'password: secret', 0],
    ['C.2.4', '82', ':method: GET', 0],
  ])('%s one field', (_, block, line, size) => {
    const decoder = new HpackDecoder();
    expect(decode(decoder, block)).toEqual([field(line)]);
    expect(tableOf(decoder)).toEqual(size === 0 ? [] : [field(line)]);
    expect(tableSize(tableOf(decoder))).toBe(size);
  });

  test.each([
    ['C.3', 4096, C3], ['C.4', 4096, C4], ['C.5', 256, C5], ['C.6', 256, C6],
  ])('%s decoding: the list and the table, exactly', (_, size, examples) => {
    const decoder = new HpackDecoder(size);
    for (const { section, block, list, table, size: octets } of examples) {
      expect(decode(decoder, block), section).toEqual(list.map(field));
      expect(tableOf(decoder), section).toEqual(table.map(field));
      expect(tableSize(tableOf(decoder)), section).toBe(octets);
    }
  });

  test('C.4 encoding: the same octets, the same table', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder();
    for (const { section, block, list, table } of C4) {
      const encoded = encode(encoder, list.map(field));
      expect(toHex(encoded), section).toBe(block.replaceAll(' ', ''));
      decode(decoder, encoded);
      expect(tableOf(decoder), section).toEqual(table.map(field));
    }
  });

  // Location and Set-Cookie stay out of the table by policy; Date is over a quarter of 256 octets.
  test('C.6 encoding: the same lists, the table but for what policy keeps out', () => {
    const encoder = new HpackEncoder(256);
    const decoder = new HpackDecoder(256);
    const tables = C6.map(({ section, list }) => {
      expect(decode(decoder, encode(encoder, list.map(field))), section).toEqual(list.map(field));
      return tableOf(decoder).map(([name, value]) => `${name}: ${value}`);
    });
    expect(tables).toEqual([
      ['cache-control: private', ':status: 302'],
      [':status: 307', 'cache-control: private', ':status: 302'],
      ['content-encoding: gzip', ':status: 307', 'cache-control: private', ':status: 302'],
    ]);
  });
});
