/** The shortest server: one handler, a function from a request to a response. */
import { HttpResponse, createServer, type Handler } from '../src/index.ts';
import { commandLine } from './support/command-line.ts';
import { serve } from './support/serve.ts';

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

const hello: Handler = (request) => {
  const name = request.url.searchParams.get('name') ?? 'World';
  return new HttpResponse(200, TEXT, `Hello, ${name}!\n`);
};

const { host, port = 8000, limits } = commandLine();
await serve(createServer(hello, { limits }), { host, port });
