/** IP addresses: what is one, its octets, and its one text (RFC 3986 §3.2.2, RFC 5952 §4). */
import { isIPv4, isIPv6 } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  formatIpAddress, formatIpv4, formatIpv6, isMapped, parseIpAddress, parseIpv4, parseIpv6,
} from '../../src/http/ip-address.ts';
import { Random, freshSeed, seeded } from '../support/random.ts';

const hex = (octets: Uint8Array | undefined): string | undefined =>
  octets && Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');
const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const MAPPED = '00000000000000000000ffff';

describe('IPv4address (RFC 3986 §3.2.2)', () => {
  test.each([
    ['0.0.0.0', '00000000'], ['1.2.3.4', '01020304'], ['255.255.255.255', 'ffffffff'],
    ['192.0.2.43', 'c000022b'], ['10.0.0.1', '0a000001'], ['9.99.100.199', '096364c7'],
  ])('%s', (text, octets) => {
    const parsed = parseIpv4(text);
    expect(hex(parsed)).toBe(MAPPED + octets);
    expect(formatIpv4(fromHex(octets), 0)).toBe(text);
    expect(parseIpv6(text)).toBeUndefined();
    expect(hex(parseIpAddress(text))).toBe(MAPPED + octets);
  });

  test.each([
    '', '.', '...', '1', '1.2', '1.2.3', '1.2.3.', '.1.2.3', '1.2.3.4.', '.1.2.3.4', '1..2.3',
    '1.2.3.4.5', '256.1.1.1', '1.1.1.256', '1.1.1.999', '1.1.1.1000', '01.2.3.4', '1.2.3.04',
    '1.2.3.00', '0x1.2.3.4', '1.2.3.a', '1.2.3.-4', '+1.2.3.4', ' 1.2.3.4', '1.2.3.4 ',
    '1.2.3.4\n', '1.2.3.4/8', '1.2.3.4:80', '1,2,3,4', '1.2.3.\u0664', '\u0661.2.3.4', '2130706433',
  ])('%j is none', (text) => {
    expect([parseIpv4(text), parseIpAddress(text)]).toEqual([undefined, undefined]);
  });
});

