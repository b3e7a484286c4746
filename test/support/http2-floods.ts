/**
 * Floods on HTTP/2, by family: what a peer sends again and again (DESIGN: the budgets of
 * flood-guard.ts, the bounds of header-block.ts), and how a connection that does so ends.
 */
import {
  ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PING, PRIORITY,
  PRIORITY_FLAG, SETTINGS, SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_MAX,
} from '../../src/http2/frame.ts';
import type { Http2Peer } from './http2-peer.ts';
import {
  block, data, fieldsOf, frame, get, goaway, headers, join, ping, priority, priorityUpdate, reset,
  settings, windowUpdate, type FieldPairs,
} from './http2.ts';

/** Events that were taken before the end: so many at once, and more as time passes. */
export interface Taken {
  count(peer: Http2Peer): number;
  readonly least: number;
  readonly most: number;
  readonly perSecond: number;
}

export interface Flood {
  readonly name: string;
  /** What goes before the first event. */
  readonly opening?: Uint8Array;
  event(index: number): Uint8Array;
  /** GOAWAY's code and words; undefined: each event is answered, and costs nothing else. */
  readonly end?: RegExp;
  /** Status of each answer, where nothing ends. */
  readonly status?: number;
  readonly taken?: Taken;
  /** As many handlers run as a connection may have. */
  readonly fills?: true;
}

const idOf = (index: number): number => 2 * index + 1;
/** Its handler lets go some time after the stream was reset. */
const slow = (id: number): Uint8Array => get(id, '/slow');
/** The head of an upload to a handler that reads, or that does not. */
const upload = (id: number, path: string, more: FieldPairs = []): Uint8Array =>
  headers(id, fieldsOf('POST', path, more), END_HEADERS);

/** What GOAWAY says: its code, a cause, and where that is written. */
const calm = (cause: string, section = '10.5'): RegExp =>
  new RegExp(`^ENHANCE_YOUR_CALM ${cause} \\(RFC 9113 S${section.replaceAll('.', '\\.')}\\)$`);
const over = (budget: string): RegExp => calm(`over the budget of ${budget}: .* a second`);

// Resets (CVE-2023-44487, CVE-2025-8671)

const RESETS = over('resets');

/** Streams that were opened: those that the budget allows, or the first 100 and half as many. */
const opened = (most = 200): Taken => ({
  count: (peer) => (peer.lastStream + 1) / 2, least: 100, most: most + 1, perSecond: 33,
});

/** Streams that make the server reset them. */
function madeReset(name: string, event: (id: number) => Uint8Array): Flood {
  return { name, event: (index) => event(idOf(index)), end: RESETS, taken: opened() };
}

const selfDependent = (id: number): Uint8Array => frame(
  HEADERS, END_HEADERS | END_STREAM | PRIORITY_FLAG, id,
  join([0, 0, id >>> 8, id & 255, 15], block(fieldsOf('GET'))),
);

/** The server's windows of a stream, as its test sets them. */
export const SMALL_WINDOW = 1024;

const RESET_FLOODS: readonly Flood[] = [
  { ...madeReset('rapid reset', (id) => join(slow(id), reset(id))), fills: true },
  { ...madeReset('streams beyond the limit', slow), taken: opened(300), fills: true },
  madeReset('WINDOW_UPDATE of 0', (id) => join(slow(id), windowUpdate(id, 0))),
  madeReset('a window over 2^31-1', (id) => join(slow(id), windowUpdate(id, WINDOW_MAX))),
  madeReset('HEADERS after END_STREAM', (id) => join(slow(id), slow(id))),
  madeReset('DATA after END_STREAM', (id) => join(slow(id), data(id, 'x'))),
  madeReset('PRIORITY on itself', (id) => join(slow(id), priority(id, id))),
  madeReset('PRIORITY of 4 octets', (id) => join(slow(id), frame(PRIORITY, 0, id, 'four'))),
  madeReset('HEADERS that depend on themselves', selfDependent),
  madeReset('content under content-length', (id) => join(
    upload(id, '/slow', [['content-length', '2']]), data(id, 'x', END_STREAM))),
  madeReset('content over content-length', (id) => join(
    upload(id, '/slow', [['content-length', '2']]), data(id, 'xxx'))),
  madeReset('content over the window', (id) => join(
    upload(id, '/slow'), data(id, new Uint8Array(SMALL_WINDOW + 1)))),
  madeReset('malformed requests', (id) => get(id, '/', [['X-Upper', 'y']])),
  madeReset('trailers without END_STREAM', (id) => join(
    upload(id, '/slow'), headers(id, [['x', 'y']], END_HEADERS))),
];

// Frames that ask for work and carry none (CVE-2019-9512, 9513, 9515, CVE-2020-11080)

const CONTROL = over('control frames');

const settingsOf = (count: number): Uint8Array =>
  settings(Array.from({ length: count }, () => [0x99, 1] as const));

/** SETTINGS acknowledged: each costs 20, and 1 for each setting in it. */
const acknowledged = (cost: number): Taken => ({
  count: (peer) => peer.tally.settingsAcks, least: Math.floor(950 / cost),
  most: Math.ceil(1000 / cost), perSecond: 50 / cost,
});

