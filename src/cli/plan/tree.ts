import type { BuildForecast, StepForecast } from '../../plan.ts';
import { displayWidth, printableLine } from '../terminal-text.ts';
import { cut } from './cut.ts';
import {
  headingOf,
  reasonOf,
  shortNames,
  stageGroups,
  summaryText,
  wordOf,
  type StageGroup,
} from './groups.ts';
import type { NameOf } from './reason-text.ts';

/** How parts of the tree look; text for a file stays as it is. */
export type Paint = (look: 'heading' | 'dim' | StepForecast['outlook']['status'], text: string) => string;

export interface TreeOptions {
  /** Columns; undefined where lines may be of any length. */
  readonly width: number | undefined;
  readonly paint: Paint;
}

/** Narrower terminals wrap. */
const narrowest = 40;

/**
 * ```
 * build
 * ├─ cached  [1/2] FROM debian:12
 * └─ run     [2/2] COPY . .
 *            files changed
 *
 * 2 steps: 1 cached, 1 to run
 * ```
 */
export function treeText(forecast: BuildForecast, options: TreeOptions): string {
  const nameOf = shortNames(forecast);
  const shown = stageGroups(forecast)
    .map(({ heading, steps }) => ({ heading, steps: steps.filter(({ kind }) => kind !== 'scratch') }))
    .filter(({ steps }) => steps.length > 0);
  const statuses = shown.flatMap(({ steps }) => steps.map((step) => wordOf(step).length));
  const column = Math.max(0, ...statuses);
  const groups = shown.map((group) => groupText(group, { ...options, forecast, nameOf, column }));
  return `${groups.join('')}${groups.length === 0 ? '' : '\n'}${summaryText(forecast)}\n`;
}

interface Layout extends TreeOptions {
  readonly forecast: BuildForecast;
  readonly nameOf: NameOf;
  /** Width of the longest status. */
  readonly column: number;
}

function groupText({ heading, steps }: StageGroup, layout: Layout): string {
  const { paint, forecast } = layout;
  const isTarget = steps.some(({ id }) => forecast.targets.some((target) => target.id === id));
  const lines = steps.map((step, index) =>
    stepText(step, { ...layout, heading, last: index === steps.length - 1 }),
  );
  const mark = isTarget && heading !== undefined ? paint('dim', ' (target)') : '';
  return `${paint('heading', printableLine(heading ?? 'sources'))}${mark}\n${lines.join('')}`;
}

function stepText(
  step: StepForecast,
  layout: Layout & { readonly heading: string | undefined; readonly last: boolean },
): string {
  const { paint, nameOf, column, heading, last } = layout;
  const { status } = step.outlook;
  const word = wordOf(step);
  const width = layout.width === undefined ? Infinity : Math.max(layout.width, narrowest);
  const [branch, rest] = last ? ['└─ ', '   '] : ['├─ ', '│  '];
  const room = width - branch.length - column - 2;
  const taken = cut(takenFrom(step, layout), Math.floor(room / 2));
  const name = cut(nameIn(heading, step.name), room - displayWidth(taken));
  const shownName = status === 'unneeded' ? paint('dim', name) : name;
  const line = `${branch}${paint(status, word.padEnd(column))}  ${shownName}${paint('dim', taken)}\n`;
  const reason =
    word === 'new'
      ? ''
      : cut(
          reasonOf(step, (id) => nameIn(heading, nameOf(id))),
          room,
        );
  return reason === '' ? line : `${line}${rest}${' '.repeat(column + 2)}${paint('dim', reason)}\n`;
}

/** Inputs of other stages, which the order of the lines does not show. */
function takenFrom(
  { inputs }: StepForecast,
  { heading, forecast, nameOf }: Layout & { readonly heading: string | undefined },
): string {
  const others = inputs.filter(({ id }) => {
    const input = forecast.steps.find((step) => step.id === id);
    return input !== undefined && headingOf(input) !== heading && input.kind !== 'scratch';
  });
  const names = [...new Set(others.map(({ id }) => nameOf(id)))];
  return names.length === 0 ? '' : `  ← ${names.join(', ')}`;
}

/** Under the heading of its stage a step need not say it again: `[2/5] RUN make`. */
function nameIn(heading: string | undefined, name: string): string {
  const label = heading === undefined ? undefined : `[${heading} `;
  const short = label !== undefined && name.startsWith(label) ? `[${name.slice(label.length)}` : name;
  return printableLine(short);
}
