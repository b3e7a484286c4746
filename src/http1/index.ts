/** HTTP/1.1 without a socket (RFC 9112): `wirestack/http1`. Re-exports only. */
export { http1, type Http1Options } from './protocol.ts';
export { MORE, FieldLines, parseFieldLines, type SectionBounds } from './field-lines.ts';
export { RequestHead, headBounds, parseRequestHead, type HeadBounds } from './request-parser.ts';
export { ResponseHead, parseResponseHead } from './response-parser.ts';
export { CHUNKED, UNTIL_CLOSE, requestFraming, responseFraming } from './framing.ts';
export {
  ChunkedDecoder, chunkBounds, type ChunkBounds, type ChunkSink,
} from './chunked-decoder.ts';
export { chunkLine, lastChunk, requestHead } from './message-writer.ts';
// What `http1` is made with
export { dispatcher, failureAnswers } from '../http/exchange.ts';
export { problem } from '../http/problem.ts';
export { limitsFrom } from '../limits.ts';
