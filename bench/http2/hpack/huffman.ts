/**
 * src/http2/hpack/huffman.ts: texts as fields have them into Huffman code and out of it, beside the
 * coder of strings in hpack.js.
 *
 * Its coder writes and reads the prefix of length as well; it takes and gives arrays of octets, and
 * a text is made of them here as its own callers make one. Ours takes and gives text.
 */
import { Buffer } from 'node:buffer';
import {
  Slab, huffmanDecode, huffmanEncode, huffmanLength,
} from '../../../src/http2/hpack/index.ts';
import { agreed } from '../../agreement.ts';
import { BROWSER_AGENT } from '../../field-lists.ts';
import { hpackJs, type HpackJs } from '../../peers.ts';
import type { Suite } from '../../suite.ts';

const TEXTS: readonly (readonly [string, string])[] = [
  ['a short value', 'application/json'],
  ['a user agent', BROWSER_AGENT],
  ['a token', 'ey0123456789abcdefGHIJKLMNOPQRSTUVWXYZ-_'.repeat(10)],
  ['long codes', '{"a":[1,2],"b":"<>|~^"} \\ #$@!'.repeat(8)],
];
const slab = new Slab();

export function add(suite: Suite): void {
  const peer = hpackJs && coderOf(hpackJs);
  for (const [name, text] of TEXTS) {
    const octets = Uint8Array.from(encode(text).bytes.subarray(0, slab.length));
    const coded = peer?.compress(text);
    agreed(`${name}, code`, {
      wirestack: [...octets], 'hpack.js': coded && [...coded.subarray(-octets.length)],
    });
    agreed(`${name}, text`, {
      expected: text,
      wirestack: huffmanDecode(octets, 0, octets.length),
      'hpack.js': coded && peer?.decompress(coded),
    });
    const size = `${name} of ${text.length} octets`;
    suite.compare(`decode ${size}`, {
      wirestack: () => huffmanDecode(octets, 0, octets.length),
      'hpack.js': peer && coded && (() => peer.decompress(coded)),
    });
    suite.compare(`encode ${size}`, {
      wirestack: () => encode(text), 'hpack.js': peer && (() => peer.compress(text)),
    });
  }
}

function encode(text: string): Slab {
  slab.clear();
  huffmanEncode(text, huffmanLength(text), slab);
  return slab;
}

interface StringCoder {
  /** With the octets of its length before it. */
  compress(text: string): Uint8Array;
  decompress(octets: Uint8Array): string;
}

function coderOf({ encoder, decoder, utils }: HpackJs): StringCoder {
  return {
    compress(text) {
      const one = encoder.create();
      one.encodeStr(utils.toArray(text), true);
      return Buffer.concat(one.render());
    },
    decompress(octets) {
      const one = decoder.create();
      one.push(octets);
      return utils.stringify(one.decodeStr());
    },
  };
}
