/**
 * src/websocket/frame-parser.ts, with the assembler and the collector behind it: masked messages
 * out of one read, beside the receiver of `ws` where that is installed.
 *
 * Payloads are unmasked in place, and so are octets that were unmasked before: binary, since any
 * octets will do.
 */
import { Buffer } from 'node:buffer';
import { Slab } from '../../src/bytes/slab.ts';
import { BINARY, FIN } from '../../src/websocket/frame.ts';
import { FrameParser, type DataSink } from '../../src/websocket/frame-parser.ts';
import { writeFrameHeader } from '../../src/websocket/frame-writer.ts';
import { copyMasked } from '../../src/websocket/mask.ts';
import { MessageAssembler } from '../../src/websocket/message-assembler.ts';
import { MessageCollector } from '../../src/websocket/message-collector.ts';
import { agreed } from '../agreement.ts';
import { ws } from '../peers.ts';
import type { Suite } from '../suite.ts';

const KEY = 0x37fa213d;
const MESSAGE_BYTES = 1 << 24;
const ignore = (): void => {};
const control = { receiveClose: ignore, receivePing: ignore, receivePong: ignore };

/** Frames of a read, and how long each payload is. */
const READS: readonly (readonly [number, number])[] = [
  [1, 20], [16, 20], [1, 1024], [1, 65_536], [1, 1 << 20],
];

/** Octets of messages that came whole; one on each side. */
class Sum {
  octets = 0;

  receiveText(): void {
    throw new Error('all are binary');
  }

  receiveBinary(octets: Uint8Array): void {
    this.octets += octets.length;
  }
}

export function add(suite: Suite): void {
  for (const [count, length] of READS) {
    const name = `${count} x ${length} octets`;
    const octets = frames(count, length);
    const bare = parser({ beginFrame: ignore, frameData: ignore, endFrame: ignore });
    const [ours, theirs] = [new Sum(), new Sum()];
    const whole = parser(new MessageAssembler(
      new MessageCollector(ours, MESSAGE_BYTES),
      { messageBytes: MESSAGE_BYTES, fragments: 1024 },
    ));
    const receiver = ws && new ws.Receiver({
      isServer: true, maxPayload: MESSAGE_BYTES, allowSynchronousEvents: true,
    });
    receiver?.on('message', (message) => theirs.receiveBinary(message));
    receive(whole, octets);
    receiver?.write(octets);
    agreed(name, {
      expected: count * length, wirestack: ours.octets, ws: receiver && theirs.octets,
    });
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
