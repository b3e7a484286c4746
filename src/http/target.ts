/**
 * What a request is aimed at: request targets (RFC 9112 §3.2), hosts and authorities (RFC 3986
 * §3.2).
 *
 * The same rules serve the Host field, an absolute-form target and HTTP/2's :authority. A fault is
 * returned as a sentence, since what it ends (a connection, a stream) is the protocol's to say.
 */
import { HEX, HOST, TARGET, decimal, isAll } from '../bytes/ascii.ts';

export type Scheme = 'http' | 'https';

/** A target taken apart. `resource` is path and query, `*`, or for CONNECT the authority. */
export interface Target {
  readonly resource: string;
  /** Undefined where the target names none: then it is the connection's and the Host field's. */
  readonly scheme: Scheme | undefined;
  readonly authority: string | undefined;
}

const PORT_MAX = 65_535;
const ABSOLUTE_FORM = /^(https?):\/\/([^/?]*)(.*)$/i;

/**
 * Why `target` cannot be used with `method`, or its parts. Origin-form is the caller's fast path.
 */
export function parseTarget(method: string, target: string): Target | string {
  if (method === 'CONNECT') return authorityForm(target);
  if (target.startsWith('/')) return { resource: target, scheme: undefined, authority: undefined };
  if (target === '*') {
    return method === 'OPTIONS'
      ? { resource: '*', scheme: undefined, authority: undefined }
      : 'target * is for OPTIONS alone (RFC 9112 §3.2.4)';
  }
  return absoluteForm(method, target);
}

/** Why a value is no `uri-host [":" port]` (RFC 9110 §7.2), or undefined when it is one. */
export function hostFault(value: string): string | undefined {
  let host = value;
  let port = '';
  if (value.startsWith('[')) {
    const close = value.indexOf(']');
    const after = value.slice(close + 1);
    if (close < 0 || (after !== '' && !after.startsWith(':'))) return 'a broken IP literal';
    host = value.slice(0, close + 1);
    port = after.slice(1);
    if (!isIpLiteral(host)) return 'a broken IP literal';
  } else {
    const colon = value.indexOf(':');
    if (colon >= 0) {
      host = value.slice(0, colon);
      port = value.slice(colon + 1);
    }
    if (host === '' && colon >= 0) return 'a port without a host';
    if (host !== '' && !isRegName(host)) return 'an octet that no host may hold';
  }
  const number = port === '' ? 0 : decimal(port);
  return number < 0 || number > PORT_MAX ? 'a broken port' : undefined;
}

function isRegName(host: string): boolean {
  // A comma is legal in RFC 3986, but means two Host fields joined on the way: refused.
  return isAll(host, HOST) && !host.includes(',') && hasWholeEscapes(host);
}

function isIpLiteral(literal: string): boolean {
  const inside = literal.slice(1, -1);
  if (/^v[0-9a-f]+\.[-._~!$&'()*+,;=:0-9a-z]+$/i.test(inside)) return true;
  return isIpv6(inside);
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === '') continue;
    const parts = half.split(':');
    const last = index === halves.length - 1 ? parts.at(-1) ?? '' : '';
    if (last.includes('.')) {
      if (!isIpv4(last)) return false;
      parts.pop();
      groups += 2;
    }
    if (!parts.every((part) => /^[0-9a-f]{1,4}$/i.test(part))) return false;
    groups += parts.length;
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  const isOctet = (part: string): boolean => /^(0|[1-9]\d{0,2})$/.test(part) && +part < 256;
  return parts.length === 4 && parts.every(isOctet);
}

function hasWholeEscapes(text: string): boolean {
  for (let at = text.indexOf('%'); at >= 0; at = text.indexOf('%', at + 1)) {
    if (HEX[text.charCodeAt(at + 1)] === 255 || HEX[text.charCodeAt(at + 2)] === 255) return false;
    if (at + 2 >= text.length) return false;
  }
  return true;
}

function authorityForm(target: string): Target | string {
  const form = 'CONNECT needs host:port as its target';
  if (!/^[^:].*:\d+$/.test(target)) return `${form} (RFC 9112 §3.2.3)`;
  const fault = hostFault(target);
  if (fault !== undefined) return `${form}, not ${fault} (RFC 9112 §3.2.3)`;
  return { resource: target, scheme: undefined, authority: target };
}

function absoluteForm(method: string, target: string): Target | string {
  const parts = ABSOLUTE_FORM.exec(target);
  if (parts === null) {
    return 'target is neither a path, an http URI, nor * (RFC 9112 §3.2)';
  }
  const [, scheme = '', authority = '', rest = ''] = parts;
  // An empty host and user information are invalid in http URIs (RFC 9110 §4.2.1, §4.2.4).
  if (authority === '') return 'target is an http URI without a host (RFC 9110 §4.2.1)';
  const fault = hostFault(authority);
  if (fault !== undefined) return `target has ${fault} in its authority (RFC 9110 §4.2.4)`;
  const resource = rest.startsWith('/') ? rest : emptyPath(method, rest);
  return { resource, scheme: scheme.toLowerCase() as Scheme, authority };
}

function emptyPath(method: string, query: string): string {
  // OPTIONS for a URI without path and query is about the server as a whole (RFC 9112 §3.2.4).
  return method === 'OPTIONS' && query === '' ? '*' : `/${query}`;
}

/** Whether every octet of a target is one of RFC 3986's, and none of them `#`. */
export function isTargetText(target: string): boolean {
  return isAll(target, TARGET);
}
