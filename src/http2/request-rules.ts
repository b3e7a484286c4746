/**
 * From the fields of a block to a request (RFC 9113 §8.3.1, RFC 8441 §4), or why it is none. Hosts
 * and targets are http/target.ts's, the same as for every version.
 */
import { decimal, isToken } from '../bytes/ascii.ts';
import type { Fields } from '../http/fields.ts';
import { hostFault, isTargetText, type Scheme } from '../http/target.ts';
import type { RequestParts } from './exchange.ts';
import type { Section } from './header-block.ts';

/** The parts of a request, or why it is malformed (§8.1.1). */
export function requestParts(
  section: Section, endStream: boolean, connectProtocol: boolean,
): RequestParts | string {
  const { pseudo, fields } = section;
  const method = pseudo.get(':method');
  if (method === undefined || !isToken(method)) return 'no :method (RFC 9113 §8.3.1)';
  const authority = authorityOf(pseudo.get(':authority'), fields);
  if (authority.fault !== undefined) return authority.fault;
  const contentLength = lengthOf(fields, endStream);
  if (typeof contentLength === 'string') return contentLength;
  const protocol = pseudo.get(':protocol');
  if (protocol !== undefined && (method !== 'CONNECT' || !connectProtocol)) {
    return ':protocol was not offered, or is not with CONNECT (RFC 8441 §4)';
  }
  if (method === 'CONNECT' && protocol === undefined) {
    if (pseudo.has(':scheme') || pseudo.has(':path')) {
      return ':scheme or :path with CONNECT (RFC 9113 §8.5)';
    }
    if (!/:\d+$/.test(authority.value)) return 'CONNECT without host and port (RFC 9113 §8.5)';
    return {
      method, scheme: 'http', authority: authority.value, target: authority.value,
      fields, protocol, contentLength, endStream,
    };
  }
  const scheme = pseudo.get(':scheme');
  if (scheme !== 'http' && scheme !== 'https') return ':scheme is not http or https (§8.3.1)';
  const target = pseudo.get(':path');
  const fault = pathFault(method, target);
  if (fault !== undefined) return fault;
  if (protocol !== undefined && authority.value === '') {
    return 'extended CONNECT without :authority (RFC 8441 §4)';
  }
  // One literal, no spread: the profile of plain requests had a seventh of its time in that.
  return {
    method, scheme: scheme as Scheme, authority: authority.value, target: target as string,
    fields, protocol, contentLength, endStream,
  };
}

function pathFault(method: string, path: string | undefined): string | undefined {
  if (path === undefined || path === '') return 'no :path (RFC 9113 §8.3.1)';
  if (path === '*') return method === 'OPTIONS' ? undefined : ':path * is for OPTIONS (§8.3.1)';
  if (!path.startsWith('/') || !isTargetText(path)) return 'a bad :path (RFC 9113 §8.3.1)';
  return undefined;
}

/** The last authority that was found well formed: nearly all requests name one. */
let knownAuthority = '';

/** :authority, or Host in its place; both must agree (§8.3.1). */
function authorityOf(
  authority: string | undefined, fields: Fields,
): { value: string; fault?: string } {
  const hosts = fields.getAll('host');
  if (hosts.length > 1) return { value: '', fault: 'two Host fields (RFC 9110 §7.2)' };
  const [host] = hosts;
  if (authority !== undefined && host !== undefined && !isSame(authority, host)) {
    return { value: '', fault: 'Host is not :authority (RFC 9113 §8.3.1)' };
  }
  const value = authority ?? host ?? '';
  if (value === knownAuthority || value === '') return { value };
  const fault = hostFault(value);
  if (fault !== undefined) return { value, fault: `:authority has ${fault} (RFC 9113 §8.3.1)` };
  knownAuthority = value;
  return { value };
}

/** Hosts have no case (RFC 9110 §4.2.3). */
function isSame(one: string, other: string): boolean {
  return one === other || one.toLowerCase() === other.toLowerCase();
}

/** Content-Length where there is one; what it says is held against DATA (§8.1.1). */
function lengthOf(fields: Fields, endStream: boolean): number | undefined | string {
  const values = fields.getAll('content-length');
  if (values.length === 0) return undefined;
  const length = values.length === 1 ? decimal(values[0] as string) : -1;
  if (length < 0) return 'a bad content-length (RFC 9110 §8.6)';
  if (endStream && length > 0) return 'content-length without content (RFC 9113 §8.1.1)';
  return length;
}
