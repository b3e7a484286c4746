/**
 * Packages that benches stand beside, where the reader has installed them:
 *
 *     npm i --no-save ws http-parser-js hpack.js undici
 *
 * Found at run time and declared nowhere: what is not there is undefined, and its side is left out.
 */
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';

const require = createRequire(import.meta.url);

/** A package, or a file of one; undefined where it is not installed. */
function found(name: string): unknown {
  try {
    return require(name);
  } catch {
    return undefined;
  }
}

// ws

export interface WsReceiver {
  write(octets: Uint8Array): boolean;
  on(event: 'message', listener: (message: Uint8Array, isBinary: boolean) => void): unknown;
}

export interface WsSender {
  send(
    message: string | Uint8Array,
    options: { fin: boolean; binary: boolean; mask: boolean; compress: boolean },
  ): void;
}

/** What a sender needs of its socket. */
export interface WsSocket {
  cork(): void;
  uncork(): void;
  write(octets: string | Uint8Array): boolean;
}

export interface WsSession {
  on(event: 'message', listener: (message: Uint8Array, isBinary: boolean) => void): unknown;
  send(message: Uint8Array, options: { binary: boolean }): void;
}

interface WsServer {
  handleUpgrade(
    request: object, socket: Duplex, head: Uint8Array, begun: (session: WsSession) => void,
  ): void;
}

interface Ws {
  readonly Receiver: new (options: object) => WsReceiver;
  readonly Sender: new (socket: WsSocket) => WsSender;
  readonly WebSocketServer: new (options: object) => WsServer;
}

export const ws = found('ws') as Ws | undefined;

// Parsers of HTTP/1.1

/** What Node's parser has, and others that stand in for it. */
export interface NodeParser {
  initialize(type: unknown, resource: object): void;
  execute(octets: Uint8Array): number | Error;
  [callback: number]: unknown;
}

export interface NodeParserClass {
  new (): NodeParser;
  readonly REQUEST: unknown;
  readonly RESPONSE: unknown;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  /** To read it is to ask http-parser-js for the arguments that Node gives. */
  readonly kOnExecute: number;
}

const HTTP_PARSER = 'HTTPParser';

/** The parser inside Node, where this version still shows it. */
export const nodeParser = classIn(found('_http_common'));
export const httpParserJs = classIn(found('http-parser-js'));

function classIn(module: unknown): NodeParserClass | undefined {
  return (module as { [HTTP_PARSER]?: NodeParserClass } | undefined)?.[HTTP_PARSER];
}

/** llhttp as undici has it: octets of a WebAssembly module. */
export const llhttpWasm = found('undici/lib/llhttp/llhttp_simd-wasm.js') as Uint8Array | undefined;

// hpack.js

export interface HpackJsField {
  readonly name: string;
  readonly value: string;
  /** Whether the table takes it; by default it does. */
  readonly incremental?: boolean;
}

/** Below the stream that it is: `push` is where its output goes. */
interface HpackJsStream<Input, Output> {
  push(output: Output): boolean;
  _write(input: Input, encoding: string, done: () => void): void;
}

export interface HpackJsDecompressor extends HpackJsStream<Uint8Array, HpackJsField> {
  execute(): void;
}

export type HpackJsCompressor = HpackJsStream<readonly HpackJsField[], Uint8Array>;

export interface HpackJs {
  readonly decompressor: { create(options: object): HpackJsDecompressor };
  readonly compressor: { create(options: object): HpackJsCompressor };
  /** The coding of strings by themselves. */
  readonly decoder: {
    create(): { push(octets: Uint8Array): void; decodeStr(): readonly number[] };
  };
  readonly encoder: {
    create(): {
      encodeStr(text: readonly number[], huffman: boolean): void;
      render(): Uint8Array[];
    };
  };
  readonly utils: {
    toArray(text: string): readonly number[];
    stringify(octets: readonly number[]): string;
  };
}

export const hpackJs = warmed(found('hpack.js') as HpackJs | undefined);

/**
 * It makes Buffers in a way that Node warns of, and the first 10,000 of them cost a look at the
 * stack each: that is not what it is to be compared by.
 */
function warmed(hpackJs: HpackJs | undefined): HpackJs | undefined {
  for (let i = 0; hpackJs !== undefined && i <= 10_000; i++) {
    const encoder = hpackJs.encoder.create();
    encoder.encodeStr([i & 0x7f], false);
    encoder.render();
  }
  return hpackJs;
}
