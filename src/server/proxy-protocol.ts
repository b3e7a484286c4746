/**
 * The PROXY header, versions 1 and 2 (haproxy's proxy-protocol.txt): what a proxy that understands
 * only TCP says of the connection, before the connection's own octets.
 *
 *     PROXY TCP4 192.0.2.43 203.0.113.7 56324 443 CRLF                                      (§2.1)
 *
 *      0 ........ 11   12          13           14 .. 15   16 ...                           (§2.2)
 *     +-------------+-----+-----+-----+-----+-----------+-----------+------------------------+
 *     |  signature  |  2  | cmd | fam | prt |  length   | addresses | type, length, value... |
 *     +-------------+-----+-----+-----+-----+-----------+-----------+------------------------+
 *
 * Octets to addresses, no more: when a header is due, from whom, and for how long it is awaited is
 * the listener's to say. It must be an option of a listener that is then mandatory, never guessed,
 * or any client could choose its address (§5). Every fault is a ConnectionError and ends the
 * connection without a word. Called by admission.ts.
 */
import { CR, LF, SP, decimal, latin1, latin1Octets } from '../bytes/ascii.ts';
import { ConnectionError } from '../errors.ts';
import {
  IPV4_OCTETS, IPV6_OCTETS, formatIpv4, formatIpv6, parseIpv4, parseIpv6,
} from '../http/ip-address.ts';

/** More octets are needed. */
export const MORE = -1;

/** A version 1 line with its CRLF, octets (§2.1). */
export const PROXY_LINE_BYTES = 107;
/** A version 2 header, octets: room for addresses and the common TLVs, no client certificate. */
export const PROXY_HEADER_BYTES = 2048;

/** The ends of a connection as a header told them. */
export type ProxiedEnds = Pick<ProxyHeader, 'address' | 'port' | 'localAddress' | 'localPort'>;

/** What a header says. Reused: each parse to the end fills all of it. */
export class ProxyHeader {
  /** Whether it told the ends; else those of the socket stand (LOCAL, UNKNOWN, UNSPEC). */
  isProxied = false;
  /** The client, then what it connected to; '' and 0 for a Unix socket, as in Peer. */
  address = '';
  port = 0;
  localAddress = '';
  localPort = 0;

  set(isProxied: boolean, address = '', port = 0, localAddress = '', localPort = 0): void {
    this.isProxied = isProxied;
    this.address = address;
    this.port = port;
    this.localAddress = localAddress;
    this.localPort = localPort;
  }
}

const SIGNATURE = latin1Octets('\r\n\r\n\0\r\nQUIT\n');
const FIXED_BYTES = 16;

/**
 * Fills `header` from one PROXY header of either version. Returns the offset after it, or MORE;
 * throws a ConnectionError at the first octet that cannot be in one. Addresses and TLVs are judged
 * when all of them have come (§2.1, §2.2). `limit` is how long a version 2 header may be.
 */
export function parseProxyHeader(
  bytes: Uint8Array, start: number, end: number, header: ProxyHeader, limit = PROXY_HEADER_BYTES,
): number {
  if (start === end) return MORE;
  if (bytes[start] === SIGNATURE[0]) return parseVersion2(bytes, start, end, header, limit);
  return parseVersion1(bytes, start, end, header);
}

function fault(message: string, section: string): ConnectionError {
  return new ConnectionError(0, `${message} (PROXY protocol §${section})`);
}

/** Whether the octets are those of `expected`, as far as both go. */
function isAlike(bytes: Uint8Array, start: number, end: number, expected: Uint8Array): boolean {
  const length = Math.min(end - start, expected.length);
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== expected[i]) return false;
  }
  return true;
}

// Version 1

/** How a version 1 line goes on after its keyword. */
interface Family {
  readonly keyword: Uint8Array;
  /** What may stand between the keyword and CRLF: one entry an octet. */
  readonly holds: Uint8Array;
  /** Undefined: what follows is not looked at. */
  readonly parse?: (text: string) => Uint8Array | undefined;
  readonly format: (bytes: Uint8Array, at: number) => string;
}

function octetsOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const octet of latin1Octets(characters)) table[octet] = 1;
  return table;
}

