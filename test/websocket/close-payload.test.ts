/** What a Close frame carries, read and written. */
import { describe, expect, test } from 'vitest';
import { CloseError } from '../../src/websocket/close-error.ts';
import { closePayload, parseClosePayload } from '../../src/websocket/close-payload.ts';
import { close, frame, hexOctets, received, refused } from '../support/websocket.ts';

function parsed(hex: string): unknown {
  // Between other octets.
  const octets = Buffer.concat([Buffer.from([3]), hexOctets(hex), Buffer.from([0x80])]);
  return parseClosePayload(octets, 1, octets.length - 1);
}

describe('§5.5.1 parseClosePayload', () => {
  test.each([
    ['', 1005, ''], ['03e8', 1000, ''], ['03e9 627965', 1001, 'bye'], ['0bb8', 3000, ''],
    ['1387 e282ac', 4999, '€'],
  ])('"%s"', (hex, code, reason) => {
    expect(parsed(hex)).toEqual({ code, reason });
  });

  test.each([
    ['03', 1002, 'a close code of one octet (RFC 6455 §5.5.1)'],
    ['03ed', 1002, 'close code 1005 (RFC 6455 §7.4)'],
    ['0000', 1002, 'close code 0 (RFC 6455 §7.4)'],
    ['03e8 e282', 1007, 'the reason of a Close frame is not UTF-8 (RFC 6455 §8.1)'],
    ['03e8 ff', 1007, 'the reason of a Close frame is not UTF-8 (RFC 6455 §8.1)'],
  ])('"%s" is refused with %d', (hex, code, message) => {
    let thrown: unknown;
    try {
      parsed(hex);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CloseError);
    expect(thrown).toMatchObject({ code, message });
    expect(refused(frame(8, hexOctets(hex)))).toEqual([code, message]);
  });
});

describe('§5.5.1 closePayload', () => {
  test.each([
    [1000, '', ''], [1001, 'bye', 'bye'], [4999, '€', '€'],
    [1000, 'x'.repeat(123), 'x'.repeat(123)], [1000, 'x'.repeat(124), 'x'.repeat(123)],
    [1000, `${'x'.repeat(121)}é`, `${'x'.repeat(121)}é`],
    [1000, `${'x'.repeat(122)}é`, 'x'.repeat(122)],
    [1000, `${'x'.repeat(120)}\u{1f600}`, 'x'.repeat(120)],
    [1000, '\ud800', '\ufffd'],
  ])('%d "%s"', (code, reason, sent) => {
    const payload = closePayload(code, reason);
    expect(parseClosePayload(payload, 0, payload.length)).toEqual({ code, reason: sent });
    expect(received(close(code, payload.subarray(2))).events).toEqual([['close', code, sent]]);
  });

  test.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_536 + 1000, 1000.5, NaN])(
    '%d may not be sent', (code) => {
      expect(() => closePayload(code)).toThrow(RangeError);
    },
  );
});
