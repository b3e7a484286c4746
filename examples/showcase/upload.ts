/** An upload that is digested as it comes, at the pace of the reader. */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HttpError, HttpResponse, type HttpRequest } from '../../src/index.ts';
import type { Activity } from './activity.ts';

const MIB = 1024 * 1024;

/**
 * `?name=` is what the pulse calls it; `?pace=` reads so many MiB a second. What is not read is not
 * held here: it makes the browser wait (RFC 9112 knows no better signal than TCP's own).
 */
export async function upload(request: HttpRequest, activity: Activity): Promise<HttpResponse> {
  const query = new URLSearchParams(request.query);
  const name = (query.get('name') ?? 'unnamed').slice(0, 40);
  const pace = Number(query.get('pace') ?? Infinity) * MIB;
  if (!(pace >= MIB)) throw new HttpError(400, 'pace is MiB a second, at least 1');
  const hash = createHash('sha256');
  const began = performance.now();
  let octets = 0;
  let pieces = 0;
  try {
    for await (const piece of request.body) {
      hash.update(piece);
      octets += piece.length;
      pieces++;
      activity.read(name, piece.length);
      const ahead = octets / pace * 1000 - (performance.now() - began);
      if (ahead > 1) await delay(ahead);
    }
  } finally {
    activity.done(name);
  }
  const ms = Math.round(performance.now() - began);
  const facts = { bytes: octets, pieces, ms, sha256: hash.digest('hex') };
  return new HttpResponse(200, { 'content-type': 'application/json' }, JSON.stringify(facts));
}
