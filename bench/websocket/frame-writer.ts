/**
 * src/websocket/frame-writer.ts: messages into frames, beside the Sender of `ws` where that is
 * installed. Both write to a socket that takes everything at once, a server's frames and a
 * client's, which are masked.
 *
 * Ours gives short frames as one string of latin1, `ws` a header and a payload, of which text is a
 * string that the socket has yet to encode: so this socket makes octets of strings, as the real one
 * does. That two writes cost more than one is not seen here, but in `npm run bench:load`.
 */
import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { FrameWriter, preparedFrame } from '../../src/websocket/frame-writer.ts';
import { maskingKeys } from '../../src/websocket/mask.ts';
import { agreed } from '../agreement.ts';
import { ws, type WsSender, type WsSocket } from '../peers.ts';
import type { Suite } from '../suite.ts';

const scratch = Buffer.alloc(1 << 21);

/** Takes octets as they are, and makes octets of strings; keeps them where they are looked at. */
class Out implements WsSocket {
  kept: Uint8Array[] | undefined;
  /** Of strings. */
  readonly #encoding: 'latin1' | 'utf8';

  constructor(encoding: 'latin1' | 'utf8') {
    this.#encoding = encoding;
  }

  write(octets: Uint8Array | string): boolean {
    if (typeof octets === 'string') {
      const length = scratch.write(octets, 0, this.#encoding);
      this.kept?.push(Buffer.from(scratch.subarray(0, length)));
    } else {
      this.kept?.push(octets);
    }
    return true;
  }

  cork(): void {}
  uncork(): void {}
}

/** What both sides wrote in one call. */
function written(out: Out, send: () => void): string {
  out.kept = [];
  send();
  const octets = Buffer.concat(out.kept);
  out.kept = undefined;
  return octets.toString('latin1');
}

export function add(suite: Suite): void {
  for (const length of [20, 1024, 65_536, 1 << 20]) {
    messages(suite, `${length} octets`, Buffer.alloc(length, 'b'), 'w'.repeat(length));
  }
  const words = 'Grüße, Привет, 日本語. '.repeat(50).slice(0, 1024);
  text(suite, `${Buffer.byteLength(words)} octets of mixed text`, words);
}

function messages(suite: Suite, name: string, octets: Uint8Array, ascii: string): void {
  const { out, wsOut, writer, sender } = sides();
  const server = { fin: true, binary: true, mask: false, compress: false };
  const ours = (): unknown => writer.binary(octets);
  const theirs = sender && ((): void => sender.send(octets, server));
  agreed(name, {
    wirestack: written(out, ours), ws: theirs && written(wsOut, theirs),
    prepared: written(out, () => void writer.prepared(preparedFrame(octets))),
  });
  suite.compare(`binary, ${name}`, { wirestack: ours, ws: theirs });
  text(suite, name, ascii);
  masked(suite, name, octets);
}

function text(suite: Suite, name: string, message: string): void {
  const { out, wsOut, writer, sender } = sides();
  const options = { fin: true, binary: false, mask: false, compress: false };
  const ours = (): unknown => writer.text(message);
  const theirs = sender && ((): void => sender.send(message, options));
  agreed(`text, ${name}`, { wirestack: written(out, ours), ws: theirs && written(wsOut, theirs) });
  suite.compare(`text, ${name}`, { wirestack: ours, ws: theirs });
}

/** A client's. Keys are new each time, so payloads are compared after they are unmasked. */
function masked(suite: Suite, name: string, octets: Uint8Array): void {
  const { out, wsOut, sender } = sides();
  const client = new FrameWriter(out, maskingKeys(randomFillSync));
  const options = { fin: true, binary: true, mask: true, compress: false };
  const ours = (): unknown => client.binary(octets);
  const theirs = sender && ((): void => sender.send(octets, options));
  agreed(`masked, ${name}`, {
    expected: Buffer.from(octets).toString('latin1'),
    wirestack: payloadOf(written(out, ours), octets.length),
    ws: theirs && payloadOf(written(wsOut, theirs), octets.length),
  });
  suite.compare(`masked, ${name}`, { wirestack: ours, ws: theirs });
}

function payloadOf(frame: string, length: number): string {
  const octets = Buffer.from(frame, 'latin1');
  const at = octets.length - length;
  for (let i = 0; i < length; i++) {
    octets[at + i] = (octets[at + i] as number) ^ (octets[at - 4 + (i & 3)] as number);
  }
  return octets.toString('latin1', at);
}

interface Sides {
  readonly out: Out;
  readonly wsOut: Out;
  readonly writer: FrameWriter;
  readonly sender: WsSender | undefined;
}

function sides(): Sides {
  const [out, wsOut] = [new Out('latin1'), new Out('utf8')];
  return { out, wsOut, writer: new FrameWriter(out), sender: ws && new ws.Sender(wsOut) };
}
