/** The clock of a server: coarse, monotonic, and patient with a process that could not read. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ServerClock } from '../../src/server/clock.ts';

let monotonic = 0;
let wall = 0;

beforeEach(() => {
  monotonic = 5_000;
  wall = Date.UTC(1994, 10, 6, 8, 49, 37);
  vi.spyOn(performance, 'now').mockImplementation(() => monotonic);
  vi.spyOn(Date, 'now').mockImplementation(() => wall);
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Lets `ms` pass, then steps the clock and makes the calls that are due. */
function step(clock: ServerClock, ms: number): void {
  monotonic += ms;
  wall += ms;
  for (const call of clock.step()) call();
}

describe('now', () => {
  test('begins at 0 and moves by steps alone', () => {
    const clock = new ServerClock();
    expect(clock.now()).toBe(0);
    monotonic += 250;
    expect(clock.now()).toBe(0);
    step(clock, 0);
    expect(clock.now()).toBe(250);
  });

  test.each([[999, 999], [1000, 1000], [1001, 1000], [3_600_000, 1000]])(
    'a step after %i ms counts %i: time in which we could not read is not the fault of a peer',
    (passed, counted) => {
      const clock = new ServerClock();
      step(clock, passed);
      expect(clock.now()).toBe(counted);
      step(clock, 250);
      expect(clock.now()).toBe(counted + 250);
    },
  );

  test('resume forgets the time in which nobody watched', () => {
    const clock = new ServerClock();
    step(clock, 250);
    monotonic += 900;
    clock.resume();
    step(clock, 100);
    expect(clock.now()).toBe(350);
  });
});

describe('date (RFC 9110 §5.6.7)', () => {
  test('is the IMF-fixdate of the wall clock, rendered once a second', () => {
    const clock = new ServerClock();
    expect(clock.date()).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
    for (let quarter = 0; quarter < 3; quarter++) step(clock, 250);
    expect(clock.date()).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
    step(clock, 250);
    expect(clock.date()).toBe('Sun, 06 Nov 1994 08:49:38 GMT');
  });

  test('is rendered anew after a rest, however short', () => {
    const clock = new ServerClock();
    clock.date();
    wall += 86_400_000;
    clock.resume();
    expect(clock.date()).toBe('Mon, 07 Nov 1994 08:49:37 GMT');
  });
});

describe('at', () => {
  test('calls at its time, not before, and once', () => {
    const clock = new ServerClock();
    const call = vi.fn();
    clock.at(500, call);
    step(clock, 499);
    expect(call).not.toHaveBeenCalled();
    step(clock, 1);
    step(clock, 250);
    expect(call).toHaveBeenCalledOnce();
  });

  test('calls in the order of time, and of asking where that is the same', () => {
    const clock = new ServerClock();
    const calls: string[] = [];
    for (const [name, time] of [['c', 300], ['a', 100], ['d', 300], ['b', 200]] as const) {
      clock.at(time, () => calls.push(name));
    }
    step(clock, 300);
    expect(calls).toEqual(['a', 'b', 'c', 'd']);
  });

  test('a call that was cancelled does not come, and cancelling late is no error', () => {
    const clock = new ServerClock();
    const cancelled = vi.fn();
    const made = vi.fn();
    const cancel = clock.at(100, cancelled);
    const cancelLate = clock.at(100, made);
    cancel();
    step(clock, 100);
    cancelLate();
    expect(cancelled).not.toHaveBeenCalled();
    expect(made).toHaveBeenCalledOnce();
  });

  test('awaited: as long as a call is to come', () => {
    const clock = new ServerClock();
    expect(clock.awaited).toBe(false);
    const cancel = clock.at(100, () => {});
    clock.at(50, () => {});
    expect(clock.awaited).toBe(true);
    step(clock, 50);
    expect(clock.awaited).toBe(true);
    cancel();
    expect(clock.awaited).toBe(false);
  });

  test('a call may ask for another', () => {
    const clock = new ServerClock();
    const second = vi.fn();
    clock.at(100, () => void clock.at(100, second));
    step(clock, 100);
    expect(second).not.toHaveBeenCalled();
    step(clock, 1);
    expect(second).toHaveBeenCalledOnce();
  });
});
