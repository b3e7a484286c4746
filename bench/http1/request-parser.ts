/**
 * src/http1/request-parser.ts: request heads, beside the parser inside Node, http-parser-js and
 * llhttp in WebAssembly.
 *
 * Ours with every check on and its fields reachable, that is as offsets; so has llhttp in
 * WebAssembly, without checking what a target or a Host is. Node's and http-parser-js make a string
 * of each name and value, as their own servers use them: beside "all fields read" we do so too.
 * Dribbled octet by octet, ours parses again where an LF came, as protocol.ts does; the others keep
 * where they were.
 */
import { LF } from '../../src/bytes/ascii.ts';
import { ReceiveBuffer } from '../../src/bytes/receive-buffer.ts';
import { DEFAULT_LIMITS } from '../../src/limits.ts';
import { MORE, RequestHead, headBounds, parseRequestHead } from '../../src/http1/index.ts';
import { agreed } from '../agreement.ts';
import { REQUESTS, dribble, repeated } from '../messages.ts';
import type { Suite } from '../suite.ts';
import { peerParsers, sidesOf, type PeerParser, type PeerParsers } from './peer-parsers.ts';

const PIPELINED = 16;
const bounds = headBounds(DEFAULT_LIMITS);
const head = new RequestHead();
const rest = new ReceiveBuffer();

export function add(suite: Suite): void {
  const peers = peerParsers('request');
  for (const [name, octets] of REQUESTS) {
    check(name, octets, peers);
    const parse = (parser: PeerParser) => (): void => parser.parse(octets);
    suite.compare(`request of ${name}`, {
      wirestack: () => {
        parseRequestHead(octets, 0, octets.length, bounds, head);
        head.takeFields();
      },
      ...sidesOf(peers, parse),
    });
    suite.compare(`${name}, all fields read`, {
      wirestack: () => {
        parseRequestHead(octets, 0, octets.length, bounds, head);
        return fieldsRead();
      },
      ...sidesOf(peers, (parser) => () => {
        parser.parse(octets);
        return parser.fields();
      }),
    });
  }
  for (const [name, octets] of REQUESTS.slice(0, 2)) {
    pipelined(suite, peers, name, octets);
    dribbled(suite, peers, name, octets);
  }
}

/** As one list of names and values in turn. */
function fieldsRead(): string[] {
  const read: string[] = [];
  for (const [name, value] of head.takeFields()) read.push(name, value);
  return read;
}

/** All sides find the same fields. */
function check(name: string, octets: Uint8Array, peers: PeerParsers): void {
  parseRequestHead(octets, 0, octets.length, bounds, head);
  const found: Record<string, readonly string[] | undefined> = { wirestack: fieldsRead() };
  for (const [side, parser] of Object.entries(peers)) {
    parser?.parse(octets);
    found[side] = parser?.fields().map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
  }
  agreed(name, found);
}

function pipelined(suite: Suite, peers: PeerParsers, name: string, request: Uint8Array): void {
  const octets = repeated(request, PIPELINED);
  const ours = (): number => {
    let requests = 0;
    for (let at = 0; at < octets.length; requests++) {
      at = parseRequestHead(octets, at, octets.length, bounds, head);
      head.takeFields();
    }
    return requests;
  };
  agreed(`pipelined ${name}`, { wirestack: ours(), ...counts(peers, [octets]) });
  suite.compare(`${PIPELINED} pipelined, ${name}`, {
    wirestack: ours, ...sidesOf(peers, (parser) => () => parser.parse(octets)),
  }, PIPELINED);
}

function dribbled(suite: Suite, peers: PeerParsers, name: string, request: Uint8Array): void {
  const reads = dribble(request);
  const ours = (): number => {
    let requests = 0;
    for (const octets of reads) {
      rest.append(octets, 0, 1);
      if (octets[0] !== LF && rest.length < head.limitAt) continue;
      if (parseRequestHead(rest.bytes, rest.start, rest.end, bounds, head) === MORE) continue;
      head.takeFields();
      rest.clear();
      requests++;
    }
    return requests;
  };
  agreed(`dribbled ${name}`, { wirestack: ours(), ...counts(peers, reads) });
  suite.compare(`octet by octet, ${name}`, {
    wirestack: ours,
    ...sidesOf(peers, (parser) => () => {
      for (const octets of reads) parser.parse(octets);
    }),
  });
}

/** How many messages each peer finds. */
function counts(
  peers: PeerParsers, reads: readonly Uint8Array[],
): Record<string, number | undefined> {
  return Object.fromEntries(Object.entries(peers).map(([side, parser]) => {
    if (parser === undefined) return [side, undefined];
    const before = parser.messages;
    for (const octets of reads) parser.parse(octets);
    return [side, parser.messages - before];
  }));
}
