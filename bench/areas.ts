/** All benches in process, by the path of the source that each is about. */
import type { Suite } from './suite.ts';

/** A bench adds its work to a suite. */
export interface Area {
  add(suite: Suite): void | Promise<void>;
}

/** Loaded as they are chosen. */
export const AREAS: Readonly<Record<string, () => Promise<Area>>> = {
  'http1/request-parser': () => import('./http1/request-parser.ts'),
  'http1/response-parser': () => import('./http1/response-parser.ts'),
  'http1/chunked-decoder': () => import('./http1/chunked-decoder.ts'),
  'http1/message-writer': () => import('./http1/message-writer.ts'),
  'http1/protocol': () => import('./http1/protocol.ts'),
  'http2/hpack/decoder': () => import('./http2/hpack/decoder.ts'),
  'http2/hpack/encoder': () => import('./http2/hpack/encoder.ts'),
  'http2/hpack/huffman': () => import('./http2/hpack/huffman.ts'),
  'http2/frame-parser': () => import('./http2/frame-parser.ts'),
  'http2/frame-writer': () => import('./http2/frame-writer.ts'),
  'http2/flow-control': () => import('./http2/flow-control.ts'),
  'http2/send-queue': () => import('./http2/send-queue.ts'),
  'http2/protocol': () => import('./http2/protocol.ts'),
  'bytes/utf8': () => import('./bytes/utf8.ts'),
  'websocket/mask': () => import('./websocket/mask.ts'),
  'websocket/frame-parser': () => import('./websocket/frame-parser.ts'),
  'websocket/frame-writer': () => import('./websocket/frame-writer.ts'),
  'websocket/deflater': () => import('./websocket/deflater.ts'),
  'websocket/inflater': () => import('./websocket/inflater.ts'),
  'websocket/protocol': () => import('./websocket/protocol.ts'),
};
