/** The PROXY header of both versions, in the order of its specification, at every split. */
import { isIPv4, isIPv6 } from 'node:net';
import { describe, expect, test } from 'vitest';
import { latin1 } from '../../src/bytes/ascii.ts';
import { ConnectionError } from '../../src/errors.ts';
import {
  MORE, PROXY_HEADER_BYTES, PROXY_LINE_BYTES, ProxyHeader, parseProxyHeader,
} from '../../src/server/proxy-protocol.ts';
import { parsed, refused, type Subject } from '../support/parsing.ts';
import { Random, freshSeed } from '../support/random.ts';
import { octets } from '../support/vectors.ts';

/** What a parse to the end gave. */
interface Accepted extends ProxyHeader {
  readonly next: number;
}

type Ends = readonly [address: string, port: number, localAddress: string, localPort: number];

/** What the header says, or that the ends of the socket stand. */
const subject = (limit?: number) => (): Subject<Ends | 'own'> => {
  const header = new ProxyHeader();
  header.set(true, 'left over', 1, 'left over', 1);
  return {
    parse: (bytes, start, end) => parseProxyHeader(bytes, start, end, header, limit),
    read: () => (header.isProxied
      ? [header.address, header.port, header.localAddress, header.localPort] : 'own'),
  };
};

const accepts = (text: string, limit?: number): Ends | 'own' => parsed(text, subject(limit));
const refuses = (text: string, limit?: number): string => {
  const [code, words] = refused(text, subject(limit));
  expect(code).toBe(0);
  expect(words).toMatch(/^[^()]+ \(PROXY protocol §2[.\d]*\)$/);
  return words;
};

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const [LOCAL, PROXY, TCP4, TCP6, UNIX] = [0x20, 0x21, 0x11, 0x21, 0x31];
/** 192.0.2.43:56324 to 203.0.113.7:443. */
const ENDS4 = '\xc0\x00\x02\x2b\xcb\x00\x71\x07\xdc\x04\x01\xbb';
/** 2001:db8::17 to ::ffff:203.0.113.7, the same ports. */
const ENDS6 = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x17` +
  `${'\0'.repeat(10)}\xff\xff\xcb\x00\x71\x07\xdc\x04\x01\xbb`;
const READ4: Ends = ['192.0.2.43', 56324, '203.0.113.7', 443];
const READ6: Ends = ['2001:db8::17', 56324, '::ffff:203.0.113.7', 443];

const uint16 = (value: number): string => String.fromCharCode(value >> 8, value & 0xff);
const tlv = (type: number, value: string): string =>
  String.fromCharCode(type) + uint16(value.length) + value;

/** A version 2 header; `length` tells more or less than there is. */
function version2(command: number, family: number, rest = '', length = rest.length): string {
  return SIGNATURE + String.fromCharCode(command, family) + uint16(length) + rest;
}

/** CRC-32C bit by bit, as four octets. */
function crc32c(text: string): string {
  let crc = ~0;
  for (const octet of octets(text)) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return uint16(~crc >>> 16) + uint16(~crc & 0xffff);
}

/** A header with the checksum between two runs of vectors. */
function checked(family: number, ends: string, before = '', after = ''): string {
  const zeros = version2(PROXY, family, ends + before + tlv(3, '\0\0\0\0') + after);
  const at = zeros.length - after.length - 4;
  return zeros.slice(0, at) + crc32c(zeros) + zeros.slice(at + 4);
}

describe('§2 The PROXY protocol header', () => {
  const NEITHER = 'the octets begin no PROXY header (PROXY protocol §2)';

  test.each([
    'GET / HTTP/1.1\r\n', 'POST / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'PUT',
    'PROPFIND', '\x16\x03\x01', '\0', '\n', ' PROXY', 'proxy TCP4', 'PROXY\t', 'PROXY\r\n',
    'PROXYTCP4', 'PROX ', 'PROXY2', '\r\r', '\r\nG', '\r\n\r\nGET', '\r\n\r\n\0\r\nQUIT\r',
    '\r\n\r\n\0\r\nquit\n',
  ])('%j begins none', (text) => {
    expect(refuses(text)).toBe(NEITHER);
  });

  test('the first octet that differs is enough, wherever it is', () => {
    for (const begin of ['PROXY ', SIGNATURE]) {
      for (let at = 0; at < begin.length; at++) {
        expect(refuses(`${begin.slice(0, at)}#`)).toBe(NEITHER);
      }
    }
  });

  test('no octets: more are needed', () => {
    expect(parseProxyHeader(octets('GET'), 1, 1, new ProxyHeader())).toBe(MORE);
  });
});

