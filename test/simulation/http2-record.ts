/**
 * One stream of a simulation: what its client has sent, what its server has written, and what of
 * that the client has heard. Plain numbers and text; http2-judge.ts and http2-client.ts fill it.
 */
import type { Http2Plan } from './http2-plans.ts';

export interface WrittenHead {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
}

export class StreamRecord {
  readonly id: number;
  readonly plan: Http2Plan;

  // The client's side
  /** Octets of content that were put into frames. */
  content = 0;
  /** Octets of DATA, padding and all, that were put into frames. */
  spent = 0;
  /** Octets that the server lets it send in all: as it wrote, and as the client has heard. */
  granted: number;
  heardGranted: number;
  /** END_STREAM and RST_STREAM were put into frames. */
  ended = false;
  reset = false;
  /** HEADERS, END_STREAM and RST_STREAM were handed to the server. */
  delivered = false;
  endDelivered = false;
  resetDelivered = false;
  /** It waits for 100, or for the answer to CONNECT, before it sends content. */
  waits: boolean;
  /** Answered early, it sends the rest of its content never: the server must not wait for it. */
  abandoned = false;
  /** The server has answered a PING that came after RST_STREAM: nothing may follow. */
  barred = false;

  // The server's side, as written
  interims: WrittenHead[] = [];
  head: WrittenHead | undefined;
  written = '';
  trailers: ReadonlyMap<string, string> | undefined;
  serverEnded = false;
  resetCode: number | undefined;
  /** Octets of DATA that it may still write. */
  window: number;
  /** Something was written since it was last looked at. */
  changed = false;

  // What the client has heard
  heardHead = false;
  heard100 = false;
  heardEnd = false;
  heardReset = false;

  /** `granted`: the server's initial window as it wrote it, and as the client knows it. */
  constructor(
    id: number, plan: Http2Plan, window: number, granted: readonly [written: number, heard: number],
  ) {
    this.id = id;
    this.plan = plan;
    this.window = window;
    [this.granted, this.heardGranted] = granted;
    this.waits = plan.waits;
  }

  get isPushed(): boolean {
    return this.id % 2 === 0;
  }

  /** Whether the client takes it for closed. */
  get isOver(): boolean {
    return this.reset || this.heardReset || (this.ended && this.heardEnd);
  }

  /** Whether the server has said its last word on it. */
  get isAnswered(): boolean {
    return this.serverEnded || this.resetCode !== undefined;
  }
}
