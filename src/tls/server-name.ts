/**
 * Names of servers (RFC 6066 §3, RFC 9525 §6): how they are compared, and which of a certificate's
 * names covers which. Node compares server names by case; names have none.
 */

/** A name as it is compared: ASCII lower case, without one dot at its end. */
export function canonicalName(name: string): string {
  // Not toLowerCase alone: it would make a K of U+212A, the sign for kelvin.
  const lower = name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

/** The host of an authority (RFC 3986 §3.2.2): without port, IPv6 addresses without brackets. */
export function hostOf(authority: string): string {
  const end = authority.startsWith('[') ? authority.indexOf(']') : authority.indexOf(':');
  const host = end < 0 ? authority : authority.slice(0, end);
  return canonicalName(host.startsWith('[') ? host.slice(1) : host);
}

/**
 * Whether a name of a certificate, `example.com` or `*.example.com`, covers a host; both are
 * canonical. A wildcard is one whole label, the leftmost (RFC 9525 §6.3).
 */
export function covers(name: string, host: string): boolean {
  if (!name.startsWith('*.')) return name === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === name.slice(1);
}

/** The DNS names among the alternative names of a certificate, as node:crypto writes them. */
export function dnsNames(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? '').split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => canonicalName(entry.slice('DNS:'.length)));
}

const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/i;

/** Whether a program means a server name: `example.com`, `*.example.com`; no port, no scheme. */
export function isServerName(name: unknown): boolean {
  if (typeof name !== 'string') return false;
  const [first, ...others] = canonicalName(name).split('.');
  const isFirst = first === '*' ? others.length > 0 : LABEL.test(first as string);
  return isFirst && others.every((label) => LABEL.test(label));
}
