/**
 * Frames (RFC 6455 §5.2): the constants of the wire, and the close codes (§7.4).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
 *     |I|S|S|S|  (4)  |A|     (7)     |             (16/64)           |
 *     |N|V|V|V|       |S|             |   (if payload len==126/127)   |
 *     | |1|2|3|       |K|             |                               |
 *     +-+-+-+-+-------+-+-------------+ - - - - - - - - - - - - - - - +
 *     |     Extended payload length continued, if payload len == 127  |
 *     + - - - - - - - - - - - - - - - +-------------------------------+
 *     |                               |Masking-key, if MASK set to 1  |
 *     +-------------------------------+-------------------------------+
 *     | Masking-key (continued)       |          Payload Data         |
 *     +-------------------------------- - - - - - - - - - - - - - - - +
 *     :                     Payload Data continued ...                :
 */

// The first octet
export const FIN = 0x80;
export const RSV1 = 0x40;
export const RSV2 = 0x20;
export const RSV3 = 0x10;
/** The second. */
export const MASK = 0x80;

// Opcodes (RFC 6455 §11.8); those of control frames have their highest bit set (§5.5)
export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

/** What a control frame may carry (RFC 6455 §5.5), and the longest length of one octet. */
export const CONTROL_BYTES_MAX = 125;
/** The 7 bits that say that the length follows in 16 bits, or in 64. */
export const LENGTH_16 = 126;
export const LENGTH_64 = 127;

// Close codes (RFC 6455 §7.4.1, and the registry of §11.7)
export const NORMAL_CLOSURE = 1000;
export const GOING_AWAY = 1001;
export const PROTOCOL_ERROR = 1002;
export const UNSUPPORTED_DATA = 1003;
/** Never on the wire: a Close frame without a code came. */
export const NO_STATUS_RECEIVED = 1005;
/** Never on the wire: the connection ended without a Close frame. */
export const ABNORMAL_CLOSURE = 1006;
export const INVALID_PAYLOAD = 1007;
export const POLICY_VIOLATION = 1008;
export const MESSAGE_TOO_BIG = 1009;
export const MANDATORY_EXTENSION = 1010;
export const INTERNAL_ERROR = 1011;
export const SERVICE_RESTART = 1012;
export const TRY_AGAIN_LATER = 1013;
export const BAD_GATEWAY = 1014;

/**
 * Whether a code may stand in a Close frame (RFC 6455 §7.4): not 1004, which means nothing, not
 * 1005, 1006 and 1015, which say that there was none, and none that nobody has defined.
 */
export function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && (code <= 1003 || code >= 1007);
}
