/** What a session holds: what is charged, judged, and given back. */
import { expect, test } from 'vitest';
import { HeldOctets } from '../../src/websocket/held-octets.ts';

class Ledger {
  input = 0;
  output = 0;
  calls = 0;

  charge(octets: number, isOutput = false): boolean {
    this.calls++;
    if (isOutput) this.output += octets;
    else this.input += octets;
    return this.input <= 100;
  }
}

test('changes alone are charged, each on its side', () => {
  const ledger = new Ledger();
  const held = new HeldOctets(ledger);
  expect([held.account(60, 40), held.account(60, 40), held.account(10, 500)])
    .toEqual([true, true, true]);
  expect(ledger).toMatchObject({ input: 10, output: 500, calls: 4 });
  held.account(0, 0);
  expect(ledger).toMatchObject({ input: 0, output: 0 });
});

test('what came is judged where it grows: 100, and one more', () => {
  const held = new HeldOctets(new Ledger());
  expect([held.account(100, 0), held.account(101, 0), held.account(101, 0), held.account(100, 0)])
    .toEqual([true, false, true, true]);
  const over = new HeldOctets(new Ledger());
  expect([over.account(500, 0), over.account(400, 0)]).toEqual([false, true]);
});