describe('§2.1 Human-readable header format (Version 1)', () => {
  test.each<[string, Ends | 'own']>([
    ['TCP4 192.168.0.1 192.168.0.11 56324 443', ['192.168.0.1', 56324, '192.168.0.11', 443]],
    ['TCP4 0.0.0.0 0.0.0.0 0 0', ['0.0.0.0', 0, '0.0.0.0', 0]],
    ['TCP4 255.255.255.255 255.255.255.255 65535 65535',
      ['255.255.255.255', 65535, '255.255.255.255', 65535]],
    ['TCP6 2001:db8::17 ::1 4711 80', ['2001:db8::17', 4711, '::1', 80]],
    ['TCP6 2001:0DB8:0:0:0:0:0:0017 :: 1 65535', ['2001:db8::17', 1, '::', 65535]],
    ['TCP6 ::ffff:192.0.2.43 ::FFFF:cb00:7107 1 2',
      ['::ffff:192.0.2.43', 1, '::ffff:203.0.113.7', 2]],
    [`TCP6 ${'ffff:'.repeat(7)}ffff ${'ffff:'.repeat(7)}ffff 65535 65535`,
      [`${'ffff:'.repeat(7)}ffff`, 65535, `${'ffff:'.repeat(7)}ffff`, 65535]],
    ['UNKNOWN', 'own'],
    ['UNKNOWN ', 'own'],
    ['UNKNOWN ffff::1 ffff::2 65535 65535', 'own'],
    ['UNKNOWN \0\xff what  ever TCP4', 'own'],
  ])('PROXY %j', (line, ends) => {
    expect(accepts(`PROXY ${line}\r\n`)).toEqual(ends);
  });

  test.each([
    ['none of TCP4, TCP6 and UNKNOWN', [
      'TCP5', 'TCP ', 'tcp4 ', 'TCP44', 'UDP4 ', 'UNIX', 'UNKNOWM', 'unknown', ' ', '\t', '\r\n',
      'TCP4\r\n', 'TCP4\t', 'TCP6\n',
    ]],
    ['neither a space nor CRLF', ['UNKNOWN\n', 'UNKNOWN\t', 'UNKNOWNS', 'UNKNOWN\0']],
    ['CR without LF', [
      'TCP4 1.2.3.4\rx', 'TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n', 'TCP6 \r ', 'UNKNOWN\rx',
      'UNKNOWN x\r\0\n',
    ]],
    ['LF without CR', [
      'TCP4 1.1.1.1 2.2.2.2 1 2\n', 'TCP6 \n', 'UNKNOWN \n', 'UNKNOWN x\n\r\n',
    ]],
    ['octet 0x', [
      'TCP4 1.1.1.1\t', 'TCP4 :', 'TCP4 a', 'TCP4 1.1.1.1 2.2.2.2 1 -', 'TCP4 1.1.1.1 2.2.2.2 +',
      'TCP6 g', 'TCP6 ::1%', 'TCP6 [', 'TCP6 \0', 'TCP4 \x80',
    ]],
  ])('%s', (why, lines) => {
    for (const line of lines) expect(refuses(`PROXY ${line}`), line).toContain(why);
  });

  test.each([
    ['not two addresses and two ports', [
      'TCP4 ', 'TCP4 1.1.1.1', 'TCP4 1.1.1.1 2.2.2.2', 'TCP4 1.1.1.1 2.2.2.2 1',
      'TCP4  1.1.1.1 2.2.2.2 1 2', 'TCP4 1.1.1.1  2.2.2.2 1 2', 'TCP4 1.1.1.1 2.2.2.2  1 2',
      'TCP4 1.1.1.1 2.2.2.2 1  2', 'TCP4 1.1.1.1 2.2.2.2 1 2 ', 'TCP4 1.1.1.1 2.2.2.2 1 2 3',
      'TCP6 ', 'TCP6 ::1 ::1 1 2 3',
    ]],
    ['is no address of its family', [
      'TCP4 1.1.1 2.2.2.2 1 2', 'TCP4 1.1.1.256 2.2.2.2 1 2', 'TCP4 01.1.1.1 2.2.2.2 1 2',
      'TCP4 1.1.1.1 2.2.2.2.2 1 2', 'TCP4 1.1.1.1 . 1 2', 'TCP4 1 2 3 4', 'TCP4   1 2',
      'TCP6 1.1.1.1 2.2.2.2 1 2', 'TCP6 ::1 1 2 3', 'TCP6 ::1 ::1:: 1 2', 'TCP6 12345:: ::1 1 2',
      'TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2', 'TCP6 ::1 ::ffff:1.2.3.256 1 2',
    ]],
    ['is no port', [
      'TCP4 1.1.1.1 2.2.2.2 65536 1', 'TCP4 1.1.1.1 2.2.2.2 1 65536', 'TCP4 1.1.1.1 2.2.2.2 01 1',
      'TCP4 1.1.1.1 2.2.2.2 1 00', 'TCP4 1.1.1.1 2.2.2.2 1 1.5', 'TCP6 ::1 ::1 ffff 1',
      'TCP6 ::1 ::1 1 :', 'TCP4 1.1.1.1 2.2.2.2 1 18446744073709551617',
    ]],
  ])('a whole line: %s', (why, lines) => {
    for (const line of lines) expect(refuses(`PROXY ${line}\r\n`), line).toContain(why);
  });

  test('addresses are judged when CRLF has come, not before', () => {
    const line = octets('PROXY TCP4 999.1.1.1 2.2.2.2 1 2\r\n');
    expect(parseProxyHeader(line, 0, line.length - 1, new ProxyHeader())).toBe(MORE);
    expect(() => parseProxyHeader(line, 0, line.length, new ProxyHeader())).toThrow('"999.1.1.1"');
  });

  test('ports: 65535 and no more; 0 is one', () => {
    const line = (port: string): string => `PROXY TCP4 1.1.1.1 2.2.2.2 ${port} ${port}\r\n`;
    expect(accepts(line('65535'))).toEqual(['1.1.1.1', 65535, '2.2.2.2', 65535]);
    expect(accepts(line('0'))).toEqual(['1.1.1.1', 0, '2.2.2.2', 0]);
    expect(refuses(line('65536'))).toBe('"65536" is no port (PROXY protocol §2.1)');
  });

  test('107 octets with CRLF and no more, told as soon as CR is too late', () => {
    const line = (length: number): string => `${'PROXY UNKNOWN '.padEnd(length - 2, 'x')}\r\n`;
    const long = 'a line is over 107 octets (PROXY protocol §2.1)';
    expect(line(PROXY_LINE_BYTES)).toHaveLength(107);
    expect(accepts(line(107))).toBe('own');
    expect(refuses(line(108))).toBe(long);
    const begun = octets(line(1000));
    expect(parseProxyHeader(begun, 0, 105, new ProxyHeader())).toBe(MORE);
    expect(() => parseProxyHeader(begun, 0, 106, new ProxyHeader())).toThrow(long);
    expect(refuses(`PROXY TCP6 ${'f'.repeat(95)}`)).toBe(long);
  });
});

