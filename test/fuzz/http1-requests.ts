/**
 * Valid HTTP/1 requests of all kinds by the grammar (RFC 9112 §2 to §7), and what a server must
 * read in them: the generator knows what it wrote, so it is an oracle of its own.
 *
 * The target tells the fuzzer's handler what to do: `early` answers without reading, `switch`
 * changes the protocol; any other is read to its end.
 */
import type { Random } from '../support/random.ts';

/** A request as it should be read. */
export interface Expected {
  readonly method: string;
  readonly target: string;
  /** Names in lower case, in order. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

export interface Generated {
  readonly text: string;
  /** The requests that are served, in order: none after one that ends the connection. */
  readonly expected: readonly Expected[];
  /** What another protocol gets after a switch. */
  readonly tunnelled: string;
}

const METHODS = [
  'GET', 'GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'FOO',
  'M-SEARCH', "!#$%&'*+-.^_`|~", 'get', 'A'.repeat(32),
];
const PATHS = [
  '/', '/a', '/a/b/c', '/early', '/early?x', '/%41%7e', '/a;b=c,d', "/-._~:@!$&'()*+,;=", '//x',
  '/?', '/?a=b&c=d', '/?/?', '/[1]', '/a/../b', `/${'long'.repeat(100)}`,
];
const HOSTS = [
  'a', 'a', 'a', 'example.com', 'example.com:8080', 'a:', '', '127.0.0.1', '[::1]',
  '[2001:db8::1]:443', '[::ffff:1.2.3.4]', '[v1.a:b]', 'a_b', '%41', "!$&'()*+;=", 'A.B', 'a:0',
  'a:65535',
];
const VALUES = [
  '', 'x', 'a, b', 'a b\tc', '\xe4\xf6\xfc', '\xff', '"quoted \\" text"', '=:;,', '!~',
  'x'.repeat(300), 'chunked', '5', 'GET / HTTP/1.1',
];
const NAMES = [
  'Accept', 'X', 'x-a', 'Cookie', 'Content-Type', 'User-Agent', 'A_b', '!#$', '__proto__', 'Range',
  'Content-Lengt', 'Transfer-Encodin', 'Hos', 'TE', 'Date',
];
const TRAILER_NAMES = ['X-Sum', 'x', 'Server-Timing', 'Etag'];
const EXTENSIONS = [
  ';a', ';a=b', ';a="b"', ';a="\\"; \\\\"', ' ; a = b', '\t;a', ';a;b;c=d', ';!#="\x80"', ';a=""',
];
const CONTENTS = ['', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', '0\r\n\r\n'];
const CONNECTIONS = [
  'keep-alive', 'Keep-Alive, x', 'TE', 'close', 'x , CLOSE', ',', '', 'upgrade',
  'Upgrade, keep-alive',
];

/** One to four requests on a connection. */
export function generate(random: Random): Generated {
  const count = random.chance(0.5) ? 1 : random.between(2, 4);
  const expected: Expected[] = [];
  let text = '';
  let over = false;
  let tunnelAt = -1;
  let contentBefore = false;
  for (let i = 0; i < count; i++) {
    const request = new RequestText(random, contentBefore);
    contentBefore ||= request.hasContent;
    if (!over) expected.push(request.expected);
    text += random.chance(0.1) ? '\r\n'.repeat(random.between(1, 2)) + request.text : request.text;
    if (!over && request.switches) tunnelAt = text.length;
    over ||= request.ends;
  }
  return { text, expected, tunnelled: tunnelAt < 0 ? '' : text.slice(tunnelAt) };
}

class RequestText {
  readonly text: string;
  readonly expected: Expected;
  /** Nothing after it is a request. */
  readonly ends: boolean;
  readonly switches: boolean;
  readonly hasContent: boolean;
  readonly #random: Random;
  readonly #fields: [string, string][] = [];
  #head = '';
  #trailers: [string, string][] = [];

  constructor(random: Random, contentBefore: boolean) {
    this.#random = random;
    const minor = random.chance(0.85) ? 1 : random.pick([0, 0, 2, 9]);
    const connect = random.chance(0.02);
    const switching = !connect && minor > 0 && random.chance(0.03);
    const method = connect ? 'CONNECT' : random.pick(METHODS);
    const target = this.#target(method, switching);
    this.#head = `${method} ${target} HTTP/1.${minor}\r\n`;
    if (minor > 0 || random.chance(0.5)) this.#line(this.#case('Host'), random.pick(HOSTS));
    this.#others();
    const options = switching ? 'upgrade' : this.#connection();
    if (switching) this.#line('Connection', options);
    if (switching) this.#line('Upgrade', random.pick(['x', 'websocket', 'h2c, x/1.0']));
    const unread = target.includes('early') || method === 'TRACE';
    // Behind content that a handler waits for, it is chance how much has come at an early answer.
    const content = !(unread && contentBefore) &&
      random.chance(method === 'GET' || method === 'HEAD' ? 0.15 : 0.7);
    const chunked = content && minor > 0 && random.chance(0.5);
    const body = content ? this.#content() : '';
    this.hasContent = chunked || body !== '';
    const expects = content && random.chance(0.1);
    if (expects) this.#line('Expect', random.pick(['100-continue', '100-Continue']));
    if (chunked) this.#line(this.#case('Transfer-Encoding'), this.#case('chunked'));
    else if (content) this.#line(this.#case('Content-Length'), this.#length(body));
    this.text = `${this.#head}\r\n${chunked ? this.#chunks(body) : body}`;

    // What is not read may still have to be sent, and nobody can tell what (RFC 9112 §9.3).
    const cut = unread && (chunked || (expects && minor > 0 && this.hasContent));
    const closes = /\bclose\b/i.test(options) || (minor === 0 && !/keep-alive/i.test(options));
    this.switches = switching && method !== 'TRACE';
    this.ends = connect || this.switches || cut || closes;
    const read = !unread && !this.switches;
    this.expected = {
      method, target, fields: this.#fields, body: read ? body : '',
      trailers: read ? this.#trailers : [],
    };
  }

  #target(method: string, switching: boolean): string {
    const random = this.#random;
    if (method === 'CONNECT') return random.pick(['a:80', '[::1]:443', 'example.com:0']);
    if (switching) return '/switch';
    if (method === 'OPTIONS' && random.chance(0.3)) return '*';
    if (random.chance(0.9)) return random.pick(PATHS);
    const host = random.pick(HOSTS.filter((each) => each !== ''));
    const path = random.pick(['', '?q', ...PATHS]);
    return `${random.pick(['http', 'https', 'HTTP'])}://${host}${path}`;
  }

  #others(): void {
    const random = this.#random;
    for (let left = random.pick([0, 0, 1, 2, 5]); left > 0; left--) {
      this.#line(random.pick(NAMES), random.pick(VALUES));
    }
  }

  #connection(): string {
    const random = this.#random;
    if (random.chance(0.75)) return '';
    const options = random.pick(CONNECTIONS);
    this.#line(this.#case('Connection'), options);
    return options;
  }

  #content(): string {
    const random = this.#random;
    if (random.chance(0.2)) return random.pick(CONTENTS);
    return String.fromCharCode(...random.bytes(random.int(random.chance(0.1) ? 600 : 20)));
  }

  #length(body: string): string {
    return '0'.repeat(this.#random.chance(0.1) ? this.#random.int(20) : 0) + body.length;
  }

  #chunks(body: string): string {
    const random = this.#random;
    let text = '';
    for (let at = 0; at < body.length;) {
      const size = random.between(1, body.length - at);
      text += `${this.#size(size)}\r\n${body.slice(at, at + size)}\r\n`;
      at += size;
    }
    text += `${this.#size(0)}\r\n`;
    for (let left = random.pick([0, 0, 0, 1, 3]); left > 0; left--) {
      const name = random.pick(TRAILER_NAMES);
      const value = random.pick(VALUES);
      this.#trailers.push([name.toLowerCase(), value]);
      text += this.#lineText(name, value);
    }
    return `${text}\r\n`;
  }

  #size(size: number): string {
    const random = this.#random;
    const digits = '0'.repeat(random.chance(0.1) ? random.int(20) : 0) + size.toString(16);
    const cased = random.chance(0.5) ? digits.toUpperCase() : digits;
    return random.chance(0.15) ? cased + random.pick(EXTENSIONS) : cased;
  }

  #line(name: string, value: string): void {
    this.#fields.push([name.toLowerCase(), value]);
    this.#head += this.#lineText(name, value);
  }

  #lineText(name: string, value: string): string {
    const random = this.#random;
    if (random.chance(0.8)) return `${name}: ${value}\r\n`;
    const before = random.pick(['', ' ', '\t', ' \t ']);
    return `${name}:${before}${value}${random.pick(['', ' ', '\t '])}\r\n`;
  }

  #case(word: string): string {
    const random = this.#random;
    if (random.chance(0.8)) return word;
    return [...word]
      .map((letter) => (random.chance(0.5) ? letter.toUpperCase() : letter.toLowerCase()))
      .join('');
  }
}
