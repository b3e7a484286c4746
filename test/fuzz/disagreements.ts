/**
 * Where wirestack and Node's parser (llhttp, strict) read the same octets in two ways, and why that
 * is meant. A disagreement that is not on this list fails the fuzzer.
 */
import { METHODS } from 'node:http';
import type { Seen } from './http1-driver.ts';
import type { NodeRequest } from './node-oracle.ts';
import { show, type Parting } from './partings.ts';

export interface Disagreement {
  readonly name: string;
  /** Why it is meant, with the section. */
  readonly reason: string;
  matches(parting: Parting): boolean;
}

/** Why a parting is meant, or undefined. */
export function explained(found: Parting): Disagreement | undefined {
  return DISAGREEMENTS.find((disagreement) => disagreement.matches(found));
}

/** We refuse, in a sentence; Node reads a request. The direction that smuggles nothing past us. */
function stricter(name: string, sentence: RegExp, reason: string): Disagreement {
  return {
    name,
    reason,
    matches: ({ ours, nodes }) =>
      ours.kind === 'refused' && nodes.kind === 'request' && sentence.test(ours.why),
  };
}

/** We read a request; Node refuses with a code, for something that `cause` recognises. */
function laxer(
  name: string, code: RegExp, cause: (request: Seen | NodeRequest, input: string) => boolean,
  reason: string,
): Disagreement {
  return {
    name,
    reason,
    matches: ({ input, ours, nodes }) =>
      ours.kind === 'request' && nodes.kind === 'refused' && code.test(nodes.why) &&
      cause(ours.request, input),
  };
}

const valueOf = (request: Seen | NodeRequest | undefined, name: string): string =>
  (request?.fields ?? []).filter(([each]) => each === name).map(([, value]) => value).join(', ');

function isUpgrade(request: Seen | NodeRequest | undefined): boolean {
  return valueOf(request, 'upgrade') !== '' &&
    /\bupgrade\b/i.test(valueOf(request, 'connection'));
}

/** Fields that no trailer section may carry (RFC 9110 §6.5.1), as far as the fuzzer sends them. */
const NO_TRAILERS = [
  'authorization', 'connection', 'content-type', 'cookie', 'date', 'expect', 'keep-alive', 'range',
  'te', 'upgrade',
];

