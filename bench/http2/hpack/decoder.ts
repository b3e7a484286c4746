/**
 * src/http2/hpack/decoder.ts: field blocks into names and values, beside hpack.js.
 *
 * Both decode the same octets, into a list that is used again (ours) or objects (its interface).
 * Cold: a new decoder and the first block of a connection. Warm: a later block, whose fields the
 * table has, but for those that our encoder never indexes. hpack.js is called below the stream that
 * it is, whose work in later turns would be in nobody's time.
 */
import { FieldList, HpackDecoder } from '../../../src/http2/hpack/index.ts';
import { agreed } from '../../agreement.ts';
import { FIELD_LISTS } from '../../field-lists.ts';
import { hpackJs, type HpackJsDecompressor, type HpackJsField } from '../../peers.ts';
import type { Suite } from '../../suite.ts';
import { blocksOf } from './blocks.ts';

const TABLE_BYTES = 4096;
const list = new FieldList();

export function add(suite: Suite): void {
  for (const [name, fields] of FIELD_LISTS) {
    const { cold, warm } = blocksOf(fields);
    const decoder = new HpackDecoder();
    const peer = decompressor();
    for (const [kind, block] of [['cold', cold], ['warm', warm]] as const) {
      agreed<unknown>(`${name}, ${kind}`, {
        expected: fields,
        wirestack: (decode(decoder, block), pairs()),
        'hpack.js': peer && decompress(peer, block).map(({ name, value }) => [name, value]),
      });
    }
    suite.compare(`${name}, cold`, {
      wirestack: () => decode(new HpackDecoder(), cold),
      'hpack.js': hpackJs && (() => decompress(decompressor() as HpackJsDecompressor, cold)),
    });
    suite.compare(`${name}, warm`, {
      wirestack: () => decode(decoder, warm),
      'hpack.js': peer && (() => decompress(peer, warm)),
    });
  }
}

function decode(decoder: HpackDecoder, block: Uint8Array): number {
  list.clear();
  decoder.decode(block, 0, block.length, list);
  return list.size;
}

function pairs(): (readonly [string, string])[] {
  return list.names.slice(0, list.size).map((name, at) => [name, list.values[at] as string]);
}

let found: HpackJsField[] = [];

function decompressor(): HpackJsDecompressor | undefined {
  const peer = hpackJs?.decompressor.create({ table: { maxSize: TABLE_BYTES } });
  if (peer !== undefined) peer.push = (field) => found.push(field) > 0;
  return peer;
}

function decompress(peer: HpackJsDecompressor, block: Uint8Array): HpackJsField[] {
  found = [];
  peer._write(block, '', done);
  peer.execute();
  return found;
}

function done(): void {}
