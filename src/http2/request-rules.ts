/**
 * From the fields of a block to a request (RFC 9113 §8.3.1, RFC 8441 §4), or why it is none. Hosts
 * and targets are http/target.ts's, the same as for every version.
 */
import { decimal, isToken } from '../bytes/ascii.ts';
import { hostFault, isTargetText } from '../http/target.ts';
import type { RequestParts } from './exchange.ts';
import type { Section } from './header-block.ts';

/** The parts of a request, or why it is malformed (§8.1.1). */
export function requestParts(
  section: Section, endStream: boolean, connectProtocol: boolean,
): RequestParts | string {
  const { method, scheme, path, protocol, fields } = section;
  if (method === undefined || !isToken(method)) return 'no :method (RFC 9113 §8.3.1)';
  const authority = section.authority ?? section.host ?? '';
  const contentLength = lengthOf(section);
  const fault = authorityFault(section, authority) ?? lengthFault(contentLength, endStream);
  if (fault !== undefined) return fault;
  if (protocol !== undefined && (method !== 'CONNECT' || !connectProtocol)) {
    return ':protocol was not offered, or is not with CONNECT (RFC 8441 §4)';
  }
  if (method === 'CONNECT' && protocol === undefined) {
    if (scheme !== undefined || path !== undefined) {
      return ':scheme or :path with CONNECT (RFC 9113 §8.5)';
    }
    if (!/:\d+$/.test(section.authority ?? '')) {
      return 'CONNECT without host and port (RFC 9113 §8.5)';
    }
    return {
      method, scheme: 'http', authority, target: authority, fields,
      protocol, contentLength, endStream,
    };
  }
  if (scheme !== 'http' && scheme !== 'https') {
    return ':scheme is not http or https (RFC 9113 §8.3.1)';
  }
  const pathIsBad = pathFault(method, path);
  if (pathIsBad !== undefined) return pathIsBad;
  // An http URI has a host (RFC 9110 §4.2.1); OPTIONS for the server as a whole needs none.
  if (authority === '' && path !== '*') return 'no :authority (RFC 9110 §4.2.1)';
  // One literal, no spread: the profile of plain requests had a seventh of its time in that.
  return {
    method, scheme, authority, target: path as string, fields,
    protocol, contentLength, endStream,
  };
}

function pathFault(method: string, path: string | undefined): string | undefined {
  if (path === undefined || path === '') return 'no :path (RFC 9113 §8.3.1)';
  if (path === '*') {
    return method === 'OPTIONS' ? undefined : ':path * is for OPTIONS (RFC 9113 §8.3.1)';
  }
  if (!path.startsWith('/') || !isTargetText(path)) return 'a bad :path (RFC 9113 §8.3.1)';
  return undefined;
}

/** The last authority that was found well formed: nearly all requests name one. */
let knownAuthority = '';

/** :authority, or Host in its place; both must agree (§8.3.1). */
function authorityFault(section: Section, value: string): string | undefined {
  const { authority, host, hosts } = section;
  if (hosts > 1) return 'two Host fields (RFC 9110 §7.2)';
  if (authority !== undefined && host !== undefined && !isSame(authority, host)) {
    return 'Host is not :authority (RFC 9113 §8.3.1)';
  }
  if (value === knownAuthority || value === '') return undefined;
  const fault = hostFault(value);
  if (fault !== undefined) return `:authority has ${fault} (RFC 9113 §8.3.1)`;
  knownAuthority = value;
  return undefined;
}

/** Hosts have no case (RFC 9110 §4.2.3). */
function isSame(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase();
}

/** Content-Length where there is one, -1 where it is none. */
function lengthOf({ contentLength, contentLengths }: Section): number | undefined {
  if (contentLength === undefined) return undefined;
  return contentLengths === 1 ? decimal(contentLength) : -1;
}

/** What Content-Length says is held against DATA (§8.1.1). */
function lengthFault(length: number | undefined, endStream: boolean): string | undefined {
  if (length === undefined) return undefined;
  if (length < 0) return 'a bad content-length (RFC 9110 §8.6)';
  return endStream && length > 0 ? 'content-length without content (RFC 9113 §8.1.1)' : undefined;
}
