/** A table of routes as a handler: just enough for the examples. */
import {
  HttpError, HttpResponse, isWebSocketRequest, type Handler, type HttpRequest,
} from '../../src/index.ts';

/** Answers a request whose path has the form of its route, with what stood in its `:` segments. */
export type RouteHandler = (
  request: HttpRequest, ...parameters: string[]
) => HttpResponse | Promise<HttpResponse>;

/**
 * Keys are method and path: `GET /bytes/:n`, `* /echo`, `GET /static/*`. HEAD goes with GET, and so
 * does what asks for a WebSocket, where a path has no `WS` of its own.
 */
export type RouteTable = Readonly<Record<string, RouteHandler>>;

interface Route {
  readonly segments: readonly string[];
  /** How many segments are parameters. */
  readonly names: number;
  readonly handlers: Map<string, RouteHandler>;
}

/** Makes a handler of a table. 404 for a path that no route has, 405 for another method. */
export function routes(table: RouteTable): Handler {
  const all = byPath(table);
  const open = [...all.values()]
    .filter(({ names, segments }) => names > 0 || segments.includes('*'));
  return (request) => {
    const { path } = request;
    const isWebSocket = isWebSocketRequest(request);
    const method = isWebSocket ? 'GET' : request.method;
    if (method === 'CONNECT') throw new HttpError(501, 'no tunnel is made here (RFC 9110 §9.3.6)');
    // About the server as a whole (RFC 9110 §9.3.7).
    if (path === '*') return new HttpResponse(204, { allow: 'GET, HEAD, POST, OPTIONS' });
    const route = all.get(path) ?? find(open, path);
    if (route === undefined) throw new HttpError(404, 'there is nothing at this path');
    const own = isWebSocket ? route.handlers.get('WS') : undefined;
    const handler = own ?? route.handlers.get(method) ?? route.handlers.get('*');
    if (handler === undefined) return otherMethod(route, method);
    return route.names === 0 ? handler(request) : handler(request, ...named(route, path));
  };
}

/** A parameter as a count of at most `max`. Throws an HttpError 400 for another text. */
export function count(text: string, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value <= max) return value;
  throw new HttpError(400, `"${text}" in the path is not a number from 0 to ${max}`);
}

function byPath(table: RouteTable): Map<string, Route> {
  const all = new Map<string, Route>();
  for (const [key, handler] of Object.entries(table)) {
    const [method = '', path = ''] = key.split(' ');
    const segments = path.split('/');
    const names = segments.filter(isName).length;
    const route = all.get(path) ?? { segments, names, handlers: new Map<string, RouteHandler>() };
    route.handlers.set(method, handler);
    if (method === 'GET') route.handlers.set('HEAD', handler);
    all.set(path, route);
  }
  return all;
}

function otherMethod({ handlers }: Route, method: string): HttpResponse {
  const allow = [...handlers.keys(), 'OPTIONS'].filter((one) => one !== 'WS').join(', ');
  if (method === 'OPTIONS') return new HttpResponse(204, { allow });
  throw new HttpError(405, `this path has ${allow} (RFC 9110 §15.5.6)`, { allow });
}

function find(open: readonly Route[], path: string): Route | undefined {
  const given = path.split('/');
  return open.find(({ segments }) => {
    const rest = segments.at(-1) === '*';
    if (rest ? given.length < segments.length : given.length !== segments.length) return false;
    return segments.every((each, i) => each === '*' || isName(each) || each === given[i]);
  });
}

function named({ segments }: Route, path: string): string[] {
  return path.split('/').filter((_, index) => isName(segments[index] ?? ''));
}

function isName(segment: string): boolean {
  return segment.startsWith(':');
}