export const DISAGREEMENTS: readonly Disagreement[] = [
  // Both read the request, in two ways.
  {
    name: 'fields that no trailer may be',
    reason: 'Node hands all trailers on; those that frame, route or authorize are dropped here ' +
      '(RFC 9110 §6.5.1)',
    matches: ({ ours, nodes }) => {
      if (ours.kind !== 'request' || nodes.kind !== 'request') return false;
      const trailers = nodes.request.trailers.filter(([name]) => !NO_TRAILERS.includes(name));
      return show(ours.request) === show({ ...nodes.request, trailers });
    },
  },

  // Node refuses or stops where we read on.
  laxer(
    'a method that Node does not know', /^HPE_INVALID_(?:METHOD|VERSION)$/,
    ({ method }) => !METHODS.includes(method),
    'any token is a method and reaches the handler, who may not implement it (RFC 9110 §9.1)',
  ),
  laxer(
    'HTTP/1.2 to 1.9', /^HPE_INVALID_VERSION$/,
    (_, input) => /HTTP\/1\.[2-9]\r\n/.test(input),
    'a higher minor version is read as the highest that is known (RFC 9110 §2.5)',
  ),
  laxer(
    'HTAB around Content-Length', /^HPE_INVALID_CONTENT_LENGTH$/,
    (request, input) => valueOf(request, 'content-length') !== '' &&
      /content-length:(?: *\t[ \t]*\d+|[ \t]*\d+ *\t)/i.test(input),
    'OWS is SP and HTAB, on both sides of a value (RFC 9110 §5.6.3, RFC 9112 §5)',
  ),
  laxer(
    'HTAB around Transfer-Encoding', /^HPE_INVALID_TRANSFER_ENCODING$/,
    (request, input) => valueOf(request, 'transfer-encoding').toLowerCase() === 'chunked' &&
      /transfer-encoding:(?: *\t[ \t]*chunked|[ \t]*chunked *\t)/i.test(input),
    'OWS is SP and HTAB, on both sides of a value (RFC 9110 §5.6.3, RFC 9112 §5)',
  ),
  laxer(
    'space around a chunk extension', /^HPE_(?:INVALID_CHUNK_SIZE|STRICT)$/,
    (_, input) => /^0*[0-9a-f]+(?:[ \t]+;|;[^\r\n]*?[ \t])/im.test(input),
    'BWS is part of the grammar of a chunk extension and means nothing (RFC 9112 §7.1.1)',
  ),
  laxer(
    'a limit of Node', /^HPE_HEADER_OVERFLOW$/,
    (_, input) => input.length > 16_000,
    'Node counts request line and fields together, here each has its limit (RFC 6585 §5)',
  ),
  {
    name: 'CONNECT',
    reason: 'Node hands the connection over at the head; here CONNECT is a request that is ' +
      'answered 501 and ends the connection where no tunnel is made (RFC 9110 §9.3.6)',
    matches: ({ nodes }) => nodes.kind === 'refused' && nodes.request?.method === 'CONNECT',
  },
  {
    name: 'an Upgrade that nobody honours',
    reason: 'Node stops reading without a word; here Upgrade is ignored, as a server may, and ' +
      'what follows is content or the next request (RFC 9110 §7.8)',
    matches: ({ before, nodes }) => {
      if (nodes.kind === 'end') return isUpgrade(before);
      const read = nodes.kind === 'refused' ? nodes.why : nodes.request.body;
      return isUpgrade(nodes.request) && read === '';
    },
  },

  // What follows a request that asked for the end of the connection.
  {
    name: 'octets after the last request',
    reason: 'Node calls it an error; here what follows a request that asked for the end is ' +
      'ignored (RFC 9112 §9.6)',
    matches: ({ ours, nodes }) =>
      ours.kind === 'end' && nodes.kind === 'refused' && nodes.why === 'HPE_CLOSED_CONNECTION',
  },
  {
    name: 'close among other options',
    reason: 'Node misses `close` where space stands before a comma or HTAB at its end; options ' +
      'are a list with OWS (RFC 9110 §7.6.1, §5.6.1)',
    matches: ({ before, ours }) =>
      ours.kind === 'end' && /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(valueOf(before, 'connection')),
  },
  {
    name: 'keep-alive of HTTP/1.0',
    reason: 'Node misses `keep-alive` after another option or before HTAB; options are a list ' +
      'with OWS (RFC 9112 §9.3)',
    matches: ({ before, ours, nodes }) => ours.kind !== 'end' && nodes.kind === 'refused' &&
      nodes.why === 'HPE_CLOSED_CONNECTION' && before?.version === '1.0' &&
      /\bkeep-alive\b/i.test(valueOf(before, 'connection')),
  },
  {
    name: 'stray line ends',
    reason: 'CR, LF and empty lines between requests are nothing to Node; here two empty lines ' +
      'are skipped, and an input that ends in one more, or in a bare CR or LF, is faulty ' +
      '(RFC 9112 §2.2)',
    matches: ({ input, ours, nodes }) => ours.kind === 'refused' && nodes.kind === 'end' &&
      /[\r\n]$/.test(input) && ours.request === undefined &&
      /ended within a head|octet 0x0a in the method|§2\.2/.test(ours.why),
  },

  // Stricter, request line.
  stricter(
    'HTTP/0.9', /a request line without target or version/,
    'the simple request of HTTP/0.9 has no version and no end; only 1.x is spoken (RFC 9112 §3)',
  ),
  stricter(
    'other major versions', /^505 /,
    'HTTP/2.0 and HTTP/0.9 in a request line are other protocols (RFC 9110 §15.6.6)',
  ),
  stricter(
    'space in the request line', /octet 0x20 in the request target|the version is not HTTP/,
    'one SP parts the elements of a request line, no more (RFC 9112 §3)',
  ),
  stricter(
    'octets of a target', /octet 0x(?:22|23|3c|3e|5c|5e|60|7b|7c|7d) in the request target/,
    'a target holds what RFC 3986 lets it hold; `#` and `\\` have many readings (RFC 9112 §3.2)',
  ),
  stricter(
    'forms of a target', /target \* is for OPTIONS|target is neither|CONNECT needs host:port/,
    'each form of target has its methods (RFC 9112 §3.2)',
  ),
  stricter(
    'the authority of a target', /target (?:has|is an http URI without a host)/,
    'an http URI has a host and no user information (RFC 9110 §4.2.1, §4.2.4)',
  ),
  stricter(
    'bare line ends before a request', /octet 0x0a in the method|CR without LF before a request/,
    'only CRLF is an empty line; a bare CR or LF is read in many ways (RFC 9112 §2.2)',
  ),
  stricter(
    'many empty lines', /leadingEmptyLines/,
    'at least one empty line should be ignored, and two are (RFC 9112 §2.2)',
  ),

  // Stricter, fields.
  stricter(
    'Host', /400 (?:two Host fields|Host has)/,
    'exactly one Host, and a value that could be a host: else 400 (RFC 9112 §3.2)',
  ),
  stricter(
    'other expectations', /^417 /,
    'an expectation that is not understood may be answered with 417 (RFC 9110 §10.1.1)',
  ),
  stricter(
    'other transfer codings',
    /a transfer coding|a broken transfer parameter|chunked (?:with|twice)/,
    'a transfer coding that is not understood is 501, a broken one 400 (RFC 9112 §6.1, §7)',
  ),
  stricter(
    'an empty Transfer-Encoding beside Content-Length', /both Transfer-Encoding and Content-Length/,
    'Node looks at its value, which is empty; both together are faulty (RFC 9112 §6.3, rule 3)',
  ),
  stricter(
    'Transfer-Encoding in HTTP/1.0', /Transfer-Encoding in HTTP\/1\.0/,
    'its framing is faulty, whatever it says (RFC 9112 §6.1)',
  ),
  stricter(
    'framing fields in trailers', /in trailers \(RFC 9110/,
    'Host, Content-Length and Transfer-Encoding in trailers are an attack (RFC 9110 §6.5.1)',
  ),
  stricter(
    'chunk extensions', /in a chunk extension/,
    'extensions are held to their grammar, since TERM.EXT smuggling lives there (RFC 9112 §7.1.1)',
  ),
  stricter(
    'limits', /requestLineBytes|fieldSectionBytes|fieldLines|trailer(?:Bytes|Lines)|chunk\w+Bytes/,
    'limits are each side\'s own (RFC 9112 §3, §7.1.1; RFC 6585 §5)',
  ),
];
