/** Fields of a block into a section; what is malformed is in conformance/rfc9113-messages. */
import { describe, expect, test } from 'vitest';
import {
  BLOCK_BYTES_MAX, BlockGathering, CONTINUATIONS_MAX, requestSection, responseSection,
  trailerFields,
} from '../../src/http2/header-block.ts';
import { FieldList } from '../../src/http2/hpack/index.ts';
import type { FieldPairs } from '../support/http2.ts';

function list(pairs: FieldPairs): FieldList {
  const fields = new FieldList();
  for (const [name, value] of pairs) fields.add(name, value);
  return fields;
}

describe('§8.3 sections', () => {
  test('a request: pseudo-header fields apart from the others', () => {
    const section = requestSection(list([[':method', 'GET'], [':path', '/'], ['a', 'b']]));
    if (typeof section === 'string') throw new Error(section);
    expect([...section.pseudo]).toEqual([[':method', 'GET'], [':path', '/']]);
    expect([...section.fields]).toEqual([['a', 'b']]);
  });

  test.each(['', '20', '2000', '099', '2x0', 'abc'])('§8.3.2 a response of status %j', (status) => {
    expect(responseSection(list([[':status', status]]))).toContain('RFC 9113 §8.3.2');
  });

  test('§8.3.2 a response', () => {
    expect(responseSection(list([[':status', '200'], ['a', 'b']]))).toMatchObject({});
    expect(responseSection(list([]))).toContain('§8.3.2');
    expect(responseSection(list([[':path', '/'], [':status', '200']]))).toContain('§8.3');
  });

  test('trailers', () => {
    expect([...trailerFields(list([['a', 'b']]))]).toEqual([['a', 'b']]);
    expect(trailerFields(list([[':status', '200']]))).toContain('§8.3');
  });
});

describe('§6.10 a block in parts', () => {
  const octets = new Uint8Array(BLOCK_BYTES_MAX + 1);
  test('is joined, and its octets are its own', () => {
    const lent = Uint8Array.of(1, 2, 3);
    const gathering = new BlockGathering(true, 7, 0, lent, 0, 2);
    gathering.add(lent, 2, 3);
    lent.fill(9);
    expect([...gathering.octets]).toEqual([1, 2, 3]);
    expect(gathering).toMatchObject({ endStream: true, dependency: 7, promisedId: 0 });
  });

  test('has its bounds: frames and octets, at N and N + 1', () => {
    const gathering = new BlockGathering(true, -1, 0, octets, 0, 0);
    for (let i = 0; i < CONTINUATIONS_MAX; i++) gathering.add(octets, 0, 0);
    expect(() => gathering.add(octets, 0, 0)).toThrow('§10.5.1');
    const other = new BlockGathering(true, -1, 0, octets, 0, 1);
    other.add(octets, 1, BLOCK_BYTES_MAX);
    expect(() => other.add(octets, 0, 1)).toThrow('§10.5.1');
  });
});
