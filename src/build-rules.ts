import { TsbuildError, type EmitBuildEvent } from './core/index.ts';
import type { PlanningOptions } from './build-options.ts';
import type { Dockerfile } from './dockerfile/types.ts';
import { planAll, type PlanOptions, type ResolveBase, type ResolveLayout } from './graph/index.ts';
import type { Platform } from './oci/index.ts';
import type { NotedSource, OpenedRules, SourceRules } from './policy/index.ts';

/** Loaded where they are asked for: most builds do without them. */
export async function rulesOf(
  options: PlanningOptions,
  onSource: ((source: NotedSource) => void) | undefined,
): Promise<OpenedRules | undefined> {
  if (options.sourcePolicy === undefined && options.lock === undefined && onSource === undefined)
    return undefined;
  const { notedRules, openSourceRules, sourceRules } = await import('./policy/index.ts');
  const opened = await openSourceRules(options);
  if (onSource === undefined) return opened;
  return {
    rules: notedRules(opened?.rules ?? sourceRules([]), onSource),
    fetching: (sources) => opened?.fetching(sources) ?? sources,
  };
}

export function ruledBase(resolve: ResolveBase, rules: SourceRules | undefined): ResolveBase {
  return rules === undefined ? resolve : async (name, platform) => resolve(rules.image(name), platform);
}

export function ruledLayout(resolve: ResolveLayout, rules: SourceRules | undefined): ResolveLayout {
  if (rules === undefined) return resolve;
  return async (place, platform) => {
    rules.layout(place);
    return resolve(place, platform);
  };
}

/** Each for what it tells on the way. One that cannot be planned (it needs other flags) is a warning: it is no target. */
export async function planStages(
  dockerfile: Dockerfile,
  platforms: readonly Platform[],
  { emit, ...options }: Omit<PlanOptions, 'platform'> & { readonly emit: EmitBuildEvent },
): Promise<void> {
  for (const { index, name = String(index) } of dockerfile.stages) {
    await planAll(dockerfile, platforms, { ...options, target: String(index) }).catch((error: unknown) => {
      if (!(error instanceof TsbuildError) || error.code === 'INTERRUPTED') throw error;
      const message = `stage ${name} cannot be planned, so what it takes may be missing: ${error.message}`;
      emit({ type: 'warning', message });
    });
  }
}
