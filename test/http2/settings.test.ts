/** Settings: initial values, and what is applied of a payload; errors: rfc9113-definitions. */
import { expect, test } from 'vitest';
import { Settings } from '../../src/http2/settings.ts';
import { settings } from '../support/http2.ts';

function applied(...frames: (readonly (readonly [number, number])[])[]): Settings {
  const found = new Settings();
  for (const pairs of frames) {
    const octets = settings(pairs);
    found.apply(octets, 9, octets.length);
  }
  return found;
}

test('the initial values (RFC 9113 §6.5.2)', () => {
  expect(new Settings()).toMatchObject({
    headerTableSize: 4096, enablePush: true, maxConcurrentStreams: Infinity,
    initialWindowSize: 65_535, maxFrameSize: 16_384, maxHeaderListSize: Infinity,
    enableConnectProtocol: false, noRfc7540Priorities: undefined,
  });
});

test('each has its place, in order, the last wins', () => {
  expect(applied([[1, 1], [2, 0], [3, 3], [4, 4], [5, 16_385], [6, 6], [8, 1], [9, 1], [4, 5]]))
    .toMatchObject({
      headerTableSize: 1, enablePush: false, maxConcurrentStreams: 3, initialWindowSize: 5,
      maxFrameSize: 16_385, maxHeaderListSize: 6, enableConnectProtocol: true,
      noRfc7540Priorities: true,
    });
});

test('what cannot be taken back (RFC 8441 §3, RFC 9218 §2.1)', () => {
  expect(() => applied([[8, 1]], [[8, 0]])).toThrow('RFC 8441 §3');
  expect(() => applied([], [[9, 1]])).toThrow('RFC 9218 §2.1');
});