describe('§2.2 Binary header format (Version 2)', () => {
  test.each<[string, string, Ends | 'own']>([
    ['TCP over IPv4', version2(PROXY, TCP4, ENDS4), READ4],
    ['TCP over IPv6', version2(PROXY, TCP6, ENDS6), READ6],
    ['a Unix stream', version2(PROXY, UNIX, '/run/a'.padEnd(216, '\0')), ['', 0, '', 0]],
    ['all bits set', version2(PROXY, TCP4, '\xff'.repeat(12)),
      ['255.255.255.255', 65535, '255.255.255.255', 65535]],
    ['LOCAL without addresses', version2(LOCAL, 0), 'own'],
    ['LOCAL with addresses', version2(LOCAL, TCP4, ENDS4), 'own'],
    ['LOCAL with a family that is not assigned', version2(LOCAL, 0xff, 'what'), 'own'],
    ['LOCAL with octets that make no TLV', version2(LOCAL, 0, '\x01\xff'), 'own'],
    ['AF_UNSPEC', version2(PROXY, 0), 'own'],
    ['AF_UNSPEC with octets', version2(PROXY, 0, ENDS4), 'own'],
    ['AF_UNSPEC over STREAM', version2(PROXY, 0x01, ENDS4), 'own'],
    ['AF_INET over UNSPEC', version2(PROXY, 0x10, ENDS4), 'own'],
    ['AF_INET6 over UNSPEC, too short for it', version2(PROXY, 0x20, 'x'), 'own'],
  ])('%s', (_, text, ends) => {
    expect(accepts(text)).toEqual(ends);
  });

  test.each([0, 1, 3, 0xf])('version %i after the signature', (version) => {
    expect(refuses(SIGNATURE + String.fromCharCode(version << 4)))
      .toBe(`version ${version} after the signature of 2 (PROXY protocol §2.2)`);
  });

  test.each([2, 3, 0xf])('command %i', (command) => {
    expect(refuses(SIGNATURE + String.fromCharCode(0x20 | command)))
      .toBe(`command ${command} is neither LOCAL nor PROXY (PROXY protocol §2.2)`);
  });

  test.each([
    ['address family 4 is not assigned', [0x41, 0x40, 0x4f]],
    ['address family 15 is not assigned', [0xf1, 0xff]],
    ['transport protocol 3 is not assigned', [0x03, 0x13, 0x23, 0x33]],
    ['transport protocol 15 is not assigned', [0x0f, 0x1f]],
    ['DGRAM cannot be ahead of a stream', [0x02, 0x12, 0x22, 0x32]],
  ])('%s: told before the length', (why, families) => {
    for (const family of families) {
      expect(refuses(SIGNATURE + String.fromCharCode(PROXY, family)))
        .toBe(`${why} (PROXY protocol §2.2)`);
    }
  });

  test.each([
    ['AF_INET', TCP4, ENDS4], ['AF_INET6', TCP6, ENDS6], ['AF_UNIX', UNIX, '/'.repeat(216)],
  ])('%s: the length has room for the addresses, or is refused by itself', (_, family, ends) => {
    const short = 'the length has no room for the addresses (PROXY protocol §2.2)';
    expect(accepts(version2(PROXY, family, ends))).not.toBe('own');
    expect(refuses(version2(PROXY, family, '', ends.length - 1))).toBe(short);
    expect(refuses(version2(PROXY, family))).toBe(short);
  });

  test.each([
    ['LOCAL', LOCAL, 0, ''], ['PROXY', PROXY, TCP4, ENDS4], ['UNSPEC', PROXY, 0, ''],
  ])('%s: the limit of 2048 octets, and one that is given', (_, command, family, ends) => {
    const filled = (length: number): string =>
      version2(command, family, ends + tlv(4, 'x'.repeat(length - 16 - ends.length - 3)));
    for (const limit of [PROXY_HEADER_BYTES, 100, 303]) {
      const given = limit === PROXY_HEADER_BYTES ? undefined : limit;
      expect(filled(limit)).toHaveLength(limit);
      expect(accepts(filled(limit), given)).toEqual(ends === '' ? 'own' : READ4);
      expect(refuses(filled(limit + 1).slice(0, 16), given))
        .toBe(`a header is over ${limit} octets (PROXY protocol §2.2)`);
    }
    // 0x0800 and more: the first octet of the length tells. What stands behind it does not.
    const begun = octets(filled(2000));
    begun[15] = 0xff;
    expect(parseProxyHeader(begun, 0, 15, new ProxyHeader())).toBe(MORE);
    expect(() => parseProxyHeader(begun, 0, 16, new ProxyHeader())).toThrow('over 2048 octets');
    expect(refuses(filled(4096).slice(0, 15))).toContain('over 2048 octets');
    expect(refuses(version2(command, family, '', 65_535))).toContain('over 2048 octets');
  });
});

