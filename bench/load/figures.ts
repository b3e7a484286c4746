/** Rounds into figures: medians, ratios within a round, and how they lie. */
import type { Measured } from './load-process.ts';
import type { Side } from './rows.ts';

/** Of rounds: the median, and between what the middle half of them lies. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Figure {
  readonly side: string;
  /** Microseconds of server CPU an item, and items a second. */
  readonly cpuMicros: number;
  readonly rate: number;
  /** The part of the time in which the server was at work. */
  readonly busy: number;
  /** The part in which it had work, and others had its core. */
  readonly waited: number;
  /** The side that the ratios compare with; none for the first. */
  readonly base: string | undefined;
  /** CPU time an item at this side divided by that at the base. */
  readonly cpu: Spread | undefined;
  /** Items a second at the base divided by those at this side. */
  readonly time: Spread | undefined;
  readonly goal: Goal | undefined;
}

export interface Goal {
  readonly sign: '>=' | '<=';
  readonly ratio: number;
  /** Whether the median of the CPU ratio is there. */
  readonly reached: boolean;
}

export interface RowFigures {
  readonly name: string;
  readonly item: string;
  readonly tool: string;
  readonly figures: readonly Figure[];
  /** What the reader should know of it. */
  readonly remarks: readonly string[];
}

export interface MemoryFigure {
  readonly side: string;
  /** Resident octets a connection. */
  readonly bytes: Spread;
  readonly goalBytes: number | undefined;
}

/** `rounds` has a list of rounds for each side, in their order. */
export function figuresOf(
  sides: readonly Side[], rounds: readonly (readonly Measured[])[],
): Figure[] {
  return sides.map((side, index) => {
    const own = rounds[index] as readonly Measured[];
    const at = side.base === undefined ? 0 : sides.findIndex(({ name }) => name === side.base);
    const base = at === index ? undefined : rounds[at];
    const cpu = base && spread(own.map((round, i) => cost(round) / cost(base[i] as Measured)));
    const time = base && spread(own.map((round, i) => rate(base[i] as Measured) / rate(round)));
    return {
      side: side.name,
      cpuMicros: spread(own.map(cost)).median,
      rate: spread(own.map(rate)).median,
      busy: spread(own.map(({ cpuMicros, ms }) => cpuMicros / ms / 1000)).median,
      waited: spread(own.map(({ waitedMs, ms }) => waitedMs / ms)).median,
      base: base && (sides[at] as Side).name,
      cpu, time, goal: cpu && goalOf(side, cpu.median),
    };
  });
}

function cost({ cpuMicros, items }: Measured): number {
  return cpuMicros / items;
}

function rate({ items, ms }: Measured): number {
  return items / ms * 1000;
}

function goalOf({ atLeast, atMost }: Side, ratio: number): Goal | undefined {
  if (atLeast !== undefined) return { sign: '>=', ratio: atLeast, reached: ratio >= atLeast };
  if (atMost !== undefined) return { sign: '<=', ratio: atMost, reached: ratio <= atMost };
  return undefined;
}

export function spread(values: readonly number[]): Spread {
  return {
    median: quantile(values, 0.5), low: quantile(values, 0.25), high: quantile(values, 0.75),
  };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? 0;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at % 1);
}
