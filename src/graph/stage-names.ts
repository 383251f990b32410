import { nearestName, TsbuildError } from '../core/index.ts';
import type { Dockerfile } from '../dockerfile/types.ts';
import type { PlanOptions } from './types.ts';

/** The last stage of that name before `limit`, without regard to case (L-101). */
export function stageIndex({ stages }: Dockerfile, name: string, limit: number): number | undefined {
  const wanted = name.toLowerCase();
  const index = stages.findLastIndex((stage) => stage.index < limit && stage.name === wanted);
  return index < 0 ? undefined : index;
}

export function stageNames({ stages }: Dockerfile, limit = stages.length): readonly string[] {
  return stages.flatMap((stage) => (stage.name !== undefined && stage.index < limit ? [stage.name] : []));
}

/** The stage of `--target`, else the last (L-110). Throws STAGE_NOT_FOUND. */
export function targetIndex(dockerfile: Dockerfile, target: string | undefined): number {
  const { stages } = dockerfile;
  if (target === undefined || target === '') return stages.length - 1;
  const index = stageIndex(dockerfile, target, stages.length);
  if (index !== undefined) return index;
  const names = stageNames(dockerfile);
  const near = nearestName(target, names);
  throw new TsbuildError('STAGE_NOT_FOUND', `target stage ${JSON.stringify(target)} could not be found`, {
    hint:
      near !== undefined
        ? `did you mean ${near}?`
        : names.length > 0
          ? `the stages are: ${names.join(', ')}`
          : 'no stage has a name: write FROM … AS name',
  });
}

/** Whether the cache is not to answer steps of this stage (C-06, C-07); stages without a name cannot be picked. */
export function ignoresCache(noCache: PlanOptions['noCache'], stage: string | undefined): boolean {
  return typeof noCache === 'boolean' ? noCache : stage !== undefined && noCache.has(stage);
}

/** Names of `--no-cache-filter` that no stage has. */
export function noCacheWarnings(dockerfile: Dockerfile, noCache: PlanOptions['noCache']): readonly string[] {
  if (typeof noCache === 'boolean') return [];
  const names = stageNames(dockerfile);
  return [...noCache]
    .filter((name) => !names.includes(name))
    .map((name) => {
      const near = nearestName(name, names);
      const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
      return `no stage is called ${JSON.stringify(name)}, whose cache is not to be used${hint}`;
    });
}
