import type { Case } from './cases/types.ts';
import { median, type Measurement } from './measure.ts';

/** What was measured, by `ROW TOOL`, of every round. */
export type Results = ReadonlyMap<string, readonly Measurement[]>;

export interface Shown {
  readonly cases: readonly Case[];
  /** Names, tsbuild's first. */
  readonly tools: readonly string[];
  readonly results: Results;
}

export const floorName = 'floor';

/** Seconds, how many times as long the better of the others takes, and what that should at least be. */
export function wallTable({ cases, tools, results }: Shown): string {
  const of = (row: string, tool: string): number => medianOf(results, `${row} ${tool}`, ({ wall }) => wall);
  const rows = rowsOf(cases).map(([name, { what, target }]) => {
    const [own = NaN, ...others] = tools.map((tool) => of(name, tool));
    const best = Math.min(...others.filter((time) => !Number.isNaN(time)));
    return [
      what,
      ...[own, ...others, of(name, floorName)].map(seconds),
      Number.isFinite(best / own) ? `**${(best / own).toFixed(2)} ×**` : '–',
      target === undefined ? '–' : `${target} ×`,
    ];
  });
  return markdown(['workload', ...tools, 'floor', 'best other ÷ first', 'target'], rows);
}

/** Processor seconds and the largest memory. */
export function costTable({ cases, tools, results }: Shown): string {
  const rows = rowsOf(cases).map(([name, { what }]) => [
    what,
    ...tools.map((tool) => seconds(medianOf(results, `${name} ${tool}`, ({ cpu }) => cpu))),
    ...tools.map((tool) => {
      const rss = medianOf(results, `${name} ${tool}`, (one) => one.rss);
      return Number.isNaN(rss) ? '–' : `${rss.toFixed(0)} MB`;
    }),
  ]);
  return markdown(
    ['workload', ...tools.map((tool) => `${tool} CPU`), ...tools.map((tool) => `${tool} memory`)],
    rows,
  );
}

function rowsOf(cases: readonly Case[]): (readonly [string, Case['rows'][string]])[] {
  return cases.flatMap(({ rows }) => Object.entries(rows));
}

function medianOf(results: Results, key: string, pick: (one: Measurement) => number): number {
  return median((results.get(key) ?? []).map(pick));
}

function seconds(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return '–';
  return `${(milliseconds / 1000).toFixed(milliseconds < 1000 ? 3 : 2)} s`;
}

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}
