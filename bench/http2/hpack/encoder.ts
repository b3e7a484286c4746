/**
 * src/http2/hpack/encoder.ts: names and values into field blocks, beside hpack.js.
 *
 * Ours keeps credentials and what hardly comes twice out of the table; hpack.js indexes whatever it
 * is not told to leave out, so it is told: both do the same work. It always writes Huffman code,
 * ours looks where that is shorter. Cold: a new encoder and its first block; warm: the same list
 * again. hpack.js is called below the stream that it is, whose work in later turns would be in
 * nobody's time.
 */
import { Buffer } from 'node:buffer';
import { FieldList, HpackDecoder, HpackEncoder, Slab } from '../../../src/http2/hpack/index.ts';
import { agreed } from '../../agreement.ts';
import { FIELD_LISTS, type FieldPairs } from '../../field-lists.ts';
import { hpackJs, type HpackJsCompressor, type HpackJsField } from '../../peers.ts';
import type { Suite } from '../../suite.ts';
import { encode } from './blocks.ts';

const TABLE_BYTES = 4096;
const slab = new Slab();

export function add(suite: Suite): void {
  for (const [name, fields] of FIELD_LISTS) {
    const objects = withPolicy(fields);
    const encoder = new HpackEncoder();
    const peer = compressor();
    const ours = new HpackDecoder();
    const theirs = new HpackDecoder();
    for (const kind of ['cold', 'warm']) {
      agreed(`${name}, ${kind}`, {
        expected: fields,
        wirestack: decoded(ours, made(encoder, fields)),
        'hpack.js': peer && decoded(theirs, compress(peer, objects)),
      });
    }
    suite.compare(`${name}, cold`, {
      wirestack: () => made(new HpackEncoder(), fields),
      'hpack.js': hpackJs && (() => compress(compressor() as HpackJsCompressor, objects)),
    });
    suite.compare(`${name}, warm`, {
      wirestack: () => made(encoder, fields),
      'hpack.js': peer && (() => compress(peer, objects)),
    });
  }
}

/** The fields as hpack.js takes them; ours decides which are indexed. */
function withPolicy(fields: FieldPairs): HpackJsField[] {
  const encoder = new HpackEncoder();
  return fields.map(([name, value]) => {
    const { added } = encoder;
    slab.clear();
    encoder.field(name, value, slab);
    // One octet: it stands whole in the static table.
    return { name, value, incremental: encoder.added > added || slab.length === 1 };
  });
}

/** One block, in the slab that is used again. */
function made(encoder: HpackEncoder, fields: FieldPairs): Slab {
  slab.clear();
  encode(encoder, fields, slab);
  return slab;
}

let parts: Uint8Array[] = [];

function compressor(): HpackJsCompressor | undefined {
  const peer = hpackJs?.compressor.create({ table: { maxSize: TABLE_BYTES } });
  if (peer !== undefined) peer.push = (part) => parts.push(part) > 0;
  return peer;
}

function compress(peer: HpackJsCompressor, fields: readonly HpackJsField[]): Uint8Array {
  parts = [];
  peer._write(fields, '', done);
  return parts.length === 1 ? parts[0] as Uint8Array : Buffer.concat(parts);
}

function done(): void {}

function decoded(decoder: HpackDecoder, block: Uint8Array | Slab): (readonly [string, string])[] {
  const octets = block instanceof Slab ? block.bytes.subarray(0, block.length) : block;
  const list = new FieldList();
  decoder.decode(octets, 0, octets.length, list);
  return list.names.map((name, at) => [name, list.values[at] as string]);
}
