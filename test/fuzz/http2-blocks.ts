/**
 * Field blocks for the frame fuzzer: requests and trailers that are well formed, that are malformed
 * in each way of RFC 9113 §8, and blocks that HPACK cannot decode (RFC 7541).
 */
import { Buffer } from 'node:buffer';
import { HpackEncoder } from '../../src/http2/hpack/index.ts';
import { block, encoded, fieldsOf, join, type FieldPairs } from '../support/http2.ts';
import type { Random } from '../support/random.ts';
import type { Kind } from './http2-handlers.ts';
import type { BlockFacts } from './http2-model.ts';

/** Octets of a block, and what they are. */
export interface Block {
  readonly label: string;
  readonly octets: Uint8Array;
  readonly facts: BlockFacts;
}

/** A request's fields made malformed, each with its section. */
const MALFORMED: readonly (readonly [string, (fields: FieldPairs) => FieldPairs])[] = [
  ['no :method (§8.3.1)', (fields) => fields.slice(1)],
  ['no :scheme (§8.3.1)', (fields) => fields.filter(([name]) => name !== ':scheme')],
  ['no :path (§8.3.1)', (fields) => fields.filter(([name]) => name !== ':path')],
  ['an empty :path (§8.3.1)', (fields) => replaced(fields, ':path', '')],
  ['a :path without / (§8.3.1)', (fields) => replaced(fields, ':path', 'a')],
  ['userinfo in :authority (§8.3.1)', (fields) => replaced(fields, ':authority', 'a@b')],
  [':path twice (§8.3)', (fields) => [[':path', '/'], ...fields]],
  [':status in a request (§8.3)', (fields) => [[':status', '200'], ...fields]],
  ['an unknown pseudo-header field (§8.3)', (fields) => [[':x', 'a'], ...fields]],
  [':protocol not offered (RFC 8441 §4)', (fields) => [[':protocol', 'websocket'], ...fields]],
  ['a pseudo-header field last (§8.3)', (fields) => [...fields.slice(1), ['a', 'b'],
    fields[0] as [string, string]]],
  ['CONNECT with :path (§8.5)', (fields) => replaced(fields, ':method', 'CONNECT')],
  ['upper case (§8.2.1)', (fields) => [...fields, ['Name', 'a']]],
  ['a space in a name (§8.2.1)', (fields) => [...fields, ['na me', 'a']]],
  ['a name of no octets (§8.2.1)', (fields) => [...fields, ['', 'a']]],
  ['LF in a value (§8.2.1)', (fields) => [...fields, ['name', 'a\nb']]],
  ['NUL in a value (§8.2.1)', (fields) => [...fields, ['name', 'a\0']]],
  ['a space before a value (§8.2.1)', (fields) => [...fields, ['name', ' a']]],
  ['a tab after a value (§8.2.1)', (fields) => [...fields, ['name', 'a\t']]],
  ['connection (§8.2.2)', (fields) => [...fields, ['connection', 'close']]],
  ['transfer-encoding (§8.2.2)', (fields) => [...fields, ['transfer-encoding', 'chunked']]],
  ['upgrade (§8.2.2)', (fields) => [...fields, ['upgrade', 'h2c']]],
  ['te other than trailers (§8.2.2)', (fields) => [...fields, ['te', 'gzip']]],
  ['host other than :authority (§8.3.1)', (fields) => [...fields, ['host', 'b']]],
  ['content-length no number (§8.1.1)', (fields) => [...fields, ['content-length', '1a']]],
  ['two lengths (§8.1.1)', (fields) => [...fields, ['content-length', '1'],
    ['content-length', '2']]],
];

const MALFORMED_TRAILERS: readonly (readonly [string, FieldPairs])[] = [
  ['a pseudo-header field in trailers (§8.1)', [[':path', '/']]],
  ['upper case in trailers (§8.2.1)', [['X-Sum', 'a']]],
  ['connection in trailers (§8.2.2)', [['connection', 'close']]],
  ['content-length in trailers (RFC 9110 §6.5.1)', [['content-length', '3']]],
  ['CR in trailers (§8.2.1)', [['x-sum', 'a\r']]],
];