describe('§2.2 Type-Length-Value', () => {
  const rows: [string, string][] = [
    ['ALPN', tlv(1, 'h2')], ['AUTHORITY', tlv(2, 'a.example')], ['NOOP, empty', tlv(4, '')],
    ['UNIQUE_ID', tlv(5, 'x'.repeat(128))],
    ['SSL', tlv(0x20, `\x01\0\0\0\0${tlv(0x21, 'TLSv1.3')}`)], ['NETNS', tlv(0x30, 'blue')],
    ['not assigned', tlv(0xee, 'any')], ['several', tlv(1, 'h2') + tlv(4, '') + tlv(0xff, '\0')],
  ];

  test.each(rows)('%s: passed over', (_, vectors) => {
    expect(accepts(version2(PROXY, TCP4, ENDS4 + vectors))).toEqual(READ4);
    expect(accepts(version2(PROXY, TCP6, ENDS6 + vectors))).toEqual(READ6);
    expect(accepts(version2(PROXY, UNIX, '\0'.repeat(216) + vectors))).toEqual(['', 0, '', 0]);
  });

  test.each([
    ['a type alone', '\x04'], ['half a length', '\x04\0'], ['one octet too few', '\x04\0\x02x'],
    ['all too few', '\x04\xff\xff'], ['a type after a whole one', `${tlv(4, 'x')}\x04`],
    ['one octet too many', `${tlv(4, 'x')}x`],
  ])('%s: beyond the header', (_, vectors) => {
    expect(refuses(version2(PROXY, TCP4, ENDS4 + vectors)))
      .toBe('a TLV goes beyond the header (PROXY protocol §2.2)');
  });

  test('nothing is passed over that a length behind the header would make whole', () => {
    const cut = version2(PROXY, TCP4, `${ENDS4}\x04`);
    expect(refuses(`${cut}\0\0`)).toContain('beyond the header');
  });
});

