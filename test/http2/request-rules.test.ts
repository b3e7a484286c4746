/** What makes a request of a section; the malformed ones are in conformance/rfc9113-messages. */
import { expect, test } from 'vitest';
import { markOf } from '../../src/http2/field-marks.ts';
import { requestSection } from '../../src/http2/header-block.ts';
import { FieldList } from '../../src/http2/hpack/index.ts';
import { requestParts } from '../../src/http2/request-rules.ts';
import { fieldsOf, type FieldPairs } from '../support/http2.ts';

function parts(pairs: FieldPairs, offered = false): unknown {
  const list = new FieldList();
  for (const [name, value] of pairs) list.add(name, value, markOf(name, value));
  const section = requestSection(list);
  return typeof section === 'string' ? section : requestParts(section, true, offered);
}

test('a request (RFC 9113 §8.3.1)', () => {
  expect(parts(fieldsOf('GET', '/a?b'))).toMatchObject({
    method: 'GET', scheme: 'http', authority: 'a', target: '/a?b', protocol: undefined,
    contentLength: undefined, endStream: true,
  });
});

test('CONNECT has its authority for a target (RFC 9113 §8.5)', () => {
  expect(parts([[':method', 'CONNECT'], [':authority', 'a:1']]))
    .toMatchObject({ target: 'a:1', authority: 'a:1' });
});

test('extended CONNECT is for those to whom it was offered (RFC 8441 §4)', () => {
  const fields: FieldPairs = [...fieldsOf('CONNECT', '/x'), [':protocol', 'frob']];
  expect(parts(fields, true)).toMatchObject({ target: '/x', protocol: 'frob' });
  expect(parts(fields)).toContain('RFC 8441 §4');
});

test('an authority that was refused once is refused again', () => {
  const fields: FieldPairs = [
    ...fieldsOf('GET').slice(0, 2), [':authority', 'u@b'], [':path', '/'],
  ];
  expect([parts(fields), parts(fieldsOf('GET')), parts(fields)])
    .toEqual([expect.any(String), expect.any(Object), expect.any(String)]);
});
