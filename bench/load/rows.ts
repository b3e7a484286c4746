/**
 * The rows: what is loaded how, who does it, and what we aim for.
 *
 * A ratio is the cost at a side divided by that at its base, which is ours unless said: over 1 ours
 * is ahead. Goals are those that the project set itself.
 */
import type { ServerSpec } from './server-process.ts';
import type { Work } from './work.ts';

export interface Side {
  readonly name: string;
  readonly server: ServerSpec;
  /** What the ratio should be at least, or at most. */
  readonly atLeast?: number;
  readonly atMost?: number;
  /** The side that it is divided by, where that is not the first. */
  readonly base?: string;
  /** Where it differs from the row's. */
  readonly work?: Partial<Work>;
  /** Connections beside the load that do nothing. */
  readonly idle?: number;
  /** Packages without which there is no such side. */
  readonly needs?: readonly string[];
}

export interface Row {
  readonly name: string;
  readonly item: string;
  readonly work: Work;
  readonly sides: readonly Side[];
}

export interface MemorySide {
  readonly name: string;
  readonly server: ServerSpec;
  readonly work: Work;
  readonly goalBytes?: number;
  readonly needs?: readonly string[];
}

const KIB = 1024;
const MIB = 1024 * KIB;
const IDLE_BESIDE = 10_000;
export const IDLE_HELD = 5_000;

/** Of node:http's CPU time a request. */
const NODE_HTTP = 1 / 0.62;
const NO_NATIVE_PARTS = { WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };

function ours(...words: string[]): Side {
  return { name: ['wirestack', ...words.slice(1)].join(' '), server: { file: 'ours', words } };
}

function peer(
  name: string, file: ServerSpec['file'], words: readonly string[], atLeast?: number,
): Side {
  return { name, server: { file, words }, ...(atLeast === undefined ? {} : { atLeast }) };
}

function http1(depth: number, request: Work['request'] = 'hello', connections = 64): Work {
  return { kind: 'http1', connections, depth, request };
}

function http2(connections: number, depth: number, request: Work['request'] = 'hello'): Work {
  return { kind: 'http2', connections, depth, request };
}

/** HTTP/2 beside node:http2. */
function http2Row(name: string, work: Work, goal: number, handler: 'hello' | 'async'): Row {
  const nodes = peer('node:http2', 'node-http2', ['hello'], goal);
  return { name, item: 'request', work, sides: [ours(handler), nodes] };
}

interface MessageGoals {
  readonly raw?: number;
  readonly ws?: number;
  readonly native?: number;
}

function messages(name: string, depth: number, size: number, goals: MessageGoals): Row {
  const connections = size >= MIB ? 4 : size > KIB ? 16 : 64;
  // Where a message costs little, how it is read counts.
  const iterated = size < KIB ? [{ ...ours('iterated'), name: 'wirestack, for await' }] : [];
  return {
    name, item: 'message', work: { kind: 'websocket', connections, depth, size },
    sides: [
      ours('websocket'), ...iterated, ...wsSides('websocket', goals),
      peer('raw net', 'raw', ['websocket', String(size)], goals.raw),
    ],
  };
}

/** `ws` in JavaScript alone, and with its native parts. */
function wsSides(work: string, { ws, native }: MessageGoals): Side[] {
  const plain = peer('ws', 'ws', [work], ws);
  return [
    {
      ...plain, server: { ...plain.server, environment: NO_NATIVE_PARTS }, needs: ['ws'],
    },
    { ...peer('ws, native parts', 'ws', [work], native), needs: ['ws', 'bufferutil'] },
  ];
}

