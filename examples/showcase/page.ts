/** The files of the page, read once, and the fields that keep a page to itself. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { extname } from 'node:path';
import { HttpError, HttpResponse, problem, type Handler } from '../../src/index.ts';
import { bytesOf, type Representation } from '../support/representation.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** The files of examples/public by their names. */
export function pageFiles(): Map<string, Representation> {
  const beside = new URL('../public/', import.meta.url);
  // Compiled, this file is in dist/examples/showcase/, and the page where it always was.
  const above = new URL('../../../examples/public/', import.meta.url);
  const folder = existsSync(beside) ? beside : above;
  return new Map(readdirSync(folder).map((name) => {
    const content = readFileSync(new URL(name, folder));
    const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
    const type = TYPES[extname(name)] ?? 'application/octet-stream';
    return [name, bytesOf(content, { etag }, 'no-cache', type)];
  }));
}

/** No answer is taken for another kind than it says, or used by another site. */
const GUARD = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
};

/** And all that the page needs comes from this server. */
const PAGE_GUARD = {
  ...GUARD,
  'content-security-policy': [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
    "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

/** The handler, with those fields on each of its answers, and closed to other sites' pages. */
export function guarded(next: Handler): Handler {
  return async (request) => {
    const site = request.fields.get('sec-fetch-site') ?? 'none';
    const foreign = site !== 'none' && site !== 'same-origin' && request.method !== 'GET';
    let response: HttpResponse;
    try {
      if (foreign) throw new HttpError(403, 'this is for pages of this server');
      response = await next(request);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      response = problem(error.status, error.message, error.fields);
    }
    const html = response.fields.get('content-type')?.startsWith('text/html') === true;
    let { fields } = response;
    for (const guard of Object.entries(html ? PAGE_GUARD : GUARD)) fields = fields.with(...guard);
    return response.with({ fields });
  };
}
