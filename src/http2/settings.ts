/** Settings (RFC 9113 §6.5): what one side tells the other of itself, checked as it is read. */
import { ConnectionError } from '../errors.ts';
import {
  DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, FLOW_CONTROL_ERROR, FRAME_SIZE_MAX, PROTOCOL_ERROR,
  SETTINGS_ENABLE_CONNECT_PROTOCOL, SETTINGS_ENABLE_PUSH, SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE, SETTINGS_MAX_CONCURRENT_STREAMS, SETTINGS_MAX_FRAME_SIZE,
  SETTINGS_MAX_HEADER_LIST_SIZE, SETTINGS_NO_RFC7540_PRIORITIES, WINDOW_MAX,
} from './frame.ts';
import { uint32 } from './frame-parser.ts';

/** The settings of one side, as they stand; begins with the initial values (§6.5.2). */
export class Settings {
  headerTableSize = 4096;
  /** The lowest that the last SETTINGS passed through: the encoder tells of it (RFC 7541 §4.2). */
  headerTableSizeLeast = 4096;
  enablePush = true;
  maxConcurrentStreams = Infinity;
  initialWindowSize = DEFAULT_WINDOW;
  maxFrameSize = DEFAULT_FRAME_SIZE;
  maxHeaderListSize = Infinity;
  enableConnectProtocol = false;
  /** Undefined until the first SETTINGS said so: it cannot change after (RFC 9218 §2.1). */
  noRfc7540Priorities: boolean | undefined;

  /** Applies the payload of a SETTINGS frame, in order (§6.5.3). Throws a ConnectionError. */
  apply(bytes: Uint8Array, start: number, end: number): void {
    this.headerTableSizeLeast = this.headerTableSize;
    for (let at = start; at < end; at += 6) {
      const identifier = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      this.#set(identifier, uint32(bytes, at + 2));
    }
    this.noRfc7540Priorities ??= false;
  }

  #set(identifier: number, value: number): void {
    switch (identifier) {
      case SETTINGS_HEADER_TABLE_SIZE:
        this.headerTableSize = value;
        this.headerTableSizeLeast = Math.min(this.headerTableSizeLeast, value);
        break;
      case SETTINGS_ENABLE_PUSH: this.enablePush = flag(value, 'SETTINGS_ENABLE_PUSH'); break;
      case SETTINGS_MAX_CONCURRENT_STREAMS: this.maxConcurrentStreams = value; break;
      case SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > WINDOW_MAX) {
          const message = 'SETTINGS_INITIAL_WINDOW_SIZE is over 2^31-1 (RFC 9113 §6.5.2)';
          throw new ConnectionError(FLOW_CONTROL_ERROR, message);
        }
        this.initialWindowSize = value;
        break;
      case SETTINGS_MAX_FRAME_SIZE:
        if (value < DEFAULT_FRAME_SIZE || value > FRAME_SIZE_MAX) {
          throw bad('SETTINGS_MAX_FRAME_SIZE is not 2^14 to 2^24-1 (RFC 9113 §6.5.2)');
        }
        this.maxFrameSize = value;
        break;
      case SETTINGS_MAX_HEADER_LIST_SIZE: this.maxHeaderListSize = value; break;
      case SETTINGS_ENABLE_CONNECT_PROTOCOL: this.#connectProtocol(value); break;
      case SETTINGS_NO_RFC7540_PRIORITIES: this.#priorities(value); break;
      default:
      // An unknown setting is ignored (§6.5.2).
    }
  }

  #connectProtocol(value: number): void {
    const enabled = flag(value, 'SETTINGS_ENABLE_CONNECT_PROTOCOL');
    if (this.enableConnectProtocol && !enabled) {
      throw bad('SETTINGS_ENABLE_CONNECT_PROTOCOL was taken back (RFC 8441 §3)');
    }
    this.enableConnectProtocol = enabled;
  }

  #priorities(value: number): void {
    const off = flag(value, 'SETTINGS_NO_RFC7540_PRIORITIES');
    if (this.noRfc7540Priorities !== undefined && this.noRfc7540Priorities !== off) {
      throw bad('SETTINGS_NO_RFC7540_PRIORITIES changed (RFC 9218 §2.1)');
    }
    this.noRfc7540Priorities = off;
  }
}

function flag(value: number, name: string): boolean {
  if (value > 1) throw bad(`${name} is neither 0 nor 1 (RFC 9113 §6.5.2)`);
  return value === 1;
}

function bad(message: string): ConnectionError {
  return new ConnectionError(PROTOCOL_ERROR, message);
}
