import type { Digest } from '../../core/index.ts';
import type { BuildForecast, StepForecast } from '../../plan.ts';
import { printableLine } from '../terminal-text.ts';
import { reasonText, type NameOf } from './reason-text.ts';

/** The steps of one stage, for one platform, in their order. */
export interface StageGroup {
  /** `build`, or `linux/arm64 build`; undefined for sources that belong to no stage. */
  readonly heading: string | undefined;
  readonly steps: readonly StepForecast[];
}

/** In the order of the forecast. */
export function stageGroups({ steps }: BuildForecast): readonly StageGroup[] {
  const groups = new Map<string | undefined, StepForecast[]>();
  for (const step of steps) {
    const heading = headingOf(step);
    const group = groups.get(heading);
    if (group === undefined) groups.set(heading, [step]);
    else group.push(step);
  }
  return [...groups].map(([heading, members]) => ({ heading, steps: members }));
}

export function headingOf({ stage, platform }: StepForecast): string | undefined {
  return stage === undefined || platform === undefined ? stage : `${platform} ${stage}`;
}

/** `[build 2/5]`, or the whole name of what belongs to no stage. */
export function shortNames({ steps }: BuildForecast): NameOf {
  const names = new Map<Digest, string>();
  for (const { id, name } of steps) {
    names.set(id, shortName(name));
  }
  return (id) => names.get(id) ?? id;
}

/** `[build 2/5]` of `[build 2/5] RUN make`, or all of a name without such a label. */
export function shortName(name: string): string {
  return /^\[[^\]]*\]/.exec(name)?.[0].replace(/ +/g, ' ') ?? printableLine(name);
}

/** The step's status in a word. Most steps of a first build have the same reason: it is a word of its own. */
export function wordOf({ outlook }: StepForecast): string {
  const isNew = outlook.status === 'run' && outlook.reasons[0]?.kind === 'first-time';
  return isNew ? 'new' : outlook.status;
}

/** Why the step would run; empty for one that would not, or whose word says it. */
export function reasonOf(step: StepForecast, nameOf: NameOf): string {
  const { outlook } = step;
  if (!('reasons' in outlook) || wordOf(step) === 'new') return '';
  return printableLine(reasonText(outlook.reasons, { nameOf, undecided: outlook.status === 'maybe' }));
}

/** `7 steps: 3 cached, 2 to run, 1 that may run, 1 not needed`. */
export function summaryText(forecast: BuildForecast): string {
  const counts = countOutlooks(forecast);
  const parts = [
    [counts.cached, 'cached'],
    [counts.run, 'to run'],
    [counts.maybe, 'that may run'],
    [counts.unneeded, 'not needed'],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  const total = parts.reduce((sum, [count]) => sum + count, 0);
  return `${total} ${total === 1 ? 'step' : 'steps'}: ${told.join(', ')}`;
}

/** The empty root is nothing that anybody waits for. */
export function countOutlooks({
  steps,
}: BuildForecast): Readonly<Record<StepForecast['outlook']['status'], number>> {
  const counts = { cached: 0, run: 0, maybe: 0, unneeded: 0 };
  for (const { kind, outlook } of steps) if (kind !== 'scratch') counts[outlook.status]++;
  return counts;
}