describe('§2.2.3 PP2_TYPE_CRC32C', () => {
  test('(the sum of this test is CRC-32C: its check value)', () => {
    expect(crc32c('123456789')).toBe('\xe3\x06\x92\x83');
  });

  const rows: [string, string, Ends][] = [
    ['alone', checked(TCP4, ENDS4), READ4],
    ['first', checked(TCP4, ENDS4, '', tlv(1, 'h2')), READ4],
    ['last', checked(TCP6, ENDS6, tlv(4, '\xff\xff')), READ6],
    ['between', checked(TCP6, ENDS6, tlv(1, 'h2'), tlv(4, '')), READ6],
    ['of a Unix stream', checked(UNIX, '/'.repeat(216)), ['', 0, '', 0]],
  ];

  test.each(rows)('%s: right', (_, text, ends) => {
    expect(accepts(text)).toEqual(ends);
  });

  test('a fixed vector, octet for octet', () => {
    const text = `${version2(PROXY, TCP4, '', 19)}${ENDS4}\x03\0\x04`;
    expect(accepts(`${text}\xa4\xe0\x3e\x85`)).toEqual(READ4);
  });

  test.each(rows)('%s: each bit of addresses and vectors counts', (_, text) => {
    for (let at = 16; at < text.length; at++) {
      for (let bit = 1; bit < 256; bit <<= 1) {
        const damaged = octets(text);
        damaged[at] = (damaged[at] ?? 0) ^ bit;
        // What is no longer a checksum by its type is not checked.
        if (text.charCodeAt(at) === 3 && damaged[at + 2] === 4) continue;
        expect(() => parseProxyHeader(damaged, 0, damaged.length, new ProxyHeader()))
          .toThrow(ConnectionError);
      }
    }
  });

  test.each([
    ['wrong', tlv(3, '\0\0\0\0'), 'the checksum is not that of the header'],
    ['too short', tlv(3, '\0\0\0'), 'the checksum is not 4 octets'],
    ['too long', tlv(3, '\0\0\0\0\0'), 'the checksum is not 4 octets'],
    ['empty', tlv(3, ''), 'the checksum is not 4 octets'],
    ['twice', tlv(3, '\0\0\0\0') + tlv(3, '\0\0\0\0'), 'the checksum is there twice'],
  ])('%s: refused', (_, vectors, why) => {
    expect(refuses(version2(PROXY, TCP4, ENDS4 + vectors)))
      .toBe(`${why} (PROXY protocol §2.2.3)`);
  });

  test('of LOCAL it is not looked at: the block is discarded', () => {
    expect(accepts(version2(LOCAL, 0, tlv(3, 'what')))).toBe('own');
  });
});

