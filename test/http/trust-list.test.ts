/** Trust lists: which addresses are in a block (RFC 4632 §3.1, RFC 4291 §2.3), and what is none. */
import { BlockList, isIPv6 } from 'node:net';
import { describe, expect, test } from 'vitest';
import { formatIpAddress, parseIpAddress } from '../../src/http/ip-address.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { freshSeed, seeded } from '../support/random.ts';

describe('what is in a list', () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3'],
      ['9.255.255.255', '11.0.0.0', '::10.1.2.3', 'a00::']],
    ['192.0.2.0/25', ['192.0.2.0', '192.0.2.127'], ['192.0.2.128', '192.0.3.0']],
    ['192.0.2.128/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127', '192.0.3.0']],
    ['192.0.2.7', ['192.0.2.7', '::ffff:192.0.2.7', '::ffff:c000:207'], ['192.0.2.6']],
    ['192.0.2.7/32', ['192.0.2.7'], ['192.0.2.6', '192.0.2.8']],
    ['192.0.2.6/31', ['192.0.2.6', '192.0.2.7'], ['192.0.2.5', '192.0.2.8']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255', '::ffff:1.2.3.4'], ['::', '::1.2.3.4']],
    ['128.0.0.0/1', ['128.0.0.0', '255.255.255.255'], ['127.255.255.255', '8000::']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::', '::2', '127.0.0.1']],
    ['2001:db8::/32', ['2001:db8::', '2001:DB8:ffff::1'], ['2001:db9::', '2001:db7:ffff::']],
    ['fe80::/10', ['fe80::1', 'febf::1', 'fe80::1%eth0'], ['fec0::', 'fe7f::']],
    ['::/0', ['::', '::1', 'ffff::'], ['1.2.3.4', '::ffff:1.2.3.4']],
    ['::/80', ['::', '::1.2.3.4'], ['1.2.3.4', '::1:0:0:0']],
    ['::ffff:10.0.0.0/104', ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.0']],
    ['::ffff:0:0/96', ['0.0.0.0', '255.255.255.255'], ['::', '::fffe:ffff:ffff']],
    ['loopback', ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1'],
      ['128.0.0.0', '::', '::7f00:1']],
    ['private', ['10.0.0.1', '172.16.0.0', '172.31.255.255', '192.168.1.1', 'fd00::1'],
      ['172.15.255.255', '172.32.0.0', '192.169.0.0', '127.0.0.1', 'fe00::', '::1']],
  ])('%s', (entry, inside, outside) => {
    const list = trustList([entry]);
    expect(inside.filter((address) => !list.trusts(address))).toEqual([]);
    expect(outside.filter((address) => list.trusts(address))).toEqual([]);
  });

  test('several entries: any of them', () => {
    const list = trustList(['loopback', '192.0.2.0/24', '2001:db8::7']);
    expect(['127.0.0.1', '192.0.2.1', '2001:db8::7'].every((each) => list.trusts(each))).toBe(true);
    expect(list.trusts('2001:db8::8')).toBe(false);
  });

  test('the empty list trusts nobody, and no list what is no address', () => {
    expect(trustList([]).trusts('127.0.0.1')).toBe(false);
    const all = trustList(['0.0.0.0/0', '::/0']);
    expect(['', '%', '%eth0', 'localhost', '1.2.3', '[::1]', '1.2.3.4:5', '/run/socket']
      .filter((address) => all.trusts(address))).toEqual([]);
  });
});

test('unix is every peer of a Unix socket, which has no address, and nobody else', () => {
  const list = trustList(['unix']);
  expect(['', '127.0.0.1', '::1', 'unix', '%', '/run/socket'].filter((one) => list.trusts(one)))
    .toEqual(['']);
  const others = trustList(['loopback', 'private', '0.0.0.0/0', '::/0']);
  expect(others.trusts('')).toBe(false);
  expect(trustList(['192.0.2.7', 'unix']).trusts('192.0.2.7')).toBe(true);
});

