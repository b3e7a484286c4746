/** Forwarded and X-Forwarded-*: the grammar of RFC 7239, and how far a request's word carries. */
import { isIP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/http/fields.ts';
import {
  parseForwarded, parseNode, trustedOrigin, type ForwardedElement, type TrustedOrigin,
} from '../../src/http/forwarded.ts';
import { hostFault } from '../../src/http/target.ts';
import { trustList } from '../../src/http/trust-list.ts';
import { Random, freshSeed } from '../support/random.ts';

/** An element as its parameters, nodes as `name|port`: what a table can hold. */
type Shown = Readonly<Record<string, string>>;

function shown(element: ForwardedElement): Shown {
  const node = (name: 'for' | 'by'): Shown => {
    const one = element[name];
    return one === undefined ? {} : { [name]: `${one.name}|${one.port ?? ''}` };
  };
  const { host, proto } = element;
  return {
    ...Object.fromEntries(element.parameters),
    ...node('for'), ...node('by'),
    ...(host === undefined ? {} : { host }), ...(proto === undefined ? {} : { proto }),
  };
}

function read(...lines: readonly string[]): Shown[] | undefined {
  return parseForwarded(lines)?.map(shown);
}

describe('§4 Forwarded HTTP Header Field', () => {
  test.each<[string, readonly Shown[]]>([
    ['for="_gazonk"', [{ for: '_gazonk|' }]],
    ['For="[2001:db8:cafe::17]:4711"', [{ for: '2001:db8:cafe::17|4711' }]],
    ['for=192.0.2.60;proto=http;by=203.0.113.43',
      [{ for: '192.0.2.60|', proto: 'http', by: '203.0.113.43|' }]],
    ['for=192.0.2.43, for=198.51.100.17', [{ for: '192.0.2.43|' }, { for: '198.51.100.17|' }]],
    ['for=_hidden, for=_SEVKISEK', [{ for: '_hidden|' }, { for: '_SEVKISEK|' }]],
    ['for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown',
      [{ for: '192.0.2.43|' }, { for: '2001:db8:cafe::17|' }, { for: 'unknown|' }]],
    ['FOR=192.0.2.1;PROTO=HTTPS;Host=A.Example',
      [{ for: '192.0.2.1|', proto: 'https', host: 'A.Example' }]],
    ['host="a.example:8443"', [{ host: 'a.example:8443' }]],
    ['host="[::1]:8443";for="_a:_b"', [{ host: '[::1]:8443', for: '_a|_b' }]],
    ['a="x, y; z=\\"\\\\\\a\\"";b=""', [{ a: 'x, y; z="\\a"', b: '' }]],
    ['a="\t\xe9"', [{ a: '\t\xe9' }]],
    ['secret=!#$%&\'*+-.^_`|~', [{ secret: '!#$%&\'*+-.^_`|~' }]],
    ['__proto__=a', [Object.fromEntries([['__proto__', 'a']])]],
    // An element may be empty between semicolons, and a member of the list altogether.
    [';for=1.2.3.4;;proto=http;', [{ for: '1.2.3.4|', proto: 'http' }]],
    [';', [{}]],
    [' ,, for=1.2.3.4\t,\t, ', [{ for: '1.2.3.4|' }]],
    ['', []],
  ])('%j', (value, elements) => {
    expect(read(value)).toEqual(elements);
  });

  test.each([
    'for', 'for=', '=1.2.3.4', 'for=1.2.3.4;proto', 'for =1.2.3.4', 'for= 1.2.3.4', 'for=a b',
    'for=1.2.3.4; proto=http', 'for=1.2.3.4 ;proto=http', 'for=1.2.3.4:80', 'for=[::1]',
    'for="1.2.3.4', 'for=1.2.3.4"', 'for="1.2.3.4"x', 'x"for=1.2.3.4"', 'for=""1.2.3.4"', 'a="\\"',
    'a="\0"', 'a="\\\0"', 'a="\u0161"', 'a=\xe9', 'a/b=c', 'a=b/c', 'a=b=c', '"a"=b',
    'for=1.2.3.4;for=1.2.3.4', 'for=1.2.3.4;For=5.6.7.8', 'a=1;b=2;A=3',
    'proto=1http', 'proto="http:"', 'proto=""', 'proto=ht_tp', 'host="a b"', 'host="a:b"',
    'host="a,b"', 'host="user@a"', 'host="a/b"', 'host="::1"',
    'for=1.2.3', 'for=1.2.3.04', 'for=hidden', 'for=_', 'for="_a b"', 'for="[1.2.3.4]"',
    'for="::1"', "for='1.2.3.4'",
    'for="[::1"', 'for="[]"', 'for="[::1]x"', 'for="[::1%eth0]"', 'for="[::1]:"', 'for="1.2.3.4:"',
    'for="1.2.3.4:65536"', 'for="1.2.3.4:000080"', 'for="1.2.3.4:-1"', 'for="1.2.3.4:_"', 'for=""',
    'for="unknown:x"', 'for="_a:b"', 'by=hidden', 'by=""', 'for=" 1.2.3.4"',
  ])('%j is none', (value) => {
    expect(read(value)).toBeUndefined();
    expect(read(`for=1.2.3.4, ${value}, for=1.2.3.4`)).toBeUndefined();
  });
});

describe('§6 Node Identifiers', () => {
  test.each([
    ['192.0.2.43', '192.0.2.43', undefined, true],
    ['192.0.2.43:47011', '192.0.2.43', 47011, true],
    ['[2001:DB8:cafe::0017]:47011', '2001:db8:cafe::17', 47011, true],
    ['[::ffff:192.0.2.43]', '192.0.2.43', undefined, true],
    ['192.0.2.43:0', '192.0.2.43', 0, true],
    ['192.0.2.43:00080', '192.0.2.43', 80, true],
    ['192.0.2.43:65535', '192.0.2.43', 65535, true],
    ['192.0.2.43:_front.1', '192.0.2.43', '_front.1', true],
    ['unknown', 'unknown', undefined, false],
    ['Unknown:80', 'unknown', 80, false],
    ['_hidden', '_hidden', undefined, false],
    ['_a.b_c-9', '_a.b_c-9', undefined, false],
    ['_192.0.2.43:_x', '_192.0.2.43', '_x', false],
  ])('%j', (text, name, port, isAddress) => {
    const node = parseNode(text);
    expect(node).toMatchObject({ name, port });
    expect(node?.octets !== undefined).toBe(isAddress);
  });

  test.each(['', ':', ':80', 'a', '[', ']', '[]', '[::1]]', '[[::1]]', '_', '_:80', '::1'])(
    '%j is none', (text) => {
      expect(parseNode(text)).toBeUndefined();
    });
});

test('§7.1 HTTP Lists: several lines are one list, cut at any comma between elements', () => {
  const elements = ['for=192.0.2.43', 'for="[2001:db8:cafe::17]";a="x, y"', 'for=unknown'];
  const whole = read(elements.join(', '));
  expect(whole).toHaveLength(3);
  expect(read(elements.join(','))).toEqual(whole);
  expect(read(...elements)).toEqual(whole);
  expect(read(elements.slice(0, 1).join(), elements.slice(1).join())).toEqual(whole);
  expect(read(elements.slice(0, 2).join(), '', elements.slice(2).join())).toEqual(whole);
  // A quoted string does not go on in the next line.
  expect(read('a="x', 'y"')).toBeUndefined();
});

// Who is believed

const TRUST = trustList(['loopback', '10.0.0.0/8', '2001:db8::/32']);
const CLIENT = '198.51.100.7';

type Expected = Partial<TrustedOrigin>;
type Named = Readonly<Record<string, string | readonly string[]>>;

function origin(
  fields: Named, written?: 'forwarded' | 'x-forwarded', address = '10.0.0.1', port = 5000,
): TrustedOrigin {
  const request = { fields: Fields.from(fields), peer: { address, port } };
  return trustedOrigin(request, TRUST, written);
}

/** All four parts: those that are not named are undefined. */
const all = (expected: Expected): Expected =>
  ({ address: undefined, port: undefined, scheme: undefined, host: undefined, ...expected });
const PEER: Expected = { address: '10.0.0.1', port: 5000 };

describe('§8.1 only a peer in the list is believed', () => {
  const said: Named = { forwarded: 'for=1.2.3.4;proto=https;host=a.example' };
  const others: Named = {
    'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example',
    'x-forwarded-port': '8443', 'x-real-ip': '1.2.3.4', 'x-original-url': '/admin',
  };

  test.each([CLIENT, '11.0.0.1', '2001:db9::1', '::a00:1', '', 'fe80::1%eth0', '10.0.0.1:80'])(
    'peer %j is not: it is the origin itself', (address) => {
      for (const fields of [said, others, {}, { ...said, ...others }]) {
        expect(origin(fields, undefined, address)).toEqual(all({ address, port: 5000 }));
      }
    });

  test.each(['10.0.0.1', '::ffff:10.0.0.1', '::FFFF:a00:1', '127.0.0.1', '::1', '2001:db8::9'])(
    'peer %j is', (address) => {
      const expected = all({ address: '1.2.3.4', scheme: 'https', host: 'a.example' });
      expect(origin(said, undefined, address)).toEqual(expected);
      expect(origin(others, undefined, address)).toEqual({ ...expected, host: 'a.example:8443' });
    });

  test('the empty list, the default, believes nobody', () => {
    const request = { fields: Fields.from(said), peer: { address: '127.0.0.1', port: 1 } };
    expect(trustedOrigin(request, trustList([]))).toEqual(all({ address: '127.0.0.1', port: 1 }));
  });

  test('an IPv4-mapped peer is named as IPv4', () => {
    expect(origin({}, undefined, '::ffff:192.0.2.1').address).toBe('192.0.2.1');
  });

  test('nothing forwarded: the peer itself; other fields have no say', () => {
    const fields = { 'x-real-ip': '1.2.3.4', 'x-original-url': '/', 'x-forwarded-by': '1.2.3.4' };
    expect(origin(fields)).toEqual(all(PEER));
  });
});

describe('Forwarded, read from the right', () => {
  test.each<[string, string | readonly string[], Expected]>([
    ['the client by the peer', `for=${CLIENT}`, { address: CLIENT }],
    ['its port', `for="${CLIENT}:4711"`, { address: CLIENT, port: 4711 }],
    ['an obfuscated port', `for="${CLIENT}:_x"`, { address: CLIENT }],
    ['IPv6', 'for="[2001:DB9::0:1]:1"', { address: '2001:db9::1', port: 1 }],
    ['IPv4-mapped', `for="[::ffff:${CLIENT}]"`, { address: CLIENT }],
    ['what the client wrote before', `for=1.2.3.4, for=${CLIENT}`, { address: CLIENT }],
    ['in a line of its own', ['for=1.2.3.4', `for=${CLIENT}`], { address: CLIENT }],
    ['two trusted proxies', `for=1.2.3.4, for=${CLIENT}, for=10.0.0.2`, { address: CLIENT }],
    ['one of them IPv4-mapped', `for=${CLIENT}, for="[::ffff:10.0.0.2]"`, { address: CLIENT }],
    ['three, in lines', [`for=${CLIENT},for=10.9.9.9`, 'for="[2001:db8::1]:8"'],
      { address: CLIENT }],
    ['trusted to the end: the first', 'for="10.0.0.3:3", for=10.0.0.2',
      { address: '10.0.0.3', port: 3 }],
    ['empty members', `for=1.2.3.4, for=${CLIENT}, , ,`, { address: CLIENT }],
    ['no element at all', ',', PEER],

    ['unknown (§6.2)', 'for=1.2.3.4, for=unknown', {}],
    ['hidden (§6.3), with a port', 'for=1.2.3.4, for="_hidden:80"', {}],
    ['a proxy that does not say', 'for=1.2.3.4, proto=https', { scheme: 'https' }],
    ['hidden behind a trusted one', 'for=1.2.3.4, for=_x, for=10.0.0.2', {}],

    ['malformed: the last trusted value stands', `for=${CLIENT}, for=oops`, PEER],
    ['malformed behind a trusted one', `for=${CLIENT}, for=oops, for="10.0.0.2:9"`,
      { address: '10.0.0.2', port: 9 }],
    ['a parameter twice', `for=${CLIENT};for=1.2.3.4, for=10.0.0.2`, { address: '10.0.0.2' }],
    ['a broken host', `for=${CLIENT};host="a b"`, PEER],
    ['behind the client nothing is looked at', `for=oops, for=${CLIENT}`, { address: CLIENT }],
    ['a quote left open by the client', `for="1.2.3.4, for=${CLIENT}`, { address: CLIENT }],
    ['and after a backslash', `a="\\, for="[2001:db9::1]"`, { address: '2001:db9::1' }],
    ['and in a line of its own', ['for="1.2.3.4', `for="${CLIENT}"`], { address: CLIENT }],
    ['commas in a quoted string do not part', `a=", for=${CLIENT};b="`, {}],
  ])('%s', (_, value, expected) => {
    expect(origin({ forwarded: value })).toEqual(all(expected));
  });

  test.each<[string, string, Expected]>([
    ['of the one element', 'for=1.2.3.4;proto=https;host="a.example:8443"',
      { scheme: 'https', host: 'a.example:8443' }],
    ['of the outermost trusted element',
      'for=1.2.3.4;proto=https;host=a, for=10.0.0.2;proto=http;host=b',
      { scheme: 'https', host: 'a' }],
    ['of one further in where it does not say',
      'for=1.2.3.4;proto=https, for=10.0.0.2;host=b', { scheme: 'https', host: 'b' }],
    ['never of what the client wrote', 'for=10.0.0.9;proto=http;host=b, for=1.2.3.4', {}],
    ['never of a malformed element', 'for=x;proto=http;host=b, for="10.0.0.2";proto=https',
      { address: '10.0.0.2', scheme: 'https' }],
    ['in any case', 'for=1.2.3.4;proto=HTTPS', { scheme: 'https' }],
    ['of a WebSocket', 'for=1.2.3.4;proto=wss', { scheme: 'https' }],
    ['of a WebSocket in clear text', 'for=1.2.3.4;proto=ws', { scheme: 'http' }],
    ['of another scheme: not known', 'for=1.2.3.4;proto=coap', {}],
    ['an empty host: not known', 'for=1.2.3.4;host=""', {}],
  ])('scheme and host %s (§5.3, §5.4)', (_, value, expected) => {
    expect(origin({ forwarded: value })).toEqual(all({ address: '1.2.3.4', ...expected }));
  });
});

describe('X-Forwarded-For (§7.4)', () => {
  test.each<[string, string | readonly string[], Expected]>([
    ['the client by the peer', CLIENT, { address: CLIENT }],
    ['what the client wrote before', `1.2.3.4, ${CLIENT}`, { address: CLIENT }],
    ['in a line of its own', ['1.2.3.4', CLIENT], { address: CLIENT }],
    ['two trusted proxies', `1.2.3.4,${CLIENT},10.0.0.2`, { address: CLIENT }],
    ['with a port', `${CLIENT}:4711`, { address: CLIENT, port: 4711 }],
    ['IPv6', '2001:db9::1', { address: '2001:db9::1' }],
    ['IPv6 in brackets', '[2001:DB9::1]', { address: '2001:db9::1' }],
    ['IPv6 with a port', '[2001:db9::1]:80', { address: '2001:db9::1', port: 80 }],
    ['IPv4-mapped', `::ffff:${CLIENT}`, { address: CLIENT }],
    ['trusted to the end', '10.0.0.3, 2001:db8::7', { address: '10.0.0.3' }],
    ['unknown', '1.2.3.4, unknown', {}],
    ['malformed: the last trusted value stands', '1.2.3.4, oops', PEER],
    ['malformed behind a trusted one', '1.2.3.4, oops, 10.0.0.2', { address: '10.0.0.2' }],
    ['an empty member', '1.2.3.4, , 10.0.0.2', { address: '10.0.0.2' }],
    ['a comma at the end', '1.2.3.4,', PEER],
    ['empty', '', PEER],
    ['a Unix socket\'s client', '1.2.3.4, unix:', PEER],
    ['a quoted address', `"${CLIENT}"`, PEER],
    ['a zone', 'fe80::1%eth0', PEER],
    ['a quote left open by the client', `", ${CLIENT}`, { address: CLIENT }],
    ['behind the client nothing is looked at', `oops, ${CLIENT}`, { address: CLIENT }],
  ])('%s', (_, value, expected) => {
    expect(origin({ 'x-forwarded-for': value })).toEqual(all(expected));
  });
});

describe('X-Forwarded-Proto, -Host and -Port: the peer\'s own word', () => {
  const [proto, host, port] = ['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'];

  test.each<[string, Named, Expected]>([
    ['a scheme', { [proto]: 'https' }, { scheme: 'https' }],
    ['in capitals', { [proto]: 'HTTP' }, { scheme: 'http' }],
    ['of a WebSocket', { [proto]: 'wss' }, { scheme: 'https' }],
    ['no scheme that we know', { [proto]: 'spdy' }, {}],
    ['the last of a list', { [proto]: 'https, http' }, { scheme: 'http' }],
    ['the last of lines', { [proto]: ['https', 'http'] }, { scheme: 'http' }],
    ['the last, though empty', { [proto]: 'https,' }, {}],
    ['the last line, though empty', { [proto]: ['https', ''] }, {}],
    ['a host', { [host]: 'a.example' }, { host: 'a.example' }],
    ['a host with its port', { [host]: 'a.example:81' }, { host: 'a.example:81' }],
    ['the last host', { [host]: 'evil.example, a.example' }, { host: 'a.example' }],
    ['no host', { [host]: 'a b' }, {}],
    ['an empty host', { [host]: '' }, {}],
    ['user information', { [host]: 'user@a' }, {}],
    ['a path', { [host]: 'a/b' }, {}],
    ['the port of a host without one', { [host]: 'a', [port]: '81' }, { host: 'a:81' }],
    ['of an IPv6 literal', { [host]: '[::1]', [port]: '81' }, { host: '[::1]:81' }],
    ['a host that has one keeps it', { [host]: 'a:82', [port]: '81' }, { host: 'a:82' }],
    ['so does a literal', { [host]: '[::1]:82', [port]: '81' }, { host: '[::1]:82' }],
    ['the default port of http', { [host]: 'a', [port]: '80', [proto]: 'http' },
      { scheme: 'http', host: 'a' }],
    ['the default port of https', { [host]: 'a', [port]: '443', [proto]: 'https' },
      { scheme: 'https', host: 'a' }],
    ['the default port of the other', { [host]: 'a', [port]: '80', [proto]: 'https' },
      { scheme: 'https', host: 'a:80' }],
    ['the last port', { [host]: 'a', [port]: '1, 81' }, { host: 'a:81' }],
    ['the highest port', { [host]: 'a', [port]: '65535' }, { host: 'a:65535' }],
    ['no port', { [host]: 'a', [port]: '65536' }, { host: 'a' }],
    ['nor that', { [host]: 'a', [port]: '8x' }, { host: 'a' }],
    ['a port alone says nothing', { [port]: '81' }, {}],
  ])('%s', (_, fields, expected) => {
    expect(origin(fields)).toEqual(all({ ...PEER, ...expected }));
    expect(origin({ ...fields, 'x-forwarded-for': CLIENT }))
      .toEqual(all({ address: CLIENT, ...expected }));
  });
});

describe('both kinds', () => {
  const forwarded = `for=${CLIENT};proto=https`;

  test.each<[string, Named]>([
    ['-For', { 'x-forwarded-for': '1.2.3.4' }], ['-For that agrees', { 'x-forwarded-for': CLIENT }],
    ['-Proto', { 'x-forwarded-proto': 'https' }], ['-Host', { 'x-forwarded-host': 'a' }],
    ['-Port', { 'x-forwarded-port': '1' }], ['-For, empty', { 'x-forwarded-for': '' }],
  ])('X-Forwarded%s beside Forwarded: only who says which is written knows', (_, other) => {
    const both = { forwarded, ...other };
    expect(origin(both)).toEqual(all({}));
    expect(origin(both, 'forwarded')).toEqual(all({ address: CLIENT, scheme: 'https' }));
    expect(origin(both, 'x-forwarded')).toEqual(origin(other));
  });

  test('the kind that is not written is not looked at, though it is alone', () => {
    expect(origin({ forwarded }, 'x-forwarded')).toEqual(all(PEER));
    expect(origin({ 'x-forwarded-for': CLIENT }, 'forwarded')).toEqual(all(PEER));
  });
});

describe.each([1, freshSeed()])('chance, seed %i', (seed) => {
  const VALUES = 5000;

  const cases = (check: (random: Random, title: string) => void): void => {
    for (let index = 0; index < VALUES; index++) {
      check(Random.case(seed, index), `seed ${seed}, case ${index}`);
    }
  };

  /** Octets of a field value, most of them with a meaning in this grammar. */
  const NOISE = [...'ab=";,\\ \t:[]._1\xe9', 'for=', '="', '\\"'];
  const noise = (random: Random, most: number): string => Array.from(
    { length: random.int(most) }, () => random.pick(NOISE),
  ).join('');

  /** A quoted string: some that need no backslash have one. */
  const quoted = (random: Random, text: string): string => `"${text.replace(/./g, (character) =>
    /["\\]/.test(character) || random.chance(0.1) ? `\\${character}` : character)}"`;

  function someElement(random: Random): [text: string, parameters: Shown] {
    const parameters: Record<string, string> = {};
    for (const name of random.shuffle(['a', 'b', 'c']).slice(0, random.between(1, 3))) {
      parameters[name] = noise(random, 12);
    }
    const pairs = Object.entries(parameters)
      .map(([name, value]) => `${name}=${quoted(random, value)}`);
    return [random.shuffle(['', ...pairs]).join(';'), parameters];
  }

  test('what is written by the grammar is read back', () => {
    cases((random, title) => {
      const elements = Array.from({ length: random.between(1, 4) }, () => someElement(random));
      const lines = [''];
      for (const [text] of elements) {
        if (random.chance(0.3)) lines.push(text);
        else lines.push([lines.pop(), text].join(random.pick([',', ', ', ' ,\t', ',,'])));
      }
      expect(read(...lines), `${title}: ${JSON.stringify(lines)}`)
        .toEqual(elements.map(([, parameters]) => parameters));
    });
  });

  test('what is accepted is in the grammar, and what is not is not', () => {
    const pair = /[ab1._]+=(?:[ab1._]+|"(?:[^"\\]|\\[^])*")/.source;
    const element = `(?:${pair})?(?:;(?:${pair})?)*`;
    const list = new RegExp(`^[ \\t]*${element}[ \\t]*(?:,[ \\t]*${element}[ \\t]*)*$`);
    let accepted = 0;
    cases((random, title) => {
      const text = Array.from({ length: random.int(14) }, () =>
        random.pick([...'abc1._=";,\\ ', 'a=b', 'b="', '"']).replace('c', '\t')).join('');
      const names = text.replace(/"(?:[^"\\]|\\[^])*"/g, '').split(',')
        .map((each) => [...each.matchAll(/([ab1._]+)=/g)].map(([, name]) => name));
      const isTwice = names.some((each) => new Set(each).size < each.length);
      const elements = read(text);
      if (elements !== undefined) accepted++;
      expect(elements !== undefined, `${title}: ${JSON.stringify(text)}`)
        .toBe(list.test(text) && !isTwice);
    });
    expect(accepted).toBeGreaterThan(VALUES / 50);
  });

  test('whatever a client sends before it, the word of the peer is read', () => {
    const said: [string, Expected][] = [
      [`for=${CLIENT}`, { address: CLIENT }],
      [`for="${CLIENT}:9";proto=https`, { address: CLIENT, port: 9, scheme: 'https' }],
      ['for="[2001:db9::1]";a="x, \\", \\\\"', { address: '2001:db9::1' }],
    ];
    cases((random, title) => {
      const [text, expected] = random.pick(said);
      const before = Array.from({ length: random.between(1, 3) }, () => noise(random, 20));
      const lines = random.chance(0.5)
        ? [...before, text]
        : [...before.slice(0, -1), [before.at(-1), text].join(random.pick([',', ', ']))];
      expect(origin({ forwarded: lines }), `${title}: ${JSON.stringify(lines)}`)
        .toEqual(all(expected));
      const others = before.concat(CLIENT).join(random.pick([',', ', ']));
      expect(origin({ 'x-forwarded-for': others }).address, `${title}: ${others}`).toBe(CLIENT);
    });
  });

  test('nothing that a field value can hold throws', () => {
    cases((random) => {
      const value = (): string => noise(random, 30);
      parseForwarded([value(), value()]);
      parseNode(value());
      const fields = {
        'forwarded': value(), 'x-forwarded-for': value(), 'x-forwarded-proto': value(),
        'x-forwarded-host': value(), 'x-forwarded-port': value(),
      };
      for (const written of ['forwarded', 'x-forwarded'] as const) {
        const { address, host } = origin(fields, written);
        const said = JSON.stringify(fields);
        expect(address === undefined || isIP(address) > 0, said).toBe(true);
        if (host === undefined) continue;
        expect([host === '', hostFault(host)], said).toEqual([false, undefined]);
      }
    });
  });
});
