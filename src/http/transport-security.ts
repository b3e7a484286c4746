/**
 * Middleware that keeps clients on https: Strict-Transport-Security (RFC 6797), and a redirect for
 * servers whose clear text comes by another port or a proxy. A port that speaks both redirects by
 * itself (`tls.clearText`).
 */
import { knowsOnly } from '../errors.ts';
import { isBodySource } from './body.ts';
import type { Middleware } from './exchange.ts';
import { problem } from './problem.ts';
import type { HttpRequest } from './request.ts';
import { HttpResponse } from './response.ts';

export interface StrictTransportOptions {
  /** How long a client is to remember it; default one year. 0 makes it forget. */
  readonly maxAgeSeconds?: number | undefined;
  readonly includeSubDomains?: boolean | undefined;
  /** Asks to be in the lists that browsers come with; wants a year and all subdomains. */
  readonly preload?: boolean | undefined;
}

const OPTION_NAMES = ['maxAgeSeconds', 'includeSubDomains', 'preload'];
const YEAR_SECONDS = 31_536_000;

/** Adds Strict-Transport-Security to answers over TLS; on others it means nothing (§7.2). */
export function strictTransportSecurity(options: StrictTransportOptions = {}): Middleware {
  knowsOnly(options, OPTION_NAMES, 'strictTransportSecurity');
  const { maxAgeSeconds = YEAR_SECONDS, includeSubDomains = false, preload = false } = options;
  if (!Number.isSafeInteger(maxAgeSeconds) || maxAgeSeconds < 0) {
    throw new TypeError(`maxAgeSeconds is a count of seconds, not ${maxAgeSeconds}`);
  }
  if (preload && (maxAgeSeconds < YEAR_SECONDS || !includeSubDomains)) {
    throw new TypeError('preload wants includeSubDomains and a maxAgeSeconds of a year');
  }
  const value = `max-age=${maxAgeSeconds}` +
    (includeSubDomains ? '; includeSubDomains' : '') + (preload ? '; preload' : '');
  // An answer that is given again stays one, and what protocols remember of it.
  const known = new WeakMap<HttpResponse, HttpResponse>();
  const add = (response: HttpResponse): HttpResponse => {
    let secured = known.get(response);
    if (secured === undefined) {
      const fields = response.fields.with('strict-transport-security', value);
      secured = response.with({ fields });
      if (!isBodySource(response.body)) known.set(response, secured);
    }
    return secured;
  };
  return (request, next) => {
    const response = next(request);
    if (!isSecure(request)) return response;
    return response instanceof HttpResponse ? add(response) : response.then(add);
  };
}

/** Sends what came in clear text to https with 308; `authority` where it is not the request's. */
export function redirectToHttps(authority?: string): Middleware {
  return (request, next) => {
    if (isSecure(request)) return next(request);
    const to = authority ?? request.client.host ?? request.authority;
    if (to === '') return problem(400, 'no Host says where https is (RFC 9110 §7.2)');
    return new HttpResponse(308, { location: `https://${to}${resourceOf(request)}` });
  };
}

/** Path and query, as a redirect goes on with them. */
export function resourceOf({ path, query }: HttpRequest): string {
  return `${path === '*' ? '/' : path}${query && `?${query}`}`;
}

/** Whether the client came by TLS, to us or to a proxy that is trusted. */
function isSecure(request: HttpRequest): boolean {
  return request.client.scheme === undefined
    ? request.peer.secure
    : request.client.scheme === 'https';
}
