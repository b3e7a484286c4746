/**
 * Reads answers as a client does, in whatever pieces they come: a small parser of its own, so that
 * the writer is not judged by its own family. Text is latin1.
 */

export interface Answer {
  status: number;
  readonly fields: ReadonlyMap<string, string>;
  content: string;
  readonly trailers: Map<string, string>;
  whole: boolean;
}

const HEAD = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[!#-~]+: [^\r\n]*\r\n)*)\r\n/;
const CHUNK_LINE = /^([0-9a-f]+)\r\n/;
const TRAILERS = /^((?:[!#-~]+: [^\r\n]*\r\n)*)\r\n/;

/** How what follows is read. */
type Phase = 'head' | 'octets' | 'until close' | 'chunk line' | 'chunk' | 'chunk end' |
  'trailers' | 'tunnel';

export class AnswerReader {
  /** Final answers in order; the last one may not be whole yet. */
  readonly answers: Answer[] = [];
  /** Interim answers as the index of the request they belong to, and status. */
  readonly interims: (readonly [index: number, answer: Answer])[] = [];
  readonly #methodOf: (index: number) => string;
  #text = '';
  #phase: Phase = 'head';
  #due = 0;

  /** `methodOf` tells what the answer number `index` answers. */
  constructor(methodOf: (index: number) => string) {
    this.#methodOf = methodOf;
  }

  get wholeCount(): number {
    return this.answers.filter((answer) => answer.whole).length;
  }

  /** Octets that are no whole unit yet. */
  get rest(): string {
    return this.#text;
  }

  feed(text: string): void {
    this.#text += text;
    while (this.#text !== '' && this.#step());
  }

  /** The connection has ended in order. */
  end(): void {
    if (this.#phase === 'until close') this.#finish();
  }

  /** False: more octets are needed. */
  #step(): boolean {
    const current = this.answers.at(-1) as Answer;
    switch (this.#phase) {
      case 'head': return this.#head();
      case 'octets':
      case 'chunk': {
        const octets = this.#text.slice(0, this.#due);
        current.content += octets;
        this.#text = this.#text.slice(octets.length);
        this.#due -= octets.length;
        if (this.#due > 0) return false;
        if (this.#phase === 'octets') this.#finish();
        else this.#phase = 'chunk end';
        return true;
      }
      case 'until close':
      case 'tunnel':
        current.content += this.#text;
        this.#text = '';
        return false;
      case 'chunk line': return this.#match(CHUNK_LINE, ([, size = '']) => {
        this.#due = Number.parseInt(size, 16);
        this.#phase = this.#due === 0 ? 'trailers' : 'chunk';
      });
      case 'chunk end': return this.#match(/^\r\n/, () => this.#phase = 'chunk line');
      case 'trailers': return this.#match(TRAILERS, ([, lines = '']) => {
        for (const [name, value] of fieldsOf(lines)) current.trailers.set(name, value);
        this.#finish();
      });
    }
  }

  #head(): boolean {
    return this.#match(HEAD, ([, status = '', lines = '']) => {
      const fields = fieldsOf(lines);
      const answer: Answer = {
        status: Number(status), fields, content: '', trailers: new Map(), whole: false,
      };
      if (answer.status === 101) this.#switch(answer);
      else if (answer.status < 200) this.interims.push([this.answers.length, answer]);
      else this.#begin(answer);
    });
  }

  /** What follows is another protocol's: taken as content. */
  #switch(answer: Answer): void {
    answer.whole = true;
    this.answers.push(answer);
    this.#phase = 'tunnel';
  }

  #begin(answer: Answer): void {
    const method = this.#methodOf(this.answers.length);
    this.answers.push(answer);
    const length = answer.fields.get('content-length');
    const chunked = answer.fields.get('transfer-encoding') === 'chunked';
    if (chunked && length !== undefined) throw new Error('both chunked and content-length');
    const { status } = answer;
    this.#due = Number(length ?? 0);
    if (method === 'HEAD' || status === 204 || status === 304) this.#due = 0;
    else if (chunked) this.#phase = 'chunk line';
    else if (length === undefined) this.#phase = 'until close';
    else if (this.#due > 0) this.#phase = 'octets';
    if (this.#phase === 'head') this.#finish();
  }

  #finish(): void {
    (this.answers.at(-1) as Answer).whole = true;
    this.#phase = 'head';
  }

  #match(pattern: RegExp, then: (match: RegExpExecArray) => void): boolean {
    const match = pattern.exec(this.#text);
    if (match === null) return false;
    this.#text = this.#text.slice(match[0].length);
    then(match);
    return true;
  }
}

function fieldsOf(lines: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 2));
  }
  return fields;
}
