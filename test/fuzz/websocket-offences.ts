/**
 * What a peer of a WebSocket may not send, each with the one close code that RFC 6455 §7.4.1, RFC
 * 7692 and the limits give it. Which of them may stand where is their own to say: within a message
 * or between two, with compression or without.
 */
import { Buffer } from 'node:buffer';
import { constants, deflateRawSync } from 'node:zlib';
import { BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT } from '../../src/websocket/frame.ts';
import { deflated } from '../support/compression.ts';
import type { Random } from '../support/random.ts';
import { frame, join, type FrameOptions, type Payload } from '../support/websocket.ts';
import { FRAGMENT_BYTES } from './websocket-traffic.ts';

/** Where the offence stands. */
export interface Place {
  readonly random: Random;
  /** The peer is a client: it masks. */
  readonly masks: boolean;
  readonly deflate: boolean;
  readonly accepts: 'text' | 'binary' | undefined;
  readonly messageBytes: number;
  readonly fragments: number;
  /** Messages are handed on as they come: fragments cost nothing. */
  readonly inPieces: boolean;
  /** The message that has begun; its octets as they stood on the wire. */
  readonly within: {
    readonly isText: boolean;
    readonly isCompressed: boolean;
    readonly octets: number;
    readonly fragments: number;
  } | undefined;
}

export interface Offence {
  readonly code: number;
  /** What may stand here. */
  readonly fits?: (place: Place) => boolean;
  /** Its octets; all of them are needed, unless `headerBytes` are enough. */
  readonly octets: (place: Place) => Uint8Array;
  /** Told by the header alone: of this many octets, but for the masking key. */
  readonly headerBytes?: number;
}

const CONTROLS = [CLOSE, PING, PONG];
const RSV2 = 0x20;
const RSV3 = 0x10;

const between = ({ within }: Place): boolean => within === undefined;
const takesText = ({ within, accepts }: Place): boolean =>
  within === undefined && accepts !== 'binary';
const plainText = ({ within, accepts }: Place): boolean =>
  within !== undefined && within.isText && !within.isCompressed && accepts !== 'binary';
const deflates = ({ deflate, within }: Place): boolean => deflate && within === undefined;

/** A frame of the peer, masked as it has to be. */
function of(
  { random, masks }: Place, opcode: number, payload: Payload = '', options: FrameOptions = {},
): Uint8Array {
  return frame(opcode, payload, { key: masks ? random.next() : null, ...options });
}

/** The opcode of a data frame that may come here, of a kind that is taken. */
function dataOpcode({ within, accepts, random }: Place): number {
  if (within !== undefined) return CONTINUATION;
  if (accepts !== undefined) return accepts === 'text' ? TEXT : BINARY;
  return random.pick([TEXT, BINARY]);
}

const ascii = (random: Random, length: number): Uint8Array =>
  Buffer.alloc(length, random.between(0x20, 0x7e));
const some = (random: Random): Uint8Array => ascii(random, random.pick([0, 1, 10, 125]));

/** Not UTF-8, whatever follows (RFC 3629 §4). */
const BROKEN = [[0xff], [0xc0, 0xaf], [0xc1], [0xed, 0xa0], [0xf4, 0x90], [0xf5], [0xe0, 0x80],
  [0xf0, 0x8f], [0x80], [0xc3, 0x28], [0xe2, 0x82, 0x28], [0xf0, 0x9f, 0x98, 0x28]];
/** UTF-8 that is not whole. */
const CUT = [[0xc3], [0xe2, 0x82], [0xe2], [0xf0, 0x9f, 0x98], [0xf0, 0x9f], [0xf0]];

const broken = (random: Random): Uint8Array =>
  join(some(random), Uint8Array.from(random.pick(BROKEN)), some(random));
/** With an octet behind it: of a message that does not end, some are broken by what comes next. */
const brokenAtOnce = (random: Random): Uint8Array => join(broken(random), 'a');

/** What no inflater takes, whatever was said before: its window is of 32 KiB at most. */
const DAMAGED = [
  // BTYPE 11 (RFC 1951 §3.2.3)
  [0x06], [0x07, 0x00],
  // LEN and NLEN of a stored block (§3.2.4)
  [0x00, 0x05, 0x00, 0x05, 0x00, 1, 2, 3, 4, 5],
  // A stored block that is longer than what follows
  [0x00, 0xe8, 0x03, 0x17, 0xfc, 1, 2, 3],
  // HLIT of 287 (§3.2.7)
  [0xfc, 0x00, 0x00],
];

/** Blocks with BFINAL set, all of them empty. */
const finalBlocks = (count: number): Uint8Array => Buffer.from('0300'.repeat(count), 'hex');

function damaged(place: Place): Uint8Array {
  const { random } = place;
  const whole = random.chance(0.5) ? stored(ascii(random, random.int(300))) : new Uint8Array(0);
  return join(whole, Uint8Array.from(random.pick(DAMAGED)));
}

