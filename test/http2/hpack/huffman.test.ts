/** Huffman coding: each octet by itself, all pairs, long strings, and every wrong end. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { Slab } from '../../../src/bytes/slab.ts';
import { CompressionError } from '../../../src/http2/hpack/compression-error.ts';
import { CODE_LENGTHS } from '../../../src/http2/hpack/huffman-codes.ts';
import { huffmanDecode, huffmanEncode, huffmanLength } from '../../../src/http2/hpack/huffman.ts';
import { hex, written } from '../../support/hpack.ts';
import { APPENDIX_B } from '../../support/huffman-codes.ts';
import { seeded } from '../../support/random.ts';

function encode(text: string): string {
  const slab = new Slab();
  huffmanEncode(text, huffmanLength(text), slab);
  return written(slab);
}

function decode(octets: string): string {
  const bytes = hex(octets);
  return huffmanDecode(bytes, 0, bytes.length);
}

/** The code of a symbol as 0 and 1. */
function bits(symbol: number): string {
  const code = Number.parseInt(APPENDIX_B[symbol] as string, 16);
  return code.toString(2).padStart(CODE_LENGTHS[symbol] as number, '0');
}

/** 0 and 1 as hexadecimal; the last octet is filled with ones. */
function packed(text: string): string {
  const whole = text.padEnd(Math.ceil(text.length / 8) * 8, '1');
  return whole.replaceAll(/.{8}/g, (octet) =>
    Number.parseInt(octet, 2).toString(16).padStart(2, '0'));
}

const OCTETS = Array.from({ length: 256 }, (_, octet) => octet);

describe('Appendix B', () => {
  test('each octet by itself', () => {
    const alone = OCTETS.map((octet) => packed(bits(octet)));
    expect(OCTETS.map((octet) => encode(String.fromCharCode(octet)))).toEqual(alone);
    expect(alone.map(decode)).toEqual(OCTETS.map((octet) => String.fromCharCode(octet)));
  });

  test('each octet after each other', () => {
    for (const first of OCTETS) {
      const text = OCTETS.map((second) => String.fromCharCode(first, second)).join('');
      const expected = OCTETS.map((second) => bits(first) + bits(second)).join('');
      expect(encode(text)).toBe(packed(expected));
      expect(decode(packed(expected)) === text).toBe(true);
    }
  });

  test.each([1, 2, 3, 4])('random octets: %d', (seed) => {
    seeded(seed, (random) => {
      for (let round = 0; round < 200; round++) {
        const text = Buffer.from(random.bytes(random.int(60))).toString('latin1');
        expect(encode(text)).toBe(packed([...text].map((c) => bits(c.charCodeAt(0))).join('')));
        expect(decode(encode(text))).toBe(text);
        expect(encode(text)).toHaveLength(huffmanLength(text) * 2);
      }
    });
  });

  test('a string that outgrows the memory kept for decoding', () => {
    const text = '0123456789'.repeat(5000);
    expect(decode(encode(text)) === text).toBe(true);
    expect(decode(encode('short'))).toBe('short');
  });
});

describe('§5.2 String Literal Representation', () => {
  test('only the octets between start and end are looked at', () => {
    const bytes = hex(`ff${encode('www.example.com')}00`);
    expect(huffmanDecode(bytes, 1, bytes.length - 1)).toBe('www.example.com');
  });

  test('the slab goes on after what it held', () => {
    const slab = new Slab();
    slab.octet(0x8c);
    huffmanEncode('www.example.com', huffmanLength('www.example.com'), slab);
    slab.octet(0);
    expect(written(slab)).toBe('8cf1e3c2e5f23a6ba0ab90f4ff00');
  });

  test('no text, no octets', () => {
    expect([encode(''), huffmanLength(''), decode('')]).toEqual(['', 0, '']);
  });

  const paddings = [0, 1, 2, 3, 4, 5, 6, 7];
  /** So many zeros, of five bits each, leave so many bits of their last octet. */
  const zeros = (padding: number): string =>
    '0'.repeat([0, 3, 6, 1, 4, 7, 2, 5][padding] as number);

  test.each(paddings)('%i bits of ones are padding', (padding) => {
    const text = zeros(padding);
    expect(text.length * 5 + padding).toSatisfy((length: number) => length % 8 === 0);
    expect(decode(packed('00000'.repeat(text.length)))).toBe(text);
  });

  test.each(paddings)('an octet more than %i bits is none', (padding) => {
    expect(() => decode(`${packed('00000'.repeat(zeros(padding).length))}ff`))
      .toThrow(CompressionError);
  });

  test.each(paddings.slice(1))('each padding of %i bits that are not all ones', (padding) => {
    const text = zeros(padding);
    const ones = 2 ** padding - 1;
    for (let wrong = 0; wrong < ones; wrong++) {
      const tail = wrong.toString(2).padStart(padding, '0');
      const octets = packed('00000'.repeat(text.length) + tail);
      // Five bits and more may be a code; what follows it must still be ones.
      const isCode = OCTETS.some((octet) => tail.startsWith(bits(octet)) &&
        /^1*$/.test(tail.slice(bits(octet).length)));
      if (isCode) expect(decode(octets)).toHaveLength(text.length + 1);
      else expect(() => decode(octets)).toThrow(CompressionError);
    }
  });

  test.each(['', 'a', 'ab', 'abc', '\u0000', '\u00ff~'])('EOS after "%s"', (text) => {
    const before = [...text].map((c) => bits(c.charCodeAt(0))).join('');
    expect(() => decode(packed(before + bits(256)))).toThrow('EOS');
    expect(() => decode(packed(before + bits(256) + bits(97)))).toThrow('EOS');
  });

  test.each(OCTETS.filter((octet) => bits(octet).length > 8))('code of %i, cut', (octet) => {
    const whole = bits(octet);
    for (let length = 8; length < whole.length; length += 8) {
      expect(() => decode(packed(whole.slice(0, length)))).toThrow(CompressionError);
    }
  });
});
