/** The exchanges that wait for their answer: order, who runs beside whom, who is told of ends. */
import { describe, expect, test } from 'vitest';
import { RequestBody } from '../../src/http/body.ts';
import { Fields } from '../../src/http/fields.ts';
import { problem } from '../../src/http/problem.ts';
import { HttpRequest } from '../../src/http/request.ts';
import { Http1Exchange } from '../../src/http1/exchange.ts';
import { Pipeline } from '../../src/http1/pipeline.ts';
import { RecordingHost } from '../support/exchange-host.ts';

function make(alone = false): Http1Exchange {
  const exchange = new Http1Exchange(new RecordingHost(), 1);
  exchange.request = new HttpRequest(
    'GET', '/', '/', 'http', 'a', Fields.empty, RequestBody.empty, exchange,
  );
  exchange.alone = alone;
  return exchange;
}

describe('§9.3.2 Pipelining', () => {
  test('the oldest is the front; each is completed when it is answered', () => {
    const over: Http1Exchange[] = [];
    const pipeline = new Pipeline(16, (exchange) => over.push(exchange));
    const [first, second] = [make(), make()];
    expect([pipeline.length, pipeline.front]).toEqual([0, undefined]);
    pipeline.add(first);
    pipeline.add(second);
    expect([pipeline.length, pipeline.front === first]).toEqual([2, true]);
    pipeline.shift();
    expect([pipeline.length, pipeline.front === second, first.closed]).toEqual([1, true, true]);
    expect(over).toEqual([first]);
    expect(first.request.signal.aborted).toBe(false);
  });

  test('safe ones run side by side, another when it is the only one', () => {
    const pipeline = new Pipeline(16, undefined);
    expect(pipeline.add(make(false))).toBe(true);
    expect(pipeline.add(make(false))).toBe(true);
    expect(pipeline.add(make(true))).toBe(false);
    expect(new Pipeline(16, undefined).add(make(true))).toBe(true);
  });

  test.each([1, 2, 16])('%d are enough; one fewer is not', (most) => {
    const pipeline = new Pipeline(most, undefined);
    for (let count = 0; count < most; count++) {
      expect(pipeline.isFull).toBe(false);
      pipeline.add(make());
    }
    expect(pipeline.isFull).toBe(true);
    pipeline.shift();
    expect(pipeline.isFull).toBe(false);
  });

  test('one that runs alone is enough, until it is over', () => {
    const pipeline = new Pipeline(16, undefined);
    pipeline.add(make());
    pipeline.add(make(true));
    expect(pipeline.isFull).toBe(true);
    pipeline.shift();
    expect(pipeline.isFull).toBe(true);
    pipeline.shift();
    expect(pipeline.isFull).toBe(false);
  });
});

describe('ends', () => {
  test('all that wait are told when the connection ends', () => {
    const over: Http1Exchange[] = [];
    const pipeline = new Pipeline(16, (exchange) => over.push(exchange));
    const exchanges = [make(), make(true)];
    for (const exchange of exchanges) pipeline.add(exchange);
    const cause = new Error('gone');
    pipeline.abandon(cause);
    expect([pipeline.length, over]).toEqual([0, exchanges]);
    const reasons = exchanges.map(({ request }) => request.signal.reason as unknown);
    expect(reasons).toEqual([cause, cause]);
    pipeline.abandon(cause);
    expect(over).toHaveLength(2);
  });

  test('all that wait are told when the server closes', () => {
    const pipeline = new Pipeline(16, undefined);
    const exchanges = [make(), make()];
    for (const exchange of exchanges) pipeline.add(exchange);
    pipeline.drain();
    expect(exchanges.map(({ request }) => request.draining.aborted)).toEqual([true, true]);
  });

  test('a refusal is no exchange: nobody is told of its end', () => {
    const over: Http1Exchange[] = [];
    const pipeline = new Pipeline(16, (exchange) => over.push(exchange));
    for (let count = 0; count < 2; count++) {
      pipeline.add(Http1Exchange.refused(new RecordingHost(), problem(400, 'broken'), false));
    }
    pipeline.shift();
    pipeline.abandon(new Error('gone'));
    expect([pipeline.length, over]).toEqual([0, []]);
  });
});
