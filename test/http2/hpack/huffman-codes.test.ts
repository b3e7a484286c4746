/** The lengths of Appendix B against its codes, which are canonical. */
import { expect, test } from 'vitest';
import { CODE_LENGTHS } from '../../../src/http2/hpack/huffman-codes.ts';
import { APPENDIX_B } from '../../support/huffman-codes.ts';

test('256 octets and EOS (RFC 7541 Appendix B)', () => {
  expect([CODE_LENGTHS.length, APPENDIX_B.length]).toEqual([257, 257]);
});

test('the lengths fill the code: no bits are without a meaning', () => {
  expect(CODE_LENGTHS.reduce((sum, length) => sum + 2 ** -length, 0)).toBe(1);
});

test('counting the lengths out gives the codes of the standard (RFC 7541 Appendix B)', () => {
  const order = CODE_LENGTHS.map((length, symbol) => ({ length, symbol }))
    .sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  const codes: string[] = [];
  let next = 0;
  let last = 0;
  for (const { length, symbol } of order) {
    next *= 2 ** (length - last);
    last = length;
    codes[symbol] = (next++).toString(16);
  }
  expect(codes).toEqual(APPENDIX_B);
});
