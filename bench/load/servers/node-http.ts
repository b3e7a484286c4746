/** node:http: `hello`, `down`, `up` or `echo`; with `tls` node:https. */
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { HELLO, MIB, TEXT, keyAndCertificate, listen, secure, work } from './child.ts';

const hello: RequestListener = (_, response) => {
  response.writeHead(200, { ...TEXT, 'content-length': HELLO.length });
  response.end(HELLO);
};

const LISTENERS: Readonly<Record<string, RequestListener>> = {
  hello,
  down: (_, response) => {
    response.writeHead(200, { ...TEXT, 'content-length': MIB.length });
    response.end(MIB);
  },
  up: (request, response) => {
    request.on('data', () => {});
    request.on('end', () => hello(request, response));
  },
  echo: (request, response) => {
    const length = request.headers['content-length'] as string;
    response.writeHead(200, { ...TEXT, 'content-length': length });
    request.pipe(response);
  },
};

const listener = LISTENERS[work];
if (listener === undefined) throw new Error(`no listener is called ${work}`);
const server = secure
  ? createSecureServer(keyAndCertificate(), listener)
  : createServer(listener);
// Those that are idle beside the load stay.
server.keepAliveTimeout = 3_600_000;
listen(server);