/** Blocks that end the connection (§4.3), with the sections of RFC 7541. */
const BROKEN: readonly (readonly [string, readonly number[]])[] = [
  ['index 0 (RFC 7541 §6.1)', [0x80]],
  ['an index past the tables (RFC 7541 §2.3.3)', [0xff, 0x80, 0x08]],
  ['a name past the tables (RFC 7541 §2.3.3)', [0x7f, 0x80, 0x08, 0x01, 0x61]],
  ['a string cut short (RFC 7541 §5.2)', [0x00, 0x05, 0x61]],
  ['a value cut off (RFC 7541 §6.2)', [0x00, 0x01, 0x61]],
  ['a table too large (RFC 7541 §6.3)', [0x3f, 0xe2, 0x1f]],
  ['a size update after a field (RFC 7541 §4.2)', [0x82, 0x20]],
  ['EOS in Huffman code (RFC 7541 §5.2)', [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00]],
  ['padding of zeros (RFC 7541 §5.2)', [0x00, 0x81, 0x00, 0x00]],
  ['an integer without end (RFC 7541 §5.1)', [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
];

function replaced(fields: FieldPairs, name: string, value: string): FieldPairs {
  return fields.map((field) => (field[0] === name ? [name, value] : field));
}

const EXTRAS: FieldPairs = [
  ['priority', 'u=0'], ['priority', 'u=6, i'], ['cookie', 'a=b'], ['user-agent', 'fuzzer'],
  ['accept', '*/*'], ['te', 'trailers'], ['expect', '100-continue'], ['host', 'a'],
];

export class BlockMaker {
  readonly #random: Random;
  readonly #kinds: readonly Kind[];
  readonly #encoder = new HpackEncoder();
  /** Names that no block had yet: they go into the table of the connection. */
  #names = 0;

  constructor(random: Random, kinds: readonly Kind[]) {
    this.#random = random;
    this.#kinds = kinds;
  }

  /** Mostly by the table, so that a block that was not decoded spoils all that follow. */
  #octets(fields: FieldPairs): Uint8Array {
    return this.#random.chance(0.7) ? encoded(this.#encoder, fields) : block(fields);
  }

  request(streamId: number, contentLength: number | undefined): Block {
    const random = this.#random;
    const kind = random.pick(this.#kinds);
    const size = random.chance(0.8) ? random.int(200) : random.int(40_000);
    const target = `/${kind}/${streamId}/${size}`;
    const more: (readonly [string, string])[] = [];
    for (let count = random.int(4); count > 0; count--) more.push(random.pick(EXTRAS));
    const extras = more.filter(([name], at) => more.findIndex((one) => one[0] === name) === at);
    if (random.chance(0.5)) extras.push([`x-${this.#names++}`, 'once']);
    if (contentLength !== undefined) extras.push(['content-length', String(contentLength)]);
    const fields = fieldsOf(contentLength === undefined ? 'GET' : 'POST', target, extras);
    if (random.chance(0.1)) return this.#refused(fields, contentLength);
    const facts: BlockFacts = { request: 'fine', trailers: 'malformed', contentLength, target };
    return { label: `request ${kind}`, octets: this.#octets(fields), facts };
  }

  /** Requests that are answered in the handler's place, or reset. */
  #refused(fields: FieldPairs, contentLength: number | undefined): Block {
    const random = this.#random;
    const facts = { request: 'fine', trailers: 'malformed' } as const;
    if (random.chance(0.1)) {
      // What it says is not looked at: its fields are not all kept (431).
      const many = Array.from({ length: 101 }, (): [string, string] => ['x', 'y']);
      return { label: 'too many fields', octets: this.#octets([...fields, ...many]), facts };
    }
    if (random.chance(0.1)) {
      const rest = fields.filter(([name]) => name !== 'expect');
      const octets = this.#octets([...rest, ['expect', 'more']]);
      return { label: 'an unknown expectation', octets, facts: { ...facts, contentLength } };
    }
    const [label, change] = random.pick(MALFORMED);
    const octets = this.#octets(change(fields));
    return { label, octets, facts: { request: 'malformed', trailers: 'malformed' } };
  }

  trailers(wellFormed: boolean): Block {
    if (wellFormed) {
      const octets = this.#octets([['x-sum', String(this.#random.int(3))]]);
      return { label: 'trailers', octets, facts: { request: 'malformed', trailers: 'fine' } };
    }
    const [label, fields] = this.#random.pick(MALFORMED_TRAILERS);
    const facts: BlockFacts = { request: 'malformed', trailers: 'malformed' };
    return { label, octets: this.#octets(fields), facts };
  }

  broken(): Block {
    const [label, octets] = this.#random.pick(BROKEN);
    const before = this.#random.chance(0.5) && !label.includes('table too large')
      ? block([['a', 'b']]) : Buffer.alloc(0);
    return {
      label, octets: join(before, octets),
      facts: { request: 'malformed', trailers: 'malformed', broken: true },
    };
  }
}
