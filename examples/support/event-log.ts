/**
 * One event each 100 ms since the log was opened, with ids 1, 2, 3 ...: as a stream (server-sent
 * events) and as a long poll. What an event says follows from its id, so nothing is stored.
 */
import { HttpResponse, type HttpRequest } from '../../src/index.ts';

const EVERY_MS = 100;
/** Events in one piece of a stream, and in one answer to a poll. */
const BATCH = 100;
const POLL_MS = 30_000;

export class EventLog {
  readonly #openedAt = performance.now();
  #next: Promise<void> | undefined;

  /** The id of the latest event; 0 before the first. */
  get last(): number {
    return Math.floor((performance.now() - this.#openedAt) / EVERY_MS);
  }

  /** The events after Last-Event-ID, or all, as a stream without an end. */
  stream(request: HttpRequest): HttpResponse {
    const known = idOf(request.fields.get('last-event-id')) ?? 0;
    const fields = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
    // An id that is still to come is another server's: then from now on.
    const from = Math.min(known, this.last);
    return new HttpResponse(200, fields, this.#follow(from, request.draining));
  }

  /** The events after `?after=`, as soon as there is one; 204 where none comes in time. */
  async poll(request: HttpRequest): Promise<HttpResponse> {
    const after = idOf(new URLSearchParams(request.query).get('after') ?? undefined) ?? 0;
    const until = performance.now() + POLL_MS;
    const waits = (): boolean => performance.now() < until &&
      !request.draining.aborted && !request.signal.aborted;
    while (this.last <= after && waits()) await this.#tick();
    const fields = { 'cache-control': 'no-store' };
    if (this.last <= after) return new HttpResponse(204, fields);
    const events = this.#events(after).map((id) => ({ id, ms: id * EVERY_MS }));
    const json = { ...fields, 'content-type': 'application/json' };
    return new HttpResponse(200, json, JSON.stringify({ events, last: events.at(-1)?.id }));
  }

  async *#follow(known: number, draining: AbortSignal): AsyncGenerator<string, void, undefined> {
    let sent = known;
    while (!draining.aborted) {
      const ids = this.#events(sent);
      if (ids.length === 0) {
        await this.#tick();
        continue;
      }
      sent = ids.at(-1) ?? sent;
      yield ids.map((id) => `id: ${id}\ndata: {"id":${id},"ms":${id * EVERY_MS}}\n\n`).join('');
    }
  }

  /** The ids after one, the oldest first. */
  #events(after: number): number[] {
    const length = Math.max(0, Math.min(BATCH, this.last - after));
    return Array.from({ length }, (_, index) => after + 1 + index);
  }

  /** Resolves at the next event: one timer, however many wait. */
  #tick(): Promise<void> {
    const age = performance.now() - this.#openedAt;
    return (this.#next ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#next = undefined;
        resolve();
      }, EVERY_MS - (age % EVERY_MS));
    }));
  }
}

function idOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
