/** Figures as lines for a person. */
import type { Figure, Goal, MemoryFigure, RowFigures, Spread } from './figures.ts';

const NAME_COLUMNS = 26;
const RATIO_COLUMNS = 24;
const KIB = 1024;

export const LEGEND = `\
Each round loads all sides in turn; ratios are taken within a round: the median, and between what
the middle half of the rounds lies. "CPU x": server CPU time an item, divided by that of the first
side (or of the side in brackets). "time x": the first side's items a second, divided by this
side's. Over 1 the first side is ahead. Goals are about "CPU x". "busy": how much of the time the
server worked; where that is little the load was the limit, and items a second are the load's.`;

export function rowLines({ name, item, tool, figures, remarks }: RowFigures): string {
  const head = columns(
    'side', `us CPU/${item}`, 'items/s', 'busy', 'CPU x', 'time x', 'goal',
  );
  const lines = figures.map((figure) => figureLine(figure, figures[0]?.side));
  return section(`${name} (load: ${tool})`, [head, ...lines], remarks);
}

function section(title: string, lines: readonly string[], remarks: readonly string[]): string {
  const all = [...lines, ...remarks.map((text) => `! ${text}`)];
  return [`\n${title}`, ...all.map((line) => `  ${line}`.trimEnd())].join('\n');
}

function columns(
  side: string, cost: string, rate: string, busy: string, cpu: string, time: string, goal: string,
): string {
  return side.padEnd(NAME_COLUMNS) + cost.padStart(16) + rate.padStart(14) + busy.padStart(7) +
    `  ${cpu.padEnd(RATIO_COLUMNS)}${time.padEnd(RATIO_COLUMNS)}${goal}`;
}

function figureLine(figure: Figure, first: string | undefined): string {
  const { side, cpuMicros, rate, busy, base, cpu, time, goal } = figure;
  const other = base === undefined || base === first ? '' : ` [${base}]`;
  return columns(
    side, cpuMicros.toFixed(cpuMicros < 100 ? 2 : 0), Math.round(rate).toLocaleString('en'),
    `${(busy * 100).toFixed(0)}%`, ratioText(cpu), ratioText(time), goalText(goal) + other,
  );
}

function ratioText(ratio: Spread | undefined): string {
  if (ratio === undefined) return '';
  const { median, low, high } = ratio;
  return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

function goalText(goal: Goal | undefined): string {
  if (goal === undefined) return '';
  return `${goal.sign} ${goal.ratio.toFixed(2)} ${goal.reached ? 'reached' : 'MISSED'}`;
}

export function memoryLines(
  name: string, connections: number, figures: readonly MemoryFigure[], remarks: readonly string[],
): string {
  const count = connections.toLocaleString('en');
  const lines = figures.map(({ side, bytes: { median, low, high }, goalBytes }) => {
    const goal = goalBytes === undefined ? '' : `<= ${(goalBytes / KIB).toFixed(1)} ` +
      (median <= goalBytes ? 'reached' : 'MISSED');
    return side.padEnd(NAME_COLUMNS) + (median / KIB).toFixed(1).padStart(10) +
      `   ${(low / KIB).toFixed(1)} to ${(high / KIB).toFixed(1)}`.padEnd(RATIO_COLUMNS) + goal;
  });
  return section(`${name} (resident KiB a connection, of ${count})`, lines, remarks);
}
