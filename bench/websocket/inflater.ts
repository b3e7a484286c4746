/**
 * src/websocket/inflater.ts: compressed messages into plain ones, with every bound on, beside zlib
 * used alone with the same window. All is done at once (an inline budget), so that a call is the
 * whole work.
 *
 * Ours takes the payload from octets that are lent, so it copies them first; and it finds out
 * whether a payload was whole and nothing was left over, which zlib alone does not.
 */
import { deflateRawSync, constants, inflateRawSync } from 'node:zlib';
import { BINARY, RSV1 } from '../../src/websocket/frame.ts';
import { Inflater } from '../../src/websocket/inflater.ts';
import type { MessageSink } from '../../src/websocket/message-assembler.ts';
import { ZlibBudget } from '../../src/websocket/zlib-budget.ts';
import { agreed } from '../agreement.ts';
import type { Suite } from '../suite.ts';
import { WINDOW_BITS, records, windowAfter } from './texts.ts';

const TAIL_BYTES = 4;
const budget = new ZlibBudget({ inline: true });

/** Adds up what it is given. */
class Sum implements MessageSink {
  octets = 0;
  last: Uint8Array = new Uint8Array(0);

  beginMessage(): void {}

  messageData(bytes: Uint8Array, start: number, end: number): void {
    this.octets += end - start;
    this.last = bytes;
  }

  endMessage(): void {}
}

export function add(suite: Suite): void {
  for (const length of [1024, 65_536]) {
    const text = records(length);
    const flushed = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
    const payload = flushed.subarray(0, -TAIL_BYTES);
    for (const contextTakeover of [false, true]) {
      const name = `${length} octets${contextTakeover ? ', context takeover' : ''}`;
      const sum = new Sum();
      const inflater = new Inflater(sum, {
        windowBits: WINDOW_BITS, contextTakeover, messageBytes: 1 << 20, budget,
        settled: () => { throw new Error('all is done at once'); },
      });
      const ours = (): number => {
        sum.octets = 0;
        inflater.beginMessage(BINARY, RSV1, payload.length);
        inflater.messageData(payload, 0, payload.length);
        inflater.endMessage();
        return sum.octets;
      };
      // As ours does, which keeps nothing of zlib from message to message.
      const window = contextTakeover ? windowAfter(text) : undefined;
      const zlib = (): Uint8Array => alone(flushed, window);
      agreed(name, { expected: length, wirestack: ours(), zlib: zlib().length });
      // The payload reaches back to nothing before it, so it can come again in any window.
      if (length === 1024) agreed(name, { text: [...text], wirestack: [...sum.last] });
      suite.compare(name, { wirestack: ours, zlib });
    }
  }
}

function alone(flushed: Uint8Array, dictionary: Uint8Array | undefined): Uint8Array {
  const window = dictionary === undefined ? {} : { dictionary };
  return inflateRawSync(flushed, {
    ...window,
    windowBits: WINDOW_BITS, finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: Math.min(flushed.length * 4, 65_536),
  });
}
