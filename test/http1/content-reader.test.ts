/** The content of one request as it comes: to its body, within its bounds. */
import { describe, expect, test } from 'vitest';
import { RequestBody } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { HttpRequest } from '../../src/http/request.ts';
import { chunkBounds } from '../../src/http1/chunked-decoder.ts';
import { ContentReader } from '../../src/http1/content-reader.ts';
import { Http1Exchange } from '../../src/http1/exchange.ts';
import { CHUNKED } from '../../src/http1/framing.ts';
import { limitsFrom, type Limits } from '../../src/limits.ts';
import { RecordingHost } from '../support/exchange-host.ts';
import { octets } from '../support/vectors.ts';

interface Reading {
  readonly host: RecordingHost;
  readonly exchange: Http1Exchange;
  readonly reader: ContentReader;
  /** Gives octets as one read; returns what was not taken. */
  give(text: string): string;
}

function read(framing: number, changes?: Partial<Limits>): Reading {
  const limits = limitsFrom(changes);
  const host = new RecordingHost();
  const exchange = new Http1Exchange(host, 1);
  exchange.framing = framing;
  const length = framing === CHUNKED ? undefined : framing;
  const body = new RequestBody(length, exchange, limits.collectedBytes);
  exchange.request = new HttpRequest('POST', '/', '/', 'http', 'a', Fields.empty, body, exchange);
  const reader = new ContentReader(exchange, host.transport, limits, chunkBounds(limits));
  const give = (text: string): string => {
    const bytes = octets(text);
    let at = 0;
    while (at < bytes.length && !reader.done) {
      const next = reader.receive(bytes, at, bytes.length);
      if (next < 0) break;
      at = next;
    }
    // Lent for the call alone.
    bytes.fill(0xdb);
    return text.slice(at);
  };
  return { host, exchange, reader, give };
}

describe('octets to the body', () => {
  test('of a length: so many, and not one of what follows', async () => {
    const { exchange, reader, give, host } = read(5);
    expect([give('he'), reader.done, host.held]).toEqual(['', false, 2]);
    expect([give('lloGET /'), reader.done, host.held]).toEqual(['GET /', true, 5]);
    reader.end();
    expect(await exchange.request.body.text()).toBe('hello');
    expect([exchange.receivedBytes, host.held]).toEqual([5, 0]);
  });

  test('in chunks: their data, and the trailers at the end', async () => {
    const { exchange, reader, give } = read(CHUNKED);
    const rest = give('2\r\nhe\r\n3\r\nllo\r\n0\r\na: b\r\n\r\nGET /');
    expect([rest, reader.done]).toEqual(['GET /', true]);
    reader.end();
    expect(await exchange.request.body.text()).toBe('hello');
    expect(exchange.receivedBytes).toBe(5);
    expect(exchange.request.trailers.get('a')).toBe('b');
  });

  test('limitAt is the decoder\'s; content of a length has no partial unit', () => {
    expect(read(5).reader.limitAt).toBe(0);
    expect(read(CHUNKED, { chunkLineBytes: 20 }).reader.limitAt).toBe(21);
  });

  test('of an exchange that is over: counted and dropped', () => {
    const { exchange, give, host, reader } = read(5);
    exchange.close(undefined);
    give('hello');
    expect([reader.done, exchange.receivedBytes, host.held]).toEqual([true, 5, 0]);
  });

  test('who sends without waiting for 100 need not be told to (RFC 9110 §10.1.1)', () => {
    const { exchange, give, host } = read(5);
    exchange.expectsContinue = true;
    give('h');
    void exchange.request.body.pull(10);
    expect([exchange.expectsContinue, host.written]).toEqual([false, '']);
  });
});

describe('bounds', () => {
  test('5 octets of contentBytes 5; one more is 413, also in chunks (RFC 9110 §15.5.14)', () => {
    const limits = { contentBytes: 5 };
    const message = 'content is over contentBytes, 5 octets (RFC 9110 §15.5.14)';
    const fits = read(CHUNKED, limits);
    fits.give('2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n');
    expect(fits.reader.done).toBe(true);
    const over = read(CHUNKED, limits);
    over.give('2\r\nhe\r\n3\r\nllo\r\n');
    expect(() => over.give('1\r\nx')).toThrow(expect.objectContaining({ code: 413, message }));
  });

  test('5 octets of the ledger; one more is 503', () => {
    const { host, give } = read(10);
    host.room = 5;
    give('hello');
    expect(() => give('x')).toThrow(expect.objectContaining({ code: 503 }));
  });

  test('what was not held is given back at the end of the exchange', () => {
    const { host, exchange, give } = read(10);
    host.room = 5;
    expect(() => give('hello!')).toThrow('ledgerBytes');
    exchange.close(undefined);
    expect(host.held).toBe(0);
  });
});

describe('worth discarding (RFC 9112 §9.3)', () => {
  test.each([[10, true], [11, false]])('what is still due, %d octets of 10: %s', (due, worth) => {
    const { reader, give } = read(due + 3, { discardedBytes: 10 });
    give('abc');
    expect(reader.worthDiscarding).toBe(worth);
  });

  test('chunks have no known end', () => {
    expect(read(CHUNKED).reader.worthDiscarding).toBe(false);
  });

  test('who was not told 100 may send it or not', () => {
    const { exchange, reader } = read(5);
    exchange.expectsContinue = true;
    expect(reader.worthDiscarding).toBe(false);
  });
});

describe('least rate', () => {
  const limits = { bodyRateBytesPerSecond: 100, bodyRateGraceMs: 1000 };

  test('content that is slower is too slow', () => {
    const { reader, give } = read(1000, limits);
    give('x'.repeat(200));
    expect([reader.tooSlow(2000, false), reader.tooSlow(2010, false)]).toEqual([false, true]);
  });

  test('while we do not read, or it waits for 100, it is not', () => {
    const { reader, exchange } = read(1000, limits);
    expect(reader.tooSlow(5000, true)).toBe(false);
    exchange.expectsContinue = true;
    expect(reader.tooSlow(10_000, false)).toBe(false);
    exchange.expectsContinue = false;
    expect(reader.tooSlow(15_000, false)).toBe(true);
  });

  test('a handler may lift it', () => {
    const { reader } = read(1000, limits);
    reader.allowSlow();
    expect(reader.tooSlow(1e6, false)).toBe(false);
  });
});
