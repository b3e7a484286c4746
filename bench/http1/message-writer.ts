/**
 * src/http1/message-writer.ts: answers as text, beside the ServerResponse of node:http on a socket
 * that takes everything at once, and beside the least: a template of the same octets, with nothing
 * checked. Text counts as made when it is flat, as a socket wants it.
 *
 * "made anew" makes the response, its fields and its text each time, which is what a handler with
 * content of its own costs; "given again" is one response that stands for many requests. Node has
 * no such thing, so it does the same both times; its side has also the life of a stream, without
 * which it cannot write.
 */
import { Buffer } from 'node:buffer';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { HttpResponse } from '../../src/http/response.ts';
import { plan, planText, requestHead } from '../../src/http1/message-writer.ts';
import {
  ResponseHead, chunkLine, headBounds, lastChunk, parseResponseHead,
} from '../../src/http1/index.ts';
import { DEFAULT_LIMITS } from '../../src/limits.ts';
import { agreed } from '../agreement.ts';
import type { Suite } from '../suite.ts';

const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
const HELLO = 'Hello, World!';
const SHORT = { 'content-type': 'text/plain' };
const MANY = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'private, max-age=0, must-revalidate',
  'etag': 'W/"5e1c-1867f2b1c40"',
  'last-modified': 'Sat, 05 Nov 1994 12:00:00 GMT',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'vary': 'Accept-Encoding, Origin',
  'set-cookie': 'session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; Secure',
};
type Fields = Readonly<Record<string, string>>;

export function add(suite: Suite): void {
  for (const [name, fields] of [['1 field', SHORT], ['8 fields', MANY]] as const) {
    const again = new HttpResponse(200, fields, HELLO);
    const texts = {
      wirestack: madeAnew(fields), again: planText(plan(again), DATE),
      node: nodes(fields), template: template(fields),
    };
    agreed(name, mapped(texts, meaning));
    suite.compare(`answer of ${name}, made anew`, {
      wirestack: () => madeAnew(fields),
      node: () => nodes(fields),
      template: () => template(fields),
    });
    suite.compare(`answer of ${name}, given again`, {
      wirestack: () => planText(plan(again), DATE), node: () => nodes(fields),
    });
  }
  agreed('request', { wirestack: requestText(), template: requestTemplate() });
  suite.compare('request head of 3 fields', {
    wirestack: requestText, template: requestTemplate,
  });
  suite.compare('the lines around a chunk', {
    wirestack: () => chunkLine(1024) + lastChunk(undefined),
  });
}

function madeAnew(fields: Fields): string {
  return planText(plan(new HttpResponse(200, fields, HELLO)), DATE);
}

/** Takes what is written, as a socket that is never slow. */
class Sink extends Socket {
  text = '';

  override write(octets: string | Uint8Array, ...others: unknown[]): boolean {
    this.text += typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
    const done = others.at(-1);
    if (typeof done === 'function') done();
    return true;
  }
}

const sink = new Sink();
const incoming = new IncomingMessage(sink);
incoming.httpVersionMajor = 1;
incoming.httpVersionMinor = 1;

function nodes(fields: Fields): string {
  sink.text = '';
  const response = new ServerResponse(incoming);
  response.assignSocket(sink);
  response.writeHead(200, { ...fields, 'content-length': HELLO.length });
  response.end(HELLO);
  response.detachSocket(sink);
  return sink.text;
}

function template(fields: Fields): string {
  let lines = '';
  for (const name in fields) lines += `${name}: ${fields[name]}\r\n`;
  return flat(`HTTP/1.1 200 OK\r\n${lines}content-length: ${HELLO.length}\r\n` +
    `date: ${DATE}\r\n\r\n${HELLO}`);
}

/** Status, fields but for those of the connection, and content: how they are written may differ. */
function meaning(text: string): unknown {
  const head = new ResponseHead();
  const octets = Buffer.from(text, 'latin1');
  const end = parseResponseHead(octets, 0, octets.length, headBounds(DEFAULT_LIMITS), head);
  const fields = [...head.takeFields()]
    .filter(([name]) => !['connection', 'keep-alive', 'date'].includes(name));
  return [head.status, fields.sort(), octets.subarray(end).toString('latin1')];
}

function mapped<T>(
  texts: Readonly<Record<string, string>>, map: (text: string) => T,
): Record<string, T> {
  return Object.fromEntries(Object.entries(texts).map(([side, text]) => [side, map(text)]));
}

const ASKS = { 'host': 'www.example.com', 'accept': '*/*', 'user-agent': 'example' };

function requestText(): string {
  return flat(requestHead('GET', '/articles/2026/on-framing', ASKS));
}

function requestTemplate(): string {
  let lines = '';
  for (const [name, value] of Object.entries(ASKS)) lines += `${name}: ${value}\r\n`;
  return flat(`GET /articles/2026/on-framing HTTP/1.1\r\n${lines}\r\n`);
}

/** Reading a character makes one string of the parts. */
function flat(text: string): string {
  return text.charCodeAt(0) === 0 ? '' : text;
}
