import { TsbuildError, type StepReport } from '../../core/index.ts';
import type { LastBuild } from '../../ops/index.ts';
import { shortName } from '../plan/groups.ts';

/**
 * The steps that a word stands for: a label (`build 2/5`, `build/2`, `2/5`, `2`), else part of a name in any case.
 * Throws USAGE when there is none.
 */
export function selectSteps({ steps }: LastBuild, word: string | undefined): readonly StepReport[] {
  if (word === undefined) return steps;
  const labelled = steps.filter(({ name }) => labelsOf(name).includes(word));
  if (labelled.length > 0) return labelled;
  const named = steps.filter(({ name }) => name.toLowerCase().includes(word.toLowerCase()));
  if (named.length > 0) return named;
  throw new TsbuildError('USAGE', `no step of that build is called ${JSON.stringify(word)}`, {
    hint: `there are ${steps.map(({ name }) => shortName(name)).join(', ')}`,
  });
}

function labelsOf(name: string): readonly string[] {
  const [, stage, position, count] = /^\[(?:(\S+) +)?(\d+)\/(\d+)\]/.exec(name) ?? [];
  if (position === undefined) return [];
  const short = [position, `${position}/${count}`];
  return stage === undefined ? short : [...short, `${stage} ${position}/${count}`, `${stage}/${position}`];
}
