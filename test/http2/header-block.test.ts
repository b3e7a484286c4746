/** Fields of a block into a section; what is malformed is in conformance/rfc9113-messages. */
import { describe, expect, test } from 'vitest';
import { markOf } from '../../src/http2/field-marks.ts';
import { requestSection, responseSection, trailerFields } from '../../src/http2/header-block.ts';
import { FieldList } from '../../src/http2/hpack/index.ts';
import type { FieldPairs } from '../support/http2.ts';

function list(pairs: FieldPairs): FieldList {
  const fields = new FieldList();
  for (const [name, value] of pairs) fields.add(name, value, markOf(name, value));
  return fields;
}

describe('§8.3 sections', () => {
  test('a request: pseudo-header fields apart from the others', () => {
    const section = requestSection(list([[':method', 'GET'], [':path', '/'], ['a', 'b']]));
    if (typeof section === 'string') throw new Error(section);
    expect(section).toMatchObject({ method: 'GET', path: '/', authority: undefined });
    expect([...section.fields]).toEqual([['a', 'b']]);
  });

  test('a request: what the rules look at, several lines of one field as a list', () => {
    const section = requestSection(list([
      [':method', 'GET'], ['host', 'a'], ['priority', 'u=1'], ['host', 'b'], ['priority', 'i'],
      ['content-length', '5'], ['expect', '100-continue'],
    ]));
    expect(section).toMatchObject({
      host: 'b', hosts: 2, priority: 'u=1, i', contentLength: '5', contentLengths: 1,
      expect: '100-continue',
    });
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

  test.each(['content-length', 'host'])('trailers that frame: %s (RFC 9110 §6.5.1)', (name) => {
    expect(trailerFields(list([['a', 'b'], [name, '1']]))).toBe(
      `${name} in trailers (RFC 9110 §6.5.1)`);
  });

  test('trailers that are no trailers are dropped (RFC 9110 §6.5.1)', () => {
    expect([...trailerFields(list([['a', 'b'], ['cookie', 'c'], ['te', 'trailers']]))])
      .toEqual([['a', 'b']]);
  });

  test('§8.2.1 names are judged alike, however many came before', () => {
    const names = Array.from({ length: 600 }, (_, index) => `x-name-${index}`);
    for (let round = 0; round < 2; round++) {
      for (const name of names) {
        expect(requestSection(list([[name, 'y']]))).toMatchObject({});
        expect(requestSection(list([[name.toUpperCase(), 'y']]))).toContain('§8.2.1');
      }
    }
  });
});
