/**
 * Octets into frames (RFC 6455 §5.2): each call takes one control frame, or the part of a data
 * frame that has come, and calls a sink with numbers.
 *
 * Knows what a frame must be by itself. Whether it may come now, and how much a message may hold,
 * is for message-assembler.ts to say. Payloads are unmasked in place and lent. Called by the
 * protocol, which keeps what was not taken: at most a header, or a control frame.
 */
import { CloseError, protocolError, tooBig } from './close-error.ts';
import {
  BINARY, CLOSE, CONTINUATION, CONTROL_BYTES_MAX, FIN, LENGTH_16, MASK,
  MESSAGE_TOO_BIG, PING, PONG, PROTOCOL_ERROR, TEXT,
} from './frame.ts';
import { unmask } from './mask.ts';

/** More octets are needed. */
export const MORE = -1;

/** Takes data frames: their headers, then payload as it comes, lent. */
export interface DataSink {
  /** `reserved`: the RSV bits as they stand in the first octet. `octets`: the whole payload. */
  beginFrame(opcode: number, reserved: number, final: boolean, octets: number): void;
  /** Never empty. */
  frameData(bytes: Uint8Array, start: number, end: number): void;
  endFrame(): void;
}

/** Takes control frames (RFC 6455 §5.5), whole; payloads of at most 125 octets are lent. */
export interface ControlSink {
  receiveClose(bytes: Uint8Array, start: number, end: number): void;
  receivePing(bytes: Uint8Array, start: number, end: number): void;
  receivePong(bytes: Uint8Array, start: number, end: number): void;
}

export interface FrameBounds {
  /** Whether the peer is a client, which masks every frame; a server masks none (§5.1). */
  readonly masked: boolean;
  /** The RSV bits that extensions gave a meaning on the first frame of a message (§5.2). */
  readonly reserved: number;
  /** Payload of one data frame, octets: webSocketMessageBytes. */
  readonly frameBytes: number;
}

const RESERVED = 0x70;
const OPCODE = 0x0f;
/** The bit that all control frames have (§5.5). */
const CONTROL = 0x08;
const KNOWN = Uint8Array.from({ length: 16 }, (_, opcode) => (
  [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode) ? 1 : 0
));

export class FrameParser {
  readonly #data: DataSink;
  readonly #control: ControlSink;
  readonly #masked: boolean;
  readonly #reserved: number;
  readonly #frameBytes: number;
  // The data frame that is passing through
  #passing = false;
  #remaining = 0;
  #key = 0;
  #phase = 0;

  constructor(data: DataSink, control: ControlSink, bounds: FrameBounds) {
    this.#data = data;
    this.#control = control;
    this.#masked = bounds.masked;
    this.#reserved = bounds.reserved;
    this.#frameBytes = bounds.frameBytes;
  }

  /** Whether a data frame has begun and not ended. */
  get isWithin(): boolean {
    return this.#passing;
  }

  /** Takes one frame or a part of data. Returns the offset after it, or MORE. */
  receive(bytes: Uint8Array, start: number, end: number): number {
    if (this.#passing) return this.#pass(bytes, start, end);
    if (end - start < 2) return MORE;
    const first = bytes[start] as number;
    const second = bytes[start + 1] as number;
    // All that the header tells is checked before any of the payload is waited for.
    this.#check(first, second);
    let at = start + 2;
    let length = second & 0x7f;
    if (length >= LENGTH_16) {
      const size = length === LENGTH_16 ? 2 : 8;
      if (at + size > end) return MORE;
      length = size === 2 ? uint16(bytes, at) : uint64(bytes, at);
      checkMinimal(length, size);
      at += size;
    }
    const opcode = first & OPCODE;
    if (length > this.#frameBytes && (opcode & CONTROL) === 0) {
      throw tooBig('a frame', 'webSocketMessageBytes', this.#frameBytes);
    }
    let key = 0;
    if (this.#masked) {
      if (at + 4 > end) return MORE;
      key = int32(bytes, at);
      at += 4;
    }
    if ((opcode & CONTROL) !== 0) return this.#whole(opcode, key, bytes, at, at + length, end);
    this.#passing = true;
    this.#remaining = length;
    this.#key = key;
    this.#phase = 0;
    this.#data.beginFrame(opcode, first & RESERVED, (first & FIN) !== 0, length);
    return this.#pass(bytes, at, end);
  }

  /** What the first two octets tell. */
  #check(first: number, second: number): void {
    const opcode = first & OPCODE;
    const reserved = first & RESERVED;
    if (reserved !== 0) checkReserved(reserved, this.#reserved, opcode);
    if (KNOWN[opcode] === 0) {
      throw protocolError(`opcode 0x${opcode.toString(16)} is reserved`, '5.2');
    }
    if ((opcode & CONTROL) !== 0) {
      if ((first & FIN) === 0) throw protocolError('a control frame is fragmented', '5.5');
      if ((second & 0x7f) > CONTROL_BYTES_MAX) {
        throw protocolError(`a control frame is over ${CONTROL_BYTES_MAX} octets`, '5.5');
      }
    }
    if (((second & MASK) !== 0) !== this.#masked) {
      throw protocolError(`a frame is ${this.#masked ? 'not ' : ''}masked`, '5.1');
    }
  }

  #whole(
    opcode: number, key: number, bytes: Uint8Array, start: number, end: number, came: number,
  ): number {
    if (end > came) return MORE;
    if (this.#masked) unmask(bytes, start, end, key, 0);
    if (opcode === PING) this.#control.receivePing(bytes, start, end);
    else if (opcode === PONG) this.#control.receivePong(bytes, start, end);
    else this.#control.receiveClose(bytes, start, end);
    return end;
  }

  #pass(bytes: Uint8Array, start: number, end: number): number {
    const at = end - start < this.#remaining ? end : start + this.#remaining;
    this.#remaining -= at - start;
    if (at > start) {
      if (this.#masked) this.#phase = unmask(bytes, start, at, this.#key, this.#phase);
      this.#data.frameData(bytes, start, at);
    }
    if (this.#remaining === 0) {
      this.#passing = false;
      this.#data.endFrame();
    }
    return at;
  }
}

function checkReserved(reserved: number, allowed: number, opcode: number): void {
  if ((reserved & ~allowed) !== 0) {
    throw protocolError('a reserved bit is set, and no extension was agreed on', '5.2');
  }
  if (opcode !== TEXT && opcode !== BINARY) {
    throw new CloseError(
      PROTOCOL_ERROR, 'a reserved bit is set, not on the first frame of a message (RFC 7692 §6)',
    );
  }
}

/** A length is told in the fewest octets. */
function checkMinimal(length: number, size: number): void {
  if (length < (size === 2 ? LENGTH_16 : 0x1_0000)) {
    throw protocolError(`a length of ${length} is told in ${size} octets`, '5.2');
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function int32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
}

/** A length of 64 bits, the highest of them 0 (§5.2), as far as a number can count. */
function uint64(bytes: Uint8Array, at: number): number {
  const high = int32(bytes, at);
  if (high < 0) throw protocolError('the highest bit of a length is set', '5.2');
  if (high > 0x1f_ffff) {
    throw new CloseError(MESSAGE_TOO_BIG, 'a frame is over 2^53 - 1 octets (RFC 6455 §10.4)');
  }
  return high * 0x1_0000_0000 + (int32(bytes, at + 4) >>> 0);
}
