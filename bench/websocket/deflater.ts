/**
 * src/websocket/deflater.ts: messages compressed as RFC 7692 has it, beside zlib used alone with
 * the same level, window and memory. All is done at once (an inline budget), so that a call is the
 * whole work.
 *
 * With context takeover the window of a message is what went before: ours gives it to zlib as a
 * dictionary each time and keeps nothing of zlib, which costs more time and far less memory. Alone
 * stands for it a zlib that begins anew with the same dictionary.
 */
import { Buffer } from 'node:buffer';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { Deflater } from '../../src/websocket/deflater.ts';
import { BINARY } from '../../src/websocket/frame.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { agreed } from '../agreement.ts';
import type { Suite } from '../suite.ts';
import { WINDOW_BITS, records, windowAfter } from './texts.ts';

const LEVEL = 3;
const LOOKAHEAD_BYTES = 262;
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH } as const;
const budget = new ZlibBudget({ inline: true });

class Last {
  payload: Uint8Array | string = '';

  sendPayload(_opcode: number, _reserved: number, payload: Uint8Array | string): void {
    this.payload = payload;
  }
}

export function add(suite: Suite): void {
  for (const length of [1024, 65_536]) {
    const text = records(length);
    compare(suite, `${length} octets`, text, false);
    compare(suite, `${length} octets, context takeover`, text, true);
  }
}

function compare(suite: Suite, name: string, text: Uint8Array, contextTakeover: boolean): void {
  const last = new Last();
  const deflater = new Deflater(last, {
    windowBits: WINDOW_BITS, contextTakeover, thresholdBytes: 0, budget,
    settled: () => { throw new Error('all is done at once'); },
  });
  const ours = (): Uint8Array => {
    deflater.send(BINARY, text);
    return last.payload as Uint8Array;
  };
  // What the window has after some messages.
  const window = contextTakeover ? windowAfter(text) : undefined;
  if (contextTakeover) for (let sent = 0; sent < 2 ** WINDOW_BITS; sent += text.length) ours();
  const alone = (): Uint8Array => deflateRawSync(text, optionsFor(text.length, window));
  agreed(name, {
    expected: Buffer.from(text).toString('latin1'),
    wirestack: inflated(ours(), window), zlib: inflated(alone(), window),
  });
  suite.compare(name, { wirestack: ours, zlib: alone });
}

/** As the deflater has them. */
function optionsFor(length: number, dictionary: Uint8Array | undefined): object {
  const reach = length + LOOKAHEAD_BYTES + (dictionary?.length ?? 0);
  const windowBits = Math.min(WINDOW_BITS, Math.max(9, Math.ceil(Math.log2(reach))));
  const chunkSize = Math.max(length >>> 1, 1024);
  return { level: LEVEL, windowBits, memLevel: windowBits - 7, dictionary, chunkSize, ...SYNC };
}

/** Without the tail it is whole as well, for one who does not wait for the end. */
function inflated(payload: Uint8Array, dictionary: Uint8Array | undefined): string {
  const options = dictionary === undefined ? SYNC : { ...SYNC, dictionary };
  return inflateRawSync(payload, options).toString('latin1');
}
