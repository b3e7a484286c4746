/** The close codes that may stand on the wire. */
import { describe, expect, test } from 'vitest';
import { isCloseCode } from '../../src/websocket/frame.ts';

describe('§7.4 close codes', () => {
  test('of all 65,536, those that are defined or free to use', () => {
    const runs: [number, number][] = [];
    for (let code = 0; code < 65_536; code++) {
      const last = runs.at(-1);
      if (!isCloseCode(code)) continue;
      if (last?.[1] === code - 1) last[1] = code;
      else runs.push([code, code]);
    }
    expect(runs).toEqual([[1000, 1003], [1007, 1014], [3000, 4999]]);
  });
});
