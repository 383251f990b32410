import type { PartChange, StepReport } from '../../core/index.ts';
import type { LastBuild } from '../../ops/index.ts';
import { shortName } from '../plan/groups.ts';
import { changeText, reasonText } from '../plan/reason-text.ts';
import { usageText } from '../progress/usage-text.ts';
import { formatAge } from '../table.ts';
import { printableLine } from '../terminal-text.ts';

/** How parts look; text for a file stays as it is. */
export type ExplainPaint = (look: 'dim' | StepReport['status'], text: string) => string;

const words = { done: 'ran', cached: 'cached', failed: 'FAILED', cancelled: 'cancelled' } as const;

/**
 * ```
 * /home/ann/app/Dockerfile, built 2 minutes ago in 3.4s
 *
 * cached        [1/3] FROM debian:12
 * ran     1.2s  [2/3] COPY src src
 *               files changed: src/main.c
 *
 * 2 steps: 1 cached, 1 ran
 * ```
 */
export function explainText(
  build: LastBuild,
  shown: readonly StepReport[],
  { now, paint }: { readonly now: number; readonly paint: ExplainPaint },
): string {
  const names = new Map(build.steps.map(({ id, name }) => [id, shortName(name)]));
  const time = (step: StepReport): string => (step.status === 'cached' ? '' : secondsText(step.milliseconds));
  const column = Math.max(0, ...shown.map((step) => words[step.status].length));
  const times = Math.max(0, ...shown.map((step) => time(step).length));
  const alone = shown.length === 1 && build.steps.length > 1;
  const lines = shown.flatMap((step) => {
    const word = paint(step.status, words[step.status].padEnd(column));
    const indent = ' '.repeat(column + times + 4);
    const below = [
      ...whyLines(step, (id) => names.get(id) ?? id, alone),
      ...(alone && step.usage !== undefined ? [`used${usageText(step.usage)}`] : []),
    ];
    return [
      `${word}  ${time(step).padStart(times)}  ${printableLine(step.name)}\n`,
      ...below.map((text) => `${indent}${paint('dim', printableLine(text))}\n`),
    ];
  });
  return `${headText(build, now)}\n\n${lines.join('')}${alone ? '' : `\n${summaryText(build.steps)}\n`}`;
}

function headText(build: LastBuild, now: number): string {
  const place = build.file === '-' ? `standard input with ${build.context}` : build.file;
  const outcome = build.image === undefined ? 'failed' : 'built';
  const age = formatAge(build.started, now);
  return `${printableLine(place)}, ${outcome} ${age} in ${secondsText(build.milliseconds)}`;
}

/** One line, or, of a step that was asked for by name, every change. */
function whyLines(
  { reasons = [], from }: StepReport,
  nameOf: (id: StepReport['id']) => string,
  all: boolean,
): readonly string[] {
  if (from !== undefined) return [`from ${from}`];
  if (reasons.length === 0) return [];
  const [first] = reasons;
  if (!all || first?.kind !== 'definition') return [reasonText(reasons, { nameOf, undecided: false })];
  const since = `since ${first.created}:`;
  return [since, ...first.changes.flatMap((change) => allOf(change)), ...inputLines()];

  function inputLines(): readonly string[] {
    const inputs = reasons.filter(({ kind }) => kind === 'inputs');
    return inputs.length === 0 ? [] : [reasonText(inputs, { nameOf, undecided: false })];
  }
}

function allOf(change: PartChange): readonly string[] {
  if (change.kind !== 'changed' || change.inside === undefined) return [changeText(change)];
  return change.inside.map(({ kind, path }) => `${kind}: ${path.join('/')}`);
}

function summaryText(steps: readonly StepReport[]): string {
  const counts = (['cached', 'done', 'failed', 'cancelled'] as const)
    .map((status) => ({ status, count: steps.filter((step) => step.status === status).length }))
    .filter(({ count }) => count > 0)
    .map(({ status, count }) => `${count} ${words[status]}`);
  return `${steps.length} ${steps.length === 1 ? 'step' : 'steps'}: ${counts.join(', ')}`;
}

function secondsText(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 100_000 ? 1 : 0)}s`;
}
