/** A block in parts: joined, owned, and held to its bounds (RFC 9113 §6.10, §10.5.1). */
import { expect, test } from 'vitest';
import { BlockGathering } from '../../src/http2/block-gathering.ts';
import { DEFAULT_LIMITS } from '../../src/limits.ts';

const { http2BlockBytes, http2Continuations } = DEFAULT_LIMITS;
const octets = new Uint8Array(http2BlockBytes + 1);

function gathering(end: number): BlockGathering {
  return new BlockGathering(DEFAULT_LIMITS, true, 7, 0, octets, 0, end);
}

test('is joined, and its octets are its own', () => {
  const lent = Uint8Array.of(1, 2, 3);
  const block = new BlockGathering(DEFAULT_LIMITS, true, 7, 0, lent, 0, 2);
  block.add(lent, 2, 3);
  lent.fill(9);
  expect([...block.octets]).toEqual([1, 2, 3]);
  expect(block).toMatchObject({ endStream: true, dependency: 7, promisedId: 0 });
});

test('has its bounds: frames and octets, at N and N + 1', () => {
  const small = gathering(0);
  for (let i = 0; i < http2Continuations; i++) small.add(octets, 0, 0);
  expect(() => small.add(octets, 0, 0)).toThrow('§10.5.1');
  const large = gathering(1);
  large.add(octets, 1, http2BlockBytes);
  expect(() => large.add(octets, 0, 1)).toThrow('§10.5.1');
});
