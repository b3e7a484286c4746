/** Clients. Re-exports only. */
export { connectWebSocket, type ConnectOptions } from './websocket-client.ts';
export { HandshakeRefusedError } from './opening.ts';
