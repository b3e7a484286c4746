/** UTF-8 beside TextDecoder, whole and at every split. */
import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { Utf8Validator, decodeUtf8 } from '../../src/bytes/utf8.ts';
import { Random, countFrom, freshSeed, seeded } from '../support/random.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function expected(octets: Uint8Array): string | undefined {
  try {
    return decoder.decode(octets);
  } catch {
    return undefined;
  }
}

/** Among other octets, so that offsets count. */
function decoded(octets: Uint8Array): string | undefined {
  const lent = Buffer.concat([Buffer.from([0xc3, 0xe2, 0x41]), octets, Buffer.from([0x80, 0xa9])]);
  return decodeUtf8(lent, 3, 3 + octets.length);
}

function valid(segments: readonly Uint8Array[]): boolean {
  const validator = new Utf8Validator();
  return segments.every((octets) => {
    const lent = Buffer.concat([Buffer.from([0xf0]), octets, Buffer.from([0x80])]);
    return validator.accept(lent, 1, 1 + octets.length);
  }) && validator.isComplete;
}

/** Whole, octet by octet, and in two at each place. */
function agrees(octets: Uint8Array): void {
  const text = expected(octets);
  expect(decoded(octets), Buffer.from(octets).toString('hex')).toBe(text);
  const splits = [[octets], [...octets].map((octet) => Uint8Array.of(octet))];
  for (let at = 1; at < octets.length; at++) {
    splits.push([octets.subarray(0, at), octets.subarray(at)]);
  }
  for (const segments of splits) {
    if (valid(segments) !== (text !== undefined)) {
      const where = segments.map((one) => Buffer.from(one).toString('hex')).join(' ');
      throw new Error(`${where} is ${text === undefined ? 'no ' : ''}UTF-8`);
    }
  }
}

const POINTS = [
  0, 0x41, 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x1_0000,
  0x1_f600, 0x10_ffff,
];

function randomText(random: Random, length: number): string {
  const plain = random.chance(0.3);
  return Array.from({ length }, () => (
    plain ? String.fromCharCode(random.int(128)) : String.fromCodePoint(random.pick(POINTS))
  )).join('');
}

describe('RFC 3629 §4 syntax', () => {
  test.each(POINTS)('code point %d, alone and within 600 octets', (point) => {
    const text = String.fromCodePoint(point);
    for (const whole of [text, `${'a'.repeat(600)}${text}`, `${text}${'é'.repeat(300)}`]) {
      agrees(Buffer.from(whole));
      expect(decoded(Buffer.from(whole))).toBe(whole);
    }
  });

  test.each([
    ['80'], ['bf'], ['c0'], ['c080'], ['c1bf'], ['c2'], ['c241'], ['c2c2'], ['e0'], ['e09fbf'],
    ['e080af'], ['e2'], ['e282'], ['e28241'], ['eda080'], ['edbfbf'], ['eda080edb080'], ['f0'],
    ['f08fbfbf'], ['f09f98'], ['f09f9841'], ['f4908080'], ['f48fbf'], ['f5808080'], ['f880808080'],
    ['fe'], ['ff'], ['41ff'], ['c3a9c3'], ['efbfbdff'],
  ])('%s is none, alone and behind 600 octets', (hex) => {
    const broken = Buffer.from(hex, 'hex');
    for (const octets of [broken, Buffer.concat([Buffer.alloc(600, 'a'), broken])]) {
      expect(decoded(octets)).toBeUndefined();
      agrees(octets);
    }
  });

  test('the empty text', () => {
    expect(decodeUtf8(Buffer.from('abc'), 1, 1)).toBe('');
    expect(new Utf8Validator().isComplete).toBe(true);
  });

  test.each([31, 32, 33, 511, 512, 513, 65_536, 3_000_000])('%d octets', (length) => {
    for (const unit of ['a', 'é', '€', '😀']) {
      const text = unit.repeat(Math.floor(length / Buffer.byteLength(unit)));
      const octets = Buffer.from(text);
      expect(decoded(octets) === text).toBe(true);
      expect(valid([octets])).toBe(true);
      const broken = Buffer.concat([octets, Buffer.from([0xff])]);
      expect(decoded(broken)).toBeUndefined();
      expect(valid([broken])).toBe(false);
    }
  });
});

describe('Utf8Validator says no at once', () => {
  test.each([
    ['e0', '9f'], ['ed', 'a0'], ['f0', '8f'], ['f4', '90'], ['c3', '28'], ['e282', '28'],
    ['f09f98', 'c0'],
  ])('after %s: %s', (begin, next) => {
    for (const before of ['', 'a'.repeat(40)]) {
      const validator = new Utf8Validator();
      const octets = Buffer.concat([Buffer.from(before), Buffer.from(begin, 'hex')]);
      expect(validator.accept(octets, 0, octets.length)).toBe(true);
      expect(validator.isComplete).toBe(false);
      expect(validator.cutBytes).toBe(begin.length / 2);
      expect(validator.accept(Buffer.from(next, 'hex'), 0, 1)).toBe(false);
    }
  });

  test('reset forgets a cut code point', () => {
    const validator = new Utf8Validator();
    validator.accept(Buffer.from([0xe0]), 0, 1);
    validator.reset();
    expect([validator.isComplete, validator.cutBytes]).toEqual([true, 0]);
    expect(validator.accept(Buffer.from('é'), 0, 2)).toBe(true);
    expect(validator.isComplete).toBe(true);
  });
});

describe('beside TextDecoder', () => {
  const cases = countFrom('FUZZ_UTF8', 1500);
  test.each([['the fixed seed', 3629], ['a fresh seed', freshSeed()]])('%s', (_, seed) => {
    seeded(seed, () => {
      let broken = 0;
      for (let index = 0; index < cases; index++) {
        const random = Random.case(seed, index);
        const length = random.chance(0.05) ? random.between(200, 400) : random.int(24);
        const octets = Buffer.from(randomText(random, length));
        agrees(octets);
        if (octets.length === 0) continue;
        octets[random.int(octets.length)] = random.next();
        if (expected(octets) === undefined) broken++;
        agrees(octets);
      }
      expect(broken).toBeGreaterThan(cases / 10);
      expect(broken).toBeLessThan(cases);
    });
  });
});
