/**
 * Sec-WebSocket-Extensions into a list (RFC 6455 §9.1).
 *
 *     extension-list = 1#extension
 *     extension = extension-token *( ";" extension-param )
 *     extension-param = token [ "=" (token | quoted-string) ]
 *
 * Form alone: what an extension means is for its own file to say, so parameters that come twice are
 * kept. One pass, no step back. Called by the handshake with the field's lines joined by commas.
 */
import { HTAB, SP, TOKEN, isToken } from '../bytes/ascii.ts';

/** Of a field, octets; for the list of subprotocols too. */
export const EXTENSION_LIST_BYTES_MAX = 4096;

export interface ExtensionParameter {
  readonly name: string;
  /** Without quotes; undefined: there is no "=". */
  readonly value: string | undefined;
}

export interface Extension {
  readonly name: string;
  /** In order. */
  readonly parameters: readonly ExtensionParameter[];
}

const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Undefined: it is malformed, or longer than 4 KiB. A server answers that with 400. */
export function parseExtensionList(text: string): Extension[] | undefined {
  if (text.length > EXTENSION_LIST_BYTES_MAX) return undefined;
  const list: Extension[] = [];
  const reader = new Reader(text);
  do {
    reader.skipSpace();
    // Empty elements are passed over (RFC 9110 §5.6.1.2).
    if (reader.isAt(COMMA) || reader.isAtEnd) continue;
    const extension = readExtension(reader);
    if (extension === undefined) return undefined;
    list.push(extension);
  } while (reader.take(COMMA));
  return reader.isAtEnd && list.length > 0 ? list : undefined;
}

function readExtension(reader: Reader): Extension | undefined {
  const name = reader.token();
  if (name === '') return undefined;
  const parameters: ExtensionParameter[] = [];
  while (reader.take(SEMICOLON)) {
    const parameter = reader.token();
    let value: string | undefined;
    if (reader.take(EQUALS)) {
      value = reader.isAt(QUOTE) ? reader.quoted() : reader.token();
      if (value === '') return undefined;
    }
    if (parameter === '') return undefined;
    parameters.push({ name: parameter, value });
  }
  return { name, parameters };
}

/** A place in the text. Space may stand around all parts, as the "implied *LWS" has it. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  isAt(character: number): boolean {
    return this.#text.charCodeAt(this.#at) === character;
  }

  skipSpace(): void {
    while (this.isAt(SP) || this.isAt(HTAB)) this.#at++;
  }

  /** Passes a delimiter and the space after it. */
  take(delimiter: number): boolean {
    if (!this.isAt(delimiter)) return false;
    this.#at++;
    this.skipSpace();
    return true;
  }

  /** Empty: there is none. */
  token(): string {
    const start = this.#at;
    while (TOKEN[this.#text.charCodeAt(this.#at)] === 1) this.#at++;
    const token = this.#text.slice(start, this.#at);
    this.skipSpace();
    return token;
  }

  /** A quoted-string, of which a token must be left without the quotes. Empty: it is none. */
  quoted(): string {
    let value = '';
    for (this.#at++; !this.isAt(QUOTE); this.#at++) {
      if (this.isAt(BACKSLASH)) this.#at++;
      if (this.#at >= this.#text.length) return '';
      value += this.#text[this.#at] as string;
    }
    this.#at++;
    this.skipSpace();
    return isToken(value) ? value : '';
  }
}