/** A stored block: it ends on an octet. */
function stored(octets: Uint8Array): Uint8Array {
  const { length } = octets;
  return join(
    Uint8Array.of(0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff), octets,
  );
}

/** A compressed message in one frame, or in some. */
function compressed(place: Place, payload: Uint8Array, opcode = dataOpcode(place)): Uint8Array {
  const { random } = place;
  if (random.chance(0.5)) return of(place, opcode, payload, { reserved: RSV1 });
  const at = random.int(payload.length + 1);
  return join(
    of(place, opcode, payload.subarray(0, at), { reserved: RSV1, final: false }),
    of(place, CONTINUATION, payload.subarray(at)),
  );
}

/** What a message that is coming has cost (DESIGN §6: fragments cost besides their payload). */
const fragmentBytes = ({ inPieces }: Place): number => (inPieces ? 0 : FRAGMENT_BYTES);
const charged = (place: Place): number => (place.within === undefined
  ? 0 : place.within.octets + place.within.fragments * fragmentBytes(place));

const close = (place: Place, code: number, reason: Payload = ''): Uint8Array =>
  of(place, CLOSE, join(Uint8Array.of(code >> 8, code & 0xff), reason));

/** RFC 6455 §7.4, and the registry of §11.7. */
const mayBeSent = (code: number): boolean => (code >= 3000 && code < 5000) ||
  [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(code);

export const OFFENCES: Readonly<Record<string, Offence>> = {
  // 1002: what a frame is (RFC 6455 §5.2, §5.5)
  'RSV2 or RSV3': {
    code: 1002, headerBytes: 2,
    octets: (place) => of(place, place.random.pick([dataOpcode(place), ...CONTROLS]), 'abc', {
      reserved: place.random.pick([RSV2, RSV3, RSV2 | RSV3, RSV1 | RSV2, RSV1 | RSV3]),
    }),
  },
  'RSV1, not agreed on': {
    code: 1002, headerBytes: 2, fits: ({ deflate }) => !deflate,
    octets: (place) =>
      of(place, place.random.pick([dataOpcode(place), ...CONTROLS]), 'abc', { reserved: RSV1 }),
  },
  'RSV1 on a control frame': {
    code: 1002, headerBytes: 2, fits: ({ deflate }) => deflate,
    octets: (place) => of(place, place.random.pick(CONTROLS), '', { reserved: RSV1 }),
  },
  'RSV1 on a continuation': {
    code: 1002, headerBytes: 2, fits: ({ deflate, within }) => deflate && within !== undefined,
    octets: (place) => of(place, CONTINUATION, 'abc', { reserved: RSV1 }),
  },
  'a reserved opcode': {
    code: 1002, headerBytes: 2,
    octets: (place) => of(
      place, place.random.pick([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), some(place.random),
      { final: place.random.chance(0.5) },
    ),
  },
  'a control frame in fragments': {
    code: 1002, headerBytes: 2,
    octets: (place) => of(place, place.random.pick(CONTROLS), '', { final: false }),
  },
  'a control frame over 125': {
    code: 1002, headerBytes: 2,
    octets: (place) => of(
      place, place.random.pick(CONTROLS), Buffer.alloc(place.random.pick([126, 127, 300, 70_000])),
    ),
  },
  'a mask, or none': {
    code: 1002, headerBytes: 2,
    octets: (place) => of(place, place.random.pick([dataOpcode(place), ...CONTROLS]), '', {
      key: place.masks ? null : place.random.next(),
    }),
  },
  'a length in too many octets': {
    code: 1002, headerBytes: 4,
    octets: (place) => of(
      place, dataOpcode(place), ascii(place.random, place.random.pick([0, 1, 125])),
      { lengthOctets: 2 },
    ),
  },
  'a length in far too many octets': {
    code: 1002, headerBytes: 10,
    octets: (place) => of(
      place, dataOpcode(place), ascii(place.random, place.random.pick([0, 125, 126, 1000])),
      { lengthOctets: 8 },
    ),
  },
  'the highest bit of a length': {
    code: 1002, headerBytes: 10,
    octets: (place) => of(place, dataOpcode(place), 'abc', {
      length: (1n << 63n) + BigInt(place.random.next()), lengthOctets: 8,
    }),
  },
  // 1002: the order of frames (§5.4)
  'a continuation of nothing': {
    code: 1002, fits: between,
    octets: (place) =>
      of(place, CONTINUATION, some(place.random), { final: place.random.chance(0.5) }),
  },
  'a message within a message': {
    code: 1002, fits: ({ within }) => within !== undefined,
    octets: (place) => of(place, place.random.pick([TEXT, BINARY]), some(place.random), {
      final: place.random.chance(0.5),
      reserved: place.deflate && place.random.chance(0.3) ? RSV1 : 0,
    }),
  },
  // 1002: Close (§5.5.1, §7.4)
  'Close of one octet': { code: 1002, octets: (place) => of(place, CLOSE, 'x') },
  'a close code that may not be sent': {
    code: 1002,
    octets: (place) => {
      const { random } = place;
      let code = random.pick([0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535]);
      if (random.chance(0.3)) while (mayBeSent(code = random.int(0x1_0000)));
      return close(place, code, some(random).subarray(0, 100));
    },
  },
  // 1003: a kind that is not taken (§7.4.1)
  'the other kind': {
    code: 1003, fits: ({ accepts, within }) => accepts !== undefined && within === undefined,
    octets: (place) => {
      const opcode = place.accepts === 'text' ? BINARY : TEXT;
      const { random } = place;
      if (place.deflate && random.chance(0.3)) {
        return compressed(place, deflated(some(random)), opcode);
      }
      return of(place, opcode, some(random), { final: random.chance(0.5) });
    },
  },
  // 1007: text (§8.1)
  'Close with a broken reason': {
    code: 1007,
    octets: (place) => {
      const { random } = place;
      const bad = Uint8Array.from(random.pick([...BROKEN, ...CUT]));
      return close(place, 1000, join(ascii(random, random.int(100)), bad));
    },
  },
  'text that is no UTF-8': {
    code: 1007, fits: takesText,
    octets: (place) => of(place, TEXT, brokenAtOnce(place.random), {
      final: place.random.chance(0.5),
    }),
  },
  'text that goes on as no UTF-8': {
    code: 1007, fits: plainText,
    octets: (place) => of(place, CONTINUATION, join(ascii(place.random, 5), brokenAtOnce(
      place.random,
    )), { final: place.random.chance(0.5) }),
  },
  'text that ends within a code point': {
    code: 1007, fits: takesText,
    octets: (place) => {
      const { random } = place;
      const cut = Uint8Array.from(random.pick(CUT));
      const text = join(some(random), cut);
      if (random.chance(0.5)) return of(place, TEXT, text);
      return join(of(place, TEXT, text, { final: false }), of(place, CONTINUATION));
    },
  },
  'compressed text that is no UTF-8': {
    code: 1007, fits: (place) => deflates(place) && takesText(place),
    octets: (place) => {
      const { random } = place;
      const bad = random.chance(0.5) ? broken(random)
        : join(some(random), Uint8Array.from(random.pick(CUT)));
      return compressed(place, deflated(bad), TEXT);
    },
  },
  // 1007: DEFLATE (RFC 7692 §7.2.2)
  'damaged DEFLATE': {
    code: 1007, fits: deflates, octets: (place) => compressed(place, damaged(place)),
  },
  // 1008: what we do not want (DESIGN §6)
  'too many fragments': {
    code: 1008, fits: ({ inPieces }) => !inPieces,
    octets: (place) => {
      const opcode = dataOpcode(place);
      const more = place.fragments + 1 - (place.within?.fragments ?? 0);
      return join(...Array.from({ length: more }, (_, i) =>
        of(place, i === 0 ? opcode : CONTINUATION, '', { final: false })));
    },
  },
  'too many final blocks': {
    code: 1008, fits: deflates,
    octets: (place) => compressed(place, finalBlocks(place.random.pick([65, 100]))),
  },
  // 1009: how much (RFC 6455 §10.4)
  'a frame over the limit': {
    code: 1009, headerBytes: 10,
    octets: (place) => {
      const most = BigInt(place.messageBytes);
      const length = place.random.pick([
        0x1_0000n + most, 1n << 32n, (1n << 53n) - 1n, 1n << 53n, (1n << 63n) - 1n,
      ]);
      return of(place, dataOpcode(place), 'abc', { length, lengthOctets: 8 });
    },
  },
  'a message of one octet too many': {
    code: 1009,
    octets: (place) => {
      const { random, messageBytes } = place;
      const isWhole = place.within === undefined && random.chance(0.5);
      const length = messageBytes + 1 - charged(place) - (isWhole ? 0 : fragmentBytes(place));
      const payload = ascii(random, length);
      return of(place, dataOpcode(place), payload, {
        final: isWhole || (place.within !== undefined && random.chance(0.5)),
      });
    },
  },
  'inflated, one octet too many': {
    code: 1009, fits: deflates,
    octets: (place) => {
      const { random, messageBytes } = place;
      const most = random.pick([messageBytes + 1, messageBytes * 10]);
      const octets = most > messageBytes + 1 ? Buffer.alloc(most, 'a') : ascii(random, most);
      const flushed = deflateRawSync(octets, { finishFlush: constants.Z_SYNC_FLUSH });
      return compressed(place, flushed.subarray(0, -4));
    },
  },
};
