/**
 * src/bytes/utf8.ts: octets into text, or the news that they are none, beside a TextDecoder that is
 * fatal; and the check alone, of text in one piece, beside `buffer.isUtf8`.
 *
 * The decoder of the platform drops a byte order mark unless told not to, so it is told. The check
 * of ours goes on where a piece ended, which `isUtf8` cannot: it is the price of that which is seen
 * here.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { Utf8Validator, decodeUtf8 } from '../../src/bytes/utf8.ts';
import { agreed } from '../agreement.ts';
import type { Suite } from '../suite.ts';

const ASCII = 'The quick brown fox jumps over the lazy dog. ';
const MIXED = 'Grüße aus Zürich, Привет, 日本語 und 🙂. ';
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const validator = new Utf8Validator();

export function add(suite: Suite): void {
  for (const length of [20, 1024, 65_536]) {
    for (const [kind, sample] of [['ASCII', ASCII], ['mixed text', MIXED]] as const) {
      compare(suite, `${length} octets of ${kind}`, textOf(sample, length));
    }
  }
}

/** Octets of whole code points. */
function textOf(sample: string, length: number): Uint8Array {
  const octets = Buffer.from(sample.repeat(Math.ceil(length / sample.length)));
  let end = length;
  while (((octets[end] as number) & 0xc0) === 0x80) end--;
  return octets.subarray(0, end);
}

function compare(suite: Suite, name: string, octets: Uint8Array): void {
  const broken = Uint8Array.from(octets);
  broken[octets.length - 1] = 0xff;
  agreed(name, { wirestack: decode(octets), platform: decoder.decode(octets) });
  agreed(`${name}, broken`, {
    expected: [false, 'none'], wirestack: [check(broken), decode(broken) ?? 'none'],
    platform: [isUtf8(broken), 'none'],
  });
  agreed(`${name}, checked`, { wirestack: check(octets), platform: isUtf8(octets) });
  suite.compare(`decode ${name}`, {
    wirestack: () => decode(octets), TextDecoder: () => decoder.decode(octets),
  });
  suite.compare(`check ${name}`, {
    wirestack: () => check(octets), isUtf8: () => isUtf8(octets),
  });
}

function decode(octets: Uint8Array): string | undefined {
  return decodeUtf8(octets, 0, octets.length);
}

function check(octets: Uint8Array): boolean {
  validator.reset();
  return validator.accept(octets, 0, octets.length) && validator.isComplete;
}
