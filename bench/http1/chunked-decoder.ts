/**
 * src/http1/chunked-decoder.ts: a request whose content is chunked, beside the parser inside Node,
 * http-parser-js and llhttp in WebAssembly.
 *
 * Those cannot be had without a head, so all sides parse the same short one first. Data passes
 * through as it came on all sides; it is counted, and nothing else is done with it.
 */
import { Buffer } from 'node:buffer';
import { DEFAULT_LIMITS } from '../../src/limits.ts';
import {
  ChunkedDecoder, RequestHead, chunkBounds, chunkLine, headBounds, lastChunk, parseRequestHead,
  requestFraming, CHUNKED,
} from '../../src/http1/index.ts';
import { agreed } from '../agreement.ts';
import type { Suite } from '../suite.ts';
import { peerParsers, sidesOf } from './peer-parsers.ts';

/** Chunks, and octets of each; http-parser-js takes no read over 80 KiB that ends in a head. */
const CONTENTS: readonly (readonly [number, number])[] = [
  [1, 20], [64, 20], [16, 1024], [4, 16_384],
];
const HEAD = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const heads = headBounds(DEFAULT_LIMITS);
const chunks = chunkBounds(DEFAULT_LIMITS);
const head = new RequestHead();
const counter = {
  content: 0,
  chunkData(_bytes: Uint8Array, start: number, end: number): void {
    this.content += end - start;
  },
};

export function add(suite: Suite): void {
  const peers = peerParsers('request');
  for (const [count, length] of CONTENTS) {
    const name = `${count} chunks of ${length} octets`;
    const octets = message(count, length);
    const contents: Record<string, number> = {
      expected: count * length, wirestack: decode(octets),
    };
    for (const [side, parser] of Object.entries(peers)) {
      if (parser === undefined) continue;
      const { messages, content } = parser;
      parser.parse(octets);
      contents[side] = parser.messages - messages === 1 ? parser.content - content : -1;
    }
    agreed(name, contents);
    suite.compare(name, {
      wirestack: () => decode(octets),
      ...sidesOf(peers, (parser) => () => parser.parse(octets)),
    }, count);
  }
}

function message(count: number, length: number): Uint8Array {
  const chunk = `${chunkLine(length)}${'c'.repeat(length)}\r\n`;
  return Buffer.from(`${HEAD}${chunk.repeat(count)}${lastChunk(undefined)}`, 'latin1');
}

/** Octets of content; -1 where the message did not end at the end of the octets. */
function decode(octets: Uint8Array): number {
  const { content } = counter;
  const { length } = octets;
  let at = parseRequestHead(octets, 0, length, heads, head);
  if (requestFraming(head.takeFields(), head.lines, head.minor) !== CHUNKED) return -1;
  const decoder = new ChunkedDecoder(chunks, counter);
  while (at < length && !decoder.done) at = decoder.decode(octets, at, length);
  return decoder.done && at === length ? counter.content - content : -1;
}
