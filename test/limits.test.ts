/** The limits: their defaults, and what cannot be one. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, limitsFrom, type Limits } from '../src/limits.ts';

describe('defaults', () => {
  test.each<[keyof Limits, number]>([
    ['requestLineBytes', 8192], ['fieldSectionBytes', 16_384], ['fieldLines', 100],
    ['trailerBytes', 4096], ['trailerLines', 32],
    ['chunkLineBytes', 256], ['chunkExtensionBytes', 4096],
    ['contentBytes', Infinity], ['collectedBytes', 1_048_576],
    ['firstOctetMs', 10_000], ['headMs', 15_000], ['requestMs', 300_000],
    ['bodyRateBytesPerSecond', 240], ['bodyRateGraceMs', 5000],
    ['idleMs', 65_000], ['requestsPerConnection', 100_000], ['pipelinedRequests', 16],
    ['requestsPerEntry', 32], ['discardedBytes', 262_144],
    ['writeQueueBytes', 262_144], ['writeStallMs', 30_000],
    ['lingerMs', 2000], ['lingerBytes', 262_144], ['drainMs', 10_000],
    ['connectionsPerAddress', Infinity],
  ])('%s is %d', (name, value) => {
    expect(DEFAULT_LIMITS[name]).toBe(value);
  });

  test('a request line of 8000 octets is served (RFC 9112 §3)', () => {
    expect(DEFAULT_LIMITS.requestLineBytes).toBeGreaterThanOrEqual(8000);
  });

  test('each name ends in its unit or counts things', () => {
    const counted =
      'Lines|Requests|Handshakes|Streams|Pushes|Responses|Continuations|Resets|Frames|Fragments|' +
      'connections';
    const unit = new RegExp(`(Bytes|Ms|Second|${counted}|Per[A-Z][a-z]+)$`);
    expect(Object.keys(DEFAULT_LIMITS).filter((name) => !unit.test(name))).toEqual([]);
  });

  test('nobody can change them', () => {
    expect(Object.isFrozen(DEFAULT_LIMITS)).toBe(true);
    expect(Object.isFrozen(limitsFrom({ idleMs: 1 }))).toBe(true);
  });
});

describe('limitsFrom', () => {
  test('replaces what is given, and nothing else', () => {
    expect(limitsFrom()).toEqual(DEFAULT_LIMITS);
    expect(limitsFrom({ idleMs: 5, contentBytes: 10 }))
      .toEqual({ ...DEFAULT_LIMITS, idleMs: 5, contentBytes: 10 });
  });

  test('undefined is the default', () => {
    const changes = { idleMs: undefined, connections: undefined } as unknown as Partial<Limits>;
    expect(limitsFrom(changes)).toEqual(DEFAULT_LIMITS);
  });

  test('0 and Infinity are numbers too', () => {
    const limits = limitsFrom({ bodyRateBytesPerSecond: 0, idleMs: Infinity });
    expect([limits.bodyRateBytesPerSecond, limits.idleMs]).toEqual([0, Infinity]);
  });

  test('an unknown name is told, with those that are known', () => {
    const changes = { idleTimeout: 5 } as unknown as Partial<Limits>;
    expect(() => limitsFrom(changes)).toThrow(/^unknown limit idleTimeout; known are .*idleMs/);
    expect(() => limitsFrom(changes)).toThrow(TypeError);
  });

  test.each(['constructor', 'toString', '__proto__'])('%s is no limit', (name) => {
    const changes = JSON.parse(`{"${name}": 5}`) as Partial<Limits>;
    expect(() => limitsFrom(changes)).toThrow(`unknown limit ${name}`);
  });

  test.each([-1, NaN, '5', null, 5n])('%s is no limit', (value) => {
    const changes = { idleMs: value } as unknown as Partial<Limits>;
    expect(() => limitsFrom(changes)).toThrow(TypeError);
    expect(() => limitsFrom(changes)).toThrow('limit idleMs must be a number of at least 0');
  });

  test.each<Partial<Limits>>([
    { fieldLines: 1.5 }, { trailerLines: 0.5 }, { leadingEmptyLines: 1.5 },
    { interimResponses: 2.5 }, { fieldSectionBytes: 100.5 },
  ])('a count is whole: %o', (changes) => {
    expect(() => limitsFrom(changes)).toThrow(TypeError);
  });

  test.each<Partial<Limits>>([
    { fieldLines: Infinity }, { trailerLines: Infinity }, { fieldSectionBytes: Infinity },
  ])('what is prepared for has a bound: %o', (changes) => {
    expect(() => limitsFrom(changes)).toThrow(TypeError);
  });

  test('a head fits in offsets of 16 bits: 60 KiB, and one more', () => {
    const most = 60 * 1024;
    const section = most - DEFAULT_LIMITS.requestLineBytes;
    expect(limitsFrom({ fieldSectionBytes: section }).fieldSectionBytes).toBe(section);
    expect(() => limitsFrom({ fieldSectionBytes: section + 1 }))
      .toThrow('limits: requestLineBytes + fieldSectionBytes must not be over 61440 octets');
  });

  test('so do trailers', () => {
    expect(limitsFrom({ trailerBytes: 60 * 1024 }).trailerBytes).toBe(61_440);
    expect(() => limitsFrom({ trailerBytes: 64 * 1024 + 1 })).toThrow(TypeError);
  });
});
