/**
 * src/websocket/frame-parser.ts, with the assembler and the collector behind it: masked messages
 * out of one read, beside the receiver of `ws` where that is installed.
 *
 * Payloads are unmasked in place, and so are octets that were unmasked before: binary, since any
 * octets will do.
 */
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { Slab } from '../../src/bytes/slab.ts';
import { BINARY, FIN } from '../../src/websocket/frame.ts';
import { FrameParser, type DataSink } from '../../src/websocket/frame-parser.ts';
import { writeFrameHeader } from '../../src/websocket/frame-writer.ts';
import { copyMasked } from '../../src/websocket/mask.ts';
import { MessageAssembler } from '../../src/websocket/message-assembler.ts';
import { MessageCollector } from '../../src/websocket/message-collector.ts';
import type { Suite } from '../suite.ts';

const KEY = 0x37fa213d;
const MESSAGE_BYTES = 1 << 24;
const ignore = (): void => {};
const control = { receiveClose: ignore, receivePing: ignore, receivePong: ignore };

/** Frames of a read, and how long each payload is. */
const READS: readonly (readonly [number, number])[] = [
  [1, 20], [16, 20], [1, 1024], [1, 65_536], [1, 1 << 20],
];

interface WsReceiver {
  write(octets: Uint8Array): boolean;
  on(event: 'message', listener: () => void): unknown;
}

export function add(suite: Suite): void {
  const Receiver = wsReceiver();
  for (const [count, length] of READS) {
    const name = `${count} x ${length} octets`;
    const octets = frames(count, length);
    const bare = parser({ beginFrame: ignore, frameData: ignore, endFrame: ignore });
    const whole = parser(new MessageAssembler(
      new MessageCollector({ receiveText: ignore, receiveBinary: ignore }, MESSAGE_BYTES),
      { messageBytes: MESSAGE_BYTES, fragments: 1024 },
    ));
    const receiver = Receiver && new Receiver({
      isServer: true, maxPayload: MESSAGE_BYTES, allowSynchronousEvents: true,
    });
    receiver?.on('message', ignore);
    suite.compare(`frames, ${name}`, { wirestack: () => receive(bare, octets) }, count);
    suite.compare(`messages, ${name}`, {
      wirestack: () => receive(whole, octets),
      ws: receiver && (() => void receiver.write(octets)),
    }, count);
  }
}

function parser(data: DataSink): FrameParser {
  return new FrameParser(data, control, { masked: true, reserved: 0, frameBytes: MESSAGE_BYTES });
}

function receive(parser: FrameParser, octets: Uint8Array): void {
  for (let at = 0; at < octets.length;) at = parser.receive(octets, at, octets.length);
}

function frames(count: number, length: number): Uint8Array {
  const slab = new Slab();
  for (let i = 0; i < count; i++) {
    writeFrameHeader(slab, FIN | BINARY, length, KEY);
    copyMasked(slab, Buffer.alloc(length, i), KEY);
  }
  return Buffer.from(slab.take());
}

/** The receiver of `ws`, where it is installed: nothing here depends on it. */
function wsReceiver(): (new (options: object) => WsReceiver) | undefined {
  try {
    return (createRequire(import.meta.url)('ws') as {
      Receiver: new (options: object) => WsReceiver;
    }).Receiver;
  } catch {
    return undefined;
  }
}
