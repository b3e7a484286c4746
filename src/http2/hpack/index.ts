/** HPACK, field compression for HTTP/2 (RFC 7541): `wirestack/hpack`. Re-exports only. */
export { CompressionError } from './compression-error.ts';
export { FieldList, HpackDecoder, type FieldMark } from './decoder.ts';
export { HpackEncoder } from './encoder.ts';
export { DynamicTable, ENTRY_OVERHEAD } from './dynamic-table.ts';
export { huffmanDecode, huffmanEncode, huffmanLength } from './huffman.ts';
export { Slab } from '../../bytes/slab.ts';
