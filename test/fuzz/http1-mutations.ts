/**
 * Damage to requests: what a broken or hostile sender does to octets, lines and numbers, so that
 * most of a message stays well formed and the fault sits deep in it. Text is latin1.
 */
import type { Random } from '../support/random.ts';

type Mutation = (random: Random, text: string, other: string) => string;

const OCTETS = '\r\n\0\t \x0b\x0c\x7f\x80\x85\xa0\xff:;,="\\/#%@0';
const SCRAPS = [
  '\r\n', '\r\n\r\n', '\n', '\r', '\r\n ', ' \r\n', '0\r\n\r\n', '0\r\n', '5\r\n', '\r\n5', ';a=b',
  ';"', ',', 'chunked', ', chunked', 'identity', 'Transfer-Encoding: chunked\r\n',
  'Content-Length: 0\r\n', 'Content-Length: 5\r\n', 'Content-Length: 99\r\n', 'Host: b\r\n',
  'Connection: close\r\n', 'Connection: upgrade\r\nUpgrade: x\r\n', 'Expect: 100-continue\r\n',
  'GET /x HTTP/1.1\r\nHost: a\r\n\r\n', ' HTTP/1.1', ' HTTP/1.0\r\n', 'HTTP/1.1', ' : ', ': ', 'X:',
  'early', 'switch', '__proto__: 1\r\n',
];
const LINE_ENDS = ['\n', '\r', '', '\r\r\n', '\n\r', '\r\n ', '\r\n\t', '\0\r\n'];
const NUMBERS = [
  '0', '00', '1', '-1', '+1', '5', '05', '0x5', '5.0', '5e1', ' 5', '5 ', '5 5', '5,5', '', '1_0',
  '\t5', '4294967296', '9007199254740991', '9007199254740992', '18446744073709551616', 'ffffffff',
  '1fffffffffffff', '20000000000000', 'FFFFFFFFFFFFFFFF', '00000000000000000001', '7fffffff',
];

const MUTATIONS: readonly Mutation[] = [
  function flipBit(random, text) {
    const at = random.int(text.length);
    const flipped = text.charCodeAt(at) ^ (1 << random.int(8));
    return replace(text, at, 1, String.fromCharCode(flipped));
  },
  function setOctet(random, text) {
    const octet = random.chance(0.5) ? random.int(256) : octetOf(random);
    return replace(text, random.int(text.length), 1, String.fromCharCode(octet));
  },
  function insertOctet(random, text) {
    return replace(text, random.int(text.length + 1), 0, String.fromCharCode(octetOf(random)));
  },
  function insertAtLineEnd(random, text) {
    return replace(text, lineEnd(random, text), 0, String.fromCharCode(octetOf(random)));
  },
  function insertScrap(random, text) {
    return replace(text, random.int(text.length + 1), 0, random.pick(SCRAPS));
  },
  function insertScrapAtLine(random, text) {
    return replace(text, lineStart(random, text), 0, random.pick(SCRAPS));
  },
  function removeOctets(random, text) {
    return replace(text, random.int(text.length), random.between(1, 4), '');
  },
  function removeRange(random, text) {
    return replace(text, random.int(text.length), random.int(text.length), '');
  },
  function removeLine(random, text) {
    const start = lineStart(random, text);
    return replace(text, start, afterLine(text, start) - start, '');
  },
  function repeatLine(random, text) {
    const start = lineStart(random, text);
    return replace(text, lineStart(random, text), 0, text.slice(start, afterLine(text, start)));
  },
  function swapLines(random, text) {
    const lines = text.split('\r\n');
    const one = random.int(lines.length);
    const two = random.int(lines.length);
    [lines[one], lines[two]] = [lines[two] as string, lines[one] as string];
    return lines.join('\r\n');
  },
  function breakLineEnd(random, text) {
    const at = lineEnd(random, text);
    return replace(text, at, 2, random.pick(LINE_ENDS));
  },
  function changeNumber(random, text) {
    const numbers = [...text.matchAll(/[0-9a-f]+(?=[\r; ])/gi)];
    if (numbers.length === 0) return text;
    const found = random.pick(numbers);
    return replace(text, found.index, found[0].length, random.pick(NUMBERS));
  },
  function changeLength(random, text) {
    return text.replace(/(Content-Length:[ \t]*)(\d*)/i, (_, name: string, digits: string) =>
      name + random.pick([...NUMBERS, String(Number(digits) + 1), String(Number(digits) - 1)]));
  },
  function changeCase(random, text) {
    const at = random.int(text.length);
    const part = text.slice(at, at + random.between(1, 10));
    const turned = part.replace(
      /[a-z]/gi, (letter) => String.fromCharCode(letter.charCodeAt(0) ^ 0x20),
    );
    return replace(text, at, part.length, turned);
  },
  function copyRange(random, text) {
    const at = random.int(text.length);
    const part = text.slice(at, at + random.between(1, 40));
    return replace(text, random.int(text.length + 1), 0, part);
  },
  function truncate(random, text) {
    return text.slice(0, random.int(text.length));
  },
  function splice(random, text, other) {
    return text.slice(0, random.int(text.length + 1)) + other.slice(random.int(other.length + 1));
  },
  function spliceLines(random, text, other) {
    return text.slice(0, lineStart(random, text)) + other.slice(lineStart(random, other));
  },
  function append(_, text, other) {
    return text + other;
  },
];

/** `text` with one to four faults; `other` lends its parts. */
export function mutate(random: Random, text: string, other: string): string {
  let mutated = text;
  for (let left = random.pick([1, 1, 1, 2, 2, 3, 4]); left > 0; left--) {
    if (mutated === '') return other;
    mutated = random.pick(MUTATIONS)(random, mutated, other);
  }
  return mutated;
}

function replace(text: string, at: number, length: number, by: string): string {
  return text.slice(0, at) + by + text.slice(at + length);
}

function octetOf(random: Random): number {
  return OCTETS.charCodeAt(random.int(OCTETS.length));
}

function lineStart(random: Random, text: string): number {
  const before = text.lastIndexOf('\n', random.int(text.length + 1));
  return before + 1;
}

function lineEnd(random: Random, text: string): number {
  const end = text.indexOf('\r\n', random.int(text.length + 1));
  return end < 0 ? text.length : end;
}

function afterLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end < 0 ? text.length : end + 1;
}