describe('IPv6address (RFC 3986 §3.2.2, RFC 4291 §2.2)', () => {
  test.each([
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['1::8', '00010000000000000000000000000008'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['1:2:3::5:6:7:8', '00010002000300000005000600070008'],
    ['2001:db8::17', '20010db8000000000000000000000017'],
    ['FE80::aBcD', 'fe80000000000000000000000000abcd'],
    ['00ab:0:0:0:0:0:0:0001', '00ab0000000000000000000000000001'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'ffffffffffffffffffffffffffffffff'],
    ['::1.2.3.4', '00000000000000000000000001020304'],
    ['::ffff:192.0.2.43', '00000000000000000000ffffc000022b'],
    ['64:ff9b::255.255.255.255', '0064ff9b0000000000000000ffffffff'],
    ['1:2:3:4:5:6:1.2.3.4', '00010002000300040005000601020304'],
    ['1:2:3:4:5::1.2.3.4', '00010002000300040005000001020304'],
    ['1::3:1.2.3.4', '00010000000000000000000301020304'],
    // The longest text that there is: 45 characters.
    ['0000:0000:0000:0000:0000:ffff:255.255.255.255', '00000000000000000000ffffffffffff'],
  ])('%s', (text, octets) => {
    expect(hex(parseIpv6(text))).toBe(octets);
    expect(hex(parseIpAddress(text))).toBe(octets);
    expect(parseIpv4(text)).toBeUndefined();
    expect(isIPv6(text)).toBe(true);
  });

  test.each([
    '', ':', ':::', '::::', '1', '1:', ':1', '1:2', ':1::', '::1:', '1::2::3', '::1::', '1:::2',
    '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:', ':2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8:',
    '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '1:2:3:4::5:6:7:8', '12345::', '::00001', 'g::',
    '::1.2.3', '::1.2.3.256', '::1.2.3.04', '::1.2.3.4.5', '1.2.3.4::', '::1.2.3.4:5', '::1.2.3.4:',
    '1:2:3:4:5:6:7:1.2.3.4', '1:2:3:4:5:6::1.2.3.4', '1:2:3:4:5:1.2.3.4', '::.1.2.3', '::1.2.3.',
    '::abcd.1.1.1', '::\u01311', '[::1]', '::1/128', ' ::1', '::1 ', '::1\n', '-1::', '+1::',
    '0x1::',
    '0000:0000:0000:0000:0000:ffff:0255.255.255.255', '0:'.repeat(1000), `::${'1'.repeat(1000)}`,
  ])('%j is none', (text) => {
    expect([parseIpv6(text), parseIpAddress(text)]).toEqual([undefined, undefined]);
    expect(isIPv6(text)).toBe(false);
  });

  test.each(['fe80::1%eth0', 'fe80::1%25eth0', '::%', '::1%'])('%j has a zone: none', (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });
});

describe('the one text of an address', () => {
  test.each([
    ['leading zeros go (§4.1)', '2001:0db8::0001', '2001:db8::1'],
    ['as much as can be (§4.2.1)', '2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['one group is not shortened (§4.2.2)', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['one at the start neither', '::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['the longest run (§4.2.3)', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['the first of equals (§4.2.3)', '2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['lower case (§4.3)', '2001:DB8::ABCD', '2001:db8::abcd'],
    ['no address', '0:0:0:0:0:0:0:0', '::'],
    ['zeros at the end', '1:0:0:0:0:0:0:0', '1::'],
  ])('%s (RFC 5952)', (_, text, one) => {
    const octets = parseIpv6(text) as Uint8Array;
    expect(formatIpv6(octets, 0)).toBe(one);
    expect(formatIpAddress(octets)).toBe(one);
  });

  test('IPv4-mapped: as IPv6 with a dotted quad (RFC 5952 §5), as an address IPv4', () => {
    const octets = parseIpv6('::FFFF:c000:22b') as Uint8Array;
    expect(octets).toEqual(parseIpv4('192.0.2.43'));
    expect(isMapped(octets)).toBe(true);
    expect(formatIpv6(octets, 0)).toBe('::ffff:192.0.2.43');
    expect(formatIpAddress(octets)).toBe('192.0.2.43');
  });

  test.each(['::1.2.3.4', '::fffe:1.2.3.4', '::1:ffff:1.2.3.4', '1::ffff:1.2.3.4', '::'])(
    '%s is not IPv4-mapped (RFC 4291 §2.5.5.2)', (text) => {
      expect(isMapped(parseIpv6(text) as Uint8Array)).toBe(false);
    });

  test('from where it stands among other octets', () => {
    const bytes = Uint8Array.from({ length: 20 }, (_, index) => index);
    expect(formatIpv4(bytes, 3)).toBe('3.4.5.6');
    expect(formatIpv6(bytes, 3)).toBe('304:506:708:90a:b0c:d0e:f10:1112');
  });
});

describe.each([1, freshSeed()])('chance, seed %i', (seed) => {
  const ADDRESSES = 3000;

  /** Half of the groups zero, so that runs come up. */
  function someOctets(random: Random): Uint8Array {
    const octets = random.bytes(16);
    for (let at = 0; at < 16; at += 2) if (random.chance(0.5)) octets.fill(0, at, at + 2);
    if (random.chance(0.2)) octets.set(fromHex(MAPPED));
    return octets;
  }

  /** One of the many ways to write it. */
  function someText(random: Random, octets: Uint8Array): string {
    const groups = Array.from({ length: 8 }, (_, index) => {
      const group = ((octets[2 * index] ?? 0) << 8 | (octets[2 * index + 1] ?? 0)).toString(16);
      const padded = random.chance(0.3) ? group.padStart(4, '0') : group;
      return random.chance(0.3) ? padded.toUpperCase() : padded;
    });
    if (random.chance(0.3)) groups.splice(6, 2, formatIpv4(octets, 12));
    const written = groups.join(':');
    if (random.chance(0.4)) return written;
    const runs = [...written.matchAll(/(?<![^:])0+(:0+)*(?![^:])/g)];
    if (runs.length === 0) return written;
    const run = random.pick(runs);
    const before = written.slice(0, run.index).replace(/:$/, '');
    return `${before}::${written.slice(run.index + run[0].length).replace(/^:/, '')}`;
  }

  test('every spelling has the octets; the one text is that of a URL', () => {
    seeded(seed, (random) => {
      for (let i = 0; i < ADDRESSES; i++) {
        const octets = someOctets(random);
        const text = someText(random, octets);
        expect(hex(parseIpv6(text)), text).toBe(hex(octets));
        const one = formatIpv6(octets, 0);
        expect(parseIpv6(one), one).toEqual(octets);
        // A URL writes the quad of an IPv4-mapped address in hexadecimal.
        expect(isMapped(octets) ? new URL(`http://[${one}]`).hostname : `[${one}]`, text)
          .toBe(new URL(`http://[${text}]`).hostname);
        const quad = formatIpv4(octets, 12);
        expect(new URL(`http://${quad}`).hostname).toBe(quad);
        expect(hex(parseIpv4(quad))).toBe(MAPPED + hex(octets.subarray(12)));
      }
    });
  });

  test('an address is what Node takes for one, however it was damaged', () => {
    const letters = [...'0123456789abcdefABCDEFgx:::::.... [/'];
    const seen = new Set<string>();
    seeded(seed, (random) => {
      for (let i = 0; i < ADDRESSES; i++) {
        const octets = someOctets(random);
        const whole = random.chance(0.5) ? someText(random, octets) : formatIpv4(octets, 12);
        const parts = [...whole];
        for (let n = random.between(0, 3); n > 0; n--) {
          const at = random.int(parts.length + 1);
          const what = random.chance(0.7) ? [random.pick(letters)] : [];
          parts.splice(at, random.int(3), ...what);
        }
        const text = parts.join('');
        const verdict = [parseIpv4(text) !== undefined, parseIpv6(text) !== undefined];
        expect(verdict, text).toEqual([isIPv4(text), isIPv6(text)]);
        seen.add(verdict.join());
      }
    });
    expect([...seen].sort()).toEqual(['false,false', 'false,true', 'true,false']);
  });
});
