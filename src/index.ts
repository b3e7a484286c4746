/** The public face of wirestack. Re-exports only. */
export {
  Server, createServer,
  type CloseOptions, type RequestRecord, type ServerEvents, type ServerOptions,
  type TrustedProxies,
} from './server/server.ts';
export type { Counters } from './server/connection-manager.ts';
export type { ListenTarget } from './server/listener.ts';
export type {
  CertificateOptions, ClientCertificates, Pem, TlsOptions,
} from './tls/options.ts';
export {
  developmentCertificate, type DevelopmentCertificate, type DevelopmentOptions,
} from './tls/development.ts';
export { DEFAULT_LIMITS, type LimitChanges, type Limits } from './limits.ts';
export { ConnectionError, PeerGoneError, ProtocolError, StreamError } from './errors.ts';
export { Fields, type FieldValue, type FieldsInit } from './http/fields.ts';
export { HttpError } from './http/http-error.ts';
export { HttpRequest, type HttpVersion } from './http/request.ts';
export { HttpResponse } from './http/response.ts';
export {
  redirectToHttps, strictTransportSecurity, type StrictTransportOptions,
} from './http/transport-security.ts';
export { problem } from './http/problem.ts';
export { PULL_BYTES, type Body, type BodySource, type RequestBody } from './http/body.ts';
export type { Handler, Middleware, Service } from './http/exchange.ts';
export {
  CloseError, WebSocketSession, ZlibBudget, isWebSocketRequest, prepare, webSocket,
  type Closure, type DeflateChanges, type Message, type MessageKind, type MessageListener,
  type MessagePieces, type PreparedMessage, type SessionHandler, type StreamedMessage,
  type SubprotocolChoice, type WebSocketOptions, type ZlibBounds, type ZlibChanges,
} from './websocket/index.ts';
export { HandshakeRefusedError, connectWebSocket, type ConnectOptions } from './client/index.ts';
export {
  evaluatePreconditions, isEntityTag, strongMatch, weakMatch, type Validators,
} from './http/preconditions.ts';
export { contentRange, ifRangeHolds, selectRanges, type ByteRange } from './http/ranges.ts';
export type {
  ClientCertificate, Clock, ConnectionTransport, Peer, Protocol, ProtocolFactory, TlsFacts,
  Transport,
} from './protocol.ts';
