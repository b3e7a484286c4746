/** The deadlines of a connection (RFC 9112 §9.5): which stand when, and from where they count. */
import { describe, expect, test } from 'vitest';
import { Moments, type Moment } from '../../src/http1/moments.ts';
import { limitsFrom } from '../../src/limits.ts';
import { HandClock } from '../../src/testing/index.ts';

const LIMITS = limitsFrom({
  firstOctetMs: 100, headMs: 200, requestMs: 1000, idleMs: 500, drainIdleMs: 50,
});

function make(startMs = 0): { clock: HandClock; moments: Moments; due(ms: number): Moment[] } {
  const clock = new HandClock();
  clock.advance(startMs);
  const moments = new Moments(LIMITS, clock);
  /** Lets time pass, and gives the moments that have come. */
  const due = (ms: number): Moment[] => {
    clock.advance(ms);
    const found: Moment[] = [];
    let moment = moments.expired(clock.now());
    for (; moment !== undefined; moment = moments.expired(clock.now())) found.push(moment);
    return found;
  };
  return { clock, moments, due };
}

describe('Moments', () => {
  test('a new connection has to say something', () => {
    const { due } = make(5000);
    expect([due(99), due(1), due(10_000)]).toEqual([[], ['first octet'], []]);
  });

  test('a head and its request count from the first octet', () => {
    const { moments, due } = make();
    due(90);
    moments.receiving('head', false);
    expect([due(199), due(1), due(799), due(1)]).toEqual([[], ['head'], [], ['request']]);
  });

  test('progress moves none of them', () => {
    const { moments, due } = make();
    moments.receiving('head', false);
    due(100);
    moments.receiving('head', false);
    expect(due(100)).toEqual(['head']);
    moments.receiving('content', false);
    expect([due(799), due(1)]).toEqual([[], ['request']]);
  });

  test('content is a part of the request that its head began', () => {
    const { moments, due } = make();
    moments.receiving('head', false);
    due(150);
    moments.headReceived();
    moments.receiving('content', false);
    expect([due(849), due(1)]).toEqual([[], ['request']]);
  });

  test('content whose head came whole counts from there, and has no head to wait for', () => {
    const { moments, due } = make();
    moments.receiving('content', false);
    expect([due(999), due(1)]).toEqual([[], ['request']]);
  });

  test('content that may take its time waits for nothing, nor for what came before', () => {
    const { moments, due } = make();
    moments.receiving('content', true);
    expect(due(10_000)).toEqual([]);
    moments.receiving('head', false);
    moments.requestReceived();
    moments.receiving('content', true);
    moments.headReceived();
    expect(due(10_000)).toEqual([]);
  });

  test('a request that was received waits for nothing, and the next has its own time', () => {
    const { moments, due } = make();
    moments.receiving('head', false);
    moments.headReceived();
    moments.requestReceived();
    expect(due(5000)).toEqual([]);
    moments.receiving('head', false);
    expect([due(199), due(1)]).toEqual([[], ['head']]);
  });

  test.each([[false, 500], [true, 50]])('idle, the server closes %s: %d ms', (draining, ms) => {
    const { moments, due } = make();
    moments.receiving('head', false);
    moments.idle(draining);
    expect([due(ms - 1), due(1), due(5000)]).toEqual([[], ['idle'], []]);
  });

  test('a head ends the idle time', () => {
    const { moments, due } = make();
    moments.idle(false);
    due(499);
    moments.receiving('head', false);
    expect(due(1)).toEqual([]);
  });

  test('none: nothing is awaited any more', () => {
    const { moments, due } = make();
    moments.receiving('head', false);
    moments.none();
    expect(due(10_000)).toEqual([]);
  });
});
