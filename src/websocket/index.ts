/** The core of WebSocket, and what a program holds of it. Re-exports only. */
export { webSocket, type SessionHandler } from './endpoint.ts';
export { type WebSocketOptions } from './endpoint-options.ts';
export { WebSocketSession } from './session.ts';
export { type MessageListener } from './inbox.ts';
export { type MessagePieces } from './piece-run.ts';
export { PreparedMessage, prepare, type Message } from './prepared-message.ts';
export { StreamedMessage } from './streamed-message.ts';
export { isWebSocketRequest, type SubprotocolChoice } from './handshake.ts';
export { type DeflateChanges, type DeflateOptions } from './deflate-parameters.ts';
export { ZlibBudget, type ZlibBounds, type ZlibChanges } from './zlib-budget.ts';
export { CloseError } from './close-error.ts';
export type { CloseStatus } from './close-payload.ts';
export type { Closure } from './protocol.ts';
export {
  FrameParser, MORE, type ControlSink, type DataSink, type FrameBounds,
} from './frame-parser.ts';
export { FrameWriter, preparedFrame, type PreparedFrame } from './frame-writer.ts';
export {
  MessageAssembler, type MessageBounds, type MessageKind, type MessageSink,
} from './message-assembler.ts';
export { MessageCollector, type WholeMessageSink } from './message-collector.ts';
export { MessageStream, type PieceSink } from './message-stream.ts';
export { maskingKeys, unmask } from './mask.ts';
