/** The deadlines of a connection: when each is set, moved and forgotten. */
import { expect, test } from 'vitest';
import { Moments, type Moment } from '../../src/http2/moments.ts';
import { limitsFrom } from '../../src/limits.ts';
import { HandClock } from '../../src/testing/index.ts';

const limits = limitsFrom({
  http2PrefaceMs: 10, http2SettingsMs: 20, headMs: 30, http2PingMs: 40, idleMs: 50,
});

interface Made {
  readonly moments: Moments;
  readonly clock: HandClock;
  readonly come: (stands?: boolean, blocked?: boolean) => Moment[];
}

function made(): Made {
  const clock = new HandClock();
  const moments = new Moments(limits, clock);
  const come = (stands = false, blocked = stands): Moment[] => {
    const all: Moment[] = [];
    const next = (): Moment | undefined => moments.expired(clock.now(), stands, blocked);
    for (let one = next(); one !== undefined; one = next()) all.push(one);
    return all;
  };
  return { moments, clock, come };
}

test.each<[Moment, number, (moments: Moments) => void]>([
  ['frame', 30, (moments) => moments.frameBegan()],
  ['block', 30, (moments) => moments.blockBegan()],
  ['pong', 40, (moments) => void moments.pinged(false)],
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
  ['an answer', (one) => one.pinged(false), (one) => one.ponged(1)],
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
  expect([moments.ponged(0), moments.pinged(false), moments.pinged(false)]).toEqual([false, 1, 0]);
  clock.advance(7);
  expect([moments.ponged(2), moments.ponged(1), moments.roundTripMs]).toEqual([false, true, 7]);
});

test('a PING anew is the one that counts', () => {
  const { moments } = made();
  expect([moments.pinged(false), moments.pinged(true)]).toEqual([1, 2]);
  expect([moments.ponged(1), moments.ponged(2)]).toEqual([false, true]);
});

test('what we do not read is not late', () => {
  const { moments, clock, come } = made();
  moments.frameBegan();
  moments.pinged(false);
  clock.advance(40);
  expect(come(true)).toEqual([]);
  clock.advance(30);
  expect(come()).toEqual(['frame']);
  clock.advance(10);
  expect(come()).toEqual(['pong']);
});
