/**
 * node:net that parses nothing, with `tls` node:tls: the limit of the documented API.
 *
 * `hello` writes one canned answer for each chunk, `pipelined` one for each blank line, `websocket
 * SIZE` answers the opening, and then each frame that it has counted the octets of.
 */
import { Buffer } from 'node:buffer';
import { createServer, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { Slab } from '../../../src/bytes/slab.ts';
import { BINARY, FIN } from '../../../src/websocket/frame.ts';
import { writeFrameHeader } from '../../../src/websocket/frame-writer.ts';
import { HELLO, keyAndCertificate, listen, rest, secure, work } from './child.ts';

const LF = 0x0a;
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n' +
  `date: Fri, 20 Nov 2026 10:57:29 GMT\r\n\r\n${HELLO}`;
/** To the key of RFC 6455 §1.3, which the load has. */
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n' +
  'connection: upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
const MASKING_KEY_BYTES = 4;
/** Frames up to here are answered as text, many in one write. */
const JOINED_BYTES = 4096;

/** Answers that are written at once, each count of them made one time. */
function repeated(answer: string): (count: number) => string {
  const made: string[] = [];
  return (count) => made[count] ??= Buffer.from(answer.repeat(count), 'latin1').toString('latin1');
}

const answers = repeated(ANSWER);

function hello(socket: Socket): void {
  socket.on('data', () => socket.write(ANSWER, 'latin1'));
}

function pipelined(socket: Socket): void {
  // The two octets before the chunk.
  let before = 0;
  let last = 0;
  socket.on('data', (octets: Buffer) => {
    let count = 0;
    for (let i = 0; i < octets.length; i++) {
      const octet = octets[i] as number;
      if (octet === LF && before === LF) count++;
      before = last;
      last = octet;
    }
    if (count > 0) socket.write(answers(count), 'latin1');
  });
}

function websocket(socket: Socket): void {
  const slab = new Slab();
  const size = Number(rest[0]);
  writeFrameHeader(slab, FIN | BINARY, size);
  slab.octets(Buffer.alloc(size, 0x61));
  const frame = Buffer.from(slab.take());
  const coming = frame.length + MASKING_KEY_BYTES;
  socket.once('data', () => {
    socket.write(SWITCHING, 'latin1');
    if (frame.length <= JOINED_BYTES) countFrames(socket, frame.toString('latin1'), coming);
    else passFrames(socket, frame, coming);
  });
}

function countFrames(socket: Socket, frame: string, coming: number): void {
  const frames = repeated(frame);
  let got = 0;
  socket.on('data', (octets: Buffer) => {
    got += octets.length;
    const count = Math.floor(got / coming);
    got -= count * coming;
    if (count > 0) socket.write(frames(count), 'latin1');
  });
}

/** Answers as many octets as have come, so that both ways are busy, as with an echo in pieces. */
function passFrames(socket: Socket, frame: Uint8Array, coming: number): void {
  let at = 0;
  socket.on('data', ({ length }: Buffer) => {
    for (let left = length; left > 0;) {
      const to = Math.min(coming, at + left);
      left -= to - at;
      const part = frame.subarray(Math.min(at, frame.length), Math.min(to, frame.length));
      if (part.length > 0) socket.write(part);
      at = to === coming ? 0 : to;
    }
  });
}

const WORKS: Readonly<Record<string, (socket: Socket) => void>> = { hello, pipelined, websocket };
const accept = WORKS[work];
if (accept === undefined) throw new Error(`nothing is called ${work}`);

function accepted(socket: Socket): void {
  // A load that ends hangs up.
  socket.on('error', () => {});
  accept?.(socket);
}

listen(secure
  ? createSecureServer({ ...keyAndCertificate(), noDelay: true }, accepted)
  : createServer({ noDelay: true }, accepted));
