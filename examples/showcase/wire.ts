/**
 * The server as its own client, on a bare socket: what a browser cannot send or does not show
 * (pipelining, chunks, trailers, interim responses, broken messages).
 */
import { isUtf8 } from 'node:buffer';
import { connect } from 'node:net';
import { HttpResponse, type HttpRequest } from '../../src/index.ts';

const SENT_BYTES_MAX = 32 * 1024;
const SHOWN_BYTES_MAX = 64 * 1024;
/** Silence for so long is taken as the end of an answer. */
const QUIET_MS = 500;

interface Answer {
  /** As they were read; `ms` since the octets were sent. */
  readonly pieces: readonly { readonly ms: number; readonly text: string }[];
  readonly bytes: number;
  /** Whether the server ended the connection. */
  readonly ended: boolean;
}

/** Sends the content of a request to this server's own port, and tells what came back. */
export async function wire(request: HttpRequest): Promise<HttpResponse> {
  const octets = await request.body.bytes(SENT_BYTES_MAX);
  const { localAddress, localPort } = request.peer;
  const answer = await say(octets, localAddress, localPort);
  return new HttpResponse(200, { 'content-type': 'application/json' }, JSON.stringify(answer));
}

function say(octets: Uint8Array, host: string, port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const pieces: { ms: number; text: string }[] = [];
    let began = 0;
    let bytes = 0;
    const socket = connect({ host, port, noDelay: true }, () => {
      began = performance.now();
      socket.write(octets);
    });
    const done = (ended: boolean): void => {
      socket.destroy();
      resolve({ pieces, bytes, ended });
    };
    socket.setTimeout(QUIET_MS, () => done(false));
    socket.on('data', (piece) => {
      bytes += piece.length;
      const text = piece.toString(isUtf8(piece) ? 'utf8' : 'latin1');
      pieces.push({ ms: Math.round(performance.now() - began), text });
      if (bytes > SHOWN_BYTES_MAX) done(false);
    });
    socket.on('end', () => done(true));
    socket.on('error', (error) => pieces.length > 0 ? done(true) : reject(error));
  });
}
