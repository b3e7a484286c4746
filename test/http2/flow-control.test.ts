/** Windows as numbers (RFC 9113 §6.9). */
import { expect, test } from 'vitest';
import { ReceiveWindow, SendWindow } from '../../src/http2/flow-control.ts';

test('sending: taken, added, below zero, over the most (§6.9.1, §6.9.2)', () => {
  const window = new SendWindow(10);
  window.take(10);
  expect([window.add(-5), window.available]).toEqual([true, -5]);
  expect([window.add(0x7fff_ffff + 5), window.available]).toEqual([true, 0x7fff_ffff]);
  expect(window.add(1)).toBe(false);
});

test('receiving: to the last octet, one more is an offence (§6.9.1)', () => {
  const window = new ReceiveWindow(10);
  expect([window.receive(10), window.receive(1)]).toEqual([true, false]);
});

test('credit is told from half a window on', () => {
  const window = new ReceiveWindow(10);
  window.receive(9);
  expect([window.consume(4), window.consume(1), window.consume(4)]).toEqual([0, 5, 0]);
  expect(window.available).toBe(6);
});

test('growing announces the growth, and what was owed', () => {
  const window = new ReceiveWindow(10);
  window.receive(6);
  window.consume(2);
  expect([window.grow(20), window.size, window.available]).toEqual([12, 20, 16]);
});

test('no octet is lost: available, owed and held make the window', () => {
  const window = new ReceiveWindow(1000);
  let held = 0;
  for (let step = 1; step < 200; step++) {
    const octets = (step * 37) % 97;
    if (window.available >= octets && window.receive(octets)) held += octets;
    const read = (step * 53) % (held + 1);
    window.consume(read);
    held -= read;
    const owed = 1000 - window.available - held;
    expect(owed).toBeGreaterThanOrEqual(0);
    expect(owed * 2).toBeLessThan(1000);
  }
});
