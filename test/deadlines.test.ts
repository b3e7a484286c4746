/** Named moments: set, moved, cleared, and told once, the earliest first. */
import { describe, expect, test } from 'vitest';
import { Deadlines } from '../src/deadlines.ts';

type Name = 'head' | 'request' | 'idle';

function due(deadlines: Deadlines<Name>, now: number): Name[] {
  const names: Name[] = [];
  for (let name = deadlines.expired(now); name !== undefined; name = deadlines.expired(now)) {
    names.push(name);
  }
  return names;
}

describe('Deadlines', () => {
  test('nothing is due before it is set, nor before its moment', () => {
    const deadlines = new Deadlines<Name>();
    expect(due(deadlines, Infinity)).toEqual([]);
    deadlines.set('head', 100);
    expect(due(deadlines, 99)).toEqual([]);
    expect(due(deadlines, 100)).toEqual(['head']);
  });

  test('a moment is told once, and then forgotten', () => {
    const deadlines = new Deadlines<Name>();
    deadlines.set('head', 100);
    expect(deadlines.at('head')).toBe(100);
    expect(due(deadlines, 200)).toEqual(['head']);
    expect(due(deadlines, 300)).toEqual([]);
    expect(deadlines.at('head')).toBeUndefined();
  });

  test('several come in the order of their moments, not of their setting', () => {
    const deadlines = new Deadlines<Name>();
    deadlines.set('idle', 300);
    deadlines.set('head', 100);
    deadlines.set('request', 200);
    expect(due(deadlines, 250)).toEqual(['head', 'request']);
    expect(due(deadlines, 300)).toEqual(['idle']);
  });

  test.each([
    ['later', 300, [], ['head']],
    ['earlier', 50, ['head'], []],
  ])('a moment is moved %s', (_, at, at100, at300) => {
    const deadlines = new Deadlines<Name>();
    deadlines.set('head', 100);
    deadlines.set('head', at);
    expect([due(deadlines, 100), due(deadlines, 300)]).toEqual([at100, at300]);
  });

  test('clear forgets one, and only that one', () => {
    const deadlines = new Deadlines<Name>();
    deadlines.set('head', 100);
    deadlines.set('request', 200);
    deadlines.clear('head');
    deadlines.clear('idle');
    expect(deadlines.at('head')).toBeUndefined();
    expect(due(deadlines, 199)).toEqual([]);
    expect(due(deadlines, 200)).toEqual(['request']);
  });

  test('clearAll forgets all, and new ones can be set', () => {
    const deadlines = new Deadlines<Name>();
    deadlines.set('head', 100);
    deadlines.set('request', 200);
    deadlines.clearAll();
    expect(due(deadlines, 1000)).toEqual([]);
    deadlines.set('idle', 50);
    expect(due(deadlines, 1000)).toEqual(['idle']);
  });

  test.each([[[]], [['idle']], [['head', 'request']], [['idle', 'head']]] as Name[][][])(
    'setOnly forgets all others: after %j', (before) => {
      const deadlines = new Deadlines<Name>();
      for (const name of before) deadlines.set(name, 100);
      deadlines.setOnly('idle', 300);
      expect(due(deadlines, 299)).toEqual([]);
      expect(due(deadlines, 300)).toEqual(['idle']);
      expect(deadlines.at('head')).toBeUndefined();
    },
  );
});
