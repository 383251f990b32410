import { nearestName, TsbuildError } from '../../core/index.ts';
import type { Dockerfile, StageSyntax } from '../types.ts';
import { traceWord } from './expansion.ts';
import type { CheckOptions, FromFacts } from './types.ts';

/** The last stage of that name before `limit`. */
export function stageNamed(dockerfile: Dockerfile, name: string, limit: number): number | undefined {
  const wanted = name.toLowerCase();
  const index = dockerfile.stages.findLastIndex((stage) => stage.index < limit && stage.name === wanted);
  return index < 0 ? undefined : index;
}

/** Every FROM with its variables replaced, and the stage or image it means. */
export function fromFactsOf(
  dockerfile: Dockerfile,
  globals: ReadonlyMap<string, string>,
  base: CheckOptions['base'],
): readonly FromFacts[] {
  const { escape } = dockerfile.directives;
  const lookup = (name: string): string | undefined => globals.get(name);
  const earlier = new Map<string, number>();
  return dockerfile.stages.map((stage) => {
    const image = traceWord(stage.from.image, lookup, escape);
    const written = stage.from.platform;
    const platform = written === undefined ? undefined : traceWord(written, lookup, escape);
    const parent = image === undefined ? undefined : earlier.get(image.value.toLowerCase());
    if (stage.name !== undefined) earlier.set(stage.name, stage.index);
    const isImage = image !== undefined && parent === undefined && image.value.toLowerCase() !== 'scratch';
    const facts = isImage ? base?.(image.value, platform?.value) : undefined;
    return { stage, image, platform, parent, base: facts };
  });
}

/** The stages that one stage needs, itself first, then its base, then the sources of its files, each once. */
export function stagesNeeded(
  dockerfile: Dockerfile,
  froms: readonly FromFacts[],
  target: number,
): readonly number[] {
  const needed = new Set<number>();
  // A list instead of recursion: a file may chain thousands of stages.
  const pending = [target];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    const stage = dockerfile.stages[index];
    if (stage === undefined || needed.has(index)) continue;
    needed.add(index);
    const parent = froms[index]?.parent;
    pending.push(...sourceStages(dockerfile, stage).reverse(), ...(parent === undefined ? [] : [parent]));
  }
  return [...needed];
}

function sourceStages(dockerfile: Dockerfile, stage: StageSyntax): number[] {
  return stage.instructions.flatMap((instruction) => {
    const names =
      instruction.kind === 'copy'
        ? [instruction.from]
        : instruction.kind === 'run'
          ? instruction.mounts.map(
              (mount) => mount.options.findLast((option) => option.name === 'from')?.value,
            )
          : [];
    return names.flatMap((name) => {
      if (name === undefined) return [];
      const named = stageNamed(dockerfile, name, stage.index);
      const index = named ?? (/^\d{1,9}$/.test(name) ? Number(name) : stage.index);
      return index < stage.index ? [index] : [];
    });
  });
}

/** The index of the stage to build, by default the last. Throws STAGE_NOT_FOUND. */
export function targetIndex(dockerfile: Dockerfile, target: string | number | undefined): number {
  const { stages } = dockerfile;
  if (typeof target === 'number') return target;
  if (target === undefined || target === '') return stages.length - 1;
  const index = stageNamed(dockerfile, target, stages.length);
  if (index !== undefined) return index;
  const names = stages.flatMap((stage) => stage.name ?? []);
  const near = nearestName(target, names);
  throw new TsbuildError('STAGE_NOT_FOUND', `target stage ${JSON.stringify(target)} could not be found`, {
    hint: near === undefined ? 'stages are named by FROM … AS NAME' : `did you mean ${near}?`,
  });
}
