/**
 * HTTP/1.1: `depth` requests in one segment, then as many answers, and again.
 *
 * The first answer is parsed, and looked at. Those that follow have as many octets, so they are
 * counted; where a read begins with one, its status is looked at.
 */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { DEFAULT_LIMITS } from '../../../src/index.ts';
import { MORE, ResponseHead, headBounds, parseResponseHead } from '../../../src/http1/index.ts';
import { LOAD_REQUESTS, type LoadRequest } from '../work.ts';
import { Answer, connect, type Client, type Tally, type Target } from './client.ts';

const BOUNDS = headBounds(DEFAULT_LIMITS);
/** Where the status stands, and how one of the 200s begins. */
const STATUS_AT = 9;
const SUCCESS = 0x32;

export class Http1Client implements Client {
  readonly #target: Target;
  readonly #tally: Tally;
  readonly #request: LoadRequest;
  readonly #segment: Uint8Array;
  readonly #first = new Answer();
  #socket: Socket | undefined;
  /** Octets of the first answer as far as it has come; undefined once it was looked at. */
  #begun: Uint8Array | undefined = new Uint8Array(0);
  /** Octets of the answers that are due, and those that came of them. */
  #due = 0;
  #got = 0;

  constructor(target: Target, tally: Tally) {
    this.#target = target;
    this.#tally = tally;
    this.#request = LOAD_REQUESTS[target.request ?? 'hello'];
    this.#segment = segmentOf(this.#request, target.depth);
  }

  async open(): Promise<void> {
    const failed = (cause: Error): void => {
      this.#first.failed(cause);
      this.#tally.failed(cause);
    };
    this.#socket = await connect(
      this.#target, 'http/1.1', (octets, end) => this.#receive(octets, end), failed,
    );
    this.#socket.write(segmentOf(this.#request, 1));
    await this.#first.whole;
  }

  start(): void {
    this.#socket?.write(this.#segment);
  }

  close(): void {
    this.#socket?.destroy();
  }

  #receive(octets: Uint8Array, end: number): void {
    if (this.#begun !== undefined) return this.#look(octets, end);
    if (this.#got === 0 && end > STATUS_AT && octets[STATUS_AT] !== SUCCESS) {
      throw new Error('an answer under load has another status than 2xx');
    }
    this.#got += end;
    if (this.#got < this.#due) return;
    if (this.#got > this.#due) throw new Error('answers under load are longer than the first one');
    this.#got = 0;
    this.#tally.items += this.#target.depth;
    if (this.#tally.running) this.#socket?.write(this.#segment);
  }

  #look(octets: Uint8Array, end: number): void {
    const begun = Buffer.concat([this.#begun as Uint8Array, octets.subarray(0, end)]);
    this.#begun = begun;
    const head = new ResponseHead();
    const at = parseResponseHead(begun, 0, begun.length, BOUNDS, head);
    if (at === MORE) return;
    const { answer } = this.#request;
    const answerBytes = answer.length;
    const length = head.takeFields().get('content-length');
    if (head.status !== 200 || length !== String(answerBytes)) {
      throw new Error(`the server answers ${head.status} with content-length ${length}, not 200 ` +
        `with ${answerBytes}`);
    }
    if (begun.length < at + answerBytes) return;
    if (!answer.every((octet, i) => begun[at + i] === octet)) {
      throw new Error('the content of an answer is not what was asked for');
    }
    this.#due = (at + answerBytes) * this.#target.depth;
    this.#begun = undefined;
    this.#first.done();
  }
}

const made = new Map<LoadRequest, Map<number, Uint8Array>>();

/** `count` requests in a row; one for all connections. */
function segmentOf(request: LoadRequest, count: number): Uint8Array {
  let counts = made.get(request);
  if (counts === undefined) made.set(request, counts = new Map());
  let segment = counts.get(count);
  if (segment === undefined) {
    const { method, path, fields, content } = request;
    const all = content.length === 0
      ? fields
      : [...fields, ['Content-Length', content.length] as const];
    const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`, 'latin1');
    const one = Buffer.concat([head, content]);
    counts.set(count, segment = Buffer.concat(Array.from({ length: count }, () => one)));
  }
  return segment;
}
