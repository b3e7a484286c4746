/**
 * Frames (RFC 9113 §4, §6): the constants of the wire, under the standard's names.
 *
 *     +-----------------------------------------------+
 *     |                 Length (24)                   |
 *     +---------------+---------------+---------------+
 *     |   Type (8)    |   Flags (8)   |
 *     +-+-------------+---------------+-------------------------------+
 *     |R|                 Stream Identifier (31)                      |
 *     +=+=============================================================+
 *     |                   Frame Payload (0...)                      ...
 */

export const FRAME_HEADER_BYTES = 9;

// Types (RFC 9113 §6, RFC 9218 §7)
export const DATA = 0x00;
export const HEADERS = 0x01;
export const PRIORITY = 0x02;
export const RST_STREAM = 0x03;
export const SETTINGS = 0x04;
export const PUSH_PROMISE = 0x05;
export const PING = 0x06;
export const GOAWAY = 0x07;
export const WINDOW_UPDATE = 0x08;
export const CONTINUATION = 0x09;
export const PRIORITY_UPDATE = 0x10;

// Flags
export const END_STREAM = 0x01;
export const ACK = 0x01;
export const END_HEADERS = 0x04;
export const PADDED = 0x08;
export const PRIORITY_FLAG = 0x20;

// Error codes (RFC 9113 §7)
export const NO_ERROR = 0x00;
export const PROTOCOL_ERROR = 0x01;
export const INTERNAL_ERROR = 0x02;
export const FLOW_CONTROL_ERROR = 0x03;
export const SETTINGS_TIMEOUT = 0x04;
export const STREAM_CLOSED = 0x05;
export const FRAME_SIZE_ERROR = 0x06;
export const REFUSED_STREAM = 0x07;
export const CANCEL = 0x08;
export const COMPRESSION_ERROR = 0x09;
export const CONNECT_ERROR = 0x0a;
export const ENHANCE_YOUR_CALM = 0x0b;
export const INADEQUATE_SECURITY = 0x0c;
export const HTTP_1_1_REQUIRED = 0x0d;

const ERROR_NAMES = [
  'NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT',
  'STREAM_CLOSED', 'FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR',
  'CONNECT_ERROR', 'ENHANCE_YOUR_CALM', 'INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED',
];

/** The name of an error code, or its number where it has none. */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? `0x${code.toString(16)}`;
}

// Settings (RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1)
export const SETTINGS_HEADER_TABLE_SIZE = 0x01;
export const SETTINGS_ENABLE_PUSH = 0x02;
export const SETTINGS_MAX_CONCURRENT_STREAMS = 0x03;
export const SETTINGS_INITIAL_WINDOW_SIZE = 0x04;
export const SETTINGS_MAX_FRAME_SIZE = 0x05;
export const SETTINGS_MAX_HEADER_LIST_SIZE = 0x06;
export const SETTINGS_ENABLE_CONNECT_PROTOCOL = 0x08;
export const SETTINGS_NO_RFC7540_PRIORITIES = 0x09;

/** Every window before anything was said (RFC 9113 §6.9.2). */
export const DEFAULT_WINDOW = 65_535;
/** No window may be larger (RFC 9113 §6.9.1). */
export const WINDOW_MAX = 0x7fff_ffff;
/** The smallest that SETTINGS_MAX_FRAME_SIZE can be, and what it is unless said (§6.5.2). */
export const DEFAULT_FRAME_SIZE = 16_384;
export const FRAME_SIZE_MAX = 0xff_ffff;
export const STREAM_ID_MAX = 0x7fff_ffff;

/** What a client sends first (RFC 9113 §3.4). */
export const PREFACE: Uint8Array = Uint8Array.from(
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (character) => character.charCodeAt(0),
);