const CONTROL_FLOODS: readonly Flood[] = [
  { name: 'SETTINGS', event: () => settings(), end: CONTROL, taken: acknowledged(20) },
  { name: 'SETTINGS of 32', event: () => settingsOf(32), end: CONTROL, taken: acknowledged(52) },
  { name: 'SETTINGS of 33', event: () => settingsOf(33),
    end: calm('a frame of over 32 settings') },
  { name: 'SETTINGS of 2730', event: () => settingsOf(2730),
    end: calm('a frame of over 32 settings') },
  { name: 'acknowledgements of SETTINGS', event: () => frame(SETTINGS, ACK, 0), end: CONTROL },
  { name: 'PING', event: () => ping(), end: CONTROL,
    taken: { count: (peer) => peer.tally.pingAcks, least: 950, most: 1000, perSecond: 50 } },
  { name: 'answers to no PING', event: () => frame(PING, ACK, 0, '12345678'), end: CONTROL },
  { name: 'PRIORITY', event: (index) => priority(idOf(index % 1000), 0), end: CONTROL },
  { name: 'PRIORITY_UPDATE', event: () => priorityUpdate(1, 'u=1'), end: CONTROL },
  { name: 'PRIORITY_UPDATE of one that lives', opening: slow(1),
    event: (index) => priorityUpdate(1, `u=${index % 8}`), end: CONTROL },
  { name: 'GOAWAY', event: () => goaway(0), end: CONTROL },
  { name: 'unknown frames', event: (index) => frame(0xee, 0xff, index % 3), end: CONTROL },
  { name: 'WINDOW_UPDATE of 1', opening: slow(1), event: () => windowUpdate(1, 1),
    end: over('window updates') },
  // The first setting of all: no content goes but by these updates.
  { name: 'WINDOW_UPDATE of 1, for an octet',
    opening: join(settings([[SETTINGS_INITIAL_WINDOW_SIZE, 0]]), get(1, '/large')),
    event: () => windowUpdate(1, 1), end: over('window updates') },
];

// DATA that carries little (CVE-2019-9518)

const OVERHEAD = over('octets of DATA without content');
const padded = (content: string): Uint8Array =>
  frame(DATA, PADDED, 1, `\xff${content}${'\0'.repeat(255)}`);

const DATA_FLOODS: readonly Flood[] = [
  { name: 'empty', octets: data(1) }, { name: 'of an octet', octets: data(1, 'x') },
  { name: 'of an octet and 255 of padding', octets: padded('x') },
  { name: 'of padding alone', octets: padded('') },
].flatMap(({ name, octets }) => ['/read', '/slow'].map((path) => ({
  name: `DATA ${name}, to ${path}`, opening: upload(1, path), event: () => octets, end: OVERHEAD,
})));

// Field blocks (CVE-2024-27316, CVE-2016-6581)

const FRAMES = calm('a field block in over 8 CONTINUATION frames', '10.5.1');
const OCTETS = calm('a field block over 65536 octets', '10.5.1');
const LIST = calm('a field section over 4 times its bound of \\d+ octets', '10.5.1');
const COMPRESSION = /^COMPRESSION_ERROR more than two table size updates \(RFC 7541 S4\.2\)/;

/** A block that does not end, and what goes on with it. */
function endless(name: string, fragment: string, end: RegExp): Flood {
  const opening = headers(1, fieldsOf('GET'), END_STREAM);
  return { name, opening, event: () => frame(CONTINUATION, 0, 1, fragment), end };
}

/** A request whose fields end with these octets. */
const request = (id: number, ...octets: readonly (Uint8Array | number[])[]): Uint8Array =>
  headers(id, join(block(fieldsOf('GET')), ...octets));

/** A request whose block begins with updates of the size of the table. */
const resized = (id: number, updates: number[]): Uint8Array =>
  headers(id, join(updates, block(fieldsOf('GET'))));

/** `x` with 4000 octets, into the table: there it is the first entry, index 62. */
const ENTRY = join([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e], 'y'.repeat(4000));
const SEED = request(1, ENTRY);
const REFERENCE = 0xbe;
/** `cookie: a`, its name by index 32. */
const CRUMB = [0x0f, 0x11, 1, 0x61];
const repeated = (count: number, octets: readonly number[]): number[] =>
  Array.from({ length: count }, () => octets).flat();

const BOMB = repeated(16_000, [REFERENCE]);
const SMALL_BOMB = repeated(10, [REFERENCE]);
const CRUMBS = repeated(4000, CRUMB);
const FEW_CRUMBS = repeated(101, CRUMB);

const BLOCK_FLOODS: readonly Flood[] = [
  endless('CONTINUATION of an octet', 'x', FRAMES),
  endless('CONTINUATION of none', '', FRAMES),
  endless('CONTINUATION of 16 KiB', 'x'.repeat(16_384), OCTETS),
  { name: '16,000 references to an entry of 4 KiB', opening: SEED,
    event: (index) => request(idOf(index + 1), BOMB), end: LIST },
  { name: '10 references to an entry of 4 KiB', opening: SEED,
    event: (index) => request(idOf(index + 1), SMALL_BOMB), status: 431 },
  { name: '4000 crumbs of a cookie', event: (index) => request(idOf(index), CRUMBS), end: LIST },
  { name: '101 crumbs of a cookie', event: (index) => request(idOf(index), FEW_CRUMBS),
    status: 431 },
  { name: 'three updates of the size of the table',
    event: (index) => resized(idOf(index), [0x20, 0x20, 0x20]),
    end: COMPRESSION },
  { name: 'two updates of the size of the table',
    event: (index) => resized(idOf(index), [0x20, 0x3f, 0xe1, 0x1f]),
    status: 200 },
];

/** Families, each a title and its floods. */
export const FLOODS: readonly (readonly [string, readonly Flood[]])[] = [
  ['C7, C8, C17, C41 streams that are reset', RESET_FLOODS],
  ['C11, C12, C15, C16, C20, C44 frames that carry nothing', CONTROL_FLOODS],
  ['C18, C19 DATA that carries little', DATA_FLOODS],
  ['C9, C26, C27, C28 field blocks', BLOCK_FLOODS],
];