describe('what is no entry is a TypeError that says why', () => {
  const [NOT_32, NOT_128] = ['has no prefix of 0 to 32 bits', 'has no prefix of 0 to 128 bits'];
  const NONE = 'is no address, no block and none of loopback, private, unix';

  test.each([
    ['', NONE], ['localhost', NONE], ['Loopback', NONE], ['toString', NONE], ['__proto__', NONE],
    ['10.0.0', NONE], ['10.0.0.01', NONE], ['10.0.0.0/8/8', NONE], ['/8', NONE], ['::1%lo', NONE],
    [' ::1', NONE], ['10.0.0.0 /8', NONE], ['[::1]', NONE], ['*', NONE],
    ['10.0.0.0/', NOT_32], ['10.0.0.0/33', NOT_32], ['10.0.0.0/08', NOT_32], ['0.0.0.0/-1', NOT_32],
    ['10.0.0.0/255.0.0.0', NOT_32], ['0.0.0.0/99999999999999999999', NOT_32],
    ['::/129', NOT_128], ['::/1e1', NOT_128], ['::/99999999999999999999', NOT_128],
    ['10.0.0.1/8', 'has bits set after its prefix; is 10.0.0.0/8 meant?'],
    ['192.0.2.128/24', 'has bits set after its prefix; is 192.0.2.0/24 meant?'],
    ['2001:db8::1/32', 'has bits set after its prefix; is 2001:db8::/32 meant?'],
    ['::ffff:10.0.0.1/104', 'has bits set after its prefix; is ::ffff:10.0.0.0/104 meant?'],
  ])('%j', (entry, why) => {
    const fault = new TypeError(`trust list: ${JSON.stringify(entry)} ${why}`);
    expect(() => trustList([entry])).toThrow(fault);
    expect(() => trustList(['loopback', entry])).toThrow(fault);
  });

  test.each([
    ['loopback', 'a trust list is an array'], [undefined, 'a trust list is an array'],
    [[8], 'a trust list holds strings, not number'], [[null], 'holds strings, not object'],
  ])('%j', (entries, why) => {
    expect(() => trustList(entries as never)).toThrow(TypeError);
    expect(() => trustList(entries as never)).toThrow(why);
  });
});

test.each([1, freshSeed()])('Node\'s block list says the same, seed %i', (seed) => {
  let inside = 0;
  seeded(seed, (random) => {
    for (let i = 0; i < 1000; i++) {
      const family = random.pick(['ipv4', 'ipv6'] as const);
      const bits = random.int(family === 'ipv4' ? 33 : 129);
      const octets = random.bytes(16);
      const first = family === 'ipv4' ? 12 : 0;
      if (family === 'ipv4') octets.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]);
      const prefix = octets.map((octet, at) => octet & (0xff00 >> clamp(bits - (at - first) * 8)));
      if (first === 12) prefix.set(octets.subarray(0, 12));
      // A neighbour: the same but for one bit, mostly near the end of the prefix.
      const other = random.int(128 - first * 8);
      octets[first + (other >> 3)] = (octets[first + (other >> 3)] ?? 0) ^ (0x80 >> (other & 7));
      const [net, address] = [formatIpAddress(prefix), formatIpAddress(octets)];
      if (isIPv6(net) !== isIPv6(address) || (family === 'ipv6') !== isIPv6(net)) continue;
      const oracle = new BlockList();
      oracle.addSubnet(net, bits, family);
      const expected = oracle.check(address, family);
      expect(trustList([`${net}/${bits}`]).trusts(address), `${address} in ${net}/${bits}`)
        .toBe(expected);
      expect(trustList([`${net}/${bits}`]).includes(parseIpAddress(address) as Uint8Array))
        .toBe(expected);
      if (expected) inside++;
    }
  });
  expect(inside).toBeGreaterThan(100);
});

/** How many bits of an octet are in a prefix. */
function clamp(bits: number): number {
  return Math.max(0, Math.min(8, bits));
}
