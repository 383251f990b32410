import type { StepReport } from '../../core/index.ts';
import type { LastBuild } from '../../ops/index.ts';
import { shortName } from '../plan/groups.ts';
import { reasonText } from '../plan/reason-text.ts';
import { asciiControls } from '../terminal-text.ts';

/** Changes with what a program that reads it may rely on (docs/explain.md). */
const formatVersion = 1;

export function explainJson(build: LastBuild, shown: readonly StepReport[]): string {
  const names = new Map(build.steps.map(({ id, name }) => [id, shortName(name)]));
  const { file, context, started, milliseconds, image } = build;
  const value = {
    version: formatVersion,
    file,
    context,
    started,
    milliseconds,
    image: image ?? null,
    steps: shown.map(({ id, name, status, milliseconds: time, from, reasons, usage }) => ({
      id,
      name,
      status,
      milliseconds: time,
      ...(from !== undefined && { from }),
      ...(reasons !== undefined && {
        why: reasonText(reasons, { nameOf: (input) => names.get(input) ?? input, undecided: false }),
        reasons,
      }),
      ...(usage !== undefined && { usage }),
    })),
  };
  return `${asciiControls(JSON.stringify(value, undefined, 2))}\n`;
}
