/**
 * A page that shows the server at work, in the browser that it is shown in: `npm start`.
 *
 * Everything on it is answered by this process. The page is in public/; what its panels talk to is
 * here and in showcase/.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpResponse, createServer, type HttpRequest, type Server } from '../src/index.ts';
import { Activity } from './showcase/activity.ts';
import { guarded, pageFiles } from './showcase/page.ts';
import { story } from './showcase/story.ts';
import { upload } from './showcase/upload.ts';
import { wire } from './showcase/wire.ts';
import { commandLine } from './support/command-line.ts';
import { EventLog } from './support/event-log.ts';
import { localTls } from './support/local-tls.ts';
import { Pieces } from './support/octets.ts';
import { represent } from './support/representation.ts';
import { count, routes, type RouteTable } from './support/routes.ts';
import { serve } from './support/serve.ts';

/** 8080, or the next that is free. */
const PORTS = Array.from({ length: 20 }, (_, index) => 8080 + index);
const TEXT = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
const log = new EventLog();

function json(value: unknown): HttpResponse {
  const fields = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return new HttpResponse(200, fields, JSON.stringify(value));
}

/** The request as it arrived, once all of it has. */
async function inspect(request: HttpRequest): Promise<HttpResponse> {
  let bytes = 0;
  for await (const piece of request.body) bytes += piece.length;
  const { method, target, version, fields, trailers } = request;
  const lines = { fields: [...fields], trailers: [...trailers] };
  return json({ method, target, version, ...lines, bytes, ...activity.connection(request) });
}

function hints(request: HttpRequest): HttpResponse {
  request.inform(103, { link: '</style.css>; rel=preload; as=style' });
  return new HttpResponse(200, TEXT, 'The hint came first.\n');
}

async function slow(_: HttpRequest, ms: string): Promise<HttpResponse> {
  await sleep(count(ms, 2_000));
  return new HttpResponse(200, TEXT, `slept ${ms} ms\n`);
}

function page(): RouteTable {
  return Object.fromEntries([...pageFiles()].map(([name, file]) => [
    `GET /${name === 'index.html' ? '' : name}`,
    (request: HttpRequest) => represent(request, file),
  ]));
}

const handle = guarded(routes({
  ...page(),
  'GET /api/pulse': (request) => activity.pulse(request),
  'GET /api/stream': () => new HttpResponse(200, TEXT, story()),
  'POST /api/upload': (request) => upload(request, activity),
  'GET /api/small': (request) => json(activity.connection(request)),
  'GET /api/events': (request) => log.stream(request),
  '* /api/inspect': inspect,
  'POST /api/wire': wire,
  'GET /api/slow/:ms': slow,
  'GET /api/hints': hints,
  'GET /api/trailers': () => new HttpResponse(200, TEXT, new Pieces(3, 32)),
}));

const { tls, trustHint } = localTls();

function greeting({ url, port }: Server): string {
  const here = url.replace('//127.0.0.1:', '//localhost:');
  return `
  wirestack is at ${here}, and at ${here.replace('http:', 'https:')} with HTTP/2

  The certificate is this machine's own. Until it is trusted, a browser warns of it:

    ${trustHint.replaceAll('localhost/', `localhost:${port}/`).replaceAll('\n', '\n    ')}

  Open the page in a browser, or try from another terminal:

    curl -N ${here}/api/stream
    curl ${here}/api/upload --data-binary @package-lock.json
    printf 'GET /api/hints HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | nc 127.0.0.1 ${port}

  Ctrl-C lets what is begun finish, a second one does not wait.
`;
}

const { host, port = PORTS, limits } = commandLine();
const server = createServer(async (request) => {
  activity.asked(request);
  return activity.counted(await handle(request));
}, { limits, tls });
const activity = new Activity(server);
await serve(server, { host, port }, greeting);