describe.each([1, freshSeed()])('damaged headers, seed %i', (seed) => {
  const HEADERS = 5000;
  const whole = [
    'PROXY TCP4 192.0.2.43 203.0.113.7 56324 443\r\n', 'PROXY UNKNOWN ::1 x\r\n',
    'PROXY TCP6 2001:db8::17 ::ffff:203.0.113.7 56324 443\r\n', 'PROXY UNKNOWN\r\n',
    version2(LOCAL, 0, tlv(4, 'x')),
    version2(PROXY, TCP4, ENDS4), version2(PROXY, TCP4, ENDS4 + tlv(1, 'h2') + tlv(2, 'a')),
    version2(PROXY, TCP6, ENDS6 + tlv(4, '')), checked(TCP4, ENDS4, tlv(1, 'h2')),
    version2(PROXY, UNIX, '\0'.repeat(216)), version2(PROXY, 0, 'x'),
  ];

  function damaged(random: Random): string {
    let text = random.pick(whole);
    for (let n = random.between(0, 3); n > 0; n--) {
      const at = random.int(text.length + 1);
      const other = random.pick(whole);
      const piece = random.pick([
        String.fromCharCode(random.int(256)), random.pick([...'\r\n \0.:019fT']), '',
        text.slice(at, at + random.int(6)), other.slice(random.int(other.length)),
      ]);
      text = text.slice(0, at) + piece + text.slice(at + random.int(3));
    }
    return text;
  }

  /** The words of a refusal, or the end and what was read; `poison` stands behind the octets. */
  function verdict(text: string, poison: string): unknown {
    const header = new ProxyHeader();
    try {
      const next = parseProxyHeader(octets(text + poison), 0, text.length, header);
      return next === MORE ? MORE : { next, ...header };
    } catch (error) {
      if (error instanceof ConnectionError) return error.message;
      throw new Error(`seed ${seed}: ${JSON.stringify(text)}`, { cause: error });
    }
  }

  /** What was read makes sense: addresses of the family that the header names, and ports. */
  function isSound(text: string, result: Accepted, shown: string): void {
    const { next, isProxied, address, localAddress, port, localPort } = result;
    expect(next, shown).toBeLessThanOrEqual(text.length);
    const isV4 = text.startsWith('PROXY TCP4') || text.charCodeAt(13) === TCP4;
    const isUnix = text.charCodeAt(13) === UNIX && text.startsWith(SIGNATURE);
    for (const each of [address, localAddress]) {
      if (!isProxied || isUnix) expect(each, shown).toBe('');
      else expect(isV4 ? isIPv4(each) : isIPv6(each), shown).toBe(true);
    }
    for (const each of [port, localPort]) {
      expect(each >= 0 && each <= 65_535 && (each === 0 || isProxied), shown).toBe(true);
    }
  }

  test('one verdict however they are cut; nothing is read behind the end', () => {
    const seen = { refused: 0, more: 0, accepted: 0 };
    for (let index = 0; index < HEADERS; index++) {
      const random = Random.case(seed, index);
      const text = damaged(random);
      const shown = `seed ${seed}, case ${index}: ${JSON.stringify(text)}`;
      const result = verdict(text, '');
      for (const poison of ['\0'.repeat(300), '\r\n', '\n', '\xff'.repeat(300), ' 1 2\r\n']) {
        expect(verdict(text, poison), shown).toEqual(result);
      }
      const part = verdict(text.slice(0, random.int(text.length + 1)), '');
      if (part !== MORE) expect(part, shown).toEqual(result);
      if (typeof result === 'string') seen.refused++;
      else if (result === MORE) seen.more++;
      else seen.accepted++;
      if (typeof result === 'object') isSound(text, result as Accepted, shown);
    }
    expect(Math.min(seen.refused, seen.more, seen.accepted)).toBeGreaterThan(HEADERS / 20);
  });

  test('random octets after each beginning', () => {
    const texts = ['', 'P', 'PROXY ', 'PROXY TCP4 ', 'PROXY TCP6 ', 'PROXY UNKNOWN', SIGNATURE,
      `${SIGNATURE}\x21\x11\0`, `${SIGNATURE}\x21\x11\0\x40${ENDS4}`];
    for (let index = 0; index < HEADERS; index++) {
      const random = Random.case(seed, index);
      const bytes = random.bytes(random.int(200));
      const text = random.pick(texts) + latin1(bytes, 0, bytes.length);
      const result = verdict(text, '');
      expect(verdict(text, '\xff\r\n'), `seed ${seed}, case ${index}`).toEqual(result);
    }
  });
});
