/**
 * Handlers of the frame fuzzer, by the first segment of a request's path: answers at once, later
 * (by a hand: `release`), after all content, with the content itself, too early, never, broken.
 * Counts what each of them has read, so that windows can be compared with it.
 */
import { RequestBody, type BodySource } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { isAborted, type HttpRequest } from '../../src/http/request.ts';
import { HttpResponse } from '../../src/http/response.ts';
import { PATTERN, patternAt } from './http2-observer.ts';

/** Kinds of handlers; `held` ones answer when they are released. */
export const KINDS = [
  'now', 'source', 'later', 'read', 'echo', 'cancel', 'throw', 'reject', 'broken', 'short',
  'inform', 'push', 'never',
] as const;
export type Kind = typeof KINDS[number];

/** A call of the handler. */
export interface Call {
  readonly kind: string;
  readonly streamId: number;
  readonly size: number;
  readonly request: HttpRequest;
  /** Octets of content that it took. */
  pulled: number;
  /** It let go of the content. */
  cancelled: boolean;
  settled: boolean;
  /** Answers, where it waits to be told. */
  release: (() => void) | undefined;
}

/** What handlers throw. */
export class Thrown extends Error {}

export class Handlers {
  readonly faults: string[] = [];
  /** Calls that have not settled, or whose stream may live. */
  readonly calls = new Map<number, Call>();
  /** All calls, in their order. */
  count = 0;
  /** How many have not settled. */
  running = 0;
  /** Pieces of content that handlers took. */
  pulls = 0;
  #pushes = 0;

  handle(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    const [, kind = '', id = '', size = ''] = request.target.split('/');
    this.count++;
    // A pushed request cannot know its stream.
    const key = id === 'p' ? -(++this.#pushes) : Number(id);
    const call: Call = {
      kind, streamId: key, size: Number(size), request, pulled: 0, cancelled: false,
      settled: false, release: undefined,
    };
    if (this.calls.has(key)) this.faults.push(`two calls for stream ${id}`);
    this.calls.set(key, call);
    this.running++;
    this.#watch(call);
    return this.#run(call);
  }

  #run(call: Call): HttpResponse | Promise<HttpResponse> {
    let answer: HttpResponse | Promise<HttpResponse>;
    try {
      answer = this.#answer(call);
    } catch (error) {
      this.#settle(call);
      throw error;
    }
    if (answer instanceof HttpResponse) {
      this.#settle(call);
      return answer;
    }
    return answer.finally(() => this.#settle(call));
  }

  #settle(call: Call): void {
    call.settled = true;
    this.running--;
  }

  /** Counts what is pulled from the content, and holds it to the pattern. */
  #watch(call: Call): void {
    const { body } = call.request;
    // The one for requests without content is shared.
    if (body === RequestBody.empty) return;
    const pull = body.pull.bind(body);
    const taken = (piece: Uint8Array | null): Uint8Array | null => {
      this.pulls++;
      if (piece === null) return piece;
      for (let at = 0; at < piece.length; at++) {
        if (piece[at] === PATTERN[call.pulled + at]) continue;
        this.faults.push(`stream ${call.streamId} read another octet at ${call.pulled + at}`);
        break;
      }
      call.pulled += piece.length;
      return piece;
    };
    body.pull = (max) => {
      const piece = pull(max);
      return piece instanceof Promise ? piece.then(taken) : taken(piece);
    };
  }

  #answer(call: Call): HttpResponse | Promise<HttpResponse> {
    const { kind, request } = call;
    switch (kind) {
      case 'now': return answerOf(call);
      case 'source': return new HttpResponse(200, {}, sourceOf(call.size));
      case 'later': return this.#held(call, () => answerOf(call));
      case 'read': return readAll(call);
      case 'echo': return new HttpResponse(200, {}, request.body);
      case 'cancel':
        request.body.cancel();
        call.cancelled = true;
        return this.#held(call, () => answerOf(call));
      case 'throw': throw new Thrown('thrown by a handler');
      case 'reject': return this.#held(call, () => {
        throw new Thrown('thrown by a handler, later');
      });
      case 'broken': return new HttpResponse(200, {}, brokenSource(call.size));
      case 'short': return new HttpResponse(200, {}, shortSource(call.size));
      case 'inform':
        request.inform(103, { link: '</a>; rel=preload' });
        return this.#held(call, () => answerOf(call));
      case 'push':
        request.push(`/now/p/${call.size}`);
        return answerOf(call);
      case 'never':
        void request.signal;
        return this.#held(call, undefined);
      default:
        this.faults.push(`a handler for ${request.target}`);
        return answerOf(call);
    }
  }

  #held(call: Call, answer: (() => HttpResponse) | undefined): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      if (answer === undefined) return;
      call.release = () => {
        call.release = undefined;
        try {
          resolve(answer());
        } catch (error) {
          reject(error as Error);
        }
      };
    });
  }

  /** Calls that wait to be told. */
  held(): Call[] {
    return [...this.calls.values()].filter((call) => call.release !== undefined);
  }

  /** Forgets calls that settled and whose streams are closed, so that memory stays constant. */
  forget(isLive: (streamId: number) => boolean): void {
    for (const [key, call] of this.calls) {
      if (call.settled && !isLive(key)) this.calls.delete(key);
    }
  }

  /** Calls that run on though nobody waits for them: their peer is gone, and they do not know. */
  forsaken(): Call[] {
    return [...this.calls.values()].filter(({ settled, request }) =>
      !settled && !(isAborted(request) && request.signal.aborted));
  }
}

function answerOf({ size }: Call): HttpResponse {
  return new HttpResponse(200, {}, size === 0 ? null : PATTERN.subarray(0, size));
}

async function readAll(call: Call): Promise<HttpResponse> {
  const { body } = call.request;
  for (let piece = await body.pull(1000); piece !== null;) piece = await body.pull(1000);
  return answerOf(call);
}

/** Content in pieces of many sizes, every other one later; and trailers. */
function sourceOf(size: number): BodySource {
  let at = 0;
  let pulls = 0;
  const next = (max: number): Uint8Array | null => {
    if (at === size) return null;
    const from = at;
    at = Math.min(size, at + Math.min(max, 1 + patternAt(pulls) * 40));
    return PATTERN.subarray(from, at);
  };
  return {
    length: undefined,
    pull: (max) => (pulls++ % 2 === 0 ? next(max) : Promise.resolve().then(() => next(max))),
    cancel: () => {},
    trailers: () => Fields.from({ 'x-octets': String(size) }),
  };
}

function brokenSource(size: number): BodySource {
  let at = 0;
  return {
    length: undefined,
    pull: (max) => {
      if (at >= size) throw new Thrown('thrown by a body');
      const from = at;
      at = Math.min(size, at + max);
      return PATTERN.subarray(from, at);
    },
    cancel: () => {},
  };
}

/** Says that it has more than it has. */
function shortSource(size: number): BodySource {
  let at = 0;
  return {
    length: size + 10,
    pull: (max) => {
      const from = at;
      at = Math.min(size, at + max);
      return from === at ? null : PATTERN.subarray(from, at);
    },
    cancel: () => {},
  };
}
