/**
 * src/http1/request-parser.ts: one request head, beside the parser inside Node. Ours with every
 * check on and its fields reachable; Node's as its own server uses it, with a callback for the
 * head.
 */
import { createRequire } from 'node:module';
import { DEFAULT_LIMITS } from '../../src/limits.ts';
import { RequestHead, headBounds, parseRequestHead } from '../../src/http1/index.ts';
import { REQUESTS } from '../messages.ts';
import type { Suite } from '../suite.ts';

interface NodeParser {
  initialize(type: number, resource: object): void;
  execute(octets: Uint8Array): number | Error;
  [onHeadersComplete: number]: () => void;
}

interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: number;
  readonly kOnHeadersComplete: number;
}

const bounds = headBounds(DEFAULT_LIMITS);
const head = new RequestHead();

export function add(suite: Suite): void {
  const nodes = nodeParser();
  for (const [name, octets] of REQUESTS) {
    suite.compare(`request of ${name}`, {
      wirestack: () => {
        parseRequestHead(octets, 0, octets.length, bounds, head);
        head.takeFields();
      },
      node: nodes && (() => nodes.execute(octets)),
    });
  }
}

/** Node's parser, where this version still shows it. */
function nodeParser(): NodeParser | undefined {
  try {
    const require = createRequire(import.meta.url);
    const { HTTPParser } = require('_http_common') as { HTTPParser: NodeParserClass };
    const parser = new HTTPParser();
    parser.initialize(HTTPParser.REQUEST, {});
    parser[HTTPParser.kOnHeadersComplete] = () => {};
    return parser;
  } catch {
    return undefined;
  }
}
