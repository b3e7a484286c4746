/** The clock moved by hand. */
import { describe, expect, test } from 'vitest';
import { HandClock } from '../../src/testing/index.ts';

describe('HandClock', () => {
  test('moves when it is told to, and only then', () => {
    const clock = new HandClock();
    expect(clock.now()).toBe(0);
    clock.advance(250);
    clock.advance(1000);
    expect(clock.now()).toBe(1250);
  });

  test('the date goes with it, from the example of RFC 9110 §5.6.7 on', () => {
    const clock = new HandClock();
    expect(clock.date()).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
    clock.advance(23_000);
    expect(clock.date()).toBe('Sun, 06 Nov 1994 08:50:00 GMT');
  });
});

describe('alarms', () => {
  function recorded(): { clock: HandClock; calls: string[]; at: (time: number) => () => void } {
    const clock = new HandClock();
    const calls: string[] = [];
    const at = (time: number): (() => void) =>
      clock.at(time, () => calls.push(`${time} at ${clock.now()}`));
    return { clock, calls, at };
  }

  test('are called when their time has come, once', () => {
    const { clock, calls, at } = recorded();
    at(100);
    clock.advance(99);
    expect([calls, clock.pending]).toEqual([[], 1]);
    clock.advance(1);
    clock.advance(100);
    expect([calls, clock.pending]).toEqual([['100 at 100'], 0]);
  });

  test('are called in the order of their times', () => {
    const { clock, calls, at } = recorded();
    for (const time of [300, 100, 200]) at(time);
    clock.advance(1000);
    expect(calls).toEqual(['100 at 1000', '200 at 1000', '300 at 1000']);
  });

  test('can be cancelled, also twice and too late', () => {
    const { clock, calls, at } = recorded();
    const cancel = at(100);
    const late = at(50);
    cancel();
    cancel();
    clock.advance(1000);
    late();
    expect(calls).toEqual(['50 at 1000']);
  });

  test('one call on two moments is two alarms', () => {
    const clock = new HandClock();
    let calls = 0;
    const call = (): void => void calls++;
    clock.at(100, call);
    const cancel = clock.at(200, call);
    cancel();
    clock.advance(1000);
    expect(calls).toBe(1);
  });

  test('one that cancels another that is due as well is obeyed', () => {
    const clock = new HandClock();
    const calls: string[] = [];
    let cancel = (): void => {};
    clock.at(100, () => {
      calls.push('first');
      cancel();
    });
    cancel = clock.at(200, () => calls.push('second'));
    clock.advance(1000);
    expect(calls).toEqual(['first']);
  });

  test('one that is set by another is called in a later step', () => {
    const { clock, calls, at } = recorded();
    clock.at(100, () => at(50));
    clock.advance(100);
    expect([calls, clock.pending]).toEqual([[], 1]);
    clock.advance(0);
    expect(calls).toEqual(['50 at 100']);
  });
});
