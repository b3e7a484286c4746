/**
 * Answers every request with its own content: the server that parser suites are pointed at.
 *
 * All of the content is read first, so that a fault anywhere in the message decides the answer.
 * Whatever is strict is as in any server: there is no option here but where to listen.
 */
import { HttpResponse, createServer, type Handler } from '../src/index.ts';
import { commandLine } from './support/command-line.ts';
import { localTls } from './support/local-tls.ts';
import { serve } from './support/serve.ts';

const echo: Handler = async (request) => {
  const content = await request.body.bytes();
  return new HttpResponse(200, { 'content-type': 'application/octet-stream' }, content);
};

const { host, port = 9000, limits } = commandLine();
await serve(createServer(echo, { limits, tls: localTls().tls }), { host, port });
