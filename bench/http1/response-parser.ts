/**
 * src/http1/response-parser.ts: response heads and what they say of content, beside the parser
 * inside Node as its client uses it, http-parser-js, and llhttp in WebAssembly as undici has it.
 *
 * The responses have no content, so that all find the end of the message: ours by
 * `responseFraming`, the others within. Fields are reachable on all sides; Node's and
 * http-parser-js have made strings of them, which ours does beside "all fields read".
 */
import { DEFAULT_LIMITS } from '../../src/limits.ts';
import {
  ResponseHead, headBounds, parseResponseHead, responseFraming,
} from '../../src/http1/index.ts';
import { agreed } from '../agreement.ts';
import { RESPONSES } from '../messages.ts';
import type { Suite } from '../suite.ts';
import { peerParsers, sidesOf, type PeerParsers } from './peer-parsers.ts';

const bounds = headBounds(DEFAULT_LIMITS);
const head = new ResponseHead();

export function add(suite: Suite): void {
  const peers = peerParsers('response');
  for (const [name, octets] of RESPONSES) {
    check(name, octets, peers);
    suite.compare(`response of ${name}`, {
      wirestack: () => {
        parseResponseHead(octets, 0, octets.length, bounds, head);
        return responseFraming(head.takeFields(), head.lines, head.minor, 'GET', head.status);
      },
      ...sidesOf(peers, (parser) => () => parser.parse(octets)),
    });
    suite.compare(`${name}, all fields read`, {
      wirestack: () => read(octets),
      ...sidesOf(peers, (parser) => () => {
        parser.parse(octets);
        return parser.fields();
      }),
    });
  }
}

/** Names and values in turn; throws where content would follow. */
function read(octets: Uint8Array): string[] {
  parseResponseHead(octets, 0, octets.length, bounds, head);
  const fields = head.takeFields();
  if (responseFraming(fields, head.lines, head.minor, 'GET', head.status) !== 0) {
    throw new Error('a response with content');
  }
  const found: string[] = [];
  for (const [name, value] of fields) found.push(name, value);
  return found;
}

/** All sides find the same fields, and the end of the message. */
function check(name: string, octets: Uint8Array, peers: PeerParsers): void {
  const found: Record<string, unknown> = { wirestack: [1, ...read(octets)] };
  for (const [side, parser] of Object.entries(peers)) {
    if (parser === undefined) continue;
    const before = parser.messages;
    parser.parse(octets);
    const fields = parser.fields().map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
    found[side] = [parser.messages - before, ...fields];
  }
  agreed(name, found);
}
