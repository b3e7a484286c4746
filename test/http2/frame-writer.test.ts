/** Octets of frames: each writer against the same frame written by hand. */
import { expect, test } from 'vitest';
import { Slab } from '../../src/bytes/slab.ts';
import {
  writeDataHeader, writeGoaway, writeHeaders, writePing, writePushPromise, writeRstStream,
  writeSettings, writeSettingsAck, writeWindowUpdate,
} from '../../src/http2/frame-writer.ts';
import {
  continuation, frame, join, ping, reset, settings, settingsAck, windowUpdate,
} from '../support/http2.ts';

const ABC = Uint8Array.of(97, 98, 99);

test.each<[string, (slab: Slab) => void, Uint8Array]>([
  ['DATA', (slab) => writeDataHeader(slab, 5, 0x01_0203, true), frame(0, 1, 5, '', 0x01_0203)],
  ['HEADERS', (slab) => writeHeaders(slab, 0x7fff_ffff, ABC, true, 16_384),
    frame(1, 5, 0x7fff_ffff, 'abc')],
  ['HEADERS in parts (§6.10)', (slab) => writeHeaders(slab, 1, ABC, true, 1),
    join(frame(1, 1, 1, 'a'), continuation(1, 'b', 0), continuation(1, 'c'))],
  ['PUSH_PROMISE in parts', (slab) => writePushPromise(slab, 1, 2, ABC, 5),
    join(frame(5, 0, 1, '\0\0\0\x02a'), continuation(1, 'bc'))],
  ['RST_STREAM', (slab) => writeRstStream(slab, 3, 8), reset(3)],
  ['SETTINGS', (slab) => writeSettings(slab, [[4, 0x7fff_ffff], [0x102, 0xffff_ffff]]),
    settings([[4, 0x7fff_ffff], [0x102, 0xffff_ffff]])],
  ['SETTINGS ACK', (slab) => writeSettingsAck(slab), settingsAck],
  ['PING', (slab) => writePing(slab, true, Buffer.from('abcdefgh')), ping('abcdefgh', 1)],
  ['GOAWAY', (slab) => writeGoaway(slab, 3, 1, '§5 \n'),
    frame(7, 0, 0, '\0\0\0\x03\0\0\0\x01S5 ?')],
  ['GOAWAY of a long story', (slab) => writeGoaway(slab, 0, 0, 'x'.repeat(999)),
    frame(7, 0, 0, `\0\0\0\0\0\0\0\0${'x'.repeat(256)}`)],
  ['WINDOW_UPDATE', (slab) => writeWindowUpdate(slab, 0, 0x7fff_ffff),
    windowUpdate(0, 0x7fff_ffff)],
])('%s', (_, write, expected) => {
  const slab = new Slab();
  write(slab);
  expect(Buffer.from(slab.take()).toString('hex')).toBe(Buffer.from(expected).toString('hex'));
});
