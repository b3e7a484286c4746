/**
 * node:http2 by its stream API: `hello`, `down` or `up`; with `tls` over TLS; with `large` its
 * windows are as large as ours can grow.
 */
import {
  createSecureServer, createServer, type Http2Server, type ServerHttp2Stream,
} from 'node:http2';
import { HELLO, MIB, TEXT, keyAndCertificate, listen, rest, secure, work } from './child.ts';

const STREAM_WINDOW = 1024 * 1024;
const CONNECTION_WINDOW = 4 * 1024 * 1024;

function answer(stream: ServerHttp2Stream, content: string | Uint8Array): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, ...TEXT, 'content-length': content.length });
  stream.end(content);
}

const LISTENERS: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  hello: (stream) => answer(stream, HELLO),
  down: (stream) => answer(stream, MIB),
  up: (stream) => {
    stream.on('data', () => {});
    stream.on('end', () => answer(stream, HELLO));
  },
};

const listener = LISTENERS[work];
if (listener === undefined) throw new Error(`no listener is called ${work}`);
const large = rest.includes('large');
const options = large ? { settings: { initialWindowSize: STREAM_WINDOW } } : {};
const server: Http2Server = secure
  ? createSecureServer({ ...keyAndCertificate(), ...options })
  : createServer(options);
server.on('stream', (stream) => {
  // A load that ends cuts its streams off.
  stream.on('error', () => {});
  listener(stream);
});
if (large) server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW));
server.on('sessionError', () => {});
listen(server);