const PROXY = latin1Octets('PROXY ');
const FAMILIES: readonly Family[] = [
  {
    keyword: latin1Octets('PROXY TCP4 '), holds: octetsOf(' .0123456789'),
    parse: parseIpv4, format: (octets) => formatIpv4(octets, IPV6_OCTETS - IPV4_OCTETS),
  },
  {
    // Dots: a sender that formats with inet_ntop() ends a mapped address in a dotted quad.
    keyword: latin1Octets('PROXY TCP6 '), holds: octetsOf(' .:0123456789abcdefABCDEF'),
    parse: parseIpv6, format: formatIpv6,
  },
  {
    keyword: latin1Octets('PROXY UNKNOWN'),
    holds: new Uint8Array(256).fill(1),
    format: () => '',
  },
];

function parseVersion1(
  bytes: Uint8Array, start: number, end: number, header: ProxyHeader,
): number {
  const family = FAMILIES.find(({ keyword }) => isAlike(bytes, start, end, keyword));
  if (family === undefined) {
    throw isAlike(bytes, start, end, PROXY)
      ? fault('PROXY is followed by none of TCP4, TCP6 and UNKNOWN', '2.1')
      : fault('the octets begin no PROXY header', '2');
  }
  const after = start + family.keyword.length;
  if (after >= end) return MORE;
  if (family.parse === undefined && bytes[after] !== SP && bytes[after] !== CR) {
    throw fault('UNKNOWN is followed by neither a space nor CRLF', '2.1');
  }
  const cr = lineEnd(bytes, start, after, end, family.holds);
  if (cr === MORE) return MORE;
  if (family.parse === undefined) header.set(false);
  else readEnds(latin1(bytes, after, cr), family, header);
  return cr + 2;
}

/** Where the CR of CRLF is, or MORE. */
function lineEnd(
  bytes: Uint8Array, start: number, from: number, end: number, holds: Uint8Array,
): number {
  // The last place for CR: LF must still be within the limit.
  const last = start + PROXY_LINE_BYTES - 2;
  for (let i = from; i < end; i++) {
    const octet = bytes[i] as number;
    if (octet === CR) {
      if (i + 1 === end) return MORE;
      if (bytes[i + 1] !== LF) throw fault('a line has CR without LF', '2.1');
      return i;
    }
    if (octet === LF) throw fault('a line has LF without CR', '2.1');
    if (holds[octet] !== 1) {
      throw fault(`octet 0x${octet.toString(16).padStart(2, '0')} in a line`, '2.1');
    }
    if (i === last) throw fault(`a line is over ${PROXY_LINE_BYTES} octets`, '2.1');
  }
  return MORE;
}

/** Source and destination address, source and destination port, one space between. */
function readEnds(text: string, { parse, format }: Family, header: ProxyHeader): void {
  const parts = text.split(' ');
  if (parts.length !== 4) throw fault('a line has not two addresses and two ports', '2.1');
  const [source, destination] = parts.slice(0, 2).map((part) => {
    const octets = parse?.(part);
    if (octets === undefined) throw fault(`"${part}" is no address of its family`, '2.1');
    return format(octets, 0);
  });
  const [port, localPort] = parts.slice(2).map((part) => {
    const number = /^(0|[1-9]\d*)$/.test(part) ? decimal(part) : -1;
    if (number < 0 || number > 65_535) throw fault(`"${part}" is no port`, '2.1');
    return number;
  });
  header.set(true, source, port, destination, localPort);
}

// Version 2

const LOCAL = 0x0;
const STREAM = 0x1;
const AF_UNIX = 0x3;
/** Addresses and ports by family: AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX. */
const ADDRESS_BYTES = [0, 2 * IPV4_OCTETS + 4, 2 * IPV6_OCTETS + 4, 2 * 108] as const;

