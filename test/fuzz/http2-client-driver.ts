/**
 * A client under the frame fuzzer: its requests, its responses of which some are read at once, some
 * later and some dropped, its windows, and what must be left of it.
 */
import { PeerGoneError } from '../../src/errors.ts';
import type { RequestBody } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { Http2Client, type ClientResponse } from '../../src/http2/client.ts';
import { PREFACE, REFUSED_STREAM } from '../../src/http2/frame.ts';
import type { FieldList } from '../../src/http2/hpack/index.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { ClientModel } from './http2-client-model.ts';
import { Connection } from './http2-driver.ts';
import type { SentFrame, Verdict } from './http2-model.ts';
import { Observer, PATTERN } from './http2-observer.ts';

/** What a program does with a response: reads it, reads it when told to, or drops it. */
export const USES = ['read', 'later', 'drop'] as const;
export type Use = typeof USES[number];

/** A response that a program waits for. */
interface Waiting {
  readonly streamId: number;
  readonly use: Use;
  settled: boolean;
  body: RequestBody | undefined;
  pulled: number;
  dropped: boolean;
}

/** Reads requests where the server's observer reads responses. */
class ClientObserver extends Observer {
  protected override headers(streamId: number, { names, values }: FieldList, end: boolean): void {
    const model = this.model as ClientModel;
    const received = this.received(streamId);
    const isRequest = received.statuses.length === 0;
    if (isRequest !== (names[0] === ':method')) this.fault(`HEADERS of ${names.join()} (§8.1)`);
    if (isRequest && (streamId <= model.lastLocal || streamId % 2 === 0)) {
      this.fault(`a request on stream ${streamId} (§5.1.1)`);
    }
    // Its head is final: content may follow.
    received.statuses.push(200);
    const length = values[names.indexOf('content-length')];
    if (length !== undefined) received.declared = Number(length);
    const stream = isRequest
      ? model.asked(streamId, values[0] === 'HEAD') : model.live.get(streamId);
    if (end && stream !== undefined) this.ended(stream, received);
  }

  protected override promise(streamId: number): void {
    this.fault(`PUSH_PROMISE on stream ${streamId} (§8.4)`);
  }
}

export class ClientConnection extends Connection {
  readonly model: ClientModel;
  readonly observer: Observer;
  readonly transport: MemoryTransport;
  readonly limits: Limits;
  readonly client: Http2Client;
  readonly waiting: Waiting[] = [];
  #pulls = 0;
  #pushedOn = 0;

  constructor(changes: Partial<Limits>, push: boolean, traced = false) {
    super(traced);
    this.limits = limitsFrom(changes);
    const { limits } = this;
    this.model = new ClientModel({ concurrent: limits.http2Streams, discarded: Infinity });
    this.model.mayPush = push;
    this.observer = new ClientObserver(this.model, (line) => void this.trace?.push(line));
    const pushed = (_path: string, response: Promise<ClientResponse>): void => {
      this.#await(--this.#pushedOn, 'read', response);
    };
    let client: Http2Client | undefined;
    this.transport = new MemoryTransport((transport) => {
      client = new Http2Client(transport, push ? { limits, pushed } : { limits });
      return client;
    }, { limits });
    this.client = client as unknown as Http2Client;
  }

  async open(first: readonly SentFrame[]): Promise<void> {
    const preface = this.transport.takeBytes();
    this.begin(false);
    for (let at = 0; at < PREFACE.length; at++) {
      if (preface[at] !== PREFACE[at]) this.fault('no preface (§3.4)');
    }
    this.observer.read(preface.subarray(PREFACE.length));
    await this.step({ kind: 'frames', frames: first, cuts: [] });
  }

  protected override get pulls(): number {
    return this.#pulls;
  }

  protected override predicted(frame: SentFrame): Verdict {
    return this.model.receive(frame, 0);
  }

  protected override mayReset(streamId: number, code: number): boolean {
    return code === REFUSED_STREAM && this.model.givenUp.delete(streamId);
  }

  /** `GET`, `HEAD` or `POST` with so many octets; or a response that is read at last. */
  protected override act(act: string, at: number): void {
    const [method = '', use = ''] = act.split(' ');
    if (method === 'release') {
      const one = this.waiting.find(({ streamId }) => streamId === at);
      if (one?.body !== undefined) void this.#read(one, one.body);
      return;
    }
    if (!this.client.canRequest) return;
    const body = method === 'POST' ? { body: PATTERN.subarray(0, at) } : {};
    const fields = Fields.from({ 'x-use': use });
    const streamId = this.model.lastLocal === 0 ? 1 : this.model.lastLocal + 2;
    const response = this.client.request({ method, authority: 'a', fields, ...body });
    this.#await(streamId, use as Use, response);
  }

  #await(streamId: number, use: Use, response: Promise<ClientResponse>): void {
    const one: Waiting = {
      streamId, use, settled: false, body: undefined, pulled: 0, dropped: false,
    };
    this.waiting.push(one);
    response.then(({ body }) => {
      one.settled = true;
      one.body = body;
      if (use === 'read') void this.#read(one, body);
      if (use !== 'drop') return;
      one.dropped = true;
      body.cancel();
    }, () => {
      one.settled = true;
    });
  }

  async #read(one: Waiting, body: RequestBody): Promise<void> {
    try {
      for (;;) {
        const piece = await body.pull(1000);
        this.#pulls++;
        if (piece === null) return;
        one.pulled += piece.length;
      }
    } catch {
      // The stream was reset: the program has learnt of it.
    }
  }

  /** Responses that can be read now. */
  held(): number[] {
    return this.waiting.filter(({ use, body, pulled }) =>
      use === 'later' && body !== undefined && pulled === 0).map(({ streamId }) => streamId);
  }

  protected override check(): void {
    if (this.over) return;
    const { model } = this;
    for (const id of model.givenUp) this.fault(`stream ${id} was not given up (§6.8)`);
    const { http2StreamWindowBytes: least, http2StreamWindowMaxBytes: most } = this.limits;
    for (const stream of model.live.values()) {
      // Whoever reads later or what was pushed is counted at the connection alone.
      const one = this.waiting.find(({ streamId }) => streamId === stream.id);
      if (one?.use !== 'later' && stream.canReceive) this.checkWindow(stream.id, 0, least, most);
    }
    this.checkConnectionWindow(this.limits.http2ConnectionWindowBytes, this.transport.charged);
    for (const { streamId, settled } of this.waiting) {
      const isOver = streamId > 0 && !model.live.has(streamId) && !model.isIdle(streamId);
      if (isOver && !settled) this.fault(`the request of stream ${streamId} was not told`);
    }
  }

  /** The server is gone: whoever waits is told. */
  async gone(): Promise<void> {
    this.begin(false);
    this.label('gone');
    this.transport.disconnect(new PeerGoneError('the fuzzer has gone'));
    await this.settle();
    for (const { streamId, settled } of this.waiting) {
      if (!settled) this.fault(`the request of stream ${streamId} was not told`);
    }
    this.checkGuard();
  }
}
