/**
 * Parsers of HTTP/1.1 that benches stand beside, all made to tell the same: Node's own, which calls
 * back with strings; http-parser-js, which stands in for it; llhttp as WebAssembly, which calls
 * back with offsets, that are kept and not made strings of.
 */
import { Buffer } from 'node:buffer';
import {
  httpParserJs, llhttpWasm, nodeParser, type NodeParser, type NodeParserClass,
} from '../peers.ts';

/** What is parsed: the type of a parser is chosen once. */
export type MessageKind = 'request' | 'response';

export interface PeerParser {
  /** Parses octets, of any number of messages or of a part of one. Throws where they are broken. */
  parse(octets: Uint8Array): void;
  /** Messages that came to their end. */
  messages: number;
  /** Octets of content. */
  content: number;
  /** Names and values in turn, of the last head. */
  fields(): readonly string[];
}

/** By name; undefined where one is not there. */
export type PeerParsers = Readonly<Record<string, PeerParser | undefined>>;

export function peerParsers(kind: MessageKind): PeerParsers {
  return {
    'node': nodeParser && new CallbackParser(nodeParser, kind),
    'http-parser-js': httpParserJs && new CallbackParser(httpParserJs, kind),
    'llhttp wasm': llhttpWasm && new WasmParser(llhttpWasm, kind),
  };
}

/** A side of a comparison for each. */
export function sidesOf(
  parsers: PeerParsers, side: (parser: PeerParser) => () => unknown,
): Record<string, (() => unknown) | undefined> {
  return Object.fromEntries(Object.entries(parsers)
    .map(([name, parser]) => [name, parser && side(parser)]));
}

class CallbackParser implements PeerParser {
  messages = 0;
  content = 0;
  #head: readonly string[] = [];
  /** What came before the end of a head: Node gives 32 field lines at a time. */
  #before: readonly string[] = [];
  readonly #parser: NodeParser;

  constructor(Parser: NodeParserClass, kind: MessageKind) {
    const parser = new Parser();
    void Parser.kOnExecute;
    parser.initialize(kind === 'request' ? Parser.REQUEST : Parser.RESPONSE, {});
    parser[Parser.kOnHeaders] = (lines: readonly string[]) => {
      this.#before = this.#before.concat(lines);
    };
    parser[Parser.kOnHeadersComplete] = (
      _major: number, _minor: number, lines: readonly string[] | undefined,
    ) => {
      this.#head = lines ?? this.#before;
      this.#before = [];
    };
    parser[Parser.kOnBody] = (octets: Uint8Array, _at?: number, length = octets.length) => {
      this.content += length;
    };
    parser[Parser.kOnMessageComplete] = () => { this.messages++; };
    this.#parser = parser;
  }

  parse(octets: Uint8Array): void {
    const taken = this.#parser.execute(octets);
    if (taken !== octets.length) throw new Error('the parser did not take all', { cause: taken });
  }

  fields(): readonly string[] {
    return this.#head;
  }
}

/** As much of the API as is needed: not all sets of types have it. */
declare const WebAssembly: {
  readonly Module: new (octets: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

interface Llhttp {
  readonly memory: { readonly buffer: ArrayBuffer };
  llhttp_alloc(type: number): number;
  llhttp_execute(parser: number, octets: number, length: number): number;
  malloc(octets: number): number;
}

const LLHTTP_REQUEST = 1;
const LLHTTP_RESPONSE = 2;
const WASM_BYTES = 256 * 1024;
const SPANS_MAX = 256;

/** One at a time is timed, so the callbacks are its own. */
class WasmParser implements PeerParser {
  messages = 0;
  content = 0;
  readonly #llhttp: Llhttp;
  readonly #parser: number;
  readonly #octets: number;
  readonly #memory: Buffer;
  /** Where the names and values of the head begin, and how long they are. */
  readonly #spans = new Uint32Array(SPANS_MAX * 2);
  #size = 0;

  constructor(wasm: Uint8Array, kind: MessageKind) {
    const ok = (): number => 0;
    const span = (_parser: number, at: number, length: number): number => {
      this.#spans[this.#size++] = at;
      this.#spans[this.#size++] = length;
      return 0;
    };
    const env = {
      wasm_on_url: ok, wasm_on_status: ok, wasm_on_headers_complete: ok,
      wasm_on_message_begin: () => {
        this.#size = 0;
        return 0;
      },
      wasm_on_header_field: span, wasm_on_header_value: span,
      wasm_on_body: (_parser: number, _at: number, length: number) => {
        this.content += length;
        return 0;
      },
      wasm_on_message_complete: () => {
        this.messages++;
        return 0;
      },
    };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env });
    this.#llhttp = exports as unknown as Llhttp;
    this.#parser = this.#llhttp.llhttp_alloc(kind === 'request' ? LLHTTP_REQUEST : LLHTTP_RESPONSE);
    this.#octets = this.#llhttp.malloc(WASM_BYTES);
    this.#memory = Buffer.from(this.#llhttp.memory.buffer);
  }

  parse(octets: Uint8Array): void {
    this.#memory.set(octets, this.#octets);
    const error = this.#llhttp.llhttp_execute(this.#parser, this.#octets, octets.length);
    if (error !== 0) throw new Error(`llhttp says ${error}`);
  }

  fields(): readonly string[] {
    const memory = this.#memory;
    return Array.from({ length: this.#size / 2 }, (_, i) => {
      const at = this.#spans[2 * i] as number;
      return memory.toString('latin1', at, at + (this.#spans[2 * i + 1] as number));
    });
  }
}
