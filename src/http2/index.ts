/** HTTP/2 without a socket (RFC 9113, RFC 9218): `wirestack/http2`. Re-exports only. */
export { http2, type Http2Options } from './protocol.ts';
export { PREFACE } from './frame.ts';
export { FrameParser, type FrameSink } from './frame-parser.ts';
export {
  Http2Client, type ClientRequest, type ClientResponse, type Http2ClientOptions,
} from './client.ts';