export const ROWS: readonly Row[] = [
  {
    name: 'http1/hello, 40 octets', item: 'request', work: http1(1),
    sides: [
      ours('hello'), peer('node:http', 'node-http', ['hello'], NODE_HTTP),
      peer('raw net', 'raw', ['hello'], 1),
    ],
  },
  {
    name: 'http1/hello, asynchronous', item: 'request', work: http1(1),
    sides: [
      ours('async'), peer('node:http', 'node-http', ['hello'], NODE_HTTP),
      peer('raw net', 'raw', ['hello']),
    ],
  },
  {
    name: 'http1/browser-like, 532 octets', item: 'request', work: http1(1, 'browser'),
    sides: [
      ours('hello'), peer('node:http', 'node-http', ['hello'], NODE_HTTP),
      peer('raw net', 'raw', ['hello'], 0.92),
    ],
  },
  {
    name: 'http1/pipelined 16', item: 'request', work: http1(16),
    sides: [
      ours('hello'), peer('node:http', 'node-http', ['hello'], 14),
      peer('raw net', 'raw', ['pipelined'], 0.8),
    ],
  },
  {
    name: 'http1/pipelined 16, asynchronous', item: 'request', work: http1(16),
    sides: [
      ours('async'), peer('node:http', 'node-http', ['hello']),
      peer('raw net', 'raw', ['pipelined'], 0.6),
    ],
  },
  {
    name: 'http1/1 MiB down', item: 'MiB', work: http1(1, 'down', 8),
    sides: [ours('down'), peer('node:http', 'node-http', ['down'])],
  },
  {
    name: 'http1/1 MiB up', item: 'MiB', work: http1(1, 'up', 8),
    sides: [ours('up'), peer('node:http', 'node-http', ['up'])],
  },
  {
    name: 'http1/64 KiB echo', item: 'request', work: http1(1, 'echo', 16),
    sides: [ours('echo'), peer('node:http', 'node-http', ['echo'])],
  },
  http2Row('http2/8 x 32', http2(8, 32), 11, 'hello'),
  http2Row('http2/1 x 100', http2(1, 100), 7.5, 'hello'),
  http2Row('http2/browser-like, 8 x 32', http2(8, 32, 'browser'), 12, 'hello'),
  http2Row('http2/64 x 1', http2(64, 1), 1.9, 'hello'),
  http2Row('http2/8 x 32, asynchronous', http2(8, 32), 11, 'async'),
  http2Row('http2/1 x 100, asynchronous', http2(1, 100), 7.5, 'async'),
  http2Row('http2/64 x 1, asynchronous', http2(64, 1), 1.9, 'async'),
  {
    name: 'http2/1 MiB down', item: 'MiB', work: http2(4, 4, 'down'),
    sides: [ours('down'), peer('node:http2', 'node-http2', ['down'], 1.15)],
  },
  {
    name: 'http2/1 MiB up', item: 'MiB', work: http2(4, 4, 'up'),
    sides: [
      ours('up'), peer('node:http2', 'node-http2', ['up']),
      peer('node:http2, large window', 'node-http2', ['up', 'large'], 1.05),
    ],
  },
  {
    name: 'tls/http1 hello', item: 'request', work: { ...http1(1), secure: true },
    sides: [
      ours('hello', 'tls'), peer('node:https', 'node-http', ['hello', 'tls']),
      peer('raw tls', 'raw', ['hello', 'tls'], 0.95),
    ],
  },
  {
    name: 'tls/http2 8 x 32', item: 'request', work: { ...http2(8, 32), secure: true },
    sides: [ours('hello', 'tls'), peer('node:http2', 'node-http2', ['hello', 'tls'], 9)],
  },
  messages('websocket/20 octets', 1, 20, { raw: 0.95 }),
  messages('websocket/20 octets x 16', 16, 20, { ws: 8 }),
  messages('websocket/1 KiB', 1, KIB, { ws: 1.2 }),
  messages('websocket/64 KiB', 1, 64 * KIB, { ws: 2.8, native: 1 }),
  messages('websocket/1 MiB', 1, MIB, { ws: 3, native: 1 }),
  {
    name: 'websocket/broadcast to 1,000', item: 'delivery',
    work: { kind: 'broadcast', connections: 1000, depth: 1, size: 64 },
    sides: [ours('broadcast'), ...wsSides('broadcast', { ws: 1.6 })],
  },
  {
    name: 'growth/idle connections beside it', item: 'request', work: http1(1),
    sides: [
      ours('hello'),
      { ...ours('hello'), name: 'wirestack, and idle', idle: IDLE_BESIDE, atMost: 1.1 },
      peer('node:http', 'node-http', ['hello']),
      {
        ...peer('node:http, and idle', 'node-http', ['hello']),
        idle: IDLE_BESIDE, base: 'node:http',
      },
    ],
  },
  {
    name: 'growth/fields', item: 'request', work: http1(1, 'fields10'),
    sides: [
      { ...ours('hello'), name: 'wirestack, 10 fields' },
      {
        ...ours('hello'), name: 'wirestack, 100 fields', work: { request: 'fields100' }, atMost: 10,
      },
      peer('node:http, 10 fields', 'node-http', ['hello']),
      {
        ...peer('node:http, 100 fields', 'node-http', ['hello']),
        work: { request: 'fields100' }, base: 'node:http, 10 fields',
      },
    ],
  },
];

const websocketIdle: Work = { kind: 'websocket', connections: 0, depth: 1, size: 20 };

/** Chosen by the words `memory` and `idle`. */
export const MEMORY: { readonly name: string; readonly sides: readonly MemorySide[] } = {
  name: 'memory/idle connection',
  sides: [
    { name: 'raw net', server: { file: 'raw', words: ['hello'] }, work: http1(1) },
    { name: 'node:http', server: { file: 'node-http', words: ['hello'] }, work: http1(1) },
    {
      name: 'wirestack HTTP/1.1', server: { file: 'ours', words: ['hello'] }, work: http1(1),
      goalBytes: 6 * KIB,
    },
    {
      name: 'ws', server: { file: 'ws', words: ['websocket'], environment: NO_NATIVE_PARTS },
      work: websocketIdle, needs: ['ws'],
    },
    {
      name: 'wirestack WebSocket', server: { file: 'ours', words: ['websocket'] },
      work: websocketIdle, goalBytes: 5 * KIB,
    },
    { name: 'node:http2', server: { file: 'node-http2', words: ['hello'] }, work: http2(1, 1) },
    {
      name: 'wirestack HTTP/2', server: { file: 'ours', words: ['hello'] }, work: http2(1, 1),
      goalBytes: 12 * KIB,
    },
  ],
};
