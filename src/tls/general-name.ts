/**
 * Whom a certificate is for: a DNS name or an IP address (GeneralName, RFC 5280 §4.2.1.6), and what
 * an authority may be held to (GeneralSubtree, §4.2.1.10).
 *
 * Not for deciding whether a peer's certificate is the right one: node:tls does that. Called by
 * certificate.ts.
 */
import { Buffer } from 'node:buffer';
import { contextPrimitive, sequence } from './der.ts';

export interface GeneralName {
  readonly kind: 'dNSName' | 'iPAddress';
  /** In lower case; an IPv6 address in its short form. */
  readonly text: string;
  /** What is written: ASCII, or the address in network byte order. */
  readonly octets: Uint8Array;
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** The last label is no number, or the name would be taken for an address. */
const DNS_NAME = new RegExp(`^(?:${LABEL}\\.)*(?!\\d+$)${LABEL}$`);
const MAX_DNS_NAME = 253;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Reads `localhost`, `*.app.test`, `127.0.0.1` or `::1`. Throws RangeError on anything else. */
export function parseGeneralName(text: string): GeneralName {
  if (IPV4.test(text)) {
    return { kind: 'iPAddress', text, octets: Uint8Array.from(text.split('.'), Number) };
  }
  return text.includes(':') ? parseIpv6(text) : parseDnsName(text);
}

/** A name without its repetitions, in the order given. */
export function parseGeneralNames(texts: readonly string[]): GeneralName[] {
  const names = texts.map(parseGeneralName);
  return [...new Map(names.map((name) => [name.text, name])).values()];
}

function parseDnsName(given: string): GeneralName {
  const text = given.toLowerCase();
  const wild = text.startsWith('*.');
  const host = wild ? text.slice(2) : text;
  if (!DNS_NAME.test(host) || text.length > MAX_DNS_NAME) {
    throw new RangeError(`neither a DNS name nor an address (RFC 5280 §4.2.1.6): ${given}`);
  }
  // Browsers and OpenSSL match no wildcard that stands under a single label.
  if (wild && !host.includes('.')) {
    throw new RangeError(`a wildcard needs two labels after it (RFC 9525 §6.3): ${given}`);
  }
  return { kind: 'dNSName', text, octets: Buffer.from(text, 'latin1') };
}

/** The URL parser knows each form of an IPv6 address, and has one of its own. */
function parseIpv6(given: string): GeneralName {
  const url = /^[0-9a-f:.]+$/i.test(given) ? `http://[${given}]/` : '';
  if (!URL.canParse(url)) {
    throw new RangeError(`not an IPv6 address (RFC 4291 §2.2): ${given}`);
  }
  const text = new URL(url).hostname.slice(1, -1);
  const [left, right] = text.split('::').map((half) => half.split(':').filter(Boolean));
  const before = left ?? [];
  const after = right ?? [];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const octets = [...before, ...zeros, ...after].map((group) => parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff]);
  return { kind: 'iPAddress', text, octets: Uint8Array.from(octets) };
}

export function writeGeneralName({ kind, octets }: GeneralName): Uint8Array {
  return contextPrimitive(kind === 'dNSName' ? 2 : 7, octets);
}

/**
 * The subtree that holds a name: a DNS name and all below it, of a wildcard what stands below its
 * star; of an address itself alone, as an address and a mask of ones. `minimum` is at its default.
 */
export function writeSubtree({ kind, text, octets }: GeneralName): Uint8Array {
  const base = kind === 'dNSName' ?
    contextPrimitive(2, text.startsWith('*.') ? octets.subarray(2) : octets) :
    contextPrimitive(7, Uint8Array.of(...octets, ...octets.map(() => 0xff)));
  return sequence(base);
}

/** The subtrees that a name is in: its own, and of a DNS name those of all above it. */
export function subtreesOf(name: GeneralName): Uint8Array[] {
  if (name.kind === 'iPAddress') return [writeSubtree(name)];
  const labels = name.text.replace('*.', '').split('.');
  return labels.map((_, index) => labels.slice(index).join('.')).map((text) => {
    return writeSubtree({ kind: 'dNSName', text, octets: Buffer.from(text, 'latin1') });
  });
}
