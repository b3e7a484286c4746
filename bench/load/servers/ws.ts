/** The package `ws`, where it is installed: `websocket` or `broadcast`. */
import { BACKLOG, installed, ready, work } from './child.ts';

interface WsSocket {
  on(event: 'message', listener: (message: Uint8Array, isBinary: boolean) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  send(message: Uint8Array, options: { readonly binary: boolean }): void;
}

interface WsServer {
  readonly clients: ReadonlySet<WsSocket>;
  on(event: 'connection', listener: (socket: WsSocket) => void): unknown;
  on(event: 'listening', listener: () => void): unknown;
  address(): { readonly port: number };
}

const { WebSocketServer } = installed<{ WebSocketServer: new (options: object) => WsServer }>('ws');
const server = new WebSocketServer({
  port: 0, host: '127.0.0.1', backlog: BACKLOG, perMessageDeflate: false,
});
server.on('connection', (socket) => {
  // A load that ends hangs up.
  socket.on('error', () => {});
  socket.on('message', (message, binary) => {
    if (work === 'websocket') return socket.send(message, { binary });
    for (const one of server.clients) one.send(message, { binary });
  });
});
server.on('listening', () => ready(server.address().port));