function parseVersion2(
  bytes: Uint8Array, start: number, end: number, header: ProxyHeader, limit: number,
): number {
  const come = end - start;
  if (!isAlike(bytes, start, end, SIGNATURE)) throw fault('the octets begin no PROXY header', '2');
  if (come <= SIGNATURE.length) return MORE;
  const isLocal = isLocalCommand(bytes[start + 12] as number);
  if (come > 13 && !isLocal) checkFamily(bytes[start + 13] as number);
  if (come > 14) {
    // One octet of the length can already be too much.
    const least = come > 15 ? uint16(bytes, start + 14) : (bytes[start + 14] as number) << 8;
    if (FIXED_BYTES + least > limit) throw fault(`a header is over ${limit} octets`, '2.2');
  }
  if (come < FIXED_BYTES) return MORE;
  const next = start + FIXED_BYTES + uint16(bytes, start + 14);
  // An unspecified protocol makes the addresses unspecified too: how long they are is not known.
  const family = (bytes[start + 13] as number) >> 4;
  const isUnspecified = family === 0 || ((bytes[start + 13] as number) & 0xf) !== STREAM;
  if (isLocal || isUnspecified) {
    if (next > end) return MORE;
    header.set(false);
    return next;
  }
  const vectors = start + FIXED_BYTES + (ADDRESS_BYTES[family] as number);
  if (vectors > next) throw fault('the length has no room for the addresses', '2.2');
  if (next > end) return MORE;
  checkVectors(bytes, start, vectors, next);
  readAddresses(bytes, start + FIXED_BYTES, family, header);
  return next;
}

function isLocalCommand(octet: number): boolean {
  if (octet >> 4 !== 2) throw fault(`version ${octet >> 4} after the signature of 2`, '2.2');
  const command = octet & 0xf;
  if (command > 1) throw fault(`command ${command} is neither LOCAL nor PROXY`, '2.2');
  return command === LOCAL;
}

function checkFamily(octet: number): void {
  if (octet >> 4 > AF_UNIX) throw fault(`address family ${octet >> 4} is not assigned`, '2.2');
  const protocol = octet & 0xf;
  if (protocol > 2) throw fault(`transport protocol ${protocol} is not assigned`, '2.2');
  if (protocol > STREAM) throw fault('DGRAM cannot be ahead of a stream', '2.2');
}

function readAddresses(
  bytes: Uint8Array, at: number, family: number, header: ProxyHeader,
): void {
  if (family === AF_UNIX) {
    header.set(true);
    return;
  }
  const [octets, format] = family === 1 ? [IPV4_OCTETS, formatIpv4] : [IPV6_OCTETS, formatIpv6];
  const ports = at + 2 * octets;
  header.set(
    true, format(bytes, at), uint16(bytes, ports),
    format(bytes, at + octets), uint16(bytes, ports + 2),
  );
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

// Type-Length-Value vectors (§2.2)

const CRC32C = 0x03;
const CRC32C_BYTES = 4;

/** Insists that vectors fill the rest of the header, and that a checksum among them is right. */
function checkVectors(bytes: Uint8Array, start: number, from: number, next: number): void {
  let checksumAt = 0;
  for (let at = from; at < next;) {
    const value = at + 3;
    const after = value > next ? value : value + uint16(bytes, at + 1);
    if (after > next) throw fault('a TLV goes beyond the header', '2.2');
    if (bytes[at] === CRC32C) {
      if (checksumAt > 0) throw fault('the checksum is there twice', '2.2.3');
      if (after - value !== CRC32C_BYTES) throw fault('the checksum is not 4 octets', '2.2.3');
      checksumAt = value;
    }
    at = after;
  }
  if (checksumAt === 0) return;
  let crc = crc32c(~0, bytes, start, checksumAt);
  crc = crc32c(crc, new Uint8Array(CRC32C_BYTES), 0, CRC32C_BYTES);
  crc = ~crc32c(crc, bytes, checksumAt + CRC32C_BYTES, next);
  const told = (uint16(bytes, checksumAt) << 16) | uint16(bytes, checksumAt + 2);
  if (crc !== told) throw fault('the checksum is not that of the header', '2.2.3');
}

/** Castagnoli's polynomial, bits in reverse (RFC 9260 appendix A). */
const CRC32C_TABLE = Int32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  return crc;
});

/** Goes on with a CRC-32C; the first value and the last are inverted by the caller. */
function crc32c(crc: number, bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    crc = (crc >>> 8) ^ (CRC32C_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return crc;
}
