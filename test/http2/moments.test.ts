/** The deadlines of a connection: when each is set, moved and forgotten. */
import { expect, test } from 'vitest';
import { Moments, type Moment } from '../../src/http2/moments.ts';
import { limitsFrom } from '../../src/limits.ts';
import { HandClock } from '../../src/testing/index.ts';

const limits = limitsFrom({
  http2PrefaceMs: 10, http2SettingsMs: 20, headMs: 30, http2PingMs: 40, idleMs: 50,
});

function made(): { moments: Moments; clock: HandClock; come: (stands?: boolean) => Moment[] } {
  const clock = new HandClock();
  const moments = new Moments(limits, clock);
  const come = (stands = false): Moment[] => {
    const all: Moment[] = [];
    let one = moments.expired(clock.now(), stands);
    for (; one !== undefined; one = moments.expired(clock.now(), stands)) all.push(one);
    return all;
  };
  return { moments, clock, come };
}

test.each<[Moment, number, (moments: Moments) => void]>([
  ['frame', 30, (moments) => moments.frameBegan()],
  ['block', 30, (moments) => moments.blockBegan()],
  ['pong', 40, (moments) => moments.pinged()],
  ['idle', 50, (moments) => moments.idle(1)],
  ['goaway', 1000, (moments) => moments.warned()],
])('%s comes after %i ms, once', (moment, ms, begin) => {
  const { moments, clock, come } = made();
  begin(moments);
  clock.advance(ms - 1);
  expect(come()).toEqual([]);
  clock.advance(1);
  expect(come()).toEqual([moment]);
  expect(come()).toEqual([]);
});

test('the preface and the acknowledgement are due from the greeting on', () => {
  const { moments, clock, come } = made();
  moments.greeted();
  clock.advance(20);
  expect(come()).toEqual(['preface', 'settings']);
});

test.each<[string, (moments: Moments) => void, (moments: Moments) => void]>([
  ['SETTINGS', (one) => one.greeted(), (one) => {
    one.settingsReceived();
    one.settingsAcknowledged();
  }],
  ['a frame', (one) => one.frameBegan(), (one) => one.frameCame()],
  ['a block', (one) => one.blockBegan(), (one) => one.blockEnded()],
  ['an answer', (one) => one.pinged(), (one) => one.ponged()],
  ['a stream', (one) => one.idle(0), (one) => one.busy()],
  ['the goodbye', (one) => one.warned(), (one) => one.saidGoodbye()],
  ['the end', (one) => one.greeted(), (one) => one.none()],
])('%s that came is not late', (_, begin, end) => {
  const { moments, clock, come } = made();
  begin(moments);
  end(moments);
  clock.advance(10_000);
  expect(come()).toEqual([]);
});

test('a frame that goes on coming is not later for that', () => {
  const { moments, clock, come } = made();
  moments.frameBegan();
  clock.advance(29);
  moments.frameBegan();
  clock.advance(1);
  expect(come()).toEqual(['frame']);
});

test('idle begins anew after streams, and not without', () => {
  const { moments, clock, come } = made();
  moments.idle(1);
  clock.advance(49);
  moments.idle(1);
  moments.idle(3);
  clock.advance(49);
  expect(come()).toEqual([]);
  moments.idle(3);
  clock.advance(1);
  expect(come()).toEqual(['idle']);
});

test('one PING at a time, and its round trip', () => {
  const { moments, clock } = made();
  expect([moments.ponged(), moments.pinged(), moments.pinged()]).toEqual([false, true, false]);
  clock.advance(7);
  expect([moments.ponged(), moments.roundTripMs]).toEqual([true, 7]);
});

test('what we do not read is not late', () => {
  const { moments, clock, come } = made();
  moments.frameBegan();
  moments.pinged();
  clock.advance(40);
  expect(come(true)).toEqual([]);
  clock.advance(30);
  expect(come()).toEqual(['frame']);
  clock.advance(10);
  expect(come()).toEqual(['pong']);
});
