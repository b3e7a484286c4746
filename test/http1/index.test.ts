/** `wirestack/http1`: the protocol core without a socket, for whoever brings their own. */
import { expect, test } from 'vitest';
import * as core from '../../src/http1/index.ts';
import { DEFAULT_LIMITS, HttpResponse, problem } from '../../src/index.ts';
import { MemoryTransport } from '../../src/testing/index.ts';
import { octets } from '../support/vectors.ts';

test('exports', () => {
  expect(Object.keys(core).sort()).toEqual([
    'CHUNKED', 'ChunkedDecoder', 'FieldLines', 'MORE', 'RequestHead', 'ResponseHead', 'UNTIL_CLOSE',
    'chunkBounds', 'chunkLine', 'dispatcher', 'failureAnswers', 'headBounds', 'http1',
    'lastChunk', 'limitsFrom', 'parseFieldLines', 'parseRequestHead', 'parseResponseHead',
    'problem', 'requestFraming', 'requestHead', 'responseFraming',
  ]);
});

test('a server of one line on a transport of one\'s own, and a client for it', () => {
  const factory = core.http1({
    limits: DEFAULT_LIMITS,
    dispatch: (exchange) => exchange.respond(new HttpResponse(200, {}, exchange.request.path)),
    failure: () => problem(500, 'failed'),
    refuse: (error) => problem(error.code, error.message),
  });
  const transport = new MemoryTransport(factory);
  transport.send(core.requestHead('GET', '/hello', { host: 'a' }));

  const answer = octets(transport.take());
  const head = new core.ResponseHead();
  const bounds = core.headBounds(DEFAULT_LIMITS);
  const next = core.parseResponseHead(answer, 0, answer.length, bounds, head);
  const fields = head.takeFields();
  const length = core.responseFraming(fields, head.lines, head.minor, 'GET', head.status);
  expect([head.status, head.reason, length, answer.length - next]).toEqual([200, 'OK', 6, 6]);
});
