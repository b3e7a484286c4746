/** What a load asks for: requests, messages, and how many at once. */
import { Buffer } from 'node:buffer';
import { REQUESTS } from '../messages.ts';

export interface Work {
  readonly kind: 'http1' | 'http2' | 'websocket' | 'broadcast';
  readonly connections: number;
  /** Requests or messages of a connection at once: pipelined, streams, frames of a segment. */
  readonly depth: number;
  /** Of HTTP. */
  readonly request?: RequestName;
  /** Of WebSocket: octets of a message. */
  readonly size?: number;
  readonly secure?: boolean;
}

export interface LoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Names as HTTP/1.1 clients write them, `Host` among them. */
  readonly fields: readonly (readonly [string, string])[];
  /** Sent with it. */
  readonly content: Uint8Array;
  /** The answer's content. */
  readonly answer: Uint8Array;
}

export type RequestName = 'hello' | 'browser' | 'fields10' | 'fields100' | 'down' | 'up' | 'echo';

const HELLO = Buffer.from('Hello, World!');
/** What the servers have as well. */
const MIB = Buffer.alloc(1024 * 1024, 0x61);
const ECHO = Buffer.alloc(64 * 1024, 0x61);
const NOTHING = new Uint8Array(0);
const HOST = ['Host', '127.0.0.1'] as const;

const [hello, browser] = REQUESTS.map(([, octets]) => parsed(octets)) as [LoadRequest, LoadRequest];

export const LOAD_REQUESTS: Readonly<Record<RequestName, LoadRequest>> = {
  hello,
  browser,
  fields10: { ...hello, fields: fieldLines(10) },
  fields100: { ...hello, fields: fieldLines(100) },
  down: { ...hello, answer: MIB },
  up: { ...hello, method: 'POST', content: MIB },
  echo: { ...hello, method: 'POST', content: ECHO, answer: ECHO },
};

/** A request that the benches in process have, in its parts. */
function parsed(octets: Uint8Array): LoadRequest {
  const [first = '', ...lines] = Buffer.from(octets).toString('latin1').trimEnd().split('\r\n');
  const fields = lines.map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)] as const;
  });
  const path = first.split(' ')[1] as string;
  return { method: 'GET', path, fields, content: NOTHING, answer: HELLO };
}

/** `count` lines with Host's, each other value of 24 octets. */
function fieldLines(count: number): (readonly [string, string])[] {
  const more = Array.from({ length: count - 1 }, (_, i) => (
    [`X-Field-${i}`, String(i).padStart(24, 'v')] as const
  ));
  return [HOST, ...more];
}
