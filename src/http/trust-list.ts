/**
 * Whom to believe about others: a list of addresses and blocks of them (RFC 4632 §3.1, RFC 4291
 * §2.3), compiled once.
 *
 * Used for the peers whose forwarding fields count (forwarded.ts), and for those that may open a
 * connection with a PROXY header (server/proxy-protocol.ts). The empty list trusts nobody. A Unix
 * socket's peer has no address: the word `unix` stands for all of them.
 */
import { decimal } from '../bytes/ascii.ts';
import {
  IPV6_OCTETS, MAPPED_AT, formatIpv4, formatIpv6, isMapped, parseIpAddress, parseIpv4,
} from './ip-address.ts';

/** Names for blocks that belong together. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  /** RFC 1122 §3.2.1.3, RFC 4291 §2.5.3. */
  loopback: ['127.0.0.0/8', '::1'],
  /** RFC 1918 §3, RFC 4193 §3. */
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  /** No block: whoever may open the socket's file. */
  unix: [],
};

const IPV6_BITS = IPV6_OCTETS * 8;
/** Bits before an IPv4 address in its IPv4-mapped form. */
const MAPPED_BITS = MAPPED_AT * 8;

interface Block {
  readonly octets: Uint8Array;
  /** How many bits of `octets` count. */
  readonly bits: number;
}

/**
 * Compiles addresses (`192.0.2.1`, `::1`), blocks (`10.0.0.0/8`, `2001:db8::/32`) and the names
 * `loopback`, `private` and `unix`. Throws a TypeError that says which entry is none of them.
 */
export function trustList(entries: readonly string[]): TrustList {
  if (!Array.isArray(entries)) {
    throw new TypeError("a trust list is an array, such as ['loopback', '10.0.0.0/8']");
  }
  const blocks = entries.flatMap((entry: unknown) => {
    if (typeof entry !== 'string') {
      throw new TypeError(`a trust list holds strings, not ${typeof entry}`);
    }
    return Object.hasOwn(NAMED, entry) ? (NAMED[entry] as readonly string[]) : [entry];
  }).map(block);
  return new TrustList(blocks, entries.includes('unix'));
}

/** A compiled list: made by `trustList`. */
export class TrustList {
  readonly #blocks: readonly Block[];
  readonly #hasUnix: boolean;

  constructor(blocks: readonly Block[], hasUnix: boolean) {
    this.#blocks = blocks;
    this.#hasUnix = hasUnix;
  }

  /**
   * Whether an address as Peer tells it is in the list: '' is that of a Unix socket, and of
   * link-local ones the zone is cut.
   */
  trusts(address: string): boolean {
    if (address === '') return this.#hasUnix;
    const zone = address.indexOf('%');
    const octets = parseIpAddress(zone < 0 ? address : address.slice(0, zone));
    return octets !== undefined && this.includes(octets);
  }

  /** Whether the 16 octets of an address (ip-address.ts) are in the list. */
  includes(octets: Uint8Array): boolean {
    return this.#blocks.some((each) => isWithin(octets, each));
  }
}

function isWithin(octets: Uint8Array, { octets: prefix, bits }: Block): boolean {
  // IPv4 is not part of `::/0`: who trusts a family says so.
  if (bits < MAPPED_BITS && isMapped(octets)) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) {
    if (octets[i] !== prefix[i]) return false;
  }
  const rest = bits & 7;
  return rest === 0 || ((octets[whole] as number) ^ (prefix[whole] as number)) >> (8 - rest) === 0;
}

/** The block of `address` or `address/bits`. */
function block(entry: string): Block {
  const [text = '', length, more] = entry.split('/');
  const octets = parseIpAddress(text);
  if (octets === undefined || more !== undefined) {
    const names = Object.keys(NAMED).join(', ');
    throw refusal(entry, `is no address, no block and none of ${names}`);
  }
  if (length === undefined) return { octets, bits: IPV6_BITS };
  const isIpv4 = parseIpv4(text) !== undefined;
  const before = isIpv4 ? MAPPED_BITS : 0;
  const bits = before + (/^(0|[1-9]\d{0,2})$/.test(length) ? decimal(length) : Infinity);
  if (bits > IPV6_BITS) throw refusal(entry, `has no prefix of 0 to ${IPV6_BITS - before} bits`);
  const prefix = octets.map((octet, index) => octet & mask(bits - index * 8));
  if (prefix.some((octet, index) => octet !== octets[index])) {
    const address = isIpv4 ? formatIpv4(prefix, MAPPED_AT) : formatIpv6(prefix, 0);
    throw refusal(entry, `has bits set after its prefix; is ${address}/${length} meant?`);
  }
  return { octets, bits };
}

function refusal(entry: string, why: string): TypeError {
  return new TypeError(`trust list: ${JSON.stringify(entry)} ${why}`);
}

/** The octet whose first `bits` bits are set. */
function mask(bits: number): number {
  if (bits >= 8) return 0xff;
  return bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff;
}
