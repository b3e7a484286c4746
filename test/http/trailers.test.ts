/** What may stand in trailers, and what in those of a peer is an attack. */
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/http/fields.ts';
import { framingTrailer, permittedTrailers } from '../../src/http/trailers.ts';

describe('§6.5.1 Limitations on Use of Trailers', () => {
  test.each(['content-length', 'transfer-encoding', 'host'])('%s frames or routes', (name) => {
    const trailers = Fields.from({ 'x-sum': '1', [name]: '1' });
    expect(framingTrailer(trailers)).toBe(name);
    expect([...permittedTrailers(trailers)]).toEqual([['x-sum', '1']]);
  });

  test.each(['authorization', 'set-cookie', 'upgrade', 'connection', 'cache-control', 'trailer'])(
    '%s is dropped', (name) => {
      const trailers = Fields.from({ [name]: 'a', 'x-sum': '1' });
      expect(framingTrailer(trailers)).toBeUndefined();
      expect([...permittedTrailers(trailers)]).toEqual([['x-sum', '1']]);
    },
  );

  test('those that are all permitted stay as they are', () => {
    const trailers = Fields.from({ 'x-sum': '1', digest: 'a' });
    expect(permittedTrailers(trailers)).toBe(trailers);
    expect(permittedTrailers(Fields.empty)).toBe(Fields.empty);
  });
});
