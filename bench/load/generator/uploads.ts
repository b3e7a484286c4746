/** Content of HTTP/2 requests on its way: as much as the windows allow (RFC 9113 §5.2). */
import { Buffer } from 'node:buffer';
import {
  DATA, DEFAULT_FRAME_SIZE, DEFAULT_WINDOW, END_STREAM, FRAME_HEADER_BYTES,
} from '../../../src/http2/frame.ts';
import { setUint32 } from '../../../src/http2/frame-writer.ts';

interface Upload {
  readonly streamId: number;
  sent: number;
  window: number;
}

export class Uploads {
  readonly #content: Uint8Array;
  readonly #uploads = new Map<number, Upload>();
  #initialWindow = DEFAULT_WINDOW;
  #window = DEFAULT_WINDOW;

  /** That of each request; where it is empty nothing is sent. */
  constructor(content: Uint8Array) {
    this.#content = content;
  }

  get isEmpty(): boolean {
    return this.#uploads.size === 0;
  }

  begin(streamId: number): void {
    if (this.#content.length === 0) return;
    this.#uploads.set(streamId, { streamId, sent: 0, window: this.#initialWindow });
  }

  /** The server's SETTINGS; those that are open change with it (RFC 9113 §6.9.2). */
  initialWindow(octets: number): void {
    for (const upload of this.#uploads.values()) upload.window += octets - this.#initialWindow;
    this.#initialWindow = octets;
  }

  credit(streamId: number, increment: number): void {
    const upload = this.#uploads.get(streamId);
    if (streamId === 0) this.#window += increment;
    else if (upload !== undefined) upload.window += increment;
  }

  /** Sends what may be sent. */
  send(write: (octets: Uint8Array) => void): void {
    for (const upload of this.#uploads.values()) {
      while (this.#window > 0 && upload.window > 0 && this.#uploads.has(upload.streamId)) {
        this.#frame(upload, write);
      }
    }
  }

  #frame(upload: Upload, write: (octets: Uint8Array) => void): void {
    const left = this.#content.length - upload.sent;
    const length = Math.min(left, this.#window, upload.window, DEFAULT_FRAME_SIZE);
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    header.writeUIntBE(length, 0, 3);
    header[3] = DATA;
    header[4] = length === left ? END_STREAM : 0;
    setUint32(header, 5, upload.streamId);
    write(header);
    write(this.#content.subarray(upload.sent, upload.sent + length));
    upload.sent += length;
    upload.window -= length;
    this.#window -= length;
    if (length === left) this.#uploads.delete(upload.streamId);
  }
}
