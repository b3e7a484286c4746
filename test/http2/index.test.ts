/** The public entry point. */
import { expect, test } from 'vitest';
import { FrameParser, PREFACE, http2 } from '../../src/http2/index.ts';

test('exports the protocol, its preface and its parser', () => {
  expect([typeof http2, typeof FrameParser, PREFACE.length]).toEqual(['function', 'function', 24]);
});
