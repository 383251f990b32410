import type { HookConfig, HooksConfig, HookStage } from '../../oci/runtime-spec.ts';
import { hookStages } from '../../oci/index.ts';

export function hasHooks(hooks: HooksConfig | undefined): boolean {
  return Object.values(hooks ?? {}).some((list) => list !== undefined && list.length > 0);
}

/** Stage by stage, in the order given; stages without hooks are left out. */
export function mergeHooks(all: readonly HooksConfig[]): HooksConfig {
  return Object.fromEntries(
    hookStages.flatMap((stage: HookStage): readonly (readonly [HookStage, readonly HookConfig[]])[] => {
      const hooks = all.flatMap((each) => each[stage] ?? []);
      return hooks.length === 0 ? [] : [[stage, hooks]];
    }),
  );
}
